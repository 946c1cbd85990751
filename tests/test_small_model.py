"""Drafts of the small model: when it writes, how its cards are marked, and what becomes of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import fakes
import pytest
from click.testing import CliRunner, Result
from fakes import FakeEngine, card, completion, edition, entry, origin, reply

from digest import backends, pipeline
from digest import config as configs
from digest.agenda import SAMPLE_DATE, Order, dates_of
from digest.cli import main
from digest.config import Config
from digest.engines import ENGINES
from digest.errors import EngineError
from digest.hooks import TOKENS
from digest.models import Completion, Edition, Origin, Request
from digest.render import Look, Volumes, open_formats
from digest.resources import built_in
from digest.store import Store
from digest.terminal import live_progress

MODEL = "gemma-3-270m-zh-Hans-0123abcd"
DRAFT = reply(tldr="这是小模型写的一份草稿，只说个大概。")
MARK = "本地小模型草稿"


def now() -> datetime:
    return datetime.fromisoformat("2026-03-18T12:00:00+00:00")


def loaded(table: str, environment: Mapping[str, str], tmp_path: Path, **given: Any) -> Config:
    places = 'output = "site"\ncache = "cache"\n'  # beside the file
    (tmp_path / "digest.toml").write_text(places + table, encoding="utf-8")
    return configs.load(tmp_path / "digest.toml", given, environment)


# ---- who writes the sample -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "environment", "engine", "said"),
    [
        ("", {}, "local", "no OPENAI_API_KEY: a small model on this machine writes drafts"),
        ('[engine]\nservice = "deepseek"', {}, "local", "no DEEPSEEK_API_KEY: a small model on this machine"),
        ("", {"OPENAI_API_KEY": "k"}, "chat", "OPENAI_API_KEY is set: gpt-4o-mini at api.openai.com writes the cards"),
        ('[engine]\nservice = "ollama"\nmodel = "q"', {}, "chat", "as configured: q at 127.0.0.1 writes the cards"),
        ('[engine]\nbase_url = "http://127.0.0.1:8000/v1"', {}, "chat", "as configured: gpt-4o-mini at 127.0.0.1"),
        ('[engine]\nname = "local"', {}, "local", "as configured: a small model on this machine writes drafts"),
        ('[engine]\nname = "local"', {"OPENAI_API_KEY": "k"}, "local", "as configured: a small model"),
        ('[engine]\nname = "local"\nmodel = "my.gguf"', {}, "local", "as configured: my@"),
        ('[engine]\nname = "chat"', {}, "chat", "as configured: gpt-4o-mini at api.openai.com"),
        ('[engine]\nname = "echo"', {}, "echo", ""),
    ],
)
def test_the_sample_is_written_by_what_is_at_hand(
    table: str, environment: Mapping[str, str], engine: str, said: str, tmp_path: Path
) -> None:
    """A service where there is a key, or where it needs none; what was chosen by name; else the small model."""
    config = loaded(table, environment, tmp_path)
    found, text = backends.for_sample(config, next(iter(environment), None))

    assert found.engine.name == engine
    assert text.startswith(said)
    assert bool(text) == bool(said)


def test_the_small_model_is_what_an_engine_of_this_machine_has_by_itself(tmp_path: Path) -> None:
    """And it writes one card at a time; what is set stays."""
    plain, own = (
        loaded(f'[engine]\nname = "local"\n{more}', {}, tmp_path).engine
        for more in ("", 'model = "own.gguf"\nconcurrency = 2')
    )

    assert (plain.model, plain.concurrency) == ("draft", 1)
    assert (own.model, own.concurrency) == ("own.gguf", 2)


def test_what_this_machine_writes_costs_nothing(tmp_path: Path) -> None:
    """A budget of money needs no price for it."""
    config = loaded('[engine]\nname = "local"\nmodel = "own.gguf"\n[budget]\nper_day = 0.0', {}, tmp_path)
    price = backends.price_of(config)

    assert price is not None
    assert price.cost(10_000, 10_000) == 0.0


@dataclass
class Shell:
    """The command line, with a fake in the place of the engine for this machine."""

    model: FakeEngine

    def __call__(self, *arguments: str, **environment: str) -> Result:
        return CliRunner().invoke(main, list(arguments), env={"DIGEST_NOW": now().isoformat(), **environment})


@pytest.fixture
def digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The library and the weights count as there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("digest.render.FORMATS", ())
    monkeypatch.setattr("digest.weights.name_of", lambda *_: MODEL)
    monkeypatch.setattr("digest.weights.require_library", lambda: None)
    monkeypatch.setattr(backends, "_on_this_machine", lambda *_: {})
    model = FakeEngine(lambda request: completion(DRAFT, engine="local", model=MODEL))
    monkeypatch.setattr(fakes, "opened", lambda **_: model)
    monkeypatch.setitem(ENGINES, "local", "fakes:opened")
    return Shell(model)


def test_a_sample_without_a_key_is_drafted_here_and_says_so(digest: Shell) -> None:
    """One line on standard error; standard output is the result."""
    done = digest("run", "--sample")

    assert done.exit_code == 0, done.output
    assert done.stderr.splitlines() == ["no OPENAI_API_KEY: a small model on this machine writes drafts"]
    assert " · 0 USD · " in done.stdout
    assert digest.model.asked
    assert digest("run", "--sample", "-q").stderr == ""


def test_a_real_day_without_a_key_says_what_needs_none(digest: Shell) -> None:
    """Nothing is drafted unasked: the first line is about the key."""
    done = digest("run", "--category", "cs.CV", "--date", "2026-03-17")

    assert done.exit_code == 2
    assert "OPENAI_API_KEY is not set" in done.stderr
    assert "--engine local" in done.stderr
    assert not digest.model.asked


# ---- what becomes of drafts ------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A sample day whose cards are all drafts, and a service for the next run."""
    monkeypatch.setattr("digest.render.FORMATS", ())
    config = loaded('[engine]\nname = "fakes:opened"\nmodel = "fake-1"\n', {}, tmp_path)
    answers(monkeypatch, FakeEngine(lambda request: completion(DRAFT, engine="local", model=MODEL)))
    pipeline.run(config.model_copy(update={"engine": config.engine.model_copy(update={"model": MODEL})}), SAMPLE, now)
    return config


