"""Errors to plant into good cards: figures and names spoilt one by one, and replies that are no card at all.

Pure. Each kind takes a card, its paper and a neighbour of the same day, and draws from the generator that it is given.
"""
# ruff: noqa: ARG001 - the kinds have one signature, whatever they need of it

import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from digest.models import FIELDS, FieldName, Paper

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sample:
    """A paper with a card that somebody wrote for it."""

    day: str
    paper: Paper
    fields: Fields

    @property
    def source(self) -> str:
        return f"{self.paper.title}\n{self.paper.abstract}"


@dataclass(frozen=True, slots=True)
class Planted:
    """A reply with one error in it; for an error of a few words, where it is."""

    reply: str
    field: FieldName | None = None
    words: str | None = None


@dataclass(frozen=True, slots=True)
class Draw:
    """What an error is made of: the card to spoil, another one of the same day, and the dice."""

    sample: Sample
    other: Sample
    dice: random.Random


Kind = Callable[[Draw], Planted | None]


def reply(fields: Fields) -> str:
    return json.dumps(dict(fields), ensure_ascii=False)


# ---- a few words of one field ----------------------------------------------------------------------------------

Spoiler = Callable[[re.Match[str], Draw], str | None]
Writer = Callable[[str, Draw], str]

_ALONE = r"(?<![A-Za-z0-9.,^/_=-])"
_NOT_IN_A_NAME = r"(?![\d.,]*[\dA-Za-z^/-])"
NUMBER = rf"{_ALONE}\d(?:[\d,]*\d)?(?:\.\d+)?(?![)）、:：]|\.(?!\d)){_NOT_IN_A_NAME}"  # and no mark of a list
LONG, SHORT = (re.compile(f"(?={start}){NUMBER}") for start in (r"\d[.,]?\d", r"\d(?![.,]?\d)"))
RANGE = re.compile(rf"{_ALONE}\d+(?:\.\d+)?%?\s?[-–~～至到]\s?(?P<part>\d+(?:\.\d+)?){_NOT_IN_A_NAME}")
UNIT = re.compile(rf"{_ALONE}\d+(?:[.,]\d+)*\s?(?P<part>百万|千万|万|亿|[kKMB](?![A-Za-z0-9]))")
OTHER_UNIT = {"百万": "千万", "千万": "百万", "万": "亿", "亿": "万", "k": "M", "K": "M", "M": "B", "B": "M"}
SHARE = re.compile(r"(?<=\d)(?:%|倍)")
NAME = re.compile(r"(?<![A-Za-z0-9._+-])[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*(?![A-Za-z0-9._+-])")


def spoil(pattern: re.Pattern[str], spoiler: Spoiler, draw: Draw) -> Planted | None:
    """Spoil one place of a card that fits `pattern`, or its group; None where there is none."""
    places = [(name, found) for name in FIELDS for found in pattern.finditer(draw.sample.fields[name])]
    draw.dice.shuffle(places)
    for name, found in places:
        put, (start, end) = spoiler(found, draw), found.span(found.lastgroup or 0)
        if put is not None:
            text = found.string[:start] + put + found.string[end:]
            return Planted(reply({**draw.sample.fields, name: text}), name, _around(text, start, len(put)))
    return None


_TOKEN = re.compile(r"[A-Za-z0-9.,%+-]+")


def _around(text: str, start: int, length: int) -> str:
    """The figure or name of `text` that has something of what was put at `start`; what was put if there is none."""
    tokens = (one for one in _TOKEN.finditer(text) if one.start() <= start + length and one.end() >= start)
    return next((one[0].strip(".,") for one in tokens), text[start : start + length])


def other_digit(found: re.Match[str], draw: Draw) -> str:
    """One digit another one; the first never becomes 0."""
    text = found[found.lastgroup or 0]
    place = draw.dice.choice([at for at, sign in enumerate(text) if sign.isdigit()])
    digits = "123456789" if place == 0 else "0123456789"
    return text[:place] + draw.dice.choice(digits.replace(text[place], "")) + text[place + 1 :]


def other_unit(found: re.Match[str], draw: Draw) -> str:
    return OTHER_UNIT[found["part"]]


def no_unit(found: re.Match[str], draw: Draw) -> str:
    return ""


def other_share(found: re.Match[str], draw: Draw) -> str:
    return "倍" if found[0] == "%" else "%"


def added_figure(draw: Draw) -> Planted:
    """A figure that nobody gave, at the end of a field: a share, a factor, or a count."""
    name = draw.dice.choice(FIELDS)
    figure, phrase = draw.dice.choice(
        [
            (f"{draw.dice.uniform(1, 99):.1f}%", "，提升{}"),
            (f"{draw.dice.uniform(1.1, 40):.1f}倍", "，速度达到{}"),
            (f"{draw.dice.randint(11, 999)}", "，共{}个样本"),
            (f"{draw.dice.randint(1001, 99999):,}", "，涉及{}条数据"),
            (f"{draw.dice.uniform(1.1, 99):.1f}万", "，规模为{}"),
        ]
    )
    text = draw.sample.fields[name].rstrip("。.") + phrase.format(figure) + "。"
    return Planted(reply({**draw.sample.fields, name: text}), name, figure)


