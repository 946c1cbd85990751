import json
from typing import Any

from fakes import NOON, paper

from digest.checks import judge
from digest.engines import open_engine
from digest.engines.echo import ECHO, EchoEngine
from digest.models import FIELDS, Completion, Request


def request(subject: str) -> Request:
    return Request("m", ({"role": "user", "content": subject},), subject=subject)


def reply_of(engine: Any, subject: str = "2603.00001") -> Completion:
    ((_, answer),) = engine.run([request(subject)])
    assert isinstance(answer, Completion)
    return answer


def test_a_recorded_reply_is_given_as_it_is() -> None:
    """Recorded text is not touched, whatever it is worth."""
    engine = EchoEngine(clock=lambda: NOON, replies={"2603.00001": "{broken"})

    assert reply_of(engine).text == "{broken"


def test_the_echo_makes_a_card_that_passes_the_checks() -> None:
    """Five fields in Chinese without a doubt: no figure and no name is invented."""
    judgement = judge(paper(), reply_of(EchoEngine(clock=lambda: NOON)).text, finish_reason="stop")

    assert judgement.problems == ()
    assert judgement.fields is not None
    assert set(judgement.fields) == set(FIELDS)


def test_the_echo_says_what_it_is() -> None:
    """No reader takes an echo for a summary."""
    assert json.loads(reply_of(EchoEngine(clock=lambda: NOON)).text)["tldr"].startswith("（回显，未经模型）")


def test_no_echo_holds_a_figure() -> None:
    """Not even one that is right by chance."""
    assert not any(char.isdigit() for text in ECHO.values() for char in text)


def test_the_echo_is_always_the_same() -> None:
    """Two runs with one clock give equal answers, and nothing is sent."""
    engine = EchoEngine(clock=lambda: NOON)

    assert reply_of(engine) == reply_of(EchoEngine(clock=lambda: NOON))
    assert engine.sent == 0


def test_the_echo_takes_the_settings_of_other_engines() -> None:
    """A digest.toml made for a service runs with `name = "echo"` unchanged."""
    engine = open_engine("echo", clock=lambda: NOON, base_url=None, api_key="", concurrency=64)

    assert reply_of(engine).engine == "echo"
