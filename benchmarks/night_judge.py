"""Whether the nights kept the promises, told from outside: by files, letters, the toll's book and exit codes.

Where it asks a command of digest, that is one that a user would ask too; what came by letter is in night_letters.py.
"""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from night_left import NEAR, Left, Promise, Scene, is_waiting, reason, sums
from night_letters import delivered_once, failures_said, nothing_for_nothing
from night_world import Passage
from nights import KEY, KEYS, PASSWORD

GOOD_EXITS = {0, 75}  #: of a process that nobody killed
_ARTICLE = re.compile(r'<article[^>]*? id="([^"]+)"')


def judged(left: Left) -> list[Promise]:
    """Every promise, held or broken."""
    checks: Sequence[Callable[[Left], Promise]] = (
        nothing_missed,
        every_card,
        delivered_once,
        nothing_for_nothing,
        nothing_paid_twice,
        failures_said,
        ended_well,
        files_whole,
        no_secret_told,
        pages_as_rendered,
        verified,
    )
    return [check(left) for check in checks]


# ------------------------------------------------------------------------------------------ editions


def nothing_missed(left: Left) -> Promise:
    """Every listing date has an edition with exactly the papers of the data, and so has its page."""
    made, papers = dict(left.editions()), 0
    promise = Promise("Every date that arXiv announced has an edition, with exactly its papers")
    for day, due in left.due.items():
        if day not in made:
            promise.broken.append(f"{day}: no edition")
            continue
        found = [entry["paper"]["arxiv_id"] for entry in made[day]["entries"]]
        wanted = due.new | due.cross if made[day]["source"] == "feed" else due.new
        papers += len(wanted)
        if missing := sorted(wanted - {*found}):
            promise.broken.append(f"{day} ({made[day]['source']}): {len(missing)} missing: {' '.join(missing[:5])}")
        if extra := sorted({*found} - due.new - due.cross) or [one for one, n in Counter(found).items() if n > 1]:
            promise.broken.append(f"{day}: {len(extra)} too many: {' '.join(extra[:5])}")
        promise.broken += _misplaced(left, day, made[day], found)
    if extra_days := sorted({*made} - {*left.due}):
        promise.broken.append(f"editions of dates without a listing: {', '.join(map(str, extra_days))}")
    promise.counted = f"{len(made)} editions of {len(left.due)} listings, {papers} papers"
    return promise


