"""Each edition to each receiver once: whatever fails, crashes or is run again."""

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from deliver.posts import DAY, NOW, Pigeon, Post, clock, no_sleep, office, receiver, settings
from fakes import edition, entry
from hypothesis import given
from hypothesis import strategies as st

from digest import delivery, failures, postmarks, rehearsal, schedule
from digest.config import Config
from digest.deliver import CHANNELS, Message, RefusedError
from digest.errors import DeliveryError, Interrupted, RecordError, StorageError
from digest.interrupts import INTERRUPT
from digest.models import Edition, Entry
from digest.postmarks import Postmark, Postmarks
from digest.store import Store

NAMES = ["me", "group", "late"]


@pytest.fixture
def pigeons(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Message]]:
    """Messages fly to a list."""
    for name in ("smtp", "notify"):
        monkeypatch.setitem(CHANNELS, name, "deliver.posts:Pigeon")
    monkeypatch.setattr(Pigeon, "flown", [])
    monkeypatch.setattr(Pigeon, "before", None)
    return Pigeon.flown


def one(*entries: Entry, **fields: Any) -> Edition:
    return edition(*(entries or (entry(),)), **fields)


def send(config: Config, what: Edition | None = None, *only: str, **options: Any) -> dict[str, str]:
    """Deliver, and the state of each receiver."""
    Store(config.output).save(what or one())
    marks = delivery.deliver(config, what or one(), clock, only, sleep=no_sleep, **options)
    assert marks == postmarks.load(Store(config.output), marks.announced)
    return {mark.receiver: mark.state for mark in marks.marks}


def fail(error: BaseException, *names: str, times: int = 1000) -> None:
    left = itertools.count(times, -1)

    def failing(address: str, message: Message) -> None:
        if (not names or address.partition("@")[0] in names) and next(left) > 0:
            raise error

    Pigeon.before = failing


def mark(name: str, state: str, **fields: Any) -> Postmark:
    return Postmark(**{"receiver": name, "state": state, "message_id": name, "attempts": 1, "at": NOW, **fields})


# ------------------------------------------------------------------------------------------ who is due


states = st.sampled_from(["waiting", "sending", "sent", "failed", "nothing"])


@given(
    st.dictionaries(st.sampled_from(NAMES), states), st.lists(st.sampled_from(NAMES), unique=True), st.integers(0, 40)
)
def test_nobody_is_due_who_has_it_or_was_not_meant(had: dict[str, Any], names: list[str], age: int) -> None:
    """And nobody else is left out."""
    marks = Postmarks(announced=DAY, marks=tuple(mark(name, state) for name, state in had.items()))
    due = delivery.unsettled(marks, delivery.meant_for(marks, names, DAY, DAY + timedelta(days=age)))

    for name in names:
        has_it = had.get(name) in {"sent", "nothing"}
        was_meant = name in had if had else age <= schedule.RECENT.days
        assert (name in due) == (was_meant and not has_it)
    assert set(due) <= set(names)


@pytest.mark.parametrize(
    ("problems", "ready"),
    [((), True), (("engine: 503",), False), (("not summarized yet",), False), (("the reply has no result",), True)],
)
def test_an_edition_is_ready_when_no_answer_is_awaited(problems: tuple[str, ...], ready: bool) -> None:
    """Unusable answers do not hold it back."""
    assert delivery.is_ready(one(entry(), entry("2603.00002", card=None, problems=problems))) == ready
    assert not delivery.is_ready(one(source="sample"))


def test_who_names_no_language_gets_the_first() -> None:
    """Who names one gets that; who names one that is not made is told of."""
    config = settings(
        Path("site"),
        receiver("me"),
        receiver("japanese", language="ja"),
        receiver("korean", language="ko"),
        receiver("alarmed", sends=["failures"]),
        language=["zh-Hans", "ja"],
    )

    assert [each.name for each in delivery.receivers(config.in_language("zh-Hans"))] == ["me"]
    assert [each.name for each in delivery.receivers(config.in_language("ja"))] == ["japanese"]
    assert [each.name for each in delivery.strangers(config.in_language("ja"))] == ["korean"]
    found = config.in_language("zh-Hans").in_language("fr", Path("site"))  # what the folder holds, whatever is listed
    assert [each.name for each in delivery.receivers(found.model_copy(update={"together": ("zh-Hans",)}))] == ["me"]


# ------------------------------------------------------------------------------------------ once


def test_an_edition_goes_out_once(pigeons: list[tuple[str, Message]], tmp_path: Path) -> None:
    """Also when it was made anew since."""
    config = settings(tmp_path, receiver("me"), receiver("group"))

    assert send(config) == {"me": "sent", "group": "sent"}
    assert send(config, one(entry(), entry("2603.00002"))) == {"me": "sent", "group": "sent"}
    assert [address for address, _ in pigeons] == ["me@example.org", "group@example.org"]


