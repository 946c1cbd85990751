"""What may be asked of `digest serve`: under which host names, at which paths, and what an order for a card may say.

Pure: judges by what was sent alone; opens no file and knows no server.
"""

import ipaddress
import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated
from urllib.parse import unquote_to_bytes

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from .identifiers import parse_id
from .plaintext import one_line

HINT = 500  #: characters of a hint, at most
BODY = 4096  #: bytes of an order, at most
ANYWHERE = ("0.0.0.0", "::")  #: hosts that stand for every address of the machine  # noqa: S104

#: What a site is made of, and what its owner may have put beside it; a file of another kind is not given out.
TYPES = {
    "html": "text/html; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",  # UTF-8 by its definition
    "xml": "application/xml; charset=utf-8",
    "svg": "image/svg+xml; charset=utf-8",
    "png": "image/png",
    "jpg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "ico": "image/x-icon",
    "woff2": "font/woff2",
}

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?")
#: Names that are devices on Windows, and short names such as EDITIO~1, under which another name might be meant.
_WINDOWS = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?:\.|$)|.*~[0-9]", re.IGNORECASE)
_NEVER_IN_A_NAME = set('\\:*?"<>|')
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """
    Whether nothing but this machine reaches what listens at `host`.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "example.org")]
    [True, True, True, False, False]
    """
    address = _address(host)
    return host.lower() == "localhost" or bool(address and address.is_loopback)


def is_our_host(said: str, host: str, port: int) -> bool:
    """
    Whether a request's `Host` names this server: another name may be an attacker's that resolves to our address.

    Args:
        said: The header.
        host: Where we listen; for all addresses, any literal one will do, as no name can be made to resolve to it.
        port: Where we listen.

    >>> is_our_host("localhost:8000", "127.0.0.1", 8000), is_our_host("evil.example:8000", "127.0.0.1", 8000)
    (True, False)

    Source: https://en.wikipedia.org/wiki/DNS_rebinding
    """
    if (found := _HOST.fullmatch(said)) is None:
        return False
    name, at = found[1].strip("[]").lower(), int(found[2] or 80)
    if host in ANYWHERE and _address(name):
        return True  # also behind another port, such as a container's
    return at == port and name in {"127.0.0.1", "localhost", "::1", host.lower()}


def refusal(headers: Mapping[str, str], content_type: str) -> str | None:
    """
    Why a POST is none of our own pages', judged by its headers; None if it is. The token is looked at apart from this.

    Other sites' forms send no JSON, and other sites' scripts may not without a permission that we never give.

    Source: https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
    """
    if headers.get("Origin") != f"http://{headers.get('Host')}":
        return "not from a page of this server"
    if headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return "not from a page of this server"
    return None if content_type == "application/json" else "no JSON"


def path_parts(raw: str) -> tuple[str, ...] | None:
    """
    The names of folders and file that a request's path stands for, below the site; None where it may stand for none.

    A path that ends in / is its index.html. What begins with a dot is ours alone: marks, heads, locks, drafts.

    >>> path_parts("/2026-03-17/"), path_parts("/keyword/%E5%AD%97.html"), path_parts("/%2e%2e/secret.md")
    (('2026-03-17', 'index.html'), ('keyword', '字.html'), None)
    """
    path = raw.partition("?")[0]
    try:
        first, *names = unquote_to_bytes(path).decode().split("/")
    except UnicodeError:
        return None
    if first or not names:
        return None
    names[-1] = names[-1] or "index.html"
    return tuple(names) if all(map(_is_plain, names)) else None


def _is_plain(name: str) -> bool:
    """Whether a name means one file on every system, and no other one."""
    ends_well = bool(name) and name[0] not in ". " and name[-1] not in ". "
    return ends_well and name.isprintable() and not _NEVER_IN_A_NAME & {*name} and not _WINDOWS.match(name)


def content_type(name: str) -> str | None:
    """The type of a file by its name; None for one that is not given out."""
    return TYPES.get(name.rpartition(".")[2].lower()) if "." in name else None


def edition_of(parts: tuple[str, ...]) -> tuple[str, date] | None:
    """
    The site, empty for the first language's, and the date of a day's page; None for any other.

    >>> edition_of(("ja", "2026-03-17", "index.html"))
    ('ja', datetime.date(2026, 3, 17))
    """
    if not 2 <= len(parts) <= 3 or parts[-1] != "index.html":
        return None
    try:
        return "/".join(parts[:-2]), _day(parts[-2])
    except ValueError:
        return None


def _day(text: object) -> date:
    if not isinstance(text, str) or not _DATE.fullmatch(text):
        raise ValueError("no date")
    return date.fromisoformat(text)


def _hint(text: str) -> str | None:
    return one_line(text) or None


class Wish(BaseModel):
    """What a page may send: for which card, in which site and edition, with which word to the model."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    arxiv_id: Annotated[str, Field(max_length=60), AfterValidator(lambda text: parse_id(text).base)]
    announced: Annotated[date, BeforeValidator(_day), Field(alias="date")]
    site: Annotated[str, Field(max_length=40)] = ""  #: empty: the first language's; else the name of its folder
    hint: Annotated[str, Field(max_length=HINT), AfterValidator(_hint)] | None = None


def read_wish(content: bytes) -> Wish:
    """
    The order in the body of a POST.

    Raises:
        ValueError: it is none; the message says which part, never what stood there.
    """
    try:
        return Wish.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        raise ValueError(": ".join([*map(str, first["loc"]), first["type"]])) from None
