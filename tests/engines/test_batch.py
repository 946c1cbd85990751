"""The batch engine against a Batch API on loopback."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fakes
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request as Asked
from werkzeug import Response

from digest.engines.abilities import Abilities, Ability
from digest.engines.batch import BatchEngine
from digest.engines.jobs import Job, Jobs, name_of, pieces
from digest.errors import BatchPending, ConfigError, EngineError, EngineRefused
from digest.models import Answer, Completion, Request

NOON = datetime(2026, 3, 17, 12, tzinfo=UTC)


class Api:
    """Files and batches; `done` says what state a batch is in, `answer` what becomes of a line."""

    def __init__(self, server: HTTPServer) -> None:
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.state = "completed"
        self.failing: dict[str, int] = {}  #: path prefix -> status
        self.counts: dict[str, int] | None = None
        self.instead: dict[str, Response] = {}  #: method and path -> answer
        self.answer: Callable[[dict[str, Any]], Any] = lambda line: good(line["custom_id"])
        self.url = server.url_for("/v1")
        server.expect_request(re.compile("^/v1/")).respond_with_handler(self.answered)

    def answered(self, asked: Asked) -> Response:
        odd = self.instead.get(f"{asked.method} {asked.path}")
        return Response(odd.get_data(), content_type=odd.content_type) if odd else self.handle(asked)

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
            return said(self.batches[name])
        if path == "/batches":
            return said({"object": "list", "data": list(self.batches.values()), "has_more": False})
        batch = self.batches.get(path.split("/")[2])
        if batch is None:
            return said({"error": {"message": "no such batch"}}, 404)
        batch |= {"status": self.state, "request_counts": self.counts}
        if self.state == "failed":
            batch["errors"] = {"data": [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached"}]}
        if self.state in ("completed", "expired") and "output_file_id" not in batch:
            lines = [self.answer(json.loads(line)) for line in self.files[batch["input_file_id"]].splitlines()]
            self.files["out"] = b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines)
            batch["output_file_id"] = "out"
        return said(batch)

    @property
    def handed_in(self) -> int:
        return sum(len(self.files[batch["input_file_id"]].splitlines()) for batch in self.batches.values())


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


@pytest.fixture
def api(httpserver: HTTPServer) -> Api:
    return Api(httpserver)


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


def asked(count: int = 3) -> list[Request]:
    return [request(number) for number in range(count)]


def request(number: int, **fields: Any) -> Request:
    messages = ({"role": "system", "content": "s"}, {"role": "user", "content": str(number)})
    return Request("m-1", messages, subject=f"2603.0000{number}", **fields)


def test_a_batch_answers_every_request(api: Api, tmp_path: Path) -> None:
    """All go in one file, come back by their keys whatever the order, and say that a batch made them."""
    requests = asked()

    answers = answered(engine(api, tmp_path), requests)

    assert set(answers) == {one.key for one in requests}
    assert {answer.engine for answer in answers.values()} == {"batch"}
    assert {answer.prompt_tokens for answer in answers.values()} == {9}
    assert len(api.batches) == 1


def test_a_batch_under_way_is_left_and_found_again(api: Api, tmp_path: Path) -> None:
    """The run that can't wait says so; the next one fetches the same batch and hands nothing in."""
    api.state = "in_progress"
    with pytest.raises(BatchPending, match="3 requests wait in a batch"):
        list(engine(api, tmp_path).run(asked()))

    api.state = "completed"

    assert len(answered(engine(api, tmp_path), asked())) == 3
    assert api.handed_in == 3


def test_the_last_moments_of_a_wait_are_used(api: Api, tmp_path: Path) -> None:
    """A batch that is done within the wait is not left."""
    looks: list[str] = []

    class Slow(BatchEngine):
        def looked_at(self, client: Any, job: Job) -> Any:
            api.state = "completed" if len(looks) == 2 else "in_progress"
            looks.append(api.state)
            return super().looked_at(client, job)

    slow = Slow(
        base_url=api.url, api_key="k", clock=lambda: NOON, folder=tmp_path, otherwise=Otherwise, poll_seconds=0.01
    )

    assert len(list(slow.run(asked()))) == 3
    assert looks == ["in_progress", "in_progress", "completed"]


def test_only_what_no_batch_holds_is_handed_in(api: Api, tmp_path: Path) -> None:
    """A day that has grown since hands in its new papers alone, and waits for both batches."""
    api.state = "in_progress"
    with pytest.raises(BatchPending):
        list(engine(api, tmp_path).run(asked(2)))
    with pytest.raises(BatchPending):
        list(engine(api, tmp_path).run(asked(3)))

    assert api.handed_in == 3
    assert len(api.batches) == 2


