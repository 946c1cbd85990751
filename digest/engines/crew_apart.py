"""Ray's workers through a process of their own: where it loses its cluster Ray ends the process that it is in.

Passes calls and replies, and says in the program's words what became of Ray; how Ray is used is in crew_ray.py.
"""

import logging
import os
import signal
import threading
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any

from ..errors import EngineError
from ..interrupts import INTERRUPT, LOOK
from .crew import Reply
from .crew_ray import RayCrew, no_ray

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

log = logging.getLogger(__name__)

LONGEST_START = 150.0  #: seconds; Ray itself gives up after 60 where this machine is no node, else after minutes
LONGEST_END = 5.0  #: seconds
CAUSES = 5  #: of an exception, one behind the other
HINT = "ray status tells what is there"
LOGS = "the logs in /tmp/ray/session_latest tell more"
NODE = "this machine must be a node of the cluster, too: ray start --address={} --num-cpus=0"
TOKEN = "give all machines the head's token: RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or ~/.ray/auth_token"  # noqa: S105
HEAD = "is the head up, and this its address? ray status --address={} tells"
SAME = "install the same Ray and the same Python on all machines"
#: What there is to do, by words of Ray's: the first that is found counts.
HINTS_HERE = (
    ("permission denied", "Ray needs /tmp and /dev/shm"),
    ("no space left", "make room in /tmp and /dev/shm"),
)
HINTS = (
    ("authentication", TOKEN),
    ("token", TOKEN),
    ("version mismatch", SAME),
    ("no node info found", NODE),
    ("failed to connect", HEAD),
    ("failed to get cluster id", HEAD),
    ("timed out", HEAD),
    ("no answer within", HEAD),
    ("invalid address", "an address is host:port, such as head.example.org:6379"),
    ("could not find any running ray", "start it: ray start --head"),
    *HINTS_HERE,
)


class ApartCrew:
    """A RayCrew in a process that may end at any time; then all workers are lost until it is started anew."""

    def __init__(self, workers: int | None, address: str | None) -> None:
        """
        Start nothing.

        Args:
            workers: How many; None: see RayCrew.
            address: Of a cluster; None: one is started here, and ends with the process that Ray has.

        Raises:
            ConfigError: Ray is not installed.
        """
        spec = find_spec("ray")
        if spec is None or spec.origin is None:  # a mere folder of that name has none
            raise no_ray()
        self.workers = workers
        self.address = address
        self.size = 0
        self.reason = "no Ray"  #: why there is none
        self.gone: list[Reply] = []  #: replies to calls that nobody took
        self.process: SpawnProcess | None = None
        self.pipe: Connection | None = None

    def start(self) -> None:
        """
        Have Ray run and the workers be made; gives up, with none, where a signal is noted.

        Raises:
            EngineError: Ray does not start, there is no cluster at the address, or none of its nodes is alive.
        """
        if self.process is None:
            Finalize(None, self.close, exitpriority=1)  # before multiprocessing waits for all its processes
        self._kill()
        aloud = log.isEnabledFor(logging.DEBUG)
        try:
            self.process, self.pipe = self._spawned(self.size or self.workers, self.address, aloud)
        except OSError as error:
            raise worded(self.address, error) from error
        found = self._begun()
        if isinstance(found, int):
            self.size = found
            log.info("cluster: %d workers", found)
        else:
            self._kill()
            if found is not None:
                raise found

    @staticmethod
    def _spawned(workers: int | None, address: str | None, aloud: bool) -> tuple["SpawnProcess", Connection]:
        context = get_context("spawn")
        pipe, other = context.Pipe()
        process = context.Process(target=serve, args=(other, workers, address, aloud), name="digest-ray", daemon=True)
        process.start()
        other.close()  # so that the end of either process is heard by the other
        return process, pipe

    def _begun(self) -> int | EngineError | None:
        """How many workers were made, or why none; None: a signal came."""
        assert self.pipe is not None
        ends = time.monotonic() + LONGEST_START
        try:
            while not self.pipe.poll(LOOK):
                if INTERRUPT.signal is not None:
                    return None
                if time.monotonic() > ends:
                    return worded(self.address, TimeoutError(f"no answer within {LONGEST_START:.0f} s"))
            found: int | EngineError = self.pipe.recv()
        except (OSError, EOFError):
            if INTERRUPT.signal is not None:  # it was meant for the whole group
                return None
            return worded(self.address, ConnectionError(self._end_of_process()))
        return found

    def call(self, worker: int, method: str, *arguments: Any) -> None:
        """Call a method of a worker."""
        if self.pipe is None:
            self.gone.append(Reply(worker, method, ConnectionError(self.reason)))
            return
        try:
            self.pipe.send((worker, method, arguments))
        except OSError:
            self._lost()

    def replies(self, timeout: float) -> Sequence[Reply]:
        """Those that have come; waits for the first."""
        if self.pipe is None and not self.gone:
            time.sleep(timeout)
        found: list[Reply] = []
        try:
            while self.pipe is not None and self.pipe.poll(0.0 if found or self.gone else timeout):
                found += self.pipe.recv()
        except (OSError, EOFError):
            self._lost()
        gone, self.gone = self.gone, []
        return [*found, *gone]

    def _lost(self) -> None:
        """Ray has ended its process: whatever was asked of the workers has no answer."""
        fact = self._end_of_process()
        with suppress(OSError, EOFError):
            while self.pipe is not None and self.pipe.poll():
                self.gone += self.pipe.recv()  # answers that it passed on are paid for
        self._kill()
        log.warning("cluster: %s", fact)
        self.gone += [
            Reply(worker, method, ConnectionError(fact))
            for worker in range(self.size)
            for method in ("exchange", "hello")
        ]

    def _end_of_process(self) -> str:
        assert self.process is not None
        self.process.join(LONGEST_END)
        place = f"the Ray cluster at {self.address}" if self.address else "Ray"
        self.reason = f"{place} was lost: its process here ended with status {self.process.exitcode}"
        return self.reason

    def restart(self) -> bool:
        """Leave what is left of Ray, and begin with it anew; False where that fails: workers are called in vain."""
        self._kill()
        try:
            self.start()
        except EngineError as error:
            log.warning("%s (%s); it is tried again", error, error.hint)
        return self.pipe is not None

    def close(self) -> None:
        """End the workers, and what was started here of Ray."""
        if self.pipe is not None and self.process is not None:
            try:
                self.pipe.send(None)
            except OSError as error:
                log.debug("cluster: %s", error)
            else:
                self.process.join(LONGEST_END)
        self._kill()

    def _kill(self) -> None:
        if self.process is not None and self.pipe is not None:
            self.process.kill()
            self.process.join()
            self.pipe.close()
        self.pipe = None


