"""The engine around an engine that keeps every reply: what was answered once is never sent again.

Says who asks what, and when. Failures are not kept, and what a reply is worth is judged on every read.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import chain, islice
from typing import Any, TypeVar

from ..errors import EngineError
from ..models import Answer, Completion, Request
from . import Engine
from .keeping import Price, Replies
from .shelf import Spent, open_cache, reply_count

__all__ = ["CachedEngine", "Price", "Spent", "open_cache", "reply_count"]

log = logging.getLogger(__name__)

Item = TypeVar("Item")

POLL = 0.1  #: seconds between two looks at what another run is asking
POLL_EACH = 1e-4  #: seconds more for each request, so that looking stays cheap
LOOK = 1.0  #: seconds between two such looks while there is something of our own to ask
MANY = 500  #: requests that are looked up in one go where nothing waits for the first of them
REMIND = 60.0  #: seconds between two words about it


class CachedEngine:
    """An engine that asks the engine behind it only for what is not on disk, and keeps what that one replies."""

    def __init__(self, engine: Engine | Callable[[], Engine], cache: Replies, price: Price | None = None) -> None:
        """
        Keep the parts; nothing is opened.

        Args:
            engine: Or what opens it when the first reply is missing: a run from disk alone imports nothing.
            cache: Where replies are kept. Other processes may use it at the same time, and ask none of the same.
            price: What a reply costs, for `spent`.
        """
        self._engine = engine if hasattr(engine, "run") and not isinstance(engine, type) else None
        self._open = engine
        self._cache = cache
        self._price = price
        self._passed = 0
        self.is_endless = False  #: requests come as long as they are asked for: a failure leaves the rest be
        self.claims = cache.claiming()

    @property
    def sent(self) -> int:
        """Requests sent so far; the engine's own count, retries included, where it keeps one."""
        return int(getattr(self._engine, "sent", self._passed))

    def lookup(self, request: Request) -> Completion | None:
        """
        The reply that is kept, or None; a damaged one counts as none.

        Raises:
            RecordError: all that is kept is damaged.
            StorageError: the place can't be reached.
        """
        return self._cache.lookup(request.key)

    def kept(self, keys: Collection[str]) -> dict[str, Completion]:
        """The replies that are kept of several; for errors see `lookup`."""
        return self._cache.lookup_many(keys) if keys else {}

    @property
    def ahead(self) -> int:
        """How many requests are looked up in one go."""
        return self._cache.ahead

    def misses(self, requests: Iterable[Request]) -> list[Request]:
        """The requests that would be sent, each once."""
        once = {request.key: request for request in requests}
        known = {key for keys in _some(once, MANY) for key in self.kept(keys)}
        return [request for key, request in once.items() if key not in known]

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
        """
        Answer from disk at once, and the rest through the engine behind; its replies are on disk before they are seen.

        What another process is asking comes when it has been asked: its reply, or, should it fail or die, ours.

        Raises:
            EngineError: from the engine behind, after all that is on disk was handed out.
            StorageError, RecordError, ConfigError: a reply can't be kept; the run ends, since it would be paid again.
        """
        todo = iter(requests)
        for some in _some(todo, self.ahead):
            kept = self.kept([request.key for request in some])
            for nth, request in enumerate(some):
                if request.key not in kept:
                    yield from _Flow(self, chain(some[nth:], todo)).run()
                    return
                yield request, kept[request.key]

    def endpoints(self) -> Sequence[Any]:
        """How each endpoint of the engine behind fares, where it tells; nothing before the first reply is missing."""
        state = getattr(self._engine, "state", None)
        return state() if callable(state) else ()

    def opened(self) -> Engine:
        """The engine behind, made on first use; one that can hands over replies as they arrive."""
        if self._engine is None:
            self._engine = self._open()  # type: ignore[operator]
        if hasattr(self._engine, "keep"):
            self._engine.keep = self.keep
        return self._engine

    def keep(self, answers: Sequence[tuple[Request, Answer]]) -> None:
        """Write replies to disk, all or none, and synced, with what they cost; failures are not kept."""
        self._passed += len(answers)
        replies = [(request.key, answer) for request, answer in answers if isinstance(answer, Completion)]
        if replies:
            self._cache.keep(replies, self._price)
        self.claims.drop_many([request.key for request, _ in answers])

    def spent(self, day: date) -> Mapping[str, Spent]:
        """
        What the replies that came on a day (UTC) cost, by model, whichever run asked for them.

        Raises:
            RecordError: the database as a whole is damaged.
        """
        return self._cache.spent_on(day)

    @property
    def folder(self) -> str:
        """Where the replies are."""
        return self._cache.place


