"""The database of replies in a folder: how it is opened, what stands in a row, what a day's replies came to.

Reads and writes rows, and believes none of them. Who asks what, and when, is for cached.py.
"""

import json
import logging
import sqlite3
import time
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import UTC, date, datetime
from math import inf
from pathlib import Path
from typing import Any

import diskcache
from diskcache.core import MODE_RAW

from ..atomic import NO_ROOM
from ..errors import ConfigError, DigestError, RecordError, StorageError
from ..models import Completion
from ..plaintext import one_line
from .claims import Claims
from .keeping import Price

log = logging.getLogger(__name__)

VERSION = 1  #: of a kept reply
LARGEST = 32 * 2**20  #: bytes of a reply as JSON; more in a row is a trap
SPENT = "spent/"  #: begins the key of a day's spending; all other keys are requests'
DAMAGED = (ValueError, KeyError, TypeError, OverflowError, zlib.error, RecursionError)  #: reading a row not ours raises
TROUBLE = (sqlite3.Error, OSError, diskcache.Timeout)  #: of the database as a whole

#: whatever another program, or an older version of this one, has left in the database
SETTINGS: Mapping[str, Any] = {
    "statistics": 0,
    "tag_index": 0,
    "eviction_policy": "none",
    "cull_limit": 0,
    "size_limit": 2**50,
    "disk_min_file_size": 2**30,  # everything stays in the one database
    "sqlite_journal_mode": "wal",
    "sqlite_synchronous": 2,
    "sqlite_mmap_size": 0,
    "sqlite_cache_size": 1024,  # pages, 4 MB: keys are spread evenly, so that more would only grow with the cache
}

_KEPT = tuple(one for one in fields(Completion) if one.name not in ("created", "from_cache"))
_PUT = (
    "INSERT INTO Cache(key, raw, store_time, access_time, mode, value) VALUES (?, 1, ?, ?, ?, ?)"
    " ON CONFLICT(key, raw) DO UPDATE SET store_time = excluded.store_time, expire_time = NULL, size = 0,"
    " mode = excluded.mode, filename = NULL, value = excluded.value"
)


class PlainDisk(diskcache.Disk):
    """Keys as they are, values as packed JSON: diskcache's own disks unpickle any row that says so (CVE-2025-69872)."""

    def put(self, key: Any) -> tuple[str, bool]:
        if type(key) is not str:
            raise TypeError("a key of the cache is a str")
        return key, True

    def get(self, key: Any, raw: Any) -> str:
        if not raw or type(key) is not str:
            raise ValueError("a key in the cache is not ours")
        return key

    def store(self, value: Any, read: Any, key: Any = diskcache.UNKNOWN) -> Any:  # noqa: ARG002
        if read:
            raise TypeError("a value of the cache is no file")
        return 0, MODE_RAW, None, packed(value)

    def fetch(self, mode: Any, filename: Any, value: Any, read: Any) -> Any:  # noqa: ARG002
        return unpacked(mode, filename, value)


class DiskReplies(diskcache.Cache):
    """The replies in a folder; see keeping.py for what is promised."""

    ahead = 1

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.directory)

    def lookup(self, key: str) -> Completion | None:
        """The reply on disk."""
        try:
            record = find(self, key)
            return None if record is None else from_record(record)
        except DAMAGED as error:
            tell_damage(self.place, key, error, self.__dict__.setdefault("told", set()))
            return None
        except TROUBLE as error:
            raise trouble(self.place, error) from error

    def lookup_many(self, keys: Collection[str]) -> dict[str, Completion]:
        """The replies on disk."""
        return {key: reply for key in keys if (reply := self.lookup(key)) is not None}

    def keep(self, replies: Sequence[tuple[str, Completion]], price: Price | None) -> None:
        """Write replies to disk."""
        try:
            with self.transact():
                put(self, ((key, as_record(reply)) for key, reply in replies))
                add_spending(self, (reply for _, reply in replies), price)
        except TROUBLE as error:
            raise trouble(self.place, error) from error

    def spent_on(self, day: date) -> "dict[str, Spent]":
        """What a day's replies cost."""
        try:
            return spent_on(self, day)
        except TROUBLE as error:
            raise trouble(self.place, error) from error

    def total(self) -> int:
        """How many there are."""
        try:
            return reply_count(self)
        except TROUBLE as error:
            raise trouble(self.place, error) from error

    def claiming(self) -> Claims:
        """Claims beside them."""
        return Claims(self.directory)


