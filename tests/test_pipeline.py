"""What a run collects, keeps and asks again: the stages over a fake arXiv on loopback and a fake model."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal, get_args

import fakes
import pytest
from fakes import GOOD, FakeEngine, card, completion, entry, origin, paper, reply
from fakes import edition as edition_of
from hypothesis import given
from hypothesis import strategies as st
from loopback import DAY, NEXT, SUBMITTED, A, Arxiv, B, C, compile_once, submitted
from pytest_httpserver import HTTPServer

from digest import agenda, pipeline, report, selection
from digest import config as configs
from digest.agenda import Order
from digest.config import Config
from digest.errors import BusyError, ConfigError, EngineError, RecordError, SourceError
from digest.hooks import Clock
from digest.identifiers import covers
from digest.models import AnnounceType, Answer, Change, Edition, Entry, Listed, Listing, Paper, Request
from digest.selection import Rule, Rules, carried, missing_rules
from digest.store import Store

SPENT = (origin(key="spent"),)


def today() -> datetime:
    """Noon in New York on DAY: the feed shows its listing."""
    return datetime(2026, 3, 17, 16, tzinfo=UTC)


def later() -> datetime:
    """Three days on: the feed has moved on."""
    return datetime(2026, 3, 20, 16, tzinfo=UTC)


@pytest.fixture
def arxiv(httpserver: HTTPServer) -> Arxiv:
    return Arxiv(httpserver)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    engine = FakeEngine()
    monkeypatch.setattr(fakes, "opened", lambda **options: engine)
    return engine


@pytest.fixture
def site(arxiv: Arxiv, model: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """cs.CV of the fake arXiv, with the fake model."""
    compile_once(monkeypatch)
    (tmp_path / "digest.toml").write_text(
        'categories = ["cs.CV"]\noutput = "site"\ncache = "cache"\n[engine]\nname = "fakes:opened"\nmodel = "fake-1"\n'
        f'[arxiv]\ndelay_seconds = 0\napi = "{arxiv.api}"\nrss = "{arxiv.rss}"\n',
        encoding="utf-8",
    )
    return configs.load(tmp_path / "digest.toml", {}, {})


@pytest.fixture
def config(site: Config, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The same without pages, which take most of a run's time."""
    monkeypatch.setattr("digest.render.FORMATS", ())
    return site


def asking(config: Config, *categories: str, keywords: Iterable[str] = ()) -> Config:
    return config.model_copy(update={"categories": categories}).with_keywords(keywords)


def made(config: Config, clock: Clock = later, order: Order = Order(DAY)) -> Edition:  # noqa: B008
    """The edition of a run, as it is on file."""
    pipeline.run(config, order, clock)
    return on_file(config, agenda.SAMPLE_DATE if order.sample else DAY)


def on_file(config: Config, day: date = DAY) -> Edition:
    saved = Store(config.output).load(day)
    assert saved is not None
    return saved


def forget_replies(config: Config, model: FakeEngine) -> None:
    """Empty the cache: what is asked for again from now on shows."""
    shutil.rmtree(config.cache)
    model.asked.clear()


def ids(edition: Edition) -> list[str]:
    return [one.paper.arxiv_id for one in edition.entries]


def titles(edition: Edition) -> list[str]:
    return [one.title for one in edition.sections]


# ------------------------------------------------------------------------------------------ feed and search


def test_on_its_day_a_listing_comes_from_the_feed(config: Config, arxiv: Arxiv) -> None:
    """The feed says what was announced; the search is asked for these papers alone, by identifier."""
    edition = made(config, today)

    assert (edition.source, edition.notes) == ("feed", ())
    assert [(one.paper.arxiv_id, one.announce_type) for one in edition.entries] == [
        (A.arxiv_id, "new"),
        (B.arxiv_id, "cross"),
    ]
    assert arxiv.fed == ["/rss/cs.CV"]
    assert [one.get("id_list") for one in arxiv.searched] == [f"{A.arxiv_id},{B.arxiv_id}"]
    assert {one.paper.comment for one in edition.entries} == {"12 pages"}


def test_a_past_listing_comes_from_the_search(config: Config, arxiv: Arxiv) -> None:
    """The feed of a past date is gone: it is not even asked."""
    edition = made(config, later)

    assert edition.source == "search"
    assert ids(edition) == [A.arxiv_id, B.arxiv_id]
    assert (arxiv.fed, arxiv.queries) == ([], ["(cat:cs.CV)"])


def test_keywords_alone_are_asked_of_the_search_on_the_day_itself(config: Config, arxiv: Arxiv) -> None:
    """The feed goes by category: without one there is none to ask."""
    edition = made(asking(config, keywords=["gated attention"]), today)

    assert edition.source == "search"
    assert not arxiv.fed


def test_the_feed_alone_makes_an_edition(config: Config, arxiv: Arxiv, caplog: pytest.LogCaptureFixture) -> None:
    """With the search down the listing is complete all the same; a note and a warning say what is missing."""
    arxiv.down.add("search")
    edition = made(config, today)

    assert edition.source == "feed"
    assert [(one.state, one.paper.submitted, one.paper.comment) for one in edition.entries] == [
        ("shown", None, None)
    ] * 2
    assert len(edition.notes) == 1
    assert "2 of 2 papers" in edition.notes[0]
    assert "going on with what the feed says" in caplog.text


def test_a_feed_that_is_down_on_its_day_is_no_edition(config: Config, arxiv: Arxiv) -> None:
    """The search is no substitute on the day itself: it lacks papers; the run is worth another try."""
    arxiv.down.add("feed")

    with pytest.raises(SourceError):
        pipeline.run(config, Order(DAY), today)
    assert not Store(config.output).dates()


# ------------------------------------------------------------------------------------------ completing the feed's


def test_a_later_run_completes_what_the_search_did_not_give(config: Config, arxiv: Arxiv, model: FakeEngine) -> None:
    """Comments and times come in, the note about them goes, other notes and all cards stay, nothing is paid."""
    arxiv.down.add("search")
    bare = made(config, today)
    Store(config.output).save(bare.model_copy(update={"notes": ("Something else.", *bare.notes)}))
    arxiv.down.clear()
    forget_replies(config, model)
    edition = made(config, later)

    assert [one.paper for one in edition.entries] == [A, B]
    assert edition.notes == ("Something else.",)
    assert [one.card for one in edition.entries] == [one.card for one in bare.entries]
    assert [one.announce_type for one in edition.entries] == ["new", "cross"]
    assert (edition.source, model.asked) == ("feed", [])


def test_a_run_completes_what_it_can_and_names_the_rest(config: Config, arxiv: Arxiv) -> None:
    """Only papers still bare are asked for, and a paper that is complete is not called unknown."""
    arxiv.unknown = {A.arxiv_id, B.arxiv_id}
    made(config, today)
    arxiv.unknown = {B.arxiv_id}
    made(config, later)
    arxiv.forget()
    edition = made(config, later)

    assert [one.paper.submitted for one in edition.entries] == [SUBMITTED, None]
    assert len(edition.notes) == 1
    assert "1 of 2 papers" in edition.notes[0]
    assert B.arxiv_id in edition.notes[0]
    assert {one.get("id_list") for one in arxiv.searched} == {B.arxiv_id}
    arxiv.unknown.clear()
    assert made(config, later).notes == ()
    arxiv.forget()
    made(config, later)
    assert not arxiv.was_asked


