"""The head of an edition: what pages about all editions need of it without opening it; and what each date took.

Pure: editions in, heads out. store.py keeps them beside the records, so that a night parses one edition whole.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from math import fsum
from typing import Literal

from .models import Bill, Change, Edition, Record, Source, Utc
from .money import PLACES, Prices, cost_of, merged, paid
from .report import Ledger, Spent, ledger, missing

KEY_LENGTH = 12  #: of a reply's key: enough to tell all replies of a site apart

#: Of one reply: prompt tokens, completion tokens, cost and its currency (None: no price known), tokens that the service
#: had in its own cache, and which of the head's models wrote it. Tokens that the service did not count are None.
Paid = tuple[int | None, int | None, float | None, str | None, int | None, int]


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply, as far as its cost goes."""

    key: str  #: its first characters
    engine: str
    model: str
    prompt_tokens: int | None
    completion_tokens: int | None
    cost: float | None
    currency: str | None
    cached_tokens: int | None


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
    models: tuple[tuple[str, str], ...]  #: engine and model of its replies
    replies: dict[str, Paid]  #: by the first characters of a reply's key
    missing: dict[str, tuple[str, ...]]  #: papers without a card, and why
    waiting: int = 0  #: replacements that changed title or abstract and have no card
    drafts: int = 0  #: cards of the small model that comes with the program, replacements included

    @property
    def paid(self) -> Iterator[Reply]:
        """Its replies."""
        for key, (prompt, completion, cost, currency, cached, place) in self.replies.items():
            yield Reply(key, *self.models[place], prompt, completion, cost, currency, cached)


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
    models: dict[tuple[str, str], int] = {}
    replies: dict[str, Paid] = {}
    for one in paid(edition):
        place = models.setdefault((one.engine, one.model), len(models))
        counts = (one.prompt_tokens, one.completion_tokens, one.cost, one.currency, one.cached_tokens)
        replies[one.key[:KEY_LENGTH]] = (*counts, place)
    return Head(
        announced=edition.announced,
        language=edition.language,
        source=edition.source,
        asked=edition.categories or edition.keywords,
        ledger=ledger(edition),
        sections=tuple(sections_of(edition)),
        followed=_followed(edition),
        models=tuple(models),
        replies=replies,
        missing={entry.paper.arxiv_id: entry.problems for entry in missing(edition)},
        waiting=sum(entry.card is None and _is_rewritten(entry.change) for entry in edition.replacements),
        drafts=sum(entry.is_draft for entry in (*edition.entries, *edition.replacements)),
    )


def _is_rewritten(change: Change | None) -> bool:
    return change is not None and (change.title_changed or change.abstract_changed)


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


def priced(head: Head, prices: Prices) -> Head:
    """The head with a cost, by today's prices, for the replies that have none."""
    fresh = {
        one.key: (found, head.replies[one.key])
        for one in head.paid
        if one.cost is None and (found := cost_of(one, prices))
    }
    if not fresh:
        return head
    costs = {key: (old[0], old[1], *found, old[4], old[5]) for key, (found, old) in fresh.items()}
    return head.model_copy(update={"replies": head.replies | costs})


def spending(heads: Iterable[Head]) -> tuple[DaySpent, ...]:
    """What each date took, in the order of the heads; a reply that stands in several editions counts in the oldest."""
    own = _own(heads)
    all_costs = _costs(one for _, replies in own for one in replies)
    currency = min(all_costs, key=lambda name: (-all_costs[name], name), default=None)
    return tuple(_day(head, replies, currency) for head, replies in own)


def spent(heads: Iterable[Head]) -> Iterator[Spent]:
    """Yield a row for each date and model, in the order of the heads; counted as in `spending`."""
    for head, replies in _own(heads):
        kinds: dict[tuple[str, str, str | None], list[Reply]] = {}
        for one in replies:
            kinds.setdefault((one.engine, one.model, one.currency), []).append(one)
        for bill in merged(map(_bill, kinds.values())):
            yield Spent(announced_on=head.announced, **bill.model_dump())


def _own(heads: Iterable[Head]) -> list[tuple[Head, list[Reply]]]:
    """Each head with the replies that no older one has."""
    heads = list(heads)
    first: dict[str, date] = {}
    for head in heads:
        for key in head.replies:
            first[key] = min(head.announced, first.get(key, head.announced))
    return [(head, [one for one in head.paid if first[one.key] == head.announced]) for head in heads]


def _bill(replies: list[Reply]) -> Bill:
    """The bill of replies of one model, in one currency or all without a price."""
    one, costs = replies[0], [reply.cost for reply in replies if reply.cost is not None]
    return Bill(
        engine=one.engine,
        model=one.model,
        replies=len(replies),
        prompt_tokens=sum(reply.prompt_tokens or 0 for reply in replies),
        cached_tokens=sum(reply.cached_tokens or 0 for reply in replies),
        completion_tokens=sum(reply.completion_tokens or 0 for reply in replies),
        cost=round(fsum(costs), PLACES) if costs else None,
        currency=one.currency if costs else None,
        unpriced=len(replies) - len(costs),
    )


def _costs(replies: Iterable[Reply]) -> Mapping[str, float]:
    """Money by currency; empty where no price is known."""
    found: dict[str, list[float]] = {}
    for one in replies:
        if one.cost is not None:
            found.setdefault(one.currency or "", []).append(one.cost)
    return {currency: round(fsum(costs), PLACES) for currency, costs in found.items()}


def _day(head: Head, replies: list[Reply], currency: str | None) -> DaySpent:
    costs = _costs(replies)
    return DaySpent(
        announced_on=head.announced,
        cost=costs.get(currency or "", 0.0 if costs else None),
        currency=currency if costs else None,
        replies=len(replies),
        prompt_tokens=sum(one.prompt_tokens or 0 for one in replies),
        completion_tokens=sum(one.completion_tokens or 0 for one in replies),
        cards=head.ledger.shown + head.ledger.flagged,
    )
