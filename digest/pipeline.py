"""The stages in order: collect, arrange, summarize, render; the first three save the Edition.

Brings the edges together; decides nothing that a pure module could decide and prints nothing.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from . import prompts, report, resources, schedule, selection, summary
from .config import Config
from .engines import Engine, open_engine
from .engines.cached import CachedEngine, open_cache
from .engines.recorded import RecordedEngine
from .errors import ConfigError, EngineError, RecordError, SourceError
from .models import Edition, Entry, Listed, Listing, Page
from .render import DAY_PAGES, KEYWORD_PAGES, WHOLE_PAGES, Look, open_formats
from .selection import Rules
from .store import Store

if TYPE_CHECKING:
    from .polite import PoliteSession

log = logging.getLogger(__name__)

Watch = Callable[[str, int, int], None]  #: stage, done, of how many (0: not known)
Clock = Callable[[], datetime]  #: UTC

FIRST_DAY = date(1991, 8, 14)  #: arXiv's first paper
SAMPLE_DATE = date(2026, 1, 5)  #: of the sample day that comes with the program


def unwatched(stage: str, done: int, total: int) -> None:
    """Watch nothing."""


@dataclass(frozen=True, slots=True)
class Order:
    """Which announcement a run is about, and where its papers come from."""

    announced: date | None = None  #: None: the newest
    papers: Path | None = None  #: a JSON Lines file in place of arXiv
    sample: bool = False  #: the sample day in place of arXiv
    refresh: bool = False  #: ask arXiv again for what a saved edition holds already


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did for one announcement date."""

    announced: date
    edition: Edition | None  #: None: nothing was announced
    message: str | None = None  #: why there is no edition
    sent: int = 0  #: requests to the model service, retries included
    written: tuple[str, ...] = ()  #: pages whose bytes changed
    seconds: float = 0.0


def run(config: Config, order: Order, clock: Clock, watch: Watch = unwatched) -> Outcome:
    """
    The whole job for one announcement date: its edition saved and its pages written.

    Raises:
        DigestError: see errors.py; whatever was collected and answered before is kept.
    """
    day = _day(config, order, clock)
    if message := _nothing_announced(config, order, day, clock):
        return Outcome(day, None, message)
    if config.engine.name == "chat" and Store(config.output).load(day) is None:
        config.key()  # before arXiv is asked for anything and anything is written
    with Store(config.output).locked():
        return _run(config, order, day, clock, watch)


def _run(config: Config, order: Order, day: date, clock: Clock, watch: Watch) -> Outcome:
    began, store = time.monotonic(), Store(config.output)
    edition, replies = collect(config, store, order, day, clock, watch)
    store.save(edition)
    failure = None
    with _cached(config, clock) as cached:
        try:
            edition = summarize(config, edition, RecordedEngine(replies, cached, clock), store, watch)
        except EngineError as error:
            failure, edition = error, store.load(day) or edition
    written: tuple[str, ...] = ()
    if edition.has_cards and not _up_to_date(config, store, edition):
        written, damaged = render(config, [day], watch)
        for other in damaged:
            log.warning("%s; it is left out of the archive", other)
    if failure:
        raise failure
    return Outcome(day, edition, None, cached.sent, written, time.monotonic() - began)


def since(config: Config, first: date, clock: Clock) -> tuple[date, ...]:
    """The announcement dates from `first` to the newest that have no edition, or one with cards missing."""
    store = Store(config.output)
    newest = schedule.newest(clock(), config.arxiv.holidays)
    days = schedule.between(max(first, FIRST_DAY), newest, config.arxiv.holidays)
    return tuple(day for day in days if not _complete(store.load(day)))


def _complete(edition: Edition | None) -> bool:
    return edition is not None and not edition.count("pending")


def model_of(config: Config) -> str:
    """The model to ask for; an engine without one must not answer in the name of another's."""
    return "echo" if config.engine.name == "echo" else config.engine.model


