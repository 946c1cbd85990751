"""The head of an edition: what pages about all editions need of it without opening it; and what each date took.

Pure: editions in, heads out. store.py keeps them beside the records, so that a night parses one edition whole.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from math import fsum
from typing import Literal

from .models import Edition, Record, Source, Utc
from .money import PLACES, paid
from .report import Ledger, ledger

KEY_LENGTH = 12  #: of a reply's key: enough to tell all replies of a site apart

#: Of one reply: prompt tokens, completion tokens, cost and its currency (None: no price known).
Paid = tuple[int, int, float | None, str | None]


class HeadSection(Record):
    """A section of a day: its title and its papers."""

    title: str  #: empty where the papers belong to no section
    kind: Literal["category", "keyword", "rest"]
    arxiv_ids: tuple[str, ...]  #: in reading order, each once
    replaced: tuple[str, ...] = ()  #: replacements that it names; the page has a list of its own for them


class Head(Record):
    """One edition in short."""

    announced: date
    language: str
    source: Source
    asked: tuple[str, ...]  #: categories, or keywords where no category was asked
    ledger: Ledger
    sections: tuple[HeadSection, ...]
    followed: dict[str, tuple[int, Utc | None]]  #: papers of keyword sections: version, and when it was sent in
    replies: dict[str, Paid]  #: by the first characters of a reply's key


@dataclass(frozen=True, slots=True)
class DaySpent:
    """What one announcement date took."""

    announced_on: date
    cost: float | None  #: in `currency`, of the replies with a known price; None: of none is one known
    currency: str | None  #: the one in which the most of all was paid, if several come together
    replies: int
    prompt_tokens: int
    completion_tokens: int
    cards: int  #: shown or flagged

    @property
    def tokens(self) -> int:
        """Of prompts and replies together."""
        return self.prompt_tokens + self.completion_tokens


def head_of(edition: Edition) -> Head:
    """The head of one edition."""
    return Head(
        announced=edition.announced,
        language=edition.language,
        source=edition.source,
        asked=edition.categories or edition.keywords,
        ledger=ledger(edition),
        sections=tuple(sections_of(edition)),
        followed=_followed(edition),
        replies={
            one.key[:KEY_LENGTH]: (one.prompt_tokens or 0, one.completion_tokens or 0, one.cost, one.currency)
            for one in paid(edition)
        },
    )


def sections_of(edition: Edition) -> Iterator[HeadSection]:
    """Yield the sections of an edition, and at the end what no section names: nothing is left out."""
    entries = {entry.paper.arxiv_id: None for entry in edition.entries}
    named: set[str] = set()
    for section in edition.sections:
        ids = dict.fromkeys(section.arxiv_ids)
        named |= ids.keys()
        here, replaced = tuple(one for one in ids if one in entries), tuple(one for one in ids if one not in entries)
        yield HeadSection(title=section.title, kind=section.kind, arxiv_ids=here, replaced=replaced)
    if rest := tuple(one for one in entries if one not in named):
        yield HeadSection(title="", kind="rest", arxiv_ids=rest)


def _followed(edition: Edition) -> dict[str, tuple[int, Utc | None]]:
    wanted = {one for section in edition.sections if section.kind == "keyword" for one in section.arxiv_ids}
    papers = (entry.paper for entry in (*edition.replacements, *edition.entries))
    return {paper.arxiv_id: (paper.version, paper.updated) for paper in papers if paper.arxiv_id in wanted}


def spending(heads: Iterable[Head]) -> tuple[DaySpent, ...]:
    """What each date took, in the order of the heads; a reply that stands in several editions counts in the oldest."""
    heads = list(heads)
    first: dict[str, date] = {}
    for head in heads:
        for key in head.replies:
            first[key] = min(head.announced, first.get(key, head.announced))
    own = [(head, [one for key, one in head.replies.items() if first[key] == head.announced]) for head in heads]
    all_costs = _costs(one for _, replies in own for one in replies)
    currency = min(all_costs, key=lambda name: (-all_costs[name], name), default=None)
    return tuple(_day(head, replies, currency) for head, replies in own)


def _costs(replies: Iterable[Paid]) -> Mapping[str, float]:
    """Money by currency; empty where no price is known."""
    found: dict[str, list[float]] = {}
    for _, _, cost, currency in replies:
        if cost is not None:
            found.setdefault(currency or "", []).append(cost)
    return {currency: round(fsum(costs), PLACES) for currency, costs in found.items()}


def _day(head: Head, replies: list[Paid], currency: str | None) -> DaySpent:
    costs = _costs(replies)
    return DaySpent(
        announced_on=head.announced,
        cost=costs.get(currency or "", 0.0 if costs else None),
        currency=currency if costs else None,
        replies=len(replies),
        prompt_tokens=sum(one[0] for one in replies),
        completion_tokens=sum(one[1] for one in replies),
        cards=head.ledger.shown + head.ledger.flagged,
    )
