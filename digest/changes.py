"""The notes on what replacements changed: ask for each, judge the reply, ask once more with the reasons.

The engine is given; there is no network and no file here. A note that can't be had is left out: the card needs none.
"""

import logging
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

    def question(draft: Draft) -> Request:
        if not draft.tries:
            return prompts.ask_change(prompt, draft.before, draft.entry.paper, model=model, parameters=parameters)
        return repair(prompt, draft.tries[-1])

    waiting = {entry.paper.arxiv_id: Draft(before, entry) for before, entry in pairs}
    total, written, digest = len(waiting), 0, prompt.digest
    try:
        for nth in range(1, ROUNDS + 1):
            asked = ((draft, question(draft)) for draft in list(waiting.values()))
            for draft, request, answer in answered(engine, asked):
                judged = _judged(draft, request, answer, prompt.language)
                if isinstance(answer, EngineError) or judged.tries[-1].is_clean or nth == ROUNDS:
                    del waiting[draft.entry.paper.arxiv_id]
                    _log_failure(judged, answer)
                    entry = described(judged, digest)
                    written += bool(entry.change and entry.change.note)
                    yield entry
                else:
                    waiting[draft.entry.paper.arxiv_id] = judged
    except EngineError:
        yield from (described(draft, digest) for draft in waiting.values())
        raise
    finally:
        log.info("describe: %d notes, %d replacements without", written, total - written)


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