def _day(config: Config, order: Order, clock: Clock) -> date:
    if order.sample:
        return SAMPLE_DATE
    if order.papers and not order.announced:
        raise ConfigError("--papers needs --date: the announcement date its papers stand under")
    return order.announced or schedule.newest(clock(), config.arxiv.holidays)


def _nothing_announced(config: Config, order: Order, day: date, clock: Clock) -> str | None:
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


# ------------------------------------------------------------------------------------------ collect and arrange


def collect(
    config: Config, store: Store, order: Order, day: date, clock: Clock, watch: Watch = unwatched
) -> tuple[Edition, Mapping[str, str]]:
    """The arranged edition of `day`, what is on file joined by what was asked for beside it; and recorded replies."""
    saved = store.load(day)
    rules = missing_rules(config.rules, saved, again=order.refresh or order.sample or order.papers is not None)
    if saved is not None and rules is None:
        return selection.arrange(_completed(config, saved), config.rules), {}
    rules = rules or config.rules
    watch("collect", 0, 0)
    listing = _listing(config, order, day, rules, clock)
    edition = selection.edition_of(listing, rules, config.language)
    log.info("collect %s: %d papers from the %s", day, len(edition.entries), edition.source)
    edition = selection.carried(edition, saved) if saved else edition
    return selection.arrange(edition, config.rules), listing.replies


def missing_rules(asked: Rules, saved: Edition | None, *, again: bool = False) -> Rules | None:
    """The part of what is asked that a saved edition does not cover; None if it covers all."""
    if again or saved is None or saved.source not in ("feed", "search"):
        return asked
    if not asked.categories:
        return None if set(asked.keywords) <= set(saved.keywords) else asked
    left = tuple(one for one in asked.categories if one not in saved.categories)
    return Rules(categories=left, sections=asked.sections) if left else None


def _listing(config: Config, order: Order, day: date, rules: Rules, clock: Clock) -> Listing:
    from .sources.jsonl import JsonLines

    if order.sample:
        return JsonLines(resources.sample(), source="sample").listing(day, ())
    if order.papers:
        listing = JsonLines(order.papers).listing(day, rules.categories)
        if not listing.items:
            raise ConfigError(f"{order.papers}: no paper of {day} in the categories asked for", hint="check --date")
        return listing
    if not rules.categories and not rules.keywords:
        raise ConfigError(
            "nothing to collect: no category and no keyword is asked for",
            hint='digest run --category cs.CV, or categories = ["cs.CV"] in digest.toml',
        )
    return _announced(config, day, rules, clock)


def _announced(config: Config, day: date, rules: Rules, clock: Clock) -> Listing:
    """What arXiv announced: from the feed while it is out, else from the search API."""
    from .sources.arxiv_api import ArxivApi
    from .sources.rss import Feed, complete

    session = _session(config)
    api = ArxivApi(session, config.arxiv.api, config.arxiv.page_size, config.arxiv.holidays)
    if not rules.categories or not schedule.feed_is_current(day, clock()):
        return api.listing(day, rules.categories, rules.keywords)
    listing = Feed(session, config.arxiv.rss).listing(day, rules.categories)
    new = [item.paper.arxiv_id for item in listing.items if not item.announce_type.startswith("replace")]
    return complete(listing, api.papers(new))


def _completed(config: Config, edition: Edition) -> Edition:
    """The edition with the metadata that the search index did not have when the feed was read."""
    bare = [entry.paper.arxiv_id for entry in edition.entries if entry.paper.submitted is None]
    if edition.source != "feed" or not bare:
        return edition
    from .sources.arxiv_api import ArxivApi
    from .sources.rss import complete

    api = ArxivApi(_session(config), config.arxiv.api)
    items = tuple(Listed(entry.paper, entry.announce_type) for entry in edition.entries)
    listing = complete(Listing(edition.announced, "feed", items), api.papers(bare))
    papers = {item.paper.arxiv_id: item.paper for item in listing.items}
    entries = [entry.model_copy(update={"paper": papers[entry.paper.arxiv_id]}) for entry in edition.entries]
    return edition.model_copy(update={"entries": tuple(entries), "notes": listing.notes})


