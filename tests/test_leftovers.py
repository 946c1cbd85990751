"""What nothing needs is found and removed; what may be needed, and what a link leads to, stays."""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from digest import leftovers

NOW = 1_800_000_000.0
TODAY = date(2026, 3, 17)
OLD = 2 * leftovers.SETTLED


@pytest.fixture(scope="module")
def gone() -> int:
    """The number of a process that has ended."""
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    return int(child.stdout)


def put(path: Path, age: float = 0.0, content: bytes = b"12345") -> Path:
    """A file of some age in seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (NOW - age, NOW - age))
    return path


def of_site(output: Path, *days: date, readme: Path | None = None) -> set[str]:
    return {one.path.relative_to(output).as_posix() for one in leftovers.of_site(output, days, readme, NOW)}


def of_cache(folder: Path, kept_aside: int = leftovers.KEPT_ASIDE) -> set[str]:
    return {one.path.relative_to(folder).as_posix() for one in leftovers.of_cache(folder, TODAY, NOW, kept_aside)}


def test_drafts_of_processes_that_are_gone(tmp_path: Path, gone: int) -> None:
    """In every folder that is written to; a process that lives, or may just have begun, keeps its own."""
    for folder in ("", "editions/", "editions/.heads/", "editions/.delivered/", "2026-03-17/", "category/"):
        put(tmp_path / f"{folder}.a.html.{gone}.tmp", OLD)
    put(tmp_path / f".fresh.{gone}.tmp", 0)
    put(tmp_path / f".mine.{os.getpid()}.tmp", OLD)
    put(tmp_path / f".reborn.{os.getpid()}.tmp", 2 * leftovers.DAY)
    put(tmp_path / f"notes/.a.{gone}.tmp", OLD)
    put(tmp_path / "index.html", OLD)

    found = of_site(tmp_path, TODAY)
    assert {name.rpartition("/")[2].split(".")[1] for name in found} == {"a", "reborn"}
    assert len(found) == 7


def test_drafts_beside_the_readme(tmp_path: Path, gone: int) -> None:
    """Only of that file: what else lies there is the user's."""
    readme = put(tmp_path / "README.md", OLD)
    put(tmp_path / f".README.md.{gone}.tmp", OLD)
    put(tmp_path / f".other.{gone}.tmp", OLD)
    (tmp_path / "site").mkdir()

    found = leftovers.of_site(tmp_path / "site", (), readme, NOW)
    assert [one.path.name for one in found] == [f".README.md.{gone}.tmp"]


def test_heads_and_empty_folders_without_an_edition(tmp_path: Path) -> None:
    """Those of dates that have one stay, and so does whatever else there is, delivery marks before all."""
    for day in ("2026-03-16", "2026-03-17"):
        put(tmp_path / f"editions/.heads/{day}.json")
        put(tmp_path / f"editions/.delivered/{day}.json")
        (tmp_path / day).mkdir()
    put(tmp_path / "2026-03-15/index.html")

    assert of_site(tmp_path, TODAY) == {"editions/.heads/2026-03-16.json", "2026-03-16"}


def test_what_the_cache_does_not_need(tmp_path: Path, gone: int) -> None:
    """ArXiv's answers of past days, drafts, and what has long been put aside; no reply and no batch."""
    put(tmp_path / "arxiv/2026-03-16/aa", OLD)
    put(tmp_path / "arxiv/2026-03-17/bb", OLD)
    put(tmp_path / "arxiv/2026-03-17/tmpabcd1234", leftovers.DAY)
    put(tmp_path / "arxiv/2026-03-17/tmpabcd1235", OLD)
    put(tmp_path / f".abilities.json.{gone}.tmp", OLD)
    put(tmp_path / f"batches/{'a' * 32}.{gone}.tmp", OLD)
    put(tmp_path / f"batches/.{'a' * 32}.json.{gone}.tmp", OLD)
    for kept in ("cache.db", "cache.db-wal", "claims.lock", "abilities.json", f"batches/{'a' * 32}.json"):
        put(tmp_path / kept, 1000 * leftovers.DAY)
    put(tmp_path / "damaged-20260101T000000Z.jsonl", 91 * leftovers.DAY)
    put(tmp_path / "damaged-20260301T000000Z.jsonl", 89 * leftovers.DAY)

    assert of_cache(tmp_path) == {
        "arxiv/2026-03-16",
        "arxiv/2026-03-17/tmpabcd1234",
        f".abilities.json.{gone}.tmp",
        f"batches/{'a' * 32}.{gone}.tmp",
        f"batches/.{'a' * 32}.json.{gone}.tmp",
        "damaged-20260101T000000Z.jsonl",
    }
    assert "damaged-20260301T000000Z.jsonl" in of_cache(tmp_path, kept_aside=30)


def test_a_repair_that_broke_off_with_the_replies_in_hand_stays(tmp_path: Path) -> None:
    """Between the old file's going and the new one's coming, the new one is in the folder of the repair."""
    put(tmp_path / "repair-20260101T000000Z/cache.db", 1000 * leftovers.DAY)
    os.utime(tmp_path / "repair-20260101T000000Z", (0, 0))

    assert of_cache(tmp_path) == set()
    put(tmp_path / "cache.db")
    assert of_cache(tmp_path) == {"repair-20260101T000000Z"}


def test_no_link_is_followed(tmp_path: Path, gone: int) -> None:
    """A link in place of a folder, or of a file, leads to nothing that could go."""
    outside, site, cache = tmp_path / "outside", tmp_path / "site", tmp_path / "cache"
    put(outside / f".a.{gone}.tmp", OLD)
    put(outside / "2026-03-16.json", OLD)
    put(outside / "2026-03-16/x", OLD)
    (site / "editions").mkdir(parents=True)
    cache.mkdir()
    for link in ("editions/.heads", "editions/.delivered", "category", "2026-03-16"):
        (site / link).symlink_to(outside)
    (site / f".link.{gone}.tmp").symlink_to(outside / "2026-03-16.json")
    (cache / "arxiv").symlink_to(outside)
    (cache / "damaged-20260101T000000Z.jsonl").symlink_to(outside)

    assert of_site(site) == set()
    assert of_cache(cache) == set()


def test_removing_takes_what_was_found_and_no_more(tmp_path: Path) -> None:
    """A link within a folder goes as a link; a folder that was empty and is not any more stays."""
    outside = put(tmp_path / "outside/keep")
    put(tmp_path / "arxiv/2026-03-16/aa")
    (tmp_path / "arxiv/2026-03-16/link").symlink_to(outside.parent)
    (tmp_path / "2026-03-16").mkdir()
    answers = leftovers.Leftover(tmp_path / "arxiv/2026-03-16", "x", 5, is_whole=True)
    empty = leftovers.Leftover(tmp_path / "2026-03-16", "x", 0)
    put(tmp_path / "2026-03-16/new")

    assert (leftovers.remove(answers), leftovers.remove(answers), leftovers.remove(empty)) == (True, False, False)
    assert outside.exists()
    assert not (tmp_path / "arxiv/2026-03-16").exists()
    (tmp_path / "2026-03-16/new").unlink()
    assert leftovers.remove(empty)


def test_a_size_counts_no_link(tmp_path: Path) -> None:
    """A folder's bytes are those of the files in it."""
    put(tmp_path / "a/b", content=b"123")
    put(tmp_path / "big", content=b"x" * 5000)
    (tmp_path / "a/link").symlink_to(tmp_path / "big")

    assert leftovers.size_of(tmp_path / "a") < 1000
