import json
import os
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forks")
def test_kill_9_costs_what_was_in_flight(tmp_path: Path) -> None:
    """Twelve kills at random moments: no reply that was handed out is lost, no row damaged, few requests sent twice."""
    seed = str(random.randrange(10**6))
    call = [sys.executable, str(TESTS / "crashes.py"), str(tmp_path), "12", seed]
    said = subprocess.run(call, check=False, capture_output=True, text=True)
    assert said.returncode == 0, f"seed {seed}: {said.stderr}"
    result = json.loads(said.stdout)

    assert result["kills"] == 12
    assert (result["lost"], result["damaged"], result["integrity"]) == (0, 0, "ok"), f"seed {seed}"
    assert result["most"] <= 17, f"seed {seed}: more than a group, and the one that was being sent"
    assert result["acknowledged"] > 0


FILLING = """
import resource, sys, pathlib
sys.path.insert(0, sys.argv[2])
from crashes import Book, Service, request
from digest.engines.cached import CachedEngine, open_cache
cache = open_cache(pathlib.Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
from digest.errors import DigestError
seen = 0
try:
    for _ in CachedEngine(Service(Book(pathlib.Path(sys.argv[1]) / "book"), 0), cache).run(map(request, range(5000))):
        seen += 1
except DigestError as error:
    print(type(error).__name__, error.exit_code, seen, error, error.hint, sep="|")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limits there")
def test_a_full_disk_ends_the_run_and_keeps_what_there_was(tmp_path: Path) -> None:
    """A write that finds no room: exit 75, which folder, and every reply that was handed out is still there."""
    said = subprocess.run(
        [sys.executable, "-c", FILLING, str(tmp_path), str(TESTS)], check=False, capture_output=True, text=True
    )

    kind, code, seen, text, hint = said.stdout.strip().split("|")
    assert (kind, code) == ("StorageError", "75")
    assert str(tmp_path) in text
    assert "make room" in hint
    with sqlite3.connect(tmp_path / "cache.db") as database:
        (replies,) = database.execute("SELECT COUNT(*) FROM Cache WHERE key NOT LIKE 'spent/%'").fetchone()
    database.close()
    assert 0 < int(seen) <= replies


@pytest.mark.skipif(sys.platform == "win32" or not Path("/proc").exists(), reason="no other user to be")
def test_a_folder_that_cant_be_written_is_named(tmp_path: Path) -> None:
    """Exit 2 and the folder, before anything is asked."""
    program = """
import os, sys, pathlib
from digest.engines.cached import open_cache
from digest.errors import DigestError
if os.getuid() == 0:
    os.setuid(65534)
try:
    open_cache(pathlib.Path("."))
except DigestError as error:
    print(type(error).__name__, error.exit_code, error.hint, sep="|")
"""
    folder = tmp_path / "cache"
    folder.mkdir()
    folder.chmod(0o555)
    said = subprocess.run([sys.executable, "-c", program], cwd=folder, check=False, capture_output=True, text=True)

    assert said.stdout == "ConfigError|2|choose another folder: --cache\n", said.stderr
