"""Second thoughts about a paper that stands in several editions: which change, and what each of them keeps."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import fakes
import pytest
from fakes import GOOD, FakeEngine, card, completion, entry, origin, reply
from fakes import edition as edition_of
from loopback import compile_once

from digest import revision
from digest.config import Config
from digest.errors import BusyError, ConfigError, EngineError, EngineRefused
from digest.models import Answer, Card, Change, Edition, Entry, Request
from digest.revision import Revisions
from digest.settings import EngineSettings, Price
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
        store.save(edition_of(own, other(), announced=day))
    return store


class Done(NamedTuple):
    """What became of a single paper."""

    arxiv_id: str
    announced: tuple[date, ...]
    entry: Entry
    sent: int
    written: tuple[str, ...]


def told(done: Revisions) -> Done:
    """The one paper of a revision; its error, if it has one, is raised."""
    (paper,) = done.papers
    if paper.error:
        raise paper.error
    assert paper.entry is not None
    return Done(paper.arxiv_id, paper.announced, paper.entry, done.sent, done.written)


def again(config: Config, arxiv_id: str, **more: Any) -> Done:
    return told(revision.regenerate(config, [arxiv_id], clock, **more))


def back(config: Config, arxiv_id: str, **more: Any) -> Done:
    return told(revision.undo(config, [arxiv_id], **more))


def other(arxiv_id: str = OTHER, **fields: Any) -> Entry:
    """A paper with a text of its own."""
    return entry(arxiv_id, **{"title": f"Bar {arxiv_id}", **fields})


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
    done = again(config, ID)

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
    again(config, ID)
    after = on_file(store, NEW)

    same = before.with_entries([of(store, NEW)]).model_copy(update={"receipt": after.receipt})
    assert after == same
    assert after.entry(OTHER) == before.entry(OTHER)


def test_a_date_confines_it_to_one_edition(config: Config, store: Store) -> None:
    """With `announced` the other edition is not touched."""
    before = store.path(NEW).read_bytes()
    done = again(config, ID, announced=OLD)

    assert (done.announced, tldr(of(store, OLD))) == ((OLD,), "新的摘要甲更加清楚。")
    assert store.path(NEW).read_bytes() == before


@pytest.mark.parametrize("other", [{"abstract": "Rewritten."}, {"title": "Bar"}])
def test_an_edition_with_another_text_is_left_alone(config: Config, store: Store, other: dict[str, str]) -> None:
    """A card of one text says nothing about another one: that edition is neither changed nor reported."""
    own = entry(ID, card=card(tldr="别的文本的卡片。"), **other)
    rewrite(store, OLD, own)
    before = store.path(OLD).read_bytes()
    done = again(config, ID)

    assert done.announced == (NEW,)
    assert done.written == ("2026-03-17/index.md",)
    assert store.path(OLD).read_bytes() == before


def test_replies_are_joined_once(config: Config, store: Store) -> None:
    """Each edition counts what it had and the new reply, none of them twice."""
    rewrite(store, OLD, of(store, OLD).model_copy(update={"replies": (origin(key="own"),)}))
    again(config, ID)

    (had, fresh), found = of(store, NEW).replies, of(store, OLD).replies
    assert had.key == "first"
    assert [one.key for one in found] == ["own", "first", fresh.key]


def test_an_entry_without_card_gets_one(config: Config, store: Store) -> None:
    """There is nothing to keep: `earlier` stays empty, the reason goes."""
    rewrite(store, NEW, entry(ID, card=None, problems=("engine: HTTP 500",)))
    again(config, ID, announced=NEW)

    assert (of(store, NEW).state, earlier(of(store, NEW))) == ("shown", [])


def test_each_regeneration_is_a_new_request(config: Config, store: Store, model: FakeEngine) -> None:
    """Asked again, with or without a hint, it goes past all replies kept; the cards line up in `earlier`."""
    for hint in (None, None, "短一半", "短一半"):
        again(config, ID, announced=NEW, hint=hint)

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
        again(config, ID)

    after = of(store, NEW)
    assert after.replies[0] == before.replies[0]
    assert len(after.replies) == 1 + len(model.asked)
    assert after.model_copy(update={"replies": before.replies}) == before
    assert store.path(OLD).read_bytes() == other


def test_a_locked_folder_is_told_before_anything_is_asked(config: Config, store: Store, model: FakeEngine) -> None:
    """While a run works on the folder, nothing is sent and nothing changes."""
    before = store.path(NEW).read_bytes()
    with store.locked():
        with pytest.raises(BusyError):
            again(config, ID)
        with pytest.raises(BusyError):
            back(config, ID)

    assert not model.asked
    assert store.path(NEW).read_bytes() == before


@pytest.mark.parametrize(("arxiv_id", "day"), [("2603.99999", None), (ID, date(2026, 3, 18))])
def test_a_paper_in_no_edition_is_told(
    config: Config, store: Store, model: FakeEngine, arxiv_id: str, day: date | None
) -> None:
    """An unknown paper, or one that is not in the edition of that date: nothing is asked."""
    with pytest.raises(ConfigError, match=arxiv_id):
        again(config, arxiv_id, announced=day)
    assert not model.asked


# ------------------------------------------------------------------------------------------ several at once

FAILED = ("engine: HTTP 500",)


def fates(done: Revisions) -> dict[str, str]:
    return {one.arxiv_id: one.fate for one in done.papers}


def pending(arxiv_id: str, **fields: Any) -> Entry:
    return (entry if arxiv_id == ID else other)(arxiv_id, **{"card": None, "problems": FAILED, **fields})


def flagged(arxiv_id: str, **fields: Any) -> Entry:
    return entry(
        arxiv_id, **{"card": card(result="准确率达到 98.7%。"), "problems": ("result: 98.7% is not",), **fields}
    )


def no_answer_for(*ids: str, then: Callable[[Request], Answer]) -> Callable[[Request], Answer]:
    return lambda request: EngineError("HTTP 503") if request.subject in ids else then(request)


def test_several_papers_are_asked_in_one_run(config: Config, store: Store, model: FakeEngine) -> None:
    """Each gets its card, in the order asked for and once however often it is named; pages are written once."""
    done = revision.regenerate(config, [OTHER, ID, OTHER], clock)

    assert [(one.arxiv_id, one.fate) for one in done.papers] == [(OTHER, "renewed"), (ID, "renewed")]
    assert [one.subject for one in model.asked] == [OTHER, ID]
    assert (done.sent, done.exit_code) == (2, 0)
    assert sorted(done.written) == ["2026-03-16/index.md", "2026-03-17/index.md"]


def test_one_that_fails_leaves_the_others_alone(config: Config, store: Store, model: FakeEngine) -> None:
    """It has its own error, the unknown paper another; the third has its card."""
    model.answer = no_answer_for(OTHER, then=model.answer)
    done = revision.regenerate(config, [OTHER, "2603.99999", ID], clock)

    assert fates(done) == {OTHER: "unchanged", "2603.99999": "refused", ID: "renewed"}
    assert "HTTP 503" in str(done.papers[0].error)
    assert "2603.99999 is not in any edition" in str(done.papers[1].error)
    assert tldr(of(store, NEW)).startswith("新的摘要")
    assert done.exit_code == 75


def test_only_what_can_be_mended_by_hand_exits_2(config: Config, store: Store) -> None:
    """To ask again later would not help."""
    assert revision.regenerate(config, ["2603.99999", ID], clock).exit_code == 2


def test_many_papers_are_found_as_few_are(config: Config, store: Store, model: FakeEngine) -> None:
    """By reading every edition once."""
    unknown = [f"2602.{number:05}" for number in range(30)]
    model.answer = lambda request: completion()
    done = revision.regenerate(config, [ID, *unknown], clock)

    assert done.papers[0].announced == (NEW, OLD)
    assert done.count("refused") == 30


def test_failed_means_every_paper_without_a_good_card(config: Config, store: Store, model: FakeEngine) -> None:
    """Pending and marked ones of all editions; what has a good card, or gets none, is left alone."""
    model.answer = lambda request: completion()
    listed = entry("2603.00005", card=None, announce_type="replace", problems=())
    for day, own in ((OLD, pending("2603.00003")), (NEW, flagged("2603.00004"))):
        store.save(edition_of(entry(ID), own, announced=day, replacements=(listed,)))
    done = revision.regenerate(config, None, clock)

    assert fates(done) == {"2603.00004": "renewed", "2603.00003": "renewed"}
    assert {one.entry.state for one in done.papers if one.entry} == {"shown"}
    assert [one.subject for one in model.asked] == ["2603.00004", "2603.00003"]
    assert revision.regenerate(config, None, clock).papers == ()


def test_failed_of_a_date_is_of_that_edition(config: Config, store: Store, model: FakeEngine) -> None:
    """Another edition's papers wait; a date without an edition is told."""
    for day in (OLD, NEW):
        store.save(edition_of(pending(ID), announced=day))
    before = store.path(OLD).read_bytes()

    assert revision.regenerate(config, None, clock, announced=NEW).papers[0].announced == (NEW,)
    assert store.path(OLD).read_bytes() == before
    with pytest.raises(ConfigError, match="no edition of 2026-03-18"):
        revision.regenerate(config, None, clock, announced=date(2026, 3, 18))


