"""How good the checks of cards are: how many of their flags are real, and how many planted errors they find.

    python benchmarks/run_checks.py DAYS CARDS [--labels FILE] [--write docs/checks.md]

DAYS holds `YYYY-MM-DD.jsonl[.gz]`, a row a paper: id, title, abstract. CARDS holds files of the same names, a row a
card that some model wrote: id, and AI with the five fields. A paper's first row and first card count. The labels are
what people found who read cards beside their papers, a row each: arxiv_id, field, words, kind ("figure", "name"),
verdict ("right": an error of the card; "wrong": a false alarm; "arguable"), why, and "drawn" where the card is one of
those drawn by chance and read in full; or arxiv_id and verdict "clean". Flags without a label go to standard error.
"""

import argparse
import gzip
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planted import Draw, Kind, Planted, Sample, kinds, reply

from digest.checks import Judgement, judge
from digest.models import Mark, Paper
from digest.resources import built_in

HERE = Path(__file__).resolve().parent
BEGIN, END = "<!-- tables of benchmarks/run_checks.py begin -->", "<!-- tables of benchmarks/run_checks.py end -->"
EACH, SEED = 300, 4  #: cards of each kind of planted error at most, and what they are drawn with

# ---- what is read ----------------------------------------------------------------------------------------------


def rows(file: Path) -> Iterator[dict[str, Any]]:
    opener = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rt", encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


def by_day(folder: Path) -> dict[str, Path]:
    return {path.name[:10]: path for path in sorted(folder.glob("????-??-??*.jsonl*"))}


def samples(days: Path, cards: Path) -> list[Sample]:
    """The papers of `days` that have a card, each once, by date."""
    papers, found = by_day(days), dict[str, Sample]()
    for day, file in by_day(cards).items():
        known: dict[str, dict[str, Any]] = {}
        for row in rows(papers[day]) if day in papers else ():
            known.setdefault(row["id"], row)
        for row in rows(file):
            if row["id"] in known:
                found.setdefault(row["id"], Sample(day, paper(known[row["id"]]), row["AI"]))
    return list(found.values())


def paper(row: Mapping[str, Any]) -> Paper:
    return Paper(arxiv_id=row["id"], version=1, title=row["title"], authors=(), abstract=row["abstract"], categories=())


def instructions() -> list[str]:
    """The sentences of the prompt that a model may repeat."""
    text = (built_in("prompts") / "card.system.md").read_text(encoding="utf-8").replace("{{ language }}", "简体中文")
    return [line.strip() for line in text.splitlines() if len(line.strip()) > 15]


# ---- labels ----------------------------------------------------------------------------------------------------


def alike(one: str, other: str, kind: str) -> bool:
    """Whether the words of a label and of a mark are the same figure, or have a name in common."""
    one, other = (re.sub(r"[\s,]", "", words).casefold() for words in (one, other))
    return one == other or (kind != "figure" and min(len(one), len(other)) > 1 and (one in other or other in one))


