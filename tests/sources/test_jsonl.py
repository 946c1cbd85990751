"""Papers from a file, in the spellings of strangers; every line is read or complained of."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from fakes import GOOD
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.errors import RecordError
from digest.models import Listed, Listing, Paper
from digest.sources.jsonl import JsonLines

DAY = date(2026, 3, 17)
ROW = {"id": "2603.00001", "title": "Foo", "abstract": "We present Foo."}

Read = Callable[..., Listing]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Writes rows to a file and reads its listing."""

    def reader(*rows: Any, categories: tuple[str, ...] = ()) -> Listing:
        path = tmp_path / "papers.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return JsonLines(path).listing(DAY, categories)

    return reader


def one(listing: Listing) -> Paper:
    [item] = listing.items
    return item.paper


def test_the_least_a_row_needs_is_an_identifier_a_title_and_an_abstract(read: Read) -> None:
    """All else is empty, the version is the first, the paper is new."""
    listing = read(ROW)

    paper = Paper(arxiv_id="2603.00001", version=1, title="Foo", authors=(), abstract="We present Foo.", categories=())
    assert listing == Listing(DAY, "file", (Listed(paper, "new"),))


def test_a_full_row_fills_every_field(read: Read) -> None:
    """In our own names."""
    paper = one(
        read(
            {
                **ROW,
                "version": 2,
                "authors": ["Ada Lovelace"],
                "categories": ["cs.CL", "cs.AI"],
                "submitted": "2026-03-14T10:00:00Z",
                "updated": "2026-03-15T12:00:00+02:00",
                "comment": "12\n pages",
                "journal_ref": "J. Foo 1",
                "doi": "10.1/x",
            }
        )
    )

    assert paper.version == 2
    assert (paper.authors, paper.categories) == (("Ada Lovelace",), ("cs.CL", "cs.AI"))
    assert paper.submitted == datetime(2026, 3, 14, 10, tzinfo=UTC)
    assert paper.updated == datetime(2026, 3, 15, 10, tzinfo=UTC)
    assert (paper.comment, paper.journal_ref, paper.doi) == ("12 pages", "J. Foo 1", "10.1/x")


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        ({"id": None, "arxiv_id": "2603.00002v3"}, "arxiv_id", "2603.00002"),
        ({"id": None, "entry_id": "http://arxiv.org/abs/2603.00002v3"}, "version", 3),
        ({"id": "2603.00001v2", "version": 5}, "version", 5),
        ({"version": "v4"}, "version", 4),
        ({"abstract": None, "summary": "A summary."}, "abstract", "A summary."),
        ({"authors": [{"name": "Ada Lovelace"}, "Alan Turing"]}, "authors", ("Ada Lovelace", "Alan Turing")),
        ({"authors": "A. Lovelace, B. Turing and C. Noether"}, "authors", ("A. Lovelace", "B. Turing", "C. Noether")),
        ({"authors": "A. Sandoval, B. Andand"}, "authors", ("A. Sandoval", "B. Andand")),
        ({"categories": "cs.CL cs.AI"}, "categories", ("cs.CL", "cs.AI")),
        ({"categories": ["cs.AI", "68T45", "cs.CL"], "primary_category": "cs.CL"}, "categories", ("cs.CL", "cs.AI")),
        ({"comments": "12 pages"}, "comment", "12 pages"),
        ({"comment": ""}, "comment", None),
        ({"comment": "None"}, "comment", None),
        ({"journal-ref": "J. Foo 1"}, "journal_ref", "J. Foo 1"),
        ({"published": "2026-03-14"}, "submitted", datetime(2026, 3, 14, tzinfo=UTC)),
        ({"date": "2026-03-14"}, "updated", datetime(2026, 3, 14, tzinfo=UTC)),
        ({"update_date": "2026-03-14T01:02:03"}, "updated", datetime(2026, 3, 14, 1, 2, 3, tzinfo=UTC)),
        ({"title": "  Foo\n bar\u0000 "}, "title", "Foo bar"),
    ],
)  # fmt: skip
def test_other_spellings_are_read(read: Read, fields: dict[str, Any], name: str, value: Any) -> None:
    """Those of the arxiv package, of arXiv's own snapshots and of other tools."""
    assert getattr(one(read({**ROW, **fields})), name) == value


def test_unknown_fields_are_left_alone(read: Read) -> None:
    """Strangers' files hold more than we ask for."""
    assert one(read({**ROW, "likes": 7, "AI": "none"})).title == "Foo"


@pytest.mark.parametrize("key", ["kind", "announce_type"])
def test_a_row_may_say_how_it_was_announced(read: Read, key: str) -> None:
    """Under either name."""
    assert read({**ROW, key: "replace"}).items[0].announce_type == "replace"


