"""The cache of replies when it is large: look-ups, keeping, opening, size; beside plain sqlite3 and a dict.

Makes its databases in a scratch folder and removes them.
"""

import hashlib
import json
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

from charts import Axis, Series, lines
from scale_measure import Part, Row, Told, answer, child, paragraph, sized, table, timed
from service import CARD

SCRIPT = Path(__file__).name
ENTRIES, QUICK_ENTRIES = (10_000, 100_000, 1_000_000), (1_000, 10_000)
GROUP, TOGETHER = 50_000, 64  #: rows of a transaction while it is filled; replies that come together
LOOKUPS, KEPT = 2_000, 100  #: of which the medians are
APART = 5  #: one row in so many can be looked up
OPENED = datetime(2026, 11, 22, tzinfo=UTC)
FIGURES = ("hit", "miss", "one", "many", "opening")
NAMES = ("look-up, hit", "look-up, miss", "keep one", f"keep {TOGETHER} together", "opening, and a look-up")


def request(number: int) -> Any:
    """The request with this number: nothing is asked, so a short question does."""
    from digest.models import Request

    return Request(model="bench", messages=({"role": "user", "content": str(number)},))


def key(number: int) -> str:
    """The key of this request, where it may be looked up; elsewhere another such text, which is made faster."""
    return str(request(number).key) if number % APART == 0 else hashlib.sha256(b"%d" % number).hexdigest()