def test_completing_keeps_the_text_as_announced(config: Config, arxiv: Arxiv) -> None:
    """By now the search shows a second version: its comment is taken, its title and abstract are not."""
    arxiv.down.add("search")
    made(config, today)
    arxiv.down.clear()
    arxiv.papers[0] = A.model_copy(update={"version": 2, "abstract": "Rewritten.", "comment": "13 pages"})
    first = made(config, later).entries[0]

    assert (first.paper.version, first.paper.abstract, first.paper.comment) == (1, A.abstract, "13 pages")
    assert first.state == "shown"


def test_a_search_that_stays_down_does_not_stop_a_run(
    config: Config, arxiv: Arxiv, caplog: pytest.LogCaptureFixture
) -> None:
    """What is on file stays as it is, its note once, and a warning says so."""
    arxiv.down.add("search")
    bare = made(config, today)
    caplog.clear()

    assert made(config, later) == bare
    assert "going on with what the feed says" in caplog.text


def test_an_edition_from_the_search_has_nothing_to_complete(config: Config, arxiv: Arxiv) -> None:
    """A file's paper without times, kept in an edition of the search, is no cause to ask."""
    Store(config.output).save(edition_of(entry(A.arxiv_id, categories=("cs.CV",), submitted=None)))
    made(config)

    assert not arxiv.was_asked


# ------------------------------------------------------------------------------------------ what is on file already


def test_another_category_joins_the_saved_edition(config: Config, arxiv: Arxiv, model: FakeEngine) -> None:
    """ArXiv is asked for the new category alone, the model for its papers alone; nothing saved is lost."""
    first = made(config)
    arxiv.forget()
    forget_replies(config, model)
    both = made(asking(config, "cs.CV", "cs.CL"))

    assert arxiv.queries == ["(cat:cs.CL)"]
    assert [one.subject for one in model.asked] == [C.arxiv_id]
    assert both.categories == ("cs.CV", "cs.CL")
    assert [(one.paper.arxiv_id, one.announce_type, one.state) for one in both.entries] == [
        (A.arxiv_id, "new", "shown"),
        (B.arxiv_id, "new", "shown"),
        (C.arxiv_id, "new", "shown"),
    ]
    assert [one.card for one in both.entries[:2]] == [one.card for one in first.entries]
    assert titles(both) == ["cs.CV", "cs.CL"]


def test_what_a_saved_edition_covers_is_not_asked_again(config: Config, arxiv: Arxiv, model: FakeEngine) -> None:
    """cs.CV is part of cs.*: nobody is asked anything, and the edition is still that of cs.*."""
    whole = made(asking(config, "cs.*"))
    arxiv.forget()
    forget_replies(config, model)

    assert made(config) == whole
    assert whole.categories == ("cs.*",)
    assert not arxiv.was_asked
    assert not model.asked


def test_refresh_asks_again_and_keeps_the_cards(config: Config, arxiv: Arxiv, model: FakeEngine) -> None:
    """A paper that arXiv has found since comes in; what has a card is not paid twice."""
    arxiv.unknown = {B.arxiv_id}
    first = made(config)
    arxiv.unknown.clear()
    arxiv.forget()
    forget_replies(config, model)

    assert ids(made(config)) == [A.arxiv_id]
    assert not arxiv.was_asked
    edition = made(config, later, Order(DAY, refresh=True))
    assert arxiv.queries == ["(cat:cs.CV)"]
    assert ids(edition) == [A.arxiv_id, B.arxiv_id]
    assert edition.entries[0].card == first.entries[0].card
    assert [one.subject for one in model.asked] == [B.arxiv_id]


def test_other_keywords_keep_the_sections_of_the_first(config: Config) -> None:
    """Asked for one phrase and later for another, without a category: both sections stand."""
    made(asking(config, keywords=["gated attention"]))
    edition = made(asking(config, keywords=["medical images"]))

    assert edition.keywords == ("gated attention", "medical images")
    sections = {one.title: one.arxiv_ids for one in edition.sections}
    assert sections == {"medical images": (C.arxiv_id,), "gated attention": (A.arxiv_id, B.arxiv_id)}


def test_keywords_asked_before_ask_arxiv_nothing(config: Config, arxiv: Arxiv) -> None:
    """A phrase that the edition was made for is covered by it."""
    first = made(asking(config, keywords=["gated attention"]))
    arxiv.forget()

    assert made(asking(config, keywords=["gated attention"])) == first
    assert not arxiv.was_asked


def test_an_invented_day_is_no_beginning_of_a_real_one(config: Config) -> None:
    """A sample that stands under a real date makes way: none of its papers, cards or notes stays."""
    Store(config.output).save(
        edition_of(entry("2601.99999", categories=("cs.CV",)), source="sample", notes=("Invented.",))
    )
    edition = made(config)

    assert (edition.source, ids(edition)) == ("search", [A.arxiv_id, B.arxiv_id])
    assert "Invented." not in edition.notes


def test_a_file_of_the_samples_date_does_not_take_the_sample_in(config: Config, tmp_path: Path) -> None:
    """Papers of one's own under the sample's date stand alone."""
    made(config, later, Order(sample=True))
    row = A.model_dump(mode="json") | {"announced": agenda.SAMPLE_DATE.isoformat()}
    (tmp_path / "own.jsonl").write_text(json.dumps(row), encoding="utf-8")
    pipeline.run(config, Order(agenda.SAMPLE_DATE, papers=tmp_path / "own.jsonl"), later)

    assert ids(on_file(config, agenda.SAMPLE_DATE)) == [A.arxiv_id]


def test_the_sample_is_the_whole_sample_again(config: Config, arxiv: Arxiv) -> None:
    """A second look at the sample adds nothing to it and asks arXiv nothing."""
    first = made(config, later, Order(sample=True))

    assert made(config, later, Order(sample=True)) == first
    assert first.source == "sample"
    assert not arxiv.was_asked


# ------------------------------------------------------------------------------------------ since and gaps


def complete(day: date, *entries: Entry, **fields: Any) -> Edition:
    return edition_of(*(entries or (entry(categories=("cs.CV",)),)), announced=day, **fields)


def test_since_takes_the_listing_days_that_lack_something(config: Config) -> None:
    """Pending cards, a category that is missing, a damaged file, a sample and no file at all count as not complete."""
    store = Store(config.output)
    days = {n: date(2026, 3, n) for n in range(9, 21)}
    for n in (9, 10, 13, 16, 20):
        store.save(complete(days[n]))
    store.save(complete(days[11], entry(card=None, problems=("engine: HTTP 500",), categories=("cs.CV",))))
    store.save(complete(days[12], entry(categories=("cs.CL",))))
    store.save(complete(days[17], source="sample"))
    store.save(complete(days[18]))
    store.path(days[18]).write_text("{", encoding="utf-8")

    found = agenda.dates_of(config, Order(), later, days[10])
    assert found == tuple(days[n] for n in (11, 12, 17, 18, 19))


