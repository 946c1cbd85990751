"""The server over real HTTP on loopback: what it gives out, what it refuses, what it tells open pages."""

import asyncio
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import date
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fakes
import pytest
from click.testing import CliRunner
from fakes import FakeEngine, card, completion, edition, entry, reply
from loopback import compile_once
from serving import Running, running

from digest import publishing, serve
from digest.cli import main
from digest.config import Config
from digest.errors import ConfigError
from digest.settings import EngineSettings
from digest.store import Store

DAY = date(2026, 3, 17)
PAGE = "/2026-03-17/"
SECRET = b"what nobody may read"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    compile_once(monkeypatch)
    monkeypatch.setattr("digest.render.FORMATS", ("digest.render.site:Site", "digest.render.archive:Archive"))
    monkeypatch.setattr(serve, "PERIOD", 0.02)
    monkeypatch.setattr(serve, "REST", 0.1)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """Answers with another card each time."""
    engine = FakeEngine()
    engine.answer = lambda request: completion(reply(tldr=f"新的摘要{'甲乙丙丁'[len(engine.asked) - 1]}更加清楚。"))
    monkeypatch.setattr(fakes, "opened", lambda **options: engine)
    return engine


@pytest.fixture
def config(model: FakeEngine, tmp_path: Path) -> Config:
    """A site with one day, and a secret beside it and in each place that is not given out."""
    settings = EngineSettings(name="fakes:opened", model="fake-1")
    config = Config(output=tmp_path / "site", cache=tmp_path / "site" / "cache", home=tmp_path, engine=settings)
    Store(config.output).save(edition(entry(card=card(tldr="旧的一天的卡片。")), entry("2603.00002", card=None)))
    publishing.render(config)
    for place in (
        "../secret.md",
        "editions/.delivered/x.json",
        "editions/.lock",
        ".x.md.1.tmp",
        "x.toml",
        "cache/x.json",
    ):
        path = config.output / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(SECRET)
    return config


@pytest.fixture
def site(config: Config) -> Iterator[Running]:
    with running(config) as found:
        yield found


# ------------------------------------------------------------------------------------------ files


def test_pages_are_given_out_with_their_type_and_what_guards_them(site: Running) -> None:
    """A folder is its index.html; a policy stands in the page, and the header keeps it out of frames."""
    found = site.ask(PAGE)

    assert found.status == 200
    assert "旧的一天的卡片。" in found.text
    assert found.headers["Content-Type"] == "text/html; charset=utf-8"
    assert found.headers["Cache-Control"] == "no-cache"
    assert found.headers["X-Content-Type-Options"] == "nosniff"
    assert found.headers["Referrer-Policy"] == "no-referrer"
    assert found.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert found.headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    assert "aiohttp" not in str(found.headers)


def test_serving_changes_no_file(site: Running, config: Config) -> None:
    """What is put into a page is never written."""
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in config.output.rglob("*") if path.is_file()}

    site.ask(PAGE), site.ask("/"), site.ask("/nothing")

    after = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in config.output.rglob("*") if path.is_file()}
    assert after == before


def test_what_a_browser_has_is_not_sent_again(site: Running) -> None:
    """By tag or by time; another tag gets the page whatever the time says."""
    whole = site.ask(PAGE)
    tag, modified = whole.headers["ETag"], whole.headers["Last-Modified"]

    assert [site.ask(PAGE, If_None_Match=one).status for one in (tag, f'"x", {tag}', '"x"')] == [304, 304, 200]
    assert site.ask(PAGE, If_Modified_Since=modified).status == 304
    assert site.ask(PAGE, If_None_Match='"x"', If_Modified_Since=modified).status == 200
    assert site.ask(PAGE, If_None_Match=tag).body == b""


def test_head_is_get_without_the_body(site: Running) -> None:
    """With the same length."""
    head, get = site.ask(PAGE, "HEAD"), site.ask(PAGE)

    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(get.body))


def test_a_folder_without_its_slash_leads_there(site: Running) -> None:
    """The links of its page are relative to it."""
    found = site.ask("/2026-03-17")

    assert (found.status, found.headers["Location"]) == (308, PAGE)


NEVER = """
/../secret.md /2026-03-17/../../secret.md /%2e%2e/secret.md /..%2fsecret.md /..%5csecret.md /.%00./secret.md
/2026-03-17/%2e%2e/%2e%2e/secret.md //../secret.md /editions/.delivered/x.json /editions/%2edelivered/x.json
/editions/.lock /.x.md.1.tmp /x.toml /cache/x.json /outside.md /outside/secret.md /lock.json /pipe.md /circle.md
/x%0a/../../secret.md
"""


