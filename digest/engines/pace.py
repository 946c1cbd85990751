"""When the next request may be sent: a user's limits, the waits a service asks for, and what it turns out to take.

Lives in one event loop. Sends nothing and counts no tries.
"""

import asyncio

from aiolimiter import AsyncLimiter

from ..models import Request
from ..prompts import REPLY_TOKENS, estimated_tokens

MARGIN = 1.02  #: a request that comes a moment early is refused where no burst is allowed
RECENT = 1 / 32  #: the weight of one request among those that were sent lately
CROWDED = 0.3  #: the share of "later" among them from which it is no chance
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
        self.crowded = 0.0  #: the share of "later" among the requests sent lately

    async def __call__(self, request: Request) -> None:
        """Return when the request may be sent."""
        if isinstance(self.tokens, AsyncLimiter):
            await self.tokens.acquire(min(estimated_tokens(request) + REPLY_TOKENS, self.tokens.max_rate))
        if isinstance(self.requests, AsyncLimiter):
            await self.requests.acquire()
        while (left := self.not_before - _now()) > 0:
            await asyncio.sleep(left)
        self.crowded -= RECENT * self.crowded
        if self.interval:
            self.not_before = _now() + self.interval

    def refused(self, sent: float, asked: float) -> None:
        """
        The service said "later" to a request sent at `sent`, and asked for a wait of so many seconds.

        One such answer among many replies concerns its own request; several hold back all, and slow us down.
        """
        self.crowded += RECENT
        if self.crowded < CROWDED:
            return
        self.not_before = max(self.not_before, _now() + asked)
        if sent >= self.slowed:  # those sent before we slowed down teach nothing
            self.interval = max(1.5 * self.interval, 0.01)
            self.slowed = _now()

    def taken(self) -> None:
        """The service answered a request."""
        self.interval = 0.9 * self.interval if self.interval > 0.001 else 0.0


def _now() -> float:
    return asyncio.get_running_loop().time()
