r"""A stranger's text as HTML: escaped, its TeX as characters, its formulas as MathML or, where that says all, as text.

Pure. Nothing of a stranger becomes a tag: what the converter makes of a formula goes through a list of allowed tags.
"""

import re
from functools import lru_cache

import math_core
import nh3
from markupsafe import Markup, escape

from ..tex import atoms
from ..tex_math import BRACES, LONGEST, read

_TAGS = {
        "math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt", "mroot", "msub", "msup", "msubsup",
        "munder", "mover", "munderover", "mmultiscripts", "mprescripts", "mtable", "mtr", "mtd", "mstyle", "mpadded",
        "mphantom", "menclose", "b", "i", "em", "code", "span",
    }  # fmt: skip
#: No style and no class: the policy of a page forbids the one, the other would be a stranger's hold on our style.
_ATTRIBUTES = {
        "stretchy", "fence", "separator", "form", "lspace", "rspace", "minsize", "maxsize", "symmetric", "largeop",
        "movablelimits", "accent", "accentunder", "linethickness", "displaystyle", "scriptlevel", "mathvariant",
        "width", "height", "depth", "voffset", "rowspan", "columnspan", "display",
    }  # fmt: skip
_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    attributes=dict.fromkeys(_TAGS, _ATTRIBUTES),
    clean_content_tags={"script", "style"},
    link_rel=None,
)
_CONVERTER = math_core.LatexToMathML(fancy_error=False, allow_unreliable_rendering=True)

_DEFINES = re.compile(r"\\(?:[egx]?def|let|(?:re)?newcommand|providecommand|DeclareMathOperator|newenvironment)\b")
#: To the converter `%` begins a comment, and `<b` within words would be a tag of HTML.
_COMMENT = re.compile(r"(?<!\\)%")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_GROUP = r"\{((?:[^{}]|\{[^{}]*\})*)\}"  # with groups one deep
_WORDS = re.compile(rf"\\(text\w*|emph|mbox|hbox)\s*{_GROUP}")
_INNER = re.compile(r"(?<!\\)\$([^$]*)\$")
_NARROW = 24  #: characters; what is shorter fits on the narrowest screen
_TABLE = re.compile(r"\\(?:begin|over|choose|atop|[bm]f|rm|it|color|displaystyle|not)(?![A-Za-z])|\\\\")
_PART = re.compile(
    r"(?P<open>\\(?:left|[bB]igg?l)\s*(?:\\.|.))|(?P<close>\\(?:right|[bB]igg?r)\s*(?:\\.|.))"
    r"|(?P<end>=|,(?!\d)|\\(?:leq?|geq?|to|rightarrow|in|equiv|approx|sim|propto|iff|implies|q?quad)(?![A-Za-z]))"
    r"|\\(?:[A-Za-z]+|.)|[{}()\[\]]"
)
_OPENING, _CLOSING = {"{", "(", "[", "\\{"}, {"}", ")", "]", "\\}"}
#: A name in a formula: to TeX it is a product of letters, and to a reader's ear and search as well.
_NAME = re.compile(r"\\(?:[A-Za-z]+\*?|.)(?:\s*\{[A-Za-z\s*.,:-]*\})*|[A-Za-z]{4,}|[A-Z][A-Za-z]{2,}|[A-Za-z]{2,}[A-Z]")
_BARE = re.compile(r"(?<!\\)[_^&#]")
#: What authors write and the converter does not know, and what it knows instead.
_SPELLINGS = (
    (re.compile(rf"\\href\s*{_GROUP}\s*(?={_GROUP})"), ""),
    (re.compile(r"\\(?:mathbbm|mathds)\b"), r"\\mathbb"),
    (re.compile(r"\\(?:xspace|protect|label\s*\{[^{}]*\}|tag\*?\s*\{[^{}]*\}|nonumber|notag)(?![A-Za-z])"), ""),
    (re.compile(r"\\(?:ensuremath|mathstrut)(?![A-Za-z])"), ""),
    (re.compile(r"\\(?:nicefrac|sfrac)(?![A-Za-z])"), r"\\tfrac"),
    (re.compile(r"\\(?:uline|underbar)(?![A-Za-z])"), r"\\underline"),
    (re.compile(r"\\textsuperscript\s*(?=\{)"), r"^"),
    (re.compile(r"\\textsubscript\s*(?=\{)"), r"_"),
    (re.compile(r"\\(?:mbox|hbox|textup|textsc|textmd|textsl|textnormal|textls)(?=\s*\{)"), r"\\text"),
)


