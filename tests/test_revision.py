"""Second thoughts about a paper that stands in several editions: which change, and what each of them keeps."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import fakes
import pytest
from fakes import FakeEngine, card, completion, entry, origin, reply
from fakes import edition as edition_of
from loopback import compile_once

from digest import revision
from digest.config import Config, EngineSettings
from digest.errors import BusyError, ConfigError, EngineError
from digest.models import Card, Change, Edition, Entry
from digest.store import Store

ID, OTHER = "2603.00001", "2603.00002"
OLD, NEW = date(2026, 3, 16), date(2026, 3, 17)


def clock() -> datetime:
    return datetime(2026, 3, 20, 12, tzinfo=UTC)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """Answers with another card each time."""
    engine = FakeEngine()
    engine.answer = lambda request: completion(reply(tldr=f"新的摘要{'甲乙丙丁'[len(engine.asked) - 1]}更加清楚。"))
    monkeypatch.setattr(fakes, "opened", lambda **options: engine)
    return engine


@pytest.fixture
def config(model: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    compile_once(monkeypatch)
    monkeypatch.setattr("digest.render.FORMATS", ("digest.render.markdown:Markdown",))
    settings = EngineSettings(name="fakes:opened", model="fake-1")
    return Config(output=tmp_path / "site", cache=tmp_path / "cache", home=tmp_path, engine=settings)


@pytest.fixture
def store(config: Config) -> Store:
    """Two editions with the same paper and a card each of their own, beside another paper."""
    store = Store(config.output)
    for day, tldr in ((OLD, "旧的一天的卡片。"), (NEW, "新的一天的卡片。")):
        own = entry(ID, card=card(tldr=tldr), replies=(origin(key="first"),))
        store.save(edition_of(own, entry(OTHER), announced=day))
    return store


def on_file(store: Store, day: date) -> Edition:
    edition = store.load(day)
    assert edition is not None
    return edition


def of(store: Store, day: date) -> Entry:
    found = on_file(store, day).entry(ID)
    assert found is not None
    return found


def tldr(one: Entry) -> str:
    assert one.card is not None
    return one.card.tldr


def earlier(one: Entry) -> list[str]:
    return [card.tldr for card in one.earlier]


def rewrite(store: Store, day: date, own: Entry) -> None:
    store.save(on_file(store, day).with_entries([own]))


# ------------------------------------------------------------------------------------------ regenerate


def test_every_edition_with_that_text_gets_the_card_and_keeps_its_own(
    config: Config, store: Store, model: FakeEngine
) -> None:
    """One request; both editions change alike, and each has the card it had in `earlier`."""
    done = revision.regenerate(config, ID, clock)

    assert (done.arxiv_id, done.announced, done.sent) == (ID, (NEW, OLD), 1)
    assert len(model.asked) == 1
    assert {tldr(of(store, day)) for day in (OLD, NEW)} == {"新的摘要甲更加清楚。"}
    assert earlier(of(store, OLD)) == ["旧的一天的卡片。"]
    assert earlier(of(store, NEW)) == ["新的一天的卡片。"]
    assert done.entry == of(store, NEW)
    assert set(done.written) == {"2026-03-16/index.md", "2026-03-17/index.md"}


def test_other_papers_stay_as_they_are(config: Config, store: Store) -> None:
    """Nothing but the one entry differs."""
    before = on_file(store, NEW)
    revision.regenerate(config, ID, clock)
    after = on_file(store, NEW)

    assert after.with_entries([of(store, NEW)]) == before.with_entries([of(store, NEW)])
    assert after.entry(OTHER) == before.entry(OTHER)


def test_a_date_confines_it_to_one_edition(config: Config, store: Store) -> None:
    """With `announced` the other edition is not touched."""
    before = store.path(NEW).read_bytes()
    done = revision.regenerate(config, ID, clock, announced=OLD)

    assert (done.announced, tldr(of(store, OLD))) == ((OLD,), "新的摘要甲更加清楚。")
    assert store.path(NEW).read_bytes() == before


@pytest.mark.parametrize("other", [{"abstract": "Rewritten."}, {"title": "Bar"}])
def test_an_edition_with_another_text_is_left_alone(config: Config, store: Store, other: dict[str, str]) -> None:
    """A card of one text says nothing about another one: that edition is neither changed nor reported."""
    own = entry(ID, card=card(tldr="别的文本的卡片。"), **other)
    rewrite(store, OLD, own)
    before = store.path(OLD).read_bytes()
    done = revision.regenerate(config, ID, clock)

    assert done.announced == (NEW,)
    assert done.written == ("2026-03-17/index.md",)
    assert store.path(OLD).read_bytes() == before


def test_replies_are_joined_once(config: Config, store: Store) -> None:
    """Each edition counts what it had and the new reply, none of them twice."""
    rewrite(store, OLD, of(store, OLD).model_copy(update={"replies": (origin(key="own"),)}))
    revision.regenerate(config, ID, clock)

    (had, fresh), found = of(store, NEW).replies, of(store, OLD).replies
    assert had.key == "first"
    assert [one.key for one in found] == ["own", "first", fresh.key]


def test_an_entry_without_card_gets_one(config: Config, store: Store) -> None:
    """There is nothing to keep: `earlier` stays empty, the reason goes."""
    rewrite(store, NEW, entry(ID, card=None, problems=("engine: HTTP 500",)))
    revision.regenerate(config, ID, clock, announced=NEW)

    assert (of(store, NEW).state, earlier(of(store, NEW))) == ("shown", [])


def test_each_regeneration_is_a_new_request(config: Config, store: Store, model: FakeEngine) -> None:
    """Asked again, with or without a hint, it goes past all replies kept; the cards line up in `earlier`."""
    for hint in (None, None, "短一半", "短一半"):
        revision.regenerate(config, ID, clock, announced=NEW, hint=hint)

    assert len({one.key for one in model.asked}) == 4
    assert ["短一半" in str(one.messages) for one in model.asked] == [False, False, True, True]
    assert tldr(of(store, NEW)) == "新的摘要丁更加清楚。"
    assert earlier(of(store, NEW)) == ["新的一天的卡片。", *(f"新的摘要{one}更加清楚。" for one in "甲乙丙")]


def test_a_failed_regeneration_keeps_the_card_and_counts_its_replies(
    config: Config, store: Store, model: FakeEngine
) -> None:
    """What was paid for unusable replies is in the record; all else, and the other edition, is as it was."""
    before, other = of(store, NEW), store.path(OLD).read_bytes()
    model.answer = lambda request: completion('{"tldr": "only one field"}')
    with pytest.raises(EngineError, match="no usable card"):
        revision.regenerate(config, ID, clock)

    after = of(store, NEW)
    assert after.replies[0] == before.replies[0]
    assert len(after.replies) == 3  # the asking and its repair
    assert after.model_copy(update={"replies": before.replies}) == before
    assert store.path(OLD).read_bytes() == other


def test_a_locked_folder_is_told_before_anything_is_asked(config: Config, store: Store, model: FakeEngine) -> None:
    """While a run works on the folder, nothing is sent and nothing changes."""
    before = store.path(NEW).read_bytes()
    with store.locked():
        with pytest.raises(BusyError):
            revision.regenerate(config, ID, clock)
        with pytest.raises(BusyError):
            revision.undo(config, ID)

    assert not model.asked
    assert store.path(NEW).read_bytes() == before


@pytest.mark.parametrize(("arxiv_id", "day"), [("2603.99999", None), (ID, date(2026, 3, 18))])
def test_a_paper_in_no_edition_is_told(
    config: Config, store: Store, model: FakeEngine, arxiv_id: str, day: date | None
) -> None:
    """An unknown paper, or one that is not in the edition of that date: nothing is asked."""
    with pytest.raises(ConfigError, match=arxiv_id):
        revision.regenerate(config, arxiv_id, clock, announced=day)
    assert not model.asked


# ------------------------------------------------------------------------------------------ undo


def test_undo_brings_each_edition_its_own_card_back(config: Config, store: Store) -> None:
    """The cards were different before, and are so again; undone twice, the new one stands in both."""
    before = {day: of(store, day).card for day in (OLD, NEW)}
    revision.regenerate(config, ID, clock)
    done = revision.undo(config, ID)

    assert (done.announced, done.sent) == ((NEW, OLD), 0)
    assert {day: of(store, day).card for day in (OLD, NEW)} == before
    assert [earlier(of(store, day)) for day in (OLD, NEW)] == [["新的摘要甲更加清楚。"]] * 2
    revision.undo(config, ID)
    assert {tldr(of(store, day)) for day in (OLD, NEW)} == {"新的摘要甲更加清楚。"}


def test_undo_takes_the_last_card_and_keeps_the_older_ones(config: Config, store: Store) -> None:
    """After two regenerations the first one's card comes back."""
    for _ in range(2):
        revision.regenerate(config, ID, clock)
    revision.undo(config, ID)

    assert tldr(of(store, NEW)) == "新的摘要甲更加清楚。"
    assert earlier(of(store, NEW)) == ["新的一天的卡片。", "新的摘要乙更加清楚。"]


