"""HTML: a page for each announcement date, and the archive of all of them.

Chooses what a page says and where it links; words and looks are in templates/site. Pages need no network and no script.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from .. import report
from ..models import Edition, KeywordTables, Page
from . import LANGUAGE, Look
from .chart import chart
from .environment import fill, html_environment
from .layout import Group, asides, by_currency, groups, made

RESERVED = ("top", "main", "contents", "replacements", "excluded")  #: ids that the templates use themselves


@dataclass(frozen=True, slots=True)
class Day:
    """One line of the archive."""

    announced: date
    path: str  #: of its page, from the archive's
    language: str
    source: str
    asked: tuple[str, ...]  #: categories, or keywords where no category was asked
    ledger: report.Ledger
    groups: tuple[tuple[str, str, int], ...]  #: (title, anchor, papers) of each section


def _asked(edition: Edition) -> tuple[str, ...]:
    return edition.categories or edition.keywords


def _day(edition: Edition) -> Day:
    sections = tuple((group.title, group.anchor, len(group.items)) for group in groups(edition, RESERVED))
    return Day(
        announced=edition.announced,
        path=f"{edition.announced.isoformat()}/index.html",
        language=edition.language,
        source=edition.source,
        asked=_asked(edition),
        ledger=report.ledger(edition),
        groups=sections,
    )


def _first_waiting(sections: Iterable[Group], state: str) -> str | None:
    """The id of the first article in `state`, for a link from the counts."""
    items = (item for group in sections for item in group.items)
    return next((item.entry.paper.arxiv_id for item in items if item.entry.state == state), None)


class Site:
    """Pages that a browser opens from the disk."""

    def __init__(self, look: Look) -> None:
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
            asked=_asked(edition),
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

    def whole(self, editions: Iterable[Edition], tables: KeywordTables | None = None) -> Iterator[Page]:  # noqa: ARG002
        """Yield the archive: every edition, newest first, by month."""
        editions = list(editions)
        days = [_day(edition) for edition in editions]
        months = [(month, list(found)) for month, found in groupby(days, key=lambda day: day.announced.replace(day=1))]
        latest = days[0] if days else None
        text = fill(
            self._environment,
            "site/archive.html.j2",
            latest.language if latest else LANGUAGE,
            latest=latest,
            months=months,
            chart=chart(report.spending(editions)),
        )
        yield Page("index.html", text.encode())
