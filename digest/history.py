"""What earlier editions hold of an edition's papers: whose card still fits, and what a replacement changed.

Pure: editions in, an edition out. Asks nobody; what a change is about is put into words in changes.py.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from .models import Change, Edition, Entry, Origin, Paper
from .selection import NOT_ASKED

#: arxiv_id -> the date of the newest edition announced before the one in hand, and the paper's entry in it
Earlier = Mapping[str, tuple[date, Entry]]


def gathered(edition: Edition, others: Iterable[Edition]) -> Earlier:
    """
    What `others` hold of the papers in `edition`; those that were not announced before it tell nothing.

    They may come in any order and are looked at one by one. Each entry's `first_announced` is the earliest date that
    any of them knows, None where it is the entry's own. Cards in another language, and those that no model wrote,
    are left out; an invented day and a real one know nothing of each other.
    """
    wanted = {entry.paper.arxiv_id for entry in _all(edition)}
    newest: dict[str, tuple[date, Entry]] = {}
    first: dict[str, date] = {}
    for other in others:
        day = other.announced
        if day >= edition.announced or (other.source == "sample") != (edition.source == "sample"):
            continue
        for entry in _all(other):
            arxiv_id = entry.paper.arxiv_id
            if arxiv_id in wanted:
                first[arxiv_id] = min(first.get(arxiv_id, day), entry.first_announced or day)
                if arxiv_id not in newest or newest[arxiv_id][0] <= day:
                    newest[arxiv_id] = day, _usable(entry, other.language == edition.language)
    return {
        arxiv_id: (
            day,
            entry.model_copy(update={"first_announced": first[arxiv_id] if first[arxiv_id] < day else None}),
        )
        for arxiv_id, (day, entry) in newest.items()
    }


def _usable(entry: Entry, same_language: bool) -> Entry:
    """The entry without what another edition must not show."""
    if same_language and not (entry.card and entry.card.origin.engine == "echo"):
        return entry
    return Entry(paper=entry.paper, announce_type=entry.announce_type, first_announced=entry.first_announced)


def remembered(edition: Edition, earlier: Earlier) -> Edition:
    """
    The edition with what is known of its papers from before; done twice, it changes nothing more.

    A paper has the date it was first announced. Without a card of its own it has the earlier one, as long as title and
    abstract are the same; else that one goes to `earlier`. A replacement tells what it changed; with no edition to
    compare it to, or with nothing changed, there is nothing to ask for and it has no problems. A change that has
    its note stays as it is. What a rule keeps out is treated alike, for it may come back.
    """
    lists = {"entries": edition.entries, "replacements": edition.replacements, "excluded": edition.excluded}
    after = edition.model_copy(
        update={name: tuple(_recognized(entry, earlier) for entry in found) for name, found in lists.items()}
    )
    taken = any(one.card is not before.card for before, one in zip(_all(edition), _all(after), strict=True))
    # Other checks may have judged the earlier edition.
    return after.model_copy(update={"judged_by": ""}) if taken else after


def to_summarize(edition: Edition) -> tuple[Entry, ...]:
    """The replacements that need a card: title or abstract changed, and there is none."""
    return tuple(entry for entry in edition.replacements if entry.card is None and is_rewritten(entry))


def to_describe(edition: Edition, earlier: Earlier) -> Iterator[tuple[Paper, Entry]]:
    """Yield each replacement whose change needs its note, behind the paper as it was before."""
    for entry in edition.replacements:
        known = earlier.get(entry.paper.arxiv_id)
        if known and entry.change and is_rewritten(entry) and not entry.change.note:
            before = known[1].paper
            if before.version == entry.change.from_version:
                yield before, entry


def is_rewritten(entry: Entry) -> bool:
    """Whether an entry is known to have another title or abstract than before."""
    return entry.change is not None and (entry.change.title_changed or entry.change.abstract_changed)


def joined_replies(known: Iterable[Origin], fresh: Iterable[Origin]) -> tuple[Origin, ...]:
    """Each reply once, by its key, as it was first recorded."""
    once: dict[str, Origin] = {}
    for one in (*known, *fresh):
        once.setdefault(one.key, one)
    return tuple(once.values())


def _all(edition: Edition) -> tuple[Entry, ...]:
    """What stands in an edition, what counts most last."""
    return (*edition.excluded, *edition.replacements, *edition.entries)


# ---- one paper -------------------------------------------------------------------------------------------------


def _recognized(entry: Entry, earlier: Earlier) -> Entry:
    return (_replaced if entry.announce_type.startswith("replace") else _met_again)(entry, earlier)


def _met_again(entry: Entry, earlier: Earlier) -> Entry:
    """A new paper or a cross-list, if an earlier edition has it, too."""
    known = earlier.get(entry.paper.arxiv_id)
    if known is None:
        return entry
    day, old = known
    entry = _dated(entry, day, old)
    if entry.card is not None:
        return entry
    return _carried(entry, old) if _text(entry) == _text(old) else _superseding(entry, old)


def _replaced(entry: Entry, earlier: Earlier) -> Entry:
    """A replacement, compared to what an earlier edition has of it."""
    known = earlier.get(entry.paper.arxiv_id)
    if known is not None:
        day, old = known
        entry = _compared(_dated(entry, day, old), day, old)
        if entry.card is None and _text(entry) == _text(old):
            entry = _carried(entry, old)
        elif entry.card is None and is_rewritten(entry):
            entry = _superseding(entry, old)
    if entry.card is not None:
        return entry
    problems = (entry.problems or (NOT_ASKED,)) if is_rewritten(entry) else ()
    return entry.model_copy(update={"problems": problems})


def _text(entry: Entry) -> tuple[str, str]:
    """What a card is made from; the model of a paper has put it on one line."""
    return entry.paper.title, entry.paper.abstract


def _dated(entry: Entry, day: date, old: Entry) -> Entry:
    """The entry with the earliest date at which an edition had the paper."""
    first = old.first_announced or day
    return entry.model_copy(update={"first_announced": min(first, entry.first_announced or first)})


def _compared(entry: Entry, day: date, old: Entry) -> Entry:
    """The entry with what it changed against `old`; a version announced once more has the change told then."""
    if entry.change and entry.change.note:
        return entry
    change = entry.change
    if entry.paper.version > old.paper.version:
        change = Change(
            from_version=old.paper.version,
            announced=day,
            title_changed=entry.paper.title != old.paper.title,
            abstract_changed=entry.paper.abstract != old.paper.abstract,
        )
    elif entry.paper.version == old.paper.version:
        change = old.change or change
    return entry.model_copy(update={"change": change})


def _carried(entry: Entry, old: Entry) -> Entry:
    """The entry with the card of the same text, all that stands behind it included; as it is, if there is none."""
    if old.card is None:
        return entry
    return entry.model_copy(
        update={
            "card": old.card,
            "problems": old.problems,
            "marks": old.marks,
            "replies": joined_replies(old.replies, entry.replies),
            "earlier": tuple(dict.fromkeys((*old.earlier, *entry.earlier))),
        }
    )


def _superseding(entry: Entry, old: Entry) -> Entry:
    """The entry with the card of another text among its earlier ones."""
    had = (*old.earlier, old.card) if old.card else old.earlier
    return entry.model_copy(update={"earlier": tuple(dict.fromkeys((*had, *entry.earlier)))})
