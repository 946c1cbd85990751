"""Nights of a digest that runs by itself: what weather each one gets, and the processes that live through it.

Draws from a seed and plays; whether the promises held is for night_judge.py, which looks only at what is left behind.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as of_day
from functools import partial
from pathlib import Path
from typing import Protocol

from night_world import World

#: What cron calls. The simulation's patience is some seconds: real minutes would make it no better.
COMMAND = ("run", "--catch-up", "--patience", "0.05", "--log", "json")
HOURS = (of_day(5, 30), of_day(7, 30), of_day(9, 30))  #: UTC, of a crontab with three lines
QUIET = of_day(23, 30)  #: UTC: the last hour at which the feeds of that day are out in winter and in summer
KEYS = {"regenerate": "key-by-hand-4711", "render": "key-unused-4711"}
KEY = "key-nightly-4711"  #: of the model service, for the nightly job
PASSWORD = "password-4711"  #: in the address of the webhook
LONGEST = 300  #: seconds for a process; one that takes longer is stuck
HOLD = 0.5  #: seconds that a receiver holds its answer back while a kill waits for it

ARXIV = ("503", "429", "late", "html", "reset", "empty_page", "truncate", "500", "lag")
SERVICE = ("down", "500", "wrong_numbers", "429", "reset", "malformed", "hang", "empty_200", "english", "truncated")
MAIL = ("refused", "451", "dropped", "slow")
HOOK = ("500", "dropped", "slow")
MACHINE = (
    *("kill", "kill in delivery", "SIGTERM", "disk full: site", "two at once", "kill", "disk full: cache"),
    *("regenerate beside", "SIGTERM in delivery", "render beside", "kill in delivery", "kill"),
)
SHARES = {"arxiv": 0.4, "service": 0.5, "mail": 0.45, "hook": 0.4, "machine": 0.75}
KINDS = {"arxiv": ARXIV, "service": SERVICE, "mail": MAIL, "hook": HOOK, "machine": MACHINE}


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that fails on a night."""

    kind: str
    tries: int  #: of the night, the first ones, that meet it
    chance: float = 0.5  #: in [0, 1): when, how much, how often


@dataclass(frozen=True, slots=True)
class Night:
    """A calendar date and what fails on it, by place: arxiv, service, mail, hook, machine."""

    day: date
    weather: Mapping[str, Trouble] = field(default_factory=dict)

    def trouble(self, place: str, attempt: int) -> Trouble | None:
        """What fails there at an attempt, counted from 0."""
        found = self.weather.get(place)
        return found if found and attempt < found.tries else None


def dealt(days: Sequence[date], seed: int, tries: int = len(HOURS)) -> tuple[Night, ...]:
    """Weather for each day, from decks that hold every kind of trouble before any comes twice."""
    rng = random.Random(seed)
    decks = {}
    for place, kinds in KINDS.items():
        count = round(len(days) * SHARES[place])
        deck: list[str | None] = [kinds[number % len(kinds)] for number in range(count)]
        deck += [None] * (len(days) - count)
        rng.shuffle(deck)
        decks[place] = deck
    return tuple(
        Night(day, {place: _drawn(deck[at], rng, tries) for place, deck in decks.items() if deck[at]})
        for at, day in enumerate(days)
    )


def _drawn(kind: str | None, rng: random.Random, tries: int) -> Trouble:
    return Trouble(str(kind), rng.choice((1, 1, 2, tries)), rng.random())


class Arxiv(Protocol):
    """What stands in for arXiv."""

    def set(self, now: datetime, trouble: Trouble | None) -> None:
        """Let its clock show `now`, and fail as told until the next call."""
        ...

    @property
    def environment(self) -> Mapping[str, str]:
        """Where it is, as digest's variables say it."""
        ...


class Service(Protocol):
    """What stands in for the model service, behind the toll."""

    def set(self, trouble: Trouble | None) -> None:
        """Fail as told until the next call; `down` is for the toll."""
        ...


