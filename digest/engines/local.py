"""The engine for a model on this machine: llama.cpp inside the process, held to its form letter by letter.

Loads what weights.py has verified, and writes; nobody else can ask it, for nothing listens that could be found.
"""

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime
from importlib import import_module
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

from ..errors import ConfigError, EngineError
from ..hooks import TOKENS, Watch, unwatched
from ..interrupts import LOOK
from ..models import FIELDS, Answer, Completion, Request
from ..plaintext import one_line
from ..weights import Weights
from .copying import grammar

log = logging.getLogger(__name__)

LIBRARY = "xllamacpp"
BATCH = 512  #: tokens of a prompt that are read in one go: a stop is noticed between two
#: What the draft model is asked with beside the request's own: a card takes 300 tokens, and more is a circle. What says
#: again, word by word, what it said before gets less likely with each token (DRY).
DRAFT = {"max_tokens": 640, "dry_multiplier": 0.5, "dry_base": 1.5, "dry_allowed_length": 7, "dry_penalty_last_n": 320}


class LocalEngine:
    """Has a model write on this machine, as many replies at once as there are slots."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        weights: Weights,
        script: str = "",
        threads: int = 1,
        concurrency: int = 1,
        context: int = 4096,
        watch: Watch = unwatched,
        **_settings: Any,  # of engines that ask a service
    ) -> None:
        """
        Keep the settings; the model is loaded by the first request.

        Args:
            clock: The time, UTC, for `Completion.created`.
            weights: From `weights.find`.
            script: ISO 15924, of the language that replies are in: "Hans".
            threads: Processor cores to use.
            concurrency: Replies at once; they share the cores.
            context: Tokens of a question and its reply together.
            watch: Is told of tokens, and how many come in a second.
        """
        self.clock = clock
        self.weights = weights
        self.script = script
        self.threads = threads
        self.slots = concurrency
        self.context = context
        self.watch = watch
        self.sent = 0  #: requests that the model was asked
        self._server: Any = None

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
        """
        Answer every request once; the caller's thread stays free for signals, and one that ends it stops the writing.

        Raises:
            ConfigError: the model can't be loaded.
        """
        todo = iter(requests)
        pace, stop = _Pace(self.watch), Event()
        flying: dict[Future[Answer], Request] = {}
        with ThreadPoolExecutor(self.slots, "digest-local") as pool:
            try:
                while True:
                    while len(flying) < self.slots and (request := next(todo, None)) is not None:
                        self._server = self._server or loaded(self.weights, self.slots, self.context, self.threads)
                        self.sent += 1
                        flying[pool.submit(self.answer, request, pace, stop)] = request
                    if not flying:
                        return
                    done, _ = wait(flying, timeout=LOOK, return_when=FIRST_COMPLETED)
                    pace.tell()
                    for one in done:
                        yield flying.pop(one), one.result()
            finally:
                stop.set()

    def answer(self, request: Request, pace: "_Pace", stop: Event) -> Answer:
        """The model's reply to one request; nothing is tried again, since nothing would be different."""
        if self.weights.draft and not is_for_a_card(request):
            return EngineError("the small model on this machine writes cards only", hint="ask a service for this")
        chunks: list[Any] = []

        def hear(chunk: Any) -> bool:  # must not raise: the library would say nothing of it
            chunks.append(chunk)
            pace.count += 1
            return stop.is_set()

        said = self._server.handle_chat_completions(body_of(request, self.weights, self.script), hear)
        answer = completion_of([*chunks, said], self.weights.name, self.clock())
        log.debug("%s: %d tokens", request.subject or request.key, getattr(answer, "completion_tokens", None) or 0)
        return answer


