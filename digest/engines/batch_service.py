"""The Batch API over HTTP: files, batches and their output, as a service tells of them; what is odd counts as not said.

Sends and reads, with some tries each. What is handed in, when, and what an answer is for, is decided in batch.py.
"""

import json
import logging
import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import httpx2
import openai
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from ..errors import EngineError, EngineRefused
from .dialect import BadReply
from .endpoint import Endpoint
from .faults import FAILURES, complaint, in_words, is_rate_limit, refusal, worth_a_retry

log = logging.getLogger(__name__)

URL: Literal["/v1/chat/completions"] = "/v1/chat/completions"
OVER = ("completed", "expired", "cancelled")  #: states of a batch that has said all it will
DEAD = ("failed", "cancelled", "cancelling", "expired")  #: states of one that answers no more
LISTED = 100  #: batches on one page of the service's list, by its rules
PAGES = 10  #: looked through for a batch of which we never heard
ATTEMPTS = 5

#: OpenAI: "Enqueued token limit reached for M in organization O. Limit: 2,000,000 enqueued tokens."
#: Azure: "The number of enqueued tokens has surpassed the configured limit of 30K for the deployment 'M'."
_FULL = re.compile(r"token_limit_exceeded|\benqueued\b", re.IGNORECASE)

_S = TypeVar("_S")
_T = TypeVar("_T")


class NoSuch(EngineRefused):
    """The service knows no such batch or file."""


class QueueFull(EngineError):
    """The service takes no more before some of what it has is done."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as the service describes it; what is not as it should be counts as not said."""

    id: str
    status: str
    name: str | None  #: ours, if it is one of ours
    output: str | None  #: the file of its answers
    counts: tuple[int, int, int] | None  #: answered, failed, all
    why: str  #: it was refused; a stranger's text

    @property
    def is_over(self) -> bool:
        """Whether all it answers is there."""
        return self.status in OVER

    @property
    def is_alive(self) -> bool:
        """Whether it answers, or has answered, all that it is going to."""
        return self.status not in DEAD

    def __str__(self) -> str:
        done = "{0} of {2} done, {1} failed".format(*self.counts) if self.counts else "not counted yet"
        return f"batch {self.id} is {self.status}: {done}"


def speaks_of_full(words: str) -> bool:
    """
    Whether a refusal is about what the service has in its queue already, and so passes.

    >>> speaks_of_full("token_limit_exceeded: Enqueued token limit reached"), speaks_of_full("invalid_json_line")
    (True, False)
    """
    return _FULL.search(words) is not None


def batch_of(said: Any) -> Batch:
    """
    The batch in what a service says.

    Raises:
        BadReply: it is none.
    """
    told = _table(said)
    metadata, counts = _table(told.get("metadata")), _table(told.get("request_counts"))
    numbers = tuple(counts.get(name) for name in ("completed", "failed", "total"))
    errors = _table(told.get("errors")).get("data")
    reasons = map(_table, errors if isinstance(errors, list) else [])
    return Batch(
        id=_identifier(told.get("id")),
        status=_identifier(told.get("status")),
        name=name if isinstance(name := metadata.get("digest"), str) else None,
        output=_identifier(told["output_file_id"]) if told.get("output_file_id") else None,
        counts=numbers if all(type(number) is int for number in numbers) else None,  # type: ignore[arg-type]
        why="; ".join(dict.fromkeys(f"{one.get('code')}: {one.get('message')}" for one in reasons if one)),
    )


