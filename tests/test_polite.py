"""The one connection to arXiv against a server that misbehaves on purpose."""

import contextlib
import email.utils
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from werkzeug import Response

from digest import __version__, polite
from digest.errors import ConfigError, SourceError
from digest.polite import BadPage, Document, PoliteSession, wait_asked, whole_xml

NOW = datetime(2026, 3, 17, 12, tzinfo=UTC)


class Clock:
    """Time that passes by sleeping only; remembers each sleep."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Wire:
    """A server that writes given bytes to each connection, piece by piece, and closes it."""

    def __init__(self, pieces: Callable[[int], Iterator[bytes]]) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.pieces = pieces
        self.connections = 0
        self.then: Callable[[socket.socket], None] = lambda connection: None
        self.thread = threading.Thread(target=self.serve)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}/"

    def serve(self) -> None:
        with contextlib.suppress(OSError):  # the socket was closed: the test is over
            while True:
                connection, _ = self.socket.accept()
                with connection, contextlib.suppress(OSError):
                    connection.recv(65536)
                    self.connections += 1
                    for piece in self.pieces(self.connections):
                        connection.sendall(piece)
                    self.then(connection)

    def __enter__(self) -> "Wire":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(5)


def impatient(**options: Any) -> PoliteSession:
    """A session that never waits."""
    return PoliteSession(**{"delay_seconds": 0, "sleep": lambda seconds: None, **options})


def paced(clock: Clock, **options: Any) -> PoliteSession:
    return PoliteSession(clock=clock, sleep=clock.sleep, **options)


def answers(server: HTTPServer, *responses: Response) -> None:
    """Let the server give these answers in turn, the last one for ever."""
    left = list(responses)
    server.expect_request("/").respond_with_handler(lambda _: left.pop(0) if left[1:] else left[0])


def test_it_names_the_tool(httpserver: HTTPServer) -> None:
    """ArXiv asks robots to say who they are."""
    answers(httpserver, Response("ok"))

    impatient().get(httpserver.url_for("/"))

    assert httpserver.log[0][0].headers["User-Agent"] == f"bilingual-digest/{__version__}"


def test_requests_start_at_least_the_delay_apart(httpserver: HTTPServer) -> None:
    """The first one at once, each further one three seconds after the start of the last."""
    answers(httpserver, Response("ok"))
    clock = Clock()
    session = paced(clock)

    for pause in (0.0, 1.0, 5.0):
        clock.now += pause
        session.get(httpserver.url_for("/"))

    assert clock.slept == [2.0]


def test_retries_are_paced_too(httpserver: HTTPServer) -> None:
    """A wait of no seconds, asked for by the server, doesn't shorten the delay."""
    answers(httpserver, Response("busy", 503, {"Retry-After": "0"}), Response("ok"))
    clock = Clock()

    assert paced(clock).get(httpserver.url_for("/")).content == b"ok"
    assert sum(clock.slept) == 3.0


def test_redirects_are_paced_too(httpserver: HTTPServer) -> None:
    """Each hop is a request."""
    httpserver.expect_request("/old").respond_with_data("", 302, {"Location": "/new"})
    httpserver.expect_request("/new").respond_with_data("here")
    clock = Clock()

    assert paced(clock).get(httpserver.url_for("/old")).content == b"here"
    assert clock.slept == [3.0]


def test_threads_take_turns() -> None:
    """However many threads ask, one request is under way at a time."""
    running, most = [0], [0]

    class Slow(PoliteSession):
        def _fetch(self, url: str) -> tuple[Document, Mapping[str, str]]:
            running[0] += 1
            most[0] = max(most[0], running[0])
            time.sleep(0.01)
            running[0] -= 1
            return Document(url, 200, b"ok"), {}

    session = Slow(delay_seconds=0)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(session.get, ["http://127.0.0.1/"] * 4))

    assert len(found) == 4
    assert most == [1]


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_busy_service_is_asked_again(httpserver: HTTPServer, status: int) -> None:
    """429 and 5xx may pass."""
    answers(httpserver, Response("busy", status), Response("ok"))

    assert impatient().get(httpserver.url_for("/")).content == b"ok"


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_refusal_is_handed_back_at_once(httpserver: HTTPServer, status: int) -> None:
    """Asking again would not help; the caller reads why."""
    answers(httpserver, Response("no", status))

    assert impatient().get(httpserver.url_for("/")) == Document(httpserver.url_for("/"), status, b"no")
    assert len(httpserver.log) == 1


