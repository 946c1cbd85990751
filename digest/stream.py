"""Works asked for in one stream: no slot waits for the last reply of one of them while another has questions left.

Brings works and an engine together; knows no editions, no files and no clock but for how long it kept the engine.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Any, Protocol

from .engines import Engine
from .errors import DigestError, EngineError
from .models import Answer, Completion, Request

LONGEST_LOOK = 0.3  #: seconds that replies at hand may be taken in while others are on their way


class Work(Protocol):
    """Something with questions: an edition on its way."""

    @property
    def name(self) -> str:
        """No two works that are open at once have the same."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        ...

    def questions(self) -> Iterator[tuple[Any, Request]]:
        """Yield what is due, and who asks it; what is not yielded stays due."""
        ...

    def known(self, request: Request) -> Completion | None:
        """The reply that it brings along itself, once."""
        ...

    def take(self, asker: Any, request: Request, answer: Answer) -> None:
        """Take in an answer; more may be due then."""
        ...

    def turn(self) -> bool:
        """Go on, with nothing due and nothing under way. False: it waits for another work, opened before it."""
        ...

    def give_up(self, error: EngineError) -> None:
        """Come to an end: nothing is answered any more."""
        ...


#: The next work; where none is ready, None, or with True that it is waited for, and None says that none is left.
Supply = Callable[[bool], Work | None]
Lookup = Callable[[Sequence[Request]], Mapping[str, Completion]]  #: replies that are kept, by the requests' keys


@dataclass(slots=True)
class _Open:
    work: Work
    flying: int = 0
    ready: deque[tuple[Any, Request, Completion | None]] = field(default_factory=deque)  #: looked up, and next


class Stream:
    """Asks an engine for works, the first ones first, and opens as many as it takes to keep it busy."""

    def __init__(
        self,
        supply: Supply,
        engine: Engine,
        lookup: Lookup,
        done: Callable[[Work], None],
        landed: Callable[[], None] = lambda: None,
        ahead: int = 1,
        patient: bool = False,
    ) -> None:
        """
        Keep the parts; nothing is asked.

        Args:
            supply: Where works come from.
            engine: What answers.
            lookup: What is kept already; it never reaches the engine, which might pull in works without end while it
                finds nothing to send.
            done: Gets each work that is over, at once, so that it does not stay in memory.
            landed: Hears of every answer, also of one that was at hand.
            ahead: How many questions are looked up in one go.
            patient: Its requests may be waited for while others are on their way, as those of batches.
        """
        self._supply, self._engine, self._lookup, self._done, self._landed = supply, engine, lookup, done, landed
        self._ahead, self._patient = ahead, patient
        self._failure: Exception | None = None
        self.open: dict[str, _Open] = {}
        self._under_way: dict[str, tuple[_Open, Any, str]] = {}  #: by the subject under which it was sent

    def run(self) -> None:
        """
        Ask until no work is left.

        Raises:
            EngineError: the service is gone, or refuses everything; each open work has given up and is done.
            DigestError: a work could not be had, or not be saved; what was on its way has come in before.
        """
        try:
            while (first := self._next(wait=True)) is not None:
                for request, answer in self._engine.run(chain([first], self._rest())):
                    self._land(request, answer)
                if self._failure:
                    raise self._failure
            assert not self.open, "works wait for each other"
        except DigestError as error:
            for one in list(self.open.values()):
                one.work.give_up(error if isinstance(error, EngineError) else EngineError(f"stopped: {error}"))
                with suppress(DigestError, OSError):
                    self._close(one)
            raise

    @property
    def flying(self) -> int:
        """Questions that the engine has taken and not answered yet."""
        return len(self._under_way)

    def _rest(self) -> Iterator[Request]:
        """Yield requests; a failure ends them, and is raised when what the engine has in flight has come in."""
        try:
            while (request := self._next(wait=self._patient)) is not None:
                yield request
        except Exception as error:  # noqa: BLE001 - whatever it is, replies under way are paid for
            self._failure = error

    def _next(self, *, wait: bool) -> Request | None:
        """What to ask next; None: nothing for now, and with `wait` for ever."""
        until = time.monotonic() + LONGEST_LOOK
        while True:
            for one in list(self.open.values()):
                for request in self._questions(one):
                    if request is not None:
                        return request
                    if self._under_way and not self._patient and time.monotonic() > until:
                        return None  # what is on its way must be let in
            work = self._supply(wait)
            if work is None:
                return None
            self.open[work.name] = _Open(work)

    def _questions(self, one: _Open) -> Iterator[Request | None]:
        """Yield what to send for a work; None for each question whose reply was at hand."""
        while True:
            while one.ready or self._looked_up(one):
                asker, request, kept = one.ready.popleft()
                reply = one.work.known(request) or kept
                if reply is None:
                    yield self._sent(one, asker, request)
                else:
                    one.work.take(asker, request, reply)
                    self._landed()
                    yield None
            if one.flying or not one.work.turn():
                return
            if one.work.is_over:
                self._close(one)
                return

    def _looked_up(self, one: _Open) -> bool:
        """Look up the next questions of a work; whether there are any."""
        some = list(islice(one.work.questions(), self._ahead))
        kept = self._lookup([request for _, request in some]) if some else {}
        one.ready.extend((asker, request, kept.get(request.key)) for asker, request in some)
        return bool(some)

    def _sent(self, one: _Open, asker: Any, request: Request) -> Request:
        sent = replace(request, subject=f"{one.work.name} {request.subject}")
        self._under_way[sent.subject] = one, asker, request.subject
        one.flying += 1
        return sent

    def _land(self, request: Request, answer: Answer) -> None:
        one, asker, subject = self._under_way.pop(request.subject)
        one.flying -= 1
        one.work.take(asker, replace(request, subject=subject), answer)
        self._landed()

    def _close(self, one: _Open) -> None:
        del self.open[one.work.name]
        self._done(one.work)
