"""The command that asks again, as its users meet it: lists, exit codes, what it prints and what `show` remembers."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import fakes
import pytest
from click.testing import CliRunner, Result
from fakes import FakeEngine, card, completion, entry, origin, reply
from fakes import edition as edition_of
from loopback import compile_once

from digest.cli import main
from digest.errors import EngineError, EngineRefused
from digest.models import Answer, Request
from digest.store import Store

ID, OTHER, THIRD = "2603.00001", "2603.00002", "2603.00003"
Run = Callable[..., Result]


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """Answers with another card each time."""
    engine = FakeEngine()
    engine.answer = lambda request: completion(reply(tldr=f"新的摘要{'甲乙丙丁戊己'[len(engine.asked) - 1]}更加清楚。"))
    monkeypatch.setattr(fakes, "opened", lambda **options: engine)
    return engine


@pytest.fixture
def digest(model: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command in a folder with one edition: a good card, one that is missing and one with a mark."""
    compile_once(monkeypatch)
    monkeypatch.setattr("digest.render.FORMATS", ("digest.render.markdown:Markdown",))
    monkeypatch.chdir(tmp_path)
    Path("digest.toml").write_text('[engine]\nname = "fakes:opened"\nmodel = "fake-1"\n', encoding="utf-8")
    bare = entry(OTHER, title="Bar", card=None, problems=("engine: HTTP 500",))
    doubtful = entry(THIRD, title="Baz", card=card(result="准确率达到 98.7%。"), problems=("result: 98.7%",))
    Store(Path("site")).save(edition_of(entry(ID), bare, doubtful))

    def run(*arguments: str, said: str | bytes | None = None) -> Result:
        return CliRunner().invoke(main, arguments, input=said, env=dict(os.environ))

    return run


def test_one_paper_is_told_on_its_own(digest: Run) -> None:
    """Its state, its work and its TL;DR; as JSON its facts stand at the top."""
    assert digest("regenerate", ID).stdout == (
        f"{ID}: shown in 2026-03-17 · 1 request · 1 page\n  TL;DR: 新的摘要甲更加清楚。\n"
    )
    record = json.loads(digest("regenerate", ID, "--json").stdout)
    assert (record["arxiv_id"], record["fate"], record["state"], record["requests"]) == (ID, "renewed", "shown", 1)
    assert record["entry"]["card"]["tldr"] == "新的摘要乙更加清楚。"


def test_several_papers_end_with_the_sum(digest: Run, model: FakeEngine) -> None:
    """A line for each, the failures with their reason, and exit 75 as long as one may get its card later."""
    answer = model.answer
    model.answer = lambda request: EngineError("HTTP 503") if request.subject == OTHER else answer(request)
    result = digest("regenerate", ID, OTHER, "arXiv:2603.00003v2", "2603.99999")

    assert result.exit_code == 75
    assert result.stdout.splitlines()[-1] == (
        "2 renewed, 1 still without, 0 unchanged, 1 refused · 3 requests · 1 page"
    )
    assert f"{OTHER}: no usable card came back: engine: HTTP 503\n" in result.stdout
    assert "2603.99999 is not in any edition in site\n" in result.stdout
    assert digest("regenerate", ID, THIRD).exit_code == 0


def test_a_list_comes_on_standard_input(digest: Run, model: FakeEngine) -> None:
    """One a line; comments and blank lines are passed over."""
    result = digest(
        "regenerate", "-", said=f"\ufeff# yesterday's\n\n  {ID}  # short\nhttps://arxiv.org/abs/{OTHER}v1\n"
    )

    assert result.exit_code == 0
    assert [request.subject for request in model.asked] == [ID, OTHER]


@pytest.mark.parametrize(
    ("said", "told"),
    [(f"{ID}\n\nnonsense\n", "standard input, line 3: 'nonsense' is no arXiv identifier"), (b"\xff\xfe", "not UTF-8")],
)
def test_a_bad_line_is_named(digest: Run, model: FakeEngine, said: str | bytes, told: str) -> None:
    """Before anything is asked."""
    result = digest("regenerate", "-", said=said)

    assert result.exit_code == 2
    assert told in result.stderr
    assert not model.asked


