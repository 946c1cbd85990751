"""The charts: a bar where there is something, a gap where there is not, and the same in numbers."""

import re
from collections import Counter
from datetime import date, timedelta

from fakes import edition as edition_of
from fakes import entry, origin
from hypothesis import given
from hypothesis import strategies as st

from digest.heads import DaySpent
from digest.models import Edition
from digest.render import Look, Volumes
from digest.render.archive import Archive
from digest.render.chart import (
    BOTTOM,
    FEWEST_BARS,
    MOST_BARS,
    MOST_DAYS,
    MOST_LAYERS,
    TOP,
    VISIBLE,
    Chart,
    by_day,
    by_week,
    chart,
    stack,
)

FIRST = date(2026, 3, 2)


def spent(days: int = 0, cost: float | None = 0.5, **fields: object) -> DaySpent:
    """What a date took, so many days after the first."""
    own = {
        "announced_on": FIRST + timedelta(days),
        "cost": cost,
        "currency": None if cost is None else "CNY",
        "replies": 10,
        "prompt_tokens": 9000,
        "completion_tokens": 1000,
        "cards": 10,
    }
    return DaySpent(**{**own, **fields})  # type: ignore[arg-type]


def drawn(*days: DaySpent) -> Chart:
    found = chart(days)
    assert found is not None
    return found


def paid(days: int, cost: float | None) -> Edition:
    """An edition of one paper with one reply."""
    reply = origin(key=f"of {days}", cost=cost, currency=None if cost is None else "CNY")
    return edition_of(entry(replies=(reply,)), announced=FIRST + timedelta(days))


def archive(look: Look, *editions: Edition) -> str:
    return next(Archive(look).whole(Volumes.of(editions))).content.decode()


def test_a_chart_needs_two_days_with_replies() -> None:
    """One day, or one beside a quiet one, is no course of things."""
    assert chart([]) is None
    assert chart([spent()]) is None
    assert chart([spent(), spent(1, replies=0)]) is None


def test_bars_stand_at_their_day_and_a_day_without_an_edition_is_a_gap() -> None:
    """The newest is at the right edge; Friday and Monday are three days apart."""
    found = drawn(spent(7), spent(4), spent(0))

    newest = found.width - 1
    assert [bar.x for bar in found.bars] == [newest - 7, newest - 3, newest]
    assert found.since + timedelta(newest) == found.bars[-1].day.announced_on


def test_the_dearest_day_is_as_high_as_the_drawing_and_a_cheap_one_can_be_seen() -> None:
    """Heights are shares of the most; what is more than nothing shows, what is nothing does not."""
    found = drawn(spent(0, 2.0, cards=40), spent(1, 1.0, cards=10), spent(2, 0.00001, cards=0), spent(3, 0.0))

    assert [bar.height for bar in found.bars] == [TOP, TOP / 2, VISIBLE, 0.0]
    assert [bar.depth for bar in found.bars] == [BOTTOM, BOTTOM / 4, 0.0, BOTTOM / 4]
    assert (found.unit, found.most, found.most_cards, found.untold) == ("CNY", 2.0, 40, 0)


def test_without_a_price_the_chart_is_of_tokens() -> None:
    """Also where every price is nothing: bars of no money tell nothing."""
    for cost in (None, 0.0):
        found = drawn(spent(0, cost), spent(1, cost))
        assert (found.unit, found.total, found.untold) == ("", 20_000, 0)


def test_a_day_of_an_unknown_price_has_no_bar_and_is_told() -> None:
    """It is no free day; its cards stand there."""
    found = drawn(spent(0), spent(1, None), spent(2))

    assert [bar.height for bar in found.bars] == [TOP, 0.0, TOP]
    assert (found.bars[1].depth, found.untold) == (BOTTOM, 1)


@given(st.dictionaries(st.integers(0, 5000), st.none() | st.floats(0, 1e6), max_size=300))
def test_a_chart_is_within_its_bounds_whatever_was_spent(costs: dict[int, float | None]) -> None:
    """At most 250 bars of a year, each a place of its own, none higher than the drawing."""
    found = chart(spent(days, cost) for days, cost in costs.items())

    if found:
        assert 2 <= len(found.bars) <= MOST_DAYS
        assert found.width <= 366
        assert len({bar.x for bar in found.bars}) == len(found.bars)
        assert all(
            0 <= bar.x < found.width and 0 <= bar.height <= TOP and 0 <= bar.depth <= BOTTOM for bar in found.bars
        )
        assert found.bars[-1].day.announced_on == FIRST + timedelta(max(costs))


def test_the_archive_draws_the_money_and_says_it_in_numbers(look: Look) -> None:
    """An image with a name, and a table of the same days, newest first; no style that the policy would refuse."""
    page = archive(look, paid(2, None), paid(1, 0.25), paid(0, 1.5))

    assert (
        '<svg role="img" aria-label="每日费用（CNY）: 2026-03-02 – 2026-03-04; 共 3 天，合计 1.75 CNY; 最高 1.50 CNY"'
        in page
    )
    assert page.count('<rect class="cost"') == 2
    rows = page[page.index('id="spending"') :]
    rows = rows[rows.index("<tbody>") : rows.index("</tbody>")]
    assert [rows.index(one) for one in ("2026-03-04", "价格未知", "0.2500 CNY", "1.50 CNY")] == sorted(
        rows.index(one) for one in ("2026-03-04", "价格未知", "0.2500 CNY", "1.50 CNY")
    )
    assert "style=" not in page


