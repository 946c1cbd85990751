import json
import logging
import os
import pickle
import sqlite3
import stat
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import count, islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import diskcache
import pytest
from fakes import FakeEngine, completion
from hypothesis import given
from hypothesis import strategies as st

from digest.engines import cached as cached_module
from digest.engines import claims as claims_module
from digest.engines import open_engine, shelf
from digest.engines.cached import CachedEngine, Spent, open_cache, reply_count
from digest.engines.shelf import as_record, from_record
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


# ------------------------------------------------------------------------------------------ the key


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({}, "7ed2981b16cdfd770baa69d7db06babb5ce2f348a0a0629faeb37e91080c85cc"),
        ({"schema": {"type": "object"}}, "209acf2da3d7d23d90dccb2001ab181d30a1e36680b2be236da8292605efe1de"),
        (
            {"parameters": {"temperature": 0.2, "max_tokens": 900}},
            "8f2e0a390e8c8c721ce4eafbbf6ff0d5f4083ea9fd817dd7db1cefd73a40417a",
        ),
        ({"model": "另一个"}, "de091d921d48a5b641331cd0d9016c4824b70333a3265530e6786a5949c9258c"),
        ({"take": 1}, "2acdac779609bb66aa5871f4a2a1dbfc3ee367aa1b63aebdef7f2d3d9442b110"),
    ],
    ids=["plain", "schema", "parameters", "model", "take"],
)
def test_the_key_of_a_request_never_changes(fields: dict[str, Any], key: str) -> None:
    """Replies that users have paid for are found by these very keys, in every version to come."""
    messages = ({"role": "system", "content": "你是编辑。"}, {"role": "user", "content": "paper 1"})

    assert Request(**{"model": "m", "messages": messages, **fields}).key == key


def test_the_key_covers_nothing_but_what_shapes_the_reply() -> None:
    """Not who is asked about, nor the order in which parts are written down."""
    one = request(1, subject="2603.00001", parameters={"a": 1, "b": 2}, schema={"x": 1, "y": 2})
    other = request(1, subject="2603.00002", parameters={"b": 2, "a": 1}, schema={"y": 2, "x": 1})

    assert one.key == other.key
    assert len({request(1, **{name: {}}).key for name in ("parameters",)} | {request(2).key}) == 2


