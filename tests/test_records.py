"""Every kind of record that is written has a version and a kept file of each, and opens for ever."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from digest import cache_transfer, postmarks
from digest.engines import shelf
from digest.engines.abilities import Abilities, Ability
from digest.engines.jobs import Jobs
from digest.models import SCHEMA, Edition, KeywordTables
from digest.store import STEPS, Store, read_edition

RECORDS = Path(__file__).parent / "data" / "records"
DAY = date(2026, 3, 17)
NOON = datetime(2026, 3, 17, 12, tzinfo=UTC)


def kept(name: str) -> bytes:
    return (RECORDS / f"{name}.json").read_bytes()


def latest(model: type[BaseModel]) -> int:
    """The version that a model writes."""
    (version,) = get_args(model.model_fields["schema_version"].annotation)
    assert model.model_fields["schema_version"].default == version
    return int(version)


#: kind of record -> the version that is written today
VERSIONS = {
    "v": SCHEMA,
    "keywords-": latest(KeywordTables),
    "delivered-": latest(postmarks.Postmarks),
    "failures-": latest(postmarks.FailureMarks),
    "reply-": shelf.VERSION,
    "spent-": shelf.VERSION,
    "abilities-": 1,
    "batch-": 1,
}


@pytest.mark.parametrize(("kind", "version"), VERSIONS.items())
def test_every_version_has_a_kept_file(kind: str, version: int) -> None:
    """Whoever raises a number keeps a file of the old one, and one of the new."""
    for number in range(1, version + 1):
        assert (RECORDS / f"{kind}{number}.json").is_file(), f"keep tests/data/records/{kind}{number}.json"


def test_every_older_edition_has_its_step() -> None:
    """A step leads to the next version, and there is none beyond today's."""
    assert set(STEPS) == set(range(1, SCHEMA))
    assert latest(Edition) == SCHEMA
    for version, step in STEPS.items():
        assert step({"schema": version})["schema"] == version + 1


@pytest.mark.parametrize("version", range(1, SCHEMA + 1))
def test_an_edition_is_saved_as_one_of_today(version: int) -> None:
    """What opens from an old record is written, and read again, as a new one."""
    edition = read_edition(kept(f"v{version}"))

    assert edition.entries
    assert json.loads(edition.model_dump_json(by_alias=True))["schema"] == SCHEMA
    assert read_edition(edition.model_dump_json(by_alias=True).encode()) == edition


def test_an_edition_of_today_holds_every_part_that_there_is() -> None:
    """The kept file of the newest version has each key of an entry filled somewhere, so that none can be forgotten."""
    record = json.loads(kept(f"v{SCHEMA}"))
    entries = [*record["entries"], *record["replacements"], *record["excluded"]]

    assert set(record) == {field.alias or name for name, field in Edition.model_fields.items()}
    empty = {key for key in entries[0] if not any(entry[key] for entry in entries)}
    assert empty <= {"listed_under"}


def keyword_tables(folder: Path) -> object:
    store = Store(folder)
    store.path(DAY).parent.mkdir(parents=True)
    (folder / "editions/keywords.json").write_bytes(kept("keywords-1"))
    found = store.load_tables()
    return found and [(one.title, one.papers[0].arxiv_id) for one in found.tables]


def delivery_marks(folder: Path) -> object:
    place = folder / postmarks.FOLDER
    place.mkdir(parents=True)
    (place / f"{DAY}.json").write_bytes(kept("delivered-1"))
    return [(one.receiver, one.state, one.attempts) for one in postmarks.load(Store(folder), DAY).marks]


def failure_marks(folder: Path) -> object:
    place = folder / postmarks.FOLDER
    place.mkdir(parents=True)
    (place / postmarks.FAILURES).write_bytes(kept("failures-1"))
    return [(one.receiver, one.key) for one in postmarks.load_failures(Store(folder)).marks]


def reply(folder: Path) -> object:
    found = shelf.from_record(json.loads(kept("reply-1")))
    return found.model, found.prompt_tokens, found.cached_tokens, found.created


def exported_reply(folder: Path) -> object:
    line = {"key": "a" * 64, **json.loads(kept("reply-1"))}
    (folder / "out.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    return cache_transfer.import_(folder / "cache", str(folder / "out.jsonl"), lambda *_: None).new


def spending(folder: Path) -> object:
    one = shelf.from_spent_record(json.loads(kept("spent-1")))["fake-1"]
    return one.replies, one.cost, one.unpriced


def batch(folder: Path) -> object:
    (folder / f"{'a' * 32}.json").write_bytes(kept("batch-1"))
    return [(one.id, one.keys) for one in Jobs(folder).of("http://127.0.0.1:8090/v1")]


def abilities(folder: Path) -> object:
    (folder / "abilities.json").write_bytes(kept("abilities-1"))
    return Abilities(folder / "abilities.json", "http://127.0.0.1:8090/v1", lambda: NOON).recall("m")


@pytest.mark.parametrize(
    ("opened", "says"),
    [
        (keyword_tables, [("Gating", "2603.00001")]),
        (delivery_marks, [("me", "sent", 1), ("group", "failed", 3)]),
        (failure_marks, [("me", "2026-03-17 SourceError")]),
        (reply, ("fake-1", 900, 100, NOON)),
        (exported_reply, 1),
        (spending, (2, {"USD": 0.02}, 1)),
        (batch, [("batch_1", ("k" * 64,))]),
        (abilities, Ability("json_object", ("seed",))),
    ],
)
def test_a_kept_record_opens(tmp_path: Path, opened: Callable[[Path], Any], says: object) -> None:
    """Each kind, as the program wrote it when the file was kept, through what reads it today."""
    assert opened(tmp_path) == says