def test_failed_renews_what_has_no_good_card(digest: Run, model: FakeEngine) -> None:
    """And nothing else; a second time there is nothing left."""
    result = digest("regenerate", "--failed", "--date", "2026-03-17")

    assert result.exit_code == 0
    assert sorted(request.subject for request in model.asked) == [OTHER, THIRD]
    assert result.stdout.splitlines()[-1].startswith("2 renewed, 0 still without, 0 unchanged · 2 requests")
    assert digest("regenerate", "--failed").stdout == "no paper is without a good card\n"


def test_an_empty_list_asks_for_nothing(digest: Run, model: FakeEngine) -> None:
    """A list of comments alone is no error."""
    result = digest("regenerate", "-", said="# none\n")

    assert (result.exit_code, model.asked) == (0, [])
    assert result.stdout == "nothing was asked for\n"


def test_a_dry_run_tells_what_it_would_take(digest: Run, model: FakeEngine) -> None:
    """Nothing is sent."""
    result = digest("regenerate", "--failed", "--dry-run")

    assert result.stdout.startswith("2 papers, 2 requests, about ")
    assert json.loads(digest("regenerate", ID, "--dry-run", "--json").stdout)["requests"] == 1
    assert not model.asked


def test_a_refusal_of_the_service_comes_after_what_was_done(digest: Run, model: FakeEngine) -> None:
    """The sum on standard output, the error with its code behind it."""
    model.answer = lambda request: (_ for _ in ()).throw(EngineRefused("HTTP 401: wrong key"))
    result = digest("regenerate", ID, OTHER)

    assert result.exit_code == 2
    assert "0 renewed, 1 still without, 1 unchanged" in result.stdout
    assert result.stderr == "Error: HTTP 401: wrong key\n"


def test_undo_takes_a_list(digest: Run) -> None:
    """What was renewed comes back; a paper that has nothing before it is named."""
    digest("regenerate", ID, THIRD)
    result = digest("regenerate", "--undo", "-", said=f"{ID}\n{OTHER}\n{THIRD}\n")

    assert result.exit_code == 2
    assert f"{OTHER}: there is no earlier card to bring back" in result.stdout
    assert "2 renewed (1 of them flagged), 0 still without, 0 unchanged, 1 refused" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        (ID, "--failed"),
        ("--failed", "--undo"),
        (ID, "--undo", "--hint", "x"),
        (ID, "--undo", "--dry-run"),
        ("2026-03-17",),
    ],
)
def test_flags_that_exclude_each_other_are_told(digest: Run, model: FakeEngine, arguments: tuple[str, ...]) -> None:
    """Exit 2 and a word; nothing is asked."""
    result = digest("regenerate", *arguments)

    assert result.exit_code == 2
    assert "Error: " in result.stderr
    assert not model.asked


def test_show_tells_where_the_cards_come_from(digest: Run) -> None:
    """When, by which model, with which hint: the card and those before it, newest first."""
    digest("regenerate", ID, "--hint", "更短")
    shown = digest("show", ID).stdout

    line = f"{origin().created:%Y-%m-%d %H:%M} UTC · fake-1"
    assert f"this card: {line} · hint: 更短\nearlier: {line}\n  TL;DR: {fakes.GOOD['tldr']}\n" in shown
    earlier = json.loads(digest("show", ID, "--json").stdout)["earlier"]
    assert [one["origin"]["hint"] for one in earlier] == [None]
    assert "this card:" not in digest("show", THIRD).stdout


def test_what_a_service_left_over_can_be_asked_alone(digest: Run, model: FakeEngine) -> None:
    """The same command would pay for the others once more, so the rest is named."""
    good = model.answer

    def answer(request: Request) -> Answer:
        if len(model.asked) > 1:
            raise EngineRefused("the quota is used up")
        return good(request)

    model.answer = answer

    result = digest("regenerate", ID, OTHER, THIRD)

    assert result.exit_code == 2
    assert f"the rest alone: digest regenerate {OTHER} {THIRD}" in result.stdout
