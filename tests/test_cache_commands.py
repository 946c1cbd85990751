import gzip
import json
import pickle
import random
import sqlite3
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fakes import FakeEngine, completion

from digest import cache_rows, cache_transfer
from digest.cli import main
from digest.engines import shelf
from digest.engines.cached import CachedEngine, open_cache
from digest.engines.claims import Claims
from digest.errors import StorageError
from digest.models import Request

KEY = "ab" * 32
LINE = {"key": KEY, "v": 1, "text": "x", "engine": "chat", "model": "m", "created": "2026-03-17T12:00:00+00:00"}


def request(number: int) -> Request:
    return Request("m", ({"role": "user", "content": str(number)},), subject=str(number))


def fill(folder: Path, count: int = 3, text: str = "回答") -> None:
    """Replies to the first requests, as a run leaves them."""
    cache: Any = open_cache(folder)
    engine = FakeEngine(lambda asked: completion(f"{text} {asked.subject}"))
    list(CachedEngine(engine, cache).run(map(request, range(count))))
    cache.close()


def held(folder: Path) -> dict[str, str]:
    """The texts that a run would find, by request."""
    cache: Any = open_cache(folder)
    cached = CachedEngine(FakeEngine(), cache)
    found = {str(n): reply.text for n in range(50) if (reply := cached.lookup(request(n)))}
    cache.close()
    return found


def change(folder: Path, sql: str, *values: Any) -> None:
    with sqlite3.connect(folder / "cache.db") as database:
        database.execute(sql, values)
    database.close()


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """`digest cache …` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *words, **given: CliRunner().invoke(main, ["cache", *map(str, words)], **given)


# ------------------------------------------------------------------------------------------ what there is


def test_the_cache_alone_says_what_is_kept(call: Callable[..., Result], tmp_path: Path) -> None:
    """Replies by model, from when to when, and their tokens; a day's spending is no reply."""
    fill(tmp_path / "cache")

    said = call()

    assert said.exit_code == 0
    assert said.stdout.startswith("3 replies in cache, 0.")
    assert "fake-1 (fake): 3 replies, 2026-03-17 to 2026-03-17, 2,700 tokens in, 900 out" in said.stdout
    assert call("stats").stdout == said.stdout


def test_no_cache_yet_is_no_error(call: Callable[..., Result], tmp_path: Path) -> None:
    """Nothing is kept, and nothing is made to say so."""
    assert call().stdout == "0 replies in cache, 0.0 MB\n"
    assert not (tmp_path / "cache").exists()


def test_a_machine_may_read_it(call: Callable[..., Result], tmp_path: Path) -> None:
    """--json, before the command's name or after it."""
    fill(tmp_path / "elsewhere")

    for words in (["--json", "--cache", "elsewhere"], ["--cache", "elsewhere", "stats", "--json"]):
        record = json.loads(call(*words).stdout)
        assert (record["replies"], record["models"][0]["model"]) == (3, "fake-1")


def test_a_flag_before_the_name_wins_over_the_environment(call: Callable[..., Result], tmp_path: Path) -> None:
    """What stands on the line counts for more than DIGEST_CACHE, wherever it stands."""
    fill(tmp_path / "elsewhere")

    assert call("--cache", "elsewhere", "stats", env={"DIGEST_CACHE": "other"}).stdout.startswith("3 replies")


# ------------------------------------------------------------------------------------------ out and in


@pytest.mark.parametrize("name", ["replies.jsonl", "replies.jsonl.gz"])
def test_what_goes_out_comes_in_elsewhere(call: Callable[..., Result], tmp_path: Path, name: str) -> None:
    """Plain or zipped, the same replies are found in another folder, and go out again as the same bytes."""
    fill(tmp_path / "cache")

    out = call("export", name)
    come = call("--cache", "other", "import", name)
    call("--cache", "other", "export", f"again-{name}")

    assert (out.stdout, come.stdout) == (f"3 replies in {name}\n", "3 new, 0 known, 0 refused\n")
    assert held(tmp_path / "other") == held(tmp_path / "cache") == {str(n): f"回答 {n}" for n in range(3)}
    assert (tmp_path / f"again-{name}").read_bytes() == (tmp_path / name).read_bytes()


def test_standard_output_carries_nothing_but_replies(call: Callable[..., Result], tmp_path: Path) -> None:
    """A line each with the key, and the count on standard error; the lines go in from standard input."""
    fill(tmp_path / "cache")

    said = call("export", "-")

    lines = [json.loads(line) for line in said.stdout.splitlines()]
    assert [line["key"] for line in lines] == [request(n).key for n in range(3)]
    assert said.stderr == "3 replies\n"
    assert call("--cache", "other", "import", "-", input=said.stdout).stdout.startswith("3 new")


