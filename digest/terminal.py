"""Results as text for a terminal and as records for --json, and the live display of a run.

Makes strings and plain values; cli.py prints them.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import accounts, money, report
from .hooks import TOKENS
from .models import FIELDS, Edition, Entry, Reason
from .plaintext import counted
from .tex import plain

if TYPE_CHECKING:
    from .hooks import Watch
    from .overview import Estimate
    from .pipeline import Outcome

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
    """The result of a run: what is beside it, what to do, and as the last line all that counts."""
    if done.edition is None:
        return "\n".join([*_unfilled(done.gaps), done.message or ""])
    counts = report.ledger(done.edition)
    bills = list(done.bills)
    tokens = accounts.tokens(bills)
    page = output / done.announced.isoformat() / "index.html"
    facts = [
        f"{done.announced}: {balance(counts)}",
        counted(done.sent, "request"),
        *([money.sum_in_words(bills)] if bills else []),
        f"{done.seconds:.1f} s",
        *_delivered(done),
        str(page) if page.exists() else "no page: no card is there yet",
    ]
    beside = " · ".join([*_beside(counts), *tokens])
    lines = [*filter(None, [beside]), *_mends(done.edition, output), *_unfilled(done.gaps), " · ".join(facts)]
    return "\n".join(lines)


def _delivered(done: "Outcome") -> Iterator[str]:
    if done.marks:
        yield f"delivered to {sum(mark.is_settled for mark in done.marks)} of {counted(len(done.marks), 'receiver')}"


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
        "deliveries": [mark.model_dump(mode="json", exclude={"message_id"}) for mark in done.marks],
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
        shown = ""

        def watch(stage: str, done: int, total: int) -> None:
            nonlocal shown
            if stage == TOKENS:
                if shown:
                    display.update(tasks[shown], description=f"{shown} · {done:,} tokens · {total}/s")
                return
            if stage not in tasks:
                tasks[stage] = display.add_task(stage, total=None)
            if stage != shown:
                for name, task in tasks.items():
                    display.update(task, visible=name == stage)
                shown = stage
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
            lines.append(f"    {plain(entry.card.tldr) if entry.card else '; '.join(entry.problems)}{_drafted(entry)}")
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
        lines += [_drafted(entry).strip()] if entry.is_draft else []
    lines += _history(entry)
    return "\n".join([*lines, "", f"Abstract: {plain(paper.abstract)}", f"https://arxiv.org/abs/{paper.arxiv_id}"])


def _drafted(entry: Entry) -> str:
    return " (draft of the small model on this machine)" if entry.is_draft else ""


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
