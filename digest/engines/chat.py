"""The engine for every OpenAI-compatible endpoint: openai's async client behind the synchronous Engine.

Sends, waits, tries again and counts. What a reply is worth is for checks.py, to keep it is for cached.py.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import openai
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from ..errors import EngineError, EngineRefused
from ..interrupts import INTERRUPT, LOOK, seen_to
from ..models import Answer, Completion, Request
from . import Keep
from .abilities import Abilities, Ability, dialect_of
from .dialect import FORMATS, BadReply, Dialect, completion_of, encoded
from .endpoint import endpoint
from .faults import (
    FAILURES,
    LONGEST_WAIT,
    asked_wait,
    comes_back,
    complaint,
    concerns_all,
    in_words,
    is_exact,
    is_rate_limit,
    is_timeout,
    later,
    never_connected,
    refusal,
    worth_a_retry,
)
from .handover import Handover, handover
from .pace import Pace
from .throttle import Sent
from .wire import client_of, status_error, trusted

log = logging.getLogger(__name__)

LONGEST_BACKOFF = 4.0  #: seconds between two tries where the service asks for nothing; an outage is the breaker's
LONGEST_STAY = 900.0  #: seconds from a request's first try, after which no other is begun
QUICK_TRIES = 3  #: of one request, as long as nothing at all has answered
TIMEOUTS = 3  #: tries of one request that may end without an answer in time: each may have been paid for
LAST_PATIENCE = 60.0  #: seconds of an outage where only requests that have failed are left: it may be theirs
HEAD_START = 0.05, 2.0  #: seconds for the first request to a service that nothing is known of: here, elsewhere
FIRST_GAP = 0.01, 0.1  #: seconds between the first two requests, should they be "too many": here, elsewhere
GLANCE = 0.005  #: seconds between two looks at how the first request fares
NOT_THERE = "check engine.base_url (OPENAI_BASE_URL) and the network"


class ChatEngine:
    """Asks an OpenAI-compatible endpoint, up to `concurrency` requests at once."""

    def __init__(
        self,
        *,
        base_url: str | None,
        api_key: str,
        clock: Callable[[], datetime],
        concurrency: int = 16,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        timeout_seconds: float = 120,
        attempts: int = 8,
        patience_seconds: float = 300,
        backoff_seconds: float = 0.5,
        memory: Path | None = None,
        start: str | None = None,
    ) -> None:
        """
        Keep the settings; nothing is sent and no socket opened before `run`.

        Args:
            base_url: Of the endpoint, up to and with "/v1"; None is OpenAI's own.
            api_key: May be empty for an endpoint on this machine.
            clock: The time, UTC, for `Completion.created`.
            concurrency: Requests in flight at once, and connections.
            requests_per_minute: Spread evenly, without a first burst; None is what the service takes.
            tokens_per_minute: Of prompt and reply together, estimated; None is what the service takes.
            timeout_seconds: Of one try, however slowly the service drips.
            attempts: Tries of one request; those answered 429, and those while the service is down, do not count.
            patience_seconds: How long the service may be down, or take nothing, before the run ends.
            backoff_seconds: The first wait between two tries; it doubles, with jitter.
            memory: File in which to remember what the service understands.
            start: How to ask for JSON before anything is known: "json_schema", "json_object" or "none".

        Raises:
            ConfigError: `base_url` is no address, or `api_key` can't be a key.
        """
        self.endpoint = endpoint(base_url, api_key)
        self.clock = clock
        self.concurrency = concurrency
        self.requests_per_minute = requests_per_minute
        self.tokens_per_minute = tokens_per_minute
        self.timeout_seconds = timeout_seconds
        self.attempts = attempts
        self.patience_seconds = patience_seconds
        self.backoff_seconds = backoff_seconds
        self.abilities = Abilities(memory, self.endpoint.base_url, clock)
        self.start = start
        self.sent = 0  #: HTTP requests so far, tries again included
        self.answered = False  #: whether the endpoint has ever said anything
        self.succeeded = False  #: whether it has ever given a completion
        self.keep: Keep | None = None  #: gets the answers as they arrive, some together, before they are yielded
        self.dialects: dict[str, Dialect] = {}  #: by model
        self.known: dict[str, Ability] = {}  #: what is in the memory
        self.ssl = trusted(self.endpoint)

    def dialect(self, model: str) -> Dialect:
        """What `model` is known to understand, now or from an earlier run."""
        if model not in self.dialects:
            known = self.abilities.recall(model)
            self.dialects[model] = dialect_of(known, self.start)
            if known and self.dialects[model].known:
                self.known[model] = known
        return self.dialects[model]

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
        """
        Answer every request once, each as soon as its reply is here; the loop lives in the caller's thread.

        Raises:
            EngineRefused: the key, the model or the quota is refused; replies already paid for come first.
            EngineError: the endpoint is not there, or was lost on the way.
            Interrupted: a signal came; what was under way is answered.
        """
        with seen_to(), handover(self.keep, 2 * self.concurrency) as answers:
            run = _Run(self, requests, answers)
            main = answers.loop.create_task(run.work())
            main.add_done_callback(answers.pause)
            try:
                while (answer := answers.next(main)) is not None:
                    yield answer
                main.result()
            finally:
                if main.done() and not main.cancelled():
                    main.exception()  # seen: an interrupt must not be told twice


class _Run:
    """One run of a ChatEngine: its loop's workers, and the answers they leave for the caller."""

    def __init__(self, engine: ChatEngine, requests: Iterable[Request], answers: Handover) -> None:
        self.engine = engine
        self.requests = iter(requests)
        self.answers = answers
        self.loop = answers.loop
        self.gate = asyncio.Lock()
        away = not engine.endpoint.local
        self.pace = Pace(
            requests_per_minute=engine.requests_per_minute,
            tokens_per_minute=engine.tokens_per_minute,
            patience=engine.patience_seconds,
            first_gap=FIRST_GAP[away],
            slots=engine.concurrency,
        )
        self.head_start = HEAD_START[away]
        self.first: dict[str, float] = {}  #: model -> until when its first request goes alone
        self.sending: set[asyncio.Task[Any] | None] = set()
        self.last_success = self.loop.time()
        self.all_taken = self.halted = False

    async def work(self) -> None:
        """Keep the slots busy until the requests are used up, one meets what ends the run, or a signal comes."""
        engine = self.engine
        async with client_of(engine.endpoint, engine.ssl, engine.concurrency, engine.timeout_seconds) as client:
            workers = [asyncio.create_task(self.worker(client)) for _ in range(engine.concurrency)]
            busy, failures = set(workers), set[BaseException | None]()
            try:
                while busy and not any(failures) and not INTERRUPT.signal:
                    done, busy = await asyncio.wait(workers, timeout=LOOK, return_when=asyncio.FIRST_EXCEPTION)
                    failures = {worker.exception() for worker in done}
                self.halted = bool(busy)
                if all(isinstance(error, EngineError | None) for error in failures):
                    await self.settle(busy)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
        for worker in set(workers) - busy:
            worker.result()

    async def settle(self, busy: set[asyncio.Task[None]]) -> None:
        """Wait for what is in flight, since it may be paid for."""
        for worker in busy - self.sending:
            worker.cancel()
        if flying := busy & self.sending:
            await asyncio.wait(flying, timeout=self.engine.timeout_seconds)

    async def worker(self, client: httpx2.AsyncClient) -> None:
        """Take requests one by one, each when it may be sent."""
        while not self.halted:
            async with self.gate:
                request = next(self.requests, None)
                if request is None:
                    self.all_taken = True
                    return
                await self.turn(request.model)
                sent = await self.pace(request)
            self.answers.put(request, await self.answer(client, request, sent))

    async def turn(self, model: str) -> None:
        """
        Let the first request to an unknown service go alone for a moment: what it does not take, it says at once.

        One that is slow to refuse costs a refusal for each slot at most; waiting for its answer would cost every run.
        """
        dialect = self.engine.dialect(model)
        if not dialect.known and model not in self.first:
            self.first[model] = self.loop.time() + self.head_start
            return
        while not dialect.known and self.loop.time() < self.first[model]:
            await asyncio.sleep(GLANCE)

    async def answer(self, client: httpx2.AsyncClient, request: Request, sent: Sent) -> Answer:
        """The request's completion, or the error that was left after all tries."""
        try:
            return await self.tries(client, request, sent)
        except FAILURES as error:
            failure = self.failure(request, error)
            log.debug("%s: %s", request.subject or request.key, failure)
            return failure

    async def tries(self, client: httpx2.AsyncClient, request: Request, sent: Sent) -> Completion:
        """Ask until there is a completion, or until it is enough."""
        try:
            return await self.ask(client, request, sent)
        except FAILURES as error:
            failed = error
        patience = _Patience(self)
        tries = AsyncRetrying(
            retry=retry_if_exception(patience.counts), wait=patience.pause, stop=patience.is_over, reraise=True
        )
        async for attempt in tries:
            with attempt:
                if attempt.retry_state.attempt_number == 1:  # tenacity begins with the first failure
                    raise failed
                return await self.ask(client, request, await self.pace(request))
        raise AssertionError("tenacity raises the last error")

    def despair(self, error: BaseException) -> None:
        """
        End the run where the service has been down, or taken nothing, for too long.

        Raises:
            EngineError: it has; where only requests are left that had failed before, they fail alone.
        """
        now, breaker, engine = self.loop.time(), self.pace.breaker, self.engine
        if breaker.is_open and self.all_taken and engine.succeeded and now - breaker.since > LAST_PATIENCE:
            raise error
        refused_for_long = is_rate_limit(error) and now - self.last_success > engine.patience_seconds
        if breaker.is_hopeless(now) or refused_for_long:
            since = now - (self.last_success if refused_for_long else breaker.since)
            raise self.ends(error, f"out of order for {since:.0f} s: {self.reason(error)}")
        if breaker.is_open and (self.never_there(error) or (isinstance(error, BadReply) and not engine.succeeded)):
            raise EngineError(f"{engine.endpoint.place}: {self.reason(error)}", hint=NOT_THERE)

    def never_there(self, error: BaseException) -> bool:
        """Whether not even a connection has come about."""
        return not self.engine.answered and never_connected(error)

    def ends(self, error: BaseException, fact: str) -> EngineError:
        """What ends the run: nothing passes for now."""
        back = later(error, self.engine.clock())
        return EngineError(
            f"{self.engine.endpoint.place}: {fact}", hint=f"what has arrived is kept: run the same command again {back}"
        )

    async def ask(self, client: httpx2.AsyncClient, request: Request, sent: Sent) -> Completion:
        """One try. What the service turns out not to understand is left out at once, and from then on."""
        dialect = self.engine.dialect(request.model)
        rung = dialect.rung
        while True:
            body = dialect.body(request, rung)
            try:
                return await self.post(client, request, body, sent, rung)
            except openai.APIStatusError as error:
                gentler = dialect.gentler(body, rung, complaint(error)) if error.status_code in (400, 422) else None
                if gentler is None:
                    raise
                rung = gentler
                self.first[request.model] = self.loop.time() + self.head_start
            sent = await self.pace(request)

    async def post(
        self, client: httpx2.AsyncClient, request: Request, body: Mapping[str, Any], sent: Sent, rung: int
    ) -> Completion:
        """Send a body; whatever comes of it, the pace knows."""
        task, engine = asyncio.current_task(), self.engine
        engine.sent += 1
        self.sending.add(task)
        try:
            async with asyncio.timeout(engine.timeout_seconds):
                response = await client.post("chat/completions", content=encoded(body))
            engine.answered = True
            if not response.is_success:
                raise status_error(response)
            completion = completion_of(response.content, request, engine.clock())
        except FAILURES as error:
            self.learn(error, sent)
            raise
        finally:
            self.sending.discard(task)
            self.pace.done(sent)
        self.pace.answered(sent, response.headers)
        self.pace.works()
        engine.succeeded, self.last_success = True, self.loop.time()
        self.understood(request.model, rung)
        return completion

    def learn(self, error: BaseException, sent: Sent) -> None:
        """What a failure says about the service."""
        if isinstance(error, openai.APIStatusError):
            asked = min(asked_wait(error) or 0.0, LONGEST_WAIT)
            if is_rate_limit(error):
                self.pace.refused(sent, error.response.headers, asked, exact=is_exact(error))
            else:
                self.pace.answered(sent, error.response.headers)
                self.pace.hold(asked if error.status_code == 503 else 0.0)
        if concerns_all(error):
            self.pace.failed(sent)
        else:
            self.pace.works()

    def understood(self, model: str, rung: int) -> None:
        """Remember what worked."""
        engine, dialect = self.engine, self.engine.dialect(model)
        dialect.accepted(rung)
        ability = Ability(FORMATS[dialect.rung], tuple(sorted(dialect.unknown)))
        if engine.known.get(model) != ability:
            engine.known[model] = ability
            engine.abilities.keep(model, ability)

    def failure(self, request: Request, error: BaseException) -> EngineError:
        """
        What is left of a request that failed for good.

        Raises:
            EngineError, EngineRefused: it would be the same for every other request.
        """
        engine, reason = self.engine, self.reason(error)
        if refused := refusal(error, request.model, succeeded=engine.succeeded):
            back = f"; come back {later(error, engine.clock())}" if comes_back(error) else ""
            raise EngineRefused(f"{engine.endpoint.place}: {refused[0]} ({reason})", hint=refused[1] + back)
        if self.never_there(error):
            raise EngineError(f"{engine.endpoint.place}: {reason}", hint=NOT_THERE)
        if (asked_wait(error) or 0.0) > LONGEST_WAIT:
            raise self.ends(error, reason)
        return EngineError(reason)

    def reason(self, error: BaseException | None) -> str:
        return self.engine.endpoint.scrubbed(in_words(error))


