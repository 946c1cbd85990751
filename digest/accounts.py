"""Tokens and money in words and as a chart of blocks, for a terminal.

Pure: rows and bills in, lines out; terminal.py puts them into place.
"""

from collections.abc import Sequence

from . import money
from .heads import DaySpent
from .models import Bill
from .report import Spent

EIGHTHS = " ▏▎▍▌▋▊▉"
MOST_DAYS = 30  #: of a chart on a terminal
LONGEST_BAR = 60


def bar(value: float, most: float, width: int) -> str:
    """
    A bar of blocks, `width` characters long where `value` is `most`; more than nothing is never invisible.

    >>> bar(1, 2, 4), bar(0.01, 2, 4), bar(0, 2, 4), bar(5, 8, 1), bar(0, 0, 4)
    ('██', '▏', '', '▋', '')
    """
    if value <= 0 or most <= 0:
        return ""
    eighths = max(1, round(8 * width * value / most))
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def chart(days: Sequence[DaySpent], width: int) -> list[str]:
    """
    What the newest days took, a row each, in lines of at most `width` characters.

    Args:
        days: Newest first; those without a reply are left out.
        width: Of the terminal, in characters.

    Returns:
        The unit, then the rows: money where any has a price, else tokens; nothing for less than two days.
    """
    shown = [day for day in days if day.replies][:MOST_DAYS]
    if len(shown) < 2:
        return []
    currency = next((day.currency for day in shown if day.cost), None)
    values = [(day.cost or 0.0) if currency else float(day.tokens) for day in shown]
    labels = [_label(day, in_money=currency is not None) for day in shown]
    beside = len("2026-03-17  ") + max(map(len, labels)) + 1
    room, most = max(1, min(LONGEST_BAR, width - beside)), max(values)
    rows = (
        f"{day.announced_on}  {label:>{beside - 13}} {bar(value, most, room)}".rstrip()
        for day, label, value in zip(shown, labels, values, strict=True)
    )
    return [f"{currency or 'tokens'} by date", *rows]


def _label(day: DaySpent, *, in_money: bool) -> str:
    if not in_money:
        return f"{day.tokens:,}"
    return "?" if day.cost is None else money.in_words(day.cost, None)


def amount(one: Spent | Bill) -> str:
    """
    What replies cost, as far as it is known.

    >>> usual = {"engine": "chat", "model": "m", "replies": 3, "prompt_tokens": 9, "cached_tokens": 0}
    >>> amount(Bill(**usual, completion_tokens=3, cost=0.25, currency="USD", unpriced=1))
    '0.2500 USD + 1 unknown'
    """
    if one.cost is None:
        return "?"
    unknown = f" + {one.unpriced:,} unknown" if one.unpriced else ""
    return money.in_words(one.cost, one.currency) + unknown


def tokens(bills: Sequence[Bill]) -> list[str]:
    """What a run sent and got, in tokens; nothing where nothing was asked."""
    if not bills:
        return []
    sums = [sum(getattr(bill, name) for bill in bills) for name in ("prompt_tokens", "completion_tokens")]
    return [f"{sums[0]:,} + {sums[1]:,} tokens"]


def price(one: money.Price, model: str) -> str:
    """
    What a price says.

    >>> price(money.Price(0.28, 0.42, cached=0.028, source="built in, as of 2025-10"), "deepseek-chat")
    'deepseek-chat: 0.28 in, 0.028 cached, 0.42 out, USD for a million tokens (built in, as of 2025-10)'
    """
    cached = "" if one.cached is None else f" {one.cached:g} cached,"
    return f"{model}: {one.input:g} in,{cached} {one.output:g} out, {one.currency} for a million tokens ({one.source})"
