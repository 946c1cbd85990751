"""The day in Markdown: the lines a reader sees are those of the model page."""

import re
from datetime import date

import pytest
from fakes import GOOD, card, edition, entry
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.models import Mark
from digest.render import Look, Volumes
from digest.render.markdown import Markdown
from digest.resources import built_in
from digest.tex import plain
from render import rendered
from render.conftest import Golden
from render.samples import HOSTILE, because, bill, changed, doubtful, earlier, hostile, ordinary, replacement

MARKDOWN = Markdown(Look(folders=(built_in("templates"),)))


def shown(look: Look, *entries: object, **fields: object) -> list[str]:
    """The lines of a day's file between its table of contents and its footer."""
    page = next(Markdown(look).day(edition(*entries, **fields)))  # type: ignore[arg-type]
    lines = rendered.lines(page.content.decode())
    assert lines[-1] == "Thank you to arXiv for use of its open access interoperability."
    return lines[:-2]


def test_a_day_reads_line_by_line_like_the_model_page(look: Look) -> None:
    """Contents, group with a way back, number and title, authors, card, abstract; nothing between them."""
    cards = [
        "🧩 TL;DR",
        GOOD["tldr"],
        "📘 Detailed Summary",
        f"Motivation: {GOOD['motivation']}",
        f"Method: {GOOD['method']}",
    ]
    cards += [f"Result: {GOOD['result']}", f"Conclusion: {GOOD['conclusion']}", "📄 Abstract"]
    title, abstract = "A [SEG] J&F_x: 3 * 4", "We use *A* and a_b at https://x.org/~u/."
    one = entry("2603.00001", categories=("cs.CV",), title=title, abstract=abstract, authors=("A B", "C_D"))
    two = entry("2603.00002", categories=("cs.AI",), title=title, abstract=abstract, authors=("E F",))

    assert shown(look, one, two) == [
        "Table of Contents",
        "arXiv 公布 2 篇 = 已总结 2",
        *("cs.CV [Total: 1]", "cs.AI [Total: 1]"),
        *("cs.CV [Back]", f"[1] {title}", "A B, C_D", *cards, abstract),
        *("cs.AI [Back]", f"[2] {title}", "E F", *cards, abstract),
    ]


def test_a_pending_paper_says_why_and_shows_its_abstract_only(look: Look) -> None:
    """No field is made up for a paper without a card."""
    lines = shown(look, entry(card=None, problems=("no reply",)))

    assert lines[-3:] == ["⚠️ No card yet: no reply", "📄 Abstract", entry().paper.abstract]


def test_a_flagged_card_says_why_before_it_speaks(look: Look) -> None:
    """The reasons stand above the TL;DR."""
    lines = shown(look, entry(problems=("result: 4.1 is not in the abstract",)))

    assert lines[6:8] == ["⚠️ Not checked out: result: 4.1 is not in the abstract", "🧩 TL;DR"]


def test_doubtful_words_are_underlined_with_their_reason(look: Look) -> None:
    """In a tag that code hosts let through; the line is the card's, and the reasons above it are in our words."""
    page = next(Markdown(look).day(edition(doubtful(), entry("2603.00004")))).content.decode()

    lines = rendered.lines(page)
    assert "Method: 作者提出 GateNet，并在注意力层加入门控。" in lines
    assert '<ins title="原文没有这个名称，最接近的是 GatedNet">GateNet</ins>' in page
    assert '<ins title="标题和摘要里没有这个数">4.1%</ins>，参数只有 24.1% 。' in page
    assert (
        "⚠️ Not checked out: 结果 4.1%：标题和摘要里没有这个数; 方法 GateNet：原文没有这个名称，最接近的是 GatedNet"
        in lines
    )
    assert "（由 fake-2 写成 · 经一次修正 · 重新生成过）" in lines


def test_the_foot_shows_the_receipt(look: Look) -> None:
    """A line for each model, and the sum."""
    bills = (bill(cost=1.5, currency="CNY"), bill(model="b_", cost=0.25, currency="CNY", unpriced=3), bill(model="c"))
    page = next(Markdown(look).day(edition(entry(), receipt=bills))).content.decode()

    assert rendered.lines(page)[-5:-1] == [
        "fake-1 · 1,234 次回答 · 输入 987,654、输出 4,321 tokens · 1.50 CNY",
        "b_ · 1,234 次回答 · 输入 987,654、输出 4,321 tokens · 0.2500 CNY · 另有 3 次价格未知",
        "c · 1,234 次回答 · 输入 987,654、输出 4,321 tokens · 价格未知",
        "= 1.75 CNY",
    ]


PARTS = st.text(st.sampled_from("|\\`*_~[]()<>!&#;. ab中\"'1-"), max_size=15)


@settings(max_examples=60, deadline=None)
@given(PARTS, st.text(st.sampled_from("\\`*_~[]()<>!&;ab'\"|"), min_size=1, max_size=6), PARTS)
def test_a_marked_line_shows_the_cards_text_and_no_markup_but_ours(before: str, words: str, after: str) -> None:
    """Signs that mean something to Markdown mean nothing on either side of a mark, or in it."""
    said = f"中{before}{words}{after}文"
    mark = Mark(field="result", words=words, kind="name", instead=words)
    one = entry(card=card(result=said), marks=(mark,), problems=(str(mark),))
    page = next(MARKDOWN.day(edition(one))).content.decode()

    assert f"Result: {' '.join(plain(said).split())}" in [" ".join(line.split()) for line in rendered.lines(page)]
    html = {
        piece.content
        for inline in rendered.inlines(page)
        for piece in inline.children or []
        if piece.type == "html_inline"
    }
    assert {re.sub('".*"', '""', piece, flags=re.DOTALL) for piece in html} == {
        *('<a id="">', "</a>", '<ins title="">', "</ins>")
    }


