"""When a nightly job may start: after the announcement in every season, in the time of whichever zone starts it.

Pure: a zone and a year's dates in, times out. It writes no job and asks no clock.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zlib import crc32

from .schedule import EASTERN

TRIES = (timedelta(0), timedelta(hours=2), timedelta(hours=5))  #: after the first; a complete night asks nothing again

_DAY = timedelta(days=1)
_WEEK = 7
_LISTED = range(5)  #: weekdays of listings: Monday to Friday
_SUNDAY_IS_7 = 7


@dataclass(frozen=True, slots=True)
class Start:
    """A line of crontab(5): at `minute` past each of `hours`, on each of `weekdays`."""

    minute: int
    hours: tuple[int, ...]
    weekdays: tuple[int, ...]  #: 0 is Sunday

    def __str__(self) -> str:
        """
        The five fields.

        >>> str(Start(17, (13, 15, 18), (1, 2, 3, 4, 5))), str(Start(5, (23,), (0, 1, 2, 3, 4)))
        ('17 13,15,18 * * 1-5', '5 23 * * 0-4')
        """
        first, last = self.weekdays[0], self.weekdays[-1]
        whole = len(self.weekdays) > 1 and self.weekdays == tuple(range(first, last + 1))
        days = f"{first}-{last}" if whole else ",".join(map(str, self.weekdays))
        return f"{self.minute} {','.join(map(str, self.hours))} * * {days}"


def minute(seed: str) -> int:
    """A minute off the full and the half hour, the same for the same seed: not all who run this ask arXiv at once."""
    return 8 + crc32(seed.encode("utf-8", "surrogateescape")) % 18


def midnights(zone: tzinfo, first: date) -> tuple[timedelta, ...]:
    """
    How long after midnight of a listing's own date its feeds are out, by the clocks of `zone`: each value there is.

    Over the year from `first`, so that no season of either zone is left out; less than nothing: on the day before.
    """
    days = (first + count * _DAY for count in range(366))
    return tuple(sorted({_out(day, zone) for day in days}))


def _out(day: date, zone: tzinfo) -> timedelta:
    local = datetime.combine(day, time(), EASTERN).astimezone(UTC).astimezone(zone)
    return local.replace(tzinfo=None) - datetime.combine(day, time())


def starts(zone: tzinfo, first: date, past: int) -> tuple[Start, ...]:
    """
    The tries of a night, none before the feeds are out, whichever clocks are set forward.

    Args:
        zone: Whose clocks start the job.
        first: The year from this date counts.
        past: Minutes from the announcement to the first try.
    """
    begin = midnights(zone, first)[-1] + timedelta(minutes=past)
    return tuple(_merged(begin + later for later in TRIES))


def _merged(moments: Iterable[timedelta]) -> Iterator[Start]:
    found: dict[tuple[int, int], list[int]] = {}
    for moment in moments:
        shift, rest = divmod(moment, _DAY)
        hour, past = divmod(rest // timedelta(minutes=1), 60)
        found.setdefault((shift, past), []).append(hour)
    for (shift, past), hours in found.items():
        weekdays = sorted((day + 1 + shift) % _WEEK for day in _LISTED)
        # A range that would go over Saturday into Sunday is one when Sunday is 7.
        if 0 in weekdays and _WEEK - 1 in weekdays:
            weekdays = sorted(day or _SUNDAY_IS_7 for day in weekdays)
        yield Start(past, tuple(hours), tuple(weekdays))


def clock_times(offsets: Iterable[timedelta]) -> tuple[str, ...]:
    """
    Times of day, as a reader writes them.

    >>> clock_times([timedelta(hours=-3), timedelta(hours=13, minutes=30)])
    ('21:00', '13:30')
    """
    return tuple(f"{(datetime(1, 1, 2, tzinfo=UTC) + offset):%H:%M}" for offset in offsets)
