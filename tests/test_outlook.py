"""The plan of a backfill: exact where all dates are looked at, reckoned from a few where there are many."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import paper
from hypothesis import given
from hypothesis import strategies as st

from digest import outlook, outlook_text, overview, prompts, schedule, sites
from digest.agenda import Order
from digest.config import Config
from digest.errors import ConfigError, SourceError
from digest.listings import Arxiv, Desk, Files, NotHeldError
from digest.measures import rounded
from digest.models import Listed, Listing
from digest.outlook import Limits, Outlook, look_ahead, spread
from digest.selection import Rules
from digest.settings import Budget, EngineSettings, Price

DAYS = schedule.between(date(2025, 9, 1), date(2026, 3, 20))
PRICE = Price(input=1.0, output=2.0, currency="EUR")


def clock() -> datetime:
    return datetime(2026, 3, 20, 12, tzinfo=UTC)


class Told(Arxiv):
    """Has as many papers of a date as it is told, and remembers what it was asked; no more of arXiv than its name."""

    def __init__(self, papers: Callable[[date], int] = lambda day: 2) -> None:
        self.papers, self.asked = papers, list[date]()

    def listing(self, announced: date, rules: Rules) -> Listing:
        self.asked.append(announced)
        count = self.papers(announced)
        ids = (f"{announced:%y%m}.{announced.day * 100 + n:05}" for n in range(count))
        return Listing(announced, "search", tuple(Listed(paper(one), "new") for one in ids))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    settings = EngineSettings(name="chat", model="m", price=PRICE, requests_per_minute=30)
    site, cache = tmp_path / "site", tmp_path / "cache"
    return Config(output=site, cache=cache, home=tmp_path, engine=settings, categories=("cs.CL",))


def plan(config: Config, days: Sequence[date] = DAYS, desk: Desk | None = None, order: Order = Order()) -> Outlook:  # noqa: B008
    found = look_ahead([(one, days) for one in sites.each(config)], order, desk or Told(), clock)
    assert found
    return found


def engine(config: Config, **fields: Any) -> Config:
    return config.model_copy(update={"engine": EngineSettings(**{**config.engine.model_dump(), **fields})})


def lines(folder: Path, days: Iterable[date]) -> Path:
    rows = (
        {"id": f"2603.{n:05}", "title": "Foo", "abstract": "x", "announced": str(day)} for n, day in enumerate(days, 1)
    )
    path = folder / "papers.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


# ------------------------------------------------------------------------------------------ which dates


@given(st.dates(date(2000, 1, 1), date(2030, 1, 1)), st.integers(0, 400), st.integers(1, 15))
def test_the_dates_looked_at_are_spread(first: date, count: int, most: int) -> None:
    """Each once, in order, one out of each part of the range."""
    days = [first + timedelta(days=n) for n in range(count)]

    found = spread(days, most)

    assert list(found) == sorted(set(found) & set(days))
    assert len(found) == min(count, most)
    gaps = [later.toordinal() - earlier.toordinal() for earlier, later in pairwise(found)]
    assert max(gaps, default=0) <= 2 * (count / most + 1)


def test_each_weekday_is_looked_at_as_often() -> None:
    """Tuesday's listing holds a weekend: ten Tuesdays would tell twice too much."""
    found = spread(schedule.between(date(2020, 1, 1), date(2024, 12, 31)), outlook.MOST)

    assert sorted(day.weekday() for day in found) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_a_short_range_is_looked_at_whole(config: Config) -> None:
    """Its numbers are exact; nothing is made."""
    found = plan(config, DAYS[:7], Told(lambda day: day.day))

    assert found.is_exact
    assert found.papers == found.requests == sum(day.day for day in DAYS[:7])
    assert (found.first, found.last, found.dates, found.looked_at, found.editions) == (DAYS[0], DAYS[6], 7, 7, 7)
    assert not config.output.exists()


def test_of_a_long_range_a_few_dates_stand_for_all(config: Config) -> None:
    """The mean of what they hold; arXiv is asked for those alone."""
    desk = Told(lambda day: 10 if day.weekday() == 1 else 5)

    found = plan(config, DAYS, desk)

    assert (found.looked_at, len(desk.asked), found.is_exact) == (10, 10, False)
    assert found.papers == found.requests == 6 * len(DAYS)


def test_more_dates_of_a_file_are_looked_at_than_of_arxiv(config: Config, tmp_path: Path) -> None:
    """It costs nobody anything."""
    order = Order(papers=lines(tmp_path, DAYS))
    files = Files(lines(tmp_path, DAYS), bulk=True)

    assert plan(config, DAYS[:60], files, order).is_exact
    found = plan(config, DAYS, files, order)
    assert (found.looked_at, found.papers, found.from_arxiv, found.collecting_requests) == (60, len(DAYS), False, 0)