def typeset(text: str) -> Markup:
    r"""
    `text` as HTML that is also well-formed XML: its TeX as characters, its formulas as MathML.

    >>> typeset(r"\emph{O($n^2$)} <b> 95\%")
    Markup('O(<math><msup><mi>n</mi><mn>2</mn></msup></math>) &lt;b&gt; 95%')
    """
    parts = atoms(text)
    if len(parts) == 1 and parts[0].kind == "text":
        return escape(text)
    return Markup().join(
        formula(atom.text, display=atom.kind == "display") if atom.kind in {"formula", "display"} else escape(atom.text)
        for atom in parts
    )


@lru_cache(maxsize=4096)
def formula(source: str, *, display: bool = False) -> Markup:
    r"""
    A formula, given without its dollars: text, MathML, or its source as code where it can't be read.

    >>> formula(r"\times"), formula("n"), formula(r"\frac{")
    (Markup('×'), Markup('<math><mi>n</mi></math>'), Markup('<code class="tex">\\frac{</code>'))
    """
    reading = read(source)
    if reading.simple:
        return escape(reading.text)
    made = [_mathml(part, display) for part in parts(source)] if _is_tame(source) else [None]
    if None not in made:
        return Markup().join(one for one in made if one is not None)
    if (whole := _mathml(source, display) if len(made) > 1 else None) is not None:
        return whole
    return escape(reading.text) if reading.whole else Markup('<code class="tex">{}</code>').format(source)


def _is_tame(source: str) -> bool:
    """Whether the converter may see it: 20,000 nested braces end the process, and a definition is not ours to run."""
    return len(source) <= LONGEST and source.count("{") <= BRACES and not _DEFINES.search(source)


def _mathml(source: str, display: bool) -> Markup | None:
    for spelt in dict.fromkeys((respelt(source), _harmless(source))):
        try:
            made = _CONVERTER.convert_with_local_state(spelt, displaystyle=display)
        except math_core.LatexError:
            continue
        # No entity of HTML is left: XML knows none of them but five.
        return Markup(_CLEANER.clean(made).replace("&nbsp;", "&#160;"))  # noqa: S704
    return None


def parts(source: str) -> list[str]:
    r"""
    A formula in the parts between which a line may end: behind a relation or a comma outside of brackets, as in TeX.

    Browsers never break a formula, and a long one would be wider than a phone.

    >>> parts(r"x = 1"), parts(r"\alpha(a, b) = \frac{x = 1}{2} \leq \text{all of the others}, c")
    (['x = 1'], ['\\alpha(a, b) =', ' \\frac{x = 1}{2} \\leq', ' \\text{all of the others},', ' c'])
    """
    if len(read(source).text) < _NARROW or _TABLE.search(source):
        return [source]
    found, depth, done = [], 0, 0
    for piece in _PART.finditer(source):
        depth += bool(piece["open"] or piece[0] in _OPENING) - bool(piece["close"] or piece[0] in _CLOSING)
        if depth == 0 and piece["end"] and source[done : piece.start()].strip() and source[piece.end() :].strip():
            found.append(source[done : piece.end()])
            done = piece.end()
    return [*found, source[done:]]


def _harmless(source: str) -> str:
    return _TAG.sub(r"\\lt ", _COMMENT.sub(r"\\%", source))


def respelt(source: str) -> str:
    r"""
    A formula in a spelling that the converter knows.

    >>> respelt(r"\mathbbm{1}[\texttt{a_b}], \text{if $x$ is}"), respelt("50%")
    ('\\mathbb{1}[\\texttt{a\\_b}], \\text{if }x\\text{ is}', '50\\%')
    """
    source = _harmless(source)
    for pattern, instead in _SPELLINGS:
        source = pattern.sub(instead, source)
    return _NAME.sub(_name, _WORDS.sub(_words, source))


def _words(found: re.Match[str]) -> str:
    """Words within a formula: bare signs of a formula escaped, formulas within them taken out."""
    name, said = found[1], found[2]
    parts = _INNER.split(said)
    words = (f"\\{name}{{{_BARE.sub(_escaped, part)}}}" if part else "" for part in parts[::2])
    inner = [*parts[1::2], ""]
    return "".join(word + within for word, within in zip(words, inner, strict=True))


def _name(found: re.Match[str]) -> str:
    return found[0] if found[0].startswith("\\") else f"\\mathrm{{{found[0]}}}"


def _escaped(found: re.Match[str]) -> str:
    return r"\^{}" if found[0] == "^" else f"\\{found[0]}"
