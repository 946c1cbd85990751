"""What is on file and what a run would take: looked at without changing anything."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import fakes
import pytest
from fakes import GOOD, FakeEngine, completion, edition, entry, origin, paper, reply
from pytest_httpserver import HTTPServer

from digest import agenda, overview, pipeline, prompts, terminal
from digest.agenda import Order
from digest.config import Config
from digest.models import Entry, Paper
from digest.settings import Arxiv, EngineSettings, Price
from digest.store import Store

DAY = date(2026, 3, 17)
PAPERS = [
    paper(f"2603.0000{n}", title=title, abstract=f"{title} is a method of ours, after Foo.")
    for n, title in enumerate(("Foo", "Bar", "Baz"), 1)
]


NOTE = {"headline": "新版换了一种方法。", "other": "无其他实质变动"}


def carded(one: Paper) -> Entry:
    return entry(one.arxiv_id).model_copy(update={"paper": one})


def clock() -> datetime:
    return datetime(2026, 3, 20, 12, tzinfo=UTC)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    engine = FakeEngine()
    monkeypatch.setattr(fakes, "opened", lambda **options: engine)
    monkeypatch.setattr("digest.render.FORMATS", ())
    return engine


@pytest.fixture
def config(model: FakeEngine, tmp_path: Path) -> Config:
    settings = EngineSettings(name="fakes:opened", model="fake-1")
    return Config(output=tmp_path / "site", cache=tmp_path / "cache", home=tmp_path, engine=settings)


@pytest.fixture
def order(tmp_path: Path) -> Order:
    """A run over a file of three papers."""
    return Order(DAY, papers=written(tmp_path, {}))


def written(folder: Path, cards: Mapping[str, Mapping[str, str]]) -> Path:
    """The file of the papers; `cards` are those it brings along, by identifier."""
    rows = [one.model_dump(mode="json") | dict(cards.get(one.arxiv_id, {})) for one in PAPERS]
    path = folder / "day.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def estimated(config: Config, order: Order) -> overview.Estimate:
    return overview.estimate(config, order, pipeline.open_desk(config, order, clock), clock)


def priced(config: Config, price: Price) -> Config:
    return config.model_copy(update={"engine": config.engine.model_copy(update={"price": price})})


def tokens(config: Config, papers: list[Paper]) -> int:
    prompt = pipeline.read_prompt(config)
    return sum(prompts.estimated_tokens(prompts.ask(prompt, one, model="fake-1")) for one in papers)


# ------------------------------------------------------------------------------------------ estimate


def test_an_estimate_counts_every_paper_and_makes_nothing(
    config: Config, order: Order, model: FakeEngine, tmp_path: Path
) -> None:
    """Requests and tokens of the whole day; no folder is made and nothing is sent."""
    before = sorted(tmp_path.iterdir())
    found = estimated(config, order)

    assert (found.announced, found.papers, found.requests) == (DAY, 3, 3)
    assert (found.prompt_tokens, found.completion_tokens) == (tokens(config, PAPERS), 3 * prompts.REPLY_TOKENS)
    assert (found.money, found.currency) == (None, None)
    assert sorted(tmp_path.iterdir()) == before
    assert not model.asked


def test_an_estimate_leaves_out_what_the_file_brings_along(config: Config, tmp_path: Path) -> None:
    """A recorded reply is asked of nobody."""
    found = estimated(config, Order(DAY, papers=written(tmp_path, {PAPERS[0].arxiv_id: GOOD})))

    assert (found.papers, found.requests) == (3, 2)
    assert found.prompt_tokens == tokens(config, PAPERS[1:])


def test_an_estimate_leaves_out_what_has_a_card(config: Config, order: Order) -> None:
    """A card on file is not asked for again."""
    Store(config.output).save(edition(carded(PAPERS[1]), source="file"))
    found = estimated(config, order)

    assert (found.papers, found.requests) == (3, 2)
    assert found.prompt_tokens == tokens(config, [PAPERS[0], PAPERS[2]])


def test_an_estimate_leaves_out_what_the_cache_has(config: Config, order: Order, model: FakeEngine) -> None:
    """Replies on disk are free, even with the edition lost; a reply to another text is none."""
    pipeline.run(config, order, clock)
    Store(config.output).path(DAY).unlink()
    assert order.papers is not None
    order.papers.write_text(order.papers.read_text(encoding="utf-8").replace("Baz is", "Baz was"), encoding="utf-8")
    found = estimated(config, order)

    assert (found.papers, found.requests, found.completion_tokens) == (3, 1, prompts.REPLY_TOKENS)
    assert not Store(config.output).path(DAY).exists()
    assert len(model.asked) == 3


def test_an_estimate_saves_no_edition_of_what_it_collected(config: Config, order: Order) -> None:
    """The record is as it was, papers that are new in the file included."""
    had = edition(entry(PAPERS[1].arxiv_id), source="file")
    Store(config.output).save(had)
    estimated(config, order)

    assert Store(config.output).load(DAY) == had


def test_an_estimate_knows_money_where_there_is_a_price(config: Config, order: Order) -> None:
    """For a million tokens, in the price's currency."""
    price = Price(input=1.0, output=2.0, currency="EUR")
    found = estimated(priced(config, price), order)

    assert found.money == pytest.approx((tokens(config, PAPERS) + 2 * 3 * prompts.REPLY_TOKENS) / 1e6)
    assert found.currency == "EUR"
    assert found.price is not None
    assert (found.model, found.price.source) == ("fake-1", "digest.toml")
    assert "price of fake-1: 1 in, 2 out, EUR for a million tokens (digest.toml)" in terminal.estimates([found], found)


