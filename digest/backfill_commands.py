"""`digest backfill`: the editions of many dates in one go, with a plan before it and a live view of it.

Parses, calls and prints; what is made and how is in backfill.py. Heavy imports happen on use.
"""

import logging
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .console import (
    CATEGORY,
    ENGINE,
    KEYWORD,
    LANGUAGE,
    SHARED,
    now,
    options,
    progress,
    say,
    show,
    telling,
    up_to_date,
    watched,
)
from .errors import EX_CARDS_MISSING, ConfigError, DigestError
from .parameters import Day
from .plaintext import counted

if TYPE_CHECKING:
    from .agenda import Order
    from .backfill import Made, OpenDesk, Result, Wanted
    from .config import Config
    from .hooks import Watch
    from .outlook import Outlook

log = logging.getLogger(__name__)


@click.command()
@click.option("--from", "first", type=Day(), help="First listing date of arXiv (US Eastern).  [default: of the files]")
@click.option("--to", "last", type=Day(), help="Last listing date.  [default: the newest, or that of the files]")
@click.option(
    "--papers",
    type=click.Path(path_type=Path),
    help="A JSON Lines file, an archive's folder or a snapshot of arXiv in place of arXiv.",
)
@click.option(
    "--order",
    type=click.Choice(["oldest", "newest"]),
    default="oldest",
    show_default=True,
    envvar="DIGEST_ORDER",
    help="Which dates come first; from the newest on, replacements do not tell what they changed.",
)
@click.option("--yes", is_flag=True, help="Begin without asking; where nobody watches, nobody is asked.")
@click.option("--dry-run", is_flag=True, help="Print the plan, and begin nothing.")
@click.option("--strict", is_flag=True, help=f"Exit {EX_CARDS_MISSING} if a card is missing.")
@options(CATEGORY, KEYWORD, LANGUAGE, ENGINE, SHARED)
def backfill(**given: Any) -> None:
    """
    Make the editions of many dates in one go: years of them, from arXiv or from files.

    Dates that are complete are left out, so the same command goes on where it was stopped. Nothing is delivered.
    """
    from . import agenda, backends

    config = up_to_date(given, pages=True)
    if not given["dry_run"]:
        backends.require(config)  # before arXiv is asked for anything
    order = agenda.Order(papers=given["papers"])
    with progress(given) as watch:
        wanted, open_desk = wanted_of(config, order, given, watch)
    if not wanted:
        show(given, {"made": 0}, "nothing is left to do: every edition of these dates is there and complete")
        return
    found = plan(wanted, order, open_desk, given)
    if given["dry_run"]:
        return
    if watched() and not given["yes"] and not confirmed():
        return
    result = make(config, wanted, order, open_desk, given, sum(one.papers for one in found.languages))
    if failure := failure_of(result):
        raise failure
    if given["strict"] and result.totals["pending"]:
        click.get_current_context().exit(EX_CARDS_MISSING)


def wanted_of(
    config: "Config", order: "Order", given: dict[str, Any], watch: "Watch"
) -> "tuple[list[Wanted], OpenDesk]":
    """Each date that is to be made for each language, in their order; and what opens the place of their listings."""
    from . import agenda, listings, pipeline, sites

    newest_first = given["order"] == "newest"
    if order.papers and order.papers.exists() and not (order.papers.is_file() or order.papers.is_dir()):
        raise ConfigError(f"{order.papers}: is read more than once, so a file is needed, or a folder")
    files = listings.Files(order.papers, config.arxiv.holidays, bulk=True, watch=watch) if order.papers else None
    todo: dict[date, list[Config]] = {}
    for one in sites.each(config):
        for day in agenda.dates_between(one, order, now, given["first"], given["last"], files=files):
            todo.setdefault(day, []).append(one)
    days = sorted(todo, reverse=newest_first)

    def open_desk() -> "listings.Desk":
        return files or pipeline.open_desk(config, order, now, sorted(todo))

    return [(one, day) for day in days for one in todo[day]], open_desk


def confirmed() -> bool:
    """Whether whoever watches wants it to begin; an answer that can't be had is none."""
    try:
        return click.confirm("Begin?", default=True, err=True)
    except click.Abort:
        return False


