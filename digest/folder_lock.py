"""One run at a time on one output folder, and the note that a run leaves there as long as it works.

The system's lock keeps others out, so a dead process holds nothing; its note tells that it ended without a word.
"""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from .atomic import guarded
from .errors import BusyError
from .plaintext import one_line

if TYPE_CHECKING:
    from filelock import BaseFileLock

log = logging.getLogger(__name__)

LOCK = "editions/.lock"  #: below the output folder
NOTE = "editions/.run"
LONGEST_NOTE = 1000  #: bytes


@contextmanager
def locked(output: Path) -> Iterator[None]:
    """
    Keep every other run out of the output folder.

    Raises:
        BusyError: another run works on it.
    """
    place = output / LOCK
    with guarded(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = _acquired(place)
        if lock is None:
            raise BusyError(
                f"{output}: another run works on this folder{_whose(output)}",
                hint="let it end, then run this again; digest run --patience MINUTES waits for it",
            )
    try:
        _write_note(output)
        yield
    finally:
        with suppress(OSError):
            (output / NOTE).unlink(missing_ok=True)
        lock.release()


def left_behind(output: Path) -> str | None:
    """What a run that ended without a word was: killed, or the machine went down. It is told once."""
    if not (output / NOTE).exists() or (lock := _acquired(output / LOCK)) is None:
        return None
    try:
        said = _whose(output)
        (output / NOTE).unlink(missing_ok=True)
    except OSError as error:
        log.debug("%s: %s", output / NOTE, error)
        return None
    finally:
        lock.release()
    return f"{output}: an earlier run{said} ended without a word: it was killed, or the machine went down"


def _acquired(place: Path) -> "BaseFileLock | None":
    from filelock import FileLock, Timeout

    lock = FileLock(place, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return None
    return lock


def _write_note(output: Path) -> None:
    """In place: it says little, and must not fail a run for want of room."""
    note = {"pid": os.getpid(), "began": datetime.now(UTC).isoformat(timespec="seconds")}
    with suppress(OSError):
        (output / NOTE).write_text(json.dumps(note), encoding="ascii")


def _whose(output: Path) -> str:
    """Which process holds, or held, the folder, as far as its note says it."""
    try:
        note = json.loads((output / NOTE).read_bytes()[:LONGEST_NOTE])
        began = datetime.fromisoformat(note["began"])
        return f" (process {int(note['pid'])}, begun {began:%Y-%m-%d %H:%M} UTC)"
    except (OSError, ValueError, LookupError, TypeError) as error:
        log.debug("%s: %s", output / NOTE, one_line(str(error)))
        return ""
