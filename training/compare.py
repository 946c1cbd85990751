"""Compares models of this machine on the days kept out of the training: how good their cards are, and how slow.

    python training/compare.py pairs.jsonl --cards 100 --folder DIR [--adapter FILE] [--model FILE.gguf] [--base]

Asks as `digest run --engine local` does, with the same prompts, checks, repair and cache; what is in the cache of DIR
is not asked again, so a comparison that was stopped goes on. Without a model, it is the draft model, with the adapter
that is shipped or with the one given; --base leaves the adapter out. Prints a row of the table in docs/local.md. Needs
sacrebleu beside the program and its extra `local`.
"""

import argparse
import json
import random
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sacrebleu.metrics import CHRF

from digest import machine, weights
from digest.config import Config
from digest.engines.cached import CachedEngine, open_cache
from digest.engines.local import LocalEngine
from digest.figures import figures
from digest.models import FIELDS, Answer, Card, Entry, Paper, Request
from digest.pipeline import read_prompt
from digest.summary import summarize

SEED = 7  #: papers are drawn with it
HEAD = (
    "| model | cards | pass all checks | at the first answer | with a doubt | none | figures right | names right "
    "| chrF | s a reply |\n|---|---|---|---|---|---|---|---|---|---|"
)


class Timed:
    """An engine whose answers are timed."""

    def __init__(self, engine: LocalEngine) -> None:
        self.engine, self.seconds, self.sent = engine, list[float](), 0

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
        began = time.monotonic()
        for pair in self.engine.run(requests):
            self.seconds.append(time.monotonic() - began)
            self.sent += 1
            yield pair
            began = time.monotonic()


def drawn(file: Path, number: int) -> list[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        rows = [row for line in lines if (row := json.loads(line))["part"] == "kept out"]
    return random.Random(SEED).sample(rows, number)


def entry(row: dict[str, Any]) -> Entry:
    known = {name: row[name] for name in ("arxiv_id", "title", "abstract")}
    return Entry(paper=Paper(**known, version=1, authors=(), categories=()), announce_type="new")


def text_of(card: Card) -> str:
    return "\n".join(getattr(card, name) for name in FIELDS)


def row_of(name: str, rows: Sequence[dict[str, Any]], entries: Sequence[Entry], seconds: Sequence[float]) -> str:
    """A row of the table."""
    references = {row["arxiv_id"]: "\n".join(json.loads(row["answer"])[field] for field in FIELDS) for row in rows}
    whole = [one for one in entries if one.card]
    said = [text_of(one.card) for one in whole if one.card]
    wrong = {kind: sum(mark.kind == kind for one in whole for mark in one.marks) for kind in ("figure", "name")}
    printed = sum(1 for text in said for _ in figures(text, chinese_numerals=False))
    names = sum(len(re.findall(r"[A-Za-z][A-Za-z0-9.-]+", text)) for text in said)
    good = [one for one in entries if one.state == "shown"]
    at_once = sum(len(one.replies) == 1 for one in good)
    chrf = CHRF().corpus_score(said, [[references[one.paper.arxiv_id] for one in whole]]).score if said else 0.0
    pace = f"{sum(seconds) / len(seconds):.1f}" if seconds else "–"
    figures_right = f"{1 - wrong['figure'] / printed:.1%} of {printed}" if printed else "–"
    names_right = f"{1 - wrong['name'] / names:.1%} of {names}" if names else "–"
    count = len(entries)
    shares = [len(good) / count, at_once / count, (len(whole) - len(good)) / count, 1 - len(whole) / count]
    cells = [name, str(count), *(f"{share:.0%}" for share in shares), figures_right, names_right, f"{chrf:.1f}", pace]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--folder", type=Path, required=True, help="for replies, cards and files of models")
    parser.add_argument("--cards", type=int, default=100)
    parser.add_argument("--model", help="as in engine.model")
    parser.add_argument("--adapter", type=Path, help="in place of the one that is shipped")
    parser.add_argument("--base", action="store_true", help="the draft model without its adapter")
    parser.add_argument("--name")
    given = parser.parse_args()

    found = weights.find(given.model, "zh-Hans", given.folder / "models")
    if given.base or given.adapter:
        found = replace(
            found, adapter=given.adapter, name=given.name or given.adapter.stem if given.adapter else "base"
        )
    name, rows = given.name or found.name, drawn(given.pairs, given.cards)
    engine = LocalEngine(clock=lambda: datetime.now(UTC), weights=found, script="Hans", threads=machine.threads())
    timed, cache = Timed(engine), open_cache(given.folder / "cache")
    prompt = read_prompt(Config())
    with (given.folder / f"{name}.jsonl").open("w", encoding="utf-8") as out:
        entries = []
        for one in summarize(map(entry, rows), CachedEngine(lambda: timed, cache), prompt, model=name):
            entries.append(one)
            out.write(one.model_dump_json() + "\n")
            out.flush()
    cache.close()
    print(HEAD, row_of(name, rows, entries, timed.seconds), sep="\n")


if __name__ == "__main__":
    main()
