"""Many announcement dates in one go: collected ahead, asked for in one stream, saved and printed as each is complete.

Brings listings, engine, records and pages together; what is asked for an edition is in making.py.
"""

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial

from . import agenda, backends, folder_lock, listings, pipeline, report, selection, shared
from .agenda import OUTAGE, Order
from .backfill_display import Progress, Tell
from .config import Config
from .engines.budgeted import Meter
from .engines.cached import CachedEngine
from .errors import BusyError, DigestError, RecordError, SourceError
from .history import Earlier
from .hooks import Clock
from .making import Making
from .models import Bill, Completion, Edition, Request
from .press import Press
from .store import Store
from .stream import Stream, Work
from .whereabouts import Whereabouts

log = logging.getLogger(__name__)

AHEAD = 3  #: collected editions that wait for their turn
OFTEN = 0.1  #: seconds between two words about how far it is
LOOK = 0.2  #: seconds between two looks whether a listing is there

TOTALS = ("announced", "shown", "flagged", "pending", "excluded", "replacements")

Wanted = tuple[Config, date]  #: of one language
Stamp = tuple[int, int]  #: of a record: see `Store.stamp`
Collected = tuple[Config, pipeline.Gathered, Stamp]  #: the stamp is that before it was collected
OpenDesk = Callable[[], listings.Desk]


@dataclass(frozen=True, slots=True)
class Made:
    """An edition that is saved."""

    announced: date
    language: str
    ledger: report.Ledger
    seconds: float  #: from its listing to its last card
    is_ours: bool = True  #: False: another run wrote it meanwhile, and its edition stays


@dataclass(slots=True)
class Result:
    """What came of a backfill."""

    made: int = 0  #: editions
    totals: Counter[str] = field(default_factory=Counter)  #: of their papers: announced, shown, flagged, pending
    sent: int = 0
    bills: tuple[Bill, ...] = ()
    pages: int = 0  #: that changed
    seconds: float = 0.0
    failed: list[tuple[date, DigestError]] = field(default_factory=list)  #: dates without an edition, and why
    lacking: list[date] = field(default_factory=list)  #: dates of which the files hold nothing
    elsewhere: list[date] = field(default_factory=list)  #: dates that another driver makes, or has made meanwhile
    failure: DigestError | None = None  #: what stopped it, or what is wrong with the pages


Note = Callable[[Made], None]


def backfill(
    config: Config,
    wanted: Sequence[Wanted],
    order: Order,
    open_desk: OpenDesk,
    clock: Clock,
    *,
    tell: Tell = lambda _: None,
    note: Note = lambda _: None,
    papers: int | None = None,
) -> Result:
    """
    Make the editions of many dates; nothing is delivered.

    Args:
        config: Of the engine, the cache and the budget.
        wanted: Each date for each language, in the order in which they shall be made.
        order: Where papers come from.
        open_desk: Opens the place where listings come from; again after a failure.
        clock: The time, UTC.
        tell: Hears how far it is, some times a second.
        note: Hears of each edition that is saved.
        papers: As many as are expected in all languages, for `tell`.

    Returns:
        What was made, also where a failure stopped it: each edition on its way is saved as it was then.

    Raises:
        BusyError: another backfill works on the same folder.
        ConfigError: the key, the model or the price is missing; nothing was begun.
    """
    backends.require(config)
    backends.price_of(config)
    with folder_lock.alone(config.output), shared.at_work(config):
        return _Backfill(config, wanted, order, open_desk, clock, tell, note, papers).run()


