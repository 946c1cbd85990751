"""What all parts of run_scale.py share: a run in a fresh process and what it took, the service, tables.

Measures nothing itself, and knows nothing of what is measured.
"""

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SAMPLE = 0.5  #: seconds between two looks at a process
PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = os.sysconf("SC_CLK_TCK")

Told = dict[str, Any]  #: what a run says of itself, as JSON
Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the whole: how it is measured, and what its result looks like in words and in charts."""

    title: str
    measure: Callable[[bool], Told]  #: whether quick -> numbers, nothing but JSON
    words: Callable[[Told], Iterator[str]]  #: lines of Markdown, tables in it
    charts: Callable[[Told], Mapping[str, str]]  #: name -> SVG


# ---- a run in a process of its own


def child(script: str, kind: str, **given: Any) -> Told:
    """What a function of `script` says, run in a fresh process, with its memory as others see it."""
    command = [sys.executable, str(HERE / script), kind, json.dumps(given)]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        running = subprocess.Popen(command, stdout=out, stderr=err, text=True, cwd=HERE)
        with _Watched(running.pid) as seen:
            code = running.wait()
        out.seek(0)
        err.seek(0)
        if code:
            raise SystemExit(f"{script} {kind} {given}: exit {code}\n{err.read()[-4000:]}")
        told: Told = json.loads(out.read().splitlines()[-1])
    return {**told, "samples": seen.samples}


def answer(kinds: Mapping[str, Callable[..., Told]]) -> None:
    """The other side of `child`: run what the command line names, and print what it says."""
    print(json.dumps(kinds[sys.argv[1]](**json.loads(sys.argv[2]))))


class Took:
    """What it took from here on: seconds, seconds of CPU, and the memory of this process before and at most."""

    def __init__(self) -> None:
        self.before = resident(os.getpid())
        self.family = family(os.getpid())
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    def told(self) -> Told:
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        others = {one: used for one, used in family(os.getpid()).items() if one != os.getpid()}
        more = sum(used - self.family.get(one, 0.0) for one, used in others.items())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {
            "wall": wall,
            "cpu": cpu,
            "others_cpu": more,
            "before_mb": self.before,
            "peak_mb": peak,
            "began": self.wall,
        }


class _Watched:
    """Looks at the memory of a process now and then."""

    def __init__(self, process: int) -> None:
        self.process = process
        self.samples: list[tuple[float, float]] = []  #: (perf_counter, MB)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)

    def __enter__(self) -> "_Watched":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()

    def look(self) -> None:
        while not self.over.wait(SAMPLE):
            if memory := resident(self.process):
                self.samples.append((time.perf_counter(), memory))


def resident(process: int) -> float:
    """MB that a process has in memory; 0 where it is gone."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * PAGE / 2**20
    except (OSError, IndexError):
        return 0.0


def family(process: int) -> dict[int, float]:
    """A process and all below it, with the seconds of CPU of each."""
    known: dict[int, tuple[int, float]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        known[int(path.parent.name)] = int(words[1]), (int(words[11]) + int(words[12])) / TICK
    found = {process} & set(known)
    while more := {one for one, (parent, _) in known.items() if parent in found} - found:
        found |= more
    return {one: known[one][1] for one in found}


# ---- the service


@contextmanager
def services(latency: float, slots: Sequence[int]) -> Iterator[list[str]]:
    """The addresses of services on loopback, one process each."""
    with ExitStack() as stack:
        yield [stack.enter_context(_service(latency, one)) for one in slots]


@contextmanager
def _service(latency: float, slots: int) -> Iterator[str]:
    command = [sys.executable, str(HERE / "service.py"), "--latency", str(latency), "--slots", str(slots)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(running.stdout.readline())}"
        finally:
            running.terminate()


def counted(urls: Sequence[str]) -> Told:
    """What the services saw since they were last asked: requests, and seconds from the first to the last reply."""
    told = []
    for url in urls:
        with urllib.request.urlopen(f"{url}/stats") as reply:
            told.append(json.load(reply))
    began = [one["began"] for one in told if one["began"] is not None]
    stage = max(one["ended"] for one in told) - min(began) if began else 0.0
    return {"requests": sum(one["requests"] for one in told), "stage": stage, "each": [one["requests"] for one in told]}


# ---- words


def machine() -> Told:
    """Where and on what it is measured."""
    memory = os.sysconf("SC_PHYS_PAGES") * PAGE / 2**30
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    return {"python": platform.python_version(), "system": platform.system(), "processor": _processor(), "cores": cores,
            "memory_gb": round(memory), "load": round(load, 1)}  # fmt: skip


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def table(head: Row, rows: Sequence[Row]) -> Iterator[str]:
    """A table in Markdown: its first column is of names, all others of numbers."""
    yield f"| {' | '.join(head)} |"
    yield f"| --- |{' ---: |' * (len(head) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def paragraph(text: str) -> Iterator[str]:
    """A paragraph of Markdown, in lines of a width."""
    yield from textwrap.wrap(text, 116, break_long_words=False, break_on_hyphens=False)
    yield ""


def sized(count: float) -> str:
    """
    Bytes in words.

    >>> sized(1_234), sized(56_789_000), sized(1_540_000_000)
    ('1,234 B', '56.8 MB', '1.54 GB')
    """
    if count >= 1e9:
        return f"{count / 1e9:.2f} GB"
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count:,.0f} B"


def timed(seconds: float) -> str:
    """
    Seconds in the unit that reads best.

    >>> timed(0.0000123), timed(0.00456), timed(12.345)
    ('12.3 µs', '4.56 ms', '12.3 s')
    """
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
