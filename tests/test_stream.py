"""Several works asked for at once: what is sent when, what is not, and how a failure ends it."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

import pytest
from fakes import completion
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import EngineError
from digest.models import Answer, Completion, Request
from digest.stream import Lookup, Stream


def question(work: str, number: int, asking: int = 0) -> Request:
    text = f"{work} {number} {asking}"
    return Request(model="m", messages=({"role": "user", "content": text},), subject=f"p{number}")


class Questions:
    """A work of so many questions, some of which have to be asked twice, and that may wait for another."""

    def __init__(self, name: str, count: int, twice: Iterable[int] = (), after: "Questions | None" = None) -> None:
        self.name, self.after = name, after
        self.due = deque((number, 0) for number in range(count))
        self.left, self.twice = count, set(twice)
        self.is_over = False
        self.answers: list[Answer] = []
        self.brought: dict[str, Completion] = {}
        self.error: EngineError | None = None

    def questions(self) -> Iterator[tuple[object, Request]]:
        while self.due:
            asked = self.due.popleft()
            yield asked, question(self.name, *asked)

    def known(self, request: Request) -> Completion | None:
        return self.brought.pop(request.subject, None)

    def take(self, asker: tuple[int, int], request: Request, answer: Answer) -> None:
        assert request == question(self.name, *asker)
        self.answers.append(answer)
        if asker[0] in self.twice and asker[1] == 0:
            self.due.append((asker[0], 1))
        else:
            self.left -= 1

    def turn(self) -> bool:
        if self.after and not self.after.is_over:
            return False
        assert not self.left
        self.is_over = True
        return True

    def give_up(self, error: EngineError) -> None:
        self.error = error


class Slots:
    """An engine with so many slots, that answers the oldest first; it tells what was under way together."""

    def __init__(self, slots: int, fails_after: int = 10**9) -> None:
        self.slots, self.left = slots, fails_after
        self.together: list[set[str]] = []
        self.sent: list[Request] = []

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
        todo, flying = iter(requests), deque[Request]()
        while True:
            while len(flying) < self.slots and (request := next(todo, None)) is not None:
                flying.append(request)
                self.sent.append(request)
            if not flying:
                return
            self.together.append({one.subject for one in flying})
            if not self.left:
                raise EngineError("gone")
            self.left -= 1
            yield flying.popleft(), completion()


class Shelf:
    """Works in order; the ones behind a None are not ready until somebody waits."""

    def __init__(self, *works: Questions | None) -> None:
        self.works = deque(works)
        self.taken = 0

    def __call__(self, wait: bool) -> Questions | None:
        while self.works and self.works[0] is None:
            self.works.popleft()
            if not wait:
                return None
        if not self.works:
            return None
        self.taken += 1
        return self.works.popleft()


def streamed(
    engine: Slots,
    *works: Questions | None,
    kept: Iterable[Request] = (),
    ahead: int = 1,
    patient: bool = False,
) -> list[str]:
    """The names of the works in the order in which they were done."""
    replies = {request.key: completion() for request in kept}
    done: list[str] = []
    stream = Stream(
        Shelf(*works), engine, found_in(replies), lambda work: done.append(work.name), ahead=ahead, patient=patient
    )
    stream.run()
    return done


def found_in(replies: Mapping[str, Completion]) -> Lookup:
    return lambda requests: {one.key: replies[one.key] for one in requests if one.key in replies}


def test_the_next_work_is_begun_while_the_last_questions_of_one_are_under_way() -> None:
    """Slots that a work leaves free go to the next one at once."""
    engine = Slots(4)
    assert streamed(engine, Questions("a", 3), Questions("b", 3)) == ["a", "b"]
    assert engine.together[0] == {"a p0", "a p1", "a p2", "b p0"}


def test_works_are_opened_only_as_the_slots_need_them() -> None:
    """Memory holds what is asked for, not what will be."""
    shelf = Shelf(*(Questions(str(number), 5) for number in range(50)))
    opened: list[int] = []
    stream: Stream
    engine = Slots(8)
    stream = Stream(shelf, engine, found_in({}), lambda work: opened.append(len(stream.open)))
    stream.run()
    assert shelf.taken == 50
    assert max(opened) <= 3


def test_what_has_to_be_asked_again_comes_before_later_works() -> None:
    """A work's second questions go out while it is open, and it is done only with their answers."""
    engine = Slots(2)
    assert streamed(engine, Questions("a", 2, twice=[0]), Questions("b", 8)) == ["a", "b"]
    assert [one.subject for one in engine.sent[:3]] == ["a p0", "a p1", "a p0"]


