"""`digest deliver`: an edition to its receivers by hand, a trial of each way, and what would be sent.

Parses, calls one function and prints one result; takes the lock of the output folder. Heavy imports happen on use.
"""

from collections.abc import Collection
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from .console import ONE_LANGUAGE, SHARED, configured, exclusive, in_one_language, now, options, show
from .errors import EX_TEMPFAIL, EX_USAGE, ConfigError, DeliveryError
from .parameters import Day
from .plaintext import counted

if TYPE_CHECKING:
    from .config import Config
    from .models import Edition
    from .postmarks import Postmark, Postmarks
    from .rehearsal import Parcel


@click.command()
@click.argument("announced", type=Day(), required=False, metavar="[DATE]")
@click.option(
    "--to", "names", multiple=True, help="A receiver's name in digest.toml; again for one more.  [default: all]"
)
@click.option("--again", is_flag=True, help="Also to those that have had it.")
@click.option("--test", "trial", is_flag=True, help="Send each receiver a short message, and say what came of it.")
@click.option("--dry-run", is_flag=True, help="Say what would go to whom; send nothing.")
@options(ONE_LANGUAGE, SHARED)
def deliver(announced: date | None, names: tuple[str, ...], **given: Any) -> None:
    """Send an edition to those who have not had it: of a date, or the newest."""
    exclusive(given | {"announced": announced}, trial="--test", announced="a date")
    exclusive(given, trial="--test", again="--again")
    exclusive(given, trial="--test", dry_run="--dry-run")
    config = configured(given) if given["trial"] else in_one_language(given)
    _known(config, names)
    if given["trial"]:
        _try(config, names, given)
        return
    edition = _edition(config, announced)
    names = _of_this_language(config, names)
    if given["dry_run"]:
        from . import rehearsal

        parcels = rehearsal.planned(config, edition, now, names, given["again"])
        record = {"announced": edition.announced, "language": edition.language, "to": [asdict(one) for one in parcels]}
        show(given, record, _planned(edition, parcels))
        return
    _send(config, edition, names, given)


def _send(config: "Config", edition: "Edition", names: Collection[str], given: dict[str, Any]) -> None:
    from . import delivery
    from .store import Store

    with Store(config.output).locked():
        marks = delivery.deliver(config, edition, now, names, again=given["again"])
    mine = [one for one in marks.marks if one.receiver in names]
    show(given, marks.model_dump(mode="json", by_alias=True), _delivered(marks, mine))
    if failed := [one for one in mine if not one.is_settled]:
        raise _failure([(one.receiver, one.why) for one in failed], lasts=any(one.is_lasting for one in failed))


def _try(config: "Config", names: Collection[str], given: dict[str, Any]) -> None:
    from . import rehearsal

    found = rehearsal.tried(config, now, names)
    record = [{"receiver": name, "ok": error is None, "error": error and str(error)} for name, error in found.items()]
    show(given, record, "\n".join(f"{name}: {error or 'ok'}" for name, error in found.items()))
    if failed := [(name, error) for name, error in found.items() if error]:
        lasts = any(error.exit_code == EX_USAGE for _, error in failed)
        raise _failure([(name, str(error)) for name, error in failed], lasts=lasts)


def _failure(failed: list[tuple[str, str]], *, lasts: bool) -> DeliveryError:
    """The one error for all who were not reached; one that lasts is for the user to mend."""
    named = "; ".join(f"{name}: {why}" for name, why in failed)
    error = DeliveryError(
        f"{counted(len(failed), 'receiver')} not reached: {named}", hint="digest deliver --test tries each way"
    )
    error.exit_code = EX_USAGE if lasts else EX_TEMPFAIL
    return error


def _known(config: "Config", names: Collection[str]) -> None:
    """
    Do nothing where all names are those of receivers.

    Raises:
        ConfigError: there is no receiver, or none of that name.
    """
    if not config.deliver:
        raise ConfigError("digest.toml names no receiver", hint="a table [[deliver]] with a name, and mail or url_env")
    known = [one.name for one in config.deliver]
    if unknown := [name for name in names if name not in known]:
        raise ConfigError(f"no receiver is called {unknown[0]!r}", hint=f"one of {', '.join(known)}")


def _edition(config: "Config", announced: date | None) -> "Edition":
    from .store import Store

    store = Store(config.output)
    day = announced or next(iter(store.dates()), None)
    edition = store.load(day) if day else None
    if edition is None:
        what = f"edition of {day}" if day else "edition"
        raise ConfigError(f"no {what} in {config.output}", hint="digest status lists the editions")
    return edition


def _of_this_language(config: "Config", names: Collection[str]) -> tuple[str, ...]:
    """The receivers meant: those named, or all, as far as they get the editions of this language."""
    from . import delivery

    mine = [one.name for one in delivery.receivers(config)]
    if others := [name for name in names if name not in mine]:
        raise ConfigError(f"{others[0]} does not get the editions in {config.language}", hint="name its --language")
    if not mine:
        raise ConfigError(
            f"nobody gets the editions in {config.language}", hint="see language and sends in [[deliver]]"
        )
    return tuple(name for name in mine if not names or name in names)


def _planned(edition: "Edition", parcels: "list[Parcel]") -> str:
    head = f"{edition.announced}, {edition.language}"
    return "\n".join(f"{head} to {_parcel(one)}" for one in parcels) or f"{head}: all have had it"


def _parcel(one: "Parcel") -> str:
    if one.error:
        return f"{one.receiver}: can't be sent: {one.error}"
    if not one.papers and not one.characters:
        return f"{one.receiver}: nothing in its sections"
    html = f", {one.html / 1000:,.0f} kB of HTML" if one.html else ""
    return f"{one.receiver}: {one.form}, {counted(one.papers, 'paper')}, {one.characters:,} characters{html}"


def _delivered(marks: "Postmarks", mine: "list[Postmark]") -> str:
    return "\n".join(f"{marks.announced} to {one.receiver}: {_outcome(one)}" for one in mine)


def _outcome(one: "Postmark") -> str:
    if one.state == "nothing":
        return "nothing in its sections"
    if one.state == "sent":
        return f"sent {one.at:%Y-%m-%d %H:%M} UTC"
    return f"not sent: {one.why}"