def test_an_export_that_fails_leaves_the_file_as_it_was(call: Callable[..., Result], tmp_path: Path) -> None:
    """The file appears whole or not at all; an address that can't be written is an error of the call."""
    fill(tmp_path / "cache")
    (tmp_path / "old.jsonl").write_text("old")
    change(tmp_path / "cache", "DROP TABLE Cache")

    said = call("export", "old.jsonl")

    assert said.exit_code != 0
    assert (tmp_path / "old.jsonl").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "old.jsonl"]
    assert call("export", "no/such/folder.jsonl").exit_code == 2


def test_what_is_here_stays(call: Callable[..., Result], tmp_path: Path) -> None:
    """A reply to a request that has one is known; only --replace puts it in the other's place."""
    fill(tmp_path / "theirs", 3, "theirs")
    fill(tmp_path / "cache", 2, "ours")
    call("--cache", "theirs", "export", "theirs.jsonl")

    assert call("import", "theirs.jsonl").stdout == "1 new, 2 known, 0 refused\n"
    assert held(tmp_path / "cache") == {"0": "ours 0", "1": "ours 1", "2": "theirs 2"}
    assert call("import", "--replace", "theirs.jsonl").stdout == "0 new, 1 known, 0 refused, 2 replaced\n"
    assert held(tmp_path / "cache") == held(tmp_path / "theirs")


def test_a_damaged_reply_is_mended_by_an_import(call: Callable[..., Result], tmp_path: Path) -> None:
    """It was of no use to anybody."""
    fill(tmp_path / "cache")
    call("export", "copy.jsonl")
    change(tmp_path / "cache", "UPDATE Cache SET value = x'00' WHERE key = ?", request(1).key)

    said = call("import", "copy.jsonl")

    assert said.stdout == "0 new, 2 known, 0 refused, 1 in the place of damaged ones\n"
    assert len(held(tmp_path / "cache")) == 3


HOSTILE: dict[str, tuple[bytes, str]] = {
    "no JSON": (b"{", "no JSON"),
    "no UTF-8": (b'{"key": "\xff"}', "text that is no UTF-8"),
    "a list": (b"[]", "no JSON object"),
    "nested": (b"[" * 200_000, "nested too deeply"),
    "no key": (json.dumps({**LINE, "key": None}).encode(), "key: no SHA-256"),
    "a path": (json.dumps({**LINE, "key": "../../x"}).encode(), "key: no SHA-256"),
    "spending": (json.dumps({**LINE, "key": "spent/2026-03-17"}).encode(), "key: no SHA-256"),
    "later version": (json.dumps({**LINE, "v": 2}).encode(), "not a reply of version 1"),
    "text is a number": (json.dumps({**LINE, "text": 5}).encode(), "text: no text"),
    "lone surrogate": (json.dumps({**LINE, "text": "\ud800"}).encode(), "text that is no UTF-8"),
    "negative": (json.dumps({**LINE, "prompt_tokens": -5}).encode(), "prompt_tokens: no count"),
    "endless": (json.dumps({**LINE, "prompt_tokens": 10**30}).encode(), "tokens: more than there are"),
    "not a number": (json.dumps({**LINE, "prompt_tokens": float("nan")}).encode(), "prompt_tokens: no count"),
    "escape codes": (json.dumps({**LINE, "model": "\x1b[2J"}).encode(), "control characters"),
    "unknown part": (json.dumps({**LINE, "evil\x1b": 1}).encode(), "evil: no part of a reply"),
    "no time": (json.dumps({**LINE, "created": "0001-01-01T00:00:00+23:00"}).encode(), "out of range"),
    "missing": (
        json.dumps({name: LINE[name] for name in ("key", "v", "engine", "model", "created")}).encode(),
        "text: missing",
    ),
}


def test_hostile_lines_are_refused_one_by_one(call: Callable[..., Result], tmp_path: Path) -> None:
    """Each with its number and the reason; the good ones around them come in; exit 2."""
    good = json.dumps(LINE).encode()
    (tmp_path / "in.jsonl").write_bytes(b"\n".join([*(line for line, _ in HOSTILE.values()), b"", good, good]))

    said = call("import", "in.jsonl", "--json")
    record = json.loads(said.stdout)

    assert said.exit_code == 2
    assert (record["new"], record["known"], record["refused"]) == (1, 1, len(HOSTILE))
    for number, (why, (given, reason)) in enumerate(zip(HOSTILE.values(), record["reasons"], strict=True), 1):
        assert given == number
        assert why[1] in reason
    assert "\x1b" not in said.output


