"""`digest verify` and `digest prune`: does all that is kept agree, and what of it can go.

Each parses, calls one function and prints one result. Heavy imports happen on use.
"""

import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from .console import ONE_LANGUAGE, SHARED, configured, each_site, now, on_this_machine, options, progress, show
from .errors import ConfigError, RecordError
from .plaintext import counted

if TYPE_CHECKING:
    from .findings import Finding
    from .leftovers import Leftover
    from .prune import Unused
    from .verify import Report

NAMED = 20  #: places named on a terminal; --json has all


@click.command()
@click.option("--quick", is_flag=True, help="Make no page to compare: look only whether each is there and not too old.")
@options(ONE_LANGUAGE, SHARED)
def verify(quick: bool, **given: Any) -> None:
    """Hold editions, pages, cache and delivery marks against each other, and say what mends what is wrong."""
    from . import verify as all_kept

    with progress(given) as watch:
        sites = each_site(given)
        on_this_machine(sites[0])
        found = all_kept.verify(sites, now, time.time(), watch, quick=quick)
    record = {
        "sound": not found.faults,
        "editions": found.editions,
        "pages": found.pages,
        "findings": [asdict(one) for one in found.findings],
    }
    show(given, record, report_text(found))
    if found.faults:
        raise RecordError(f"{counted(found.faults, 'fault')}: not all that is kept agrees")


def report_text(found: "Report") -> str:
    """What was found: a line and its mend for each, then the sum."""
    from .findings import grouped

    lines = [line for one, others in grouped(found.findings) for line in finding_lines(one, others)]
    looked = f"{counted(found.editions, 'edition')}, {counted(found.pages, 'page')}"
    notes = len(found.findings) - found.faults
    said = ", ".join(filter(None, [_some(found.faults, "fault"), _some(notes, "note")])) or "all agrees"
    return "\n".join([*lines, f"{looked}: {said}"])


def _some(number: int, noun: str) -> str:
    return counted(number, noun) if number else ""


def finding_lines(one: "Finding", others: tuple[str, ...]) -> list[str]:
    """A finding, and where else it was made."""
    lines = [f"{one.kind}: {one.place}: {one.fact}"]
    lines += [f"      {place}" for place in others[: NAMED - 1]]
    lines += [f"      and {len(others) - NAMED + 1:,} more"] if len(others) >= NAMED else []
    return lines + ([f"      mend: {one.mend}"] if one.mend else [])


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would go and how much room that is; remove nothing.")
@click.option("--replies-unused", is_flag=True, help="Paid replies, too, that no saved edition names.")
@click.option(
    "--older-than",
    type=click.IntRange(1, 36_500),
    metavar="DAYS",
    help="How old such replies, and what a repair of the cache put aside, must be.  [default: 90, of what is aside]",
)
@click.option("--yes", is_flag=True, help="Remove unused replies without asking.")
@options(SHARED)
def prune(dry_run: bool, replies_unused: bool, older_than: int | None, yes: bool, **given: Any) -> None:
    """Remove what nothing needs; never editions or delivery marks, and replies only if told."""
    from . import prune as needless

    if replies_unused and older_than is None:
        raise click.UsageError("--replies-unused needs --older-than DAYS.")
    config = configured(given)
    on_this_machine(config)
    with progress(given) as watch:
        plan = needless.plan(config, now, time.time(), watch, older_than=older_than, replies=replies_unused)
    if plan.unused and not dry_run:
        confirm(plan.unused, yes)
    if not dry_run:
        with progress(given) as watch:
            plan = needless.carry_out(config, plan, watch)
    record = {
        "dry_run": dry_run,
        "removed": [{"path": str(one.path), "what": one.what, "bytes": one.size} for one in plan.leftovers],
        "bytes": plan.size,
        "replies": plan.unused.record() if plan.unused else None,
    }
    show(given, record, plan_text(plan.leftovers, plan.unused, plan.size, dry_run=dry_run))


def confirm(unused: "Unused", yes: bool) -> None:
    """Go on only if told to: what was paid for is lost."""
    click.echo(unused_text(unused), err=True)
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError("nothing was removed: paid replies go only when told so", hint="--yes says so")
    click.confirm("Remove them for good?", abort=True, err=True)


def unused_text(unused: "Unused") -> str:
    """How many replies no edition names, and what they cost."""
    from .money import sum_in_words

    cost = sum_in_words(unused.bills) or "no money"
    return (
        f"{counted(unused.count, 'reply', 'replies')} that no edition below {unused.where} names, of"
        f" {unused.oldest:%Y-%m-%d} to {unused.newest:%Y-%m-%d}; they cost {cost}."
        " Another site with the same cache may still need them."
    )


def plan_text(some: "tuple[Leftover, ...]", unused: "Unused | None", size: int, *, dry_run: bool) -> str:
    """What went, or would go, by kind."""
    kinds: dict[str, list[Leftover]] = {}
    for one in some:
        kinds.setdefault(one.what, []).append(one)
    lines = []
    for what, all_of_it in kinds.items():
        lines += [f"{what}: {len(all_of_it):,}", *(f"  {one.path}" for one in all_of_it[:NAMED])]
        lines += [f"  and {len(all_of_it) - NAMED:,} more"] if len(all_of_it) > NAMED else []
    if unused:
        lines.append(f"replies that no edition names: {unused.count:,}")
    if not lines:
        return "nothing is there that nothing needs"
    return "\n".join([*lines, f"{size:,} bytes {'would be freed' if dry_run else 'freed'}"])
