"""The folders: room for the nights to come, whether they can be written and locked, and the cache's health.

Writes one small file in each place and removes it; reads no reply.
"""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from .. import cache_rows
from ..atomic import NO_ROOM, guarded, put
from ..cache_check import foreign_objects
from ..config import Config
from ..engines import shelf
from ..errors import DigestError, RecordError
from ..plaintext import one_line
from ..store import Store
from . import Check, Mark, Patient, failed

USUAL = 12_000_000  #: bytes of a night before there is one to measure: 300 papers in one language
NIGHTS = 3, 30  #: with room for fewer it is wrong, or worth a note
SAMPLED = 5  #: of the newest days, to measure a night by
REPAIR = "digest cache verify --repair saves what can be read"
MINE = f".digest-doctor.{os.getpid()}"  #: begins the names of the files that are written and removed


def examine(patient: Patient) -> Iterator[Check]:
    """Yield room, write access, locks and the cache."""
    config = patient.config
    with guarded(config.output):
        yield _room(config)
    places = {"output": config.output, "cache": config.cache}
    for name, folder in places.items():
        yield attempted(name, folder, _write, "can be written")
    yield attempted("locks", config.output, _lock, "a second run is kept out")
    if config.store_url is None:  # else nothing that a run needs is there
        yield _health(config.cache)


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next((one for one in (folder, *folder.absolute().parents) if one.exists()), folder)


# ------------------------------------------------------------------------------------------ room


@dataclass(frozen=True, slots=True)
class Room:
    """Free bytes of one file system, and which of our folders are on it."""

    free: int
    names: tuple[str, ...]
    night: int  #: bytes that a night takes there


def _room(config: Config) -> Check:
    sites = {tag: config.in_language(tag).output for tag in config.languages}
    site = sum(_night_on_site(Store(output)) for output in sites.values())
    cache = _night_in_cache(config)
    needs: dict[int, list[tuple[str, Path, int]]] = {}
    for name, folder, need in (("output", config.output, site), ("cache", config.cache, cache)):
        needs.setdefault(existing(folder).stat().st_dev, []).append((name, existing(folder), need))
    rooms = (
        Room(shutil.disk_usage(on[0][1]).free, tuple(name for name, _, _ in on), sum(need for _, _, need in on))
        for on in needs.values()
    )
    return room(
        min(rooms, key=lambda one: one.free / one.night), measured=any(Store(one).dates() for one in sites.values())
    )


def room(there: Room, *, measured: bool) -> Check:
    """What the scarcest file system has room for."""
    nights = there.free // max(1, there.night)
    how = "" if measured else ", as far as is known before the first"
    fact = f"{_size(there.free)} free for {' and '.join(there.names)}; a night takes about {_size(there.night)}{how}"
    if nights >= NIGHTS[1]:
        return Check("room", "ok", fact)
    mark: Mark = "wrong" if nights < NIGHTS[0] else "note"
    return Check("room", mark, f"{fact}: enough for {nights}", "make room, or move output and cache to a larger disk")


def _size(number: int) -> str:
    """
    Bytes in a unit that people use.

    >>> _size(1_234_567), _size(56_000_000_000), _size(10_000)
    ('1.2 MB', '56.0 GB', '0.0 MB')
    """
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.1f} MB"


def _night_on_site(store: Store) -> int:
    """Bytes of a usual day: its record, its pages and its head."""
    days = store.dates()[:SAMPLED]
    return max(1, sum(_bytes_of(store, day) for day in days) // len(days)) if days else USUAL // 2


def _bytes_of(store: Store, day: date) -> int:
    files = [store.path(day), store.path(day).parent / ".heads" / f"{day}.json"]
    files += (store.output / str(day)).glob("*")
    return sum(path.stat().st_size for path in files if path.is_file())


def _night_in_cache(config: Config) -> int:
    """Bytes of the replies to a usual day's papers, and of what arXiv answers on it."""
    days = max((len(Store(config.in_language(tag).output).dates()) for tag in config.languages), default=0)
    kept = sum(path.stat().st_size for path in config.cache.glob("cache.db*") if path.is_file())
    return max(1, kept // days if days and kept else USUAL // 2)


# ------------------------------------------------------------------------------------------ writing and locking


def attempted(name: str, folder: Path, attempt: Callable[[Path], str | None], good: str) -> Check:
    """Whether something can be done in a folder, or above it where it is still to be made."""
    place = existing(folder)
    made = "" if place == folder else " (not made yet)"
    try:
        if not place.is_dir():
            raise NotADirectoryError(f"{place} is no folder")
        doubt = attempt(place)
    except OSError as error:
        fact = f"{folder}: {error.strerror or error}"
        if error.errno in NO_ROOM:
            return Check(name, "wrong", fact, "make room there")
        return Check(name, "wrong", fact, f"mend who may write there, or choose another folder{_flag(name)}")
    if doubt:
        return Check(name, "wrong", f"{folder}: {doubt}", f"choose a folder on a local disk{_flag(name)}")
    return Check(name, "ok", f"{folder}{made}: {good}")


def _flag(name: str) -> str:
    return ": --cache" if name == "cache" else ": --output"


def _write(folder: Path) -> None:
    """Write a small file as a run does, and remove it."""
    try:
        put(folder / MINE, bytes(1 << 16))
    finally:
        with contextlib.suppress(OSError):
            (folder / MINE).unlink(missing_ok=True)


def _lock(folder: Path) -> str | None:
    """What is wrong with the file system's locks, or None: whether a lock that is held keeps another out."""
    from filelock import FileLock, Timeout

    path = folder / f"{MINE}.lock"
    first, second = (FileLock(path, timeout=0, fallback_to_soft=False) for _ in range(2))
    try:
        with first.acquire():
            try:
                second.acquire()
            except Timeout:
                return None
            second.release()
            return "a lock keeps nobody out there"
    except NotImplementedError:
        return "the file system knows no locks"
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


# ------------------------------------------------------------------------------------------ the cache


def _health(folder: Path) -> Check:
    """A quick look at the database: its file, its settings, what is not ours in it."""
    try:
        with guarded(folder):
            if not (folder / "cache.db").is_file():
                return Check("replies", "ok", f"none are kept in {folder} yet")
        with cache_rows.opened(folder, traceless=True) as database:
            said = [one_line(str(line)) for (line,) in database.execute("PRAGMA quick_check(3)") if line != "ok"]
            if said:
                raise RecordError(f"{folder}/cache.db: damaged: {'; '.join(said)}", hint=REPAIR)
            replies = cache_rows.reply_total(database)
            return health(folder, replies, [*_settings(database), *map(_named, foreign_objects(database))])
    except DigestError as error:
        return failed("replies", error, REPAIR)


def health(folder: Path, replies: int, faults: list[str]) -> Check:
    """What a database that can be read says."""
    if faults:
        return Check("replies", "note", f"{folder}: {'; '.join(faults)}", "digest cache verify --repair sets it right")
    return Check("replies", "ok", f"{replies:,} kept in {folder}; the file is sound")


def _settings(database: sqlite3.Connection) -> list[str]:
    has = dict(database.execute("SELECT key, value FROM Settings"))
    wrong = (name for name, value in shelf.SETTINGS.items() if has.get(name) != value)
    return [f"its setting {name} would lose replies or time" for name in wrong]


def _named(thing: str) -> str:
    return f"{one_line(thing)[:60]} in it is not ours"
