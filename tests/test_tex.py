"""TeX in prose: resolved where it means something, and every readable sign kept."""

import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.tex import Atom, atoms, plain
from digest.tex_math import BRACES, LONGEST, read
from digest.tex_pairs import is_formula


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (r"\textbf{Foo} and \emph{bar \textit{baz}}", "Foo and bar baz"),
        (r"{\em x} {\bf y} {\it z w}", "x y z w"),
        (r"\texttt{a\_b} \textsc{Net} \underline{u} \mbox{m} \text{t}", "a_b Net u m t"),
        (r"\textcolor{red}{hot} \uline{u} \enquote{q}", "hot u “q”"),
        (r"95\% of \$5, R\&D, \#1, \{a, b\}", "95% of $5, R&D, #1, {a, b}"),
        (r"A\\B \noindent C", "A B C"),
        (r"7\,ms, 1{,}500, 9{}408", "7 ms, 1,500, 9408"),
        (r"\LaTeX{} and \TeX, \copyright, \ldots, 30{\deg}", "LaTeX and TeX, ©, …, 30°"),
        (r"1\textsuperscript{st}, H\textsubscript{2}O", "1ˢᵗ, H₂O"),
        (r"\eg, this \etc.", "e.g., this etc."),
        (r"seen\footnote{Not by us.} in \cite{foo, bar}\label{x}", "seen (Not by us.) in [foo, bar]"),
        (r"{BERT}-based {E}xperiential {a robust option}", "BERT-based Experiential a robust option"),
        (r"5 \times 5, α \rightarrow β", "5 × 5, α → β"),
    ],
)
def test_macros_of_text_show_what_they_hold(text: str, shown: str) -> None:
    """Looks are gone, words stay."""
    assert plain(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (r"Soci{\'e}t{\'e} 27{\`e}me {\'E}tudiants", "Société 27ème Étudiants"),
        (r"na\"{\i}ve na\"ive \"{o} \^o \~n \=a \.z", "naïve naïve ö ô ñ ā ż"),
        (r"\c{c} \v{S} \H{o} \u{a} \r{a} \k{a} \d{s} \b{d} {\c c} Fran\c cois", "ç Š ő ă å ą ṣ ḏ ç François"),
        (r"S\o ren \O{}re \l{}od Stra\ss e \ae on \oe uvre \AA ngstr\"om", "Søren Øre łod Straße æon œuvre Ångström"),
        (r"\t{oo}", "o\u0361o"),
        (r"\b{eta} of \k{appa}", "β of κ"),
    ],
)
def test_accents_are_letters(text: str, shown: str) -> None:
    """In all spellings that authors use, and in those that arXiv's listing makes of Greek letters."""
    assert plain(text) == unicodedata.normalize("NFC", shown)


@pytest.mark.parametrize(
    "text",
    [
        "It costs $5 and $10, or $0.005 a call, or $8 billion to $9 billion.",
        "about ~5 and (~76%), 1~2%, 提升10%~20%, x~N(0, 1), a ~ b",
        "run --fast with --no-cache, `code` and --> or <!-- x -->",
        "snake_case, __init__, a_b, ^_^, ^[note], fine^tuned",
        r"C:\new\table, \d+\.\d, \u672c, {\"a\": 1}".replace("{", "").replace("}", ""),
        '{"a": 1}, {x, y}, {2, 3, 5}, max{s}, {{ 7*7 }}, {% raw %}',
        r"We present \modelname, and \ours achieves \foo{bar}.",
        "https://x.org/~ada/a--b_c^d?e=$f&g=`h and x.org/~u/a--b",
        "",
        "$",
    ],
)
def test_what_is_no_tex_stays(text: str) -> None:
    """Money, options, names of programs, sets, templates, addresses, and macros that nobody knows."""
    assert plain(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (r"\url{https://x.org/a_b~c--d}", "https://x.org/a_b~c--d"),
        (r"at https://x.org/\~{}ada/a\_b\%20c\#d.", "at https://x.org/~ada/a_b%20c#d."),
        (r"\href{https://x.org/a\_b}{our page}", "our page (https://x.org/a_b)"),
        (r"$\href{https://x.org}{\text{this http URL}}$", "https://x.org"),
        (r"\textbf{https://x.org/a--b}", "https://x.org/a--b"),
    ],
)
def test_an_address_is_whole(text: str, shown: str) -> None:
    """Only signs that TeX wants escaped are resolved in it."""
    assert plain(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("``blank'', `forget' and ``great\"", "“blank”, ‘forget’ and “great”"),
        ("Nikin~M, Fig.~3, 2.1~dB, model~(LLM)", "Nikin M, Fig. 3, 2.1 dB, model (LLM)"),
    ],
)
def test_quotes_and_ties_are_signs_of_prose(text: str, shown: str) -> None:
    """As a typesetter would make them."""
    assert plain(text) == shown


