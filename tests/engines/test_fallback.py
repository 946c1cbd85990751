import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pytest
from fakes import NOON
from hypothesis import given
from hypothesis import strategies as st

from digest import backends
from digest.config import Config
from digest.engines.fallback import FallbackEngine, _Stage
from digest.errors import BatchPending, BudgetReached, EngineError, EngineRefused
from digest.models import Answer, Completion, Request
from digest.settings import EngineSettings, FallbackSettings


class Kept:
    """An engine with a memory: answers as told, and raises after so many requests."""

    def __init__(self, answer: Callable[[Request], Answer], ends: EngineError | None = None, after: int = 0) -> None:
        self.answer, self.ends, self.after = answer, ends, after
        self.asked: list[Request] = []
        self.disk: dict[str, Completion] = {}

    @property
    def sent(self) -> int:
        return len(self.asked)

    def lookup(self, request: Request) -> Completion | None:
        return self.disk.get(request.key)

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
        for request in requests:
            if self.ends and len(self.asked) >= self.after:
                raise self.ends
            if (known := self.lookup(request)) is None:
                self.asked.append(request)
                known_or_not = self.answer(request)
                if isinstance(known_or_not, Completion):
                    self.disk[request.key] = known_or_not
                yield request, known_or_not
            else:
                yield request, known


def said(request: Request) -> Completion:
    return Completion(f"{request.subject} by {request.model}", "chat", request.model, NOON)


def failing(*subjects: str) -> Callable[[Request], Answer]:
    return lambda request: EngineError("500: no") if request.subject in subjects else said(request)


def request(number: int) -> Request:
    return Request("first", ({"role": "user", "content": str(number)},), subject=str(number))


def both(first: Kept, second: Kept) -> FallbackEngine:
    return FallbackEngine([(first, "first"), (second, "second")])


def texts(engine: FallbackEngine, *numbers: int) -> dict[str, str]:
    return {asked.subject: getattr(answer, "text", str(answer)) for asked, answer in engine.run(map(request, numbers))}


def test_as_long_as_the_first_answers_the_second_is_not_asked() -> None:
    """The second is a spare."""
    first, second = Kept(said), Kept(said)

    assert texts(both(first, second), 1, 2) == {"1": "1 by first", "2": "2 by first"}
    assert (first.sent, second.sent) == (2, 0)


def test_a_request_that_failed_goes_to_the_second(caplog: pytest.LogCaptureFixture) -> None:
    """A failure as a value is asked again in the other model's name, and comes back as it was sent."""
    engine = both(Kept(failing("2")), Kept(said))

    got = {asked.subject: (asked, answer) for asked, answer in engine.run(map(request, (1, 2, 3)))}

    assert got["2"][0] == replace(request(2), model="second")
    assert isinstance(got["2"][1], Completion)
    assert engine.sent == 4
    assert "go to second" in caplog.text
    assert "500: no" in caplog.text


@pytest.mark.parametrize("error", [EngineError("out of order"), EngineRefused("the key is refused")])
def test_all_that_is_left_goes_to_the_second_when_the_first_is_gone(
    error: EngineError, caplog: pytest.LogCaptureFixture
) -> None:
    """The end of the first service is not the end of the run, and a line says why."""
    caplog.set_level(logging.WARNING)

    got = texts(both(Kept(said, ends=error, after=2), Kept(said)), 1, 2, 3, 4, 5)

    assert list(got.values()) == ["1 by first", "2 by first", "3 by second", "4 by second", "5 by second"]
    assert str(error) in caplog.text


def test_the_end_of_the_last_service_ends_the_run() -> None:
    """What the others answered comes first."""
    engine = both(Kept(failing("1")), Kept(said, ends=EngineRefused("no quota")))
    got: list[tuple[Request, Answer]] = []

    with pytest.raises(EngineRefused, match="no quota"):
        got.extend(engine.run(map(request, (1, 2))))
    assert [asked.subject for asked, _ in got] == ["2"]


@pytest.mark.parametrize("error", [BatchPending("wait"), BudgetReached("0.10 USD")])
def test_a_wait_or_a_budget_is_no_failure_of_a_service(error: EngineError) -> None:
    """What is not to be asked now is not asked elsewhere either."""
    second = Kept(said)

    with pytest.raises(type(error)):
        texts(both(Kept(said, ends=error), second), 1)
    assert second.sent == 0


def test_a_failure_of_both_is_a_value() -> None:
    """The last engine's answer counts."""
    assert texts(both(Kept(failing("1")), Kept(lambda asked: EngineError("503: full"))), 1) == {"1": "503: full"}


def test_what_the_second_has_answered_is_not_asked_of_the_first_again() -> None:
    """A reply that was paid for is used, though the first service is back."""
    second = Kept(said)
    texts(both(Kept(said, ends=EngineError("gone")), second), 1)
    first = Kept(said)
    engine = both(first, second)

    assert texts(engine, 1, 2) == {"1": "1 by second", "2": "2 by first"}
    assert first.sent == 1


