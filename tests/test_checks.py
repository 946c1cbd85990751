"""Checks: which replies make a card, which make a doubtful one, which make none, and the words that say why."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from fakes import GOOD, paper, reply
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.checks import Judgement, doubts, judge, judge_note
from digest.languages import language_of
from digest.models import FIELDS

NOT_STATED = language_of("zh-Hans").not_stated
LONGEST_LINE = language_of("zh-Hans").lengths.line

ABSTRACT = (
    "We present Foo, a gated attention that is stable on long sequences. It wraps thoughts in <think> tags and prints "
    "{{ slots }}. We gain 3.5% on 12,000 rows and beat GatedLongFormer-Instruct, LLaVA-OneVision and InternVL."
)


def judged(text: str, **options: Any) -> Judgement:
    return judge(paper(abstract=ABSTRACT), text, **options)


def only_problem(text: str, **options: Any) -> str:
    judgement = judged(text, **options)
    assert judgement.fields is None
    (problem,) = judgement.problems
    return problem


def test_a_good_reply_is_a_card_without_problems() -> None:
    """All five fields come back as they were."""
    assert judged(reply()) == Judgement(GOOD)


@pytest.mark.parametrize(
    "wrapped",
    [
        "```json\n{}\n```",
        "```\n{}\n```",
        '<think>先看 {{摘要}}，草稿 {{"tldr": 1}}</think>\n{}',
        "<thinking>\nHm.\n</thinking>{}",
        "好的，以下是结果：\n{}\n希望有所帮助！",
        "\ufeff  {}\n",
        '{{"card": {}}}',
        '形式 {{"tldr": "…"}}，答案：{}',
    ],
)
def test_wrapping_around_the_object_does_no_harm(wrapped: str) -> None:
    """Fences, thoughts, prose, a byte order mark, a wrapper object or an earlier draft."""
    assert judged(wrapped.format(reply())) == Judgement(GOOD)


def test_thoughts_inside_a_field_are_text() -> None:
    """A paper that speaks of <think> tags may have a card that does, too."""
    text = "模型把思考写在 <think> 与 </think> 标签之间，并打印 {{ slots }}。"
    judgement = judge(paper(abstract=ABSTRACT + " The tag </think> ends it."), reply(method=text))
    assert judgement.fields is not None
    assert judgement.fields["method"] == text


def test_extra_and_repeated_keys_are_ignored() -> None:
    """The last of two equal keys counts; unknown ones are dropped."""
    text = reply()[:-1] + ', "score": 5, "tldr": "本文提出另一种门控注意力。"}'
    judgement = judged(text)
    assert judgement.fields == {**GOOD, "tldr": "本文提出另一种门控注意力。"}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (r"误差为 $\theta$ 与 $\frac{a}{b}$。", r"误差为 $\theta$ 与 $\frac{a}{b}$。"),
        (r"在 $\mathbb{R}^d \to \nu$ 上成立。", r"在 $\mathbb{R}^d \to \nu$ 上成立。"),
        (r"提升约 3.5\%，很稳定。", r"提升约 3.5\%，很稳定。"),
        (r"误差为 $\\theta$，很稳定。", r"误差为 $\theta$，很稳定。"),
        (r"第一行\n第二行\"引用\"。", '第一行 第二行"引用"。'),
    ],
)
def test_tex_that_was_not_escaped_is_not_eaten(written: str, expected: str) -> None:
    r"""`\theta` in a JSON text is no tab and `heta`; real escapes stay what they are."""
    judgement = judged(reply(result="@").replace("@", written))
    assert judgement.fields is not None
    assert judgement.fields["result"] == expected


@pytest.mark.parametrize("broken", [reply()[:-1] + ",}", reply().replace("，", "，\n", 1)])
def test_a_last_comma_and_a_raw_newline_are_mended(broken: str) -> None:
    """Neither leaves a doubt about what was meant."""
    assert judged(broken).fields is not None


def test_bold_marks_and_line_ends_are_cleaned_away() -> None:
    """A field is plain text on one line."""
    judgement = judged(reply(method="先用**门控**，\n再分两步训练。"))
    assert judgement.fields is not None
    assert judgement.fields["method"] == "先用门控， 再分两步训练。"


REPLIES = [
    ("", "stop", "reply: is empty"),
    ("   ", None, "reply: is empty"),
    ("这篇论文提出了一种方法。", "stop", "reply: is not JSON"),
    (reply()[:-30], "stop", "reply: is cut off or broken JSON"),
    (reply()[:-30], "length", "reply: was cut off at the length limit"),
    ("<think>" + "想" * 50, "length", "reply: was cut off at the length limit"),
    (reply(), "content_filter", "reply: the service's content filter stopped it"),
    ("抱歉，我无法协助完成这一请求。", "stop", "reply: refuses: 抱歉，我无法协助完成这一请求。"),
    ("I'm sorry, but I can't help with that.", "stop", "reply: refuses: I'm sorry, but I can't help with that."),
    (str(GOOD), "stop", "reply: is cut off or broken JSON"),
    ("[" * 100_000, "stop", "reply: is 100,000 characters long"),
    ("[" * 40_000, "stop", "reply: is not JSON"),
    (json.dumps(dict.fromkeys(FIELDS, GOOD["tldr"])), "stop", "reply: says the same in 5 fields"),
]


@pytest.mark.parametrize(("text", "finish", "expected"), REPLIES)
def test_a_reply_without_a_card_says_why(text: str, finish: str | None, expected: str) -> None:
    """One reason for the reply as a whole."""
    assert only_problem(text, finish_reason=finish) == expected


def test_a_whole_card_counts_although_the_limit_was_reached() -> None:
    """What follows a complete object may be cut off."""
    assert judged(reply() + " 希望", finish_reason="length").fields is not None


VALUES: list[tuple[object, str]] = [
    (None, "is null"),
    ("", "is empty"),
    (" \n ", "is empty"),
    (["门控", "注意力"], "is not a text but a list"),
    ({"zh": "门控"}, "is not a text but an object"),
    (True, "is not a text but true or false"),
    (3.5, "is not a text but a number"),
    ("暂无", "is a placeholder: 暂无"),
    ("（无）", "is a placeholder: （无）"),
    ("N/A", "is a placeholder: N/A"),
    ("Error", "is a placeholder: Error"),
    ("Summary generation failed", "is a placeholder: Summary generation failed"),
    ("对不起，我不能回答。", "refuses: 对不起，我不能回答。"),
    ("作为一个AI语言模型，我无法总结。", "refuses: 作为一个AI语言模型，我无法总结。"),
    ("很好", "is too short: 很好"),
    ("好的结果。" + "很长" * 600, "is 1,205 characters long"),
    ("门控\x00注意力在长序列上稳定。", "has control characters"),
    ("门控\u202e注意力在长序列上稳定。", "has control characters"),
    ("门控\ud83d注意力在长序列上稳定。", "has control characters"),
    ("The gate keeps attention stable on long sequences.", "is not in Chinese"),
    ("門控注意力機制在長序列上非常穩定，顯著優於現有方法。", "is in Traditional characters: 門機長穩顯優現"),
    ("ゲートはとても安定しているということがわかりました。", "is not in Chinese"),
    ("门控更稳定<script>alert(1)</script>。", "has markup: <script"),
    ("门控更稳定<IMG src=x onerror=y>。", "has markup: <IMG"),
    ("门控<b>更</b>稳定，效果很好。", "has markup: <b"),
    ("门控更稳定<!-- 注释 -->，效果很好。", "has markup: <!--"),
    ("详见[代码](https://example.org/x)，效果很好。", "has markup: [代码](https://example.org/x"),
    ("![图](x.png) 门控更稳定。[好](javascript:y)", "has markup: [好](javascript:y"),
    ("# 结果\n门控更稳定，效果很好。", "has markup: #"),
    ("门控更稳定 {{ 7*7 }}，效果很好。", "has markup: {{ 7*7 }}"),
    ("门控更稳定 {% raw %}，效果很好。", "has markup: {% raw %}"),
    ("门控更稳定" + "的方法" * 50, "repeats 的方法 again and again"),
    ("门控更加稳定。" * 4, "repeats 门控更加稳定。 again and again"),
    ("门控更加稳定。速度很快。门控更加稳定。内存很小。门控更加稳定。", "repeats a sentence"),
    ("你是严谨的编辑，请写一张卡片。", "repeats the instructions"),
    ("请用 JSON 输出五个字段，不加别的文字。", "repeats the instructions"),
    ("只用标题和摘要里的内容，不推测，不夸大。", "repeats the instructions"),
    ("根据相关规定，该内容无法展示。", "refuses: 根据相关规定，该内容无法展示。"),
    ("好的，用户让我总结这篇论文。门控更稳定。", "has leaked reasoning: 好的，用户让我总结这篇论文。门控更稳定。"),
    ("嗯，让我先想一下。门控更稳定。", "has leaked reasoning: 嗯，让我先想一下。门控更稳定。"),
    ("首先，我需要分析摘要。门控更稳定。", "has leaked reasoning: 首先，我需要分析摘要。门控更稳定。"),
    ("门控更稳定。</thinking>效果很好。", "has leaked reasoning: </thinking>效果很好。"),
    ("字段 tldr、motivation、method 都要填写完整。", "repeats the instructions"),
]


@pytest.mark.parametrize(("value", "reason"), VALUES)
def test_one_bad_field_leaves_no_card_and_says_why(value: object, reason: str) -> None:
    """The reason names the field."""
    assert only_problem(json.dumps({**GOOD, "result": value})) == f"result: {reason}"


def test_a_missing_field_is_named() -> None:
    """All other fields may be good."""
    assert only_problem(json.dumps({name: GOOD[name] for name in FIELDS[1:]})) == "tldr: is missing"


def test_every_bad_field_is_named() -> None:
    """One reason for each."""
    judgement = judged(json.dumps({**GOOD, "tldr": None, "method": ""}))
    assert judgement.problems == ("tldr: is null", "method: is empty")


HONEST = [
    "首先，作者分析长序列上的注意力；接下来训练门控。",
    "现在的方法不稳定，让模型更稳定的是用户提供的门控。",
    "根据摘要，门控的收益来自更稳定的训练。",
    "当 a<b 且 c>d 时，$x_i < y$ 在 <think> 标签内成立，误差为 $\\mathcal{O}(n)$。",
    "Foo 优于 GatedLongFormer-Instruct、LLaVA-OneVision 与 InternVL，效果稳定。",
    "在 state-of-the-art 水平上，基于 token 的指标与人类判断一致。",
    "该模型打印 {{ slots }}，并保持稳定。",
    "所引用的诗句为“床前明月光，疑是地上霜”，效果稳定。",
    "台湾语料的标题是《門控機制研究與應用》，模型仍能处理。",
    "作为人工智能安全的关键问题，拒绝行为值得研究。",
    "很好地处理长序列，没有明显的缺陷。",
]


@pytest.mark.parametrize("text", HONEST)
def test_an_honest_field_passes(text: str) -> None:
    """Names, TeX, comparisons, quotes and tags of which the paper itself speaks are normal."""
    judgement = judged(reply(method=text))
    assert judgement.problems == ()
    assert judgement.fields is not None
    assert judgement.fields["method"] == text


def test_the_agreed_phrase_fills_a_field_but_the_tldr() -> None:
    """With or without a full stop; a TL;DR can always be written."""
    judgement = judged(reply(result=NOT_STATED + "。", conclusion=NOT_STATED))
    assert judgement.fields is not None
    assert judgement.fields["result"] == NOT_STATED
    assert only_problem(reply(tldr=NOT_STATED)) == f"tldr: is a placeholder: {NOT_STATED}"


def test_a_card_may_say_of_a_withdrawn_paper_only_that_it_is_withdrawn() -> None:
    """Four fields are the agreed phrase."""
    assert judged(reply(**{**dict.fromkeys(FIELDS, NOT_STATED), "tldr": "作者已撤回该论文。"})).fields is not None


def test_a_clause_of_english_is_not_chinese_although_most_letters_are() -> None:
    """A model that slips into English half-way is asked again."""
    opening = "在响应排序、任务适应和来自人类反馈的强化学习等许多不同的实验之中"
    text = f"{opening}，Foo consistently outperforms several strong and generative baselines。"
    assert only_problem(reply(result=text)).startswith("result: is not in Chinese: Foo consistently outperforms")


def test_markup_of_which_the_paper_speaks_is_text() -> None:
    """The same tag that is refused elsewhere."""
    judgement = judge(paper(abstract="We parse <b> and {{ x }}."), reply(method="解析 <b> 与 {{ x }} 两类写法。"))
    assert judgement.fields is not None


@pytest.mark.parametrize(
    ("language", "text", "card"),
    [
        ("zh-Hant", "門控注意力機制在長序列上非常穩定，顯著優於現有方法。", True),
        ("en", "The gate keeps attention stable on long sequences.", True),
        ("en", "门控注意力在长序列上非常稳定。", False),
        ("ja", "ゲートはとても安定しているということがわかりました。", True),
        ("ru", "Ворота делают внимание устойчивым.", True),
        ("ko", "The gate keeps attention stable on long sequences.", False),
    ],
)
def test_the_asked_language_is_what_counts(language: str, text: str, card: bool) -> None:
    """Each field must be in it."""
    fields = {name: f"{text}{place * text[-1]}" for place, name in enumerate(FIELDS)}
    assert (judged(json.dumps(fields), language=language).fields is not None) is card


def test_a_figure_that_the_abstract_does_not_have_makes_the_card_doubtful() -> None:
    """The card stays; every such figure of every field is named as printed."""
    judgement = judged(reply(tldr="本文在 12,000 行上提升 3.5%。", result="提升 4.1%，共 1.3万 行与 28 项。"))
    assert judgement.fields is not None
    assert judgement.problems == (
        "result: 4.1% is not in the abstract",
        "result: 1.3万 is not in the abstract",
        "result: 28 is not in the abstract",
    )


def test_figures_of_the_title_count() -> None:
    """Title and abstract together are the source."""
    assert doubts(paper(title="Forty-Two Ways"), {**GOOD, "result": "给出 42 种做法。"}) == ()


def test_an_existing_card_is_doubted_with_the_same_words() -> None:
    """A stricter check can be run over saved cards."""
    (doubt,) = doubts(paper(abstract=ABSTRACT), {**GOOD, "result": "提升 4.1%"})

    assert str(doubt) == "result: 4.1% is not in the abstract"
    assert (doubt.field, doubt.words, doubt.kind) == ("result", "4.1%", "figure")


def test_an_unknown_name_is_a_doubt_with_its_place_and_the_nearest() -> None:
    """The number within it is no doubt of its own."""
    judgement = judged(reply(method="在 InternVM 与 GPT-4 上加入门控。"))

    assert [(mark.field, mark.words, mark.kind, mark.instead) for mark in judgement.marks] == [
        ("method", "InternVM", "name", "InternVL"),
        ("method", "GPT-4", "name", None),
    ]


def test_doubts_stand_in_the_order_of_the_card_and_once_a_field() -> None:
    """Figures and names mixed; the same words in two fields are two doubts."""
    judgement = judged(reply(tldr="Mamba 提升 4.1%，Mamba 更快。", result="提升 4.1%，优于 Mamba。"))
    assert [(mark.field, mark.words) for mark in judgement.marks] == [
        ("tldr", "Mamba"),
        ("tldr", "4.1%"),
        ("result", "4.1%"),
        ("result", "Mamba"),
    ]


def test_the_words_of_a_doubt_stand_in_the_field() -> None:
    """Full-width digits and TeX as they are, so that a page can underline them."""
    judgement = judged(reply(result=r"提升 ４．２%，在 $4{,}321$ 行上。"))
    assert judgement.fields is not None
    assert [mark.words for mark in judgement.marks] == ["４．２%", "4{,}321"]
    assert all(mark.words in judgement.fields[mark.field] for mark in judgement.marks)


def test_a_card_of_another_paper_is_none() -> None:
    """By its terms, or by names of which this paper has none."""
    terms = {**GOOD, "tldr": "面向机器人的强化学习。", "method": "用无人机采摘作物。", "result": "农业产量更高。"}
    names = {**GOOD, "tldr": "提出 AgriBot9。", "method": "用 CropNet 与 FarmSim。"}
    for fields in (terms, names):
        assert only_problem(json.dumps(fields)) == "reply: is about another paper"


def test_a_field_of_another_paper_leaves_no_card() -> None:
    """The rest of the card has terms of this one."""
    fields = {**GOOD, "tldr": "对医学图像做剪枝与去噪。", "result": "强化学习让机器人更快地采摘作物。"}
    source = paper(abstract="We prune networks that denoise medical images by Foo.")
    assert judge(source, json.dumps(fields)).problems == ("result: is about another paper",)


scalars = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20)
json_values = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.text(max_size=5), scalars, max_size=3)


@settings(deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_no_text_makes_judging_fail(text: str) -> None:
    """Lone surrogates included: there are fields, or there is a reason."""
    judgement = judged(text)
    assert judgement.fields is not None or judgement.problems


@settings(deadline=None)
@given(st.fixed_dictionaries(dict.fromkeys(FIELDS, json_values)), st.sampled_from(["zh-Hans", "en", "ja", "x"]))
def test_no_json_makes_judging_fail(value: dict[str, object], language: str) -> None:
    """Whatever the fields hold."""
    judgement = judged(json.dumps(value), language=language)
    assert judgement.fields is not None or judgement.problems


@settings(deadline=None)
@given(st.integers(10_000, 10**7).filter(lambda number: number != 12_000))
def test_an_invented_figure_is_always_named(number: int) -> None:
    """In any field."""
    assert judged(reply(method=f"作者使用了{number}条样本进行训练。")).problems == (
        f"method: {number} is not in the abstract",
    )


@pytest.mark.parametrize(
    "unit",
    [
        "{",
        '{"',
        '{"a":',
        "[",
        "\\",
        "\\t",
        "<think>",
        "<!--",
        "{{",
        "**",
        "[](",
        "a ",
        "的",
        "1,",
        "10^",
        "一百",
        "“",
        "``",
    ],
)
def test_a_hostile_reply_is_judged_at_once(unit: str) -> None:
    """A hundred thousand characters, bare or in a field, come to a verdict: a pattern that tries all ways would not."""
    text = unit * (100_000 // len(unit))
    for hostile in (text, text[:49_000], '{"tldr": ' + text[:49_000], reply(result=text[:1190]), reply(result=text)):
        assert judged(hostile).problems
        assert noted(hostile).problems
        assert noted(note={"headline": hostile[:1190]}).problems


# ------------------------------------------------------------------------------------------ notes on a change

NOTE = {"headline": "新版把提升由 3.5% 改为 4.1%。", "other": "无其他实质变动"}


def noted(text: str | None = None, /, *, note: Mapping[str, object] | None = None, **options: Any) -> Judgement:
    """The judgement on a reply, or on the good note with other lines."""
    text = json.dumps({**NOTE, **(note or {})}) if text is None else text
    return judge_note(
        paper(title="Two Gates", abstract="We gain 3.5% and print <b>."),
        paper(title="A Gate", abstract="We gain 4.1% on 12,000 rows."),
        text,
        **options,
    )


def test_a_good_note_has_two_lines() -> None:
    """Figures of either text are its own; wrapping does no harm."""
    assert noted() == Judgement(NOTE)
    assert noted("<think>嗯</think>\n```json\n" + json.dumps(NOTE) + "\n```") == Judgement(NOTE)


@pytest.mark.parametrize("line", ["仅措辞调整", "标题由两个门改为一个门（Gate）。", "旧版打印 <b>，新版不再提。"])
def test_an_honest_line_passes(line: str) -> None:
    """Short, with names, or with a tag of which one of the versions speaks."""
    assert noted(note={"headline": line}).fields == {**NOTE, "headline": line}


def test_a_line_is_cleaned_like_a_field() -> None:
    """Plain text on one line."""
    assert noted(note={"headline": "新版**扩大**了\n范围。"}).fields == {**NOTE, "headline": "新版扩大了 范围。"}


LINES: list[tuple[object, str]] = [
    (None, "is null"),
    (["改动"], "is not a text but a list"),
    ("", "is empty"),
    ("N/A", "is a placeholder: N/A"),
    (NOT_STATED, f"is a placeholder: {NOT_STATED}"),
    ("抱歉，我无法比较这两份摘要。", "refuses: 抱歉，我无法比较这两份摘要。"),
    ("The new version gains more.", "is not in Chinese"),
    ("新版<script>改了</script>结果。", "has markup: <script"),
    ("新版\u202e改了结果。", "has control characters"),
    ("你是严谨的学术编辑，请比较两版。", "repeats the instructions"),
    ("新版提升 5.2%。", "5.2% is in neither abstract"),
    ("新版提升了 0.6 个百分点。", "0.6 个百分点 is in neither abstract"),
    ("".join(map(chr, range(0x4E00, 0x4E00 + LONGEST_LINE + 1))), "is 121 characters long, more than 120"),
]


@pytest.mark.parametrize(("line", "reason"), LINES)
@pytest.mark.parametrize("name", NOTE)
def test_one_bad_line_leaves_no_note_and_says_why(line: object, reason: str, name: str) -> None:
    """Also where a card would be shown with a mark: a figure of its own."""
    assert noted(note={name: line}) == Judgement(None, (f"{name}: {reason}",))


@pytest.mark.parametrize(
    ("text", "finish", "problem"),
    [
        (json.dumps({"headline": NOTE["headline"]}), "stop", "other: is missing"),
        (reply(), "stop", "headline: is missing"),
        (json.dumps(dict.fromkeys(NOTE, NOTE["headline"])), "stop", "reply: says the same in both lines"),
        ("两版没有区别。", "stop", "reply: is not JSON"),
        (json.dumps(NOTE)[:-9], "length", "reply: was cut off at the length limit"),
        (json.dumps(NOTE), "content_filter", "reply: the service's content filter stopped it"),
    ],
)
def test_a_reply_without_a_note_says_why(text: str, finish: str, problem: str) -> None:
    """The first reason; there are no lines."""
    judgement = noted(text, finish_reason=finish)
    assert judgement.fields is None
    assert judgement.problems[0] == problem


def test_a_note_is_held_to_the_asked_language() -> None:
    """As a card is."""
    english = {"headline": "The gain is now 4.1%.", "other": "No other change."}
    assert noted(note=english, language="en").fields == english
    assert noted(language="en").fields is None


@settings(deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=())) | st.dictionaries(st.sampled_from([*NOTE]), json_values))
def test_nothing_makes_judging_a_note_fail(value: str | dict[str, object]) -> None:
    """Whatever comes, there are two lines or a reason, never both."""
    judgement = noted(value if isinstance(value, str) else json.dumps(value))
    assert (judgement.fields is None) == bool(judgement.problems)
