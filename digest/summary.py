"""The asking loop: ask for each entry's card, judge the reply, ask once more with the reasons.

The engine is given; there is no network and no file here. Never puts words where a card is missing.
"""

import logging
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from . import checks, prompts
from .checks import Judgement
from .engines import Engine
from .errors import EngineError
from .glossary import NO_TERMS, Glossary
from .history import joined_replies
from .models import FIELDS, Answer, Card, Completion, Entry, Origin, Request
from .prompts import Prompt

log = logging.getLogger(__name__)

Asker = TypeVar("Asker")
ROUNDS = 2  #: one asking, one repair
AFRESH = 2  #: more askings of a paper none of whose replies could be used, where they are few
FEW = 0.2  #: the share of papers up to which they are; beyond it, the model or the prompt is at fault


@dataclass(frozen=True, slots=True)
class Try:
    """One judged reply."""

    request: Request
    completion: Completion
    judgement: Judgement

    @property
    def is_usable(self) -> bool:
        return self.judgement.fields is not None

    @property
    def is_clean(self) -> bool:
        return self.is_usable and not self.judgement.problems

    @property
    def rank(self) -> tuple[bool, int]:
        """Lower is better: usable before unusable, then fewer problems."""
        return self.judgement.fields is None, len(self.judgement.problems)


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry on its way, with the replies that were not good enough."""

    entry: Entry
    tries: tuple[Try, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether no more is asked for it: its card is good, or as good as a repair made it."""
        return self.tries[-1].is_clean or (len(self.tries) >= ROUNDS and any(one.is_usable for one in self.tries))


def summarize(
    entries: Iterable[Entry],
    engine: Engine,
    prompt: Prompt,
    *,
    model: str,
    parameters: Mapping[str, Any] = prompts.PARAMETERS,
    hint: str | None = None,
    take: int | Mapping[str, int] = 0,
    again: bool = False,
) -> Iterator[Entry]:
    """
    Yield each of the entries once, as soon as it is settled; one that has a card is settled.

    A reply that passes the checks makes the card. One that does not is asked again with the reasons, and the better
    of the two counts: usable but doubtful, it makes a card with problems. Where neither can be used, a paper is asked
    afresh, unless many are in that state; what is unusable to the end leaves its problems alone.

    Args:
        entries: Each of another paper.
        engine: What answers; a CachedEngine, so that nothing is paid twice.
        prompt: What to ask with.
        model: The model's name, as the engine knows it.
        parameters: Of the request: temperature and the like.
        hint: What the reader wants the model to mind.
        take: Which regeneration, of all or by arxiv_id; another number is another request, past the cache.
        again: Ask also where there is a card. A new one puts the old one into `earlier`; if none comes, the entry
            has the old card and the new problems.

    Raises:
        EngineError: the service is gone, or refuses everything. Before that, what is left is yielded with this
            as its problem and without a card, so that a later run asks for it.
    """
    entries, tally = list(entries), _Tally()
    todo = [entry for entry in entries if again or entry.card is None]
    asking = Asking(todo, prompt, model=model, parameters=parameters, hint=hint, take=take)
    asked = {entry.paper.arxiv_id for entry in todo}
    yield from (entry for entry in entries if entry.paper.arxiv_id not in asked)
    try:
        while asking.waiting:
            for draft, request, answer in answered(engine, asking.questions()):
                yield from map(tally, asking.take(draft, request, answer))
            yield from map(tally, asking.turn())
    except EngineError as error:
        yield from map(tally, asking.give_up(error))
        raise
    finally:
        tally.close()


class Asking:
    """The asking for some papers' cards, step by step: what to ask next, what an answer comes to. Asks nobody."""

    def __init__(
        self,
        entries: Iterable[Entry],
        prompt: Prompt,
        *,
        model: str,
        parameters: Mapping[str, Any] = prompts.PARAMETERS,
        hint: str | None = None,
        take: int | Mapping[str, int] = 0,
    ) -> None:
        """Begin with every entry due; the arguments are those of `summarize`."""
        self._prompt, self._digest = prompt, prompt.digest
        self._question = partial(_question, prompt=prompt, take=take, model=model, parameters=parameters, hint=hint)
        self.waiting = {entry.paper.arxiv_id: Draft(entry) for entry in entries}  #: what is not settled
        self._due = deque(self.waiting.values())
        self._most, self._few = ROUNDS, max(3, FEW * len(self.waiting))

    def questions(self) -> Iterator[tuple[Draft, Request]]:
        """Yield what is due as long as there is something, also what has become due meanwhile."""
        while self._due:
            draft = self._due.popleft()
            yield draft, self._question(draft)

    def take(self, draft: Draft, request: Request, answer: Answer) -> Iterator[Entry]:
        """Yield the entry that an answer settles; one that is not good enough makes another question due."""
        judged = _judged(draft, request, answer, self._prompt)
        if isinstance(answer, EngineError) or judged.is_done:
            del self.waiting[draft.entry.paper.arxiv_id]
            yield settled(judged, self._digest, answer)
            return
        self.waiting[draft.entry.paper.arxiv_id] = judged
        if len(judged.tries) < self._most:
            self._due.appendleft(judged)  # while others are still asked for the first time

    def turn(self) -> Iterator[Entry]:
        """With nothing due or under way: what is left is asked afresh where it is little, else it is yielded."""
        if self._due:
            return  # since the last question was yielded
        if self._most == ROUNDS and len(self.waiting) <= self._few:
            self._most, self._due = ROUNDS + AFRESH, deque(self.waiting.values())
            return
        left, self.waiting = self.waiting, {}
        yield from (settled(draft, self._digest) for draft in left.values())

    def give_up(self, error: EngineError) -> Iterator[Entry]:
        """Yield what is not settled, with this as its problem and without a card, so that a later run asks for it."""
        left, self.waiting = self.waiting, {}
        self._due.clear()
        yield from (settled(Draft(draft.entry), self._digest, error) for draft in left.values())


