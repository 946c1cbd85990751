"""Strangers' text made safe for a page: web addresses become links, Markdown escaped where it means something.

Pure, and keeps every word: never cleans, cuts or repairs. What a template prints as HTML is escaped by its environment.
"""

import re
from collections.abc import Collection
from html import escape
from html.entities import html5

from markupsafe import Markup

from ..addresses import addresses, located
from ..plaintext import one_line
from ..tex import atoms
from ..tex_math import read
from .formulas import formula

# One class of characters first, then what must stand around each: three times as fast as alternatives.
_SIGNS = re.compile(
    r"""
    [\\`*_~<&\[\]{%\#]
    (?: (?<=\\) (?=[!-/:-@\[-`{-~]|$)
      | (?<=`)
      | (?<=\*) (?: (?<!\s\*) | (?!\s) )
      | (?<=_) (?<!\w_) _*+ (?!\s)          # what could open emphasis
      | (?<=[^\s~]~) ~*+                    # what could close a deletion
      | (?P<tag> (?<=<) (?=[A-Za-z/!?]) )
      | (?<=&) (?=(?P<entity>\#\w+;|[A-Za-z]\w+;))
      | (?P<bracket> (?<=[\[\]]) )
      | (?<=\{[{%\#])                       # what Jekyll, or an action that opens an issue, would run
    )
    """,
    re.VERBOSE,
)
# What would begin a block at the start of a line: a number of a list, or a heading, quotation, list, rule, fence.
_START = re.compile(r"\d{1,9}(?=[.)](?:\s|$))|(?=#{1,6}(?:\s|$)|>|[-+](?:\s|$)|(?:-\s*){2,}$|=+$|~~~)")
_ENTITY = re.compile(r"&#?\w+;")
# What GitHub makes of an issue's text beside Markdown: @name, #12, owner/name#12, GH-12; an address is left as it is.
_CALL = re.compile(r"(https?://[^\s<>|]+)|(?<![A-Za-z0-9_])@(?=[A-Za-z0-9])|(?<!&)#(?=\d)|\bGH-(?=\d)", re.IGNORECASE)


def linkify(text: str) -> Markup:
    r"""
    `text` as HTML: web addresses, also torn or without a scheme, are links, formulas are set, all else is escaped.

    >>> linkify(r"See <\url{https://x.org/a\_b}>.")
    Markup('See &lt;<a href="https://x.org/a_b" rel="noopener nofollow">https://x.org/a_b</a>&gt;.')
    """
    parts, words = [Markup()], ""
    for atom in atoms(text):
        if atom.kind not in {"formula", "display"}:
            words += atom.text
        elif (reading := read(atom.text)).simple:  # "$\sim$" may be a part of an address
            words += reading.text
        else:
            parts += [_linked(words), formula(atom.text, display=atom.kind == "display")]
            words = ""
    return Markup().join([*parts, _linked(words)])


def _linked(text: str) -> Markup:
    """`text` without TeX as HTML with links."""
    link = Markup('<a href="{}" rel="noopener nofollow">{}</a>')
    parts, done = [Markup()], 0
    for start, end, url in located(text):
        shown = text[start:end]
        parts += [Markup.escape(text[done:start]), link.format(url, url if "\\" in shown else shown)]
        done = end
    return Markup().join([*parts, Markup.escape(text[done:])])


def _meaningful_brackets(text: str) -> set[int]:
    """Positions of the brackets that would make a link or a definition, or end a link around them."""
    opened: list[int] = []
    found: set[int] = set()
    for place, sign in enumerate(text):
        if sign == "[":
            opened.append(place)
        elif sign == "]":
            first = opened.pop() if opened else place
            follows = text[place + 1 : place + 2]
            if first == place or follows == "(" or (follows == ":" and first == 0):
                found |= {first, place}
    return found.union(opened)


