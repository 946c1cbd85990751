"""Strangers' text made safe for a page: addresses found by a strict rule, Markdown escaped where it means something.

Pure, and keeps every word: never cleans, cuts or repairs. What a template prints as HTML is escaped by its environment.
"""

import re
from collections.abc import Collection
from html import escape
from html.entities import html5

from markupsafe import Markup

from ..plaintext import one_line

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
# A host, then only what RFC 3986 allows: Chinese punctuation ends an address; user:password@ makes it none.
_ADDRESS = re.compile(
    rf"(?<![A-Za-z])https?://{_LABEL}(?:\.{_LABEL})+(?::\d{{1,5}})?(?![A-Za-z0-9_@])"
    r"(?:[/?#][A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*)?"
)
_PAIRS = {")": "(", "]": "["}

# One class of characters first, then what must stand around each: three times as fast as alternatives.
_SIGNS = re.compile(
    r"""
    [\\`*_~<&\[\]]
    (?: (?<=\\) (?=[!-/:-@\[-`{-~]|$)
      | (?<=`)
      | (?<=\*) (?: (?<!\s\*) | (?!\s) )
      | (?<=_) (?<!\w_) _*+ (?!\s)          # what could open emphasis
      | (?<=[^\s~]~) ~*+                    # what could close a deletion
      | (?P<tag> (?<=<) (?=[A-Za-z/!?]) )
      | (?<=&) (?=(?P<entity>\#\w+;|[A-Za-z]\w+;))
      | (?P<bracket> (?<=[\[\]]) )
    )
    """,
    re.VERBOSE,
)
# What would begin a block at the start of a line: a number of a list, or a heading, quotation, list, rule, fence.
_START = re.compile(r"\d{1,9}(?=[.)](?:\s|$))|(?=#{1,6}(?:\s|$)|>|[-+](?:\s|$)|(?:-\s*){2,}$|=+$|~~~)")
_ENTITY = re.compile(r"&#?\w+;")
_MENTION = re.compile(r"(?<![A-Za-z0-9_/.])@(?=[A-Za-z0-9])")


def _trimmed(address: str) -> str:
    """`address` without the punctuation of the sentence around it.

    >>> _trimmed("https://x.org/a_(b)).")
    'https://x.org/a_(b)'
    """
    while address:
        last = address[-1]
        if last not in ".,;:!?'*" and not (last in _PAIRS and address.count(last) > address.count(_PAIRS[last])):
            break
        address = address[:-1]
    return address


def addresses(text: str) -> list[tuple[int, int]]:
    """Where web addresses stand in `text`, as (start, end), in order; http and https only.

    >>> addresses("见https://x.org/a，更多 javascript:alert(1) ftp://x.org")
    [(1, 16)]
    """
    if "://" not in text:
        return []
    return [(found.start(), found.start() + len(_trimmed(found[0]))) for found in _ADDRESS.finditer(text)]


def linkify(text: str) -> Markup:
    """`text` as HTML: its web addresses are links, everything else is escaped.

    >>> linkify("See <https://x.org>.")
    Markup('See &lt;<a href="https://x.org" rel="noopener nofollow">https://x.org</a>&gt;.')
    """
    link = Markup('<a href="{0}" rel="noopener nofollow">{0}</a>')
    parts, done = [Markup()], 0
    for start, end in addresses(text):
        parts += [Markup.escape(text[done:start]), link.format(text[start:end])]
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
    return escape(one_line(text))


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
    """Markdown in which no `@name` calls a user of GitHub: a space of no width follows the sign, as Renovate does.

    >>> without_mentions("@ICLR, Pass@k")
    '@&#8203;ICLR, Pass@k'
    """
    return _MENTION.sub("@&#8203;", markdown_text)
