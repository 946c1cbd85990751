"""What is on file, as text for a terminal and as a record for --json: the newest day first, then all before it.

Makes strings and plain values out of what overview.py has found; reads nothing and prints nothing.
"""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from io import StringIO
from typing import TYPE_CHECKING, Any

from . import accounts, almanac, report, terminal
from .agenda import SAMPLE_DATE
from .models import Bill
from .plaintext import counted

if TYPE_CHECKING:
    from rich.table import Table

    from .overview import Delivery, Status

NEWEST = 14  #: dates in the tables
MOST = 20  #: papers without a card, and deliveries, in their tables
STYLES = {"■": "green", "▣": "yellow", "□": "red", "!": "bold red", "·": "dim"}


def text(found: "Status", width: int = 100, *, everything: bool = False, coloured: bool = False) -> str:
    """
    What is on file, for a terminal.

    Args:
        found: What there is.
        width: Of the terminal, in characters.
        everything: All dates in the tables, not the newest alone.
        coloured: Whether the terminal knows colours.
    """
    from rich.console import Console

    colours: dict[str, Any] = {"force_terminal": True} if coloured else {"no_color": True}
    screen = Console(
        file=StringIO(), width=max(width, 80), highlight=False, markup=False, legacy_windows=False, **colours
    )
    with screen.capture() as said:
        for part in _parts(found, width, None if everything else NEWEST):
            screen.print(part)
    return "\n".join(line.rstrip() for line in said.get().splitlines())


def _parts(found: "Status", width: int, most: int | None) -> Iterator[Any]:
    """Yield strings and tables in their order."""
    yield "\n".join(headlines(found))
    if found.editions:
        yield from _charts(found)
        yield _editions(found, most)
    if found.missing:
        yield _missing(found)
    yield from _deliveries(found)
    if found.spent:
        yield _spent(found, most)
        yield from accounts.chart(
            found.days if most is None else [day for day in found.days if day.replies][:most], width
        )
        yield _sums(found)
    yield _cache(found)
    yield from (f"damaged: {error}" for error in found.damaged)
    if found.gaps:
        yield terminal.gaps(found.gaps)


# ------------------------------------------------------------------------------------------ the newest day


def headlines(found: "Status") -> Iterator[str]:
    """Yield the state of the newest listing and of the newest edition: one line, or two where these differ."""
    real = [one for one in found.editions if one.announced_on != SAMPLE_DATE]
    if not found.editions:
        yield "no editions yet: digest run makes the newest (--category cs.CV where digest.toml names none)"
    if not real:
        return
    last, day = real[0], real[0].announced_on
    if found.newest and day < found.newest:
        yield f"{found.newest:%A} {found.newest}: no edition of the newest listing yet: digest run"
    yield f"{day:%A} {day}: {', '.join([*_state(last), *_arrival(found, day)])}"


def _state(one: report.Ledger) -> Iterator[str]:
    """Yield what became of a day's papers, as a reader at breakfast would put it."""
    yield counted(one.announced, "paper")
    if one.pending:
        yield f"{one.pending} without a card"
    if one.flagged:
        yield f"{one.flagged} flagged"
    if not (one.pending or one.flagged):
        yield "complete"
    if one.excluded:
        yield f"{one.excluded} kept out by your rules"


def _arrival(found: "Status", day: date) -> Iterator[str]:
    marks = [one.mark for one in found.deliveries if one.announced == day and one.configured]
    if had := [mark.receiver for mark in marks if mark.state == "sent"]:
        yield f"delivered to {', '.join(had)}"
    if lacking := [mark.receiver for mark in marks if not mark.is_settled]:
        yield f"not delivered to {', '.join(lacking)}"


# ------------------------------------------------------------------------------------------ charts and tables


def shelf(found: "Status") -> almanac.Shelf | None:
    """What there is of each date, for the charts; None where nothing is on file."""
    editions = {one.announced_on: one for one in found.editions if one.announced_on != SAMPLE_DATE}
    if not editions or found.newest is None:
        return None
    return almanac.Shelf(editions, found.gaps, found.unreadable, found.newest, found.holidays)


def _charts(found: "Status") -> Iterator[Any]:
    """Yield the calendar, coloured where the screen is, and the columns."""
    from rich.text import Text

    if there := shelf(found):
        calendar = Text("\n".join(["", *almanac.calendar(almanac.cells(there))]))
        for sign, style in STYLES.items():
            calendar.highlight_words([sign], style)
        yield calendar
        if lines := almanac.columns(almanac.recent(there)):
            yield "\n".join(["", *lines])


def _table(*columns: str) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in columns:
        left = name in ("date", "month", "categories", "model", "paper", "why", "receiver", "state", "last try")
        folds = name in ("categories", "model", "why")
        table.add_column(name, justify="left" if left else "right", overflow="fold", no_wrap=not folds)
    return table


def _more(number: int, what: str = "older: digest status --all") -> str:
    return f"and {number:,} {what}"


