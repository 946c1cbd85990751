"""Why a text is no field of a card: no sentence, no answer, markup, a circle, thoughts that leaked, another language.

Pure. Looks at one text and the paper's own words; whether what it says is true is for the other checks.
"""

import re
from collections import Counter
from typing import Any

from .languages import LANGUAGES, foreign, refuses
from .models import FIELDS
from .plaintext import has_control, one_line

SHORTEST, LONGEST = 4, 1200  #: characters of a field


def cleaned(text: str) -> str:
    """A field on one line, without bold marks and bullets, and the agreed phrase without its full stop."""
    text = _BULLET.sub("", text) if "\n" in text else text
    line = one_line(text)
    line = _BOLD.sub(r"\1", line) if "**" in line else line
    return _PHRASES.get(line.rstrip("。.").lower(), line) if len(line) < 80 else line


_BULLET = re.compile(r"^\s{0,3}[-*•]\s+", re.MULTILINE)
_BOLD = re.compile(r"\*\*([^*]{1,200})\*\*")
_PHRASES = {one.not_stated.lower(): one.not_stated for one in LANGUAGES.values()}


def unfit(value: Any, source: str, language: str) -> str | None:
    """
    Why a value of a reply can't be shown as a text about the paper, or None.

    Args:
        value: As it stood in the reply's object.
        source: Title and abstract in lower case, without "$": markup of which they speak is none.
        language: The BCP 47 tag of the language that was asked for.
    """
    if not isinstance(value, str):
        return "is null" if value is None else f"is not a text but {_KINDS.get(type(value), 'a number')}"
    text = cleaned(value)
    return (
        _void(value, text)
        or _markup(value, source)
        or _repeated(text)
        or _echo(text)
        or _thought(text, source)
        or foreign(text, source, language)
    )


_KINDS = {list: "a list", dict: "an object", bool: "true or false"}


def _void(value: str, text: str) -> str | None:
    """Why `text` is not a sentence about the paper at all, or None."""
    if not text:
        return "is empty"
    if has_control(value):
        return "has control characters"
    if len(value) > LONGEST:
        return f"is {len(value):,} characters long"
    if (len(text) < 100 and _says_nothing(text.lower())) or "compliance test" in text:
        return f"is a placeholder: {text[:60]}"
    if refused(text):
        return f"refuses: {text[:60]}"
    return f"is too short: {text}" if len(text) < SHORTEST else None


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
    r"|.{0,40}not passed the compliance",
    re.IGNORECASE,
)


def _says_nothing(lower: str) -> bool:
    bare = _BARE.sub("", lower)
    return not bare or lower in _PHRASES or bare in _PLACEHOLDERS or _FAILURE.match(lower) is not None


def refused(text: str) -> bool:
    """Whether a text opens with a refusal or an apology, in any of the languages we know."""
    return _REFUSAL.match(text) is not None or refuses(text)


_REFUSAL = re.compile(
    r"(?:非常|很|十分)?(?:抱歉|对不起)[，,。!！ ]|我(?:暂时)?(?:无法|不能)(?:协助|帮助|提供|完成|回答|满足|处理|继续)"
    r"|作为(?:一[个名])?(?:AI|人工智能)(?:语言)?(?:助手|模型)[，,]\s?我"
    r"|(?:该|此|您的)(?:请求|内容)(?:涉及|违反|不符合|未通过)"
    r"|(?:根据|按照|由于)(?:相关|有关|国家)[^。]{0,20}[，,][^。]{0,10}(?:无法|不能|不予|不便)"
    r"|(?:I['’]?m|I am) (?:very |so )?sorry|Sorry[,.]|I apologi[sz]e"
    r"|I (?:can['’]?t|cannot|can not|won['’]?t|am unable|am not able)|As an AI|Unfortunately, I",
    re.IGNORECASE,
)
# ---- circles ---------------------------------------------------------------------------------------------------

