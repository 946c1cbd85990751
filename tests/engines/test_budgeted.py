"""The engine that counts money, and asks for nothing that a budget might not hold."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from itertools import chain, pairwise, repeat
from pathlib import Path
from threading import Event, Timer
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import FakeEngine, completion
from hypothesis import given
from hypothesis import strategies as st

from digest.engines import budgeted
from digest.engines.budgeted import LONGEST_REPLY, NEXT, SCHEMA_TOKENS, TURN, BudgetedEngine, Limit, Meter, limits
from digest.engines.cached import CachedEngine, Spent, open_cache
from digest.engines.claims import Claims
from digest.errors import BudgetReached, EngineError, EngineRefused
from digest.models import Answer, Completion, Request
from digest.money import Price, Prices

PRICE = Price(1.0, 1.0)  #: a millionth for each token
PRICES = Prices(own={"fake-1": PRICE})
WORST = 1000 + SCHEMA_TOKENS  #: tokens of the requests below, their prompt being next to nothing


def request(number: int, **fields: Any) -> Request:
    usual = {"model": "fake-1", "messages": ({"role": "user", "content": ""},), "parameters": {"max_tokens": 1000}}
    return Request(**{**usual, "take": number, "subject": str(number), **fields})


class Wide:
    """An engine that takes `slots` requests before it answers any; it hands answers over as they arrive."""

    def __init__(self, slots: int, answer: Callable[[Request], Answer] = lambda request: completion()) -> None:
        self.slots, self.answer = slots, answer
        self.keep: Callable[[Sequence[tuple[Request, Answer]]], None] | None = None
        self.sent, self.runs, self.most = 0, 0, 0

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
        todo = iter(requests)
        self.runs += 1
        while taken := [one for _, one in zip(range(self.slots), todo, strict=False)]:
            self.sent += len(taken)
            self.most = max(self.most, len(taken))
            for one in taken:
                answers = [(one, self.answer(one))]
                if self.keep is not None:
                    self.keep(answers)
                yield from answers


def budget(most: float, spent: Callable[[], float], unit: str = "USD") -> Limit:
    return Limit("per_run", most, unit, spent, "run the same command again")


def metered(engine: Any, tokens: float) -> tuple[BudgetedEngine, Meter]:
    """An engine with a budget for so many tokens a run."""
    meter = Meter()
    limit = budget(tokens / 1e6, lambda: sum(bill.cost or 0.0 for bill in meter.bills))
    return BudgetedEngine(engine, meter, PRICES, [limit]), meter


def answers(engine: BudgetedEngine | CachedEngine, count: int) -> tuple[list[str], BudgetReached | None]:
    """Who was answered, and what ended the run."""
    found: list[str] = []
    try:
        for asked, _ in engine.run(request(n) for n in range(1, count + 1)):
            found.append(asked.subject)
    except BudgetReached as error:
        return found, error
    return found, None


def test_without_limits_it_only_counts() -> None:
    """All is asked, and what it came to is on the meter."""
    meter = Meter()
    found, end = answers(BudgetedEngine(FakeEngine(), meter, PRICES), 3)

    assert (len(found), end) == (3, None)
    ((bill),) = meter.bills
    assert (bill.replies, bill.prompt_tokens, bill.cost) == (3, 2700, 0.0036)


def test_a_run_stops_before_the_budget_is_exceeded() -> None:
    """The next request is not asked if at its worst it would be too much; what came before is there."""
    engine, _ = metered(FakeEngine(), 2 * 1200 + WORST)

    found, end = answers(engine, 9)

    assert found == ["1", "2", "3"]
    assert end is not None
    assert str(end) == "the budget per_run of 0.0037 USD is used up: 0.0036 USD is spent"
    assert end.hint == "run the same command again; or raise per_run in [budget]"
    assert end.exit_code == 75


@pytest.mark.parametrize("tokens", [0, WORST - 1])
def test_a_budget_too_small_for_one_request_asks_nothing(tokens: int) -> None:
    """Not even the engine inside is started."""
    inside = Wide(4)
    engine, _ = metered(inside, tokens)

    assert answers(engine, 3)[0] == []
    assert inside.runs == 0


def test_a_budget_of_nothing_holds_what_costs_nothing() -> None:
    """Such as a model on the user's own machine."""
    meter = Meter()
    engine = BudgetedEngine(FakeEngine(), meter, Prices(others=Price(0.0, 0.0)), [budget(0.0, lambda: 0.0)])

    assert answers(engine, 3) == (["1", "2", "3"], None)


