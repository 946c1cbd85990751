"""The mending of what is kept: nothing is thrown away, what is damaged goes aside, and the price is told.

Changes the database and the files beside it, as cache_check.py finds them. It opens no pickle and asks for no reply.
"""

import base64
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from . import cache_check, cache_rows
from .atomic import guarded
from .engines import shelf
from .engines.claims import Claims
from .errors import BusyError, RecordError
from .hooks import Watch


@dataclass(frozen=True, slots=True)
class Repair:
    """What a repair did."""

    aside: tuple[Path, ...]  #: where the damaged rows, or the whole damaged file, are now
    removed: int | None  #: rows; None: the file is past reading, so all of them
    costs: int | None  #: requests, at most, that may be sent again


def repair(folder: Path, now: datetime, watch: Watch) -> Repair:
    """
    Put damaged and foreign rows into a file beside the database, and set right what else `verify` names.

    Where the file itself is damaged, what can be read of it goes into a new one, and the old one stays beside it.

    Raises:
        BusyError: another run uses the cache, and the file itself must be replaced.
        ConfigError, StorageError: the folder can't be written.
    """
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    try:
        found = cache_check.verify(folder, watch)
    except RecordError as error:
        found = cache_check.Findings(integrity=[str(error)])
    done = (_rebuilt if found.integrity else _cleaned)(folder, stamp, watch)
    return replace(done, aside=(*done.aside, *_orphans_aside(folder, stamp, found.orphans)))


def _cleaned(folder: Path, stamp: str, watch: Watch) -> Repair:
    aside = folder / f"damaged-{stamp}.jsonl"
    cache: Any = shelf.open_cache(folder)  # which sets the settings
    removed = costs = 0
    try:
        _drop_foreign(cache)
        for rowids, lines, requests in _faulty(folder, watch):
            _append(aside, lines)
            with cache.transact():
                cache._con.executemany("DELETE FROM Cache WHERE rowid = ?", ((one,) for one in rowids))
            removed, costs = removed + len(rowids), costs + requests
        with cache.transact():
            cache._con.execute("UPDATE Settings SET value = (SELECT COUNT(*) FROM Cache) WHERE key = 'count'")
    except shelf.TROUBLE as error:
        raise shelf.trouble(folder, error) from error
    finally:
        cache.close()
    return Repair((aside,) if removed else (), removed, costs)


def _faulty(folder: Path, watch: Watch) -> Iterator[tuple[list[int], list[str], int]]:
    """Yield the rows to go aside, some together: their numbers, their lines, how many may cost a request."""
    with cache_rows.opened(folder) as database:
        some: list[cache_rows.Row] = []
        rows_in_all = cache_rows.total(database)
        for number, row in enumerate(cache_rows.rows(database)):
            if number % cache_rows.PAGE == 0:
                watch("setting aside", number, rows_in_all)
            if cache_check.fault_of(row) is not None:
                some.append(row)
            if len(some) == cache_rows.PAGE:
                yield _as_aside(some)
                some = []
        if some:
            yield _as_aside(some)


def _as_aside(rows: list[cache_rows.Row]) -> tuple[list[int], list[str], int]:
    requests = sum(map(cache_check.has_request, rows))
    return [row.rowid for row in rows], [_line(row) for row in rows], requests


def _line(row: cache_rows.Row) -> str:
    """A row as it was, as JSON; bytes in base64."""
    fault = cache_check.fault_of(row)
    values = {name: _plain(getattr(row, name)) for name in ("rowid", "key", "raw", "mode", "filename", "value")}
    return json.dumps({"reason": fault.reason if fault else "", **values})


def _plain(value: object) -> object:
    return {"base64": base64.b64encode(value).decode("ascii")} if isinstance(value, bytes) else value


def _append(path: Path, lines: list[str]) -> None:
    """Write lines and see them on disk: the rows are removed next."""
    with guarded(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.writelines(line + "\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())


def _drop_foreign(cache: Any) -> None:
    """Take out what could change rows as we write them."""
    with cache.transact():
        for name in cache_check.foreign_objects(cache._con):
            kind, _, title = name.partition(":")
            quoted = title.replace('"', '""')
            cache._con.execute(f'DROP {kind} "{quoted}"')


def _rebuilt(folder: Path, stamp: str, watch: Watch) -> Repair:
    """A new file of what can be read of a damaged one, row by row; it takes the old one's place when it is whole."""
    with guarded(folder), Claims(folder) as claims:
        if not claims.alone():
            raise BusyError(f"{folder}: another run is asking for replies", hint="let it end, then run this again")
        fresh = folder / f"repair-{stamp}"
        lost = _save_rows(folder / "cache.db", fresh, watch)
        names = [name for name in ("cache.db-wal", "cache.db-shm", "cache.db") if (folder / name).exists()]
        aside = [(folder / name).rename(folder / f"{name}.damaged-{stamp}") for name in names]
        (fresh / "cache.db").rename(folder / "cache.db")
        for path in fresh.iterdir():
            path.unlink()
        fresh.rmdir()
    return Repair(tuple(aside), lost, lost)


def _save_rows(damaged: Path, fresh: Path, watch: Watch) -> int | None:
    """Put what can be read of a file into a new cache; how many rows are lost, None where that can't be known."""
    cache: Any = shelf.open_cache(fresh)
    lost = 0
    try:
        with closing(cache_rows.connected(damaged)) as database:
            numbers = sorted(_row_numbers(database))
            for nth, number in enumerate(numbers):
                if nth % cache_rows.PAGE == 0:
                    watch("saving replies", nth, len(numbers))
                row = _row(database, number)
                if row is None or cache_check.fault_of(row) is not None:
                    lost += 1
                else:
                    with cache.transact():
                        shelf.put(cache, [(row.key, cache_rows.value_in(row))])
    except sqlite3.DatabaseError:  # not even its tables can be found
        return None
    finally:
        cache.close()
    return lost


def _row_numbers(database: sqlite3.Connection) -> set[int]:
    """The numbers of all rows that the index, or the table from either end, still tells of."""
    numbers: set[int] = set()
    for way in ("INDEXED BY Cache_key_raw ORDER BY key, raw", "NOT INDEXED ORDER BY rowid", "ORDER BY rowid DESC"):
        with suppress(sqlite3.DatabaseError):
            numbers.update(number for (number,) in database.execute(f"SELECT rowid FROM Cache {way}"))  # noqa: S608
    return numbers


def _row(database: sqlite3.Connection, number: int) -> cache_rows.Row | None:
    try:
        found = database.execute(cache_rows.ONE, (number,)).fetchone()
    except sqlite3.DatabaseError:
        return None
    return found and cache_rows.Row(*found)


def _orphans_aside(folder: Path, stamp: str, names: list[str]) -> tuple[Path, ...]:
    """Move values that diskcache left outside its database out of its sight."""
    if not names:
        return ()
    aside = folder / f"orphans-{stamp}"
    with guarded(aside):
        aside.mkdir(mode=0o700, exist_ok=True)
        for name in names:
            (folder / name).rename(aside / name.replace("/", "-"))
    return (aside,)
