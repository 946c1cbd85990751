import json
import logging
import signal
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from digest.engines.chat import ChatEngine
from digest.errors import ConfigError, EngineError, EngineRefused, Interrupted
from digest.interrupts import INTERRUPT
from digest.models import Answer, Completion, Request

from .conftest import Service, Told, refused, said

NOON = datetime(2026, 3, 17, 12, tzinfo=UTC)
KEY = "sk-secret-0123456789"
SCHEMA = {"type": "object", "properties": {"tldr": {"type": "string"}}}


def engine(service: Service | None, **options: Any) -> ChatEngine:
    settings: dict[str, Any] = {
        "base_url": service.url if service else "http://127.0.0.1:9/v1",
        "api_key": KEY,
        "clock": lambda: NOON,
        "concurrency": 4,
        "backoff_seconds": 0.01,
        "timeout_seconds": 5,
    }
    return ChatEngine(**{**settings, **options})


def request(number: int = 1, **fields: Any) -> Request:
    messages = ({"role": "user", "content": f"paper {number}"},)
    return Request(**{"model": "m", "messages": messages, "subject": f"2603.{number:05d}", **fields})


def ask(asked: ChatEngine, *requests: Request) -> list[Answer]:
    """The answers in the order of the requests."""
    answers = {one.key: answer for one, answer in asked.run(requests)}
    return [answers[one.key] for one in requests]


def completed(answer: Answer) -> Completion:
    assert isinstance(answer, Completion), str(answer)
    return answer


def failed(answer: Answer) -> str:
    assert isinstance(answer, EngineError), str(answer)
    return str(answer)


def answered_by(first: Told) -> Callable[[int, Any], Told]:
    """The first request is answered so, all others well."""
    before: list[int] = []

    def answer(number: int, body: Any) -> Told:
        before.append(number)
        return first if len(before) == 1 else said()

    return answer


def test_a_reply_becomes_a_completion(service: Service) -> None:
    """Text, model, time, finish reason and tokens come from the reply and the clock."""
    usage = {"prompt_tokens": 90, "completion_tokens": 30, "prompt_tokens_details": {"cached_tokens": 64}}
    choice = {"message": {"content": "你好"}, "finish_reason": "stop"}
    service.answer = lambda number, body: Told(body={"model": "m-1", "choices": [choice], "usage": usage})

    assert ask(engine(service), request()) == [Completion("你好", "chat", "m-1", NOON, "stop", 90, 64, 30)]


def test_every_request_is_answered_once(service: Service) -> None:
    """Forty requests through four slots give forty answers, each to its own question."""
    service.answer = lambda number, body: said(body["messages"][0]["content"])

    pairs = list(engine(service).run(request(n) for n in range(40)))

    assert len(pairs) == 40
    assert all(completed(answer).text == asked.messages[0]["content"] for asked, answer in pairs)
    assert service.most <= 4


def test_requests_are_taken_only_as_slots_get_free(service: Service) -> None:
    """While the first answer is looked at, no more requests were taken than slots and answers explain."""
    taken: list[int] = []

    def requests() -> Iterator[Request]:
        for number in range(500):
            taken.append(number)
            yield request(number)

    next(iter(engine(service).run(requests())))

    assert len(taken) < 100


def test_an_answer_is_handed_out_while_others_are_on_their_way(service: Service) -> None:
    """A fast reply does not wait for a slow one."""
    seen = threading.Event()

    def answer(number: int, body: Any) -> Told:
        assert "paper 1" not in str(body) or seen.wait(20)
        return said()

    service.answer = answer
    run = iter(engine(service).run([request(1), request(2)]))
    first, _ = next(run)
    seen.set()

    assert [first, *(one for one, _ in run)] == [request(2), request(1)]


