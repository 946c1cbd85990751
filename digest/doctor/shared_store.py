"""The database that several drivers share, where there is one: whether it answers, how soon, and what one may do there.

Asks and counts; writes nothing but the tables, should they not be there yet.
"""

import time
from collections.abc import Iterator
from statistics import median

from .. import backends
from ..engines.keeping import Replies
from ..errors import DigestError
from . import ONLINE, Check, Patient, failed

ROUNDS = 5  #: questions that are timed
FAR = 0.1  #: seconds for an answer: beyond it, the way there is the slowest part of a run
NOWHERE = "0" * 64  #: no request's key


def examine(patient: Patient) -> Iterator[Check]:
    """Yield how the shared store does; nothing where there is none."""
    if patient.config.store_url is None:
        return
    if patient.offline:
        yield Check("store", "note", "the shared store was not asked", ONLINE)
        return
    try:
        with backends.open_shared(patient.config) as replies:
            version, is_writable = replies.look()
            yield check(
                f"{replies.place}: PostgreSQL {version}", replies.total(), [*_timed(replies)], is_writable=is_writable
            )
    except DigestError as error:
        yield failed("store", error)


def _timed(replies: Replies) -> Iterator[float]:
    for _ in range(ROUNDS):
        began = time.monotonic()
        replies.lookup(NOWHERE)
        yield time.monotonic() - began


def check(what: str, replies: int, seconds: list[float], *, is_writable: bool) -> Check:
    """What a store that answers comes to."""
    fact = f"{what}, {replies:,} replies, answers in {median(seconds) * 1000:.1f} ms"
    if not is_writable:
        return Check("store", "wrong", f"{fact}; nothing can be written there", "the tables' owner grants it")
    if median(seconds) > FAR:
        return Check("store", "note", fact, "it is far away: a database nearer to the drivers makes them quicker")
    return Check("store", "ok", fact)
