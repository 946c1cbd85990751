"""How log lines look: short for a person at a terminal, with time and run for a file, as JSON for a machine.

Formats and hides secrets; what is logged is for the others, and how much of it for console.py.
"""

import json
import logging
import secrets
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

from .secrecy import redacting

Form = Literal["short", "lines", "json"]

RUN = secrets.token_hex(4)  #: names this run of the program in all that it logs


class Lines(logging.Formatter):
    """`2026-03-17T05:31:02Z 3f9a1c2e WARNING what is to be said`, and a traceback on lines of its own."""

    def __init__(self) -> None:
        super().__init__(f"%(asctime)s {RUN} %(levelname)s %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802
        """When it was logged, UTC, to the second."""
        return f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%SZ}"


class Json(logging.Formatter):
    """An object a line: time, run, level, logger, message, and what else the record holds under `facts`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever the message holds."""
        moment = datetime.fromtimestamp(record.created, UTC)
        said: dict[str, object] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "run": RUN,
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if facts := getattr(record, "facts", None):
            said["facts"] = facts
        if record.exc_info:
            said["traceback"] = record.exc_text or self.formatException(record.exc_info)
        text = json.dumps(said, ensure_ascii=False, default=str)
        return text.encode("utf-8", "backslashreplace").decode()  # half a pair, as JSON has it


def handler(form: Form, hidden: Iterable[str] = ()) -> logging.Handler:
    """What writes to standard error in one of the forms, with *** in the place of what is to be hidden."""
    made = logging.StreamHandler(sys.stderr)
    formatters = {"short": logging.Formatter("%(levelname)s %(message)s"), "lines": Lines(), "json": Json()}
    made.setFormatter(formatters[form])
    made.addFilter(redacting(hidden))
    return made


def form() -> Form:
    """The form in which the log is written."""
    formatters = [one.formatter for one in logging.getLogger().handlers]
    if any(isinstance(one, Json) for one in formatters):
        return "json"
    return "lines" if any(isinstance(one, Lines) for one in formatters) else "short"


def has_form() -> bool:
    """Whether each line of the log has time and run, so that nothing without should stand between them."""
    return form() != "short"
