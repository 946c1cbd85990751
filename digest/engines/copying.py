"""What a small model may write: its language's own signs, and of figures and names only what the question prints.

Pure. Makes the grammar of an answer, in the form of llama.cpp (GBNF); digits and Latin words that the paper does not
have can't come out at all, but for a few common abbreviations. Numerals in Chinese characters, units and signs are left
to the checks, and whether a figure stands in the right place, nobody here knows.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import chain
from typing import Any

from ..names import COMMON, Source

# ---- the grammar -----------------------------------------------------------------------------------------------

_HAN = r"\u4e00-\u9fff\u3400-\u4dbf"
_SIGNS = r"，。；：、！？（）《》〈〉「」『』“”‘’—…·～ "
#: Of a script, as character classes: what a text begins with, and what it has but for figures and Latin words.
_OWN: Mapping[str, tuple[str, str]] = {
    "Hans": (_HAN, _HAN + _SIGNS),
    "Hant": (_HAN, _HAN + _SIGNS),
    "Jpan": (_HAN + r"\u3041-\u30ff", _HAN + r"\u3041-\u30ff々〇" + _SIGNS),
}


def grammar(schema: Mapping[str, Any], text: str, script: str) -> str | None:
    r"""
    The grammar of an object of strings in that script, with figures and names of `text`; None for other scripts.

    Args:
        schema: JSON schema of the answer: an object whose properties are all strings.
        text: The question: the only source of figures and names.
        script: ISO 15924, of the language that the answer is in: "Hans".

    >>> print(grammar({"properties": {"tldr": {}}}, "GPT beats GPU by 2%", "Hans").splitlines()[0])
    root ::= "{\"tldr\":\"" text "\"}"
    """
    if script not in _OWN:
        return None
    first, own = _OWN[script]
    opening = ('{"', *('","' for _ in schema["properties"]))
    keys = [_literal(f'{sign}{name}":"') for sign, name in zip(opening, schema["properties"], strict=False)]
    words = [json.dumps(word, ensure_ascii=False)[1:-1] for word in copied(text)]
    rules = [f"root ::= {' text '.join(keys)} text {_literal(chr(34) + '}')}"]
    if words:
        rules += ["text ::= (start | copy own) run (copy own run)* copy?", "copy ::= word ([/~–-] word)?"]
        rules += [f"word ::= {_tree(words)}"]
    else:
        rules += ["text ::= start run"]
    return "\n".join([*rules, "run ::= ([/-]? own)*", f"start ::= [{first}]", f"own ::= [{own}]"])


def _literal(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _tree(words: Sequence[str]) -> str:
    """One of `words`, told apart letter by letter, so that few of them are in question at a time."""
    starts: dict[str, list[str]] = {}
    for word in words:
        starts.setdefault(word[:1], []).append(word[1:])
    ends = starts.pop("", None) is not None
    branches = []
    for sign, rests in starts.items():
        shared = _shared(rests)
        endings = [rest[len(shared) :] for rest in rests]
        branches.append(_literal(sign + shared) + (f" {_tree(endings)}" if any(endings) else ""))
    tree = f"({' | '.join(branches)})"
    return f"{tree}?" if ends else tree


def _shared(words: Sequence[str]) -> str:
    """What all of `words` begin with."""
    low, high = min(words), max(words)
    at = next((place for place, pair in enumerate(zip(low, high, strict=False)) if pair[0] != pair[1]), len(low))
    return low[:at]


def wording(text: str, script: str) -> re.Pattern[str]:
    """
    The same for one string, to look whether a text keeps to it.

    >>> is_fit = wording("SwimVG reaches 85.2% on RefCOCO", "Hans").fullmatch
    >>> bool(is_fit("在RefCOCO上，SwimVG达到85.2%。")), bool(is_fit("在RefCOCO上，SwimVG达到85.3%。"))
    (True, False)
    """
    first, own = _OWN[script]
    run, words = f"(?:[/-]?[{own}])*", "|".join(map(re.escape, copied(text)))
    if not words:
        return re.compile(f"[{first}]{run}")
    copy = f"(?:{words})(?:[/~–-](?:{words}))?"
    return re.compile(f"(?:[{first}]|{copy}[{own}]){run}(?:{copy}[{own}]{run})*(?:{copy})?")


# ---- what is copied --------------------------------------------------------------------------------------------

MOST = 200  #: words that may be copied
_FORMULA = re.compile(r"(?<!\\)\$(?P<inner>[^$\n]{1,80}?)(?<!\\)\$")
_IS_FORMULA = re.compile(r"[\\^_{}=<>+|\d]|^\S{1,12}$")
_FIGURE = re.compile(
    r"(?<![A-Za-z\d.,_^{])[+\-−]?(?P<number>\d+(?:,\d{3})*(?:\.\d+)?)(?![A-WYZa-wyz\d]|[.,]\d|\s(?:[KMB]|thousand|million|billion|trillion)\b)(?P<percent>\s?(?:\\?%|per\s?cent\b))?"
)
_WORD = re.compile(r"\S+")
_LABELS = ("Title:", "Abstract:")  #: of the question itself
_EDGE = ".,;:!?()[]{}\"'“”‘’`*…"
_BREAKS = re.compile(r"[/()\[\],;:—–]+")
_PLURAL = re.compile(r"(?<=[A-Z])s$")
_POSSESSIVE = re.compile(r"['’]s$")
_NUMBER_WORDS = "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
#: Words without a capital that are said in Latin letters in any language.
_SPOKEN_WORDS = "rollout rollouts tokenizer epoch logit logits oracle top-k pass@k batch dropout"
_SPOKEN = COMMON | frozenset(_SPOKEN_WORDS.split())


@lru_cache(maxsize=8)
def copied(text: str) -> Sequence[str]:
    """
    What of a text may be copied letter by letter: formulas, figures, names; longer ones first.

    >>> copied("We train Qwen2.5-VL (7B) on 3,141 images; LLMs gain 2.5x.")
    ('Qwen2.5-VL', 'Qwen2.5', '3,141', 'LLMs', '2.5x', '2.5', 'LLM', 'VL', '7B', 'AI')
    """
    formulas = [one[0] for one in _FORMULA.finditer(text) if _IS_FORMULA.search(one["inner"])]
    rest = text
    for formula in formulas:
        rest = rest.replace(formula, " ")
    said = (_figures(text), _names(rest), _scaled(text), _counted(text), _shortened(text))
    found = dict.fromkeys((*formulas, *chain.from_iterable(said)))
    return tuple(sorted(list(found)[:MOST], key=len, reverse=True))


def _figures(text: str) -> Iterator[str]:
    for one in _FIGURE.finditer(text):
        printed = one[0].removesuffix(one["percent"] or "")
        yield from (printed, one["number"])
        if one["percent"]:
            yield from (f"{printed}%", f"{one['number']}%")


def _names(text: str) -> Iterator[str]:
    """Words that are names, whole and in the parts that hyphens and slashes make, and without a plural's s."""
    lower = frozenset(re.findall("[a-z]+", text))
    before = "."
    for found in _WORD.finditer(text):
        for broken in () if found[0] in _LABELS else _BREAKS.split(found[0]):
            word = _POSSESSIVE.sub("", broken.strip(_EDGE))
            if word and "\\" not in word and "$" not in word:
                yield from _parts(word, lower, opens=before in ".:!?")
        before = found[0][-1]