def test_the_second_round_of_a_request_goes_to_the_service_that_answered_it() -> None:
    """A request in the second model's name is not sent to the first, which does not know it."""
    first, second = Kept(said), Kept(said)

    got = list(both(first, second).run([replace(request(1), model="second"), request(2)]))

    assert [getattr(answer, "model", "") for _, answer in got] == ["first", "second"]
    assert [asked.subject for asked in second.asked] == ["1"]


def test_lookup_and_misses_know_both() -> None:
    """What either has on disk is no miss."""
    first, second = Kept(said), Kept(said)
    texts(both(first, Kept(said)), 1)
    texts(both(Kept(said, ends=EngineError("gone")), second), 2)
    engine = both(first, second)

    assert engine.lookup(request(1)) == said(request(1))
    assert engine.lookup(request(2)) == said(replace(request(2), model="second"))
    assert engine.misses(map(request, (1, 2, 3, 3))) == [request(3)]


def test_one_model_at_two_services_is_asked_in_order() -> None:
    """The same name at both is no reason to skip the first."""
    first, second = Kept(failing("1")), Kept(said)
    engine = FallbackEngine([(first, "first"), (second, "first")])

    assert texts(engine, 1, 2) == {"2": "2 by first", "1": "1 by first"}
    assert (first.sent, second.sent) == (2, 1)


# ------------------------------------------------------------------------------------------ requests without end


def in_turns(engine: FallbackEngine, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
    """The answers of as many runs as it takes, as a stream has them."""
    todo = iter(requests)
    while (first := next(todo, None)) is not None:
        yield from engine.run(chain([first], todo))


def test_a_run_takes_a_turns_requests_and_no_further_one() -> None:
    """What follows is still there for the next run."""
    engine = FallbackEngine([(Kept(failing("2")), "first"), (Kept(said), "second")], turn=3)
    todo = map(request, range(1, 20))

    assert [asked.subject for asked, _ in engine.run(todo)] == ["1", "3", "2"]
    assert next(todo).subject == "4"


def test_after_an_outage_the_first_is_asked_again() -> None:
    """In an endless stream the second has the rest of one turn, not of all years."""
    first, second = Kept(said, ends=EngineError("gone"), after=1), Kept(said)
    answers = in_turns(FallbackEngine([(first, "first"), (second, "second")], turn=3), map(request, range(1, 20)))

    before = [getattr(answer, "text", "") for _, answer in islice(answers, 3)]
    first.ends = None
    after = [getattr(answer, "text", "") for _, answer in islice(answers, 3)]

    assert before == ["1 by first", "2 by second", "3 by second"]
    assert after == ["4 by first", "5 by first", "6 by first"]


@given(st.integers(1, 5), st.sets(st.integers(1, 12)), st.integers(0, 12), st.integers(0, 12))
def test_no_request_is_lost_or_asked_twice_between_two_turns(
    turn: int, bad: set[int], after: int, requests: int
) -> None:
    """Whatever fails, and whenever the first service goes."""
    second = Kept(said)
    first = Kept(failing(*map(str, bad)), ends=EngineError("gone"), after=after)
    engine = FallbackEngine([(first, "first"), (second, "second")], turn)

    got = [asked.subject for asked, _ in in_turns(engine, map(request, range(1, requests + 1)))]

    assert sorted(got) == sorted(str(number) for number in range(1, requests + 1))
    assert len({one.key for one in second.asked}) == len(second.asked)


def test_nothing_is_kept_of_what_is_answered() -> None:
    """Millions of requests must not stay in memory, nor those that were asked twice."""
    numbers = [1, 2, 2, 3]
    stage = _Stage(Kept(failing("3")), "first", [(Kept(said), "second")], map(request, numbers))

    assert len(list(stage.run())) == 3
    assert stage.under_way == {}


@pytest.mark.parametrize(
    ("engine", "turn"),
    [
        ({}, backends.TURN_OF_SLOT * 16),
        ({"concurrency": 1}, backends.TURN),
        ({"name": "batch"}, backends.TURN_OF_BATCHES),
        (
            {"name": "cluster", "endpoint": [{"base_url": f"http://127.0.0.1:{n}/v1"} for n in (1, 2)]},
            backends.TURN_OF_SLOT * 32,
        ),
    ],
)
def test_only_requests_without_end_are_asked_in_turns(engine: dict[str, Any], turn: int, tmp_path: Path) -> None:
    """Long enough to keep all slots busy."""
    settings = EngineSettings(**{"fallback": FallbackSettings(model="second"), **engine})
    config = Config(output=tmp_path / "site", cache=tmp_path / "cache", home=tmp_path, engine=settings)

    with backends.cached_engine(config, clock) as usual, backends.cached_engine(config, clock, endless=True) as endless:
        assert isinstance(usual, FallbackEngine)
        assert isinstance(endless, FallbackEngine)
        assert (usual.turn, endless.turn) == (None, turn)


def clock() -> datetime:
    return NOON
