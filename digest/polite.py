"""The one connection to arXiv: paced among all processes, bounded in time and size, asked again a few times.

Looks at no content but whether it is whole XML; knows nothing of papers, categories or dates.
"""

import email.utils
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
import urllib3
from lxml import etree
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectTimeout, InvalidSchema, InvalidURL, MissingSchema, ReadTimeout
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential, wait_random

from . import __version__
from .errors import ConfigError, SourceError
from .turns import Turns, service_of

USER_AGENT = f"bilingual-digest/{__version__}"
MAX_WAIT = 300.0  #: seconds; a service that asks for more is not asked again in this run
MAX_BYTES = 64 * 2**20  #: of one answer; arXiv's largest pages have about 8 MiB

_CONNECT_SECONDS = 10.0
_LONGEST_PAUSE = 120.0  # seconds, of our own back-off
_CHUNK = 2**16

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Document:
    """One answer, read to its end; named as the arxiv package expects it of `requests`."""

    url: str  #: as asked
    status_code: int  #: never 429 or 5xx: those are asked again
    content: bytes


class Unanswered(Exception):
    """One try failed in a way that may pass; `wait` is the pause in seconds that the service asks for."""

    def __init__(self, fact: str, wait: float | None = None) -> None:
        super().__init__(fact)
        self.wait = wait


class BadPage(Unanswered):
    """An answer with status 200 that is no whole document: raised by a caller's check, and asked again."""


class Kept(Protocol):
    """Answers from before, by address."""

    def get(self, url: str) -> bytes | None:
        """The content that was put there, or None."""

    def put(self, url: str, content: bytes) -> None:
        """Keep the content of an answer with status 200."""


class PoliteSession:
    """
    Asks arXiv, or what stands in for it, one thing at a time.

    Args:
        delay_seconds: At least so long from the start of one request to the start of the next, over all threads;
            retries and redirects are requests too.
        timeout_seconds: For one whole answer; a connection that falls silent is left within twice this time.
        tries: For one address, the first one counted.
        clock: Seconds that only grow.
        sleep: Waits for seconds.
        folder: Where the processes of a user take turns, see `turns.default_folder`; None: other processes are not
            minded.
        answers: Looked into before the service is asked; only `keep` adds to them.

    Source: https://info.arxiv.org/help/api/tou.html
    """

    def __init__(
        self,
        delay_seconds: float = 3.0,
        timeout_seconds: float = 60.0,
        tries: int = 5,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        folder: Path | None = None,
        answers: Kept | None = None,
    ) -> None:
        self.requests = 0  #: sent so far, retries and redirects included
        self._delay, self._timeout, self._tries = delay_seconds, timeout_seconds, tries
        self._clock, self._sleep = clock, sleep
        self._answers = answers
        self._one = threading.Lock()
        self._turns = Turns(folder, delay_seconds, longest=MAX_WAIT + delay_seconds, sleep=sleep)
        self._started: float | None = None
        self._backoff = wait_exponential(multiplier=delay_seconds, max=_LONGEST_PAUSE) + wait_random(0, delay_seconds)
        self._http = requests.Session()
        self._http.headers["User-Agent"] = USER_AGENT
        self._http.max_redirects = 3
        for scheme in ("http://", "https://"):
            self._http.mount(scheme, _PacedAdapter(self._pace))

    def get(self, url: str, check: Callable[[Document], object] | None = None, fresh: bool = False) -> Document:
        """
        The answer to one address; one that was kept needs no request.

        Args:
            url: Asked with GET.
            check: Raises BadPage where an answer with status 200 is no whole document; it is then asked again.
            fresh: Ask, whatever was kept.

        Returns:
            The answer, whatever its status, if that is neither 429 nor 5xx.

        Raises:
            SourceError: no whole answer after the last try.
            ConfigError: `url` is no address.
        """
        if not fresh and (kept := self._kept(url, check)):
            return kept
        again = Retrying(
            stop=stop_after_attempt(self._tries),
            wait=self._wait,
            retry=retry_if_exception(_may_pass),
            sleep=self._sleep,
            before_sleep=self._say,
            reraise=True,
        )
        try:
            return again(self._try, url, check)
        except Unanswered as error:
            tries = again.statistics.get("attempt_number", 1)
            raise SourceError(f"{_host(url)}: {error} ({tries} of {self._tries} tries)", hint=_hint(url)) from error

    def keep(self, documents: Iterable[Document]) -> None:
        """Keep answers that the caller found good: one can be whole and still wrong, so `get` itself keeps none."""
        for document in documents:
            if self._answers is not None and document.status_code == 200:
                self._answers.put(document.url, document.content)

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def _kept(self, url: str, check: Callable[[Document], object] | None) -> Document | None:
        """The answer from before, if it passes its check now."""
        if self._answers is None or (content := self._answers.get(url)) is None:
            return None
        document = Document(url, 200, content)
        try:
            if check is not None:
                check(document)
        except (Unanswered, SourceError) as error:
            log.warning("%s: the kept answer is asked again: %s", _host(url), error)
            return None
        return document

    def _try(self, url: str, check: Callable[[Document], object] | None) -> Document:
        with self._one:
            try:
                document = self._answered(url)
            finally:
                if self._turns.shared:
                    self._http.close()  # one connection at a time, an idle one included
                self._turns.end()
        if check is not None and document.status_code == 200:
            check(document)
        return document

    def _answered(self, url: str) -> Document:
        document, headers = self._fetch(url)
        status = document.status_code
        if status == 429 or status >= 500:
            wait = wait_asked(headers, datetime.now(UTC))
            self._turns.postpone(min(wait or 0.0, MAX_WAIT))
            raise Unanswered(f"HTTP {status}" + ("" if wait is None else f", come back in {wait:.0f} s"), wait)
        return document

    def _fetch(self, url: str) -> tuple[Document, Mapping[str, str]]:
        timeout = (min(_CONNECT_SECONDS, self._timeout), self._timeout)
        try:
            with self._http.get(url, timeout=timeout, stream=True) as response:
                return Document(url, response.status_code, self._body(response)), response.headers
        except (MissingSchema, InvalidSchema, InvalidURL) as error:
            raise ConfigError(f"{url[:200]}: no address: {error}") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise Unanswered(_fact(error)) from error

    def _body(self, response: requests.Response) -> bytes:
        """The whole body; read piece by piece, for a timeout of `requests` starts anew with each byte."""
        parts, size = [], 0
        while part := response.raw.read1(_CHUNK, decode_content=True):
            parts.append(part)
            size += len(part)
            if size > MAX_BYTES:
                raise Unanswered(f"an answer of more than {MAX_BYTES >> 20} MiB")
            if self._started is not None and self._clock() - self._started > self._timeout:
                raise Unanswered(f"an answer not at its end after {self._timeout:g} s")
        return b"".join(parts)

    def _pace(self, url: str) -> None:
        """Wait for the next start, of this process and then of them all."""
        if self._started is not None and (left := self._started + self._delay - self._clock()) > 0:
            self._sleep(left)
        self._turns.begin(service_of(url))
        self._started = self._clock()
        self.requests += 1

    def _wait(self, state: RetryCallState) -> float:
        asked = _failure(state).wait
        return self._backoff(state) if asked is None else asked

    def _say(self, state: RetryCallState) -> None:
        pause = state.next_action.sleep if state.next_action else 0.0
        fact, turn = _failure(state), f"try {state.attempt_number} of {self._tries}"
        log.warning("%s: %s (%s); asking again in %.0f s", _host(state.args[0]), fact, turn, pause)


