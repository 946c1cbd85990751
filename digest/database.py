"""A PostgreSQL database that several drivers share: its address, its tables, a session that comes back after a loss.

Knows connections and what their errors mean; what stands in a row is for others. The library is imported on use.
"""

import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, unquote

from .errors import EX_TEMPFAIL, ConfigError, DigestError, RecordError, StorageError
from .plaintext import one_line

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

log = logging.getLogger(__name__)

Done = TypeVar("Done")

VARIABLE = "DIGEST_STORE"
FORM = f"{VARIABLE}=postgresql://user:password@host/database"
INSTALL = "pip install 'bilingual-digest[shared]'"
VERSION = 1  #: of the tables
SPACE = 0x64696765  #: "dige": the first number of all our advisory locks, so that other programs' are others
TABLES_LOCK = 0  #: the second number while tables are made; those of sessions begin with 1
CONNECT_SECONDS = 10
PATIENCE = 60.0  #: seconds that a lost database is waited for in the middle of a run
PAUSES = 0.1, 5.0  #: seconds between two tries, at first and at most

#: libpq reads the other side's silence as death after about a minute; the server does the same with ours
ALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}
SETTINGS = """
SET search_path = pg_catalog;
SET default_transaction_isolation = 'read committed';
SET statement_timeout = '120s';
SET lock_timeout = '60s';
SET idle_in_transaction_session_timeout = '60s';
SET tcp_keepalives_idle = 30;
SET tcp_keepalives_interval = 10;
SET tcp_keepalives_count = 3
"""
TABLES = """
CREATE SCHEMA IF NOT EXISTS digest;
CREATE TABLE digest.about (version integer NOT NULL);
CREATE TABLE digest.replies (
    key bytea PRIMARY KEY,
    value bytea NOT NULL,
    stamp bytea NOT NULL,
    kept timestamptz NOT NULL DEFAULT now());
ALTER TABLE digest.replies ALTER COLUMN value SET STORAGE EXTERNAL;
CREATE TABLE digest.spending (
    day date, model text, currency text,
    replies bigint NOT NULL, prompt_tokens bigint NOT NULL, cached_tokens bigint NOT NULL,
    completion_tokens bigint NOT NULL, cost double precision NOT NULL,
    PRIMARY KEY (day, model, currency)) WITH (fillfactor = 50);
CREATE SEQUENCE digest.owners AS integer CYCLE;
CREATE UNLOGGED TABLE digest.claims (key bytea PRIMARY KEY, owner integer NOT NULL);
CREATE INDEX claims_of_owner ON digest.claims (owner);
CREATE TABLE digest.editions (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site text NOT NULL, language text NOT NULL, announced date NOT NULL,
    sha256 bytea NOT NULL, finished integer NOT NULL, cards integer NOT NULL, aside boolean NOT NULL,
    made timestamptz NOT NULL DEFAULT now(), content bytea NOT NULL);
ALTER TABLE digest.editions ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE INDEX editions_of_site ON digest.editions (site, language, announced, number DESC);
"""
# to_regclass would answer out of the session's own memory, which knows nothing of tables made while it waited.
THERE = """
SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'digest' AND c.relname = 'about'
"""
GRANTS = (
    "GRANT USAGE ON SCHEMA digest TO {0}; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA digest TO {0};"
    " GRANT USAGE ON ALL SEQUENCES IN SCHEMA digest TO {0}"
)

_USER = r"[^:@/?#\s]*"
_ADDRESS = re.compile(
    rf"postgres(?:ql)?://(?:(?P<user>{_USER})(?::(?P<password>[^@/?#\s]*))?@)?"
    r"(?P<hosts>[\w.,:\[\]%-]*)/(?P<name>[^/?#@\s]+)(?:\?(?P<more>[^#\s]*))?"
)
_BAD_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")


