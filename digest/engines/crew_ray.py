"""Workers in processes of Ray's, on this machine or on the nodes of a cluster that is there.

Starts, calls and ends them, from a process that Ray may end at any time (crew_apart.py); what they do is in worker.py.
"""

import contextlib
import os
import re
import secrets
from collections.abc import Sequence
from concurrent.futures import Future
from importlib import import_module
from typing import Any

from ..errors import ConfigError
from .crew import Inbox
from .worker import Worker

INSTALL = "pip install 'bilingual-digest[cluster]'"
MOST = 4  #: workers on one machine, where nobody says: each can keep hundreds of requests in flight
STORE = 80 * 2**20  #: bytes of shared memory on this machine; replies are small
HERE = "127.0.0.1"
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # tells nobody what we do
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else it warns of what will change
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",  # what it prints of lost workers: we tell of them ourselves
    "RAY_enable_open_telemetry": "0",
}
#: Ray listens on every interface, whatever address it is given: without the token nobody may run anything through it.
GUARDED = {"RAY_AUTH_MODE": "token"}
EXCEPTION = re.compile(r"[\w.]+(Error|Exception): ")  #: the last line of a traceback


class Actor:
    """A Worker as Ray runs it."""

    def __init__(self) -> None:
        self.worker = Worker()

    async def call(self, method: str, arguments: tuple[Any, ...]) -> Any:
        """Call a method of the worker."""
        return await getattr(self.worker, method)(*arguments)


class RayCrew:
    """Actors spread over the nodes; Ray starts one anew that died."""

    def __init__(self, workers: int | None, address: str | None) -> None:
        """
        Start nothing.

        Args:
            workers: How many; None: one for each node of the cluster at `address`, or a few of this machine.
            address: Of a cluster; None: one is started here, and ends with this process.

        Raises:
            ConfigError: Ray is not installed.
        """
        for name, value in (QUIET if address else QUIET | {"RAY_AUTH_TOKEN": secrets.token_hex(32)} | GUARDED).items():
            os.environ.setdefault(name, value)
        try:
            ray: Any = import_module("ray")
        except ImportError as error:
            raise no_ray() from error
        self.ray = ray
        self.workers = workers
        self.address = address
        self.inbox = Inbox()
        self.replies = self.inbox.replies
        self.actors: list[Any] = []

    @property
    def size(self) -> int:
        """How many workers there are."""
        return len(self.actors)

    def start(self, count: int | None = None) -> None:
        """
        Have Ray run, and the workers be made, `count` of them where that is given.

        Raises:
            Exception: whatever Ray raises, which is of any kind.
        """
        self._init()
        nodes = self._nodes()
        if not nodes:
            raise RuntimeError("no node of it is alive")
        self.actors = self._made(count or self.workers or (len(nodes) if self.address else own_workers()), nodes)

    def _made(self, count: int, nodes: Sequence[str]) -> list[Any]:
        strategies = import_module("ray.util.scheduling_strategies")
        make = self.ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=0, max_concurrency=100)(Actor)
        actors = []
        for number in range(count):
            # In turn, and elsewhere when the node is lost. Ray's own "SPREAD" looks at processors, and we book none:
            # a worker waits most of the time, and must not wait for one that somebody else has booked.
            place = strategies.NodeAffinitySchedulingStrategy(nodes[number % len(nodes)], soft=True)
            actors.append(make.options(scheduling_strategy=place).remote())
        return actors

    def _init(self) -> None:
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if self.address:
            options |= {"address": self.address}
        else:
            # Another cluster of the user's is left alone.
            options |= {"address": "local", "_node_ip_address": HERE, "object_store_memory": STORE}
            options |= {"num_cpus": self.workers or own_workers(), "include_dashboard": False}
        self.ray.init(**options)

    def _nodes(self) -> list[str]:
        """Those with processors, or all; this machine's last, as the driver is here."""
        alive = [node for node in self.ray.nodes() if node["Alive"]]
        found = [node["NodeID"] for node in alive if node["Resources"].get("CPU")] or [node["NodeID"] for node in alive]
        own = self.ray.get_runtime_context().get_node_id()
        return sorted(found, key=lambda node: (node == own, node))

    def call(self, worker: int, method: str, *arguments: Any) -> None:
        """Call a method of a worker."""
        found: Future[Any] = Future()
        self.inbox.expect(worker, method, found)
        try:
            called = self.actors[worker].call.remote(method, arguments).future()
        except self.ray.exceptions.RayError as error:
            found.set_exception(_gone(error))
        else:
            called.add_done_callback(lambda done: self._pass(done, found))

    def _pass(self, done: Future[Any], found: Future[Any]) -> None:
        """Unpack a result; what Ray says of a worker that is gone is said in the crew's own word."""
        error = ConnectionError("the call was cancelled") if done.cancelled() else done.exception()
        if error is None:
            found.set_result(done.result())
        elif isinstance(error, self.ray.exceptions.RayTaskError):
            found.set_exception(RuntimeError(f"a worker failed: {error}"))
        else:
            found.set_exception(_gone(error))

    def close(self) -> None:
        """End the workers, and Ray itself where it was started here."""
        actors, self.actors = self.actors, []
        for actor in actors:
            with contextlib.suppress(self.ray.exceptions.RayError, ValueError):
                self.ray.kill(actor)
        self.ray.shutdown()


def no_ray() -> ConfigError:
    """What to raise where Ray is not installed; the hint is the install line."""
    return ConfigError('the engine "cluster" needs Ray, which is not installed', hint=INSTALL)


def own_workers() -> int:
    """How many this machine gets where nobody says."""
    return min(MOST, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def _gone(error: BaseException) -> ConnectionError:
    """What Ray says of a worker that is gone, in the crew's own word."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    said = lines[-1] if EXCEPTION.match(lines[-1]) else lines[0]  # of a traceback only the end tells
    gone = ConnectionError(f"its worker was lost ({said[:120]})")
    gone.__cause__ = error
    return gone
