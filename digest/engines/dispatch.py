"""Who is asked what: requests and the lanes that take them, a lane being one worker's share of one endpoint.

Pure: the time is given, in seconds of one clock. Sends nothing; what has no answer is always in a lane or waiting.
"""

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..errors import EngineError, EngineRefused
from ..models import Request

LOSSES = 5  #: times a request may be lost, with its worker or its endpoint; it may be what kills them
RESERVE = 0.3  #: seconds of work that a lane has beside what is in its slots: so long the driver may be busy
MEMORY = 3.0  #: seconds over which a lane's speed is measured
FIRST_PAUSE = 1.0  #: seconds until an endpoint that was lost is tried again; it doubles
LONGEST_PAUSE = 30.0
PER_WORKER = 6000  #: requests a minute that a worker can send, and keep their distances
TOKENS = 2000  #: of a request and its reply, at the least
SEARCH = 16  #: waiting requests looked at for one that another endpoint may take


@dataclass(frozen=True, slots=True)
class Terms:
    """What an endpoint takes, or a worker's share of that."""

    concurrency: int
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    weight: float = 0.0  #: its part of the work while there is little; 0: as many as its slots

    @property
    def workers(self) -> int:
        """Among how many it may be divided."""
        tokens = None if self.tokens_per_minute is None else self.tokens_per_minute / TOKENS
        told = [rate for rate in (self.requests_per_minute, tokens) if rate is not None]
        return min(self.concurrency, math.ceil(min(told) / PER_WORKER)) if told else self.concurrency

    def share(self, slots: int) -> "Terms":
        """The part of it that goes with so many of its slots."""
        part = slots / self.concurrency
        requests, tokens = self.requests_per_minute, self.tokens_per_minute
        return Terms(
            slots, requests and requests * part, tokens and tokens * part, (self.weight or self.concurrency) * part
        )


def shares(terms: Terms, workers: Sequence[int], first: int = 0) -> dict[int, Terms]:
    """
    An endpoint divided among workers, beginning with that in place `first`; one who gets no slot is left out.

    A limit per minute is divided among as few as can send so much: two that keep to half of it each, and know nothing
    of one another, send two requests at the same moment now and then, which a strict service refuses.

    >>> {worker: one.requests_per_minute for worker, one in shares(Terms(3, 9000), [7, 8, 9], 1).items()}
    {8: 6000.0, 9: 3000.0}
    """
    count = min(len(workers), terms.workers)
    chosen = [workers[(first + place) % len(workers)] for place in range(count)]
    each, more = divmod(terms.concurrency, count)
    return {worker: terms.share(each + (place < more)) for place, worker in enumerate(chosen)}


@dataclass(eq=False, slots=True)
class Parcel:
    """A request, until it is answered."""

    ticket: int
    request: Request
    lane: "Lane | None" = None  #: None: it waits
    losses: int = 0
    avoid: int | None = None  #: the endpoint that failed it last


@dataclass(eq=False, slots=True)
class Lane:
    """What one worker has in hand for one endpoint, and how that fares."""

    worker: int
    endpoint: int
    terms: Terms
    in_hand: dict[int, Parcel] = field(default_factory=dict)  #: by ticket
    is_up: bool = True
    next: float = 0.0  #: when one that is down is tried again
    pause: float = FIRST_PAUSE
    rate: float = 0.0  #: answers a second
    measured: float = -math.inf

    def room(self, now: float) -> int:
        """How many more it may be handed; one, where it is to be found out whether it works again."""
        if not self.is_up:
            return int(not self.in_hand and now >= self.next)
        reserve = min(self.terms.concurrency, max(1, math.ceil(RESERVE * self.rate)))
        return self.terms.concurrency + reserve - len(self.in_hand)

    @property
    def load(self) -> float:
        return len(self.in_hand) / (self.terms.weight or 1.0)

    def count(self, now: float) -> None:
        """Note an answer."""
        passed = max(1e-3, now - self.measured)
        self.rate = 1.0 if passed > 1e9 else self.rate * math.exp(-passed / MEMORY) + 1 / MEMORY
        self.measured = now

    def fails(self, now: float) -> None:
        self.pause = FIRST_PAUSE if self.is_up else min(2 * self.pause, LONGEST_PAUSE)
        self.is_up, self.next = False, now + self.pause


