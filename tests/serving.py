"""A server of `digest serve` in a thread of the test, and what its pages and strangers ask of it."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from digest.config import Config
from digest.serve import Door, Server


def clock() -> datetime:
    return datetime(2026, 3, 20, 12, tzinfo=UTC)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Running:
    """A server, as who asks it sees it."""

    address: str
    server: Server
    failed: list[BaseException] = field(default_factory=list)

    @property
    def host(self) -> str:
        return urlsplit(self.address).netloc

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        """One request; a header's `_` is `-`, and a path goes out as it is written."""
        connection = HTTPConnection(self.host, timeout=20)
        connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        if body is not None and "Content_Length" not in headers:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        got = connection.getresponse()
        answer = Answer(got.status, dict(got.getheaders()), got.read())
        connection.close()
        return answer

    def version(self, path: str) -> str:
        found = re.search(r'<template data-serve[^>]* data-version="(\w+)"', self.ask(path).text)
        assert found
        return found[1]

    def order(self, act: str = "regenerate", body: Any = None, **headers: str) -> Answer:
        """As a page of ours sends it, but for what is given; an empty header is left out."""
        wish = {"arxiv_id": "2603.00001", "date": "2026-03-17", "site": ""} | (body or {})
        said = {
            "Origin": self.address.rstrip("/"),
            "Content_Type": "application/json",
            "X_Digest_Token": self.server.token,
            "Sec_Fetch_Site": "same-origin",
        }
        given = {name: value for name, value in (said | headers).items() if value}
        return self.ask(f"/-/{act}", "POST", json.dumps(wish).encode(), **given)

    @contextmanager
    def listening(self, page: str, version: str) -> Iterator[Iterator[tuple[str, Any]]]:
        """The events that an open page is told."""
        connection = HTTPConnection(self.host, timeout=20)
        connection.request("GET", f"/-/events?page={page}&version={version}")
        got = connection.getresponse()
        assert got.status == 200, got.read()
        yield _events(got)
        connection.close()


def _events(lines: Any) -> Iterator[tuple[str, Any]]:
    event = ""
    for line in lines:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name == "event":
            event = value
        elif name == "data":
            yield event, json.loads(value)


@contextmanager
def running(config: Config, host: str = "127.0.0.1", takes_orders: bool = True) -> Iterator[Running]:
    """A server on a free port, for as long as it is needed."""
    server = Server(config, Door(host, 0, takes_orders), clock)
    begun, address, failed = threading.Event(), list[str](), list[BaseException]()

    def ready(said: str) -> None:
        address.append(said)
        begun.set()

    def serve() -> None:
        try:
            asyncio.run(server.run(ready))
        except BaseException as error:  # noqa: BLE001 - told by the test's own thread
            failed.append(error)
        finally:
            begun.set()

    thread = threading.Thread(target=serve)
    thread.start()
    begun.wait(20)
    try:
        if failed:
            raise failed[0]
        yield Running(address[0], server, failed)
    finally:
        server.stop()
        thread.join(20)
    assert not thread.is_alive()
    assert not failed
