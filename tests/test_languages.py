"""Languages: tags in one spelling, and texts told apart on cards of invented papers."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.languages import LANGUAGES, canonical_language, foreign, language_of, refuses

SAMPLES = Path(__file__).parent / "data" / "languages"
ABSTRACT = "foo trains stably on long sequences with a learnable gate and beats earlier methods on three corpora."


def cards(tag: str) -> list[list[str]]:
    """Six cards of five fields each; the last ends with the language's "not stated"."""
    text = (SAMPLES / f"{tag}.txt").read_text(encoding="utf-8")
    return [block.splitlines() for block in text.strip().split("\n\n")]


WRITTEN = {path.stem: cards(path.stem) for path in sorted(SAMPLES.glob("*.txt"))}
FIELDS = {tag: [field for card in found for field in card] for tag, found in WRITTEN.items()}
SENTENCES = {
    "fr": "Les auteurs ajoutent une porte à chaque couche et montrent que l'apprentissage est plus stable.",
    "es": "Los autores añaden una puerta a cada capa y muestran que el entrenamiento es más estable.",
    "it": "Gli autori aggiungono una porta a ogni strato e mostrano che l'addestramento è più stabile.",
    "pt-BR": "Os autores adicionam uma porta a cada camada e mostram que o treinamento é mais estável.",
    "nl": "De auteurs voegen aan elke laag een poort toe en laten zien dat het trainen stabieler wordt.",
    "ru": "Авторы добавляют вентиль в каждый слой и показывают, что обучение становится устойчивее.",
    "uk": "Автори додають вентиль у кожен шар і показують, що навчання стає стійкішим.",
    "el": "Οι συγγραφείς προσθέτουν μια πύλη σε κάθε επίπεδο και η εκπαίδευση γίνεται πιο σταθερή.",
    "ar": "يضيف المؤلفون بوابة إلى كل طبقة ويبينون أن التدريب يصبح أكثر استقرارا.",
    "hi": "लेखक हर परत में एक द्वार जोड़ते हैं और दिखाते हैं कि प्रशिक्षण अधिक स्थिर हो जाता है।",
    "th": "ผู้เขียนเพิ่มประตูในทุกชั้นและแสดงให้เห็นว่าการฝึกมีเสถียรภาพมากขึ้น",
    "he": "המחברים מוסיפים שער לכל שכבה ומראים שהאימון נעשה יציב יותר.",
    "pl": "Autorzy dodają bramkę do każdej warstwy i pokazują, że uczenie staje się stabilniejsze.",
}


def test_the_samples_are_whole() -> None:
    """Six languages with six cards of five fields."""
    assert set(WRITTEN) == {"zh-Hans", "zh-Hant", "ja", "ko", "en", "de"}
    assert all(len(found) == 6 and {len(card) for card in found} == {5} for found in WRITTEN.values())
    assert all(found[-1][-1] == LANGUAGES[tag].not_stated for tag, found in WRITTEN.items())


@pytest.mark.parametrize("tag", WRITTEN)
def test_a_card_in_the_asked_language_is_in_it(tag: str) -> None:
    """No false alarm on any field, with names, figures and terms as they stand in abstracts."""
    assert [found for field in FIELDS[tag] if (found := foreign(field, ABSTRACT, tag))] == []


@pytest.mark.parametrize("asked", WRITTEN)
@pytest.mark.parametrize("tag", WRITTEN)
def test_a_card_in_another_language_is_not(asked: str, tag: str) -> None:
    """Each card is refused in every language but its own, by nearly all of its fields."""
    if asked == tag:
        return
    for card in WRITTEN[tag]:
        said = [foreign(field, ABSTRACT, asked) for field in card]
        assert sum(one is not None for one in said) > 2, card
        assert said[0], card[0]


@pytest.mark.parametrize("tag", SENTENCES)
def test_other_languages_are_told_by_the_same_rules(tag: str) -> None:
    """A sentence of each is in its own language, and neither in English nor in Chinese nor in Japanese."""
    said = SENTENCES[tag]
    assert foreign(said, ABSTRACT, tag) is None
    for asked in ("zh-Hans", "ja", "ko", "ar" if tag != "ar" else "he"):
        assert foreign(said, ABSTRACT, asked)
    assert foreign(" ".join(WRITTEN["en"][0]), ABSTRACT, tag)
    assert foreign(WRITTEN["zh-Hans"][0][0], ABSTRACT, tag)


