"""The HTTP client of the engines: an answer has an end, packed or not."""

import gzip
import json
from datetime import UTC, datetime
from typing import Any

import fakes
import pytest

from digest.engines import wire
from digest.engines.chat import ChatEngine
from digest.errors import EngineError
from digest.models import Answer, Completion, Request

from .conftest import Service, Told

LIMIT = 20_000


def ask(service: Service) -> Answer:
    """The answer to one request, tried once more at most."""
    engine = ChatEngine(
        base_url=service.url,
        api_key="sk-secret",
        clock=lambda: datetime(2026, 3, 17, tzinfo=UTC),
        backoff_seconds=0.01,
        timeout_seconds=5,
        concurrency=1,
    )
    request = Request("m", ({"role": "user", "content": "paper"},), subject="2603.00001")
    ((_, answer),) = engine.run([request])
    return answer


def body(size: int) -> bytes:
    """A good completion, blanks behind it."""
    reply: dict[str, Any] = {"choices": [{"message": {"content": fakes.reply()}, "finish_reason": "stop"}]}
    return json.dumps({"model": "m-1", "usage": {}, **reply}).encode().ljust(size)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
def test_an_answer_has_an_end(service: Service, monkeypatch: pytest.MonkeyPatch, size: int, packed: bool) -> None:
    """One that is longer, or unpacks to more, is no reply, and takes no more memory."""
    monkeypatch.setattr(wire, "LARGEST", LIMIT)
    content = gzip.compress(body(size)) if packed else body(size)
    service.answer = lambda number, asked: Told(body=content, headers={"Content-Encoding": "gzip"} if packed else {})

    if size == LIMIT:
        answer = ask(service)
        assert isinstance(answer, Completion)
        assert answer.text == fakes.reply()
    else:
        with pytest.raises(EngineError, match="an answer of more than"):
            ask(service)
