"""What is looked at before a night: one Protocol, one module a part of the whole, a registry of "module:attribute".

Each part looks and says what it found, with the mend; nothing is mended here, and nothing that is looked at changes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from ..errors import EX_TEMPFAIL, EX_USAGE, DigestError
from ..plaintext import one_line
from ..secrecy import Secrets

if TYPE_CHECKING:  # what these import needs time zones, and whether there are any is looked at first
    from ..config import Config
    from ..hooks import Clock

#: The parts in the order of their lines.
PARTS = (
    "digest.doctor.intake:examine",
    "digest.doctor.service:examine",
    "digest.doctor.model:examine",
    "digest.doctor.interfaces:examine",
    "digest.doctor.dates:examine",
    "digest.doctor.disk:examine",
    "digest.doctor.shared_store:examine",
    "digest.doctor.pages:examine",
    "digest.doctor.receivers:examine",
    "digest.doctor.jobs:examine",
)
LONGEST = 600  #: characters of a fact or a mend: some of it is strangers' text
ONLINE = "leave out --offline, and it is asked"
AGAIN = "it may pass by itself: try again later"

Mark = Literal["ok", "note", "wrong"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str  #: what was looked at; the same in every version
    mark: Mark
    fact: str
    mend: str | None = None  #: what to do about anything not ok
    passes: bool = False  #: something wrong that may pass by itself


@dataclass(frozen=True, slots=True)
class Patient:
    """What is to be looked at."""

    config: "Config"
    clock: "Clock"
    offline: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    user: Path = Path()  #: the user's home folder


#: A part: looks at some of it, and yields each check as soon as it is done.
Examine = Callable[[Patient], Iterator[Check]]


def parts() -> Iterator[tuple[str, Examine]]:
    """Yield each part by its name, imported when it is its turn."""
    for place in PARTS:
        module, _, attribute = place.partition(":")
        yield module.rpartition(".")[2], cast("Examine", getattr(import_module(module), attribute))


def failed(name: str, error: DigestError, mend: str | None = None) -> Check:
    """The check that an error of ours comes to."""
    passes = error.exit_code == EX_TEMPFAIL
    return Check(name, "wrong", str(error), error.hint or mend or (AGAIN if passes else None), passes)


def scrubbed(check: Check, secrets: Secrets) -> Check:
    """A check that shows no secret and no line breaks, whatever a service has said."""

    def clean(text: str) -> str:
        text = secrets.hide(one_line(text))
        return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"

    return Check(check.name, check.mark, clean(check.fact), check.mend and clean(check.mend), check.passes)


def exit_code(checks: Iterable[Check]) -> int:
    """
    What the command ends with: 2 where the user must mend something, 75 where all that is wrong may pass by itself.

    >>> exit_code([Check("a", "note", "")]), exit_code([Check("a", "wrong", "", passes=True)])
    (0, 75)
    """
    wrong = [check for check in checks if check.mark == "wrong"]
    if not wrong:
        return 0
    return EX_TEMPFAIL if all(check.passes for check in wrong) else EX_USAGE
