"""What arXiv announced on a date: which witness tells it best, and where two must agree.

Asks the feed while it is out, else the search and OAI-PMH; files are read in filed.py. Judges no paper, saves nothing.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from . import blocks, schedule
from .config import Config
from .errors import ConfigError, SourceError
from .filed import ENDS, FROM_SNAPSHOT, Files, NotHeldError, Sample, block, listing_of, order
from .hooks import Clock
from .identifiers import covers
from .models import Edition, KeywordTable, KeywordTables, Listed, Listing, Paper
from .selection import Rule, Rules

if TYPE_CHECKING:
    from .answers import Answers
    from .polite import PoliteSession
    from .sources.arxiv_api import ArxivApi
    from .sources.oai_page import Harvested

__all__ = [
    "ENDS",
    "FROM_OAI",
    "FROM_SNAPSHOT",
    "UNSURE",
    "Arxiv",
    "Desk",
    "Files",
    "NotHeldError",
    "Sample",
    "completed",
]

log = logging.getLogger(__name__)

FROM_OAI = (
    "This list comes from arXiv's OAI-PMH, by date of change and by identifier: papers that were cross-listed here "
    "only later than they were first announced, and replacements, are not in it."
)
UNSURE = "arXiv knew no later paper yet when this was collected, so some of this date may be missing."
NEAR = 10  #: listings, the newest counted: a harvest of no more is a second witness for a single date
QUARTER = 65  #: listings: a longer harvest is kept in memory for too long
WORTH = 3  #: a harvest that covers more than so many listings for each one wanted costs more than it saves


class Desk(Protocol):
    """Where listings come from."""

    def listing(self, announced: date, rules: Rules) -> Listing:
        """
        What was announced on a date.

        Raises:
            SourceError: it can't be had, or not be believed.
            ConfigError: nothing is asked for, or the files don't hold it.
        """
        ...


class Arxiv:
    """
    arXiv's own interfaces, asked over one connection.

    Args:
        config: Addresses, pace, categories.
        clock: Now, UTC.
        days: All listing dates that will be asked for: several are harvested at once.
        fresh: Whether answers of earlier today are asked again.
    """

    def __init__(self, config: Config, clock: Clock, days: Sequence[date] = (), fresh: bool = False) -> None:
        self._config, self._clock, self._days, self._fresh = config, clock, days, fresh
        self._harvests: dict[tuple[str, ...], tuple[date, list[Harvested]]] = {}
        # What was asked for last, for the edition of the same date in another language.
        self._heard: tuple[date, Rules, Listing] | None = None
        self._tables: tuple[Rules, Mapping[str, int], KeywordTables] | None = None

    @cached_property
    def session(self) -> "PoliteSession":
        """The one connection."""
        from .polite import PoliteSession

        settings = self._config.arxiv
        return PoliteSession(
            settings.delay_seconds, settings.timeout_seconds, folder=self._config.shared, answers=self._answers()
        )

    def _answers(self) -> "Answers":
        from .answers import Answers

        today = self._clock().astimezone(schedule.EASTERN).date()
        return Answers(self._config.cache / "arxiv", today, self._fresh)

    @cached_property
    def api(self) -> "ArxivApi":
        """The search."""
        from .sources.arxiv_api import ArxivApi

        settings = self._config.arxiv
        return ArxivApi(self.session, settings.api, settings.page_size, settings.holidays)

    def listing(self, announced: date, rules: Rules) -> Listing:
        """From the feed while it is out; else from search or OAI-PMH, and from both where one knows nothing newer."""
        if self._heard is None or self._heard[:2] != (announced, rules):
            self._heard = announced, rules, self._asked(announced, rules)
        return self._heard[2]

    def _asked(self, announced: date, rules: Rules) -> Listing:
        if not rules.categories and not rules.keywords:
            raise ConfigError(
                "nothing to collect: no category and no keyword is asked for",
                hint='digest run --category cs.CV, or categories = ["cs.CV"] in digest.toml',
            )
        if rules.categories and schedule.feed_is_current(announced, self._clock()):
            from .sources.rss import PastFeedError

            try:
                return self._from_feed(announced, rules.categories)
            except PastFeedError as error:  # midnight went by since the clock was read, or the clock is slow
                log.warning("%s; asking for it as a past date", error)
        witnesses = [lambda: self.api.listing(announced, rules.categories, rules.keywords)]
        if rules.categories and self._config.oai_address:
            together = announced in self._harvestable
            if together or announced in self._recent[-NEAR:]:
                witnesses.insert(0 if together else 1, lambda: self._from_oai(announced, rules.categories))
        return self._agreed(announced, witnesses)

    def _agreed(self, announced: date, witnesses: Sequence[Callable[[], Listing]]) -> Listing:
        """The first witness's listing; the next one is heard where it fails, or where it may be late."""
        found: Listing | None = None
        failure: SourceError | None = None
        for witness in witnesses:
            try:
                heard = witness()
            except SourceError as error:
                log.warning("%s", error)
                failure = failure or error
                continue
            if found is None:
                found = heard
            else:
                return _joined(found, heard)  # neither knows anything newer, or one does: together they are complete
            if found.doubt is None:
                return found
        if found is None:
            assert failure
            raise failure
        if not self.api.reaches(schedule.window(announced, self._config.arxiv.holidays).end):
            raise SourceError(
                f"arXiv's search does not know the last papers of {announced} yet",
                hint="try again in some hours; the index can be a day late",
            )
        return replace(found, notes=(*found.notes, UNSURE))

    def _from_feed(self, announced: date, categories: Sequence[str]) -> Listing:
        from .sources.rss import Feed, complete

        listing = Feed(self.session, self._config.arxiv.rss).listing(announced, categories)
        new = [item.paper.arxiv_id for item in listing.items if not item.announce_type.startswith("replace")]
        return complete(listing, self.known(new))

    def known(self, ids: Sequence[str]) -> Mapping[str, Paper]:
        """What the search knows of papers that the feed announced; nothing, if it is down: the feed is what counts."""
        try:
            return self.api.papers(ids)
        except SourceError as error:
            log.warning("%s; going on with what the feed says", error)
            return {}

    # -------------------------------------------------------------------------------------- OAI-PMH

    @cached_property
    def _recent(self) -> Sequence[date]:
        """The newest listing dates, oldest first."""
        holidays = self._config.arxiv.holidays
        newest = schedule.newest(self._clock(), holidays)
        return schedule.between(newest - timedelta(days=2 * QUARTER), newest, holidays)[-QUARTER:]

    @cached_property
    def _harvestable(self) -> Collection[date]:
        """Those of the dates wanted that one harvest up to now serves without being mostly about others."""
        days = set(self._days) & set(self._recent)
        span = [day for day in self._recent if days and day >= min(days)]
        return days if len(days) > 1 and len(span) <= WORTH * len(days) else ()

    def _from_oai(self, announced: date, categories: Sequence[str]) -> Listing:
        days = self._harvestable
        harvest = self._harvested(min(days) if announced in days else announced, tuple(categories))
        sightings = [
            blocks.Sighting(one.paper.arxiv_id, one.paper.submitted, one.changed)
            for one in harvest
            if one.paper.submitted
        ]
        ids, is_whole = block(announced, sightings, self._config.arxiv.holidays)
        papers = (one.paper for one in harvest if one.paper.arxiv_id in ids)
        asked = (one for one in papers if any(covers(categories, name) for name in one.categories))
        listing = listing_of("oai", announced, asked, categories)
        if not listing.items and not is_whole:
            raise SourceError(
                f"arXiv's OAI-PMH has nothing for {announced} yet, nor anything newer", hint="try again in some hours"
            )
        log.info("oai %s: %d papers", announced, len(listing.items))
        return replace(listing, notes=(FROM_OAI,), doubt=None if is_whole and listing.items else UNSURE)

    def _harvested(self, first: date, categories: tuple[str, ...]) -> "list[Harvested]":
        """Everything that changed since the listing before a date: all that was announced since is among it."""
        from .sources.oai import Oai

        before = schedule.nearest(first, self._config.arxiv.holidays)[0]
        since, harvest = self._harvests.get(categories, (date.max, []))
        if since > before:
            address = self._config.oai_address
            assert address
            harvest = list(Oai(self.session, address).harvest(categories, before))
            self._harvests[categories] = before, harvest
        return harvest

    # -------------------------------------------------------------------------------------- keyword tables

    def tables(self, saved: KeywordTables | None, rules: Rules, limits: Mapping[str, int]) -> KeywordTables:
        """
        The newest papers of each keyword section over all time; of what is saved only what is newer is asked for.

        Raises:
            SourceError: arXiv did not answer.
        """
        if self._tables and self._tables[:2] == (rules, limits):
            return self._tables[2]
        old = {one.title: one for one in saved.tables} if saved else {}
        today = schedule.newest(self._clock(), self._config.arxiv.holidays)
        if saved and saved.updated == today and not self._fresh and _same(old, rules, limits):
            return saved
        tables = [self._table(rule, old.get(rule.title), limits[rule.title]) for rule in rules.sections]
        self._tables = rules, limits, KeywordTables(updated=today, tables=tuple(tables))
        return self._tables[2]

    def _table(self, rule: Rule, saved: KeywordTable | None, limit: int) -> KeywordTable:
        query = _query(rule)
        had = saved.papers if saved and saved.query == query and saved.limit >= limit else ()
        known = {(paper.arxiv_id, paper.version) for paper in had}
        fresh = self.api.newest(query, limit, known)
        ids = {paper.arxiv_id for paper in fresh}
        papers = [*fresh, *(paper for paper in had if paper.arxiv_id not in ids)]
        return KeywordTable(title=rule.title, query=query, limit=limit, papers=tuple(papers[:limit]))