class _Patience:
    """tenacity's `retry`, `wait` and `stop` for one request, in the order in which it asks them."""

    def __init__(self, run: _Run) -> None:
        self.run = run
        self.ends = run.loop.time() + LONGEST_STAY + run.engine.patience_seconds
        self.failures = self.timeouts = 0

    def counts(self, error: BaseException) -> bool:
        """Whether an error is one of the service's; a 429, and one while the service is down, is no failed try."""
        fails = not (is_rate_limit(error) or self.run.pace.breaker.is_open)
        self.failures += fails
        self.timeouts += fails and is_timeout(error)
        return isinstance(error, FAILURES)

    def pause(self, state: RetryCallState) -> float:
        """Seconds until the next try, beside what holds back all: exponential, with jitter."""
        if asked_wait(_error(state)) is not None or self.run.pace.breaker.is_open:
            return 0.0
        first = self.run.engine.backoff_seconds
        return min(LONGEST_BACKOFF, first * 2.0 ** min(max(0, self.failures - 1), 10)) + random.uniform(0, first)  # noqa: S311

    def is_over(self, state: RetryCallState) -> bool:
        """Whether the last error was this request's last; raises what ends the whole run."""
        error, run = _error(state), self.run
        most = min(QUICK_TRIES, run.engine.attempts) if run.never_there(error) else run.engine.attempts
        over = run.halted or not worth_a_retry(error) or self.failures >= most or self.timeouts >= TIMEOUTS
        if over or run.loop.time() + state.upcoming_sleep > self.ends:
            return True
        run.despair(error)
        log.debug("%s; again in %.1f s", run.reason(error), state.upcoming_sleep)
        return False


def _error(state: RetryCallState) -> BaseException:
    error = state.outcome.exception() if state.outcome else None
    assert error is not None  # it is asked after failures only
    return error
