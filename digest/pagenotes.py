"""What each page about all dates was made of, so that one for which nothing has changed is not made again.

Keeps names and hashes beside the editions; a page that was touched by hand is no good. What a name covers is for
render/.
"""

import json
import logging
from hashlib import sha256
from pathlib import Path

from .atomic import replace
from .errors import ConfigError, StorageError
from .models import Page

log = logging.getLogger(__name__)

FILE = "editions/.pages"  #: below the output folder; made anew when it is deleted


class PageNotes:
    """The notes of one site: those on file, and those that are to take their place."""

    def __init__(self, output: Path) -> None:
        self._output = output
        self._known: dict[str, list[str]] = {}
        self._fresh: dict[str, list[str]] = {}
        try:
            found = json.loads((output / FILE).read_bytes())
            self._known = {path: row for path, row in found.items() if isinstance(row, list)}
        except (OSError, ValueError, AttributeError, RecursionError) as error:
            log.debug("%s: %s", output / FILE, type(error).__name__)

    def page(self, path: str, made_of: str) -> Page | None:
        """The page as it is on file, if that is what was made of `made_of`."""
        if self._known.get(path, [])[:1] != [made_of]:
            return None
        try:
            page = Page(path, (self._output / path).read_bytes(), made_of)
        except OSError:
            return None
        return page if self._known[path] == _row(page) else None

    def add(self, page: Page) -> None:
        """Note a page; one that is made anew each time has no need of it."""
        if page.made_of:
            self._fresh[page.path] = _row(page)

    def save(self) -> None:
        """Put the pages that were added in the place of those noted before; where that fails, they are made again."""
        content = json.dumps(self._fresh, ensure_ascii=False, sort_keys=True, indent=0)
        try:
            replace(self._output / FILE, content.encode())
        except (ConfigError, StorageError) as error:
            log.debug("%s: %s", self._output / FILE, error)


def _row(page: Page) -> list[str]:
    return [page.made_of, sha256(page.content).hexdigest()[:32]]