def test_replies_at_hand_never_reach_the_engine() -> None:
    """Neither those on disk nor those that the work brought along."""
    work, engine = Questions("a", 3), Slots(2)
    work.brought["p0"] = completion("brought")
    assert streamed(engine, work, kept=[question("a", 1)]) == ["a"]
    assert [one.subject for one in engine.sent] == ["a p2"]
    assert len(work.answers) == 3


def test_a_long_row_of_kept_works_opens_no_more_than_one_at_a_time() -> None:
    """A repeated run over years that are there holds one of them in memory."""
    works = [Questions(str(number), 3) for number in range(30)]
    kept = [question(str(number), one) for number in range(30) for one in range(3)]
    engine, most = Slots(4), 0
    replies = {request.key: completion() for request in kept}
    stream: Stream

    def done(work: object) -> None:
        nonlocal most
        most = max(most, len(stream.open))

    stream = Stream(Shelf(*works), engine, found_in(replies), done)
    stream.run()
    assert not engine.sent
    assert most == 0
    assert all(work.is_over for work in works)


def test_what_is_on_its_way_is_let_in_during_a_long_row_of_kept_replies(monkeypatch: pytest.MonkeyPatch) -> None:
    """To take in replies from disk must not make the service's own answers come too late."""
    monkeypatch.setattr("digest.stream.LONGEST_LOOK", -1.0)
    engine, last = Slots(4), Questions("b", 50)
    kept = [question("b", one) for one in range(50)]
    assert streamed(engine, Questions("a", 1), last, kept=kept) == ["a", "b"]
    assert engine.together == [{"a p0"}]


def test_a_work_that_waits_for_another_is_done_after_it() -> None:
    """It asks meanwhile what it can."""
    first = Questions("a", 9)
    engine = Slots(3)
    assert streamed(engine, first, Questions("b", 1, after=first)) == ["a", "b"]


def test_the_engine_is_called_again_when_a_work_was_not_ready() -> None:
    """A source that is slower than the service ends a run of the engine, not the stream."""
    engine = Slots(4)
    assert streamed(engine, Questions("a", 2), None, Questions("b", 2)) == ["a", "b"]
    assert {"a p0", "a p1"} in engine.together


def test_an_engine_of_batches_is_not_called_again_for_a_work_that_was_not_ready() -> None:
    """It would wait for all its batches first; to wait for a listing costs it nothing."""
    engine = Slots(4)
    assert streamed(engine, Questions("a", 2), None, Questions("b", 2), patient=True) == ["a", "b"]
    assert engine.together[0] == {"a p0", "a p1", "b p0", "b p1"}


def test_the_same_paper_in_two_works_is_told_apart() -> None:
    """Both are asked at once, and each gets its own answer."""
    engine = Slots(4)
    assert streamed(engine, Questions("2026-03-17", 1), Questions("2026-03-18", 1)) == ["2026-03-17", "2026-03-18"]
    assert engine.together[0] == {"2026-03-17 p0", "2026-03-18 p0"}


def test_a_failure_of_the_engine_ends_every_open_work() -> None:
    """Each may keep what it has, and none is lost."""
    works = [Questions("a", 3), Questions("b", 3), Questions("c", 3)]
    done: list[str] = []
    stream = Stream(Shelf(*works), Slots(4, fails_after=1), found_in({}), lambda work: done.append(work.name))
    with pytest.raises(EngineError, match="gone"):
        stream.run()
    assert done == ["a", "b"]
    assert works[0].error is works[1].error is not None
    assert works[2].error is None


@given(
    counts=st.lists(st.integers(0, 6), max_size=8),
    slots=st.integers(1, 9),
    kept=st.sets(st.tuples(st.integers(0, 7), st.integers(0, 5))),
    twice=st.sets(st.integers(0, 5)),
    gaps=st.sets(st.integers(0, 7)),
    ahead=st.integers(1, 4),
)
def test_every_question_is_asked_once_and_every_work_done_once(
    counts: list[int], slots: int, kept: set[tuple[int, int]], twice: set[int], gaps: set[int], ahead: int
) -> None:
    """Whatever is kept, repeated or late."""
    works = [Questions(f"w{number}", count, twice=twice & set(range(count))) for number, count in enumerate(counts)]
    shelved = [part for number, work in enumerate(works) for part in ([None, work] if number in gaps else [work])]
    engine = Slots(slots)
    done = streamed(engine, *shelved, kept=[question(f"w{work}", number) for work, number in kept], ahead=ahead)
    assert sorted(done) == sorted(work.name for work in works)
    asked = [one.key for one in engine.sent]
    assert len(asked) == len(set(asked))
    assert not {question(f"w{work}", number).key for work, number in kept} & set(asked)
    for count, work in zip(counts, works, strict=True):
        assert len(work.answers) == count + len(work.twice)
