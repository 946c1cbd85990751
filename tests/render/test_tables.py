"""Keyword tables: whole rows, newest first, each paper once at its newest version."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from fakes import edition, entry, paper
from hypothesis import given
from hypothesis import strategies as st

from digest.models import Edition, KeywordTable, KeywordTables, Paper, Section
from digest.render import Look, Volumes
from digest.render.tables import Tables
from digest.resources import built_in
from render import rendered
from render.conftest import Golden
from render.samples import HOSTILE, earlier, hostile, moment, ordinary

FOLDERS = (built_in("templates"),)
TABLES = Tables(Look(folders=FOLDERS))


def followed(*entries: Any, title: str = "Foo", **fields: Any) -> Edition:
    """An edition whose papers all stand under one keyword."""
    ids = tuple(one.paper.arxiv_id for one in entries)
    return edition(*entries, **fields).with_sections([Section(title=title, kind="keyword", arxiv_ids=ids)])


def pages(*editions: Edition, tables: Tables = TABLES, over_all_time: KeywordTables | None = None) -> dict[str, str]:
    return {page.path: page.content.decode() for page in tables.whole(Volumes.of(editions, over_all_time))}


def searched(*papers: Paper, title: str = "Foo") -> KeywordTables:
    """One table of arXiv's own search, last asked the day after the editions."""
    table = KeywordTable(title=title, query="q", limit=100, papers=papers)
    return KeywordTables(updated=date(2026, 3, 18), tables=(table,))


def cells(page: str) -> list[list[str]]:
    """The text of every cell but those of the header rows."""
    found = [[rendered.text_of(one) for one in row] for row in rendered.rows(page)]
    return [row for row in found if row[0] != "Title"]


def test_without_keywords_there_is_no_table() -> None:
    """Editions by category make neither file."""
    assert pages(earlier()) == {}


def test_a_keyword_no_longer_followed_has_no_table() -> None:
    """One that was renamed or only tried goes with the next edition that has keywords, unless it is configured."""
    old = followed(entry("2603.00001"), title="Tried once", announced=date(2026, 3, 16))
    new = followed(entry("2603.00002"), title="Foo")
    plain = edition(entry("2603.00003"), announced=date(2026, 3, 18))

    assert "Tried once" not in pages(plain, new, old)["keywords.md"]
    assert "Tried once" in pages(plain, old)["keywords.md"]
    configured = Tables(Look(folders=FOLDERS, limits={"Tried once": 5}))
    assert "## Tried once" in pages(new, old, tables=configured)["keywords.md"]


def test_rows_come_newest_first_and_ties_as_in_their_section() -> None:
    """The day is that of the version, UTC; where arXiv told none, the announcement's."""
    page = pages(
        followed(
            entry("2603.00001", title="Old", updated=moment(1)),
            entry("2603.00002", title="Tie A", updated=moment(2)),
            entry("2603.00003", title="Tie B", updated=moment(2)),
            entry("2603.00004", title="Untold", updated=None),
        )
    )["keywords.md"]

    assert [row[:2] for row in cells(page)] == [
        ["Untold", "2026-03-17"],
        ["Tie A", "2026-03-16"],
        ["Tie B", "2026-03-16"],
        ["Old", "2026-03-16"],
    ]


def test_a_paper_of_two_editions_has_one_row_of_its_newest_version() -> None:
    """A later version takes the row, whichever edition brought it, and its link says so."""
    new = followed(entry("2603.00001", version=1, title="One"))
    old = followed(entry("2603.00001", version=2, title="Two"), announced=date(2026, 3, 16))

    page = pages(new, old)["keywords.md"]

    assert [row[0] for row in cells(page)] == ["Two"]
    assert rendered.links(page) == [("https://arxiv.org/abs/2603.00001v2", "Two")]


def test_a_replacement_under_a_keyword_has_its_row() -> None:
    """A section may name a paper that stands among the replacements."""
    day = followed(entry("2603.00001"))
    later = entry("2603.00002", version=2, announce_type="replace", title="Later")
    section = Section(title="Foo", kind="keyword", arxiv_ids=("2603.00002",))

    page = pages(day.model_copy(update={"replacements": (later,), "sections": (section,)}))["keywords.md"]

    assert [row[0] for row in cells(page)] == ["Later"]


def test_a_table_over_all_time_stands_as_recorded_in_place_of_what_editions_have() -> None:
    """Its order is that of the record, and the last update is when arXiv was asked."""
    old, new = paper("2201.00001", title="Old", updated=moment(1)), paper("2603.00002", title="New", updated=moment(2))

    written = pages(followed(entry(title="Of the edition")), over_all_time=searched(old, new))

    for page in written.values():
        assert [row[0] for row in cells(page)] == ["Old", "New"]
    assert "Last update: 2026-03-18\n" in written["keywords.md"]
    assert 'title: "Latest 15 Papers - March 18, 2026"' in written["notice.md"]


