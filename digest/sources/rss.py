"""arXiv's announcement feed: the only exact list of what was announced on a date, during that date.

Believes no feed of another date, no empty and no broken one; fetches nothing but feeds.
"""

import email.utils
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date
from typing import get_args
from urllib.parse import quote

from lxml import etree

from ..errors import ConfigError, SourceError
from ..identifiers import is_category, parse_id
from ..models import AnnounceType, Listed, Listing, Paper
from ..plaintext import one_line
from ..polite import BadPage, Document, PoliteSession, whole_xml
from ..schedule import EASTERN

CAP = 2000  #: items in one feed at most: https://info.arxiv.org/help/rss.html
BUSIEST = "cs"  #: an archive that is never empty on a listing day

_TYPES: tuple[AnnounceType, ...] = get_args(AnnounceType)  # in listing order
_NAMES = {"dc": "http://purl.org/dc/elements/1.1/", "arxiv": "http://arxiv.org/schemas/atom"}
_UNKNOWN = "arXiv's search does not know"
_NAMED = 10  # identifiers in a note

log = logging.getLogger(__name__)


class PastFeedError(SourceError):
    """arXiv shows the feed of a later date: this one is past."""


class Feed:
    """
    The feeds below one address.

    Args:
        session: Paces and repeats the requests.
        url: Base of "/rss/CATEGORY", such as "https://rss.arxiv.org"; a "/rss" at its end does no harm.
    """

    def __init__(self, session: PoliteSession, url: str) -> None:
        self._session, self._base = session, url.rstrip("/").removesuffix("/rss") + "/rss/"

    def listing(self, announced: date, categories: Sequence[str]) -> Listing:
        """
        What was announced on one date: new, cross, replace, replace-cross, each by identifier.

        Args:
            announced: A listing day, and today's date in US Eastern: other feeds can't be had.
            categories: Canonical names; a whole archive as "cs" or "cs.*".

        Raises:
            SourceError: arXiv did not answer, or its feed is broken, of another date or empty.
            PastFeedError: its feed is of a later date.
            ConfigError: no category is given, or arXiv knows no such category.

        Source: https://info.arxiv.org/help/rss_specifications.html
        """
        names = list(dict.fromkeys(name.removesuffix(".*") for name in categories))
        if not names:
            raise ConfigError("categories: none is given; arXiv's feeds go by category", hint='categories = ["cs.CL"]')
        items, notes = self._items(announced, names) or self._again(announced, names), []
        if len(items) >= CAP:
            parts = {name: self._items(announced, [name]) for name in names} if names[1:] else {names[0]: items}
            notes = [_cut(name, part[-1]) for name, part in parts.items() if len(part) >= CAP]
            items = _joined(item for part in parts.values() for item in part)
        log.info("feed %s: %d papers", announced, len(items))
        return Listing(announced, "feed", tuple(items), notes=tuple(notes))

    def _items(self, announced: date, names: Sequence[str]) -> list[Listed]:
        """The items of one feed, which must be of that date."""
        url = self._base + "+".join(quote(name, safe="") for name in names)
        document = self._session.get(url, check=lambda document: read_feed(document.content))
        if document.status_code != 200:
            _refused(document, names)
        day, items = read_feed(document.content)
        if day < announced:
            fact = f"arXiv's feed is of {day}, not of {announced}: that date's feed is not out yet"
            raise SourceError(fact, hint="try again later")
        if day > announced:
            raise PastFeedError(f"arXiv's feed is of {day}, not of {announced}: the feed of a past date is gone")
        if items:
            self._session.keep([document])
        return items

    def _again(self, announced: date, names: Sequence[str]) -> list[Listed]:
        """An empty feed is believed only if asked twice, and if another one of that date is not empty."""
        if list(names) == [BUSIEST] or not self._items(announced, [BUSIEST]):
            raise SourceError(
                f"arXiv's feed of {announced} is empty: it may be too early, or arXiv deferred this listing",
                hint="https://status.arxiv.org tells of deferrals; else try again later",
            )
        return self._items(announced, names)


def is_about_unknown(note: str) -> bool:
    """Whether a note of `complete` says which papers are still unknown: a later completion says it anew."""
    return note.startswith(_UNKNOWN)


def complete(listing: Listing, known: Mapping[str, Paper]) -> Listing:
    """
    A feed's listing with what only the search index knows: authors one by one, comments, times, references.

    The feed's title, abstract and version stay: they are what was announced. Where the index shows another
    version, the time of update is not of the announced one and is left out.

    Args:
        listing: From a feed.
        known: Papers of the search API by arxiv_id; where it lacks a new paper or a cross-list, a note says so.
    """
    items = tuple(
        replace(item, paper=_completed(item.paper, known[item.paper.arxiv_id]))
        if item.paper.arxiv_id in known
        else item
        for item in listing.items
    )
    ids = dict.fromkeys(item.paper.arxiv_id for item in listing.items if item.announce_type in ("new", "cross"))
    unknown = [arxiv_id for arxiv_id in ids if arxiv_id not in known]
    notes = (_unknown(unknown, len(ids)),) if unknown else ()
    return replace(listing, items=items, notes=listing.notes + notes)