def _some(values: Iterable[Item], most: int) -> Iterator[list[Item]]:
    """Yield all values, several at a time; none is taken before it is its turn."""
    rest = iter(values)
    while some := list(islice(rest, most)):
        yield some


class _Flow:
    """One run from its first miss on: what is on disk is put aside as the engine behind takes the requests."""

    def __init__(self, cached: CachedEngine, todo: Iterator[Request]) -> None:
        self.cached = cached
        self.claims = cached.claims
        self.todo = todo
        self.ready: deque[tuple[Request, Answer]] = deque()
        self.twins: dict[str, list[Request]] = {}  #: requests with the key of one that is being asked
        self.aside: dict[str, list[Request]] = {}  #: requests that another process is asking
        self.failed: dict[str, Answer] = {}
        self.look = time.monotonic() + LOOK  #: when to look again at what is aside

    def run(self) -> Iterator[tuple[Request, Answer]]:
        with self.claims:
            try:
                yield from self.asked(self.misses())
                yield from self.awaited()
            except EngineError:
                if not self.cached.is_endless:
                    self.rest_from_disk()  # which needs no engine
                yield from self.drained()
                raise
            finally:
                self.claims.drop_many(list(self.twins))

    def asked(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
        """Yield the engine's answers, and what else is ready by then."""
        engine = self.cached.opened()
        early = hasattr(engine, "keep")
        for request, answer in engine.run(requests):
            if not early:
                self.cached.keep([(request, answer)])
            if not isinstance(answer, Completion):
                self.failed[request.key] = answer
                self.claims.drop(request.key)
            self.ready.extend((twin, answer) for twin in self.twins.pop(request.key, ()))
            yield request, answer
            yield from self.drained()
        yield from self.drained()

    def misses(self) -> Iterator[Request]:
        """Yield what is to be asked, and by nobody else."""
        for some in _some(self.todo, self.cached.ahead):
            fresh: dict[str, list[Request]] = {}
            for request in some:
                if not self.is_known(request):
                    fresh.setdefault(request.key, []).append(request)
            if len(fresh) > 1:  # most may be kept: to claim them would be one way more for each
                self.hand_out(fresh, self.cached.kept(fresh))
            mine = self.claims.take_many(fresh)
            self.aside |= {key: fresh.pop(key) for key in fresh.keys() - mine}
            yield from self.still_open(fresh)
            if self.aside and time.monotonic() >= self.look:
                yield from self.freed()  # there may be no end of our own
                self.look = time.monotonic() + LOOK

    def is_known(self, request: Request) -> bool:
        """Whether a request is answered with another of its key, or by somebody else."""
        key = request.key
        if key in self.twins:
            self.twins[key].append(request)
        elif key in self.aside:
            self.aside[key].append(request)
        elif (failure := self.failed.get(key)) is not None:
            self.ready.append((request, failure))
        else:
            return False
        return True

    def still_open(self, claimed: dict[str, list[Request]]) -> Iterator[Request]:
        """Yield the claimed requests that are still to be asked: only with the claim in hand does a look tell."""
        kept = self.cached.kept(claimed)
        self.claims.drop_many(kept)
        self.hand_out(claimed, kept)
        self.twins |= {key: requests[1:] for key, requests in claimed.items()}
        yield from [requests[0] for requests in claimed.values()]

    def hand_out(self, waiting: dict[str, list[Request]], kept: Mapping[str, Completion]) -> None:
        """Make ready what is kept of the requests that wait, and take it from them."""
        for key, reply in kept.items():
            self.ready.extend((request, reply) for request in waiting.pop(key))

    def awaited(self) -> Iterator[tuple[Request, Answer]]:
        """Yield what other processes were asking; what they leave without a reply is asked here."""
        reminder = 0.0
        while self.aside:
            if todo := list(self.freed()):
                yield from self.asked(todo)
            yield from self.drained()
            if self.aside and time.monotonic() >= reminder:
                log.info(
                    "%s: waiting for another run, which is asking for %d of these", self.cached.folder, len(self.aside)
                )
                reminder = time.monotonic() + REMIND
            if self.aside:
                time.sleep(max(POLL, POLL_EACH * len(self.aside)))

    def freed(self) -> Iterator[Request]:
        """Yield what other processes have left without a reply, and make ready what they have one of."""
        mine = self.claims.take_many(list(self.aside))
        yield from self.still_open({key: self.aside.pop(key) for key in list(self.aside) if key in mine})

    def rest_from_disk(self) -> None:
        """Make ready what is kept of all that was not asked."""
        for some in _some(chain(self.todo, *self.aside.values()), MANY):
            kept = self.cached.kept({request.key for request in some})
            self.ready.extend((request, kept[request.key]) for request in some if request.key in kept)

    def drained(self) -> Iterator[tuple[Request, Answer]]:
        while self.ready:
            yield self.ready.popleft()