@dataclass(slots=True)
class Process:
    """A digest process that has ended."""

    what: str  #: "run", "second run", "render", "regenerate"
    night: date
    attempt: int
    began: float
    ended: float = 0.0
    exit: int = 0
    struck: str | None = None  #: "kill", "SIGTERM": by us
    struck_at: float = 0.0
    is_stuck: bool = False
    disk: str | None = None  #: the one that was full
    out: str = ""
    err: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where it all happens: a folder with digest.toml, and the disks of site and cache."""

    folder: Path
    categories: tuple[str, ...]
    sections: tuple[str, ...]  #: of the second receiver
    can_fill: bool  #: the disks are file systems of their own

    @property
    def cache(self) -> Path:
        return self.folder / "disk-cache" / "cache"

    def site(self, era: date) -> Path:
        return self.folder / "disk-site" / f"{era:%Y-%m}"


CONFIG = """\
categories = {categories}
cache = "disk-cache/cache"
output = "{site}"
[arxiv]
delay_seconds = 0
timeout_seconds = 3
[engine]
model = "night-1"
base_url = "{toll}"
concurrency = {concurrency}
timeout_seconds = 3
[smtp]
host = "127.0.0.1"
port = {port}
security = "none"
sender = "digest <digest@example.org>"
timeout_seconds = 5
[[deliver]]
name = "whole"
mail = "whole@example.org"
[[deliver]]
name = "part"
mail = "part@example.org"
sections = {sections}
sends = ["editions"]
[[deliver]]
name = "hook"
url_env = "NIGHTS_HOOK"
form = "short"
"""


class Theatre:
    """Plays nights: one after the other, each with as many tries as a crontab has lines."""

    def __init__(self, place: Place, world: World, arxiv: Arxiv, service: Service, concurrency: int = 8) -> None:
        self.place, self.world, self.arxiv, self.service = place, world, arxiv, service
        self.concurrency = concurrency
        self.processes: list[Process] = []
        self.era = date.min

    def begin(self, era: date) -> None:
        """From here on a site of its own: the calendar jumps."""
        self.era = era
        site = self.place.site(era)
        text = CONFIG.format(
            categories=_toml(self.place.categories),
            sections=_toml(self.place.sections),
            site=site.relative_to(self.place.folder).as_posix(),
            toll=self.world.toll.address,
            port=self.world.mail.port,
            concurrency=self.concurrency,
        )
        (self.place.folder / "digest.toml").write_text(text, encoding="utf-8")

    def play(self, night: Night, hours: Sequence[of_day] = HOURS) -> list[Process]:
        """All tries of a night."""
        found: list[Process] = []
        for attempt, hour in enumerate(hours):
            found += self._attempt(night, attempt, datetime.combine(night.day, hour, UTC))
        self.processes += found
        return found

    def _attempt(self, night: Night, attempt: int, now: datetime) -> list[Process]:
        trouble = partial(night.trouble, attempt=attempt)
        sky, service, machine = trouble("arxiv"), trouble("service"), trouble("machine")
        late = sky is not None and sky.kind == "late"
        # Midnight US Eastern is at 05:00 UTC in winter, and an hour earlier in summer: at 03:30 no feed is out.
        self.arxiv.set(datetime.combine(night.day, of_day(3, 30), UTC) if late else now, None if late else sky)
        self.service.set(None if service and service.kind == "down" else service)
        moods = (one.kind if (one := trouble(place)) else None for place in ("service", "mail", "hook"))
        self.world.fare(*moods, hold=HOLD if machine and "delivery" in machine.kind else 0.0)
        with self._disk(machine) as disk:
            found = self._processes(night, attempt, now, machine)
        for process in found:
            process.disk = disk
        return found

    # -------------------------------------------------------------------------------------- the machine's troubles

    def _processes(self, night: Night, attempt: int, now: datetime, machine: Trouble | None) -> list[Process]:
        start = partial(Running, self, night.day, attempt, now)
        first = start("run", COMMAND)
        others = [start(what, command) for what, command in self._beside(machine)]
        first.watch(self._moment(machine), _signal(machine))
        return [one.end() for one in (first, *others)]

    def _beside(self, machine: Trouble | None) -> Iterator[tuple[str, Sequence[str]]]:
        kind = machine.kind if machine else ""
        if machine and kind in ("two at once", "regenerate beside", "render beside"):
            time.sleep(machine.chance * 0.5)
        if kind == "two at once":
            yield "second run", COMMAND
        elif kind == "regenerate beside" and (arxiv_id := self._some_paper()):
            yield "regenerate", ("regenerate", arxiv_id)
        elif kind == "render beside":
            yield "render", ("render",)

    def _some_paper(self) -> str | None:
        """A paper of the newest edition that has a card."""
        from night_left import editions

        for record in reversed(list(editions(self.place.site(self.era)).values())):
            for entry in record["entries"]:
                if entry["card"]:
                    return str(entry["paper"]["arxiv_id"])
        return None

    def _moment(self, machine: Trouble | None) -> Callable[[], bool]:
        """When to strike: after some time, some answers of the model service, or some messages to receivers."""
        if machine is None or _signal(machine) is None:
            return lambda: False
        toll, began, chance = self.world.toll, time.monotonic(), machine.chance
        if "delivery" in machine.kind:
            messages = len(self.world.letters) + 1 + int(chance * 3)
            return lambda: len(self.world.letters) >= messages
        if chance < 0.4:
            return lambda: time.monotonic() - began >= 0.1 + chance * 8
        answers = toll.answered + 1 + int((chance - 0.4) * 40)
        return lambda: toll.answered >= answers

    @contextmanager
    def _disk(self, machine: Trouble | None) -> Iterator[str | None]:
        """Leave a disk next to no room."""
        if machine is None or not machine.kind.startswith("disk full") or not self.place.can_fill:
            yield None
            return
        name = machine.kind.rpartition(" ")[2]
        ballast = self.place.folder / f"disk-{name}" / "ballast"
        _fill(ballast, leave=int(machine.chance * 200_000))
        try:
            yield name
        finally:
            ballast.unlink()


def _signal(machine: Trouble | None) -> signal.Signals | None:
    kind = machine.kind.partition(" ")[0] if machine else ""
    return {"kill": signal.SIGKILL, "SIGTERM": signal.SIGTERM}.get(kind)


def _toml(names: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


def _fill(ballast: Path, leave: int) -> None:
    with ballast.open("wb") as file:
        room = os.fstatvfs(file.fileno())
        if (size := room.f_bavail * room.f_frsize - leave) > 0:
            os.posix_fallocate(file.fileno(), 0, size)


class Running:
    """A process of digest at work."""

    def __init__(
        self, theatre: Theatre, night: date, attempt: int, now: datetime, what: str, command: Sequence[str]
    ) -> None:
        place, world = theatre.place, theatre.world
        self.process = Process(what, night, attempt, time.time())
        own = {name: value for name, value in os.environ.items() if not name.startswith(("DIGEST_", "OPENAI_"))}
        environment = {
            **own,
            **theatre.arxiv.environment,
            "DIGEST_NOW": now.isoformat(),
            "OPENAI_API_KEY": KEYS.get(what, KEY),
            "NIGHTS_HOOK": f"json://me:{PASSWORD}@127.0.0.1:{world.hook.web.port}/hook",
            "XDG_CACHE_HOME": str(place.folder / "home"),
        }
        logs = place.folder / "logs"
        logs.mkdir(exist_ok=True)
        self._files = [logs / f"{night}-{now:%H%M}-{what.replace(' ', '-')}.{end}" for end in ("out", "err")]
        out, err = (path.open("wb") for path in self._files)
        with out, err:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "digest", *command], stdout=out, stderr=err, env=environment, cwd=place.folder
            )

    def watch(self, is_time: Callable[[], bool], strike: signal.Signals | None) -> None:
        """Strike when it is time, if it comes."""
        while strike is not None and self._child.poll() is None and time.time() - self.process.began < LONGEST:
            if is_time():
                self.process.struck_at = time.time()
                self._child.send_signal(strike)
                self.process.struck = "kill" if strike == signal.SIGKILL else "SIGTERM"
                return
            time.sleep(0.002)

    def end(self) -> Process:
        """Wait for it."""
        try:
            self._child.wait(max(1.0, self.process.began + LONGEST - time.time()))
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
            self.process.is_stuck = True
        self.process.ended, self.process.exit = time.time(), self._child.returncode
        self.process.out, self.process.err = (path.read_text("utf-8", "replace") for path in self._files)
        return self.process


@contextmanager
def disks(folder: Path, size: str) -> Iterator[bool]:
    """Two small file systems below `folder`, or, where mounting is not allowed, two folders; which of both."""
    mounted = []
    try:
        for name in ("disk-site", "disk-cache"):
            (folder / name).mkdir()
            mount = ("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder / name))
            if _runs(*mount):
                mounted.append(folder / name)
        yield len(mounted) == 2
    finally:
        for path in mounted:
            _runs("umount", str(path))


def _runs(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def calendar(eras: Sequence[tuple[date, date]]) -> list[list[date]]:
    """Every calendar date of each span, both ends included."""
    return [[first + timedelta(days=count) for count in range((last - first).days + 1)] for first, last in eras]