def test_what_is_in_flight_counts_at_its_worst() -> None:
    """Sixteen slots do not spend sixteen times what is left; once they are back, the rest of the budget is used."""
    inside = Wide(16)
    engine, meter = metered(inside, 5 * WORST + 1100)

    found, end = answers(engine, 40)

    assert end is not None
    assert found == ["1", "2", "3", "4", "5", "6"]
    assert (inside.runs, inside.most) == (2, 5)
    assert [bill.cost for bill in meter.bills] == [6 * 1200 / 1e6]


@given(
    st.integers(1, 8),
    st.integers(0, 30_000),
    st.lists(st.integers(0, 1000), min_size=1, max_size=30),
)
def test_no_budget_is_ever_exceeded(slots: int, tokens: int, replies: list[int]) -> None:
    """Whatever replies cost, up to their limit; and none is left unused that the next request surely fits in."""
    told = iter(replies)

    def answer(asked: Request) -> Completion:
        return completion(prompt_tokens=0, completion_tokens=next(told))

    engine, _ = metered(Wide(slots, answer), tokens)
    found, end = answers(engine, len(replies))
    spent = sum(replies[: len(found)])

    assert spent <= tokens
    assert found == [str(n) for n in range(1, len(found) + 1)]
    assert (end is None) == (len(found) == len(replies))
    if end is not None:
        assert spent + WORST > tokens


def test_a_request_without_a_limit_of_its_own_is_held_for_long() -> None:
    """The name of the limit may be the newer one."""
    bounded = request(1, parameters={"max_completion_tokens": 10})
    engine, _ = metered(FakeEngine(), SCHEMA_TOKENS + 10)
    assert [one.subject for one, _ in engine.run([bounded])] == ["1"]

    engine, _ = metered(FakeEngine(), SCHEMA_TOKENS + LONGEST_REPLY - 1)
    with pytest.raises(BudgetReached):
        list(engine.run([request(1, parameters={})]))


def test_failures_are_not_paid_for() -> None:
    """What was held back for them is free again."""
    failing = FakeEngine(lambda asked: EngineError("HTTP 500"))
    engine, meter = metered(failing, WORST)

    assert answers(engine, 5) == (["1", "2", "3", "4", "5"], None)
    assert meter.bills == ()


def test_an_error_of_the_engine_inside_is_passed_on() -> None:
    """And holds nothing back from a later run."""

    def refuse(asked: Request) -> Answer:
        if asked.take == 2:
            raise EngineRefused("no quota")
        return completion()

    engine, _ = metered(Wide(3, refuse), 3 * WORST)
    with pytest.raises(EngineRefused):
        list(engine.run(map(request, range(1, 4))))

    assert [one.subject for one, _ in engine.run([request(4)])] == ["4"]


def test_what_else_the_engine_has_is_seen_through() -> None:
    """How many requests it sent; an engine that does not count stays one."""
    inside = Wide(2)
    engine, _ = metered(inside, 1e9)
    answers(engine, 3)

    assert engine.sent == 3
    assert not hasattr(BudgetedEngine(FakeEngine(), Meter(), PRICES), "sent")


@pytest.mark.parametrize("inside", [Wide(4), FakeEngine()])
def test_replies_are_kept_before_they_are_seen(inside: Any, tmp_path: Any) -> None:
    """Behind a cache, whether or not the engine inside hands them over early; each is kept once."""
    cache: Any = open_cache(tmp_path)
    engine, meter = metered(inside, 1e9)
    cached = CachedEngine(engine, cache)
    for asked, _ in cached.run(request(n) for n in range(6)):
        assert cached.lookup(asked) is not None

    assert meter.bills[0].replies == 6
    assert cached.spent(completion().created.date())["fake-1"].replies == 6
    assert answers(cached, 5) == (["1", "2", "3", "4", "5"], None)
    assert meter.bills[0].replies == 6
    cache.close()


