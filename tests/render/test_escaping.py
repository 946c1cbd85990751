"""Strangers' text in Markdown and HTML: it stands there as text, and keeps its looks where nothing is at stake."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.addresses import addresses
from digest.plaintext import one_line
from digest.render.escaping import cell, cell_link, link_text, linkify, markdown, without_mentions
from digest.tex import plain
from render import rendered

MATHS = ("math", "mi", "mn", "mo", "mrow", "msup", "msub", "msubsup", "mtext", "mspace", "code")
_PIECES = [*"*_`~[]()<>!#+-=|\\&;:.$^@\"' 1aé中，\n"]
_PIECES += ["](", "][", "]:", "http://x.org/_a_", "https://a.org/~u/*x*", "<b>", "</b>", "<!--", "&amp;", " &#42; "]
_PIECES += [
    "1.",
    "1)",
    "---",
    "===",
    "~~~",
    "```",
    "![",
    "[^1]",
    "[x]: http://y.org",
    "**",
    "__",
    "a_b",
    "\\*",
    "| a | b |",
]
HOSTILE = st.one_of(st.lists(st.sampled_from(_PIECES), max_size=12).map("".join), st.text(max_size=40))


@given(HOSTILE)
def test_any_text_is_one_paragraph_that_shows_just_that_text(text: str) -> None:
    """No heading, list, rule, HTML, code or emphasis comes out of a stranger's text."""
    parsed = rendered.tokens(markdown(text))

    assert [token.type for token in parsed] in ([], ["paragraph_open", "inline", "paragraph_close"])
    assert "".join(map(rendered.text_of, rendered.inlines(markdown(text)))) == one_line(text)


@given(HOSTILE)
def test_the_only_links_in_any_text_are_addresses_it_shows(text: str) -> None:
    """A link's address is its own text, and http or https."""
    for inline in rendered.inlines(markdown(text)):
        assert {child.type for child in inline.children or []} <= {"text", "text_special", "link_open", "link_close"}
    shown = [text_ for _, text_ in rendered.links(markdown(text))]
    assert all(one.startswith(("http://", "https://")) and one in one_line(text) for one in shown)


@given(HOSTILE)
def test_any_title_leaves_its_link_whole(title: str) -> None:
    """Whatever the title says, the heading has one link, to arXiv, with that title as its text."""
    line = f"### [1] [{link_text('T ' + title)}](https://arxiv.org/abs/1)"

    assert [address for address, _ in rendered.links(line)] == ["https://arxiv.org/abs/1"]
    assert rendered.lines(line) == ["[1] " + one_line("T " + title)]


@given(HOSTILE, HOSTILE)
def test_any_text_stays_in_its_cell_of_a_table(title: str, text: str) -> None:
    """A row has four cells that show their texts, and no tag but ours."""
    row = f"| **[{cell_link(title)}](https://arxiv.org/abs/1)** | {cell(text)} | <p>{cell(text)}</p> | x |"
    _, cells = rendered.rows(f"| a | b | c | d |\n| --- | --- | --- | --- |\n{row}\n")

    assert [rendered.text_of(one) for one in cells] == [one_line(title), one_line(text), one_line(text), "x"]
    tags = [child.content for one in cells for child in one.children or [] if child.type == "html_inline"]
    assert tags == ["<p>", "</p>"]


@pytest.mark.parametrize(
    "text",
    [
        "[SEG] and snake_case_name",
        "J&F rises +8.9, ~100 or 50%",
        "0 < x > 1 (a) {b}",
        "R&D; 3 * 4 = 12",
        "https://x.org/a_b-c?d=1&e=2",
    ],
)
def test_ordinary_text_keeps_its_looks(text: str) -> None:
    """What means nothing in Markdown isn't escaped."""
    assert markdown(text) == text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("见https://x.org/a，更多", ["https://x.org/a"]),
        ("(see https://x.org/a_(b)).", ["https://x.org/a_(b)"]),
        ("https://x.org: code; http://y.org/?q=1&r=%20#z!", ["https://x.org", "http://y.org/?q=1&r=%20#z"]),
        (r"\url{https://x.org/a}", ["https://x.org/a"]),
        ("javascript:alert(1) ftp://x.org file.py cs.CL www.x.org https://localhost", []),
        ("https://user@x.org https://x.org@evil.example/", []),
    ],
)
def test_addresses_are_found_as_people_write_them(text: str, found: list[str]) -> None:
    """Chinese punctuation, brackets and full stops end an address; other schemes and names are none."""
    assert [text[start:end] for start, end in addresses(text)] == found


@given(HOSTILE)
def test_linkified_text_has_no_markup_but_links_and_formulas(text: str) -> None:
    """Every tag is one of ours, and what a reader sees has no sign of a tag but those that were in the text."""
    made = str(linkify(text))

    assert set(re.findall(r"<(/?[a-z]+)", made)) <= {"a", "/a", *(slash + tag for slash in ("", "/") for tag in MATHS)}
    assert all(link.startswith(("http://", "https://")) for link in re.findall(r'href="([^"]*)"', made))


@given(HOSTILE)
def test_linkified_text_without_tex_shows_just_that_text(text: str) -> None:
    """Links add nothing to see."""
    if plain(text) == text and "$" not in text and "--" not in text:  # hyphens are dashes on a page
        assert html.unescape(re.sub(r"<[^>]*>", "", str(linkify(text)))) == text


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (r"\url{https://x.org/a\_b}.", '<a href="https://x.org/a_b" {}>https://x.org/a_b</a>.'),
        (
            r"\href{https://x.org}{our $n$}",
            'our <math><mi>n</mi></math> (<a href="https://x.org" {}>https://x.org</a>)',
        ),
        (r"https://x.org/$\sim$ada", '<a href="https://x.org/~ada" {}>https://x.org/~ada</a>'),
        (r"\textbf{<b>} at https://x.org", '&lt;b&gt; at <a href="https://x.org" {}>https://x.org</a>'),
        (r"\href{javascript:alert(1)}{x}", "x (javascript:alert(1))"),
    ],
)
def test_addresses_in_tex_are_links(text: str, made: str) -> None:
    """Whole, with formulas set and all else escaped; nothing but http and https is a link."""
    assert str(linkify(text)) == made.format('rel="noopener nofollow"')


def test_a_notice_calls_nobody() -> None:
    """A name behind @ would tell a stranger on GitHub; an address or pass@k stays."""
    assert (
        without_mentions("@ada (@bob) pass@k https://x.org/@c") == "@&#8203;ada (@&#8203;bob) pass@k https://x.org/@c"
    )
