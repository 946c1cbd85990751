"""What is on file, as a reader at breakfast meets it: the newest day, gaps, what did not arrive."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fakes import completion, edition, entry, origin

from digest import cache_rows, postmarks
from digest.cli import main
from digest.engines import shelf
from digest.errors import ConfigError
from digest.postmarks import Postmark, Postmarks
from digest.store import Store

DAY, BEFORE = date(2026, 3, 17), date(2026, 3, 16)
PENDING = entry("2603.00002", card=None, problems=("engine: HTTP 500",))
TOML = """
[smtp]
host = "localhost"
sender = "d@example.org"
[[deliver]]
name = "me"
mail = "a@example.org"
[[deliver]]
name = "group"
url_env = "GROUP"
"""

Status = Callable[..., Result]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digest.toml").write_text(TOML, encoding="utf-8")
    return Store(tmp_path / "site")


@pytest.fixture
def status(store: Store) -> Status:
    """Runs the command on the evening of the day; whatever it finds, it changes nothing."""

    def run(*flags: str, now: str = "2026-03-17T22:00:00Z") -> Result:
        before = snapshot(store)
        result = CliRunner().invoke(main, ["status", *flags], env={"DIGEST_NOW": now})
        assert snapshot(store) == before
        assert result.exit_code in (0, 2), result.output
        return result

    return run


def snapshot(store: Store) -> dict[str, tuple[int, bytes]]:
    files = (path for path in store.output.parent.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def marked(receiver: str, state: str, **fields: object) -> Postmark:
    at = datetime(2026, 3, 17, 5, 30, tzinfo=UTC)
    usual = {"receiver": receiver, "state": state, "message_id": "x@digest", "attempts": 1, "at": at}
    return Postmark.model_validate(usual | fields)


def mark(store: Store, day: date, *marks: Postmark) -> None:
    postmarks.save(store, Postmarks(announced=day, marks=marks))


def test_the_newest_day_is_the_first_line(status: Status, store: Store) -> None:
    """Complete, or what is missing, and who has it."""
    store.save(edition(entry()))
    mark(store, DAY, marked("me", "sent"), marked("group", "sent"))
    assert status().stdout.splitlines()[0] == "Tuesday 2026-03-17: 1 paper, complete, delivered to me, group"

    flagged = entry("2603.00003", problems=("result: 4 is not in the abstract",))
    store.save(edition(entry(), PENDING, flagged))
    mark(store, DAY, marked("me", "sent"), marked("group", "failed"))
    assert status().stdout.splitlines()[0] == (
        "Tuesday 2026-03-17: 3 papers, 1 without a card, 1 flagged, delivered to me, not delivered to group"
    )


def test_a_newest_listing_without_edition_is_said_before_the_last_one(status: Status, store: Store) -> None:
    """With the command that makes it."""
    store.save(edition(entry()))
    lines = status(now="2026-03-18T12:00:00Z").stdout.splitlines()

    assert lines[0] == "Wednesday 2026-03-18: no edition of the newest listing yet: digest run"
    assert lines[1] == "Tuesday 2026-03-17: 1 paper, complete"


def test_all_that_was_delivered_is_one_line(status: Status, store: Store) -> None:
    """Editions and receivers; a day on which a receiver's sections have no paper is none."""
    for day in (DAY, BEFORE):
        store.save(edition(entry(), announced=day))
    mark(store, DAY, marked("me", "sent"), marked("group", "nothing"))
    mark(store, BEFORE, marked("me", "sent"), marked("group", "sent"))
    text = status().stdout

    assert "delivered: 2 editions to 2 receivers" in text.splitlines()
    assert "not delivered" not in text


def test_what_did_not_arrive_has_its_mend(status: Status, store: Store) -> None:
    """Failed, or begun without a word of its end; a receiver that is none any more is left out, but for a machine."""
    store.save(edition(entry()))
    failed = marked("group", "failed", attempts=3, error="HTTP 500 from the webhook")
    mark(store, DAY, failed, marked("me", "sending"), marked("gone", "failed"))
    lines = [" ".join(line.split()) for line in status().stdout.splitlines()]
    found = json.loads(status("--json").stdout)["deliveries"]

    assert "2026-03-17 group failed 3 2026-03-17 05:30 UTC HTTP 500 from the webhook" in lines
    assert "not delivered: digest deliver 2026-03-17 --to group" in lines
    assert "not delivered: digest deliver 2026-03-17 --to me" in lines
    assert not any("gone" in line for line in lines)
    assert [one["receiver"] for one in found["unsettled"]] == ["group", "me"]
    assert [(one["receiver"], one["configured"]) for one in found["marks"]][-1] == ("gone", False)


def test_tables_show_the_newest_dates_unless_all_are_wanted(status: Status, store: Store) -> None:
    """How many are left out is said; a machine gets all."""
    paid = entry(replies=(origin(cost=0.5, currency="USD"),))
    for day in range(1, 21):
        store.save(edition(paid, announced=date(2026, 2, day)))
    short, whole = status().stdout, status("--all").stdout

    assert "and 6 older: digest status --all" in short
    assert "2026-02-01" not in short.partition("older")[0]
    assert "older" not in whole
    assert len(json.loads(status("--json").stdout)["editions"]) == 20


def test_whatever_is_damaged_is_named_beside_the_rest(status: Status, store: Store) -> None:
    """An edition, marks and the tables of keywords; exit code 2."""
    for day in (DAY, BEFORE):
        store.save(edition(entry(), announced=day))
    store.path(BEFORE).write_text("{", encoding="utf-8")
    mark(store, DAY, marked("me", "sent"))
    (store.output / postmarks.FOLDER / f"{DAY}.json").write_text("[]", encoding="utf-8")
    (store.output / "editions/keywords.json").write_text("{}", encoding="utf-8")
    result = status()

    assert result.exit_code == 2
    damaged = [line for line in result.stdout.splitlines() if line.startswith("damaged: ")]
    assert ["2026-03-16.json" in damaged[0], "no delivery marks" in damaged[-1]] == [True, True]
    assert any("keywords.json" in line for line in damaged)
    assert "Tuesday 2026-03-17: 1 paper, complete" in result.stdout
    assert ["Mon", "!"] in [line.split() for line in result.stdout.splitlines()]


def test_a_cache_is_counted_without_being_opened_for_writing(status: Status, store: Store) -> None:
    """None of SQLite's own files is left beside it; so it may stand on a disk that is read only."""
    folder = store.output.parent / "cache"
    cache = shelf.open_cache(folder)
    with cache.transact():
        shelf.put(cache, [("a" * 64, shelf.as_record(completion())), ("spent/2026-03-17", {})])
    cache.close()  # type: ignore[no-untyped-call]
    folder.chmod(0o500)
    try:
        result = status("--json")
    finally:
        folder.chmod(0o700)

    assert json.loads(result.stdout)["cache"]["replies"] == 1
    assert result.exit_code == 0


def test_a_cache_that_can_not_be_counted_fails_nothing(
    status: Status, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a disk that is read only SQLite may find no room for its index: told, and no fault."""

    def none(folder: Path, *, traceless: bool) -> None:
        raise ConfigError(f"{folder}: can't be written")

    store.save(edition(entry()))
    (store.output.parent / "cache").mkdir()
    (store.output.parent / "cache/cache.db").write_bytes(b"x")
    monkeypatch.setattr(cache_rows, "opened", none)
    result = status()

    assert result.exit_code == 0
    assert "replies in cache, 0.0 MB, can't be counted: cache: can't be written" in result.stdout
    assert json.loads(status("--json").stdout)["cache"]["replies"] is None
