"""arXiv's search API: the papers of a past listing, the newest of a keyword, and papers by their identifiers.

The arxiv package turns pages and parses them; what is believed is decided here, and nothing of the package leaves.
"""

import logging
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import cast

import arxiv
import requests

from .. import blocks, schedule
from ..errors import ConfigError, SourceError
from ..identifiers import ARCHIVES, covers, parse_id
from ..keywords import Text, parse
from ..models import Listed, Listing, Paper
from ..plaintext import one_line
from ..polite import PoliteSession
from .search_page import Door, to_paper

ROUNDS = 3  #: how often a query is asked as a whole until its counts agree
BATCH = 100  #: identifiers in one request
STEPS = 3  #: batches of identifiers in which the border between two listings is looked for
EDGE = timedelta(hours=3)  #: after a freeze: the first papers of the next listing
EARLY = timedelta(hours=1)  #: after a freeze: papers so near to the border that few identifiers lie between
LATE = timedelta(minutes=30)  #: before a freeze: somebody always submits then

LIMITS = (
    "This list comes from arXiv's search, by time of submission and by identifier: papers that were cross-listed here "
    "only later than they were first announced, and replacements, are not in it."
)
UNSURE = "arXiv's search knows no later paper yet, so it may still lack some of this date."

log = logging.getLogger(__name__)


