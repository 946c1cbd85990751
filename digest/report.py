"""What editions say in numbers: ledgers, tokens, money. Rows for the terminal, for --json and for pages.

Pure: takes editions, returns rows; how a row looks is decided where it is shown.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from . import money
from .models import Bill, Edition, Entry


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
    """What one model was paid for, on one announcement date; a second currency has a row of its own."""

    announced_on: date
    engine: str
    model: str
    replies: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost: float | None = None  #: of the replies with a known price; None: of none is one known
    currency: str | None = None
    unpriced: int = 0  #: replies without a price


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


def summed(rows: Iterable[Spent], group: Callable[[Spent], str]) -> Iterator[tuple[str, tuple[Bill, ...]]]:
    """Yield the bills of all rows of a group, by the group's name: of a month, of a model."""
    groups: dict[str, list[Bill]] = {}
    for row in rows:
        fields = {name: getattr(row, name) for name in Bill.model_fields}
        groups.setdefault(group(row), []).append(Bill(**fields))
    for name, bills in sorted(groups.items()):
        yield name, money.merged(bills)
