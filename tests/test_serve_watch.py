"""When files changed, and when writing is over."""

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from digest.serve_watch import Calm, marks

HERE = Path("x")


def seen(*states: int, rest: float = 2, longest: float = 100) -> list[bool]:
    """Whether a burst ended at each second, given the state of a file at that second."""
    calm = Calm(rest, longest)
    return [calm.is_over({HERE: (state, 0, 0)}, second) for second, state in enumerate(states)]


def test_what_is_looked_at_for_the_first_time_is_no_change() -> None:
    """An open page came with what it shows."""
    assert not any(seen(1, 1, 1, 1))


def test_a_burst_ends_once_nothing_changed_for_a_while() -> None:
    """Once, not again and again."""
    assert seen(1, 2, 3, 4, 4, 4, 4) == [False, False, False, False, False, True, False]


def test_a_burst_without_an_end_is_told_of_all_the_same() -> None:
    """A reader does not wait for a long night to be over."""
    assert seen(*range(12), longest=5)[6]


@given(st.lists(st.integers(0, 3), min_size=1))
def test_every_change_is_told_of_in_the_end(states: list[int]) -> None:
    """If there was one, the last thing said comes after it."""
    told = seen(*states, *[states[-1]] * 4)
    changes = [at for at in range(1, len(states)) if states[at] != states[at - 1]]

    assert any(told) == bool(changes)
    assert not changes or max(at for at, over in enumerate(told) if over) > changes[-1]


def test_a_file_is_marked_by_time_size_and_being_there(tmp_path: Path) -> None:
    """So an atomic replacement is seen, even one of the same time and size."""
    path = tmp_path / "page"
    before = marks([path])
    path.write_text("a")
    one = marks([path])
    other = tmp_path / "draft"
    other.write_text("b")
    os.utime(other, ns=(path.stat().st_mtime_ns,) * 2)
    other.replace(path)

    assert before[path] == (0, 0, 0)
    assert len({before[path], one[path], marks([path])[path]}) == 3
