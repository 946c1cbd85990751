"""The feed: what RFC 4287 asks of it, and nothing from a clock."""

from datetime import UTC, date, datetime
from xml.etree import ElementTree as ET

from fakes import card, edition, entry, origin

from digest.render import Look, Volumes
from digest.render.atom import NEWEST, Atom
from render.conftest import Golden
from render.samples import HOSTILE, earlier, hostile, ordinary

A = "{http://www.w3.org/2005/Atom}"


def feed(look: Look, *editions: object) -> ET.Element:
    return ET.fromstring(next(Atom(look).whole(Volumes.of(editions))).content)  # type: ignore[arg-type]


def text(element: ET.Element, tag: str) -> str:
    found = element.find(A + tag)
    assert found is not None
    return found.text or ""


def test_feed_and_entries_have_what_atom_requires(look: Look) -> None:
    """An id, a title and a moment each; an author in the feed for entries without one."""
    root = feed(look, ordinary(), earlier(), edition(entry("2601.00001", authors=()), announced=date(2026, 1, 5)))

    entries = root.findall(A + "entry")
    assert len(entries) == 7
    assert all(text(one, tag) for one in (root, *entries) for tag in ("id", "title", "updated"))
    assert root.find(f"{A}author/{A}name") is not None
    assert len({text(one, "id") for one in entries}) == 7


def test_a_paper_of_two_editions_comes_once_as_the_newest_says(look: Look) -> None:
    """Its id has no version, so a reader sees it as the same entry."""
    root = feed(look, edition(entry(version=2)), edition(entry(version=1), announced=date(2026, 3, 16)))

    links = [link.attrib["href"] for link in root.iter(A + "link")]
    assert links == ["https://arxiv.org/abs/2603.00001v2"]


def test_an_entry_moves_when_its_card_is_newer_than_its_announcement(look: Look) -> None:
    """A card asked for again shows as changed; without cards the announcement counts."""
    later = card(origin=origin(created=datetime(2026, 3, 20, 9, tzinfo=UTC)))

    root = feed(look, edition(entry("2603.00001", card=later), entry("2603.00002", card=None)))

    assert [text(one, "updated") for one in root.findall(A + "entry")] == [
        "2026-03-20T09:00:00Z",
        "2026-03-17T00:00:00Z",
    ]
    assert text(root, "updated") == "2026-03-20T09:00:00Z"


def test_hostile_text_is_text_in_the_feed_and_in_its_html(look: Look) -> None:
    """Titles are plain text; the content is HTML in which strangers' tags are escaped once more."""
    first = feed(look, hostile()).find(A + "entry")

    assert first is not None
    assert text(first, "title") == " ".join(HOSTILE.split())
    assert "<script" not in text(first, "content")
    assert "<img" not in text(first, "content")


def test_the_feed_stays_short(look: Look) -> None:
    """Old entries make room for new ones."""
    many = [entry(f"2603.{count:05}") for count in range(NEWEST + 5)]

    assert len(feed(look, edition(*many)).findall(A + "entry")) == NEWEST


def test_without_editions_the_feed_is_empty_and_valid(look: Look) -> None:
    """A first run may have nothing to say."""
    root = feed(look)

    assert root.findall(A + "entry") == []
    assert text(root, "updated") == "1991-08-14T00:00:00Z"


def test_the_feed_is_the_golden_page(look: Look, golden: Golden) -> None:
    """The whole feed, as kept."""
    golden("feed.xml", next(Atom(look).whole(Volumes.of([ordinary(), earlier()]))))
