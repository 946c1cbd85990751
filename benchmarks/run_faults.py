"""What becomes of a day when arXiv fails: every fault, alone and repeated, at the first request and at later ones.

    python benchmarks/run_faults.py FOLDER --arxiv http://127.0.0.1:8091 > docs/faults.md

FOLDER and the stand-in are those of run_exactness.py; the stand-in also takes faults: POST /faults {"faults": [RULE],
"replace": true}, a rule being {"kind", "path", "after", "count", ...}. A day must come out exact or not at all.
"""

import argparse
import json
import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from run_exactness import announced, config, morning, new, told

from digest import schedule
from digest.errors import SourceError
from digest.listings import Arxiv
from digest.selection import Rules

FAULTS: Mapping[str, dict[str, Any]] = {
    "HTTP 429": {"kind": "429", "retry_after": "none"},
    "HTTP 503, Retry-After": {"kind": "503", "retry_after": 0},
    "HTTP 500": {"kind": "500"},
    "connection reset": {"kind": "reset"},
    "slower than the timeout": {"kind": "slow", "seconds": 2},
    "an HTML page as 200": {"kind": "html"},
    "document cut in the middle": {"kind": "truncate"},
    "document cut near its end": {"kind": "truncate", "fraction": 0.9},
    "connection broken in the body": {"kind": "truncate", "mode": "connection"},
    "empty page, count kept": {"kind": "empty_page"},
    "empty page, count zero": {"kind": "empty_page", "total": "zero"},
    "count too high": {"kind": "wrong_total", "delta": 5},
    "count too low": {"kind": "wrong_total", "delta": -5},
    "count zero": {"kind": "wrong_total", "value": 0},
    "index grows between pages": {"kind": "duplicate"},
    "index shrinks between pages": {"kind": "skip"},
    "index lacks 30 % of the newest day": {"kind": "lag", "fraction": 0.3},
    "index lacks the newest day": {"kind": "lag"},
}
WAYS = {
    "today": "as today",
    "past": "as a past date",
    "newest": "past, but the newest",
    "missed": "with missed days",
}


def cases() -> Iterator[dict[str, Any]]:
    """When a fault strikes: after so many requests, so often; -1 is for ever."""
    for after in range(6):
        for count in (1, 2, 3, -1):
            yield {"path": "*", "after": after, "count": count}


def outcome(service: str, way: str, day: date, due: frozenset[str], categories: Sequence[str]) -> str:
    """What comes of one day: "exact", "refused" (exit code 75), or "wrong"."""
    now = {
        "today": morning(day),
        "past": datetime(2026, 11, 22, tzinfo=schedule.EASTERN),
        "newest": morning(day) + timedelta(hours=23),
        "missed": morning(day) + timedelta(days=1),
    }[way]
    # "newest" is asked before the next listing is out.
    told(service, "/clock", {"now": None if way == "past" else now.isoformat()})
    before = schedule.nearest(day)[0]
    days = (schedule.nearest(before)[0], before, day) if way == "missed" else (day,)
    with tempfile.TemporaryDirectory() as folder:
        settings = config(service, categories, Path(folder), 0.0)
        quick = settings.arxiv.model_copy(update={"page_size": 30, "timeout_seconds": 1.0})
        desk = Arxiv(settings.model_copy(update={"arxiv": quick}), lambda: now, days)
        try:
            found = new(desk.listing(day, Rules(categories=tuple(categories))))
        except SourceError:
            return "refused"
    if found != due:
        print(f"{way}: {len(due - found)} missing, {len(found - due)} too many", file=sys.stderr)
    return "exact" if found == due else "wrong"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--arxiv", default="http://127.0.0.1:8091")
    parser.add_argument("--date", type=date.fromisoformat, default=date(2026, 3, 17))
    parser.add_argument("--category", action="append", default=[])
    parser.add_argument("--quick", action="store_true", help="every fault once at the first request and once for ever")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    categories = given.category or ["cs.CL"]
    due = announced(next(given.folder.glob(f"{given.date}.jsonl*")), categories)
    found: dict[str, dict[str, Counter[str]]] = {}
    for name, fault in FAULTS.items():
        found[name] = {way: Counter() for way in WAYS}
        chosen = [one for one in cases() if not given.quick or (one["after"], one["count"]) in ((0, 1), (0, -1))]
        if fault["kind"] == "slow":
            chosen = [one for one in chosen if one["count"] == 1]
        for way in WAYS:
            for case in chosen:
                told(given.arxiv, "/faults", {"faults": [{**fault, **case}], "replace": True})
                result = outcome(given.arxiv, way, given.date, due, categories)
                found[name][way][result] += 1
                if result == "wrong":
                    print(f"{way}: {json.dumps({**fault, **case})}", file=sys.stderr)
        print(name, {way: dict(counts) for way, counts in found[name].items()}, file=sys.stderr)
    told(given.arxiv, "/faults", {"faults": [], "replace": True})
    told(given.arxiv, "/clock", {"now": None})
    print(table(found))


def table(found: Mapping[str, Mapping[str, Counter[str]]]) -> str:
    lines = [f"| fault | {' | '.join(WAYS.values())} |", f"| --- |{' --- |' * len(WAYS)}"]
    for name, ways in found.items():
        cells = (
            f"{ways[way]['exact']} exact, {ways[way]['refused']} refused, {ways[way]['wrong']} wrong" for way in WAYS
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    sums = {way: sum((ways[way] for ways in found.values()), Counter[str]()) for way in WAYS}
    cells = (f"{sums[way]['exact']} exact, {sums[way]['refused']} refused, {sums[way]['wrong']} wrong" for way in WAYS)
    return "\n".join([*lines, f"| all | {' | '.join(cells)} |"])


if __name__ == "__main__":
    main()
