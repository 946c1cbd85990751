"""What a whole day becomes with a model service in trouble: one row for each way in which a service can fail.

    python benchmarks/run_summaries.py --arxiv http://127.0.0.1:8091 --llm http://127.0.0.1:8090 --write FILE

Both are stand-ins on loopback. The first gives listings and takes POST /clock {"now": ISO time}. The second is an
OpenAI-compatible service that takes POST /reset {"args": [FLAG, ...]} to change its behaviour and to forget what it was
asked, and tells that at GET /stats?brief=1. The day goes through `digest run` as a user starts it, each row in a folder
of its own.
"""

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

FIELDS = ("tldr", "motivation", "method", "result", "conclusion")
BEGIN, END = "<!-- begin: made by benchmarks/run_summaries.py -->", "<!-- end -->"
CONTENT = "malformed truncated fence think prose missing empty null list placeholder english refusal content_filter "
CONTENT += "wrong_numbers inject echo control repeat"
TRANSPORT = "500 502 503 429 reset drip empty_200 html_200 html_502 no_choices"
STORM = [f"--fault={kind}=0.01" for kind in f"{CONTENT} {TRANSPORT}".split()] + ["--fault=hang=0.002"]
DOUBT = 'class="doubt"'
DRAW = random.Random(20260317)


