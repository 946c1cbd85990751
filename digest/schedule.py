"""arXiv's announcement calendar: which dates have a listing, and which submissions each one covers.

Pure. Asks no clock and no network, and can't know a deferral that arXiv announces only on its status page.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

EASTERN = ZoneInfo("America/New_York")
#: Days on which arXiv defers its mailings: https://info.arxiv.org/help/availability.html
HOLIDAYS = frozenset(
    date.fromisoformat(day)
    for day in (
        *("2025-01-01", "2025-01-20", "2025-06-19", "2025-07-06", "2025-09-01", "2025-11-27", "2025-12-25"),
        *("2025-12-30", "2026-01-01", "2026-01-19", "2026-06-19", "2026-07-03", "2026-09-07", "2026-11-26"),
        *("2026-12-25", "2026-12-29", "2026-12-31"),
    )
)

RECENT = timedelta(days=14)  #: for so long an edition is gone back to: for cards that it lacks, and to be delivered
_DAY = timedelta(days=1)
_MONDAY, _SATURDAY = 0, 5
_FREEZE = time(14)  # US Eastern, as all times of the schedule
_MAILING = time(20)


class Window(NamedTuple):
    """Submission times of one listing: later than `start`, not later than `end`; whole minutes, UTC."""

    start: datetime
    end: datetime


def _at(day: date, moment: time) -> datetime:
    """A moment of the Eastern day, in UTC."""
    return datetime.combine(day, moment, EASTERN).astimezone(UTC)


def _freeze_day(announced: date) -> date:
    """The day on which submissions for a listing end: the day before, for Monday the Friday before."""
    return announced - (3 if announced.weekday() == _MONDAY else 1) * _DAY


def is_listing_day(announced: date, holidays: Collection[date] = ()) -> bool:
    """Whether arXiv's schedule has a listing dated `announced`.

    A listing needs its freeze and its mailing on the evening before; a holiday drops both of its own day. So a
    Friday holiday drops Monday's listing, and any other the next day's.

    Args:
        announced: Date printed by arXiv (US Eastern).
        holidays: More days without a mailing than those in `HOLIDAYS`.
    """
    needed = {_freeze_day(announced), announced - _DAY}
    return announced.weekday() < _SATURDAY and not any(day in HOLIDAYS or day in holidays for day in needed)


def _step(announced: date, step: timedelta, holidays: Collection[date]) -> date:
    """The nearest listing day in one direction, `announced` itself not counted."""
    announced += step
    while not is_listing_day(announced, holidays):
        announced += step
    return announced


def nearest(announced: date, holidays: Collection[date] = ()) -> tuple[date, date]:
    """The last listing day before a date and the first one after it."""
    return _step(announced, -_DAY, holidays), _step(announced, _DAY, holidays)


def between(first: date, last: date, holidays: Collection[date] = ()) -> tuple[date, ...]:
    """All listing days from `first` to `last`, both included, oldest first."""
    days = (first + count * _DAY for count in range((last - first).days + 1))
    return tuple(day for day in days if is_listing_day(day, holidays))


def window(announced: date, holidays: Collection[date] = ()) -> Window:
    """
    The submission times a listing covers: (14:00 Eastern of the previous listing's freeze, 14:00 of its own].

    Windows of successive listings tile time. Papers held by moderation are older than their window, and some
    submitted in it come out later.

    Raises:
        ValueError: `announced` is no listing day.

    Source: https://info.arxiv.org/help/availability.html
    """
    if not is_listing_day(announced, holidays):
        raise ValueError(f"{announced} is no listing day")
    previous = _step(announced, -_DAY, holidays)
    return Window(_at(_freeze_day(previous), _FREEZE), _at(_freeze_day(announced), _FREEZE))


def covering(moment: datetime, holidays: Collection[date] = ()) -> date:
    """The listing whose window a moment falls in: a paper submitted then is announced under that date, or later.

    >>> str(covering(datetime(2026, 3, 13, 18, 0, tzinfo=UTC))), str(covering(datetime(2026, 3, 13, 18, 1, tzinfo=UTC)))
    ('2026-03-16', '2026-03-17')
    """
    listing = _step(moment.astimezone(EASTERN).date(), _DAY, holidays)
    return listing if moment <= _at(_freeze_day(listing), _FREEZE) else _step(listing, _DAY, holidays)


def announced_at(announced: date) -> datetime:
    """When a listing is announced: 20:00 US Eastern of the day before, in UTC."""
    return _at(announced - _DAY, _MAILING)


def newest(now: datetime, holidays: Collection[date] = ()) -> date:
    """The newest listing day whose feeds are out: they are from midnight US Eastern of that day."""
    return _step(now.astimezone(EASTERN).date() + _DAY, -_DAY, holidays)


def feed_is_current(announced: date, now: datetime) -> bool:
    """Whether arXiv's feeds show the listing of `announced` now: only during that Eastern day."""
    return now.astimezone(EASTERN).date() == announced
