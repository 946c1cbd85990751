"""The engine for an OpenAI-compatible Batch API: half the price, an answer within a day.

Hands requests in, waits or leaves, and fetches. What the batch could not answer is asked through another engine.
"""

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import httpx2
import openai
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from ..errors import BatchPending, EngineError, EngineRefused
from ..models import Answer, Completion, Request
from . import Engine, Keep
from .abilities import Abilities, dialect_of
from .dialect import BadReply, completion_of
from .endpoint import endpoint
from .faults import FAILURES, in_words, refusal, worth_a_retry
from .jobs import Job, Jobs, name_of, pieces

log = logging.getLogger(__name__)

URL: Literal["/v1/chat/completions"] = "/v1/chat/completions"
OVER = ("completed", "expired", "cancelled")  #: states of a batch that has said all it will
LONGEST_POLL = 60.0  #: seconds between two looks
LOOKED_AT = 100  #: of the service's newest batches, for one that was handed in before
ATTEMPTS = 5

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as the service describes it; what is not as it should be counts as not said."""

    id: str
    status: str
    name: str | None  #: ours, if it is one of ours
    output: str | None  #: the file of its answers
    counts: tuple[int, int, int] | None  #: answered, failed, all
    why: str  #: it was refused; a stranger's text


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


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _identifier(value: Any) -> str:
    """A word of the service's that goes back into an address."""
    if isinstance(value, str) and 0 < len(value) <= 500 and value.isprintable() and " " not in value:
        return value
    raise BadReply("an answer that is none of a Batch API: is it the right address?")


def _listed(said: Any) -> list[Batch]:
    """The batches of a list; those that can't be read are none of ours."""
    rows = _table(said).get("data")
    if not isinstance(rows, list):
        raise BadReply("an answer that is none of a Batch API: is it the right address?")
    found = []
    for row in rows:
        with suppress(BadReply):
            found.append(batch_of(row))
    return found


def _rows(content: bytes, batch: Batch) -> tuple[list[Mapping[str, Any]], int]:
    """The objects in the lines of a batch's output, and how many lines are none."""
    found, lines = [], content.splitlines()
    for line in lines:
        with suppress(ValueError, RecursionError):
            found.append(_table(json.loads(line)))
    rows = [row for row in found if row]
    if not rows and (
        lines or (batch.counts and batch.counts[0])
    ):  # a web page in its place: what the batch answered is still there, and paid for
        raise BadReply("not the output of a batch")
    return rows, len(lines) - len(rows)


def _json(response: Any) -> Any:
    """What a 200 says; `openai` itself hands on whatever came, web pages too."""
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError) as error:
        raise BadReply("not a JSON answer") from error


