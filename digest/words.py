"""Text as it is compared: words without case, accents and punctuation, and the names of people.

Pure. Knows nothing of papers, of keywords' operators or of files.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from unicodedata import normalize

_ACCENT = re.compile(r"""\\(?:["'`^~=.]\s*\{?\\?(\w)\}?|[cdHkrtuv](?:\{(\w+)\}|\s+(\w)))""")  # TeX: \'e, \H{o}, \c c
_LETTER = re.compile(r"\\(aa|ae|oe|ss|[ijlo])(?![A-Za-z])\s*(?:\{\})?", re.IGNORECASE)  # TeX: \o, \ss{}
_MARKS = re.compile("[\u0300-\u036f]+")
_NO_WORD = re.compile(r"[\W_]+")
_ASCII = {sign: " " for sign in range(128) if not chr(sign).isalnum()}  #: the same, quicker
#: No blanks stand between the words of these scripts, so each of their signs is a word.
_UNSPACED = re.compile("([\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff])")
_UNDECOMPOSED = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"})
_HYPHEN = re.compile(r"(?<=\w)[-\u2010-\u2013](?=\w)")
_APOSTROPHE = re.compile("['\u2018\u2019\u02bc]")


def spelled_out(text: str) -> str:
    r"""`text` with letters of one width, and TeX's accents left off.

    >>> spelled_out(r"Poincar\'e, P\'{a}l Erd\H{o}s, ＧＰＴ")
    'Poincare, Pal Erdos, GPT'
    """
    text = text if text.isascii() else normalize("NFKC", text)
    if "\\" not in text:
        return text
    text = _ACCENT.sub(lambda found: found[1] or found[2] or found[3], text)
    return _LETTER.sub(r"\1", text)


def folded(text: str) -> str:
    """`text` without case and accents.

    >>> folded("Łukasz Müller"), folded("STRASSE") == folded("Straße")
    ('lukasz muller', True)
    """
    text = spelled_out(text).casefold()
    if text.isascii():
        return text
    return normalize("NFKC", _MARKS.sub("", normalize("NFKD", text))).translate(_UNDECOMPOSED)


def words(text: str) -> str:
    """
    The words of `text`, one blank before and behind each; of Chinese, Japanese and Korean each sign. Empty without any.

    >>> words("State-of-the-art VLMs"), words("视觉-语言"), words("…")
    (' state of the art vlms ', ' 视 觉 语 言 ', '')
    """
    plain = folded(text)
    bare = plain.translate(_ASCII) if plain.isascii() else _NO_WORD.sub(" ", _UNSPACED.sub(r" \1 ", plain))
    found = bare.split()
    return f" {' '.join(found)} " if found else ""


def holds(text: str, phrase: str) -> bool:
    """Whether one output of `words` holds another; a plural s behind the phrase makes no difference."""
    start = phrase[:-1]
    return bool(phrase) and start in text and (phrase in text or f"{start}s " in text)


@dataclass(frozen=True, slots=True)
class People:
    """Names as a reader wrote them: "Kaiming He", "He, Kaiming" or "K. He"."""

    by_surname: Mapping[str, tuple[tuple[str, ...], ...]]  #: the last word, or its first letter if only that is given

    @classmethod
    def named(cls, names: Iterable[str]) -> "People":
        found: dict[str, tuple[tuple[str, ...], ...]] = {}
        for name in names:
            for reading in _readings(name):
                found[reading[-1]] = (*found.get(reading[-1], ()), reading)
        return cls(found)

    def among(self, names: Iterable[str]) -> tuple[str, ...]:
        """
        Those of `names`, as arXiv has them, that the reader named.

        Case, accents, dots and hyphens make no difference, nor do middle initials that the reader left out. An
        initial that the reader wrote stands for any name that begins with it, a whole name for itself alone.

        >>> People.named(["K. He", "Hinton, Geoffrey"]).among(["Kaiming He", "Geoffrey E. Hinton", "G. Hinton"])
        ('Kaiming He', 'Geoffrey E. Hinton')
        """
        return tuple(name for name in names if self._has(name)) if self.by_surname else ()

    def _has(self, name: str) -> bool:
        for reading in _readings(name):
            surname = reading[-1]
            asked = (*self.by_surname.get(surname, ()), *self.by_surname.get(surname[0], ()))
            if any(_agrees(one, reading) for one in asked):
                return True
        return False


@lru_cache(maxsize=1 << 14)
def _readings(name: str) -> tuple[tuple[str, ...], ...]:
    """The words of a name, forenames first; with hyphens as blanks, and as nothing."""
    last, comma, first = name.partition(",")
    name = _APOSTROPHE.sub("", f"{first} {last}" if comma else name)
    spellings = (words(name), words(_HYPHEN.sub("", name)))
    return tuple(dict.fromkeys(tuple(one.split()) for one in spellings if one))


def _agrees(asked: tuple[str, ...], name: tuple[str, ...]) -> bool:
    if len(name) > len(asked) > 1:
        name = (name[0], *(word for word in name[1:-1] if not _is_initial(word)), name[-1])
    return len(asked) == len(name) and all(
        one == other or (_is_initial(one) and other.startswith(one)) for one, other in zip(asked, name, strict=True)
    )


def _is_initial(word: str) -> bool:
    return len(word) == 1 and not _UNSPACED.match(word)