def test_a_dash_is_one_on_a_page_and_hyphens_in_plain_text() -> None:
    """As authors type it, so that a search finds it; an option of a command is none."""
    text = "3--5, one---two, a -- b, run --fast"
    assert "".join(atom.text for atom in atoms(text)) == "3–5, one—two, a – b, run --fast"
    assert plain(text) == text


def test_a_tie_is_a_space_that_does_not_break() -> None:
    """On a page; in plain text it is an ordinary one."""
    assert [atom.text for atom in atoms("Fig.~3")] == ["Fig.", "\xa0", "3"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (r"2$\times$2 at $\sim$42", [r"\times", r"\sim"]),
        ("on $[0, 1)$ and $3q - 2$ of $n$", ["[0, 1)", "3q - 2", "n"]),
        (r"$$a = b$$ \(c\) \[d\]", ["a = b", "c", "d"]),
        (r"\emph{so $x$}, $a \text{ if $b$ holds}$", ["x", r"a \text{ if $b$ holds}"]),
        (r"top-\$p\$ of $D$$^2$", ["p", "D", "^2"]),
        ("rate O(n^{-1/2}) or [4,2]_{q^5}", ["n^{-1/2}", "_{q^5}"]),
        ("from $5 to $10, that is $x = 1$", ["x = 1"]),
    ],
)
def test_formulas_are_found(text: str, found: list[str]) -> None:
    """Between all kinds of marks, within macros, and where an author forgot the dollars."""
    assert [atom.text for atom in atoms(text) if atom.kind in {"formula", "display"}] == found


def test_what_stands_between_two_prices_is_no_formula() -> None:
    """Words, ranges and lists of prices; three words in a row are prose."""
    prices = ("5 and ", "5-", "5/", "5, ", "8 billion to ", "5 = ", "1M+")

    assert not any(is_formula(one, "1") for one in prices)
    assert not is_formula("x = the cost of it", "")
    assert is_formula(r"x \text{ the cost of it}", "")


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("x^2 + y_i", "x² + yᵢ"),
        (r"\alpha \leq \beta", "α ≤ β"),
        (r"\mathcal{O}(n\log n)", "O(n log n)"),
        (r"\frac{a}{b} + \frac{1}{2}k", "a/b + (1/2)k"),
        (r"10^{-3}", "10⁻³"),
        (r"x_{dq}, z_{1:T}, F_{q^l}", "x_dq, z_(1:T), F_(qˡ)"),
        (r"\mathbb{R}^d, \mathbb{F}_p", "ℝᵈ, Fₚ"),
        (r"\sqrt{x}, \sqrt{x+1}, \sqrt[3]{2}", "√x, √(x+1), ∛2"),
        (r"\|x\|_2^2, \lfloor n \rfloor", "‖x‖₂², ⌊n ⌋"),
        (r"\sum_{i=1}^n \hat{x}_i", "∑ᵢ₌₁ⁿ x̂ᵢ"),
        (r"2560\times 1440, 32 \times 32", "2560×1440, 32 × 32"),
        (r"\text{if $x$ is}, \operatorname*{arg\,max}_x", "if x is, arg maxₓ"),
        (r"360^\circ", "360°"),
        (r"a \not= b", "a ≠ b"),
        (r"\left( 1 \right], \bigl[2\bigr)", "( 1 ], [2)"),
        (r"\binom{n}{k}", "C(n, k)"),
        (r"\foo{x} + \bar{x}", "\\foo{x} + x̄"),
    ],
)
def test_a_formula_is_a_line_of_text(source: str, shown: str) -> None:
    """With the characters that Unicode has, else readable."""
    assert read(source).text == shown


def test_a_formula_of_numbers_and_words_needs_no_setting() -> None:
    """One with a quantity or a structure does."""
    simple = (r"95\%", r"\times", r"\sim 42", "256^2", "(35.99%)", r"\textbf{P}", r"^\circ", "[0, 1)", r"\text{F}^2")
    set_ = ("n", "O(1)", r"\frac12", r"\alpha", r"1^{st}", r"\sum", r"\foo", "{", r"\sqrt2", "x'")

    assert [read(one).simple for one in simple] == [True] * len(simple)
    assert [read(one).simple for one in set_] == [False] * len(set_)


