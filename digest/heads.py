"""The head of an edition: what pages about all editions need of it without opening it; and what each date took.

Pure: editions in, heads out. store.py keeps them beside the records, so that a night parses one edition whole.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from math import fsum
from typing import Any, Literal, Self

from .models import Bill, Change, Edition, Origin, Record, Source
from .money import COUNTS, PLACES, Prices, cost_of, merged, paid
from .report import Ledger, Spent, ledger, missing

KEY_LENGTH = 12  #: of a reply's key: enough to tell all replies of a site apart
_NONE = "-"  #: in a line of numbers

Kind = Literal["category", "keyword", "rest"]  #: of a section


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply, as far as its cost goes."""

    key: str  #: its first characters
    engine: str
    model: str
    prompt_tokens: int | None  #: None: the service did not count them
    completion_tokens: int | None
    cost: float | None  #: None: no price is known
    currency: str | None
    cached_tokens: int | None


class HeadSection(Record):
    """A section of a day: its title and its papers; a million identifiers stay lines of text until they are needed."""

    title: str  #: empty where the papers belong to no section
    kind: Kind
    papers: int
    ids: str  #: in reading order, each once, a space between
    replaced_ids: str = ""

    @classmethod
    def of(cls, title: str, kind: Kind, arxiv_ids: Collection[str], replaced: Iterable[str] = ()) -> Self:
        """The section with these papers."""
        ids, others = " ".join(arxiv_ids), " ".join(replaced)
        return cls(title=title, kind=kind, papers=len(arxiv_ids), ids=ids, replaced_ids=others)

    @property
    def arxiv_ids(self) -> tuple[str, ...]:
        """Its papers, in reading order, each once."""
        return tuple(self.ids.split())

    @property
    def replaced(self) -> tuple[str, ...]:
        """The replacements that it names; the page has a list of its own for them."""
        return tuple(self.replaced_ids.split())


class Head(Record):
    """One edition in short."""

    announced: date
    language: str
    source: Source
    asked: tuple[str, ...]  #: categories, or keywords where no category was asked
    ledger: Ledger
    sections: tuple[HeadSection, ...]
    in_keywords: str  #: papers of keyword sections: "id version moment", with a ";" between; see `followed`
    models: tuple[tuple[str, str], ...]  #: engine and model of its replies
    currencies: tuple[str, ...]  #: in which they were paid
    keys: str  #: the first characters of each reply's key, a space between
    counts: str  #: of each reply the numbers that `replies` reads, with a ";" between
    bills: tuple[Bill, ...]  #: what its replies come to, by engine, model and currency
    missing: dict[str, tuple[str, ...]]  #: papers without a card, and why
    waiting: int = 0  #: replacements that changed title or abstract and have no card
    drafts: int = 0  #: cards of the small model that comes with the program, replacements included

    @property
    def followed(self) -> Iterator[tuple[str, int, datetime | None]]:
        """The papers of keyword sections, each once: identifier, version, and when that was sent in (UTC)."""
        for one in filter(None, self.in_keywords.split(";")):
            arxiv_id, version, moment = one.split(" ")
            yield arxiv_id, int(version), None if moment == _NONE else datetime.fromisoformat(moment)

    def replies(self, keys: Collection[str] | None = None) -> Iterator[Reply]:
        """Yield its replies, or those with one of some keys."""
        for key, line in zip(self.keys.split(), self.counts.split(";"), strict=False):
            if keys is not None and key not in keys:
                continue
            prompt, completion, cost, currency, cached, place = line.split(" ")
            yield Reply(
                key,
                *self.models[int(place)],
                _number(prompt),
                _number(completion),
                None if cost == _NONE else float(cost),
                None if currency == _NONE else self.currencies[int(currency)],
                _number(cached),
            )


def _number(text: str) -> int | None:
    return None if text == _NONE else int(text)


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
    replies = [_reply(one) for one in paid(edition)]
    return Head(
        announced=edition.announced,
        language=edition.language,
        source=edition.source,
        asked=edition.categories or edition.keywords,
        ledger=ledger(edition),
        sections=tuple(sections_of(edition)),
        in_keywords=";".join(_followed(edition)),
        **_bought(replies),
        missing={entry.paper.arxiv_id: entry.problems for entry in missing(edition)},
        waiting=sum(entry.card is None and _is_rewritten(entry.change) for entry in edition.replacements),
        drafts=sum(entry.is_draft for entry in (*edition.entries, *edition.replacements)),
    )


def _reply(one: Origin) -> Reply:
    tokens = one.prompt_tokens, one.completion_tokens
    key = "_".join(one.key.split())[:KEY_LENGTH] or "_"  # it stands in a line of keys
    return Reply(key, one.engine, one.model, *tokens, one.cost, one.currency, one.cached_tokens)


