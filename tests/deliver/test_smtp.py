"""Mail: what arrives at a real server, and what each of its failures is called."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword

from deliver.posts import NOW, SENDER, Post, office
from digest.deliver import Message, RefusedError, open_channel
from digest.deliver.smtp import Smtp
from digest.errors import ConfigError, DeliveryError
from digest.letters import Letterhead

PASSWORD = "hunter2-and-more"
HEADERS = Letterhead(SENDER).headers(NOW, "zh-Hans")


def message(**fields: Any) -> Message:
    return Message(
        **{"subject": "论文", "text": "正文\n", "message_id": "a.digest@example.org", "headers": HEADERS, **fields}
    )


def smtp(port: int, **options: Any) -> Smtp:
    given = {
        "host": "127.0.0.1",
        "port": port,
        "sender": SENDER,
        "receiver": "Ada <ada@example.org>",
        "security": "none",
    }
    return Smtp(**{**given, "timeout_seconds": 5.0, **options})


def test_a_mail_arrives_with_its_headers(post: Post) -> None:
    """From, to whom, when and under which id; as a machine's list mail."""
    smtp(post.port).send(message())

    mail = post.arrived[0]
    assert (mail["From"], mail["To"], mail["Subject"]) == (SENDER, "Ada <ada@example.org>", "论文")
    assert mail["Message-ID"] == "<a.digest@example.org>"
    assert mail["Date"].datetime == NOW
    assert mail["List-Id"] == "digest <zh-hans.digest.example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe"] == "<mailto:me@example.org?subject=unsubscribe>"


@pytest.mark.parametrize("sign", ["稳", "a", "é", "𝛼 < & = . "])
def test_long_text_and_html_arrive_whole(post: Post, sign: str) -> None:
    """100 kB on one line, in lines of ASCII that every server takes."""
    text = f".\n{sign * 30_000}\nFrom me\n"
    html = f"<p>{sign * 30_000}</p>\n"
    smtp(post.port).send(message(text=text, html=html))

    assert post.text().replace("\r\n", "\n") == text
    assert post.text(form="html").replace("\r\n", "\n") == html
    assert max(map(len, post.raw[0].split(b"\r\n"))) <= 78
    assert post.raw[0].isascii()
    assert len(post.raw[0]) < 1.6 * len((text + html).encode()) + 2000


def test_hostile_text_stays_where_it_is_put(post: Post) -> None:
    """No line of a subject becomes a header, and what is no text is left out."""
    smtp(post.port).send(
        message(subject="A\r\nBcc: evil@example.org\r\n\r\n<b>\u202e\ud800", text="x\0y\ud800z \u202e\r\n.\r\nQUIT\r\n")
    )

    mail = post.arrived[0]
    assert mail["Subject"] == "A Bcc: evil@example.org <b>"
    assert mail["Bcc"] is None
    assert post.text().splitlines() == ["xy?z \u202e", ".", "QUIT"]


def test_a_busy_server_is_no_refusal(post: Post) -> None:
    """451 is greylisting: another try may pass."""
    post.faults = ["451 4.7.1 come back later"]

    with pytest.raises(DeliveryError, match=r"^127.0.0.1:\d+ refuses the mail: 451 4.7.1 come back later$") as caught:
        smtp(post.port).send(message())
    assert not isinstance(caught.value, RefusedError)


@pytest.mark.parametrize(("code", "kind"), [("450 busy", DeliveryError), ("550 5.1.1 no such user", RefusedError)])
def test_a_refused_receiver_is_named(post: Post, code: str, kind: type[DeliveryError]) -> None:
    """With the server's words; a code of 5xx is meant to last."""
    post.refused["ada@example.org"] = code

    with pytest.raises(DeliveryError, match=f"refuses ada@example.org: {code}") as caught:
        smtp(post.port).send(message())
    assert type(caught.value) is kind
    assert post.arrived == []


def test_a_mail_that_the_server_calls_too_large_is_refused(post: Post) -> None:
    """552 is said once, not three times."""
    post.faults = ["552 too large"]

    with pytest.raises(RefusedError, match="552 too large"):
        smtp(post.port).send(message())


def test_a_line_that_breaks_after_the_mail_is_a_failure(post: Post) -> None:
    """Nobody said yes."""
    post.faults = ["drop"]

    with pytest.raises(DeliveryError, match="hung up"):
        smtp(post.port).send(message())