class _Backfill:
    """One backfill: its parts, and how they come together."""

    def __init__(
        self,
        config: Config,
        wanted: Sequence[Wanted],
        order: Order,
        open_desk: OpenDesk,
        clock: Clock,
        tell: Tell,
        note: Note,
        papers: int | None,
    ) -> None:
        self.config, self.clock, self.editions, self.papers = config, clock, len(wanted), papers
        self.tell, self.note = tell, note
        sites = {one.output: one for one, _ in wanted}
        self.known = {output: Whereabouts(Store(output)) for output in sites}
        self.collector = _Collector(wanted, order, open_desk)
        self.press, self.meter, self.result = Press(list(sites.values())), Meter(), Result()
        self.open: dict[str, _Opened] = {}
        self.unshared: list[Wanted] = []
        self.told, self.began = -OFTEN, time.monotonic()

    def run(self) -> Result:
        result = self.result
        try:
            with backends.cached_engine(self.config, self.clock, self.meter, endless=True) as self.engine:
                self.ask()
                result.sent, result.bills = self.engine.sent, self.meter.bills
        finally:
            self.collector.close()
        result.failed, result.lacking = self.collector.failed, self.collector.lacking
        printed = self.press.close()
        self.hand_out(wait=True)
        crash = self.collector.crash
        if crash and not isinstance(crash, DigestError):
            raise crash
        found = [one for one in (result.failure, crash, *printed.faults) if isinstance(one, DigestError)]
        result.failure = next(iter(found), None)
        result.pages, result.seconds = printed.pages, time.monotonic() - self.began
        return result

    def ask(self) -> None:
        """Ask until all is made, or something stops it."""
        ahead, patient = getattr(self.engine, "ahead", 1), self.config.engine.name == "batch"
        stream = Stream(self.supply, self.engine, self.kept, self.done, self.landed, ahead=ahead, patient=patient)
        try:
            stream.run()
        except DigestError as error:
            self.result.failure = error

    def look_back(self, config: Config, edition: Edition) -> Earlier:
        return pipeline.earlier(self.known[config.output], edition)

    def supply(self, wait: bool) -> Work | None:
        """The next edition on its way, if its listing is there; those that another driver makes are left to it."""
        while (collected := self.collector.next(wait)) is not None:
            config, found, stamp = collected
            with ExitStack() as claims:
                if (mine := self.claimed(config, found, stamp, claims)) is not None:
                    return self.opened(config, mine, claims.pop_all())
        return None

    def claimed(
        self, config: Config, found: pipeline.Gathered, stamp: Stamp, claims: ExitStack
    ) -> pipeline.Gathered | None:
        """What was collected, with what others have made of it since; None where there is nothing left to do."""
        store, day = Store(config.output), found.edition.announced
        if not claims.enter_context(shared.making(config, day)):
            self.result.elsewhere.append(day)
            return None
        if store.stamp(day) == stamp:
            return found
        if not agenda.incomplete(config, [day], of_files=found.edition.source == "file"):
            self.result.elsewhere.append(day)
            self.known[config.output].add(day, store.ids(day))
            self.press.add(config, day)
            return None
        saved = store.load(day)
        return replace(found, edition=selection.carried(found.edition, saved)) if saved else found

    def opened(self, config: Config, found: pipeline.Gathered, claims: ExitStack) -> Making:
        """An edition on its way; that it is begun with is on record."""
        others = [one.making for one in self.open.values()]
        look_back = partial(self.look_back, config)
        making = Making(config, found, self.clock, before=others, look_back=look_back)
        store = Store(config.output)
        store.owe(making.announced)
        store.save(making.edition)
        self.open[making.name] = _Opened(making, store.stamp(making.announced), time.monotonic(), claims)
        return making

    def kept(self, requests: Sequence[Request]) -> Mapping[str, Completion]:
        """The replies that are kept of some requests."""
        if isinstance(self.engine, CachedEngine):
            return self.engine.kept([one.key for one in requests])
        return {one.key: reply for one in requests if (reply := self.engine.lookup(one)) is not None}

    def landed(self) -> None:
        if time.monotonic() - self.told > OFTEN:
            self._tell()

    def _tell(self) -> None:
        self.tell(self.progress())
        self.told = time.monotonic()

    def progress(self) -> Progress:
        return Progress(
            editions=self.result.made,
            editions_in_all=self.editions,
            papers=self.result.totals["announced"] + sum(one.making.settled for one in self.open.values()),
            papers_in_all=self.papers,
            sent=self.engine.sent,
            bills=self.meter.bills,
            seconds=time.monotonic() - self.began,
            open=tuple(self.open),
            endpoints=self.engine.endpoints() if isinstance(self.engine, CachedEngine) else (),
        )

    def done(self, work: Work) -> None:
        """Save an edition and have its pages made."""
        opened = self.open.pop(work.name)
        making = opened.making
        config, day, store = making.config, making.announced, Store(making.config.output)
        is_ours = store.stamp(day) == opened.stamp
        if is_ours:
            store.save(making.edition)
        else:
            log.warning("%s: another run has written it meanwhile; its edition stays", store.path(day))
        self.unshared.append((config, day))
        self.hand_out()
        opened.claims.close()
        self.known[config.output].add(day, making.papers)
        self.press.add(config, day)
        counts = report.ledger(making.edition)
        self.result.made += 1
        self.result.totals.update({name: getattr(counts, name) for name in TOTALS})
        self.note(Made(day, making.edition.language, counts, time.monotonic() - opened.at, is_ours))
        self._tell()

    def hand_out(self, *, wait: bool = False) -> None:
        """Let other drivers have what is saved, where a store is shared, as soon as no run works on the folder."""
        while self.unshared:
            config, day = self.unshared[0]
            try:
                with Store(config.output).locked() if config.store_url else nullcontext():
                    shared.push(config, day)
            except BusyError as error:
                if not wait:
                    return
                log.warning("%s; the editions go out after it", error)
                time.sleep(LOOK)
            else:
                del self.unshared[0]


