"""Papers from arXiv's bulk metadata: one file with every paper's record, in which no announcement dates stand.

Passes once over the file, whatever its size, then reads the months asked for; parses no record of another one.
"""

import email.utils
import logging
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from .. import schedule
from ..errors import RecordError
from ..hooks import Watch, unwatched
from ..identifiers import parse_id
from ..models import Paper
from ..plaintext import one_line
from .bookmarks import Bookmarks
from .rows import UNREADABLE, Row, authors_of, categories_of, comment_of, raw_text_of, read_row, reason, text_of
from .streams import lines

# Year and month in an identifier, in the record's bytes: a quote inside a text has a backslash before it, so that no
# title or abstract can look like this. Some writers put a backslash before the slash of "hep-th/9901001".
_MONTH = re.compile(rb'"id"\s*:\s*"(?:[A-Za-z.-]+\\?/)?(\d{4})')
_ID = re.compile(rb'"id"\s*:\s*"([^"]+)"')
MEND = "mend or delete that line, or fetch the file again"

log = logging.getLogger(__name__)


class Version(NamedTuple):
    """One version of a paper."""

    number: int
    created: datetime  #: UTC


@dataclass(frozen=True, slots=True)
class Seen:
    """One paper of the snapshot: what tells when it was announced, and on demand all the rest."""

    arxiv_id: str
    submitted: datetime  #: of v1, UTC
    changed: date | None  #: UTC day of the last change to its record; never before it was announced
    categories: tuple[str, ...]  #: primary first
    _place: str
    _line: bytes

    def paper(self) -> Paper:
        """
        The paper at its newest version.

        Raises:
            RecordError: a field is missing or not what it must be; the message says where and why.
        """
        try:
            return _paper(read_row(self._line))
        except UNREADABLE as error:
            raise RecordError(f"{self._place}: {reason(error)}") from error


class Snapshot:
    """
    One file, one JSON object a line, plain or packed by gzip or zip.

    Args:
        path: The file, some gigabytes. One pass notes where each month's records stand; what is packed is read from end
            to end for the first call, and unpacked for the second one if there is room.
        holidays: More days without a mailing than arXiv's calendar has.
        watch: Is told how far the pass is.

    Source: https://info.arxiv.org/help/bulk_data.html
    """

    def __init__(self, path: Path, holidays: Collection[date] = (), watch: Watch = unwatched) -> None:
        self._path, self._holidays = path, holidays
        self._marks = Bookmarks(path, _month_of, watch)
        self._is_asked_again = False
        self._tail: tuple[int, bytes] | None = None

    def covered(self) -> tuple[date, date] | None:
        """
        The first day that may have a listing here, and the last listing date; None where the file names no month.

        The last listing may be cut: a snapshot ends when it is made. It takes one reading of the newest month.

        Raises:
            RecordError, ConfigError: as `sightings`.
        """
        self._is_asked_again = True
        names = self._marks.counts if self._marks.ready() else {_month_of(*row) for row in lines(self._path)}
        months = sorted(filter(None, map(_begin, names)))
        if not months:
            return None
        last = months[-1] + timedelta(days=30)
        lost: dict[str, RecordError] = {}
        sent = [seen.submitted for seen in self.sightings(months[-1], last, lost)]
        if lost and not sent:
            raise next(iter(lost.values()))
        latest = max(sent, default=_noon(months[-1]))
        return months[0], schedule.covering(min(latest, _noon(last)), self._holidays)

    def sightings(self, first: date, last: date, lost: dict[str, RecordError] | None = None) -> Iterator[Seen]:
        """
        Yield the papers of all categories that may have been announced from `first` to `last`, and their neighbours.

        The neighbours are those before the first listing in its months, and those of the listing after `last`: the
        borders between listings show only where both sides are known. A paper that was held back is among them
        however long ago it was submitted. They come in the file's order, each once.

        Args:
            first: Announcement date, or a day before the first one meant.
            last: Announcement date, or a day after the last one meant.
            lost: Gets the records that can't be read, and why, by the identifier that can be told all the same.

        Raises:
            RecordError: the file can't be read, or a record of these months and there is no `lost` for it; one without
                an identifier is of any month. The message says where and why.
            ConfigError: the file is a zip of several.
        """
        months, end = span(first, last, self._holidays)
        known: set[str] = set()
        total = 0
        for number, line in self._lines(months | {b""}):
            total += 1
            seen = self._read(number, line, end, lost)
            if seen and seen.arxiv_id not in known:
                known.add(seen.arxiv_id)
                yield seen
        if tail := self._tail:
            self._read(*tail, end)  # whatever month it is of: a file that was cut off holds less than it says
        log.info("%s: %d of %d records read may be of %s to %s", self._path, len(known), total, first, last)

    def _lines(self, months: Collection[bytes]) -> Iterator[tuple[int, bytes]]:
        """Yield the lines of some months after their numbers; the file's last one is kept if it has no newline."""
        is_part = (self._is_asked_again or self._marks.is_cheap) and self._marks.ready()
        self._is_asked_again = True
        if is_part:
            self._tail = self._marks.tail()
            yield from self._marks.lines(months)
            return
        number, line = 0, b"\n"
        for number, line in lines(self._path):
            if _month_of(number, line) in months:
                yield number, line
        self._tail = None if line.endswith(b"\n") else (number, line)

    def _read(self, number: int, line: bytes, end: datetime, lost: dict[str, RecordError] | None = None) -> Seen | None:
        """The paper of one line; None where it was submitted later, or is lost."""
        place = f"{self._path}:{number}"
        try:
            seen = _seen(read_row(line), place, line)
        except UNREADABLE as error:
            failure = RecordError(f"{place}: {reason(error)}", hint=MEND)
            if lost is None or (arxiv_id := _id_of(line)) is None:
                raise failure from error
            lost[arxiv_id] = failure
            return None
        return seen if seen.submitted <= end else None


