"""The glossary: a table read, terms found in a paper, and what a card has wrong of them."""

import re
from pathlib import Path

import pytest
from fakes import GOOD, FakeEngine, completion, entry, paper, reply
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.config import Config
from digest.errors import TemplateError
from digest.glossary import NO_TERMS, Glossary, Term, doubts, read
from digest.models import FIELDS, Mark, Paper
from digest.pipeline import read_glossary
from digest.prompts import Prompt
from digest.resources import built_in
from digest.summary import rejudge, summarize

PLACE = "prompts/glossary.zh-Hans.tsv"
TABLE = read(
    """
# invented
token = 词元|标记 = 令牌;代币
access token = 访问令牌|令牌
attention = 注意力
self-attention = 自注意力 = 自我注意力
knowledge graph = 知识图谱 = 知识图
few-shot = 少样本 = few-shot
Transformer = Transformer = 变压器
ablation study = 消融实验
""",
    PLACE,
)


def ours() -> Glossary:
    return read((built_in("prompts") / "glossary.zh-Hans.tsv").read_text(encoding="utf-8"), PLACE)


def about(abstract: str, title: str = "Untitled") -> Paper:
    return paper(title=title, abstract=abstract)


def names(found: tuple[Term, ...]) -> list[str]:
    return [term.name for term in found]


def filled(text: str, **fields: str) -> dict[str, str]:
    """The fields of a card that all say the same, but for those that are named."""
    return {name: fields.get(name, text) for name in FIELDS}


def marks(abstract: str, **fields: str) -> list[tuple[str, str, str | None]]:
    """What is doubted in a card whose other fields hold nothing of the table."""
    return [(one.field, one.words, one.instead) for one in TABLE.doubts(about(abstract), filled("无", **fields))]


# ------------------------------------------------------------------------------------------ the table


def test_a_line_is_parted_by_tabs_or_equals_signs() -> None:
    """Both say the same; blanks around a part do not count, and the third column may be missing."""
    assert read("token\t词元 | 标记\t令牌 ; 代币\t\n", PLACE) == read("token = 词元|标记 = 令牌；代币", PLACE)
    assert read("token = 词元", PLACE).terms == (Term(("token",), ("词元",)),)


def test_comments_and_blank_lines_say_nothing() -> None:
    """A table without terms is none at all."""
    assert read("# token = 词元\n\n  # x\n", PLACE) == NO_TERMS
    assert NO_TERMS.terms_in(about("A token.")) == ()
    assert NO_TERMS.digest == ""


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("token", "no translation"),
        ("token =", "no translation"),
        ("token = | ", "no translation"),
        ("= 词元", "no term"),
        ("token = 词元 = 令牌 = 代币", "4 columns"),
        ("to-ken- = 词元", "'to-ken-' is not made of words"),
        ("token = 词元 = 令牌;词元", "词元 is accepted and wrong"),
        ("Few Shot = 少样本", "'Few Shot' stands in line 1 already"),
        ("one shot | few-shot = 少样本", "'few-shot' stands in line 1 already"),
    ],
)
def test_a_bad_line_is_named(line: str, said: str) -> None:
    """File and line, what is wrong, and what a line looks like."""
    with pytest.raises(TemplateError) as caught:
        read(f"few-shot = 少样本\n# next\n{line}\n", PLACE)
    assert str(caught.value).startswith(f"{PLACE}:3: ")
    assert said in str(caught.value)
    assert "term = translation" in (caught.value.hint or "")


def test_the_digest_is_that_of_the_terms() -> None:
    """A comment or another sign between the columns changes nothing, another translation does."""
    first = read("token = 词元", PLACE).digest
    assert first == read("# x\ntoken\t词元", PLACE).digest
    assert first != read("token = 标记", PLACE).digest


# ------------------------------------------------------------------------------------------ terms of a paper


def test_terms_come_once_in_the_order_of_their_first_use() -> None:
    """Title before abstract."""
    found = TABLE.terms_in(about("Attention to tokens, attention.", title="Few-shot learning"))
    assert names(found) == ["few-shot", "attention", "token"]


