"""What is on file and what a run would take: looks at everything and changes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path

from . import (
    agenda,
    backends,
    cache_rows,
    database,
    heads,
    listings,
    pipeline,
    postmarks,
    prompts,
    publishing,
    report,
    schedule,
)
from .atomic import guarded
from .config import Config
from .errors import DigestError, RecordError
from .hooks import Clock, Watch, unwatched
from .models import Edition, Request
from .money import Price
from .postmarks import Postmark
from .store import Store

NOTE_TOKENS = 100  #: of a usual note on a change


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run would ask of the model service."""

    announced: date
    papers: int
    requests: int
    prompt_tokens: int
    completion_tokens: int
    money: float | None  #: at full price, with nothing in the service's own cache; None: no price is known
    currency: str | None
    model: str = ""
    price: Price | None = None  #: what the money is reckoned with


def estimate(
    config: Config,
    order: agenda.Order,
    desk: listings.Desk,
    clock: Clock,
    watch: Watch = unwatched,
    look_back: pipeline.LookBack | None = None,
) -> Estimate:
    """
    What `run` would send, without sending or saving anything; arXiv is asked where it must be.

    `look_back` tells what other editions hold, where many dates share the knowledge of it.
    """
    day = agenda.day_of(config, order, clock)
    if agenda.nothing_announced(config, order, day, clock):
        return Estimate(day, 0, 0, 0, 0, None, None)
    look_back = look_back or partial(pipeline.earlier, Store(config.output))
    found = pipeline.gather(config, order, day, desk, watch)
    edition = pipeline.recognized(config, found, look_back)
    asked = (_cards(config, edition, found.replies), _notes(config, edition, look_back))
    cards, notes = (backends.misses(config, clock, one) for one in asked)
    misses = [*cards, *notes]
    tokens_in = sum(map(prompts.estimated_tokens, misses))
    tokens_out = len(cards) * prompts.REPLY_TOKENS + len(notes) * NOTE_TOKENS
    model, price = backends.model_of(config), backends.known_price(config)
    cost = price.cost(tokens_in, tokens_out) if price else None
    currency = price.currency if price else None
    return Estimate(day, len(edition.entries), len(misses), tokens_in, tokens_out, cost, currency, model, price)


def together(found: Sequence[Estimate]) -> Estimate:
    """What the runs of several dates would ask, under the first of them."""
    costs = [one.money for one in found if one.money is not None]
    return replace(
        max(found, key=lambda one: one.requests),  # of a date that knows the price, if any does
        announced=min(one.announced for one in found),
        papers=sum(one.papers for one in found),
        requests=sum(one.requests for one in found),
        prompt_tokens=sum(one.prompt_tokens for one in found),
        completion_tokens=sum(one.completion_tokens for one in found),
        money=sum(costs) if costs else None,
    )


def _cards(config: Config, edition: Edition, replies: Mapping[str, str]) -> Iterator[Request]:
    prompt, model = pipeline.read_prompt(config), backends.model_of(config)
    for entry in pipeline.to_ask(config, edition):
        if entry.paper.arxiv_id not in replies:
            yield prompts.ask(prompt, entry.paper, model=model)


def _notes(config: Config, edition: Edition, look_back: pipeline.LookBack) -> Iterator[Request]:
    prompt, model = pipeline.read_prompt(config, "change"), backends.model_of(config)
    for before, entry in pipeline.to_describe(config, edition, look_back):
        yield prompts.ask_change(prompt, before, entry.paper, model=model)


@dataclass(frozen=True, slots=True)
class Missing:
    """A paper without a card."""

    announced: date
    arxiv_id: str
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Delivery:
    """How an edition's way to one receiver stands."""

    announced: date
    mark: Postmark
    configured: bool  #: whether the receiver is still one of the configuration