def _bought(replies: Iterable[Reply]) -> dict[str, Any]:
    """What a head says of its replies."""
    once = {one.key: one for one in replies}
    models: dict[tuple[str, str], int] = {}
    currencies: dict[str, int] = {}
    lines = []
    for one in once.values():
        place = models.setdefault((one.engine, one.model), len(models))
        unit = None if one.currency is None else currencies.setdefault(one.currency, len(currencies))
        numbers = (one.prompt_tokens, one.completion_tokens, one.cost, unit, one.cached_tokens, place)
        lines.append(" ".join(_NONE if number is None else repr(number) for number in numbers))
    return {
        "models": tuple(models),
        "currencies": tuple(currencies),
        "keys": " ".join(once),
        "counts": ";".join(lines),
        "bills": tuple(_bills(once.values())),
    }


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
        yield HeadSection.of(section.title, section.kind, here, replaced)
    if rest := tuple(one for one in entries if one not in named):
        yield HeadSection.of("", "rest", rest)


def _followed(edition: Edition) -> Iterator[str]:
    wanted = {one for section in edition.sections if section.kind == "keyword" for one in section.arxiv_ids}
    papers = {entry.paper.arxiv_id: entry.paper for entry in (*edition.replacements, *edition.entries)}
    for paper in papers.values():
        if paper.arxiv_id in wanted:
            moment = paper.updated.isoformat() if paper.updated else _NONE
            yield f"{paper.arxiv_id} {paper.version} {moment}"


def priced(head: Head, prices: Prices) -> Head:
    """The head with a cost, by today's prices, for the replies that have none."""
    if not any(bill.unpriced for bill in head.bills):
        return head

    def with_cost(one: Reply) -> Reply:
        found = cost_of(one, prices) if one.cost is None else None
        return replace(one, cost=found[0], currency=found[1]) if found else one

    return head.model_copy(update=_bought(map(with_cost, head.replies())))


def spending(heads: Iterable[Head]) -> tuple[DaySpent, ...]:
    """What each date took, in the order of the heads; a reply that stands in several editions counts in the oldest."""
    own = _own(heads)
    all_costs = _costs(bill for _, bills in own for bill in bills)
    currency = min(all_costs, key=lambda name: (-all_costs[name], name), default=None)
    return tuple(_day(head, bills, currency) for head, bills in own)


def spent(heads: Iterable[Head]) -> Iterator[Spent]:
    """Yield a row for each date and model, in the order of the heads; counted as in `spending`."""
    for head, bills in _own(heads):
        for bill in merged(bills):
            yield Spent(announced_on=head.announced, **bill.model_dump())


def _own(heads: Iterable[Head]) -> list[tuple[Head, tuple[Bill, ...]]]:
    """Each head with the bills for replies that no older one has."""
    heads, seen = list(heads), set[str]()
    found: dict[int, tuple[Bill, ...]] = {}
    for place, head in sorted(enumerate(heads), key=lambda one: one[1].announced):
        keys = head.keys.split()
        again = seen.intersection(keys)
        found[place] = tuple(_less(head.bills, _bills(head.replies(again)))) if again else head.bills
        seen.update(keys)
    return [(head, found[place]) for place, head in enumerate(heads)]


def _less(bills: Iterable[Bill], others: Iterable[Bill]) -> Iterator[Bill]:
    """Yield bills without what others of theirs count."""
    gone = {(one.engine, one.model, one.currency): one for one in others}
    for bill in bills:
        other = gone.get((bill.engine, bill.model, bill.currency))
        if other is None:
            yield bill
        elif bill.replies > other.replies:
            counts = {name: getattr(bill, name) - getattr(other, name) for name in COUNTS}
            cost = None if bill.cost is None else round(bill.cost - (other.cost or 0.0), PLACES)
            yield bill.model_copy(update={**counts, "cost": cost})


def _bills(replies: Iterable[Reply]) -> Iterator[Bill]:
    """Yield a bill for each engine, model and currency; what has no price has bills of its own."""
    kinds: dict[tuple[str, str, str | None], list[Reply]] = {}
    for one in replies:
        kinds.setdefault((one.engine, one.model, None if one.cost is None else one.currency), []).append(one)
    yield from map(_bill, kinds.values())


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


def _costs(bills: Iterable[Bill]) -> Mapping[str, float]:
    """Money by currency; empty where no price is known."""
    found: dict[str, list[float]] = {}
    for one in bills:
        if one.cost is not None:
            found.setdefault(one.currency or "", []).append(one.cost)
    return {currency: round(fsum(costs), PLACES) for currency, costs in found.items()}


def _day(head: Head, bills: Sequence[Bill], currency: str | None) -> DaySpent:
    costs = _costs(bills)
    return DaySpent(
        announced_on=head.announced,
        cost=costs.get(currency or "", 0.0 if costs else None),
        currency=currency if costs else None,
        replies=sum(one.replies for one in bills),
        prompt_tokens=sum(one.prompt_tokens for one in bills),
        completion_tokens=sum(one.completion_tokens for one in bills),
        cards=head.ledger.shown + head.ledger.flagged,
    )
