"""What must not get out: secrets in whatever form, and characters that steer a terminal or forge a line of the log."""

import base64
import json
import logging
from io import StringIO
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.secrecy import SHORTEST, Secrets, redacting, visible, visible_json

KEY = "sk-Zz9/+ä?&=x"
LONG = st.text(min_size=SHORTEST, max_size=40).filter(lambda text: len(text.strip()) >= SHORTEST)


def logged(*secrets: str) -> tuple[logging.Logger, StringIO]:
    """A logger that writes as the program's does, and what it has written."""
    stream, log = StringIO(), logging.Logger("digest.test")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    handler.addFilter(redacting(secrets))
    log.addHandler(handler)
    return log, stream


@pytest.mark.parametrize(
    "form",
    [
        KEY,
        quote(KEY),
        quote(KEY, safe=""),
        quote_plus(KEY),
        json.dumps(KEY)[1:-1],
        json.dumps(KEY, ensure_ascii=False)[1:-1],
        repr(KEY)[1:-1],
    ],
)
def test_a_secret_is_hidden_in_every_form(form: str) -> None:
    """As it is, in an address, as JSON."""
    assert Secrets([KEY]).hide(f"before {form} behind") == "before *** behind"


@given(LONG.filter(lambda text: text.isprintable()), st.binary(max_size=8), st.binary(max_size=8))
def test_a_secret_is_hidden_within_base64(secret: str, before: bytes, behind: bytes) -> None:
    """Whatever stands before and behind it: the Basic scheme has a name and a colon there."""
    secret = secret.strip()
    whole = base64.b64encode(before + secret.encode() + behind).decode()

    assert whole not in Secrets([secret]).hide(f"Authorization: Basic {whole}")


@given(LONG, st.text(), st.text())
def test_no_text_holds_a_secret_after_hiding(secret: str, before: str, behind: str) -> None:
    """Wherever it stands."""
    assert secret.strip() not in Secrets([secret]).hide(before + secret.strip() + behind).replace("***", "\0")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("tgram://123456789:AAabcdefgh/-100200300", "/bot123456789:AAabcdefgh/sendMessage"),
        ("https://hooks.example.org/services/T0/B0/XXXXXXXX", "POST /services/T0/B0/XXXXXXXX"),
        ("json://user:pass%2Fword@host.example.org/path", "user pass/word was refused"),
        ("json://user:pass.word@host.example.org/path", "user pass.word was refused"),
    ],
)
def test_the_parts_of_a_secret_address_are_hidden(address: str, said: str) -> None:
    """A library that fails says which address of the service it asked, and the token stands there."""
    hidden = Secrets([address]).hide(said)

    assert not any(part in hidden for part in ("AAabcdefgh", "XXXXXXXX", "pass/word", "pass.word"))


def test_a_host_is_told() -> None:
    """Where the trouble is may be said."""
    assert Secrets(["json://secret-token@host.example.org/"]).hide("host.example.org: refused") == (
        "host.example.org: refused"
    )


def test_words_that_are_no_secret_stay() -> None:
    """A server that wants no key is given any word; hiding it would hide half of the log."""
    assert Secrets(["none", "", " "]).hide("none of these") == "none of these"


def test_a_log_says_no_secret() -> None:
    """Neither in the message, nor in its arguments, nor in the traceback."""
    log, stream = logged("sk-12345678")
    try:
        raise ValueError("no access with sk-12345678")  # noqa: TRY301
    except ValueError:
        log.exception("%s failed: %s", "sk-12345678", {"key": "sk-12345678"})

    assert "sk-12345678" not in stream.getvalue()
    assert "ValueError: no access with ***" in stream.getvalue()


def test_a_log_keeps_a_message_on_one_line() -> None:
    """A title that holds a newline forges no line."""
    log, stream = logged()
    log.warning("%s: refused", "title\nERROR all is lost\r\x1b[2J")

    assert stream.getvalue() == "WARNING title\\nERROR all is lost\\r\\x1b[2J: refused\n"


def test_a_message_that_does_not_fit_its_arguments_is_logged() -> None:
    """A bug in a log line of another library costs no line and no secret."""
    log, stream = logged("sk-12345678")
    log.warning("%d of %d", "sk-12345678")  # noqa: PLE1206

    assert stream.getvalue() == "WARNING %d of %d ('***',)\n"


@given(st.text())
def test_nothing_steers_a_terminal(text: str) -> None:
    """No escape, no C1 control, no override of the writing direction is left."""
    assert not any((ord(sign) < 32 and sign not in "\n\t") or 127 <= ord(sign) < 160 for sign in visible(text))
    assert visible(text.replace("\x1b", "")) == visible(text.replace("\x1b", ""), colours=True)


def test_colours_stay_where_they_are_ours() -> None:
    """The letters of a chart have a colour; a title that clears the screen does not."""
    assert visible("\x1b[1;32mok\x1b[0m \x1b]0;x\x07 \x1b[2J", colours=True) == (
        "\x1b[1;32mok\x1b[0m \\x1b]0;x\\x07 \\x1b[2J"
    )


@given(st.text())
def test_json_says_the_same(text: str) -> None:
    """What is escaped reads back as it was."""
    made = visible_json(json.dumps({"title": text}, ensure_ascii=False))

    assert json.loads(made) == {"title": text}
    assert not any(127 <= ord(sign) < 160 for sign in made)
