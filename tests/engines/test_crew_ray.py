"""What the crew makes of Ray's failures; a stand-in is called in Ray's place."""

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from digest.engines import crew_ray
from digest.engines.crew_ray import RayCrew
from digest.errors import EngineError


class RayError(Exception):
    """As Ray's own: no RuntimeError."""


class FakeRay:
    """A Ray with one node, whose parts may be made to fail by name."""

    def __init__(self) -> None:
        self.exceptions = SimpleNamespace(RayError=RayError, RayTaskError=type("RayTaskError", (RayError,), {}))
        self.failing: set[str] = set()
        self.node_ids = ["n1"]
        self.is_up = False
        self.killed: list[Any] = []

    def does(self, part: str) -> None:
        if part in self.failing:
            raise RayError(f"{part}: oh no")

    def init(self, **options: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Ray has a handler of its own
        self.does("init")
        self.is_up = True

    def is_initialized(self) -> bool:
        return self.is_up

    def shutdown(self) -> None:
        self.does("shutdown")
        self.is_up = False

    def nodes(self) -> list[dict[str, Any]]:
        self.does("nodes")
        return [{"Alive": True, "NodeID": one, "Resources": {"CPU": 1.0}} for one in self.node_ids]

    def get_runtime_context(self) -> Any:
        return SimpleNamespace(get_node_id=lambda: "n1")

    def remote(self, **options: Any) -> Callable[[Any], Any]:
        return lambda kind: SimpleNamespace(options=lambda **options: SimpleNamespace(remote=self.actor))

    def actor(self) -> Any:
        self.does("actor")
        return SimpleNamespace(call=SimpleNamespace(remote=self.called))

    def called(self, method: str, arguments: Any) -> Any:
        self.does("call")
        done: Future[Any] = Future()
        done.set_result(f"{method} done")
        return SimpleNamespace(future=lambda: done)

    def kill(self, actor: Any) -> None:
        self.killed.append(actor)


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    """The stand-in, to be found where Ray is looked for."""
    fake = FakeRay()
    strategies = SimpleNamespace(NodeAffinitySchedulingStrategy=lambda node, soft: node)
    found = {"ray": fake, "ray.util.scheduling_strategies": strategies}
    monkeypatch.setattr(crew_ray, "import_module", found.__getitem__)
    for name in (*crew_ray.QUIET, *crew_ray.GUARDED, "RAY_AUTH_TOKEN"):
        monkeypatch.setenv(name, "")
    return fake


@pytest.fixture
def handler() -> Iterator[Any]:
    """The program's own handler of SIGTERM, while a test lasts."""

    def own(number: int, frame: Any) -> None:
        """Note it."""

    before = signal.signal(signal.SIGTERM, own)
    yield own
    signal.signal(signal.SIGTERM, before)


def replied(crew: RayCrew, worker: int = 0) -> Any:
    """What a call comes to."""
    crew.call(worker, "hello")
    (reply,) = crew.replies(1.0)
    assert (reply.worker, reply.method) == (worker, "hello")
    return reply.value


def started(workers: int = 2) -> RayCrew:
    crew = RayCrew(workers, None)
    crew.start()
    return crew


@pytest.mark.parametrize("failing", ["", "init"], ids=["it starts", "it does not"])
def test_sigterm_stays_with_the_program(ray: FakeRay, handler: Any, failing: str) -> None:
    """Also after Ray is started anew: replies that are under way are waited for."""
    crew = started()
    assert signal.getsignal(signal.SIGTERM) is handler
    ray.failing = {failing}
    assert crew.restart() is not bool(failing)
    assert signal.getsignal(signal.SIGTERM) is handler


def test_ray_may_be_started_in_another_thread(ray: FakeRay, handler: Any) -> None:
    """Where no handler can be set, none is."""
    crews: list[RayCrew] = []
    thread = threading.Thread(target=lambda: crews.append(started()))
    thread.start()
    thread.join()
    assert [one.size for one in crews] == [2]
    assert signal.getsignal(signal.SIGTERM) is handler


@pytest.mark.usefixtures("handler")
@pytest.mark.parametrize("part", ["init", "nodes", "actor"])
def test_whatever_of_rays_fails_at_the_start_is_an_engines_error(ray: FakeRay, part: str) -> None:
    """Then there is no worker, and a later start makes as many as were wanted."""
    ray.failing = {part}
    crew = RayCrew(2, None)
    with pytest.raises(EngineError, match=f"no Ray on this machine: {part}: oh no"):
        crew.start()
    assert crew.size == 0
    ray.failing = set()
    crew.start()
    assert crew.size == 2


@pytest.mark.usefixtures("handler")
def test_a_cluster_without_a_node_that_is_alive_is_none(ray: FakeRay) -> None:
    """It may have lost them all."""
    ray.node_ids = []
    with pytest.raises(EngineError, match=r"no Ray at 127\.0\.0\.1:6379: no node of it is alive"):
        RayCrew(2, "127.0.0.1:6379").start()


@pytest.mark.usefixtures("handler")
@pytest.mark.parametrize("part", ["shutdown", "init", "nodes", "actor"])
def test_workers_that_were_not_started_anew_are_called_in_vain_until_they_are(ray: FakeRay, part: str) -> None:
    """Each call gets its reply, and the next try makes as many workers as there were."""
    crew = started(3)
    ray.failing = {part}
    assert not crew.restart()
    assert not crew.restart()
    assert crew.size == 3
    for worker in range(3):
        error = replied(crew, worker)
        assert isinstance(error, ConnectionError)
        assert str(error) == "no Ray"

    ray.failing = set()

    assert crew.restart()
    assert [replied(crew, worker) for worker in range(3)] == ["hello done"] * 3


@pytest.mark.usefixtures("handler")
def test_a_call_that_ray_does_not_take_is_a_lost_worker(ray: FakeRay) -> None:
    """Nothing is raised: the worker is called again later."""
    crew = started()
    ray.failing = {"call"}
    error = replied(crew)
    assert isinstance(error, ConnectionError)
    assert str(error) == "its worker was lost (call: oh no)"


@pytest.mark.usefixtures("handler")
def test_after_the_end_a_call_finds_nobody(ray: FakeRay) -> None:
    """A run may be given up only after its engine was closed; what was never started is not ended."""
    crew = started()
    actors = list(crew.actors)
    crew.close()
    assert ray.killed == actors
    assert isinstance(replied(crew, 1), ConnectionError)

    other = started()
    ray.failing = {"nodes"}
    assert not other.restart()
    other.close()
    assert ray.killed == actors
