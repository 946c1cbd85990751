"""The engine around an engine that keeps every reply on disk: what was answered once is never sent again.

Says who asks what, and when. Failures are not kept, and what a reply is worth is judged on every read.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import chain

import diskcache

from ..errors import EngineError
from ..models import Answer, Completion, Request
from . import Engine, shelf
from .claims import Claims
from .shelf import Price, Spent, open_cache, reply_count

__all__ = ["CachedEngine", "Price", "Spent", "open_cache", "reply_count"]

log = logging.getLogger(__name__)

POLL = 0.1  #: seconds between two looks at what another run is asking
POLL_EACH = 1e-4  #: seconds more for each request, so that looking stays cheap
REMIND = 60.0  #: seconds between two words about it


class CachedEngine:
    """An engine that asks the engine behind it only for what is not on disk, and keeps what that one replies."""

    def __init__(
        self, engine: Engine | Callable[[], Engine], cache: diskcache.Cache, price: Price | None = None
    ) -> None:
        """
        Keep the parts; nothing is opened.

        Args:
            engine: Or what opens it when the first reply is missing: a run from disk alone imports nothing.
            cache: From `open_cache`. Other processes may use it at the same time, and ask none of the same.
            price: What a reply costs, for `spent`.
        """
        self._engine = engine if hasattr(engine, "run") and not isinstance(engine, type) else None
        self._open = engine
        self._cache = cache
        self._price = price
        self._passed = 0
        self._told: set[str] = set()
        self.claims = Claims(cache.directory)

    @property
    def sent(self) -> int:
        """Requests sent so far; the engine's own count, retries included, where it keeps one."""
        return int(getattr(self._engine, "sent", self._passed))

    def lookup(self, request: Request) -> Completion | None:
        """
        The reply on disk, or None; a damaged one counts as none.

        Raises:
            RecordError: the database as a whole is damaged.
        """
        try:
            record = shelf.find(self._cache, request.key)
            return None if record is None else shelf.from_record(record)
        except shelf.DAMAGED as error:
            if request.key not in self._told:
                log.warning(
                    "%s: the kept reply %s is damaged and asked again: %s", self.folder, request.key[:12], error
                )
                self._told.add(request.key)
            return None
        except shelf.TROUBLE as error:
            raise shelf.trouble(self.folder, error) from error

    def misses(self, requests: Iterable[Request]) -> list[Request]:
        """The requests that would be sent, each once."""
        once = {request.key: request for request in requests}
        return [request for request in once.values() if self.lookup(request) is None]

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
        """
        Answer from disk at once, and the rest through the engine behind; its replies are on disk before they are seen.

        What another process is asking comes last: its reply, or, should it fail or die, ours.

        Raises:
            EngineError: from the engine behind, after all that is on disk was handed out.
            StorageError, RecordError, ConfigError: a reply can't be kept; the run ends, since it would be paid again.
        """
        todo = iter(requests)
        for request in todo:
            if (kept := self.lookup(request)) is None:
                yield from _Flow(self, chain([request], todo)).run()
                return
            yield request, kept

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
        try:
            if replies:
                with self._cache.transact():
                    shelf.put(self._cache, ((key, shelf.as_record(reply)) for key, reply in replies))
                    shelf.add_spending(self._cache, (reply for _, reply in replies), self._price)
        except shelf.TROUBLE as error:
            raise shelf.trouble(self.folder, error) from error
        for request, _ in answers:
            self.claims.drop(request.key)

    def spent(self, day: date) -> Mapping[str, Spent]:
        """
        What the replies that came on a day (UTC) cost, by model, whichever run asked for them.

        Raises:
            RecordError: the database as a whole is damaged.
        """
        try:
            return shelf.spent_on(self._cache, day)
        except shelf.TROUBLE as error:
            raise shelf.trouble(self.folder, error) from error

    @property
    def folder(self) -> str:
        """Where the replies are."""
        return str(self._cache.directory)


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

    def run(self) -> Iterator[tuple[Request, Answer]]:
        with self.claims:
            try:
                yield from self.asked(self.misses())
                yield from self.awaited()
            except EngineError:
                self.rest_from_disk()  # which needs no engine
                yield from self.drained()
                raise
            finally:
                for key in self.twins:
                    self.claims.drop(key)

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
        for request in self.todo:
            key = request.key
            if key in self.twins:
                self.twins[key].append(request)
            elif key in self.aside:
                self.aside[key].append(request)
            elif (failure := self.failed.get(key)) is not None:
                self.ready.append((request, failure))
            elif not self.claims.take(key):
                self.aside[key] = [request]
            elif self.is_open(key, [request]):
                yield request

    def is_open(self, key: str, requests: list[Request]) -> bool:
        """Whether a claimed request is still to be asked: only with the claim in hand does a look tell."""
        if (kept := self.cached.lookup(requests[0])) is None:
            self.twins[key] = requests[1:]
            return True
        self.claims.drop(key)
        self.ready.extend((request, kept) for request in requests)
        return False

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
        for key in list(self.aside):
            if self.claims.take(key):
                requests = self.aside.pop(key)
                if self.is_open(key, requests):
                    yield requests[0]

    def rest_from_disk(self) -> None:
        """Make ready what is kept of all that was not asked."""
        for request in chain(self.todo, *self.aside.values()):
            if (kept := self.cached.lookup(request)) is not None:
                self.ready.append((request, kept))

    def drained(self) -> Iterator[tuple[Request, Answer]]:
        while self.ready:
            yield self.ready.popleft()
