"""Asking a service: throughput against slots and against papers, and memory over time, beside a bare client.

The service stands on loopback and knows nothing of the program; what is asked is made up.
"""

import asyncio
import itertools
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from charts import Axis, Series, lines
from run_speed import entries, read_prompt
from scale_measure import Part, Told, Took, answer, child, counted, paragraph, resident, services, table

SCRIPT = Path(__file__).name
SLOTS, QUICK_SLOTS = (1, 4, 16, 64, 256, 1024), (1, 8, 64)
WAVES, LATENCY = 4, 1.0  #: replies of each slot; seconds
PAPERS, QUICK_PAPERS = (10, 100, 1_000, 10_000, 100_000), (10, 100, 1_000)
PAPERS_LATENCY, PAPERS_SLOTS = 0.05, 64
BODIES = 256  #: different questions of the bare client, over and over: it holds no papers

# ---- the runs


def chat(urls: list[str], papers: int, slots: list[int]) -> Told:
    """Cards as `digest run` makes them, judged and kept, by engine chat."""
    from digest.engines.chat import ChatEngine

    return asked(
        papers,
        lambda: ChatEngine(base_url=f"{urls[0]}/v1", api_key="", clock=lambda: datetime.now(UTC), concurrency=slots[0]),
    )


def asked(papers: int, opened: Any) -> Told:
    """What it takes from empty entries to cards through the engine that `opened` gives, with a fresh cache."""
    from digest import summary
    from digest.engines.cached import CachedEngine, open_cache

    todo, cards = entries(papers), 0
    with tempfile.TemporaryDirectory() as folder:
        store: Any = open_cache(Path(folder))
        took = Took()
        for entry in summary.summarize(todo, CachedEngine(opened, store), read_prompt(), model="bench"):
            cards += entry.state == "shown"
        told = took.told()
        store.close()
    return {**told, "cards": cards}


def bare(urls: list[str], papers: int, slots: list[int], start: float = 0.0) -> Told:
    """
    As many such requests through aiohttp alone: parsed, not judged, not kept.

    Args:
        urls: Of the services.
        papers: Of all together: who is free takes the next.
        slots: Of each service.
        start: When to begin, on the clock of all processes.
    """
    import aiohttp

    from digest import prompts
    from digest.engines.dialect import Dialect

    prompt, dialect = read_prompt(), Dialect()
    known = [dialect.body(prompts.ask(prompt, one.paper, model="bench"), 0) for one in entries(min(papers, BODIES))]
    todo = itertools.islice(itertools.cycle(known), papers)

    async def worker(session: aiohttp.ClientSession, url: str) -> None:
        for body in todo:
            async with session.post(f"{url}/v1/chat/completions", json=body) as response:
                json.loads(json.loads(await response.read())["choices"][0]["message"]["content"])

    async def main() -> None:
        workers = [url for url, count in zip(urls, slots, strict=True) for _ in range(count)]
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=len(workers))) as session:
            await asyncio.gather(*(worker(session, url) for url in workers))

    time.sleep(max(0.0, start - time.monotonic()))
    took = Took()
    asyncio.run(main())
    return took.told()


def alone(papers: int) -> Told:
    """What papers take in memory with nothing asked about them."""
    import digest.summary  # noqa: F401 - as in a run

    before = resident(os.getpid())
    held = entries(papers)
    return {"before_mb": before, "papers_mb": resident(os.getpid()), "papers": len(held)}


def both(urls: list[str], papers: int, slots: int) -> Told:
    """The bare client and ours, one after the other on the same service."""
    found: Told = {"papers": papers, "slots": slots}
    for kind in ("bare", "chat"):
        told = child(SCRIPT, kind, urls=urls, papers=papers, slots=[slots])
        found[kind] = told | counted(urls)
    return found


def rate(run: Told, papers: int) -> float:
    """Papers a second, from the first request to the last reply as the service saw them."""
    return float(papers / run["stage"])


# ---- slots


def measure_slots(quick: bool) -> Told:
    latency, rows = (0.2 if quick else LATENCY), []
    for slots in QUICK_SLOTS if quick else SLOTS:
        with services(latency, [slots]) as urls:
            rows.append(slim(both(urls, WAVES * slots, slots)))
    return {"latency": latency, "waves": WAVES, "rows": rows}


def slim(found: Told) -> Told:
    """A result without what a process looked like all the time."""
    return {
        name: {key: one for key, one in value.items() if key != "samples"} if isinstance(value, dict) else value
        for name, value in found.items()
    }


def words_of_slots(told: Told) -> Iterator[str]:
    latency = told["latency"]
    yield from paragraph(
        f"Latency L = {latency:g} s, C slots in client and service, N = {told['waves']}·C papers. *ideal* is C/L "
        "papers a second, N·L/C seconds in all; *of it* is how much of that is reached. The bare client is aiohttp, "
        "which parses the reply and throws it away; ours asks, judges, and keeps every reply on disk."
    )
    head = ("slots", "papers", "ideal/s", "bare/s", "digest/s", "bare, of it", "digest, of it", "bare CPU ms/paper",
            "digest CPU ms/paper", "digest MB")  # fmt: skip
    rows = []
    for one in told["rows"]:
        slots, papers, ideal = one["slots"], one["papers"], one["slots"] / latency
        bare_rate, our_rate = rate(one["bare"], papers), rate(one["chat"], papers)
        rows.append(
            (f"{slots:,}", f"{papers:,}", f"{ideal:,.0f}", f"{bare_rate:,.1f}", f"{our_rate:,.1f}",
             f"{bare_rate / ideal:.0%}", f"{our_rate / ideal:.0%}", f"{1000 * one['bare']['cpu'] / papers:.2f}",
             f"{1000 * one['chat']['cpu'] / papers:.2f}", f"{one['chat']['peak_mb']:.0f}")
        )  # fmt: skip
    yield from table(head, rows)