def test_since_asks_for_keywords_too_where_there_is_no_category(config: Config) -> None:
    """A date whose edition was made for another phrase is not complete."""
    Store(config.output).save(complete(date(2026, 3, 20), categories=(), keywords=("gated attention",)))
    first = date(2026, 3, 20)

    same, other = (asking(config, keywords=[phrase]) for phrase in ("gated attention", "medical images"))
    assert agenda.dates_of(same, Order(), later, first) == ()
    assert agenda.dates_of(other, Order(), later, first) == (first,)


def test_since_takes_a_date_whose_replacement_waits_for_a_card(config: Config) -> None:
    """Its text changed and nobody answered; one that is only listed waits for nothing."""
    waiting = entry("2501.00001", announce_type="replace", version=2, card=None, change=rewritten())
    listed_only = entry("2501.00002", announce_type="replace", version=2, card=None)
    for day, one in ((19, waiting), (20, listed_only)):
        Store(config.output).save(complete(date(2026, 3, day), replacements=(one,)))

    assert agenda.dates_of(config, Order(), later, date(2026, 3, 19)) == (date(2026, 3, 19),)


def test_since_takes_a_date_whose_kept_out_papers_come_back(config: Config) -> None:
    """While the rule stands the date is complete; without it a paper on it has no card."""
    out = entry("2603.00009", card=None, excluded_by="exclude: gated", categories=("cs.CV",))
    Store(config.output).save(complete(date(2026, 3, 20), excluded=(out,)))
    first = date(2026, 3, 20)

    assert agenda.dates_of(ruled(config, exclude=("gated",)), Order(), later, first) == ()
    assert agenda.dates_of(config, Order(), later, first) == (first,)


def test_without_since_a_call_is_about_one_date(config: Config) -> None:
    """The one that is named, else the newest, which is found out when it runs."""
    assert agenda.dates_of(config, Order(), later) == (None,)
    assert agenda.dates_of(config, Order(DAY), later) == (DAY,)


def test_a_run_for_the_newest_tells_of_listings_in_between(config: Config) -> None:
    """Those after the last edition before it; a weekend has none, an older hole or the sample is no news."""
    store = Store(config.output)
    for day in (date(2026, 3, 9), date(2026, 3, 12)):
        store.save(complete(day))
    store.save(complete(agenda.SAMPLE_DATE, source="sample"))

    assert pipeline.run(config, Order(), today).gaps == (date(2026, 3, 13), date(2026, 3, 16))


def test_no_gap_is_told_where_there_is_none(config: Config) -> None:
    """The first edition of all, beside the sample, and the one right after the last."""
    Store(config.output).save(complete(agenda.SAMPLE_DATE, source="sample"))
    assert pipeline.run(config, Order(), today).gaps == ()

    Store(config.output).save(complete(date(2026, 3, 16)))
    assert pipeline.run(config, Order(), today).gaps == ()


def test_a_run_for_a_named_date_tells_of_no_gap(config: Config, tmp_path: Path) -> None:
    """Who names a date, or has files, asks for nothing else."""
    for day in (date(2025, 12, 22), date(2026, 3, 12)):
        Store(config.output).save(complete(day))
    (tmp_path / "own.jsonl").write_text(A.model_dump_json(), encoding="utf-8")

    assert pipeline.run(config, Order(DAY), today).gaps == ()
    assert pipeline.run(config, Order(DAY, papers=tmp_path / "own.jsonl"), today).gaps == ()
    assert pipeline.run(config, Order(sample=True), today).gaps == ()


# ------------------------------------------------------------------------------------------ kept out by a rule


def ruled(config: Config, **rules: Any) -> Config:
    return config.model_copy(update=rules)


SURVEY = {"exclude": ("another gated",)}  #: keeps B out


def out_of(edition: Edition) -> list[tuple[str, str | None]]:
    return [(one.paper.arxiv_id, one.excluded_by) for one in edition.excluded]


@pytest.mark.parametrize(
    ("rules", "name"), [(SURVEY, "exclude: another gated"), ({"cross_lists": False}, "cross_lists = false")]
)
def test_what_a_rule_keeps_out_is_on_record_and_not_asked(
    config: Config, model: FakeEngine, rules: dict[str, Any], name: str
) -> None:
    """The model never hears of it; the ledger's sum still holds every paper that was announced."""
    edition = made(ruled(config, **rules), today)

    assert (ids(edition), out_of(edition)) == ([A.arxiv_id], [(B.arxiv_id, name)])
    assert [one.subject for one in model.asked] == [A.arxiv_id]
    counts = report.ledger(edition)
    assert (counts.announced, counts.primary, counts.cross) == (2, 1, 1)
    assert (counts.shown, counts.flagged, counts.pending, counts.excluded) == (1, 0, 0, 1)
    assert counts.by_rule == ((name, 1),)


def test_a_paper_comes_back_when_its_rule_goes(config: Config, arxiv: Arxiv, model: FakeEngine) -> None:
    """ArXiv is not asked again, the model for this paper alone; it stands where it would have stood."""
    arxiv.papers = [*arxiv.papers, submitted("2603.00004", title="Qux")]
    kept = made(ruled(config, **SURVEY))
    arxiv.forget()
    model.asked.clear()
    edition = made(config)

    assert not arxiv.was_asked
    assert [one.subject for one in model.asked] == [B.arxiv_id]
    assert ids(kept) == [A.arxiv_id, "2603.00004"]
    assert (out_of(edition), ids(edition)) == ([], [A.arxiv_id, "2603.00004", B.arxiv_id])
    assert edition.count("shown") == 3


def test_a_rule_takes_a_card_away_and_gives_it_back(config: Config, arxiv: Arxiv, model: FakeEngine) -> None:
    """What was paid for waits beside the paper, and is judged by the checks of the day on which it comes back."""
    first = made(config)
    doubtful = next(one for one in first.entries if one.paper == B).model_copy(
        update={"card": card(result="准确率达到 98.7%，优于已有方法。")}
    )
    Store(config.output).save(first.with_entries([doubtful]).model_copy(update={"judged_by": "older checks"}))
    forget_replies(config, model)
    arxiv.forget()

    assert out_of(made(ruled(config, **SURVEY))) == [(B.arxiv_id, "exclude: another gated")]
    edition = made(config)
    assert [(one.paper.arxiv_id, one.state) for one in edition.entries] == [
        (A.arxiv_id, "shown"),
        (B.arxiv_id, "flagged"),
    ]
    assert not model.asked
    assert not arxiv.was_asked


# ------------------------------------------------------------------------------------------ known from before

TOMORROW = date(2026, 3, 18)
NOTE = {"headline": "新版把方法由门控改为稀疏注意力。", "other": "无其他实质变动"}


def tomorrow() -> datetime:
    """Noon in New York on the day after DAY."""
    return datetime(2026, 3, 18, 16, tzinfo=UTC)


def rewritten(**fields: Any) -> Change:
    values = {"from_version": 1, "announced": DAY, "title_changed": False, "abstract_changed": True}
    return Change(**{**values, **fields})


