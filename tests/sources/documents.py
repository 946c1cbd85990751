"""Writes small Atom and RSS documents of invented papers, and stands in for arXiv without a network."""

import email.utils
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape, quoteattr

from digest import schedule
from digest.models import Paper
from digest.polite import Document, Kept, PoliteSession
from digest.schedule import EASTERN

ATOM = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:arxiv="http://arxiv.org/schemas/atom" '
    'xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">'
)
RSS = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<rss version="2.0" xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/">'
)
HTML = b"<!DOCTYPE html><html><head><title>Sorry</title></head><body><p>Back soon.</p></body></html>"

Answer = bytes | tuple[int, bytes]


class Canned(PoliteSession):
    """Answers from a function of the address; paces and repeats as ever, but takes no time for it."""

    def __init__(self, answer: Callable[[str], Answer], answers: Kept | None = None) -> None:
        super().__init__(delay_seconds=0, sleep=lambda seconds: None, answers=answers)
        self.answer = answer
        self.asked: list[str] = []

    def _fetch(self, url: str) -> tuple[Document, Mapping[str, str]]:
        self.asked.append(url)
        answer = self.answer(url)
        status, content = answer if isinstance(answer, tuple) else (200, answer)
        return Document(url, status, content), {}


def in_turn(*answers: Answer | Callable[[str], Answer]) -> Callable[[str], Answer]:
    """Each answer once; the last one for ever."""
    left = list(answers)

    def answer(url: str) -> Answer:
        chosen = left.pop(0) if left[1:] else left[0]
        return chosen(url) if callable(chosen) else chosen

    return answer


def parameters(url: str) -> dict[str, str]:
    """The query of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query, keep_blank_values=True).items()}


def tag(name: str, text: object) -> str:
    return "" if text is None else f"<{name}>{escape(str(text))}</{name}>"


def stamp(moment: datetime | None) -> str | None:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else None


def atom_entry(paper: Paper, extra_categories: Sequence[str] = ()) -> str:
    """A paper as the search API writes it."""
    terms = "".join(f"<category term={quoteattr(name)}/>" for name in (*paper.categories, *extra_categories))
    authors = "".join(f"<author>{tag('name', name)}</author>" for name in paper.authors)
    primary = f"<arxiv:primary_category term={quoteattr(paper.categories[0])}/>" if paper.categories else ""
    return (
        f"<entry>{tag('id', f'http://arxiv.org/abs/{paper.arxiv_id}v{paper.version}')}{tag('title', paper.title)}"
        f"{tag('updated', stamp(paper.updated))}{tag('summary', paper.abstract)}{terms}"
        f"{tag('published', stamp(paper.submitted))}{tag('arxiv:comment', paper.comment)}{primary}"
        f"{tag('arxiv:journal_ref', paper.journal_ref)}{authors}{tag('arxiv:doi', paper.doi)}</entry>"
    )


def atom(entries: Sequence[str], total: int | None = None, start: int = 0) -> bytes:
    """A page of the search API."""
    count = tag("opensearch:totalResults", len(entries) if total is None else total)
    return f"{ATOM}{count}{tag('opensearch:startIndex', start)}{''.join(entries)}</feed>".encode()


def refusal(message: str) -> bytes:
    """The search API's way to say no."""
    wrong = tag("id", "https://arxiv.org/api/errors#x") + tag("title", "Error") + tag("summary", message)
    return atom([f"<entry>{wrong}</entry>"])