def drawn(entries: int) -> list[int]:
    """Numbers of rows to look up, at random."""
    draw = random.Random(entries)
    return [APART * draw.randrange(entries // APART) for _ in range(LOOKUPS)]


def completion(number: int) -> Any:
    """A reply of the usual length, another one for each number."""
    from digest.models import Completion

    text = json.dumps({**CARD, "result": f"{number}。{CARD['result']}"}, ensure_ascii=False)
    return Completion(text, "chat", "bench", OPENED, "stop", prompt_tokens=900, completion_tokens=220)


# ---- the runs: each fills a database up to a number of rows, or looks at what is there


def fill(folder: str, begin: int, end: int) -> Told:
    """Put rows begin to end into our cache, as it puts them itself but for the packing of each."""
    from digest.engines import shelf

    known = [shelf.packed(shelf.as_record(completion(number))) for number in range(TOGETHER)]
    cache, began = shelf.open_cache(Path(folder)), time.perf_counter()
    with patch.object(shelf, "packed", lambda record: record):
        for first in range(begin, end, GROUP):
            numbers = range(first, min(first + GROUP, end))
            with cache.transact():
                shelf.put(cache, ((key(number), known[number % TOGETHER]) for number in numbers))
    cache.close()  # type: ignore[no-untyped-call]
    return {"seconds": time.perf_counter() - began, "bytes": size(Path(folder))}


def ours(folder: str, entries: int) -> Told:
    """What our cache takes for each thing that is done with it."""
    from digest.engines.cached import CachedEngine, open_cache

    began = time.perf_counter()
    cache = open_cache(Path(folder))
    cached: Any = CachedEngine(lambda: None, cache)  # type: ignore[arg-type, return-value]
    assert cached.lookup(request(0)) is not None
    opening = time.perf_counter() - began
    known = [request(number) for number in drawn(entries)]
    new = [(request(-entries - number), completion(number)) for number in range(LOOKUPS)]
    found = {
        "opening": opening,
        "miss": each(cached.lookup, [one for one, _ in new]),
        "hit": each(cached.lookup, known),
        "one": each(lambda one: cached.keep([one]), new[:KEPT]),
        "many": each(cached.keep, groups(new[KEPT:])),
    }
    cache.close()  # type: ignore[no-untyped-call]
    return found


def plain_fill(folder: str, begin: int, end: int) -> Told:
    """The same bytes under the same keys in a table of two columns."""
    from digest.engines import shelf

    known = [shelf.packed(shelf.as_record(completion(number))) for number in range(TOGETHER)]
    base, began = plain(folder), time.perf_counter()
    for first in range(begin, end, GROUP):
        numbers = range(first, min(first + GROUP, end))
        with base:
            base.executemany(
                "INSERT OR REPLACE INTO Replies VALUES (?, ?)",
                ((key(number), known[number % TOGETHER]) for number in numbers),
            )
    base.close()
    return {"seconds": time.perf_counter() - began, "bytes": size(Path(folder))}


def plain(folder: str) -> sqlite3.Connection:
    """A database as safe as ours, synced with each transaction, and with as much of it in memory."""
    Path(folder).mkdir(exist_ok=True)
    base = sqlite3.connect(Path(folder) / "plain.db")
    for setting in ("journal_mode = wal", "synchronous = full", "cache_size = 8192"):
        base.execute(f"PRAGMA {setting}")
    base.execute("CREATE TABLE IF NOT EXISTS Replies (key TEXT PRIMARY KEY, value BLOB)")
    return base


def floor(folder: str, entries: int) -> Told:
    """What plain sqlite3 takes for the same bytes: neither packed nor unpacked, nothing counted."""
    from digest.engines import shelf

    began = time.perf_counter()
    base = plain(folder)

    def look(key: str) -> Any:
        return base.execute("SELECT value FROM Replies WHERE key = ?", (key,)).fetchone()

    def keep(rows: Sequence[tuple[str, bytes]]) -> None:
        with base:
            base.executemany("INSERT OR REPLACE INTO Replies VALUES (?, ?)", rows)

    assert look(request(0).key) is not None
    opening = time.perf_counter() - began
    known = [request(number).key for number in drawn(entries)]
    value = shelf.packed(shelf.as_record(completion(1)))
    new = [(request(-entries - number).key, value) for number in range(LOOKUPS)]
    found = {
        "opening": opening,
        "miss": each(look, [key for key, _ in new]),
        "hit": each(look, known),
        "one": each(lambda row: keep([row]), new[:KEPT]),
        "many": each(keep, groups(new[KEPT:])),
    }
    base.close()
    return found


def held(entries: int) -> Told:
    """What a dict takes that holds as many keys."""
    value, keys = b"", [hashlib.sha256(b"%d" % number).hexdigest() for number in range(entries)]
    shelf = dict.fromkeys(keys, value)
    known = [hashlib.sha256(b"%d" % number).hexdigest() for number in drawn(entries)]
    new = [hashlib.sha256(b"-%d" % number).hexdigest() for number in range(LOOKUPS)]
    return {"hit": each(shelf.get, known), "miss": each(shelf.get, new)}


def each(call: Callable[[Any], object], given: Sequence[Any]) -> float:
    """Median of the seconds that a call takes."""
    times = []
    for one in given:
        began = time.perf_counter()
        call(one)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def groups(rows: Sequence[Any]) -> list[Sequence[Any]]:
    return [rows[first : first + TOGETHER] for first in range(0, len(rows) - TOGETHER + 1, TOGETHER)]


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


# ---- the whole


def measure(quick: bool) -> Told:
    """Both databases grow from one size to the next: what is measured in between adds two thousand rows."""
    rows, begin = [], 0
    with tempfile.TemporaryDirectory(prefix="digest-scale-") as scratch:
        ours_in, plain_in = f"{scratch}/ours", f"{scratch}/plain"
        for entries in QUICK_ENTRIES if quick else ENTRIES:
            row: Told = {"entries": entries}
            for name, put, look, folder in (
                ("sqlite3", "plain_fill", "floor", plain_in), ("digest", "fill", "ours", ours_in),
            ):  # fmt: skip
                filled = child(SCRIPT, put, folder=folder, begin=begin, end=entries)
                found = child(SCRIPT, look, folder=folder, entries=entries)
                filling = filled["seconds"] / (entries - begin)
                row[name] = {name: found[name] for name in FIGURES} | {"bytes": filled["bytes"], "filling": filling}
            found = child(SCRIPT, "held", entries=entries)
            row["dict"] = {name: found[name] for name in ("hit", "miss")}
            rows.append(row)
            begin = entries
    return {"rows": rows}


def words(told: Told) -> Iterator[str]:
    yield from paragraph(
        f"Medians of {LOOKUPS:,} look-ups at random and of {KEPT} keepings, each synced to disk before it counts; "
        "the database is warm. The floor is a table of two columns in plain sqlite3, with the same bytes and "
        "syncing: it neither packs nor unpacks nor counts what is spent. A dict that holds the keys is the floor "
        "of look-ups."
    )
    kinds, sizes = ("digest", "sqlite3", "dict"), told["rows"]
    cells: list[Row] = [
        (f"{name}: {kind}", *(timed(one[kind][figure]) for one in sizes))
        for figure, name in zip(FIGURES, NAMES, strict=True)
        for kind in kinds
        if figure in sizes[0][kind]
    ]
    cells += [(f"on disk: {kind}", *(sized(one[kind]["bytes"]) for one in sizes)) for kind in kinds[:2]]
    cells += [
        (f"filled in groups, a row: {kind}", *(timed(one[kind]["filling"]) for one in sizes)) for kind in kinds[:2]
    ]
    yield from table(("", *(f"{one['entries']:,}" for one in sizes)), cells)


def charts(told: Told) -> Mapping[str, str]:
    rows = told["rows"]

    def line(kind: str, figure: str, name: str, floor: bool) -> Series:
        return Series(name, [(one["entries"], 1e6 * one[kind][figure]) for one in rows], floor)

    series = [
        line("digest", "one", "keep one", False),
        line("digest", "hit", "hit", False),
        line("digest", "miss", "miss", False),
        line("sqlite3", "one", "keep one, sqlite3", True),
        line("sqlite3", "hit", "hit, sqlite3", True),
        line("dict", "hit", "hit, dict", True),
    ]
    x = Axis("replies in the cache", log=True, ticks=tuple(one["entries"] for one in rows))
    return {"cache": lines("The cache of replies as it grows", x, Axis("microseconds", log=True), series)}


PARTS = {"cache": Part("The cache", measure, words, charts)}

if __name__ == "__main__":
    answer({"fill": fill, "ours": ours, "plain_fill": plain_fill, "floor": floor, "held": held})