def _misplaced(left: Left, day: date, record: Mapping[str, Any], found: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with the sections and the page of an edition: each paper stands in both."""
    in_sections = {one for section in record["sections"] for one in section["arxiv_ids"]}
    if in_sections != {*found}:
        yield f"{day}: {len({*found} ^ in_sections)} papers are in the record or in a section, and not in both"
    page = next((site / f"{day}" / "index.html" for site in left.sites.values() if (site / f"{day}").is_dir()), None)
    on_page = _ARTICLE.findall(page.read_text("utf-8")) if page and page.is_file() else []
    if not {*found} <= {*on_page}:
        yield f"{day}: {len({*found} - {*on_page})} papers are not on the page"


def every_card(left: Left) -> Promise:
    """Each paper has a card, or its answers were no use and the record says why."""
    entries = [(day, entry) for day, record in left.editions() for entry in record["entries"]]
    promise = Promise("Every paper has its card, or the reason why no answer made one")
    cards = sum(entry["card"] is not None for _, entry in entries)
    flagged = sum(entry["card"] is not None and bool(entry["problems"] or entry["marks"]) for _, entry in entries)
    for day, entry in entries:
        if is_waiting(entry):
            promise.broken.append(f"{day}: {entry['paper']['arxiv_id']}: {entry['problems']}")
    unusable = len(entries) - cards - len(promise.broken)
    promise.counted = f"{cards} cards ({flagged} of them marked), {unusable} papers with unusable answers"
    return promise


# ------------------------------------------------------------------------------------------ money


AFRESH = 2  #: times that a paper is asked for once more where no answer can be used


def nothing_paid_twice(left: Left) -> Promise:
    """No request body was answered twice for the nightly job, but what no program can know of after a blow."""
    promise = Promise("Nothing was paid twice")
    answered: dict[str, list[Passage]] = defaultdict(list)
    for one in left.world.toll.passages:
        if one.outcome in ("answered", "of no use") and one.key == KEY:
            answered[one.body].append(one)
    strangers = Counter(one.key for one in left.world.toll.passages if one.key not in (KEY, *KEYS.values()))
    promise.broken += [f"{count} requests came without a key that was given" for count in strangers.values()]
    causes = Counter[str]()
    for passages in answered.values():
        for nth, first in enumerate(passages[:-1]):
            causes[cause := _cause_of_repeat(left, first, nth)] += 1
            if cause == "no reason":
                nights = [_night_of(left, one) for one in passages]
                promise.broken.append(f"the same request was answered on {' and on '.join(nights)}")
    total = sum(map(len, answered.values()))
    promise.counted = f"{len(answered)} requests, {total} answers; again: {sums(causes) or 'none'}"
    empty = sum(one.outcome == "no answer in it" for one in left.world.toll.passages)
    promise.counted += f"; {empty} replies with HTTP 200 held no answer" if empty else ""
    return promise


def _cause_of_repeat(left: Left, first: Passage, nth: int) -> str:
    if first.outcome == "of no use" and nth < AFRESH:
        return "asked afresh, as the answer was of no use"
    for one in left.processes:
        if one.struck and first.began <= one.struck_at <= first.ended + NEAR:
            return f"in flight at a {one.struck}"
        if one.disk and one.began <= first.ended <= one.ended:
            return f"the disk of the {one.disk} was full"
    return "no reason"


def _night_of(left: Left, passage: Passage) -> str:
    for one in left.processes:
        if one.began <= passage.ended <= one.ended:
            return f"{one.night}, try {one.attempt + 1} ({one.what})"
    return "?"


# ------------------------------------------------------------------------------------------ processes and files


def ended_well(left: Left) -> Promise:
    """No process hung or broke, and a night without news in good weather ended with 0."""
    promise = Promise("No process hung or crashed; a night on which nothing was announced ended 0")
    for one in left.processes:
        name = f"{one.night}, try {one.attempt + 1}: {one.what}"
        if one.is_stuck:
            promise.broken.append(f"{name}: did not end")
        elif "Traceback" in one.err:
            promise.broken.append(f"{name}: exit {one.exit} with a traceback: {one.err.strip().splitlines()[-1][:200]}")
        elif one.struck != "kill" and one.exit not in (GOOD_EXITS | {143} if one.struck else GOOD_EXITS):
            promise.broken.append(f"{name}: exit {one.exit}: {reason(one)}")
    for scene in left.scenes:
        if scene.night.day not in left.due and not scene.night.weather and _is_behind(left, scene) is False:
            promise.broken += [f"{one.night}: nothing to do, and exit {one.exit}" for one in scene.failed]
    exits = Counter(str(one.exit) for one in left.processes)
    promise.counted = f"{len(left.processes)} processes; exits: {sums(exits)}"
    return promise


def _is_behind(left: Left, scene: Scene) -> bool:
    """Whether something of the nights before was left to do."""
    earlier = [one for one in left.scenes[: left.scenes.index(scene)] if one.era == scene.era]
    done = {day for one in earlier for day in one.editions}
    return any(one.night.day in left.due and one.night.day not in done for one in earlier) or bool(
        earlier and earlier[-1].failed
    )


def files_whole(left: Left) -> Promise:
    """Every record can be read, and no page leads to a draft."""
    promise = Promise("No file is half-written")
    files = [path for site in left.sites.values() for path in sorted(site.rglob("*")) if path.is_file()]
    drafts = [path for path in files if path.suffix == ".tmp"]
    for path in files:
        if path.suffix == ".json":
            try:
                json.loads(
                    path.read_bytes().partition(b"\n{")[2].join((b"{", b"")) if _is_head(path) else path.read_bytes()
                )
            except ValueError as error:
                promise.broken.append(f"{path.name}: {error}")
        elif path.suffix == ".html" and not path.read_bytes().rstrip().endswith(b"</html>"):
            promise.broken.append(f"{path.parent.name}/{path.name}: has no end")
    promise.counted = f"{len(files)} files, {len(drafts)} drafts of killed processes beside them"
    return promise


def no_secret_told(left: Left) -> Promise:
    """Neither logs nor files nor messages hold the key of the service, or the password in the webhook's address."""
    promise = Promise("No secret stands in a log, a file or a message")
    secrets = (KEY, *KEYS.values(), PASSWORD)
    told = {f"{one.night}, try {one.attempt + 1}: {one.what}": one.out + one.err for one in left.processes}
    told |= {f"to {one.receiver}: {one.subject}": one.text for one in left.world.letters}
    promise.broken += [name for name, text in told.items() if any(secret in text for secret in secrets)]
    files = [path for site in left.sites.values() for path in site.rglob("*") if path.is_file()]
    told_by = (path for path in files if any(secret.encode() in path.read_bytes() for secret in secrets))
    promise.broken += [path.name for path in told_by]
    promise.counted = f"{len(told)} logs and messages, {len(files)} files"
    return promise


def _is_head(path: Path) -> bool:
    return path.parent.name == ".heads"  # these begin with a line of their own


def pages_as_rendered(left: Left) -> Promise:
    """All pages are what `digest render` makes of the records in an empty folder."""
    promise = Promise("All pages equal a fresh digest render, byte for byte")
    compared = 0
    for site in left.sites.values():
        if not site.is_dir():
            continue
        fresh = left.place.folder / "fresh" / site.name
        shutil.copytree(site / "editions", fresh / "editions", ignore=shutil.ignore_patterns(".*"))
        done = digest(left, "render", "--output", str(fresh))
        if done.returncode:
            promise.broken.append(f"{site.name}: digest render: exit {done.returncode}: {done.stderr.strip()[:200]}")
        ours, theirs = pages(site), pages(fresh)
        compared += len(theirs)
        differing = [name for name in sorted({*ours} | {*theirs}) if ours.get(name) != theirs.get(name)]
        promise.broken += [f"{site.name}/{name}: {_difference(name, ours, theirs)}" for name in differing[:5]]
    promise.counted = f"{compared} pages"
    return promise


def pages(site: Path) -> dict[str, bytes]:
    found = (path for path in site.rglob("*") if path.is_file() and path.suffix != ".tmp")
    names = ((path.relative_to(site).as_posix(), path) for path in found)
    return {name: path.read_bytes() for name, path in names if not name.startswith("editions/")}


def _difference(name: str, ours: Mapping[str, bytes], theirs: Mapping[str, bytes]) -> str:
    if name not in theirs:
        return "is there, and nothing makes it"
    return "differs" if name in ours else "is not there"


def verified(left: Left) -> Promise:
    """`digest verify` finds every site sound."""
    promise = Promise("digest verify finds it sound")
    for site in left.sites.values():
        done = digest(left, "verify", "--output", str(site))
        if done.returncode:
            promise.broken.append(f"{site.name}: exit {done.returncode}: {(done.stdout + done.stderr).strip()[:300]}")
    promise.counted = f"{len(left.sites)} sites"
    return promise


def digest(left: Left, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command as a user gives it afterwards."""
    command = [sys.executable, "-m", "digest", *arguments]
    return subprocess.run(command, cwd=left.place.folder, capture_output=True, text=True, check=False)
