"""Editions in numbers: ledgers, what was paid, and which model a price is for."""

from datetime import date
from pathlib import Path

import pytest
from fakes import edition, entry, origin

from digest import report, terminal
from digest.config import Price
from digest.overview import Status
from digest.report import Ledger, Spent

OLD, NEW = date(2026, 3, 16), date(2026, 3, 17)


def test_a_ledger_counts_one_edition() -> None:
    """Announced is shown, flagged and pending together; cross-lists are among them, replacements are not."""
    found = report.ledger(
        edition(
            entry("2603.00001"),
            entry("2603.00002", announce_type="cross"),
            entry("2603.00003", announce_type="cross", problems=("result: 4 is not in the abstract",)),
            entry("2603.00004", card=None, problems=("engine: HTTP 500",)),
            entry("2603.00005", card=None),
            entry("2603.00006", card=None),
            categories=("cs.*",),
            source="feed",
            replacements=(entry("2501.00001", announce_type="replace"), entry("2501.00002", announce_type="replace")),
        )
    )

    assert found == Ledger(NEW, ("cs.*",), "feed", announced=6, cross=2, shown=2, flagged=1, pending=3, replacements=2)


def test_missing_are_the_entries_without_card() -> None:
    """A flagged card is a card."""
    flagged, pending = entry("2603.00001", problems=("x",)), entry("2603.00002", card=None)

    assert report.missing(edition(flagged, pending)) == (pending,)


def test_a_reply_is_paid_once_whatever_editions_it_stands_in() -> None:
    """A paper of two dates has its reply in both records: it counts under the first that is given."""
    shared, own = origin(key="shared"), origin(key="own", prompt_tokens=100, completion_tokens=10)
    newer = edition(entry("2603.00001", replies=(shared,)), entry("2603.00002", replies=(shared,)))
    older = edition(entry("2603.00001", replies=(shared, own)), announced=OLD)

    assert list(report.spent([newer, older])) == [
        Spent(NEW, "fake-1", 1, prompt_tokens=900, cached_tokens=0, completion_tokens=300),
        Spent(OLD, "fake-1", 1, prompt_tokens=100, cached_tokens=0, completion_tokens=10),
    ]


def test_recorded_replies_cost_nothing() -> None:
    """What a file brought along was not paid here; a date with nothing else has no row."""
    recorded = entry(replies=(origin(engine="recorded", key="r"),))

    assert not list(report.spent([edition(recorded)]))


def test_each_model_has_its_row() -> None:
    """By name, with all replies of the date added up; a service that counts nothing adds nothing."""
    replies = (
        origin(key="1", model="m-2", prompt_tokens=None, completion_tokens=None),
        origin(key="2", model="m-1", cached_tokens=400),
        origin(key="3", model="m-1", cached_tokens=100),
    )

    assert list(report.spent([edition(entry(replies=replies))])) == [
        Spent(NEW, "m-1", 2, prompt_tokens=1800, cached_tokens=500, completion_tokens=600),
        Spent(NEW, "m-2", 1, prompt_tokens=0, cached_tokens=0, completion_tokens=0),
    ]


@pytest.mark.parametrize(("cached", "money"), [(None, 1 * 2.0 + 3 * 8.0), (0.5, 0.6 * 2.0 + 0.4 * 0.5 + 3 * 8.0)])
def test_money_for_tokens(cached: float | None, money: float) -> None:
    """Prices are for a million tokens; what the service had cached has its own price where there is one."""
    price = Price(input=2.0, output=8.0, cached=cached)

    assert report.cost(price, 1_000_000, 3_000_000, 400_000) == pytest.approx(money)


def priced(configured: str, named: str, price: Price | None) -> float | None:
    """What `status` says was paid for a model that the service calls `named`."""
    spent = Spent(NEW, named, 1, prompt_tokens=1_000_000, cached_tokens=500_000, completion_tokens=2_000_000)
    found = Status((), (), (spent,), price, configured, "EUR", Path("cache"), 0, 0, ())
    (row,) = terminal.status_record(found)["spent"]
    assert row["currency"] == "EUR"
    money: float | None = row["money"]
    return money


@pytest.mark.parametrize("named", ["gpt-4o-mini", "gpt-4o-mini-2024-07-18"])
def test_a_price_is_for_the_configured_model(named: str) -> None:
    """Services name it with or without its date; tokens they had cached are counted as such."""
    assert priced("gpt-4o-mini", named, Price(input=1.0, output=2.0, cached=0.5)) == pytest.approx(4.75)


@pytest.mark.parametrize("named", ["gpt-4o", "gpt-4o-minimal", "qwen3", "echo", ""])
def test_no_price_is_guessed_for_another_model(named: str) -> None:
    """A name that only begins alike is another model."""
    assert priced("gpt-4o-mini", named, Price(input=1.0, output=2.0)) is None


def test_without_a_price_there_is_no_money() -> None:
    """Tokens are known, money is not."""
    assert priced("gpt-4o-mini", "gpt-4o-mini", None) is None


@pytest.mark.parametrize("named", ["gpt-4o-mini", "gpt-4o-mini-2024-07-18"])
def test_a_smaller_model_is_another_one(named: str) -> None:
    """Only a date may follow the configured name."""
    assert priced("gpt-4o", named, Price(input=1.0, output=2.0)) is None
