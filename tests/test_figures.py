"""Figures: what each may mean, in digits and in words."""

from decimal import Decimal

import pytest

from digest.figures import figures, plain, values
from digest.numerals import chinese, english


def test_plain_spelling_keeps_an_exponent_apart() -> None:
    """Compatibility folding alone would make 105 of ten to the fifth."""
    assert plain("10⁵ 和 ½") == "10^5 和 1/2"


def test_a_figure_carries_every_reading() -> None:
    """85% may stand for 85 or for 0.85."""
    (figure,) = figures("85%")
    assert figure.readings == ((Decimal(85),), (Decimal("0.85"),))


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("two hundred and five", 205),
        ("ninety-nine thousand", 99000),
        ("one hundred twenty two million", 122_000_000),
        ("tens of thousands", 10_000),
        ("three-fold", 3),
        ("eighteenfold", 18),
        ("several orders of magnitude", 10),
    ],
)
def test_english_number_words_give_their_value(words: str, value: int) -> None:
    """Compounds, folds and multitudes."""
    assert Decimal(value) in set(english(words))


def test_a_scale_after_digits_says_nothing_alone() -> None:
    """10 million does not say a million."""
    assert list(english("10 million, 3-billion")) == []


@pytest.mark.parametrize("numeral", ["一一", "二三十", "三五百"])
def test_what_is_no_well_formed_chinese_numeral_has_no_value(numeral: str) -> None:
    """Digits in a row are no number to compare."""
    assert chinese(numeral) is None


@pytest.mark.parametrize(
    ("source", "value"),
    [("4,6k images", 4600), ("in May 2024", 5), ("91 T1-weighted scans", 91), ("20 million", 20_000_000)],
)
def test_a_source_gives_a_value_in_every_usual_spelling(source: str, value: int) -> None:
    """With a decimal comma, as a month, before a name that begins with a letter of scale."""
    assert Decimal(value) in values(source)


@pytest.mark.parametrize(
    ("source", "value"), [("20 million rows", 20), ("35K images", 35), ("91 T1 scans", 91 * 10**12)]
)
def test_a_number_before_a_scale_is_not_the_number_alone(source: str, value: int) -> None:
    """A card that drops the scale says something else."""
    assert Decimal(value) not in values(source)


@pytest.mark.parametrize("text", [".0.0", "..5", ".1,000.5", "0..0.0", "．０．０"])
def test_odd_points_are_read_somehow(text: str) -> None:
    """A stray point before a number with one of its own is no reason to fail."""
    assert list(figures(plain(text)))