def _query(rule: Rule) -> str:
    from .sources.arxiv_api import section_query

    return section_query(rule.keywords, rule.authors, rule.categories, rule.exclude)


def _same(old: Mapping[str, KeywordTable], rules: Rules, limits: Mapping[str, int]) -> bool:
    """Whether the saved tables are those asked for."""
    return [(title, one.query, one.limit) for title, one in old.items()] == [
        (rule.title, _query(rule), limits[rule.title]) for rule in rules.sections
    ]


def _joined(first: Listing, second: Listing) -> Listing:
    """Two witnesses' listings as one: what either knows was announced."""
    ids = {item.paper.arxiv_id for item in first.items}
    more = [item for item in second.items if item.paper.arxiv_id not in ids]
    items = sorted((*first.items, *more), key=order)
    if more:
        log.warning("%d papers of %s are known to one of arXiv's interfaces only", len(more), first.announced)
    return replace(first, items=tuple(items), doubt=None)


def completed(edition: Edition, known: Callable[[Sequence[str]], Mapping[str, Paper]]) -> Edition:
    """The edition with the metadata that the search did not give when the feed was read."""
    bare = {entry.paper.arxiv_id: entry for entry in edition.entries if entry.paper.submitted is None}
    if edition.source != "feed" or not bare:
        return edition
    from .sources.rss import complete, is_about_unknown

    items = tuple(Listed(entry.paper, entry.announce_type) for entry in edition.entries)
    had = {one.paper.arxiv_id: one.paper for one in items if one.paper.arxiv_id not in bare}
    listing = complete(Listing(edition.announced, "feed", items), {**had, **known(list(bare))})
    papers = {one.paper.arxiv_id: one.paper for one in listing.items}
    entries = [entry.model_copy(update={"paper": papers[arxiv_id]}) for arxiv_id, entry in bare.items()]
    notes = (*(note for note in edition.notes if not is_about_unknown(note)), *listing.notes)
    return edition.with_entries(entries).model_copy(update={"notes": notes})
