"""The HTTP client of one event loop, made by openai: its transport, its headers, its errors.

Opens connections and names what a service refuses; knows nothing of retries, limits or replies.
"""

import json
import ssl

import httpx2
import openai

from .dialect import BadReply
from .endpoint import Endpoint

LARGEST = 32 * 2**20  #: bytes of an answer, unpacked; a reply of a model has thousands


def client_of(place: Endpoint, trust: ssl.SSLContext, slots: int, timeout_seconds: float) -> httpx2.AsyncClient:
    """
    A client for one event loop, with as many connections as there are slots, and paths below the service's address.

    It sends as `openai.AsyncOpenAI` does, with the same transport and headers, but without the layer above: options,
    retries and parsing cost 0.8 ms a request there, nearly as much as all else together.
    """
    http = openai.DefaultAioHttpClient(
        limits=httpx2.Limits(max_connections=slots, max_keepalive_connections=slots),
        timeout=httpx2.Timeout(timeout_seconds, connect=min(10.0, timeout_seconds), pool=None),
        verify=trust,
        trust_env=not place.local,  # a proxy can't reach this machine's loopback
    )
    service = openai.AsyncOpenAI(base_url=place.base_url, api_key=place.key, http_client=http)
    http.base_url = service.base_url
    headers = {**service.default_headers, **service.auth_headers}  # the key stands in the second alone
    http.headers.update({name: value for name, value in headers.items() if isinstance(value, str)})
    http.event_hooks = {"response": [_bounded]}
    return http


async def _bounded(response: httpx2.Response) -> None:
    """
    Read an answer as far as one may go: an endless one, or one that unpacks to gigabytes, would take all memory.

    Raises:
        BadReply: it is longer.
    """
    parts, size = [], 0
    async for part in response.aiter_bytes():
        parts.append(part)
        size += len(part)
        if size > LARGEST:
            await response.aclose()
            raise BadReply(f"an answer of more than {LARGEST >> 20} MiB")
    response._content = b"".join(parts)  # where `aread`, which comes next, looks first


def trusted(place: Endpoint) -> ssl.SSLContext:
    """Whom to trust; nobody where no TLS is meant, since reading the certificates takes 70 ms."""
    if place.local and place.base_url.startswith("http:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx2.create_ssl_context(trust_env=not place.local)


def status_error(response: httpx2.Response) -> openai.APIStatusError:
    """An answer that is no 200, with what its body says of the reason."""
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        body = response.content[:2000].decode("utf-8", "replace")
    said = body.get("error", body) if isinstance(body, dict) else body
    text = str(said)[:2000] if body else response.reason_phrase
    return openai.APIStatusError(text, response=response, body=said)
