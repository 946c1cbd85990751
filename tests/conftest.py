"""No test may reach beyond this machine: a look-up or a connection that leaves loopback fails the test."""

import ipaddress
import logging
import os
import socket
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is slow to draw and slow to run; that is no finding.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def is_loopback(host: object) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(name)).is_loopback
    except ValueError:
        return False


#: files that take long, the longest first: no worker is left with one of them at the end
LONG = (
    "test_nights",
    "test_cluster_run",
    "test_validity",
    "test_browser",
    "test_shared_backfill",
    "test_cluster_ray",
    "test_backfill",
    "test_logs",
    "test_local",
    "test_cli",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take long before the others, otherwise in the order that was drawn."""
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded(call: Any) -> Any:
        def checked(self: socket.socket, address: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6) and not is_loopback(address[0]):
                pytest.fail(f"a test connects to {address[0]}")
            return call(self, address)

        return checked

    def looked_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_loopback(host):
            pytest.fail(f"a test looks up {host}")
        return getaddrinfo(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded(connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guarded(connect_ex))
    monkeypatch.setattr(socket, "getaddrinfo", looked_up)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A user's settings must not change what the tests see, nor the tests what the user has."""
    logging.getLogger("digest").setLevel(logging.NOTSET)  # a command of another test has set it
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache-home"))
    for name in list(os.environ):
        if name.startswith(("DIGEST_", "OPENAI_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
