"""The look at the model of this machine: what is there of it, whether there is memory, and what else could write."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ggufs import gguf, sum_of

from digest import machine, trial
from digest.config import Config
from digest.doctor import Check, Patient, model, service
from digest.errors import ConfigError
from digest.settings import EngineSettings
from digest.weights import Seen

GB = 10**9
NOW = datetime(2026, 3, 17, tzinfo=UTC)


@pytest.fixture(autouse=True)
def fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library is installed, and the processor is fit for it."""
    monkeypatch.setattr(trial, "require_library", lambda install: None)
    monkeypatch.setattr(machine, "missing_instructions", tuple)


def look(home: Path, **engine: Any) -> list[Check]:
    config = Config(home=home, cache=home / "cache", engine=EngineSettings(**engine))
    return list(model.examine(Patient(config, lambda: NOW)))


def test_a_model_that_is_whole_is_well(tmp_path: Path) -> None:
    """Its file is beside digest.toml; memory is looked at too, and nothing is made."""
    (tmp_path / "own.gguf").write_bytes(gguf())
    found = look(tmp_path, name="local", model="own.gguf")

    assert [(one.name, one.mark) for one in found] == [("model", "ok"), ("memory", "ok")]
    assert f"a whole model, SHA-256 {sum_of(gguf())[:12]}" in found[0].fact
    assert [path.name for path in tmp_path.iterdir()] == ["own.gguf"]


@pytest.mark.parametrize(
    ("content", "said"), [(b"<html>", "is no GGUF file (but a web page)"), (gguf()[:-64], "fetch it again")]
)
def test_a_model_that_is_not_whole_has_its_mend(tmp_path: Path, content: bytes, said: str) -> None:
    """The line of the run, before the night."""
    (tmp_path / "own.gguf").write_bytes(content)
    (found,) = look(tmp_path, name="local", model="own.gguf")

    assert (found.name, found.mark) == ("model", "wrong")
    assert said in found.fact
    assert found.mend


def test_a_name_of_no_model_is_told(tmp_path: Path) -> None:
    """That of a service's model, say."""
    (found,) = look(tmp_path, name="local", model="gpt-4o-mini")

    assert "is no model that this machine could load" in found.fact


def test_a_wrong_name_of_a_model_ends_no_other_look(tmp_path: Path) -> None:
    """The service's part says what it has to say without a model."""
    config = Config(engine=EngineSettings(name="local", model="gpt-4o-mini"))

    assert [one.mark for one in service.examine(Patient(config, lambda: NOW))] == ["ok", "ok"]


def test_a_processor_that_is_not_fit_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything else is looked at."""
    monkeypatch.setattr(machine, "missing_instructions", lambda: ("AVX2",))
    (found,) = look(tmp_path, name="local", model="own.gguf")

    assert (found.mark, "it lacks AVX2" in found.fact) == ("wrong", True)


def test_little_memory_may_pass_and_too_little_does_not() -> None:
    """Other programs may end; a machine does not grow."""
    seen = Seen("m", "m: whole", GB)

    assert model.memory(seen, GB // 2, 8 * GB).passes
    assert not model.memory(seen, GB // 2, GB // 2).passes
    assert model.memory(seen, 8 * GB, 8 * GB).mark == "ok"
    assert model.memory(seen, None, None).mark == "ok"


def test_who_has_a_key_is_told_nothing_of_models(tmp_path: Path) -> None:
    """A service writes: no line."""
    assert look(tmp_path, name="chat", base_url="http://127.0.0.1:1/v1") == []


def test_without_a_key_drafts_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way that needs none."""
    monkeypatch.setattr("digest.weights.look", lambda *asked, **more: Seen("m", "m: whole", GB))
    (found,) = look(tmp_path, name="chat")

    assert (found.name, found.mark) == ("model", "ok")
    assert found.fact == "without a key, --engine local writes drafts: m: whole"


def test_without_a_key_and_without_the_library_the_note_is_the_install_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a note: whoever wants a service needs a key and no model."""

    def refuse(install: str) -> None:
        raise ConfigError("xllamacpp is not installed", hint=install)

    monkeypatch.setattr(trial, "require_library", refuse)
    (found,) = look(tmp_path, name="chat")

    assert (found.mark, found.mend) == ("note", "pip install 'bilingual-digest[local]'")
