"""A day's answers on disk: found again, whole or not at all, and never in a run's way."""

import errno
import logging
import os
import random
import stat
import subprocess
import sys
import threading
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import answers
from digest.answers import Answers, packed, unpacked

DAY = date(2026, 3, 17)
URL = "https://export.example/api/query?search_query=cat%3Acs.CL&start=0"


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_an_answer_is_found_again_on_its_day(tmp_path: Path) -> None:
    """By any session that opens the folder."""
    Answers(tmp_path, DAY).put(URL, b"<feed/>")

    assert Answers(tmp_path, DAY).get(URL) == b"<feed/>"


def test_an_address_that_was_not_asked_has_no_answer(tmp_path: Path) -> None:
    """Neither before the first answer nor after it; looking writes nothing."""
    kept = Answers(tmp_path / "arxiv", DAY)

    assert kept.get(URL) is None
    assert not (tmp_path / "arxiv").exists()
    kept.put(URL, b"x")
    assert kept.get(URL + "0") is None


def test_a_later_answer_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    """As a fresh asking brings it."""
    kept = Answers(tmp_path, DAY)
    kept.put(URL, b"old")
    kept.put(URL, b"new")

    assert kept.get(URL) == b"new"
    assert len(files(tmp_path)) == 1


@pytest.mark.parametrize("days", [1, -1])
def test_an_answer_is_of_no_other_day(tmp_path: Path, days: int) -> None:
    """Not of the next one, nor of the one before."""
    Answers(tmp_path, DAY).put(URL, b"x")

    assert Answers(tmp_path, DAY + timedelta(days)).get(URL) is None


def test_a_new_days_first_answer_removes_the_days_before(tmp_path: Path) -> None:
    """One day's answers are all there are; what a user put beside them stays."""
    (tmp_path / "notes").mkdir()
    for days in (-9, -1):
        Answers(tmp_path, DAY + timedelta(days)).put(URL, b"old")

    Answers(tmp_path, DAY).put(URL, b"x")

    assert sorted(path.name for path in tmp_path.iterdir()) == [DAY.isoformat(), "notes"]


def test_a_run_of_yesterday_removes_nothing_of_today(tmp_path: Path) -> None:
    """It began before midnight."""
    Answers(tmp_path, DAY).put(URL, b"today's")
    Answers(tmp_path, DAY - timedelta(1)).put(URL, b"yesterday's")

    assert Answers(tmp_path, DAY).get(URL) == b"today's"


def test_nothing_of_the_day_is_dropped(tmp_path: Path) -> None:
    """However much there is."""
    kept = Answers(tmp_path, DAY)
    for number in range(200):
        kept.put(f"{URL}{number}", b"%d" % number)

    assert [kept.get(f"{URL}{number}") for number in range(200)] == [b"%d" % number for number in range(200)]


def test_files_are_the_owners_and_named_by_a_digest(tmp_path: Path) -> None:
    """Nobody else reads what was asked, nor the cache that this may be the first to make."""
    Answers(tmp_path / "cache/arxiv", DAY).put(URL, b"x")

    (file,) = files(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in list(file.parents)[:3]} == {0o700}
    assert len(file.name) == 64


@pytest.mark.parametrize("damage", [b"", b"x" * 40, b"\0" * 400])
def test_a_damaged_answer_is_none(tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """It is told and asked again; the next one heals it."""
    kept = Answers(tmp_path, DAY)
    kept.put(URL, b"whole")
    files(tmp_path)[0].write_bytes(damage)

    assert kept.get(URL) is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    kept.put(URL, b"whole again")
    assert kept.get(URL) == b"whole again"


@given(st.binary(max_size=300), st.data())
def test_what_is_cut_or_changed_is_never_taken_for_an_answer(content: bytes, data: st.DataObject) -> None:
    """Wherever the cut, whichever the byte."""
    kept = packed(URL, content)
    place = data.draw(st.integers(0, len(kept) - 1))
    changed = kept[:place] + bytes([kept[place] ^ data.draw(st.integers(1, 255))]) + kept[place + 1 :]

    assert unpacked(URL, kept) == content
    assert unpacked(URL, kept[:place]) is None
    assert unpacked(URL, changed) in (None, content)  # the compressor's own header has a bit or two to spare


@given(st.binary(max_size=100))
def test_no_bytes_of_a_strangers_make_an_answer(stranger: bytes) -> None:
    """Nor do they make trouble."""
    assert unpacked(URL, stranger) is None


def test_an_answer_is_of_its_own_address() -> None:
    """A file under another's name is none."""
    assert unpacked(URL + "0", packed(URL, b"x")) is None


def test_an_answer_larger_than_any_is_not_unpacked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nor kept."""
    kept = packed(URL, b"." * 101)
    monkeypatch.setattr(answers, "LARGEST", 100)

    assert unpacked(URL, kept) is None
    Answers(tmp_path, DAY).put(URL, b"." * 101)
    assert not files(tmp_path)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_refuses_is_told_once(
    tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The run goes on without; what was kept before is still found, and no half answer is left."""
    kept = Answers(tmp_path, DAY)
    kept.put(URL, b"before")
    tries = []

    def refuse(self: Path, target: Path) -> Path:
        tries.append(target)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "replace", refuse)

    for _ in range(3):
        kept.put(URL + "0", b"x")

    assert (kept.get(URL), kept.get(URL + "0")) == (b"before", None)
    assert [(record.name, record.levelno) for record in caplog.records] == [("digest.answers", logging.WARNING)]
    assert len(tries) == 1
    assert len(files(tmp_path)) == 1


def test_a_folder_that_is_a_file_is_told_and_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As a user may have made by mistake."""
    (tmp_path / "arxiv").write_text("hello")
    kept = Answers(tmp_path / "arxiv", DAY)
    kept.put(URL, b"x")

    assert kept.get(URL) is None
    assert len(caplog.records) == 1


def test_an_answer_that_can_not_be_read_is_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A folder in its place stands for all that a disk can say."""
    kept = Answers(tmp_path, DAY)
    kept.put(URL, b"x")
    (file,) = files(tmp_path)
    file.unlink()
    file.mkdir()

    assert kept.get(URL) is None
    assert len(caplog.records) == 1


def test_threads_that_keep_the_same_answer_leave_it_whole(tmp_path: Path) -> None:
    """Each writes a draft of its own."""
    kept = Answers(tmp_path, DAY)
    threads = [threading.Thread(target=kept.put, args=(URL, b"%d" % number * 10_000)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert kept.get(URL) in [b"%d" % number * 10_000 for number in range(8)]
    assert len(files(tmp_path)) == 1


def test_a_process_that_is_killed_while_it_keeps_answers_leaves_none_by_halves(tmp_path: Path) -> None:
    """What is found is what was put, at whichever byte it ended."""
    code = (
        "import sys, datetime, pathlib, itertools, random\n"
        "from digest.answers import Answers\n"
        "kept = Answers(pathlib.Path(sys.argv[1]), datetime.date(2026, 3, 17))\n"
        "for number in itertools.count():\n"
        "    kept.put(str(number % 3), bytes([number % 251]) + random.Random(number % 251).randbytes(200_000))\n"
        "    print(number, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        while int(process.stdout.readline()) < 20:
            pass
        process.kill()

    kept = Answers(tmp_path, DAY)
    for number in range(3):
        content = kept.get(str(number))
        assert content is not None
        assert content[1:] == random.Random(content[0]).randbytes(200_000)
