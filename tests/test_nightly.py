"""A run that nobody watches: what it waits for, what it tells."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from digest import failures, folder_lock, nightly
from digest.config import Config
from digest.errors import BatchPending, BusyError, ConfigError, DigestError, Interrupted, SourceError
from digest.postmarks import Postmark
from digest.settings import DeliverSettings

NOW = datetime(2026, 3, 17, 6, tzinfo=UTC)


def late(times: int, error: DigestError | None = None) -> Callable[[], str]:
    """A task that fails so many times."""
    left = [error or SourceError("arXiv's feed is of 2026-03-16")] * times

    def task() -> str:
        if left:
            raise left.pop()
        return "made"

    return task


def test_what_is_late_is_waited_for() -> None:
    """With an hour and a half of patience, arXiv is looked at every ten minutes."""
    slept: list[float] = []

    assert nightly.patiently(late(3), 90, slept.append) == "made"
    assert slept == [600.0, 600.0, 600.0]


def test_a_short_patience_is_shared_out() -> None:
    """A patience of three minutes has six tries."""
    slept: list[float] = []
    assert nightly.patiently(late(2), 3, slept.append) == "made"
    assert slept == [30.0, 30.0]


@pytest.mark.parametrize("minutes", [0.0, 0.01])
def test_patience_ends(minutes: float) -> None:
    """The last failure is the run's: exit 75 tells a scheduler to try again."""
    with pytest.raises(SourceError) as caught:
        nightly.patiently(late(99), minutes, lambda _: None)
    assert caught.value.exit_code == 75


def test_another_run_is_waited_for() -> None:
    """A folder on which another run works gets free."""
    assert nightly.patiently(late(1, BusyError("another run")), 10, lambda _: None) == "made"


def test_a_mistake_is_not_waited_for() -> None:
    """What no time mends ends the run at once."""
    slept: list[float] = []
    with pytest.raises(ConfigError):
        nightly.patiently(late(1, ConfigError("categories")), 90, slept.append)
    assert not slept


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """Subject, text and key of each report."""
    reports: list[tuple[str, str, str]] = []

    def report(config: Config, subject: str, text: str, key: str, *_: Any) -> None:
        reports.append((subject, text, key))

    monkeypatch.setattr(failures, "report_failure", report)
    monkeypatch.setattr(failures, "report_again", lambda *_: None)
    return reports


def alarm(tmp_path: Path, *, is_on: bool = True) -> nightly.Alarm:
    receiver = DeliverSettings(name="me", url_env="ME")
    return nightly.Alarm(Config(output=tmp_path, deliver=(receiver,)), lambda: NOW, is_on)


def test_a_failed_night_is_told_and_still_fails(tmp_path: Path, told: list[tuple[str, str, str]]) -> None:
    """Fact and mend go out; the same failure of the same day has the same key."""
    with pytest.raises(SourceError), alarm(tmp_path).on_failure():
        raise SourceError("arXiv is down for 301 s", hint="try again later")

    assert told == [
        (
            "digest 2026-03-17: a run failed",
            "arXiv is down for 301 s\ntry again later",
            "2026-03-17 arXiv is down for # s",
        )
    ]


def test_a_bug_is_told_without_its_text(tmp_path: Path, told: list[tuple[str, str, str]]) -> None:
    """The message of an unknown exception may hold anything; the log has it."""
    with pytest.raises(ZeroDivisionError), alarm(tmp_path).on_failure():
        raise ZeroDivisionError("sk-secret")

    assert "ZeroDivisionError" in told[0][1]
    assert "sk-secret" not in str(told)


@pytest.mark.parametrize("error", [BusyError("x"), BatchPending("x"), Interrupted("x", 143)])
def test_no_failure_is_no_alarm(tmp_path: Path, told: list[tuple[str, str, str]], error: DigestError) -> None:
    """Another run at work, a batch under way and a stop that somebody asked for wake nobody."""
    with pytest.raises(DigestError), alarm(tmp_path).on_failure():
        raise error
    assert not told


def test_who_watches_is_not_written_to(tmp_path: Path, told: list[tuple[str, str, str]]) -> None:
    """On a terminal the same stands before one's eyes."""
    with pytest.raises(SourceError), alarm(tmp_path, is_on=False).on_failure():
        raise SourceError("arXiv is down")
    assert not told


def test_a_killed_run_is_told_of_by_the_next(tmp_path: Path, told: list[tuple[str, str, str]]) -> None:
    """A note that no lock protects is one of a dead run; it is told once."""
    with folder_lock.locked(tmp_path):
        pass
    (tmp_path / folder_lock.NOTE).write_text('{"pid": 7, "began": "2026-03-17T05:31:00+00:00"}')

    alarm(tmp_path).go_on([Config(output=tmp_path)])
    alarm(tmp_path).go_on([Config(output=tmp_path)])

    assert [subject for subject, *_ in told] == ["digest 2026-03-17: an earlier run was killed"]
    assert "process 7, begun 2026-03-17 05:31 UTC" in told[0][1]


def mark(name: str, state: Any, error: str | None = None) -> tuple[date, Postmark]:
    made = Postmark(receiver=name, state=state, message_id=f"{name}@x", attempts=1, at=NOW, error=error)
    return date(2026, 3, 17), made


def test_a_run_whose_edition_did_not_arrive_fails() -> None:
    """Each receiver without it is named, with the reason; exit 75 has the scheduler try again."""
    failure = nightly.undelivered([mark("me", "sent"), mark("group", "failed", "refused"), mark("you", "waiting")])

    assert failure is not None
    assert failure.exit_code == 75
    assert str(failure) == (
        "not delivered: 2026-03-17 to group: refused; 2026-03-17 to you: held back, since a paper waits for its answer"
    )
    assert nightly.undelivered([mark("me", "sent"), mark("empty", "nothing")]) is None
