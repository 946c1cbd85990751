"""Many dates in one go: the same editions as one by one; nothing is lost at a failure, nor asked again after it."""

import json
import threading
import time
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import fakes
import pytest
from fakes import FakeEngine, completion, reply
from loopback import compile_once

from digest import backfill as backfills
from digest import config as configs
from digest import listings, pipeline, press, publishing, sites
from digest.agenda import Order
from digest.backfill import Made, Result, backfill
from digest.backfill_display import Progress
from digest.config import Config
from digest.errors import BusyError, EngineError, SourceError, StorageError
from digest.folder_lock import alone
from digest.models import Answer, Edition, Listing, Request
from digest.press import Printed
from digest.selection import Rules
from digest.store import Store

MONDAY, TUESDAY, WEDNESDAY = date(2026, 3, 16), date(2026, 3, 17), date(2026, 3, 18)
DAYS = (MONDAY, TUESDAY, WEDNESDAY)


def now() -> datetime:
    return datetime(2026, 4, 1, 12, tzinfo=UTC)


def row(arxiv_id: str, announced: date, **fields: Any) -> dict[str, Any]:
    return {
        "id": arxiv_id,
        "announced": str(announced),
        "title": f"Title of {arxiv_id}",
        "authors": ["Ada Lovelace"],
        "categories": ["cs.CV"],
        "abstract": f"Abstract of {arxiv_id}, a gated attention.",
        **fields,
    }


ROWS = [row(f"2603.{day.day:02d}{number:03d}", day) for day in DAYS for number in range(4)]


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    engine = FakeEngine()
    monkeypatch.setattr(fakes, "opened", lambda **options: engine)
    return engine


class Printer:
    """A press that notes what it is given."""

    def __init__(self, configs: Iterable[Config]) -> None:
        self.printed: list[tuple[str, date]] = []

    def add(self, config: Config, announced: date) -> None:
        assert Store(config.output).load(announced) is not None
        self.printed.append((config.language, announced))
        Store(config.output).settle(announced)

    def close(self) -> Printed:
        return Printed(len(self.printed), ())


@pytest.fixture
def no_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfills, "Press", Printer)


