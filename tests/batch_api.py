"""A Batch API on loopback, and engines that speak to it."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fakes
from pytest_httpserver import HTTPServer
from werkzeug import Request as Asked
from werkzeug import Response

from digest.engines.batch import BatchEngine
from digest.models import Answer, Completion, Request

NOON = datetime(2026, 3, 17, 12, tzinfo=UTC)


class Api:
    """Files and batches; `state` says how a batch stands once it is looked at, `answer` what becomes of a line."""

    def __init__(self, server: HTTPServer) -> None:
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.state = "completed"
        self.states: dict[str, str] = {}  #: of single batches
        self.queue: int | None = None  #: lines that may be under way at once; of a batch that is too much, it fails
        self.looks: Counter[str] = Counter()  #: at batches
        self.most_under_way = 0
        self.failing: dict[str, int] = {}  #: path prefix -> status
        self.counts: dict[str, int] | None = None
        self.instead: dict[str, Response] = {}  #: method and path -> answer
        self.answer: Callable[[dict[str, Any]], Any] = lambda line: good(line["custom_id"])
        self.url = server.url_for("/v1")
        server.expect_request(re.compile("^/v1/")).respond_with_handler(self.answered)

    def answered(self, asked: Asked) -> Response:
        odd = self.instead.get(f"{asked.method} {asked.path}")
        return Response(odd.get_data(), odd.status_code, content_type=odd.content_type) if odd else self.handle(asked)

    def handle(self, asked: Asked) -> Response:
        path = asked.path.removeprefix("/v1")
        for prefix, status in self.failing.items():
            if path.startswith(prefix):
                return said({"error": {"message": "no, sk-secret"}}, status)
        if path == "/files":
            name = f"file-{len(self.files)}"
            self.files[name] = asked.files["file"].read()
            return said(
                {"id": name, "object": "file", "bytes": 1, "created_at": 1, "filename": "f", "purpose": "batch"}
            )
        if path.endswith("/content"):
            return Response(self.files[path.split("/")[2]])
        if path == "/batches" and asked.method == "POST":
            wanted = asked.get_json()
            name = f"batch-{len(self.batches)}"
            self.batches[name] = {"id": name, "created_at": 1773748800, "input_file_id": wanted["input_file_id"]}
            self.batches[name] |= {"object": "batch", "endpoint": wanted["endpoint"], "completion_window": "24h"}
            self.batches[name] |= {"metadata": wanted["metadata"], "status": "validating"}
            self.most_under_way = max(self.most_under_way, sum(map(self.is_under_way, self.batches.values())))
            if self.queue is not None and self.under_way > self.queue:
                self.states[name] = "failed"
            return said(self.batches[name])
        if path == "/batches":
            return said({"object": "list", "data": list(self.batches.values()), "has_more": False})
        batch = self.batches.get(path.split("/")[2])
        if batch is None:
            return said({"error": {"message": "no such batch"}}, 404)
        return said(self.looked_at(batch))

    def looked_at(self, batch: dict[str, Any]) -> dict[str, Any]:
        """A batch as it stands now, and from now on."""
        self.looks[batch["id"]] += 1
        state = self.states.get(batch["id"], self.state)
        batch |= {"status": state, "request_counts": self.counts}
        if state == "failed":
            batch["errors"] = {"data": [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached"}]}
        if state in ("completed", "expired") and "output_file_id" not in batch:
            lines = [self.answer(json.loads(line)) for line in self.files[batch["input_file_id"]].splitlines()]
            out = batch["id"].replace("batch-", "out").replace("out0", "out")
            self.files[out] = b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines)
            batch["output_file_id"] = out
        return batch

    def is_under_way(self, batch: dict[str, Any]) -> bool:
        return batch["status"] in ("validating", "in_progress") and self.states.get(batch["id"]) != "failed"

    @property
    def under_way(self) -> int:
        """Lines in the queue."""
        return sum(len(self.lines(name)) for name, batch in self.batches.items() if self.is_under_way(batch))

    @property
    def handed_in(self) -> int:
        return sum(len(self.lines(name)) for name in self.batches)

    def lines(self, name: str) -> list[str]:
        """The keys in a batch."""
        lines = self.files[self.batches[name]["input_file_id"]].splitlines()
        return [json.loads(line)["custom_id"] for line in lines]

    @property
    def paid(self) -> Counter[str]:
        """How often each key was in a batch that was taken."""
        taken = (name for name in self.batches if self.states.get(name) != "failed")
        return Counter(key for name in taken for key in self.lines(name))


def said(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body), status, content_type="application/json")


def good(key: str) -> dict[str, Any]:
    message = {"message": {"content": fakes.reply()}, "finish_reason": "stop"}
    body = {"model": "m-1", "choices": [message], "usage": {"prompt_tokens": 9, "completion_tokens": 5}}
    return {"custom_id": key, "response": {"status_code": 200, "body": body}}


class Otherwise:
    """The engine for what a batch does not answer."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.keep: Any = None
        self.sent = 0

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
        for request in requests:
            self.asked.append(request)
            self.sent += 1
            yield request, Completion(fakes.reply(), "chat", "m-1", NOON)


def engine(api: Api, folder: Path, otherwise: Otherwise | None = None, **settings: Any) -> BatchEngine:
    told: dict[str, Any] = {
        "base_url": api.url,
        "api_key": "sk-secret",
        "clock": lambda: NOON,
        "folder": folder,
        "wait_seconds": 0,
    }
    told |= {"otherwise": lambda: otherwise or Otherwise(), "poll_seconds": 0.01, "backoff_seconds": 0.001}
    return BatchEngine(**told | settings)


def answered(one: BatchEngine, requests: list[Request]) -> dict[str, Completion]:
    return {request.key: answer for request, answer in one.run(requests) if isinstance(answer, Completion)}


def asked(count: int = 3, start: int = 0) -> list[Request]:
    return [request(number) for number in range(start, start + count)]


def request(number: int, **fields: Any) -> Request:
    messages = ({"role": "system", "content": "s"}, {"role": "user", "content": str(number)})
    return Request("m-1", messages, subject=f"2603.0000{number}", **fields)
