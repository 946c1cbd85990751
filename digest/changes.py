"""The notes on what replacements changed: ask for each, judge the reply, ask once more with the reasons.

The engine is given; there is no network and no file here. A note that can't be had is left out: the card needs none.
"""

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from . import checks, prompts
from .engines import Engine
from .errors import EngineError
from .history import joined_replies
from .models import Answer, Entry, Paper, Request
from .prompts import NOTE_FIELDS, Prompt
from .summary import ROUNDS, Try, answered, origin, repair

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Draft:
    """A replacement on its way to its note, with the replies so far."""

    before: Paper
    entry: Entry
    tries: tuple[Try, ...] = ()


def describe(
    pairs: Iterable[tuple[Paper, Entry]],
    engine: Engine,
    prompt: Prompt,
    *,
    model: str,
    parameters: Mapping[str, Any] = prompts.NOTE_PARAMETERS,
) -> Iterator[Entry]:
    """
    Yield each of the entries once, as soon as it is settled: with the note on its change, if one passed the checks.

    Card and problems stay as they are. Every reply is added to `replies`, also one that was not good enough.

    Args:
        pairs: The paper as it was before, and the entry with its change; each of another paper.
        engine: What answers; a CachedEngine, so that nothing is paid twice, and none that answers by the paper alone.
        prompt: The texts of prompts/change.*.md.
        model: The model's name, as the engine knows it.
        parameters: Of the request: temperature and the like.

    Raises:
        EngineError: the service is gone, or refuses everything. Before that, what is left is yielded without a note,
            so that a later run asks for it.
    """
    noting = Noting(pairs, prompt, model=model, parameters=parameters)
    total, written = len(noting.waiting), 0
    try:
        while noting.waiting:
            for draft, request, answer in answered(engine, noting.questions()):
                for entry in noting.take(draft, request, answer):
                    written += bool(entry.change and entry.change.note)
                    yield entry
    except EngineError as error:
        yield from noting.give_up(error)
        raise
    finally:
        log.info("describe: %d notes, %d replacements without", written, total - written)


class Noting:
    """The asking for notes on changes, step by step, as `summary.Asking` asks for cards. Asks nobody itself."""

    def __init__(
        self,
        pairs: Iterable[tuple[Paper, Entry]],
        prompt: Prompt,
        *,
        model: str,
        parameters: Mapping[str, Any] = prompts.NOTE_PARAMETERS,
    ) -> None:
        """Begin with every pair due; the arguments are those of `describe`."""
        self._prompt, self._digest = prompt, prompt.digest
        self._model, self._parameters = model, parameters
        self.waiting = {entry.paper.arxiv_id: Draft(before, entry) for before, entry in pairs}  #: what is not settled
        self._due = deque(self.waiting.values())

    def questions(self) -> Iterator[tuple[Draft, Request]]:
        """Yield what is due as long as there is something, also what has become due meanwhile."""
        while self._due:
            draft = self._due.popleft()
            yield draft, self._question(draft)

    def _question(self, draft: Draft) -> Request:
        if draft.tries:
            return repair(self._prompt, draft.tries[-1])
        model, parameters = self._model, self._parameters
        return prompts.ask_change(self._prompt, draft.before, draft.entry.paper, model=model, parameters=parameters)

    def take(self, draft: Draft, request: Request, answer: Answer) -> Iterator[Entry]:
        """Yield the entry that an answer settles; a note that is not good enough is asked for once more."""
        judged = _judged(draft, request, answer, self._prompt.language)
        if isinstance(answer, EngineError) or judged.tries[-1].is_clean or len(judged.tries) == ROUNDS:
            del self.waiting[draft.entry.paper.arxiv_id]
            _log_failure(judged, answer)
            yield described(judged, self._digest)
        else:
            self.waiting[draft.entry.paper.arxiv_id] = judged
            self._due.append(judged)

    def turn(self) -> Iterator[Entry]:
        """With nothing due and nothing under way nothing is left: no note is asked for afresh."""
        yield from ()

    def give_up(self, error: EngineError) -> Iterator[Entry]:  # noqa: ARG002
        """Yield what is not settled without a note, so that a later run asks for it."""
        left, self.waiting = self.waiting, {}
        self._due.clear()
        yield from (described(draft, self._digest) for draft in left.values())


def described(draft: Draft, digest: str) -> Entry:
    """The entry with its replies on record, and with the note that the last one makes; `digest` is the prompt's."""
    entry, origins = draft.entry, [origin(one, digest) for one in draft.tries]
    changes: dict[str, Any] = {"replies": joined_replies(entry.replies, origins)}
    fields = draft.tries[-1].judgement.fields if draft.tries else None
    if fields is not None and entry.change is not None:
        note = tuple(fields[name] for name in NOTE_FIELDS)
        changes["change"] = entry.change.model_copy(update={"note": note, "origin": origins[-1]})
    return entry.model_copy(update=changes)


def _judged(draft: Draft, request: Request, answer: Answer, language: str) -> Draft:
    if isinstance(answer, EngineError):
        return draft
    judgement = checks.judge_note(
        draft.before, draft.entry.paper, answer.text, language=language, finish_reason=answer.finish_reason
    )
    return replace(draft, tries=(*draft.tries, Try(request, answer, judgement)))


def _log_failure(draft: Draft, answer: Answer) -> None:
    """Say why a replacement stays without a note; nothing else will."""
    paper, last = draft.entry.paper, draft.tries[-1] if draft.tries else None
    if isinstance(answer, EngineError):
        log.warning("%s: no note on version %d: engine: %s", paper.arxiv_id, paper.version, answer)
    elif last and not last.is_clean:
        problems = "; ".join(last.judgement.problems)
        log.warning("%s: no note on version %d: %s", paper.arxiv_id, paper.version, problems)
