"""A file of a model hub, downloaded once: what has come is kept, and the whole is checked against its checksum.

Speaks HTTP and nothing else of the hub: no login, no listing. What the file is, is for weights.py.
"""

import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from . import __version__
from .atomic import put
from .errors import ConfigError, DigestError, EngineError
from .gguf_header import is_begun
from .hooks import Watch, unwatched
from .hub import Name, address, safe
from .largefiles import MEGA, blocks, guarded, hashed, megabytes, require_room

TIMES = (10.0, 60.0)  #: seconds for a connection, and of silence
TRIES = 5  #: without anything new in between
PAUSES = (1.0, 2.0, 4.0, 8.0)  #: seconds before each further one
MOST_REDIRECTS = 5
CHUNK = 2**17  #: bytes
FETCHING = "downloading the model (MB)"

_ELSEWHERE = "download it by other means, and name the file: engine.model is its path"

log = logging.getLogger(__name__)


class _LostError(Exception):
    """An answer that may be better next time."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer whose body is still to be read."""

    response: requests.Response
    sha256: str | None  #: that the hub states
    begins: int  #: at which byte of the file
    size: int | None  #: of the whole


def download(
    name: Name,
    hub: str,
    target: Path,
    tell: Watch = unwatched,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """
    The file at `target`; its SHA-256. Its caller holds the lock of `target`.

    What has come of it stays beside it, and a later call goes on from there.

    Raises:
        ConfigError: the hub has no such file, does not give it away, states no checksum, or sends another file.
        EngineError: the hub does not answer, or the connection was lost again and again.
        StorageError: the disk is full.
    """
    url = address(name, hub)
    part = target.with_name(f".{target.name}.part")
    tries, most = 0, _size(part)
    with requests.Session() as http:
        http.headers.update({"User-Agent": f"bilingual-digest/{__version__}", "Accept-Encoding": "identity"})
        while True:
            try:
                return _fetched(http, url, name, part, target, tell)
            except (_LostError, requests.RequestException, urllib3.exceptions.HTTPError) as error:
                tries = 0 if _size(part) > most + MEGA else tries + 1
                most = max(most, _size(part))
                if tries == TRIES:
                    raise _given_up(url, part, error) from error
                log.warning("%s: %s; asking again", urlsplit(url).netloc, _fact(error))
                sleep(PAUSES[min(tries, len(PAUSES) - 1)])


# ------------------------------------------------------------------------------------------ one try


def _fetched(http: requests.Session, url: str, name: Name, part: Path, target: Path, tell: Watch) -> str:
    """One try: ask for what is missing, add it to the part, and see whether it is all there and right."""
    with _asked(http, url, part) as answer:
        wanted = name.sha256 or answer.sha256
        if wanted is None:
            raise ConfigError(
                f"{name.repository}: {urlsplit(url).netloc} states no checksum of {name.file}",
                hint="write it behind the name: hf:OWNER/REPO/FILE.gguf@SHA256",
            )
        _take_in(answer, part, target, tell)
    whole = _size(part)
    if answer.size is not None and whole < answer.size:
        raise _LostError(f"the connection ended after {megabytes(whole)} of {megabytes(answer.size)}")
    with guarded(part):
        found = hashed(blocks([part]), tell, "verifying the model (MB)", whole)
        if found != wanted:
            part.unlink()
            raise _differs(name, found, wanted, resumed=answer.begins > 0)
        put(target.with_name(f"{target.name}.sha256"), f"{found}  {target.name}\n".encode())
        part.replace(target)
    return found


def _differs(name: Name, found: str, wanted: str, *, resumed: bool) -> Exception:
    """A file put together from two that differ is fetched once more; one in a piece is another file."""
    fact = f"{name.repository}/{name.file}: what came has the SHA-256 {found[:12]}…, not {wanted[:12]}…"
    if resumed:
        return _LostError(fact)
    return ConfigError(fact, hint="check the name and the checksum, or try again later: nothing of it is kept")


@contextmanager
def _asked(http: requests.Session, url: str, part: Path) -> Iterator[_Answer]:
    """The answer to a request for what is missing; each address on the way is looked at."""
    had, stated = _size(part), None
    wanted = {"Range": f"bytes={had}-"} if had else {}
    for _ in range(MOST_REDIRECTS + 1):
        with http.get(url, headers=wanted, timeout=TIMES, stream=True, allow_redirects=False) as response:
            stated = stated or _stated(response)
            if not response.is_redirect:
                yield _judged(response, url, part, stated)
                return
            url = safe(urljoin(url, response.headers["Location"]))
    raise _LostError("it leads from one address to the next")


def _stated(response: requests.Response) -> str | None:
    """The SHA-256 that a hub gives for a large file, before it leads elsewhere.

    Source: https://huggingface.co/docs/huggingface_hub/package_reference/file_download (get_hf_file_metadata)
    """
    for header in ("X-Linked-Etag", "ETag"):
        found = response.headers.get(header, "").removeprefix("W/").strip('"').lower()
        if re.fullmatch(r"[0-9a-f]{64}", found):
            return found
    return None


def _judged(response: requests.Response, url: str, part: Path, stated: str | None) -> _Answer:
    """
    An answer that brings a file, or the rest of it.

    Raises:
        ConfigError: it says that there is none for us.
        _LostError: it may say something else next time.
    """
    status, host = response.status_code, urlsplit(url).netloc
    if status == 416:  # nothing is missing, or the part is of another file
        whole = re.fullmatch(r"bytes \*/(\d+)", response.headers.get("Content-Range", ""))
        if whole and int(whole[1]) == _size(part):
            return _Answer(response, stated, _size(part), _size(part))
        _drop(part)
        raise _LostError("it has no such part of the file")
    if status in (401, 403):
        raise ConfigError(f"{host} does not give this file to everyone (HTTP {status})", hint=_ELSEWHERE)
    if 400 <= status < 500 and status not in (408, 425, 429):
        raise ConfigError(
            f"{host} has no such file (HTTP {status})", hint="check engine.model: hf:OWNER/REPO/FILE.gguf"
        )
    if status not in (200, 206):
        raise _LostError(f"HTTP {status}")
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise ConfigError(
            f"{host} sends a web page in place of the file", hint=f"log in to the network, or {_ELSEWHERE}"
        )
    return _in_place(response, part, stated)


def _in_place(response: requests.Response, part: Path, stated: str | None) -> _Answer:
    """Where an answer's body begins; a part that it does not join on to is dropped."""
    length = response.headers.get("Content-Length", "")
    size = int(length) if re.fullmatch(r"\d{1,15}", length) else None
    if response.status_code == 200:
        return _Answer(response, stated, 0, size)
    span = re.fullmatch(r"bytes (\d{1,15})-\d{1,15}/(\d{1,15}|\*)", response.headers.get("Content-Range", ""))
    if span is None or int(span[1]) != _size(part):
        _drop(part)
        raise _LostError("it sends another part of the file than was asked for")
    return _Answer(response, stated, int(span[1]), None if span[2] == "*" else int(span[2]))


def _take_in(answer: _Answer, part: Path, target: Path, tell: Watch) -> None:
    """Add what comes to the part; all that came is on disk when the connection is lost."""
    done, whole = answer.begins, answer.size or 0
    with guarded(target):
        if whole:
            require_room(target, whole - done)
        if answer.response.status_code == 416:
            return
        with part.open("ab" if done else "wb") as file:
            for block in _body(answer.response):
                if not done and not is_begun(block.ljust(4)):
                    raise _not_a_model(answer.response, file.close, part)
                file.write(block)
                done += len(block)
                if whole and done > whole:
                    raise _LostError("more comes than the file is long")
                tell(FETCHING, done // MEGA, whole // MEGA)


def _not_a_model(response: requests.Response, close: Callable[[], None], part: Path) -> ConfigError:
    close()
    _drop(part)
    host = urlsplit(response.url).netloc
    return ConfigError(f"{host} sends something that is no GGUF file", hint=f"log in to the network, or {_ELSEWHERE}")


def _body(response: requests.Response) -> Iterator[bytes]:
    """Yield the body in blocks; bytes as they are, none unpacked."""
    while block := response.raw.read1(CHUNK):  # what is here now, so that a lost connection costs nothing
        yield block


def _drop(part: Path) -> None:
    with suppress(OSError):
        part.unlink(missing_ok=True)


def _size(part: Path) -> int:
    try:
        return part.stat().st_size
    except OSError:
        return 0


def _given_up(url: str, part: Path, error: Exception) -> DigestError:
    kept = f"; {megabytes(had)} are kept" if (had := _size(part)) else ""
    host = urlsplit(url).netloc
    again = "run the same command again to go on" if had else "check the network, or try again later"
    return EngineError(f"{host}: {_fact(error)}{kept}", hint=f"{again}; or {_ELSEWHERE}")


def _fact(error: BaseException) -> str:
    """What went wrong in a few words: what `requests` says names the address thrice and the cause last."""
    if isinstance(error, _LostError):
        return str(error)
    if isinstance(error, requests.ConnectTimeout):
        return "no connection in time"
    if isinstance(error, requests.ReadTimeout | urllib3.exceptions.ReadTimeoutError):
        return "no answer in time"
    cause = error
    while (deeper := cause.__cause__ or cause.__context__) is not None:
        cause = deeper
    return f"the connection failed: {getattr(cause, 'strerror', None) or str(cause)[:200] or type(cause).__name__}"
