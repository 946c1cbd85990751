"""What a small model may write: the question's figures and names, and its own language's signs."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.engines.copying import copied, grammar, wording
from digest.prompts import CARD_SCHEMA

QUESTION = (
    "Title: TideNet: Reading Gauges with Low-Rank Adaptation\n"
    "Abstract: TideNet-7B reads seven kinds of gauges. On 3,141 images of LakeBench it reaches 85.2\\% and is 2.5x "
    "faster than GPT-4, at $O(n^2)$ cost; large language models (LLMs) lose 4 percent. We call the rest noise."
)


@pytest.mark.parametrize(
    "text",
    [
        "TideNet在LakeBench上达到85.2%。",
        "用3,141幅图训练，比GPT-4快2.5倍，复杂度为$O(n^2)$",
        "能读7种仪表，大语言模型（LLM）下降4%，",
        "读写-校验与输入/输出",
    ],
)
def test_what_the_question_prints_may_be_said(text: str) -> None:
    """Figures, names, formulas, digits of number words, percent signs and common abbreviations pass."""
    assert wording(QUESTION, "Hans").fullmatch(text)


@pytest.mark.parametrize(
    "text",
    [
        "TideNet达到85.3%。",
        "TideNet达到5.2%。",
        "用141幅图",
        "有7,000幅图",
        "比GPT-5快",
        "TideNets很快",
        "We call the rest noise",
        "LakeBench85.2",
        "达到85.2.4",
        "",
        "，好",
        "Abstract说",
        "快\n慢",
        '他说"好"',
    ],
)
def test_nothing_else_may_be_said(text: str) -> None:
    """Another figure, a part of one, another name, English, markup and nothing at all do not pass."""
    assert not wording(QUESTION, "Hans").fullmatch(text)


def test_a_figure_with_a_unit_is_not_said_without_it() -> None:
    """7B is not 7, and 10K is not 10."""
    assert not {"7", "10"} & set(copied("We scale to 7B parameters with 10K images"))


def test_the_grammar_names_the_fields_in_order() -> None:
    """Its root is the object of the schema, and nothing stands around it."""
    root = grammar(CARD_SCHEMA, QUESTION, "Hans").splitlines()[0]  # type: ignore[union-attr]
    assert re.findall(r'\\"(\w+)\\":', root) == ["tldr", "motivation", "method", "result", "conclusion"]


def test_a_script_of_which_nothing_is_known_has_no_grammar() -> None:
    """Latin letters can't be told from names, so such a language is held to its schema alone."""
    assert grammar(CARD_SCHEMA, QUESTION, "Latn") is None


def test_no_rule_is_used_without_being_defined() -> None:
    """Each name on a right side has a left side, also where nothing may be copied."""
    for question in (QUESTION, "", "nothing here has a name"):
        rules = dict(line.split(" ::= ") for line in str(grammar(CARD_SCHEMA, question, "Hans")).splitlines())
        bare = re.sub(r'"(?:[^"\\]|\\.)*"|\[(?:[^\]\\]|\\.)*\]', "", " ".join(rules.values()))
        assert set(re.findall("[a-z]+", bare)) <= set(rules)


@given(st.lists(st.text('ab\\"1é', min_size=1, max_size=4), min_size=1, max_size=8, unique=True))
def test_the_tree_of_words_spells_each_of_them_and_no_other(words: list[str]) -> None:
    """The rule as a regular expression matches the words that went in, as JSON has them, and none of their parts."""
    from digest.engines.copying import _tree

    written = [json.dumps(word, ensure_ascii=False)[1:-1] for word in words]
    rule = _tree(written)
    pattern = re.sub(
        r'"((?:[^"\\]|\\.)*)"|\s',
        lambda part: re.escape(re.sub(r"\\(.)", r"\1", part[1])) if part[1] is not None else "",
        rule,
    )
    parts = {word[:end] for word in written for end in range(1, len(word) + 1)}
    assert {part for part in parts if re.fullmatch(pattern, part)} == set(written)


@given(st.text(max_size=300))
def test_any_text_has_a_grammar(text: str) -> None:
    """Whatever a question holds, the words that may be copied stand in it or are known beforehand."""
    assert grammar(CARD_SCHEMA, text, "Hans")
    assert wording(text, "Hans").fullmatch("好")
