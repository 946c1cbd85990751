"""Nights of a digest that runs by itself while everything around it fails: run_nights.py in short.

Real processes, and servers of our own on loopback; no test here may need a disk that it can't mount.
"""

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from datetime import time as of_day
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import loopback
import pytest
from pytest_httpserver import HTTPServer

from digest import schedule
from digest.models import Paper

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="a source distribution has no benchmarks")

DAYS = (date(2026, 3, 13), date(2026, 3, 14), date(2026, 3, 16), date(2026, 3, 17))  #: Friday to Tuesday
LISTINGS = tuple(day for day in DAYS if schedule.is_listing_day(day))
HOURS = (of_day(5, 30), of_day(7, 30))
PAPERS = 6  #: of a listing


@pytest.fixture
def rooms(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The modules of the simulation."""
    monkeypatch.syspath_prepend(str(FOLDER))
    names = ("nights", "night_world", "night_left", "night_letters", "night_judge", "run_nights")
    return SimpleNamespace(**{name: importlib.import_module(name) for name in names})


def listing(day: date) -> list[Paper]:
    """The papers of a listing, numbered on from the one before."""
    window = schedule.window(day)
    step = (window.end - window.start) / (PAPERS + 1)
    first = 100 * (1 + day.toordinal() - DAYS[0].toordinal())
    return [
        loopback.submitted(
            f"2603.{first + number:05}",
            "cs.CL" if number % 2 else "cs.CV",
            moment=window.start + step * (number + 1),
            title=f"Study {first + number}",
            abstract=f"A gated attention is stable in study {'abcdef'[number]} of {day:%A}.",
        )
        for number in range(PAPERS)
    ]


class Sky:
    """arXiv by the calendar: it shows what has been announced by its clock."""

    def __init__(self, server: HTTPServer) -> None:
        self.arxiv = loopback.Arxiv(server)
        self.before = listing(date(2026, 3, 12))

    @property
    def environment(self) -> Mapping[str, str]:
        return {"DIGEST_ARXIV_API": self.arxiv.api, "DIGEST_ARXIV_RSS": self.arxiv.rss}

    def set(self, now: datetime, trouble: Any) -> None:
        out = [day for day in LISTINGS if day <= now.astimezone(schedule.EASTERN).date()]
        self.arxiv.papers = [*self.before, *(paper for day in out for paper in listing(day))]
        self.arxiv.day = schedule.newest(now)
        self.arxiv.down = {"search", "feed"} if trouble else set()


class Steady:
    """A model service without control: the toll alone lets it fail."""

    def set(self, trouble: Any) -> None:
        pass


@pytest.fixture
def service() -> Iterator[str]:
    """The address of a model service that takes a twentieth of a second."""
    command = [sys.executable, str(FOLDER / "service.py"), "--latency", "0.05"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
        process.kill()


def troubles(trouble: Any) -> dict[date, dict[str, Any]]:
    """What fails when: everything once."""
    friday, saturday, monday, tuesday = DAYS
    return {
        friday: {"mail": trouble("refused", 1), "machine": trouble("kill in delivery", 1, 0.1)},
        saturday: {"machine": trouble("two at once", 1, 0.1)},
        monday: {"arxiv": trouble("late", 1), "machine": trouble("SIGTERM", 2, 0.45)},
        tuesday: {"service": trouble("down", 1), "machine": trouble("disk full: site", 2, 0.1)},
    }


def test_nights_of_trouble_keep_every_promise(rooms: Any, service: str, httpserver: HTTPServer, tmp_path: Path) -> None:
    """Kills, outages, a full disk and two at once: all is complete, delivered once, paid once, and said."""
    nights, world = rooms.nights, rooms.night_world.World(service)
    weather = {day: nights.Night(day, one) for day, one in troubles(nights.Trouble).items()}
    try:
        with nights.disks(tmp_path, "50m") as can_fill:
            place = nights.Place(tmp_path, ("cs.CV", "cs.CL"), ("cs.CL",), can_fill)
            theatre = nights.Theatre(place, world, Sky(httpserver), Steady(), concurrency=2)
            scenes = rooms.run_nights.play(theatre, [DAYS], weather, HOURS)
            due = {day: rooms.night_left.Due(frozenset(one.arxiv_id for one in listing(day))) for day in LISTINGS}
            left = rooms.night_left.Left(place, world, scenes, due)
            promises = rooms.night_judge.judged(left)
    finally:
        world.close()

    assert {one.name: one.broken for one in promises if one.broken} == {}
    struck = {one.struck for scene in scenes for one in scene.processes}
    assert {"kill", "SIGTERM"} <= struck
    exits = [one.exit for scene in scenes for one in scene.processes]
    assert 75 in exits


# ------------------------------------------------------------------------------------------ the judge and the seed

DAY = date(2026, 3, 13)


def edition_of(*arxiv_ids: str) -> dict[str, Any]:
    entries = [{"paper": {"arxiv_id": one}, "card": {}, "problems": [], "marks": []} for one in arxiv_ids]
    sections = [{"title": "cs.CV", "arxiv_ids": list(arxiv_ids)}]
    return {"source": "feed", "entries": entries, "replacements": [], "sections": sections}


def left_behind(rooms: Any, folder: Path, *arxiv_ids: str) -> Any:
    """One quiet night with two papers due, and an edition of those named that all three receivers have."""
    place = rooms.nights.Place(folder, ("cs.CV",), ("cs.CV",), can_fill=False)
    site = place.site(DAY)
    (site / "editions" / ".delivered").mkdir(parents=True)
    (site / str(DAY)).mkdir()
    (site / "editions" / f"{DAY}.json").write_text(json.dumps(edition_of(*arxiv_ids)))
    (site / str(DAY) / "index.html").write_text("".join(f'<article id="{one}">' for one in arxiv_ids))
    receivers = rooms.night_left.RECEIVERS
    marks = [{"receiver": name, "message_id": f"{name}@x"} for name in receivers]
    (site / "editions" / ".delivered" / f"{DAY}.json").write_text(json.dumps({"marks": marks}))
    letters = [letter(rooms, f"{name}@x", place, papers=arxiv_ids) for name, place in receivers.items()]
    world = SimpleNamespace(letters=letters, toll=SimpleNamespace(passages=[]))
    scenes = [rooms.night_left.Scene(rooms.nights.Night(DAY), DAY, [], [DAY], letters)]
    due = {DAY: rooms.night_left.Due(frozenset({"2603.00001", "2603.00002"}))}
    return rooms.night_left.Left(place, world, scenes, due)


def letter(rooms: Any, mark: str, receiver: str, at: float = 1.0, papers: tuple[str, ...] = ()) -> Any:
    text = "\n".join(f"https://arxiv.org/abs/{one}v1" for one in papers)
    return rooms.night_world.Letter(receiver, f"<{mark}>", "subject", text, at, was_acknowledged=True)


def test_the_judge_is_content_with_a_whole_night(rooms: Any, tmp_path: Path) -> None:
    """Both papers on file, one letter a receiver: nothing is broken."""
    left = left_behind(rooms, tmp_path, "2603.00001", "2603.00002")

    judge = rooms.night_judge
    checks = (judge.nothing_missed, judge.every_card, judge.delivered_once, judge.nothing_paid_twice)
    assert [check(left).broken for check in checks] == [[], [], [], []]


def test_the_judge_misses_a_paper(rooms: Any, tmp_path: Path) -> None:
    """An edition that lacks a paper of the data breaks the first promise, and names it."""
    left = left_behind(rooms, tmp_path, "2603.00001")

    assert rooms.night_judge.nothing_missed(left).broken == ["2026-03-13 (feed): 1 missing: 2603.00002"]


def test_the_judge_sees_a_letter_that_came_twice(rooms: Any, tmp_path: Path) -> None:
    """A second copy that no failure explains is broken, although it carries the same id."""
    left = left_behind(rooms, tmp_path, "2603.00001", "2603.00002")
    left.world.letters.append(letter(rooms, "hook@x", "hook", 2.0))

    assert rooms.night_letters.delivered_once(left).broken == ["2026-03-13: hook got it again for no reason"]


def test_the_judge_sees_a_letter_that_never_came(rooms: Any, tmp_path: Path) -> None:
    """A receiver without its edition is named."""
    left = left_behind(rooms, tmp_path, "2603.00001", "2603.00002")
    del left.world.letters[0]

    assert rooms.night_letters.delivered_once(left).broken == ["2026-03-13: whole@example.org did not get it"]


def test_the_judge_sees_a_whole_letter_that_is_not_whole(rooms: Any, tmp_path: Path) -> None:
    """A mail that lacks a paper of its edition is no delivery of it."""
    left = left_behind(rooms, tmp_path, "2603.00001", "2603.00002")
    left.world.letters[0] = letter(rooms, "whole@x", "whole@example.org", papers=("2603.00002",))

    broken = rooms.night_letters.delivered_once(left).broken
    assert broken == ["2026-03-13: whole@example.org got 1 of 2 papers, and 0 others"]


def test_the_judge_sees_a_letter_that_no_mark_knows(rooms: Any, tmp_path: Path) -> None:
    """Papers under an id that stands in no mark are an edition sent past the books."""
    left = left_behind(rooms, tmp_path, "2603.00001", "2603.00002")
    left.world.letters.append(letter(rooms, "other@x", "hook", papers=("2603.00001",)))

    broken = rooms.night_letters.delivered_once(left).broken
    assert broken == ["hook got papers under an id that no mark has: subject"]


def test_the_judge_sees_a_request_that_was_paid_twice(rooms: Any, tmp_path: Path) -> None:
    """Two answers to one body, and no blow between them: paid twice."""
    left = left_behind(rooms, tmp_path, "2603.00001", "2603.00002")
    for moment in (1.0, 9.0):
        key = rooms.nights.KEY
        one = rooms.night_world.Passage("body", key, moment, moment + 0.1, "answered")
        left.world.toll.passages.append(one)

    assert len(rooms.night_judge.nothing_paid_twice(left).broken) == 1


def test_a_seed_deals_every_trouble_and_the_same_again(rooms: Any) -> None:
    """Thirty nights hold every kind of trouble at least once, and the same seed deals the same weather."""
    nights = rooms.nights
    days = [date(2026, 3, 1) + timedelta(days=count) for count in range(30)]
    dealt = nights.dealt(days, seed=7)

    assert dealt == nights.dealt(days, seed=7) != nights.dealt(days, seed=8)
    for place, kinds in nights.KINDS.items():
        assert {one.weather[place].kind for one in dealt if place in one.weather} == {*kinds}
