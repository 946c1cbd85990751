"""Keyword tables: the newest papers of each keyword over all time or all editions, and the body of a notice about them.

Chooses and orders the rows; the form of a row and its escapes are in templates/tables. Writes nothing without keywords.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time

from ..models import Edition, KeywordTables, Page, Paper
from . import Look
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


@dataclass(slots=True)
class Gathered:
    """What the editions say, read once from newest to oldest."""

    updated: date | None = None  #: of the newest edition
    followed: frozenset[str] = frozenset()  #: the keywords of the newest edition that has any
    rows: dict[str, dict[str, Row]] = field(default_factory=dict)  #: keyword -> arxiv_id -> newest version


def _row(paper: Paper, announced: date) -> Row:
    return Row(paper, paper.updated or datetime.combine(announced, time(), UTC))


def gather(editions: Iterable[Edition]) -> Gathered:
    """The rows of every keyword section; of a paper that comes more than once, its newest version."""
    found = Gathered()
    for edition in editions:
        found.updated = max(found.updated or edition.announced, edition.announced)
        papers = {entry.paper.arxiv_id: entry.paper for entry in (*edition.replacements, *edition.entries)}
        sections = [section for section in edition.sections if section.kind == "keyword"]
        found.followed = found.followed or frozenset(section.title for section in sections)
        for section in sections:
            _take(found.rows.setdefault(section.title, {}), section.arxiv_ids, papers, edition.announced)
    return found


def _take(rows: dict[str, Row], arxiv_ids: Iterable[str], papers: dict[str, Paper], announced: date) -> None:
    for arxiv_id in arxiv_ids:
        paper = papers.get(arxiv_id)
        if paper and (arxiv_id not in rows or rows[arxiv_id].paper.version < paper.version):
            rows[arxiv_id] = _row(paper, announced)


def newest(rows: Iterable[Row], limit: int) -> tuple[Row, ...]:
    """At most `limit` rows, newest first; those of one moment in the order of their section."""
    return tuple(sorted(rows, key=lambda row: row.moment, reverse=True)[:limit])


class Tables:
    """`keywords.md` and `notice.md`."""

    def __init__(self, look: Look) -> None:
        self._environment = text_environment(look.folders)
        self._limits, self._limit = look.limits, look.limit

    def day(self, edition: Edition) -> Iterator[Page]:  # noqa: ARG002
        """Yield nothing: a table spans all dates."""
        yield from ()

    def whole(self, editions: Iterable[Edition], tables: KeywordTables | None = None) -> Iterator[Page]:
        """Yield both files, or nothing where no keyword is followed; `tables` go before what the editions have."""
        found = gather(editions)
        shown = list(self._over_all_time(tables)) if tables else []
        shown += self._over_editions(found, {table.title for table in shown})
        short = [Table(table.title, table.rows[:NEWEST]) for table in shown]
        updated = tables.updated if tables else found.updated
        if shown:
            most = max(self._most(table.title) for table in shown)
            yield self._page("keywords.md", tables=shown, updated=updated, most=most)
            yield self._page("notice.md", tables=short, updated=updated, newest=NEWEST)

    def _over_all_time(self, tables: KeywordTables) -> Iterator[Table]:
        """Yield the tables of arXiv's own search, their papers in the order of the record."""
        for one in tables.tables:
            rows = (_row(paper, tables.updated) for paper in one.papers[: self._most(one.title)])
            yield Table(one.title, tuple(rows))

    def _over_editions(self, found: Gathered, had: Collection[str]) -> Iterator[Table]:
        """Yield a table of each keyword section that has none over all time."""
        # A keyword that was renamed or only tried is in old editions for ever, but no longer followed.
        followed = (found.followed | set(self._limits)).difference(had)
        for title, rows in found.rows.items():
            if title in followed:
                yield Table(title, newest(rows.values(), self._most(title)))

    def _most(self, title: str) -> int:
        return self._limits.get(title, self._limit)

    def _page(self, path: str, **values: object) -> Page:
        return Page(path, fill(self._environment, f"tables/{path}.j2", ENGLISH, **values).encode())
