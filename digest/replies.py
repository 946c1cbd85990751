"""The JSON object inside a model's reply, whatever the model wrapped around it.

Pure. Mends what can be mended without guessing (fences, thoughts, prose, TeX that was not escaped); judges no content.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

LONGEST = 50_000  #: characters after the thoughts; no card is a tenth as long
ATTEMPTS = 12  #: places of a reply at which an object is looked for

_DECODER = json.JSONDecoder(strict=False)  # a raw newline within a string does no harm
_START = re.compile(r'\{\s{0,40}"')
_THOUGHTS = re.compile(r"<(think(?:ing)?)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_LAST_COMMA = re.compile(r'(?<!\\)"\s{0,20},\s{0,20}\}')
_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}|([A-Za-z]+)|(.))", re.DOTALL)
#: TeX commands that begin like the JSON escape of a line's end.
_TEX_WITH_N = re.compile(
    "n(?:abla|atural|e|earrow|eg|eq|ewline|exists|geq|i|leq|mid|olimits|ot|otin|subseteq|u|warrow)"
)


def read_object(reply: str, names: Collection[str]) -> Mapping[str, Any]:
    r"""The last JSON object in `reply` that has all `names`; else the one that has most of them.

    >>> read_object('<think>Hm {so}</think> Here:\n```json\n{"tldr": "$\\theta$"}\n```', ["tldr"])
    {'tldr': '$\\theta$'}

    Raises:
        ValueError: there is no object; the message says why.
    """
    text = reply.strip().removeprefix("\ufeff").lstrip()
    thoughts = _THOUGHTS.match(text)
    text = text[thoughts.end() :] if thoughts else text
    if not text.strip():
        raise ValueError("is empty")
    if len(text) > LONGEST:
        raise ValueError(f"is {len(text):,} characters long")
    found = list(_objects(_LAST_COMMA.sub('"}', _ESCAPE.sub(_escaped, text))))
    if not found:
        raise ValueError("is cut off or broken JSON" if "{" in text else "is not JSON")
    return max(reversed(found), key=lambda one: sum(name in one for name in names))


def _objects(text: str) -> Iterator[Mapping[str, Any]]:
    """The objects in `text`, in order; one inside another that is whole is not looked for, unless it is alone there."""
    end = attempts = 0
    for start in _START.finditer(text):
        if start.start() < end:
            continue
        attempts += 1
        if attempts > ATTEMPTS:
            return
        try:
            found, end = _DECODER.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            continue
        while len(found) == 1 and isinstance(inner := next(iter(found.values())), dict):
            found = inner
        yield found


def _escaped(found: re.Match[str]) -> str:
    r"""A backslash as JSON wants it: one that begins a TeX command stands for itself, so `\theta` is no tab."""
    command, sign = found[1], found[2]
    if command is not None:
        escape = command[0] in "bfnrt" and (len(command) == 1 or not command[1].islower())
        escape = escape or (command[0] == "n" and not _TEX_WITH_N.fullmatch(command))
        return found[0] if escape else "\\" + found[0]
    return "\\" + found[0] if sign is not None and sign not in '"\\/' else found[0]
