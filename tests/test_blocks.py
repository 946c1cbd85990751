"""The borders between listings, told from identifiers and times alone, against listings that the tests make up."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest import blocks, schedule
from digest.blocks import Sighting

WEDNESDAY, THURSDAY, FRIDAY = date(2026, 3, 18), date(2026, 3, 19), date(2026, 3, 20)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def listing(announced: date, first: int, *, held: tuple[timedelta, ...] = (), regular: int = 400) -> list[Sighting]:
    """A listing as arXiv numbers it: papers held back by so much before its window, then those of the window."""
    window = schedule.window(announced)
    step = (window.end - window.start) / (regular + 1)
    times = [*(window.start - back for back in sorted(held, reverse=True))]
    times += [window.start + step * number for number in range(1, regular + 1)]
    return [Sighting(f"2603.{number:05}", moment) for number, moment in enumerate(times, first)]


def told(sightings: list[Sighting], announced: date) -> set[str]:
    """What the module says was announced on a date."""
    window, after = schedule.window(announced), schedule.nearest(announced)[1]
    begin = blocks.begin(sightings, window.start, announced)
    return blocks.between(sightings, begin, blocks.begin(sightings, window.end, after))


def ids(sightings: list[Sighting]) -> set[str]:
    return {one.arxiv_id for one in sightings}


backs = st.timedeltas(4 * MINUTE, timedelta(days=20))  # the last regular paper comes less than that before the freeze


@settings(max_examples=40)
@given(st.lists(backs, max_size=60), st.lists(backs, max_size=60), st.lists(backs, max_size=60), st.integers())
def test_three_listings_in_a_row_are_told_apart(
    first: list[timedelta], second: list[timedelta], third: list[timedelta], seed: int
) -> None:
    """However many papers were held back and for however long, each stands where it was announced."""
    one = listing(WEDNESDAY, 5000, held=tuple(first))
    two = listing(THURSDAY, 5000 + len(one), held=tuple(second))
    three = listing(FRIDAY, 5000 + len(one) + len(two), held=tuple(third))
    everything = [*one, *two, *three]
    Random(seed).shuffle(everything)

    assert told(everything, THURSDAY) == ids(two)


@settings(max_examples=40)
@given(st.lists(backs, min_size=4, max_size=60), st.integers())
def test_a_sample_of_the_papers_is_enough(held: list[timedelta], seed: int) -> None:
    """One paper in five is known, as where only some categories are: what is known stands in its listing."""
    one, two = listing(THURSDAY, 5000), listing(FRIDAY, 5400, held=(*held, timedelta(days=9), timedelta(days=2)))
    pick = Random(seed).sample
    known = [*pick(one, 100), one[-1], *pick(two, 100), two[0]]

    assert told(known, FRIDAY) == ids(known) & ids(two)
    assert told(known, THURSDAY) == ids(known) & ids(one)


def test_papers_released_later_belong_to_the_later_listing() -> None:
    """Submitted in time for Thursday, announced on Friday: their identifiers lie beyond the fall of the times."""
    late = (MINUTE * 9, HOUR * 3, HOUR * 30)
    everything = [*listing(THURSDAY, 5000), *listing(FRIDAY, 5400, held=late)]

    assert not told(everything, THURSDAY) & {"2603.05400", "2603.05401", "2603.05402"}
    assert told(everything, FRIDAY) >= {"2603.05400", "2603.05401", "2603.05402"}


def test_without_the_listing_before_papers_of_days_ago_were_held_back() -> None:
    """There is no fall to see, but so few identifiers do not span so much time in a listing."""
    everything = listing(THURSDAY, 5000, held=tuple(timedelta(days=day) for day in range(1, 9)))

    assert told(everything, THURSDAY) == ids(everything)


def test_without_papers_held_back_the_listing_begins_at_its_first_regular_one() -> None:
    """The times go on without a fall."""
    everything = [*listing(THURSDAY, 5000), *listing(FRIDAY, 5400)]

    assert told(everything, FRIDAY) == {f"2603.{number:05}" for number in range(5400, 5800)}


def test_the_day_of_the_last_change_tells_where_times_do_not() -> None:
    """One paper of each kind: only the earlier listing's can have changed before the later one was out."""
    window = schedule.window(FRIDAY)
    tail = Sighting("2603.05000", window.start - 3 * HOUR, THURSDAY)
    held = Sighting("2603.05400", window.start - 2 * HOUR, FRIDAY)
    first = Sighting("2603.05800", window.start + HOUR, FRIDAY)

    assert told([tail, held, first], FRIDAY) == {"2603.05400", "2603.05800"}


