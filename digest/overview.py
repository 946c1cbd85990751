"""What is on file and what a run would take: looks at everything and changes nothing."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from . import agenda, backends, heads, history, listings, money, pipeline, prompts, report, schedule
from .atomic import guarded
from .config import Config
from .engines.cached import open_cache
from .engines.shelf import reply_count
from .errors import ConfigError, DigestError, RecordError
from .models import Edition, Entry, Request
from .money import Price
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
    clock: listings.Clock,
    watch: pipeline.Watch = pipeline.unwatched,
) -> Estimate:
    """What `run` would send, without sending or saving anything; arXiv is asked where it must be."""
    day = agenda.day_of(config, order, clock)
    if agenda.nothing_announced(config, order, day, clock):
        return Estimate(day, 0, 0, 0, 0, None, None)
    edition, replies = pipeline.collect(config, order, day, desk, watch)
    cards, notes = (
        backends.misses(config, clock, asked) for asked in (_cards(config, edition, replies), _notes(config, edition))
    )
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
    for entry in (*edition.entries, *history.to_summarize(edition)):
        if entry.card is None and entry.paper.arxiv_id not in replies:
            yield prompts.ask(prompt, entry.paper, model=model)


def _notes(config: Config, edition: Edition) -> Iterator[Request]:
    prompt, model = pipeline.read_prompt(config, "change"), backends.model_of(config)
    for before, entry in pipeline.to_describe(config, edition):
        yield prompts.ask_change(prompt, before, entry.paper, model=model)


@dataclass(frozen=True, slots=True)
class Status:
    """What is on file."""

    editions: tuple[report.Ledger, ...]  #: newest first
    missing: tuple[tuple[date, Entry], ...]  #: entries without a card
    spent: tuple[report.Spent, ...]  #: by date and model
    days: tuple[heads.DaySpent, ...]  #: the same by date alone, newest first
    cache: Path
    cache_bytes: int
    replies: int  #: in the cache
    damaged: tuple[DigestError, ...]
    gaps: tuple[date, ...] = ()  #: listing dates between the oldest edition and today that have none


def status(config: Config, clock: listings.Clock) -> Status:
    """What is on file, without network; a damaged edition is told of, not stumbled over."""
    saved, unreadable = pipeline.readable(Store(config.output))
    prices = config.price_table
    editions = [money.priced(edition, prices) for edition in saved]  # today's price for what had none
    damaged: list[DigestError] = [*unreadable]
    with guarded(config.cache):
        files = [path for path in config.cache.glob("cache.db*") if path.is_file()]
    replies = 0
    try:
        replies = _reply_count(config.cache) if files else 0
    except (ConfigError, RecordError) as error:
        damaged.append(error)
    return Status(
        editions=tuple(report.ledger(edition) for edition in editions),
        missing=tuple((edition.announced, entry) for edition in editions for entry in report.missing(edition)),
        spent=tuple(report.spent(editions)),
        days=heads.spending(map(heads.head_of, editions)),
        cache=config.cache,
        cache_bytes=sum(path.stat().st_size for path in files),
        replies=replies,
        damaged=tuple(damaged),
        gaps=_gaps(config, clock),
    )


def _gaps(config: Config, clock: listings.Clock) -> tuple[date, ...]:
    known = set(Store(config.output).dates()) - {agenda.SAMPLE_DATE}
    if not known:
        return ()
    days = schedule.between(min(known), schedule.newest(clock(), config.arxiv.holidays), config.arxiv.holidays)
    return tuple(day for day in days if day not in known)


def _reply_count(folder: Path) -> int:
    cache = open_cache(folder)
    try:
        return reply_count(cache)
    except (TypeError, sqlite3.Error) as error:
        raise RecordError(f"{folder}/cache.db: damaged: {error}", hint="delete the folder; it costs replies") from error
    finally:
        cache.close()  # type: ignore[no-untyped-call]
