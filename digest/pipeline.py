"""The stages in order: collect, arrange, summarize, render; the first three save the Edition.

Brings the edges together; decides nothing that a pure module could decide and prints nothing.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from . import prompts, resources, schedule, selection, summary
from .config import Config
from .engines import Engine, open_engine
from .engines.cached import CachedEngine, open_cache
from .engines.recorded import RecordedEngine
from .errors import ConfigError, EngineError, RecordError, SourceError
from .models import Edition, Entry, Listed, Listing, Page, Paper
from .render import DAY_PAGES, KEYWORD_PAGES, WHOLE_PAGES, Look, open_formats
from .selection import Rules
from .store import Store

if TYPE_CHECKING:
    from .polite import PoliteSession
    from .sources.arxiv_api import ArxivApi

log = logging.getLogger(__name__)

Watch = Callable[[str, int, int], None]  #: stage, done, of how many (0: not known)
Clock = Callable[[], datetime]  #: UTC

FIRST_DAY = date(1991, 8, 14)  #: arXiv's first paper
SAMPLE_DATE = date(2026, 1, 4)  #: of the sample day; a Sunday, so that it is never mistaken for a listing


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
    day = day_of(config, order, clock)
    if message := nothing_announced(config, order, day, clock):
        return Outcome(day, None, message)
    store = Store(config.output)
    if config.engine.name == "chat" and order.papers is None and store.load(day) is None:
        config.key()  # before arXiv is asked for anything and anything is written
    with store.locked():
        return _run(config, order, day, clock, watch)


def _run(config: Config, order: Order, day: date, clock: Clock, watch: Watch) -> Outcome:
    began, store = time.monotonic(), Store(config.output)
    edition, replies = collect(config, order, day, clock, watch)
    store.save(edition)
    failure = None
    with cached_engine(config, clock) as cached:
        try:
            edition = summarize(config, edition, RecordedEngine(replies, cached, clock), watch)
        except EngineError as error:
            failure, edition = error, store.load(day) or edition
    written: tuple[str, ...] = ()
    if not _up_to_date(config, store, edition):
        written, damaged = render(config, [day], watch)
        for other in damaged:
            log.warning("%s; it is left out of the archive", other)
    if failure:
        raise failure
    return Outcome(day, edition, None, cached.sent, written, time.monotonic() - began)


def since(config: Config, first: date, clock: Clock) -> tuple[date, ...]:
    """The announcement dates from `first` to the newest that have no edition, or one that lacks what is asked for."""
    store = Store(config.output)
    newest = schedule.newest(clock(), config.arxiv.holidays)
    days = schedule.between(max(first, FIRST_DAY), newest, config.arxiv.holidays)
    return tuple(day for day in days if not _complete(config, store, day))


def _complete(config: Config, store: Store, day: date) -> bool:
    try:
        edition = store.load(day)
    except RecordError:
        return False  # its run says what is wrong
    return bool(edition and not edition.count("pending") and selection.missing_rules(config.rules, edition) is None)


def model_of(config: Config) -> str:
    """The model to ask for; an engine without one must not answer in the name of another's."""
    return "echo" if config.engine.name == "echo" else config.engine.model


def day_of(config: Config, order: Order, clock: Clock) -> date:
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


# ------------------------------------------------------------------------------------------ collect and arrange


def collect(
    config: Config, order: Order, day: date, clock: Clock, watch: Watch = unwatched
) -> tuple[Edition, Mapping[str, str]]:
    """The arranged edition of `day`, what is on file joined by what was asked for beside it; and recorded replies."""
    saved = Store(config.output).load(day)
    if saved is not None:
        # An invented day is no beginning of a real one, nor the other way round.
        saved = None if (saved.source == "sample") != order.sample else _without_echo(config, saved)
    if not (order.refresh or order.sample or order.papers):
        rules = selection.missing_rules(config.rules, saved)
        if saved is not None and rules is None:
            return selection.arrange(_completed(config, saved), config.rules), {}
    else:
        rules = config.rules
    rules = rules or config.rules
    watch("collect", 0, 0)
    listing = _listing(config, order, day, rules, clock)
    edition = selection.edition_of(listing, rules, config.language)
    log.info("collect %s: %d papers from the %s", day, len(edition.entries), edition.source)
    edition = selection.carried(edition, saved) if saved else edition
    return selection.arrange(edition, config.rules), listing.replies


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
    return complete(listing, _known(api, new))


