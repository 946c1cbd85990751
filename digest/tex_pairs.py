r"""What belongs together in a text with TeX: braces, dollars, an address, a letter and its accent, joined words.

Pure, and decides by what stands beside a sign; each is found in one pass, and what is looked at twice is short.
"""

import re
from collections.abc import Mapping
from itertools import pairwise

from .tex_math import LONGEST
from .tex_signs import GREEK, LETTERS, accented

#: An address is never TeX: how one begins, and what RFC 3986 allows in it with the signs that TeX wants escaped.
_HEAD = re.compile(
    r"(?:https?|ftp)://|(?<![\w.@/\\-])(?=[A-Za-z0-9.-]*\.[A-Za-z]{2,}/)[A-Za-z0-9-]++(?:\.[A-Za-z0-9-]++)++/"
)
_TAIL = re.compile(
    r"""(?:[A-Za-z0-9._:/?\#\[\]@!&()*+,;=%-] | (?<=[/~])~ | '(?!') | \$(?![\\^_{$\s]|$)
      | \\[_%\#&~$](?:\{\})? | \\textasciitilde(?:\{\})?)*""",
    re.VERBOSE,
)
_LONGEST_HOST = 120
_HALF = re.compile(r"[\\{}$](?:(?<=\\).|(?<!\\))", re.DOTALL)  # a class first: three times as fast as alternatives

_OPERATOR = re.compile(r"[\\^_{}=<>+|]")
_SAID = re.compile(r"\\(?:text\w*|mbox|mathrm|operatorname|emph)\*?\s*\{[^{}]*\}")
_THREE_WORDS = re.compile(r"(?:(?<![\\A-Za-z])[A-Za-z]{2,}[,;:]?\s+){2}[A-Za-z]{2,}")
_SMALL = re.compile(r"[\w\s.,()\[\]*/:;!'-]{1,40}")
_LONG_WORD = re.compile(r"[A-Za-z]{3,}")

_PRECEDING = re.compile(r"[A-Za-z0-9]*\Z")
_DISTRIBUTION = re.compile(r"\\?[A-Za-z]\w*(?:\{\w*\})?\(")
_DOTLESS = re.compile(r"\s{0,3}\\([ij])(?![A-Za-z])\s?")
_LETTER = re.compile(r"\s{0,3}([^\W\d_])")
_GROUP = re.compile(r"\s{0,3}\{")
_QUOTED = re.compile(r'\\"[\w .-]{1,40}\\"')
_DOTTED = frozenset("zZeEgGcCIaAbBdDmMnNsS")

_ITEMS = re.compile(r"[^\s,]*(?:\s*,\s*[^\s,]*)+|\s*\S+(?:,\s*(?:\.{3}|…))")
_NOT_PROSE = re.compile(r"[{}%=\"|<>]|\w:\s*\w")


def addresses(text: str) -> dict[int, int]:
    """Where each address begins and ends; those without `https://` too, if a slash follows the host."""
    found: dict[int, int] = {}
    slash, after = text.find("/"), 0
    while slash >= 0:
        word = max(text.rfind(" ", max(0, slash - _LONGEST_HOST), slash) + 1, slash - _LONGEST_HOST, after)
        after = slash + 1
        if head := _HEAD.search(text, word, slash + 2):
            tail = _TAIL.match(text, head.end())
            after = found[head.start()] = tail.end() if tail else head.end()
        slash = text.find("/", after)
    return found


def halves(text: str) -> tuple[dict[int, int], dict[int, int]]:
    r"""
    For each brace that opens where it closes, and for each dollar the next one within the same braces.

    >>> halves(r"{a$b{$}$\}} }")
    ({4: 6, 0: 10}, {2: 7})
    """
    closing: dict[int, int] = {}
    following: dict[int, int] = {}
    opened: list[tuple[int, list[int]]] = [(-1, [])]
    for found in _HALF.finditer(text):
        place, sign = found.start(), found[0]
        if sign == "{":
            opened.append((place, []))
        elif sign == "$":
            opened[-1][1].append(place)
        elif sign == "}" and len(opened) > 1:
            start, dollars = opened.pop()
            closing[start] = place
            following.update(pairwise(dollars))
    rest = [place for _, dollars in opened for place in dollars]
    following.update(pairwise(rest))
    return closing, following