def test_undo_of_one_date_leaves_the_other(config: Config, store: Store) -> None:
    """An edition without an earlier card, or of another date, is not touched."""
    revision.regenerate(config, ID, clock)
    before = store.path(OLD).read_bytes()

    assert revision.undo(config, ID, announced=NEW).announced == (NEW,)
    assert store.path(OLD).read_bytes() == before


def test_undo_passes_over_editions_without_an_earlier_card(config: Config, store: Store) -> None:
    """Only the edition that was regenerated has something to bring back."""
    revision.regenerate(config, ID, clock, announced=OLD)
    before = store.path(NEW).read_bytes()

    assert revision.undo(config, ID).announced == (OLD,)
    assert store.path(NEW).read_bytes() == before


def test_undo_judges_the_card_that_comes_back(config: Config, store: Store) -> None:
    """Its flags are those of today's checks, not those of the card it replaces."""
    rewrite(store, NEW, entry(ID, card=card(result="准确率达到 98.7%。"), earlier=(card(),), problems=("x",)))
    revision.undo(config, ID, announced=NEW)
    assert of(store, NEW).problems == ()

    revision.undo(config, ID, announced=NEW)
    assert "98.7" in of(store, NEW).problems[0]


def test_undo_without_an_earlier_card_is_told(config: Config, store: Store) -> None:
    """There is nothing to bring back: said, and nothing is written."""
    before = store.path(NEW).read_bytes()
    with pytest.raises(ConfigError, match="no earlier card"):
        revision.undo(config, ID)
    assert store.path(NEW).read_bytes() == before