def _parts(word: str, lower: frozenset[str], *, opens: bool) -> Iterator[str]:
    for part in _runs(word):
        is_proper = part[:1].isupper() and len(part) > 2 and not opens and part.lower() not in lower
        if is_proper or _is_name(part) or part.lower() in _SPOKEN:
            yield part
            if _PLURAL.search(part):
                yield part[:-1]


def _runs(word: str) -> Iterator[str]:
    """A word and the runs of its parts between hyphens: "GPT-4-based" has "GPT-4", too."""
    parts = word.split("-")
    if len(parts) > 6:
        yield word
        return
    for size in range(len(parts), 0, -1):
        for at in range(len(parts) - size + 1):
            yield "-".join(parts[at : at + size])


def _is_name(word: str) -> bool:
    """Whether a word has letters, and a capital or a digit beyond its first sign."""
    return any(map(str.isalpha, word)) and any(sign.isupper() or sign.isdigit() for sign in word[1:])


_SCALED = re.compile(r"(?<![\w.,])(\d{1,9}(?:\.\d{1,6})?)[\s-]?(thousand|million|billion|trillion)\b", re.IGNORECASE)
_TENS = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12}


def _scaled(text: str) -> Iterator[str]:
    """
    Large numbers as Chinese counts them.

    >>> list(_scaled("93.9 million tokens, 1.2 billion words"))
    ['9390万', '0.939亿', '120000万', '12亿']
    """
    for number, unit in _SCALED.findall(text):
        for tens, sign in ((4, "万"), (8, "亿")):
            yield f"{(Decimal(number).scaleb(_TENS[unit.lower()] - tens)).normalize():f}{sign}"


def _counted(text: str) -> Iterator[str]:
    """The digits of number words: a card may say 7 where the abstract says seven."""
    words = frozenset(re.findall("[a-z]+", text.lower()))
    return (str(value) for value, word in enumerate(_NUMBER_WORDS.split(), 2) if word in words)


def _shortened(text: str) -> Iterator[str]:
    """Common abbreviations of what the text spells out."""
    source, initials = Source(text), frozenset(word[0] for word in re.findall("[a-z]+", text.lower()))
    for word in sorted(COMMON):
        if 2 < len(word) < 6 and initials.issuperset(word) and source.spells_out(word.upper()):
            yield word.upper()
    if "transformer" in text.lower():
        yield "Transformer"
    if "language model" in text.lower():
        yield "LLM"
    yield "AI"
