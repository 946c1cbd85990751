"""Numbers written in words, English or Chinese, and their values.

Pure. Reads words only: digits and what a missing figure means are for figures.py.
"""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal


def _numbered(words: str, start: int = 0, step: int = 1) -> dict[str, int]:
    """A value for each word: groups are divided by bars, and counted from `start`."""
    return {word: start + step * place for place, group in enumerate(words.split("|")) for word in group.split()}


_UNITS = _numbered(
    "zero|one first|two second|three third|four fourth|five fifth|six sixth|seven seventh|eight eighth|nine ninth|"
    "ten tenth|eleven eleventh|twelve twelfth|thirteen thirteenth|fourteen fourteenth|fifteen fifteenth|"
    "sixteen sixteenth|seventeen seventeenth|eighteen eighteenth|nineteen nineteenth"
)
_TENS = _numbered(
    "twenty twentieth|thirty thirtieth|forty fortieth|fifty fiftieth|sixty sixtieth|seventy seventieth|"
    "eighty eightieth|ninety ninetieth",
    start=20,
    step=10,
)
SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
SCALES |= {f"{scale}s": value for scale, value in SCALES.items()}
_COUNTING = {word + fold: value for word, value in (_UNITS | _TENS).items() for fold in ("", "fold")} | SCALES

# What else says a number: a card may print each of these as a figure. "May", "v" and "x" say too much besides.
_MONTHS = _numbered(
    "january jan|february feb|march mar|april apr||june jun|july jul|august aug|september sept sep|october oct|"
    "november nov|december dec",
    start=1,
)
_LISTED = _numbered("ii|iii|iv||vi|vii|viii|ix||xi|xii", start=2)
_SAID = _numbered(
    "single once sole|twice double doubles doubled doubling dual both pair pairs pairwise binary twin half halve "
    "halves halved halving|thrice triple triples tripled tripling triplet triplets tri|quad quadruple quadruples "
    "quadrupled quarter quarters||||||decade decades tens magnitude||dozen dozens",
    start=1,
) | {"century": 100, "centuries": 100, "megapixel": 10**6, "megapixels": 10**6, "gigapixel": 10**9, "gigapixels": 10**9}
_PARTS = dict.fromkeys(("half", "halve", "halves", "halved", "halving"), Decimal("0.5")) | {"quarter": Decimal("0.25")}
_SAYINGS: dict[str, tuple[Decimal, ...]] = {
    word: (Decimal(value), *([_PARTS[word]] if word in _PARTS else []))
    for word, value in (_MONTHS | _LISTED | _SAID).items()
}

_TOKEN = re.compile(r"[a-z]+|\d+|[^\s\w]")
_MULTITUDES = {"tens": Decimal(10), "hundreds": Decimal(100), "thousands": Decimal(1000), "half": Decimal("0.5")}


def english(text: str) -> Iterator[Decimal]:
    """Every value that number words in `text` give: "twenty-five", "three-fold", "half a million", "March".

    >>> sorted(english("Two hundred and five of a dozen"))
    [Decimal('12'), Decimal('205')]
    """
    words = _TOKEN.findall(text.lower())
    run: list[str] = []
    for place, word in enumerate([*words, "."]):
        if word in _COUNTING:
            # "10 million" does not say a million: the word belongs to the digits before it.
            if run or word not in SCALES or not _follows_digits(words, place):
                run.append(word)
            if word in SCALES and place and (many := _multitude(words[max(0, place - 2) : place])):
                yield many * SCALES[word]
        elif run and not (word == "-" or (word == "and" and run[-1] in SCALES)):
            yield from _compounds(run)
            yield from _of_tens(run, word)
            run = []
        yield from _SAYINGS.get(word, ())
        if word == "orders" and place and words[place - 1].isdecimal():
            yield Decimal(10) ** int(words[place - 1][:2])


def _follows_digits(words: Sequence[str], place: int) -> bool:
    before = [word for word in words[max(0, place - 2) : place] if word != "-"]
    return bool(before) and before[-1].isdecimal()


def _multitude(before: Sequence[str]) -> Decimal | None:
    """What stands before a scale in "tens of thousands" or "half a million"."""
    joined = before[-1] in ("of", "a") and len(before) > 1
    return _MULTITUDES.get(before[-2] if joined else before[-1] if before[-1] == "half" else "")


def _of_tens(run: Sequence[str], noun: str) -> Iterator[Decimal]:
    """What "five decades" and "two orders of magnitude" come to."""
    count = _COUNTING[run[-1]]
    if noun == "decades":
        yield Decimal(10 * count)
    if noun in ("order", "orders") and count < 100:
        yield Decimal(10) ** count


def _compounds(words: Sequence[str]) -> Iterator[Decimal]:
    """The numbers in a run of number words: "two hundred five" is one, "five six" are two."""
    total, current = 0, -1  # -1: nothing since the last scale
    for word in words:
        value = _COUNTING[word]
        if word in SCALES:
            if value > 100:
                total, current = total + abs(current) * value, -1
            else:
                current = abs(current) * value
            continue
        room = 100 if current and current % 100 == 0 else 10 if current % 100 >= 20 and current % 10 == 0 else 0
        if current >= 0 and value >= room:
            yield Decimal(total + current)
            total, current = 0, -1
        current = value if current < 0 else current + value
    yield Decimal(total + max(current, 0))


_DIGITS = {numeral: value for value, numeral in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_PLACES = {"十": 10, "百": 100, "千": 1000}


def chinese(numeral: str) -> int | None:
    """The value of a Chinese numeral, or None where it is not one well-formed number.

    >>> [chinese(numeral) for numeral in ("一百二十", "十五", "三百万", "一亿三千万", "一万亿", "一一", "二三十")]
    [120, 15, 3000000, 130000000, 1000000000000, None, None]
    """
    total = section = 0
    digit: int | None = None
    for character in numeral:
        if character in _DIGITS:
            if digit:
                return None
            digit = _DIGITS[character]
            continue
        if character in _PLACES:
            section += (1 if digit is None else digit) * _PLACES[character]
        elif character == "万":
            total, section = total + (section + (digit or 0) or 1) * 10**4, 0
        else:
            total, section = (total + section + (digit or 0) or 1) * 10**8, 0
        digit = None
    return total + section + (digit or 0)
