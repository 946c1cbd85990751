"""How much may be sent: a bucket that fills at a rate, told by the user or read off a service's x-ratelimit headers.

Pure: the time is given, in seconds of one clock. Sends nothing and waits for nothing.
"""

import math
import re
from collections.abc import Mapping

MARGIN = 1.015  #: a request that comes a moment early is refused where no burst is allowed
LATE_TIMERS = 0.02  #: seconds that may be made up for, where that is much of the time between two requests
TRUSTED = 60.0  #: seconds an allowance may hold a request back; then the service itself may say "later"

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SPAN = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_YEAR = 3e7


def span(text: str | None) -> float | None:
    """
    Seconds of a duration as the headers write it, or None: a point in time, or no duration at all.

    >>> span("6m0s"), span("200ms"), span("1.5"), span("1737062400"), span("soon")
    (360.0, 0.2, 1.5, None, None)

    Source: https://platform.openai.com/docs/guides/rate-limits ("Rate limits in headers")
    """
    text = (text or "").strip().lower()
    if _SPAN.fullmatch(text):
        return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    seconds = _number(text)
    return seconds if seconds is not None and seconds < _YEAR else None


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


class Allowance:
    """What may be sent of one kind, requests or tokens: a level that falls with each sending and rises with time."""

    def __init__(self, rate: float | None = None, burst: float = 1.0) -> None:
        """
        A full bucket.

        Args:
            rate: A second; None is without limit, until `told`.
            burst: What may be sent at once.
        """
        self.rate = rate / MARGIN if rate else math.inf
        self.burst = burst if rate else math.inf
        self.level = self.burst
        self.at = 0.0
        self.spent = 0.0  #: in all
        self.heard = -math.inf  #: when that was sent whose answer told the most recent state

    def left(self, cost: float, now: float) -> float:
        """Seconds until `cost` may be sent; 0: at once. More than the bucket holds may be sent when it is full."""
        self._rise(now)
        short = min(cost, self.burst) - self.level
        return min(short / self.rate, TRUSTED) if short > 1e-9 else 0.0

    def spend(self, cost: float, now: float) -> None:
        """Note that `cost` is sent."""
        self._rise(now)
        self.level -= cost
        self.spent += cost

    def told(self, headers: Mapping[str, str], kind: str, sent: float, spent: float, now: float) -> float | None:
        """
        Take in what the answer to a request says; what remained by its headers, or None where they say nothing.

        The reset is the time until all is as at first, so that it gives rate and size of the service's bucket; where
        it is the end of a window instead, a sixtieth of the limit a second is the most that is believed.

        Args:
            headers: Of the answer.
            kind: "requests" or "tokens".
            sent: When the request was sent.
            spent: `self.spent` when it had been.
            now: The time.
        """
        limit = _number(headers.get(f"x-ratelimit-limit-{kind}"))
        remaining = _number(headers.get(f"x-ratelimit-remaining-{kind}"))
        if not limit or remaining is None:
            return None
        if sent <= self.heard:
            return remaining  # something newer is known
        self.heard = sent
        remaining = min(remaining, limit)
        reset = span(headers.get(f"x-ratelimit-reset-{kind}"))
        rate, used = limit / 60, limit - remaining
        if reset and used:
            rate = min(rate, used / reset)
        full = remaining + rate * reset if reset else limit
        known = math.isfinite(self.rate)
        self._rise(now)
        self.rate = rate / MARGIN
        self.burst = max(1.0, min(self.burst, limit, full))
        then = min(remaining, self.burst - rate * reset) if reset else remaining
        level = min(self.burst, then + self.rate * (now - sent) - (self.spent - spent))
        # Requests are counted alike on both sides, so that the lower count is the right one; tokens are a guess.
        self.level = min(self.level, level) if known and kind == "requests" else level
        return remaining

    def refused(self, headers: Mapping[str, str], kind: str, cost: float, asked: float, now: float) -> bool:
        """
        Take in what the answer to a refused request says; whether nothing remained, which is then why.

        Some services count the refused request in these headers and some do not: only its wait is relied upon.
        """
        self.level = min(self.burst, self.level + cost)
        self.spent -= cost
        limit = _number(headers.get(f"x-ratelimit-limit-{kind}"))
        remaining = _number(headers.get(f"x-ratelimit-remaining-{kind}"))
        if not limit or remaining is None or remaining >= max(1.0, cost):
            return False
        if not math.isfinite(self.rate):
            self.rate, self.burst, self.at = limit / 60 / MARGIN, limit, now
        self._rise(now)
        self.level = min(self.level, min(max(1.0, cost), self.burst) - self.rate * asked)
        return True

    def _rise(self, now: float) -> None:
        if math.isfinite(self.rate):
            self.level = min(self.burst, self.level + self.rate * max(0.0, now - self.at))
        self.at = now


def requests_allowance(a_minute: float | None) -> Allowance:
    """Requests spread evenly: no burst, but what late timers cost may be made up for."""
    return Allowance((a_minute or 0) / 60, 1 + max(0.0, LATE_TIMERS * (a_minute or 0) / 60 - 0.5))


def tokens_allowance(a_minute: float | None) -> Allowance:
    """Tokens spread evenly: a second's worth at once, or that of a few requests."""
    return Allowance((a_minute or 0) / 60, max((a_minute or 0) / 60, 2000.0))
