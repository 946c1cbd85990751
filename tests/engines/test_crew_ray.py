"""What the crew makes of Ray's failures; a stand-in is called in Ray's place."""

from collections.abc import Callable
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from digest.engines import crew_ray
from digest.engines.crew_ray import RayCrew


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
        self.words = ""
        self.done: Future[Any] = Future()

    def does(self, part: str) -> None:
        if part in self.failing:
            raise RayError(self.words or f"{part}: oh no")

    def init(self, **options: Any) -> None:
        self.does("init")
        self.is_up = True

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
        if self.done.cancelled():
            return SimpleNamespace(future=lambda: self.done)
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


def test_as_many_workers_are_made_as_are_wanted(ray: FakeRay) -> None:
    """Their calls are answered each."""
    crew = started(3)
    assert [replied(crew, worker) for worker in range(3)] == ["hello done"] * 3


@pytest.mark.parametrize("part", ["init", "nodes", "actor"])
def test_whatever_of_rays_fails_at_the_start_is_raised_as_it_is(ray: FakeRay, part: str) -> None:
    """Then there is no worker; words for it are another's."""
    ray.failing = {part}
    crew = RayCrew(2, None)
    with pytest.raises(RayError, match=f"{part}: oh no"):
        crew.start()
    assert crew.size == 0


def test_a_cluster_without_a_node_that_is_alive_is_none(ray: FakeRay) -> None:
    """It may have lost them all."""
    ray.node_ids = []
    with pytest.raises(RuntimeError, match="no node of it is alive"):
        RayCrew(2, "127.0.0.1:6379").start()


def test_a_call_that_ray_does_not_take_is_a_lost_worker(ray: FakeRay) -> None:
    """Nothing is raised: the worker is called again later."""
    crew = started()
    ray.failing = {"call"}
    error = replied(crew)
    assert isinstance(error, ConnectionError)
    assert str(error) == "its worker was lost (call: oh no)"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("The actor died.\n\tclass_name: Actor\n", "The actor died."),
        (
            "It died in its creation task.\n  File x\nModuleNotFoundError: No module named 'digest'\n",
            "ModuleNotFoundError",
        ),
    ],
    ids=["its first line", "the end of a traceback"],
)
def test_of_what_ray_says_the_line_counts_that_tells(ray: FakeRay, said: str, told: str) -> None:
    """One line; a traceback is told by its end."""
    crew = started()
    ray.words = said
    ray.failing = {"call"}
    error = replied(crew)
    assert str(error).startswith(f"its worker was lost ({told}")
    assert "\n" not in str(error)


def test_a_call_that_was_cancelled_is_answered(ray: FakeRay) -> None:
    """Nobody waits for ever for a worker whose call Ray gave up."""
    crew = started()
    ray.done.cancel()
    assert isinstance(replied(crew), ConnectionError)


def test_at_the_end_the_workers_are_ended_and_ray_is_left(ray: FakeRay) -> None:
    """Each of them."""
    crew = started()
    actors = list(crew.actors)
    crew.close()
    assert ray.killed == actors
    assert not ray.is_up
