"""Joining listings and arranging editions."""

from collections.abc import Iterable
from datetime import date

import pytest
from fakes import card, entry, origin, paper
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.models import AnnounceType, Change, Edition, Entry, Listed, Listing, Source
from digest.selection import Rule, Rules, arrange, carried, edition_of, follows, missing_rules

DAY = date(2026, 3, 17)
RULES = Rules(categories=("cs.CV", "cs.CL"))


def edition(*items: Listed, rules: Rules = RULES, source: Source = "search") -> Edition:
    return arrange(edition_of(Listing(DAY, source, items), rules, "zh-Hans"), rules)


def ids(entries: Iterable[Entry]) -> list[str]:
    return [one.paper.arxiv_id for one in entries]


def why(found: Entry) -> list[tuple[str, str]]:
    return [(reason.kind, reason.value) for reason in found.why]


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


# ------------------------------------------------------------------------------------------ sections and reasons


def test_a_section_holds_by_keyword_or_author_but_not_what_it_excludes() -> None:
    """Either is enough, categories and exclusions are obeyed."""
    rule = Rule("G", ("gated AND attention",), ("cs.CL",), authors=("T. Nguyen",), exclude=("survey", "ti:old"))

    assert follows(paper(), rule)
    assert follows(paper(title="Other", abstract="Else.", authors=("Tam Nguyễn",)), rule)
    assert not follows(paper(title="Other", abstract="Else."), rule)
    assert not follows(paper(title="Foo: Gated Attention, a Survey"), rule)
    assert not follows(paper(title="Old Gated Attention", authors=("Tam Nguyễn",)), rule)
    assert follows(paper(abstract="Gated attention is old."), rule)
    assert not follows(paper(categories=("cs.CV",)), rule)


def test_a_keyword_of_a_time_before_operators_is_a_phrase() -> None:
    """What a saved edition was asked for may not be an expression; it never stops a run."""
    assert follows(paper(title="Gates (GRU) of old"), Rule("G", ("gates (GRU)",)))


def test_every_entry_says_why_it_is_there() -> None:
    """Categories first, then keywords, then authors; each once, whatever section they come from."""
    rules = Rules(
        ("cs.CL", "cs.AI"),
        (Rule("A", ("long sequences", "gated"), authors=("Turing, Alan",)), Rule("B", ("gated", "absent"))),
        authors=("Ada Lovelace",),
    )
    (only,) = edition(Listed(paper(), "new"), rules=rules).entries

    assert why(only) == [
        ("category", "cs.CL"),
        ("keyword", "long sequences"),
        ("keyword", "gated"),
        ("author", "Alan Turing"),
        ("author", "Ada Lovelace"),
    ]


def test_a_cross_list_names_the_categories_that_brought_it() -> None:
    """Those asked for, in the paper's order, an archive by the paper's own names; none if the primary is asked."""
    paper_ = paper(categories=("stat.ML", "cs.CV", "math.OC", "cs.LG"))

    assert why(edition(Listed(paper_, "cross"), rules=Rules(("cs.*",))).entries[0]) == [
        ("cross", "cs.CV"),
        ("cross", "cs.LG"),
    ]
    assert why(edition(Listed(paper_, "new"), rules=Rules(("cs.*", "stat.ML"))).entries[0]) == [("category", "stat.ML")]


def test_a_section_that_does_not_hold_a_paper_is_no_reason() -> None:
    """A keyword whose section excludes the paper did not bring it."""
    rules = Rules(("cs.CL",), (Rule("A", ("gated",), exclude=("foo",)), Rule("B", ("gated",), ("cs.RO",))))

    assert why(edition(Listed(paper(), "new"), rules=rules).entries[0]) == [("category", "cs.CL")]


def test_a_paper_of_a_file_is_there_for_its_section() -> None:
    """A file's title is a reason too, and the only one of a paper without categories."""
    one = paper(categories=())

    found = edition(Listed(one, "new", "Mine"), Listed(one, "new", "Ours"), rules=Rules(), source="file")
    assert why(found.entries[0]) == [("file", "Mine"), ("file", "Ours")]


