"""What replies cost: prices by model, the cost of one reply, the receipt of an edition.

Pure: numbers and editions in, numbers and editions out. Where prices come from is for services.py and config.py.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from math import fsum
from typing import Protocol

from .models import Bill, Card, Edition, Entry, Origin
from .plaintext import counted

MILLION = 1_000_000
PLACES = 10  #: decimals of a cost: a token of the cheapest model has eight
FREE = ("recorded", "echo")  #: engines whose replies no service has written
BATCH_SHARE = 0.5  #: of the price, where replies may take a day (OpenAI's Batch API)

_DATED = re.compile(r"-\d{4}-?\d\d-?\d\d$")  #: how services mark the day of a model's version


@dataclass(frozen=True, slots=True)
class Price:
    """Money for a million tokens."""

    input: float
    output: float
    cached: float | None = None  #: of the input tokens that the service had in its own cache; None: as `input`
    currency: str = "USD"
    source: str = "digest.toml"  #: who says so, and as of when

    def cost(self, prompt: int, completion: int, cached: int = 0) -> float:
        """
        Money for that many tokens; `cached` is a part of `prompt`.

        >>> Price(input=2.0, output=8.0, cached=0.5).cost(1_000_000, 500_000, cached=200_000)
        5.7
        """
        for_cached = self.input if self.cached is None else self.cached
        cached = min(cached, prompt)
        money = (prompt - cached) * self.input + cached * for_cached + completion * self.output
        return round(money / MILLION, PLACES)

    def times(self, share: float) -> "Price":
        """The price at a discount."""
        cached = None if self.cached is None else self.cached * share
        return replace(self, input=self.input * share, output=self.output * share, cached=cached)


NOTHING = Price(0.0, 0.0, source="a model on this machine")


@dataclass(frozen=True, slots=True)
class Prices:
    """The price tables of a configuration; the user's own come before those that the program knows."""

    own: Mapping[str, Price] = field(default_factory=dict)  #: by the model's name
    known: Mapping[str, Price] = field(default_factory=dict)
    others: Price | None = None  #: of every other model: where a service asks for no money

    def of(self, model: str, engine: str = "chat") -> Price | None:
        """
        The price of a model as services name it, with the date of its version or without; None: not known.

        >>> Prices(own={"gpt-4o-mini": Price(0.15, 0.6)}).of("gpt-4o-mini-2024-07-18", "batch").output
        0.3
        >>> Prices(own={"gpt-4o": Price(2.5, 10)}).of("gpt-4o-mini") is None
        True
        """
        if engine == "local":
            return NOTHING
        names = (model, _DATED.sub("", model))
        found = (table[name] for table in (self.own, self.known) for name in names if name in table)
        price = next(found, self.others)
        return price.times(BATCH_SHARE) if price and engine == "batch" else price


