"""Papers and cards from another tool's folder: what it lost is there, what is no card is not."""

import json
import logging
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fakes import GOOD
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.errors import ConfigError, RecordError
from digest.models import FIELDS, Listing
from digest.sources.archive import Archive

FRIDAY, SATURDAY, MONDAY = date(2026, 3, 13), date(2026, 3, 14), date(2026, 3, 16)
ENHANCED = "_AI_enhanced_Chinese"

Write = Callable[..., Path]


def row(arxiv_id: str, **fields: Any) -> dict[str, Any]:
    """A row as the tool crawls it."""
    return {
        "id": arxiv_id,
        "categories": ["cs.CL", "cs.AI"],
        "pdf": f"https://arxiv.org/pdf/{arxiv_id}",
        "abs": f"https://arxiv.org/abs/{arxiv_id}",
        "authors": ["Ada Lovelace"],
        "title": f"Foo {arxiv_id}",
        "comment": None,
        "summary": "We present\nFoo.",
        **fields,
    }


def carded(arxiv_id: str, **fields: Any) -> dict[str, Any]:
    """A row with a card, some of its fields replaced."""
    return row(arxiv_id, AI={**GOOD, **fields})


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a daily file and returns its folder."""

    def writer(stamp: date | str, *rows: dict[str, Any], kind: str = "", tail: str = "") -> Path:
        text = "".join(json.dumps(one) + "\n" for one in rows)
        (tmp_path / f"{stamp}{kind}.jsonl").write_text(text + tail, encoding="utf-8")
        return tmp_path

    return writer


def ids(listing: Listing) -> list[str]:
    return [item.paper.arxiv_id for item in listing.items]


def test_dates_are_those_of_the_files(write: Write) -> None:
    """Each once, oldest first; other files don't count."""
    write(MONDAY, row("2603.00002"))
    write(MONDAY, kind=ENHANCED)
    write("2026-13-01")
    write("2026-03-12_notes")
    folder = write(FRIDAY, row("2603.00001"))
    (folder / "README.md").touch()
    (folder / "2026-03-12.jsonl").mkdir()

    assert Archive(folder).dates() == (FRIDAY, MONDAY)


def test_the_files_may_stand_in_data(write: Write) -> None:
    """As in a clone of the tool's branch."""
    folder = write(FRIDAY, row("2603.00001"))
    (folder / "data").mkdir()
    (folder / "2026-03-13.jsonl").rename(folder / "data" / "2026-03-13.jsonl")

    assert ids(Archive(folder).listing(FRIDAY, [])) == ["2603.00001"]


@pytest.mark.parametrize("name", [".", "missing"])
def test_a_folder_without_daily_files_is_refused(tmp_path: Path, name: str) -> None:
    """The message says which names are looked for."""
    with pytest.raises(ConfigError, match="no daily file") as caught:
        Archive(tmp_path / name)
    assert caught.value.hint
    assert "2026-03-17_AI_enhanced_Chinese.jsonl" in caught.value.hint


def test_papers_lost_between_crawl_and_card_are_there_without_one(write: Write) -> None:
    """In the order of the crawl; what only the second file has comes behind."""
    write(FRIDAY, row("2603.00002"), row("2603.00001"), row("2603.00003"))
    folder = write(FRIDAY, carded("2603.00003"), carded("2603.00004"), carded("2603.00002"), kind=ENHANCED)

    listing = Archive(folder).listing(FRIDAY, ["cs.CL"])

    assert ids(listing) == ["2603.00002", "2603.00001", "2603.00003", "2603.00004"]
    assert sorted(listing.replies) == ["2603.00002", "2603.00003", "2603.00004"]
    assert json.loads(listing.replies["2603.00002"]) == GOOD
    assert (listing.announced, listing.source, listing.notes) == (FRIDAY, "file", ())


def test_one_of_the_two_files_is_enough(write: Write) -> None:
    """Either one."""
    write(FRIDAY, row("2603.00001"))
    archive = Archive(write(MONDAY, carded("2603.00002"), kind=ENHANCED))

    assert archive.listing(FRIDAY, []).replies == {}
    assert list(archive.listing(MONDAY, []).replies) == ["2603.00002"]