def span(first: date, last: date, holidays: Collection[date] = ()) -> tuple[frozenset[bytes], datetime]:
    """
    Which identifiers and which submissions can matter for the listings from `first` to `last`.

    Returns:
        The months of the identifiers, as they stand in them, from the beginning of the first window on; and the end
        of the window after the last one, UTC.

    >>> months, end = span(date(2026, 3, 17), date(2026, 3, 17))
    >>> sorted(months), end.isoformat()
    ([b'2603'], '2026-03-17T18:00:00+00:00')
    """
    if not schedule.is_listing_day(first, holidays):
        first = schedule.nearest(first, holidays)[1]
    beyond = schedule.nearest(last, holidays)[1]
    start = schedule.window(first, holidays).start
    count = (beyond.year - start.year) * 12 + beyond.month - start.month
    months = ((start.year + month // 12, month % 12 + 1) for month in range(start.month - 1, start.month + count))
    names = frozenset(f"{year % 100:02}{month:02}".encode() for year, month in months)
    return names, schedule.window(beyond, holidays).end


def _month_of(_: int, line: bytes) -> bytes:
    """Year and month in the identifier, four digits; empty where there is none."""
    found = _MONTH.search(line)
    return found[1] if found else b""


def _id_of(line: bytes) -> str | None:
    """The identifier in a line that can't be read otherwise."""
    found = _ID.search(line)
    try:
        return parse_id(found[1].decode("ascii").replace("\\/", "/")).base if found else None
    except ValueError:
        return None


def _begin(month: bytes) -> date | None:
    """
    The first day of a month as identifiers name it; None for what names none.

    >>> _begin(b"9108"), _begin(b"2613"), _begin(b"")
    (datetime.date(1991, 8, 1), None, None)
    """
    year, number = int(month[:2] or 0), int(month[2:] or 0)
    return date(year + (1900 if year > 90 else 2000), number, 1) if 1 <= number <= 12 else None


def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def _seen(row: Row, place: str, line: bytes) -> Seen:
    changed = text_of(row, "update_date")
    return Seen(
        arxiv_id=parse_id(text_of(row, "id")).base,
        submitted=_versions(row)[0].created,
        changed=date.fromisoformat(changed) if changed else None,
        categories=categories_of(row),
        _place=place,
        _line=line,
    )


def _paper(row: Row) -> Paper:
    versions = _versions(row)
    return Paper(
        arxiv_id=parse_id(text_of(row, "id")).base,
        version=versions[-1].number,
        title=raw_text_of(row, "title"),
        authors=_authors(row.get("authors_parsed")) or authors_of(row.get("authors")),
        abstract=raw_text_of(row, "abstract"),
        categories=categories_of(row),
        submitted=versions[0].created,
        updated=versions[-1].created,
        comment=comment_of(row),
        journal_ref=text_of(row, "journal-ref") or None,
        doi=text_of(row, "doi") or None,
    )


def _versions(row: Row) -> list[Version]:
    """All versions, the first one first."""
    told: Any = row.get("versions")
    try:
        found = sorted(Version(int(one["version"].removeprefix("v")), _moment(one["created"])) for one in told)
    except (TypeError, KeyError, AttributeError, ValueError, OverflowError) as error:
        raise ValueError(f"versions: {one_line(str(told))[:80]!r} can't be read") from error
    if not found:
        raise ValueError("versions: there are none")
    return found


def _moment(told: str) -> datetime:
    found = email.utils.parsedate_to_datetime(told)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def _authors(told: Any) -> tuple[str, ...]:
    """
    Names from lists of last name, first names and suffix; affiliations that may come behind are left out.

    >>> _authors([["Lovelace", "Ada", ""], ["Turing", "A. M.", "Jr"], ["The Foo Collaboration", "", ""]])
    ('Ada Lovelace', 'A. M. Turing Jr', 'The Foo Collaboration')
    """
    if told is None:
        return ()
    try:
        names = (one_line(" ".join((*author[1:2], author[0], *author[2:3]))) for author in told)
        return tuple(filter(None, names))
    except (TypeError, KeyError, IndexError) as error:
        raise ValueError("authors_parsed: lists of names are due") from error
