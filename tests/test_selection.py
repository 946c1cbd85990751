"""Joining listings and arranging editions."""

from datetime import date

from fakes import card, entry, origin, paper
from hypothesis import given
from hypothesis import strategies as st

from digest.models import Edition, Listed, Listing
from digest.selection import Rule, Rules, arrange, carried, edition_of, follows, has_phrase

DAY = date(2026, 3, 17)
RULES = Rules(categories=("cs.CV", "cs.CL"))


def edition(*items: Listed, rules: Rules = RULES) -> Edition:
    return arrange(edition_of(Listing(DAY, "search", items), rules, "zh-Hans"), rules)


def test_a_cross_list_of_a_new_paper_is_the_same_paper() -> None:
    """A paper listed as new and as cross stands once, as new."""
    found = edition(Listed(paper("2603.00002"), "cross"), Listed(paper("2603.00002"), "new"))

    assert [(one.paper.arxiv_id, one.announce_type) for one in found.entries] == [("2603.00002", "new")]


def test_replacements_are_kept_apart() -> None:
    """A replacement is no new paper: it stands beside the entries, not among them."""
    found = edition(Listed(paper("2603.00001"), "new"), Listed(paper("2501.00009", version=3), "replace"))

    assert [one.paper.arxiv_id for one in found.entries] == ["2603.00001"]
    assert [one.paper.version for one in found.replacements] == [3]


def test_an_entry_without_card_says_why() -> None:
    """Fresh from the listing an entry has a reason in place of a card."""
    (only,) = edition(Listed(paper(), "new")).entries

    assert only.card is None
    assert only.problems == ("not summarized yet",)


def test_sections_follow_the_order_asked_for() -> None:
    """Categories asked for come first, in that order; primaries of cross-lists follow by name."""
    found = edition(
        Listed(paper("2603.00001", categories=("cs.CL",)), "new"),
        Listed(paper("2603.00002", categories=("stat.ML", "cs.CL")), "cross"),
        Listed(paper("2603.00003", categories=("cs.CV", "cs.CL")), "new"),
        Listed(paper("2603.00004", categories=("cs.RO", "cs.CV")), "cross"),
    )

    assert [section.title for section in found.sections] == ["cs.CV", "cs.CL", "cs.RO", "stat.ML"]


def test_a_paper_may_stand_in_several_keyword_sections_and_in_its_category() -> None:
    """Keywords add sections; they do not filter."""
    rules = Rules(
        ("cs.CV",), (Rule("Gates", ("gated attention",)), Rule("Long", ("long sequences",)), Rule("No", ("x",)))
    )
    found = edition(Listed(paper(categories=("cs.CV",)), "new"), rules=rules)

    assert [(one.title, one.kind, len(one.arxiv_ids)) for one in found.sections] == [
        ("Gates", "keyword", 1),
        ("Long", "keyword", 1),
        ("No", "keyword", 0),
        ("cs.CV", "category", 1),
    ]


def test_a_paper_that_no_keyword_takes_still_stands_somewhere() -> None:
    """With keywords alone, what the search found without the literal phrase goes under its category."""
    rules = Rules(sections=(Rule("Gates", ("gated attention",)),))
    found = edition(
        Listed(paper("2603.00001"), "new"),
        Listed(paper("2603.00002", title="Other", abstract="Nothing of it."), "new"),
        rules=rules,
    )

    assert [(one.title, one.arxiv_ids) for one in found.sections] == [
        ("Gates", ("2603.00001",)),
        ("cs.CL", ("2603.00002",)),
    ]


def test_a_section_that_the_source_names_is_kept() -> None:
    """A file that says where its papers stand is believed."""
    found = edition(
        Listed(paper("2603.00001"), "new", section="Video Understanding"),
        Listed(paper("2603.00002"), "new", section="cs.CV"),
        rules=Rules(),
    )

    assert [(one.title, one.kind) for one in found.sections] == [
        ("Video Understanding", "keyword"),
        ("cs.CV", "category"),
    ]


def test_cards_follow_their_papers_into_a_new_listing() -> None:
    """A listing fetched again keeps the cards of unchanged papers and drops those of changed ones."""
    saved = edition(Listed(paper("2603.00001"), "new"), Listed(paper("2603.00002"), "new"))
    saved = saved.with_entries([entry("2603.00001", replies=(origin(),)), entry("2603.00002", replies=(origin(),))])
    fresh = edition(Listed(paper("2603.00001"), "new"), Listed(paper("2603.00002", abstract="Rewritten."), "new"))
    first, second = carried(fresh, saved).entries

    assert (first.card, first.problems) == (card(), ())
    assert (second.card, second.problems) == (None, ("not summarized yet",))
    assert second.replies == (origin(),)


def test_a_paper_that_a_later_listing_lost_is_kept() -> None:
    """What was announced stays announced, whatever a second answer says; so do the categories asked before."""
    saved = edition(Listed(paper("2603.00001"), "new"), Listed(paper("2603.00002"), "new"))
    fresh = edition(Listed(paper("2603.00003", categories=("cs.AI",)), "new"), rules=Rules(("cs.AI",)))
    both = carried(fresh, saved)

    assert {one.paper.arxiv_id for one in both.entries} == {"2603.00001", "2603.00002", "2603.00003"}
    assert both.categories == ("cs.CV", "cs.CL", "cs.AI")


def test_new_beats_cross_when_two_listings_meet() -> None:
    """A paper that was new stays new when another category's listing calls it a cross-list."""
    saved = edition(Listed(paper("2603.00001"), "new"))
    fresh = edition(Listed(paper("2603.00001"), "cross"), rules=Rules(("cs.AI",)))

    assert [one.announce_type for one in carried(fresh, saved).entries] == ["new"]


def test_a_rule_may_ask_for_categories() -> None:
    """A keyword section can be confined to categories, cross-lists and archives included."""
    assert follows(paper(categories=("cs.CL", "cs.AI")), Rule("G", ("gated",), ("cs.AI",)))
    assert follows(paper(categories=("cs.CL",)), Rule("G", ("gated",), ("cs.*",)))
    assert not follows(paper(categories=("cs.CL",)), Rule("G", ("gated",), ("cs.CV",)))


def test_phrases_match_words_not_parts_of_words() -> None:
    """Case, hyphens and a plural s make no difference; parts of words do."""
    assert has_phrase("State-of-the-art Vision-Language Models (VLMs)", "vision language model")
    assert not has_phrase("revision language models", "vision language model")
    assert not has_phrase("anything", "  ")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["2603.00001", "2603.00002", "2603.00003"]), st.sampled_from(["new", "cross", "replace"])
        )
    )
)
def test_arranging_twice_is_arranging_once(rows: list[tuple[str, str]]) -> None:
    """`arrange` of an arranged edition changes nothing, and no paper gets lost on the way."""
    items = [Listed(paper(arxiv_id), kind) for arxiv_id, kind in rows]  # type: ignore[arg-type]
    once = edition(*items)

    assert arrange(once, RULES) == once
    listed = {arxiv_id for section in once.sections for arxiv_id in section.arxiv_ids}
    assert listed == {one.paper.arxiv_id for one in once.entries}
    assert {arxiv_id for arxiv_id, _ in rows} == listed | {one.paper.arxiv_id for one in once.replacements}