# ------------------------------------------------------------------------------------------ the address


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is, and how one gets in."""

    url: str = field(repr=False)  #: with the password
    place: str  #: without it, for messages


def address(url: str) -> Address:
    """
    The address in a variable.

    Raises:
        ConfigError: it is none; what stands there is not repeated.

    >>> address("postgresql://ada:secret@db.example.org/digest").place
    'postgresql://ada@db.example.org/digest'
    """
    found = _ADDRESS.fullmatch(url.strip())
    if found is None or _BAD_ESCAPE.search(url):
        raise ConfigError(
            f"{VARIABLE}: no address of a PostgreSQL database",
            hint=f"{FORM}, with %-signs for : / ? # @ and % in the password (%40 is @)",
        )
    user = f"{found['user']}@" if found["user"] else ""
    more = dict(parse_qsl(found["more"] or ""))
    hosts = found["hosts"] or more.get("host", "")
    return Address(url.strip(), one_line(f"postgresql://{user}{hosts}/{found['name']}"))


def secrets_in(url: str) -> tuple[str, ...]:
    """What of an address, be it one or not, must never be shown; the host may be."""
    _, _, rest = url.strip().partition("://")
    before, at, _ = rest.rpartition("@")
    passwords = [before.partition(":")[2]] if at else []
    passwords += [value for name, value in parse_qsl(rest.partition("?")[2]) if "password" in name]
    found = [one for one in (*passwords, *map(unquote, passwords)) if one]
    return tuple(dict.fromkeys((rest, *found))) if found else ()


# ------------------------------------------------------------------------------------------ errors

#: what a server says when it refuses a connection, in English: libpq hands no code on
_REFUSED = (
    "password authentication failed",
    "no password supplied",
    "authentication failed",
    "no pg_hba.conf entry",
    "is not permitted to log in",
    "permission denied for database",
)
_GONE = ("08", "57P")  #: the server, or the way to it, is not there now
_AGAIN = ("40001", "40P01")  #: two were in each other's way, and one was told to try again
_FOREIGN = ("42P01", "42703", "3F000", "42883", "42P10")  #: our tables are not there, or are not as we made them
_MENDS = {
    "3D000": f"createdb makes it; or mend {VARIABLE}",  # no such database
    "42501": f"the owner of the tables grants it: {GRANTS.format('ROLE')}",  # no right to
    "25006": f"{VARIABLE} must lead to the primary server, and to a database that may be written",  # read-only
}


def trouble(place: str, error: BaseException) -> DigestError:
    """What the reader should do about a database that fails; libpq repeats no password in what it says."""
    text, code = one_line(str(error)) or type(error).__name__, getattr(error, "sqlstate", None) or ""
    said = f"{place}: {text}"
    if code.startswith("28") or (not code and any(one in text for one in _REFUSED)):
        return ConfigError(said, hint=f"mend user and password in {VARIABLE}, or who may connect")
    if code in _MENDS or (not code and "does not exist" in text):
        return ConfigError(said, hint=_MENDS[code or "3D000"])
    if code in _FOREIGN or code.startswith("XX"):
        return RecordError(
            f"{place}: damaged: {text}", hint="put back a good copy of the database; no local edition is touched"
        )
    if code.startswith("53") and code != "53300":
        return StorageError(f"{place}: nothing can be kept: {text}", hint="make room on the database server")
    return StorageError(
        said, hint="the same command goes on when the database answers again: all that was kept is kept"
    )


# ------------------------------------------------------------------------------------------ the session


def _library() -> Any:
    try:
        import psycopg
    except ImportError as error:
        raise ConfigError(f"{VARIABLE} needs psycopg: {error}", hint=INSTALL) from error
    return psycopg


class Session:
    """One connection to the database, made on first use and made anew after a loss. Threads take turns at it."""

    def __init__(
        self,
        where: Address,
        *,
        patience: float = PATIENCE,
        greet: Callable[["Connection"], None] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        Keep the parts; nothing is opened.

        Args:
            where: The database.
            patience: Seconds that it is waited for if it is lost; where it isn't there at first, that is told at once.
            greet: What is done on each new connection before anything else.
            sleep: Waits.
        """
        self.place = where.place
        self._url = where.url
        self._patience = patience
        self._greet = greet
        self._sleep = sleep
        self._connection: Connection | None = None
        self._was_open = False
        self._guard = threading.RLock()

    def run(self, work: Callable[["Connection"], Done]) -> Done:
        """
        Do work on the connection; after a loss again from its beginning, so doing it twice must be like doing it once.

        Raises:
            ConfigError, RecordError: the user must mend something.
            StorageError: the database is not there, or full.
        """
        with self._guard:
            until, pause = 0.0, PAUSES[0]
            while True:
                done: list[Done] = []
                error = self._tried(work, done)
                if error is None:
                    return done[0]
                failure = trouble(self.place, error)
                if failure.exit_code != EX_TEMPFAIL or not (self._was_open and self._may_pass(error)):
                    raise failure from error
                now = time.monotonic()
                if not until:
                    until = now + self._patience
                    log.warning("%s; trying again for %.0f s", failure, self._patience)
                if now >= until:
                    raise failure from error
                self._sleep(pause)
                pause = min(2 * pause, PAUSES[1])

    def _tried(self, work: Callable[["Connection"], Done], done: list[Done]) -> Any:
        """Do work and leave what comes of it in `done`; or the error of the library that came instead."""
        library = _library()
        try:
            connection = self._connection or self._connected()
            done.append(work(connection))
        except library.Error as error:
            if self._connection is not None and (self._connection.broken or self._connection.closed):
                self._connection = None
            if (error.sqlstate or "").startswith(("22", "42")) and error.sqlstate not in ("42501", *_FOREIGN):
                raise  # a mistake of ours
            return error
        return None

    def _may_pass(self, error: Any) -> bool:
        code = error.sqlstate or ""
        return self._connection is None or code.startswith(_GONE) or code in (*_AGAIN, "53300")

    def _connected(self) -> "Connection":
        library = _library()
        try:
            given = library.conninfo.conninfo_to_dict(self._url)
        except library.ProgrammingError:  # whose text may hold some of the password
            raise ConfigError(f"{VARIABLE}: libpq can't read it", hint=FORM) from None
        defaults = ALIVE | {"connect_timeout": CONNECT_SECONDS, "application_name": "digest"}
        connection: Connection = library.connect(**(defaults | given), autocommit=True)
        try:
            connection.execute(SETTINGS)
            prepare(connection, self.place)
            self._greet(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._was_open = connection, True
        return connection

    def close(self) -> None:
        """End the session; another use begins one anew."""
        with self._guard:
            if self._connection is not None:
                self._connection.close()
            self._connection, self._was_open = None, False


def prepare(connection: "Connection", place: str) -> None:
    """
    See that the tables are there and of this version; they are made where there are none.

    Raises:
        ConfigError: a newer program made them, or the database is not in UTF-8.
    """
    if (coding := connection.info.parameter_status("server_encoding")) != "UTF8":
        raise ConfigError(
            f"{place}: the database is in {coding}, not in UTF-8", hint="createdb -T template0 -E UTF8 NAME"
        )
    version = _version(connection)
    if version is None:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", (SPACE, TABLES_LOCK))
            version = _version(connection)
            if version is None:  # nobody else has made them meanwhile
                connection.execute(TABLES)
                connection.execute("INSERT INTO digest.about VALUES (%s)", (VERSION,))
                version = VERSION
    if version != VERSION:
        raise ConfigError(f"{place}: its tables are of version {version}, not {VERSION}", hint="upgrade digest")


def _version(connection: "Connection") -> int | None:
    """Of the tables; None: there are none."""
    if not connection.execute(THERE).fetchall():
        return None
    found = connection.execute("SELECT max(version) FROM digest.about").fetchone()
    return int(found[0]) if found and found[0] is not None else 0
