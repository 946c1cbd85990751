"""Whether the service is out of order, and when to try it again: a circuit breaker.

Pure: the time is given, in seconds of one clock. Sends nothing and waits for nothing.
"""

import math

IN_A_ROW = 8  #: failures without a success among them, from which a service counts as out of order, at the least
FIRST_PAUSE = 1.0  #: seconds
LONGEST_PAUSE = 30.0


class Breaker:
    """
    Closed, all is sent. Open, one request at a time is, after growing pauses; its success closes it again.

    Only what speaks of the whole service is a failure: no connection, no answer in time, 5xx, a reply in pieces.
    """

    def __init__(self, patience: float, slots: int = 1) -> None:
        """
        Begin closed.

        Args:
            patience: Seconds an outage may last, from when it is noticed.
            slots: Requests in flight at once. Failures come sooner than answers: of a whole wave, those that fail may
                all be back before the first that passes.
        """
        self.patience = patience
        self.enough = max(IN_A_ROW, slots)
        self.failures = 0  #: in a row
        self.since = math.inf  #: when the outage was noticed
        self.pause = FIRST_PAUSE
        self.next = 0.0  #: when the next request may try
        self.trying = False  #: one is on its way

    @property
    def is_open(self) -> bool:
        """Whether the service is out of order."""
        return self.since < math.inf

    def left(self, now: float) -> float | None:
        """Seconds until a request may be sent; None: not before that has an answer which is on its way."""
        if not self.is_open:
            return 0.0
        return None if self.trying else max(0.0, self.next - now)

    def sent(self) -> bool:
        """Note a request; whether it is the one that tries."""
        self.trying = self.is_open
        return self.trying

    def failed(self, now: float, *, tried: bool) -> None:
        """Note a failure; `tried`: of the one that was sent to try."""
        self.failures += 1
        if tried:
            self.trying = False
            self.pause = min(2 * self.pause, LONGEST_PAUSE)
            self.next = now + self.pause
        elif not self.is_open and self.failures >= self.enough:
            self.since, self.pause, self.next = now, FIRST_PAUSE, now + FIRST_PAUSE

    def passed(self) -> None:
        """Note that the service works."""
        self.failures, self.since, self.trying = 0, math.inf, False

    def dropped(self, *, tried: bool) -> None:
        """Note that a request was given up before it had an answer."""
        if tried:
            self.trying = False

    def is_hopeless(self, now: float) -> bool:
        """Whether the outage has lasted too long: also when the next try would come after that."""
        return self.is_open and not self.trying and max(now, self.next) - self.since > self.patience
