"""Tables of printed lines shared out among files that a code host shows whole, and the contents that find them again.

Pure; counts bytes of UTF-8 and knows nothing of papers or templates.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..tex import plain

#: Bytes of one Markdown file that GitHub shows. Source: https://docs.github.com/en/repositories/
#: managing-your-repositorys-settings-and-features/customizing-your-repository/about-readmes (500 KiB)
SHOWN = 512_000
_HEAD = 200  #: bytes around a table at most: its heading's signs and the row of column names

_NOT_IN_ANCHOR = re.compile(r"[^\w\- ]")


@dataclass(frozen=True, slots=True)
class Printed:
    """A table, or a part of one, line by line."""

    title: str
    lines: tuple[str, ...]
    again: bool = False  #: it goes on from the file before

    @property
    def head(self) -> int:
        """Bytes without the lines, at most: a sign of the title may be written in six."""
        return _HEAD + 6 * len(self.title.encode())


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the contents: one keyword, and where it stands."""

    title: str
    rows: int
    places: tuple[tuple[int, str], ...]  #: (number of the file, from 1; anchor), in order


def packed(tables: Iterable[Printed], room: int) -> tuple[tuple[Printed, ...], ...]:
    """
    The tables in order, in files of at most `room` bytes; one that is larger than a file goes on in the next.

    A single line that is larger than a file has one of its own.
    """
    files: list[list[Printed]] = [[]]
    left = room
    for table in tables:
        rest = table
        if files[-1] and _size(rest) > left:
            files.append([])
            left = room
        while (count := _fitting(rest, left)) < len(rest.lines):
            files[-1].append(replace(rest, lines=rest.lines[:count]))
            rest = replace(rest, lines=rest.lines[count:], again=True)
            files.append([])
            left = room
        files[-1].append(rest)
        left -= _size(rest)
    return tuple(map(tuple, files))


def _size(table: Printed) -> int:
    return table.head + sum(map(_bytes, table.lines))


def _fitting(table: Printed, left: int) -> int:
    """How many lines fit, but at least one."""
    left -= table.head
    for count, line in enumerate(table.lines):
        left -= _bytes(line)
        if left < 0:
            return max(count, 1)
    return len(table.lines)


def _bytes(line: str) -> int:
    return len(line.encode()) + 1


def contents(files: Sequence[Sequence[Printed]], above: Iterable[str] = ()) -> tuple[Line, ...]:
    """Where each keyword stands; `above` are the headings over the tables of each file."""
    found: dict[str, Line] = {}
    for number, tables in enumerate(files, 1):
        taken: list[str] = []
        for title in above:
            taken.append(_anchor(title, taken))
        for table in tables:
            taken.append(_anchor(table.title, taken))
            line = found.get(table.title, Line(table.title, 0, ()))
            places = (*line.places, (number, taken[-1]))
            found[table.title] = replace(line, rows=line.rows + len(table.lines), places=places)
    return tuple(found.values())


def _anchor(title: str, taken: Sequence[str]) -> str:
    """The anchor that GitHub gives a heading after those `taken`.

    >>> _anchor("Vision (2D)", []), _anchor("C++", ["c"])
    ('vision-2d', 'c-1')
    """
    name = _NOT_IN_ANCHOR.sub("", plain(title).strip().lower()).replace(" ", "-")
    names = (name if not count else f"{name}-{count}" for count in range(len(taken) + 1))
    return next(one for one in names if one not in taken)