def test_where_and_when_a_reply_was_asked_does_not_matter(cache: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another address, key, clock, concurrency or engine finds the same reply."""
    list(CachedEngine(FakeEngine(answer_to), cache).run([request()]))
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    options = {
        "base_url": "http://127.0.0.1:9/v1",
        "api_key": "x",
        "concurrency": 99,
        "clock": lambda: datetime.now(UTC),
    }

    again = CachedEngine(lambda: open_engine("chat", **options), cache)

    assert texts(again.run([request()])) == {"1": "reply to 1"}


# ------------------------------------------------------------------------------------------ two at once

ASKING = """
import os, pathlib, sys, time
sys.path.insert(0, sys.argv[2])
from fakes import completion
from digest.engines.cached import CachedEngine, open_cache
from digest.models import Request
folder, book, seconds = pathlib.Path(sys.argv[1]), sys.argv[3], float(sys.argv[4])
class Engine:
    def run(self, requests):
        for one in requests:
            with open(book, "a") as file:
                file.write(one.subject + chr(10))
            time.sleep(seconds)
            yield one, completion("reply to " + one.subject)
cached = CachedEngine(Engine(), open_cache(folder))
print("ready", flush=True)
sys.stdin.readline()
requests = [Request("m", ({"role": "user", "content": f"paper {n}"},), subject=str(n)) for n in range(40)]
print(sorted(int(one.subject) for one, answer in cached.run(requests) if answer.text == "reply to " + one.subject))
"""


def asking(folder: Path, book: Path, seconds: float) -> "subprocess.Popen[str]":
    """A process that is about to ask forty requests."""
    call = [sys.executable, "-c", ASKING, str(folder), str(Path(__file__).parents[1]), str(book), str(seconds)]
    process = subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def test_two_processes_never_ask_the_same(tmp_path: Path) -> None:
    """Started together on one cache, each gets all forty replies, and forty requests are sent in all."""
    book = tmp_path / "book"
    both = [asking(tmp_path, book, 0.005) for _ in range(2)]
    for process in both:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()

    said = [process.communicate() for process in both]

    assert said == [(f"{list(range(40))}\n", "")] * 2
    assert sorted(map(int, book.read_text().split())) == list(range(40))


def test_what_a_killed_process_was_asking_is_asked_by_the_other(tmp_path: Path) -> None:
    """It dies with a request in flight: only this one is sent again."""
    book = tmp_path / "book"
    slow, quick = asking(tmp_path, book, 60), asking(tmp_path, book, 0)
    for process in (slow, quick):
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
        while not book.exists():
            time.sleep(0.005)
    while len(book.read_text().split()) < 40:
        time.sleep(0.005)
    waiting = quick.poll() is None
    slow.kill()
    slow.communicate()

    said, _ = quick.communicate()

    assert waiting
    assert said == f"{list(range(40))}\n"
    assert sorted(map(int, book.read_text().split())) == [0, *range(40)]


class Elsewhere:
    """Another process as far as the claims go: a thread of ours holds the keys until it is told to let go."""

    def __init__(self, cache: Any, *requests: Request) -> None:
        self.cached = CachedEngine(FakeEngine(answer_to), cache)
        self.requests = requests
        self.claimed, self.told = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.hold)

    def hold(self) -> None:
        with self.cached.claims as claims:
            for one in self.requests:
                assert claims.take(one.key)
            self.claimed.set()
            self.told.wait(10)

    def __enter__(self) -> "Elsewhere":
        self.thread.start()
        assert self.claimed.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.told.set()
        self.thread.join()


def test_what_others_ask_is_waited_for_last(cache: Any, caplog: pytest.LogCaptureFixture) -> None:
    """First what is ours, then a word about the wait, then the reply that the other run has kept."""
    caplog.set_level(logging.INFO)
    inner = FakeEngine(answer_to)
    with Elsewhere(cache, request(0)) as other:
        answers = CachedEngine(inner, cache).run(request(n) for n in range(3))
        got = [next(answers)[0].subject, next(answers)[0].subject]
        other.cached.keep([(request(0), completion("of the other run"))])
        other.told.set()
        got += texts(answers).values()

    assert got == ["1", "2", "of the other run"]
    assert [one.subject for one in inner.asked] == ["1", "2"]


def test_the_wait_says_what_it_waits_for(
    cache: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line, not one a look; and Ctrl-C ends it with nothing claimed."""
    caplog.set_level(logging.INFO)
    looks = iter([None, None, KeyboardInterrupt()])

    def sleep(_: float) -> None:
        if error := next(looks):
            raise error

    monkeypatch.setattr(time, "sleep", sleep)
    with Elsewhere(cache, request(0), request(1)), pytest.raises(KeyboardInterrupt):
        list(CachedEngine(FakeEngine(answer_to), cache).run(request(n) for n in range(3)))

    said = [record.getMessage() for record in caplog.records if "waiting" in record.getMessage()]
    assert said == [f"{cache.directory}: waiting for another run, which is asking for 2 of these"]
    assert claims_module._files == {}


def test_what_another_run_fails_at_is_asked_here(cache: Any) -> None:
    """Its claim goes without a reply: then it is ours to ask, twins included."""
    inner = FakeEngine(answer_to)
    with Elsewhere(cache, request(0)) as other:
        answers = CachedEngine(inner, cache).run([request(0), request(1), request(0, subject="twin")])
        first = next(answers)[0].subject
        other.told.set()
        rest = list(answers)

    assert (first, [asked.subject for asked, _ in rest]) == ("1", ["0", "twin"])
    assert [one.subject for one in inner.asked] == ["1", "0"]


@pytest.mark.parametrize("is_kept", [True, False])
def test_what_others_have_asked_does_not_wait_for_the_end_of_ours(
    cache: Any, monkeypatch: pytest.MonkeyPatch, is_kept: bool
) -> None:
    """Among requests without end its reply comes soon; should it have failed there, ours does."""
    monkeypatch.setattr(cached_module, "LOOK", 0.0)
    inner = FakeEngine(answer_to)
    with Elsewhere(cache, request(0)) as other:
        answers = CachedEngine(inner, cache).run(map(request, count()))
        before = [asked.subject for asked, _ in islice(answers, 5)]
        if is_kept:
            other.cached.keep([(request(0), completion("of the other run"))])
        other.told.set()
        other.thread.join()
        after = texts(islice(answers, 3))
        answers.close()  # type: ignore[attr-defined]

    assert before == ["1", "2", "3", "4", "5"]
    assert after.get("0") == ("of the other run" if is_kept else "reply to 0")
    assert ("0" in {one.subject for one in inner.asked}) is not is_kept


def test_what_others_ask_is_looked_at_once_a_second(cache: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for every request of ours; and all of it in one go."""
    looks, now = list[list[str]](), 0.0
    monkeypatch.setattr(cached_module, "time", SimpleNamespace(monotonic=lambda: now, sleep=time.sleep))
    with Elsewhere(cache, request(0), request(1)):
        cached = CachedEngine(FakeEngine(answer_to), cache)
        take_many = cached.claims.take_many

        def take(keys: Collection[str]) -> set[str]:
            if request(0).key in keys and len(keys) > 1:
                looks.append(list(keys))
            return take_many(keys)

        monkeypatch.setattr(cached.claims, "take_many", take)
        for number, _ in enumerate(answers := cached.run(map(request, count()))):
            now = number / 10
            if number == 35:
                break
        answers.close()  # type: ignore[attr-defined]

    assert looks == [[request(0).key, request(1).key]] * 3


def test_nothing_stays_claimed_after_a_failure(cache: Any) -> None:
    """Neither what failed, nor what was in flight when the engine gave up."""

    class Gone(FakeEngine):
        def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
            several = [next(iter(requests)) for _ in range(1)]
            yield several[0], EngineError("500")
            raise EngineError("gone")

    with pytest.raises(EngineError, match="gone"):
        list(CachedEngine(Gone(), cache).run(request(n) for n in range(3)))

    assert claims_module._files == {}


def test_a_flow_that_is_left_lets_go(cache: Any) -> None:
    """A caller that takes one answer and goes away holds nothing back."""
    flow = CachedEngine(FakeEngine(answer_to), cache).run(request(n) for n in range(3))
    next(flow)
    assert claims_module._files

    flow.close()  # type: ignore[attr-defined]

    assert claims_module._files == {}


# ------------------------------------------------------------------------------------------ spending


def test_what_replies_cost_is_counted_by_day_and_model(cache: Any) -> None:
    """With the reply itself, on the UTC day it came, also over several runs; a reply from disk costs nothing again."""
    late = datetime.fromisoformat("2026-03-18T07:59:00+08:00")

    def answer(asked: Request) -> Completion:
        return completion("x", model="m-1" if asked.subject != "3" else "m-2", created=late, cached_tokens=100)

    def price(reply: Completion) -> tuple[float, str] | None:
        return (0.25, "USD") if reply.model == "m-1" else None

    for several in (range(2), range(4)):
        cached = CachedEngine(FakeEngine(answer), cache, price)
        list(cached.run(request(n) for n in several))

    assert cached.spent(date(2026, 3, 17)) == {
        "m-1": Spent(3, 2700, 300, 900, {"USD": 0.75}, 0),
        "m-2": Spent(1, 900, 100, 300, {}, 1),
    }
    assert cached.spent(date(2026, 3, 18)) == {}


def test_currencies_are_not_added_up(cache: Any) -> None:
    """A price table that changes its currency within a day leaves two sums."""
    prices = iter([(1.0, "USD"), (7.0, "CNY"), (0.5, "USD")])
    cached = CachedEngine(FakeEngine(answer_to), cache, lambda _: next(prices))

    list(cached.run(request(n) for n in range(3)))

    assert cached.spent(date(2026, 3, 17))["fake-1"].cost == {"USD": 1.5, "CNY": 7.0}


def test_a_days_spending_is_no_reply(cache: Any) -> None:
    """The row that counts is not counted."""
    list(CachedEngine(FakeEngine(answer_to), cache).run(request(n) for n in range(3)))

    assert (reply_count(cache), len(cache)) == (3, 4)


def test_spending_that_cant_be_read_is_told_of(cache: Any, caplog: pytest.LogCaptureFixture) -> None:
    """It is counted anew: a paid reply must not be lost for a damaged count."""
    cached = CachedEngine(FakeEngine(answer_to), cache)
    list(cached.run([request(1)]))
    row(
        cache, "UPDATE Cache SET value = ? WHERE key LIKE 'spent/%'", zlib.compress(b'{"v": 1, "spent": {"m": [1, 2]}}')
    )

    list(cached.run([request(2)]))

    assert "is damaged and counted anew" in caplog.text
    assert cached.spent(date(2026, 3, 17))["fake-1"].replies == 1


def test_a_reply_and_its_price_are_kept_together_or_not_at_all(cache: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the count fails, so does the reply, and the run says so."""

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    cached = CachedEngine(FakeEngine(answer_to), cache)
    monkeypatch.setattr(shelf, "add_spending", fail)

    with pytest.raises(StorageError):
        list(cached.run([request()]))
    assert cached.lookup(request()) is None


# ------------------------------------------------------------------------------------------ the database


def test_settings_of_an_older_database_do_not_come_back(tmp_path: Path) -> None:
    """A cache that was made with limits and eviction keeps everything from now on."""
    theirs: Any = diskcache
    old = theirs.Cache(str(tmp_path), size_limit=1, cull_limit=50, eviction_policy="least-recently-used", statistics=1)
    old.close()
    cache: Any = open_cache(tmp_path)
    cached = CachedEngine(FakeEngine(lambda asked: completion("x" * 5000)), cache)

    list(cached.run(request(n) for n in range(60)))
    stored = dict(cache._con.execute("SELECT key, value FROM Settings"))
    cache.close()

    assert cached.misses(request(n) for n in range(60)) == []
    assert shelf.SETTINGS.items() <= stored.items()


def test_a_row_that_would_expire_does_not(cache: Any) -> None:
    """Another program's expiry time costs no reply."""
    list(CachedEngine(FakeEngine(answer_to), cache).run([request()]))
    row(cache, "UPDATE Cache SET expire_time = 1")

    assert CachedEngine(FakeEngine(answer_to), cache).lookup(request()) is not None


def test_a_bomb_in_a_row_is_not_blown_up(cache: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A small row that unpacks to more than any reply counts as damaged, without filling the memory."""
    cached = CachedEngine(FakeEngine(answer_to), cache)
    list(cached.run([request()]))
    row(cache, "UPDATE Cache SET value = ?", zlib.compress(b" " * (shelf.LARGEST + 2), 9))

    assert cached.lookup(request()) is None
    assert "larger than any reply" in caplog.text


@pytest.mark.parametrize(
    "change",
    [
        {"text": None},
        {"text": "\ud800"},
        {"engine": None},
        {"model": 4},
        {"prompt_tokens": -1},
        {"completion_tokens": "many"},
        {"cached_tokens": True},
        {"created": "2026-03-17T12:00:00"},
        {"created": "yesterday"},
        {"v": 2},
    ],
    ids=str,
)
def test_a_record_that_is_no_reply_is_refused(change: dict[str, Any]) -> None:
    """Each part is held against what we write ourselves."""
    record = as_record(completion("x"))

    from_record(record)
    with pytest.raises((ValueError, TypeError)):
        from_record(record | change)


def test_a_record_from_before_a_field_was_there_is_a_reply() -> None:
    """What an older version did not write has the value that it has by default."""
    record = as_record(completion("x"))
    del record["cached_tokens"], record["finish_reason"]

    assert from_record(record).finish_reason is None


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
    assert "verify --repair" in str(caught.value.hint)


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

    monkeypatch.setattr(shelf, "put", fail)
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
    assert from_record(json.loads(json.dumps(as_record(reply), ensure_ascii=False))) == reply


def test_times_are_kept_in_utc() -> None:
    """A record says +00:00 whatever the machine's zone."""
    record = as_record(completion(created=datetime.fromisoformat("2026-03-17T20:00:00+08:00")))

    assert record["created"] == "2026-03-17T12:00:00+00:00"


def test_a_warning_names_the_folder(cache: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The reader sees which cache is damaged."""
    caplog.set_level(logging.WARNING)
    cached = CachedEngine(FakeEngine(answer_to), cache)
    list(cached.run([request()]))
    row(cache, "UPDATE Cache SET value = ?", b"x")

    cached.lookup(request())

    assert str(cache.directory) in caplog.text
