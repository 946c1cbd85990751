"""Requests on their way to one service: sent when they may be, tried again, counted, and given out with their answers.

Lives in one event loop, takes requests from an asynchronous source. What a reply is worth is for checks.py.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import httpx2
import openai
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from ..errors import EngineError, EngineRefused
from ..interrupts import INTERRUPT, LOOK
from ..models import Answer, Completion, Request
from .abilities import Ability
from .dialect import FORMATS, BadReply, completion_of, encoded
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
from .pace import Pace
from .service import Service
from .throttle import Sent
from .wire import client_of, status_error

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


class Unanswered(EngineError):
    """What is left of a request that its service failed, and perhaps would fail with any: another one may answer it."""


class Sending:
    """Requests for one service, from a source that may be slow or without an end, in up to `concurrency` slots."""

    def __init__(
        self,
        engine: Service,
        requests: AsyncIterator[Request],
        give: Callable[[Request, Answer], None],
        loop: asyncio.AbstractEventLoop,
        halting: Callable[[BaseException | None], None] = lambda _: None,
    ) -> None:
        """
        Send nothing yet.

        Args:
            engine: The service; what is learnt of it stays there.
            requests: Taken one by one, each when it may soon be sent.
            give: Gets each request with its answer.
            loop: In which `work` will run.
            halting: Told, once, that nothing more will be sent, and what for; `sending` is still under way.
        """
        self.engine = engine
        self.requests = requests
        self.give = give
        self.loop = loop
        self.halting = halting
        self.gate = asyncio.Lock()
        away = not engine.endpoint.local
        self.pace = Pace(
            requests_per_minute=engine.requests_per_minute,
            tokens_per_minute=engine.tokens_per_minute,
            patience=engine.outage_seconds,
            first_gap=FIRST_GAP[away],
            slots=engine.concurrency,
        )
        self.head_start = HEAD_START[away]
        self.first: dict[str, float] = {}  #: model -> until when its first request goes alone
        self.sending: dict[asyncio.Task[Any] | None, Request] = {}  #: what is under way, by slot
        self.last_success = self.loop.time()
        self.all_taken = self.halted = self.ending = False

    def end(self) -> None:
        """Send nothing more; `work` returns once what is under way is answered."""
        self.ending = True

    async def work(self) -> None:
        """Keep the slots busy until the requests are used up, one meets what ends the run, or a signal comes."""
        engine = self.engine
        async with client_of(engine.endpoint, engine.ssl, engine.concurrency, engine.timeout_seconds) as client:
            workers = [asyncio.create_task(self.worker(client)) for _ in range(engine.concurrency)]
            busy, failures = set(workers), set[BaseException | None]()
            try:
                while busy and not (any(failures) or self.ending or INTERRUPT.signal):
                    done, busy = await asyncio.wait(workers, timeout=LOOK, return_when=asyncio.FIRST_EXCEPTION)
                    failures = {worker.exception() for worker in done}
                self.halted = bool(busy)
                self.halting(next(filter(None, failures), None))
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
        for worker in busy - self.sending.keys():
            worker.cancel()
        if flying := busy & self.sending.keys():
            await asyncio.wait(flying, timeout=self.engine.timeout_seconds)

    async def worker(self, client: httpx2.AsyncClient) -> None:
        """Take requests one by one, each when it may be sent."""
        while not self.halted:
            async with self.gate:
                asked = self.loop.time()
                try:
                    request = await anext(self.requests)
                except StopAsyncIteration:
                    self.all_taken = True
                    return
                self.last_success += self.loop.time() - asked  # where nothing is asked, nothing can succeed
                await self.turn(request.model)
                sent = await self.pace(request)
            self.give(request, await self.answer(client, request, sent))

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
        began = self.loop.time()
        try:
            return await self.tries(client, request, sent)
        except FAILURES as error:
            failure = self.failure(request, error, began)
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
        self.sending[task] = request
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
            self.sending.pop(task, None)
            self.pace.done(sent)
        self.pace.answered(sent, response.headers)
        self.pace.settle(sent, completion)
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

    def failure(self, request: Request, error: BaseException, began: float) -> EngineError:
        """
        What is left of a request, first sent at `began`, that failed for good.

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
        nothing_else = concerns_all(error) and self.last_success < began
        is_unanswered = worth_a_retry(error) and (self.halted or nothing_else)
        return Unanswered(reason) if is_unanswered else EngineError(reason)

    def reason(self, error: BaseException | None) -> str:
        return self.engine.endpoint.scrubbed(in_words(error))


class _Patience:
    """tenacity's `retry`, `wait` and `stop` for one request, in the order in which it asks them."""

    def __init__(self, run: Sending) -> None:
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
