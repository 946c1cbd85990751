"""The commands: each parses, calls one function and prints one result.

Heavy imports happen on use, so that --help is quick; what commands share is in console.py.
"""

import logging
import signal
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import __version__
from .cache_commands import cache
from .console import (
    ENGINE,
    LANGUAGE,
    ONE_LANGUAGE,
    SHARED,
    DigestGroup,
    configured,
    exclusive,
    in_one_language,
    interrupted,
    now,
    options,
    progress,
    show,
    width,
)
from .errors import BatchPending, ConfigError, DigestError, RecordError, SourceError
from .parameters import Day, DayOrPaper, PaperIds, Phrases
from .plaintext import counted

if TYPE_CHECKING:
    from .agenda import Order
    from .config import Config
    from .engines.budgeted import Meter
    from .listings import Desk

    Job = tuple[Config, Order]  #: for one language, and for one announcement date

log = logging.getLogger(__name__)

EX_CARDS_MISSING = 3
OUTAGE = 2  #: dates in a row for which arXiv fails: the others would fare no better


@click.group(
    cls=DigestGroup,
    context_settings={"auto_envvar_prefix": "DIGEST", "max_content_width": 100, "help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="digest")
def main() -> None:
    """ArXiv in your language, every morning: nothing missed, nothing misquoted, nothing paid twice."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupted)


main.add_command(cache)


@main.command()
@click.option("--date", "announced", type=Day(), help="Listing date of arXiv (US Eastern).  [default: the newest]")
@click.option("--since", type=Day(), help="Every listing date from this one that has no complete edition.")
@click.option("--category", "categories", multiple=True, envvar="DIGEST_CATEGORIES", help="cs.CV, or cs.* for all.")
@click.option(
    "--keyword", "keywords", multiple=True, type=Phrases(), envvar="DIGEST_KEYWORDS", help="A section of its own."
)
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
    from . import agenda, pipeline

    exclusive(given, announced="--date", since="--since", sample="--sample")
    exclusive(given, papers="--papers", sample="--sample")
    config = configured(given)
    order = agenda.Order(given["announced"], given["papers"], given["sample"], given["refresh"])
    jobs = jobs_of(config, order, given["since"])
    if not jobs:
        show(given, [], f"nothing is left to do since {given['since']}")
    desk = pipeline.open_desk(config, order, now, sorted({one.announced for _, one in jobs if one.announced}))
    if given["dry_run"]:
        estimate_all(jobs, desk, given)
        return
    missing = run_all(jobs, desk, given)
    if given["strict"] and missing:
        click.get_current_context().exit(EX_CARDS_MISSING)


def jobs_of(config: "Config", order: "Order", since: date | None) -> "list[Job]":
    """What is to be made: by date, oldest first, and for each date by language, the first one first."""
    from . import agenda, sites

    jobs = [
        (one, replace(order, announced=day))
        for one in sites.each(config)
        for day in agenda.dates_of(one, order, now, since)
    ]
    return sorted(jobs, key=lambda job: job[1].announced or date.max)


def run_all(jobs: "Sequence[Job]", desk: "Desk", given: dict[str, Any]) -> int:
    """Run for each date and language; one that fails does not stand in the others' way. How many cards are missing."""
    from .engines.budgeted import Meter
    from .listings import NotHeldError

    missing, in_a_row, meter = 0, 0, Meter()
    failed: list[DigestError] = []
    lacking: list[DigestError] = []
    down: date | None = None
    in_several = len({config.language for config, _ in jobs}) > 1
    for config, order in jobs:
        try:
            missing += run_one(config, order, desk, given, meter)
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
    return missing


def run_one(config: "Config", order: "Order", desk: "Desk", given: dict[str, Any], meter: "Meter") -> int:
    """Run for one announcement date and print what came of it; how many cards are missing."""
    from . import pipeline, terminal

    with progress(given) as watch:
        outcome = pipeline.run(config, order, now, watch, desk, meter)
    show(given, terminal.outcome_record(outcome), terminal.outcome(outcome, config.output))
    return outcome.edition.count("pending") if outcome.edition else 0


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


@main.command()
@click.argument("arxiv_ids", type=PaperIds(), nargs=-1, metavar="[ARXIV_ID... | -]")
@click.option("--failed", is_flag=True, help="All papers that have no card, or a marked one.")
@click.option("--date", "announced", type=Day(), help="Only in this edition.  [default: in every one that holds it]")
@click.option("--hint", help="A word to the model, such as what the card got wrong.")
@click.option("--undo", is_flag=True, help="Bring back the card that the last regeneration replaced.")
@click.option("--dry-run", is_flag=True, help="Say how many requests, tokens and how much money it would take.")
@options(ONE_LANGUAGE, ENGINE, SHARED)
def regenerate(arxiv_ids: tuple[tuple[str, ...], ...], announced: date | None, hint: str | None, **given: Any) -> None:
    """
    Ask again for papers, past the cache; nothing else is touched.

    With - in place of an identifier, those on standard input, one a line.
    """
    from dataclasses import asdict

    from . import renewals, revision

    named = list(dict.fromkeys(arxiv_id for some in arxiv_ids for arxiv_id in some))
    exclusive(given | {"hint": hint}, undo="--undo", hint="--hint")
    exclusive(given, undo="--undo", failed="--failed")
    exclusive(given, undo="--undo", dry_run="--dry-run")
    if given["failed"] == bool(arxiv_ids):
        raise click.UsageError("Name papers, - for a list on standard input, or --failed, and only one of these.")
    asked = None if given["failed"] else named
    config = in_one_language(given)
    if given["dry_run"]:
        planned = revision.plan(config, asked, now, announced=announced, hint=hint)
        show(given, asdict(planned), renewals.planned(planned))
        return
    if given["undo"]:
        done = revision.undo(config, named, announced=announced)
    else:
        with progress(given) as watch:
            done = revision.regenerate(config, asked, now, announced=announced, hint=hint, watch=watch)
    if len(named) == 1 and (error := done.failure or done.papers[0].error):
        raise error
    show(given, renewals.regenerated_record(done), renewals.regenerated(done))
    if done.failure:
        raise done.failure
    click.get_current_context().exit(done.exit_code)


@main.command()
@click.argument("announced", type=Day(), required=False)
@options(ONE_LANGUAGE, SHARED)
def render(announced: date | None, **given: Any) -> None:
    """Write the pages again from saved editions: of one date, or all. No network, no model."""
    from . import pipeline, sites

    found = [in_one_language(given)] if given["language"] else sites.made(configured(given), announced)
    written: list[str] = []
    damaged: list[RecordError] = []
    for config in found:
        with progress(given) as watch:
            pages, wrong = pipeline.render_again(config, [announced] if announced else None, watch)
        written += pages if config is found[0] else [f"{config.output.name}/{page}" for page in pages]
        damaged += wrong
    show(given, {"written": written}, f"{counted(len(written), 'page')} changed in {found[0].output}")
    if damaged:
        raise damaged[0]


@main.command(name="show")
@click.argument("what", type=DayOrPaper(), metavar="DATE|ARXIV_ID")
@options(ONE_LANGUAGE, SHARED)
def show_command(what: date | str, **given: Any) -> None:
    """Print a day's table of contents, or one card."""
    from . import terminal
    from .store import Store

    config = in_one_language(given)
    store = Store(config.output)
    if isinstance(what, date) and (day := store.load(what)):
        show(given, day.model_dump(mode="json", by_alias=True), terminal.contents(day))
    elif isinstance(what, str) and (found := store.places(what)):
        # A paper is looked up for its card: rather as an entry than as a replacement, or as one that is kept out.
        edition, entry = min(found, key=lambda one: (one[0].entry(what) is None, one[0].replacement(what) is None))
        show(given, entry.model_dump(mode="json"), terminal.card(entry, edition))
    else:
        raise ConfigError(f"no edition of {what} in {config.output}", hint="digest status lists the editions")


@main.command()
@options(ONE_LANGUAGE, SHARED)
def status(**given: Any) -> None:
    """Print what is on file: editions, missing cards and why, tokens and money, the cache."""
    from . import overview, terminal

    config = in_one_language(given)
    found = overview.status(config, now)
    show(given, terminal.status_record(found, found.gaps), terminal.status(found, found.gaps, width()))
    if found.damaged:
        raise found.damaged[0]
