r"""What is TeX in a line of prose: macros, accents, ties, dashes and quotation marks as characters, and formulas.

Pure, linear in the length of the text, never raises. What nobody knows stays as it stands, an address is never changed.
"""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from . import tex_signs as signs
from .addresses import shown
from .tex_math import LONGEST, read
from .tex_pairs import accent, addresses, dash, halves, is_formula, only_protect, tie

Kind = Literal["text", "sign", "joint", "formula", "display"]


@dataclass(frozen=True, slots=True)
class Atom:
    """A part of a text. What a macro holds comes as several atoms with one span, that of the outermost macro."""

    start: int
    end: int  #: text[start:end] is its source
    text: str  #: the characters it stands for; of a formula its source without the dollars
    kind: Kind = "text"  #: "joint": a tie or a dash, which means what it means between the words at its sides


#: Without one of these a text holds no TeX.
_ANY = re.compile(r"[\\$~`^{'-](?:(?<=[\\$~`^{])|(?<=')'|(?<=-)-)")
#: What may begin something. One class of characters first: three times as fast as alternatives.
_NEXT = re.compile(
    r"""[\\$~`^_{"'-] (?: (?<=\\)(?:[A-Za-z]+\*?|.) | (?<=\$)\$? | (?<=[~^{"]) | (?<=_)(?=\{) | (?<=`)`? | (?<=')'
    | (?<=-)-+ )""",
    re.VERBOSE | re.DOTALL,
)
_BASE = re.compile(r"(?:[A-Za-z]+|\d+(?:\.\d+)?|[)\]|‖\u0370-\u03ff∑∏∫])\Z")
_SCRIPTS = re.compile(r"(?:[_^]\{[^{}$\\]{1,60}\}|\^[-+−]?\d+(?!\.?\d)|\^[a-zA-Zα-ω](?![\w^]))+")
_SINGLE = re.compile(r"`(?=[^\s`'])[^`'\"\\]{1,80}(?<!\s)'(?![A-Za-z`'])")
_ESCAPED_FORMULA = re.compile(r"\\\$([A-Za-z](?:_\w)?)\\\$(?!\d)")

_AS_TYPED = str.maketrans({"\xa0": " ", "–": "--", "—": "---"})  #: in plain text, where a search types hyphens
_SAYS_NOTHING = frozenset(["", "url", "link", "this http url", "this https url"])
_MARKUP = re.compile(r"\\[A-Za-z]+\*?|[{}]")
_DEEPEST = 60  #: groups within groups


@lru_cache(maxsize=4096)
def atoms(text: str) -> tuple[Atom, ...]:
    r"""
    The parts of a text in order; their sources joined, each span once, are the text.

    >>> [atom.text for atom in atoms(r"Caf\'e~\emph{on $x$}, $5 and --fast")]
    ['Caf', 'é', '\xa0', 'on ', 'x', ', $5 and --fast']
    """
    if not _ANY.search(text):
        return (Atom(0, len(text), text),) if text else ()
    return tuple(_Reader(text).atoms())


def plain(text: str) -> str:
    r"""
    A text without TeX: formulas too as a line of characters. A text that holds no TeX is the same.

    >>> plain(r"Poincar\'e: $\mathcal{O}(n^2)$ in 98\% of \textit{all $k \leq 10^{-3}$} ~5")
    'Poincaré: O(n²) in 98% of all k ≤ 10⁻³ ~5'
    """
    if not _ANY.search(text):
        return text
    return "".join(_shown(atom) for atom in atoms(text))


def _shown(atom: Atom) -> str:
    if atom.kind in {"formula", "display"}:
        return read(atom.text).text
    if atom.kind == "joint":
        return atom.text.translate(_AS_TYPED)
    return atom.text if atom.kind == "text" else atom.text.replace("\xa0", " ")


