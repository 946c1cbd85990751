"""Finds prompts/, templates/ and the sample day: the user's folder first, then the installed one or the checkout's.

Reads files; what they mean is for prompts.py and render/.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from .errors import TemplateError


def built_in(name: str) -> Path:
    """The folder `name` that came with the program: inside an installed package, beside it in a checkout."""
    inside = Path(str(files("digest"))) / name
    return inside if inside.is_dir() else Path(__file__).resolve().parents[1] / name


def folders(name: str, home: Path) -> tuple[Path, ...]:
    """The folders `name` to look in, a user's own in `home` before the built-in one."""
    own, ours = home / name, built_in(name)
    return (own, ours) if own.is_dir() and own.resolve() != ours.resolve() else (ours,)


def sample() -> Path:
    """The file of the sample day."""
    return Path(str(files("digest"))) / "sample.jsonl"


def program(home: Path) -> Iterator[Path]:
    """Yield every file that shapes a page: the program's modules and the templates, a user's own included."""
    yield from Path(str(files("digest"))).rglob("*.py")
    for folder in folders("templates", home):
        yield from (path for path in folder.rglob("*") if path.is_file())


def state(home: Path) -> str:
    """A short hash of all that shapes a page, wherever it is installed: templates as they are, modules as they were."""
    found = hashlib.sha256(_modules())
    for folder in folders("templates", home):
        found.update(b"\0folder" + _hashed(folder, "*"))
    return found.hexdigest()[:12]


@cache
def _modules() -> bytes:
    """Of the program, once: what is installed meanwhile does not run in this process."""
    package = Path(str(files("digest")))
    return _hashed(package, "*.py") + version("jinja2").encode()


def _hashed(folder: Path, pattern: str) -> bytes:
    found = hashlib.sha256()
    for path in sorted(one for one in folder.rglob(pattern) if one.is_file()):
        with suppress(OSError):  # a template that is needed is missed where it is needed
            content = path.read_bytes()
            name = path.relative_to(folder).as_posix()
            found.update(name.encode(errors="surrogateescape") + b"\0" + hashlib.sha256(content).digest())
    return found.digest()


def fingerprint(*modules: str) -> str:
    """A short hash of modules of ours: what was decided by one state of them needs no second look by the same."""
    found = hashlib.sha256()
    for module in modules:
        found.update((Path(str(files("digest"))) / module).read_bytes())
    return found.hexdigest()[:12]


def read(name: str, file: str, home: Path, *others: str) -> str:
    """
    The text of one file of the folder `name`, the user's if there is one; where `file` is not, the first of `others`.

    Raises:
        TemplateError: no folder has it, or it is not UTF-8.
    """
    for path in (folder / one for folder in folders(name, home) for one in (file, *others)):
        try:
            return path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            continue
        except (OSError, UnicodeError) as error:
            raise TemplateError(f"{path}: can't be read: {error}") from error
    raise TemplateError(f"{name}/{file}: not found", hint="install the program again: pip install --force-reinstall")
