"""How much may be sent: turns at even distances, or a bucket that fills at a rate, told by the user or by a service.

Pure: the time is given, in seconds of one clock. Sends nothing and waits for nothing.
"""

import math
import re
from collections.abc import Mapping

MARGIN = 1.005  #: a service's clock is not ours, and its minute begins when it likes
SLACK = 0.2  #: seconds that late timers may cost and that are made up for: the margin leaves 0.3 s of a minute
AT_ONCE = 61 / 60  #: the margin of tokens, of which a second's worth may be sent at once beside those of a minute
WIDEST = 1.02  #: the margin where requests that keep their distance still come a moment early
DEAR = 1.1  #: the same where a refusal costs a whole second
EXACT = 1e-6  #: seconds
LENIENT = 256  #: turns after which a service that refused what was made up for may have come to take it; then ever more
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

    def __init__(self, rate: float | None = None, burst: float = 1.0, margin: float = MARGIN) -> None:
        """
        A full bucket.

        Args:
            rate: A second; None is without limit, until `told`.
            burst: What may be sent at once.
            margin: How many times the rate is above what is used of it.
        """
        self.rate = rate / margin if rate else math.inf
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

    def settle(self, cost: float, estimate: float) -> None:
        """Count what was spent as it turned out to be."""
        self.level = min(self.burst, self.level - cost + estimate)

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
        self.burst = max(1.0, min(self.burst, limit, full))
        self.rate = rate / (MARGIN if self.burst >= 2 else WIDEST)
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


def tokens_allowance(a_minute: float | None) -> Allowance:
    """Tokens spread evenly: a second's worth at once, or that of a few requests."""
    return Allowance((a_minute or 0) / 60, max((a_minute or 0) / 60, 2000.0), AT_ONCE)


class Turns:
    """
    Requests spread evenly. Turns follow a timetable, so that one that is taken late does not put off those after it.

    A service without any burst refuses what comes sooner after the one before: then each has its distance from that.
    """

    def __init__(self, a_minute: float | None = None) -> None:
        """The first turn is at once; without a limit all are."""
        self.interval = 60 / a_minute if a_minute else 0.0  #: seconds
        self.margin = MARGIN
        self.due = self.last = -math.inf  #: when the next turn is; when the last one was taken
        self.slack = SLACK  #: 0: nothing is made up for
        self.taken = 0  #: turns since the slack was changed
        self.needed = LENIENT  #: of these, until it is tried again whether something may be made up for
        self.widened = -math.inf  #: when the margin was: what was sent before tells nothing of it

    @property
    def every(self) -> float:
        """Seconds from turn to turn."""
        return self.margin * self.interval

    def left(self, now: float) -> float:
        """Seconds until the next turn."""
        return max(0.0, self.due - now)

    def take(self, now: float) -> bool:
        """Take the turn; whether it came sooner after the one before than turns do."""
        early = now - self.last < self.every - EXACT
        missed = 0.0 if self.last == -math.inf else max(0.0, min(self.slack, now - self.due))
        self.due, self.last = now - missed + self.every, now
        self.taken += 1
        if not self.slack and self.taken > self.needed:
            self.slack = SLACK
        return early

    def refused(self, sent: float, asked: float, now: float, *, early: bool, exact: bool) -> bool:
        """
        Take in that one was refused; whether the turns are why, and it is seen to.

        Args:
            sent: When it was sent. It took no turn: the next need not keep its distance.
            asked: Seconds to wait.
            now: The time.
            early: What `take` said of it.
            exact: Whether the wait is told more finely than in whole seconds.
        """
        given_back = self.every if self.slack or self.last <= sent else 0.0
        self.due = max(self.due - given_back, now + asked)
        if early and self.slack:
            self.slack, self.taken, self.needed = 0.0, 0, 4 * self.needed
            return True
        is_near = exact and asked < self.every
        if (is_near or (not self.slack and asked <= max(1.0, self.every))) and sent > self.widened:
            self.widened = now
            self.margin = max(self.margin, min(WIDEST if exact else DEAR, self.margin + MARGIN - 1))
        return is_near
