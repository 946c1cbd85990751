"""The stages in order: collect, arrange, summarize, render, deliver; the first three save the Edition.

Brings the edges together; decides nothing that a pure module could decide and prints nothing.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from . import (
    backends,
    changes,
    delivery,
    frontpage,
    glossary,
    history,
    listings,
    money,
    postmarks,
    prompts,
    rejudging,
    resources,
    schedule,
    selection,
    sites,
    summary,
)
from .agenda import RECENT, Order, day_of, gaps, nothing_announced
from .config import Config
from .engines import Engine
from .engines.budgeted import Meter
from .engines.recorded import RecordedEngine
from .errors import EngineError, SourceError
from .languages import language_of
from .listings import Clock
from .models import Bill, Edition, Entry, Paper
from .postmarks import Postmark
from .publishing import Watch as Watch  # noqa: PLC0414
from .publishing import followed as followed  # noqa: PLC0414
from .publishing import heads as heads  # noqa: PLC0414
from .publishing import is_up_to_date
from .publishing import look_of as look_of  # noqa: PLC0414
from .publishing import opened as opened  # noqa: PLC0414
from .publishing import render as render  # noqa: PLC0414
from .publishing import render_again as render_again  # noqa: PLC0414
from .publishing import unwatched as unwatched  # noqa: PLC0414
from .store import Store

log = logging.getLogger(__name__)

HELD_BACK = timedelta(days=2)  #: after its announcement an edition that lacks a few cards is delivered as it is
FEW = 0.1  #: of its papers


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did for one announcement date."""

    announced: date
    edition: Edition | None  #: None: nothing was announced
    message: str | None = None  #: why there is no edition
    sent: int = 0  #: requests to the model service, retries included
    written: tuple[str, ...] = ()  #: pages whose bytes changed
    seconds: float = 0.0
    gaps: tuple[date, ...] = ()  #: listing dates since the last edition before this one that have none
    bills: tuple[Bill, ...] = ()  #: what the replies that came now cost; those from the cache cost nothing again
    marks: tuple[Postmark, ...] = ()  #: how its way to each receiver stands


def run(
    config: Config,
    order: Order,
    clock: Clock,
    watch: Watch = unwatched,
    desk: listings.Desk | None = None,
    meter: Meter | None = None,
) -> Outcome:
    """
    The whole job for one announcement date: its edition saved and its pages written.

    Args:
        config: Where, with what, how.
        order: Which date.
        clock: Now, UTC.
        watch: Is told how far it is.
        desk: Where listings come from, if several dates share one; else it is opened as `order` says.
        meter: Counts money, if several dates share the budget of one run.

    Raises:
        DigestError: see errors.py; whatever was collected and answered before is kept.
    """
    day = day_of(config, order, clock)
    desk = desk or open_desk(config, order, clock, [day])
    if message := nothing_announced(config, order, day, clock):
        return Outcome(day, None, message, gaps=gaps(config, order, day))
    store = Store(config.output)
    if config.engine.name in backends.ASKING and order.papers is None and store.load(day) is None:
        config.key()  # before arXiv is asked for anything and anything is written
    backends.price_of(config)
    if config.readme:
        frontpage.examine(config.readme)
    with store.locked():
        return _run(config, order, day, clock, watch, desk, Meter(within=meter))


def _run(
    config: Config, order: Order, day: date, clock: Clock, watch: Watch, desk: listings.Desk, meter: Meter
) -> Outcome:
    began, store = time.monotonic(), Store(config.output)
    edition, replies = collect(config, order, day, desk, watch)
    store.save(edition)
    is_due = is_to_be_delivered(config, edition, clock)
    if is_due:
        delivery.promise(config, day, clock)
    _follow_keywords(config, desk, store)
    failure = None
    with backends.cached_engine(config, clock, meter) as cached:
        try:
            edition = summarize(config, edition, RecordedEngine(replies, cached, clock), watch)
            edition = describe(config, edition, cached)
        except EngineError as error:
            failure, edition = error, store.load(day) or edition
    written: tuple[str, ...] = ()
    if not is_up_to_date(config, store, edition):
        written, damaged = render(config, [day], watch)
        for other in damaged:
            log.warning("%s; it is left out of the archive", other)
    elif config.readme:  # which its owner may have changed since
        frontpage.refresh(config.readme, config.output, look_of(config), opened(config, store)[0])
    if failure:
        raise failure
    marks = deliver(config, edition, clock) if is_due else ()
    seconds = time.monotonic() - began
    return Outcome(day, edition, None, cached.sent, written, seconds, gaps(config, order, day), meter.bills, marks)


def open_desk(config: Config, order: Order, clock: Clock, days: Sequence[date] | None = None) -> listings.Desk:
    """Where the listings of an order come from; `days` are all that will be asked for."""
    if order.sample:
        return listings.Sample()
    if order.papers:
        return listings.Files(order.papers, config.arxiv.holidays, days)
    return listings.Arxiv(config, clock, days or (), fresh=order.refresh)


# ------------------------------------------------------------------------------------------ collect and arrange


