"""A category or keyword over time: its newest papers, all its dates, and no edition opened in vain."""

import re
from collections import Counter
from collections.abc import Collection
from datetime import date, timedelta
from functools import cache

from fakes import card, edition, entry
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.models import Edition, Section
from digest.render import Look, Volumes
from digest.render.sections import NEWEST, RECENT, Sections, by_month, newest
from digest.render.tracks import Stop, Track, shares, tracks
from digest.resources import built_in
from render.conftest import Golden
from render.samples import HOSTILE, earlier, ordinary

LAST = date(2026, 3, 17)


@cache
def sections() -> Sections:
    """One for all tests: its templates are read once."""
    return Sections(Look(folders=(built_in("templates"),)))


def pages(*editions: Edition) -> dict[str, str]:
    return {page.path: page.content.decode() for page in sections().whole(Volumes.of(editions))}


def day(back: int, *named: tuple[str, str, int], **fields: object) -> Edition:
    """An edition so many days before the last: (kind, title, papers) of each section, papers of its own each."""
    entries, found = [], []
    for place, (kind, title, count) in enumerate(named):
        ids = tuple(f"{1000 + back}.{place}{number:04}" for number in range(count))
        entries += [entry(one, title=f"Paper {one}", card=card()) for one in ids]
        found.append(Section(title=title, kind=kind, arxiv_ids=ids))  # type: ignore[arg-type]
    own = edition(*entries, announced=LAST - timedelta(back), **fields)
    return own.with_sections(found)


def shown(page: str) -> list[str]:
    """The cards that the rows of a page lead to, as DATE#ID."""
    found = re.findall(r'<h4><a href="\.\./([\d-]+)/index\.html#([^"]+)"', page)
    return [f"{announced}#{arxiv_id}" for announced, arxiv_id in found]


def test_every_category_and_keyword_of_any_edition_has_a_page() -> None:
    """Also one that only an old edition has; what belongs to no section has none."""
    found = pages(ordinary(), earlier(), day(90, ("category", "cs.IT", 1)))

    assert sorted(found) == [
        *("category/cs-cl.html", "category/cs-cv.html", "category/cs-it.html", "category/stat-ml.html"),
        "keyword/gated-attention.html",
    ]
    assert pages(edition(entry()).with_sections([])) == {}
    assert pages() == {}


def test_a_page_is_headed_in_chinese_and_english_and_has_its_feed_beside_it() -> None:
    """A keyword has the one name that its reader gave it."""
    found = pages(ordinary(), earlier())

    page = found["category/cs-cl.html"]
    assert "<h1>cs.CL 计算与语言</h1>" in page
    assert '<p class="sub" lang="en">Computation and Language</p>' in page
    assert 'type="application/atom+xml" title="cs.CL" href="cs-cl.xml"' in page
    assert "<h1>Gated Attention</h1>" in found["keyword/gated-attention.html"]


def test_a_row_leads_to_its_card_on_the_day_and_to_arxiv_and_says_its_state() -> None:
    """Title and TL;DR typeset; a paper without a card has a row without words."""
    one = edition(
        entry("2603.00001", title="On $x^2$ and 50\\%", version=2),
        entry("2603.00002", problems=("x",)),
        entry("2603.00003", card=None),
    )
    page = pages(one)["category/cs-cl.html"]
    rows = page.split("<li>")[1:4]

    assert shown(page) == [f"2026-03-17#2603.0000{count}" for count in (1, 2, 3)]
    assert 'href="https://arxiv.org/abs/2603.00001v2"' in rows[0]
    assert "<msup>" in rows[0]
    assert "50%" in rows[0]
    assert [re.findall(r'class="(flagged|pending)"', row) for row in rows] == [[], ["flagged"], ["pending"]]
    assert ["显著提升" in row for row in rows] == [True, True, False]


def test_all_dates_lead_to_the_section_on_its_day() -> None:
    """With the anchor that the day's page gives it, though it is called like one of ours; older months are folded."""
    editions = [day(back, ("keyword", "Main", 2), ("category", "cs.CV", 1)) for back in (0, 20, 500)]
    page = pages(*editions)["keyword/main.html"]

    dates = page[page.index('id="dates"') :]
    assert re.findall(r'<a href="([^"]+)" aria-label="([^"]+)"><b>(\d+)</b> (\d+)</a>', dates) == [
        ("../2026-03-17/index.html#main-2", "2026年3月17日 星期二，2 篇", "17", "2"),
        ("../2026-02-25/index.html#main-2", "2026年2月25日 星期三，2 篇", "25", "2"),
        ("../2024-11-02/index.html#main-2", "2024年11月2日 星期六，2 篇", "2", "2"),
    ]
    months = by_month(Stop(LAST - timedelta(31 * back), "a", 1, "x") for back in range(20))
    assert len(months) >= 19


def test_titles_of_one_path_are_one_section_called_as_the_newest_says() -> None:
    """Also on one date, where the first of them is what the link leads to."""
    both = day(1, ("keyword", "video vqa", 1), ("keyword", "Video VQA", 2))
    found = tracks(Volumes.of([day(0, ("keyword", "VIDEO VQA", 1)), both]).heads)

    assert [(one.title, one.path, one.papers) for one in found] == [("VIDEO VQA", "keyword/video-vqa", 4)]
    assert [(stop.anchor, len(stop.arxiv_ids)) for stop in found[0].stops] == [("video-vqa", 1), ("video-vqa", 3)]


