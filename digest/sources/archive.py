"""Papers and cards from another tool's archive: a folder with a JSON Lines file, or two, for each day.

Reads what the best-known tool of the kind has left; takes no failure text for a card and changes no file.
"""

import json
import logging
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from .. import schedule
from ..errors import ConfigError, RecordError
from ..models import Listed, Listing
from .rows import UNREADABLE, Row, listed, read_unless_cut, reason, reply_of
from .streams import lines

STALE = 0.9  #: share of papers that a file has in common with the one before, from which on it shows the same listing

_NAME = re.compile(r"(\d{4}-\d\d-\d\d)(?:_unique)?(?:_AI_enhanced_(\w+))?\.jsonl(?:\.gz)?")
_ID = re.compile(rb'"id"\s*:\s*"([^"]+)"')
_HAN = re.compile("[\u3400-\u9fff]")

log = logging.getLogger(__name__)


class File(NamedTuple):
    """One file of the archive; they sort by date, what was crawled before what was made of it."""

    stamp: date  #: in its name: the UTC day of the crawl
    rank: int  #: 0 as crawled, 1 with Chinese cards, 2 with other ones
    path: Path


class Archive:
    """
    A folder of files `2026-03-17.jsonl` (as crawled) and `2026-03-17_AI_enhanced_Chinese.jsonl` (with cards).

    On a weekend or holiday the tool crawls the listing before once more, so such a file counts to that listing.

    Args:
        folder: The files' folder, or one whose `data` they stand in.
        holidays: More days without a mailing than arXiv's calendar has.

    Raises:
        ConfigError: there is no such file in it.
        RecordError: the folder can't be read.
    """

    def __init__(self, folder: Path, holidays: Collection[date] = ()) -> None:
        self._folder, self._holidays = folder, holidays
        self._files: dict[date, list[File]] = {}
        for file in _files(folder):
            self._files.setdefault(self._shown(file.stamp), []).append(file)

    def dates(self) -> tuple[date, ...]:
        """The listing dates that have a file, oldest first."""
        if extra := self.repeats():
            log.info("%s: no listings, but repeats: %s", self._folder, ", ".join(map(str, extra)))
        return tuple(sorted(self._files))

    def repeats(self) -> tuple[date, ...]:
        """The dates in files' names on which arXiv has no listing, oldest first."""
        return tuple(sorted({file.stamp for day, files in self._files.items() for file in files if file.stamp != day}))

    def listing(self, announced: date, categories: Sequence[str]) -> Listing:
        """
        The papers of all files of one listing, as first crawled, each once; cards come along as replies.

        Papers that the tool lost between crawl and card are there without a reply, and so are those whose card is
        evidently none: a field is empty or without a Chinese character, or all say the same.

        Args:
            announced: One of `dates`.
            categories: Canonical names; none takes all rows.

        Raises:
            ConfigError: the archive has no file of that date.
            RecordError: a file or a line can't be read; the message says where and why. A last line that breaks
                off is left out, and a note says so.
        """
        if announced not in self._files:
            raise self._unknown(announced)
        items: dict[str, Listed] = {}
        replies: dict[str, str] = {}
        notes: list[str] = []
        for file in self._files[announced]:
            before = len(items)
            if not file.path.stat().st_size:
                log.warning("%s: empty; papers may be missing", file.path)
                notes.append(f"{file.path.name} is empty; papers may be missing.")
            for place, row in _rows(file.path, notes):
                try:
                    item = listed(row, announced, categories)
                except UNREADABLE as error:
                    raise RecordError(f"{place}: {reason(error)}") from error
                if item is not None:
                    items.setdefault(item.paper.arxiv_id, item)
                    if reply := _card(row):
                        replies.setdefault(item.paper.arxiv_id, reply)
            if file.stamp != announced and len(items) > before:
                notes.append(f"{file.path.name} adds {len(items) - before} papers: arXiv has no listing of its date.")
        notes += self._doubts(announced, len(items))
        log.info("%s %s: %d papers, %d cards", self._folder, announced, len(items), len(replies))
        return Listing(announced, "file", tuple(items.values()), notes=tuple(notes), replies=replies)

    def _shown(self, stamp: date) -> date:
        """The listing that was on arXiv's pages at the crawl."""
        return stamp if schedule.is_listing_day(stamp, self._holidays) else schedule.nearest(stamp, self._holidays)[0]

    def _unknown(self, announced: date) -> ConfigError:
        shown = self._shown(announced)
        if shown != announced and shown in self._files:
            message = f"{self._folder}: arXiv has no listing of {announced}; its file shows the one of {shown}"
            return ConfigError(message, hint=f"--date {shown}")
        first, last = min(self._files), max(self._files)
        return ConfigError(f"{self._folder}: no file of {announced}; its {len(self._files)} dates: {first} to {last}")

    def _doubts(self, announced: date, kept: int) -> Iterator[str]:
        """What makes the archive's word on this listing doubtful."""
        own = _ids(self._files[announced])
        if own and not kept:
            yield f"{self._folder.name} has {len(own)} papers of this date, none of them in these categories."
        previous = max((day for day in self._files if day < announced), default=None)
        if previous and own and len(own & _ids(self._files[previous])) >= STALE * len(own):
            yield f"Nearly all these papers stand in the archive under {previous} too: it seems to lack this listing."


def _files(folder: Path) -> list[File]:
    try:
        for place in (folder, folder / "data"):
            if place.is_dir() and (found := sorted(filter(None, map(_named, place.iterdir())))):
                return found
    except OSError as error:
        raise RecordError(f"{folder}: can't be read: {error.strerror or error}") from error
    raise ConfigError(
        f"{folder}: no daily file in this folder",
        hint="files named 2026-03-17.jsonl or 2026-03-17_AI_enhanced_Chinese.jsonl are looked for",
    )


def _named(path: Path) -> File | None:
    """A file with a date in its name; None for any other."""
    found = _NAME.fullmatch(path.name)
    if not found or not path.is_file():
        return None
    try:
        stamp = date.fromisoformat(found[1])
    except ValueError:
        return None
    return File(stamp, (found[2] is not None) + (found[2] not in (None, "Chinese")), path)


def _rows(path: Path, notes: list[str]) -> Iterator[tuple[str, Row]]:
    """Each row after its place; a last line that breaks off is noted."""
    for number, line in lines(path):
        try:
            row = read_unless_cut(line, number)
        except UNREADABLE as error:
            raise RecordError(f"{path}:{number}: {reason(error)}") from error
        if row is not None:
            yield f"{path}:{number}", row
        else:
            log.warning("%s:%d: the file breaks off here; papers may be missing", path, number)
            notes.append(f"{path.name} breaks off in line {number}; papers may be missing.")


def _card(row: Row) -> str:
    """The row's card as a reply; empty where it is evidently none."""
    reply = reply_of(row)
    fields: Collection[str] = json.loads(reply).values() if reply else ()
    return reply if len(set(fields)) > 1 and all(map(_HAN.search, fields)) else ""


def _ids(files: Iterable[File]) -> set[bytes]:
    found = (_ID.search(line) for file in files for _, line in lines(file.path))
    return {one[1] for one in found if one}