def _session(config: Config) -> "PoliteSession":
    from .polite import PoliteSession

    return PoliteSession(delay_seconds=config.arxiv.delay_seconds, timeout_seconds=config.arxiv.timeout_seconds)


# ------------------------------------------------------------------------------------------ summarize


@contextmanager
def _cached(config: Config, clock: Clock) -> Iterator[CachedEngine]:
    """The engine behind the cache of replies; it is opened when something is left to ask."""

    def opened() -> Engine:
        settings = config.engine
        return open_engine(
            settings.name,
            base_url=settings.base_url,
            api_key=config.key() if settings.name == "chat" else "",
            concurrency=settings.concurrency,
            requests_per_minute=settings.requests_per_minute,
            tokens_per_minute=settings.tokens_per_minute,
            timeout_seconds=settings.timeout_seconds,
            clock=clock,
        )

    cache = open_cache(config.cache)
    try:
        yield CachedEngine(opened, cache)
    finally:
        cache.close()  # type: ignore[no-untyped-call]


def read_prompt(config: Config) -> prompts.Prompt:
    """The prompt of the configured language, from the user's prompts/ or ours."""
    system, user, repair = (
        resources.read("prompts", f"card.{part}.md", config.home) for part in ("system", "user", "repair")
    )
    return prompts.Prompt(system, user, repair, config.language)


def summarize(config: Config, edition: Edition, engine: Engine, store: Store, watch: Watch = unwatched) -> Edition:
    """
    The edition with every card that can be had; what has one is judged again and not asked for.

    Raises:
        EngineError: the service is gone or refuses; what it answered before is saved.
    """
    edition = _rejudged(_without_echo(config, edition), config.language)
    todo = [entry for entry in edition.entries if entry.card is None]
    settled: list[Entry] = []
    try:
        watch("summarize", 0, len(todo))
        for entry in summary.summarize(todo, engine, read_prompt(config), model=model_of(config)):
            settled.append(entry)
            watch("summarize", len(settled), len(todo))
    finally:
        edition = edition.with_entries(settled)
        store.save(edition)
    return edition


def _without_echo(config: Config, edition: Edition) -> Edition:
    """The edition without the cards that no model wrote, now that one is configured."""
    if config.engine.name == "echo":
        return edition
    echoed = [entry for entry in edition.entries if entry.card and entry.card.origin.engine == "echo"]
    bare = {"card": None, "replies": (), "problems": (selection.NOT_ASKED,)}
    return edition.with_entries(entry.model_copy(update=bare) for entry in echoed)


