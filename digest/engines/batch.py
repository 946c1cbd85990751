"""The engine for an OpenAI-compatible Batch API: half the price, an answer within a day.

Hands requests in, waits or leaves, and fetches. What the batch could not answer is asked through another engine.
"""

import json
import logging
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import BatchPending, EngineError
from ..models import Answer, Completion, Request
from ..prompts import estimated_tokens
from . import Engine, Keep
from .abilities import Abilities, dialect_of
from .batch_output import completions_of, rows_of
from .batch_service import URL, Batch, NoSuch, QueueFull, Service, speaks_of_full
from .claims import Claims
from .dialect import Dialect
from .endpoint import endpoint
from .flights import Flight, Flights
from .jobs import Job, Jobs, name_of
from .pieces import Most, Room, Waiting, cut

log = logging.getLogger(__name__)

IN_FLIGHT = 12  #: batches with requests of ours: 24,000 of these in memory, and claims on them
UNPROVED = 4  #: of them before the service has accepted one: as many uploads a full queue costs at most
LONGEST_POLL = 60.0  #: seconds between two rounds of looks; one look at each batch a round
MANY_AT_ONCE = 256  #: requests for the other engine before more is pulled
WORTH_A_BATCH = 100  #: requests that an expired batch has left: fewer are asked at once
NAMED = 3  #: batches that a message names

Answers = Iterator[tuple[Request, Answer]]
Moves = Generator[tuple[Request, Answer], None, bool]  #: answers, and then whether anything has moved


class BatchEngine:
    """Answers through batches: the same requests find the batches that they were handed in with."""

    def __init__(
        self,
        *,
        base_url: str | None,
        api_key: str,
        clock: Callable[[], datetime],
        folder: Path,
        otherwise: Callable[[], Engine],
        memory: Path | None = None,
        start: str | None = None,
        wait_seconds: float = 600,
        enqueued_tokens: int | None = None,
        most: Most = Most(),  # noqa: B008 - frozen
        poll_seconds: float = 2,
        timeout_seconds: float = 120,
        backoff_seconds: float = 0.5,
        **_settings: Any,  # of engines that ask one by one
    ) -> None:
        """
        Keep the settings; nothing is sent before `run`.

        Args:
            base_url: Of the service, up to and with "/v1"; None is OpenAI's own.
            api_key: As for any other request.
            clock: The time, UTC.
            folder: Where batches under way are on record.
            otherwise: Opens the engine for repairs, regenerations and what a batch could not answer.
            memory: File that says what the service has been found to understand.
            start: How to ask for JSON where that file says nothing: "json_schema", "json_object" or "none".
            wait_seconds: How long to wait while no batch comes back, before leaving all to a later run.
            enqueued_tokens: What the service takes at once, in all batches; None: it is learnt, should it refuse.
            most: What one file may hold.
            poll_seconds: Between the first looks at the batches; later ones are up to a minute apart.
            timeout_seconds: Of one HTTP request; a file may take as long again for each of its parts.
            backoff_seconds: The first wait between two tries.

        Raises:
            ConfigError: `base_url` is no address, or `api_key` can't be a key.
        """
        self.endpoint = endpoint(base_url, api_key)
        self.clock = clock
        self.jobs = Jobs(folder / "batches")
        self.flights = Flights(self.jobs, self.endpoint.place, Claims(folder))
        self.room, self.most = Room(enqueued_tokens), most
        self.wait_seconds, self.poll_seconds = wait_seconds, poll_seconds
        self.timeout_seconds, self.backoff_seconds = timeout_seconds, backoff_seconds
        self.keep: Keep | None = None  #: gets a batch's answers before any of them is yielded
        self.abilities = Abilities(memory, self.endpoint.base_url, clock)
        self.start = start
        self.handed_in = 0  #: requests
        self.again: set[str] = set()  #: keys that a batch has left without an answer, and another was to have
        self.gone: set[str] = set()  #: batches, as the service names them, from which nothing more comes
        self.probed: set[str] = set()  #: models of which something is known
        self._open = otherwise
        self._otherwise: Engine | None = None

    @property
    def sent(self) -> int:
        """Requests handed in or sent so far."""
        return self.handed_in + int(getattr(self._otherwise, "sent", 0))

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
        """
        Answer what batches answer, each as soon as it is back, and the rest through the other engine.

        Requests are taken only as there is room for them in a batch. What batches on record hold is not handed in
        again; batches that hold nothing of this run's are not waited for.

        Raises:
            BatchPending: no batch has come back for `wait_seconds`; a later run with the same requests fetches them.
            EngineRefused: the key, the model or the quota is refused.
            EngineError: the service is not there, or refuses a batch for what is in it.
        """
        with (
            closing(Service(self.endpoint, self.timeout_seconds, self.backoff_seconds)) as service,
            ExitStack() as held,
        ):
            yield from _Run(self, iter(requests), service, held).run()

    def otherwise(self) -> Engine:
        """The engine that answers at once; it keeps its own replies where they are kept."""
        if self._otherwise is None:
            self._otherwise = self._open()
        if hasattr(self._otherwise, "keep"):
            self._otherwise.keep = self.keep
        return self._otherwise


