"""The commands: the one place that prints, exits, reads the environment and looks at the clock.

A command parses, calls one function and prints one result. Heavy imports happen on use, so that --help is quick.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from . import __version__
from .errors import EX_TEMPFAIL, ConfigError, DigestError, RecordError, SourceError
from .parameters import Day, DayOrPaper, PaperId, Phrases

if TYPE_CHECKING:
    from .agenda import Order
    from .config import Config
    from .listings import Desk
    from .pipeline import Watch

log = logging.getLogger(__name__)

EX_CARDS_MISSING = 3
OUTAGE = 2  #: dates in a row for which arXiv fails: the others would fare no better
Command = TypeVar("Command", bound=Callable[..., Any])


class DigestGroup(click.Group):
    """The one catch: an error the user can act on becomes a line, its hint and its exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            say("Stopped. What was answered is kept: run the same command again to go on.")
            ctx.exit(130)
        except OutputError as error:
            say(f"Error: standard output: {error}")
            ctx.exit(EX_TEMPFAIL)
        except DigestError as error:
            log.debug("traceback of the error below", exc_info=True)
            say("\n  hint: ".join(filter(None, [f"Error: {error}", error.hint])))
            ctx.exit(error.exit_code)


def say(text: str) -> None:
    """Print to standard error, if it can be written: the exit code says the same."""
    with suppress(OSError):
        click.echo(text, err=True)


class OutputError(Exception):
    """Standard output can't be written."""


SHARED = (
    click.option(
        "--config",
        "config_file",
        type=click.Path(path_type=Path),
        envvar="DIGEST_CONFIG",
        help="[default: digest.toml]",
    ),
    click.option("--output", envvar="DIGEST_OUTPUT", help="Folder of the site.  [default: site]"),
    click.option("--cache", envvar="DIGEST_CACHE", help="Folder of paid replies.  [default: cache]"),
    click.option("-v", "--verbose", count=True, help="Say more; twice, with tracebacks."),
    click.option("-q", "--quiet", is_flag=True, help="Say errors only."),
    click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON."),
)
ENGINE = (
    click.option("--model", envvar="DIGEST_MODEL", help="Name of the model at the service."),
    click.option("--base-url", envvar="OPENAI_BASE_URL", help="Its address, up to /v1."),
    click.option("--engine", envvar="DIGEST_ENGINE", help='chat, echo or "module:attribute".'),
    click.option("--concurrency", type=int, envvar="DIGEST_CONCURRENCY", help="Requests at once."),
)
#: parameter -> config key
KEYS = {
    "output": "output",
    "cache": "cache",
    "categories": "categories",
    "language": "language",
    "model": "engine.model",
    "base_url": "engine.base_url",
    "engine": "engine.name",
    "concurrency": "engine.concurrency",
}
#: environment -> config key, for what no flag of the command takes
VARIABLES = {
    "DIGEST_ARXIV_API": "arxiv.api",
    "DIGEST_ARXIV_RSS": "arxiv.rss",
    "DIGEST_ARXIV_OAI": "arxiv.oai",
    "DIGEST_MODEL": "engine.model",
}


def options(*groups: tuple[Callable[[Command], Command], ...]) -> Callable[[Command], Command]:
    """A decorator that gives a command several groups of options."""

    def decorate(command: Command) -> Command:
        for option in reversed([one for group in groups for one in group]):
            command = option(command)
        return command

    return decorate


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


def exclusive(given: dict[str, Any], **flags: str) -> None:
    """Refuse a call that uses two of the flags."""
    if len(used := [flag for name, flag in flags.items() if given[name]]) > 1:
        raise click.UsageError(f"{' and '.join(used)} exclude each other.")


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


# ------------------------------------------------------------------------------------------ what commands share


def configured(given: dict[str, Any]) -> "Config":
    """The configuration of this call, with logging set up as it asks."""
    from .config import load

    level = (
        logging.ERROR if given["quiet"] else (logging.WARNING, logging.INFO, logging.DEBUG)[min(given["verbose"], 2)]
    )
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(message)s")
    logging.getLogger("digest").setLevel(level)
    settings: dict[str, Any] = {key: os.environ[name] for name, key in VARIABLES.items() if os.environ.get(name)}
    settings |= {KEYS[name]: given[name] for name in KEYS if given.get(name) not in (None, (), "")}
    config = load(given["config_file"], settings, {"HOME": home()} | os.environ)
    return config.with_keywords(given.get("keywords", ()))


def home() -> str:
    """The user's home, also where a service manager names none; empty if there is none."""
    try:
        return str(Path.home())
    except RuntimeError:
        return ""


def now() -> datetime:
    """The moment it is, UTC, or the one that DIGEST_NOW names."""
    said = os.environ.get("DIGEST_NOW")
    if not said:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(said)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"DIGEST_NOW: {said!r} is no ISO time", hint="such as 2026-03-17T06:00:00Z") from error
    if not 1991 < moment.year < 2200:
        raise ConfigError(f"DIGEST_NOW: {said!r} is a time without arXiv", hint="such as 2026-03-17T06:00:00Z")
    return moment


def show(given: dict[str, Any], record: object, text: str) -> None:
    """Print a result: as one line of JSON where asked, else as text."""
    import json

    try:
        click.echo(json.dumps(record, ensure_ascii=False, default=str) if given["as_json"] else text)
    except BrokenPipeError:
        raise  # click ends quietly
    except OSError as error:
        raise OutputError(error.strerror) from error


@contextmanager
def progress(given: dict[str, Any]) -> "Iterator[Watch]":
    """Yield what the stages report to: a display that goes away on a terminal, nothing elsewhere."""
    if given["quiet"] or sys.stderr is None or not sys.stderr.isatty():  # None: started without one
        from .pipeline import unwatched

        yield unwatched
        return
    from .terminal import live_progress

    with live_progress() as watch:
        yield watch