def index(*papers: Paper) -> Callable[[str], Answer]:
    """A search API that holds these papers: it knows queries, `id_list`, sorting and pages."""
    entries: dict[str, str] = {}  # written when first asked for

    def answer(url: str) -> Answer:
        asked = parameters(url)
        names = [name.partition("v")[0] for name in asked["id_list"].split(",") if name]
        query = asked["search_query"]
        matches = _query(_TOKEN.findall(query)) if query else lambda paper: True
        found = [one for one in papers if (not names or one.arxiv_id in names) and matches(one)]
        by = {"submittedDate": "submitted", "lastUpdatedDate": "updated"}.get(asked["sortBy"])
        if by and not names:
            found.sort(key=lambda one: getattr(one, by), reverse=asked["sortOrder"] == "descending")
        start, size = int(asked["start"]), int(asked["max_results"])
        page = found[start : start + size]
        entries.update((one.arxiv_id, atom_entry(one)) for one in page if one.arxiv_id not in entries)
        return atom([entries[one.arxiv_id] for one in page], len(found), start)

    return answer


_TOKEN = re.compile(r'[()]|\w+:\[\d+ TO \d+\]|\w+:"[^"]*"|[^\s()]+')
Matches = Callable[[Paper], bool]


def _query(tokens: list[str]) -> Matches:
    """What a query finds; as arXiv reads it, operators know no precedence and group to the right."""
    token = tokens.pop(0)
    if token == "(":
        left = _query(tokens)
        assert tokens.pop(0) == ")", "a parenthesis that is never closed"
    else:
        left = _term(token)
    if not tokens or tokens[0] == ")":
        return left
    operator = tokens.pop(0)
    right = _query(tokens)
    assert operator in ("AND", "OR", "ANDNOT"), operator
    if operator == "OR":
        return lambda paper: left(paper) or right(paper)
    return lambda paper: left(paper) and right(paper) == (operator == "AND")


def _term(term: str) -> Matches:
    field, _, text = term.partition(":")
    text = text.strip('"').lower() if field != "cat" else text
    if field == "submittedDate":
        first, last = (datetime.strptime(f"{one}Z", "%Y%m%d%H%M%z") for one in text.strip("[]").split(" to "))
        return lambda paper: paper.submitted is not None and first <= paper.submitted < last + timedelta(minutes=1)
    if field == "cat":
        archive = text.removesuffix("*")
        return lambda paper: any(
            one == text or (archive != text and one.startswith(archive)) for one in paper.categories
        )
    texts: dict[str, Callable[[Paper], str]] = {
        "ti": lambda paper: paper.title,
        "abs": lambda paper: paper.abstract,
        "au": lambda paper: "; ".join(paper.authors),
    }
    return lambda paper: text in texts[field](paper).lower()


def numbered(
    announced: date,
    first: int,
    categories: Sequence[Sequence[str]] = (("cs.CL", "cs.AI"),),
    *,
    held: Sequence[timedelta] = (),
    regular: int = 400,
) -> list[Paper]:
    """
    A listing as arXiv numbers it: papers held back by so much before its window, then those of the window.

    Args:
        announced: Its date.
        first: The number of its first paper.
        categories: Of the papers in turn, over and over.
        held: In any order; the longest comes first.
        regular: How many papers of the window, at even distances.
    """
    window = schedule.window(announced)
    step = (window.end - window.start) / (regular + 1)
    times = [window.start - back for back in sorted(held, reverse=True)]
    times += [window.start + step * number for number in range(1, regular + 1)]
    return [
        Paper(
            arxiv_id=f"{announced:%y%m}.{number:05}",
            version=1,
            title=f"Foo {number}",
            authors=("Ada Lovelace",),
            abstract=f"We present Foo {number}.",
            categories=tuple(categories[number % len(categories)]),
            submitted=moment.replace(microsecond=0),
            updated=moment.replace(microsecond=0),
        )
        for number, moment in enumerate(times, first)
    ]


def rss_item(paper: Paper, announce_type: str = "new", creator: str | None = None) -> str:
    """A paper as the announcement feed writes it."""
    described = f"arXiv:{paper.arxiv_id}v{paper.version} Announce Type: {announce_type} \nAbstract: {paper.abstract}"
    names = ", ".join(paper.authors) if creator is None else creator
    return (
        f"<item>{tag('title', paper.title)}{tag('link', f'https://arxiv.org/abs/{paper.arxiv_id}')}"
        f"{tag('description', described)}"
        f'<guid isPermaLink="false">oai:arXiv.org:{paper.arxiv_id}v{paper.version}</guid>'
        f"{''.join(tag('category', name) for name in paper.categories)}"
        f"{tag('arxiv:announce_type', announce_type)}{tag('dc:creator', names)}</item>"
    )


