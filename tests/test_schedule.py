"""The calendar against dates worked out by hand from arXiv's published schedule, and its laws over years."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import schedule

FIRST, LAST = date(2024, 1, 1), date(2030, 12, 31)

days = st.dates(FIRST, LAST)
moments = st.datetimes(datetime(2024, 1, 10), datetime(2030, 12, 1), timezones=st.just(UTC))
holidays = st.frozensets(days, max_size=8)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("announced", "start", "end"),
    [
        ("2026-05-13", "2026-05-11T18:00", "2026-05-12T18:00"),  # Wednesday
        ("2026-05-14", "2026-05-12T18:00", "2026-05-13T18:00"),
        ("2026-05-15", "2026-05-13T18:00", "2026-05-14T18:00"),
        ("2026-05-18", "2026-05-14T18:00", "2026-05-15T18:00"),  # Monday
        ("2026-05-19", "2026-05-15T18:00", "2026-05-18T18:00"),  # Tuesday
        ("2026-01-14", "2026-01-12T19:00", "2026-01-13T19:00"),  # in winter
        ("2025-03-11", "2025-03-07T19:00", "2025-03-10T18:00"),  # 71 hours: clocks go forward
        ("2026-11-03", "2026-10-30T18:00", "2026-11-02T19:00"),  # 73 hours: clocks go back
        ("2026-09-09", "2026-09-04T18:00", "2026-09-08T18:00"),  # after Labor Day, a Monday
        ("2026-07-07", "2026-07-02T18:00", "2026-07-06T18:00"),  # after a Friday holiday
        ("2025-07-08", "2025-07-03T18:00", "2025-07-07T18:00"),  # after a Sunday holiday
        ("2026-11-30", "2026-11-25T19:00", "2026-11-27T19:00"),  # after Thanksgiving, a Thursday
        ("2026-12-31", "2026-12-28T19:00", "2026-12-30T19:00"),
    ],
)
def test_a_listing_covers_the_submissions_of_its_window(announced: str, start: str, end: str) -> None:
    """Weekdays, winter, both changes of the clocks and holidays of every kind."""
    assert schedule.window(date.fromisoformat(announced)) == (utc(start), utc(end))


@pytest.mark.parametrize(
    "announced",
    ["2026-05-16", "2026-05-17", "2026-09-08", "2026-07-06", "2025-07-07", "2026-11-27", "2026-12-30", "2027-01-01"],
)
def test_a_weekend_or_a_dropped_mailing_has_no_listing(announced: str) -> None:
    """Saturday, Sunday, the day after a holiday, and the Monday after a Friday holiday."""
    assert not schedule.is_listing_day(date.fromisoformat(announced))


@pytest.mark.parametrize("announced", ["2026-09-07", "2026-07-03", "2026-12-25", "2025-09-01"])
def test_a_holiday_itself_has_a_listing(announced: str) -> None:
    """Its mailing went out the evening before."""
    assert schedule.is_listing_day(date.fromisoformat(announced))


def test_a_day_without_a_listing_has_no_window() -> None:
    """Asking for a Saturday's window is the caller's mistake."""
    with pytest.raises(ValueError, match="2026-05-16 is no listing day"):
        schedule.window(date(2026, 5, 16))


def test_a_configured_holiday_counts_like_arxivs_own() -> None:
    """An unlisted deferral can be told: its next day loses the listing, the day after has the longer window."""
    extra = [date(2026, 5, 12)]

    assert not schedule.is_listing_day(date(2026, 5, 13), extra)
    assert schedule.window(date(2026, 5, 14), extra) == (utc("2026-05-11T18:00"), utc("2026-05-13T18:00"))
    assert schedule.nearest(date(2026, 5, 13), extra) == (date(2026, 5, 12), date(2026, 5, 14))
    assert schedule.between(date(2026, 5, 12), date(2026, 5, 14), extra) == (date(2026, 5, 12), date(2026, 5, 14))
    assert schedule.newest(utc("2026-05-13T12:00"), extra) == date(2026, 5, 12)


@pytest.mark.parametrize(
    ("announced", "moment"), [("2026-05-13", "2026-05-13T00:00"), ("2026-01-14", "2026-01-14T01:00")]
)
def test_the_mailing_goes_out_at_eight_the_evening_before(announced: str, moment: str) -> None:
    """20:00 Eastern is midnight UTC in summer and one o'clock in winter."""
    assert schedule.announced_at(date.fromisoformat(announced)) == utc(moment)


@pytest.mark.parametrize(
    ("now", "announced"),
    [
        ("2026-05-13T03:59", "2026-05-12"),
        ("2026-05-13T04:00", "2026-05-13"),
        ("2026-05-17T12:00", "2026-05-15"),
        ("2026-01-14T04:59", "2026-01-13"),
        ("2026-01-14T05:00", "2026-01-14"),
    ],
)
def test_the_newest_listing_is_out_from_midnight_eastern(now: str, announced: str) -> None:
    """Not at the mailing four hours earlier; and on a Sunday it is still Friday's."""
    assert schedule.newest(utc(now)) == date.fromisoformat(announced)


@pytest.mark.parametrize(("now", "current"), [("03:59", False), ("04:00", True), ("23:59", True)])
def test_a_feed_is_current_during_its_eastern_day(now: str, current: bool) -> None:
    """From midnight to midnight in New York."""
    assert schedule.feed_is_current(date(2026, 5, 13), utc(f"2026-05-13T{now}")) is current
    assert not schedule.feed_is_current(date(2026, 5, 13), utc("2026-05-14T04:00"))


@given(days, holidays)
def test_windows_tile_time(day: date, extra: frozenset[date]) -> None:
    """The next listing's window starts where this one's ends, whatever the holidays."""
    listings = schedule.between(day, day + timedelta(days=30), extra)

    for before, after in pairwise(listings):
        assert schedule.window(before, extra).end == schedule.window(after, extra).start
        assert schedule.window(after, extra).start < schedule.window(after, extra).end


@given(days, holidays)
def test_listings_are_dated_monday_to_friday(day: date, extra: frozenset[date]) -> None:
    """No listing on a weekend, none on the day after a holiday."""
    if schedule.is_listing_day(day, extra):
        assert day.weekday() < 5
        assert day - timedelta(days=1) not in schedule.HOLIDAYS | extra


@given(days, holidays)
def test_submissions_end_before_the_mailing(day: date, extra: frozenset[date]) -> None:
    """At 14:00 in New York for 20:00, on Monday's listing two days before."""
    if schedule.is_listing_day(day, extra):
        wait = schedule.announced_at(day) - schedule.window(day, extra).end
        assert timedelta(hours=6) <= wait <= timedelta(hours=55)


@given(moments, st.timedeltas(timedelta(0), timedelta(days=20)))
def test_the_newest_listing_never_goes_back(now: datetime, later: timedelta) -> None:
    """As time goes on it stays or moves on, and it is a listing day of the past or of today."""
    first, second = schedule.newest(now), schedule.newest(now + later)

    assert first <= second
    assert schedule.is_listing_day(first)
    assert first <= now.astimezone(schedule.EASTERN).date()


@given(days, holidays)
def test_the_nearest_listings_have_none_in_between(day: date, extra: frozenset[date]) -> None:
    """Between them stands at most the day itself."""
    before, after = schedule.nearest(day, extra)

    assert before < day < after
    assert set(schedule.between(before, after, extra)) - {day} == {before, after}


def test_no_dates_lie_between_a_date_and_an_earlier_one() -> None:
    """The wrong order gives nothing."""
    assert schedule.between(date(2026, 5, 14), date(2026, 5, 13)) == ()
