"""arXiv's search API: the papers submitted in a listing's window, and papers by their identifiers.

The arxiv package turns pages and parses them; what is believed is decided here, and nothing of the package leaves.
"""

import logging
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import cast
from urllib.parse import parse_qs, urlsplit

import arxiv
import requests
from lxml import etree

from .. import schedule
from ..errors import ConfigError, SourceError
from ..identifiers import ARCHIVES, covers, is_category, parse_id
from ..models import Listed, Listing, Paper
from ..plaintext import one_line
from ..polite import BadPage, Document, PoliteSession, whole_xml

ROUNDS = 3  #: how often a query is asked as a whole until its counts agree
BATCH = 100  #: identifiers in one request

LIMITS = (
    "This list comes from arXiv's search by time of submission: it lacks papers that moderators held back and released "
    "on this date (about 5 in 100), may hold a few that were submitted in time but announced later, and on the day of "
    "the announcement may lack some that the search does not know yet."
)
_NAMES = {
    "atom": "http://www.w3.org/2005/Atom",
    "arxiv": "http://arxiv.org/schemas/atom",
    "search": "http://a9.com/-/spec/opensearch/1.1/",
}
_FEED = f"{{{_NAMES['atom']}}}feed"

log = logging.getLogger(__name__)


class ArxivApi:
    """
    The search API at one address.

    Args:
        session: Paces and repeats the requests.
        url: Of the API, such as "https://export.arxiv.org/api/query".
        page_size: Papers in one answer, at most 2,000.
        holidays: Days without a mailing that arXiv's published list lacks.
    """

    def __init__(self, session: PoliteSession, url: str, page_size: int = 200, holidays: Collection[date] = ()) -> None:
        self.session = session
        self._url, self._page_size, self._holidays = url, page_size, holidays

    def listing(self, announced: date, categories: Sequence[str], keywords: Sequence[str] = ()) -> Listing:
        """
        The papers submitted in the window of one listing, new ones before cross-lists, each by identifier.

        Args:
            announced: A listing day.
            categories: Canonical names; a whole archive as "cs" or "cs.*".
            keywords: Phrases looked for in titles and abstracts; asked only where no category is given.

        Raises:
            SourceError: arXiv did not answer, its answers fail their checks, or its index has nothing of that day yet.
            ConfigError: neither a category nor a keyword is given.
            ValueError: `announced` is no listing day.

        Source: https://info.arxiv.org/help/api/user-manual.html
        """
        window = schedule.window(announced, self._holidays)
        papers = self._submitted(announced, _terms(categories, keywords), _archive(categories), window)
        items = [
            Listed(paper, "new" if not categories or covers(categories, paper.primary_category) else "cross")
            for paper in papers
            # The API's bounds are whole minutes, both included: those of the neighbouring windows.
            if paper.submitted and window.start < paper.submitted <= window.end
        ]
        items.sort(key=lambda item: (item.announce_type != "new", item.paper.arxiv_id))
        log.info("search %s: %d papers", announced, len(items))
        return Listing(announced, "search", tuple(items), notes=(LIMITS,))

    def papers(self, ids: Sequence[str]) -> dict[str, Paper]:
        """
        Papers by base identifier; those that arXiv's index does not know are missing.

        Args:
            ids: Base identifiers, or with a version for that version's time of update.

        Raises:
            SourceError: arXiv did not answer, or its answers fail their checks.
            ValueError: one of `ids` is no arXiv identifier.
        """
        asked = {base: f"v{version}" if version else "" for base, version in map(parse_id, ids)}
        names = [base + version for base, version in asked.items()]
        found: dict[str, Paper] = {}
        for start in range(0, len(names), BATCH):
            search = arxiv.Search(id_list=names[start : start + BATCH], max_results=None)
            # A first answer of nothing at all may be one of arXiv's empty pages.
            papers = self._all(search, 2 * BATCH) or self._all(search, 2 * BATCH)
            found.update((paper.arxiv_id, paper) for paper in papers if paper.arxiv_id in asked)
        return found

    def _submitted(self, announced: date, terms: str, archive: str, window: schedule.Window) -> list[Paper]:
        """All papers of a window; nothing at all is believed only if asked twice, and if others are there."""
        search = _search(f"({terms}) AND {_span(window)}")
        found = self._all(search, self._page_size)
        if found:
            return found
        if not self._any(f"({archive}) AND {_span(window)}" if archive else _span(window)):
            raise SourceError(
                f"arXiv's search index has nothing for {announced} yet",
                hint="try again in some hours; the index can be a day late",
            )
        return self._all(search, self._page_size)

    def _all(self, search: arxiv.Search, page_size: int) -> list[Paper]:
        """
        Every paper of a query once: as many as arXiv counts, on every page alike.

        Equal sort keys have no promised order and the index may change between two pages, so a page can repeat
        or skip papers; then the whole query is asked again.
        """
        for turn in range(1, ROUNDS + 1):
            results, totals = self._round(search, page_size)
            papers = {paper.arxiv_id: paper for paper in map(to_paper, results)}
            if set(totals) == {len(papers)}:
                return list(papers.values())
            counts = " or ".join(map(str, sorted(set(totals))))
            log.info("search, round %d: %d of %s papers", turn, len(papers), counts)
        raise SourceError(
            f"arXiv's search sent {len(papers)} different papers where it counts {counts} (asked {ROUNDS} times)",
            hint="arXiv's index is changing or in trouble: try again later",
        )

    def _any(self, query: str) -> bool:
        """Whether a query finds anything."""
        return any(self._round(arxiv.Search(query, max_results=1), 1)[1])

    def _round(self, search: arxiv.Search, page_size: int) -> tuple[list[arxiv.Result], list[int]]:
        """One asking of a query: its results as they came, and what each page says they count in all."""
        door = _Door(self.session)
        client = arxiv.Client(page_size=page_size, delay_seconds=0, num_retries=0)
        client.query_url_format = self._url.replace("{", "{{").replace("}", "}}") + "?{}"
        client._session = cast(requests.Session, door)  # the package has no public way to set it
        results: list[arxiv.Result] = []
        try:
            results.extend(client.results(search))
            if results and len(results) % page_size == 0:  # only a page that isn't full proves the end
                results.extend(client.results(search, offset=len(results)))
        except arxiv.UnexpectedEmptyPageError:
            log.info("search: a page is empty where the first one promised more")
        return results, door.totals