@pytest.mark.parametrize("text", ["few shot", "Few-Shot", "FEW‑SHOT", "(few-shot)", "few-shot-based"])
def test_case_and_hyphens_do_not_count(text: str) -> None:
    """Nor does what stands around the words."""
    assert names(TABLE.terms_in(about(f"A {text} way."))) == ["few-shot"]


@pytest.mark.parametrize("text", ["ablation studies", "Ablation Study", "ablation\nstudy"])
def test_a_plural_is_the_same_term(text: str) -> None:
    """Also one in -ies."""
    assert names(TABLE.terms_in(about(text))) == ["ablation study"]


@pytest.mark.parametrize("text", ["tokenized", "inattention", "few. Shot", "few, shot", "ablation, study", "to ken"])
def test_a_term_is_whole_words_in_one_sentence(text: str) -> None:
    """A part of a word is none, nor are words with a sign between them."""
    assert TABLE.terms_in(about(text)) == ()


def test_the_longest_term_counts() -> None:
    """What lies within a longer one is not the shorter one; beside it, it is."""
    assert names(TABLE.terms_in(about("Self-attention with an access token."))) == ["self-attention", "access token"]
    assert names(TABLE.terms_in(about("Self-attention, attention."))) == ["self-attention", "attention"]


@settings(deadline=None)
@given(st.text(max_size=80), st.sampled_from(["token", "few-shot", "Ablation studies"]))
def test_a_term_is_found_in_any_surroundings(text: str, term: str) -> None:
    """Whatever stands before and behind it, and the search never fails."""
    found = TABLE.terms_in(paper(title="x", abstract=f"{text} . {term} . {text}"))
    assert any(term.lower().startswith(one[:6]) for one in names(found))


# ------------------------------------------------------------------------------------------ doubts


def test_a_wrong_translation_is_marked_where_it_stands() -> None:
    """In each field, with what the table fixes; without the term in the paper it is no error."""
    said = marks("Each token counts.", method="对每个令牌加权。", result="令牌减半。")
    assert said == [("method", "令牌", "词元"), ("result", "令牌", "词元")]
    assert marks("Each word counts.", method="对每个令牌加权。") == []


def test_the_mark_says_its_problem() -> None:
    """As the reader and the repair see it."""
    (mark,) = doubts(TABLE.terms_in(about("A token.")), filled("无", method="令牌"))
    assert mark == Mark(field="method", words="令牌", kind="term", instead="词元")
    assert str(mark) == "method: the glossary has 词元, not 令牌"


def test_what_another_term_of_the_paper_allows_is_not_wrong() -> None:
    """An access token is a 令牌."""
    assert marks("An access token guards each token.", method="以令牌保护。") == []


def test_a_wrong_form_within_a_right_one_is_none() -> None:
    """知识图 is wrong, 知识图谱 is not, and both may stand in one field."""
    assert marks("A knowledge graph.", method="构建知识图谱。") == []
    assert marks("A knowledge graph.", method="构建知识图与知识图谱。") == [("method", "知识图", "知识图谱")]


def test_a_wrong_form_is_told_once() -> None:
    """The longer one counts where a shorter one lies within it."""
    table = read("token = 词元 = 令牌\nvisual token = 视觉词元 = 视觉令牌", PLACE)
    fields = filled("无", method="视觉令牌")
    found = [mark.words for mark in table.doubts(about("A visual token is a token."), fields)]
    assert found == ["视觉令牌"]


def test_an_english_word_that_the_table_calls_wrong_is_marked() -> None:
    """As it stands in the card, hyphen or not; one that the table does not speak of stays."""
    assert marks("An attention.", result="用 attention 更好。") == []
    assert marks("A few-shot way.", result="在few-shot任务上更好。") == [("result", "few-shot", "少样本")]
    assert marks("A few-shot way.", result="在 few shot 任务上更好。") == [("result", "few shot", "少样本")]


