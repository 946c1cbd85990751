"""Kept replies out to a file of JSON Lines, and in from one: to move them, to share them, to keep a copy.

Believes no line of a file. It asks nothing and judges no reply.
"""

import gzip
import io
import json
import os
import sys
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from errno import EFBIG
from pathlib import Path
from typing import IO, Any, Protocol, cast

from . import cache_rows
from .atomic import NO_ROOM
from .engines import shelf
from .errors import ConfigError, RecordError, StorageError
from .hooks import Watch
from .models import Completion
from .plaintext import has_control, one_line

BATCH = 1000  #: lines that come in together, or not at all
ZIPPED = b"\x1f\x8b"


@dataclass
class Exported:
    """What went out."""

    replies: int = 0
    unreadable: int = 0  #: rows that were left


class Shared(Protocol):
    """Replies in a database, as far as they are carried in and out."""

    def total(self) -> int: ...

    def each(self) -> Iterator[tuple[str, Completion | None]]: ...

    def held(self, keys: Collection[str]) -> Mapping[str, Completion | None]: ...

    def put(self, replies: Iterable[tuple[str, Completion]]) -> None: ...


def export(kept: Path | Shared, file: str, watch: Watch) -> Exported:
    """
    Write every reply as a line of JSON, in the order they came; zipped where the name ends in .gz.

    Args:
        kept: The folder of the cache, or the database that holds it.
        file: Appears only when it is whole; "-" is standard output.
        watch: Told of the progress.

    Raises:
        ConfigError, StorageError: the file can't be written.
    """
    done = Exported()
    with replies_in(kept, watch, done) as replies, _written(file) as out:
        for key, reply in replies:
            line = {"key": key, **shelf.as_record(reply)}
            out.write(json.dumps(line, ensure_ascii=False).encode("utf-8") + b"\n")
            done.replies += 1
    return done


@contextmanager
def replies_in(kept: Path | Shared, watch: Watch, count: Any) -> Iterator[Iterator[tuple[str, Completion]]]:
    """All readable replies with their keys; what is none adds to `count.unreadable`."""
    if isinstance(kept, Path):
        with cache_rows.opened(kept) as database:
            yield cache_rows.replies(database, watch, count)
    else:
        yield _readable(kept, watch, count)


def _readable(kept: Shared, watch: Watch, count: Any) -> Iterator[tuple[str, Completion]]:
    total = kept.total()
    for number, (key, reply) in enumerate(kept.each()):
        if number % cache_rows.PAGE == 0:
            watch("reading", number, total)
        if reply is None:
            count.unreadable += 1
        else:
            yield key, reply


