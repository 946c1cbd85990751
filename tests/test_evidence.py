"""Evidence: what a source gives, or leads to, is borne out; what it does not is named where it stands."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.evidence import Given, groundless


def missing(text: str, source: str, *, chinese_numerals: bool = True) -> list[str]:
    """The words of the groundless figures, each once."""
    found = groundless(text, Given(source), chinese_numerals=chinese_numerals)
    return list(dict.fromkeys(one.words for one in found))


GIVEN = [
    ("We gain 3.5%.", "提升了3.5%"),
    ("We gain 3.50 points.", "提升了 3.5 个百分点"),
    ("a score of .5", "得分为 0.5"),
    ("an accuracy of 0.85", "准确率达到85%"),
    ("an accuracy of 85%", "准确率为 0.85"),
    (r"a gain of 10\% over", "提升10%"),
    ("a gain of 12 percent", "提升百分之十二"),
    ("a gain of 12 percent", "提升百分之12"),
    ("we gain 7%", "提升７％"),
    ("12,345 images", "12345张图像"),
    ("12345 images", "12,345 张图像"),
    (r"$1{,}349{,}371$ B", "1,349,371B"),
    ("10 000 runs", "10,000次"),
    ("20 million tokens", "2000万词元"),
    ("1.5 billion tokens", "15亿词元"),
    ("two million tokens", "200万词元"),
    ("68 Billion tokens", "680亿词元"),
    ("a 7B model", "70亿参数的模型"),
    ("a 7B model", "7B模型"),
    ("35K images", "3.5万张图像"),
    ("35 K images", "35K图像"),
    ("11 M - 570 M parameters", "11M-570M 参数"),
    ("a million-scale corpus", "百万级语料"),
    ("hundreds of thousands of pages", "数十万页"),
    ("half a million pages", "50万页"),
    ("a $3.5\\times$ speedup", "加速3.5倍"),
    ("a 3.5x speedup", "加速 3.5×"),
    ("twice as fast", "快2倍"),
    ("a tenfold gain", "提高10倍"),
    ("30x smaller", "仅为其1/30"),
    ("one third of the cost", "成本的1/3"),
    (r"\frac{1}{2}-approximation", "1/2 近似"),
    ("two orders of magnitude", "快100倍"),
    ("a rate of $10^{-3}$", "学习率为10⁻³"),
    ("a rate of 0.001", "学习率为 10^-3"),
    ("a rate of 1e-3", "学习率为0.001"),
    ("$2.5 \\times 10^6$ samples", "250万个样本"),
    (r"$2^{20}$ tokens", "2^20个词元"),
    ("10 to 20 million rows", "1000万至2000万行"),
    ("10-20% better", "提升10至20%"),
    ("10–20% better", "提升10%~20%"),
    ("twenty-five languages", "25种语言"),
    ("one hundred and twenty tasks", "一百二十项任务"),
    ("15 languages", "十五种语言"),
    ("a dozen models", "12个模型"),
    ("the fifteenth workshop", "第15届"),
    ("in the 1990s", "90年代"),
    ("five decades of work", "50年的研究"),
    ("from November 2024 on", "自2024年11月起"),
    ("9-1-1 calls", "911 呼叫"),
    ("from 3. 85% to", "3.85%"),
    ("Qwen2.5-7B and ResNet-50", "Qwen2.5-7B 与 ResNet-50"),
    ("version 1.2.3", "1.2.3版"),
    ("a ratio of 26 at 850 hPa", "比值约为 26，850 hPa 处最大"),
]


FOLLOWING = [
    ("31 public models and 3 military ones", "共34个模型"),
    ("eight generic and five personal methods", "评估13种方法"),
    ("3,024 human-annotated and 30,024 machine-annotated rows", "共33,048条"),
    ("3,141,568 images", "314万张图像"),
    ("411,409 pairs", "41万+对"),
    ("accuracies of 95.20% and 95.89%", "准确率95%以上"),
    ("89.7% of runs", "约90%的运行"),
    ("over 99% of the quality", "损失小于1%"),
    ("they fail in 85 to 100 percent of cases", "成功率仅为0-15%"),
    ("$(3-\\sqrt{5})/2$", "(3-√5)/2≈0.382"),
]


@pytest.mark.parametrize(("source", "said"), FOLLOWING)
def test_what_follows_from_the_source_is_borne_out(source: str, said: str) -> None:
    """A sum of two counts side by side, a number rounded in 万, the rest of a share, what a formula comes to."""
    assert missing(said, source) == []


@pytest.mark.parametrize(("source", "said"), GIVEN)
def test_a_figure_is_found_in_every_usual_spelling(source: str, said: str) -> None:
    """Units, separators, words, TeX and full-width digits do not make a figure another one."""
    assert missing(said, source) == []


TOLERATED = [
    "在3个数据集上评估：甲、乙和丙",
    "设计了5种损失（一、二、三、四、五）",
    "评估7种语言：1）甲 2）乙 3）丙 4）丁 5）戊 6）己 7）庚",
    "分为2个阶段：1) 训练；2) 推理",
    "1. 收集 2. 标注",
    "① 收集 ② 标注",
    "用于3D重建",
    "B2B 场景",
    "一种统一的方法，第一次一致地处理十分复杂的问题",
    "成千上万的用户",
    "莎士比亚的十四行诗",
    "三分之一的样本",
    "推理需要1分钟",
]


@pytest.mark.parametrize("said", TOLERATED)
def test_marks_small_counts_and_idioms_are_no_figures(said: str) -> None:
    """What a model counts itself, list marks and fixed phrases raise no alarm, though the source has no number."""
    assert missing(said, "We present a method.") == []


MISSING = [
    ("We gain 3.5%.", "提升4.1%", ["4.1%"]),
    ("We gain 65.04%.", "提升6504%", ["6504%"]),
    ("373 million users", "3730万用户", ["3730万"]),
    ("9 billion tokens", "9亿词元", ["9亿"]),
    ("6,636 articles", "6,366篇文章", ["6,366"]),
    ("280 turbines", "28台风机", ["28"]),
    ("1,116,306 lines", "约116万行", ["116万"]),
    ("fifteen languages", "十六种语言", ["十六"]),
    ("We gain a lot.", "提升百分之二十", ["百分之二十"]),
    ("12 and 13", "12、13、14 与 14", ["14"]),
    ("10 million", "100万", ["100万"]),
    ("a 2x speedup", "加速1/3", ["1/3"]),
    ("rate of $10^{-3}$", "10^-4", ["10^-4"]),
    ("GPT is used", "使用GPT-4", ["4"]),
    ("two datasets", "在3个数据集上评估", ["3"]),
    ("We use GPT-4.", "在4个任务上评估", ["4"]),
    ("six languages", "涵盖七种语言", ["七"]),
    ("a 3.5x speedup", "提升3.5%", ["3.5%"]),
    ("after 12 hours", "提升12个百分点", ["12个百分点"]),
    ("a gain of 3.5%", "提升3.5倍", ["3.5"]),
    ("20 million rows", "20行", ["20"]),
    ("206.8k pairs", "20.6万对", ["20.6万"]),
    ("2.5M and 4.1M images", "共650万张", ["650万"]),
    ("31 models, then 3 more", "共34个模型", ["34"]),
    ("12 and 13", "共14个", ["14"]),
]


@pytest.mark.parametrize(("source", "said", "expected"), MISSING)
def test_a_figure_that_the_source_does_not_give_is_missing(source: str, said: str, expected: list[str]) -> None:
    """It is named as it is printed, once, in the order of the text."""
    assert missing(said, source) == expected


def test_chinese_numerals_are_left_out_where_the_card_is_in_another_language() -> None:
    """A Japanese or English card may quote Chinese without a check of its numerals."""
    assert missing("十六", "none", chinese_numerals=False) == []


def spellings(number: int) -> list[str]:
    """One number as a card may print it."""
    grouped = f"{number:,}"
    wide = str(number).translate(str.maketrans("0123456789", "０１２３４５６７８９"))
    return [str(number), grouped, wide, f"{number}.0", f"{Decimal(number) / 10000}万", f"{Decimal(number) / 1000}K"]


@settings(deadline=None)
@given(number=st.integers(11, 10**9), pick=st.integers(0, 5), form=st.integers(0, 2))
def test_a_number_of_the_source_is_never_missing(number: int, pick: int, form: int) -> None:
    """However the source and the card spell it."""
    source = [str(number), f"{number:,}", f"{number:,}".replace(",", "{,}")][form]
    assert missing(f"共{spellings(number)[pick]}条", f"We use {source} rows.") == []


@settings(deadline=None)
@given(known=st.integers(1000, 10**6), other=st.integers(1000, 10**6), tail=st.sampled_from(["", "%", "万", "K", ".5"]))
def test_another_number_is_always_missing(known: int, other: int, tail: str) -> None:
    """A figure of four digits or more that the source does not give is named as printed."""
    source = f"We use {known} rows."
    times = {"万": 10_000, "K": 1000}.get(tail, 1)
    same = other * times == known and tail != ".5"  # a percent sign may be added: the digits are there
    assert missing(f"共{other}{tail}条", source) == ([] if same else [f"{other}{tail}"])


@settings(deadline=None)
@given(st.text(alphabet="0123456789.,%万亿千百十一二三eE^×x/-{}\\$ K\u0663½⁵①分之", max_size=60))
def test_reading_never_fails_and_a_text_gives_its_own_figures(text: str) -> None:
    """Whatever stands in a text, the same text as its source leaves no Arabic figure missing."""
    assert missing(text, text, chinese_numerals=False) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("提升了 ４．１%，很多", "４．１%"),
        (r"提升了 $4.1\%$，很多", r"4.1\%"),
        ("提升“十六”种", "十六"),
        ("共 4，123 条", "4"),
        (r"约$10^{-7}$倍", "10^{-7}"),
    ],
)
def test_a_figure_is_named_as_it_stands_in_the_text(text: str, words: str) -> None:
    """Full-width digits and TeX stay what they are, so that a page can underline them."""
    found = next(groundless(text, Given("none")))
    assert found.words == words
    assert text[found.start : found.start + len(words)] == words


@settings(deadline=None)
@given(st.text(alphabet="0123456789０３４.,%万亿百十一六个种e^{}\\$ ～⁵①，。", max_size=60))
def test_where_a_figure_stands_is_never_wrong(text: str) -> None:
    """Its words are a part of the text, or it says that it can't be found."""
    for one in groundless(text, Given("none")):
        assert one.start == -1 or text[one.start : one.start + len(one.words)] == one.words


def test_a_language_with_a_decimal_comma_means_the_same() -> None:
    """3,5 is 3.5 there, and 1.000 is a thousand."""
    source = Given("We gain 3.5% on 1,000 rows.")
    said = "3,5 % bei 1.000 Zeilen und 4,5 %"
    assert [one.words for one in groundless(said, source, decimal_comma=True)] == ["4,5 %"]


@pytest.mark.parametrize("unit", ["1", "1,", "1 ", "1-", "99.", "万", "一百", "and one ", "½", "{,}1", "10^9", "1/"])
def test_hostile_text_is_read_in_linear_time(unit: str) -> None:
    """Twenty thousand characters of one pattern come to an end: a pattern that tries all ways would not."""
    text = unit * (20_000 // len(unit))
    assert len(missing(text, text)) <= 1


def test_a_bare_figure_may_leave_its_scale_to_the_source() -> None:
    """ "70 billion" quoted as 70 among other bare figures passes; before a noun it is another number."""
    given = Given("A model of 70 billion parameters.")

    assert [one.words for one in groundless("文中的数值为 70、3。", Given("We use 3 of 70 billion."))] == []
    assert [one.words for one in groundless("模型有 70 个参数。", given)] == ["70"]
