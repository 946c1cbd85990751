"""HTML: a page for each announcement date, and the archive of all of them.

Chooses what a page says and where it links; words and looks are in templates/site. Pages need no network and no script.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from .. import report
from ..heads import Head, spending
from ..models import Edition, Page
from . import LANGUAGE, Look, Volumes
from .chart import chart
from .environment import fill, html_environment
from .layout import Group, asides, by_currency, groups, made, section_anchors

RESERVED = ("top", "main", "contents", "replacements", "excluded")  #: ids that the templates use themselves


@dataclass(frozen=True, slots=True)
class Day:
    """One line of the archive."""

    head: Head
    path: str  #: of its page, from the archive's
    groups: tuple[tuple[str, str, str, int], ...]  #: (title, kind, anchor, papers) of each section


def _day(head: Head) -> Day:
    return Day(head, f"{head.announced.isoformat()}/index.html", tuple(section_anchors(head.sections, RESERVED)))


def _first_waiting(sections: Iterable[Group], state: str) -> str | None:
    """The id of the first article in `state`, for a link from the counts."""
    items = (item for group in sections for item in group.items)
    return next((item.entry.paper.arxiv_id for item in items if item.entry.state == state), None)


class Site:
    """Pages that a browser opens from the disk."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._environment = html_environment(look.folders)

    def day(self, edition: Edition) -> Iterator[Page]:
        """Yield the page of one announcement date."""
        sections = groups(edition, RESERVED)
        replacements, excluded = asides(edition)
        text = fill(
            self._environment,
            "site/day.html.j2",
            edition.language,
            edition=edition,
            asked=edition.categories or edition.keywords,
            groups=sections,
            replacements=replacements,
            excluded=excluded,
            ledger=report.ledger(edition),
            made=made(edition),
            totals=by_currency(edition.receipt),
            first_flagged=_first_waiting(sections, "flagged"),
            first_pending=_first_waiting(sections, "pending"),
        )
        yield Page(f"{edition.announced.isoformat()}/index.html", text.encode())

    def whole(self, volumes: Volumes) -> Iterator[Page]:
        """Yield the archive: every edition, newest first, by month."""
        days = [_day(head) for head in volumes.heads]
        months = [
            (month, list(found)) for month, found in groupby(days, key=lambda day: day.head.announced.replace(day=1))
        ]
        latest = days[0] if days else None
        text = fill(
            self._environment,
            "site/archive.html.j2",
            latest.head.language if latest else LANGUAGE,
            latest=latest,
            months=months,
            chart=chart(spending(volumes.heads)),
            siblings=self._look.siblings,
        )
        yield Page("index.html", text.encode())
