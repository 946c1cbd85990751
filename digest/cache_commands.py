"""The commands of the cache: what is kept, out to a file, in from one, whether it can be relied on.

Each parses, calls one function and prints one result. Heavy imports happen on use.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .console import SHARED, configured, now, on_this_machine, options, progress, say, show
from .errors import RecordError
from .plaintext import counted

if TYPE_CHECKING:
    from .cache_check import Findings
    from .cache_repair import Repair
    from .cache_rows import Stock
    from .cache_transfer import Imported
    from .config import Config
    from .engines.shared_shelf import SharedReplies
    from .hooks import Watch

NAMED = 20  #: lines or rows named on a terminal; --json has more


@click.group(invoke_without_command=True)
@options(SHARED)
@click.pass_context
def cache(ctx: click.Context, /, **given: Any) -> None:
    """Print what is kept of paid replies; export, import and verify it."""
    ctx.obj = given
    if ctx.invoked_subcommand is None:
        print_stock(given)


def replies(number: int) -> str:
    """A number of replies."""
    return counted(number, "reply", "replies")


def merged(given: dict[str, Any]) -> dict[str, Any]:
    """The flags of a command, with those that stood before its name."""
    context = click.get_current_context()
    group = context.parent
    said = click.core.ParameterSource.COMMANDLINE
    before = {name: value for name, value in context.obj.items() if group and group.get_parameter_source(name) is said}
    here = {name: value for name, value in given.items() if context.get_parameter_source(name) is said}
    return given | before | here


@cache.command()
@options(SHARED)
def stats(**given: Any) -> None:
    """Print how many replies there are, of which models and from when."""
    print_stock(merged(given))


def print_stock(given: dict[str, Any]) -> None:
    """Print what is kept."""
    from . import cache_rows

    config = configured(given)
    with progress(given) as watch, replies_of(config) as kept:
        place = getattr(kept, "place", str(kept))
        found = cache_rows.stock(kept, watch) if isinstance(kept, Path) else shared_stock(kept, watch)
    models = [asdict(one) for one in sorted(found.models.values(), key=lambda one: -one.replies)]
    record = {"folder": place, **asdict(found), "models": models}
    show(given, record, stock_text(found, place))


@contextmanager
def replies_of(config: "Config") -> "Iterator[Path | SharedReplies]":
    """Where replies are kept: the folder, or the database that several drivers share."""
    if config.store_url is None:
        yield config.cache
        return
    from .backends import open_shared

    with open_shared(config) as shared:
        yield shared


def shared_stock(kept: "SharedReplies", watch: "Watch") -> "Stock":
    """What is kept in a database."""
    from . import cache_rows, cache_transfer

    found = cache_rows.Stock(size=kept.size())
    with cache_transfer.replies_in(kept, watch, found) as replies:
        for _, reply in replies:
            found.add(reply)
    return found


def stock_text(found: "Stock", folder: str) -> str:
    """What is kept, a line a model."""
    lines = [f"{replies(found.replies)} in {folder}, {found.size / 1e6:.1f} MB"]
    for one in sorted(found.models.values(), key=lambda one: -one.replies):
        when = f"{one.oldest:%Y-%m-%d} to {one.newest:%Y-%m-%d}"
        tokens = f"{one.prompt_tokens:,} tokens in, {one.completion_tokens:,} out"
        lines.append(f"  {one.model} ({one.engine}): {replies(one.replies)}, {when}, {tokens}")
    if found.unreadable:
        unreadable = counted(found.unreadable, "row is no reply", "rows are no replies")
        lines.append(f"{unreadable} of ours: digest cache verify says why")
    return "\n".join(lines)


@cache.command(name="export")
@click.argument("file")
@options(SHARED)
def export_command(file: str, **given: Any) -> None:
    """Write every reply to FILE as a line of JSON; zipped where it ends in .gz, - is standard output."""
    from . import cache_transfer

    given = merged(given)
    config = configured(given)
    with progress(given) as watch, replies_of(config) as kept:
        done = cache_transfer.export(kept, file, watch)
        place = getattr(kept, "place", str(kept))
    if file != "-":
        show(given, asdict(done), f"{replies(done.replies)} in {file}")
    elif not given["quiet"]:
        say(replies(done.replies))
    if done.unreadable:
        raise RecordError(
            f"{place}: {counted(done.unreadable, 'row is no reply', 'rows are no replies')} of ours, and stayed",
            hint="digest cache verify says why",
        )


@cache.command(name="import")
@click.argument("file")
@click.option("--replace", is_flag=True, help="Put them in the place of other replies to the same requests.")
@options(SHARED)
def import_command(file: str, replace: bool, **given: Any) -> None:
    """Take over the replies in FILE, which an export wrote; - is standard input. What is here stays."""
    from . import cache_transfer

    given = merged(given)
    config = configured(given)
    with progress(given) as watch, replies_of(config) as kept:
        done = cache_transfer.import_(kept, file, watch, replace=replace)
    show(given, asdict(done), import_text(done))
    if done.refused:
        raise RecordError(
            f"{file}: {counted(done.refused, 'line is no reply', 'lines are no replies')}",
            hint="the others have come in" if done.new + done.known + done.replaced else None,
        )


def import_text(done: "Imported") -> str:
    """What came in, and which lines did not."""
    counts = [f"{done.new:,} new", f"{done.known:,} known", f"{done.refused:,} refused"]
    counts += [f"{done.replaced:,} replaced"] if done.replaced else []
    counts += [f"{done.mended:,} in the place of damaged ones"] if done.mended else []
    lines = [f"  line {number}: {why}" for number, why in done.reasons[:NAMED]]
    return "\n".join([", ".join(counts), *lines, *more(done.refused - len(lines))])


def more(number: int) -> list[str]:
    """A line for what is not named."""
    return [f"  and {number:,} more"] if number > 0 else []


@cache.command()
@click.option("--repair", is_flag=True, help="Put what is damaged aside, and say what that costs.")
@options(SHARED)
def verify(repair: bool, **given: Any) -> None:
    """Look at every reply, at the file and its settings: is all of it as it was written?"""
    from . import cache_check, cache_repair

    given = merged(given)
    config = configured(given)
    on_this_machine(config)
    with progress(given) as watch:
        mended = cache_repair.repair(config.cache, now(), watch) if repair else None
        found = cache_check.verify(config.cache, watch)
    record = {"sound": found.sound, **asdict(found)}
    record |= {"repair": {**asdict(mended), "aside": list(map(str, mended.aside))}} if mended else {}
    show(given, record, "\n".join([*(repair_lines(mended) if mended else ()), *findings_lines(found)]))
    if not found.sound:
        raise RecordError(f"{config.cache}: not all of it is sound", hint="digest cache verify --repair")


def findings_lines(found: "Findings") -> list[str]:
    """What a look at everything found, a line a fault."""
    lines = [f"sound: {replies(found.replies)}, and the spending of {counted(found.days, 'day')}"]
    lines += [f"the file: {one}" for one in found.integrity]
    lines += [f"setting: {one}" for one in found.settings]
    lines += [f"in the database, but not ours: {one!r}" for one in found.objects]
    lines += [f"a file that nothing needs: {one}" for one in found.orphans[:NAMED]]
    lines += more(len(found.orphans) - NAMED)
    lines += [f"row {one.row}, {one.key[:16]}: {one.reason}" for one in found.faults[:NAMED]]
    return lines + more(found.damaged + found.foreign - NAMED)


def repair_lines(done: "Repair") -> list[str]:
    """What a repair did, and its price."""
    if done.removed is None:
        lines = ["the file is past reading and was begun anew: every reply in it may be asked again"]
    elif done.removed:
        price = counted(done.costs or 0, "request")
        lines = [f"put aside: {counted(done.removed, 'row')}, for at most {price} to be sent again"]
    else:
        lines = ["no row had to be put aside: nothing is asked again"]
    return lines + [f"  now in {path}" for path in done.aside]
