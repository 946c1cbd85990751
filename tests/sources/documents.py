"""Writes small Atom and RSS documents of invented papers, and stands in for arXiv without a network."""

import email.utils
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape, quoteattr

from digest.models import Paper
from digest.polite import Document, PoliteSession
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

    def __init__(self, answer: Callable[[str], Answer]) -> None:
        super().__init__(delay_seconds=0, sleep=lambda seconds: None)
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
    """A search API that holds these papers: pages over all of them, or over those of `id_list`."""

    def answer(url: str) -> Answer:
        asked = parameters(url)
        names = [name.partition("v")[0] for name in asked["id_list"].split(",") if name]
        found = [paper for paper in papers if paper.arxiv_id in names] if names else list(papers)
        start, size = int(asked["start"]), int(asked["max_results"])
        return atom([atom_entry(paper) for paper in found[start : start + size]], len(found), start)

    return answer


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