def test_after_the_budget_what_is_on_disk_is_handed_out(tmp_path: Any) -> None:
    """It costs nothing; a later run goes on where this one stopped."""
    cache: Any = open_cache(tmp_path)
    list(CachedEngine(FakeEngine(), cache).run([request(5)]))
    engine, _ = metered(Wide(4), 2 * WORST)

    found, end = answers(CachedEngine(engine, cache), 6)

    assert end is not None
    assert sorted(found) == ["1", "2", "5"]
    assert sorted(answers(CachedEngine(FakeEngine(), cache), 6)[0]) == list("123456")
    cache.close()


# ---- limits ----------------------------------------------------------------------------------------------------


NOW = datetime(2026, 11, 22, 23, 59, tzinfo=UTC)


def limited(
    ledger: Mapping[date, Mapping[str, Spent]], meter: Meter | None = None, now: datetime = NOW, **budget: Any
) -> Limit:
    (found,) = limits(
        **budget,
        price=PRICE,
        meter=meter or Meter(),
        spent=lambda day: ledger.get(day, {}),
        clock=lambda: now,
    )
    return found


def test_a_day_counts_all_runs_since_midnight() -> None:
    """UTC; all models, in the price's currency alone."""
    today = {"a": Spent(cost={"USD": 0.5}), "b": Spent(cost={"USD": 0.25, "CNY": 9.0})}
    ledger = {date(2026, 11, 22): today, date(2026, 11, 21): {"a": Spent(cost={"USD": 7.0})}}

    limit = limited(ledger, per_day=1.0)

    assert (limit.spent(), limit.most, limit.unit) == (0.75, 1.0, "USD")
    assert limit.renews == "it is renewed at 00:00 UTC"
    assert str(limit) == "the budget per_day of 1.00 USD is used up: 0.7500 USD is spent"


def test_a_month_counts_its_days() -> None:
    """From its first on; the next month has a budget of its own."""
    days = [date(2026, 10, 31), date(2026, 11, 1), date(2026, 11, 21), date(2026, 11, 22)]
    ledger = {day: {"a": Spent(cost={"USD": 2.0**n})} for n, day in enumerate(days)}

    limit = limited(ledger, per_month=1.0)

    assert limit.spent() == 2 + 4 + 8
    assert limit.renews == "it is renewed on 2026-12-01"
    assert limited(ledger, per_month=1.0, now=datetime(2026, 12, 1, tzinfo=UTC)).spent() == 0
    assert limited({}, per_month=1.0, now=datetime(2026, 1, 31, tzinfo=UTC)).renews.endswith("2026-02-01")


def test_the_earlier_days_of_a_month_are_read_once() -> None:
    """Every request asks for the sum; only today can have changed."""
    read: Counter[date] = Counter()

    def spent(day: date) -> Mapping[str, Spent]:
        read[day] += 1
        return {}

    (limit,) = limits(per_month=1.0, price=PRICE, meter=Meter(), spent=spent, clock=lambda: NOW)
    for _ in range(5):
        limit.spent()

    assert read[date(2026, 11, 22)] == 5
    assert {count for day, count in read.items() if day.day < 22} == {1}
    assert len(read) == 22


def test_tokens_of_a_day() -> None:
    """Of prompts and replies; a service that counts none is taken to have used many."""
    today = {"a": Spent(prompt_tokens=700, completion_tokens=300), "b": Spent(replies=2)}
    limit = limited({date(2026, 11, 22): today}, tokens_per_day=5000)

    assert limit.spent() == 1000 + 2 * 5600
    assert str(limit) == "the budget tokens_per_day of 5,000 tokens is used up: 12,200 are spent"


def test_replies_of_an_unknown_price_are_taken_to_cost_as_much_as_the_others() -> None:
    """By their tokens, if any are told; echoes cost nothing."""
    today = {
        "alias": Spent(replies=4, prompt_tokens=800, completion_tokens=200, cost={"USD": 0.5}, unpriced=1),
        "untold": Spent(replies=2, unpriced=2),
        "echo": Spent(replies=9, unpriced=9),
    }
    limit = limited({date(2026, 11, 22): today}, per_day=1.0)

    assert limit.spent() == pytest.approx(0.5 + 250 / 1e6 + 2 * 5600 / 1e6)


