"""The output of a batch: a line of JSON for each answer, in whatever order, and whatever else may stand there.

Pure. Fetches nothing, and does not judge the text of a reply.
"""

import json
import logging
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from ..models import Completion, Request
from .dialect import BadReply, completion_of

log = logging.getLogger(__name__)


def rows_of(content: bytes, answered: int) -> tuple[list[Mapping[str, Any]], int]:
    r"""
    The objects in the lines of an output, and how many lines are none.

    Args:
        content: Of the file.
        answered: How many lines the service says there are, if it says so.

    Raises:
        BadReply: it is none at all, such as a web page: what the batch answered is still there, and paid for.

    >>> rows_of(b'{"custom_id": "a"}\n{"cust\n', 2)
    ([{'custom_id': 'a'}], 1)
    """
    found, lines = [], content.splitlines()
    for line in lines:
        with suppress(ValueError, RecursionError):
            found.append(json.loads(line))
    rows: list[Mapping[str, Any]] = [row for row in found if row and isinstance(row, dict)]
    if not rows and (lines or answered):
        raise BadReply("not the output of a batch")
    return rows, len(lines) - len(rows)


def completions_of(
    rows: Collection[Mapping[str, Any]], keys: Collection[str], asked: Mapping[str, Request], now: datetime
) -> tuple[dict[str, tuple[Request, Completion]], int]:
    """
    The answers in an output by key, and how many lines are broken; a stranger's lines and failures are left out.

    Args:
        rows: Of the output.
        keys: Of all requests in the batch.
        asked: Those of them that are known; for another, a request stands that has its key and nothing else.
        now: When they arrived, UTC.
    """
    found, broken = {}, 0
    model = next((one.model for one in asked.values()), "")
    for row in rows:
        try:
            key, response = row["custom_id"], row["response"]
            if key in keys and response["status_code"] == 200:
                request = asked.get(key) or _of_key(key, model)
                body = json.dumps(response["body"]).encode("utf-8")
                found[key] = request, replace(completion_of(body, request, now), engine="batch")
        except (ValueError, TypeError, LookupError, RecursionError, BadReply):
            broken += 1
    return found, broken


def _of_key(key: str, model: str) -> Request:
    """A request of which only its key is known, for the one who keeps its answer: the run that asked has ended."""
    one = Request(model, ())
    object.__setattr__(one, "key", key)
    return one
