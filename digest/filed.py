"""What files have of an announcement date, in place of arXiv: lines, archives, snapshots, the sample day.

Puts what a source tells into a listing, and complains of dates that the files don't hold; judges no paper.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from . import blocks, resources, schedule
from .errors import ConfigError, RecordError
from .hooks import Watch, unwatched
from .identifiers import covers
from .models import Listed, Listing, Paper, Source
from .selection import Rules

if TYPE_CHECKING:
    from .sources.snapshot import Seen, Snapshot

FROM_SNAPSHOT = "This list comes from a snapshot of arXiv's metadata, by time of submission and by identifier."
MOST_LOST = 50  #: unreadable records of a month, each told of at its own date; more than that tell of their writer
ENDS = "The snapshot has no later paper, so some of this date may be missing."


class NotHeldError(ConfigError):
    """The files don't hold a date: of several, the others are not concerned."""


class Sample:
    """The sample day that comes with the program."""

    def listing(self, announced: date, rules: Rules) -> Listing:  # noqa: ARG002
        """All of it, whatever is asked for."""
        from .sources.jsonl import JsonLines

        return JsonLines(resources.sample(), source="sample").listing(announced, ())


class Files:
    """
    A file or folder in place of arXiv: JSON Lines, another tool's archive, a snapshot of arXiv's metadata.

    Args:
        path: See `sources.files.open_papers`.
        holidays: Beside arXiv's published list.
        days: All dates that will be asked for: a snapshot is read once for those of a month.
        bulk: Any dates will be asked for, in either order: a snapshot is read once for each month.
        watch: Is told how far a file was passed through.

    Raises:
        ConfigError, RecordError: there is nothing that can be read.
    """

    def __init__(
        self,
        path: Path,
        holidays: Sequence[date] = (),
        days: Sequence[date] | None = None,
        *,
        bulk: bool = False,
        watch: Watch = unwatched,
    ) -> None:
        from .sources.files import open_papers

        self.path, self._holidays, self._days, self._bulk = path, holidays, days or (), bulk
        self._source = open_papers(path, holidays, watch)
        self._month: _Month | _Broken | None = None

    @property
    def is_snapshot(self) -> bool:
        """Whether it is arXiv's bulk metadata, which is read month by month."""
        from .sources.snapshot import Snapshot

        return isinstance(self._source, Snapshot)

    def dates(self) -> tuple[date, ...] | None:
        """The dates that the files themselves name; None where they name none."""
        from .sources.archive import Archive

        return self._source.dates() if isinstance(self._source, Archive) else None

    def named(self) -> tuple[date, ...] | None:
        """
        The dates of its own, oldest first: as `dates`, and those that the rows of JSON Lines name, maybe none.

        None for a snapshot, and for JSON Lines that can only be read from their beginning, such as a pipe. It takes
        one reading of a file.

        Raises:
            RecordError, ConfigError: the file can't be read.
        """
        from .sources.snapshot import Snapshot

        return None if isinstance(self._source, Snapshot) else self._source.dates()

    def covered(self) -> tuple[date, date] | None:
        """
        Of a snapshot, the first day that may have a listing and the last listing date, which may be cut.

        None for other files, and for a snapshot in which nothing has a date. It takes one reading of the file.

        Raises:
            RecordError, ConfigError: the file can't be read.
        """
        from .sources.snapshot import Snapshot

        return self._source.covered() if isinstance(self._source, Snapshot) else None

    def listing(self, announced: date, rules: Rules) -> Listing:
        """
        What the files have of a date; where they name no dates, told from the identifiers.

        Nothing at all is a listing, with a note, only on a date that the files name, and on one of several dates that
        a snapshot goes beyond; else it is a mistake.
        """
        from .sources.archive import Archive
        from .sources.snapshot import Snapshot

        may_be_empty = isinstance(self._source, Archive)  # it refuses dates of which it has no file
        if isinstance(self._source, Snapshot):
            listing = self._from_snapshot(self._source, announced, rules.categories)
            may_be_empty = listing.doubt is None and (self._bulk or len(self._days) > 1)
        else:
            listing = self._source.listing(announced, rules.categories)
        if listing.items:
            return listing
        fact = f"no paper of {announced} in the categories asked for"
        if not may_be_empty:
            raise NotHeldError(f"{self.path}: {fact}", hint="check --date")
        return replace(listing, notes=listing.notes or (f"{self.path.name} has {fact}.",))

    def _from_snapshot(self, snapshot: "Snapshot", announced: date, categories: Sequence[str]) -> Listing:
        if not schedule.is_listing_day(announced, self._holidays):
            before, after = schedule.nearest(announced, self._holidays)
            raise ConfigError(
                f"arXiv has no listing of {announced}", hint=f"the ones around it are {before} and {after}"
            )
        if self._month is None or not self._month.first <= announced <= self._month.last:
            self._month = None  # which has hundreds of megabytes: two of them are not held at once
            around = self._around(announced)
            try:
                self._month = _Month.read(snapshot, *around)
            except RecordError as error:
                self._month = _Broken(*around, error.with_traceback(None))  # whose frames hold what was read
        if isinstance(self._month, _Broken):
            raise self._month.error
        ids, is_whole = self._month.block(announced, self._holidays)
        papers = [one for one in self._month.seen if one.arxiv_id in ids]
        asked = (one for one in papers if not categories or any(covers(categories, name) for name in one.categories))
        listing = listing_of("file", announced, (one.paper() for one in asked), categories)
        notes, doubt = ((FROM_SNAPSHOT,), None) if is_whole else ((FROM_SNAPSHOT, ENDS), ENDS)
        return replace(listing, notes=notes, doubt=doubt)

    def _around(self, announced: date) -> tuple[date, date]:
        """The first and the last date of one reading: those of a month that will be asked for."""
        if self._bulk:
            begin = announced.replace(day=1)
            end = (begin + timedelta(days=31)).replace(day=1) - timedelta(days=1)
            same = schedule.between(begin, end, self._holidays)
        else:
            same = tuple(day for day in self._days if (day.year, day.month) == (announced.year, announced.month))
        return min([announced, *same]), max([announced, *same])


