"""The batch engine with years of papers: many batches, limits, runs that are killed, answers that nobody asks for."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from batch_api import NOON, Api, Otherwise, answered, asked, engine, good, request, said
from pytest_httpserver import HTTPServer

from digest import backends
from digest.config import Config
from digest.engines import batch, batch_service
from digest.engines.batch import BatchEngine
from digest.engines.batch_service import Service
from digest.engines.cached import CachedEngine
from digest.engines.dialect import BadReply
from digest.engines.jobs import Job, Jobs, name_of
from digest.engines.pieces import Most
from digest.engines.shelf import open_cache
from digest.errors import BatchPending, EngineError
from digest.models import Answer, Completion, Request

REPAIR = tuple({"role": role, "content": "x"} for role in ("system", "user", "assistant", "user"))


@pytest.fixture
def api(httpserver: HTTPServer) -> Api:
    return Api(httpserver)


@dataclass
class Stream:
    """Requests, and how many were taken."""

    requests: list[Request]
    taken: int = 0

    def __iter__(self) -> Iterator[Request]:
        for one in self.requests:
            self.taken += 1
            yield one


@dataclass
class Store:
    """What is kept, as a cache would: what is here is not asked."""

    replies: dict[str, Answer] = field(default_factory=dict)
    writes: int = 0

    def keep(self, answers: Iterable[tuple[Request, Answer]]) -> None:
        for one, answer in answers:
            self.replies[one.key] = answer
            self.writes += 1

    def run(self, one: BatchEngine, requests: list[Request]) -> None:
        """Ask what is not kept."""
        one.keep = self.keep
        for _ in one.run(each for each in requests if each.key not in self.replies):
            pass


# ---- as much as the limits allow ---------------------------------------------------------------------------------


def test_no_more_is_taken_than_there_is_room_for(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all batches under way, the stream has given what they hold and one request more."""
    monkeypatch.setattr(batch, "IN_FLIGHT", 5)
    api.state, stream = "in_progress", Stream(asked(1000))

    with pytest.raises(BatchPending, match=r"15 requests wait in 5 batches \(batch-0, batch-1, batch-2, …\)"):
        list(engine(api, tmp_path, most=Most(requests=3)).run(stream))

    assert stream.taken == 16
    assert len(api.batches) == 5


