"""What callers hand in so that stages need neither a clock of their own nor a screen.

Types, and one that does nothing; knows no stage.
"""

from collections.abc import Callable
from datetime import datetime

Clock = Callable[[], datetime]  #: now, UTC
Sleep = Callable[[float], None]  #: waits for seconds
Watch = Callable[[str, int, int], None]  #: is told of a stage, how much is done, of how many (0: not known)
TOKENS = "tokens"  #: no stage of its own: how many have come in the one under way, and how many come in a second


def unwatched(stage: str, done: int, total: int) -> None:
    """Watch nothing."""
