"""A worker of the cluster: a sender for each endpoint, fed with requests and asked for what became of them.

Lives in one event loop, in this process or in one of Ray's. Knows nothing of other workers, and keeps no reply.
"""

import asyncio
import logging
import os
import platform
import socket
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from .. import __version__
from ..errors import EngineError
from ..models import Answer, Completion, Request
from .abilities import Ability
from .dispatch import Terms
from .driver import Driver, is_elsewhere, is_gone
from .sending import Sending, Unanswered
from .service import Service

log = logging.getLogger(__name__)

POLL = 2.0  #: seconds after which a call comes back even if there is nothing to tell: the driver answers with the next
LEASE = 6.0  #: seconds without a call, after which a driver on another machine counts as silent, and nothing is sent
GLANCE = 0.5  #: seconds between two looks at that
TOGETHER = 0.01  #: seconds in which more may come that goes along
OUTAGE = 2.0  #: seconds an endpoint may be out of order before others get what it has in hand
ATTEMPTS = 8  #: of one request at one endpoint
ON_TRIAL = 1  #: of the one that finds out whether an endpoint works again


@dataclass(frozen=True, slots=True)
class Plan:
    """What a worker is to ask of one endpoint."""

    base_url: str | None = field(repr=False)
    api_key: str = field(repr=False)
    terms: Terms
    timeout_seconds: float
    patience_seconds: float
    model: str | None = None  #: what the endpoint calls it; None: as the request does
    start: str | None = None
    known: Mapping[str, Ability] = field(default_factory=dict)  #: what it understands, by model
    driver: Driver | None = None  #: who keeps the replies


@dataclass(frozen=True, slots=True)
class Hello:
    """What a worker says of itself."""

    epoch: str  #: another one after every restart
    version: str
    python: str  #: such as "3.11"
    host: str
    pid: int
    held: frozenset[int]  #: tickets of what it has in hand or will tell of


@dataclass(frozen=True, slots=True)
class Answered:
    """A request's answer."""

    ticket: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class Returned:
    """A request that got none here; `reason` None: it was not even sent."""

    ticket: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class Stopped:
    """A sender that sends no more; what it has in flight comes in, and what it is handed comes back."""

    endpoint: int
    error: EngineError
    there: bool  #: the endpoint has said something, once


@dataclass(frozen=True, slots=True)
class Learnt:
    """What an endpoint was found to understand."""

    endpoint: int
    model: str
    ability: Ability


@dataclass(frozen=True, slots=True)
class Broken:
    """A bug."""

    words: str


