"""Blocks in a README: what is between the markers changes, and nothing else does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import ConfigError
from digest.readme import blocks, filled

FILE = "README.md"
TEXT = b"# Mine\n\n<!-- digest:keywords:begin -->\nold\n<!-- digest:keywords:end -->\n\nThe end."


def refill(content: bytes, text: str = "new", **more: str) -> bytes:
    return filled(content, {name: (said,) for name, said in {"keywords": text, **more}.items()}, FILE, 512_000)


def test_only_the_text_between_the_markers_changes() -> None:
    """What was there goes; a file without a last newline stays so."""
    made = refill(TEXT, "| a |\n| - |")

    assert made == (
        b"# Mine\n\n<!-- digest:keywords:begin -->\n\n| a |\n| - |\n\n<!-- digest:keywords:end -->\n\nThe end."
    )
    assert refill(made, "| a |\n| - |") == made


PIECES = [b"\n", b"\r\n", b"\r", b"text", b"\xff\xfe", b"    ", b"<!-- x -->", b"\xe2\x80\xa8"]
BYTES = st.lists(st.sampled_from(PIECES)).map(b"".join)


@given(BYTES, st.lists(st.sampled_from([*PIECES, b"``"])).map(b"".join), BYTES)
def test_every_byte_around_a_block_stays(before: bytes, within: bytes, after: bytes) -> None:
    """Whatever stands there, in whatever encoding, with whatever ends of lines."""
    head, tail = before + b"\n<!-- digest:keywords:begin -->\n", b"\n<!-- digest:keywords:end -->\n" + after

    made = refill(head + within + tail)

    assert made == head + b"\nnew\n" + tail


def test_a_file_of_another_system_keeps_its_ends_of_lines() -> None:
    """The block is written as its marker's line ends; a byte order mark stays."""
    content = b"\xef\xbb\xbf<!-- digest:keywords:begin -->\r\n<!-- digest:keywords:end -->\r\n"

    assert refill(content, "a\nb") == (
        b"\xef\xbb\xbf<!-- digest:keywords:begin -->\r\n\r\na\r\nb\r\n\r\n<!-- digest:keywords:end -->\r\n"
    )


def test_a_readme_may_have_both_blocks() -> None:
    """Each is filled with its own text."""
    content = TEXT + b"\n<!-- digest:latest:begin -->\n<!-- digest:latest:end -->\n"

    made = refill(content, latest="today")

    assert [one.name for one in blocks(made, FILE)] == ["keywords", "latest"]
    assert made.endswith(b"begin -->\n\ntoday\n\n<!-- digest:latest:end -->\n")


def test_an_empty_text_leaves_an_empty_block() -> None:
    """The markers stay for the next time."""
    assert refill(TEXT, "") == TEXT.replace(b"old\n", b"")


def test_a_marker_in_a_code_block_is_only_talked_about() -> None:
    """A README may show how it is done."""
    shown = b"```html\n<!-- digest:keywords:begin -->\n```\n~~~~\n<!-- digest:nope:end -->\n```\n~~~~\n"

    assert [one.name for one in blocks(shown + TEXT, FILE)] == ["keywords"]
    with pytest.raises(ConfigError, match="so nothing can be put there"):
        blocks(shown, FILE)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("begin", "README.md:1: digest:keywords:begin has no end"),
        ("end", "README.md:1: digest:keywords:end has no beginning before it"),
        ("end begin", "README.md:1: digest:keywords:end has no beginning before it"),
        ("begin begin end", "README.md:2: digest:keywords:begin stands in the block that begins in line 1"),
        ("begin end end", "README.md:3: digest:keywords:end comes a second time"),
        ("begin end begin end", "README.md:3: digest:keywords:begin comes a second time"),
        ("begin latest:begin end", "README.md:2: digest:latest:begin stands in the block that begins in line 1"),
        ("begin latest:end", "README.md:2: digest:latest:end stands in the block that begins in line 1"),
        ("begin end foo:begin", "README.md:3: digest:foo:begin is no block"),
        ("", "README.md: has no line <!-- digest:keywords:begin -->, so nothing can be put there"),
    ],
)
def test_wrong_markers_are_named_with_their_line(lines: str, said: str) -> None:
    """Alone, doubled, crossed, unknown or not there: one message, and nothing is made."""
    names = (name if ":" in name else f"keywords:{name}" for name in lines.split())
    content = "".join(f"<!-- digest:{name} -->\n" for name in names).encode()

    with pytest.raises(ConfigError) as error:
        refill(content)

    assert str(error.value) == said
    assert error.value.hint


def test_a_block_takes_the_shorter_text_where_the_longer_one_is_too_much() -> None:
    """The limit is that of the whole file; with nothing shorter to be had, the shortest stands."""
    offers = {"keywords": ("x" * 400, "short")}

    assert b"x" * 400 in filled(TEXT, offers, FILE, 1000)
    assert b"\nshort\n" in filled(TEXT, offers, FILE, 300)
    assert b"\nshort\n" in filled(TEXT, offers, FILE, 10)


def test_no_text_can_make_a_marker() -> None:
    """Whatever got past the templates' escapes."""
    made = refill(TEXT, "<!-- digest:keywords:end -->\n<!--digest:latest:begin-->")

    assert [one.name for one in blocks(made, FILE)] == ["keywords"]
    assert refill(made) == refill(TEXT)
