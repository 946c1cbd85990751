"""Heads: what is known of an edition without opening it, and what days took, from heads alone."""

from datetime import date
from typing import Any

from fakes import edition, entry, origin, paper

from digest.heads import Head, HeadSection, head_of, priced, spending, spent
from digest.models import Section
from digest.money import Price, Prices


def test_a_head_survives_the_disk() -> None:
    """As JSON and back it says the same."""
    section = Section(title="Gates", kind="keyword", arxiv_ids=("2603.00001",))
    head = head_of(edition(entry(replies=(origin(cost=0.5, currency="USD"),)), sections=(section,)))

    assert Head.model_validate_json(head.model_dump_json()) == head


def test_a_section_names_each_paper_once_and_replacements_apart() -> None:
    """What stands in no section comes last, under no title."""
    section = Section(title="Gates", kind="keyword", arxiv_ids=("2603.00001", "2603.00001", "2601.00001"))
    one = edition(entry(), entry("2603.00002"), replacements=(entry("2601.00001", announce_type="replace"),))

    head = head_of(one.with_sections([section]))

    assert head.sections == (
        HeadSection.of("Gates", "keyword", ("2603.00001",), ("2601.00001",)),
        HeadSection.of("", "rest", ("2603.00002",)),
    )


def test_a_keyword_section_tells_version_and_moment_of_its_papers() -> None:
    """Those of other sections are not needed."""
    sections = (
        Section(title="Gates", kind="keyword", arxiv_ids=("2603.00001",)),
        Section(title="cs.CL", kind="category", arxiv_ids=("2603.00002",)),
    )
    head = head_of(edition(entry(version=3), entry("2603.00002"), sections=sections))

    assert [*head.followed] == [("2603.00001", 3, paper().updated)]


def test_what_was_asked_is_the_categories_or_else_the_keywords() -> None:
    """As the heading of the page has it."""
    assert head_of(edition(entry(), categories=("cs.CL",), keywords=("x",))).asked == ("cs.CL",)
    assert head_of(edition(entry(), categories=(), keywords=("x",))).asked == ("x",)


def test_a_reply_of_two_days_is_counted_in_the_older_one() -> None:
    """Whatever the order of the heads."""
    shared = entry(replies=(origin(cost=0.5, currency="USD"),))
    newer, older = head_of(edition(shared)), head_of(edition(shared, announced=date(2026, 3, 16)))

    assert [day.cost for day in spending([newer, older])] == [None, 0.5]
    assert [day.cost for day in spending([older, newer])] == [0.5, None]


def test_what_comes_again_is_taken_off_the_bills_of_its_kind() -> None:
    """Priced, unpriced and in another currency, each from its own; a bill of which nothing is left is none."""
    kinds: list[dict[str, Any]] = [
        {"cost": 0.1, "currency": "USD"},
        {"cost": 0.2, "currency": "CNY"},
        {"cost": None, "currency": None},
    ]
    old = tuple(origin(key=f"old {count}", **kind) for count, kind in enumerate(kinds))
    new = origin(key="new", prompt_tokens=None, cost=0.3, currency="USD")
    heads = [
        head_of(edition(entry(replies=(*old, new)))),
        head_of(edition(entry(replies=old), announced=date(2026, 3, 16))),
    ]

    rows = [(one.announced_on.day, one.currency, one.cost, one.replies, one.unpriced) for one in spent(heads)]

    assert rows == [(17, "USD", 0.3, 1, 0), (16, "CNY", 0.2, 2, 1), (16, "USD", 0.1, 1, 0)]
    assert [(one.prompt_tokens, one.replies) for one in spending(heads)] == [(0, 1), (2700, 3)]


def test_replies_without_a_price_get_todays() -> None:
    """Those that have one keep it, and a head without any that lacks one stays as it is."""
    head = head_of(edition(entry(replies=(origin(key="a", cost=0.5, currency="CNY"), origin(key="b", cost=None)))))
    after = priced(head, Prices(others=Price(1.0, 2.0)))

    assert [(one.key, one.cost, one.currency) for one in after.replies()] == [("a", 0.5, "CNY"), ("b", 0.0015, "USD")]
    assert priced(after, Prices(others=Price(9.0, 9.0))) is after
