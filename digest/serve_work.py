"""Orders for cards out of served pages: one at a time, in a thread of its own, and what came of each of the last ones.

Brings revision.py to pages; knows no server and no page.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Literal

from . import revision, sites
from .config import Config
from .errors import BusyError, ConfigError, DigestError
from .hooks import Clock
from .revision import Revisions
from .serve_gate import Wish

log = logging.getLogger(__name__)

Act = Literal["regenerate", "undo"]
State = Literal["asking", "writing", "done", "flagged", "undone", "failed", "locked"]
REMEMBERED = 200  #: orders


@dataclass(frozen=True, slots=True)
class News:
    """How far an order is, or what came of it; the page has the words for `state`."""

    site: str
    arxiv_id: str
    date: str
    state: State
    text: str = ""  #: of an error, in English
    hint: str = ""  #: its mend
    undo: bool = False  #: whether there is an earlier card to bring back

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state not in ("asking", "writing")

    @property
    def record(self) -> dict[str, object]:
        """As plain values."""
        return asdict(self)


class Workshop:
    """Takes an order if it has none, and tells of it from the thread in which it is done."""

    def __init__(self, config: Config, clock: Clock, tell: Callable[[News], None]) -> None:
        self._config, self._clock, self._tell = config, clock, tell
        self._busy = threading.Lock()
        self._known: dict[tuple[str, str, str], News] = {}
        self.thread: threading.Thread | None = None  #: of the last order

    def take(self, act: Act, wish: Wish) -> bool:
        """Begin with an order; False where another one is under way."""
        if not self._busy.acquire(blocking=False):
            return False
        begun = News(
            wish.site, wish.arxiv_id, wish.announced.isoformat(), "asking" if act == "regenerate" else "writing"
        )
        # One that is cut off leaves what a crash leaves: whole files, and every reply that had come.
        self.thread = threading.Thread(target=self._work, args=(act, wish, begun), name="digest-order", daemon=True)
        self.thread.start()
        return True

    def of(self, site: str, date: str) -> list[News]:
        """What is known of the orders for a day's page, the last of each paper."""
        return [news for news in list(self._known.values()) if (news.site, news.date) == (site, date)]

    def _work(self, act: Act, wish: Wish, begun: News) -> None:
        found = replace(begun, state="failed", text="a fault of the program; the terminal of digest serve says more")
        try:
            self._note(begun)
            found = done(act, wish, begun, place_of(self._config, wish.site), self._clock, self._note)
        except BusyError as error:
            found = replace(begun, state="locked", text=str(error))
        except DigestError as error:
            found = replace(begun, state="failed", text=str(error), hint=error.hint or "")
        finally:  # a page must not wait for ever, whatever happened
            self._busy.release()
            log.info("%s %s of %s: %s %s", act, wish.arxiv_id, wish.announced, found.state, found.text)
            self._note(found)

    def _note(self, news: News) -> None:
        key = (news.site, news.date, news.arxiv_id)
        self._known.pop(key, None)
        self._known[key] = news
        for old in list(self._known)[:-REMEMBERED]:
            del self._known[old]
        self._tell(news)


def place_of(config: Config, site: str) -> Config:
    """
    The configuration of the site in a folder of the output; of the first language's, where `site` is empty.

    Raises:
        ConfigError: no language of the configuration has its site there, or a folder holds another language.
    """
    for place in sites.made(config):
        if ("" if place.output == config.output else place.output.name) == site:
            return place
    raise ConfigError(f"{site or config.output}: no site of a language in the configuration is there")


def done(act: Act, wish: Wish, begun: News, config: Config, clock: Clock, tell: Callable[[News], None]) -> News:
    """
    Do what a page asked for, and say what came of it.

    Raises:
        DigestError: see revision.py.
    """
    if act == "undo":
        return told(begun, revision.undo(config, [wish.arxiv_id], announced=wish.announced), "undone")

    def watch(_: str, answered: int, total: int) -> None:
        if total and answered == total:
            tell(replace(begun, state="writing"))

    made = revision.regenerate(config, [wish.arxiv_id], clock, announced=wish.announced, hint=wish.hint, watch=watch)
    return told(begun, made, "done")


def told(begun: News, made: Revisions, good: State) -> News:
    """What became of the one paper, for its page."""
    (one,) = made.papers
    if error := made.failure or one.error:
        return replace(begun, state="failed", text=str(error), hint=error.hint or "")
    is_flagged = good == "done" and one.entry is not None and one.entry.state == "flagged"
    return replace(begun, state="flagged" if is_flagged else good, undo=bool(one.entry and one.entry.earlier))
