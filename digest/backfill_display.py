"""The live display of a backfill on a terminal: how far it is, how fast, what it costs, what is open.

Numbers in, lines out, drawn a few times a second by a thread of their own; what is told in between is only noted.
"""

import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, TextIO

from . import accounts, money
from .measures import duration
from .models import Bill
from .plaintext import counted, one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

A_SECOND = 4  #: drawings
WINDOW = 180.0  #: seconds over which the pace is taken
LEAST = 5.0  #: seconds before a pace says anything
OPEN = 3  #: editions under way that are named
ENDPOINTS = 8  #: that have a line of their own
LONGEST_BAR = 30

Tell = Callable[["Progress"], None]


class Endpoint(Protocol):
    """How an endpoint fares, as the engine tells it."""

    @property
    def place(self) -> str: ...
    @property
    def in_flight(self) -> int: ...
    @property
    def answered(self) -> int: ...
    @property
    def state(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a backfill is."""

    editions: int  #: that are saved; in several languages, each counts
    editions_in_all: int
    papers: int = 0  #: whose card is settled, in each language
    papers_in_all: int | None = None  #: as the plan reckons; None: not known
    sent: int = 0  #: requests to the service
    bills: tuple[Bill, ...] = ()  #: what they cost so far
    seconds: float = 0.0  #: since it began
    open: tuple[str, ...] = ()  #: language and date of the editions under way, the oldest first
    endpoints: Sequence[Endpoint] = ()  #: where the engine tells


class Pace:
    """How fast it went of late: of requests, and of papers or, where their number is not known, editions."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int, int]] = deque()

    def note(self, now: Progress) -> None:
        """Take in how far it is."""
        marks, done = self._marks, now.editions if now.papers_in_all is None else now.papers
        if not marks or now.seconds > marks[-1][0]:
            marks.append((now.seconds, now.sent, done))
        while len(marks) > 2 and marks[1][0] <= now.seconds - WINDOW:
            marks.popleft()

    def per_minute(self, now: Progress) -> float | None:
        """Requests; None: it is too early to say."""
        return self._rate(now, 1)

    def left(self, now: Progress) -> float | None:
        """Seconds that are left, at this pace; None: it can't be said."""
        if now.papers_in_all is None:
            todo = now.editions_in_all - now.editions
        else:
            todo = max(now.papers_in_all - now.papers, int(now.editions < now.editions_in_all))
        rate = self._rate(now, 2)
        return todo / rate * 60 if rate else None

    def _rate(self, now: Progress, which: int) -> float | None:
        """A minute's worth."""
        if not self._marks:
            return None
        mark = self._marks[0]
        done = {1: now.sent, 2: now.editions if now.papers_in_all is None else now.papers}[which]
        seconds = now.seconds - mark[0]
        return (done - mark[which]) / seconds * 60 if seconds >= LEAST else None


def lines(now: Progress, per_minute: float | None, left: float | None, width: int) -> list[str]:
    """What the display says, in lines of at most `width` characters."""
    room = max(5, min(LONGEST_BAR, width - 60))
    bar = f"{accounts.bar(_share(now), 1.0, room):<{room}}"
    of_papers = f" of about {now.papers_in_all:,}" if now.papers_in_all is not None else ""
    facts = [
        f"{now.sent:,} requests" + ("" if per_minute is None else f", {per_minute:,.0f} a minute"),
        money.sum_in_words(now.bills),
        duration(now.seconds) + ("" if left is None else f", about {duration(left)} left"),
    ]
    head = f"{bar} {now.editions:,} of {now.editions_in_all:,} editions · {now.papers:,}{of_papers} papers"
    said = [head, " · ".join(filter(None, facts)), *_open(now.open), *_endpoints(now.endpoints)]
    return [line if len(line) <= width else f"{line[: width - 1]}…" for line in map(_safe, said)]


def _share(now: Progress) -> float:
    if now.papers_in_all and now.editions < now.editions_in_all:
        return min(now.papers / now.papers_in_all, 1.0)
    return now.editions / now.editions_in_all if now.editions_in_all else 1.0


def _open(names: Sequence[str]) -> Iterator[str]:
    if names:
        more = f" and {len(names) - OPEN} more" if len(names) > OPEN else ""
        yield f"open: {', '.join(names[:OPEN])}{more}"


def _endpoints(found: Sequence[Endpoint]) -> Iterator[str]:
    wide = max((len(one.place) for one in found), default=0)
    for one in found[:ENDPOINTS]:
        yield f"{one.place:<{wide}}  {one.state:<4}  {one.in_flight:>5,} in flight  {one.answered:>9,} answered"
    if more := found[ENDPOINTS:]:
        up = sum(one.state == "up" for one in more)
        yield f"and {counted(len(more), 'endpoint')} more, {up} of them up"


def _safe(line: str) -> str:
    """A service names its place and we its money: what is no text stays out, the blanks of a table stay."""
    return line if line.isprintable() else one_line(line)


# ------------------------------------------------------------------------------------------ the edge


class _Display:
    """What is drawn: the newest that was told, and the time that went by since."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._pace = clock, Pace()
        self._told: Progress | None = None
        self._drawn: Progress | None = None
        self._since = 0.0

    def tell(self, now: Progress) -> None:
        """Note it; no more, for it may be told hundreds of times a second."""
        self._told = now

    def __rich_console__(self, console: "Console", _: object) -> "Iterator[Text]":
        from rich.text import Text

        if self._told is None:
            return
        if self._told is not self._drawn:
            self._drawn, self._since = self._told, self._clock()
        now = replace(self._drawn, seconds=self._drawn.seconds + self._clock() - self._since)
        self._pace.note(now)
        said = lines(now, self._pace.per_minute(now), self._pace.left(now), console.width)
        yield Text("\n".join(said), no_wrap=True)


@contextmanager
def live(console: "Console | None" = None) -> Iterator[Tell]:
    """
    Yield what is told how far it is, and draw that on standard error; the display goes away at the end.

    To tell costs next to nothing, however often: it is drawn by a thread, `A_SECOND` times a second. What is logged or
    printed meanwhile stands above it.

    Args:
        console: Draws; None: standard error.
    """
    from rich.console import Console
    from rich.live import Live

    display = _Display(time.monotonic)
    screen = console or Console(stderr=True)
    drawing = Live(
        display,
        console=screen,
        refresh_per_second=A_SECOND,
        transient=True,
        redirect_stdout=sys.stdout is not None and sys.stdout.isatty(),  # a pipe gets its lines as ever
    )
    before = sys.stderr
    with drawing, _logged_above(before):
        yield display.tell


@contextmanager
def _logged_above(before: TextIO) -> Iterator[None]:
    """Send what is logged to standard error through what stands there now."""
    moved = [
        one
        for one in logging.getLogger().handlers
        if isinstance(one, logging.StreamHandler) and one.stream is before and sys.stderr is not before
    ]
    for one in moved:
        one.setStream(sys.stderr)
    try:
        yield
    finally:
        for one in moved:
            one.setStream(before)