def test_what_arxiv_found_by_its_only_keyword_is_there_for_it() -> None:
    """arXiv looks for stems, so our words may miss what it found; of several keywords none is guessed."""
    stem = Listed(paper(title="Gating", abstract="It attends."), "new")

    assert why(edition(stem, rules=Rules((), (Rule("G", ("gates",)),))).entries[0]) == [("keyword", "gates")]
    assert why(edition(stem, rules=Rules((), (Rule("G", ("gates", "x")),))).entries[0]) == []


# ------------------------------------------------------------------------------------------ what is kept out


def test_an_excluded_paper_stands_apart_with_its_rule() -> None:
    """It is in no section and no entry, keeps its card, and says what keeps it out and what asked for it."""
    rules = Rules(("cs.CL",), (Rule("G", ("gated",)),), exclude=("quantum", "ti:foo"))
    found = arrange(edition(Listed(paper(), "new")).with_entries([entry(replies=(origin(),))]), rules)
    (only,) = found.excluded

    assert (only.excluded_by, only.card, only.replies) == ("exclude: ti:foo", card(), (origin(),))
    assert why(only)[-1] == ("keyword", "gated")
    assert not found.entries
    assert not any(section.arxiv_ids for section in found.sections)


def test_cross_lists_can_be_left_out() -> None:
    """What was announced as a cross-list is kept out, with the name of the key."""
    rules = Rules(("cs.CV",), cross_lists=False)
    found = edition(
        Listed(paper("2603.00001", categories=("cs.CV",)), "new"), Listed(paper("2603.00002"), "cross"), rules=rules
    )

    assert ids(found.entries) == ["2603.00001"]
    assert [(one.paper.arxiv_id, one.excluded_by) for one in found.excluded] == [("2603.00002", "cross_lists = false")]


@pytest.mark.parametrize("source", ["feed", "search", "oai"])
def test_an_excluded_paper_comes_back_to_its_place(source: Source) -> None:
    """When the rule is gone the edition is as if it had never been."""
    items = [Listed(paper(f"2603.0000{n}", title=f"Title {n}"), "new" if n % 2 else "cross") for n in (1, 3, 5, 2, 4)]
    plain = edition(*items, source=source)
    without = arrange(plain, Rules(RULES.categories, exclude=('"title 3" OR "title 2"',), cross_lists=False))

    assert (ids(without.entries), ids(without.excluded)) == (
        ["2603.00001", "2603.00005"],
        ["2603.00003", "2603.00002", "2603.00004"],
    )
    assert arrange(without, RULES) == plain


def test_a_paper_of_a_file_comes_back_behind_the_others() -> None:
    """A file has an order of its own, which nobody knows any more."""
    items = [Listed(paper(f"2603.0000{n}", title=f"Title {n}"), "new") for n in (3, 1, 2)]
    without = edition(*items, rules=Rules(exclude=("title 1",)), source="file")

    assert ids(arrange(without, Rules()).entries) == ["2603.00003", "2603.00002", "2603.00001"]


def test_without_categories_what_the_sections_exclude_is_kept_out() -> None:
    """Only where some section would have it but for its exclusion, and no other has it."""
    gates = Rule("Gates", ("gated",), exclude=("survey", "long sequences"))
    items = [
        Listed(paper("2603.00001"), "new"),
        Listed(paper("2603.00002", title="Gated Gates", abstract="They are short."), "new"),
        Listed(paper("2603.00003", title="Survey", abstract="Of something."), "new"),
    ]
    found = edition(*items, rules=Rules((), (gates,)))

    assert [one.excluded_by for one in found.excluded] == ["section Gates: exclude: long sequences"]
    assert why(found.excluded[0]) == [("keyword", "gated")]
    assert [(one.title, one.arxiv_ids) for one in found.sections] == [
        ("Gates", ("2603.00002",)),
        ("cs.CL", ("2603.00003",)),
    ]
    assert ids(edition(*items, rules=Rules((), (gates, Rule("All", ("foo",))))).excluded) == []
    assert ids(edition(*items, rules=Rules(("cs.CL",), (gates,))).excluded) == []
    assert ids(edition(*items, rules=Rules((), (gates,)), source="file").excluded) == []


