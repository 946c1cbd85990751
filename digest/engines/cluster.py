"""The engine over many endpoints and workers: one driver, which asks nothing itself and has all replies kept.

Carries out what dispatch.py decides, through the workers that roster.py knows. What one of them does is in worker.py.
"""

import logging
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from ..interrupts import INTERRUPT, LOOK, seen_to
from ..models import Answer, Completion, Request
from . import Keep
from .abilities import Abilities
from .crew import Crew, OwnCrew
from .dispatch import Dispatch, Terms
from .endpoint import endpoint
from .roster import Place, Roster

log = logging.getLogger(__name__)

GLANCE = 0.02  #: seconds for which the caller may work on answers before the next look at the workers
BURST = 64  #: requests taken from the caller between two looks
FAREWELL = 5.0  #: seconds beside the time of one request, for what is in flight at the end


@dataclass(frozen=True, slots=True)
class State:
    """How an endpoint fares."""

    place: str  #: host and port
    in_flight: int  #: with what waits in the worker's hands
    answered: int
    state: str  #: "up", "down" or "out"


class ClusterEngine:
    """Asks many endpoints through workers; starts them with the first run, and ends them with the program."""

    keep: Keep | None = None  #: gets the answers as they arrive, some together, before they are yielded

    def __init__(
        self,
        *,
        base_url: str | None,
        api_key: str,
        clock: Callable[[], datetime],
        concurrency: int = 16,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        timeout_seconds: float = 120.0,
        endpoints: Sequence[Place] = (),
        workers: int | None = None,
        address: str | None = None,
        patience_seconds: float = 300.0,
        memory: Path | None = None,
        start: str | None = None,
    ) -> None:
        """
        Keep the settings; nothing is started.

        Args:
            base_url: Of the one endpoint, where `endpoints` names none; so are the limits that follow.
            api_key: For it.
            clock: The time, UTC, for `Completion.created`.
            concurrency: Requests in flight at once.
            requests_per_minute: Of all workers together.
            tokens_per_minute: Of all workers together.
            timeout_seconds: Of one try.
            endpoints: All that are asked.
            workers: Processes that ask; 0: a thread of this one, without Ray; None: one for each node of the cluster
                at `address`, and without one as many as this machine has processors, four at most.
            address: Of a Ray cluster that is there; None: Ray is started on this machine.
            patience_seconds: How long nothing may work before the run ends.
            memory: File in which to remember what the endpoints understand.
            start: How to ask for JSON before anything is known.

        Raises:
            ConfigError: an endpoint's address or key is none, or Ray is not installed.
        """
        own = Place(base_url, api_key, concurrency, requests_per_minute, tokens_per_minute, timeout_seconds)
        self.places = tuple(endpoints) or (own,)
        self.endpoints = [endpoint(one.base_url, one.api_key, one.key_name) for one in self.places]
        self.clock = clock
        terms = [
            Terms(one.concurrency, one.requests_per_minute, one.tokens_per_minute, one.weight or 0.0)
            for one in self.places
        ]
        self.dispatch = Dispatch(terms, patience_seconds, time.monotonic())
        crew: Crew = OwnCrew() if workers == 0 else _rays(workers, address)
        self.close = weakref.finalize(self, crew.close)  #: ends the workers; at the program's end at the latest
        abilities = [Abilities(memory, one.base_url, clock) for one in self.endpoints]
        self.roster = Roster(crew, self.dispatch, self.places, abilities, patience_seconds, start)

    @property
    def sent(self) -> int:
        """HTTP requests so far, tries again included, as far as the workers lived to tell."""
        return self.roster.sent

    @property
    def workers(self) -> int:
        """How many workers are there."""
        return self.roster.present

    def state(self) -> tuple[State, ...]:
        """How each endpoint fares."""
        dispatch = self.dispatch

        def said(number: int) -> str:
            return "out" if number in dispatch.out else "up" if dispatch.is_up(number) else "down"

        return tuple(
            State(
                one.place,
                sum(len(lane.in_hand) for lane in dispatch.of_endpoint(number)),
                dispatch.answers[number],
                said(number),
            )
            for number, one in enumerate(self.endpoints)
        )

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
        """
        Answer every request once, each as soon as its reply is here.

        Raises:
            EngineRefused: all endpoints refuse whatever is asked; replies already paid for come first.
            EngineError: no endpoint is there, or none has worked for too long, or no worker is there.
            ConfigError: a worker has another version of this program or of Python.
            Interrupted: a signal came; what was under way is answered.
        """
        todo = iter(requests)
        if (first := next(todo, None)) is None:
            return
        with seen_to():
            self.roster.ready()
            yield from _Run(self, first, todo).answers()


