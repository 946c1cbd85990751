"""Replies, spending and claims in a database, against a real PostgreSQL server."""

import json
import logging
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from diskcache.core import MODE_RAW
from fakes import FakeEngine, completion
from postgresql import PASSWORD, QUOTED, Server, server, store

from digest import database
from digest.database import address
from digest.engines import shared_claims, shelf
from digest.engines.budgeted import TURN, BudgetedEngine, Meter, limits
from digest.engines.cached import CachedEngine, Spent
from digest.engines.shared_shelf import MOST, SharedReplies
from digest.errors import BudgetReached, ConfigError, DigestError, RecordError, StorageError
from digest.models import Answer, Completion, Request
from digest.money import Price, Prices

psycopg: Any = pytest.importorskip("psycopg")
pytestmark = pytest.mark.postgres
__all__ = ["server", "store"]

DAY = completion().created.date()


def request(number: int = 1, **fields: Any) -> Request:
    messages = ({"role": "user", "content": f"paper {number}"},)
    return Request(**{"model": "m", "messages": messages, "subject": str(number), **fields})


def answer_to(asked: Request) -> Completion:
    return completion(f"reply to {asked.subject}")


def key(number: int) -> str:
    return sha256(str(number).encode()).hexdigest()


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


@pytest.fixture
def opened(store: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], SharedReplies]]:
    """Opens the replies, each time as another driver would."""
    monkeypatch.setattr(shared_claims, "GRACE", 0)
    drivers: list[SharedReplies] = []

    def opened() -> SharedReplies:
        drivers.append(SharedReplies(address(store), patience=20))
        return drivers[-1]

    yield opened
    for one in drivers:
        one.close()


Opened = Callable[[], SharedReplies]


# ------------------------------------------------------------------------------------------ replies


def test_what_one_driver_asked_no_other_asks(opened: Opened) -> None:
    """Its replies come back as they were, marked as kept; the many are found in one query."""
    requests = [request(n) for n in range(200)]
    fresh = list(CachedEngine(FakeEngine(answer_to), opened()).run(requests))
    engine = FakeEngine(answer_to)

    kept = list(CachedEngine(engine, opened()).run(requests))

    assert engine.asked == []
    assert kept == [(one, replace(reply, from_cache=True)) for one, reply in fresh if isinstance(reply, Completion)]


