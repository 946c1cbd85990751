"""Versions of editions in a place that several drivers share: each is added, none is ever changed or removed.

Knows dates, bytes and how many cards they hold; neither files nor what an edition says.
"""

import logging
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from .database import SPACE, Session

if TYPE_CHECKING:
    from .database import Connection

log = logging.getLogger(__name__)

LARGEST = 2**28  #: bytes of an edition's record, unpacked

Row = tuple[Any, ...]


class Worth(NamedTuple):
    """What decides between two versions that nobody made from one another; more is better."""

    finished: int  #: cards, but for rough drafts and invented ones
    cards: int


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the edition of a date."""

    number: int  #: grows from version to version
    digest: str  #: SHA-256 of its bytes, in hexadecimal


class Versions(Protocol):
    """The versions of the editions of one site in one language."""

    place: str  #: for messages; without a password

    def newest(self, days: Collection[date] | None = None) -> Mapping[date, Version]:
        """The version that counts, of each of the dates that has one; None: of all dates."""
        ...

    def content(self, version: Version) -> bytes | None:
        """What it holds; None, and a word about it, if it is damaged."""
        ...

    def add(self, day: date, content: bytes, worth: Worth, base: int | None) -> Version:
        """
        Add a version of a date.

        Where the newest one is not what this one was made from, the one with more cards counts; the other stays.

        Args:
            day: The date.
            content: The record of its edition.
            worth: What decides.
            base: The number of the version that it was made from, if there was one.

        Returns:
            The version that counts from now on.
        """
        ...


_NEWEST = """
SELECT DISTINCT ON (announced) announced, number, sha256 FROM digest.editions
WHERE site = %s AND language = %s AND NOT aside AND (%s::date[] IS NULL OR announced = ANY(%s::date[]))
ORDER BY announced, number DESC
"""
_LAST = """
SELECT number, sha256, finished, cards FROM digest.editions
WHERE site = %s AND language = %s AND announced = %s AND NOT aside ORDER BY number DESC LIMIT 1
"""
_ADD = """
INSERT INTO digest.editions (site, language, announced, sha256, finished, cards, aside, content)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING number
"""
_CONTENT = "SELECT CASE WHEN octet_length(content) <= 134217728 THEN content END FROM digest.editions WHERE number = %s"


class SharedVersions:
    """Those in a database; see Versions for what is promised."""

    def __init__(self, session: Session, site: str, language: str) -> None:
        """Keep the parts."""
        self.place = session.place
        self._session = session
        self._of = (site, language)

    def newest(self, days: Collection[date] | None = None) -> dict[date, Version]:
        """The versions that count."""
        wanted = None if days is None else list(days)
        values = (*self._of, wanted, wanted)
        rows = self._session.run(lambda to: to.execute(_NEWEST, values).fetchall())
        return {day: Version(number, bytes(digest).hex()) for day, number, digest in rows}

    def content(self, version: Version) -> bytes | None:
        """What a version holds, if it holds what its sum says."""
        found = self._session.run(lambda to: to.execute(_CONTENT, (version.number,), binary=True).fetchone())
        try:
            content = _unpacked(found[0] if found else None)
        except (ValueError, zlib.error) as error:
            log.warning("%s: version %d of an edition is damaged: %s", self.place, version.number, error)
            return None
        if sha256(content).hexdigest() != version.digest:
            log.warning("%s: version %d of an edition is damaged: not as it was written", self.place, version.number)
            return None
        return content

    def add(self, day: date, content: bytes, worth: Worth, base: int | None) -> Version:
        """Add a version; of two drivers that do so at once, one comes after the other."""
        place, digest, packed = (*self._of, day), sha256(content).digest(), zlib.compress(content)

        def added(to: "Connection") -> Version:
            with to.transaction():
                to.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (SPACE + 1, "/".join(map(str, place))))
                last = to.execute(_LAST, place).fetchone()
                if last is not None and bytes(last[1]) == digest:
                    return Version(last[0], digest.hex())  # also where this is done again after a lost connection
                aside = last is not None and last[0] != base and worth <= (last[2], last[3])
                row = to.execute(_ADD, (*place, digest, *worth, aside, packed)).fetchone()
            if last is None or not aside:
                assert row
                return Version(row[0], digest.hex())
            return Version(last[0], bytes(last[1]).hex())

        return self._session.run(added)


def _unpacked(value: bytes | None) -> bytes:
    if value is None:
        raise ValueError("gone, or larger than any edition")
    reader = zlib.decompressobj()
    content = reader.decompress(value, LARGEST + 1)
    if not reader.eof or len(content) > LARGEST:
        raise ValueError("cut off, or larger than any edition")
    return content
