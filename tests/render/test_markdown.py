"""The day in Markdown: the lines a reader sees are those of the model page."""

from fakes import GOOD, edition, entry

from digest.render import Look
from digest.render.markdown import Markdown
from render import rendered
from render.conftest import Golden
from render.samples import HOSTILE, earlier, hostile, ordinary


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

    assert lines[5:7] == ["⚠️ Not checked out: result: 4.1 is not in the abstract", "🧩 TL;DR"]


def test_links_lead_to_arxiv_to_a_place_on_the_page_or_to_what_they_show(look: Look) -> None:
    """Whatever strangers write, every link is ours or an address that stands there in full."""
    for day in (ordinary(), hostile()):
        page = next(Markdown(look).day(day)).content.decode()
        anchors = set(_anchors(page))
        for address, text in rendered.links(page):
            assert (
                address.startswith("https://arxiv.org/abs/") or address == text or address.removeprefix("#") in anchors
            )


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
    assert lines.count(said) == 3  # two abstracts and a TL;DR
    html = [
        child.content for inline in rendered.inlines(page) for child in inline.children or [] if "html" in child.type
    ]
    assert {piece[:6] for piece in html} <= {"<a id=", "</a>"}
    assert not [
        token for token in rendered.tokens(page) if token.type in {"html_block", "fence", "code_block", "table_open"}
    ]


def test_the_day_is_the_golden_page(look: Look, golden: Golden) -> None:
    """The whole file, as kept."""
    golden("day/index.md", next(Markdown(look).day(ordinary())))


def test_a_day_without_papers_says_so(look: Look) -> None:
    """An empty date has a file too."""
    assert shown(look) == ["Table of Contents", "No papers on this date."]


def test_there_is_no_file_about_all_days(look: Look) -> None:
    """The archive is the site's."""
    assert list(Markdown(look).whole([ordinary(), earlier()])) == []