class _Door:
    """Stands where the package has its `requests.Session`: asks politely, and lets only whole pages through."""

    def __init__(self, session: PoliteSession) -> None:
        self._session = session
        self.totals: list[int] = []  #: totalResults of each page

    def get(self, url: str, **_: object) -> Document:
        document = self._session.get(url, check=self._check)
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


def _search(query: str) -> arxiv.Search:
    by, order = arxiv.SortCriterion.SubmittedDate, arxiv.SortOrder.Ascending
    return arxiv.Search(query, max_results=None, sort_by=by, sort_order=order)


def _terms(categories: Sequence[str], keywords: Sequence[str]) -> str:
    """The part of a query that names categories or, without any, phrases; it stands in parentheses later."""
    phrases = [one_line(keyword.replace('"', " ")) for keyword in keywords]
    terms = [_category_term(name) for name in categories] or [
        f'(ti:"{phrase}" OR abs:"{phrase}")' for phrase in phrases if phrase
    ]
    if not terms:
        raise ConfigError("categories: none is given, and no keyword either", hint='categories = ["cs.CL"]')
    return " OR ".join(terms)


def _category_term(name: str) -> str:
    """`cat:` is exact: `cs` alone finds nothing."""
    return f"cat:{name}.*" if name in ARCHIVES else f"cat:{name}"


def _archive(categories: Sequence[str]) -> str:
    """The archive of the first category, where it is wider than that category."""
    archive, dot, _ = categories[0].partition(".") if categories else ("", "", "")
    return _category_term(archive) if dot else ""


def _span(window: schedule.Window) -> str:
    return f"submittedDate:[{window.start:%Y%m%d%H%M} TO {window.end:%Y%m%d%H%M}]"


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
