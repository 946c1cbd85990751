"""What a service takes, found out by trial where it says "too many" and tells no limit: a rate, or a number in flight.

Pure: the time is given, in seconds of one clock. Sends nothing and waits for nothing.
"""

import math
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass
from itertools import pairwise

RECENT = 512  #: requests remembered
LATEST = 8  #: of these
CROWDED = 0.5  #: the share of refused ones among the latest, from which it is no chance
CYCLES = 5  #: times that a service took as many until it refused one, from which that is its rate
ALIKE = 0.25  #: how much they may differ, as a share
FEW = 0.25  #: below this share, one that came a moment early did so by chance
JITTER = 0.05  #: of the interval: a moment
TOO_FAST = 0.001  #: seconds between two requests, below which there is no point in waiting
MARGIN = 1.01
STEADY = 1024  #: requests sent at most until something is tried again that was refused


@dataclass(eq=False, slots=True)
class Sent:
    """A request on its way."""

    at: float  #: when it was sent
    flying: int  #: how many were on their way already
    tokens: float = 0.0  #: estimated
    requests_before: float = 0.0  #: all that was sent until then, itself included
    tokens_before: float = 0.0
    early: bool = False  #: sooner after the one before than the distance, to make up for a late one
    refused: bool = False
    asked: float = 0.0  #: seconds it was told to wait
    trying: bool = False  #: whether the service works at all


class Throttle:
    """Slows down where half of what is sent is refused, and finds the way up again in ever smaller steps."""

    def __init__(self) -> None:
        self.recent: deque[Sent] = deque(maxlen=RECENT)
        self.interval = 0.0  #: seconds between two requests; 0: no limit found
        self.most = math.inf  #: in flight at once
        self.changed = 0.0  #: answers to what was sent before teach nothing any more
        self.step = 0.0  #: how much faster the next attempt is, as a share
        self.calm = 0  #: requests sent since the change
        self.needed = 16  #: of these until the next attempt
        self.raises = 0  #: attempts in a row that went well
        self.last_refusal = -math.inf  #: when one was last heard of
        self.again = False  #: one that was sent after that was refused too

    def sent(self, sent: Sent) -> None:
        """Note a request: as a refusal comes at once, it counts as taken until then."""
        self.recent.append(sent)
        self.calm += 1
        if self.interval and self.calm > self.needed:
            self._faster(sent.at)
        elif self.most < math.inf and self.calm > max(8 * self.most, self.needed):
            self.most += 1
            self.calm, self.changed = 0, sent.at

    def refused(self, sent: Sent, asked: float, now: float, *, exact: bool) -> None:
        """Note a "too many" that asks for a wait of so many seconds; `exact`: not rounded to whole ones."""
        sent.refused, sent.asked = True, asked
        if self.interval and sent.at >= self.changed:
            self._slower(sent, now, exact=exact)
        elif self.most < math.inf and sent.at >= self.changed and sent.flying >= 0.8 * self.most:
            self.most = max(1, min(self.most, sent.flying))
            self.needed = min(STEADY, 2 * self.needed)
            self._settle(now)
        elif sent.at >= self.changed:
            self.again |= sent.at >= self.last_refusal > -math.inf
            self._decide(sent, now, exact=exact)
        self.last_refusal = now

    def _decide(self, last: Sent, now: float, *, exact: bool) -> None:
        """
        A number in flight, if all were refused that found so many on their way and all taken that found fewer.

        Else a rate, where half of the latest were refused, or as many were taken each time until the next was: one
        here and there is no matter of our speed. Either only where one was refused that was sent after a refusal was
        heard of.
        """
        taken, refused = self._told(last)
        if not self.again or not taken:
            return
        fewest = min(one.flying for one in refused)
        if fewest > max(one.flying for one in taken):
            self.most, self.needed = fewest, 8 * fewest
            self._settle(now)
        elif _share(taken, refused) >= CROWDED:
            # So many were taken while the service's allowance went from nothing to nothing.
            tries = [_seconds_each(one, last, taken) for one in refused[:-1]]
            if found := min((one for one in tries if one), default=None):
                self.interval = max(0.002, MARGIN * found)
                self.step, self.needed = (0.01, 8) if exact else (0.5, 4)
                self.raises = 0
                self._settle(now)
        elif found := _steady(taken, refused):
            self.interval, self.step, self.needed, self.raises = max(0.002, MARGIN * found), 0.01, 16, 0
            self._settle(now)

    def _slower(self, last: Sent, now: float, *, exact: bool) -> None:
        """Back by a step, or by less where the wait tells the interval; one that came a moment early is no sign."""
        taken, refused = self._told(last)
        self.calm = 0
        if exact and last.asked < JITTER * self.interval and _share(taken, refused) < FEW:
            return
        before = max((one.at for one in self.recent if one.at < last.at), default=None)
        slower = self.interval * (1 + max(self.step, 0.005))
        told = last.at + last.asked - before if exact and before is not None else slower
        self.interval = min(slower, max(self.interval, told))
        self.step = max(0.005, self.step / 2)
        self.raises = 0
        self.needed = min(STEADY, 2 * self.needed) if self.step < 0.02 else self.needed
        self._settle(now)

    def _told(self, last: Sent) -> tuple[list[Sent], list[Sent]]:
        """What was taken and what was refused, up to a refusal."""
        known = [one for one in self.recent if one.at <= last.at]
        return [one for one in known if not one.refused], [one for one in known if one.refused]

    def _settle(self, now: float) -> None:
        self.calm, self.changed, self.again = 0, now, False
        self.recent.clear()

    def _faster(self, now: float) -> None:
        self.interval /= 1 + self.step
        self.raises += 1
        if self.raises >= 2:
            self.step = min(0.5, 2 * self.step)
        if self.raises >= 3:
            self.needed = max(8, self.needed // 2)
        self.calm, self.changed = 0, now
        if self.interval < TOO_FAST:
            self.interval = 0.0


def _share(taken: list[Sent], refused: list[Sent]) -> float:
    """How many of the latest were refused."""
    latest = sorted((*taken, *refused), key=lambda one: one.at)[-LATEST:]
    return sum(one.refused for one in latest) / len(latest)


def _seconds_each(first: Sent, last: Sent, taken: list[Sent]) -> float | None:
    """Seconds a request between two refusals, by when they could have been taken; None: there was none between."""
    between = sum(first.at < one.at < last.at for one in taken)
    seconds = (last.at + last.asked) - (first.at + first.asked)
    return seconds / between if between and seconds > 0 else None


def _steady(taken: list[Sent], refused: list[Sent]) -> float | None:
    """Seconds each of those that were taken from refusal to refusal; None: they are not as many each time."""
    times = sorted(one.at for one in taken)
    ends: list[tuple[float, int]] = []  #: when refusals began, and how many had been taken before
    for one in sorted(refused, key=lambda one: one.at):
        before = bisect_left(times, one.at)
        if not ends or before > ends[-1][1]:
            ends.append((one.at, before))
    cycles = [(at - start, count - before) for (start, before), (at, count) in pairwise(ends)][-CYCLES:]
    counts = [count for _, count in cycles]
    if len(cycles) < CYCLES or max(counts) > (1 + ALIKE) * min(counts) or min(counts) < LATEST:
        return None
    return sum(seconds for seconds, _ in cycles) / sum(counts)
