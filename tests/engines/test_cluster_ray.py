"""The engine over many endpoints with workers of Ray's, each run in a process of its own: Ray leaves threads behind."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from .conftest import Service, Told, said

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(find_spec("ray") is None, reason="the extra cluster is not installed"),
]
KEY = "sk-secret-0123456789abcdef"
RUN = """
import json, os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from digest.engines.cached import CachedEngine, open_cache
from digest.engines.cluster import ClusterEngine
from digest.engines.roster import Place
from digest.models import Completion, Request

folder, urls, count, runs = Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
places = [Place(url, os.environ["LAB_KEY"], concurrency=4, timeout_seconds=20, key_name="LAB_KEY") for url in urls]
engine = ClusterEngine(base_url=None, api_key="", clock=lambda: datetime.now(UTC), endpoints=places, workers=2)

def requests(numbers):
    return (Request("m", ({"role": "user", "content": f"paper {n}."},), subject=str(n)) for n in numbers)

signal.signal(signal.SIGTERM, lambda number, frame: None)
before = signal.getsignal(signal.SIGTERM)
list(engine.run(requests([9999])))
is_kept = signal.getsignal(signal.SIGTERM) is before
pids = [mate.hello.pid for mate in engine.roster.mates.values()]
parts = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1] for pid in pids]
words = Path(f"/proc/{parts[0]}/cmdline").read_text().replace(chr(0), " ").split()
found = dict(one.lstrip("-").split("=", 1) for one in words if one.startswith("--") and "=" in one)
session, address = found["session_dir"], found["gcs-address"]
print(json.dumps({"pids": pids, "session": session, "address": address, "is_kept": is_kept}), flush=True)
cached = CachedEngine(engine, open_cache(folder))
answers = [one for nth in range(runs) for one in cached.run(requests(range(nth, count, runs)))]
good = sum(isinstance(answer, Completion) for _, answer in answers)
print(json.dumps({"good": good, "all": len(answers), "sent": engine.sent, "workers": engine.workers}), flush=True)
"""


STRANGER = "import ray, sys; ray.init(address=sys.argv[1], log_to_driver=False); print('came in')"


@pytest.fixture
def services() -> Iterator[Callable[[], Service]]:
    """Makes running services, which answer after 50 ms."""
    running: list[Service] = []

    def make() -> Service:
        one = Service()
        one.answer = lambda number, body: Told(body=said().body, after=0.05)
        threading.Thread(target=one.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        running.append(one)
        return one

    yield make
    for one in running:
        one.server.shutdown()
        one.server.server_close()


class Driver:
    """A process that asks, and what it says."""

    def __init__(self, folder: Path, count: int, *services: Service, runs: int = 1) -> None:
        urls = json.dumps([one.url for one in services])
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, str(folder), urls, str(count), str(runs)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"LAB_KEY": KEY},
            cwd=Path(__file__).parents[2],
        )
        assert self.process.stdout
        self.line = self.process.stdout.readline()
        assert self.line, self.process.communicate()[1]
        self.hello: dict[str, Any] = json.loads(self.line)

    def end(self) -> dict[str, Any]:
        """What it says at its end, and that it says nothing else."""
        said, complaint = self.process.communicate(timeout=240)
        self.complaint = complaint
        assert self.process.returncode == 0, complaint
        return dict(json.loads(said))


def stranger(address: str) -> subprocess.Popen[str]:
    """Somebody who can reach Ray's ports, and has no token."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    call = [sys.executable, "-c", STRANGER, address]
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    return subprocess.Popen(call, env=bare | {"RAY_AUTH_MODE": "disabled"}, **quiet)  # type: ignore[call-overload, no-any-return]


def asked(*services: Service) -> Counter[str]:
    """How often each paper was asked."""
    return Counter(body["messages"][0]["content"] for one in services for body in list(one.bodies))


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.02)


def of_session(session: str) -> list[int]:
    """Processes of one Ray session."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            if folder.name.isdigit() and session.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


def test_a_killed_worker_and_a_lost_endpoint_lose_nothing(services: Callable[[], Service], tmp_path: Path) -> None:
    """All is answered; only what was in flight is asked twice. Nobody's key is in Ray's logs, nor a word on stderr.

    And nobody without the token gets into it. SIGTERM stays with the program's own handler.
    """
    three = services(), services(), services()
    driver = Driver(tmp_path / "cache", 600, *three, runs=2)
    outside = stranger(driver.hello["address"])
    until(lambda: len(asked(*three)) > 150)
    os.kill(driver.hello["pids"][0], signal.SIGKILL)
    until(lambda: len(asked(*three)) > 300)
    three[2].server.shutdown()
    three[2].server.server_close()

    end = driver.end()

    assert driver.hello["is_kept"]
    counts = asked(*three)
    assert (end["good"], end["all"]) == (600, 600)
    assert {f"paper {n}." for n in range(600)} <= counts.keys()
    assert sum(counts.values()) - len(counts) <= 2 * 12
    log = [line for line in driver.complaint.splitlines() if not line.startswith("cluster: ")]
    assert log == []
    outside.kill()  # it goes on knocking for a while
    assert "came in" not in outside.communicate()[0]
    logs = [one for one in Path(driver.hello["session"]).rglob("*") if one.is_file()]
    assert logs
    assert not [one for one in logs if KEY.encode() in one.read_bytes()]
    until(lambda: not of_session(driver.hello["session"]))
