"""Which papers an edition holds and in which sections they stand: joins, cross-lists, keyword sections.

Pure: values in, values out. Whether a paper has a card is no concern of this module.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from .identifiers import covers, is_category
from .keywords import has_phrase
from .models import Edition, Entry, Listed, Listing, Section
from .rules import Judge, Rule, Rules, Verdict, follows

__all__ = [  # what was asked for is part of selecting, so it is had from here too
    "NOT_ASKED",
    "Rule",
    "Rules",
    "arrange",
    "carried",
    "edition_of",
    "follows",
    "has_phrase",
    "joined",
    "missing_rules",
]

NOT_ASKED = "not summarized yet"  #: why an entry fresh from a listing has no card

_RANK = {"new": 0, "cross": 1, "replace": 2, "replace-cross": 3}
_ARXIV = frozenset({"feed", "search", "oai"})  #: sources that say what arXiv announced, all in its own order


def edition_of(listing: Listing, rules: Rules, language: str) -> Edition:
    """The edition of a listing before anything is summarized: each paper once, replacements apart."""
    entries = tuple(joined(listing.items))
    return Edition(
        announced=listing.announced,
        categories=rules.categories,
        keywords=() if rules.categories else rules.keywords,
        language=language,
        source=listing.source,
        notes=listing.notes,
        entries=tuple(entry for entry in entries if not entry.announce_type.startswith("replace")),
        replacements=tuple(entry for entry in entries if entry.announce_type.startswith("replace")),
    )


def joined(items: Iterable[Listed]) -> Iterator[Entry]:
    """Yield each paper once, new before cross-lists before replacements, otherwise in the order of the listing."""
    by_id: dict[str, list[Listed]] = {}
    for item in sorted(items, key=lambda item: _RANK[item.announce_type]):
        by_id.setdefault(item.paper.arxiv_id, []).append(item)
    for same in by_id.values():
        sections = dict.fromkeys(item.section for item in same if item.section)
        yield Entry(
            paper=same[0].paper,
            announce_type=same[0].announce_type,
            problems=(NOT_ASKED,),
            listed_under=tuple(sections),
        )


def carried(edition: Edition, saved: Edition) -> Edition:
    """
    The edition with what `saved` has: nothing that was announced or paid for gets lost, in whatever order it came.

    A paper that the feed announced stays as it was announced; cards follow papers whose title and abstract are the
    same, others are kept as earlier ones. What was asked for before is still asked for, and what either side keeps
    out is kept out until `arrange` says otherwise.
    """
    grown = not set(saved.categories) <= set(edition.categories)  # the new listing has only what was missing
    exact = saved.source == "feed"
    entries = _united((*edition.entries, *edition.excluded), (*saved.entries, *saved.excluded), exact)
    if {edition.source, saved.source} <= _ARXIV:
        entries.sort(key=_place)
    known = {entry.paper.arxiv_id for entry in entries}
    replaced = sorted(_united(edition.replacements, saved.replacements, exact), key=_place)
    return edition.model_copy(
        update={
            "categories": _merged(saved.categories, edition.categories),
            "keywords": _merged(saved.keywords, edition.keywords),
            "source": saved.source if grown else edition.source,
            "notes": _merged(saved.notes, edition.notes) if grown else edition.notes,
            "judged_by": "",  # a saved card may stand beside a paper fetched anew
            "sections": (),
            "entries": tuple(entry for entry in entries if not entry.excluded_by),
            "excluded": tuple(entry for entry in entries if entry.excluded_by),
            "replacements": tuple(entry for entry in replaced if entry.paper.arxiv_id not in known),
        }
    )


def _place(entry: Entry) -> tuple[int, str]:
    """Where an entry stands in arXiv's own order."""
    return _RANK[entry.announce_type], entry.paper.arxiv_id


