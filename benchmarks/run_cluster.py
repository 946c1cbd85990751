"""Thousands of papers through `digest backfill --engine cluster`: speed, memory, kills, and the editions of `chat`.

Starts three model services of different limits on loopback and makes up its own papers, unless a file is given.

    python benchmarks/run_cluster.py --papers 20000 --write docs/cluster.md
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from pool_judge import Asking, Payments, payments, rate, read, same_but_for_origin
from run_speed import entries

HERE = Path(__file__).resolve().parent
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith(("DIGEST_", "OPENAI_", "RAY_"))},
    "OPENAI_API_KEY": "sk-benchmark",
    "DIGEST_NOW": "2026-11-01T12:00:00Z",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What an endpoint takes."""

    slots: int
    a_minute: float  #: requests; 0: no limit
    latency: float  #: seconds

    @property
    def rate(self) -> float:
        """Requests a second."""
        by_slots = self.slots / self.latency
        return min(by_slots, self.a_minute / 60) if self.a_minute else by_slots


#: By a rate, by slots, and by both, so that together they take 60 requests a second.
POOL = (Limits(64, 900, 1.0), Limits(20, 0, 1.0), Limits(40, 1500, 0.8))


@dataclass
class Pool:
    """The endpoints, each a process of its own, and their logs."""

    folder: Path
    limits: Sequence[Limits]
    running: list[subprocess.Popen[str]] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)

    def __enter__(self) -> "Pool":
        for nth in range(len(self.limits)):
            self.start(nth)
        return self

    def __exit__(self, *_: object) -> None:
        for one in self.running:
            one.kill()
            one.wait()

    def start(self, nth: int) -> None:
        """An endpoint, at the port it had before."""
        known, limits = nth < len(self.ports), self.limits[nth]
        command = [sys.executable, str(HERE / "pool_endpoint.py"), "--log", str(self.log(nth))]
        command += ["--port", str(self.ports[nth] if known else 0), "--slots", str(limits.slots)]
        command += ["--latency", str(limits.latency), "--a-minute", str(limits.a_minute)]
        one = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert one.stdout is not None
        with one.stdout:
            port = int(one.stdout.readline())
        if known:
            self.running[nth] = one
        else:
            self.running.append(one)
            self.ports.append(port)

    def log(self, nth: int) -> Path:
        """Where an endpoint writes down what it was asked."""
        return self.folder / f"endpoint{nth}.log"

    def askings(self) -> list[Asking]:
        """All requests so far."""
        return [one for nth in range(len(self.limits)) for one in read(self.log(nth))]


@dataclass
class Drive:
    """One call of `digest backfill`, watched: its memory over time, and the editions it told of."""

    process: subprocess.Popen[str]
    memory: list[tuple[float, float]] = field(default_factory=list)  #: seconds, MB
    said: str = ""

    def watch(self) -> None:
        """Look at its memory twice a second until it is over."""
        began = time.monotonic()
        while self.process.poll() is None:
            if (size := resident(self.process.pid)) is not None:
                self.memory.append((time.monotonic() - began, size))
            time.sleep(0.5)


def resident(pid: int) -> float | None:
    """Megabytes of a process in memory; None where it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def workers_of(pid: int) -> list[int]:
    """The worker processes that a driver started, by what they call themselves."""
    running = [int(one.name) for one in Path("/proc").glob("[0-9]*")]
    return sorted(one for one in running if is_worker(one) and pid in ancestors(one))


def is_worker(pid: int) -> bool:
    """Whether a process is there and calls itself a worker; Ray's own helpers have other names."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ray::Actor")
    except OSError:
        return False


def ancestors(pid: int) -> Iterator[int]:
    """Yield the processes that a process comes from."""
    while pid > 1:
        yield pid
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
        except OSError:
            return


def write_papers(path: Path, count: int, a_day: int) -> list[date]:
    """A file of made-up papers under weekdays from March 2020 on."""
    day, days = date(2020, 3, 2), list[date]()
    with path.open("w", encoding="utf-8") as file:
        for nth, entry in enumerate(entries(count)):
            if nth % a_day == 0:
                day += timedelta(days=0 if not days else 3 if day.weekday() == 4 else 1)
                days.append(day)
            paper = entry.paper
            row = {"id": f"20{nth // 100000:02d}.{nth % 100000:05d}", "announced": str(day), "title": paper.title}
            row |= {"authors": paper.authors, "categories": paper.categories, "abstract": paper.abstract}
            file.write(json.dumps(row) + "\n")
    return days


