"""Terms and their fixed translations: read from a table, found in a paper, and held against its card.

Pure. The table is a text from prompts/; which terms stand in it, and in which language, is its author's matter.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from string import punctuation

from .errors import TemplateError
from .models import FIELDS, Mark, Paper

MOST = 20  #: terms given to the model with one paper

_NAME = re.compile(r"[^\W_]+(?:[ -][^\W_]+)*")
_STOP = "\0"  #: no phrase goes across it
_SIGNS = str.maketrans(dict.fromkeys(punctuation + "“”‘’—…", _STOP) | dict.fromkeys("-‐‑–", " "))
_ASIDE = re.compile('（[^（）]{0,200}）|\\([^()]{0,200}\\)|“[^“”]{0,80}”|"[^"]{0,80}"|\\$[^$]{1,300}\\$')


@dataclass(frozen=True, slots=True)
class Term:
    """One line of the table."""

    names: tuple[str, ...]  #: in English, the usual one first; case, plural and a hyphen for a blank do not count
    accepted: tuple[str, ...]  #: translations: the first is given to the model, none of them is doubted
    wrong: tuple[str, ...] = ()  #: translations that are doubted

    @property
    def name(self) -> str:
        """The usual English name."""
        return self.names[0]

    @property
    def translation(self) -> str:
        """The one that the table fixes."""
        return self.accepted[0]

    @property
    def is_kept(self) -> bool:
        """Whether the term stays as it is in English."""
        return self.translation.lower() == self.name.lower()


@dataclass(frozen=True)
class Glossary:
    """The terms of a table; without any, nothing is given and nothing doubted."""

    terms: tuple[Term, ...] = ()

    @property
    def digest(self) -> str:
        """A short SHA-256 of the terms, whatever their columns are parted by; empty without terms."""
        lines = ["\t".join(map("|".join, (term.names, term.accepted, term.wrong))) for term in self.terms]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12] if lines else ""

    def terms_in(self, paper: Paper) -> tuple[Term, ...]:
        """
        The terms of the table that a paper's title and abstract use, each once, in the order of their first use.

        Of terms that lie over each other the longest counts: "self-attention" is no "attention".
        """
        if not self.terms:
            return ()
        text = f"{paper.title}\n{paper.abstract}".lower().translate(_SIGNS)  # four times as fast as a search
        return tuple(dict.fromkeys(self._terms_of(text.replace(_STOP, f" {_STOP} ").split())))

    def _terms_of(self, words: list[str]) -> Iterator[Term]:
        phrases, lengths, end = self._phrases, self._lengths, 0
        for place in [place for place, word in enumerate(words) if word in lengths]:
            for length in lengths[words[place]] if place >= end else ():
                if term := phrases.get(" ".join(words[place : place + length])):
                    yield term
                    end = place + length
                    break

    def doubts(self, paper: Paper, fields: Mapping[str, str]) -> Iterator[Mark]:
        """Yield where the card of a paper has its terms wrong: see the function of this name."""
        yield from doubts(self.terms_in(paper), fields)

    @cached_property
    def _phrases(self) -> Mapping[str, Term]:
        """Each name in small letters, with blanks for hyphens, in singular and plural."""
        return {form: term for term in self.terms for name in term.names for form in _forms(name)}

    @cached_property
    def _lengths(self) -> Mapping[str, tuple[int, ...]]:
        """The first word of a phrase -> how many words phrases that begin so have, longest first."""
        lengths: dict[str, set[int]] = {}
        for phrase in self._phrases:
            words = phrase.split(" ")
            lengths.setdefault(words[0], set()).add(len(words))
        return {word: tuple(sorted(known, reverse=True)) for word, known in lengths.items()}


NO_TERMS = Glossary()


def _forms(name: str) -> tuple[str, ...]:
    """
    A name as it may stand in a text, small letters and blanks alone.

    >>> _forms("Ablation study")
    ('ablation study', 'ablation studys', 'ablation studyes', 'ablation studies')
    """
    plain = " ".join(re.split(r"[\s-]+", name.lower()))
    return (plain, f"{plain}s", f"{plain}es", *([f"{plain[:-1]}ies"] if plain.endswith("y") else []))


# ---- the table -------------------------------------------------------------------------------------------------


def read(text: str, place: str) -> Glossary:
    """
    Return the glossary that a table holds.

    A line is `term = translation = wrong ones`, with tabs or `=` between the columns; the third may be missing. `|`
    stands between several names of a term and between several accepted translations, `;` between wrong ones. A line
    that begins with # says nothing.

    Args:
        text: Of the table.
        place: What the file is called in an error.

    Raises:
        TemplateError: a line is none of the table; the message names file and line.
    """
    terms: list[Term] = []
    known: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            term = _term(line)
            for name in term.names:
                if (first := known.setdefault(_forms(name)[0], number)) != number:
                    raise ValueError(f"{name!r} stands in line {first} already")  # noqa: TRY301
        except ValueError as error:
            raise TemplateError(
                f"{place}:{number}: {error}", hint="a line is: term = translation = wrong one; wrong one"
            ) from error
        terms.append(term)
    return Glossary(tuple(terms))


def _term(line: str) -> Term:
    columns = [column.strip() for column in line.split("\t" if "\t" in line else "=")]
    while columns and not columns[-1]:
        columns.pop()
    if len(columns) not in (2, 3):
        raise ValueError("no translation" if len(columns) < 2 else f"{len(columns)} columns, not two or three")
    names, accepted = _parts(columns[0], "[|｜]"), _parts(columns[1], "[|｜]")
    wrong = _parts(columns[2], "[;；]") if len(columns) == 3 else ()
    if not names or not accepted:
        raise ValueError("no translation" if names else "no term")
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not made of words")
    if both := set(accepted) & set(wrong):
        raise ValueError(f"{min(both)} is accepted and wrong")
    return Term(names, accepted, wrong)


def _parts(column: str, between: str) -> tuple[str, ...]:
    return tuple(filter(None, (part.strip() for part in re.split(between, column))))


# ---- doubts ----------------------------------------------------------------------------------------------------


def doubts(terms: Iterable[Term], fields: Mapping[str, str]) -> Iterator[Mark]:
    """
    Yield where a card has a wrong translation of one of its paper's terms.

    Nobody has to use a term. What another term of the paper allows is not wrong. Where the table has an English word
    as the wrong one, it is none as a name (capitals, other Latin words beside it), in brackets or in quotation marks.

    Args:
        terms: All that the paper uses: `terms_in`.
        fields: Of the card.
    """
    terms = tuple(terms)
    allowed = {form for term in terms for form in term.accepted}
    wrong = [(form, term) for term in terms for form in term.wrong if form not in allowed]
    for name in FIELDS:
        text = fields[name]
        for form, term in sorted(wrong, key=lambda one: -len(one[0])):
            if words := _found(form, text, allowed):
                yield Mark(field=name, words=words, kind="term", instead=term.translation)
                text = text.replace(words, " ")  # what lies within it is no second error


def _found(form: str, text: str, allowed: Iterable[str]) -> str | None:
    """A wrong form as it stands in a text, or None."""
    if form.isascii():
        found = _word(form).search(_ASIDE.sub(_blank, text))
        return found[0] if found else None
    return form if form in text and form in _without(text, (one for one in allowed if form in one)) else None


def _without(text: str, forms: Iterable[str]) -> str:
    for form in forms:
        text = text.replace(form, " ")
    return text


def _blank(found: re.Match[str]) -> str:
    return "，" * len(found[0])


@lru_cache(maxsize=4096)
def _word(form: str) -> re.Pattern[str]:
    """An English word as it is written, in singular or plural, with no Latin letter, digit or formula beside it."""
    names = "|".join(re.escape(one).replace(r"\ ", "[ -]") for one in sorted(_forms(form), key=len, reverse=True))
    return re.compile(rf"(?<![A-Za-z0-9_$\\/.-])(?<![A-Za-z0-9_$\\/.-] )(?:{names})(?! ?[A-Za-z0-9_$\\/.-])")