def rss(day: date, *items: str) -> bytes:
    """The announcement feed of a day."""
    midnight = email.utils.format_datetime(datetime(day.year, day.month, day.day, tzinfo=EASTERN))
    head = tag("title", "updates on arXiv.org") + tag("pubDate", midnight)
    return f"{RSS}<channel>{head}{''.join(items)}</channel></rss>".encode()


def rss_error(message: str) -> bytes:
    """The feed's way to say no."""
    head = tag("title", "Feed error for query: x") + tag("description", message)
    return f"{RSS}<channel>{head}</channel></rss>".encode()


OAI = '<?xml version="1.0" encoding="UTF-8"?>\n<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">'


def oai_record(
    paper: Paper,
    changed: str = "2026-03-17",
    authors: str | None = None,
    extra_categories: Sequence[str] = (),
    deleted: bool = False,
) -> str:
    """A paper as OAI-PMH writes it in arXivRaw: its versions lie one after the other up to the last update."""
    status = ' status="deleted"' if deleted else ""
    header = tag("identifier", f"oai:arXiv.org:{paper.arxiv_id}") + tag("datestamp", changed)
    moments = [paper.submitted] * (paper.version - 1) + [paper.updated]
    versions = "".join(
        f'<version version="v{number}">{tag("date", f"{moment:%a, %d %b %Y %H:%M:%S} GMT")}</version>'
        for number, moment in enumerate(moments, 1)
    )
    names = ", ".join(paper.authors) if authors is None else authors
    fields = (
        f"{tag('id', paper.arxiv_id)}{tag('submitter', 'A Person')}{versions}{tag('title', paper.title)}"
        f"{tag('authors', names)}{tag('categories', ' '.join((*paper.categories, *extra_categories)))}"
        f"{tag('comments', paper.comment)}{tag('journal-ref', paper.journal_ref)}{tag('doi', paper.doi)}"
        f"{tag('abstract', paper.abstract)}"
    )
    raw = f'<metadata><arXivRaw xmlns="http://arxiv.org/OAI/arXivRaw/">{fields}</arXivRaw></metadata>'
    return f"<record><header{status}>{header}</header>{'' if deleted else raw}</record>"


def oai(*records: str, token: str | None = None) -> bytes:
    """A page of OAI-PMH; an empty token says that it is the last one."""
    listed = f"<ListRecords>{''.join(records)}{tag('resumptionToken', token)}</ListRecords>"
    return f"{OAI}{listed}</OAI-PMH>".encode()


def oai_error(code: str, words: str = "Words.") -> bytes:
    """OAI-PMH's way to say no."""
    return f"{OAI}<error code='{code}'>{escape(words)}</error></OAI-PMH>".encode()


def harvestable(changed: Mapping[Paper, date], size: int = 2500) -> Callable[[str], Answer]:
    """An OAI-PMH interface that holds these papers with the day of their last change, `size` on a page."""

    def answer(url: str) -> Answer:
        asked = parameters(url)
        state = asked.get("resumptionToken") or f"{asked['set']}|{asked['from']}|0"
        name, since, start = state.split("|")
        wanted = ".".join(name.split(":")[1:])
        found = [
            (paper, day)
            for paper, day in sorted(changed.items(), key=lambda one: (one[1], one[0].arxiv_id))
            if day.isoformat() >= since and any(f"{one}.".startswith(f"{wanted}.") for one in paper.categories)
        ]
        page = found[int(start) : int(start) + size]
        if not page:
            return oai_error("noRecordsMatch")
        more = f"{name}|{since}|{int(start) + size}" if len(found) > int(start) + size else None
        return oai(*(oai_record(paper, day.isoformat()) for paper, day in page), token=more)

    return answer