@dataclass(frozen=True, slots=True)
class Status:
    """What is on file."""

    editions: tuple[report.Ledger, ...]  #: newest first
    missing: tuple[Missing, ...]
    spent: tuple[report.Spent, ...]  #: by date and model
    days: tuple[heads.DaySpent, ...]  #: the same by date alone, newest first
    cache: Path | str  #: where replies are kept: a folder, or the place of a shared store
    cache_bytes: int
    replies: int | None  #: in the cache; None: it can't be read now
    damaged: tuple[DigestError, ...]
    gaps: tuple[date, ...] = ()  #: listing dates between the oldest edition and today that have none
    deliveries: tuple[Delivery, ...] = ()  #: newest edition first
    unreadable: tuple[date, ...] = ()  #: dates whose edition is damaged
    newest: date | None = None  #: the newest listing that is out
    holidays: tuple[date, ...] = ()  #: beside arXiv's published list
    trouble: DigestError | None = None  #: with the cache, that is no damage


def status(config: Config, clock: Clock) -> Status:
    """What is on file, without network; whatever is damaged is told of, not stumbled over."""
    store, prices = Store(config.output), config.price_table
    found, unreadable = publishing.heads(store, keep=False)
    known = [heads.priced(one, prices) for one in found]  # today's price for what had none
    damaged: list[DigestError] = [*unreadable]
    try:
        store.load_tables()
    except RecordError as error:
        damaged.append(error)
    deliveries = _deliveries(config, store, damaged)
    place, size, replies, trouble = _shared(config) if config.store_url else (config.cache, *_cache(config.cache))
    if isinstance(trouble, RecordError):
        damaged.append(trouble)
    holidays = config.arxiv.holidays
    newest = schedule.newest(clock(), holidays)
    return Status(
        editions=tuple(one.ledger for one in known),
        missing=tuple(Missing(one.announced, *row) for one in known for row in one.missing.items()),
        spent=tuple(heads.spent(known)),
        days=heads.spending(known),
        cache=place,
        cache_bytes=size,
        replies=replies,
        damaged=tuple(damaged),
        gaps=_gaps(store.dates(), newest, holidays),
        deliveries=deliveries,
        unreadable=tuple(sorted(set(store.dates()) - {one.announced for one in known})),
        newest=newest,
        holidays=holidays,
        trouble=None if trouble in damaged else trouble,
    )


def _gaps(dates: Sequence[date], newest: date, holidays: Sequence[date]) -> tuple[date, ...]:
    known = set(dates) - {agenda.SAMPLE_DATE}
    return tuple(day for day in schedule.between(min(known), newest, holidays) if day not in known) if known else ()


def _deliveries(config: Config, store: Store, damaged: list[DigestError]) -> tuple[Delivery, ...]:
    """All marks; what is wrong with a file of them goes to `damaged`."""
    receivers, found = {one.name for one in config.deliver}, []
    for day in postmarks.dates(store):
        try:
            found += [Delivery(day, mark, mark.receiver in receivers) for mark in postmarks.load(store, day).marks]
        except DigestError as error:
            damaged.append(error)
    return tuple(found)


def _cache(folder: Path) -> tuple[int, int | None, DigestError | None]:
    """Bytes and replies of a cache, looked at without opening it for writing; and what is wrong with it."""
    size = 0
    try:
        with guarded(folder):
            files = [path for path in folder.glob("cache.db*") if path.is_file()]
            size = sum(path.stat().st_size for path in files)
        if not files:
            return 0, 0, None
        with cache_rows.opened(folder, traceless=True) as database:
            return size, cache_rows.reply_total(database), None
    except DigestError as error:
        return size, None, error


def _shared(config: Config) -> tuple[str, int, int | None, DigestError | None]:
    """Place, bytes and replies of a shared store, and why it can't be asked now."""
    place = database.VARIABLE
    try:
        with backends.open_shared(config) as replies:
            place = replies.place
            return place, replies.size(), replies.total(), None
    except DigestError as error:
        return place, 0, None, error
