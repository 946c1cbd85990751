"""The engine around an engine that counts what replies cost, and asks for nothing that a budget might not hold.

Sits behind the cache, for what is on disk is free. Counts and holds back; sends nothing itself.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Any, Literal

from .. import money
from ..errors import BudgetReached
from ..models import Answer, Bill, Completion, Request
from ..money import Price, Prices
from ..prompts import estimated_tokens
from . import Engine, Keep
from .keeping import Claiming
from .shelf import Spent

log = logging.getLogger(__name__)

MARGIN = 1.5  #: times the estimated tokens of a prompt: no tokenizer is that wordy
SCHEMA_TOKENS = 300  #: and more: the reply's schema and the marks between messages
LONGEST_REPLY = 8192  #: tokens, where a request sets no limit
TURN = "b" * 64  #: what a run claims while it spends of what all runs share; no request's key
NEXT = "c" * 64  #: what a run claims while it waits for the turn, so that the one that has it can tell
POLL = 0.1  #: seconds between two looks whether it is free
TURN_SECONDS = 60.0  #: that a run may have the turn while another waits for it
GLANCE = 1.0  #: seconds, after that, between two looks whether one does
LONG = 10.0  #: seconds of waiting that are worth a word
UNTOLD = (4000, 1600)  #: tokens, in and out, of a reply whose service counts none


@dataclass(slots=True)
class Meter:
    """What the replies of one date, or of a whole run, came to, by engine and model."""

    bills: tuple[Bill, ...] = ()
    within: "Meter | None" = None  #: counts them, too: of the run that the date is a part of

    def add(self, reply: Completion, prices: Prices) -> None:
        """Count a reply that has just come."""
        if reply.engine not in money.FREE:
            self.bills = money.merged((*self.bills, money.bill_of(reply, money.cost_of(reply, prices))))
        if self.within:
            self.within.add(reply, prices)

    @property
    def whole(self) -> "Meter":
        """The meter of the run."""
        return self.within.whole if self.within else self


@dataclass(frozen=True, slots=True)
class Limit:
    """How much may be spent."""

    name: str  #: of its key: "per_day"
    most: float
    unit: str  #: the currency, or "tokens"
    spent: Callable[[], float]  #: so far, with all that has come
    renews: str  #: when there is more, in words: "it is renewed at 00:00 UTC"

    def __str__(self) -> str:
        if self.unit == "tokens":
            return f"the budget {self.name} of {self.most:,.0f} tokens is used up: {self.spent():,.0f} are spent"
        said, most = money.in_words(self.spent(), self.unit), money.in_words(self.most, self.unit)
        return f"the budget {self.name} of {most} is used up: {said} is spent"


class BudgetedEngine:
    """An engine that counts its replies, and stops before a limit is exceeded."""

    def __init__(
        self, engine: Engine, meter: Meter, prices: Prices, limits: Sequence[Limit] = (), turns: Claiming | None = None
    ) -> None:
        """
        Keep the parts; nothing is sent.

        Args:
            engine: What answers.
            meter: Counts what its replies cost.
            prices: With one for every model that is asked, if any of the limits is one of money.
            limits: None: it only counts.
            turns: Of all runs that the limits count: one asks at a time, as none knows what another has in flight.
        """
        self._engine = engine
        self._meter = meter
        self._prices = prices
        self._limits = limits
        self._turns = turns
        self._flying: dict[str, Request] = {}  #: by key: taken, and without an answer so far
        self._worst: dict[str, float] = dict.fromkeys(("money", "tokens"), 0.0)  #: of what is flying
        self.keep: Keep | None = None  #: gets the answers as they arrive, before they are yielded

    def __getattr__(self, name: str) -> Any:
        """What else the engine inside has: its count of requests, for one."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._engine, name)

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
        """
        Answer every request that the limits hold.

        A request is taken if what was spent, the most that those in flight may cost and the most that it may cost
        itself exceed no limit. Where it is not, those in flight come in first: they mostly cost less. Where runs take
        turns, one without end lets another in now and then, with nothing in flight meanwhile.

        Raises:
            BudgetReached: the next request might exceed a limit though none is in flight; what came before is yielded.
        """
        todo = iter(requests)
        first = next(todo, None)
        while first is not None:
            with self._in_turn() as turns:
                yield from self._within_limits(chain([first], _of_turn(todo, turns) if turns else todo))
            if (first := next(todo, None)) is not None:
                time.sleep(2 * POLL)  # by then whoever waits has looked, and has the turn

    @contextmanager
    def _in_turn(self) -> Iterator[Claiming | None]:
        if self._turns is None:
            yield None
            return
        if not self._turns.take(TURN):
            _wait(self._turns)
        try:
            yield self._turns
        finally:
            self._turns.drop(TURN)

    def _within_limits(self, todo: Iterator[Request]) -> Iterator[tuple[Request, Answer]]:
        while (request := next(todo, None)) is not None:
            self._check(request)
            left: list[Request] = []
            try:
                yield from self._answered(self._affordable(chain([request], todo), left))
            finally:
                self._land(list(self._flying.values()))
            todo = chain(left, todo)

    def _answered(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
        early = hasattr(self._engine, "keep")
        if early:
            self._engine.keep = self._arrived  # type: ignore[attr-defined]
        for request, answer in self._engine.run(requests):
            if not early:
                self._arrived([(request, answer)])
            yield request, answer

    def _affordable(self, requests: Iterable[Request], left: list[Request]) -> Iterator[Request]:
        """Yield requests up to the first that is too much for now, which goes to `left`."""
        for request in requests:
            if self._limits and self._too_small(request):
                left.append(request)
                return
            self._flying[request.key] = request
            self._reserve(request, 1)
            yield request

    def _check(self, request: Request) -> None:
        limit = self._too_small(request)
        if limit is not None:
            log.info("%s: %s", request.subject or request.key, limit)
            raise BudgetReached(str(limit), hint=f"{limit.renews}; or raise {limit.name} in [budget]")

    def _too_small(self, request: Request) -> Limit | None:
        """The limit that the request might exceed, if any."""
        more = self._most(request) if self._limits else {}
        for limit in self._limits:
            unit = _kind(limit.unit)
            if limit.spent() + self._worst[unit] + more[unit] > limit.most:
                return limit
        return None

    def _arrived(self, answers: Sequence[tuple[Request, Answer]]) -> None:
        """Have answers kept, and so counted for all runs, before what was held back for them is free."""
        if self.keep is not None:
            self.keep(answers)
        for _, answer in answers:
            if isinstance(answer, Completion):
                self._meter.add(answer, self._prices)
        self._land([request for request, _ in answers])

    def _land(self, requests: Iterable[Request]) -> None:
        for request in requests:
            if self._flying.pop(request.key, None) is not None:
                self._reserve(request, -1)
        if not self._flying:
            self._worst = dict.fromkeys(self._worst, 0.0)  # no crumbs of rounding

    def _reserve(self, request: Request, sign: Literal[1, -1]) -> None:
        if self._limits:
            for unit, most in self._most(request).items():
                self._worst[unit] += sign * most

    def _most(self, request: Request) -> dict[str, float]:
        """The most that a request may take: money at its model's full price, and tokens."""
        asked = round(MARGIN * estimated_tokens(request)) + SCHEMA_TOKENS
        limits = (request.parameters.get(name) for name in ("max_tokens", "max_completion_tokens"))
        replied = next((limit for limit in limits if isinstance(limit, int)), LONGEST_REPLY)
        price = self._prices.of(request.model) or Price(0.0, 0.0)
        return {"money": price.cost(asked, replied), "tokens": asked + replied}


def _wait(turns: Claiming) -> None:
    """Wait until the turn is ours, which the run that has it is to see; after a while, say so."""
    log.info("waiting for another run, which spends of the same budget")
    began, is_next, is_told = time.monotonic(), False, False
    try:
        while not turns.take(TURN):
            is_next = is_next or turns.take(NEXT)
            if not is_told and time.monotonic() - began >= LONG:
                log.warning("another run spends of the same budget: waiting until it is done, or lets this one in")
                is_told = True
            time.sleep(POLL)
    finally:
        if is_next:
            turns.drop(NEXT)


def _of_turn(todo: Iterator[Request], turns: Claiming) -> Iterator[Request]:
    """Yield requests as long as the turn lasts: until another run waits for it. What is not yielded is not taken."""
    until = time.monotonic() + TURN_SECONDS
    while True:
        if time.monotonic() >= until:
            if not turns.take(NEXT):
                return
            turns.drop(NEXT)
            until = time.monotonic() + GLANCE
        if (request := next(todo, None)) is None:
            return
        yield request


def _kind(unit: str) -> Literal["money", "tokens"]:
    return "tokens" if unit == "tokens" else "money"


# ---- limits ----------------------------------------------------------------------------------------------------


SpentOn = Callable[[date], Mapping[str, Spent]]  #: what the replies of a day (UTC) came to, by model


def limits(
    *,
    per_run: float | None = None,
    per_day: float | None = None,
    per_month: float | None = None,
    tokens_per_day: int | None = None,
    price: Price | None,
    meter: Meter,
    spent: SpentOn,
    clock: Callable[[], datetime],
) -> tuple[Limit, ...]:
    """
    The limits that a budget sets.

    Args:
        per_run: Money, by what `meter` counts.
        per_day: Money, by what `spent` has of the day it is, UTC.
        per_month: Money, likewise.
        tokens_per_day: Of prompts and replies together.
        price: Of the model that is asked: for replies of unknown price, and for the currency.
        meter: Of this run, or of a part of it.
        spent: Of all runs; read for every request, so that two at once share one budget.
        clock: The time, UTC.
    """
    so_far = _Spending(price, meter, spent, clock)
    first = (clock().date().replace(day=1) + timedelta(days=31)).replace(day=1)
    midnight = "it is renewed at 00:00 UTC"
    found = (
        ("per_run", per_run, so_far.currency, so_far.of_run, "run the same command again"),
        ("per_day", per_day, so_far.currency, so_far.of_day, midnight),
        ("per_month", per_month, so_far.currency, so_far.of_month, f"it is renewed on {first}"),
        ("tokens_per_day", tokens_per_day, "tokens", so_far.tokens_of_day, midnight),
    )
    return tuple(Limit(name, most, *rest) for name, most, *rest in found if most is not None)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class _Spending:
    """What was spent so far, read anew each time: money in the currency of `price`, or tokens."""

    price: Price | None
    meter: Meter
    spent_on: SpentOn
    clock: Callable[[], datetime]
    earlier: dict[date, float] = field(default_factory=dict)  #: day -> what the days of its month before it came to

    @property
    def currency(self) -> str:
        return self.price.currency if self.price else ""

    def of_run(self) -> float:
        return sum(self._money(_spent(bill)) for bill in self.meter.whole.bills)

    def of_day(self) -> float:
        return self._money_on(self.clock().date())

    def of_month(self) -> float:
        day = self.clock().date()
        if day not in self.earlier:
            self.earlier[day] = sum(self._money_on(day.replace(day=n)) for n in range(1, day.day))
        return self.earlier[day] + self._money_on(day)

    def tokens_of_day(self) -> float:
        return sum(map(_tokens, self._paid_on(self.clock().date())))

    def _money_on(self, day: date) -> float:
        return sum(map(self._money, self._paid_on(day)))

    def _paid_on(self, day: date) -> Iterator[Spent]:
        return (one for name, one in self.spent_on(day).items() if name not in money.FREE)

    def _money(self, one: Spent) -> float:
        """Replies of an unknown price are taken to cost what the model in use does."""
        known, price = one.cost.get(self.currency, 0.0), self.price
        if not one.unpriced or price is None:
            return known
        if not one.prompt_tokens + one.completion_tokens:
            return known + one.unpriced * price.cost(*UNTOLD)
        share = one.unpriced / one.replies
        return known + share * price.cost(one.prompt_tokens, one.completion_tokens, one.cached_tokens)


def _tokens(one: Spent) -> int:
    return one.prompt_tokens + one.completion_tokens or one.replies * sum(UNTOLD)


def _spent(bill: Bill) -> Spent:
    cost = {} if bill.cost is None else {bill.currency or "": bill.cost}
    return Spent(**{name: getattr(bill, name) for name in money.COUNTS}, cost=cost)
