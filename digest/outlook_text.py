"""The plan of a backfill as text for a terminal.

Pure: numbers in, lines out; outlook.py reckons them, backfill_commands.py prints them.
"""

from collections.abc import Iterator, Sequence

from . import accounts, money
from .measures import duration, rounded, size
from .outlook import REPLY_SECONDS, Outlook, Share
from .plaintext import counted


def text(found: Outlook, notes: Sequence[str] = ()) -> str:
    """
    What a backfill takes: a line for each kind of thing, then what that rests on.

    Args:
        found: The numbers.
        notes: More to know before it starts, a line each: such as `outlook.budget_words`.
    """
    rows = list(_rows(found))
    width = max(len(name) for name, _ in rows)
    lines = [f"  {name:<{width}}  {said}" for name, said in rows]
    return "\n".join([_headline(found), *lines, *_rests_on(found), *(f"note: {note}" for note in notes)])


def _headline(found: Outlook) -> str:
    days = f"{found.first} to {found.last}" if found.dates > 1 else str(found.first)
    several = f", {counted(found.editions, 'edition')} in {len(found.languages)} languages"
    return f"plan: {counted(found.dates, 'date')}, {days}{several if len(found.languages) > 1 else ''}"


def _rows(found: Outlook) -> Iterator[tuple[str, str]]:
    about = "" if found.is_exact else "about "
    number = "{:,}".format if found.is_exact else rounded
    yield "papers", about + number(found.papers)
    yield "requests", about + number(found.requests) if found.requests else "none: all is there or in the cache"
    if len(found.languages) > 1:
        yield from ((f"  {one.language}", _share(one, found)) for one in found.languages)
    if found.requests:
        yield "tokens", f"about {rounded(found.prompt_tokens)} in, {rounded(found.completion_tokens)} out"
        yield "money", _money(found)
        yield "time", _time(found)
    if found.from_arxiv and found.collecting_requests:
        asked = f"{found.collecting_requests:,} requests to arXiv at most"
        yield "collecting", f"{duration(found.collecting_seconds)} beside it: {asked}"
    parts = (("editions", found.edition_bytes), ("pages", found.page_bytes), ("replies", found.reply_bytes))
    yield "disk", f"about {size(found.disk_bytes)}: " + ", ".join(f"{name} {size(one)}" for name, one in parts if one)


def _share(one: Share, found: Outlook) -> str:
    cost = "" if one.money is None else f", {money.in_words(one.money, found.currency)}"
    return f"{counted(one.dates, 'date')}, {rounded(one.requests)} requests{cost}"


def _money(found: Outlook) -> str:
    if found.money is None:
        return f"unknown: no price of {found.model} is known"
    half = ", half of the full price as a batch" if found.engine == "batch" else ""
    return f"about {money.in_words(found.money, found.currency)}{half if found.money else ''}"


def _time(found: Outlook) -> str:
    if found.seconds is None:
        return "within a day of each batch, as the service promises"
    if not found.per_minute:
        return "none to speak of"
    where = f" at {found.endpoints} endpoints" if found.endpoints > 1 else ""
    pace = f"{found.per_minute:,.0f} requests a minute{where} ({', '.join(found.held_by)})"
    return f"about {duration(found.seconds)}: {pace}"


def _rests_on(found: Outlook) -> Iterator[str]:
    """Yield what the numbers are reckoned from."""
    if not found.is_exact:
        yield f"reckoned from {found.looked_at} of {found.dates:,} dates"
    if found.unheard:
        yield f"could not be had, and are not reckoned with: {', '.join(map(str, found.unheard))}"
    if not found.requests:
        return
    if found.price:
        yield f"price of {accounts.price(found.price, found.model)}"
    elif found.money is None:
        yield f'[prices."{found.model}"] in digest.toml gives it: input, cached, output, currency, for a million tokens'
    if "concurrency" in found.held_by:
        yield f"a reply is taken to need {REPLY_SECONDS:.0f} s"
    yield "without repairs; what the service has in its own cache costs less"
