"""How the search over all days feels on a phone: a headless Chromium with a slow processor and a slow network.

Serves the folder of a site itself, compressed as web hosts do, and reaches nothing beyond this machine.

    python benchmarks/run_search.py SITE 扩散模型 "vision language"
"""

import argparse
import gzip
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

WORDS = ("扩散模型", "benchmark")
KINDS = {".html": "text/html", ".js": "text/javascript"}
#: Notes when the first hit stands on the page, the tasks that kept it from reacting, and how long keys waited.
WATCH = """
(() => {
  const seen = globalThis.seen = { began: 0, first: 0, rested: 0, tasks: [], keys: [] };
  const watch = (type, take) => {
    const each = (list) => { for (const one of list.getEntries()) take(one); };
    new PerformanceObserver(each).observe({ type, durationThreshold: 16 });
  };
  watch("longtask", (one) => { seen.tasks.push(one.duration); });
  watch("event", (one) => { if (/^key|^input/.test(one.name)) seen.keys.push(one.duration); });
  let going = false;
  const look = () => {
    const bar = document.querySelector("#bar");
    if (going && bar.hidden) seen.rested = performance.now();
    going = Boolean(bar) && !bar.hidden;
    if (!seen.first && seen.began && document.querySelector("#hits li")) seen.first = performance.now();
    requestAnimationFrame(look);
  };
  document.addEventListener("DOMContentLoaded", look);
})();
"""


def _handler(folder: Path, sent: list[int]) -> type[BaseHTTPRequestHandler]:
    @lru_cache(maxsize=2000)
    def body(path: Path) -> bytes:
        return gzip.compress(path.read_bytes(), 6)

    class Compressed(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = (folder / unquote(urlsplit(self.path).path).lstrip("/")).resolve()
            if not path.is_relative_to(folder) or not path.is_file():
                self.send_error(404)
                return
            content = body(path)
            sent.append(len(content))
            self.send_response(200)
            self.send_header("Content-Type", f"{KINDS.get(path.suffix, 'text/plain')}; charset=utf-8")
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "max-age=600")  # as GitHub Pages
            self.end_headers()
            with suppress(ConnectionError):  # the page is gone
                self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    return Compressed


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[int]]]:
    """The address of a server of `folder`, and the growing list of the sizes that it sent."""
    sent: list[int] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(folder.resolve(), sent)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", sent
        server.shutdown()


def rested(page: Any) -> float:
    """When the search came to rest, in ms of the page's clock; what plays in the page itself is asked, not injected."""
    while page.evaluate("document.querySelector('#told').hidden || !document.querySelector('#bar').hidden"):
        time.sleep(0.1)
    return float(page.evaluate("seen.rested"))


def work(link: Any) -> float:
    """What the page's thread has used of the processor so far, seconds; on a busy machine as on a quiet one."""
    metrics = link.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


def measured(page: Any, link: Any, word: str, sent: list[int]) -> dict[str, float]:
    """One word typed as a reader does, and searched to the oldest day."""
    before, worked = len(sent), work(link)
    page.evaluate("seen.began = 0; seen.first = 0; seen.rested = 0; seen.tasks = []; seen.keys = []")
    page.locator("#q").fill("")
    page.wait_for_timeout(500)
    page.evaluate("seen.began = performance.now()")
    if word.isascii():
        page.locator("#q").press_sequentially(word, delay=90)
    else:
        page.keyboard.insert_text(word)
    typed = page.evaluate("performance.now()")
    paused = rested(page)
    looked = page.evaluate("document.querySelector('#bar').value")
    if page.locator("#on").is_visible():
        page.locator("#on").click()
    ended = rested(page)
    seen = page.evaluate("seen")
    link.send("HeapProfiler.collectGarbage")
    heap = page.evaluate("performance.memory.usedJSHeapSize")
    return {
        "first hit, s": (seen["first"] - typed) / 1000 if seen["first"] else float("nan"),
        "to its pause, s": (paused - typed) / 1000,
        "days at the pause": looked,
        "to the oldest day, s": (ended - typed) / 1000,
        "processor, s": work(link) - worked,
        "longest task, ms": max(seen["tasks"], default=0),
        "tasks over 50 ms": len(seen["tasks"]),
        "slowest key, ms": max(seen["keys"], default=0),
        "heap, MB": heap / 1e6,
        "loaded, MB": sum(sent[before:]) / 1e6,
        "requests": len(sent) - before,
    }


def slowed(context: Any, page: Any, options: argparse.Namespace) -> Any:
    """The debugger's link to a page, with its processor and network slowed."""
    link = context.new_cdp_session(page)
    link.send("Network.enable")
    link.send("Performance.enable", {"timeDomain": "threadTicks"})
    rate = options.megabit * 1e6 / 8
    conditions = {"offline": False, "latency": options.latency, "downloadThroughput": rate, "uploadThroughput": rate}
    link.send("Network.emulateNetworkConditions", conditions)
    link.send("Emulation.setCPUThrottlingRate", {"rate": options.slower})
    return link


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("site", type=Path)
    parser.add_argument("words", nargs="*", default=WORDS)
    parser.add_argument("--slower", type=float, default=4, help="times the processor is slowed")
    parser.add_argument("--megabit", type=float, default=10, help="a second, of the network")
    parser.add_argument("--latency", type=float, default=60, help="ms, of the network")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--enable-precise-memory-info"]
    with served(options.site) as (root, sent), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        for word in options.words:
            context = browser.new_context(viewport={"width": 375, "height": 800})
            page = context.new_page()
            page.add_init_script(WATCH)
            link = slowed(context, page, options)
            page.goto(f"{root}search.html")
            page.locator("#q").focus()
            for turn in ("first", "again"):
                print(f"\n{word}, {turn}")
                for name, value in measured(page, link, word, sent).items():
                    print(f"  {name:22} {value:10,.2f}")
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