class _PacedAdapter(HTTPAdapter):
    """Paces whatever `requests` sends, redirects included; urllib3 retries nothing."""

    def __init__(self, pace: Callable[[str], None]) -> None:
        super().__init__(max_retries=0)
        self._pace = pace

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self._pace(request.url or "")
        return super().send(request, *args, **kwargs)


def whole_xml(content: bytes, root: str) -> etree._Element:
    """
    The root of a complete, well-formed document; entities are not resolved, nothing is fetched.

    Args:
        content: The document as it came.
        root: The tag that the root must have, with its namespace in braces.

    Raises:
        BadPage: anything else, such as an outage page in HTML, or a document that was cut off.
    """
    if content.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
        raise BadPage("a page in HTML, such as an outage notice")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False)
    try:
        found = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise BadPage(f"no whole document: {error.msg or 'empty'}") from error
    if found.getroottree().docinfo.internalDTD is not None:
        raise BadPage("a document with a DOCTYPE of its own")
    if found.tag != root:
        raise BadPage(f"a document that begins with <{str(found.tag)[:60]}>")
    return found


def wait_asked(headers: Mapping[str, str], now: datetime) -> float | None:
    """The pause in seconds that Retry-After asks for, as a number or as a date; None where it asks for none.

    A date is counted from the answer's own Date, so that a wrong clock here does no harm.

    Source: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    told = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}", told):
        return float(told)
    until = _moment(told)
    return max(0.0, (until - (_moment(headers.get("Date", "")) or now)).total_seconds()) if until else None


def _moment(text: str) -> datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, Unanswered) and (error.wait is None or error.wait <= MAX_WAIT)


def _failure(state: RetryCallState) -> Unanswered:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, Unanswered) else Unanswered("no answer")


def _host(url: str) -> str:
    """The host and port of an address, without name and password."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _hint(url: str) -> str:
    if service_of(url) == "arxiv.org":
        return "try again later; https://status.arxiv.org says what arXiv knows of it"
    return "check the address, arxiv.api or arxiv.rss (DIGEST_ARXIV_API, DIGEST_ARXIV_RSS), or try again later"


def _fact(error: Exception) -> str:
    """What went wrong in a few words: what `requests` says names the address thrice and the cause last."""
    if isinstance(error, ConnectTimeout):
        return "no connection in time"
    if isinstance(error, ReadTimeout | urllib3.exceptions.ReadTimeoutError):
        return "no answer in time"
    cause: BaseException = error
    while (deeper := cause.__cause__ or cause.__context__) is not None:
        cause = deeper
    return f"the connection failed: {getattr(cause, 'strerror', None) or str(cause)[:200] or type(cause).__name__}"
