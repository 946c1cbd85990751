"""arXiv's OAI-PMH interface: every paper of some categories that was announced or changed in a span of days.

Believes no page that is broken, and no list that goes in circles; decides nothing about listings.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from urllib.parse import urlencode

from ..errors import ConfigError, SourceError
from ..identifiers import canonical_category, covers
from ..models import Paper
from ..polite import BadPage, Document, PoliteSession
from .oai_page import Batch, Harvested, read_page

MANY = 5  #: categories of one archive at most, before its set is read as a whole

# Archives that are groups of their own: https://info.arxiv.org/help/oa
_GROUPS = frozenset({"cs", "econ", "eess", "math", "q-bio", "q-fin", "stat"})
_NO_SET = re.compile(r"\bset does not exist|\binvalid set\b", re.IGNORECASE)

log = logging.getLogger(__name__)


class Oai:
    """
    The OAI-PMH interface at one address.

    Args:
        session: Paces and repeats the requests.
        url: Of the interface, such as "https://oaipmh.arxiv.org/oai".
    """

    def __init__(self, session: PoliteSession, url: str) -> None:
        self._session, self._url = session, url.rstrip("/")

    def harvest(self, categories: Sequence[str], first: date, last: date | None = None) -> Iterator[Harvested]:
        """
        Every paper of the categories, as primary or cross-list, that changed in a span of days; read page by page.

        Args:
            categories: Canonical names; a whole archive as "cs" or "cs.*".
            first: UTC day of the change.
            last: Likewise, itself included, and at most today; None: no end.

        Yields:
            Each paper once, in arXiv's order, set by set. Only a paper that arXiv changes while it is read comes again,
            with its newer day: the last one counts. arXiv selects by a finer clock than it prints, so that
            a `changed` may lie outside of the span. No paper at all is a possible result.

        Raises:
            SourceError: arXiv did not answer, or its pages fail their checks; what came before is then no whole.
            ConfigError: no category is given, or arXiv knows no such category.
            ValueError: `last` is before `first`.

        Source: https://info.arxiv.org/help/oa
        """
        if not categories:
            raise ConfigError("categories: none is given; a harvest goes by category", hint='categories = ["cs.CL"]')
        if last is not None and last < first:
            raise ValueError(f"a span of days from {first} to {last}")
        return self._harvest(categories, _span(first, last))

    def _harvest(self, categories: Sequence[str], span: Mapping[str, str]) -> Iterator[Harvested]:
        """The sets one after the other, without what came before."""
        told: dict[str, tuple[date, int]] = {}
        heard: set[str] = set()  # sets with a paper
        filled: set[str] = set()  # sets that these papers belong to
        chosen = sets(categories)
        for name, whole in chosen.items():
            for one in self._set({"set": name, **span}):
                heard.add(name)
                filled.update(map(set_spec, one.paper.categories))
                state = (one.changed, one.paper.version)
                if told.get(one.paper.arxiv_id, (date.min, 0)) < state and (whole or _asked(categories, one.paper)):
                    told[one.paper.arxiv_id] = state
                    yield one
        _agree(chosen.keys() - heard, filled)
        log.info("oai %s: %d papers", " to ".join(span.values()), len(told))

    def _set(self, query: Mapping[str, str]) -> Iterator[Harvested]:
        """The papers of one set; read anew once if its list ends in the middle."""
        try:
            yield from self._pages(query)
        except _Unsteady as first:
            log.warning("oai %s: %s; reading it anew", query["set"], first)
            try:
                yield from self._pages(query, fresh=True)
            except _Unsteady as error:
                raise SourceError(
                    f"arXiv's OAI-PMH, set {query['set']}: {error} (read twice)",
                    hint="arXiv's records are changing or in trouble: try again later",
                ) from error

    def _pages(self, query: Mapping[str, str], fresh: bool = False) -> Iterator[Harvested]:
        """One reading of a set's list."""
        days: dict[str, date] = {}
        tokens: set[str] = set()
        batch = self._first(query, fresh)
        while not batch.error:
            _advance(batch, days, tokens, query["set"])
            yield from batch.papers
            if not batch.token:
                break
            batch = self._ask({"resumptionToken": batch.token}, fresh)
        log.debug("oai %s: %d records on %d pages", query["set"], len(days), len(tokens) + bool(days))

    def _first(self, query: Mapping[str, str], fresh: bool) -> Batch:
        """The first page; that there is none is believed only if arXiv says it twice."""
        asked = {"metadataPrefix": "arXivRaw", **query}
        batch = self._ask(asked, fresh)
        return self._ask(asked, fresh=True) if batch.error else batch

    def _ask(self, query: Mapping[str, str], fresh: bool = False) -> Batch:
        """A page with records, kept for today, or with the one error that is none: nothing matches."""
        resumed = "resumptionToken" in query
        url = f"{self._url}?{urlencode({'verb': 'ListRecords', **query})}"
        read: list[Batch] = []
        document = self._session.get(url, check=lambda document: read.append(_page(document, resumed)), fresh=fresh)
        batch = read[-1] if read else _refused(document)
        if batch.error == "badResumptionToken" and resumed:
            raise _Unsteady("arXiv no longer knows the token of the next page")
        if batch.error and (resumed or batch.error != "noRecordsMatch"):
            raise _refusal(batch, query)
        if batch.papers:
            self._session.keep([document])
        return batch


