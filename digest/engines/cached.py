"""The engine around an engine that keeps every reply on disk: what was answered once is never sent again.

Keeps raw replies and nothing else. Failures are not kept, and what a reply is worth is judged on every read.
"""

import json
import logging
import sqlite3
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import diskcache
from diskcache.core import MODE_RAW

from ..errors import ConfigError, DigestError, EngineError, RecordError, StorageError
from ..models import Answer, Completion, Request
from . import Engine

log = logging.getLogger(__name__)

VERSION = 1  #: of a kept reply
KEPT = tuple(one.name for one in fields(Completion) if one.name not in ("created", "from_cache"))
DAMAGED = (ValueError, KeyError, TypeError, zlib.error, RecursionError)  #: what reading a row that is not ours raises
TROUBLE = (sqlite3.Error, OSError, diskcache.Timeout)  #: of the database as a whole


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
        packed = zlib.compress(json.dumps(value, ensure_ascii=False).encode("utf-8"), 6)
        return 0, MODE_RAW, None, packed

    def fetch(self, mode: Any, filename: Any, value: Any, read: Any) -> Any:  # noqa: ARG002
        if mode != MODE_RAW or filename is not None or type(value) is not bytes:
            raise ValueError("a value in the cache is not ours")
        return json.loads(zlib.decompress(value))


def open_cache(folder: Path) -> diskcache.Cache:
    """
    The cache in `folder`, which is made, for its owner only, if it isn't there. Nothing is ever evicted.

    Raises:
        ConfigError: `folder` can't be made or written to, or holds another program's cache.
        StorageError: there is no room, or another process holds the cache.
        RecordError: the database in it is damaged.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return diskcache.Cache(  # type: ignore[no-untyped-call]
            str(folder.absolute()),
            timeout=30,
            disk=PlainDisk,
            eviction_policy="none",
            cull_limit=0,
            size_limit=2**50,
            disk_min_file_size=2**30,  # everything stays in the one database
            sqlite_synchronous=2,
            sqlite_mmap_size=0,
        )
    except TypeError as error:  # settings of another Disk
        raise ConfigError(f"{folder}: another program's cache", hint="choose another folder: --cache") from error
    except TROUBLE as error:
        raise _trouble(folder, error) from error


def _trouble(folder: Path | str, error: BaseException) -> DigestError:
    """What the reader should do about a database that fails."""
    first: BaseException = error
    while first.__context__ is not None:
        first = first.__context__  # a failed ROLLBACK hides what it was for
    text = str(first) or type(first).__name__
    if isinstance(first, OSError) and first.errno not in (28, 122):  # ENOSPC, EDQUOT
        return ConfigError(f"{folder}: {first.strerror or text}", hint="choose another folder: --cache")
    if "readonly" in text or "unable to open" in text:
        return ConfigError(f"{folder}: can't be written: {text}", hint="choose another folder: --cache")
    if isinstance(first, sqlite3.DatabaseError) and ("malformed" in text or "not a database" in text):
        return RecordError(f"{folder}/cache.db: damaged: {text}", hint="delete the folder; its replies are asked again")
    return StorageError(f"{folder}: a reply can't be kept: {text}", hint="make room, and let no other run use it")


class CachedEngine:
    """An engine that asks the engine behind it only for what is not on disk, and keeps what that one replies."""

    def __init__(self, engine: Engine | Callable[[], Engine], cache: diskcache.Cache) -> None:
        """Take the engine, or what opens it when the first reply is missing: a run from disk alone imports nothing."""
        self._engine = engine if hasattr(engine, "run") and not isinstance(engine, type) else None
        self._open = engine
        self._cache = cache
        self._passed = 0

    @property
    def sent(self) -> int:
        """Requests sent so far; the engine's own count, retries included, where it keeps one."""
        return int(getattr(self._engine, "sent", self._passed))

    def lookup(self, request: Request) -> Completion | None:
        """
        The reply on disk, or None; a damaged one counts as none.

        Raises:
            RecordError: the database as a whole is damaged.
        """
        try:
            record = self._cache.get(request.key)  # type: ignore[no-untyped-call]
            return None if record is None else _from_record(record)
        except DAMAGED as error:
            log.warning("%s: the kept reply %s is damaged and asked again: %s", self.folder, request.key[:12], error)
            return None
        except TROUBLE as error:
            raise _trouble(self.folder, error) from error

    def misses(self, requests: Iterable[Request]) -> list[Request]:
        """The requests that would be sent, each once."""
        once = {request.key: request for request in requests}
        return [request for request in once.values() if self.lookup(request) is None]

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
        """
        Answer from disk at once, and the rest through the engine behind; its replies are on disk before they are seen.

        Raises:
            EngineError: from the engine behind, after all that is on disk was handed out.
            StorageError, RecordError, ConfigError: a reply can't be kept; the run ends, since it would be paid again.
        """
        todo = iter(requests)
        for request in todo:
            if (kept := self.lookup(request)) is None:
                yield from _Flow(self, chain([request], todo)).run()
                return
            yield request, kept

    def opened(self) -> Engine:
        """The engine behind, made on first use; one that can hands over replies as they arrive."""
        if self._engine is None:
            self._engine = self._open()  # type: ignore[operator]
        if hasattr(self._engine, "keep"):
            self._engine.keep = self.keep
        return self._engine

    def keep(self, answers: Sequence[tuple[Request, Answer]]) -> None:
        """Write replies to disk, all or none, and synced; failures are not kept."""
        self._passed += len(answers)
        try:
            with self._cache.transact():
                for request, answer in answers:
                    if isinstance(answer, Completion):
                        self._cache.set(request.key, _as_record(answer))  # type: ignore[no-untyped-call]
        except TROUBLE as error:
            raise _trouble(self.folder, error) from error

    @property
    def folder(self) -> str:
        """Where the replies are."""
        return str(self._cache.directory)


