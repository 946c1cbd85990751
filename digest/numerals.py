"""Numbers written in words, English or Chinese, and their values.

Pure. Reads words only: digits and what a missing figure means are for figures.py.
"""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

_UNITS = {
    word: value
    for value, words in enumerate(
        (
            "zero",
            "one first",
            "two second",
            "three third",
            "four fourth",
            "five fifth",
            "six sixth",
            "seven seventh",
            "eight eighth",
            "nine ninth",
            "ten tenth",
            "eleven eleventh",
            "twelve twelfth",
            "thirteen thirteenth",
            "fourteen fourteenth",
            "fifteen fifteenth",
            "sixteen sixteenth",
            "seventeen seventeenth",
            "eighteen eighteenth",
            "nineteen nineteenth",
        )
    )
    for word in words.split()
}
_TENS = {
    word: 10 * value
    for value, words in enumerate(
        (
            "twenty twentieth",
            "thirty thirtieth",
            "forty fortieth",
            "fifty fiftieth",
            "sixty sixtieth",
            "seventy seventieth",
            "eighty eightieth",
            "ninety ninetieth",
        ),
        start=2,
    )
    for word in words.split()
}
SCALES = {
    scale + ending: value
    for scale, value in (
        ("hundred", 100),
        ("thousand", 10**3),
        ("million", 10**6),
        ("billion", 10**9),
        ("trillion", 10**12),
    )
    for ending in ("", "s")
}
_COUNTING = {word + fold: value for word, value in {**_UNITS, **_TENS}.items() for fold in ("", "fold")} | SCALES

# What else says a number: a card may print each of these as a figure.
_WORDS = {
    **dict.fromkeys("single once sole".split(), ("1",)),
    **dict.fromkeys("twice double doubles doubled doubling dual both pair pairs pairwise binary twin".split(), ("2",)),
    **dict.fromkeys("thrice triple triples tripled tripling triplet triplets tri".split(), ("3",)),
    **dict.fromkeys("quad quadruple quadruples quadrupled".split(), ("4",)),
    **dict.fromkeys("half halve halves halved halving".split(), ("0.5", "2")),
    **dict.fromkeys("quarter quarters".split(), ("0.25", "4")),
    **dict.fromkeys("dozen dozens".split(), ("12", "10")),
    **dict.fromkeys("decade decades tens".split(), ("10",)),
    **dict.fromkeys("century centuries".split(), ("100",)),
    **dict.fromkeys("megapixel megapixels".split(), ("1000000",)),
    **dict.fromkeys("gigapixel gigapixels".split(), ("1000000000",)),
    **{
        word: (str(value),)
        for value, words in enumerate(
            "january jan|february feb|march mar|april apr|may|june jun|july jul|august aug|"
            "september sept sep|october oct|november nov|december dec|".split("|"),
            start=1,
        )
        for word in words.split()
    },
    **{word: (str(value),) for value, word in enumerate("ii iii iv v vi vii viii ix x xi xii".split(), start=2)},
    "magnitude": ("10",),
}
_SAYINGS = {word: tuple(map(Decimal, said)) for word, said in _WORDS.items()}

_TOKEN = re.compile(r"[a-z]+|\d+|[^\s\w]")
_MULTITUDES = {"tens": Decimal(10), "hundreds": Decimal(100), "thousands": Decimal(1000), "half": Decimal("0.5")}


def english(text: str) -> Iterator[Decimal]:
    """Every value that number words in `text` give: "twenty-five", "three-fold", "half a million", "March".

    >>> sorted(english("Two hundred and five of a dozen"))
    [Decimal('10'), Decimal('12'), Decimal('205')]
    """
    tokens = _TOKEN.findall(text.lower())
    run: list[str] = []
    for place, token in enumerate([*tokens, "."]):
        if token in _COUNTING:
            # "10 million" does not say a million: the word belongs to the digits before it.
            if run or token not in SCALES or not _follows_digits(tokens, place):
                run.append(token)
            if token in SCALES and place and (many := _multitude(tokens[max(0, place - 2) : place])):
                yield many * SCALES[token]
        elif run and not (token == "-" or (token == "and" and run[-1] in SCALES)):
            yield from _compounds(run)
            yield from _of_tens(run, token)
            run = []
        yield from _SAYINGS.get(token, ())
        if token == "orders" and place and tokens[place - 1].isdecimal():
            yield Decimal(10) ** int(tokens[place - 1][:2])


def _follows_digits(tokens: Sequence[str], place: int) -> bool:
    before = [token for token in tokens[max(0, place - 2) : place] if token != "-"]
    return bool(before) and before[-1].isdecimal()


def _multitude(before: Sequence[str]) -> Decimal | None:
    """What stands before a scale in "tens of thousands" or "half a million"."""
    joined = before[-1] in ("of", "a") and len(before) > 1
    return _MULTITUDES.get(before[-2] if joined else before[-1] if before[-1] == "half" else "")


def _of_tens(run: Sequence[str], token: str) -> Iterator[Decimal]:
    """What "five decades" and "two orders of magnitude" come to."""
    count = _COUNTING[run[-1]]
    if token == "decades":
        yield Decimal(10 * count)
    if token in ("order", "orders") and count < 100:
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
_MYRIADS = {"万": 10**4, "亿": 10**8}


def chinese(numeral: str) -> int | None:
    """The value of a Chinese numeral, or None where it is not one well-formed number.

    >>> chinese("一百二十"), chinese("十五"), chinese("三百万"), chinese("一一"), chinese("二三十")
    (120, 15, 3000000, None, None)
    """
    total = section = 0
    digit: int | None = None
    for character in numeral:
        if character in _DIGITS:
            if digit:
                return None
            digit = _DIGITS[character]
        elif character in _PLACES:
            section, digit = section + (1 if digit is None else digit) * _PLACES[character], None
        else:
            section, digit = section + (digit or 0), None
            total = (total + (section or 1)) * _MYRIADS[character]
            section = 0
    return total + section + (digit or 0)
