"""History: one card a paper, whatever editions it stands in; a replacement knows what it changed."""

from datetime import date, timedelta
from typing import Any

import pytest
from fakes import card, edition, entry, origin
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.history import gathered, is_rewritten, joined_replies, remembered, to_describe, to_summarize
from digest.models import Card, Change, Edition, Entry
from digest.selection import NOT_ASKED

ID = "2603.00001"
MONDAY, TUESDAY, TODAY = date(2026, 3, 9), date(2026, 3, 10), date(2026, 3, 17)
CARD = card(tldr="先前的卡片。")
NOTE = ("新版把范围扩大到图像。", "无其他实质变动")


def bare(**fields: Any) -> Entry:
    return entry(ID, **{"card": None, "problems": (NOT_ASKED,), **fields})


def later(version: int = 2, **fields: Any) -> Entry:
    return bare(**{"version": version, "announce_type": "replace", **fields})


def held(*entries: Entry, day: date = MONDAY, **fields: Any) -> Edition:
    return edition(*entries, announced=day, **fields)


def met(today: Entry, *others: Edition) -> Entry:
    """An entry of today, after what the others hold is remembered."""
    place = "replacements" if today.announce_type.startswith("replace") else "entries"
    own = edition(**{place: (today,)}, sections=())
    own = remembered(own, gathered(own, others))
    return (*own.entries, *own.replacements)[0]


# ------------------------------------------------------------------------------------------ gathered


def found(*others: Edition) -> tuple[date, Entry]:
    own = edition(bare(), announced=TODAY)
    return gathered(own, others)[ID]


@pytest.mark.parametrize("place", ["entries", "replacements", "excluded"])
def test_the_newest_earlier_edition_counts_wherever_it_has_the_paper(place: str) -> None:
    """An entry, a replacement or one that a rule kept out; the earliest date is told beside it."""
    holding: Any = {place: (later(3),)}
    newest = held(day=TUESDAY, **{"entries": (), **holding})

    for others in ([held(entry(ID)), newest], [newest, held(entry(ID))]):
        day, old = found(*others)
        assert (day, old.paper.version, old.first_announced) == (TUESDAY, 3, MONDAY)


def test_the_only_earlier_edition_is_the_first() -> None:
    """Its entry then tells no earlier date."""
    assert found(held(entry(ID))) == (MONDAY, entry(ID))


def test_an_entry_that_knows_its_first_date_is_believed() -> None:
    """The edition of that date may be gone."""
    assert found(held(entry(ID, first_announced=date(2026, 3, 2))))[1].first_announced == date(2026, 3, 2)


@pytest.mark.parametrize("day", [TODAY, TODAY + timedelta(days=1)])
def test_neither_the_day_itself_nor_a_later_one_is_earlier(day: date) -> None:
    """What comes after must not shape what was said before."""
    own = edition(bare(), announced=TODAY)

    assert gathered(own, [held(entry(ID), day=day)]) == {}


def test_other_papers_are_not_kept() -> None:
    """Years of editions hold many."""
    assert list(gathered(edition(bare()), [held(entry(ID), entry("2603.00002"))])) == [ID]


def test_an_invented_day_and_a_real_one_know_nothing_of_each_other() -> None:
    """The sample day has a date before all real ones."""
    sample = held(entry(ID), source="sample")
    real = held(entry(ID), day=TUESDAY)

    assert gathered(edition(bare()), [sample]) == {}
    assert gathered(edition(bare(), source="sample"), [real]) == {}
    assert list(gathered(edition(bare(), source="sample"), [sample])) == [ID]


@pytest.mark.parametrize(
    "other",
    [
        held(entry(ID, card=CARD, earlier=(CARD,)), language="en"),
        held(entry(ID, card=card(origin=origin(engine="echo")), replies=(origin(engine="echo"),))),
    ],
    ids=["in another language", "by no model"],
)
def test_a_card_that_must_not_be_shown_is_left_out(other: Edition) -> None:
    """The paper itself is still known."""
    day, old = found(other)

    assert (day, old.paper) == (MONDAY, entry(ID).paper)
    assert (old.card, old.replies, old.earlier) == (None, (), ())


# ------------------------------------------------------------------------------------------ new papers, cross-lists


@pytest.mark.parametrize("announce_type", ["new", "cross"])
def test_a_paper_seen_before_takes_over_its_card(announce_type: str) -> None:
    """Same text: card, problems, replies and earlier cards are those of the newest edition; nothing is to be asked."""
    problems, replies = ("result: 4.1% is not in the abstract",), (origin(key="a"),)
    old = entry(ID, card=CARD, problems=problems, replies=replies, earlier=(card(),))

    got = met(bare(announce_type=announce_type), held(old))

    assert got.first_announced == MONDAY
    assert (got.card, got.problems, got.replies, got.earlier) == (CARD, problems, replies, (card(),))
    assert got.announce_type == announce_type


