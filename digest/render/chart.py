"""Charts as shapes without a scale: what each day took and how many cards it has, and papers over time.

Pure geometry; words, colours and the drawing are in templates/site.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from ..heads import DaySpent

MOST_DAYS, LONGEST = 250, 366  #: dates of a chart, and days from its first to its last
LEAST_DAYS, SHORTEST = 2, 30  #: fewer dates make no chart; fewer days leave it wide bars
TOP, BOTTOM = 100.0, 44.0  #: heights: of what a day took, above the axis; of its cards, below
MOST_BARS, FEWEST_BARS = 60, 20  #: of papers over time; fewer leave room at the left
MOST_LAYERS = 6  #: beside that of the rest
EDGE = 0.1  #: of a bar, free on each side
VISIBLE = 1.5  #: height of what is more than nothing


@dataclass(frozen=True, slots=True)
class Bar:
    """One day of a chart; a height of 0.0 is no bar."""

    day: DaySpent
    x: int  #: of its left edge: every calendar day is one wide, so a day without an edition is a gap
    height: float  #: of what it took, up from the axis
    depth: float  #: of its cards, down from the axis


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn, from the oldest day to the newest."""

    unit: str  #: the currency; empty where tokens are shown, since no price is known or all was free
    bars: tuple[Bar, ...]
    since: date  #: at the left edge, which may be before the first bar
    width: int  #: calendar days
    total: float  #: of what is shown: money or tokens
    most: float
    most_cards: int
    untold: int  #: days that have replies of an unknown price and so no bar, where money is shown


def chart(spent: Iterable[DaySpent]) -> Chart | None:
    """The chart of the newest days that had replies, or None for fewer than two."""
    days = sorted((day for day in spent if day.replies), key=lambda day: day.announced_on)[-MOST_DAYS:]
    days = [day for day in days if days[-1].announced_on - day.announced_on < timedelta(LONGEST)]
    if len(days) < LEAST_DAYS:
        return None
    unit = _unit(days)
    last = days[-1].announced_on
    width = max(SHORTEST, (last - days[0].announced_on).days + 1)
    took = [_taken(day, unit) for day in days]
    most, most_cards = max(one or 0.0 for one in took), max(day.cards for day in days)
    bars = (
        Bar(
            day,
            width - 1 - (last - day.announced_on).days,
            _scaled(amount or 0.0, most, TOP),
            _scaled(day.cards, most_cards, BOTTOM),
        )
        for day, amount in zip(days, took, strict=True)
    )
    since = last - timedelta(width - 1)
    return Chart(unit, tuple(bars), since, width, sum(one or 0.0 for one in took), most, most_cards, took.count(None))


def _unit(days: Iterable[DaySpent]) -> str:
    """The currency in which any of `days` cost something, or nothing."""
    return next((day.currency or "" for day in days if day.cost), "")


def _taken(day: DaySpent, unit: str) -> float | None:
    """What a day took in the unit of the chart; None where its price is unknown."""
    return day.cost if unit else float(day.tokens)


def _scaled(value: float, most: float, full: float) -> float:
    return round(max(VISIBLE, full * value / most), 2) if value > 0 and most > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Course:
    """Papers over time: a bar a day that has an edition, or a bar a week."""

    weekly: bool
    starts: tuple[date, ...]  #: of each bar, oldest first: the day itself, or the Monday of the week
    counts: tuple[int | None, ...]  #: None: a week without any edition
    shape: str  #: path data, TOP high, each bar one wide, the newest at the right edge
    width: int
    most: int

    @property
    def total(self) -> int:
        """Of all bars."""
        return sum(one or 0 for one in self.counts)

    @property
    def bars(self) -> tuple[tuple[int, date, int], ...]:
        """(left edge, start, papers) of each day or week that has an edition, oldest first."""
        edges = range(self.width - len(self.starts), self.width)
        found = zip(edges, self.starts, self.counts, strict=True)
        return tuple((edge, start, count) for edge, start, count in found if count is not None)


