"""One run at a time on one output folder, and the note that a run leaves there as long as it works.

The system's lock keeps others out, so a dead process holds nothing; its note tells that it ended without a word.
"""

import json
import logging
import os
import time
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
DEAD = "editions/.run-died"  #: the note of a run that did not come to take it away
BACKFILL = "editions/.backfill"  #: another lock, for the days that a backfill may take
PAGES = 120.0  #: seconds that a run waits for a backfill's pages
LOOK = 0.2  #: seconds between two looks whether they are made
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
        lock = _acquired(place) or _after_pages(output)
        if lock is None:
            raise BusyError(
                f"{output}: another run works on this folder{_whose(output / NOTE)}",
                hint="let it end, then run this again; digest run --patience MINUTES waits for it",
            )
    try:
        _keep_of_the_dead(output)
        _write_note(output)
        yield
    finally:
        with suppress(OSError):
            (output / NOTE).unlink(missing_ok=True)
        lock.release()


@contextmanager
def alone(output: Path) -> Iterator[None]:
    """
    Keep every other backfill out of the output folder; a run for a single date may work beside this one.

    Raises:
        BusyError: another backfill works on it.
    """
    place = output / BACKFILL
    with guarded(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = _acquired(place)
    if lock is None:
        raise BusyError(f"{output}: another backfill works on this folder", hint="let it end, then run this again")
    try:
        yield
    finally:
        lock.release()


def _after_pages(output: Path) -> "BaseFileLock | None":
    """The lock of a folder that a backfill works on: it holds it now and then, while it makes pages."""
    until = time.monotonic() + PAGES
    while time.monotonic() < until:
        backfill = _acquired(output / BACKFILL) if (output / BACKFILL).exists() else None
        if backfill is not None or not (output / BACKFILL).exists():
            if backfill is not None:
                backfill.release()
            return None
        time.sleep(LOOK)
        if lock := _acquired(output / LOCK):
            return lock
    return None


def left_behind(output: Path, *, take: bool = False) -> str | None:
    """What a run that ended without a word was: killed, or the machine went down; with `take` it is told once."""
    if (output / NOTE).exists() and (lock := _acquired(output / LOCK)) is not None:
        _keep_of_the_dead(output)
        lock.release()
    if not (output / DEAD).exists():
        return None
    said = _whose(output / DEAD)
    if take:
        with suppress(OSError):
            (output / DEAD).unlink()
    return f"{output}: an earlier run{said} ended without a word: it was killed, or the machine went down"


def _keep_of_the_dead(output: Path) -> None:
    """Put the note of a dead process aside, for the next run to tell of; called by who holds the lock."""
    with suppress(OSError):
        (output / NOTE).replace(output / DEAD)


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


def _whose(note: Path) -> str:
    """Which process holds, or held, the folder, as far as its note says it."""
    try:
        said = json.loads(note.read_bytes()[:LONGEST_NOTE])
        began = datetime.fromisoformat(said["began"])
        return f" (process {int(said['pid'])}, begun {began:%Y-%m-%d %H:%M} UTC)"
    except (OSError, ValueError, LookupError, TypeError) as error:
        log.debug("%s: %s", note, one_line(str(error)))
        return ""