def test_a_row_becomes_a_paper(write: Write) -> None:
    """The text "None" is no comment; a paper of another primary category is a cross-list."""
    [item] = Archive(write(FRIDAY, row("2603.00001", comment="None"))).listing(FRIDAY, ["cs.AI"]).items

    assert (item.paper.title, item.paper.abstract) == ("Foo 2603.00001", "We present Foo.")
    assert (item.paper.authors, item.paper.comment) == (("Ada Lovelace",), None)
    assert item.announce_type == "cross"


def test_repeated_rows_come_once(write: Write) -> None:
    """The tool writes a paper once for each category page that it stands on."""
    folder = write(FRIDAY, row("2603.00001"), row("2603.00002"), row("2603.00001"))

    assert ids(Archive(folder).listing(FRIDAY, [])) == ["2603.00001", "2603.00002"]


def test_rows_of_other_categories_are_left_out(write: Write) -> None:
    """With their cards; a note says so where none is left."""
    listing = Archive(write(FRIDAY, carded("2603.00001"), kind=ENHANCED)).listing(FRIDAY, ["math.CO"])

    assert (listing.items, listing.replies) == ((), {})
    assert "has 1 papers of this date, none of them in these categories." in listing.notes[0]


@pytest.mark.parametrize(
    "fields",
    [
        {"tldr": "Summary generation failed", "method": "Method extraction failed"},
        {"result": "Result analysis unavailable"},
        {"conclusion": ""},
        {"conclusion": None},
        {"tldr": r"\u672c\u6587"},
        dict.fromkeys(FIELDS, "Error"),
        dict.fromkeys(FIELDS, "The content has not passed the compliance test"),
        dict.fromkeys(FIELDS, "摘要生成失败"),
    ],
)
def test_failure_texts_are_no_card(write: Write, fields: dict[str, Any]) -> None:
    """The paper stays and will be asked for anew."""
    listing = Archive(write(FRIDAY, carded("2603.00001", **fields), kind=ENHANCED)).listing(FRIDAY, [])

    assert (ids(listing), listing.replies) == (["2603.00001"], {})


@pytest.mark.parametrize("held", ["Error", None, [], {}])
def test_a_card_of_another_kind_is_none(write: Write, held: Any) -> None:
    """Whatever stands there."""
    assert Archive(write(FRIDAY, row("2603.00001", AI=held))).listing(FRIDAY, []).replies == {}


def test_the_first_good_card_counts(write: Write) -> None:
    """A failed row does not hide the good one behind it, nor do cards of another language a Chinese one."""
    write(FRIDAY, carded("2603.00001", tldr="日本語の要約。"), kind="_AI_enhanced_Arabic")
    folder = write(FRIDAY, carded("2603.00001", tldr="Error"), carded("2603.00001"), kind=ENHANCED)

    assert json.loads(Archive(folder).listing(FRIDAY, []).replies["2603.00001"]) == GOOD


