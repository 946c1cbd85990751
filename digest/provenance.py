"""Where this program was installed from, so that a job elsewhere installs the same.

Reads what pip noted and, of a clone, what git says; installs nothing.
"""

import json
import logging
import re
import shutil
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path
from urllib.request import url2pathname

from . import __version__

PACKAGE = "bilingual-digest"
CONSTRAINTS = ".ci/constraints.txt"

#: What may stand between quotes in a shell, in YAML and in a Dockerfile, and mean itself.
_PLAIN = re.compile(r"[A-Za-z0-9._~:/%@+=-]+")
_OF_GITHUB = re.compile(r"(?:ssh://)?git@github\.com[:/](.+)")

log = logging.getLogger(__name__)


def is_clone(folder: Path) -> bool:
    """Whether a folder is a clone of this program, from which it can be installed."""
    try:
        said = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    project = said.get("project")
    return isinstance(project, dict) and project.get("name") == PACKAGE and (folder / CONSTRAINTS).is_file()


def repository(folder: Path) -> Path:
    """The nearest folder above that holds a git repository; `folder` itself where none does."""
    return next((one for one in (folder, *folder.parents) if (one / ".git").exists()), folder)


def requirement(extra: str = "") -> str:
    """
    What pip is to be told: the commit of a git repository where that is known, else the index and our version.

    Args:
        extra: Such as "[deliver]".

    Source: https://packaging.python.org/en/latest/specifications/direct-url/
    """
    found = _from_git(_noted())
    return f"{PACKAGE}{extra} @ {found}" if found else f"{PACKAGE}{extra}=={__version__}"


def _noted() -> str:
    try:
        return metadata.distribution(PACKAGE).read_text("direct_url.json") or "{}"
    except metadata.PackageNotFoundError:
        return "{}"


def _from_git(noted: str) -> str | None:
    """`git+https://…@COMMIT`, or None."""
    try:
        said = json.loads(noted)
        noted_url, commit = str(said["url"]), said.get("vcs_info", {}).get("commit_id")
    except (ValueError, LookupError, AttributeError, TypeError):
        return None
    url: str | None = noted_url
    if commit is None and noted_url.startswith("file:"):
        clone = Path(url2pathname(noted_url.removeprefix("file://")))
        url, commit = _git(clone, "config", "--get", "remote.origin.url"), _git(clone, "rev-parse", "HEAD")
    url = _OF_GITHUB.sub(r"https://github.com/\1", url or "")
    has_login = "@" in url.partition("://")[2].partition("/")[0]
    if not commit or not url.startswith("https://") or has_login or not _PLAIN.fullmatch(f"{url}@{commit}"):
        return None
    return f"git+{url}@{commit}"


def _git(clone: Path, *words: str) -> str | None:
    program = shutil.which("git")
    if program is None or not (clone / ".git").exists():
        return None
    try:
        # The words are ours.
        said = subprocess.run([program, *words], cwd=clone, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        log.debug("git %s: %s", words[0], error)
        return None
    return said.stdout.strip() or None