def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused by its length, and the line after it is read."""
    monkeypatch.setattr(shelf, "LARGEST", 1000)
    (tmp_path / "in.jsonl").write_bytes(b" " * 5000 + b"\n" + json.dumps(LINE).encode() + b"\n")

    done = cache_transfer.import_(tmp_path / "cache", str(tmp_path / "in.jsonl"), lambda *_: None)

    assert (done.new, done.reasons) == (1, [(1, "longer than any reply")])


def test_a_zipped_file_that_breaks_off_is_told_of(call: Callable[..., Result], tmp_path: Path) -> None:
    """Exit 2, the file and what came in before the break."""
    whole = gzip.compress(json.dumps(LINE).encode() + b"\n")
    (tmp_path / "cut.gz").write_bytes(whole[:-9])

    said = call("import", "cut.gz")

    assert said.exit_code == 2
    assert "cut.gz: breaks off" in said.stderr


def test_a_batch_comes_in_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills within a batch leaves none of it, and all of those before."""
    monkeypatch.setattr(cache_transfer, "BATCH", 2)
    lines = [json.dumps({**LINE, "key": f"{number:064x}"}) for number in range(4)]
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    put = shelf.put

    def fill_up(cache: Any, records: Any) -> None:
        several = list(records)
        put(cache, several[:1])
        if f"{2:064x}" in dict(several):
            raise sqlite3.OperationalError("database or disk is full")
        put(cache, several[1:])

    monkeypatch.setattr(shelf, "put", fill_up)
    with pytest.raises(StorageError):
        cache_transfer.import_(tmp_path / "cache", str(tmp_path / "in.jsonl"), lambda *_: None)

    assert cache_rows.stock(tmp_path / "cache", lambda *_: None).replies == 2


def test_what_comes_in_is_not_spent(call: Callable[..., Result], tmp_path: Path) -> None:
    """Somebody has paid for it, but not here and now."""
    (tmp_path / "in.jsonl").write_text(json.dumps(LINE))
    call("import", "in.jsonl")

    assert json.loads(call("verify", "--json").stdout)["days"] == 0


# ------------------------------------------------------------------------------------------ verify


def test_a_sound_cache_is_called_sound(call: Callable[..., Result], tmp_path: Path) -> None:
    """Every reply looked at, exit 0, and nothing changed."""
    fill(tmp_path / "cache")

    said = call("verify")

    assert (said.exit_code, said.stdout) == (0, "sound: 3 replies, and the spending of 1 day\n")


class Evil:
    """A pickle that would leave a file behind."""

    def __reduce__(self) -> Any:
        return Path.touch, (Path("ran"),)