def test_it_waits_as_long_as_the_service_asks(httpserver: HTTPServer) -> None:
    """Retry-After goes before our own back-off."""
    answers(httpserver, Response("busy", 429, {"Retry-After": "42"}), Response("ok"))
    clock = Clock()

    paced(clock).get(httpserver.url_for("/"))

    assert clock.slept == [42.0]


def test_it_leaves_a_service_that_asks_for_a_long_wait(httpserver: HTTPServer) -> None:
    """An hour is for the next run: no request is sent before it is over."""
    answers(httpserver, Response("busy", 429, {"Retry-After": "3600"}))

    with pytest.raises(SourceError, match="HTTP 429, come back in 3600 s"):
        impatient().get(httpserver.url_for("/"))
    assert len(httpserver.log) == 1


def test_pauses_grow(httpserver: HTTPServer) -> None:
    """Without Retry-After each pause is longer than the one before, with jitter of one delay."""
    answers(httpserver, Response("busy", 503))
    clock = Clock()

    with pytest.raises(SourceError):
        paced(clock, delay_seconds=1.0).get(httpserver.url_for("/"))
    assert [least <= pause <= least + 1 for least, pause in zip((1, 2, 4, 8), clock.slept, strict=True)] == [True] * 4


def test_it_gives_up_with_the_host_the_fact_and_a_hint(httpserver: HTTPServer) -> None:
    """After the last try the reader is told who failed how, and what to do."""
    answers(httpserver, Response("busy", 503))

    with pytest.raises(SourceError) as caught:
        impatient(tries=3).get(httpserver.url_for("/"))
    assert str(caught.value) == f"{httpserver.host}:{httpserver.port}: HTTP 503 (3 of 3 tries)"
    assert "try again later" in (caught.value.hint or "")
    assert len(httpserver.log) == 3