@dataclass
class Bench:
    """Where the stand-ins are, and which day is made."""

    arxiv: str
    llm: str
    day: str
    categories: Sequence[str]
    rows: list[str] = field(default_factory=list)

    def told(self, url: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def reset(self, *flags: str) -> None:
        self.told(f"{self.llm}/reset", {"args": [str(flag) for flag in flags]})

    def stats(self) -> Any:
        return self.told(f"{self.llm}/stats?brief=1")

    def command(self, folder: Path, *flags: str) -> list[str]:
        asked = [part for name in self.categories for part in ("--category", name)]
        shared = ["--output", str(folder / "site"), "--cache", str(folder / "cache"), "--json"]
        return [sys.executable, "-m", "digest", "run", "--date", self.day, *asked, *shared, *flags]

    @property
    def environment(self) -> dict[str, str]:
        ours = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": f"{self.llm}/v1", "DIGEST_MODEL": "test-1"}
        ours |= {"DIGEST_ARXIV_API": f"{self.arxiv}/api/query", "DIGEST_ARXIV_RSS": self.arxiv}
        ours |= {"DIGEST_ARXIV_OAI": f"{self.arxiv}/oai2", "DIGEST_NOW": f"{self.day}T06:00:00Z"}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DIGEST_", "OPENAI_"))}
        return kept | ours


@dataclass(frozen=True)
class Day:
    """What a run made."""

    entries: Sequence[Mapping[str, Any]]
    page: str
    stats: Mapping[str, Any]
    seconds: float
    cpu: float  #: seconds of the run's process
    code: int
    said: str

    def count(self, state: str) -> int:
        return sum(state_of(entry) == state for entry in self.entries)


def state_of(entry: Mapping[str, Any]) -> str:
    return "pending" if entry["card"] is None else "flagged" if entry["problems"] else "shown"


def run(bench: Bench, folder: Path, *flags: str, config: str = "") -> Day:
    (folder / "digest.toml").write_text(config or "[arxiv]\ndelay_seconds = 0.05\n", encoding="utf-8")
    began, before = time.monotonic(), os.times()
    done = subprocess.run(
        [*bench.command(folder, *flags), "--config", str(folder / "digest.toml")],
        env=bench.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return made(bench, folder, time.monotonic() - began, cpu, done.returncode, done.stderr)


def made(bench: Bench, folder: Path, seconds: float, cpu: float, code: int, said: str) -> Day:
    record, page = folder / f"site/editions/{bench.day}.json", folder / f"site/{bench.day}/index.html"
    entries = json.loads(record.read_bytes())["entries"] if record.exists() else []
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    return Day(entries, text, bench.stats(), seconds, cpu, code, said)


# ---- what is looked at, without the program's own checks -----------------------------------------------------------

FIGURE = re.compile(r"\d+(?:\.\d+)?")


def misquotes(entry: Mapping[str, Any]) -> bool:
    """Whether a card holds a row of digits that neither title nor abstract holds: enough for this service's cards."""
    source = set(FIGURE.findall(entry["paper"]["title"] + " " + entry["paper"]["abstract"]))
    return any(figure not in source for name in FIELDS for figure in FIGURE.findall(entry["card"][name]))


def unmarked(day: Day) -> int:
    return sum(state_of(entry) == "shown" and misquotes(entry) for entry in day.entries)


class Active(HTMLParser):
    """Counts what would run or load on a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += tag in ("script", "iframe", "object", "embed", "img", "form", "base")
        self.found += sum(name.startswith("on") or (value or "").startswith("javascript:") for name, value in attrs)


def active(page: str) -> int:
    parser = Active()
    parser.feed(page)
    return parser.found


def refusals(day: Day) -> int:
    return int(day.stats["by_status"].get("429", 0))


# ---- rows ----------------------------------------------------------------------------------------------------------


def row(name: str, behaviour: Sequence[str], day: Day, verdict: str) -> str:
    counts = " + ".join(str(day.count(state)) for state in ("shown", "flagged", "pending"))
    asked = " ".join(behaviour)
    return (
        f"| {name} | {f'`{asked}`' if len(asked) < 90 else 'see below'} | {len(day.entries)} = {counts} "
        f"| {day.stats['requests']} | {day.seconds:.1f} | {day.code} | {verdict} |"
    )


Row = Callable[[Bench, Path], str]


def simple(name: str, behaviour: Sequence[str], verdict: Callable[[Day], str], *flags: str, config: str = "") -> Row:
    def made_row(bench: Bench, folder: Path) -> str:
        bench.reset(*behaviour)
        day = run(bench, folder, *flags, config=config)
        return row(name, behaviour, day, verdict(day))

    return made_row


def stage(day: Day, latency: float, slots: int) -> str:
    """The time from the first request to the last reply, as the service saw it, against the waves it must take."""
    waves = -(-len(day.entries) // slots) * latency
    span = day.stats["span_s"]
    cpu = 1000 * day.cpu / len(day.entries)
    return f"{span:.2f} s, {span / waves:.3f} of {waves:.0f} s; CPU {cpu:.1f} ms a paper, start and pages included"


def rate(day: Day, per_minute: float, latency: float) -> str:
    """How much of a limit was used, from the first request to the last one's start."""
    span = day.stats["span_s"] - latency
    passed = int(day.stats["by_status"]["200"])
    return f"{span:.1f} s: {(passed - 1) / span * 60 / per_minute:.1%} of the limit, {refusals(day)} refused"


def killed(bench: Bench, folder: Path) -> str:
    """Kill the run ten times, then let it end."""
    behaviour = ("--latency=0.5", "--max-concurrency=64")
    bench.reset(*behaviour)
    (folder / "digest.toml").write_text("[arxiv]\ndelay_seconds = 0.05\n", encoding="utf-8")
    command = [*bench.command(folder, "--concurrency", "64"), "--config", str(folder / "digest.toml")]
    flying = 0
    for _ in range(10):
        process = subprocess.Popen(command, env=bench.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(DRAW.uniform(0.8, 3.5))
        flying += bench.stats()["in_flight"]
        process.send_signal(signal.SIGKILL)
        process.wait()
    day = run(bench, folder, "--concurrency", "64")
    again = day.stats["papers"]["paid_again"]
    verdict = f"{again} paid again of {flying} in flight at the kills"
    return row("kill -9 ten times", behaviour, day, verdict)


def twice(bench: Bench, folder: Path) -> str:
    """Two runs at once on one cache, into two folders."""
    behaviour = ("--latency=0.3", "--max-concurrency=64")
    bench.reset(*behaviour)
    other = folder / "other"
    (other / "site").mkdir(parents=True)
    (folder / "digest.toml").write_text("[arxiv]\ndelay_seconds = 0.05\n", encoding="utf-8")
    command = [*bench.command(folder, "--concurrency", "32"), "--config", str(folder / "digest.toml")]
    second = [str(other / "site") if part == str(folder / "site") else part for part in command]
    process = subprocess.Popen(second, env=bench.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    day = run(bench, folder, "--concurrency", "32")
    process.wait()
    full = len(made(bench, other, 0, 0, 0, "").entries)
    verdict = f"{day.stats['papers']['paid_again']} paid again; the other edition has {full} papers"
    return row("two runs at once, one cache", behaviour, day, verdict)


def remembered(bench: Bench, folder: Path) -> str:
    """A service without schemas, on two days with one cache: what the second costs."""
    behaviour = ("--latency=1", "--max-concurrency=64", "--reject=json_schema")
    bench.reset(*behaviour)
    day = run(bench, folder, "--concurrency", "64")
    first = day.stats["by_status"].get("400", 0)
    record = folder / f"site/editions/{bench.day}.json"
    record.unlink()
    (folder / "cache/cache.db").unlink()
    bench.reset(*behaviour)
    again = run(bench, folder, "--concurrency", "64")
    return row(
        "no schemas", behaviour, day, f"{first} refused; {again.stats['by_status'].get('400', 0)} in the next run"
    )


def rows() -> Iterator[Row]:
    fast = ("--concurrency", "64")
    quick = "[arxiv]\ndelay_seconds = 0.05\n[engine]\ntimeout_seconds = 5\n"
    yield simple("a good service", ("--latency=1", "--max-concurrency=64"), lambda day: stage(day, 1, 64), *fast)
    yield simple(
        "storm", ("--latency=0.3", *STORM, "--injected-retry-after=0.5", "--drip-seconds=30", "--hang-seconds=60"),
        lambda day: f"{(day.count('shown') + day.count('flagged')) / len(day.entries):.2%} with a card, "
        f"{unmarked(day)} misquotes unmarked, {active(day.page)} active parts on the page",
        *fast, config=quick,
    )  # fmt: skip
    yield simple(
        "always misquotes a fifth", ("--latency=0.1", "--fault=wrong_numbers=0.2", "--fault-mode=always"),
        lambda day: f"{day.count('flagged')} marked, {unmarked(day)} misquotes unmarked, "
        f"{day.page.count(DOUBT)} underlined places", *fast,
    )  # fmt: skip
    yield killed
    yield twice
    yield remembered
    for name, config, flags in (
        ("600 a minute, told", "requests_per_minute = 600\n", ("--burst-seconds=0.1",)),
        ("600 a minute, by its headers", "", ("--burst-seconds=0.1",)),
        ("600 a minute, by its headers, 1 s at once", "", ("--burst-seconds=1",)),
    ):
        yield simple(
            name, ("--latency=1", "--rpm=600", *flags), lambda day: rate(day, 600, 1), *fast,
            config=f"[arxiv]\ndelay_seconds = 0.05\n[engine]\n{config}",
        )  # fmt: skip
    yield simple(
        "32 at once, 429 beyond", ("--latency=0.5", "--max-concurrency=32", "--over-concurrency=429"),
        lambda day: f"{refusals(day)} refused, {day.stats['span_s']:.1f} s; at 32 {len(day.entries) / 64:.1f} s", *fast,
    )  # fmt: skip
    yield simple(
        "one in fifty hangs, time-out 5 s", ("--latency=0.3", "--fault=hang=0.02", "--hang-seconds=600"),
        lambda day: f"{day.stats['span_s']:.1f} s", *fast, config=quick,
    )  # fmt: skip
    yield simple("outage of 10 s", ("--latency=0.3", "--outage=1:11"), lambda _: "", *fast)
    yield simple(
        "web pages instead of answers", ("--fault=html_200=1",),
        lambda day: (day.said.strip().splitlines() or [""])[0][:160], *fast,
    )  # fmt: skip
    yield simple(
        "quota used up after 200", ("--latency=0.1", "--quota=200"),
        lambda day: (day.said.strip().splitlines() or [""])[0][:160], *fast,
    )  # fmt: skip
    yield simple(
        "hostile replies", ("--fault=inject=1",), lambda day: f"{active(day.page)} active parts on the page", *fast
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--arxiv", required=True, help="address of a stand-in for arXiv")
    parser.add_argument("--llm", required=True, help="address of a stand-in for a model service, without /v1")
    parser.add_argument("--date", default="2026-03-17")
    parser.add_argument("--categories", nargs="*", default=["cs.CV", "cs.CL", "cs.AI"])
    parser.add_argument("--only", type=int, nargs="*", help="numbers of rows, from 1")
    parser.add_argument("--write", type=Path, help="put the table between the two marks of this file")
    asked = parser.parse_args()
    bench = Bench(asked.arxiv.rstrip("/"), asked.llm.rstrip("/"), asked.date, asked.categories)
    bench.told(f"{bench.arxiv}/clock", {"now": f"{asked.date}T06:00:00Z"})
    table = [
        f"{asked.date}, {' '.join(asked.categories)}; papers = shown + flagged + pending. The storm is "
        f"`{' '.join(STORM)}`.\n",
        "| row | the service | papers | requests | wall s | exit | |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for number, make in enumerate(rows(), 1):
        if asked.only and number not in asked.only:
            continue
        with tempfile.TemporaryDirectory() as folder:
            table.append(make(bench, Path(folder)))
        print(table[-1], flush=True)
    bench.reset()
    if asked.write:
        text = asked.write.read_text(encoding="utf-8")
        before, _, rest = text.partition(BEGIN)
        after = rest.partition(END)[2]
        asked.write.write_text("\n".join([before + BEGIN, *table, END + after]), encoding="utf-8")


if __name__ == "__main__":
    main()
