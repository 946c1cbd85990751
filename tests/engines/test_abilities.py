import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fakes import NOON
from hypothesis import given
from hypothesis import strategies as st

from digest.engines.abilities import Abilities, Ability

URL = "https://user:secret@example.org/v1/"


def at(path: Path | None, now: datetime = NOON, url: str = URL) -> Abilities:
    return Abilities(path, url, lambda: now)


def test_what_was_found_out_is_remembered_by_address_and_model(tmp_path: Path) -> None:
    """Another model, or another service, is another matter."""
    file = tmp_path / "abilities.json"
    at(file).keep("m", Ability("json_object", ("seed",)))
    at(file).keep("n", Ability(None))

    assert at(file).recall("m") == Ability("json_object", ("seed",))
    assert at(file, url="https://example.org/v1").recall("n") == Ability(None)
    assert at(file).recall("o") is None
    assert at(file, url="https://example.com/v1").recall("m") is None


def test_no_secret_gets_into_the_file(tmp_path: Path) -> None:
    """A password in an address stays in the address."""
    at(tmp_path / "a").keep("m", Ability("json_schema"))

    assert "secret" not in (tmp_path / "a").read_text()


def test_after_a_month_a_service_is_tried_anew(tmp_path: Path) -> None:
    """It may have learnt to keep to a schema."""
    at(tmp_path / "a").keep("m", Ability("json_object"))

    assert at(tmp_path / "a", NOON + timedelta(days=29)).recall("m")
    assert at(tmp_path / "a", NOON + timedelta(days=31)).recall("m") is None


@pytest.mark.parametrize(
    "damage",
    [b"", b"[]", b"{", b"\xff", b'{"v": 2, "services": {}}', b'{"v": 1, "services": {"a": 1}}', b"[" * 9999, b"null"],
)
def test_a_damaged_file_is_no_memory(tmp_path: Path, damage: bytes) -> None:
    """What can't be read is found out again, and the file is whole afterwards."""
    file = tmp_path / "a"
    file.write_bytes(damage)

    assert at(file).recall("m") is None
    at(file).keep("m", Ability("json_object"))
    assert at(file).recall("m") == Ability("json_object")


@given(
    st.binary(max_size=80)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(
        lambda row: json.dumps({"v": 1, "services": {"https://example.org/v1 m": row}}).encode()
    )
)
def test_whatever_stands_in_the_file_does_no_harm(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Nothing but an Ability or None comes out."""
    file = tmp_path_factory.mktemp("any") / "a"
    file.write_bytes(content)

    assert isinstance(at(file).recall("m"), Ability | None)


def test_a_folder_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    """Where nothing can be written nothing is remembered."""
    file = tmp_path / "gone" / "a"
    at(file).keep("m", Ability("json_object"))

    assert at(file).recall("m") is None
    at(None).keep("m", Ability("json_object"))
    assert at(None).recall("m") is None
