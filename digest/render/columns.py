"""Plain text in columns: lines broken by the width that each character takes where text has columns.

Pure; breaks no word, no figure and no address, and loses nothing but the space at a break.
"""

import re
import unicodedata
from functools import lru_cache

WIDTH = 72  #: columns of a line, which leaves room for the marks of an answer in 80

_OPENING = "（［｛「『【《〈〔“‘"
_CLOSING = "，。、；：？！）］｝」』】》〉〕”’…—～％·"
_IDEOGRAPHS = "\u2e80-\u2fff\u3003-\u3007\u3012\u3013\u3020-\u312f\u3190-\ua4cf\uf900-\ufaff\uff00-\uffef"
#: What stands together: a word, an address, or one ideograph, with the signs that may not begin or end a line.
_UNIT = re.compile(
    rf"(?P<space>\s*)(?P<unit>[{_OPENING}]*(?:(?![{_OPENING}{_CLOSING}])"
    rf"(?:[{_IDEOGRAPHS}][,.;:!?)\]%]*|[^\s{_OPENING}{_CLOSING}{_IDEOGRAPHS}]+))?[{_CLOSING}]*)"
)


@lru_cache(maxsize=1 << 14)
def width(text: str) -> int:
    r"""
    How many columns `text` takes; a character whose width depends on the text around it takes one.

    >>> width("a中。"), width("e\u0301")
    (5, 1)

    Source: https://www.unicode.org/reports/tr11/
    """
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(one) else 1 + (unicodedata.east_asian_width(one) in "WF") for one in text)


def columns(text: str, first: str = "", rest: str | None = None, size: int = WIDTH) -> str:
    """
    `text` on lines of at most `size` columns, but for what can't be broken; `first` and `rest` stand before them.

    >>> print(columns("门控 Foo 提高稳定性。", "- ", size=10))
    - 门控 Foo
      提高稳定
      性。
    """
    rest = " " * width(first) if rest is None else rest
    lines: list[str] = []
    line, used, is_bare = first, width(first), True
    for found in _UNIT.finditer(text):
        space, unit = found.groups()
        if not unit:
            continue
        own, gap = width(unit), 1 if space and not is_bare else 0
        if not is_bare and used + gap + own > size:
            lines.append(line)
            line, used, gap = rest, width(rest), 0
        line += " " + unit if gap else unit
        used, is_bare = used + gap + own, False
    return "\n".join([*lines, line])