@pytest.mark.parametrize(("said", "asked"), [("ru", "uk"), ("uk", "ru"), ("fr", "es"), ("es", "it"), ("pt-BR", "es")])
def test_sisters_are_told_apart(said: str, asked: str) -> None:
    """By letters that one of them lacks, or by small words."""
    assert foreign(SENTENCES[said], ABSTRACT, asked)


def test_a_reason_names_the_language_and_what_gives_the_text_away() -> None:
    """What the model is told, and the reader."""
    assert foreign("The gate is good.", "", "zh-Hans") == "is not in Chinese"
    assert foreign("門控機制顯著優於現有方法", "", "zh-Hans") == "is in Traditional characters: 門機顯優現"
    assert foreign("门控机制显著优于现有方法", "", "zh-Hant") == "is in Simplified characters: 门机显优"
    assert foreign("门控机制显著优于现有方法", "", "ja") == "is not in Japanese: it has hardly any kana"


def test_one_or_two_strange_characters_are_a_slip() -> None:
    """A card is not lost for a letter; three are a habit."""
    assert foreign("该方法对问題的处理更稳定，训练时间也更短。", "", "zh-Hans") is None
    assert foreign("该方法对問題的處理更稳定，训练时间也更短。", "", "zh-Hans")


def test_characters_of_the_other_kind_may_be_quoted() -> None:
    """A title in quotes, or what the abstract itself has."""
    assert foreign("本文整理了《國學經典選讀》一书的全部注释与译文。", "", "zh-Hans") is None
    assert foreign("本文整理了國學經典選讀一书的全部注释与译文。", "", "zh-Hans")
    assert foreign("本文整理了國學經典選讀一书的全部注释与译文。", "the book 國學經典選讀", "zh-Hans") is None


def test_a_japanese_card_is_not_chinese_however_many_kanji_it_has() -> None:
    """Kana have no place in a Chinese sentence; a quoted word has."""
    assert foreign("本研究では大規模言語模型の推論能力を評価する手法を提案した。", "", "zh-Hans")
    assert foreign("研究日语助词“は”与“が”在机器翻译中的区分问题，并构建评测集。", "", "zh-Hans") is None


SLIP = "the proposed method consistently outperforms several strong and generative baselines"
GERMAN_SLIP = "The results show that it is better than the baselines."


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("zh-Hans", f"在响应排序、任务适应和来自人类反馈的强化学习等许多不同的实验之中，{SLIP}。"),
        ("ja", f"提案手法はどの系列でも安定して学習できることがわかった。{SLIP}"),
        ("ko", f"제안한 방법은 긴 시퀀스에서도 안정적으로 학습되는 것으로 나타났다. {SLIP}"),
        ("de", f"Das Verfahren ist stabil und auf der Karte nicht langsam. {GERMAN_SLIP}"),
        ("fr", f"La méthode est stable sur les longues séquences et la plus rapide de toutes. {GERMAN_SLIP}"),
    ],
)
def test_a_field_that_slips_into_english_is_refused(asked: str, said: str) -> None:
    """Half a field in another language is as bad as a whole one, and the slip is quoted."""
    reason = foreign(said, ABSTRACT, asked)
    assert reason
    assert ": t" in reason.lower()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            "zh-Hans",
            "作者使用 fine-tuning、in-context learning 与 chain-of-thought prompting 三种方式微调 Llama-3 并作比较。",
        ),
        ("ja", "Llama-3 を fine-tuning し、その結果を chain-of-thought prompting による方法と比較した。"),
        ("ko", "Llama-3를 fine-tuning하고 그 결과를 chain-of-thought prompting 방법과 비교하였다."),
        ("de", "Llama-3 wird mit Fine-Tuning und Chain-of-Thought Prompting auf „The Pile“ trainiert."),
        ("fr", "Llama-3 est affiné sur “State of the Art in the Wild” avec du chain-of-thought prompting."),
    ],
)
def test_terms_and_titles_may_be_english(asked: str, said: str) -> None:
    """Names keep their spelling in every language."""
    assert foreign(said, ABSTRACT, asked) is None


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("zh", "zh-Hans"),
        ("zh-CN", "zh-Hans"),
        ("zh_cn", "zh-Hans"),
        ("zh-SG", "zh-Hans"),
        ("ZH-hans-cn", "zh-Hans"),
        ("zh-TW", "zh-Hant"),
        ("zh-HK", "zh-Hant"),
        ("zh-Hant-HK", "zh-Hant"),
        ("ja-JP", "ja"),
        ("ko-Kore-KR", "ko"),
        (" en ", "en"),
        ("en-GB", "en-GB"),
        ("de-de", "de"),
        ("pt-br", "pt-BR"),
        ("es-419", "es-419"),
        ("no", "nb"),
        ("ru-Cyrl", "ru"),
    ],
)
def test_a_tag_has_one_spelling(text: str, tag: str) -> None:
    """Region and script stay only where they say something."""
    assert canonical_language(text) == tag
    assert canonical_language(tag) == tag


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("jp", "did you mean ja?"),
        ("cn", "did you mean zh-Hans?"),
        ("Japanese", "did you mean ja?"),
        ("日本語", "did you mean ja?"),
        ("繁體中文", "did you mean zh-Hant?"),
        ("Deutsch", "did you mean de?"),
        ("ja-Latn", "did you mean ja?"),
        ("tlh", "known are zh-Hans, zh-Hant, ja, ko, en"),
        ("", "known are"),
        ("../ja", "known are"),
        ("zh-Latn", "known are"),
    ],
)
def test_what_is_no_tag_is_refused_with_what_may_be_meant(text: str, hint: str) -> None:
    """Countries and names of languages are what people write."""
    with pytest.raises(ValueError, match="is no language that is known here") as caught:
        canonical_language(text)
    assert hint in str(caught.value)