SAMPLE = Order(sample=True)


def answers(monkeypatch: pytest.MonkeyPatch, engine: FakeEngine) -> FakeEngine:
    monkeypatch.setattr(fakes, "opened", lambda **_: engine)
    return engine


def on_file(config: Config) -> Edition:
    found = Store(config.output).load(SAMPLE_DATE)
    assert found is not None
    return found


def test_a_service_writes_anew_what_was_drafted(site: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every draft makes way for a card, and is kept as an earlier one."""
    drafts = on_file(site).entries
    answers(monkeypatch, FakeEngine())
    pipeline.run(site, SAMPLE, now)

    assert drafts
    assert all(one.is_draft for one in drafts)
    for before, after in zip(drafts, on_file(site).entries, strict=True):
        assert not after.is_draft
        assert after.earlier == (before.card,)


def test_a_draft_stays_as_it_was_where_the_service_fails(site: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither lost nor blamed for it; the next run asks again."""
    before = on_file(site)
    failing = answers(monkeypatch, FakeEngine(lambda request: EngineError("503")))
    pipeline.run(site, SAMPLE, now)
    after = on_file(site)

    assert len(failing.asked) == len(before.entries)
    assert [(one.card, one.problems, one.earlier) for one in after.entries] == [
        (one.card, one.problems, one.earlier) for one in before.entries
    ]


def test_drafts_stay_where_the_service_refuses_everything(site: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong key costs the run, not the page."""

    def refusing(request: Request) -> Completion:
        raise EngineError("no such key")

    before = on_file(site)
    answers(monkeypatch, FakeEngine(refusing))
    with pytest.raises(EngineError, match="no such key"):
        pipeline.run(site, SAMPLE, now)

    assert [one.card for one in on_file(site).entries] == [one.card for one in before.entries]


@pytest.mark.parametrize("name", ["local", "echo"])
def test_a_draft_is_not_asked_for_by_what_is_no_better(
    name: str, site: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The small model does not write its own cards again, and an echo takes no card's place."""
    engine = site.engine.model_copy(update={"name": name, "model": "draft"})
    monkeypatch.setattr("digest.weights.name_of", lambda *_: MODEL)

    assert pipeline.to_ask(site.model_copy(update={"engine": engine}), on_file(site)) == []


def test_a_day_of_drafts_is_not_complete_for_a_service(tmp_path: Path) -> None:
    """So that --since makes it anew once there is a key; the small model itself has nothing left to do."""
    service = loaded('categories = ["cs.CL"]', {"OPENAI_API_KEY": "k"}, tmp_path)
    local = service.model_copy(update={"engine": service.engine.model_copy(update={"name": "local"})})
    day = edition(entry(card=card(origin=drafted())), categories=("cs.CL",))
    Store(service.output).save(day)

    assert day.announced in dates_of(service, Order(), now, day.announced)
    assert day.announced not in dates_of(local, Order(), now, day.announced)


# ---- how they are marked ---------------------------------------------------------------------------------------


def drafted() -> Any:
    return origin(engine="local", model=MODEL)


@pytest.mark.parametrize(
    ("engine", "model", "is_draft"),
    [("local", MODEL, True), ("local", "Qwen2.5-7B", False), ("chat", MODEL, False), ("echo", "echo", False)],
)
def test_only_the_small_model_that_comes_with_the_program_writes_drafts(
    engine: str, model: str, is_draft: bool
) -> None:
    """A larger one of the user's own stands for itself, by its name."""
    assert entry(card=card(origin=origin(engine=engine, model=model))).is_draft == is_draft
    assert not entry(card=None).is_draft


LOOK = Look(folders=(built_in("templates"),))
READ = ("2026-03-17/index.html", "2026-03-17/index.md", "2026-03-17/mail.html", "2026-03-17/mail.txt", "feed.xml")


def read(day: Edition) -> dict[str, str]:
    """The pages of a day that hold cards, by path."""
    found = [page for one in open_formats(LOOK) for page in (*one.day(day), *one.whole(Volumes.of([day])))]
    return {page.path: page.content.decode() for page in found if page.path in READ}


def test_a_draft_is_marked_wherever_it_is_read() -> None:
    """Each of two drafts, and neither of two cards of a service."""
    drafts, cards = (
        read(edition(entry("2603.00001", card=one), entry("2603.00002", card=one)))
        for one in (card(origin=drafted()), card())
    )

    assert sorted(drafts) == sorted(cards) == sorted(READ)
    assert all(text.count(MARK) >= 2 for text in drafts.values())
    assert not any(MARK in text for text in cards.values())


def test_the_tokens_stand_beside_the_stage_under_way(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They make no stage of their own, and a stage that goes on is seen again."""
    for name, value in (("FORCE_COLOR", "1"), ("NO_COLOR", "1"), ("COLUMNS", "120")):
        monkeypatch.setenv(name, value)
    with live_progress() as watch:
        for stage, done, total in (
            ("summarize", 0, 3),
            ("put together", 5, 9),
            ("summarize", 1, 3),
            (TOKENS, 1420, 31),
        ):
            watch(stage, done, total)

    last = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capsys.readouterr().err).strip().splitlines()[-1]
    assert "summarize · 1,420 tokens · 31/s" in last
    assert "1/3" in last
    assert "put together" not in last


@pytest.mark.parametrize(
    ("model", "is_draft"),
    [("gemma-3-270m-zh-Hans-0123abcd", True), ("gemma-3-270m-it-Q8_0@0123abcd", False), ("gemma-3-270m", False)],
)
def test_a_file_with_a_name_like_the_small_models_writes_no_drafts(model: str, is_draft: bool) -> None:
    """Only the model that comes with the program does, and only by engine local."""
    known = {"prompt": "p", "key": "k", "created": fakes.NOON}

    assert Origin.model_validate({"engine": "local", "model": model, **known}).is_draft == is_draft
    assert not Origin.model_validate({"engine": "chat", "model": model, **known}).is_draft