Misspelling = Callable[[str, int, random.Random], str]


def _letters(name: str) -> list[int]:
    return [at for at, sign in enumerate(name) if sign.isalpha()]


def _changed(name: str, at: int, dice: random.Random) -> str:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if name[at].isupper() else "abcdefghijklmnopqrstuvwxyz"
    return name[:at] + dice.choice(letters.replace(name[at], "")) + name[at + 1 :]


def _dropped(name: str, at: int, dice: random.Random) -> str:
    return name[:at] + name[at + 1 :]


def _doubled(name: str, at: int, dice: random.Random) -> str:
    return name[:at] + name[at] + name[at:]


def _swapped(name: str, at: int, dice: random.Random) -> str:
    pair = name[at : at + 2]
    return name[:at] + pair[::-1] + name[at + 2 :] if pair.isalpha() else name


def is_name(text: str) -> bool:
    """Whether a word is worth misspelling: four letters or more, one of them large."""
    return len(_letters(text)) > 3 and text != text.lower()


def misspelt(how: Misspelling) -> Spoiler:
    """Spoils a name that the paper has, by one letter; a word that the paper has as well is no misspelling."""

    def spoiler(found: re.Match[str], draw: Draw) -> str | None:
        name = found[0]
        if not is_name(name) or name not in draw.sample.source:
            return None
        places = _letters(name)
        words = set(re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)*", draw.sample.source.lower()))
        tries = (how(name, place, draw.dice) for place in draw.dice.sample(places, len(places)))
        return next((wrong for wrong in tries if wrong != name and wrong.lower() not in words), None)

    return spoiler


def of_another(found: re.Match[str], draw: Draw) -> str | None:
    """A name of the neighbour's card that this paper doesn't have, in place of one that it has."""
    if not is_name(found[0]) or found[0] not in draw.sample.source:
        return None
    theirs = {name for text in draw.other.fields.values() for name in NAME.findall(text) if is_name(name)}
    strange = sorted(
        name for name in theirs if name in draw.other.source and name.lower() not in draw.sample.source.lower()
    )
    return draw.dice.choice(strange) if strange else None


# ---- a whole field, or the whole reply -------------------------------------------------------------------------

REFUSALS = (
    "抱歉，我无法协助完成这个请求。",
    "很抱歉，这篇论文的内容涉及敏感信息，无法为您总结。",
    "作为一个人工智能语言模型，我不能提供这方面的内容。",
    "根据相关规定，该内容无法展示。",
    "I'm sorry, but I can't help with that.",
    "I cannot provide a summary of this content.",
)
PLACEHOLDERS = ("无", "暂无", "N/A", "TODO", "……", "-", "null", "同上", "见摘要", "string", "待补充", "未提及", "Error")
THOUGHTS = (
    "好的，用户让我总结这篇论文，首先我需要看一下摘要。",
    "嗯，让我先想一下这篇论文的要点。",
    "<think>先看摘要，再写结论。</think>",
    "让我一步一步来分析：首先，摘要提到",
    "Okay, let me think about what the abstract says. ",
    "The user wants a summary in Chinese. ",
)
MARKUPS = (
    "<b>{}</b>",
    "<script>alert(1)</script>{}",
    "{}<br>",
    '<span style="color:red">{}</span>',
    "[{}](https://example.org/)",
    "```\n{}\n```",
    "## 概要\n{}",
    "{} {{{{ paper.title }}}}",
    "<!-- note -->{}",
    "- {}\n- 其他",
)
CONTROLS = ("\x07", "\x1b[31m", "\u202e", "\x00", "\x9f", "\ud800")
#: Simplified characters with their Traditional forms: enough for most sentences to look Traditional.
CHARACTERS = (
    "这這们們个個来來时時对對会會学學习習国國与與为為从從过過还還无無开開关關应應当當间間问問题題体體现現实實验驗据據资資讯訊网網络絡结結构構显顯标標"
    "准準确確优優计計处處图圖类類别別语語词詞围圍环環节節点點线線维維数數层層发發达達动動态態变變换換转轉训訓练練总總证證认認识識让讓选選择擇扩擴张張"
    "强強调調进進运運输輸统統经經济濟规規则則适適响響单單双雙杂雜满滿导導读讀写寫评評测測检檢视視频頻场場质質创創获獲极極综綜称稱项項种種医醫疗療临臨"
    "边邊缘緣离離连連续續样樣权權观觀觉覺务務产產业業额額预預顺順须須验驗鲁魯误誤错錯级級约約细細终終给給绝絕组組设設计計记記许許论論该該详詳说說"
    "后後里裡并並较較难難简簡势勢缩縮减減压壓损損将將两兩几幾条條构構广廣"
)
TRADITIONAL = str.maketrans(dict(zip(CHARACTERS[::2], CHARACTERS[1::2], strict=True)))


