"""The stages in order: collect, arrange, summarize, render, deliver; the first three save the Edition.

Brings the edges together; decides nothing that a pure module could decide and prints nothing.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

from . import (
    backends,
    changes,
    delivery,
    frontpage,
    glossary,
    history,
    listings,
    money,
    prompts,
    publishing,
    rejudging,
    resources,
    selection,
    shared,
    sites,
    summary,
)
from .agenda import Order, day_of, gaps, nothing_announced
from .config import Config
from .engines import Engine
from .engines.budgeted import Meter
from .engines.recorded import RecordedEngine
from .errors import BusyError, EngineError, SourceError
from .hooks import Clock, Watch, unwatched
from .languages import language_of
from .models import Bill, Edition, Entry, Paper
from .postmarks import Postmark
from .store import Store
from .whereabouts import Whereabouts

log = logging.getLogger(__name__)

LookBack = Callable[[Edition], history.Earlier]  #: what editions on file hold of an edition's papers


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
    if order.papers is None and store.load(day) is None:
        backends.require(config)  # before arXiv is asked for anything and anything is written
    backends.price_of(config)
    if config.readme:
        frontpage.examine(config.readme)
    with store.locked(), shared.making(config, day, locked=True) as is_ours:
        if not is_ours:
            raise BusyError(f"another driver makes the edition of {day}", hint="let it end, then run this again")
        return _run(config, order, day, clock, watch, desk, Meter(within=meter))


def _run(
    config: Config, order: Order, day: date, clock: Clock, watch: Watch, desk: listings.Desk, meter: Meter
) -> Outcome:
    began, store = time.monotonic(), Store(config.output)
    edition, replies = collect(config, order, day, desk, watch)
    store.owe(day)
    store.save(edition)
    is_due = delivery.goes_out(config, edition, clock)
    if is_due:
        delivery.promise(config, day, clock)
    _follow_keywords(config, desk, store)
    failure = None
    with backends.cached_engine(config, clock, meter, watch) as cached:
        try:
            edition = summarize(config, edition, RecordedEngine(replies, cached, clock), watch)
            edition = describe(config, edition, cached)
        except EngineError as error:
            failure, edition = error, store.load(day) or edition
    shared.push(config, day)
    written: tuple[str, ...] = ()
    if not publishing.is_up_to_date(config, store, edition):
        written, damaged = publishing.render(config, [day], watch)
        for other in damaged:
            log.warning("%s; it is left out of the archive", other)
    elif config.readme:  # which its owner may have changed since
        frontpage.refresh(config.readme, config.output, publishing.look_of(config), publishing.opened(config, store)[0])
    if failure:
        raise failure
    store.settle(day)
    marks = delivery.deliver_unless_held(config, edition, clock) if is_due else ()
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
    found = gather(config, order, day, desk, watch)
    return recognized(config, found, partial(earlier, Store(config.output))), found.replies


@dataclass(frozen=True, slots=True)
class Gathered:
    """An edition before it is arranged."""

    edition: Edition
    replies: Mapping[str, str]  #: arxiv_id -> a card that the listing brought along
    is_new: bool  #: False: it is the one on file, and nothing was asked for beside it


def gather(config: Config, order: Order, day: date, desk: listings.Desk, watch: Watch = unwatched) -> Gathered:
    """What is on file of `day`, joined by what was asked for beside it; looks at no other edition."""
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
            return Gathered(saved, {}, is_new=False)
        rules = missing or rules
    watch("collect", 0, 0)
    listing = desk.listing(day, rules)
    edition = selection.edition_of(listing, rules, config.language)
    log.info("collect %s: %d papers from the %s", day, len(edition.entries), edition.source)
    edition = selection.carried(edition, saved) if saved else edition
    return Gathered(edition, listing.replies, is_new=True)


def recognized(config: Config, found: Gathered, look_back: LookBack) -> Edition:
    """The edition, arranged, with what other editions hold of its papers."""
    edition = history.remembered(found.edition, look_back(found.edition)) if found.is_new else found.edition
    return selection.arrange(edition, config.rules)


def earlier(store: Store | Whereabouts, edition: Edition) -> history.Earlier:
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
    todo = to_ask(config, edition)
    drafts = {entry.paper.arxiv_id: entry for entry in todo if entry.is_draft}
    settled: list[Entry] = []
    try:
        watch("summarize", 0, len(todo))
        prompt, model = read_prompt(config), backends.model_of(config)
        for entry in summary.summarize(todo, engine, prompt, model=model, again=True):
            draft = drafts.get(entry.paper.arxiv_id)
            settled.append(rejudging.improved(draft, entry) if draft else entry)
            watch("summarize", len(settled), len(todo))
    finally:
        edition = money.billed(edition.with_entries(settled), config.price_table)
        store.save(edition)
    return edition


def to_ask(config: Config, edition: Edition) -> list[Entry]:
    """The papers that a card is to be asked for: those without one and, of an engine that can do better, drafts."""
    todo = [entry for entry in edition.entries if entry.card is None]
    todo += history.to_summarize(edition)
    return [*todo, *rejudging.drafts(edition)] if backends.improves_drafts(config) else todo


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


def to_describe(config: Config, edition: Edition, look_back: LookBack | None = None) -> list[tuple[Paper, Entry]]:
    """The replacements whose change needs its note, each behind the paper as it was before."""
    changed = (entry.change for entry in edition.replacements if history.is_rewritten(entry))
    if not backends.improves_drafts(config) or all(change is None or change.note for change in changed):
        return []  # without a look at other editions
    known = look_back(edition) if look_back else earlier(Store(config.output), edition)
    return list(history.to_describe(edition, known))