def _merged(first: Iterable[str], second: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _united(fresh: Iterable[Entry], saved: Iterable[Entry], exact: bool) -> list[Entry]:
    """Every entry of both once: the fresh ones with what the saved ones have, then the others."""
    old = {entry.paper.arxiv_id: entry for entry in saved}
    both = [_joined_entry(entry, old.pop(entry.paper.arxiv_id, None), exact) for entry in fresh]
    return [*both, *old.values()]


def _joined_entry(entry: Entry, saved: Entry | None, exact: bool) -> Entry:
    """One paper out of two listings of its date; `exact`: the saved one is as announced."""
    if saved is None:
        return entry
    paper = saved.paper if exact and saved.paper.submitted else entry.paper
    mine: dict[str, object] = {
        "paper": paper,
        "announce_type": min(entry.announce_type, saved.announce_type, key=_RANK.__getitem__),
        "listed_under": _merged(saved.listed_under, entry.listed_under),
        "replies": saved.replies,
        "earlier": saved.earlier,
        "why": saved.why,
        "excluded_by": entry.excluded_by or saved.excluded_by,
        "first_announced": entry.first_announced or saved.first_announced,
        "change": entry.change or (saved.change if saved.paper.version == paper.version else None),
    }
    if (saved.paper.title, saved.paper.abstract) == (paper.title, paper.abstract):
        mine |= {"card": saved.card, "problems": saved.problems, "marks": saved.marks}
    elif saved.card:
        mine["earlier"] = (*saved.earlier, saved.card)
    return entry.model_copy(update=mine)


def arrange(edition: Edition, rules: Rules) -> Edition:
    """
    The edition with its entries sorted into sections: those the source gives, keywords, categories.

    Every entry stands in at least one section, and says why it is there; in a category section only once, under its
    primary category. A keyword that arXiv was asked for on another call keeps a section of its own. What a rule keeps
    out stands apart with the rule's name, and comes back when the rule is gone.
    """
    before = (Rule(phrase, (phrase,)) for phrase in edition.keywords if phrase not in rules.keywords)
    rules = replace(rules, sections=(*rules.sections, *before))
    judge = Judge(rules, edition.categories, searched=not edition.categories and edition.source in _ARXIV)
    verdicts = {entry.paper.arxiv_id: judge(entry) for entry in (*edition.entries, *edition.excluded)}
    edition = _parted(edition, verdicts)
    free = [entry for entry in edition.entries if not entry.listed_under]
    by_keyword = list(_by_keyword(free, rules.sections, verdicts))
    placed = {arxiv_id for section in by_keyword for arxiv_id in section.arxiv_ids}
    if not edition.categories:
        free = [entry for entry in free if entry.paper.arxiv_id not in placed]
    return edition.with_sections([*_given(edition.entries), *by_keyword, *_by_category(free, edition.categories)])


def _parted(edition: Edition, verdicts: Mapping[str, Verdict]) -> Edition:
    """The edition with each entry on its side of the rules; one that changes sides goes to its place there."""
    here = [_judged(entry, verdicts) for entry in edition.entries]
    there = [_judged(entry, verdicts) for entry in edition.excluded]
    kept = _put([one for one in here if not one.excluded_by], [one for one in there if not one.excluded_by], edition)
    out = _put([one for one in there if one.excluded_by], [one for one in here if one.excluded_by], edition)
    return edition.model_copy(update={"entries": kept, "excluded": out})


def _judged(entry: Entry, verdicts: Mapping[str, Verdict]) -> Entry:
    verdict = verdicts[entry.paper.arxiv_id]
    return entry.model_copy(update={"why": verdict.why, "excluded_by": verdict.excluded_by})


def _put(those: Sequence[Entry], more: Sequence[Entry], edition: Edition) -> tuple[Entry, ...]:
    """Entries, and more of them: in arXiv's order where it has one, else behind."""
    if more and edition.source in _ARXIV:
        return tuple(sorted((*those, *more), key=_place))
    return (*those, *more)


def _given(entries: Iterable[Entry]) -> Iterator[Section]:
    """Yield the sections that the source itself names, in the order it names them."""
    groups: dict[str, list[str]] = {}
    for entry in entries:
        for title in entry.listed_under:
            groups.setdefault(title, []).append(entry.paper.arxiv_id)
    for title, ids in groups.items():
        yield Section(title=title, kind="category" if is_category(title) else "keyword", arxiv_ids=tuple(ids))


def _by_keyword(entries: Sequence[Entry], rules: Iterable[Rule], verdicts: Mapping[str, Verdict]) -> Iterator[Section]:
    """Yield the section of each rule, also an empty one: the page then says that nothing matched."""
    if not entries:
        return
    for n, rule in enumerate(rules):
        ids = (entry.paper.arxiv_id for entry in entries)
        yield Section(
            title=rule.title, kind="keyword", arxiv_ids=tuple(one for one in ids if n in verdicts[one].sections)
        )


def _by_category(entries: Iterable[Entry], asked: Sequence[str]) -> Iterator[Section]:
    """Yield a section a primary category: those asked for in their order, then the others by name."""
    groups: dict[str, list[str]] = {}
    for entry in entries:
        groups.setdefault(entry.paper.primary_category or "uncategorized", []).append(entry.paper.arxiv_id)

    def place(category: str) -> tuple[int, str]:
        found = (n for n, wanted in enumerate(asked) if covers((wanted,), category))
        return next(found, len(asked)), category

    for category in sorted(groups, key=place):
        yield Section(title=category, kind="category", arxiv_ids=tuple(groups[category]))


def missing_rules(asked: Rules, saved: Edition | None) -> Rules | None:
    """The part of what is asked that a saved edition does not cover; None if it covers all."""
    if saved is None or saved.source not in _ARXIV:
        return asked
    if not asked.categories:
        return None if set(asked.keywords) <= set(saved.keywords) else asked
    left = tuple(one for one in asked.categories if not covers(saved.categories, one))
    return replace(asked, categories=left) if left else None