def write_config(folder: Path, pool: Pool, workers: int, engine: str) -> None:
    """A folder's digest.toml: the whole pool for `cluster`, a service without limits for `chat`."""
    lines = ['categories = ["cs.*"]', "[engine]", f'name = "{engine}"', 'model = "bench"', "concurrency = 256"]
    if engine == "chat":
        lines.append(f'base_url = "http://127.0.0.1:{pool.ports[-1]}/v1"')
    else:
        for port, limits in zip(pool.ports, pool.limits, strict=False):
            lines += [
                "[[engine.endpoint]]",
                f'base_url = "http://127.0.0.1:{port}/v1"',
                f"concurrency = {limits.slots}",
            ]
            lines += [f"requests_per_minute = {limits.a_minute:g}"] if limits.a_minute else []
        lines += ["[cluster]", f"workers = {workers}"]
    (folder / "digest.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def drive(folder: Path, papers: Path) -> Drive:
    """Begin a backfill in a folder."""
    command = [sys.executable, "-m", "digest", "backfill", "--papers", str(papers), "--yes"]
    with (folder / "said.txt").open("a", encoding="utf-8") as log:
        return Drive(subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stdout=log, stderr=log, text=True))


def finish(driven: Drive) -> Drive:
    """Wait for a backfill, with an eye on its memory."""
    driven.watch()
    return driven


def editions(folder: Path) -> dict[str, dict[str, object]]:
    """The records of a site, by date."""
    files = sorted((folder / "site/editions").glob("*.json"))
    return {one.stem: json.loads(one.read_bytes()) for one in files}


# ---- the three parts


@dataclass(frozen=True, slots=True)
class Speed:
    """An undisturbed run."""

    papers: int
    requests: int
    seconds: float  #: of the whole command
    rate: float  #: requests a second, as the endpoints saw them
    limit: float  #: the sum of theirs
    each: tuple[tuple[float, float], ...]  #: rate and limit of each endpoint
    memory: tuple[tuple[float, float], ...]
    code: int

    @property
    def share(self) -> float:
        """Of the sum of the limits."""
        return self.rate / self.limit


def undisturbed(folder: Path, papers: Path, count: int, workers: int, limits: Sequence[Limits]) -> Speed:
    """All papers through the pool, as fast as it goes."""
    folder.mkdir()
    with Pool(folder, limits) as pool:
        write_config(folder, pool, workers, "cluster")
        began = time.monotonic()
        done = finish(drive(folder, papers))
        seconds = time.monotonic() - began
        askings = [read(pool.log(nth)) for nth in range(len(limits))]
    together = [one for some in askings for one in some]
    longest = max(one.latency for one in limits)
    each = tuple((rate(some, one.latency), one.rate) for some, one in zip(askings, limits, strict=True) if some)
    total = sum(one.rate for one in limits)
    return Speed(
        count, len(together), seconds, rate(together, longest), total, each, tuple(done.memory), done.process.returncode
    )


@dataclass(frozen=True, slots=True)
class Disturbed:
    """A run in which a worker, an endpoint and the driver were killed."""

    kills: tuple[str, ...]
    paid: Payments
    missing: int  #: papers without a card
    papers: int
    code: int  #: of the second call
    left: int  #: workers of the killed driver that are still there