def _rejudged(edition: Edition, language: str) -> Edition:
    """The edition with its flags as today's checks set them: a better check needs no new request."""
    checks = resources.fingerprint("checks.py", "figures.py", "numerals.py")
    if edition.judged_by == checks:
        return edition
    entries = [summary.rejudge(entry, language) for entry in edition.entries if entry.card]
    return edition.with_entries(entries).model_copy(update={"judged_by": checks})


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run would ask of the model service."""

    announced: date
    papers: int
    requests: int
    prompt_tokens: int
    completion_tokens: int
    money: float | None  #: None: no price is configured
    currency: str | None


def estimate(config: Config, order: Order, clock: Clock, watch: Watch = unwatched) -> Estimate:
    """What `run` would send, without sending or saving anything; arXiv is asked where it must be."""
    day = _day(config, order, clock)
    if _nothing_announced(config, order, day, clock):
        return Estimate(day, 0, 0, 0, 0, None, None)
    edition, replies = collect(config, Store(config.output), order, day, clock, watch)
    prompt = read_prompt(config)
    asked = [
        prompts.ask(prompt, entry.paper, model=model_of(config))
        for entry in edition.entries
        if entry.card is None and entry.paper.arxiv_id not in replies
    ]
    with _cached(config, clock) as cached:
        misses = cached.misses(asked)
    tokens_in = sum(prompts.estimated_tokens(one) for one in misses)
    tokens_out = len(misses) * prompts.REPLY_TOKENS
    price = config.engine.price
    money = report.cost(price, tokens_in, tokens_out) if price else None
    currency = price.currency if price else None
    return Estimate(day, len(edition.entries), len(misses), tokens_in, tokens_out, money, currency)


# ------------------------------------------------------------------------------------------ regenerate


@dataclass(frozen=True, slots=True)
class Regenerated:
    """What a regeneration did."""

    arxiv_id: str
    announced: tuple[date, ...]  #: the editions that hold the paper, newest first
    entry: Entry
    sent: int
    written: tuple[str, ...]


def regenerate(
    config: Config, arxiv_id: str, clock: Clock, *, announced: date | None = None, hint: str | None = None
) -> Regenerated:
    """
    Ask again for one paper, past the cache; the card it had is kept in the record.

    Raises:
        ConfigError: no edition holds the paper.
        EngineError: no usable card came back; every edition is as it was.
    """
    store, holding = _holding(config, arxiv_id, announced)
    before = _entry(holding[0], arxiv_id)
    prompt, model = read_prompt(config), model_of(config)
    with _cached(config, clock) as cached:
        take = next(
            n for n in count(1) if not cached.lookup(prompts.ask(prompt, before.paper, model=model, hint=hint, take=n))
        )
        (after,) = summary.summarize([before], cached, prompt, model=model, hint=hint, take=take, again=True)
    if after.card is None or after.card == before.card:
        raise EngineError(
            f"{arxiv_id}: no usable card came back: {'; '.join(after.problems)}",
            hint="the card it had stays; try again",
        )
    with store.locked():
        written = _rewritten(config, store, holding, before, after)
    return Regenerated(arxiv_id, tuple(edition.announced for edition in holding), after, cached.sent, written)


def undo(config: Config, arxiv_id: str, *, announced: date | None = None) -> Regenerated:
    """
    Bring back the card that the last regeneration replaced; done twice, it changes nothing.

    Raises:
        ConfigError: no edition holds the paper, or it has no earlier card.
    """
    store, holding = _holding(config, arxiv_id, announced)
    before = _entry(holding[0], arxiv_id)
    if not before.earlier or before.card is None:
        raise ConfigError(f"{arxiv_id}: there is no earlier card to bring back")
    swapped = before.model_copy(
        update={"card": before.earlier[-1], "earlier": (*before.earlier[:-1], before.card), "problems": ()}
    )
    after = summary.rejudge(swapped, config.language)
    with store.locked():
        written = _rewritten(config, store, holding, before, after)
    return Regenerated(arxiv_id, tuple(edition.announced for edition in holding), after, 0, written)


def _holding(config: Config, arxiv_id: str, announced: date | None) -> tuple[Store, list[Edition]]:
    store = Store(config.output)
    days = [announced] if announced else store.holding(arxiv_id)
    editions = [edition for day in days if (edition := store.load(day)) and edition.entry(arxiv_id)]
    if not editions:
        where = f"the edition of {announced}" if announced else f"any edition in {config.output}"
        raise ConfigError(f"{arxiv_id} is not in {where}", hint="digest status lists the editions")
    return store, editions


def _entry(edition: Edition, arxiv_id: str) -> Entry:
    entry = edition.entry(arxiv_id)
    assert entry is not None
    return entry


def _rewritten(
    config: Config, store: Store, holding: Iterable[Edition], before: Entry, after: Entry
) -> tuple[str, ...]:
    """Put the new card into every edition that holds the same text of the paper, and write their pages."""
    changes = {name: getattr(after, name) for name in ("card", "problems", "replies", "earlier")}
    days = []
    for edition in holding:
        entry = _entry(edition, after.paper.arxiv_id)
        if (entry.paper.title, entry.paper.abstract) == (before.paper.title, before.paper.abstract):
            store.save(edition.with_entries([entry.model_copy(update=changes)]))
            days.append(edition.announced)
    written, _ = render(config, days)
    return written


# ------------------------------------------------------------------------------------------ render


def render(
    config: Config, days: Iterable[date] | None = None, watch: Watch = unwatched
) -> tuple[tuple[str, ...], tuple[RecordError, ...]]:
    """
    Write the pages of the editions of `days` (None: all) and those about all editions.

    Returns:
        The paths that changed, and what is wrong with the editions that can't be read and stand on no page.

    Raises:
        ConfigError: there is no edition, or none of one of `days`.
        TemplateError: the named template line fails; pages before it are written, each whole.
    """
    store = Store(config.output)
    editions, damaged = _readable(store)
    limits = {one.title: one.limit for one in config.section}
    formats = open_formats(Look(folders=resources.folders("templates", config.home), limits=limits))
    known = set(store.dates())
    if not known:
        raise ConfigError(f"no edition in {config.output}", hint="digest run --category cs.CV makes one")
    wanted = known if days is None else set(days)
    if lost := wanted - known:
        raise ConfigError(f"no edition of {min(lost)} in {config.output}", hint=f"digest run --date {min(lost)}")

    def pages() -> Iterator[Page]:
        for done, edition in enumerate(one for one in editions if one.announced in wanted):
            watch("render", done, len(wanted))
            yield from (page for one in formats for page in one.day(edition))
        yield from (page for one in formats for page in one.whole(editions))

    written = store.write(pages())
    return written, tuple(damaged)


def _up_to_date(config: Config, store: Store, edition: Edition) -> bool:
    """Whether the pages of an edition, and those about all, are as new as everything they are made from."""
    keywords = KEYWORD_PAGES if any(section.kind == "keyword" for section in edition.sections) else ()
    own = [page.format(day=edition.announced) for page in DAY_PAGES]
    looks = [*resources.program(config.home), *(path for path in [config.file] if path)]
    return store.fresh(own, [store.path(edition.announced), *looks]) and store.fresh(
        (*WHOLE_PAGES, *keywords), [*map(store.path, store.dates()), *looks]
    )


def _readable(store: Store) -> tuple[Sequence[Edition], Sequence[RecordError]]:
    """All editions that can be read, newest first, and what was wrong with the others."""
    editions, damaged = [], []
    for day in store.dates():
        try:
            edition = store.load(day)
        except RecordError as error:
            damaged.append(error)
        else:
            editions.extend([edition] if edition else [])
    return editions, damaged


# ------------------------------------------------------------------------------------------ status


@dataclass(frozen=True, slots=True)
class Status:
    """What is on file."""

    editions: tuple[report.Ledger, ...]  #: newest first
    missing: tuple[tuple[date, Entry], ...]  #: entries without a card
    spent: tuple[report.Spent, ...]
    price: report.Price | None
    model: str  #: the one that `price` is for
    currency: str | None
    cache: Path
    cache_bytes: int
    replies: int  #: in the cache
    damaged: tuple[RecordError, ...]


def status(config: Config) -> Status:
    """What is on file, without network; a damaged edition is told of, not stumbled over."""
    editions, damaged = _readable(Store(config.output))
    files = [path for path in config.cache.glob("cache.db*") if path.is_file()]
    return Status(
        editions=tuple(report.ledger(edition) for edition in editions),
        missing=tuple((edition.announced, entry) for edition in editions for entry in report.missing(edition)),
        spent=tuple(report.spent(editions)),
        price=config.engine.price,
        model=config.engine.model,
        currency=config.engine.price.currency if config.engine.price else None,
        cache=config.cache,
        cache_bytes=sum(path.stat().st_size for path in files),
        replies=_reply_count(config.cache) if files else 0,
        damaged=tuple(damaged),
    )


def _reply_count(folder: Path) -> int:
    cache = open_cache(folder)
    try:
        return len(cache)
    finally:
        cache.close()  # type: ignore[no-untyped-call]
