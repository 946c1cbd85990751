"""Whether something runs digest at night: the user's crontab, timers of systemd, workflows of GitHub.

Looks where jobs are kept and runs `crontab -l` without a shell; it starts no job, and can't see into a container.
"""

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..provenance import repository
from . import Check, Patient

SECONDS = 5.0  #: for crontab
INSTALL = "digest init --schedule cron (or systemd, github, docker) prints the job"
SYSTEM = Path("/etc/systemd/system")

_RUNS = re.compile(r"\bdigest\b[^\n]*?\s(?:run)\b")
_EXEC = re.compile(r"^ExecStart=.*$", re.MULTILINE)
_CRON = re.compile(r"^\s*-?\s*(?:schedule\s*:|cron\s*:)", re.MULTILINE)


def examine(patient: Patient) -> Iterator[Check]:
    """Yield what was found, in one line."""
    found: list[str] = []
    asleep: list[str] = []
    if lines := in_crontab(_crontab()):
        found.append(f"crontab: {lines[0]}")
    for folder in (patient.user / ".config/systemd/user", SYSTEM):
        for timer, enabled in timers(folder):
            (found if enabled else asleep).append(f"{timer} in {folder}")
    found += workflows(_roots(patient.config.home))
    yield verdict(found, asleep)


def verdict(found: list[str], asleep: list[str]) -> Check:
    """What to say of the jobs that were found, and of timers that are not enabled."""
    if found:
        return Check("schedule", "ok", "; ".join(found))
    if asleep:
        name = asleep[0].partition(" ")[0]
        mend = f"systemctl --user enable --now {name}"
        return Check("schedule", "note", f"{asleep[0]} is there, but not enabled", mend)
    return Check("schedule", "note", "no crontab, timer or workflow here runs digest; others can't be seen", INSTALL)


def _crontab() -> str:
    """The user's crontab; empty where there is none, or no cron."""
    program = shutil.which("crontab")
    if program is None:
        return ""
    try:
        done = subprocess.run([program, "-l"], capture_output=True, timeout=SECONDS, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


def in_crontab(text: str) -> list[str]:
    r"""
    The times at which a crontab runs digest.

    >>> in_crontab("# digest run\n17 6 * * 1-5 cd /srv/d && /opt/bin/digest run -q\n@daily digest run")
    ['17 6 * * 1-5', '@daily']
    """
    lines = (line.strip() for line in text.splitlines())
    jobs = (line.split() for line in lines if not line.startswith("#") and _RUNS.search(line))
    return [words[0] if words[0].startswith("@") else " ".join(words[:5]) for words in jobs]


def timers(folder: Path) -> Iterator[tuple[str, bool]]:
    """Yield the timers in a folder whose service runs digest, and whether each is enabled."""
    for timer in sorted(folder.glob("*.timer")):
        text = _text(timer)
        named = re.search(r"^Unit=(\S+)", text, re.MULTILINE)
        service = folder / (named[1] if named else f"{timer.stem}.service")
        if any(_RUNS.search(line) for line in _EXEC.findall(_text(service))):
            wants = (folder / f"{target}.wants" / timer.name for target in ("timers.target", "default.target"))
            yield timer.name, any(one.is_symlink() or one.exists() for one in wants)


def workflows(roots: Iterable[Path]) -> list[str]:
    """The workflows that run digest by a schedule."""
    files = (
        path for root in roots for ending in ("yml", "yaml") for path in root.glob(f".github/workflows/*.{ending}")
    )
    texts = ((path, _text(path)) for path in sorted(set(files)))
    return [str(path) for path, text in texts if _RUNS.search(text) and _CRON.search(text)]


def _roots(home: Path) -> list[Path]:
    """The folder of digest.toml and, if it lies in one, the repository's."""
    here = home.absolute()
    return list(dict.fromkeys((here, repository(here))))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")[: 1 << 18]
    except OSError:
        return ""