def test_a_run_left_early_leaves_nothing_behind(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    """Closing the generator with requests in flight closes tasks, sockets and loop without a warning."""
    service.answer = lambda number, body: Told(body=said().body, after=0.0 if number == 1 else 0.3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = engine(service).run(request(n) for n in range(20))
        next(run)
        run.close()  # type: ignore[attr-defined]

    assert not [one for one in caplog.records if one.name == "asyncio"]


def test_an_interrupt_passes_through(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    """Ctrl-C in the middle of a run comes out as itself, once."""

    def requests() -> Iterator[Request]:
        yield request(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(engine(service, concurrency=2).run(requests()))
    assert not [one for one in caplog.records if one.name == "asyncio"]


def test_what_has_arrived_before_an_interrupt_is_kept(service: Service) -> None:
    """Ctrl-C between a reply's arrival and its turn does not cost the reply."""

    def requests() -> Iterator[Request]:
        yield request(1)
        raise KeyboardInterrupt

    asked = engine(service, concurrency=1)
    kept: list[str] = []
    asked.keep = lambda answers: kept.extend(one.subject for one, _ in answers)

    with pytest.raises(KeyboardInterrupt):
        list(asked.run(requests()))
    assert kept == ["2603.00001"]


def test_a_signal_lets_in_what_is_under_way_and_sends_no_more(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent is paid for and kept; then the run ends with the signal's exit code."""
    monkeypatch.setattr(INTERRUPT, "signal", None)

    def answer(number: int, body: Any) -> Told:
        if number == 4:
            assert INTERRUPT.is_noted(signal.SIGTERM)
        return replace(said(), after=0.6)

    service.answer = answer
    asked = engine(service, concurrency=4)
    kept: list[Answer] = []
    asked.keep = lambda answers: kept.extend(one for _, one in answers)

    with pytest.raises(Interrupted, match="SIGTERM") as caught:
        list(asked.run(map(request, range(1, 40))))

    assert caught.value.exit_code == 143
    assert len(list(map(completed, kept))) == len(service.bodies) == 4
    assert not INTERRUPT.is_noted(signal.SIGTERM)


def test_an_error_of_the_caller_passes_through(service: Service) -> None:
    """What the generator of requests raises is not swallowed."""

    def requests() -> Iterator[Request]:
        yield request(1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(engine(service).run(requests()))


def test_an_engine_runs_more_than_once(service: Service) -> None:
    """The second round of a summary uses the same engine."""
    asked = engine(service)

    assert [completed(ask(asked, request(n))[0]).model for n in (1, 2)] == ["m-1", "m-1"]
    assert asked.sent == 2


# ---- trying again


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 529])
def test_a_passing_failure_is_tried_again(service: Service, status: int) -> None:
    """One bad answer costs one more request and nothing else."""
    service.answer = lambda number, body: refused(status) if number == 1 else said()
    asked = engine(service)

    completed(ask(asked, request())[0])
    assert asked.sent == 2


@pytest.mark.parametrize(
    "bad",
    [
        Told(body=b"<html>log in</html>"),
        Told(body=b'{"choices": [{"mess'),
        Told(body=b""),
        Told(body={"choices": []}),
        Told(body={"error": {"message": "upstream"}}),
        Told(body=b"[" * 100_000),
        Told(drop=True),
    ],
    ids=["page", "half", "empty", "no choices", "error in a 200", "nested", "dropped"],
)
def test_a_200_without_a_completion_is_tried_again(service: Service, bad: Told) -> None:
    """A broken answer is no reply."""
    service.answer = lambda number, body: bad if number == 1 else said()

    completed(ask(engine(service), request())[0])


def test_tries_come_to_an_end(service: Service) -> None:
    """A paper that always fails ends as a value with the service's words; the others are answered."""
    service.answer = lambda number, body: refused(500, "oh\n no") if "paper 1" in str(body) else said()
    asked = engine(service, attempts=3)

    bad, good = ask(asked, request(1), request(2))

    assert failed(bad) == "500: oh no"
    completed(good)
    assert asked.sent == 4


def test_too_many_requests_is_no_failed_try(service: Service) -> None:
    """A 429 may come more often than `attempts` without losing the paper."""
    service.answer = lambda number, body: refused(429, headers={"retry-after-ms": "5"}) if number < 9 else said()

    completed(ask(engine(service, attempts=2), request())[0])


def test_patience_ends(service: Service) -> None:
    """A 429 for ever ends the run: what is left is not asked, and the reader is told to come back."""
    service.answer = lambda number, body: refused(429)

    with pytest.raises(EngineError, match=r"out of order .*429: no") as caught:
        ask(engine(service, patience_seconds=0.2), request())
    assert "again later" in str(caught.value.hint)


def test_a_wait_is_obeyed_by_all(service: Service) -> None:
    """A 503 or 429 that asks for 0.3 s holds back every request that has not been sent, as it speaks of the account."""
    for status in (503, 429):
        service.times.clear()
        service.answer = answered_by(refused(status, headers={"retry-after-ms": "300"}))

        list(engine(service, concurrency=2).run(request(n) for n in range(6)))

        late = [moment - service.times[0] for moment in service.times if moment - service.times[0] > 0.1]
        assert len(late) >= 5
        assert min(late) > 0.29


def test_waits_do_not_add_up(service: Service) -> None:
    """Of several waits that overlap, the one that ends last counts."""
    wait = replace(refused(429, headers={"retry-after-ms": "500"}), after=0.2)
    service.answer = lambda number, body: wait if number <= 16 else said()
    began = time.monotonic()

    list(engine(service, concurrency=16).run(request(n) for n in range(20)))

    assert 0.7 < time.monotonic() - began < 16 * 0.5


def test_a_wait_asked_of_many_holds_back_all(service: Service) -> None:
    """Where most of what was sent is told to wait 0.3 s, nothing is sent for so long, not even a new paper."""
    wait = {"retry-after-ms": "300"}
    service.answer = lambda number, body: refused(429, headers=wait) if number <= 5 else said()

    list(engine(service, concurrency=13).run(request(n) for n in range(30)))

    gaps = [after - before for before, after in pairwise(service.times)]
    assert not [gap for gap in gaps if 0.15 < gap < 0.28]


def test_a_wait_may_be_a_date(service: Service) -> None:
    """`Retry-After` as a date counts from the service's own clock, whatever ours says."""
    dates = {"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT", "date": "Fri, 31 Dec 1999 23:59:59 GMT"}
    service.answer = lambda number, body: refused(503, headers=dates) if number == 1 else said()

    completed(ask(engine(service), request())[0])


@pytest.mark.parametrize(
    ("told", "back"), [("3600", "again after 13:00 UTC"), ("Fri, 31 Dec 2099 23:59:59 GMT", "again after 20")]
)
def test_a_wait_too_long_ends_the_run(service: Service, told: str, back: str) -> None:
    """An hour is not slept through: all is kept, and the reader is told when to come back."""
    dates = {"retry-after": told, "date": "Thu, 1 Jan 2026 00:00:00 GMT"}
    service.answer = lambda number, body: refused(503, headers=dates)
    asked = engine(service, concurrency=1)

    with pytest.raises(EngineError, match="asks to wait") as caught:
        ask(asked, request(1), request(2))
    assert back in str(caught.value.hint)
    assert asked.sent == 1


def test_a_used_up_allowance_says_when_it_is_back(service: Service) -> None:
    """Without Retry-After, the reset of what has nothing left tells it."""
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "2h0m0s"}
    service.answer = lambda number, body: refused(429, headers=headers, code="insufficient_quota")

    with pytest.raises(EngineRefused) as caught:
        ask(engine(service), request())
    assert "come back after 14:00 UTC" in str(caught.value.hint)


def test_a_dripping_service_does_not_hang_the_run(service: Service) -> None:
    """A byte now and then resets every read timeout; the try ends all the same."""
    service.answer = lambda number, body: Told(body=said().body, drip=0.05) if number == 1 else said()

    began = time.monotonic()
    completed(ask(engine(service, timeout_seconds=0.3), request())[0])

    assert time.monotonic() - began < 0.05 * len(json.dumps(said().body)) / 2


def test_a_silent_service_is_a_value(service: Service) -> None:
    """No answer in time, twice: the reason says so."""
    service.answer = lambda number, body: Told(body=said().body, after=0.4)

    assert failed(ask(engine(service, timeout_seconds=0.1, attempts=2), request())[0]) == "no answer in time"


def test_a_request_that_never_is_answered_in_time_is_given_up(service: Service) -> None:
    """Each try that hangs may be paid for: three are enough, whatever `attempts` says, and the others go on."""
    service.answer = lambda number, body: Told(body=said().body, after=0.6 if "paper 1" in str(body) else 0.0)
    asked = engine(service, timeout_seconds=0.2)

    bad, good = ask(asked, request(1), request(2))

    assert failed(bad) == "no answer in time"
    completed(good)
    assert asked.sent == 4


# ---- refusals


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_request_is_a_value(service: Service, status: int) -> None:
    """A request the service does not take is not sent again; its reason is one short line."""
    service.answer = lambda number, body: refused(status, "the paper\nis bad " + "x" * 500)
    asked = engine(service)

    reason = failed(ask(asked, request())[0])

    assert reason.startswith(f"{status}: the paper is bad xxx")
    assert len(reason) <= 200
    assert asked.sent == 1


@pytest.mark.parametrize(
    ("told", "fact"),
    [
        (refused(401, "bad key"), "the key is refused"),
        (refused(402, "Insufficient Balance"), "the quota is used up"),
        (refused(403, "not in your country"), "the key may not use 'm'"),
        (refused(404, "gone"), "no model 'm' here"),
        (refused(400, "Model Not Exist", code="model_not_found"), "no model 'm' here"),
        (refused(429, "You exceeded your quota", code="insufficient_quota"), "the quota is used up"),
    ],
    ids=["401", "402", "403", "404", "model", "quota"],
)
def test_a_service_that_refuses_all_ends_the_run(service: Service, told: Told, fact: str) -> None:
    """Key, model and quota are the reader's to mend: one error, no retry, a hint."""
    service.answer = lambda number, body: told
    asked = engine(service, concurrency=1)

    with pytest.raises(EngineRefused, match=fact) as caught:
        ask(asked, request())
    assert caught.value.hint
    assert asked.sent == 1


def test_a_404_after_a_success_is_a_value(service: Service) -> None:
    """One lost request does not end a run that works."""
    service.answer = lambda number, body: refused(404) if "paper 2" in str(body) else said()

    assert failed(ask(engine(service, concurrency=1), request(1), request(2))[1]) == "404: no"


def test_what_is_paid_for_is_handed_out_before_the_run_ends(service: Service) -> None:
    """The quota ends while a reply is on its way: the reply comes first, then the error."""

    def answer(number: int, body: Any) -> Told:
        if "paper 3" in str(body):
            return refused(429, code="insufficient_quota")
        return Told(body=said().body, after=0.2 if "paper 2" in str(body) else 0.0)

    service.answer = answer
    got: list[tuple[Request, Answer]] = []
    with pytest.raises(EngineRefused):
        got.extend(engine(service, concurrency=2).run([request(1), request(2), request(3)]))
    assert [asked.subject for asked, _ in got] == ["2603.00001", "2603.00002"]


def test_the_key_is_in_no_message(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    """A service that echoes the key does not bring it into errors or logs."""
    caplog.set_level(logging.DEBUG, "digest")
    service.answer = lambda number, body: refused(500, f"bad key {KEY}") if number == 1 else refused(401, f"no {KEY}")

    with pytest.raises(EngineRefused) as caught:
        ask(engine(service), request())
    assert KEY not in str(caught.value) + str(caught.value.hint) + caplog.text
    assert "bad key ***" in caplog.text


# ---- no endpoint


def unused_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def test_an_endpoint_that_is_not_there_ends_the_run_soon() -> None:
    """After three quick tries the error names host and port, and where to look."""
    port = unused_port()
    asked = engine(None, base_url=f"http://127.0.0.1:{port}/v1", concurrency=1)

    with pytest.raises(EngineError, match=f"127.0.0.1:{port}: no connection") as caught:
        ask(asked, *(request(n) for n in range(10)))
    assert not isinstance(caught.value, EngineRefused)
    assert asked.sent == 3
    assert "base_url" in str(caught.value.hint)


def test_an_endpoint_lost_on_the_way_ends_the_run(service: Service) -> None:
    """Eight failures in a row, and one request at a time finds out that nothing works: the rest is not tried."""
    service.answer = lambda number, body: said() if number == 1 else Told(drop=True)
    asked = engine(service, concurrency=1, attempts=1, patience_seconds=0.5)
    got: list[tuple[Request, Answer]] = []

    with pytest.raises(EngineError, match=r"out of order .*dropped") as caught:
        got.extend(asked.run(request(n) for n in range(50)))
    assert "what has arrived is kept" in str(caught.value.hint)
    assert asked.sent <= 10


@pytest.mark.parametrize("bad", [refused(503), Told(drop=True)], ids=["503", "dropped"])
def test_an_outage_is_waited_for_and_costs_few_requests(service: Service, bad: Told) -> None:
    """A service that is back after a second has lost no paper, and was not hammered meanwhile."""
    began = time.monotonic()
    service.answer = lambda number, body: bad if 0.1 < time.monotonic() - began < 0.9 else slowly()

    def slowly() -> Told:
        return Told(body=said().body, after=0.02)

    asked = engine(service, concurrency=8)
    answers = list(asked.run(request(n) for n in range(100)))

    assert all(isinstance(answer, Completion) for _, answer in answers)
    assert asked.sent < 100 + 30


def test_a_dead_service_is_asked_little(service: Service) -> None:
    """5xx for everything: after one wave of them the run ends when patience does, with the service's words."""
    service.answer = lambda number, body: refused(500, "boom")
    asked = engine(service, concurrency=32, patience_seconds=0.5)

    with pytest.raises(EngineError, match="500: boom"):
        list(asked.run(request(n) for n in range(500)))
    assert asked.sent <= 32 + 32


def test_web_pages_instead_of_answers_are_no_outage(service: Service) -> None:
    """An address that leads to a web page does so for ever: the run ends at once and names the setting."""
    service.answer = lambda number, body: Told(body=b"<!doctype html><p>Sign in")
    asked = engine(service, concurrency=8, patience_seconds=60)

    with pytest.raises(EngineError, match="a web page") as caught:
        list(asked.run(request(n) for n in range(100)))
    assert "base_url" in str(caught.value.hint)
    assert asked.sent <= 16


def test_failures_that_are_quicker_than_answers_are_no_outage(service: Service) -> None:
    """Of one wave many fail at once and the rest pass later: nothing is held back."""
    service.answer = lambda number, body: refused(500) if number <= 12 else Told(body=said().body, after=0.2)
    asked = engine(service, concurrency=16, backoff_seconds=0.01)
    began = time.monotonic()

    assert all(isinstance(answer, Completion) for _, answer in asked.run(request(n) for n in range(32)))
    assert time.monotonic() - began < 10
    assert asked.sent == 32 + 12


def test_a_dropped_connection_now_and_then_ends_nothing(service: Service) -> None:
    """Failures with successes in between stay values."""
    service.answer = lambda number, body: Told(drop=True) if number % 2 else said()

    answers = list(engine(service, concurrency=1, attempts=1).run(request(n) for n in range(30)))

    assert sum(isinstance(answer, Completion) for _, answer in answers) == 15


# ---- what the service understands


def formats(service: Service) -> list[str | None]:
    return [(body.get("response_format") or {}).get("type") for body in service.bodies]


def test_the_schema_is_sent_strictly(service: Service) -> None:
    """The first rung of the ladder is a JSON schema the service must keep to."""
    ask(engine(service), request(schema=SCHEMA))

    told = service.bodies[0]["response_format"]
    assert told == {"type": "json_schema", "json_schema": {"name": "card", "schema": SCHEMA, "strict": True}}


def test_a_service_without_schemas_is_asked_more_gently_from_then_on(service: Service) -> None:
    """json_schema, then json_object, then nothing; learnt once, and kept for the next run."""

    def answer(number: int, body: Any) -> Told:
        return refused(400, "response_format is unavailable") if "response_format" in body else said()

    service.answer = answer
    asked = engine(service, concurrency=1)

    ask(asked, *(request(n, schema=SCHEMA) for n in range(3)))
    ask(asked, request(9, schema=SCHEMA))

    assert formats(service) == ["json_schema", "json_object", None, None, None, None]


def test_a_refused_format_costs_one_refusal_whatever_the_number_of_slots(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first request goes alone for a moment; the next run knows."""
    monkeypatch.setattr("digest.engines.sending.HEAD_START", (1.0, 1.0))  # a busy machine may be slow to refuse

    def answer(number: int, body: Any) -> Told:
        asked_for = (body.get("response_format") or {}).get("type")
        return Told(body=said().body, after=0.15) if asked_for == "json_object" else refused(400, "no json_schema here")

    service.answer = answer
    first = engine(service, concurrency=24, memory=tmp_path / "abilities.json")
    ask(first, *(request(n, schema=SCHEMA) for n in range(24)))
    again = engine(service, concurrency=24, memory=tmp_path / "abilities.json")
    ask(again, *(request(n, schema=SCHEMA) for n in range(24)))

    assert (first.sent, again.sent) == (25, 24)


def test_a_service_begins_where_it_is_told(service: Service) -> None:
    """What a preset says is not found out by a refusal."""
    ask(engine(service, start="json_object"), request(1, schema=SCHEMA))
    ask(engine(service, start="none"), request(1, schema=SCHEMA))

    assert formats(service) == ["json_object", None]


def test_a_parameter_is_refused_once_whatever_the_number_of_slots(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One refusal for each parameter the service does not take."""
    monkeypatch.setattr("digest.engines.sending.HEAD_START", (1.0, 1.0))  # a busy machine may be slow to refuse
    service.answer = lambda number, body: next(
        (refused(400, f"Unrecognized request argument supplied: {one}") for one in ("seed", "top_p") if one in body),
        Told(body=said().body, after=0.3),
    )
    asked = engine(service, concurrency=32)

    ask(asked, *(request(n, parameters={"seed": 1, "top_p": 1}) for n in range(40)))
    assert asked.sent == 42


def test_a_400_without_a_reason_is_asked_more_gently(service: Service) -> None:
    """Some services only say "bad request" to a schema; the rung that works is kept."""
    service.answer = lambda number, body: (
        said() if body.get("response_format", {}).get("type") == "json_object" else refused(400)
    )

    ask(engine(service, concurrency=1), request(1, schema=SCHEMA), request(2, schema=SCHEMA))

    assert formats(service) == ["json_schema", "json_object", "json_object"]


def test_a_service_that_knows_schemas_is_not_asked_more_gently_for_one_bad_paper(service: Service) -> None:
    """A 400 for one paper, after others worked, is that paper's own."""
    service.answer = lambda number, body: refused(400, "sensitive content") if "paper 2" in str(body) else said()

    ask(engine(service, concurrency=1), *(request(n, schema=SCHEMA) for n in (1, 2, 3)))

    assert formats(service) == ["json_schema"] * 3


def test_a_parameter_the_service_does_not_know_is_left_out(service: Service) -> None:
    """The named parameter is dropped, the others stay; learnt once."""
    service.answer = lambda number, body: (
        refused(400, "Unrecognized request argument supplied: seed") if "seed" in body else said()
    )
    settings = {"seed": 1, "temperature": 0.2}

    ask(engine(service, concurrency=1), request(1, parameters=settings), request(2, parameters=settings))

    assert [sorted(body.keys() - {"model", "messages"}) for body in service.bodies] == [
        ["seed", "temperature"],
        ["temperature"],
        ["temperature"],
    ]


# ---- pace


def test_requests_a_minute_are_spread_evenly(service: Service) -> None:
    """At 1,200 a minute one request leaves every 50 ms, and there is no burst at first."""
    began = time.monotonic()

    list(engine(service, requests_per_minute=1200, concurrency=8).run(request(n) for n in range(10)))

    since = [moment - began for moment in service.times]
    assert all(moment > 0.05 * number - 0.03 for number, moment in enumerate(since))


def test_tokens_a_minute_are_kept(service: Service) -> None:
    """Requests of about 1,000 tokens at 600,000 a minute: after the first ten, ten a second."""
    words = ({"role": "user", "content": "x" * 2000},)
    began = time.monotonic()

    list(engine(service, tokens_per_minute=600_000).run(request(messages=words, take=n) for n in range(15)))

    assert time.monotonic() - began > 0.4


def test_a_service_with_a_limit_of_its_own_is_not_flooded(service: Service) -> None:
    """Where "too many" comes back, fewer are sent: each paper is answered with few requests to spare."""
    taken: list[float] = []

    def answer(number: int, body: Any) -> Told:
        now = time.monotonic()
        if taken and now - taken[-1] < 0.02:
            return refused(429, headers={"retry-after-ms": "20"})
        taken.append(now)
        return said()

    service.answer = answer
    asked = engine(service, concurrency=16)

    answers = list(asked.run(request(n) for n in range(40)))

    assert all(isinstance(one, Completion) for _, one in answers)
    assert asked.sent < 160


@pytest.mark.parametrize("slots", [1, 16])
def test_a_limit_told_in_headers_is_used_and_kept(service: Service, slots: int) -> None:
    """1,200 a minute without a burst, told by the first answer: hardly a request is refused from then on."""
    lock, last = threading.Lock(), [0.0]

    def answer(number: int, body: Any) -> Told:
        names = {"x-ratelimit-limit-requests": "1200", "x-ratelimit-remaining-requests": "0"}
        headers = {**names, "x-ratelimit-reset-requests": "50ms"}
        with lock:
            early = 0.05 - (time.monotonic() - last[0])
            if early > 0:
                return refused(429, headers={**headers, "retry-after-ms": str(round(early * 1000 + 1))})
            last[0] = time.monotonic()
        return Told(body=said().body, headers=headers)

    service.answer = answer
    asked, began = engine(service, concurrency=slots), time.monotonic()

    answers = list(asked.run(request(n) for n in range(30)))

    assert all(isinstance(one, Completion) for _, one in answers)
    assert time.monotonic() - began < 30 * 1.0  # a second is the wait where a service tells nothing
    assert asked.sent < 120  # each slot by itself would send hundreds


# ---- settings


@pytest.mark.parametrize("key", ["sk-a\nb", "sk-ключ", "two words", "", "  "])
def test_a_key_no_header_can_carry_is_an_error_of_the_settings(key: str) -> None:
    """The message names the variable and never the key."""
    with pytest.raises(ConfigError, match="OPENAI_API_KEY") as caught:
        engine(None, base_url="https://example.org/v1", api_key=key)
    assert not key.strip() or key not in str(caught.value)


def test_white_space_around_a_key_is_no_matter(service: Service) -> None:
    """A key read from a file ends with a newline."""
    completed(ask(engine(service, api_key=f" {KEY}\n"), request())[0])


def test_every_request_carries_the_key(service: Service) -> None:
    """A service that is not on this machine answers nobody without one."""
    list(engine(service).run([request(1), request(2)]))
    assert service.keys == [f"Bearer {KEY}"] * 2


def test_a_service_on_this_machine_needs_no_key(service: Service) -> None:
    """Local servers take any key."""
    completed(ask(engine(service, api_key=""), request())[0])


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://example.org", "http://", "http://a:b:c/v1", "/v1"])
def test_what_is_no_address_is_an_error_of_the_settings(url: str) -> None:
    """A base URL without scheme or host is found before anything is sent."""
    with pytest.raises(ConfigError, match=r"engine\.base_url"):
        engine(None, base_url=url)


def test_a_proxy_is_not_asked_for_this_machine(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY does not stand between us and a local server."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{unused_port()}")

    completed(ask(engine(service), request())[0])


def test_answers_are_handed_to_the_keeper_as_they_arrive(service: Service) -> None:
    """What keeps replies sees all that has arrived, though the caller has looked at one only."""
    asked = engine(service, concurrency=4)
    ask(asked, request(99))  # what the service understands is known from here on: all four are on their way
    together = threading.Barrier(4)

    def answer(number: int, body: Any) -> Told:
        together.wait(20)
        return said()

    service.answer = answer
    kept: list[str] = []
    asked.keep = lambda answers: kept.extend(one.subject for one, _ in answers)
    ahead = 0

    for seen, (one, _) in enumerate(asked.run(request(n) for n in range(60)), 1):
        assert one.subject in kept
        ahead = max(ahead, len(kept) - seen)
        time.sleep(0.01)  # others arrive meanwhile

    assert len(kept) == len(set(kept)) == 60
    assert ahead


def test_the_body_is_sent_as_it_is_meant(service: Service) -> None:
    """Model, messages and parameters, and nothing that was not asked for; a lone surrogate does no harm."""
    messages = ({"role": "user", "content": "中\ud800文"},)
    ask(engine(service), request(messages=messages, parameters={"temperature": 0.2}))

    assert service.bodies == [
        {"temperature": 0.2, "model": "m", "messages": [{"role": "user", "content": "中\ufffd文"}]}
    ]
    json.dumps(service.bodies)
