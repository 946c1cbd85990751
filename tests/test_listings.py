"""Which of arXiv's interfaces is asked for a date, when two are heard, and what files have of it."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from fakes import edition, entry, paper
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sources.documents import (
    HTML,
    Answer,
    Canned,
    harvestable,
    index,
    numbered,
    oai_error,
    parameters,
    rss,
    rss_item,
)

from digest import filed, listings, schedule
from digest.agenda import SAMPLE_DATE
from digest.config import Config
from digest.errors import ConfigError, RecordError, SourceError
from digest.listings import Arxiv, Files, completed
from digest.models import KeywordTables, Listing, Paper
from digest.selection import Rule, Rules
from digest.settings import Arxiv as Settings
from digest.sources.snapshot import Seen, Snapshot

TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (date(2026, 3, day) for day in (17, 18, 19, 20))
HOUR, A_DAY = timedelta(hours=1), timedelta(days=1)
OTHER = ("math.CO", "cs.DM")
KINDS = (("cs.CL", "cs.AI"), ("stat.ML", "cs.CL"), ("hep-th",), *[OTHER] * 5)  # of the papers in turn
BACK = tuple(n * HOUR for n in (1, 3, 8, 20, 30, 50, 51, 100))  # how long before its window a held paper was sent in

DAYS = (TUESDAY, WEDNESDAY, THURSDAY, FRIDAY)
WORLD = {day: numbered(day, 5000 + 308 * n, KINDS, held=BACK, regular=300) for n, day in enumerate(DAYS)}
CL = Rules(categories=("cs.CL",))
DOWN: Callable[[str], Answer] = lambda url: (404, HTML)  # noqa: E731
NOTHING: Callable[[str], Answer] = lambda url: oai_error("noRecordsMatch")  # noqa: E731


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def up_to(day: date) -> list[Paper]:
    """All that was announced until a date."""
    return [one for announced, papers in WORLD.items() if announced <= day for one in papers]


def changed(day: date) -> dict[Paper, date]:
    """The same with the days when they were announced."""
    return {one: announced for announced, papers in WORLD.items() if announced <= day for one in papers}


SEARCH, OAI = index(*up_to(FRIDAY)), harvestable(changed(FRIDAY))


def due(papers: Iterable[Paper], category: str = "cs.CL") -> list[str]:
    """The papers of a category, new ones before cross-lists."""
    found = [one for one in papers if category in one.categories]
    return [one.arxiv_id for one in sorted(found, key=lambda one: one.categories[0] != category)]


def ids(listing: Listing) -> list[str]:
    return [item.paper.arxiv_id for item in listing.items]


class Desk(Arxiv):
    """Asks stand-ins for arXiv's interfaces, and tells which it has asked."""

    def __init__(
        self,
        cache: Path,
        search: Callable[[str], Answer] = SEARCH,
        oai: Callable[[str], Answer] | None = OAI,
        feed: Callable[[str], Answer] = DOWN,
        now: datetime = datetime(2026, 3, 21, 12, tzinfo=UTC),
        days: Sequence[date] = (),
        fresh: bool = False,
        holidays: tuple[date, ...] = (),
    ) -> None:
        arxiv = Settings(
            api="http://search/q",
            rss="http://feed",
            oai="http://oai/x" if oai else None,
            page_size=500,
            holidays=holidays,
        )
        super().__init__(Config(arxiv=arxiv, cache=cache), lambda: now, days, fresh)
        ways = {"search": search, "oai": oai or DOWN, "feed": feed}
        self.canned = Canned(lambda url: ways[url.split("/")[2]](url), self._answers())
        self.__dict__["session"] = self.canned  # in the place of the cached one

    @property
    def asked(self) -> list[str]:
        """The interfaces in the order of the requests; those that follow each other once."""
        names = [url.split("/")[2] for url in self.canned.asked]
        return [name for n, name in enumerate(names) if names[n - 1 : n] != [name]]


@pytest.fixture
def desk(tmp_path: Path) -> Callable[..., Desk]:
    return partial(Desk, tmp_path)


Open = Callable[..., Desk]

# ------------------------------------------------------------------------------------------ which witness


def test_the_feed_is_asked_while_it_is_out(desk: Open) -> None:
    """It is exact; the search adds what the feed does not tell, and OAI-PMH is left in peace."""
    announced = [one for one in WORLD[FRIDAY] if "cs.CL" in one.categories]
    page = rss(FRIDAY, *(rss_item(one, "new" if one.categories[0] == "cs.CL" else "cross") for one in announced))
    asking = desk(feed=lambda url: page, now=noon(FRIDAY), days=(THURSDAY, FRIDAY))

    listing = asking.listing(FRIDAY, CL)

    assert (asking.asked, listing.source, listing.notes) == (["feed", "search"], "feed", ())
    assert [item.paper.submitted for item in listing.items] == [one.submitted for one in announced]


