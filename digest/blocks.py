"""Where the identifiers of one listing end and those of the next begin: what tells when a paper was announced.

Pure. arXiv numbers papers when it announces them, in the order of submission; papers that moderators held back come
first in a later listing and keep their old time. So within a listing times rise, and fall only where the next begins.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from .identifiers import parse_id

Place = tuple[str, int]  #: of an identifier: month and number; in old ones, archive and month before the number

SOON = timedelta(days=1)  #: after a freeze; papers of this time tell where a listing begins, if any are known
REACH = 300  #: identifiers before a listing's first regular one among which papers held back are looked for
LONGEST = 1500  #: the same for papers that changed last on the listing's date, where others of it may be unknown
SURE = 3  #: papers that make a witness: fewer may be out of place themselves
BUSIEST_HOUR = 300  #: identifiers at most in an hour of submission time, with room to spare
HELD_AN_HOUR = 4  #: identifiers an hour of submission time: regular papers come denser, held ones don't


@dataclass(frozen=True, slots=True)
class Sighting:
    """What is known of one paper."""

    arxiv_id: str
    submitted: datetime  #: of v1, UTC
    changed: date | None = None  #: UTC day of its last change, which is never before its announcement
    place: Place = field(init=False)

    def __post_init__(self) -> None:
        """Parse the identifier once: sightings are compared by the thousand."""
        object.__setattr__(self, "place", place(self.arxiv_id))


def place(arxiv_id: str) -> Place:
    """Where an identifier stands among others.

    >>> place("2603.01234") < place("2603.10000") < place("2604.00001"), place("hep-th/9901002")
    (True, ('hep-th/9901', 2))
    """
    month, _, number = arxiv_id.partition(".") if "/" not in arxiv_id else (arxiv_id[:-3], "", arxiv_id[-3:])
    return month, int(number)


def below(arxiv_id: str, count: int) -> tuple[str, ...]:
    """The `count` identifiers before one, nearest first; fewer at the beginning of a month, none for old ones.

    >>> below("2603.00003", 5)
    ('2603.00002', '2603.00001')
    """
    base = parse_id(arxiv_id).base
    month, dot, number = base.partition(".")
    if not dot or "/" in base:
        return ()
    numbers = range(int(number) - 1, max(int(number) - 1 - count, 0), -1)
    return tuple(f"{month}.{one:0{len(number)}d}" for one in numbers)


def first_after(sightings: Iterable[Sighting], freeze: datetime) -> Sighting | None:
    """
    Of the papers submitted after a freeze, the regular one with the smallest identifier: surely of a later listing.

    One whose time does not fit its identifier is passed over: if most of those submitted between the freeze and it
    have greater identifiers, or if more identifiers lie between it and the next one than were given in that time.
    """
    later = sorted((one for one in sightings if one.submitted > freeze), key=lambda one: one.place)
    soon = [one for one in later if one.submitted <= freeze + SOON]
    regular = (one for one in later if not _is_behind(one, soon))  # one by one: a month of papers may follow
    first = next(regular, None)
    for after in regular:
        if first and not _is_ahead(first, after):
            break
        first = after
    return first


def _is_behind(one: Sighting, soon: Iterable[Sighting]) -> bool:
    earlier = [other for other in soon if other.submitted < one.submitted]
    greater = sum(other.place > one.place for other in earlier)
    return greater >= SURE and 2 * greater > len(earlier)


def _is_ahead(one: Sighting, after: Sighting) -> bool:
    hours = max((after.submitted - one.submitted) / timedelta(hours=1), 0.0)
    return one.place[0] == after.place[0] and after.place[1] - one.place[1] > BUSIEST_HOUR * (hours + 1)


def begin(sightings: Iterable[Sighting], freeze: datetime, announced: date) -> Place | None:
    """
    Where the first listing after a freeze begins; None where no paper submitted after it is known.

    Below the first of those papers stand the ones held back, then the end of the listing before. The border is where
    the times fall from their latest. Where they don't fall at all, all of these papers are of one kind: held back,
    if they span more time than so few identifiers do in a listing.

    Args:
        sightings: In any order; those that matter have the identifiers just below the first one after the freeze.
        freeze: The start of the listing's window, UTC.
        announced: Its date; a paper last changed before it was announced before it.

    Source: https://info.arxiv.org/help/arxiv_identifier.html
    """
    known = list(sightings)
    top = first_after(known, freeze)
    if top is None:
        return None
    month, number = top.place
    if "/" in month:  # each archive of old had numbers of its own
        return month, number
    before = (one for one in known if (month, 0) <= one.place < (month, number) and one.submitted <= freeze)
    under = sorted(before, key=lambda one: one.place)
    # The last paper that surely is of an earlier listing; without one, papers so near that none of theirs were held.
    sure = next((n for n in range(len(under), 0, -1) if (day := under[n - 1].changed) and day < announced), 0)
    reach = {True: LONGEST, False: REACH}
    region = (
        under[sure - 1 :]
        if sure
        else [one for one in under if one.place[1] >= number - reach[one.changed == announced]]
    )
    index = _border(region, min(sure, 1), top, announced)
    return region[index].place if index < len(region) else (month, number)


def _border(region: Sequence[Sighting], first: int, top: Sighting, announced: date) -> int:
    """The index in `region` where the listing of `top` begins, `first` or later; its length: at `top` itself."""
    falls = [
        (region[n - 1].submitted, n)
        for n in range(max(first, 1), len(region))
        if region[n - 1].submitted > region[n].submitted
    ]
    if falls:
        return max(falls)[1]
    told = next((n for n in range(first, len(region)) if region[n].changed == announced), None)
    if told is not None:
        return told
    if first < len(region) and _is_sparse(region[first], top):
        return first
    return len(region)


def _is_sparse(first: Sighting, last: Sighting) -> bool:
    """Whether the papers from one to the other were submitted over more time than a listing's regular ones."""
    hours = (last.submitted - first.submitted) / timedelta(hours=1)
    return last.place[1] - first.place[1] < HELD_AN_HOUR * hours