News = Answered | Returned | Stopped | Learnt | Broken
Handed = tuple[int, int, Request, bool]  #: endpoint, ticket, request, whether it is to try if the endpoint works


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of requests since the last call, in order."""

    epoch: str
    last: int  #: number of the last piece of news
    news: Sequence[News]
    sent: int  #: HTTP requests since this worker began


class Worker:
    """All of one worker; its methods are called from elsewhere, one at a time but for `exchange`, which waits."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.heard = clock()  #: when the driver called last
        self.watch: asyncio.Task[None] | None = None
        self.epoch = uuid.uuid4().hex
        self.lanes: dict[int, _Lane] = {}
        self.former: list[_Lane] = []  #: whose plan was changed
        self.untold: deque[tuple[int, News]] = deque()  #: with their numbers; kept until the driver says it has them
        self.told = 0
        self.polls = 0
        self.news = asyncio.Event()

    async def hello(self) -> Hello:
        """Who is there."""
        self.heard = self.clock()
        python = ".".join(platform.python_version_tuple()[:2])
        held = {ticket for lane in self._all() for ticket in lane.tickets()}
        held |= {news.ticket for _, news in self.untold if isinstance(news, Answered | Returned)}
        return Hello(self.epoch, __version__, python, socket.gethostname(), os.getpid(), frozenset(held))

    async def arrange(self, plans: Mapping[int, Plan]) -> None:
        """Ask these endpoints from now on; where a plan changes, what is in flight under the old one comes in first."""
        self.heard = self.clock()
        if self.watch is None:
            self.watch = asyncio.create_task(self._watch())
        for number, lane in list(self.lanes.items()):
            if plans.get(number) != lane.plan:
                lane.end()
                self.former.append(self.lanes.pop(number))
        for number, plan in plans.items():
            if number not in self.lanes:
                before = [lane for lane in self.former if lane.number == number]
                self.lanes[number] = _Lane(number, plan, self._tell, before)
        self.former = [lane for lane in self.former if lane.task]

    async def hand(self, epoch: str, requests: Sequence[Handed]) -> None:
        """Take requests; those meant for another epoch were given to others."""
        self.heard = self.clock()
        for number, ticket, request, on_trial in requests if epoch == self.epoch else ():
            if number in self.lanes:
                self.lanes[number].hand(ticket, request, on_trial=on_trial)
            else:
                self._tell(Returned(ticket, None))

    async def exchange(self, epoch: str, seen: int, requests: Sequence[Handed]) -> Batch:
        """Take requests, and tell what there is to tell after news number `seen`, as soon as there is any."""
        await self.hand(epoch, requests)
        while epoch == self.epoch and self.untold and self.untold[0][0] <= seen:
            self.untold.popleft()
        self.polls += 1
        if await self._news(self.polls):
            await asyncio.sleep(TOGETHER)
        sent = sum(lane.sent for lane in self._all())
        return Batch(self.epoch, self.told, [news for _, news in self.untold], sent)

    async def _news(self, poll: int) -> bool:
        """Wait until there is something to tell, for a time; whether there is."""
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL):
                while not self.untold and poll == self.polls:
                    self.news.clear()
                    await self.news.wait()
        return bool(self.untold)

    async def end(self) -> None:
        """Hand back what is not in flight; what is comes in."""
        for lane in self._all():
            lane.end()

    async def drop(self) -> None:
        """Give up everything."""
        self.untold.clear()
        for lane in self._all():
            lane.drop()  # before anything else is handed over

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(GLANCE)
            self.look()

    def look(self) -> None:
        """Hold back what is not sent, where the driver has fallen silent: it may be gone, or busy, and then calls."""
        if self.clock() - self.heard > LEASE:
            for lane in self._all():
                lane.hold(2 * GLANCE)

    def _all(self) -> list["_Lane"]:
        return [*self.lanes.values(), *self.former]

    def _tell(self, news: News) -> None:
        self.told += 1
        self.untold.append((self.told, news))
        self.news.set()


