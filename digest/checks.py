"""A model's reply judged: a card or a note on a change, or the reasons why there is none, and what is doubtful in it.

Pure. Looks at one reply and its paper; asks nobody, changes no wording, knows no engine.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .figures import missing, values
from .languages import foreign
from .models import FIELDS, Mark, Paper
from .plaintext import has_control, one_line
from .prompts import NOTE_FIELDS
from .replies import read_object

NOT_STATED = "摘要未说明"  #: what a field says, and nothing else, where the abstract says nothing
SHORTEST, LONGEST = 4, 1200  #: characters of a field
LONGEST_LINE = 120  #: characters of a line of a note


@dataclass(frozen=True, slots=True)
class Judgement:
    """The cleaned fields, or None where no card or note can be made; with fields, problems are doubts."""

    fields: Mapping[str, str] | None
    problems: tuple[str, ...] = ()  #: one line each: "result: 4.1% is not in the abstract"
    marks: tuple[Mark, ...] = ()  #: where the doubts are


def judge(paper: Paper, reply: str, *, language: str = "zh-Hans", finish_reason: str | None = None) -> Judgement:
    """
    Return what a reply is worth: a card, a doubtful card, or none; never raises, whatever `reply` holds.

    Args:
        paper: The paper that was asked about: its title and abstract are the source of all figures.
        reply: The message's text as it came.
        language: Of the card, as a BCP 47 tag: "zh-Hans".
        finish_reason: As the service gave it; "length" explains a broken reply, "content_filter" refuses it.
    """
    try:
        found = _read(reply, FIELDS, finish_reason)
    except ValueError as error:
        return Judgement(None, (f"reply: {error}",))
    problems = tuple(_unusable(found, paper, language))
    if problems:
        return Judgement(None, problems)
    fields: dict[str, str] = {name: _clean(found[name]) for name in FIELDS}
    marks = doubts(paper, fields, language=language)
    return Judgement(fields, tuple(map(str, marks)), marks)


def doubts(paper: Paper, fields: Mapping[str, str], *, language: str = "zh-Hans") -> tuple[Mark, ...]:
    """What is doubtful in a card: a mark for each figure that neither title nor abstract has."""
    return tuple(mark for check in _DOUBTS for mark in check(paper, fields, language))


def _figures(paper: Paper, fields: Mapping[str, str], language: str) -> Iterator[Mark]:
    known = values(f"{paper.title}\n{paper.abstract}")
    for name in FIELDS:
        for figure in missing(fields[name], known, chinese_numerals=language.startswith("zh")):
            yield Mark(field=name, words=figure, kind="figure")


#: What flags a card without refusing it.
_DOUBTS: tuple[Callable[[Paper, Mapping[str, str], str], Iterator[Mark]], ...] = (_figures,)


def _read(reply: str, names: Sequence[str], finish_reason: str | None) -> Mapping[str, Any]:
    """The object in a reply; a ValueError says why there is none."""
    if finish_reason == "content_filter":
        raise ValueError("the service's content filter stopped it")
    try:
        return read_object(reply, names)
    except ValueError as error:
        raise ValueError(_why_none(reply, finish_reason) or str(error)) from error


def _why_none(reply: str, finish_reason: str | None) -> str | None:
    if finish_reason == "length":
        return "was cut off at the length limit"
    if _REFUSAL.match(reply.lstrip()[:200]):
        return f"refuses: {one_line(reply)[:60]}"
    return None


def _clean(text: str) -> str:
    """A field on one line, without bold marks, and the agreed phrase without its full stop."""
    line = _BOLD.sub(r"\1", one_line(text))
    return NOT_STATED if line.rstrip("。.") == NOT_STATED else line


# ---- notes -----------------------------------------------------------------------------------------------------


def judge_note(
    before: Paper, after: Paper, reply: str, *, language: str = "zh-Hans", finish_reason: str | None = None
) -> Judgement:
    """
    Return the two lines that say what `after` changed against `before`, or why there are none; never raises.

    A note is never shown with a mark, as a card may be: a figure that neither text has is a reason to have none.
    """
    try:
        found = _read(reply, NOTE_FIELDS, finish_reason)
    except ValueError as error:
        return Judgement(None, (f"reply: {error}",))
    problems = tuple(_unusable_lines(found, "\n".join((*_texts(before), *_texts(after))), language))
    return Judgement(None, problems) if problems else Judgement({name: _clean(found[name]) for name in NOTE_FIELDS})


def _texts(paper: Paper) -> tuple[str, str]:
    return paper.title, paper.abstract


def _unusable_lines(found: Mapping[str, Any], text: str, language: str) -> Iterator[str]:
    """Why there is no note that `text` bears out."""
    source, known, lines = text.lower().replace("$", ""), values(text), []
    for name in NOTE_FIELDS:
        reason = "is missing" if name not in found else _wrong_text(found[name], source, language)
        if reason:
            yield f"{name}: {reason}"
            continue
        lines.append(line := _clean(found[name]))
        if len(line) > LONGEST_LINE:
            yield f"{name}: is {len(line)} characters long, more than {LONGEST_LINE}"
        for figure in missing(line, known, chinese_numerals=language.startswith("zh")):
            yield f"{name}: {figure} is in neither abstract"
    if len(lines) > len(set(lines)):
        yield "reply: says the same in both lines"


# ---- fields ----------------------------------------------------------------------------------------------------


def _unusable(found: Mapping[str, Any], paper: Paper, language: str) -> Iterator[str]:
    """Why there is no card: at most one reason for each field, or one for all together."""
    source = f"{paper.title}\n{paper.abstract}".lower().replace("$", "")
    whole = True
    for name in FIELDS:
        reason = "is missing" if name not in found else _wrong(found[name], name, source, language)
        if reason:
            whole = False
            yield f"{name}: {reason}"
    if whole:
        said, times = Counter(_clean(found[name]) for name in FIELDS).most_common(1)[0]
        if times > 2 and (said != NOT_STATED or times == len(FIELDS)):
            yield f"reply: says the same in {times} fields"


def _wrong(value: Any, name: str, source: str, language: str) -> str | None:
    """Why one field of a card can't be used, or None."""
    if isinstance(value, str) and _clean(value) == NOT_STATED and name != "tldr":  # a TL;DR can always be written
        return None
    return _wrong_text(value, source, language)