def test_a_paper_whose_time_does_not_fit_its_identifier_moves_no_border() -> None:
    """An older paper that is said to be of this window: those submitted before it have greater identifiers."""
    odd = Sighting("2603.05123", schedule.window(FRIDAY).start + 3 * HOUR)
    two = listing(FRIDAY, 5400, held=(timedelta(days=3), HOUR))

    assert told([*listing(THURSDAY, 5000), odd, *two], FRIDAY) == ids(two)


def test_a_paper_far_below_the_others_of_its_time_moves_no_border() -> None:
    """The first one after the freeze, if its time could be trusted: in an hour nobody gives five thousand numbers."""
    odd = Sighting("2603.00010", schedule.window(FRIDAY).start + MINUTE)
    two = listing(FRIDAY, 5400, held=(timedelta(days=3), HOUR))

    assert told([*listing(THURSDAY, 5000), odd, *two], FRIDAY) == ids(two)


def test_papers_a_little_out_of_order_are_no_border() -> None:
    """The times fall furthest where papers of days ago follow."""
    one, two = listing(THURSDAY, 5000), listing(FRIDAY, 5400, held=(timedelta(days=3), HOUR))
    swapped = [Sighting(one[-9].arxiv_id, one[-10].submitted), Sighting(one[-10].arxiv_id, one[-9].submitted)]
    everything = [*one[:-10], *swapped, *one[-8:], *two]

    assert told(everything, THURSDAY) == ids(one)
    assert told(everything, FRIDAY) == ids(two)


def test_short_listings_are_told_apart() -> None:
    """As of twenty years ago: the borders of several lie within reach."""
    one = listing(WEDNESDAY, 5000, held=(timedelta(days=9),), regular=80)
    two = listing(THURSDAY, 5081, held=(timedelta(days=2), HOUR), regular=80)
    three = listing(FRIDAY, 5163, held=(timedelta(days=1), timedelta(minutes=40)), regular=80)

    assert told([*one, *two, *three], FRIDAY) == ids(three)
    assert told([*one, *two, *three], THURSDAY) == ids(two)


def test_one_old_paper_out_of_place_moves_no_border() -> None:
    """The times fall further there than where the next listing begins, but not from so late."""
    odd = Sighting("2603.05350", schedule.window(THURSDAY).start - timedelta(days=30))
    one = [each for each in listing(THURSDAY, 5000) if each.arxiv_id != odd.arxiv_id]
    two = listing(FRIDAY, 5400, held=(timedelta(days=3), HOUR))

    assert told([*one, odd, *two], FRIDAY) == ids(two)


def test_a_later_change_tells_nothing() -> None:
    """A replacement moves the day of the change; the fall of the times still stands."""
    one = [Sighting(each.arxiv_id, each.submitted, FRIDAY) for each in listing(THURSDAY, 5000)]
    two = listing(FRIDAY, 5400, held=(timedelta(days=3),))

    assert told([*one, *two], THURSDAY) == ids(one)


def test_a_month_begins_with_its_first_number() -> None:
    """The identifiers of the month before are those of earlier listings."""
    window = schedule.window(date(2026, 4, 2))
    before = Sighting("2603.30100", window.start - MINUTE)
    held = Sighting("2604.00001", window.start - timedelta(days=2))
    first = Sighting("2604.00002", window.start + MINUTE)

    assert told([before, held, first], date(2026, 4, 2)) == {"2604.00001", "2604.00002"}


def test_old_identifiers_are_told_by_their_time() -> None:
    """Each archive had numbers of its own then."""
    announced = date(2005, 6, 15)
    window = schedule.window(announced)
    first = Sighting("hep-th/0506101", window.start + HOUR)
    other = Sighting("hep-th/0506099", window.start - HOUR)

    assert told([other, first], announced) == {"hep-th/0506101"}


def test_of_nothing_later_no_border_is_known() -> None:
    """All that is known may belong to the newest listing."""
    assert blocks.begin(listing(THURSDAY, 5000), schedule.window(THURSDAY).end, FRIDAY) is None


def test_of_a_listing_that_nothing_is_known_of_nothing_is_told() -> None:
    """All that is known was submitted before it: without a border all of that would be its papers."""
    assert told(listing(THURSDAY, 5000, held=(HOUR,)), FRIDAY) == set()


def test_the_newest_listing_has_all_that_follows() -> None:
    """Where it ends is not known yet."""
    one, two = listing(THURSDAY, 5000), listing(FRIDAY, 5400, held=(timedelta(days=2),))

    assert told([*one, *two], FRIDAY) == ids(two)


