"""Claims on requests: what one process is asking, no other process with the same cache asks at the same time.

Knows locks and nothing of requests or replies. A claim is gone with its process; nothing is written to disk.
"""

import logging
import os
import sys
import threading
from collections.abc import Iterable
from errno import EACCES, EAGAIN, EDEADLK
from pathlib import Path
from types import TracebackType

log = logging.getLogger(__name__)

FILE = "claims.lock"
DIGITS = 15  #: hexadecimal, of a key: 60 bits are an offset that every file system takes
TAKEN = (EACCES, EAGAIN, EDEADLK)  #: what a lock of another process gives

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int, offset: int) -> None:
        os.lseek(descriptor, offset, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _unlock(descriptor: int, offset: int) -> None:
        os.lseek(descriptor, offset, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

    def _lock_all(descriptor: int) -> bool:  # noqa: ARG001
        return True  # whoever has a file open keeps it from being moved

else:
    import fcntl

    def _lock(descriptor: int, offset: int) -> None:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)

    def _unlock(descriptor: int, offset: int) -> None:
        fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, offset)

    def _lock_all(descriptor: int) -> bool:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True


class _LockFile:
    """The one descriptor that this process has of a lock file: when any is closed, POSIX drops all its locks."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.users = 0
        self.holders: dict[int, list[int]] = {}  #: offset -> the threads that hold it
        self.process = os.getpid()

    def take(self, offset: int) -> bool:
        if self.process != os.getpid():  # a fork has the descriptor, but none of the locks
            self.process, self.holders = os.getpid(), {}
        thread, holders = threading.get_ident(), self.holders.get(offset)
        if holders is None:
            try:
                _lock(self.descriptor, offset)
            except OSError as error:
                if error.errno in TAKEN:
                    return False
                raise
            self.holders[offset] = [thread]
            return True
        if thread in holders:  # it can't wait for itself
            holders.append(thread)
            return True
        return False

    def drop(self, offset: int) -> None:
        holders = self.holders.get(offset)
        if holders and self.process == os.getpid():
            holders.pop()
            if not holders:
                del self.holders[offset]
                _unlock(self.descriptor, offset)


_guard = threading.RLock()
_files: dict[tuple[int, int], _LockFile] = {}  #: by device and inode


class Claims:
    """
    The claims on the requests of one cache: each a locked byte of `claims.lock`, at an offset made of the key.

    Take and drop within `with`; what is held at its end is dropped. Where the disk can't lock, all may be taken.
    """

    def __init__(self, folder: Path | str) -> None:
        self._path = Path(folder) / FILE
        self._identity: tuple[int, int] | None = None
        self._depth = 0
        self._own: dict[int, int] = {}  #: offset -> how often it is taken

    def __enter__(self) -> "Claims":
        with _guard:
            self._depth += 1
            if self._depth == 1:
                try:
                    self._identity = _opened(self._path)
                except OSError as error:
                    self._do_without(error)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with _guard:
            self._depth -= 1
            if self._depth == 0 and self._identity is not None:
                self._close()

    def take(self, key: str) -> bool:
        """Whether the request is this thread's to ask; False where another process, or thread, is asking it."""
        with _guard:
            if self._identity is None:
                return True
            offset = int(key[:DIGITS], 16)
            try:
                taken = _files[self._identity].take(offset)
            except OSError as error:
                self._do_without(error)
                return True
            if taken:
                self._own[offset] = self._own.get(offset, 0) + 1
            return taken

    def drop(self, key: str) -> None:
        """Let others have it; none of its claims is left where there was none."""
        with _guard:
            offset = int(key[:DIGITS], 16)
            if self._identity is not None and offset in self._own:
                self._own[offset] -= 1
                if not self._own[offset]:
                    del self._own[offset]
                _files[self._identity].drop(offset)

    def take_many(self, keys: Iterable[str]) -> set[str]:
        """Those of several that are this thread's to ask."""
        return {key for key in keys if self.take(key)}

    def drop_many(self, keys: Iterable[str]) -> None:
        """Let others have several."""
        for key in keys:
            self.drop(key)

    def alone(self) -> bool:
        """Whether nobody asks anything; until the end of `with`, others wait before they do."""
        with _guard:
            if self._identity is None:
                return True
            file = _files[self._identity]
            try:
                return file.users == 1 and not file.holders and _lock_all(file.descriptor)
            except OSError as error:
                if error.errno in TAKEN:
                    return False
                raise

    def _do_without(self, error: OSError) -> None:
        log.warning("%s: %s; another run at the same time may ask the same twice", self._path, error.strerror or error)
        if self._identity is not None:
            self._close()

    def _close(self) -> None:
        assert self._identity is not None
        for offset, times in self._own.items():
            for _ in range(times):
                _files[self._identity].drop(offset)
        self._own.clear()
        _closed(self._identity)
        self._identity = None


def _opened(path: Path) -> tuple[int, int]:
    """The lock file at `path`, by device and inode; it is made if it isn't there, and never removed."""
    try:
        found = path.stat()
        known = (found.st_dev, found.st_ino)
    except FileNotFoundError:
        known = (0, 0)
    if known not in _files:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        made = os.fstat(descriptor)
        known = (made.st_dev, made.st_ino)
        _files[known] = _LockFile(descriptor)
    _files[known].users += 1
    return known


def _closed(identity: tuple[int, int]) -> None:
    file = _files[identity]
    file.users -= 1
    if not file.users:
        del _files[identity]
        os.close(file.descriptor)
