"""arXiv's search and feed on loopback, for tests of stages and commands; and templates compiled once for all."""

import re
from datetime import UTC, date, datetime
from types import CodeType
from typing import Any

import jinja2
import pytest
from fakes import paper
from pytest_httpserver import HTTPServer
from sources.documents import atom, index, parameters, rss, rss_item
from werkzeug import Request, Response

from digest import schedule
from digest.identifiers import covers
from digest.models import AnnounceType, Paper
from digest.render import environment

DAY = date(2026, 3, 17)
SUBMITTED = datetime(2026, 3, 16, 12, tzinfo=UTC)  #: in the window of DAY


def submitted(arxiv_id: str, category: str = "cs.CV", *others: str, **fields: Any) -> Paper:
    moment = fields.pop("moment", SUBMITTED)
    times = {"submitted": moment, "updated": moment}
    return paper(arxiv_id, **{"categories": (category, *others), "comment": "12 pages", **times, **fields})


A = submitted("2603.00001", title="Foo", abstract="Foo is a gated attention.")
B = submitted("2603.00002", "cs.CL", "cs.CV", title="Bar", abstract="Bar is another gated attention.")
C = submitted("2603.00003", "cs.CL", title="Baz", abstract="Baz finds organs in medical images.")
#: The first one of the next listing, so that the index surely knows all before it.
NEXT = submitted("2603.00100", "math.CO", moment=datetime(2026, 3, 16, 18, 30, tzinfo=UTC), abstract="Trees.")


class Arxiv:
    """Holds papers, remembers what it was asked, and can be down, altogether or for a date."""

    def __init__(self, server: HTTPServer) -> None:
        self.papers: list[Paper] = [A, B, C, NEXT]
        self.day = DAY  #: of the feed
        self.beside: list[tuple[Paper, AnnounceType]] = []  #: in the feed although it is no new paper
        self.unknown: set[str] = set()  #: to the search, not to the feed
        self.down: set[str] = set()  #: "search", "feed", "newest"
        self.lost: set[date] = set()  #: whose listings the search fails to give
        self.searched: list[dict[str, str]] = []
        self.fed: list[str] = []
        self.api, self.rss = server.url_for("/api/query"), server.url_for("")
        server.expect_request("/api/query").respond_with_handler(self.search)
        server.expect_request(re.compile("^/rss/")).respond_with_handler(self.feed)

    def search(self, asked: Request) -> Response:
        said = parameters(asked.url)
        self.searched.append(said)
        if "search" in self.down or ("newest" in self.down and said.get("sortBy") == "lastUpdatedDate"):
            return Response(b"", 503)
        query, start = said.get("search_query", ""), None
        found = [one for one in self.papers if one.arxiv_id not in self.unknown and _has(one, query)]
        if span := re.search(r"submittedDate:\[(\d{12}) TO (\d{12})\]", query):
            start, end = (datetime.strptime(moment, "%Y%m%d%H%M").replace(tzinfo=UTC) for moment in span.groups())
            found = [one for one in found if one.submitted and start <= one.submitted <= end]
        if any("cat:" in query and schedule.window(day).start == start for day in self.lost):
            return Response(b"", 503)
        if said.get("sortBy") == "lastUpdatedDate":
            found.sort(key=lambda one: (one.updated, one.arxiv_id), reverse=True)
        content = index(*found)(asked.url) if found else atom([])
        return Response(content if isinstance(content, bytes) else b"")

    def feed(self, asked: Request) -> Response:
        self.fed.append(asked.path)
        names = asked.path.removeprefix("/rss/").split("+")
        window = schedule.window(self.day)
        own = [one for one in self.papers if one.submitted and window.start < one.submitted <= window.end]
        items = [
            rss_item(one, "new" if covers(names, one.primary_category) else "cross")
            for one in own
            if any(covers(names, name) for name in one.categories)
        ]
        items += [rss_item(one, kind) for one, kind in self.beside]
        return Response(rss(self.day, *items), 503 if "feed" in self.down else 200)

    @property
    def queries(self) -> list[str]:
        """The categories and keywords it was asked for; how the search finds a listing's borders is its own matter."""
        asked = (one.get("search_query", "").partition(" AND submittedDate")[0] for one in self.searched)
        return [one for one in asked if one.startswith("(")]

    def forget(self) -> None:
        self.searched, self.fed = [], []

    @property
    def was_asked(self) -> bool:
        return bool(self.searched or self.fed)


def _has(one: Paper, query: str) -> bool:
    categories, phrases = re.findall(r"cat:([\w.*-]+)", query), re.findall(r'abs:"([^"]+)"', query)
    return (not categories or any(covers(categories, name) for name in one.categories)) and (
        not phrases or any(phrase in one.abstract for phrase in phrases)
    )


class Compiled(jinja2.BytecodeCache):
    """Templates in memory, by path and content: compiling them takes most of a run's time."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        bucket.code = self.known.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        assert bucket.code
        self.known[bucket.key, bucket.checksum] = bucket.code


COMPILED = Compiled()


def compile_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all tests of a session share what one of them has compiled."""
    new = environment._environment

    def sharing(*args: Any, **options: Any) -> jinja2.Environment:
        made = new(*args, **options)
        made.bytecode_cache = COMPILED
        return made

    monkeypatch.setattr(environment, "_environment", sharing)
