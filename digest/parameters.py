"""What a flag or an argument may hold, and what a reader is told who wrote something else.

Types for click; knows nothing of commands or settings.
"""

import sys
from datetime import date
from typing import Any

import click


class Phrases(click.ParamType[str]):
    """Text that may hold blanks; in an environment variable `;` stands between two."""

    name = "text"
    envvar_list_splitter = ";"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return str(value).encode().decode().strip() or self.fail("a keyword has at least one letter", param, ctx)
        except UnicodeError:
            self.fail("a keyword is UTF-8", param, ctx)


class Day(click.ParamType[date]):
    """A date as YYYY-MM-DD."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return value if isinstance(value, date) else date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no date; write it as 2026-03-17", param, ctx)


class DayOrPaper(click.ParamType[date | str]):
    """A date, or an arXiv identifier in any of its forms, without its version."""

    name = "date|id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date | str:
        from .identifiers import parse_id

        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
        try:
            return parse_id(value).base
        except ValueError:
            self.fail(f"{value!r} is neither a date such as 2026-03-17 nor an arXiv identifier", param, ctx)


class PaperIds(click.ParamType[tuple[str, ...]]):
    """An arXiv identifier, or - for those on standard input: one a line, without what stands behind a #."""

    name = "arxiv_id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        if value != "-":
            return (self._base(value, "", param, ctx),)
        try:
            lines = sys.stdin.buffer.read().decode("utf-8-sig").splitlines()
        except UnicodeError:
            self.fail("standard input is not UTF-8", param, ctx)
        said = (
            (f"standard input, line {number}: ", line.partition("#")[0].strip()) for number, line in enumerate(lines, 1)
        )
        return tuple(self._base(text, where, param, ctx) for where, text in said if text)

    def _base(self, value: str, where: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from .identifiers import parse_id

        try:
            return parse_id(value).base
        except ValueError:
            self.fail(f"{where}{value[:60]!r} is no arXiv identifier; write it as 2603.01234", param, ctx)
