"""What a receiver is written: its part of an edition as one message, in the form that it wants, under a lasting name.

Pure but for templates; knows no marks and sends nothing.
"""

import hashlib
import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from email.utils import format_datetime, parseaddr
from typing import Literal
from urllib.parse import urlsplit

from .deliver import Channel, Message
from .identifiers import canonical_category, covers
from .models import Edition, Section
from .render import Look

Form = Literal["whole", "short"]
MOST = 20  #: papers that the short form names


def part_of(edition: Edition, names: Collection[str]) -> Edition:
    """
    The edition with nothing but the sections that a receiver wants; without names, all of it.

    Args:
        edition: Of one date.
        names: Titles of sections in any case, or categories: "cs.CL", "cs.*". A replacement is wanted by its category.
    """
    if not names:
        return edition
    titles, categories = {name.casefold() for name in names}, _categories(names)

    def is_wanted(section: Section) -> bool:
        return section.title.casefold() in titles or (section.kind == "category" and covers(categories, section.title))

    sections = [one for one in edition.sections if is_wanted(one)]
    held = {arxiv_id for section in sections for arxiv_id in section.arxiv_ids}
    return edition.model_copy(
        update={
            "sections": tuple(sections),
            "entries": tuple(one for one in edition.entries if one.paper.arxiv_id in held),
            "replacements": tuple(
                one for one in edition.replacements if covers(categories, one.paper.primary_category)
            ),
            "excluded": (),
        }
    )


def _categories(names: Iterable[str]) -> set[str]:
    found = set()
    for name in names:
        try:
            found.add(canonical_category(name))
        except ValueError:  # the title of a section
            continue
    return found


def is_empty(edition: Edition) -> bool:
    """Whether there is nothing in it to be sent."""
    return not edition.entries and not edition.replacements


def message_id(*named: object, host: str) -> str:
    """A name that is the same whenever the same things are named, and never for others."""
    text = "\n".join(str(one) for one in named)
    return f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.digest@{host}"


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Whom our messages are from."""

    sender: str | None = None  #: of mail: "digest <me@example.org>"
    site_url: str | None = None

    @property
    def host(self) -> str:
        """The right part of our messages' names: the sender's domain, else the site's, else one that is nobody's."""
        host = parseaddr(self.sender)[1].rpartition("@")[2] if self.sender else urlsplit(self.site_url or "").hostname
        return host.lower() if host and re.fullmatch(r"[A-Za-z0-9.-]+", host) else "digest.invalid"

    def headers(self, moment: datetime, language: str) -> Mapping[str, str]:
        """
        What mail programs sort by; `moment` is when the message is written.

        Sources: https://www.rfc-editor.org/rfc/rfc2919 (List-Id), https://www.rfc-editor.org/rfc/rfc3834
        """
        found = {
            "Date": format_datetime(moment),
            "List-Id": f"digest <{language.lower()}.digest.{self.host}>",
            "Auto-Submitted": "auto-generated",
        }
        if self.sender:
            found["List-Unsubscribe"] = f"<mailto:{parseaddr(self.sender)[1]}?subject=unsubscribe>"
        return found


class Letters:
    """Writes messages about editions, all with the same looks."""

    def __init__(self, look: Look) -> None:
        from .render.mail import Mail  # and with it all of jinja2, which a day without mail does not need

        self._mail = Mail(look)

    def edition(
        self, day: Edition, names: Collection[str], form: Form, channel: Channel, name: str, extra: Mapping[str, str]
    ) -> Message | None:
        """
        The message about a receiver's part of a day; None where that is empty.

        Args:
            day: The whole edition.
            names: The receiver's sections; none: all.
            form: whole: the mail; short: counts and the first papers, as many as the channel takes in one piece.
            channel: Says what it takes.
            name: The message's id.
            extra: Its headers.

        Raises:
            TemplateError: the named template line fails.
        """
        part = part_of(day, names)
        if is_empty(part):
            return None
        whole = day if names else None
        subject = self._mail.subject(part, whole)
        if form == "whole":
            text, html = self._mail.forms(part, whole)
            return Message(subject, text.decode(), name, html.decode(), extra)

        def short(papers: int) -> str:
            return self._mail.short(part, papers, whole)

        most = range(1, min(MOST, len(part.entries)) + 1)
        fitting = bisect_left(most, True, key=lambda papers: not channel.fits(short(papers)))
        return Message(subject, short(fitting), name, None, extra)

    def trial(self, language: str, name: str, extra: Mapping[str, str]) -> Message:
        """A short message that tries a way to a receiver."""
        subject, text = self._mail.trial(language)
        return Message(subject, text, name, None, extra)


def edition_name(site: str, announced: date, language: str, receiver: str, host: str, copy: int = 0) -> str:
    """
    The id of the message about one edition to one receiver: the same for every try of it.

    Args:
        site: What tells this digest from another of the same receiver's: two messages of one name are one to a mail
            program.
        announced: Of the edition.
        language: Of the edition.
        receiver: Its name.
        host: The right part.
        copy: Which one, where another was asked for; 0 is the first.
    """
    return message_id(site, announced, language, receiver, *([copy] if copy else []), host=host)