class ArxivApi:
    """
    The search API at one address.

    Args:
        session: Paces and repeats the requests.
        url: Of the API, such as "https://export.arxiv.org/api/query".
        page_size: Papers in one answer, at most 2,000.
        holidays: Days without a mailing that arXiv's published list lacks.
    """

    def __init__(self, session: PoliteSession, url: str, page_size: int = 200, holidays: Collection[date] = ()) -> None:
        self.session = session
        self._url, self._page_size, self._holidays = url, page_size, holidays

    def listing(self, announced: date, categories: Sequence[str], keywords: Sequence[str] = ()) -> Listing:
        """
        The papers announced on one date, new ones before cross-lists, each by identifier.

        They are those submitted in the listing's window, without the ones that moderators released later, and with
        those released on that date, which have the identifiers just before.

        Args:
            announced: A listing day.
            categories: Canonical names; a whole archive as "cs" or "cs.*".
            keywords: As in `keywords.parse`, looked for in titles and abstracts; only where no category is given.

        Returns:
            With a `doubt` where the index knows nothing newer, so that it may be late.

        Raises:
            SourceError: arXiv did not answer, its answers fail their checks, or its index has nothing of that day yet.
            ConfigError: neither a category nor a keyword is given.
            ValueError: `announced` is no listing day.

        Source: https://info.arxiv.org/help/api/user-manual.html
        """
        window = schedule.window(announced, self._holidays)
        terms = _terms(categories, keywords)
        asked = {one.arxiv_id: one for one in self._submitted(announced, terms, _archive(categories), window)}
        pool = dict(asked)
        if (before := self._around(window.start, pool)) is None:
            raise SourceError(
                f"arXiv's search knows papers of {announced}, but not the first ones",
                hint="arXiv's index is in trouble: try again later",
            )
        pool |= before
        after = self._around(window.end, pool)
        pool |= after or {}
        ids = self._block(announced, window, pool.values())
        wanted = [pool[one] for one in ids if one in asked or _is_wanted(pool[one], categories, keywords)]
        items = [
            Listed(paper, "new" if not categories or covers(categories, paper.primary_category) else "cross")
            for paper in sorted(wanted, key=lambda paper: blocks.place(paper.arxiv_id))
        ]
        items.sort(key=lambda item: item.announce_type != "new")
        log.info("search %s: %d papers", announced, len(items))
        doubt = UNSURE if after is None else None
        return Listing(announced, "search", tuple(items), notes=(LIMITS,), doubt=doubt)

    def papers(self, ids: Sequence[str], witness: str = "") -> dict[str, Paper]:
        """
        Papers by base identifier; those that arXiv's index does not know are missing.

        Args:
            ids: Base identifiers, or with a version for that version's time of update.
            witness: One of `ids` that surely exists: an answer that has it counts for the whole day, also about
                papers that are missing.

        Raises:
            SourceError: arXiv did not answer, or its answers fail their checks.
            ValueError: one of `ids` is no arXiv identifier.
        """
        asked = {base: f"v{version}" if version else "" for base, version in map(parse_id, ids)}
        names = [base + version for base, version in asked.items()]
        found: dict[str, Paper] = {}
        for start in range(0, len(names), BATCH):
            search = arxiv.Search(id_list=names[start : start + BATCH], max_results=None)
            # A first answer of nothing at all may be one of arXiv's empty pages.
            papers = self._all(search, 2 * BATCH, keep=witness)
            papers = papers or self._all(search, 2 * BATCH, fresh=True, keep=witness)
            found.update((paper.arxiv_id, paper) for paper in papers if paper.arxiv_id in asked)
        return found

    def newest(self, query: str, limit: int, known: Collection[tuple[str, int]] = ()) -> list[Paper]:
        """
        The papers of a query over all time that changed last, by time of update, newest first.

        Args:
            query: In arXiv's language.
            limit: Papers at most.
            known: (arxiv_id, version) of those known already: where they are reached, no more is asked for.

        Raises:
            SourceError: arXiv did not answer, or its answers fail their checks.
        """
        for size in dict.fromkeys((min(limit, 25), limit) if known else (limit,)):
            papers = self._updated(query, size)
            if len(papers) < size or (papers[-1].arxiv_id, papers[-1].version) in known:
                break
        return papers

    def reaches(self, freeze: datetime) -> bool:
        """Whether the index knows a paper submitted just before a freeze: if not, it is late."""
        return self._any(_span(freeze - LATE, freeze))

    def _submitted(self, announced: date, terms: str, archive: str, window: schedule.Window) -> list[Paper]:
        """All papers from a window to an edge after it; none in the window is believed only if others are there."""
        search = _search(f"({terms}) AND {_span(window.start, window.end + EDGE)}")
        for last in (False, True):
            found = self._all(search, self._page_size, fresh=last)
            if last or any(_is_within(one, window.start, window.end) for one in found):
                break
            span = _span(*window)
            if not self._any(f"({archive}) AND {span}" if archive else span):
                raise SourceError(
                    f"arXiv's search index has nothing for {announced} yet",
                    hint="try again in some hours, the index can be a day late; if arXiv deferred this listing, add "
                    f"{announced - timedelta(days=1)} to [arxiv] holidays",
                )
        # The API's bounds are whole minutes, both included: the first is still of the window before.
        return [one for one in found if _is_after(one, window.start)]

    def _block(self, announced: date, window: schedule.Window, papers: Iterable[Paper]) -> set[str]:
        """The identifiers of one listing among papers of it and around it."""
        sightings = [_sighting(one) for one in papers]
        after = schedule.nearest(announced, self._holidays)[1]
        begin = blocks.begin(sightings, window.start, announced)
        return blocks.between(sightings, begin, blocks.begin(sightings, window.end, after))

    def _around(self, freeze: datetime, pool: Mapping[str, Paper]) -> dict[str, Paper] | None:
        """Papers of all categories around the border of two listings; None: the index has nothing of the later one."""
        near = {one.arxiv_id: one for one in pool.values() if _is_within(one, freeze, freeze + EARLY)}
        if len(near) < blocks.SURE:  # a quiet category's first paper may stand far from the border, or be held itself
            near |= self._first_after(freeze)
        top = blocks.first_after(map(_sighting, near.values()), freeze)
        if top is None:
            return None
        last, found = top.arxiv_id, dict(near)
        for _ in range(STEPS):
            ids = blocks.below(last, BATCH - 1)
            if not ids or blocks.is_seen(map(_sighting, found.values()), freeze):
                break
            found |= self._with(top.arxiv_id, ids)
            last = ids[-1]
        return found

    def _first_after(self, freeze: datetime) -> dict[str, Paper]:
        """The first papers of all arXiv that were submitted after a freeze."""
        search = _search(_span(freeze, freeze + timedelta(days=3)), max_results=10)
        results, door = self._round(search, 10)
        found = {one.arxiv_id: one for one in map(to_paper, results) if _is_after(one, freeze)}
        if found:
            self.session.keep(door.documents)
        return found

    def _with(self, known: str, ids: Sequence[str]) -> dict[str, Paper]:
        """Papers by identifier, in answers that hold one that surely exists: without it, nothing is believed."""
        found = self.papers([known, *ids], witness=known)
        if known not in found:
            raise SourceError(
                f"arXiv's search does not know {known} any more, which it just had",
                hint="arXiv's index is in trouble: try again later",
            )
        return found

    def _updated(self, query: str, size: int) -> list[Paper]:
        by, order = arxiv.SortCriterion.LastUpdatedDate, arxiv.SortOrder.Descending
        search = arxiv.Search(query, max_results=size, sort_by=by, sort_order=order)
        for turn in range(1, ROUNDS + 1):
            results, door = self._round(search, min(size, self._page_size), fresh=True)
            papers = list({paper.arxiv_id: paper for paper in map(to_paper, results)}.values())
            moments = [paper.updated for paper in papers if paper.updated]
            is_whole = len(papers) >= min(size, max(door.totals)) and moments == sorted(moments, reverse=True)
            if is_whole and (papers or turn > 1):  # a first answer of nothing may be one of arXiv's empty pages
                return papers[:size]
        raise SourceError(
            "arXiv's search does not send the newest papers in their order",
            hint="arXiv's index is changing or in trouble: try again later",
        )

    def _all(
        self, search: arxiv.Search, page_size: int, *, fresh: bool = False, keep: str | None = None
    ) -> list[Paper]:
        """
        Every paper of a query once: as many as arXiv counts, on every page alike.

        Equal sort keys have no promised order and the index may change between two pages, so a page can repeat
        or skip papers; then the whole query is asked again.

        Args:
            search: The query, without a limit.
            page_size: Papers on a page.
            fresh: Not to take what was kept earlier today.
            keep: The paper without which the answers are not kept for today; None: any.
        """
        for turn in range(1, ROUNDS + 1):
            results, door = self._round(search, page_size, fresh=fresh or turn > 1)
            papers = {paper.arxiv_id: paper for paper in map(to_paper, results)}
            if set(door.totals) == {len(papers)}:
                if papers and (keep is None or keep in papers):
                    self.session.keep(door.documents)
                return list(papers.values())
            counts = " or ".join(map(str, sorted(set(door.totals))))
            log.info("search, round %d: %d of %s papers", turn, len(papers), counts)
        raise SourceError(
            f"arXiv's search sent {len(papers)} different papers where it counts {counts} (asked {ROUNDS} times)",
            hint="arXiv's index is changing or in trouble: try again later",
        )

    def _any(self, query: str) -> bool:
        """Whether a query finds anything."""
        return any(self._round(arxiv.Search(query, max_results=1), 1)[1].totals)

    def _round(self, search: arxiv.Search, page_size: int, fresh: bool = False) -> tuple[list[arxiv.Result], Door]:
        """One asking of a query: its results as they came, and the pages that they came on."""
        door = Door(self.session, fresh)
        client = arxiv.Client(page_size=page_size, delay_seconds=0, num_retries=0)
        client.query_url_format = self._url.replace("{", "{{").replace("}", "}}") + "?{}"
        client._session = cast(requests.Session, door)  # the package has no public way to set it
        results: list[arxiv.Result] = []
        try:
            results.extend(client.results(search))
            if search.max_results is None and results and len(results) % page_size == 0:
                results.extend(
                    client.results(search, offset=len(results))
                )  # only a page that isn't full proves the end
        except arxiv.UnexpectedEmptyPageError:
            log.info("search: a page is empty where the first one promised more")
        return results, door


