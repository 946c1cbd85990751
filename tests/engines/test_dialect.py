import json
from typing import Any

import pytest
from fakes import NOON
from hypothesis import given
from hypothesis import strategies as st

from digest.engines.dialect import BadReply, Dialect, completion_of
from digest.models import Completion, Request

REQUEST = Request(
    "m", ({"role": "user", "content": "x"},), schema={"type": "object"}, parameters={"seed": 1, "top_p": 1}
)

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=8), inside, max_size=3),
    max_leaves=8,
)


def body(message: Any, **fields: Any) -> bytes:
    return json.dumps({"choices": [{"message": message, "finish_reason": "stop"}], **fields}).encode()


def read(content: bytes) -> Completion:
    return completion_of(content, REQUEST, NOON)


@given(st.binary(max_size=200) | anything.map(lambda value: json.dumps(value).encode()))
def test_whatever_a_service_sends_is_a_completion_or_a_bad_reply(content: bytes) -> None:
    """Nothing else comes out of bytes from outside."""
    try:
        answer = read(content)
    except BadReply:
        return
    assert isinstance(answer, Completion)


@given(anything, anything, anything, anything)
def test_odd_fields_around_a_text_do_no_harm(model: Any, usage: Any, details: Any, finish: Any) -> None:
    """The text was paid for: it is kept, whatever stands beside it."""
    fields = {"prompt_tokens": usage, "completion_tokens": details, "prompt_tokens_details": details}
    content = {"choices": [{"message": {"content": "文"}, "finish_reason": finish}], "model": model, "usage": fields}

    answer = read(json.dumps(content).encode())

    assert answer.text == "文"
    assert all(
        isinstance(count, int | None)
        for count in (answer.prompt_tokens, answer.cached_tokens, answer.completion_tokens)
    )
    (answer.model + str(answer.finish_reason)).encode()


@pytest.mark.parametrize(
    ("message", "text", "finish"),
    [
        ({"content": None}, "", "stop"),
        ({}, "", "stop"),
        ({"content": ""}, "", "stop"),
        ({"content": None, "refusal": "I can't"}, "I can't", "refusal"),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "ab", "stop"),
        ({"content": 7}, "", "stop"),
    ],
    ids=["null", "absent", "empty", "refusal", "parts", "number"],
)
def test_a_reply_without_a_text_is_a_completion(message: Any, text: str, finish: str) -> None:
    """It was paid for, so it is kept and judged, not asked for again behind the reader's back."""
    answer = read(body(message))

    assert (answer.text, answer.finish_reason) == (text, finish)


def test_lone_surrogates_are_replaced() -> None:
    """JSON may carry half a character; what is stored and printed may not."""
    assert read(b'{"choices": [{"message": {"content": "a\\ud800b\\ud83d\\ude00"}}]}').text == "a\ufffdb\U0001f600"


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    """One broken byte does not cost the reply."""
    assert read(b'{"choices": [{"message": {"content": "a\xffb"}}]}').text == "a\ufffdb"


def test_cached_tokens_are_found_under_both_names() -> None:
    """OpenAI's detail, and DeepSeek's own key."""
    ours = {"prompt_tokens_details": {"cached_tokens": 64}}
    theirs = {"prompt_cache_hit_tokens": 32}

    assert read(body({"content": "x"}, usage=ours)).cached_tokens == 64
    assert read(body({"content": "x"}, usage=theirs)).cached_tokens == 32


@pytest.mark.parametrize(
    "complaint",
    [
        "seed Unrecognized request argument supplied: seed",
        "Unknown parameter: 'seed'.",
        "Unsupported value: 'seed' does not support 1 with this model.",
        "[{'loc': ['body', 'seed'], 'msg': 'Extra inputs are not permitted'}]",
    ],
)
def test_a_named_parameter_is_left_out_from_then_on(complaint: str) -> None:
    """Four services' ways to say that they do not know `seed`."""
    dialect = Dialect()

    assert dialect.gentler(dialect.body(REQUEST, 0), 0, complaint) == 0
    assert set(dialect.body(REQUEST, 0)) == {"model", "messages", "response_format", "top_p"}


@pytest.mark.parametrize(
    "complaint",
    ["This model's maximum context length is 100 tokens, seed", "context_length_exceeded", "model_not_found: m"],
)
def test_a_complaint_about_something_else_changes_nothing(complaint: str) -> None:
    """A paper that is too long is no reason to ask others more gently."""
    dialect = Dialect()

    assert dialect.gentler(dialect.body(REQUEST, 0), 0, complaint) is None
    assert (dialect.rung, dialect.unknown) == (0, set())


@given(st.lists(st.tuples(st.sampled_from(["", "schema", "seed unknown", "top_p unsupported"]), st.booleans())))
def test_asking_more_gently_comes_to_an_end(weather: list[tuple[str, bool]]) -> None:
    """Whatever a service says, five refusals of one request are the most before it is given up."""
    dialect = Dialect()
    for complaint, passes in weather:
        rung: int | None = dialect.rung
        refusals = 0
        while rung is not None and not (passes and refusals):
            rung = dialect.gentler(dialect.body(REQUEST, rung), rung, complaint)
            refusals += 1
            assert refusals <= 5
        if rung is not None:
            dialect.accepted(rung)


def test_a_rung_that_has_worked_is_not_left_for_good() -> None:
    """One odd refusal of a schema after a success is asked more gently alone."""
    dialect = Dialect()
    dialect.accepted(0)

    assert dialect.gentler(dialect.body(REQUEST, 0), 0, "schema") == 1
    dialect.accepted(1)
    assert dialect.rung == 0