class Dispatch:
    """All that is being asked; each change is told to it, and the caller carries out what it says."""

    def __init__(self, endpoints: Sequence[Terms], patience: float, now: float) -> None:
        """Begin without workers; `patience`: seconds for which nothing at all may work."""
        self.endpoints = tuple(endpoints)
        self.patience = patience
        self.lanes: dict[tuple[int, int], Lane] = {}  #: by worker and endpoint
        self.parcels: dict[int, Parcel] = {}  #: by ticket: all that is not answered
        self.waiting: deque[Parcel] = deque()
        self.members: list[int] = []  #: workers among whom the endpoints are divided
        self.absent: set[int] = set()  #: of these, for now
        self.out: dict[int, EngineRefused] = {}  #: endpoints that refuse whatever is asked
        self.missing: dict[int, EngineError] = {}  #: endpoints that nobody has ever reached
        self.answers = [0] * len(self.endpoints)
        self.tickets = 0
        self.dark = now  #: when a lane was last up
        self.reason = "no worker is there"  #: of the last failure

    # ---- workers

    def joined(self, worker: int, now: float) -> None:
        """A worker is there, new or again; it has nothing in hand."""
        self.absent.discard(worker)
        if worker not in self.members:
            self.members = sorted([*self.members, worker])
            self._divide()
        for lane in self._of_worker(worker):
            lane.is_up, lane.rate = True, 0.0
        self.dark = now

    def lost(self, worker: int, reason: str) -> list[tuple[Request, EngineError]]:
        """A worker is gone with all it had in hand; the answers of those requests that were lost too often."""
        self.absent.add(worker)
        self.reason = reason
        held = [parcel for lane in self._of_worker(worker) for parcel in list(lane.in_hand.values())]
        answers = [self.returned(parcel.ticket, reason, avoid=False) for parcel in held]
        return [one for one in answers if one]

    def without(self, worker: int) -> None:
        """A worker that was lost will not come back soon: the others take its share."""
        self.members = [one for one in self.members if one != worker]
        self._divide()

    def plan(self, worker: int) -> Mapping[int, Terms]:
        """A worker's shares, by endpoint."""
        return {lane.endpoint: lane.terms for lane in self._of_worker(worker)}

    def _of_worker(self, worker: int) -> list[Lane]:
        return [lane for lane in self.lanes.values() if lane.worker == worker]

    def _divide(self) -> None:
        """Divide the endpoints anew. A lane without slots stays for as long as it has something in hand."""
        wanted: dict[tuple[int, int], Terms] = {}
        for number, terms in enumerate(self.endpoints if self.members else ()):
            for worker, share in shares(terms, self.members, number).items():
                wanted[worker, number] = share
        for place, lane in list(self.lanes.items()):
            if place not in wanted:
                if lane.in_hand:
                    lane.terms = replace(lane.terms, concurrency=0)
                else:
                    del self.lanes[place]
        for place, share in wanted.items():
            if place in self.lanes:
                self.lanes[place].terms = share
            else:
                self.lanes[place] = Lane(*place, share)

    # ---- handing out

    def has_room(self, now: float) -> bool:
        """Whether a lane would take a request that no endpoint has failed."""
        return self._lane(None, now) is not None

    def again(self, now: float) -> Parcel | None:
        """Hand out one of those that wait, if a lane takes it."""
        for _ in range(min(len(self.waiting), SEARCH)):
            parcel = self.waiting.popleft()
            if lane := self._lane(parcel.avoid, now):
                return self._handed(parcel, lane)
            self.waiting.append(parcel)
        return None

    def place(self, request: Request, now: float) -> Parcel | None:
        """Take in a request, and hand it out if a lane takes it; it waits otherwise."""
        self.tickets += 1
        parcel = self.parcels[self.tickets] = Parcel(self.tickets, request)
        if lane := self._lane(None, now):
            return self._handed(parcel, lane)
        self.waiting.append(parcel)
        return None

    def _handed(self, parcel: Parcel, lane: Lane) -> Parcel:
        parcel.lane = lane
        lane.in_hand[parcel.ticket] = parcel
        return parcel

    def _lane(self, avoid: int | None, now: float) -> Lane | None:
        """The lane that has least in hand for its weight; of another endpoint than `avoid`, where one works."""
        usable = [lane for lane in self.lanes.values() if self._is_usable(lane)]
        if avoid is not None and any(lane.is_up and lane.endpoint != avoid for lane in usable):
            usable = [lane for lane in usable if lane.endpoint != avoid]
        return min((lane for lane in usable if lane.room(now) > 0), key=lambda one: one.load, default=None)

    def _is_usable(self, lane: Lane) -> bool:
        return lane.terms.concurrency > 0 and lane.endpoint not in self.out and lane.worker not in self.absent

    # ---- what comes of it

    def answered(self, ticket: int, now: float, *, well: bool) -> Request | None:
        """
        Take in an answer; None where another one was there before.

        Args:
            ticket: Of the parcel.
            now: The time.
            well: Whether it is a completion; a refusal of one request shows only of a lane on trial that it works.
        """
        if (parcel := self.parcels.pop(ticket, None)) is None:
            return None
        if lane := parcel.lane:
            del lane.in_hand[ticket]
            self.answers[lane.endpoint] += 1
            self.missing.pop(lane.endpoint, None)
            lane.count(now)
            if well or (not lane.is_up and not lane.in_hand):
                lane.is_up = True
            if lane.is_up:
                self.dark = now
        else:
            self.waiting.remove(parcel)  # it came from a worker that was given up for lost
        return parcel.request

    def returned(self, ticket: int, reason: str | None, *, avoid: bool = True) -> tuple[Request, EngineError] | None:
        """
        A request comes back without an answer, and waits; its answer, where that was once too often.

        Args:
            ticket: Of the parcel.
            reason: What became of it; None: it was never sent, which does not count.
            avoid: Whether another endpoint may do better.
        """
        parcel = self.parcels.get(ticket)
        if parcel is None or parcel.lane is None:
            return None
        lane = parcel.lane
        del lane.in_hand[ticket]
        parcel.lane = None
        if reason is not None:
            parcel.losses += 1
            parcel.avoid = lane.endpoint if avoid else None
        if parcel.losses >= LOSSES:
            del self.parcels[ticket]
            return parcel.request, EngineError(f"lost {parcel.losses} times: {reason}")
        self.waiting.append(parcel)
        return None

    def failed(self, worker: int, endpoint: int, error: EngineError, now: float, *, there: bool) -> bool:
        """
        A lane came to its end; what it had in hand is told one by one.

        Args:
            worker: Whose lane.
            endpoint: Of the lane.
            error: Why; an EngineRefused holds for all that would be asked there.
            now: The time.
            there: Whether the endpoint has ever said anything.

        Returns:
            Whether this is news of the endpoint: no other of its lanes has told.
        """
        self.reason = str(error)
        if isinstance(error, EngineRefused):
            return self.out.setdefault(endpoint, error) is error
        if not there and not self.answers[endpoint]:
            self.missing[endpoint] = error
        was_up = self.is_up(endpoint)
        if lane := self.lanes.get((worker, endpoint)):
            lane.fails(now)
        return was_up and not self.is_up(endpoint)

    def forget(self) -> None:
        """Give up all that has no answer."""
        self.parcels.clear()
        self.waiting.clear()
        for lane in self.lanes.values():
            lane.in_hand.clear()

    # ---- how it fares

    @property
    def in_hand(self) -> int:
        """Requests that a worker has."""
        return len(self.parcels) - len(self.waiting)

    @property
    def slots(self) -> int:
        """Of all endpoints."""
        return sum(terms.concurrency for terms in self.endpoints)

    def is_up(self, endpoint: int) -> bool:
        """Whether an endpoint works, as far as is known."""
        return any(lane.is_up and self._is_usable(lane) for lane in self.lanes.values() if lane.endpoint == endpoint)

    def of_endpoint(self, endpoint: int) -> Iterator[Lane]:
        """Yield an endpoint's lanes."""
        return (lane for lane in self.lanes.values() if lane.endpoint == endpoint)

    def begins(self, now: float) -> None:
        """Work begins, perhaps after a time without any."""
        self.dark = now

    def pause(self, now: float) -> float:
        """Seconds until something is to be tried again; infinite: nothing is."""
        nexts = [lane.next for lane in self.lanes.values() if not lane.is_up and self._is_usable(lane)]
        return max(0.0, min(nexts) - now) if self.waiting and nexts else math.inf

    def end(self, now: float) -> EngineError | None:
        """What ends the run: all endpoints refuse, none was ever there, or nothing has worked for too long."""
        if len(self.out) == len(self.endpoints):
            return next(iter(self.out.values()))
        if any(lane.is_up and self._is_usable(lane) for lane in self.lanes.values()):
            self.dark = now
            return None
        if len(self.missing.keys() | self.out.keys()) == len(self.endpoints):
            return next(iter(self.missing.values()))
        if now - self.dark > self.patience:
            return EngineError(
                f"nothing has worked for {now - self.dark:.0f} s: {self.reason}",
                hint="what has arrived is kept: run the same command again later",
            )
        return None
