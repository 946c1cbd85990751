"""The way of answers out of an event loop to a caller who works in the same thread: both take turns.

Runs the loop and keeps the order of things; knows nothing of what is asked.
"""

import asyncio
import selectors
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from ..models import Answer, Request
from . import Keep

TOGETHER = 16  #: answers kept in one go where they arrive faster: a kill may cost so many


class Handover:
    """
    Answers on their way to the caller.

    While the caller works on one, the loop stands still. Before the next is handed out, the loop does all that the
    network has ready, so that a slot that got free does not wait for the caller.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, keep: Keep | None, most: int) -> None:
        """`keep` gets the answers as they arrive, some together; the loop rests while `most` wait for the caller."""
        self.loop = loop
        self.keep = keep
        self.most = most
        self.arrived: list[tuple[Request, Answer]] = []
        self.kept: deque[tuple[Request, Answer]] = deque()
        self.closed = False

    def __bool__(self) -> bool:
        """Whether anything waits for the caller."""
        return bool(self.kept or self.arrived)

    def put(self, request: Request, answer: Answer) -> None:
        """Leave an answer for the caller."""
        self.arrived.append((request, answer))
        if len(self.arrived) >= TOGETHER:
            self.pause()

    def next(self, main: asyncio.Task[None]) -> tuple[Request, Answer] | None:
        """Run the loop until there is an answer; None when `main` is done and all are handed out."""
        while not main.done() and len(self.kept) < self.most:
            self.loop.run_forever()
            if self:
                break
        self.flush()
        return self.kept.popleft() if self.kept else None

    def flush(self) -> None:
        """Have kept what has arrived; only then may the caller see it."""
        arrived, self.arrived = self.arrived, []
        if arrived and self.keep is not None:
            self.keep(arrived)
        self.kept.extend(arrived)

    def pause(self, *_: object) -> None:
        """Give the thread back to the caller, as long as there is one that waits."""
        if not self.closed:
            self.loop.stop()


@contextmanager
def handover(keep: Keep | None, most: int) -> Iterator[Handover]:
    """An event loop whose tasks may leave answers; at the end all tasks are cancelled and what has arrived is kept."""
    selector = _Attentive()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        selector.answers = answers = Handover(runner.get_loop(), keep, most)
        try:
            yield answers
        finally:
            answers.closed = True
            answers.flush()


class _Attentive(selectors.DefaultSelector):
    """Notices when the loop would wait for the network though there are answers: then the caller may have its turn."""

    answers: Handover | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout == 0 or not self.answers:
            return super().select(timeout)
        events = super().select(0)
        if not events:
            self.answers.pause()
        return events
