"""One row of a stranger's JSON Lines: its paper, its announce type and its card, in the spellings in use.

Pure; floor of the family. Complains of what it can't read, guesses nothing that a row doesn't say, knows no files.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, get_args

from pydantic import ValidationError

from ..identifiers import covers, is_category, parse_id
from ..models import FIELDS, AnnounceType, Listed, Paper
from ..plaintext import one_line

Row = Mapping[str, Any]

UNREADABLE = (ValueError, RecursionError)  #: of a broken row; the errors of pydantic, json and UTF-8 are ValueErrors

_TYPES: tuple[AnnounceType, ...] = get_args(AnnounceType)
_AS_CROSS: Mapping[AnnounceType, AnnounceType] = {"new": "cross", "replace": "replace-cross"}
# The categories without a dot; other single words are none, though they look like an archive.
_PLAIN = {"gr-qc", "hep-ex", "hep-lat", "hep-ph", "hep-th", "math-ph", "nucl-ex", "nucl-th", "quant-ph"}


def read_row(line: bytes) -> Row:
    """
    The object on a line.

    Raises:
        ValueError, RecursionError: there is none; see `UNREADABLE` and `reason`.
    """
    row = json.loads(line.decode("utf-8"))
    if not isinstance(row, dict):
        raise ValueError("a JSON object is due")  # noqa: TRY004 - the line is wrong, not our call
    return row


def read_unless_cut(line: bytes, number: int) -> Row | None:
    """
    The object on a line; None where the line breaks off, as the last one does when its writer is stopped.

    Raises:
        ValueError, RecursionError: it is broken otherwise, or nothing stands before it.
    """
    try:
        return read_row(line)
    except UNREADABLE:
        if number == 1 or line.endswith(b"\n"):
            raise
        return None


def reason(error: Exception) -> str:
    """What is wrong with a row, on one line."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return one_line(str(error))[:300]


def listed(row: Row, announced: date, asked: Sequence[str]) -> Listed | None:
    """
    The row's paper under its announce type; None where the row is of another date or other categories.

    A row is of another date if its `announced` says so. It is of other categories if it has some, none of them asked,
    and no section of its own. Without a section, a paper whose primary category is not asked is a cross-list.

    Raises:
        ValueError: a field is missing or not what it must be.
    """
    day, section, own = named_day(row), text_of(row, "section"), categories_of(row)
    if day and day != announced:
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


def named_day(row: Row) -> date | None:
    """
    The date that a row says it was announced on; None where it names none and so belongs to any.

    Raises:
        ValueError: it is no ISO date.
    """
    day = text_of(row, "announced")
    return date.fromisoformat(day[:10]) if day else None


def reply_of(row: Row) -> str:
    """The row's card as a model would have replied it; empty where a field is missing."""
    for held in (row, row.get("AI"), row.get("card")):
        if isinstance(held, dict) and FIELDS[0] in held:
            card = {name: held.get(name) for name in FIELDS}
            if all(isinstance(told, str) and one_line(told) for told in card.values()):
                return json.dumps({name: one_line(str(told)) for name, told in card.items()}, ensure_ascii=False)
    return ""


def text_of(row: Row, *names: str) -> str:
    """The first of these fields as one line; empty where there is none."""
    told = raw_text_of(row, *names)
    return one_line(told) if told else ""


def raw_text_of(row: Row, *names: str) -> str:
    """The same as it came, for fields that a Paper puts on one line itself: to look at an abstract twice takes long."""
    for name in names:
        if (value := row.get(name)) is not None:
            if not isinstance(value, str):
                raise ValueError(f"{names[0]}: text is due")
            return value
    return ""


def authors_of(told: Any) -> tuple[str, ...]:
    """
    Names from a list of them, from a list of objects with a `name`, or from one string.

    >>> authors_of("Ada Lovelace, Alan Turing, and Emmy Noether")
    ('Ada Lovelace', 'Alan Turing', 'Emmy Noether')
    """
    if isinstance(told, str):
        told = re.split(r",\s+(?:and\s+)?|\s+and\s+", one_line(told))
    elif isinstance(told, list):
        told = [author.get("name") if isinstance(author, dict) else author for author in told]
    return tuple(filter(None, map(one_line, _names("authors", told))))


def categories_of(row: Row) -> tuple[str, ...]:
    """The row's categories, the primary one first, without classes of MSC and ACM."""
    told = row.get("categories")
    names = _names("categories", told.split() if isinstance(told, str) else told)
    primary = text_of(row, "primary_category", "primary")
    return tuple(dict.fromkeys(filter(is_category, [primary, *names])))


def comment_of(row: Row) -> str | None:
    """The authors' comment; tools that write Python's None as text have none."""
    told = text_of(row, "comment", "comments")
    return told if told not in ("", "None") else None


def _paper(row: Row, categories: tuple[str, ...]) -> Paper:
    base, version = parse_id(text_of(row, "id", "arxiv_id", "entry_id"))
    return Paper(
        arxiv_id=base,
        version=_version(row) or version or 1,
        title=raw_text_of(row, "title"),
        authors=authors_of(row.get("authors")),
        abstract=raw_text_of(row, "abstract", "summary"),
        categories=categories,
        submitted=_moment(row, "submitted", "published"),
        updated=_moment(row, "updated", "date", "update_date"),
        comment=comment_of(row),
        journal_ref=text_of(row, "journal_ref", "journal-ref") or None,
        doi=text_of(row, "doi") or None,
    )


def _version(row: Row) -> int | None:
    told = row.get("version")
    if told is None:
        return None
    if not re.fullmatch(r"v?[1-9]\d{0,3}", str(told)):
        raise ValueError(f"version: {str(told)[:20]!r} is none")
    return int(str(told).removeprefix("v"))


def _announce_type(row: Row) -> AnnounceType:
    told = text_of(row, "kind", "announce_type") or "new"
    for known in _TYPES:
        if told == known:
            return known
    raise ValueError(f"kind: {told[:40]!r} is none of {', '.join(_TYPES)}")


def _names(field: str, told: Any) -> list[str]:
    if not isinstance(told, list | None) or not all(isinstance(name, str) for name in told or ()):
        raise ValueError(f"{field}: a list of names is due")
    return told or []


def _moment(row: Row, *names: str) -> datetime | None:
    """The first of these fields as a time; without a zone it is UTC, without a time of day midnight."""
    told = text_of(row, *names)
    if not told:
        return None
    try:
        found = datetime.fromisoformat(told)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{names[0]}: {told[:40]!r} is no ISO date or time") from error