def test_a_feed_stands_without_the_search(desk: Open) -> None:
    """What it does not know is named; what the feed says is what counts."""
    papers = WORLD[FRIDAY][:4]
    page = rss(FRIDAY, *(rss_item(one, "cross") for one in papers))
    now = noon(FRIDAY)

    late = desk(search=index(*papers[:3]), feed=lambda url: page, now=now).listing(FRIDAY, CL)
    down = desk(search=DOWN, feed=lambda url: page, now=now, fresh=True).listing(FRIDAY, CL)

    assert ids(late) == ids(down) == [one.arxiv_id for one in papers]
    assert [item.paper.submitted is None for item in late.items] == [False, False, False, True]
    assert [item.paper.submitted for item in down.items] == [None] * 4
    assert "does not know 1 of 4 papers yet" in late.notes[0]
    assert "does not know 4 of 4 papers yet" in down.notes[0]


def test_replacements_are_not_looked_up(desk: Open) -> None:
    """They may be hundreds, and nothing of them is missing that is shown."""
    one, other = WORLD[FRIDAY][:2]
    page = rss(FRIDAY, rss_item(one), rss_item(other, "replace"))
    asking = desk(feed=lambda url: page, now=noon(FRIDAY))

    asking.listing(FRIDAY, CL)

    assert parameters(asking.canned.asked[-1])["id_list"] == one.arxiv_id


def test_a_feed_that_moved_on_makes_the_date_a_past_one(desk: Open) -> None:
    """Midnight in New York went by since the run began: the search tells the day as well."""
    page = rss(FRIDAY, rss_item(WORLD[FRIDAY][0]))
    asking = desk(feed=lambda url: page, now=noon(THURSDAY))

    listing = asking.listing(THURSDAY, CL)

    assert (asking.asked, listing.source) == (["feed", "search"], "search")
    assert ids(listing) == due(WORLD[THURSDAY])


def test_yesterdays_feed_is_no_listing_of_today(desk: Open) -> None:
    """It is too early: nothing else is asked, and nothing is made up."""
    page = rss(THURSDAY, rss_item(WORLD[THURSDAY][0]))

    with pytest.raises(SourceError, match="not out yet"):
        desk(feed=lambda url: page, now=noon(FRIDAY)).listing(FRIDAY, CL)


def test_a_past_date_is_asked_of_the_search(desk: Open) -> None:
    """Alone, where it knows what came after."""
    asking = desk(days=(WEDNESDAY,))

    listing = asking.listing(WEDNESDAY, CL)

    assert (asking.asked, listing.source, listing.doubt) == (["search"], "search", None)
    assert ids(listing) == due(WORLD[WEDNESDAY])


def test_several_dates_are_harvested_at_once(desk: Open) -> None:
    """From the listing before the first of them, whichever comes first; then nothing more is asked."""
    asking = desk(days=(WEDNESDAY, THURSDAY))

    found = {day: asking.listing(day, CL) for day in (THURSDAY, WEDNESDAY)}

    assert [parameters(url).get("from") for url in asking.canned.asked] == ["2026-03-17"]
    assert {day: ids(listing) for day, listing in found.items()} == {
        day: due(WORLD[day]) for day in (WEDNESDAY, THURSDAY)
    }
    assert {(listing.source, listing.doubt, listing.notes) for listing in found.values()} == {
        ("oai", None, (listings.FROM_OAI,))
    }


@pytest.mark.parametrize(
    ("days", "now", "first"),
    [
        ((WEDNESDAY, THURSDAY), date(2026, 3, 25), "oai"),  # six listings, two of them wanted
        ((WEDNESDAY, THURSDAY), date(2026, 3, 26), "search"),  # seven
        ((date(2026, 2, 2), WEDNESDAY), date(2026, 3, 25), "search"),
        ((WEDNESDAY,), THURSDAY, "search"),
        ((TUESDAY, THURSDAY), FRIDAY, "search"),  # another date than those that were said before
    ],
)
def test_a_harvest_must_be_worth_it(desk: Open, days: tuple[date, ...], now: date, first: str) -> None:
    """It covers all listings up to now: most of them should be wanted, and more than one."""
    asking = desk(days=days, now=noon(now))

    asking.listing(WEDNESDAY, CL)

    assert asking.asked == [first]


def test_dates_of_long_ago_do_not_spoil_a_harvest(desk: Open) -> None:
    """They are asked of the search, the near ones are harvested."""
    asking = desk(days=(date(2025, 11, 3), WEDNESDAY, THURSDAY), now=noon(FRIDAY))

    assert ids(asking.listing(THURSDAY, CL)) == due(WORLD[THURSDAY])
    assert asking.asked == ["oai"]
    with pytest.raises(SourceError, match="search index has nothing for 2025-11-03"):
        asking.listing(date(2025, 11, 3), CL)
    assert asking.asked == ["oai", "search"]


@pytest.mark.parametrize(("count", "first"), [(65, "oai"), (66, "search")])
def test_a_harvest_is_no_longer_than_a_quarter(desk: Open, count: int, first: str) -> None:
    """However many dates are wanted: it is kept in memory."""
    days = schedule.between(WEDNESDAY, date(2026, 7, 31))[:count]
    asking = desk(days=days, now=noon(days[-1]))

    asking.listing(WEDNESDAY, CL)
    asking.listing(THURSDAY, CL)

    assert asking.asked == list(dict.fromkeys((first, "oai")))


