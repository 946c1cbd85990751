"""When the next request may be sent: a user's limits, the waits a service asks for, and what it turns out to take.

Lives in one event loop. Sends nothing and counts no tries.
"""

import asyncio

from aiolimiter import AsyncLimiter

from ..models import Request

REPLY_TOKENS = 500  #: a card's, for the limit of tokens a minute
MARGIN = 1.02  #: a request that comes a moment early is refused where no burst is allowed
LATE_TIMERS = 0.02  #: seconds that may be made up for, where that is much of the time between two requests


class Pace:
    """Holds requests back: to the limits a user gave, to the waits a service asks for, and where it says "too many"."""

    def __init__(self, requests_per_minute: float | None, tokens_per_minute: float | None) -> None:
        # A limiter lets its whole size out at first: hence no more than one request, and what late timers cost.
        size = 1 + max(0.0, LATE_TIMERS * (requests_per_minute or 0) / 60 - 0.5)
        self.requests = requests_per_minute and AsyncLimiter(size, size * MARGIN * 60 / requests_per_minute)
        size = max((tokens_per_minute or 0) / 60, 2000.0)
        self.tokens = tokens_per_minute and AsyncLimiter(size, size * 60 / tokens_per_minute)
        self.not_before = 0.0  #: in the loop's time
        self.interval = 0.0  #: seconds between two requests, found by trial
        self.slowed = 0.0
        self.too_many = False  #: the last answer

    async def __call__(self, request: Request) -> None:
        """Return when the request may be sent."""
        if isinstance(self.tokens, AsyncLimiter):
            await self.tokens.acquire(min(estimated_tokens(request), self.tokens.max_rate))
        if isinstance(self.requests, AsyncLimiter):
            await self.requests.acquire()
        while (left := self.not_before - _now()) > 0:
            await asyncio.sleep(left)
        if self.interval:
            self.not_before = _now() + self.interval

    def hold(self, seconds: float) -> None:
        """Let nothing out for so long."""
        self.not_before = max(self.not_before, _now() + seconds)

    def slower(self, sent: float) -> None:
        """A request sent at `sent` was one too many; alone among others that were taken, it teaches nothing."""
        alone, self.too_many = not self.too_many, True
        if not alone and sent >= self.slowed:  # those sent before we slowed down teach nothing either
            self.interval = max(1.5 * self.interval, 0.01)
            self.slowed = _now()

    def faster(self) -> None:
        """A request was taken."""
        self.too_many = False
        self.interval = 0.97 * self.interval if self.interval > 0.001 else 0.0


def _now() -> float:
    return asyncio.get_running_loop().time()


def estimated_tokens(request: Request) -> float:
    """Of prompt and reply: four bytes of UTF-8 to a token, in English as in Chinese."""
    prompt = sum(len(text.encode("utf-8", "replace")) for one in request.messages for text in one.values())
    return prompt / 4 + REPLY_TOKENS
