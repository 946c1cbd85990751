"""What is wrong with records that can be read."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from fakes import card, edition, entry, origin
from hypothesis import given
from hypothesis import strategies as st

from digest import findings, money
from digest.findings import Finding
from digest.models import Bill, Edition, Mark, Section
from digest.postmarks import Postmark, Postmarks

DAY = date(2026, 3, 17)
PLACE = "editions/2026-03-17.json"
BILL = Bill(engine="fake", model="fake-1", replies=1, prompt_tokens=9, cached_tokens=0, completion_tokens=9)


def facts(found: Iterable[Finding]) -> list[str]:
    return [one.fact for one in found]


def mark(state: str = "sent", receiver: str = "me", **fields: Any) -> Postmark:
    given = {"message_id": "<1@digest>", "attempts": 1, "at": datetime(2026, 3, 17, tzinfo=UTC), **fields}
    return Postmark.model_validate({"receiver": receiver, "state": state, **given})


@given(st.lists(st.sampled_from(["new", "cross"]), max_size=5))
def test_an_edition_as_a_run_makes_it_has_no_fault(kinds: list[str]) -> None:
    """Whatever was announced."""
    entries = [entry(f"2603.0000{n}", announce_type=kind, replies=(origin(),)) for n, kind in enumerate(kinds)]
    one = money.billed(edition(*entries), money.Prices())

    assert not [*findings.in_edition(one, PLACE, "zh-Hans")]


@pytest.mark.parametrize(
    ("one", "fact"),
    [
        (edition(entry(), language="ja"), "is in ja; the site is in zh-Hans"),
        (edition(entry(), entry(), sections=()), "2603.00001 stands in it 2 times among the announced"),
        (
            edition(entry(), excluded=(entry(excluded_by="x"),)),
            "2603.00001 stands in it 2 times among the announced",
        ),
        (
            edition(replacements=(entry(announce_type="replace"),) * 3),
            "2603.00001 stands in it 3 times among the replacements",
        ),
        (
            edition(entry(), sections=(Section(title="A", kind="keyword", arxiv_ids=("2603.00001",) * 2),)),
            "section 'A' names 2603.00001 more than once",
        ),
        (
            edition(entry(announce_type="replace")),
            "2603.00001 is a replacement among the announced: the ledger does not hold",
        ),
        (
            edition(replacements=(entry(),)),
            "2603.00001 is announced, but stands among the replacements: the ledger does not hold",
        ),
        (edition(excluded=(entry(),)), "2603.00001 is kept out, and no rule says why"),
        (edition(entry(card=None)), "2603.00001 has no card, and nothing says why"),
        (
            edition(entry(marks=(Mark(field="method", words="Bar", kind="name"),))),
            "2603.00001: 'Bar' is marked in method, which does not have it",
        ),
    ],
)
def test_what_was_changed_by_hand_is_told(one: Edition, fact: str) -> None:
    """One fact each, and how to come by a good record."""
    (found,) = findings.in_edition(one, PLACE, "zh-Hans")

    assert (found.kind, found.place, found.fact) == ("fault", PLACE, fact)
    assert found.mend
    assert "digest run --date 2026-03-17" in found.mend


def test_a_receipt_that_does_not_add_up_is_a_fault() -> None:
    """It says two replies, and one is on record."""
    one = edition(entry(replies=(origin(),)), receipt=(BILL.model_copy(update={"replies": 2}),))

    assert facts(findings.in_edition(one, PLACE, "zh-Hans")) == [
        "the receipt does not add up with its replies (2 on the receipt, 1 on record)"
    ]


def test_a_record_from_before_receipts_is_worth_a_word() -> None:
    """It is no fault: the next run makes the receipt."""
    (found,) = findings.in_edition(edition(entry(replies=(origin(),))), PLACE, "zh-Hans")

    assert (found.kind, found.mend) == ("note", "digest run --date 2026-03-17")


# ------------------------------------------------------------------------------------------ delivery marks


def of_marks(
    *marks: Postmark, announced: date = DAY, has_edition: bool = True, known: tuple[str, ...] = ("me",)
) -> Any:
    record = Postmarks(announced=announced, marks=marks)
    return [*findings.in_marks(record, DAY, PLACE, has_edition, set(known) - {"other"}, known)]


def test_settled_marks_are_no_finding() -> None:
    """Sent, or nothing to send."""
    assert of_marks(mark("sent"), mark("nothing", "b"), known=("me", "b")) == []


@pytest.mark.parametrize(
    ("state", "fact"),
    [
        ("sending", "the edition was being sent to me, 2 tries"),
        ("failed", "the edition has not reached me, 2 tries: refused"),
        ("waiting", "the edition still waits for me, 2 tries"),
    ],
)
def test_an_unsettled_mark_is_a_fault(state: str, fact: str) -> None:
    """Somebody waits for an edition."""
    (found,) = of_marks(mark(state, attempts=2, error="refused" if state == "failed" else None))

    assert (found.kind, found.fact, found.mend) == ("fault", fact, "digest deliver 2026-03-17")


def test_marks_of_receivers_that_are_gone_or_elsewhere_are_no_fault() -> None:
    """A receiver that digest.toml does not have any more, or who gets another language, waits for nothing here."""
    found = of_marks(mark("failed", "gone"), mark("failed", "other"), known=("me", "other"))

    assert [(one.kind, one.fact) for one in found] == [("note", "gone is no receiver in digest.toml any more")]


def test_marks_at_odds_with_their_file_are_told() -> None:
    """Another date within, no edition beside it, two marks of one receiver."""
    assert facts(of_marks(announced=date(2026, 3, 18))) == ["holds the marks of 2026-03-18"]
    assert facts(of_marks(mark("failed"), has_edition=False)) == ["delivery marks of a date without an edition"]
    assert facts(of_marks(mark(), mark())) == ["me has 2 marks"]


# ------------------------------------------------------------------------------------------ calendar, groups


def test_gaps_in_a_row_are_one_note() -> None:
    """Weekends are none; the mend fills the whole row."""
    days = [date(2026, 3, 12), date(2026, 3, 17), date(2026, 3, 19)]
    found = [*findings.in_calendar(days, date(2026, 3, 19), (), "site")]

    assert [(one.fact, one.mend) for one in found] == [
        ("no edition of 2026-03-13 to 2026-03-16, 2 listing dates", "digest run --since 2026-03-13"),
        ("no edition of 2026-03-18", "digest run --date 2026-03-18"),
    ]
    assert not [*findings.in_calendar([], date(2026, 3, 20), (), "site")]


def test_the_same_words_about_many_places_come_together() -> None:
    """Faults first; each place once."""
    note, here, there = Finding("note", "n", "x"), Finding("fault", "a", "y", "m"), Finding("fault", "b", "y", "m")

    assert findings.grouped([note, here, there, here]) == [(here, ("b",)), (note, ())]


def test_a_word_of_a_card_may_be_marked() -> None:
    """As long as it stands there."""
    marked = entry(
        card=card(method="Bar 方法"), problems=("x",), marks=(Mark(field="method", words="Bar", kind="name"),)
    )

    assert not [*findings.in_edition(edition(marked), PLACE, "zh-Hans")]
