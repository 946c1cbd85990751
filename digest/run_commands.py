"""`digest run`: the main job, by hand or every night: which dates and languages, in which order, and what came of it.

Parses, calls and prints; what a run does for one date is in pipeline.py. Heavy imports happen on use.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .console import (
    CATEGORY,
    ENGINE,
    KEYWORD,
    LANGUAGE,
    SHARED,
    exclusive,
    key_variable,
    now,
    options,
    progress,
    say,
    show,
    up_to_date,
    watched,
)
from .errors import EX_CARDS_MISSING, BatchPending, DigestError, Interrupted, RecordError, SourceError
from .parameters import Day

if TYPE_CHECKING:
    from .agenda import Order
    from .config import Config
    from .engines.budgeted import Meter
    from .listings import Desk
    from .pipeline import Outcome
    from .postmarks import Postmark

    Job = tuple[Config, Order]  #: for one language, and for one announcement date

log = logging.getLogger(__name__)


@click.command()
@click.option("--date", "announced", type=Day(), help="Listing date of arXiv (US Eastern).  [default: the newest]")
@click.option("--since", type=Day(), help="Every listing date from this one that has no complete edition.")
@click.option(
    "--catch-up",
    is_flag=True,
    help="The newest, and every date since the last edition that has none or lacks cards: for a nightly job.",
)
@click.option(
    "--patience",
    type=float,
    envvar="DIGEST_PATIENCE",
    help="Minutes to wait for an announcement that is late, or for another run to end.  [default: 0]",
)
@options(CATEGORY, KEYWORD)
@click.option(
    "--papers",
    type=click.Path(path_type=Path),
    help="A JSON Lines file, an archive's folder or a snapshot of arXiv in place of arXiv.",
)
@click.option("--sample", is_flag=True, help="Take the sample day that comes with the program.")
@click.option("--refresh", is_flag=True, help="Ask arXiv again for a date that has an edition.")
@click.option("--dry-run", is_flag=True, help="Say how many requests, tokens and how much money it would take.")
@click.option("--strict", is_flag=True, help=f"Exit {EX_CARDS_MISSING} if a card is missing.")
@options(LANGUAGE, ENGINE, SHARED)
def run(**given: Any) -> None:
    """Collect a day's papers, summarize and render them: the main job."""
    from . import agenda, nightly, pipeline, sites

    exclusive(given, announced="--date", since="--since", sample="--sample", catch_up="--catch-up")
    exclusive(given, papers="--papers", sample="--sample", catch_up="--catch-up")
    config = up_to_date(given, pages=True)
    if given["sample"]:
        config = for_sample(config, given)
    order = agenda.Order(given["announced"], given["papers"], given["sample"], given["refresh"])
    jobs = jobs_of(config, order, given["since"], catch_up=given["catch_up"])
    days = sorted({one.announced for _, one in jobs if one.announced})
    open_desk = partial(pipeline.open_desk, config, order, now, days)
    if given["dry_run"]:
        estimate_all(jobs, open_desk(), given)
        return
    alarm = nightly.Alarm(config, now, is_on=not watched())
    with alarm.on_failure():
        alarm.go_on(sites.each(config))
        if given["catch_up"]:
            nightly.begin(sites.each(config), now)
        missing = run_and_deliver(config, jobs, Desks(open_desk), given)
    if given["strict"] and missing:
        click.get_current_context().exit(EX_CARDS_MISSING)


def for_sample(config: "Config", given: dict[str, Any]) -> "Config":
    """The configuration for the sample day; who writes its cards is said."""
    from . import backends

    config, said = backends.for_sample(config, key_variable(config))
    if said and not given["quiet"]:
        say(said)
    return config


def jobs_of(config: "Config", order: "Order", since: date | None, *, catch_up: bool = False) -> "list[Job]":
    """What is to be made: by date, oldest first, and for each date by language, the first one first."""
    from . import agenda, sites

    jobs = [
        (one, replace(order, announced=day))
        for one in sites.each(config)
        for day in agenda.dates_of(one, order, now, agenda.last_made(one, now) if catch_up else since)
    ]
    return sorted(jobs, key=lambda job: job[1].announced or date.max)


class Desks:
    """Where listings come from, for all jobs of a run; opened anew after a failure, so that nothing of it stays."""

    def __init__(self, opened: "Callable[[], Desk]") -> None:
        self._opened = opened
        self.desk = opened()

    def renew(self) -> None:
        """Forget what was heard."""
        self.desk = self._opened()


