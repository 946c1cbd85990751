"""Which announcement dates a call is about: the one named, the newest, those that were missed.

Looks at the calendar and at what is on file; fetches nothing and writes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from . import history, keywords, listings, publishing, schedule, selection
from .config import Config
from .errors import ConfigError, RecordError, SourceError
from .heads import Head
from .hooks import Clock
from .identifiers import covers
from .models import Edition
from .plaintext import one_line
from .rules import Rules
from .store import Store

FIRST_DAY = date(1991, 8, 14)  #: arXiv's first paper
SAMPLE_DATE = date(2026, 1, 4)  #: of the sample day; a Sunday, so that it is never mistaken for a listing
OUTAGE = 2  #: dates in a row for which arXiv fails: the others would fare no better

_MONTH = timedelta(days=30)


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
    return _lacks_nothing(config, edition)


def _lacks_nothing(config: Config, edition: Edition) -> bool:
    edition = selection.arrange(edition, config.rules) if edition.excluded else edition  # its rule may be gone
    if config.engine.name not in ("echo", "local") and any(
        entry.is_draft for entry in (*edition.entries, *edition.replacements)
    ):
        return False  # a service does better
    return not edition.count("pending") and not history.to_summarize(edition)


# ------------------------------------------------------------------------------------------ a range


def dates_between(
    config: Config,
    order: Order,
    clock: Clock,
    first: date | None,
    last: date | None,
    files: listings.Files | None = None,
) -> tuple[date, ...]:
    """
    The listing dates of a range that have no complete edition in the language of `config`, oldest first.

    What is complete is told from heads, so it takes milliseconds a date; an edition is opened only where papers are
    kept out by a rule that is not asked for any more, or kept out beside others that lack their card or have a draft.
    An edition of files is complete where the range is of files, too.

    Args:
        config: Of one language.
        order: Where papers come from; its date does not count.
        clock: Now, UTC.
        first: None, for files only: from their first date on.
        last: None: to the newest listing, or to the last date of files.
        files: Those of the order, if they are open.

    Raises:
        ConfigError: there is no such range, or no listing in it.
        RecordError: the files can't be read.
    """
    days = listed_between(config, order, clock, first, last, files)
    return incomplete(config, days, of_files=order.papers is not None)


def listed_between(
    config: Config,
    order: Order,
    clock: Clock,
    first: date | None,
    last: date | None,
    files: listings.Files | None = None,
) -> tuple[date, ...]:
    """
    All listing dates of a range, oldest first, whatever is on file: of arXiv's calendar, or those that files have.

    Raises:
        ConfigError: there is no such range, or no listing in it.
        RecordError: the files can't be read.
    """
    if first and last and first > last:
        raise ConfigError(f"--from {first} is later than --to {last}")
    for flag, day in (("--from", first), ("--to", last)):
        if day and day < FIRST_DAY:
            raise ConfigError(f"{flag} {day}: arXiv's first paper is of {FIRST_DAY}")
    if order.papers is None:
        return _on_calendar(config, clock, first, last)
    return _in_files(
        config, clock, files or listings.Files(order.papers, config.arxiv.holidays, bulk=True), first, last
    )


def _in_files(
    config: Config, clock: Clock, files: listings.Files, first: date | None, last: date | None
) -> tuple[date, ...]:
    if named := files.named():
        return _named_between(files.path, named, first, last)
    if covered := files.covered():
        newest = schedule.newest(clock(), config.arxiv.holidays)
        first, last = max(first or FIRST_DAY, covered[0]), min(last or newest, covered[1])
        if first > last:
            raise ConfigError(f"{files.path}: its listings are those from {covered[0]} to {covered[1]}")
        return _on_calendar(config, clock, first, last)
    days = _on_calendar(config, clock, first, last)
    if len(days) > 1:
        raise ConfigError(
            f"{files.path}: its rows name no date of announcement, so each of {len(days)} dates would have them all",
            hint="--from and --to the same date",
        )
    return days


def _on_calendar(config: Config, clock: Clock, first: date | None, last: date | None) -> tuple[date, ...]:
    holidays = config.arxiv.holidays
    newest = schedule.newest(clock(), holidays)
    if first is None:
        raise ConfigError("--from is missing: the first date of the range", hint=f"such as --from {newest - _MONTH}")
    last = last or max(newest, first)
    if last > newest:
        raise ConfigError(f"the listing of {last} is not out yet", hint=f"the newest is {newest}")
    if days := schedule.between(first, last, holidays):
        return days
    before, after = schedule.nearest(first, holidays)
    raise ConfigError(
        f"arXiv has no listing from {first} to {last}", hint=f"the ones around it are {before} and {after}"
    )


def _named_between(path: Path, named: tuple[date, ...], first: date | None, last: date | None) -> tuple[date, ...]:
    days = tuple(day for day in named if (first or date.min) <= day <= (last or date.max))
    if not days:
        fact = f"{path}: no paper of {first or 'the beginning'} to {last or 'the end'}"
        raise ConfigError(f"{fact}; its {len(named)} dates: {named[0]} to {named[-1]}")
    return days


def incomplete(config: Config, days: Sequence[date], *, of_files: bool = False) -> tuple[date, ...]:
    """Those of the dates that have no complete edition, in their order; see `dates_between`."""
    store = Store(config.output)
    owed, made, mark = set(store.owed()), set(store.dates()), publishing.heads_mark()
    kept_out = _rules_in_force(config.rules)

    def is_complete(day: date) -> bool:
        if day in owed or day not in made:
            return False
        head = store.head(day, mark, keep=False)
        if not _covers(config.rules, head, of_files=of_files):
            return False
        lacks = head.ledger.pending or (head.drafts and config.engine.name not in ("echo", "local"))
        rules = {rule for rule, _ in head.ledger.by_rule}
        if rules and (lacks or not rules <= kept_out):
            edition = store.load(day)
            return edition is not None and _lacks_nothing(config, edition)
        return not lacks and not head.waiting

    def is_left(day: date) -> bool:
        try:
            return not is_complete(day)
        except RecordError:
            return True  # its run says what is wrong

    return tuple(filter(is_left, days))


def _covers(rules: Rules, head: Head, *, of_files: bool) -> bool:
    """Whether an edition holds what is asked for; as `selection.missing_rules`, which believes no file."""
    if head.source == "sample" or (head.source == "file" and not of_files):
        return False
    had = head.ledger.categories
    if rules.categories:
        return all(covers(had, one) for one in rules.categories)
    if had and head.source == "file":
        return False  # of all rows it has only those of some categories
    return set(rules.keywords) <= set(() if had else head.asked)


def _rules_in_force(rules: Rules) -> set[str]:
    """
    The names of rules that keep out what they kept out before.

    Those of a section's own are not among them: whether they do depends on the other sections.
    """
    named = {one_line(f"exclude: {keywords.parse(term).text}") for term in rules.exclude}
    return named if rules.cross_lists else {*named, "cross_lists = false"}


# ------------------------------------------------------------------------------------------ one date


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