@pytest.fixture
def config(model: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    compile_once(monkeypatch)
    (tmp_path / "digest.toml").write_text(
        'categories = ["cs.CV"]\n[engine]\nname = "fakes:opened"\nmodel = "fake-1"\n', encoding="utf-8"
    )
    write(tmp_path, ROWS)
    return configs.load(tmp_path / "digest.toml", {"output": str(tmp_path / "site"), "cache": str(tmp_path / "c")}, {})


def write(folder: Path, rows: Iterable[dict[str, Any]]) -> Path:
    path = folder / "papers.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    return path


def made(config: Config, days: Iterable[date] = DAYS, **told: Any) -> Result:
    papers = config.home / "papers.jsonl"
    jobs = [(one, day) for day in days for one in sites.each(config)]
    order = Order(papers=papers)
    return backfill(config, jobs, order, lambda: listings.Files(papers, (), tuple(days)), now, **told)


def one_by_one(config: Config, days: Iterable[date] = DAYS) -> None:
    """The same as `digest run` for each date."""
    papers = config.home / "papers.jsonl"
    for day in days:
        pipeline.run(config, Order(day, papers), now, desk=listings.Files(papers, (), tuple(days)))


def elsewhere(config: Config) -> Config:
    folder = config.home / "other"
    return config.model_copy(update={"output": folder / "site", "cache": folder / "cache"})


def on_file(config: Config) -> dict[str, bytes]:
    """Every edition and page of a site."""
    files = (path for path in config.output.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {str(path.relative_to(config.output)): path.read_bytes() for path in files if ".heads" not in path.parts}


def loaded(config: Config, day: date) -> Edition:
    found = Store(config.output).load(day)
    assert found is not None
    return found


def test_editions_and_pages_are_those_of_runs_one_by_one(config: Config) -> None:
    """Byte for byte, archive and feeds included."""
    result = made(config)
    assert (result.made, result.sent, result.failure) == (3, 12, None)
    other = elsewhere(config)
    one_by_one(other)
    assert on_file(config) == on_file(other)
    assert result.pages > 0


@pytest.mark.usefixtures("no_pages")
def test_a_paper_in_two_dates_on_their_way_has_one_card(config: Config, model: FakeEngine) -> None:
    """Announced again as a cross-list while its first date is still open, it takes over the card."""
    write(config.home, [*ROWS, row(ROWS[0]["id"], TUESDAY, announce_type="cross"), row(ROWS[1]["id"], WEDNESDAY)])
    made(config)
    other = elsewhere(config)
    asked = len(model.asked)
    one_by_one(other)
    assert asked == 12
    for day in DAYS:
        assert loaded(config, day) == loaded(other, day)
    assert loaded(config, TUESDAY).entries[-1].first_announced == MONDAY


@pytest.mark.usefixtures("no_pages")
def test_replacements_get_card_and_note_as_in_runs_one_by_one(config: Config, model: FakeEngine) -> None:
    """What a replacement changed is told, though the edition before it was not there when it was collected."""
    fresh = row(ROWS[0]["id"], TUESDAY, announce_type="replace", version=2, abstract="Another abstract of attention.")
    write(config.home, [*ROWS, fresh])
    made(config)
    other = elsewhere(config)
    one_by_one(other)
    assert loaded(config, TUESDAY).replacements == loaded(other, TUESDAY).replacements
    assert loaded(config, TUESDAY).replacements[0].change is not None


@pytest.mark.usefixtures("no_pages")
def test_what_the_service_answered_before_it_went_is_kept_and_not_asked_again(
    config: Config, model: FakeEngine
) -> None:
    """Every open edition is saved; the next run asks for what is missing, and no more."""
    left = iter(range(7))

    def answer(request: Request) -> Answer:
        if next(left, None) is None:
            raise EngineError("gone")
        return completion()

    model.answer = answer
    result = made(config)
    assert isinstance(result.failure, EngineError)
    assert result.made < 3
    model.answer, before = lambda request: completion(), len(model.asked)
    again = made(config)
    assert again.made == 3
    assert len(model.asked) - before == 12 - 7
    assert not sum(loaded(config, day).count("pending") for day in DAYS)


@pytest.mark.usefixtures("no_pages")
def test_editions_are_saved_as_they_complete(config: Config, model: FakeEngine) -> None:
    """The first one stands in its file while the last one is asked for."""
    seen: list[int] = []

    def answer(request: Request) -> Answer:
        edition = Store(config.output).load(MONDAY)
        seen.append(edition.count("shown") if edition else 0)
        return completion()

    model.answer = answer
    notes: list[Made] = []
    made(config, note=notes.append)
    assert seen[0] == 0
    assert seen[-1] == 4
    assert [one.announced for one in notes] == list(DAYS)


@pytest.mark.usefixtures("no_pages")
def test_newest_first_is_the_order_of_the_dates_given(config: Config) -> None:
    """Whatever the order, the same editions come out where no paper is in two of them."""
    notes: list[Made] = []
    made(config, reversed(DAYS), note=notes.append)
    assert [one.announced for one in notes] == [WEDNESDAY, TUESDAY, MONDAY]
    other = elsewhere(config)
    one_by_one(other)
    assert [loaded(config, day) for day in DAYS] == [loaded(other, day) for day in DAYS]


@pytest.mark.usefixtures("no_pages")
def test_an_edition_that_another_run_wrote_meanwhile_stays(config: Config, model: FakeEngine) -> None:
    """Someone may mend a card of a date that a backfill has just begun with."""
    other = elsewhere(config)
    one_by_one(other, [MONDAY])
    theirs = Store(other.output).path(MONDAY).read_bytes() + b"\n"

    def answer(request: Request) -> Answer:
        Store(config.output).path(MONDAY).write_bytes(theirs)
        return completion()

    model.answer = answer
    notes: list[Made] = []
    made(config, note=notes.append)
    assert Store(config.output).path(MONDAY).read_bytes() == theirs
    assert [one.is_ours for one in notes] == [False, True, True]


@pytest.mark.usefixtures("no_pages")
def test_languages_share_one_stream_and_one_collection(config: Config, model: FakeEngine) -> None:
    """Each language has its own editions of every date."""
    both = config.model_copy(update={"languages": ("zh-Hans", "en")})
    model.answer = lambda request: completion(reply(tldr="A gated attention is proposed and tested here."))
    result = made(both)
    assert result.made == 6
    assert loaded(both.in_language("en"), MONDAY).language == "en"
    assert loaded(both.in_language("zh-Hans"), MONDAY).language == "zh-Hans"


@pytest.mark.usefixtures("no_pages")
def test_dates_that_files_do_not_hold_are_told_apart(config: Config) -> None:
    """They are no failure."""
    result = made(config, [*DAYS, date(2026, 3, 19)])
    assert result.made == 3
    assert result.lacking == [date(2026, 3, 19)]
    assert not result.failed


class Down:
    """arXiv, out of order from a date on."""

    def __init__(self, config: Config, first: date, asked: list[date]) -> None:
        self.files = listings.Files(config.home / "papers.jsonl", (), DAYS)
        self.first, self.asked = first, asked

    def listing(self, announced: date, rules: Rules) -> Listing:
        self.asked.append(announced)
        if announced >= self.first:
            raise SourceError("down")
        return self.files.listing(announced, rules)


@pytest.mark.usefixtures("no_pages")
def test_an_outage_of_arxiv_ends_the_collecting_and_what_was_collected_is_made(config: Config) -> None:
    """Two dates in a row; the others would fare no better."""
    days, asked = [*DAYS, date(2026, 3, 19), date(2026, 3, 20)], list[date]()
    jobs = [(sites.each(config)[0], day) for day in days]
    result = backfill(config, jobs, Order(), lambda: Down(config, TUESDAY, asked), now)
    assert result.made == 1
    assert asked == [MONDAY, TUESDAY, WEDNESDAY]
    assert [day for day, _ in result.failed] == [TUESDAY, WEDNESDAY]


@pytest.mark.usefixtures("no_pages")
def test_a_bug_in_the_collecting_thread_is_raised(config: Config) -> None:
    """It must not look like the end of the dates."""

    class Broken:
        def listing(self, announced: date, rules: Rules) -> Listing:
            raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        backfill(config, [(sites.each(config)[0], MONDAY)], Order(), Broken, now)


@pytest.mark.usefixtures("no_pages")
def test_how_far_it_is_can_be_told_at_any_time(config: Config) -> None:
    """After the last answer all editions and papers are counted."""
    told: list[Progress] = []
    made(config, tell=told.append)
    assert told[0].editions_in_all == 3
    assert (told[-1].editions, told[-1].papers, told[-1].sent) == (3, 12, 12)
    assert told[-1].open == ()
    assert [one.papers for one in told] == sorted(one.papers for one in told)


@pytest.mark.usefixtures("no_pages")
def test_one_backfill_at_a_time_works_on_a_folder(config: Config) -> None:
    """A run for a single date may work beside it."""
    with alone(config.output), pytest.raises(BusyError, match="another backfill"):
        made(config)
    other = elsewhere(config)
    with alone(other.output):
        one_by_one(other, [MONDAY])


@pytest.mark.usefixtures("no_pages")
def test_a_listing_is_collected_while_the_service_answers(config: Config, model: FakeEngine) -> None:
    """The thread is some dates ahead, and no more."""
    collected = list[date]()
    files = listings.Files(config.home / "papers.jsonl", (), DAYS)

    class Watched:
        def listing(self, announced: date, rules: Rules) -> Listing:
            assert threading.current_thread() is not threading.main_thread()
            collected.append(announced)
            return files.listing(announced, rules)

    backfill(config, [(sites.each(config)[0], day) for day in DAYS], Order(papers=Path("x")), Watched, now)
    assert collected == list(DAYS)


# ---- the press


def test_the_press_makes_the_pages_that_render_makes(config: Config) -> None:
    """In a process of its own; the archive holds all dates at the end."""
    one_by_one(config)
    pages = on_file(config)
    for name in pages:
        if not name.startswith("editions/"):
            (config.output / name).unlink()
    made_by = press.Press([config])
    for day in DAYS:
        made_by.add(config, day)
    printed = made_by.close()
    assert not printed.faults
    assert on_file(config) == pages
    assert publishing.is_up_to_date(config, Store(config.output), loaded(config, MONDAY))


def test_a_fault_of_a_template_reaches_who_asked_for_the_pages(config: Config) -> None:
    """With its mend; the editions are safe."""
    one_by_one(config, [MONDAY])
    (config.home / "templates/site").mkdir(parents=True)
    (config.home / "templates/site/day.html.j2").write_text("{% if %}", encoding="utf-8")
    made_by = press.Press([config])
    made_by.add(config, MONDAY)
    (fault,) = made_by.close().faults
    assert "day.html.j2" in str(fault)


def test_a_press_that_is_killed_is_told_of(config: Config) -> None:
    """No page is a reason to wait for ever."""
    one_by_one(config, [MONDAY])
    made_by = press.Press([config])
    made_by.add(config, MONDAY)
    assert made_by._process is not None
    made_by._process.kill()
    made_by._process.join()
    (fault,) = made_by.close().faults
    assert fault.hint == "digest render makes them"


def test_a_press_gets_no_secret(config: Config) -> None:
    """A process that makes pages needs none."""
    secret = configs.load(config.file, {}, {"OPENAI_API_KEY": "sk-hidden"})
    assert secret.hidden == ("sk-hidden",)
    (sent,) = press.Press([secret])._configs
    assert sent.hidden == ()


# ---- beside others, and when something fails


@pytest.mark.usefixtures("no_pages")
def test_what_another_run_made_of_a_date_that_waits_is_taken_over(config: Config, model: FakeEngine) -> None:
    """Its listing was collected before; a card that somebody had written anew meanwhile must not be lost."""
    other = elsewhere(config)
    model.answer = lambda request: completion(reply(tldr="别人重新写的摘要，用门控注意力。"))
    one_by_one(other, [TUESDAY])
    theirs = Store(other.output).path(TUESDAY).read_bytes()
    collected = threading.Event()
    files = listings.Files(config.home / "papers.jsonl", (), DAYS)

    class Watched:
        def listing(self, announced: date, rules: Rules) -> Listing:
            if announced == WEDNESDAY:
                collected.set()
            return files.listing(announced, rules)

    def answer(request: Request) -> Answer:
        assert collected.wait(10)
        Store(config.output).path(TUESDAY).write_bytes(theirs)
        model.answer = lambda request: completion()
        return completion()

    model.answer = answer
    before = len(model.asked)
    jobs = [(sites.each(config)[0], day) for day in DAYS]
    result = backfill(config, jobs, Order(papers=config.home / "papers.jsonl"), Watched, now)
    assert result.made + len(result.elsewhere) == 3
    assert len(model.asked) - before == 8
    cards = [entry.card for entry in loaded(config, TUESDAY).entries]
    assert all(card and card.tldr.startswith("别人") for card in cards)


@pytest.mark.usefixtures("no_pages")
def test_an_edition_that_can_not_be_saved_ends_it_after_what_was_on_its_way(
    config: Config, model: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk: the replies are kept, the failure says the mend, and the next run asks for the rest alone."""
    save, is_full = Store.save, True

    def saved(self: Store, edition: Edition) -> bool:
        if is_full and edition.announced == MONDAY and edition.count("shown"):
            raise StorageError("no room", hint="make room")
        return save(self, edition)

    monkeypatch.setattr(Store, "save", saved)
    result = made(config)
    assert isinstance(result.failure, StorageError)
    is_full = False
    asked = len(model.asked)
    assert made(config).failure is None
    assert len(model.asked) == 12
    assert asked < 12 or result.made


@pytest.mark.usefixtures("no_pages")
def test_a_paper_that_a_rule_kept_out_is_known_to_later_dates(config: Config) -> None:
    """As in runs one by one: when it is replaced, the edition says what changed."""
    first = row("2603.16900", MONDAY, abstract="A survey of attention.")
    fresh = row("2603.16900", TUESDAY, announce_type="replace", version=2, abstract="Another overview of attention.")
    write(config.home, [*ROWS, first, fresh])
    strict = config.model_copy(update={"exclude": ("survey",)})
    made(strict)
    other = elsewhere(strict)
    one_by_one(other)
    assert loaded(strict, MONDAY).excluded
    assert loaded(strict, TUESDAY) == loaded(other, TUESDAY)


def test_a_press_goes_on_listening_while_another_run_works_on_the_folder(config: Config) -> None:
    """Else hundreds of editions later who saves them would wait for it for ever."""
    one_by_one(config)
    made_by = press.Press([config])
    with Store(config.output).locked():
        for _ in range(20_000):  # more than a pipe holds
            made_by.add(config, MONDAY)
    assert not made_by.close().faults


def test_a_run_waits_for_the_pages_of_a_backfill_and_for_nothing_else(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A night is not lost to a backfill that goes on for days."""
    store = Store(config.output)
    with store.locked():
        began = time.monotonic()
        with pytest.raises(BusyError), store.locked():
            pass
        assert time.monotonic() - began < 2
    with alone(config.output):
        held = store.locked()
        held.__enter__()
        threading.Timer(0.3, lambda: held.__exit__(None, None, None)).start()
        with store.locked():
            pass
        monkeypatch.setattr("digest.folder_lock.PAGES", 0.3)
        with store.locked(), pytest.raises(BusyError), store.locked():
            pass
