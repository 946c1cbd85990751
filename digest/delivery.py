"""The last stage: an edition to each of its receivers, once.

Decides who is due, sends and marks. Every change to the marks of editions is made by a process that holds the lock of
the output folder (`Store.locked`): the callers take it, as two processes at once would both send.
"""

import logging
import time
from collections.abc import Collection
from datetime import date, datetime, timedelta

from . import letters, outbox, postmarks, publishing, schedule
from .config import Config
from .deliver import Channel, Message
from .errors import EX_USAGE, DigestError, RecordError
from .hooks import Clock, Sleep
from .interrupts import seen_to
from .letters import Letters
from .models import Edition
from .postmarks import Postmark, Postmarks
from .selection import NOT_ASKED
from .settings import DeliverSettings
from .store import Store

log = logging.getLogger(__name__)

HELD_BACK = timedelta(days=2)  #: after its announcement an edition that lacks a few cards is delivered as it is
FEW = 0.1  #: of its papers


# ------------------------------------------------------------------------------------------ who is due


def is_ready(edition: Edition) -> bool:
    """
    Whether an edition may go out by itself: no paper waits for an answer that a later run may well get.

    One whose answers are unusable does not hold it back; an invented sample day never goes out.
    """
    problems = (problem for entry in edition.entries if entry.card is None for problem in entry.problems)
    is_waiting = any(problem == NOT_ASKED or problem.startswith("engine:") for problem in problems)
    return edition.source != "sample" and not is_waiting


def is_held_back(edition: Edition, now: datetime) -> bool:
    """Whether an edition lacks cards that a later run may get: after two days it goes out, unless it lacks many."""
    if is_ready(edition):
        return False
    is_late = now >= schedule.announced_at(edition.announced) + HELD_BACK
    return not is_late or edition.count("pending") > FEW * len(edition.entries)


def goes_out(config: Config, edition: Edition, clock: Clock) -> bool:
    """Whether an edition goes out by itself: a real one, and recent; any other one by `digest deliver` alone."""
    if not config.deliver or edition.source == "sample" or config.engine.name == "echo":
        return False
    return edition.announced >= schedule.newest(clock(), config.arxiv.holidays) - schedule.RECENT


def receivers(config: Config) -> tuple[DeliverSettings, ...]:
    """Those who get the editions of this one language; who names none gets the first one's."""
    made = config.all_languages
    first = config.language == made[0] or config.language not in made  # a site found in a language of its own
    return tuple(
        one
        for one in config.deliver
        if "editions" in one.sends and (first if one.language is None else one.language == config.language)
    )


def strangers(config: Config) -> tuple[DeliverSettings, ...]:
    """Those who want editions in a language that none is made in: they would wait for ever."""
    made = {*config.languages, *(config.together or ())}
    return tuple(one for one in config.deliver if one.language is not None and one.language not in made)


def meant_for(marks: Postmarks, names: Collection[str], announced: date, today: date) -> list[str]:
    """
    Which of the receivers are to have an edition by itself, in their order.

    Those for whom it was meant when it was made: who comes later gets no old ones. Where nobody knows of it yet, all
    of them, as long as it is recent.

    >>> meant_for(Postmarks(announced=date(2026, 3, 17)), ["me"], date(2026, 3, 17), date(2026, 3, 18))
    ['me']
    >>> meant_for(Postmarks(announced=date(2026, 3, 17)), ["me"], date(2026, 3, 17), date(2026, 6, 1))
    []
    """
    if marks.marks:
        return [name for name in names if marks.of(name)]
    return list(names) if today - announced <= schedule.RECENT else []


def unsettled(marks: Postmarks, names: Collection[str]) -> list[str]:
    """Which of the receivers are not known to have the edition."""
    return [name for name in names if not ((mark := marks.of(name)) and mark.is_settled)]


def due(config: Config, now: datetime) -> tuple[date, ...]:
    """
    The dates, oldest first, of recent editions of one language that some receiver was meant to have and has not.

    One whose marks can't be read is among them: nobody knows who has it.
    """
    store, names = Store(config.output), [one.name for one in receivers(config)]
    since = now.date() - schedule.RECENT
    found = []
    for day in postmarks.dates(store):
        if day < since or not store.path(day).exists():
            continue
        try:
            marks = postmarks.load(store, day)
            if marks.marks and unsettled(marks, meant_for(marks, names, day, now.date())):
                found.append(day)
        except RecordError:
            found.append(day)  # whoever looks closer meets it
    return tuple(sorted(found))


# ------------------------------------------------------------------------------------------ editions


def promise(config: Config, announced: date, clock: Clock, only: Collection[str] = ()) -> Postmarks:
    """
    Mark an edition as meant for its receivers, so that no crash before it is delivered makes it forgotten.

    Called for an edition that this run makes, before anything can go wrong with it; who has a mark keeps it. Nothing
    is written where nobody is to get it. The caller holds the lock of the folder.

    Args:
        config: Of the edition's language alone, and of its folder.
        announced: Of the edition, which need not be there yet.
        clock: Now, UTC.
        only: Names of receivers, whatever was promised before; none: those of `meant_for`.
    """
    store, mine = Store(config.output), {one.name: one for one in receivers(config)}
    marks, now = postmarks.load(store, announced), clock()
    names = [name for name in mine if name in only] if only else meant_for(marks, list(mine), announced, now.date())
    before = marks
    for name in names:
        if marks.of(name) is None:
            known_as = _name(config, announced, mine[name])
            marks = marks.with_mark(Postmark(receiver=name, state="waiting", message_id=known_as, attempts=0, at=now))
    if marks != before:
        postmarks.save(store, marks)
    return marks


