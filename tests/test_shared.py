"""Editions that several drivers share: with a store in memory, and with a real one through the commands."""

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fakes import NOON, card, edition, entry, origin
from hypothesis import given
from hypothesis import strategies as st
from postgresql import PASSWORD, QUOTED, Server, server, store
from pydantic import SecretStr

from digest import shared
from digest.cli import main
from digest.config import Config
from digest.doctor import Check, Patient, shared_store
from digest.errors import StorageError
from digest.exchange import STATE, Copy, next_step, worth_of
from digest.models import Edition
from digest.settings import StoreSettings
from digest.store import Store
from digest.versions import Version, Worth

__all__ = ["server", "store"]

DAY, NEXT = date(2026, 3, 17), date(2026, 3, 18)
URL = "postgresql://ada:secret-word@db.example.org/digest"


@dataclass
class Memory:
    """A store without a server."""

    place: str = "memory"
    rows: list[tuple[date, bytes, Worth, bool]] = field(default_factory=list)
    is_down: bool = False
    asked: int = 0

    def newest(self, days: Collection[date] | None = None) -> dict[date, Version]:
        self.asked += 1
        if self.is_down:
            raise StorageError("memory: not there")
        counting = [(nth, row) for nth, row in enumerate(self.rows) if not row[3]]
        return {row[0]: version(nth, row[1]) for nth, row in counting if days is None or row[0] in days}

    def content(self, wanted: Version) -> bytes | None:
        return self.rows[wanted.number][1]

    def add(self, day: date, content: bytes, worth: Worth, base: int | None) -> Version:
        last = self.newest([day]).get(day)
        aside = last is not None and last.number != base and worth <= self.rows[last.number][2]
        self.rows.append((day, content, worth, aside))
        return self.newest([day])[day]


def version(number: int, content: bytes) -> Version:
    return Version(number, sha256(content).hexdigest())


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    found = Memory()

    @contextmanager
    def versions(_: Config) -> Iterator[Memory]:
        yield found

    monkeypatch.setattr(shared, "_versions", versions)
    return found


def config(output: Path, **fields: Any) -> Config:
    return Config(output=output, store_url=SecretStr(URL), **fields)


def made(cards: int, *, day: date = DAY, title: str = "t", papers: int = 9) -> Edition:
    """An edition with so many cards."""
    entries = [entry(f"2603.0000{n}", card=card() if n < cards else None).model_copy() for n in range(1, papers)]
    return edition(*entries, announced=day)


@pytest.fixture
def both(tmp_path: Path, memory: Memory) -> tuple[Config, Config]:
    """Two drivers with folders of their own."""
    assert memory
    return config(tmp_path / "one"), config(tmp_path / "two")


def saved(site: Config, one: Edition) -> bytes:
    Store(site.output).save(one)
    return Store(site.output).path(one.announced).read_bytes()


def on_file(site: Config, day: date = DAY) -> bytes | None:
    path = Store(site.output).path(day)
    return path.read_bytes() if path.exists() else None


# ------------------------------------------------------------------------------------------ what to do

SUMS = st.sampled_from(["a", "b", "c"])
COPIES = st.builds(Copy, st.integers(1, 3), SUMS)
VERSIONS = st.builds(Version, st.integers(1, 3), SUMS)


@given(st.none() | SUMS, st.none() | COPIES, st.none() | VERSIONS)
def test_a_file_that_was_changed_here_is_never_written_over_unsaved(
    here: str | None, copy: Copy | None, newest: Version | None
) -> None:
    """It is brought only where the store has what is here, or nothing is here."""
    step = next_step(here, copy, newest)

    if step == "bring":
        assert here is None or (copy is not None and copy.digest == here)
    if step == "nothing":
        assert newest is None or (here == newest.digest and copy is not None)
    if here is not None and newest is None:
        assert step == "push"


