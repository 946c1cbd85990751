"""Thirty nights of a digest that runs by itself, while arXiv, the model service, the mail and the machine fail.

    python benchmarks/run_nights.py FOLDER --arxiv http://127.0.0.1:8091 --service http://127.0.0.1:8090/v1 \\
        [--seed 1] [--nights 30] [--category cs.CV]... [--write docs/nights.md]

FOLDER holds what was announced: `YYYY-MM-DD.jsonl`, a row a paper: id, kind ("new", "cross"), categories (the primary
one first), cross_into. The first address is that of a stand-in for arXiv that serves these days: /api/query, /rss,
/oai2; POST /clock {"now": TIME} sets its time, POST /faults {"faults": [{"kind", "path", "count", ...}], "replace":
true} lets it fail. The second is a model service that takes POST /reset {"args": ["--latency", "0.02", "--fault",
"500=0.3"]}. Mail server and webhook are our own. Processes are real ones of the digest that this Python has; disks are
filled where mounting is allowed. Exit 1 if a promise broke.
"""

import argparse
import json
import re
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import date, datetime
from datetime import time as of_day
from pathlib import Path
from typing import Any

from night_judge import judged
from night_left import Due, Left, Promise, Scene, editions, is_complete, reason
from night_world import Letter, World
from nights import COMMAND, HOURS, QUIET, Night, Place, Process, Theatre, Trouble, calendar, dealt, disks

ERAS = ((date(2025, 9, 1), date(2025, 9, 3)), (date(2026, 3, 5), date(2026, 4, 1)))
CATEGORIES = ("cs.GR", "cs.GT", "cs.IT", "cs.CE")
PLAIN: Mapping[str, Mapping[str, Any]] = {"lag": {"fraction": 0.3, "path": "/api/query"}, "truncate": {"fraction": 0.7}}


def told(address: str, body: Any) -> None:
    request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        answer.read()


class StandIn:
    """The stand-in for arXiv, by its control endpoints."""

    def __init__(self, address: str) -> None:
        self.address = address

    @property
    def environment(self) -> Mapping[str, str]:
        base = self.address
        return {
            "DIGEST_ARXIV_API": f"{base}/api/query",
            "DIGEST_ARXIV_RSS": base,
            "DIGEST_ARXIV_OAI": f"{base}/oai2",
        }

    def set(self, now: datetime, trouble: Trouble | None) -> None:
        rules: list[dict[str, Any]] = []
        if trouble:
            # A few requests fail, or all of them.
            count = -1 if trouble.chance < 0.4 or trouble.kind == "lag" else 1 + int(trouble.chance * 5)
            rule = {"kind": trouble.kind, "path": "*", "count": count, "retry_after": 0}
            rules = [{**rule, **PLAIN.get(trouble.kind, {})}]
        told(f"{self.address}/clock", {"now": now.isoformat()})
        told(f"{self.address}/faults", {"faults": rules, "replace": True})


class Model:
    """The model service, by its control endpoint."""

    def __init__(self, address: str, latency: float, seed: int) -> None:
        self.control = address.rstrip("/").removesuffix("/v1")
        self.flags = ["--latency", str(latency), "--seed", str(seed), "--hang-seconds", "6"]

    def set(self, trouble: Trouble | None) -> None:
        faults = ["--fault", f"{trouble.kind}={0.1 + trouble.chance * 0.3:.2f}"] if trouble else []
        told(f"{self.control}/reset", {"args": self.flags + faults})


def due_of(file: Path, categories: Sequence[str]) -> Due:
    """What a day's file has in the categories."""
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    new = (row["id"] for row in rows if row["kind"] == "new" and {*row["categories"]} & {*categories})
    later = (row["id"] for row in rows if row["kind"] == "cross" and {*row["cross_into"]} & {*categories})
    return Due(frozenset(new), frozenset(later))


def play(
    theatre: Theatre, spans: Sequence[Sequence[date]], weather: Mapping[date, Night], hours: Sequence[of_day] = HOURS
) -> list[Scene]:
    """All nights, and after each span one more run in good weather."""
    scenes = []
    for days in spans:
        theatre.begin(days[0])
        scenes += [scene(theatre, weather[day], hours) for day in days]
        scenes.append(scene(theatre, Night(days[-1]), (QUIET,), is_repair=True))
    return scenes


