"""Tokens and money as a chart of blocks."""

from datetime import date, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from digest import accounts
from digest.heads import DaySpent

NEWEST = date(2026, 3, 17)


def day(ago: int = 0, cost: float | None = 0.5, **fields: Any) -> DaySpent:
    usual = {"currency": "USD", "replies": 3, "prompt_tokens": 900, "completion_tokens": 300, "cards": 3}
    return DaySpent(announced_on=NEWEST - timedelta(ago), cost=cost, **{**usual, **fields})


def test_a_chart_has_a_row_a_day() -> None:
    """The longest bar is the dearest day's; days without a reply have none, those of unknown cost no bar."""
    days = [day(cost=0.5), day(1, cost=0.25), day(2, cost=None), day(3, replies=0), day(4, cost=0.0)]

    assert accounts.chart(days, 40) == [
        "USD by date",
        "2026-03-17  0.5000 " + 21 * "█",
        "2026-03-16  0.2500 " + 10 * "█" + "▌",
        "2026-03-15       ?",
        "2026-03-13       0",
    ]


def test_without_any_price_a_chart_shows_tokens() -> None:
    """Likewise where nothing is paid for them."""
    days = [day(cost=None, currency=None), day(1, cost=0.0, prompt_tokens=300)]

    assert accounts.chart(days, 40) == [
        "tokens by date",
        "2026-03-17  1,200 " + 22 * "█",
        "2026-03-16    600 " + 11 * "█",
    ]


def test_one_day_makes_no_chart() -> None:
    """There is nothing to compare it to."""
    assert accounts.chart([day()], 80) == []
    assert accounts.chart([], 80) == []


@given(st.lists(st.none() | st.floats(0, 1e6), min_size=2, max_size=40), st.integers(40, 200))
def test_no_line_is_wider_than_the_terminal(costs: list[float | None], width: int) -> None:
    """And no chart longer than a month."""
    lines = accounts.chart([day(n, cost=cost) for n, cost in enumerate(costs)], width)

    assert all(len(line) <= width for line in lines)
    assert len(lines) == 1 + min(30, len(costs))


@given(st.floats(0, 1e9), st.floats(0, 1e9), st.integers(1, 100))
def test_a_bar_is_as_long_as_its_share(value: float, most: float, width: int) -> None:
    """Never longer than the room, never nothing for something."""
    value = min(value, most)
    found = accounts.bar(value, most, width)

    assert len(found) <= width
    assert bool(found) == (value > 0)
