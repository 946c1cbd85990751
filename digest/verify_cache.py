"""The cache held against the editions: what they name of it, whether it is sound, what is under way.

Looks and tells; reads no reply for what it says, and changes nothing.
"""

import sqlite3
from collections.abc import Collection, Iterator
from pathlib import Path

from . import cache_check, cache_rows
from .engines.claims import Claims
from .engines.jobs import Jobs
from .engines.shelf import trouble
from .errors import RecordError
from .findings import Finding
from .hooks import Watch
from .plaintext import counted

PAID_AGAIN = "nothing, unless a paper is asked again: then it is paid again"


def look(folder: Path, named: Collection[str], watch: Watch, *, quick: bool = False) -> Iterator[Finding]:
    """
    Yield what is wrong with the cache, or worth a word.

    Args:
        folder: The cache's.
        named: The keys of the replies that editions name.
        watch: Is told how far it is.
        quick: Take every reply as it stands.
    """
    if not (folder / "cache.db").is_file():
        if named:
            yield Finding("note", str(folder), f"no replies are kept here; editions name {len(named):,}", PAID_AGAIN)
        return
    try:
        if not quick:
            yield from _soundness(folder, watch)
        lost = len(set(named) - keys(folder))
    except RecordError as error:
        yield Finding("fault", str(folder / "cache.db"), str(error), error.hint)
        return
    if lost:
        fact = f"{lost:,} of the {len(named):,} replies that editions name are not kept here"
        yield Finding("note", str(folder), fact, PAID_AGAIN)
    yield from _under_way(folder)


def keys(folder: Path) -> set[str]:
    """
    The keys of all replies in a cache.

    Raises:
        RecordError: the database is damaged.
    """
    with cache_rows.opened(folder) as database:
        try:
            found = database.execute("SELECT key FROM Cache WHERE raw = 1")
            return {key for (key,) in found if type(key) is str and cache_rows.KEY.fullmatch(key)}
        except sqlite3.DatabaseError as error:
            raise trouble(folder, error) from error


def _soundness(folder: Path, watch: Watch) -> Iterator[Finding]:
    found, place, mend = cache_check.verify(folder, watch), str(folder / "cache.db"), "digest cache verify --repair"
    facts = [f"the file: {one}" for one in found.integrity]
    facts += [f"setting: {one}" for one in found.settings]
    facts += [f"in the database, but not ours: {one!r}" for one in found.objects]
    facts += [f"row {one.row}: {one.reason}" for one in found.faults]
    if (more := found.damaged + found.foreign - len(found.faults)) > 0:
        facts.append(f"and {more:,} rows more")
    yield from (Finding("fault", place, fact, mend) for fact in facts)
    yield from (Finding("fault", str(folder / one), "a file that nothing needs", mend) for one in found.orphans)


def _under_way(folder: Path) -> Iterator[Finding]:
    """Yield a word about what is being asked, or was handed in and not yet fetched."""
    with Claims(folder) as claims:
        if not claims.alone():
            yield Finding("note", str(folder), "another run is asking for replies now", "let it end, then look again")
    for path, job in Jobs(folder / "batches").all():
        if job is None:
            yield Finding("fault", str(path), "a damaged record of a batch", f"rm {path}: the service lists it, too")
        else:
            fact = f"a batch of {counted(len(job.keys), 'request')} under way since {job.created[:16]}"
            yield Finding("note", str(path), fact, "digest run --engine batch fetches it")