def test_one_failure_is_no_others(pigeons: list[tuple[str, Message]], tmp_path: Path) -> None:
    """It is a mark with its reason, and tried again alone, under the same id."""
    config = settings(tmp_path, receiver("me"), receiver("group"))
    fail(DeliveryError("greylisted"), "me")

    assert send(config) == {"me": "failed", "group": "sent"}
    failed = postmarks.load(Store(tmp_path), DAY).of("me")
    assert failed
    assert (failed.error, failed.attempts) == ("greylisted", 1)
    Pigeon.before = None
    assert send(config) == {"me": "sent", "group": "sent"}
    assert [address for address, _ in pigeons] == ["group@example.org", "me@example.org"]
    assert pigeons[1][1].message_id == failed.message_id


@pytest.mark.parametrize(("error", "tries"), [(DeliveryError("busy"), 3), (RefusedError("no such user"), 1)])
def test_a_message_is_tried_as_long_as_there_is_hope(
    pigeons: list[tuple[str, Message]], tmp_path: Path, error: DeliveryError, tries: int
) -> None:
    """Three times with pauses; a refusal once."""
    asked: list[str] = []
    slept: list[float] = []

    def failing(address: str, message: Message) -> None:
        asked.append(message.message_id)
        raise error

    Pigeon.before = failing
    delivery.deliver(settings(tmp_path), one(), clock, sleep=slept.append)

    assert len(asked) == tries
    assert len(set(asked)) == 1
    assert slept == [1.0, 4.0][: tries - 1]


def test_a_second_try_may_do(pigeons: list[tuple[str, Message]], tmp_path: Path) -> None:
    """Then nobody hears of the first."""
    fail(DeliveryError("busy"), times=2)

    assert send(settings(tmp_path)) == {"me": "sent"}


def test_a_crash_between_sending_and_its_mark_sends_again_under_the_same_id(
    pigeons: list[tuple[str, Message]], tmp_path: Path
) -> None:
    """Nobody knows whether it arrived: a lost edition is worse than a copy."""
    config = settings(tmp_path, receiver("me"), receiver("group"))
    fail(KeyboardInterrupt(), "me")
    with pytest.raises(KeyboardInterrupt):
        send(config)

    left = {each.receiver: each.state for each in postmarks.load(Store(tmp_path), DAY).marks}
    assert left == {"me": "sending", "group": "waiting"}
    assert delivery.due(config, NOW) == (DAY,)
    name = postmarks.load(Store(tmp_path), DAY).marks[0].message_id
    Pigeon.before = None
    assert send(config) == {"me": "sent", "group": "sent"}
    assert pigeons[0][1].message_id == name


CHILD = """
import os, signal, sys
from pathlib import Path
from deliver.posts import Pigeon, clock, receiver, settings
from fakes import edition, entry
from digest import delivery
from digest.deliver import CHANNELS
CHANNELS["smtp"] = "deliver.posts:Pigeon"
def die(address, message):
    Path(sys.argv[2]).write_text(message.message_id)
    os.kill(os.getpid(), signal.SIGKILL)
Pigeon.before = die
delivery.deliver(settings(Path(sys.argv[1])), edition(entry()), clock)
"""


def test_a_killed_process_leaves_its_mark(pigeons: list[tuple[str, Message]], tmp_path: Path) -> None:
    """On disk before the message is handed over."""
    search = os.pathsep.join(filter(None, sys.path))
    died = subprocess.run(
        [sys.executable, "-c", CHILD, tmp_path / "site", tmp_path / "sent"],
        env={**os.environ, "PYTHONPATH": search},
        check=False,
    )

    assert died.returncode == -signal.SIGKILL
    assert send(settings(tmp_path / "site")) == {"me": "sent"}
    assert [each.message_id for _, each in pigeons] == [(tmp_path / "sent").read_text()]


def test_a_receiver_that_is_added_later_gets_no_old_edition(pigeons: list[tuple[str, Message]], tmp_path: Path) -> None:
    """Unless it is named."""
    send(settings(tmp_path, receiver("me")))
    config = settings(tmp_path, receiver("me"), receiver("new"))

    assert send(config) == {"me": "sent"}
    assert send(config, None, "new") == {"me": "sent", "new": "sent"}


def test_what_is_older_than_a_fortnight_stays_at_home(pigeons: list[tuple[str, Message]], tmp_path: Path) -> None:
    """Who makes the editions of a year does not send them all."""
    old = one(announced=DAY - timedelta(days=15))

    assert send(settings(tmp_path), old) == {}
    assert pigeons == []
    assert send(settings(tmp_path), old, "me") == {"me": "sent"}