def test_nobody_there_is_said() -> None:
    """With address and port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with pytest.raises(DeliveryError, match=rf"^127.0.0.1:{port} can't be reached: Connection refused$"):
        smtp(port).send(message())


@contextmanager
def scripted(*answers: bytes) -> Iterator[int]:
    """A server that gives these answers whatever it is asked, and then says no more."""
    server = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(answers[0])
            for answer in answers[1:]:
                connection.recv(65536)
                connection.sendall(answer)
            over.wait(5)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        over.set()
        thread.join()
        server.close()


def test_a_server_that_hangs_is_left() -> None:
    """After the time-out, with a word."""
    with scripted(b"220 me\r\n") as port, pytest.raises(DeliveryError, match="timed out"):
        smtp(port, timeout_seconds=0.2).send(message())


def test_what_goes_wrong_at_the_goodbye_is_no_failure() -> None:
    """The server has said yes: a second try would be a second copy."""
    with scripted(b"220 me\r\n", *[b"250 ok\r\n"] * 3, b"354 go\r\n", b"250 mine\r\n", b"421 go away\r\n") as port:
        smtp(port).send(message())


class Doorkeeper:
    """Lets in who knows the password."""

    def __call__(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        return AuthResult(success=data.password.decode() == PASSWORD, handled=False)


@pytest.fixture
def guarded() -> Iterator[Post]:
    with office(authenticator=Doorkeeper(), auth_require_tls=False) as found:
        yield found


def test_a_login_opens_the_door(guarded: Post) -> None:
    """On loopback also without encryption."""
    smtp(guarded.port, user="me", password=PASSWORD).send(message())

    assert guarded.logged_in == [True]


def test_a_wrong_password_is_refused_and_not_shown(guarded: Post) -> None:
    """The login is named, the password in no form."""
    with pytest.raises(RefusedError, match="refuses the login of me: 535") as caught:
        smtp(guarded.port, user="me", password="wrong-but-secret").send(message())
    assert "wrong-but-secret" not in repr(caught.value)
    assert caught.value.__suppress_context__


def test_a_password_that_a_server_repeats_is_blotted_out() -> None:
    """Plain or in base64."""
    said = b"535 no such user: AG1lAGh1bnRlcjItYW5kLW1vcmU= hunter2-and-more\r\n"
    with (
        scripted(b"220 me\r\n", b"250-me\r\n250 AUTH PLAIN\r\n", said, b"221 bye\r\n") as port,
        pytest.raises(RefusedError, match=r": 535 no such user: \S*\*\*\*\S* \*\*\*$"),
    ):
        smtp(port, user="me", password=PASSWORD).send(message())


def test_a_password_beyond_ascii_is_not_shown(guarded: Post) -> None:
    """smtplib can't say it, and its error would."""
    with pytest.raises(RefusedError, match="ASCII") as caught:
        smtp(guarded.port, user="me", password="pässword").send(message())
    assert "\\xe4" not in repr(caught.value.__cause__)


def test_a_password_does_not_leave_in_the_clear() -> None:
    """Not to another machine, and not before a connection is tried."""
    with pytest.raises(ConfigError, match="for all to read"):
        smtp(25, host="mail.example.org", user="me", password=PASSWORD)


def test_a_server_without_starttls_is_refused(post: Post) -> None:
    """Encryption that was asked for is not left out in silence."""
    with pytest.raises(RefusedError, match="STARTTLS"):
        smtp(post.port, security="starttls").send(message())
    assert post.arrived == []


def test_starttls_and_a_trusted_certificate_carry_a_mail(
    certificate: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a login that the server takes only then."""
    found, context = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(found))
    with office(tls_context=context, require_starttls=True, authenticator=Doorkeeper()) as post:
        smtp(post.port, security="starttls", user="me", password=PASSWORD).send(message())

    assert post.logged_in == [True]


def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: tuple[Path, ssl.SSLContext]) -> None:
    """Neither mail nor password goes there."""
    with (
        office(tls_context=certificate[1]) as post,
        pytest.raises(RefusedError, match="no certificate for that name that we trust: self-signed"),
    ):
        smtp(post.port, security="starttls", user="me", password=PASSWORD).send(message())

    assert post.arrived == []


def test_tls_from_the_first_byte_carries_a_mail(
    certificate: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As port 465 has it."""
    found, context = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(found))
    with office(ssl_context=context) as post:
        smtp(post.port, security="tls").send(message())

    assert post.subjects == ["论文"]


def test_an_unknown_channel_is_named() -> None:
    """With those that there are."""
    with pytest.raises(ConfigError, match="no channel is called 'pigeon'"):
        open_channel("pigeon")
