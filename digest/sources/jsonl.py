"""Papers from a file of JSON lines: the bundled sample, another tool's output, a list of one's own.

Reads the spellings in use among strangers; drops no line in silence, and reads nothing but that file.
"""

import logging
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Literal

from ..errors import RecordError
from ..hooks import Watch, unwatched
from ..models import Listed, Listing
from .bookmarks import Bookmarks
from .rows import UNREADABLE, listed, named_day, read_row, reason, reply_of
from .streams import lines

log = logging.getLogger(__name__)


class JsonLines:
    """
    One file, UTF-8, one JSON object a line; gzip and zip are unpacked as they are read.

    Args:
        path: The file. One pass notes where each date's rows stand, and each listing reads its own; what is packed is
            read from end to end for the first listing, and unpacked for the second one if there is room.
        source: What its listings call themselves; "sample" for the bundled one.
        watch: Is told how far the pass is.
    """

    def __init__(self, path: Path, source: Literal["file", "sample"] = "file", watch: Watch = unwatched) -> None:
        self._path, self._source = path, source
        self._marks = Bookmarks(path, self._day_of, watch)
        self._is_asked_again = False

    def dates(self) -> tuple[date, ...] | None:
        """
        The dates that its rows name, oldest first; None where the file can only be read from its beginning.

        Raises:
            RecordError, ConfigError: as `listing`, but for what is wrong with a row beyond its date.
        """
        self._is_asked_again = True
        if not self._marks.ready():
            return None
        counts = self._marks.counts
        if counts.get(None):
            log.info("%s: some rows name no date: they stand under each", self._path)
        return tuple(sorted(day for day in counts if day))

    def listing(self, announced: date, categories: Sequence[str]) -> Listing:
        """
        The file's papers in its order, a repeated row once; cards that it has come along as replies.

        A row is left out if it has another `announced` date, or if it has categories, none of them asked, and no
        section of its own. Without a section, a paper whose primary category is not asked is a cross-list.

        Args:
            announced: Date of the edition; rows that name no date belong to any.
            categories: Canonical names; none takes all rows.

        Raises:
            RecordError: the file or a line can't be read; the message says where and why.
            ConfigError: the file is a zip of several.
        """
        items: dict[Listed, None] = {}
        replies: dict[str, str] = {}
        total = 0
        is_part = (self._is_asked_again or self._marks.is_cheap) and self._marks.ready()
        self._is_asked_again = True
        for number, line in self._marks.lines({announced, None}) if is_part else lines(self._path):
            total += 1
            try:
                row = read_row(line)
                item = listed(row, announced, categories)
            except UNREADABLE as error:
                raise self._unreadable(number, error) from error
            if item is not None:
                items[item] = None
                if reply := reply_of(row):
                    replies.setdefault(item.paper.arxiv_id, reply)
        total = self._marks.rows if is_part else total
        log.info("%s: %d of %d rows", self._path, len(items), total)
        return Listing(announced, self._source, tuple(items), notes=self._notes(len(items), total), replies=replies)

    def _day_of(self, number: int, line: bytes) -> date | None:
        try:
            return named_day(read_row(line))
        except UNREADABLE as error:
            raise self._unreadable(number, error) from error

    def _unreadable(self, number: int, error: Exception) -> RecordError:
        return RecordError(f"{self._path}:{number}: {reason(error)}")

    def _notes(self, kept: int, total: int) -> tuple[str, ...]:
        if kept or not total:
            return ()
        return (f"{self._path.name} has {total} rows, none of them of this date and these categories.",)
