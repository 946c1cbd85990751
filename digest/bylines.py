"""arXiv's one string of authors, cut into names.

Pure. Guesses no forenames, and leaves TeX as it is.
"""

import re

_AND = r"(?:and|AND|&)"
_NEXT = re.compile(rf"\s*(?<!\\)[,;:]\s*(?:{_AND}(?:\s+|$))?|(?:^|\s+){_AND}(?:\s+|$)")  # `\,` and `\&` are TeX
_GENERATION = re.compile(r",\s*((?:[JS]r|JR|SR)\.?|I{2,3}|IV)(?=\s*(?:[,;:]|and\b|AND\b|$))")
_PLACE_ENDS = re.compile(rf"\s*(?:[,;:(]|{_AND}\s|$)")


def split_authors(text: str) -> tuple[str, ...]:
    r"""
    The names in the author line of a paper, in their order; collaborations are names too.

    Places in parentheses behind a name go; "Jr." stays with its name, without the comma, as arXiv's search writes it.

    >>> split_authors("Ada Lovelace (London, UK (GB)), Alan Turing and G. H. Hardy")
    ('Ada Lovelace', 'Alan Turing', 'G. H. Hardy')
    >>> split_authors("John Smith, Jr., P\\'al Erd\\H{o}s, and the Foo Collaboration: Xi (Amy) Chen")
    ('John Smith Jr.', "P\\'al Erd\\H{o}s", 'the Foo Collaboration', 'Xi (Amy) Chen')

    Source: https://info.arxiv.org/help/prep.html#author
    """
    line = _GENERATION.sub(r" \1", " ".join(_without_places(" ".join(text.split())).split()))
    return tuple(name for name in _NEXT.split(line) if any(map(str.isalpha, name)) and not re.match(r"\(\d", name))


def _without_places(line: str) -> str:
    """The line without the parentheses that end a name; those within one, as of a nickname, stay."""
    kept, end = [], 0
    for start, after in _parentheses(line):
        if _PLACE_ENDS.match(line, after):
            kept.append(line[end:start])
            end = after
    return "".join([*kept, line[end:]])


def _parentheses(line: str) -> list[tuple[int, int]]:
    """Where the outermost closed parentheses begin and end; one that is never closed is none."""
    opened: list[int] = []
    found: list[tuple[int, int]] = []
    for place, sign in enumerate(line):
        if sign == "(":
            opened.append(place)
        elif sign == ")" and opened:
            start = opened.pop()
            while found and found[-1][0] > start:
                found.pop()
            found.append((start, place + 1))
    return found