def is_note(request: Request) -> bool:
    return request.schema is not None and "headline" in str(request.schema)


def answering(note: str | EngineError) -> Callable[[Request], Answer]:
    """A model that writes cards, and answers for notes as said."""

    def answer(request: Request) -> Answer:
        text = note if is_note(request) else reply()
        return text if isinstance(text, EngineError) else completion(text)

    return answer


@pytest.fixture
def two_days(config: Config, arxiv: Arxiv, model: FakeEngine) -> Config:
    """cs.CV and cs.CL after DAY; the feed has moved on by one day, and the cache is gone."""
    config = asking(config, "cs.CV", "cs.CL")
    model.answer = answering(json.dumps(NOTE, ensure_ascii=False))
    made(config, today)
    arxiv.day = TOMORROW
    forget_replies(config, model)
    return config


def next_day(config: Config) -> Edition:
    pipeline.run(config, Order(TOMORROW), tomorrow)
    return on_file(config, TOMORROW)


def newer(old: Paper, **fields: Any) -> Paper:
    return old.model_copy(update={"version": 2, **fields})


def test_a_paper_that_comes_again_keeps_its_card(two_days: Config, arxiv: Arxiv, model: FakeEngine) -> None:
    """Cross-listed on the next day it is known: its card, what was paid for it and when it was new; nothing is sent."""
    arxiv.beside = [(C.model_copy(update={"categories": ("cs.CL", "cs.CV")}), "cross")]
    before = on_file(two_days).entry(C.arxiv_id)
    edition = next_day(two_days)
    again = edition.entry(C.arxiv_id)

    assert before is not None
    assert again is not None
    assert (again.card, again.replies, again.state) == (before.card, before.replies, "shown")
    assert (again.announce_type, again.first_announced) == ("cross", DAY)
    assert not model.asked


def test_a_replacement_of_the_same_text_keeps_the_card(two_days: Config, arxiv: Arxiv, model: FakeEngine) -> None:
    """A new version with a new comment: it says that nothing changed, and nothing is sent."""
    arxiv.beside = [(newer(A, comment="13 pages"), "replace")]
    before = on_file(two_days).entry(A.arxiv_id)
    (again,) = next_day(two_days).replacements

    assert before is not None
    assert (again.card, again.problems, again.first_announced) == (before.card, (), DAY)
    assert again.change == rewritten(abstract_changed=False)
    assert not model.asked


def test_a_rewritten_replacement_is_asked_once_and_gets_its_note(
    two_days: Config, arxiv: Arxiv, model: FakeEngine
) -> None:
    """One request for the card, one for the note; the old card stays on record."""
    arxiv.beside = [(newer(A, abstract="Foo is a sparse attention."), "replace")]
    before = on_file(two_days).entry(A.arxiv_id)
    (again,) = next_day(two_days).replacements

    assert before is not None
    assert [(one.subject, is_note(one)) for one in model.asked] == [(A.arxiv_id, False), (A.arxiv_id, True)]
    assert "a gated attention" in model.asked[1].messages[1]["content"]
    assert "a sparse attention" in model.asked[1].messages[1]["content"]
    assert (again.state, again.earlier, len(again.replies)) == ("shown", (before.card,), 2)
    assert again.change is not None
    assert again.change.model_copy(update={"origin": None}) == rewritten(note=(NOTE["headline"], NOTE["other"]))


def test_a_second_run_of_a_day_of_changes_sends_nothing_and_changes_no_byte(
    two_days: Config, arxiv: Arxiv, model: FakeEngine
) -> None:
    """Also without the cache: card and note are on record."""
    arxiv.beside = [(newer(A, abstract="Foo is a sparse attention."), "replace"), (newer(B), "replace-cross")]
    next_day(two_days)
    before = Store(two_days.output).path(TOMORROW).read_bytes()
    forget_replies(two_days, model)
    arxiv.forget()
    next_day(two_days)

    assert not model.asked
    assert not arxiv.was_asked
    assert Store(two_days.output).path(TOMORROW).read_bytes() == before


def test_a_note_that_can_not_be_had_leaves_the_card(two_days: Config, arxiv: Arxiv, model: FakeEngine) -> None:
    """Two bad answers are paid for and kept; a later run has them from the cache, sends nothing, changes nothing."""
    arxiv.beside = [(newer(A, abstract="Foo is a sparse attention."), "replace")]
    model.answer = answering("no JSON at all")
    (again,) = next_day(two_days).replacements
    before = Store(two_days.output).path(TOMORROW).read_bytes()

    assert again.change == rewritten()
    assert (again.state, len(again.replies)) == ("shown", 3)
    model.asked.clear()
    next_day(two_days)
    assert not model.asked
    assert Store(two_days.output).path(TOMORROW).read_bytes() == before


def test_a_note_that_nobody_answered_is_asked_by_the_next_run(
    two_days: Config, arxiv: Arxiv, model: FakeEngine
) -> None:
    """The run does not fail for it; the card is there meanwhile and is not asked again."""
    arxiv.beside = [(newer(A, abstract="Foo is a sparse attention."), "replace")]
    model.answer = answering(EngineError("HTTP 500"))
    (again,) = next_day(two_days).replacements
    assert (again.state, again.problems, again.change) == ("shown", (), rewritten())

    model.asked.clear()
    model.answer = answering(json.dumps(NOTE, ensure_ascii=False))
    (again,) = next_day(two_days).replacements
    assert [is_note(one) for one in model.asked] == [True]
    assert again.change is not None
    assert again.change.note == (NOTE["headline"], NOTE["other"])


def test_a_service_that_fails_over_the_notes_is_told_after_the_pages(
    two_days: Config, arxiv: Arxiv, model: FakeEngine
) -> None:
    """What was answered before is on record: the card of the replacement, without its note."""

    class Failing(FakeEngine):
        def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
            for request in requests:
                if is_note(request):
                    raise EngineError("the service is gone")
                yield request, completion()

    arxiv.beside = [(newer(A, abstract="Foo is a sparse attention."), "replace")]
    model.run = Failing().run  # type: ignore[method-assign]
    with pytest.raises(EngineError, match="the service is gone"):
        next_day(two_days)

    (again,) = on_file(two_days, TOMORROW).replacements
    assert (again.state, again.change) == ("shown", rewritten())


def test_an_echo_writes_no_notes(two_days: Config, arxiv: Arxiv) -> None:
    """It answers by the paper alone: what it said of two versions would be nonsense."""
    arxiv.beside = [(newer(A, abstract="Foo is a sparse attention."), "replace")]
    echo = two_days.model_copy(update={"engine": two_days.engine.model_copy(update={"name": "echo"})})
    (again,) = next_day(echo).replacements

    assert (again.change, len(again.replies)) == (rewritten(), 1)


def test_a_replacement_that_no_edition_knows_is_only_listed(two_days: Config, arxiv: Arxiv, model: FakeEngine) -> None:
    """There is nothing to compare it to and nothing to ask; it waits for nothing either."""
    arxiv.beside = [(newer(submitted("2501.00001")), "replace")]
    (only,) = next_day(two_days).replacements

    assert (only.card, only.problems, only.change, only.first_announced) == (None, (), None, None)
    assert not model.asked


