"""What the reader asked for, and what that says of one paper: its reasons, its keyword sections, what keeps it out.

Pure. Knows neither editions nor where papers come from.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from . import keywords
from .identifiers import covers
from .keywords import Expression, Text
from .models import Entry, Paper, Reason
from .plaintext import one_line
from .words import People


@dataclass(frozen=True, slots=True)
class Rule:
    """A keyword section as asked: it holds papers that have one of the keywords, or one of the authors."""

    title: str
    keywords: tuple[str, ...]  #: as in keywords.py
    categories: tuple[str, ...] = ()  #: none: any category
    authors: tuple[str, ...] = ()  #: as in words.People
    exclude: tuple[str, ...] = ()  #: keywords of papers that it does not hold


@dataclass(frozen=True, slots=True)
class Rules:
    """What the reader asked for."""

    categories: tuple[str, ...] = ()
    sections: tuple[Rule, ...] = ()
    authors: tuple[str, ...] = ()  #: followed wherever their papers stand
    exclude: tuple[str, ...] = ()  #: keywords of papers that no edition is to have
    cross_lists: bool = True  #: False: papers whose primary category is another one are kept out

    @property
    def keywords(self) -> tuple[str, ...]:
        """Every keyword of every section, each once."""
        return tuple(dict.fromkeys(one for rule in self.sections for one in rule.keywords))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of one paper."""

    why: tuple[Reason, ...]
    sections: frozenset[int]  #: which of the rules' sections hold it, counted from 0
    excluded_by: str | None  #: the rule that keeps it out: "exclude: survey"


class Judge:
    """
    The rules, read once for any number of papers.

    Args:
        rules: What the reader asks for now.
        categories: What the edition was asked for, also before now.
        searched: Whether its papers stand in it for the sake of the sections' keywords alone.
    """

    def __init__(self, rules: Rules, categories: tuple[str, ...] = (), searched: bool = False) -> None:
        self._categories = categories
        self._sections = [_Section(rule) for rule in rules.sections]
        self._people = People.named(rules.authors)
        self._exclude = _expressions(rules.exclude)
        self._cross_lists = rules.cross_lists
        self._searched = rules.keywords if searched else ()
        self._reads = bool(rules.sections or rules.exclude)

    def __call__(self, entry: Entry) -> Verdict:
        """What the rules say of one paper. Where the source itself names its section, other sections don't matter."""
        paper = entry.paper
        text = Text.of(paper.title, paper.abstract) if self._reads else _NOTHING
        wanted = {n: reasons for n, one in enumerate(self._sections) if (reasons := one.wants(paper, text))}
        held_out = {n: term for n in wanted if (term := _first(self._sections[n].exclude, text)) is not None}
        holding = frozenset(wanted) - frozenset(held_out)
        excluded_by = self._keeps_out(entry, text)
        if not excluded_by and self._searched and held_out and not holding and not entry.listed_under:
            first = min(held_out)
            excluded_by = f"section {self._sections[first].title}: exclude: {held_out[first]}"
        of_sections = [one for n, reasons in wanted.items() if n in holding or excluded_by for one in reasons]
        return Verdict(
            why=self._why(entry, of_sections),
            sections=holding,
            excluded_by=one_line(excluded_by) if excluded_by else None,
        )

    def _keeps_out(self, entry: Entry, text: Text) -> str | None:
        term = _first(self._exclude, text)
        if term is not None:
            return f"exclude: {term}"
        return None if self._cross_lists or entry.announce_type != "cross" else "cross_lists = false"

    def _why(self, entry: Entry, of_sections: Iterable[Reason]) -> tuple[Reason, ...]:
        followed = (Reason(kind="author", value=name) for name in self._people.among(entry.paper.authors))
        found = [*_by_category(entry.paper, self._categories), *of_sections, *followed]
        if not found and len(self._searched) == 1:  # arXiv stems words, so it finds more than we do
            found.append(Reason(kind="keyword", value=self._searched[0]))
        found += (Reason(kind="file", value=title) for title in entry.listed_under)
        return tuple(dict.fromkeys(sorted(found, key=lambda reason: _ORDER.index(reason.kind))))


_ORDER = ("category", "cross", "keyword", "author", "file")
_NOTHING = Text.of("", "")


def follows(paper: Paper, rule: Rule) -> bool:
    """Whether a keyword section holds a paper."""
    section, text = _Section(rule), Text.of(paper.title, paper.abstract)
    return bool(section.wants(paper, text)) and _first(section.exclude, text) is None


class _Section:
    """A rule made ready for many papers."""

    def __init__(self, rule: Rule) -> None:
        self.title = rule.title
        self.exclude = _expressions(rule.exclude)
        self._categories = rule.categories
        self._keywords = _expressions(rule.keywords)
        self._people = People.named(rule.authors)

    def wants(self, paper: Paper, text: Text) -> tuple[Reason, ...]:
        """Why the section would hold the paper, if nothing it excludes were in it; nothing where it would not."""
        if self._categories and not any(covers(self._categories, one) for one in paper.categories):
            return ()
        had = [Reason(kind="keyword", value=one.text) for one in self._keywords if one.found(text)]
        followed = [Reason(kind="author", value=name) for name in self._people.among(paper.authors)]
        return (*had, *followed)


def _by_category(paper: Paper, asked: tuple[str, ...]) -> list[Reason]:
    """The primary category, if it was asked for; else each other category that was."""
    if covers(asked, paper.primary_category):
        return [Reason(kind="category", value=paper.primary_category or "")]
    return [Reason(kind="cross", value=one) for one in paper.categories[1:] if covers(asked, one)]


def _expressions(terms: Iterable[str]) -> tuple[Expression, ...]:
    return tuple(map(_expression, terms))


def _expression(term: str) -> Expression:
    """What a keyword means; a record may hold one of a time when every text was a phrase."""
    try:
        return keywords.parse(term)
    except ValueError:
        return keywords.literal(term)


def _first(expressions: Iterable[Expression], text: Text) -> str | None:
    return next((one.text for one in expressions if one.found(text)), None)
