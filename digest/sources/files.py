"""Which kind of papers' file a path names: decided by a look at it, not by flags or names.

Floor of the family. Reads no more than a first line, and leaves it to the sources to read and to complain.
"""

from collections.abc import Collection
from datetime import date
from pathlib import Path

from ..errors import ConfigError
from ..hooks import Watch, unwatched
from .archive import Archive
from .jsonl import JsonLines
from .rows import UNREADABLE, read_row
from .snapshot import Snapshot
from .streams import lines


def open_papers(
    path: Path, holidays: Collection[date] = (), watch: Watch = unwatched
) -> JsonLines | Snapshot | Archive:
    """
    A folder is an archive; a file whose first line is a record of arXiv's bulk metadata a snapshot; all else ours.

    Args:
        path: A file, plain or packed by gzip or zip, or a folder.
        holidays: More days without a mailing than arXiv's calendar has.
        watch: Is told how far a file was passed through, which is done once, for the first date.

    Raises:
        ConfigError: there is nothing at `path`, no daily file in the folder, or no single file in the zip.
        RecordError: the folder or the first line can't be read.
    """
    if path.is_dir():
        return Archive(path, holidays)
    if not path.exists():
        raise ConfigError(f"{path}: no such file or folder")
    if path.is_file() and _is_snapshot(path):  # a pipe can be read only once
        return Snapshot(path, holidays, watch)
    return JsonLines(path, watch=watch)


def _is_snapshot(path: Path) -> bool:
    try:
        row = next((read_row(line) for _, line in lines(path)), {})
    except UNREADABLE:
        return False
    return (
        isinstance(row.get("versions"), list)
        and isinstance(row.get("categories"), str)
        and not {"published", "announced"} & row.keys()
    )
