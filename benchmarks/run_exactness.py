"""How exact a day is: the papers collected for it against those that were announced, on days where that is known.

    python benchmarks/run_exactness.py FOLDER --arxiv http://127.0.0.1:8091 [--category cs.CV]... > docs/exactness.md

FOLDER holds `YYYY-MM-DD.jsonl[.gz]`, a row a paper: id, kind ("new", "cross", "replace"), categories (the primary one
first). At the address a stand-in for arXiv serves these days: /api/query, /rss, /oai2; its clock is set with POST
/clock {"now": TIME}, and GET /stats counts what it was asked. Every day is collected as today's (from the feed), as a
past date (from the search), and in one go as the days that were missed (from OAI-PMH).
"""

import argparse
import gzip
import json
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from digest import schedule
from digest.config import Config
from digest.listings import Arxiv
from digest.models import Listing
from digest.selection import Rules
from digest.settings import Arxiv as Settings


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one day by one way."""

    announced: date
    due: frozenset[str]
    found: frozenset[str]
    requests: int

    @property
    def line(self) -> str:
        missing, extra = len(self.due - self.found), len(self.found - self.due)
        return f"{len(self.due)} | {len(self.found & self.due)} | {missing} | {extra} | {self.requests}"


def announced(file: Path, categories: Sequence[str]) -> frozenset[str]:
    """The papers that a day's file has as new, with their primary category among those asked for."""
    opener = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines if line.strip()]
    return frozenset(row["id"] for row in rows if row["kind"] == "new" and row["categories"][0] in categories)


def told(service: str, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(service + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def config(service: str, categories: Sequence[str], cache: Path, delay: float) -> Config:
    settings = Settings(
        delay_seconds=delay, api=f"{service}/api/query", rss=service, oai=f"{service}/oai2", page_size=200
    )
    return Config(categories=tuple(categories), arxiv=settings, cache=cache)


def new(listing: Listing) -> frozenset[str]:
    return frozenset(item.paper.arxiv_id for item in listing.items if item.announce_type == "new")


def morning(day: date) -> datetime:
    """Two in the morning, US Eastern, of a listing's date: its feed is out."""
    return datetime.combine(day, time(2), schedule.EASTERN)


def collected(
    service: str, days: Sequence[date], due: dict[date, frozenset[str]], settings: Config, at: str
) -> Iterator[Row]:
    """Collect each day: `at` its own morning ("today"), long after ("past"), or all on the last morning ("missed")."""
    for day in days:
        moment = {"today": morning(day), "past": None, "missed": morning(days[-1]) + timedelta(days=1)}[at]
        told(service, "/clock", {"now": moment.isoformat() if moment else None})
        now = moment or datetime(2026, 11, 22, tzinfo=schedule.EASTERN)
        if at != "missed" or day == days[0]:
            desk = Arxiv(settings, partial(_same, now), days if at == "missed" else (day,), fresh=at == "today")
        before = desk.session.requests
        listing = desk.listing(day, Rules(categories=settings.categories))
        yield Row(day, due[day], new(listing), desk.session.requests - before)


def _same(now: datetime) -> datetime:
    return now


def runs(days: Sequence[date]) -> list[list[date]]:
    """Days that follow each other without a gap."""
    found: list[list[date]] = []
    for day in days:
        if found and schedule.nearest(day)[0] == found[-1][-1]:
            found[-1].append(day)
        else:
            found.append([day])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--arxiv", default="http://127.0.0.1:8091")
    parser.add_argument("--category", action="append", default=[])
    parser.add_argument("--delay", type=float, default=0.0)
    given = parser.parse_args()
    categories = given.category or ["cs.CV", "cs.CL", "cs.AI"]
    files = {date.fromisoformat(path.name[:10]): path for path in sorted(given.folder.glob("????-??-??.jsonl*"))}
    due = {day: announced(path, categories) for day, path in files.items()}
    days = list(files)
    ways: dict[str, dict[date, Row]] = {}
    for at in ("today", "past", "missed"):
        groups = runs(days) if at == "missed" else [days]
        ways[at] = {}
        for group in groups:
            with tempfile.TemporaryDirectory() as folder:
                settings = config(given.arxiv, categories, Path(folder), given.delay)
                for row in collected(given.arxiv, group, due, settings, at):
                    ways[at][row.announced] = row
                    print(at, row.announced, row.line, file=sys.stderr)
                    for name, ids in (("missing", row.due - row.found), ("extra", row.found - row.due)):
                        if ids:
                            print(f"  {name}: {' '.join(sorted(ids))}", file=sys.stderr)
    told(given.arxiv, "/clock", {"now": None})
    print(table(categories, days, ways))


def table(categories: Sequence[str], days: Sequence[date], ways: dict[str, dict[date, Row]]) -> str:
    names = {"today": "as today, from the feed", "past": "as a past date, from the search"}
    names["missed"] = "made up for at once, from OAI-PMH"
    lines = [f"New papers of {', '.join(categories)}: due, found, missing, too many, and requests it took.", ""]
    lines += [f"| date | due | {' | '.join(names.values())} |", "| --- | ---: | --- | --- | --- |"]
    for day in days:
        cells = (ways[at][day] for at in names)
        told = (
            f"{len(one.due & one.found)}, −{len(one.due - one.found)} +{len(one.found - one.due)}, {one.requests} req."
            for one in cells
        )
        lines.append(f"| {day} | {len(ways['today'][day].due)} | {' | '.join(told)} |")
    totals = []
    for at in names:
        rows = list(ways[at].values())
        exact = sum(one.due == one.found for one in rows)
        totals.append(f"{exact} of {len(rows)} exact, {sum(one.requests for one in rows)} req.")
    lines.append(f"| all | {sum(len(one.due) for one in ways['today'].values())} | {' | '.join(totals)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
