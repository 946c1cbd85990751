import json
import logging
import os
import pickle
import sqlite3
import stat
import subprocess
import sys
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import diskcache
import pytest
from fakes import FakeEngine, completion
from hypothesis import given
from hypothesis import strategies as st

from digest.engines.cached import CachedEngine, _as_record, _from_record, open_cache
from digest.errors import ConfigError, EngineError, EngineRefused, RecordError, StorageError
from digest.models import Answer, Completion, Request


def request(number: int = 1, **fields: Any) -> Request:
    messages = ({"role": "user", "content": f"paper {number}"},)
    return Request(**{"model": "m", "messages": messages, "subject": str(number), **fields})


def answer_to(asked: Request) -> Completion:
    return completion(f"reply to {asked.subject}")


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Any]:
    opened: Any = open_cache(tmp_path / "cache")
    yield opened
    opened.close()


def texts(pairs: Iterable[tuple[Request, Answer]]) -> dict[str, str]:
    return {asked.subject: answer.text if isinstance(answer, Completion) else str(answer) for asked, answer in pairs}


def row(cache: Any, sql: str, *values: Any) -> None:
    with sqlite3.connect(Path(cache.directory) / "cache.db") as database:
        database.execute(sql, values)
    database.close()


def test_what_was_answered_is_not_asked_again(cache: Any) -> None:
    """A second run over the same requests gives the same replies, marked as kept, and sends nothing."""
    requests = [request(n) for n in range(3)]
    fresh = list(CachedEngine(FakeEngine(answer_to), cache).run(requests))
    again = FakeEngine(answer_to)

    kept = list(CachedEngine(again, cache).run(requests))

    assert again.asked == []
    for (asked, answer), (also_asked, also) in zip(fresh, kept, strict=True):
        assert isinstance(answer, Completion)
        assert asked == also_asked
        assert (also, answer.from_cache) == (replace(answer, from_cache=True), False)


def test_an_engine_that_is_not_needed_is_not_opened(cache: Any) -> None:
    """The engine may come as what opens it; with every reply on disk it stays closed."""
    list(CachedEngine(FakeEngine(answer_to), cache).run([request()]))

    def opened() -> FakeEngine:
        pytest.fail("the engine was opened")

    cached = CachedEngine(opened, cache)

    assert texts(cached.run([request()])) == {"1": "reply to 1"}
    assert cached.sent == 0


def test_only_misses_are_sent(cache: Any) -> None:
    """Kept and new requests in one run: all answered, the new ones sent, in a count."""
    list(CachedEngine(FakeEngine(answer_to), cache).run([request(1), request(3)]))
    inner = FakeEngine(answer_to)
    cached = CachedEngine(inner, cache)

    got = texts(cached.run(request(n) for n in range(5)))

    assert got == {str(n): f"reply to {n}" for n in range(5)}
    assert [one.subject for one in inner.asked] == ["0", "2", "4"]
    assert cached.sent == 3


def test_the_engine_counts_what_it_sent_itself(cache: Any) -> None:
    """Retries count: an engine with a count of its own is believed."""
    inner = FakeEngine(answer_to)
    inner.sent = 7  # type: ignore[attr-defined]

    assert CachedEngine(inner, cache).sent == 7


@pytest.mark.parametrize("answer", [completion("same"), EngineError("500: no")], ids=["reply", "failure"])
def test_requests_with_one_key_are_asked_once(cache: Any, answer: Answer) -> None:
    """Twins each get the one answer, be it a reply or a failure."""
    inner = FakeEngine(lambda asked: answer)
    twins = [request(1), request(2), request(1), request(1)]

    got = list(CachedEngine(inner, cache).run(twins))

    assert sorted(asked.subject for asked, _ in got) == ["1", "1", "1", "2"]
    assert [asked.subject for asked in inner.asked] == ["1", "2"]


def test_twins_in_flight_are_asked_once(cache: Any) -> None:
    """An engine that takes all requests before it answers gets one of the twins."""

    class Eager(FakeEngine):
        def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
            return super().run(list(requests))

    inner = Eager(answer_to)

    got = list(CachedEngine(inner, cache).run([request(1), request(1), request(2)]))

    assert sorted(asked.subject for asked, _ in got) == ["1", "1", "2"]
    assert len(inner.asked) == 2


def test_a_reply_is_on_disk_before_it_is_seen(cache: Any) -> None:
    """Whoever dies on the first reply finds it when coming back."""
    cached = CachedEngine(FakeEngine(answer_to), cache)

    next(iter(cached.run([request(1), request(2)])))

    assert cached.lookup(request(1)) is not None