DAMAGE: dict[str, tuple[str, tuple[Any, ...], str]] = {
    "a pickle": ("UPDATE Cache SET mode = 4, value = ? WHERE rowid = 1", (pickle.dumps(Evil()),), "a pickle"),
    "a pickled key": ("UPDATE Cache SET raw = 0, key = ? WHERE rowid = 1", (pickle.dumps(Evil()),), "a foreign key"),
    "no packing": ("UPDATE Cache SET value = x'00ff' WHERE rowid = 1", (), "row 1"),
    "cut": ("UPDATE Cache SET value = substr(value, 1, 20) WHERE rowid = 1", (), "cut off"),
    "no reply": (
        "UPDATE Cache SET value = ? WHERE rowid = 1",
        (zlib.compress(b'{"v": 9}'),),
        "not a reply of version 1",
    ),
    "a file": ("UPDATE Cache SET filename = 'x', value = NULL WHERE rowid = 1", (), "outside the database"),
    "foreign key": ("UPDATE Cache SET key = 'hello' WHERE rowid = 1", (), "a foreign key"),
    "spending": ("UPDATE Cache SET value = x'00' WHERE key LIKE 'spent/%'", (), "spent/2026-03-17"),
    "eviction": (
        "UPDATE Settings SET value = 'least-recently-stored' WHERE key = 'eviction_policy'",
        (),
        "eviction_policy is",
    ),
    "culling": ("UPDATE Settings SET value = 10 WHERE key = 'cull_limit'", (), "cull_limit is 10, should be 0"),
    "a wrong count": ("UPDATE Settings SET value = 99 WHERE key = 'count'", (), "count is 99, should be 4"),
    "a trigger": ("CREATE TRIGGER evil AFTER INSERT ON Cache BEGIN DELETE FROM Cache; END", (), "'trigger:evil'"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_what_is_wrong_is_named_and_mended(call: Callable[..., Result], tmp_path: Path, name: str) -> None:
    """Exit 2 and the reason, no pickle opened; after --repair the cache is sound, and the good replies are there."""
    fill(tmp_path / "cache")
    sql, values, reason = DAMAGE[name]
    change(tmp_path / "cache", sql, *values)

    said = call("verify")
    mended = call("verify", "--repair")

    assert (said.exit_code, mended.exit_code) == (2, 0), mended.output
    assert reason in said.stdout
    assert call("verify").exit_code == 0
    assert {"1", "2"} <= held(tmp_path / "cache").keys()
    assert not (tmp_path / "ran").exists()


def test_a_repair_says_what_it_costs_and_keeps_what_it_removes(call: Callable[..., Result], tmp_path: Path) -> None:
    """A damaged reply may be asked again, a foreign row costs nothing; both stand in a file beside, as they were."""
    fill(tmp_path / "cache")
    change(tmp_path / "cache", "UPDATE Cache SET value = x'00ff' WHERE rowid = 1")
    change(tmp_path / "cache", "INSERT INTO Cache(key, raw, mode, value) VALUES ('hello', 1, 1, 'x')")

    said = call("verify", "--repair", env={"DIGEST_NOW": "2026-03-17T06:00:00Z"})

    assert "put aside: 2 rows, for at most 1 request to be sent again" in said.stdout
    aside = (tmp_path / "cache" / "damaged-20260317T060000Z.jsonl").read_text().splitlines()
    assert [json.loads(line)["value"] for line in aside] == [{"base64": "AP8="}, "x"]


def test_values_beside_the_database_are_named_and_moved(call: Callable[..., Result], tmp_path: Path) -> None:
    """What diskcache's own settings leave in files is no use to us; a day's answers of arXiv are not touched."""
    fill(tmp_path / "cache")
    orphan, answers = tmp_path / "cache" / "ab" / "cd" / "0123.val", tmp_path / "cache" / "arxiv" / "2026-03-17" / "x"
    for path in (orphan, answers):
        path.parent.mkdir(parents=True)
        path.write_text("x")

    assert "a file that nothing needs: ab/cd/0123.val" in call("verify").stdout
    assert call("verify", "--repair").exit_code == 0
    assert (orphan.exists(), answers.exists()) == (False, True)


def test_a_damaged_file_is_read_as_far_as_it_goes(call: Callable[..., Result], tmp_path: Path) -> None:
    """Some pages overwritten: verify names it, a repair saves the other replies and leaves the old file beside."""
    fill(tmp_path / "cache", 40, random.Random(1).randbytes(3000).hex())
    change(tmp_path / "cache", "PRAGMA wal_checkpoint(TRUNCATE)")
    with (tmp_path / "cache" / "cache.db").open("r+b") as file:
        file.seek(11 * 4096)
        file.write(b"\xff" * 4096)

    said = call("verify")
    mended = call("verify", "--repair", env={"DIGEST_NOW": "2026-03-17T06:00:00Z"})

    assert said.exit_code == 2
    assert mended.exit_code == 0, mended.output
    assert "cache.db.damaged-20260317T060000Z" in mended.stdout
    assert 20 < len(held(tmp_path / "cache")) < 41


def test_a_file_past_reading_is_begun_anew(call: Callable[..., Result], tmp_path: Path) -> None:
    """Nothing can be saved, and that is said."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "cache.db").write_bytes(b"not a database, but long enough to be looked at" * 100)

    assert call("verify").exit_code == 2
    mended = call("verify", "--repair")

    assert mended.exit_code == 0
    assert "every reply in it may be asked again" in mended.stdout


def test_no_file_is_replaced_under_a_run(call: Callable[..., Result], tmp_path: Path) -> None:
    """While another run asks for replies, a damaged file stays where it is: exit 75."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "cache.db").write_bytes(b"not a database, but long enough to be looked at" * 100)
    with Claims(tmp_path / "cache") as claims:
        claims.take(KEY)
        said = call("verify", "--repair")

    assert said.exit_code == 75
    assert "another run" in said.stderr


@pytest.mark.parametrize("words", [["export", "x.jsonl"], ["verify"], ["verify", "--repair"]])
def test_a_missing_cache_is_named(call: Callable[..., Result], tmp_path: Path, words: list[str]) -> None:
    """Exit 2 and nothing made."""
    said = call(*words)

    assert said.exit_code == 2
    assert "no replies are kept here" in said.stderr
    assert list(tmp_path.iterdir()) == []


def test_memory_stays_flat() -> None:
    """Rows come page by page, whatever their number."""
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE Cache (rowid INTEGER PRIMARY KEY, key, raw, mode, filename, value)")
    database.executemany("INSERT INTO Cache(key) VALUES (?)", ((str(n),) for n in range(3 * cache_rows.PAGE)))
    queries: list[str] = []
    database.set_trace_callback(queries.append)

    for _ in zip(range(cache_rows.PAGE + 1), cache_rows.rows(database), strict=False):
        pass

    assert len(queries) == 2
    database.close()
