"""Text on one line: what is removed, what is folded, and that the quick way says what the plain one does."""

import re
import sys

from hypothesis import example, given
from hypothesis import strategies as st

from digest import plaintext
from digest.plaintext import has_control, one_line

anything = st.text(
    st.characters() | st.sampled_from("  \t\n\r\x0b\x1c\x85\xa0\u2028\u3000\x00\x7f\u200e\ufeff\ud800\U000e0001")
)


@given(anything)
@example("a \x00 b")
@example("\x00 a\x1c")
def test_it_is_the_text_without_what_is_never_text_and_with_single_blanks(text: str) -> None:
    """As two searches over all of it would leave it."""
    assert one_line(text) == re.sub(r"\s+", " ", plaintext._NEVER_TEXT.sub("", text)).strip()


@given(anything)
def test_twice_is_once(text: str) -> None:
    """And nothing is left that is never text."""
    found = one_line(text)

    assert one_line(found) == found
    assert not has_control(found)


def test_what_is_never_text_is_not_printable() -> None:
    """By this it is known that nothing has to be removed."""
    assert not any(has_control(one) and one.isprintable() for one in map(chr, range(sys.maxunicode + 1)))
