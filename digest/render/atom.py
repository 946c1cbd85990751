"""The Atom feed: the newest papers of all editions, each once.

Moments come from the editions, never from a clock. What an entry says is in templates/atom.

Source: https://www.rfc-editor.org/rfc/rfc4287
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time
from uuid import NAMESPACE_URL, uuid5
from xml.etree import ElementTree as ET  # it only writes here: nothing of a stranger is parsed

from ..identifiers import abs_url
from ..models import Edition, Entry, Page
from . import LANGUAGE, Look, Volumes
from .environment import fill, html_environment

NEWEST = 200  #: entries
NAMESPACE = "http://www.w3.org/2005/Atom"
BEFORE_ALL = datetime(1991, 8, 14, tzinfo=UTC)  #: of a feed without entries: the day arXiv began

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _element(parent: ET.Element, tag: str, text: str | None = None, **attributes: str) -> ET.Element:
    """A new last child; characters that XML can't hold become U+FFFD."""
    attributes = {name: _NOT_XML.sub("\ufffd", value) for name, value in attributes.items()}
    child = ET.SubElement(parent, tag, attributes)
    child.text = None if text is None else _NOT_XML.sub("\ufffd", text)
    return child


def _updated(edition: Edition, entry: Entry) -> datetime:
    """When the entry last changed: its announcement, or the reply that made its card, if that came later."""
    announced = datetime.combine(edition.announced, time(), UTC)
    return max(announced, entry.card.origin.created) if entry.card else announced


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _newest(volumes: Volumes) -> Iterator[tuple[Edition, Entry]]:
    """Entries in reading order, newest edition first; a paper that comes again is left out."""
    seen: set[str] = set()
    for head in volumes.heads:
        ids = list(dict.fromkeys(one for section in head.sections for one in section.arxiv_ids if one not in seen))
        ids = ids[: NEWEST - len(seen)]
        seen.update(ids)
        if edition := volumes.part(head.announced, ids) if ids else None:
            entries = {entry.paper.arxiv_id: entry for entry in edition.entries}
            yield from ((edition, entries[one]) for one in ids if one in entries)


class Atom:
    """`feed.xml`."""

    def __init__(self, look: Look) -> None:
        self._environment = html_environment(look.folders)

    def day(self, edition: Edition) -> Iterator[Page]:  # noqa: ARG002
        """Yield nothing: the feed spans all dates."""
        yield from ()

    def whole(self, volumes: Volumes) -> Iterator[Page]:
        """Yield the feed of the newest entries; without editions it is empty, and valid."""
        chosen = list(_newest(volumes))
        language = chosen[0][0].language if chosen else LANGUAGE
        feed = ET.Element("feed", {"xmlns": NAMESPACE, "xml:lang": language})
        _element(feed, "id", uuid5(NAMESPACE_URL, f"https://arxiv.org/#digest-{language}").urn)
        _element(feed, "title", fill(self._environment, "atom/title.html.j2", language).strip(), type="html")
        _element(feed, "subtitle", fill(self._environment, "atom/subtitle.html.j2", language).strip(), type="html")
        _element(feed, "updated", _stamp(max((_updated(*pair) for pair in chosen), default=BEFORE_ALL)))
        _element(_element(feed, "author"), "name", "arXiv")  # for entries whose source names no author
        for edition, entry in chosen:
            self._add(feed, edition, entry)
        ET.indent(feed, "")
        yield Page("feed.xml", ET.tostring(feed, encoding="utf-8", xml_declaration=True) + b"\n")

    def _add(self, feed: ET.Element, edition: Edition, entry: Entry) -> None:
        paper = entry.paper
        element = _element(feed, "entry")
        _element(element, "id", abs_url(paper.arxiv_id))
        _element(element, "title", paper.title)
        _element(element, "link", rel="alternate", type="text/html", href=abs_url(paper.arxiv_id, paper.version))
        _element(element, "updated", _stamp(_updated(edition, entry)))
        for name in filter(None, paper.authors):
            _element(_element(element, "author"), "name", name)
        for category in filter(None, paper.categories):
            _element(element, "category", term=category)
        if entry.card:
            _element(element, "summary", entry.card.tldr)
        content = fill(self._environment, "atom/content.html.j2", edition.language, entry=entry)
        _element(element, "content", content, type="html")