def test_a_section_without_a_paper_has_a_page_that_says_no_more_than_that() -> None:
    """A keyword that nothing matched so far; links from elsewhere still lead somewhere."""
    page = pages(day(0, ("keyword", "Rare", 0), ("category", "cs.CV", 1)))["keyword/rare.html"]

    assert shown(page) == []
    assert "0 篇" in page


def test_no_more_than_the_newest_papers_stand_on_a_page_and_the_others_are_told_of() -> None:
    """A large day is cut, and leads to the rest of it; the day before it does not stand there."""
    page = pages(day(0, ("category", "cs.CV", NEWEST + 30)), day(1, ("category", "cs.CV", 5)))["category/cs-cv.html"]

    assert len(shown(page)) == NEWEST
    assert '<a href="../2026-03-17/index.html#cs-cv">当日另有 30 篇</a>' in page
    assert "2026-03-16/index.html#cs-cv" in page


def test_each_edition_is_opened_once_and_old_ones_only_for_what_stands_nowhere_else() -> None:
    """Many sections, many dates; a section that is gone shows its last date."""
    names = [("category", f"cs.{name}", 1) for name in ("CV", "CL", "AI")]
    editions = [day(back, *names) for back in range(RECENT + 20)]
    editions.append(day(RECENT + 20, ("keyword", "Gone", 3), ("category", "cs.CV", 1)))
    whole, opened = Volumes.of(editions), Counter[date]()

    def part(announced: date, ids: Collection[str]) -> Edition | None:
        opened[announced] += 1
        return whole.part(announced, ids)

    found = {page.path: page.content.decode() for page in sections().whole(Volumes(whole.heads, part))}

    assert set(opened.values()) == {1}
    assert len(opened) == RECENT + 1
    assert len(shown(found["category/cs-cv.html"])) == RECENT
    assert len(shown(found["keyword/gone.html"])) == 3


def test_a_paper_whose_edition_is_gone_is_left_out() -> None:
    """The dates still stand there; the page does not fail."""
    whole = Volumes.of([day(0, ("category", "cs.CV", 2))])
    page = next(sections().whole(Volumes(whole.heads, lambda *_: None))).content.decode()

    assert shown(page) == []
    assert "当日另有 2 篇" in page


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 300), min_size=1, max_size=60, unique=True), min_size=1, max_size=12))
def test_the_newest_papers_are_each_shown_once_where_they_stand_last(days: list[list[int]]) -> None:
    """In order, at most so many, and all of them where there are fewer."""
    stops = tuple(Stop(LAST - timedelta(back), "a", len(ids), " ".join(map(str, ids))) for back, ids in enumerate(days))
    found = newest(Track("keyword", "T", "keyword/t", stops), LAST - timedelta(365))

    flat = [one for _, ids in found for one in ids]
    expected = list(dict.fromkeys(one for stop in stops for one in stop.arxiv_ids))[:NEWEST]
    assert flat == expected


def test_shares_of_a_day_add_up_though_a_paper_stands_in_many_sections() -> None:
    """Each paper counts once, in the first section of its kind."""
    head = Volumes.of([ordinary()]).heads[0]

    assert shares(head, "category") == {"category/cs-cl": 3, "category/cs-cv": 1, "category/stat-ml": 1}
    assert shares(head, "keyword") == {"keyword/gated-attention": 3, "": 2}


def test_a_page_draws_days_while_they_are_few_and_then_weeks() -> None:
    """In either case with its numbers in a table and a name for those who do not see it."""
    few = pages(*(day(back, ("category", "cs.CV", 1)) for back in range(5)))["category/cs-cv.html"]
    many = pages(*(day(back, ("category", "cs.CV", 1)) for back in range(70)))["category/cs-cv.html"]

    assert 'aria-label="cs.CV: 每日论文; 2026-03-13 – 2026-03-17; 最高 1"' in few
    assert 'aria-label="cs.CV: 每周论文; 2026-01-05 – 2026-03-16; 最高 7"' in many
    assert many.count('<tr><th scope="row">') == 11
    assert "style=" not in few


def test_a_hostile_keyword_is_text() -> None:
    """In the heading, in attributes and in the window's title."""
    one = day(0, ("keyword", HOSTILE, 1))
    (page,) = pages(one, day(1, ("keyword", HOSTILE, 1))).values()

    assert "<script>alert" not in page
    assert "<img" not in page
    assert page.count("{{ 7*7 }}") >= 3


def test_a_tldr_in_another_language_than_the_page_says_so() -> None:
    """The page speaks as its newest edition does."""
    old = day(1, ("category", "cs.CV", 1))
    page = pages(day(0, ("category", "cs.CV", 1), language="en"), old)["category/cs-cv.html"]

    assert '<html lang="en">' in page
    assert page.count('<p lang="zh-Hans">') == 1


def test_the_pages_are_the_golden_pages(look: Look, golden: Golden) -> None:
    """A category and a keyword whole, as kept."""
    found = {page.path: page for page in Sections(look).whole(Volumes.of([ordinary(), earlier()]))}

    for path in ("category/cs-cl.html", "keyword/gated-attention.html"):
        golden(path, found[path])