class _Run:
    """One run: what it has pulled, and what it waits for."""

    def __init__(self, engine: BatchEngine, requests: Iterator[Request], service: Service, held: ExitStack) -> None:
        self.engine, self.requests, self.service, self.held = engine, requests, service, held
        self.place = engine.endpoint.place
        self.flights, self.jobs, self.room = engine.flights, engine.jobs, engine.room
        self.waiting = Waiting(self.pull)
        self.at_once: list[Request] = []
        self.dialects: dict[str, Dialect] = {}
        self.begun = False
        self.known: dict[str, str] | None = None
        self.learns = False  #: whether models are tried first of which nothing is known

    def run(self) -> Answers:
        patience, pause = time.monotonic() + self.engine.wait_seconds, self.engine.poll_seconds
        self.room.try_again()
        while True:
            filled = yield from self.filled()
            asked = yield from self.asked_at_once()
            landed = yield from self.looked()
            if landed or (filled and not self.room.why):
                patience, pause = time.monotonic() + self.engine.wait_seconds, self.engine.poll_seconds
            if filled or asked or landed:
                continue
            if not self.flights.asked and not self.waiting:
                return
            if (left := patience - time.monotonic()) <= 0:
                raise self.pending()
            time.sleep(min(pause, left))
            pause = min(1.5 * pause, LONGEST_POLL)
            self.room.rested(self.flights.tokens)

    def pending(self) -> BatchPending:
        """What is not done, for the one who has waited for it."""
        flights = self.flights.asked
        count, more = sum(len(flight.asked) for flight in flights), len(self.waiting)
        for flight in flights:
            log.info("%s: %s", self.place, flight.batch)
        ids = ", ".join(flight.id for flight in flights[:NAMED]) + (", …" if len(flights) > NAMED else "")
        where = f"a batch ({ids})" if len(flights) == 1 else f"{len(flights)} batches ({ids})"
        facts = [f"{count:,} requests wait in {where}"] if flights else []
        facts += [f"at least {more:,} wait for room"] if more else []
        facts += [self.room.why] if self.room.why else []
        return BatchPending(
            f"{self.place}: {'; '.join(facts)}",
            hint="run the same command again later: it fetches what is done, and hands nothing in twice",
        )

    # ---- taking requests ---------------------------------------------------------------------------------------

    def pull(self) -> Request | None:
        """The next request that needs a place in a batch; None: there is none, or others are to be asked first."""
        while len(self.at_once) < MANY_AT_ONCE:
            if (one := next(self.requests, None)) is None:
                return None
            if one.take or one.is_repair:  # somebody waits; or a few do, and the edition that lacks nothing else
                self.at_once.append(one)
                continue
            if not self.begun:
                self.begin()
            if (flight := self.flights.of(one)) is None:
                return one
            flight.asked[one.key] = one
        return None

    def begin(self) -> None:
        """See what is under way."""
        self.held.enter_context(self.flights.opened(self.service))
        self.begun = True
        self.learns = self.engine.abilities.path is not None and not len(self.flights)

    # ---- handing in --------------------------------------------------------------------------------------------

    def filled(self) -> Moves:
        """Hand in as many pieces as there is room for."""
        moved = False
        while len(self.flights.asked) < IN_FLIGHT and self.flights.unproved < UNPROVED:
            tokens = self.room.for_piece(self.flights.tokens)
            piece = cut(self.waiting, self.size_of, replace(self.engine.most, tokens=tokens)) if tokens else []
            taken = sum(map(estimated_tokens, piece))
            if len(self.at_once) >= MANY_AT_ONCE or not self.room.holds(self.flights.tokens, taken):
                self.waiting.put_back(piece)  # it may not be whole; or one request is more than there is room for
                break
            yield from self.first_asked(piece)
            if not piece or not self.hand_in(piece):
                break
            moved = True
        self.waiting.look()
        return moved

    def size_of(self, request: Request) -> tuple[int, int]:
        return len(self.line(request)), estimated_tokens(request)

    def line(self, request: Request) -> bytes:
        """One line of a batch's file; what it is answered teaches nothing about the model's dialect."""
        if (dialect := self.dialects.get(request.model)) is None:
            known = self.engine.abilities.recall(request.model)
            dialect = self.dialects[request.model] = dialect_of(known, self.engine.start)
        body = dialect.body(request, dialect.rung)
        asked = {"custom_id": request.key, "method": "POST", "url": URL, "body": body}
        return json.dumps(asked, ensure_ascii=False).encode("utf-8") + b"\n"

    def first_asked(self, piece: list[Request]) -> Answers:
        """Ask a model of which nothing is known one request at once: a batch in a form it does not take is lost."""
        models = {one.model: one for one in reversed(piece)} if self.learns and len(piece) > 1 else {}
        for model in models.keys() - self.engine.probed:
            self.engine.probed.add(model)
            known = self.engine.abilities.recall(model) is not None
            for request, answer in self.engine.otherwise().run([] if known else [models[model]]):
                self.dialects.pop(model, None)
                if isinstance(answer, Completion):
                    piece.remove(request)
                    yield request, answer

    def hand_in(self, piece: list[Request]) -> bool:
        """Hand in a batch, on record before the service hears of it; False: it takes no more now."""
        piece = list({one.key: one for one in piece}.values())  # a service takes no key twice
        keys, tokens = tuple(one.key for one in piece), sum(map(estimated_tokens, piece))
        created = self.engine.clock().astimezone(UTC).isoformat()
        job = Job(name_of(keys), self.place, keys, created, tokens=tokens)
        with self.flights.claimed(job):
            self.jobs.save(job)
            identifier = self.known_to_service().get(job.name)
            if is_new := identifier is None or identifier in self.engine.gone:
                try:
                    identifier = self.service.create(job.name, b"".join(map(self.line, piece))).id
                except QueueFull as error:
                    self.jobs.drop([job])
                    self.put_back(piece, tokens, str(error))
                    return False
                self.engine.handed_in += len(piece)
                log.info("%s: %d requests handed in as %s", self.place, len(piece), identifier)
            self.flights.add(self.jobs.known(job, identifier), piece, is_ours=is_new)
        return True

    def known_to_service(self) -> Mapping[str, str]:
        """What the service calls the batches of ours that may still answer: name -> identifier."""
        if self.known is None:
            alive = [one for one in self.service.listed() if one.is_alive]
            self.known = {one.name: one.id for one in reversed(alive) if one.name}
        return self.known

    def put_back(self, piece: list[Request], tokens: int, words: str) -> None:
        """Let a piece wait that the service's queue has no room for."""
        if speaks_of_full(words):
            self.room.refused(self.flights.tokens, tokens, words)
        else:
            self.room.later(words)
        self.waiting.put_back(piece)
        log.info("%s: no room for %d requests now: %s", self.place, len(piece), words)

    # ---- fetching ----------------------------------------------------------------------------------------------

    def looked(self) -> Moves:
        """Look at each batch once, and fetch what is done."""
        before = len(self.waiting)
        over = [flight for flight in self.to_look_at() if self.is_over(flight)]
        moved = len(self.waiting) > before  # of a batch that is lost
        for flight in over:
            moved |= yield from self.landed(flight)
        refused = [flight for flight in self.flights if flight.batch and flight.batch.status == "failed"]
        for flight in refused:
            self.refuse(flight)
        return moved

    def to_look_at(self) -> list[Flight]:
        """Those that are asked for; the others only where what they take of the queue counts."""
        counts = self.room.most is not None
        return [flight for flight in self.flights if flight.asked or (counts and not flight.is_over)]

    def is_over(self, flight: Flight) -> bool:
        """Look at a batch; whether it has answers that are asked for."""
        if flight.batch is None or not flight.batch.is_over:
            try:
                flight.batch = self.service.retrieve(flight.id)
            except NoSuch:
                self.lose(flight)
                return False
            if flight.batch.is_over:
                log.info("%s: %s", self.place, flight.batch)
                self.room.try_again()
        return flight.batch.is_over and bool(flight.asked)

    def landed(self, flight: Flight) -> Moves:
        """Keep all that a batch answered, also what nobody asks for now: it is paid for. Yield what is asked."""
        with self.flights.claimed(flight.job) as ours:
            if not ours:  # another run is at it
                return False
            assert flight.batch is not None
            try:
                answers = self.answers(flight, flight.batch)
            except NoSuch:
                self.lose(flight)
                return True
            keep = None if flight.is_kept or not self.jobs.has(flight.job) else self.engine.keep
            if answers and keep is not None:
                keep(list(answers.values()))
            asked, flight.asked = flight.asked, {}
            self.flights.landed(flight, answers.keys() - asked.keys())
            self.room.done()
        self.ask_again(flight.batch, [one for key, one in asked.items() if key not in answers])
        yield from (answers[key] for key in asked if key in answers)
        return True

    def answers(self, flight: Flight, batch: Batch) -> Mapping[str, tuple[Request, Completion]]:
        """By key, the completions in a batch's output; what is broken in it is left to the other engine."""
        told = batch.counts[0] if batch.counts and batch.output else 0
        rows, odd = self.service.output(batch, lambda content: rows_of(content, told))
        found, broken = completions_of(rows, frozenset(flight.job.keys), flight.asked, self.engine.clock())
        if odd + broken:
            log.warning("%s: lines of a batch's output that can't be used: %d", self.place, odd + broken)
        return found

    def ask_again(self, batch: Batch, left: list[Request]) -> None:
        """Another batch for the many that one was too late for; what else it left is asked one by one."""
        self.engine.gone.add(batch.id)
        late = [one for one in left if one.key not in self.engine.again] if batch.status != "completed" else []
        if len(late) >= WORTH_A_BATCH:
            keys = {one.key for one in late}
            self.engine.again |= keys
            self.waiting.put_back(late)
            log.warning("%s: batch %s is %s: %d of it go in another", self.place, batch.id, batch.status, len(late))
            left = [one for one in left if one.key not in keys]
        if len(left) >= WORTH_A_BATCH:
            log.warning("%s: batch %s left %d without an answer: asked one by one", self.place, batch.id, len(left))
        self.at_once += left

    def lose(self, flight: Flight) -> None:
        """
        Hand in anew what was in a batch that the service has forgotten.

        Raises:
            NoSuch: we have handed it in just now; then a third one would be lost as well.
        """
        if flight.is_ours:
            raise NoSuch(f"{self.place}: no such batch: {flight.id}, which was handed in just now")
        log.warning("%s: no such batch any more: %s; what it held is handed in anew", self.place, flight.id)
        self.engine.gone.add(flight.id)
        self.waiting.put_back(self.flights.lost(flight))

    def refuse(self, flight: Flight) -> None:
        """
        Put back what the service has no room for.

        Raises:
            EngineError: it refuses the batch for what is in it, and so would others.
        """
        assert flight.batch is not None
        why = self.engine.endpoint.scrubbed(flight.batch.why or "no reason given")
        self.engine.gone.add(flight.id)
        piece = self.flights.lost(flight)
        if piece and not speaks_of_full(why):
            raise EngineError(
                f"{self.place}: the batch {flight.id} was refused: {why}",
                hint="try again later, or ask one by one: --engine chat",
            )
        if piece:
            self.put_back(piece, flight.job.tokens, why)

    def asked_at_once(self) -> Moves:
        """Ask what no batch is for, whenever nothing else is to be done: an edition waits for its last paper."""
        todo, self.at_once = self.at_once, []
        if todo:
            yield from self.engine.otherwise().run(todo)
        return bool(todo)
