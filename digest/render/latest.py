"""The newest edition in short, for a user's README: its day, its ledger, its sections with their first papers.

Chooses what is said; the form and the escapes are in templates/readme. Writes no file.
"""

from collections.abc import Iterator

from ..heads import Head
from ..models import Entry
from . import Look, Volumes
from .environment import fill, text_environment

FIRST = 3  #: papers of a section


class Latest:
    """The block digest:latest."""

    def __init__(self, look: Look) -> None:
        self._environment = text_environment(look.folders)
        self._site_url = look.site_url

    def excerpt(self, volumes: Volumes, base: str) -> tuple[str, ...]:
        """The list for a README, from which the site is at `base`: with papers; and, should it be too long, without."""
        if not volumes.heads:
            return ("",)
        head = volumes.heads[0]
        day = head.announced.isoformat()
        link = f"{self._site_url}{day}/index.html" if self._site_url else f"{base}{day}/index.md"
        found = {entry.paper.arxiv_id: entry for entry in self._entries(volumes, head)}
        return tuple(
            fill(
                self._environment,
                "readme/latest.md.j2",
                head.language,
                head=head,
                link=link,
                found=entries,
                first=FIRST,
            )
            for entries in (found, {})
        )

    def _entries(self, volumes: Volumes, head: Head) -> Iterator[Entry]:
        wanted = {one for section in head.sections for one in section.arxiv_ids[:FIRST]}
        edition = volumes.part(head.announced, wanted)
        yield from edition.entries if edition else ()