def _wrong_text(value: Any, source: str, language: str) -> str | None:
    """Why a text about the paper can't be used, or None."""
    if not isinstance(value, str):
        return "is null" if value is None else f"is not a text but {_KINDS.get(type(value), 'a number')}"
    text = _clean(value)
    return (
        _void(value, text)
        or _markup(value, source)
        or _repeated(text)
        or _echo(text)
        or foreign(text, source, language)
    )


def _void(value: str, text: str) -> str | None:
    """Why `text` is not a sentence about the paper at all, or None."""
    if not text:
        return "is empty"
    if has_control(value):
        return "has control characters"
    if len(value) > LONGEST:
        return f"is {len(value):,} characters long"
    if text == NOT_STATED or _FAILURE.match(text) or _BARE.sub("", text.lower()) in _PLACEHOLDERS:
        return f"is a placeholder: {text[:60]}"
    if _REFUSAL.match(text):
        return f"refuses: {text[:60]}"
    return f"is too short: {text}" if len(text) < SHORTEST else None


_KINDS = {list: "a list", dict: "an object", bool: "true or false"}
_BOLD = re.compile(r"\*\*([^*]{1,200})\*\*")
_BARE = re.compile(r"[\W_]+")
_PLACEHOLDERS = frozenset(
    word
    for line in (
        "无 暂无 未知 空 略 待补充 待定 不适用 没有 不详 无内容 暂无内容 暂无数据 暂无信息 暂无摘要 无法总结 无法生成",
        "生成失败 摘要生成失败 总结失败 处理失败 错误 na none null nil error tbd todo unknown string text undefined",
    )
    for word in line.split()
)
_FAILURE = re.compile(
    r"(?:summary|motivation|method|result|conclusion)s? (?:generation|analysis|extraction) (?:failed|unavailable)"
    r"|.{0,40}(?:not passed the compliance|compliance test)",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"(?:非常|很|十分)?(?:抱歉|对不起)[，,。!！ ]|我(?:暂时)?(?:无法|不能)(?:协助|帮助|提供|完成|回答|满足|处理|继续)"
    r"|作为(?:一[个名])?(?:AI|人工智能)(?:语言)?(?:助手|模型)[，,]\s?我"
    r"|(?:该|此|您的)(?:请求|内容)(?:涉及|违反|不符合|未通过)"
    r"|(?:I['’]?m|I am) (?:very |so )?sorry|Sorry[,.]|I apologi[sz]e"
    r"|I (?:can['’]?t|cannot|can not|won['’]?t|am unable|am not able)|As an AI|Unfortunately, I",
    re.IGNORECASE,
)
_REPEATED = re.compile(r"([^\W\d_].{1,39}?)\1{4,}")


