"""HTML: a page for each category and keyword over time, with its newest papers and all its dates.

Chooses what a page says and where it links; words and looks are in templates/site. Opens few editions, each once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from ..models import Edition, Entry, Page
from . import Look, Volumes, made_of
from .chart import MOST_BARS, Course, by_day, by_week, monday
from .environment import fill, html_environment
from .tracks import Stop, Track, entries_at

NEWEST = 100  #: papers of a page
RECENT = 40  #: editions whose papers stand on pages; a section that none of them has shows its newest date
MOST_WEEKS = 104
OPEN_MONTHS = 12  #: with an edition of the section; older ones are folded

Places = tuple[tuple[Stop, tuple[str, ...]], ...]  #: dates, newest first, with the papers to show


@dataclass(frozen=True, slots=True)
class Shown:
    """One date on a page."""

    stop: Stop
    entries: tuple[Entry, ...]

    @property
    def further(self) -> int:
        """Papers of the date that the page leaves to the day's own."""
        return self.stop.papers - len(self.entries)


def newest(track: Track, since: date) -> Places:
    """The newest papers of a section in editions from `since` on, each where it stands last, or its newest date."""
    seen: set[str] = set()
    found = []
    for stop in track.stops:
        if len(seen) >= NEWEST or (stop.announced < since and seen):
            break
        own = tuple(one for one in stop.arxiv_ids if one not in seen)[: NEWEST - len(seen)]
        seen.update(own)
        found += [(stop, own)] if own else []
    return tuple(found)


def by_month(stops: Iterable[Stop]) -> tuple[tuple[date, tuple[Stop, ...]], ...]:
    """The dates of a section by month, newest first."""
    return tuple((month, tuple(own)) for month, own in groupby(stops, key=lambda stop: stop.announced.replace(day=1)))


def course(track: Track, editions: Sequence[date]) -> Course:
    """Papers a day while there are few editions, then papers a week."""
    counts = {stop.announced: stop.papers for stop in track.stops}
    return by_day(counts, editions) if len(editions) <= MOST_BARS else by_week(counts, editions, MOST_WEEKS)


def times(editions: Sequence[date]) -> tuple[date, ...]:
    """What `course` knows of all editions: their dates while they are few, then the weeks that have one."""
    if len(editions) <= MOST_BARS:
        return tuple(editions)
    return tuple(sorted({monday(day) for day in editions})[-MOST_WEEKS:])


def _shown(places: Places, entries: Mapping[tuple[date, str], Entry]) -> Iterator[Shown]:
    for stop, ids in places:
        known = tuple(entries[stop.announced, one] for one in ids if (stop.announced, one) in entries)
        yield Shown(stop, known)


class Sections:
    """`category/….html` and `keyword/….html`."""

    def __init__(self, look: Look) -> None:
        self._look, self._environment = look, html_environment(look.folders)

    def day(self, edition: Edition) -> Iterator[Page]:  # noqa: ARG002
        """Yield nothing: these pages span all dates."""
        yield from ()

    def whole(self, volumes: Volumes) -> Iterator[Page]:
        """Yield a page for each section that any edition has had."""
        heads = volumes.heads
        since = min((head.announced for head in heads[:RECENT]), default=date.max)
        wanted = [(track, newest(track, since)) for track in volumes.tracks]
        editions = [head.announced for head in heads]
        languages = {head.announced: head.language for head in heads}
        state = made_of(self._look, heads[0].language, times(editions)) if heads else ""
        names = {track.path: self._made_of(state, volumes, track, places, languages) for track, places in wanted}
        fresh: list[tuple[Track, Places]] = []
        for track, places in wanted:
            if page := volumes.kept(f"{track.path}.html", names[track.path]):
                yield page
            else:
                fresh.append((track, places))
        entries = entries_at(
            volumes, ((stop.announced, one) for _, places in fresh for stop, ids in places for one in ids)
        )
        for track, places in fresh:
            months = by_month(track.stops)
            text = fill(
                self._environment,
                "site/section.html.j2",
                heads[0].language,
                track=track,
                course=course(track, editions),
                shown=tuple(_shown(places, entries)),
                months=months[:OPEN_MONTHS],
                older=months[OPEN_MONTHS:],
                languages=languages,
            )
            yield Page(f"{track.path}.html", text.encode(), names[track.path])

    def _made_of(
        self, state: str, volumes: Volumes, track: Track, places: Places, languages: Mapping[date, str]
    ) -> str:
        stops = "\n".join(f"{stop.announced} {stop.anchor} {stop.ids}" for stop in track.stops)
        days = ((stop.announced, ids) for stop, ids in places)
        shown = [(day, languages[day], volumes.stamp(day), ids) for day, ids in days]
        return made_of(self._look, state, track.kind, track.title, track.path, stops, shown)