@pytest.mark.parametrize(("change", "found"), [(FRIDAY, True), (THURSDAY, False), (None, False)])
def test_the_day_of_the_last_change_counts_from_afar(change: date | None, found: bool) -> None:
    """Of a quiet category no other paper may stand between the held one and the first regular one."""
    window = schedule.window(FRIDAY)
    held = Sighting("2603.05000", window.start - timedelta(days=2), change)
    first = Sighting("2603.06000", window.start + HOUR, FRIDAY)

    assert told([held, first], FRIDAY) == {"2603.06000"} | ({"2603.05000"} if found else set())


def test_a_month_of_papers_takes_no_longer_for_the_border_of_its_first_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those behind the first regular paper are not looked at one by one: there may be twenty thousand."""
    seen: list[Sighting] = []
    real = blocks._is_behind

    def looked_at(one: Sighting, soon: Sequence[Sighting]) -> bool:
        seen.append(one)
        return real(one, soon)

    monkeypatch.setattr(blocks, "_is_behind", looked_at)
    everything = [*listing(THURSDAY, 5000), *listing(FRIDAY, 5400)]

    assert blocks.first_after(everything, schedule.window(THURSDAY).start) == everything[0]
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("held", "shown", "seen"),
    [((), 300, False), ((timedelta(days=2),), 40, True), ((timedelta(days=2), HOUR), 3, False)],
)
def test_a_border_is_seen_with_the_end_of_the_listing_before(
    held: tuple[timedelta, ...], shown: int, seen: bool
) -> None:
    """A fall, and some papers on its far side; no fall may only mean that one has not looked far enough."""
    one, two = listing(THURSDAY, 5000), listing(FRIDAY, 5400, held=held)
    everything = [*one, *two]
    top = 400 + len(held)

    assert blocks.is_seen(everything[top - shown : top + 1], schedule.window(FRIDAY).start) is seen


@given(st.integers(1, 99_999), st.integers(0, 300))
def test_the_identifiers_below_follow_each_other(number: int, count: int) -> None:
    """Down to the first of the month, each with all its digits."""
    found = blocks.below(f"2603.{number:05}", count)

    assert [blocks.place(one) for one in found] == [
        ("2603", one) for one in range(number - 1, max(0, number - 1 - count), -1)
    ]
    assert all(len(one) == 10 for one in found)


def test_old_identifiers_have_none_below() -> None:
    """They can't be guessed."""
    assert blocks.below("hep-th/0506101", 5) == ()


def test_the_neighbours_of_an_identifier() -> None:
    """A place on either side, where there is one."""
    known = [Sighting(f"2603.{number:05}", schedule.window(FRIDAY).start) for number in (5, 9, 2, 12)]

    assert blocks.neighbours(known, "2603.00007") == (("2603", 5), ("2603", 9))
    assert blocks.neighbours(known, "2603.00001") == (None, ("2603", 2))
    assert blocks.neighbours([], "2603.00001") == (None, None)


@pytest.mark.parametrize(
    ("first", "end", "holds"),
    [(1, 5, False), (1, 9, True), (5, 6, True), (9, 9, True), (9, 12, True), (12, 20, False), (12, None, False)],
)
def test_what_stands_between_two_papers_is_of_the_listings_that_touch_them(
    first: int, end: int | None, holds: bool
) -> None:
    """Also of one of which nothing else is known; a listing further off is not concerned."""
    near = ("2603", 5), ("2603", 9)
    assert blocks.may_hold(("2603", first), end and ("2603", end), near) == holds  # type: ignore[arg-type]


def test_what_stands_beyond_all_papers_is_of_the_last_listing_or_a_later_one() -> None:
    """Where a listing begins with nothing known, it may be there."""
    assert blocks.may_hold(None, None, (("2603", 9), None))
    assert not blocks.may_hold(None, None, (("2603", 5), ("2603", 9)))
    assert blocks.may_hold(("2603", 7), None, (("2603", 9), None))


def test_places_follow_time() -> None:
    """Four digits until 2014, five since."""
    assert blocks.place("1412.9999") < blocks.place("1501.00001") < blocks.place("2603.00001")


def test_a_listing_after_a_gap_ends_where_any_later_one_begins() -> None:
    """Days without data in between do no harm."""
    everything = [*listing(WEDNESDAY, 5000), *listing(FRIDAY, 9000, held=(timedelta(days=5),))]

    assert told(everything, WEDNESDAY) == {f"2603.{number:05}" for number in range(5000, 5400)}


assert datetime(2026, 3, 17, 18, tzinfo=UTC) == schedule.window(WEDNESDAY).end