@dataclass(frozen=True, slots=True)
class _Broken:
    """The dates of a reading that failed: what is wrong with it is said for each, and looked for once."""

    first: date
    last: date
    error: RecordError


@dataclass(frozen=True, slots=True)
class _Month:
    """The papers of a snapshot that tell the listings from one date to another."""

    first: date
    last: date
    seen: "list[Seen]"
    sightings: list[blocks.Sighting]
    lost: list[tuple[tuple[blocks.Place | None, blocks.Place | None], RecordError]]  #: see `blocks.may_hold`
    begins: dict[date, blocks.Place | None] = field(default_factory=dict)  #: a listing ends where the next one begins

    @classmethod
    def read(cls, snapshot: "Snapshot", first: date, last: date) -> "_Month":
        lost: dict[str, RecordError] = {}
        seen = list(snapshot.sightings(first, last, lost))
        sightings = [blocks.Sighting(one.arxiv_id, one.submitted, one.changed) for one in seen]
        if len(lost) > MOST_LOST:
            raise next(iter(lost.values()))
        had = {one.arxiv_id for one in seen}
        near = [(blocks.neighbours(sightings, one), error) for one, error in lost.items() if one not in had]
        return cls(first, last, seen, sightings, near)

    def block(self, announced: date, holidays: Sequence[date]) -> tuple[set[str], bool]:
        """
        As `block`, with each border looked for once.

        Raises:
            RecordError: a record that may be of this listing can't be read.
        """
        after = schedule.nearest(announced, holidays)[1]
        for day in {announced, after} - self.begins.keys():
            self.begins[day] = blocks.begin(self.sightings, schedule.window(day, holidays).start, day)
        begin, end = self.begins[announced], self.begins[after]
        for near, error in self.lost:
            if blocks.may_hold(begin, end, near):
                raise error
        return blocks.between(self.sightings, begin, end), end is not None


def block(announced: date, sightings: Sequence[blocks.Sighting], holidays: Sequence[date]) -> tuple[set[str], bool]:
    """The identifiers of one listing, and whether a paper of a later one is known."""
    window = schedule.window(announced, holidays)
    end = blocks.begin(sightings, window.end, schedule.nearest(announced, holidays)[1])
    return blocks.between(sightings, blocks.begin(sightings, window.start, announced), end), end is not None


def listing_of(source: Source, announced: date, papers: Iterable[Paper], categories: Sequence[str]) -> Listing:
    """New papers before cross-lists, each by identifier."""
    items = [
        Listed(paper, "new" if not categories or covers(categories, paper.primary_category) else "cross")
        for paper in papers
    ]
    return Listing(announced, source, tuple(sorted(items, key=order)))


def order(item: Listed) -> tuple[bool, blocks.Place]:
    return item.announce_type != "new", blocks.place(item.paper.arxiv_id)
