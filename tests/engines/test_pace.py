"""The parts that hold requests back: allowances, the throttle and the breaker, with a clock of their own."""

import asyncio
import random
from collections.abc import Callable
from itertools import pairwise

import fakes
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.engines.allowance import DEAR, LENIENT, SLACK, WIDEST, Allowance, Turns, span, tokens_allowance
from digest.engines.breaker import IN_A_ROW, Breaker
from digest.engines.pace import Pace
from digest.engines.throttle import Sent, Throttle
from digest.models import Request


def sendings(allowance: Allowance, count: int, cost: float = 1.0) -> list[float]:
    """When so many are sent, each as soon as it may be."""
    now, times = 0.0, []
    for _ in range(count):
        while (left := allowance.left(cost, now)) > 0:
            now += left
        allowance.spend(cost, now)
        times.append(now)
    return times


# ---- allowances


def taken(turns: Turns, count: int, late: Callable[[], float] = lambda: 0.0) -> list[float]:
    """When so many turns are taken, each later than it may be."""
    now, times = 0.0, []
    for _ in range(count):
        now += turns.left(now) + late()
        turns.take(now)
        times.append(now)
    return times


def test_requests_are_spread_evenly() -> None:
    """600 a minute is one in a tenth of a second, from the first on, and no less than 99 of 100 of the limit."""
    times = taken(Turns(600), 101)

    gaps = [after - before for before, after in pairwise(times)]
    assert min(gaps) >= 0.1
    assert 100 / times[-1] > 9.9


@pytest.mark.parametrize("rate", [1, 15, 100])
def test_what_late_timers_cost_is_made_up_for(rate: int) -> None:
    """Timers that are late by a fifth of a second now and then cost nothing, and no minute gets more than the limit."""
    draw = random.Random(3)
    times = taken(Turns(60 * rate), 180 * rate, lambda: 0.2 if draw.random() < 0.1 / rate else draw.random() / 200)

    assert len(times) / times[-1] > 0.99 * rate
    assert all(after - before >= 60 for before, after in zip(times, times[60 * rate :], strict=False))


def test_a_long_pause_is_not_made_up_for() -> None:
    """Where nothing was to be sent for an hour, what follows are a few at once and then the turns."""
    turns = Turns(600)
    taken(turns, 1)
    now = 3600.0
    for _ in range(10):
        now += turns.left(now)
        turns.take(now)

    assert 0.6 < now - 3600 < 0.8


def test_nothing_is_made_up_for_where_a_service_refuses_that() -> None:
    """One that came sooner than a turn after the one before was refused: each has its distance, for a while."""
    turns = Turns(600)
    taken(turns, 2, lambda: 0.05)
    assert turns.take(turns.due + 0.01)
    assert turns.refused(turns.last, 0.04, turns.last + 0.005, early=True, exact=True)
    assert turns.left(turns.last + 0.005) == pytest.approx(0.04)

    times = taken(turns, LENIENT, lambda: 0.02)

    assert turns.slack == 0
    assert min(after - before for before, after in pairwise(times)) >= 0.12
    taken(turns, 4 * LENIENT)
    assert turns.slack == SLACK


def test_requests_that_arrive_a_moment_early_get_more_distance() -> None:
    """A refusal that asks for less than a turn is met with a wider margin, up to a limit; the next is no turn later."""
    turns = Turns(600)
    for _ in range(10):
        taken(turns, 1)
        assert turns.refused(turns.last, 0.003, turns.last + 0.001, early=False, exact=True)
        assert turns.left(turns.last + 0.001) == pytest.approx(0.003)

    assert turns.margin == WIDEST


def test_where_a_refusal_costs_a_second_the_margin_is_wider() -> None:
    """A service without a burst that says "Retry-After: 1" to what comes a moment early."""
    turns = Turns(600)
    taken(turns, 1)
    turns.refused(turns.last, 1.0, turns.last, early=True, exact=False)
    for _ in range(30):
        taken(turns, 1)
        turns.refused(turns.last, 1.0, turns.last, early=False, exact=False)

    assert turns.margin == DEAR


def test_a_wait_of_whole_seconds_says_nothing_of_the_turns() -> None:
    """Nor does one of several turns: who else sends, or how much the service takes, is not theirs to find out."""
    turns = Turns(600)
    taken(turns, 1)

    assert not turns.refused(turns.last, 1.0, turns.last, early=False, exact=False)
    assert not turns.refused(turns.last, 0.5, turns.last, early=False, exact=True)
    assert turns.left(turns.last) >= 0.5


