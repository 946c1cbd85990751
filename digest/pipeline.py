"""The stages in order: collect, arrange, summarize, render; the first three save the Edition.

Brings the edges together; decides nothing that a pure module could decide and prints nothing.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from . import (
    backends,
    changes,
    frontpage,
    glossary,
    history,
    listings,
    money,
    prompts,
    rejudging,
    resources,
    selection,
    sites,
    summary,
)
from .agenda import Order, day_of, gaps, nothing_announced
from .config import Config
from .engines import Engine
from .engines.budgeted import Meter
from .engines.recorded import RecordedEngine
from .errors import ConfigError, EngineError, RecordError, SourceError
from .languages import language_of
from .listings import Clock
from .models import Bill, Edition, Entry, KeywordTables, Page, Paper
from .render import (
    DAY_PAGES,
    KEYWORD_PAGES,
    SECTION_PAGES,
    SECTIONS,
    WHOLE_PAGES,
    Look,
    Volumes,
    left_over,
    open_formats,
)
from .render.layout import section_path
from .store import Store

log = logging.getLogger(__name__)

Watch = Callable[[str, int, int], None]  #: stage, done, of how many (0: not known)


def unwatched(stage: str, done: int, total: int) -> None:
    """Watch nothing."""


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
    _follow_keywords(config, desk, store)
    failure = None
    with backends.cached_engine(config, clock, meter) as cached:
        try:
            edition = summarize(config, edition, RecordedEngine(replies, cached, clock), watch)
            edition = describe(config, edition, cached)
        except EngineError as error:
            failure, edition = error, store.load(day) or edition
    written: tuple[str, ...] = ()
    if not _up_to_date(config, store, edition):
        written, damaged = render(config, [day], watch)
        for other in damaged:
            log.warning("%s; it is left out of the archive", other)
    elif config.readme:  # which its owner may have changed since
        frontpage.refresh(config.readme, config.output, look_of(config), opened(config, store)[0])
    if failure:
        raise failure
    seconds = time.monotonic() - began
    return Outcome(day, edition, None, cached.sent, written, seconds, gaps(config, order, day), meter.bills)


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
    known = set(store.dates())
    if not known:
        raise ConfigError(f"no edition in {config.output}", hint="digest run --category cs.CV makes one")
    wanted = known if days is None else set(days)
    if lost := wanted - known:
        raise ConfigError(f"no edition of {min(lost)} in {config.output}", hint=f"digest run --date {min(lost)}")
    volumes, damaged = opened(config, store)
    formats = open_formats(look_of(config))

    def pages() -> Iterator[Page]:
        todo = [head.announced for head in volumes.heads if head.announced in wanted]
        for done, day in enumerate(todo):
            watch("render", done, len(todo))
            if edition := store.load(day):
                yield from (page for one in formats for page in one.day(edition))
        yield from (page for one in formats for page in one.whole(volumes))

    if config.readme:
        frontpage.examine(config.readme)  # before anything is written
    made: set[str] = set()
    written = store.write(_noted(pages(), made))
    for gone in store.remove(left_over(made)):
        log.info("%s/%s: removed, the keywords take less room now", config.output, gone)
    for gone in store.remove(store.orphans(made, SECTIONS, DAY_PAGES)):
        log.info("%s/%s: removed, no edition makes it now", config.output, gone)
    if config.readme:
        frontpage.refresh(config.readme, config.output, look_of(config), volumes)
    return written, tuple(damaged)


def _noted(pages: Iterable[Page], made: set[str]) -> Iterator[Page]:
    """Yield the pages, and put their paths into `made`."""
    for page in pages:
        made.add(page.path)
        yield page


def look_of(config: Config) -> Look:
    """What the pages look like, as configured."""
    limits = {one.title: one.limit for one in config.section}
    return Look(
        folders=resources.folders("templates", config.home),
        limits=limits,
        site_url=f"{config.site_url}/" if config.site_url else "",
        siblings=config.siblings,
    )


#: The modules that decide what a head says.
_HEADS = ("heads.py", "models.py", "money.py", "report.py")


def opened(config: Config, store: Store) -> tuple[Volumes, Sequence[RecordError]]:
    """All editions that can be read, newest first, and what was wrong with the others."""
    made_by = resources.fingerprint(*_HEADS)
    heads, damaged = store.each(lambda day: store.head(day, made_by))
    return Volumes(tuple(heads), store.part, followed(config, store)), damaged


def followed(config: Config, store: Store) -> KeywordTables | None:
    """The saved tables of keywords, where keywords are all that is followed."""
    return None if config.categories else store.load_tables()


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
    followed = (not config.categories and store.tables()) or any(one.kind == "keyword" for one in edition.sections)
    keywords = KEYWORD_PAGES if followed else ()
    own = [page.format(day=edition.announced) for page in DAY_PAGES]
    paths = (section_path(one.kind, one.title) for one in edition.sections)
    sections = [page.format(path=path) for path in paths for page in SECTION_PAGES]
    looks = [*resources.program(config.home), *(path for path in [config.file] if path)]
    return store.fresh(own, [store.path(edition.announced), *looks]) and store.fresh(
        (*WHOLE_PAGES, *sections, *keywords), [*map(store.path, store.dates()), *store.tables(), *looks]
    )


def readable(store: Store) -> tuple[Sequence[Edition], Sequence[RecordError]]:
    """All editions that can be read, newest first, and what was wrong with the others."""
    editions, damaged = store.each(store.load)
    return [one for one in editions if one], damaged
