"""Where papers come from: one Protocol, one module a source.

Each source turns strangers' documents into `Listing`s and lets nothing of theirs further in.
"""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from ..models import Listing


class Source(Protocol):
    """Where papers come from."""

    def listing(self, announced: date, categories: Sequence[str]) -> Listing:
        """
        Return what was announced on one date in the categories, in listing order.

        Args:
            announced: Date printed by arXiv (US Eastern), not the local date.
            categories: Canonical names, such as "cs.CV"; a source without them takes all.

        Raises:
            SourceError: the source did not answer, or its answer fails its checks.
        """
        ...
