"""A run that is killed again and again, and the book of what it sent, got and saw: for test_crashes.py and a benchmark.

Forks from one warm process, so that a kill costs some milliseconds and strikes anywhere. The book is written past
Python's buffers: what stands in it happened before the kill.
"""

import contextlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from digest import cache_check
from digest.engines.cached import CachedEngine, open_cache
from digest.models import Answer, Completion, Request

TOGETHER = 16  #: as the chat engine hands over


def request(number: int) -> Request:
    return Request("m", ({"role": "user", "content": f"paper {number}"},), subject=str(number))


class Book:
    """What happened, a line each: `sent 12`, `got 12`, `seen 12`."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(self, what: str, *subjects: str) -> None:
        os.write(self.descriptor, "".join(f"{what} {one}\n" for one in subjects).encode())


class Service:
    """An engine that hands over together what arrives together, up to 16, as the chat engine does."""

    def __init__(self, book: Book, seconds: float) -> None:
        self.book = book
        self.seconds = seconds
        self.keep: Any = None

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
        group: list[tuple[Request, Answer]] = []
        size = 1
        for one in requests:
            self.book.note("sent", one.subject)
            time.sleep(self.seconds)
            self.book.note("got", one.subject)
            text = f"{one.subject} " + "卡片" * 500
            group.append((one, Completion(text, "fake", "m-1", datetime.now(UTC), "stop", 900, 0, 300)))
            if len(group) == size:
                yield from self.handed(group)
                group, size = [], random.randint(1, TOGETHER)
        yield from self.handed(group)

    def handed(self, group: list[tuple[Request, Answer]]) -> Iterator[tuple[Request, Answer]]:
        self.keep(group)
        yield from group


def work(cache: Path, book: Path, start: int, papers: int, seconds: float) -> None:
    """One run from start to end."""
    notes, opened = Book(book), open_cache(cache)
    asked = map(request, range(start, start + papers))
    for one, answer in CachedEngine(Service(notes, seconds), opened).run(asked):
        assert isinstance(answer, Completion)
        assert answer.text.startswith(f"{one.subject} ")
        notes.note("seen", one.subject)


@dataclass(frozen=True, slots=True)
class Result:
    """What the kills did."""

    kills: int
    acknowledged: int  #: replies that were handed out
    lost: int  #: of these, not on disk after the kill
    sent: int
    twice: int  #: requests sent again
    most: int  #: of these, after one kill
    damaged: int  #: rows
    integrity: str
    slowest_open: float  #: seconds


def crashes(folder: Path, kills: int, papers: int = 120, seconds: float = 0.0005, latest: float = 0.12) -> Result:
    """Kill a run `kills` times at random moments, look at what is on disk each time, and let it go on."""
    cache, book = folder / "cache", folder / "book"
    start = struck = lost = most = damaged = again = 0
    slowest, integrity = 0.0, "ok"
    while struck < kills:
        moment = random.uniform(0, latest)
        if not killed(lambda first=start: work(cache, book, first, papers, seconds), moment):
            start += papers  # it came to its end: on with other papers
        else:
            struck += 1
        began = time.perf_counter()
        opened = open_cache(cache)
        slowest = max(slowest, time.perf_counter() - began)
        held = {key for (key,) in opened._con.execute("SELECT key FROM Cache")}
        opened.close()  # type: ignore[no-untyped-call]
        found = cache_check.verify(cache, lambda *_: None)
        damaged = max(damaged, found.damaged + found.foreign)
        integrity = integrity if found.sound else str(found)
        lost += sum(request(int(one)).key not in held for one in set(lines(book, "seen")))
        before, again = again, repeats(book)
        most = max(most, again - before)
    return Result(
        kills=struck,
        acknowledged=len(set(lines(book, "seen"))),
        lost=lost,
        sent=len(lines(book, "sent")),
        twice=again,
        most=most,
        damaged=damaged,
        integrity=integrity,
        slowest_open=slowest,
    )


def repeats(book: Path) -> int:
    """How many requests were sent that had been sent before."""
    sent = lines(book, "sent")
    return len(sent) - len(set(sent))


def killed(task: Any, after: float) -> bool:
    """Run `task` in a fork and kill it `after` seconds; whether it was still alive."""
    child = os.fork()
    if child == 0:
        try:
            task()
            os._exit(0)
        except BaseException as error:  # noqa: BLE001
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
    time.sleep(after)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def lines(book: Path, what: str) -> list[str]:
    if not book.exists():
        return []
    pairs = (line.split() for line in book.read_text(encoding="ascii").splitlines())
    return [subject for kind, subject in pairs if kind == what]


if __name__ == "__main__":
    random.seed(int(sys.argv[3]))
    print(json.dumps(asdict(crashes(Path(sys.argv[1]), int(sys.argv[2])))))
