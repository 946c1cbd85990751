"""Editions and pages on disk: whole or not there, and old records open for ever."""

import errno
import os
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from fakes import card, edition, entry, origin, paper
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import BusyError, ConfigError, DigestError, RecordError, StorageError
from digest.heads import head_of
from digest.models import Edition, KeywordTable, KeywordTables, Page
from digest.store import Store, read_edition

DAY = date(2026, 3, 17)
RECORDS = Path(__file__).parent / "data" / "records"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "site")


def test_an_edition_survives_the_disk(store: Store) -> None:
    """What is loaded equals what was saved; a second save of the same changes nothing."""
    one = edition(entry(), entry("2603.00002", card=None, problems=("engine: HTTP 500",)))

    assert store.save(one) is True
    assert store.load(DAY) == one
    assert store.save(one) is False


@given(st.text(min_size=1), st.text())
def test_any_text_survives_the_record(title: str, comment: str) -> None:
    """Whatever characters a title holds, the record opens and says the same."""
    one = edition(entry(title=f"T {title}", comment=comment))

    assert read_edition(one.model_dump_json(by_alias=True).encode()) == one


@pytest.mark.parametrize("path", sorted(RECORDS.glob("v*.json")), ids=lambda path: str(path.stem))
def test_records_of_every_version_open(path: Path) -> None:
    """Each version that was ever written has a kept file, and it opens."""
    assert isinstance(read_edition(path.read_bytes()), Edition)


@pytest.mark.parametrize(
    "content",
    [
        b'{"schema": 0}',
        b"[" * 100_000,
        b"",
        b"{",
        b"[]",
        b'{"schema": 1}',
        b'{"schema": 99}',
        b"\xff\xfe",
        b'{"schema": 1, "announced": "2026-03-17"}',
    ],
)
def test_a_damaged_edition_is_named(store: Store, content: bytes) -> None:
    """A damaged file is an error that names it, not a missing edition, and it stays as it is."""
    path = store.path(DAY)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)

    with pytest.raises(RecordError, match=r"2026-03-17\.json"):
        store.load(DAY)
    assert path.read_bytes() == content


def test_an_edition_under_another_date_is_refused(store: Store) -> None:
    """A file that was renamed by hand is not taken for another day's."""
    store.save(edition(entry()))
    store.path(DAY).rename(store.path(date(2026, 3, 18)))

    with pytest.raises(RecordError, match="holds the edition of 2026-03-17"):
        store.load(date(2026, 3, 18))


def test_the_editions_that_hold_a_paper_are_found(store: Store) -> None:
    """Newest first, by the whole identifier."""
    for day, arxiv_id in ((16, "2603.00001"), (17, "2603.00001"), (18, "2603.0000")):
        store.save(edition(entry(arxiv_id), announced=date(2026, 3, day)))

    assert store.holding("2603.00001") == (date(2026, 3, 17), date(2026, 3, 16))


def test_the_places_of_a_paper_are_found_in_every_list(store: Store) -> None:
    """As an entry, a replacement or kept out, newest first; of one date, where it is named."""
    store.save(edition(entry(), entry("2603.00002"), announced=date(2026, 3, 16)))
    store.save(edition(replacements=(entry(announce_type="replace"),)))
    store.save(edition(entry("2603.00002"), excluded=(entry(excluded_by="x"),), announced=date(2026, 3, 18)))

    found = store.places("2603.00001")
    assert [(on.announced.day, one.announce_type, one.excluded_by) for on, one in found] == [
        (18, "new", "x"),
        (17, "replace", None),
        (16, "new", None),
    ]
    assert [on.announced for on, _ in store.places("2603.00001", DAY)] == [DAY]
    assert store.places("2603.00002", DAY) == []


# ------------------------------------------------------------------------------------------ earlier editions


def known(store: Store, *ids: str) -> list[tuple[int, list[str]]]:
    """Day and papers of what is yielded for DAY."""
    return known_at(store, DAY, *ids)


def known_at(store: Store, day: date, *ids: str) -> list[tuple[int, list[str]]]:
    """Day and papers of what is yielded for a date."""
    return [
        (one.announced.day, [found.paper.arxiv_id for found in (*one.entries, *one.replacements, *one.excluded)])
        for one in store.before(day, set(ids))
    ]


