"""How quickly the biggest real day opens, is searched and scrolled, what it weighs, and how long it takes to render.

    python benchmarks/run_pages.py SITE --write docs/pages.md

SITE is a folder of rendered pages with their editions. Needs playwright and a Chromium; reaches nothing beyond this
machine.
"""

import argparse
import gzip
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from axe_playwright_python.base import AXE_FILE_PATH
from plain_page import plain_page
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from digest.models import Edition
from digest.render import FORMATS, Look, Volumes
from digest.resources import built_in
from digest.store import Store

BEGIN, END = ("<!-- tables of benchmarks/run_pages.py begin -->", "<!-- tables of benchmarks/run_pages.py end -->")
PHONE, DESKTOP = 375, 1280
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
BARE = ("the day", "bare HTML")
WORDS = ("强化学习", "diffusion model")  #: typed key by key

#: Before anything of the page: what it takes to draw it, and what keeps the reader from it.
WATCH = """
window.seen = {shift: 0, long: [], paint: 0};
function watchFor(type, take) {
    new PerformanceObserver(list => list.getEntries().forEach(take)).observe({type, buffered: true});
}
watchFor("layout-shift", one => { seen.shift += one.value; });
watchFor("longtask", one => { seen.long.push([one.startTime, one.duration]); });
watchFor("largest-contentful-paint", one => { seen.paint = one.startTime; });
"""

#: Done when the first words are drawn; a function of the page's own would need eval, which its policy forbids.
DRAWN = """() => new Promise(done => {
    const look = () => performance.getEntriesByName("first-contentful-paint").length ? done() : setTimeout(look, 20);
    look();
})"""

OPENED = """() => {
    const [way] = performance.getEntriesByType("navigation");
    const first = performance.getEntriesByName("first-contentful-paint")[0];
    const busy = seen.long.map(([start, length]) => start + length);
    const blocked = seen.long.reduce((sum, [, length]) => sum + length - 50, 0);
    return {first: first.startTime, largest: seen.paint, ready: way.domContentLoadedEventEnd, load: way.loadEventEnd,
            idle: Math.max(first.startTime, ...busy), blocked, shift: seen.shift,
            nodes: document.querySelectorAll("*").length};
}"""

#: One key: from the input until what it changed is drawn and nothing changes any more.
KEY = """([field, sign]) => new Promise(done => {
    const began = performance.now();
    let drawn = began, quiet;
    const end = () => { watch.disconnect(); done([blocked, drawn - began]); };
    const settle = () => { clearTimeout(quiet); quiet = setTimeout(end, 400); };
    const frame = () => requestAnimationFrame(() => setTimeout(() => { drawn = performance.now(); settle(); }));
    const watch = new MutationObserver(frame);
    watch.observe(document.body, {subtree: true, childList: true, attributes: true, characterData: true});
    field.value += sign;
    field.dispatchEvent(new InputEvent("input", {bubbles: true, data: sign, inputType: "insertText"}));
    const blocked = performance.now() - began;
    frame();
})"""

SCROLL = """step => new Promise(done => {
    const frames = [];
    seen.long.length = 0;
    let last = performance.now();
    const next = now => {
        frames.push(now - last);
        last = now;
        const before = scrollY;
        scrollBy({top: step, behavior: "instant"});
        if (scrollY === before) setTimeout(() => done({frames, long: seen.long.map(one => one[1])}), 200);
        else requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
})"""


# ---- one visit


@dataclass(frozen=True, slots=True)
class Visit:
    """A page that stands open, and the way to ask the browser about it."""

    page: Page
    cdp: CDPSession

    def metric(self, name: str) -> float:
        told = self.cdp.send("Performance.getMetrics")["metrics"]
        return float(next(one["value"] for one in told if one["name"] == name))


@contextmanager
def visit(browser: Browser, page: Path, width: int, slower: int = 1) -> Iterator[Visit]:
    """Open a page as for the first time, on a processor that is so many times slower."""
    context = browser.new_context(viewport={"width": width, "height": 800}, device_scale_factor=1)
    opened = context.new_page()
    opened.set_default_timeout(120_000)
    cdp = context.new_cdp_session(opened)
    cdp.send("Performance.enable")
    cdp.send("Emulation.setCPUThrottlingRate", {"rate": slower})
    opened.add_init_script(WATCH)
    opened.goto(page.as_uri(), wait_until="load")
    opened.evaluate(DRAWN)
    opened.wait_for_timeout(600)
    yield Visit(opened, cdp)
    context.close()


def openings(browser: Browser, page: Path, width: int, slower: int, times: int) -> dict[str, float]:
    """The median of each figure of some openings; times in milliseconds."""
    told: list[dict[str, float]] = []
    for _ in range(times):
        with visit(browser, page, width, slower) as one:
            told.append(one.page.evaluate(OPENED))
    return {name: statistics.median(one[name] for one in told) for name in told[0]}


