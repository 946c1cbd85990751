"""Replies that a file brought along: used once each before anything is asked.

So an archive written by another tool, or a day recorded for a test, costs nothing; its cards are judged like any other.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from ..models import Answer, Completion, Request
from . import Engine


class RecordedEngine:
    """An engine that answers from `replies` (arxiv_id -> reply) the first time a paper is asked for."""

    def __init__(self, replies: Mapping[str, str], engine: Engine, clock: Callable[[], datetime]) -> None:
        self._replies = dict(replies)
        self._engine = engine
        self._clock = clock

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
        """Yield what was recorded, then what the engine underneath answers."""
        if not self._replies:
            yield from self._engine.run(requests)
            return
        left = []
        for request in requests:
            text = self._replies.pop(request.subject, None)
            if text is None:
                left.append(request)
            else:
                yield request, Completion(text, "recorded", "recorded", self._clock(), from_cache=True)
        if left:
            yield from self._engine.run(left)
