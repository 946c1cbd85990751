"""The announcement feed: what it tells, which feeds are refused, and how the search index completes it."""

from collections.abc import Callable
from datetime import date
from typing import Any
from urllib.parse import unquote

import pytest
from fakes import NOON, paper

from digest.errors import ConfigError, SourceError
from digest.models import Listed, Listing, Paper
from digest.sources import rss as feeds
from digest.sources.rss import Feed, complete, split_authors
from sources.documents import HTML, Answer, Canned, in_turn, rss, rss_error, rss_item

DAY = date(2026, 3, 17)


def told(arxiv_id: str = "2603.00001", **fields: Any) -> Paper:
    """A paper as far as a feed knows it."""
    return paper(arxiv_id, **{"submitted": None, "updated": None, **fields})


def listing(answer: Callable[[str], Answer], *categories: str) -> Listing:
    return Feed(Canned(answer), "https://rss.test").listing(DAY, categories or ["cs.CL"])


def found(listing: Listing) -> list[tuple[str, str]]:
    return [(item.paper.arxiv_id, item.announce_type) for item in listing.items]


@pytest.mark.parametrize(
    "base", ["https://rss.test", "https://rss.test/", "https://rss.test/rss", "https://rss.test/rss/"]
)
def test_one_request_asks_for_all_categories(base: str) -> None:
    """Whatever the base ends in; an archive by its bare name, each once."""
    session = Canned(lambda url: rss(DAY, rss_item(told())))

    Feed(session, base).listing(DAY, ["cs.CV", "math.*", "cs.CV"])

    assert session.asked == ["https://rss.test/rss/cs.CV+math"]


def test_without_a_category_there_is_no_feed() -> None:
    """Feeds go by category, never by keyword."""
    with pytest.raises(ConfigError, match="go by category"):
        Feed(Canned(lambda url: b""), "https://rss.test").listing(DAY, [])


def test_an_item_becomes_a_paper() -> None:
    """All that a feed knows: no comment and no times."""
    full = told(version=4, journal_ref=None, title="a <b> & c", abstract="Abstract: of\n abstracts.")

    [item] = listing(lambda url: rss(DAY, rss_item(full, "replace-cross"))).items

    assert item == Listed(full, "replace-cross")


def test_a_listing_keeps_the_feeds_order_and_types() -> None:
    """New, cross, replace, replace-cross."""
    kinds = ("new", "cross", "replace", "replace-cross")
    page = rss(DAY, *(rss_item(told(f"2603.0000{number}"), kind) for number, kind in enumerate(kinds)))

    result = listing(lambda url: page)

    assert found(result) == [(f"2603.0000{number}", kind) for number, kind in enumerate(kinds)]
    assert (result.announced, result.source, result.notes) == (DAY, "feed", ())


def test_classes_of_other_schemes_are_no_categories() -> None:
    """As in the search API."""
    page = rss(DAY, rss_item(told(categories=("cs.CL", "68T45", "cs.AI"))))

    assert listing(lambda url: page).items[0].paper.categories == ("cs.CL", "cs.AI")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Ada Lovelace, Alan Turing", ("Ada Lovelace", "Alan Turing")),
        ("Ada Lovelace (Analytical Society, London), Alan Turing", ("Ada Lovelace", "Alan Turing")),
        ("Xi (Amy) Chen", ("Xi (Amy) Chen",)),
        ("", ()),
    ],
)
def test_authors_are_one_string(text: str, names: tuple[str, ...]) -> None:
    """Split at commas outside of the parentheses that hold places."""
    assert split_authors(text) == names


@pytest.mark.parametrize(
    ("day", "fact"), [(date(2026, 3, 16), "not out yet"), (date(2026, 3, 18), "of a past date is gone")]
)
def test_a_feed_of_another_date_is_an_error(day: date, fact: str) -> None:
    """Yesterday's before midnight Eastern, tomorrow's after it."""
    with pytest.raises(SourceError, match=f"feed is of {day}, not of 2026-03-17.*{fact}"):
        listing(lambda url: rss(day, rss_item(told())))


def test_an_empty_feed_is_an_error() -> None:
    """Too early, or a deferral on no list."""
    with pytest.raises(SourceError, match="of 2026-03-17 is empty: it may be too early") as caught:
        listing(lambda url: rss(DAY))
    assert "status.arxiv.org" in (caught.value.hint or "")


def test_an_empty_feed_of_the_busiest_archive_is_an_error_at_once() -> None:
    """No other feed could tell more."""
    session = Canned(lambda url: rss(DAY))

    with pytest.raises(SourceError, match="is empty"):
        Feed(session, "https://rss.test").listing(DAY, ["cs"])
    assert len(session.asked) == 1


def test_a_small_category_may_be_empty_on_a_day() -> None:
    """Believed where another feed of the day has papers and it stays empty."""
    session = Canned(in_turn(rss(DAY), rss(DAY, rss_item(told())), rss(DAY)))

    assert Feed(session, "https://rss.test").listing(DAY, ["cs.GL"]).items == ()
    assert [url.rpartition("/")[2] for url in session.asked] == ["cs.GL", "cs", "cs.GL"]


def test_an_empty_answer_out_of_turn_is_no_empty_day() -> None:
    """The second one has the papers."""
    full = rss(DAY, rss_item(told()))

    assert len(listing(in_turn(rss(DAY), full)).items) == 1