def test_the_dates_of_one_run_share_its_budget() -> None:
    """The meter of a date counts for the run, too, and not for another date."""
    run = Meter()
    first, second = Meter(within=run), Meter(within=run)
    first.add(completion(), PRICES)
    second.add(completion(engine="echo"), PRICES)
    limit = limited({}, meter=second, per_run=1.0)

    assert limit.spent() == pytest.approx(1200 / 1e6)
    assert (len(first.bills), len(second.bills)) == (1, 0)


def test_only_what_is_set_is_a_limit() -> None:
    """None is no limit; zero is one."""
    found = limits(per_day=0.0, per_run=None, price=None, meter=Meter(), spent=lambda day: {}, clock=lambda: NOW)

    assert [one.name for one in found] == ["per_day"]


@given(st.lists(st.integers(0, 2000), max_size=20))
def test_a_meter_counts_to_the_last_digit(tokens: list[int]) -> None:
    """Its sum grows with every reply, and is that of all."""
    meter, sums = Meter(), [0.0]
    for count in tokens:
        meter.add(completion(prompt_tokens=count, completion_tokens=0), PRICES)
        sums.append(sum(bill.cost or 0.0 for bill in meter.bills))

    assert all(before <= after for before, after in pairwise(sums))
    assert sums[-1] == pytest.approx(sum(tokens) / 1e6)


def test_two_runs_with_one_budget_take_turns(tmp_path: Path) -> None:
    """What another run has in flight is in no ledger yet: a run asks nothing before the other's turn is over."""
    wide, asking, over = Wide(4), Event(), Event()

    def other() -> None:
        with Claims(tmp_path) as claims:
            assert claims.take(TURN)
            asking.set()
            over.wait(10)
            assert wide.sent == 0

    with ThreadPoolExecutor() as pool, Claims(tmp_path) as claims:
        run = pool.submit(other)
        asking.wait(10)
        engine = BudgetedEngine(wide, Meter(), PRICES, [budget(1.0, lambda: 0.0)], claims)
        Timer(0.3, over.set).start()
        assert answers(engine, 3)[0] == ["1", "2", "3"]
        run.result()
        assert pool.submit(claims.take, TURN).result()  # and is over again


class Turns:
    """The turns as a run finds them: when it is its own, and whether another waits, look by look."""

    def __init__(self, is_free: Iterable[bool] = (), is_wanted: Iterable[bool] = ()) -> None:
        self.is_free, self.is_wanted = chain(is_free, repeat(True)), chain(is_wanted, repeat(False))
        self.taken: Counter[str] = Counter()
        self.at_drop: Callable[[], None] = lambda: None

    def take(self, key: str) -> bool:
        is_ours = next(self.is_free) if key == TURN else not next(self.is_wanted)
        self.taken[key] += is_ours
        return is_ours

    def drop(self, key: str) -> None:
        self.taken[key] -= 1
        if key == TURN:
            self.at_drop()


@given(st.lists(st.booleans(), max_size=12), st.integers(1, 4), st.integers(1, 3), st.integers(0, 10))
def test_a_turn_ends_with_nothing_in_flight_and_no_request_lost(
    is_wanted: list[bool], slots: int, held: int, count: int
) -> None:
    """Whenever another run waits: what is taken is answered, and what follows is taken in the next turn."""
    turns, wide, pulled, drops = Turns(is_wanted=is_wanted), Wide(slots), list[int](), list[tuple[int, int]]()
    limit = budget(held * WORST / 1e6 * 1.01, lambda: 0.0)  # so many at once: some wait for others to come in
    engine = BudgetedEngine(wide, Meter(), PRICES, [limit], turns)  # type: ignore[arg-type]
    turns.at_drop = lambda: drops.append((len(pulled) - wide.sent, len(engine._flying)))

    def todo() -> Iterator[Request]:
        for number in range(1, count + 1):
            pulled.append(number)
            yield request(number)

    with pytest.MonkeyPatch.context() as patch:
        for name in ("TURN_SECONDS", "GLANCE", "POLL"):
            patch.setattr(budgeted, name, 0.0)
        got = [asked.subject for asked, _ in engine.run(todo())]

    assert got == [str(number) for number in range(1, count + 1)]
    assert set(drops) <= {(0, 0)}
    assert not +turns.taken