class BatchEngine:
    """Answers through batches: the same requests find the batch that they were handed in with."""

    def __init__(
        self,
        *,
        base_url: str | None,
        api_key: str,
        clock: Callable[[], datetime],
        folder: Path,
        otherwise: Callable[[], Engine],
        memory: Path | None = None,
        start: str | None = None,
        wait_seconds: float = 600,
        poll_seconds: float = 2,
        timeout_seconds: float = 120,
        backoff_seconds: float = 0.5,
        **_settings: Any,  # of engines that ask one by one
    ) -> None:
        """
        Keep the settings; nothing is sent before `run`.

        Args:
            base_url: Of the service, up to and with "/v1"; None is OpenAI's own.
            api_key: As for any other request.
            clock: The time, UTC.
            folder: Where batches under way are on record.
            otherwise: Opens the engine for repairs, regenerations and what a batch could not answer.
            memory: File that says what the service has been found to understand.
            start: How to ask for JSON where that file says nothing: "json_schema", "json_object" or "none".
            wait_seconds: How long to wait for a batch before leaving it to a later run.
            poll_seconds: Between the first looks at a batch; later ones are up to a minute apart.
            timeout_seconds: Of one HTTP request; a file may take as long again for each of its parts.
            backoff_seconds: The first wait between two tries.

        Raises:
            ConfigError: `base_url` is no address, or `api_key` can't be a key.
        """
        self.endpoint = endpoint(base_url, api_key)
        self.clock = clock
        self.jobs = Jobs(folder / "batches")
        self.wait_seconds, self.poll_seconds = wait_seconds, poll_seconds
        self.timeout_seconds, self.backoff_seconds = timeout_seconds, backoff_seconds
        self.keep: Keep | None = None  #: gets a batch's answers before any of them is yielded
        self.abilities = Abilities(memory, self.endpoint.base_url, clock)
        self.start = start
        self.handed_in = 0  #: requests
        self._open = otherwise
        self._otherwise: Engine | None = None

    @property
    def sent(self) -> int:
        """Requests handed in or sent so far."""
        return self.handed_in + int(getattr(self._otherwise, "sent", 0))

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
        """
        Answer what batches have answered, and the rest through the other engine.

        Raises:
            BatchPending: a batch is not done; a later run with the same requests fetches it.
            EngineRefused: the key, the model or the quota is refused.
            EngineError: the service is not there, or refuses the batch.
        """
        at_once: list[Request] = []
        left: dict[str, Request] = {}
        for one in requests:
            if one.take or one.is_repair:  # somebody waits, or few are left
                at_once.append(one)
            else:
                left[one.key] = one
        pending: list[str] = []
        yield from self.first_asked(left)
        with self.client() as client:
            for job in self.all_handed_in(client, left):
                answers = self.fetched(client, job, left)
                if answers is None:
                    pending.append(job.id or job.name)
                    continue
                yield from self.kept(job, answers, left)
                at_once += [left.pop(key) for key in job.keys if key in left]
        if at_once:
            yield from self.otherwise().run(at_once)
        if pending:
            raise BatchPending(
                f"{self.endpoint.place}: {len(left):,} requests wait in a batch ({', '.join(pending)})",
                hint="run the same command again later: it fetches what is done, and hands nothing in twice",
            )

    def first_asked(self, left: dict[str, Request]) -> Iterator[tuple[Request, Answer]]:
        """Ask a model of which nothing is known one request at once: a batch in a form it does not take is lost."""
        unknown = self.abilities.path is not None and not self.jobs.of(self.endpoint.place)
        first = next((one for one in left.values() if unknown and self.abilities.recall(one.model) is None), None)
        for request, answer in self.otherwise().run([first]) if first and len(left) > 1 else ():
            if isinstance(answer, Completion):
                del left[request.key]
                yield request, answer

    def client(self) -> openai.OpenAI:
        """A client that doesn't try again by itself."""
        place = self.endpoint
        http = openai.DefaultHttpxClient(
            timeout=httpx2.Timeout(self.timeout_seconds, connect=min(10.0, self.timeout_seconds)),
            trust_env=not place.local,  # a proxy can't reach this machine's loopback
        )
        return openai.OpenAI(base_url=place.base_url, api_key=place.key, max_retries=0, http_client=http)

    def otherwise(self) -> Engine:
        """The engine that answers at once; it keeps its own replies where they are kept."""
        if self._otherwise is None:
            self._otherwise = self._open()
            if hasattr(self._otherwise, "keep"):
                self._otherwise.keep = self.keep
        return self._otherwise

    # ---- handing in --------------------------------------------------------------------------------------------

    def all_handed_in(self, client: openai.OpenAI, left: Mapping[str, Request]) -> list[Job]:
        """The jobs that hold all of `left`: those on record, those the service knows, and new ones."""
        jobs = [job for job in self.jobs.of(self.endpoint.place) if any(key in left for key in job.keys)]
        taken = {key for job in jobs for key in job.keys}
        lines = [(key, self.line(request)) for key, request in left.items() if key not in taken]
        jobs += [self.planned([key for key, _ in piece]) for piece in pieces(lines)]
        written = dict(lines)
        known = self.known_to_service(client) if any(job.id is None for job in jobs) else {}
        return [job if job.id else self.handed_over(client, job, known, written, left) for job in jobs]

    def planned(self, keys: Sequence[str]) -> Job:
        created = self.clock().astimezone(UTC).isoformat()
        return self.jobs.save(Job(name_of(keys), self.endpoint.place, tuple(keys), created))

    def handed_over(
        self,
        client: openai.OpenAI,
        job: Job,
        known: Mapping[str, str],
        written: Mapping[str, bytes],
        left: Mapping[str, Request],
    ) -> Job:
        """A job with the service's name for it: it may have got the file though we never heard of it."""
        if job.name in known:
            return self.jobs.known(job, known[job.name])
        keys = [key for key in job.keys if key in left]  # after a crash some may be answered by other means
        data = b"".join(written.get(key) or self.line(left[key]) for key in keys)
        files, batches = client.files.with_raw_response, client.batches.with_raw_response
        file = self.tried(
            lambda: _table(_json(files.create(file=(f"{job.name}.jsonl", data), purpose="batch"))).get("id"),
            _identifier,
        )
        batch = self.tried(
            lambda: _json(
                batches.create(input_file_id=file, endpoint=URL, completion_window="24h", metadata={"digest": job.name})
            ),
            batch_of,
        )
        self.handed_in += len(keys)
        log.info("%s: %d requests handed in as %s", self.endpoint.place, len(keys), batch.id)
        return self.jobs.known(job, batch.id)

    def line(self, request: Request) -> bytes:
        """One line of a batch's file; what it is answered teaches nothing about the model's dialect."""
        dialect = dialect_of(self.abilities.recall(request.model), self.start)
        body = dialect.body(request, dialect.rung)
        asked = {"custom_id": request.key, "method": "POST", "url": URL, "body": body}
        return json.dumps(asked, ensure_ascii=False).encode("utf-8") + b"\n"

    def known_to_service(self, client: openai.OpenAI) -> dict[str, str]:
        """What the service calls the batches of ours that may still answer: name -> identifier."""
        newest = self.tried(lambda: _json(client.batches.with_raw_response.list(limit=LOOKED_AT)), _listed)
        alive = [one for one in newest if one.status not in ("failed", "cancelled", "cancelling", "expired")]
        return {one.name: one.id for one in reversed(alive) if one.name}

    # ---- fetching ----------------------------------------------------------------------------------------------

    def fetched(
        self, client: openai.OpenAI, job: Job, left: Mapping[str, Request]
    ) -> list[tuple[Request, Completion]] | None:
        """What a batch answered of `left`, waiting for it as long as is wanted; None: it is not done."""
        ends, pause = time.monotonic() + self.wait_seconds, self.poll_seconds
        while (batch := self.looked_at(client, job)).status not in OVER:
            if batch.status == "failed":
                self.jobs.drop([job])
                why = self.endpoint.scrubbed(batch.why or "no reason given")
                raise EngineError(
                    f"{self.endpoint.place}: the batch {batch.id} was refused: {why}",
                    hint="try again later, or ask one by one: --engine chat",
                )
            if time.monotonic() + pause > ends:
                self.tell(batch)
                return None
            time.sleep(pause)
            pause = min(1.5 * pause, LONGEST_POLL)
        self.tell(batch)
        return list(self.answers(client, batch, left)) if batch.output else []

    def looked_at(self, client: openai.OpenAI, job: Job) -> Batch:
        identifier = job.id
        assert identifier is not None
        try:
            return self.tried(lambda: _json(client.batches.with_raw_response.retrieve(identifier)), batch_of)
        except EngineRefused as error:
            if isinstance(error.__cause__, openai.NotFoundError):
                self.jobs.drop([job])  # so that the next run hands it in anew
            raise

    def answers(
        self, client: openai.OpenAI, batch: Batch, left: Mapping[str, Request]
    ) -> Iterator[tuple[Request, Completion]]:
        """Yield the completions in a batch's output; what is broken in it is left to the other engine."""
        output = batch.output or ""
        lines, broken = self.tried(lambda: client.files.content(output).content, lambda content: _rows(content, batch))
        for found in lines:
            try:
                request, response = left.get(found["custom_id"]), found["response"]
                if request is not None and response["status_code"] == 200:
                    body = json.dumps(response["body"]).encode("utf-8")
                    yield request, replace(completion_of(body, request, self.clock()), engine="batch")
            except (ValueError, TypeError, LookupError, RecursionError, BadReply):
                broken += 1
        if broken:
            log.warning("%s: lines of a batch's output that can't be used: %d", self.endpoint.place, broken)

    def kept(
        self, job: Job, answers: Sequence[tuple[Request, Completion]], left: dict[str, Request]
    ) -> Iterator[tuple[Request, Answer]]:
        """Yield answers that are kept; only then is their job forgotten."""
        once = {request.key: (request, completion) for request, completion in answers}
        if once and self.keep is not None:
            self.keep(list(once.values()))
        for key, answer in once.items():
            del left[key]
            yield answer
        self.jobs.drop([job])

    def tell(self, batch: Batch) -> None:
        """Say how far a batch is."""
        done = "{0} of {2} done, {1} failed".format(*batch.counts) if batch.counts else "not counted yet"
        log.info("%s: batch %s is %s: %s", self.endpoint.place, batch.id, batch.status, done)

    def tried(self, call: Callable[[], Any], read: Callable[[Any], _T]) -> _T:
        """
        What the service says to one HTTP request, as `read` understands it, after some tries.

        Raises:
            EngineRefused, EngineError: it would fail for everything else as well.
        """
        tries = Retrying(
            retry=retry_if_exception(worth_a_retry),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential(multiplier=self.backoff_seconds, max=20),
            reraise=True,
        )
        try:
            return tries(lambda: read(call()))
        except FAILURES as error:
            reason = self.endpoint.scrubbed(in_words(error))
            if refused := refusal(error, "", succeeded=True):
                raise EngineRefused(f"{self.endpoint.place}: {refused[0]} ({reason})", hint=refused[1]) from error
            if isinstance(error, openai.NotFoundError):
                raise EngineRefused(
                    f"{self.endpoint.place}: no such batch or file, or no Batch API here ({reason})",
                    hint="run it again to hand it in anew; a service without batches: --engine chat",
                ) from error
            raise EngineError(f"{self.endpoint.place}: {reason}", hint="run the same command again later") from error
