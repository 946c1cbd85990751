"""Replies in a PostgreSQL database, for several drivers or teams: one transaction keeps them with what they cost.

Reads and writes rows, and believes none of them. Who asks what, and when, is for cached.py.
"""

import secrets
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, date
from math import isfinite
from typing import Any

from diskcache.core import MODE_RAW

from ..database import PATIENCE, Address, Session
from ..models import Completion
from ..plaintext import one_line
from .keeping import Price
from .shared_claims import Desk, SharedClaims
from .shelf import DAMAGED, LARGEST, Spent, as_record, from_record, log, packed, tell_damage, unpacked

AHEAD = 64  #: requests looked up and claimed in one go: the way to the database is long
PAGE = 500  #: rows read in one go
MOST = 2**53  #: of any count; more is no count

_ROW = "key, CASE WHEN octet_length(value) <= 33554432 THEN value END"
_SOME = f"SELECT {_ROW} FROM digest.replies WHERE key = ANY(%s::bytea[])"  # noqa: S608
_PAGE = f"SELECT {_ROW} FROM digest.replies WHERE key > %s ORDER BY key LIMIT {PAGE}"  # noqa: S608
# The stamp makes this one statement count once, however often it is sent: after a lost connection nobody knows whether
# it was carried out, and the second time every row says that it was.
_KEEP = """
WITH kept AS (
    INSERT INTO digest.replies AS r (key, value, stamp)
    SELECT key, value, %(stamp)s FROM unnest(%(keys)s::bytea[], %(values)s::bytea[]) AS new(key, value)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, stamp = excluded.stamp, kept = now()
    WHERE r.stamp <> excluded.stamp RETURNING 1)
INSERT INTO digest.spending AS s
SELECT * FROM unnest(%(day)s::date[], %(model)s::text[], %(currency)s::text[], %(replies)s::bigint[],
    %(prompt_tokens)s::bigint[], %(cached_tokens)s::bigint[], %(completion_tokens)s::bigint[], %(cost)s::float8[])
WHERE (SELECT count(*) FROM kept) > 0
ON CONFLICT (day, model, currency) DO UPDATE SET replies = s.replies + excluded.replies,
    prompt_tokens = s.prompt_tokens + excluded.prompt_tokens,
    cached_tokens = s.cached_tokens + excluded.cached_tokens,
    completion_tokens = s.completion_tokens + excluded.completion_tokens, cost = s.cost + excluded.cost
"""
_NEW = """
INSERT INTO digest.replies (key, value, stamp)
SELECT key, value, %s FROM unnest(%s::bytea[], %s::bytea[]) AS new(key, value)
ON CONFLICT (key) DO UPDATE SET value = excluded.value, stamp = excluded.stamp, kept = now()
"""
_SPENT = (
    "SELECT model, currency, replies, prompt_tokens, cached_tokens, completion_tokens, cost"
    " FROM digest.spending WHERE day = %s ORDER BY model, currency"
)
COUNTS = ("replies", "prompt_tokens", "cached_tokens", "completion_tokens")