def disturbed(
    folder: Path, papers: Path, count: int, workers: int, limits: Sequence[Limits], slack: float = 0.0
) -> Disturbed:
    """The same, with a worker killed, then an endpoint for a while, then the driver, and called again."""
    folder.mkdir()
    moments: list[float] = []
    kills: list[str] = []

    def kill(what: str, pid: int) -> None:
        moments.append(time.time())
        os.kill(pid, signal.SIGKILL)
        kills.append(f"{what} after {len(pool.askings()):,} requests")

    with Pool(folder, limits) as pool:
        write_config(folder, pool, workers, "cluster")
        first = drive(folder, papers)
        watching = threading.Thread(target=first.watch, daemon=True)
        watching.start()
        wait_for(pool, count // 5, first)
        kill("a worker", workers_of(first.process.pid)[0])
        wait_for(pool, 2 * count // 5, first)
        kill("an endpoint", pool.running[1].pid)
        pool.running[1].wait()
        wait_for(pool, count // 2, first)
        pool.start(1)
        wait_for(pool, 7 * count // 10, first)
        orphans = workers_of(first.process.pid)
        kill("the driver", first.process.pid)
        watching.join()
        second = finish(drive(folder, papers))
        paid = payments(pool.askings(), moments, slack)
    records = editions(folder).values()
    cards = [entry["card"] is not None for record in records for entry in record["entries"]]  # type: ignore[attr-defined]
    left = sum(is_worker(pid) for pid in orphans)
    return Disturbed(tuple(kills), paid, cards.count(False), len(cards), second.process.returncode, left)


def wait_for(pool: Pool, requests: int, driven: Drive) -> None:
    """Wait until the endpoints have begun with so many."""
    while len(pool.askings()) < requests and driven.process.poll() is None:
        time.sleep(0.05)
    if driven.process.poll() is not None:
        raise SystemExit(f"the run ended before its time: {driven.process.returncode}")


def by_chat(folder: Path, papers: Path) -> int:
    """The same papers through engine `chat`, for its editions."""
    folder.mkdir()
    with Pool(folder, [Limits(512, 0, 0.02)]) as pool:
        write_config(folder, pool, 0, "chat")
        return finish(drive(folder, papers)).process.returncode


def differing(first: Path, second: Path) -> list[str]:
    """The dates whose editions differ in more than who wrote the cards, and when."""
    one, other = editions(first), editions(second)
    return sorted(
        day
        for day in one.keys() | other.keys()
        if day not in one or day not in other or not same_but_for_origin(one[day], other[day])
    )


# ---- the report


def report(speed: Speed, hurt: Disturbed, differ: Sequence[str], days: int, workers: int) -> Iterator[str]:
    """What came of it, as Markdown."""
    yield "# A pool of endpoints\n"
    yield f"Made by `benchmarks/run_cluster.py`: {speed.papers:,} papers under {days} dates, {workers} workers on"
    yield f"{os.cpu_count()} cores that the endpoints share, Python {sys.version.split()[0]}.\n"
    yield "| endpoint | limit, requests/s | reached |\n| --- | --- | --- |"
    for nth, (reached, limit) in enumerate(speed.each):
        yield f"| {nth + 1} | {limit:.1f} | {reached:.2f} |"
    yield f"| together | {speed.limit:.1f} | {speed.rate:.2f} ({speed.share:.1%}) |\n"
    yield f"{speed.requests:,} requests, {speed.seconds:.0f} s for the whole command with all pages, exit {speed.code}."
    yield f"Memory of the driver: {told(speed.memory)}.\n"
    paid = hurt.paid
    yield f"With kills ({'; '.join(hurt.kills)}): {hurt.papers:,} papers, {hurt.missing} without a card,"
    yield f"exit {hurt.code}; {paid.requests:,} different requests, {paid.paid:,} paid: {paid.in_flight} again that"
    yield f"were on their way at a kill, {len(paid.unexplained)} without such a reason.\n"
    yield "Editions that differ from those of engine `chat` in more than who wrote them and when:"
    yield f"{len(differ)} of {days}."


def told(memory: Sequence[tuple[float, float]]) -> str:
    """Memory by quarters of the time."""
    sizes = [size for _, size in memory]
    quarters = [sizes[len(sizes) * nth // 4 : max(1, len(sizes) * (nth + 1) // 4)] for nth in range(4)]
    return ", ".join(f"{max(some):.0f}" for some in quarters if some) + " MB at most in each quarter of its time"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--papers", type=int, default=2000)
    parser.add_argument("--file", type=Path, help="papers in place of made-up ones: JSON Lines with dates")
    parser.add_argument("--a-day", type=int, default=290, help="papers of a date")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--faster", type=float, default=1.0, help="times the limits of every endpoint")
    parser.add_argument("--write", type=Path, help="also into this file")
    asked = parser.parse_args()
    limits = [Limits(round(one.slots * asked.faster), one.a_minute * asked.faster, one.latency) for one in POOL]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        papers = asked.file or folder / "papers.jsonl"
        if not asked.file:
            write_papers(papers, asked.papers, asked.a_day)
        rows = [json.loads(line) for line in papers.read_text(encoding="utf-8").splitlines()]
        speed = undisturbed(folder / "speed", papers, len(rows), asked.workers, limits)
        hurt = disturbed(folder / "kills", papers, len(rows), asked.workers, limits)
        by_chat(folder / "chat", papers)
        differ = differing(folder / "kills", folder / "chat")
        days = len({row["announced"] for row in rows})
        lines = list(report(speed, hurt, differ, days, asked.workers))
    print("\n".join(lines))
    if asked.write:
        asked.write.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
