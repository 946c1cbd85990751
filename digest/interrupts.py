"""Signals that end the program: at once, or, while answers are under way that may be paid for, once these are here.

Knows what was asked for by which signal; what to say about it and the exit are for console.py.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .errors import Interrupted

LOOK = 0.25  #: seconds between two looks for a signal
EX_SIGNAL = 128  #: beside the number of the signal: how a shell tells of it


@dataclass
class Interrupt:
    """What the process was asked to do; the one state of its kind, as signals are the process's."""

    waiting: int = 0  #: how many are at work that notice `signal` themselves and come to an end soon
    signal: int | None = None  #: the first that came while one was waiting

    def is_noted(self, number: int) -> bool:
        """Whether a signal is only noted, since somebody is at work who sees to it; a second one never is."""
        if self.waiting == 0 or self.signal is not None:
            return False
        self.signal = number
        return True


INTERRUPT = Interrupt()


@contextmanager
def seen_to() -> Iterator[None]:
    """
    While inside, look at `INTERRUPT.signal` now and then, and end soon where there is one.

    Raises:
        Interrupted: at the end, where there was one.
    """
    INTERRUPT.waiting += 1
    try:
        yield
    finally:
        INTERRUPT.waiting -= 1
    if INTERRUPT.signal is not None:
        raise Interrupted(f"stopped by {signal.Signals(INTERRUPT.signal).name}", EX_SIGNAL + INTERRUPT.signal)