def test_a_weekend_repeats_the_listing_before(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    """It is no date of its own, but fills in what the first crawl and its cards lack; that is said."""
    write(FRIDAY, row("2603.00001"))
    archive = Archive(write(SATURDAY, carded("2603.00001"), row("2603.00002")))

    with caplog.at_level(logging.INFO):
        assert archive.dates() == (FRIDAY,)
    assert "repeats: 2026-03-14" in caplog.text
    assert archive.repeats() == (SATURDAY,)
    listing = archive.listing(FRIDAY, [])
    assert (ids(listing), list(listing.replies)) == (["2603.00001", "2603.00002"], ["2603.00001"])
    assert listing.notes == ("2026-03-14.jsonl adds 1 papers: arXiv has no listing of its date.",)


def test_a_listing_may_be_known_from_its_repeat_only(write: Write) -> None:
    """A missed Friday is saved by Saturday's crawl."""
    archive = Archive(write(SATURDAY, row("2603.00001")))

    assert archive.dates() == (FRIDAY,)
    assert ids(archive.listing(FRIDAY, [])) == ["2603.00001"]


def test_holidays_of_ones_own_count(write: Write) -> None:
    """A file of a day that arXiv took off shows the listing before it."""
    folder = write(date(2026, 3, 18), row("2603.00001"))

    assert Archive(folder, holidays=[date(2026, 3, 17)]).dates() == (date(2026, 3, 17),)


def test_a_date_without_a_listing_points_to_the_one_before(write: Write) -> None:
    """The files are there, under another date."""
    write(FRIDAY, row("2603.00001"))
    archive = Archive(write(SATURDAY, row("2603.00001")))

    with pytest.raises(ConfigError, match="no listing of 2026-03-14; its file shows the one of 2026-03-13") as caught:
        archive.listing(SATURDAY, [])
    assert caught.value.hint == "--date 2026-03-13"


def test_a_date_without_a_file_is_refused(write: Write) -> None:
    """The message says what there is."""
    write(FRIDAY)
    archive = Archive(write(MONDAY))

    with pytest.raises(ConfigError, match="no file of 2026-03-12; its 2 dates: 2026-03-13 to 2026-03-16"):
        archive.listing(date(2026, 3, 12), [])


def test_a_listing_that_the_crawl_missed_is_doubted(write: Write) -> None:
    """On some mornings the tool is too early and takes yesterday's papers for today's."""
    write(FRIDAY, *(row(f"2603.0000{n}") for n in range(1, 10)))
    archive = Archive(write(MONDAY, *(row(f"2603.0000{n}") for n in range(1, 10)), row("2603.00010")))

    assert archive.listing(FRIDAY, []).notes == ()
    [note] = archive.listing(MONDAY, []).notes
    assert note == "Nearly all these papers stand in the archive under 2026-03-13 too: it seems to lack this listing."


def test_a_few_old_papers_raise_no_doubt(write: Write) -> None:
    """Cross-lists come again."""
    write(FRIDAY, *(row(f"2603.0000{n}") for n in range(1, 10)))
    archive = Archive(write(MONDAY, row("2603.00009"), row("2603.00010")))

    assert archive.listing(MONDAY, []).notes == ()


def test_a_last_line_that_breaks_off_is_noted(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    """The tool was stopped while it wrote: the rest of the file is good."""
    folder = write(FRIDAY, row("2603.00001"), tail='{"id": "2603.00002", "ti')

    listing = Archive(folder).listing(FRIDAY, [])

    assert ids(listing) == ["2603.00001"]
    assert listing.notes == ("2026-03-13.jsonl breaks off in line 2; papers may be missing.",)
    assert "2026-03-13.jsonl:2: the file breaks off here" in caplog.text


@pytest.mark.parametrize(
    ("tail", "place"),
    [
        ('{"id": "2603.00002", "ti\n', "2: "),
        ('{"id": "2603.00002", "ti\n{}\n', "2: "),
        ("5\n", "2: a JSON object is due"),
        ('{"id": "2603.00002", "title": "Foo"}', "2: abstract"),
    ],
)
def test_an_unreadable_line_is_named(write: Write, tail: str, place: str) -> None:
    """By its file, number and reason: never dropped in silence."""
    folder = write(FRIDAY, row("2603.00001"), tail=tail)

    with pytest.raises(RecordError) as caught:
        Archive(folder).listing(FRIDAY, [])
    assert str(caught.value).startswith(f"{folder / '2026-03-13.jsonl'}:{place}")


def test_a_file_of_nothing_but_half_a_line_is_broken(write: Write) -> None:
    """There is nothing in it to go on with."""
    with pytest.raises(RecordError, match=r"2026-03-13\.jsonl:1: "):
        Archive(write(FRIDAY, tail='{"id"')).listing(FRIDAY, [])


def test_an_empty_file_is_an_empty_listing_that_says_so(write: Write) -> None:
    """Its writer was stopped before the first line."""
    said = "2026-03-13.jsonl is empty; papers may be missing."

    assert Archive(write(FRIDAY)).listing(FRIDAY, []) == Listing(FRIDAY, "file", (), notes=(said,))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 9), st.booleans(), st.booleans()), max_size=12))
def test_no_paper_and_no_good_card_is_lost(tmp_path: Path, rows: list[tuple[int, bool, bool]]) -> None:
    """Every paper of either file comes once, with a card if one of its rows has a good one."""
    folder = tmp_path / "archive"
    folder.mkdir(exist_ok=True)
    for kind in ("", ENHANCED):
        told = (
            carded(f"2603.0000{n}") if good else row(f"2603.0000{n}")
            for n, good, is_late in rows
            if is_late == bool(kind)
        )
        (folder / f"{FRIDAY}{kind}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in told), encoding="utf-8")

    listing = Archive(folder).listing(FRIDAY, [])

    assert sorted(ids(listing)) == sorted({f"2603.0000{n}" for n, _, _ in rows})
    assert set(listing.replies) == {f"2603.0000{n}" for n, good, _ in rows if good}
