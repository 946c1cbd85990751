"""The calendar and the columns: what became of each listing day, at a glance."""

from datetime import date, timedelta

from fakes import edition, entry
from hypothesis import given
from hypothesis import strategies as st

from digest import almanac, report, schedule

NEWEST = date(2026, 3, 18)  # a Wednesday
PENDING = entry("2603.00002", card=None, problems=("engine: HTTP 500",))


def shelf(**fields: object) -> almanac.Shelf:
    days = {
        date(2026, 3, 17): report.ledger(edition(entry())),
        date(2026, 3, 16): report.ledger(edition(entry(), PENDING)),
        date(2026, 3, 11): report.ledger(edition(entry())),
    }
    usual = {"editions": days, "gaps": [date(2026, 3, 12), NEWEST], "damaged": [date(2026, 3, 13)], "newest": NEWEST}
    return almanac.Shelf(**{**usual, **fields})  # type: ignore[arg-type]


def test_every_state_has_its_sign() -> None:
    """Weeks are columns under the month; before the first edition and after the newest listing there is nothing."""
    assert almanac.calendar(almanac.cells(shelf(), weeks=2)) == [
        "     Mar",
        "Mon    ▣",
        "Tue    ■",
        "Wed  ■ □",
        "Thu  □",
        "Fri  !",
        "",
        "■ complete  ▣ cards missing or flagged  □ no edition  · no listing  ! damaged",
    ]


def test_a_holiday_is_no_gap() -> None:
    """arXiv's list, and the user's own; a sign that means no fault."""
    found = almanac.cells(shelf(newest=date(2026, 6, 23), editions={}, gaps=(), damaged=()), weeks=1)
    assert [cell.state for cell in found] == ["none", "blank", "blank", "blank", "blank"]


@given(st.dates(date(2025, 1, 1), date(2027, 12, 31)), st.integers(1, 20))
def test_the_calendar_is_made_of_whole_weeks_up_to_the_newest_listing(newest: date, weeks: int) -> None:
    """Each weekday once, in order, and no line wider than its weeks."""
    newest = schedule.nearest(newest)[0]
    found = almanac.cells(shelf(newest=newest), weeks)
    lines = almanac.calendar(found)

    assert [cell.day for cell in found] == sorted({cell.day for cell in found})
    assert {cell.day.weekday() for cell in found} == set(range(5))
    assert timedelta(0) <= found[-1].day - newest < timedelta(7)
    assert all(len(line) <= 5 + 2 * weeks + 2 for line in lines[:6])


def test_columns_stand_over_their_days() -> None:
    """The most fills the height, a day without edition is empty, a new week stands apart."""
    cells = [
        almanac.Cell(date(2026, 3, 12), "complete", 200),
        almanac.Cell(date(2026, 3, 13), "gap", None),
        almanac.Cell(date(2026, 3, 16), "complete", 50),
    ]
    assert almanac.columns(cells, height=2) == [
        "papers announced a day, 2026-03-12 to 2026-03-16",
        "200 ██",
        "    ██     ▄▄",
        "    12 13  16",
    ]
    assert almanac.columns([]) == almanac.columns([almanac.Cell(NEWEST, "gap", None)]) == []


def test_columns_are_of_the_newest_weeks() -> None:
    """From the first edition on, but four weeks at most; one edition makes no chart."""
    assert [cell.day.day for cell in almanac.recent(shelf())] == [11, 12, 13, 16, 17, 18]
    assert len(almanac.recent(shelf(newest=date(2026, 6, 12)))) == almanac.COLUMNS
    assert almanac.recent(shelf(editions={NEWEST: report.ledger(edition(entry()))})) == []
