"""The commands: each parses, calls one function and prints one result.

Heavy imports happen on use, so that --help is quick; what commands share is in console.py.
"""

import logging
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import __version__
from .console import ENGINE, SHARED, DigestGroup, configured, exclusive, now, options, progress, say, show
from .errors import ConfigError, DigestError, RecordError, SourceError
from .parameters import Day, DayOrPaper, PaperId, Phrases

if TYPE_CHECKING:
    from .agenda import Order
    from .config import Config
    from .listings import Desk

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
    signal.signal(signal.SIGTERM, terminated)


def terminated(*_: object) -> None:
    """End as at Ctrl-C, with the code of a SIGTERM."""
    say("Stopped by SIGTERM. What was answered is kept: run the same command again to go on.")
    sys.exit(143)


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
@click.option("--language", envvar="DIGEST_LANGUAGE", help="Of the cards.  [default: zh-Hans]")
@options(ENGINE, SHARED)
def run(**given: Any) -> None:
    """Collect a day's papers, summarize and render them: the main job."""
    from . import agenda, pipeline

    exclusive(given, announced="--date", since="--since", sample="--sample")
    exclusive(given, papers="--papers", sample="--sample")
    config = configured(given)
    order = agenda.Order(given["announced"], given["papers"], given["sample"], given["refresh"])
    days = agenda.dates_of(config, order, now, given["since"])
    if not days:
        show(given, [], f"nothing is left to do since {given['since']}")
    orders = [replace(order, announced=day) for day in days]
    desk = pipeline.open_desk(config, order, now, [day for day in days if day])
    if given["dry_run"]:
        for one in orders:
            estimate_one(config, one, desk, given)
        return
    missing = run_all(config, orders, desk, given)
    if given["strict"] and missing:
        click.get_current_context().exit(EX_CARDS_MISSING)


def run_all(config: "Config", orders: "Sequence[Order]", desk: "Desk", given: dict[str, Any]) -> int:
    """Run for each date; one that fails does not stand in the way of the others. How many cards are missing."""
    from .listings import NotHeldError

    missing, in_a_row = 0, 0
    failed: list[DigestError] = []
    lacking: list[DigestError] = []
    for order in orders:
        try:
            missing += run_one(config, order, desk, given)
            in_a_row = 0
        except (NotHeldError, RecordError, SourceError) as error:
            if len(orders) == 1:
                raise
            in_a_row += isinstance(error, SourceError)
            (lacking if isinstance(error, NotHeldError) else failed).append(error)
            log.error("%s: %s", order.announced, error)  # noqa: TRY400
            if in_a_row == OUTAGE:
                break
    if failed or (lacking and len(lacking) == len(orders)):  # files that lack some of the dates are no failure
        raise (failed or lacking)[-1]
    return missing


def run_one(config: "Config", order: "Order", desk: "Desk", given: dict[str, Any]) -> int:
    """Run for one announcement date and print what came of it; how many cards are missing."""
    from . import pipeline, terminal

    with progress(given) as watch:
        outcome = pipeline.run(config, order, now, watch, desk)
    show(given, terminal.outcome_record(outcome), terminal.outcome(outcome, config.output))
    return outcome.edition.count("pending") if outcome.edition else 0


def estimate_one(config: "Config", order: "Order", desk: "Desk", given: dict[str, Any]) -> None:
    """Print what a run for one announcement date would ask of the model service."""
    from dataclasses import asdict

    from . import overview, terminal

    with progress(given) as watch:
        estimate = overview.estimate(config, order, desk, now, watch)
    show(given, asdict(estimate), terminal.estimate(estimate))


@main.command()
@click.argument("arxiv_id", type=PaperId())
@click.option("--date", "announced", type=Day(), help="Only in this edition.  [default: in every one that holds it]")
@click.option("--hint", help="A word to the model, such as what the card got wrong.")
@click.option("--undo", is_flag=True, help="Bring back the card that the last regeneration replaced.")
@options(ENGINE, SHARED)
def regenerate(arxiv_id: str, announced: date | None, hint: str | None, undo: bool, **given: Any) -> None:
    """Ask again for one paper, past the cache; nothing else is touched."""
    from . import revision, terminal

    if undo and hint:
        raise click.UsageError("--undo and --hint exclude each other.")
    config = configured(given)
    if undo:
        done = revision.undo(config, arxiv_id, announced=announced)
    else:
        with progress(given):
            done = revision.regenerate(config, arxiv_id, now, announced=announced, hint=hint)
    show(given, terminal.regenerated_record(done), terminal.regenerated(done))


@main.command()
@click.argument("announced", type=Day(), required=False)
@options(SHARED)
def render(announced: date | None, **given: Any) -> None:
    """Write the pages again from saved editions: of one date, or all. No network, no model."""
    from . import pipeline
    from .terminal import counted

    config = configured(given)
    with progress(given) as watch:
        written, damaged = pipeline.render_again(config, [announced] if announced else None, watch)
    show(given, {"written": written}, f"{counted(len(written), 'page')} changed in {config.output}")
    if damaged:
        raise damaged[0]


@main.command(name="show")
@click.argument("what", type=DayOrPaper(), metavar="DATE|ARXIV_ID")
@options(SHARED)
def show_command(what: date | str, **given: Any) -> None:
    """Print a day's table of contents, or one card."""
    from . import terminal
    from .store import Store

    config = configured(given)
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
@options(SHARED)
def status(**given: Any) -> None:
    """Print what is on file: editions, missing cards and why, tokens and money, the cache."""
    from . import overview, terminal

    config = configured(given)
    found = overview.status(config, now)
    show(given, terminal.status_record(found, found.gaps), terminal.status(found, found.gaps))
    if found.damaged:
        raise found.damaged[0]
