"""Processes and workers: engine cluster beside engine chat in one process and a bare client in as many.

Asks twice: services that answer at once show where processes end, services with latency how well limits are used.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import scale_asking
from charts import Axis, Series, lines
from run_speed import entries, read_prompt
from scale_measure import Part, Row, Told, answer, child, counted, paragraph, services, table

SCRIPT = Path(__file__).name
WORKERS, PROCESSES = (0, 1, 2, 4), (1, 2, 4)
QUICK_WORKERS, QUICK_PROCESSES = (0, 2), (1, 2)
AT_ONCE, LATENCY = 0.0, 0.5  #: seconds
PAPERS, QUICK_PAPERS = 1_200, 150  #: where services answer at once
WAVES, QUICK_WAVES = 8, 2  #: replies of each slot where they have latency
SLOTS: Mapping[float, Mapping[str, Sequence[int]]] = {
    AT_ONCE: {"one endpoint": (64,), "three endpoints": (16, 16, 32)},
    LATENCY: {"one endpoint": (56,), "three endpoints": (8, 16, 32)},
}
START = 1.5  #: seconds in which bare clients get ready to begin together

# ---- the runs


def ours(urls: list[str], slots: list[int], papers: int, workers: int | None) -> Told:
    """Cards through engine cluster with so many workers over all endpoints, or through engine chat without any."""
    from digest import prompts
    from digest.engines import open_engine
    from digest.engines.roster import Place

    places = [Place(f"{url}/v1", "", one) for url, one in zip(urls, slots, strict=True)]
    given: dict[str, Any] = {"base_url": f"{urls[0]}/v1", "api_key": "", "clock": lambda: datetime.now(UTC)}
    if workers is None:
        engine = open_engine("chat", concurrency=slots[0], **given)
    else:
        engine = open_engine("cluster", endpoints=places, workers=workers, **given)
    began = time.perf_counter()
    first = [prompts.ask(read_prompt(), one.paper, model="bench", take=1) for one in entries(sum(slots))]
    assert len(list(engine.run(first))) == len(first)
    start = time.perf_counter() - began
    counted(urls)  # from here on
    return scale_asking.asked(papers, lambda: engine) | {"start": start}


def split(urls: list[str], slots: list[int], papers: int, processes: int) -> Told:
    """The bare client in so many processes that begin together, each with its part of papers and slots."""
    start, each = time.monotonic() + START, papers // processes
    given = {"urls": urls, "papers": each, "slots": [max(1, one // processes) for one in slots], "start": start}
    with ThreadPoolExecutor(processes) as pool:
        told = list(pool.map(lambda _: child(scale_asking.SCRIPT, "bare", **given), range(processes)))
    cpu, wall = sum(one["cpu"] for one in told), max(one["wall"] for one in told)
    return {"cpu": cpu, "others_cpu": 0.0, "wall": wall, "papers": each * processes}


# ---- the whole


def measure(quick: bool) -> Told:
    return {"tables": [at(latency, quick) for latency in (AT_ONCE, LATENCY)]}


def at(latency: float, quick: bool) -> Told:
    rows = []
    for name, slots in SLOTS[latency].items():
        papers = (QUICK_WAVES if quick else WAVES) * sum(slots) if latency else QUICK_PAPERS if quick else PAPERS
        with services(latency, slots) as urls:
            rows += list(runs(urls, list(slots), papers, name, quick))
    return {"latency": latency, "rows": rows}


def runs(urls: list[str], slots: list[int], papers: int, name: str, quick: bool) -> Iterator[Told]:
    """All clients on the same services, one after the other."""
    shape: Told = {"endpoints": name, "slots": slots}
    for processes in QUICK_PROCESSES if quick else PROCESSES:
        told = split(urls, slots, papers, processes)
        yield shape | {"client": "bare", "processes": processes} | told | counted(urls)
    settings: list[int | None] = list(QUICK_WORKERS if quick else WORKERS)
    if find_spec("ray") is None:
        settings = [0]  # which needs no extra
    for workers in [*([None] if len(urls) == 1 else []), *settings]:
        told = child(SCRIPT, "ours", urls=urls, slots=slots, papers=papers, workers=workers)
        del told["samples"]
        client = "chat" if workers is None else "cluster"
        yield shape | {"client": client, "processes": workers, "papers": papers} | told | counted(urls)


NAMES = {"bare": "bare aiohttp, {} processes", "chat": "chat", "cluster": "cluster, {} workers"}


def name_of(row: Told) -> str:
    """
    What a row is called.

    >>> [name_of({"client": kind, "processes": 1}) for kind in ("bare", "chat", "cluster")]
    ['bare aiohttp, 1 process', 'chat', 'cluster, 1 worker']
    """
    name = NAMES[row["client"]].format(row["processes"])
    return name.replace("1 processes", "1 process").replace("1 workers", "1 worker")


def rate(row: Told) -> float:
    """Papers a second between the first request and the last reply."""
    return float(row["papers"] / row["stage"])


def ideal(row: Told, latency: float) -> float | None:
    """What the limits of the services allow, papers a second; None where they answer at once."""
    return sum(row["slots"]) / latency if latency else None


def words(told: Told) -> Iterator[str]:
    yield from paragraph(
        "Cluster with 0 workers sends from the program's own process; chat is one process and one endpoint. "
        "Papers a second are between the first request and the last reply as the services saw them. *start* is "
        "what came before, until a first reply for each slot was there: Ray's start where there are workers. CPU "
        "is of the program and its workers from then on, without the service."
    )
    for one in told["tables"]:
        latency = one["latency"]
        yield from paragraph(f"Services with {latency:g} s of latency:" if latency else "Services that answer at once:")
        head: Row = ("", "endpoints", "slots", "papers", "papers/s", "of the limit", "start s", "CPU ms/paper")
        rows = []
        for row in one["rows"]:
            limit = ideal(row, latency)
            used = row["cpu"] + row["others_cpu"]
            rows.append(
                (name_of(row), row["endpoints"].partition(" ")[0], " + ".join(map(str, row["slots"])),
                 f"{row['papers']:,}", f"{rate(row):,.0f}", f"{rate(row) / limit:.1%}" if limit else "-",
                 f"{row['start']:.1f}" if "start" in row else "-", f"{1000 * used / row['papers']:.2f}")
            )  # fmt: skip
        yield from table(head, rows)


def charts(told: Told) -> Mapping[str, str]:
    at_once, latent = told["tables"]
    return {
        "workers": chart(at_once, "Where processes end: services that answer at once"),
        "limits": chart(latent, f"Services with latency {latent['latency']:g} s"),
    }


def chart(one: Told, title: str) -> str:
    rows = one["rows"]
    series = []
    for name in dict.fromkeys(row["endpoints"] for row in rows):
        for client, floor in (("cluster", False), ("bare", True)):
            found = [
                (row["processes"], rate(row)) for row in rows if (row["client"], row["endpoints"]) == (client, name)
            ]
            series.append(Series(f"{client}, {name}", found, floor))
    across = sorted({row["processes"] for row in rows if row["processes"] is not None})
    series += [Series("chat", [(place, rate(row)) for place in (across[0], across[-1])])
               for row in rows if row["client"] == "chat"]  # fmt: skip
    if limits := [limit for row in rows if (limit := ideal(row, one["latency"]))]:
        series.append(Series("limit", [(place, limits[0]) for place in (across[0], across[-1])], True))
    x = Axis("workers, or processes of the bare client", ticks=tuple(across))
    return lines(title, x, Axis("papers a second", log=not one["latency"]), series)


PARTS = {"workers": Part("Processes and workers", measure, words, charts)}

if __name__ == "__main__":
    answer({"ours": ours})