@dataclass(frozen=True, slots=True)
class Layer:
    """One part of every bar of a stack."""

    name: str  #: empty: of all parts that have no layer of their own
    counts: tuple[int, ...]
    shape: str

    @property
    def total(self) -> int:
        """Of all bars."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class Stack:
    """Bars in layers, one a day that has an edition."""

    days: tuple[date, ...]  #: oldest first
    totals: tuple[int, ...]
    layers: tuple[Layer, ...]  #: from the axis up: the largest first, the rest last
    width: int
    most: int


def by_day(counts: Mapping[date, int], editions: Iterable[date]) -> Course:
    """A bar for each of the newest editions."""
    days = sorted(editions)[-MOST_BARS:]
    values = tuple(counts.get(day, 0) for day in days)
    return _course(days, values, FEWEST_BARS, weekly=False)


def by_week(counts: Mapping[date, int], editions: Iterable[date], most: int, fewest: int = FEWEST_BARS) -> Course:
    """A bar for each of the newest weeks that has an edition, a gap for one without; room for `fewest` at least."""
    editions = list(editions)
    last = monday(max(editions))
    count = min(most, (last - monday(min(editions))).days // 7 + 1)
    since = last - timedelta(7 * (count - 1))
    heard = {monday(day) for day in editions if day >= since}
    sums: Counter[date] = Counter()
    for day, papers in counts.items():
        if day >= since:
            sums[monday(day)] += papers
    weeks = [last - timedelta(7 * back) for back in range(count - 1, -1, -1)]
    return _course(weeks, tuple(sums[week] if week in heard else None for week in weeks), fewest, weekly=True)


def _course(starts: Sequence[date], counts: tuple[int | None, ...], fewest: int, *, weekly: bool) -> Course:
    width = max(fewest, len(starts))
    most = max((one or 0 for one in counts), default=0)
    ends = [_scaled(one or 0, most, TOP) for one in counts]
    return Course(weekly, tuple(starts), counts, _bars([0.0] * len(ends), ends, width), width, most)


def monday(day: date) -> date:
    """The first day of its week."""
    return day - timedelta(day.weekday())


def stack(days: Iterable[tuple[date, Mapping[str, int]]]) -> Stack | None:
    """The newest days with their parts, of which the largest have a layer each; None for fewer than two days."""
    shown = sorted(days, key=lambda one: one[0])[-MOST_BARS:]
    if len(shown) < LEAST_DAYS:
        return None
    sums = sum((Counter(parts) for _, parts in shown), Counter[str]())
    names = sorted(filter(None, sums), key=lambda name: (-sums[name], name))[:MOST_LAYERS]
    totals = tuple(sum(parts.values()) for _, parts in shown)
    width, most = max(FEWEST_BARS, len(shown)), max(totals)
    counts = [tuple(parts.get(name, 0) for _, parts in shown) for name in names]
    named = [sum(own) for own in zip(*counts, strict=True)] or [0] * len(shown)
    rest = tuple(total - own for total, own in zip(totals, named, strict=True))
    if any(rest):
        names, counts = [*names, ""], [*counts, rest]
    return Stack(tuple(day for day, _ in shown), totals, tuple(_layers(names, counts, most, width)), width, most)


def _layers(names: Iterable[str], counts: Iterable[tuple[int, ...]], most: int, width: int) -> Iterator[Layer]:
    below: tuple[int, ...] = ()
    for name, own in zip(names, counts, strict=True):
        below = below or (0,) * len(own)
        above = tuple(low + count for low, count in zip(below, own, strict=True))
        lows, highs = ([TOP * one / most for one in edge] for edge in (below, above))
        yield Layer(name, own, _bars(lows, highs, width))
        below = above


def _bars(lows: Sequence[float], highs: Sequence[float], width: int) -> str:
    """Path data of bars from `lows` to `highs`, measured up from the axis, the last one at the right edge."""
    first = width - len(lows)
    return "".join(
        f"M{first + count + EDGE:g} {TOP - low:.4g}h{1 - 2 * EDGE:g}V{TOP - high:.4g}h-{1 - 2 * EDGE:g}z"
        for count, (low, high) in enumerate(zip(lows, highs, strict=True))
        if high > low
    )
