"""A stand-in for the library that runs models: answers as a function says, in the chunks that it would send."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from fakes import reply


def chunks(text: str, reason: str | None = "stop") -> list[dict[str, Any]]:
    """A reply in pieces, as the library streams it, with its counts at the end."""
    pieces = [{"choices": [{"delta": {"content": text[at : at + 7]}}]} for at in range(0, len(text), 7)]
    end: dict[str, Any] = {"choices": [{"delta": {}, "finish_reason": reason}]}
    return [{"choices": [{"delta": {"role": "assistant", "content": None}}]}, *pieces, end, counts(60, len(pieces))]


def counts(asked: int, written: int) -> dict[str, Any]:
    return {"choices": [], "usage": {"prompt_tokens": asked, "completion_tokens": written}}


class Library:
    """What `import xllamacpp` gives, as far as it is used; remembers what it was asked."""

    def __init__(
        self,
        answer: Callable[[dict[str, Any]], list[dict[str, Any]]] = lambda body: chunks(reply()),
        *,
        broken: bool = False,
    ) -> None:
        self.answer = answer
        self.broken = broken
        self.loaded: list[Any] = []
        self.asked: list[dict[str, Any]] = []
        self.stopped = 0

    def CommonParams(self) -> SimpleNamespace:  # noqa: N802 - the library's name
        return SimpleNamespace(model=SimpleNamespace(), cpuparams=SimpleNamespace(), cpuparams_batch=SimpleNamespace())

    def CommonAdapterLoraInfo(self, path: str, scale: float) -> tuple[str, float]:  # noqa: N802 - the library's name
        return path, scale

    def Server(self, params: Any) -> "Library":  # noqa: N802 - the library's name
        if self.broken:
            raise RuntimeError("Failed to init server, please check the input params.")
        self.loaded.append(params)
        return self

    def handle_chat_completions(self, body: dict[str, Any], hear: Callable[[Any], bool]) -> None:
        self.asked.append(json.loads(json.dumps(body)))
        for chunk in self.answer(body):
            if hear(chunk):
                self.stopped += 1
                return