def test_each_retry_is_one_line_in_the_log(httpserver: HTTPServer, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing above DEBUG from the libraries underneath."""
    answers(httpserver, Response("busy", 503), Response("busy", 503), Response("ok"))

    with caplog.at_level(logging.INFO):
        impatient().get(httpserver.url_for("/"))

    lines = [(record.name, record.levelname) for record in caplog.records if record.name != "werkzeug"]
    assert lines == [("digest.polite", "WARNING")] * 2


def test_a_page_that_fails_its_check_is_asked_again(httpserver: HTTPServer) -> None:
    """A 200 is not always an answer."""
    answers(httpserver, Response("half"), Response("whole"))

    def check(document: Document) -> None:
        if document.content != b"whole":
            raise BadPage("half a page")

    assert impatient().get(httpserver.url_for("/"), check=check).content == b"whole"


def test_a_page_that_always_fails_its_check_is_an_error(httpserver: HTTPServer) -> None:
    """The check's own words reach the reader."""
    answers(httpserver, Response("half"))

    def check(document: Document) -> None:
        raise BadPage("half a page")

    with pytest.raises(SourceError, match=r"half a page \(5 of 5 tries\)"):
        impatient().get(httpserver.url_for("/"), check=check)


def test_a_refusal_is_not_checked(httpserver: HTTPServer) -> None:
    """A check is about whole documents with status 200."""
    answers(httpserver, Response("no", 404))

    def check(document: Document) -> None:
        raise BadPage("never seen")

    assert impatient().get(httpserver.url_for("/"), check=check).status_code == 404


def test_a_connection_that_breaks_inside_the_body_is_asked_again() -> None:
    """Fewer bytes than promised are no answer."""

    def pieces(number: int) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + (b"wh" if number == 1 else b"full")

    with Wire(pieces) as wire:
        assert impatient().get(wire.url).content == b"full"


def test_a_chunked_body_without_its_end_is_asked_again() -> None:
    """The last chunk must have come."""

    def pieces(number: int) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfull\r\n" + b"0\r\n\r\n" * (number > 1)

    with Wire(pieces) as wire:
        assert impatient().get(wire.url).content == b"full"
        assert wire.connections == 2


def test_a_dripping_body_is_left_in_time() -> None:
    """Each byte comes before the read times out; the whole answer never comes."""

    def pieces(number: int) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
        for _ in range(100):
            time.sleep(0.05)
            yield b"."

    with Wire(pieces) as wire, pytest.raises(SourceError, match=r"not at its end after 0\.2 s"):
        impatient(timeout_seconds=0.2, tries=1).get(wire.url)


def test_a_silent_service_is_left_in_time() -> None:
    """No first byte within the timeout."""

    def pieces(number: int) -> Iterator[bytes]:
        time.sleep(0.3)
        yield b""

    with Wire(pieces) as wire, pytest.raises(SourceError, match="no answer in time"):
        impatient(timeout_seconds=0.1, tries=1).get(wire.url)


def test_a_connection_closed_without_an_answer_is_asked_again() -> None:
    """As a service does that restarts."""

    def pieces(number: int) -> Iterator[bytes]:
        yield b"" if number == 1 else b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    with Wire(pieces) as wire:
        assert impatient().get(wire.url).content == b"ok"


def test_no_service_at_all_is_told_in_plain_words() -> None:
    """The cause, not the three layers around it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"

    with pytest.raises(SourceError, match=r"127\.0\.0\.1:\d+: the connection failed: Connection refused"):
        impatient(tries=2).get(url)


def test_an_endless_body_is_left(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory has an end; unpacked bytes count."""
    monkeypatch.setattr(polite, "MAX_BYTES", 2**20)
    answers(httpserver, Response(b"." * (2**20 + 1)))

    with pytest.raises(SourceError, match="more than 1 MiB"):
        impatient(tries=1).get(httpserver.url_for("/"))


@pytest.mark.parametrize("url", ["export.example/api", "ftp://127.0.0.1/x", "http://", "http://127.0.0.1:port/"])
def test_what_is_no_address_is_the_configs_fault(url: str) -> None:
    """No use in trying later."""
    with pytest.raises(ConfigError, match="no address"):
        impatient().get(url)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("Tue, 17 Mar 2026 12:01:30 GMT", 90.0),
        ("Tue, 17 Mar 2026 11:00:00 GMT", 0.0),
        ("-5", None),
        ("soon", None),
        ("Tue, 99 Mar 2026 12:01:30 GMT", None),
        ("", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(told: str, seconds: float | None) -> None:
    """What is neither asks for nothing."""
    assert wait_asked({"Retry-After": told}, NOW) == seconds


def test_a_date_to_wait_for_is_counted_from_the_services_own_clock() -> None:
    """Ours may be an hour wrong."""
    date = email.utils.format_datetime(NOW + timedelta(hours=1), usegmt=True)
    until = email.utils.format_datetime(NOW + timedelta(hours=1, seconds=30), usegmt=True)

    assert wait_asked({"Retry-After": until, "Date": date}, NOW) == 30.0


@given(st.text())
def test_whatever_retry_after_says_the_wait_is_no_negative_number(told: str) -> None:
    """Strangers write headers."""
    wait = wait_asked({"Retry-After": told}, NOW)

    assert wait is None or wait >= 0


FEED = "<feed><title>Æther &amp; co</title></feed>".encode()


@given(st.integers(0, len(FEED) - 1))
def test_a_document_cut_anywhere_is_no_document(length: int) -> None:
    """No repair: what the cut took would be missing in silence."""
    with pytest.raises(BadPage):
        whole_xml(FEED[:length], "feed")


def test_a_whole_document_is_read() -> None:
    """The root and its text."""
    assert whole_xml(FEED, "feed").findtext("title") == "Æther & co"


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        (b"<!DOCTYPE html><html></html>", "HTML"),
        (b"\n <HTML><body/></HTML>", "HTML"),
        (b"<rss></rss>", "begins with <rss>"),
        (b'<!DOCTYPE feed [<!ENTITY a "aaaa">]><feed>&a;</feed>', "DOCTYPE"),
        (b'<!DOCTYPE feed [<!ENTITY a SYSTEM "file:///etc/hostname">]><feed>&a;</feed>', "DOCTYPE"),
        (b"", "no whole document"),
        (b"Rate exceeded.", "no whole document"),
    ],
)
def test_other_documents_are_refused(content: bytes, fact: str) -> None:
    """Outage pages, other roots, entities of their own, nothing at all."""
    with pytest.raises(BadPage, match=fact):
        whole_xml(content, "feed")


def test_waits_are_bounded_by_the_number_of_tries(httpserver: HTTPServer) -> None:
    """A service that fails for ever holds a run for a minute and a half at most, with arXiv's delay."""
    answers(httpserver, Response("busy", 503))
    clock = Clock()

    with pytest.raises(SourceError):
        paced(clock).get(httpserver.url_for("/"))
    assert clock.now - 1000 < 90


