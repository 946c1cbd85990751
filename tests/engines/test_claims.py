import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from digest.engines import claims
from digest.engines.claims import Claims

KEYS = [sha256(str(number).encode()).hexdigest() for number in range(3)]
HOLDER = """
import sys
from digest.engines.claims import Claims
with Claims(sys.argv[1]) as held:
    print([held.take(key) for key in sys.argv[2:]], flush=True)
    sys.stdin.read()
"""
ASKER = """
import sys
from digest.engines.claims import Claims
with Claims(sys.argv[1]) as claims:
    print([claims.take(key) for key in sys.argv[2:]])
"""


@contextmanager
def another_process(folder: Path, *keys: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that has claimed the keys, until it is told to end."""
    call = [sys.executable, "-c", HOLDER, str(folder), *keys]
    with subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == f"{[True] * len(keys)}\n"
        yield process
        process.stdin.close()
        process.wait()


def test_what_another_process_claims_is_not_ours(tmp_path: Path) -> None:
    """Only the keys it claims, and only for as long as it lives."""
    with Claims(tmp_path) as mine:
        with another_process(tmp_path, *KEYS[:2]):
            assert [mine.take(key) for key in KEYS] == [False, False, True]
        assert [mine.take(key) for key in KEYS] == [True, True, True]


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    """After kill -9 the claim is free, though nobody tidied up."""
    with Claims(tmp_path) as mine, another_process(tmp_path, KEYS[0]) as process:
        process.kill()
        process.wait()

        assert mine.take(KEYS[0])


def test_a_dropped_claim_is_free(tmp_path: Path) -> None:
    """What we drop, another process gets; what we still hold, it does not."""
    with Claims(tmp_path) as mine:
        assert all(mine.take(key) for key in KEYS)
        mine.drop(KEYS[1])

        said = subprocess.run(
            [sys.executable, "-c", ASKER, str(tmp_path), *KEYS], check=False, capture_output=True, text=True
        )

    assert said.stdout == "[False, True, False]\n"


def test_one_that_ends_does_not_take_anothers_claims_along(tmp_path: Path) -> None:
    """Two users of one file in a process: POSIX drops all locks when any descriptor is closed, so there is only one."""
    with Claims(tmp_path) as mine:
        assert mine.take(KEYS[0])
        with Claims(tmp_path / ".." / tmp_path.name) as other:
            other.take(KEYS[1])

        said = subprocess.run(
            [sys.executable, "-c", ASKER, str(tmp_path), KEYS[0]], check=False, capture_output=True, text=True
        )

    assert said.stdout == "[False]\n"


def test_another_thread_is_another_asker(tmp_path: Path) -> None:
    """A thread does not get what another one is asking; the same thread does, since it can't wait for itself."""
    with Claims(tmp_path) as mine, Claims(tmp_path) as also:
        assert mine.take(KEYS[0])
        assert also.take(KEYS[0])
        got: list[bool] = []
        thread = threading.Thread(target=lambda: got.append(also.take(KEYS[0])))
        thread.start()
        thread.join()

    assert got == [False]


def test_what_a_thread_holds_goes_with_it(tmp_path: Path) -> None:
    """One that ends drops its own claims, though another keeps the file open."""
    with Claims(tmp_path) as mine:
        thread = threading.Thread(target=hold_for_a_moment, args=(tmp_path,))
        thread.start()
        thread.join()

        assert mine.take(KEYS[0])


def hold_for_a_moment(folder: Path) -> None:
    with Claims(folder) as held:
        assert held.take(KEYS[0])
        assert held.take(KEYS[0])


def test_all_is_dropped_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No descriptor and no claim outlives the last user."""
    opened: list[int] = []
    closed: list[int] = []
    really_open, really_close = os.open, os.close

    def opening(path: Path, flags: int, mode: int) -> int:
        opened.append(really_open(path, flags, mode))
        return opened[-1]

    def closing(descriptor: int) -> None:
        closed.append(descriptor)
        really_close(descriptor)

    monkeypatch.setattr(os, "open", opening)
    monkeypatch.setattr(os, "close", closing)
    with Claims(tmp_path) as mine:
        mine.take(KEYS[0])

    assert claims._files == {}
    assert len(opened) == 1
    assert closed == opened


def test_a_disk_that_cant_lock_is_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Then all may be asked, by everybody; a warning says what that means."""

    def fail(*_: object) -> None:
        raise OSError(37, "No locks available")

    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(claims, "_lock", fail)

    with Claims(tmp_path) as mine:
        assert all(mine.take(key) for key in KEYS)

    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path / 'claims.lock'}: No locks available; another run at the same time may ask the same twice"
    ]


def test_a_lock_file_that_cant_be_made_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Likewise where the folder has gone."""
    with Claims(tmp_path / "gone") as mine:
        assert mine.take(KEYS[0])

    assert "may ask the same twice" in caplog.text


def test_nobody_else_may_ask_while_all_is_ours(tmp_path: Path) -> None:
    """`alone` is refused while another process holds a claim, and given when none does."""
    with Claims(tmp_path) as mine:
        with another_process(tmp_path, KEYS[0]):
            assert not mine.alone()
        assert mine.alone()


def test_the_lock_file_is_its_owners(tmp_path: Path) -> None:
    """It tells nothing, but whoever may open it may also lock it."""
    with Claims(tmp_path):
        assert (tmp_path / "claims.lock").stat().st_mode & 0o777 == 0o600
