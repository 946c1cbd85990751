"""The lines of a file, plain or packed by gzip or zip, one after another.

Floor of the family. Never holds more than one line in memory, unpacks nothing onto the disk, reads no meaning.
"""

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import IO, Any, cast

from ..errors import ConfigError, RecordError
from ..plaintext import one_line

LONGEST = 16 * 2**20  #: bytes of a line; a paper of 3,000 authors needs 0.3 million

_CHUNK = 2**18  # bytes at once; much more or much less is slower
_MARK = b"\xef\xbb\xbf"  # what editors put before UTF-8
_GZIP, _ZIP = b"\x1f\x8b", {b"PK\x03\x04", b"PK\x05\x06"}  # how packed files begin
# What gzip and zipfile raise at broken files; RuntimeErrors at passwords and at methods of packing they don't know.
_BROKEN = (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, ValueError, IndexError, struct.error)


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """
    Yield the lines that are not blank, each after its number from 1 and with its newline; no byte order mark.

    What gzip or zip has packed is known by its first bytes, whatever its name.

    Raises:
        RecordError: the file can't be read, its packing is broken, or a line is longer than `LONGEST`.
        ConfigError: it is a zip of no file or of several.
    """
    with told(path), opened(path) as file:
        for number, _, line in placed(file, path):
            yield number, line


def placed(
    file: IO[bytes], path: Path, start: int = 0, number: int = 1, end: float = inf
) -> Iterator[tuple[int, int, bytes]]:
    """
    Yield the lines of an open file as `lines` does, each after its number and the place of its first byte.

    Args:
        file: Stands at `start`.
        path: As it is called in errors.
        start: The place of the first line to read, in bytes from the file's beginning.
        number: Of that line.
        end: The place behind the last one.

    Raises:
        RecordError: a line is longer than `LONGEST`.
    """
    while start < end and (line := file.readline(LONGEST)):
        if len(line) == LONGEST:
            raise RecordError(f"{path}:{number}: the line is longer than {LONGEST:,} bytes")
        text = line.removeprefix(_MARK) if number == 1 else line
        if text and not text.isspace():
            yield number, start, text
        start += len(line)
        number += 1


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what goes wrong with reading a file into a RecordError that names it."""
    try:
        yield
    except _BROKEN as error:
        fact = getattr(error, "strerror", None) or one_line(str(error)) or "it breaks off"
        raise RecordError(f"{path}: can't be read: {fact[:200]}") from error


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """What the file holds, unpacked as it is read."""
    with plain(path) as file, unpacked(file, path) as held:
        yield held


@contextmanager
def unpacked(file: io.BufferedReader, path: Path) -> Iterator[IO[bytes]]:
    """What an open file holds, unpacked as it is read; `path` is its name in errors."""
    begin = file.peek(4)[:4]
    if begin.startswith(_GZIP):
        with gzip.GzipFile(fileobj=file) as packed:
            yield _buffered(packed)
    elif begin in _ZIP:
        with zipfile.ZipFile(file) as folder, folder.open(_only(path, folder)) as member:
            yield _buffered(member)
    else:
        yield file


def plain(path: Path, size: int = _CHUNK) -> io.BufferedReader:
    """The file as it is, read so many bytes at once."""
    return io.BufferedReader(io.FileIO(path), size)


def is_packed(path: Path) -> bool:
    """Whether gzip or zip has packed a file."""
    with told(path), plain(path) as file:
        begin = file.peek(4)[:4]
    return begin.startswith(_GZIP) or begin in _ZIP


def _buffered(file: Any) -> IO[bytes]:
    """Lines of an unpacker; its own are slow."""
    return cast(IO[bytes], io.BufferedReader(file, _CHUNK))


def _only(path: Path, packed: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [member for member in packed.infolist() if not member.is_dir()]
    if len(members) != 1:
        raise ConfigError(f"{path}: a zip of one file is due; this one holds {len(members)}")
    return members[0]
