"""A field of a card cut where its doubtful words stand, and the doubts of a card in order.

Pure: keeps every character of the field; what a doubt is called and how it looks is for templates.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from ..models import Entry, Mark
from ..tex import Atom, atoms, plain

Span = tuple[int, int]  #: (start, end) in a field

_NUMERALS = "零〇一二两三四五六七八九十百千万亿"
#: What stands right before or behind words that are only a part of another figure: "4.1" in "24.15" or in "4.1.2".
_INSIDE_BEFORE = re.compile(r"(?:\d|\d\.)\Z")
_INSIDE_BEHIND = re.compile(r"\d|\.\d")
_GROUP_BEFORE, _GROUP = re.compile(r"\d,\Z"), re.compile(r"\d{3}(?!\d)")
_GROUP_BEHIND = re.compile(r",\d{3}(?!\d)")
#: What makes another figure or a name of it, which is not looked for while the figure also stands alone: "50" in
#: "ResNet-50" or in "50%".
_JOINED_BEFORE = re.compile(r"[A-Za-z_][-_]?\Z")
_JOINED_BEHIND = re.compile(rf"[A-Za-z_%％‰×^/]|\s%|[{_NUMERALS}]")
_LATIN = re.compile(r"[0-9A-Za-zÀ-ɏ]")
_WORD_BEFORE, _WORD_BEHIND = re.compile(r"[A-Za-z0-9.]{0,40}\Z"), re.compile(r"[A-Za-z0-9.]{0,40}")
_UNSPELT = frozenset("\\${}\u200b\u00ad")  #: signs that TeX puts into a figure; a check may name it without them


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a field."""

    text: str
    marks: tuple[Mark, ...] = ()  #: the doubts about just these words; none: nothing is wrong with them


def pieces(entry: Entry, field: str) -> tuple[Piece, ...]:
    """
    One field of the card of an entry, cut where marked words begin and end; the pieces joined are its text.

    Marked words that overlap make one piece with all their marks; words that the field does not have mark nothing, and
    nothing is marked in a card that is not flagged.
    """
    text: str = getattr(entry.card, field)
    marks = [mark for mark in entry.marks if mark.field == field] if entry.problems else []
    return cut(text, marks) if marks else (Piece(text),)


def cut(text: str, marks: list[Mark]) -> tuple[Piece, ...]:
    """`text` cut at every place where the words of a mark stand, but never inside a formula or a macro."""
    found = [(start, end, mark) for mark in marks for start, end in places(text, mark)]
    if not found:
        return (Piece(text),)
    tex = [atom for atom in atoms(text) if atom.kind != "text"]
    cuts = _cut(text, [(*_whole(text, (start, end), tex), mark) for start, end, mark in found])
    # What a sign means may rest on what stands beside it: where a piece alone would read otherwise, nothing is cut.
    if "".join(plain(piece.text) for piece in cuts) != plain(text):
        return (Piece(text, tuple(dict.fromkeys(mark for _, _, mark in found))),)
    return cuts


def _whole(text: str, span: Span, tex: list[Atom]) -> Span:
    """A place with all of each formula and macro that it touches, and the words that a tie or a dash joins it to."""
    start, end = span
    for atom in tex:
        if atom.kind == "joint" and atom.start <= span[1] and span[0] <= atom.end:
            before, behind = _WORD_BEFORE.search(text, 0, atom.start), _WORD_BEHIND.match(text, atom.end)
            start = min(start, before.start() if before else atom.start)
            end = max(end, behind.end() if behind else atom.end)
        elif atom.start < span[1] and span[0] < atom.end:
            start, end = min(start, atom.start), max(end, atom.end)
    return start, end


def _cut(text: str, spans: list[tuple[int, int, Mark]]) -> tuple[Piece, ...]:
    found: list[tuple[int, int, tuple[Mark, ...]]] = []
    for start, end, mark in sorted(spans, key=lambda one: (one[0], -one[1])):
        if found and start < found[-1][1]:
            first, last, had = found[-1]
            found[-1] = (first, max(last, end), had if mark in had else (*had, mark))
        else:
            found.append((start, end, (mark,)))
    return tuple(_between(text, found)) or (Piece(text),)


def _between(text: str, found: list[tuple[int, int, tuple[Mark, ...]]]) -> Iterator[Piece]:
    done = 0
    for start, end, marks in found:
        if done < start:
            yield Piece(text[done:start])
        yield Piece(text[start:end], marks)
        done = end
    if done < len(text):
        yield Piece(text[done:])


def places(text: str, mark: Mark) -> list[Span]:
    """
    Where the words of `mark` stand in `text` as what they are; a figure never inside another one.

    >>> places("4.1 of 24.15, 4.1.", Mark(field="result", words="4.1", kind="figure"))
    [(0, 3), (14, 17)]
    """
    spans = list(_everywhere(text, mark.words)) or list(_respelt(text, mark.words))
    if mark.kind == "figure":
        spans = [span for span in spans if not _inside(text, *span)]
        return [span for span in spans if not _joined(text, *span)] or spans
    return [span for span in spans if not _in_word(text, *span)] or spans


def _everywhere(text: str, words: str) -> Iterator[Span]:
    start = text.find(words)
    while start >= 0:
        yield start, start + len(words)
        start = text.find(words, start + len(words))


def _respelt(text: str, words: str) -> Iterator[Span]:
    r"""Where `words` stand in another spelling: full-width, or with the signs of TeX, as "1{,}000" and "85\%"."""
    origins = [
        (folded, place)
        for place, sign in enumerate(text)
        if sign not in _UNSPELT
        for folded in unicodedata.normalize("NFKC", sign)
        if folded not in _UNSPELT
    ]
    plain = "".join(folded for folded, _ in origins)
    wanted = "".join(sign for sign in unicodedata.normalize("NFKC", words) if sign not in _UNSPELT)
    for start, end in _everywhere(plain, wanted) if wanted else ():
        yield origins[start][1], origins[end - 1][1] + 1


def _inside(text: str, start: int, end: int) -> bool:
    """Whether a figure at this place is a part of a longer one."""
    before, behind = text[max(0, start - 2) : start], text[end : end + 5]
    if _INSIDE_BEHIND.match(behind) and text[end - 1].isdecimal():
        return True
    if text[start] in _NUMERALS and before[-1:] in set(_NUMERALS):
        return True
    if text[end - 1] in _NUMERALS and behind[:1] in set(_NUMERALS):
        return True
    if not text[start].isdecimal():
        return False
    grouped = _GROUP_BEFORE.search(before) and _GROUP.match(text, start)
    return bool(_INSIDE_BEFORE.search(before) or grouped or (_GROUP_BEHIND.match(behind) and text[end - 1].isdecimal()))


def _joined(text: str, start: int, end: int) -> bool:
    """Whether a figure at this place belongs to a name or to a unit that is no part of it."""
    return bool(_JOINED_BEFORE.search(text[max(0, start - 2) : start]) or _JOINED_BEHIND.match(text, end))


def _in_word(text: str, start: int, end: int) -> bool:
    """Whether Latin words at this place are a part of a longer one."""
    before, behind = text[max(0, start - 1) : start], text[end : end + 1]
    return bool(
        (_LATIN.match(text[start]) and _LATIN.match(before)) or (_LATIN.match(text[end - 1]) and _LATIN.match(behind))
    )


def doubts(entry: Entry) -> tuple[Mark | str, ...]:
    """The problems of an entry in order: as a mark where one says the same, else the line itself."""
    marks = {str(mark): mark for mark in entry.marks} if entry.card else {}
    return tuple(marks.get(problem, problem) for problem in entry.problems)
