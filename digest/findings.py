"""What is wrong, or worth a word, in a record that can be read: an edition, its delivery marks, the calendar of a site.

Pure: records in, findings out. Opens no file, and mends nothing.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from . import money, schedule
from .models import Edition, Entry
from .plaintext import counted
from .postmarks import Postmarks

GOOD_COPY = "put back a good copy, or delete it and run: digest run --date {day}"  #: replies stay cached

Kind = Literal["fault", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found. A fault contradicts the record, or a promise; a note is only worth knowing."""

    kind: Kind
    place: str  #: the file or folder
    fact: str
    mend: str | None = None  #: a command, or what to do; None: nothing needs to be done


def in_edition(edition: Edition, place: str, language: str) -> Iterator[Finding]:
    """Yield what is wrong with an edition that its schema does not see: it was changed by hand, or by a bug."""
    facts = [
        *_language(edition, language),
        *_each_once(edition),
        *_kinds(edition),
        *(fact for entry in (*edition.entries, *edition.replacements) for fact in _entry(entry)),
    ]
    mend = GOOD_COPY.format(day=edition.announced)
    yield from (Finding("fault", place, fact, mend) for fact in facts)
    yield from _receipt(edition, place)


def _language(edition: Edition, language: str) -> Iterator[str]:
    if edition.language != language:
        yield f"is in {edition.language}; the site is in {language}"


def _each_once(edition: Edition) -> Iterator[str]:
    listed = Counter(entry.paper.arxiv_id for entry in (*edition.entries, *edition.excluded))
    replaced = Counter(entry.paper.arxiv_id for entry in edition.replacements)
    for counts, where in ((listed, "among the announced"), (replaced, "among the replacements")):
        yield from (f"{arxiv_id} stands in it {times} times {where}" for arxiv_id, times in _more_than_once(counts))
    for section in edition.sections:
        for arxiv_id, _ in _more_than_once(Counter(section.arxiv_ids)):
            yield f"section {section.title!r} names {arxiv_id} more than once"


def _more_than_once(counts: Counter[str]) -> list[tuple[str, int]]:
    return [(name, times) for name, times in counts.items() if times > 1]


def _kinds(edition: Edition) -> Iterator[str]:
    """Yield what breaks the ledger: announced = primary + cross = shown + flagged + pending + excluded."""
    for entry in (*edition.entries, *edition.excluded):
        if entry.announce_type not in ("new", "cross"):
            yield f"{entry.paper.arxiv_id} is a replacement among the announced: the ledger does not hold"
    for entry in edition.replacements:
        if entry.announce_type in ("new", "cross"):
            yield f"{entry.paper.arxiv_id} is announced, but stands among the replacements: the ledger does not hold"
    for entry in edition.excluded:
        if not entry.excluded_by:
            yield f"{entry.paper.arxiv_id} is kept out, and no rule says why"


def _entry(entry: Entry) -> Iterator[str]:
    name = entry.paper.arxiv_id
    if entry.card is None and not entry.problems and entry.announce_type in ("new", "cross"):
        yield f"{name} has no card, and nothing says why"
    for mark in entry.marks:
        if entry.card is None or mark.words not in getattr(entry.card, mark.field):
            yield f"{name}: {mark.words!r} is marked in {mark.field}, which does not have it"


def _receipt(edition: Edition, place: str) -> Iterator[Finding]:
    total = money.receipt(edition)
    mend = f"digest run --date {edition.announced}"
    if not edition.receipt and total:
        yield Finding("note", place, "has no receipt: an older program wrote it", mend)
    elif total != edition.receipt:
        said, found = (sum(bill.replies for bill in bills) for bills in (edition.receipt, total))
        replies = f"{said} on the receipt, {found} on record" if said != found else f"{found} on record"
        yield Finding("fault", place, f"the receipt does not add up with its replies ({replies})", mend)


def in_marks(
    marks: Postmarks, announced: date, place: str, has_edition: bool, due: Collection[str], known: Collection[str]
) -> Iterator[Finding]:
    """
    Yield what is wrong with the delivery marks of a date.

    Args:
        marks: As saved.
        announced: The date of the file's name.
        place: The file.
        has_edition: Whether there is an edition of that date.
        due: The names of those who get the editions of this site.
        known: The names of all receivers.
    """
    if marks.announced != announced:
        yield Finding("fault", place, f"holds the marks of {marks.announced}", "rename the file")
    if not has_edition:
        yield Finding(
            "note", place, "delivery marks of a date without an edition", f"digest run --date {announced}, or delete it"
        )
    for name, times in _more_than_once(Counter(mark.receiver for mark in marks.marks)):
        yield Finding("fault", place, f"{name} has {times} marks", "delete all but the last of them")
    for mark in marks.marks:
        if mark.receiver not in known:
            yield Finding("note", place, f"{mark.receiver} is no receiver in digest.toml any more")
        elif not mark.is_settled and has_edition and mark.receiver in due:
            tries = counted(mark.attempts, "try", "tries")
            how = {"sending": "was being sent to", "failed": "has not reached"}.get(mark.state, "still waits for")
            why = f": {mark.error}" if mark.error else ""
            yield Finding(
                "fault", place, f"the edition {how} {mark.receiver}, {tries}{why}", f"digest deliver {announced}"
            )


def in_calendar(days: Collection[date], newest: date, holidays: Collection[date], place: str) -> Iterator[Finding]:
    """Yield the listing dates between the oldest edition and `newest` that have none, those in a row together."""
    if not days:
        return
    row: list[date] = []
    for day in schedule.between(min(days), newest, holidays):
        if day not in days:
            row.append(day)
        elif row:
            yield _gap(row, place)
            row = []
    if row:
        yield _gap(row, place)


def _gap(row: list[date], place: str) -> Finding:
    if len(row) == 1:
        return Finding("note", place, f"no edition of {row[0]}", f"digest run --date {row[0]}")
    fact = f"no edition of {row[0]} to {row[-1]}, {len(row)} listing dates"
    return Finding("note", place, fact, f"digest run --since {row[0]}")


def grouped(findings: Iterable[Finding]) -> list[tuple[Finding, tuple[str, ...]]]:
    """Findings with what else is said of other places in the same words: faults first, else in order."""
    groups: dict[tuple[Kind, str, str | None], list[Finding]] = {}
    for one in findings:
        groups.setdefault((one.kind, one.fact, one.mend), []).append(one)
    found = [
        (some[0], tuple(dict.fromkeys(one.place for one in some if one.place != some[0].place)))
        for some in groups.values()
    ]
    return sorted(found, key=lambda one: one[0].kind)