def test_links_lead_to_arxiv_to_a_place_on_the_page_or_to_what_they_show(look: Look) -> None:
    """Whatever strangers write, every link is ours or an address that stands there in full."""
    for day in (ordinary(), hostile()):
        page = next(Markdown(look).day(day)).content.decode()
        anchors = set(_anchors(page))
        for address, text in rendered.links(page):
            ours = re.fullmatch(r"https://arxiv\.org/abs/.+|\.\./2026-\d\d-\d\d/index\.md", address)
            assert ours or address == text or address.removeprefix("#") in anchors


def _anchors(page: str) -> list[str]:
    pieces = (child.content for inline in rendered.inlines(page) for child in inline.children or [])
    return [piece[7:-2] for piece in pieces if piece.startswith('<a id="')]


def test_hostile_text_stands_in_the_file_as_text(look: Look) -> None:
    """Every line of a stranger is there word for word, and the only HTML is our anchors."""
    day = hostile().with_sections(hostile().sections[:1])
    page = next(Markdown(look).day(day)).content.decode()
    said = " ".join(HOSTILE.split())

    lines = rendered.lines(page)
    assert f"[1] {said}" in lines
    assert f"Result: {said}" in lines
    assert lines.count(said) == 6  # two abstracts and a TL;DR; of a replacement both and a line of its note
    assert f"作者 {said}" in lines
    assert any(line.endswith(f"arXiv:2603.00003 · {said}") for line in lines)
    html = [
        child.content for inline in rendered.inlines(page) for child in inline.children or [] if "html" in child.type
    ]
    assert {piece[:6] for piece in html} <= {"<a id=", "</a>"}
    tokens = rendered.tokens(page)
    assert not [token for token in tokens if token.type in {"fence", "code_block", "table_open"}]
    blocks = [token.content.strip() for token in tokens if token.type == "html_block"]
    assert blocks == [
        "<details><summary>存疑 arXiv:2602.00009</summary>",
        "</details>",
        "<details><summary>按规则排除 1</summary>",
        "</details>",
    ]


def test_the_day_is_the_golden_page(look: Look, golden: Golden) -> None:
    """The whole file, as kept."""
    golden("day/index.md", next(Markdown(look).day(ordinary())))


def test_a_day_without_papers_says_so(look: Look) -> None:
    """An empty date has a file too."""
    assert shown(look) == ["Table of Contents", "arXiv 公布 0 篇", "No papers on this date."]


def test_there_is_no_file_about_all_days(look: Look) -> None:
    """The archive is the site's."""
    assert list(Markdown(look).whole(Volumes.of([ordinary(), earlier()]))) == []


def test_the_head_says_what_became_of_every_paper(look: Look) -> None:
    """Announced is a sum; replacements are counted apart."""
    lines = rendered.lines(next(Markdown(look).day(ordinary())).content.decode())

    assert lines[1] == "arXiv 公布 7 篇（主类 5，交叉 2）= 已总结 3 + 存疑 1 + 待补 1 + 按规则排除 2 · 更新版 3"


def test_a_reason_that_the_heading_gives_is_not_repeated(look: Look) -> None:
    """An ordinary card has the form of the model page; what else asked for it stands under its authors."""
    primary = entry("2603.00001", why=(because("category", "cs.*"),))
    more = entry(
        "2603.00002", why=(because("category", "cs.CL"), because("author", "C_D")), first_announced=date(2026, 3, 10)
    )
    filed = entry("2603.00003", why=(because("file", "cs.CL"),))

    lines = shown(look, primary, more, filed)

    assert lines[lines.index("Ada Lovelace, Alan Turing") + 1] == "🧩 TL;DR"
    assert [line for line in lines if "首次" in line] == ["作者 C_D · 首次刊出于 2026-03-10"]
    assert not [line for line in lines if line.startswith(("主类", "文件"))]


@pytest.mark.parametrize(
    ("title", "abstract", "said"),
    [
        (True, True, "标题和摘要有改动"),
        (True, False, "标题有改动，摘要未变"),
        (False, True, "摘要有改动，标题未变"),
        (False, False, "标题和摘要未变"),
    ],
)
def test_a_replacement_says_what_it_changed(look: Look, title: bool, abstract: bool, said: str) -> None:
    """Versions, the earlier edition, and the note in lines of its own; the card is folded below."""
    change = changed(title_changed=title, abstract_changed=abstract, note=("一。", "二。"))
    page = next(Markdown(look).day(edition(replacements=(replacement(change=change),)))).content.decode()

    lines = rendered.lines(page)
    start = lines.index(f"Bar, Again v2 ← v1 · 对照 2026-03-10 · {said}")
    assert lines[start + 1 : start + 5] == ["一。", "二。", "🧩 TL;DR", GOOD["tldr"]]
    assert ("../2026-03-10/index.md", "2026-03-10") in rendered.links(page)


def test_what_a_rule_excludes_is_listed_with_the_rule(look: Look) -> None:
    """Title and identifier of each; how many each rule took stands above."""
    lines = rendered.lines(next(Markdown(look).day(ordinary())).content.decode())

    start = lines.index("按规则排除 Excluded [2]")
    assert lines[start + 1 : start + 4] == [
        "exclude: medical: 1 · exclude: survey: 1",
        "A Survey of Foo arXiv:2603.00006 · exclude: survey",
        "Foo in Medicine arXiv:2603.00007 · exclude: medical",
    ]
