"""A PostgreSQL server for the tests, on loopback and in a folder of its own; skipped where there is no program."""

import atexit
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "pass:w/rd @%-of-a-test"
QUOTED = "pass%3Aw%2Frd%20%40%25-of-a-test"
_numbers = itertools.count(1)


def programs() -> Path | None:
    """The folder of the server's programs."""
    places = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    places += [Path(found).resolve().parent] if (found := shutil.which("postgres")) else []
    return next((one for one in places if (one / "initdb").exists() and (one / "postgres").exists()), None)


class Server:
    """A server without a care for power cuts; it refuses to run as root, so root lends it to somebody else."""

    def __init__(self, binaries: Path) -> None:
        self.binaries = binaries
        self.folder = Path(tempfile.mkdtemp(prefix="digest-postgresql-"))
        self.options: dict[str, Any] = {"user": "nobody"} if os.getuid() == 0 else {}
        self.process: subprocess.Popen[bytes] | None = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        secret = self.folder / "secret"
        secret.write_text(PASSWORD)
        if self.options:
            for path in (self.folder, secret):
                shutil.chown(path, "nobody")
        self.data = self.folder / "data"
        call = [
            str(binaries / "initdb"),
            "-D",
            str(self.data),
            "-U",
            "owner",
            f"--pwfile={secret}",
            "--no-sync",
            "-E",
            "UTF8",
        ]
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "cwd": self.folder, **self.options}
        subprocess.run([*call, "--locale=C", "--auth=scram-sha-256"], check=True, **quiet)
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            "fsync": "off",
            "shared_buffers": "16MB",
            "max_connections": "40",
            "log_statement": "all",
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        call = [str(self.binaries / "postgres"), "-D", str(self.data), "-p", str(self.port), *words]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(call, stderr=log, stdout=log, cwd=self.folder, **self.options)
        for _ in range(300):
            try:
                self.sql("SELECT 1")
            except Exception:  # noqa: BLE001
                time.sleep(0.05)
            else:
                return
        raise AssertionError((self.folder / "log").read_text())

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """Stop it at once, as a crash would."""
        if self.process:
            self.process.send_signal(how)
            self.process.wait(20)
            self.process = None

    def remove(self) -> None:
        """Stop it for good."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, name: str = "postgres", user: str = "owner", password: str = QUOTED) -> str:
        """The address of a database."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{name}"

    def sql(self, statement: str, *values: Any, name: str = "postgres") -> list[tuple[Any, ...]]:
        """What a statement gives, past all that is ours."""
        import psycopg

        with psycopg.connect(self.url(name), autocommit=True) as connection:
            found = connection.execute(statement, values or None)
            return found.fetchall() if found.description else []


@cache
def _started() -> Server | str:
    if os.name != "posix":
        return "no PostgreSQL server is started on this system"
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "psycopg is not installed"
    binaries = programs()
    if binaries is None:
        return "no PostgreSQL server program is installed"
    server = Server(binaries)
    atexit.register(server.remove)
    return server


@pytest.fixture
def server() -> Server:
    """The one server of this test run."""
    found = _started()
    if isinstance(found, str):
        pytest.skip(found)
    if found.process is None:
        found.start()
    return found


@pytest.fixture
def store(server: Server) -> Iterator[str]:
    """The address of a database of this test's own."""
    name = f"test_{next(_numbers)}"
    server.sql(f"CREATE DATABASE {name}")
    yield server.url(name)
    if server.process is None:
        server.start()
    server.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
