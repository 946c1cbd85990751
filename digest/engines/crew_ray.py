"""Workers in processes of Ray's, on this machine or on the nodes of a cluster that is there.

Starts, calls and ends them; what they do is in worker.py. Ray is imported here alone, and says nothing to the user.
"""

import contextlib
import logging
import os
import secrets
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from importlib import import_module
from typing import Any

from ..errors import ConfigError, EngineError
from .crew import Inbox
from .worker import Worker

log = logging.getLogger(__name__)

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
        self.actors: list[Any] = []  #: None: it could not be started anew

    @property
    def size(self) -> int:
        """How many workers there are."""
        return len(self.actors)

    def start(self, count: int | None = None) -> None:
        """
        Have Ray run, and the workers be made, `count` of them where that is given.

        Raises:
            EngineError: Ray does not start, there is no cluster at the address, or none of its nodes is alive.
        """
        with self._worded():
            if not self.ray.is_initialized():
                self._init()
            nodes = self._nodes()
            if not nodes:
                raise RuntimeError("no node of it is alive")
            self.actors = self._made(count or self.workers or (len(nodes) if self.address else own_workers()), nodes)
        log.info("cluster: %d workers on %d nodes", self.size, len(nodes))

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
        options: dict[str, Any] = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
        if self.address:
            options = {name: value for name, value in options.items() if name != "include_dashboard"}
            options |= {"address": self.address}
        else:
            # Another cluster of the user's is left alone.
            options |= {"address": "local", "_node_ip_address": HERE, "object_store_memory": STORE}
            options |= {"num_cpus": self.workers or own_workers()}
        with _silenced(), _own_handler():
            self.ray.init(**options)

    @contextlib.contextmanager
    def _worded(self) -> Iterator[None]:
        """While inside, say in the program's own words what Ray raises."""
        try:
            yield
        except (OSError, RuntimeError, ValueError, self.ray.exceptions.RayError) as error:
            where = f"at {self.address}" if self.address else "on this machine"
            said = " ".join(str(error).split())[:300]
            raise EngineError(f"cluster: no Ray {where}: {said}", hint="ray status tells what is there") from error

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
        actor = self.actors[worker] if worker < self.size else None  # there are none when the engine was closed
        if actor is None:
            found.set_exception(ConnectionError("no Ray"))
            return
        try:
            called = actor.call.remote(method, arguments).future()
        except self.ray.exceptions.RayError as error:
            found.set_exception(_gone(error))
        else:
            called.add_done_callback(lambda done: self._pass(done, found))

    def _pass(self, done: Future[Any], found: Future[Any]) -> None:
        """Unpack a result; what Ray says of a worker that is gone is said in the crew's own word."""
        error = done.exception()
        if error is None:
            found.set_result(done.result())
        elif isinstance(error, self.ray.exceptions.RayTaskError):
            found.set_exception(RuntimeError(f"a worker failed: {error}"))
        else:
            found.set_exception(_gone(error))

    def restart(self) -> bool:
        """Leave what is left of Ray, and begin with it anew; False where that fails: workers are called in vain."""
        self.actors = [None] * self.size
        try:
            with self._worded():
                self.ray.shutdown()
            self.start(self.size)
        except EngineError as error:
            log.warning("%s; it is tried again", error)
            return False
        return True

    def close(self) -> None:
        """End the workers; Ray itself goes with this process, and with it all that it started here."""
        actors, self.actors = self.actors, []
        if self.ray.is_initialized():
            for actor in [one for one in actors if one is not None]:
                with contextlib.suppress(self.ray.exceptions.RayError, ValueError):
                    self.ray.kill(actor)


def no_ray() -> ConfigError:
    """What to raise where Ray is not installed; the hint is the install line."""
    return ConfigError('the engine "cluster" needs Ray, which is not installed', hint=INSTALL)


def own_workers() -> int:
    """How many this machine gets where nobody says."""
    return min(MOST, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def _gone(error: BaseException) -> ConnectionError:
    """What Ray says of a worker that is gone, in the crew's own word."""
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    gone = ConnectionError(f"its worker was lost ({lines[0].strip()[:120]})")
    gone.__cause__ = error
    return gone


@contextlib.contextmanager
def _own_handler() -> Iterator[None]:
    """Put the program's handler of SIGTERM back: Ray's own exits at once, with replies under way that are paid for."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _silenced() -> Any:
    """While inside, warnings of Ray's start stay away from the user's terminal."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
