"""What kill -9 costs: a run is killed at random moments, again and again, and what it had handed out is looked for.

    python benchmarks/run_crashes.py [--kills 200] [--seed 1] [--folder DIR]

The engine behind the cache hands its replies over up to 16 together, as the chat engine does; one thread, so besides
those there is at most one request in flight. Prints a table for docs/; exit 1 if a reply is lost or a row damaged.
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from crashes import Result, crashes


def table(result: Result) -> str:
    rows = {
        "kills": result.kills,
        "replies handed out": result.acknowledged,
        "of these lost": result.lost,
        "requests sent": result.sent,
        "of these sent twice": result.twice,
        "most sent twice after one kill": result.most,
        "rows damaged": result.damaged,
        "integrity_check": result.integrity,
        "slowest opening, s": f"{result.slowest_open:.3f}",
    }
    return "\n".join(["| what | |", "| --- | ---: |", *(f"| {name} | {value} |" for name, value in rows.items())])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where to keep what is left")
    asked = parser.parse_args()
    random.seed(asked.seed)
    if asked.folder:
        asked.folder.mkdir(parents=True)
        result = crashes(asked.folder, asked.kills)
    else:
        with tempfile.TemporaryDirectory() as folder:
            result = crashes(Path(folder), asked.kills)
    print(table(result))
    sys.exit(bool(result.lost or result.damaged or result.integrity != "ok"))


if __name__ == "__main__":
    main()
