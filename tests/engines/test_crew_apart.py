"""Ray's crew in a process of its own: what is left of the calls when that ends, and what is said of it."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from digest.engines import crew_apart
from digest.engines.crew import Inbox, Reply
from digest.engines.crew_apart import ApartCrew, worded
from digest.errors import ConfigError, EngineError
from digest.interrupts import INTERRUPT


class Elsewhere:
    """The other process, as a thread: what it is told to do is what a test says."""

    exitcode = 1

    def __init__(self, pipe: Connection, first: Any) -> None:
        self.pipe = pipe
        self.killed = False
        if first == "":
            pipe.close()
        elif first is not None:
            pipe.send(first)

    def join(self, timeout: float | None = None) -> None:
        pass

    def kill(self) -> None:
        self.killed = True


class Contexts:
    """In place of multiprocessing's: its processes begin with what they are told to say."""

    def __init__(self, *firsts: Any) -> None:
        self.firsts = list(firsts)
        self.processes: list[Elsewhere] = []
        self.asked: list[int | None] = []

    def begin(self, other: Connection, workers: int | None) -> Elsewhere:
        self.asked.append(workers)
        first = self.firsts.pop(0)
        self.processes.append(Elsewhere(other, first))
        return self.processes[-1]


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Makes a crew whose processes say at first what they are told to."""
    crews: list[ApartCrew] = []
    monkeypatch.setattr(crew_apart, "find_spec", lambda name: SimpleNamespace(origin="ray/__init__.py"))

    def make(*firsts: Any) -> tuple[ApartCrew, Contexts]:
        contexts = Contexts(*firsts)

        class Crew(ApartCrew):
            @staticmethod
            def _spawned(workers: int | None, address: str | None, aloud: bool) -> tuple[Any, Connection]:
                mine, other = Pipe()
                return contexts.begin(other, workers), mine

        crews.append(Crew(2, "head:6379"))
        return crews[-1], contexts

    yield make
    for one in crews:
        one.close()


def test_calls_go_there_and_replies_come_back(apart: Any) -> None:
    """As they are."""
    crew, contexts = apart(2)
    crew.start()
    crew.call(1, "hand", "epoch", [])
    there = contexts.processes[0].pipe
    assert there.recv() == (1, "hand", ("epoch", []))
    there.send([Reply(1, "hand", None)])
    there.send([Reply(0, "hello", None)])
    assert crew.size == 2
    assert crew.replies(1.0) == [Reply(1, "hand", None), Reply(0, "hello", None)]
    assert crew.replies(0.0) == []


def test_when_ray_ends_its_process_all_workers_are_lost_until_they_are_started_anew(apart: Any) -> None:
    """Ray does so where a cluster's head is gone for a minute; as many workers are made the next time."""
    crew, contexts = apart(3, EngineError("no Ray"), 3)
    crew.start()
    contexts.processes[0].pipe.close()

    lost = crew.replies(1.0)

    assert {(one.worker, one.method) for one in lost} == {(n, m) for n in range(3) for m in ("hello", "exchange")}
    assert {str(one.value) for one in lost} == {
        "the Ray cluster at head:6379 was lost: its process here ended with status 1"
    }
    crew.call(2, "hello")
    (reply,) = crew.replies(1.0)
    assert (reply.worker, reply.method, str(reply.value)) == (2, "hello", str(lost[0].value))
    assert not crew.restart()
    assert crew.restart()
    assert contexts.asked == [2, 3, 3]
    assert all(one.killed for one in contexts.processes[:2])


def test_what_ray_passed_on_before_its_end_comes_in_first(apart: Any) -> None:
    """It is paid for, also where the end is noticed by a call."""
    crew, contexts = apart(1)
    crew.start()
    contexts.processes[0].pipe.send([Reply(0, "exchange", "answers")])
    contexts.processes[0].pipe.close()
    crew.call(0, "hand", "epoch", [])
    assert crew.replies(1.0)[0].value == "answers"


def test_a_call_to_a_process_that_has_ended_is_a_lost_worker(apart: Any) -> None:
    """The reply says so; nothing is raised."""
    crew, contexts = apart(1)
    crew.start()
    contexts.processes[0].pipe.close()
    crew.call(0, "hello")
    assert {one.method for one in crew.replies(1.0)} == {"hello", "exchange"}


def test_an_end_at_the_start_is_an_engines_error(apart: Any) -> None:
    """Also where Ray says nothing before."""
    crew, _ = apart("")
    with pytest.raises(EngineError, match=r"no Ray at head:6379: .*ended with status 1"):
        crew.start()