def test_a_file_section_keeps_a_paper_that_a_keyword_section_excludes() -> None:
    """Where the source names the section, only the rules for the whole edition count."""
    rules = Rules((), (Rule("G", ("gated",), exclude=("foo",)),))
    item = Listed(paper(), "new", "Mine")

    assert ids(edition(item, rules=rules).entries) == ["2603.00001"]
    assert ids(edition(item, rules=Rules(exclude=("foo",))).excluded) == ["2603.00001"]


CHOICES = st.builds(
    Rules,
    st.sampled_from([("cs.CV",), ("cs.CV", "cs.CL"), ()]),
    st.lists(
        st.builds(
            Rule,
            st.sampled_from("AB"),
            st.lists(st.sampled_from(["one", "two OR three", "one NOT two"]), max_size=2).map(tuple),
            st.sampled_from([(), ("cs.CV",)]),
            st.sampled_from([(), ("Ada Lovelace",)]),
            st.sampled_from([(), ("three",)]),
        ),
        max_size=2,
    ).map(tuple),
    authors=st.sampled_from([(), ("A. Turing",)]),
    exclude=st.lists(st.sampled_from(["one AND two", "three"]), max_size=2).map(tuple),
    cross_lists=st.booleans(),
)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["2603.00001", "2603.00002", "2603.00003", "2603.00004"]),
        st.sampled_from(["new", "cross", "replace"]),
        st.lists(st.sampled_from(["one", "two", "three"]), max_size=3).map(" ".join),
        st.sampled_from([("cs.CV",), ("cs.CL", "cs.CV"), ("cs.AI",)]),
        st.sampled_from([None, None, "Mine"]),
    ),
    max_size=6,
)


@settings(deadline=None)
@given(ROWS, CHOICES, CHOICES, st.sampled_from(["feed", "search", "oai", "file"]))
def test_rules_come_and_go_without_a_trace(
    rows: list[tuple[str, AnnounceType, str, tuple[str, ...], str | None]], first: Rules, then: Rules, source: Source
) -> None:
    """Arranging again changes nothing; no paper is lost or in two places; the rules before leave nothing behind."""
    items = [
        Listed(paper(name, title=f"T {words}", categories=tags), kind, section)
        for name, kind, words, tags, section in rows
    ]
    bare = edition_of(Listing(DAY, source, tuple(items)), first, "zh-Hans")
    once = arrange(bare, first)
    again = arrange(arrange(once, then), first)

    assert arrange(once, first) == once
    assert sorted([*ids(once.entries), *ids(once.excluded)]) == sorted(ids(bare.entries))
    assert all(one.excluded_by for one in once.excluded)
    assert not any(one.excluded_by for one in once.entries)
    assert {one for section in once.sections for one in section.arxiv_ids} == set(ids(once.entries))
    assert {one.paper.arxiv_id: one for one in again.excluded} == {one.paper.arxiv_id: one for one in once.excluded}
    assert set(ids(again.entries)) == set(ids(once.entries))


# ------------------------------------------------------------------------------------------ joining


def test_an_excluded_papers_card_is_carried() -> None:
    """A paper kept out on file is found by a new listing, with all that was paid for it."""
    apart = Rules(RULES.categories, exclude=("foo",))
    saved = arrange(edition(Listed(paper(), "new")).with_entries([entry(replies=(origin(),))]), apart)
    both = carried(edition_of(Listing(DAY, "search", (Listed(paper(), "new"),)), RULES, "zh-Hans"), saved)
    (back,) = arrange(both, RULES).entries

    assert ids(both.excluded) == ["2603.00001"]
    assert (back.card, back.replies, back.excluded_by) == (card(), (origin(),), None)


