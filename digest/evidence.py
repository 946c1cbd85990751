"""Figures held against a source: which of a text it gives, which follow from what it gives, and which have no ground.

Pure. Compares numbers only: how they are spelled is for figures.py, what a figure without ground means for checks.py.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from .figures import BARE, OF_100, Figure, figures, plain, values
from .numerals import chinese, english

# ---- the source ------------------------------------------------------------------------------------------------

_NUMBER = r"(?P<number>\d(?<![\w.,]\d)\d*(?:,\d{3})*(?:\.\d+)?)"
_KINDS = re.compile(
    rf"{_NUMBER}(?:(?P<share>\s?(?:%|percent|per\s?cent|pp\b|-?\s?points?\b))"
    r"|(?P<factor>\s?(?:[x×](?![A-Za-z0-9])|times\b|-?\s?fold\b))"
    r"|(?P<unit>[\s-]?(?:hours?|minutes?|seconds?|days?|weeks?|months?|years?|fps|FPS|[kMG]?Hz|[kKMGTP]B|ms|dB)\b))?"
)
_WORD = "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|twenty"
_TERM = rf"\b(?:\d{{1,3}}(?:,\d{{3}})+|\d+(?:\.\d+)?)(?![.,]?\d)(?:\s?[kKMB]\b)?|\b(?:{_WORD})\b"
_SUM = re.compile(
    rf"(?=(?P<one>{_TERM})(?:(?!{_TERM})[^.;:%]){{1,60}}?\s(?:and|plus)\s(?P<other>{_TERM})(?!\s?%))", re.IGNORECASE
)


class Given:
    """The figures of a title and an abstract, read once for many looks.

    >>> Given("31 public models and 3 military ones").sums
    frozenset({Decimal('34')})
    """

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _plain(self) -> str:
        return plain(self._text)

    @cached_property
    def _literal(self) -> frozenset[str]:
        """Each number in digits that nothing scales, as it stands there."""
        return frozenset(BARE.findall(self._plain))

    def counts(self, few: str) -> bool:
        """Whether the text has a small number by itself, not as a part of a name or of another number."""
        return _SMALL[few].search(self._plain) is not None

    def gives(self, figure: Figure) -> bool:
        """Whether the text has the figure, in any spelling: the quick looks come first."""
        printed = figure.printed.removesuffix("个百分点").rstrip("% ")
        if printed in self._literal or (not printed.isdecimal() and self.prints(printed)):
            return True
        return any(all(value in self.values for value in reading) for reading in figure.readings)

    def prints(self, printed: str) -> bool:
        """Whether the text has just these signs, and they are no part of a longer figure."""
        at, text = self._plain.find(printed), self._plain
        while at >= 0:
            end = at + len(printed)
            if not (text[at - 1 : at].isdigit() or text[at - 1 : at] in (".", ",") or text[end : end + 1].isalnum()):
                return True
            at = text.find(printed, at + 1)
        return False

    @cached_property
    def values(self) -> frozenset[Decimal]:
        """Every value that the text may give."""
        return values(self._text)

    @cached_property
    def kinds(self) -> Mapping[Decimal, frozenset[str]]:
        """What each number in digits is: a "share", a "factor", a number with a "unit", or "" for a bare one."""
        found: dict[Decimal, set[str]] = {}
        for one in _KINDS.finditer(self._plain):
            kind = next((kind for kind in ("share", "factor", "unit") if one[kind]), "")
            found.setdefault(Decimal(one["number"].replace(",", "")[:60]), set()).add(kind)
        return {number: frozenset(each) for number, each in found.items()}

    @cached_property
    def sums(self) -> frozenset[Decimal]:
        """What counts come to that stand side by side."""
        return frozenset(_worth(found["one"]) + _worth(found["other"]) for found in _SUM.finditer(self._plain))


#: How a source says the numbers from two on, in words and as a numeral.
_SAID = (
    "two|second|both|dual|twice|double|pair|twin|binary|bi|II three|third|triple|triplet|tri|trio|thrice|III "
    "four|fourth|quarter|quadruple|quad|IV five|fifth six|sixth seven|seventh eight|eighth nine|ninth ten|tenth|decade"
)
_SMALL = {
    printed: re.compile(
        rf"\b(?:{words})(?:fold|th|e?s)?\b|(?<![\w.,])(?<![A-Za-z]-){value}(?=x\b|(?!\w|[.,]\d))", re.IGNORECASE
    )
    for value, words in enumerate(_SAID.split(), 2)
    for printed in (str(value), "零一二三四五六七八九十"[value])
}


def _worth(term: str) -> Decimal:
    """The value of a number in digits or of a number word."""
    return next(figures(term, chinese_numerals=False)).readings[0][0] if term[0].isdigit() else next(english(term))


# ---- the comparison --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Groundless:
    """A figure of a text that its source does not bear out."""

    words: str  #: as they stand in the text, where they can be found there; else in plain spelling
    start: int  #: where in the text; -1: they can't be found


def groundless(
    text: str, given: Given, *, chinese_numerals: bool = True, decimal_comma: bool = False
) -> Iterator[Groundless]:
    """
    Yield the figures of `text`, in order, that the source neither gives nor leads to, or gives as something else.

    Left alone are marks of a list and small counts of what the text itself enumerates.

    Args:
        text: A field of a card.
        given: The figures of its paper.
        chinese_numerals: Whether numerals such as 十五 are figures.
        decimal_comma: Whether the text is in a language that writes 3,5 for 3.5 and 1.000 for 1,000.

    >>> [one.words for one in groundless("在 ３ 个任务上提升 ４.１%", Given("We gain 3.5% on three tasks."))]
    ['４.１%']
    """
    english_text = _SEPARATOR.sub(lambda found: ".,"[found[0] == "."], text) if decimal_comma else text
    spelled = plain(english_text)
    for figure in _figures(spelled, chinese_numerals):
        if _is_mark(figure, spelled):
            continue
        if given.counts(figure.printed) if _is_count(figure, spelled) else given.gives(figure):
            wrong = _of_other_kind(figure, spelled, given)
        else:
            wrong = not (_counts_itself(figure, spelled) or _follows(figure, spelled, given))
        if wrong:
            found = _located(figure, english_text, spelled)
            own = text[found.start : found.start + len(found.words)]
            yield Groundless(own, found.start) if found.start >= 0 else found


_SEPARATOR = re.compile(r"(?<=\d)[.,](?=\d)")


#: Numerals above five before a measure word; "三种" is as often a count of the model's own.
_FEW = re.compile(
    "[六七八九十](?<![一二两三四五六七八九十百千万亿零〇第每之数上几].)(?=[个种项类组步层轮篇条款套张幅家门维大]|阶段)"
)


def _figures(text: str, chinese_numerals: bool) -> Iterator[Figure]:
    yield from figures(text, chinese_numerals=chinese_numerals)
    for found in _FEW.finditer(text) if chinese_numerals else ():
        yield Figure(found[0], ((Decimal(chinese(found[0]) or 0),),), found.start(), found.end())


def _is_count(figure: Figure, text: str) -> bool:
    """Whether a figure says how many there are of something, from two to ten; the 2 of "DINOv2模型" does not."""
    counted = figure.printed in _SMALL and (_MEASURE.match(text, figure.end) or text.startswith("倍", figure.end))
    return bool(counted) and _GLUED.search(text, 0, figure.start) is None


_GLUED = re.compile(r"[A-Za-z]-?$")
_SHARE = re.compile(r"\s?(?:%|个?百分点)")
_FACTOR = re.compile(r"\s?(?:倍|[x×](?![A-Za-z0-9]))")


def _of_other_kind(figure: Figure, text: str, given: Given) -> bool:
    """Whether a share is never one in the source, but always a factor or a measurement; or a factor always a share."""
    share = figure.printed[-1] in "%点" or _SHARE.match(text, figure.end)
    if not (share or _FACTOR.match(text, figure.end)) or len(figure.readings[0]) > 1:
        return False
    number = _DIGITS.match(figure.printed)
    if number and any(given.prints(number[0] + sign) for sign in ("%" if share else "x×")):  # nearly always
        return False
    kinds = given.kinds.get(figure.readings[0][0], frozenset(("",)))
    return kinds.isdisjoint(("", "share" if share else "factor"))


# ---- what is left alone ----------------------------------------------------------------------------------------

_MARK = re.compile(r"\s?[)）.、:：](?!\d)")
_ITEM_START = re.compile(r"(?:^|[\s;。:,、(.!?；：，])$")
_MEASURE = re.compile(
    r"\s?(?:个|种|项|类|大|组|步|层|轮|次|篇|位|条|款|套|张|幅|家|所|门|国|维|阶|级|段|数据集|模|任|语)|(?<=1)\s?[分秒小天周年]"
)
_IN_NAME = re.compile(r"(?<=[A-Za-z])\d[A-Za-z]")  # B2B, H2O: a name, not a count


def _is_mark(figure: Figure, text: str) -> bool:
    """Whether a figure is no statement about the paper: "2)" before an item, 3D, the middle of B2B."""
    if not (figure.printed.isdecimal() and len(figure.printed) <= 2):
        return _IN_NAME.match(text, figure.start) is not None
    before, after = text[max(0, figure.start - 1) : figure.start], text[figure.end : figure.end + 5]
    mark = int(figure.printed) <= 20 and _MARK.match(after) and _ITEM_START.search(before)
    return bool(mark) or text.startswith("3D", figure.start)


def _counts_itself(figure: Figure, text: str) -> bool:
    """Whether the text itself proves a figure: a small count of what it enumerates, or what a formula comes to."""
    if text[max(0, figure.start - 1) : figure.start] == "≈":
        return True
    if not (figure.printed.isdecimal() or figure.printed in "六七八九十") or (count := figure.readings[0][0]) > 10:
        return False
    return _MEASURE.match(text, figure.end) is not None and (count == 1 or _enumerates(text, int(count)))


_ITEMS = re.compile("[^、。，,；;：:（(）)]{1,60}(?:、[^、。，,；;：:（(）)]{1,60})+")
_ASIDE = re.compile(r"[（(][^（()）]{0,200}[)）]")
_LAST_ITEM = re.compile("以及|和|与|及")
_LISTED = re.compile(r"(?:^|[\s;。:,、(.!?；：，])(\d{1,2})\s?[)）.、:：](?!\d)")


def _enumerates(text: str, count: int) -> bool:
    """Whether `text` lists `count` things: "A、B和C", or with marks up to that number."""
    if any(int(mark) == count for mark in _LISTED.findall(text)):
        return True
    for run in (*_ITEMS.findall(text), *_ITEMS.findall(_ASIDE.sub("", text))):
        items = run.split("、")
        if count in (len(items), len(items) + len(_LAST_ITEM.findall(items[-1]))):
            return True
    return False


# ---- what follows ----------------------------------------------------------------------------------------------

_DIGITS = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
_ABOUT = re.compile("(?:约|近|大于|超过?|逾|高达|≈)为?\\s?$")
_MORE = re.compile(r"\s?(?:[多余+]|以上)")
_NOTHING_COUNTED = re.compile("\\s?(?:[、。，；,;.）)]|$)")
_TO_SHARE = re.compile(r"\s?(?:%|[-~至到]\s?\d+(?:\.\d+)?\s?%)")


def _follows(figure: Figure, text: str, given: Given) -> bool:
    """Whether a figure that the source does not give follows from those that it gives."""
    said = figure.readings[0][0]
    if len(figure.readings[0]) > 1:
        return False
    if figure.printed.isdecimal() and _NOTHING_COUNTED.match(text, figure.end) and given.prints(figure.printed):
        return True  # a figure alone, as the source prints it before "billion"
    if "%" in figure.printed or _TO_SHARE.match(text, figure.end):
        if said <= 20 and 100 - said in given.values:  # "over 99%" leaves less than 1%
            return True
    elif said in given.sums:
        return True
    return _rounds(figure, text, given.values)


def _rounds(figure: Figure, text: str, known: frozenset[Decimal]) -> bool:
    """Whether a figure in 万, or one that is said to be rough, is a known one rounded; cut, where "more" follows."""
    digits = _DIGITS.match(figure.printed)
    if digits is None or sum(map(str.isdigit, digits[0])) < 2 or not (said := figure.readings[0][0]):
        return False
    more = re.search("[多余]", figure.printed) or _MORE.match(text, figure.end)
    if not (more or re.search("[千万亿]", figure.printed) or _ABOUT.search(text, 0, figure.start)):
        return False
    number = Decimal(digits[0].replace(",", ""))
    last = said / number * Decimal(10) ** int(number.as_tuple().exponent)  # what one more in the last place is worth
    return any(0 <= value - said < last if more else 2 * abs(value - said) <= last for value in known)


# ---- where it stands -------------------------------------------------------------------------------------------


def _located(figure: Figure, text: str, spelled: str) -> Groundless:
    """Where a figure that was found in the plain spelling of `text` stands in `text` itself."""
    start = figure.start - len(OF_100) * figure.printed.startswith(OF_100)
    if text == spelled:
        return Groundless(figure.printed, start)
    first, last = (_place(text, length) for length in (start + 1, start + len(figure.printed)))
    words = text[first - 1 : last]
    words += "}" * (text.startswith("}", last) and words.count("{") > words.count("}"))
    return Groundless(words, first - 1) if plain(words) == figure.printed else Groundless(figure.printed, -1)


def _place(text: str, length: int) -> int:
    """How much of `text` has a plain spelling of `length` characters."""
    return bisect_left(range(len(text)), length, key=lambda end: len(plain(text[:end])))
