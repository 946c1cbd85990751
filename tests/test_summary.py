import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeEngine, card, completion, entry, paper, reply

from digest import prompts
from digest.engines.cached import CachedEngine, open_cache
from digest.errors import EngineError, EngineRefused
from digest.models import Answer, Completion, Entry, Request
from digest.prompts import Prompt
from digest.summary import rejudge, summarize

PROMPT = Prompt(
    system="你是科研助手，用{{ language }}写 JSON。",
    user="{{ paper.title }} {{ paper.abstract }} {{ hint or '' }}",
    repair="请改正：{{ problems|join('；') }}",
    language="zh-Hans",
)
BAD = "no JSON at all"
DOUBTFUL = reply(result="在所有测试集上提升 4.1%，优于已有方法。")
MORE_DOUBTFUL = reply(result="在所有测试集上提升 4.1% 和 5.2%，优于已有方法。")


def pending(number: int = 1, **fields: Any) -> Entry:
    return entry(f"2603.{number:05d}", **{"card": None, **fields})


def summary(engine: Any, *entries: Entry, **options: Any) -> list[Entry]:
    return list(summarize(entries, engine, PROMPT, model="m", **options))


def is_repair(request: Request) -> bool:
    return len(request.messages) > 2


def replies(first: str | EngineError, second: str | EngineError = "never asked") -> Callable[[Request], Answer]:
    def answer(request: Request) -> Answer:
        text = second if is_repair(request) else first
        return text if isinstance(text, EngineError) else completion(text)

    return answer


def test_a_good_reply_becomes_a_card() -> None:
    """One request, a card without problems, and where it comes from."""
    engine = FakeEngine()

    (got,) = summary(engine, pending())

    assert got.state == "shown"
    assert got.card is not None
    assert got.card.tldr == card().tldr
    assert got.replies == (got.card.origin,)
    origin = got.card.origin
    assert (origin.engine, origin.model, origin.prompt) == ("fake", "fake-1", PROMPT.digest)
    assert (origin.key, origin.prompt_tokens, origin.completion_tokens) == (engine.asked[0].key, 900, 300)


def test_an_entry_with_a_card_is_not_asked_again() -> None:
    """A second run sends nothing and gives the same entries."""
    engine = FakeEngine()
    once = summary(engine, pending(1), pending(2))
    engine.asked.clear()

    assert summary(engine, *once) == once
    assert engine.asked == []


def test_each_entry_comes_as_soon_as_it_is_settled() -> None:
    """The first card does not wait for the second request."""
    engine = FakeEngine()

    first = next(summarize([pending(1), pending(2)], engine, PROMPT, model="m"))

    assert first.paper.arxiv_id == "2603.00001"
    assert len(engine.asked) == 1


def test_a_bad_reply_is_asked_again_with_the_reasons() -> None:
    """The second request goes on from the first and names what was wrong; its good reply makes the card."""
    engine = FakeEngine(replies(DOUBTFUL, reply()))

    (got,) = summary(engine, pending())

    assert got.state == "shown"
    first, second = engine.asked
    assert second.messages[: len(first.messages)] == first.messages
    assert second.messages[-2]["content"] == DOUBTFUL
    assert "4.1%" in second.messages[-1]["content"]
    assert [origin.key for origin in got.replies] == [first.key, second.key]
    assert got.card is not None
    assert got.card.origin.key == second.key


def test_a_repair_does_not_wait_for_the_others() -> None:
    """It goes out while papers are still asked for the first time, so that it costs no wave of its own."""
    engine = FakeEngine(replies(DOUBTFUL, reply()))

    summary(engine, pending(1), pending(2))

    assert [(one.subject[-1], is_repair(one)) for one in engine.asked] == [
        ("1", False),
        ("1", True),
        ("2", False),
        ("2", True),
    ]


@pytest.mark.parametrize(
    ("first", "second", "state", "figures"),
    [
        (DOUBTFUL, BAD, "flagged", 1),
        (BAD, DOUBTFUL, "flagged", 1),
        (MORE_DOUBTFUL, DOUBTFUL, "flagged", 1),
        (DOUBTFUL, MORE_DOUBTFUL, "flagged", 1),
        (MORE_DOUBTFUL, MORE_DOUBTFUL, "flagged", 2),
        (BAD, reply(), "shown", 0),
    ],
)
def test_the_better_of_two_replies_counts(first: str, second: str, state: str, figures: int) -> None:
    """Clean before usable, few doubts before many, usable before nothing; two requests and no third."""
    engine = FakeEngine(replies(first, second))

    (got,) = summary(engine, pending())

    assert got.state == state
    assert len([one for one in got.problems if one.startswith("result: ")]) == figures
    assert len(engine.asked) == len(got.replies) == 2


def test_what_cant_be_used_leaves_no_words() -> None:
    """Two unreadable replies: no card, a reason, and both replies on record."""
    (got,) = summary(FakeEngine(replies(BAD, BAD)), pending())

    assert got.card is None
    assert got.problems


@pytest.mark.parametrize(("good", "state"), [(2, "shown"), (3, "shown"), (4, "pending")])
def test_a_paper_without_a_usable_reply_is_asked_afresh(good: int, state: str) -> None:
    """After the repair it is asked twice more, from the beginning and under keys of their own."""
    asked: list[Request] = []

    def answer(request: Request) -> Completion:
        asked.append(request)
        return completion(reply() if len(asked) > good else BAD)

    (got,) = summary(FakeEngine(answer), pending())

    assert got.state == state
    assert len(asked) == min(good, 3) + 1 == len({request.key for request in asked})
    assert all(request.messages == asked[0].messages for request in asked[2:])
    assert [origin.repair for origin in got.replies] == [False, True, False, False][: len(asked)]