def test_excluded_papers_of_both_sides_are_kept() -> None:
    """Also those that the new listing lacks; each paper stands once."""
    apart = Rules(RULES.categories, exclude=("foo",))
    saved = edition(Listed(paper("2603.00003"), "new"), Listed(paper("2603.00001"), "new"), rules=apart)
    fresh = edition(Listed(paper("2603.00002"), "new"), Listed(paper("2603.00001"), "new"), rules=apart)
    both = carried(fresh, saved)

    assert (ids(both.entries), ids(both.excluded)) == ([], ["2603.00001", "2603.00002", "2603.00003"])


def test_an_excluded_paper_is_no_replacement() -> None:
    """A paper announced as new on a date is none of its replacements, kept out or not."""
    saved = edition(Listed(paper(), "new"), rules=Rules(("cs.CL",), exclude=("foo",)))

    assert carried(edition(Listed(paper(), "replace")), saved).replacements == ()


CHANGE = Change(
    from_version=1, announced=date(2026, 1, 5), title_changed=False, abstract_changed=True, note=("改了。",)
)


def test_what_is_known_of_earlier_editions_is_carried() -> None:
    """The new listing's word counts where it has one; a change is kept as long as the version is the same."""
    old = entry(first_announced=date(2026, 3, 2), change=CHANGE)
    saved = edition(Listed(paper(), "new")).with_entries([old])
    fresh = edition(Listed(paper(), "new"))
    newer = fresh.with_entries([entry(card=None, first_announced=date(2026, 3, 3))])

    (kept,) = carried(fresh, saved).entries
    assert (kept.first_announced, kept.change) == (date(2026, 3, 2), CHANGE)
    assert carried(newer, saved).entries[0].first_announced == date(2026, 3, 3)


@pytest.mark.parametrize(("version", "kept"), [(2, CHANGE), (3, None)])
def test_a_change_of_a_replacement_is_carried(version: int, kept: Change | None) -> None:
    """It was paid for, and speaks of one version."""
    saved = edition(Listed(paper(version=2), "replace"))
    saved = saved.with_entries([one.model_copy(update={"change": CHANGE}) for one in saved.replacements])
    (only,) = carried(edition(Listed(paper(version=version), "replace")), saved).replacements

    assert (only.paper.version, only.change) == (version, kept)


@pytest.mark.parametrize("other", ["feed", "search", "oai"])
def test_listings_of_arxiv_meet_in_its_order(other: Source) -> None:
    """Feed, search and OAI-PMH tell of the same listing."""
    saved = edition(Listed(paper("2603.00001"), "new"), source="oai")
    fresh = edition(Listed(paper("2603.00002"), "new"), source=other)

    assert ids(carried(fresh, saved).entries) == ["2603.00001", "2603.00002"]


@pytest.mark.parametrize("fresh", ["search", "oai"])
def test_a_feed_is_the_better_witness_of_a_papers_text(fresh: Source) -> None:
    """What others say later of a paper is not what was announced; of those two the later one counts."""
    late = Listed(paper(abstract="Rewritten.", version=2), "new")
    by_feed = edition(Listed(paper(), "new"), source="feed")
    by_search = edition(Listed(paper(), "new"), source="search")

    assert carried(edition(late, source=fresh), by_feed).entries[0].paper == paper()
    assert carried(edition(late, source=fresh), by_search).entries[0].paper == late.paper


def test_what_oai_listed_need_not_be_asked_again() -> None:
    """An edition from OAI-PMH covers what was asked of it, as one from the feed or the search does."""
    saved = edition(source="oai")

    assert missing_rules(RULES, saved) is None
    assert missing_rules(Rules(("cs.RO", "cs.CV")), saved) == Rules(("cs.RO",))