def memory(browser: Browser, page: Path) -> tuple[float, float]:
    """MB of JavaScript and MB of the process that shows the page, scrolled through once and then left alone."""
    with visit(browser, page, PHONE) as one:
        one.page.evaluate(SCROLL, 2_000)
        one.cdp.send("HeapProfiler.collectGarbage")
        shown = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
        process = max(resident(each["id"]) for each in shown if each["type"] == "renderer")
        return one.metric("JSHeapUsedSize") / 1e6, process / 1e6


def resident(process: int) -> int:
    """Bytes that a process has to itself, with its share of what it shares."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def keys(browser: Browser, page: Path, words: str, slower: int) -> list[tuple[float, float]]:
    """(milliseconds in which nothing else could happen, milliseconds until all is drawn) of each key typed."""
    with visit(browser, page, PHONE, slower) as one:
        field = one.page.locator("input[type=search]").first
        field.wait_for(state="attached")
        handle = field.element_handle()
        told = [one.page.evaluate(KEY, [handle, sign]) for sign in words]
    return [(blocked, drawn) for blocked, drawn in told]


def scrolling(browser: Browser, page: Path, slower: int) -> dict[str, float]:
    """What it is like to go through the page to its end, a screen and a half a frame."""
    with visit(browser, page, PHONE, slower) as one:
        told = one.page.evaluate(SCROLL, 1_200)
    frames = told["frames"][1:]
    return {
        "frames": len(frames),
        "median": statistics.median(frames),
        "longest": max(frames),
        "slow": sum(one > 50 for one in frames),
    }


def accessibility(browser: Browser, page: Path) -> str:
    """How many violations the whole page has; each kind of them is told on the way."""
    engine, found = AXE_FILE_PATH.read_text(encoding="utf-8"), 0
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        for width in (PHONE, DESKTOP):
            with visit(browser, page, width) as one:
                one.page.emulate_media(color_scheme=scheme)
                one.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
                one.page.evaluate(engine)
                told = one.page.evaluate("rules => axe.run(document, {runOnly: rules})", list(RULES))
            for each in told["violations"]:
                print(scheme, width, each["id"], len(each["nodes"]), each["nodes"][0]["target"], file=sys.stderr)
                found += len(each["nodes"])
    return f"{found} violations"


# ---- tables

Row = tuple[str, ...]


def table(head: Row, rows: Sequence[Row]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"| --- |{' ---: |' * (len(head) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def packed(content: bytes) -> str:
    """How many bytes travel, where a server packs them."""
    told = f"{len(gzip.compress(content, 9)):,}"
    if find_spec("brotli"):
        told += f" / {len(import_module('brotli').compress(content)):,}"
    return told


def sizes(pages: dict[str, Path]) -> Iterator[str]:
    """What the day weighs, beside the same words without anything of ours."""
    rows = []
    for name, page in pages.items():
        content = page.read_bytes()
        rows.append((name, f"{len(content):,}", packed(content)))
    yield from table(("", "bytes", "gzip / brotli" if find_spec("brotli") else "gzip"), rows)


def opening(browser: Browser, pages: dict[str, Path], times: int) -> Iterator[str]:
    """How the day opens."""
    rows = []
    for name, page in pages.items():
        for width, slower in ((PHONE, 1), (PHONE, 4), (DESKTOP, 1))[: 3 if name in BARE else 1]:
            told = openings(browser, page, width, slower, times)
            shown = (f"{told[key]:.0f}" for key in ("first", "largest", "ready", "load", "idle", "blocked"))
            rows.append((name, f"{width}, {slower}x", *shown, f"{told['shift']:.3f}", f"{told['nodes']:,.0f}"))
    columns = "width, slower|first ms|largest ms|ready ms|load ms|idle ms|blocked ms|shift|elements"
    yield from table(("", *columns.split("|")), rows)


def searching(browser: Browser, pages: dict[str, Path]) -> Iterator[str]:
    """What a key costs in the search fields."""
    rows = []
    for name, page in pages.items():
        for words in WORDS:
            for slower in (1, 4):
                told = keys(browser, page, words, slower)
                blocked, drawn = ([one[place] for one in told] for place in (0, 1))
                figures = (statistics.median(blocked), max(blocked), statistics.median(drawn), max(drawn))
                rows.append((name, f"{words}, {slower}x", *(f"{one:.0f}" for one in figures)))
    yield from table(("", "typed, slower", "blocked ms", "at most", "drawn ms", "at most"), rows)


def reading(browser: Browser, pages: dict[str, Path]) -> Iterator[str]:
    """What scrolling and leaving it open costs."""
    rows = []
    for name, page in pages.items():
        script, process = memory(browser, page)
        for slower in (1, 4):
            told = scrolling(browser, page, slower)
            figures = (f"{told['median']:.0f}", f"{told['longest']:.0f}", f"{told['slow']:.0f} of {told['frames']:.0f}")
            rows.append((name, f"{slower}x", *figures, f"{script:.1f}", f"{process:.0f}"))
    yield from table(("", "slower", "frame ms", "longest", "over 50 ms", "script MB", "process MB"), rows)


def best(call: Callable[[], object], times: int = 5) -> float:
    """Milliseconds of CPU of the best of some calls."""
    found = []
    for _ in range(times):
        began = time.process_time()
        call()
        found.append(time.process_time() - began)
    return 1000 * min(found)


def rendering(day: Edition, scratch: Path) -> Iterator[str]:
    """What the day's pages take to make, format by format, and the least that any could take."""
    look = Look(folders=(built_in("templates"),))
    rows, content = [], b""
    for name in FORMATS:
        module, _, attribute = name.partition(":")
        made = getattr(import_module(module), attribute)(look)
        pages = list(made.day(day))
        if pages:
            content += b"".join(page.content for page in pages)
            took = best(lambda made=made: list(made.day(day)))  # type: ignore[misc]
            rows.append((", ".join(page.path.partition("/")[2] for page in pages), f"{took:.0f}"))
        else:
            took = best(lambda made=made: list(made.whole(Volumes.of([day]))))  # type: ignore[misc]
            rows.append((f"{module.rpartition('.')[2]}, of this one day", f"{took:.0f}"))
    kept = scratch / "written"
    rows.append(("a bare jinja template of the same fields", f"{best(lambda: plain_page(day)):.0f}"))
    rows.append(
        ("the same bytes written and read", f"{best(lambda: (kept.write_bytes(content), kept.read_bytes())):.0f}")
    )
    record = day.model_dump_json(by_alias=True)
    rows.append(("the edition read from its record", f"{best(lambda: Edition.model_validate_json(record)):.0f}"))
    yield from table(("", "CPU ms"), rows)


