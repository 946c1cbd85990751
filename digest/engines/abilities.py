"""What services have been found to understand, kept in a small file from one run to the next.

Reads and writes that file alone, and speaks to no service; it may be deleted at any time, a damaged one counts as none.
"""

import json
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .dialect import FORMATS, Dialect

log = logging.getLogger(__name__)

FILE = "abilities.json"  #: in the folder of the cache
KNOWN = timedelta(days=30)  #: then a service is tried anew: it may have learnt
MOST = 200  #: services and models kept, the newest


@dataclass(frozen=True, slots=True)
class Ability:
    """What one model at one address understands."""

    format: str | None  #: of dialect.FORMATS
    without: tuple[str, ...] = ()  #: parameters it does not take


class Abilities:
    """The file, for one address."""

    def __init__(self, path: Path | None, base_url: str, clock: Callable[[], datetime]) -> None:
        """`path` None remembers nothing; no name or password in `base_url` gets into the file."""
        parts = urlsplit(base_url)
        self.path = path
        self.place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
        self.clock = clock

    def recall(self, model: str) -> Ability | None:
        """What was found out about a model in the last 30 days, or None."""
        found = self._read().get(self._name(model))
        return found[0] if found else None

    def all(self) -> dict[str, Ability]:
        """What was found out in the last 30 days, by model."""
        prefix = self._name("")
        return {
            name.removeprefix(prefix): found for name, (found, _) in self._read().items() if name.startswith(prefix)
        }

    def keep(self, model: str, ability: Ability) -> None:
        """Remember it; where that fails it is found out again."""
        if self.path is None:
            return
        entries = self._read() | {self._name(model): (ability, self.clock())}
        newest = sorted(entries.items(), key=lambda one: one[1][1])[-MOST:]
        table = {name: _as_row(*entry) for name, entry in newest}
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}.tmp")
        try:
            draft.write_text(json.dumps({"v": 1, "services": table}, ensure_ascii=True, indent=1), encoding="ascii")
            draft.replace(self.path)
        except OSError as error:
            log.debug("%s: can't be written: %s", self.path, error.strerror)
            with suppress(OSError):
                draft.unlink(missing_ok=True)

    def _name(self, model: str) -> str:
        return f"{self.place} {model}"

    def _read(self) -> dict[str, tuple[Ability, datetime]]:
        """What is known and not too old."""
        try:
            record = json.loads(self.path.read_bytes()) if self.path else {}
            rows = record["services"] if record.get("v") == 1 else {}
            entries = {str(name): _from_row(row) for name, row in rows.items()}
            oldest = self.clock() - KNOWN
            return {name: entry for name, entry in entries.items() if entry[1] > oldest}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
            return {}


def dialect_of(ability: Ability | None, start: str | None = None) -> Dialect:
    """
    How to speak to a model: as it is known to understand, and where nothing is known, from the rung `start` on.

    >>> dialect_of(None, "json_object").rung, dialect_of(Ability(None)).rung, dialect_of(None).known
    (1, 2, False)
    """
    if ability and ability.format in FORMATS:
        return Dialect(FORMATS.index(ability.format), ability.without, known=True)
    return Dialect(FORMATS.index(None if start == "none" else start) if start else 0)


def _as_row(ability: Ability, learnt: datetime) -> dict[str, Any]:
    return {"format": ability.format, "without": list(ability.without), "learnt": learnt.isoformat()}


def _from_row(row: Any) -> tuple[Ability, datetime]:
    form, without = row["format"], tuple(row["without"])
    if not isinstance(form, str | None) or not all(isinstance(name, str) for name in without):
        raise ValueError("not as we write it")
    return Ability(form, without), datetime.fromisoformat(row["learnt"])
