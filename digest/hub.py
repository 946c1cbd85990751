"""Names of a hub's files: what they are made of, and where they lead.

Pure. Asks nobody; that is for downloads.py.
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import quote, urlsplit

from .errors import ConfigError


@dataclass(frozen=True, slots=True)
class Name:
    """A file of a hub."""

    repository: str  #: "OWNER/REPO"
    file: str  #: its path there
    sha256: str | None = None  #: as the user gave it


def parse(text: str) -> Name:
    """
    The name of a file: OWNER/REPO/FILE.gguf, and @SHA256 behind it where that is known.

    >>> parse("me/small-gguf/q4/small.gguf@" + "A" * 64).file
    'q4/small.gguf'

    Raises:
        ConfigError: it is none.
    """
    path, _, told = text.partition("@")
    names = path.split("/")
    if len(names) < 3 or not all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,120}", one) for one in names):
        raise ConfigError(f"engine.model: {text[:120]!r} names no file of a hub", hint="hf:OWNER/REPO/FILE.gguf")
    if not path.endswith(".gguf"):
        raise ConfigError(f"engine.model: {path[:120]!r} is no GGUF file", hint="hf:OWNER/REPO/FILE.gguf")
    if "@" in text and not re.fullmatch(r"[0-9A-Fa-f]{64}", told):
        raise ConfigError(
            "engine.model: what follows the @ is no SHA-256", hint="64 hexadecimal digits, or no @ at all"
        )
    return Name("/".join(names[:2]), "/".join(names[2:]), told.lower() or None)


def address(name: Name, hub: str) -> str:
    """
    Where the file is.

    Raises:
        ConfigError: `hub` is no address that is safe.

    Source: https://huggingface.co/docs/hub/models-downloading
    """
    return safe(f"{hub.rstrip('/')}/{quote(name.repository)}/resolve/main/{quote(name.file)}")


def safe(url: str) -> str:
    """
    The address, if nobody on the way can change what comes from it.

    Raises:
        ConfigError: it is none, or neither https nor on this machine.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.username or not host or not (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))):
        raise ConfigError("the hub's address, or where it leads, is no https address", hint="mend HF_ENDPOINT")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
