"""What each receiver has had: a mark for each edition and receiver, on disk beside the edition.

Keeps the marks; decides nothing and sends nothing. A mark holds a receiver's name and never its address.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import ConfigDict, Field

from .atomic import guarded, replace
from .errors import RecordError
from .models import Line, Record, Utc
from .store import Store

log = logging.getLogger(__name__)

FOLDER = "editions/.delivered"  #: below the output folder
FAILURES = "failures.json"
PATIENCE = 60.0  #: seconds for another process to report its failure
MOST_SETTLED = 200  #: settled marks of failed nights that are kept

#: waiting: meant for the receiver, not begun; sending: begun, and no word of how it ended; nothing: the receiver's
#: sections have no paper that day.
State = Literal["waiting", "sending", "sent", "failed", "nothing"]
WHY: Mapping[State, str] = {
    "waiting": "held back, since a paper waits for its answer",
    "sending": "no word of how it ended",
    "failed": "no reason was given",
}


class Postmark(Record):
    """How an edition's way to one receiver stands."""

    receiver: str  #: its name in digest.toml
    state: State
    message_id: str  #: the same for every try, so that a receiver can tell a second copy
    attempts: Annotated[int, Field(ge=0)]
    at: Utc  #: of the last try; of a waiting one, of the run that made the edition
    error: Line | None = None  #: of the last try, without secrets
    is_lasting: bool = False  #: the user must mend something before another try

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do."""
        return self.state in ("sent", "nothing")

    @property
    def why(self) -> str:
        """Why the receiver is not known to have it, in words."""
        return self.error or WHY.get(self.state, "")


class Postmarks(Record):
    """The marks of one edition."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    announced: date
    marks: tuple[Postmark, ...] = ()  #: one for each receiver, in the order of their first try

    def of(self, receiver: str) -> Postmark | None:
        """The mark of one receiver, or None."""
        return next((one for one in self.marks if one.receiver == receiver), None)

    def with_mark(self, mark: Postmark) -> "Postmarks":
        """A copy in which `mark` takes the place of the receiver's old one."""
        if self.of(mark.receiver) is None:
            return self.model_copy(update={"marks": (*self.marks, mark)})
        marks = tuple(mark if one.receiver == mark.receiver else one for one in self.marks)
        return self.model_copy(update={"marks": marks})


class FailureMark(Postmark):
    """How the message about one failed night stands with one receiver; what it said, until it is settled."""

    key: Line  #: of the failure: no receiver has two messages of one key
    subject: Line
    text: str = ""


class FailureMarks(Record):
    """The marks of messages about failed nights, oldest first."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    marks: tuple[FailureMark, ...] = ()

    def with_mark(self, mark: FailureMark) -> "FailureMarks":
        """A copy in which `mark` takes the place of that of the same failure and receiver; old settled ones go."""
        name = (mark.key, mark.receiver)
        marks = [mark if (one.key, one.receiver) == name else one for one in self.marks]
        marks += [] if mark in marks else [mark]
        kept = [one for place, one in enumerate(marks) if not one.is_settled or place >= len(marks) - MOST_SETTLED]
        return self.model_copy(update={"marks": tuple(kept)})


Marks = TypeVar("Marks", Postmarks, FailureMarks)


def path(store: Store, announced: date) -> Path:
    """Where the marks of an edition are."""
    return store.output / FOLDER / f"{announced.isoformat()}.json"


def load(store: Store, announced: date) -> Postmarks:
    """
    The marks of an edition; none where nothing was ever delivered.

    Raises:
        RecordError: the file is damaged, so that nobody knows who had the edition.
    """
    mend = f"put back a good copy; or delete it, and digest deliver {announced} sends the edition to all again"
    return _loaded(path(store, announced), Postmarks(announced=announced), mend)


def save(store: Store, marks: Postmarks) -> None:
    """Save the marks of an edition."""
    _save(path(store, marks.announced), marks)


def dates(store: Store) -> tuple[date, ...]:
    """The dates of the editions that have marks, newest first."""
    found = []
    for path in (store.output / FOLDER).glob("*.json"):
        try:
            found.append(date.fromisoformat(path.stem))
        except ValueError:
            continue
    return tuple(sorted(found, reverse=True))


@contextmanager
def failures_locked(store: Store) -> Iterator[None]:
    """Let one process at a time report a failure; one that waits too long, or finds no lock, goes on without."""
    from filelock import FileLock

    lock = FileLock(store.output / FOLDER / ".lock", timeout=PATIENCE)
    try:
        (store.output / FOLDER).mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:  # also filelock's own Timeout
        log.debug("%s: %s", lock.lock_file, error)
    try:
        yield
    finally:
        lock.release()


def load_failures(store: Store) -> FailureMarks:
    """
    The marks of messages about failed nights.

    Raises:
        RecordError: the file is damaged.
    """
    return _loaded(store.output / FOLDER / FAILURES, FailureMarks(), "delete it: no edition hangs on it")


def save_failures(store: Store, marks: FailureMarks) -> None:
    """Save the marks of messages about failed nights."""
    _save(store.output / FOLDER / FAILURES, marks)


def _loaded(place: Path, none: Marks, mend: str) -> Marks:
    with guarded(place):
        try:
            content = place.read_bytes()
        except FileNotFoundError:
            return none
        except IsADirectoryError as error:
            raise RecordError(f"{place}: a folder, no delivery marks", hint=mend) from error
    try:
        return type(none).model_validate_json(content)
    except ValueError as error:
        raise RecordError(f"{place}: no delivery marks", hint=mend) from error


def _save(place: Path, marks: Postmarks | FailureMarks) -> None:
    replace(place, marks.model_dump_json(by_alias=True, indent=1).encode() + b"\n")
