"""Results as text for a terminal and as records for --json, and the live display of a run.

Makes strings and plain values; cli.py prints them.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import accounts, money, report
from .models import FIELDS, Bill, Edition, Entry, Reason
from .plaintext import counted
from .tex import plain

if TYPE_CHECKING:
    from rich.table import Table

    from .overview import Estimate, Status
    from .pipeline import Outcome, Watch

LABELS = {"tldr": "TL;DR", "motivation": "动机", "method": "方法", "result": "结果", "conclusion": "结论"}
MARKS = {"shown": " ", "flagged": "⚠", "pending": "…"}
EXACT = ("feed", "oai", "search")  #: sources of what was announced; files hold papers


# ------------------------------------------------------------------------------------------ run


def balance(counts: report.Ledger) -> str:
    """What became of every paper of a day, as a sum."""
    listed = f"{counts.announced} announced" if counts.source in EXACT else counted(counts.announced, "paper")
    return (
        f"{listed} = {counts.shown} shown + {counts.flagged} flagged"
        f" + {counts.pending} pending + {counts.excluded} excluded"
    )


def _beside(counts: report.Ledger) -> Iterator[str]:
    """Yield what the sum does not say: where papers are listed, which are no new ones, what keeps some out."""
    if counts.cross:
        yield f"{counts.primary} primary, {counts.cross} cross"
    if counts.replacements:
        yield counted(counts.replacements, "replacement")
    for rule, papers in counts.by_rule:
        yield f"{papers} by {rule!r}"


def gaps(days: Collection[date]) -> str:
    """
    Which listings have no edition, and what mends it.

    >>> gaps([date(2026, 3, 13), date(2026, 3, 12)])
    'no edition of 2026-03-12, 2026-03-13: digest run --since 2026-03-12'
    >>> gaps([date(2026, 3, day) for day in (9, 10, 11, 12)])
    'no edition of 2026-03-09 and 3 more dates up to 2026-03-12: digest run --since 2026-03-09'
    """
    first, last = min(days), max(days)
    named = (
        ", ".join(map(str, sorted(days))) if len(days) <= 3 else f"{first} and {len(days) - 1} more dates up to {last}"
    )
    return f"no edition of {named}: digest run --since {first}"


def outcome(done: "Outcome", output: Path) -> str:
    """The result of a run on a few lines: the sum, what it took, the page, what to do."""
    if done.edition is None:
        return "\n".join([done.message or "", *_unfilled(done.gaps)])
    counts = report.ledger(done.edition)
    took = [*_beside(counts), counted(done.sent, "request"), *accounts.took(done.bills), f"{done.seconds:.1f} s"]
    page = output / done.announced.isoformat() / "index.html"
    lines = [f"{done.announced}: {balance(counts)}", " · ".join(took)]
    lines += [str(page) if page.exists() else "no page: no card is there yet"]
    return "\n".join([*lines, *_mends(done.edition, output), *_unfilled(done.gaps)])


def _unfilled(days: Collection[date]) -> list[str]:
    return [gaps(days)] if days else []


def _mends(edition: Edition, output: Path) -> Iterator[str]:
    """Yield what to do about cards that are missing: a service that failed may answer, a bad answer stays one."""
    failed = sum(any(problem.startswith("engine:") for problem in entry.problems) for entry in report.missing(edition))
    if failed:
        yield f"{failed} without an answer: run the same command again"
    if unusable := edition.count("pending") - failed:
        # The site of a further language is a folder of its own, named after it.
        where = f" --language {edition.language}" if output.name == edition.language else ""
        yield (
            f"{unusable} without a usable answer: digest regenerate{where} ARXIV_ID asks anew; "
            f"digest status{where} says why"
        )


COUNTS = ("announced", "primary", "cross", "shown", "flagged", "pending", "excluded", "replacements")


def outcome_record(done: "Outcome") -> dict[str, Any]:
    """The same for a machine."""
    record: dict[str, Any] = {
        "announced": done.announced.isoformat(),
        "message": done.message,
        "gaps": [str(day) for day in done.gaps],
    }
    if done.edition is None:
        return record
    counts = report.ledger(done.edition)
    return record | {
        "counts": {name: getattr(counts, name) for name in COUNTS},
        "by_rule": dict(counts.by_rule),
        "categories": done.edition.categories,
        "language": done.edition.language,
        "source": done.edition.source,
        "notes": done.edition.notes,
        "requests": done.sent,
        "paid": [bill.model_dump() for bill in done.bills],
        "seconds": round(done.seconds, 3),
        "written": done.written,
    }


def estimate(found: "Estimate") -> str:
    """What a run would take."""
    if not found.requests:
        return f"{found.announced}: {counted(found.papers, 'paper')}, nothing to ask"
    tokens = f"about {found.prompt_tokens:,} tokens in and {found.completion_tokens:,} out"
    cost = "price unknown" if found.money is None else f"about {money.in_words(found.money, found.currency)}"
    return (
        f"{found.announced}: {counted(found.papers, 'paper')}, {counted(found.requests, 'request')}, {tokens}, {cost}"
    )


def estimates(found: "Sequence[Estimate]", total: "Estimate") -> str:
    """What estimates rest on, below them, and for several of them their sum."""
    dates = [f"together: {estimate(total).partition(': ')[2]}"] if len(found) > 1 else []
    if not total.requests:
        return "\n".join(dates)
    if total.price is None:
        mend = f'[prices."{total.model}"] in digest.toml: input, cached, output and currency, for a million tokens'
        return "\n".join([*dates, f"no price of {total.model} is known: {mend}"])
    return "\n".join(
        [
            *dates,
            f"price of {accounts.price(total.price, total.model)}",
            "without repairs; what the service has in its own cache costs less",
        ]
    )


def estimate_record(found: "Estimate") -> dict[str, Any]:
    """The same for a machine."""
    return asdict(found)


@contextmanager
def live_progress() -> "Iterator[Watch]":
    """Yield a watcher that draws one bar a stage on standard error and removes it at the end."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as display:
        tasks: dict[str, Any] = {}

        def watch(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                for earlier in tasks.values():
                    display.update(earlier, visible=False)
                tasks[stage] = display.add_task(stage, total=None)
            display.update(tasks[stage], completed=done, total=total or None)

        yield watch


# ------------------------------------------------------------------------------------------ show


def contents(edition: Edition) -> str:
    """A day's table of contents: its sections, each paper with its TL;DR or why it has none."""
    counts = report.ledger(edition)
    lines = [f"{edition.announced}: {balance(counts)}", *filter(None, [" · ".join(_beside(counts))])]
    lines += [f"note: {note}" for note in edition.notes]
    number = 0
    by_id = {entry.paper.arxiv_id: entry for entry in edition.entries}
    for section in edition.sections:
        lines += ["", f"{section.title} [{len(section.arxiv_ids)}]"]
        for arxiv_id in section.arxiv_ids:
            entry = by_id[arxiv_id]
            number += 1
            lines.append(f"{MARKS[entry.state]}[{number}] {plain(entry.paper.title)} ({arxiv_id})")
            lines.append(f"    {plain(entry.card.tldr) if entry.card else '; '.join(entry.problems)}")
    return "\n".join([*lines, *_replacements(edition), *_excluded(edition)])


def _replacements(edition: Edition) -> Iterator[str]:
    if edition.replacements:
        yield f"\nreplacements [{len(edition.replacements)}]"
    for entry in edition.replacements:
        mark = MARKS[entry.state] if entry.card else " "
        yield f"{mark}{_version(entry)} {plain(entry.paper.title)} ({entry.paper.arxiv_id})"
        yield from (f"    {plain(line)}" for line in (entry.change.note if entry.change else ()))


def _excluded(edition: Edition) -> Iterator[str]:
    if edition.excluded:
        yield f"\nexcluded [{len(edition.excluded)}]"
    for entry in edition.excluded:
        yield f"-{plain(entry.paper.title)} ({entry.paper.arxiv_id}) · {entry.excluded_by}"


def _version(entry: Entry) -> str:
    """The version, and for a replacement the one that it is held against."""
    return f"v{entry.paper.version}" + (f" ← v{entry.change.from_version}" if entry.change else "")


def card(entry: Entry, edition: Edition) -> str:
    """One card, or the abstract with the reason why there is none."""
    paper = entry.paper
    state = "excluded" if entry.excluded_by else entry.state
    lines = [
        f"{paper.arxiv_id}v{paper.version} · {' '.join(paper.categories)} · {edition.announced} · {state}",
        plain(paper.title),
        ", ".join(map(plain, paper.authors)),
    ]
    lines += [plain(paper.comment)] if paper.comment else []
    lines += _place(entry)
    lines += [f"{MARKS['flagged']} {problem}" for problem in entry.problems if not entry.excluded_by]
    if entry.card:
        lines += ["", *(f"{LABELS[name]}: {plain(getattr(entry.card, name))}" for name in FIELDS)]
    lines += _history(entry)
    return "\n".join([*lines, "", f"Abstract: {plain(paper.abstract)}", f"https://arxiv.org/abs/{paper.arxiv_id}"])


def _history(entry: Entry) -> Iterator[str]:
    """Yield where the card and those before it come from, newest first, where there is more than one."""
    if entry.earlier:
        yield ""
    for nth, one in enumerate([*filter(None, [entry.card]), *reversed(entry.earlier)] if entry.earlier else []):
        origin = one.origin
        hint = f" · hint: {origin.hint}" if origin.hint else ""
        name = "this card" if nth == 0 and entry.card else "earlier"
        yield f"{name}: {origin.created:%Y-%m-%d %H:%M} UTC · {origin.model}{hint}"
        if name == "earlier":
            yield f"  TL;DR: {plain(one.tldr)}"


def _place(entry: Entry) -> Iterator[str]:
    """Yield why a paper stands in the edition, or what keeps it out, and what it has to do with earlier ones."""
    if entry.excluded_by:
        yield f"kept out by {entry.excluded_by!r}"
    if entry.why:
        yield "why: " + ", ".join(map(_reason, entry.why))
    if entry.first_announced:
        yield f"first announced: {entry.first_announced}"
    if change := entry.change:
        parts = [
            name for name, is_so in (("title", change.title_changed), ("abstract", change.abstract_changed)) if is_so
        ]
        yield f"{_version(entry)} of {change.announced}: {' and '.join(parts) or 'neither title nor abstract'} changed"
        yield from (f"  {plain(line)}" for line in change.note)


def _reason(reason: Reason) -> str:
    return f"{'primary' if reason.kind == 'category' else reason.kind} {reason.value}"


# ------------------------------------------------------------------------------------------ status


def status(found: "Status", without: Collection[date] = (), width: int = 100) -> str:
    """What is on file, for a terminal `width` characters wide, and the listing dates that are `without` an edition."""
    from rich.console import Console

    parts: list[Any] = [_editions(found)] if found.editions else ["no editions yet: digest run --category cs.CV"]
    if found.missing:
        parts += [_missing(found)]
    if found.spent:
        parts += [_spent(found), *accounts.chart(found.days, width), _sums(found)]
    parts += [f"{found.replies:,} replies in {found.cache}, {found.cache_bytes / 1e6:.1f} MB"]
    parts += [f"damaged: {error}" for error in found.damaged]
    parts += _unfilled(without)
    screen = Console(file=StringIO(), width=max(width, 80), no_color=True, highlight=False, markup=False)
    with screen.capture() as text:
        for part in parts:
            screen.print(part)
    return "\n".join(line.rstrip() for line in text.get().splitlines())


def _table(*columns: str) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        left = name in ("date", "month", "categories", "model", "paper", "why")
        table.add_column(name, justify="left" if left else "right", overflow="fold")
    return table


def _editions(found: "Status") -> "Table":
    names = ("announced", "cross", "shown", "flagged", "pending", "excluded")
    table = _table("date", "categories", *names, "source")
    for one in found.editions:
        counts = (str(getattr(one, name)) for name in names)
        table.add_row(str(one.announced_on), " ".join(one.categories), *counts, one.source)
    return table


def _missing(found: "Status") -> "Table":
    table = _table("date", "paper", "why")
    for day, entry in found.missing[:20]:
        table.add_row(str(day), entry.paper.arxiv_id, "; ".join(entry.problems))
    if len(found.missing) > 20:
        table.add_row("", "", f"and {len(found.missing) - 20} more: digest status --json lists all")
    return table


def _spent(found: "Status") -> "Table":
    table = _table("date", *SPENT)
    for one in found.spent:
        table.add_row(str(one.announced_on), *_cells(one))
    return table


def _sums(found: "Status") -> "Table":
    """Tokens and money by month and model, and of all."""
    table = _table("month", *SPENT)
    for month, bills in _by_month(found):
        for bill in bills:
            table.add_row(month, *_cells(bill))
    return table


SPENT = ("model", "replies", "tokens in", "cached", "tokens out", "money")


def _cells(one: report.Spent | Bill) -> tuple[str, ...]:
    model = f"{one.model} ({one.engine})" if one.engine == "batch" else one.model
    counts = (one.replies, one.prompt_tokens, one.cached_tokens, one.completion_tokens)
    return model, *(f"{n:,}" for n in counts), accounts.amount(one)


def _by_month(found: "Status") -> Iterator[tuple[str, tuple[Bill, ...]]]:
    yield from report.summed(found.spent, lambda row: f"{row.announced_on:%Y-%m}")
    yield from report.summed(found.spent, lambda _: "all")


def status_record(found: "Status", without: Collection[date] = ()) -> dict[str, Any]:
    """The same for a machine."""
    return {
        "editions": [asdict(one) | {"by_rule": dict(one.by_rule)} for one in found.editions],
        "missing": [_missing_record(day, entry) for day, entry in found.missing],
        "spent": [asdict(one) | {"money": one.cost} for one in found.spent],
        "spent_by_date": [asdict(one) for one in found.days],
        "spent_by_month": {
            month: [bill.model_dump() for bill in bills] for month, bills in _by_month(found) if month != "all"
        },
        "spent_in_all": [
            bill.model_dump() for _, bills in report.summed(found.spent, lambda _: "all") for bill in bills
        ],
        "cache": {"folder": str(found.cache), "replies": found.replies, "bytes": found.cache_bytes},
        "damaged": [str(error) for error in found.damaged],
        "gaps": [str(day) for day in without],
    }


def _missing_record(day: date, entry: Entry) -> dict[str, Any]:
    return {"announced": day, "arxiv_id": entry.paper.arxiv_id, "problems": entry.problems}
