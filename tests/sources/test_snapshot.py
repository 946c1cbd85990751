"""Papers from bulk metadata: months are told by bytes, neighbours come along, broken records are named."""

import gzip
import json
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from digest import schedule
from digest.errors import RecordError
from digest.sources import bookmarks, streams
from digest.sources.snapshot import Seen, Snapshot, span

DAY = date(2026, 3, 17)  # a Tuesday: from Friday the 13th 18:00 to Monday the 16th 18:00 UTC

ROW: dict[str, Any] = {
    "id": "2603.00001",
    "submitter": "Ada Lovelace",
    "authors": "Ada Lovelace and Alan Turing",
    "title": "Foo: gates for\n  long sequences",
    "comments": None,
    "journal-ref": None,
    "doi": None,
    "report-no": None,
    "categories": "cs.CL cs.AI",
    "license": None,
    "abstract": "  We present\nFoo.\n",
    "versions": [{"version": "v1", "created": "Mon, 16 Mar 2026 09:18:42 GMT"}],
    "update_date": "2026-03-17",
    "authors_parsed": [["Lovelace", "Ada", ""], ["Turing", "Alan", ""]],
}

Write = Callable[..., Snapshot]


def v1(created: str) -> dict[str, Any]:
    return {"versions": [{"version": "v1", "created": created}]}


