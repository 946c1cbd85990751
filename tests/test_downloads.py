"""Downloads from a hub on loopback that cuts off, leads elsewhere, changes its mind and lies."""

import re
import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from ggufs import gguf, sum_of

from digest import downloads, hub
from digest.errors import ConfigError, DigestError, EngineError, StorageError

CONTENT = gguf(data=bytes(range(256)) * 12_000)  # 3 MB
NAME = hub.parse("me/small-gguf/small.gguf")


class Hub:
    """A hub with one file, and what is wrong with it."""

    def __init__(self) -> None:
        self.content, self.states, self.kind = CONTENT, "", "binary/octet-stream"
        self.states = sum_of(CONTENT)
        self.cuts: list[int] = []  #: after how many bytes each next connection is lost
        self.statuses: list[int] = []  #: of the next answers
        self.knows_ranges = True
        self.leads_to: str | None = None
        self.asked: list[str] = []  #: the range of each request for the file
        hub_ = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def do_GET(self) -> None:
                hub_.answer(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """Whoever hangs up does so on purpose."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        if "/resolve/" in request.path:
            request.send_response(302)
            request.send_header("Location", self.leads_to or "/store/small")
            if self.states:
                request.send_header("X-Linked-Etag", f'"{self.states}"')
            request.end_headers()
            return
        wanted = request.headers.get("Range", "")
        self.asked.append(wanted)
        if self.statuses:
            request.send_response(self.statuses.pop(0))
            request.end_headers()
            return
        begins = int(re.sub(r"\D", "", wanted) or 0) if self.knows_ranges else 0
        size = len(self.content)
        if begins and begins >= size:
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{size}")
            request.end_headers()
            return
        request.send_response(206 if begins else 200)
        if begins:
            request.send_header("Content-Range", f"bytes {begins}-{size - 1}/{size}")
        request.send_header("Content-Type", self.kind)
        request.send_header("Content-Length", str(size - begins))
        request.end_headers()
        ends = begins + self.cuts.pop(0) if self.cuts else size
        request.wfile.write(self.content[begins:ends])


@pytest.fixture
def there() -> Iterator[Hub]:
    found = Hub()
    thread = Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "small.gguf"


def part_of(target: Path) -> Path:
    return target.with_name(f".{target.name}.part")


def fetch(there: Hub, target: Path, name: hub.Name = NAME, **more: Any) -> str:
    return downloads.download(name, there.url, target, sleep=lambda seconds: None, **more)


def failure(there: Hub, target: Path, name: hub.Name = NAME) -> DigestError:
    with pytest.raises(DigestError) as caught:
        fetch(there, target, name)
    assert not target.exists()
    assert caught.value.hint
    return caught.value


def test_a_file_comes_with_its_checksum_beside_it(there: Hub, target: Path) -> None:
    """What the hub states of a file is written beside it, as sha256sum would."""
    told: list[tuple[str, int, int]] = []

    assert fetch(there, target, tell=lambda *what: told.append(what)) == sum_of(CONTENT)
    assert target.read_bytes() == CONTENT
    assert target.with_name("small.gguf.sha256").read_text() == f"{sum_of(CONTENT)}  small.gguf\n"
    assert (downloads.FETCHING, 3, 3) in told
    assert sorted(path.name for path in target.parent.iterdir()) == ["small.gguf", "small.gguf.sha256"]


def test_a_lost_connection_is_taken_up_where_it_was(there: Hub, target: Path) -> None:
    """Nothing that came is asked for again."""
    there.cuts = [2_000_000, 500_000]
    fetch(there, target)

    assert target.read_bytes() == CONTENT
    assert there.asked == ["", "bytes=2000000-", "bytes=2500000-"]


def test_a_later_run_goes_on_from_what_was_kept(there: Hub, target: Path) -> None:
    """A killed process leaves its part; the next one asks for the rest alone."""
    part_of(target).write_bytes(CONTENT[:1000])
    fetch(there, target)

    assert target.read_bytes() == CONTENT
    assert there.asked == ["bytes=1000-"]


def test_a_part_that_is_whole_is_only_checked(there: Hub, target: Path) -> None:
    """A process that was killed before the last step leaves nothing to download."""
    part_of(target).write_bytes(CONTENT)

    assert fetch(there, target) == sum_of(CONTENT)


@pytest.mark.parametrize("had", [b"GGUF and then another file", bytes(len(CONTENT) + 7)], ids=["shorter", "longer"])
def test_a_part_of_another_file_is_fetched_anew(there: Hub, target: Path, had: bytes) -> None:
    """What does not join is dropped, once the whole does not have its checksum."""
    part_of(target).write_bytes(had)
    fetch(there, target)

    assert target.read_bytes() == CONTENT


def test_a_server_that_knows_no_ranges_sends_it_all_again(there: Hub, target: Path) -> None:
    """An answer with the whole file takes the place of what was there."""
    there.knows_ranges = False
    part_of(target).write_bytes(CONTENT[:1000])
    fetch(there, target)

    assert target.read_bytes() == CONTENT


def test_a_hub_that_is_busy_is_asked_again(there: Hub, target: Path) -> None:
    """A moment's trouble is no failure."""
    there.statuses = [503, 429]

    assert fetch(there, target) == sum_of(CONTENT)


def test_a_hub_that_stays_away_is_given_up_and_what_came_is_kept(there: Hub, target: Path) -> None:
    """The error may pass (75), says what is kept, and how to do without."""
    there.cuts = [1_500_000]
    there.statuses = []
    there.asked = _Then(there, 503)
    error = failure(there, target)

    assert isinstance(error, EngineError)
    assert str(error).endswith("HTTP 503; 2 MB are kept")
    assert "run the same command again to go on" in (error.hint or "")
    assert part_of(target).read_bytes() == CONTENT[:1_500_000]


class _Then(list[str]):
    """What was asked; after the first time, each answer is a status."""

    def __init__(self, there: Hub, status: int) -> None:
        super().__init__()
        self.there, self.status = there, status

    def append(self, asked: str) -> None:
        super().append(asked)
        if len(self) > 1:
            self.there.statuses = [self.status]


class Wrong(NamedTuple):
    """What a hub does, and what is said of it."""

    does: dict[str, Any]
    said: str


@pytest.mark.parametrize(
    "wrong",
    [
        Wrong({"kind": "text/html; charset=utf-8"}, "sends a web page in place of the file"),
        Wrong({"content": b"<html>Log in to this network</html>"}, "sends something that is no GGUF file"),
        Wrong({"content": gguf(data=b"other" * 1000)}, "what came has the SHA-256"),
        Wrong({"statuses": [404]}, "has no such file (HTTP 404)"),
        Wrong({"statuses": [401]}, "does not give this file to everyone (HTTP 401)"),
        Wrong({"states": ""}, "states no checksum of small.gguf"),
        Wrong({"leads_to": "http://example.org/small.gguf"}, "is no https address"),
        Wrong({"leads_to": "file:///etc/passwd"}, "is no https address"),
    ],
    ids=lambda wrong: wrong.said[:30],
)
def test_a_wrong_answer_is_an_error_to_mend_and_nothing_of_it_is_kept(there: Hub, target: Path, wrong: Wrong) -> None:
    """Whoever reads it must do something: exit 2, a line and a mend."""
    for name, value in wrong.does.items():
        setattr(there, name, value)
    error = failure(there, target)

    assert isinstance(error, ConfigError)
    assert wrong.said in str(error)
    assert not part_of(target).exists()


def test_a_checksum_in_the_name_counts_for_more_than_the_hubs(there: Hub, target: Path) -> None:
    """A hub that states another checksum, or none, changes nothing for who gave one."""
    there.states = "0" * 64
    name = hub.parse(f"me/small-gguf/small.gguf@{sum_of(CONTENT).upper()}")

    assert fetch(there, target, name) == sum_of(CONTENT)


def test_a_full_disk_is_seen_before_anything_is_written(
    there: Hub, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The size is known from the answer's head."""
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10**6))
    error = failure(there, target)

    assert isinstance(error, StorageError)
    assert "needs 36 MB, and 1 MB are free there" in str(error)


def test_a_hub_without_a_network_is_an_error_that_may_pass(tmp_path: Path) -> None:
    """Nobody listens there: exit 75, with the way to do without."""
    with pytest.raises(EngineError, match="the connection failed") as caught:
        downloads.download(NAME, "http://127.0.0.1:9", tmp_path / "m.gguf", sleep=lambda seconds: None)
    assert "download it by other means" in (caught.value.hint or "")
