"""The archive: the newest edition first, a calendar of all, and links that lead somewhere."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache

import pytest
from fakes import edition, entry
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.heads import Head
from digest.models import Edition, Section
from digest.render import Look, Volumes
from digest.render.archive import STEPS, Archive, Day, Month, bounds, calendar, days_of, folded, shade
from digest.resources import built_in
from render.conftest import Golden
from render.samples import earlier, hostile, ordinary

NEWEST = date(2026, 3, 17)  #: of the fakes, a Tuesday


@cache
def archive() -> Archive:
    """One for all tests: its templates are read once."""
    return Archive(Look(folders=(built_in("templates"),)))


def page_of(*editions: Edition, look: Look | None = None) -> str:
    made = Archive(look) if look else archive()
    return next(made.whole(Volumes.of(editions))).content.decode()


def bare(days_before: int, papers: int = 1, **fields: object) -> Edition:
    """An edition of so many papers, so many days before the newest."""
    ids = (entry(f"{1000 + days_before}.{count:05}") for count in range(papers))
    return edition(*ids, announced=NEWEST - timedelta(days_before), **fields)


def heads(*editions: Edition) -> tuple[Head, ...]:
    return Volumes.of(editions).heads


def labels(page: str) -> list[str]:
    """What a screen reader hears of each edition in the calendar."""
    return re.findall(r'<td class="s[^"]*"><a href="[^"]*" aria-label="([^"]*)"', page)


def cells(page: str) -> str:
    """The rows of the first month."""
    return page[page.index('<table class="grid"') : page.index("</table>")]


def test_the_newest_edition_stands_large_above_the_calendar() -> None:
    """Its date in two languages, its counts, and a link to each of its sections."""
    page = page_of(ordinary(), earlier())

    latest = page[page.index('class="latest"') : page.index('id="calendar"')]
    assert "2026年3月17日 星期二" in latest
    assert "Tuesday, 17 March 2026" in latest
    assert re.findall(r'href="([^"#]+)#([^"]+)"', latest) == [
        ("2026-03-17/index.html", one) for one in ("cs-cl", "cs-cv", "stat-ml", "gated-attention")
    ]
    text = " ".join(re.sub(r"<[^>]+>", "", latest).split())
    assert "7 篇（主类 5，交叉 2）= 已总结 3 + 存疑 1 + 待补 1 + 按规则排除 2" in text


def test_every_edition_is_a_link_of_the_calendar_newest_month_first() -> None:
    """Date and papers are said to those who do not see the shade; what waits is told, what is excluded is not there."""
    page = page_of(ordinary(), earlier())

    assert labels(page) == ["2026年3月17日 星期二，5 篇，存疑 1，待补 1", "2026年2月27日 星期五，1 篇"]
    assert 'class="s5 flagged pending"' in page
    assert page.index('id="m2026-03"') < page.index('id="m2026-02"')


def test_the_calendar_ends_with_the_newest_edition() -> None:
    """No clock: nothing is known of the days after it, and those before it without an edition are plain."""
    rows = re.findall(r"<tr>(.*?)</tr>", cells(page_of(bare(0), bare(7))))[1:]

    numbers = [[re.sub(r"<[^>]+>.*", "", one) for one in re.findall(r"<td[^>]*>(.*?)</td>", row)] for row in rows]
    assert numbers[-1] == ["16", "", "", "", "", "", ""]
    assert rows[-1].count("2026-03-17/index.html") == 1
    assert numbers[0] == ["", "", "", "", "", "", "1"]


def test_an_edition_without_papers_is_a_link_too() -> None:
    """A holiday has a page; its cell has no shade."""
    page = page_of(bare(0, papers=0), bare(1))

    assert labels(page)[1] == "2026年3月17日 星期二，0 篇"
    assert 'class="s0"' in page


def test_the_ledger_of_each_day_stands_in_a_table_below_its_month() -> None:
    """Only columns that any day of the month fills."""
    page = page_of(ordinary(), earlier())

    first, second = page.split("</section>")[1:3]
    assert re.findall(r"<t[dh][^>]*>(\d+)</t[dh]>", first[first.index("<details>") :]) == ["7", "3", "1", "1", "2", "3"]
    assert "按规则排除" in first
    assert re.findall(r"<td>(\d+)</td>", second[second.index("<details>") :]) == ["1", "1"]
    assert "存疑" not in second


@given(st.integers(0, 5000), st.integers(1, 5000))
def test_a_shade_is_a_fair_share_of_the_most(papers: int, most: int) -> None:
    """The most has the darkest, nothing has none, and the legend names the bound of each step in use."""
    papers = min(papers, most)
    step = shade(papers, most)

    assert 0 <= step <= STEPS
    assert (step == 0) == (papers == 0)
    assert papers * STEPS <= step * most
    assert papers * STEPS > (step - 1) * most or not papers
    assert bounds(most)[-1] == most
    assert list(bounds(most)) == sorted(set(bounds(most)))


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(0, 3000), min_size=1, max_size=40))
def test_the_calendar_has_every_edition_once_under_its_weekday(gaps: set[int]) -> None:
    """Whatever days there are; no number outside its month, none after the newest edition."""
    known = heads(*(bare(0).model_copy(update={"announced": NEWEST - timedelta(gap)}) for gap in sorted(gaps)))
    months = calendar(days_of(known))
    near, years = folded(months)

    found = [(column, day.head.announced) for month in months for column, day in placed(month)]
    assert sorted((day for _, day in found), reverse=True) == [head.announced for head in known]
    assert all(column == day.weekday() for column, day in found)
    assert (*near, *(month for year in years for month in year)) == months
    assert all(len({month.first.year for month in year}) == 1 for year in years)
    newest = months[0].first.year * 12 + months[0].first.month
    assert {newest - (month.first.year * 12 + month.first.month) < 12 for month in near} == {True}


def placed(month: Month) -> Iterator[tuple[int, Day]]:
    for week in month.weeks:
        assert len(week) == 7
        yield from ((column, one) for column, one in enumerate(week) if isinstance(one, Day))


def test_months_older_than_a_year_are_folded_by_year() -> None:
    """Ten years stay light; every edition is still there."""
    page = page_of(bare(0), bare(340), bare(500), bare(501), bare(900))

    folds = re.findall(r'<details class="year"><summary><b>([^<]+)</b> <span>([^<]+)</span>', page)
    assert folds == [("2024年11月", "2 期 · 2 篇"), ("2023年9月", "1 期 · 1 篇")]
    assert page.index('id="m2025-04"') < page.index('class="year"') < page.index('id="m2024-11"')
    assert len(labels(page)) == 5


def test_the_archive_leads_to_search_stars_feed_and_other_languages(look: Look) -> None:
    """A language is called what it calls itself; one that we have no name for by its tag."""
    siblings = (("en", "../en/index.html"), ("zh-Hant-TW", "../tw/index.html"), ("tlh", "../tlh/index.html"))
    page = page_of(bare(0), look=Look(folders=look.folders, siblings=siblings))

    for path in ("search.html", "starred.html", "feed.xml"):
        assert f'<a href="{path}">' in page
    assert '<a href="../en/index.html" hreflang="en" lang="en">English</a>' in page
    assert ">中文</a>" in page
    assert ">tlh</a>" in page
    assert "其他语言" not in page_of(bare(0))


def test_every_section_that_there_ever_was_has_a_line_that_leads_to_its_page() -> None:
    """Keywords first, then categories by size; also one that only an old edition has, and none of the rest."""
    page = page_of(ordinary(), earlier(), bare(300, categories=("cs.IT",)).with_sections([]))

    lines = page[page.index('class="trends"') :]
    assert re.findall(r'href="([^"]+)"', lines[: lines.index("</ul>")]) == [
        "keyword/gated-attention.html",
        *("category/cs-cl.html", "category/cs-cv.html", "category/stat-ml.html"),
    ]


def test_links_of_the_page_lead_to_places_on_it() -> None:
    """Also without charts; no id stands twice."""
    for page in (page_of(ordinary(), earlier(), hostile()), page_of(bare(0)), page_of()):
        ids = re.findall(r'\bid="([^"]*)"', page)
        assert len(ids) == len(set(ids))
        assert set(re.findall(r'href="#([^"]*)"', page)) <= set(ids)


def test_a_hostile_keyword_is_text_in_every_chart() -> None:
    """It names a line, a legend and a column."""
    title = '"><script>alert(1)</script>{{ 7*7 }}'
    days = [bare(count).with_sections([]) for count in range(3)]
    named = [
        day.with_sections([Section(title=title, kind="keyword", arxiv_ids=(day.entries[0].paper.arxiv_id,))])
        for day in days
    ]
    page = page_of(*named)

    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;{{ 7*7 }}") >= 4


def test_a_sample_says_that_it_is_one_and_an_empty_archive_how_to_begin() -> None:
    """Invented papers are never taken for real ones; a fresh folder opens on a page with a next step."""
    assert page_of(edition(entry(), source="sample")).count("样例") >= 2
    assert "样例" not in page_of(edition(entry()))
    assert "digest run" in page_of()


@pytest.mark.parametrize(("count", "least"), [(2, 200), (60, 25_000)])
def test_an_archive_grows_by_little_with_an_edition(count: int, least: int) -> None:
    """No edition is opened, and a day takes well under a kilobyte of the page."""
    known = Volumes(heads(*(bare(back) for back in range(count))), part=lambda day, ids: pytest.fail(f"opens {day}"))
    one = len(page_of(bare(0)))

    grown = len(next(archive().whole(known)).content.decode()) - one
    assert least < grown < 1_000 * count + 8_000


def test_the_archive_is_the_golden_page(look: Look, golden: Golden) -> None:
    """Whole, as kept."""
    golden("index.html", next(Archive(look).whole(Volumes.of([ordinary(), earlier()]))))