def read_feed(content: bytes) -> tuple[date, list[Listed]]:
    """
    The date of an RSS feed (US Eastern) and its items in their order.

    Raises:
        BadPage: it is no whole feed, or an item lacks something.
        ConfigError: it is arXiv's notice that there is no such category.
    """
    root = whole_xml(content, "rss")
    if refusal := _refusal(root):
        raise ConfigError(f"categories: arXiv's feed: {refusal}")
    return _date(root), [_listed(item) for item in root.iterfind("channel/item")]


def _date(root: etree._Element) -> date:
    try:
        told = email.utils.parsedate_to_datetime(root.findtext("channel/pubDate", ""))
        return (told if told.tzinfo else told.replace(tzinfo=UTC)).astimezone(EASTERN).date()
    except (ValueError, OverflowError) as error:
        raise BadPage("a feed without a date") from error


def _listed(item: etree._Element) -> Listed:
    """One item; a field that isn't there or isn't what it must be makes the whole feed suspect."""
    guid, announce_type = _text(item, "guid"), _text(item, "arxiv:announce_type")
    _, found, abstract = _text(item, "description").partition("Abstract:")
    if announce_type not in _TYPES or not found:
        raise BadPage(f"the item {guid[:80]!r} has no announce type or no abstract")
    try:
        base, version = parse_id(guid)
        paper = Paper(
            arxiv_id=base,
            version=version or 1,
            title=_text(item, "title"),
            authors=split_authors(_text(item, "dc:creator")),
            abstract=abstract,
            categories=tuple(filter(is_category, (text.text or "" for text in item.iterfind("category")))),
            journal_ref=one_line(_text(item, "arxiv:journal_reference")) or None,
            doi=one_line(_text(item, "arxiv:DOI")) or None,
        )
    except ValueError as error:  # pydantic's ValidationError is one
        raise BadPage(f"the item {guid[:80]!r} can't be read: {one_line(str(error))[:200]}") from error
    return Listed(paper, announce_type)


def split_authors(text: str) -> tuple[str, ...]:
    """The names in a feed's one string of authors, without the places that stand in parentheses.

    >>> split_authors("Ada Lovelace (London, UK), Alan Turing")
    ('Ada Lovelace', 'Alan Turing')
    """
    names = (re.sub(r"\s*\(.*\)$", "", name) for name in re.split(r", (?![^()]*\))", one_line(text)))
    return tuple(filter(None, names))


def _text(item: etree._Element, path: str) -> str:
    return item.findtext(path, "", _NAMES) or ""


def _refusal(root: etree._Element) -> str | None:
    """What a feed says that is none: arXiv sends its complaints as feeds."""
    if "Feed error" not in root.findtext("channel/title", ""):
        return None
    return one_line(root.findtext("channel/description", ""))[:300] or "no such category"


def _refused(document: Document, names: Sequence[str]) -> None:
    """
    Say why an answer has another status than 200.

    Raises:
        ConfigError: arXiv knows no such category.
        SourceError: anything else.
    """
    try:
        refusal = _refusal(whole_xml(document.content, "rss"))
    except BadPage:
        refusal = None
    asked = ", ".join(names)
    if refusal:
        raise ConfigError(f"categories: arXiv's feed refuses {asked}: {refusal}")
    raise SourceError(f"arXiv's feed of {asked}: HTTP {document.status_code}")


def _joined(items: Iterable[Listed]) -> list[Listed]:
    """Feeds of single categories as one: a paper is new if it is new in one of them."""
    first: dict[str, Listed] = {}
    for item in sorted(items, key=lambda item: (_TYPES.index(item.announce_type), item.paper.arxiv_id)):
        first.setdefault(item.paper.arxiv_id, item)
    return list(first.values())


def _cut(name: str, last: Listed) -> str:
    """Replacements come last, so where one ends a feed that was cut, no new paper is lost."""
    lost = "replacements" if last.announce_type.startswith("replace") else "new papers and replacements"
    return f"arXiv's feed of {name} ends at {CAP:,} papers: {lost} may be missing."


def _completed(told: Paper, known: Paper) -> Paper:
    updated = known.updated if told.version == known.version else known.submitted if told.version == 1 else None
    announced = {"version": told.version, "title": told.title, "abstract": told.abstract, "updated": updated}
    return known.model_copy(update=announced)


def _unknown(ids: Sequence[str], total: int) -> str:
    rest = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return (
        f"{_UNKNOWN} {len(ids)} of {total} papers yet; "
        f"their comments and times are missing: {', '.join(ids[:_NAMED])}{rest}."
    )
