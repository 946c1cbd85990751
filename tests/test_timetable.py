"""When jobs start: never before the feeds are out, on every listing's night, whatever zone the machine is in."""

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from digest import timetable
from digest.schedule import EASTERN

FIRST = date(2026, 1, 1)
ZONES = (
    *("Asia/Shanghai", "Europe/Berlin", "America/New_York", "UTC", "Australia/Sydney", "America/Los_Angeles"),
    *("Asia/Kolkata", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Australia/Lord_Howe", "Africa/Casablanca"),
)
LAST_TRY = timedelta(hours=8)  #: after the feeds are out, with both clocks against us


def out_in(first: date, days: int) -> list[datetime]:
    """When the feeds of each weekday are out, UTC."""
    dates = (first + timedelta(days=count) for count in range(days))
    return [datetime(*day.timetuple()[:3], tzinfo=EASTERN).astimezone(UTC) for day in dates if day.weekday() < 5]


def fired(starts: tuple[timetable.Start, ...], zone: tzinfo, first: date, days: int) -> list[datetime]:
    """When a cron in `zone` runs the lines, UTC."""
    begin = datetime(*first.timetuple()[:3], tzinfo=zone)
    end = begin.astimezone(UTC) + timedelta(days=days)
    found = []
    for line in starts:
        for moment in CronSim(str(line), begin):
            if moment.astimezone(UTC) >= end:
                break
            found.append(moment.astimezone(UTC))
    return sorted(found)


def nights(starts: tuple[timetable.Start, ...], zone: tzinfo, days: int = 366) -> list[list[timedelta]]:
    """How long after the feeds each try starts, by listing; the first and the last week left out."""
    out = out_in(FIRST - timedelta(days=7), days + 14)
    tries: dict[datetime, list[timedelta]] = {moment: [] for moment in out}
    for moment in fired(starts, zone, FIRST - timedelta(days=3), days + 6):
        listing = out[bisect_right(out, moment) - 1]
        tries[listing].append(moment - listing)
    return [found for _, found in sorted(tries.items())][10:-10]


@pytest.mark.parametrize("name", ZONES)
def test_every_listing_is_tried_soon_after_it_is_out_and_never_before(name: str) -> None:
    """On each weekday of a year, over all changes of the clocks; one before the feeds would count as 16 hours late."""
    zone = ZoneInfo(name)

    for found in nights(timetable.starts(zone, FIRST, 17), zone):
        assert len(found) == 3
        assert timedelta(minutes=17) <= found[0] <= timedelta(hours=2, minutes=17)
        assert found[-1] <= LAST_TRY


@given(st.integers(-48, 56), st.integers(8, 55))
def test_any_offset_and_minute_will_do(quarters: int, past: int) -> None:
    """Also those by which a night's tries fall on two days."""
    zone = ZoneInfo("UTC") if quarters == 0 else _fixed(quarters)
    first, *_ = nights(timetable.starts(zone, FIRST, past), zone, 20)

    assert len(first) == 3
    assert first[0] == min(first) >= timedelta(minutes=past)


def _fixed(quarters: int) -> tzinfo:
    from datetime import timezone

    return timezone(timedelta(minutes=15 * quarters))


def test_tries_of_one_day_stand_in_one_line() -> None:
    """So that a crontab is read at a glance."""
    lines = {name: [str(one) for one in timetable.starts(ZoneInfo(name), FIRST, 17)] for name in ZONES[:6]}

    assert lines["Asia/Shanghai"] == ["17 13,15,18 * * 1-5"]
    assert lines["America/New_York"] == ["17 0,2,5 * * 1-5"]
    assert lines["America/Los_Angeles"] == ["17 21,23 * * 0-4", "17 2 * * 1-5"]


@given(st.text())
def test_the_minute_is_off_the_full_and_the_half_hour(seed: str) -> None:
    """Where everybody else's jobs are; and the same for the same seed."""
    assert timetable.minute(seed) == timetable.minute(seed)
    assert timetable.minute(seed) % 30 in range(8, 26)
