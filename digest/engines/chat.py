"""The engine for every OpenAI-compatible endpoint: openai's async client behind the synchronous Engine.

Sends, waits, tries again and counts. What a reply is worth is for checks.py, to keep it is for cached.py.
"""

import asyncio
import logging
import selectors
import ssl
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx2
import openai
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_exponential, wait_random

from ..errors import EngineError, EngineRefused
from ..models import Answer, Completion, Request
from .dialect import Dialect, completion_of
from .endpoint import Endpoint, endpoint
from .faults import (
    FAILURES,
    asked_wait,
    broken_connection,
    complaint,
    holds_back,
    in_words,
    is_rate_limit,
    never_connected,
    refusal,
    worth_a_retry,
)
from .pace import Pace

log = logging.getLogger(__name__)

LONGEST_BACKOFF = 20.0  #: seconds between two tries where the service asks for nothing
QUICK_TRIES = 3  #: of one request, as long as nothing at all has answered
NOT_THERE = "check engine.base_url (OPENAI_BASE_URL) and the network"
LOST = "what has arrived is kept: run the same command again later"
TOGETHER = 16  #: answers kept in one go where they arrive faster: a kill may cost so many


Keep = Callable[[Sequence[tuple[Request, Answer]]], None]


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
        patience_seconds: float = 900,
        backoff_seconds: float = 0.5,
    ) -> None:
        """
        Keep the settings; nothing is sent and no socket opened before `run`.

        Args:
            base_url: Of the endpoint, up to and with "/v1"; None is OpenAI's own.
            api_key: May be empty for an endpoint on this machine.
            clock: The time, UTC, for `Completion.created`.
            concurrency: Requests in flight at once, and connections.
            requests_per_minute: Spread evenly, without a first burst; None is without limit.
            tokens_per_minute: Of prompt and reply together, estimated; None is without limit.
            timeout_seconds: Of one try, however slowly the service drips.
            attempts: Tries of one request; those answered 429 do not count.
            patience_seconds: No try of a request is begun after this time since its first.
            backoff_seconds: The first wait between two tries; it doubles, with jitter.

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
        self.sent = 0  #: HTTP requests so far, tries again included
        self.answered = False  #: whether the endpoint has ever said anything
        self.succeeded = False  #: whether it has ever given a completion
        self.keep: Keep | None = None  #: gets the answers as they arrive, some together, before they are yielded
        self.dialect = Dialect()
        self.ssl = _trusted(self.endpoint)

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
        """
        Answer every request once, each as soon as its reply is here; the loop lives in the caller's thread.

        While the caller works on one answer, the loop stands still. Before the next is handed out, it does all
        that the network has ready, so that a slot that got free does not wait for the caller.

        Raises:
            EngineRefused: the key, the model or the quota is refused; replies already paid for come first.
            EngineError: the endpoint is not there, or was lost on the way.
        """
        selector = _Attentive()
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
            loop = runner.get_loop()
            run = selector.run = _Run(self, requests, loop)
            main = loop.create_task(run.work())
            main.add_done_callback(run.pause)
            try:
                while (answer := run.next(main)) is not None:
                    yield answer
                main.result()
            finally:
                run.closed = True
                if main.done() and not main.cancelled():
                    main.exception()  # seen: an interrupt must not be told twice
                run.hand_over()

    def client(self) -> openai.AsyncOpenAI:
        """A client for one event loop, with as many connections as there are slots, and no retries of its own."""
        http = openai.DefaultAioHttpClient(
            limits=httpx2.Limits(max_connections=self.concurrency, max_keepalive_connections=self.concurrency),
            timeout=httpx2.Timeout(self.timeout_seconds, connect=min(10.0, self.timeout_seconds), pool=None),
            verify=self.ssl,
            trust_env=not self.endpoint.local,  # a proxy can't reach this machine's loopback
        )
        return openai.AsyncOpenAI(
            base_url=self.endpoint.base_url, api_key=self.endpoint.key, max_retries=0, http_client=http
        )


class _Run:
    """One run of a ChatEngine: its loop's workers, and the answers they leave for the caller."""

    def __init__(self, engine: ChatEngine, requests: Iterable[Request], loop: asyncio.AbstractEventLoop) -> None:
        self.engine = engine
        self.requests = iter(requests)
        self.loop = loop
        self.arrived: list[tuple[Request, Answer]] = []
        self.answers: deque[tuple[Request, Answer]] = deque()
        self.gate = asyncio.Lock()
        self.pace = Pace(engine.requests_per_minute, engine.tokens_per_minute)
        self.sending: set[asyncio.Task[Any] | None] = set()
        self.halted = False
        self.closed = False
        self.lost_in_a_row = 0

    def next(self, main: asyncio.Task[None]) -> tuple[Request, Answer] | None:
        """The next answer, or None at the end."""
        while not main.done() and len(self.answers) < 2 * self.engine.concurrency:
            self.loop.run_forever()
            if self.answers or self.arrived:
                break
        self.hand_over()
        return self.answers.popleft() if self.answers else None

    def hand_over(self) -> None:
        """Have kept what has arrived; only then may the caller see it."""
        arrived, self.arrived = self.arrived, []
        if arrived and self.engine.keep is not None:
            self.engine.keep(arrived)
        self.answers.extend(arrived)

    def pause(self, *_: object) -> None:
        """Give the thread back to the caller, as long as there is one that waits."""
        if not self.closed:
            self.loop.stop()

    async def work(self) -> None:
        """Keep the slots busy until the requests are used up, or until one of them meets what ends the run."""
        async with self.engine.client() as client:
            workers = []
            try:
                for _ in range(self.engine.concurrency):
                    workers.append(asyncio.create_task(self.worker(client)))
                    # openai looks up the platform in a thread until the first look-up is done: let it be one.
                    await asyncio.sleep(0 if workers[1:] else 0.005)
                done, busy = await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
                if any(isinstance(worker.exception(), EngineError) for worker in done):
                    self.halted = True
                    await self.settle(busy)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
        for worker in done:
            worker.result()

    async def settle(self, busy: set[asyncio.Task[None]]) -> None:
        """Wait for what is in flight, since it may be paid for."""
        for worker in busy - self.sending:
            worker.cancel()
        if flying := busy & self.sending:
            await asyncio.wait(flying, timeout=self.engine.timeout_seconds)

    async def worker(self, client: openai.AsyncOpenAI) -> None:
        """Take requests one by one, each when it may be sent."""
        while not self.halted:
            async with self.gate:
                request = next(self.requests, None)
                if request is None:
                    return
                await self.pace(request)
            answer = await self.answer(client, request)
            self.arrived.append((request, answer))
            if len(self.arrived) >= TOGETHER:
                self.pause()

    async def answer(self, client: openai.AsyncOpenAI, request: Request) -> Answer:
        """The request's completion, or the error that was left after all tries."""
        try:
            completion = await self.tries(client, request)
        except FAILURES as error:
            failure = self.failure(request, error)
            log.debug("%s: %s", request.subject or request.key, failure)
            return failure
        self.lost_in_a_row = 0
        return completion

    async def tries(self, client: openai.AsyncOpenAI, request: Request) -> Completion:
        tries = AsyncRetrying(
            retry=retry_if_exception(lambda error: not self.halted and worth_a_retry(error)),
            stop=_Enough(self.engine),
            wait=self.wait,
            reraise=True,
        )
        async for attempt in tries:
            with attempt:
                if attempt.retry_state.attempt_number > 1:
                    await self.pace(request)
                return await self.ask(client, request)
        raise AssertionError("tenacity raises the last error")

    def wait(self, state: RetryCallState) -> float:
        """Seconds until the next try: what the service asks for, else exponential; either way with jitter."""
        first, error = self.engine.backoff_seconds, _error(state)
        asked = asked_wait(error)
        if asked is None:
            seconds = wait_exponential(multiplier=first, max=LONGEST_BACKOFF)(state) + wait_random(0, first)(state)
        else:
            seconds = asked + wait_random(0, 0.1 * asked + 0.4 * first)(state)
        log.debug("try %d: %s; again in %.1f s", state.attempt_number, self.reason(error), seconds)
        return seconds

    async def ask(self, client: openai.AsyncOpenAI, request: Request) -> Completion:
        """One try. What the service turns out not to understand is left out at once, and from then on."""
        dialect, rung = self.engine.dialect, self.engine.dialect.rung
        while True:
            body = dialect.body(request, rung)
            try:
                response = await self.post(client, body)
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                gentler = dialect.gentler(body, rung, complaint(error))
                if gentler is None:
                    raise
                rung = gentler
                await self.pace(request)
                continue
            completion = completion_of(response.content, request, self.engine.clock())
            dialect.accepted(rung)
            self.engine.succeeded = True
            return completion

    async def post(self, client: openai.AsyncOpenAI, body: Mapping[str, Any]) -> httpx2.Response:
        task, engine, sent = asyncio.current_task(), self.engine, self.loop.time()
        engine.sent += 1
        self.sending.add(task)
        try:
            async with asyncio.timeout(engine.timeout_seconds):
                response = await client.post("/chat/completions", body=body, cast_to=httpx2.Response)
        except openai.APIStatusError as error:
            engine.answered = True
            if is_rate_limit(error) or holds_back(error):
                self.pace.refused(sent, holds_back(error))
            raise
        finally:
            self.sending.discard(task)
        engine.answered = True
        self.pace.taken()
        return response

    def failure(self, request: Request, error: BaseException) -> EngineError:
        """
        What is left of a request that failed for good.

        Raises:
            EngineError, EngineRefused: it would be the same for every other request.
        """
        engine, reason = self.engine, self.reason(error)
        self.lost_in_a_row = self.lost_in_a_row + 1 if broken_connection(error) else 0
        if refused := refusal(error, request.model, succeeded=engine.succeeded):
            raise EngineRefused(f"{engine.endpoint.place}: {refused[0]} ({reason})", hint=refused[1])
        if not engine.answered and never_connected(error):
            raise EngineError(f"{engine.endpoint.place}: {reason}", hint=NOT_THERE)
        if self.lost_in_a_row >= max(engine.concurrency, 8):
            raise EngineError(f"{engine.endpoint.place}: lost on the way: {reason}", hint=LOST)
        return EngineError(reason)

    def reason(self, error: BaseException | None) -> str:
        return self.engine.endpoint.scrubbed(in_words(error))


class _Attentive(selectors.DefaultSelector):
    """Notices when the loop would wait for the network though there are answers: then the caller may have its turn."""

    run: _Run | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout == 0 or self.run is None or not (self.run.answers or self.run.arrived):
            return super().select(timeout)
        events = super().select(0)
        if not events:
            self.run.pause()
        return events


def _trusted(place: Endpoint) -> ssl.SSLContext:
    """Whom to trust; nobody where no TLS is meant, since reading the certificates takes 70 ms."""
    if place.local and place.base_url.startswith("http:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx2.create_ssl_context(trust_env=not place.local)


class _Enough:
    """tenacity's `stop`, for one request: tries and time are used up. A 429 is no failed try, it only takes time."""

    def __init__(self, engine: ChatEngine) -> None:
        self.engine = engine
        self.failures = 0

    def __call__(self, state: RetryCallState) -> bool:
        error = _error(state)
        self.failures += not is_rate_limit(error)
        quick = not self.engine.answered and never_connected(error)
        most = min(QUICK_TRIES, self.engine.attempts) if quick else self.engine.attempts
        elapsed = (state.seconds_since_start or 0.0) + state.upcoming_sleep
        return self.failures >= most or elapsed > self.engine.patience_seconds


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
