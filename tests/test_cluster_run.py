"""A pool of endpoints: what its judge makes of their logs, and run_cluster.py in short, with everything killed once."""

import importlib
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="a source distribution has no benchmarks")


@pytest.fixture
def rooms(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The modules of the benchmark."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return SimpleNamespace(**{name: importlib.import_module(name) for name in ("pool_judge", "run_cluster")})


A, B = "a" * 20, "b" * 20


def test_a_log_tells_what_was_asked_and_what_was_answered(rooms: Any, tmp_path: Path) -> None:
    """A line that breaks off counts for nothing; what was never answered has no end."""
    (tmp_path / "log").write_text(f"asked {A} 1.0000\nasked {B} 2.0000\ntold {A} 3.0000\ntold {B} 4.", encoding="ascii")
    first, second = rooms.pool_judge.read(tmp_path / "log")
    assert (first.name, first.asked, first.told) == (A, 1.0, 3.0)
    assert (second.name, second.told) == (B, float("inf"))


def test_the_same_question_twice_at_once_is_two_askings(rooms: Any, tmp_path: Path) -> None:
    """Each answer belongs to the oldest that waits."""
    text = f"asked {A} 1.0000\nasked {A} 2.0000\ntold {A} 3.0000\ntold {A} 4.0000\n"
    (tmp_path / "log").write_text(text, encoding="ascii")
    assert [one.told for one in rooms.pool_judge.read(tmp_path / "log")] == [3.0, 4.0]


@pytest.mark.parametrize(
    ("told", "kill", "in_flight"),
    [(3.0, 2.0, 1), (3.0, 3.2, 1), (3.0, 0.5, 0), (3.0, 4.0, 0), (float("inf"), 9.0, 1)],
    ids=["on its way", "just told", "before it", "long after", "never told"],
)
def test_paid_twice_is_excused_by_a_kill_alone(rooms: Any, told: float, kill: float, in_flight: int) -> None:
    """A request that was on its way when something was killed had to be asked again; no other."""
    asking = rooms.pool_judge.Asking
    paid = rooms.pool_judge.payments([asking(A, 1.0, told), asking(A, 10.0, 11.0), asking(B, 1.0, 2.0)], [kill])
    assert (paid.requests, paid.paid, paid.in_flight) == (2, 3, in_flight)
    assert len(paid.unexplained) == 1 - in_flight


def test_the_rate_leaves_out_the_time_of_one_reply(rooms: Any) -> None:
    """Ten requests a second for three seconds, each a second long, end after four."""
    asking = rooms.pool_judge.Asking
    found = [asking(A, number / 10, number / 10 + 1) for number in range(31)]
    assert rooms.pool_judge.rate(found, 1.0) == pytest.approx(31 / 3)


def test_editions_are_the_same_whoever_wrote_them_and_when(rooms: Any) -> None:
    """But not with other words in a card."""
    same = rooms.pool_judge.same_but_for_origin
    card = {"tldr": "x", "origin": {"engine": "chat", "created": "1", "key": "k"}}
    other = {"tldr": "x", "origin": {"engine": "cluster", "created": "2", "key": "k"}}
    assert same({"entries": [{"card": card}]}, {"entries": [{"card": other}]})
    assert not same({"entries": [{"card": card}]}, {"entries": [{"card": card | {"tldr": "y"}}]})


def test_made_up_papers_stand_under_weekdays(rooms: Any, tmp_path: Path) -> None:
    """Each identifier once."""
    days = rooms.run_cluster.write_papers(tmp_path / "papers.jsonl", 70, 10)
    rows = [json.loads(line) for line in (tmp_path / "papers.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len({row["id"] for row in rows}) == 70
    assert sorted({row["announced"] for row in rows}) == [str(day) for day in days]
    assert all(day.weekday() < 5 for day in days)
    assert len(days) == 7


@pytest.mark.cluster
@pytest.mark.skipif(find_spec("ray") is None, reason="the extra cluster is not installed")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it looks into /proc")
def test_a_worker_an_endpoint_and_the_driver_are_killed_and_nothing_is_lost(rooms: Any, tmp_path: Path) -> None:
    """Only what was on its way is paid again, and the editions are those of engine chat."""
    run = rooms.run_cluster
    limits = [run.Limits(8, 0, 0.3), run.Limits(12, 0, 0.3), run.Limits(30, 1200, 0.2)]
    papers = tmp_path / "papers.jsonl"
    days = run.write_papers(papers, 360, 90)

    hurt = run.disturbed(tmp_path / "kills", papers, 360, 2, limits, slack=2.0)

    said = (tmp_path / "kills/said.txt").read_text(encoding="utf-8")
    assert len(hurt.kills) == 3, said
    assert (hurt.code, hurt.papers, hurt.missing, hurt.left) == (0, 360, 0, 0), said
    assert (hurt.paid.requests, hurt.paid.unexplained) == (360, ()), said
    assert hurt.paid.in_flight <= 2 * sum(one.slots for one in limits)
    assert run.by_chat(tmp_path / "chat", papers) == 0
    assert run.differing(tmp_path / "kills", tmp_path / "chat") == []
    assert len(run.editions(tmp_path / "chat")) == len(days)
