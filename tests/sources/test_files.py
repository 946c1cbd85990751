"""What a path of papers names is told by a look, and packed files read like plain ones."""

import gzip
import json
import os
import threading
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.errors import ConfigError, DigestError, RecordError
from digest.sources import files, streams
from digest.sources.archive import Archive
from digest.sources.files import open_papers
from digest.sources.jsonl import JsonLines
from digest.sources.snapshot import Snapshot
from digest.sources.streams import lines

DAY = date(2026, 3, 17)
OURS: dict[str, Any] = {"id": "2603.00001", "title": "Foo", "abstract": "We present Foo."}
BULK: dict[str, Any] = {
    **OURS,
    "categories": "cs.CL",
    "versions": [{"version": "v1", "created": "Mon, 16 Mar 2026 09:18:42 GMT"}],
    "update_date": "2026-03-17",
}


def plain(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def gzipped(path: Path, content: bytes) -> None:
    path.write_bytes(gzip.compress(content))


def zipped(path: Path, content: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.mkdir("folder")
        packed.writestr("folder/papers.json", content)


packings = pytest.mark.parametrize("pack", [plain, gzipped, zipped])
Pack = Callable[[Path, bytes], None]


def as_line(row: dict[str, Any]) -> bytes:
    return json.dumps(row).encode() + b"\n"


@packings
def test_our_own_lines_are_known(tmp_path: Path, pack: Pack) -> None:
    """However they are packed, and whatever the file's name."""
    pack(tmp_path / "papers", as_line(OURS))
    papers = open_papers(tmp_path / "papers")

    assert isinstance(papers, JsonLines)
    assert [item.paper.title for item in papers.listing(DAY, []).items] == ["Foo"]


@packings
def test_bulk_metadata_are_known_by_their_first_line(tmp_path: Path, pack: Pack) -> None:
    """By versions and a string of categories; holidays are ours: without the 18th, the 19th is the next listing."""
    bulk = {**BULK, "versions": [{"version": "v1", "created": "Wed, 18 Mar 2026 09:00:00 GMT"}]}
    pack(tmp_path / "papers", b"\n" + as_line(bulk) * 2)
    papers = open_papers(tmp_path / "papers", [date(2026, 3, 17)])

    assert isinstance(papers, Snapshot)
    assert [seen.paper().title for seen in papers.sightings(DAY, DAY)] == ["Foo"]


@pytest.mark.parametrize(
    "fields",
    [{"versions": None}, {"versions": 2}, {"categories": ["cs.CL"]}, {"published": "2026-03-16"}, {"announced": None}],
)
def test_lines_that_only_resemble_bulk_metadata_are_ours(tmp_path: Path, fields: dict[str, Any]) -> None:
    """Another tool's output may have versions too."""
    plain(tmp_path / "papers.jsonl", as_line({**BULK, **fields}))

    assert isinstance(open_papers(tmp_path / "papers.jsonl"), JsonLines)


def test_a_folder_is_an_archive(tmp_path: Path) -> None:
    """Its holidays are ours."""
    gzipped(tmp_path / "2026-03-18.jsonl.gz", as_line(OURS))
    papers = open_papers(tmp_path, [DAY])

    assert isinstance(papers, Archive)
    assert [item.paper.title for item in papers.listing(DAY, []).items] == ["Foo"]


def test_a_missing_path_is_refused(tmp_path: Path) -> None:
    """In one line."""
    with pytest.raises(ConfigError, match=r"papers\.jsonl: no such file or folder$"):
        open_papers(tmp_path / "papers.jsonl")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    """It is no archive."""
    with pytest.raises(ConfigError, match="no daily file"):
        open_papers(tmp_path)


@pytest.mark.parametrize("count", [0, 2])
def test_a_zip_of_other_than_one_file_is_refused(tmp_path: Path, count: int) -> None:
    """Which one would be meant?"""
    with zipfile.ZipFile(tmp_path / "papers.zip", "w") as packed:
        for number in range(count):
            packed.writestr(f"{number}.jsonl", as_line(OURS))

    with pytest.raises(ConfigError, match=f"a zip of one file is due; this one holds {count}"):
        open_papers(tmp_path / "papers.zip")


@pytest.mark.parametrize("content", [b"\x00\xff\x00\n" * 3, b"\x00\xff", b"[" * 100_000, b"5\n"])
def test_garbage_is_named(tmp_path: Path, content: bytes) -> None:
    """With its first line."""
    plain(tmp_path / "papers.jsonl", content)
    papers = open_papers(tmp_path / "papers.jsonl")

    assert isinstance(papers, JsonLines)
    with pytest.raises(RecordError, match=r"papers\.jsonl:1: "):
        papers.listing(DAY, [])


def test_a_pipe_is_not_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can be read only once."""
    monkeypatch.setattr(files, "lines", lambda path: pytest.fail("the pipe was looked into"))
    os.mkfifo(tmp_path / "pipe")
    papers = open_papers(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(as_line(OURS),))
    writer.start()

    assert isinstance(papers, JsonLines)
    assert len(papers.listing(DAY, []).items) == 1
    writer.join()


@packings
def test_lines_are_numbered_without_blank_ones_and_mark(tmp_path: Path, pack: Pack) -> None:
    """As an editor numbers them."""
    pack(tmp_path / "papers", b"\xef\xbb\xbfa\r\n\n \t\n\xef\xbb\xbfb\nc")

    assert list(lines(tmp_path / "papers")) == [(1, b"a\r\n"), (4, b"\xef\xbb\xbfb\n"), (5, b"c")]


@packings
def test_an_endless_line_is_refused(tmp_path: Path, pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of gigabytes without a line break must not fill the memory."""
    monkeypatch.setattr(streams, "LONGEST", 1000)
    pack(tmp_path / "papers", b"a\n" + b"b" * 1001)

    with pytest.raises(RecordError, match="papers:2: the line is longer than 1,000 bytes"):
        list(lines(tmp_path / "papers"))


@pytest.mark.parametrize("pack", [gzipped, zipped])
def test_a_packed_file_that_breaks_off_is_named(tmp_path: Path, pack: Pack) -> None:
    """A download was stopped."""
    pack(tmp_path / "papers", b"".join(as_line({"n": number}) for number in range(1000)))
    content = (tmp_path / "papers").read_bytes()
    plain(tmp_path / "papers", content[: len(content) // 2])

    with pytest.raises(RecordError, match="papers: can't be read: "):
        list(lines(tmp_path / "papers"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([gzipped, zipped]), st.data())
def test_a_damaged_packing_is_read_or_complained_of(tmp_path: Path, pack: Pack, data: st.DataObject) -> None:
    """Whatever byte is wrong, no other error comes out."""
    pack(tmp_path / "papers", b"foo\n" * 10)
    content = bytearray((tmp_path / "papers").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    plain(tmp_path / "papers", bytes(content))

    def outcome() -> int | str:
        try:
            return len(list(lines(tmp_path / "papers")))
        except DigestError as error:
            return str(error)

    found = outcome()

    assert isinstance(found, int) or found.startswith(f"{tmp_path / 'papers'}")
