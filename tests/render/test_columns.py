"""Text in columns: no line too wide, nothing lost, nothing broken that belongs together."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.plaintext import one_line
from digest.render.columns import columns, width

TEXT = st.lists(
    st.sampled_from(["门控", "方法。", "（见", "Foo", " ", "3.5%", "，", "”", "https://x.org/a_b", "모델", "é"])
)


@given(st.text() | TEXT.map("".join))
def test_nothing_is_lost_but_spaces(said: str) -> None:
    """Whatever the text."""
    assert "".join(columns(one_line(said)).split()) == "".join(one_line(said).split())


@given(TEXT.map(" ".join), st.integers(40, 72))
def test_lines_are_as_wide_as_they_may_be(said: str, size: int) -> None:
    """No wider, and no narrower than by the longest of the words."""
    lines = columns(said, "[1] ", size=size).splitlines()

    assert max(map(width, lines)) <= size
    assert all(width(line) > size - width(" https://x.org/a_b") for line in lines[:-1])
    assert all(line.startswith("    ") for line in lines[1:])


@given(TEXT.map("".join))
def test_no_line_begins_with_a_sign_that_ends_something(said: str) -> None:
    """Nor ends with one that begins something."""
    first, *rest = columns(f"中{said}中", size=12).splitlines()

    assert not any(line.lstrip().startswith(tuple("，。”")) for line in rest if not re.search(r"\s[，。”]", said))
    assert not any(line.endswith("（") for line in [first, *rest][:-1] if not re.search(r"（(\s|[，。”]|$)", said))


def test_addresses_figures_and_words_stay_whole() -> None:
    """An address may be longer than a line."""
    address = "https://github.com/ada/" + "a" * 60

    assert columns(f"代码见 {address}。", "    ", size=40).splitlines() == ["    代码见", f"    {address}。"]
    assert columns("准确率为 97.35% 。", size=13).splitlines() == ["准确率为", "97.35% 。"]


@pytest.mark.parametrize(
    ("said", "columns_taken"), [("Foo", 3), ("门控", 4), ("ｆ", 2), ("é", 1), ("e\u0301", 1), ("한", 2), ("", 0)]
)
def test_width_is_by_the_width_of_characters(said: str, columns_taken: int) -> None:
    """An ideograph takes two columns, an accent of its own none."""
    assert width(said) == columns_taken
