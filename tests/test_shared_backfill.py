"""Two drivers that backfill the same range at once, with one PostgreSQL between them and one service to ask."""

import importlib
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from postgresql import server, store

__all__ = ["server", "store"]

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="a source distribution has no benchmarks"),
]
PAPERS, A_DAY = 120, 20


@pytest.fixture
def rooms(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The endpoints of the benchmark, which write down what they are asked."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return SimpleNamespace(**{name: importlib.import_module(name) for name in ("pool_judge", "run_cluster")})


def test_each_takes_other_dates_and_nothing_is_paid_twice(rooms: Any, store: str, tmp_path: Path) -> None:
    """At the end both folders hold every edition, whoever made it."""
    run = rooms.run_cluster
    days = run.write_papers(tmp_path / "papers.jsonl", PAPERS, A_DAY)
    environment = run.ENVIRONMENT | {"DIGEST_STORE": store}
    folders = [tmp_path / "first", tmp_path / "second"]
    command = [sys.executable, "-m", "digest", "backfill", "--papers", str(tmp_path / "papers.jsonl"), "--concurrency"]
    with run.Pool(tmp_path, [run.Limits(12, 0, 0.2)]) as pool:
        for folder in folders:
            folder.mkdir()
            run.write_config(folder, pool, 0, "chat")
        quiet: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        drivers = [subprocess.Popen([*command, "6"], cwd=folder, env=environment, **quiet) for folder in folders]
        said = [driver.communicate(timeout=90)[0] for driver in drivers]
        paid = rooms.pool_judge.payments(pool.askings(), [])
    assert [driver.returncode for driver in drivers] == [0, 0], said
    assert (paid.requests, paid.paid) == (PAPERS, PAPERS), said
    assert all("by another driver" in one for one in said), said
    for folder in folders:  # what the other one made comes in at the start of any command
        subprocess.run([sys.executable, "-m", "digest", "status"], cwd=folder, env=environment, check=True, **quiet)
    first, second = map(run.editions, folders)
    assert sorted(first) == [str(day) for day in days]
    assert first == second
