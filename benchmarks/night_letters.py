"""Whether every letter came once, none came for nothing, and failures were told.

Looks at what the receivers got, in whatever way; knows of digest's marks only which message id is which edition.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from night_left import NEAR, RECEIVERS, Left, Promise, Scene, reason, sums
from night_world import SLOW, Letter
from nights import Process

HEALTH = ("whole", "hook")  #: who is told of failures
_LINK = re.compile(r"arxiv\.org/abs/(\d{4}\.\d{5})")


def delivered_once(left: Left) -> Promise:
    """Each receiver got each edition that concerns it, under one id; second copies are explained."""
    promise = Promise("Each edition reached each receiver exactly once")
    got, again = by_edition(left), Counter[str]()
    wanted = {(RECEIVERS[name], day) for day, record in left.editions() for name in _concerned(left, record)}
    promise.broken += [f"{day}: {receiver} did not get it" for receiver, day in sorted(wanted - {*got})]
    promise.broken += [f"{day}: {receiver} got what is not for it" for receiver, day in sorted({*got} - wanted)]
    promise.broken += _strange(left, got)
    for (receiver, day), letters in sorted(got.items()):
        if len(ids := {one.mark for one in letters}) > 1:
            promise.broken.append(f"{day}: {receiver} got it under {len(ids)} ids")
        for first in letters[:-1]:
            again[cause := _cause_of_copy(left, first)] += 1
            if cause == "no reason":
                promise.broken.append(f"{day}: {receiver} got it again for no reason")
    ids = {one.mark for letters in got.values() for one in letters}
    promise.counted = f"{len(wanted)} due, {len(got)} got, {len(ids)} ids, {sum(map(len, got.values()))} copies"
    promise.counted += f"; sent again with the same id: {sums(again)}" if again else ""
    return promise


def by_edition(left: Left) -> dict[tuple[str, date], list[Letter]]:
    """Receiver and edition -> its copies, in the order of their coming."""
    got: dict[tuple[str, date], list[Letter]] = defaultdict(list)
    for letter in left.world.letters:
        if day := left.day_of(letter):
            got[letter.receiver, day].append(letter)
    return got


def _strange(left: Left, got: Mapping[tuple[str, date], list[Letter]]) -> Iterator[str]:
    """Yield which letters are not what they say: editions past the books, and whole ones that are not whole."""
    for letter in left.world.letters:
        if left.day_of(letter) is None and _LINK.search(letter.text):
            yield f"{letter.receiver} got papers under an id that no mark has: {letter.subject}"
    records = dict(left.editions())
    for (receiver, day), letters in sorted(got.items()):
        due, more = ({one["paper"]["arxiv_id"] for one in records[day][name]} for name in ("entries", "replacements"))
        links = {*_LINK.findall(letters[-1].text)}
        if receiver == RECEIVERS["whole"] and not due <= links <= due | more:
            yield f"{day}: {receiver} got {len(links & due)} of {len(due)} papers, and {len(links - due - more)} others"


def _concerned(left: Left, record: Mapping[str, Any]) -> Iterator[str]:
    titles = {section["title"] for section in record["sections"] if section["arxiv_ids"]}
    yield from ("whole", "hook")
    if titles & {*left.place.sections}:
        yield "part"


def _cause_of_copy(left: Left, first: Letter) -> str:
    if not first.was_acknowledged:
        return "the receiver took it and hung up before it said so"
    for one in left.processes:
        if one.struck and one.began <= first.at <= one.ended and first.at >= one.struck_at - SLOW - NEAR:
            return f"{one.struck} between handing over and the mark"
        if one.disk == "site" and one.began <= first.at <= one.ended:
            return "no room for the mark"
    return "no reason"


def nothing_for_nothing(left: Left) -> Promise:
    """A date without a listing brings no letter about an edition."""
    promise = Promise("Nothing is delivered for a date on which nothing was announced")
    empty = [one.night.day for one in left.scenes if one.night.day not in left.due]
    for letter in left.world.letters:
        if (day := left.day_of(letter)) and day not in left.due:
            promise.broken.append(f"{day}: {letter.receiver}: {letter.subject}")
    promise.counted = f"{len(empty)} such nights"
    return promise


def failures_said(left: Left) -> Promise:
    """A run that failed said why on standard error and by its exit code, and somebody was told, or nobody could be."""
    promise = Promise("Every failed night said so: exit code, standard error, a message")
    failed = [(at, scene) for at, scene in enumerate(left.scenes) if scene.failed]
    how = Counter[str]()
    for at, scene in failed:
        for one in scene.failed:
            if one.struck != "kill" and not reason(one):
                promise.broken.append(f"{one.night}, try {one.attempt + 1}: exit {one.exit} without a word")
        if not any(_is_to_be_told(left, one) for one in scene.failed):
            how["nobody, as a later run took it up"] += 1
            continue
        told = [name for name in HEALTH if _was_told(left, at, name)]
        how[" and ".join(told) or "nobody could be reached"] += 1
        if not told and (reachable := [name for name in HEALTH if _could_be_told(left.scenes[at : at + 2], name)]):
            promise.broken.append(f"{scene.night.day}: no message, although {' and '.join(reachable)} could be reached")
    runs = sum(len(scene.failed) for _, scene in failed)
    promise.counted = f"{runs} runs failed on {len(failed)} nights; told: {sums(how) or 'nobody, as nothing failed'}"
    return promise


def _is_to_be_told(left: Left, one: Process) -> bool:
    """Whether a failed run is worth a message: not one that was asked to stop or let another go first, nor one that was
    killed before it did anything."""
    if one.struck == "kill":
        moments = [it.at for it in left.world.letters] + [it.began for it in left.world.toll.passages]
        return any(one.began <= moment <= one.struck_at for moment in moments)
    return one.struck is None and "another run works" not in (reason(one) or "")


def _was_told(left: Left, at: int, name: str) -> bool:
    """Whether a receiver had a message about failures from the first failed run until the end of the next night."""
    began = left.scenes[at].failed[0].began
    ended = max(one.ended for one in left.scenes[min(at + 1, len(left.scenes) - 1)].processes)
    return any(
        letter.receiver == RECEIVERS[name] and began <= letter.at <= ended and left.day_of(letter) is None
        for letter in left.world.letters
    )


def _could_be_told(scenes: Iterable[Scene], name: str) -> bool:
    """Whether a receiver was up during a run that came to its own end."""
    place = "hook" if name == "hook" else "mail"
    runs = [(scene.night, one) for scene in scenes for one in scene.runs if one.struck is None]
    moods = [night.trouble(place, one.attempt) for night, one in runs]
    return any(mood is None or mood.kind == "slow" for mood in moods)
