"""HTML: the archive, with the newest edition, a calendar of all, and charts of what they hold and took.

Chooses what the page says and where it links; words and looks are in templates/site. Opens no edition.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from ..heads import Head, spending
from ..models import Edition, Page
from . import LANGUAGE, Look, Volumes
from .chart import MOST_BARS, MOST_DAYS, Course, Stack, by_week, chart, stack
from .environment import fill, html_environment
from .layout import RESERVED, section_anchors
from .tracks import Track, shares

STEPS = 5  #: shades of a day, by its papers
OPEN_MONTHS = 12  #: up to the newest; older ones are folded by year
TREND_WEEKS = 26
WEEK = 7


@dataclass(frozen=True, slots=True)
class Day:
    """One edition in the calendar."""

    head: Head
    path: str  #: of its page, from the archive's
    papers: int  #: on its page: announced and not excluded
    step: int  #: its shade, from 1 to STEPS; 0 for a day without papers


@dataclass(frozen=True, slots=True)
class Month:
    """One sheet of the calendar."""

    first: date
    weeks: tuple[tuple[Day | int | None, ...], ...]  #: from Monday: an edition, the number of a day without, or nothing
    days: tuple[Day, ...]  #: newest first

    @property
    def papers(self) -> int:
        """Of all its editions."""
        return sum(day.papers for day in self.days)

    def has(self, count: str) -> bool:
        """Whether any ledger has what `count` names."""
        return any(getattr(day.head.ledger, count) for day in self.days)


@dataclass(frozen=True, slots=True)
class Trend:
    """One line of the trends."""

    track: Track
    course: Course


def shade(papers: int, most: int) -> int:
    """
    The step of a number of papers, in equal parts of the most.

    >>> shade(0, 500), shade(1, 500), shade(100, 500), shade(101, 500), shade(500, 500)
    (0, 1, 1, 2, 5)
    """
    return -(-STEPS * papers // most) if papers else 0


def bounds(most: int) -> tuple[int, ...]:
    """The most papers of each step, without steps that no number falls into.

    >>> bounds(500), bounds(3)
    ((100, 200, 300, 400, 500), (1, 2, 3))
    """
    return tuple(dict.fromkeys(most * step // STEPS for step in range(1, STEPS + 1) if most * step >= STEPS))


def _papers(head: Head) -> int:
    return head.ledger.announced - head.ledger.excluded


def days_of(heads: Sequence[Head]) -> tuple[Day, ...]:
    """The lines of the calendar, in the order of the heads."""
    most = max(map(_papers, heads), default=0)
    return tuple(
        Day(head, f"{head.announced.isoformat()}/index.html", _papers(head), shade(_papers(head), most))
        for head in heads
    )


def calendar(days: Iterable[Day]) -> tuple[Month, ...]:
    """The months that have an edition, newest first; the newest one ends with its newest edition."""
    by_month = groupby(days, key=lambda day: day.head.announced.replace(day=1))
    found = [(first, tuple(own)) for first, own in by_month]
    newest = found[0][1][0].head.announced if found else date.max
    return tuple(Month(first, tuple(_weeks(first, own, newest)), own) for first, own in found)


def _weeks(first: date, days: Iterable[Day], newest: date) -> Iterator[tuple[Day | int | None, ...]]:
    """Yield the rows of a month: seven cells from Monday, nothing outside it or after the newest edition."""
    known = {day.head.announced: day for day in days}
    last = min(newest, (first + timedelta(31)).replace(day=1) - timedelta(1))
    monday = first - timedelta(first.weekday())
    while monday <= last:
        week = (monday + timedelta(count) for count in range(WEEK))
        yield tuple(known.get(day, day.day) if first <= day <= last else None for day in week)
        monday += timedelta(WEEK)


def folded(months: Sequence[Month]) -> tuple[tuple[Month, ...], tuple[tuple[Month, ...], ...]]:
    """The months of the newest year, and the older ones by calendar year, all newest first."""

    def number(month: Month) -> int:
        return month.first.year * 12 + month.first.month

    near = tuple(month for month in months if number(months[0]) - number(month) < OPEN_MONTHS)
    years = groupby(months[len(near) :], key=lambda month: month.first.year)
    return near, tuple(tuple(own) for _, own in years)


def stacked(heads: Sequence[Head], known: Iterable[Track]) -> Stack | None:
    """Papers a day by category; by keyword where there are no categories. Each paper stands in one layer."""
    kind = "category" if any(track.kind == "category" for track in known) else "keyword"
    return stack((head.announced, shares(head, kind)) for head in heads[:MOST_BARS])


def trends(heads: Iterable[Head], known: Iterable[Track]) -> tuple[Trend, ...]:
    """A line for each section that there ever was: keywords in their order, then categories, the most papers first."""
    editions = [head.announced for head in heads]
    lines = [
        Trend(
            track,
            by_week({stop.announced: stop.papers for stop in track.stops}, editions, TREND_WEEKS, TREND_WEEKS),
        )
        for track in known
    ]
    keywords = [line for line in lines if line.track.kind == "keyword"]
    categories = sorted((line for line in lines if line.track.kind == "category"), key=lambda line: -line.course.total)
    return (*keywords, *categories)


class Archive:
    """`index.html`."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._environment = html_environment(look.folders)

    def day(self, edition: Edition) -> Iterator[Page]:  # noqa: ARG002
        """Yield nothing: the archive spans all dates."""
        yield from ()

    def whole(self, volumes: Volumes) -> Iterator[Page]:
        """Yield the archive of all editions."""
        heads = volumes.heads
        days, known = days_of(heads), volumes.tracks
        months, years = folded(calendar(days))
        latest = days[0] if days else None
        text = fill(
            self._environment,
            "site/archive.html.j2",
            latest.head.language if latest else LANGUAGE,
            latest=latest,
            groups=tuple(section_anchors(latest.head.sections, RESERVED)) if latest else (),
            months=months,
            years=years,
            marks=tuple(name for name in ("flagged", "pending") if any(getattr(one.ledger, name) for one in heads)),
            bounds=bounds(max((day.papers for day in days), default=0)),
            tracks={track.path: track for track in known},
            stack=stacked(heads, known),
            trends=trends(heads, known),
            chart=chart(spending(heads[: 2 * MOST_DAYS])),  # older ones, too, may hold a reply first
            siblings=self._look.siblings,
        )
        yield Page("index.html", text.encode())
