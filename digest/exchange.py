"""The exchange of editions between an output folder and a place that several drivers share, and what follows from it.

Writes files of editions whole, and the small file that says which versions they are; asks no network itself.
"""

import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256
from typing import Literal

from .atomic import guarded, replace
from .models import Edition
from .plaintext import counted
from .store import Store, read_edition
from .versions import Version, Versions, Worth

log = logging.getLogger(__name__)

STATE = "editions/.shared"  #: below the output folder: which version the copy of each date is

Step = Literal["nothing", "note", "bring", "push"]


@dataclass(frozen=True, slots=True)
class Copy:
    """What our copy of a date was when it was last the same as a version."""

    number: int  #: of the version
    digest: str  #: SHA-256 of the bytes, in hexadecimal
    size: int = 0  #: bytes of the file
    changed: int = 0  #: when the file was written, in nanoseconds: with the size it tells that nobody touched it
    bare: bool = False  #: brought from the store, and without pages so far


def next_step(here: str | None, copy: Copy | None, newest: Version | None) -> Step:
    """
    What is to be done about a date.

    Args:
        here: The sum of our file; None: there is none.
        copy: What it was when it was last the same as a version.
        newest: The version that counts.
    """
    if newest is None:
        return "push" if here else "nothing"
    if here is None:
        return "bring"
    if here == newest.digest:
        return "nothing" if copy and (copy.number, copy.digest) == (newest.number, here) else "note"
    if copy and copy.digest == here:
        return "bring"  # nobody touched it since
    return "push"  # which the store holds against the newest


# ------------------------------------------------------------------------------------------ the exchange


class State:
    """The small file that says which version the copy of each date is; damaged, it is as if there were none."""

    def __init__(self, store: Store, of: str) -> None:
        """Read it; `of` names the store and the site: what is known of another one counts for nothing here."""
        self._path = store.output / STATE
        self._of = of
        self.copies: Mapping[date, Copy] = {}
        try:
            said = json.loads(self._path.read_bytes())
            if said["of"] == of:
                self.copies = {date.fromisoformat(day): Copy(**copy) for day, copy in said["copies"].items()}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            log.debug("%s: %s", self._path, error)

    def save(self, copies: Mapping[date, Copy]) -> None:
        """Write it anew."""
        if copies != self.copies:
            said = {"of": self._of, "copies": {day.isoformat(): asdict(copies[day]) for day in sorted(copies)}}
            replace(self._path, json.dumps(said, indent=0).encode("ascii"))
            self.copies = dict(copies)


class Exchange:
    """One look at the folder and at the store, and what follows from it."""

    def __init__(self, store: Store, versions: Versions, language: str, of: str) -> None:
        """Keep the parts; nothing is asked. `of` names the store and the site, see State."""
        self._store = store
        self._versions = versions
        self._language = language
        self._of = of
        self._state = State(store, of)

    def sync(self, days: Collection[date] | None, *, locked: bool) -> tuple[date, ...]:
        """
        Bring what others have made, and hand out what was changed here.

        Args:
            days: The dates that matter; None: all.
            locked: The caller keeps other runs out of the folder.

        Returns:
            The dates whose files changed.

        Raises:
            BusyError: another run has the folder.
            DigestError: from the place.
        """
        steps, newest = self._steps(days)
        if steps and not locked:
            with self._store.locked():
                self._state = State(self._store, self._of)  # a run that has just ended may have changed all
                return self._carry_out(*self._steps(days))
        return self._carry_out(steps, newest)

    def _steps(self, days: Collection[date] | None) -> tuple[dict[date, Step], Mapping[date, Version]]:
        """What is to be done, by date, and the versions that count."""
        newest, copies = self._versions.newest(days), self._state.copies
        known = sorted({*newest, *(self._store.dates() if days is None else days)})
        steps = {day: next_step(self._digest(day), copies.get(day), newest.get(day)) for day in known}
        return {day: step for day, step in steps.items() if step != "nothing"}, newest

    def _carry_out(self, steps: Mapping[date, Step], newest: Mapping[date, Version]) -> tuple[date, ...]:
        copies, brought = dict(self._state.copies), []
        try:
            for day, step in steps.items():
                if self._carried_out(day, step, newest.get(day), copies):
                    brought.append(day)
        finally:
            self._state.save(copies)
        if brought:
            log.info("%s: %s from %s", self._store.output, counted(len(brought), "edition"), self._versions.place)
        return tuple(brought)

    def _digest(self, day: date) -> str | None:
        """The sum of our file, which is read only if it may have changed."""
        path, copy = self._store.path(day), self._state.copies.get(day)
        with guarded(path):
            try:
                found = path.stat()
            except FileNotFoundError:
                return None
            if copy and (copy.size, copy.changed) == (found.st_size, found.st_mtime_ns):
                return copy.digest
            return sha256(path.read_bytes()).hexdigest()

    def _carried_out(self, day: date, step: Step, newest: Version | None, copies: dict[date, Copy]) -> bool:
        """Do what is to be done about a date, and note it in `copies`; whether our file changed."""
        if step == "push" and (newest := self._pushed(day, copies.get(day))) is None:
            return False
        assert newest
        if self._digest(day) != newest.digest:
            content = self._versions.content(newest)
            where = f"{self._versions.place}, version {newest.number}"
            if content is None or self._edition(day, content, where) is None:
                return False
            replace(self._store.path(day), content)
            copies[day] = self._copy(day, newest, is_bare=True)
            return True
        copies[day] = self._copy(day, newest, is_bare=day in copies and copies[day].bare)
        return False

    def _pushed(self, day: date, copy: Copy | None) -> Version | None:
        """Hand out our file, if it is an edition; the version that counts then."""
        path = self._store.path(day)
        with guarded(path):
            content = path.read_bytes()
        edition = self._edition(day, content, str(path))
        if edition is None:
            return None
        return self._versions.add(day, content, worth_of(edition), copy.number if copy else None)

    def _copy(self, day: date, version: Version, *, is_bare: bool) -> Copy:
        found = self._store.path(day).stat()
        return Copy(version.number, version.digest, found.st_size, found.st_mtime_ns, is_bare)

    def _edition(self, day: date, content: bytes, where: str) -> Edition | None:
        """The edition in a record, if it is the one it should be; else a word about it."""
        try:
            edition = read_edition(content)
            if (edition.announced, edition.language) == (day, self._language):
                return edition
            reason = f"holds the edition of {edition.announced} in {edition.language}"
        except (ValueError, RecursionError):
            reason = "no edition, or one of a newer program"
        log.warning("%s: %s; it is not shared", where, reason)
        return None


def worth_of(edition: Edition) -> Worth:
    """How much an edition holds."""
    cards = [entry for entry in (*edition.entries, *edition.replacements) if entry.card is not None]
    rough = sum(entry.is_draft or (entry.card is not None and entry.card.origin.engine == "echo") for entry in cards)
    return Worth(len(cards) - rough, len(cards))