def is_formula(source: str, behind: str) -> bool:
    """
    Whether what stands between two dollars is a formula, and not what stands between two prices.

    `behind` is the character behind the second dollar. The rule was tried on all dollars of 7,316 papers: see
    docs/tex.md.

    >>> [is_formula(one, "") for one in ("n", "[0, 1)", "3q - 2", "x = 1", "5 and ", "5 to 10 billion in all")]
    [True, True, True, True, False, False]
    """
    body = source.strip()
    spaced = source[:1].isspace()
    if not body or len(source) > LONGEST or spaced != source[-1:].isspace():
        return False
    if body[0].isdecimal() and behind.isdecimal() and not re.search(r"[\\^_{]", body):
        return False
    if _OPERATOR.search(body):
        return not _THREE_WORDS.search(_SAID.sub(" ", body))
    if not any(sign.isspace() for sign in body):
        return len(body) <= (2 if spaced else 20)
    return bool(not spaced and _SMALL.fullmatch(body) and not _LONG_WORD.search(body) and body[-1] not in "-*/.,:;")


def only_protect(inside: str, before: str, behind: str) -> bool:
    r"""
    Whether braces around `inside` say nothing: they keep the case of a word, or are left over from a macro.

    Those of a set, of a record, of a template or behind a word stay.

    >>> [only_protect(one, " ", " ") for one in ("BERT", "a robust option", r"\em x", "2, 3, 5", "{x", '"a": 1')]
    [True, True, True, False, False, False]
    >>> only_protect(",", "1", "5"), only_protect("x", "f", " ")
    (True, False)
    """
    if inside.startswith("\\"):
        return before != "\\"
    if before == "{" and behind == "}":
        return False
    if inside in {"", ","}:
        return before.isdecimal() and behind.isdecimal()
    if before == "\\" or (before.isalnum() and not (inside.isupper() and inside.isalpha() and before.islower())):
        return False
    return not (len(inside) > 600 or _NOT_PROSE.search(inside) or _ITEMS.fullmatch(inside.strip()))


def tie(text: str, start: int) -> str:
    r"""
    The space that `~` at `start` is between two words; empty where it means "about", "to" or "is distributed as".

    >>> [tie(one, one.index("~")) for one in ("Fig.~3", "(~5", "1~2", "x~N(0, 1)", "约3~5")]
    ['\xa0', '', '', '', '']
    """
    left, right = text[max(0, start - 1) : start], text[start + 1 : start + 2]
    if not (left.isalnum() or left in set(").}]$%'\"”")) or not (right.isalnum() or right in set("\\$([{")):
        return ""
    if max(left, right) > "\u2e80":  # Chinese writes ranges so
        return ""
    found = _PRECEDING.search(text, max(0, start - 20), start)
    word = found[0] if found else ""
    if right.isdecimal():
        return "\xa0" if word.isalpha() or (not word and left in "}.$)") else ""
    return "" if len(word) == 1 and _DISTRIBUTION.match(text, start + 1) else "\xa0"


def dash(text: str, start: int, end: int) -> str:
    r"""
    The dash that two or three hyphens at text[start:end] are; empty where they begin an option, an arrow or a rule.

    >>> [dash(one, one.index("--"), one.rindex("-") + 1) for one in ("1--2", "a --- b", "run --fast", "-->", "----")]
    ['–', '—', '', '', '']
    """
    left, right = text[max(0, start - 1) : start], text[end : end + 1]
    begins = not left or left.isspace() or left in "([\"'`“‘/|<"
    if end - start > 3 or left == "!" or right in {"", ">"} or (begins and not right.isspace()):
        return ""
    return "–" if end - start == 2 else "—"


def accent(text: str, closing: Mapping[int, int], name: str, after: int) -> tuple[str, int] | None:
    r"""
    The letter with the accent `name`, whose macro ends at `after`, and where it ends; None where it is no accent.

    >>> [accent(one, halves(one)[0], one[1], 2) for one in (r"\'e", r'\"{\i}', r"\c{c}", r"\d+", r"\b{eta}", r"\u67")]
    [('é', 3), ('ï', 6), ('ç', 5), None, ('β', 7), None]
    """
    before = text[max(0, after - 3) : after - 2]
    if name == '"' and not before.isalpha() and _QUOTED.match(text, after - 2):  # a string of a program
        return None
    if group := _GROUP.match(text, after):
        last = closing.get(group.end() - 1, after)
        inside, stop = text[group.end() : last].strip() if last - group.end() < 12 else "", last + 1
    elif dotless := _DOTLESS.match(text, after):
        inside, stop = dotless[0].strip(), dotless.end()
    elif letter := _LETTER.match(text, after):
        inside, stop = letter[1], letter.end()
        if name.isalpha() and not (stop > after + 1 and (before.isalpha() or before == "{")):
            return None
        if name == "." and inside not in _DOTTED:
            return None
    else:
        return None
    if len(inside) > 1 and name + inside in GREEK:  # arXiv's listing has "\b{eta}" for "\beta"
        return GREEK[name + inside], stop
    inside = LETTERS.get(inside[1:], "") if inside.startswith("\\") else inside
    return (accented(name, inside), stop) if inside.isalpha() and inside < "\u0250" else None