class _Pace:
    """How fast tokens come, as far as a reader wants to know."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.count = 0  #: of tokens so far
        self._began: float | None = None

    def tell(self) -> None:
        """Say how many there are, and how many in a second since the first."""
        if self.count and self._began is None:
            self._began = time.monotonic()
        if self._began is not None:
            self.watch(TOKENS, self.count, round(self.count / max(LOOK, time.monotonic() - self._began)))


# ------------------------------------------------------------------------------------------ questions and replies


def is_for_a_card(request: Request) -> bool:
    """Whether the five fields are asked for."""
    return request.schema is not None and set(request.schema.get("properties", ())) == set(FIELDS)


def body_of(request: Request, weights: Weights, script: str) -> dict[str, Any]:
    """
    What the library is asked: the same for the same request, its seed included.

    The draft model sees title and abstract of the first question alone, so that an asking with the reasons is one with
    another seed.
    """
    asked = [dict(one) for one in request.messages]
    first = next((one for one in asked if one["role"] == "user"), asked[0])
    if weights.draft:
        first |= {"content": first["content"][max(0, first["content"].find("Title: ")) :]}
    body: dict[str, Any] = {
        **request.parameters,
        "messages": asked,
        "seed": int(request.key[:8], 16) % 2**31 + request.take,
        "cache_prompt": True,  # all questions begin alike
        "chat_template_kwargs": {"enable_thinking": False},
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if weights.draft:
        least = min(DRAFT["max_tokens"], request.parameters.get("max_tokens", DRAFT["max_tokens"]))
        body |= {**DRAFT, "max_tokens": least, "messages": [first], "cache_prompt": False}
    if request.schema is None:
        return body
    if form := grammar(request.schema, first["content"], script):
        body["grammar"] = form
    else:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "card", "schema": request.schema}}
    return body


def completion_of(chunks: Sequence[Any], model: str, created: datetime) -> Answer:
    """The reply that chunks make, or what the library says went wrong."""
    said = [one for one in chunks if isinstance(one, Mapping)]
    if failed := next((one["error"] for one in said if one.get("error")), None):
        return EngineError(_in_words(failed))
    choices = [choice for one in said for choice in one.get("choices") or ()]
    reason = next((one["finish_reason"] for one in choices if one.get("finish_reason")), None)
    if reason is None:
        return EngineError("the model ended without a reply")
    usage: Mapping[str, int] = next((one["usage"] for one in reversed(said) if one.get("usage")), {})
    return Completion(
        "".join((one.get("delta") or {}).get("content") or "" for one in choices),
        "local",
        model,
        created,
        finish_reason=reason,
        prompt_tokens=usage.get("prompt_tokens"),
        completion_tokens=usage.get("completion_tokens"),
    )


def _in_words(failed: Any) -> str:
    message = failed.get("message", failed) if isinstance(failed, Mapping) else failed
    return f"the model on this machine: {one_line(str(message))[:300]}"


# ------------------------------------------------------------------------------------------ loading


def loaded(weights: Weights, slots: int, context: int, threads: int) -> Any:
    """
    The library with the model in it.

    Its server always listens somewhere: on a socket in a folder of our own, which is gone as soon as it is up, so that
    nobody can reach it; on Windows on loopback, with a key that nobody knows.

    Raises:
        ConfigError: the library or the model can't be loaded.
    """
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")  # else a crash starts a debugger and fills the screen
    try:
        library = import_module(LIBRARY)
    except ImportError as error:
        raise ConfigError(f"{LIBRARY} can't be loaded: {one_line(str(error))[:300]}") from error
    began = time.monotonic()
    params = parameters(library.CommonParams(), library, weights, slots, context, threads)
    with TemporaryDirectory(prefix="digest-", ignore_cleanup_errors=True) as folder:
        params.hostnames = ["127.0.0.1"] if os.name == "nt" else [str(Path(folder) / "llama.sock")]
        params.api_keys = [token_hex(32)]
        try:
            server = library.Server(params)
        except RuntimeError as error:  # it gives no reason
            raise ConfigError(
                f"{weights.path}: the model can't be loaded ({one_line(str(error))[:200]})",
                hint="name another model in engine.model, or have a service write the cards: --service NAME",
            ) from error
    log.info("%s: loaded in %.1f s, %d threads", weights.name, time.monotonic() - began, threads)
    return server


def parameters(params: Any, library: Any, weights: Weights, slots: int, context: int, threads: int) -> Any:
    """The library's settings: silent, small in memory, with nothing that a web server would offer."""
    params.model.path = str(weights.path)
    if weights.adapter:
        params.lora_adapters = [library.CommonAdapterLoraInfo(str(weights.adapter), 1.0)]
    params.use_jinja = True
    if weights.template:
        params.chat_template = weights.template
    params.n_parallel, params.n_ctx, params.n_batch = slots, slots * context, BATCH
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.verbosity, params.warmup, params.ui = 0, False, False
    params.cache_ram_mib = 0  # by itself it keeps up to 8 GiB of prompts
    params.endpoint_slots = params.endpoint_props = False
    return params
