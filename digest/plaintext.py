"""Plain text on one line: out of whatever a feed or a model sends, and of a number with its noun.

Removes what is never text (control characters, lone surrogates, overrides of the writing direction); escapes nothing.
"""

import re

# C0 and C1 but for white space, bidirectional overrides and isolates, lone surrogates, tags, non-characters.
_NEVER_TEXT = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ufffe\uffff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def has_control(text: str) -> bool:
    """Whether `text` holds characters that `one_line` would remove."""
    return _NEVER_TEXT.search(text) is not None


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """
    A number with its noun.

    >>> counted(1, "page"), counted(594, "request"), counted(2000, "reply", "replies")
    ('1 page', '594 requests', '2,000 replies')
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def one_line(text: str) -> str:
    r"""`text` on one line: white space folded and stripped, characters that are never text removed.

    >>> one_line("  Soft\nmax\x00 is\u202e all  ")
    'Soft max is all'
    """
    if not text.isprintable() or "  " in text:
        text = " ".join(text.split())
        if not text.isprintable():  # what is never text is not printable; white space is gone by now
            text = " ".join(_NEVER_TEXT.sub("", text).split())
    return text.strip()