@contextmanager
def _written(file: str) -> Iterator[IO[bytes]]:
    if file == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(file)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with _file_errors(file):
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # as private as the cache
            with os.fdopen(descriptor, "wb") as plain:
                if path.suffix == ".gz":
                    with gzip.GzipFile("", "wb", 6, plain, mtime=0) as zipped:
                        yield zipped  # type: ignore[misc]
                else:
                    yield plain
                plain.flush()
                os.fsync(plain.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


# ------------------------------------------------------------------------------------------ in


@dataclass
class Imported:
    """What came in."""

    new: int = 0
    known: int = 0  #: as they are here, or left as they are
    replaced: int = 0
    mended: int = 0  #: they were here, but damaged
    refused: int = 0
    reasons: list[tuple[int, str]] = field(default_factory=list)  #: by line, the first of them

    def refuse(self, line: int, why: str) -> None:
        """With one line more that is none."""
        self.refused += 1
        if len(self.reasons) < cache_rows.MOST_NAMED:
            self.reasons.append((line, why))


def import_(kept: Path | Shared, file: str, watch: Watch, *, replace: bool = False) -> Imported:
    """
    Take over the replies in a file that `export` wrote, plain or zipped; a line that is none is refused by itself.

    What a reply costs is not counted as spent again. That a reply belongs to its key is the word of who made the file.

    Args:
        kept: The folder of the cache, which is made if it isn't there, or the database that holds it.
        file: "-" is standard input.
        watch: Told of the progress.
        replace: Put them in the place of other replies under the same keys.

    Raises:
        ConfigError: the file can't be read.
        RecordError: it breaks off; what stands before the break has come in.
        StorageError: no room.
    """
    done = Imported()
    with _read(file) as source, _OnDisk(kept) if isinstance(kept, Path) else nullcontext(kept) as cache:
        try:
            for number, batch in enumerate(_batches(_lines(source, done))):
                watch("importing", number * BATCH, 0)
                with cache.together() if isinstance(cache, _OnDisk) else nullcontext():
                    counts = _put(cache, batch, replace)
                for name, count in counts.items():
                    setattr(done, name, getattr(done, name) + count)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise RecordError(
                f"{file}: breaks off: {error}", hint=f"{done.new + done.mended:,} replies came in before that"
            ) from error
    return done


class _OnDisk:
    """The cache in a folder, as something that takes replies in."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> "_OnDisk":
        self._cache = shelf.open_cache(self._folder)
        return self

    def __exit__(self, *_: object) -> None:
        self._cache.close()  # type: ignore[no-untyped-call]

    @contextmanager
    def together(self) -> Iterator[None]:
        """All that is done within is done, or nothing."""
        try:
            with self._cache.transact():
                yield
        except shelf.TROUBLE as error:
            raise shelf.trouble(self._folder, error) from error

    def held(self, keys: Iterable[str]) -> dict[str, Completion | None]:
        """What is there under the keys; None: it is damaged."""
        found: dict[str, Completion | None] = {}
        for key in keys:
            try:
                if (record := shelf.find(self._cache, key)) is not None:
                    found[key] = shelf.from_record(record)
            except shelf.DAMAGED:
                found[key] = None
        return found

    def put(self, replies: Iterable[tuple[str, Completion]]) -> None:
        """Write replies in place of what is there."""
        shelf.put(self._cache, ((key, shelf.as_record(reply)) for key, reply in replies))


@contextmanager
def _read(file: str) -> Iterator[IO[bytes]]:
    """Open a file to be read; one that is zipped is unzipped on the way."""
    with _file_errors(file), nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as plain:
        reader = io.BufferedReader(cast("io.BufferedIOBase", plain))
        try:
            yield gzip.GzipFile(fileobj=reader) if reader.peek(2)[:2] == ZIPPED else reader  # type: ignore[misc]
        finally:
            reader.detach()  # standard input is not ours to close


@contextmanager
def _file_errors(file: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        text = f"{file}: {error.strerror or error}"
        if error.errno in (*NO_ROOM, EFBIG):
            raise StorageError(text, hint="make room, or choose another place") from error
        raise ConfigError(text, hint="choose another file") from error


def _lines(source: IO[bytes], done: Imported) -> Iterator[tuple[str, Completion]]:
    number = 0
    while line := source.readline(shelf.LARGEST + 1):
        number += 1
        if len(line) > shelf.LARGEST:
            done.refuse(number, "longer than any reply")
            while line and not line.endswith(b"\n"):
                line = source.readline(2**20)
        elif line.strip():
            try:
                yield _entry(line)
            except shelf.DAMAGED as error:
                done.refuse(number, cache_rows.reason(error))


def _entry(line: bytes) -> tuple[str, Completion]:
    """The key and the reply in a line; see `reply_in` for what it raises."""
    record = json.loads(line.decode("utf-8"))
    if not isinstance(record, dict):
        raise ValueError("no JSON object")  # noqa: TRY004
    key = record.pop("key")
    if type(key) is not str or not cache_rows.KEY.fullmatch(key):
        raise ValueError("key: no SHA-256 in lower case")
    reply = shelf.from_record(record)
    if unknown := record.keys() - shelf.as_record(reply).keys():
        raise ValueError(f"{one_line(min(unknown))[:40]}: no part of a reply")
    if any(
        count is not None and count >= 2**53
        for count in (reply.prompt_tokens, reply.cached_tokens, reply.completion_tokens)
    ):
        raise ValueError("tokens: more than there are")
    if any(has_control(name) for name in (reply.engine, reply.model, reply.finish_reason or "")):
        raise ValueError("engine, model or finish_reason: control characters")
    return key, reply


def _batches(entries: Iterable[tuple[str, Completion]]) -> Iterator[list[tuple[str, Completion]]]:
    batch: list[tuple[str, Completion]] = []
    for entry in entries:
        batch.append(entry)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _put(kept: "_OnDisk | Shared", batch: list[tuple[str, Completion]], replace: bool) -> dict[str, int]:
    """Put in what is to come in, and count."""
    counts = {"new": 0, "known": 0, "replaced": 0, "mended": 0}
    held = kept.held({key for key, _ in batch})
    coming: dict[str, Completion] = {}
    for key, reply in batch:
        what = "known" if key in coming else _fate(held, key, reply, replace)
        counts[what] += 1
        if what != "known":
            coming[key] = reply
    if coming:
        kept.put(coming.items())
    return counts


def _fate(held: Mapping[str, Completion | None], key: str, reply: Completion, replace: bool) -> str:
    if key not in held:
        return "new"
    here = held[key]
    if here is None:
        return "mended"
    return "replaced" if replace and here != reply else "known"
