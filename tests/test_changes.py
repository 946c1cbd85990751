"""Changes: which replies make the note on a replacement, what is asked, and what stays on record."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fakes import NOON, FakeEngine, card, completion, entry, origin, paper

from digest.changes import describe
from digest.engines.cached import CachedEngine, open_cache
from digest.engines.echo import EchoEngine
from digest.errors import EngineError, EngineRefused
from digest.models import Answer, Change, Entry, Paper, Request
from digest.prompts import Prompt

PROMPT = Prompt(
    system="用{{ language }}比较两版。",
    user="{{ before.title }} {{ before.abstract }} / {{ after.title }} {{ after.abstract }}",
    repair="请改正：{{ problems|join('；') }}",
    language="zh-Hans",
    name="change",
)
NOTE = {"headline": "新版把准确率由 3.5% 改为 4.1%。", "other": "无其他实质变动"}
GOOD = json.dumps(NOTE, ensure_ascii=False)
DOUBTFUL = json.dumps({**NOTE, "headline": "新版把准确率提高到 5.2%。"}, ensure_ascii=False)
BAD = "no JSON at all"


def pair(number: int = 1, **fields: Any) -> tuple[Paper, Entry]:
    """A paper as it was, and its replacement with a card and a change that has no note."""
    arxiv_id = f"2603.{number:05d}"
    change = Change(from_version=1, announced=date(2026, 3, 9), title_changed=False, abstract_changed=True)
    after = entry(
        arxiv_id, **{"version": 2, "abstract": "We gain 4.1%.", "announce_type": "replace", "change": change, **fields}
    )
    return paper(arxiv_id, abstract="We gain 3.5%."), after


def notes(engine: Any, *pairs: tuple[Paper, Entry]) -> list[Entry]:
    return list(describe(pairs, engine, PROMPT, model="m"))


def is_repair(request: Request) -> bool:
    return len(request.messages) > 2


def replies(first: str | EngineError, second: str | EngineError = "never asked") -> Callable[[Request], Answer]:
    def answer(request: Request) -> Answer:
        text = second if is_repair(request) else first
        return text if isinstance(text, EngineError) else completion(text)

    return answer


def note(one: Entry) -> tuple[str, ...]:
    assert one.change is not None
    return one.change.note


def test_a_good_reply_becomes_the_note() -> None:
    """One request that holds both texts; two lines, and where they come from; all else stays."""
    engine = FakeEngine(replies(GOOD))
    before, after = pair(problems=("result: 4.1% is not in the abstract",), replies=(origin(key="card"),))

    (got,) = notes(engine, (before, after))

    assert note(got) == (NOTE["headline"], NOTE["other"])
    assert got.change is not None
    assert got.change.origin is not None
    assert (got.change.origin.key, got.change.origin.prompt) == (engine.asked[0].key, PROMPT.digest)
    assert [reply.key for reply in got.replies] == ["card", engine.asked[0].key]
    assert (got.card, got.problems) == (after.card, after.problems)
    assert "We gain 3.5%. / " in engine.asked[0].messages[1]["content"]
    assert engine.asked[0].messages[1]["content"].endswith("We gain 4.1%.")


def test_each_note_comes_as_soon_as_it_is_settled() -> None:
    """The first does not wait for the second request."""
    engine = FakeEngine(replies(GOOD))

    first = next(describe([pair(1), pair(2)], engine, PROMPT, model="m"))

    assert first.paper.arxiv_id == "2603.00001"
    assert len(engine.asked) == 1


@pytest.mark.parametrize(("bad", "reason"), [(DOUBTFUL, "5.2%"), (BAD, "is not JSON")])
def test_a_bad_reply_is_asked_again_with_the_reasons(bad: str, reason: str) -> None:
    """The second request goes on from the first; both replies are on record."""
    engine = FakeEngine(replies(bad, GOOD))

    (got,) = notes(engine, pair())

    first, second = engine.asked
    assert second.messages[: len(first.messages)] == first.messages
    assert reason in second.messages[-1]["content"]
    assert note(got) == (NOTE["headline"], NOTE["other"])
    assert got.change is not None
    assert got.change.origin is not None
    assert got.change.origin.key == second.key
    assert [reply.key for reply in got.replies] == [first.key, second.key]


@pytest.mark.parametrize(("first", "second"), [(DOUBTFUL, BAD), (BAD, DOUBTFUL), (DOUBTFUL, DOUBTFUL)])
def test_a_note_that_fails_twice_is_left_out(first: str, second: str, caplog: pytest.LogCaptureFixture) -> None:
    """A doubtful note is none; card and problems don't suffer, the replies are on record, and the log says why."""
    before, after = pair()

    (got,) = notes(FakeEngine(replies(first, second)), (before, after))

    assert len(got.replies) == 2
    assert got.model_copy(update={"replies": ()}) == after
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.startswith("2603.00001: no note on version 2: ")