class _Lane:
    """The sender for one endpoint, and what it has in hand. It begins with the first request."""

    def __init__(self, number: int, plan: Plan, tell: Callable[[News], None], before: Sequence["_Lane"] = ()) -> None:
        self.number = number
        self.plan = plan
        self.tell = tell
        self.before = before  #: senders to the same endpoint that must end first
        self.service = _service(number, plan, tell)
        self.queue: asyncio.Queue[Request] = asyncio.Queue()
        self.tickets_of: dict[str, deque[int]] = {}  #: by key
        self.sending: Sending | None = None
        self.task: asyncio.Task[None] | None = None
        self.is_stopped = False  #: the endpoint failed: nothing is sent but on trial
        self.on_trial = False

    @property
    def sent(self) -> int:
        return self.service.sent

    def tickets(self) -> list[int]:
        """Of all that is in hand."""
        return [ticket for tickets in self.tickets_of.values() for ticket in tickets]

    def hand(self, ticket: int, request: Request, *, on_trial: bool) -> None:
        if self.is_stopped and not on_trial:
            self.tell(Returned(ticket, None))
            return
        if self.plan.model:
            request = replace(request, model=self.plan.model)
        self.tickets_of.setdefault(request.key, deque()).append(ticket)
        self.queue.put_nowait(request)
        if on_trial and self.is_stopped:
            self.is_stopped, self.on_trial = False, True
        self.begin()

    def begin(self) -> None:
        if self.task is None:
            self.service.attempts = ON_TRIAL if self.on_trial else ATTEMPTS
            self.task = asyncio.create_task(self.work())
            self.task.add_done_callback(self.is_over)

    def __aiter__(self) -> "_Lane":
        return self

    async def __anext__(self) -> Request:
        request = await self.queue.get()
        if self.plan.driver and is_gone(*self.plan.driver):
            await asyncio.Event().wait()  # nobody would keep the reply; this process has its end before it
        return request

    async def work(self) -> None:
        """Send until the endpoint fails, or it is enough."""
        for lane in self.before:
            if lane.task:
                await asyncio.wait([lane.task])
        self.before = ()
        self.sending = Sending(self.service, self, self.give, asyncio.get_running_loop(), self.halting)
        with suppress(EngineError):  # told in `halting`
            await self.sending.work()

    def halting(self, error: BaseException | None) -> None:
        """Nothing more is sent: hand back what is not in flight."""
        reason = None
        if isinstance(error, EngineError):
            reason, self.is_stopped = str(error), True
            self.tell(Stopped(self.number, error, self.service.answered))
        self.flush()
        flying = [one.key for one in self.sending.sending.values()] if self.sending else []
        for key, tickets in list(self.tickets_of.items()):
            for _ in range(len(tickets) - flying.count(key)):
                self.back(key, None if self.on_trial else reason)

    def flush(self) -> None:
        """Hand back what is not begun."""
        while not self.queue.empty():
            self.back(self.queue.get_nowait().key, None)

    def back(self, key: str, reason: str | None) -> None:
        self.tell(Returned(self.ticket(key), reason))

    def ticket(self, key: str) -> int:
        """Of the first request with a key, which is in hand no more."""
        tickets = self.tickets_of[key]
        ticket = tickets.popleft()
        if not tickets:
            del self.tickets_of[key]
        return ticket

    def give(self, request: Request, answer: Answer) -> None:
        """Tell of an answer. The sender's last word on what the service failed is not the cluster's."""
        if isinstance(answer, Unanswered):
            self.back(request.key, None if self.on_trial else str(answer))
            if self.on_trial and not self.is_stopped and self.sending:
                self.is_stopped = True
                self.tell(Stopped(self.number, EngineError(str(answer)), self.service.answered))
                self.sending.end()
            return
        if isinstance(answer, Completion) and self.plan.model:
            answer = replace(answer, model="")  # the name in records is the request's own
        self.on_trial, self.service.attempts = False, ATTEMPTS
        self.tell(Answered(self.ticket(request.key), answer))

    def hold(self, seconds: float) -> None:
        """Send nothing for so long, on behalf of a driver of which only its calls tell that it lives."""
        if self.sending and self.tickets_of and is_elsewhere(self.plan.driver):
            self.sending.pace.hold(seconds)

    def end(self) -> None:
        if self.sending:
            self.sending.end()
        elif self.task:
            self.flush()
            self.task.cancel()

    def drop(self) -> None:
        """Forget what is in hand, whatever was paid for it."""
        self.tickets_of.clear()
        while not self.queue.empty():
            self.queue.get_nowait()
        if self.task:
            self.task.cancel()

    def is_over(self, task: asyncio.Task[None]) -> None:
        """Hand back what has no answer; begin again where something came meanwhile."""
        error = None if task.cancelled() else task.exception()
        self.task = self.sending = None
        if error is not None:
            log.error("a bug in a sender", exc_info=error)
            self.tell(Broken(f"{type(error).__name__}: {error}"))
        waiting = [self.queue.get_nowait() for _ in range(self.queue.qsize())]
        keys = [one.key for one in waiting]
        for key, tickets in list(self.tickets_of.items()):
            for _ in range(len(tickets) - keys.count(key)):
                self.back(key, None if self.on_trial else "no answer in time")
        for request in waiting:
            self.queue.put_nowait(request)
        if waiting:
            self.begin()


def _service(number: int, plan: Plan, tell: Callable[[News], None]) -> Service:
    service = Service(
        base_url=plan.base_url,
        api_key=plan.api_key,
        clock=lambda: datetime.now(UTC),  # the driver says when a reply came; this one is for "come back at"
        concurrency=plan.terms.concurrency,
        requests_per_minute=plan.terms.requests_per_minute,
        tokens_per_minute=plan.terms.tokens_per_minute,
        timeout_seconds=plan.timeout_seconds,
        attempts=ATTEMPTS,
        patience_seconds=plan.patience_seconds,
        outage_seconds=OUTAGE,
        start=plan.start,
    )
    service.abilities = _Told(number, plan.known, tell)
    return service


@dataclass(frozen=True, slots=True)
class _Told:
    """What the driver knows of an endpoint, and what it is told: the file is on its machine."""

    number: int
    known: Mapping[str, Ability]
    tell: Callable[[News], None]

    def recall(self, model: str) -> Ability | None:
        return self.known.get(model)

    def keep(self, model: str, ability: Ability) -> None:
        self.tell(Learnt(self.number, model, ability))
