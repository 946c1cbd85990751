"""The workers as the driver sees them: who is there, what each was handed, what each says.

Calls them through a crew and tells dispatch.py what came of it; decides nothing about requests.
"""

import logging
import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from .. import __version__
from ..errors import ConfigError, EngineError, EngineRefused
from ..interrupts import INTERRUPT, LOOK
from ..models import Answer, Completion, Request
from .abilities import Abilities, Ability
from .crew import Crew, Reply
from .dispatch import Dispatch, Terms
from .driver import process_space
from .worker import Answered, Batch, Broken, Handed, Hello, Learnt, News, Plan, Returned, Stopped

log = logging.getLogger(__name__)

AGAIN = 0.3  #: seconds until a worker that is gone is called again
GRACE = 10.0  #: seconds until the others take over the share of a worker that is gone
LOST = 15.0  #: seconds without any worker until all are started anew
STARTING = 180.0  #: seconds for the first worker to come up: on a busy machine Ray takes more than one minute
OTHERS = 10.0  #: seconds more for the others


@dataclass(frozen=True, slots=True)
class Place:
    """One endpoint of a cluster."""

    base_url: str | None = field(repr=False)
    api_key: str = field(repr=False)
    concurrency: int = 16
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    timeout_seconds: float = 120.0
    weight: float | None = None  #: its part of the work while there is little; None: as many as its slots
    model: str | None = None  #: what it calls the model; None: as it is configured
    key_name: str = "OPENAI_API_KEY"  #: the variable that holds the key


@dataclass(slots=True)
class _Mate:
    """A worker, as the driver sees it."""

    hello: Hello | None = None  #: None: it has not said a word, or is gone
    epoch: str = ""  #: the last it had
    seen: int = 0
    sent: int = 0
    sent_before: int = 0  #: in former epochs
    polled: bool = False
    called: bool = False  #: a hello is under way
    again: float = 0.0  #: when to call it
    gone: float | None = None  #: since when
    outbox: list[Handed] = field(default_factory=list)