def test_a_model_that_fails_at_most_papers_is_not_asked_afresh() -> None:
    """Where every reply is bad, more of them cost money and mend nothing: one repair each."""
    engine = FakeEngine(lambda request: completion(BAD))

    got = summary(engine, *map(pending, range(1, 21)))

    assert [entry.state for entry in got] == ["pending"] * 20
    assert all(entry.problems for entry in got)
    assert len(engine.asked) == 40


def test_a_failed_request_is_a_problem_of_its_paper() -> None:
    """One paper's failure is told there; the next paper gets its card."""

    def answer(request: Request) -> Answer:
        return EngineError("503: overloaded") if request.subject == "2603.00001" else completion()

    got = {one.paper.arxiv_id: one for one in summary(FakeEngine(answer), pending(1), pending(2))}

    assert got["2603.00001"].card is None
    assert got["2603.00001"].problems == ("engine: 503: overloaded",)
    assert got["2603.00002"].state == "shown"


def test_a_failed_repair_leaves_the_paper_open() -> None:
    """The first reply was paid for and is on disk: a later run asks for the repair alone."""
    (got,) = summary(FakeEngine(replies(DOUBTFUL, EngineError("503: overloaded"))), pending())

    assert got.state == "pending"
    assert got.problems == ("engine: 503: overloaded",)
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


@pytest.mark.parametrize("round_", [1, 2])
def test_when_the_service_is_gone_every_entry_is_told_of_it(round_: int) -> None:
    """Cards that came stay; the rest is yielded without one, so that the next run asks for it; then the error."""
    doubtful = replies(DOUBTFUL, reply())
    engine = Broken(
        lambda request: completion() if request.subject == "2603.00001" else doubtful(request),
        lambda request: is_repair(request) if round_ == 2 else request.subject == "2603.00002",
    )
    got: list[Entry] = []

    with pytest.raises(EngineRefused):
        got.extend(summarize([pending(1), pending(2), pending(3)], engine, PROMPT, model="m"))

    assert [(one.paper.arxiv_id[-1], one.state) for one in got] == [("1", "shown"), ("2", "pending"), ("3", "pending")]
    assert got[1].problems == got[2].problems == ("engine: the key is refused",)


def test_a_run_from_the_cache_gives_the_same_entries(tmp_path: Path) -> None:
    """Replies on disk make the same cards, times and tokens as when they came, also after a repair."""
    cache: Any = open_cache(tmp_path)
    answer = replies(DOUBTFUL, reply())
    fresh = summary(CachedEngine(FakeEngine(answer), cache), pending(1), pending(2))
    engine = FakeEngine(answer)

    again = summary(CachedEngine(engine, cache), pending(1), pending(2))
    cache.close()

    assert engine.asked == []
    assert again == fresh


def test_a_reply_is_recorded_once() -> None:
    """An entry that was asked for before, in vain, does not count the same reply twice."""
    engine = FakeEngine(replies(BAD, BAD))
    (once,) = summary(engine, pending())

    (twice,) = summary(engine, once)

    assert twice == once


def test_a_regeneration_asks_past_the_card_and_keeps_it() -> None:
    """A new take with the reader's wish is another request; the card it replaces goes to `earlier`."""
    engine = FakeEngine(lambda request: completion(reply(tldr="这是读者要求之后的新的一句话总结。")))
    old = entry(problems=("result: 4.1% is not in the abstract",))

    (got,) = summary(engine, old, hint="写得更短", take=1, again=True)

    assert got.state == "shown"
    assert got.earlier == (old.card,)
    assert got.card is not None
    assert got.card.tldr.startswith("这是读者要求")
    assert "写得更短" in engine.asked[0].messages[1]["content"]
    assert engine.asked[0].key != prompts.ask(PROMPT, old.paper, model="m", hint="写得更短").key


def test_a_regeneration_in_vain_leaves_the_card() -> None:
    """No usable reply: the old card stays, with the new reasons beside it and the replies on record."""
    old = entry()

    (got,) = summary(FakeEngine(replies(BAD, BAD)), old, take=1, again=True)

    assert (got.card, got.earlier) == (old.card, ())
    assert got.problems
    assert len(got.replies) == 4


def test_a_regeneration_done_twice_keeps_one_earlier_card() -> None:
    """The same take again, from the cache, does not put the new card behind itself."""
    engine = FakeEngine(lambda request: completion(reply(tldr="这是新的一句话总结，与以前不同。")))
    (once,) = summary(engine, entry(), take=1, again=True)

    (twice,) = summary(engine, once, take=1, again=True)

    assert twice == once


def test_flags_follow_the_checks() -> None:
    """A saved card is judged again without a request: a figure of its own flags it, a fitting abstract clears it."""
    doubtful = entry(card=card(result="在所有测试集上提升 4.1%，优于已有方法。"))
    fine = doubtful.model_copy(update={"paper": paper(abstract="We gain 4.1% on all sets."), "problems": ("old",)})

    assert rejudge(doubtful, "zh-Hans").problems == ("result: 4.1% is not in the abstract",)
    assert rejudge(fine, "zh-Hans").problems == ()


def test_what_has_no_card_keeps_its_reasons() -> None:
    """There is nothing to judge."""
    bare = pending(problems=("engine: 503: overloaded",))

    assert rejudge(bare, "zh-Hans") == bare


def test_the_stage_is_logged_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """INFO: one line per stage; DEBUG: one per paper."""
    caplog.set_level(logging.DEBUG, "digest.summary")

    summary(FakeEngine(replies(BAD, BAD)), pending(1))

    assert [record.levelname for record in caplog.records] == ["DEBUG", "INFO"]
    assert caplog.messages[-1] == "summarize: 0 cards, 0 with a mark, 1 papers without"
