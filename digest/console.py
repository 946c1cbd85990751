"""What all commands share: options, the configuration of a call, the clock, how results and errors are shown.

The one place that prints, exits, reads the environment and looks at the clock. Heavy imports happen on use.
"""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from . import logs
from .errors import EX_TEMPFAIL, ConfigError, DigestError
from .interrupts import EX_SIGNAL, INTERRUPT
from .parameters import Phrases
from .secrecy import visible, visible_json

if TYPE_CHECKING:
    from .backfill_display import Tell
    from .config import Config
    from .hooks import Watch

log = logging.getLogger(__name__)

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
            tell(error)
            ctx.exit(error.exit_code)


def tell(error: DigestError) -> None:
    """Say what went wrong and its mend: for people, or as one more line of the log where that has a form."""
    if logs.has_form():
        said = "; hint: ".join(filter(None, [str(error), error.hint]))
        log.error("%s", said, extra={"facts": {"error": str(error), "hint": error.hint, "exit": error.exit_code}})
    else:
        say("\n  hint: ".join(filter(None, [f"Error: {error}", error.hint])))


def interrupted(number: int, *_: object) -> None:
    """What a signal does: what is under way that must not be cut is done first, else the program ends."""
    if INTERRUPT.is_noted(number):
        say("Stopping when what is under way is done, as it may be paid for or sent; once more stops at once.")
        return
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    say(f"Stopped by {signal.Signals(number).name}. What was answered is kept: run the same command again to go on.")
    sys.exit(EX_SIGNAL + number)


def say(text: str) -> None:
    """Print to standard error, if it can be written: the exit code says the same. Where the log has a form, log it."""
    if logs.has_form():
        log.warning("%s", text)
        return
    with suppress(OSError):
        click.echo(visible(text), err=True)


TROUBLE = "digest.secrets.trouble"  #: what is wrong with the file of secrets, in click's meta


class OutputError(Exception):
    """Standard output can't be written."""


def read_secrets(ctx: click.Context, _: click.Parameter, config_file: Path | None) -> Path | None:
    """
    Put the file of secrets into the environment, before other options look there; what is set there already wins.

    It stands beside digest.toml, or where DIGEST_ENV_FILE says.
    """
    from . import envfile

    outer = ctx.parent.params.get("config_file") if ctx.parent else None  # of `digest cache --config FILE stats`
    if not ctx.resilient_parsing:
        told = os.environ.get("DIGEST_ENV_FILE")
        path = Path(told) if told else (config_file or outer or Path()).parent / envfile.NAME
        try:
            values = envfile.read(path, required=bool(told))
        except ConfigError as error:  # told when it is known how the log looks
            ctx.meta[TROUBLE] = error
            return config_file
        for name, value in values.items():
            if not os.environ.get(name):
                os.environ[name] = value
    return config_file


def language_option(help_text: str) -> tuple[Callable[[Command], Command], ...]:
    """In which languages."""
    return (click.option("--language", multiple=True, envvar="DIGEST_LANGUAGE", help=help_text),)


SHARED = (
    click.option(
        "--config",
        "config_file",
        type=click.Path(path_type=Path),
        envvar="DIGEST_CONFIG",
        is_eager=True,
        callback=read_secrets,
        help="[default: digest.toml]",
    ),
    click.option("--output", envvar="DIGEST_OUTPUT", help="Folder of the site.  [default: site]"),
    click.option("--cache", envvar="DIGEST_CACHE", help="Folder of paid replies.  [default: cache]"),
    click.option("-v", "--verbose", count=True, help="Say more; twice, with tracebacks."),
    click.option("-q", "--quiet", is_flag=True, help="Say errors only."),
    click.option(
        "--log",
        "log_form",
        type=click.Choice(["short", "lines", "json"]),
        default="short",
        envvar="DIGEST_LOG",
        help="On standard error: lines have time and run, json is for machines; both say more.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON."),
)


CATEGORY = (
    click.option("--category", "categories", multiple=True, envvar="DIGEST_CATEGORIES", help="cs.CV, or cs.* for all."),
)
KEYWORD = (
    click.option(
        "--keyword", "keywords", multiple=True, type=Phrases(), envvar="DIGEST_KEYWORDS", help="A section of its own."
    ),
)
LANGUAGE = language_option("Of the cards: zh-Hant, ja, ko, en...; again for one more.  [default: zh-Hans]")
ONE_LANGUAGE = language_option("Whose site, where it is made in several.  [default: the first one's]")
ENGINE = (
    click.option("--service", envvar="DIGEST_SERVICE", help="deepseek, openai, qwen, ollama...: sets what you do not."),
    click.option("--model", envvar="DIGEST_MODEL", help="Name of the model at the service."),
    click.option("--base-url", envvar="OPENAI_BASE_URL", help="Its address, up to /v1."),
    click.option("--engine", envvar="DIGEST_ENGINE", help='chat, batch, cluster, echo, local or "module:attribute".'),
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
    "service": "engine.service",
    "concurrency": "engine.concurrency",
    "patience": "patience_minutes",
}
#: environment -> config key, for what no flag of the command takes
VARIABLES = {
    "DIGEST_ARXIV_API": "arxiv.api",
    "DIGEST_ARXIV_RSS": "arxiv.rss",
    "DIGEST_ARXIV_OAI": "arxiv.oai",
    "DIGEST_MODEL": "engine.model",
    "DIGEST_SERVICE": "engine.service",
    "DIGEST_SITE_URL": "site_url",
    "DIGEST_README": "readme",
    "OPENAI_BASE_URL": "engine.base_url",
}


