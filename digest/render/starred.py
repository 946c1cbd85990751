"""HTML: the page of what a reader has starred, over all days.

Holds no paper: what is starred stands in the reader's browser, and the page's script lists it.
"""

from collections.abc import Iterator

from ..models import Edition, Page
from . import LANGUAGE, Look, Volumes
from .environment import fill, html_environment


class Starred:
    """One page, the same for every reader."""

    def __init__(self, look: Look) -> None:
        self._environment = html_environment(look.folders)

    def day(self, edition: Edition) -> Iterator[Page]:  # noqa: ARG002
        """Yield nothing: stars are of all days."""
        yield from ()

    def whole(self, volumes: Volumes) -> Iterator[Page]:
        """Yield the page, in the language of the newest edition; it knows which days the site has, to link to them."""
        language = volumes.heads[0].language if volumes.heads else LANGUAGE
        days = [head.announced for head in volumes.heads]
        yield Page("starred.html", fill(self._environment, "site/starred.html.j2", language, days=days).encode())
