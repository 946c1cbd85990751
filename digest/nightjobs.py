"""The jobs that run digest every night: lines of a crontab, units of systemd, a workflow of GitHub, an image of Docker.

Makes texts and says the commands that switch them on; writes and starts nothing.
"""

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from zlib import crc32

from . import provenance, timetable
from .errors import ConfigError
from .places import Place

LONGEST_COMMAND = 990  #: bytes that any cron takes


@dataclass(frozen=True, slots=True)
class File:
    """A file of a job."""

    path: Path  #: where it belongs, absolute
    text: str


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be written, and what the user does then."""

    files: tuple[File, ...]
    commands: tuple[str, ...]  #: for a shell, in their order
    notes: tuple[str, ...] = ()  #: what the user should know


# ---- cron ------------------------------------------------------------------------------------------------------


def cron(place: Place) -> Job:
    """
    Lines for a user's crontab, in the local time of the machine: Debian's cron knows no other in them.

    Source: crontab(5)
    """
    tag = f"digest {crc32(str(place.folder).encode('utf-8', 'surrogateescape')):08x}"
    out = timetable.midnights(place.zone, place.today)
    file = File(
        place.folder / "digest.cron",
        place.fill(
            "crontab.j2",
            tag=tag,
            folder=_of_one_line(str(place.folder)),
            zone=place.zone_name,
            times=timetable.clock_times(out),
            starts=timetable.starts(place.zone, place.today, timetable.minute(str(place.folder))),
            command=for_cron(place.folder, place.words),
        ),
    )
    # What is there stays; our own lines of an earlier time go.
    before = f"crontab -l 2>/dev/null | sed '/^# {tag} begin/,/^# {tag} end/d'"
    return Job((file,), (f"({before}; cat {shlex.quote(str(file.path))}) | crontab -", "crontab -l"))


#: What follows a command of cron: its log in a file, whose end is mailed where it failed, and its own exit code.
LOGGED = "--log lines >/dev/null 2>>digest.log || { code=$?; tail -n 20 digest.log; exit $code; }"


def for_cron(folder: Path, words: Sequence[str]) -> str:
    r"""
    A command line of crontab(5) that runs `words` in a folder, adds to its log and prints the log's end when it failed.

    >>> for_cron(Path("/a b"), ["/100%/digest", "run"]).partition(" --log")[0]
    "cd '/a b' && /100\\%/digest run"

    Raises:
        ConfigError: a path holds what a crontab can't.
    """
    line = f"cd {shlex.quote(str(folder))} && {shlex.join(words)} {LOGGED}"
    if "\\" in line or len(line.encode("utf-8", "surrogateescape")) > LONGEST_COMMAND:
        raise ConfigError(f"{folder}: a crontab can't hold this path", hint="choose a shorter one without backslash")
    return _of_one_line(line).replace("%", r"\%")


# ---- systemd ---------------------------------------------------------------------------------------------------


def systemd(place: Place) -> Job:
    """
    A service and its timer for the user's own manager.

    Source: systemd.service(5), systemd.timer(5), systemd.exec(5)
    """
    outside = [path for path in _written(place) if not path.is_relative_to(place.folder)]
    service = place.fill(
        "digest.service.j2",
        folder=_of_one_line(str(place.folder)).replace("%", "%%"),
        command=" ".join((_executable(place.words[0]), *map(for_systemd, place.words[1:]))),
        writable=" ".join(for_systemd(str(path), "") for path in (place.folder, *outside)),
    )
    timer = place.fill("digest.timer.j2", minute=timetable.minute(str(place.folder)))
    commands = (
        *([f"mkdir -p {shlex.join(map(str, outside))}"] if outside else []),
        "systemctl --user daemon-reload",
        "systemctl --user enable --now digest.timer",
        "loginctl enable-linger",
        "systemctl --user list-timers digest.timer",
    )
    notes = ("enable-linger lets it run while you are logged out; journalctl --user -u digest shows what it said",)
    return Job(
        (File(place.units / "digest.service", service), File(place.units / "digest.timer", timer)), commands, notes
    )


def for_systemd(word: str, variables: str = "$") -> str:
    r"""
    A word of a command or a list in a unit; `variables`: what begins one there.

    >>> print(for_systemd("/a b/100%"), for_systemd("run"), for_systemd('$"'))
    "/a b/100%%" run "$$\""

    Source: systemd.syntax(7), "QUOTING"; systemd.unit(5), "SPECIFIERS"
    """
    said = _of_one_line(word).replace("\\", "\\\\").replace("%", "%%").replace('"', '\\"')
    said = said.replace(variables, variables * 2) if variables else said
    return said if re.fullmatch(r"[\w@%+=:,./-]+", said, re.ASCII) else f'"{said}"'


def _executable(path: str) -> str:
    """The first word of a command: no variable is put in there, and no quote or backslash is taken."""
    if re.search(r"[\"'\\]", path):
        raise ConfigError(f"{path}: systemd starts no program of such a name", hint="install it in another folder")
    return for_systemd(path, "")


def _written(place: Place) -> Iterator[Path]:
    """Folders that a night writes into."""
    yield from (place.output, place.cache)
    if place.readme:
        yield place.readme.parent


# ---- GitHub ----------------------------------------------------------------------------------------------------


def github(place: Place) -> Job:
    """
    A workflow that makes, commits and, if asked, publishes the site, and opens its notice as an issue.

    Raises:
        ConfigError: what it writes is outside the repository.

    Source: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax
    """
    root = provenance.repository(place.folder)
    clone = provenance.is_clone(root)
    inside = _below(root, place.folder, "the folder of digest.toml")
    site = _below(root, place.output, "output")
    path = root / ".github/workflows/digest.yml"
    text = place.fill(
        "github.yml.j2",
        starts=timetable.starts(UTC, place.today, timetable.minute(str(place.folder))),
        times=timetable.clock_times(timetable.midnights(UTC, place.today)),
        python=place.python,
        pages=place.pages,
        clone=clone,
        requirement=for_yaml(f".{place.extra}" if clone else provenance.requirement(place.extra)),
        inside="" if inside == "." else for_yaml(inside),
        config=for_yaml(place.file.name),
        secrets=place.secrets,
        site=for_yaml(site),
        notice=for_yaml(f"{site}/notice.md"),
        cache=for_yaml(_below(root, place.cache, "cache")),
        readme=for_yaml(_below(root, place.readme, "readme")) if place.readme else "",
    )
    return Job((File(path, text),), tuple(_on_github(place, root, inside)), tuple(_about_github(clone)))


def _on_github(place: Place, root: Path, inside: str) -> Iterator[str]:
    here = place.folder.relative_to(root)
    added = [str(here / place.file.name), ".github/workflows/digest.yml"]
    added += [str(here / name) for name in ("prompts", "templates") if inside != "." and (place.folder / name).is_dir()]
    yield from (f"gh secret set {name}" for name in place.secrets)
    if place.pages:
        yield "gh api --method POST 'repos/{owner}/{repo}/pages' --field build_type=workflow"
    yield f"git -C {shlex.quote(str(root))} add --force {shlex.join(added)}"
    yield f"git -C {shlex.quote(str(root))} commit --message 'Run digest every night'"
    yield f"git -C {shlex.quote(str(root))} push"
    yield "gh workflow run digest.yml"


def _about_github(clone: bool) -> Iterator[str]:
    if not clone and " @ " not in (said := provenance.requirement()):
        yield f"the workflow installs {said} from the package index: see that it is there, or change that line"
    yield "a failed night is mailed by GitHub to whoever changed the schedule last"


def for_yaml(text: str) -> str:
    """
    A string of a workflow: JSON is YAML.

    Raises:
        ConfigError: GitHub would take it for an expression.
    """
    if "${{" in text:
        raise ConfigError(f"{text}: GitHub takes this for an expression", hint="choose another path")
    return json.dumps(_of_one_line(text), ensure_ascii=False)


def _below(root: Path, path: Path, what: str) -> str:
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        raise ConfigError(
            f"{what}: {path} is outside the repository {root}", hint="a workflow commits what is inside"
        ) from None


# ---- Docker ----------------------------------------------------------------------------------------------------


def docker(place: Place) -> Job:
    """
    A Dockerfile, and what its context leaves out.

    Source: https://docs.docker.com/reference/dockerfile/
    """
    clone = provenance.is_clone(place.folder)
    requirement = f".{place.extra}" if clone else provenance.requirement(place.extra)
    said = {"clone": clone, "requirement": requirement, "extra": place.extra, "python": place.python}
    files = (
        File(place.folder / "Dockerfile", place.fill("Dockerfile.j2", **said)),
        File(place.folder / ".dockerignore", place.fill("dockerignore.j2", **said)),
    )
    run = (
        'docker run --rm --user "$(id -u):$(id -g)" --stop-timeout 150 --read-only --tmpfs /tmp --cap-drop ALL'
        ' --security-opt no-new-privileges --volume "$PWD":/digest digest'
    )
    notes = () if clone or " @ " in requirement else (f"the image installs {requirement} from the package index",)
    return Job(files, (f"cd {shlex.quote(str(place.folder))}", "docker build --tag digest .", run), notes)


def _of_one_line(text: str) -> str:
    if re.search(r"[\x00-\x1f\x7f]", text):
        raise ConfigError(f"{text!r}: no job can hold this path", hint="choose one without control characters")
    return text


JOBS: Mapping[str, Callable[[Place], Job]] = {"cron": cron, "systemd": systemd, "github": github, "docker": docker}
