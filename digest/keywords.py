"""A keyword as a reader writes it: one phrase, or phrases joined by AND, OR, NOT and parentheses.

Pure: says whether a title and an abstract have it, and how arXiv's search is asked for it. Asks nobody itself.

A plain text is one phrase. In an expression NOT binds closer than AND, and AND closer than OR; `x NOT y` and
`x ANDNOT y` are `x AND NOT y`. Operators are upper case: and, or, not are words like others, and so are all words in
quotes. The words between two operators are one phrase. `ti:` and `abs:` before a phrase or a parenthesis look in the
title or the abstract alone; they are lower case, so that "Ti:sapphire" is a phrase. arXiv's other prefixes are refused.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple, NoReturn

from .plaintext import one_line
from .words import holds, spelled_out, words

DEPTH = 20  #: parentheses in parentheses at most

Kind = Literal["word", "quoted", "field", "AND", "OR", "NOT", "(", ")", "end"]
Field = Literal["ti", "abs", ""]

_QUOTES = '"“”„＂'
_TOKEN = re.compile(rf"[{_QUOTES}](?P<quoted>[^{_QUOTES}]*)[{_QUOTES}]|[(（)）{_QUOTES}]|[^\s(（)）{_QUOTES}]+")
_PREFIX = re.compile(r"(?P<known>ti|abs):|(?P<other>au|cat|all|co|jr|rn|id):(?=.)")
_SIGNS: dict[str, tuple[Kind, ...]] = {
    "AND": ("AND",),
    "OR": ("OR",),
    "NOT": ("NOT",),
    "ANDNOT": ("AND", "NOT"),
    "(": ("(",),
    "（": ("(",),
    ")": (")",),
    "）": (")",),
}
# Letters, digits, blanks and . - ' mean nothing in arXiv's language; between quotes hardly anything else does.
_NOT_IN_QUERY = re.compile(r"[!-&(-,/:-@\[-^`{-~“”„«»]")
_OPERATOR = re.compile(r"\b(?:AND|OR|NOT|ANDNOT|TO)\b")


@dataclass(frozen=True, slots=True)
class Text:
    """A title and an abstract made ready for any number of expressions."""

    title: str
    abstract: str
    both: str  #: with a break between them that no phrase spans
    known: frozenset[str]  #: every word of both

    @classmethod
    def of(cls, title: str, abstract: str) -> "Text":
        title, abstract = words(title), words(abstract)
        return cls(title, abstract, f"{title}\n{abstract}", frozenset(title.split() + abstract.split()))


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that follow each other."""

    spelled: str  #: as arXiv is asked: nothing in it that its language knows
    words: str  #: as they are looked for
    first: frozenset[str]  #: of the words, as it may stand in a text: quick to miss
    field: Field = ""  #: none: title or abstract

    def found(self, text: Text) -> bool:
        if self.first.isdisjoint(text.known):
            return False
        where = text.both if not self.field else text.title if self.field == "ti" else text.abstract
        return holds(where, self.words)

    def query(self) -> str:
        if self.field:
            return f'{self.field}:"{self.spelled}"'
        return f'(ti:"{self.spelled}" OR abs:"{self.spelled}")'


@dataclass(frozen=True, slots=True)
class Every:
    """All of them."""

    parts: "tuple[Node, ...]"

    def found(self, text: Text) -> bool:
        return all(part.found(text) for part in self.parts)

    def query(self) -> str:
        return f"({' AND '.join(part.query() for part in self.parts)})"


@dataclass(frozen=True, slots=True)
class Some:
    """At least one of them."""

    parts: "tuple[Node, ...]"

    def found(self, text: Text) -> bool:
        return any(part.found(text) for part in self.parts)

    def query(self) -> str:
        return f"({' OR '.join(part.query() for part in self.parts)})"


@dataclass(frozen=True, slots=True)
class Without:
    """The one and not the other: arXiv has no other negation."""

    kept: "Node"
    taken: "Node"

    def found(self, text: Text) -> bool:
        return self.kept.found(text) and not self.taken.found(text)

    def query(self) -> str:
        return f"({self.kept.query()} ANDNOT {self.taken.query()})"


Node = Phrase | Every | Some | Without


@dataclass(frozen=True, slots=True)
class Expression:
    """What a keyword means."""

    text: str  #: as the reader wrote it
    root: Node

    def matches(self, title: str, abstract: str) -> bool:
        """Whether a paper has it."""
        return self.found(Text.of(title, abstract))

    def found(self, text: Text) -> bool:
        """Whether a paper has it, whose text is ready for many expressions."""
        return self.root.found(text)

    def query(self) -> str:
        """
        The same for arXiv's search, each operation in parentheses: its operators know no precedence.

        >>> parse("agents NOT survey").query()
        '((ti:"agents" OR abs:"agents") ANDNOT (ti:"survey" OR abs:"survey"))'

        Source: https://info.arxiv.org/help/api/user-manual.html#query_details
        """
        return self.root.query()


def has_phrase(text: str, phrase: str) -> bool:
    """
    Whether the words of `phrase` follow each other in `text`; case, accents, hyphens and a final s are no matter.

    >>> has_phrase("Large vision-language models", "Vision Language Model")
    True
    >>> has_phrase("Supervision languages", "vision language")
    False
    """
    return holds(words(text), words(phrase))


def literal(text: str) -> Expression:
    """`text` as one phrase whatever it holds; one without a letter or digit is found nowhere."""
    return Expression(text, _phrase(text, ""))


