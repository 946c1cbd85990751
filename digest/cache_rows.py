"""All kept replies, one after the other: the database as it stands, and what there is in it.

Only reads, and believes no row. It asks nothing and judges no reply.
"""

import json
import logging
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .atomic import guarded
from .engines import shelf
from .errors import ConfigError
from .hooks import Watch
from .models import Completion
from .plaintext import one_line

log = logging.getLogger(__name__)

PAGE = 500  #: rows read in one go
MOST_NAMED = 1000  #: of rows or lines that something is wrong with; the rest is counted

KEY = re.compile(r"[0-9a-f]{64}")
_COLUMNS = "rowid, key, raw, mode, filename, CASE WHEN length(value) <= 33554432 THEN value END"
_SOME = f"SELECT {_COLUMNS} FROM Cache WHERE rowid > ? ORDER BY rowid LIMIT ?"  # noqa: S608
ONE = f"SELECT {_COLUMNS} FROM Cache WHERE rowid = ?"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the database, as it stands there."""

    rowid: int
    key: Any
    raw: Any
    mode: Any
    filename: Any
    value: Any


@contextmanager
def opened(folder: Path, *, traceless: bool = False) -> Iterator[sqlite3.Connection]:
    """
    The database in `folder`, to be read only; also one that a run is writing to, or on a disk that can't be written.

    Args:
        folder: Of the cache.
        traceless: For a short look that leaves no file of SQLite's behind where no run is writing.

    Raises:
        ConfigError: there is none.
        RecordError: it is damaged as a whole.
    """
    path = folder / "cache.db"
    with guarded(path):
        if not path.is_file():
            raise ConfigError(f"{folder}: no replies are kept here", hint="choose another folder: --cache")
    try:
        database = connected(path, traceless=traceless)
        try:
            yield database
        finally:
            database.close()
    except sqlite3.Error as error:
        raise shelf.trouble(folder, error) from error


def connected(path: Path, *, traceless: bool = False) -> sqlite3.Connection:
    """The database at `path`, read only."""
    address = f"file:{quote(str(path.absolute()))}?mode=ro"
    as_it_stands = f"{address}&immutable=1"  # a folder that can't be written has no room for SQLite's index
    for how in (as_it_stands,) if traceless and not _has_log(path) else (address, as_it_stands):
        database = sqlite3.connect(how, uri=True, timeout=30)
        try:
            database.execute("PRAGMA trusted_schema = OFF")
            database.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            database.close()
            if "unable to open" in str(error) and not _has_log(path) and how == address:
                continue
            raise
        database.text_factory = _text
        return database
    raise AssertionError("the second way opens or raises")


def _has_log(path: Path) -> bool:
    log_file = path.with_name(f"{path.name}-wal")
    return log_file.exists() and log_file.stat().st_size > 0


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def rows(database: sqlite3.Connection) -> Iterator[Row]:
    """Yield every row in the order of writing; no lock is held between two pages of them."""
    last = -(2**63)
    while page := database.execute(_SOME, (last, PAGE)).fetchall():
        yield from (Row(*one) for one in page)
        last = page[-1][0]


def total(database: sqlite3.Connection) -> int:
    """How many rows there are, for a display of progress."""
    return int(database.execute("SELECT COUNT(*) FROM Cache INDEXED BY Cache_key_raw").fetchone()[0])


def reply_total(database: sqlite3.Connection) -> int:
    """How many replies there are, unread; a day's spending is none."""
    days = database.execute("SELECT COUNT(*) FROM Cache WHERE key >= 'spent/' AND key < 'spent0' AND raw = 1")
    return total(database) - int(days.fetchone()[0])


def is_spending(row: Row) -> bool:
    """Whether a row counts a day's spending."""
    return type(row.key) is str and row.key.startswith(shelf.SPENT)


def reply_in(row: Row) -> Completion:
    """
    The reply in a row.

    Raises:
        ValueError, KeyError, TypeError, zlib.error, RecursionError: it holds none of ours; the message says why.
    """
    if row.raw != 1 or type(row.key) is not str or not KEY.fullmatch(row.key):
        raise ValueError("a foreign key")
    return shelf.from_record(value_in(row))


def value_in(row: Row) -> Any:
    """What a row of ours holds; see `reply_in`."""
    if row.mode == 4:
        raise ValueError("a pickle, which is not opened")
    if row.filename is not None:
        raise ValueError("a value outside the database")
    return shelf.unpacked(row.mode, row.filename, row.value)


def reason(error: BaseException) -> str:
    """Why a row or a line is refused, on one line and without its content."""
    if isinstance(error, KeyError):
        return f"{error.args[0]}: missing"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeError):
        return "text that is no UTF-8"
    if isinstance(error, json.JSONDecodeError):
        return "no JSON"
    return one_line(str(error))[:200] or type(error).__name__


# ------------------------------------------------------------------------------------------ what there is


@dataclass
class Model:
    """The replies of one model."""

    engine: str
    model: str
    replies: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None

    def add(self, reply: Completion) -> None:
        """With one reply more."""
        self.replies += 1
        self.prompt_tokens += reply.prompt_tokens or 0
        self.completion_tokens += reply.completion_tokens or 0
        self.oldest = min(self.oldest or reply.created, reply.created)
        self.newest = max(self.newest or reply.created, reply.created)


@dataclass
class Stock:
    """What is kept."""

    size: int = 0  #: bytes on disk
    replies: int = 0
    unreadable: int = 0  #: rows that are no replies of ours
    models: dict[tuple[str, str], Model] = field(default_factory=dict)

    def add(self, reply: Completion) -> None:
        """With one reply more."""
        self.replies += 1
        name = (one_line(reply.engine), one_line(reply.model))
        self.models.setdefault(name, Model(*name)).add(reply)


def stock(folder: Path, watch: Watch) -> Stock:
    """What is kept in `folder`: nothing, where there is no such folder yet."""
    found = Stock()
    if not (folder / "cache.db").exists():
        return found
    with opened(folder) as database:
        for _, reply in replies(database, watch, found):
            found.add(reply)
    with guarded(folder):
        found.size = sum(path.stat().st_size for path in folder.glob("cache.db*") if path.is_file())
    return found


def replies(database: sqlite3.Connection, watch: Watch, count: Any) -> Iterator[tuple[str, Completion]]:
    """Yield the readable replies with their keys, oldest first; what is none adds to `count.unreadable`."""
    rows_in_all = total(database)
    for number, row in enumerate(rows(database)):
        if number % PAGE == 0:
            watch("reading", number, rows_in_all)
        if is_spending(row):
            continue
        try:
            reply = reply_in(row)
        except shelf.DAMAGED as error:
            log.debug("row %d: %s", row.rowid, reason(error))
            count.unreadable += 1
            continue
        yield row.key, reply
