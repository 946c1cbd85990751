"""What lies in the folders of a site or the cache and nothing needs: drafts, heads, answers, what was put aside.

Looks, and removes what it is told to. It follows no link, and neither replies, editions nor delivery marks are its own.
"""

import os
import re
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from .atomic import guarded

SETTLED = 60.0  #: seconds: no draft is written for so long
DAY = 86_400.0  #: seconds: a process of that number which began since is another one
KEPT_ASIDE = 90  #: days that damaged parts of the cache stay where they were put

_DRAFT = re.compile(r"^\.(?P<name>.+)\.(?P<pid>\d{1,10})\.tmp$")
_JOB_DRAFT = re.compile(r"^\.?[0-9a-f]{32}(?:\.json)?\.(?P<pid>\d{1,10})\.tmp$")
_ANSWER_DRAFT = re.compile(r"^tmp[a-z0-9_]{8}$")
_ASIDE = re.compile(r"^(?:damaged-\d{8}T\d{6}Z\.jsonl|cache\.db(?:-wal|-shm)?\.damaged-.+|orphans-.+|repair-.+)$")
_DATED = re.compile(r"^\d{4}-\d\d-\d\d$")


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file or folder that may go."""

    path: Path
    what: str  #: in words
    size: int  #: bytes, of a folder with all in it
    is_whole: bool = False  #: a folder that goes with all in it


def of_site(output: Path, days: Collection[date], readme: Path | None, wall: float) -> Iterator[Leftover]:
    """
    Yield what a site's folder holds and nothing needs.

    Args:
        output: The site's folder.
        days: The dates that have an edition.
        readme: The user's README, beside which drafts may lie.
        wall: The time of day in seconds, as the file system has it.
    """
    names = {day.isoformat() for day in days}
    dated = [one for one in _listed(output) if _DATED.match(one.name) and one.is_dir(follow_symlinks=False)]
    below = ("editions", "editions/.heads", "editions/.delivered", "category", "keyword")
    for folder in (output, *(output / name for name in below if _is_own(output, name)), *(Path(one) for one in dated)):
        yield from _drafts(folder, _DRAFT, wall)
    if readme is not None:
        found = _drafts(readme.parent, _DRAFT, wall)
        yield from (one for one in found if one.path.name.startswith(f".{readme.name}."))
    if _is_own(output, "editions/.heads"):
        for one in _listed(output / "editions/.heads"):
            if one.is_file(follow_symlinks=False) and one.name.removesuffix(".json") not in names | {one.name}:
                yield _leftover(one, "head without an edition: it is made anew")
    for one in dated:
        if one.name not in names and not _listed(Path(one)):
            yield _leftover(one, "empty folder of a date without an edition")


def of_cache(folder: Path, today: date, wall: float, kept_aside: int = KEPT_ASIDE) -> Iterator[Leftover]:
    """
    Yield what the folder of the cache holds and nothing needs; replies and their database are never among it.

    Args:
        folder: The cache's.
        today: US Eastern: arXiv's answers of that day are in use.
        wall: The time of day in seconds, as the file system has it.
        kept_aside: Days that what a repair put aside stays.
    """
    yield from _drafts(folder, _DRAFT, wall)
    if _is_own(folder, "batches"):
        yield from _drafts(folder / "batches", _JOB_DRAFT, wall)
    if _is_own(folder, "arxiv"):
        for one in _listed(folder / "arxiv"):
            if one.is_dir(follow_symlinks=False) and _DATED.match(one.name):
                yield from _answers(one, today, wall)
    has_replies = (folder / "cache.db").is_file()
    for one in _listed(folder):
        if _ASIDE.match(one.name) and not one.is_symlink() and _age(one, wall) > kept_aside * DAY:
            if one.name.startswith("repair-") and not has_replies:
                continue  # it broke off with the new file in there
            yield _leftover(one, "put aside by a repair of the cache", is_whole=one.is_dir())


def _answers(day: os.DirEntry[str], today: date, wall: float) -> Iterator[Leftover]:
    if day.name < today.isoformat():
        yield _leftover(day, "arXiv's answers of a past day", is_whole=True)
        return
    for one in _listed(Path(day)):
        if _ANSWER_DRAFT.match(one.name) and one.is_file(follow_symlinks=False) and _age(one, wall) > DAY / 24:
            yield _leftover(one, "draft that nobody finished")


def _drafts(folder: Path, form: re.Pattern[str], wall: float) -> Iterator[Leftover]:
    for one in _listed(folder):
        found = form.match(one.name)
        if found and one.is_file(follow_symlinks=False):
            age = _age(one, wall)
            if age > DAY or (age > SETTLED and not _is_alive(int(found["pid"]))):
                yield _leftover(one, "draft of a process that is gone")


def _is_own(folder: Path, name: str) -> bool:
    """Whether a folder below another is really there, with no link on the way."""
    path = folder
    for part in name.split("/"):
        path /= part
        if path.is_symlink() or not path.is_dir():
            return False
    return True


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a folder, by name; nothing where it can't be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda one: one.name)
    except OSError:
        return []


def _leftover(one: os.DirEntry[str], what: str, *, is_whole: bool = False) -> Leftover:
    return Leftover(Path(one), what, size_of(Path(one)), is_whole)


def size_of(path: Path) -> int:
    """The bytes of a file, or of all files in a folder; what a link leads to does not count."""
    try:
        if path.is_symlink() or not path.is_dir():
            return path.lstat().st_size
        return sum(size_of(one) for one in path.iterdir())
    except OSError:
        return 0


def _age(one: os.DirEntry[str], wall: float) -> float:
    try:
        return wall - one.stat(follow_symlinks=False).st_mtime
    except OSError:
        return 0.0


def _is_alive(process: int) -> bool:
    """Whether a process of this machine has that number; where that can't be asked without harm, True."""
    if os.name != "posix":
        return True  # on Windows the same call would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def remove(one: Leftover) -> bool:
    """
    Remove what was found; whether it was still there. A link in it goes, what it leads to stays.

    Raises:
        ConfigError: it can't be removed.
    """
    with guarded(one.path):
        try:
            if one.path.is_symlink() or not one.path.is_dir():
                one.path.unlink()
            elif one.is_whole:
                shutil.rmtree(one.path)
            elif any(one.path.iterdir()):
                return False  # it was empty before
            else:
                one.path.rmdir()
        except FileNotFoundError:
            return False
    return True
