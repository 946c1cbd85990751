"""The sample day: invented papers that show what real days hold."""

import json
from datetime import datetime
from importlib.resources import files
from typing import Any

import pytest

from digest.figures import values
from digest.models import Paper

LINES = files("digest").joinpath("sample.jsonl").read_text(encoding="utf-8").splitlines()
ROWS: list[dict[str, Any]] = [json.loads(line) for line in LINES]


def as_paper(row: dict[str, Any]) -> Paper:
    return Paper(**{name: value for name, value in row.items() if name not in ("kind", "announced")})


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["arxiv_id"]))
def test_a_line_is_a_valid_paper_that_nobody_takes_for_a_real_one(row: dict[str, Any]) -> None:
    """Its number is none of arXiv's, and its comment says so."""
    paper = as_paper(row)
    assert paper.arxiv_id.startswith("0000.")
    assert paper.comment is not None
    assert paper.comment.startswith("Sample, not a paper")
    assert row["announced"] == "2026-01-04"
    assert paper.submitted is not None
    assert paper.updated is not None
    assert paper.submitted <= paper.updated < datetime.fromisoformat("2026-01-04T01:00:00+00:00")


def test_the_day_has_about_a_dozen_papers_each_once() -> None:
    """Numbers count up from one."""
    assert [row["arxiv_id"] for row in ROWS] == [f"0000.{number:05d}" for number in range(1, len(ROWS) + 1)]
    assert 10 <= len(ROWS) <= 15


def test_the_day_has_new_papers_cross_lists_and_replacements() -> None:
    """A replacement is version 2 or later, all others are version 1."""
    assert {row["kind"] for row in ROWS} == {"new", "cross", "replace"}
    assert all((row["version"] > 1) == (row["kind"] == "replace") for row in ROWS)


def test_the_day_holds_what_pages_and_checks_must_stand() -> None:
    """Formulas, many figures, none at all, markup as text, a pipe, a long comment, many authors, one author twice."""
    abstracts = [row["abstract"] for row in ROWS]
    authors = [author for row in ROWS for author in row["authors"]]
    assert any(r"\mathcal{O}" in text for text in abstracts)
    assert any(sum(character.isdigit() for character in text) > 30 for text in abstracts)
    assert any(not any(character.isdigit() for character in text) for text in abstracts)
    assert any("<b>" in text and "{{" in text for text in abstracts)
    assert any("withdrawn" in text for text in abstracts)
    assert any("https://example.org/" in text for text in abstracts)
    assert any("|" in row["comment"] for row in ROWS)
    assert any(len(row["comment"]) > 150 for row in ROWS)
    assert max(len(row["authors"]) for row in ROWS) > 20
    assert len(authors) > len(set(authors))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["arxiv_id"]))
def test_every_abstract_can_be_read_for_figures(row: dict[str, Any]) -> None:
    """Also the one that has none in digits."""
    assert isinstance(values(row["abstract"]), frozenset)
