"""The batch engine against a Batch API on loopback: one day of papers."""

from pathlib import Path
from typing import Any

import pytest
from batch_api import NOON, Api, Otherwise, answered, asked, engine, good, request, said
from pytest_httpserver import HTTPServer
from werkzeug import Response

from digest.engines.abilities import Abilities, Ability
from digest.engines.batch import BatchEngine
from digest.engines.jobs import Job, Jobs, name_of
from digest.errors import BatchPending, ConfigError, EngineError, EngineRefused
from digest.models import Request


@pytest.fixture
def api(httpserver: HTTPServer) -> Api:
    return Api(httpserver)


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

    class Slow(dict[str, str]):
        def get(self, name: str, _other: Any = None) -> str:
            return "completed" if api.looks[name] == 4 else "in_progress"

    api.states = Slow()

    assert len(list(engine(api, tmp_path, wait_seconds=60).run(asked()))) == 3
    assert api.looks == {"batch-0": 4}


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


def test_a_batch_the_service_has_forgotten_is_handed_in_anew(
    api: Api, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A 404 for a batch of an earlier run is told, and costs no other run."""
    api.state = "in_progress"
    with pytest.raises(BatchPending):
        list(engine(api, tmp_path).run(asked()))
    api.batches.clear()
    api.state = "completed"

    assert len(answered(engine(api, tmp_path), asked())) == 3
    assert "no such batch any more: batch-0" in caplog.text


def test_an_output_that_the_service_has_forgotten_is_asked_for_anew(api: Api, tmp_path: Path) -> None:
    """Files go after some weeks, and the batch still says that it is done."""
    api.state = "in_progress"
    with pytest.raises(BatchPending):
        list(engine(api, tmp_path).run(asked()))
    api.state = "completed"
    api.failing["/files/out/content"] = 404

    assert len(answered(engine(api, tmp_path), asked())) == 3
    assert len(api.batches) == 2


def test_a_service_that_forgets_what_it_has_just_got_gets_no_more(api: Api, tmp_path: Path) -> None:
    """Handing in again and again would be paid again and again."""
    api.failing["/batches/batch-0"] = 404

    with pytest.raises(EngineRefused, match="no such batch"):
        list(engine(api, tmp_path).run(asked()))

    assert len(api.batches) == 1


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
