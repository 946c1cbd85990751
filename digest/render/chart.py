"""The chart of the archive: what each day took, money or tokens, and how many cards it has, as shapes without a scale.

Pure geometry; words, colours and the drawing are in templates/site.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from ..heads import DaySpent

MOST_DAYS, LONGEST = 250, 366  #: dates of a chart, and days from its first to its last
LEAST_DAYS, SHORTEST = 2, 30  #: fewer dates make no chart; fewer days leave it wide bars
TOP, BOTTOM = 100.0, 44.0  #: heights: of what a day took, above the axis; of its cards, below
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