def test_an_engine_that_hands_over_early_is_let(cache: Any) -> None:
    """An engine with `keep` gets ours, and its replies are not written twice."""

    class Early(FakeEngine):
        keep: Any = None

        def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
            pairs: list[tuple[Request, Answer]] = [(one, answer_to(one)) for one in requests]
            self.keep(pairs)
            yield from pairs

    cached = CachedEngine(Early, cache)

    next(iter(cached.run(request(n) for n in range(3))))

    assert [cached.lookup(request(n)) is not None for n in range(3)] == [True] * 3
    assert cached.sent == 3


def test_failures_are_not_kept(cache: Any) -> None:
    """What failed is asked again in the next run."""
    list(CachedEngine(FakeEngine(lambda asked: EngineError("500: no")), cache).run([request()]))

    assert texts(CachedEngine(FakeEngine(answer_to), cache).run([request()])) == {"1": "reply to 1"}


def test_what_is_on_disk_is_handed_out_though_the_service_is_gone(cache: Any) -> None:
    """A run-level error comes after every kept reply, also those behind the first miss."""
    list(CachedEngine(FakeEngine(answer_to), cache).run([request(1), request(4)]))

    class Gone(FakeEngine):
        def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
            for _ in requests:
                raise EngineRefused("the key is refused")
            yield from ()

    got: list[tuple[Request, Answer]] = []
    with pytest.raises(EngineRefused):
        got.extend(CachedEngine(Gone(), cache).run(request(n) for n in range(6)))
    assert sorted(asked.subject for asked, _ in got) == ["1", "4"]


def test_misses_are_told_without_sending(cache: Any) -> None:
    """A dry run names what would be sent, each request once."""
    list(CachedEngine(FakeEngine(answer_to), cache).run([request(1)]))
    inner = FakeEngine(answer_to)

    assert CachedEngine(inner, cache).misses([request(1), request(2), request(2)]) == [request(2)]
    assert inner.asked == []


@pytest.mark.parametrize(
    "value",
    [b"not packed", zlib.compress(b"not JSON"), zlib.compress(b"[1]"), zlib.compress(b'{"v": 2}'), "a text", None],
    ids=["unpacked", "no JSON", "a list", "later version", "text", "null"],
)
def test_a_damaged_row_is_asked_again(cache: Any, value: Any, caplog: pytest.LogCaptureFixture) -> None:
    """One row that can't be read costs one request and a warning, and is mended."""
    cached = CachedEngine(FakeEngine(answer_to), cache)
    list(cached.run([request()]))
    row(cache, "UPDATE Cache SET value = ?", value)

    assert texts(cached.run([request()])) == {"1": "reply to 1"}
    assert "is damaged and asked again" in caplog.text
    assert cached.lookup(request()) is not None


def test_a_pickle_in_the_cache_is_not_opened(cache: Any, tmp_path: Path) -> None:
    """A row that says it is a pickle runs no code (CVE-2025-69872)."""
    cached = CachedEngine(FakeEngine(answer_to), cache)
    list(cached.run([request()]))

    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "ran",)

    row(cache, "UPDATE Cache SET mode = 4, value = ?", pickle.dumps(Evil()))

    list(cached.run([request()]))
    assert not (tmp_path / "ran").exists()


def test_the_cache_is_its_owners_alone(tmp_path: Path) -> None:
    """The folder is made with mode 0700: replies may be about unpublished work."""
    cache: Any = open_cache(tmp_path / "a" / "cache")
    cache.close()

    assert stat.S_IMODE((tmp_path / "a" / "cache").stat().st_mode) == 0o700


def test_a_reopened_cache_has_what_was_kept(tmp_path: Path) -> None:
    """Nothing is evicted, and no setting of an older opening comes back."""
    for _ in range(2):
        cache: Any = open_cache(tmp_path)
        cached = CachedEngine(FakeEngine(answer_to), cache)
        list(cached.run([request()]))
        assert (cache.eviction_policy, cache.cull_limit) == ("none", 0)
        cache.close()
    assert cached.sent == 0


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    """A file that is no database: which file, and what deleting it means."""
    (tmp_path / "cache.db").write_bytes(b"not a database, but long enough to be looked at" * 100)

    with pytest.raises(RecordError, match=r"cache\.db: damaged") as caught:
        open_cache(tmp_path)
    assert "delete" in str(caught.value.hint)


def test_a_folder_that_cant_be_made_is_an_error_of_the_settings(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "taken").write_text("x")

    with pytest.raises(ConfigError, match="taken"):
        open_cache(tmp_path / "taken")


