"""The engine around several engines: what the first does not answer is asked of the next.

Asks nothing itself; each engine keeps its own replies, under the requests as they were sent to it.
"""

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Protocol

from ..errors import BatchPending, BudgetReached, EngineError, Interrupted
from ..models import Answer, Completion, Request

log = logging.getLogger(__name__)

FINAL = (BatchPending, BudgetReached, Interrupted)  #: no failures of a service: another one must not be asked instead


class Keeper(Protocol):
    """An engine that knows what it has answered before, as CachedEngine does."""

    @property
    def sent(self) -> int: ...

    def lookup(self, request: Request) -> Completion | None: ...

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]: ...


class FallbackEngine:
    """Engines in order of preference, each with the name of its model; None leaves a request's own."""

    def __init__(self, engines: Sequence[tuple[Keeper, str | None]], turn: int | None = None) -> None:
        """
        Take the engines; those after the first are not opened before they are needed.

        Args:
            engines: At least one.
            turn: Requests that a run takes at most; then it ends, and takes no further one out of what it was given,
                which is for the caller to run with again. None: all.
        """
        self.engines = tuple(engines)
        self.turn = turn

    @property
    def sent(self) -> int:
        """Requests sent so far, by all."""
        return sum(engine.sent for engine, _ in self.engines)

    def lookup(self, request: Request) -> Completion | None:
        """The reply that one of the engines has on disk, the first one's first."""
        found = (engine.lookup(_to(request, model)) for engine, model in self.engines)
        return next((one for one in found if one is not None), None)

    def misses(self, requests: Iterable[Request]) -> list[Request]:
        """The requests that would be sent, each once."""
        once = {request.key: request for request in requests}
        return [request for request in once.values() if self.lookup(request) is None]

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
        """
        Answer every request once; each comes back as it was sent, with the model that was asked.

        What one engine failed to answer comes last. A request for a later engine's own model, such as the second round
        of one that it has answered, goes to that engine alone. Each run begins with the first engine, however it fared
        before, and so an endless stream of requests is one for many runs: see `turn`.

        Raises:
            EngineError, EngineRefused: from the last engine, after all that the others answered.
        """
        yield from self._from(0, islice(requests, self.turn))

    def _from(self, nth: int, requests: Iterator[Request]) -> Iterator[tuple[Request, Answer]]:
        engine, model = self.engines[nth]
        if nth + 1 == len(self.engines):
            yield from engine.run(_to(request, model) for request in requests)
            return
        stage = _Stage(engine, model, self.engines[nth + 1 :], requests)
        yield from stage.run()
        rest = chain(stage.left, requests)
        if (first := next(rest, None)) is not None:
            yield from self._from(nth + 1, chain([first], rest))


class _Stage:
    """One run of one engine that is not the last: what it could not answer is left."""

    def __init__(
        self, engine: Keeper, model: str | None, later: Sequence[tuple[Keeper, str | None]], requests: Iterator[Request]
    ) -> None:
        self.engine = engine
        self.model = model
        self.later = later
        self.requests = requests
        self.left: list[Request] = []
        self.kept: deque[tuple[Request, Answer]] = deque()  #: from a later engine's disk
        self.under_way: dict[str, list[Request]] = {}

    def run(self) -> Iterator[tuple[Request, Answer]]:
        failures, reason = 0, ""
        try:
            for request, answer in self.engine.run(self.asked()):
                own = self.landed(request.key)
                if isinstance(answer, EngineError) and not isinstance(answer, FINAL):
                    self.left.append(own)
                    failures, reason = failures + 1, str(answer)
                else:
                    yield request, answer
                while self.kept:
                    yield self.kept.popleft()
        except FINAL:
            raise
        except EngineError as error:
            log.warning("%s; what is left goes to %s", error, self.next)
            self.left.extend(chain.from_iterable(self.under_way.values()))
        else:
            if failures:
                log.warning("requests that failed go to %s: %d, the last one: %s", self.next, failures, reason)
        yield from self.kept

    @property
    def next(self) -> str:
        """What the engine after this one is called."""
        return self.later[0][1] or "the next service"

    def landed(self, key: str) -> Request:
        """The request as the caller sent it; nothing of it stays here."""
        waiting = self.under_way[key]
        own = waiting.pop()
        if not waiting:
            del self.under_way[key]
        return own

    def asked(self) -> Iterator[Request]:
        """The requests for this engine, in its model's name."""
        others = {name for _, name in self.later}
        for request in self.requests:
            sent = _to(request, self.model)
            if request.model in others and request.model != self.model:
                self.left.append(request)
            elif (known := self.kept_later(request, sent)) is not None:
                self.kept.append(known)
            else:
                self.under_way.setdefault(sent.key, []).append(request)
                yield sent

    def kept_later(self, request: Request, sent: Request) -> tuple[Request, Answer] | None:
        """What a later engine has on disk for a request that this one has not: it was paid for."""
        if self.engine.lookup(sent) is not None:
            return None
        found = (
            (asked, other.lookup(asked)) for other, asked in ((one, _to(request, name)) for one, name in self.later)
        )
        return next(((asked, reply) for asked, reply in found if reply is not None), None)


def _to(request: Request, model: str | None) -> Request:
    return request if model in (None, request.model) else replace(request, model=model or "")
