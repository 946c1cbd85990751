"""Turns with a service among all processes of a user: one asks at a time, and none before the moment on file.

Keeps two locks and a moment per service in a folder. It sends nothing and knows nothing of what is asked.
"""

import contextlib
import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from .errors import SourceError

PATIENCE = 900.0  #: seconds that a process waits for others

_WRITE = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)

log = logging.getLogger(__name__)


class Turns:
    """
    The turns that one session takes; what holds them is the system's lock on a file, so a killed process holds none.

    A turn is for one service and lasts from before a request to the end of its answer, redirects included. The next in
    line holds a second lock: whoever just had a turn can't have the next one while another process waits.

    Args:
        folder: For the files of all services, made for its owner only; None: every turn is given at once. Where it
            can't be used that is told once, and it is as if it were None.
        delay: Seconds from the start of a request to the start of the next.
        longest: Seconds; a moment on file that is further off comes from a wrong clock and counts as none.
        patience: Seconds to wait for other processes.
        wall: The time of day in seconds, the same for all processes.
        clock: Seconds that only grow.
        sleep: Waits for seconds.
    """

    def __init__(
        self,
        folder: Path | None,
        delay: float,
        longest: float,
        patience: float = PATIENCE,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._folder, self._delay, self._longest, self._patience = folder, delay, longest, patience
        self._wall, self._clock, self._sleep = wall, clock, sleep
        self._held = contextlib.ExitStack()
        self._mine: Path | None = None  # the moment's file of the service whose turn we have
        self._next = 0.0  # the moment that we put on file
        self._told = False

    @property
    def shared(self) -> bool:
        """Whether other processes are minded."""
        return self._folder is not None

    def begin(self, service: str) -> None:
        """
        Wait for the turn and for the moment on file, and put the next moment there: a request starts now.

        Args:
            service: From `service_of`; a further request to the one whose turn it is stays in that turn.

        Raises:
            SourceError: other processes kept the service busy for `patience` seconds.
        """
        if self._folder is None:
            return
        moment = self._folder / f"{service}.next"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if moment == self._mine:
                self._start(moment)
                return
            self.end()
            until = self._clock() + self._patience
            with self._lock(f"{service}.queue", until):
                self._held.enter_context(self._lock(f"{service}.lock", until))
                self._mine = moment
                self._start(moment)
        except OSError as error:
            self._alone(error)

    def postpone(self, seconds: float) -> None:
        """Let every process wait for so long from now, if it has to wait no longer already; no more than `longest`."""
        moment = self._wall() + min(seconds, self._longest)
        if self._mine is None or self._folder is None or moment <= self._next:
            return
        try:
            self._put(self._mine, moment)
        except OSError as error:
            self._alone(error)

    def end(self) -> None:
        """Give the turn back."""
        self._mine = None
        try:
            self._held.close()
        except OSError as error:
            self._alone(error)

    def _lock(self, name: str, until: float) -> contextlib.AbstractContextManager[object]:
        """A lock that is held, and given back by leaving it."""
        from filelock import FileLock, Timeout

        assert self._folder is not None
        # A lock file in place of the system's lock would outlive a killed process.
        lock = FileLock(self._folder / name, mode=0o600, fallback_to_soft=False)
        try:
            return lock.acquire(timeout=0)
        except Timeout:
            self._tell(name)
            try:
                return lock.acquire(timeout=max(0.0, until - self._clock()))
            except Timeout as error:
                raise SourceError(
                    f"{_service(name)}: another process has been asking it for {self._patience / 60:.0f} minutes",
                    hint="let that one end, then run this again: arXiv allows one request at a time",
                ) from error

    def _start(self, moment: Path) -> None:
        left = remaining(_saved(moment), self._wall(), self._longest)
        if left > self._delay:
            log.info("%s: it asked for a pause; going on in %.0f s", _service(moment.name), left)
        if left > 0:
            self._sleep(left)
        self._put(moment, self._wall() + self._delay)

    def _put(self, moment: Path, at: float) -> None:
        """In place: a full disk takes it, and there is no draft for a killed process to leave."""
        text = f"{at:.6f}".encode()
        file = os.open(moment, _WRITE, 0o600)
        try:
            os.write(file, text)
            os.ftruncate(file, len(text))
        finally:
            os.close(file)
        self._next = at

    def _tell(self, name: str) -> None:
        if not self._told:
            log.info("%s: another process is asking it; taking turns", _service(name))
        self._told = True

    def _alone(self, error: OSError) -> None:
        reason = error.strerror or str(error)
        log.warning("%s: can't be used: %s; other processes that ask arXiv are not minded", self._folder, reason)
        self._folder = None


def remaining(saved: bytes, now: float, longest: float) -> float:
    """The seconds from `now` to a moment on file; 0.0 where it is past, no moment, or further off than `longest`."""
    try:
        left = float(saved) - now
    except ValueError:
        return 0.0
    return min(left, longest) if 0 < left < longest + 1 else 0.0  # a second, for what rounding does


def service_of(url: str) -> str:
    """
    What has its turns for itself, as the name of a file: arXiv as a whole, or one host and port.

    Source: https://info.arxiv.org/help/api/tou.html (one limit for all its interfaces)

    >>> service_of("https://export.arxiv.org/api/query"), service_of("http://127.0.0.1:8091/rss/cs.CL")
    ('arxiv.org', '127.0.0.1_8091')
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if host == "arxiv.org" or host.endswith(".arxiv.org"):
        return "arxiv.org"
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return f"{re.sub(r'[^a-z0-9.-]', '_', host)[:200]}_{port}"


def default_folder(environment: Mapping[str, str], home: Path) -> Path:
    """
    The folder of a user for what all runs share.

    Source: https://specifications.freedesktop.org/basedir-spec/latest/ (a relative XDG_CACHE_HOME is ignored)
    """
    told = Path(environment.get("XDG_CACHE_HOME", ""))
    return (told if told.is_absolute() else home / ".cache") / "bilingual-digest"


def _saved(moment: Path) -> bytes:
    try:
        with moment.open("rb") as file:
            return file.read(64)
    except OSError:
        return b""  # whether it can be written is what counts


def _service(name: str) -> str:
    return name.rpartition(".")[0]
