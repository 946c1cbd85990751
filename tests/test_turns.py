"""Turns among processes: one at a time, none too early, nobody kept waiting by the dead, the wrong or the greedy."""

import logging
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock, Timeout
from hypothesis import example, given
from hypothesis import strategies as st

from digest import turns
from digest.errors import SourceError
from digest.turns import Turns, default_folder, remaining, service_of

LONGEST = 303.0


class Time:
    """One time for all processes, which passes by sleeping only."""

    def __init__(self, now: float = 1_773_700_000.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def process(folder: Path | None, time: Time, **options: Any) -> Turns:
    """The turns as a process of its own takes them."""
    return Turns(folder, **{"delay": 3.0, "longest": LONGEST, "wall": time, "sleep": time.sleep, **options})


@contextmanager
def child(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has the turn with "s" for good."""
    code = (
        "import sys, time, pathlib\nfrom digest.turns import Turns\n"
        f"turns = Turns(pathlib.Path(sys.argv[1]), 0.0, {LONGEST})\nturns.begin('s')\n"
        "print('mine', flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout
        assert started.stdout.readline() == "mine\n"
        try:
            yield started
        finally:
            started.kill()


def is_held(lock: Path) -> bool:
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True


def eventually(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_the_first_request_starts_at_once_and_the_next_processes_after_the_delay(tmp_path: Path) -> None:
    """From start to start, less what has passed."""
    now = Time()
    for pause in (0.0, 1.0, 0.5, 5.0):
        now.now += pause
        one = process(tmp_path, now)
        one.begin("s")
        one.end()

    assert now.slept == pytest.approx([2.0, 2.5])


def test_a_request_in_the_same_turn_is_paced_too(tmp_path: Path) -> None:
    """A redirect keeps the turn and waits for its time."""
    now = Time()
    one = process(tmp_path, now)
    one.begin("s")
    one.begin("s")

    assert now.slept == pytest.approx([3.0])
    assert is_held(tmp_path / "s.lock")


def test_services_have_turns_of_their_own(tmp_path: Path) -> None:
    """And who goes over to another service gives the first one back."""
    now = Time()
    one = process(tmp_path, now)
    one.begin("s")
    one.begin("t")

    assert not now.slept
    assert (is_held(tmp_path / "s.lock"), is_held(tmp_path / "t.lock")) == (False, True)


def test_a_turn_lasts_until_its_end(tmp_path: Path) -> None:
    """No other process gets it before; after it anybody does."""
    one = process(tmp_path, Time())
    one.begin("s")

    assert is_held(tmp_path / "s.lock")
    one.end()
    assert not is_held(tmp_path / "s.lock")
    assert not is_held(tmp_path / "s.queue")


def test_a_pause_is_kept_by_other_processes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What one was told holds for all, and the log says why nothing happens."""
    now = Time()
    one = process(tmp_path, now)
    one.begin("s")
    one.postpone(42.0)
    one.end()
    with caplog.at_level(logging.INFO):
        process(tmp_path, now).begin("s")

    assert now.slept == pytest.approx([42.0])
    assert [record.getMessage() for record in caplog.records] == ["s: it asked for a pause; going on in 42 s"]


@pytest.mark.parametrize("seconds", [0.0, 2.0])
def test_a_pause_shorter_than_the_delay_changes_nothing(tmp_path: Path, seconds: float) -> None:
    """Start to start counts."""
    now = Time()
    one = process(tmp_path, now)
    one.begin("s")
    one.postpone(seconds)
    one.end()
    process(tmp_path, now).begin("s")

    assert now.slept == pytest.approx([3.0])


def test_a_pause_without_a_turn_is_nobodys(tmp_path: Path) -> None:
    """As in a session that never came to send."""
    one = process(tmp_path, Time())
    one.postpone(5.0)
    one.begin("s")
    one.end()
    one.postpone(50.0)

    now = Time()
    process(tmp_path, now).begin("s")
    assert now.slept == pytest.approx([3.0])


@example(b"303.5", 0.0)
@given(st.one_of(st.binary(max_size=64), st.floats().map(lambda moment: repr(moment).encode())), st.floats(0, 4e9))
def test_no_moment_on_file_makes_anyone_wait_longer_than_the_longest(saved: bytes, now: float) -> None:
    """Whoever wrote it, with whichever clock."""
    assert 0 <= remaining(saved, now, LONGEST) <= LONGEST


@given(st.floats(0, 4e9), st.floats(0, LONGEST))
def test_a_moment_within_the_longest_is_waited_for(now: float, left: float) -> None:
    """To the moment itself."""
    assert remaining(repr(now + left).encode(), now, LONGEST) == pytest.approx(left, abs=1e-5)


@pytest.mark.parametrize("saved", [b"", b"soon", b"later" * 12, b"nan", b"inf", b"\xff\0", b"9999999999", b"-1"])
def test_what_is_no_moment_counts_as_none(tmp_path: Path, saved: bytes) -> None:
    """Nor does one of a wrong clock; the next moment is put in its place."""
    (tmp_path / "s.next").write_bytes(saved)
    now = Time()
    for _ in range(2):
        one = process(tmp_path, now)
        one.begin("s")
        one.end()

    assert now.slept == pytest.approx([3.0])


def test_a_wait_as_long_as_the_longest_holds(tmp_path: Path) -> None:
    """And none is put on file that would count as none."""
    now = Time()
    one = process(tmp_path, now)
    one.begin("s")
    one.postpone(1e9)
    one.end()
    process(tmp_path, now).begin("s")

    assert now.slept == pytest.approx([LONGEST])


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    """Its lock ends with it."""
    with child(tmp_path) as started:
        assert is_held(tmp_path / "s.lock")
        started.kill()
        started.wait()

        one = Turns(tmp_path, 0.0, LONGEST, patience=5)
        one.begin("s")
        assert is_held(tmp_path / "s.lock")
        one.end()


def test_who_waits_too_long_is_told_and_gives_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A process that was stopped in its turn holds it."""
    with child(tmp_path), caplog.at_level(logging.INFO):
        one = Turns(tmp_path, 0.0, LONGEST, patience=0.1)
        for _ in range(2):
            with pytest.raises(SourceError, match="s: another process") as caught:
                one.begin("s")
            one.end()

    assert "let that one end" in (caught.value.hint or "")
    told = [record.getMessage() for record in caplog.records]
    assert told == ["s: another process is asking it; taking turns"]
    assert not is_held(tmp_path / "s.queue")


def test_patience_is_fifteen_minutes() -> None:
    """Longer than any pause that a service may ask for."""
    assert LONGEST < turns.PATIENCE == 900


@contextmanager
def another_waiting(folder: Path, order: list[str]) -> Iterator[None]:
    """Another process that is next in line; its turn adds to `order`."""
    waiting = Turns(folder, 0.0, LONGEST, patience=5)

    def wait() -> None:
        waiting.begin("s")
        order.append("other")
        waiting.end()

    thread = threading.Thread(target=wait)
    thread.start()
    eventually(lambda: (folder / "s.queue").exists() and is_held(folder / "s.queue"))
    yield
    thread.join()


def test_who_had_a_turn_goes_behind_who_waits(tmp_path: Path) -> None:
    """One process with a hundred pages to ask for keeps nobody out."""
    order: list[str] = []
    one = Turns(tmp_path, 0.0, LONGEST, patience=5)
    one.begin("s")
    with another_waiting(tmp_path, order):
        one.end()
        one.begin("s")
        order.append("one")
        one.end()

    assert order == ["other", "one"]


def test_a_redirect_is_followed_before_the_next_in_line_asks(tmp_path: Path) -> None:
    """The turn is still the same."""
    order: list[str] = []
    one = Turns(tmp_path, 0.0, LONGEST, patience=5)
    one.begin("s")
    with another_waiting(tmp_path, order):
        one.begin("s")
        order.append("one")
        one.end()

    assert order == ["one", "other"]


def test_files_are_the_owners(tmp_path: Path) -> None:
    """The folder too, and those above it that had to be made are as the system makes them."""
    folder = tmp_path / "cache" / "ours"
    one = process(folder, Time())
    one.begin("s")
    one.end()

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {"s.lock": 0o600, "s.queue": 0o600, "s.next": 0o600}


def test_without_a_folder_every_turn_is_given() -> None:
    """And nothing is waited for."""
    now = Time()
    for _ in range(2):
        one = process(None, now)
        one.begin("s")
        one.postpone(50.0)
        one.end()

    assert not now.slept
    assert not one.shared


@pytest.mark.parametrize("wrong", ["folder", "folder/s.queue", "folder/s.lock", "folder/s.next"])
def test_a_folder_that_can_not_be_used_is_told_once(
    tmp_path: Path, wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What stands in the way stands for a home that can't be written; the session goes on alone."""
    if wrong == "folder":
        (tmp_path / wrong).write_text("hello")
    else:
        (tmp_path / wrong).mkdir(parents=True)
    now = Time()
    one = process(tmp_path / "folder", now)
    for _ in range(3):
        one.begin("s")
        one.postpone(50.0)
        one.end()

    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "folder: can't be used" in caplog.text
    assert not one.shared
    assert not now.slept


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_read_only_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As in a container whose home is not to be written."""
    tmp_path.chmod(0o500)
    one = process(tmp_path / "ours", Time())
    for _ in range(2):
        one.begin("s")
        one.end()

    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_file_that_leads_elsewhere_is_not_followed(tmp_path: Path) -> None:
    """A stranger's link doesn't make us write over another file."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "s.next").symlink_to(victim)
    one = process(tmp_path, Time())
    one.begin("s")
    one.end()

    assert victim.read_text() == "precious"


@pytest.mark.parametrize(
    ("url", "service"),
    [
        ("https://export.arxiv.org/api/query?x", "arxiv.org"),
        ("http://rss.ARXIV.org/rss/cs.CL", "arxiv.org"),
        ("https://oaipmh.arxiv.org:443/oai", "arxiv.org"),
        ("https://arxiv.org./", "arxiv.org"),
        ("https://notarxiv.org/", "notarxiv.org_443"),
        ("https://arxiv.org.example/", "arxiv.org.example_443"),
        ("http://127.0.0.1:8091/oai2", "127.0.0.1_8091"),
        ("http://user:arxiv.org@mirror.example/", "mirror.example_80"),
        ("http://[::1]:8091/", "__1_8091"),
        ("http://..%2f..%2fetc/", "..%2f..%2fetc_80".replace("%", "_")),
    ],
)
def test_arxiv_is_one_service_and_a_stand_in_its_own(url: str, service: str) -> None:
    """All of arXiv's interfaces have one limit together."""
    assert service_of(url) == service


@given(st.text())
def test_a_service_is_the_name_of_a_file_in_the_folder(host: str) -> None:
    """No address leads out of it or is too long for it."""
    try:
        service = service_of(f"http://{host}:80/")
    except ValueError:
        return
    assert Path("folder", f"{service}.queue").parent == Path("folder")
    assert len(f"{service}.queue".encode()) < 255


@pytest.mark.parametrize(
    ("told", "folder"),
    [
        (None, "/home/ada/.cache/bilingual-digest"),
        ("", "/home/ada/.cache/bilingual-digest"),
        ("relative", "/home/ada/.cache/bilingual-digest"),
        ("/var/cache/ada", "/var/cache/ada/bilingual-digest"),
    ],
)
def test_the_folder_is_where_the_user_keeps_caches(told: str | None, folder: str) -> None:
    """XDG_CACHE_HOME, if it is one."""
    environment = {} if told is None else {"XDG_CACHE_HOME": told}

    assert default_folder(environment, Path("/home/ada")) == Path(folder)
