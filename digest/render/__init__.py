"""From saved editions to pages: one Protocol, one module a format.

The same editions give the same bytes: no clock, no network, no files written here.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Protocol

from ..models import Edition, KeywordTables, Page

FORMATS = (
    "digest.render.site:Site",
    "digest.render.markdown:Markdown",
    "digest.render.tables:Tables",
    "digest.render.atom:Atom",
)
LANGUAGE = "zh-Hans"  #: of pages about all editions where there is none
#: What a day and the whole always have; `{day}` is the date.
DAY_PAGES = ("{day}/index.html", "{day}/index.md")
WHOLE_PAGES = ("index.html", "feed.xml")
KEYWORD_PAGES = ("keywords.md", "notice.md")  #: where a keyword is followed


@dataclass(frozen=True, slots=True)
class Look:
    """What the pages look like, apart from their content."""

    folders: tuple[Path, ...]  #: templates: a user's folder first, the built-in one last
    limits: Mapping[str, int] = field(default_factory=dict)  #: keyword section title -> rows at most
    limit: int = 100  #: rows of a keyword section that `limits` does not name


class Format(Protocol):
    """One way to print editions, made from a Look."""

    def day(self, edition: Edition) -> Iterator[Page]:
        """Yield the pages that belong to one announcement date."""
        ...

    def whole(self, editions: Iterable[Edition], tables: KeywordTables | None = None) -> Iterator[Page]:
        """Yield the pages about all editions, which come newest first; `tables` are those of keywords over all time."""
        ...


def open_formats(look: Look) -> tuple[Format, ...]:
    """Every format, in the order in which its pages are written."""
    places = (name.partition(":") for name in FORMATS)
    return tuple(getattr(import_module(module), attribute)(look) for module, _, attribute in places)
