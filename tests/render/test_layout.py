"""Numbers, anchors and counts of an edition."""

from datetime import date

from fakes import card, edition, entry, origin

from digest.models import Section
from digest.render.layout import asides, groups, made
from digest.selection import NOT_ASKED
from render.samples import changed, ordinary, replacement


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


def test_a_paper_beside_the_others_has_its_identifier_to_itself() -> None:
    """Where a paper stands twice on a page, the first place has the anchor; replacements stand before exclusions."""
    out = entry("2602.00010", card=None, excluded_by="exclude: survey")
    day = edition(entry("2603.00001"), replacements=(replacement("2603.00001"), replacement()), excluded=(out,))

    replacements, excluded = asides(day)

    assert [one.anchor for one in (*replacements, *excluded)] == [None, "2602.00010", None]


def test_a_replacement_tells_of_its_earlier_edition_and_of_real_trouble_only() -> None:
    """The version that it is held against goes before the first announcement; not to be summarized is no trouble."""
    held = replacement(change=changed(), first_announced=date(2026, 3, 2))
    first = replacement("2602.00011", first_announced=date(2026, 3, 2), card=None, problems=(NOT_ASKED,))
    plain = replacement("2602.00012", card=None, problems=(NOT_ASKED, "engine: HTTP 500"))

    found, _ = asides(edition(replacements=(held, first, plain)))

    assert [one.before for one in found] == [date(2026, 3, 10), date(2026, 3, 2), None]
    assert [one.problems for one in found] == [(), (), ("engine: HTTP 500",)]


def test_all_replies_of_a_card_count_as_tokens() -> None:
    """A second asking is paid too; a service that tells no tokens adds none."""
    twice = entry("2603.00001", replies=(origin(), origin()))
    untold = entry("2603.00002", card=card(origin=origin(model="b", prompt_tokens=None, completion_tokens=None)))

    found = made(edition(twice, untold))

    assert found.models == (("b", 1), ("fake-1", 1))
    assert (found.prompt_tokens, found.completion_tokens) == (1800, 600)


def test_the_reply_behind_a_note_counts_once() -> None:
    """A note on a replacement is paid too, among the replies or beside them; so is what a rule hides now."""
    note = origin(key="note", prompt_tokens=50, completion_tokens=5)
    beside = replacement("2602.00010", card=None, change=changed(origin=note))
    among = replacement("2602.00011", card=None, change=changed(origin=note), replies=(note,))

    assert [made(edition(replacements=(one,))).prompt_tokens for one in (beside, among)] == [50, 50]
    hidden = made(edition(excluded=(entry(replies=(note,), excluded_by="exclude: survey"),)))
    assert (hidden.models, hidden.prompt_tokens) == ((), 50)