# ------------------------------------------------------------------------------------------ not only entries

CHANGE = Change(from_version=1, announced=OLD, title_changed=False, abstract_changed=True)


def replaced(**fields: Any) -> Entry:
    """The paper's second version, with another text than the first one's."""
    return entry(ID, **{"version": 2, "announce_type": "replace", "abstract": "Rewritten.", "change": CHANGE, **fields})


def kept_out(**fields: Any) -> Entry:
    return entry(ID, **{"excluded_by": "exclude: gated", **fields})


def held(store: Store, day: date) -> Entry:
    """The paper's one entry in the edition of a day, wherever it stands."""
    ((_, found),) = store.places(ID, day)
    return found


def put(store: Store, day: date, **lists: Any) -> None:
    store.save(edition_of(entry(OTHER), announced=day, **lists))


@pytest.mark.parametrize("card_before", [card(tldr="新版的卡片。"), None])
def test_a_replacement_gets_another_card(
    config: Config, store: Store, model: FakeEngine, card_before: Card | None
) -> None:
    """Asked about the new text; the older edition with the old text stays as it is, and so does what changed."""
    put(store, NEW, replacements=(replaced(card=card_before, problems=() if card_before else ("engine: HTTP 500",)),))
    before = store.path(OLD).read_bytes()
    done = revision.regenerate(config, ID, clock)
    after = held(store, NEW)

    assert "Rewritten." in str(model.asked[0].messages)
    assert (done.announced, done.entry) == ((NEW,), after)
    assert (tldr(after), after.problems, after.change) == ("新的摘要甲更加清楚。", (), CHANGE)
    assert after.earlier == ((card_before,) if card_before else ())
    assert done.written == ("2026-03-17/index.md",)
    assert store.path(OLD).read_bytes() == before


def test_a_replacement_that_changed_nothing_gets_another_card_too(config: Config, store: Store) -> None:
    """It has one, so it can have another, in its own edition alone if that is asked."""
    put(store, NEW, replacements=(replaced(abstract=entry().paper.abstract, change=None),))

    assert revision.regenerate(config, ID, clock, announced=NEW).announced == (NEW,)
    assert tldr(held(store, NEW)) == "新的摘要甲更加清楚。"


def test_undo_works_for_a_replacement(config: Config, store: Store) -> None:
    """The card that the regeneration replaced comes back, and back again."""
    put(store, NEW, replacements=(replaced(card=card(tldr="新版的卡片。")),))
    revision.regenerate(config, ID, clock)

    assert tldr(revision.undo(config, ID).entry) == "新版的卡片。"
    assert tldr(revision.undo(config, ID).entry) == "新的摘要甲更加清楚。"


def test_every_place_of_the_same_text_changes_alike(config: Config, store: Store) -> None:
    """As an entry, as a replacement that changed nothing, and kept out by a rule: it may come back."""
    put(store, NEW, replacements=(replaced(abstract=entry().paper.abstract, card=card(tldr="带来的卡片。")),))
    put(store, date(2026, 3, 18), excluded=(kept_out(card=card(tldr="规则外的卡片。")),))
    days = (date(2026, 3, 18), NEW, OLD)
    done = revision.regenerate(config, ID, clock)

    assert (done.announced, done.sent) == (days, 1)
    assert {tldr(held(store, day)) for day in days} == {"新的摘要甲更加清楚。"}
    assert held(store, days[0]).excluded_by == "exclude: gated"
    assert revision.undo(config, ID).announced == days
    assert [tldr(held(store, day)) for day in days] == ["规则外的卡片。", "带来的卡片。", "旧的一天的卡片。"]


