"""Deliveries tried without a mark: what each receiver would get of an edition now, and a short message on each way.

Leaves no trace on disk; who gets what by itself is for delivery.py.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass

from . import letters, outbox, postmarks, publishing
from .config import Config
from .delivery import receivers, unsettled, written
from .errors import DigestError
from .hooks import Clock, Sleep
from .letters import Form, Letters
from .models import Edition
from .plaintext import one_line
from .settings import DeliverSettings
from .store import Store


@dataclass(frozen=True, slots=True)
class Parcel:
    """What a receiver would get of an edition now."""

    receiver: str
    form: Form
    papers: int
    characters: int  #: of its text
    html: int  #: bytes; 0: none
    error: str | None = None  #: why it can't be sent at all


def planned(config: Config, edition: Edition, clock: Clock, only: Collection[str], again: bool = False) -> list[Parcel]:
    """What `delivery.deliver` to `only` these would send; nothing is sent, marked or connected to."""
    mine = {one.name: one for one in receivers(config) if one.name in only}
    marks = postmarks.load(Store(config.output), edition.announced)
    writer = Letters(publishing.look_of(config))
    names = list(mine) if again else unsettled(marks, list(mine))
    return [_parcel(config, edition, mine[name], writer, clock) for name in names]


def _parcel(config: Config, edition: Edition, one: DeliverSettings, writer: Letters, clock: Clock) -> Parcel:
    papers, form = len(letters.part_of(edition, one.sections).entries), outbox.form_of(one)
    try:
        channel = outbox.opened(config, one)
        message = written(config, edition, one, "plan@digest.invalid", writer, channel, clock)
    except DigestError as error:
        return Parcel(one.name, form, papers, 0, 0, one_line(str(error)))
    if message is None:
        return Parcel(one.name, form, 0, 0, 0)
    return Parcel(one.name, form, papers, len(message.text), len((message.html or "").encode()))


def tried(
    config: Config, clock: Clock, only: Collection[str] = (), sleep: Sleep = time.sleep
) -> dict[str, DigestError | None]:
    """Send a short message to each receiver, whatever its language; what went wrong, by name."""
    found: dict[str, DigestError | None] = {}
    writer, head = Letters(publishing.look_of(config)), outbox.letterhead(config)
    for one in config.deliver:
        if only and one.name not in only:
            continue
        name = letters.message_id("trial", one.name, clock().isoformat(), host=head.host)
        spoken = one.language or config.language
        try:
            message = writer.trial(spoken, name, head.headers(clock(), spoken))
            outbox.hand_over(outbox.opened(config, one), message, sleep)
            found[one.name] = None
        except DigestError as error:
            found[one.name] = error
    return found
