"""Where in a file the lines of each date or month stand: one pass notes it, then each part is read by itself.

Floor of the family. Holds 24 bytes for each run of lines that belong together, and nothing of what they say.
"""

import io
import logging
import shutil
import tempfile
import weakref
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Generic, TypeVar

from ..hooks import Watch, unwatched
from .streams import is_packed, placed, plain, told, unpacked

Label = TypeVar("Label")

SPARE = 512 * 2**20  #: bytes of room that unpacking leaves to others
USUAL = 2  #: times at least that such a file grows when it is unpacked: with less room it is not begun

NO_ROOM = "%s: no room in %s to unpack it, so it is read whole again and again: unpack it yourself"

_CHUNK = 2**24  # bytes between two looks at the room that is left
_NEAR = 2**15  # bytes read at once: the parts may be single lines
_OFTEN = 2**14  # lines between two words about how far the pass is
_MB = 10**6

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Marks(Generic[Label]):
    """What one pass has found."""

    state: tuple[int, int, int]  #: of the file when it was read
    copy: IO[bytes] | None  #: of a packed file: what it holds
    runs: dict[Label, "array[int]"] = field(default_factory=dict)  #: by threes: first byte, byte behind, line's number
    rows: int = 0
    last: tuple[int, int, int] = (0, 0, 0)  #: the last line in the same form
    is_whole: bool = True  #: whether the last line ends with a newline


class Bookmarks(Generic[Label]):
    """
    The lines of one file by label.

    A packed file is unpacked once, into a temporary file that is gone when the program ends. A file that changes is
    passed through again. Only one part is read at a time.

    Args:
        path: Plain, or packed by gzip or zip.
        label: What a line belongs to, of its number and its bytes; what it raises ends the pass.
        watch: Is told how many megabytes of how many were unpacked or passed.
    """

    def __init__(self, path: Path, label: Callable[[int, bytes], Label], watch: Watch = unwatched) -> None:
        self._path, self._label, self._watch = path, label, watch
        self._marks: _Marks[Label] | None = None
        self._refused = False

    @property
    def is_cheap(self) -> bool:
        """Whether the pass takes no more than reading the file."""
        return self._marks is not None or (self._path.is_file() and not is_packed(self._path))

    def ready(self) -> bool:
        """
        Make the pass, unless that is done; False: the file can only be read from its beginning.

        It is a pipe, or packed with no room to unpack it, which is said once.

        Raises:
            RecordError, ConfigError: as `streams.lines`.
        """
        if self._refused or not self._path.is_file():
            return False
        with told(self._path):
            found = self._path.stat()
        state = (found.st_ino, found.st_size, found.st_mtime_ns)
        if self._marks is None or self._marks.state != state:
            self._marks = self._pass(state)
            self._refused = self._marks is None
        return not self._refused

    def lines(self, labels: Collection[Label]) -> Iterator[tuple[int, bytes]]:
        """Yield the lines of some labels, in the file's order, each after its number; see `ready`."""
        marks = self._known
        runs = sorted(run for label in labels for run in _threes(marks.runs.get(label, ())))
        with told(self._path), self._file(marks) as file:
            yield from self._read(file, runs)

    def tail(self) -> tuple[int, bytes] | None:
        """The last line after its number, if it has no newline: a file that was cut off ends so."""
        marks = self._known
        if marks.is_whole:
            return None
        with told(self._path), self._file(marks) as file:
            return next(self._read(file, [marks.last]), None)

    @property
    def counts(self) -> Mapping[Label, int]:
        """How many runs of lines each label has, in the order of their first."""
        return {label: len(runs) // 3 for label, runs in self._known.runs.items()}

    @property
    def rows(self) -> int:
        """How many lines the file has that are not blank."""
        return self._known.rows

    @property
    def _known(self) -> _Marks[Label]:
        assert self._marks, "not ready"
        return self._marks

    @contextmanager
    def _file(self, marks: _Marks[Label]) -> Iterator[IO[bytes]]:
        if marks.copy:
            yield marks.copy
        else:
            with plain(self._path, _NEAR) as file:
                yield file

    def _read(self, file: IO[bytes], runs: Collection[tuple[int, int, int]]) -> Iterator[tuple[int, bytes]]:
        for start, end, number in runs:
            file.seek(start)
            for nth, _, line in placed(file, self._path, start, number, end):
                yield nth, line

    def _pass(self, state: tuple[int, int, int]) -> _Marks[Label] | None:
        """One reading of the whole file; None where there is no room to unpack it."""
        marks: _Marks[Label] = _Marks(state, None)
        if is_packed(self._path):
            with told(self._path):
                marks.copy = _unpacked(self._path, self._watch)
            if marks.copy is None:
                return None
            weakref.finalize(self, marks.copy.close)
        with told(self._path), self._file(marks) as file:
            size = file.seek(0, io.SEEK_END) // _MB
            file.seek(0)
            self._note(marks, placed(file, self._path), size)
        log.info("%s: %d rows in %d groups", self._path, marks.rows, len(marks.runs))
        return marks

    def _note(self, marks: _Marks[Label], rows: Iterable[tuple[int, int, bytes]], size: int) -> None:
        stage = f"MB of {self._path.name}"
        own: array[int] | None = None  # the runs of the label of the line before
        for number, start, line in rows:
            if marks.rows % _OFTEN == 0:
                self._watch(stage, start // _MB, size)
            runs = marks.runs.setdefault(self._label(number, line), array("Q"))
            end = start + len(line)
            if runs is own:
                runs[-2] = end
            else:
                runs.extend((start, end, number))
            own = runs
            marks.rows += 1
            marks.last, marks.is_whole = (start, end, number), line.endswith(b"\n")


def _threes(numbers: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    return zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True)


def _unpacked(path: Path, watch: Watch) -> IO[bytes] | None:
    """What a packed file holds, in a temporary file; None where there is no room for it."""
    folder, size = tempfile.gettempdir(), path.stat().st_size
    room = shutil.disk_usage(folder).free - SPARE
    if room < USUAL * size:
        log.warning(NO_ROOM, path, folder)
        return None
    copy = tempfile.TemporaryFile(buffering=_NEAR)  # noqa: SIM115 - it stays open until the program ends
    try:
        with plain(path) as file, unpacked(file, path) as held:
            while chunk := held.read(_CHUNK):
                watch(f"MB unpacked of {path.name}", file.tell() // _MB, size // _MB)
                if shutil.disk_usage(folder).free < SPARE + len(chunk):
                    copy.close()
                    log.warning(NO_ROOM, path, folder)
                    return None
                copy.write(chunk)
    except BaseException:
        copy.close()
        raise
    copy.flush()
    log.info("%s: unpacked into a temporary file in %s", path, folder)
    return copy
