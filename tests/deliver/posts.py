"""A mail server on loopback that can fail as real ones do, and a channel that remembers what it was given."""

import email
import email.policy
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

from digest.config import Config
from digest.deliver import Message

NOW = datetime(2026, 3, 17, 6, tzinfo=UTC)
DAY = date(2026, 3, 17)
SENDER = "digest <me@example.org>"


class Post:
    """Takes mail, and keeps what arrived; `faults` are what it does in place of taking it, one a mail."""

    def __init__(self) -> None:
        self.port = 0
        self.arrived: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.logged_in: list[bool] = []  #: at each mail
        self.faults: list[str] = []  #: "drop" after the mail, "lost" although it has it, or what it answers
        self.refused: dict[str, str] = {}  #: address -> what it answers

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        fault = self.faults.pop(0) if self.faults else ""
        if fault not in {"", "lost"}:
            if fault == "drop":
                server.transport.abort()
            return fault
        self.logged_in.append(bool(session.authenticated))
        self.raw.append(envelope.original_content)
        parsed = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        self.arrived.append(parsed)
        if fault == "lost":
            server.transport.abort()
        return "250 OK"

    @property
    def subjects(self) -> list[str]:
        return [str(one["Subject"]) for one in self.arrived]

    def text(self, number: int = -1, form: str = "plain") -> str:
        part = self.arrived[number].get_body((form,))
        assert part is not None
        return str(part.get_content())


@contextmanager
def office(**options: Any) -> Iterator[Post]:
    """A mail server that listens; `options` are aiosmtpd's."""
    post = Post()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        post.port = free.getsockname()[1]
    controller = Controller(post, hostname="127.0.0.1", port=post.port, **options)
    controller.start()
    try:
        yield post
    finally:
        controller.stop()


class Pigeon:
    """A channel that writes down what it is given, and fails as it is told."""

    flown: list[tuple[str, Message]] = []  # noqa: RUF012 - one list for all, emptied by the fixture
    before: Callable[[str, Message], None] | None = None  #: may raise

    def __init__(self, receiver: str = "", url: str = "", **options: Any) -> None:
        self.receiver, self.options = receiver or url, options

    def send(self, message: Message) -> None:
        if Pigeon.before:
            Pigeon.before(self.receiver, message)
        Pigeon.flown.append((self.receiver, message))

    def fits(self, text: str) -> bool:
        return len(text) <= 1000


def receiver(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "mail": f"{name}@example.org", **fields}


def settings(output: Path, *receivers: dict[str, Any], port: int = 25, **fields: Any) -> Config:
    smtp = {"host": "127.0.0.1", "port": port, "security": "none", "sender": SENDER, "timeout_seconds": 5}
    return Config.model_validate(
        {"categories": ["cs.CL"], "output": output, "smtp": smtp, "deliver": receivers or [receiver("me")], **fields}
    )


def clock() -> datetime:
    return NOW


def no_sleep(seconds: float) -> None:
    pass
