"""The site: names that scripts rely on, counts that tell the truth, strangers' text as text."""

import re
from collections import Counter
from html.parser import HTMLParser

import pytest
from fakes import GOOD, edition, entry

from digest.models import Edition, Section
from digest.render import Look
from digest.render.site import Site
from render.conftest import Golden
from render.samples import HOSTILE, earlier, hostile, ordinary

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Seen(HTMLParser):
    """What a page holds: ids, links, states, and the text of each marked field."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.states: dict[str, str] = {}
        self.fields: list[tuple[str, str]] = []
        self.open: list[tuple[str, str | None]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        have = {name: value or "" for name, value in attrs}
        self.tags[tag] += 1
        self.handlers += [name for name in have if name.startswith("on")]
        if "id" in have:
            self.ids.append(have["id"])
        if tag == "a":
            self.links.append(have["href"])
        if tag == "article":
            self.states[have["id"]] = have["data-state"]
        if "data-field" in have:
            self.fields.append((have["data-field"], ""))
        if tag not in VOID:
            self.open.append((tag, have.get("data-field")))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if any(field for _, field in self.open):
            name, text = self.fields[-1]
            self.fields[-1] = (name, text + data)


def day(look: Look, one: Edition) -> str:
    return next(Site(look).day(one)).content.decode()


def archive(look: Look, *editions: Edition) -> str:
    return next(Site(look).whole(editions)).content.decode()


def test_every_paper_has_one_article_in_its_state(look: Look) -> None:
    """Also a paper of two sections stands once in full; all ids of the page are unique."""
    seen = Seen(day(look, ordinary()))

    assert list(seen.states.items()) == [
        ("2603.00001", "shown"),
        ("2603.00002", "shown"),
        ("2603.00003", "flagged"),
        ("2603.00004", "pending"),
        ("2603.00005", "shown"),
    ]
    assert len(seen.ids) == len(set(seen.ids))


def test_fields_hold_exactly_the_card_and_the_abstract(look: Look) -> None:
    """Labels stand beside them, not in them."""
    assert Seen(day(look, edition(entry()))).fields == [*GOOD.items(), ("abstract", entry().paper.abstract)]


def test_a_pending_paper_has_its_abstract_and_no_other_field(look: Look) -> None:
    """Nothing looks like a card where there is none, and the reason is told."""
    page = day(look, edition(entry(card=None, problems=("no reply: 503",))))

    assert Seen(page).fields == [("abstract", entry().paper.abstract)]
    assert "no reply: 503" in page


def test_links_on_a_page_lead_to_arxiv_to_the_site_or_to_a_place_on_it(look: Look) -> None:
    """A link inside the page has its target; a link out is one that we built or that the text shows."""
    for one in (ordinary(), hostile()):
        seen = Seen(day(look, one))
        inside = [link[1:] for link in seen.links if link.startswith("#")]
        outside = [link for link in seen.links if not link.startswith(("#", "../", "index.md", "https://arxiv.org/"))]
        assert set(inside) <= set(seen.ids)
        assert all(link.startswith(("http://", "https://")) and link in page_text(one) for link in outside)


def page_text(one: Edition) -> str:
    return " ".join(entry.paper.model_dump_json() for entry in one.entries)


def test_hostile_text_stands_on_the_page_as_text(look: Look) -> None:
    """No tag, no handler and no template of a stranger's comes alive; the text is there word for word."""
    seen = Seen(day(look, hostile()))

    assert not seen.tags.keys() & {"script", "img", "iframe"}
    assert seen.handlers == []
    assert {text for _, text in seen.fields} == {" ".join(HOSTILE.split())}


@pytest.mark.parametrize("arxiv_id", ["math/0309136", "2603.00001"])
def test_links_to_a_paper_carry_its_version(look: Look, arxiv_id: str) -> None:
    """Old identifiers keep their slash, and have no HTML at arXiv."""
    links = Seen(day(look, edition(entry(arxiv_id, version=3)))).links

    found = [link.removeprefix("https://arxiv.org/") for link in links if "arxiv.org" in link]
    assert sorted(set(found)) == [
        f"{kind}/{arxiv_id}v3" for kind in ("abs", "html", "pdf") if "/" not in arxiv_id or kind != "html"
    ]


def test_counts_that_are_zero_are_not_told(look: Look) -> None:
    """A day where all went well speaks of no trouble."""
    page = day(look, edition(entry()))

    assert "存疑" not in page
    assert "暂缺" not in page
    assert "更新版" not in page


def test_a_sample_says_that_it_is_one(look: Look) -> None:
    """Invented papers are never taken for real ones."""
    assert "样例" in day(look, edition(entry(), source="sample"))
    assert "样例" not in day(look, edition(entry()))
    assert "样例" in archive(look, edition(entry(), source="sample"))


def test_a_day_without_papers_says_so(look: Look) -> None:
    """A holiday is a page too."""
    assert "没有符合条件的论文" in day(look, edition())


def test_a_page_loads_nothing_and_its_policy_names_its_style(look: Look) -> None:
    """No address to load from stands in the page, and the style is the one the policy allows."""
    page = day(look, ordinary())

    assert re.findall(r'src="|url\(|@import|<script', page) == []
    assert "default-src 'none'; style-src 'sha256-" in page


def test_the_archive_lists_every_edition_newest_first_by_month(look: Look) -> None:
    """The newest stands large above its month; each links to its page."""
    page = archive(look, ordinary(), earlier())

    links = [link for link in Seen(page).links if link.endswith("/index.html")]
    assert links == ["2026-03-17/index.html", "2026-03-17/index.html", "2026-02-27/index.html"]
    assert page.index("2026年3月</b>") < page.index("2026年2月</b>")


def test_the_archive_without_editions_says_how_to_begin(look: Look) -> None:
    """A fresh folder opens on a page with a next step."""
    assert "digest run" in archive(look)


def test_the_same_editions_give_the_same_bytes(look: Look) -> None:
    """No clock, no order of a set."""
    assert list(Site(look).day(ordinary())) == list(Site(look).day(ordinary()))
    assert list(Site(look).whole([ordinary()])) == list(Site(look).whole([ordinary()]))


def test_a_keyword_may_be_called_like_one_of_our_anchors(look: Look) -> None:
    """Ids stay unique whatever a section is called."""
    one = edition(entry()).with_sections(
        Section(title=title, kind="keyword", arxiv_ids=("2603.00001",))
        for title in ("main", "Top", "contents", "2603.00001")
    )

    seen = Seen(day(look, one))
    assert len(seen.ids) == len(set(seen.ids))


def test_the_pages_are_the_golden_pages(look: Look, golden: Golden) -> None:
    """Day and archive whole, as kept."""
    golden("day/index.html", next(Site(look).day(ordinary())))
    golden("index.html", next(Site(look).whole([ordinary(), earlier()])))
