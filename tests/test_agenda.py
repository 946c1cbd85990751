"""Which dates a backfill is about: those of a range without a complete edition, told from heads."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from fakes import card, edition, entry, origin, paper
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest import agenda, history
from digest.agenda import Order, dates_between, incomplete
from digest.config import Config
from digest.errors import ConfigError
from digest.heads import head_of
from digest.listings import Files
from digest.models import Change, Edition, Entry
from digest.settings import Arxiv, EngineSettings
from digest.store import Store

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = WEEK = tuple(date(2026, 3, day) for day in range(16, 21))
ARXIV = Order()
DRAFT = card(origin=origin(engine="local", model="gemma-3-270m-it-0123abcd"))
CHANGED = Change(from_version=1, announced=MONDAY, title_changed=False, abstract_changed=True)


def clock() -> datetime:
    return datetime(2026, 3, 20, 12, tzinfo=UTC)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(output=tmp_path / "site", categories=("cs.CL",), engine=EngineSettings(name="chat"))


def save(config: Config, *entries: Entry, day: date = TUESDAY, **fields: Any) -> Edition:
    one = edition(*(entries or (entry(),)), announced=day, **{"categories": ("cs.CL",), **fields})
    Store(config.output).save(one)
    return one


def between(config: Config, first: date | None = MONDAY, last: date | None = FRIDAY, **more: Any) -> tuple[date, ...]:
    return dates_between(config, more.pop("order", ARXIV), clock, first, last, **more)


def changed(config: Config, **fields: Any) -> Config:
    return config.model_copy(update=fields)


def test_every_listing_of_an_empty_site_is_to_be_made(config: Config) -> None:
    """In their order, and nothing is written."""
    assert between(config) == WEEK
    assert not config.output.exists()


def test_a_range_without_an_end_goes_to_the_newest(config: Config) -> None:
    """By the clock and the calendar."""
    assert between(config, THURSDAY, None) == (THURSDAY, FRIDAY)


def test_a_complete_edition_is_left_out(config: Config) -> None:
    """Flagged cards are cards."""
    save(config, entry(), entry("2603.00002", problems=("result: 4.1 is not in the abstract",)))

    assert between(config) == (MONDAY, WEDNESDAY, THURSDAY, FRIDAY)


@pytest.mark.parametrize(
    "fields",
    [
        {"categories": ("cs.AI",)},
        {"source": "file"},
        {"source": "sample"},
        {"replacements": (entry("2601.00001", card=None, announce_type="replace", change=CHANGED),)},
        {"replacements": (entry("2601.00001", card=DRAFT, announce_type="replace"),)},
        {"excluded": (entry("2603.00002", card=None, excluded_by="exclude: survey"),)},
    ],
    ids=["other categories", "file", "sample", "replacement", "draft of a replacement", "rule that is gone"],
)
def test_an_edition_that_lacks_something_is_to_be_made(config: Config, fields: dict[str, Any]) -> None:
    """As for `digest run --since`."""
    save(config, **fields)

    assert between(config, TUESDAY, TUESDAY) == (TUESDAY,)


def test_a_paper_without_card_and_a_draft_are_to_be_made(config: Config) -> None:
    """A draft only where the engine does better."""
    save(config, entry(card=None, problems=("engine: down",)))
    save(config, entry(card=DRAFT), day=WEDNESDAY)
    local = changed(config, engine=EngineSettings(name="local"))

    assert between(config, TUESDAY, WEDNESDAY) == (TUESDAY, WEDNESDAY)
    assert between(local, TUESDAY, WEDNESDAY) == (TUESDAY,)


def test_a_date_that_a_run_began_with_is_to_be_made(config: Config) -> None:
    """Its pages may be missing."""
    save(config)
    Store(config.output).owe(TUESDAY)

    assert between(config, TUESDAY, TUESDAY) == (TUESDAY,)


def test_a_damaged_edition_is_to_be_made(config: Config) -> None:
    """Its run says what is wrong with it."""
    save(config)
    Store(config.output).path(TUESDAY).write_text("{")

    assert between(config, TUESDAY, TUESDAY) == (TUESDAY,)


def test_what_a_rule_in_force_keeps_out_is_not_missing(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the edition is not opened for it."""
    bare = {"card": None, "excluded_by": "exclude: survey"}
    save(
        config,
        excluded=(entry("2603.00002", **bare), entry("2603.00003", **{**bare, "excluded_by": "cross_lists = false"})),
    )
    assert (
        between(
            changed(config, exclude=("survey",), cross_lists=False),
            TUESDAY,
            TUESDAY,
        )
        == ()
    )
    calls: list[date] = []
    monkeypatch.setattr(agenda, "_lacks_nothing", lambda *_: calls.append(TUESDAY))

    between(changed(config, exclude=("survey",), cross_lists=False), TUESDAY, TUESDAY)
    assert calls == []
    between(changed(config, exclude=("other",)), TUESDAY, TUESDAY)
    assert calls == [TUESDAY]


