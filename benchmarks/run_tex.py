r"""How much TeX is left in what readers see: in titles, abstracts, comments and cards, as HTML and as plain text.

    python benchmarks/run_tex.py DAYS [CARDS] [--write docs/tex.md] [--sample N]

DAYS holds `YYYY-MM-DD.jsonl[.gz]`, a row a paper: id, title, abstract, comment, authors. CARDS holds files of the same
names, a row a card that some model wrote: id, and AI with the five fields. Every text counts once. TeX is left where
what a reader sees holds a backslash before a letter, `\%`, an accent, braces that a macro had, or dollars around what
looks like a formula. `--sample` prints N formulas, each with what it became.
"""

import argparse
import gzip
import html
import json
import random
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from digest.plaintext import one_line
from digest.render.formulas import formula, typeset
from digest.tex import atoms, plain
from digest.tex_math import read

BEGIN, END = "<!-- tables of benchmarks/run_tex.py begin -->", "<!-- tables of benchmarks/run_tex.py end -->"
KINDS = ("title", "author", "abstract", "comment", "card")
LEFT = re.compile(
    r"""\\[A-Za-z(\[]+ | \\[%&_\#${}'"`^~=.] | \$[^$\s](?:[^$]{0,80}[^$\s])?\$(?!\d) | ``|'' | [_^]\{ | (?<=\w)\{,\}
    | \{(?:\\|[A-Za-z]+\}[A-Za-z])""",
    re.VERBOSE,
)
SIGN = re.compile(r"[\\$`^{}]|~\S|--|''|_\{")


def rows(file: Path) -> Iterator[dict[str, Any]]:
    opener = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rt", encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


def of_paper(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for kind in ("title", "abstract", "comment"):
        yield kind, row.get(kind) or ""
    yield from (("author", name) for name in row.get("authors") or ())


def texts(days: Path, cards: Path | None) -> dict[tuple[str, str], str]:
    """Every distinct text with its kind, and the first paper that has it."""
    found: dict[tuple[str, str], str] = {}
    for file in sorted(days.glob("*.jsonl*")):
        for row in rows(file):
            for kind, text in of_paper(row):
                found.setdefault((kind, one_line(text)), row["id"])
    for file in sorted(cards.glob("*.jsonl*")) if cards else ():
        for row in rows(file):
            for text in (row["AI"] if isinstance(row.get("AI"), dict) else {}).values():
                found.setdefault(("card", one_line(str(text))), row["id"])
    return {key: arxiv_id for key, arxiv_id in found.items() if key[1]}


def visible(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", markup))


def remainder(text: str) -> str | None:
    """The first TeX in what a reader sees, with a little around it; an address may hold anything."""
    bare = re.sub(r"\w+://\S+", "", text)
    found = LEFT.search(bare)
    return bare[max(0, found.start() - 12) : found.start() + 40] if found else None


def became(source: str, display: bool) -> str:
    made = formula(source, display=display)
    return "MathML" if made.startswith("<math") else "code" if made.startswith("<code") else "text"


def lossless(text: str) -> bool:
    """Whether a text is of letters, figures and ordinary signs alone, and so has to stay as it is."""
    return not SIGN.search(text) and plain(text) != text


def measure(found: Mapping[tuple[str, str], str]) -> tuple[list[str], list[str]]:
    """The tables, and every remainder."""
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    left: list[str] = []
    for (kind, text), arxiv_id in found.items():
        count = counts[kind]
        count["texts"] += 1
        parts = atoms(text)
        count["tex"] += any(part.kind != "text" for part in parts)
        for part in parts:
            if part.kind in {"formula", "display"}:
                count[became(part.text, part.kind == "display")] += 1
                count["plain whole"] += read(part.text).whole
        seen, said = remainder(visible(typeset(text))), remainder(plain(text))
        count["left in HTML"] += seen is not None
        count["left in text"] += said is not None
        count["changed without need"] += lossless(text)
        if seen or said:
            left.append(f"| {arxiv_id} | {kind} | {_code(seen)} | {_code(said)} |")
    return _table(counts), left


def _code(fragment: str | None) -> str:
    return "`` " + fragment.replace("|", r"\|").replace("`", "'") + " ``" if fragment else ""


def _table(counts: Mapping[str, Counter[str]]) -> list[str]:
    columns = ("texts", "tex", "MathML", "text", "code", "left in HTML", "left in text", "changed without need")
    lines = [
        "| | texts | with TeX | formulas as MathML | as text | as code | TeX left in HTML | left in plain text |"
        " changed without need |",
        "| --- |" + " ---: |" * len(columns),
    ]
    for kind, count in counts.items():
        if count["texts"]:
            lines.append(f"| {kind} | " + " | ".join(f"{count[name]:,}" for name in columns) + " |")
    return lines


def speed(found: Mapping[tuple[str, str], str]) -> list[str]:
    """CPU time of one text, nothing in a cache but formulas that come again."""
    lines = ["| | typeset, ms each | plain, ms each |", "| --- | ---: | ---: |"]
    for kind in KINDS:
        of_kind = [text for each, text in found if each == kind]
        if of_kind:
            taken = (_clock(typeset, of_kind), _clock(plain, of_kind))
            lines.append(f"| {kind} | {taken[0]:.4f} | {taken[1]:.4f} |")
    return lines


def _clock(call: Any, of_kind: list[str]) -> float:
    atoms.cache_clear()
    formula.cache_clear()
    started = time.process_time()
    for text in of_kind:
        call(text)
    return (time.process_time() - started) / len(of_kind) * 1000


def between_markers(document: str, text: str) -> str:
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def show_sample(found: Mapping[tuple[str, str], str], number: int) -> None:
    made = {part.text: part for _, text in found for part in atoms(text) if part.kind in {"formula", "display"}}
    for source in random.Random(5).sample(sorted(made), min(number, len(made))):
        print(f"{source}   =>   {read(source).text}   [{became(source, False)}]")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("days", type=Path)
    parser.add_argument("cards", type=Path, nargs="?")
    parser.add_argument("--write", type=Path, help="the document whose tables are to be replaced")
    parser.add_argument("--sample", type=int, default=0)
    given = parser.parse_args()
    found = texts(given.days, given.cards)
    table, left = measure(found)
    remains = ["| paper | in | seen in HTML | seen in plain text |", "| --- | --- | --- | --- |", *left]
    text = "\n".join([*table, "", *speed(found), "", *remains])
    if given.write:
        given.write.write_text(between_markers(given.write.read_text(encoding="utf-8"), text), encoding="utf-8")
    print(text)
    show_sample(found, given.sample)


if __name__ == "__main__":
    main()