@pytest.mark.parametrize(
    ("abstract", "text"),
    [
        ("A few-shot way.", "少样本（few-shot）学习。"),
        ("A few-shot way.", "小规模示例学习（few-shot learning）。"),
        ("A few-shot way.", "所谓“few-shot”学习。"),
        ("A few-shot way.", "Few-shot 学习。"),
        ("A few-shot way.", "采用 few-shot prompting 方法。"),
        ("A few-shot way.", "采用 GPT few-shot 方法。"),
        ("A few-shot way.", "见 few-shot-bench。"),
        ("A few-shot way.", "设 $few-shot$ 为零。"),
        ("A token.", "每个标记（token）。"),
        ("A transformer.", "使用 transformer 架构。"),
    ],
)
def test_an_english_word_that_is_right_is_none(abstract: str, text: str) -> None:
    """In brackets, as a name, in quotes or a formula, or where the table keeps it."""
    assert marks(abstract, method=text) == []


def test_nobody_has_to_use_a_term() -> None:
    """A card may say it in another way."""
    assert marks("Self-attention over tokens in a few-shot ablation study.", **GOOD) == []


# ------------------------------------------------------------------------------------------ the one that comes along


def test_the_built_in_table_can_be_read() -> None:
    """About 150 terms or more, and every translation but those that keep the English is Chinese."""
    table = ours()
    assert len(table.terms) > 140
    for term in table.terms:
        assert re.search("[\u4e00-\u9fff]", term.translation) or term.is_kept or term.name == "rectified flow"
        assert not any(form.isascii() for form in term.wrong)


def test_no_wrong_form_of_the_built_in_table_hides_in_a_right_one() -> None:
    """A card that has every term right has no doubt, whatever the paper uses."""
    terms = ours().terms
    right = filled("。".join(form for term in terms for form in term.accepted))
    alone = [mark for term in terms for mark in doubts([term], filled("。".join(term.accepted)))]
    assert list(doubts(terms, right)) == alone == []


def test_the_built_in_table_knows_the_classic_blunders() -> None:
    """A power transformer and a coin are none of machine learning."""
    fields = filled("无", method="用变压器处理代币，并报告烧蚀实验。")
    found = {mark.words for mark in ours().doubts(about("A Transformer over tokens, with ablation studies."), fields)}
    assert found == {"变压器", "代币", "烧蚀实验"}
    power = about("A power transformer fault, seen by a Transformer.")
    assert not list(ours().doubts(power, filled("变压器故障")))


def test_the_table_comes_with_the_prompts() -> None:
    """Where a user's own file of the same name takes its place."""
    assert (Path(built_in("prompts")) / "glossary.zh-Hans.tsv").is_file()


def test_a_user_s_own_table_takes_the_place_of_ours(tmp_path: Path) -> None:
    """An empty one turns it off; a language without a table has none; a bad line is named as his."""
    own = tmp_path / "prompts" / "glossary.zh-Hans.tsv"
    assert len(read_glossary(Config(home=tmp_path)).terms) > 140
    assert read_glossary(Config(home=tmp_path, language=("ja",))) == NO_TERMS
    own.parent.mkdir()
    own.write_text("\ufefftoken = 令牌\n", encoding="utf-8")
    assert names(read_glossary(Config(home=tmp_path)).terms) == ["token"]
    own.write_text("", encoding="utf-8")
    assert read_glossary(Config(home=tmp_path)) == NO_TERMS
    own.write_text("token\n", encoding="utf-8")
    with pytest.raises(TemplateError, match=r"^prompts/glossary\.zh-Hans\.tsv:1: no translation"):
        read_glossary(Config(home=tmp_path))


def test_a_card_with_a_wrong_term_is_asked_again() -> None:
    """The reason is in the repair; the mark is on the card when the repair has it wrong, too."""
    prompt = Prompt("s", "{{ paper.title }}", "{{ problems | join }}", "zh-Hans", glossary=TABLE)
    engine = FakeEngine(lambda request: completion(reply(method="作者在每个令牌上加入门控，并分两步进行训练。")))
    pending = entry(card=None, abstract="Foo gates each token.", title="Gates")
    (flagged,) = summarize([pending], engine, prompt, model="m")

    assert "method: the glossary has 词元, not 令牌" in engine.asked[1].messages[-1]["content"]
    assert [mark.words for mark in flagged.marks] == ["令牌"]
    assert rejudge(flagged, "zh-Hans", TABLE).problems == flagged.problems
    assert rejudge(flagged, "zh-Hans").problems == ()