def test_misses_are_found_without_asking_one_by_one(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dry run of two thousand requests takes four queries."""
    replies = opened()
    replies.keep([(request(n).key, completion()) for n in range(0, 2000, 2)], None)
    queries: list[int] = []
    held = replies.held

    def counted(keys: list[str]) -> dict[str, Completion | None]:
        queries.append(len(keys))
        return held(keys)

    monkeypatch.setattr(replies, "held", counted)

    misses = CachedEngine(FakeEngine(), replies).misses(request(n) for n in range(2000))

    assert [one.subject for one in misses] == [str(n) for n in range(1, 2000, 2)]
    assert queries == [500] * 4


def test_twins_and_kept_ones_in_one_handful_are_asked_once(opened: Opened) -> None:
    """Requests are looked up and claimed many at a time; each still has its one answer."""
    replies = opened()
    list(CachedEngine(FakeEngine(answer_to), replies).run([request(2)]))
    engine = FakeEngine(answer_to)
    several = [request(n) for n in (1, 2, 1, 3, 2, 1)]

    got = list(CachedEngine(engine, replies).run(several))

    assert sorted(asked.subject for asked, _ in got) == sorted(one.subject for one in several)
    assert sorted(asked.subject for asked in engine.asked) == ["1", "3"]
    assert replies.claiming().take_many([request(1).key, request(3).key]) == {request(1).key, request(3).key}


@pytest.mark.parametrize(
    "value",
    [
        b"not packed",
        zlib.compress(b"[1]"),
        zlib.compress(b'{"v": 2}'),
        zlib.compress(b"[" * 100_000),
        zlib.compress(b" " * (shelf.LARGEST + 2), 9),
        zlib.compress(b"{}")[:-3],
    ],
    ids=["unpacked", "a list", "later version", "deep", "bomb", "cut off"],
)
def test_a_damaged_row_is_asked_again(server: Server, store: str, opened: Opened, value: bytes, caplog: Any) -> None:
    """One row that can't be read costs one request and one warning, and is mended; the others are found."""
    replies = opened()
    list(CachedEngine(FakeEngine(answer_to), replies).run([request(1), request(2)]))
    damaged = bytes.fromhex(request(1).key)
    server.sql("UPDATE digest.replies SET value = %s WHERE key = %s", value, damaged, name=name_of(store))
    engine = FakeEngine(answer_to)

    list(CachedEngine(engine, replies).run([request(1), request(2)]))

    assert [asked.subject for asked in engine.asked] == ["1"]
    assert caplog.text.count("is damaged and asked again") == 1
    assert replies.lookup(request(1).key) is not None


def test_texts_that_a_database_does_not_like_are_kept(opened: Opened) -> None:
    """Zero bytes and half pairs in a reply or a model's name, and more tokens than a column holds."""
    replies = opened()
    replies.keep([(key(1), completion("a\0b\ud800", model="m\0\ud800", prompt_tokens=2**70))], lambda _: (1.0, "U\0SD"))

    found = replies.lookup(key(1))

    assert found
    assert found.text == "a\0b?"
    assert replies.spent_on(DAY) == {"m": Spent(1, MOST, 0, 300, {"USD": 1.0}, 0)}


# ------------------------------------------------------------------------------------------ spending


def test_spending_is_the_sum_of_all_drivers_that_write_at_once(opened: Opened) -> None:
    """Four of them, each in groups, on one row: no cent is lost, and none counted twice."""

    def keep(driver: int) -> None:
        replies = opened()
        for group in range(20):
            some = [(key(1000 * driver + 10 * group + n), completion(model="m")) for n in range(5)]
            replies.keep(some, lambda _: (0.25, "USD"))

    threads = [threading.Thread(target=keep, args=(n,)) for n in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert opened().spent_on(DAY) == {"m": Spent(400, 400 * 900, 0, 400 * 300, {"USD": 100.0}, 0)}
    assert opened().total() == 400


def test_currencies_and_unknown_prices_stand_apart(opened: Opened) -> None:
    """As in the folder: sums by currency, and how many have no price."""
    prices = iter([(1.0, "USD"), (7.0, "CNY"), None, (0.5, "USD")])
    replies = opened()
    replies.keep([(key(n), completion(model="m")) for n in range(4)], lambda _: next(prices))

    assert replies.spent_on(DAY)["m"] == Spent(4, 3600, 0, 1200, {"USD": 1.5, "CNY": 7.0}, 1)


def test_hostile_sums_are_told_of_and_counted_anew(server: Server, store: str, opened: Opened, caplog: Any) -> None:
    """What is below nothing, or no number, was not written by us."""
    replies = opened()
    replies.keep([(key(1), completion(model="a")), (key(2), completion(model="b"))], lambda _: (1.0, "USD"))
    server.sql("UPDATE digest.spending SET cost = 'NaN' WHERE model = 'a'", name=name_of(store))

    assert set(replies.spent_on(DAY)) == {"b"}
    assert "is damaged and counted anew" in caplog.text


def test_a_statement_that_is_sent_twice_counts_once(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a loss nobody knows whether it was carried out; the second time finds that it was."""
    replies = opened()
    run = replies._session.run
    monkeypatch.setattr(replies._session, "run", lambda work: (run(work), run(work))[1])

    replies.keep([(key(n), completion(model="m")) for n in range(3)], lambda _: (1.0, "USD"))

    assert replies.spent_on(DAY) == {"m": Spent(3, 2700, 0, 900, {"USD": 3.0}, 0)}


def test_a_reply_and_its_price_are_kept_together_or_not_at_all(server: Server, store: str, opened: Opened) -> None:
    """Where spending can't be counted, no reply is kept, and the run says so."""
    replies = opened()
    replies.total()
    server.sql("ALTER TABLE digest.spending ADD CHECK (cost < 5)", name=name_of(store))

    with pytest.raises(DigestError):
        replies.keep([(key(1), completion())], lambda _: (9.0, "USD"))
    assert replies.lookup(key(1)) is None


# ------------------------------------------------------------------------------------------ claims


def test_what_one_driver_claims_no_other_gets(opened: Opened) -> None:
    """Nor another thread of it; the same thread does, since it can't wait for itself. Dropped, all is free."""
    here, there = opened().claiming(), opened().claiming()
    with here, there:
        assert here.take_many([key(1), key(2)]) == {key(1), key(2)}
        assert there.take_many([key(1), key(2), key(3)]) == {key(3)}
        assert here.take(key(1))
        got: list[bool] = []
        thread = threading.Thread(target=lambda: got.append(here.take(key(1))))
        thread.start()
        thread.join()
        assert got == [False]
        here.drop(key(1))
        assert not there.take(key(1))
        here.drop_many([key(1), key(2), key(2), key(9)])
        assert there.take_many([key(1), key(2)]) == {key(1), key(2)}


def test_the_end_of_with_drops_what_it_held(opened: Opened) -> None:
    """And only that: another user of the same session keeps its own."""
    replies = opened()
    with replies.claiming() as kept:
        kept.take(key(1))
        with replies.claiming() as over:
            over.take_many([key(1), key(2)])
        with opened().claiming() as other:
            assert other.take_many([key(1), key(2)]) == {key(2)}


def test_ten_thousand_claims_at_once_are_no_trouble(opened: Opened) -> None:
    """More than the server's table of locks has room for."""
    keys = [key(n) for n in range(10_000)]
    with opened().claiming() as here, opened().claiming() as there:
        assert here.take_many(keys) == set(keys)
        assert there.take_many(keys[:10]) == set()


def test_claims_outlive_the_loss_of_a_connection(server: Server, store: str, opened: Opened) -> None:
    """The session comes back under another number, and what it held is still its own."""
    with opened().claiming() as here, opened().claiming() as there:
        here.take_many([key(1), key(2)])
        server.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
        )
        assert here.take(key(3))
        assert there.take_many([key(1), key(2), key(3)]) == set()


ASKING = """
import sys, time
sys.path.insert(0, sys.argv[2])
from fakes import completion
from digest import database
from digest.database import address
from digest.engines import shared_claims
from digest.engines.cached import CachedEngine
from digest.engines.shared_shelf import SharedReplies
from digest.models import Request
shared_claims.GRACE = 0
count, seconds = int(sys.argv[4]), float(sys.argv[5])
class Engine:
    def run(self, requests):
        for one in requests:
            with open(sys.argv[3], "a") as file:
                file.write(one.subject + chr(10))
            time.sleep(seconds)
            yield one, completion("reply to " + one.subject)
cached = CachedEngine(Engine(), SharedReplies(address(sys.argv[1])))
print("ready", flush=True)
sys.stdin.readline()
requests = [Request("m", ({"role": "user", "content": f"paper {n}"},), subject=str(n)) for n in range(count)]
print(sorted(int(one.subject) for one, answer in cached.run(requests) if answer.text == "reply to " + one.subject))
"""


def asking(store: str, book: Path, count: int, seconds: float) -> "subprocess.Popen[str]":
    """A driver that is about to ask."""
    call = [sys.executable, "-c", ASKING, store, str(Path(__file__).parents[1]), str(book), str(count), str(seconds)]
    process = subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def go(*processes: "subprocess.Popen[str]") -> None:
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()


def test_two_drivers_never_ask_the_same(store: str, tmp_path: Path) -> None:
    """Started together on one store, each gets all five hundred replies, and five hundred requests are sent in all."""
    both = [asking(store, tmp_path / "book", 500, 0.001) for _ in range(2)]
    go(*both)

    said = [process.communicate() for process in both]

    assert said == [(f"{list(range(500))}\n", "")] * 2
    assert sorted(map(int, (tmp_path / "book").read_text().split())) == list(range(500))


def test_the_claims_of_a_killed_driver_are_free_soon(store: str, tmp_path: Path, opened: Opened) -> None:
    """It dies with requests in flight; whoever waits for them gets them."""
    slow = asking(store, tmp_path / "book", 30, 60)
    go(slow)
    while not (tmp_path / "book").exists():
        time.sleep(0.005)
    with opened().claiming() as claims:
        assert not claims.take(request(0).key)
        slow.kill()
        slow.communicate()
        ends = time.monotonic() + 20
        while len(claims.take_many([request(n).key for n in range(30)])) < 30:
            assert time.monotonic() < ends
            time.sleep(0.02)


# ------------------------------------------------------------------------------------------ budget


def test_a_budget_holds_for_two_drivers_together(opened: Opened) -> None:
    """Each counts what the other has spent, and spends only in its turn: their sum stays below the limit."""
    price = Price(1.0, 1.0)
    prices = Prices(others=price)

    def ask(numbers: Iterable[int], replies: SharedReplies) -> None:
        asked = FakeEngine(lambda one: completion(prompt_tokens=0, completion_tokens=1000))

        def engine() -> BudgetedEngine:
            budget = limits(
                per_day=0.0105, price=price, meter=Meter(), spent=cached.spent, clock=lambda: completion().created
            )
            return BudgetedEngine(asked, Meter(), prices, budget, cached.claims)

        cached = CachedEngine(engine, replies, lambda reply: (price.cost(0, 1000), "USD"))
        with pytest.raises(BudgetReached):
            list(cached.run(request(n, parameters={"max_tokens": 1000}) for n in numbers))

    threads = [threading.Thread(target=ask, args=(range(n, n + 30), opened())) for n in (0, 100)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    (spent,) = opened().spent_on(DAY).values()
    assert 0.008 <= spent.cost["USD"] <= 0.0105


def test_the_turn_of_a_budget_is_one_drivers(opened: Opened) -> None:
    """What one driver has in flight is in no sum yet, so the other waits."""
    with opened().claiming() as here, opened().claiming() as there:
        assert here.take(TURN)
        assert not there.take(TURN)
        here.drop(TURN)
        assert there.take(TURN)


# ------------------------------------------------------------------------------------------ trouble


def test_a_server_that_restarts_in_the_middle_costs_no_reply(
    server: Server, opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    """It crashes between two replies and comes back a second later: the run goes on, and each request was sent once."""

    class Breaking(FakeEngine):
        def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
            for nth, pair in enumerate(super().run(requests)):
                if nth == 40:
                    server.stop()
                    threading.Timer(1, server.start).start()
                yield pair

    engine, replies = Breaking(answer_to), opened()
    got = list(CachedEngine(engine, replies, lambda _: (1.0, "USD")).run(request(n) for n in range(200)))

    assert len(got) == len(engine.asked) == replies.total() == 200
    assert replies.spent_on(DAY)["fake-1"].cost == {"USD": 200.0}
    assert "trying again for 20 s" in caplog.text


def test_a_server_that_stays_away_ends_the_run(server: Server, store: str) -> None:
    """With patience, but not for ever; what was answered before is kept."""
    replies = SharedReplies(address(store), patience=0.3)
    replies.keep([(key(1), completion())], None)
    server.stop()
    with pytest.raises(StorageError, match="connection"):
        replies.keep([(key(2), completion())], None)
    replies.close()
    server.start()
    assert replies.lookup(key(1)) is not None
    replies.close()


def told(url: str) -> DigestError:
    with pytest.raises(DigestError) as caught, SharedReplies(address(url)) as replies:
        replies.total()
    return caught.value


def test_a_wrong_password_is_an_error_of_the_settings(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Exit 2, with the place and without the password; nor is it in the log, or in a traceback."""
    caplog.set_level(logging.DEBUG)
    error = told(server.url(password="wr%40ng-word"))

    assert (type(error), error.exit_code) == (ConfigError, 2)
    assert f"postgresql://owner@127.0.0.1:{server.port}/postgres: " in str(error)
    assert "password authentication failed" in str(error)
    for text in (str(error), str(error.hint), repr(error.__cause__), caplog.text):
        assert "wr@ng" not in text
        assert "wr%40ng" not in text


def test_a_database_that_is_not_there_is_named(server: Server) -> None:
    """And how it is made."""
    error = told(server.url("nowhere"))

    assert (type(error), error.hint) == (ConfigError, "createdb makes it; or mend DIGEST_STORE")


def test_a_server_that_is_not_there_may_be_later() -> None:
    """Exit 75, at once: only what was lost in the middle is waited for."""
    error = told("postgresql://owner:secret-word@127.0.0.1:1/postgres")

    assert (type(error), error.exit_code) == (StorageError, 75)
    assert "secret-word" not in f"{error} {error.hint} {error.__cause__}"


def test_a_role_without_rights_is_told_what_it_needs(server: Server, store: str) -> None:
    """It may read, once it is let, and can't write: exit 2, with the words of the grant."""
    name = name_of(store)
    with SharedReplies(address(store)) as replies:
        replies.keep([(key(1), completion())], None)
    role = f"reader_{name}"
    server.sql(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
    error = told(server.url(name, role, QUOTED))
    assert isinstance(error, ConfigError)
    assert "GRANT USAGE ON SCHEMA digest TO ROLE" in str(error.hint)

    server.sql(f"GRANT USAGE ON SCHEMA digest TO {role}", name=name)
    server.sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA digest TO {role}", name=name)
    with SharedReplies(address(server.url(name, role, QUOTED))) as replies:
        assert replies.lookup(key(1)) is not None
        assert replies.look()[1] is False
        with pytest.raises(ConfigError, match="permission denied"):
            replies.keep([(key(2), completion())], None)
    server.sql(f"DROP OWNED BY {role}", name=name)
    server.sql(f"DROP ROLE {role}")


def test_a_database_that_can_only_be_read_says_so(server: Server, store: str, opened: Opened) -> None:
    """As a standby does: what is kept is found, nothing new is."""
    opened().keep([(key(1), completion())], None)
    server.sql(f"ALTER DATABASE {name_of(store)} SET default_transaction_read_only = on")
    replies = opened()

    assert replies.lookup(key(1)) is not None
    assert replies.look()[1] is False
    with pytest.raises(ConfigError, match="read-only"):
        replies.keep([(key(2), completion())], None)


def test_a_full_disk_of_the_server_is_told_with_its_mend(server: Server, store: str, opened: Opened) -> None:
    """Exit 75, and what could not be kept is not half there."""
    replies = opened()
    replies.total()
    server.sql(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$",
        name=name_of(store),
    )
    trigger = "CREATE TRIGGER full_disk BEFORE INSERT ON digest.spending EXECUTE FUNCTION public.full_disk()"
    server.sql(trigger, name=name_of(store))

    with pytest.raises(StorageError, match="No space left") as caught:
        list(CachedEngine(FakeEngine(answer_to), replies).run([request(1)]))
    assert caught.value.hint == "make room on the database server"
    assert replies.total() == 0


def test_a_statement_that_takes_too_long_ends_the_run(
    server: Server, store: str, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program has locked the table: the server gives up, and the run says so rather than wait for ever."""
    opened().total()
    monkeypatch.setattr(database, "SETTINGS", f"{database.SETTINGS}; SET statement_timeout = '200ms'")
    with psycopg.connect(store) as other:
        other.execute("LOCK digest.replies")
        with pytest.raises(StorageError, match="statement timeout"):
            opened().keep([(key(1), completion())], None)


def test_replies_that_cost_nothing_now_add_nothing(opened: Opened) -> None:
    """What came from another cache was paid for there."""
    replies = opened()
    replies.keep([(key(1), completion(from_cache=True))], lambda _: (1.0, "USD"))

    assert replies.total() == 1
    assert replies.spent_on(DAY) == {}


def test_tables_of_a_newer_program_are_left_alone(server: Server, store: str, opened: Opened) -> None:
    """What they mean is not known here."""
    opened().total()
    server.sql("UPDATE digest.about SET version = 2", name=name_of(store))

    with pytest.raises(ConfigError, match="version 2, not 1"):
        opened().total()


def test_a_table_that_is_gone_is_damage(server: Server, store: str, opened: Opened) -> None:
    """Somebody dropped it: nothing is made in its place."""
    replies = opened()
    replies.total()
    server.sql("DROP TABLE digest.replies", name=name_of(store))

    with pytest.raises(RecordError, match="damaged"):
        replies.total()


def test_two_that_come_first_make_the_tables_once(opened: Opened) -> None:
    """Eight drivers start at once on an empty database."""
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(opened().total())) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert counts == [0] * 8


def test_the_password_is_in_no_row(server: Server, store: str, opened: Opened) -> None:
    """Nor in what the drivers call themselves on the server."""
    replies = opened()
    list(CachedEngine(FakeEngine(answer_to), replies).run([request(1)]))
    rows = server.sql("SELECT value FROM digest.replies", name=name_of(store))
    seen = json.dumps([shelf.unpacked(MODE_RAW, None, value) for (value,) in rows])
    seen += str(server.sql("SELECT application_name, query FROM pg_stat_activity"))

    assert PASSWORD not in seen
    assert QUOTED not in seen