def report(asked: argparse.Namespace, browser: Browser, scratch: Path) -> Iterator[str]:
    """All tables, line by line as they are measured."""
    site = asked.site.resolve()
    store = Store(site)
    biggest = max(store.dates(), key=lambda day: store.path(day).stat().st_size)
    day = store.load(biggest)
    assert day is not None
    page, plain = site / str(biggest) / "index.html", scratch / "plain.html"
    plain.write_bytes(plain_page(day))
    bare = dict(zip(BARE, (page, plain), strict=True))
    others = {name: site / path for name, path in other_pages(site, biggest).items() if (site / path).exists()}
    yield f"{biggest}: {len(day.entries)} papers, {len(day.replacements)} replacements. "
    yield f"Chromium {browser.version}, Python {sys.version.split()[0]}, {os.cpu_count()} cores, "
    yield f"load {os.getloadavg()[0]:.1f} at the start.\n"
    yield "### What it weighs\n"
    yield from sizes(bare | others)
    yield "### How it opens\n"
    yield from opening(
        browser, bare | {name: page for name, page in others.items() if page.suffix == ".html"}, asked.times
    )
    yield "### Searching, key by key\n"
    searched = {"the day": page, "all days": site / "search.html"}
    yield from searching(browser, {name: page for name, page in searched.items() if has_field(page)})
    yield "### Scrolling to the end, and memory\n"
    yield from reading(browser, bare)
    if asked.axe:
        yield f"axe over the whole page, light and dark, phone and desktop: {accessibility(browser, page)}.\n"
    yield "### Rendering the day\n"
    yield from rendering(day, scratch)


def other_pages(site: Path, day: date) -> dict[str, str]:
    """Pages that a reader of the day meets next, and what is written beside it: name and path."""
    found = {"archive": "index.html", "search of all days": "search.html", "stars": "starred.html"}
    for name in ("category", "keyword"):
        pages = sorted(site.glob(f"{name}/*.html"), key=lambda path: path.stat().st_size)
        if pages:
            found[f"biggest {name}"] = pages[-1].relative_to(site).as_posix()
    beside = {
        "its part of the search": "search.js",
        "Markdown": "index.md",
        "mail": "mail.html",
        "mail as text": "mail.txt",
    }
    return found | {name: f"{day}/{file}" for name, file in beside.items()}


def has_field(page: Path) -> bool:
    return page.exists() and 'type="search"' in page.read_text(encoding="utf-8")


def between_markers(document: str, text: str) -> str:
    before, _, rest = document.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{text}\n{END}{rest.partition(END)[2]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("site", type=Path)
    parser.add_argument("--write", type=Path, help="the document whose tables are to be replaced")
    parser.add_argument("--times", type=int, default=5, help="openings of each page, of which the median counts")
    parser.add_argument("--axe", action="store_true", help="also judge the whole page with axe: minutes")
    asked = parser.parse_args()
    lines = []
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for line in report(asked, browser, Path(scratch)):
            print(line, flush=True)
            lines.append(line)
        browser.close()
    if asked.write:
        document = asked.write.read_text(encoding="utf-8")
        asked.write.write_text(between_markers(document, "\n".join(lines)), encoding="utf-8")


if __name__ == "__main__":
    main()
