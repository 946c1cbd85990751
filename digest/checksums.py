"""SHA-256 of large files: what is said of one beside it, what it is, and notes of what was looked at already.

Compares nothing: what to do about a file that differs is for its callers.
"""

import json
import logging
import re
from pathlib import Path
from typing import Any

from .atomic import put
from .errors import ConfigError
from .hooks import Watch, unwatched
from .largefiles import blocks, guarded, hashed

NOTES = "verified.json"
SUMS = "SHA256SUMS"
MOST = 64  #: files in the notes
LONGEST = 2**20  #: bytes of notes, or of a list of checksums

_LINE = re.compile(r"^\\?([0-9A-Fa-f]{64})(?:[ \t]+\*?(.+?))?\s*$", re.MULTILINE)

log = logging.getLogger(__name__)


def stated(path: Path) -> str | None:
    """
    The checksum that FILE.sha256 or SHA256SUMS beside a file gives for it; None where neither does.

    Raises:
        ConfigError: FILE.sha256 holds none, or one of them can't be read.
    """
    own = path.with_name(f"{path.name}.sha256")
    if (text := _text(own)) is not None:
        sums = listed(text)
        if found := sums.get(path.name) or (next(iter(sums.values())) if len(sums) == 1 else None):
            return found
        raise ConfigError(f"{own}: holds no SHA-256 of {path.name}", hint="write it anew, or remove the file")
    return listed(_text(path.with_name(SUMS)) or "").get(path.name)


def listed(text: str) -> dict[str, str]:
    r"""
    The checksums of a list as sha256sum makes it, by file name; a line of a checksum alone is by no name.

    Source: https://www.gnu.org/software/coreutils/manual/html_node/cksum-output-modes.html

    >>> [(name, found[:2]) for name, found in listed(f"{'a' * 64}  ./m.gguf\n{'B' * 64} *n.gguf\n").items()]
    [('m.gguf', 'aa'), ('n.gguf', 'bb')]
    """
    return {(name or "").removeprefix("./"): found.lower() for found, name in _LINE.findall(text)}


def known(path: Path, notes: Path, tell: Watch = unwatched) -> str:
    """
    The SHA-256 of a file; it is not read again while it is the one that was read before.

    Args:
        path: A plain file.
        notes: A folder; what is found is noted there, if it can be written.
        tell: Is told of megabytes.

    Raises:
        ConfigError: it can't be read.
    """
    with guarded(path):
        mark = _mark(path)
        place = str(path.resolve())
        if (noted := _noted(notes).get(place)) and noted.get("mark") == mark:
            return str(noted["sha256"])
        found = hashed(blocks([path]), tell, "verifying the model (MB)", path.stat().st_size)
        if _mark(path) == mark:
            note(path, found, notes)
    return found


def note(path: Path, sha256: str, notes: Path) -> None:
    """Remember what a file is, as it stands there now; where that can't be written it is looked at again."""
    try:
        found = _noted(notes)
        found.pop(place := str(path.resolve()), None)
        found = dict(list(found.items())[-MOST + 1 :]) | {place: {"mark": _mark(path), "sha256": sha256}}
        put(notes / NOTES, json.dumps(found, indent=1).encode())
    except OSError as error:
        log.debug("%s: %s", notes / NOTES, error.strerror or error)


def _mark(path: Path) -> list[int]:
    """What of a file changes with its content; the time of its node can't be set back."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _noted(notes: Path) -> dict[str, dict[str, Any]]:
    """The notes; without those that are none."""
    try:
        with (notes / NOTES).open("rb") as file:
            found = json.loads(file.read(LONGEST))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {place: one for place, one in found.items() if isinstance(one, dict) and _is_sha256(one.get("sha256"))}


def _is_sha256(text: object) -> bool:
    return isinstance(text, str) and re.fullmatch(r"[0-9a-f]{64}", text) is not None


def _text(path: Path) -> str | None:
    """What a small file says; None where there is none."""
    if not path.is_file():
        return None
    with guarded(path), path.open("rb") as file:
        return file.read(LONGEST).decode("utf-8-sig", errors="replace")
