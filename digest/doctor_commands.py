"""The command that looks at everything a night needs, and the lines in which it says what it found.

What is looked at, and what that means, is in doctor/. Heavy imports happen on use.
"""

import os
import platform
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import __version__
from .console import (
    CATEGORY,
    ENGINE,
    SHARED,
    TROUBLE,
    coloured,
    configured,
    home,
    language_option,
    now,
    options,
    progress,
    show,
    width,
)
from .errors import ConfigError
from .plaintext import counted

if TYPE_CHECKING:
    from .doctor import Check, Mark

SIGNS: "dict[Mark, str]" = {"ok": "✓", "note": "•", "wrong": "✗"}
STYLES = {"ok": "green", "note": "yellow", "wrong": "bold red"}
NAMES = 14  #: characters for what was looked at
WIDEST = 100  #: characters in a line
_WHOLE: Any = {"break_on_hyphens": False, "break_long_words": False}  # a path is copied


LANGUAGES = language_option("Those of the sites.  [default: all]")


@click.command()
@options(CATEGORY)
@click.option("--offline", is_flag=True, help="Leave out whatever needs a network.")
@options(LANGUAGES, ENGINE, SHARED)
def doctor(offline: bool, **given: Any) -> None:
    """Look at all that a night needs - settings, key, service, arXiv, disk, pages, mail - and say the mend."""
    found: list[Check] = []
    for check in checks(given, offline=offline):
        found.append(check)
        if not given["as_json"] and (check.mark != "ok" or not given["quiet"]):
            show(given, None, line(check, min(width(), WIDEST), colours=coloured()))
    from .doctor import exit_code

    code = exit_code(found)
    if given["as_json"]:
        show(given, record(found, code), "")
    elif not given["quiet"]:
        show(given, None, f"\n{summary(found)}")
    click.get_current_context().exit(code)


def checks(given: dict[str, Any], *, offline: bool) -> "Iterator[Check]":
    """Yield every check as soon as it is done; settings that can't be read are the last."""
    if zones := without_zones():
        yield zones
        return
    from .doctor import Check, Patient, failed, parts, scrubbed
    from .secrecy import Secrets

    yield Check("program", "ok", f"digest {__version__}, Python {platform.python_version()}, {platform.system()}")
    if trouble := click.get_current_context().meta.pop(TROUBLE, None):
        yield failed("secrets", trouble)
    try:
        config = configured(given)
        now()
    except ConfigError as error:
        yield from (failed("config", ConfigError(text, error.hint)) for text in str(error).splitlines())
        return
    environment = os.environ | ({"DIGEST_ENV_FILE": os.devnull} if trouble else {})  # it has had its line
    patient = Patient(config, now, offline, environment, Path(home() or "/"))
    secrets = Secrets(config.hidden)
    for name, examine in parts():
        with progress(given) as watch:
            watch(f"looking at: {name}", 0, 0)
            done = [scrubbed(check, secrets) for check in examine(patient)]
        yield from done


def without_zones() -> "Check | None":
    """What is wrong with the data of time zones, without which nothing else can be imported."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from .doctor import Check

    try:
        ZoneInfo("America/New_York")
    except ZoneInfoNotFoundError:
        return Check("calendar", "wrong", "this Python finds no time zones: no America/New_York", "pip install tzdata")
    return None


# ------------------------------------------------------------------------------------------ lines


def line(check: "Check", columns: int, *, colours: bool = False) -> str:
    """A check for a terminal: sign, name and fact, and below it the mend; lines of at most so many characters."""
    indent = " " * (NAMES + 3)
    first = f"{SIGNS[check.mark]} {check.name:<{NAMES}} "
    lines = textwrap.wrap(check.fact, columns, initial_indent=first, subsequent_indent=indent, **_WHOLE)
    mend = f"→ {check.mend}" if check.mend else ""
    mends = textwrap.wrap(mend, columns, initial_indent=indent, subsequent_indent=f"{indent}  ", **_WHOLE)
    return _in_colour(check, "\n".join([*lines, *mends]), columns) if colours else "\n".join([*lines, *mends])


def _in_colour(check: "Check", text: str, columns: int) -> str:
    from io import StringIO

    from rich.console import Console
    from rich.text import Text

    shown = Text(text, no_wrap=True)
    shown.stylize(STYLES[check.mark], 0, 1)
    shown.stylize("bold", 2, 2 + len(check.name))
    if "→ " in text:
        shown.stylize("cyan", text.index("→ "))
    screen = Console(file=StringIO(), force_terminal=True, width=columns + 1, highlight=False, legacy_windows=False)
    with screen.capture() as said:
        screen.print(shown)
    return "\n".join(one.rstrip() for one in said.get().splitlines())


def summary(found: "Sequence[Check]") -> str:
    """What all checks come to, in one line."""
    wrong = [check for check in found if check.mark == "wrong"]
    passing, notes = sum(check.passes for check in wrong), sum(check.mark == "note" for check in found)
    parts = [f"{len(wrong) - passing} to mend"] if len(wrong) > passing else []
    parts += [f"{passing} that may pass by itself"] if passing else []
    parts = parts or ["a night can run"]
    parts += [counted(notes, "note")] if notes else []
    return f"{counted(len(found), 'check')}: {', '.join(parts)}"


def record(found: "Sequence[Check]", code: int) -> dict[str, Any]:
    """The same for a machine; keys and the checks' names stay what they are."""
    counts = {str(mark): sum(check.mark == mark for check in found) for mark in SIGNS}
    return {"version": __version__, "exit_code": code, **counts, "checks": [asdict(check) for check in found]}