@pytest.mark.parametrize(("now", "asked"), [(date(2026, 3, 31), ["search", "oai"]), (date(2026, 4, 1), ["search"])])
def test_oai_is_a_second_witness_for_two_weeks(desk: Open, now: date, asked: list[str]) -> None:
    """For a single date of longer ago a harvest up to now would take too much."""
    asking = desk(search=DOWN, oai=DOWN, now=noon(now))

    with pytest.raises(SourceError):
        asking.listing(WEDNESDAY, CL)

    assert asking.asked == asked


def test_configured_holidays_have_no_listing(desk: Open) -> None:
    """They don't count for a harvest, and Thursday's window begins on Monday if nothing is mailed on Tuesday."""
    holidays = (TUESDAY, date(2026, 3, 24))
    near = desk(days=(WEDNESDAY, THURSDAY), now=noon(date(2026, 3, 26)), holidays=holidays[1:])
    longer = desk(holidays=holidays)

    near.listing(WEDNESDAY, CL)
    longer.listing(THURSDAY, CL)

    assert near.asked == ["oai"]
    assert parameters(longer.canned.asked[0])["search_query"].endswith("[202603161800 TO 202603182100]")


@pytest.mark.parametrize("days", [(WEDNESDAY,), (WEDNESDAY, THURSDAY)])
def test_where_only_the_search_has_a_stand_in_oai_is_not_asked(desk: Open, days: tuple[date, ...]) -> None:
    """An address of one's own for the search alone means: not arXiv's."""
    asking = desk(oai=None, days=days)

    assert ids(asking.listing(WEDNESDAY, CL)) == due(WORLD[WEDNESDAY])
    assert asking.asked == ["search"]


@pytest.mark.parametrize("now", [FRIDAY, THURSDAY])
def test_keywords_alone_are_asked_of_the_search(desk: Open, now: date) -> None:
    """Neither feed nor OAI-PMH go by keyword, not even on the day itself."""
    rules = Rules(sections=(Rule("Foo", ("foo 5617", "foo 5700")),))
    asking = desk(days=(WEDNESDAY, THURSDAY), now=noon(now))

    assert ids(asking.listing(THURSDAY, rules)) == ["2603.05617", "2603.05700"]
    assert asking.asked == ["search"]


def test_nothing_asked_for_is_the_configs_fault(desk: Open) -> None:
    """Before anyone is asked."""
    with pytest.raises(ConfigError, match="no category and no keyword"):
        desk().listing(FRIDAY, Rules())


# ------------------------------------------------------------------------------------------ two witnesses

LATE = index(*up_to(WEDNESDAY), *WORLD[THURSDAY][:200])  # the search lacks the last third of Thursday
TO_THURSDAY = harvestable(changed(THURSDAY))


def test_a_search_that_may_be_late_is_joined_by_oai(desk: Open) -> None:
    """It knows nothing newer; what either knows was announced."""
    asking = desk(search=LATE, oai=TO_THURSDAY)

    listing = asking.listing(THURSDAY, CL)

    assert ids(listing) == due(WORLD[THURSDAY])
    assert (asking.asked, listing.source, listing.doubt) == (["search", "oai"], "search", None)
    assert listings.UNSURE not in listing.notes


def test_what_only_one_of_two_knows_is_logged(desk: Open, caplog: pytest.LogCaptureFixture) -> None:
    """So that a fault of arXiv's can be told from one of ours."""
    desk(search=LATE, oai=TO_THURSDAY).listing(THURSDAY, CL)

    missing = len(due(WORLD[THURSDAY][200:]))
    assert f"{missing} papers of 2026-03-19 are known to one of arXiv's interfaces only" in caplog.text


def test_an_oai_that_may_be_late_is_joined_by_the_search(desk: Open) -> None:
    """The other way round, where a harvest comes first."""
    oai = harvestable({one: day for one, day in changed(THURSDAY).items() if one not in WORLD[THURSDAY][200:]})
    asking = desk(search=index(*up_to(THURSDAY)), oai=oai, days=(WEDNESDAY, THURSDAY))

    listing = asking.listing(THURSDAY, CL)

    assert ids(listing) == due(WORLD[THURSDAY])
    assert (asking.asked, listing.source) == (["oai", "search"], "oai")


@pytest.mark.parametrize("oai", [DOWN, NOTHING])
def test_without_oai_the_search_is_enough(desk: Open, oai: Callable[[str], Answer]) -> None:
    """A harvest of nothing at all is none either: papers are announced on every listing day."""
    asking = desk(oai=oai, days=(WEDNESDAY, THURSDAY))

    listing = asking.listing(WEDNESDAY, CL)

    assert (asking.asked, listing.source) == (["oai", "search"], "search")
    assert ids(listing) == due(WORLD[WEDNESDAY])


