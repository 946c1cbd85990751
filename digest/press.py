"""Pages made by a process of its own, so that an engine with hundreds of answers on their way never waits for a page.

Makes the pages of saved editions and says what went wrong; it saves no edition, and ends when who began it is gone.
"""

import logging
import signal
import time
from collections.abc import Sequence
from datetime import date
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, NamedTuple

from . import logs, publishing
from .config import Config
from .errors import BusyError, DigestError

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

log = logging.getLogger(__name__)

SHARE = 0.2  #: of the time, at most, that goes into the pages about all editions while more editions are to come
PAUSE = 1.0  #: seconds between two looks whether another run has left the folder


class Printed(NamedTuple):
    """What came of the pages."""

    pages: int  #: that changed
    faults: tuple[DigestError, ...]


class Press:
    """The process and the way to it; begun with the first edition."""

    def __init__(self, configs: Sequence[Config]) -> None:
        """Begin nothing yet; there is one configuration for each site, and the process gets no secret of it."""
        bare: dict[str, object] = {"api_key": None, "fallback_key": None, "secrets": {}, "store_url": None}
        self._configs = [one.model_copy(update=bare) for one in configs]
        self._sites = {one.output: nth for nth, one in enumerate(configs)}
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None

    def add(self, config: Config, announced: date) -> None:
        """Have the pages made of an edition that is saved, soon."""
        if self._pipe is None:
            self._begin()
        assert self._pipe is not None
        try:
            self._pipe.send((self._sites[config.output], announced))
        except OSError as error:
            log.debug("press: %s", error)  # `close` tells of it

    def close(self) -> Printed:
        """Wait until all pages are there."""
        if self._pipe is None or self._process is None:
            return Printed(0, ())
        try:
            self._pipe.send(None)
            printed: Printed = self._pipe.recv()
        except (OSError, EOFError):
            self._process.join()
            fact = f"the process that makes the pages ended with status {self._process.exitcode}"
            return Printed(0, (DigestError(fact, hint="digest render makes them"),))
        self._process.join()
        self._pipe.close()
        self._pipe = None
        return printed

    def _begin(self) -> None:
        from multiprocessing import get_context

        context = get_context("spawn")  # a fork would take the engine's threads and locks along
        self._pipe, other = context.Pipe()
        level = logging.getLogger("digest").getEffectiveLevel()
        arguments = (other, self._configs, level, logs.form())
        self._process = context.Process(target=_work, args=arguments, name="press", daemon=True)
        self._process.start()
        other.close()  # so that the end of either process is heard by the other


def _work(pipe: Connection, configs: Sequence[Config], level: int, form: logs.Form) -> None:
    """Make pages as they are asked for, until the end is told, or whoever asks is gone."""
    for name in ("SIGINT", "SIGHUP"):  # of the terminal: the other process says when it is over
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    logging.basicConfig(handlers=[logs.handler(form)])
    logging.getLogger("digest").setLevel(level)
    desk = _Desk(configs)
    try:
        while True:
            seconds = desk.rest()
            if seconds is not None and not pipe.poll(seconds):
                desk.print()
            elif (order := pipe.recv()) is None:
                break
            else:
                desk.due.setdefault(order[0], []).append(order[1])
        while (seconds := desk.rest()) is not None:
            time.sleep(seconds if desk.is_busy else 0.0)
            desk.print()
        pipe.send(Printed(desk.pages, tuple(desk.faults)))
    except EOFError:
        pass


class _Desk:
    """What is to be printed, and when."""

    def __init__(self, configs: Sequence[Config]) -> None:
        self.configs = configs
        self.due: dict[int, list[date]] = {}
        self.pages = 0
        self.faults: list[DigestError] = []
        self.next = 0.0
        self.is_busy = False  #: another run works on the folder

    def rest(self) -> float | None:
        """Seconds until it is time to print; None: there is nothing to print."""
        return max(0.0, self.next - time.monotonic()) if self.due else None

    def print(self) -> None:
        """Make all pages that are due; each time it takes, it stays away the longer."""
        began = time.monotonic()
        due, self.due, was_busy, self.is_busy = self.due, {}, self.is_busy, False
        for nth, days in due.items():
            try:
                self._print(self.configs[nth], days)
            except BusyError as error:
                self.due[nth], self.is_busy = days, True
                if not was_busy:
                    log.warning("%s; the pages wait for it", error)
        now = time.monotonic()
        self.next = now + (PAUSE if self.is_busy else (now - began) * (1 / SHARE - 1))

    def _print(self, config: Config, days: Sequence[date]) -> None:
        try:
            written, damaged = publishing.render_again(config, days)
        except BusyError:
            raise
        except DigestError as error:
            self._fault(error)
        else:
            self.pages += len(written)
            for one in damaged:
                self._fault(one)

    def _fault(self, error: DigestError) -> None:
        """Each fault once: a damaged record is met whenever the archive is made."""
        if str(error) not in map(str, self.faults):
            self.faults.append(error)
