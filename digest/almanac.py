"""The calendar of listings as a small chart for a terminal, and the papers of each day as columns.

Pure: counted editions in, cells and lines out; colour and place are for inventory.py.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from . import schedule
from .report import Ledger

WEEKS = 8  #: of the calendar
COLUMNS = 20  #: listing days of the chart: four weeks
HEIGHT = 5  #: lines of the chart
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri")  # no listing is dated Saturday or Sunday

#: complete: every paper has a good card; marked: some are missing or flagged; gap: a listing without edition;
#: none: arXiv has no listing; blank: before the first edition, or still to come.
State = Literal["complete", "marked", "gap", "damaged", "none", "blank"]
SIGNS: Mapping[State, str] = {
    "complete": "■",
    "marked": "▣",
    "gap": "□",
    "damaged": "!",
    "none": "·",
    "blank": " ",
}
MEANINGS: Mapping[State, str] = {
    "complete": "complete",
    "marked": "cards missing or flagged",
    "gap": "no edition",
    "none": "no listing",
    "damaged": "damaged",
}

_EIGHTHS = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Cell:
    """A weekday in the calendar."""

    day: date
    state: State
    papers: int | None  #: announced; None: no edition says it


@dataclass(frozen=True, slots=True)
class Shelf:
    """What there is of each date."""

    editions: Mapping[date, Ledger]
    gaps: Collection[date]
    damaged: Collection[date]
    newest: date  #: listing that is out
    holidays: Collection[date] = ()

    def state(self, day: date) -> State:
        """What became of one date."""
        if day in self.damaged:
            return "damaged"
        if one := self.editions.get(day):
            return "marked" if one.flagged or one.pending else "complete"
        if day in self.gaps:
            return "gap"
        # The future's holidays are not marked: a week that has only begun looks like one.
        return "none" if day < self.newest and not schedule.is_listing_day(day, self.holidays) else "blank"

    def cell(self, day: date) -> Cell:
        """One date in the calendar."""
        one = self.editions.get(day)
        return Cell(day, self.state(day), one.announced if one else None)


def cells(shelf: Shelf, weeks: int = WEEKS) -> tuple[Cell, ...]:
    """The weekdays of the newest weeks, oldest first, five a week."""
    monday = shelf.newest - timedelta(days=shelf.newest.weekday() + 7 * (weeks - 1))
    return tuple(shelf.cell(monday + timedelta(days=7 * week + day)) for week in range(weeks) for day in range(5))


def calendar(found: Sequence[Cell]) -> list[str]:
    """Weeks as columns under the names of their months, weekdays as rows, and what the signs mean."""
    weeks = [found[start : start + 5] for start in range(0, len(found), 5)]
    rows = [
        f"{name}  {' '.join(SIGNS[week[place].state] for week in weeks)}".rstrip()
        for place, name in enumerate(WEEKDAYS)
    ]
    there = {cell.state for cell in found}
    legend = (f"{SIGNS[one]} {words}" for one, words in MEANINGS.items() if one != "damaged" or one in there)
    return [f"     {_months(weeks)}".rstrip(), *rows, "", "  ".join(legend)]


def _months(weeks: Sequence[Sequence[Cell]]) -> str:
    """The name of a month over the first week that ends in it; one without room is left out."""
    line = ""
    for place, week in enumerate(weeks):
        last = week[-1].day
        is_first = place == 0 or weeks[place - 1][-1].day.month != last.month
        has_room = place + 1 == len(weeks) or weeks[place + 1][-1].day.month == last.month
        if is_first and has_room:
            line = f"{line:<{2 * place}}{last:%b}"
    return line


def recent(shelf: Shelf, most: int = COLUMNS) -> list[Cell]:
    """The newest listing days from the first edition on, oldest first; without editions or with one alone, none."""
    if len(shelf.editions) < 2:
        return []
    first = max(min(shelf.editions), shelf.newest - timedelta(days=3 * most))
    days = schedule.between(first, shelf.newest, shelf.holidays)[-most:]
    return [shelf.cell(day) for day in days]


def columns(found: Sequence[Cell], height: int = HEIGHT) -> list[str]:
    """
    The papers of each day as columns over the days of the month, a wider step where a week begins.

    Returns:
        Lines, the heading first; nothing where no day has a paper.
    """
    most = max((cell.papers or 0 for cell in found), default=0)
    if not most:
        return []
    label = f"{most:,}"
    lines = [f"papers announced a day, {found[0].day} to {found[-1].day}"]
    for row in range(height - 1, -1, -1):
        text = "".join(
            _step(found, place) + 2 * _block(cell.papers, most, row, height) for place, cell in enumerate(found)
        )
        lines.append(f"{label if row == height - 1 else '':>{len(label)}} {text}".rstrip())
    days = "".join(f"{_step(found, place)}{cell.day:%d}" for place, cell in enumerate(found))
    return [*lines, f"{'':>{len(label)}} {days}"]


def _step(found: Sequence[Cell], place: int) -> str:
    """What stands before a column."""
    if place == 0:
        return ""
    return "  " if found[place].day.isocalendar()[:2] != found[place - 1].day.isocalendar()[:2] else " "


def _block(value: int | None, most: int, row: int, height: int) -> str:
    """
    A piece of a column, rows counted from below; more than nothing is never invisible.

    >>> [_block(value, 16, 0, 2) for value in (None, 0, 1, 4, 16)], _block(12, 16, 1, 2)
    ([' ', ' ', '▁', '▄', '█'], '▄')
    """
    eighths = 8 * height * (value or 0) / most - 8 * row
    if value and row == 0:
        eighths = max(1, eighths)
    return _EIGHTHS[max(0, min(8, round(eighths)))]
