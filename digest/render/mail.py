"""Mail: one announcement date as a message, in HTML and as plain text, to be sent or read as they are.

Chooses how much the message says; its words, its form and its subject are in templates/mail. Sends nothing.
"""

from collections.abc import Iterator
from typing import Any

from .. import report
from ..models import FIELDS, Edition, Entry, Page
from . import Look, Volumes
from .environment import fill, html_environment, text_environment
from .layout import asides, by_currency, groups, made

#: Bytes of a message in HTML that holds whole cards. Gmail hides what stands behind about 102 kB of it.
#: Source: https://www.spamresource.com/2022/01/what-is-gmail-clipping-and-what-to-do.html (measured: a little above)
LONGEST = 100_000


class Mail:
    """`DATE/mail.html`, whose title is the subject, and `DATE/mail.txt`."""

    def __init__(self, look: Look) -> None:
        self._html, self._text = html_environment(look.folders), text_environment(look.folders)
        self._site_url = look.site_url

    def day(self, edition: Edition) -> Iterator[Page]:
        """Yield both forms of the message: with whole cards where these fit, else with the TL;DR of every paper."""
        values = self._values(edition)
        is_whole = least(edition.entries) < LONGEST
        html = self._filled("html", edition, values, is_whole)
        if is_whole and len(html) >= LONGEST:
            is_whole = False
            html = self._filled("html", edition, values, is_whole)
        yield Page(f"{edition.announced.isoformat()}/mail.html", html)
        yield Page(f"{edition.announced.isoformat()}/mail.txt", self._filled("txt", edition, values, is_whole))

    def whole(self, volumes: Volumes) -> Iterator[Page]:  # noqa: ARG002
        """Yield nothing: a message is about one date."""
        yield from ()

    def subject(self, edition: Edition) -> str:
        """The subject of the message, on one line."""
        return fill(self._text, "mail/subject.txt.j2", edition.language, edition=edition).strip()

    def _values(self, edition: Edition) -> dict[str, Any]:
        return {
            "edition": edition,
            "groups": groups(edition),
            "replacements": asides(edition)[0],
            "ledger": report.ledger(edition),
            "made": made(edition),
            "totals": by_currency(edition.receipt),
            "site_url": self._site_url,
        }

    def _filled(self, form: str, edition: Edition, values: dict[str, Any], is_whole: bool) -> bytes:
        environment = self._html if form == "html" else self._text
        text = fill(environment, f"mail/mail.{form}.j2", edition.language, is_whole=is_whole, **values)
        return text.encode()


def least(entries: tuple[Entry, ...]) -> int:
    """About the fewest bytes that the cards of `entries` take, to write no message in vain."""
    cards = (entry.card for entry in entries)
    return sum(len(getattr(card, name).encode()) for card in cards if card for name in FIELDS)
