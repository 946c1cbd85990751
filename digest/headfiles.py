"""Heads as they are kept beside the records: the papers of a record on one line, its head on the next.

Each file says which record and which program it is of, so that one that is no good any more is made anew. Reads and
writes; what a head says is for heads.py.
"""

import logging
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from .atomic import replace
from .errors import ConfigError
from .heads import Head

log = logging.getLogger(__name__)

_ID = re.compile(rb'"arxiv_id": ?"([^"\\]+)"')


def path(record: Path) -> Path:
    """Where the head of a record is kept."""
    return record.parent / ".heads" / record.name


def load(record: Path, made_by: str) -> Head | None:
    """The head that `made_by`, a state of the program, has kept of a record as it is now."""
    try:
        if (file := _opened(record, made_by)) is not None:
            with file:
                file.readline()  # the papers
                return Head.model_validate_json(file.read())
    except (OSError, ValueError) as error:
        log.debug("%s: %s", path(record), type(error).__name__)
    return None


def save(record: Path, size: int, made_by: str, head: Head, papers: Iterable[str]) -> None:
    """Keep the head of a record of `size` bytes; where that fails, it is made again next time."""
    content = f"{made_by} {size}\n{_line(papers)}{head.model_dump_json()}".encode()
    try:
        if not replace(path(record), content):
            os.utime(path(record))
    except (ConfigError, OSError) as error:
        log.debug("%s: %s", path(record), error)


def named(record: Path) -> str:
    """
    The papers that a record names, a space around each: from its head where one is kept, else from the record.

    Raises:
        OSError: the record can't be read.
    """
    try:
        if (file := _opened(record)) is not None:
            with file:
                line = file.readline().decode()
            if line.startswith(" ") and line.endswith(" \n"):
                return line
    except (OSError, ValueError) as error:
        log.debug("%s: %s", path(record), type(error).__name__)
    return _line(match.decode(errors="replace") for match in _ID.findall(record.read_bytes()))


def _opened(record: Path, made_by: str | None = None) -> BinaryIO | None:
    """The file behind its first line; None where that names another size or program, or the record is younger."""
    now = record.stat()
    file = path(record).open("rb")
    mark, _, size = file.readline().decode(errors="replace").rstrip("\n").rpartition(" ")
    is_good = os.fstat(file.fileno()).st_mtime_ns >= now.st_mtime_ns and size == str(now.st_size)
    if is_good and made_by in (None, mark):
        return file
    file.close()
    return None


def _line(papers: Iterable[str]) -> str:
    r"""
    A line of papers, a space around each, so that one is found without taking the line apart.

    >>> _line(["2603.00001", "math/0309136"])
    ' 2603.00001 math/0309136 \n'
    """
    return f" {' '.join(papers)} \n"