def run_and_deliver(config: "Config", jobs: "Sequence[Job]", desks: Desks, given: dict[str, Any]) -> int:
    """Do all jobs, then send what an earlier run could not, even if arXiv fails now. How many cards are missing."""
    from . import nightly, sites

    outcomes: list[Outcome] = []
    failure: DigestError | None = None
    try:
        run_all(jobs, desks, given, outcomes)
    except Interrupted:
        raise
    except DigestError as error:
        failure = error
    done = {(one.edition.language, one.announced) for one in outcomes if one.edition}
    marks = [(one.announced, mark) for one in outcomes for mark in one.marks]
    late: list[tuple[date, Postmark]] = []
    for site in sites.each(config) if config.deliver else ():
        more, errors = nightly.deliver_left(site, now, {day for language, day in done if language == site.language})
        late += more
        failure = failure or next(iter(errors), None)
    if failure := failure or nightly.undelivered([*marks, *late]):
        raise failure
    if text := left_to_do(given, jobs, late):
        show(given, [{"announced": day, "receiver": mark.receiver, "state": mark.state} for day, mark in late], text)
    return sum(one.edition.count("pending") for one in outcomes if one.edition)


def left_to_do(given: dict[str, Any], jobs: "Sequence[Job]", late: "Sequence[tuple[date, Postmark]]") -> str:
    """The last line where nothing was to be made, or where something was delivered that an earlier run could not."""
    sent = ", ".join(f"{day} to {mark.receiver}" for day, mark in late if mark.state == "sent")
    since = f" since {given['since']}" if given["since"] else ": every edition is there and complete"
    return " · ".join(
        filter(None, ["" if jobs else f"nothing is left to do{since}", sent and f"delivered now: {sent}"])
    )


def run_all(jobs: "Sequence[Job]", desks: Desks, given: dict[str, Any], outcomes: "list[Outcome]") -> None:
    """Run for each date and language, and add what came of it; one that fails does not stand in the others' way."""
    from .agenda import OUTAGE
    from .engines.budgeted import Meter
    from .listings import NotHeldError

    in_a_row, meter = 0, Meter()
    failed: list[DigestError] = []
    lacking: list[DigestError] = []
    down: date | None = None
    in_several = len({config.language for config, _ in jobs}) > 1
    for config, order in jobs:
        try:
            outcomes.append(run_one(config, order, desks, given, meter))
            in_a_row = 0
        except (NotHeldError, RecordError, SourceError, BatchPending) as error:
            if len(jobs) == 1:
                raise
            in_a_row += isinstance(error, SourceError) and order.announced != down
            down = order.announced
            (lacking if isinstance(error, NotHeldError) else failed).append(error)
            log.error("%s: %s", f"{order.announced}, {config.language}" if in_several else order.announced, error)  # noqa: TRY400
            if in_a_row == OUTAGE:
                break
    if failed or (lacking and len(lacking) == len(jobs)):  # files that lack some of the dates are no failure
        raise (failed or lacking)[-1]


def run_one(config: "Config", order: "Order", desks: Desks, given: dict[str, Any], meter: "Meter") -> "Outcome":
    """Run for one announcement date, with the patience that is configured, and print what came of it."""
    from . import nightly, pipeline, terminal

    def once() -> "Outcome":
        try:
            return pipeline.run(config, order, now, watch, desks.desk, meter)
        except SourceError:
            desks.renew()
            raise

    with progress(given) as watch:
        outcome = nightly.patiently(once, config.patience_minutes)
    record = terminal.outcome_record(outcome) | {"output": str(config.output)}
    text = terminal.outcome(outcome, config.output)
    log.info("%s", text.splitlines()[-1], extra={"facts": record})
    show(given, record, text)
    return outcome


def estimate_all(jobs: "Sequence[Job]", desk: "Desk", given: dict[str, Any]) -> None:
    """Print what a run for each date and language would ask of the model service, and what that rests on."""
    from . import overview, terminal

    found, failure = [], None
    for config, order in jobs:
        try:
            with progress(given) as watch:
                found.append(overview.estimate(config, order, desk, now, watch))
        except DigestError as error:  # what comes before has its sum all the same
            failure = error
            break
        show(given, terminal.estimate_record(found[-1]), terminal.estimate(found[-1]))
    if found:
        total = overview.together(found)
        rest = terminal.estimates(found, total)
        if len(found) > 1 or (rest and not given["as_json"]):
            show(given, terminal.estimate_record(total) | {"sum_of": len(found)}, rest)
    if failure:
        raise failure