_SENTENCE_END = re.compile("[。；;！!]")


def _repeated(text: str) -> str | None:
    """A phrase again and again in a row, or a sentence three times: the model ran in a circle."""
    for place in range(0, len(text) - 8, 5):  # what comes again within 40 characters may be a circle
        again = text.find(text[place : place + 4], place + 2, place + 44)
        phrase = text[place:again]
        if again > 0 and text.startswith(phrase * (3 if len(phrase) > 3 else 4), again) and _LETTER.search(phrase):
            return f"repeats {phrase} again and again"
    sentences = [sentence.strip() for sentence in _SENTENCE_END.split(text) if len(sentence) > 5]
    if len(sentences) - len(set(sentences)) < 2:
        return None
    return "repeats a sentence" if max(Counter(sentences).values()) > 2 else None


_LETTER = re.compile(r"[^\W\d_]")


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

_SIGN = re.compile(r"[<>\[{`#]|[jJ][aA][vV][aA]")


def _markup(value: str, source: str) -> str | None:
    """HTML, Markdown or template syntax that the paper itself doesn't speak of."""
    if not _SIGN.search(value):
        return None
    for pattern in _MARKUP:
        for found in pattern.finditer(value):
            if found[0].lower() not in source:
                return f"has markup: {one_line(found[0])[:40]}"
    return None


_INSTRUCTION = re.compile(
    r"^(?:你|您)是(?:一[名位个])?|^You are (?:a|an|the)\b|^(?:Title|Abstract|标题|摘要)\s?[:：]"
    r"|不补充背景|照摘要的写法|不换算|不凑字数|保留英文原样|各字段互不重复|只是论文内容|"
    r"(?:只|仅)(?:用|根据|依据)(?:标题|摘要)和(?:标题|摘要)"
    r"|(?:请|只|仅|必须|务必)(?:要)?(?:用|以|按|输出|返回|填写|给出)[^。]{0,20}(?:JSON|字段|简体中文)"
)


def _echo(text: str) -> str | None:
    """The instructions come back instead of an answer."""
    lower = text.lower()
    keys = {key for key in (*FIELDS, "tl;dr") if key in lower}
    return "repeats the instructions" if len(keys) > 2 or _INSTRUCTION.search(text) else None


# ---- thoughts that leaked --------------------------------------------------------------------------------------

_THOUGHT_TAG = re.compile(r"</?(?:think|thinking|thought|reasoning|scratchpad)>|<\|[a-z_]{1,20}\|>", re.IGNORECASE)
_THOUGHT = re.compile(
    r"(?:好的?|嗯+|唔|行|OK|Okay|Alright|Hmm|Well)[，,。！!：:… ]\s?"
    r"(?=.{0,12}(?:我|用户|让|这|首先|以下|let|the|i['’ ]|we))"
    r"|(?:(?:首先|现在|那么|接下来)[，,]?\s?)?(?:让我|让我们|我们?来|我先|我(?:需要|应该|得|要|会|将))"
    r"(?:先|来|仔细|一步|再|想|看|读|分析|总结|梳理|理解|思考|提取|写|根据|用|把)"
    r"|.{0,4}用户(?:要求我|让我|要我|希望我|想让我|想要我|需要我|给了我?)|(?:思考|推理)过程?\s?[:：]"
    r"|Let me |Let's |First, (?:I|let)|I(?:'ll| will| need to| should| have to) |So,? (?:I|the user)"
    r"|The user (?:wants|asks|asked|is asking|requests|needs)",
    re.IGNORECASE,
)


def _thought(text: str, source: str) -> str | None:
    """What the model said to itself stands where the answer should, and the paper does not speak so."""
    found = _THOUGHT_TAG.search(text) or _THOUGHT.match(text)
    if found is None or found[0].lower() in source:
        return None
    return f"has leaked reasoning: {text[found.start() : found.start() + 20]}"
