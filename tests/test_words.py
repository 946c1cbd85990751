"""Text as it is compared, and names of people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.words import People, folded, holds, words


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Poincaré", "poincare"),
        (r"Poincar\'e and Poincar\'{e}", "poincare and poincare"),
        (r"Erd\H{o}s, \c Caglar, \v{S}ima", "erdos, caglar, sima"),
        (r"S\o ren, Bj\o{}rk, \AA rhus", "soren, bjork, aarhus"),
        ("Ｇ\uff30Ｔ ﬁt", "gpt fit"),
        ("e\u0301tude", "etude"),
        ("ÆTHER Øst", "aether ost"),
        ("が", "が"),
    ],
)
def test_case_width_and_accents_are_folded(text: str, plain: str) -> None:
    """Whether written in Unicode, composed or not, or in TeX; a kana's mark is no accent."""
    assert folded(text) == plain


def test_signs_of_scripts_without_blanks_are_words() -> None:
    """So a phrase is found inside a line of Chinese, with Latin words beside it."""
    assert words("基于BERT的视觉") == " 基 于 bert 的 视 觉 "
    assert holds(words("大视觉语言模型"), words("语言 模型"))
    assert not holds(words("大视觉语言模型"), words("模语"))


@given(st.text())
def test_words_are_words_already(text: str) -> None:
    """What `words` gives it gives back, and no two blanks stand together."""
    found = words(words(text))

    assert found == words(found)
    assert "  " not in found
    assert found == "" or (found[0], found[-1]) == (" ", " ")


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("Kaiming He", "Kaiming He"),
        ("He, Kaiming", "Kaiming He"),
        ("Kaiming He", "He, Kaiming"),
        ("kaiming he", "Kaiming HE"),
        ("K. He", "Kaiming He"),
        ("K He", "K. He"),
        ("Jun-Yan Zhu", "Junyan Zhu"),
        ("J.-Y. Zhu", "Jun-Yan Zhu"),
        ("J. Zhu", "Jun-Yan Zhu"),
        ("Geoffrey Hinton", "Geoffrey E. Hinton"),
        ("Geoffrey E. Hinton", "Geoffrey Everest Hinton"),
        ("Bernhard Scholkopf", "Bernhard Schölkopf"),
        ("Paul Erdős", r"Paul Erd\H{o}s"),
        ("L. van der Maaten", "Laurens van der Maaten"),
        ("Conan O'Brien", "Conan O’Brien"),
        ("何恺明", "何恺明"),
    ],
)
def test_a_name_is_found_however_it_is_written(asked: str, name: str) -> None:
    """Order, case, accents, dots, hyphens, and the initials that the reader wrote or left out."""
    assert People.named([asked]).among(["Someone Else", name]) == (name,)


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("Kaiming He", "K. He"),
        ("Kaiming He", "Kai He"),
        ("Kaiming He", "Kaiming Hess"),
        ("K. He", "Wei He"),
        ("He", "Kaiming He"),
        ("Kaiming He", "He"),
        ("Geoffrey E. Hinton", "Geoffrey Hinton"),
        ("Geoffrey E. Hinton", "Geoffrey F. Hinton"),
        ("Geoffrey Hinton", "Geoffrey Maria Hinton"),
        ("何明", "何恺明"),
        ("...", "..."),
    ],
)
def test_another_name_is_another_person(asked: str, name: str) -> None:
    """An initial of arXiv's stands for nobody that the reader named in full."""
    assert People.named([asked]).among([name]) == ()


@given(st.lists(st.text(max_size=12), max_size=4), st.lists(st.text(max_size=12), max_size=4))
def test_any_text_may_be_a_name(asked: list[str], names: list[str]) -> None:
    """Names come as people and arXiv write them; those found are among those looked at."""
    assert set(People.named(asked).among(names)) <= set(names)