class Service:
    """One service's Batch API; to be closed."""

    def __init__(self, place: Endpoint, timeout_seconds: float, backoff_seconds: float) -> None:
        """Open a client that doesn't try again by itself; nothing is sent."""
        http = openai.DefaultHttpxClient(
            timeout=httpx2.Timeout(timeout_seconds, connect=min(10.0, timeout_seconds)),
            trust_env=not place.local,  # a proxy can't reach this machine's loopback
        )
        self.endpoint = place
        self.backoff_seconds = backoff_seconds
        self.client = openai.OpenAI(base_url=place.base_url, api_key=place.key, max_retries=0, http_client=http)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def create(self, name: str, data: bytes) -> Batch:
        """
        Hand in a file as a batch of ours.

        Raises:
            QueueFull: it takes no more now.
            EngineRefused, EngineError: as `tried`.
        """
        files, tries = self.client.files.with_raw_response, 0
        file = self._created(
            lambda: _table(_json(files.create(file=(f"{name}.jsonl", data), purpose="batch"))).get("id"), _identifier
        )

        def once() -> Batch:
            nonlocal tries
            tries += 1
            if tries > 1 and (there := self.named(name)):  # it may have come although we never heard
                return there
            made = self.client.batches.with_raw_response.create(
                input_file_id=file, endpoint=URL, completion_window="24h", metadata={"digest": name}
            )
            return batch_of(_json(made))

        return self._created(once, lambda batch: batch)

    def _created(self, call: Callable[[], _S], read: Callable[[_S], _T]) -> _T:
        try:
            return self.tried(call, read, lambda error: worth_a_retry(error) and not _is_full(error))
        except EngineError as error:
            cause = error.__cause__
            if not isinstance(error, EngineRefused) and (_is_full(cause) or is_rate_limit(cause)):
                raise QueueFull(self.endpoint.scrubbed(in_words(cause))) from cause
            raise

    def retrieve(self, identifier: str) -> Batch:
        """
        How a batch stands.

        Raises:
            NoSuch: it is not known, or not any more.
        """
        return self.tried(lambda: _json(self.client.batches.with_raw_response.retrieve(identifier)), batch_of)

    def listed(self, wanted: Collection[str] = ()) -> list[Batch]:
        """The newest batches, whoever's; further back as far as need be for the names `wanted`."""
        found: list[Batch] = []
        page: dict[str, Any] = {"limit": LISTED}
        for _ in range(PAGES):
            batches, more = self.tried(lambda: _json(self.client.batches.with_raw_response.list(**page)), _listed)
            found += batches
            if not more or not batches or {one.name for one in found}.issuperset(wanted):
                break
            page["after"] = batches[-1].id
        return found

    def named(self, name: str) -> Batch | None:
        """The batch of ours with that name, if it is among the newest and may still answer."""
        newest, _ = _listed(_json(self.client.batches.with_raw_response.list(limit=LISTED)))
        return next((one for one in newest if one.name == name and one.is_alive), None)

    def output(self, batch: Batch, read: Callable[[bytes], _T]) -> _T:
        """
        The file of a batch's answers, as `read` understands it; nothing where there is none.

        Raises:
            NoSuch: the file is not there any more.
            EngineError: what came is no output.
        """
        name = batch.output
        return read(b"") if name is None else self.tried(lambda: self.client.files.content(name).content, read)

    def tried(
        self,
        call: Callable[[], _S],
        read: Callable[[_S], _T],
        again: Callable[[BaseException], bool] = worth_a_retry,
    ) -> _T:
        """
        What the service says to one HTTP request, as `read` understands it, after some tries.

        Raises:
            EngineRefused, EngineError: it would fail for everything else as well.
        """
        tries = Retrying(
            retry=retry_if_exception(again),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential(multiplier=self.backoff_seconds, max=20),
            reraise=True,
        )
        try:
            return tries(lambda: read(call()))
        except FAILURES as error:
            place, reason = self.endpoint.place, self.endpoint.scrubbed(in_words(error))
            if refused := refusal(error, "", succeeded=True):
                raise EngineRefused(f"{place}: {refused[0]} ({reason})", hint=refused[1]) from error
            if isinstance(error, openai.NotFoundError):
                raise NoSuch(
                    f"{place}: no such batch or file, or no Batch API here ({reason})",
                    hint="run it again to hand it in anew; a service without batches: --engine chat",
                ) from error
            raise EngineError(f"{place}: {reason}", hint="run the same command again later") from error


def _is_full(error: BaseException | None) -> bool:
    return isinstance(error, openai.APIStatusError) and speaks_of_full(complaint(error))


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _identifier(value: Any) -> str:
    """A word of the service's that goes back into an address."""
    if isinstance(value, str) and 0 < len(value) <= 500 and value.isprintable() and " " not in value:
        return value
    raise BadReply("an answer that is none of a Batch API: is it the right address?")


def _listed(said: Any) -> tuple[list[Batch], bool]:
    """The batches of a page of the list, and whether there is another; those that can't be read are none of ours."""
    rows = _table(said).get("data")
    if not isinstance(rows, list):
        raise BadReply("an answer that is none of a Batch API: is it the right address?")
    found = []
    for row in rows:
        with suppress(BadReply):
            found.append(batch_of(row))
    return found, said.get("has_more") is True


def _json(response: Any) -> Any:
    """What a 200 says; `openai` itself hands on whatever came, web pages too."""
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError) as error:
        raise BadReply("not a JSON answer") from error