def test_again_is_a_new_message(pigeons: list[tuple[str, Message]], tmp_path: Path) -> None:
    """One that mail programs do not take for a copy of the first."""
    send(settings(tmp_path))
    send(settings(tmp_path), again=True)
    send(settings(tmp_path), again=True)

    assert len({message.message_id for _, message in pigeons}) == 3


def test_a_receiver_whose_sections_are_empty_gets_nothing_and_is_done(
    pigeons: list[tuple[str, Message]], tmp_path: Path
) -> None:
    """That is no failure."""
    config = settings(tmp_path, receiver("me", sections=["math.AG"]), receiver("group", sections=["cs.CL"]))

    assert send(config) == {"me": "nothing", "group": "sent"}
    assert delivery.due(config, NOW) == ()


def test_a_promise_outlives_a_crash_before_delivery(pigeons: list[tuple[str, Message]], tmp_path: Path) -> None:
    """A run that died with its edition saved is not the end of it."""
    config = settings(tmp_path)
    delivery.promise(config, DAY, clock)

    assert delivery.due(config, NOW) == ()  # no edition yet
    Store(tmp_path).save(one())
    assert delivery.due(config, NOW) == (DAY,)
    assert delivery.due(config, NOW + timedelta(days=20)) == ()
    assert send(config) == {"me": "sent"}


def test_without_receivers_nothing_is_written(tmp_path: Path) -> None:
    """No folder of marks for nobody."""
    config = settings(tmp_path, receiver("me", sends=["failures"]))
    delivery.promise(config, DAY, clock)

    assert send(config) == {}
    assert not (tmp_path / postmarks.FOLDER).exists()


def test_a_receiver_that_is_gone_is_not_waited_for(pigeons: list[tuple[str, Message]], tmp_path: Path) -> None:
    """Its failed mark stays, and nobody looks at it."""
    fail(DeliveryError("gone"))
    send(settings(tmp_path))

    assert delivery.due(settings(tmp_path, receiver("other")), NOW) == ()


def test_damaged_marks_are_told_of(tmp_path: Path) -> None:
    """Nothing is sent on a guess: whoever goes on with what is due meets the error."""
    Store(tmp_path).save(one())
    path = tmp_path / postmarks.FOLDER / f"{DAY}.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")

    assert delivery.due(settings(tmp_path), NOW) == (DAY,)
    with pytest.raises(RecordError, match="no delivery marks"):
        delivery.deliver(settings(tmp_path), one(), clock)