def test_a_replacement_is_compared_once_an_earlier_edition_is_made(
    two_days: Config, arxiv: Arxiv, model: FakeEngine
) -> None:
    """Asked again after the date before it was made up for, it has a card and a note."""
    times = {"2603.00101": datetime(2026, 3, 16, 19, tzinfo=UTC), "2603.00200": datetime(2026, 3, 17, 19, tzinfo=UTC)}
    arxiv.papers = [*arxiv.papers, *(submitted(one, moment=moment) for one, moment in times.items())]
    arxiv.beside = [(submitted("2501.00001", abstract="Rewritten.", version=2), "replace")]
    next_day(two_days)
    model.asked.clear()
    Store(two_days.output).save(complete(date(2026, 3, 16), entry("2501.00001", categories=("cs.CV",))))
    pipeline.run(two_days, Order(TOMORROW, refresh=True), later)
    (again,) = on_file(two_days, TOMORROW).replacements

    assert [is_note(one) for one in model.asked] == [False, True]
    assert (again.state, again.first_announced) == ("shown", date(2026, 3, 16))


@pytest.mark.parametrize("stage", ["summarize", "describe"])
def test_a_run_that_is_killed_between_stages_loses_nothing(
    two_days: Config, arxiv: Arxiv, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """The next run asks arXiv nothing and ends with the record of a run that nothing disturbed."""
    config = ruled(two_days, exclude=("another gated",))
    arxiv.papers = [*arxiv.papers, submitted("2603.00101", moment=datetime(2026, 3, 16, 19, tzinfo=UTC))]
    arxiv.beside = [
        (C, "cross"),
        (newer(A, abstract="Foo is a sparse attention."), "replace"),
        (newer(submitted("2501.00001")), "replace"),
    ]
    next_day(config)
    undisturbed = Store(config.output).path(TOMORROW).read_bytes()
    Store(config.output).path(TOMORROW).unlink()
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, stage, killed)
        with pytest.raises(KeyboardInterrupt):
            next_day(config)
    arxiv.forget()
    next_day(config)

    assert not arxiv.was_asked
    assert Store(config.output).path(TOMORROW).read_bytes() == undisturbed