def test_failed_spares_the_good_card_of_another_edition(config: Config, store: Store, model: FakeEngine) -> None:
    """The same paper, pending in one edition alone."""
    rewrite(store, NEW, pending(ID))
    before = store.path(OLD).read_bytes()

    assert revision.regenerate(config, None, clock).papers[0].announced == (NEW,)
    assert store.path(OLD).read_bytes() == before


def test_failed_takes_no_card_with_more_marks(config: Config, store: Store, model: FakeEngine) -> None:
    """The old one stays, with what was paid; asked for by name, the new one is taken."""
    worse = reply(result="准确率达到 97.6%，召回率 96.5%，精度 95.4%。")
    rewrite(store, NEW, flagged(ID))
    model.answer = lambda request: completion(worse)
    done = revision.regenerate(config, None, clock)

    assert fates(done) == {ID: "unchanged"}
    assert "no better card" in str(done.papers[0].error)
    assert tldr(of(store, NEW)) == card().tldr
    assert len(of(store, NEW).replies) == len(model.asked)
    assert fates(revision.regenerate(config, [ID], clock)) == {ID: "renewed"}


def test_both_texts_of_a_paper_are_asked_about(config: Config, store: Store, model: FakeEngine) -> None:
    """As it was new, and as it was rewritten: each edition gets the card of its own text."""
    rewrite(store, OLD, pending(ID))
    put(store, NEW, replacements=(replaced(card=None, problems=FAILED),))
    done = revision.regenerate(config, None, clock)

    assert [one.announced for one in done.papers] == [(NEW,), (OLD,)]
    assert ["Rewritten." in str(one.messages) for one in model.asked] == [True, False]