def tell_damage(place: str, key: str, error: BaseException, told: set[str]) -> None:
    """Say once that a kept reply can't be read."""
    if key not in told:
        log.warning("%s: the kept reply %s is damaged and asked again: %s", place, key[:12], error)
        told.add(key)


def open_cache(folder: Path) -> DiskReplies:
    """
    The cache in `folder`, which is made, for its owner only, if it isn't there. Nothing is ever evicted.

    Raises:
        ConfigError: `folder` can't be made or written to, or holds another program's cache.
        StorageError: there is no room, or another process holds the cache.
        RecordError: the database in it is damaged.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return DiskReplies(str(folder.absolute()), timeout=30, disk=PlainDisk, **SETTINGS)  # type: ignore[no-untyped-call]
    except (TypeError, AttributeError) as error:  # settings of another Disk
        raise ConfigError(f"{folder}: another program's cache", hint="choose another folder: --cache") from error
    except TROUBLE as error:
        raise trouble(folder, error) from error


def trouble(folder: Path | str, error: BaseException) -> DigestError:
    """What the reader should do about a database that fails."""
    first: BaseException = error
    while first.__context__ is not None:
        first = first.__context__  # a failed ROLLBACK hides what it was for
    text = str(first) or type(first).__name__
    if isinstance(first, OSError) and first.errno not in NO_ROOM:
        return ConfigError(f"{folder}: {first.strerror or text}", hint="choose another folder: --cache")
    if "readonly" in text or "unable to open" in text:
        return ConfigError(f"{folder}: can't be written: {text}", hint="choose another folder: --cache")
    if isinstance(first, sqlite3.DatabaseError) and ("malformed" in text or "not a database" in text):
        return RecordError(
            f"{folder}/cache.db: damaged: {text}",
            hint="digest cache verify --repair saves what can be read; deleting the folder costs all replies",
        )
    return StorageError(f"{folder}: a reply can't be kept: {text}", hint="make room, and let no other run use it")


# ------------------------------------------------------------------------------------------ rows


def packed(record: object) -> bytes:
    """A value as it stands in a row."""
    # To set up zlib's usual 256 kB takes three times as long as to pack such a short text; 4 kB pack it as well.
    packer = zlib.compressobj(wbits=12, memLevel=5)
    return packer.compress(json.dumps(record, ensure_ascii=False).encode("utf-8", "replace")) + packer.flush()


def unpacked(mode: object, filename: object, value: object) -> Any:
    """
    The value of a row.

    Raises:
        ValueError, zlib.error, RecursionError: it is not ours; a pickle is not opened, a bomb not blown up.
    """
    if mode != MODE_RAW or filename is not None or type(value) is not bytes:
        raise ValueError("a value in the cache is not ours")
    reader = zlib.decompressobj()
    content = reader.decompress(value, LARGEST + 1)
    if not reader.eof or len(content) > LARGEST:
        raise ValueError("cut off, or larger than any reply")
    return json.loads(content.decode("utf-8"))


def as_record(completion: Completion) -> dict[str, Any]:
    """A reply as it is kept."""
    record = {one.name: getattr(completion, one.name) for one in _KEPT}
    return {"v": VERSION, **record, "created": completion.created.astimezone(UTC).isoformat()}


def from_record(record: Any) -> Completion:
    """
    The reply in a record.

    Raises:
        ValueError, KeyError, TypeError: it is no reply as we keep them; the message says why.
    """
    if not isinstance(record, dict) or record.get("v") != VERSION:
        raise ValueError(f"not a reply of version {VERSION}")
    created = datetime.fromisoformat(record["created"])
    if created.tzinfo is None:
        raise ValueError("created: a time without a zone")
    values = {one.name: _checked(one.name, _value(record, one)) for one in _KEPT}
    return Completion(**values, created=created.astimezone(UTC), from_cache=True)


def _value(record: Mapping[str, Any], one: Any) -> Any:
    """What the record has of a field, or what a reply had before there was such a field."""
    return record[one.name] if one.default is MISSING else record.get(one.name, one.default)


def _checked(name: str, value: Any) -> Any:
    if value is None and name not in ("text", "engine", "model"):
        return None
    if name.endswith("_tokens"):
        if type(value) is not int or value < 0:
            raise ValueError(f"{name}: no count")
    elif type(value) is str:
        value.encode("utf-8")  # a lone surrogate would fail later, far from here
    else:
        raise ValueError(f"{name}: no text")
    return value


# ------------------------------------------------------------------------------------------ replies


def find(cache: diskcache.Cache, key: str) -> Any:
    """
    The record with a key, or None. Expiry, which is never ours, counts for nothing.

    Raises:
        ValueError, zlib.error, RecursionError: the row is damaged or foreign.
    """
    found = cache._con.execute("SELECT mode, filename, value FROM Cache WHERE key = ? AND raw = 1", (key,)).fetchone()
    return None if found is None else unpacked(*found)


def put(cache: diskcache.Cache, records: Iterable[tuple[str, object]]) -> None:
    """Write records under their keys, in place of what is there; within `cache.transact()`."""
    now = time.time()
    cache._con.executemany(_PUT, [(key, now, now, MODE_RAW, packed(record)) for key, record in records])


def reply_count(cache: diskcache.Cache) -> int:
    """How many replies there are; a day's spending is none."""
    ((days,),) = cache._con.execute("SELECT COUNT(*) FROM Cache WHERE key >= 'spent/' AND key < 'spent0' AND raw = 1")
    return len(cache) - int(days)