def scene(theatre: Theatre, night: Night, hours: Sequence[of_day], *, is_repair: bool = False) -> Scene:
    """One night, and what came of it."""
    site, letters = theatre.place.site(theatre.era), theatre.world.letters
    before = {day for day, record in editions(site).items() if is_complete(record)}
    began = time.time()
    processes = theatre.play(night, hours)
    after = [day for day, record in editions(site).items() if is_complete(record) and day not in before]
    new = [one for one in theatre.world.letters if one not in letters]
    found = Scene(night, theatre.era, processes, after, new, is_repair)
    exits = " ".join(str(one.exit) for one in processes)
    print(f"{night.day}  {time.time() - began:5.1f} s  exits {exits}  {weather_of(found)}", file=sys.stderr, flush=True)
    return found


# ------------------------------------------------------------------------------------------ what is written


def weather_of(scene: Scene) -> str:
    """What failed on a night, and for how many of its tries."""
    if scene.is_repair:
        return "(one more run, in good weather)"
    told = [f"{place}: {one.kind} ×{one.tries}" for place, one in scene.night.weather.items()]
    return ", ".join(told) or "good"


def exit_of(one: Process) -> str:
    """An exit code, and by what: "75", "killed", "second run 75"."""
    code = {"kill": "killed", "SIGTERM": "SIGTERM"}.get(one.struck or "", str(one.exit))
    if one.struck and one.exit == 0:
        code = "0"
    return code if one.what == "run" else f"{one.what} {code}"


def row(scene: Scene, left: Left) -> str:
    came = [f"{day:%m-%d} complete" for day in scene.editions]
    came += _told("edition", "delivered", [one for one in scene.letters if left.day_of(one)])
    came += _told("message", "of failure", [one for one in scene.letters if not left.day_of(one)])
    said = list(dict.fromkeys(_short(reason(one)) for one in scene.failed if reason(one)))
    cells = (
        f"{scene.night.day:%Y-%m-%d %a}",
        weather_of(scene),
        " · ".join(map(exit_of, scene.processes)),
        ", ".join(came) or "nothing" + ("" if scene.night.day in left.due else ", as nothing was announced"),
        "; ".join(said) or "",
    )
    return f"| {' | '.join(cells)} |"


def _told(what: str, more: str, letters: Sequence[Letter]) -> list[str]:
    """How many letters came, by id; and how many copies of them again."""
    if not (count := len({(one.receiver, one.mark) for one in letters})):
        return []
    again = f" (+{len(letters) - count} copies)" if len(letters) > count else ""
    return [f"{count} {what}{'s' if count > 1 else ''} {more}{again}"]


def _short(said: str | None) -> str:
    text = re.sub(r"\s+", " ", said or "").replace("|", "\\|")
    return text if len(text) <= 110 else f"{text[:109]}…"


METHOD = """\
## How it is played and judged

Processes are real ones, started with `DIGEST_NOW`; arXiv and the model service are stand-ins over real listings that
fail on command; the mail server and the webhook are real servers on loopback.

- **arXiv**: HTTP 429, 500 or 503, a reset, HTML in place of XML, a cut document, an empty page: once or a few times, or
  for a whole try; an index without a third of the day; a listing that is late.
- **Model service**: down; HTTP 429, HTTP 500, resets, hangs, 200 without content; cut, malformed, English and wrong
  replies: 10 to 40 % of them.
- **Mail and webhook**: refuse connections, 451, HTTP 500; take the message and hang up before they say so; are slow.
- **The machine**: kill -9 and SIGTERM after some time or some replies, or while a receiver holds its answer back; next
  to no room on the disk of the site or of the cache; two runs at once; `regenerate` and `render` beside a run.

Judged from outside, from the data's own lists, the records as plain JSON, what the servers wrote down, and exit codes:

- A message is delivered once if all its copies carry one id. Copies are counted, and each must have its cause: a
  receiver that took it and hung up, or a blow between handing over and the mark.
- A request is paid twice if the same body was answered twice. Excused, and counted, is only what no program can know:
  an answer under way at a kill -9 or SIGTERM, or sent less than 0.3 s before it; and one that came while the disk was
  full. A paper whose answers make no card (cut short, English) is asked afresh on purpose, up to twice: counted, too.
- A failed run says so by exit code and on standard error, and somebody who can be reached has a message about it by
  the end of the next night. No message is due from a run that was asked to stop, that let another one go first, or
  that was killed before it did anything; a later run takes up what they left.
"""


