"""Markdown: one file for each announcement date, in the form of the digest's model page.

Chooses what the file says; its words and every escape are in templates/markdown. There is no file about all editions.
"""

from collections.abc import Iterator

from .. import report
from ..models import Edition, Page
from . import Look, Volumes
from .environment import fill, text_environment
from .layout import asides, by_currency, groups, made

RESERVED = ("table-of-contents",)  #: anchors that the template uses itself


class Markdown:
    """Files that a code host or an editor shows."""

    def __init__(self, look: Look) -> None:
        self._environment = text_environment(look.folders)

    def day(self, edition: Edition) -> Iterator[Page]:
        """Yield the file of one announcement date."""
        sections = groups(edition, RESERVED)
        replacements, excluded = asides(edition)
        text = fill(
            self._environment,
            "markdown/day.md.j2",
            edition.language,
            edition=edition,
            groups=sections,
            cited={item.entry.paper.arxiv_id for group in sections for item in group.items if item.again},
            replacements=replacements,
            excluded=excluded,
            ledger=report.ledger(edition),
            made=made(edition),
            totals=by_currency(edition.receipt),
        )
        yield Page(f"{edition.announced.isoformat()}/index.md", text.encode())

    def whole(self, volumes: Volumes) -> Iterator[Page]:  # noqa: ARG002
        """Yield nothing: the archive is the site's."""
        yield from ()