def charts_of_slots(told: Told) -> Mapping[str, str]:
    rows, latency = told["rows"], told["latency"]
    series = [
        Series("digest, engine chat", [(one["slots"], rate(one["chat"], one["papers"])) for one in rows]),
        Series("bare aiohttp", [(one["slots"], rate(one["bare"], one["papers"])) for one in rows], floor=True),
        Series("ideal: slots / latency", [(one["slots"], one["slots"] / latency) for one in rows], floor=True),
    ]
    x = Axis("slots: requests in flight at once", log=True, ticks=tuple(one["slots"] for one in rows))
    title = f"Throughput against slots, latency {latency:g} s"
    return {"slots": lines(title, x, Axis("papers a second", log=True), series)}


# ---- papers


def measure_papers(quick: bool) -> Told:
    sizes = QUICK_PAPERS if quick else PAPERS
    with services(PAPERS_LATENCY, [PAPERS_SLOTS]) as urls:
        rows = [both(urls, papers, PAPERS_SLOTS) for papers in sizes]
    last = rows[-1]["chat"]
    memory = [(moment - last["began"], size) for moment, size in last["samples"] if moment >= last["began"]]
    held = child(SCRIPT, "alone", papers=sizes[-1])
    told = {"memory": memory, "alone_mb": held["papers_mb"], "empty_mb": held["before_mb"]}
    return {"latency": PAPERS_LATENCY, "slots": PAPERS_SLOTS, "rows": [slim(one) for one in rows], **told}


def words_of_papers(told: Told) -> Iterator[str]:
    limit = told["slots"] / told["latency"]
    yield from paragraph(
        f"Latency {told['latency']:g} s, {told['slots']} slots: at most {limit:,.0f} papers a second. Wall time "
        "and CPU are from the first look into the cache to the last card; what our client loads for its first "
        "request is in them. *grown* is the memory at most beside that before the first request, when all papers "
        "are there."
    )
    head = ("papers", "bare wall s", "digest wall s", "bare/s", "digest/s", "bare CPU ms/paper", "digest CPU ms/paper",
            "MB before", "MB grown", "cards")  # fmt: skip
    rows = []
    for one in told["rows"]:
        papers, bare_run, ours = one["papers"], one["bare"], one["chat"]
        rows.append(
            (f"{papers:,}", f"{bare_run['wall']:.2f}", f"{ours['wall']:.2f}", f"{papers / bare_run['wall']:,.0f}",
             f"{papers / ours['wall']:,.0f}", f"{1000 * bare_run['cpu'] / papers:.2f}",
             f"{1000 * ours['cpu'] / papers:.2f}", f"{ours['before_mb']:.0f}",
             f"{ours['peak_mb'] - ours['before_mb']:.0f}", f"{ours['cards']:,}")
        )  # fmt: skip
    yield from table(head, rows)
    sizes = [size for _, size in told["memory"]] or [0.0]
    yield from paragraph(
        f"Memory in the run of {told['rows'][-1]['papers']:,} papers, looked at every half second: {sizes[0]:.0f} "
        f"MB at first, {max(sizes):.0f} MB at most, {sizes[-1]:.0f} MB at the end. A process that holds the papers "
        f"and asks nothing has {told['alone_mb']:.0f} MB, one without papers {told['empty_mb']:.0f} MB. "
        "Up to 4 MB of what grows are pages of the cache's database that SQLite holds."
    )


def charts_of_papers(told: Told) -> Mapping[str, str]:
    rows = told["rows"]
    x = Axis("papers", log=True, ticks=tuple(one["papers"] for one in rows))
    limit = told["slots"] / told["latency"]

    def rate_of(kind: str, name: str, floor: bool = False) -> Series:
        return Series(name, [(one["papers"], one["papers"] / one[kind]["wall"]) for one in rows], floor)

    def cost_of(kind: str, name: str, floor: bool = False) -> Series:
        return Series(name, [(one["papers"], 1000 * one[kind]["cpu"] / one["papers"]) for one in rows], floor)

    ideal = Series("ideal: slots / latency", [(one["papers"], limit) for one in rows], floor=True)
    rates = [rate_of("chat", "digest, engine chat"), rate_of("bare", "bare aiohttp", floor=True), ideal]
    costs = [cost_of("chat", "digest, engine chat"), cost_of("bare", "bare aiohttp", floor=True)]
    length = told["memory"][-1][0] if told["memory"] else 1.0
    held = [Series("digest", told["memory"]),
            Series("the papers alone", [(0.0, told["alone_mb"]), (length, told["alone_mb"])], True),
            Series("no papers", [(0.0, told["empty_mb"]), (length, told["empty_mb"])], True)]  # fmt: skip
    title = f"Memory over time, {rows[-1]['papers']:,} papers"
    return {
        "papers": lines("Throughput against papers, start of the client included", x,
                        Axis("papers a second", log=True), rates),
        "cpu": lines("CPU for each paper", x, Axis("milliseconds", log=True), costs),
        "memory": lines(title, Axis("seconds from the first request"), Axis("MB of the process"), held),
    }  # fmt: skip


PARTS = {
    "slots": Part("Slots", measure_slots, words_of_slots, charts_of_slots),
    "papers": Part("Papers, and memory over time", measure_papers, words_of_papers, charts_of_papers),
}

if __name__ == "__main__":
    answer({"chat": chat, "bare": bare, "alone": alone})
