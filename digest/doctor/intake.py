"""What digest.toml asks for: the file, its secrets, what is collected, in which languages.

Opens no file but to look at its mode; what the file says has been read before.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ..envfile import NAME
from ..plaintext import counted
from . import Check, Patient

FOLLOW = 'categories = ["cs.CV"] in digest.toml, or digest init --category cs.CV'


def examine(patient: Patient) -> Iterator[Check]:
    """Yield the file, the file of secrets if there is one, and what is asked for."""
    config = patient.config
    said = f"{config.file}: valid" if config.file else "no digest.toml: defaults, flags and variables"
    yield Check("config", "ok", said)
    told = patient.environment.get("DIGEST_ENV_FILE")
    path = Path(told) if told else config.home / NAME
    if path.is_file():
        yield Check("secrets", "ok", f"{path}: {_mode(path)}")
    yield asked(patient)


def _mode(path: Path) -> str:
    """Who may read a file; a file that others may read is refused before this."""
    if os.name != "posix":
        return "read"
    return f"read, for its owner only ({stat.S_IMODE(path.stat().st_mode):04o})"


def asked(patient: Patient) -> Check:
    """What is collected."""
    config = patient.config
    parts = [" ".join(config.categories)] if config.categories else []
    parts += [counted(len(config.section), "keyword section")] if config.section else []
    if not parts:
        return Check("papers", "wrong", "neither a category nor a keyword is asked for", FOLLOW)
    parts += [f"{counted(len(config.authors), 'author')} followed"] if config.authors else []
    parts += [f"in {', '.join(config.languages)}"]
    return Check("papers", "ok", ", ".join(parts))
