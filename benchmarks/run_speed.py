"""How fast a day is summarized, against what the endpoint allows and against a bare client, in one run.

Starts its own service and makes up its own papers; reaches nothing beyond this machine.

    python benchmarks/run_speed.py --write benchmarks/SPEED.md
"""

import argparse
import asyncio
import json
import math
import os
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
WORDS = re.findall(
    r"\w+",
    "gated attention stable long sequence model graph neural training sparse robust kernel policy reward vision token "
    "latent diffusion sampling bound convex estimator benchmark language retrieval agent planning transfer",
)


def entries(count: int) -> list[Any]:
    """Made-up papers with abstracts of the usual length, about 1,300 characters with six figures in them."""
    from digest.models import Entry, Paper

    draw = random.Random(7)

    def sentence() -> str:
        return " ".join(draw.choices(WORDS, k=22)).capitalize()

    def paper(number: int) -> Paper:
        figures = [f"{sentence()}, a gain of {draw.randint(1, 30)}.{draw.randint(0, 9)}%." for _ in range(6)]
        return Paper(
            arxiv_id=f"2603.{number:05d}",
            version=1,
            title=f"On {' '.join(draw.choices(WORDS, k=8))}",
            authors=("Ada Lovelace", "Alan Turing"),
            abstract=" ".join(figures),
            categories=("cs.CL",),
        )

    return [Entry(paper=paper(number), announce_type="new") for number in range(count)]


def read_prompt() -> Any:
    from digest.prompts import Prompt
    from digest.resources import read

    system, user, repair = (read("prompts", f"card.{part}.md", HERE) for part in ("system", "user", "repair"))
    return Prompt(system, user, repair, language="zh-Hans")


# ---- one measured run, each in a process of its own


def ours(url: str, papers: int, slots: int, cache: str) -> dict[str, Any]:
    """The summary as `digest run` makes it, from empty entries to cards."""
    from digest import summary
    from digest.engines.cached import CachedEngine, open_cache
    from digest.engines.chat import ChatEngine

    todo = entries(papers)
    opened: list[ChatEngine] = []

    def engine() -> ChatEngine:
        opened.append(ChatEngine(base_url=url, api_key="", clock=lambda: datetime.now(UTC), concurrency=slots))
        return opened[0]

    store: Any = open_cache(Path(cache))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    cards = 0
    for entry in summary.summarize(todo, CachedEngine(engine, store), read_prompt(), model="bench"):
        cards += entry.state == "shown"
    told = measured(wall, cpu, papers)
    store.close()
    return {**told, "before_mb": before / 1024, "cards": cards, "sent": sum(one.sent for one in opened)}


def bare(url: str, papers: int, slots: int, cache: str) -> dict[str, Any]:  # noqa: ARG001
    """The same requests through aiohttp alone: parsed, not judged, not kept."""
    import aiohttp

    from digest import prompts
    from digest.engines.dialect import Dialect

    prompt, dialect = read_prompt(), Dialect()
    bodies = iter([dialect.body(prompts.ask(prompt, one.paper, model="bench"), 0) for one in entries(papers)])

    async def worker(session: aiohttp.ClientSession) -> None:
        for body in bodies:
            async with session.post(f"{url}/chat/completions", json=body) as response:
                json.loads(json.loads(await response.read())["choices"][0]["message"]["content"])

    async def main() -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=slots)) as session:
            await asyncio.gather(*(worker(session) for _ in range(slots)))

    wall, cpu = time.perf_counter(), time.process_time()
    asyncio.run(main())
    return measured(wall, cpu, papers)


