"""A worker whose driver falls silent: what it has sent comes in, and nothing more is sent until it is called again."""

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from digest.engines import worker as worker_module
from digest.engines.dispatch import Terms
from digest.engines.driver import is_elsewhere, process_space
from digest.engines.worker import LEASE, Answered, Plan, Worker
from digest.models import Request

from .conftest import Service

ELSEWHERE = ("another machine", "pid:[1]"), 1


@pytest.fixture
def service() -> Iterator[Service]:
    running = Service()
    threading.Thread(target=running.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield running
    running.server.shutdown()
    running.server.server_close()


class Clock:
    """As far as a test says."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def plan(service: Service, driver: object = ELSEWHERE) -> Plan:
    return Plan(service.url, "sk-x", Terms(1), 5.0, 5.0, driver=driver)  # type: ignore[arg-type]


def papers(count: int) -> list[tuple[int, int, Request, bool]]:
    requests = [Request("m", ({"role": "user", "content": f"paper {n}"},)) for n in range(count)]
    return [(0, number, one, False) for number, one in enumerate(requests)]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def ended(one: Worker) -> None:
    """As with its process, in order."""
    await one.drop()
    await until(lambda: all(lane.task is None for lane in one.lanes.values()))


def test_a_silent_driver_pays_only_for_what_was_on_its_way(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six papers in hand, one slot: the one that is sent comes in, the others wait until the driver calls again."""
    monkeypatch.setattr(worker_module, "GLANCE", 0.02)
    clock, falls_silent = Clock(), threading.Event()
    worker_ = Worker(clock)

    def answer(number: int, body: object) -> object:
        if number == 2:
            clock.now += LEASE + 1
            falls_silent.wait(20)  # until the worker has noticed
        return first(number, body)

    first, service.answer = service.answer, answer  # type: ignore[assignment]

    async def scene() -> None:
        await worker_.arrange({0: plan(service)})
        await worker_.hand(worker_.epoch, papers(6))
        lane, loop = worker_.lanes[0], asyncio.get_running_loop()
        await until(lambda: len(service.bodies) == 2)
        await until(lambda: lane.sending is not None and lane.sending.pace.not_before > loop.time())
        falls_silent.set()
        await until(lambda: worker_.told >= 3)  # two answers, and what the service understands
        for _ in range(10):
            await asyncio.sleep(0.02)
        assert len(service.bodies) == 2
        batch = await worker_.exchange(worker_.epoch, 0, [])
        answered = [one for one in batch.news if isinstance(one, Answered)]
        await until(lambda: worker_.told >= 7)
        assert len(answered) == 2
        assert len(service.bodies) == 6
        await ended(worker_)

    asyncio.run(scene())


@pytest.mark.parametrize("driver", [(process_space(), 1), None], ids=["on this machine", "unknown"])
def test_a_driver_whose_end_can_be_seen_may_be_silent(service: Service, driver: object) -> None:
    """It is busy: nobody waits for its calls."""
    clock = Clock()
    worker_ = Worker(clock)

    async def scene() -> None:
        await worker_.arrange({0: plan(service, driver)})
        await worker_.hand(worker_.epoch, papers(2))
        await until(lambda: worker_.lanes[0].sending is not None)
        clock.now += LEASE + 1
        worker_.look()
        sending = worker_.lanes[0].sending
        assert sending is not None
        assert sending.pace.not_before == 0.0
        await ended(worker_)

    asyncio.run(scene())


def test_a_driver_is_elsewhere_where_nothing_tells_that_it_is_here() -> None:
    """A system that does not tell of its processes has no drivers of its own."""
    assert is_elsewhere(ELSEWHERE)
    assert is_elsewhere((None, 1))
    assert not is_elsewhere((process_space(), 1)) or process_space() is None
    assert not is_elsewhere(None)
