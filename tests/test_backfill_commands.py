"""`digest backfill` as its users meet it: the plan, a line for each edition, what is left after a failure."""

import json
import os
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

import fakes
import pytest
from click.testing import CliRunner, Result
from fakes import FakeEngine, completion
from test_backfill import DAYS, MONDAY, ROWS, Printer, write

from digest import backfill as backfills
from digest.cli import main
from digest.errors import DigestError, EngineError, TemplateError
from digest.models import Answer, Request
from digest.press import Printed
from digest.store import Store

Run = Callable[..., Result]


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    engine = FakeEngine()
    monkeypatch.setattr(fakes, "opened", lambda **options: engine)
    return engine


@pytest.fixture
def digest(model: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `digest backfill` over a file of three dates, without pages."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(backfills, "Press", Printer)
    write(tmp_path, ROWS)

    def run(*args: str) -> Result:
        call = ["backfill", "--papers", "papers.jsonl", "--category", "cs.CV", "--engine", "fakes:opened", *args]
        result = CliRunner().invoke(main, [*call, "--model", "fake-1"], env={"DIGEST_NOW": "2026-04-01T12:00:00Z"})
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


def test_each_edition_is_a_line_and_the_last_line_is_about_all(digest: Run) -> None:
    """The plan is for who watches; the result is on standard output."""
    done = digest()
    assert done.exit_code == 0, done.stderr
    first, *_, last = done.stdout.splitlines()
    assert first.startswith("2026-03-16: 4 papers = 4 shown")
    assert last.startswith("3 editions, 12 papers · 12 requests")
    assert done.stderr.startswith("plan: 3 dates, 2026-03-16 to 2026-03-18")


def test_a_dry_run_prints_the_plan_and_begins_nothing(digest: Run, model: FakeEngine) -> None:
    """Nothing is asked, and no edition is there after it."""
    done = digest("--dry-run")
    assert done.stdout.startswith("plan: 3 dates")
    assert "requests  12" in done.stdout
    assert not model.asked
    assert not Path("site/editions").exists()


def test_the_plan_is_a_record_for_machines(digest: Run) -> None:
    """One object."""
    plan = json.loads(digest("--dry-run", "--json").stdout)
    assert (plan["dates"], plan["papers"], plan["requests"]) == (3, 12, 12)


def test_with_json_every_line_is_an_object(digest: Run) -> None:
    """An edition each, then what came of all."""
    *made, last = map(json.loads, digest("--json").stdout.splitlines())
    assert [one["announced"] for one in made] == [str(day) for day in DAYS]
    assert last["made"] == 3
    assert last["counts"]["shown"] == 12


def test_a_second_run_has_nothing_to_do(digest: Run, model: FakeEngine) -> None:
    """What is complete is left out."""
    digest()
    model.asked.clear()
    done = digest()
    assert done.stdout == "nothing is left to do: every edition of these dates is there and complete\n"
    assert not model.asked


@pytest.mark.parametrize(("args", "days"), [(("--from", "2026-03-17"), DAYS[1:]), (("--to", "2026-03-17"), DAYS[:2])])
def test_a_range_of_dates_can_be_chosen(digest: Run, args: Iterable[str], days: Iterable[date]) -> None:
    """From a date on, or up to one."""
    digest(*args)
    assert Store(Path("site")).dates() == tuple(sorted(days, reverse=True))


def test_the_newest_come_first_where_that_is_asked_for(digest: Run) -> None:
    """As readers will look at them."""
    lines = digest("--order", "newest").stdout.splitlines()
    assert [line[:10] for line in lines[:3]] == [str(day) for day in reversed(DAYS)]


def test_a_failure_of_the_service_comes_after_what_was_made(digest: Run, model: FakeEngine) -> None:
    """With the exit code that says: again later."""
    left = iter(range(6))

    def answer(request: Request) -> Answer:
        if next(left, None) is None:
            raise EngineError("the service is gone", hint="run the same command again")
        return completion()

    model.answer = answer
    done = digest()
    assert done.exit_code == 75
    assert "papers without a card: run the same command again" in done.stdout
    assert "the service is gone" in done.stderr
    model.answer = lambda request: completion()
    assert digest().exit_code == 0
    assert len({one.key for one in model.asked}) == 12


def test_strict_tells_of_missing_cards_by_the_exit_code(digest: Run, model: FakeEngine) -> None:
    """Exit 3, as with `digest run`."""
    model.answer = lambda request: EngineError("no")
    done = digest("--strict")
    assert done.exit_code == 3
    assert "12 papers without a card" in done.stdout


def test_what_is_wrong_with_the_pages_is_told_last(digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The editions are there all the same."""
    fault: tuple[DigestError, ...] = (TemplateError("day.html.j2:3: no such word"),)
    monkeypatch.setattr(Printer, "close", lambda self: Printed(0, fault))
    done = digest()
    assert done.exit_code == 2
    assert "day.html.j2:3" in done.stderr
    assert Store(Path("site")).load(MONDAY) is not None


def test_a_range_that_is_none_is_refused(digest: Run) -> None:
    """One line, before anything is begun."""
    done = digest("--from", "2026-03-18", "--to", "2026-03-16")
    assert done.exit_code == 2
    assert "--from 2026-03-18 is later than --to 2026-03-16" in done.stderr


def test_without_a_key_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line names the variable."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, ROWS)
    environment: dict[str, Any] = {"OPENAI_API_KEY": "", "DIGEST_NOW": "2026-04-01T12:00:00Z"}
    call = ["backfill", "--papers", "papers.jsonl", "--category", "cs.CV"]
    done = CliRunner().invoke(main, call, env=environment)
    assert done.exit_code == 2
    assert "OPENAI_API_KEY is not set" in done.stderr
    assert not Path("site").exists()


def test_categories_that_no_date_has_are_a_mistake(digest: Run) -> None:
    """And not an end without a word."""
    done = digest("--category", "cs.CV") and CliRunner().invoke(
        main, ["backfill", "--papers", "papers.jsonl", "--category", "math.CO", "--engine", "echo", "--output", "other"]
    )
    assert done.exit_code == 2
    assert "has a paper in the categories asked for" in done.stderr


def test_what_can_be_read_only_once_is_refused(digest: Run, tmp_path: Path) -> None:
    """The plan would leave nothing of a pipe."""
    os.mkfifo(tmp_path / "pipe")
    done = CliRunner().invoke(main, ["backfill", "--papers", "pipe", "--category", "cs.CV", "--engine", "echo"])
    assert done.exit_code == 2
    assert "is read more than once" in done.stderr