@given(st.text(max_size=12))
def test_no_text_is_a_tag_that_is_not_one(text: str) -> None:
    """Whatever comes in, what comes out is fit for a folder's name and stands for itself, or nothing comes out."""
    try:
        tag = canonical_language(text)
    except ValueError:
        return
    assert tag.replace("-", "").isalnum()
    assert tag.isascii()
    assert canonical_language(tag) == tag
    assert language_of(tag).tag == tag


def test_each_language_has_what_prompts_need() -> None:
    """A name in itself, a phrase that is in it, and the names of prompt files."""
    for tag, one in LANGUAGES.items():
        assert canonical_language(tag) == one.tag == tag
        assert all((one.name, one.english, one.not_stated, one.lengths.tldr))
        assert foreign(f"{one.not_stated}, {one.not_stated}", "", tag) is None, tag
    assert LANGUAGES["zh-Hant"].prompts == ("zh-Hant", "zh", "")
    assert language_of("pt-BR").prompts == ("pt-BR", "pt", "en", "")
    assert (language_of("pt-BR").name, language_of("xx").name) == ("português (BR)", "xx")
    assert [language_of(tag).decimal_comma for tag in ("de", "de-AT", "de-CH", "en", "ja")] == [
        True,
        True,
        False,
        False,
        False,
    ]


@given(st.text(max_size=300), st.sampled_from([*LANGUAGES, "xx", "nonsense", ""]))
def test_no_text_makes_the_check_fail(text: str, language: str) -> None:
    """A reason or None, whatever a model says."""
    assert isinstance(foreign(text, text.lower(), language), str | None)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("抱歉，我無法協助處理這個要求。", True),
        ("申し訳ありませんが、その依頼にはお応えできません。", True),
        ("죄송합니다. 요약할 수 없습니다.", True),
        ("Es tut mir leid, das kann ich nicht.", True),
        ("Lo siento, no puedo.", True),
        ("К сожалению, я не могу.", True),
        *((card[0], False) for found in WRITTEN.values() for card in found),
    ],
)
def test_a_refusal_is_told_in_each_language(text: str, is_one: bool) -> None:
    """And a summary is none."""
    assert refuses(text) is is_one


def test_the_check_is_quick() -> None:
    """Five fields take a small part of the 3 ms that a request may cost us; the limit is far above what is measured."""
    fields = FIELDS["zh-Hans"] * 10
    best = min(_seconds(fields) for _ in range(3))
    assert best / len(fields) * 5 < 1e-3


def _seconds(fields: list[str]) -> float:
    began = time.process_time()
    for field in fields:
        foreign(field, ABSTRACT, "zh-Hans")
    return time.process_time() - began
