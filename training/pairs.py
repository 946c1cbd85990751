"""Makes training pairs for the small model: what it is asked, and the card it should answer with.

    python training/pairs.py DAYS CARDS --out pairs.jsonl [--keep-out DATE ...]

DAYS holds `YYYY-MM-DD.jsonl[.gz]`, a row a paper: id, title, abstract. CARDS holds files of the same names, a row a
card that some model wrote: id, and AI with the five fields. The question is the user's message of prompts/, as
`digest run` sends it. A card becomes an answer if every check passes it. Papers of the dates kept out go into no pair,
whatever other date they stand under as well; they are written with "part": "kept out".
"""

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "benchmarks"))

from run_checks import by_day, rows, samples  # noqa: E402

from digest import prompts  # noqa: E402
from digest.checks import judge  # noqa: E402
from digest.config import Config  # noqa: E402
from digest.engines.copying import wording  # noqa: E402
from digest.models import FIELDS, Paper  # noqa: E402
from digest.pipeline import read_prompt  # noqa: E402

KEPT_OUT = ("2025-09-03", "2026-02-05", "2026-03-17", "2026-03-30")
DEVELOPMENT = 40  #: one pair in so many is for choosing settings, not for training
LONGEST = 700  #: characters of an answer's fields together

_NUMBERING = re.compile(
    r"(?:(?<=^)|(?<=[：；。，:;]))\s?(?:[（(]?(?:[1-9]|[①-⑨]|i{1,3}|iv)[)）]|[①-⑨]|[1-9][.、](?!\d))\s?"
)
_HAN = "\u4e00-\u9fff"
_WIDE = str.maketrans(";:?!", "；：？！")


def tidy(text: str) -> str:
    """A field as the small model should write it: no list numbers, signs of Chinese writing, a full stop at its end.

    >>> tidy('提出两点：1)用 3,141 幅图;2)得到"最好"结果')
    '提出两点：用3,141幅图；得到“最好”结果。'
    """
    text = _NUMBERING.sub("", text.strip())
    text = re.sub(r"(?<=\d)；(?=\d{3})", ",", re.sub(r",(?!\d)|(?<!\d),", "，", text))
    text = re.sub(rf"(?<=[{_HAN}])[;:?!]|[;:?!](?=[{_HAN}])", lambda sign: sign[0].translate(_WIDE), text)
    text = re.sub(
        rf"\((?=[^()]*[{_HAN}])([^()]*)\)|(?<=[{_HAN}])\(([^()]*)\)", lambda one: f"（{one[1] or one[2]}）", text
    )
    text = re.sub(r'["「]([^"」]*)["」]', r"“\1”", text)
    text = re.sub(r"\bvs\.", "vs", text)
    text = re.sub(rf"(?<=[{_HAN}，。；：、（）]) +| +(?=[{_HAN}，。；：、（）])", "", text)
    return re.sub(r"[。；;，,. ]+$", "", text) + "。"


def answer(fields: Mapping[str, str]) -> str:
    return json.dumps({name: fields[name] for name in FIELDS}, ensure_ascii=False, separators=(",", ":"))


def question(paper: Paper) -> str:
    """The user's message, as the engine gets it."""
    asked = prompts.ask(PROMPT, paper, model="")
    return asked.messages[-1]["content"]


PROMPT = read_prompt(Config())


def pairs(days: Path, cards: Path, kept_out: frozenset[str], tally: Counter[str]) -> Iterator[dict[str, object]]:
    out = {row["id"] for day, file in by_day(days).items() if day in kept_out for row in rows(file)}
    for number, one in enumerate(samples(days, cards)):
        tally["cards"] += 1
        part = "kept out" if one.paper.arxiv_id in out else "development" if number % DEVELOPMENT == 0 else "training"
        asked, given = question(one.paper), one.fields
        if part != "kept out":
            if not all(isinstance(given.get(name), str) for name in FIELDS):
                tally["no card"] += 1
                continue
            given = {name: tidy(given[name]) for name in FIELDS}
            judged = judge(one.paper, answer(given))
            if judged.fields is None or judged.problems:
                tally["fails a check"] += 1
                continue
            if sum(map(len, given.values())) > LONGEST:
                tally["too long"] += 1
                continue
        is_copied = wording(asked[asked.find("Title: ") :], "Hans").fullmatch
        exact = all(is_copied(str(given.get(name))) for name in FIELDS)
        tally[part] += 1
        tally[f"{part}, exact"] += exact
        paper = one.paper.model_dump(include={"arxiv_id", "title", "abstract"})
        yield {"part": part, "exact": exact, "day": one.day, **paper, "question": asked, "answer": answer(given)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("days", type=Path)
    parser.add_argument("cards", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--keep-out", nargs="*", default=KEPT_OUT, metavar="DATE")
    given = parser.parse_args()
    tally: Counter[str] = Counter()
    with given.out.open("w", encoding="utf-8") as out:
        for row in pairs(given.days, given.cards, frozenset(given.keep_out), tally):
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(", ".join(f"{number:,} {what}" for what, number in tally.items()), file=sys.stderr)


if __name__ == "__main__":
    main()