def test_a_paper_that_a_rule_keeps_out_is_remembered_alike() -> None:
    """Should the rule go, there is nothing to ask for; and a later edition finds the card there."""
    kept_out = bare(announce_type="cross", excluded_by="exclude: survey")
    own = edition(excluded=(kept_out, later().model_copy(update={"paper": entry("2603.00002", version=2).paper})))

    after = remembered(own, gathered(own, [held(entry(ID, card=CARD), entry("2603.00002"))]))

    assert [one.card for one in after.excluded] == [CARD, card()]
    assert after.excluded[0].excluded_by == "exclude: survey"
    assert after.excluded[1].change is not None
    assert to_summarize(after) == ()


def test_a_paper_not_seen_before_stays_as_it_is() -> None:
    """It is new."""
    assert met(bare(), held(entry("2603.00002"))) == bare()


@pytest.mark.parametrize("change", [{"title": "Bar"}, {"abstract": "Another."}])
def test_another_text_takes_over_no_card(change: dict[str, str]) -> None:
    """The old card is kept as an earlier one, and the paper is still to be asked for."""
    old = entry(ID, card=CARD, replies=(origin(key="a"),), earlier=(card(),))

    got = met(bare(announce_type="cross", version=2, **change), held(old))

    assert (got.card, got.problems, got.replies) == (None, (NOT_ASKED,), ())
    assert got.earlier == (card(), CARD)
    assert got.first_announced == MONDAY


def test_a_card_of_its_own_stays() -> None:
    """A saved edition run again only learns when the paper was first announced."""
    own = entry(ID, card=card(tldr="自己的卡片。"))

    assert met(own, held(entry(ID, card=CARD))) == own.model_copy(update={"first_announced": MONDAY})


def test_a_paper_that_had_no_card_then_has_none_now() -> None:
    """Its own reasons and replies stay."""
    own = bare(problems=("engine: 503",), replies=(origin(key="b"),))

    got = met(own, held(bare(problems=("engine: 500",))))

    assert got == own.model_copy(update={"first_announced": MONDAY})


def test_replies_of_both_editions_are_kept_once() -> None:
    """All were paid for."""
    own = bare(replies=(origin(key="a"), origin(key="b")))

    got = met(own, held(entry(ID, replies=(origin(key="a"),))))

    assert [reply.key for reply in got.replies] == ["a", "b"]


def test_the_first_date_is_handed_on_from_edition_to_edition() -> None:
    """Also where the first one is gone."""
    assert (
        met(bare(announce_type="cross"), held(entry(ID, first_announced=MONDAY), day=TUESDAY)).first_announced == MONDAY
    )
    assert met(later(), held(later(first_announced=MONDAY), day=TUESDAY)).first_announced == MONDAY


def test_the_first_date_only_moves_back() -> None:
    """A day that is collected after later ones may be the first."""
    own = entry(ID, first_announced=TUESDAY)

    assert met(own, held(entry(ID))).first_announced == MONDAY
    assert met(own, held(entry(ID), day=date(2026, 3, 12))).first_announced == TUESDAY


def test_a_card_that_is_taken_over_is_to_be_judged_again() -> None:
    """The earlier edition may have been judged by other checks; where nothing was taken the edition stays judged."""
    fresh, own = edition(bare(), judged_by="x"), edition(entry(ID), judged_by="x")

    assert remembered(fresh, gathered(fresh, [held(entry(ID))])).judged_by == ""
    assert remembered(own, gathered(own, [held(entry(ID))])).judged_by == "x"


# ------------------------------------------------------------------------------------------ replacements


def test_a_replacement_with_the_same_text_keeps_the_card() -> None:
    """It is shown as the second version, with nothing to ask for."""
    old = entry(ID, card=CARD, replies=(origin(key="a"),))

    got = met(later(), held(old))

    assert got.change == Change(from_version=1, announced=MONDAY, title_changed=False, abstract_changed=False)
    assert (got.card, got.problems, got.replies) == (CARD, (), old.replies)
    assert got.first_announced == MONDAY
    assert not is_rewritten(got)


