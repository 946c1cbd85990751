"""Pages of arXiv's search API: which are whole, and what their entries say.

Stands between the arxiv package and the network: asks politely, and lets only whole pages through to its parser.
"""

from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import arxiv
from lxml import etree

from ..errors import SourceError
from ..identifiers import is_category, parse_id
from ..models import Paper
from ..plaintext import one_line
from ..polite import BadPage, Document, PoliteSession, whole_xml

_NAMES = {
    "atom": "http://www.w3.org/2005/Atom",
    "arxiv": "http://arxiv.org/schemas/atom",
    "search": "http://a9.com/-/spec/opensearch/1.1/",
}
_FEED = f"{{{_NAMES['atom']}}}feed"


class Door:
    """Stands where the package has its `requests.Session`: asks politely, and lets only whole pages through."""

    def __init__(self, session: PoliteSession, fresh: bool) -> None:
        self._session, self._fresh = session, fresh
        self.totals: list[int] = []  #: totalResults of each page
        self.documents: list[Document] = []  #: the pages

    def get(self, url: str, **_: object) -> Document:
        document = self._session.get(url, check=self._check, fresh=self._fresh)
        self.documents.append(document)
        if document.status_code != 200:
            raise SourceError(
                f"arXiv's search: HTTP {document.status_code}{_words(document)}",
                hint="check its address, arxiv.api (DIGEST_ARXIV_API)",
            )
        return document

    def _check(self, document: Document) -> None:
        self.totals.append(check_page(document))


def check_page(document: Document) -> int:
    """
    The number of papers that a page says its query has.

    Raises:
        BadPage: the page is no whole Atom feed, is empty where papers are due, or has an entry with something missing.
        SourceError: the page is arXiv's refusal.
    """
    feed = whole_xml(document.content, _FEED)
    if refusal := _refusal(feed):
        raise SourceError(f"arXiv's search: {refusal}")
    told = (feed.findtext("search:totalResults", "", _NAMES) or "").strip()
    if not told.isdecimal():
        raise BadPage("a feed that does not count its results")
    entries, start = feed.findall("atom:entry", _NAMES), _start(document.url)
    if not entries and int(told) > start:
        raise BadPage(f"an empty page at {start} where {told} papers are")
    for entry in entries:
        if missing := _missing(entry):
            raise BadPage(f"the entry {_text(entry, 'atom:id')[:80]!r} has no {missing}")
    return int(told)


def to_paper(result: arxiv.Result) -> Paper:
    """
    Our paper of the package's result.

    Raises:
        SourceError: a field is not what it must be; the message names the entry.
    """
    try:
        base, version = parse_id(result.entry_id)
        return Paper(
            arxiv_id=base,
            version=version or 1,
            title=result.title,
            authors=tuple(author.name for author in result.authors),
            abstract=result.summary,
            # Before November 2025 classes of MSC and ACM stood among the categories.
            categories=tuple(dict.fromkeys(filter(is_category, [result.primary_category, *result.categories]))),
            submitted=result.published,
            updated=result.updated,
            comment=one_line(result.comment or "") or None,
            journal_ref=one_line(result.journal_ref or "") or None,
            doi=one_line(result.doi or "") or None,
        )
    except ValueError as error:  # pydantic's ValidationError is one
        reason = one_line(str(error))[:200]
        raise SourceError(f"arXiv's search: the entry {result.entry_id[:80]!r} can't be read: {reason}") from error


def _start(url: str) -> int:
    told = parse_qs(urlsplit(url).query).get("start", ["0"])[0]
    return int(told) if told.isdecimal() else 0


def _text(entry: etree._Element, path: str) -> str:
    return (entry.findtext(path, "", _NAMES) or "").strip()


def _missing(entry: etree._Element) -> str | None:
    """What an entry lacks; a page that the package's parser repaired would lack it in silence."""
    for path in ("atom:id", "atom:title", "atom:summary", "atom:author/atom:name"):
        if not _text(entry, path):
            return path.rpartition(":")[2]
    primary = entry.find("arxiv:primary_category", _NAMES)
    if primary is None or not is_category(primary.get("term", "")):
        return "primary category"
    return next((path[5:] for path in ("atom:published", "atom:updated") if not _is_moment(_text(entry, path))), None)


def _is_moment(text: str) -> bool:
    try:
        return bool(datetime.fromisoformat(text))
    except ValueError:
        return False


def _refusal(feed: etree._Element) -> str | None:
    """The words of an entry that stands for an error."""
    for entry in feed.iterfind("atom:entry", _NAMES):
        if "/api/errors" in _text(entry, "atom:id"):
            return one_line(_text(entry, "atom:summary"))[:300] or "an error without words"
    return None


def _words(document: Document) -> str:
    """What a refused request is told, as far as it can be read."""
    try:
        refusal = _refusal(whole_xml(document.content, _FEED))
    except BadPage:
        return ""
    return f", {refusal}" if refusal else ""