@pytest.fixture
def snapshot(tmp_path: Path) -> Write:
    """Writes records to a file as compactly as arXiv does; texts as they are."""

    def writer(*rows: dict[str, Any] | str, **options: Any) -> Snapshot:
        path = tmp_path / "snapshot.json"
        texts = (row if isinstance(row, str) else json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
        path.write_text("".join(texts), encoding="utf-8")
        return Snapshot(path, **options)

    return writer


def one(found: Snapshot, day: date = DAY) -> Seen:
    [seen] = found.sightings(day, day)
    return seen


def ids(found: Snapshot, first: date = DAY, last: date = DAY) -> list[str]:
    return [seen.arxiv_id for seen in found.sightings(first, last)]


def test_a_record_tells_when_its_paper_may_have_been_announced(snapshot: Write) -> None:
    """Without the rest of it being read."""
    seen = one(snapshot(ROW))

    assert seen.arxiv_id == "2603.00001"
    assert seen.submitted == datetime(2026, 3, 16, 9, 18, 42, tzinfo=UTC)
    assert seen.changed == date(2026, 3, 17)
    assert seen.categories == ("cs.CL", "cs.AI")


def test_a_record_becomes_a_paper_at_its_newest_version(snapshot: Write) -> None:
    """Texts on one line; submitted is the first version, updated the last, in whatever order they stand."""
    versions = [
        {"created": "Tue, 17 Mar 2026 10:00:00 GMT", "version": "v2"},
        {"created": "Mon, 16 Mar 2026 09:18:42 GMT", "version": "v1"},
        {"created": "Wed, 1 Apr 2026 10:00:00 GMT", "version": "v10"},
    ]
    told = {"versions": versions, "comments": "12\n pages", "journal-ref": "J. Foo 1", "doi": "10.1/x"}

    paper = one(snapshot({**ROW, **told})).paper()

    assert (paper.arxiv_id, paper.version, paper.title) == ("2603.00001", 10, "Foo: gates for long sequences")
    assert (paper.authors, paper.abstract) == (("Ada Lovelace", "Alan Turing"), "We present Foo.")
    assert (paper.categories, paper.comment) == (("cs.CL", "cs.AI"), "12 pages")
    assert paper.submitted == datetime(2026, 3, 16, 9, 18, 42, tzinfo=UTC)
    assert paper.updated == datetime(2026, 4, 1, 10, tzinfo=UTC)
    assert (paper.journal_ref, paper.doi) == ("J. Foo 1", "10.1/x")


@pytest.mark.parametrize(
    ("parsed", "names"),
    [
        ([["Foo", "B. C.", "Jr"]], ("B. C. Foo Jr",)),
        ([["Foo", "Bar", "", "University of Baz"]], ("Bar Foo",)),
        ([["Foo Collaboration", "", ""]], ("Foo Collaboration",)),
        ([["Foo"]], ("Foo",)),
        ([], ("Ada Lovelace", "Alan Turing")),
        (None, ("Ada Lovelace", "Alan Turing")),
    ],
)
def test_authors_are_named_as_they_sign(snapshot: Write, parsed: Any, names: tuple[str, ...]) -> None:
    """First names first, suffix last, no affiliation; from the one string where they are not parsed."""
    assert one(snapshot({**ROW, "authors_parsed": parsed})).paper().authors == names


def test_papers_of_all_categories_come(snapshot: Write) -> None:
    """Listings are told apart by all of arXiv's identifiers."""
    assert ids(snapshot(ROW, {**ROW, "id": "2603.00002", "categories": "math.CO"})) == ["2603.00001", "2603.00002"]


def test_identifiers_of_other_months_are_left_out(snapshot: Write) -> None:
    """Also those submitted in this one: an identifier tells the month of announcement."""
    assert ids(snapshot({**ROW, "id": "2602.00001"}, {**ROW, "id": "2604.00001"}, {**ROW, "id": "0703.00001"})) == []


def test_records_of_other_months_are_not_parsed(snapshot: Write) -> None:
    """So a snapshot of gigabytes is read at the speed of the disk, and what is wrong in it elsewhere does no harm."""
    assert ids(snapshot('{"id":"2512.00001", broken\n', ROW)) == ["2603.00001"]


@pytest.mark.parametrize("day", [date(2026, 4, 1), date(2026, 4, 2)])
def test_the_beginning_of_a_month_has_two_kinds_of_identifiers(snapshot: Write, day: date) -> None:
    """The listing of the first is announced on the evening before, under the old month; the second's neighbour."""
    rows = [
        {**ROW, "id": "2603.29999", **v1("Tue, 31 Mar 2026 10:00:00 GMT")},
        {**ROW, "id": "2604.00001", **v1("Tue, 31 Mar 2026 10:00:00 GMT")},
    ]

    assert ids(snapshot(*rows), day, day) == ["2603.29999", "2604.00001"]


def test_old_identifiers_have_their_month_too(snapshot: Write) -> None:
    """Behind the archive, with or without a backslash before the slash."""
    rows = (
        json.dumps({**ROW, "id": name, **v1("Tue, 5 Jan 1999 10:00:00 GMT")}) + "\n"
        for name in ("hep-th/9901001", "math.GT/9901002", "cs/9812001", "cs/9902001")
    )
    text = [row.replace("math.GT/", r"math.GT\/") for row in rows]

    assert ids(snapshot(*text), date(1999, 1, 6), date(1999, 1, 6)) == ["hep-th/9901001", "math.GT/9901002"]


def test_neighbours_on_both_sides_come_along(snapshot: Write) -> None:
    """The end of a listing is seen where the next begins; what was submitted later still is left out."""
    rows = [
        {**ROW, "id": "2603.00001", **v1("Mon, 2 Mar 2026 10:00:00 GMT")},
        {**ROW, "id": "2603.00002", **v1("Tue, 17 Mar 2026 18:00:00 GMT")},
        {**ROW, "id": "2603.00003", **v1("Tue, 17 Mar 2026 18:00:01 GMT")},
    ]

    assert ids(snapshot(*rows)) == ["2603.00001", "2603.00002"]


def test_a_paper_held_for_months_is_not_lost(snapshot: Write) -> None:
    """Its identifier counts, not its time."""
    assert ids(snapshot({**ROW, **v1("Mon, 1 Sep 2025 10:00:00 GMT")})) == ["2603.00001"]


def test_a_weekend_is_no_error(snapshot: Write) -> None:
    """The listing after it comes along."""
    row = {**ROW, **v1("Fri, 13 Mar 2026 10:00:00 GMT")}

    assert ids(snapshot(row), date(2026, 3, 14), date(2026, 3, 15)) == ["2603.00001"]


def test_holidays_of_ones_own_move_the_windows(snapshot: Write) -> None:
    """Without a listing on the 18th, the next one reaches a day further."""
    row = {**ROW, **v1("Wed, 18 Mar 2026 10:00:00 GMT")}

    assert ids(snapshot(row)) == []
    assert ids(snapshot(row, holidays=[date(2026, 3, 17)])) == ["2603.00001"]


def test_a_repeated_record_comes_once(snapshot: Write) -> None:
    """The first one counts."""
    assert one(snapshot(ROW, {**ROW, "title": "Bar"})).paper().title == "Foo: gates for long sequences"


@pytest.mark.parametrize("text", ['{"id":"2603.00002","ti', '{"i', '{"id":"2512.00002","ti'])
def test_a_file_that_breaks_off_is_an_error(snapshot: Write, text: str) -> None:
    """A download was stopped: what is left must not pass for the whole, whatever month the last line is of."""
    found = snapshot(ROW, text)

    with pytest.raises(RecordError, match=r"snapshot\.json:2: "):
        ids(found)


@pytest.mark.parametrize(
    ("fields", "fact"),
    [
        ({"id": 2603.1}, "id: text is due"),
        ({"id": "2603.1"}, "no arXiv identifier"),
        ({"versions": None}, "versions: 'None' can't be read"),
        ({"versions": []}, "versions: there are none"),
        ({"versions": ["v1"]}, "versions: "),
        ({"versions": [{"version": "v1"}]}, "versions: "),
        ({"versions": [{"version": 1, "created": "Mon, 16 Mar 2026 09:18:42 GMT"}]}, "versions: "),
        ({"versions": [{"version": "v1", "created": "yesterday"}]}, "versions: "),
        ({"update_date": "today"}, "today"),
        ({"categories": 5}, "categories: "),
        ({"title": " "}, "title: "),
        ({"abstract": None}, "abstract: "),
        ({"authors_parsed": [5]}, "authors_parsed: "),
        ({"authors_parsed": [[]]}, "authors_parsed: "),
    ],
)
def test_an_unreadable_record_is_named(snapshot: Write, fields: dict[str, Any], fact: str) -> None:
    """By its file, line and fault, at the latest when its paper is asked for."""
    found = snapshot(ROW, {**ROW, "id": "2603.00002", **fields})

    with pytest.raises(RecordError) as caught:
        [seen.paper() for seen in found.sightings(DAY, DAY)]
    assert "snapshot.json:2: " in str(caught.value)
    assert fact in str(caught.value)


def test_a_broken_record_in_the_middle_is_no_end(snapshot: Write) -> None:
    """Nothing is dropped in silence."""
    with pytest.raises(RecordError, match=r"snapshot\.json:1: "):
        ids(snapshot('{"id":"2603.00002","ti\n', ROW))


def test_a_broken_record_is_handed_over_by_its_identifier(snapshot: Write) -> None:
    """Its month and number stand at its beginning; without them it may be of any month, and is an error."""
    lost: dict[str, RecordError] = {}
    found = snapshot('{"id":"hep-th\\/2603002","ti\n', '{"id":"2603.00002","ti\n', ROW)

    assert [seen.arxiv_id for seen in found.sightings(DAY, DAY, lost)] == ["2603.00001"]
    assert [(name, str(error).partition(": ")[0][-3:]) for name, error in lost.items()] == [
        ("hep-th/2603002", "n:1"),
        ("2603.00002", "n:2"),
    ]
    assert snapshot('{"id":"2603.00002","ti\n', ROW).covered() == (date(2026, 3, 1), DAY)
    for line in ('{"title":"Foo"}\n', '{"id":"","ti\n', "\0\0\n"):
        with pytest.raises(RecordError, match=r"snapshot\.json:1: "):
            list(snapshot(line, ROW).sightings(DAY, DAY, {}))


def test_memory_stays_flat(snapshot: Write) -> None:
    """Ten thousand records of other months leave nothing behind."""
    other = json.dumps({**ROW, "id": "2501.00001", "abstract": "Foo " * 200}) + "\n"
    found = snapshot(other * 10_000, ROW)

    tracemalloc.start()
    try:
        assert ids(found) == ["2603.00001"]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


def test_the_second_reading_takes_the_months_alone(snapshot: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """One pass has noted where they stand; what names no month is read each time."""
    rows = [{**ROW, "id": f"{month}.00001", **v1("Mon, 16 Feb 2026 10:00:00 GMT")} for month in range(2501, 2513)]
    found = snapshot(*rows, {**ROW, "id": "2602.00001", **v1("Mon, 16 Feb 2026 10:00:00 GMT")}, ROW, "\n")
    assert ids(found) == ["2603.00001"]
    read: list[bytes] = []
    real = streams.placed

    def counted(*given: Any) -> Iterator[tuple[int, int, bytes]]:
        for number, start, line in real(*given):
            read.append(line)
            yield number, start, line

    monkeypatch.setattr(bookmarks, "placed", counted)

    assert ids(found, date(2026, 2, 17), date(2026, 2, 17)) == ["2602.00001"]
    assert len(read) == 1


@pytest.mark.parametrize("month", ["2603", "2512"])
def test_a_packed_snapshot_reads_the_same_twice(tmp_path: Path, month: str) -> None:
    """From end to end, then unpacked; broken off, it is an error both times."""
    rows = json.dumps(ROW) + "\n" + json.dumps({**ROW, "id": f"{month}.00002"})
    path = tmp_path / "snapshot.json.gz"
    path.write_bytes(gzip.compress(rows.encode() + b"\n"))
    found = Snapshot(path)

    assert ids(found) == ids(found) == ["2603.00001", "2603.00002"][: 1 + (month == "2603")]

    path.write_bytes(gzip.compress(rows[:-9].encode()))
    for _ in range(2):
        with pytest.raises(RecordError, match=r"snapshot\.json\.gz:2: "):
            ids(found)


def test_it_covers_its_months_up_to_its_newest_paper(snapshot: Write) -> None:
    """Identifiers of the last century come first; the newest paper's window tells the last listing."""
    old = {**ROW, "id": "hep-th/9108001", **v1("Wed, 14 Aug 1991 20:00:00 GMT")}

    assert snapshot(ROW, {**ROW, "id": "0704.00001"}, old).covered() == (date(1991, 8, 1), DAY)
    assert snapshot(ROW).covered() == (date(2026, 3, 1), DAY)


@pytest.mark.parametrize("row", ["", '{"id":"2699.00001"}\n'])
def test_a_file_without_a_month_covers_nothing(snapshot: Write, row: str) -> None:
    """Empty, or of no month that there is."""
    assert snapshot(row).covered() is None


@given(st.dates(date(1992, 1, 1), date(2040, 1, 1)), st.integers(0, 70))
def test_the_span_holds_every_month_and_window_of_its_listings(first: date, days: int) -> None:
    """An identifier's month is that of the announcement, on the evening before the listing's date."""
    last = date.fromordinal(first.toordinal() + days)
    listings = schedule.between(first, last)
    assume(listings)

    months, end = span(first, last)

    for listing in listings:
        announced = schedule.announced_at(listing).astimezone(schedule.EASTERN)
        assert f"{announced:%y%m}".encode() in months
        assert schedule.window(listing).end < end
    assert len(months) <= 2 + (days + 10) // 28


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["version", "created"]), inner),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(sorted(ROW)), json_values))
def test_any_record_is_read_left_out_or_complained_of(tmp_path: Path, fields: dict[str, Any]) -> None:
    """Whatever stands in the fields, no other error comes out."""
    path = tmp_path / "snapshot.json"
    path.write_text(json.dumps({**ROW, **fields}) + "\n", encoding="utf-8")

    def outcome() -> int | str:
        try:
            return len([seen.paper() for seen in Snapshot(path).sightings(DAY, DAY)])
        except RecordError as error:
            return str(error)

    found = outcome()

    assert found in (0, 1) or str(found).startswith(f"{path}:1: ")
