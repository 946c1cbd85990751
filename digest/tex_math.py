r"""A formula of TeX as one line of Unicode characters, and whether it needs to be set as a formula at all.

Pure, never raises; knows nothing of the prose around a formula.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .tex_signs import (
    ACCENTS,
    BLACKBOARD,
    FACES,
    FUNCTIONS,
    GREEK,
    LARGE,
    LETTERS,
    LOWERED,
    MATH_SPACES,
    MATH_WORDS,
    OPERATORS,
    OVER,
    RAISED,
    RELATIONS,
    SIGNS,
    SKIPPED,
    SWITCHES,
    SYMBOLS,
    accented,
)  # fmt: skip

LONGEST = 2000  #: characters; a longer formula is left as it is
BRACES = 200  #: opened in one formula at most
_DEEPEST = 60  #: groups and arguments within each other

_TOKEN = re.compile(r"\\(?:[A-Za-z]+\*?|.)|\s+|\d+(?:\.\d+)?|.", re.DOTALL)
_FRACTIONS = frozenset(["frac", "dfrac", "tfrac", "cfrac", "nicefrac", "sfrac"])
_ATOMIC = re.compile(r"√?[\w.∞′°̀-ͯ⃗¹²³⁰-ₜᵢ-ᵪ]*(?:\([^()]*\))?|\([^()]*\)|\|[^|]*\|")
_BEFORE_A_SIGN = frozenset(["", *"=<>≤≥≡≈∼∈→([{,;"])  #: behind these an operator is the sign of what follows
_ABOUT = {"sim": "~"}  #: before the only figure of a formula
_OPENS = frozenset("⟨⌊⌈‖|√")
_PLAIN_WORD = re.compile(r"[A-Za-z0-9Α-ω,]+")
_NOT = {"=": "≠", "∈": "∉", "≡": "≢", "⊂": "⊄", "⊆": "⊈", "∃": "∄", "∼": "≁", "≈": "≉", "<": "≮", ">": "≯"}
_PLAIN_SCRIPT = frozenset("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻°′₀₁₂₃₄₅₆₇₈₉₊₋")


@dataclass(frozen=True, slots=True)
class Reading:
    """A formula read as text."""

    text: str
    simple: bool  #: no quantity and no structure: numbers, signs and words alone, which need no setting
    whole: bool  #: no macro that nobody knows and no brace without its other half is left in it


def read(source: str) -> Reading:
    r"""
    A formula, given without its dollars, as a line of text.

    >>> read(r"\mathcal{O}(n\log n)").text, read(r"x_{ij}^2 \leq \frac{a}{b+c}").text, read("10^{-3}").text
    ('O(n log n)', 'xᵢⱼ² ≤ a/(b+c)', '10⁻³')
    >>> read(r"\times"), read(r"95\%").simple
    (Reading(text='×', simple=True, whole=True), True)
    """
    if len(source) > LONGEST or source.count("{") > BRACES:
        return Reading(source, simple=False, whole=False)
    reader = _Reader(source)
    text = re.sub(r"\s+", " ", reader.sequence(until=None)).strip()
    if reader.lost:
        return Reading(source, simple=False, whole=False)
    return Reading(text, reader.simple and reader.whole, reader.whole)


class _Reader:
    """Goes once through the tokens of a formula; groups within groups by recursion, `_DEEPEST` deep at most."""

    def __init__(self, source: str) -> None:
        self.tokens = _TOKEN.findall(source)
        self.at = 0
        self.depth = 0
        self.simple = True
        self.whole = True
        self.table = "\\begin" in source  #: `&` parts its cells
        self.lost = False  #: too deep: what was read is not all

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def skip_space(self) -> None:
        while self.peek().isspace():
            self.at += 1

    def sequence(self, until: str | None, words: bool = False) -> str:
        """The text up to the piece `until`, which is consumed; in `words` spaces count and `$` changes to a formula."""
        out = ""
        self.depth += 1
        self.lost = self.lost or self.depth > _DEEPEST
        while self.at < len(self.tokens) and not self.lost:
            piece = self.tokens[self.at]
            self.at += 1
            if piece == until:
                self.depth -= 1
                return out
            if words and piece == "$":
                out += self.sequence("$")
            elif words:
                out += self.word(piece)
            else:
                out = self.joined(out, piece)
        self.depth -= 1
        self.whole = self.whole and until is None
        return out

    def word(self, piece: str) -> str:
        """One piece of words within a formula."""
        if piece == "{":
            return self.sequence("}", words=True)
        if piece == "}":
            self.whole = False
        if piece.startswith("\\"):
            return self.macro(piece[1:])
        return " " if piece == "~" else piece

    def joined(self, out: str, piece: str) -> str:
        """`out` with one piece of a formula behind it, and the spaces that it wants."""
        if piece in {"^", "_"}:
            return out.rstrip() + self.script(RAISED if piece == "^" else LOWERED, piece)
        name = piece[1:].rstrip("*") if piece.startswith("\\") else ""
        if name == "not":
            follows = self.argument()
            return f"{out} {_NOT.get(follows.strip(), '¬' + follows.strip())} "
        if name in RELATIONS:
            self.skip_space()
            return f"{out.rstrip()} {RELATIONS[name]} " if out.strip() else _ABOUT.get(name, RELATIONS[name])
        if name in OPERATORS:
            return self.between(out, OPERATORS[name])
        if name in FUNCTIONS or name == "operatorname":
            said = name if name in FUNCTIONS else self.words_argument()
            self.simple = False
            gap = " " if out[-1:].isalnum() or out[-1:] == ")" else ""
            self.skip_space()
            return f"{out}{gap}{said}" + (" " if re.match(r"[\w\\]", self.peek()) else "")
        return out + self.one(piece)

    def between(self, out: str, sign: str) -> str:
        """An operator: with a space on both sides where the author has one before it."""
        self.skip_space()
        if out.rstrip()[-1:] in _BEFORE_A_SIGN:
            return out + sign
        return f"{out}{sign} " if out[-1].isspace() else f"{out}{sign}"

    def one(self, piece: str) -> str:
        """One piece that stands for itself, or a group or a macro."""
        if piece.isspace() or piece == "~":
            return " "
        if piece == "{":
            return self.sequence("}")
        if piece == "}":
            self.whole = False
            return piece
        if piece.startswith("\\"):
            return self.macro(piece[1:].rstrip("*") or "*")
        if piece == "'":
            self.simple = False
            return "′"
        if piece.isalpha():
            self.simple = False
        return " " if piece == "&" and self.table else piece

    def argument(self) -> str:
        """The next group, macro or sign; empty at the end."""
        self.skip_space()
        piece = self.peek()
        self.lost = self.lost or self.depth > _DEEPEST
        if not piece or self.lost:
            return ""
        if piece.isdecimal() and len(piece) > 1:  # of \frac12 it is one digit
            self.tokens[self.at] = piece[1:]
            return piece[0]
        if piece in set("}&^_"):
            return ""
        self.at += 1
        name = piece[1:]
        if piece.startswith("\\") and (name in SYMBOLS or name in FUNCTIONS):
            self.simple = self.simple and name not in GREEK and name not in FUNCTIONS
            return SYMBOLS.get(name, name)
        self.depth += 1
        said = self.one(piece)
        self.depth -= 1
        return said

    def words_argument(self) -> str:
        self.skip_space()
        if self.peek() == "{":
            self.at += 1
            return self.sequence("}", words=True)
        return self.argument()

    def script(self, signs: Mapping[str, str], sign: str) -> str:
        """What is raised or lowered: as such characters, else behind `^` or `_`."""
        said = self.argument().strip()
        while self.peek() == "'":
            self.at += 1
            said += "′"
        if not said:
            return ""
        raised = _scripted(re.sub(r"\s+", "", said), signs)
        if raised is not None:
            self.simple = self.simple and _PLAIN_SCRIPT.issuperset(raised)
            return raised
        self.simple = False
        return f"{sign}{said}" if _is_plain_word(said) else f"{sign}({said})"

    def macro(self, name: str) -> str:  # noqa: C901, PLR0911, PLR0912
        """What a macro stands for; one that nobody knows stays as it is."""
        if name in SWITCHES:
            self.skip_space()
            if name in {"left", "right", "middle"} and self.peek() == ".":
                self.at += 1
            return ""
        if name in {"\\", "newline", "cr"}:
            return "; "
        if name in MATH_SPACES or name.isspace():
            return " "
        if name in {"!", "/", "-", "@"}:
            return ""
        if name in "%&_#${}|" and name:
            return "‖" if name == "|" else name
        if name in _FRACTIONS or name in {"binom", "tbinom", "dbinom"}:
            return self.fraction(name)
        if name == "sqrt":
            return self.root()
        if name in MATH_WORDS:
            return self.words_argument()
        if name == "mathbb":
            self.simple = False
            return "".join(BLACKBOARD.get(sign, sign) for sign in self.argument())
        if name in FACES:
            return self.argument()
        if name in OVER:
            said = self.argument()
            self.simple = False
            return said + OVER[name] if len(said) == 1 else said
        if name in {"pmod", "pod"}:
            return f" (mod {self.argument()})"
        if name in SKIPPED:
            self.words_argument()
            return " "
        if name in {"textcolor", "href", "hyperlink", "colorbox"}:
            self.words_argument()
            return self.argument()
        if name in {"overset", "stackrel", "underset"}:
            over, base = self.argument(), self.argument()
            self.simple = False
            return f" {base.strip()}{'_' if name == 'underset' else '^'}({over.strip()}) "
        if name in {"textsuperscript", "textsubscript"}:
            return self.script(RAISED if "super" in name else LOWERED, "^" if "super" in name else "_")
        return self.sign(name)

    def sign(self, name: str) -> str:
        """The character that a macro names."""
        if name in ACCENTS and self.peek() and (not name.isalpha() or self.peek() == "{"):
            said = self.words_argument()
            return accented(name, said) if said.isalpha() else said or name
        known = SYMBOLS.get(name) or SIGNS.get(name) or LETTERS.get(name)
        if known is None:
            self.simple = self.whole = False
            return f"\\{name}{{{self.argument()}}}" if self.peek() == "{" else f"\\{name}"
        self.simple = self.simple and name not in GREEK and known not in LARGE
        if known in _OPENS:
            self.skip_space()
        return known

    def fraction(self, name: str) -> str:
        self.simple = False
        over, under = self.argument().strip(), self.argument().strip()
        if name.endswith("binom"):
            return f"C({over}, {under})"
        said = f"{_bracketed(over)}/{_bracketed(under)}"
        follows = self.peek()
        name = follows[1:] if follows.startswith("\\") else ""
        factor = (
            follows.isalnum()
            or follows in {"(", "{"}
            or (len(name) > 1 and name not in RELATIONS and name not in OPERATORS)
        )
        return f"({said})" if factor and name not in {"right", "big", "quad", "qquad"} else said

    def root(self) -> str:
        self.simple = False
        degree = ""
        if self.peek() == "[":
            self.at += 1
            degree = self.sequence("]").strip()
        said = self.argument().strip()
        sign = {"": "√", "2": "√", "3": "∛", "4": "∜"}.get(degree)
        lead = sign or f"{_scripted(degree, RAISED) or degree}√"
        return lead + (said if len(said) == 1 or said.isdecimal() else f"({said})")


def _scripted(text: str, signs: Mapping[str, str]) -> str | None:
    """`text` in raised or lowered signs; None where one is missing."""
    found = [signs.get(sign) for sign in text]
    return None if None in found or (len(text) > 5 and not text.isalnum()) else "".join(filter(None, found))


def _is_plain_word(text: str) -> bool:
    return len(text) == 1 or _PLAIN_WORD.fullmatch(text) is not None


def _bracketed(text: str) -> str:
    """A part of a fraction, in brackets where it would fall apart without."""
    return text if _ATOMIC.fullmatch(text) else f"({text})"