def failure_of(result: "Result") -> DigestError | None:
    """What is to be told as the failure of it all, if anything."""
    if result.lacking and not result.made and not result.elsewhere and not result.failed:
        fact = f"none of {counted(len(result.lacking), 'date')} has a paper in the categories asked for"
        return result.failure or ConfigError(fact, hint="check --category and the categories in digest.toml")
    return result.failure or (result.failed[-1][1] if result.failed else None)


def plan(wanted: "Sequence[Wanted]", order: "Order", open_desk: "OpenDesk", given: dict[str, Any]) -> "Outlook":
    """Print what it would take: as a result with --dry-run, else to those who watch."""
    from . import outlook, outlook_text

    by_site: dict[Path, tuple[Config, list[date]]] = {}
    for config, day in wanted:
        by_site.setdefault(config.output, (config, []))[1].append(day)
    with progress(given) as watch:
        found = outlook.look_ahead(list(by_site.values()), order, open_desk(), now, watch)
    assert found is not None  # there are dates
    notes = [*outlook.budget_words(wanted[0][0], found)]
    if given["dry_run"]:
        show(given, outlook.record(found), outlook_text.text(found, notes))
    elif not given["quiet"]:
        say(outlook_text.text(found, notes))
    return found


def make(
    config: "Config",
    wanted: "Sequence[Wanted]",
    order: "Order",
    open_desk: "OpenDesk",
    given: dict[str, Any],
    papers: int | None = None,
) -> "Result":
    """Make the editions, a line for each as it is saved and one for all at the end."""
    from . import backfill as backfills

    in_several = len({one.language for one, _ in wanted}) > 1

    def note(made: "Made") -> None:
        show(given, made_record(made), made_text(made, in_several=in_several))

    with telling(given) as tell:
        result = backfills.backfill(config, wanted, order, open_desk, now, tell=tell, note=note, papers=papers)
    show(given, result_record(result), result_text(result, config.output))
    return result


def made_text(made: "Made", *, in_several: bool) -> str:
    """One finished edition."""
    from . import terminal

    language = f", {made.language}" if in_several else ""
    stays = "" if made.is_ours else " · another run wrote it meanwhile: that one stays"
    return f"{made.announced}{language}: {terminal.balance(made.ledger)} · {made.seconds:.1f} s{stays}"


def made_record(made: "Made") -> dict[str, Any]:
    """The same for a machine."""
    counts = {name: getattr(made.ledger, name) for name in ("announced", "shown", "flagged", "pending")}
    return {
        "announced": str(made.announced),
        "language": made.language,
        "counts": counts,
        "seconds": round(made.seconds, 3),
        "ours": made.is_ours,
    }


def result_text(result: "Result", output: Path) -> str:
    """All that counts, in one line; above it what is missing."""
    from . import accounts, money

    lines = []
    if result.lacking:
        lines.append(f"{counted(len(result.lacking), 'date')} of which the files have nothing")
    if result.elsewhere:
        lines.append(f"{counted(len(result.elsewhere), 'date')} made by another driver")
    if result.failed:
        named = ", ".join(str(day) for day, _ in result.failed[:5]) + (", …" if len(result.failed) > 5 else "")
        lines.append(f"{counted(len(result.failed), 'date')} without an edition ({named}): run the same command again")
    if pending := result.totals["pending"]:
        lines.append(
            f"{counted(pending, 'paper')} without a card: run the same command again, or digest status says why"
        )
    lines += [" · ".join(accounts.tokens(list(result.bills)))] if result.bills else []
    facts = [
        f"{counted(result.made, 'edition')}, {counted(result.totals['announced'], 'paper')}",
        counted(result.sent, "request"),
        *([money.sum_in_words(result.bills)] if result.bills else []),
        f"{result.seconds:.1f} s",
        f"{counted(result.pages, 'page')} changed in {output}",
    ]
    return "\n".join([*filter(None, lines), " · ".join(facts)])


def result_record(result: "Result") -> dict[str, Any]:
    """The same for a machine."""
    return {
        "made": result.made,
        "counts": dict(result.totals),
        "requests": result.sent,
        "paid": [bill.model_dump() for bill in result.bills],
        "pages": result.pages,
        "seconds": round(result.seconds, 3),
        "failed": {str(day): str(error) for day, error in result.failed},
        "elsewhere": [str(day) for day in result.elsewhere],
        "lacking": [str(day) for day in result.lacking],
        "failure": str(result.failure) if result.failure else None,
    }
