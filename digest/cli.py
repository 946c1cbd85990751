"""The commands: each parses, calls one function and prints one result.

Heavy imports happen on use, so that --help is quick; what commands share is in console.py.
"""

import signal
from datetime import date
from typing import Any

import click

from . import __version__
from .backfill_commands import backfill
from .cache_commands import cache
from .console import (
    ENGINE,
    ONE_LANGUAGE,
    SHARED,
    DigestGroup,
    coloured,
    each_site,
    exclusive,
    in_one_language,
    interrupted,
    now,
    options,
    progress,
    show,
    width,
)
from .deliver_commands import deliver
from .doctor_commands import doctor
from .errors import ConfigError, RecordError
from .init_commands import init
from .parameters import Day, DayOrPaper, PaperIds
from .plaintext import counted
from .run_commands import run
from .serve_commands import serve
from .verify_commands import prune, verify


@click.group(
    cls=DigestGroup,
    context_settings={"auto_envvar_prefix": "DIGEST", "max_content_width": 100, "help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="digest")
def main() -> None:
    """ArXiv in your language, every morning: nothing missed, nothing misquoted, nothing paid twice."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # the last one where there are terminals that close
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, interrupted)


main.add_command(run)
main.add_command(backfill)
main.add_command(deliver)
main.add_command(doctor)
main.add_command(cache)
main.add_command(init)
main.add_command(serve)
main.add_command(verify)
main.add_command(prune)


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
    config = in_one_language(given, pages=True)
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
    from . import publishing

    found = each_site(given, announced, pages=True)
    written: list[str] = []
    damaged: list[RecordError] = []
    for config in found:
        with progress(given) as watch:
            pages, wrong = publishing.render_again(config, [announced] if announced else None, watch)
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
@click.option("--all", "everything", is_flag=True, help="All dates, not the newest alone.")
@options(ONE_LANGUAGE, SHARED)
def status(everything: bool, **given: Any) -> None:
    """Print what is on file: editions, gaps, missing cards and why, deliveries, tokens and money, the cache."""
    from . import inventory, overview

    config = in_one_language(given)
    found = overview.status(config, now)
    said = inventory.text(found, width(), everything=everything, coloured=coloured())
    show(given, inventory.record(found), said)
    if found.damaged:
        raise found.damaged[0]