# ------------------------------------------------------------------------------------------ spending


@dataclass(frozen=True, slots=True)
class Spent:
    """What the replies of one model on one day (UTC) came to; a reply from the cache costs nothing again."""

    replies: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0  #: the part of prompt_tokens that the service had in its own cache
    completion_tokens: int = 0
    cost: Mapping[str, float] = field(default_factory=dict)  #: by currency, of the replies with a known price
    unpriced: int = 0  #: replies without a price

    def plus(self, reply: Completion, price: tuple[float, str] | None) -> "Spent":
        """With one reply more."""
        cost = dict(self.cost)
        if price:
            cost[price[1]] = cost.get(price[1], 0.0) + price[0]
        return replace(
            self,
            replies=self.replies + 1,
            prompt_tokens=self.prompt_tokens + (reply.prompt_tokens or 0),
            cached_tokens=self.cached_tokens + (reply.cached_tokens or 0),
            completion_tokens=self.completion_tokens + (reply.completion_tokens or 0),
            cost=cost,
            unpriced=self.unpriced + (price is None),
        )


def spent_on(cache: diskcache.Cache, day: date) -> dict[str, Spent]:
    """What was spent on a day, by model; a damaged row counts for nothing, and is told of."""
    try:
        record = find(cache, f"{SPENT}{day}")
        return {} if record is None else from_spent_record(record)
    except DAMAGED as error:
        log.warning("%s: what was spent on %s is damaged and counted anew: %s", cache.directory, day, error)
        return {}


def add_spending(cache: diskcache.Cache, replies: Iterable[Completion], price: Price | None) -> None:
    """Count replies that have just come under their days; within `cache.transact()`."""
    days: dict[date, dict[str, Spent]] = {}
    for reply in replies:
        if not reply.from_cache:
            day, model = reply.created.astimezone(UTC).date(), one_line(reply.model)
            models = days[day] = days[day] if day in days else spent_on(cache, day)
            models[model] = models.get(model, Spent()).plus(reply, price(reply) if price else None)
    put(cache, ((f"{SPENT}{day}", spent_record(models)) for day, models in days.items()))


def spent_record(models: Mapping[str, Spent]) -> dict[str, Any]:
    """A day's spending as it is kept."""
    return {
        "v": VERSION,
        "spent": {
            name: [
                one.replies,
                one.prompt_tokens,
                one.cached_tokens,
                one.completion_tokens,
                dict(one.cost),
                one.unpriced,
            ]
            for name, one in models.items()
        },
    }


def from_spent_record(record: Any) -> dict[str, Spent]:
    """
    A day's spending by model.

    Raises:
        ValueError, TypeError: it is none as we keep them.
    """
    if not isinstance(record, dict) or record.get("v") != VERSION or not isinstance(record.get("spent"), dict):
        raise ValueError(f"not a day's spending of version {VERSION}")
    return {one_line(name): _spent_of(values) for name, values in record["spent"].items()}


def _spent_of(values: Any) -> Spent:
    replies, prompt, cached, completion, cost, unpriced = values
    if not all(type(one) is int and one >= 0 for one in (replies, prompt, cached, completion, unpriced)):
        raise ValueError("spent: no counts")
    if not isinstance(cost, dict) or not all(type(one) in (int, float) and 0 <= one < inf for one in cost.values()):
        raise ValueError("spent: no money")
    return Spent(
        replies, prompt, cached, completion, {one_line(name): float(one) for name, one in cost.items()}, unpriced
    )