entries = st.lists(
    st.builds(
        lambda state, by, n: entry(
            f"2603.{n:05}",
            title=f"Foo {by}",
            card={"card": card(), "draft": DRAFT, "none": None}[state],
            problems=() if state != "none" else ("engine: down",),
        ),
        st.sampled_from(["card", "draft", "none"]),
        st.sampled_from(["survey", "gates"]),
        st.integers(1, 9),
    ),
    max_size=3,
    unique_by=lambda one: one.paper.arxiv_id,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data(), shown=entries, engine=st.sampled_from(["chat", "local"]))
def test_a_head_tells_the_same_as_the_edition(
    config: Config, data: st.DataObject, shown: list[Entry], engine: str
) -> None:
    """Whatever an edition holds and whatever is asked for, the quick look agrees with the whole one."""
    kept_out = [
        one.model_copy(update={"excluded_by": "exclude: survey", "paper": paper(one.paper.arxiv_id, title="A survey")})
        for one in data.draw(entries)
        if one.paper.arxiv_id not in {other.paper.arxiv_id for other in shown}
    ]
    replaced = [
        entry(f"2601.0000{n}", announce_type="replace", card=found, change=change)
        for n, (found, change) in enumerate(
            data.draw(
                st.lists(
                    st.tuples(st.sampled_from([None, card(), DRAFT]), st.sampled_from([None, CHANGED])), max_size=2
                )
            )
        )
    ]
    source = data.draw(st.sampled_from(["feed", "search", "oai", "file", "sample"]))
    categories = data.draw(st.sampled_from([("cs.CL",), ("cs.*",), ()]))
    one = save(
        config,
        *shown,
        source=source,
        categories=categories,
        keywords=() if categories else ("gates",),
        excluded=tuple(kept_out),
        replacements=tuple(replaced),
    )
    asked = config.model_copy(
        update={
            "categories": data.draw(st.sampled_from([("cs.CL",), ("cs.AI",), ()])),
            "exclude": data.draw(st.sampled_from([(), ("survey",)])),
            "engine": EngineSettings(name=engine),
        }
    )

    assert head_of(one).waiting == len(history.to_summarize(one))
    assert (incomplete(asked, [TUESDAY]) == ()) == agenda._complete(asked, Store(asked.output), TUESDAY)


@pytest.mark.parametrize(
    ("first", "last", "said", "hint"),
    [
        (FRIDAY, MONDAY, "--from 2026-03-20 is later than --to 2026-03-16", None),
        (date(1991, 8, 13), FRIDAY, "--from 1991-08-13: arXiv's first paper is of 1991-08-14", None),
        (MONDAY, date(2026, 3, 23), "the listing of 2026-03-23 is not out yet", "the newest is 2026-03-20"),
        (date(2026, 3, 23), None, "the listing of 2026-03-23 is not out yet", "the newest is 2026-03-20"),
        (
            date(2026, 3, 14),
            date(2026, 3, 15),
            "arXiv has no listing from 2026-03-14 to 2026-03-15",
            "the ones around it are 2026-03-13 and 2026-03-16",
        ),
        (None, FRIDAY, "--from is missing", "such as --from 2026-02-18"),
    ],
)
def test_a_range_that_is_none_is_refused(
    config: Config, first: date | None, last: date | None, said: str, hint: str | None
) -> None:
    """With the fact and, where there is one, the mend."""
    with pytest.raises(ConfigError) as caught:
        between(config, first, last)

    assert said in str(caught.value)
    assert caught.value.hint == hint