def test_tokens_are_spread_evenly() -> None:
    """60,000 a minute: a few requests at once, then a thousand tokens a second."""
    times = sendings(tokens_allowance(60_000), 32, cost=1000)

    assert times[1] == 0
    assert 29 < times[-1] < 32


def test_tokens_count_as_they_turn_out() -> None:
    """Replies of half the length that was reckoned with: twice as many requests."""
    allowance, now = tokens_allowance(60_000), 0.0
    for _ in range(40):
        now += allowance.left(1000, now)
        allowance.spend(1000, now)
        allowance.settle(500, 1000)

    assert 18 < now < 20


def test_the_usage_of_a_reply_corrects_what_was_reckoned() -> None:
    """Where a service tells what it counted, that counts."""

    async def level() -> tuple[float, float]:
        pace = Pace(tokens_per_minute=60_000)
        sent = await pace(Request("m", ({"role": "user", "content": "x" * 400},)))
        reckoned = pace.wished.level
        pace.settle(sent, fakes.completion(prompt_tokens=None, completion_tokens=None))
        assert pace.wished.level == reckoned
        pace.settle(sent, fakes.completion(prompt_tokens=100, completion_tokens=50))
        return pace.wished.level - reckoned, sent.tokens - 150

    given_back, expected = asyncio.run(level())
    assert given_back == pytest.approx(expected)


def test_more_than_the_bucket_holds_may_be_sent_when_it_is_full() -> None:
    """A long prompt is no deadlock; it is paid for afterwards."""
    times = sendings(tokens_allowance(60_000), 3, cost=10_000)

    assert times[0] == 0
    assert 9 < times[1] < 11


def test_without_a_limit_nothing_waits() -> None:
    """No limit told, no limit kept."""
    assert sendings(Allowance(), 50) == taken(Turns(), 50) == [0.0] * 50


def headers(limit: float, remaining: float, reset: str, kind: str = "requests") -> dict[str, str]:
    told = {"limit": str(limit), "remaining": str(remaining), "reset": reset}
    return {f"x-ratelimit-{name}-{kind}": value for name, value in told.items()}


def told(allowance: Allowance, said: dict[str, str], sent: float = 0.0, now: float = 0.0) -> float | None:
    return allowance.told(said, "requests", sent, allowance.spent, now)


def test_what_remains_may_be_sent_at_once_and_then_the_rate_counts() -> None:
    """50 of 600 left, full again in 55 s: 50 at once, then ten a second."""
    allowance = Allowance()
    told(allowance, headers(600, 50, "55s"))
    times = sendings(allowance, 151)

    assert times[49] == 0
    assert 9.7 < 100 / times[150] < 10


def test_a_service_without_a_burst_is_known_by_its_reset() -> None:
    """None left of 600, and all as at first in 100 ms: one at a time, even after a pause."""
    allowance = Allowance()
    told(allowance, headers(600, 0, "100ms"))

    allowance.left(1, 100.0)  # a long pause

    assert allowance.burst == 1
    assert allowance.level == 1


def test_a_limit_for_a_day_is_not_taken_for_one_of_a_minute() -> None:
    """200 a day: when they are used up, there is one in seven minutes; but a minute is waited at most."""
    allowance = Allowance()
    told(allowance, headers(200, 0, "24h0m0s"))

    assert allowance.rate == pytest.approx(200 / 86400, rel=0.02)
    assert allowance.left(1, 0.0) == 60


def test_requests_on_their_way_are_counted_off() -> None:
    """An answer speaks of the time its request came; what was sent since is gone too."""
    allowance = Allowance()
    allowance.spend(1, 0.0)
    before = allowance.spent
    for _ in range(7):
        allowance.spend(1, 0.1)
    allowance.told(headers(600, 10, "59s"), "requests", 0.0, before, 0.1)

    assert 3 <= allowance.level <= 4.1


def test_an_older_answer_teaches_nothing() -> None:
    """Answers may come in another order than their requests were sent."""
    allowance = Allowance()
    told(allowance, headers(600, 100, "50s"), sent=2.0, now=2.0)
    told(allowance, headers(600, 500, "10s"), sent=1.0, now=2.0)

    assert allowance.level == 100


