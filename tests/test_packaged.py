"""Models that packages ship, whole or in parts; each package is made by the test that imports it."""

import sys
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from ggufs import gguf, sum_of

from digest import packaged
from digest.errors import ConfigError, StorageError
from digest.largefiles import draft_of

CONTENT = gguf()
PARTS = (CONTENT[:100], CONTENT[100:150], CONTENT[150:])

Install = Callable[..., Path]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a package that ships a model in parts, or the files that it is given."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    before = set(sys.modules)

    def install(name: str, code: str = "", **files: bytes) -> Path:
        folder = site / name
        (folder / "data").mkdir(parents=True)
        (folder / "__init__.py").write_text(code, encoding="utf-8")
        for file, content in files.items():
            (folder / "data" / file.replace("_", ".")).write_bytes(content)
        return folder / "data"

    yield install
    for name in set(sys.modules) - before:
        if name.startswith("some_"):
            del sys.modules[name]


def in_parts(install: Install, name: str, sha: str | None = sum_of(CONTENT)) -> list[Path]:
    """A package of three parts, as the one of the draft model is made."""
    data = install(name, gguf_0=PARTS[0], gguf_1=PARTS[1], gguf_2=PARTS[2])
    parts = [data / f"gguf.{number}" for number in range(3)]
    code = f"""from pathlib import Path
MODEL_NAME = "some.gguf"
EXPECTED_SHA256 = {sha!r}
def chunk_paths():
    return [Path(one) for one in {[str(part) for part in parts]!r}]
"""
    (data.parent / "__init__.py").write_text(code, encoding="utf-8")
    return parts


def test_parts_are_put_together(installed: Install, tmp_path: Path) -> None:
    """The whole is the file that the package states, and no draft is left."""
    in_parts(installed, "some_parts")
    found = packaged.shipped("some-parts", "")
    target = tmp_path / "some.gguf"

    assert packaged.put_together(found, target) == sum_of(CONTENT)
    assert target.read_bytes() == CONTENT
    assert not draft_of(target).exists()


def test_a_draft_of_a_killed_process_is_written_anew(installed: Install, tmp_path: Path) -> None:
    """What it left, a folder's file or a longer one, is no part of the whole."""
    in_parts(installed, "some_killed")
    target = tmp_path / "some.gguf"
    draft_of(target).write_bytes(b"x" * 10_000)
    packaged.put_together(packaged.shipped("some_killed", ""), target)

    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("damage", [lambda part: part[:-1], lambda part: b"\xff" + part[1:]], ids=["cut", "flipped"])
def test_a_damaged_part_leaves_nothing_and_is_named(
    installed: Install, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    """The installer's record says which part is to blame; the mend is the line that installs it again."""
    parts = in_parts(installed, "some_damaged")
    record(parts)
    parts[1].write_bytes(damage(parts[1].read_bytes()))
    target = tmp_path / "some.gguf"

    with pytest.raises(ConfigError, match="is damaged: together they have the SHA-256") as caught:
        packaged.put_together(packaged.shipped("some_damaged", ""), target)
    assert str(caught.value).startswith(str(parts[1]))
    assert (caught.value.hint or "").endswith("--no-cache-dir some-damaged")
    assert list(tmp_path.glob("*some.gguf*")) == []


def record(parts: list[Path]) -> None:
    """What an installer writes down of a package's files."""
    package = parts[0].parents[1]
    info = package.parent / f"{package.name}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package.name}\nVersion: 1\n", encoding="utf-8")
    hashes = [urlsafe_b64encode(sha256(part.read_bytes()).digest()).rstrip(b"=").decode() for part in parts]
    lines = [f"{package.name}/data/{part.name},sha256={one},1" for part, one in zip(parts, hashes, strict=True)]
    (info / "RECORD").write_text("\n".join(lines), encoding="utf-8")


def test_damage_without_a_record_is_told_all_the_same(installed: Install, tmp_path: Path) -> None:
    """Then nobody knows which part it is."""
    parts = in_parts(installed, "some_unknown")
    parts[1].write_bytes(b"no")

    with pytest.raises(ConfigError, match="the parts of some-unknown are damaged"):
        packaged.put_together(packaged.shipped("some_unknown", ""), tmp_path / "some.gguf")


def test_a_missing_part_is_named(installed: Install) -> None:
    """Before anything is written."""
    parts = in_parts(installed, "some_missing")
    parts[2].unlink()

    with pytest.raises(ConfigError, match=r"gguf\.2: is missing") as caught:
        packaged.shipped("some_missing", "")
    assert (caught.value.hint or "").startswith("pip install --force-reinstall")


def test_a_part_whose_package_is_missing_is_named(installed: Install) -> None:
    """A package of parts that were not all installed says which."""
    installed("some_half", "def chunk_paths():\n    import some_half_part3\n")

    with pytest.raises(ConfigError, match="the package some-half-part3 is not installed") as caught:
        packaged.shipped("some_half", "")
    assert "some-half-part3" in (caught.value.hint or "")


def test_a_disk_without_room_is_told_before_writing(
    installed: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole is as large as its parts."""
    in_parts(installed, "some_large")
    found = packaged.shipped("some_large", "")
    monkeypatch.setattr("digest.largefiles.SPARE", 2**62)

    with pytest.raises(StorageError, match="are free there"):
        packaged.put_together(found, tmp_path / "some.gguf")
    assert list(tmp_path.glob("*some.gguf*")) == []


def test_the_parts_are_verified_where_they_are(installed: Install) -> None:
    """A look writes nothing."""
    in_parts(installed, "some_look")
    in_parts(installed, "some_lie", sha="0" * 64)

    assert packaged.verified(packaged.shipped("some_look", "")) == sum_of(CONTENT)
    with pytest.raises(ConfigError, match="damaged"):
        packaged.verified(packaged.shipped("some_lie", ""))


def test_a_package_that_ships_one_file_has_it_used_in_place(installed: Install) -> None:
    """With the checksum beside it."""
    data = installed("some_whole", m_gguf=CONTENT, SHA256SUMS=f"{sum_of(CONTENT)}  m.gguf".encode())
    found = packaged.shipped("some_whole", "")

    assert (found.parts, found.sha256) == ((data / "m.gguf",), sum_of(CONTENT))


@pytest.mark.parametrize("files", [{}, {"a_gguf": CONTENT, "b_gguf": CONTENT}], ids=["none", "two"])
def test_a_package_that_ships_no_one_model_is_refused(installed: Install, files: dict[str, bytes]) -> None:
    """Nobody guesses which is meant."""
    installed("some_other", **files)

    with pytest.raises(ConfigError, match="GGUF files; one is meant"):
        packaged.shipped("some_other", "")


@pytest.mark.parametrize("name", ["some_absent_package", "some.absent.package"])
def test_a_package_that_is_not_installed_has_its_line(name: str) -> None:
    """The mend is the line that the caller knows."""
    with pytest.raises(ConfigError, match="is not installed") as caught:
        packaged.shipped(name, "pip install that")
    assert caught.value.hint == "pip install that"


@pytest.mark.parametrize("name", ["..", "a b", "os;x", "", "../x", "1x", "a..b"])
def test_what_no_package_can_be_called_is_not_imported(name: str) -> None:
    """A path is no name."""
    with pytest.raises(ConfigError, match="no package can be called so"):
        packaged.shipped(name, "")