class _Run:
    """One run of a ClusterEngine."""

    def __init__(self, engine: ClusterEngine, first: Request, todo: Iterator[Request]) -> None:
        self.engine = engine
        self.dispatch = engine.dispatch
        self.roster = engine.roster
        self.first: Request | None = first
        self.todo = todo
        self.more = True
        self.has_all = True  #: the workers have all that there is room for
        self.ready: deque[tuple[Request, Answer]] = deque()
        self.looked = 0.0

    def answers(self) -> Iterator[tuple[Request, Answer]]:
        """Yield them as they come, and raise what ends the run after those that have come."""
        try:
            self.hand_out()
            while True:
                if not self.ready or time.monotonic() - self.looked > GLANCE:
                    self.look()
                if self.ready:
                    yield self.ready.popleft()
                elif not self.more and not self.dispatch.parcels:
                    return
                elif INTERRUPT.signal or (end := self.dispatch.end(time.monotonic())):
                    yield from self.settled()
                    if not INTERRUPT.signal and end:
                        raise end
                    return
        finally:
            if self.dispatch.parcels:
                self.roster.everyone("drop")
                self.dispatch.forget()

    def look(self) -> None:
        """Take in what has come, and hand out what there is room for."""
        is_idle = self.has_all and not self.ready and (self.more or self.dispatch.parcels)
        self.keep(self.roster.replies(min(LOOK, self.dispatch.pause(time.monotonic())) if is_idle else 0.0))
        self.hand_out()
        self.looked = time.monotonic()

    def hand_out(self) -> None:
        """Give the workers what there is room for, and leave a call with each that brings back answers."""
        now = time.monotonic()
        self.roster.call(now)
        self.has_all = bool(INTERRUPT.signal) or self.fill(now)
        self.roster.send()

    def fill(self, now: float) -> bool:
        """Hand out what waits, then new requests, as the caller keeps up; False where there is room for more."""
        if len(self.ready) >= 2 * self.dispatch.slots:
            return True
        for _ in range(BURST):
            parcel = self.dispatch.again(now)
            if parcel is None:
                request = self.next() if self.more and self.dispatch.has_room(now) else None
                if request is None:
                    return True
                parcel = self.dispatch.place(request, now)
            if parcel and parcel.lane:
                on_trial = not parcel.lane.is_up
                handed = (parcel.lane.endpoint, parcel.ticket, parcel.request, on_trial)
                self.roster.hand(parcel.lane.worker, handed)
        return False

    def next(self) -> Request | None:
        """The next new request, if there is one."""
        request, self.first = self.first or next(self.todo, None), None
        self.more = request is not None
        return request

    def keep(self, answers: Sequence[tuple[Request, Answer]]) -> None:
        """Have what came kept, with the time; only then may the caller see it."""
        clock = self.engine.clock
        stamped = [
            (request, replace(one, created=clock()) if isinstance(one, Completion) else one) for request, one in answers
        ]
        if stamped and self.engine.keep is not None:
            self.engine.keep(stamped)
        self.ready.extend(stamped)

    def settled(self) -> Iterator[tuple[Request, Answer]]:
        """Yield the answers of what is in flight, since it may be paid for."""
        roster, dispatch = self.roster, self.dispatch
        roster.everyone("end")
        ends = time.monotonic() + max(one.timeout_seconds for one in self.engine.places) + FAREWELL
        while dispatch.in_hand and time.monotonic() < ends:
            roster.send()
            self.keep(roster.replies(LOOK))
            while self.ready:
                yield self.ready.popleft()


def _rays(workers: int | None, address: str | None) -> Crew:
    from .crew_apart import ApartCrew

    return ApartCrew(workers, address)
