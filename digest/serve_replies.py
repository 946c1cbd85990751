"""What `digest serve` sends for a path: a file, a page that renews itself, or the page that there is none.

Reads files and makes pages of them; knows no request, and which names may be asked for is for serve_gate.py.
"""

import logging
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from . import resources, serve_files, serve_gate, serve_pages
from .config import Config
from .errors import TemplateError

log = logging.getLogger(__name__)

OURS = "frame-ancestors 'none'"  #: beside the policy that a page brings
#: What brings none: a script in it could read a page of this origin, and order in its name.
FOREIGN = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent for a path."""

    body: bytes
    type: str
    version: str  #: its ETag
    modified: datetime  #: UTC
    policy: str
    status: int = 200


class Replies:
    """The replies of one process; `token`, if there is one, is given to the pages that may order cards with it."""

    def __init__(self, config: Config, token: str) -> None:
        self._config, self._root, self._token = config, config.output, token
        self._folders = resources.folders("templates", config.home)
        self._seed = secrets.token_bytes(16)  # pages of an earlier process come again when they hear of this one
        self._began = datetime.now(UTC).replace(microsecond=0)
        self._bare: set[Path] = set()  # pages of which was said that nothing can be put into them

    def to(self, parts: tuple[str, ...]) -> Reply:
        """What is sent for the names in a path, the page that says there is nothing included."""
        path = serve_files.find(self._root, parts, [self._config.cache]) if parts else None
        found = serve_files.read(path) if path else None
        if found is None:
            content = serve_pages.missing(self._folders, self._config.language)
            return self._page(serve_files.Found(self._root, serve_gate.TYPES["html"], content, self._began), (), 404)
        if found.type == serve_gate.TYPES["html"]:
            return self._page(found, parts)
        return Reply(found.content, found.type, serve_files.tag(found.content), found.modified, FOREIGN)

    def _page(self, found: serve_files.Found, parts: tuple[str, ...], status: int = 200) -> Reply:
        """A page with what makes it renew itself and, on a day's page, its cards; as it is, where that can't be."""
        content, edition = found.content, serve_gate.edition_of(parts)
        try:
            added = serve_pages.extras(self._folders, serve_pages.language_of(content))
        except TemplateError as error:
            log.error("%s", error)  # noqa: TRY400 - the message has its place
            added = None
        version = serve_files.tag(
            content, self._seed, (added.style + added.script + added.markup).encode() if added else b""
        )
        facts = {"version": version}
        if edition and self._token:
            facts |= {"token": self._token, "site": edition[0], "day": edition[1].isoformat()}
        body = serve_pages.with_extras(content, added, facts) if added else None
        if body is None and found.path not in self._bare:
            self._bare.add(found.path)
            log.warning("%s: no policy that could be widened; shown as it is, and does not renew itself", found.path)
        policy = OURS if body or serve_pages.has_policy(content) else FOREIGN
        return Reply(body or content, found.type, version, max(found.modified, self._began), policy, status)
