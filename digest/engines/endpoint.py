"""Where a model service is, and the key for it: checked once, and safe to name in messages.

Pure. Opens no connection and reads no environment.
"""

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from ..errors import ConfigError
from ..plaintext import one_line
from ..secrecy import Secrets

OPENAI = "https://api.openai.com/v1"
LONGEST_LINE = 200  #: characters of a service's own words that a message may quote


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model service; neither its `repr` nor `place` shows a secret."""

    base_url: str = field(repr=False)  #: up to and with "/v1"; may hold a password
    key: str = field(repr=False)  #: printable ASCII without white space
    place: str  #: host and port
    local: bool  #: on this machine, where no proxy reaches

    def scrubbed(self, text: str) -> str:
        """`text` on one short line, without the key: a service may echo it."""
        line = one_line(Secrets([self.key]).hide(text))
        return line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…"


def endpoint(base_url: str | None, api_key: str, key_name: str = "OPENAI_API_KEY") -> Endpoint:
    """
    The endpoint at `base_url`, OpenAI's own if there is none; on this machine the key may be empty.

    Errors name the variable `key_name`, which holds the key.

    >>> endpoint("http://user:secret@localhost:8080/v1", "")
    Endpoint(place='localhost:8080', local=True)

    Raises:
        ConfigError: `base_url` is no web address, or `api_key` can't be a key; it is never quoted.
    """
    url = base_url or OPENAI
    place, host = _place(url)
    local = _is_loopback(host)
    return Endpoint(base_url=url, key=_checked_key(api_key, key_name, local=local), place=place, local=local)


def _place(url: str) -> tuple[str, str]:
    """Host with port, and host."""
    try:
        parts: SplitResult | None = urlsplit(url)
        port = parts.port if parts else None
    except ValueError:  # its text may quote a password
        parts, port = None, None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError("engine.base_url: no web address", hint="such as http://127.0.0.1:8080/v1 (OPENAI_BASE_URL)")
    return f"{parts.hostname}:{port}" if port else parts.hostname, parts.hostname


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _checked_key(key: str, name: str, *, local: bool) -> str:
    key = key.strip() or ("none" if local else "")
    if not key:
        raise ConfigError(f"{name}: no key", hint=f"export {name}=…")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(f"{name}: holds characters no key has", hint="copy it again: one line of plain ASCII")
    return key
