"""Second thoughts about papers: asking again past the cache, and bringing earlier cards back.

Every edition that holds a paper is changed alike and keeps what it had; nothing else is touched.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from typing import Any, Literal

from . import backends, money, pipeline, prompts, publishing, shared, standings, summary
from .config import Config
from .errors import EX_TEMPFAIL, EX_USAGE, ConfigError, DigestError, EngineError
from .history import joined_replies
from .hooks import Clock, Watch, unwatched
from .models import Entry, Origin, Request
from .standings import Place
from .store import Store

log = logging.getLogger(__name__)

Fate = Literal["renewed", "without", "unchanged", "refused"]


@dataclass(frozen=True, slots=True)
class Revision:
    """What became of one paper; an error says why it is no new card."""

    arxiv_id: str
    fate: Fate  #: without: it has no card, still; refused: it is none that gets one
    announced: tuple[date, ...] = ()  #: the editions that were written again, newest first
    entry: Entry | None = None  #: as it stands in the newest of them
    error: DigestError | None = None


@dataclass(frozen=True, slots=True)
class Revisions:
    """What became of all."""

    papers: tuple[Revision, ...]  #: as asked for, each once
    sent: int = 0  #: requests to the model service
    written: tuple[str, ...] = ()  #: pages whose bytes changed
    failure: EngineError | None = None  #: what ended the asking before its time
    was_search: bool = False  #: for papers without a good card, and not for some by name

    def count(self, fate: Fate) -> int:
        """How many papers met a fate."""
        return sum(one.fate == fate for one in self.papers)

    @property
    def exit_code(self) -> int:
        """0: every paper got what was asked for; 75: some may get it later; 2: some never will."""
        errors = [one.error for one in self.papers if one.error]
        if self.failure:
            return self.failure.exit_code
        return EX_TEMPFAIL if any(isinstance(error, EngineError) for error in errors) else EX_USAGE * bool(errors)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a regeneration would ask of the model service."""

    papers: int
    requests: int  #: without repairs; what is on disk needs none
    prompt_tokens: int
    completion_tokens: int
    money: float | None  #: at full price; None: no price is known
    currency: str | None


@dataclass(frozen=True, slots=True)
class Task:
    """A paper to ask about, and the places that its new card is for, newest first."""

    before: Entry
    places: tuple[Place, ...]
    is_for_better: bool  #: a worse card than it has is of no use

    @property
    def arxiv_id(self) -> str:
        """The paper's."""
        return self.before.paper.arxiv_id

    @property
    def known(self) -> set[str]:
        """The keys of all replies that are on record."""
        entries = [place.entry for place in self.places]
        cards = [card for entry in entries for card in (entry.card, *entry.earlier) if card]
        return {one.key for entry in entries for one in entry.replies} | {card.origin.key for card in cards}


@dataclass(slots=True)
class _Work:
    """What is asked, and what came of it so far."""

    tasks: list[Task] = field(default_factory=list)
    refused: list[Revision] = field(default_factory=list)
    settled: list[tuple[Task, Entry]] = field(default_factory=list)
    sent: int = 0
    failure: EngineError | None = None


# ------------------------------------------------------------------------------------------ ask again


def regenerate(
    config: Config,
    arxiv_ids: Sequence[str] | None,
    clock: Clock,
    *,
    announced: date | None = None,
    hint: str | None = None,
    watch: Watch = unwatched,
) -> Revisions:
    """
    Ask again for papers, past what was answered before; the cards they had are kept in the record.

    All are asked at once, and one that fails does not stand in the way of the others. What was answered is kept
    whatever happens: the same command, after a crash, pays for nothing twice.

    Args:
        config: Where, with what, how.
        arxiv_ids: Each is renewed in every edition that holds it with the same text: as an entry, as a replacement
            or, so that it comes back with the same card, kept out by a rule. None: all that have no card, or a marked
            one, and only where that is so; a card with more marks than before is not taken.
        clock: Now, UTC.
        announced: Only in the edition of this date.
        hint: What the reader wants the model to mind.
        watch: Is told how far it is.

    Raises:
        ConfigError: there is no edition of the date to look through.
        BusyError: a run works on the folder; nothing was asked.
    """
    store = Store(config.output)
    with store.locked():
        work = _work(config, store, arxiv_ids, announced)
        try:
            _ask(config, work, clock, hint, watch)
        except EngineError as error:
            work.failure = error
        finally:  # also at Ctrl-C: what was paid for is shown
            made = [_revised(task, after, hint) for task, after in work.settled]
            written = _written(config, store, [one for _, places in made for one in places])
    found = [one for one, _ in made] + work.refused + [_unasked(task, work) for task in _left(work)]
    return Revisions(_merged(found, arxiv_ids), work.sent, written, work.failure, arxiv_ids is None)