@pytest.mark.parametrize(
    "said", [{}, headers(0, 0, "1s"), {"x-ratelimit-limit-requests": "many", "x-ratelimit-remaining-requests": "few"}]
)
def test_headers_that_say_nothing_change_nothing(said: dict[str, str]) -> None:
    """Whatever is no number is no limit."""
    allowance = Allowance()

    assert told(allowance, said) is None
    assert allowance.left(1, 0.0) == 0


def test_a_refusal_is_given_back_and_its_wait_kept() -> None:
    """The service did not count what it refused: the next goes when it said."""
    allowance = Allowance(10)
    sendings(allowance, 1)

    assert allowance.refused(headers(600, 0, "103ms"), "requests", 1, 0.003, 0.0)
    assert 0 < allowance.left(1, 0.0) <= 0.004


@given(st.text(), st.text(), st.text(), st.floats(0, 1e6))
def test_hostile_headers_never_hold_back_for_long(limit: str, remaining: str, reset: str, now: float) -> None:
    """A minute is the most, whatever a header says; then the service itself may say "later"."""
    allowance = Allowance()
    names = ("limit", "remaining", "reset")
    said = {f"x-ratelimit-{name}-requests": text for name, text in zip(names, (limit, remaining, reset), strict=True)}
    told(allowance, said, now, now)

    assert 0 <= allowance.left(1, now) <= 60