def test_holidays_of_ones_own_have_no_listing(config: Config) -> None:
    """A day without a mailing has none on the day after."""
    assert WEDNESDAY not in between(changed(config, arxiv=Arxiv(holidays=(TUESDAY,))))


# ------------------------------------------------------------------------------------------ of files

Write = Callable[..., Order]


@pytest.fixture
def lines(tmp_path: Path) -> Write:
    """Writes a file of rows, one for each date; None names none."""

    def writer(*days: date | None) -> Order:
        rows = (
            {"id": f"2603.{n:05}", "title": "Foo", "abstract": "Foo."} | ({"announced": str(day)} if day else {})
            for n, day in enumerate(days, 1)
        )
        path = tmp_path / "papers.jsonl"
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
        return Order(papers=path)

    return writer


def test_a_file_gives_the_dates_that_it_names(config: Config, lines: Write) -> None:
    """All of them, or those of the range; a Sunday, too."""
    order = lines(FRIDAY, MONDAY, date(2026, 3, 15), MONDAY)

    assert between(config, None, None, order=order) == (date(2026, 3, 15), MONDAY, FRIDAY)
    assert between(config, MONDAY, THURSDAY, order=order) == (MONDAY,)
    assert between(config, None, MONDAY, order=order) == (date(2026, 3, 15), MONDAY)


def test_an_edition_of_files_is_complete_for_files(config: Config, lines: Write) -> None:
    """So that a backfill of a file goes on where it was stopped; rows of other categories are still to be read."""
    order = lines(MONDAY, TUESDAY)
    save(config, source="file")

    assert between(config, None, None, order=order) == (MONDAY,)
    assert between(changed(config, categories=("cs.AI",)), None, None, order=order) == (MONDAY, TUESDAY)
    assert between(changed(config, categories=()), None, None, order=order) == (MONDAY, TUESDAY)


def test_a_range_beside_a_files_dates_is_refused(config: Config, lines: Write) -> None:
    """It says which the file has."""
    with pytest.raises(ConfigError, match="no paper of 2026-03-19 to the end; its 2 dates: 2026-03-16 to 2026-03-17"):
        between(config, THURSDAY, None, order=lines(MONDAY, TUESDAY))


def test_a_file_without_dates_is_of_one_date(config: Config, lines: Write) -> None:
    """Else each date would hold all its papers."""
    order = lines(None, None)

    assert between(config, TUESDAY, TUESDAY, order=order) == (TUESDAY,)
    with pytest.raises(ConfigError, match="its rows name no date of announcement, so each of 5 dates"):
        between(config, order=order)
    with pytest.raises(ConfigError, match="--from is missing"):
        between(config, None, None, order=order)


def test_a_snapshot_covers_its_months(config: Config, tmp_path: Path) -> None:
    """From the first month on to the listing of its newest paper; a range is cut down to that."""
    created = {"2602.00001": "Fri, 30 Jan 2026 20:00:00 GMT", "2603.00001": "Mon, 16 Mar 2026 10:00:00 GMT"}
    rows = (
        {
            "id": one,
            "title": "Foo",
            "abstract": "x",
            "categories": "cs.CL",
            "versions": [{"version": "v1", "created": at}],
        }
        for one, at in created.items()
    )
    path = tmp_path / "bulk.json"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    order, files = Order(papers=path), Files(path, bulk=True)

    days = between(config, None, None, order=order, files=files)

    assert (days[0], days[-1]) == (date(2026, 2, 2), TUESDAY)
    assert between(config, MONDAY, date(2030, 1, 1), order=order, files=files) == (MONDAY, TUESDAY)
    with pytest.raises(ConfigError, match="its listings are those from 2026-02-01 to 2026-03-17"):
        between(config, WEDNESDAY, FRIDAY, order=order, files=files)


def test_a_paper_kept_out_beside_one_without_card_is_looked_at(config: Config) -> None:
    """The edition itself is looked at: a rule of today may keep out the one that lacks its card."""
    out = entry("2603.00002", title="A survey", card=None, excluded_by="exclude: survey")
    save(config, entry(title="A survey, too", card=None, problems=("engine: down",)), excluded=(out,))

    assert between(changed(config, exclude=("survey",)), TUESDAY, TUESDAY) == ()
