"""What replies cost: prices by model, one cost wherever a reply stands, receipts."""

from datetime import date
from typing import Any

import pytest
from fakes import card, completion, edition, entry, origin
from hypothesis import given
from hypothesis import strategies as st

from digest import money
from digest.models import Bill, Change, Edition
from digest.money import Price, Prices

MINI = Prices(own={"gpt-4o-mini": Price(1.0, 2.0, cached=0.5, currency="EUR")})
FAKE = Prices(own={"fake-1": Price(1000.0, 2000.0)})


@pytest.mark.parametrize(("cached", "expected"), [(None, 26.0), (0.5, 25.4)])
def test_money_for_tokens(cached: float | None, expected: float) -> None:
    """Prices are for a million tokens; what the service had cached has its own price where there is one."""
    price = Price(input=2.0, output=8.0, cached=cached)

    assert price.cost(1_000_000, 3_000_000, 400_000) == pytest.approx(expected)


def test_more_cached_tokens_than_there_are_count_as_all() -> None:
    """A service that counts wrongly makes no negative cost."""
    assert Price(2.0, 8.0, cached=1.0).cost(1_000_000, 0, 5_000_000) == 1.0


@pytest.mark.parametrize("named", ["gpt-4o-mini", "gpt-4o-mini-2024-07-18", "gpt-4o-mini-20240718"])
def test_a_price_is_found_with_or_without_the_date_of_a_version(named: str) -> None:
    """Services name a model either way."""
    assert MINI.of(named) == MINI.own["gpt-4o-mini"]


@pytest.mark.parametrize(
    "named", ["gpt-4o", "gpt-4o-minimal", "gpt-4o-mini-high", "x-gpt-4o-mini", "qwen3", "echo", ""]
)
def test_no_price_is_guessed_for_another_model(named: str) -> None:
    """A name that only begins alike is another model."""
    assert MINI.of(named) is None


def test_a_users_price_wins_over_a_known_one() -> None:
    """Also where the known one has the very date; a dated name of the user's wins over an undated one."""
    mine, dated, known = Price(1.0, 1.0), Price(2.0, 2.0), Price(3.0, 3.0)
    prices = Prices(own={"m": mine, "m-2025-01-01": dated}, known={"m-2026-02-02": known, "n": known})

    assert prices.of("m-2026-02-02") is mine
    assert prices.of("m-2025-01-01") is dated
    assert prices.of("n") is known


def test_a_batch_costs_half() -> None:
    """Input, cached and output alike."""
    price = MINI.of("gpt-4o-mini", "batch")

    assert price == Price(0.5, 1.0, cached=0.25, currency="EUR")


@pytest.mark.parametrize("engine", ["echo", "recorded"])
def test_what_no_service_wrote_costs_nothing(engine: str) -> None:
    """Also with a price for any model there is."""
    assert money.cost_of(completion(engine=engine), Prices(others=Price(1.0, 1.0))) is None


def test_a_reply_without_counted_tokens_has_no_known_cost() -> None:
    """It is not free; only where nothing is paid at all, its cost is known."""
    untold = completion(prompt_tokens=None, completion_tokens=None)

    assert money.cost_of(untold, FAKE) is None
    assert money.cost_of(untold, Prices(others=Price(0.0, 0.0))) == (0.0, "USD")


def told(found: Edition) -> list[tuple[str, float | None, str | None]]:
    return [(one.key, one.cost, one.currency) for one in money.origins(found)]


def everywhere(**fields: Any) -> Edition:
    """An edition with a reply in every place that a reply has: its own card, an earlier one, a note."""
    first, last, note = (origin(key=key, **fields) for key in ("first", "last", "note"))
    change = Change(from_version=1, announced=date(2026, 3, 16), title_changed=True, abstract_changed=True, origin=note)
    one = entry(replies=(first, last), card=card(origin=last), earlier=(card(origin=first),))
    replaced = entry("2501.00001", announce_type="replace", card=None, change=change)
    out = entry("2603.00009", card=None, replies=(origin(key="out", **fields),), excluded_by="exclude: survey")
    return edition(one, replacements=(replaced,), excluded=(out,))


def test_every_reply_gets_its_cost_wherever_it_stands() -> None:
    """On cards, among replies, on the note of a change, and in what a rule keeps out."""
    found = money.priced(everywhere(), FAKE)

    assert sorted(set(told(found))) == [(key, 1.5, "USD") for key in ("first", "last", "note", "out")]
    assert len(told(found)) == 6