def deliver_unless_held(config: Config, edition: Edition, clock: Clock) -> tuple[Postmark, ...]:
    """Send an edition to who has not had it, if it is not held back: the mark of each of today's receivers."""
    if is_held_back(edition, clock()):
        log.warning("%s: not delivered yet: a paper waits for its answer; the next run goes on", edition.announced)
        marks = postmarks.load(Store(config.output), edition.announced)
    else:
        marks = deliver(config, edition, clock)
    names = {one.name for one in receivers(config)}
    return tuple(mark for mark in marks.marks if mark.receiver in names)


def deliver(
    config: Config,
    edition: Edition,
    clock: Clock,
    only: Collection[str] = (),
    *,
    again: bool = False,
    sleep: Sleep = time.sleep,
) -> Postmarks:
    """
    Send an edition to each of its receivers that has not had it; what stands in the way of one is its mark.

    A mark "sending" is on disk before a message is handed over, the final one right after. Where a process died
    between them nobody knows: it is sent again under the same id, as a lost edition is worse than a second copy that
    mail programs know for one. Whether an edition `is_ready` is for the caller, who holds the lock of the folder.

    Args:
        config: Of the edition's language alone, and of its folder.
        edition: Saved, with whatever cards it has.
        clock: Now, UTC.
        only: Names of receivers, whatever was promised before; none: those for whom it was meant when it was made,
            which are all where nobody knows of it yet and it is recent.
        again: Also to those that have it, as a new message.
        sleep: Between the tries of one message.

    Returns:
        The marks of the edition, as they are on disk.

    Raises:
        StorageError: no room for a mark, so that nothing more is sent.
        RecordError: the marks can't be read, so that nobody knows who had the edition.
        Interrupted: a signal came; the message under way has its mark, those after it wait.
    """
    store, day = Store(config.output), edition.announced
    for one in strangers(config):
        log.warning("%s gets nothing: no edition is made in %s", one.name, one.language)
    marks = promise(config, day, clock, only)  # all of them before the first is sent to: a crash forgets nobody
    mine = {one.name: one for one in receivers(config) if marks.of(one.name) and (not only or one.name in only)}
    names = list(mine) if again else unsettled(marks, list(mine))
    if not names:
        return marks
    writer = Letters(publishing.look_of(config))
    for name in names:
        with seen_to():  # a signal does not come between the message and its mark
            mark = _begun(config, day, mine[name], marks, clock, again)
            marks = marks.with_mark(mark)
            postmarks.save(store, marks)
            mark = _sent(config, edition, mine[name], mark, writer, clock, sleep)
            marks = marks.with_mark(mark)
            postmarks.save(store, marks)
        _say(f"edition {day}, {config.language}", mark)
    return marks


def _begun(
    config: Config, announced: date, one: DeliverSettings, marks: Postmarks, clock: Clock, again: bool
) -> Postmark:
    """The mark of a message that is about to be sent: a new one only where the old one arrived."""
    before = marks.of(one.name)
    assert before is not None
    is_copy = again and before.is_settled
    name = _name(config, announced, one, before.attempts) if is_copy else before.message_id
    changes = {"state": "sending", "message_id": name, "attempts": before.attempts + 1, "at": clock()}
    return before.model_copy(update=changes | {"error": None, "is_lasting": False})


def _name(config: Config, announced: date, one: DeliverSettings, copy: int = 0) -> str:
    # Two digests of one person may have receivers of one name: only where they are tells them apart.
    site = config.site_url or str(config.output.resolve())
    return letters.edition_name(site, announced, config.language, one.name, outbox.letterhead(config).host, copy)


def _sent(
    config: Config,
    edition: Edition,
    one: DeliverSettings,
    mark: Postmark,
    writer: Letters,
    clock: Clock,
    sleep: Sleep,
) -> Postmark:
    """Send one message; its mark says how that ended."""
    try:
        channel = outbox.opened(config, one)
        message = written(config, edition, one, mark.message_id, writer, channel, clock)
        if message is None:
            return mark.model_copy(update={"state": "nothing", "at": clock()})
        outbox.hand_over(channel, message, sleep)
    except DigestError as error:
        said = outbox.reason(config, one, error)
        lasts = error.exit_code == EX_USAGE
        return mark.model_copy(update={"state": "failed", "at": clock(), "error": said, "is_lasting": lasts})
    return mark.model_copy(update={"state": "sent", "at": clock()})


def written(
    config: Config, edition: Edition, one: DeliverSettings, name: str, writer: Letters, channel: Channel, clock: Clock
) -> Message | None:
    """The message about an edition to one receiver, under a name; None where its sections have nothing."""
    extra = outbox.letterhead(config).headers(clock(), edition.language)
    return writer.edition(edition, one.sections, outbox.form_of(one), channel, name, extra)


def _say(what: str, mark: Postmark) -> None:
    if mark.state == "failed":
        log.warning("%s: %s did not get it: %s", what, mark.receiver, mark.error)
    else:
        log.info("%s: %s: %s", what, mark.receiver, mark.state)