def measured(wall: float, cpu: float, papers: int) -> dict[str, Any]:
    return {
        "wall": time.perf_counter() - wall,
        "cpu_ms": (time.process_time() - cpu) * 1000 / papers,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


# ---- the whole


@contextmanager
def service(latency: float, slots: int) -> Iterator[str]:
    command = [sys.executable, str(HERE / "service.py"), "--latency", str(latency), "--slots", str(slots)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(running.stdout.readline())}"
        finally:
            running.terminate()


def child(kind: str, url: str, papers: int, slots: int, cache: str = "") -> dict[str, Any]:
    """One run in a fresh process, with the service's own count of it."""
    command = [sys.executable, __file__, "--child", kind, "--url", f"{url}/v1", "--papers", str(papers)]
    command += ["--slots", str(slots), "--cache", cache]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    with urllib.request.urlopen(f"{url}/stats") as told:
        return {**json.loads(done.stdout), **json.load(told)}


def speed(papers: int, latency: float, slots: int) -> Iterator[tuple[str, ...]]:
    """Rows for one number of slots: the bare client, ours, and ours again from the cache."""
    limit, waves = papers * latency / slots, math.ceil(papers / slots) * latency
    with service(latency, slots) as url, tempfile.TemporaryDirectory() as cache:
        for name, kind in (("bare aiohttp", "bare"), ("digest", "ours"), ("digest again", "ours")):
            got = child(kind, url, papers, slots, cache)
            stage = got["stage"]
            yield (
                name,
                str(slots),
                str(papers),
                f"{got['wall']:.2f}",
                f"{stage:.2f}" if stage else "-",
                f"{stage / waves:.3f}" if stage else "-",
                f"{stage / limit:.3f}" if stage else "-",
                f"{got['cpu_ms']:.2f}",
                str(got["requests"]),
                str(got.get("cards", "-")),
            )


def memory(papers: int) -> Iterator[tuple[str, ...]]:
    """Peak memory at N and 4N papers, the papers themselves being in it from the start."""
    with service(0.05, 64) as url, tempfile.TemporaryDirectory() as folder:
        for count in (papers, 4 * papers):
            got = child("ours", url, count, 64, os.path.join(folder, str(count)))  # noqa: PTH118
            grown = got["peak_mb"] - got["before_mb"]
            yield str(count), f"{got['before_mb']:.0f}", f"{got['peak_mb']:.0f}", f"{grown:.0f}"


def help_seconds() -> float | None:
    """Wall time of `digest --help`, median of seven; None where there is no command line yet."""
    command, times = [sys.executable, "-m", "digest", "--help"], []
    for _ in range(7):
        began = time.perf_counter()
        if subprocess.run(command, capture_output=True, check=False).returncode:
            return None
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def report(papers: int, latency: float, slots: list[int]) -> Iterator[str]:
    """The whole report as Markdown, line by line as it is measured."""
    yield "# Speed\n"
    yield f"Made by `benchmarks/run_speed.py` on Python {sys.version.split()[0]}, {os.cpu_count()} cores, "
    yield f"load {os.getloadavg()[0]:.1f} at the start. Latency L = {latency:g} s, C slots, N papers."
    yield "`stage` is from the first request to the last reply as the service saw them, `waves` is ⌈N/C⌉·L,"
    yield "`limit` is N·L/C. CPU is that of client, checks and cache together.\n"
    head = ("client", "C", "N", "wall s", "stage s", "stage/waves", "stage/limit", "CPU ms/paper", "requests", "cards")
    yield from table(head, (row for count in slots for row in speed(papers, latency, count)))
    yield ""
    yield from table(("N", "MB before", "MB at most", "MB grown"), memory(papers))
    seconds = help_seconds()
    yield "\n`digest --help`: " + (f"{seconds:.3f} s" if seconds else "not there") + ", median of seven."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--papers", type=int, default=530)
    parser.add_argument("--latency", type=float, default=1.0, help="seconds")
    parser.add_argument("--slots", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--write", type=Path, help="also into this file")
    parser.add_argument("--child", choices=["ours", "bare"], help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    parser.add_argument("--cache", default="", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        run = ours if asked.child == "ours" else bare
        print(json.dumps(run(asked.url, asked.papers, asked.slots[0], asked.cache)))
        return
    lines = []
    for line in report(asked.papers, asked.latency, asked.slots):
        print(line, flush=True)
        lines.append(line)
    if asked.write:
        asked.write.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