def test_the_newest_place_that_has_a_card_is_asked_about(config: Config, store: Store, model: FakeEngine) -> None:
    """What a newer edition only lists, or keeps out, stands in nobody's way."""
    put(store, NEW, replacements=(replaced(card=None, change=None, problems=()),))
    put(store, date(2026, 3, 18), excluded=(kept_out(card=None, abstract="Also rewritten."),))

    assert revision.regenerate(config, ID, clock).announced == (OLD,)
    assert "We present Foo" in str(model.asked[0].messages)


ONLY_LISTED = "a replacement that is not known to have another text than before gets no card"


@pytest.mark.parametrize(
    "revised",
    [
        lambda config: revision.undo(config, ID, announced=NEW),
        lambda config: revision.regenerate(config, ID, clock, announced=NEW),
    ],
    ids=["undo", "regenerate"],
)
@pytest.mark.parametrize(
    ("lists", "said", "mend"),
    [
        (
            {"excluded": (kept_out(card=None),)},
            "is kept out of the edition of 2026-03-17 by 'exclude: gated'",
            "take the rule away, then: digest run --date 2026-03-17",
        ),
        (
            {"excluded": (kept_out(earlier=(card(tldr="旧卡片。"),)),)},
            "is kept out of the edition of 2026-03-17 by 'exclude: gated'",
            "take the rule away",
        ),
        (
            {"replacements": (replaced(card=None, change=None, problems=()),)},
            f"is only listed in the edition of 2026-03-17: {ONLY_LISTED}",
            "digest run --date 2026-03-17 --refresh",
        ),
        (
            {
                "replacements": (
                    replaced(card=None, problems=(), change=CHANGE.model_copy(update={"abstract_changed": False})),
                )
            },
            ONLY_LISTED,
            "--refresh",
        ),
    ],
)
def test_what_no_card_is_made_of_is_said(
    config: Config,
    store: Store,
    model: FakeEngine,
    lists: dict[str, Any],
    said: str,
    mend: str,
    revised: Callable[[Config], object],
) -> None:
    """What it is, and what would change that; nothing is asked or written, also where an older edition has a card."""
    put(store, NEW, **lists)
    before = store.path(NEW).read_bytes()
    for alone in (False, True):
        with pytest.raises(ConfigError) as caught:
            revised(config)
        assert str(caught.value).startswith(ID)
        assert said in str(caught.value)
        assert mend in (caught.value.hint or "")
        if not alone:
            store.path(OLD).unlink()
    assert not model.asked
    assert store.path(NEW).read_bytes() == before


def test_a_failed_regeneration_of_a_replacement_counts_its_replies(
    config: Config, store: Store, model: FakeEngine
) -> None:
    """What was paid is in the record; the card stays."""
    put(store, NEW, replacements=(replaced(),))
    before = held(store, NEW)
    model.answer = lambda request: completion('{"tldr": "only one field"}')
    with pytest.raises(EngineError, match="no usable card"):
        revision.regenerate(config, ID, clock)

    after = held(store, NEW)
    assert len(after.replies) == 2
    assert after.model_copy(update={"replies": before.replies}) == before


def test_undo_brings_no_card_of_another_text_back(config: Config, store: Store) -> None:
    """The card of the first version stands behind that of the second: nobody regenerated it."""
    old = card(tldr="旧的一天的卡片。")
    put(store, NEW, replacements=(replaced(card=card(tldr="新版的卡片。"), earlier=(old,)),))
    before = store.path(NEW).read_bytes()
    with pytest.raises(ConfigError, match="no earlier card"):
        revision.undo(config, ID)
    assert store.path(NEW).read_bytes() == before

    revision.regenerate(config, ID, clock)
    assert revision.undo(config, ID).announced == (NEW,)
    assert (tldr(held(store, NEW)), earlier(held(store, NEW))) == (
        "新版的卡片。",
        ["旧的一天的卡片。", "新的摘要甲更加清楚。"],
    )


def test_undo_of_a_first_version_is_not_held_up_by_the_second(config: Config, store: Store) -> None:
    """A later edition has its card among the earlier ones; that does not make it another text's here, but there."""
    revision.regenerate(config, ID, clock, announced=OLD)
    put(store, NEW, replacements=(replaced(card=card(tldr="新版的卡片。"), earlier=of(store, OLD).earlier),))

    assert revision.undo(config, ID).announced == (OLD,)
    assert tldr(of(store, OLD)) == "旧的一天的卡片。"
