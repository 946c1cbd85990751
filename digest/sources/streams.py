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
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

from ..errors import ConfigError, RecordError
from ..plaintext import one_line

LONGEST = 16 * 2**20  #: bytes of a line; a paper of 3,000 authors needs 0.3 million

_CHUNK = 2**18  # bytes at once; much more or much less is slower
_MARK = b"\xef\xbb\xbf"  # what editors put before UTF-8
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
    try:
        with _opened(path) as file:
            for number, line in enumerate(iter(partial(file.readline, LONGEST), b""), 1):
                if len(line) == LONGEST:
                    raise RecordError(f"{path}:{number}: the line is longer than {LONGEST:,} bytes")
                told = line.removeprefix(_MARK) if number == 1 else line
                if told and not told.isspace():
                    yield number, told
    except _BROKEN as error:
        fact = getattr(error, "strerror", None) or one_line(str(error)) or "it breaks off"
        raise RecordError(f"{path}: can't be read: {fact[:200]}") from error


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with io.BufferedReader(io.FileIO(path), _CHUNK) as file:
        begin = file.peek(4)[:4]
        if begin.startswith(b"\x1f\x8b"):
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield _buffered(unpacked)
        elif begin in {b"PK\x03\x04", b"PK\x05\x06"}:
            with zipfile.ZipFile(file) as packed, packed.open(_only(path, packed)) as member:
                yield _buffered(member)
        else:
            yield file


def _buffered(file: Any) -> IO[bytes]:
    """Lines of an unpacker; its own are slow."""
    return cast(IO[bytes], io.BufferedReader(file, _CHUNK))


def _only(path: Path, packed: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [member for member in packed.infolist() if not member.is_dir()]
    if len(members) != 1:
        raise ConfigError(f"{path}: a zip of one file is due; this one holds {len(members)}")
    return members[0]
