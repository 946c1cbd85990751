"""The recorded cards of the sample day: what a good model would reply, judged like any reply."""

import json
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from digest.checks import judge
from digest.cli import main
from digest.models import Paper
from digest.store import Store

Row = dict[str, Any]

HERE = Path(__file__).parent
PAPERS: list[Row] = [
    json.loads(line) for line in files("digest").joinpath("sample.jsonl").read_text(encoding="utf-8").splitlines()
]
CARDS: dict[str, dict[str, str]] = {
    row["arxiv_id"]: row["card"]
    for row in map(json.loads, (HERE / "data/sample_cards.jsonl").read_text(encoding="utf-8").splitlines())
}
SUMMARIZED = {row["arxiv_id"]: row for row in PAPERS if row["kind"] in {"new", "cross"}}


def as_paper(row: Row) -> Paper:
    return Paper(**{name: value for name, value in row.items() if name not in {"kind", "announced"}})


def reply(fields: dict[str, str]) -> str:
    return json.dumps(fields, ensure_ascii=False)


def test_each_paper_that_is_summarized_has_one_card() -> None:
    """A replacement is listed without a card, so it has none here."""
    assert list(CARDS) == list(SUMMARIZED)


@pytest.mark.parametrize("arxiv_id", CARDS)
def test_a_recorded_card_passes_every_check_as_it_stands(arxiv_id: str) -> None:
    """No doubt, and no word changed by cleaning."""
    judgement = judge(as_paper(SUMMARIZED[arxiv_id]), reply(CARDS[arxiv_id]))

    assert judgement.problems == ()
    assert judgement.fields == CARDS[arxiv_id]


def test_a_changed_figure_is_flagged() -> None:
    """The same card with 0.38 m misread as 0.36 m is shown with the figure named."""
    card = CARDS["0000.00001"]
    wrong = card | {"result": card["result"].replace("0.38 m", "0.36 m")}

    judgement = judge(as_paper(SUMMARIZED["0000.00001"]), reply(wrong))

    assert judgement.fields == wrong
    assert len(judgement.problems) == 1
    assert judgement.problems[0].startswith("result: 0.36")


def test_a_run_over_the_recorded_day_shows_every_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that bring a card are asked of no model, and the edition holds what was recorded."""
    monkeypatch.chdir(tmp_path)
    rows = [row | ({"card": CARDS[row["arxiv_id"]]} if row["arxiv_id"] in CARDS else {}) for row in PAPERS]
    Path("day.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")

    result = CliRunner().invoke(
        main, ["run", "--papers", "day.jsonl", "--date", "2026-01-04", "--engine", "echo", "--strict"]
    )

    assert result.exit_code == 0, result.output
    edition = Store(tmp_path / "site").load(date(2026, 1, 4))
    assert edition
    assert {entry.paper.arxiv_id: entry.state for entry in edition.entries} == dict.fromkeys(CARDS, "shown")
    for entry in edition.entries:
        assert entry.card
        assert entry.card.model_dump(include=set(CARDS[entry.paper.arxiv_id])) == CARDS[entry.paper.arxiv_id]
        assert entry.card.origin.engine == "recorded"