def _search(query: str, max_results: int | None = None) -> arxiv.Search:
    by, order = arxiv.SortCriterion.SubmittedDate, arxiv.SortOrder.Ascending
    return arxiv.Search(query, max_results=max_results, sort_by=by, sort_order=order)


def _sighting(paper: Paper) -> blocks.Sighting:
    assert paper.submitted  # check_page lets no entry through without
    return blocks.Sighting(paper.arxiv_id, paper.submitted)


def _is_after(paper: Paper, freeze: datetime) -> bool:
    return paper.submitted is not None and paper.submitted > freeze


def _is_within(paper: Paper, start: datetime, end: datetime) -> bool:
    return paper.submitted is not None and start < paper.submitted <= end


def _is_wanted(paper: Paper, categories: Sequence[str], keywords: Sequence[str]) -> bool:
    """Whether a paper that was found by its identifier belongs to what was asked."""
    if categories:
        return any(covers(categories, one) for one in paper.categories)
    text = Text.of(paper.title, paper.abstract)
    return any(parse(one).found(text) for one in keywords)


def _terms(categories: Sequence[str], keywords: Sequence[str]) -> str:
    """The part of a query that names categories or, without any, keywords; it stands in parentheses later."""
    terms = [_category_term(name) for name in categories] or [parse(one).query() for one in keywords]
    if not terms:
        raise ConfigError("categories: none is given, and no keyword either", hint='categories = ["cs.CL"]')
    return " OR ".join(terms)


def section_query(
    keywords: Sequence[str], authors: Sequence[str] = (), categories: Sequence[str] = (), exclude: Sequence[str] = ()
) -> str:
    """What a keyword section asks, in arXiv's language: a keyword or an author, in the categories, nothing excluded."""
    names = (one_line(re.sub(r"[^\w .-]", " ", name)) for name in authors)
    people = [f'au:"{name}"' for name in names]
    query = f"({' OR '.join([*(parse(one).query() for one in keywords), *people])})"
    if categories:
        query = f"({query} AND ({' OR '.join(map(_category_term, categories))}))"
    if exclude:
        query = f"({query} ANDNOT ({' OR '.join(parse(one).query() for one in exclude)}))"
    return query


def _category_term(name: str) -> str:
    """`cat:` is exact: `cs` alone finds nothing."""
    return f"cat:{name}.*" if name in ARCHIVES else f"cat:{name}"


def _archive(categories: Sequence[str]) -> str:
    """The archive of the first category, where it is wider than that category."""
    archive, dot, _ = categories[0].partition(".") if categories else ("", "", "")
    return _category_term(archive) if dot else ""


def _span(start: datetime, end: datetime) -> str:
    return f"submittedDate:[{start:%Y%m%d%H%M} TO {end:%Y%m%d%H%M}]"