def test_an_estimate_without_a_price_says_so(config: Config, order: Order) -> None:
    """With the key that mends it."""
    found = estimated(config, order)

    assert terminal.estimate(found).endswith("price unknown")
    assert terminal.estimates([found], found).startswith('no price of fake-1 is known: [prices."fake-1"]')


def test_estimates_of_several_dates_are_summed(config: Config, order: Order) -> None:
    """Requests, tokens and money; a single date without a request needs no sum and no price."""
    found = estimated(priced(config, Price(input=1.0, output=2.0)), order)
    none = replace(found, announced=date(2026, 3, 16), papers=0, requests=0, prompt_tokens=0, money=None, price=None)
    total = overview.together([none, found, found])

    assert (total.announced, total.papers, total.requests) == (date(2026, 3, 16), 6, 6)
    assert total.prompt_tokens == 2 * found.prompt_tokens
    assert total.money == pytest.approx(2 * (found.money or 0))
    assert terminal.estimates([none, found, found], total).startswith("together: 6 papers, 6 requests, about ")
    assert terminal.estimates([none], none) == ""
    assert terminal.estimate(none) == "2026-03-16: 0 papers, nothing to ask"


def test_a_date_without_listing_takes_nothing(config: Config, httpserver: HTTPServer) -> None:
    """A Sunday is known without asking arXiv."""
    asking = config.model_copy(update={"categories": ("cs.CV",), "arxiv": Arxiv(api=httpserver.url_for("/api"))})
    found = estimated(asking, Order(date(2026, 3, 15)))

    assert (found.announced, found.papers, found.requests, found.prompt_tokens) == (date(2026, 3, 15), 0, 0, 0)
    assert not httpserver.log