def killed(*args: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.usefixtures("old_program")
def test_a_complete_day_is_the_same_again(site: Config, arxiv: Arxiv, model: FakeEngine) -> None:
    """Nobody is asked, and no file of the site changes, on the day itself or later."""
    pipeline.run(site, Order(), today)
    before = {path: path.read_bytes() for path in site.output.rglob("*") if path.is_file()}
    arxiv.forget()
    forget_replies(site, model)

    for clock in (today, later):
        done = pipeline.run(site, Order(DAY), clock)
        assert (done.sent, done.written) == (0, ())
    assert not arxiv.was_asked
    assert not model.asked
    assert {path: path.read_bytes() for path in site.output.rglob("*") if path.is_file()} == before


# ------------------------------------------------------------------------------------------ keywords over all time

OLD = submitted(
    "2501.00001", "cs.LG", title="Old", abstract="An old gated attention.", moment=datetime(2025, 1, 2, tzinfo=UTC)
)


def next_week() -> datetime:
    """Six days after DAY."""
    return datetime(2026, 3, 23, 16, tzinfo=UTC)


@pytest.fixture
def followed(config: Config, arxiv: Arxiv, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A keyword and no category, with the tables alone for pages; arXiv has an old paper of it, too."""
    monkeypatch.setattr("digest.render.FORMATS", ("digest.render.tables:Tables",))
    arxiv.papers = [*arxiv.papers, OLD]
    return asking(config, keywords=["gated attention"])


def tables_of(config: Config) -> list[tuple[str, list[str]]]:
    tables = Store(config.output).load_tables()
    assert tables is not None
    return [(one.title, [paper.arxiv_id for paper in one.papers]) for one in tables.tables]


def test_keywords_alone_have_their_table_over_all_time(followed: Config) -> None:
    """The record holds arXiv's newest first, papers of no edition among them, and the page shows it."""
    assert ids(made(followed)) == [A.arxiv_id, B.arxiv_id]

    assert tables_of(followed) == [("gated attention", [B.arxiv_id, A.arxiv_id, OLD.arxiv_id])]
    page = (followed.output / "keywords.md").read_text(encoding="utf-8")
    assert page.index("Bar") < page.index("Foo") < page.index("Old")


def test_a_table_is_asked_once_a_day(followed: Config, arxiv: Arxiv) -> None:
    """A second run of the same day asks nothing and changes no byte; with `refresh` it asks."""
    made(followed)
    path = followed.output / "editions/keywords.json"
    before, page = path.read_bytes(), (followed.output / "keywords.md").read_bytes()
    arxiv.forget()
    made(followed)

    assert not arxiv.was_asked
    assert (path.read_bytes(), (followed.output / "keywords.md").read_bytes()) == (before, page)
    made(followed, later, Order(DAY, refresh=True))
    assert "lastUpdatedDate" in {one.get("sortBy") for one in arxiv.searched}


def test_a_table_grows_with_arxiv(followed: Config, arxiv: Arxiv) -> None:
    """On a later day a complete edition asks for the table alone, and the page follows."""
    made(followed)
    arxiv.papers.append(submitted("2603.00200", title="Newest", abstract="Yet a gated attention.", moment=later()))
    arxiv.forget()
    made(followed, next_week)

    assert [one.get("sortBy") for one in arxiv.searched] == ["lastUpdatedDate"]
    assert tables_of(followed) == [("gated attention", ["2603.00200", B.arxiv_id, A.arxiv_id, OLD.arxiv_id])]
    assert "Newest" in (followed.output / "keywords.md").read_text(encoding="utf-8")


def test_a_table_that_fails_stays_as_it_is(followed: Config, arxiv: Arxiv, caplog: pytest.LogCaptureFixture) -> None:
    """The run ends well all the same, with a warning."""
    made(followed)
    path = followed.output / "editions/keywords.json"
    before = path.read_bytes()
    arxiv.down.add("newest")

    assert pipeline.run(followed, Order(DAY), next_week).edition is not None
    assert path.read_bytes() == before
    assert "the tables of keywords stay as they are" in caplog.text


def test_a_first_table_that_fails_is_no_failure_of_the_day(followed: Config, arxiv: Arxiv) -> None:
    """The edition is made, and keywords.md of what it holds."""
    arxiv.down.add("newest")
    made(followed)

    assert not (followed.output / "editions/keywords.json").exists()
    page = (followed.output / "keywords.md").read_text(encoding="utf-8")
    assert "Foo" in page
    assert "Old" not in page


def test_a_damaged_table_is_named_and_left_alone(followed: Config, model: FakeEngine) -> None:
    """One error that says what to delete, before anything is paid; without the file all is well."""
    made(followed)
    path = followed.output / "editions/keywords.json"
    path.write_text('{"schema": 1}', encoding="utf-8")
    Store(followed.output).path(DAY).unlink()
    forget_replies(followed, model)

    with pytest.raises(RecordError, match=r"keywords\.json: no keyword tables: updated") as caught:
        made(followed)
    assert caught.value.hint is not None
    assert "delete it" in caught.value.hint
    assert path.read_text(encoding="utf-8") == '{"schema": 1}'
    assert not model.asked
    path.unlink()
    made(followed)
    assert tables_of(followed)


def test_no_table_is_asked_for_where_it_is_not_due(followed: Config, arxiv: Arxiv, tmp_path: Path) -> None:
    """With a category the editions say what is new; the sample and files have nothing to do with arXiv."""
    (tmp_path / "own.jsonl").write_text(A.model_dump_json(), encoding="utf-8")
    made(asking(followed, "cs.CV", keywords=["gated attention"]))
    pipeline.run(followed, Order(DAY, papers=tmp_path / "own.jsonl"), later)
    pipeline.run(followed, Order(sample=True), later)

    assert "lastUpdatedDate" not in {one.get("sortBy") for one in arxiv.searched}
    assert not (followed.output / "editions/keywords.json").exists()


@pytest.mark.usefixtures("old_program")
def test_the_page_of_a_table_that_is_gone_or_old_is_written_again(site: Config, arxiv: Arxiv) -> None:
    """Also beside an edition that holds no paper of the keyword; and when only the table has changed since."""
    arxiv.papers = [C, NEXT, OLD]
    site = asking(site, keywords=["gated attention"])
    assert ids(made(site)) == []
    (site.output / "keywords.md").unlink()

    assert pipeline.run(site, Order(DAY), later).written == ("keywords.md",)
    arxiv.papers.append(submitted("2603.00200", abstract="Yet a gated attention.", moment=later()))
    assert pipeline.run(site, Order(DAY), next_week).written == ("keywords.md", "notice.md")


# ------------------------------------------------------------------------------------------ files in place of arXiv


def archived(folder: Path, *days: date) -> Path:
    """Another tool's folder with a paper and a card a day."""
    folder.mkdir(exist_ok=True)
    for day in days:
        row: dict[str, Any] = {
            "id": f"2603.000{day.day}",
            "title": f"Paper {day}",
            "summary": "We present Foo.",
            "authors": ["Ada"],
        }
        row |= {"categories": ["cs.CV"], "AI": GOOD}
        name = f"{day}_AI_enhanced_Chinese.jsonl"
        (folder / name).write_text(json.dumps(row) + "\n", encoding="utf-8")
    return folder


def test_a_folder_names_its_dates(config: Config, tmp_path: Path) -> None:
    """All of them, oldest first, or those from `since` on; one that is named stands alone."""
    days = [date(2026, 3, n) for n in (12, 13, 16)]
    order = Order(papers=archived(tmp_path / "old", *days))

    assert agenda.dates_of(config, order, later) == tuple(days)
    assert agenda.dates_of(config, order, later, days[1]) == tuple(days[1:])
    assert agenda.dates_of(config, order, later, date(2026, 3, 17)) == ()
    assert agenda.dates_of(config, replace(order, announced=days[0]), later) == (days[0],)


def test_a_file_without_dates_is_about_one(config: Config, tmp_path: Path) -> None:
    """The date is the user's to say."""
    (tmp_path / "own.jsonl").write_text(A.model_dump_json(), encoding="utf-8")
    order = Order(papers=tmp_path / "own.jsonl")

    assert agenda.dates_of(config, order, later) == (None,)
    with pytest.raises(ConfigError, match="--papers needs --date"):
        pipeline.run(config, order, later)


def test_cards_of_an_archive_are_known_to_later_editions(
    config: Config, arxiv: Arxiv, model: FakeEngine, tmp_path: Path
) -> None:
    """A paper that arXiv lists again after the archive's end has the card that came with the archive."""
    folder = archived(tmp_path / "old", date(2026, 3, 16))
    pipeline.run(config, Order(date(2026, 3, 16), papers=folder), later)
    known = on_file(config, date(2026, 3, 16)).entries[0].paper
    arxiv.beside = [(known, "cross")]
    again = made(config, today).entry(known.arxiv_id)

    assert again is not None
    assert (again.state, again.first_announced) == ("shown", date(2026, 3, 16))
    assert again.card is not None
    assert again.card.origin.engine == "recorded"
    assert known.arxiv_id not in {one.subject for one in model.asked}


def test_a_snapshot_of_arxiv_tells_a_date_from_identifiers(config: Config, arxiv: Arxiv, tmp_path: Path) -> None:
    """Its dates stand nowhere in it: papers before and after the listing are left out, arXiv is not asked."""
    rows = [
        {
            "id": f"2603.{number:05}",
            "title": f"Paper {number}",
            "abstract": "We present Foo.",
            "authors": "Ada Lovelace",
            "categories": "cs.CV",
            "versions": [{"version": "v1", "created": f"{created}:00 GMT"}],
            "update_date": f"2026-03-{15 + number}",
        }
        for number, created in enumerate(
            ("Fri, 13 Mar 2026 12:00", "Mon, 16 Mar 2026 12:00", "Mon, 16 Mar 2026 19:00"), 1
        )
    ]
    (tmp_path / "arxiv.json").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    edition = made(config, later, Order(DAY, papers=tmp_path / "arxiv.json"))

    assert (ids(edition), edition.source) == (["2603.00002"], "file")
    assert len(edition.notes) == 1
    assert "snapshot" in edition.notes[0]
    assert not arxiv.was_asked


# ------------------------------------------------------------------------------------------ cards


def doubtful() -> Entry:
    """A card whose figure is not in the abstract, saved when no check looked for it."""
    return entry(A.arxiv_id, categories=("cs.CV",), card=card(result="准确率达到 98.7%，优于已有方法。"))


def test_better_checks_look_at_saved_cards_without_a_request(config: Config, model: FakeEngine) -> None:
    """A card saved under other checks is held against today's: its figure is flagged, nothing is sent."""
    Store(config.output).save(edition_of(doubtful(), judged_by="older checks"))
    edition = made(config)

    assert [one.state for one in edition.entries] == ["flagged"]
    assert "98.7" in edition.entries[0].problems[0]
    assert not model.asked


def test_better_checks_take_a_flag_away(config: Config) -> None:
    """What older checks held against a card goes, if today's do not."""
    Store(config.output).save(edition_of(entry(categories=("cs.CV",), problems=("result: 4 is not there",))))

    assert [one.problems for one in made(config).entries] == [()]


def test_a_card_is_judged_once_by_the_same_checks(config: Config) -> None:
    """An edition that today's checks have seen is left as it is."""
    judged_by = made(config).judged_by
    assert judged_by
    Store(config.output).save(edition_of(doubtful(), judged_by=judged_by))

    assert [one.state for one in made(config).entries] == ["shown"]


def test_a_pending_paper_keeps_its_reason_while_cards_are_judged(config: Config, model: FakeEngine) -> None:
    """Judging again is for cards; a paper without one is asked for."""
    Store(config.output).save(edition_of(entry(A.arxiv_id, categories=("cs.CV",), card=None, problems=("lost",))))
    edition = made(config)

    assert [one.subject for one in model.asked] == [A.arxiv_id]
    assert [one.state for one in edition.entries] == ["shown"]


def test_what_was_answered_before_the_service_failed_is_kept(site: Config, model: FakeEngine) -> None:
    """The first card is in the edition and on the page, the rest has its reason, and the failure is told after."""

    class Failing(FakeEngine):
        def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
            yield next(iter(requests)), completion(reply(tldr="只有这一篇得到了回答，其余没有。"))
            raise EngineError("the service is gone")

    model.run = Failing().run  # type: ignore[method-assign]
    with pytest.raises(EngineError, match="the service is gone"):
        pipeline.run(site, Order(DAY), later)

    edition = on_file(site)
    assert [one.state for one in edition.entries] == ["shown", "pending"]
    assert "the service is gone" in edition.entries[1].problems[0]
    page = (site.output / f"{DAY}/index.html").read_text(encoding="utf-8")
    assert "只有这一篇得到了回答" in page
    assert page.count('data-state="pending"') == 1


def test_a_run_that_is_locked_out_asks_nothing(config: Config, arxiv: Arxiv) -> None:
    """While another run works on the folder, arXiv and the model are left alone."""
    with Store(config.output).locked(), pytest.raises(BusyError):
        pipeline.run(config, Order(DAY), later)

    assert not arxiv.was_asked


def test_a_missing_key_is_told_before_arxiv_is_asked(config: Config, arxiv: Arxiv) -> None:
    """Without a key nothing is collected; an edition on file needs none."""
    settings = config.engine.model_copy(update={"name": "chat"})
    keyless = config.model_copy(update={"engine": settings})
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        pipeline.run(keyless, Order(DAY), later)
    assert not arxiv.was_asked

    Store(config.output).save(edition_of(entry(A.arxiv_id, categories=("cs.CV",))))
    assert pipeline.run(keyless, Order(DAY), later).sent == 0


# ------------------------------------------------------------------------------------------ pages


def touched(config: Config) -> list[str]:
    """The pages that a further run writes or makes sure of."""
    pages = [path for path in config.output.rglob("*") if path.suffix in (".html", ".md", ".xml")]
    past = time.time_ns() - 10**12
    for path in [*pages, *config.output.glob("editions/*")]:
        os.utime(path, ns=(past, past))
    assert config.file is not None
    os.utime(config.file, ns=(past, past))
    before = {path: path.stat().st_mtime_ns for path in pages}
    pipeline.run(config, Order(DAY), later)
    return sorted(str(path.relative_to(config.output)) for path in pages if path.stat().st_mtime_ns > before[path])


@pytest.fixture
def old_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program's own files are older than any page."""
    monkeypatch.setattr("digest.resources.program", lambda home: ())


@pytest.mark.usefixtures("old_program")
def test_pages_that_are_up_to_date_are_left_alone(site: Config) -> None:
    """A second run does not even touch them."""
    made(asking(site, "cs.CV", keywords=["gated attention"]))

    assert touched(asking(site, "cs.CV", keywords=["gated attention"])) == []


@pytest.mark.usefixtures("old_program")
def test_a_page_that_is_gone_is_written_again(site: Config) -> None:
    """Whichever it is, the next run has it back, and changes no other."""
    site = asking(site, "cs.CV", keywords=["gated attention"])
    made(site)
    for page in (f"{DAY}/index.html", f"{DAY}/index.md", "index.html", "feed.xml", "keywords.md", "notice.md"):
        before = (site.output / page).read_bytes()
        (site.output / page).unlink()

        assert pipeline.run(site, Order(DAY), later).written == (page,)
        assert (site.output / page).read_bytes() == before


@pytest.mark.usefixtures("old_program")
def test_without_keywords_no_page_of_keywords_is_missed(site: Config) -> None:
    """An edition without keyword sections is up to date without keywords.md."""
    made(site)

    assert not (site.output / "keywords.md").exists()
    assert touched(site) == []


@pytest.mark.usefixtures("old_program")
def test_what_pages_are_made_from_makes_them_old(site: Config, tmp_path: Path) -> None:
    """The config file, this edition, or another one changed: the pages are made again."""
    Store(site.output).save(complete(date(2026, 3, 16)))
    made(site)
    for newer in (tmp_path / "digest.toml", *(tmp_path / "site/editions").glob("*.json")):
        past = time.time_ns() - 10**12
        for path in tmp_path.rglob("*.*"):
            os.utime(path, ns=(past, past))
        os.utime(newer)
        pipeline.run(site, Order(DAY), later)

        assert (site.output / "index.html").stat().st_mtime_ns > past, newer.name


@pytest.mark.usefixtures("old_program")
def test_a_day_that_a_crash_left_unrendered_is_not_hidden_by_a_later_one(site: Config, tmp_path: Path) -> None:
    """The pages about all are newer than this edition, its own are older: they are made again."""
    made(site)
    own = site.output / f"{DAY}/index.html"
    past = time.time_ns() - 10**12
    for path in (tmp_path / "digest.toml", own, own.with_suffix(".md")):
        os.utime(path, ns=(past, past))
    pipeline.run(site, Order(DAY), later)

    assert own.stat().st_mtime_ns > past


def test_a_changed_program_makes_pages_old(site: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A template or module newer than the pages makes them again."""
    made(site)
    page = site.output / f"{DAY}/index.html"
    stale = page.stat().st_mtime_ns
    template = tmp_path / "newer.j2"
    template.touch()
    os.utime(template, ns=(stale + 10**9, stale + 10**9))
    monkeypatch.setattr("digest.resources.program", lambda home: (template,))
    pipeline.run(site, Order(DAY), later)

    assert page.stat().st_mtime_ns > stale


# ------------------------------------------------------------------------------------------ joining two listings


def listed(*entries: Entry, source: Literal["feed", "search", "file"] = "search", **fields: Any) -> Edition:
    return edition_of(*entries, source=source, **{"sections": (), "categories": ("cs.CV",), **fields})


def bare(arxiv_id: str = "2603.00001", **fields: Any) -> Entry:
    """An entry fresh from a listing."""
    return entry(arxiv_id, card=None, problems=(selection.NOT_ASKED,), **fields)


def test_a_listing_that_grows_keeps_its_notes_and_its_source() -> None:
    """Another category's listing adds what it could not know; each note stands once."""
    saved = listed(source="feed", notes=("Cut.", "Both."))
    grown = carried(listed(categories=("cs.CL",), notes=("Both.", "By search.")), saved)

    assert grown.notes == ("Cut.", "Both.", "By search.")
    assert (grown.source, grown.categories) == ("feed", ("cs.CV", "cs.CL"))


def test_a_listing_asked_again_says_what_it_does_not_know_itself() -> None:
    """The same categories asked again: the old listing's notes and source are no longer true."""
    saved = listed(source="feed", notes=("Cut.",), categories=("cs.CV",))
    again = carried(listed(categories=("cs.CV", "cs.CL"), notes=("By search.",)), saved)

    assert (again.notes, again.source) == (("By search.",), "search")


def test_a_card_of_another_text_becomes_an_earlier_one() -> None:
    """The paper is asked for again, and what was paid for its old text is kept."""
    saved = listed(entry(card=card(tldr="新卡片"), earlier=(card(tldr="旧卡片"),), replies=SPENT, problems=("x",)))
    (only,) = carried(listed(bare(title="Bar")), saved).entries

    assert [one.tldr for one in only.earlier] == ["旧卡片", "新卡片"]
    assert (only.card, only.problems, only.replies) == (None, (selection.NOT_ASKED,), SPENT)


def test_a_card_of_the_same_text_stays_with_all_it_had() -> None:
    """Card, flags, earlier cards and replies follow the paper; its newer metadata is taken."""
    had = entry(problems=("result: 4 is not there",), earlier=(card(tldr="旧卡片"),), replies=SPENT)
    (only,) = carried(listed(bare(comment="12 pages")), listed(had)).entries

    assert only == had.model_copy(update={"paper": had.paper.model_copy(update={"comment": "12 pages"})})


def test_a_paper_stays_as_the_feed_announced_it() -> None:
    """What a search says later of a paper is not what was announced, unless the feed's is without times."""
    fresh = listed(bare(abstract="Rewritten."))
    exact = carried(fresh, listed(entry(), source="feed")).entries[0]
    unknown = carried(fresh, listed(entry(submitted=None), source="feed")).entries[0]

    assert (exact.paper, exact.state) == (paper(), "shown")
    assert (unknown.paper.abstract, unknown.state) == ("Rewritten.", "pending")


def test_joined_editions_are_judged_anew() -> None:
    """A saved card may stand beside a paper fetched anew, so the mark of the checks goes, and so do sections."""
    joined = carried(edition_of(bare(), judged_by="now"), edition_of(entry(categories=("cs.CV",)), judged_by="now"))

    assert (joined.judged_by, joined.sections) == ("", ())


def test_replacements_join_without_the_papers_that_are_entries() -> None:
    """Each replacement once, as the newer listing has it; a paper announced as new is none."""
    saved = listed(entry("2603.00001"), replacements=(entry("2501.00001"), entry("2501.00002", version=2)))
    fresh = listed(bare("2501.00001"), replacements=(entry("2501.00002", version=3), entry("2603.00001")))
    joined = carried(fresh, saved)

    assert [(one.paper.arxiv_id, one.paper.version) for one in joined.replacements] == [("2501.00002", 3)]
    assert ids(joined) == ["2501.00001", "2603.00001"]


def test_a_file_keeps_its_own_order() -> None:
    """Listings of arXiv are sorted when they meet; what a file says comes as it says it, the rest after."""
    saved = listed(entry("2603.00003"), entry("2603.00001"), source="file")
    fresh = listed(bare("2603.00002", listed_under=("B",)), bare("2603.00001", listed_under=("B",)), source="file")

    assert ids(carried(fresh, saved)) == ["2603.00002", "2603.00001", "2603.00003"]


def test_the_sections_a_file_names_are_joined() -> None:
    """A paper that two files put under two titles stands under both."""
    saved, fresh = listed(entry(listed_under=("A", "B"))), listed(bare(listed_under=("B", "C")))

    assert carried(fresh, saved).entries[0].listed_under == ("A", "B", "C")


TYPES: tuple[AnnounceType, ...] = get_args(AnnounceType)  # in the order of a listing
TAGS = st.lists(st.sampled_from(("cs.CV", "cs.CL", "cs.AI", "stat.ML")), min_size=1, max_size=3, unique=True)


def announced(papers: Iterable[tuple[Paper, bool]], categories: tuple[str, ...]) -> Edition:
    """What arXiv's feed lists under some categories of papers that are new or else replaced, in its order."""
    items = []
    for one, is_new in papers:
        kinds = TYPES[:2] if is_new else TYPES[2:]
        if any(covers(categories, name) for name in one.categories):
            items.append(Listed(one, kinds[not covers(categories, one.primary_category)]))
    items.sort(key=lambda item: (TYPES.index(item.announce_type), item.paper.arxiv_id))
    listing = Listing(DAY, "feed", tuple(items), notes=("As of today.",))
    return selection.edition_of(listing, Rules(categories), "zh-Hans")


def test_the_sample_takes_no_papers_of_a_file_in(config: Config, tmp_path: Path) -> None:
    """Papers of one's own under the sample's date are no part of the sample."""
    row = A.model_dump(mode="json") | {"announced": agenda.SAMPLE_DATE.isoformat()}
    (tmp_path / "own.jsonl").write_text(json.dumps(row), encoding="utf-8")
    pipeline.run(config, Order(agenda.SAMPLE_DATE, papers=tmp_path / "own.jsonl"), later)

    assert A.arxiv_id not in ids(made(config, later, Order(sample=True)))


@given(st.lists(st.tuples(TAGS, st.booleans()), max_size=6), TAGS, TAGS)
def test_asking_in_turn_is_asking_at_once(
    rows: list[tuple[list[str], bool]], first: list[str], then: list[str]
) -> None:
    """One category now and another later give the edition of both, whichever came first."""
    papers = [(paper(f"2603.{n:05}", categories=tuple(tags)), is_new) for n, (tags, is_new) in enumerate(rows, 1)]
    one, other = announced(papers, tuple(first)), announced(papers, tuple(then))
    both = announced(papers, tuple(dict.fromkeys((*first, *then))))

    for joined in (carried(other, one), carried(one, other)):
        assert joined.entries == both.entries
        assert joined.replacements == both.replacements
        assert (joined.notes, joined.source) == (both.notes, both.source)
    assert carried(other, one).categories == both.categories


GATES = (Rule("Gates", ("gated attention",)),)


@pytest.mark.parametrize(
    ("asked", "saved", "left"),
    [
        (Rules(("cs.CV",), GATES), None, Rules(("cs.CV",), GATES)),
        (Rules(("cs.CV",)), listed(source="file"), Rules(("cs.CV",))),
        (Rules(("cs.CV",)), edition_of(categories=("cs.CV",), source="sample"), Rules(("cs.CV",))),
        (Rules(("cs.CV",)), listed(source="feed"), None),
        (Rules(("cs.CV",)), listed(source="search"), None),
        (Rules(("cs.CV",)), listed(categories=("cs.*",)), None),
        (Rules(("cs.*",)), listed(categories=("cs.CV",)), Rules(("cs.*",))),
        (Rules(("cs.CV", "cs.CL"), GATES), listed(), Rules(("cs.CL",), GATES)),
        (Rules(("cs.CV",), GATES), listed(), None),
        (Rules((), GATES), listed(categories=(), keywords=("x", "gated attention")), None),
        (Rules((), GATES), listed(categories=(), keywords=("x",)), Rules((), GATES)),
        (Rules((), GATES), listed(), Rules((), GATES)),
    ],
)
def test_only_what_a_saved_edition_lacks_is_asked(asked: Rules, saved: Edition | None, left: Rules | None) -> None:
    """Categories one by one, an archive for all of its own, keywords where no category is asked; files never cover."""
    assert missing_rules(asked, saved) == left