def test_a_failed_answer_leaves_the_entry_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    """A later run asks for it; the others go on."""
    engine = FakeEngine(
        lambda request: EngineError("503") if request.subject == "2603.00001" else replies(GOOD)(request)
    )
    first, second = pair(1), pair(2)

    got = {one.paper.arxiv_id: one for one in notes(engine, first, second)}

    assert got["2603.00001"] == first[1]
    assert note(got["2603.00002"])
    assert "2603.00001: no note on version 2: engine: 503" in caplog.messages


def test_a_failed_repair_keeps_the_first_reply_on_record() -> None:
    """It was paid for; a later run has it from the cache."""
    (got,) = notes(FakeEngine(replies(DOUBTFUL, EngineError("503"))), pair())

    assert note(got) == ()
    assert len(got.replies) == 1


class Broken(FakeEngine):
    """Answers as told until a request that `breaks`."""

    def __init__(self, answer: Callable[[Request], Answer], breaks: Callable[[Request], bool]) -> None:
        super().__init__(answer)
        self.breaks = breaks

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
        for request, answer in super().run(requests):
            if self.breaks(request):
                raise EngineRefused("the key is refused")
            yield request, answer


def test_when_the_service_is_gone_the_notes_that_came_stay() -> None:
    """The rest is yielded without one, with what was paid; then the error."""
    engine = Broken(
        lambda request: completion(GOOD if request.subject == "2603.00001" else DOUBTFUL),
        lambda request: request.subject == "2603.00003",
    )
    pairs = [pair(1), pair(2), pair(3)]
    got: list[Entry] = []

    with pytest.raises(EngineRefused):
        got.extend(describe(pairs, engine, PROMPT, model="m"))

    assert [(one.paper.arxiv_id[-1], bool(note(one)), len(one.replies)) for one in got] == [
        ("1", True, 1),
        ("2", False, 1),
        ("3", False, 0),
    ]
    assert got[2] == pairs[2][1]


@pytest.mark.parametrize("second", [GOOD, BAD])
def test_a_run_from_the_cache_sends_nothing_and_gives_the_same(second: str, tmp_path: Path) -> None:
    """Also where the note failed: nothing else remembers that it was asked for."""
    cache: Any = open_cache(tmp_path)
    (once,) = notes(CachedEngine(FakeEngine(replies(DOUBTFUL, second)), cache), pair())
    engine = FakeEngine()

    again = notes(CachedEngine(engine, cache), pair())
    twice = notes(CachedEngine(engine, cache), (pair()[0], once))
    cache.close()

    assert engine.asked == []
    assert again == twice == [once]


def test_what_is_judged_is_the_whole_reply_in_the_language_of_the_prompt() -> None:
    """Its end counts, and Chinese is no English."""
    cut = FakeEngine(lambda request: completion(GOOD[:-9], finish_reason="length"))
    english = replace(PROMPT, language="en")

    notes(cut, pair())
    (got,) = describe([pair()], FakeEngine(replies(GOOD)), english, model="m")

    assert "was cut off at the length limit" in cut.asked[1].messages[-1]["content"]
    assert note(got) == ()


def test_the_parameters_of_the_request_can_be_given() -> None:
    """They hold for the repair, too."""
    engine = FakeEngine(replies(BAD, GOOD))

    list(describe([pair()], engine, PROMPT, model="m", parameters={"temperature": 1}))

    assert [request.parameters for request in engine.asked] == [{"temperature": 1}] * 2


def test_an_engine_without_a_model_makes_no_note() -> None:
    """Its fixed card says nothing about a change."""
    (got,) = notes(EchoEngine(clock=lambda: NOON), pair())

    assert note(got) == ()


def test_a_replacement_without_a_card_gets_its_note() -> None:
    """The two are asked for apart."""
    (got,) = notes(FakeEngine(replies(GOOD)), pair(card=None, problems=("engine: 503",)))

    assert note(got)
    assert (got.card, got.problems) == (None, ("engine: 503",))


def test_the_note_survives_the_record() -> None:
    """What is yielded opens again as it was saved."""
    (got,) = notes(FakeEngine(replies(GOOD)), pair(card=card()))

    assert Entry.model_validate_json(got.model_dump_json()) == got


def test_the_stage_is_logged_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """INFO: how many notes, and how many replacements are without."""
    caplog.set_level(logging.INFO, "digest.changes")
    engine = FakeEngine(lambda request: completion(GOOD if request.subject == "2603.00001" else BAD))

    notes(engine, pair(1), pair(2))

    assert caplog.messages[-1] == "describe: 1 notes, 1 replacements without"
