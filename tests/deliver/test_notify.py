"""Chats and webhooks: what arrives at a real one, and that no address is ever shown."""

import json
import logging
import socket
import sys
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from digest.deliver import Message, RefusedError
from digest.deliver.notify import PATIENCE, Notify
from digest.errors import ConfigError, DeliveryError

TOKEN = "s3cr3t-token-0815"
HOSTILE = (
    'A *b* _i_ `c` <b>x</b> & <!channel> <@U1> @everyone <at user_id="all">all</at> [t](http://evil.example) Pass@k'
)


def message(text: str = "第一行\n第二行\n", **fields: Any) -> Message:
    return Message(**{"subject": "论文", "text": text, "message_id": "a.digest@example.org", **fields})


def hook(server: HTTPServer, scheme: str = "json", more: str = "") -> Notify:
    return Notify(f"{scheme}://{server.host}:{server.port}/{TOKEN}{more}", "DIGEST_GROUP")


def answering(server: HTTPServer, status: int = 200, **options: Any) -> list[Request]:
    """Let every call be answered so; the calls are listed."""
    seen: list[Request] = []

    def answer(request: Request) -> Response:
        request.get_data()
        seen.append(request)
        return Response("{}", status, **options)

    server.expect_request(f"/{TOKEN}").respond_with_handler(answer)
    return seen


def test_a_webhook_gets_the_text_as_it_is_and_an_id(httpserver: HTTPServer) -> None:
    """In one piece whatever its length, and the same id on every try."""
    seen, text = answering(httpserver), HOSTILE + "\n" + "稳" * 50_000
    hook(httpserver).send(message(text))

    assert len(seen) == 1
    assert seen[0].headers["X-Digest-Id"] == "a.digest@example.org"
    record = json.loads(seen[0].get_data())
    assert (record["title"], record["message"]) == ("论文", text)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(500, DeliveryError), (503, DeliveryError), (429, DeliveryError), (401, RefusedError), (404, RefusedError)],
)
def test_a_failure_has_its_reason_and_not_its_address(
    httpserver: HTTPServer, status: int, kind: type[DeliveryError], caplog: pytest.LogCaptureFixture
) -> None:
    """What is meant to last is a refusal."""
    answering(httpserver, status)

    with caplog.at_level(logging.DEBUG), pytest.raises(DeliveryError, match=f"^JSON: .*error={status}") as caught:
        hook(httpserver).send(message())
    assert type(caught.value) is kind
    assert TOKEN not in repr(caught.value)
    assert not [one for one in caplog.records if TOKEN in one.getMessage() and one.name != "werkzeug"]  # the server's


def test_a_redirect_is_no_delivery(httpserver: HTTPServer) -> None:
    """What follows it is a question without the message, answered 200."""
    answering(httpserver, 302, headers={"Location": "/elsewhere"})
    httpserver.expect_request("/elsewhere").respond_with_data("fine")

    with pytest.raises(RefusedError, match="error=302"):
        hook(httpserver).send(message())


def test_a_failure_that_the_address_calls_optional_is_one(httpserver: HTTPServer) -> None:
    """And nobody but us tries again."""
    seen = answering(httpserver, 500)

    with pytest.raises(DeliveryError):
        hook(httpserver, more="?optional=yes&retry=3").send(message())
    assert len(seen) == 1


def test_nobody_there_is_said() -> None:
    """Without the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with pytest.raises(DeliveryError, match="Connection error") as caught:
        Notify(f"json://127.0.0.1:{port}/{TOKEN}", "DIGEST_GROUP").send(message())
    assert TOKEN not in str(caught.value)


def test_a_hook_that_hangs_is_left() -> None:
    """After the address's own time-out; ours is longer than apprise's."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"json://127.0.0.1:{silent.getsockname()[1]}/{TOKEN}"

        with pytest.raises(DeliveryError):
            Notify(f"{url}?rto=0.2", "DIGEST_GROUP").send(message())
        assert Notify(url, "DIGEST_GROUP")._service.request_timeout == (PATIENCE, PATIENCE)


