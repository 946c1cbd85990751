"""The feeds: what RFC 4287 asks of them by grammar and in prose, who is in them, and nothing from a clock."""

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fakes import card, edition, entry, origin, paper
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from digest.models import Edition, Section
from digest.render import Look, Volumes
from digest.render.atom import ENOUGH, ENOUGH_OF_SECTION, MOST, Atom
from digest.resources import built_in
from render.conftest import Golden
from render.samples import HOSTILE, earlier, hostile, ordinary

A = "{http://www.w3.org/2005/Atom}"
SITE = "https://ada.example/digest/"
GRAMMAR = etree.RelaxNG(etree.parse(Path(__file__).with_name("atom.rng")))


@cache
def atom(url: str = "") -> Atom:
    """The format for a site at `url`; its templates are read once."""
    return Atom(Look(folders=(built_in("templates"),), site_url=url))


def feeds(*editions: Edition, url: str = "") -> dict[str, etree._Element]:
    """Path -> root of every feed."""
    return {page.path: etree.fromstring(page.content) for page in atom(url).whole(Volumes.of(editions))}


def feed(*editions: Edition) -> etree._Element:
    return feeds(*editions)["feed.xml"]


def text(element: etree._Element, tag: str) -> str:
    return element.findtext(A + tag) or ""


def ids(root: etree._Element) -> list[str]:
    """The papers of a feed."""
    return [text(one, "id").removeprefix("https://arxiv.org/abs/") for one in root.findall(A + "entry")]


def links(element: etree._Element) -> dict[str, str]:
    return {str(one.get("rel")): str(one.get("href")) for one in element.findall(A + "link")}


def assert_valid(root: etree._Element) -> None:
    """What the grammar says, and what only the prose of RFC 4287 says."""
    GRAMMAR.assertValid(root)
    entries = root.findall(A + "entry")
    found = [text(one, "id") for one in (root, *entries)]
    assert len(set(found)) == len(found)  # 4.1.1: no two entries of one id at one moment
    for one in (root, *entries):
        alternates = Counter((x.get("type"), x.get("hreflang")) for x in one if x.get("rel") == "alternate")
        assert all(count == 1 for count in alternates.values())  # 4.1.1, 4.1.2
        assert text(one, "id") == text(one, "id").strip()
        assert text(one, "title").strip()
    for one in entries:
        assert text(one, "published") <= text(one, "updated") <= text(root, "updated")
        assert one.find(A + "author") is not None or root.find(A + "author") is not None  # 4.1.1
        assert all(urlsplit(url).netloc for url in links(one).values())
        etree.HTML(text(one, "content"))
        assert "<math" not in text(one, "content")


def days(number: int, papers: int) -> list[Edition]:
    """Editions of `papers` new papers each, newest first, the first of each also in a keyword section."""
    found = []
    for count in range(number, 0, -1):
        one = edition(*(entry(f"26{count:02}.{place:05}") for place in range(papers)), announced=date(2026, 1, count))
        rare = Section(title="Rare C++", kind="keyword", arxiv_ids=(one.entries[0].paper.arxiv_id,))
        found.append(one.with_sections((*one.sections, rare)))
    return found


@pytest.mark.parametrize("url", ["", SITE])
@pytest.mark.parametrize("language", ["zh-Hans", "zh-TW", "ja", "ko", "en", "fr"])
def test_every_feed_is_valid(url: str, language: str) -> None:
    """Of ordinary and hostile papers, with and without a site, in every language, with and without papers."""
    editions = [one.model_copy(update={"language": language}) for one in (hostile(), earlier())]
    other = ordinary().model_copy(update={"language": language, "announced": date(2026, 3, 18)})
    nothing = Section(title="Nothing Yet", kind="keyword", arxiv_ids=())
    bare = edition(
        entry("2601.00001", authors=(), categories=("cs.CL",)), announced=date(2026, 1, 5), language=language
    )

    for some in ([other, *editions, bare], [edition(language=language).with_sections([nothing])], []):
        for root in feeds(*some, url=url).values():
            assert_valid(root)


@settings(max_examples=30)
@example("0\ud800")
@given(st.text(st.characters(), min_size=1).filter(str.strip))
def test_any_text_gives_a_valid_feed(said: str) -> None:
    """Also what XML can't hold, wherever it stands."""
    try:
        one = entry(title=said, abstract=said, authors=(said,), card=card(tldr=said, method=said))
    except ValueError:
        return  # nothing of it is text
    day = edition(one).with_sections([Section(title=said, kind="keyword", arxiv_ids=("2603.00001",))])

    for root in feeds(day).values():
        assert ids(root) == ["2603.00001"]


