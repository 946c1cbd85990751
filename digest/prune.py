"""What nothing needs, removed: leftovers of every site and of the cache and, if told, replies that no edition names.

Removes no edition, no delivery mark and no page. What is a leftover is for leftovers.py to say.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from . import cache_rows, leftovers, money, schedule, sites, verify_cache
from .config import Config
from .engines import shelf
from .engines.claims import Claims
from .engines.jobs import Jobs
from .errors import BusyError, RecordError
from .hooks import Clock, Watch
from .leftovers import Leftover
from .models import Bill
from .store import Store


@dataclass(frozen=True, slots=True)
class Unused:
    """Paid replies that no saved edition names."""

    keys: frozenset[str]
    size: int  #: bytes, as they stand in the database
    bills: tuple[Bill, ...]  #: what they cost, by today's prices
    oldest: datetime
    newest: datetime
    before: datetime  #: all are older
    where: Path  #: below which all editions were looked through

    @property
    def count(self) -> int:
        """How many they are."""
        return len(self.keys)

    def record(self) -> dict[str, Any]:
        """The same for a machine."""
        paid = [bill.model_dump() for bill in self.bills]
        return {
            "count": self.count,
            "bytes": self.size,
            "paid": paid,
            "oldest": self.oldest.isoformat(),
            "newest": self.newest.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What may go."""

    leftovers: tuple[Leftover, ...]
    unused: Unused | None = None

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(one.size for one in self.leftovers) + (self.unused.size if self.unused else 0)


def plan(
    config: Config, clock: Clock, wall: float, watch: Watch, *, older_than: int | None = None, replies: bool = False
) -> Plan:
    """
    What may go; nothing is changed.

    Args:
        config: With all languages whose sites are to be looked at.
        clock: Now, UTC.
        wall: The time of day in seconds, as the file system has it.
        watch: Is told how far it is.
        older_than: Days: of replies, and of what a repair put aside.
        replies: Look for replies, too, that no edition names.

    Raises:
        RecordError: an edition can't be read, so that nobody knows which replies it needs; or the cache can't.
    """
    unused = None
    if replies and older_than and (config.cache / "cache.db").is_file():
        unused = _unused(config, clock() - timedelta(days=older_than), watch)
    return Plan(tuple(_leftovers(config, clock, wall, older_than)), unused)


def _leftovers(config: Config, clock: Clock, wall: float, older_than: int | None) -> Iterator[Leftover]:
    for site in sites.each(config):
        if (site.output / "editions").is_dir():
            yield from leftovers.of_site(site.output, Store(site.output).dates(), site.readme, wall)
    today = clock().astimezone(schedule.EASTERN).date()
    yield from leftovers.of_cache(config.cache, today, wall, older_than or leftovers.KEPT_ASIDE)
    yield from _done_batches(config.cache)


def _done_batches(folder: Path) -> Iterator[Leftover]:
    """Yield the batches on record all of whose replies are kept: a run was stopped before it took them off."""
    known = [(path, job) for path, job in Jobs(folder / "batches").all() if job is not None]
    if not known or not (folder / "cache.db").is_file():
        return
    kept = verify_cache.keys(folder)
    for path, job in known:
        if kept.issuperset(job.keys) and not path.is_symlink():
            yield Leftover(path, "record of a batch whose replies are all kept", leftovers.size_of(path))


def _unused(config: Config, before: datetime, watch: Watch) -> Unused | None:
    needed = _needed(config, watch)
    keys, size, bills, times = set[str](), 0, list[Bill](), list[datetime]()
    with cache_rows.opened(config.cache) as database:
        rows_in_all = cache_rows.total(database)
        for number, row in enumerate(cache_rows.rows(database)):
            if number % cache_rows.PAGE == 0:
                watch("reading", number, rows_in_all)
            if cache_rows.is_spending(row) or row.key in needed:
                continue
            try:
                reply = cache_rows.reply_in(row)
            except shelf.DAMAGED:
                continue  # that is for a repair
            if reply.created < before:
                keys.add(row.key)
                size += len(row.value)
                bills.append(money.bill_of(reply, money.cost_of(reply, config.price_table)))
                times.append(reply.created)
    if not keys:
        return None
    return Unused(frozenset(keys), size, money.merged(bills), min(times), max(times), before, config.output)


def _needed(config: Config, watch: Watch) -> set[str]:
    """The keys of all replies that an edition of any site in the output folder names, or a batch under way."""
    found: set[str] = set()
    for output in _outputs(config):
        store = Store(output)
        days = store.dates()
        for done, day in enumerate(days):
            watch("editions", done, len(days))
            if edition := store.load(day):
                found |= {one.key for one in money.origins(edition)}
    for path, job in Jobs(config.cache / "batches").all():
        if job is None:
            raise RecordError(f"{path}: a damaged record of a batch", hint="digest verify says what to do")
        found.update(job.keys)
    return found


def _outputs(config: Config) -> Sequence[Path]:
    """The output folder and all in it that hold editions, also of languages that are not configured any more."""
    places = [config.output, *sorted(path.parent for path in config.output.glob("*/editions") if path.is_dir())]
    return [path for path in places if (path / "editions").is_dir()]


def carry_out(config: Config, planned: Plan, watch: Watch) -> Plan:
    """
    Remove what was planned, as far as nothing needs it still; what went.

    Raises:
        BusyError: a run works on a site, or asks for replies; nothing was removed.
        ConfigError: something can't be removed.
    """
    with ExitStack() as held:
        for output in _outputs(config):
            held.enter_context(Store(output).locked())
        if planned.unused:
            claims = held.enter_context(Claims(config.cache))
            if not claims.alone():
                raise BusyError(f"{config.cache}: another run is asking for replies", hint="let it end, then prune")
        gone = tuple(one for one in planned.leftovers if leftovers.remove(one))
        unused = _drop(config, planned.unused, watch) if planned.unused else None
    return Plan(gone, unused)


def _drop(config: Config, planned: Unused, watch: Watch) -> Unused | None:
    """Remove replies, as far as nothing has come to need them since they were planned."""
    found = _unused(config, planned.before, watch)
    if found is None:
        return None
    keys = found.keys & planned.keys
    cache: Any = shelf.open_cache(config.cache)
    try:
        with cache.transact():
            cache._con.executemany("DELETE FROM Cache WHERE key = ? AND raw = 1", ((key,) for key in sorted(keys)))
        with suppress(sqlite3.OperationalError):  # no room to write it anew, or somebody reads: the next one may
            cache._con.execute("VACUUM")
    except shelf.TROUBLE as error:
        raise shelf.trouble(config.cache, error) from error
    finally:
        cache.close()
    return replace(found, keys=keys)