def test_a_batch_whose_record_is_lost_is_found_at_the_service(api: Api, tmp_path: Path) -> None:
    """The same requests have the same name: a kill before the identifier was noted pays nothing twice."""
    api.state = "in_progress"
    with pytest.raises(BatchPending):
        list(engine(api, tmp_path / "a").run(asked()))

    api.state = "completed"

    assert len(list(engine(api, tmp_path / "b").run(asked()))) == 3
    assert api.handed_in == 3


def test_what_the_batch_could_not_answer_is_asked_at_once(api: Api, tmp_path: Path) -> None:
    """A line that failed, one that is broken and one that is missing go through the other engine."""
    requests, otherwise = asked(4), Otherwise()
    broken = {
        requests[0].key: {"custom_id": requests[0].key, "response": {"status_code": 500, "body": {}}},
        requests[1].key: b'{"custom_id": ',
        requests[2].key: b"[]",
    }
    api.answer = lambda line: broken.get(line["custom_id"]) or good(line["custom_id"])

    assert len(answered(engine(api, tmp_path, otherwise), requests)) == 4
    assert otherwise.asked == requests[:3]


def test_an_expired_batch_keeps_what_it_answered(api: Api, tmp_path: Path) -> None:
    """Half a batch is half the work."""
    requests, otherwise = asked(2), Otherwise()
    api.state = "expired"
    api.answer = lambda line: good(line["custom_id"]) if line["custom_id"] == requests[0].key else b"{}"

    answers = answered(engine(api, tmp_path, otherwise), requests)

    assert [answers[one.key].engine for one in requests] == ["batch", "chat"]


def test_a_refused_batch_is_no_reason_to_pay_the_full_price(api: Api, tmp_path: Path) -> None:
    """The service's reason is told, nothing is asked one by one, and a later run hands it in anew."""
    api.state, otherwise = "failed", Otherwise()

    with pytest.raises(EngineError, match="Enqueued token limit reached"):
        list(engine(api, tmp_path, otherwise).run(asked()))

    assert otherwise.asked == []
    api.state = "completed"
    assert len(list(engine(api, tmp_path).run(asked()))) == 3


def test_repairs_and_regenerations_do_not_wait_for_a_batch(api: Api, tmp_path: Path) -> None:
    """They are few, and somebody waits for them."""
    messages = tuple({"role": role, "content": "x"} for role in ("system", "user", "assistant", "user"))
    requests, otherwise = [request(0, take=1), Request("m-1", messages, subject="2603.00002")], Otherwise()

    assert len(list(engine(api, tmp_path, otherwise).run(requests))) == 2
    assert otherwise.asked == requests
    assert api.batches == {}


def test_answers_are_kept_before_the_batch_is_forgotten(api: Api, tmp_path: Path) -> None:
    """If they can't be kept, the next run fetches the same batch once more."""

    def full(_answers: Any) -> None:
        raise ConfigError("no room")

    one = engine(api, tmp_path)
    one.keep = full
    with pytest.raises(ConfigError):
        list(one.run(asked()))

    kept: list[Any] = []
    other = engine(api, tmp_path)
    other.keep = kept.extend

    assert len(list(other.run(asked()))) == len(kept) == 3
    assert api.handed_in == 3
    assert not list((tmp_path / "batches").iterdir())


def test_a_batch_the_service_has_lost_is_handed_in_by_the_next_run(api: Api, tmp_path: Path) -> None:
    """A 404 is told, and the record goes."""
    api.state = "in_progress"
    with pytest.raises(BatchPending):
        list(engine(api, tmp_path).run(asked()))
    api.batches.clear()
    with pytest.raises(EngineRefused, match="no such batch"):
        list(engine(api, tmp_path).run(asked()))

    api.state = "completed"

    assert len(list(engine(api, tmp_path).run(asked()))) == 3


def test_no_message_holds_the_key(api: Api, tmp_path: Path) -> None:
    """What the service says may hold it."""
    api.failing["/files"] = 401
    with pytest.raises(EngineRefused) as caught:
        list(engine(api, tmp_path).run(asked()))

    assert "sk-secret" not in str(caught.value)


def test_a_service_in_trouble_is_asked_again(api: Api, tmp_path: Path) -> None:
    """After some tries it is an error that says when to come back; the record waits for the next run."""
    api.failing["/batches"] = 503
    with pytest.raises(EngineError, match="503"):
        list(engine(api, tmp_path).run(asked()))

    api.failing.clear()

    assert len(list(engine(api, tmp_path).run(asked()))) == 3


