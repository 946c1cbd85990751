"""Papers from a file of JSON lines: the bundled sample, another tool's output, a list of one's own.

Reads the spellings in use among strangers; drops no line in silence, and reads nothing but that file.
"""

import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import ValidationError

from ..errors import RecordError
from ..identifiers import covers, is_category, parse_id
from ..models import FIELDS, AnnounceType, Listed, Listing, Paper
from ..plaintext import one_line

Row = Mapping[str, Any]

_TYPES: tuple[AnnounceType, ...] = get_args(AnnounceType)
_AS_CROSS: Mapping[AnnounceType, AnnounceType] = {"new": "cross", "replace": "replace-cross"}
# The categories without a dot; other single words are none, though they look like an archive.
_PLAIN = {"gr-qc", "hep-ex", "hep-lat", "hep-ph", "hep-th", "math-ph", "nucl-ex", "nucl-th", "quant-ph"}

log = logging.getLogger(__name__)


class JsonLines:
    """
    One file, UTF-8, one JSON object a line.

    Args:
        path: The file, read anew for each listing.
        source: What its listings call themselves; "sample" for the bundled one.
    """

    def __init__(self, path: Path, source: Literal["file", "sample"] = "file") -> None:
        self._path, self._source = path, source

    def listing(self, announced: date, categories: Sequence[str]) -> Listing:
        """
        The file's papers in its order; cards that it has come along as replies.

        A row is left out if it has another `announced` date, or if it has categories, none of them asked, and no
        section of its own. Without a section, a paper whose primary category is not asked is a cross-list.

        Args:
            announced: Date of the edition; rows that name no date belong to any.
            categories: Canonical names; none takes all rows.

        Raises:
            RecordError: the file or a line can't be read; the message says where and why.
        """
        items: list[Listed] = []
        replies: dict[str, str] = {}
        total = 0
        for place, line in self._lines():
            total += 1
            try:
                row = _row(line)
                item = _listed(row, announced, categories)
            except (ValueError, RecursionError) as error:  # those of pydantic, json and UTF-8 are ValueErrors
                raise RecordError(f"{place}: {_reason(error)}") from error
            if item is not None:
                items.append(item)
                if reply := _reply(row):
                    replies.setdefault(item.paper.arxiv_id, reply)
        log.info("%s: %d of %d rows", self._path, len(items), total)
        return Listing(announced, self._source, tuple(items), notes=self._notes(len(items), total), replies=replies)

    def _lines(self) -> Iterator[tuple[str, bytes]]:
        """Each line that is not blank, after its place."""
        try:
            with self._path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
                    if text.strip():
                        yield f"{self._path}:{number}", text
        except OSError as error:
            raise RecordError(f"{self._path}: can't be read: {error.strerror or error}") from error

    def _notes(self, kept: int, total: int) -> tuple[str, ...]:
        if kept or not total:
            return ()
        return (f"{self._path.name} has {total} rows, none of them of this date and these categories.",)


def _row(line: bytes) -> Row:
    row = json.loads(line.decode("utf-8"))
    if not isinstance(row, dict):
        raise ValueError("a JSON object is due")  # noqa: TRY004 - the line is wrong, not our call
    return row


def _listed(row: Row, announced: date, asked: Sequence[str]) -> Listed | None:
    """The row's paper under its announce type; None where the row is of another date or other categories."""
    day, section, own = _text(row, "announced"), _text(row, "section"), _categories(row)
    if day and date.fromisoformat(day[:10]) != announced:
        return None
    announce_type = _announce_type(row)
    if own and asked and not section:
        if not any(covers(asked, name) for name in own):
            return None
        if not covers(asked, own[0]):
            announce_type = _AS_CROSS.get(announce_type, announce_type)
    if not own and (section in _PLAIN or ("." in section and is_category(section))):
        own = (section,)
    return Listed(_paper(row, own), announce_type, section or None)


def _paper(row: Row, categories: tuple[str, ...]) -> Paper:
    base, version = parse_id(_text(row, "id", "arxiv_id", "entry_id"))
    return Paper(
        arxiv_id=base,
        version=_version(row) or version or 1,
        title=_text(row, "title"),
        authors=_authors(row.get("authors")),
        abstract=_text(row, "abstract", "summary"),
        categories=categories,
        submitted=_moment(row, "submitted", "published"),
        updated=_moment(row, "updated", "date", "update_date"),
        comment=_text(row, "comment", "comments") or None,
        journal_ref=_text(row, "journal_ref", "journal-ref") or None,
        doi=_text(row, "doi") or None,
    )


def _first(row: Row, *names: str) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _text(row: Row, *names: str) -> str:
    """The first of these fields as one line; empty where there is none."""
    value = _first(row, *names)
    if not isinstance(value, str | None):
        raise ValueError(f"{names[0]}: text is due")  # noqa: TRY004 - the line is wrong, not our call
    return one_line(value or "")


def _version(row: Row) -> int | None:
    told = _first(row, "version")
    if told is None:
        return None
    if not re.fullmatch(r"v?[1-9]\d{0,3}", str(told)):
        raise ValueError(f"version: {str(told)[:20]!r} is none")
    return int(str(told).removeprefix("v"))


def _announce_type(row: Row) -> AnnounceType:
    told = _text(row, "kind", "announce_type") or "new"
    for known in _TYPES:
        if told == known:
            return known
    raise ValueError(f"kind: {told[:40]!r} is none of {', '.join(_TYPES)}")


def _authors(told: Any) -> tuple[str, ...]:
    """
    Names from a list of them, from a list of objects with a `name`, or from one string.

    >>> _authors("Ada Lovelace, Alan Turing, and Emmy Noether")
    ('Ada Lovelace', 'Alan Turing', 'Emmy Noether')
    """
    if isinstance(told, str):
        told = re.split(r",\s+(?:and\s+)?|\s+and\s+", one_line(told))
    elif isinstance(told, list):
        told = [author.get("name") if isinstance(author, dict) else author for author in told]
    return tuple(filter(None, map(one_line, _names("authors", told))))


def _categories(row: Row) -> tuple[str, ...]:
    """The row's categories, the primary one first, without classes of MSC and ACM."""
    told = row.get("categories")
    names = _names("categories", told.split() if isinstance(told, str) else told)
    primary = _text(row, "primary_category", "primary")
    return tuple(dict.fromkeys(filter(is_category, [primary, *names])))


def _names(field: str, told: Any) -> list[str]:
    if not isinstance(told, list | None) or not all(isinstance(name, str) for name in told or ()):
        raise ValueError(f"{field}: a list of names is due")
    return told or []


def _moment(row: Row, *names: str) -> datetime | None:
    """The first of these fields as a time; without a zone it is UTC, without a time of day midnight."""
    told = _text(row, *names)
    if not told:
        return None
    try:
        found = datetime.fromisoformat(told)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{names[0]}: {told[:40]!r} is no ISO date or time") from error


def _reply(row: Row) -> str:
    """The row's card as a model would have replied it; empty where a field is missing."""
    for held in (row, row.get("AI"), row.get("card")):
        if isinstance(held, dict):
            card = {name: held.get(name) for name in FIELDS}
            if all(isinstance(text, str) and one_line(text) for text in card.values()):
                return json.dumps({name: one_line(str(text)) for name, text in card.items()}, ensure_ascii=False)
    return ""


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return one_line(str(error))[:300]
