"""A run that nobody watches: it waits for what is late, takes up what an earlier one left, and tells when it fails.

Decides when to wait and what to say; what is made and how it is sent is in pipeline.py and delivery.py.
"""

import logging
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from . import delivery, failures, folder_lock, schedule
from .config import Config
from .errors import (
    EX_TEMPFAIL,
    EX_USAGE,
    BatchPending,
    BusyError,
    DeliveryError,
    DigestError,
    Interrupted,
    RecordError,
    SourceError,
)
from .hooks import Clock, Sleep
from .postmarks import Postmark
from .store import Store

if TYPE_CHECKING:
    from tenacity import RetryCallState

log = logging.getLogger(__name__)

Made = TypeVar("Made")

TRIES = 6  #: of a patience, at least
LONGEST_PAUSE = 600.0  #: seconds between two of them
SHORTEST_PAUSE = 1.0
QUIET = (BusyError, BatchPending, Interrupted)  #: no failures: another run is at work, or this one goes on later


def patiently(task: Callable[[], Made], minutes: float, sleep: Sleep = time.sleep) -> Made:
    """
    What `task` gives; where arXiv is late or down, or another run works on the folder, it is tried again for a while.

    Args:
        task: May be called many times.
        minutes: To go on trying; with 0 it is tried once.
        sleep: Waits for seconds.

    Raises:
        SourceError, BusyError: of the last try.
        DigestError: any other is not waited for.
    """
    if not minutes:
        return task()
    from tenacity import Retrying, retry_if_exception_type, stop_before_delay, wait_fixed

    pause = max(SHORTEST_PAUSE, min(LONGEST_PAUSE, 60 * minutes / TRIES))

    def tell(state: "RetryCallState") -> None:
        error = state.outcome.exception() if state.outcome else None
        log.warning("%s; looking again in %.0f s", error, pause)

    tries = Retrying(
        retry=retry_if_exception_type((SourceError, BusyError)),
        wait=wait_fixed(pause),
        stop=stop_before_delay(60 * minutes),
        before_sleep=tell,
        sleep=sleep,
        reraise=True,
    )
    return tries(task)


@dataclass(frozen=True, slots=True)
class Alarm:
    """Who is told when a run fails that nobody watches; of one site, whose language it speaks."""

    config: Config
    clock: Clock
    is_on: bool  #: False: somebody watches, and reads the same on the terminal

    def go_on(self, sites: Iterable[Config]) -> None:
        """Tell what nobody could be told of before, and of runs that ended without a word."""
        if self.is_on and self.config.deliver:
            failures.report_again(self.config, self.clock)
        for site in sites:
            if said := folder_lock.left_behind(site.output, take=True):
                log.warning("%s; what it left is gone on with", said)
                self._tell("an earlier run was killed", said, key=said)

    @contextmanager
    def on_failure(self) -> Iterator[None]:
        """While inside, a failure of the run is told before it goes its way."""
        try:
            yield
        except QUIET:
            raise
        except DigestError as error:
            key = re.sub(r"\d+", "#", str(error))  # "out of order for 301 s" is told once a day
            self._tell("a run failed", "\n".join(filter(None, [str(error), error.hint])), key=key)
            raise
        except Exception as error:
            self._tell("a run met a bug", f"{type(error).__name__}: the log has the rest", key=type(error).__name__)
            raise

    def _tell(self, subject: str, text: str, *, key: str) -> None:
        if self.is_on and self.config.deliver:
            today = self.clock().date()
            failures.report_failure(self.config, f"digest {today}: {subject}", text, f"{today} {key}", self.clock)


def deliver_left(
    config: Config, clock: Clock, done: Collection[date] = ()
) -> tuple[list[tuple[date, Postmark]], list[DigestError]]:
    """
    Send once more what did not reach a receiver before, but for the editions just `done`.

    Returns:
        How each try ended, and what kept one from being made: a busy folder, marks that can't be read.
    """
    found: list[tuple[date, Postmark]] = []
    errors: list[DigestError] = []
    for day in delivery.due(config, clock()):
        if day not in done:
            try:
                marks = patiently(partial(_delivered, config, day, clock), config.patience_minutes)
                found += [(day, mark) for mark in marks]
            except (BusyError, RecordError) as error:
                errors.append(error)
    return found, errors


def _delivered(config: Config, announced: date, clock: Clock) -> tuple[Postmark, ...]:
    store = Store(config.output)
    with store.locked():
        edition = store.load(announced)
        return delivery.deliver_unless_held(config, edition, clock) if edition else ()


def begin(sites: Iterable[Config], clock: Clock) -> None:
    """Note the newest listing where it is not there yet: should this night fail, the next one makes it up."""
    for site in sites:
        store, newest = Store(site.output), schedule.newest(clock(), site.arxiv.holidays)
        if newest not in store.dates():
            store.owe(newest)


def undelivered(marks: Iterable[tuple[date, Postmark]]) -> DeliveryError | None:
    """The failure that marks come to, if one of them is none of success."""
    failed = [(day, mark) for day, mark in marks if not mark.is_settled]
    if not failed:
        return None
    named = "; ".join(f"{day} to {mark.receiver}: {mark.why}" for day, mark in failed[:5])
    more = f"; and {len(failed) - 5} more" if len(failed) > 5 else ""
    error = DeliveryError(f"not delivered: {named}{more}", hint="the next run tries again; digest deliver does so now")
    error.exit_code = EX_USAGE if any(mark.is_lasting for _, mark in failed) else EX_TEMPFAIL
    return error