class _Reader:
    """Reads one text: finds braces, dollars and addresses first, each in one pass, then goes through it once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.closing, self.dollars = halves(text)
        self.addresses = addresses(text)
        self.ahead = deque(self.addresses)  #: those not reached yet
        self.depth = 0
        self.found: list[Atom] = []
        self.outer: tuple[int, int] | None = None
        self.quoted = False

    # ---- what is found

    def atoms(self) -> Iterator[Atom]:
        self.go(0, len(self.text))
        waiting: Atom | None = None
        for atom in self.found:
            if waiting and waiting.kind == atom.kind == "text" and waiting.end == atom.start:
                waiting = Atom(waiting.start, atom.end, waiting.text + atom.text)
                continue
            if waiting:
                yield waiting
            waiting = atom
        if waiting:
            yield waiting

    def put(self, start: int, end: int, text: str, kind: Kind = "sign") -> None:
        """Add what text[start:end] stands for; within a macro it has the macro's span."""
        if self.outer:
            start, end = self.outer
            kind = "sign" if kind == "text" else kind
        if start < end:
            self.found.append(Atom(start, end, text, kind))

    # ---- the way through

    def go(self, start: int, end: int) -> None:
        """Read text[start:end], which holds whole groups only."""
        done = at = start
        while at < end:
            found = _NEXT.search(self.text, at, end)
            while self.ahead and self.ahead[0] < at:
                self.ahead.popleft()
            if self.ahead and self.ahead[0] < (found.start() + 1 if found else end):
                at = done = self.address(done, self.ahead[0], end)
                continue
            if found is None:
                break
            begin = found.start()
            after = self.look(found, done, end)
            if after is None:
                at = begin + 1 if found[0] == "$$" else found.end()
            else:
                at = done = max(after, begin + 1)
        if done < end:
            self.put(done, end, self.text[done:end], "text")

    def address(self, done: int, start: int, end: int) -> int:
        """An address as it is, but for what TeX wants escaped in it; returns its end."""
        last = min(self.addresses[start], end)
        source = self.text[start:last]
        said = shown(source)
        self.before(done, start)
        self.put(start, last, said, "text" if said == source else "sign")
        return last

    def before(self, done: int, start: int) -> None:
        if done < start:
            self.put(done, start, self.text[done:start], "text")

    def look(self, found: re.Match[str], done: int, end: int) -> int | None:
        """Take what begins at `found`, after the text since `done`; returns its end, None if it is nothing."""
        match found[0][0]:
            case "\\":
                return self.macro(found, done, end)
            case "$":
                return self.dollar(found.start(), done, end)
            case "{":
                return self.group(found.start(), done, end)
            case "^" | "_":
                return self.script(found.start(), done, end)
            case "~" | "-":
                return self.joint(found, done)
            case _:
                return self.quotation(found, done, end)

    # ---- signs between words

    def joint(self, found: re.Match[str], done: int) -> int | None:
        """A tie or a dash."""
        start, after = found.span()
        said = tie(self.text, start) if found[0] == "~" else dash(self.text, start, after)
        if not said:
            return None
        self.before(done, start)
        self.put(start, after, said, "joint")
        return after

    def quotation(self, found: re.Match[str], done: int, end: int) -> int | None:
        start, after = found.span()
        sign = found[0]
        if sign == "`":
            quoted = _SINGLE.match(self.text, start, end)
            if quoted is None:
                return None
            self.before(done, start)
            outer, self.outer = self.outer, self.outer or quoted.span()
            self.put(start, after, "‘")
            self.go(after, quoted.end() - 1)
            self.put(quoted.end() - 1, quoted.end(), "’")
            self.outer = outer
            return quoted.end()
        if sign == '"' and not self.quoted:
            return None
        free = sign == "''" and not self.quoted and self.text[max(0, start - 1) : start] in {" ", "(", "["}
        opens = sign == "``" or free
        self.quoted = opens
        self.before(done, start)
        self.put(start, after, "“" if opens else "”")
        return after

    # ---- formulas

    def dollar(self, start: int, done: int, end: int) -> int | None:
        """A formula between dollars; None where the dollar is money or has no other half."""
        double = self.text.startswith("$$", start)
        first = start + 2 if double else start + 1
        last = self.dollars.get(first - 1)
        if last is None or last >= end or last - first > LONGEST:
            return None
        after = last + 2 if double and self.text.startswith("$$", last) else last + 1
        source = self.text[first:last]
        if not is_formula(source, self.text[after : after + 1]):
            return None
        self.before(done, start)
        self.formula(start, after, source, "display" if double else "formula")
        return after

    def formula(self, start: int, end: int, source: str, kind: Kind = "formula") -> None:
        """A formula; one that is only an address or a link is none."""
        inner = source.strip()
        if inner.startswith(("\\href", "\\url")) and self.closing.get(self.text.find("{", start)):
            first = self.text.index(inner[:4], start)
            outer, self.outer = self.outer, self.outer or (start, end)
            self.go(first, first + len(inner))
            self.outer = outer
            return
        self.put(start, end, inner, kind)

    def bracketed(self, start: int, done: int, end: int, closing: str) -> int | None:
        r"""A formula between \( and \), or \[ and \]."""
        last = self.text.find(closing, start + 2, min(end, start + LONGEST + 4))
        if last < 0:
            return None
        self.before(done, start)
        self.formula(start, last + 2, self.text[start + 2 : last], "display" if closing == "\\]" else "formula")
        return last + 2

    def script(self, start: int, done: int, end: int) -> int | None:
        r"""Raised or lowered signs outside of a formula, with what stands before them: "10^5", "R_{max}"."""
        found = _SCRIPTS.match(self.text, start, end)
        base = _BASE.search(self.text, max(done, start - 20), start)
        if found is None or (base is None and "{" not in found[0]):
            return None
        first = base.start() if base else start
        word, after = self.text[first:start], found.end()
        named = len(word) > 1 and word.isalpha()
        if named and found[0][-1].isalpha():  # "fine^tuned"
            return None
        self.before(done, first)
        raised = [signs.RAISED.get(sign) for sign in found[0][1:]]
        if None not in raised and found[0][0] == "^":
            self.put(first, after, word + "".join(filter(None, raised)))
        elif word and not word[0].isalnum():
            self.put(first, after, word)
            self.put(first, after, found[0], "formula")
        else:
            self.put(first, after, (f"\\text{{{word}}}" if named else word) + found[0], "formula")
        return after

    # ---- groups and macros

    def group(self, start: int, done: int, end: int) -> int | None:
        """Braces around words: those that only protect them or hold a macro go, those of a set stay."""
        last = self.closing.get(start)
        if last is None or last >= end:
            return None
        inside, before = self.text[start + 1 : min(last, start + 700)], self.text[max(0, start - 1) : start]
        if not only_protect(inside, before, self.text[last + 1 : last + 2]):
            return None
        self.within(start, last + 1, done, [(start + 1, last)])
        return last + 1

    def within(
        self, start: int, end: int, done: int, parts: list[tuple[int, int]], around: tuple[str, str] = ("", "")
    ) -> None:
        """Read `parts` of the macro at text[start:end], and nothing else of it."""
        self.before(done, start)
        outer, self.outer = self.outer, self.outer or (start, end)
        held = len(self.found)
        if around[0]:
            self.put(start, end, around[0])
        self.depth += 1
        for first, last in parts:
            if self.depth > _DEEPEST:
                self.put(start, end, self.text[first:last])
            else:
                self.go(first, last)
        self.depth -= 1
        if around[1] or len(self.found) == held:
            self.put(start, end, around[1])
        self.outer = outer

    def arguments(self, at: int, end: int, count: int) -> list[tuple[int, int]] | None:
        """Where the next `count` groups stand; options in square brackets before them are passed over."""
        found: list[tuple[int, int]] = []
        while len(found) < count:
            while at < end and self.text[at].isspace():
                at += 1
            if at < end and self.text[at] == "[" and (close := self.text.find("]", at, min(end, at + 80))) > 0:
                at = close + 1
                continue
            last = self.closing.get(at)
            if last is None or last >= end:
                return None
            found.append((at + 1, last))
            at = last + 1
        return found

    def macro(self, found: re.Match[str], done: int, end: int) -> int | None:  # noqa: C901, PLR0911
        """A macro with its arguments; None where nobody knows it."""
        start, after = found.span()
        name = found[0][1:].rstrip("*") or "*"
        if name in {"(", "["}:
            return self.bracketed(start, done, end, "\\)" if name == "(" else "\\]")
        if name == "$" and (formula := _ESCAPED_FORMULA.match(self.text, start, end)):
            self.before(done, start)
            self.put(start, formula.end(), formula[1], "formula")
            return formula.end()
        if name in signs.ESCAPED or name in signs.SPACES or name in signs.EMPTY:
            said = name if name in signs.ESCAPED else signs.SPACES.get(name, "")
            self.before(done, start)
            self.put(start, after, said)
            return self.past_space(after, end) if name.isalpha() else after
        if name in signs.ACCENTS and (taken := accent(self.text, self.closing, name, after)):
            return self.simple(start, done, *taken)
        if name == "href" and (args := self.arguments(after, end, 2)):
            return self.link(start, done, args)
        if name in {"url", "path", "nolinkurl", "href"} and (args := self.arguments(after, end, 1)):
            return self.simple(start, done, shown(self.text[slice(*args[0])]), args[0][1] + 1)
        if name in signs.SHOWN and (args := self.arguments(after, end, signs.SHOWN[name])):
            quotes = ("“", "”") if name in {"enquote", "textquote"} else ("", "")
            self.within(start, args[-1][1] + 1, done, args[-1:], quotes)
            return args[-1][1] + 1
        if name in signs.ASIDES and (args := self.arguments(after, end, 1)):
            space = "" if self.text[start - 1 : start].isspace() or not start else " "
            self.within(start, args[0][1] + 1, done, args, (f"{space}(", ")"))
            return args[0][1] + 1
        if name in signs.CITES and (args := self.arguments(after, end, 1)):
            return self.simple(start, done, f"[{self.text[slice(*args[0])]}]", args[0][1] + 1)
        if name in {"textsuperscript", "textsubscript"} and (args := self.arguments(after, end, 1)):
            sign = "^" if "super" in name else "_"
            return self.simple(
                start, done, read(f"{sign}{{\\text{{{self.text[slice(*args[0])]}}}}}").text, args[0][1] + 1
            )
        if name in signs.GONE and (args := self.arguments(after, end, signs.GONE[name])) is not None:
            last = args[-1][1] + 1 if args else after
            return self.simple(
                start, done, " " if name in signs.BREAKS else "", last if args else self.past_space(last, end)
            )
        return self.named(name, found[0], start, after, done, end)

    def named(self, name: str, found: str, start: int, after: int, done: int, end: int) -> int | None:
        """A macro that names a character or a part of a formula."""
        if name in signs.LETTERS:
            last = after + 2 if self.text.startswith("{}", after) else self.past_space(after, end)
            joined = last == after + 2 or self.text[last : last + 1].isalpha()
            return self.simple(start, done, signs.LETTERS[name], last if joined else after)
        if name in signs.SIGNS or name in signs.SYMBOLS:
            said = signs.SIGNS.get(name) or signs.SYMBOLS[name]
            last = after + 2 if self.text.startswith("{}", after) else after
            if said.endswith(".") and self.text[last : last + 1] == ".":
                last += 1
            if said not in signs.LARGE:
                return self.simple(start, done, said, last)
        if name in signs.STRUCTURES and (args := self.arguments(after, end, signs.STRUCTURES[name])):
            self.before(done, start)
            self.put(start, args[-1][1] + 1, self.text[start : args[-1][1] + 1], "formula")
            return args[-1][1] + 1
        if name in signs.FUNCTIONS:
            return self.simple(start, done, name, after)
        if name[0].isalpha() and self.text.startswith("{}", after):  # it has no argument, so its name is all of it
            return self.simple(start, done, found, after + 2)
        return None

    def simple(self, start: int, done: int, said: str, after: int) -> int:
        self.before(done, start)
        self.put(start, after, said)
        return after

    def link(self, start: int, done: int, args: list[tuple[int, int]]) -> int:
        r"""\href{address}{words}: the words and the address, or the address alone where the words say no more."""
        address = shown(self.text[slice(*args[0])])
        words = _MARKUP.sub("", self.text[slice(*args[1])][:300]).strip()
        after = args[1][1] + 1
        if words.lower() in _SAYS_NOTHING or words in address:
            return self.simple(start, done, address, after)
        self.within(start, after, done, args[1:], ("", f" ({address})"))
        return after

    def past_space(self, at: int, end: int) -> int:
        while at < end and self.text[at].isspace():
            at += 1
        return at
