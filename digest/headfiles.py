"""Heads as they are kept beside the records: the papers of a record on one line, its head on the next.

Each file says which record and which program it is of, so that one that is no good any more is made anew. Reads and
writes; what a head says is for heads.py.
"""

import logging
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from zlib import crc32

from .atomic import replace
from .errors import ConfigError, StorageError
from .heads import Head

log = logging.getLogger(__name__)

ID = re.compile(rb'"arxiv_id"\s*:\s*"([^"\\]+)"')  #: in a record that is not parsed


def path(record: Path) -> Path:
    """Where the head of a record is kept."""
    return record.parent / ".heads" / record.name


def load(record: Path, made_by: str) -> Head | None:
    """The head that `made_by`, a state of the program, has kept of a record as it is now."""
    try:
        _, head = _parts(record, made_by)
        return Head.model_validate_json(head)
    except (OSError, ValueError) as error:
        log.debug("%s: %s", path(record), type(error).__name__)
    return None


def save(record: Path, size: int, made_by: str, head: Head, papers: Iterable[str]) -> None:
    """Keep the head of a record of `size` bytes; where that fails, it is made again next time."""
    parts = [_line(papers).encode(), head.model_dump_json().encode()]
    first = f"{made_by} {' '.join(map(_sum, parts))} {size}\n".encode()
    try:
        if not replace(path(record), first + b"".join(parts)):
            os.utime(path(record))
    except (ConfigError, StorageError, OSError) as error:
        log.debug("%s: %s", path(record), error)


def named(record: Path) -> str:
    """
    The papers that a record names, a space around each: from its head where one is kept, else from the record.

    Raises:
        OSError: the record can't be read.
    """
    try:
        if (line := next(_parts(record), None)) is not None:
            return line
    except (OSError, ValueError) as error:
        log.debug("%s: %s", path(record), type(error).__name__)
    return _line(match.decode(errors="replace") for match in ID.findall(record.read_bytes()))


def _parts(record: Path, made_by: str | None = None) -> Iterator[str]:
    """
    Yield the line of papers, then the head, each if it is as it was written.

    Nothing where the first line names another size or program, or the record is younger.

    Raises:
        OSError, ValueError: there is no such file, or it is none of ours.
    """
    now = record.stat()
    with path(record).open("rb") as file:
        mark, papers, head, size = file.readline().decode().rstrip("\n").rsplit(" ", 3)
        is_younger = os.fstat(file.fileno()).st_mtime_ns < now.st_mtime_ns
        if is_younger or size != str(now.st_size) or made_by not in (None, mark):
            return
        for told, read in ((papers, file.readline), (head, file.read)):
            content = read()
            if _sum(content) != told:
                return
            yield content.decode()


def _sum(content: bytes) -> str:
    return f"{crc32(content):08x}"


def _line(papers: Iterable[str]) -> str:
    r"""
    A line of papers, a space around each, so that one is found without taking the line apart.

    >>> _line(["2603.00001", "math/0309136"])
    ' 2603.00001 math/0309136 \n'
    """
    return f" {' '.join(papers)} \n"
