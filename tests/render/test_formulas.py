"""Formulas on a page: set as MathML, as text where that says it all, and never a stranger's markup."""

import html
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from digest.render.formulas import formula, parts, respelt, typeset
from digest.tex import plain
from digest.tex_math import BRACES, LONGEST


def tags(markup: str) -> set[str]:
    """The tags in well-formed `markup`."""
    return {element.tag for element in ET.fromstring(f"<p>{markup}</p>").iter()} - {"p"}


def visible(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", markup))


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (r"2$\times$2", "2×2"),
        (r"$95\%$ and $\sim$42", "95% and ~42"),
        ("M$^2$-Miner", "M²-Miner"),
        (r"\textbf{<script>}", "&lt;script&gt;"),
        ("A & B < C", "A &amp; B &lt; C"),
        ("$n$ 个", "<math><mi>n</mi></math> 个"),
        ("模型$n$的", "模型<math><mi>n</mi></math>的"),
    ],
)
def test_text_is_html_with_formulas_only_where_they_need_to_be(text: str, made: str) -> None:
    """A number and a sign are searched and copied as text."""
    assert typeset(text) == made


@pytest.mark.parametrize(
    "source",
    [
        r"\texttt{a_b} x",
        r"\mathbbm{1}_x",
        r"\text{if $x$ is}",
        r"\bf x",
        r"\rm x_i",
        r"\mathbb R^n",
        r"\operatorname*{argmax}_x",
        r"\textsc{Net}_i",
        r"\mbox{a b} x",
        r"x \tag{1} \nonumber",
        r"\nicefrac{1}{2} x",
        r"\href{https://x.org}{x^2}",
        r"x_{50%}",
        r"\begin{cases} a & b \\ c & d \end{cases}",
    ],
)
def test_what_authors_write_is_set(source: str) -> None:
    """Also what the converter does not know by itself."""
    assert formula(source).startswith("<math>")
    assert "\\" not in visible(formula(source))


def test_a_name_in_a_formula_is_one_word() -> None:
    """Not a product of its letters, to the eye, to the ear and to a search."""
    assert "<mi>MSE</mi>" in formula("MSE_i")
    assert respelt(r"\mathbb{R} xy \mathit{Loss}") == r"\mathbb{R} xy \mathit{Loss}"


@pytest.mark.parametrize(
    "source", [r"\foo", r"\frac{", "{", r"\def\x{\x\x}\x", "{" * 20_000, "x^" * LONGEST, "{" * BRACES]
)
def test_what_can_not_be_read_stands_as_code(source: str) -> None:
    """Word for word, and the converter, which would end the process, never sees the worst."""
    assert formula(source) == f'<code class="tex">{escape(source)}</code>'


def test_a_long_formula_may_end_a_line_as_in_tex() -> None:
    """Behind a relation outside of brackets; a short one, a table and what stands in brackets stay whole."""
    long = r"v_{\text{reason}} = \left(\theta_{a} = b_{\text{model}}\right) - \theta_{\text{base}}"

    assert parts(long) == [
        r"v_{\text{reason}} =",
        r" \left(\theta_{a} = b_{\text{model}}\right) - \theta_{\text{base}}",
    ]
    assert formula(long).count("<math>") == 2
    assert parts("x = y") == ["x = y"]
    assert len(parts(r"\begin{cases} abc = def & ghi = jkl \\ mno = pqr \end{cases}")) == 1


@given(
    st.lists(
        st.sampled_from(["=", ",", "(", ")", "\\left(", "\\right)", "\\leq", "{", "}", "abc ", "1"]), max_size=40
    ).map("".join)
)
def test_the_parts_joined_are_the_formula(source: str) -> None:
    """No sign is lost between them."""
    assert "".join(parts(source)) == source


ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    "<b>",
    "</math>",
    "]]>",
    "&amp;",
    "<!--",
    "&#60;",
]
IN_MATH = [
    "\\text{",
    "\\operatorname{",
    "x_",
    "\\mathrm{",
    "\\texttt{",
    "}",
    "{",
    "$",
    "^",
    "\\frac",
    "a",
    "1",
    "\\\\",
    "<",
    "\\",
]
IN_MATH += [
    "\\href{javascript:alert(3)}",
    "\\color{red}",
    "\\style{x}",
    "&",
    "\\begin{matrix}",
    "\\end{matrix}",
    "~",
    "中",
]
HOSTILE = st.lists(st.sampled_from(ATTACKS + IN_MATH), max_size=14).map("".join)
KNOWN = {
    "math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt", "mroot", "msub", "msup", "msubsup", "munder",
    "mover", "munderover", "mmultiscripts", "mprescripts", "mtable", "mtr", "mtd", "mstyle", "mpadded", "mphantom",
    "menclose", "b", "i", "em", "code", "span",
}  # fmt: skip


@given(HOSTILE)
def test_no_tag_and_no_attribute_of_a_stranger_is_made(source: str) -> None:
    """Well-formed XML too, of nothing but MathML; no style, no handler, no address."""
    for made in (formula(source), typeset(f"a ${source}$ b"), typeset(source)):
        assert tags(made) <= KNOWN
        attributes = {name for element in ET.fromstring(f"<p>{made}</p>").iter() for name in element.attrib}
        assert not attributes & {"style", "href", "src", "id", "name"}
        assert not any(name.startswith("on") for name in attributes)


@pytest.mark.parametrize("attack", ATTACKS)
def test_markup_of_a_stranger_stands_as_text(attack: str) -> None:
    """In prose and within a macro."""
    assert visible(typeset(attack)) == attack
    assert visible(typeset(f"\\emph{{{attack}}}")) == attack


@given(st.text(st.characters(exclude_characters="\\$~`^_{'-"), max_size=60))
def test_a_text_without_tex_is_just_escaped(text: str) -> None:
    """As every value on a page."""
    assert typeset(text) == escape(text)
    assert plain(text) == text