class Usage(Protocol):
    """A reply, as far as its cost goes: an Origin or a Completion."""

    @property
    def engine(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def prompt_tokens(self) -> int | None: ...
    @property
    def cached_tokens(self) -> int | None: ...
    @property
    def completion_tokens(self) -> int | None: ...


def cost_of(reply: Usage, prices: Prices) -> tuple[float, str] | None:
    """Money and currency of a reply; None: no price is known, the service counted no tokens, or nobody was asked."""
    price = prices.of(reply.model, reply.engine)
    if price is None or reply.engine in FREE:
        return None
    if reply.prompt_tokens is None or reply.completion_tokens is None:
        return None if price.input or price.output else (0.0, price.currency)
    return price.cost(reply.prompt_tokens, reply.completion_tokens, reply.cached_tokens or 0), price.currency


# ---- an edition ------------------------------------------------------------------------------------------------


def billed(edition: Edition, prices: Prices) -> Edition:
    """The edition with the cost of its replies and the receipt over them; done twice, it changes nothing more."""
    edition = priced(edition, prices)
    total = receipt(edition)
    return edition if total == edition.receipt else edition.model_copy(update={"receipt": total})


def priced(edition: Edition, prices: Prices) -> Edition:
    """
    The edition with a cost for every reply that has none yet; what is unknown stays so.

    A reply has one cost wherever it stands, and keeps it: other prices, later on, are for later replies.
    """
    known = {one.key: (one.cost, one.currency) for one in origins(edition) if one.cost is not None}

    def with_cost(one: Origin) -> Origin:
        if one.cost is not None or one.engine in FREE:
            return one
        found = known.get(one.key) or cost_of(one, prices)
        return one if found is None else one.model_copy(update={"cost": found[0], "currency": found[1]})

    if not any(with_cost(one) is not one for one in origins(edition)):
        return edition
    lists = {"entries": edition.entries, "replacements": edition.replacements, "excluded": edition.excluded}
    return edition.model_copy(
        update={name: tuple(_revalued(entry, with_cost) for entry in old) for name, old in lists.items()}
    )


class _Valued(Protocol):
    def __call__(self, one: Origin, /) -> Origin: ...


def _revalued(entry: Entry, with_cost: _Valued) -> Entry:
    def on_card(card: Card) -> Card:
        return card.model_copy(update={"origin": with_cost(card.origin)})

    change = entry.change
    if change and change.origin:
        change = change.model_copy(update={"origin": with_cost(change.origin)})
    return entry.model_copy(
        update={
            "card": entry.card and on_card(entry.card),
            "earlier": tuple(map(on_card, entry.earlier)),
            "replies": tuple(map(with_cost, entry.replies)),
            "change": change,
        }
    )


def origins(edition: Edition) -> Iterator[Origin]:
    """Yield where the replies of an edition come from, each as often as it stands there."""
    for entry in (*edition.entries, *edition.replacements, *edition.excluded):
        yield from entry.replies
        yield from (card.origin for card in (*entry.earlier, entry.card) if card)
        if entry.change and entry.change.origin:
            yield entry.change.origin


def paid(edition: Edition) -> Iterator[Origin]:
    """Yield each reply once that somebody may have been paid for: also for replacements, and for what is excluded."""
    once: dict[str, Origin] = {}
    for entry in (*edition.entries, *edition.replacements, *edition.excluded):
        note = entry.change.origin if entry.change else None
        for one in (*entry.replies, *([note] if note else [])):
            once.setdefault(one.key, one)
    yield from (one for one in once.values() if one.engine not in FREE)


# ---- bills -----------------------------------------------------------------------------------------------------


def receipt(edition: Edition) -> tuple[Bill, ...]:
    """What the replies of an edition came to, by engine and model."""
    return merged(bill_of(one, None if one.cost is None else (one.cost, one.currency)) for one in paid(edition))


def bill_of(reply: Usage, cost: tuple[float, str | None] | None) -> Bill:
    """The bill of one reply."""
    return Bill(
        engine=reply.engine,
        model=reply.model,
        replies=1,
        prompt_tokens=reply.prompt_tokens or 0,
        cached_tokens=reply.cached_tokens or 0,
        completion_tokens=reply.completion_tokens or 0,
        cost=cost[0] if cost else None,
        currency=cost[1] if cost else None,
        unpriced=0 if cost else 1,
    )


def merged(bills: Iterable[Bill]) -> tuple[Bill, ...]:
    """
    One bill for each engine and model, by name; another one for each further currency.

    What has no price is counted with what has: `unpriced` says how much that is.
    """
    by_model: dict[tuple[str, str], dict[str | None, list[Bill]]] = {}
    for bill in bills:
        by_model.setdefault((bill.engine, bill.model), {}).setdefault(bill.currency, []).append(bill)
    found: list[Bill] = []
    for _, by_currency in sorted(by_model.items()):
        unpriced = by_currency.pop(None, [])
        groups = [group for _, group in sorted(by_currency.items(), key=lambda item: str(item[0]))] or [[]]
        found += [_sum([*group, *(unpriced if nth == 0 else ())]) for nth, group in enumerate(groups)]
    return tuple(found)


def _sum(bills: list[Bill]) -> Bill:
    costs = [bill.cost for bill in bills if bill.cost is not None]
    return bills[0].model_copy(
        update={
            **{name: sum(getattr(bill, name) for bill in bills) for name in COUNTS},
            "cost": round(fsum(costs), PLACES) if costs else None,
        }
    )


COUNTS = ("replies", "prompt_tokens", "cached_tokens", "completion_tokens", "unpriced")


def totals(bills: Iterable[Bill]) -> dict[str, float]:
    """Money by currency, the most first; empty where no price is known."""
    by_currency: dict[str, list[float]] = {}
    for bill in bills:
        if bill.cost is not None:
            by_currency.setdefault(bill.currency or "", []).append(bill.cost)
    sums = {currency: round(fsum(costs), PLACES) for currency, costs in by_currency.items()}
    return dict(sorted(sums.items(), key=lambda item: (-item[1], item[0])))


def in_words(amount: float, currency: str | None) -> str:
    """
    An amount of money with as many decimals as say something.

    >>> in_words(0.04567, "USD"), in_words(12.3456, "CNY"), in_words(0.0, "USD"), in_words(0.000004249, "USD")
    ('0.0457 USD', '12.35 CNY', '0 USD', '0.0000042 USD')
    """
    amount = round(amount, PLACES)
    if amount >= 1:
        digits = f"{amount:,.2f}"
    elif amount >= 0.001:
        digits = f"{amount:.4f}"
    else:
        digits = f"{Decimal(f'{amount:.1e}'):f}" if amount else "0"
    return f"{digits} {currency or ''}".rstrip()


def sum_in_words(bills: Iterable[Bill]) -> str:
    """
    What bills come to, and what is not known of it.

    >>> sum_in_words(())
    ''
    """
    bills = list(bills)
    amounts = {currency: amount for currency, amount in totals(bills).items() if amount} or totals(bills)
    words = " + ".join(in_words(amount, currency) for currency, amount in amounts.items())
    unpriced = sum(bill.unpriced for bill in bills)
    without = f"{counted(unpriced, 'reply', 'replies')} without a known price" if unpriced else ""
    return ", ".join(filter(None, [words, without]))