@given(st.floats(1, 1e6), st.floats(0, 1e6), st.sampled_from(["", "0s", "1ms", "1s", "6m0s", "1e9", "24h"]))
def test_any_three_numbers_leave_a_rate_and_a_bucket(limit: float, remaining: float, reset: str) -> None:
    """No division by zero, no bucket without room for one."""
    allowance = Allowance()
    told(allowance, headers(limit, remaining, reset))

    assert 0 < allowance.rate <= limit / 60
    assert allowance.burst >= 1
    assert 0 <= allowance.left(1, 0.0) <= 60


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("6m0s", 360), ("200ms", 0.2), ("1h2m3.5s", 3723.5), ("7.66s", 7.66), ("30", 30), ("2m59.56s", 179.56)],
)
def test_a_span_is_read_as_services_write_it(text: str, seconds: float) -> None:
    """OpenAI's and Groq's forms, and bare seconds."""
    assert span(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", [None, "", "soon", "1x", "2026-11-22T00:00:00Z", "1763769600", "nan", "inf", "-1"])
def test_what_is_no_span_is_none(text: str | None) -> None:
    """A point in time is no span either."""
    assert span(text) is None


# ---- the throttle, against services made of a few lines


class Bucket:
    """Takes so many a second, `burst` at once; says "too many" else, and how long to wait."""

    def __init__(self, rate: float, burst: float = 1.0, *, rounds: bool = False) -> None:
        self.rate, self.burst, self.level, self.at, self.rounds = rate, burst, burst, 0.0, rounds

    def __call__(self, now: float, flying: int) -> float | None:
        self.level, self.at = min(self.burst, self.level + (now - self.at) * self.rate), now
        if self.level >= 1 - 1e-9:
            self.level -= 1
            return None
        wait = (1 - self.level) / self.rate
        return max(1.0, round(wait + 0.5)) if self.rounds else wait


def simulated(
    service: Callable[[float, int], float | None],
    count: int,
    *,
    slots: int = 64,
    latency: float = 1.0,
    exact: bool = True,
) -> tuple[float, int, Throttle]:
    """Seconds and refusals until so many are taken, each refusal known after 5 ms, each wait kept by all."""
    throttle, now, not_before, last = Throttle(), 0.0, 0.0, 0.0
    landing: list[float] = []
    heard: list[tuple[float, Sent, float]] = []
    taken = refusals = 0
    while taken < count:
        for when, sent, asked in [one for one in heard if one[0] <= now]:
            throttle.refused(sent, asked, when, exact=exact)
            not_before = max(not_before, when + asked)
            last = 0.0 if last <= sent.at else last
            refusals += 1
        heard = [one for one in heard if one[0] > now]
        landing = [when for when in landing if when > now]
        flying = len(landing) + len(heard)
        due = max(not_before, last + max(throttle.interval, 0.002))
        if now >= due and flying < min(slots, throttle.most):
            sent, last = Sent(now, flying), now
            throttle.sent(sent)
            if (wait := service(now, flying)) is None:
                landing.append(now + latency)
                taken += 1
            else:
                heard.append((now + 0.005, sent, wait))
        now += 0.001
    return now, refusals, throttle


def test_a_rate_is_found_and_used() -> None:
    """Ten a second, told by nothing but its "too many": 530 at 95 % of it, with a handful of refusals."""
    seconds, refusals, _ = simulated(Bucket(10), 530)

    assert seconds < 53 / 0.95
    assert refusals <= 25


def test_a_rate_with_a_burst_is_found_when_the_burst_is_over() -> None:
    """The burst is used, and then the rate."""
    seconds, refusals, _ = simulated(Bucket(10, burst=100), 400)

    assert seconds < 30 / 0.93
    assert refusals <= 25


def test_a_rate_is_used_where_waits_are_whole_seconds() -> None:
    """A rounded wait is a bad guide, but what gathers while it is kept is used."""
    seconds, refusals, _ = simulated(Bucket(10, burst=100, rounds=True), 400, exact=False)

    assert seconds < 30 / 0.95
    assert refusals <= 100


def test_a_rate_is_found_where_few_of_many_are_refused() -> None:
    """A burst of a minute, whole seconds to wait: as many pass between two waits each time, and that is the rate."""
    seconds, refusals, _ = simulated(Bucket(10, burst=600, rounds=True), 2000, exact=False, latency=0.5)

    assert seconds < 140 / 0.98
    assert refusals < 100


def test_what_is_above_the_rate_is_tried_ever_more_rarely() -> None:
    """Of thousands of requests to a service that tells no limit few are refused once its rate is found."""
    service = Bucket(25, burst=25)
    _, early, _ = simulated(service, 1000)
    seconds, late, _ = simulated(Bucket(25, burst=25), 3000)

    assert late - early < 40
    assert seconds < 120 / 0.99


def test_a_number_in_flight_is_found() -> None:
    """32 at once: from then on no more are sent, and no rate is kept."""
    seconds, refusals, throttle = simulated(lambda now, flying: 1.0 if flying >= 32 else None, 530)

    assert throttle.most in (32, 33)
    assert throttle.interval == 0
    assert refusals <= 20
    assert seconds < 22


def test_a_refusal_now_and_then_slows_nothing_down() -> None:
    """One in twenty, whatever the speed, is no matter of ours."""
    draw = random.Random(5)

    _, _, throttle = simulated(lambda now, flying: 0.3 if draw.random() < 0.05 else None, 3000)

    assert throttle.interval == 0
    assert throttle.most >= 64


# ---- the breaker


def broken(patience: float = 300.0) -> Breaker:
    """A breaker that has just opened, at 10 s."""
    breaker = Breaker(patience)
    for _ in range(IN_A_ROW):
        breaker.failed(10.0, tried=False)
    return breaker


def test_a_few_failures_break_nothing() -> None:
    """One success, and the count begins anew."""
    breaker = Breaker(300)
    for _ in range(50):
        for _ in range(IN_A_ROW - 1):
            breaker.failed(1.0, tried=False)
        breaker.passed()

    assert breaker.left(1.0) == 0


def test_an_open_breaker_lets_one_try_at_a_time() -> None:
    """The others wait for its outcome."""
    breaker = broken()

    assert breaker.left(10.0) == 1
    assert breaker.sent()
    assert breaker.left(12.0) is None
    breaker.failed(12.0, tried=True)
    assert breaker.left(12.0) == 2


def test_a_success_closes_it() -> None:
    """All may be sent again at once."""
    breaker = broken()
    breaker.sent()
    breaker.passed()

    assert breaker.left(12.0) == 0
    assert not breaker.is_open


def test_pauses_grow_and_patience_ends() -> None:
    """1, 2, 4, 8, 16, then 30 s; after five minutes there is no hope."""
    breaker, now, tries = broken(), 10.0, 0
    while not breaker.is_hopeless(now):
        now += breaker.left(now) or 0.0
        breaker.sent()
        breaker.failed(now, tried=True)
        tries += 1

    assert 270 < now - 10 <= 300
    assert tries == 13


def test_one_that_was_given_up_is_no_longer_waited_for() -> None:
    """A try that is cancelled leaves the way to the next."""
    breaker = broken()
    breaker.sent()
    breaker.dropped(tried=True)

    assert breaker.left(11.0) == 0
