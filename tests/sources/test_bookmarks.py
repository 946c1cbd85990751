"""Lines of a file by label: one pass notes where they stand, and each part is what the whole would have given."""

import gzip
import logging
import os
import shutil
import tempfile
import tracemalloc
import zipfile
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.errors import RecordError
from digest.sources import bookmarks
from digest.sources.bookmarks import Bookmarks
from digest.sources.streams import lines

Room = namedtuple("Room", "total used free")
Pack = Callable[[Path, bytes], None]


def first(_: int, line: bytes) -> bytes:
    """The first letter is the label."""
    return line[:1]


def plain(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def gzipped(path: Path, content: bytes) -> None:
    path.write_bytes(gzip.compress(content))


def zipped(path: Path, content: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("rows", content)


@pytest.mark.parametrize("pack", [plain, gzipped, zipped])
def test_the_pass_says_how_far_it_is(tmp_path: Path, pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    """In megabytes of the file, and before that of the packed one."""
    monkeypatch.setattr(bookmarks, "_MB", 10)
    monkeypatch.setattr(bookmarks, "_OFTEN", 2)
    path, told = tmp_path / "rows", list[tuple[str, int, int]]()
    pack(path, b"a234567\n" * 10)

    assert Bookmarks(path, first, lambda *said: told.append(said)).ready()

    assert told[-5:] == [("MB of rows", done, 8) for done in (0, 1, 3, 4, 6)]
    size = path.stat().st_size // 10
    assert [(stage, 0 < done <= total == size) for stage, done, total in told[:-5]] == (
        [] if pack is plain else [("MB unpacked of rows", True)]
    )


def marked(folder: Path, content: bytes, pack: Pack = plain) -> Bookmarks[bytes]:
    path = folder / "rows"
    pack(path, content)
    found = Bookmarks(path, first)
    assert found.ready()
    return found


@pytest.mark.parametrize("pack", [plain, gzipped, zipped])
def test_the_lines_of_a_label_come_with_their_numbers(tmp_path: Path, pack: Pack) -> None:
    """In the file's order, whatever order the labels are in; of a packed file, too."""
    found = marked(tmp_path, b"a1\nb2\n\nb4\na5\n", pack)

    assert list(found.lines([b"b"])) == [(2, b"b2\n"), (4, b"b4\n")]
    assert list(found.lines([b"b", b"a", b"z"])) == [(1, b"a1\n"), (2, b"b2\n"), (4, b"b4\n"), (5, b"a5\n")]
    assert (found.rows, dict(found.counts)) == (4, {b"a": 2, b"b": 1})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from([b"a1", b"a22", b"b3", b"c", b"", b"  "]), max_size=12),
    st.sets(st.sampled_from([b"a", b"b", b"c"])),
    st.booleans(),
    st.booleans(),
)
def test_a_part_is_what_the_whole_has_of_it(
    tmp_path: Path, rows: list[bytes], labels: set[bytes], mark: bool, ends: bool
) -> None:
    """With blank lines, a byte order mark, with or without a newline at the end."""
    content = (b"\xef\xbb\xbf" if mark else b"") + b"\n".join(rows) + (b"\n" if ends else b"")
    found = marked(tmp_path, content)
    whole = list(lines(tmp_path / "rows"))

    assert list(found.lines(labels)) == [row for row in whole if first(*row) in labels]
    assert found.rows == len(whole)
    tail = whole[-1] if whole and not whole[-1][1].endswith(b"\n") else None
    assert found.tail() == tail


def test_a_file_that_changes_is_passed_through_again(tmp_path: Path) -> None:
    """What was added since is among the lines."""
    found = marked(tmp_path, b"a1\n")
    with (tmp_path / "rows").open("ab") as file:
        file.write(b"a2\n")
    os.utime(tmp_path / "rows", (1, 1))

    assert found.ready()
    assert list(found.lines([b"a"])) == [(1, b"a1\n"), (2, b"a2\n")]


def test_a_pipe_is_left_alone(tmp_path: Path) -> None:
    """It can be read only once."""
    os.mkfifo(tmp_path / "pipe")

    assert not Bookmarks(tmp_path / "pipe", first).ready()


def test_a_packed_file_without_room_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And not begun."""
    gzipped(tmp_path / "rows", b"a1\n")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Room(0, 0, bookmarks.SPARE))
    found = Bookmarks(tmp_path / "rows", first)

    assert [found.ready(), found.ready()] == [False, False]
    assert [one.levelno for one in caplog.records] == [logging.WARNING]
    assert "rows: no room in" in caplog.text
    assert "unpack it yourself" in caplog.text


def test_room_that_ends_while_unpacking_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A file may be packed a thousand times smaller than it is."""
    gzipped(tmp_path / "rows", b"a" * 10_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Room(0, 0, bookmarks.SPARE + 5_000))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))

    assert not Bookmarks(tmp_path / "rows", first).ready()
    assert "no room" in caplog.text
    assert not list((tmp_path / "temporary").iterdir())


def test_a_packed_file_that_breaks_off_is_named(tmp_path: Path) -> None:
    """It is not unpacked in part."""
    (tmp_path / "rows").write_bytes(gzip.compress(os.urandom(5_000))[:-100])

    with pytest.raises(RecordError, match="rows: can't be read"):
        Bookmarks(tmp_path / "rows", first).ready()


def test_an_unpacked_copy_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is gone with the program, however that ends."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    found = marked(tmp_path, b"a1\n", gzipped)

    assert list(found.lines([b"a"])) == [(1, b"a1\n")]
    assert not list((tmp_path / "temporary").iterdir())


def test_memory_is_that_of_the_runs(tmp_path: Path) -> None:
    """24 bytes for each row where no two of a label follow each other; nothing where all do."""
    path = tmp_path / "rows"
    path.write_bytes(b"a\nb\n" * 10_000 + b"c\n" * 20_000)
    found = Bookmarks(path, first)

    tracemalloc.start()
    try:
        assert found.ready()
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert dict(found.counts) == {b"a": 10_000, b"b": 10_000, b"c": 1}
    assert held < 24 * 20_000 * 1.3
    assert peak < 2_000_000
