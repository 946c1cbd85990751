"""When the next request may be sent: a user's limits, the waits a service asks for, what it tells of its limits and
what it turns out to take, and whether it is out of order.

Lives in one event loop. Sends nothing and counts no tries.
"""

import asyncio
from collections.abc import Mapping

from ..models import Completion, Request
from ..prompts import REPLY_TOKENS, estimated_tokens
from .allowance import Allowance, Turns, tokens_allowance
from .breaker import Breaker
from .throttle import Sent, Throttle

LONG = 0.01  #: seconds of a wait, from which it is worth looking at what comes back meanwhile
COARSE = 0.0015  #: seconds by which a timer is late at best
NO_GAP = 0.0005  #: seconds
NARROWER = 0.7  #: each of the first gaps between two requests is so much of the one before


class Pace:
    """Holds requests back; every one that is sent is known to it until it is `done`."""

    def __init__(
        self,
        *,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        patience: float = 300.0,
        first_gap: float = 0.0,
        slots: int = 1,
    ) -> None:
        """
        Send nothing yet.

        Args:
            requests_per_minute: The user's limit.
            tokens_per_minute: The user's limit.
            patience: Seconds an outage may last.
            first_gap: Seconds between the first two requests, and the first two after a "too many", should the next
                be too many as well; the gaps that follow are ever narrower.
            slots: How many may be on their way.
        """
        self.counts_tokens = tokens_per_minute is not None
        self.turns = Turns(requests_per_minute)
        self.wished = tokens_allowance(tokens_per_minute)
        self.told = Allowance(), Allowance()  #: requests, tokens
        self.breaker = Breaker(patience, slots)
        self.throttle = Throttle()
        self.first_gap = self.gap = first_gap
        self.narrowest = first_gap / max(slots, 10)  #: until something is answered
        self.not_before = 0.0  #: as the service asked
        self.last = 0.0  #: when the last one was sent
        self.flying = 0
        self.line = asyncio.Lock()
        self.landed = asyncio.Event()  #: something came back

    async def __call__(self, request: Request) -> Sent:
        """Return when the request may be sent, and then at once: it counts as sent."""
        tokens = estimated_tokens(request) + REPLY_TOKENS if self.counts_tokens else 0.0
        async with self.line:
            while (seconds := self._left(tokens, _now())) != 0.0:
                await self._rest(seconds)
            return self._leave(tokens, _now())

    def answered(self, sent: Sent, headers: Mapping[str, str]) -> None:
        """Take in what an answer tells of the service's limits."""
        now, (requests, tokens) = _now(), self.told
        requests.told(headers, "requests", sent.at, sent.requests_before, now)
        if tokens.told(headers, "tokens", sent.at, sent.tokens_before, now) is not None:
            self.counts_tokens = True

    def settle(self, sent: Sent, reply: Completion) -> None:
        """Take in how many tokens a request and its reply had in fact, where the service tells."""
        if sent.tokens and reply.prompt_tokens is not None and reply.completion_tokens is not None:
            self.wished.settle(reply.prompt_tokens + reply.completion_tokens, sent.tokens)

    def works(self) -> None:
        """The service answered, one way or another: it is not out of order."""
        self.narrowest = 0.0
        self.breaker.passed()

    def refused(self, sent: Sent, headers: Mapping[str, str], asked: float, *, exact: bool) -> None:
        """The service said "too many", and asks for a wait of so many seconds, which all keep to."""
        now, (requests, tokens) = _now(), self.told
        explained = self.turns.refused(sent.at, asked, now, early=sent.early, exact=exact)
        explained |= requests.refused(headers, "requests", 1.0, asked, now)
        for one in (self.wished, tokens):
            explained |= one.refused(headers, "tokens", sent.tokens, asked, now)
        self.counts_tokens |= "x-ratelimit-limit-tokens" in headers
        self.hold(asked)
        if not explained:
            self.throttle.refused(sent, asked, now, exact=exact)
        if not (explained or self.turns.interval or self.throttle.interval):
            self.gap = self.first_gap
        if self.last <= sent.at:
            self.last = 0.0  # it took no place: the next need not keep its distance
        sent.refused = True

    def hold(self, asked: float) -> None:
        """Send nothing for so many seconds. Waits do not add up: the one that ends last counts."""
        self.not_before = max(self.not_before, _now() + asked)

    def failed(self, sent: Sent) -> None:
        """The service failed in a way that may concern all."""
        self.breaker.failed(_now(), tried=sent.trying)

    def done(self, sent: Sent) -> None:
        """The request is on its way no more."""
        self.flying -= 1
        self.breaker.dropped(tried=sent.trying)
        self.landed.set()

    def _left(self, tokens: float, now: float) -> float | None:
        """Seconds to wait at least; None: until something comes back."""
        seconds = self.breaker.left(now)
        if seconds is None or self.flying >= self.throttle.most:
            return None
        every, (requests, spent) = max(self.throttle.interval, self.gap), self.told
        return max(
            seconds,
            self.not_before - now,
            self.last + every - now if every else 0.0,
            self.turns.left(now),
            requests.left(1.0, now),
            spent.left(tokens, now),
            self.wished.left(tokens, now),
        )

    @property
    def _is_exact(self) -> bool:
        """Whether what a timer is late is lost: nothing is made up for."""
        return not self.turns.slack or self.throttle.interval > 0 or self.told[0].burst < 2

    async def _rest(self, seconds: float | None) -> None:
        if seconds is not None and self._is_exact:
            seconds = max(0.0, seconds - COARSE)  # then the loop goes round until it is time
        if seconds is not None and seconds < LONG:
            await asyncio.sleep(seconds)
            return
        self.landed.clear()
        try:
            async with asyncio.timeout(seconds):
                await self.landed.wait()  # it may change what there is to wait for
        except TimeoutError:
            pass

    def _leave(self, tokens: float, now: float) -> Sent:
        requests, spent = self.told
        requests.spend(1.0, now)
        for one in (self.wished, spent):
            one.spend(tokens, now)
        early, trying = self.turns.take(now), self.breaker.sent()
        sent = Sent(now, self.flying, tokens, requests.spent, spent.spent, trying=trying, early=early)
        self.throttle.sent(sent)
        self.last, self.gap = now, max(NARROWER * self.gap, self.narrowest)
        if self.gap < NO_GAP:
            self.gap = 0.0
        self.flying += 1
        return sent


def _now() -> float:
    return asyncio.get_running_loop().time()