def test_nothing_else_is_given_out(config: Config, site: Running) -> None:
    """Neither outside the folder, also through links, nor what is ours alone, nor what is no plain file."""
    (config.output / "outside.md").symlink_to(config.output.parent / "secret.md")
    (config.output / "outside").symlink_to(config.output.parent)
    (config.output / "lock.json").symlink_to(config.output / "editions" / ".delivered" / "x.json")
    (config.output / "circle.md").symlink_to("circle.md")
    os.mkfifo(config.output / "pipe.md")

    found = {path: site.ask(path) for path in NEVER.split()}

    assert {path for path, one in found.items() if one.status != 404} == set()
    assert {path for path, one in found.items() if SECRET in one.body} == set()


def test_a_link_inside_the_folder_is_followed(config: Config, site: Running) -> None:
    """As long as what it leads to may be given out itself."""
    (config.output / "latest").symlink_to("2026-03-17")

    assert site.ask("/latest/").status == 200


def test_a_foreign_name_is_refused(site: Running) -> None:
    """So no site whose name comes to mean this machine reads a page, and the token in it."""
    for host in ("evil.example", "evil.example:80", "127.0.0.1:1", "", "127.0.0.1:0x50", "[::1"):
        found = site.ask(PAGE, Host=host)

        assert found.status in (400, 421), host
        assert site.server.token not in found.text


def test_nonsense_is_refused_and_the_server_goes_on(site: Running, caplog: pytest.LogCaptureFixture) -> None:
    """Without a traceback for it."""
    for nonsense in (
        b"\x16\x03\x01\x02\x00\n\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", int(site.host.rpartition(":")[2]))) as line:
            line.sendall(nonsense)
            assert b" 200 " not in line.recv(4096)

    assert site.ask(PAGE).status == 200
    assert [record for record in caplog.records if record.exc_info] == []


def test_pages_are_only_read(site: Running) -> None:
    """No preflight is answered with a permission, either."""
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
        found = site.ask(PAGE, method)

        assert found.status == 405
        assert not any(name.lower().startswith("access-control") for name in found.headers)


def test_a_page_that_is_not_there_says_so_in_the_language_of_the_site(site: Running) -> None:
    """And lets nothing of what was asked into its text."""
    found = site.ask("/<script>alert(1)</script>.html")

    assert found.status == 404
    assert "这里没有页面" in found.text
    assert "alert(1)" not in found.text


def test_a_page_without_a_policy_is_served_as_it_is_and_can_run_nothing(
    config: Config, site: Running, caplog: pytest.LogCaptureFixture
) -> None:
    """A script in it could read the token of another page."""
    (config.output / "own.html").write_bytes(b"<html><head></head><body><script>1</script></body></html>")

    found = [site.ask("/own.html") for _ in range(2)]

    assert found[0].body == b"<html><head></head><body><script>1</script></body></html>"
    assert "default-src 'none'" in found[0].headers["Content-Security-Policy"]
    assert [record.levelname for record in caplog.records if "own.html" in record.message] == ["WARNING"]


def test_an_empty_folder_is_served(tmp_path: Path) -> None:
    """The first run may come later, and its pages by themselves."""
    with running(Config(output=tmp_path / "none", home=tmp_path)) as site:
        found = site.ask("/")

    assert found.status == 404
    assert "data-version" in found.text


def test_requests_are_logged_when_asked_for(site: Running, caplog: pytest.LogCaptureFixture) -> None:
    """On one line each, whatever they hold."""
    caplog.set_level(logging.INFO, "digest.serve")
    site.ask("/%0aINFO%20x")

    assert "GET '/%0aINFO%20x' 404" in caplog.messages


def test_a_taken_port_is_said_in_one_line(config: Config, site: Running) -> None:
    """And what to do about it; another port would be another place for the reader's stars."""
    port = int(site.host.rpartition(":")[2])

    with pytest.raises(ConfigError, match=rf"^127.0.0.1:{port}: can't listen there: .*in use") as caught:
        asyncio.run(serve.Server(config, serve.Door("127.0.0.1", port, True), pytest.fail).run(pytest.fail))
    assert f"--port {port + 1}" in str(caught.value.hint)


# ------------------------------------------------------------------------------------------ orders


