"""Keyword tables: the newest papers of each keyword over all time or all editions, and the body of a notice about them.

Chooses and orders the rows; the form of a row and its escapes are in templates/tables. Writes nothing without keywords.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from ..heads import Head
from ..models import Edition, KeywordTables, Page, Paper
from . import Look, Volumes
from .environment import fill, text_environment

NEWEST = 15  #: rows of a keyword in the notice
ENGLISH = "en"  #: like the papers' titles and abstracts, whatever the language of the cards: these files have no cards


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table."""

    paper: Paper
    moment: datetime  #: when this version was sent in, UTC; where unknown, midnight of the announcement

    @property
    def day(self) -> date:
        """The date in the table, UTC."""
        return self.moment.date()


@dataclass(frozen=True, slots=True)
class Table:
    """One keyword with its rows, newest first."""

    title: str
    rows: tuple[Row, ...]


def _row(paper: Paper, announced: date) -> Row:
    return Row(paper, _moment(paper.updated, announced))


def _moment(updated: datetime | None, announced: date) -> datetime:
    return updated or datetime.combine(announced, time(), UTC)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the newest version of a paper stands."""

    arxiv_id: str
    version: int
    moment: datetime
    announced: date


def gather(heads: Iterable[Head]) -> dict[str, dict[str, Place]]:
    """Title of each keyword section -> its papers, the newest version of each."""
    found: dict[str, dict[str, Place]] = {}
    for head in heads:
        for section in head.sections:
            if section.kind == "keyword":
                rows = found.setdefault(section.title, {})
                for arxiv_id in (*section.arxiv_ids, *section.replaced):
                    _take(rows, arxiv_id, head)
    return found


def _take(rows: dict[str, Place], arxiv_id: str, head: Head) -> None:
    version, updated = head.followed.get(arxiv_id, (0, None))
    if version and (arxiv_id not in rows or rows[arxiv_id].version < version):
        rows[arxiv_id] = Place(arxiv_id, version, _moment(updated, head.announced), head.announced)


def newest(rows: Iterable[Place], limit: int) -> tuple[Place, ...]:
    """At most `limit` rows, newest first; those of one moment in the order of their section."""
    return tuple(sorted(rows, key=lambda row: row.moment, reverse=True)[:limit])


def _papers(volumes: Volumes, places: Iterable[Place]) -> dict[tuple[date, str], Paper]:
    """The papers at `places`, each edition opened once."""
    wanted: dict[date, set[str]] = {}
    for place in places:
        wanted.setdefault(place.announced, set()).add(place.arxiv_id)
    found = {}
    for day, ids in wanted.items():
        if edition := volumes.part(day, ids):
            for entry in (*edition.replacements, *edition.entries):
                found[day, entry.paper.arxiv_id] = entry.paper
    return found


class Tables:
    """`keywords.md` and `notice.md`."""

    def __init__(self, look: Look) -> None:
        self._environment = text_environment(look.folders)
        self._limits, self._limit = look.limits, look.limit

    def day(self, edition: Edition) -> Iterator[Page]:  # noqa: ARG002
        """Yield nothing: a table spans all dates."""
        yield from ()

    def whole(self, volumes: Volumes) -> Iterator[Page]:
        """Yield both files, or nothing where no keyword is followed; tables over all time go before the editions'."""
        tables = volumes.tables
        shown = list(self._over_all_time(tables)) if tables else []
        shown += self._over_editions(volumes, {table.title for table in shown})
        short = [Table(table.title, table.rows[:NEWEST]) for table in shown]
        updated = tables.updated if tables else max((head.announced for head in volumes.heads), default=None)
        if shown:
            most = max(self._most(table.title) for table in shown)
            yield self._page("keywords.md", tables=shown, updated=updated, most=most)
            yield self._page("notice.md", tables=short, updated=updated, newest=NEWEST)

    def _over_all_time(self, tables: KeywordTables) -> Iterator[Table]:
        """Yield the tables of arXiv's own search, their papers in the order of the record."""
        for one in tables.tables:
            rows = (_row(paper, tables.updated) for paper in one.papers[: self._most(one.title)])
            yield Table(one.title, tuple(rows))

    def _over_editions(self, volumes: Volumes, had: Collection[str]) -> Iterator[Table]:
        """Yield a table of each keyword section that has none over all time."""
        # A keyword that was renamed or only tried is in old editions for ever, but no longer followed.
        sections = ([one.title for one in head.sections if one.kind == "keyword"] for head in volumes.heads)
        followed = {*next(filter(None, sections), []), *self._limits}.difference(had)
        found = {
            title: newest(rows.values(), self._most(title))
            for title, rows in gather(volumes.heads).items()
            if title in followed
        }
        papers = _papers(volumes, (place for places in found.values() for place in places))
        for title, places in found.items():
            rows = ((papers.get((place.announced, place.arxiv_id)), place) for place in places)
            yield Table(title, tuple(Row(paper, place.moment) for paper, place in rows if paper))

    def _most(self, title: str) -> int:
        return self._limits.get(title, self._limit)

    def _page(self, path: str, **values: object) -> Page:
        return Page(path, fill(self._environment, f"tables/{path}.j2", ENGLISH, **values).encode())