def test_a_listing_serves_all_languages(config: Config) -> None:
    """Each asks for its own cards; papers count once, and arXiv is asked of a date in a row."""
    desk = Told()
    several = config.model_copy(update={"languages": ("zh-Hans", "ja")})

    found = plan(several, DAYS[:3], desk)

    assert desk.asked == [day for day in DAYS[:3] for _ in range(2)]
    assert (found.papers, found.requests, found.editions, found.dates) == (6, 12, 6, 3)
    assert [(one.language, one.requests) for one in found.languages] == [("zh-Hans", 6), ("ja", 6)]
    assert found.collecting_requests == 3 * (1 + outlook.BORDERS)


def test_a_language_with_dates_of_its_own_is_looked_at_there(config: Config) -> None:
    """Its edition may be there for most of the range."""
    one, other = sites.each(config.model_copy(update={"languages": ("zh-Hans", "ja")}))

    found = look_ahead([(one, DAYS), (other, DAYS[-2:])], Order(), Told(), clock)

    assert found
    assert [(share.language, share.dates, share.requests) for share in found.languages] == [
        ("zh-Hans", len(DAYS), 2 * len(DAYS)),
        ("ja", 2, 4),
    ]


def test_languages_with_dates_of_their_own_share_the_dates_of_a_file(config: Config, tmp_path: Path) -> None:
    """Each set of dates has its part of those that a file allows, not of those that arXiv does."""
    one, other = sites.each(config.model_copy(update={"languages": ("zh-Hans", "ja")}))
    files = Files(lines(tmp_path, DAYS), bulk=True)

    found = look_ahead([(one, DAYS[:69]), (other, DAYS[69:])], Order(papers=files.path), files, clock)

    assert found
    assert (found.looked_at, found.papers) == (60, len(DAYS))


def test_nothing_to_make_is_no_plan(config: Config) -> None:
    """In no language."""
    assert look_ahead([(config, ())], Order(), Told(), clock) is None


def test_dates_that_files_lack_take_nothing(config: Config) -> None:
    """They count among those that were looked at."""

    def held(day: date) -> int:
        if day != DAYS[0]:
            raise NotHeldError("no paper of that date")
        return 4

    found = plan(config, DAYS[:4], Told(held))

    assert (found.papers, found.looked_at, found.is_exact) == (4, 4, True)


def test_a_date_that_arxiv_does_not_give_is_told_of(config: Config) -> None:
    """The others stand for it."""

    def given(day: date) -> int:
        if day == DAYS[1]:
            raise SourceError("not in the index")
        return 4

    found = plan(config, DAYS[:4], Told(given))

    assert (found.unheard, found.looked_at, found.papers) == ((DAYS[1],), 3, 16)


def test_without_arxiv_there_is_no_plan(config: Config) -> None:
    """After two dates nobody waits for the third."""

    def given(day: date) -> int:
        raise SourceError(f"down on {day}")

    desk = Told(given)
    with pytest.raises(SourceError, match=f"down on {spread(DAYS, outlook.MOST)[0]}"):
        plan(config, DAYS, desk)
    assert len(desk.asked) == 2


# ------------------------------------------------------------------------------------------ what they take


def test_money_and_tokens_are_those_of_the_estimates(config: Config) -> None:
    """Times the dates, in the price's currency; as a batch at half the price."""
    one = overview.estimate(config, Order(DAYS[0]), Told(), clock)
    found, batch = plan(config, DAYS[:10]), plan(engine(config, name="batch"), DAYS[:10])

    assert (found.prompt_tokens, found.completion_tokens) == (10 * one.prompt_tokens, 20 * prompts.REPLY_TOKENS)
    assert one.money is not None
    assert found.money == pytest.approx(10 * one.money)
    assert batch.money == pytest.approx(5 * one.money)
    assert (found.currency, found.model) == ("EUR", "m")
    assert (batch.seconds, batch.per_minute) == (None, None)


def test_without_a_price_no_money_is_told(config: Config) -> None:
    """Not even nought."""
    found = plan(engine(config, price=None, model="unheard-of"))

    assert (found.money, found.currency) == (None, None)


def test_hours_are_those_of_the_limits(config: Config) -> None:
    """30 requests a minute; without that, 16 at once of 10 seconds each."""
    found, free = plan(config, DAYS[:9]), plan(engine(config, requests_per_minute=None), DAYS[:9])

    assert (found.per_minute, found.held_by) == (30.0, ("requests_per_minute",))
    assert found.seconds == pytest.approx(36.0)
    assert (free.per_minute, free.held_by) == (96.0, ("concurrency",))


