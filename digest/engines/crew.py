"""Workers, called by number: their answers come back through one queue, whatever they are and wherever they run.

Here those of this process, in a thread with an event loop; Ray's are in crew_ray.py. Decides nothing.
"""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from .worker import Worker


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call came to."""

    worker: int
    method: str
    value: Any  #: or the exception; of the crew, where the worker could not be called or died meanwhile


class Crew(Protocol):
    """Some workers."""

    @property
    def size(self) -> int:
        """How many there are, numbered from 0."""
        ...

    def start(self) -> None:
        """
        Have them run.

        Raises:
            ConfigError, EngineError: there is nothing they could run in.
        """
        ...

    def call(self, worker: int, method: str, *arguments: Any) -> None:
        """Call a method of a worker; its reply comes."""
        ...

    def replies(self, timeout: float) -> Sequence[Reply]:
        """Those that have come; waits for the first."""
        ...

    def restart(self) -> bool:
        """Have as many run anew, since all are lost; whether they do."""
        ...

    def close(self) -> None:
        """End them, whatever they are doing."""
        ...


class Inbox:
    """Where replies arrive, from other threads."""

    def __init__(self) -> None:
        self.queue: SimpleQueue[Reply] = SimpleQueue()

    def expect(self, worker: int, method: str, future: Future[Any]) -> None:
        """Have a future's result put here."""
        future.add_done_callback(lambda done: self.queue.put(Reply(worker, method, _outcome(done))))

    def replies(self, timeout: float) -> Sequence[Reply]:
        """Those that have come; waits for the first."""
        found: list[Reply] = []
        try:
            found.append(self.queue.get(timeout=timeout) if timeout > 0 else self.queue.get_nowait())
            while True:
                found.append(self.queue.get_nowait())
        except Empty:
            return found


def _outcome(future: Future[Any]) -> Any:
    if future.cancelled():
        return ConnectionError("the worker is gone")
    return future.exception() or future.result()


class OwnCrew:
    """One worker, in a thread of this process."""

    size = 1

    def __init__(self) -> None:
        self.inbox = Inbox()
        self.replies = self.inbox.replies
        self.loop: asyncio.AbstractEventLoop | None = None
        self.thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin the thread, if it is not there."""
        if self.thread is None:
            self.loop = asyncio.new_event_loop()
            self.worker = Worker()
            self.thread = threading.Thread(target=self._run, args=(self.loop,), name="digest-cluster", daemon=True)
            self.thread.start()

    @staticmethod
    def _run(loop: asyncio.AbstractEventLoop) -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.get_loop().run_forever()

    def call(self, worker: int, method: str, *arguments: Any) -> None:
        """Call a method of the worker."""
        if self.loop is None or self.thread is None:
            return  # the engine was closed, and a run of it is only now given up
        coroutine = getattr(self.worker, method)(*arguments)
        self.inbox.expect(worker, method, asyncio.run_coroutine_threadsafe(coroutine, self.loop))

    def restart(self) -> bool:
        """False: a thread is not lost."""
        return False

    def close(self) -> None:
        """Cancel all, and end the thread."""
        thread, loop, self.thread = self.thread, self.loop, None
        if thread is not None and loop is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(timeout=5)
