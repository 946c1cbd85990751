"""Claims on requests in a database: what one driver is asking, no other driver asks, wherever it runs.

Knows keys and nothing of requests or replies. A claim is a row that counts as long as its owner's session lives.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterable
from types import TracebackType
from typing import TYPE_CHECKING

from ..database import PATIENCE, SPACE, Address, Session
from ..errors import DigestError

if TYPE_CHECKING:
    from ..database import Connection

log = logging.getLogger(__name__)

SWEEP = 0.25  #: seconds between two looks for the claims of the dead
GRACE = 10  #: seconds after the server's start in which drivers come back: until then nobody counts as dead

# A lock for each claim would soon fill the server's table of locks (max_locks_per_transaction), which all its users
# share. So a session holds one lock, which dies with it, and its claims are rows that name it.
# What is ours already was taken by a statement whose answer was lost with the connection.
_TAKE = """
WITH mine AS (SELECT key FROM digest.claims WHERE key = ANY(%(keys)s::bytea[]) AND owner = %(owner)s),
    gained AS (INSERT INTO digest.claims SELECT unnest(%(keys)s::bytea[]), %(owner)s ON CONFLICT DO NOTHING
               RETURNING key)
SELECT key FROM mine UNION ALL SELECT key FROM gained
"""
_DROP = "DELETE FROM digest.claims WHERE key = ANY(%s::bytea[]) AND owner = %s"
_SWEEP = """
DELETE FROM digest.claims AS c USING (SELECT DISTINCT owner FROM digest.claims WHERE key = ANY(%s::bytea[])) AS o
WHERE c.owner = o.owner AND now() - pg_postmaster_start_time() > make_interval(secs => %s) AND NOT EXISTS (
    SELECT FROM pg_locks AS l WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.classid = %s::bigint::oid AND l.objid = c.owner::oid)
"""
_BACK = "UPDATE digest.claims SET owner = %s WHERE owner = %s"


class Desk:
    """The claims of one process: one session, whose death frees them all, and which thread holds what."""

    def __init__(self, where: Address, patience: float = PATIENCE) -> None:
        """Keep the parts; the session is opened when something is claimed."""
        self._session = Session(where, patience=patience, greet=self._greet)
        self._owner = 0  #: 0: not yet one
        self._holders: dict[str, list[int]] = {}  #: key -> the threads that hold it
        self._swept = 0.0
        self._guard = threading.RLock()

    def _greet(self, connection: "Connection") -> None:
        """Lock a number of our own; after a loss, what we had claimed is ours again, but for what others took."""
        (owner,) = connection.execute("SELECT nextval('digest.owners')").fetchone() or (0,)
        connection.execute("SELECT pg_advisory_lock(%s, %s)", (SPACE, owner))
        if self._owner:
            connection.execute(_BACK, (owner, self._owner))
        if self._holders:  # a server that crashed has forgotten them
            connection.execute(_TAKE, {"keys": _bytes(self._holders), "owner": owner})
        self._owner = owner

    def take(self, keys: Collection[str]) -> set[str]:
        """Those of the keys that are this thread's from now on."""
        thread = threading.get_ident()
        with self._guard:
            fresh = [key for key in dict.fromkeys(keys) if key not in self._holders]
            gained = self._taken(fresh) if fresh else set()
            if len(gained) < len(fresh) and time.monotonic() - self._swept >= SWEEP:
                self._swept = time.monotonic()
                left = [key for key in fresh if key not in gained]
                if self._session.run(lambda to: to.execute(_SWEEP, (_bytes(left), GRACE, SPACE)).rowcount):
                    gained |= self._taken(left)
            mine = gained | {key for key in keys if thread in self._holders.get(key, ())}  # it can't wait for itself
            for key in mine:
                self._holders.setdefault(key, []).append(thread)
            return mine

    def _taken(self, keys: Iterable[str]) -> set[str]:
        wanted = _bytes(keys)

        def take(to: "Connection") -> list[tuple[bytes]]:
            return to.execute(_TAKE, {"keys": wanted, "owner": self._owner}, binary=True).fetchall()

        return {key.hex() for (key,) in self._session.run(take)}

    def drop(self, keys: Iterable[str]) -> None:
        """Undo one taking of each."""
        with self._guard:
            free = []
            for key in keys:
                holders = self._holders.get(key, [])
                if len(holders) > 1:
                    holders.pop()
                elif holders:
                    del self._holders[key]
                    free.append(key)
            if free:
                self._session.run(lambda to: to.execute(_DROP, (_bytes(free), self._owner)))

    def close(self) -> None:
        """Let go of all."""
        with self._guard:
            self._holders.clear()
            self._session.close()
            self._owner = 0


class SharedClaims:
    """One user's claims at a desk; see keeping.py for what is promised."""

    def __init__(self, desk: Desk) -> None:
        """Keep the desk."""
        self._desk = desk
        self._depth = 0
        self._own: Counter[str] = Counter()

    def __enter__(self) -> "SharedClaims":
        self._depth += 1
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._depth -= 1
        if self._depth == 0 and self._own:
            left, self._own = list(self._own.elements()), Counter()
            try:
                self._desk.drop(left)
            except DigestError as failure:  # what ends here has come in, and the session's end frees them all
                log.debug("%s", failure)
                self._desk.close()

    def take(self, key: str) -> bool:
        """Whether it is this thread's to ask."""
        return key in self.take_many([key])

    def take_many(self, keys: Collection[str]) -> set[str]:
        """Those that are this thread's to ask."""
        if not keys:
            return set()
        mine = self._desk.take(keys)
        self._own.update(mine)
        return mine

    def drop(self, key: str) -> None:
        """Let others have it."""
        self.drop_many([key])

    def drop_many(self, keys: Iterable[str]) -> None:
        """Let others have them."""
        mine = [key for key in dict.fromkeys(keys) if self._own[key] > 0]
        self._own.subtract(mine)
        self._own = +self._own
        if mine:
            self._desk.drop(mine)


def _bytes(keys: Iterable[str]) -> list[bytes]:
    """Keys as they stand in a row, in one order for all, so that no two drivers wait for each other."""
    return [bytes.fromhex(key) for key in sorted(keys)]
