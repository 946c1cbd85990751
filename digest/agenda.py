"""Which announcement dates a call is about: the one named, the newest, those that were missed.

Looks at the calendar and at what is on file; fetches nothing and writes nothing.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from . import history, listings, schedule, selection
from .config import Config
from .errors import ConfigError, RecordError, SourceError
from .hooks import Clock
from .store import Store

FIRST_DAY = date(1991, 8, 14)  #: arXiv's first paper
SAMPLE_DATE = date(2026, 1, 4)  #: of the sample day; a Sunday, so that it is never mistaken for a listing


@dataclass(frozen=True, slots=True)
class Order:
    """Which announcement a run is about, and where its papers come from."""

    announced: date | None = None  #: None: the newest
    papers: Path | None = None  #: a JSON Lines file in place of arXiv
    sample: bool = False  #: the sample day in place of arXiv
    refresh: bool = False  #: ask arXiv again for what a saved edition holds already


def gaps(config: Config, order: Order, day: date) -> tuple[date, ...]:
    """The listing dates without an edition between the last one and the newest; where a date was named, none."""
    if order.announced or order.papers or order.sample:
        return ()
    known = [one for one in Store(config.output).dates() if one < day and one != SAMPLE_DATE]
    if not known:
        return ()
    return tuple(one for one in schedule.between(max(known), day, config.arxiv.holidays) if one not in (known[0], day))


def last_made(config: Config, clock: Clock) -> date | None:
    """From when on a nightly job looks for what is missing: the last date begun with, or two weeks back."""
    store = Store(config.output)
    known = {*store.dates(), *store.owed()} - {SAMPLE_DATE}
    if not known:
        return None
    recent = schedule.newest(clock(), config.arxiv.holidays) - schedule.RECENT
    return max(min(known), min(max(known), recent))


def dates_of(config: Config, order: Order, clock: Clock, first: date | None = None) -> tuple[date | None, ...]:
    """
    The announcement dates that a call is about, oldest first.

    With `first`, those from it to the newest that have no edition, or one that lacks what is asked for; of files that
    name their dates, all of these. None is the newest, or what the sample has.
    """
    named = listings.Files(order.papers, config.arxiv.holidays).dates() if order.papers else None
    if named is not None and not order.announced:
        return tuple(day for day in named if first is None or day >= first)
    if first is None:
        return (order.announced,)
    newest = schedule.newest(clock(), config.arxiv.holidays)
    days = schedule.between(max(first, FIRST_DAY), newest, config.arxiv.holidays)
    return tuple(day for day in days if not _complete(config, Store(config.output), day))


def _complete(config: Config, store: Store, day: date) -> bool:
    if day in store.owed():
        return False
    try:
        edition = store.load(day)
    except RecordError:
        return False  # its run says what is wrong
    if edition is None or selection.missing_rules(config.rules, edition) is not None:
        return False
    edition = selection.arrange(edition, config.rules) if edition.excluded else edition  # its rule may be gone
    if config.engine.name not in ("echo", "local") and any(
        entry.is_draft for entry in (*edition.entries, *edition.replacements)
    ):
        return False  # a service does better
    return not edition.count("pending") and not history.to_summarize(edition)


def day_of(config: Config, order: Order, clock: Clock) -> date:
    """The announcement date that an order is about."""
    if order.sample:
        return SAMPLE_DATE
    if order.papers and not order.announced:
        raise ConfigError("--papers needs --date: the announcement date its papers stand under")
    return order.announced or schedule.newest(clock(), config.arxiv.holidays)


def nothing_announced(config: Config, order: Order, day: date, clock: Clock) -> str | None:
    """Why arXiv has no listing of `day`, or None."""
    if order.sample or order.papers:
        return None
    newest = schedule.newest(clock(), config.arxiv.holidays)
    if not FIRST_DAY <= day <= newest + timedelta(days=3650):
        raise ConfigError(f"{day} is no date of a listing", hint=f"from {FIRST_DAY} on; the newest is {newest}")
    if not schedule.is_listing_day(day, config.arxiv.holidays):
        before, after = schedule.nearest(day, config.arxiv.holidays)
        return f"arXiv has no listing of {day:%A}, {day}; the ones around it are {before} and {after}"
    if day > newest:
        raise SourceError(
            f"the listing of {day} is not out yet; the newest is {newest}",
            hint=f"run this again after midnight US Eastern of {day}",
        )
    return None
