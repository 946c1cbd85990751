"""Editions in numbers: ledgers, and what was paid by date and model."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fakes import edition, entry, origin

from digest import inventory, money, report, terminal
from digest.heads import DaySpent, head_of, spending, spent
from digest.models import Change, Edition, Reason
from digest.overview import Status
from digest.pipeline import Outcome
from digest.report import Ledger, Spent

OLD, NEW = date(2026, 3, 16), date(2026, 3, 17)


def paid_for(editions: Iterable[Edition]) -> Iterator[Spent]:
    return spent(map(head_of, editions))


def test_a_ledger_counts_one_edition() -> None:
    """Announced is shown, flagged, pending and excluded together; cross-lists are among them, replacements are not."""
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
            excluded=tuple(
                entry(f"2603.0010{n}", card=None, announce_type=kind, excluded_by=rule)
                for n, (kind, rule) in enumerate(
                    [("new", "b"), ("cross", "b"), ("new", "c"), ("new", "a"), ("new", "")]
                )
            ),
        )
    )

    assert found == Ledger(
        NEW,
        ("cs.*",),
        "feed",
        announced=11,
        primary=8,
        cross=3,
        shown=2,
        flagged=1,
        pending=3,
        excluded=5,
        replacements=2,
        by_rule=(("b", 2), ("a", 1), ("c", 1), ("no rule named", 1)),
    )


def test_missing_are_the_entries_without_card() -> None:
    """A flagged card is a card."""
    flagged, pending = entry("2603.00001", problems=("x",)), entry("2603.00002", card=None)

    assert report.missing(edition(flagged, pending)) == (pending,)


def test_a_reply_is_paid_once_whatever_editions_it_stands_in() -> None:
    """A paper of two dates has its reply in both records: it counts under the older one."""
    shared, own = origin(key="shared"), origin(key="own", prompt_tokens=100, completion_tokens=10)
    newer = edition(entry("2603.00001", replies=(shared,)), entry("2603.00002", replies=(shared, own)))
    older = edition(entry("2603.00001", replies=(shared,)), announced=OLD)

    assert list(paid_for([newer, older])) == [
        Spent(NEW, "fake", "fake-1", 1, prompt_tokens=100, cached_tokens=0, completion_tokens=10, unpriced=1),
        Spent(OLD, "fake", "fake-1", 1, prompt_tokens=900, cached_tokens=0, completion_tokens=300, unpriced=1),
    ]


def test_what_was_paid_for_replacements_and_excluded_papers_counts() -> None:
    """Also the note on a replacement, which may stand among its replies; money spent does not come back by a rule."""
    note = origin(key="note")
    change = Change(from_version=1, announced=OLD, title_changed=True, abstract_changed=True, origin=note)
    again = entry("2501.00001", announce_type="replace", replies=(origin(key="1"), note), change=change)
    other = again.model_copy(update={"replies": (), "change": change.model_copy(update={"origin": origin(key="2")})})
    out = entry("2603.00009", replies=(origin(key="3"),), excluded_by="exclude: survey")

    (row,) = paid_for([edition(replacements=(again, other), excluded=(out,))])

    assert row.replies == 4


def test_recorded_replies_cost_nothing() -> None:
    """What a file brought along was not paid here; a date with nothing else has no row."""
    recorded = entry(replies=(origin(engine="recorded", key="r"),))

    assert not list(paid_for([edition(recorded)]))


def test_each_model_has_its_row() -> None:
    """By name, with all replies of the date added up; a service that counts nothing adds nothing."""
    replies = (
        origin(key="1", model="m-2", prompt_tokens=None, completion_tokens=None),
        origin(key="2", model="m-1", cached_tokens=400),
        origin(key="3", model="m-1", cached_tokens=100),
    )

    assert list(paid_for([edition(entry(replies=replies))])) == [
        Spent(NEW, "fake", "m-1", 2, prompt_tokens=1800, cached_tokens=500, completion_tokens=600, unpriced=2),
        Spent(NEW, "fake", "m-2", 1, prompt_tokens=0, cached_tokens=0, completion_tokens=0, unpriced=1),
    ]


def test_a_day_without_a_reply_took_nothing() -> None:
    """Its cards count all the same; the dates stand in the order of the editions."""
    cost = origin(key="1", cost=0.5, currency="USD")
    found = spending(map(head_of, [edition(entry(replies=(cost,))), edition(entry("2603.00002"), announced=OLD)]))

    assert found == (DaySpent(NEW, 0.5, "USD", 1, 900, 300, 1), DaySpent(OLD, None, None, 0, 0, 0, 1))
    assert found[0].tokens == 1200


def test_a_day_is_told_in_the_currency_in_which_most_was_paid() -> None:
    """What was paid in another one is no part of the sum; a day with nothing else took nothing of it."""
    yuan, dollars = origin(key="1", cost=9.0, currency="CNY"), origin(key="2", cost=0.5, currency="USD")
    found = spending(
        map(head_of, [edition(entry(replies=(yuan, dollars))), edition(entry("2603.00002"), announced=OLD)])
    )
    other = spending(map(head_of, [edition(entry(replies=(yuan,))), edition(entry(replies=(dollars,)), announced=OLD)]))

    assert (found[0].cost, found[0].currency) == (9.0, "CNY")
    assert [(day.cost, day.currency) for day in other] == [(9.0, "CNY"), (0.0, "CNY")]


def test_rows_are_summed_by_what_they_have_in_common() -> None:
    """By name of the group; models stay apart."""
    rows = paid_for([edition(entry(replies=(origin(key="1", cost=0.25, currency="USD"), origin(key="2"))))])

    ((month, (bill,)),) = report.summed(rows, lambda row: f"{row.announced_on:%Y-%m}")

    assert (month, bill.replies, bill.cost, bill.unpriced) == ("2026-03", 2, 0.25, 1)


# ------------------------------------------------------------------------------------------ on a terminal

EXCLUDED = (
    entry("2603.00011", card=None, excluded_by="exclude: survey"),
    entry("2603.00012", card=None, excluded_by="exclude: survey", announce_type="cross"),
)
CHANGE = Change(from_version=1, announced=OLD, title_changed=True, abstract_changed=False, note=("新版改了标题。",))


def full(**fields: Any) -> Edition:
    """A day with one of everything."""
    replaced = entry("2501.00001", announce_type="replace", version=3, title="Bar", change=CHANGE)
    entries = (entry("2603.00001"), entry("2603.00002", problems=("x",)), entry("2603.00003", card=None))
    return edition(*entries, **{"source": "oai", "replacements": (replaced,), "excluded": EXCLUDED, **fields})


def test_a_run_ends_with_a_sum_that_holds_every_paper(tmp_path: Path) -> None:
    """Zeros stand there too, so that a script can read it; what is not in the sum stands below."""
    lines = terminal.outcome(Outcome(NEW, full(), sent=4, seconds=1.25), tmp_path).splitlines()

    assert lines[0] == "4 primary, 1 cross · 1 replacement · 2 by 'exclude: survey'"
    assert lines[-1].startswith(
        "2026-03-17: 5 announced = 1 shown + 1 flagged + 1 pending + 2 excluded · 4 requests · 1.2 s · no page"
    )
    plain = terminal.outcome(Outcome(NEW, edition(entry(), source="file")), tmp_path)
    assert plain.startswith("2026-03-17: 1 paper = 1 shown + 0 flagged + 0 pending + 0 excluded · 0 requests · ")


def test_a_run_names_the_listings_that_have_no_edition(tmp_path: Path) -> None:
    """One line before the last, with the command that mends it, also where nothing was announced; else none."""
    days = (date(2026, 3, 13), date(2026, 3, 16))
    said = "no edition of 2026-03-13, 2026-03-16: digest run --since 2026-03-13"

    assert terminal.outcome(Outcome(NEW, full(), gaps=days), tmp_path).splitlines()[-2] == said
    assert terminal.outcome(Outcome(NEW, None, "nothing", gaps=days), tmp_path) == f"{said}\nnothing"
    assert "no edition" not in terminal.outcome(Outcome(NEW, full()), tmp_path)


def test_the_record_of_a_run_has_the_whole_ledger() -> None:
    """Counts by name, what each rule excluded, and the gaps."""
    record = terminal.outcome_record(Outcome(NEW, full(), gaps=(OLD,)))

    assert record["counts"] == {
        "announced": 5,
        "primary": 4,
        "cross": 1,
        "shown": 1,
        "flagged": 1,
        "pending": 1,
        "excluded": 2,
        "replacements": 1,
    }
    assert record["by_rule"] == {"exclude: survey": 2}
    assert record["gaps"] == ["2026-03-16"]


def on_file(*editions: Edition) -> Status:
    ledgers = tuple(map(report.ledger, editions))
    return Status(ledgers, (), tuple(paid_for(editions)), spending(map(head_of, editions)), Path("cache"), 0, 0, ())


def test_status_tells_money_by_date_model_and_month() -> None:
    """A row each, a bar a date, and the same for a machine; what is not known is said."""
    first = edition(entry(replies=(origin(key="1", cost=0.25, currency="USD", cached_tokens=100),)))
    second = edition(entry("2603.00002", replies=(origin(key="2", model="x"),)), announced=OLD)
    found = on_file(first, second)

    lines = [" ".join(line.split()) for line in inventory.text(found, 90).splitlines()]
    record = inventory.record(found)

    assert "2026-03-17 fake-1 1 900 100 300 0.2500 USD" in lines
    assert "2026-03-16 x 1 900 0 300 ?" in lines
    assert "2026-03-16 ?" in lines[lines.index("USD by date") :]
    assert "2026-03 fake-1 1 900 100 300 0.2500 USD" in lines
    assert "all x 1 900 0 300 ?" in lines
    assert [row["money"] for row in record["spent"]] == [0.25, None]
    assert [row["cost"] for row in record["spent_by_date"]] == [0.25, None]
    assert [bill["model"] for bill in record["spent_by_month"]["2026-03"]] == ["fake-1", "x"]
    assert [bill["replies"] for bill in record["spent_in_all"]] == [1, 1]


def test_a_run_ends_with_what_it_paid(tmp_path: Path) -> None:
    """Tokens and money of the replies that came now; the same for a machine."""
    bill = money.bill_of(origin(), (0.25, "USD"))
    done = Outcome(NEW, full(), sent=4, seconds=1.25, bills=(bill,))

    assert "· 4 requests · 0.2500 USD · 1.2 s" in terminal.outcome(done, tmp_path)
    assert "900 + 300 tokens" in terminal.outcome(done, tmp_path)
    assert terminal.outcome_record(done)["paid"] == [bill.model_dump()]


def test_status_has_a_column_of_what_is_excluded_and_names_gaps() -> None:
    """A row of the table is a sum like the others; the record tells the rules too."""
    text = inventory.text(replace(on_file(full()), gaps=(OLD,)))

    head, row = (
        next(line.split() for line in text.splitlines() if line.lstrip().startswith(word))
        for word in ("date", str(NEW))
    )
    assert dict(zip(head, row, strict=True)) == {
        "date": "2026-03-17",
        "categories": "cs.CL",
        "source": "oai",
        "announced": "5",
        "cross": "1",
        "shown": "1",
        "flagged": "1",
        "pending": "1",
        "excluded": "2",
    }
    assert text.splitlines()[-1] == "no edition of 2026-03-16: digest run --since 2026-03-16"
    assert "no edition" not in inventory.text(on_file(full()))
    record = inventory.record(replace(on_file(full()), gaps=(OLD,)))
    assert (record["editions"][0]["by_rule"], record["gaps"]) == ({"exclude: survey": 2}, ["2026-03-16"])


def test_show_lists_what_stands_beside_the_cards() -> None:
    """Replacements with their versions and notes, and what is excluded with the rule."""
    lines = terminal.contents(full()).splitlines()

    assert lines[:2] == [
        "2026-03-17: 5 announced = 1 shown + 1 flagged + 1 pending + 2 excluded",
        "4 primary, 1 cross · 1 replacement · 2 by 'exclude: survey'",
    ]
    start = lines.index("replacements [1]")
    title = "Foo: Gated Attention for Long Sequences"
    assert lines[start + 1 :] == [
        " v3 ← v1 Bar (2501.00001)",
        "    新版改了标题。",
        "",
        "excluded [2]",
        f"-{title} (2603.00011) · exclude: survey",
        f"-{title} (2603.00012) · exclude: survey",
    ]


def test_a_card_says_why_it_is_there_and_what_came_before() -> None:
    """Reasons, the first announcement, and for a replacement what it changed."""
    why = (Reason(kind="category", value="cs.CL"), Reason(kind="author", value="Ada Lovelace"))
    one = entry(why=why, first_announced=OLD, change=CHANGE, version=2)

    lines = terminal.card(one, edition(one)).splitlines()

    assert lines[3:7] == [
        "why: primary cs.CL, author Ada Lovelace",
        "first announced: 2026-03-16",
        "v2 ← v1 of 2026-03-16: title changed",
        "  新版改了标题。",
    ]
    same = one.model_copy(update={"change": CHANGE.model_copy(update={"title_changed": False})})
    assert "neither title nor abstract changed" in terminal.card(same, edition(one))


def test_a_paper_that_is_kept_out_is_shown_with_its_rule() -> None:
    """Not as one that waits for its card."""
    out = entry(card=None, problems=("not summarized yet",), excluded_by="exclude: survey")

    text = terminal.card(out, edition(excluded=(out,)))

    assert "· excluded" in text
    assert "kept out by 'exclude: survey'" in text
    assert "not summarized" not in text


def test_a_reply_is_paid_for_on_the_date_that_asked_for_it() -> None:
    """A card that a later edition carries on costs nothing there, in whatever order the editions come."""
    first = edition(entry(replies=(origin(),)), announced=date(2026, 3, 16))
    later = edition(entry(replies=(origin(),)), announced=date(2026, 3, 17))

    assert [one.announced_on for one in paid_for([later, first])] == [date(2026, 3, 16)]
    assert [one.replies for one in paid_for([first, later])] == [1]


@pytest.mark.parametrize(("folder", "where"), [("site", ""), ("ja", " --language ja")])
def test_an_unusable_answer_in_a_further_language_is_mended_there(tmp_path: Path, folder: str, where: str) -> None:
    """What to type names the language where its site is a folder of its own."""
    pending = entry().model_copy(update={"card": None, "problems": ("no JSON",)})
    done = Outcome(NEW, edition(pending).model_copy(update={"language": "ja"}))

    assert f"1 without a usable answer: digest regenerate{where} ARXIV_ID asks anew; " in terminal.outcome(
        done, tmp_path / folder
    )
