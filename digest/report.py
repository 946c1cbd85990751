"""What editions say in numbers: ledgers, tokens, money. Rows for the terminal, for --json and for pages.

Pure: takes editions, returns rows; how a row looks is decided where it is shown.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from .models import Edition, Entry, Origin

MILLION = 1_000_000


class Price(Protocol):
    """Money for a million tokens."""

    @property
    def input(self) -> float: ...
    @property
    def output(self) -> float: ...
    @property
    def cached(self) -> float | None: ...


def cost(price: Price, prompt: int, completion: int, cached: int = 0) -> float:
    """Money for that many tokens; `cached` is the part of `prompt` that the service had in its own cache."""
    for_cached = price.input if price.cached is None else price.cached
    return ((prompt - cached) * price.input + cached * for_cached + completion * price.output) / MILLION


@dataclass(frozen=True, slots=True)
class Ledger:
    """One edition counted: announced = shown + flagged + pending."""

    announced_on: date
    categories: tuple[str, ...]
    source: str
    announced: int
    cross: int  #: of them cross-lists
    shown: int
    flagged: int
    pending: int
    replacements: int


@dataclass(frozen=True, slots=True)
class Spent:
    """What one model was paid for, on one announcement date."""

    announced_on: date
    model: str
    replies: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int


def ledger(edition: Edition) -> Ledger:
    """The counts of one edition."""
    return Ledger(
        announced_on=edition.announced,
        categories=edition.categories,
        source=edition.source,
        announced=len(edition.entries),
        cross=sum(entry.announce_type == "cross" for entry in edition.entries),
        shown=edition.count("shown"),
        flagged=edition.count("flagged"),
        pending=edition.count("pending"),
        replacements=len(edition.replacements),
    )


def missing(edition: Edition) -> tuple[Entry, ...]:
    """The entries without a card."""
    return tuple(entry for entry in edition.entries if entry.state == "pending")


def spent(editions: Iterable[Edition]) -> Iterator[Spent]:
    """Yield a row for each date and model; a reply that stands in several editions counts in the first given."""
    seen: set[str] = set()
    for edition in editions:
        by_model: dict[str, list[Origin]] = {}
        for reply in (reply for entry in edition.entries for reply in entry.replies):
            if reply.key not in seen and reply.engine != "recorded":
                seen.add(reply.key)
                by_model.setdefault(reply.model, []).append(reply)
        for model, replies in sorted(by_model.items()):
            yield Spent(
                announced_on=edition.announced,
                model=model,
                replies=len(replies),
                prompt_tokens=sum(reply.prompt_tokens or 0 for reply in replies),
                cached_tokens=sum(reply.cached_tokens or 0 for reply in replies),
                completion_tokens=sum(reply.completion_tokens or 0 for reply in replies),
            )