def test_no_room_for_a_mark_is_no_delivery(
    pigeons: list[tuple[str, Message]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message without its mark would come every night."""

    def full(*_: object) -> bool:
        raise StorageError("no space left")

    monkeypatch.setattr(postmarks, "replace", full)

    with pytest.raises(StorageError):
        delivery.deliver(settings(tmp_path), one(), clock)
    assert pigeons == []


@pytest.mark.parametrize("way", [{"url_env": "NOT_SET", "mail": None}, {"mail": "ada@example.org"}])
def test_what_digest_toml_lacks_is_the_mark_of_that_receiver(tmp_path: Path, way: dict[str, Any]) -> None:
    """With the name of the variable."""
    config = settings(tmp_path, receiver("me", **way))
    if config.smtp and not config.deliver[0].url_env:
        config = config.model_copy(update={"smtp": config.smtp.model_copy(update={"user": "me"})})
    assert send(config) == {"me": "failed"}
    failed = postmarks.load(Store(tmp_path), DAY).of("me")
    assert failed
    assert "is not set" in (failed.error or "")


# ------------------------------------------------------------------------------------------ over a real server


@pytest.fixture
def post() -> Iterator[Post]:
    with office() as found:
        yield found


def test_a_day_arrives_by_mail(post: Post, tmp_path: Path) -> None:
    """In both forms, from a server that is busy at first."""
    post.faults = ["451 later"]
    config = settings(tmp_path, receiver("me"), receiver("brief", form="short"), port=post.port)

    assert send(config) == {"me": "sent", "brief": "sent"}
    assert post.subjects == ["每日论文速览 2026-03-17：1 篇"] * 2
    assert post.arrived[0].get_body(("html",)) is not None
    assert post.arrived[1].get_body(("html",)) is None
    assert post.arrived[0]["Message-ID"] != post.arrived[1]["Message-ID"]


def test_a_copy_that_nobody_confirmed_has_the_same_id(post: Post, tmp_path: Path) -> None:
    """The line broke after the server had it: a mail program sees one message."""
    post.faults = ["lost"]
    send(settings(tmp_path, port=post.port))

    assert [str(each["Message-ID"]) for each in post.arrived] == [str(post.arrived[0]["Message-ID"])] * 2


def test_a_trial_goes_to_everybody_and_leaves_no_mark(post: Post, tmp_path: Path) -> None:
    """In the words of each; what went wrong is by name."""
    post.refused["bad@example.org"] = "550 who?"
    config = settings(tmp_path, receiver("me"), receiver("bad"), receiver("ja", language="ja"), port=post.port)
    found = rehearsal.tried(config, clock, sleep=no_sleep)

    assert [name for name, error in found.items() if error is None] == ["me", "ja"]
    assert "550 who?" in str(found["bad"])
    assert post.subjects == ["每日论文速览：试发", "毎日の論文ダイジェスト：テスト送信"]
    assert not (tmp_path / "editions").exists()


# ------------------------------------------------------------------------------------------ failed nights


def tell(config: Config, key: str = "2026-03-17 SourceError") -> dict[tuple[str, str], str]:
    marks = failures.report_failure(config, f"night {key} failed", "arXiv is down.\n", key, clock, no_sleep)
    return {(each.key, each.receiver): each.state for each in marks.marks}


def test_a_failed_night_is_said_once(pigeons: list[tuple[str, Message]], tmp_path: Path) -> None:
    """To those who want it, in every language; the next failure is another."""
    config = settings(
        tmp_path,
        receiver("me"),
        receiver("group", sends=["editions"]),
        receiver("ja", language="ja", sends=["failures"]),
    )
    tell(config)
    tell(config)
    tell(config, "2026-03-18 SourceError")

    assert [(address, message.subject) for address, message in pigeons] == [
        ("me@example.org", "night 2026-03-17 SourceError failed"),
        ("ja@example.org", "night 2026-03-17 SourceError failed"),
        ("me@example.org", "night 2026-03-18 SourceError failed"),
        ("ja@example.org", "night 2026-03-18 SourceError failed"),
    ]
    assert len({message.message_id for _, message in pigeons}) == 4


def test_a_report_that_did_not_arrive_is_sent_again(pigeons: list[tuple[str, Message]], tmp_path: Path) -> None:
    """With what it said, by the next report or before."""
    fail(DeliveryError("the mail server is down, too"))
    assert set(tell(settings(tmp_path)).values()) == {"failed"}

    Pigeon.before = None
    failures.report_again(settings(tmp_path), clock, no_sleep)
    failures.report_again(settings(tmp_path), clock, no_sleep)
    assert [(message.subject, message.text) for _, message in pigeons] == [
        ("night 2026-03-17 SourceError failed", "arXiv is down.\n")
    ]
    assert [each.text for each in postmarks.load_failures(Store(tmp_path)).marks] == [""]


def test_a_full_disk_is_reported_all_the_same(
    pigeons: list[tuple[str, Message]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice rather than not at all."""

    def full(*_: object) -> bool:
        raise StorageError("no space left")

    monkeypatch.setattr(postmarks, "replace", full)
    tell(settings(tmp_path))

    assert len(pigeons) == 1


def test_marks_of_failures_do_not_grow_for_ever() -> None:
    """The newest ones are kept, and all that are not settled."""
    marks = postmarks.FailureMarks()
    for number in range(postmarks.MOST_SETTLED + 50):
        state: Any = "failed" if number == 3 else "sent"
        at = {"receiver": "me", "state": state, "message_id": "a", "attempts": 1, "at": NOW}
        marks = marks.with_mark(postmarks.FailureMark(**at, key=str(number), subject="x"))

    assert len(marks.marks) in {postmarks.MOST_SETTLED, postmarks.MOST_SETTLED + 1}
    assert "3" in {each.key for each in marks.marks}


def test_the_marks_of_failures_are_no_date(pigeons: list[tuple[str, Message]], tmp_path: Path) -> None:
    """Nobody takes them for those of an edition."""
    tell(settings(tmp_path))

    assert postmarks.dates(Store(tmp_path)) == ()


def test_a_signal_does_not_come_between_a_message_and_its_mark(
    tmp_path: Path, pigeons: list[tuple[str, Message]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGTERM while a message is handed over: it is marked as sent, the others wait, the exit code is the signal's."""
    monkeypatch.setattr(INTERRUPT, "signal", None)

    def stop(address: str, message: Message) -> None:
        assert INTERRUPT.is_noted(signal.SIGTERM)

    Pigeon.before = stop
    config = settings(tmp_path, receiver("me"), receiver("group"))
    Store(config.output).save(one())

    with pytest.raises(Interrupted) as caught:
        delivery.deliver(config, one(), clock, sleep=no_sleep)

    assert caught.value.exit_code == 143
    assert [mark.state for mark in postmarks.load(Store(config.output), DAY).marks] == ["sent", "waiting"]