@pytest.mark.parametrize(("seconds", "runs"), [(0.0, 2), (60.0, 1)])
def test_a_turn_is_given_to_who_waits_when_it_has_lasted(
    seconds: float, runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before, for a turn's end costs time; and for longer than the other takes to see that it is free."""
    slept: list[float] = []
    monkeypatch.setattr(budgeted, "TURN_SECONDS", seconds)
    monkeypatch.setattr(budgeted, "time", SimpleNamespace(monotonic=time.monotonic, sleep=slept.append))
    wide, turns = Wide(2), Turns(is_wanted=[True])
    engine = BudgetedEngine(wide, Meter(), PRICES, [budget(1.0, lambda: 0.0)], turns)  # type: ignore[arg-type]

    assert answers(engine, 5)[0] == ["1", "2", "3", "4", "5"]
    assert wide.runs == runs
    assert len(slept) == runs - 1
    assert all(seconds > budgeted.POLL for seconds in slept)


def test_nobody_waits_nobody_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run alone keeps its slots busy, however long it takes."""
    monkeypatch.setattr(budgeted, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(budgeted, "GLANCE", 0.0)
    wide = Wide(2)

    assert len(answers(BudgetedEngine(wide, Meter(), PRICES, [], Turns()), 9)[0]) == 9  # type: ignore[arg-type]
    assert wide.runs == 1


def test_a_run_beside_one_without_end_has_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A night's run ends though a backfill goes on, and never are both in flight."""
    for name, seconds in (("TURN_SECONDS", 0.05), ("GLANCE", 0.01), ("POLL", 0.01)):
        monkeypatch.setattr(budgeted, name, seconds)
    begun, done, flying, both = Event(), Event(), Counter[str](), list[str]()

    def run(who: str, numbers: Iterator[int]) -> int:
        def answer(_: Request) -> Answer:
            flying[who] += 1
            if len(+flying) > 1:
                both.append(who)
            time.sleep(0.002)
            begun.set()
            flying[who] -= 1
            return completion()

        with Claims(tmp_path) as claims:
            engine = BudgetedEngine(FakeEngine(answer), Meter(), PRICES, [budget(1.0, lambda: 0.0)], claims)
            return sum(1 for _ in engine.run(map(request, numbers)))

    def until_done() -> Iterator[int]:
        deadline = time.monotonic() + 10
        number = 100
        while not done.is_set() and time.monotonic() < deadline:
            yield (number := number + 1)

    with ThreadPoolExecutor() as pool:
        backfill = pool.submit(run, "backfill", until_done())
        assert begun.wait(10)
        assert pool.submit(run, "night", iter(range(3))).result(10) == 3
        assert not backfill.done()
        done.set()
        assert backfill.result(10)
    assert not both


def test_a_long_wait_for_a_turn_is_told_of_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After ten seconds, and where it is seen; and the one that has the turn can tell that somebody waits."""
    now, wanted = 0.0, list[int]()
    turns = Turns(is_free=[False] * 250)

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        wanted.append(turns.taken[NEXT])

    monkeypatch.setattr(budgeted, "time", SimpleNamespace(monotonic=lambda: now, sleep=sleep))
    caplog.set_level(logging.WARNING)

    assert answers(BudgetedEngine(Wide(1), Meter(), PRICES, [], turns), 1)[0] == ["1"]  # type: ignore[arg-type]

    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "another run" in caplog.text
    assert set(wanted) == {1}
    assert not +turns.taken


def test_a_short_wait_for_a_turn_is_no_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Two runs beside each other are usual."""
    monkeypatch.setattr(budgeted, "POLL", 0.0)
    caplog.set_level(logging.WARNING)
    turns = Turns(is_free=[False] * 5)

    assert answers(BudgetedEngine(Wide(1), Meter(), PRICES, [], turns), 1)[0] == ["1"]  # type: ignore[arg-type]
    assert not caplog.records
