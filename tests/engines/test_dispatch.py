"""Who is asked what, whatever happens in whatever order."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.engines.dispatch import LOSSES, PER_WORKER, Dispatch, Parcel, Terms, shares
from digest.errors import EngineError, EngineRefused
from digest.models import Request


def request(number: int) -> Request:
    return Request("m", ({"role": "user", "content": str(number)},), subject=str(number))


def dispatch(*terms: Terms, workers: int = 1, patience: float = 300.0) -> Dispatch:
    made = Dispatch(terms, patience, now=0.0)
    for worker in range(workers):
        made.joined(worker, 0.0)
    return made


def fill(made: Dispatch, count: int, now: float = 0.0) -> list[Parcel]:
    """Hand out up to so many new requests."""
    found: list[Parcel] = []
    while len(found) < count and made.has_room(now):
        parcel = made.place(request(made.tickets), now)
        assert parcel
        found.append(parcel)
    return found


@given(
    slots=st.integers(1, 300),
    requests=st.none() | st.floats(1, 1e6),
    tokens=st.none() | st.floats(1, 1e9),
    workers=st.integers(1, 20),
    first=st.integers(0, 40),
)
def test_shares_add_up(slots: int, requests: float | None, tokens: float | None, workers: int, first: int) -> None:
    """Slots exactly, rates up to rounding; nobody gets a share without a slot."""
    parts = shares(Terms(slots, requests, tokens), range(workers), first).values()

    assert sum(one.concurrency for one in parts) == slots
    assert min(one.concurrency for one in parts) > 0
    for whole, name in ((requests, "requests_per_minute"), (tokens, "tokens_per_minute")):
        rates = [getattr(one, name) for one in parts]
        assert rates == [None] * len(rates) if whole is None else math.isclose(sum(rates), whole)


def test_a_limit_that_one_worker_can_keep_is_not_divided() -> None:
    """Each endpoint goes to another worker first."""
    assert list(shares(Terms(64, PER_WORKER), [0, 1, 2], 1)) == [1]
    assert list(shares(Terms(64, 1.5 * PER_WORKER), [0, 1, 2], 2)) == [2, 0]


def test_what_has_least_in_hand_for_its_weight_is_next() -> None:
    """Three in four go to the endpoint with three times the weight."""
    made = dispatch(Terms(30, weight=3.0), Terms(30, weight=1.0))

    handed = [one.lane.endpoint for one in fill(made, 20) if one.lane]

    assert handed.count(0) == 15


@given(st.integers(1, 50), st.integers(1, 5))
def test_a_lane_has_its_slots_and_a_little_more(slots: int, workers: int) -> None:
    """Before any speed is known one request waits beside those in the slots."""
    made = dispatch(Terms(slots), workers=workers)

    fill(made, 1000)

    assert all(len(lane.in_hand) == lane.terms.concurrency + 1 for lane in made.lanes.values())


def test_a_fast_lane_has_more_in_reserve() -> None:
    """A hundred answers a second are thirty in 0.3 s."""
    made = dispatch(Terms(100))
    for step in range(2000):
        for one in fill(made, 1000, step / 100)[:1] or list(made.parcels.values())[:1]:
            made.answered(one.ticket, step / 100, well=True)

    assert 125 <= len(made.parcels) <= 135


def test_a_request_that_is_lost_too_often_is_given_up() -> None:
    """It may be what kills the workers."""
    made = dispatch(Terms(1))
    made.place(request(0), 0.0)
    for _ in range(LOSSES - 1):
        assert made.lost(0, "its worker was lost") == []
        assert not made.has_room(0.0)
        made.joined(0, 0.0)
        assert made.again(0.0)

    ((given_up, error),) = made.lost(0, "its worker was lost")

    assert given_up == request(0)
    assert str(error) == f"lost {LOSSES} times: its worker was lost"
    assert not made.parcels


def test_what_was_never_sent_is_not_lost() -> None:
    """It may come back any number of times."""
    made = dispatch(Terms(1))
    made.place(request(0), 0.0)
    for _ in range(20):
        assert made.returned(1, None) is None
        assert made.again(0.0)


def test_another_endpoint_gets_what_one_has_failed() -> None:
    """As long as one works; it waits where that has no room."""
    made = dispatch(Terms(1), Terms(1))
    first, *_ = fill(made, 4)
    assert first.lane
    failed = first.lane.endpoint
    made.returned(first.ticket, "500: no")
    assert made.again(0.0) is None

    other = next(one for one in made.parcels.values() if one.lane and one.lane.endpoint != failed)
    made.answered(other.ticket, 0.0, well=True)

    again = made.again(0.0)
    assert again is first
    assert again.lane
    assert again.lane.endpoint != failed


def test_an_endpoint_that_is_down_is_tried_with_one_request_after_growing_pauses() -> None:
    """1, 2, 4 … 30 seconds; an answer brings all back."""
    made, now, pauses = dispatch(Terms(8), patience=1e9), 0.0, []
    made.failed(0, 0, EngineError("no connection"), now, there=True)
    for _ in range(7):
        made.waiting or made.place(request(made.tickets), now)
        pauses.append(made.pause(now))
        now += pauses[-1]
        parcel = made.again(now)
        assert parcel
        assert made.again(now) is None
        assert not made.has_room(now)
        made.returned(parcel.ticket, None)
        made.failed(0, 0, EngineError("no connection"), now, there=True)

    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    last = made.again(now + 30)
    assert last
    made.answered(last.ticket, now + 30, well=True)
    assert len(fill(made, 100, now + 30)) == 9


def test_a_refusal_holds_for_the_run() -> None:
    """News only the first time; when all refuse, it is what ends the run."""
    made = dispatch(Terms(1), Terms(1), workers=2)
    refused = EngineRefused("the key is refused")

    assert made.failed(0, 0, refused, 0.0, there=True)
    assert not made.failed(1, 0, EngineRefused("the key is refused"), 0.0, there=True)
    assert made.end(1e6) is None
    made.failed(0, 1, EngineRefused("the quota is used up"), 0.0, there=True)
    assert made.end(0.0) is refused


def test_patience_counts_from_when_something_last_worked() -> None:
    """The error tells for how long, and why."""
    made = dispatch(Terms(1), patience=60)
    made.answers[0] = 1
    assert made.end(100.0) is None
    made.failed(0, 0, EngineError("h: 503"), 100.0, there=True)

    assert made.end(159.0) is None
    assert "nothing has worked for 61 s: h: 503" in str(made.end(161.0))


def test_without_any_worker_patience_counts_too() -> None:
    """The last one was lost at once."""
    made = dispatch(Terms(1), patience=60)
    made.end(10.0)
    made.lost(0, "its worker was lost")

    assert made.end(60.0) is None
    assert made.end(71.0)


EVENTS = st.tuples(
    st.sampled_from(["take", "answer", "refuse", "back", "unsent", "die", "join", "share", "down", "out"]),
    st.integers(0, 10**6),
)


@given(
    st.lists(st.builds(Terms, st.integers(1, 6), st.none() | st.just(60.0)), min_size=1, max_size=3),
    st.lists(EVENTS, max_size=120),
)
def test_whatever_happens_nothing_is_lost_and_nothing_handed_out_twice(  # noqa: C901 - a branch for each event
    terms: list[Terms], events: list[tuple[str, int]]
) -> None:
    """Each request is answered once, in one hand or waiting; no endpoint has more than its slots and a reserve."""
    made, now, done = Dispatch(terms, 300, 0.0), 0.0, list[Request]()
    for worker in range(3):
        made.joined(worker, now)
    for event, number in events:
        now += number % 7 / 3
        worker, endpoint = number % 3, number % len(terms)
        held = [one for one in made.parcels.values() if one.lane]
        one = held[number % len(held)] if held else None
        if event == "take":
            for _ in range(number % 9):
                if made.again(now) is None and made.has_room(now):
                    made.place(request(made.tickets), now)
        elif event in ("answer", "refuse") and one:
            answered = made.answered(one.ticket, now, well=event == "answer")
            assert answered
            done.append(answered)
            assert made.answered(one.ticket, now, well=True) is None
        elif event in ("back", "unsent") and one:
            back = made.returned(one.ticket, "500" if event == "back" else None)
            done += [back[0]] if back else []
        elif event == "die":
            done += [lost for lost, _ in made.lost(worker, "gone")]
        elif event == "join":
            made.joined(worker, now)
        elif event == "share":
            done += [lost for lost, _ in made.lost(worker, "gone")]
            made.without(worker)
        elif event == "down":
            made.failed(worker, endpoint, EngineError("502"), now, there=True)
        elif event == "out" and number % 5 == 0:
            made.failed(worker, endpoint, EngineRefused("401"), now, there=True)

        handed = [ticket for lane in made.lanes.values() for ticket in lane.in_hand]
        waiting = [parcel.ticket for parcel in made.waiting]
        assert sorted(handed + waiting) == sorted(made.parcels)
        assert len(done) + len(made.parcels) == made.tickets
        assert made.in_hand == len(handed)
        for place, whole in enumerate(terms):
            assert sum(lane.terms.concurrency for lane in made.of_endpoint(place)) in (0, whole.concurrency)
        assert not [lane for lane in made.lanes.values() if lane.worker in made.absent and lane.in_hand]
    assert len({one.key for one in done}) == len(done)


@pytest.mark.parametrize("forgotten", [True, False])
def test_an_answer_from_a_worker_that_was_given_up_counts(forgotten: bool) -> None:
    """It was paid for; unless the run is over, whose requests nobody waits for."""
    made = dispatch(Terms(2))
    made.place(request(0), 0.0)
    made.lost(0, "gone")
    if forgotten:
        made.forget()

    assert (made.answered(1, 1.0, well=True) is None) == forgotten
    assert not made.waiting