def _inline(text: str, kept: Collection[int] = ()) -> str:
    """`text` with every sign escaped that means something inside a line of Markdown, but for those at `kept` places."""
    brackets = _meaningful_brackets(text) if "[" in text or "]" in text else set()

    def escaped(found: re.Match[str]) -> str:
        if found.start() in kept or (found["bracket"] is not None and found.start() not in brackets):
            return found[0]
        if found["entity"]:
            return "&amp;" if found["entity"] in html5 or found["entity"][0] == "#" else "&"
        if found["tag"] is not None:
            return "&lt;"
        return "".join("\\" + sign for sign in found[0])

    return _SIGNS.sub(escaped, text)


def _with_addresses(text: str) -> str:
    """`text` escaped; an address goes between angle brackets where a host that links bare ones would eat an escape."""
    kept: set[int] = set()
    for start, end in reversed(addresses(text)):
        word = text[start:].partition(" ")[0]
        if not _ENTITY.search(text[start:end]) and _inline(word) != word:
            text = f"{text[:start]}<{text[start:end]}>{text[end:]}"
            kept = {place + 2 for place in kept} | set(range(start, end + 2))
    return _inline(text, kept)


def markdown(text: str) -> str:
    r"""
    `text` on one line, as Markdown that shows just that text; what means nothing stays as it is.

    >>> markdown("1. [SEG] a_b J&F +8.9 <b> _x_ [a](b) A*")
    '1\\. [SEG] a_b J&F +8.9 &lt;b> \\_x_ \\[a\\](b) A\\*'

    Source: https://spec.commonmark.org/0.31.2/ and https://github.github.com/gfm/
    """
    escaped = _with_addresses(one_line(text))
    start = _START.match(escaped)
    return f"{escaped[: start.end()]}\\{escaped[start.end() :]}" if start else escaped


def markdown_piece(text: str, first: bool = False) -> str:
    r"""
    A part of a line as Markdown that shows just that text beside a tag of ours; `first` where the line begins with it.

    >>> markdown_piece("~~ and _"), markdown_piece("1. ", first=True)
    ('\\~\\~ and \\_', '1\\. ')
    """
    # Full stops in place of the tags: a sign at an edge may mean something there, and none of them hides it.
    if first:
        return markdown(f"{text}.")[:-1]
    return _with_addresses(f".{text}.")[1:-1]


def attribute(text: str) -> str:
    """`text` on one line within the quotes of an attribute of HTML in Markdown."""
    return escape(one_line(text)).replace("{", "&#123;")  # nor anything that Jekyll would read


def link_text(text: str) -> str:
    r"""`text` as Markdown between the brackets of a link, where no other link may stand.

    >>> link_text("[a](b) [SEG]")
    '\\[a\\](b) [SEG]'
    """
    return _inline(one_line(text))


def _in_cell(escaped: str) -> str:
    """Escaped Markdown that neither ends a cell nor opens a tag in it."""
    return re.sub(r"<(?!https?://)", "&lt;", escaped).replace("|", r"\|")


def cell(text: str) -> str:
    r"""`text` as Markdown in a cell of a table, also inside HTML there.

    >>> cell("a | b < c")
    'a \\| b &lt; c'
    """
    return _in_cell(_with_addresses(one_line(text)))


def cell_link(text: str) -> str:
    """`text` as the text of a link in a cell of a table."""
    return _in_cell(link_text(text))


def without_mentions(markdown_text: str) -> str:
    """Markdown that calls no user and no issue of GitHub: a space of no width stands in each name, as Renovate does.

    >>> without_mentions("@ICLR, Pass@k, task #3")
    '@&#8203;ICLR, Pass@k, task #&#8203;3'

    Source: https://docs.github.com/en/get-started/writing-on-github/working-with-advanced-formatting/autolinked-references-and-urls
    """
    return _CALL.sub(lambda found: found[0] if found[1] else f"{found[0]}&#8203;", markdown_text)