@pytest.mark.parametrize(
    ("fields", "title", "abstract"),
    [
        ({"title": "Bar"}, True, False),
        ({"abstract": "Another."}, False, True),
        ({"title": "foo: gated attention for long sequences"}, True, False),
        ({"title": " Foo:  Gated Attention\nfor Long Sequences "}, False, False),
    ],
)
def test_a_change_is_told_by_title_and_abstract(fields: dict[str, Any], title: bool, abstract: bool) -> None:
    """White space makes no difference, case does."""
    got = met(later(**fields), held(entry(ID)))

    assert got.change is not None
    assert (got.change.title_changed, got.change.abstract_changed) == (title, abstract)


def test_a_replacement_with_another_text_is_to_be_summarized() -> None:
    """The card of the old text is kept in the record."""
    got = met(later(3, abstract="Another."), held(entry(ID, card=CARD, version=2, earlier=(card(),))))

    assert got.change is not None
    assert got.change.from_version == 2
    assert (got.card, got.problems, got.replies) == (None, (NOT_ASKED,), ())
    assert got.earlier == (card(), CARD)


def test_a_replacement_of_an_unknown_paper_is_only_listed() -> None:
    """No older text to compare it to: nothing is asked for, so there is no problem either."""
    got = met(later(abstract="Another."))

    assert got == later(abstract="Another.", problems=())


def test_the_same_version_once_more_has_the_card_and_the_change_told_then() -> None:
    """A replacement that reaches another category on a later date."""
    change = Change(from_version=1, announced=MONDAY, title_changed=False, abstract_changed=True, note=NOTE)
    old = later(card=CARD, problems=(), change=change)

    got = met(later(announce_type="replace-cross"), held(replacements=(old,), day=TUESDAY))

    assert (got.card, got.problems, got.change) == (CARD, (), change)


def test_an_older_version_than_the_one_on_file_changed_nothing() -> None:
    """An edition collected long after its date holds the latest text under an early date."""
    got = met(later(2), held(entry(ID, version=3, abstract="Another.")))

    assert (got.change, got.card, got.problems, got.earlier) == (None, None, (), ())


def test_a_replacement_that_failed_keeps_its_reason() -> None:
    """A later run asks again; what went wrong is known until then."""
    saved = met(later(abstract="Another."), held(entry(ID))).model_copy(update={"problems": ("engine: 503",)})

    assert met(saved, held(entry(ID))) == saved


def test_a_replacement_with_a_card_of_its_own_stays() -> None:
    """What the earlier edition regenerates afterwards is about the old text."""
    saved = met(later(abstract="Another."), held(entry(ID))).model_copy(update={"card": CARD, "problems": ()})

    assert met(saved, held(entry(ID, card=card(tldr="重写的卡片。")))) == saved


def test_a_change_is_not_lost_to_an_edition_that_knows_none() -> None:
    """The same version on a day between that was collected with nothing before it."""
    saved = met(later(abstract="New."), held(entry(ID)))

    got = met(saved, held(entry(ID)), held(replacements=(later(abstract="New."),), day=TUESDAY))

    assert got.change == saved.change


def test_a_card_that_came_later_is_taken_over_later() -> None:
    """The first edition had none when the replacement was announced."""
    waiting = met(later(), held(bare()))

    assert (waiting.card, waiting.problems) == (None, ())
    assert met(waiting, held(entry(ID, card=CARD))).card == CARD


def test_a_change_without_a_note_follows_the_newest_edition() -> None:
    """A day between, collected afterwards, is what the replacement is compared to."""
    saved = met(later(3, abstract="New."), held(entry(ID)))

    got = met(saved, held(entry(ID)), held(replacements=(later(2, abstract="New."),), day=TUESDAY))

    assert got.change == Change(from_version=2, announced=TUESDAY, title_changed=False, abstract_changed=False)


def test_a_change_with_a_note_stays() -> None:
    """The note says what changed since that version."""
    change = Change(from_version=1, announced=MONDAY, title_changed=False, abstract_changed=True, note=NOTE)
    saved = later(3, abstract="New.", change=change, card=CARD, problems=(), first_announced=MONDAY)

    got = met(saved, held(entry(ID)), held(replacements=(later(2, abstract="New."),), day=TUESDAY))

    assert got == saved


# ------------------------------------------------------------------------------------------ what is to be asked


def both(*replacements: Entry, before: Entry) -> tuple[Edition, Any]:
    own = edition(replacements=replacements, sections=())
    earlier = gathered(own, [held(before)])
    return remembered(own, earlier), earlier