def plan(
    config: Config,
    arxiv_ids: Sequence[str] | None,
    clock: Clock,
    *,
    announced: date | None = None,
    hint: str | None = None,
) -> Plan:
    """What `regenerate` would send, without sending or saving anything."""
    tasks = _work(config, Store(config.output), arxiv_ids, announced).tasks
    asked = backends.misses(config, clock, (request for _, request in _questions(config, tasks, hint)))
    tokens_in, tokens_out = sum(map(prompts.estimated_tokens, asked)), len(asked) * prompts.REPLY_TOKENS
    price = backends.known_price(config)
    cost = price.cost(tokens_in, tokens_out) if price else None
    return Plan(len(tasks), len(asked), tokens_in, tokens_out, cost, price.currency if price else None)


def renewed(entry: Entry, after: Entry) -> Entry:
    """An entry with the new card of `after`; its own card and replies are kept."""
    return entry.model_copy(
        update={
            "card": after.card,
            "problems": after.problems,
            "marks": after.marks,
            "earlier": (*entry.earlier, entry.card) if entry.card else entry.earlier,
            "replies": joined_replies(entry.replies, after.replies),
        }
    )


def _work(config: Config, store: Store, arxiv_ids: Sequence[str] | None, announced: date | None) -> _Work:
    if arxiv_ids is None:
        groups = standings.by_text(standings.lacking(store, announced))
        return _Work([Task(group[0].entry, tuple(group), is_for_better=True) for group in groups])
    work = _Work()
    for arxiv_id, everywhere in standings.of_papers(store, dict.fromkeys(arxiv_ids)).items():
        places = [place for place in everywhere if announced in (None, place.announced)]
        try:
            due = standings.newest_due(arxiv_id, places, _where(config, announced))
        except ConfigError as error:
            work.refused.append(Revision(arxiv_id, "refused", error=error))
        else:
            same = tuple(place for place in places if place.text == due.text)
            work.tasks.append(Task(due.entry, same, is_for_better=False))
    return work


def _questions(config: Config, tasks: Iterable[Task], hint: str | None) -> Iterator[tuple[Task, Request]]:
    """Yield the first request for each that no reply on record has answered; one on disk alone is not counted yet."""
    prompt, model = pipeline.read_prompt(config), backends.model_of(config)
    for task in tasks:
        asked = (prompts.ask(prompt, task.before.paper, model=model, hint=hint, take=take) for take in count(1))
        known = task.known
        yield task, next(request for request in asked if request.key not in known)


def _ask(config: Config, work: _Work, clock: Clock, hint: str | None, watch: Watch) -> None:
    """Put every question and note the answers as they come."""
    prompt, model = pipeline.read_prompt(config), backends.model_of(config)
    if not work.tasks:
        return
    with backends.cached_engine(config, clock, watch=watch) as cached:
        try:
            for tasks in _batches(work.tasks):
                takes = {task.arxiv_id: request.take for task, request in _questions(config, tasks.values(), hint)}
                entries = [task.before for task in tasks.values()]
                watch("regenerate", len(work.settled), len(work.tasks))
                for after in summary.summarize(entries, cached, prompt, model=model, hint=hint, take=takes, again=True):
                    work.settled.append((tasks[after.paper.arxiv_id], after))
                    watch("regenerate", len(work.settled), len(work.tasks))
        finally:
            work.sent = cached.sent


def _batches(tasks: Iterable[Task]) -> Iterator[dict[str, Task]]:
    """Yield all tasks by arxiv_id; a paper that stands with several texts comes in as many batches."""
    left = list(tasks)
    while left:
        batch: dict[str, Task] = {}
        left = [task for task in left if batch.setdefault(task.arxiv_id, task) is not task]
        yield batch


def _revised(task: Task, after: Entry, hint: str | None) -> tuple[Revision, list[tuple[date, Entry]]]:
    """What became of a paper, and the entries to save."""
    before = task.before
    is_worse = before.card is not None and len(after.problems) > len(before.problems)
    if after.card in (None, before.card) or (task.is_for_better and is_worse):
        return _in_vain(task, after)
    after = _hinted(after, hint, task.known)
    changed = [(place.announced, renewed(place.entry, after)) for place in task.places]
    return Revision(task.arxiv_id, "renewed", tuple(day for day, _ in changed), changed[0][1]), changed


def _in_vain(task: Task, after: Entry) -> tuple[Revision, list[tuple[date, Entry]]]:
    """No better card came: what was paid for it is on record, once no more answers are to come."""
    before, is_bare = task.before, task.before.card is None
    error = EngineError(
        f"{task.arxiv_id}: no {'better' if after.card not in (None, before.card) else 'usable'} card came back:"
        f" {'; '.join(after.problems)}",
        hint="try again" if is_bare else "what it had stays; try again",
    )
    revision = Revision(task.arxiv_id, "without" if is_bare else "unchanged", (), before, error)
    if any(problem.startswith("engine:") for problem in after.problems):
        return revision, []  # the replies so far are in the cache, where the next try finds them
    update: dict[str, Any] = {"replies": joined_replies(before.replies, after.replies)}
    kept = before.model_copy(update=update | ({"problems": after.problems} if is_bare else {}))
    return revision, [(task.places[0].announced, kept)]


