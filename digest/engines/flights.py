"""The batches under way: which requests each holds, and which of these somebody asks for now.

Keeps the records of jobs.py in step, and asks the service for no more than whether it got a batch.
"""

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from ..models import Request
from .batch_service import Batch, Service
from .claims import Claims
from .jobs import Job, Jobs

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Flight:
    """One batch, handed in by this run or by an earlier one."""

    job: Job
    is_ours: bool = False  #: handed in by this very process
    batch: Batch | None = None  #: as last looked at
    is_kept: bool = False  #: its answers are kept: what is asked of it now is read once more
    asked: dict[str, Request] = field(default_factory=dict)  #: by this run, and not answered so far

    @property
    def id(self) -> str:
        """What the service calls it."""
        assert self.job.id is not None
        return self.job.id

    @property
    def is_over(self) -> bool:
        """Whether it takes nothing of the service's queue any more."""
        return self.is_kept or (self.batch is not None and self.batch.is_over)

    @property
    def is_unproved(self) -> bool:
        """Whether the service may still refuse it for what it has in its queue."""
        return not self.is_over and (self.batch is None or self.batch.status == "validating")


class Flights:
    """All batches under way at one service, by name, and the way from a request's key to its batch."""

    def __init__(self, jobs: Jobs, place: str, claims: Claims) -> None:
        """`claims`: on jobs, so that no two processes hand in or fetch the same at once."""
        self.jobs = jobs
        self.place = place
        self.claims = claims
        self._flights: dict[str, Flight] = {}
        self._where: dict[str, Flight] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def __iter__(self) -> Iterator[Flight]:
        return iter(list(self._flights.values()))

    @contextmanager
    def opened(self, service: Service) -> Iterator[None]:
        """For one run: with what is on record, and nobody asking for anything yet."""
        with suppress(OSError):  # which is told when a record is to be written
            self.jobs.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.claims:
            if doubtful := self.refresh():
                self.recover(doubtful, service)
            yield

    @contextmanager
    def claimed(self, job: Job) -> Iterator[bool]:
        """Whether no other process hands in or fetches a job; while inside, none does."""
        taken = self.claims.take(job.name)
        try:
            yield taken
        finally:
            if taken:
                self.claims.drop(job.name)

    def recover(self, doubtful: Sequence[Job], service: Service) -> None:
        """Find the batches of jobs of which it is not known whether the service got them; the others never came."""
        with ExitStack() as claims:
            held = {job.name for job in doubtful if claims.enter_context(self.claimed(job))}
            jobs = [job for job in self.refresh() if job.name in held]  # as they are now, in our hands
            if not jobs:
                return
            there = {one.name: one for one in reversed(service.listed(held)) if one.status != "failed"}
            for job in jobs:
                if batch := there.get(job.name):
                    self.add(self.jobs.known(job, batch.id))
                else:
                    log.debug("%s: job %s has not come there", self.place, job.name)
                    self.jobs.drop([job])

    def refresh(self) -> list[Job]:
        """
        Begin anew with what is on record; nobody asks for anything yet.

        Returns:
            The jobs of which it is not known whether the service got them.
        """
        for flight in self._flights.values():
            flight.asked = {}
            flight.is_kept = flight.is_kept or not self.jobs.has(flight.job)  # another run has kept it
        doubtful = []
        for job in self.jobs.of(self.place):
            if job.id is None:
                doubtful.append(job)
            elif job.name not in self._flights:
                self.add(job)
        return doubtful

    def add(self, job: Job, requests: Collection[Request] = (), *, is_ours: bool = False) -> Flight:
        """A batch more, and what is asked of it."""
        flight = Flight(job, is_ours, asked={one.key: one for one in requests})
        self._flights[job.name] = flight
        self._where.update(dict.fromkeys(job.keys, flight))
        return flight

    def of(self, request: Request) -> Flight | None:
        """The batch that holds a request, or has answered it."""
        return self._where.get(request.key)

    def landed(self, flight: Flight, spare: Collection[str]) -> None:
        """Take a batch off the record: its answers are kept, those with the keys `spare` without anybody asking."""
        self.jobs.drop([flight.job])
        self._forget(flight, spare)
        flight.is_kept = True

    def lost(self, flight: Flight) -> list[Request]:
        """Take a batch off the record that came to nothing; the requests that asked for it."""
        self.jobs.drop([flight.job])
        self._forget(flight, ())
        return list(flight.asked.values())

    def _forget(self, flight: Flight, but: Collection[str]) -> None:
        for key in set(flight.job.keys).difference(but):
            if self._where.get(key) is flight:
                del self._where[key]
        if not but:
            self._flights.pop(flight.job.name, None)

    @property
    def asked(self) -> list[Flight]:
        """Those that somebody asks for."""
        return [flight for flight in self._flights.values() if flight.asked]

    @property
    def tokens(self) -> int:
        """What all of them take of the service's queue."""
        return sum(flight.job.tokens for flight in self._flights.values() if not flight.is_over)

    @property
    def unproved(self) -> int:
        """How many of this process the service may still refuse."""
        return sum(flight.is_ours and flight.is_unproved for flight in self._flights.values())