def test_without_the_search_oai_is_enough(desk: Open) -> None:
    """Where it knows something newer."""
    asking = desk(search=DOWN)

    listing = asking.listing(WEDNESDAY, CL)

    assert (asking.asked, listing.source) == (["search", "oai"], "oai")
    assert ids(listing) == due(WORLD[WEDNESDAY])


@pytest.mark.parametrize(
    ("days", "oai", "error"),
    [
        ((), DOWN, "arXiv's search: HTTP 404"),
        ((WEDNESDAY, THURSDAY), DOWN, "arXiv's OAI-PMH: HTTP 404"),
        ((WEDNESDAY, THURSDAY), NOTHING, "arXiv's OAI-PMH has nothing for 2026-03-18 yet"),
    ],
)
def test_of_two_failures_the_first_is_told(
    desk: Open, days: tuple[date, ...], oai: Callable[[str], Answer], error: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The other one is in the log."""
    with pytest.raises(SourceError, match=error):
        desk(search=DOWN, oai=oai, days=days).listing(WEDNESDAY, CL)

    assert "arXiv's search: HTTP 404" in caplog.text
    assert "arXiv's OAI-PMH" in caplog.text


def test_an_oai_that_has_only_the_listing_before_is_not_believed(desk: Open) -> None:
    """Nothing in it was submitted in the window, so no border shows: its papers are of other dates."""
    asking = desk(search=DOWN, oai=harvestable(changed(WEDNESDAY)), days=(THURSDAY, FRIDAY))

    with pytest.raises(SourceError, match="OAI-PMH has nothing for 2026-03-19 yet, nor anything newer"):
        asking.listing(THURSDAY, CL)


def test_a_quiet_category_may_have_nothing_on_a_date(desk: Open) -> None:
    """OAI-PMH alone is not believed: the search must know other papers of that time, and none of the category."""
    quiet = {**changed(FRIDAY), WORLD[FRIDAY][40].model_copy(update={"categories": ("cs.GL",)}): FRIDAY}
    asking = desk(oai=harvestable(quiet), days=(WEDNESDAY, THURSDAY))

    assert asking.listing(THURSDAY, Rules(categories=("cs.GL",))).items == ()
    assert asking.asked == ["oai", "search"]


@pytest.mark.parametrize("oai", [None, DOWN])
def test_a_search_that_knows_nothing_newer_says_so(desk: Open, oai: Callable[[str], Answer] | None) -> None:
    """It reaches the end of the window, so it may have all."""
    listing = desk(search=index(*up_to(THURSDAY)), oai=oai).listing(THURSDAY, CL)

    assert ids(listing) == due(WORLD[THURSDAY])
    assert listing.notes[-1] == listings.UNSURE


def test_a_search_that_does_not_reach_the_freeze_is_late(desk: Open) -> None:
    """The last papers of the window are missing for sure."""
    with pytest.raises(SourceError, match="does not know the last papers of 2026-03-19 yet"):
        desk(search=LATE, oai=None).listing(THURSDAY, CL)


def test_an_oai_in_doubt_is_no_listing_without_the_search(desk: Open) -> None:
    """Nobody can say whether it is late."""
    with pytest.raises(SourceError, match="HTTP 404"):
        desk(search=DOWN, oai=TO_THURSDAY).listing(THURSDAY, CL)


# ------------------------------------------------------------------------------------------ harvests


def test_an_earlier_date_is_harvested_anew(desk: Open) -> None:
    """A harvest that begins later lacks its papers."""
    asking = desk(search=DOWN)

    assert ids(asking.listing(THURSDAY, CL)) == due(WORLD[THURSDAY])
    assert ids(asking.listing(WEDNESDAY, CL)) == due(WORLD[WEDNESDAY])
    assert ids(asking.listing(THURSDAY, CL)) == due(WORLD[THURSDAY])
    assert [parameters(url)["from"] for url in asking.canned.asked if "oai" in url] == ["2026-03-18", "2026-03-17"]


def test_a_date_beside_the_others_is_harvested_for_itself(desk: Open) -> None:
    """From the listing before it, however early the others begin."""
    asking = desk(search=DOWN, days=(TUESDAY, THURSDAY))

    assert ids(asking.listing(WEDNESDAY, CL)) == due(WORLD[WEDNESDAY])
    assert parameters(asking.canned.asked[-1])["from"] == "2026-03-17"


def test_other_categories_are_harvested_anew(desk: Open) -> None:
    """Each has its own."""
    asking = desk(days=(WEDNESDAY, THURSDAY))

    asking.listing(WEDNESDAY, CL)

    assert ids(asking.listing(WEDNESDAY, Rules(categories=("hep-th",)))) == due(WORLD[WEDNESDAY], "hep-th")
    assert len(asking.canned.asked) == 2


def test_papers_that_changed_since_are_where_they_were_announced(desk: Open) -> None:
    """A replacement moves the day of the change, not the identifier."""
    moved = {one: FRIDAY if n % 3 == 0 else day for n, (one, day) in enumerate(changed(FRIDAY).items())}

    listing = desk(oai=harvestable(moved, 50), days=(WEDNESDAY, THURSDAY)).listing(WEDNESDAY, CL)

    assert ids(listing) == due(WORLD[WEDNESDAY])


def test_what_was_asked_today_is_not_asked_again_but_for_a_refresh(desk: Open) -> None:
    """By any run of the same US Eastern day."""
    morning, evening = datetime(2026, 3, 21, 5, tzinfo=UTC), datetime(2026, 3, 22, 3, tzinfo=UTC)
    desk(now=morning).listing(WEDNESDAY, CL)
    again, refreshed, next_day = desk(now=evening), desk(now=evening, fresh=True), desk(now=evening + 2 * HOUR)

    for asking in (again, refreshed, next_day):
        assert ids(asking.listing(WEDNESDAY, CL)) == due(WORLD[WEDNESDAY])

    assert again.asked == []
    assert refreshed.asked == next_day.asked == ["search"]


backs = st.lists(st.timedeltas(HOUR / 4, timedelta(days=20)), min_size=1, max_size=40)


@settings(max_examples=3, deadline=None, phases=(Phase.reuse, Phase.generate))  # shrinking would take minutes
@given(st.tuples(backs, backs, backs), st.integers(), st.integers(0, 5))
def test_every_way_gives_exactly_what_was_announced(
    tmp_path_factory: pytest.TempPathFactory, held: Sequence[Sequence[timedelta]], seed: int, kinds: int
) -> None:
    """Whatever was held back for however long, in a category that every paper has as in one that every sixth has."""
    world: dict[date, list[Paper]] = {}
    number = 5000
    for day, back in zip(DAYS, ((), *held), strict=True):
        world[day] = numbered(day, number, (KINDS[0], *[OTHER] * kinds), held=back, regular=300)
        number += len(world[day])
    papers = {one: day for day, announced in world.items() for one in announced}
    shuffled = Random(seed).sample(list(papers), len(papers))
    ways = {"search": (), "oai": (WEDNESDAY, THURSDAY)}

    for way, days in ways.items():
        cache = tmp_path_factory.mktemp("cache")
        asking = Desk(cache, index(*shuffled), harvestable(papers), days=days)
        assert (way, ids(asking.listing(THURSDAY, CL))) == (way, due(world[THURSDAY]))
        assert asking.asked == [way]


# ------------------------------------------------------------------------------------------ tables of keywords

NOON = datetime(2026, 3, 19, 12, tzinfo=UTC)
NEWEST = [paper(f"2603.{n:05}", title=f"Foo {n}", updated=NOON - n * HOUR) for n in range(10, 70)]
FOO = Rule("Foo", ("foo",))
MORE = [paper(f"2603.{n:05}", title=f"Foo {n}", updated=NOON + n * HOUR) for n in (3, 2, 1)]
THEN, NEXT = NOON, NOON + A_DAY
LIMITS = {"Foo": 30, "Bar": 2}


def tables(asking: Desk, saved: KeywordTables | None = None, *rules: Rule, **limits: int) -> KeywordTables:
    return asking.tables(saved, Rules(sections=rules or (FOO,)), {**LIMITS, **limits})


@pytest.fixture
def saved(desk: Open) -> KeywordTables:
    """The table as it was on Thursday."""
    return tables(desk(search=index(*NEWEST), now=THEN))


def sizes(asking: Desk) -> list[str]:
    return [parameters(url)["max_results"] for url in asking.canned.asked]


def test_a_table_is_filled_with_the_newest(desk: Open) -> None:
    """As many as its limit, by time of update."""
    asking = desk(search=index(*NEWEST), now=THEN)

    found = tables(asking)

    assert (found.updated, [one.title for one in found.tables]) == (THURSDAY, ["Foo"])
    assert found.tables[0].papers == tuple(NEWEST[:30])
    assert sizes(asking) == ["30"]


def test_a_table_is_kept_up_by_its_first_papers(desk: Open, saved: KeywordTables) -> None:
    """Newer ones come before, the oldest fall out; a new version takes the place of the old."""
    again = NEWEST[20].model_copy(update={"version": 2, "updated": NOON + HOUR / 2})
    asking = desk(search=index(*MORE, again, *NEWEST[:20], *NEWEST[21:]), now=NEXT)

    found = tables(asking, saved)

    assert sizes(asking) == ["25"]
    assert found.updated == FRIDAY
    assert found.tables[0].papers == (*MORE, again, *NEWEST[:20], *NEWEST[21:27])


def test_a_table_is_brought_up_to_date_once_a_listing_day(desk: Open, saved: KeywordTables) -> None:
    """Also on a Saturday: nothing is announced then. A refresh asks all the same."""
    same, refreshed = desk(search=DOWN, now=THEN + 6 * HOUR), desk(search=index(*NEWEST), now=THEN, fresh=True)
    friday = desk(search=index(*NEWEST), now=NEXT)

    assert tables(same, saved) is saved
    assert tables(refreshed, saved) == saved
    assert refreshed.asked == ["search"]
    assert tables(desk(search=DOWN, now=NEXT + A_DAY), tables(friday, saved)).updated == FRIDAY


@pytest.mark.parametrize(
    "rules",
    [(Rule("Foo", ("foo", "gated")),), (Rule("Foo", ("foo",), exclude=("survey",)),), (FOO, Rule("Bar", ("bar",)))],
)
def test_another_question_is_asked_the_same_day(desk: Open, saved: KeywordTables, rules: tuple[Rule, ...]) -> None:
    """A changed query starts its table anew; a new section gets one."""
    asking = desk(search=index(*MORE, *NEWEST), now=THEN)

    found = tables(asking, saved, *rules)

    assert [one.title for one in found.tables] == [rule.title for rule in rules]
    assert sizes(asking)[0] == ("25" if rules[0] == FOO else "30")
    assert found.tables[0].papers == (*MORE, *NEWEST[:27])


def test_a_section_that_is_gone_has_no_table(desk: Open, saved: KeywordTables) -> None:
    """The others stay."""
    both = tables(desk(search=index(*NEWEST), now=THEN), saved, FOO, Rule("Bar", ("bar",)))

    assert [one.title for one in tables(desk(search=index(*NEWEST), now=THEN), both).tables] == ["Foo"]


def test_a_smaller_limit_holds_at_once(desk: Open, saved: KeywordTables) -> None:
    """The newest stay."""
    assert tables(desk(search=index(*NEWEST), now=THEN), saved, Foo=7).tables[0].papers == tuple(NEWEST[:7])


def test_a_greater_limit_fills_the_table_up(desk: Open, saved: KeywordTables) -> None:
    """On the next listing day; what it lacks is older than what it has, so all of it is asked for."""
    asking = desk(search=index(*NEWEST), now=NEXT)

    assert tables(asking, saved, Foo=40).tables[0].papers == tuple(NEWEST[:40])
    assert sizes(asking) == ["40"]


def test_a_table_that_can_not_be_had_is_an_error(desk: Open, saved: KeywordTables) -> None:
    """Whoever saves tables keeps the old ones."""
    with pytest.raises(SourceError, match="HTTP 404"):
        tables(desk(search=DOWN, now=NEXT), saved)


# ------------------------------------------------------------------------------------------ files


def row(one: Paper, **fields: Any) -> dict[str, Any]:
    """A paper as our own lines have it."""
    return {"id": one.arxiv_id, "title": one.title, "abstract": one.abstract, "categories": one.categories, **fields}


def record(one: Paper, day: date) -> dict[str, Any]:
    """A paper as arXiv's bulk metadata have it."""
    created = f"{one.submitted:%a, %d %b %Y %H:%M:%S} GMT"
    told = {"authors": "Ada Lovelace", "versions": [{"version": "v1", "created": created}], "update_date": str(day)}
    return {**row(one), "categories": " ".join(one.categories), **told}


def written(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    return path


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    return written(tmp_path / "papers.jsonl", (row(one, announced=str(TUESDAY)) for one in WORLD[TUESDAY]))


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    for day in (TUESDAY, WEDNESDAY):
        written(tmp_path / f"{day}.jsonl", map(row, WORLD[day]))
    (tmp_path / f"{THURSDAY}.jsonl").touch()
    return tmp_path


@pytest.fixture
def bulk(tmp_path: Path) -> Path:
    """A snapshot that ends with Friday's listing; on Thursday nothing of cs.GL came, before and after something."""
    known = changed(FRIDAY)
    quiet = {WORLD[WEDNESDAY][71].arxiv_id, WORLD[FRIDAY][71].arxiv_id}
    return written(
        tmp_path / "bulk.json",
        (
            record(one.model_copy(update={"categories": ("cs.GL",)}) if one.arxiv_id in quiet else one, day)
            for one, day in Random(3).sample(list(known.items()), len(known))
        ),
    )


GL = Rules(categories=("cs.GL",))


def test_lines_have_what_they_say(lines: Path) -> None:
    """In their order; they name no dates to import."""
    files = Files(lines)

    assert ids(files.listing(TUESDAY, CL)) == [one.arxiv_id for one in WORLD[TUESDAY] if "cs.CL" in one.categories]
    assert files.dates() is None


@pytest.mark.parametrize(("day", "rules"), [(WEDNESDAY, CL), (TUESDAY, GL)])
def test_lines_without_a_paper_of_a_date_are_a_mistake(lines: Path, day: date, rules: Rules) -> None:
    """A wrong date or wrong categories."""
    with pytest.raises(ConfigError, match=rf"papers\.jsonl: no paper of {day} in the categories asked for"):
        Files(lines, days=(TUESDAY, WEDNESDAY)).listing(day, rules)


def test_an_archive_has_its_dates(archive: Path) -> None:
    """All of which can be imported."""
    files = Files(archive)

    assert files.dates() == (TUESDAY, WEDNESDAY, THURSDAY)
    assert set(ids(files.listing(WEDNESDAY, CL))) == set(due(WORLD[WEDNESDAY]))


@pytest.mark.parametrize(("day", "rules"), [(THURSDAY, CL), (WEDNESDAY, GL)])
def test_an_empty_date_of_an_archive_is_a_listing_with_a_note(archive: Path, day: date, rules: Rules) -> None:
    """It must not end the import of the others."""
    listing = Files(archive).listing(day, rules)

    assert listing.items == ()
    assert len(listing.notes) == 1
    assert "is empty" in listing.notes[0] or "of this date" in listing.notes[0]


def test_a_date_that_an_archive_lacks_is_a_mistake(archive: Path) -> None:
    """It says which it has."""
    with pytest.raises(ConfigError, match="no file of 2026-03-20"):
        Files(archive).listing(FRIDAY, CL)


def readings(monkeypatch: pytest.MonkeyPatch) -> list[date]:
    """Grows with the first date of each reading of a snapshot."""
    read: list[date] = []
    real = Snapshot.sightings

    def counted(self: Snapshot, first: date, *others: Any) -> Iterator[Seen]:
        read.append(first)
        return real(self, first, *others)

    monkeypatch.setattr(Snapshot, "sightings", counted)
    return read


def test_the_dates_of_a_month_take_one_reading_of_a_snapshot(bulk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has gigabytes. Each date gets its block, held papers included."""
    read = readings(monkeypatch)
    files = Files(bulk, days=DAYS)

    found = {day: ids(files.listing(day, Rules(categories=("hep-th",)))) for day in DAYS}

    assert found == {day: due(WORLD[day], "hep-th") for day in DAYS}
    assert read == [TUESDAY]


def test_a_single_date_is_read_for_itself(bulk: Path) -> None:
    """With the papers of the listing after it, which show where it ends."""
    listing = Files(bulk).listing(WEDNESDAY, CL)

    wanted = [one for one in WORLD[WEDNESDAY] if one.arxiv_id != WORLD[WEDNESDAY][71].arxiv_id]
    assert ids(listing) == due(wanted)
    assert (listing.source, listing.notes) == ("file", (listings.FROM_SNAPSHOT,))


def test_the_last_date_of_a_snapshot_may_be_cut(bulk: Path) -> None:
    """Nothing later is in it, and it says so."""
    listing = Files(bulk).listing(FRIDAY, Rules(categories=("hep-th",)))

    assert ids(listing) == due(WORLD[FRIDAY], "hep-th")
    assert listing.notes == (listings.FROM_SNAPSHOT, listings.ENDS)


@pytest.mark.parametrize("days", [(), (TUESDAY, date(2026, 3, 25))])
def test_a_date_after_the_snapshots_end_is_a_mistake(bulk: Path, days: tuple[date, ...]) -> None:
    """No later paper is known, but that does not make the month's papers this date's."""
    with pytest.raises(ConfigError, match="no paper of 2026-03-25"):
        Files(bulk, days=days).listing(date(2026, 3, 25), CL)


def test_an_empty_date_amid_a_snapshots_others_is_a_listing(bulk: Path) -> None:
    """A quiet category; asked for alone, it is a mistake."""
    assert Files(bulk, days=(WEDNESDAY, THURSDAY)).listing(THURSDAY, GL).items == ()
    with pytest.raises(ConfigError, match="no paper of 2026-03-19"):
        Files(bulk, days=(THURSDAY,)).listing(THURSDAY, GL)


def broken(path: Path, damage: Callable[[str, str], bool]) -> Path:
    """Breaks lines off in the middle: those whose identifier and text are to be damaged."""
    rows = path.read_text(encoding="utf-8").splitlines()
    told = [row[: len(row) // 2] if damage(json.loads(row)["id"], row) else row for row in rows]
    path.write_text("".join(row + "\n" for row in told), encoding="utf-8")
    return path


def outcomes(files: Files) -> dict[date, bool]:
    """Whether each date could be had."""
    had = {}
    for day in DAYS:
        try:
            had[day] = bool(files.listing(day, CL).items)
        except RecordError:
            had[day] = False
    return had


@pytest.mark.parametrize(
    ("number", "lacking"),
    [(40, {WEDNESDAY}), (0, {TUESDAY, WEDNESDAY}), (-1, {WEDNESDAY, THURSDAY})],
    ids=["in the middle", "first", "last"],
)
def test_a_record_that_can_not_be_read_costs_its_own_date(bulk: Path, number: int, lacking: set[date]) -> None:
    """At a border, it may be of either; the others do not wait until it is mended."""
    inside = sorted(WORLD[WEDNESDAY], key=lambda one: one.arxiv_id)[number]
    files = Files(broken(bulk, lambda arxiv_id, _: arxiv_id == inside.arxiv_id), bulk=True)

    assert {day for day, had in outcomes(files).items() if not had} == lacking
    with pytest.raises(RecordError, match=r"bulk\.json:\d+: ") as caught:
        files.listing(WEDNESDAY, CL)
    assert "delete that line" in (caught.value.hint or "")


def test_a_date_of_which_no_record_can_be_read_is_no_empty_one(bulk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may not pass for a day without papers."""
    monkeypatch.setattr(filed, "MOST_LOST", 10**6)
    wednesday = {one.arxiv_id for one in WORLD[WEDNESDAY]}
    files = Files(broken(bulk, lambda arxiv_id, _: arxiv_id in wednesday), bulk=True)

    with pytest.raises(RecordError):
        files.listing(WEDNESDAY, CL)


def test_many_records_that_can_not_be_read_cost_all_dates(bulk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is their writer; and the month is read once for all of its dates."""
    monkeypatch.setattr(filed, "MOST_LOST", 1)
    wednesday = {one.arxiv_id for one in WORLD[WEDNESDAY][10:20]}
    files = Files(broken(bulk, lambda arxiv_id, _: arxiv_id in wednesday), bulk=True)
    read = readings(monkeypatch)

    assert not any(outcomes(files).values())
    assert len(read) == 1


def test_a_snapshot_has_no_listing_where_arxiv_has_none(bulk: Path) -> None:
    """On a Sunday, or after a holiday of one's own."""
    with pytest.raises(ConfigError, match="no listing of 2026-03-15") as told:
        Files(bulk).listing(date(2026, 3, 15), CL)
    assert told.value.hint == "the ones around it are 2026-03-13 and 2026-03-16"
    with pytest.raises(ConfigError, match="no listing of 2026-03-18"):
        Files(bulk, [TUESDAY]).listing(WEDNESDAY, CL)


def test_in_bulk_a_month_is_read_once_in_either_order(bulk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without being told the dates; a quiet one is a listing as well."""
    read: list[tuple[date, date]] = []
    real = Snapshot.sightings

    def counted(self: Snapshot, first: date, last: date, *others: Any) -> Iterator[Seen]:
        read.append((first, last))
        return real(self, first, last, *others)

    monkeypatch.setattr(Snapshot, "sightings", counted)
    files = Files(bulk, bulk=True)

    found = {day: ids(files.listing(day, Rules(categories=("hep-th",)))) for day in reversed(DAYS)}

    assert found == {day: due(WORLD[day], "hep-th") for day in DAYS}
    assert read == [(date(2026, 3, 2), date(2026, 3, 31))]
    assert files.listing(THURSDAY, GL).items == ()


def test_files_in_bulk_tell_their_dates(lines: Path, archive: Path, bulk: Path) -> None:
    """Those of lines are those of its rows; a snapshot names none, but covers some."""
    found = [Files(path, bulk=True) for path in (lines, archive, bulk)]

    assert [one.named() for one in found] == [(TUESDAY,), (TUESDAY, WEDNESDAY, THURSDAY), None]
    assert [one.covered() for one in found] == [None, None, (date(2026, 3, 1), FRIDAY)]


def test_the_sample_is_all_there_is() -> None:
    """Whatever is asked for."""
    listing = listings.Sample().listing(SAMPLE_DATE, GL)

    assert (listing.source, len(listing.items) > 0) == ("sample", True)


# ------------------------------------------------------------------------------------------ what was missing


BARE: dict[str, Any] = {"submitted": None, "updated": None}
NOTE = "arXiv's search does not know 2 of 3 papers yet; their comments and times are missing: 2603.00002, 2603.00003."


def test_what_the_search_did_not_know_is_completed() -> None:
    """Only the papers that lack it are asked for; the note goes, other notes stay."""
    asked: list[Sequence[str]] = []
    known = {f"2603.0000{n}": paper(f"2603.0000{n}", comment="9 pages") for n in (2, 3)}
    saved = edition(
        entry(comment="own"),
        entry("2603.00002", title="As announced", **BARE),
        entry("2603.00003", **BARE),
        source="feed",
        notes=("Another.", NOTE),
    )

    found = completed(saved, lambda ids: asked.append(ids) or known)  # type: ignore[func-returns-value]

    assert asked == [["2603.00002", "2603.00003"]]
    assert [one.paper.comment for one in found.entries] == ["own", "9 pages", "9 pages"]
    assert [one.paper.title for one in found.entries][1] == "As announced"
    assert found.notes == ("Another.",)


def test_what_is_still_unknown_is_said_anew() -> None:
    """Of three papers, two are known now."""
    saved = edition(entry(), entry("2603.00002", **BARE), entry("2603.00003", **BARE), source="feed", notes=(NOTE,))

    found = completed(saved, lambda ids: {"2603.00002": paper("2603.00002")})

    assert found.notes == (NOTE.replace("2 of 3", "1 of 3").replace("2603.00002, ", ""),)


def test_while_the_search_is_down_an_edition_stays_as_it_is(desk: Open) -> None:
    """With its note."""
    saved = edition(entry(), entry("2603.00002", **BARE), entry("2603.00003", **BARE), source="feed", notes=(NOTE,))

    assert completed(saved, desk(search=DOWN).known) == saved


@pytest.mark.parametrize("saved", [edition(entry(), source="feed"), edition(entry(**BARE), source="file")])
def test_an_edition_that_lacks_nothing_is_not_asked_about(saved: Any) -> None:
    """Nor is one from a file: arXiv did not say it."""
    assert completed(saved, lambda ids: pytest.fail("the search was asked")) is saved