@pytest.mark.parametrize("url", ["", "nonsense", f"nobody://{TOKEN}/x", f"tgram://{TOKEN}", f"discord://{TOKEN}"])
def test_an_address_that_apprise_can_not_read_names_its_variable(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """And never itself, in the log neither."""
    with caplog.at_level(logging.DEBUG), pytest.raises(ConfigError, match=r"^DIGEST_GROUP holds no address") as caught:
        Notify(url, "DIGEST_GROUP")
    assert TOKEN not in f"{caught.value} {caught.value.hint}"
    assert TOKEN not in caplog.text


def test_without_apprise_the_install_line_is_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for every extra."""
    monkeypatch.setitem(sys.modules, "apprise", None)

    with pytest.raises(ConfigError, match="not installed") as caught:
        Notify("json://127.0.0.1/x", "DIGEST_GROUP")
    assert caught.value.hint == "pip install 'bilingual-digest[deliver]'"


class Wire:
    """Stands in for what apprise asks with: takes all that would leave, and says yes."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def take(self, *args: Any, **options: Any) -> "Wire":
        self.sent.append(json.dumps(json.loads(options["data"]), ensure_ascii=False))
        return self

    status_code, headers, text, content, ok = 200, {"x": ""}, "ok", b'{"ok":true,"code":0,"errcode":0}', True

    def json(self) -> Any:
        return json.loads(self.content)


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    import requests

    found = Wire()
    for name in ("post", "request"):
        monkeypatch.setattr(requests, name, found.take)
    monkeypatch.setattr("apprise.url.URLBase.throttle", lambda *_, **__: None)  # it waits between pieces
    return found


CHATS = {
    "tgram": "tgram://123456789:abcdefg_hijklmnop/12315544/",
    "feishu": "feishu://abcdefab-cdef-4abc-9def-abcdefabcdef/",
    "dingtalk": f"dingtalk://{'a' * 64}",
    "wecombot": "wecombot://abcdefab-cdef-4abc-9def-abcdefabcdef",
    "discord": "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
    "mmost": "mmost://127.0.0.1/3ccdd113474722377935511fc85d3dd4",
}


@pytest.mark.parametrize("name", CHATS)
def test_no_title_calls_anybody(wire: Wire, name: str) -> None:
    """Neither all of a group nor one of it."""
    Notify(CHATS[name], "DIGEST_GROUP").send(message(HOSTILE))

    assert len(wire.sent) == 1
    for call in ("@everyone", "@U1", "<at ", "<!channel>" if name == "tgram" else "@everyone"):
        assert call not in wire.sent[0]
    assert "Pass@k" in wire.sent[0]


def test_no_title_is_markup_where_a_chat_reads_markup(wire: Wire) -> None:
    """Telegram takes HTML, Discord and Mattermost Markdown, whatever is sent to them; our own address stays one."""
    for name in ("tgram", "discord", "mmost"):
        Notify(CHATS[name], "DIGEST_GROUP").send(message(f"{HOSTILE}\nhttps://x.org/a_b"))

    telegram, *others = wire.sent
    assert "&lt;b&gt;x&lt;/b&gt; &amp;" in telegram
    for said in others:
        assert r"\\*b\\* \\_i\\_ \\`c\\` \\<b\\>x" in said
        assert r"\\[t\\](http" in said
        assert r"\n<https://x.org/a_b>" in said


def test_what_is_long_for_a_chat_goes_in_pieces_that_it_takes(wire: Wire) -> None:
    """WeCom counts octets, Feishu those of the request; a line is not torn."""
    lines = [f"{number} " + "稳" * 50 for number in range(200)]
    for name, most in (("wecombot", 2048), ("feishu", 20_000)):
        wire.sent.clear()
        Notify(CHATS[name], "DIGEST_GROUP").send(message("\n".join(lines)))

        texts = [next(iter((one.get("text") or one["content"]).values())) for one in map(json.loads, wire.sent)]
        sizes = [len(one.encode()) if name == "wecombot" else len(json.dumps(one)) for one in texts]
        assert max(sizes) <= most
        assert [line for text in texts for line in text.splitlines() if line != "论文"] == lines


@pytest.mark.parametrize(("name", "most"), [("wecombot", 616), ("feishu", 3297), ("tgram", 3896), ("discord", 1800)])
def test_a_chat_says_what_fits_it(name: str, most: int) -> None:
    """With room for a subject, in the measure of the service."""
    channel = Notify(CHATS[name], "DIGEST_GROUP")

    assert channel.fits("稳" * most)
    assert not channel.fits("稳" * (most + 1))


def test_mail_by_apprise_is_html(post: Any) -> None:
    """Where [smtp] is not used."""
    url = f"mailto://me:pw@127.0.0.1:{post.port}/?from=me@example.org&to=ada@example.org&mode=insecure"
    post.auth = False
    channel = Notify(url.replace("me:pw@", "me@"), "DIGEST_GROUP")
    channel.send(message(html="<p>" + "稳" * 50_000 + "</p>"))

    assert len(post.arrived) == 1
    assert "稳" * 50_000 in post.text(form="html")
    assert post.arrived[0]["X-Digest-Id"] == "a.digest@example.org"
