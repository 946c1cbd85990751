"""Whether all that is kept can be relied on: every row, the file, its settings, the files beside it.

Names what is wrong and why, and changes nothing; the mending is in cache_repair.py. It opens no pickle.
"""

import re
import sqlite3
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from . import cache_rows
from .atomic import guarded
from .engines import shelf
from .hooks import Watch
from .plaintext import one_line

#: of diskcache; any other could change rows as we write them
TRIGGERS = tuple(
    f"Settings_{what}" for what in ("count_insert", "count_delete", "size_insert", "size_update", "size_delete")
)
ORPHAN = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]+\.val")  #: a value that diskcache keeps outside its database


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that is no reply of ours."""

    row: int
    key: str
    reason: str


@dataclass
class Findings:
    """What a look at everything found."""

    replies: int = 0
    days: int = 0  #: whose spending is counted
    damaged: int = 0  #: rows with the key of a request: each may cost one request
    foreign: int = 0  #: rows that are of no use to us: they cost nothing
    faults: list[Fault] = field(default_factory=list)  #: the first of them
    integrity: list[str] = field(default_factory=list)  #: what SQLite says against its file
    settings: list[str] = field(default_factory=list)  #: that would evict; a run sets them right
    objects: list[str] = field(default_factory=list)  #: triggers and views that are not ours
    orphans: list[str] = field(default_factory=list)  #: files that no row of ours needs

    @property
    def sound(self) -> bool:
        """Whether there is nothing to mend."""
        return not (self.integrity or self.settings or self.objects or self.orphans or self.damaged or self.foreign)


def verify(folder: Path, watch: Watch) -> Findings:
    """
    Look at every row, at the file as SQLite sees it, at its settings and at the files beside it; change nothing.

    Raises:
        ConfigError: there is no cache.
        RecordError: the file is no database, or its tables can't be found.
    """
    found = Findings()
    with cache_rows.opened(folder) as database:
        watch("checking the file", 0, 0)
        found.integrity = _integrity(database)
        found.objects = foreign_objects(database)
        try:
            found.settings = _settings(database)
            _look_at_rows(database, found, watch)
        except sqlite3.DatabaseError as error:
            found.integrity = found.integrity or [str(error)]
    with guarded(folder):
        found.orphans = sorted(
            name for path in folder.glob("*/*/*.val") if ORPHAN.fullmatch(name := path.relative_to(folder).as_posix())
        )
    return found


def _integrity(database: sqlite3.Connection) -> list[str]:
    try:
        said = [str(line) for (line,) in database.execute("PRAGMA integrity_check(20)")]
    except sqlite3.DatabaseError as error:
        return [str(error)]
    return [one_line(line) for text in said for line in text.splitlines() if line != "ok"]


def foreign_objects(database: sqlite3.Connection) -> list[str]:
    """Triggers and views that are not diskcache's, as kind:name."""
    rows = database.execute("SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'view')")
    return [f"{kind}:{name}" for kind, name in rows if kind == "view" or name not in TRIGGERS]


def _settings(database: sqlite3.Connection) -> list[str]:
    has = dict(database.execute("SELECT key, value FROM Settings"))
    return [
        f"{name} is {one_line(str(has.get(name, 'missing')))[:40]}, should be {value}"
        for name, value in shelf.SETTINGS.items()
        if has.get(name) != value
    ]


def _look_at_rows(database: sqlite3.Connection, found: Findings, watch: Watch) -> None:
    rows_in_all = cache_rows.total(database)
    for number, row in enumerate(cache_rows.rows(database)):
        if number % cache_rows.PAGE == 0:
            watch("checking replies", number, rows_in_all)
        if (fault := fault_of(row)) is not None:
            found.damaged += has_request(row)
            found.foreign += not has_request(row)
            if len(found.faults) < cache_rows.MOST_NAMED:
                found.faults.append(fault)
        elif cache_rows.is_spending(row):
            found.days += 1
        else:
            found.replies += 1
    counted = database.execute("SELECT value FROM Settings WHERE key = 'count'").fetchone()
    actual = cache_rows.total(database)
    if counted is not None and counted[0] != actual and not found.integrity:
        found.settings.append(f"count is {one_line(str(counted[0]))[:40]}, should be {actual}")


def fault_of(row: cache_rows.Row) -> Fault | None:
    """What is wrong with a row, or None."""
    try:
        if cache_rows.is_spending(row):
            shelf.from_spent_record(cache_rows.value_in(row))
            datetime.strptime(row.key, f"{shelf.SPENT}%Y-%m-%d")  # noqa: DTZ007
        else:
            cache_rows.reply_in(row)
    except shelf.DAMAGED as error:
        key = row.key if type(row.key) is str else type(row.key).__name__
        return Fault(row.rowid, one_line(key)[:80], cache_rows.reason(error))
    return None


def has_request(row: cache_rows.Row) -> bool:
    """Whether a row has the key of a request, so that without it the request may be sent again."""
    return type(row.key) is str and cache_rows.KEY.fullmatch(row.key) is not None
