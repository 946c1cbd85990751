"""When files changed, and when whoever changes them has come to rest.

Looks at sizes and times of a few files and folders, never at what they hold.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

Mark = tuple[int, int, int]  #: time in nanoseconds, size, number of the file; all zero where there is none


def marks(paths: Iterable[Path]) -> dict[Path, Mark]:
    """The state of each of some files or folders."""
    return {path: _mark(path) for path in paths}


def _mark(path: Path) -> Mark:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_size, found.st_ino)


class Calm:
    """Tells when a burst of changes is over: nothing changed for `rest` seconds, or it has gone on for `longest`."""

    def __init__(self, rest: float, longest: float) -> None:
        self._rest, self._longest = rest, longest
        self._known: Mapping[Path, Mark] = {}
        self._began: float | None = None  #: the burst; None: there is none
        self._last = 0.0

    def is_over(self, found: Mapping[Path, Mark], now: float) -> bool:
        """Whether a burst has just ended, given the state of things; what is new to us has not changed."""
        changed = any(self._known.get(path, mark) != mark for path, mark in found.items())
        self._known = dict(found)
        if changed:
            self._began = now if self._began is None else self._began
            self._last = now
        if self._began is None or (now - self._last < self._rest and now - self._began < self._longest):
            return False
        self._began = None
        return True