def test_there_is_a_feed_of_all_and_one_of_each_section_of_any_edition() -> None:
    """A section that has no paper now keeps its feed, with the papers it had."""
    old = edition(entry("2602.00001", categories=("cs.GR",)), announced=date(2026, 2, 27))

    found = feeds(ordinary(), old)

    assert {path: len(ids(root)) for path, root in found.items()} == {
        "feed.xml": 6,
        "category/cs-cl.xml": 3,
        "category/cs-cv.xml": 1,
        "category/stat-ml.xml": 1,
        "keyword/gated-attention.xml": 3,
        "category/cs-gr.xml": 1,
    }
    assert text(found["keyword/gated-attention.xml"], "title") == "每日论文速览 · Gated Attention"


def test_titles_of_one_path_share_a_feed() -> None:
    """A section that was written otherwise once is the same; its newest title names the feed."""
    new, old = days(2, 1)
    new = new.with_sections([Section(title="Video VQA", kind="keyword", arxiv_ids=("2602.00000",))])
    old = old.with_sections([Section(title="video vqa", kind="keyword", arxiv_ids=("2601.00000",))])

    found = feeds(new, old)

    assert set(found) == {"feed.xml", "keyword/video-vqa.xml"}
    assert ids(found["keyword/video-vqa.xml"]) == ["2602.00000", "2601.00000"]
    assert text(found["keyword/video-vqa.xml"], "title").endswith("Video VQA")


def test_feeds_have_ids_of_their_own_that_stay() -> None:
    """One a language and section, whatever is in it and wherever it is."""
    chinese, japanese = ordinary(), ordinary().model_copy(update={"language": "ja"})
    found = [feeds(chinese), feeds(chinese, earlier(), url=SITE), feeds(japanese)]
    first, second, third = ({path: text(root, "id") for path, root in one.items()} for one in found)

    assert first["feed.xml"] == "urn:uuid:c4dfbbef-eca0-5aaa-b1ae-a31177820458"  # as in every release
    assert first.items() <= second.items()
    assert len({*first.values(), *third.values()}) == len(first) + len(third)


def test_a_busy_day_stands_whole_in_its_feeds() -> None:
    """Who asks once a day misses no paper; the day before is left out once there are enough."""
    found = feeds(*days(2, ENOUGH + 5))

    assert len(ids(found["feed.xml"])) == ENOUGH + 5
    assert len(ids(found["category/cs-cl.xml"])) == ENOUGH + 5
    assert {one[:4] for one in ids(found["feed.xml"])} == {"2602"}


def test_a_quiet_day_empties_no_feed() -> None:
    """Older dates fill it up, the newest first."""
    quiet = edition(announced=date(2026, 2, 1))
    old = days(28, 10)

    found = feeds(quiet, *old)

    assert len(ids(found["feed.xml"])) == ENOUGH
    assert len(ids(found["category/cs-cl.xml"])) == ENOUGH_OF_SECTION
    (rare,) = (path for path in found if path.startswith("keyword/"))
    assert ids(found[rare]) == [f"26{day:02}.00000" for day in range(28, 0, -1)]


def test_a_feed_ends_somewhere() -> None:
    """Even of one date."""
    assert len(ids(feed(*days(1, MOST + 1)))) == MOST


def test_every_edition_is_opened_once_and_for_no_paper_in_vain() -> None:
    """However many feeds there are."""
    volumes, opened = Volumes.of(days(12, 20)), []

    def part(day: date, wanted: Collection[str]) -> Edition | None:
        opened.append((day, len(wanted)))
        return volumes.part(day, wanted)

    assert len(list(atom().whole(replace(volumes, part=part)))) == 3
    assert sorted(opened, reverse=True) == [(date(2026, 1, day), 20 if day > 7 else 1) for day in range(12, 0, -1)]


def test_a_paper_of_two_editions_comes_once_as_the_newest_says() -> None:
    """Its id has no version, so a reader sees it as the same entry; it was published when it came first."""
    again = entry(version=2, first_announced=date(2026, 3, 16))

    root = feed(edition(again), edition(entry(version=1), announced=date(2026, 3, 16)))

    assert ids(root) == ["2603.00001"]
    first = root.find(A + "entry")
    assert first is not None
    assert links(first) == {"alternate": "https://arxiv.org/abs/2603.00001v2"}
    assert text(first, "published") == "2026-03-16T00:00:00Z"


def test_an_entry_leads_to_its_card_where_the_site_is_on_the_web() -> None:
    """And then to arXiv beside it; the feed names itself and its page."""
    found = feeds(ordinary(), url=SITE)

    first = found["feed.xml"].find(A + "entry")
    assert first is not None
    assert links(first) == {
        "alternate": f"{SITE}2026-03-17/index.html#2603.00001",
        "via": "https://arxiv.org/abs/2603.00001v1",
    }
    assert links(found["feed.xml"]) == {"self": f"{SITE}feed.xml", "alternate": f"{SITE}index.html"}
    assert links(found["category/cs-cl.xml"]) == {
        "self": f"{SITE}category/cs-cl.xml",
        "alternate": f"{SITE}category/cs-cl.html",
    }


