"""The search over all days: the page, and a shard for each day, a script that hands the page the day's papers as text.

A shard is made of its edition alone, so that the index grows by one file a night; the reader's browser does the rest.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..heads import Head, sections_of
from ..models import Edition, Entry, Page
from ..plaintext import one_line
from ..tex import plain
from . import LANGUAGE, Look, Volumes
from .environment import fill, html_environment

BETWEEN = "; "  #: names of authors
LONGEST_NAME = 40  #: characters of a name in an abstract

FIELD, LINE = "\t", "\n"  #: what stands between the fields of a paper, and between papers: no text on one line has them
STATES = ("shown", "flagged", "pending", "replacement")  #: of a paper; a shard has the number

_WORD = re.compile(r"[A-Za-z0-9]+(?:[-.+][A-Za-z0-9]+)*")
_CAPITAL = re.compile(r"[A-Z]")
_TELLING = re.compile(r"[A-Z0-9]")
#: Beyond what JSON escapes: what ends a script, and what ends a line of an older one.
_NOT_IN_SCRIPT = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<\u2028\u2029"}


@dataclass(frozen=True, slots=True)
class Row:
    """One paper of a shard."""

    facts: str  #: version, number of its state, numbers of its sections: "1 0 0,3"
    text: str  #: all that is searched, as fields: title, authors, categories and id, TL;DR, names of the abstract


@dataclass(frozen=True, slots=True)
class Choice:
    """A section that a search may be narrowed to."""

    title: str  #: empty for papers that belong to no section
    kind: str  #: "category", "keyword" or "rest"


def _text(text: str) -> str:
    return one_line(plain(text))


def names(abstract: str, shown: str) -> str:
    """
    What looks like a name or an abbreviation in `abstract` and is not in the text `shown`, each once, in order.

    >>> names("We beat GPT-4 and LoRA on ImageNet by 3.5 in 2025. LoRA wins. Mamba too.", "On GPT-4")
    'LoRA ImageNet'
    """
    found = (word for word in _WORD.findall(abstract) if len(_TELLING.findall(word)) > 1 and _CAPITAL.search(word))
    return " ".join(dict.fromkeys(word for word in found if len(word) <= LONGEST_NAME and word not in shown))


def row(entry: Entry, sections: Iterable[int], state: str) -> Row:
    """What a search knows of one paper."""
    paper = entry.paper
    title, tldr = _text(paper.title), _text(entry.card.tldr) if entry.card else ""
    fields = (
        title,
        BETWEEN.join(filter(None, map(_text, paper.authors))),
        " ".join((*filter(None, map(one_line, paper.categories)), paper.arxiv_id)),
        tldr,
        names(_text(paper.abstract), f"{title} {tldr}"),
    )
    return Row(f"{paper.version} {STATES.index(state)} {','.join(map(str, sections))}", FIELD.join(fields))


def rows(edition: Edition) -> Iterator[Row]:
    """Yield the papers of a day in reading order, each once: those with a number, then the replacements."""
    named: dict[str, list[int]] = {}
    for number, section in enumerate(sections_of(edition)):
        for arxiv_id in (*section.arxiv_ids, *section.replaced):
            named.setdefault(arxiv_id, []).append(number)
    entries = {entry.paper.arxiv_id: entry for entry in edition.entries}
    replaced = {entry.paper.arxiv_id: entry for entry in edition.replacements if entry.paper.arxiv_id not in entries}
    for arxiv_id, numbers in named.items():
        if entry := entries.get(arxiv_id):
            yield row(entry, numbers, entry.state)
    for arxiv_id, entry in replaced.items():
        yield row(entry, named.get(arxiv_id, ()), "replacement")


def shard(edition: Edition) -> str:
    """
    The papers of a day as a script: one call, with the date, the sections, and the facts and texts of all papers.

    A string a day and not an array a paper: a phone reads it four times as fast.
    """
    sections = [(section.kind, one_line(section.title)) for section in sections_of(edition)]
    found = list(rows(edition))
    facts, texts = LINE.join(one.facts for one in found), LINE.join(one.text for one in found)
    return f"digest.add({','.join(map(_json, (edition.announced.isoformat(), sections, facts, texts)))});\n"


def _json(value: object) -> str:
    """JSON that is also a piece of JavaScript, wherever it stands."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_NOT_IN_SCRIPT)


def choices(heads: Iterable[Head]) -> tuple[Choice, ...]:
    """Every section that any edition has, those of the newest first: keywords, categories, the rest."""
    found = dict.fromkeys((section.kind, one_line(section.title)) for head in heads for section in head.sections)
    order = ("keyword", "category", "rest")
    return tuple(Choice(title, kind) for kind, title in sorted(found, key=lambda one: order.index(one[0])))


class Search:
    """`search.html`, and `search.js` of each day."""

    def __init__(self, look: Look) -> None:
        self._environment = html_environment(look.folders)

    def day(self, edition: Edition) -> Iterator[Page]:
        """Yield the shard of one announcement date."""
        yield Page(f"{edition.announced.isoformat()}/search.js", shard(edition).encode())

    def whole(self, volumes: Volumes) -> Iterator[Page]:
        """Yield the page, which knows the dates that have a shard."""
        heads = volumes.heads
        text = fill(
            self._environment,
            "site/search.html.j2",
            heads[0].language if heads else LANGUAGE,
            days=[head.announced for head in heads],
            choices=choices(heads),
            states=STATES,
        )
        yield Page("search.html", text.encode())
