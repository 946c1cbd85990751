"""Keyword tables: the newest papers of each keyword over all time or all editions, and the body of a notice about them.

Chooses and orders the rows; the form of a row and its escapes are in templates/tables. Writes nothing without keywords.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from ..heads import Head
from ..models import Edition, KeywordTables, Page, Paper
from . import Look, Volumes
from .environment import fill, text_environment
from .packing import SHOWN, Printed, contents, packed
from .tracks import entries_at

NEWEST = 15  #: rows of a keyword in the notice
BODY = 65_536  #: bytes of an issue's text that GitHub surely takes: it refuses more characters than that
HEADING = "Daily Papers"  #: over the tables of each file
#: Characters of a paper's texts at most, far above any real one: one row must not fill a file.
LONGEST = {"title": 2_000, "abstract": 12_000, "comment": 4_000}
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
    return Row(_bounded(paper), _moment(paper.updated, announced))


def _bounded(paper: Paper) -> Paper:
    texts = ((name, getattr(paper, name) or "", most) for name, most in LONGEST.items())
    cut = {name: f"{text[:most]}…" for name, text, most in texts if len(text) > most}
    return paper.model_copy(update=cut) if cut else paper


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
        followed = {arxiv_id: (version, moment) for arxiv_id, version, moment in head.followed}
        for section in head.sections:
            if section.kind == "keyword":
                rows = found.setdefault(section.title, {})
                for arxiv_id in (*section.arxiv_ids, *section.replaced):
                    version, moment = followed.get(arxiv_id, (0, None))
                    if version and (arxiv_id not in rows or rows[arxiv_id].version < version):
                        rows[arxiv_id] = Place(arxiv_id, version, _moment(moment, head.announced), head.announced)
    return found


def newest(rows: Iterable[Place], limit: int) -> tuple[Place, ...]:
    """At most `limit` rows, newest first; those of one moment in the order of their section."""
    return tuple(sorted(rows, key=lambda row: row.moment, reverse=True)[:limit])


class Tables:
    """`keywords.md`, `keywords-2.md` and so on where one is not enough, and `notice.md`."""

    def __init__(self, look: Look) -> None:
        self._environment = text_environment(look.folders)
        self._limits, self._limit = look.limits, look.limit

    def day(self, edition: Edition) -> Iterator[Page]:  # noqa: ARG002
        """Yield nothing: a table spans all dates."""
        yield from ()

    def whole(self, volumes: Volumes) -> Iterator[Page]:
        """Yield all files, or nothing where no keyword is followed; tables over all time go before the editions'."""
        shown = self._tables(volumes)
        if shown:
            yield from self._pages(self._printed(shown), volumes)
            yield self._notice(shown, volumes)

    def excerpt(self, volumes: Volumes, base: str) -> tuple[str, ...]:
        """The tables for a README, from which the site is at `base`; and, should they be too long, links to them."""
        printed = self._printed(self._tables(volumes))
        if not printed:
            return ("",)
        said = {"tables": printed, "updated": _updated(volumes)}
        lines = contents(self._files(printed, volumes), [HEADING])
        return (
            self._fill("readme/keywords.md.j2", **said),
            self._fill("readme/contents.md.j2", **said, contents=lines, base=base),
        )

    def _tables(self, volumes: Volumes) -> list[Table]:
        shown = list(self._over_all_time(volumes.tables)) if volumes.tables else []
        return [*shown, *self._over_editions(volumes, {table.title for table in shown})]

    def _printed(self, tables: Iterable[Table], template: str = "rows") -> list[Printed]:
        """The tables line by line."""
        texts = ((one, self._fill(f"tables/{template}.md.j2", rows=one.rows)) for one in tables)
        return [Printed(one.title, tuple(filter(None, text.split("\n")))) for one, text in texts]

    def _pages(self, printed: Sequence[Printed], volumes: Volumes) -> list[Page]:
        """As few files as hold the tables, each of which a code host shows whole."""
        return self._made(self._files(printed, volumes), volumes)

    def _files(self, printed: Sequence[Printed], volumes: Volumes) -> tuple[tuple[Printed, ...], ...]:
        room = SHOWN
        while True:
            files = packed(printed, room)
            over = max(len(page.content) for page in self._made(files, volumes)) - SHOWN
            if over <= 0 or room < SHOWN // 2:
                return files
            room -= over

    def _made(self, files: Sequence[Sequence[Printed]], volumes: Volumes) -> list[Page]:
        most = max(self._most(table.title) for tables in files for table in tables)
        said = {"contents": contents(files, [HEADING]), "files": len(files), "heading": HEADING, "most": most}
        return [
            self._page(
                file_name(number), "keywords.md", tables=tables, number=number, updated=_updated(volumes), **said
            )
            for number, tables in enumerate(files, 1)
        ]

    def _notice(self, tables: Iterable[Table], volumes: Volumes) -> Page:
        """The newest of each keyword: `NEWEST`, or as many as an issue's text can hold."""
        printed = self._printed((Table(one.title, one.rows[:NEWEST]) for one in tables), "notice_rows")
        for count in range(NEWEST, -1, -1):
            short = [Printed(one.title, one.lines[:count]) for one in printed]
            said = {"tables": short if count else (), "newest": count, "wanted": NEWEST, "all": len(printed)}
            page = self._page("notice.md", "notice.md", updated=_updated(volumes), **said)
            if len(page.content) <= BODY:
                break
        return page

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
        entries = entries_at(volumes, ((one.announced, one.arxiv_id) for places in found.values() for one in places))
        for title, places in found.items():
            rows = ((entries.get((place.announced, place.arxiv_id)), place) for place in places)
            yield Table(title, tuple(Row(_bounded(entry.paper), place.moment) for entry, place in rows if entry))

    def _most(self, title: str) -> int:
        return self._limits.get(title, self._limit)

    def _page(self, path: str, template: str, **values: object) -> Page:
        return Page(path, self._fill(f"tables/{template}.j2", **values).encode())

    def _fill(self, template: str, **values: object) -> str:
        return fill(self._environment, template, ENGLISH, **values)


def file_name(number: int) -> str:
    """The file of the tables with a number, from 1.

    >>> file_name(1), file_name(2)
    ('keywords.md', 'keywords-2.md')
    """
    return "keywords.md" if number == 1 else f"keywords-{number}.md"


def _updated(volumes: Volumes) -> date | None:
    """The day up to which the tables are."""
    if volumes.tables:
        return volumes.tables.updated
    return max((head.announced for head in volumes.heads), default=None)