def test_a_path_in_another_script_is_an_address_in_ascii() -> None:
    """A title in Chinese makes a name in Chinese, which a link spells in bytes."""
    day = edition(entry()).with_sections([Section(title="强化学习", kind="keyword", arxiv_ids=("2603.00001",))])

    found = feeds(day, url=SITE)

    (path,) = set(found) - {"feed.xml"}
    assert_valid(found[path])
    assert links(found[path])["self"].startswith(f"{SITE}keyword/%E5%BC%BA")


def test_an_entry_changes_when_its_card_comes() -> None:
    """Until then it has the abstract; without cards the announcement counts."""
    later = card(origin=origin(created=datetime(2026, 3, 20, 9, tzinfo=UTC)))
    waiting = feed(edition(entry("2603.00001", card=None), entry("2603.00002", card=None)))
    root = feed(edition(entry("2603.00001", card=later), entry("2603.00002", card=None)))

    assert [text(one, "updated") for one in root.findall(A + "entry")] == [
        "2026-03-20T09:00:00Z",
        "2026-03-17T00:00:00Z",
    ]
    assert text(root, "updated") == "2026-03-20T09:00:00Z"
    assert ids(root) == ids(waiting)
    for one, is_waiting in zip([*waiting, *root.findall(A + "entry")][-4:], (True, True, False, True), strict=True):
        assert (paper().abstract in text(one, "content")) == is_waiting
        assert ("待补" in text(one, "content")) == is_waiting
        assert (text(one, "summary") == "") == is_waiting


def test_a_doubtful_card_says_so_and_has_the_abstract_beside_it() -> None:
    """In the summary, too: that is all that some readers show."""
    found = {text(one, "id")[-1]: one for one in feed(ordinary()).findall(A + "entry")}

    assert text(found["3"], "summary").startswith("存疑：")
    assert "标题和摘要里没有这个数" in text(found["3"], "content")
    assert paper().abstract in text(found["3"], "content")
    assert not text(found["1"], "summary").startswith("存疑")
    assert paper().abstract not in text(found["1"], "content")


def test_a_feed_has_no_tex() -> None:
    """Titles, cards and abstracts are plain text: readers set no formulas."""
    said = card(tldr=r"误差降到 $3.5\%$。", method=r"\textbf{门控}，复杂度 $O(n^2)$。")
    one = entry(title=r"\emph{Foo}: an $O(n^2)$ Attention", card=said, authors=(r"Ren\'e Foo",))

    first = feed(edition(one)).find(A + "entry")

    assert first is not None
    assert text(first, "title") == "Foo: an O(n²) Attention"
    assert text(first, "summary") == "误差降到 3.5%。"
    assert "门控，复杂度 O(n²)。" in text(first, "content")
    assert first.findtext(f"{A}author/{A}name") == "René Foo"


def test_a_crowd_of_authors_is_cut_and_counted() -> None:
    """A collaboration of thousands would be most of the feed."""
    crowd = tuple(f"Author {count}" for count in range(3000))

    names = [one.findtext(A + "name") for one in feed(edition(entry(authors=crowd))).iter(A + "author")][1:]

    assert names == [*crowd[:30], "等 3000 人"]


def test_hostile_text_is_text_in_the_feed_and_in_its_html() -> None:
    """Titles are plain text; the content is HTML in which strangers' tags are escaped once more."""
    entries = feed(hostile()).findall(A + "entry")

    assert len(entries) == 2
    for one in entries:
        assert text(one, "title").startswith("<script>alert(1)</script> <img src=x onerror=alert(2)>")
        content = etree.HTML(text(one, "content"))
        assert {element.tag for element in content.iter()} <= {"html", "body", "p", "b", "strong", "a"}
        assert all(link.get("href", "").startswith("https://") for link in content.iter("a"))
        assert "<script>alert(1)</script>" in "".join(map(str, content.itertext()))
    assert HOSTILE.startswith("<script>")


def test_without_editions_the_feed_is_empty_and_valid() -> None:
    """A first run may have nothing to say."""
    found = feeds()

    assert list(found) == ["feed.xml"]
    assert ids(found["feed.xml"]) == []
    assert text(found["feed.xml"], "updated") == "1991-08-14T00:00:00Z"


def test_the_feed_is_the_golden_page(golden: Golden) -> None:
    """The whole feed, as kept."""
    golden("feed.xml", next(atom().whole(Volumes.of([ordinary(), earlier()]))))