def _editions(found: "Status", most: int | None) -> "Table":
    rows, names = found.editions[:most], ["announced", "cross", "shown", "flagged", "pending"]
    names += ["excluded"] if any(one.excluded for one in rows) else []  # with it, 80 characters are not enough
    alike = len(rows) > 1 and len({one.categories for one in rows}) == 1
    table = _table("date", *([] if alike else ["categories"]), *names, "source")
    if alike:
        table.title, table.title_justify = f"\n{' '.join(rows[0].categories)}", "left"
    for one in rows:
        counts = (str(getattr(one, name)) for name in names)
        asked = [] if alike else [" ".join(one.categories)]
        table.add_row(str(one.announced_on), *asked, *counts, one.source)
    if most and len(found.editions) > most:
        table.caption, table.caption_justify = _more(len(found.editions) - most), "left"
    return table


def _missing(found: "Status") -> "Table":
    table = _table("date", "paper", "why")
    for one in found.missing[:MOST]:
        table.add_row(str(one.announced), one.arxiv_id, "; ".join(one.problems))
    if len(found.missing) > MOST:
        table.add_row("", "", _more(len(found.missing) - MOST, "more: digest status --json lists all"))
    return table


def unsettled(found: "Status") -> list["Delivery"]:
    """What did not reach a receiver that is still one, newest edition first."""
    return [one for one in found.deliveries if one.configured and not one.mark.is_settled]


def _deliveries(found: "Status") -> Iterator[Any]:
    """Yield how many editions were delivered, and what was not, with the mend."""
    sent = [one for one in found.deliveries if one.mark.state == "sent"]
    if sent:
        days, names = {one.announced for one in sent}, {one.mark.receiver for one in sent}
        yield f"delivered: {counted(len(days), 'edition')} to {counted(len(names), 'receiver')}"
    left = unsettled(found)
    if not left:
        return
    table = _table("date", "receiver", "state", "tries", "last try", "why")
    for one in left[:MOST]:
        mark = one.mark
        tried = f"{mark.at:%Y-%m-%d %H:%M} UTC"
        table.add_row(str(one.announced), mark.receiver, mark.state, str(mark.attempts), tried, mark.why)
    yield table
    mends = dict.fromkeys(f"digest deliver {one.announced} --to {one.mark.receiver}" for one in left)
    yield "\n".join(f"not delivered: {mend}" for mend in list(mends)[:MOST])
    if len(left) > MOST:
        yield _more(len(left) - MOST, "more: digest status --json lists all")


def _spent(found: "Status", most: int | None) -> "Table":
    table = _table("date", *SPENT)
    days = list(dict.fromkeys(one.announced_on for one in found.spent))
    for one in found.spent:
        if one.announced_on in days[:most]:
            table.add_row(str(one.announced_on), *_cells(one))
    if most and len(days) > most:
        table.caption, table.caption_justify = _more(len(days) - most), "left"
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


def _cache(found: "Status") -> str:
    size = f"{found.cache_bytes / 1e6:.1f} MB"
    if found.replies is None:
        return f"replies in {found.cache}, {size}, can't be counted" + (f": {found.trouble}" if found.trouble else "")
    return f"{found.replies:,} replies in {found.cache}, {size}"


# ------------------------------------------------------------------------------------------ for a machine


def record(found: "Status") -> dict[str, Any]:
    """The same for a machine; keys stay what they are."""
    there, left = shelf(found), unsettled(found)
    sent = [one for one in found.deliveries if one.mark.state == "sent"]
    return {
        "newest_listing": found.newest,
        "headlines": list(headlines(found)),
        "editions": [asdict(one) | {"by_rule": dict(one.by_rule)} for one in found.editions],
        "calendar": [asdict(cell) for cell in almanac.cells(there)] if there else [],
        "missing": [
            {"announced": one.announced, "arxiv_id": one.arxiv_id, "problems": one.problems} for one in found.missing
        ],
        "deliveries": {
            "editions": len({one.announced for one in sent}),
            "receivers": sorted({one.mark.receiver for one in sent}),
            "unsettled": [_delivery(one) for one in left],
            "marks": [_delivery(one) for one in found.deliveries],
        },
        "spent": [asdict(one) | {"money": one.cost} for one in found.spent],
        "spent_by_date": [asdict(one) for one in found.days],
        "spent_by_month": _bills((month, bills) for month, bills in _by_month(found) if month != "all"),
        "spent_in_all": _bills(report.summed(found.spent, lambda _: "all")).get("all", []),
        "cache": {
            "folder": str(found.cache),
            "replies": found.replies,
            "bytes": found.cache_bytes,
            "trouble": str(found.trouble) if found.trouble else None,
        },
        "damaged": [str(error) for error in found.damaged],
        "gaps": [str(day) for day in found.gaps],
    }


def _bills(groups: Any) -> dict[str, list[dict[str, Any]]]:
    return {name: [bill.model_dump() for bill in bills] for name, bills in groups}


def _delivery(one: "Delivery") -> dict[str, Any]:
    mark = one.mark.model_dump(exclude={"message_id"})
    return {"announced": one.announced, **mark, "configured": one.configured}