def test_endpoints_add_up(config: Config) -> None:
    """Each with its own limits; what one does not say is the engine's."""
    places = (
        SimpleNamespace(concurrency=4, requests_per_minute=None, tokens_per_minute=None),
        SimpleNamespace(concurrency=None, requests_per_minute=10.0, tokens_per_minute=None),
    )
    settings = SimpleNamespace(concurrency=16, endpoint=places)

    found = outlook.limits_of(SimpleNamespace(engine=settings))  # type: ignore[arg-type]

    assert found == (Limits(4), Limits(16, 10.0))
    assert [one.pace(1000.0)[0] for one in found] == [24.0, 10.0]
    assert outlook.limits_of(config) == (Limits(16, 30.0),)


def test_a_model_of_this_machine_is_free_of_charge(config: Config) -> None:
    """And is asked one by one."""
    settings = EngineSettings(name="local", model="draft")

    found = plan(config.model_copy(update={"engine": settings}), DAYS[:2])

    assert (found.money, found.per_minute) == (0.0, 6.0)


def test_what_exceeds_the_budget_is_noted(config: Config) -> None:
    """With how many days it takes."""
    found = plan(config, DAYS[:10])
    assert found.money
    budget = Budget(per_run=found.money / 2, per_day=found.money / 2.5, per_month=found.money * 2, tokens_per_day=0)

    said = list(outlook.budget_words(config.model_copy(update={"budget": budget}), found))

    assert [line.split(" is ")[0] for line in said] == ["budget.per_run", "budget.per_day", "budget.tokens_per_day"]
    assert said[1].endswith("EUR, so it takes 3 of them")


def test_a_machine_gets_the_same(config: Config) -> None:
    """As JSON."""
    told = json.loads(json.dumps(outlook.record(plan(config)), default=str))

    assert (told["dates"], told["looked_at"], told["is_exact"]) == (len(DAYS), 10, False)
    assert told["disk_bytes"] == told["edition_bytes"] + told["page_bytes"] + told["reply_bytes"]


# ------------------------------------------------------------------------------------------ as text


def test_the_plan_of_few_dates_is_exact(config: Config) -> None:
    """A line for each kind of thing, and what that rests on."""
    found = plan(config, DAYS[:2])

    assert outlook_text.text(found, ["note this"]).splitlines() == [
        "plan: 2 dates, 2025-09-01 to 2025-09-03",
        "  papers      4",
        "  requests    4",
        f"  tokens      about {rounded(found.prompt_tokens)} in, 2,200 out",
        f"  money       about {found.money:.4f} EUR",
        "  time        about 8 s: 30 requests a minute (requests_per_minute)",
        "  collecting  24 s beside it: 8 requests to arXiv at most",
        "  disk        about 50 kB: editions 16 kB, pages 30 kB, replies 4 kB",
        "price of m: 1 in, 2 out, EUR for a million tokens (digest.toml)",
        "without repairs; what the service has in its own cache costs less",
        "note: note this",
    ]


def test_the_plan_of_many_dates_says_what_it_is_reckoned_from(config: Config) -> None:
    """And by language, where there are several; an assumed time of a reply is named."""
    several = engine(config, requests_per_minute=None).model_copy(update={"languages": ("zh-Hans", "ja")})

    said = outlook_text.text(plan(several))

    assert f"plan: {len(DAYS)} dates, 2025-09-01 to 2026-03-20, {2 * len(DAYS)} editions in 2 languages" in said
    assert f"reckoned from 10 of {len(DAYS)} dates" in said
    assert f"    ja        {len(DAYS)} dates, {2 * len(DAYS)} requests, " in said
    assert "96 requests a minute (concurrency)" in said
    assert "a reply is taken to need 10 s" in said


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"seconds": None, "engine": "batch"}, "within a day of each batch"),
        ({"engine": "batch"}, "EUR, half of the full price as a batch"),
        ({"money": None, "price": None}, "unknown: no price of m is known"),
        ({"money": None, "price": None}, '[prices."m"] in digest.toml'),
        ({"requests": 0}, "requests    none: all is there or in the cache"),
        ({"endpoints": 3}, "a minute at 3 endpoints"),
        ({"unheard": (DAYS[0],)}, "could not be had, and are not reckoned with: 2025-09-01"),
    ],
)
def test_what_is_different_is_said(config: Config, fields: dict[str, Any], said: str) -> None:
    """A batch, a price that is not known, a cache that has all, several endpoints, a date that failed."""
    assert said in outlook_text.text(replace(plan(config, DAYS[:2]), **fields))


def test_no_line_of_a_plan_is_long(config: Config) -> None:
    """Ten years of millions fit into a terminal of a hundred characters."""
    found = replace(
        plan(config), papers=1_234_567, requests=3_703_701, prompt_tokens=4 * 10**9, completion_tokens=2 * 10**9
    )

    assert max(map(len, outlook_text.text(found).splitlines())) <= 100


def test_a_plan_of_nothing_asked_for_is_the_configs_fault(config: Config) -> None:
    """As a run's."""
    bare = config.model_copy(update={"categories": ()})

    with pytest.raises(ConfigError, match="nothing to collect"):
        plan(bare, DAYS[:2], Arxiv(bare, clock))
