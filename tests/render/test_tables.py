"""Keyword tables: whole rows, newest first, each paper once at its newest version."""

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from fakes import edition, entry, paper
from hypothesis import given
from hypothesis import strategies as st
from markdown_it.token import Token

from digest.models import Edition, KeywordTable, KeywordTables, Paper, Section
from digest.plaintext import one_line
from digest.render import Look, Volumes
from digest.render.packing import SHOWN
from digest.render.tables import Tables
from digest.resources import built_in
from digest.tex import plain
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


def shown(text: str) -> str:
    """A stranger's text as it stands in a cell: without TeX, on one line."""
    return one_line(plain(one_line(text)))


def tags_of(cell: Token) -> list[Token]:
    return [child for child in cell.children or [] if child.type == "html_inline"]


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
    assert cells(written["keywords.md"])[0][0] == shown("T " + title)
    assert cells(written["keywords.md"])[0][2] == "Show" + shown("A " + abstract)
    tags = [child.content for row in rendered.rows(written["notice.md"])[1:] for cell in row for child in tags_of(cell)]
    assert tags in ([], ["<details>", "<summary>", "</summary>", "<p>", "</p>", "</details>"])


def test_hostile_text_breaks_no_row() -> None:
    """Every row of hostile papers is whole, links only to arXiv, and shows the text."""
    page = pages(hostile())["keywords.md"]
    said = shown(HOSTILE)

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


def test_tex_of_a_title_or_comment_is_told_in_characters() -> None:
    """Accents, escaped percent signs and formulas come as text."""
    found = entry(title=r"Sch\"odinger at $O(n^2)$", abstract=r"We gain 3.5\%.", comment=r"$\alpha$-test")

    row = cells(pages(followed(found))["keywords.md"])[0]

    assert row == ["Schödinger at O(n²)", "2026-03-17", "ShowWe gain 3.5%.", "α-test"]


def test_a_notice_calls_nobody_and_runs_nothing() -> None:
    """Names, issues and the template signs of the action that opens the issue stand as text."""
    text = "{{ env.TOKEN }} {% x %} {# y #} @ada a/b#12"
    notice = pages(followed(entry(title=text, comment=text)))["notice.md"]

    assert not re.search(r"\{[{%#]|@\w|#\d", notice.partition("\n---\n")[2].replace("&#8203;", "\u200b"))
    assert cells(notice)[0][0].replace("\u200b", "") == shown(text)


def many(keywords: int, rows: int, size: int) -> KeywordTables:
    """Tables of invented papers with abstracts of `size` bytes."""
    papers = [paper(f"2603.{count:05}", abstract="a" * size, title=f"Paper {count}") for count in range(rows)]
    titles = [f"Keyword ({count})" for count in range(keywords)]
    tables = [KeywordTable(title=title, query="q", limit=rows, papers=tuple(papers)) for title in titles]
    return KeywordTables(updated=date(2026, 3, 18), tables=tuple(tables))


def test_tables_that_github_would_cut_come_in_several_files() -> None:
    """Each is a whole document below the limit, and says where every keyword stands; no row is lost or doubled."""
    written = pages(over_all_time=many(8, 100, 1500))
    files = [name for name in written if name.startswith("keywords")]

    assert files == ["keywords.md", "keywords-2.md", "keywords-3.md"]
    assert all(len(written[name].encode()) <= SHOWN for name in files)
    assert sum(len(cells(written[name])) for name in files) == 800
    for name in files:
        assert written[name].startswith("# Daily Papers\n")
        found = [one for one in rendered.links(written[name]) if "arxiv.org" not in one[0]]
        assert [title for _, title in found] == [f"Keyword ({count})" for count in range(8)]
        for address, title in found:
            file, _, anchor = address.partition("#")
            assert f"\n## {title}\n" in written[file]
            assert anchor == title.lower().replace(" ", "-").strip(")").replace("(", "")


def test_a_keyword_larger_than_a_file_goes_on_in_the_next() -> None:
    """The next file says so, and its rows follow on."""
    tables = Tables(Look(folders=FOLDERS, limits={"Keyword (0)": 400}))
    written = pages(tables=tables, over_all_time=many(1, 400, 2000))

    assert "(Continued from keywords.md.)" in written["keywords-2.md"]
    ids = [row[0] for name in ("keywords.md", "keywords-2.md") for row in cells(written[name])]
    assert ids == [f"Paper {count}" for count in range(400)]
    places = [address for address, _ in rendered.links(written["keywords.md"]) if address.startswith("keywords")]
    assert places == ["keywords.md#keyword-0", "keywords-2.md#keyword-0"]


def test_a_text_beyond_all_measure_fills_no_file() -> None:
    """It is cut in its row, and says so."""
    page = pages(followed(entry(abstract="<b>" * 400_000)))["keywords.md"]

    assert len(page.encode()) < SHOWN
    assert cells(page)[0][2].endswith("…")


@pytest.mark.parametrize(("keywords", "rows"), [(3, 15), (40, 15), (200, 15), (900, 1)])
def test_a_notice_fits_into_an_issue(keywords: int, rows: int) -> None:
    """With many keywords it has fewer rows of each, the same number, and says so."""
    notice = pages(over_all_time=many(keywords, rows, 10))["notice.md"]
    count = len(cells(notice)) // keywords

    assert len(notice) <= 65_536
    assert f'title: "Latest {count or 15} Papers' in notice
    assert ("An issue holds no more" in notice) == (0 < count < 15 and keywords < 900)
    assert ("more than an issue holds" in notice) == (count == 0)


def test_an_excerpt_has_the_tables_or_links_to_them() -> None:
    """A README has the whole tables where there is room, or leads to the files."""
    long, short = TABLES.excerpt(Volumes.of([followed(entry())]), "my%20site/")

    assert [row[0] for row in cells(long)] == ["Foo: Gated Attention for Long Sequences"]
    assert rendered.links(short) == [("my%20site/keywords.md#foo", "Foo")]
    assert TABLES.excerpt(Volumes.of([earlier()]), "") == ("",)


def test_the_tables_are_the_golden_pages(look: Look, golden: Golden) -> None:
    """Both files whole, as kept."""
    for page in Tables(look).whole(Volumes.of([ordinary(), earlier()])):
        golden(page.path, page)
