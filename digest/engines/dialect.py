"""The chat-completions format: a Request as the body to send, a body that came as a Completion.

Remembers what a service turned out not to understand. Sends nothing, and does not judge the text of a reply.
"""

import json
import logging
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from ..models import Completion, Request
from ..plaintext import one_line

log = logging.getLogger(__name__)

FORMATS = ("json_schema", "json_object", None)  #: ways to ask for JSON, the strictest first

_SPEAKS_OF_FORMAT = re.compile(r"response_?format|json_?(?:schema|object)|schema|structured|guided", re.IGNORECASE)
_REFUSES = re.compile(r"unrecogni[sz]ed|unknown|unsupported|unexpected|support|permitted|allowed|extra", re.IGNORECASE)
_ABOUT_ELSE = re.compile(r"context.length|model_not_found", re.IGNORECASE)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class BadReply(Exception):
    """A 200 without a completion in it: a web page, half a JSON document, no choices."""


class Dialect:
    """What one model of a service has been found to understand. Pure but for what it remembers."""

    def __init__(self, rung: int = 0, unknown: Iterable[str] = (), *, known: bool = False) -> None:
        """Begin on a rung, without the parameters that are unknown; `known`: this has been found out before."""
        self.rung = rung  #: of FORMATS
        self.proved: set[int] = set()  #: rungs that gave a completion
        self.unknown = set(unknown)  #: parameters to leave out
        self.known = known  #: no refusal of a format or a parameter is expected any more

    def body(self, request: Request, rung: int) -> dict[str, Any]:
        """The JSON body that asks `request` on one rung; its keys are in the same order each time."""
        parameters = {name: value for name, value in request.parameters.items() if name not in self.unknown}
        body = {**parameters, "model": request.model, "messages": _messages(request)}
        if request.schema is not None and FORMATS[rung] == "json_schema":
            schema = {"name": "card", "schema": request.schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif request.schema is not None and FORMATS[rung]:
            body["response_format"] = {"type": FORMATS[rung]}
        return body

    def gentler(self, body: Mapping[str, Any], rung: int, complaint: str) -> int | None:
        """The rung on which to ask again after a refusal, or None where the refusal is about something else."""
        if _ABOUT_ELSE.search(complaint):
            return None
        named = self._named(body, complaint)
        if named:
            for name in sorted(named - self.unknown):
                log.warning("the service does not take the parameter %s: left out from now on", name)
            self.unknown |= named
            return rung
        if "response_format" not in body or FORMATS[rung] is None:
            return None
        if rung < self.rung:
            return self.rung  # learnt while this request was in flight
        if rung in self.proved:
            return rung + 1 if _SPEAKS_OF_FORMAT.search(complaint) else None
        if _SPEAKS_OF_FORMAT.search(complaint):
            self._step_down(rung + 1)
        return rung + 1

    def accepted(self, rung: int) -> None:
        """Remember that the service understood this rung; stay there unless a stricter one has worked before."""
        self.known = True
        self.proved.add(rung)
        if rung > self.rung and min(self.proved) == rung:
            self._step_down(rung)

    def _step_down(self, rung: int) -> None:
        log.info("the service refuses the reply format %s: now %s", FORMATS[self.rung], FORMATS[rung] or "plain text")
        self.rung = rung

    def _named(self, body: Mapping[str, Any], complaint: str) -> set[str]:
        if not _REFUSES.search(complaint):
            return set()
        ours = body.keys() - {"model", "messages", "response_format"}
        return {name for name in ours if re.search(rf"\b{re.escape(name)}\b", complaint)}


def encoded(body: Mapping[str, Any]) -> bytes:
    """
    A body as it is sent.

    >>> encoded({"model": "m", "temperature": 0.2})
    b'{"model":"m","temperature":0.2}'
    """
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def _messages(request: Request) -> list[dict[str, str]]:
    return [{role: without_surrogates(text) for role, text in one.items()} for one in request.messages]


def completion_of(content: bytes, request: Request, now: datetime) -> Completion:
    """
    The completion in the body of a 200, judged by its form only: the text may be empty, cut or a refusal.

    Raises:
        BadReply: there is none in it.
    """
    try:
        data = json.loads(content.decode("utf-8", "replace"))
        choice = data["choices"][0]
        message = dict(choice["message"])
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise BadReply(f"200 without a completion: {_excerpt(content)}") from error
    text, finish = _text(message.get("content")), choice.get("finish_reason")
    if not text and message.get("refusal"):
        text, finish = _text(message["refusal"]), "refusal"
    usage = data.get("usage") if isinstance(data.get("usage"), dict) else {}
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    model = data.get("model")
    return Completion(
        text=without_surrogates(text),
        engine="chat",
        model=one_line(model) if isinstance(model, str) and model else request.model,
        created=now,
        finish_reason=one_line(finish) if isinstance(finish, str) else None,
        prompt_tokens=_count(usage.get("prompt_tokens")),
        cached_tokens=_count(usage.get("prompt_cache_hit_tokens") if cached is None else cached),
        completion_tokens=_count(usage.get("completion_tokens")),
    )


def _text(content: object) -> str:
    """A message's content; some services send a list of parts."""
    if isinstance(content, list):
        return "".join(_text(part.get("text")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _excerpt(content: bytes) -> str:
    text = one_line(content[:400].decode("utf-8", "replace"))
    return "a web page" if text.lower().startswith(("<!doctype", "<html")) else text[:80] or "an empty body"


def without_surrogates(text: str) -> str:
    """`text` with U+FFFD for each lone surrogate: JSON can carry them, UTF-8 can't."""
    try:
        text.encode("utf-8")  # quicker than to search
    except UnicodeEncodeError:
        return _LONE_SURROGATE.sub("\ufffd", text)
    return text
