"""Money through a whole run: receipts, budgets over runs and dates, and what is said of it."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import fakes
import pytest
from fakes import FakeEngine, paper

from digest import pipeline
from digest.agenda import Order
from digest.config import Config
from digest.engines.budgeted import Meter
from digest.errors import BudgetReached, ConfigError
from digest.models import Edition
from digest.settings import Budget, EngineSettings, Price
from digest.store import Store

DAY, NEXT = date(2026, 3, 17), date(2026, 3, 18)
PRICE = Price(input=1.0, output=2.0)
REPLY = (900 + 2 * 300) / 1e6  #: what one of the fake engine's replies costs
WORST = 2 * 1600 / 1e6 + 0.0015  #: what one of our requests may cost, about


def clock() -> datetime:
    """The day on which the fake engine's replies come."""
    return datetime(2026, 3, 17, 12, tzinfo=UTC)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    engine = FakeEngine()
    monkeypatch.setattr(fakes, "opened", lambda **options: engine)
    monkeypatch.setattr("digest.render.FORMATS", ())
    return engine


def config(folder: Path, price: Price | None = PRICE, **budget: Any) -> Config:
    settings = EngineSettings(name="fakes:opened", model="fake-1", price=price)
    output, cache = folder / "site", folder / "cache"
    return Config(output=output, cache=cache, home=folder, engine=settings, budget=Budget(**budget))


def order(folder: Path, day: date = DAY, count: int = 4) -> Order:
    """A run over a file of papers, none of which is in another day's."""
    rows = [paper(f"2603.0{day.day}0{n}", title=f"Foo {day}-{n}") for n in range(count)]
    path = folder / f"{day}.jsonl"
    path.write_text("".join(f"{row.model_dump_json()}\n" for row in rows), encoding="utf-8")
    return Order(day, papers=path)


def on_file(folder: Path, day: date = DAY) -> Edition:
    saved = Store(folder / "site").load(day)
    assert saved is not None
    return saved


def test_a_run_says_what_it_paid_and_the_edition_keeps_the_receipt(model: FakeEngine, tmp_path: Path) -> None:
    """Each reply has its cost; run again, nothing is paid and not a byte of the edition changes."""
    (bill,) = pipeline.run(config(tmp_path), order(tmp_path), clock).bills
    before = Store(tmp_path / "site").path(DAY).read_bytes()
    again = pipeline.run(config(tmp_path, Price(input=9.0, output=9.0)), order(tmp_path), clock)

    assert (bill.replies, bill.currency) == (4, "USD")
    assert bill.cost == pytest.approx(4 * REPLY)
    assert on_file(tmp_path).receipt == (bill,)
    assert {entry.card.origin.cost for entry in on_file(tmp_path).entries if entry.card} == {REPLY}
    assert again.bills == ()
    assert Store(tmp_path / "site").path(DAY).read_bytes() == before


def test_replies_from_the_cache_are_on_the_receipt_but_not_paid_again(model: FakeEngine, tmp_path: Path) -> None:
    """With the edition lost, they still cost what they did."""
    pipeline.run(config(tmp_path), order(tmp_path), clock)
    Store(tmp_path / "site").path(DAY).unlink()

    assert pipeline.run(config(tmp_path), order(tmp_path), clock).bills == ()
    assert on_file(tmp_path).receipt[0].replies == 4


def test_a_budget_stops_a_run_and_keeps_what_was_answered(model: FakeEngine, tmp_path: Path) -> None:
    """The rest waits with the reason; a run with more money goes on from there."""
    small = config(tmp_path, per_run=2 * REPLY + WORST)
    with pytest.raises(BudgetReached, match=r"the budget per_run of 0\.00\d\d USD is used up: 0\.00\d\d USD is spent"):
        pipeline.run(small, order(tmp_path, count=6), clock)
    found = on_file(tmp_path)
    paid = found.count("shown")

    assert 2 <= paid < 6
    assert found.receipt[0].replies == paid == len(model.asked)
    assert all("engine: the budget per_run" in entry.problems[0] for entry in found.entries if entry.card is None)
    assert pipeline.run(config(tmp_path), order(tmp_path, count=6), clock).bills[0].replies == 6 - paid
    assert on_file(tmp_path).count("shown") == 6


@pytest.mark.parametrize("name", ["per_day", "per_month"])
def test_a_budget_of_a_day_or_month_holds_over_runs(model: FakeEngine, tmp_path: Path, name: str) -> None:
    """What an earlier run paid is gone for the next, whatever date it is for; its counters are in the cache."""
    pipeline.run(config(tmp_path), order(tmp_path), clock)
    with pytest.raises(BudgetReached, match=name):
        pipeline.run(config(tmp_path, PRICE, **{name: 4 * REPLY}), order(tmp_path, NEXT), clock)

    assert len(model.asked) == 4
    assert (
        pipeline.run(config(tmp_path, PRICE, **{name: 9 * WORST}), order(tmp_path, NEXT), clock).bills[0].replies == 4
    )


def test_the_dates_of_one_run_share_its_budget(model: FakeEngine, tmp_path: Path) -> None:
    """What the first of them leaves is what the second has."""
    both, small = Meter(), config(tmp_path, per_run=4 * REPLY + WORST)
    first = pipeline.run(small, order(tmp_path), clock, meter=both)
    with pytest.raises(BudgetReached):
        pipeline.run(small, order(tmp_path, NEXT), clock, meter=both)

    assert first.bills[0].replies == 4
    assert both.bills[0].replies == len(model.asked) < 8
    assert pipeline.run(small, order(tmp_path, NEXT), clock).bills


def test_a_budget_of_money_needs_a_price(model: FakeEngine, tmp_path: Path) -> None:
    """It is said before anything is collected, with the key that mends it; one of tokens needs none."""
    with pytest.raises(ConfigError, match="no price of fake-1 is known") as caught:
        pipeline.run(config(tmp_path, None, per_day=1.0), order(tmp_path), clock)
    assert caught.value.hint is not None
    assert '[prices."fake-1"]' in caught.value.hint
    assert not (tmp_path / "site").exists()

    with pytest.raises(BudgetReached, match="tokens_per_day"):
        pipeline.run(config(tmp_path, None, tokens_per_day=5000), order(tmp_path), clock)
    assert 0 < len(model.asked) < 4


def test_a_price_that_comes_later_is_for_what_had_none(model: FakeEngine, tmp_path: Path) -> None:
    """The next run over the date fills it in; without one, the receipt says how much is unknown."""
    pipeline.run(config(tmp_path, None), order(tmp_path), clock)
    assert [(one.cost, one.unpriced) for one in on_file(tmp_path).receipt] == [(None, 4)]
    pipeline.run(config(tmp_path), order(tmp_path), clock)

    (bill,) = on_file(tmp_path).receipt
    assert bill.cost == pytest.approx(4 * REPLY)
    assert bill.unpriced == 0
    assert json.loads(Store(tmp_path / "site").path(DAY).read_bytes())["receipt"][0]["currency"] == "USD"