def _question(draft: Draft, *, prompt: Prompt, take: int | Mapping[str, int], **settings: Any) -> Request:
    """What to ask next: the first question, its repair, or the first one afresh."""
    if draft.tries and len(draft.tries) < ROUNDS:
        return repair(prompt, draft.tries[-1])
    paper = draft.entry.paper
    first = take if isinstance(take, int) else take.get(paper.arxiv_id, 0)
    afresh = len(draft.tries) - (ROUNDS - 1 if draft.tries else 0)
    return prompts.ask(prompt, paper, take=first + afresh, **settings)


def repair(prompt: Prompt, last: Try) -> Request:
    """The same question once more, with the reply to it and what is wrong with that."""
    return prompts.ask_again(prompt, last.request, last.completion.text, last.judgement.problems)


def answered(engine: Engine, asked: Iterable[tuple[Asker, Request]]) -> Iterator[tuple[Asker, Request, Answer]]:
    """Put the questions as the engine takes them, and yield who asked with each answer; no two of one subject."""
    under_way: dict[str, Asker] = {}

    def requests() -> Iterator[Request]:
        for draft, request in asked:
            under_way[request.subject] = draft
            yield request

    for request, answer in engine.run(requests()):
        yield under_way.pop(request.subject), request, answer


def _judged(draft: Draft, request: Request, answer: Answer, prompt: Prompt) -> Draft:
    if isinstance(answer, EngineError):
        return draft
    paper = draft.entry.paper
    judgement = checks.judge(paper, answer.text, language=prompt.language, finish_reason=answer.finish_reason)
    if judgement.fields is not None and (marks := tuple(prompt.glossary.doubts(paper, judgement.fields))):
        problems = (*judgement.problems, *map(str, marks))
        judgement = replace(judgement, problems=problems, marks=(*judgement.marks, *marks))
    return replace(draft, tries=(*draft.tries, Try(request, answer, judgement)))


def settled(draft: Draft, digest: str, answer: Answer | None = None) -> Entry:
    """The entry with the best of its tries, and a problem more if the last answer was a failure."""
    failed = (f"engine: {answer}",) if isinstance(answer, EngineError) else ()
    entry = draft.entry
    # Where the repair got no answer the draft stays open: a later run has its first reply from the cache.
    best = None if failed else min(draft.tries, key=lambda one: one.rank, default=None)
    problems, marks = (best.judgement.problems, best.judgement.marks) if best else ((), ())
    origins = [origin(one, digest) for one in draft.tries]
    replies = joined_replies(entry.replies, origins)
    changes: dict[str, Any] = {"problems": (*problems, *failed), "marks": marks, "replies": replies}
    if best and best.judgement.fields is not None:
        card = Card(**best.judgement.fields, origin=origins[draft.tries.index(best)])
        changes["card"] = card
        if entry.card not in (None, card):
            changes["earlier"] = (*entry.earlier, entry.card)
    return entry.model_copy(update=changes)


def origin(one: Try, digest: str) -> Origin:
    """Where a reply comes from, `digest` being its prompt's; the same whether it came now or from the cache."""
    completion = one.completion
    return Origin(
        engine=completion.engine,
        model=completion.model,
        prompt=digest,
        key=one.request.key,
        created=completion.created,
        prompt_tokens=completion.prompt_tokens,
        cached_tokens=completion.cached_tokens,
        completion_tokens=completion.completion_tokens,
        repair=one.request.is_repair,
    )


def rejudge(entry: Entry, language: str, glossary: Glossary = NO_TERMS) -> Entry:
    """The entry with the problems that today's checks find in its card; without a card, as it is. Sends nothing."""
    if entry.card is None:
        return entry
    fields: dict[str, str] = {name: getattr(entry.card, name) for name in FIELDS}
    marks = (*checks.doubts(entry.paper, fields, language=language), *glossary.doubts(entry.paper, fields))
    return entry.model_copy(update={"problems": tuple(map(str, marks)), "marks": marks})


class _Tally:
    """Counts what is settled, for the log."""

    def __init__(self) -> None:
        self.states: Counter[str] = Counter()

    def __call__(self, entry: Entry) -> Entry:
        self.states[entry.state] += 1
        log.debug("%s: %s%s", entry.paper.arxiv_id, entry.state, "".join(f"; {one}" for one in entry.problems))
        return entry

    def close(self) -> None:
        shown, flagged, pending = (self.states[state] for state in ("shown", "flagged", "pending"))
        log.info("summarize: %d cards, %d with a mark, %d papers without", shown + flagged, flagged, pending)