def _repeated(text: str) -> str | None:
    """A phrase five times in a row, or a sentence three times: the model ran in a circle."""
    fours = len({text[place : place + 4] for place in range(len(text))})
    if fours > 0.7 * len(text):  # nothing comes again; the search below is a hundred times as slow
        return None
    found = _REPEATED.search(text)
    if found:
        return f"repeats {found[1]} again and again"
    sentences = Counter(sentence.strip() for sentence in re.split("[。；;！!]", text) if len(sentence) > 5)
    return "repeats a sentence" if sentences and max(sentences.values()) > 2 else None


# ---- markup and echoes -----------------------------------------------------------------------------------------

_TAGS = (
    "a|abbr|article|audio|b|base|blockquote|body|br|button|center|code|details|div|em|embed|font|footer|form|frame|"
    "h[1-6]|head|header|hr|html|i|iframe|img|input|ins|label|li|link|main|marquee|math|meta|nav|object|ol|option|p|pre|"
    "s|script|section|select|small|span|strong|style|sub|summary|sup|svg|table|tbody|td|template|textarea|tfoot|th|"
    "thead|title|tr|u|ul|video"
)
_MARKUP = (
    # An opening alone is enough: "<script", "<!--"; else a whole tag, so that "a<b and c>d" is none.
    re.compile(
        rf"<(?:/?(?:script|iframe|svg|img|object|embed|style)\b|!--|!\[CDATA|/?(?:{_TAGS})(?=\s[^<>=]{{1,40}}=|\s?/?>))",
        re.IGNORECASE,
    ),
    re.compile(r"!?\[[^\[\]]{0,200}\]\((?:[a-z]+:|/|#|www\.)[^()\s]{0,300}", re.IGNORECASE),
    re.compile(r"\{\{[^{}]{0,100}\}\}|\{%[^{}%]{0,100}%\}"),
    re.compile(r"^\s{0,3}#{1,6}\s|```|^\s{0,3}>\s", re.MULTILINE),
    re.compile(r"javascript:", re.IGNORECASE),
)


def _markup(value: str, source: str) -> str | None:
    """HTML, Markdown or template syntax that the paper itself doesn't speak of."""
    for pattern in _MARKUP:
        for found in pattern.finditer(value):
            if found[0].lower() not in source:
                return f"has markup: {one_line(found[0])[:40]}"
    return None


_KEY = re.compile(rf"\b(?:{'|'.join(FIELDS)})s?\b|TL;DR", re.IGNORECASE)
_INSTRUCTION = re.compile(
    r"^(?:你|您)是(?:一[名位个])?|^You are (?:a|an|the)\b|^(?:Title|Abstract|标题|摘要)\s?[:：]"
    r"|(?:请|只|仅|必须|务必)(?:要)?(?:用|以|按|输出|返回|填写|给出)[^。]{0,20}(?:JSON|字段|简体中文)"
)


def _echo(text: str) -> str | None:
    """The instructions come back instead of an answer."""
    keys = {key.lower() for key in _KEY.findall(text)}
    return "repeats the instructions" if len(keys) > 2 or _INSTRUCTION.search(text) else None