PIECES = [
    *"\\$~`^_{}'\"-[]()<> \naé中5",
    "$$",
    "\\(",
    "\\)",
    "\\[",
    "\\]",
    "\\textbf{",
    "\\'",
    "\\c",
    "{\\em ",
    "\\href{",
]
PIECES += [
    "\\frac",
    "--",
    "https://x.org/",
    "\\url{",
    "x^2",
    "_{",
    "\\sqrt[",
    "\\footnote{",
    "\\foo",
    "``",
    "''",
    "\\text{",
]
HOSTILE = st.one_of(st.lists(st.sampled_from(PIECES), max_size=25).map("".join), st.text(max_size=60))


@given(HOSTILE)
def test_any_text_is_read_and_its_atoms_are_all_of_it(text: str) -> None:
    """Nothing raises; spans are in order, without a gap, and each is the source of its atoms."""
    spans = list(dict.fromkeys((atom.start, atom.end) for atom in atoms(text)))

    assert "".join(text[start:end] for start, end in spans) == text
    assert [end for _, end in spans[:-1]] == [start for start, _ in spans[1:]]
    assert all(atom.text == text[atom.start : atom.end] for atom in atoms(text) if atom.kind == "text")
    assert isinstance(plain(text), str)


@given(
    st.one_of(
        st.text(max_size=60), st.lists(st.sampled_from([*"~`^_{}'\"-[] aé5", "--", "''"]), max_size=25).map("".join)
    )
)
def test_no_letter_and_no_figure_is_lost(text: str) -> None:
    """Of a text without macros and dollars; a raised figure is still one."""
    text = re.sub(r"[\\$]", "", text)

    assert _readable(plain(text)) == _readable(text)


def _readable(text: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKD", text) if sign.isalnum())


@given(st.text(st.characters(exclude_characters="\\$~`^_{'-"), max_size=60))
def test_a_text_without_tex_is_itself(text: str) -> None:
    """One atom, the text."""
    assert plain(text) == text
    assert atoms(text) == ((Atom(0, len(text), text),) if text else ())


@given(HOSTILE)
def test_any_formula_is_read(source: str) -> None:
    """Nothing raises, and what is simple has nothing of TeX left."""
    reading = read(source)

    assert not reading.simple or "\\" not in source or not re.search(r"\\[A-Za-z]", reading.text)


@pytest.mark.parametrize("name", ["{", "{\\em ", "\\textbf{", "\\hat", "\\sqrt[", "\\frac", "x^{", "\\text{$"])
def test_depth_ends_nothing(name: str) -> None:
    """Groups and arguments within each other, closed or not, in prose and in formulas."""
    for text in (name * 5000, name * 5000 + "x" + "}" * 5000):
        assert "x" in plain(text + " x")
    source = name * 150 + "x" + "}" * 150
    assert read(source[:LONGEST]).text


@pytest.mark.parametrize(
    "piece",
    [
        "{", "}", "$", "$$", "\\(", "\\[", "``", "`a", "''", "~", "--", "^2", "_{a}", "\\textbf{", "\\'", "/", "a.b/",
        "$a$", "{$", "\\url{", "\\href{a}", "a.", "[", "\\textbf[", "\\c ", "\\cite{a}", "https://", "{\\em ",
    ],
)  # fmt: skip
def test_twice_the_text_takes_about_twice_the_work(piece: str) -> None:
    """Counted in calls, not in seconds."""
    assert _calls(piece * 1600) < 3 * _calls(piece * 800) + 1000


def _calls(text: str) -> int:
    """How many calls reading `text` takes."""
    count = 0

    def watch(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += 1

    atoms.cache_clear()
    sys.setprofile(watch)
    try:
        plain(text)
    finally:
        sys.setprofile(None)
    return count


def test_a_long_formula_is_left_as_it_is() -> None:
    """Past the limits it is neither read nor set."""
    assert read("x" * (LONGEST + 1)).text == "x" * (LONGEST + 1)
    assert not read("{" * (BRACES + 1)).whole


def test_a_ratio_is_no_address() -> None:
    """Though a slash follows a number with a point."""
    assert plain("ratio 3.5/4$x$ and") == "ratio 3.5/4x and"


@pytest.mark.parametrize("written", [r"x.org/{\_}a", r"x.org/\textunderscore a", r"x.org/\allowbreak \_a"])
def test_an_address_in_a_macro_is_read_as_anywhere(written: str) -> None:
    """All that TeX writes for a sign of it."""
    assert plain(rf"\url{{https://{written}}}") == "https://x.org/_a"