def test_an_order_makes_a_new_card_and_tells_the_page(site: Running, model: FakeEngine, config: Config) -> None:
    """How far it is, that the page has changed, and that the old card can come back; then it does."""
    version = site.version(PAGE)
    with site.listening(PAGE, version) as events:
        assert site.order(body={"hint": "更短"}).status == 202
        told = [next(events) for _ in range(4)]
        assert [record.get("state") for _, record in told] == ["asking", "writing", "done", None]
        assert told[2][1]["undo"] is True
        assert told[3] == ("reload", {})
    assert "新的摘要甲更加清楚。" in site.ask(PAGE).text
    assert "更短" in str(model.asked[0].messages)

    with site.listening(PAGE, site.version(PAGE)) as events:
        assert next(events)[1]["state"] == "done"  # remembered for the page that comes again
        assert site.order("undo").status == 202
        assert [next(events)[1].get("state") for _ in range(3)] == ["writing", "undone", None]
    assert "旧的一天的卡片。" in site.ask(PAGE).text
    assert len(model.asked) == 1


def test_a_paper_without_a_card_gets_one(site: Running) -> None:
    """And nothing to go back to."""
    with site.listening(PAGE, site.version(PAGE)) as events:
        site.order(body={"arxiv_id": "2603.00002"})
        told = [next(events)[1] for _ in range(3)]

    assert (told[2]["state"], told[2]["undo"]) == ("done", False)


REFUSED: list[tuple[dict[str, str], int]] = [
    ({"Origin": "http://evil.example"}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": ""}, 403),
    ({"Sec_Fetch_Site": "cross-site"}, 403),
    ({"Sec_Fetch_Site": "same-site"}, 403),
    ({"Content_Type": "text/plain"}, 403),
    ({"Content_Type": "application/x-www-form-urlencoded"}, 403),
    ({"Content_Type": "multipart/form-data; boundary=x"}, 403),
    ({"Content_Type": ""}, 403),
    ({"X_Digest_Token": ""}, 403),
    ({"X_Digest_Token": "x"}, 403),
    ({"X_Digest_Token": "\u00ff"}, 403),
    ({"Host": "evil.example", "Origin": "http://evil.example"}, 421),
]


def test_an_order_that_is_not_from_our_page_is_refused(site: Running) -> None:
    """And nobody is asked for anything."""
    for headers, status in REFUSED:
        assert site.order(**headers).status == status, headers
    assert site.server._workshop.thread is None


def test_an_order_is_a_post(site: Running) -> None:
    """An image or a link can't give one."""
    for method in ("GET", "HEAD", "PUT", "OPTIONS"):
        assert site.ask("/-/regenerate", method, X_Digest_Token=site.server.token).status == 405


NO_ORDERS: list[tuple[dict[str, str], int]] = [
    ({"arxiv_id": "../../etc"}, 400),
    ({"date": "../x"}, 400),
    ({"model": "dear"}, 400),
    ({"hint": "x" * 501}, 400),
    ({"hint": "x" * 9000}, 413),
]


def test_an_order_that_is_none_is_refused(site: Running) -> None:
    """Before anything is done with it."""
    for body, status in NO_ORDERS:
        assert site.order(body=body).status == status, body
    assert site.server._workshop.thread is None


def test_a_giant_body_is_not_taken_in(site: Running) -> None:
    """However long it says it is."""
    found = site.ask(
        "/-/regenerate",
        "POST",
        b"x" * 5000,
        Content_Length=str(10**12),
        Origin=site.address.rstrip("/"),
        Content_Type="application/json",
        X_Digest_Token=site.server.token,
    )

    assert found.status == 413


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"arxiv_id": "2603.00009"}, "2603.00009 is not in the edition of 2026-03-17"),
        ({"date": "2026-03-18"}, "2603.00001 is not in the edition of 2026-03-18"),
        ({"site": "ja"}, "ja: no site of a language"),
        ({"site": "../site"}, "../site: no site of a language"),
    ],
)
def test_an_order_that_can_not_be_done_says_why(site: Running, body: dict[str, str], says: str) -> None:
    """On the page that it names."""
    seen: list[Any] = []
    site.server._workshop._tell = seen.append
    site.order(body=body)
    assert site.server._workshop.thread
    site.server._workshop.thread.join(20)

    assert (seen[-1].state, seen[-1].text.startswith(says)) == ("failed", True), seen[-1]


def test_a_run_at_work_is_not_disturbed(site: Running, config: Config, model: FakeEngine) -> None:
    """The page is told that the folder is busy, and nothing is asked."""
    with site.listening(PAGE, site.version(PAGE)) as events, Store(config.output).locked():
        site.order()
        assert [next(events)[1]["state"] for _ in range(2)] == ["asking", "locked"]
    assert model.asked == []


