"""Files that are there whole or not at all, and what the disk says in words that the user can act on.

Knows paths and bytes; not what they mean.
"""

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import ConfigError, StorageError

log = logging.getLogger(__name__)

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)  #: of an OSError: nothing is wrong but that the disk is full


ELSEWHERE = "choose another folder with --output, or mend this one"


@contextmanager
def guarded(path: Path, elsewhere: str = ELSEWHERE) -> Iterator[None]:
    """Turn what the disk says into the error the user can act on; `elsewhere` is the mend where it can't be written."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in NO_ROOM:
            raise StorageError(
                f"{path}: {reason}", hint="make room, then run the same command again: nothing is lost"
            ) from error
        raise ConfigError(f"{path}: {reason}", hint=elsewhere) from error


def replace(path: Path, content: bytes) -> bool:
    """Put `content` at `path` in one step; whether anything changed."""
    with guarded(path):
        try:
            if path.read_bytes() == content:
                return False
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
        put(path, content)
    log.debug("%s: %d bytes", path, len(content))
    return True


def put(path: Path, content: bytes, mode: int | None = None) -> None:
    """As `replace`, whatever is there, with a mode for the file; an OSError is the caller's to explain."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            draft.chmod(mode)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