def test_a_signal_ends_the_start(apart: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray may take a minute: its process is killed, and there are no workers."""
    crew, contexts = apart(None)
    monkeypatch.setattr(INTERRUPT, "signal", signal.SIGTERM)
    crew.start()
    assert crew.size == 0
    assert contexts.processes[0].killed


def test_a_signal_that_ended_ray_too_is_no_error_of_its_own(apart: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was meant for all of the group."""
    crew, _ = apart("")
    monkeypatch.setattr(INTERRUPT, "signal", signal.SIGINT)
    crew.start()
    assert crew.size == 0


def test_a_start_without_an_end_is_given_up(apart: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever Ray waits for."""
    monkeypatch.setattr(crew_apart, "LONGEST_START", -1.0)
    monkeypatch.setattr(crew_apart, "LOOK", 0.01)
    crew, contexts = apart(None)
    with pytest.raises(EngineError, match="no answer within"):
        crew.start()
    assert contexts.processes[0].killed


@pytest.mark.parametrize(
    ("error", "mend"),
    [
        (ConnectionError("Failed to connect to Ray cluster at head:6379"), "ray status --address=head:6379"),
        (RuntimeError("No node info found matching attributes: ''"), "ray start --address=head:6379 --num-cpus=0"),
        (RuntimeError("Version mismatch: The cluster was started with: Ray: 2.59"), "the same Ray"),
        (AssertionError(), "ray status tells what is there"),
        (PermissionError(13, "Permission denied", "/tmp/ray"), "/tmp"),
    ],
    ids=["no head", "no node here", "another version", "bare", "no right"],
)
def test_whatever_ray_raises_is_one_line_with_a_mend(error: Exception, mend: str) -> None:
    """Of any kind, also one without words."""
    found = worded("head:6379", error)
    assert str(found).startswith("cluster: no Ray at head:6379: ")
    assert str(found)[30:].strip()
    assert "\n" not in str(found)
    assert mend in str(found.hint)


def test_on_this_machine_there_is_no_head_to_look_at() -> None:
    """The mend names no address."""
    assert "logs" in str(worded(None, TimeoutError("no answer within 150 s")).hint)
    assert "make room" in str(worded(None, OSError(28, "No space left on device")).hint)


def test_the_mend_is_that_of_the_cause() -> None:
    """What Ray says in the end is less than what it said first."""
    last = ConnectionError("Failed to connect to Ray cluster at head:6379")
    last.__cause__ = RuntimeError("No node info found matching attributes: ''")
    assert "--num-cpus=0" in str(worded("head:6379", last).hint)


def test_without_ray_there_is_the_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, in this process."""
    monkeypatch.setattr(crew_apart, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="not installed"):
        ApartCrew(2, None)


class Silent(Inbox):
    """Ray's crew in the other process, without Ray."""

    made: ClassVar["list[Silent]"] = []
    ends: ClassVar[list[int]] = []
    fails: BaseException | None = None

    def __init__(self, workers: int | None, address: str | None) -> None:
        super().__init__()
        self.size = workers or 1
        self.calls: list[tuple[Any, ...]] = []
        self.closed = False
        Silent.made.append(self)

    def start(self) -> None:
        if Silent.fails:
            raise Silent.fails

    def call(self, *order: Any) -> None:
        self.calls.append(order)
        self.queue.put(Reply(order[0], order[1], "done"))

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """The program's end of the pipe to the other process, which is a thread here."""
    monkeypatch.setattr(crew_apart, "RayCrew", Silent)
    monkeypatch.setattr(Silent, "made", [])
    monkeypatch.setattr(Silent, "fails", None)
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    monkeypatch.setattr(os, "setsid", lambda: None)
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    monkeypatch.setattr(Silent, "ends", [])
    monkeypatch.setattr(os, "_exit", Silent.ends.append)
    mine, other = Pipe()

    def work() -> None:
        with suppress(ZeroDivisionError, OSError):
            crew_apart.serve(other, 2, None, True)

    mine.thread = threading.Thread(target=work, daemon=True)  # type: ignore[attr-defined]
    yield mine
    mine.close()
    until(lambda: Silent.ends)  # before os._exit is the real one again


def begun(pipe: Connection) -> Any:
    pipe.thread.start()  # type: ignore[attr-defined]
    return pipe.recv()


def until(condition: Any) -> None:
    ends = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_the_other_process_passes_on_calls_and_replies(there: Connection) -> None:
    """It says first how many workers there are; at its end it ends Ray."""
    assert begun(there) == 2
    there.send((1, "hello", ()))
    assert there.recv() == [Reply(1, "hello", "done")]
    there.send(None)
    until(lambda: Silent.ends)
    assert Silent.ends == [0]
    assert Silent.made[0].closed


def test_the_other_process_says_why_it_could_not_begin(there: Connection) -> None:
    """One line, for an exception of any kind."""
    Silent.fails = ZeroDivisionError("oh no")
    error = begun(there)
    assert isinstance(error, EngineError)
    assert str(error) == "cluster: no Ray on this machine: oh no"


def test_the_other_process_ends_with_its_driver(there: Connection) -> None:
    """However that ended."""
    begun(there)
    there.close()
    until(lambda: Silent.ends)
    assert Silent.ends == [0]