@pytest.mark.parametrize("text", [{"title": "New"}, {"abstract": "New."}])
def test_only_a_changed_text_without_a_card_is_summarized(text: dict[str, Any]) -> None:
    """Neither an unchanged one, nor an unknown one, nor one that has its card."""
    changed, _ = both(later(**text), before=entry(ID))
    same, _ = both(later(), before=bare())
    unknown = remembered(changed.model_copy(update={"replacements": (later(),)}), {})
    done = changed.model_copy(update={"replacements": (changed.replacements[0].model_copy(update={"card": CARD}),)})

    assert to_summarize(changed) == changed.replacements
    assert to_summarize(same) == to_summarize(unknown) == to_summarize(done) == ()


def test_a_changed_text_is_described_beside_the_old_one() -> None:
    """With or without its card, until it has its note."""
    own, earlier = both(later(abstract="New."), before=entry(ID))
    (one,) = own.replacements
    carded, noted = (
        own.model_copy(update={"replacements": (one.model_copy(update=update),)})
        for update in (
            {"card": CARD},
            {"change": one.change and one.change.model_copy(update={"note": NOTE})},
        )
    )

    assert list(to_describe(own, earlier)) == [(entry(ID).paper, one)]
    assert len(list(to_describe(carded, earlier))) == 1
    assert list(to_describe(noted, earlier)) == []


def test_an_unchanged_text_is_not_described() -> None:
    """There is nothing to say."""
    own, earlier = both(later(), before=entry(ID))

    assert list(to_describe(own, earlier)) == []


def test_a_change_is_not_described_from_another_version() -> None:
    """The version it was compared to is no longer the one on file."""
    own, earlier = both(later(3, abstract="New."), before=entry(ID))
    _, other = both(later(4), before=entry(ID, version=2))

    assert list(to_describe(own, {**earlier, **other})) == []
    assert list(to_describe(own, {})) == []


def test_replies_are_joined_by_their_key() -> None:
    """As first recorded, in order."""
    first, again, other = origin(key="a"), origin(key="a", prompt_tokens=1), origin(key="b")

    assert joined_replies((first,), (again, other)) == (first, other)


# ------------------------------------------------------------------------------------------ properties

CARDS: list[Card | None] = [None, card(), CARD]
texts = st.sampled_from(["One.", "Two."])


@st.composite
def entries(draw: st.DrawFn, replacement: bool) -> Entry:
    found = draw(st.sampled_from(CARDS))
    return entry(
        ID,
        version=draw(st.integers(1, 4)),
        announce_type="replace" if replacement else draw(st.sampled_from(["new", "cross"])),
        abstract=draw(texts),
        card=found,
        problems=() if found else (NOT_ASKED,),
        replies=draw(st.sampled_from([(), (origin(key="a"),), (origin(key="b"),)])),
        earlier=draw(st.sampled_from([(), (CARD,)])),
    )


@st.composite
def editions(draw: st.DrawFn, day: date | None = None) -> Edition:
    replacement = draw(st.booleans())
    place = (
        "replacements"
        if replacement
        else draw(st.sampled_from(["entries", "excluded"] if day is None else ["entries"]))
    )
    announced = day or draw(st.dates(MONDAY, TODAY + timedelta(days=1)))
    return edition(announced=announced, sections=(), **{place: (draw(entries(replacement)),)})


def one_a_day(found: list[Edition]) -> list[Edition]:
    return list({one.announced: one for one in found}.values())


@settings(deadline=None)
@given(editions(day=TODAY), st.lists(editions(), max_size=3).map(one_a_day))
def test_remembering_twice_is_remembering_once(own: Edition, others: list[Edition]) -> None:
    """A saved edition may be run again at any time."""
    earlier = gathered(own, others)
    once = remembered(own, earlier)

    assert remembered(once, earlier) == once
    assert remembered(once, gathered(once, others)) == once


@settings(deadline=None)
@given(editions(day=TODAY), st.lists(editions(), max_size=3).map(one_a_day))
def test_the_order_of_editions_makes_no_difference(own: Edition, others: list[Edition]) -> None:
    """Files come in any."""
    assert gathered(own, others) == gathered(own, others[::-1])


@settings(deadline=None)
@given(editions(day=TODAY), st.lists(editions(), max_size=3).map(one_a_day))
def test_no_card_stands_over_another_text_and_none_is_lost(own: Edition, others: list[Edition]) -> None:
    """A card that was taken over is one that the newest earlier edition shows over the same text; papers stay."""
    earlier = gathered(own, others)
    after = remembered(own, earlier)

    for had, has in zip((*own.entries, *own.replacements), (*after.entries, *after.replacements), strict=True):
        assert has.paper == had.paper
        assert set(had.earlier) <= set(has.earlier)
        assert set(had.replies) <= set(has.replies)
        if has.card != had.card:
            assert had.card is None
            old = earlier[ID][1]
            assert (old.card, old.paper.abstract) == (has.card, has.paper.abstract)
