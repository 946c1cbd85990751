"""One run at a time on a folder, and what a dead one leaves."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from digest import folder_lock
from digest.errors import BusyError

HOLDER = """
import sys, time
from collections.abc import Iterator
from pathlib import Path
from digest.folder_lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds the folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_who_is_kept_out_learns_whose_run_it_is(tmp_path: Path, holder: "subprocess.Popen[str]") -> None:
    """The line names the process and since when it works, and how to wait for it."""
    with (
        pytest.raises(BusyError, match=rf"process {holder.pid}, begun \d{{4}}-.* UTC") as caught,
        folder_lock.locked(tmp_path),
    ):
        pass
    assert "--patience" in str(caught.value.hint)
    assert folder_lock.left_behind(tmp_path) is None


def test_a_killed_run_is_told_of_once(tmp_path: Path, holder: "subprocess.Popen[str]") -> None:
    """A process killed by -9 holds nothing; its note says once that it ended without a word."""
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()

    assert folder_lock.left_behind(tmp_path) is not None
    with folder_lock.locked(tmp_path):
        pass  # another command does not take the word away
    said = folder_lock.left_behind(tmp_path, take=True)

    assert said is not None
    assert f"process {holder.pid}" in said
    assert folder_lock.left_behind(tmp_path) is None
    with folder_lock.locked(tmp_path):
        pass


def test_a_run_that_ends_leaves_no_note(tmp_path: Path) -> None:
    """Neither a good end nor an exception is a run that ended without a word."""
    with folder_lock.locked(tmp_path):
        assert (tmp_path / folder_lock.NOTE).exists()
    with pytest.raises(KeyError), folder_lock.locked(tmp_path):
        raise KeyError
    assert folder_lock.left_behind(tmp_path) is None


@pytest.mark.parametrize("note", [b"", b"[]", b'{"pid": "x", "began": 3}', b"\xff", b'{"pid": 1}'])
def test_a_broken_note_still_tells_that_something_died(tmp_path: Path, note: bytes) -> None:
    """Half a note is one of a process that did not even come to write it."""
    with folder_lock.locked(tmp_path):
        pass
    (tmp_path / folder_lock.NOTE).write_bytes(note)

    assert "ended without a word" in str(folder_lock.left_behind(tmp_path))


def test_a_folder_without_runs_has_nothing_to_tell(tmp_path: Path) -> None:
    """Asking leaves no trace."""
    assert folder_lock.left_behind(tmp_path / "site") is None
    assert not (tmp_path / "site").exists()