def test_before_tells_of_the_papers_asked_for_alone(store: Store) -> None:
    """Newest first, out of all three lists; an edition with none of them, of the date itself or later is no news."""
    replaced, out = entry("2603.00003", announce_type="replace"), entry("2603.00004", card=None, excluded_by="x")
    store.save(edition(entry("2603.00001"), entry("2603.00002"), announced=date(2026, 3, 12)))
    store.save(edition(entry("2603.00002"), replacements=(replaced,), excluded=(out,), announced=date(2026, 3, 16)))
    store.save(edition(entry("2603.00009"), announced=date(2026, 3, 13)))
    for day in (17, 18):
        store.save(edition(entry("2603.00001"), announced=date(2026, 3, day)))

    assert known(store, "2603.00001", "2603.00003", "2603.00004") == [
        (16, ["2603.00003", "2603.00004"]),
        (12, ["2603.00001"]),
    ]
    assert known(store, "2603.0000") == []


def test_before_gives_entries_as_they_were_saved(store: Store) -> None:
    """Card, replies, change and all; sections are not what it is about."""
    one = entry("hep-th/9901001", version=2, earlier=(card(tldr="旧卡片。"),), replies=(origin(),), first_announced=DAY)
    store.save(edition(one, entry("2603.00002"), announced=date(2026, 3, 16)))
    (found,) = store.before(DAY, {"hep-th/9901001"})

    assert (found.entries, found.sections) == ((one,), ())
    assert (found.language, found.source) == ("zh-Hans", "search")


@pytest.mark.parametrize("path", sorted(RECORDS.glob("v*.json")), ids=lambda path: str(path.stem))
def test_before_opens_records_of_every_version(store: Store, path: Path) -> None:
    """A card of years ago is as good as one of yesterday."""
    whole = read_edition(path.read_bytes())
    store.path(whole.announced).parent.mkdir(parents=True)
    store.path(whole.announced).write_bytes(path.read_bytes())
    wanted = whole.entries[0]
    found = list(store.before(whole.announced + timedelta(days=1), {wanted.paper.arxiv_id}))

    assert [one.entries for one in found] == [(wanted,)]


@pytest.mark.parametrize(
    "content",
    [
        '{"arxiv_id": "2603.00001"',
        '[{"arxiv_id": "2603.00001"}]',
        '{"schema": 2, "arxiv_id": "2603.00001"}',
        '{"schema": 1, "arxiv_id": "2603.00001"}',
        '{"schema": 99, "arxiv_id": "2603.00001"}',
        '{"schema": 2, "entries": ["2603.00001"], "arxiv_id": "2603.00001"}',
        '{"schema": 2, "entries": [{"paper": {"arxiv_id": "2603.00001"}}]}',
        '{"schema": 2, "entries": {"arxiv_id": "2603.00001"}}',
        '{"schema": 2, "entries": null, "arxiv_id": "2603.00001"}',
        "[" * 100_000 + '"arxiv_id": "2603.00001"',
        '\ud800{"arxiv_id": "2603.00001"}',
    ],
)
def test_before_tells_of_a_damaged_edition_and_goes_on(
    store: Store, caplog: pytest.LogCaptureFixture, content: str
) -> None:
    """One line that names it; the card in an older edition is found all the same."""
    store.save(edition(entry("2603.00001"), announced=date(2026, 3, 12)))
    bad = store.path(date(2026, 3, 16))
    bad.write_bytes(content.encode("utf-8", "surrogatepass"))

    assert known(store, "2603.00001") == [(12, ["2603.00001"])]
    assert [f"{bad}: " in one and "\n" not in one for one in caplog.messages] == [True]