@lru_cache(maxsize=1024)
def parse(text: str) -> Expression:
    """
    What a keyword means.

    >>> parse('"video understanding" AND (agent OR agents) NOT survey').matches("Agents for video understanding", "")
    True

    Raises:
        ValueError: it can't be read; one line with the place, counted in characters from 1, and the mend.
    """
    node, kept = _Parser(text).whole()
    if not kept:
        raise ValueError(
            "NOT alone, or behind OR, asks for all other papers: say what to take it from, such as model NOT survey"
        )
    return Expression(text, node)


def _phrase(text: str, field: Field) -> Phrase:
    plain = _NOT_IN_QUERY.sub(" ", spelled_out(text))
    spelled = one_line(_OPERATOR.sub(lambda found: found[0].lower(), plain))
    found = words(spelled)
    first = found[1:].partition(" ")[0]
    return Phrase(spelled, found, frozenset({first, f"{first}s"} if first else ()), field)


class _Signed(NamedTuple):
    """A part of an expression: what it finds, or (not `kept`) all but that."""

    node: Node
    kept: bool = True


def _every(parts: list[_Signed]) -> _Signed:
    kept, taken = _sorted(parts)
    if not kept:
        return _Signed(_one_of(taken), False)
    node = kept[0] if len(kept) == 1 else Every(tuple(kept))
    return _Signed(Without(node, _one_of(taken)) if taken else node)


def _either(parts: list[_Signed]) -> _Signed:
    """`a OR NOT b` is all but what is b and not a."""
    kept, taken = _sorted(parts)
    if not taken:
        return _Signed(_one_of(kept))
    node = taken[0] if len(taken) == 1 else Every(tuple(taken))
    return _Signed(Without(node, _one_of(kept)) if kept else node, False)


def _sorted(parts: list[_Signed]) -> tuple[list[Node], list[Node]]:
    return [part.node for part in parts if part.kept], [part.node for part in parts if not part.kept]


def _one_of(nodes: list[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else Some(tuple(nodes))


class _Token(NamedTuple):
    kind: Kind
    text: str
    at: int  #: from 1

    def refuse(self, reason: str) -> NoReturn:
        what = f'"{self.text}"' if self.kind == "quoted" else self.text
        where = "at the end" if self.kind == "end" else f"{one_line(what[:40])} at character {self.at}"
        raise ValueError(f"{where}: {reason}")


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    for match in _TOKEN.finditer(text):
        part, at = match[0], match.start() + 1
        if match["quoted"] is not None:
            found.append(_Token("quoted", match["quoted"], at))
        elif part in _SIGNS:
            found += (_Token(kind, part, at) for kind in _SIGNS[part])
        elif part in _QUOTES:
            _Token("word", part, at).refuse("the quote is never closed: close it, or take it away")
        else:
            found += _word(part, at)
    return [*found, _Token("end", "", len(text) + 1)]


def _word(part: str, at: int) -> list[_Token]:
    """A word, with the prefix before it as a token of its own."""
    prefix = _PREFIX.match(part)
    if prefix is None:
        return [_Token("word", part, at)]
    if prefix["other"]:
        _Token("word", prefix[0], at).refuse('only ti: and abs: are understood; authors = ["…"] follows authors')
    rest = part[prefix.end() :]
    return [_Token("field", prefix[0], at), *([_Token("word", rest, at + prefix.end())] if rest else [])]


class _Parser:
    """Reads one text from left to right; recursion goes no deeper than `DEPTH` parentheses."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = 0
        self._depth = 0

    def whole(self) -> _Signed:
        found = self._alternatives("")
        if self._kind == ")":
            self._take().refuse("it closes nothing: take it away, or open a parenthesis before")
        return found

    @property
    def _kind(self) -> Kind:
        return self._tokens[self._next].kind

    def _take(self) -> _Token:
        token = self._tokens[self._next]
        self._next += token.kind != "end"
        return token

    def _alternatives(self, field: Field) -> _Signed:
        parts = [self._conjunction(field)]
        while self._kind == "OR":
            self._take()
            parts.append(self._conjunction(field))
        return parts[0] if len(parts) == 1 else _either(parts)

    def _conjunction(self, field: Field) -> _Signed:
        parts = [self._negation(field)]
        while self._kind in ("AND", "NOT"):
            if self._kind == "AND":
                self._take()
            parts.append(self._negation(field))
        if self._kind not in ("OR", ")", "end"):
            self._take().refuse("an operator is missing before it: AND, OR or NOT")
        return parts[0] if len(parts) == 1 else _every(parts)

    def _negation(self, field: Field) -> _Signed:
        kept = True
        while self._kind == "NOT":
            self._take()
            kept = not kept
        node, its = self._operand(field)
        return _Signed(node, its == kept)

    def _operand(self, field: Field) -> _Signed:
        token = self._take()
        if token.kind == "field":
            field = "ti" if token.text == "ti:" else "abs"
            if self._kind not in ("word", "quoted", "("):
                token.refuse("a phrase is missing behind it")
            token = self._take()
        if token.kind == "(":
            return self._parenthesis(token, field)
        if token.kind not in ("word", "quoted"):
            token.refuse(
                "a phrase is missing"
                if token.kind == "end"
                else "a phrase is missing before it; in quotes it is a word"
            )
        text = token.text
        while token.kind == self._kind == "word":
            text += " " + self._take().text
        phrase = _phrase(text, field)
        if not phrase.words:
            token.refuse("a phrase has at least one letter or digit")
        return _Signed(phrase)

    def _parenthesis(self, opened: _Token, field: Field) -> _Signed:
        self._depth += 1
        if self._depth > DEPTH:
            opened.refuse(f"more than {DEPTH} parentheses in each other")
        found = self._alternatives(field)
        if self._take().kind != ")":
            opened.refuse("the parenthesis is never closed: close it, or put the phrase in quotes")
        self._depth -= 1
        return found
