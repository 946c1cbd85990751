"""Mail: one announcement date as a message, in HTML and as plain text, to be sent or read as they are.

Chooses how much the message says; its words, its form and its subject are in templates/mail. Sends nothing.
"""

from collections.abc import Iterator
from typing import Any

from .. import report
from ..models import FIELDS, Edition, Entry, Page
from ..plaintext import one_line
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
        """Yield both forms of the message."""
        text, html = self.forms(edition)
        yield Page(f"{edition.announced.isoformat()}/mail.html", html)
        yield Page(f"{edition.announced.isoformat()}/mail.txt", text)

    def forms(self, edition: Edition, day: Edition | None = None) -> tuple[bytes, bytes]:
        """
        The message as text and as HTML: with whole cards where these fit, else with the TL;DR of every paper.

        Args:
            edition: What the message holds.
            day: All of that date, where `edition` is a part of it: the ledger is the day's.
        """
        values = self._values(edition, day)
        is_whole = least(edition.entries) < LONGEST
        html = self._filled("html", edition, values, is_whole)
        if is_whole and len(html) >= LONGEST:
            is_whole = False
            html = self._filled("html", edition, values, is_whole)
        return self._filled("txt", edition, values, is_whole), html

    def whole(self, volumes: Volumes) -> Iterator[Page]:  # noqa: ARG002
        """Yield nothing: a message is about one date."""
        yield from ()

    def short(self, edition: Edition, most: int, day: Edition | None = None) -> str:
        """The short form: the ledger, and title, TL;DR and address of at most so many papers."""
        values = self._values(edition, day)
        first = [item for group in values["groups"] for item in group.items if not item.again][:most]
        text = fill(self._text, "deliver/short.txt.j2", edition.language, **values, first=first)
        return text.strip() + "\n"

    def subject(self, edition: Edition, day: Edition | None = None) -> str:
        """The subject of the message, on one line."""
        chosen = _chosen(edition, day)
        text = fill(self._text, "mail/subject.txt.j2", edition.language, edition=edition, chosen=chosen)
        return one_line(text)

    def trial(self, language: str) -> tuple[str, str]:
        """Subject and text of a message that tries a way to a receiver."""
        text = fill(self._text, "deliver/trial.txt.j2", language, site_url=self._site_url).strip()
        subject, _, rest = text.partition("\n")
        return one_line(subject), rest.strip() + "\n"

    def _values(self, edition: Edition, day: Edition | None) -> dict[str, Any]:
        return {
            "edition": edition,
            "groups": groups(edition),
            "replacements": asides(edition)[0],
            "ledger": report.ledger(day or edition),
            "chosen": _chosen(edition, day),
            "made": made(edition),
            "totals": by_currency(edition.receipt),
            "site_url": self._site_url,
        }

    def _filled(self, form: str, edition: Edition, values: dict[str, Any], is_whole: bool) -> bytes:
        environment = self._html if form == "html" else self._text
        text = fill(environment, f"mail/mail.{form}.j2", edition.language, is_whole=is_whole, **values)
        return text.encode()


def _chosen(edition: Edition, day: Edition | None) -> tuple[int, int] | None:
    """How many papers of how many, where the message holds a part of the day."""
    return (len(edition.entries), len(day.entries)) if day else None


def least(entries: tuple[Entry, ...]) -> int:
    """About the fewest bytes that the cards of `entries` take, to write no message in vain."""
    cards = (entry.card for entry in entries)
    return sum(len(getattr(card, name).encode()) for card in cards if card for name in FIELDS)