def test_another_programs_cache_is_left_alone(tmp_path: Path) -> None:
    """A diskcache with settings of another Disk is not ours to write to."""
    theirs: Any = diskcache
    theirs.Cache(str(tmp_path), disk=diskcache.JSONDisk, disk_compress_level=1).close()

    with pytest.raises(ConfigError, match="another program's cache"):
        open_cache(tmp_path)


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (sqlite3.OperationalError("database or disk is full"), StorageError),
        (sqlite3.OperationalError("disk I/O error"), StorageError),
        (diskcache.Timeout("database is locked"), StorageError),
        (sqlite3.OperationalError("attempt to write a readonly database"), ConfigError),
        (sqlite3.DatabaseError("database disk image is malformed"), RecordError),
        (OSError(28, "No space left on device"), StorageError),
        (PermissionError(13, "Permission denied"), ConfigError),
    ],
    ids=lambda value: str(value) if isinstance(value, Exception) else "",
)
def test_a_reply_that_cant_be_kept_ends_the_run(
    cache: Any, monkeypatch: pytest.MonkeyPatch, trouble: Exception, kind: type[Exception]
) -> None:
    """A full, locked, read-only or damaged disk is named with its folder; nothing more is asked and lost."""

    def fail(*_: Any, **__: Any) -> None:
        raise trouble

    monkeypatch.setattr(cache, "set", fail)
    inner = FakeEngine(answer_to)

    with pytest.raises(kind, match="cache"):
        list(CachedEngine(inner, cache).run(request(n) for n in range(9)))
    assert len(inner.asked) == 1


def test_a_locked_cache_does_not_wait_for_ever(cache: Any) -> None:
    """Another process that holds the database: an error that says so, within the database's own patience."""
    cache._timeout = 0.05
    cache.close()  # the next connection takes the new patience
    holder = sqlite3.connect(Path(cache.directory) / "cache.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(StorageError, match="locked"):
            list(CachedEngine(FakeEngine(answer_to), cache).run([request()]))
    finally:
        holder.close()


def test_a_killed_run_loses_nothing_it_has_seen(tmp_path: Path) -> None:
    """SIGKILL right after replies were handed out: the next run finds them all."""
    program = """
import os, sys, pathlib
from digest.engines.cached import CachedEngine, open_cache
from digest.models import Request
sys.path.insert(0, sys.argv[2])
from fakes import FakeEngine
cached = CachedEngine(FakeEngine(), open_cache(pathlib.Path(sys.argv[1])))
for n, _ in enumerate(cached.run(Request("m", ({"role": "user", "content": str(n)},)) for n in range(100))):
    if n == 30:
        os.kill(os.getpid(), 9)
"""
    tests = str(Path(__file__).parents[1])
    subprocess.run([sys.executable, "-c", program, str(tmp_path), tests], check=False, env={**os.environ})
    cache: Any = open_cache(tmp_path)
    cached = CachedEngine(FakeEngine(), cache)

    misses = cached.misses(Request("m", ({"role": "user", "content": str(n)},)) for n in range(100))

    cache.close()
    assert len(misses) == 69


@given(
    st.builds(
        Completion,
        text=st.text(st.characters(exclude_categories=["Cs"])),
        engine=st.just("chat"),
        model=st.text(st.characters(exclude_categories=["Cs"])),
        created=st.datetimes(timezones=st.just(UTC)),
        finish_reason=st.none() | st.sampled_from(["stop", "length"]),
        prompt_tokens=st.none() | st.integers(0),
        cached_tokens=st.none() | st.integers(0),
        completion_tokens=st.none() | st.integers(0),
        from_cache=st.just(True),
    )
)
def test_a_kept_reply_comes_back_as_it_was(reply: Completion) -> None:
    """Through JSON and back, to the microsecond: so a card made of it is the same card."""
    assert _from_record(json.loads(json.dumps(_as_record(reply), ensure_ascii=False))) == reply


def test_times_are_kept_in_utc() -> None:
    """A record says +00:00 whatever the machine's zone."""
    record = _as_record(completion(created=datetime.fromisoformat("2026-03-17T20:00:00+08:00")))

    assert record["created"] == "2026-03-17T12:00:00+00:00"


def test_a_warning_names_the_folder(cache: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The reader sees which cache is damaged."""
    caplog.set_level(logging.WARNING)
    cached = CachedEngine(FakeEngine(answer_to), cache)
    list(cached.run([request()]))
    row(cache, "UPDATE Cache SET value = ?", b"x")

    cached.lookup(request())

    assert str(cache.directory) in caplog.text
