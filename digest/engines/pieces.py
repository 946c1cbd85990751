"""How a stream of requests is cut into files for batches: by requests, bytes, and the tokens that may be in the queue.

Pure but for what it remembers of refusals. Sends nothing, and pulls no request before there is a place for it.
"""

import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

MOST_REQUESTS = 2_000
"""
Of one file. A service takes 50,000, but a batch comes back as a whole: with pieces of 2,000 the first cards of years
of papers are there after the first of them, what a batch that fails or expires loses is small, its answers are 5 MB
in memory and not 125, and a day of arXiv still goes in one.
"""
MOST_BYTES = 190_000_000  #: of a file; the service's rule says 200 MB
SHARES = 4  #: batches that a limited queue is to hold, so that one is worked on while the next comes in

_TOLD = re.compile(
    r"limit(?: of|:)\s*(?P<number>\d[\d,.]*)(?P<unit>[KMB]?)(?![\w,.])(?!\s*enqueued requests)", re.IGNORECASE
)
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9}

T = TypeVar("T")


class Waiting(Generic[T]):
    """What waits for a place: what was put back first, then what `pull` gives; None: there is nothing now."""

    def __init__(self, pull: Callable[[], T | None]) -> None:
        self._pull = pull
        self._back: deque[T] = deque()
        self._next: T | None = None

    def __len__(self) -> int:
        return len(self._back) + (self._next is not None)

    def look(self) -> None:
        """Pull the next one, unless that has been done: what comes before it in the stream gets out."""
        if self._next is None:
            self._next = self._pull()

    def peek(self) -> T | None:
        """The first one, which stays."""
        if self._back:
            return self._back[0]
        self.look()
        return self._next

    def pop(self) -> T:
        """The one that `peek` has shown."""
        if self._back:
            return self._back.popleft()
        assert self._next is not None
        one, self._next = self._next, None
        return one

    def put_back(self, these: Sequence[T]) -> None:
        """Let them come before all others, in their order."""
        self._back.extendleft(reversed(these))


@dataclass(frozen=True, slots=True)
class Most:
    """What one file may hold."""

    requests: int = MOST_REQUESTS
    bytes: int = MOST_BYTES
    tokens: float = float("inf")


def cut(waiting: Waiting[T], size_of: Callable[[T], tuple[int, int]], most: Most) -> list[T]:
    """
    The next piece: as many as fit, at least one if there is any, and no more pulled than one that does not fit.

    Args:
        waiting: In order.
        size_of: Bytes and tokens of one.
        most: One that alone is more makes a piece of its own, and is the service's to judge.

    >>> source = iter([3, 3, 3, 9])
    >>> line = Waiting(lambda: next(source, None))
    >>> [cut(line, lambda one: (one, 0), Most(2, 7)) for _ in range(4)]
    [[3, 3], [3], [9], []]
    """
    piece: list[T] = []
    size = tokens = 0
    while len(piece) < most.requests and (one := waiting.peek()) is not None:
        more, counted = size_of(one)
        if piece and (size + more > most.bytes or tokens + counted > most.tokens):
            break
        piece.append(waiting.pop())
        size, tokens = size + more, tokens + counted
    return piece


class Room:
    """How many tokens the service's queue takes: as the user says, or as its refusals teach."""

    def __init__(self, told: int | None = None) -> None:
        """`told` None: no limit is known."""
        self.told = told
        self.most = told
        self.why = ""  #: the last refusal, in the service's words; empty once a batch has come back
        self._is_full = False  #: nothing is handed in before something else is done
        self._passes = False  #: or before some time has gone by

    def for_piece(self, flying: int) -> float:
        """The tokens that the next piece may have beside those under way; 0: it has to wait."""
        if self._is_full:
            return 0
        if self.most is None:
            return float("inf")
        share = max(1, self.most // SHARES)
        return share if flying == 0 or flying + share <= self.most else 0

    def holds(self, flying: int, piece: int) -> bool:
        """Whether a piece may go beside those under way; one that is alone goes in any case."""
        return self.most is None or flying == 0 or flying + piece <= self.most

    def refused(self, flying: int, piece: int, words: str) -> None:
        """Learn from a refusal of `piece` tokens beside `flying` others: the queue holds less than both."""
        said = told_limit(words)
        if said is None or said >= flying + piece:  # or the service counts otherwise than we do
            said = flying + piece // 2
        self.most = max(1, said if self.most is None else min(self.most, said))
        self.why, self._is_full, self._passes = words, True, False

    def later(self, words: str) -> None:
        """Hand in nothing for a moment: too much has come at once."""
        self.why, self._is_full, self._passes = words, True, True

    def done(self) -> None:
        """A batch has come back; a limit that was learnt grows a little, as it may have been another's batches."""
        self.why, self._is_full = "", False
        if self.most is not None and self.most != self.told:
            grown = self.most + max(1, self.most // 16)
            self.most = grown if self.told is None else min(grown, self.told)

    def try_again(self) -> None:
        """There is room, or may be."""
        self._is_full = False

    def rested(self, flying: int) -> None:
        """Some time has gone by; with nothing of ours under way, only that tells whether there is room."""
        if self._passes or flying == 0:
            self.try_again()


def told_limit(words: str) -> int | None:
    """
    The limit that a refusal names, in tokens.

    >>> told_limit("Limit: 2,000,000 enqueued tokens."), told_limit("the configured limit of 30K for the deployment")
    (2000000, 30000)
    >>> told_limit("Limit: 1,000,000 enqueued requests"), told_limit("Enqueued token limit reached")
    (None, None)
    """
    found = _TOLD.search(words)
    try:
        return (
            int(float(found["number"].rstrip(".").replace(",", "")) * _UNITS[found["unit"].upper()]) if found else None
        )
    except (ValueError, OverflowError):
        return None