def one_field(write: Writer, draw: Draw) -> Planted:
    """One field written anew."""
    name = draw.dice.choice(FIELDS)
    return Planted(reply({**draw.sample.fields, name: write(draw.sample.fields[name], draw)}))


def all_fields(write: Writer, draw: Draw) -> Planted:
    return Planted(reply({name: write(text, draw) for name, text in draw.sample.fields.items()}))


def english(text: str, draw: Draw) -> str:
    """As many words of the abstract as the field may well have, from the start of a sentence on."""
    sentences = re.split(r"(?<=[.!?]) ", " ".join(draw.sample.paper.abstract.split()))
    start = draw.dice.randrange(len(sentences))
    return " ".join(sentences[start : start + 2])


def traditional(text: str, draw: Draw) -> str:
    return text.translate(TRADITIONAL)


def refusal(text: str, draw: Draw) -> str:
    return draw.dice.choice(REFUSALS)


def placeholder(text: str, draw: Draw) -> str:
    return draw.dice.choice(PLACEHOLDERS)


def thought(text: str, draw: Draw) -> str:
    return draw.dice.choice(THOUGHTS) + text


def marked_up(text: str, draw: Draw) -> str:
    return draw.dice.choice(MARKUPS).format(text)


def controlled(text: str, draw: Draw) -> str:
    at = draw.dice.randrange(1, len(text))
    return text[:at] + draw.dice.choice(CONTROLS) + text[at:]


def repeated(text: str, draw: Draw) -> str:
    """A piece of the field again and again at its end."""
    start = draw.dice.randrange(max(1, len(text) - 20))
    return text + text[start : start + draw.dice.randint(4, 20)] * draw.dice.randint(5, 20)


def cut(text: str, draw: Draw) -> str:
    """The field up to somewhere between two signs of one of its clauses."""
    inside = [at for at in range(10, len(text) - 1) if not set(text[at - 1 : at + 1]) & set("。；;，,、：: ")]
    return text[: draw.dice.choice(inside)] if inside else text[:-1]


def echo(instructions: Sequence[str], text: str, draw: Draw) -> str:
    return draw.dice.choice(instructions)


def of_neighbour(draw: Draw) -> Planted:
    return Planted(reply(draw.other.fields))


def field_of_neighbour(draw: Draw) -> Planted:
    name = draw.dice.choice(FIELDS)
    return Planted(reply({**draw.sample.fields, name: draw.other.fields[name]}))


def cut_reply(draw: Draw) -> Planted:
    whole = reply(draw.sample.fields)
    return Planted(whole[: int(len(whole) * draw.dice.uniform(0.2, 0.98))])


def refused_reply(draw: Draw) -> Planted:
    return Planted(draw.dice.choice(REFUSALS))


def kinds(instructions: Sequence[str]) -> Mapping[str, Mapping[str, Kind]]:
    """Every kind of error by name, in groups; `instructions` are the sentences of the prompt that may come back."""
    return {
        "figures": {
            "a digit changed, figure of one digit": partial(spoil, SHORT, other_digit),
            "a digit changed, longer figure": partial(spoil, LONG, other_digit),
            "the end of a range changed": partial(spoil, RANGE, other_digit),
            "万/亿, k/M/B exchanged": partial(spoil, UNIT, other_unit),
            "万/亿, k/M/B dropped": partial(spoil, UNIT, no_unit),
            "% and 倍 exchanged": partial(spoil, SHARE, other_share),
            "a figure added": added_figure,
        },
        "names": {
            "a letter changed": partial(spoil, NAME, misspelt(_changed)),
            "a letter dropped": partial(spoil, NAME, misspelt(_dropped)),
            "a letter doubled": partial(spoil, NAME, misspelt(_doubled)),
            "two letters swapped": partial(spoil, NAME, misspelt(_swapped)),
            "a name of another paper instead": partial(spoil, NAME, of_another),
        },
        "cards and fields": {
            "the card of another paper of the day": of_neighbour,
            "one field of another paper's card": field_of_neighbour,
            "one field in English": partial(one_field, english),
            "all fields in English": partial(all_fields, english),
            "Traditional characters": partial(all_fields, traditional),
            "a refusal in a field": partial(one_field, refusal),
            "a refusal instead of a card": refused_reply,
            "a sentence of the prompt as a field": partial(one_field, partial(echo, instructions)),
            "a placeholder as a field": partial(one_field, placeholder),
            "leaked reasoning before a field": partial(one_field, thought),
            "a phrase again and again": partial(one_field, repeated),
            "HTML, Markdown or template syntax": partial(one_field, marked_up),
            "a control character": partial(one_field, controlled),
            "the reply cut off": cut_reply,
            "a field cut off in a clause": partial(one_field, cut),
        },
    }
