"""Sections over time: every category and keyword that any edition has had, its dates and its papers.

Pure: reads heads, asks for the papers that it is told to; chooses no words and no shapes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from ..heads import Head, HeadSection
from ..models import Entry
from . import Volumes
from .layout import RESERVED, section_anchors, section_path


@dataclass(frozen=True, slots=True)
class Stop:
    """A section on one announcement date."""

    announced: date
    anchor: str  #: of the section, on the page of the day
    papers: int  #: at least one
    ids: str  #: in reading order, each once, a space between

    @property
    def arxiv_ids(self) -> tuple[str, ...]:
        """Its papers, in reading order, each once."""
        return tuple(self.ids.split())


@dataclass(frozen=True, slots=True)
class Track:
    """One category or keyword over all editions."""

    kind: str  #: "category" or "keyword"
    title: str  #: as the newest edition that has it says
    path: str  #: of its pages, from the site's root and without an ending
    stops: tuple[Stop, ...]  #: newest first; none where no edition has a paper of it

    @property
    def papers(self) -> int:
        """How many different papers it has had."""
        return len(set().union(*(stop.ids.split() for stop in self.stops)))


@dataclass(slots=True)
class _Draft:
    section: HeadSection
    stops: dict[date, Stop] = field(default_factory=dict)


def tracks(heads: Iterable[Head]) -> tuple[Track, ...]:
    """The sections of `heads`, newest first, each in the order of its newest date; titles of one path are one."""
    found: dict[str, _Draft] = {}
    for head in heads:
        anchors = section_anchors(head.sections, RESERVED)
        for section, (title, kind, anchor, _) in zip(head.sections, anchors, strict=True):
            if kind != "rest":
                path = section_path(kind, title)
                draft = found.get(path) or found.setdefault(path, _Draft(section))
                if section.papers:
                    _stop(draft, head.announced, anchor, section)
    return tuple(
        Track(one.section.kind, one.section.title, path, tuple(one.stops.values())) for path, one in found.items()
    )


def _stop(draft: _Draft, announced: date, anchor: str, section: HeadSection) -> None:
    """Add a date; two sections of one path on one date are one, where the first of them stands."""
    papers, ids = section.papers, section.ids
    if had := draft.stops.get(announced):
        both = dict.fromkeys((*had.arxiv_ids, *section.arxiv_ids))
        anchor, papers, ids = had.anchor, len(both), " ".join(both)
    draft.stops[announced] = Stop(announced, anchor, papers, ids)


def shares(head: Head, kind: str) -> Counter[str]:
    """Path of each section of one kind -> its papers, each counted where it stands first; "" for all others."""
    found: Counter[str] = Counter()
    counted: set[str] = set()
    for section in sorted(head.sections, key=lambda one: one.kind != kind):
        own = set(section.arxiv_ids) - counted
        counted |= own
        found[section_path(kind, section.title) if section.kind == kind else ""] += len(own)
    return +found


def entries_at(volumes: Volumes, places: Iterable[tuple[date, str]]) -> Mapping[tuple[date, str], Entry]:
    """What stands at each (announcement date, arXiv identifier), each edition opened once; what is gone is left out."""
    wanted: dict[date, set[str]] = {}
    for announced, arxiv_id in places:
        wanted.setdefault(announced, set()).add(arxiv_id)
    return dict(_opened(volumes, wanted))


def _opened(volumes: Volumes, wanted: Mapping[date, set[str]]) -> Iterator[tuple[tuple[date, str], Entry]]:
    for announced, ids in wanted.items():
        if edition := volumes.part(announced, ids):
            for entry in (*edition.replacements, *edition.entries):
                yield (announced, entry.paper.arxiv_id), entry
