"""One edition on its way among others: its cards, then the notes on what its replacements changed, step by step.

Asks nobody and saves nothing; a stream asks its questions, backfill.py saves what comes of them.
"""

import logging
from collections.abc import Collection, Iterable, Iterator
from datetime import date
from typing import Any, Protocol

from . import backends, money, pipeline, rejudging
from .changes import Noting
from .config import Config
from .errors import EngineError
from .history import remembered
from .hooks import Clock
from .models import Answer, Completion, Entry, Request
from .summary import Asking

log = logging.getLogger(__name__)


class _Step(Protocol):
    """What Asking and Noting have in common."""

    waiting: dict[str, Any]

    def questions(self) -> Iterator[tuple[Any, Request]]: ...

    def take(self, draft: Any, request: Request, answer: Answer, /) -> Iterator[Entry]: ...

    def turn(self) -> Iterator[Entry]: ...

    def give_up(self, error: EngineError) -> Iterator[Entry]: ...


class Making:
    """An arranged edition, and what is asked for it. Papers that an open edition before it holds, too, come last."""

    def __init__(
        self,
        config: Config,
        found: pipeline.Gathered,
        clock: Clock,
        *,
        before: Collection["Making"] = (),
        look_back: pipeline.LookBack,
    ) -> None:
        """
        Begin with its cards.

        Args:
            config: Of one language.
            found: What was collected.
            clock: The time, UTC.
            before: The editions on their way; those announced earlier may get the card of a paper that is in both.
            look_back: What the editions on file hold of an edition's papers.
        """
        self.config, self.clock, self.look_back = config, clock, look_back
        edition = pipeline.recognized(config, found, look_back)
        self.edition = rejudging.rejudged(edition, pipeline.read_glossary(config))
        self.is_over = False
        self.error: EngineError | None = None
        self._brought = dict(found.replies)
        self._settled: dict[str, Entry] = {}
        self.settled = 0  #: papers whose card was asked for and is settled
        self._drafts = {one.paper.arxiv_id: one for one in rejudging.drafts(self.edition)}
        self._blockers = [one for one in before if one.config.language == config.language and one.is_before(self)]
        self._step: _Step | None = None
        self._steps = self._sequence()
        self.turn()

    @property
    def name(self) -> str:
        """Language and date."""
        return f"{self.edition.language} {self.announced}"

    @property
    def announced(self) -> date:
        """Its date."""
        return self.edition.announced

    @property
    def papers(self) -> set[str]:
        """The identifiers of all its papers, replacements and those that a rule keeps out included."""
        edition = self.edition
        return {entry.paper.arxiv_id for entry in (*edition.entries, *edition.replacements, *edition.excluded)}

    def is_before(self, other: "Making") -> bool:
        """Whether `other` may take over a card from it."""
        return self.announced < other.announced and not self.papers.isdisjoint(other.papers)

    # ---- as a work of a stream

    def questions(self) -> Iterator[tuple[Any, Request]]:
        """Yield what is due of the step in hand."""
        if self._step is not None:
            yield from self._step.questions()

    def known(self, request: Request) -> Completion | None:
        """The card that the listing brought along."""
        text = self._brought.pop(request.subject, None) if isinstance(self._step, Asking) else None
        return None if text is None else Completion(text, "recorded", "recorded", self.clock(), from_cache=True)

    def take(self, asker: Any, request: Request, answer: Answer) -> None:
        """Take in an answer to the step in hand."""
        assert self._step is not None
        self._add(self._step.take(asker, request, answer))

    def turn(self) -> bool:
        """Go on to what is asked next; False while an edition before this one is open that has papers of it, too."""
        if self._step is not None:
            self._add(self._step.turn())
            if self._step.waiting:
                return True
        for step in self._steps:
            self._step = step
            if step is None or step.waiting:
                return step is not None
        self.is_over = True
        return True

    def give_up(self, error: EngineError) -> None:
        """Keep what came, and with what did not the error."""
        if self._step is not None:
            self._add(self._step.give_up(error))
        self._keep()
        self._blockers, self.is_over = [], True

    # ---- its steps

    def _sequence(self) -> Iterator[_Step | None]:
        """Yield the steps in order; None as long as the next one has to wait."""
        shared = {arxiv_id for one in self._blockers for arxiv_id in one.papers}
        todo = {one.paper.arxiv_id: one for one in pipeline.to_ask(self.config, self.edition)}
        yield self._asking(entry for arxiv_id, entry in todo.items() if arxiv_id not in shared)
        if self._blockers:
            while not all(one.is_over for one in self._blockers):
                yield None
            self._blockers = []  # each would keep those before it in memory
            self._keep()
            self.edition = remembered(self.edition, self.look_back(self.edition))
            left = pipeline.to_ask(self.config, self.edition)
            yield self._asking(entry for entry in left if entry.paper.arxiv_id in shared)
        self._keep()
        if pairs := pipeline.to_describe(self.config, self.edition, self.look_back):
            prompt = pipeline.read_prompt(self.config, "change")
            yield Noting(pairs, prompt, model=backends.model_of(self.config))
            self._keep()

    def _asking(self, entries: Iterable[Entry]) -> Asking:
        return Asking(entries, pipeline.read_prompt(self.config), model=backends.model_of(self.config))

    def _add(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self.settled += isinstance(self._step, Asking)
            arxiv_id = entry.paper.arxiv_id
            draft = self._drafts.get(arxiv_id)
            self._settled[arxiv_id] = rejudging.improved(draft, entry) if draft else entry

    def _keep(self) -> None:
        """Put what is settled into the edition."""
        edition = self.edition.with_entries(self._settled.values())
        self.edition, self._settled = money.billed(edition, self.config.price_table), {}