def test_rows_of_other_categories_are_left_out(read: Read) -> None:
    """A row is taken by any of its categories, by an archive too; without categories always."""
    rows = [
        {**ROW, "id": "2603.00001", "categories": ["cs.CL"]},
        {**ROW, "id": "2603.00002", "categories": ["math.CO"]},
        {**ROW, "id": "2603.00003"},
    ]

    for asked in (("cs.CL",), ("cs",), ("cs.*", "stat.ML")):
        assert [item.paper.arxiv_id for item in read(*rows, categories=asked).items] == ["2603.00001", "2603.00003"]
    assert len(read(*rows).items) == 3


@pytest.mark.parametrize(("kind", "seen"), [("new", "cross"), ("replace", "replace-cross"), ("cross", "cross")])
def test_a_paper_of_another_primary_category_is_a_cross_list(read: Read, kind: str, seen: str) -> None:
    """As arXiv's own feeds have it."""
    row = {**ROW, "kind": kind, "categories": ["cs.CL", "cs.AI"]}

    assert read(row, categories=("cs.AI",)).items[0].announce_type == seen
    assert read(row, categories=("cs.CL",)).items[0].announce_type == kind


def test_a_section_is_kept_and_keeps_its_row(read: Read) -> None:
    """The file's own groups count more than categories."""
    [item] = read({**ROW, "section": "Video  Things", "categories": ["cs.CV"]}, categories=("cs.CL",)).items

    assert (item.section, item.paper.categories, item.announce_type) == ("Video Things", ("cs.CV",), "new")


@pytest.mark.parametrize(("section", "categories"), [("cs.CV", ("cs.CV",)), ("hep-th", ("hep-th",)), ("video", ())])
def test_a_section_may_be_the_category(read: Read, section: str, categories: tuple[str, ...]) -> None:
    """If it looks like one and the row names none."""
    [item] = read({**ROW, "section": section}, categories=("cs.CL",)).items

    assert (item.section, item.paper.categories) == (section, categories)


def test_rows_of_another_date_are_left_out(read: Read) -> None:
    """If all are, a note says so."""
    rows = [{**ROW, "announced": "2026-03-16"}, {**ROW, "announced": "2026-03-17", "title": "Bar"}]

    assert one(read(*rows)).title == "Bar"
    assert read(rows[0]).notes == ("papers.jsonl has 1 rows, none of them of this date and these categories.",)


def test_a_repeated_row_comes_once(read: Read) -> None:
    """Under another section it is another line of the listing."""
    listing = read(ROW, {**ROW, "section": "Foo"}, ROW)

    assert [item.section for item in listing.items] == [None, "Foo"]


@pytest.mark.parametrize("held", [lambda card: card, lambda card: {"AI": card}, lambda card: {"card": card}])
def test_a_card_comes_as_a_reply(read: Read, held: Callable[[dict[str, str]], dict[str, Any]]) -> None:
    """With exactly the five fields, wherever the row holds them."""
    listing = read({**ROW, **held({**GOOD, "motivation": " Because\nof it. "}), "number": 1})

    assert list(listing.replies) == ["2603.00001"]
    assert json.loads(listing.replies["2603.00001"]) == {**GOOD, "motivation": "Because of it."}


@pytest.mark.parametrize("fields", [{"tldr": None}, {"result": 5}, {"method": " "}])
def test_a_card_that_is_not_whole_is_none(read: Read, fields: dict[str, Any]) -> None:
    """The paper is summarized like any other."""
    assert read({**ROW, **GOOD, **fields}).replies == {}


def test_a_file_may_begin_with_a_byte_order_mark_and_have_blank_lines(tmp_path: Path) -> None:
    """As editors leave them."""
    path = tmp_path / "papers.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(ROW).encode() + b"\r\n\r\n  \n")

    assert one(JsonLines(path).listing(DAY, [])).title == "Foo"


def test_the_sample_says_that_it_is_one(tmp_path: Path) -> None:
    """Its editions must not pass for news."""
    path = tmp_path / "papers.jsonl"
    path.write_text(json.dumps(ROW), encoding="utf-8")

    assert JsonLines(path, source="sample").listing(DAY, []).source == "sample"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "Expecting property name"),
        (b'["2603.00001"]', "a JSON object is due"),
        (b'{"title": "\xff"}', "utf-8"),
        (b'{"title": "Foo", "abstract": "x"}', "no arXiv identifier"),
        (b'{"id": 2603.1, "title": "Foo", "abstract": "x"}', "id: text is due"),
        (b'{"id": "2603.00001", "abstract": "x"}', "title: "),
        (b'{"id": "2603.00001", "title": "Foo"}', "abstract: "),
        (b'{"id": "2603.00001", "title": "Foo", "abstract": "x", "version": 0}', "version: '0'"),
        (b'{"id": "2603.00001", "title": "Foo", "abstract": "x", "version": true}', "version: 'True'"),
        (b'{"id": "2603.00001", "title": "Foo", "abstract": "x", "kind": "old"}', "kind: 'old' is none of new, cross"),
        (b'{"id": "2603.00001", "title": "Foo", "abstract": "x", "authors": 5}', "authors: "),
        (b'{"id": "2603.00001", "title": "Foo", "abstract": "x", "authors": [{"last": "B"}]}', "authors: "),
        (b'{"id": "2603.00001", "title": "Foo", "abstract": "x", "categories": {"a": 1}}', "categories: "),
        (b'{"id": "2603.00001", "title": "Foo", "abstract": "x", "date": "last week"}', "updated: 'last week'"),
        (b'{"id": "2603.00001", "title": "Foo", "abstract": "x", "date": "0001-01-01T00:00+09:00"}', "updated: "),
        (b'{"id": "2603.00001", "title": "Foo", "abstract": "x", "announced": "today"}', "today"),
        (b"[" * 100_000, "recursion"),
    ],
)
def test_an_unreadable_line_is_named(tmp_path: Path, line: bytes, reason: str) -> None:
    """By its file, number and reason: never dropped in silence."""
    path = tmp_path / "papers.jsonl"
    path.write_bytes(json.dumps(ROW).encode() + b"\n\n" + line + b"\n")

    with pytest.raises(RecordError) as caught:
        JsonLines(path).listing(DAY, [])
    assert str(caught.value).startswith(f"{path}:3: ")
    assert reason in str(caught.value)