class SharedReplies:
    """The replies in a database; see keeping.py for what is promised."""

    ahead = AHEAD

    def __init__(self, where: Address, patience: float = PATIENCE) -> None:
        """Keep the address; the database is asked when it is needed."""
        self.place = where.place
        self._session = Session(where, patience=patience)
        self._desk = Desk(where, patience)
        self._told: set[str] = set()

    def lookup(self, key: str) -> Completion | None:
        """The reply in the database."""
        return self.lookup_many([key]).get(key)

    def lookup_many(self, keys: Collection[str]) -> dict[str, Completion]:
        """The replies in the database, in one query."""
        return {key: reply for key, reply in self.held(keys).items() if reply is not None}

    def held(self, keys: Collection[str]) -> dict[str, Completion | None]:
        """Those of the keys that have a row; None for one that is no reply of ours."""
        wanted = [bytes.fromhex(key) for key in keys]
        return dict(self._read(self._session.run(lambda to: to.execute(_SOME, (wanted,), binary=True).fetchall())))

    def _read(self, rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[str, Completion | None]]:
        for key, value in rows:
            try:
                yield key.hex(), from_record(unpacked(MODE_RAW, None, value))
            except DAMAGED as error:
                tell_damage(self.place, key.hex(), error, self._told)
                yield key.hex(), None

    def keep(self, replies: Sequence[tuple[str, Completion]], price: Price | None) -> None:
        """Write replies, and add what they cost to their days, in one transaction."""
        rows = dict(sorted(replies))  # in one order for all, so that no two drivers wait for each other
        sums = _sums((reply for _, reply in replies), price)
        values = {
            "stamp": secrets.token_bytes(8),
            "keys": [bytes.fromhex(key) for key in rows],
            "values": [packed(as_record(reply)) for reply in rows.values()],
            **{name: [row[nth] for row in sums] for nth, name in enumerate(("day", "model", "currency"))},
            **{name: [row[3 + nth] for row in sums] for nth, name in enumerate((*COUNTS, "cost"))},
        }
        self._session.run(lambda to: to.execute(_KEEP, values))

    def put(self, replies: Iterable[tuple[str, Completion]]) -> None:
        """Write replies that were paid for elsewhere."""
        rows = dict(sorted(replies))
        keys, texts = [bytes.fromhex(key) for key in rows], [packed(as_record(reply)) for reply in rows.values()]
        stamp = secrets.token_bytes(8)
        self._session.run(lambda to: to.execute(_NEW, (stamp, keys, texts)))

    def each(self) -> Iterator[tuple[str, Completion | None]]:
        """Yield every reply with its key, by key; None for a row that is no reply of ours."""
        last = b""
        while rows := self._page(last):
            yield from self._read(rows)
            last = rows[-1][0]

    def _page(self, after: bytes) -> list[tuple[Any, ...]]:
        return self._session.run(lambda to: to.execute(_PAGE, (after,), binary=True).fetchall())

    def spent_on(self, day: date) -> dict[str, Spent]:
        """What a day's replies cost, of all drivers."""
        found: dict[str, Spent] = {}
        for name, currency, *counts, cost in self._session.run(lambda to: to.execute(_SPENT, (day,)).fetchall()):
            if min(counts) < 0 or not (isfinite(cost) and cost >= 0):
                log.warning("%s: what was spent on %s is damaged and counted anew: %s", self.place, day, one_line(name))
                continue
            model = one_line(name)
            had = found.get(model, Spent())
            sums = {one: getattr(had, one) + more for one, more in zip(COUNTS, counts, strict=True)}
            paid = {**had.cost, one_line(currency): cost} if currency else had.cost
            found[model] = Spent(**sums, cost=paid, unpriced=had.unpriced + (0 if currency else counts[0]))
        return found

    def total(self) -> int:
        """How many replies there are."""
        ((number,),) = self._session.run(lambda to: to.execute("SELECT count(*) FROM digest.replies").fetchall())
        return int(number)

    def size(self) -> int:
        """Bytes that they take on the server's disk."""
        query = "SELECT pg_total_relation_size('digest.replies')"
        ((number,),) = self._session.run(lambda to: to.execute(query).fetchall())
        return int(number)

    def look(self) -> tuple[str, bool]:
        """The server's version, and whether replies may be written; asks the server and writes nothing."""
        query = (
            "SELECT current_setting('server_version'), has_table_privilege('digest.replies', 'INSERT')"
            " AND has_table_privilege('digest.claims', 'DELETE') AND has_sequence_privilege('digest.owners', 'USAGE')"
            " AND has_table_privilege('digest.editions', 'INSERT') AND NOT pg_is_in_recovery()"
            " AND current_setting('transaction_read_only') = 'off'"
        )
        ((version, writable),) = self._session.run(lambda to: to.execute(query).fetchall())
        return one_line(str(version)), bool(writable)

    def claiming(self) -> SharedClaims:
        """Claims of this process, on a session of their own."""
        return SharedClaims(self._desk)

    def close(self) -> None:
        """End both sessions; what is claimed is free."""
        self._desk.close()
        self._session.close()

    def __enter__(self) -> "SharedReplies":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _sums(replies: Iterable[Completion], price: Price | None) -> list[tuple[Any, ...]]:
    """What fresh replies add to the rows of spending: day, model, currency, the counts and the cost."""
    found: dict[tuple[date, str, str], list[Any]] = {}
    for reply in replies:
        if reply.from_cache:
            continue
        cost, currency = (price(reply) if price else None) or (0.0, "")
        place = (reply.created.astimezone(UTC).date(), one_line(reply.model), one_line(currency))
        tokens = (reply.prompt_tokens, reply.cached_tokens, reply.completion_tokens)
        row = found.setdefault(place, [0, 0, 0, 0, 0.0])
        for nth, more in enumerate((1, *(min(one or 0, MOST) for one in tokens), cost)):
            row[nth] += more
    return [(*place, *row) for place, row in sorted(found.items())]


assert LARGEST == 33554432, "as it stands in _ROW"
