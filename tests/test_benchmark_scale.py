"""The measuring at scale: tables and charts say the numbers they are given, and results of several runs join."""

import argparse
import importlib
import json
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="a source distribution has no benchmarks")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def scale(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("run_scale")


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("charts")


def run_of(papers: int = 100, **more: Any) -> dict[str, Any]:
    """What a run in a process of its own may have said."""
    return {
        "wall": 2.0,
        "cpu": 0.5,
        "before_mb": 60.0,
        "peak_mb": 70.0,
        "others_cpu": 0.0,
        "stage": 1.0,
        "requests": papers,
        **more,
    }


def asked(papers: int = 100, slots: int = 50) -> dict[str, Any]:
    return {"papers": papers, "slots": slots, "bare": run_of(papers), "chat": run_of(papers, cards=papers)}


def worker(client: str, processes: int | None, endpoints: str = "one endpoint") -> dict[str, Any]:
    shape = {"endpoints": endpoints, "slots": [50], "client": client, "processes": processes, "papers": 100}
    return shape | run_of() | ({} if client == "bare" else {"start": 1.5})


def cached() -> dict[str, Any]:
    figures = {"hit": 2e-5, "miss": 1e-5, "one": 1e-3, "many": 5e-3, "opening": 1e-2, "bytes": 10**6, "filling": 4e-5}
    return {"entries": 10_000, "digest": figures, "sqlite3": figures, "dict": {"hit": 1e-7, "miss": 1e-7}}


def told(name: str) -> dict[str, Any]:
    """A result of each part, such as its measuring leaves."""
    rendered = {"dates": 2, "papers": 50, "runs": {
        kind: run_of(pages=3, bytes=5000) for kind in ("render", "template", "load", "synced", "write")}}  # fmt: skip
    clients = [worker("bare", 1), worker("bare", 2), worker("chat", None), worker("cluster", 0), worker("cluster", 2)]
    results: dict[str, dict[str, Any]] = {
        "slots": {"latency": 0.5, "waves": 2, "rows": [asked(2, 1), asked(100, 50)]},
        "papers": {"latency": 0.5, "slots": 50, "rows": [asked(10), asked(100)], "alone_mb": 65.0, "empty_mb": 40.0,
                   "memory": [[0.0, 66.0], [0.5, 67.0], [1.0, 68.0]]},
        "workers": {"tables": [{"latency": 0.0, "rows": clients}, {"latency": 0.5, "rows": clients}]},
        "cache": {"rows": [cached(), cached() | {"entries": 100_000}]},
        "pages": {"site": rendered, "day": rendered | {"dates": 1}},
        "files": {"papers": 100, "dates": 4, "bytes": 1_000_000,
                  "runs": {kind: run_of() | {"papers": 100} for kind in ("listings", "checked", "loads")}},
    }  # fmt: skip
    return results[name]


PARTS = ("slots", "papers", "workers", "cache", "pages", "files")


def result(name: str, *, quick: bool = False) -> dict[str, Any]:
    where = {"python": "3.11.7", "system": "Linux", "processor": "A Chip", "cores": 2, "memory_gb": 8, "load": 0.1}
    return {"machine": where, "quick": quick, "seconds": 12.0, "told": told(name)}


def test_every_part_is_known(scale: Any) -> None:
    """A part that this test has no numbers for is not looked at."""
    assert tuple(scale.PARTS) == PARTS


@pytest.mark.parametrize("name", PARTS)
def test_tables_are_square(scale: Any, name: str) -> None:
    """Each row of each table of a part has as many cells as its head, and no cell is empty but the first head's."""
    columns = 0
    for line in scale.PARTS[name].words(told(name)):
        cells = line.split("|")[1:-1] if line.startswith("|") else []
        assert not cells or not columns or len(cells) == columns, line
        assert all(cell.strip() for cell in cells[1:]), line
        columns = len(cells)


@pytest.mark.parametrize("name", PARTS)
def test_charts_are_svg_with_a_title_and_a_floor(scale: Any, name: str) -> None:
    """Each is well-formed, says what it shows, loads nothing, and has something to be held against."""
    charts = scale.PARTS[name].charts(told(name))
    assert charts
    for content in charts.values():
        root = ElementTree.fromstring(content)
        assert root.findtext(f"{SVG}title") == root.get("aria-label") != ""
        assert 'class="line f0 floor"' in content or 'class="bar f0"' in content
        assert "href" not in content
        assert len(content) < 20_000


def test_throughput_is_held_against_slots_and_latency(scale: Any) -> None:
    """100 papers in 1 s through 50 slots of half a second: 100 of 100 a second, 5 ms of CPU each."""
    row = [line for line in scale.PARTS["slots"].words(told("slots")) if line.startswith("| 50 ")]
    assert row == ["| 50 | 100 | 100 | 100.0 | 100.0 | 100% | 100% | 5.00 | 5.00 | 70 |"]


def test_a_client_of_several_processes_is_held_against_the_sum_of_limits(scale: Any) -> None:
    """Where services answer at once there is no limit to hold it against."""
    lines = [line for line in scale.PARTS["workers"].words(told("workers")) if line.startswith("| cluster, 2 workers")]
    assert ["| - |" in line for line in lines] == [True, False]
    assert "100.0%" in lines[1]


def test_points_lie_where_their_numbers_say(drawn: Any) -> None:
    """On a logarithmic axis, ten lies in the middle between one and a hundred; the greatest is at the top."""
    line = drawn.Series("line", [(1, 1), (10, 10), (100, 100)])
    content = drawn.lines("T", drawn.Axis("x", log=True, ticks=(1, 10, 100)), drawn.Axis("y", log=True), [line])
    dots = list(ElementTree.fromstring(content).iter(f"{SVG}circle"))
    across, up = ([float(dot.get(name, "")) for dot in dots] for name in ("cx", "cy"))
    assert across[1] == pytest.approx((across[0] + across[2]) / 2, abs=0.11)
    assert up[1] == pytest.approx((up[0] + up[2]) / 2, abs=0.11)
    assert across == sorted(across)
    assert up == sorted(up, reverse=True)


def test_a_bar_is_as_long_as_its_number(drawn: Any) -> None:
    """Twice the number, twice the length."""
    content = drawn.bars("T", "ms", [drawn.Bar("one", 10), drawn.Bar("two", 20, floor=True)])
    first, second = (float(one.get("width", "")) for one in ElementTree.fromstring(content).iter(f"{SVG}rect")
                     if "bar" in one.get("class", ""))  # fmt: skip
    assert second == pytest.approx(2 * first, abs=0.2)


@pytest.mark.parametrize(("low", "high"), [(0, 0), (0, 1), (0, 7.3), (0, 1e6), (3, 3)])
def test_marks_are_few_and_reach_beyond_the_numbers(drawn: Any, low: float, high: float) -> None:
    """Whatever the numbers are, also where all are the same."""
    found = drawn.marks(low, high)
    assert found[0] <= low
    assert found[-1] >= high
    assert 2 <= len(found) <= 8


@pytest.mark.parametrize(("low", "high"), [(1, 1), (0.13, 1050), (5, 320), (1e-7, 3e-7), (99, 101)])
def test_marks_of_factors_reach_beyond_the_numbers(drawn: Any, low: float, high: float) -> None:
    """No point falls out of the plot."""
    found = drawn.decades(low, high)
    assert found[0] <= low
    assert found[-1] >= high
    assert 2 <= len(found) <= 11


def test_names_in_a_chart_are_text(drawn: Any) -> None:
    """A name with a sign of markup stays what it is."""
    content = drawn.bars("a < b", "ms", [drawn.Bar("<b>&", 1.0)])
    assert "&lt;b&gt;&amp;" in content
    assert ElementTree.fromstring(content).findtext(f"{SVG}title") == "a < b"


def test_a_long_legend_takes_another_line(drawn: Any) -> None:
    """What would stand beyond the edge stands below."""
    series = [drawn.Series(f"a line with a long name {number}", [(0, 1), (1, 2)]) for number in range(6)]
    short, tall = (drawn.lines("T", drawn.Axis("x"), drawn.Axis("y"), some) for some in (series[:1], series))
    heights = [float(ElementTree.fromstring(content).get("height", "")) for content in (short, tall)]
    assert heights[1] > heights[0]


def main(scale: Any, monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["run_scale.py", *words])
    scale.main()


def test_the_document_is_made_of_what_was_measured_at_any_time(
    scale: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A part measured anew takes its old place; the others come from their files; each chart that is named is there."""
    for name in PARTS[1:]:
        (tmp_path / f"{name}.json").write_text(json.dumps(result(name)), encoding="utf-8")
    monkeypatch.setattr(scale, "measured", lambda part, quick: result("slots", quick=quick))
    target = tmp_path / "docs" / "figures.md"
    target.parent.mkdir()
    main(scale, monkeypatch, "--only", "slots", "--quick", "--results", str(tmp_path), "--write", str(target),
         "--charts", str(tmp_path / "docs" / "img"))  # fmt: skip
    text = target.read_text(encoding="utf-8")
    titles = [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
    assert titles == [part.title for part in scale.PARTS.values()]
    assert text.count("*A quick try") == 1
    shown = [line.partition("](")[2].rstrip(")") for line in text.splitlines() if line.startswith("![")]
    assert shown
    assert all((target.parent / path).is_file() for path in shown)


def test_it_measures_all_parts_unless_told_which(scale: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A part that there is not is refused with the names of those there are."""
    assert scale.arguments([]).only is None
    assert scale.arguments(["--only", "cache", "pages"]).only == ["cache", "pages"]
    with pytest.raises(SystemExit):
        scale.arguments(["--only", "nothing"])
    assert "cache" in capsys.readouterr().err


def test_results_stay_out_of_the_project_unless_named(scale: Any) -> None:
    """The raw numbers of a machine are nobody else's."""
    asked_for: argparse.Namespace = scale.arguments([])
    assert FOLDER.parent not in asked_for.results.resolve().parents


def test_every_part_has_a_script_that_answers(scale: Any) -> None:
    """A run in a fresh process begins with the script that made it."""
    modules = [sys.modules[part.measure.__module__] for part in scale.PARTS.values()]
    assert all((FOLDER / str(module.SCRIPT)).is_file() for module in modules if hasattr(module, "SCRIPT"))
