"""A user's README on disk: looked at before a run begins, its blocks filled from the editions when the pages are made.

Writes that one file, whole or not at all; where its blocks are is for readme.py, what they say for render/.
"""

import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from . import readme
from .atomic import put
from .errors import ConfigError
from .render import Look, Volumes, open_excerpt
from .render.packing import SHOWN

log = logging.getLogger(__name__)


def examine(path: Path) -> None:
    """
    Do nothing where a README can be filled.

    Raises:
        ConfigError: it can't be read, or its markers are wrong; names file and line.
    """
    readme.blocks(_read(path), str(path))


def refresh(path: Path, site: Path, look: Look, volumes: Volumes) -> bool:
    """
    Fill the blocks of a README anew; whether it changed.

    Args:
        path: The README.
        site: The folder to which its links lead.
        look: What the blocks look like.
        volumes: What they are made from.

    Raises:
        ConfigError: as `examine`, or it can't be written; it is as it was.
        TemplateError: the named template line fails.
    """
    changed = _rewrite(path, _filling(path, site, look, volumes))
    log.info("%s: %s", path, "blocks filled" if changed else "as it was")
    return changed


def is_current(path: Path, site: Path, look: Look, volumes: Volumes) -> bool:
    """Whether `refresh` would change nothing; takes and raises the same."""
    content = _read(path)
    return _filling(path, site, look, volumes)(content) == content


def _filling(path: Path, site: Path, look: Look, volumes: Volumes) -> Callable[[bytes], bytes]:
    base = _way(path, site)

    def change(content: bytes) -> bytes:
        names = [block.name for block in readme.blocks(content, str(path))]
        offers = {name: open_excerpt(name, look).excerpt(volumes, base) for name in names}
        return readme.filled(content, offers, str(path), SHOWN)

    return change


def _way(path: Path, site: Path) -> str:
    """From the folder of a file to the site, as a link says it; empty or ending in a slash.

    >>> _way(Path("README.md"), Path("my site")), _way(Path("docs/README.md"), Path("docs"))
    ('my%20site/', '')
    """
    way = Path(os.path.relpath(site.resolve(), path.resolve().parent)).as_posix()
    return "" if way == "." else f"{quote(way)}/"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _failed(path, error) from error


def _rewrite(path: Path, change: Callable[[bytes], bytes]) -> bool:
    """Change a file in one step; whether anything changed. Its mode stays, and so does a link to it."""
    content = _read(path)
    made = change(content)
    if made == content:
        return False
    place = path.resolve()
    try:
        put(place, made, stat.S_IMODE(place.stat().st_mode))
    except OSError as error:
        raise _failed(path, error) from error
    return True


def _failed(path: Path, error: OSError) -> ConfigError:
    return ConfigError(f"{path}: {error.strerror or error}", hint="the key readme in digest.toml names this file")
