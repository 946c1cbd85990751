"""The measuring of the checks: what is planted is an error, and what is counted is what was labelled."""

import importlib
import json
import random
from pathlib import Path
from typing import Any

import pytest
from fakes import GOOD, paper

from digest.checks import Judgement
from digest.models import FIELDS, Mark

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="a source distribution has no benchmarks")

ABSTRACT = "SwimVG gains 3.5% to 4.5% on 12,000 rows of ImageNet, with 35k steps, at 2.5x the speed."
FIELDS_OF = {
    **GOOD,
    "method": "SwimVG 在 ImageNet 的 1.2万 行上以 3 个种子训练 35k 步。",
    "result": "提升 3.5%-4.5%，速度为 2.5 倍。",
}
OTHER = {name: f"作者以 ClawMark 评测第{name}项。" for name in FIELDS}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("run_checks")


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("planted")


def draw(planted: Any, seed: int = 1) -> Any:
    own = planted.Sample("2026-03-16", paper("2603.00001", title="On SwimVG", abstract=ABSTRACT), FIELDS_OF)
    other = planted.Sample("2026-03-16", paper("2603.00002", title="Foo", abstract="We test with ClawMark."), OTHER)
    return planted.Draw(own, other, random.Random(seed))


def test_every_kind_plants_an_error(planted: Any) -> None:
    """A reply is never the card as it was; and the same dice give the same error."""
    for members in planted.kinds(["只输出一个 JSON 对象，前后不加任何文字。"]).values():
        for name, kind in members.items():
            first = kind(draw(planted))
            assert first is not None, name
            assert first.reply != planted.reply(FIELDS_OF), name
            assert first == kind(draw(planted)), name


def test_an_error_of_a_few_words_is_where_it_says(planted: Any) -> None:
    """One field differs, and the words stand in it."""
    groups = planted.kinds([""])
    for name, kind in (groups["figures"] | groups["names"]).items():
        error = kind(draw(planted))
        fields = json.loads(error.reply)
        assert [field for field in FIELDS if fields[field] != FIELDS_OF[field]] == [error.field], name
        assert error.words in fields[error.field], name


@pytest.mark.parametrize("text", ["GPT-4", "3D", "1) 先训练", "2. 再测", "ResNet-50"])
def test_a_name_or_a_mark_of_a_list_is_no_figure_to_change(planted: Any, text: str) -> None:
    """Changing one of those would be another kind of error, or none."""
    assert not planted.LONG.search(text)
    assert not planted.SHORT.search(text)


@pytest.mark.parametrize("seed", range(20))
def test_a_misspelt_name_is_not_in_the_paper(planted: Any, seed: int) -> None:
    """What the paper has, in whatever case, would be no error."""
    error = planted.kinds([""])["names"]["a letter dropped"](draw(planted, seed))
    assert error.words.lower() not in ABSTRACT.lower().split()


def marked(*marks: Mark) -> Judgement:
    return Judgement(FIELDS_OF, tuple(map(str, marks)), marks)


def label(verdict: str, words: str, kind: str = "figure", field: str = "result") -> dict[str, str]:
    return {"arxiv_id": "2603.00001", "field": field, "words": words, "kind": kind, "verdict": verdict, "why": ""}


RIGHT, WRONG, NEW = (Mark(field="result", words=words, kind="figure") for words in ("4.1%", "12", "7.7"))


def test_precision_counts_what_is_labelled(run: Any) -> None:
    """One right and one wrong make a half; a mark without a label is said, not counted."""
    real = run.Real(
        {"2603.00001": marked(RIGHT, WRONG, NEW)}, [label("right", "4.1%"), label("wrong", "12")], milliseconds=1.0
    )
    *_, total = run.precision(real)
    assert total == ("all", "3", "1", "0", "1", "1", "50.0 %")
    assert real.unlabelled == [("2603.00001", NEW)]


def test_a_label_goes_with_its_own_figure_only(run: Any) -> None:
    """1.2 is not 11.2, nor a figure of another paper."""
    labels = [label("right", "11.2"), {**label("wrong", "1.2"), "arxiv_id": "2603.00009"}]
    assert run.label_of("2603.00001", Mark(field="result", words="1.2", kind="figure"), labels) is None


def test_a_label_of_the_same_field_comes_first(run: Any) -> None:
    """The same figure can be right in one field and wrong in another."""
    labels = [label("wrong", "12", field="tldr"), label("right", "12")]
    assert run.label_of("2603.00001", WRONG, labels)["verdict"] == "right"
    assert run.label_of("2603.00001", WRONG, labels[:1])["verdict"] == "wrong"


def test_a_known_error_without_a_mark_is_missed(run: Any) -> None:
    """A name is found by a part of it, a figure only by itself."""
    labels = [label("right", "4.1%"), label("right", "8.8"), label("right", "Foo Bar Net", "name")]
    name = Mark(field="method", words="Bar", kind="name")
    real = run.Real({"2603.00001": marked(RIGHT, name)}, labels, milliseconds=1.0)
    assert real.missed("figure") == (["2603.00001 8.8"], 2)
    assert real.missed("name") == ([], 1)


def test_caught_is_only_what_was_not_there_before(run: Any, planted: Any) -> None:
    """An old mark catches nothing; a new one elsewhere catches, but is not on the words."""
    score, error = run.Score(), planted.Planted("", "result", "7.7")
    score.add(error, marked(RIGHT), marked(RIGHT))
    score.add(error, marked(RIGHT), marked(RIGHT, WRONG))
    score.add(error, marked(RIGHT), marked(RIGHT, NEW))
    score.add(error, marked(RIGHT), Judgement(None, ("result: is empty",)))
    assert (score.planted, score.caught, score.unusable, score.hit) == (4, 3, 1, 1)


def test_the_tables_stand_between_the_markers(run: Any) -> None:
    """All else of a document stays; one without markers is refused."""
    document = f"Before.\n{run.BEGIN}\nold\n{run.END}\nAfter.\n"
    once = run.between_markers(document, "new")
    assert once == run.between_markers(once, "new")
    assert once.startswith("Before.")
    assert once.endswith("After.\n")
    assert "old" not in once
    with pytest.raises(ValueError, match="no <!--"):
        run.between_markers("no markers", "new")


def test_the_document_has_a_place_for_the_tables(run: Any) -> None:
    """One command writes them anew."""
    document = (FOLDER.parent / "docs" / "checks.md").read_text(encoding="utf-8")
    assert "new" in run.between_markers(document, "new")


def test_labels_are_whole(run: Any) -> None:
    """Each row of the labels says which card, and what of it."""
    for row in run.rows(FOLDER / "checks_labels.jsonl"):
        assert row["verdict"] in {"right", "wrong", "arguable", "clean"}
        assert set(row) - {"drawn"} in ({"arxiv_id", "verdict"}, {*label("", ""), "why"})