@dataclass(frozen=True, slots=True)
class _Opened:
    making: Making
    stamp: Stamp  #: of the record, as it was saved when it was opened
    at: float
    claims: ExitStack  #: that keep other drivers from it


class _Collector:
    """Listings collected ahead, in a thread: arXiv takes its time, and so do large files."""

    def __init__(self, wanted: Sequence[Wanted], order: Order, open_desk: OpenDesk) -> None:
        self._wanted, self._order, self._open_desk = wanted, order, open_desk
        self._ready: queue.Queue[Collected | None] = queue.Queue(AHEAD)
        self._stop = threading.Event()
        self._is_over = False
        self.failed: list[tuple[date, DigestError]] = []
        self.lacking: list[date] = []
        self.crash: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="collector", daemon=True)
        self._thread.start()

    def next(self, wait: bool) -> Collected | None:
        """What was collected next; None: it is not there yet, and, where it was waited for, there is no more."""
        while not self._is_over:
            try:
                found = self._ready.get(block=wait, timeout=LOOK)  # short, for signals
            except queue.Empty:
                if wait:
                    continue
                return None
            self._is_over = found is None
            return found
        return None

    def close(self) -> None:
        """Let the thread end after the listing in hand; nobody waits for it."""
        self._stop.set()

    def _work(self) -> None:
        try:
            for found in self._collected():
                self._put(found)
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody sees it
            self.crash = error
        self._put(None)

    def _put(self, found: Collected | None) -> None:
        while not self._stop.is_set():
            try:
                self._ready.put(found, timeout=LOOK)
            except queue.Full:
                continue
            return

    def _collected(self) -> Iterator[Collected]:
        """Yield all listings; a date that can't be had does not stand in the others' way."""
        desk, in_a_row, down = self._open_desk(), 0, None
        for config, day in self._wanted:
            if self._stop.is_set():
                return
            stamp = Store(config.output).stamp(day)
            try:
                found = pipeline.gather(config, replace(self._order, announced=day), day, desk)
            except listings.NotHeldError as error:
                log.info("%s: %s", day, error)
                self.lacking.append(day)
            except (SourceError, RecordError) as error:
                log.error("%s: %s", day, error)  # noqa: TRY400
                self.failed.append((day, error))
                if isinstance(error, SourceError):
                    in_a_row, down, desk = in_a_row + (day != down), day, self._open_desk()
                    if in_a_row == OUTAGE:
                        return
            else:
                in_a_row = 0
                yield config, found, stamp