def label_of(arxiv_id: str, mark: Mark, labels: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """What people say of a mark: of the same words in its field, or in another one."""
    same = [
        label
        for label in labels
        if label["arxiv_id"] == arxiv_id
        and label.get("kind") == mark.kind
        and alike(label["words"], mark.words, mark.kind)
    ]
    return min(same, key=lambda label: label["field"] != mark.field, default=None)


# ---- real cards ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Real:
    """What the checks say of real cards, and what people say of it."""

    judged: Mapping[str, Judgement]
    labels: Sequence[Mapping[str, Any]]
    milliseconds: float  #: CPU time of one card

    @property
    def flags(self) -> list[tuple[str, Mark]]:
        """What is marked, by card: the same words in several fields of a card once."""
        found = {(name, mark.kind, mark.words): mark for name, one in self.judged.items() for mark in one.marks[::-1]}
        return [(name, mark) for (name, *_), mark in sorted(found.items())]

    def verdicts(self, kind: str) -> Counter[str]:
        """How many of the words marked as `kind` are which."""
        found = (label_of(name, mark, self.labels) for name, mark in self.flags if mark.kind == kind)
        return Counter(label["verdict"] if label else "unlabelled" for label in found)

    @property
    def unlabelled(self) -> list[tuple[str, Mark]]:
        return [(name, mark) for name, mark in self.flags if label_of(name, mark, self.labels) is None]

    def missed(self, kind: str) -> tuple[list[str], int]:
        """The known errors of `kind` that no mark is on, and how many are known."""
        known = [label for label in self.labels if label["verdict"] == "right" and label["kind"] == kind]
        open_ = [label for label in known if not self._flagged(label)]
        return [f"{label['arxiv_id']} {label['words']}" for label in open_], len(known)

    def _flagged(self, label: Mapping[str, Any]) -> bool:
        marks = self.judged[label["arxiv_id"]].marks if label["arxiv_id"] in self.judged else ()
        return any(mark.kind == label["kind"] and alike(label["words"], mark.words, mark.kind) for mark in marks)


def look_at(cards: Sequence[Sample], labels: Sequence[Mapping[str, Any]]) -> Real:
    judged, started = {}, time.process_time()
    for card in cards:
        judged[card.paper.arxiv_id] = judge(card.paper, reply(card.fields))
    return Real(judged, labels, (time.process_time() - started) / max(1, len(cards)) * 1000)


def share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def reason(problem: str) -> str:
    """A problem without its field and without the words of the card."""
    return re.split(r"[:：]", problem.partition(": ")[2])[0].strip()


def unusable(real: Real) -> Counter[str]:
    return Counter(reason(one.problems[0]) for one in real.judged.values() if one.fields is None)


def real_tables(real: Real) -> Iterator[str]:
    bad = unusable(real)
    flagged = sum(bool(one.marks) for one in real.judged.values())
    part = share(flagged, len(real.judged))
    yield f"{len(real.judged):,} cards: {sum(bad.values())} unusable, {flagged} flagged ({part})."
    yield f"CPU time: {real.milliseconds:.2f} ms a card."
    yield ""
    yield from table(("unusable because a field", "cards"), [(name, str(count)) for name, count in bad.most_common()])
    yield ""
    yield from table(("flags", "words", "right", "arguable", "wrong", "unlabelled", "precision"), precision(real))
    yield ""
    yield "Words that are marked in several fields of a card count once. Precision: right / (right + wrong)."
    yield ""
    yield from known_errors(real)
    yield ""
    yield from read_in_full(real)


def precision(real: Real) -> Iterator[tuple[str, ...]]:
    kinds_: list[str] = sorted({mark.kind for _, mark in real.flags})
    counts = {kind: real.verdicts(kind) for kind in kinds_}
    counts["all"] = sum(counts.values(), Counter[str]())
    for kind, found in counts.items():
        columns = (str(found[verdict]) for verdict in ("right", "arguable", "wrong", "unlabelled"))
        yield kind, str(found.total()), *columns, share(found["right"], found["right"] + found["wrong"])


def known_errors(real: Real) -> Iterator[str]:
    """How many of the errors that people know of are flagged."""
    for kind in ("figure", "name"):
        missed, known = real.missed(kind)
        yield f"Errors of {kind}s that we know of in these cards: {known}, flagged: {known - len(missed)}."
        if missed:
            yield f"Missed: {'; '.join(missed)}."


def read_in_full(real: Real) -> Iterator[str]:
    """What reading whole cards drawn by chance says."""
    drawn = {
        label["arxiv_id"]: label["verdict"]
        for label in real.labels
        if label["verdict"] == "clean" or label.get("drawn")
    }
    counts = Counter(drawn.values())
    alarms = Counter(drawn[name] for name, one in real.judged.items() if name in drawn and one.marks)
    said = {"right": "with a wrong figure or name", "arguable": "with an arguable one", "clean": "without"}
    told = (f"{counts[verdict]} {words}, of them flagged: {alarms[verdict]}" for verdict, words in said.items())
    yield f"Drawn by chance and read in full: {len(drawn)} cards; {'; '.join(told)}."


# ---- planted errors --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Score:
    """How the planted errors of one kind came out."""

    planted: int = 0
    unusable: int = 0
    marked: int = 0  #: with a mark or a problem that was not there before
    worded: int = 0  #: errors of a few words
    hit: int = 0  #: of them with a new mark on these words

    @property
    def caught(self) -> int:
        return self.unusable + self.marked

    def add(self, error: Planted, before: Judgement, after: Judgement) -> None:
        self.planted += 1
        self.unusable += after.fields is None
        fresh = set(after.problems) - set(before.problems)
        self.marked += after.fields is not None and bool(fresh)
        if error.words is not None:
            self.worded += 1
            marks = (mark for mark in after.marks if str(mark) in fresh and mark.field == error.field)
            self.hit += any(touches(mark.words, error.words) for mark in marks)

    def __add__(self, other: "Score") -> "Score":
        mine, theirs = ([one.planted, one.unusable, one.marked, one.worded, one.hit] for one in (self, other))
        return Score(*map(sum, zip(mine, theirs, strict=True)))


def touches(marked: str, planted: str) -> bool:
    """Whether a mark is on the planted words, or on a part of them."""
    marked, planted = (re.sub(r"[\s,]", "", words) for words in (marked, planted))
    return marked in planted or planted in marked


def plant(name: str, kind: Kind, cards: Sequence[Sample], judged: Mapping[str, Judgement]) -> Score:
    """Plant one kind of error into cards drawn by chance."""
    dice, score = random.Random(f"{SEED} {name}"), Score()
    days: dict[str, list[Sample]] = {}
    for card in cards:
        days.setdefault(card.day, []).append(card)
    for card in dice.sample(cards, len(cards)):
        others = [one for one in dice.sample(days[card.day], min(2, len(days[card.day]))) if one is not card]
        error = kind(Draw(card, others[0], dice)) if others else None
        if error is not None:
            score.add(error, judged[card.paper.arxiv_id], judge(card.paper, error.reply))
        if score.planted == EACH:
            break
    return score


def planted_tables(cards: Sequence[Sample], judged: Mapping[str, Judgement]) -> Iterator[str]:
    usable = [card for card in cards if judged[card.paper.arxiv_id].fields is not None]
    lines: list[tuple[str, ...]] = []
    totals: dict[str, Score] = {}
    for group, members in kinds(instructions()).items():
        scores = {name: plant(name, kind, usable, judged) for name, kind in members.items()}
        totals[group] = sum(scores.values(), Score())
        lines += [row(f"{group}: {name}", score) for name, score in scores.items()]
    lines += [row(f"**all of {group}**", score) for group, score in totals.items()]
    lines.append(row("**all**", sum(totals.values(), Score())))
    yield from table(("planted", "cards", "caught", "unusable", "marked", "marked on the words"), lines)


def row(name: str, score: Score) -> tuple[str, ...]:
    hit = share(score.hit, score.worded) if score.worded == score.planted else ""
    caught = share(score.caught, score.planted)
    return name, str(score.planted), caught, str(score.unusable), str(score.marked), hit


# ---- Markdown --------------------------------------------------------------------------------------------------


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"| --- |{' ---: |' * (len(head) - 1)}"
    for cells in lines:
        yield f"| {' | '.join(cells)} |"


def between_markers(document: str, text: str) -> str:
    """`document` with `text` in place of what stands between the markers."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def shown(cards: Mapping[str, Sample], flags: Iterable[tuple[str, Mark]]) -> Iterator[str]:
    """Marks without a label, ready to be labelled, each with what stands around it."""
    for name, mark in flags:
        text = cards[name].fields[mark.field]
        at = max(0, text.find(mark.words))
        label = {
            "arxiv_id": name,
            "field": mark.field,
            "words": mark.words,
            "kind": mark.kind,
            "verdict": "",
            "why": "",
        }
        yield f"{json.dumps(label, ensure_ascii=False)}  # {text[max(0, at - 30) : at + 40]} | {mark}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("days", type=Path)
    parser.add_argument("cards", type=Path)
    parser.add_argument("--labels", type=Path, default=HERE / "checks_labels.jsonl")
    parser.add_argument("--write", type=Path, help="the document whose tables are to be replaced")
    given = parser.parse_args()
    cards = samples(given.days, given.cards)
    real = look_at(cards, list(rows(given.labels)) if given.labels.exists() else [])
    lines = ["### Real cards", "", *real_tables(real), "", "### Planted errors", ""]
    text = "\n".join([*lines, *planted_tables(cards, real.judged)])
    for line in shown({card.paper.arxiv_id: card for card in cards}, real.unlabelled):
        print(line, file=sys.stderr)
    if given.write:
        given.write.write_text(between_markers(given.write.read_text(encoding="utf-8"), text), encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
