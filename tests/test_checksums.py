"""Checksums of files: what is said beside them, what they are, and notes that hold until a file changes."""

import os
from pathlib import Path

import pytest
from ggufs import sum_of

from digest import checksums
from digest.errors import ConfigError

A, B = "a" * 64, "b" * 64


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "m.gguf"
    found.write_bytes(b"content")
    return found


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.gguf.sha256", f"{A}\n"),
        ("m.gguf.sha256", f"{A.upper()}  m.gguf\n"),
        ("m.gguf.sha256", f"\ufeff{A}  elsewhere.gguf\r\n"),
        ("SHA256SUMS", f"{B}  other.gguf\n{A} *m.gguf\n"),
        ("SHA256SUMS", f"# models\n{A}  ./m.gguf\n"),
    ],
)
def test_a_checksum_beside_a_file_is_found(path: Path, name: str, text: str) -> None:
    """However sha256sum, or a hand, wrote it down."""
    path.with_name(name).write_text(text, encoding="utf-8")

    assert checksums.stated(path) == A


def test_a_list_without_the_file_says_nothing(path: Path) -> None:
    """A checksum of another file, or a bare one in a list of many, is not taken for this one's."""
    path.with_name("SHA256SUMS").write_text(f"{A}  other.gguf\n{B}\n", encoding="ascii")

    assert checksums.stated(path) is None


@pytest.mark.parametrize("text", ["", "<html>", f"{A}  x.gguf\n{B}  y.gguf\n", A[:-1]])
def test_a_checksum_file_without_its_checksum_is_an_error(path: Path, text: str) -> None:
    """It was put there to be used: that it can't be is said."""
    path.with_name("m.gguf.sha256").write_text(text, encoding="ascii")

    with pytest.raises(ConfigError, match=r"holds no SHA-256 of m\.gguf"):
        checksums.stated(path)


def test_a_file_that_was_looked_at_is_not_read_again(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The note holds as long as the file is the same."""
    first = checksums.known(path, tmp_path)
    monkeypatch.setattr(checksums, "hashed", None)  # a second look would fail

    assert checksums.known(path, tmp_path) == first == sum_of(b"content")


def test_a_changed_byte_is_seen_though_size_and_time_are_as_before(path: Path, tmp_path: Path) -> None:
    """Whoever sets the time of a file back does not set back that of its node."""
    checksums.known(path, tmp_path)
    before = path.stat()
    with path.open("r+b") as file:
        file.write(b"C")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert checksums.known(path, tmp_path) == sum_of(b"Content")


def test_another_file_in_its_place_is_seen(path: Path, tmp_path: Path) -> None:
    """A file that was moved there is another one."""
    checksums.known(path, tmp_path)
    (tmp_path / "other").write_bytes(b"CONTENT")
    (tmp_path / "other").replace(path)

    assert checksums.known(path, tmp_path) == sum_of(b"CONTENT")


@pytest.mark.parametrize("notes", [b"", b"{", b"[1]", b'{"x": 1}', b'{"x": {"sha256": "../"}}', b"[" * 9999, b"\xff"])
def test_notes_that_are_none_are_no_obstacle(path: Path, tmp_path: Path, notes: bytes) -> None:
    """They are an opinion, and a broken one is none."""
    (tmp_path / checksums.NOTES).write_bytes(notes)

    assert checksums.known(path, tmp_path) == sum_of(b"content")


def test_notes_that_cannot_be_written_are_no_obstacle(path: Path, tmp_path: Path) -> None:
    """Where no folder is, nothing is noted, and the file is read each time."""
    assert checksums.known(path, tmp_path / "none") == sum_of(b"content")
    assert not (tmp_path / "none").exists()


def test_the_notes_keep_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of notes does not grow for ever."""
    monkeypatch.setattr(checksums, "MOST", 2)
    for name in "abc":
        (tmp_path / name).write_text(name, encoding="ascii")
        checksums.known(tmp_path / name, tmp_path)
    text = (tmp_path / checksums.NOTES).read_text(encoding="utf-8")

    assert [str(tmp_path / name) in text for name in "abc"] == [False, True, True]
