"""Second thoughts about one paper: asking again past the cache, and bringing an earlier card back.

Every edition that holds the paper is changed alike and keeps what it had; nothing else is touched.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import count

from . import history, listings, pipeline, prompts, summary
from .config import Config
from .errors import ConfigError, EngineError
from .models import Edition, Entry
from .store import Store

Place = tuple[Edition, Entry]  #: an edition and the paper's entry in it


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
    clock: listings.Clock,
    *,
    announced: date | None = None,
    hint: str | None = None,
) -> Revision:
    """
    Ask again for one paper, past the cache; the card it had is kept in the record.

    With `announced` only the edition of that date, else every one that holds the paper with the same text: as an
    entry, as a replacement or, so that it comes back with the same card, kept out by a rule. `hint` is what the reader
    wants the model to mind.

    Raises:
        ConfigError: no edition holds the paper, or none has a card of it to ask for.
        BusyError: a run works on the folder; nothing was asked.
        EngineError: no usable card came back; the cards are as they were.
    """
    store = Store(config.output)
    with store.locked():
        holding = _holding(config, store, arxiv_id, announced)
        edition, before = _asked_about(holding)
        after, sent = _asked(config, before, clock, hint)
        if after.card is None or after.card == before.card:
            kept = before.model_copy(update={"replies": after.replies})  # they were paid for
            store.save(edition.with_entries([kept]))
            raise EngineError(
                f"{arxiv_id}: no usable card came back: {'; '.join(after.problems)}",
                hint="what it had stays; try again",
            )
        changed = [(edition, renewed(entry, after)) for edition, entry in holding if _text(entry) == _text(before)]
        return _written(config, store, changed, sent)


def undo(config: Config, arxiv_id: str, *, announced: date | None = None) -> Revision:
    """
    Bring back the card that the last regeneration replaced; done twice, it changes nothing.

    A card of another text, which a new version replaced, is not brought back.

    Raises:
        ConfigError: no edition holds the paper, or it has no earlier card in any.
        BusyError: a run works on the folder.
    """
    store = Store(config.output)
    with store.locked():
        holding = _holding(config, store, arxiv_id, announced)
        _asked_about(holding)
        changed = [
            (edition, summary.rejudge(swapped(entry), config.language))
            for edition, entry in holding
            if _has_way_back(store, edition, entry)
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
            "marks": after.marks,
            "earlier": (*entry.earlier, entry.card) if entry.card else entry.earlier,
            "replies": (*entry.replies, *(reply for reply in after.replies if reply.key not in known)),
        }
    )


def swapped(entry: Entry) -> Entry:
    """An entry with its last earlier card in the place of the one it has."""
    had = (entry.card,) if entry.card else ()
    return entry.model_copy(
        update={"card": entry.earlier[-1], "earlier": (*entry.earlier[:-1], *had), "problems": (), "marks": ()}
    )


def _asked(config: Config, before: Entry, clock: listings.Clock, hint: str | None) -> tuple[Entry, int]:
    """The entry after a new asking, and how many requests that took."""
    prompt, model = pipeline.read_prompt(config), pipeline.model_of(config)
    with pipeline.cached_engine(config, clock) as cached:
        take = next(
            n for n in count(1) if not cached.lookup(prompts.ask(prompt, before.paper, model=model, hint=hint, take=n))
        )
        (after,) = summary.summarize([before], cached, prompt, model=model, hint=hint, take=take, again=True)
        return after, cached.sent


def _holding(config: Config, store: Store, arxiv_id: str, announced: date | None) -> list[Place]:
    """Where the paper stands, newest first."""
    holding = store.places(arxiv_id, announced)
    if not holding:
        where = f"the edition of {announced}" if announced else f"any edition in {config.output}"
        raise ConfigError(f"{arxiv_id} is not in {where}", hint="digest status lists the editions")
    return holding


def _asked_about(holding: Sequence[Place]) -> Place:
    """The newest place in which the paper has a card, or is due to get one."""
    due = [(edition, entry) for edition, entry in holding if _is_due(edition, entry)]
    if not due:
        raise _refusal(*holding[0])
    return due[0]


def _is_due(edition: Edition, entry: Entry) -> bool:
    arxiv_id = entry.paper.arxiv_id
    if edition.replacement(arxiv_id) is entry:
        return entry.card is not None or history.is_rewritten(entry)
    return edition.entry(arxiv_id) is entry


def _refusal(edition: Edition, entry: Entry) -> ConfigError:
    """What a paper is that no card is made of, and what would change that."""
    arxiv_id, day = entry.paper.arxiv_id, edition.announced
    if edition.replacement(arxiv_id) is entry:
        return ConfigError(
            f"{arxiv_id} is only listed in the edition of {day}: a replacement that is not known to have another text"
            " than before gets no card",
            hint=f"make the edition in which it was new, then: digest run --date {day} --refresh",
        )
    return ConfigError(
        f"{arxiv_id} is kept out of the edition of {day} by {entry.excluded_by!r}",
        hint=f"take the rule away, then: digest run --date {day}",
    )


def _text(entry: Entry) -> tuple[str, str]:
    """What a card is made from."""
    return entry.paper.title, entry.paper.abstract


def _has_way_back(store: Store, edition: Edition, entry: Entry) -> bool:
    """Whether the last earlier card is of the entry's own text: behind a new version stand those of the old ones."""
    if not entry.earlier:
        return False
    before = (one for other, one in store.places(entry.paper.arxiv_id) if other.announced < edition.announced)
    return not any(entry.earlier[-1] in (one.card, *one.earlier) for one in before if _text(one) != _text(entry))


def _written(config: Config, store: Store, changed: Sequence[tuple[Edition, Entry]], sent: int) -> Revision:
    for edition, entry in changed:
        store.save(edition.with_entries([entry]))
    days = tuple(edition.announced for edition, _ in changed)
    written, _ = pipeline.render(config, days)
    newest = changed[0][1]
    return Revision(newest.paper.arxiv_id, days, newest, sent, written)