def test_a_users_proxy_is_used(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's proxies are obeyed as elsewhere."""
    monkeypatch.setenv("http_proxy", httpserver.url_for(""))
    httpserver.expect_request("/paper").respond_with_data("through the proxy")

    assert impatient().get("http://arxiv.invalid/paper").content == b"through the proxy"


# ------------------------------------------------------------------------------------------ other processes

PROCESS = """
import pathlib, sys
from digest.polite import PoliteSession
url, delay, folder, times = sys.argv[1], float(sys.argv[2]), pathlib.Path(sys.argv[3]), int(sys.argv[4])
session = PoliteSession(delay_seconds=delay, folder=folder)
print("ready", flush=True)
sys.stdin.readline()
for _ in range(times):
    assert session.get(url).content == b"whole"
"""


class Watched:
    """A service that takes a while for each answer, and knows when each request came and how many were under way."""

    def __init__(self, server: HTTPServer, seconds: float) -> None:
        self.starts: list[float] = []
        self.running = self.most = 0
        self.seconds = seconds
        self.lock = threading.Lock()
        server.expect_request("/").respond_with_handler(self.answer)

    def answer(self, _: object) -> Response:
        with self.lock:
            self.starts.append(time.monotonic())
            self.running += 1
            self.most = max(self.most, self.running)

        def body() -> Iterator[bytes]:
            yield b"wh"
            time.sleep(self.seconds)
            with self.lock:
                self.running -= 1
            yield b"ole"

        return Response(body())


@pytest.fixture
def many_at_once() -> Iterator[HTTPServer]:
    """A server that would answer as many requests at a time as come."""
    server = HTTPServer("127.0.0.1", 0, threaded=True)
    server.start()
    yield server
    server.stop()


def ask_at_once(processes: int, *arguments: object) -> None:
    """Let so many processes ask, each started when all are ready."""
    command = [sys.executable, "-c", PROCESS, *map(str, arguments)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with contextlib.ExitStack() as stack:
        started = [stack.enter_context(subprocess.Popen(command, text=True, **pipes)) for _ in range(processes)]  # type: ignore[call-overload]
        for process in started:
            assert process.stdout.readline() == "ready\n"
        for process in started:
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [process.wait(30) for process in started] == [0] * processes


def test_processes_take_turns_and_start_at_least_the_delay_apart(many_at_once: HTTPServer, tmp_path: Path) -> None:
    """Two at a time would be twice what arXiv allows."""
    service = Watched(many_at_once, seconds=0.05)

    ask_at_once(2, many_at_once.url_for("/"), 0.2, tmp_path, 4)

    gaps = [after - before for before, after in zip(service.starts, service.starts[1:], strict=False)]
    assert len(gaps) == 7
    assert min(gaps) > 0.12  # a busy machine takes a request in a little late
    assert sum(gaps) > 7 * 0.2 - 0.08
    assert service.most == 1


def test_a_turn_lasts_until_the_body_is_read(many_at_once: HTTPServer, tmp_path: Path) -> None:
    """With no delay to keep them apart, and answers that take their time."""
    service = Watched(many_at_once, seconds=0.1)

    ask_at_once(2, many_at_once.url_for("/"), 0, tmp_path, 3)

    assert len(service.starts) == 6
    assert service.most == 1


def test_no_idle_connection_outlasts_a_turn(tmp_path: Path) -> None:
    """Another process opens its own, and one is allowed."""
    closed = threading.Event()

    def pieces(number: int) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    with Wire(pieces) as wire:

        def serve(connection: socket.socket) -> None:
            connection.settimeout(5)
            if connection.recv(1) == b"":
                closed.set()

        wire.then = serve
        session = impatient(folder=tmp_path)
        session.get(wire.url)
        assert closed.wait(5)


def test_a_pause_that_a_service_asks_for_holds_for_other_processes(httpserver: HTTPServer, tmp_path: Path) -> None:
    """The next one finds it on file; it is told 429 by nobody."""
    answers(httpserver, Response("busy", 429, {"Retry-After": "42"}), Response("ok"))
    slept: list[float] = []
    with pytest.raises(SourceError):
        impatient(tries=1, folder=tmp_path).get(httpserver.url_for("/"))

    impatient(sleep=slept.append, folder=tmp_path).get(httpserver.url_for("/"))

    assert len(slept) == 1
    assert 30 < slept[0] <= 42


def test_a_pause_of_hours_is_kept_for_minutes(httpserver: HTTPServer, tmp_path: Path) -> None:
    """No other process waits longer than we would."""
    answers(httpserver, Response("busy", 503, {"Retry-After": "86400"}), Response("ok"))
    slept: list[float] = []
    with pytest.raises(SourceError):
        impatient(folder=tmp_path, delay_seconds=60).get(httpserver.url_for("/"))

    impatient(folder=tmp_path, delay_seconds=60, sleep=slept.append).get(httpserver.url_for("/"))

    assert len(slept) == 1
    assert polite.MAX_WAIT - 12 < slept[0] <= polite.MAX_WAIT


def test_a_turn_ends_with_a_failure(tmp_path: Path) -> None:
    """While we wait to try again, others may."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"

    def others_may(seconds: float) -> None:
        locks = list(tmp_path.glob("*.lock"))
        assert locks
        for lock in locks:
            FileLock(lock).acquire(timeout=0).lock.release()

    with pytest.raises(SourceError, match="Connection refused"):
        impatient(tries=2, folder=tmp_path, sleep=others_may).get(url)
    others_may(0)


def test_a_folder_that_can_not_be_used_stops_nothing(
    httpserver: HTTPServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The session paces itself as ever."""
    answers(httpserver, Response("ok"))
    (tmp_path / "file").write_text("hello")
    clock = Clock()
    session = paced(clock, folder=tmp_path / "file")

    for _ in range(3):
        session.get(httpserver.url_for("/"))

    assert clock.slept == [3.0, 3.0]
    assert [record.name for record in caplog.records if record.levelno == logging.WARNING] == ["digest.turns"]


# ------------------------------------------------------------------------------------------ answers from before


class Shelf(dict[str, bytes]):
    """Keeps answers in memory."""

    def put(self, url: str, content: bytes) -> None:
        self[url] = content


def test_requests_are_counted_with_their_retries_and_redirects(httpserver: HTTPServer) -> None:
    """For the report of a run."""
    busy = [Response("busy", 503)]
    httpserver.expect_request("/old").respond_with_data("", 302, {"Location": "/new"})
    httpserver.expect_request("/new").respond_with_handler(lambda _: busy.pop() if busy else Response("here"))
    session = impatient()

    session.get(httpserver.url_for("/old"))

    assert session.requests == len(httpserver.log) == 4


def test_a_kept_answer_needs_no_request(httpserver: HTTPServer) -> None:
    """Kept by one session, found by another."""
    answers(httpserver, Response("ok"))
    url, shelf = httpserver.url_for("/"), Shelf()
    first, second = impatient(answers=shelf), impatient(answers=shelf)
    found = first.get(url)
    first.keep([found])

    assert second.get(url) == found
    assert second.requests == 0


def test_only_what_the_caller_found_good_is_kept(httpserver: HTTPServer) -> None:
    """An answer can be whole and still wrong; and no refusal is kept at all."""
    answers(httpserver, Response("ok"), Response("no", 404))
    url, shelf = httpserver.url_for("/"), Shelf()
    session = impatient(answers=shelf)

    session.get(url)
    assert not shelf
    session.keep([session.get(url)])
    assert not shelf


def test_a_fresh_answer_is_asked_for(httpserver: HTTPServer) -> None:
    """Whatever was kept."""
    answers(httpserver, Response("new"))
    url = httpserver.url_for("/")

    assert impatient(answers=Shelf({url: b"old"})).get(url, fresh=True).content == b"new"


@pytest.mark.parametrize("error", [BadPage("half a page"), SourceError("a refusal")])
def test_a_kept_answer_that_fails_its_check_is_asked_again(httpserver: HTTPServer, error: Exception) -> None:
    """The check of today, not of the program that kept it."""
    answers(httpserver, Response("whole"))
    url = httpserver.url_for("/")

    def check(document: Document) -> None:
        if document.content != b"whole":
            raise error

    session = impatient(answers=Shelf({url: b"half"}))
    assert session.get(url, check=check).content == b"whole"
    assert session.requests == 1


def test_a_session_without_a_place_for_answers_keeps_none(httpserver: HTTPServer) -> None:
    """And asks each time."""
    answers(httpserver, Response("ok"))
    session = impatient()
    for _ in range(2):
        session.keep([session.get(httpserver.url_for("/"))])

    assert session.requests == 2