class Roster:
    """All workers."""

    def __init__(
        self,
        crew: Crew,
        dispatch: Dispatch,
        places: Sequence[Place],
        abilities: Sequence[Abilities],
        patience_seconds: float,
        start: str | None,
    ) -> None:
        self.crew = crew
        self.dispatch = dispatch
        self.places = places
        self.abilities = abilities
        self.patience_seconds = patience_seconds
        self.start = start
        self.mates: dict[int, _Mate] = {}
        self.restarted = 0.0  #: when all were started anew
        self.reason = ""  #: why a worker could not be called, the last time

    @property
    def sent(self) -> int:
        """HTTP requests so far."""
        return sum(mate.sent_before + mate.sent for mate in self.mates.values())

    @property
    def present(self) -> int:
        """How many are there."""
        return sum(mate.hello is not None for mate in self.mates.values())

    def hand(self, worker: int, handed: Handed) -> None:
        """Put a request with what a worker gets next."""
        self.mates[worker].outbox.append(handed)

    # ---- workers

    def ready(self) -> None:
        """
        Have the workers run, and wait for them; those that are not up in time may come later.

        Raises:
            EngineError: none came up.
        """
        if not self.mates:
            self.crew.start()
            self.mates = {number: _Mate() for number in range(self.crew.size)}
            now = began = time.monotonic()
            while self.present < len(self.mates) and now - began < (OTHERS if self.present else STARTING):
                self.call(now)
                self.replies(LOOK)
                now = time.monotonic()
                if INTERRUPT.signal:
                    return
            if INTERRUPT.signal:
                return
            if self.present < len(self.mates):
                self._tell_absent()
        self.dispatch.begins(time.monotonic())

    def _tell_absent(self) -> None:
        """
        Say that not all came up.

        Raises:
            EngineError: none did.
        """
        why = f": {self.reason}" if self.reason else ""
        if not self.present:
            hint = (
                "digest with its extra cluster must be installed on every node, and there be memory; ray status tells"
            )
            self.mates = {}  # the next run starts them anew
            raise EngineError(f"cluster: no worker came up{why}", hint=hint)
        log.warning(
            "cluster: %d of %d workers have not come up yet%s", len(self.mates) - self.present, len(self.mates), why
        )

    def call(self, now: float) -> None:
        """Call those who have not said a word; after a while others take over what is theirs, or all begin anew."""
        gone = [mate.gone for mate in self.mates.values() if mate.gone is not None]  # some may never have come up
        if gone and not self.present and now - max(*gone, self.restarted) > LOST:
            self._restart(now)
        for number, mate in self.mates.items():
            if mate.hello is None and not mate.called and now >= mate.again:
                mate.called = True
                self.crew.call(number, "hello")
            if mate.gone is not None and now - mate.gone > GRACE and number in self.dispatch.members:
                self._give_up(number)

    def _restart(self, now: float) -> None:
        """Start what the workers run in anew: with its head a cluster loses all of them for good."""
        is_begun = self.crew.restart()
        self.restarted = time.monotonic()  # it may have taken longer than LOST
        if is_begun:
            log.warning("cluster: all workers were lost and are started anew")
            for mate in self.mates.values():
                mate.called, mate.polled, mate.again = False, False, now

    def _give_up(self, number: int) -> None:
        log.warning("cluster: worker %d is gone; the others take over", number)
        self.dispatch.without(number)
        self._arrange()

    def send(self) -> None:
        """Let the workers have what they are to do, and leave with each one call that waits for news."""
        for number, mate in self.mates.items():
            if mate.hello is None:
                continue
            handed, mate.outbox = mate.outbox, []
            if not mate.polled:
                mate.polled = True
                self.crew.call(number, "exchange", mate.epoch, mate.seen, handed)
            elif handed:
                self.crew.call(number, "hand", mate.epoch, handed)

    def everyone(self, method: str) -> None:
        """Call all who are there."""
        for number, mate in self.mates.items():
            if mate.hello is not None:
                self.crew.call(number, method)

    def _arrange(self) -> None:
        """Tell all their shares."""
        known = [abilities.all() for abilities in self.abilities]
        for number, mate in self.mates.items():
            if mate.hello is not None:
                plans = {at: self._plan(at, terms, known[at]) for at, terms in self.dispatch.plan(number).items()}
                self.crew.call(number, "arrange", plans)

    def _plan(self, number: int, terms: Terms, known: Mapping[str, Ability]) -> Plan:
        place = self.places[number]
        return Plan(
            base_url=place.base_url,
            api_key=place.api_key,
            terms=terms,
            timeout_seconds=place.timeout_seconds,
            patience_seconds=self.patience_seconds,
            model=place.model,
            start=self.start,
            known=known,
            driver=(process_space(), os.getpid()),
        )

    # ---- news

    def replies(self, timeout: float) -> list[tuple[Request, Answer]]:
        """The answers in what the workers say, the first within so many seconds; all else is seen to."""
        answers: list[tuple[Request, Answer]] = []
        replies, now = self.crew.replies(timeout), time.monotonic()
        for one in replies:
            mate = self.mates[one.worker]
            if isinstance(one.value, Batch):
                mate.polled = False
                answers += self._news(mate, one.worker, one.value, now)
            elif isinstance(one.value, Hello):
                answers += self._met(mate, one.worker, one.value, now)
            elif isinstance(one.value, BaseException):
                answers += self._missed(mate, one, now)
        return answers

    def _met(self, mate: _Mate, number: int, hello: Hello, now: float) -> list[tuple[Request, Answer]]:
        """
        A worker is there, for the first time, or again: then it may have lost what it had.

        Raises:
            ConfigError: it is of another version.
        """
        _same_version(hello)
        answers: list[tuple[Request, Answer]] = []
        if mate.epoch and mate.epoch != hello.epoch:
            log.warning("cluster: a worker on %s was lost and is there again", hello.host)
        held = hello.held if mate.epoch == hello.epoch else frozenset[int]()
        for lane in [one for one in self.dispatch.lanes.values() if one.worker == number]:
            for ticket in [one for one in lane.in_hand if one not in held]:
                back = self.dispatch.returned(ticket, "its worker was lost", avoid=False)
                answers += [back] if back else []
        if mate.epoch != hello.epoch:
            mate.sent_before, mate.sent, mate.seen = mate.sent_before + mate.sent, 0, 0
        mate.hello, mate.epoch, mate.called, mate.gone = hello, hello.epoch, False, None
        self.dispatch.joined(number, now)
        self._arrange()
        return answers

    def _missed(self, mate: _Mate, reply: Reply, now: float) -> list[tuple[Request, Answer]]:
        """A call did not get through: the worker is gone, or its bug is ours."""
        error = reply.value
        if not isinstance(error, ConnectionError):
            raise error
        self.reason = str(error)
        mate.polled = mate.polled and reply.method != "exchange"
        if reply.method == "hello":
            mate.called, mate.again = False, now + AGAIN
        if mate.hello is not None:
            log.debug("cluster: worker %d: %s", reply.worker, error)
            mate.hello, mate.gone, mate.again = None, now, now + AGAIN
            mate.polled, mate.outbox = False, []
            return list(self.dispatch.lost(reply.worker, str(error)))
        mate.gone = now if mate.gone is None else mate.gone
        return []

    def _news(self, mate: _Mate, number: int, batch: Batch, now: float) -> list[tuple[Request, Answer]]:
        if batch.epoch != mate.epoch:
            return self._missed(mate, Reply(number, "exchange", ConnectionError("the worker began anew")), now)
        fresh = batch.news[max(0, len(batch.news) - (batch.last - mate.seen)) :]
        mate.seen, mate.sent = batch.last, batch.sent
        answers = (self._told(number, one, now) for one in fresh)
        return [one for one in answers if one is not None]

    def _told(self, worker: int, news: News, now: float) -> tuple[Request, Answer] | None:
        """The answer in a piece of news, if it is one."""
        match news:
            case Answered(ticket, answer):
                well = isinstance(answer, Completion)
                request = self.dispatch.answered(ticket, now, well=well)
                if request is None:
                    return None
                if isinstance(answer, Completion):
                    answer = replace(answer, engine="cluster", model=answer.model or request.model)
                return request, answer
            case Returned(ticket, reason):
                return self.dispatch.returned(ticket, reason)
            case Stopped(number, error, there):
                if self.dispatch.failed(worker, number, self._named(number, error), now, there=there):
                    log.warning("cluster: %s", error)
            case Learnt(number, model, ability):
                self.abilities[number].keep(model, ability)
            case Broken(words):
                raise RuntimeError(words)
        return None

    def _named(self, number: int, error: EngineError) -> EngineError:
        """The error with the variable that holds this endpoint's key."""
        hint = error.hint and error.hint.replace("OPENAI_API_KEY", self.places[number].key_name)
        return type(error)(str(error), hint=hint) if type(error) in (EngineError, EngineRefused) else error


def _same_version(hello: Hello) -> None:
    ours = __version__, ".".join(platform.python_version_tuple()[:2])
    if (hello.version, hello.python) != ours:
        raise ConfigError(
            f"cluster: {hello.host} has digest {hello.version} with Python {hello.python}, "
            f"this machine digest {ours[0]} with Python {ours[1]}",
            hint="install the same on all nodes, then start Ray there anew",
        )
