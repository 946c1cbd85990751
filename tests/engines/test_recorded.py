"""Replies that a file brought along: used once, before anything is asked."""

from fakes import NOON, FakeEngine, paper, reply

from digest.engines.recorded import RecordedEngine
from digest.models import Completion, Request


def request(arxiv_id: str, text: str = "q") -> Request:
    return Request(model="m", messages=({"role": "user", "content": text},), subject=paper(arxiv_id).arxiv_id)


def test_what_is_recorded_is_not_asked() -> None:
    """The recorded reply answers its paper, and the engine behind all others."""
    behind = FakeEngine()
    engine = RecordedEngine({"2603.00001": reply(tldr="录")}, behind, lambda: NOON)

    answers = {asked.subject: answer for asked, answer in engine.run([request("2603.00001"), request("2603.00002")])}

    recorded = answers["2603.00001"]
    assert isinstance(recorded, Completion)
    assert (recorded.text, recorded.engine, recorded.from_cache) == (reply(tldr="录"), "recorded", True)
    assert [one.subject for one in behind.asked] == ["2603.00002"]


def test_a_second_question_about_a_paper_is_asked() -> None:
    """A record that failed its checks is used up: the repair goes to the engine behind."""
    behind = FakeEngine()
    engine = RecordedEngine({"2603.00001": "broken"}, behind, lambda: NOON)
    list(engine.run([request("2603.00001")]))

    list(engine.run([request("2603.00001", "again")]))

    assert [one.subject for one in behind.asked] == ["2603.00001"]


def test_with_nothing_recorded_requests_pass_through_one_by_one() -> None:
    """The engine behind takes the requests as it needs them; none is held back."""
    taken: list[str] = []

    def requests() -> object:
        for arxiv_id in ("2603.00001", "2603.00002"):
            taken.append(arxiv_id)
            yield request(arxiv_id)

    answers = RecordedEngine({}, FakeEngine(), lambda: NOON).run(requests())  # type: ignore[arg-type]
    next(answers)

    assert taken == ["2603.00001"]
