"""A whole invented site on the disk, a headless Chromium to open it with, and what a visit came to.

Knows the kinds of pages only by their paths, so that a new kind is judged as soon as it is written.
"""

import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fakes import card, edition, entry, paper

from digest.models import Edition, KeywordTable, KeywordTables, Section
from digest.render import Look, Volumes, open_formats
from digest.resources import built_in
from digest.store import Store
from render.samples import HOSTILE_TEXTS, besieged, earlier, hostile, ordinary

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ORDINARY, HOSTILE_DAY, BESIEGED, QUIET, FORMULAS = (date(2026, 3, day) for day in (17, 16, 13, 12, 11))

#: Phones of 320 and 375 pixels, and a desktop.
WIDTHS = (320, 375, 1280)


def formulas() -> Edition:
    """A day of TeX: formulas that fit a line and one that fits none, accents, macros, a formula that is damaged."""
    wide = " + ".join(rf"\frac{{\alpha_{{{one}}}}}{{\sqrt{{x_{{{one}}}^2}}}}" for one in range(30))
    return edition(
        entry("2603.00021", title=r"On $O(n^2 \log n)$ and \emph{Schr\"odinger}'s 5\% of $\mathbb{R}^d$"),
        entry(
            "2603.00022",
            title=rf"A wide one: ${wide}$",
            abstract=rf"We show ${wide} \leq \sum_{{i=1}}^n x_i$, and \textbf{{bold}} words~too.",
            card=card(result=r"误差为 $O(\sqrt{n})$，提升 $\mathbf{x} \in \mathbb{R}^{d \times k}$。"),
        ),
        entry("2603.00023", title=r"A damaged $\frac{1}{ one", abstract=r"Costs $5 and $6; \foo{bar} stays; {\it so}."),
        announced=FORMULAS,
    )


def editions() -> tuple[Edition, ...]:
    """An ordinary day, two hostile ones, a quiet one, one of formulas, and one of another month; newest first."""
    keyword = Section(title="Gated Attention", kind="keyword", arxiv_ids=("2602.00001",))
    old = earlier()
    return (
        ordinary(),
        hostile().model_copy(update={"announced": HOSTILE_DAY}),
        besieged(BESIEGED),
        edition(announced=QUIET),
        formulas(),
        old.with_sections((*old.sections, keyword)),
    )


TABLES = KeywordTables(
    updated=date(2026, 3, 18),
    tables=tuple(
        KeywordTable(title=text, query="q", limit=100, papers=(paper(title=text, abstract=text, comment=text),))
        for text in HOSTILE_TEXTS
    ),
)


def write_site(folder: Path, days: tuple[Edition, ...]) -> Path:
    """Every page of every format, and the records beside them."""
    store = Store(folder)
    for one in days:
        store.save(one)
    look = Look(folders=(built_in("templates"),), limits={"Gated Attention": 2})
    formats = open_formats(look)
    store.write(page for day in days for one in formats for page in one.day(day))
    store.write(page for one in formats for page in one.whole(Volumes.of(days)))
    return folder


def html_pages(folder: Path) -> list[str]:
    """The paths of the pages of a site, as after its root."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.html"))


def kind_of(page: str) -> str:
    """The path of a page without what tells it from others of its kind."""
    return re.sub(r"(category|keyword)/.*", r"\1", re.sub(r"\d{4}-\d\d-\d\d/", "DAY/", page))


def kinds(folder: Path) -> list[str]:
    """One page of each kind, of the ordinary day where it has one; a site without editions has kinds of its own."""
    found: dict[str, str] = {}
    for page in html_pages(folder):
        if kind_of(page) not in found or re.search(rf"^{ORDINARY}|/(cs-cl|gated-attention)\.", page):
            found[kind_of(page)] = page
    return list(found.values())


def judged(folder: Path) -> list[str]:
    """A page of each kind, every day, and the sections of the hostile day that are most so."""
    every = html_pages(folder)
    hostile = [page for page in every if re.search(r"^(category|keyword)/(x{9}|z-|字|script|href)", page)]
    return sorted({*kinds(folder), *(page for page in every if page.startswith("20")), *hostile[:6]})


def is_mail(path: str) -> bool:
    """Mail is written for programs that show no page of ours: its styles stand in attributes."""
    return path.endswith("mail.html")


@dataclass
class Visit:
    """What opening pages came to: everything asked of any server, said to the console, or put before the reader."""

    page: "Page"
    requests: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        self.page.on("dialog", self._dialog)

    def _dialog(self, dialog: Any) -> None:
        self.said.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    @property
    def sent(self) -> list[str]:
        """The requests that are not for something in the page itself."""
        return [one for one in self.requests if not one.startswith(("data:", "blob:"))]

    def open(self, address: str) -> None:
        """Open a page as a new visit, every fold of it unfolded."""
        self.requests.clear()
        self.said.clear()
        self.page.goto(address)
        self.unfold()

    def unfold(self) -> None:
        self.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")


@contextmanager
def visiting(browser: "Browser", width: int = 1280, **options: Any) -> Iterator[Visit]:
    """A visitor with a screen of `width` pixels and an empty memory."""
    context = browser.new_context(viewport={"width": width, "height": 800}, **options)
    context.set_default_timeout(60_000)  # a busy machine is no finding
    yield Visit(context.new_page())
    context.close()


class _Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, and notes what it is asked for."""

    def log_message(self, *_: Any) -> None:
        getattr(self.server, "asked").append(self.path)  # noqa: B009


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """The address of a server of `folder` on this machine, and the growing list of what it was asked for."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        asked: list[str] = []
        setattr(server, "asked", asked)  # noqa: B010
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", asked
        finally:
            server.shutdown()
            thread.join()
