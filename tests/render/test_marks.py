"""Doubtful words in a field: found where they are what they are, and no character of the field lost."""

import pytest
from fakes import GOOD, card, entry
from hypothesis import given
from hypothesis import strategies as st

from digest.models import Mark
from digest.render.marks import cut, doubts, pieces, places
from digest.tex import plain
from render.samples import FIGURE, NAME, doubtful


def mark(words: str, kind: str = "figure") -> Mark:
    return Mark(field="result", words=words, kind=kind)  # type: ignore[arg-type]


def marked(text: str, *marks: Mark) -> list[str]:
    """The marked pieces of `text`."""
    return [piece.text for piece in cut(text, list(marks)) if piece.marks]


@pytest.mark.parametrize(
    ("text", "words", "times"),
    [
        ("提升 4.1%，共 4.1% 。", "4.1%", 2),
        ("24.15 和 4.15 与 14.1", "4.1", 0),
        ("10 个和 21 个，版本 1.2.1", "1", 0),
        ("共 1 个。", "1", 1),
        ("1,000 个", "000", 0),
        ("1,000 个", "1", 0),
        ("3,4,5", "4", 1),
        ("在ResNet-50上提升50", "50", 1),
        ("在 ResNet-50 上", "50", 1),
        ("50% 和 50 个", "50", 1),
        ("二十五类和十五类", "十五", 1),
        ("1{,}000 个", "1,000", 1),
        (r"提升 85\% 。", "85%", 1),
        ("提升８５％", "85%", 1),
        ("没有数字", "4.1", 0),
    ],
)
def test_a_figure_is_marked_where_it_is_that_figure(text: str, words: str, times: int) -> None:
    """Never inside a longer one; in a name or before another unit only if it stands nowhere else."""
    assert len(places(text, mark(words))) == times


def test_a_figure_in_a_name_is_marked_only_where_it_stands_nowhere_else() -> None:
    """The free one is meant."""
    assert places("在ResNet-50上提升50", mark("50")) == [(13, 15)]


def test_a_name_is_marked_as_a_word() -> None:
    """Not in the middle of a longer one, unless it is only there."""
    assert places("Foo2 与 Foo", mark("Foo", "name")) == [(7, 10)]
    assert places("Foo2", mark("Foo", "name")) == [(0, 3)]


def test_words_that_overlap_are_one_piece_with_all_their_marks() -> None:
    """Neither reason is lost."""
    one, two = mark("GateNet-4", "name"), mark("Net-4.1", "name")

    found = cut("用 GateNet-4.1 做", [one, two])

    assert [(piece.text, piece.marks) for piece in found] == [
        ("用 ", ()),
        ("GateNet-4.1", (one, two)),
        (" 做", ()),
    ]


def test_a_mark_is_for_its_field_alone() -> None:
    """The same words elsewhere are another matter."""
    one = doubtful()

    assert [piece.text for piece in pieces(one, "method") if piece.marks] == ["GateNet"]
    assert [piece.text for piece in pieces(one, "result") if piece.marks] == ["4.1%"]
    assert not [piece for piece in pieces(one, "conclusion") if piece.marks]


def test_a_card_that_is_not_flagged_has_no_marked_words() -> None:
    """Marks without a problem are of an older judgement."""
    assert [len(pieces(doubtful(problems=()), name)) for name in GOOD] == [1] * 5


def test_problems_are_marks_where_one_says_the_same() -> None:
    """In their order; a problem without a mark stays a line, and a pending paper has lines only."""
    lines = ("reply: odd", str(NAME), str(FIGURE))

    assert doubts(doubtful(problems=lines)) == ("reply: odd", NAME, FIGURE)
    assert doubts(entry(card=None, problems=lines, marks=(NAME,))) == lines


TEXTS = st.text(st.sampled_from("0123456789.,%-万十 \\${}×ABnet提升４％"), max_size=40)
WORDS = st.builds(
    mark,
    st.text(st.sampled_from("01234.,%-万十ABn提"), min_size=1, max_size=5),
    st.sampled_from(["figure", "name", "term"]),
)


@given(TEXTS, st.lists(WORDS, max_size=4))
def test_the_pieces_joined_are_the_field(text: str, marks: list[Mark]) -> None:
    """Whatever is marked; no piece is empty, and every mark given to one is one that was asked for."""
    found = cut(text, marks)

    assert "".join(piece.text for piece in found) == text
    assert all(piece.text for piece in found) or not text
    assert {one for piece in found for one in piece.marks} <= set(marks)


@given(st.lists(st.sampled_from(["4.1", "24.1", "4.15", "4", "41", "1,004", "4.1%", "x4.1"]), max_size=8))
def test_a_figure_between_spaces_is_marked_exactly_as_often_as_it_stands_there(figures: list[str]) -> None:
    """Other figures that have it inside are none of it."""
    wanted = figures.count("4.1")

    assert marked(" ".join(figures), mark("4.1")) == ["4.1"] * (wanted or figures.count("4.1%") + figures.count("x4.1"))


def test_hostile_words_mark_themselves_and_nothing_else() -> None:
    """No sign of a pattern means anything."""
    one = card(result="a.*b (c|d) [e] \\w+")
    odd = Mark(field="result", words="(c|d)", kind="name")

    assert [piece.text for piece in pieces(entry(card=one, marks=(odd,), problems=(str(odd),)), "result")] == [
        "a.*b ",
        "(c|d)",
        " [e] \\w+",
    ]


@pytest.mark.parametrize(
    ("text", "words", "whole"),
    [
        (r"提升 $3.5\%$ 。", "3.5", r"$3.5\%$"),
        (r"达到 $\frac{1}{2}$ 与 4", "2", r"$\frac{1}{2}$"),
        (r"共 \textbf{12 个} 类", "12", r"\textbf{12 个}"),
        (r"提升 85\% 。", "85%", r"85\%"),
        ("约 10^5 个", "5", "10^5"),
        ("在 3--5 之间", "3", "3--5"),
        ("在 3--5 之间", "5", "3--5"),
        ("提升 2.1~dB", "2.1", "2.1~dB"),
    ],
)
def test_a_formula_and_a_macro_are_marked_whole(text: str, words: str, whole: str) -> None:
    """Half of one would be read as something else."""
    assert marked(text, mark(words)) == [whole]


SIGNS = st.text(st.sampled_from("01234.,%-万 \\${}^_~`'ABn提"), max_size=40)


@given(SIGNS, st.lists(WORDS, max_size=4))
def test_the_pieces_are_read_as_the_field_is(text: str, marks: list[Mark]) -> None:
    """However it is cut, a reader sees the same signs."""
    assert "".join(plain(piece.text) for piece in cut(text, marks)) == plain(text)
