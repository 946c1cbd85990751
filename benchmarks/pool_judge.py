"""What a run over a pool of endpoints came to, read from their logs: how fast, what was paid twice, and why.

Pure but for reading the logs. A request counts as paid as soon as an endpoint begins with it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path

LINE = re.compile(r"(asked|told) ([0-9a-f]{20}) (\d+\.\d{4})")
JUST_TOLD = 0.5  #: seconds on its way back that an answer may be when something is killed
JUST_ASKED = 0.3  #: seconds in which a worker may still send what it has in its hand when the driver is killed


@dataclass(frozen=True, slots=True)
class Asking:
    """One request that an endpoint began with."""

    name: str  #: hash of its messages
    asked: float  #: seconds, time of day
    told: float  #: inf: never


def read(log: Path) -> list[Asking]:
    """The requests of a log, in order; a last line that breaks off counts for nothing."""
    found: list[Asking] = []
    flying: dict[str, list[int]] = {}
    for what, name, at in LINE.findall(log.read_text(encoding="ascii") if log.exists() else ""):
        if what == "asked":
            flying.setdefault(name, []).append(len(found))
            found.append(Asking(name, float(at), inf))
        elif flying.get(name):
            nth = flying[name].pop(0)
            found[nth] = Asking(name, found[nth].asked, float(at))
    return found


def rate(askings: Sequence[Asking], latency: float) -> float:
    """Requests a second, from the first asked to the last told but for the time that one takes by itself."""
    first, last = min(one.asked for one in askings), max(one.told for one in askings)
    return len(askings) / max(1e-9, last - first - latency)


@dataclass(frozen=True, slots=True)
class Payments:
    """How often requests were paid for."""

    requests: int  #: different ones
    paid: int  #: in all
    in_flight: int  #: paid again since the first time it was on its way at a kill
    unexplained: tuple[str, ...]  #: paid again without that


def payments(askings: Iterable[Asking], kills: Sequence[float], slack: float = 0.0) -> Payments:
    """
    What was paid, and why more than once.

    Args:
        askings: Of all endpoints.
        kills: The moments, time of day, at which something was killed.
        slack: Seconds more for everything, where a busy machine is late.
    """
    by_name: dict[str, list[Asking]] = {}
    for one in sorted(askings, key=lambda one: one.asked):
        by_name.setdefault(one.name, []).append(one)
    again = [(one, name) for name, found in by_name.items() for one in found[:-1]]
    excused = [
        any(one.asked - JUST_ASKED - slack <= at <= one.told + JUST_TOLD + slack for at in kills) for one, _ in again
    ]
    return Payments(
        requests=len(by_name),
        paid=sum(map(len, by_name.values())),
        in_flight=sum(excused),
        unexplained=tuple(name for (_, name), is_excused in zip(again, excused, strict=True) if not is_excused),
    )


def same_but_for_origin(first: Mapping[str, object], second: Mapping[str, object]) -> bool:
    """Whether two editions' records say the same, whoever wrote the cards and when."""
    return _bare(first) == _bare(second)


def _bare(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _bare(one) for name, one in value.items() if name not in ("created", "engine", "receipt")}
    return [_bare(one) for one in value] if isinstance(value, list) else value