def test_a_batch_that_is_done_makes_room_for_the_next(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of a long stream is answered with few under way at any time, and only what these hold has been taken."""
    monkeypatch.setattr(batch, "IN_FLIGHT", 2)
    stream, ahead, answers = Stream(asked(30)), 0, 0

    for _ in engine(api, tmp_path, most=Most(requests=3)).run(stream):
        answers += 1
        ahead = max(ahead, stream.taken - answers)

    assert (answers, len(api.batches), set(api.paid.values())) == (30, 10, {1})
    assert api.most_under_way <= 2
    assert ahead <= 2 * 3 + 1


def test_a_service_that_has_accepted_none_gets_few(api: Api, tmp_path: Path) -> None:
    """If its queue is full, no more than these were uploaded in vain."""
    api.state = "validating"

    with pytest.raises(BatchPending):
        list(engine(api, tmp_path, most=Most(requests=1)).run(asked(50)))

    assert len(api.batches) == batch.UNPROVED


def test_each_batch_is_fetched_as_soon_as_it_is_done(api: Api, tmp_path: Path) -> None:
    """A batch that takes long holds up no other."""
    api.states["batch-0"] = "in_progress"
    found: list[str] = []

    with pytest.raises(BatchPending, match=r"2 requests wait in a batch \(batch-0\)"):
        found.extend(one.subject for one, _ in engine(api, tmp_path, most=Most(requests=2)).run(asked(6)))

    assert sorted(found) == [one.subject for one in asked(6)[2:]]


WAIT = 0.2  #: seconds of a clock of the test's own


def test_a_batch_that_comes_back_prolongs_the_wait(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run ends when nothing has come back for as long as it waits, not when it has waited as long in all."""

    slept: list[float] = []
    clock = SimpleNamespace(monotonic=lambda: sum(slept), sleep=slept.append)
    monkeypatch.setattr(batch, "time", clock)

    class Slow(dict[str, str]):
        def get(self, name: str, _other: Any = None) -> str:
            return "completed" if sum(slept) >= 0.6 * WAIT * (int(name[6:]) + 1) else "in_progress"

    api.states = Slow()
    one = engine(api, tmp_path, most=Most(requests=1), wait_seconds=WAIT, poll_seconds=0.01)

    assert len(list(one.run(asked(4)))) == 4
    assert sum(slept) > WAIT


# ---- the service's queue -----------------------------------------------------------------------------------------


def test_a_limit_of_the_queue_is_kept(api: Api, tmp_path: Path) -> None:
    """The batches under way never hold more tokens than the user says the service takes."""
    many = [request(number, parameters={"n": number}) for number in range(10)]
    long = [Request("m-1", ({"role": "system", "content": "s" * 396}, *one.messages[1:])) for one in many]

    assert len(list(engine(api, tmp_path, enqueued_tokens=410).run(long))) == 10
    assert api.most_under_way <= 4
    assert max(len(api.lines(name)) for name in api.batches) == 1


def test_the_queue_s_limit_is_a_key_of_the_configuration(api: Api, tmp_path: Path) -> None:
    """`engine.batch_enqueued_tokens` reaches the engine; without it, nothing is known."""
    settings: dict[str, Any] = {"name": "batch", "base_url": "http://127.0.0.1:9/v1", "batch_enqueued_tokens": 5000}
    config = Config.model_validate({"cache": tmp_path, "api_key": "k", "categories": ["cs.CL"], "engine": settings})

    opened = backends._opened(config, lambda: NOON)

    assert isinstance(opened, BatchEngine)
    assert (opened.room.most, engine(api, tmp_path).room.most) == (5000, None)


def test_a_key_that_comes_twice_is_handed_in_once(api: Api, tmp_path: Path) -> None:
    """A service refuses a file with the same identifier in two lines."""
    assert len(answered(engine(api, tmp_path), [*asked(), *asked()])) == 3
    assert api.handed_in == 3


def test_a_full_queue_is_waited_for_and_its_size_learnt(api: Api, tmp_path: Path) -> None:
    """What the service has refused is handed in again when others are done; each request is answered once."""
    api.queue, otherwise = 7, Otherwise()

    answers = answered(engine(api, tmp_path, otherwise, most=Most(requests=4), wait_seconds=60), asked(40))

    assert len(answers) == 40
    assert set(api.paid.values()) == {1}
    assert otherwise.asked == []
    assert 1 <= list(api.states.values()).count("failed") <= 6


def test_a_queue_that_others_have_filled_is_left_to_a_later_run(api: Api, tmp_path: Path) -> None:
    """Nothing of ours is under way, and the service's reason is told."""
    api.queue = 0

    with pytest.raises(BatchPending, match="at least 5 wait for room; token_limit_exceeded: Enqueued token limit"):
        list(engine(api, tmp_path).run(asked(5)))

    api.queue, api.states = None, {}
    assert len(list(engine(api, tmp_path).run(asked(5)))) == 5


def test_a_service_that_takes_no_batch_now_is_asked_again(api: Api, tmp_path: Path) -> None:
    """429 where a batch is made is no end of the run: what is under way comes in, and the rest is handed in then."""
    one = engine(api, tmp_path, most=Most(requests=2), wait_seconds=60)
    found = 0

    for _ in one.run(asked(8)):
        found += 1
        api.instead = {"POST /v1/batches": said({}, 429)} if found == 2 else {}

    assert found == 8
    assert set(api.paid.values()) == {1}


def test_too_many_requests_teach_nothing_about_the_queue(api: Api, tmp_path: Path) -> None:
    """The pieces stay as large as they were."""
    api.instead = {"POST /v1/batches": said({}, 429)}
    one = engine(api, tmp_path)
    with pytest.raises(BatchPending, match="at least 3 wait for room; 429"):
        list(one.run(asked()))

    api.instead = {}

    assert len(list(one.run(asked()))) == 3
    assert len(api.batches) == 1
    assert one.room.most is None


# ---- killed and run again ----------------------------------------------------------------------------------------


class Killed(BaseException):
    """What no code of ours sees: the process is gone."""


def before(call: Callable[..., Any]) -> Callable[..., Any]:
    def killed(*_args: Any, **_named: Any) -> Any:
        raise Killed

    return killed


def after(call: Callable[..., Any]) -> Callable[..., Any]:
    def killed(*args: Any, **named: Any) -> Any:
        call(*args, **named)
        raise Killed

    return killed


STEPS: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "before the record": (Jobs, "save", before),
    "before the upload": (Service, "create", before),
    "between upload and batch": (batch_service, "batch_of", before),
    "before the batch is noted": (Service, "create", after),
    "after the batch is noted": (Jobs, "known", after),
    "before the output": (Service, "output", before),
    "between output and keep": (Service, "output", after),
    "in the middle of keep": (Store, "keep", before),
    "between keep and drop": (Store, "keep", after),
    "after the drop": (Jobs, "drop", after),
}


