"""Where papers stand in the saved editions, and which of those places are due to get a card.

Reads editions and keeps what it needs of them; asks nobody and writes nothing.
"""

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from . import history
from .errors import ConfigError, RecordError
from .models import Edition, Entry
from .store import Store

log = logging.getLogger(__name__)

MANY = 20  #: papers: beyond it, reading every edition takes less time than looking for each paper


@dataclass(frozen=True, slots=True)
class Place:
    """A paper's entry in an edition."""

    announced: date  #: of the edition
    kind: Literal["entry", "replacement", "excluded"]
    entry: Entry

    @property
    def text(self) -> tuple[str, str]:
        """What a card is made from."""
        return self.entry.paper.title, self.entry.paper.abstract

    @property
    def is_due(self) -> bool:
        """Whether a card is, or should be, there."""
        if self.kind == "replacement":
            return self.entry.card is not None or history.is_rewritten(self.entry)
        return self.kind == "entry"

    @property
    def lacks(self) -> bool:
        """Whether a card should be there, and none is, or one that is marked."""
        return self.is_due and self.entry.state != "shown"


def of_papers(store: Store, ids: Collection[str]) -> dict[str, list[Place]]:
    """
    The places of each of some papers, newest first; of a paper that is in no edition, none.

    Raises:
        RecordError: an edition that may hold one of them can't be read.
    """
    if len(ids) > MANY:
        days: Sequence[date] = store.dates()
    else:
        days = sorted({day for arxiv_id in ids for day in store.holding(arxiv_id)}, reverse=True)
    found: dict[str, list[Place]] = {arxiv_id: [] for arxiv_id in ids}
    for day in days:
        for place in _places(store.load(day)):
            if place.entry.paper.arxiv_id in found:
                found[place.entry.paper.arxiv_id].append(place)
    return found


def lacking(store: Store, announced: date | None = None) -> list[Place]:
    """
    The places without a good card in the edition of a date, or in all, newest first; a damaged one is told of.

    Raises:
        ConfigError: there is no edition of the date.
        RecordError: it can't be read.
    """
    if announced:
        if (edition := store.load(announced)) is None:
            raise ConfigError(f"no edition of {announced} in {store.output}", hint="digest status lists the editions")
        return [place for place in _places(edition) if place.lacks]
    return [place for edition in _readable(store) for place in _places(edition) if place.lacks]


def _readable(store: Store) -> Iterator[Edition]:
    for day in store.dates():
        try:
            if edition := store.load(day):
                yield edition
        except RecordError as error:
            log.warning("%s; its papers are left out", error)


def _places(edition: Edition | None) -> Iterator[Place]:
    if edition:
        yield from (Place(edition.announced, "entry", entry) for entry in edition.entries)
        yield from (Place(edition.announced, "replacement", entry) for entry in edition.replacements)
        yield from (Place(edition.announced, "excluded", entry) for entry in edition.excluded)


def newest_due(arxiv_id: str, places: Sequence[Place], where: str) -> Place:
    """
    The newest place in which the paper has a card, or is due to get one.

    Raises:
        ConfigError: there is none: why, and what would change that.
    """
    if not places:
        raise ConfigError(f"{arxiv_id} is not in {where}", hint="digest status lists the editions")
    if due := next((place for place in places if place.is_due), None):
        return due
    day = places[0].announced
    if places[0].kind == "replacement":
        raise ConfigError(
            f"{arxiv_id} is only listed in the edition of {day}: a replacement that is not known to have another text"
            " than before gets no card",
            hint=f"make the edition in which it was new, then: digest run --date {day} --refresh",
        )
    raise ConfigError(
        f"{arxiv_id} is kept out of the edition of {day} by {places[0].entry.excluded_by!r}",
        hint=f"take the rule away, then: digest run --date {day}",
    )


def by_text(places: Iterable[Place]) -> list[list[Place]]:
    """The places that one card is for, together: of the same paper with the same text."""
    found: dict[tuple[str, ...], list[Place]] = {}
    for place in places:
        found.setdefault((place.entry.paper.arxiv_id, *place.text), []).append(place)
    return list(found.values())
