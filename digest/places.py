"""Where a nightly job is made: what digest.toml and the machine there say of it, and what a job will not know.

Looks; the texts of jobs are for nightjobs.py.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from . import envfile
from .config import Config
from .render.environment import fill, text_environment
from .resources import folders

RUN = ("run", "--catch-up", "--patience", "60")
LOCALTIME = Path("/etc/localtime")  #: by which cron goes, whatever TZ says in the user's shell


@dataclass(frozen=True, slots=True)
class Place:
    """Where a job is made, and what the machine there says; paths are absolute."""

    config: Config  #: of `file`, read by its absolute path
    file: Path  #: digest.toml
    program: tuple[str, ...]  #: the words that start this program
    today: date
    zone: tzinfo  #: of this machine's clocks
    zone_name: str
    units: Path  #: the folder of the user's own units of systemd
    python: str  #: such as "3.13"
    pages: bool = False  #: whether a workflow publishes the site

    @property
    def folder(self) -> Path:
        """Where digest.toml is."""
        return self.file.parent

    @property
    def output(self) -> Path:
        """The site; what digest.toml leaves out is in the folder that a night starts in, which is its own."""
        return self.folder / self.config.output

    @property
    def cache(self) -> Path:
        """Replies that were paid for."""
        return self.folder / self.config.cache

    @property
    def readme(self) -> Path | None:
        """A file of the user's in which blocks are written."""
        return self.folder / self.config.readme if self.config.readme else None

    @property
    def words(self) -> tuple[str, ...]:
        """The command of a night, for a process that starts in `folder`."""
        named = () if self.file.name == "digest.toml" else ("--config", self.file.name)
        return (*self.program, *RUN, *named)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Variables that a night may need."""
        found = self.config
        second = (found.engine.fallback.api_key_env,) if found.engine.fallback else ()
        smtp = (found.smtp.password_env,) if found.smtp and found.smtp.user else ()
        receivers = (one.url_env for one in found.deliver if one.url_env)
        cluster = (one.api_key_env for one in found.engine.endpoint if one.api_key_env)
        return tuple(dict.fromkeys((found.engine.api_key_env, *cluster, *second, *smtp, *receivers)))

    @property
    def extra(self) -> str:
        """What of the program is wanted beside its core."""
        return "[deliver]" if any(one.url_env for one in self.config.deliver) else ""

    def fill(self, template: str, **values: object) -> str:
        """A template of init/ with `values` in it."""
        environment = text_environment(folders("templates", self.folder))
        return fill(environment, f"init/{template}", "en", **values)


def missing(place: Place, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield what is set in an environment and will not be where a job starts: without it."""
    secrets = place.folder / envfile.NAME
    held = envfile.read(secrets)
    service = place.config.service
    wanted = [name for name in place.secrets if name not in held and (service is None or service.key)]
    here = [name for name in environment if name.startswith(("DIGEST_", "OPENAI_BASE_URL")) and environment[name]]
    yield from (f"a job knows nothing of this shell: write {name}=... into {secrets}" for name in wanted)
    others = sorted({*here} - {*held, *wanted, "DIGEST_CONFIG", "DIGEST_ENV_FILE", "DIGEST_NOW"})
    yield from (
        f"{name} is set here, not for the job: write it into {secrets}, or its meaning into {place.file.name}"
        for name in others
    )


def program() -> tuple[str, ...]:
    """The words that start this program from anywhere: the command beside the interpreter, else its module."""
    command = Path(sys.executable).with_name("digest")
    return (str(command),) if command.is_file() else (sys.executable, "-m", "digest")


def local_zone(path: Path) -> tuple[tzinfo, str]:
    """The zone of this machine's clocks, and its name; UTC where it has none."""
    try:
        with path.open("rb") as file:
            zone = ZoneInfo.from_file(file)
        _, found, name = str(path.resolve()).partition("zoneinfo/")
    except (OSError, ValueError):
        return UTC, "UTC"
    return zone, name if found else "this machine's time"
