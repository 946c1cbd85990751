"""The one connection to arXiv against a server that misbehaves on purpose."""

import contextlib
import email.utils
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
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
