"""Which editions on file hold a paper: one look at each record, so that years of them need not be read for every date.

Keeps numbers for identifiers; what an edition says of a paper is read from its record when it is asked for.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import date

from .models import Edition
from .store import Store


class Whereabouts:
    """
    The dates of the papers of one site, made of its records on first use; about 100 bytes a paper.

    Whoever saves an edition meanwhile says so with `add`.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._dates: dict[int, tuple[int, ...]] | None = None  #: ordinals, by the number of an identifier

    def before(self, announced: date, ids: Collection[str]) -> Iterator[Edition]:
        """Yield what the editions before a date hold of some papers, as `Store.before` does."""
        known = self._known()
        days = {day for one in ids for day in known.get(_number(one), ()) if day < announced.toordinal()}
        return self._store.before(announced, ids, map(date.fromordinal, sorted(days, reverse=True)))

    def add(self, announced: date, ids: Iterable[str]) -> None:
        """Note the papers of an edition that was saved."""
        known, day = self._known(), announced.toordinal()
        for one in ids:
            days = known.get(_number(one), ())
            if day not in days:
                known[_number(one)] = (*days, day)

    def _known(self) -> dict[int, tuple[int, ...]]:
        if self._dates is None:
            self._dates = {}
            for announced in self._store.dates():
                self.add(announced, self._store.ids(announced))
        return self._dates


def _number(arxiv_id: str) -> int:
    """A number for an identifier; two of the old kind may share one, and then an edition is looked into in vain."""
    digits = arxiv_id.replace(".", "", 1)
    return int(digits) if digits.isdecimal() and digits.isascii() else hash(arxiv_id)
