"""Second thoughts about one paper: asking again past the cache, and bringing an earlier card back.

Every edition that holds the paper is changed alike and keeps what it had; nothing else is touched.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import count

from . import pipeline, prompts, summary
from .config import Config
from .errors import ConfigError, EngineError
from .models import Edition, Entry
from .store import Store


@dataclass(frozen=True, slots=True)
class Revision:
    """What became of one paper."""

    arxiv_id: str
    announced: tuple[date, ...]  #: the editions that were written again, newest first
    entry: Entry  #: as it stands in the newest of them
    sent: int  #: requests to the model service
    written: tuple[str, ...]  #: pages whose bytes changed


def regenerate(
    config: Config,
    arxiv_id: str,
    clock: pipeline.Clock,
    *,
    announced: date | None = None,
    hint: str | None = None,
) -> Revision:
    """
    Ask again for one paper, past the cache; the card it had is kept in the record.

    With `announced` only the edition of that date, else every one that holds the paper with the same text; `hint`
    is what the reader wants the model to mind.

    Raises:
        ConfigError: no edition holds the paper.
        BusyError: a run works on the folder; nothing was asked.
        EngineError: no usable card came back; the cards are as they were.
    """
    store = Store(config.output)
    with store.locked():
        holding = _holding(config, store, arxiv_id, announced)
        before = _entry(holding[0], arxiv_id)
        after, sent = _asked(config, before, clock, hint)
        if after.card is None or after.card == before.card:
            kept = before.model_copy(update={"replies": after.replies})  # they were paid for
            store.save(holding[0].with_entries([kept]))
            raise EngineError(
                f"{arxiv_id}: no usable card came back: {'; '.join(after.problems)}",
                hint="what it had stays; try again",
            )
        changed = [(edition, renewed(_entry(edition, arxiv_id), after)) for edition in _alike(holding, before)]
        return _written(config, store, changed, sent)


def undo(config: Config, arxiv_id: str, *, announced: date | None = None) -> Revision:
    """
    Bring back the card that the last regeneration replaced; done twice, it changes nothing.

    Raises:
        ConfigError: no edition holds the paper, or it has no earlier card in any.
        BusyError: a run works on the folder.
    """
    store = Store(config.output)
    with store.locked():
        holding = _holding(config, store, arxiv_id, announced)
        entries = [(edition, _entry(edition, arxiv_id)) for edition in holding]
        changed = [
            (edition, summary.rejudge(swapped(entry), config.language)) for edition, entry in entries if entry.earlier
        ]
        if not changed:
            raise ConfigError(f"{arxiv_id}: there is no earlier card to bring back")
        return _written(config, store, changed, 0)


def renewed(entry: Entry, after: Entry) -> Entry:
    """An entry with the new card of `after`; its own card and replies are kept."""
    known = {reply.key for reply in entry.replies}
    return entry.model_copy(
        update={
            "card": after.card,
            "problems": after.problems,
            "earlier": (*entry.earlier, entry.card) if entry.card else entry.earlier,
            "replies": (*entry.replies, *(reply for reply in after.replies if reply.key not in known)),
        }
    )


def swapped(entry: Entry) -> Entry:
    """An entry with its last earlier card in the place of the one it has."""
    had = (entry.card,) if entry.card else ()
    return entry.model_copy(update={"card": entry.earlier[-1], "earlier": (*entry.earlier[:-1], *had), "problems": ()})


def _asked(config: Config, before: Entry, clock: pipeline.Clock, hint: str | None) -> tuple[Entry, int]:
    """The entry after a new asking, and how many requests that took."""
    prompt, model = pipeline.read_prompt(config), pipeline.model_of(config)
    with pipeline.cached_engine(config, clock) as cached:
        take = next(
            n for n in count(1) if not cached.lookup(prompts.ask(prompt, before.paper, model=model, hint=hint, take=n))
        )
        (after,) = summary.summarize([before], cached, prompt, model=model, hint=hint, take=take, again=True)
        return after, cached.sent


def _holding(config: Config, store: Store, arxiv_id: str, announced: date | None) -> list[Edition]:
    """The editions that hold the paper, newest first."""
    days = [announced] if announced else store.holding(arxiv_id)
    editions = [edition for day in days if (edition := store.load(day)) and edition.entry(arxiv_id)]
    if not editions:
        where = f"the edition of {announced}" if announced else f"any edition in {config.output}"
        raise ConfigError(f"{arxiv_id} is not in {where}", hint="digest status lists the editions")
    return editions


def _entry(edition: Edition, arxiv_id: str) -> Entry:
    entry = edition.entry(arxiv_id)
    assert entry is not None
    return entry


def _alike(holding: Iterable[Edition], before: Entry) -> list[Edition]:
    """The editions in which the paper has the text that was asked about."""
    text = (before.paper.title, before.paper.abstract)
    papers = ((edition, _entry(edition, before.paper.arxiv_id).paper) for edition in holding)
    return [edition for edition, paper in papers if (paper.title, paper.abstract) == text]


def _written(config: Config, store: Store, changed: Sequence[tuple[Edition, Entry]], sent: int) -> Revision:
    for edition, entry in changed:
        store.save(edition.with_entries([entry]))
    days = tuple(edition.announced for edition, _ in changed)
    written, _ = pipeline.render(config, days)
    newest = changed[0][1]
    return Revision(newest.paper.arxiv_id, days, newest, sent, written)
