"""Names: what the source calls so in any spelling is known, what it does not is unknown, and the likeliest is told."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.names import Name, Source, only_strange, unknown

SOURCE = (
    "SwimVG: Visual Grounding with Large Language Models. We tune ResNet-50 and GPT-4o by Low-Rank Adaptation (with "
    r"\textbf{Foo}Net and $\text{BarNet}^2$) on COCO2017, follow Erd\H{o}s and Poincar\'e, "
    "use the Laplacian of Gaussian, "
    "and beat Qwen2.5-VL, SHAP and MLLMs of mixture of experts in SystemVerilog, the segmentation transformers."
)


def strange(text: str, source: str = SOURCE, *, capitalized: bool = True) -> list[str]:
    return [name.words for name in unknown(text, Source(source), capitalized=capitalized)]


KNOWN = [
    "SwimVG 与 SwimVG的变体",
    "ResNet50、ResNet 50 与 ResNet-50",
    "GPT4o 与 GPT-4o",
    "FooNet 与 BarNet²",
    "BarNet2",
    "ＳｗｉｍＶＧ",
    "Erdős 与 Poincaré",
    "COCO",
    "Qwen2.5 VL 与 Qwen2.5-VL-7B",
    "MLLM 与 MLLMs",
    "Transformer 与 Transformers",
    "用 LLM、LLMs 与 VLM",
    "用 LoRA 与 LoG 微调 MoE",
    "SHAP（SHapley Additive exPlanations）",
    "Verilog",
    "达到 SOTA，IoU 与 mAP 更高，用 GPU",
    "token 与 prompt，k-means，3D，7B，120FPS，5TB",
    "SwimVG+ResNet-50/GPT-4o",
    "COCO-ResNet",
    "A、B 与 x_i",
    r"$\mathcal{L}_{COCO}$",
]


@pytest.mark.parametrize("text", KNOWN)
def test_a_name_of_the_source_is_known_in_every_usual_spelling(text: str) -> None:
    """Hyphens, plurals, TeX, accents, abbreviations of spelled-out words, compounds and common terms."""
    assert strange(text, SOURCE) == []


UNKNOWN = [
    ("SwinVG 框架", "SwinVG", "SwimVG"),
    ("SwimV 框架", "SwimV", "SwimVG"),
    ("SiwmVG 框架", "SiwmVG", "SwimVG"),
    ("SwimVGG 框架", "SwimVGG", "SwimVG"),
    ("用 ResNet-101", "ResNet-101", "ResNet-50"),
    ("用 GPT-5", "GPT-5", None),
    ("用 COCO2018", "COCO2018", "COCO2017"),
    ("用 Mistral", "Mistral", None),
    ("用 CLIP", "CLIP", None),
    ("用 Tranformer", "Tranformer", None),
    ("用 LaRA", "LaRA", None),
    ("用 ResNet-Mamba", "ResNet-Mamba", None),
]


@pytest.mark.parametrize(("text", "words", "nearest"), UNKNOWN)
def test_a_name_that_the_source_does_not_have_is_unknown(text: str, words: str, nearest: str | None) -> None:
    """A letter changed, dropped, doubled or exchanged with the next; another number; another name."""
    (name,) = unknown(text, Source(SOURCE))
    assert name.words == words
    assert text[name.start : name.end] == words
    assert nearest is None or name.instead == nearest


def test_an_abbreviation_cut_short_is_no_abbreviation_of_its_own() -> None:
    """ "HA" begins the words that follow "multi", and yet it is a slip of the pen."""
    source = "Multi-Head Attention (MHA) and Simple Twin Alignment Reward (STAR)."
    assert strange("用 MHA 与 STAR", source) == []
    assert strange("用 MHX", source) == ["MHX"]
    assert strange("用 STA", source) == ["STA"]


def test_an_abbreviation_spelled_out_otherwise_is_unknown() -> None:
    """Where the source says what its letters stand for, other words for them are a misquote."""
    source = "Parallel Relative Policy Optimization. We propose PRPO with rewards."
    assert strange("PRPO（Parallel Relative Policy Optimization）", source) == []
    assert strange("PRPO（Parallel Relative Preference Optimization）", source) == ["Preference"]


def test_an_abbreviation_may_be_spelled_out_where_the_source_does_not() -> None:
    """What the letters of the abbreviation begin is no name of its own."""
    assert strange("A-U（Abernathy-Utterback）模型", "The A-U model.") == []


def test_capitals_alone_make_no_name_where_latin_is_the_text_s_own_script() -> None:
    """A German noun is no name; letters within it, or a digit, still are."""
    assert strange("Die Methode nutzt Mistral7 und SwinVG", capitalized=False) == ["Mistral7", "SwinVG"]


def test_a_name_knows_its_place() -> None:
    """Where it starts and ends in the text as given, for a page to underline it."""
    assert list(unknown("提出ＳｗｉｎＶＧ框架", Source("SwimVG"))) == [Name("ＳｗｉｎＶＧ", 2, 8, "SwimVG")]


def test_a_text_with_nothing_in_common_is_told_from_one_with_a_slip() -> None:
    """One name of the source is enough to be about it."""
    assert only_strange("用 Aaa1、Bbb2、Ccc3", SOURCE, {"Aaa1", "Bbb2", "Ccc3"})
    assert not only_strange("用 SwimVG、Aaa1、Bbb2、Ccc3", SOURCE, {"Aaa1", "Bbb2", "Ccc3"})


LETTERS = "abcdefghijklmnopqrstuvwxyz"


@settings(deadline=None)
@given(st.text(alphabet="abcAFX019-_.,;/+ 模型é²Ａ's{}$(", max_size=60))
def test_a_text_knows_its_own_names(text: str) -> None:
    """Whatever stands in it."""
    assert strange(text, text) == []


@settings(deadline=None)
@given(st.sampled_from(LETTERS), st.integers(1, 7))
def test_a_letter_changed_in_a_long_name_is_seen(letter: str, place: int) -> None:
    """Wherever it stands."""
    name = "Grounder"
    wrong = name[:place] + letter + name[place + 1 :]
    assert strange(f"用{wrong}定位", f"We propose {name}.") == ([] if wrong == name else [wrong])


@pytest.mark.parametrize("unit", ["A", "A-", "a.", "Ab", "A1", "LoRA ", "\\textbf{", "x_", "ＡB", "Aa, "])
def test_hostile_text_is_read_in_linear_time(unit: str) -> None:
    """A pattern that tries all ways would not come to an end."""
    text = unit * (20_000 // len(unit))
    list(unknown(text[:1200], Source(text)))
