"""Word of a failed night to those who want it: once for each failure and receiver, whatever stands in the way.

Keeps its own marks beside those of editions; knows nothing of what failed but the words it is given.
"""

import logging
import time
from contextlib import suppress
from typing import Any

from . import letters, outbox, postmarks
from .config import Config
from .deliver import Message
from .errors import DigestError
from .hooks import Clock, Sleep
from .interrupts import seen_to
from .plaintext import one_line
from .postmarks import FailureMark, FailureMarks
from .settings import DeliverSettings
from .store import Store

log = logging.getLogger(__name__)


def report_failure(
    config: Config, subject: str, text: str, key: str, clock: Clock, sleep: Sleep = time.sleep
) -> FailureMarks:
    """
    Tell those who want to know of failures, in whatever language, that a night failed: each once for a `key`.

    What earlier reports did not bring to a receiver is tried again. Nothing keeps it from being sent: where no mark
    can be written, it may come twice.

    Args:
        config: With the output folder of the first language.
        subject: One line, without secrets.
        text: What happened and what to do, without secrets.
        key: The same for the same failure: "2026-03-17 SourceError".
        clock: Now, UTC.
        sleep: Between the tries of one message.

    Returns:
        The marks of all reports; where they can't be kept, those of this call.
    """
    store = Store(config.output)
    if not _listeners(config):
        return FailureMarks()
    with postmarks.failures_locked(store):
        marks = _known(store)
        known = {one.receiver for one in marks.marks if one.key == key}
        host, moment = outbox.letterhead(config).host, clock()
        for one in _listeners(config):
            if one.name not in known:
                name = letters.message_id("failure", config.output.resolve(), key, one.name, moment, host=host)
                mark = FailureMark(
                    receiver=one.name,
                    state="waiting",
                    message_id=name,
                    attempts=0,
                    at=moment,
                    key=key,
                    subject=subject,
                    text=text,
                )
                marks = marks.with_mark(mark)
        return _report(config, store, marks, clock, sleep)


def report_again(config: Config, clock: Clock, sleep: Sleep = time.sleep) -> FailureMarks:
    """Send what earlier reports of failures did not bring to a receiver; as `report_failure`."""
    store = Store(config.output)
    if not owed(config, _known(store)):
        return _known(store)
    with postmarks.failures_locked(store):
        return _report(config, store, _known(store), clock, sleep)


def owed(config: Config, marks: FailureMarks) -> list[FailureMark]:
    """The reports that some receiver is still to have."""
    names = {one.name for one in _listeners(config)}
    return [mark for mark in marks.marks if mark.receiver in names and not mark.is_settled]


def _listeners(config: Config) -> list[DeliverSettings]:
    return [one for one in config.deliver if "failures" in one.sends]


def _report(config: Config, store: Store, marks: FailureMarks, clock: Clock, sleep: Sleep) -> FailureMarks:
    mine = {one.name: one for one in _listeners(config)}
    for mark in owed(config, marks):
        with seen_to():
            begun = mark.model_copy(update={"state": "sending", "attempts": mark.attempts + 1, "at": clock()})
            marks = _kept(store, marks.with_mark(begun))
            changes: dict[str, Any] = {"state": "sent", "text": "", "error": None}
            try:
                message = Message(
                    one_line(mark.subject),
                    mark.text,
                    mark.message_id,
                    None,
                    outbox.letterhead(config).headers(clock(), config.language),
                )
                outbox.hand_over(outbox.opened(config, mine[mark.receiver]), message, sleep)
            except DigestError as error:
                changes = {"state": "failed", "error": outbox.reason(config, mine[mark.receiver], error)}
            done = begun.model_copy(update=changes | {"at": clock()})
            marks = _kept(store, marks.with_mark(done))
        if done.state == "failed":
            log.warning("report of %s: %s did not get it: %s", done.key, done.receiver, done.error)
    return marks


def _known(store: Store) -> FailureMarks:
    try:
        return postmarks.load_failures(store)
    except DigestError as error:
        log.warning("%s; reports of failures may come twice", error)
        return FailureMarks()


def _kept(store: Store, marks: FailureMarks) -> FailureMarks:
    """The marks, on disk if it takes them: a report of a full disk must not wait for room."""
    with suppress(DigestError):
        postmarks.save_failures(store, marks)
    return marks