def is_seen(sightings: Iterable[Sighting], freeze: datetime) -> bool:
    """Whether the end of the listing before a freeze is surely among the sightings, and not only papers held back."""
    known = list(sightings)
    top = first_after(known, freeze)
    border = begin(known, freeze, date.max)
    if top is None or border is None or border == top.place:
        return False
    before = [one for one in known if one.place < border and one.place[0] == border[0]]
    return len(before) >= SURE


def between(sightings: Iterable[Sighting], first: Place | None, end: Place | None) -> set[str]:
    """
    The identifiers from one place up to another, that one not included.

    Args:
        sightings: In any order.
        first: None: nothing is known that was submitted so late, so none of them is of this listing.
        end: None: nothing later is known.
    """
    if first is None:
        return set()
    return {one.arxiv_id for one in sightings if first <= one.place and (end is None or one.place < end)}


def neighbours(sightings: Iterable[Sighting], arxiv_id: str) -> tuple[Place | None, Place | None]:
    """The places next below and next above one that is not among the sightings; None: there is none."""
    known, here = [one.place for one in sightings], place(arxiv_id)
    return max((one for one in known if one < here), default=None), min(
        (one for one in known if one > here), default=None
    )


def may_hold(first: Place | None, end: Place | None, between: tuple[Place | None, Place | None]) -> bool:
    """
    Whether a listing, with its borders as for `between`, may hold a paper of which its neighbours alone are known.

    >>> known = ("2603", 5), ("2603", 9)
    >>> may_hold(("2603", 1), ("2603", 5), known), may_hold(("2603", 9), ("2603", 9), known)
    (False, True)
    """
    below, above = between
    begins = above is None or (first is not None and first <= above)
    return begins and (end is None or below is None or end > below)
