"""From saved editions to pages: one Protocol, one module a format.

The same editions give the same bytes: no clock, no network, no files written here.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from hashlib import sha256
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from ..heads import Head, head_of
from ..models import Edition, KeywordTables, Page

if TYPE_CHECKING:
    from .tracks import Track

FORMATS = (
    "digest.render.site:Site",
    "digest.render.archive:Archive",
    "digest.render.sections:Sections",
    "digest.render.search:Search",
    "digest.render.starred:Starred",
    "digest.render.markdown:Markdown",
    "digest.render.tables:Tables",
    "digest.render.atom:Atom",
    "digest.render.mail:Mail",
)
EXCERPTS = {  #: block of a README -> what fills it
    "keywords": "digest.render.tables:Tables",
    "latest": "digest.render.latest:Latest",
}
LANGUAGE = "zh-Hans"  #: of pages about all editions where there is none
#: What a day and the whole always have; `{day}` is the date.
DAY_PAGES = ("{day}/index.html", "{day}/index.md", "{day}/search.js", "{day}/mail.html", "{day}/mail.txt")
WHOLE_PAGES = ("index.html", "search.html", "starred.html", "feed.xml")
SECTION_PAGES = ("{path}.html", "{path}.xml")  #: of each category and keyword; see layout.section_path
SECTIONS = tuple(f"{kind}/*.{ending}" for kind in ("category", "keyword") for ending in ("html", "xml"))
KEYWORD_PAGES = ("keywords.md", "notice.md")  #: where a keyword is followed


@dataclass(frozen=True, slots=True)
class Look:
    """What the pages look like, apart from their content."""

    folders: tuple[Path, ...]  #: templates: a user's folder first, the built-in one last
    limits: Mapping[str, int] = field(default_factory=dict)  #: keyword section title -> rows at most
    limit: int = 100  #: rows of a keyword section that `limits` does not name
    site_url: str = ""  #: where the site is on the web, ending in "/"; empty: not known
    siblings: tuple[tuple[str, str], ...] = ()  #: (language, path from here) of the same digest in other languages
    program: str = ""  #: names the state of program and templates; empty: not known, so no page is taken for the same


def _no_page(_path: str, _made_of: str) -> Page | None:
    return None


@dataclass(frozen=True)
class Volumes:
    """All editions, as far as pages about them need: their heads, and papers on demand."""

    heads: tuple[Head, ...]  #: newest first
    part: Callable[[date, Collection[str]], Edition | None]  #: an edition with nothing but the papers named
    tables: KeywordTables | None = None  #: of keywords over all time
    stamp: Callable[[date], object] = date.isoformat  #: tells an edition from a later one of its date
    kept: Callable[[str, str], Page | None] = _no_page  #: the page of a path on file, if it was made of this

    @cached_property
    def tracks(self) -> "tuple[Track, ...]":
        """The sections over time."""
        from .tracks import tracks

        return tracks(self.heads)

    @classmethod
    def of(cls, editions: Iterable[Edition], tables: KeywordTables | None = None) -> "Volumes":
        """What editions in memory, newest first, come to."""
        known = {edition.announced: edition for edition in editions}

        def part(day: date, ids: Collection[str]) -> Edition | None:
            one = known[day]
            lists = {"entries": one.entries, "replacements": one.replacements, "excluded": one.excluded}
            kept = {
                name: tuple(entry for entry in entries if entry.paper.arxiv_id in ids)
                for name, entries in lists.items()
            }
            return one.model_copy(update=kept | {"sections": ()}) if any(kept.values()) else None

        return cls(tuple(map(head_of, known.values())), part, tables)


def made_of(look: Look, *facts: object) -> str:
    """What names a page by all that shapes it; empty where the state of the program is not known."""
    if not look.program:
        return ""
    found = sha256(look.program.encode())
    for fact in facts:
        found.update(b"\0")
        found.update(repr(fact).encode(errors="backslashreplace"))
    return found.hexdigest()[:32]


class Format(Protocol):
    """One way to print editions, made from a Look."""

    def day(self, edition: Edition) -> Iterator[Page]:
        """Yield the pages that belong to one announcement date."""
        ...

    def whole(self, volumes: Volumes) -> Iterator[Page]:
        """Yield the pages about all editions."""
        ...


class Excerpt(Protocol):
    """One block of a README, made from a Look."""

    def excerpt(self, volumes: Volumes, base: str) -> tuple[str, ...]:
        """The text of the block in Markdown, the longest one first; `base` leads from the README to the site."""
        ...


def open_formats(look: Look) -> tuple[Format, ...]:
    """Every format, in the order in which its pages are written."""
    return tuple(_opened(name)(look) for name in FORMATS)


def open_excerpt(block: str, look: Look) -> Excerpt:
    """What fills a block of a README."""
    excerpt: Excerpt = _opened(EXCERPTS[block])(look)
    return excerpt


def _opened(name: str) -> Callable[[Look], Any]:
    module, _, attribute = name.partition(":")
    return cast("Callable[[Look], Any]", getattr(import_module(module), attribute))


def left_over(written: Collection[str]) -> Iterator[str]:
    """
    Yield the paths that a longer row of keyword files would go on with; only a larger run before has left one there.

    >>> from itertools import islice
    >>> list(islice(left_over({"keywords.md", "keywords-2.md"}), 2)), list(left_over({"index.html"}))
    (['keywords-3.md', 'keywords-4.md'], [])
    """
    if KEYWORD_PAGES[0] in written:
        names = (f"keywords-{number}.md" for number in count(2))
        yield from (name for name in names if name not in written)
