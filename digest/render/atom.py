"""Atom feeds: the newest papers of all editions, and those of each category and each keyword.

Chooses what a feed holds; what it says is in templates/atom. Moments come from the editions, never from a clock.

Source: https://www.rfc-editor.org/rfc/rfc4287
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from uuid import NAMESPACE_URL, uuid5

from markupsafe import Markup

from ..heads import Head
from ..models import Edition, Entry, Page
from . import LANGUAGE, Look, Volumes, made_of
from .environment import fill, html_environment
from .tracks import Track, entries_at

#: A feed goes back by whole dates until it holds so many papers: who asks once a day misses none of a busy day, and a
#: quiet one empties nothing.
ENOUGH, ENOUGH_OF_SECTION = 100, 50
MOST = 1000  #: papers, even of one date
BEFORE_ALL = datetime(1991, 8, 14, tzinfo=UTC)  #: of a feed without entries: the day arXiv began

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Place = tuple[date, str]  #: where a paper stands: date of the edition, identifier


@dataclass(frozen=True, slots=True)
class Feed:
    """One feed, by the places of its papers."""

    path: str  #: from the root of the site, without an ending
    section: str  #: its title; empty for the feed of all
    places: tuple[Place, ...]  #: newest date first, those of a date in reading order


@dataclass(frozen=True, slots=True)
class Written:
    """An entry as XML, and when it last changed."""

    xml: Markup
    updated: datetime


def feeds(heads: Sequence[Head], known: Iterable[Track]) -> Iterator[Feed]:
    """Yield the feed of all, and that of each section that any edition has had."""
    everything = ((head.announced, (one for own in head.sections for one in own.arxiv_ids)) for head in heads)
    yield Feed("feed", "", _newest(everything, ENOUGH))
    for track in known:
        days = ((stop.announced, stop.ids.split()) for stop in track.stops)
        yield Feed(track.path, track.title, _newest(days, ENOUGH_OF_SECTION))


def _newest(days: Iterable[tuple[date, Iterable[str]]], enough: int) -> tuple[Place, ...]:
    """Places by whole dates, newest first, until there are `enough`; a paper that comes again is left out."""
    found: dict[str, date] = {}
    for day, ids in days:
        if len(found) >= enough:
            break
        for one in ids:
            found.setdefault(one, day)
    return tuple((day, one) for one, day in found.items())[:MOST]


def _moment(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _changed(announced: date, entry: Entry) -> datetime:
    """When an entry last changed: its announcement, or the reply that made its card, if that came later."""
    moment = _moment(announced)
    return max(moment, entry.card.origin.created) if entry.card else moment


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Atom:
    """`feed.xml`, and a feed for each section."""

    def __init__(self, look: Look) -> None:
        self._environment = html_environment(look.folders)
        self._look, self._site_url = look, look.site_url

    def day(self, edition: Edition) -> Iterator[Page]:  # noqa: ARG002
        """Yield nothing: a feed spans all dates."""
        yield from ()

    def whole(self, volumes: Volumes) -> Iterator[Page]:
        """Yield every feed; without editions that of all is empty, and valid."""
        language = volumes.heads[0].language if volumes.heads else LANGUAGE
        languages = {head.announced: head.language for head in volumes.heads}
        fresh: list[tuple[Feed, str]] = []
        for feed in feeds(volumes.heads, volumes.tracks):
            name = self._made_of(volumes, feed, language, languages)
            if page := volumes.kept(f"{feed.path}.xml", name):
                yield page
            else:
                fresh.append((feed, name))
        written = self._written(volumes, (feed for feed, _ in fresh), languages)
        for feed, name in fresh:
            entries = [written[place] for place in feed.places if place in written]
            yield self._page(feed, language, entries, name)

    def _made_of(self, volumes: Volumes, feed: Feed, language: str, languages: Mapping[date, str]) -> str:
        days = dict.fromkeys(day for day, _ in feed.places)
        state = [(day, languages[day], volumes.stamp(day)) for day in days]
        return made_of(self._look, language, self._look.site_url, feed, state)

    def _written(
        self, volumes: Volumes, planned: Iterable[Feed], languages: Mapping[date, str]
    ) -> dict[Place, Written]:
        """Every paper of every feed, each edition opened and each entry made once."""
        found = entries_at(volumes, dict.fromkeys(place for feed in planned for place in feed.places))
        return {place: self._entry(place[0], entry, languages[place[0]]) for place, entry in found.items()}

    def _entry(self, announced: date, entry: Entry, language: str) -> Written:
        updated = _changed(announced, entry)
        xml = fill(
            self._environment,
            "atom/entry.xml.j2",
            language,
            entry=entry,
            announced=announced,
            published=_stamp(_moment(entry.first_announced or announced)),
            updated=_stamp(updated),
            site_url=self._site_url,
        )
        return Written(Markup(xml), updated)  # its template escaped it  # noqa: S704

    def _page(self, feed: Feed, language: str, entries: Sequence[Written], state: str) -> Page:
        name = f"digest-{language}-{feed.path}" if feed.section else f"digest-{language}"
        text = fill(
            self._environment,
            "atom/feed.xml.j2",
            language,
            id=uuid5(NAMESPACE_URL, f"https://arxiv.org/#{name}").urn,
            path=feed.path,
            section=feed.section,
            updated=_stamp(max((one.updated for one in entries), default=BEFORE_ALL)),
            site_url=self._site_url,
            entries=[one.xml for one in entries],
        )
        return Page(f"{feed.path}.xml", _NOT_XML.sub("\ufffd", text).encode(), state)
