"""HTML: a page for each announcement date.

Chooses what a page says and where it links; words and looks are in templates/site. Pages need no network and no script.
"""

from collections.abc import Iterable, Iterator

from .. import report
from ..models import Edition, Page
from . import Look, Volumes
from .environment import fill, html_environment
from .layout import (
    RESERVED,
    Group,
    asides,
    by_currency,
    further_reasons,
    groups,
    made,
    section_path,
)


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
            further_reasons=further_reasons,
            section_path=section_path,
            first_flagged=_first_waiting(sections, "flagged"),
            first_pending=_first_waiting(sections, "pending"),
        )
        yield Page(f"{edition.announced.isoformat()}/index.html", text.encode())

    def whole(self, volumes: Volumes) -> Iterator[Page]:  # noqa: ARG002
        """Yield nothing: archive.py and sections.py have the pages about all editions."""
        yield from ()