def test_an_archive_of_a_single_day_has_no_chart_of_days(look: Look) -> None:
    """Nor has one of editions that asked nobody a chart of money."""
    assert 'id="spending"' not in archive(look, paid(0, 1.0))
    assert 'id="papers"' not in archive(look, paid(0, 1.0))
    free = archive(look, edition_of(entry()), edition_of(entry(), announced=FIRST))
    assert 'id="spending"' not in free
    assert 'id="papers"' in free


def boxes(shape: str) -> list[tuple[float, float, float]]:
    """(left edge, height of the lower end, height of the upper end) of each bar of path data."""
    found = re.findall(r"M([\d.]+) ([\d.]+)h[\d.]+V([\d.]+)h-[\d.]+z", shape)
    return [(float(left), TOP - float(low), TOP - float(high)) for left, low, high in found]


def test_a_day_of_no_paper_leaves_its_place_empty_and_the_newest_stands_at_the_right() -> None:
    """Bars are shares of the most."""
    found = by_day({FIRST: 10, FIRST + timedelta(2): 40}, [FIRST + timedelta(days) for days in (0, 1, 2)])

    assert (found.counts, found.most, found.total, found.width) == ((10, 0, 40), 40, 50, FEWEST_BARS)
    edge = FEWEST_BARS - 3 + 0.1
    assert boxes(found.shape) == [(edge, 0, TOP / 4), (edge + 2, 0, TOP)]


def test_a_week_without_an_edition_is_a_gap_and_one_without_papers_is_nought() -> None:
    """A week begins on Monday; the oldest weeks are left out, and are in no sum."""
    days = [FIRST + timedelta(count) for count in (0, 4, 14, 21)]  # Monday, Friday, two weeks later, three
    counts = {days[0]: 1, days[1]: 2, days[3]: 8}

    found = by_week(counts, days, 9)
    assert found.counts == (3, None, 0, 8)
    assert [(start, count) for _, start, count in found.bars] == [(days[0], 3), (days[2], 0), (days[3], 8)]
    assert by_week(counts, days, 2, fewest=2).counts == (0, 8)
    assert by_week(counts, days, 2, fewest=2).width == 2


parts = st.dictionaries(st.sampled_from(["", *"abcdefghij"]), st.integers(1, 500), max_size=8)


@given(st.lists(parts, min_size=2, max_size=80))
def test_layers_stand_on_one_another_and_come_to_the_whole(days: list[dict[str, int]]) -> None:
    """The largest sections have a layer each, all others one together; nothing is lost, nothing overlaps."""
    found = stack((FIRST + timedelta(count), day) for count, day in enumerate(days))
    newest = days[-MOST_BARS:]

    assert found is not None
    assert found.totals == tuple(sum(day.values()) for day in newest)
    assert tuple(map(sum, zip(*(layer.counts for layer in found.layers), strict=True))) in (found.totals, ())
    names = [layer.name for layer in found.layers]
    assert len(names) == len(set(names)) <= MOST_LAYERS + 1
    sums = sum(map(Counter, newest), Counter[str]())
    assert {sums[name] for name in names if name} == set(
        sorted((sums[name] for name in sums if name), reverse=True)[:MOST_LAYERS]
    )
    ends = dict.fromkeys(range(found.width), 0.0)
    for layer in found.layers:
        for left, low, high in boxes(layer.shape):
            assert abs(ends[int(left)] - low) < 0.1
            ends[int(left)] = high
    assert all(high <= TOP for high in ends.values())


def test_a_stack_needs_two_days() -> None:
    """One day is no course of things."""
    assert stack([(FIRST, {"a": 1})]) is None


def test_papers_of_a_day_stand_in_layers_with_a_legend_in_their_order(look: Look) -> None:
    """The lowest layer comes first in the legend, the rest last; a day's numbers are in the table."""
    days = [
        edition_of(entry(), entry("2603.00002", categories=("cs.CV",)), announced=FIRST + timedelta(count))
        for count in (1, 0)
    ]
    page = archive(look, *days)

    chart_of = page[page.index('aria-labelledby="papers"') :].partition("</section>")[0]
    assert re.findall(r'<path class="(\w+)"', chart_of) == ["l1", "l2"]
    assert re.findall(r'<li class="(\w+)"><a href="([^"]+)">', chart_of) == [
        ("l1", "category/cs-cl.html"),
        ("l2", "category/cs-cv.html"),
    ]
    assert re.findall(r"<td>(\d+)</td>", chart_of) == ["1", "1", "2"] * 2
    assert "<title>2026-03-03 · 2 篇 · cs.CV 1 · cs.CL 1</title>" in chart_of
