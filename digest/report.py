"""What editions say in numbers: ledgers, tokens, money. Rows for the terminal, for --json and for pages.

Pure: takes editions, returns rows; how a row looks is decided where it is shown.
"""

from collections import Counter
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
    """One edition counted: announced = primary + cross = shown + flagged + pending + excluded."""

    announced_on: date
    categories: tuple[str, ...]
    source: str
    announced: int
    primary: int  #: of them in a category asked for as their primary one: arXiv's "new"
    cross: int  #: of them cross-lists
    shown: int
    flagged: int
    pending: int
    excluded: int  #: by a rule of the reader's
    replacements: int  #: beside the announced ones
    by_rule: tuple[tuple[str, int], ...]  #: (rule, papers that it excludes), most papers first


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
    announced = (*edition.entries, *edition.excluded)
    types = Counter(entry.announce_type for entry in announced)
    rules = Counter(entry.excluded_by or "no rule named" for entry in edition.excluded)
    return Ledger(
        announced_on=edition.announced,
        categories=edition.categories,
        source=edition.source,
        announced=len(announced),
        primary=types["new"],
        cross=types["cross"],
        shown=edition.count("shown"),
        flagged=edition.count("flagged"),
        pending=edition.count("pending"),
        excluded=len(edition.excluded),
        replacements=len(edition.replacements),
        by_rule=tuple(sorted(rules.items(), key=lambda item: (-item[1], item[0]))),
    )


def missing(edition: Edition) -> tuple[Entry, ...]:
    """The entries without a card."""
    return tuple(entry for entry in edition.entries if entry.state == "pending")


def _paid(edition: Edition) -> Iterator[Origin]:
    """Yield every reply of an edition: also those for replacements, for their notes, and for what is excluded since."""
    for entry in (*edition.entries, *edition.replacements, *edition.excluded):
        yield from entry.replies
        if entry.change and entry.change.origin:
            yield entry.change.origin


def spent(editions: Iterable[Edition]) -> Iterator[Spent]:
    """Yield a row for each date and model; a reply that stands in several editions counts in the oldest."""
    editions = list(editions)
    paid: dict[str, date] = {}
    for edition in editions:
        for reply in _paid(edition):
            paid[reply.key] = min(edition.announced, paid.get(reply.key, edition.announced))
    for edition in editions:
        by_model: dict[str, list[Origin]] = {}
        for reply in _paid(edition):
            if reply.engine != "recorded" and paid.get(reply.key) == edition.announced:
                del paid[reply.key]  # once, though a card and its replies both name it
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