def _hinted(entry: Entry, hint: str | None, known: set[str]) -> Entry:
    """The entry whose new replies say which hint they were asked with."""
    if not hint:
        return entry

    def told(one: Origin) -> Origin:
        return one if one.key in known else one.model_copy(update={"hint": hint})

    assert entry.card is not None
    card = entry.card.model_copy(update={"origin": told(entry.card.origin)})
    return entry.model_copy(update={"card": card, "replies": tuple(map(told, entry.replies))})


def _left(work: _Work) -> Iterator[Task]:
    done = {id(task) for task, _ in work.settled}
    return (task for task in work.tasks if id(task) not in done)


def _unasked(task: Task, work: _Work) -> Revision:
    """A paper whose turn never came."""
    fate: Fate = "unchanged" if task.before.card else "without"
    return Revision(task.arxiv_id, fate, (), task.before, EngineError(f"{task.arxiv_id}: engine: {work.failure}"))


def _merged(found: Iterable[Revision], arxiv_ids: Sequence[str] | None) -> tuple[Revision, ...]:
    """The revisions in the order that was asked for."""
    order = {arxiv_id: place for place, arxiv_id in enumerate(dict.fromkeys(arxiv_ids or ()))}
    return tuple(sorted(found, key=lambda one: order.get(one.arxiv_id, 0)))


# ------------------------------------------------------------------------------------------ undo


def undo(config: Config, arxiv_ids: Sequence[str], *, announced: date | None = None) -> Revisions:
    """
    Bring back the cards that the last regeneration replaced; done twice, it changes nothing.

    A card of another text, which a new version replaced, is not brought back.

    Raises:
        BusyError: a run works on the folder.
    """
    store = Store(config.output)
    with store.locked():
        terms, changed = pipeline.read_glossary(config), []
        found: list[Revision] = []
        for arxiv_id, places in standings.of_papers(store, dict.fromkeys(arxiv_ids)).items():
            try:
                back = _way_back(arxiv_id, places, announced, _where(config, announced))
            except ConfigError as error:
                found.append(Revision(arxiv_id, "refused", error=error))
            else:
                now = [
                    (place.announced, summary.rejudge(swapped(place.entry), config.language, terms)) for place in back
                ]
                found.append(Revision(arxiv_id, "renewed", tuple(day for day, _ in now), now[0][1]))
                changed += now
        return Revisions(tuple(found), 0, _written(config, store, changed))


def _way_back(arxiv_id: str, places: Sequence[Place], announced: date | None, where: str) -> list[Place]:
    """The places that have an earlier card to bring back."""
    here = [place for place in places if announced in (None, place.announced)]
    standings.newest_due(arxiv_id, here, where)
    if back := [place for place in here if _has_way_back(place, places)]:
        return back
    raise ConfigError(f"{arxiv_id}: there is no earlier card to bring back")


def swapped(entry: Entry) -> Entry:
    """An entry with its last earlier card in the place of the one it has."""
    had = (entry.card,) if entry.card else ()
    return entry.model_copy(
        update={"card": entry.earlier[-1], "earlier": (*entry.earlier[:-1], *had), "problems": (), "marks": ()}
    )


def _has_way_back(place: Place, places: Iterable[Place]) -> bool:
    """Whether the last earlier card is of the entry's own text: behind a new version stand those of the old ones."""
    if not place.entry.earlier:
        return False
    card = place.entry.earlier[-1]
    others = (one for one in places if one.announced < place.announced and one.text != place.text)
    return not any(card in (one.entry.card, *one.entry.earlier) for one in others)


# ------------------------------------------------------------------------------------------ both


def _where(config: Config, announced: date | None) -> str:
    return f"the edition of {announced}" if announced else f"any edition in {config.output}"


def _written(config: Config, store: Store, changed: Iterable[tuple[date, Entry]]) -> tuple[str, ...]:
    """Save entries in their editions and make the pages of these once; the paths that changed."""
    by_day: dict[date, list[Entry]] = {}
    for day, entry in changed:
        by_day.setdefault(day, []).append(entry)
    for day, entries in by_day.items():
        if edition := store.load(day):
            store.save(money.billed(edition.with_entries(entries), config.price_table))
            shared.push(config, day)
    if not by_day:
        return ()
    written, damaged = publishing.render(config, by_day)
    for other in damaged:
        log.warning("%s; it is left out of the archive", other)
    return written
