"""A model service as the engines that ask it see it: where it is, what may be sent, what it has been found to take.

Lasts from one run to the next. Sends nothing itself.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol

from .abilities import Abilities, Ability, dialect_of
from .dialect import Dialect
from .endpoint import endpoint
from .wire import trusted


class Memory(Protocol):
    """What services understand, remembered: `abilities.Abilities`, or what tells another process."""

    def recall(self, model: str) -> Ability | None: ...

    def keep(self, model: str, ability: Ability) -> None: ...


class Service:
    """One endpoint, with the settings for it and what was learnt of it."""

    def __init__(
        self,
        *,
        base_url: str | None,
        api_key: str,
        clock: Callable[[], datetime],
        concurrency: int = 16,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        timeout_seconds: float = 120,
        attempts: int = 8,
        patience_seconds: float = 300,
        backoff_seconds: float = 0.5,
        memory: Path | None = None,
        start: str | None = None,
        outage_seconds: float | None = None,
    ) -> None:
        """
        Keep the settings; nothing is sent and no socket opened before `run`.

        Args:
            base_url: Of the endpoint, up to and with "/v1"; None is OpenAI's own.
            api_key: May be empty for an endpoint on this machine.
            clock: The time, UTC, for `Completion.created`.
            concurrency: Requests in flight at once, and connections.
            requests_per_minute: Spread evenly, without a first burst; None is what the service takes.
            tokens_per_minute: Of prompt and reply together, estimated; None is what the service takes.
            timeout_seconds: Of one try, however slowly the service drips.
            attempts: Tries of one request; those answered 429, and those while the service is down, do not count.
            patience_seconds: How long the service may be down, or take nothing, before the run ends.
            backoff_seconds: The first wait between two tries; it doubles, with jitter.
            memory: File in which to remember what the service understands.
            start: How to ask for JSON before anything is known: "json_schema", "json_object" or "none".
            outage_seconds: How long the service may be out of order; None: `patience_seconds`.

        Raises:
            ConfigError: `base_url` is no address, or `api_key` can't be a key.
        """
        self.endpoint = endpoint(base_url, api_key)
        self.clock = clock
        self.concurrency = concurrency
        self.requests_per_minute = requests_per_minute
        self.tokens_per_minute = tokens_per_minute
        self.timeout_seconds = timeout_seconds
        self.attempts = attempts
        self.patience_seconds = patience_seconds
        self.backoff_seconds = backoff_seconds
        self.outage_seconds = patience_seconds if outage_seconds is None else outage_seconds
        self.abilities: Memory = Abilities(memory, self.endpoint.base_url, clock)
        self.start = start
        self.sent = 0  #: HTTP requests so far, tries again included
        self.answered = False  #: whether the endpoint has ever said anything
        self.succeeded = False  #: whether it has ever given a completion
        self.dialects: dict[str, Dialect] = {}  #: by model
        self.known: dict[str, Ability] = {}  #: what is in the memory
        self.ssl = trusted(self.endpoint)

    def dialect(self, model: str) -> Dialect:
        """What `model` is known to understand, now or from an earlier run."""
        if model not in self.dialects:
            known = self.abilities.recall(model)
            self.dialects[model] = dialect_of(known, self.start)
            if known and self.dialects[model].known:
                self.known[model] = known
        return self.dialects[model]