def test_pieces_keep_to_the_limits_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests and bytes are both counted; the order stays."""
    monkeypatch.setattr("digest.engines.jobs.MOST_REQUESTS", 3)
    monkeypatch.setattr("digest.engines.jobs.MOST_BYTES", 10)
    lines = [(str(number), b"x" * size) for number, size in enumerate((1, 1, 1, 1, 9, 2, 30, 1))]

    found = [[key for key, _ in piece] for piece in pieces(lines)]

    assert found == [["0", "1", "2"], ["3", "4"], ["5"], ["6"], ["7"]]


def test_a_damaged_record_counts_as_none(tmp_path: Path) -> None:
    """It stands in nobody's way."""
    jobs = Jobs(tmp_path)
    job = jobs.save(Job(name_of(["a"]), "here", ("a",), "2026-03-17"))
    (tmp_path / "x.json").write_text("{", encoding="utf-8")
    (tmp_path / "y.json").write_text('{"name": 1}', encoding="utf-8")

    assert jobs.of("here") == [job]
    assert jobs.of("elsewhere") == []


HTML = Response("<html>Please log in</html>", content_type="text/html")
ODD: tuple[Any, ...] = (None, [], 5, {}, {"data": None}, {"id": None})
NO_BATCH_API = (HTML, *map(said, ODD))


@pytest.mark.parametrize("answer", NO_BATCH_API, ids=lambda answer: answer.get_data(as_text=True)[:12])
@pytest.mark.parametrize("path", ["GET /v1/batches", "POST /v1/files", "POST /v1/batches", "GET /v1/batches/batch-0"])
def test_what_no_batch_api_says_is_told(api: Api, tmp_path: Path, answer: Response, path: str) -> None:
    """A web page with status 200, or JSON of another kind, is no crash; nothing is forgotten."""
    api.instead[path] = Response(answer.get_data(), content_type=answer.content_type)

    with pytest.raises(EngineError, match=r"not a JSON answer|none of a Batch API"):
        list(engine(api, tmp_path).run(asked()))

    api.instead.clear()
    assert len(answered(engine(api, tmp_path), asked())) == 3
    assert len(api.batches) == 1 or path == "POST /v1/batches"


def test_batches_of_others_are_passed_over(api: Api, tmp_path: Path) -> None:
    """Whatever else stands in the service's list, ours is found in it and not handed in again."""
    list(engine(api, tmp_path).run(asked()))
    odd: list[Any] = [
        None,
        5,
        {"id": None},
        {"id": "b", "status": 5},
        {"id": "b", "status": "x", "metadata": ["digest"]},
    ]
    ours = list(api.batches.values())
    api.instead["GET /v1/batches"] = said({"data": [*odd, *ours]})

    assert len(answered(engine(api, tmp_path / "other"), asked())) == 3
    assert len(api.batches) == 1


def test_odd_counts_and_reasons_are_left_out(api: Api, tmp_path: Path) -> None:
    """What a batch says beside its state may be anything."""
    for odd in ({"request_counts": "many"}, {"errors": "no"}, {"errors": {"data": [None, "no"]}}):
        api.instead["GET /v1/batches/batch-0"] = said({"id": "batch-0", "status": "failed", **odd})
        with pytest.raises(EngineError, match="was refused: no reason given"):
            list(engine(api, tmp_path).run(asked()))
        api.batches.clear()


@pytest.mark.parametrize("page", ["<html>\nPlease log in\n</html>", ""])
def test_an_output_that_is_none_costs_no_answers(api: Api, tmp_path: Path, page: str) -> None:
    """What the batch answered is paid for: it is fetched by a later run, and asked nowhere else."""
    otherwise = Otherwise()
    api.counts = {"completed": 3, "failed": 0, "total": 3}
    api.instead["GET /v1/files/out/content"] = Response(page, content_type="text/html")
    with pytest.raises(EngineError, match="not the output of a batch"):
        list(engine(api, tmp_path, otherwise).run(asked()))

    api.instead.clear()

    assert len(answered(engine(api, tmp_path, otherwise), asked())) == 3
    assert len(api.batches) == 1
    assert not otherwise.asked


def test_a_model_that_nothing_is_known_of_is_asked_once_at_once(api: Api, tmp_path: Path) -> None:
    """What it does not take is learnt from one request, not from a whole batch; afterwards all go in the batch."""
    otherwise = Otherwise()
    memory = tmp_path / "abilities.json"

    answers = answered(engine(api, tmp_path, otherwise, memory=memory), asked())

    assert len(answers) == 3
    assert otherwise.asked == asked()[:1]
    assert api.handed_in == 2
    Abilities(memory, api.url, lambda: NOON).keep("m-1", Ability("json_object"))
    list(engine(api, tmp_path, otherwise, memory=memory).run(asked(5)))
    assert len(otherwise.asked) == 1


def test_nobody_there_is_told_as_such(tmp_path: Path) -> None:
    """Refused connections are no broken answers."""
    gone = BatchEngine(
        base_url="http://127.0.0.1:9/v1",
        api_key="k",
        clock=lambda: NOON,
        folder=tmp_path,
        otherwise=Otherwise,
        backoff_seconds=0.001,
    )

    with pytest.raises(EngineError, match="no connection"):
        list(gone.run(asked()))
