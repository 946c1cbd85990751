"""What the engine with a cache needs of a place for replies: two Protocols, for replies and for claims on requests.

Says what is promised, and does none of it. shelf.py keeps them in a folder, shared_shelf.py in a database.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

from ..models import Completion

if TYPE_CHECKING:
    from .shelf import Spent

Price = Callable[[Completion], tuple[float, str] | None]  #: of a reply, with its currency; None: not known


class Claiming(Protocol):
    """
    Claims on requests: what one process is asking, no other with the same replies asks at the same time.

    Taken and dropped within `with`; what is held at its end is dropped. A claim is gone with its process.
    """

    def __enter__(self) -> "Claiming": ...

    def __exit__(self, *_: Any) -> None: ...

    def take(self, key: str) -> bool:
        """Whether the request is this thread's to ask; False where another process, or thread, is asking it."""
        ...

    def take_many(self, keys: Collection[str]) -> set[str]:
        """Those of several that are this thread's to ask."""
        ...

    def drop(self, key: str) -> None:
        """Let others have it; none of its claims is left where there was none."""
        ...

    def drop_many(self, keys: Iterable[str]) -> None:
        """Let others have several."""
        ...


class Replies(Protocol):
    """A place where replies are kept, for several processes at once; nothing in it is ever evicted."""

    @property
    def place(self) -> str:
        """Where it is, for messages: no password is in it."""
        ...

    @property
    def ahead(self) -> int:
        """How many requests are best looked up in one go; 1 where a look takes no time."""
        ...

    def lookup(self, key: str) -> Completion | None:
        """
        The reply to the request with a key, or None; a damaged one counts as none and is told of, once.

        Raises:
            ConfigError, RecordError: the place as a whole can't be read.
            StorageError: it can't be reached now.
        """
        ...

    def lookup_many(self, keys: Collection[str]) -> dict[str, Completion]:
        """Those of several that there are, by key; for errors see `lookup`."""
        ...

    def keep(self, replies: Sequence[tuple[str, Completion]], price: Price | None) -> None:
        """
        Keep replies by their keys, all or none, and safe from a loss of power, with what they cost.

        Raises:
            ConfigError, RecordError, StorageError: they can't be kept.
        """
        ...

    def spent_on(self, day: date) -> "Mapping[str, Spent]":
        """What the replies that came on a day (UTC) cost, by model, whoever asked for them; see `lookup` for errors."""
        ...

    def total(self) -> int:
        """How many replies there are; see `lookup` for errors."""
        ...

    def claiming(self) -> Claiming:
        """Claims on requests whose replies would be kept here."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...