def report(left: Left, promises: Sequence[Promise], command: str, seconds: float) -> str:
    """The whole page."""
    nights = sum(not one.is_repair for one in left.scenes)
    broken = [one for one in promises if one.broken]
    lines = [
        "# Nights",
        "",
        f"{nights} nights of `digest {' '.join(COMMAND)}`, {len(HOURS)} tries each as a crontab has them, on the",
        "calendar of real listings, while everything around the program fails as drawn from a seed.",
        f"**{len(promises) - len(broken)} of {len(promises)} promises held.**",
        "",
        "| promise | counted | broken |",
        "| --- | --- | --- |",
        *(f"| {one.name} | {one.counted} | {len(one.broken) or 'no'} |" for one in promises),
        "",
        *(f"- broken: {one.name}: {line}" for one in broken for line in one.broken),
        *([""] if broken else []),
        f"Made in {seconds / 60:.0f} minutes with `{command}`;",
        "the weather is the seed's, the moments at which processes meet it are the machine's.",
        "",
        METHOD,
        "## Night by night",
        "",
        "×2: the first two tries of the night met it. Exits of the tries in their order; 75 asks to be run again.",
        "Editions delivered are counted by receiver.",
        "",
        "| night | what failed | exits | what came | what it said |",
        "| --- | --- | --- | --- | --- |",
        *(row(one, left) for one in left.scenes),
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--arxiv", default="http://127.0.0.1:8091")
    parser.add_argument("--service", default="http://127.0.0.1:8090/v1")
    parser.add_argument("--latency", type=float, default=0.02, help="of the model service, seconds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--category", action="append", default=[])
    parser.add_argument("--section", action="append", default=[], help="of the second receiver")
    parser.add_argument("--disk", default="600m", help="size of the disk of the site, and of that of the cache")
    parser.add_argument("--write", type=Path, help="the page, beside standard output")
    parser.add_argument("--keep", type=Path, help="where to leave a copy of all that is left behind")
    given = parser.parse_args()
    categories = tuple(given.category or CATEGORIES)
    spans = cut(calendar(ERAS), given.nights)
    days = [day for span in spans for day in span]
    files = {date.fromisoformat(path.stem): path for path in sorted(given.folder.glob("????-??-??.jsonl"))}
    due = {day: due_of(files[day], categories) for day in days if day in files}
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name, disks(Path(name), given.disk) as can_fill:
        place = Place(Path(name), categories, tuple(given.section or categories[1:2]), can_fill)
        with closing(World(given.service)) as world:
            model = Model(given.service, given.latency, given.seed)
            theatre = Theatre(place, world, StandIn(given.arxiv), model)
            scenes = play(theatre, spans, {one.day: one for one in dealt(days, given.seed)})
            if given.keep:
                shutil.copytree(place.folder, given.keep, ignore=shutil.ignore_patterns(".lock"), dirs_exist_ok=True)
            left = Left(place, world, scenes, due)
            promises = judged(left)
            page = report(left, promises, command_of(given), time.monotonic() - began)
    print(page)
    if given.write:
        given.write.write_text(page, encoding="utf-8")
    sys.exit(any(one.broken for one in promises))


def cut(spans: Sequence[Sequence[date]], nights: int) -> list[list[date]]:
    """The first so many days of all spans."""
    found: list[list[date]] = []
    for span in spans:
        if taken := list(span[: nights - sum(map(len, found))]):
            found.append(taken)
    return found


def command_of(given: argparse.Namespace) -> str:
    """The command, without the places of this machine."""
    flags = [f"--seed {given.seed}", f"--nights {given.nights}", *(f"--category {one}" for one in given.category)]
    return f"python benchmarks/run_nights.py FOLDER --arxiv URL --service URL {' '.join(flags)}"


if __name__ == "__main__":
    main()
