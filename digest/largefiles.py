"""Files of hundreds of megabytes, written so that they are there whole or not at all, by one process at a time.

Knows paths and bytes; not what they mean, nor where they come from.
"""

import logging
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from hashlib import sha256
from pathlib import Path

from . import atomic
from .errors import BusyError, StorageError
from .hooks import Watch, unwatched

MEGA = 10**6
BLOCK = 2**20  #: bytes that are read at once
SPARE = 32 * MEGA  #: bytes of a disk that are left alone
PATIENCE = 1800.0  #: seconds to wait for another process that makes the same file
ELSEWHERE = "mend who may write there, or name another folder in XDG_CACHE_HOME or --cache"

log = logging.getLogger(__name__)


guarded = partial(atomic.guarded, elsewhere=ELSEWHERE)


def require_room(path: Path, size: int) -> None:
    """
    See that the disk has room for a file.

    Args:
        path: Of the file; its folder is there.
        size: Bytes that are still to come.

    Raises:
        StorageError: it has not.
    """
    with guarded(path):
        free = shutil.disk_usage(path.parent).free
    if free < size + SPARE:
        raise StorageError(
            f"{path}: needs {megabytes(size + SPARE)}, and {megabytes(free)} are free there",
            hint="make room there, or name another folder in XDG_CACHE_HOME",
        )


@contextmanager
def locked(path: Path, tell: Watch = unwatched) -> Iterator[None]:
    """
    Keep every other process from making the file; its folder is made. A killed process holds nothing.

    Raises:
        BusyError: another process has been making it for half an hour.
        ConfigError: the folder can't be written.
    """
    from filelock import FileLock, Timeout

    with guarded(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # A lock file in place of the system's lock would outlive a killed process.
        lock = FileLock(path.with_name(f".{path.name}.lock"), fallback_to_soft=False)
        try:
            lock.acquire(timeout=0)
        except NotImplementedError:
            log.info("%s: the file system knows no locks; other processes are not minded", path.parent)
        except Timeout:
            log.info("%s: another process makes it; waiting", path)
            tell("waiting for another process", 0, 0)
            try:
                lock.acquire(timeout=PATIENCE)
            except Timeout as error:
                minutes = PATIENCE / 60
                raise BusyError(
                    f"{path}: another process has been making it for {minutes:.0f} minutes", hint="let that one end"
                ) from error
    try:
        yield
    finally:
        with suppress(OSError):
            lock.release()


def blocks(paths: Iterable[Path]) -> Iterator[bytes]:
    """Yield what the files hold, one after the other."""
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                yield block


def hashed(content: Iterable[bytes], tell: Watch, stage: str, size: int) -> str:
    """The SHA-256 of `content`, of which there should be `size` bytes."""
    found, done = sha256(), 0
    for block in content:
        found.update(block)
        done += len(block)
        tell(stage, done // MEGA, size // MEGA)
    return found.hexdigest()


def draft_of(path: Path) -> Path:
    """Where a file is made before it has its name; written by the process that holds its lock alone."""
    return path.with_name(f".{path.name}.draft")


def written(path: Path, content: Iterable[bytes]) -> Iterator[bytes]:
    """Write `content` to `path`, down to the disk; yield it on the way."""
    with path.open("wb") as file:
        for block in content:
            file.write(block)
            yield block
        file.flush()
        os.fsync(file.fileno())


def megabytes(size: int) -> str:
    """
    A size in words.

    >>> megabytes(253_113_024), megabytes(4_700_000_000), megabytes(1)
    ('254 MB', '4.7 GB', '1 MB')
    """
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{-(-size // MEGA)} MB"
