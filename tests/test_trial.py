"""Whether a model can be loaded: memory, processor, and a trial whose end means something."""

import platform
from pathlib import Path

import pytest
from ggufs import gguf

from digest import gguf_header, machine, trial
from digest.errors import ConfigError, DigestError, EngineError

MB = 10**6
FILES = (Path("m.gguf"), None)


class Runs:
    """Runs nothing, and remembers what it was to run."""

    def __init__(self, status: int = 0, said: str = "") -> None:
        self.end, self.commands = (status, said), list[list[str]]()

    def __call__(self, command: list[str]) -> tuple[int, str]:
        self.commands.append(command)
        return self.end


def test_a_trial_that_passed_is_not_made_again(tmp_path: Path) -> None:
    """The note holds for the same model; another one is tried."""
    runs = Runs()
    for state in ("one", "one", "two"):
        trial.passes("m", FILES, state, tmp_path, runs)

    assert len(runs.commands) == 2


def test_another_processor_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home folder that several machines share says nothing of the next one."""
    runs = Runs()
    for name in ("Quick 9000", "Slow 1"):
        monkeypatch.setattr(machine, "processor", lambda name=name: name)
        trial.passes("m", FILES, "one", tmp_path, runs)

    assert len(runs.commands) == 2


def test_a_trial_that_failed_is_made_again(tmp_path: Path) -> None:
    """What was mended since passes."""
    with pytest.raises(ConfigError):
        trial.passes("m", FILES, "one", tmp_path, Runs(1, "no"))
    runs = Runs()
    trial.passes("m", FILES, "one", tmp_path, runs)

    assert runs.commands


@pytest.mark.parametrize("notes", ["", "{}", "[1]", "[", "[" * 9999])
def test_notes_of_trials_that_are_none_are_no_obstacle(tmp_path: Path, notes: str) -> None:
    """A broken note is none."""
    (tmp_path / trial.TRIED).write_text(notes, encoding="ascii")
    runs = Runs()
    trial.passes("m", FILES, "one", tmp_path, runs)

    assert runs.commands


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (-4, ConfigError, "xllamacpp is built for another processor than this one"),
        (0xC000001D, ConfigError, "xllamacpp is built for another processor than this one"),
        (-9, EngineError, "m: the trial was killed, as happens where memory runs out"),
        (-11, ConfigError, "m: can't be loaded; the trial ended with SIGSEGV: why"),
        (1, ConfigError, "m: can't be loaded; the trial failed: why"),
        (-77, ConfigError, "m: can't be loaded; the trial failed: why"),
    ],
)
def test_the_end_of_a_trial_means_something(status: int, kind: type[DigestError], said: str) -> None:
    """Each has one line, and a mend."""
    error = trial.failure("m", status, "why")

    assert type(error) is kind
    assert said in str(error)
    assert error.hint


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os, signal\nos.kill(os.getpid(), signal.SIGILL)", "built for another processor"),
        ("import os\nos.abort()", "ended with SIGABRT"),
        ("raise ImportError('libgomp.so.1: no such file')", "ImportError: libgomp.so.1: no such file"),
    ],
    ids=["illegal", "abort", "import"],
)
def test_a_library_that_dies_takes_only_the_trial_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, said: str
) -> None:
    """Whatever happens in the other process is a line in this one."""
    (tmp_path / "xllamacpp.py").write_text(code, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    with pytest.raises(ConfigError, match=said):
        trial.passes("m", FILES, "one", tmp_path)


def test_a_trial_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without time is no fault of the model."""
    (tmp_path / "xllamacpp.py").write_text("import time\ntime.sleep(60)", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(trial, "SECONDS", 0.2)

    with pytest.raises(EngineError, match="took longer than"):
        trial.passes("m", FILES, "one", tmp_path)


def test_the_folder_one_stands_in_shapes_no_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the library's name in the user's folder is not taken for it."""
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "xllamacpp.py").write_text("raise SystemExit(0)", encoding="utf-8")
    (tmp_path / "xllamacpp.py").write_text("raise SystemExit(7)", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "library"))
    monkeypatch.chdir(tmp_path)

    trial.passes("m", FILES, "one", tmp_path)


def test_a_missing_library_is_an_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hint can be copied."""
    monkeypatch.setattr(trial, "LIBRARY", "no_such_library_at_all")
    monkeypatch.setattr(trial, "has_wheel", lambda system, kind, libc: True)
    with pytest.raises(ConfigError, match="is not installed") as caught:
        trial.require_library("pip install it")

    assert caught.value.hint == "pip install it"


def test_where_no_wheel_is_the_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alpine, say: pip would begin to compile, and a service is the quicker way."""
    monkeypatch.setattr(trial, "LIBRARY", "no_such_library_at_all")
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    with pytest.raises(ConfigError) as caught:
        trial.require_library("pip install it")

    assert "there is no wheel" in (caught.value.hint or "")
    assert "--service" in (caught.value.hint or "")


def test_memory_is_for_the_files_and_the_tokens(tmp_path: Path) -> None:
    """A model needs its file, its memory of the tokens, and something to work with."""
    (tmp_path / "m.gguf").write_bytes(gguf())
    header = gguf_header.read(tmp_path / "m.gguf")

    assert trial.needed(header, 1000, 10) == 1000 + header.memory_of(10) + trial.RESERVE


@pytest.mark.parametrize(
    ("free", "whole", "kind", "said"),
    [
        (100 * MB, 400 * MB, ConfigError, "m needs 500 MB, and this machine gives it 400 MB at most"),
        (100 * MB, 8000 * MB, EngineError, "m needs 500 MB, and 100 MB are free"),
        (100 * MB, None, EngineError, "m needs 500 MB, and 100 MB are free"),
    ],
)
def test_too_little_memory_is_told_before_loading(
    free: int, whole: int | None, kind: type[DigestError], said: str
) -> None:
    """It may pass where other programs have it, and not where there is none."""
    with pytest.raises(kind, match=said) as caught:
        trial.require_memory("m", 500 * MB, free, whole)

    assert type(caught.value) is kind
    assert caught.value.hint


@pytest.mark.parametrize(("free", "whole"), [(None, None), (500 * MB, 500 * MB), (10**12, None)])
def test_enough_memory_is_no_matter(free: int | None, whole: int | None) -> None:
    """Neither is a system that does not tell."""
    trial.require_memory("m", 500 * MB, free, whole)


def test_the_trial_is_of_model_and_adapter(tmp_path: Path) -> None:
    """Both are loaded together, as they will be."""
    runs = Runs()
    trial.passes("m", (Path("m.gguf"), Path("a.gguf")), "one", tmp_path, runs)

    assert runs.commands == [["m.gguf", "a.gguf"]]
