"""Versions of editions in a database, against a real PostgreSQL server."""

import threading
import zlib
from collections.abc import Iterator
from datetime import date
from hashlib import sha256

import pytest
from postgresql import Server, server, store

from digest.database import Session, address
from digest.versions import LARGEST, SharedVersions, Version, Worth

pytestmark = pytest.mark.postgres
__all__ = ["server", "store"]

DAY, NEXT = date(2026, 3, 17), date(2026, 3, 18)


@pytest.fixture
def session(store: str) -> Iterator[Session]:
    opened = Session(address(store))
    yield opened
    opened.close()


@pytest.fixture
def versions(session: Session) -> SharedVersions:
    return SharedVersions(session, "main", "ja")


def test_what_was_added_comes_back(versions: SharedVersions) -> None:
    """Byte for byte, as the version that counts of its date."""
    added = versions.add(DAY, "版".encode(), Worth(1, 1), None)

    assert versions.newest() == versions.newest([DAY, NEXT]) == {DAY: added}
    assert versions.newest([NEXT]) == {}
    assert versions.content(added) == "版".encode()
    assert added.digest == sha256("版".encode()).hexdigest()


def test_the_newest_counts_where_one_was_made_from_the_other(versions: SharedVersions) -> None:
    """Though it has fewer cards: somebody wanted it so."""
    first = versions.add(DAY, b"first", Worth(9, 9), None)
    second = versions.add(DAY, b"second", Worth(1, 1), first.number)

    assert versions.newest() == {DAY: second}
    assert versions.content(first) == b"first"


@pytest.mark.parametrize(
    ("worth", "counts"),
    [(Worth(5, 9), "ours"), (Worth(4, 9), "theirs"), (Worth(4, 10), "ours"), (Worth(3, 99), "theirs")],
)
def test_of_two_that_changed_the_same_the_one_with_more_cards_counts(
    server: Server, store: str, versions: SharedVersions, worth: Worth, counts: str
) -> None:
    """The other is kept; finished cards count before drafts, and at a tie stays what is there."""
    first = versions.add(DAY, b"first", Worth(1, 1), None)
    theirs = versions.add(DAY, b"theirs", Worth(4, 9), first.number)
    now = versions.add(DAY, b"ours", worth, first.number)

    assert versions.newest() == {DAY: now}
    assert versions.content(now) == counts.encode()
    assert (now == theirs) == (counts == "theirs")
    rows = server.sql("SELECT content FROM digest.editions ORDER BY number", name=store.rpartition("/")[2])
    assert [zlib.decompress(content) for (content,) in rows] == [b"first", b"theirs", b"ours"]


def test_the_same_bytes_are_no_new_version(versions: SharedVersions) -> None:
    """Whoever brings them."""
    first = versions.add(DAY, b"first", Worth(1, 1), None)

    assert versions.add(DAY, b"first", Worth(1, 1), None) == first


def test_sites_and_languages_stand_apart(session: Session, versions: SharedVersions) -> None:
    """Two teams may share replies, and have editions of their own."""
    versions.add(DAY, b"one", Worth(1, 1), None)

    assert SharedVersions(session, "other", "ja").newest() == {}
    assert SharedVersions(session, "main", "ko").newest() == {}


def test_of_many_that_add_at_once_one_counts_and_none_is_lost(server: Server, store: str) -> None:
    """Eight drivers that all made the first version of a date."""

    def add(number: int) -> None:
        session = Session(address(store))
        SharedVersions(session, "main", "ja").add(DAY, b"%d" % number, Worth(number, number), None)
        session.close()

    threads = [threading.Thread(target=add, args=(n,)) for n in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    rows = server.sql("SELECT finished, aside FROM digest.editions ORDER BY number", name=store.rpartition("/")[2])
    assert sorted(number for number, _ in rows) == list(range(8))
    assert [number for number, aside in rows if not aside][-1] == 7


@pytest.mark.parametrize(
    "content",
    [b"", b"no zip", zlib.compress(b"other"), zlib.compress(b"first")[:-2], zlib.compress(bytes(LARGEST + 1), 1)],
    ids=["nothing", "unpacked", "other bytes", "cut off", "bomb"],
)
def test_a_damaged_version_is_told_of(
    server: Server, store: str, versions: SharedVersions, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not there, and nobody stumbles."""
    first = versions.add(DAY, b"first", Worth(1, 1), None)
    server.sql("UPDATE digest.editions SET content = %s", content, name=store.rpartition("/")[2])

    assert versions.content(first) is None
    assert "is damaged" in caplog.text
    assert versions.content(Version(99, first.digest)) is None
