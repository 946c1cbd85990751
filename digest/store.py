"""Editions and pages on disk: each file whole or not there, untouched where its bytes are the same.

Knows the layout of the output folder and the steps between record versions; not what a page says.
"""

import json
import logging
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import date
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import from_json

from . import headfiles
from .atomic import guarded, replace
from .errors import DigestError, RecordError
from .excerpts import excerpt
from .folder_lock import locked
from .heads import Head, head_of
from .models import SCHEMA, Edition, Entry, KeywordTables, Page

log = logging.getLogger(__name__)

Found = TypeVar("Found")

#: version -> the step that makes the next version of a record; a step stays here for ever
STEPS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {
    1: lambda record: record | {"schema": 2},
    2: lambda record: record | {"schema": 3},
}

OWED = "editions/.owed"  #: below the output folder: an empty file for each date that a run began with
_DATED = re.compile(r"^\d{4}-\d{2}-\d{2}$")


class Store:
    """The output folder: `editions/DATE.json` are the record, all else is made from them."""

    def __init__(self, output: Path) -> None:
        self.output = output

    def locked(self) -> AbstractContextManager[None]:
        """
        Keep every other run out of the output folder; a dead process holds nothing.

        Raises:
            BusyError: another run works on it.
        """
        return locked(self.output)

    def path(self, announced: date) -> Path:
        """Where the edition of a date is saved."""
        return self.output / "editions" / f"{announced.isoformat()}.json"

    def dates(self) -> tuple[date, ...]:
        """The announcement dates that have an edition, newest first."""
        with guarded(self.output):
            names = [path.stem for path in self.output.glob("editions/*.json")]
        return tuple(sorted(filter(None, map(_date, names)), reverse=True))

    def owe(self, announced: date) -> None:
        """Note that a run begins with a date: whatever stops it, a later one learns what is left to do."""
        path = self.output / OWED / announced.isoformat()
        with guarded(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    def owed(self) -> tuple[date, ...]:
        """The dates with which a run began and that none has brought to their end, newest first."""
        with guarded(self.output):
            names = [path.name for path in self.output.glob(f"{OWED}/*")]
        return tuple(sorted(filter(None, map(_date, names)), reverse=True))

    def settle(self, announced: date) -> None:
        """Note that nothing is owed of a date: its edition and all pages are there."""
        path = self.output / OWED / announced.isoformat()
        with guarded(path):
            path.unlink(missing_ok=True)

    def stamp(self, announced: date) -> tuple[int, int]:
        """What tells the record of a date from a later one: its age and size; zeros where there is none."""
        try:
            found = self.path(announced).stat()
        except FileNotFoundError:
            return 0, 0
        return found.st_mtime_ns, found.st_size

    def fingerprint(self, announced: date) -> str:
        """A short hash of the record of a date, the same wherever and whenever it was written; empty: there is none."""
        path = self.path(announced)
        with guarded(path):
            return sha256(path.read_bytes()).hexdigest()[:16] if path.exists() else ""

    def load(self, announced: date) -> Edition | None:
        """
        The saved edition of a date, or None.

        Raises:
            RecordError: the file is damaged, or from a newer program.
        """
        path = self.path(announced)
        with guarded(path):
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                return None
        try:
            edition = read_edition(content)
        except (ValueError, RecursionError) as error:
            raise self._damaged(announced, error) from error
        if edition.announced != announced:
            raise RecordError(f"{path}: holds the edition of {edition.announced}", hint="rename the file")
        return edition

    def _damaged(self, announced: date, error: Exception) -> RecordError:
        return RecordError(
            f"{self.path(announced)}: {_reason(error)}",
            hint=f"put back a good copy, or delete it and run: digest run --date {announced} (replies stay cached)",
        )

    def each(self, read: Callable[[date], Found]) -> tuple[list[Found], list[RecordError]]:
        """What `read` gives of each date, newest first, and what was wrong with the others."""
        found, damaged = [], []
        for day in self.dates():
            try:
                found.append(read(day))
            except RecordError as error:
                damaged.append(error)
        return found, damaged

    def holding(self, arxiv_id: str) -> tuple[date, ...]:
        """The dates of the editions that hold a paper, newest first; reads no edition that can't."""
        name = f" {arxiv_id} "
        with guarded(self.output):
            return tuple(day for day in self.dates() if name in headfiles.named(self.path(day)))

    def ids(self, announced: date) -> set[str]:
        """The papers that the record of a date names, those kept out included; whether it can be read is not asked."""
        with guarded(self.path(announced)):
            return set(headfiles.named(self.path(announced)).split())

    def places(self, arxiv_id: str, announced: date | None = None) -> list[tuple[Edition, Entry]]:
        """
        Where a paper stands, newest first: as an entry, as a replacement, or kept out by a rule.

        Args:
            arxiv_id: Without version.
            announced: Only in the edition of this date.

        Raises:
            RecordError: an edition that may hold it can't be read.
        """
        days = [announced] if announced else self.holding(arxiv_id)
        editions = [edition for day in days if (edition := self.load(day))]
        return [
            (edition, entry)
            for edition in editions
            for entry in (*edition.entries, *edition.replacements, *edition.excluded)
            if entry.paper.arxiv_id == arxiv_id
        ]

    def before(self, announced: date, ids: Collection[str], days: Iterable[date] | None = None) -> Iterator[Edition]:
        """
        Yield what the editions before a date hold of some papers, newest first; a damaged one is told of.

        Args:
            announced: The date.
            ids: Of the papers.
            days: The only dates that hold any of them, newest first, where that is known.
        """
        for day in self.dates() if days is None else days:
            if day < announced:
                try:
                    if not self.ids(day).isdisjoint(ids) and (edition := self.part(day, ids)):
                        yield edition
                except RecordError as error:
                    log.warning("%s; it can't tell of earlier cards", error)

    def part(self, announced: date, ids: Collection[str]) -> Edition | None:
        """
        An edition with nothing but the papers named, and no section; None if it has none of them.

        Raises:
            RecordError: the file is damaged, or from a newer program.
        """
        with guarded(self.path(announced)):
            content = self.path(announced).read_bytes()
        short = excerpt(content, ids)
        if short == b"" or (
            short is None and not any(match.decode() in ids for match in headfiles.ID.findall(content))
        ):
            return None
        try:
            return Edition.model_validate_json(short) if short else _with_papers(content, ids)
        except (ValueError, RecursionError) as error:
            raise self._damaged(announced, error) from error

    def head(self, announced: date, made_by: str, *, keep: bool = True) -> Head:
        """
        The head of the edition of a date: as it was kept, or made anew where the record is younger.

        Args:
            announced: The date of an edition that is there.
            made_by: Names the state of the program; a head made by another one is no good.
            keep: Whether one that is made anew is kept.

        Raises:
            RecordError: the edition is damaged, or from a newer program.
        """
        path = self.path(announced)
        with guarded(path):
            size = path.stat().st_size
        if (kept := headfiles.load(path, made_by)) is not None:
            return kept
        edition = self.load(announced)
        if edition is None:
            raise RecordError(f"{path}: gone", hint="run the same command again")
        head = head_of(edition)
        if keep:
            entries = (*edition.entries, *edition.replacements, *edition.excluded)
            headfiles.save(path, size, made_by, head, (entry.paper.arxiv_id for entry in entries))
        return head

    def tables(self) -> tuple[Path, ...]:
        """The file of the keyword tables, if there is one."""
        path = self.output / "editions" / "keywords.json"
        return (path,) if path.exists() else ()

    def load_tables(self) -> KeywordTables | None:
        """
        The saved keyword tables, or None.

        Raises:
            RecordError: the file is damaged.
        """
        for path in self.tables():
            with guarded(path):
                content = path.read_bytes()
            try:
                return KeywordTables.model_validate_json(content)
            except ValueError as error:
                raise RecordError(
                    f"{path}: {_reason(error, 'no keyword tables')}",
                    hint="delete it: the next run asks arXiv for the tables anew",
                ) from error
        return None

    def save_tables(self, tables: KeywordTables) -> bool:
        """Save the keyword tables; whether the file changed."""
        text = tables.model_dump_json(by_alias=True, indent=1)
        return replace(self.output / "editions" / "keywords.json", text.encode() + b"\n")

    def save(self, edition: Edition) -> bool:
        """Save an edition; whether the file changed."""
        text = edition.model_dump_json(by_alias=True, indent=1)
        return replace(self.path(edition.announced), text.encode() + b"\n")

    def fresh(self, pages: Iterable[str], inputs: Iterable[Path]) -> bool:
        """Whether all `pages` are there and none is older than what it is made from."""
        try:
            oldest = min((self.output / page).stat().st_mtime_ns for page in pages)
            return oldest >= max(path.stat().st_mtime_ns for path in inputs)
        except OSError:
            return False

    def write(self, pages: Iterable[Page]) -> tuple[str, ...]:
        """
        Save pages below the output folder; the paths whose bytes changed.

        Raises:
            ConfigError: two pages at one path, or the folder can't be written.
            StorageError: no room.
        """
        seen: set[str] = set()
        changed = []
        for page in pages:
            if page.path in seen or PurePosixPath(page.path).is_absolute() or ".." in page.path.split("/"):
                raise DigestError(f"{page.path}: two pages at one path, or a path that leaves the site")
            seen.add(page.path)
            if replace(self.output / page.path, page.content):
                changed.append(page.path)
            else:
                with guarded(self.output / page.path):
                    os.utime(self.output / page.path)  # it is up to date, should `fresh` ask
        return tuple(changed)

    def orphans(self, made: Collection[str], sections: Iterable[str], of_a_day: Iterable[str]) -> Iterator[str]:
        """
        Yield the pages on file that nothing makes any more: of dropped sections, and of dates without an edition.

        Args:
            made: The pages of all sections, and more.
            sections: Patterns of the pages of sections.
            of_a_day: The pages of a date, `{day}` in its place.
        """
        for pattern in sections:
            found = (path.relative_to(self.output).as_posix() for path in sorted(self.output.glob(pattern)))
            yield from (path for path in found if path not in made)
        days = {day.isoformat() for day in self.dates()}
        folders = sorted(path.name for path in self.output.iterdir() if _date(path.name) and path.name not in days)
        pages = (page.format(day=day) for day in folders for page in of_a_day)
        yield from (page for page in pages if (self.output / page).is_file())

    def remove(self, paths: Iterable[str]) -> tuple[str, ...]:
        """Delete files below the output folder, up to the first that is not there; those that were."""
        gone = []
        for path in paths:
            with guarded(self.output / path):
                if not (self.output / path).is_file():
                    break
                (self.output / path).unlink()
            gone.append(path)
        return tuple(gone)


def _date(name: str) -> date | None:
    try:
        return date.fromisoformat(name) if _DATED.match(name) else None
    except ValueError:
        return None


def read_edition(content: bytes) -> Edition:
    """
    The edition in a record of any version.

    Raises:
        ValueError: it is no record, or a newer program wrote it.
    """
    try:
        return Edition.model_validate_json(content)
    except ValidationError:
        record = json.loads(content)
        if isinstance(record, dict) and record.get("schema") == SCHEMA:
            raise
        return Edition.model_validate_json(json.dumps(_stepped(record)))


def _stepped(record: Any) -> dict[str, Any]:
    """A record of any version as one of today's."""
    version = record.get("schema") if isinstance(record, dict) else None
    if not isinstance(version, int) or version < 1:
        raise ValueError("no edition: it does not say its schema")
    if version > SCHEMA:
        raise ValueError(f"schema {version} is newer than this program's {SCHEMA}; upgrade it")
    while version < SCHEMA:
        record = STEPS[version](record)
        version = record["schema"]
    return {"replacements": [], "excluded": [], **record}


def _with_papers(content: bytes, ids: Collection[str]) -> Edition:
    """The edition in a record, with nothing but the papers named and no section."""
    record = _stepped(from_json(content))
    try:
        for name in ("entries", "replacements", "excluded"):
            record[name] = [entry for entry in record[name] if entry["paper"]["arxiv_id"] in ids]
    except (LookupError, TypeError):
        return read_edition(content)  # which says what is wrong
    return Edition.model_validate_json(json.dumps(record | {"sections": []}))


def _reason(error: Exception, name: str = "no edition") -> str:
    """What is wrong, on one line and without the content."""
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        return f"{name}: {place + ': ' if place else ''}{first['msg']}"
    return str(error)
