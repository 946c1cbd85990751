"""The files of a site as `digest serve` gives them out: only those below its folder, each with what tells its versions.

Reads; which names may be asked for at all is for serve_gate.py.
"""

import hashlib
import logging
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from . import serve_gate

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """A file of the site."""

    path: Path
    type: str  #: as in Content-Type
    content: bytes
    modified: datetime  #: UTC


def find(root: Path, parts: tuple[str, ...], closed: Iterable[Path] = ()) -> Path | None:
    """
    The file that a path stands for, wherever links lead; None where that is not below `root`, or is no plain file.

    Args:
        root: The folder of the site.
        parts: As from serve_gate.path_parts.
        closed: Folders whose files are not given out, even where they are below `root`.
    """
    if serve_gate.content_type(parts[-1]) is None:
        return None
    try:
        home = root.resolve(strict=True)
        path = home.joinpath(*parts).resolve(strict=True)
        inside = path.relative_to(home).as_posix()
        if serve_gate.path_parts(f"/{quote(inside)}") is None or not stat.S_ISREG(path.stat().st_mode):
            return None
    except (OSError, ValueError, RuntimeError):  # not there, not below it, or links in a circle
        return None
    return None if any(path.is_relative_to(folder.resolve()) for folder in closed) else path


def is_folder(root: Path, parts: tuple[str, ...]) -> bool:
    """Whether a path that names no file names a folder of the site that has a page."""
    return find(root, (*parts, "index.html")) is not None


def read(path: Path) -> Found | None:
    """The file, or None if it is gone or can't be read."""
    kind = serve_gate.content_type(path.name)
    try:
        content, modified = path.read_bytes(), path.stat().st_mtime
    except OSError as error:
        log.warning("%s: %s", path, error.strerror)
        return None
    return Found(path, kind or "", content, datetime.fromtimestamp(int(modified), UTC))


def tag(content: bytes, *beside: bytes) -> str:
    """The strong ETag of what is sent, without its quotes: of a file, and of what is put into it."""
    found = hashlib.sha256(content)
    for one in beside:
        found.update(hashlib.sha256(one).digest())
    return found.hexdigest()[:32]
