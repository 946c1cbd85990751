"""A model service on loopback that answers as a test tells it to."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import fakes
import pytest


@dataclass
class Told:
    """What to do with one request."""

    status: int = 200
    body: Any = None  #: bytes as they are; anything else as JSON
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0.0  #: seconds
    drip: float = 0.0  #: seconds between two bytes
    drop: bool = False  #: close the connection without a word


def said(text: str | None = None, **message: Any) -> Told:
    """A good completion with `text` as its content."""
    content = {"content": fakes.reply() if text is None else text, **message}
    return Told(body={"model": "m-1", "choices": [{"message": content, "finish_reason": "stop"}], "usage": {}})


def refused(status: int, message: str = "no", headers: dict[str, str] | None = None, **error: Any) -> Told:
    return Told(status, {"error": {"message": message, **error}}, headers or {})


class Service:
    """The service: what it was sent, and the function that tells it what to answer."""

    def __init__(self) -> None:
        self.answer: Callable[[int, Any], Told] = lambda number, body: said()
        self.bodies: list[Any] = []
        self.keys: list[str | None] = []  #: the header that carries the key
        self.times: list[float] = []
        self.serving = self.most = 0
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/v1"

    def told(self, body: Any) -> Told:
        with self.lock:
            self.bodies.append(body)
            self.times.append(time.monotonic())
            number = len(self.bodies)
            self.serving += 1
            self.most = max(self.most, self.serving)
        try:
            told = self.answer(number, body)
            time.sleep(told.after)
        finally:
            with self.lock:
                self.serving -= 1
        return told

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                service.keys.append(self.headers["authorization"])
                told = service.told(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                if told.drop:
                    self.close_connection = True
                    return
                content = told.body if isinstance(told.body, bytes) else json.dumps(told.body).encode()
                self.send_response(told.status)
                for name, value in {"content-length": str(len(content)), **told.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.deliver(content, told.drip)

            def deliver(self, content: bytes, drip: float) -> None:
                try:
                    for byte in content if drip else ():
                        self.wfile.write(bytes([byte]))
                        time.sleep(drip)
                    if not drip:
                        self.wfile.write(content)
                except OSError:  # the client has had enough
                    self.close_connection = True

            def log_message(self, *args: Any) -> None:
                pass

        return Handler


@pytest.fixture
def service() -> Iterator[Service]:
    """A running service, stopped at the end."""
    running = Service()
    thread = threading.Thread(target=running.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield running
    running.server.shutdown()
    running.server.server_close()
    thread.join()