def test_one_order_at_a_time(site: Running, model: FakeEngine) -> None:
    """Of many at once, one is begun; when it is done, the next may come."""
    held, answer = threading.Event(), model.answer
    model.answer = lambda request: answer(request) if held.wait(20) else completion("")
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(site.order().status)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    held.set()
    assert sorted(found) == [202, *[409] * 5]
    assert site.server._workshop.thread
    site.server._workshop.thread.join(20)

    assert len(model.asked) == 1
    assert site.order("undo").status == 202


def test_a_fault_of_ours_does_not_block_the_next_order(
    site: Running, model: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page is told, the terminal has the traceback."""
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    model.answer = lambda request: 1 / 0  # type: ignore[assignment, return-value]
    with site.listening(PAGE, site.version(PAGE)) as events:
        site.order()
        assert [next(events)[1]["state"] for _ in range(2)] == ["asking", "failed"]
    assert site.order("undo").status == 202


def test_without_orders_there_is_no_token_and_no_way(config: Config) -> None:
    """As asked for, or where others reach the server."""
    for host, takes in (("127.0.0.1", False), ("0.0.0.0", True)):
        with running(config, host, takes) as site:
            assert site.server.token == ""
            assert "data-token" not in site.ask(PAGE).text
            assert "data-version" in site.ask(PAGE).text
            assert site.order(X_Digest_Token="x").status == 403


# ------------------------------------------------------------------------------------------ open pages


def test_a_page_that_changed_is_told_once_writing_is_over(site: Running, config: Config) -> None:
    """Once for a burst, also where it is not its own file that was written last."""
    with site.listening(PAGE, site.version(PAGE)) as events:
        for number in range(5):
            (config.output / "2026-03-17" / "index.html").write_text(f"<html>{number}")
        assert next(events) == ("reload", {})
        shutil.rmtree(config.output / "2026-03-17")
        assert next(events) == ("reload", {})


def test_a_page_that_is_the_same_is_not_told(site: Running, config: Config) -> None:
    """A run touches pages that are up to date, and writes others."""
    with site.listening(PAGE, site.version(PAGE)) as events:
        os.utime(config.output / "2026-03-17" / "index.html")
        (config.output / "index.html").write_text("<html>")
        Store(config.output).save(edition(announced=date(2026, 3, 18)))
        site.order("undo")  # which fails, and says so
        assert [next(events)[0] for _ in range(2)] == ["work", "work"]


def test_a_page_that_slept_is_told_when_it_wakes(site: Running) -> None:
    """What it shows is compared with what there is, after a change, a pause or another server."""
    with site.listening(PAGE, "of-yesterday") as events:
        assert next(events) == ("reload", {})


def test_a_page_that_was_missing_comes_by_itself(site: Running, config: Config) -> None:
    """As soon as it is there."""
    with site.listening("/own/", site.version("/own/")) as events:
        (config.output / "own").mkdir()
        (config.output / "own" / "index.html").write_text("<html>")
        assert next(events) == ("reload", {})


def test_only_our_own_pages_listen(site: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not without end."""
    assert site.ask("/-/events?page=/", Sec_Fetch_Site="cross-site").status == 403
    monkeypatch.setattr(serve, "MOST", 0)
    assert site.ask("/-/events?page=/").status == 503


# ------------------------------------------------------------------------------------------ the command


def test_a_taken_port_ends_the_command_with_2(site: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the mend, and without an address on standard output."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["serve", "--port", site.host.rpartition(":")[2]])

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"Error: {site.host}: can't listen there: ")


@pytest.mark.parametrize(("number", "host"), [(signal.SIGINT, "127.0.0.1"), (signal.SIGTERM, "0.0.0.0")])
def test_a_signal_ends_it_at_once_and_well(config: Config, number: signal.Signals, host: str) -> None:
    """Also while a page listens; the address went to standard output, and what is off is said."""
    command = [sys.executable, "-m", "digest", "serve", "--port", "0", "--host", host, "--output", str(config.output)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        address = process.stdout.readline().strip()
        connection = HTTPConnection(urlsplit(address).netloc, timeout=20)
        connection.request("GET", "/-/events?page=/&version=")
        assert connection.getresponse().status == 200
        process.send_signal(number)
        rest, said = process.communicate(timeout=20)
        connection.close()

    assert (process.returncode, rest) == (0, "")
    assert address.startswith("http://127.0.0.1:")
    assert ("can be reached by others" in said) == (host == "0.0.0.0")
    assert "Traceback" not in said