@pytest.mark.parametrize("nth", [1, 3])
@pytest.mark.parametrize("step", STEPS)
def test_a_run_that_is_killed_pays_nothing_twice_and_loses_nothing(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, nth: int
) -> None:
    """Whatever the moment, the next run has all answers, each request was in one batch, and no record is left."""
    holder, name, wrap = STEPS[step]
    original, store, calls = getattr(holder, name), Store(), []

    def counted(*args: Any, **named: Any) -> Any:
        calls.append(args)
        return (wrap(original) if len(calls) == nth else original)(*args, **named)

    with monkeypatch.context() as patched:
        patched.setattr(holder, name, counted)
        with pytest.raises(Killed):
            store.run(engine(api, tmp_path, most=Most(requests=2)), asked(8))

    store.run(engine(api, tmp_path, most=Most(requests=2)), asked(8))

    assert store.replies.keys() == {one.key for one in asked(8)}
    assert set(api.paid.values()) == {1}
    assert store.writes == 8 or step == "between output and keep"
    left = list((tmp_path / "batches").glob("*.json"))
    assert len(left) == (step == "between keep and drop")


def test_answers_that_nobody_asks_for_now_are_kept(api: Api, tmp_path: Path) -> None:
    """A day of a long stream that was killed fetches its batch, and the other days' answers in it are not lost."""
    api.state, store = "in_progress", Store()
    with pytest.raises(BatchPending):
        store.run(engine(api, tmp_path), asked(9))
    api.state = "completed"

    store.run(engine(api, tmp_path), asked(3, start=4))

    assert store.replies.keys() == {one.key for one in asked(9)}
    assert {answer.model for answer in store.replies.values() if isinstance(answer, Completion)} == {"m-1"}
    store.run(engine(api, tmp_path), asked(9))
    assert api.handed_in == store.writes == 9


def test_what_comes_up_later_in_the_stream_is_not_handed_in_meanwhile(api: Api, tmp_path: Path) -> None:
    """A batch on record holds it, though the run hands in others before it gets there."""
    api.state, store = "in_progress", Store()
    with pytest.raises(BatchPending):
        store.run(engine(api, tmp_path), asked(3, start=20))
    api.state = "completed"

    store.run(engine(api, tmp_path, most=Most(requests=4)), asked(30))

    assert len(store.replies) == store.writes == 30
    assert set(api.paid.values()) == {1}


def test_a_batch_that_nobody_asks_for_is_neither_waited_for_nor_fetched(api: Api, tmp_path: Path) -> None:
    """Another day's batch stays on record, and the run ends with its own answers."""
    api.states["batch-0"] = "in_progress"
    with pytest.raises(BatchPending):
        list(engine(api, tmp_path).run(asked(3)))
    looks = api.looks["batch-0"]

    assert len(list(engine(api, tmp_path, wait_seconds=60).run(asked(2, start=7)))) == 2
    assert api.looks["batch-0"] == looks
    assert len(list((tmp_path / "batches").glob("*.json"))) == 1