@pytest.mark.parametrize("name", ["missing.jsonl", "."])
def test_a_file_that_can_not_be_read_is_named(tmp_path: Path, name: str) -> None:
    """Missing, or a folder."""
    with pytest.raises(RecordError, match="can't be read"):
        JsonLines(tmp_path / name).listing(DAY, [])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(
    [
        "id",
        "version",
        "title",
        "authors",
        "abstract",
        "categories",
        "kind",
        "comment",
        "date",
        "section",
        "AI",
        "announced",
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(names, json_values))
def test_any_row_is_read_left_out_or_complained_of(tmp_path: Path, fields: dict[str, Any]) -> None:
    """Whatever stands in the fields, no other error comes out."""
    path = tmp_path / "papers.jsonl"
    path.write_text(json.dumps({**ROW, **fields}), encoding="utf-8")

    def outcome() -> int | str:
        try:
            listing = JsonLines(path).listing(DAY, [])
        except RecordError as error:
            return str(error).removeprefix(f"{path}:1: ")
        return len(listing.items) + len(listing.notes)

    found = outcome()

    assert found == 1 or (isinstance(found, str) and not found.startswith(str(path)))


# ------------------------------------------------------------------------------------------ many dates


def dated(path: Path, *days: str | None) -> JsonLines:
    """A file of a row for each date, numbered."""
    rows = ({**ROW, "id": f"2603.{n:05}", **({"announced": day} if day else {})} for n, day in enumerate(days, 1))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return JsonLines(path)


def test_a_file_tells_the_dates_that_it_names(tmp_path: Path) -> None:
    """Oldest first, each once; rows without one name none."""
    named = dated(tmp_path / "papers.jsonl", "2026-03-18", None, "2026-03-17T00:00:00Z", "2026-03-18")

    assert named.dates() == (DAY, date(2026, 3, 18))
    assert dated(tmp_path / "other.jsonl", None).dates() == ()


def test_the_second_listing_reads_its_own_rows_alone(tmp_path: Path) -> None:
    """And finds the same as the first: a file of years is not read for each of its dates."""
    one = dated(tmp_path / "papers.jsonl", *["2026-03-17", None, "2026-03-18", "2026-03-19"] * 2)
    days = [date(2026, 3, day) for day in (17, 18, 19, 20)]
    whole = [JsonLines(tmp_path / "papers.jsonl").listing(day, ()) for day in days]

    assert [one.listing(day, ()) for day in days] == whole
    assert [[item.paper.arxiv_id[-1] for item in listing.items] for listing in whole] == [
        ["1", "2", "5", "6"],
        ["2", "3", "6", "7"],
        ["2", "4", "6", "8"],
        ["2", "6"],
    ]


def test_a_date_without_rows_counts_those_of_the_file(tmp_path: Path) -> None:
    """Its note is the same, however the file was read."""
    one = dated(tmp_path / "papers.jsonl", "2026-03-17", "2026-03-18")
    one.dates()

    assert one.listing(date(2026, 3, 20), ()).notes == (
        "papers.jsonl has 2 rows, none of them of this date and these categories.",
    )


@pytest.mark.parametrize("line", ["{", '{"announced": "today"}', '{"announced": 5}'])
def test_a_row_whose_date_can_not_be_told_is_named(tmp_path: Path, line: str) -> None:
    """By its line: it may belong to any."""
    path = tmp_path / "papers.jsonl"
    path.write_text(f"{json.dumps(ROW)}\n{line}\n", encoding="utf-8")

    with pytest.raises(RecordError, match=r"papers\.jsonl:2: "):
        JsonLines(path).dates()


def test_rows_that_are_added_meanwhile_are_read(tmp_path: Path) -> None:
    """The file is looked at again for each listing."""
    path = tmp_path / "papers.jsonl"
    one = dated(path, "2026-03-17")
    assert one.dates() == (DAY,)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({**ROW, "id": "2603.00009", "announced": "2026-03-17"}) + "\n")

    assert len(one.listing(DAY, ()).items) == 2