def test_steps() -> None:
    """Each case once."""
    new = Version(2, "new")
    assert next_step(None, None, None) == "nothing"
    assert next_step("mine", None, None) == "push"
    assert next_step(None, Copy(2, "new"), new) == "bring"
    assert next_step("new", None, new) == "note"
    assert next_step("new", Copy(2, "new"), new) == "nothing"
    assert next_step("old", Copy(1, "old"), new) == "bring"
    assert next_step("mine", Copy(1, "old"), new) == "push"
    assert next_step("mine", None, new) == "push"


def test_what_an_edition_is_worth() -> None:
    """Finished cards, then all: a draft and an echo are soon made again."""
    echo = card(origin=origin(engine="echo"))
    one = edition(entry("2603.00001", card=card()), entry("2603.00002", card=echo), entry("2603.00003", card=None))

    assert worth_of(one) == Worth(1, 2)


# ------------------------------------------------------------------------------------------ the exchange


def test_what_one_driver_made_the_other_gets(both: tuple[Config, Config], memory: Memory) -> None:
    """Whole, with the same bytes; asked again, nothing is written and nothing is handed out twice."""
    one, two = both
    content = saved(one, made(5))
    shared.push(one, DAY)

    assert shared.pull(two) == (DAY,)
    assert on_file(two) == content
    before = Store(two.output).path(DAY).stat()
    assert shared.pull(two) == shared.pull(one) == ()
    assert Store(two.output).path(DAY).stat() == before
    assert len(memory.rows) == 1


def test_a_later_version_replaces_an_untouched_copy(both: tuple[Config, Config]) -> None:
    """Back and forth, though one has fewer cards than the other."""
    one, two = both
    saved(one, made(5))
    shared.push(one, DAY)
    shared.pull(two)
    content = saved(two, made(3))
    shared.push(two, DAY)

    assert shared.pull(one) == (DAY,)
    assert on_file(one) == content


@pytest.mark.parametrize(("mine", "counts"), [(7, "mine"), (2, "theirs"), (5, "theirs")])
def test_where_two_changed_the_same_date_the_one_with_more_cards_counts(
    both: tuple[Config, Config], memory: Memory, mine: int, counts: str
) -> None:
    """The other stays as a version, and both folders come to hold the same."""
    one, two = both
    theirs = saved(one, made(5))
    shared.push(one, DAY)
    ours = saved(two, made(mine, papers=8))
    shared.push(two, DAY)
    shared.pull(one)

    assert on_file(one) == on_file(two) == (ours if counts == "mine" else theirs)
    assert {content for _, content, _, _ in memory.rows} == {theirs, ours}


