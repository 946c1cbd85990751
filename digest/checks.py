"""A model's reply judged: a card or a note on a change, or the reasons why there is none, and what is doubtful in it.

Pure. Looks at one reply and its paper; asks nobody, changes no wording, knows no engine.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .evidence import Given, Groundless, groundless
from .languages import Language, language_of
from .models import FIELDS, FieldName, Mark, Paper
from .names import Source, only_strange, unknown
from .plaintext import one_line
from .prompts import NOTE_FIELDS
from .replies import read_object
from .topics import LEAST, heard, strays
from .unfit import cleaned, refused, unfit


@dataclass(frozen=True, slots=True)
class Judgement:
    """The cleaned fields, or None where no card or note can be made; with fields, problems are doubts."""

    fields: Mapping[str, str] | None
    problems: tuple[str, ...] = ()  #: one line each: "result: 4.1% is not in the abstract"
    marks: tuple[Mark, ...] = ()  #: where the doubts are


def judge(paper: Paper, reply: str, *, language: str = "zh-Hans", finish_reason: str | None = None) -> Judgement:
    """
    Return what a reply is worth: a card, a doubtful card, or none; never raises, whatever `reply` holds.

    Args:
        paper: The paper that was asked about: its title and abstract are the source of all figures.
        reply: The message's text as it came.
        language: Of the card, as a BCP 47 tag: "zh-Hans".
        finish_reason: As the service gave it; "length" explains a broken reply, "content_filter" refuses it.
    """
    try:
        found = _read(reply, FIELDS, finish_reason)
    except ValueError as error:
        return Judgement(None, (f"reply: {error}",))
    problems = tuple(_unusable(found, paper, language))
    if problems:
        return Judgement(None, problems)
    fields: dict[str, str] = {name: cleaned(found[name]) for name in FIELDS}
    marks = doubts(paper, fields, language=language)
    if strange := tuple(_of_another(paper, fields, marks, language)):
        return Judgement(None, strange)
    return Judgement(fields, tuple(map(str, marks)), marks)


def _of_another(paper: Paper, fields: Mapping[str, str], marks: Sequence[Mark], language: str) -> Iterator[str]:
    """A reason if a card or a field is about another paper: its telling terms, or names, are strange to this one."""
    text, source = " ".join(fields.values()), f"{paper.title} {paper.abstract}"
    names = {mark.words for mark in marks if mark.kind == "name"}
    told = heard(text, source) if language_of(language).root == "zh" else {}
    if strays(told.values(), LEAST - bool(marks)) or (len(names) > 2 and only_strange(text, source, names)):
        yield "reply: is about another paper"
        return
    for name in FIELDS:
        if strays(known for term, known in told.items() if term in fields[name]):
            yield f"{name}: is about another paper"


def doubts(paper: Paper, fields: Mapping[str, str], *, language: str = "zh-Hans") -> tuple[Mark, ...]:
    """What is doubtful in a card: a mark for each figure and each name that neither title nor abstract bears out."""
    text = f"{paper.title}\n{paper.abstract}"
    given, source, spoken = Given(text), Source(text), language_of(language)
    return tuple(mark for name in FIELDS for mark in _marks(name, fields[name], given, source, spoken))


def _marks(field: FieldName, text: str, given: Given, source: Source, language: Language) -> Iterator[Mark]:
    """One mark for each words, in the order of the text."""
    names = list(unknown(text, source, capitalized=language.script != "Latn"))
    found = {
        (one.start, one.words): Mark(field=field, words=one.words, kind="name", instead=one.instead) for one in names
    }
    for one in _groundless(text, given, language):
        if not any(name.start <= one.start < name.end for name in names):  # the 4 of an unknown GPT-4
            found[one.start, one.words] = Mark(field=field, words=one.words, kind="figure")
    once: dict[str, Mark] = {}
    for _, mark in sorted(found.items(), key=lambda item: item[0]):
        once.setdefault(mark.words, mark)
    yield from once.values()


def _groundless(text: str, given: Given, language: Language) -> Iterator[Groundless]:
    chinese = language.root == "zh"
    return groundless(text, given, chinese_numerals=chinese, decimal_comma=language.decimal_comma)


def _read(reply: str, names: Sequence[str], finish_reason: str | None) -> Mapping[str, Any]:
    """The object in a reply; a ValueError says why there is none."""
    if finish_reason == "content_filter":
        raise ValueError("the service's content filter stopped it")
    try:
        return read_object(reply, names)
    except ValueError as error:
        raise ValueError(_why_none(reply, finish_reason) or str(error)) from error


def _why_none(reply: str, finish_reason: str | None) -> str | None:
    if finish_reason == "length":
        return "was cut off at the length limit"
    if refused(reply.lstrip()[:200]):
        return f"refuses: {one_line(reply)[:60]}"
    return None


# ---- notes -----------------------------------------------------------------------------------------------------


def judge_note(
    before: Paper, after: Paper, reply: str, *, language: str = "zh-Hans", finish_reason: str | None = None
) -> Judgement:
    """
    Return the two lines that say what `after` changed against `before`, or why there are none; never raises.

    A note is never shown with a mark, as a card may be: a figure that neither text has is a reason to have none.
    """
    try:
        found = _read(reply, NOTE_FIELDS, finish_reason)
    except ValueError as error:
        return Judgement(None, (f"reply: {error}",))
    problems = tuple(_unusable_lines(found, "\n".join((*_texts(before), *_texts(after))), language))
    return Judgement(None, problems) if problems else Judgement({name: cleaned(found[name]) for name in NOTE_FIELDS})


def _texts(paper: Paper) -> tuple[str, str]:
    return paper.title, paper.abstract


def _unusable_lines(found: Mapping[str, Any], text: str, language: str) -> Iterator[str]:
    """Why there is no note that `text` bears out."""
    source, given, lines = text.lower().replace("$", ""), Given(text), []
    spoken = language_of(language)
    for name in NOTE_FIELDS:
        reason = "is missing" if name not in found else unfit(found[name], source, language)
        if reason:
            yield f"{name}: {reason}"
            continue
        lines.append(line := cleaned(found[name]))
        if len(line) > spoken.lengths.line:
            yield f"{name}: is {len(line)} characters long, more than {spoken.lengths.line}"
        for words in dict.fromkeys(one.words for one in _groundless(line, given, spoken)):
            yield f"{name}: {words} is in neither abstract"
    if len(lines) > len(set(lines)):
        yield "reply: says the same in both lines"


# ---- fields ----------------------------------------------------------------------------------------------------


def _unusable(found: Mapping[str, Any], paper: Paper, language: str) -> Iterator[str]:
    """Why there is no card: at most one reason for each field, or one for all together."""
    source = f"{paper.title}\n{paper.abstract}".lower().replace("$", "")
    not_stated, said = language_of(language).not_stated, list[str]()
    for name in FIELDS:
        if reason := "is missing" if name not in found else _wrong(found[name], name, source, language, not_stated):
            yield f"{name}: {reason}"
        else:
            said.append(cleaned(found[name]))
    if len(said) == len(FIELDS):
        text, times = Counter(said).most_common(1)[0]
        if times > 2 and (text != not_stated or times == len(FIELDS)):
            yield f"reply: says the same in {times} fields"


def _wrong(value: Any, name: str, source: str, language: str, not_stated: str) -> str | None:
    """Why one field of a card can't be used, or None."""
    if isinstance(value, str) and len(value) < 80 and cleaned(value) == not_stated and name != "tldr":
        return None  # a TL;DR can always be written
    return unfit(value, source, language)
