"""Numbers, anchors and counts of an edition."""

from fakes import card, edition, entry, origin

from digest.models import Section
from digest.render.layout import groups, made, tally
from render.samples import ordinary


def test_papers_are_numbered_through_the_page_and_keep_their_number() -> None:
    """A paper that comes again has the number of its first place, and says so."""
    numbers = [[(item.number, item.again) for item in group.items] for group in groups(ordinary())]

    assert numbers == [
        [(1, False), (2, False), (3, False)],
        [(4, False)],
        [(5, False)],
        [(1, True), (2, True), (5, True)],
    ]


def test_a_paper_that_no_section_names_stands_at_the_end() -> None:
    """Nothing of an edition is left out of its page."""
    day = edition(entry("2603.00001"), entry("2603.00002")).with_sections(
        [Section(title="cs.CL", kind="category", arxiv_ids=("2603.00002",))]
    )

    assert [(group.title, [item.entry.paper.arxiv_id for item in group.items]) for group in groups(day)] == [
        ("cs.CL", ["2603.00002"]),
        ("", ["2603.00001"]),
    ]


def test_anchors_are_unique_and_none_is_reserved() -> None:
    """Titles that make the same anchor are told apart."""
    day = edition(entry()).with_sections(
        Section(title=title, kind="keyword", arxiv_ids=()) for title in ("Top", "top", "强化 学习", "??")
    )

    assert [group.anchor for group in groups(day, ["top"])][:4] == ["top-2", "top-3", "强化-学习", "section"]


def test_every_paper_is_counted_once() -> None:
    """New and cross make the announced ones; each is shown, flagged or pending."""
    counts = tally(ordinary())

    assert (counts.announced, counts.new, counts.cross, counts.replaced) == (5, 4, 1, 1)
    assert (counts.shown, counts.flagged, counts.pending) == (3, 1, 1)


def test_all_replies_of_a_card_count_as_tokens() -> None:
    """A second asking is paid too; a service that tells no tokens adds none."""
    twice = entry("2603.00001", replies=(origin(), origin()))
    untold = entry("2603.00002", card=card(origin=origin(model="b", prompt_tokens=None, completion_tokens=None)))

    found = made(edition(twice, untold))

    assert found.models == (("b", 1), ("fake-1", 1))
    assert (found.prompt_tokens, found.completion_tokens) == (1800, 600)
