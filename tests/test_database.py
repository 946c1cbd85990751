"""The address of a database that several drivers share, and what its errors mean; no server is needed."""

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.database import Session, address, secrets_in, trouble
from digest.errors import ConfigError, DigestError, RecordError, StorageError
from digest.secrecy import Secrets

psycopg: Any = pytest.importorskip("psycopg")


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql://ada:secret@db.example.org/digest", "postgresql://ada@db.example.org/digest"),
        ("postgres://ada:s%40%2Fx@[::1]:5433/d?sslmode=require", "postgresql://ada@[::1]:5433/d"),
        ("postgresql://one:1,two:2/d", "postgresql://one:1,two:2/d"),
        ("postgresql:///d?host=/run/postgresql&password=hushhush", "postgresql:///run/postgresql/d"),
        ("  postgresql://host/d\n", "postgresql://host/d"),
    ],
)
def test_a_place_is_named_without_its_password(url: str, place: str) -> None:
    """User, host and database tell where the trouble is."""
    assert address(url).place == place
    assert url.strip() not in repr(address(url)).replace(place, "")


@pytest.mark.parametrize(
    "url",
    [
        "mysql://ada:secret@h/d",
        "postgresql://ada:sec/ret@h/d",
        "postgresql://ada:sec#ret@h/d",
        "postgresql://ada:sec@ret@h/d",
        "postgresql://ada:sec%ret@h/d",
        "postgresql://ada:secret@h",
        "postgresql://ada:secret@h/",
        "secret",
        "host=h password=secret",
    ],
)
def test_what_is_no_address_is_not_repeated(url: str) -> None:
    """Any part of it may be the password."""
    with pytest.raises(ConfigError) as caught:
        address(url)
    for part in ("secret", "sec/", "ret@", "sec#"):
        assert part not in f"{caught.value} {caught.value.hint}"
    assert "%40 is @" in str(caught.value.hint)


SIGNS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=20)


@given(SIGNS.filter(lambda word: word not in "postgresql://somebody@db.example.org/database"))
def test_no_password_is_shown_however_it_is_written(password: str) -> None:
    """Encoded as it should be, or as it stands: the log hides it in both forms, and the host stays."""
    from urllib.parse import quote

    for written in (quote(password, safe=""), password):
        hidden = Secrets(secrets_in(f"postgresql://somebody:{written}@db.example.org/database"))
        said = hidden.hide(f"{password} | {written} | db.example.org")
        assert said.startswith("*** | ***") or password in "*** | ***"
        assert said.endswith("db.example.org")


def test_an_address_without_a_password_hides_nothing() -> None:
    """Who comes in by other means has no secret here."""
    assert secrets_in("postgresql://ada@host/digest") == ()
    assert secrets_in("postgresql://host/digest") == ()


def failure(code: str | None, text: str = "no") -> Exception:
    error = psycopg.OperationalError(text)
    error.sqlstate = code
    return error  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("code", "text", "kind", "hint"),
    [
        (None, 'FATAL:  password authentication failed for user "a"', ConfigError, "user and password"),
        (None, 'FATAL:  no pg_hba.conf entry for host "1.2.3.4"', ConfigError, "user and password"),
        (None, 'FATAL:  database "d" does not exist', ConfigError, "createdb"),
        (None, "connection refused", StorageError, "when the database answers again"),
        (None, "FATAL:  sorry, too many clients already", StorageError, "when the database answers again"),
        ("57P01", "terminating connection", StorageError, "when the database answers again"),
        ("57014", "canceling statement due to statement timeout", StorageError, "when the database answers again"),
        ("53100", "could not extend file: No space left on device", StorageError, "make room"),
        ("25006", "cannot execute INSERT in a read-only transaction", ConfigError, "primary"),
        ("42501", "permission denied for table replies", ConfigError, "GRANT"),
        ("42P01", 'relation "digest.replies" does not exist', RecordError, "good copy"),
        ("XX001", "invalid page in block 1", RecordError, "good copy"),
    ],
)
def test_errors_say_what_to_do(code: str | None, text: str, kind: type[DigestError], hint: str) -> None:
    """Each with the place, the server's words and the mend."""
    error = trouble("postgresql://h/d", failure(code, text))

    assert type(error) is kind
    assert str(error).startswith("postgresql://h/d: ")
    assert text.replace("  ", " ") in str(error)
    assert hint in str(error.hint)


def test_a_missing_library_is_an_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra that brings it."""
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(ConfigError) as caught:
        Session(address("postgresql://h/d")).run(lambda _: None)
    assert caught.value.hint == "pip install 'bilingual-digest[shared]'"