ITEM = rss_item(told())
BROKEN = {
    "html": HTML,
    "cut": rss(DAY, ITEM)[:-40],
    "blank": b"",
    "no date": rss(DAY, ITEM).replace(b"pubDate", b"date"),
    "another format": rss(DAY, ITEM).replace(b"rss", b"feed"),
    "no identifier": rss(DAY, ITEM).replace(b"oai:arXiv.org:2603.00001v1", b"x"),
    "no announce type": rss(DAY, ITEM).replace(b">new<", b">newish<"),
    "no abstract": rss(DAY, ITEM).replace(b"Abstract:", b""),
    "no title": rss(DAY, ITEM.replace("<title>", "<label>").replace("</title>", "</label>")),
    "entities": rss(DAY, ITEM).replace(b"<rss", b'<!DOCTYPE rss [<!ENTITY a "a">]><rss'),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_feed_is_asked_again(broken: bytes) -> None:
    """The second answer is whole."""
    assert len(listing(in_turn(broken, rss(DAY, ITEM))).items) == 1


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_feed_that_stays_broken_is_an_error(broken: bytes) -> None:
    """Never a shorter listing."""
    with pytest.raises(SourceError, match=r"rss\.test: .* \(5 of 5 tries\)"):
        listing(lambda url: broken)


@pytest.mark.parametrize("status", [200, 400])
def test_an_unknown_category_is_the_configs_fault(status: int) -> None:
    """ArXiv says so by a feed that is none."""
    with pytest.raises(ConfigError, match="Bad archive 'foo'"):
        listing(lambda url: (status, rss_error("Bad archive 'foo'.")), "foo.XY")


def test_a_refusal_for_another_reason_is_told_by_its_status() -> None:
    """As a proxy's page."""
    with pytest.raises(SourceError, match=r"feed of cs\.CL: HTTP 403"):
        listing(lambda url: (403, HTML))


def served(**categories: list[str]) -> Callable[[str], Answer]:
    """Feeds by category (`_` for the dot), each cut at the cap; several at once are joined before the cut."""
    feeds_of = {name.replace("_", "."): items for name, items in categories.items()}

    def answer(url: str) -> Answer:
        asked = unquote(url.rpartition("/")[2]).split("+")
        return rss(DAY, *[item for name in asked for item in feeds_of[name]][: feeds.CAP])

    return answer


def test_a_feed_at_the_cap_is_asked_by_category(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was cut comes with the single feeds; a paper in both is new if it is new in one."""
    monkeypatch.setattr(feeds, "CAP", 4)
    answer = served(
        cs_CL=[
            rss_item(told("2603.00003")),
            rss_item(told("2603.00001"), "cross"),
            rss_item(told("2603.00009"), "replace"),
        ],
        cs_CV=[rss_item(told("2603.00001")), rss_item(told("2603.00002"))],
    )

    result = listing(answer, "cs.CL", "cs.CV")

    assert found(result) == [
        ("2603.00001", "new"),
        ("2603.00002", "new"),
        ("2603.00003", "new"),
        ("2603.00009", "replace"),
    ]
    assert result.notes == ()


@pytest.mark.parametrize(
    ("last", "lost"),
    [("new", "new papers and replacements may be missing"), ("replace", ": replacements may be missing")],
)
def test_a_single_feed_at_the_cap_is_noted(monkeypatch: pytest.MonkeyPatch, last: str, lost: str) -> None:
    """Replacements come last, so where one ends the feed no new paper is lost."""
    monkeypatch.setattr(feeds, "CAP", 2)
    answer = served(cs_CL=[rss_item(told()), rss_item(told("2603.00002"), last)])

    [note] = listing(answer).notes

    assert "cs.CL ends at 2 papers" in note
    assert lost in note


def in_feed(*items: Listed) -> Listing:
    return Listing(DAY, "feed", items, notes=("an older note",))


def test_the_index_completes_a_feed() -> None:
    """Authors, categories, comment, times and references are the index's; what was announced stays."""
    bare = told(title="As announced", abstract="As announced.", authors=("A",))
    known = paper(comment="12 pages", doi="10.1/x", journal_ref="J", categories=("cs.CL", "cs.LG"))

    result = complete(in_feed(Listed(bare, "new", "a section")), {known.arxiv_id: known})

    expected = known.model_copy(update={"title": "As announced", "abstract": "As announced."})
    assert result.items == (Listed(expected, "new", "a section"),)
    assert result.notes == ("an older note",)


@pytest.mark.parametrize(("version", "updated"), [(1, NOON), (2, None), (3, NOON.replace(hour=13))])
def test_the_announced_version_stays(version: int, updated: Any) -> None:
    """If the index shows version 3, its time of update is of version 3 only; version 1's is the submission's."""
    known = paper(version=3, submitted=NOON, updated=NOON.replace(hour=13))

    [item] = complete(in_feed(Listed(told(version=version), "new")), {known.arxiv_id: known}).items

    assert (item.paper.version, item.paper.submitted, item.paper.updated) == (version, NOON, updated)


def test_papers_the_index_does_not_know_stay_and_are_noted() -> None:
    """With the feed's own text; ten are named."""
    bare = [Listed(told(f"2603.{number:05}"), "new") for number in range(1, 14)]

    result = complete(in_feed(*bare), {"2603.00001": paper("2603.00001")})

    assert result.items[1:] == tuple(bare[1:])
    assert "does not know 12 of 13 papers yet" in result.notes[1]
    assert result.notes[1].endswith("2603.00011 and 2 more.")
    assert "2603.00012" not in result.notes[1]


def test_replacements_are_not_missed() -> None:
    """Only new papers and cross-lists need the index."""
    assert complete(in_feed(Listed(told(), "replace")), {}).notes == ("an older note",)
