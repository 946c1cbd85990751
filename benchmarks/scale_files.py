"""Collecting from a file: a large JSON Lines file over many dates, beside json.loads of each of its lines.

The papers are made up; what is read is what `--papers FILE` reads.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path

from charts import Bar, bars
from run_speed import entries
from scale_measure import Part, Told, Took, answer, child, paragraph, sized, table

SCRIPT = Path(__file__).name
PAPERS, DATES = 100_000, 100
QUICK_PAPERS, QUICK_DATES = 2_000, 10
FIRST = date(2026, 3, 2)

# ---- the runs


def write(path: str, papers: int, dates: int) -> Told:
    """The file: papers of one date stand together, as an export writes them."""
    with Path(path).open("w", encoding="utf-8") as file:
        for number, entry in enumerate(entries(papers)):
            paper = entry.paper
            row = {"id": paper.arxiv_id, "version": 1, "title": paper.title, "authors": list(paper.authors),
                   "abstract": paper.abstract, "categories": list(paper.categories),
                   "announced": (FIRST + timedelta(days=number * dates // papers)).isoformat()}  # fmt: skip
            file.write(json.dumps(row) + "\n")
    return {"bytes": Path(path).stat().st_size}


def listings(path: str, dates: int) -> Told:
    """Every date's listing, one after the other, as a backfill asks for them."""
    from digest.listings import Files
    from digest.selection import Rules

    days = [FIRST + timedelta(days=number) for number in range(dates)]
    took = Took()
    files, rules = Files(Path(path), (), days), Rules(categories=("cs.CL",))
    papers = sum(len(files.listing(day, rules).items) for day in days)
    return took.told() | {"papers": papers}


def loads(path: str) -> Told:
    """json.loads of each line, thrown away."""
    took = Took()
    with Path(path).open("rb") as file:
        papers = sum(bool(json.loads(line)) for line in file)
    return took.told() | {"papers": papers}


def checked(path: str) -> Told:
    """json.loads of each line and a checked Paper of it, thrown away: what any reader of ours has to do."""
    from digest.models import Paper

    took, papers = Took(), 0
    with Path(path).open("rb") as file:
        for line in file:
            row = json.loads(line)
            paper = Paper(arxiv_id=row["id"], version=row["version"], title=row["title"], authors=row["authors"],
                          abstract=row["abstract"], categories=row["categories"])  # fmt: skip
            papers += paper.version
    return took.told() | {"papers": papers}


# ---- the whole


def measure(quick: bool) -> Told:
    papers, dates = (QUICK_PAPERS, QUICK_DATES) if quick else (PAPERS, DATES)
    with tempfile.TemporaryDirectory(prefix="digest-scale-") as scratch:
        path = f"{scratch}/papers.jsonl"
        size = child(SCRIPT, "write", path=path, papers=papers, dates=dates)["bytes"]
        runs = {
            "listings": child(SCRIPT, "listings", path=path, dates=dates),
            "checked": child(SCRIPT, "checked", path=path),
            "loads": child(SCRIPT, "loads", path=path),
        }
    for one in runs.values():
        del one["samples"]
    return {"papers": papers, "dates": dates, "bytes": size, "runs": runs}


def words(told: Told) -> Iterator[str]:
    papers, dates = told["papers"], told["dates"]
    yield from paragraph(
        f"{papers:,} papers over {dates} dates in one JSON Lines file of {sized(told['bytes'])}; every date is "
        "asked for in turn. The floors read the file once and forget it."
    )
    rows = [
        (name, f"{told['runs'][kind]['wall']:.2f}", f"{told['runs'][kind]['cpu']:.2f}",
         f"{1e6 * told['runs'][kind]['cpu'] / papers:.0f}", f"{told['runs'][kind]['peak_mb']:.0f}",
         f"{told['runs'][kind]['papers']:,}")
        for kind, name in names(told).items()
    ]  # fmt: skip
    yield from table(("", "wall s", "CPU s", "CPU µs/paper", "MB at most", "papers"), rows)


def names(told: Told) -> Mapping[str, str]:
    return {
        "listings": f"digest, {told['dates']} listings",
        "checked": "json.loads, and a checked Paper",
        "loads": "json.loads of each line",
    }


def charts(told: Told) -> Mapping[str, str]:
    rows = [
        Bar(name, 1e6 * told["runs"][kind]["cpu"] / told["papers"], floor=kind != "listings")
        for kind, name in names(told).items()
    ]
    title = f"Collecting {told['papers']:,} papers of {told['dates']} dates from a file"
    return {"files": bars(title, "microseconds of CPU for each paper", rows)}


PARTS = {"files": Part("Collecting from files", measure, words, charts)}

if __name__ == "__main__":
    answer({"write": write, "listings": listings, "loads": loads, "checked": checked})
