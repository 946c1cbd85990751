"""The live display of a backfill: what it says, how fast and how long, and what it leaves of what is logged."""

import io
import logging
import sys
import time

import pytest
from rich.console import Console

from digest import backfill_display, measures
from digest.backfill_display import Pace, Progress, lines, live
from digest.engines.cluster import State
from digest.models import Bill

BILL = Bill(
    engine="chat", model="m", replies=3, prompt_tokens=9, cached_tokens=0, completion_tokens=3, cost=1.5, currency="USD"
)
HALF = Progress(
    editions=10,
    editions_in_all=40,
    papers=500,
    papers_in_all=1000,
    sent=510,
    bills=(BILL,),
    seconds=60.0,
    open=("zh-Hans 2026-03-17", "zh-Hans 2026-03-18"),
)


def told(**fields: object) -> str:
    return "\n".join(lines(Progress(**{**_fields(HALF), **fields}), 510.0, 59.0, 120))  # type: ignore[arg-type]


def _fields(one: Progress) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__slots__}


def test_it_says_how_far_how_fast_and_at_what_cost() -> None:
    """In two lines, and a third for what is open."""
    assert told().splitlines() == [
        "███████████████                10 of 40 editions · 500 of about 1,000 papers",
        "510 requests, 510 a minute · 1.50 USD · 60 s, about 59 s left",
        "open: zh-Hans 2026-03-17, zh-Hans 2026-03-18",
    ]


def test_what_is_not_known_is_not_said() -> None:
    """Without a plan, a price or a pace."""
    assert lines(Progress(0, 4, seconds=2.0), None, None, 80) == [
        f"{'':<20} 0 of 4 editions · 0 papers",
        "0 requests · 2 s",
    ]


def test_of_many_open_editions_the_first_are_named() -> None:
    """The others are counted."""
    names = tuple(f"ja 2026-03-{day}" for day in range(10, 20))

    assert "open: ja 2026-03-10, ja 2026-03-11, ja 2026-03-12 and 7 more" in told(open=names)


def test_each_endpoint_has_a_line() -> None:
    """In columns; of very many, the rest is counted."""
    found = [State(f"h{n}:8000", n, 1000 * n, "down" if n > 8 else "up") for n in range(1, 11)]

    said = told(endpoints=found).splitlines()

    assert said[3:5] == [
        "h1:8000   up        1 in flight      1,000 answered",
        "h2:8000   up        2 in flight      2,000 answered",
    ]
    assert said[-1] == "and 2 endpoints more, 0 of them up"


def test_no_line_is_longer_than_the_terminal() -> None:
    """And nothing that a service calls itself moves the cursor."""
    said = lines(Progress(1, 2, endpoints=[State("\x1b[2J" + "h" * 99, 1, 1, "up")]), None, None, 60)

    assert max(map(len, said)) <= 60
    assert not any("\x1b" in line for line in said)


def test_the_pace_is_that_of_the_last_minutes() -> None:
    """What came from the cache at the beginning does not promise an early end."""
    pace = Pace()
    for second in range(0, 601, 10):
        pace.note(Progress(0, 9, papers=5000 + second, papers_in_all=6200, sent=second, seconds=float(second)))
    now = Progress(0, 9, papers=5600, papers_in_all=6200, sent=600, seconds=600.0)

    assert pace.per_minute(now) == pytest.approx(60.0)
    assert pace.left(now) == pytest.approx(600.0)


def test_without_a_plan_the_editions_tell_what_is_left() -> None:
    """Two in a minute, eight to go."""
    pace = Pace()
    pace.note(Progress(0, 10, seconds=0.0))

    assert pace.left(Progress(2, 10, seconds=60.0)) == pytest.approx(240.0)


def test_a_pace_needs_some_seconds() -> None:
    """And something done: nothing at all has no end."""
    pace = Pace()
    assert pace.per_minute(Progress(0, 10)) is None
    pace.note(Progress(0, 10, seconds=0.0))

    assert pace.per_minute(Progress(0, 10, sent=9, seconds=1.0)) is None
    assert pace.left(Progress(0, 10, sent=9, seconds=60.0)) is None


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


def test_the_display_is_drawn_and_goes_away(screen: io.StringIO) -> None:
    """What was told last is seen; at the end the lines are erased."""
    with live(Console(file=screen, force_terminal=True, width=100)) as tell:
        tell(HALF)
        tell(Progress(11, 40))
        _until(lambda: "11 of 40 editions" in screen.getvalue())

    assert "10 of 40" not in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[1A\x1b[2K")


def test_what_is_logged_stands_above_the_display(screen: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler wrote to standard error before, and does so again afterwards."""
    monkeypatch.setattr(sys, "stderr", screen)
    handler = logging.StreamHandler(screen)
    logging.getLogger().addHandler(handler)
    try:
        with live(Console(file=screen, force_terminal=True, width=100)):
            assert handler.stream is sys.stderr is not screen
            logging.getLogger("digest").warning("the service is slow")
        assert handler.stream is screen
    finally:
        logging.getLogger().removeHandler(handler)

    assert "the service is slow" in screen.getvalue()


def test_a_piped_output_is_left_alone(screen: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines for a file go there, not onto the terminal."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)

    with live(Console(file=screen, force_terminal=True, width=100)):
        sys.stdout.write("2026-03-17: 3 papers\n")

    assert out.getvalue() == "2026-03-17: 3 papers\n"
    assert "3 papers" not in screen.getvalue()


def test_to_tell_costs_next_to_nothing(screen: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is told, it is drawn a few times a second."""
    drawn = 0
    real = backfill_display.lines

    def counted(*args: object) -> list[str]:
        nonlocal drawn
        drawn += 1
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(backfill_display, "lines", counted)
    with live(Console(file=screen, force_terminal=True, width=100)) as tell:
        began = time.monotonic()
        for _ in range(100_000):
            tell(HALF)
        seconds = time.monotonic() - began

    assert drawn <= 3 + 2 * backfill_display.A_SECOND * (seconds + 1)


def test_words_for_times_and_sizes_have_no_gaps() -> None:
    """Each value has its unit, to the largest."""
    assert [measures.duration(one) for one in (0, 99, 100, 3599, 3600, 172_800)] == [
        "0 s", "99 s", "2 min", "60 min", "1.0 h", "2.0 days",
    ]  # fmt: skip
    assert [measures.size(one) for one in (0, 1, 999_499, 999_500, 1e9)] == ["0 kB", "1 kB", "999 kB", "1 MB", "1.0 GB"]


def _until(happens: "object", seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not happens():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.02)
