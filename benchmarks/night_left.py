"""What thirty nights leave behind, and the nouns in which it is judged.

Reads records as plain JSON and trusts no code of digest; judges nothing.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from night_world import Letter, World
from nights import Night, Place, Process

RECEIVERS = {"whole": "whole@example.org", "part": "part@example.org", "hook": "hook"}
NEAR = 0.3  #: seconds: what was sent so shortly before a blow may not have been read


@dataclass(frozen=True, slots=True)
class Due:
    """What arXiv announced on a date in the categories."""

    new: frozenset[str]
    cross: frozenset[str] = frozenset()  #: cross-listed only later than first announced: the feed alone tells


@dataclass(frozen=True, slots=True)
class Scene:
    """One night as it went."""

    night: Night
    era: date
    processes: Sequence[Process]
    editions: Sequence[date]  #: that were not there, or not complete, before
    letters: Sequence[Letter]
    is_repair: bool = False

    @property
    def runs(self) -> list[Process]:
        return [one for one in self.processes if one.what == "run"]

    @property
    def failed(self) -> list[Process]:
        """The runs that did not end well, but for the one of two at once that left with a word."""
        return [one for one in self.runs if one.exit != 0]


@dataclass(slots=True)
class Promise:
    """What was promised, in numbers, and where it did not hold."""

    name: str
    counted: str = ""
    broken: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Left:
    """All that is left behind."""

    place: Place
    world: World
    scenes: Sequence[Scene]
    due: Mapping[date, Due]

    @property
    def processes(self) -> list[Process]:
        return [one for scene in self.scenes for one in scene.processes]

    @property
    def sites(self) -> dict[date, Path]:
        return {scene.era: self.place.site(scene.era) for scene in self.scenes}

    def editions(self) -> Iterator[tuple[date, dict[str, Any]]]:
        for site in self.sites.values():
            yield from editions(site).items()

    def day_of(self, letter: Letter) -> date | None:
        """The edition a letter is; None: it is about something else."""
        return self.marked.get((letter.receiver, letter.mark.strip("<>")))

    @cached_property
    def marked(self) -> dict[tuple[str, str], date]:
        """Receiver and message id -> the edition, as the delivery marks have it."""
        found = {}
        for site in self.sites.values():
            for path in sorted(site.glob("editions/.delivered/????-??-??.json")):
                for mark in json.loads(path.read_bytes())["marks"]:
                    key = (RECEIVERS.get(mark["receiver"], ""), mark["message_id"].strip("<>"))
                    found[key] = date.fromisoformat(path.stem)
        return found


def editions(site: Path) -> dict[date, dict[str, Any]]:
    """The records of a site, oldest first; one that is no JSON has no entries."""
    found = {}
    for path in sorted(site.glob("editions/????-??-??.json")):
        try:
            found[date.fromisoformat(path.stem)] = json.loads(path.read_bytes())
        except ValueError:
            found[date.fromisoformat(path.stem)] = {
                "entries": [],
                "replacements": [],
                "sections": [],
                "source": "damaged",
            }
    return found


def is_complete(record: Mapping[str, Any]) -> bool:
    """Whether every paper has its card, or an answer that no card could be made of."""
    return bool(record["entries"]) and not any(map(is_waiting, record["entries"]))


def is_waiting(entry: Mapping[str, Any]) -> bool:
    problems = entry["problems"]
    return entry["card"] is None and (not problems or any(one.startswith(("engine:", "not asked")) for one in problems))


def reason(one: Process) -> str | None:
    """What a process said of why it failed, without what differs from one simulation to the next."""
    for line in reversed(one.err.splitlines()):
        said = _message(line)
        if said and ("Error" in line or "ERROR" in line or "error" in line or "SIGTERM" in line):
            said = re.sub(r"127\.0\.0\.1:\d+", "loopback", said)
            said = re.sub(r" \(process \d+[^)]*\)", "", said)
            return re.sub(r"(/[\w.-]+)+/disk-", "disk-", said).removeprefix("Error: ")
    return None


def _message(line: str) -> str:
    try:
        record = json.loads(line)
    except ValueError:
        return line.strip()
    found = record.get("message") or record.get("msg") or record.get("event") if isinstance(record, dict) else None
    return str(found or line)


def sums(counts: Mapping[str, int]) -> str:
    return ", ".join(
        f"{count} {name}" if not name.lstrip("-").isdigit() else f"{count} × {name}"
        for name, count in sorted(counts.items())
    )
