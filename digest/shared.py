"""Editions that several drivers share: what others made comes into the output folder, what is made here goes out.

The folder stays what everything else works on. Without a shared store nothing is asked, imported or written.
"""

import logging
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING

from . import publishing, sites
from .config import Config
from .database import Session, address
from .errors import BusyError, StorageError
from .exchange import Exchange, State
from .store import Store
from .versions import SharedVersions, Versions

if TYPE_CHECKING:
    from .engines.keeping import Claiming
    from .engines.shared_claims import Desk

log = logging.getLogger(__name__)

PATIENCE = 10.0  #: seconds that a lost database is waited for: what can't go out now goes out later


# ------------------------------------------------------------------------------------------ what commands call


def pull(config: Config, days: Collection[date] | None = None, *, locked: bool = False) -> tuple[date, ...]:
    """
    Bring what others have made, and hand out what was changed here without the store; whole files, each at once.

    A store that can't be reached now is told of, and all goes on with what is here.

    Args:
        config: For one language.
        days: The dates that matter; None: all.
        locked: The caller keeps other runs out of the folder.

    Returns:
        The dates whose files changed.

    Raises:
        ConfigError, RecordError: the user must mend something.
    """
    if config.store_url is None:
        return ()
    try:
        with _versions(config) as versions:
            return _exchange(config, versions).sync(days, locked=locked)
    except BusyError as error:
        log.info("%s; what others have made comes in later", error)
    except StorageError as error:
        log.warning("%s; what others have made is not here", error)
    return ()


def push(config: Config, day: date) -> None:
    """
    Hand out the edition of a date, as it is on file; the caller keeps other runs out of the folder.

    A store that can't be reached now is told of; the edition goes out when it is.

    Raises:
        ConfigError, RecordError: the user must mend something.
    """
    if config.store_url is None:
        return
    try:
        with _versions(config) as versions:
            _exchange(config, versions).sync([day], locked=True)
    except StorageError as error:
        log.warning("%s; the edition of %s goes out later", error, day)


@contextmanager
def making(config: Config, day: date, *, locked: bool = False) -> Iterator[bool]:
    """
    Claim a date for as long as its edition is made; whether it is ours: False, where another driver makes it now.

    What others have made of it so far is in the folder when it is ours.

    Args:
        config: For one language.
        day: The date.
        locked: The caller keeps other runs out of the folder.

    Raises:
        DigestError: the store can't be asked.
    """
    if config.store_url is None:
        yield True
        return
    key = sha256(f"edition {config.store.name} {config.language} {day}".encode()).hexdigest()
    with _claims(config) as claims:
        is_ours = claims.take(key)
        if is_ours:
            pull(config, [day], locked=locked)
        yield is_ours


@contextmanager
def at_work(config: Config) -> Iterator[None]:
    """Keep the sessions with the store for all dates that are made within; without it each date opens its own."""
    with _way(config) if config.store_url else nullcontext():
        yield


def pull_sites(config: Config, *, asked: bool, pages: bool = False) -> None:
    """
    As `pull`, for the sites of all languages asked for.

    Args:
        config: As it was read.
        asked: Whether the languages were named in the call.
        pages: Make the pages of what came in, too.
    """
    if config.store_url is None:
        return
    several = len(config.languages) > 1
    for site in sites.each(config) if several else [sites.one(config, asked=asked)]:
        pull(site)
        if pages and (days := bare(site)):
            try:
                publishing.render_again(site, days)
            except BusyError as error:
                log.info("%s; it makes the pages of what others have made", error)
            else:
                dressed(site, days)


def bare(config: Config) -> tuple[date, ...]:
    """The dates whose editions came from the store and have no pages yet."""
    if config.store_url is None:
        return ()
    state = State(Store(config.output), _name_of(config))
    return tuple(sorted(day for day, copy in state.copies.items() if copy.bare))


def dressed(config: Config, days: Collection[date]) -> None:
    """Note that the pages of some dates are there."""
    if config.store_url is None:
        return
    state = State(Store(config.output), _name_of(config))
    state.save({day: replace(copy, bare=copy.bare and day not in days) for day, copy in state.copies.items()})


# ------------------------------------------------------------------------------------------ the way there


@dataclass
class _Way:
    """The sessions of this process with one store, and how many use them."""

    desk: "Desk"
    session: Session
    users: int = 0


_ways: dict[str, _Way] = {}  #: by address
_guard = threading.Lock()


@contextmanager
def _way(config: Config) -> Iterator[_Way]:
    """The way to the store, the same for all who are on it; nothing is opened before something is asked."""
    from .engines.shared_claims import Desk

    assert config.store_url
    url = config.store_url.get_secret_value()
    with _guard:
        way = _ways.get(url) or _Way(Desk(address(url)), Session(address(url), patience=PATIENCE))
        _ways[url] = way
        way.users += 1
    try:
        yield way
    finally:
        with _guard:
            way.users -= 1
            if not way.users:
                del _ways[url]
                way.desk.close()
                way.session.close()


@contextmanager
def _claims(config: Config) -> "Iterator[Claiming]":
    from .engines.shared_claims import SharedClaims

    with _way(config) as way, SharedClaims(way.desk) as claims:
        yield claims


@contextmanager
def _versions(config: Config) -> Iterator[Versions]:
    with _way(config) as way:
        yield SharedVersions(way.session, config.store.name, config.language)


def _exchange(config: Config, versions: Versions) -> Exchange:
    return Exchange(Store(config.output), versions, config.language, _name_of(config))


def _name_of(config: Config) -> str:
    """Names the store and the site, and tells nobody who reads the folder where they are."""
    assert config.store_url
    place = address(config.store_url.get_secret_value()).place
    return sha256(f"{place} {config.store.name} {config.language}".encode()).hexdigest()[:16]