class _Unsteady(Exception):
    """A list can't be read to its end, but perhaps from its beginning."""


def sets(categories: Sequence[str]) -> dict[str, bool]:
    """
    The sets that hold some categories; True: what the set holds was asked for, False: it holds more.

    >>> sets(["cs.CV", "hep-th", "math.*"])
    {'cs:cs:CV': True, 'physics:hep-th': True, 'math:math': True}
    """
    names = list(dict.fromkeys(name.removesuffix(".*") for name in categories))
    found: dict[str, bool] = {}
    for archive in dict.fromkeys(name.partition(".")[0] for name in names):
        members = [name for name in names if name.partition(".")[0] == archive]
        if archive in members or len(members) > MANY:
            found[set_spec(archive)] = archive in members
        else:
            found.update(dict.fromkeys(map(set_spec, members), True))
    return found


def set_spec(name: str) -> str:
    """
    The set of a category or an archive, as arXiv calls it.

    >>> [set_spec(name) for name in ("cs.CV", "cs", "hep-th", "astro-ph.CO")]
    ['cs:cs:CV', 'cs:cs', 'physics:hep-th', 'physics:astro-ph:CO']
    """
    archive, _, subject = name.partition(".")
    group = archive if archive in _GROUPS else "physics"
    return ":".join(filter(None, (group, archive, subject)))


def _advance(batch: Batch, days: dict[str, date], tokens: set[str], name: str) -> None:
    """
    Note a page as read.

    Pages may overlap a little: arXiv resumes from the day where a page ends, counted by another clock.
    A record read before that has a newer day now has left its place, and another may have slipped over the page's edge.

    Raises:
        SourceError: the list goes in circles.
        _Unsteady: the list changed while it was read.
    """
    fresh = {base: day for base, day in batch.days.items() if days.get(base, date.min) < day}
    if batch.token in tokens or not fresh:
        raise SourceError(
            f"arXiv's OAI-PMH, set {name}: its pages go in circles after {len(days)} records", hint="try again later"
        )
    moved = [base for base in fresh if base in days]
    days.update(fresh)
    tokens.update(filter(None, [batch.token]))
    if moved:
        raise _Unsteady(f"{moved[0]} was changed while the list was read")


def _agree(silent: Iterable[str], filled: Iterable[str]) -> None:
    """
    Hold sets without a paper against the papers of the other ones.

    Raises:
        SourceError: one of those papers belongs to a set that says it has none.
    """
    for name in silent:
        if any(f"{other}:".startswith(f"{name}:") for other in filled):
            raise SourceError(
                f"arXiv's OAI-PMH, set {name}: it says it is empty, but other sets have papers of it",
                hint="try again later",
            )


def _page(document: Document, resumed: bool) -> Batch:
    """
    What a page holds, if it can be believed.

    Raises:
        BadPage: it can't; nor can a page without records that another page has promised.
    """
    batch = read_page(document.content)
    if resumed and batch.error == "noRecordsMatch":
        raise BadPage("a page with nothing, where more was promised")
    return batch


def _refused(document: Document) -> Batch:
    """
    What an answer with another status than 200 holds: an error at best.

    Raises:
        SourceError: it tells none.
    """
    try:
        batch = read_page(document.content)
    except BadPage:
        batch = None
    if batch is None or not batch.error:
        raise SourceError(f"arXiv's OAI-PMH: HTTP {document.status_code}", hint="check the address of the interface")
    return batch


def _refusal(batch: Batch, query: Mapping[str, str]) -> ConfigError | SourceError:
    words = f"{batch.error}: {batch.words}" if batch.words else batch.error
    if batch.error == "badArgument" and _NO_SET.search(batch.words):
        return ConfigError(f"categories: arXiv's OAI-PMH refuses the set {query.get('set', '')}: {words}")
    return SourceError(f"arXiv's OAI-PMH: {words}")


def _span(first: date, last: date | None) -> dict[str, str]:
    return {"from": first.isoformat()} | ({"until": last.isoformat()} if last else {})


def _asked(categories: Iterable[str], paper: Paper) -> bool:
    """Whether one of a paper's categories was asked for, by its own name or by the one arXiv prefers now."""
    asked = frozenset(categories)
    return any(covers(asked, name) or covers(asked, _preferred(name)) for name in paper.categories)


@lru_cache(maxsize=512)
def _preferred(name: str) -> str | None:
    try:
        return canonical_category(name)
    except ValueError:
        return None
