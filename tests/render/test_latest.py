"""The newest edition in a README: its day, its ledger, and the first papers of its sections, harmless as text."""

from digest.plaintext import one_line
from digest.readme import blocks, filled
from digest.render import Look, Volumes
from digest.render.latest import FIRST, Latest
from digest.resources import built_in
from digest.tex import plain
from render import rendered
from render.samples import HOSTILE, earlier, hostile, ordinary

FOLDERS = (built_in("templates"),)


def test_it_names_the_day_its_ledger_and_the_first_papers() -> None:
    """The newest edition only; every section with its count."""
    long, short = Latest(Look(folders=FOLDERS)).excerpt(Volumes.of([ordinary(), earlier()]), "site/")

    assert rendered.links(long)[0] == ("site/2026-03-17/index.md", "每日论文速览 · 2026-03-17 · 2026年3月17日 星期二")
    assert "arXiv 公布 7 篇 = 已总结 3 + 存疑 1 + 待补 1 + 按规则排除 2 · 更新版 3" in long
    assert "- **cs.CL**: " in long
    papers = [address for address, _ in rendered.links(long)[1:]]
    assert papers
    assert all(address.startswith("https://arxiv.org/abs/2603.0000") for address in papers)
    assert rendered.links(short) == rendered.links(long)[:1]


def test_it_leads_to_the_site_on_the_web_where_that_is_known() -> None:
    """A page of HTML is read there, the Markdown on the code host."""
    look = Look(folders=FOLDERS, site_url="https://me.example/d/")

    assert "(https://me.example/d/2026-02-27/index.html)" in Latest(look).excerpt(Volumes.of([earlier()]), "")[0]


def test_hostile_text_stays_text_and_makes_no_marker() -> None:
    """Titles and cards are one line each, with no link but to arXiv."""
    day = hostile()
    title = f"<!-- digest:latest:end --> {HOSTILE}"
    day = day.with_entries(
        one.model_copy(update={"paper": one.paper.model_copy(update={"title": title})}) for one in day.entries
    )
    text, _ = Latest(Look(folders=FOLDERS)).excerpt(Volumes.of([day]), "")

    content = b"<!-- digest:latest:begin -->\n<!-- digest:latest:end -->\n"
    made = filled(content, {"latest": (text,)}, "README.md", 512_000)
    assert len(blocks(made, "README.md")) == 1
    assert one_line(plain(title)) in [shown for _, shown in rendered.links(text)]
    assert not [one for line in rendered.inlines(text) for one in line.children or [] if one.type == "html_inline"]
    assert "\n\n\n" not in text.strip()


def test_no_more_than_the_first_papers_of_a_section_stand_there() -> None:
    """A README is no edition."""
    head = Volumes.of([ordinary()]).heads[0]
    most = sum(min(len(section.arxiv_ids), FIRST) for section in head.sections)

    text = Latest(Look(folders=FOLDERS)).excerpt(Volumes.of([ordinary()]), "")[0]

    assert text.count("https://arxiv.org/abs/") == most


def test_without_an_edition_there_is_nothing_to_say() -> None:
    """The block stays empty."""
    assert Latest(Look(folders=FOLDERS)).excerpt(Volumes.of([]), "") == ("",)
