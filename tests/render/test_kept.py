"""Pages about all dates that stand as they are: exactly those for which nothing has changed."""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from typing import Any

from fakes import card, edition, entry
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.models import Edition, Page, Section
from digest.render import Format, Look, Volumes
from digest.render.atom import Atom
from digest.render.chart import MOST_BARS
from digest.render.sections import Sections
from digest.resources import built_in

LAST = date(2026, 3, 17)


@cache
def formats(program: str, site_url: str = "") -> tuple[Format, ...]:
    look = Look(folders=(built_in("templates"),), site_url=site_url, program=program)
    return Sections(look), Atom(look)


class Site:
    """What is on file, and which pages of it were made anew."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.fresh: set[str] = set()

    def render(self, *editions: Edition, program: str = "one", **look: Any) -> set[str]:
        """The paths that were made anew; what comes out is what an empty folder would get."""
        known = sorted(editions, key=lambda one: one.announced, reverse=True)
        whole = Volumes.of(known)
        stamps = {one.announced: hash(one) for one in known}
        kept = Volumes(whole.heads, whole.part, None, stamps.__getitem__, self._kept)
        self.fresh = {page.path for page in self._all(formats("", **look), whole)}
        expected = {page.path: page.content for page in self._all(formats("", **look), whole)}
        self.pages = {page.path: page for page in self._all(formats(program, **look), kept)}
        assert {path: page.content for path, page in self.pages.items()} == expected
        return self.fresh

    def _kept(self, path: str, made_of: str) -> Page | None:
        page = self.pages.get(path)
        if page is None or not made_of or page.made_of != made_of:
            return None
        self.fresh.discard(path)
        return page

    @staticmethod
    def _all(opened: tuple[Format, ...], volumes: Volumes) -> Iterator[Page]:
        for one in opened:
            yield from one.whole(volumes)


def day(back: int, *titles: str, tldr: str = "Short.", language: str = "zh-Hans") -> Edition:
    """An edition so many days before the last, with a paper in each section."""
    ids = {title: f"{2000 + back}.{place:05}" for place, title in enumerate(dict.fromkeys(titles))}
    entries = [entry(one, title=f"Paper {one}", card=card(tldr=tldr)) for one in ids.values()]
    sections = [Section(title=title, kind="category", arxiv_ids=(one,)) for title, one in ids.items()]
    return edition(*entries, announced=LAST - timedelta(back), language=language).with_sections(sections)


def names(*titles: str) -> set[str]:
    stems = [f"category/{title.lower().replace('.', '-')}" for title in titles]
    return {f"{stem}.{ending}" for stem in stems for ending in ("html", "xml")}


def test_with_nothing_new_no_page_is_made() -> None:
    """Beside the feed of all, every page of a section stands."""
    site, editions = Site(), [day(1, "cs.CL", "cs.CV"), day(2, "cs.CL")]

    assert site.render(*editions) == {*names("cs.CL", "cs.CV"), "feed.xml"}
    assert site.render(*editions) == set()


def test_one_card_more_or_less_makes_the_pages_that_show_it() -> None:
    """Of the other sections none."""
    site = Site()
    site.render(day(1, "cs.CL"), day(2, "cs.CV"))

    assert site.render(day(1, "cs.CL", tldr="Shorter."), day(2, "cs.CV")) == {*names("cs.CL"), "feed.xml"}


def test_a_date_more_leaves_quiet_sections_until_a_week_begins() -> None:
    """As long as their chart is of weeks: one of days has a bar for each edition."""
    old = [day(back) for back in range(8, 8 + MOST_BARS)]
    site = Site()
    site.render(day(1, "cs.CV"), *old)

    assert site.render(day(0, "cs.CL"), day(1, "cs.CV"), *old) == {*names("cs.CL"), "feed.xml"}
    new_week = [day(-6, "cs.CL"), day(0, "cs.CL"), day(1, "cs.CV"), *old]
    assert site.render(*new_week) == {*names("cs.CL"), "category/cs-cv.html", "feed.xml"}


def test_another_program_or_another_look_makes_all_pages() -> None:
    """Templates are part of the program; a feed also names the site."""
    site, one = Site(), day(1, "cs.CL")
    site.render(one)

    assert site.render(one, program="other") == {*names("cs.CL"), "feed.xml"}
    assert site.render(one, program="other", site_url="https://x.example/") == {"category/cs-cl.xml", "feed.xml"}


TITLES = ("cs.CL", "cs.CV", "CS.cl")
STEP = st.tuples(st.integers(0, 90), st.lists(st.sampled_from(TITLES), unique=True), st.sampled_from(("A", "B")))


@settings(max_examples=8, deadline=None)
@given(st.lists(STEP, min_size=1, max_size=5), st.sampled_from((0, MOST_BARS)))
def test_whatever_was_on_file_the_pages_are_those_of_an_empty_folder(steps: list[Any], more: int) -> None:
    """Editions come, change and lose papers in any order, with another language now and then."""
    site, known = Site(), {200 + back: day(200 + back, "cs.IT") for back in range(more)}
    for back, titles, tldr in steps:
        known[back] = day(back, *titles, tldr=tldr, language="zh-Hans" if back % 5 else "en")
        site.render(*known.values())