def worded(address: str | None, error: BaseException) -> EngineError:
    """What to raise for whatever Ray raises at its start, with what there is to do."""
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) and len(causes) < CAUSES:
        causes.append(cause)
    said = [" ".join(str(one).split()) or type(one).__name__ for one in causes]
    everything = " ".join(said).lower()
    known, otherwise = (HINTS, HINT) if address else (HINTS_HERE, LOGS)
    hint = next((hint for words, hint in known if words in everything), otherwise)
    where = f"at {address}" if address else "on this machine"
    return EngineError(f"cluster: no Ray {where}: {said[0][:300]}", hint=hint.format(address))


def serve(pipe: Connection, workers: int | None, address: str | None, aloud: bool) -> None:
    """What the process of its own does: begin, then pass on calls and replies until the other side is gone."""
    if hasattr(os, "setsid"):
        os.setsid()  # what is sent to the group of the other process leaves Ray alone: replies are under way
    for name in ("SIGINT", "SIGHUP"):  # of the terminal: the other process says when it is over
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    if not aloud:
        _hush()
    try:
        crew = RayCrew(workers, address)
        threading.Thread(target=_obey, args=(pipe, crew), daemon=True).start()
        crew.start()
    except BaseException as error:  # Ray raises whatever it likes
        pipe.send(worded(address, error))
        raise
    # In place of Ray's handler, which would end this.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pipe.send(crew.size)
    _pass_on(pipe, crew)


def _hush() -> None:
    """Whatever Ray prints stays away from the user's terminal; what counts is told in the program's words."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)


def _pass_on(pipe: Connection, crew: RayCrew) -> None:
    while True:
        if found := crew.replies(LONGEST_END):
            pipe.send(found)


def _obey(pipe: Connection, crew: RayCrew) -> None:
    """Do what is asked; the process ends when that is over, with the other side or at its word."""
    status = 1
    try:
        while (order := pipe.recv()) is not None:
            worker, method, arguments = order
            crew.call(worker, method, *arguments)
        crew.close()
        status = 0
    except EOFError:
        status = 0
    except BaseException:  # noqa: BLE001 - it would be lost with the thread
        traceback.print_exc()
    finally:
        os._exit(status)
