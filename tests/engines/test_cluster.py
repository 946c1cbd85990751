"""The engine over many endpoints, with its worker in this process."""

import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from digest import __version__
from digest.engines import roster
from digest.engines import worker as worker_module
from digest.engines.abilities import Abilities
from digest.engines.cluster import ClusterEngine
from digest.engines.crew import Inbox, OwnCrew, Reply
from digest.engines.dispatch import Dispatch, Terms
from digest.engines.driver import is_gone, process_space
from digest.engines.roster import Place
from digest.engines.worker import Hello, Worker
from digest.errors import ConfigError, EngineError, EngineRefused, Interrupted
from digest.interrupts import INTERRUPT
from digest.models import Answer, Completion, Request

from .conftest import Service, Told, refused, said

NOON = datetime(2026, 3, 17, 12, tzinfo=UTC)
KEY = "sk-secret-0123456789"
Open = Callable[..., ClusterEngine]


@pytest.fixture
def services() -> Iterator[Callable[[], Service]]:
    """Makes running services, stopped at the end."""
    running: list[Service] = []

    def make() -> Service:
        running.append(Service())
        serve = running[-1].server.serve_forever
        threading.Thread(target=serve, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return running[-1]

    yield make
    for one in running:
        one.server.shutdown()
        one.server.server_close()


@pytest.fixture
def cluster() -> Iterator[Open]:
    """Makes engines over services, each closed at the end."""
    opened: list[ClusterEngine] = []

    def make(*places: Service | Place, **options: Any) -> ClusterEngine:
        found = [one if isinstance(one, Place) else place(one) for one in places]
        settings: dict[str, Any] = {"base_url": None, "api_key": KEY, "clock": lambda: NOON, "workers": 0}
        opened.append(ClusterEngine(**settings | {"endpoints": found} | options))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def place(service: Service, **fields: Any) -> Place:
    return Place(service.url, KEY, **{"concurrency": 4, "timeout_seconds": 5, **fields})


def request(number: int = 1, **fields: Any) -> Request:
    messages = ({"role": "user", "content": f"paper {number}."},)
    return Request(**{"model": "m", "messages": messages, "subject": f"2603.{number:05d}", **fields})


def ask(asked: ClusterEngine, *requests: Request) -> list[Answer]:
    """The answers in the order of the requests."""
    answers = {one.key: answer for one, answer in asked.run(requests)}
    return [answers[one.key] for one in requests]


def completed(answer: Answer) -> Completion:
    assert isinstance(answer, Completion), str(answer)
    return answer


def papers(*services: Service) -> list[str]:
    """What was asked, of all of them."""
    return [body["messages"][0]["content"] for one in services for body in one.bodies]


def test_a_reply_becomes_a_completion(cluster: Open, services: Callable[[], Service]) -> None:
    """It is like one of `chat`, but for the engine's name."""
    service = services()
    usage = {"prompt_tokens": 90, "completion_tokens": 30, "prompt_tokens_details": {"cached_tokens": 64}}
    choice = {"message": {"content": "你好"}, "finish_reason": "stop"}
    service.answer = lambda number, body: Told(body={"model": "m-1", "choices": [choice], "usage": usage})

    assert ask(cluster(service), request()) == [Completion("你好", "cluster", "m-1", NOON, "stop", 90, 64, 30)]
    assert service.keys == [f"Bearer {KEY}"]


def test_every_request_is_answered_once(cluster: Open, services: Callable[[], Service]) -> None:
    """Two hundred requests over three endpoints: each is asked once, and its answer is its own."""
    three = services(), services(), services()
    for one in three:
        one.answer = lambda number, body: said(body["messages"][0]["content"])
    asked = cluster(*three)

    pairs = list(asked.run(map(request, range(200))))

    assert {one.key for one, _ in pairs} == {request(n).key for n in range(200)}
    assert all(completed(answer).text == one.messages[0]["content"] for one, answer in pairs)
    assert sorted(papers(*three)) == sorted(f"paper {n}." for n in range(200))
    assert all(0 < one.most <= 4 for one in three)
    assert asked.sent == 200
    assert [(one.answered, one.in_flight, one.state) for one in asked.state()] == [
        (len(one.bodies), 0, "up") for one in three
    ]


def test_an_engine_runs_more_than_once(cluster: Open, services: Callable[[], Service]) -> None:
    """The worker and its connections stay from one run to the next."""
    asked = cluster(services())

    for number in range(5):
        completed(ask(asked, request(number))[0])
    assert asked.sent == 5
    assert list(asked.run([])) == []


def test_the_same_question_may_be_asked_twice(cluster: Open, services: Callable[[], Service]) -> None:
    """Two requests with one key get an answer each."""
    same = request(1)

    assert len(list(cluster(services()).run([same, same]))) == 2


def test_a_request_refused_for_its_own_sake_is_an_answer(cluster: Open, services: Callable[[], Service]) -> None:
    """What one endpoint says of a paper is not asked of the other."""
    two = services(), services()
    for one in two:
        one.answer = lambda number, body: refused(400, "sensitive") if "paper 7." in str(body) else said()

    answers = ask(cluster(*two), *map(request, range(20)))

    assert str(answers[7]) == "400: sensitive"
    assert papers(*two).count("paper 7.") == 1
    assert sum(isinstance(one, Completion) for one in answers) == 19


def test_what_an_endpoint_calls_the_model_stays_with_it(cluster: Open, services: Callable[[], Service]) -> None:
    """It is asked by its own name; the record has the configured one."""
    service = services()

    (answer,) = ask(cluster(place(service, model="m-awq")), request())

    assert service.bodies[0]["model"] == "m-awq"
    assert completed(answer).model == "m"


def test_limits_are_an_endpoints_own(cluster: Open, services: Callable[[], Service]) -> None:
    """1,200 and 300 a minute: in two seconds each has got its own share."""
    fast, slow = services(), services()
    asked = cluster(place(fast, requests_per_minute=1200), place(slow, requests_per_minute=300))
    began = time.monotonic()

    list(asked.run(map(request, range(50))))

    assert time.monotonic() - began > 1.7
    assert 8 <= len(slow.bodies) <= 20


def test_little_work_goes_where_the_weight_is(cluster: Open, services: Callable[[], Service]) -> None:
    """With one request at a time in hand, all go to the endpoint that is meant to have them."""
    heavy, light = services(), services()
    for one in (heavy, light):
        one.answer = lambda number, body: replace(said(), after=0.2)
    asked = cluster(place(light, weight=1.0), place(heavy, weight=8.0))

    list(asked.run(map(request, range(4))))

    assert (len(heavy.bodies), len(light.bodies)) in ((3, 1), (4, 0))


# ---- endpoints that fail


def test_an_endpoint_that_is_not_there_is_done_without(
    cluster: Open, services: Callable[[], Service], caplog: pytest.LogCaptureFixture
) -> None:
    """All is answered by the other; it is told once."""
    service = services()
    nowhere = Place("http://127.0.0.1:9/v1", KEY, concurrency=4)
    service.answer = lambda number, body: replace(said(), after=0.1)
    asked = cluster(nowhere, service)

    answers = ask(asked, *map(request, range(80)))

    assert all(isinstance(one, Completion) for one in answers)
    assert len([one for one in caplog.records if "127.0.0.1:9: no connection" in one.getMessage()]) == 1
    assert asked.state()[0].state == "down"


def test_an_endpoint_that_breaks_down_hands_over_and_comes_back(cluster: Open, services: Callable[[], Service]) -> None:
    """502 for two seconds: its requests go to the other one, later it has its share again."""
    two = services(), services()
    began = time.monotonic()

    def answer(number: int, body: Any) -> Told:
        return refused(502) if 0.3 < time.monotonic() - began < 2.3 else replace(said(), after=0.02)

    two[0].answer = answer
    two[1].answer = lambda number, body: replace(said(), after=0.1)
    asked = cluster(place(two[0], concurrency=8), two[1])

    def requests() -> Iterator[Request]:
        number = 0
        while time.monotonic() - began < 6:
            yield request(number)
            number += 1

    answers = [answer for _, answer in asked.run(requests())]

    assert all(isinstance(one, Completion) for one in answers)
    assert two[0].times[-1] - began > 5.5
    assert len([moment for moment in two[0].times if 1.9 < moment - began < 2.3]) < 20
    assert asked.state()[0].state == "up"


def test_a_refused_key_takes_one_endpoint_out(
    cluster: Open, services: Callable[[], Service], caplog: pytest.LogCaptureFixture
) -> None:
    """The others answer; the reader is told once, with the variable that holds that key."""
    two = services(), services()
    two[0].answer = lambda number, body: refused(401)
    two[1].answer = lambda number, body: replace(said(), after=0.05)
    asked = cluster(place(two[0], key_name="LAB_KEY"), two[1])

    assert all(isinstance(one, Completion) for one in ask(asked, *map(request, range(30))))
    assert len(two[0].bodies) <= 4
    assert len([one for one in caplog.records if "the key is refused" in one.getMessage()]) == 1
    assert asked.state()[0].state == "out"


def test_all_keys_refused_end_the_run(cluster: Open, services: Callable[[], Service]) -> None:
    """As with `chat`, with the mend."""
    two = services(), services()
    for one in two:
        one.answer = lambda number, body: refused(401)
    asked = cluster(*(place(one, key_name="LAB_KEY") for one in two))

    with pytest.raises(EngineRefused, match="the key is refused") as caught:
        ask(asked, *map(request, range(30)))
    assert "LAB_KEY" in str(caught.value.hint)


def test_no_endpoint_at_all_ends_the_run_soon(cluster: Open) -> None:
    """Nobody waits five minutes for a wrong address."""
    asked = cluster(*(Place(f"http://127.0.0.1:{port}/v1", KEY) for port in (9, 10)), patience_seconds=1e9)

    with pytest.raises(EngineError, match="no connection"):
        ask(asked, *map(request, range(30)))


def test_patience_ends(cluster: Open, services: Callable[[], Service]) -> None:
    """Where all that has worked is down for too long, the run ends and says what it was."""
    service = services()
    service.answer = lambda number, body: said() if number == 1 else refused(503, "overloaded")
    asked = cluster(service, patience_seconds=1.0)

    with pytest.raises(EngineError, match=r"nothing has worked for .*503: overloaded"):
        list(asked.run(map(request, range(30))))


def test_a_paper_that_one_endpoint_fails_is_given_to_the_other(
    cluster: Open, services: Callable[[], Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An endpoint alone with a paper fails it again and again: the other one may know better."""
    monkeypatch.setattr(worker_module, "ATTEMPTS", 2)
    two = services(), services()
    two[0].answer = lambda number, body: refused(500)
    asked = cluster(place(two[0], weight=9.0), two[1])

    completed(ask(asked, request())[0])
    assert (len(two[0].bodies), len(two[1].bodies)) == (2, 1)


def test_a_paper_that_all_fail_is_given_up(
    cluster: Open, services: Callable[[], Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After five losses it is a failure, with the reason."""
    monkeypatch.setattr(worker_module, "ATTEMPTS", 1)
    service = services()
    service.answer = lambda number, body: refused(500, "oh no")

    (answer,) = ask(cluster(service), request())

    assert str(answer) == "lost 5 times: 500: oh no"


# ---- the end


def test_a_signal_lets_in_what_is_under_way_and_sends_no_more(
    cluster: Open, services: Callable[[], Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent is paid for and kept; then the run ends with the signal's exit code."""
    monkeypatch.setattr(INTERRUPT, "signal", None)
    service = services()

    def answer(number: int, body: Any) -> Told:
        if number == 4:
            assert INTERRUPT.is_noted(signal.SIGTERM)
        return replace(said(), after=0.6)

    service.answer = answer
    asked = cluster(service)
    kept: list[Answer] = []
    asked.keep = lambda answers: kept.extend(one for _, one in answers)

    with pytest.raises(Interrupted, match="SIGTERM") as caught:
        list(asked.run(map(request, range(40))))

    assert caught.value.exit_code == 143
    assert len(list(map(completed, kept))) == len(service.bodies) == 4


def test_a_run_left_early_leaves_nothing_to_the_next(cluster: Open, services: Callable[[], Service]) -> None:
    """What was in flight is given up; the next run gets its own answers alone."""
    service = services()
    service.answer = lambda number, body: Told(body=said().body, after=0.0 if number == 1 else 0.2)
    asked = cluster(service)
    run = asked.run(map(request, range(20)))
    next(run)
    run.close()  # type: ignore[attr-defined]

    assert {one.key for one, _ in asked.run([request(50), request(51)])} == {request(50).key, request(51).key}
    assert set(papers(service)) >= {"paper 50.", "paper 51."}
    assert not asked.dispatch.parcels


def test_an_error_of_the_caller_passes_through(cluster: Open, services: Callable[[], Service]) -> None:
    """What the generator of requests raises is not swallowed."""

    def requests() -> Iterator[Request]:
        yield request(1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(cluster(services()).run(requests()))


def test_answers_are_kept_before_they_are_seen(cluster: Open, services: Callable[[], Service]) -> None:
    """What has arrived is kept together, though the caller looks at one only."""
    service, together = services(), threading.Barrier(4)
    asked = cluster(service)
    ask(asked, request(99))  # what the service understands is known from here on: all four are on their way

    def answer(number: int, body: Any) -> Told:
        together.wait(20)
        return said()

    service.answer = answer
    kept: list[str] = []
    asked.keep = lambda answers: kept.extend(one.subject for one, _ in answers)
    ahead = 0

    for seen, (one, _) in enumerate(asked.run(map(request, range(60))), 1):
        assert one.subject in kept
        ahead = max(ahead, len(kept) - seen)
        time.sleep(0.01)  # others arrive meanwhile

    assert len(kept) == len(set(kept)) == 60
    assert ahead


def test_a_key_is_in_no_words(cluster: Open) -> None:
    """A place shows neither address nor key."""
    with pytest.raises(ConfigError, match="LAB_KEY") as caught:
        cluster(Place("https://example.org/v1", "two words", key_name="LAB_KEY"))
    assert "two words" not in str(caught.value)
    assert KEY not in repr(Place("https://example.org/v1", KEY))


class LostCrew(OwnCrew):
    """A worker whose machine may go down, and that runs again only when it is started anew."""

    def __init__(self) -> None:
        super().__init__()
        self.is_down = False
        self.restarts = 0

    def call(self, worker: int, method: str, *arguments: Any) -> None:
        if self.is_down:
            self.inbox.queue.put(Reply(worker, method, ConnectionError("its worker was lost")))
        else:
            super().call(worker, method, *arguments)

    def restart(self) -> bool:
        self.restarts += 1
        self.is_down = False
        self.worker = Worker()
        return True


def test_when_all_workers_are_lost_for_good_they_are_started_anew(
    services: Callable[[], Service], cluster: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cluster that has lost its head does not bring its workers back by itself."""
    monkeypatch.setattr(roster, "GRACE", 0.05)
    monkeypatch.setattr(roster, "LOST", 0.2)
    engine = cluster(services())
    crew = engine.roster.crew = LostCrew()
    answered: list[str] = []
    for one, _ in engine.run(request(number) for number in range(30)):
        answered.append(one.subject)
        if len(answered) == 5:
            crew.is_down = True
    assert crew.restarts == 1
    assert sorted(answered) == [request(number).subject for number in range(30)]


class LastCrew(LostCrew):
    """A worker that cannot be started anew at once: so many times in vain."""

    def __init__(self, in_vain: int) -> None:
        super().__init__()
        self.in_vain = in_vain

    def restart(self) -> bool:
        if self.restarts < self.in_vain:
            self.restarts += 1
            return False
        return super().restart()


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are given up after a moment."""
    monkeypatch.setattr(roster, "AGAIN", 0.05)
    monkeypatch.setattr(roster, "GRACE", 0.05)
    monkeypatch.setattr(roster, "LOST", 0.2)


@pytest.mark.usefixtures("quickly")
def test_what_cannot_be_started_anew_is_tried_again(services: Callable[[], Service], cluster: Open) -> None:
    """A cluster's head may take a while to come back."""
    engine = cluster(services())
    crew = engine.roster.crew = LastCrew(in_vain=2)
    answered: list[str] = []
    for one, _ in engine.run(map(request, range(30))):
        answered.append(one.subject)
        crew.is_down = crew.is_down or len(answered) == 5
    assert crew.restarts == 3
    assert sorted(answered) == [request(number).subject for number in range(30)]


@pytest.mark.usefixtures("quickly")
def test_workers_that_never_come_back_end_the_run(services: Callable[[], Service], cluster: Open) -> None:
    """After the time for which nothing may work, with what was said last."""
    engine = cluster(services(), patience_seconds=1.0)
    crew = engine.roster.crew = LastCrew(in_vain=1000)
    answered: list[str] = []

    def ask_on() -> None:
        for one, _ in engine.run(map(request, range(30))):
            answered.append(one.subject)
            crew.is_down = True

    with pytest.raises(EngineError, match=r"nothing has worked for .*its worker was lost"):
        ask_on()
    assert 2 <= crew.restarts <= 6
    assert answered


@pytest.mark.usefixtures("quickly")
def test_a_long_start_is_not_begun_again_at_its_end() -> None:
    """The workers get their time to come up, however long it took until they could."""

    class SlowCrew(Inbox):
        size, restarts = 1, 0

        def start(self) -> None:
            raise AssertionError

        def call(self, worker: int, method: str, *arguments: Any) -> None:
            assert method == "hello"

        def restart(self) -> bool:
            self.restarts += 1
            time.sleep(0.3)
            return True

        def close(self) -> None:
            raise AssertionError

    crew = SlowCrew()
    everyone = roster.Roster(crew, Dispatch([Terms(1)], 9.0, 0.0), [], [], 9.0, None)
    everyone.mates[0] = roster._Mate(gone=time.monotonic() - 1)

    everyone.call(time.monotonic())
    everyone.call(time.monotonic())

    assert crew.restarts == 1


class PartCrew(Inbox):
    """Two workers, of which the second never comes up; both may be started anew."""

    size, restarts = 2, 0

    def start(self) -> None:
        self.is_up = True

    def call(self, worker: int, method: str, *arguments: Any) -> None:
        is_there = self.is_up and worker == 0
        hello = Hello("e", __version__, ".".join(platform.python_version_tuple()[:2]), "h", 1, frozenset())
        error = ConnectionError("ModuleNotFoundError: No module named 'digest'")
        if is_there and method == "hello":
            self.queue.put(Reply(worker, method, hello))
        elif not is_there:
            self.queue.put(Reply(worker, method, error))

    def restart(self) -> bool:
        self.restarts += 1
        return True

    def close(self) -> None:
        raise AssertionError


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> tuple[roster.Roster, PartCrew]:
    """A roster of them, which waits but a moment for the second."""
    monkeypatch.setattr(roster, "OTHERS", 0.05)
    monkeypatch.setattr(roster, "STARTING", 0.05)
    monkeypatch.setattr(roster, "AGAIN", 0.01)
    monkeypatch.setattr(roster, "LOOK", 0.01)
    crew = PartCrew()
    return roster.Roster(crew, Dispatch([Terms(1)], 9.0, 0.0), [Place(None, KEY)], [], 9.0, None), crew


def test_a_worker_that_never_came_up_does_not_keep_the_others_from_being_started_anew(
    part: tuple[roster.Roster, PartCrew], caplog: pytest.LogCaptureFixture
) -> None:
    """Where all that were there are gone for long; that it is not there is told with the reason."""
    everyone, crew = part
    everyone.abilities = [Abilities(None, "http://x", lambda: NOON)]
    everyone.ready()
    assert "1 of 2 workers have not come up yet: ModuleNotFoundError" in caplog.text
    crew.is_up = False
    crew.queue.put(Reply(0, "exchange", ConnectionError("lost")))
    everyone.replies(1.0)
    now = time.monotonic()

    everyone.call(now + roster.LOST - 1)
    assert crew.restarts == 0
    everyone.call(now + roster.LOST + 1)
    assert crew.restarts == 1


def test_where_no_worker_comes_up_the_reason_is_told(part: tuple[roster.Roster, PartCrew]) -> None:
    """Such as a node on which the program is not installed."""
    everyone, crew = part
    crew.start = lambda: setattr(crew, "is_up", False)  # type: ignore[method-assign]
    with pytest.raises(EngineError, match="no worker came up: ModuleNotFoundError") as caught:
        everyone.ready()
    assert "installed on every node" in str(caught.value.hint)


@pytest.mark.usefixtures("part")
def test_a_signal_while_the_workers_start_is_no_missing_worker(
    part: tuple[roster.Roster, PartCrew], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends as one that was stopped."""
    everyone, crew = part
    crew.size = 0
    monkeypatch.setattr(INTERRUPT, "signal", signal.SIGTERM)
    everyone.ready()
    assert everyone.present == 0


def test_a_worker_sends_nothing_more_when_its_driver_is_gone() -> None:
    """Nobody would keep what it pays for; a process that nobody has waited for is gone, too."""
    here = process_space()
    assert here is not None
    ended = subprocess.Popen([sys.executable, "-c", ""])
    until = time.monotonic() + 20
    while not is_gone(here, ended.pid) and time.monotonic() < until:
        time.sleep(0.01)
    assert is_gone(here, ended.pid)  # a zombie
    ended.wait()
    assert is_gone(here, ended.pid)
    assert not is_gone(here, os.getpid())
    assert not is_gone(("another machine", here[1]), ended.pid)
    assert not is_gone((here[0], "pid:[1]"), ended.pid)  # another container on this one


def test_where_processes_cannot_be_told_apart_none_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without such places tells nothing of who has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here = process_space()
    monkeypatch.setattr(Path, "readlink", lambda path: Path("/nowhere/at/all").stat())
    assert process_space() is None
    assert not is_gone(None, ended.pid)
    assert not is_gone(here, ended.pid)


def test_the_workers_are_told_whose_end_is_theirs(cluster: Open, services: Callable[[], Service]) -> None:
    """A plan holds the driver's process, and within what that number counts."""
    asked = cluster(services())
    ask(asked, request())
    crew = asked.roster.crew
    assert isinstance(crew, OwnCrew)
    (lane,) = crew.worker.lanes.values()
    assert lane.plan.driver == (process_space(), os.getpid())