def test_a_section_without_a_table_over_all_time_follows_from_the_editions() -> None:
    """Tables come first; without any edition they stand alone."""
    over_all_time = searched(paper(title="Found"), title="Bar")

    both = pages(followed(entry(title="Of the edition")), over_all_time=over_all_time)["keywords.md"]
    alone = pages(over_all_time=over_all_time)["keywords.md"]

    assert [row[0] for row in cells(both)] == ["Found", "Of the edition"]
    assert both.index("## Bar") < both.index("## Foo")
    assert [row[0] for row in cells(alone)] == ["Found"]


def test_a_table_over_all_time_keeps_its_limit_and_dates_what_arxiv_did_not() -> None:
    """The limit is that of the section, and is told; the notice has fifteen; no time counts as the day of asking."""
    many = [paper(f"2603.000{count:02}", updated=None) for count in range(1, 20)]
    tables = Tables(Look(folders=FOLDERS, limits={"Foo": 17}))

    written = pages(tables=tables, over_all_time=searched(*many))

    assert [len(cells(page)) for page in written.values()] == [17, 15]
    assert "at most 17 of them" in written["keywords.md"]
    assert {row[1] for row in cells(written["keywords.md"])} == {"2026-03-18"}


def test_a_keyword_keeps_as_many_rows_as_the_look_says() -> None:
    """A limit of its own goes before the limit of all."""
    tables = Tables(Look(folders=FOLDERS, limits={"Foo": 1}, limit=2))
    three = [entry(f"2603.0000{count}") for count in (1, 2, 3)]

    assert len(cells(pages(followed(*three), tables=tables)["keywords.md"])) == 1
    assert len(cells(pages(followed(*three, title="Bar"), tables=tables)["keywords.md"])) == 2


@pytest.mark.parametrize(
    ("comment", "written"),
    [
        (None, ""),
        ("exactly twenty chars", "exactly twenty chars"),
        ("It has been accepted!", "<details><summary>It ha...</summary><p>It has been accepted!</p></details>"),
        ("Code will be released", "<details><summary>Code ...</summary><p>Code will be released</p></details>"),
    ],
)
def test_a_long_comment_is_folded_under_its_first_words(comment: str | None, written: str) -> None:
    """More than 20 characters fold under the first five; none leaves the cell empty."""
    row = pages(followed(entry(comment=comment)))["keywords.md"].splitlines()[-3]

    assert row.endswith(f"</p></details> | {written} |")


@given(
    st.lists(st.text(st.sampled_from("|\\`*_~[]()<>!&#; \nab中\"'"), min_size=1, max_size=25), min_size=3, max_size=3)
)
def test_every_row_has_its_cells_whatever_stands_in_them(texts: list[str]) -> None:
    """Four cells on the page, three in the notice, and no tag but ours."""
    title, abstract, comment = texts
    written = pages(followed(entry(title="T " + title, abstract="A " + abstract, comment=comment)))

    assert [len(row) for row in rendered.rows(written["keywords.md"])] == [4, 4]
    assert [len(row) for row in rendered.rows(written["notice.md"])] == [3, 3]
    assert cells(written["keywords.md"])[0][0] == " ".join(("T " + title).split())
    assert cells(written["keywords.md"])[0][2] == "Show" + " ".join(("A " + abstract).split())


def test_hostile_text_breaks_no_row() -> None:
    """Every row of hostile papers is whole, links only to arXiv, and shows the text."""
    page = pages(hostile())["keywords.md"]
    said = " ".join(HOSTILE.split())

    assert [row[2] for row in cells(page)] == [f"Show{said}"] * 2
    assert {address for address, _ in rendered.links(page) if "arxiv.org" not in address} <= {
        "https://x.example/a_(b)?q="
    }


def test_the_notice_has_the_newest_fifteen_without_abstracts() -> None:
    """Its head names the month and the day of the newest edition."""
    many = [entry(f"2603.000{count:02}", updated=datetime(2026, 3, count, tzinfo=UTC)) for count in range(1, 17)]

    notice = pages(followed(*many))["notice.md"]

    assert notice.startswith('---\ntitle: "Latest 15 Papers - March 17, 2026"\nlabels: documentation\n---\n')
    assert [row[1] for row in cells(notice)] == [f"2026-03-{count:02}" for count in range(16, 1, -1)]
    assert entry().paper.abstract not in notice


def test_the_tables_are_the_golden_pages(look: Look, golden: Golden) -> None:
    """Both files whole, as kept."""
    for page in Tables(look).whole(Volumes.of([ordinary(), earlier()])):
        golden(page.path, page)