def test_a_run_that_is_called_again_finds_what_the_last_call_left(api: Api, tmp_path: Path) -> None:
    """The same engine goes on: a consumer that stopped in the middle, then asks for all."""
    one, store = engine(api, tmp_path, most=Most(requests=3)), Store()
    one.keep = store.keep
    answers = one.run(asked(12))
    next(answers)
    answers.close()  # type: ignore[attr-defined]

    assert len(list(one.run([each for each in asked(12) if each.key not in store.replies]))) == 9
    assert set(api.paid.values()) == {1}


def test_a_request_that_was_on_its_way_while_its_answer_was_kept_is_not_paid_again(api: Api, tmp_path: Path) -> None:
    """What a budget held back was looked up before; it is read from the output once more, and counted once."""
    api.state, store = "in_progress", Store()
    with pytest.raises(BatchPending):
        store.run(engine(api, tmp_path), asked(4))
    api.state, one = "completed", engine(api, tmp_path)
    one.keep = store.keep
    list(one.run(asked(2)))

    assert [each.subject for each, _ in one.run(asked(1, start=3))] == ["2603.00003"]
    assert api.handed_in == store.writes == 4


def test_a_batch_that_another_run_has_fetched_is_read_but_not_counted_again(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs wait for the same batch: what it cost stands in the books once."""
    api.state, store = "in_progress", Store()
    first = engine(api, tmp_path)
    first.keep = store.keep
    with pytest.raises(BatchPending):
        list(first.run(asked(4)))

    api.state, original, others = "completed", Service.retrieve, [engine(api, tmp_path)]

    def retrieve(service: Service, identifier: str) -> Any:
        found = original(service, identifier)
        if others:
            store.run(others.pop(), asked(2))
        return found

    monkeypatch.setattr(Service, "retrieve", retrieve)

    assert len(list(first.run(asked(2, start=2)))) == 2
    assert store.writes == api.handed_in == 4


def test_a_job_that_never_came_there_is_forgotten(api: Api, tmp_path: Path) -> None:
    """Its requests go in other batches, cut as they come now."""
    keys = [one.key for one in asked(5)]
    Jobs(tmp_path / "batches").save(Job(name_of(keys), engine(api, tmp_path).endpoint.place, tuple(keys), "2026"))

    assert len(answered(engine(api, tmp_path, most=Most(requests=2)), asked(5))) == 5
    assert [len(api.lines(name)) for name in api.batches] == [2, 2, 1]
    assert not list((tmp_path / "batches").iterdir())


def test_a_batch_that_was_made_though_the_answer_was_lost_is_not_made_again(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service takes a batch and its answer breaks: the second try finds it in the list."""
    made: list[Any] = []
    original = batch_service._json

    def broken(response: Any) -> Any:
        said = original(response)
        if response.http_request.method == "POST" and response.http_request.url.path == "/v1/batches" and not made:
            made.append(said)
            raise BadReply("half an answer")
        return said

    monkeypatch.setattr(batch_service, "_json", broken)

    assert len(answered(engine(api, tmp_path), asked())) == 3
    assert len(api.batches) == len(made) == 1


def test_answers_reach_the_cache_on_disk_once(api: Api, tmp_path: Path) -> None:
    """Behind the real cache, a killed stream and a single day of it after: nothing is asked or counted twice."""
    api.state = "in_progress"
    with open_cache(tmp_path) as cache:
        cached = CachedEngine(engine(api, tmp_path, most=Most(requests=5)), cache)
        with pytest.raises(BatchPending):
            list(cached.run(asked(20)))
        api.state = "completed"
        assert len(list(CachedEngine(engine(api, tmp_path), cache).run(asked(1, start=7)))) == 1
        assert len(cached.misses(asked(20))) == 15
        assert len(list(CachedEngine(engine(api, tmp_path), cache).run(asked(20)))) == 20

        assert sum(one.replies for one in cached.spent(NOON.date()).values()) == 20
    assert set(api.paid.values()) == {1}


# ---- what batches leave ------------------------------------------------------------------------------------------


def test_what_an_expired_batch_has_left_goes_in_another_where_it_is_much(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answers are kept; the rest, and only that, is handed in again, at half the price as before."""
    monkeypatch.setattr(batch, "WORTH_A_BATCH", 3)
    requests, otherwise = asked(5), Otherwise()
    api.states["batch-0"] = "expired"
    first = {one.key for one in requests[:2]}
    api.answer = lambda line: good(line["custom_id"]) if line["custom_id"] in first or len(api.batches) > 1 else b"{}"

    assert len(answered(engine(api, tmp_path, otherwise), requests)) == 5
    assert api.lines("batch-1") == [one.key for one in requests[2:]]
    assert otherwise.asked == []


def test_what_two_batches_have_left_is_asked_at_once(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that is always too late is not handed the same for ever."""
    monkeypatch.setattr(batch, "WORTH_A_BATCH", 3)
    api.state, otherwise = "cancelled", Otherwise()

    assert len(answered(engine(api, tmp_path, otherwise), asked(5))) == 5
    assert len(api.batches) == 2
    assert otherwise.asked == asked(5)


def test_a_stranger_s_lines_are_nobody_s_answers(api: Api, tmp_path: Path) -> None:
    """A key that was not in the batch is not kept, even if it is asked elsewhere."""
    other, store, otherwise = request(50), Store(), Otherwise()
    api.answer = lambda _line: good(other.key)

    store.run(engine(api, tmp_path, otherwise), asked(2))

    assert store.replies == {}
    assert otherwise.asked == asked(2)


def test_one_batch_refused_for_what_is_in_it_ends_the_run_after_the_others_are_in(api: Api, tmp_path: Path) -> None:
    """What is done is fetched first; the others' records stay."""
    api.states |= {"batch-0": "failed", "batch-2": "in_progress"}
    original, store = api.looked_at, Store()

    def looked_at(batch: dict[str, Any]) -> dict[str, Any]:
        return original(batch) | (
            {"errors": {"data": [{"code": "invalid_json_line"}]}} if batch["id"][-1] == "0" else {}
        )

    api.looked_at = looked_at  # type: ignore[method-assign]

    with pytest.raises(EngineError, match="batch-0 was refused: invalid_json_line"):
        store.run(engine(api, tmp_path, most=Most(requests=2)), asked(6))

    assert len(store.replies) == 2
    assert len(list((tmp_path / "batches").glob("*.json"))) == 1


def test_repairs_go_out_while_batches_are_under_way(api: Api, tmp_path: Path) -> None:
    """What becomes due with the first answers does not wait for the last batch."""
    api.states["batch-2"] = "in_progress"
    otherwise, due = Otherwise(), asked(20)

    def stream() -> Iterator[Request]:
        while due:
            yield due.pop(0)

    def consume() -> None:
        for each, _ in engine(api, tmp_path, otherwise, most=Most(requests=2)).run(stream()):
            if each.subject == "2603.00001" and not each.is_repair:
                due.insert(0, Request("m-1", REPAIR, subject=each.subject))

    with pytest.raises(BatchPending, match=r"2 requests wait in a batch \(batch-2\)"):
        consume()

    assert [each.subject for each in otherwise.asked] == ["2603.00001"]


def test_many_for_the_other_engine_are_asked_before_more_is_taken(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream of nothing but regenerations stays small in memory, and no piece is cut short by them."""
    monkeypatch.setattr(batch, "MANY_AT_ONCE", 4)
    otherwise, stream = Otherwise(), Stream([request(number, take=number % 4) for number in range(40)])
    ahead = answers = 0

    for _ in engine(api, tmp_path, otherwise, most=Most(requests=5)).run(stream):
        answers += 1
        ahead = max(ahead, stream.taken - answers)

    assert answers == 40
    assert len(otherwise.asked) == 30
    assert [len(api.lines(name)) for name in api.batches] == [5, 5]
    assert ahead < 40