def test_a_paper_that_stays_without_says_why_anew(config: Config, store: Store, model: FakeEngine) -> None:
    """The reason on record is the last one; the exit code says that another try may help."""
    rewrite(store, NEW, pending(ID))
    model.answer = lambda request: completion("抱歉，我无法完成。")
    done = revision.regenerate(config, None, clock)

    assert (fates(done), done.exit_code) == ({ID: "without"}, 75)
    assert "refuses" in of(store, NEW).problems[0]


def test_a_service_that_goes_away_keeps_what_it_answered(config: Config, store: Store, model: FakeEngine) -> None:
    """The cards so far are saved and shown, the rest is told as without, and the failure is handed on."""
    rewrite(store, NEW, pending(ID))

    def answers(requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
        for nth, request in enumerate(requests):
            if nth:
                raise EngineRefused("HTTP 402: no money left")
            yield request, completion()

    model.run = answers  # type: ignore[method-assign]
    done = revision.regenerate(config, [OTHER, ID], clock, announced=NEW)

    assert isinstance(done.failure, EngineRefused)
    assert (fates(done), done.exit_code) == ({OTHER: "renewed", ID: "without"}, 2)
    assert done.written == ("2026-03-17/index.md",)


def test_what_was_answered_before_ctrl_c_is_kept(config: Config, store: Store, model: FakeEngine) -> None:
    """Saved and on the page; the next try goes on with the other."""
    for arxiv_id in (ID, OTHER):
        rewrite(store, NEW, pending(arxiv_id))
    answer, model.answer = model.answer, lambda request: completion()

    def interrupted(stage: str, done: int, total: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        revision.regenerate(config, None, clock, watch=interrupted)
    assert of(store, NEW).state == "shown"
    assert GOOD["tldr"] in (config.output / "2026-03-17/index.md").read_text(encoding="utf-8")

    model.answer = answer
    assert fates(revision.regenerate(config, None, clock)) == {OTHER: "renewed"}


def test_a_killed_regeneration_pays_for_nothing_twice(
    config: Config, store: Store, model: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is on disk but in no edition yet is the answer to the same command."""
    before = store.path(NEW).read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(Store, "save", lambda self, edition: True)
        revision.regenerate(config, [ID, OTHER], clock)
    assert store.path(NEW).read_bytes() == before

    done = revision.regenerate(config, [ID, OTHER], clock)
    assert (done.sent, len(model.asked), done.count("renewed")) == (0, 2, 2)
    assert revision.regenerate(config, [ID], clock).sent == 1


def test_a_repair_without_an_answer_goes_on_from_the_first_reply(
    config: Config, store: Store, model: FakeEngine
) -> None:
    """The first reply is on disk: the next try asks for its repair alone."""
    doubtful, good = completion(reply(result="准确率达到 97.6%。")), completion()
    model.answer = lambda request: doubtful if len(request.messages) == 2 else EngineError("HTTP 503")
    with pytest.raises(EngineError, match="HTTP 503"):
        again(config, ID)
    model.asked.clear()
    model.answer = lambda request: good

    assert again(config, ID).sent == 1
    assert [len(one.messages) for one in model.asked] == [4]


def test_the_hint_is_on_record(config: Config, store: Store) -> None:
    """With the card it brought and its reply, not with those before; a card without one has none."""
    again(config, ID, hint="更短")
    again(config, ID)
    own = of(store, NEW)

    assert [one.origin.hint for one in own.earlier] == [None, "更短"]
    assert own.card is not None
    assert own.card.origin.hint is None
    assert [one.hint for one in own.replies] == [None, "更短", None]


def test_a_plan_counts_and_sends_nothing(config: Config, store: Store, model: FakeEngine) -> None:
    """What is asked for and known, without what no edition holds; nothing is written."""
    before = store.path(NEW).read_bytes()
    found = revision.plan(config, [ID, OTHER, "2603.99999"], clock)

    assert (found.papers, found.requests, found.money) == (2, 2, None)
    assert found.prompt_tokens > 500
    assert revision.plan(config, None, clock).papers == 0
    assert not model.asked
    assert store.path(NEW).read_bytes() == before
    assert not config.cache.exists()


def test_the_receipt_counts_a_regeneration(config: Config, store: Store) -> None:
    """In each edition that has its reply, priced as the configuration says."""
    priced = config.model_copy(update={"prices": {"fake-1": Price(input=1.0, output=2.0)}})
    again(priced, ID)

    (bill,) = on_file(store, NEW).receipt
    assert bill.cost == pytest.approx(bill.replies * (900 + 600) / 1e6)


# ------------------------------------------------------------------------------------------ undo


def test_undo_of_several_tells_which_have_nothing(config: Config, store: Store) -> None:
    """The others come back, each paper with its own line."""
    before = {day: of(store, day).card for day in (OLD, NEW)}
    revision.regenerate(config, [ID], clock)
    done = revision.undo(config, [OTHER, ID])

    assert fates(done) == {OTHER: "refused", ID: "renewed"}
    assert "no earlier card" in str(done.papers[0].error)
    assert {day: of(store, day).card for day in (OLD, NEW)} == before
    assert (done.exit_code, revision.undo(config, [ID]).exit_code) == (2, 0)


def test_undo_brings_each_edition_its_own_card_back(config: Config, store: Store) -> None:
    """The cards were different before, and are so again; undone twice, the new one stands in both."""
    before = {day: of(store, day).card for day in (OLD, NEW)}
    again(config, ID)
    done = back(config, ID)

    assert (done.announced, done.sent) == ((NEW, OLD), 0)
    assert {day: of(store, day).card for day in (OLD, NEW)} == before
    assert [earlier(of(store, day)) for day in (OLD, NEW)] == [["新的摘要甲更加清楚。"]] * 2
    back(config, ID)
    assert {tldr(of(store, day)) for day in (OLD, NEW)} == {"新的摘要甲更加清楚。"}


def test_undo_takes_the_last_card_and_keeps_the_older_ones(config: Config, store: Store) -> None:
    """After two regenerations the first one's card comes back."""
    for _ in range(2):
        again(config, ID)
    back(config, ID)

    assert tldr(of(store, NEW)) == "新的摘要甲更加清楚。"
    assert earlier(of(store, NEW)) == ["新的一天的卡片。", "新的摘要乙更加清楚。"]


def test_undo_of_one_date_leaves_the_other(config: Config, store: Store) -> None:
    """An edition without an earlier card, or of another date, is not touched."""
    again(config, ID)
    before = store.path(OLD).read_bytes()

    assert back(config, ID, announced=NEW).announced == (NEW,)
    assert store.path(OLD).read_bytes() == before


def test_undo_passes_over_editions_without_an_earlier_card(config: Config, store: Store) -> None:
    """Only the edition that was regenerated has something to bring back."""
    again(config, ID, announced=OLD)
    before = store.path(NEW).read_bytes()

    assert back(config, ID).announced == (OLD,)
    assert store.path(NEW).read_bytes() == before


def test_undo_judges_the_card_that_comes_back(config: Config, store: Store) -> None:
    """Its flags are those of today's checks, not those of the card it replaces."""
    rewrite(store, NEW, entry(ID, card=card(result="准确率达到 98.7%。"), earlier=(card(),), problems=("x",)))
    back(config, ID, announced=NEW)
    assert of(store, NEW).problems == ()

    back(config, ID, announced=NEW)
    assert "98.7" in of(store, NEW).problems[0]


def test_undo_without_an_earlier_card_is_told(config: Config, store: Store) -> None:
    """There is nothing to bring back: said, and nothing is written."""
    before = store.path(NEW).read_bytes()
    with pytest.raises(ConfigError, match="no earlier card"):
        back(config, ID)
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
    store.save(edition_of(other(), announced=day, **lists))


@pytest.mark.parametrize("card_before", [card(tldr="新版的卡片。"), None])
def test_a_replacement_gets_another_card(
    config: Config, store: Store, model: FakeEngine, card_before: Card | None
) -> None:
    """Asked about the new text; the older edition with the old text stays as it is, and so does what changed."""
    put(store, NEW, replacements=(replaced(card=card_before, problems=() if card_before else ("engine: HTTP 500",)),))
    before = store.path(OLD).read_bytes()
    done = again(config, ID)
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

    assert again(config, ID, announced=NEW).announced == (NEW,)
    assert tldr(held(store, NEW)) == "新的摘要甲更加清楚。"


def test_undo_works_for_a_replacement(config: Config, store: Store) -> None:
    """The card that the regeneration replaced comes back, and back again."""
    put(store, NEW, replacements=(replaced(card=card(tldr="新版的卡片。")),))
    again(config, ID)

    assert tldr(back(config, ID).entry) == "新版的卡片。"
    assert tldr(back(config, ID).entry) == "新的摘要甲更加清楚。"


def test_every_place_of_the_same_text_changes_alike(config: Config, store: Store) -> None:
    """As an entry, as a replacement that changed nothing, and kept out by a rule: it may come back."""
    put(store, NEW, replacements=(replaced(abstract=entry().paper.abstract, card=card(tldr="带来的卡片。")),))
    put(store, date(2026, 3, 18), excluded=(kept_out(card=card(tldr="规则外的卡片。")),))
    days = (date(2026, 3, 18), NEW, OLD)
    done = again(config, ID)

    assert (done.announced, done.sent) == (days, 1)
    assert {tldr(held(store, day)) for day in days} == {"新的摘要甲更加清楚。"}
    assert held(store, days[0]).excluded_by == "exclude: gated"
    assert back(config, ID).announced == days
    assert [tldr(held(store, day)) for day in days] == ["规则外的卡片。", "带来的卡片。", "旧的一天的卡片。"]


def test_the_newest_place_that_has_a_card_is_asked_about(config: Config, store: Store, model: FakeEngine) -> None:
    """What a newer edition only lists, or keeps out, stands in nobody's way."""
    put(store, NEW, replacements=(replaced(card=None, change=None, problems=()),))
    put(store, date(2026, 3, 18), excluded=(kept_out(card=None, abstract="Also rewritten."),))

    assert again(config, ID).announced == (OLD,)
    assert "We present Foo" in str(model.asked[0].messages)


ONLY_LISTED = "a replacement that is not known to have another text than before gets no card"


@pytest.mark.parametrize(
    "revised",
    [
        lambda config: back(config, ID, announced=NEW),
        lambda config: again(config, ID, announced=NEW),
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
        again(config, ID)

    after = held(store, NEW)
    assert len(after.replies) == len(model.asked) > 1
    assert after.model_copy(update={"replies": before.replies}) == before


def test_undo_brings_no_card_of_another_text_back(config: Config, store: Store) -> None:
    """The card of the first version stands behind that of the second: nobody regenerated it."""
    old = card(tldr="旧的一天的卡片。")
    put(store, NEW, replacements=(replaced(card=card(tldr="新版的卡片。"), earlier=(old,)),))
    before = store.path(NEW).read_bytes()
    with pytest.raises(ConfigError, match="no earlier card"):
        back(config, ID)
    assert store.path(NEW).read_bytes() == before

    again(config, ID)
    assert back(config, ID).announced == (NEW,)
    assert (tldr(held(store, NEW)), earlier(held(store, NEW))) == (
        "新版的卡片。",
        ["旧的一天的卡片。", "新的摘要甲更加清楚。"],
    )


def test_undo_of_a_first_version_is_not_held_up_by_the_second(config: Config, store: Store) -> None:
    """A later edition has its card among the earlier ones; that does not make it another text's here, but there."""
    again(config, ID, announced=OLD)
    put(store, NEW, replacements=(replaced(card=card(tldr="新版的卡片。"), earlier=of(store, OLD).earlier),))

    assert back(config, ID).announced == (OLD,)
    assert tldr(of(store, OLD)) == "旧的一天的卡片。"