def test_what_was_changed_without_the_store_goes_out_at_the_next_chance(
    both: tuple[Config, Config], memory: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    """Even where the next command only reads."""
    one, two = both
    memory.is_down = True
    content = saved(one, made(5))
    shared.push(one, DAY)
    shared.pull(one)
    assert "goes out later" in caplog.text
    assert "what others have made is not here" in caplog.text
    memory.is_down = False

    assert shared.pull(one) == ()
    assert shared.pull(two) == (DAY,)
    assert on_file(two) == content


def test_a_file_that_is_no_edition_is_neither_shared_nor_lost(
    both: tuple[Config, Config], memory: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    """Its owner may mend it; the store keeps what is whole."""
    one, two = both
    saved(one, made(5))
    shared.push(one, DAY)
    Store(two.output).path(DAY).parent.mkdir(parents=True)
    Store(two.output).path(DAY).write_bytes(b"{ no edition")

    assert shared.pull(two) == ()
    assert on_file(two) == b"{ no edition"
    assert len(memory.rows) == 1
    assert "it is not shared" in caplog.text


@pytest.mark.parametrize(
    "content",
    [b"{}", b"[" * 100_000, made(1, day=NEXT).model_dump_json(by_alias=True).encode()],
    ids=["no edition", "deep", "another date's"],
)
def test_a_hostile_version_stays_outside(
    both: tuple[Config, Config], memory: Memory, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """What is in the store is checked as anything from outside."""
    memory.rows.append((DAY, content, Worth(99, 99), False))

    assert shared.pull(both[0]) == ()
    assert on_file(both[0]) is None
    assert "it is not shared" in caplog.text


@pytest.mark.parametrize("state", ["", "{}", "[]", '{"of": "x"}', '{"of": "%s", "copies": {"x": {"y": 1}}}'])
def test_a_damaged_state_file_costs_nothing(both: tuple[Config, Config], memory: Memory, state: str) -> None:
    """What is the same is seen by its bytes."""
    one, _ = both
    saved(one, made(5))
    shared.push(one, DAY)
    (one.output / STATE).write_text(state.replace("%s", shared._name_of(one)))

    assert shared.pull(one) == ()
    assert len(memory.rows) == 1
    assert json.loads((one.output / STATE).read_text())["copies"][str(DAY)]["number"] == 0


def test_another_store_begins_anew(both: tuple[Config, Config], memory: Memory) -> None:
    """The state of one store says nothing about another."""
    one, _ = both
    saved(one, made(5))
    shared.push(one, DAY)
    memory.rows.clear()

    shared.pull(one.model_copy(update={"store_url": SecretStr("postgresql://other/digest")}))

    assert len(memory.rows) == 1


def test_a_folder_at_work_is_left_alone(
    both: tuple[Config, Config], memory: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    """A run of this machine has it: what others made comes in later, unless the caller is that run."""
    caplog.set_level(logging.INFO)
    one, two = both
    saved(one, made(5))
    shared.push(one, DAY)
    with Store(two.output).locked():
        assert shared.pull(two) == ()
        assert "comes in later" in caplog.text
        assert shared.pull(two, locked=True) == (DAY,)


def test_only_the_dates_that_matter_are_looked_at(both: tuple[Config, Config]) -> None:
    """The others stay as they are."""
    one, two = both
    for day in (DAY, NEXT):
        saved(one, made(5, day=day))
    shared.pull(one)

    assert shared.pull(two, [NEXT]) == (NEXT,)
    assert on_file(two) is None


def test_the_state_file_names_no_host(both: tuple[Config, Config]) -> None:
    """The folder may be published as it is."""
    one, _ = both
    saved(one, made(5))
    shared.push(one, DAY)

    assert "example.org" not in (one.output / STATE).read_text()


def test_what_came_in_has_no_pages_until_somebody_makes_them(both: tuple[Config, Config]) -> None:
    """It is remembered which."""
    one, two = both
    saved(one, made(5))
    shared.push(one, DAY)
    shared.pull(two)

    assert (shared.bare(one), shared.bare(two)) == ((), (DAY,))
    shared.dressed(two, [DAY])
    assert shared.bare(two) == ()


def test_without_a_store_nothing_is_asked_or_written(tmp_path: Path, memory: Memory) -> None:
    """Not a query, not a file, and every date is ours."""
    site = Config(output=tmp_path / "site")
    Store(site.output).save(made(5))
    before = sorted(tmp_path.rglob("*"))

    shared.push(site, DAY)
    assert shared.pull(site) == ()
    shared.pull_sites(site, asked=False, pages=True)
    shared.dressed(site, [DAY])
    assert shared.bare(site) == ()
    with shared.at_work(site), shared.making(site, DAY) as mine:
        assert mine

    assert memory.asked == 0
    assert sorted(tmp_path.rglob("*")) == before


def test_without_a_store_the_library_is_not_imported(tmp_path: Path) -> None:
    """A day is made, and nothing of a database is loaded."""
    code = (
        "import sys; from click.testing import CliRunner; from digest.cli import main;"
        "done = CliRunner().invoke(main, ['run', '--sample', '--engine', 'echo']);"
        "print(done.exit_code, sorted({'psycopg', 'digest.engines.shared_shelf'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert said.stdout == "0 []\n"


# ------------------------------------------------------------------------------------------ with a server

Run = Callable[..., Result]


@pytest.fixture
def digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str) -> Run:
    """`digest` of a driver, with a folder of its own and the one store."""

    def run(driver: str, *arguments: str, **variables: str) -> Result:
        folder = tmp_path / driver
        folder.mkdir(exist_ok=True)
        monkeypatch.chdir(folder)
        for name, value in ({"DIGEST_STORE": store, "DIGEST_NOW": "2026-03-17T12:00:00Z"} | variables).items():
            monkeypatch.setenv(name, value)
        done = CliRunner().invoke(main, arguments)
        for text in (done.output, done.stderr, repr(done.exception)):
            assert PASSWORD not in text
            assert QUOTED not in text
        return done

    return run


def ok(done: Result) -> str:
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.postgres
def test_two_folders_and_one_store_show_the_same(digest: Run, tmp_path: Path) -> None:
    """One driver makes the day; the other has its edition and pages without asking anybody anything."""
    ok(digest("one", "run", "--sample", "--engine", "echo"))
    shown = ok(digest("one", "show", "2026-01-04"))

    assert ok(digest("two", "show", "2026-01-04")) == shown
    ok(digest("two", "render"))
    pages = {path.relative_to(tmp_path / "one/site") for path in (tmp_path / "one/site").rglob("*.html")}
    assert pages
    for page in pages:
        assert (tmp_path / "two/site" / page).read_bytes() == (tmp_path / "one/site" / page).read_bytes()
    assert (tmp_path / "two/site/editions/2026-01-04.json").read_bytes() == (
        tmp_path / "one/site/editions/2026-01-04.json"
    ).read_bytes()
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or QUOTED.encode() not in path.read_bytes()


def papers(folder: Path, *numbers: int) -> str:
    """A file of papers."""
    lines = [
        {"arxiv_id": f"2603.0000{n}", "title": f"Paper {n}", "abstract": "Foo.", "categories": ["cs.CL"]}
        for n in numbers
    ]
    folder.mkdir(exist_ok=True)
    (folder / "day.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return str(folder / "day.jsonl")


CHAT = ("--engine", "fakes:opened", "--model", "m", "--category", "cs.CL", "--date", "2026-03-17")


@pytest.mark.postgres
def test_a_run_after_another_drivers_asks_nothing(digest: Run, tmp_path: Path) -> None:
    """Its edition is there, and where it is not, its replies are; status says where."""
    file = papers(tmp_path, 1, 2)
    assert "2 requests" in ok(digest("one", "run", "--papers", file, *CHAT))
    assert "0 requests" in ok(digest("two", "run", "--papers", file, *CHAT))
    (tmp_path / "three").mkdir()
    (tmp_path / "three/digest.toml").write_text('[store]\nname = "other"\n')
    assert "0 requests" in ok(digest("three", "run", "--papers", file, *CHAT))

    assert not (tmp_path / "two/cache/cache.db").exists()
    assert "2 replies in postgresql://owner@127.0.0.1" in ok(digest("two", "status"))
    assert "2 replies in postgresql://owner@127.0.0.1" in ok(digest("two", "cache"))


@pytest.mark.postgres
def test_replies_are_carried_in_and_out(digest: Run, tmp_path: Path) -> None:
    """From the folder of one machine into the store, and back into another's; what is there is known."""
    file = papers(tmp_path, 1, 2)
    ok(digest("one", "run", "--papers", file, *CHAT, DIGEST_STORE=""))
    ok(digest("one", "cache", "export", "out.jsonl", DIGEST_STORE=""))
    assert ok(digest("one", "cache", "import", "out.jsonl")).startswith("2 new, 0 known")
    assert ok(digest("one", "cache", "import", "out.jsonl")).startswith("0 new, 2 known")
    assert "2 replies" in ok(digest("two", "cache", "export", "back.jsonl"))
    assert ok(digest("two", "cache", "import", "back.jsonl", DIGEST_STORE="")).startswith("2 new")
    said = (tmp_path / "one/out.jsonl", tmp_path / "two/back.jsonl")
    assert sorted(said[0].read_text().splitlines()) == sorted(said[1].read_text().splitlines())


@pytest.mark.postgres
@pytest.mark.parametrize("command", ["verify", "prune", "cache verify"])
def test_what_works_on_the_folder_says_so(digest: Run, command: str) -> None:
    """In one line, rather than to look at the wrong place in silence."""
    ok(digest("one", "run", "--sample", "--engine", "echo"))

    assert "Of replies, only those in cache are looked at" in digest("one", *command.split()).stderr
    assert "only those in" not in digest("one", *command.split(), DIGEST_STORE="").stderr


@pytest.mark.postgres
def test_a_store_that_is_gone_is_exit_75_where_it_is_needed(
    digest: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A run can't ask without it; what only reads says so and shows what is here."""
    file = papers(tmp_path, 1)
    ok(digest("one", "run", "--papers", file, *CHAT))
    gone = {"DIGEST_STORE": "postgresql://owner:secret-word@127.0.0.1:1/digest"}

    assert digest("one", "run", "--papers", papers(tmp_path, 1, 2), *CHAT, "--refresh", **gone).exit_code == 75
    shown = digest("one", "show", "2026-03-17", **gone)
    assert shown.exit_code == 0
    assert "what others have made is not here" in caplog.text
    assert "secret-word" not in caplog.text
    assert "can't be counted: postgresql://owner@127.0.0.1:1/digest" in " ".join(
        ok(digest("one", "status", **gone)).split()
    )


def looked_at(url: str, **fields: Any) -> Check:
    (check,) = shared_store.examine(Patient(Config(store_url=SecretStr(url)), lambda: NOON, **fields))
    return check


@pytest.mark.postgres
def test_the_doctor_looks_at_the_store(store: str) -> None:
    """Whether it answers, how soon, and how much it holds; without network it is left alone."""
    check = looked_at(store)
    assert check.mark == "ok"
    assert "0 replies, answers in" in check.fact
    assert looked_at(store, offline=True).mark == "note"


def test_the_doctor_says_what_is_wrong_with_the_store() -> None:
    """Not there now, far away, or not ours to write."""
    gone = looked_at("postgresql://owner:secret-word@127.0.0.1:1/digest")
    assert (gone.mark, gone.passes) == ("wrong", True)
    assert "secret-word" not in str(gone)
    assert shared_store.check("x", 1, [0.5], is_writable=True).mark == "note"
    assert shared_store.check("x", 1, [0.001], is_writable=False).mark == "wrong"
    assert not [*shared_store.examine(Patient(Config(), lambda: NOON))]


@pytest.mark.postgres
def test_a_wrong_password_is_exit_2(digest: Run, server: Server) -> None:
    """Whatever the command; its words are nowhere."""
    for command in (["show", "2026-03-17"], ["status"], ["run", "--sample", "--engine", "echo"], ["-v", "-v"]):
        arguments = command if command[0] != "-v" else ["status", *command]
        done = digest("one", *arguments, DIGEST_STORE=server.url(password="wr%40ng-word"))
        assert done.exit_code == 2
        assert "password authentication failed" in done.stderr
        assert "ng-word" not in done.output


@pytest.mark.postgres
def test_of_two_drivers_one_makes_a_date(store: str, tmp_path: Path) -> None:
    """The other takes another; what was made meanwhile is in the folder of who comes after."""
    one, two = (
        Config(output=tmp_path / name, store_url=SecretStr(store), store=StoreSettings(name="x"))
        for name in ("one", "two")
    )
    claimed, over = threading.Event(), threading.Event()

    def make() -> None:
        with shared.at_work(one), shared.making(one, DAY) as mine:
            assert mine
            claimed.set()
            over.wait(10)
            saved(one, made(5))
            shared.push(one, DAY)

    thread = threading.Thread(target=make)
    thread.start()
    assert claimed.wait(10)
    with shared.making(two, DAY) as mine:
        assert not mine
    with shared.making(two, NEXT) as mine:
        assert mine
    over.set()
    thread.join()
    with shared.making(two, DAY) as mine:
        assert mine
        assert on_file(two) == on_file(one) != None  # noqa: E711
    assert shared._ways == {}
    assert os.environ.get("DIGEST_STORE") is None
