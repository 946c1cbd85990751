"""How a stream is cut into files for batches, and what refusals teach about the service's queue."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.engines.pieces import Most, Room, Waiting, cut

Item = tuple[int, int]  # bytes and tokens

items = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=60)
limits = st.builds(Most, st.integers(1, 7), st.integers(1, 60), st.integers(1, 60))


class Source:
    """A stream that counts what was taken."""

    def __init__(self, these: list[Item]) -> None:
        self.left = iter(these)
        self.taken = 0

    def pull(self) -> Item | None:
        one = next(self.left, None)
        self.taken += one is not None
        return one


def size_of(one: Item) -> Item:
    return one


def pieces(source: Source, most: Most) -> Iterator[list[Item]]:
    waiting = Waiting(source.pull)
    while piece := cut(waiting, size_of, most):
        yield piece


@given(items, limits)
def test_pieces_hold_the_stream_in_its_order_within_all_limits(these: list[Item], most: Most) -> None:
    """Nothing is left out or doubled; a piece is too much only where it is one request."""
    found = list(pieces(Source(these), most))

    assert [one for piece in found for one in piece] == these
    for piece in found:
        assert len(piece) <= most.requests
        assert len(piece) == 1 or sum(size for size, _ in piece) <= most.bytes
        assert len(piece) == 1 or sum(tokens for _, tokens in piece) <= most.tokens


@given(items, limits)
def test_a_piece_is_as_large_as_may_be(these: list[Item], most: Most) -> None:
    """The first request of the next piece did not fit into this one."""
    found = list(pieces(Source(these), most))

    for piece, (first, *_) in pairwise(found):
        more = [*piece, first]
        assert (
            len(more) > most.requests
            or sum(size for size, _ in more) > most.bytes
            or sum(tokens for _, tokens in more) > most.tokens
        )


@given(items, limits)
def test_no_more_is_pulled_than_the_first_that_does_not_fit(these: list[Item], most: Most) -> None:
    """Whatever comes of the stream later may be a million requests."""
    source, cut_so_far = Source(these), 0

    for piece in pieces(source, most):
        cut_so_far += len(piece)
        assert source.taken <= cut_so_far + (len(piece) < most.requests)


@given(items, limits)
def test_what_is_put_back_comes_first_and_in_its_order(these: list[Item], most: Most) -> None:
    """A refused piece is cut again as it was."""
    waiting = Waiting(Source(these).pull)
    piece = cut(waiting, size_of, most)
    waiting.look()
    waiting.put_back(piece)

    assert cut(waiting, size_of, most) == piece
    assert len(waiting) == (len(piece) < len(these))


@given(items, st.integers(1, 100), st.integers(0, 3))
def test_the_queue_is_never_overfilled(these: list[Item], told: int, slow: int) -> None:
    """As long as pieces come back in their order, those under way hold no more than is told, or are one request."""
    room, waiting = Room(told), Waiting(Source(these).pull)
    flying: list[list[Item]] = []
    rounds = 0

    while waiting.peek() is not None:
        under_way = sum(tokens for piece in flying for _, tokens in piece)
        allowed = room.for_piece(under_way)
        piece = cut(waiting, size_of, Most(5, 1000, allowed)) if allowed else []
        if piece and room.holds(under_way, sum(tokens for _, tokens in piece)):
            flying.append(piece)
        else:
            waiting.put_back(piece)
        all_tokens = [tokens for one in flying for _, tokens in one]
        assert sum(all_tokens) <= told or len([one for one in all_tokens if one]) == 1
        rounds += 1
        if rounds % (slow + 1) == 0 and flying:
            flying.pop(0)
            room.done()
        assert rounds < 10_000


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_queue_s_size_is_found_from_refusals(queue: int, piece: int) -> None:
    """Some refusals of a single piece make it small enough, and no smaller than an eighth of what would have gone."""
    room, tries = Room(), 0

    while (tokens := min(piece, room.for_piece(0))) > queue:
        room.refused(0, int(tokens), "Enqueued token limit reached")
        assert room.for_piece(0) == 0
        room.rested(0)
        tries += 1

    assert tries <= 20
    assert tokens >= min(piece, queue // 8)


def test_the_limit_that_a_refusal_names_is_taken() -> None:
    """Unless the service counts otherwise than we do, and has refused less than that."""
    room, other = Room(), Room()

    room.refused(9_000, 4_000, "Limit: 12,000 enqueued tokens.")
    other.refused(5_000, 4_000, "Limit: 12,000 enqueued tokens.")

    assert room.most == 12_000
    assert other.most == 7_000


def test_a_learnt_limit_grows_again_as_batches_come_back() -> None:
    """It may have been others' batches that filled the queue; but what the user says is never exceeded."""
    room, told = Room(), Room(1000)
    for one in (room, told):
        one.refused(0, 1600, "enqueued")
        for _ in range(5):
            one.done()

    assert room.most is not None
    assert room.most > 1000
    assert told.most == 1000


@pytest.mark.parametrize(("flying", "passes"), [(0, True), (7, False)])
def test_a_full_queue_is_tried_again_by_time_alone_only_if_nothing_is_under_way(flying: int, *, passes: bool) -> None:
    """Else something of ours has to come back first."""
    room = Room()
    room.refused(flying, 8, "enqueued")

    room.rested(flying)

    assert (room.for_piece(flying) > 0) == passes