def test_a_damaged_edition_that_cannot_hold_the_papers_is_not_even_read(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """Of many editions few hold a paper: the others are passed over by their bytes."""
    store.save(edition(entry("2603.00009"), announced=date(2026, 3, 16)))
    store.path(date(2026, 3, 16)).write_text('{"arxiv_id": "2603.00009"', encoding="utf-8")

    assert known(store, "2603.00001") == []
    assert not caplog.messages


def test_before_looks_at_many_editions_in_a_moment(store: Store) -> None:
    """A year of them; only those that hold the paper are opened, one after the other."""
    days = [DAY - timedelta(days=n) for n in range(1, 251)]
    for day in days:
        store.save(edition(entry("2603.00001" if day.day == 1 else "2603.00002"), announced=day))

    asked = store.before(DAY, {"2603.00001"})
    assert next(iter(asked)).announced == date(2026, 3, 1)
    assert [one.announced for one in asked] == [day for day in days if day.day == 1][1:]


# ------------------------------------------------------------------------------------------ heads


def kept_head(store: Store) -> Path:
    return store.output / "editions" / ".heads" / f"{DAY}.json"


def test_a_head_is_made_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second look opens no edition, and says the same."""
    store.save(edition(entry(), categories=("cs.CL",)))
    first = store.head(DAY, "a")

    monkeypatch.setattr(Store, "load", None)

    assert store.head(DAY, "a") == first == head_of(edition(entry(), categories=("cs.CL",)))


def test_a_head_follows_its_edition_and_its_program(store: Store) -> None:
    """A younger record, another length, another program, or a damaged head: it is made anew."""
    store.save(edition(entry()))
    store.head(DAY, "a")
    store.save(edition(entry(), entry("2603.00002")))
    assert store.head(DAY, "a").ledger.announced == 2

    for content in (b"", b"b 1\n{}", kept_head(store).read_bytes()[:-9]):
        kept_head(store).write_bytes(content)
        assert store.head(DAY, "a").ledger.announced == 2
    before = kept_head(store).read_bytes()
    store.head(DAY, "b")
    assert kept_head(store).read_bytes() != before


def test_the_head_of_a_damaged_edition_is_the_editions_error(store: Store) -> None:
    """It names the record, not the head."""
    store.save(edition(entry()))
    store.path(DAY).write_text("{")

    with pytest.raises(RecordError, match=r"editions/2026-03-17\.json"):
        store.head(DAY, "a")


def test_where_a_paper_stands_is_told_by_heads_as_long_as_they_are_good(store: Store) -> None:
    """With them no record is read; one that was saved since, and one without a head, is looked into itself."""
    store.save(edition(entry(), excluded=(entry("2603.00002", excluded_by="x"),)))
    store.head(DAY, "a")
    path = store.path(DAY)
    before = path.stat()
    path.write_bytes(b"x" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert store.ids(DAY) == {"2603.00001", "2603.00002"}
    assert store.holding("2603.00002") == (DAY,)
    assert store.holding("2603.0000") == ()
    assert known_at(store, date(2026, 3, 18), "2603.00009") == []

    store.save(edition(entry("2603.00003")))
    assert store.ids(DAY) == {"2603.00003"}
    for content in (b"", b"a 1\n 2603.00009 \n{}", b"a %d\n{}\n" % path.stat().st_size, b"\xff\n"):
        kept_head(store).write_bytes(content)
        assert store.ids(DAY) == {"2603.00003"}


def test_a_damaged_head_is_believed_in_nothing(store: Store) -> None:
    """Whichever of its bytes is another one."""
    store.save(edition(entry()))
    good = store.head(DAY, "a")
    content = kept_head(store).read_bytes()

    for at in range(content.index(b"\n") + 1, len(content)):
        kept_head(store).write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert store.ids(DAY) == {"2603.00001"}
        assert store.head(DAY, "a", keep=False) == good


def test_a_part_of_an_edition_holds_the_papers_named(store: Store) -> None:
    """Without sections; nothing where it has none of them; a damaged record says so."""
    store.save(edition(entry(), entry("2603.00002"), replacements=(entry("2601.00001", announce_type="replace"),)))

    found = store.part(DAY, {"2603.00002", "2601.00001"})

    assert found is not None
    assert [one.paper.arxiv_id for one in (*found.entries, *found.replacements)] == ["2603.00002", "2601.00001"]
    assert store.part(DAY, {"2603.00009"}) is None
    store.path(DAY).write_text('{"arxiv_id": "2603.00002"')
    with pytest.raises(RecordError):
        store.part(DAY, {"2603.00002"})


# ------------------------------------------------------------------------------------------ keyword tables

TABLES = KeywordTables(
    updated=DAY,
    tables=(KeywordTable(title="Gates", query='(ti:"gate")', limit=100, papers=(paper(), paper("2603.00002"))),),
)


def test_keyword_tables_survive_the_disk(store: Store) -> None:
    """What is loaded equals what was saved; the same again changes nothing; they are no edition."""
    assert (store.load_tables(), store.tables()) == (None, ())
    assert store.save_tables(TABLES) is True
    assert store.load_tables() == TABLES
    assert store.save_tables(TABLES) is False
    assert store.tables() == (store.output / "editions/keywords.json",)
    assert store.dates() == ()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema": 2}', b"\xff", b"[" * 100_000])
def test_damaged_keyword_tables_are_named(store: Store, content: bytes) -> None:
    """One line with the file and the mend, and the file stays as it is."""
    store.save_tables(TABLES)
    (path,) = store.tables()
    path.write_bytes(content)

    with pytest.raises(RecordError, match=r"keywords\.json: no keyword tables: ") as caught:
        store.load_tables()
    assert "delete it" in (caught.value.hint or "")
    assert path.read_bytes() == content


def test_pages_with_the_same_bytes_are_left_alone(store: Store) -> None:
    """Only what changed is written, so a site under version control stays quiet."""
    pages = [Page("index.html", b"a"), Page("2026-03-17/index.html", b"b")]

    assert store.write(pages) == ("index.html", "2026-03-17/index.html")
    before = (store.output / "index.html").stat().st_ino
    assert store.write([pages[0], Page("2026-03-17/index.html", b"c")]) == ("2026-03-17/index.html",)
    assert (store.output / "index.html").stat().st_ino == before


def test_pages_are_fresh_until_what_they_are_made_from_is_newer(store: Store, tmp_path: Path) -> None:
    """Like make: a missing page or a newer input makes them stale, writing them again makes them fresh."""
    source = tmp_path / "source"
    source.write_text("1")
    assert not store.fresh(["a.html"], [source])

    store.write([Page("a.html", b"a")])
    assert store.fresh(["a.html"], [source])

    later = (store.output / "a.html").stat().st_mtime + 10
    os.utime(source, (later, later))
    assert not store.fresh(["a.html"], [source])
    os.utime(source, (later - 20, later - 20))
    store.write([Page("a.html", b"a")])
    assert store.fresh(["a.html"], [source])


@pytest.mark.parametrize("path", ["../out.html", "/etc/out.html", "a/../../out.html"])
def test_a_page_cannot_leave_the_site(store: Store, path: str) -> None:
    """No path leads out of the output folder."""
    with pytest.raises(DigestError, match="leaves the site"):
        store.write([Page(path, b"")])


def test_what_nothing_makes_any_more_is_an_orphan(store: Store) -> None:
    """Pages of dropped sections and of dates without an edition; never a file of another name, nor a damaged date's."""
    store.save(edition(entry()))
    store.path(date(2026, 3, 16)).write_text("{")
    paths = ["category/cs-cl.html", "category/cs-cv.html", "category/mine.txt", "index.html"]
    paths += [f"2026-03-{day}/{name}" for day in (15, 16, 17) for name in ("index.html", "notes.html")]
    store.write(Page(path, b"x") for path in paths)

    found = list(store.orphans({"category/cs-cl.html"}, ["category/*.html"], ["{day}/index.html", "{day}/mail.html"]))

    assert found == ["category/cs-cv.html", "2026-03-15/index.html"]
    assert store.remove(found) == tuple(found)


def test_two_pages_at_one_path_are_refused(store: Store) -> None:
    """One page never hides another."""
    with pytest.raises(DigestError, match="two pages"):
        store.write([Page("a.html", b"1"), Page("a.html", b"2")])


def test_a_full_disk_leaves_the_old_file_and_nothing_half_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No room: the old edition stands, the draft is gone, the reader is told to make room."""
    store.save(edition(entry()))
    before = store.path(DAY).read_bytes()

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match="No space left") as caught:
        store.save(edition(entry(title="Another")))

    assert caught.value.exit_code == 75
    assert store.path(DAY).read_bytes() == before
    assert [path.name for path in store.path(DAY).parent.iterdir()] == ["2026-03-17.json"]


def test_a_folder_that_cannot_be_written_is_the_users_to_mend(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read-only disk is a setting to change: exit 2."""

    def refused(*args: Any, **kwargs: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(ConfigError, match="Read-only") as caught:
        store.save(edition(entry()))
    assert caught.value.exit_code == 2


def test_an_output_that_is_a_file_is_named(tmp_path: Path) -> None:
    """`--output` naming a file is told apart from a crash."""
    (tmp_path / "site").write_text("mine")

    with pytest.raises(ConfigError, match="site"):
        Store(tmp_path / "site").save(edition(entry()))
    assert (tmp_path / "site").read_text() == "mine"


def test_one_run_at_a_time_on_one_folder(store: Store) -> None:
    """A second one is told so at once, and the folder is free again when the first one ends."""
    with store.locked(), pytest.raises(BusyError, match="another run") as caught, Store(store.output).locked():
        pass
    assert caught.value.exit_code == 75
    with store.locked():
        pass


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"2026-03-17T12:00:00Z"', '"0001-01-01T00:00:00+14:00"'),
        ('"zh-Hans"', '"a\\u0000b"'),
        ('"arxiv_ids": [\n    "2603.00001"', '"arxiv_ids": [\n    "2603.99999"'),
        ('"arxiv_id": "2603.00001"', '"arxiv_id": "../../2603.00001"'),
    ],
)
def test_a_record_with_an_impossible_value_is_named(store: Store, old: str, new: str) -> None:
    """A time before all time, a language that is none, a section of strangers, a path for an id: said."""
    store.save(edition(entry()))
    text = store.path(DAY).read_text(encoding="utf-8")
    assert old in text
    store.path(DAY).write_text(text.replace(old, new), encoding="utf-8")

    with pytest.raises(RecordError, match=r"2026-03-17\.json"):
        store.load(DAY)