def test_an_estimate_counts_what_a_new_version_takes(config: Config, tmp_path: Path, model: FakeEngine) -> None:
    """A card and a note where the text changed; nothing where it is the same or was never seen; once run, nothing."""
    model.answer = lambda request: completion(json.dumps(NOTE) if "headline" in str(request.schema) else reply())
    Store(config.output).save(edition(*map(carded, PAPERS[:2]), announced=date(2026, 3, 16), source="file"))
    rewritten, same, strange = (one.model_copy(update={"version": 2}) for one in PAPERS)
    rewritten = rewritten.model_copy(update={"abstract": "Foo is another method."})
    rows = [one.model_dump(mode="json") | {"kind": "replace"} for one in (rewritten, same, strange)]
    (tmp_path / "day.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    order = Order(DAY, papers=tmp_path / "day.jsonl")

    found = estimated(config, order)
    note = prompts.ask_change(pipeline.read_prompt(config, "change"), PAPERS[0], rewritten, model="fake-1")
    assert (found.papers, found.requests) == (0, 2)
    assert found.prompt_tokens == tokens(config, [rewritten]) + prompts.estimated_tokens(note)
    assert found.completion_tokens == prompts.REPLY_TOKENS + overview.NOTE_TOKENS
    pipeline.run(config, order, clock)
    assert len(model.asked) == 2
    assert estimated(config, order).requests == 0


def test_an_estimate_leaves_out_what_a_rule_keeps_out(config: Config, order: Order) -> None:
    """It would not be asked for."""
    found = estimated(config.model_copy(update={"exclude": ("Baz",)}), order)

    assert (found.papers, found.requests) == (2, 2)


# ------------------------------------------------------------------------------------------ status


def test_status_of_an_empty_folder(config: Config, tmp_path: Path) -> None:
    """Nothing is on file, and looking makes nothing."""
    found = overview.status(config, clock)

    assert (found.editions, found.missing, found.spent, found.damaged) == ((), (), (), ())
    assert (found.replies, found.cache_bytes) == (0, 0)
    assert not list(tmp_path.iterdir())


def test_status_tells_of_a_damaged_file_beside_the_others(config: Config) -> None:
    """One file that can't be read is named; the editions around it are counted, newest first."""
    store = Store(config.output)
    for day in (16, 17, 18):
        store.save(edition(entry(), announced=date(2026, 3, day)))
    store.path(DAY).write_text("{", encoding="utf-8")
    found = overview.status(config, clock)

    assert [one.announced_on.day for one in found.editions] == [18, 16]
    assert ["2026-03-17.json" in str(error) for error in found.damaged] == [True]


def test_status_lists_missing_cards_and_what_was_paid(config: Config) -> None:
    """Each paper without a card under its date; tokens by date and model, and money by today's price."""
    pending = entry("2603.00002", card=None, problems=("engine: HTTP 500",))
    Store(config.output).save(edition(entry(replies=(origin(),)), pending))
    price = Price(input=1000.0, output=2000.0, currency="EUR")
    found = overview.status(priced(config, price), clock)

    assert found.missing == (overview.Missing(DAY, "2603.00002", ("engine: HTTP 500",)),)
    assert [(one.replies, one.prompt_tokens, one.completion_tokens) for one in found.spent] == [(1, 900, 300)]
    assert [(one.cost, one.currency) for one in found.spent] == [(1.5, "EUR")]
    assert [(one.announced_on, one.cost, one.cards) for one in found.days] == [(DAY, 1.5, 1)]


def test_status_tells_of_listings_without_edition(config: Config) -> None:
    """From the oldest edition to the newest listing of all; weekends and the sample do not count."""
    store = Store(config.output)
    store.save(edition(entry(), announced=agenda.SAMPLE_DATE, source="sample"))
    assert overview.status(config, clock).gaps == ()

    for day in (12, 16, 18):
        store.save(edition(entry(), announced=date(2026, 3, day)))
    assert [day.day for day in overview.status(config, clock).gaps] == [13, 17, 19, 20]


def test_status_counts_the_cache(config: Config, order: Order) -> None:
    """Replies and bytes of what is on disk."""
    pipeline.run(config, order, clock)
    found = overview.status(config, clock)

    assert found.replies == 3
    assert found.cache == config.cache
    assert found.cache_bytes == sum(path.stat().st_size for path in config.cache.glob("cache.db*")) > 0