def collect(
    config: Config, order: Order, day: date, desk: listings.Desk, watch: Watch = unwatched
) -> tuple[Edition, Mapping[str, str]]:
    """The arranged edition of `day`, what is on file joined by what was asked for beside it; and recorded replies."""
    store = Store(config.output)
    saved = store.load(day)
    if saved is not None and saved.source == "sample" and (not order.sample or saved.language != config.language):
        saved = None  # an invented day is no beginning of a real one, nor the other way round
    if saved is not None:
        sites.refuse_other(config, saved)
        saved = None if saved.source != "sample" and order.sample else saved
        if saved is not None and config.engine.name != "echo":
            saved = rejudging.without_echo(saved)
    rules = config.rules
    if not (order.refresh or order.sample or order.papers):
        missing = selection.missing_rules(rules, saved)
        if saved is not None and missing is None:
            if isinstance(desk, listings.Arxiv):
                saved = listings.completed(saved, desk.known)
            return selection.arrange(saved, config.rules), {}
        rules = missing or rules
    watch("collect", 0, 0)
    listing = desk.listing(day, rules)
    edition = selection.edition_of(listing, rules, config.language)
    log.info("collect %s: %d papers from the %s", day, len(edition.entries), edition.source)
    edition = selection.carried(edition, saved) if saved else edition
    edition = history.remembered(edition, earlier(store, edition))
    return selection.arrange(edition, config.rules), listing.replies


def earlier(store: Store, edition: Edition) -> history.Earlier:
    """What earlier editions hold of an edition's papers."""
    ids = {entry.paper.arxiv_id for entry in (*edition.entries, *edition.replacements, *edition.excluded)}
    return history.gathered(edition, store.before(edition.announced, ids))


def _follow_keywords(config: Config, desk: listings.Desk, store: Store) -> None:
    """Bring the keyword tables up to date, where keywords are all that is followed; a failure leaves them be."""
    if config.categories or not config.section or not isinstance(desk, listings.Arxiv):
        return
    limits = {one.title: one.limit for one in config.section}
    try:
        store.save_tables(desk.tables(store.load_tables(), config.rules, limits))
    except SourceError as error:
        log.warning("%s; the tables of keywords stay as they are", error)


# ------------------------------------------------------------------------------------------ summarize


def read_prompt(config: Config, name: str = "card") -> prompts.Prompt:
    """The prompt of a card, or of a change's note, from the user's prompts/ or ours."""
    files = (prompts.files(f"{name}.{part}", config.language) for part in ("system", "user", "repair"))
    system, user, repair = (resources.read("prompts", first, config.home, *others) for first, *others in files)
    return prompts.Prompt(system, user, repair, config.language, name, read_glossary(config))


def read_glossary(config: Config) -> glossary.Glossary:
    """The table of terms of the language, the user's or ours; where there is none for it, an empty one."""
    file = f"glossary.{language_of(config.language).tag}.tsv"
    if not any((folder / file).is_file() for folder in resources.folders("prompts", config.home)):
        return glossary.Glossary()
    return glossary.read(resources.read("prompts", file, config.home), f"prompts/{file}")


def summarize(config: Config, edition: Edition, engine: Engine, watch: Watch = unwatched) -> Edition:
    """
    The edition with every card that can be had; what has one is judged again and not asked for.

    Raises:
        EngineError: the service is gone or refuses; what it answered before is saved.
    """
    store = Store(config.output)
    edition = rejudging.rejudged(edition, read_glossary(config))
    todo = [entry for entry in edition.entries if entry.card is None]
    todo += history.to_summarize(edition)
    settled: list[Entry] = []
    try:
        watch("summarize", 0, len(todo))
        for entry in summary.summarize(todo, engine, read_prompt(config), model=backends.model_of(config)):
            settled.append(entry)
            watch("summarize", len(settled), len(todo))
    finally:
        edition = money.billed(edition.with_entries(settled), config.price_table)
        store.save(edition)
    return edition


def describe(config: Config, edition: Edition, engine: Engine) -> Edition:
    """
    The edition with a note on each replacement that changed title or abstract.

    Raises:
        EngineError: the service is gone or refuses; what it answered before is saved.
    """
    settled: list[Entry] = []
    if not (pairs := to_describe(config, edition)):
        return edition
    try:
        settled.extend(changes.describe(pairs, engine, read_prompt(config, "change"), model=backends.model_of(config)))
    finally:
        edition = money.billed(edition.with_entries(settled), config.price_table)
        Store(config.output).save(edition)
    return edition


def to_describe(config: Config, edition: Edition) -> list[tuple[Paper, Entry]]:
    """The replacements whose change needs its note, each behind the paper as it was before."""
    changed = (entry.change for entry in edition.replacements if history.is_rewritten(entry))
    if config.engine.name == "echo" or all(change is None or change.note for change in changed):
        return []  # without a look at other editions
    return list(history.to_describe(edition, earlier(Store(config.output), edition)))


# ------------------------------------------------------------------------------------------ deliver


def is_to_be_delivered(config: Config, edition: Edition, clock: Clock) -> bool:
    """Whether an edition goes out by itself: a real one, and recent; any other one by `digest deliver` alone."""
    if not config.deliver or edition.source == "sample" or config.engine.name == "echo":
        return False
    return edition.announced >= schedule.newest(clock(), config.arxiv.holidays) - RECENT


def deliver(config: Config, edition: Edition, clock: Clock) -> tuple[Postmark, ...]:
    """Send an edition to who has not had it, if it is not held back: the mark of each of today's receivers."""
    if is_held_back(edition, clock()):
        log.warning("%s: not delivered yet: a paper waits for its answer; the next run goes on", edition.announced)
        marks = postmarks.load(Store(config.output), edition.announced)
    else:
        marks = delivery.deliver(config, edition, clock)
    names = {one.name for one in delivery.receivers(config)}
    return tuple(mark for mark in marks.marks if mark.receiver in names)


def is_held_back(edition: Edition, now: datetime) -> bool:
    """Whether an edition lacks cards that a later run may get: after two days it goes out, unless it lacks many."""
    if delivery.is_ready(edition):
        return False
    is_late = now >= schedule.announced_at(edition.announced) + HELD_BACK
    return not is_late or edition.count("pending") > FEW * len(edition.entries)