def options(*groups: tuple[Callable[[Command], Command], ...]) -> Callable[[Command], Command]:
    """A decorator that gives a command several groups of options."""

    def decorate(command: Command) -> Command:
        for option in reversed([one for group in groups for one in group]):
            command = option(command)
        return command

    return decorate


def exclusive(given: dict[str, Any], **flags: str) -> None:
    """Refuse a call that uses two of the flags."""
    if len(used := [flag for name, flag in flags.items() if given[name]]) > 1:
        raise click.UsageError(f"{' and '.join(used)} exclude each other.")


def configured(given: dict[str, Any]) -> "Config":
    """The configuration of this call, with logging set up as it asks."""
    from .config import load

    set_up_logging(given)
    if trouble := click.get_current_context().meta.get(TROUBLE):
        raise trouble
    settings: dict[str, Any] = {key: os.environ[name] for name, key in VARIABLES.items() if os.environ.get(name)}
    settings |= {KEYS[name]: given[name] for name in KEYS if given.get(name) not in (None, (), "")}
    config = load(given["config_file"], settings, {"HOME": home()} | os.environ)
    hide(config.hidden, given)
    return config.with_keywords(given.get("keywords", ()))


def key_variable(config: "Config") -> str | None:
    """The environment variable that holds the key in use; None: there is no key."""
    names = (config.engine.api_key_env, "OPENAI_API_KEY") if config.api_key else ()
    return next((name for name in names if os.environ.get(name, "").strip()), None)


def set_up_logging(given: dict[str, Any]) -> None:
    """Log to standard error in the form and measure asked for."""
    said_more = max(given["verbose"], int(given["log_form"] != "short"))
    level = logging.ERROR if given["quiet"] else (logging.WARNING, logging.INFO, logging.DEBUG)[min(said_more, 2)]
    logging.basicConfig(handlers=[logs.handler(given["log_form"])])
    logging.getLogger("digest").setLevel(level)


def hide(hidden: Iterable[str], given: dict[str, Any]) -> None:
    """Keep secrets out of the log from now on."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stderr:
            logging.getLogger().removeHandler(handler)
            logging.getLogger().addHandler(logs.handler(given["log_form"], hidden))


def up_to_date(given: dict[str, Any], *, pages: bool = False) -> "Config":
    """As `configured`, with what other drivers have made in the folders, if a store is shared; with `pages`, theirs."""
    config = configured(given)
    if config.store_url:
        from . import shared

        shared.pull_sites(config, asked=bool(given["language"]), pages=pages)
    return config


def on_this_machine(config: "Config") -> None:
    """Say that a command looks at the replies on this machine alone, where others are in a shared store."""
    if config.store_url:
        say(f"Of replies, only those in {config.cache} are looked at, not those in the store of DIGEST_STORE.")


def in_one_language(given: dict[str, Any], *, pages: bool = False) -> "Config":
    """As `up_to_date`, for a command that looks at the site of one language."""
    from . import sites

    return sites.one(up_to_date(given, pages=pages), asked=bool(given["language"]))


def each_site(given: dict[str, Any], announced: date | None = None, *, pages: bool = False) -> "list[Config]":
    """The configuration of the language asked for, or of each that has editions, or one of a date."""
    from . import sites

    if given["language"]:
        return [in_one_language(given, pages=pages)]
    return sites.made(up_to_date(given, pages=pages), announced)


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


def width() -> int:
    """Characters in a line of the terminal; 100 where standard output is none."""
    import shutil

    return max(60, shutil.get_terminal_size((100, 24)).columns) if sys.stdout.isatty() else 100


def watched() -> bool:
    """Whether somebody reads standard error on a terminal."""
    return sys.stderr is not None and sys.stderr.isatty()  # None: started without one


def coloured() -> bool:
    """Whether standard output is a terminal; what colours it knows, and whether any are wanted, rich finds out."""
    return sys.stdout.isatty()


def show(given: dict[str, Any], record: object, text: str) -> None:
    """Print a result: as one line of JSON where asked, else as text."""
    import json

    try:
        if given["as_json"]:
            click.echo(visible_json(json.dumps(record, ensure_ascii=False, default=str)))
        else:
            click.echo(visible(text, colours=True))
    except BrokenPipeError:
        raise  # click ends quietly
    except OSError as error:
        raise OutputError(error.strerror) from error


@contextmanager
def progress(given: dict[str, Any]) -> "Iterator[Watch]":
    """Yield what the stages report to: a display that goes away on a terminal, nothing elsewhere."""
    if given["quiet"] or not watched():
        from .hooks import unwatched

        yield unwatched
        return
    from .terminal import live_progress

    with live_progress() as watch:
        yield watch


@contextmanager
def telling(given: dict[str, Any]) -> "Iterator[Tell]":
    """Yield what a backfill tells how far it is: a display on a terminal, nothing elsewhere."""
    if given["quiet"] or not watched():
        yield lambda _: None
        return
    from .backfill_display import live

    with live() as tell:
        yield tell