def _known(api: "ArxivApi", ids: Sequence[str]) -> Mapping[str, Paper]:
    """What the search API knows of papers that the feed announced; nothing, if it is down: the feed is what counts."""
    try:
        return api.papers(ids)
    except SourceError as error:
        log.warning("%s; going on with what the feed says", error)
        return {}


def _completed(config: Config, edition: Edition) -> Edition:
    """The edition with the metadata that the search API did not give when the feed was read."""
    bare = {entry.paper.arxiv_id: entry for entry in edition.entries if entry.paper.submitted is None}
    if edition.source != "feed" or not bare:
        return edition
    from .sources.arxiv_api import ArxivApi
    from .sources.rss import complete, is_about_unknown

    known = _known(ArxivApi(_session(config), config.arxiv.api), list(bare))
    items = tuple(Listed(entry.paper, entry.announce_type) for entry in edition.entries)
    had = {one.paper.arxiv_id: one.paper for one in items if one.paper.arxiv_id not in bare}
    listing = complete(Listing(edition.announced, "feed", items), {**had, **known})
    papers = {one.paper.arxiv_id: one.paper for one in listing.items}
    entries = [entry.model_copy(update={"paper": papers[arxiv_id]}) for arxiv_id, entry in bare.items()]
    notes = (*(note for note in edition.notes if not is_about_unknown(note)), *listing.notes)
    return edition.with_entries(entries).model_copy(update={"notes": notes})


def _session(config: Config) -> "PoliteSession":
    from .polite import PoliteSession

    return PoliteSession(delay_seconds=config.arxiv.delay_seconds, timeout_seconds=config.arxiv.timeout_seconds)


# ------------------------------------------------------------------------------------------ summarize


@contextmanager
def cached_engine(config: Config, clock: Clock) -> Iterator[CachedEngine]:
    """The engine behind the cache of replies; it is opened when something is left to ask."""

    def opened() -> Engine:
        settings = config.engine
        return open_engine(
            settings.name,
            base_url=settings.base_url,
            api_key=config.key() if settings.name == "chat" or config.api_key else "",
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


def summarize(config: Config, edition: Edition, engine: Engine, watch: Watch = unwatched) -> Edition:
    """
    The edition with every card that can be had; what has one is judged again and not asked for.

    Raises:
        EngineError: the service is gone or refuses; what it answered before is saved.
    """
    edition = _rejudged(edition, config.language)
    todo = [entry for entry in edition.entries if entry.card is None]
    settled: list[Entry] = []
    try:
        watch("summarize", 0, len(todo))
        for entry in summary.summarize(todo, engine, read_prompt(config), model=model_of(config)):
            settled.append(entry)
            watch("summarize", len(settled), len(todo))
    finally:
        edition = edition.with_entries(settled)
        Store(config.output).save(edition)
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
    editions, damaged = readable(store)
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


def render_again(
    config: Config, days: Iterable[date] | None, watch: Watch = unwatched
) -> tuple[tuple[str, ...], tuple[RecordError, ...]]:
    """As `render`, while no run works on the folder."""
    store = Store(config.output)
    if not store.dates():
        return render(config, days, watch)  # which says so, and leaves no trace
    with store.locked():
        return render(config, days, watch)


def _up_to_date(config: Config, store: Store, edition: Edition) -> bool:
    """Whether the pages of an edition, and those about all, are as new as everything they are made from."""
    keywords = KEYWORD_PAGES if any(section.kind == "keyword" for section in edition.sections) else ()
    own = [page.format(day=edition.announced) for page in DAY_PAGES]
    looks = [*resources.program(config.home), *(path for path in [config.file] if path)]
    return store.fresh(own, [store.path(edition.announced), *looks]) and store.fresh(
        (*WHOLE_PAGES, *keywords), [*map(store.path, store.dates()), *looks]
    )


def readable(store: Store) -> tuple[Sequence[Edition], Sequence[RecordError]]:
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
