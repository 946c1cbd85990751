"""What every format keeps to: one signature, the same bytes for the same editions, and arXiv's acknowledgement."""

from datetime import date

from fakes import edition, entry, paper

from digest.models import KeywordTable, KeywordTables, Page
from digest.render import Look, Volumes, open_formats
from render.samples import earlier, hostile, ordinary

TABLES = KeywordTables(
    updated=date(2026, 3, 18),
    tables=(KeywordTable(title="Video Understanding", query="q", limit=100, papers=(paper(),)),),
)


def pages(look: Look) -> list[Page]:
    """Every page that any format makes of a few editions, and of none."""
    editions = [ordinary(), hostile(), earlier(), edition(), edition(entry(), source="sample")]
    formats = open_formats(look)
    found = [page for one in formats for day in editions for page in one.day(day)]
    for whole in (editions, []):
        found += [page for one in formats for page in one.whole(Volumes.of(whole, TABLES))]
        found += [page for one in formats for page in one.whole(Volumes.of(whole))]
    return found


def test_every_page_thanks_arxiv_in_its_words(look: Look) -> None:
    """Day, archive, Markdown, tables, notice, mail and feed, also the empty ones."""
    said = b"Thank you to arXiv for use of its open access interoperability."

    read = [page for page in pages(look) if not page.path.endswith("/search.js")]  # which only the search page reads

    assert [page.path for page in read if page.content.count(said) != 1] == []
    found = (page.path for page in pages(look) if not page.path.startswith(("category/", "keyword/")))
    assert {path.rpartition("/")[2] for path in found} == {
        *("index.html", "index.md", "mail.html", "mail.txt", "search.js"),
        *("feed.xml", "search.html", "starred.html", "keywords.md", "notice.md"),
    }


def test_the_same_editions_give_the_same_bytes_in_every_format(look: Look) -> None:
    """No clock, no order of a set."""
    assert pages(look) == pages(look)
