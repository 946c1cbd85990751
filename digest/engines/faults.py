"""What went wrong with a request to a model service: in words, with the wait it asks for, and whether to try again.

Reads the errors of openai and aiohttp. Decides nothing about a run, and never quotes a header or a cause.
"""

import email.utils
from datetime import datetime, timedelta

import aiohttp
import httpx2
import openai

from .allowance import span
from .dialect import BadReply

LONGEST_WAIT = 300.0  #: seconds we wait where the service asks us to; if it asks for more, the run ends
FAILURES = (openai.OpenAIError, httpx2.HTTPError, aiohttp.ClientError, BadReply, TimeoutError)  #: of one try

_KINDS: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "no machine of that name is known"),
    (aiohttp.ClientConnectorCertificateError, "its certificate is not trusted (TLS)"),
    (aiohttp.ClientSSLError, "no secure connection (TLS)"),
    (aiohttp.ClientProxyConnectionError, "the proxy does not answer"),
    (aiohttp.ClientConnectorError, "no connection"),
    (aiohttp.ServerTimeoutError, "no connection in time"),
    (aiohttp.ClientConnectionError, "the connection was dropped"),
)


def asked_wait(error: BaseException | None) -> float | None:
    """
    Seconds the service asks us to wait, or None where it asks nothing that can be read.

    A date is held against the service's own clock, its `Date`.

    Source: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after; `retry-after-ms` is OpenAI's.
    """
    headers = error.response.headers if isinstance(error, openai.APIStatusError) else {}
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            return max(0.0, min(float(headers[name]) / unit, 1e9))
        except (KeyError, ValueError):
            continue
    then, now = _moment(headers.get("retry-after")), _moment(headers.get("date"))
    return None if then is None or now is None else max(0.0, then - now)


def _moment(header: str | None) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(header or "").timestamp()
    except (ValueError, OverflowError):
        return None


def is_exact(error: openai.APIStatusError) -> bool:
    """Whether the wait it asks for is told more finely than in whole seconds."""
    headers = error.response.headers
    return "retry-after-ms" in headers or "." in headers.get("retry-after", "")


def comes_back(error: BaseException | None) -> float | None:
    """Seconds until the service takes requests again, by its `Retry-After` or by the reset of what is used up."""
    if (asked := asked_wait(error)) is not None or not isinstance(error, openai.APIStatusError):
        return asked
    headers = error.response.headers
    resets = [
        span(headers.get(f"x-ratelimit-reset-{kind}"))
        for kind in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{kind}") == "0"
    ]
    return max((one for one in resets if one is not None), default=None)


def later(error: BaseException | None, now: datetime) -> str:
    """
    When to come back, in words that end a sentence.

    >>> later(None, datetime(2026, 3, 17, 12))
    'later'
    """
    seconds = comes_back(error)
    if not seconds:
        return "later"
    then = now + timedelta(seconds=seconds + 59)  # the minute that follows
    return f"after {then:%H:%M} UTC" if then.date() == now.date() else f"after {then:%Y-%m-%d %H:%M} UTC"


def concerns_all(error: BaseException) -> bool:
    """Whether it may be the service that is out of order, and not this one request."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code >= 500
    return isinstance(error, FAILURES)


def is_timeout(error: BaseException | None) -> bool:
    """Whether the service was connected and did not answer in time."""
    slow = isinstance(error, TimeoutError | openai.APITimeoutError | httpx2.TimeoutException)
    return slow and broken_connection(error) is None


def is_rate_limit(error: BaseException | None) -> bool:
    """Whether the service only said "later": no failed try, it takes nothing but time."""
    return isinstance(error, openai.APIStatusError) and error.status_code == 429


def worth_a_retry(error: BaseException) -> bool:
    """Whether the same request may pass later in this run."""
    if isinstance(error, openai.APIStatusError):
        if _is_quota(error) or (asked_wait(error) or 0) > LONGEST_WAIT:
            return False
        return error.status_code in (408, 409, 425, 429) or error.status_code >= 500
    return isinstance(error, FAILURES)


def refusal(error: BaseException, model: str, *, succeeded: bool) -> tuple[str, str] | None:
    """The fact and the mend, if the service would refuse all else too; `succeeded`: it has given a reply before."""
    if not isinstance(error, openai.APIStatusError):
        return None
    status = error.status_code
    if status == 402 or _is_quota(error):
        return "the quota is used up", "see the account's plan and billing, then run the same command again"
    if status == 401:
        return "the key is refused", "the key in OPENAI_API_KEY is refused: is it this service's?"
    if not succeeded and (status == 404 or error.code == "model_not_found"):
        return f"no model {model!r} here", "check the model's name (DIGEST_MODEL) and engine.base_url (OPENAI_BASE_URL)"
    if not succeeded and status == 403:
        return f"the key may not use {model!r}", "check the account's rights, the model (DIGEST_MODEL) and the region"
    return None


def _is_quota(error: openai.APIStatusError) -> bool:
    return "insufficient_quota" in (error.code, error.type)


def broken_connection(error: BaseException | None) -> aiohttp.ClientConnectionError | None:
    """The lost or refused connection behind `error`; None where the service spoke or was only slow."""
    while error is not None and not isinstance(error, aiohttp.SocketTimeoutError):
        if isinstance(error, aiohttp.ClientConnectionError):
            return error
        error = error.__cause__  # openai's aiohttp transport calls all of these a timeout
    return None


def never_connected(error: BaseException | None) -> bool:
    """Whether not even a connection came about."""
    return isinstance(broken_connection(error), aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)


def in_words(error: BaseException | None) -> str:
    """`error` in words; what the service says in it is a stranger's text and may hold the key."""
    if isinstance(error, openai.APIStatusError):
        asked = asked_wait(error) or 0
        told = f", asks to wait {asked:.0f} s" if asked > LONGEST_WAIT else ""
        return f"{error.status_code}{told}: {_message(error)}"
    if (broken := broken_connection(error)) is not None:
        return next(words for kind, words in _KINDS if isinstance(broken, kind))
    if isinstance(error, httpx2.ConnectError) or isinstance(error.__cause__ if error else None, httpx2.ConnectError):
        return "no connection"
    if is_timeout(error):
        return "no answer in time"
    return str(error) if isinstance(error, BadReply) else "the connection broke off in the middle of an answer"


def _message(error: openai.APIStatusError) -> str:
    """The service's own words, but not the web page that some proxies send."""
    body = error.body
    said = (body.get("message") or body.get("detail")) if isinstance(body, dict) else body
    if isinstance(said, str) and said.strip() and not said.lstrip().startswith("<"):
        return said
    return error.response.reason_phrase or "no reason given"


def complaint(error: openai.APIStatusError) -> str:
    """All that a refusal says about the request, as one text to search in."""
    body = error.body
    details = body.get("detail") if isinstance(body, dict) else None  # FastAPI's own form
    return " ".join(str(part) for part in (error.param, error.code, error.message, _message(error), details) if part)
