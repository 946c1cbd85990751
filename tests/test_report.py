"""Editions in numbers: ledgers, what was paid, and which model a price is for."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fakes import edition, entry, origin

from digest import report, terminal
from digest.config import Price
from digest.models import Change, Edition, Reason
from digest.overview import Status
from digest.pipeline import Outcome
from digest.report import Ledger, Spent

OLD, NEW = date(2026, 3, 16), date(2026, 3, 17)


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

    assert list(report.spent([newer, older])) == [
        Spent(NEW, "fake-1", 1, prompt_tokens=100, cached_tokens=0, completion_tokens=10),
        Spent(OLD, "fake-1", 1, prompt_tokens=900, cached_tokens=0, completion_tokens=300),
    ]


def test_what_was_paid_for_replacements_and_excluded_papers_counts() -> None:
    """Also the note on a replacement, which may stand among its replies; money spent does not come back by a rule."""
    note = origin(key="note")
    change = Change(from_version=1, announced=OLD, title_changed=True, abstract_changed=True, origin=note)
    again = entry("2501.00001", announce_type="replace", replies=(origin(key="1"), note), change=change)
    other = again.model_copy(update={"replies": (), "change": change.model_copy(update={"origin": origin(key="2")})})
    out = entry("2603.00009", replies=(origin(key="3"),), excluded_by="exclude: survey")

    (row,) = report.spent([edition(replacements=(again, other), excluded=(out,))])

    assert row.replies == 4


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

    assert lines[:2] == [
        "2026-03-17: 5 announced = 1 shown + 1 flagged + 1 pending + 2 excluded",
        "4 primary, 1 cross · 1 replacement · 2 by 'exclude: survey' · 4 requests · 1.2 s",
    ]
    plain = terminal.outcome(Outcome(NEW, edition(entry(), source="file")), tmp_path)
    assert plain.startswith("2026-03-17: 1 paper = 1 shown + 0 flagged + 0 pending + 0 excluded\n0 requests · ")


def test_a_run_names_the_listings_that_have_no_edition(tmp_path: Path) -> None:
    """One line at the end, with the command that mends it, also where nothing was announced; without gaps none."""
    days = (date(2026, 3, 13), date(2026, 3, 16))
    said = "no edition of 2026-03-13, 2026-03-16: digest run --since 2026-03-13"

    assert terminal.outcome(Outcome(NEW, full(), gaps=days), tmp_path).splitlines()[-1] == said
    assert terminal.outcome(Outcome(NEW, None, "nothing", gaps=days), tmp_path) == f"nothing\n{said}"
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
    return Status(ledgers, (), (), None, "m", None, Path("cache"), 0, 0, ())


def test_status_has_a_column_of_what_is_excluded_and_names_gaps() -> None:
    """A row of the table is a sum like the others; the record tells the rules too."""
    text = terminal.status(on_file(full()), [OLD])

    head, row = (next(line.split() for line in text.splitlines() if word in line) for word in ("announced", str(NEW)))
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
    assert "no edition" not in terminal.status(on_file(full()))
    record = terminal.status_record(on_file(full()), [OLD])
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

    assert [one.announced_on for one in report.spent([later, first])] == [date(2026, 3, 16)]
    assert [one.replies for one in report.spent([first, later])] == [1]