class _Flow:
    """One run from its first miss on: what is on disk is put aside as the engine behind takes the requests."""

    def __init__(self, cached: CachedEngine, todo: Iterator[Request]) -> None:
        self.cached = cached
        self.todo = todo
        self.ready: deque[tuple[Request, Answer]] = deque()
        self.twins: dict[str, list[Request]] = {}  #: requests with the key of one that is being asked
        self.failed: dict[str, Answer] = {}

    def run(self) -> Iterator[tuple[Request, Answer]]:
        try:
            engine = self.cached.opened()
            early = hasattr(engine, "keep")
            for request, answer in engine.run(self.misses()):
                if not early:
                    self.cached.keep([(request, answer)])
                if not isinstance(answer, Completion):
                    self.failed[request.key] = answer
                yield request, answer
                self.ready.extend((twin, answer) for twin in self.twins.pop(request.key, ()))
                yield from self.drained()
        except EngineError:
            for _ in self.misses():
                pass  # what is on disk needs no engine
            yield from self.drained()
            raise
        yield from self.drained()

    def misses(self) -> Iterator[Request]:
        for request in self.todo:
            if request.key in self.twins:
                self.twins[request.key].append(request)
            elif (known := self.failed.get(request.key) or self.cached.lookup(request)) is not None:
                self.ready.append((request, known))
            else:
                self.twins[request.key] = []
                yield request

    def drained(self) -> Iterator[tuple[Request, Answer]]:
        while self.ready:
            yield self.ready.popleft()


def _as_record(completion: Completion) -> dict[str, Any]:
    record = {name: getattr(completion, name) for name in KEPT}
    return {"v": VERSION, **record, "created": completion.created.astimezone(UTC).isoformat()}


def _from_record(record: Any) -> Completion:
    if record["v"] != VERSION or not isinstance(record["text"], str):
        raise ValueError("not a reply as we keep them")
    created = datetime.fromisoformat(record["created"]).astimezone(UTC)
    return Completion(**{name: record[name] for name in KEPT}, created=created, from_cache=True)