def test_a_cost_once_known_stays() -> None:
    """Another price, later on, is for later replies: a copy of the reply without a cost takes the known one."""
    known = origin(key="k", cost=0.125, currency="EUR")
    found = money.priced(edition(entry(replies=(known,), card=card(origin=origin(key="k")))), FAKE)

    assert told(found) == [("k", 0.125, "EUR")] * 2


def test_a_cost_that_nobody_knows_stays_open() -> None:
    """Nothing is made up, and the edition is the very same."""
    before = everywhere(model="other")

    assert money.priced(before, FAKE) is before


def test_billing_twice_changes_nothing() -> None:
    """So a second run writes no byte, also with other prices."""
    once = money.billed(everywhere(), FAKE)

    assert once.receipt
    assert money.billed(once, FAKE) is once
    assert money.billed(once, MINI) is once
    assert Edition.model_validate_json(once.model_dump_json(by_alias=True)) == once


def test_a_receipt_has_each_reply_once() -> None:
    """By engine and model; replies that a file brought along are on none."""
    replies = (origin(key="1"), origin(key="2", cached_tokens=100), origin(key="3", engine="batch"))
    recorded = origin(key="4", engine="recorded")
    found = money.billed(edition(entry(replies=replies), entry("2603.00002", replies=(replies[0], recorded))), FAKE)

    assert found.receipt == (
        bill(engine="batch", replies=1, cost=0.75),
        bill(replies=2, cached_tokens=100, cost=3.0),
    )


def bill(**fields: Any) -> Bill:
    replies = fields.get("replies", 1)
    usual = {"engine": "fake", "model": "fake-1", "prompt_tokens": 900 * replies, "completion_tokens": 300 * replies}
    return Bill(**{**usual, "replies": replies, "cached_tokens": 0, "currency": "USD", **fields})


def test_a_bill_says_how_many_of_its_replies_have_no_price() -> None:
    """They stand with the priced ones of the same model; alone, they have no cost at all."""
    priced, open_ = bill(cost=0.5), bill(currency=None, unpriced=1)

    assert money.merged([open_, priced]) == (bill(replies=2, cost=0.5, unpriced=1),)
    assert money.merged([open_]) == (open_,)
    assert money.sum_in_words([open_, priced]) == "0.5000 USD, 1 reply without a known price"


def test_currencies_are_not_added_up() -> None:
    """Each has its bill; what costs nothing is no part of the words."""
    bills = [bill(cost=0.5), bill(cost=2.0, currency="CNY"), bill(engine="local", cost=0.0, currency="EUR")]

    assert [(one.cost, one.currency) for one in money.merged(bills)] == [(2.0, "CNY"), (0.5, "USD"), (0.0, "EUR")]
    assert money.totals(bills) == {"CNY": 2.0, "USD": 0.5, "EUR": 0.0}
    assert money.sum_in_words(bills) == "2.00 CNY + 0.5000 USD"
    assert money.sum_in_words(bills[2:]) == "0 EUR"


BILLS = st.lists(
    st.builds(
        bill,
        engine=st.sampled_from(["chat", "batch"]),
        model=st.sampled_from(["a", "b"]),
        replies=st.integers(1, 9),
        unpriced=st.just(0),
        cost=st.integers(0, 10**12).map(lambda n: n / 10**10),
        currency=st.sampled_from(["USD", "CNY"]),
    )
    | st.builds(bill, model=st.sampled_from(["a", "b"]), unpriced=st.just(1), currency=st.none()),
    max_size=8,
)


@given(BILLS, BILLS)
def test_merging_loses_nothing(some: list[Bill], more: list[Bill]) -> None:
    """Counts and money are those of the parts, however they come together."""
    merged = money.merged([*some, *more])

    for name in money.COUNTS:
        assert sum(getattr(one, name) for one in merged) == sum(getattr(one, name) for one in [*some, *more])
    assert money.totals(merged) == pytest.approx(money.totals([*some, *more]))
    in_parts = money.merged([*money.merged(some), *money.merged(more)])
    assert [one.model_copy(update={"cost": None}) for one in in_parts] == [
        one.model_copy(update={"cost": None}) for one in merged
    ]
    assert [one.cost for one in in_parts] == pytest.approx([one.cost for one in merged])


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**7))
def test_a_cost_is_never_more_than_without_the_services_cache(prompt: int, cached: int, completion: int) -> None:
    """Nor is it less than nothing."""
    price = Price(0.28, 0.42, cached=0.028)

    assert 0 <= price.cost(prompt, completion, cached) <= price.cost(prompt, completion)
