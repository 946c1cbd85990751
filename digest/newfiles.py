"""New files where something may be already: refused, put aside under a free name, or made for one's own eyes.

Knows paths and texts; not what they mean.
"""

import os
from collections.abc import Iterable
from itertools import count
from pathlib import Path

from .atomic import guarded
from .errors import ConfigError


def holds(path: Path, text: str) -> bool:
    """Whether a file is there that says just this."""
    try:
        return path.read_bytes() == text.encode()
    except OSError:
        return False


def refuse_to_replace(paths: Iterable[Path], *, force: bool) -> None:
    """Stop before anything is written, if something is there."""
    for path in paths:
        if not force and os.path.lexists(path):
            raise ConfigError(f"{path}: is there already", hint=f"--force keeps it as {path.name}.old and writes anew")


def put_aside(path: Path) -> Path | None:
    """Move what is at `path` to a name beside it that is free; that name, or None where nothing is."""
    if not os.path.lexists(path):
        return None
    names = (path.with_name(f"{path.name}.old{number or ''}") for number in count())
    kept = next(one for one in names if not os.path.lexists(one))
    with guarded(path):
        path.rename(kept)
    return kept


def write_secrets(path: Path, text: str) -> bool:
    """Make the file of secrets, for its owner only; False where one is, which stays as it is."""
    with guarded(path):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return False
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    return True
