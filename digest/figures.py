"""The figures of a text: what each of them may mean, and every value that a source may give.

Pure. Knows numbers and their spellings only: which figures a source bears out is for evidence.py.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from math import prod

from .numerals import SCALES, chinese, english

Reading = tuple[Decimal, ...]  #: values that must all be known
Found = re.Match[str]

# ---- one spelling ----------------------------------------------------------------------------------------------

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_SPELLINGS: tuple[tuple[re.Pattern[str], str | Callable[[Found], str]], ...] = (
    (re.compile(r"\\[dt]?frac\s?\{(\d+)\}\s?\{(\d+)\}"), r"\1/\2"),
    (re.compile(r"\\(?:times|cdot)(?![A-Za-z])"), "×"),
    (re.compile(r"\\[,!;:]|\$"), ""),
    (re.compile(r"\\[A-Za-z]+"), " "),
    (re.compile(r"[{}\\]"), ""),
    (re.compile("[‐-―−～〜~∼⁃]"), "-"),
    (re.compile("⁄"), "/"),
)
_RAISED = re.compile("[⁰¹²³⁴-⁹⁺⁻]+")
_UNSEEN = re.compile("[①-⓿❶-➓\u00ad\u200b-\u200d\u2060]")  # marks of a list; characters of no width


_COMMA = re.compile(r"，(?![０-９])")


def plain(text: str) -> str:
    r"""`text` in one spelling: half-width, without TeX.

    >>> plain(r"$1{,}000$ 或 10\%，３．５×10⁵")
    '1,000 或 10%,3.5×10^5'
    """
    if _RARE.search(text):
        # Before compatibility forms are folded, for which "10⁵" is 105.
        text = _UNSEEN.sub("", _RAISED.sub(lambda found: "^" + found[0].translate(_SUPERSCRIPTS), text))
    if not text.isascii():
        # A Chinese comma parts two figures; folded, it would join them. Between full-width digits it may group one.
        text = unicodedata.normalize("NFKC", _COMMA.sub(", ", text))
    if _SPELT_OTHERWISE.search(text):
        for pattern, put in _SPELLINGS:
            text = pattern.sub(put, text)
    return text


_RARE = re.compile("[\u00ad⁰-⁹¹²³⁺⁻\u200b-\u200d\u2060①-⓿❶-➓]")
_SPELT_OTHERWISE = re.compile(r"[\\${}‐-―−～〜~∼⁃⁄]")


# ---- reading ---------------------------------------------------------------------------------------------------

_FACTORS = {"百": 10**2, "千": 10**3, "万": 10**4, "亿": 10**8, "k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}
_FACTORS |= SCALES | {"bn": 10**9, "mn": 10**6}
_FIGURE = re.compile(
    r"""
    (?P<number> \d+ (?:,\d{3}(?!\d))* (?:\.\d+)* )
    (?: \s?[×xX*·]\s?10\s?\^\s?\(?(?P<exponent>[-+]?\d{1,3})
      | \s?\^\s?\(?(?P<power>[-+]?\d{1,3})
      | [eE](?P<e>[-+]?\d{1,2})(?![\w.])
      | /(?P<below>\d{1,9})(?![\d.])
    )?
    (?: [多余几]?\s?(?P<han>(?:百(?!分)|千(?![克米瓦卡赫字比伏])|万|亿){1,4})
      | \s?(?P<letter>[kKMBT]|bn|Bn|mn)(?![A-Za-z0-9])
      | [\s-](?P<word>(?i:hundred|thousand|million|billion|trillion)s?)\b
    )?
    (?P<percent> \s?% | \s?(?:percent|per\s?cent|percentage|pp|points?)\b | \s?个?百?分?点 )?
    """,
    re.VERBOSE,
)
_NUMERAL = re.compile(
    "(?:[一二两三四五六七八九][十百千万亿][零〇一二两三四五六七八九十百千万亿]{0,12}"
    "|十[一二三四五六七八九万亿][零一二三四五六七八九十百千万亿]{0,12}|(?<=百分之)[一二三四五六七八九十]{1,3})(?![零一二三四五六七八九十百千万亿]|分之|行诗|夜)"
)
_PLACE = re.compile("[十百千万亿]")
_RANGE = re.compile(r"\s?(?:%|[a-zA-Z万亿]{1,2})?\s?(?:-+|to|and|or|至|到|、|,|和|与|/)\s?", re.IGNORECASE)
OF_100 = "百分之"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure as printed, with everything it may mean: each reading alone would do."""

    printed: str
    readings: tuple[Reading, ...]
    start: int  #: where it stands in the text in plain spelling
    end: int


def _number(digits: str) -> Decimal:
    return Decimal(digits.replace(",", "")[:60])


def _alone(found: Found) -> tuple[Reading, ...]:
    """What the digits themselves may mean: "1,000" is one number, "100,200" may be two, "1.2.3" is a version."""
    digits, before = found["number"], found.string[max(0, found.start() - 2) : found.start()]
    if digits.count(".") > 1:
        return (tuple(map(_number, digits.split("."))),)
    if before[-1:] == "." and "." not in digits and not before[:-1].isalnum():
        return ((_number("0." + digits),), (_number(digits),))
    parts = digits.split(",")
    apart = (tuple(map(_number, parts)),) if len(parts) > 1 and len(parts[0]) == 3 else ()
    return ((_number(digits),), *apart)


def _raised(found: Found, base: Decimal) -> tuple[Reading, ...]:
    """What an exponent or a fraction makes of `base`; none where there is neither."""
    if found["exponent"] or found["e"]:
        exponent = int(found["exponent"] or found["e"])
        return ((base.scaleb(exponent),), (base, Decimal(10), Decimal(abs(exponent))))
    if found["power"]:
        exponent = int(found["power"])
        apart = (base, Decimal(abs(exponent)))
        return ((base**exponent,), apart) if 0 < base <= 1000 and abs(exponent) <= 64 else (apart,)
    if found["below"]:
        below = _number(found["below"])
        quotient = (((base / below,),) if below else ()) + (((below,),) if base == 1 else ())  # "30x smaller" is 1/30
        return ((base, below), *quotient)
    return ()


def _factor(found: Found) -> int:
    """What the number is multiplied by: 10,000 before 万; 1 where nothing stands behind it."""
    if found["han"]:
        return prod(_FACTORS[place] for place in found["han"])
    scale = found["letter"] or found["word"]
    return _FACTORS[scale.lower()] if scale else 1


def _readings(found: Found, factor: int, hundredth: bool) -> tuple[Reading, ...]:
    alone = _alone(found)
    readings = (_raised(found, alone[0][0]) if len(alone[0]) == 1 else ()) or alone
    if factor > 1:
        readings = ((readings[0][0] * factor,),)
    # "85%" may stand for 0.85; but 6504% must not pass for 65.04.
    return (*readings, (readings[0][0] / 100,)) if hundredth and readings[0][0] <= 100 else readings


def figures(text: str, *, chinese_numerals: bool = True) -> Iterator[Figure]:
    """Every figure in `text`, which must be in plain spelling: in digits, or a Chinese numeral above ten.

    >>> [figure.printed for figure in figures("在 3 个任务上提升 4.1%，共 1.2万 条、十五类")]
    ['3', '4.1%', '1.2万', '十五']
    """
    matches = list(_FIGURE.finditer(text))
    factors = [*map(_factor, matches), 1]
    for index, found in enumerate(matches):
        of100 = text.endswith(OF_100, 0, found.start())
        readings = _readings(found, factors[index], of100 or bool(found["percent"]))
        if factors[index] == 1 < factors[index + 1] and _RANGE.fullmatch(text, found.end(), matches[index + 1].start()):
            readings += _readings(found, factors[index + 1], hundredth=False)  # "10 to 20 million"
        yield Figure(OF_100 * of100 + found[0].strip(), readings, found.start(), found.end())
    for found in _NUMERAL.finditer(text) if chinese_numerals and _PLACE.search(text) else ():
        value = chinese(found[0])
        if value is not None:
            of100 = text.endswith(OF_100, 0, found.start())
            readings = ((Decimal(value),), *(((Decimal(value) / 100,),) * of100))
            yield Figure(OF_100 * of100 + found[0], readings, found.start(), found.end())


# ---- the source ------------------------------------------------------------------------------------------------

_DECIMAL_COMMA = re.compile(r"(?<![\d.,])(\d{1,3}),(\d{1,2})(?=\s?[kKMB%](?![A-Za-z]))")  # "4,6k"
BARE = re.compile(  # but for those that a scale follows: "20 million" is no 20
    r"\d(?<!\d\d)(?<!\d[.,]\d)\d*(?:,\d{3}(?!\d))*(?:\.\d+)?"
    r"(?![\d.,]*(?:\s?(?:[kKMBT]|bn|mn)(?![A-Za-z0-9])|[\s-](?i:thousand|million|billion|trillion)))"
)
_TORN = re.compile(r"\d{1,15}(?:(?: \d{3}(?!\d))+|\. \d+(?=\s?%)|(?:-\d(?!\d))+)")  # "10 000", "15. 2%", "9-1-1"
_TEX_GROUPS = re.compile(r"\d{1,9}(?:\{,\}\d{1,9})+")
_IN_MAY = re.compile(r"\bMay,? (?:of )?\d")
_DECADE = re.compile(r"[12]\d(\d0)'?s\b")


def values(text: str) -> frozenset[Decimal]:
    """Every value that `text` may give, in digits or in English words, read as generously as it can be.

    >>> sorted(values("Two of 1,500 runs gain 5%")) == sorted(map(Decimal, ("2", "1500", "5", "0.05")))
    True
    """
    # Readers of raw TeX take "1{,}372" for 1 and 372.
    torn = (part for group in _TEX_GROUPS.findall(text) for part in group.split("{,}"))
    return frozenset((*_values(plain(text)), *map(_number, torn)))


def _values(text: str) -> Iterator[Decimal]:
    if _DECIMAL_COMMA.search(text):
        yield from _values(_DECIMAL_COMMA.sub(r"\1.\2", text))
    for figure in figures(text, chinese_numerals=False):
        for reading in figure.readings:
            yield from reading
    yield from map(_number, BARE.findall(text))
    for torn in _TORN.findall(text):
        yield _number(re.sub("[ -]", "", torn))
    yield from map(Decimal, _DECADE.findall(text))
    if _IN_MAY.search(text):  # all other months are no other words
        yield Decimal(5)
    yield from english(text)
