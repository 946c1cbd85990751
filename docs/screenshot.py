"""Takes docs/screenshot.png and docs/dark.png: the sample day with its recorded cards, by the program itself.

python docs/screenshot.py needs playwright and a Chromium, no network and no key, and leaves nothing else behind.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from click.testing import CliRunner
from playwright.sync_api import sync_playwright

from digest.cli import main

ROOT = Path(__file__).resolve().parents[1]
DAY = "2026-01-04"
PAPER = "#0000.00002"  #: with formulas
CATEGORIES = ("--category", "cs.CV", "--category", "cs.CL", "--category", "cs.AI", "--category", "cs.LG")


def recorded_day() -> Iterator[str]:
    """Yield the sample day's lines, each with the card that is recorded for it."""
    cards = {card["arxiv_id"]: card for card in read(ROOT / "tests/data/sample_cards.jsonl")}
    for paper in read(ROOT / "digest/sample.jsonl"):
        yield json.dumps(paper | cards.get(paper["arxiv_id"], {}), ensure_ascii=False)


def read(path: Path) -> Iterator[dict[str, object]]:
    return map(json.loads, path.read_text(encoding="utf-8").splitlines())


def made_page(folder: Path) -> Path:
    """The day's page, made in `folder` by a run that asks no model and knows none of the user's settings."""
    (folder / "day.jsonl").write_text("\n".join(recorded_day()), encoding="utf-8")
    settings = {name: None for name in os.environ if name.startswith(("DIGEST_", "OPENAI_"))}
    with chdir(folder):
        command = ["run", "--papers", "day.jsonl", "--date", DAY, "--engine", "echo", "--strict", *CATEGORIES]
        result = CliRunner().invoke(main, command, env=settings, catch_exceptions=False)
    if result.exit_code:
        raise SystemExit(result.output)
    return folder / f"site/{DAY}/index.html"


def taken(page: Path, scheme: Literal["light", "dark"], mode: str, paper: str = "") -> bytes:
    """What a reader sees of `page` in a reading mode, first or at one paper, as PNG."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        window = browser.new_page(
            viewport={"width": 1280, "height": 1020}, device_scale_factor=1.5, color_scheme=scheme, locale="zh-CN"
        )
        window.goto(f"{page.as_uri()}{paper}")
        window.evaluate("mode => document.querySelector(`[data-set-mode=${mode}]`).click()", mode)
        window.wait_for_timeout(500)
        picture = window.screenshot(animations="disabled")
        browser.close()
        return picture


if __name__ == "__main__":
    with TemporaryDirectory() as temporary:
        page = made_page(Path(temporary))
        (ROOT / "docs/screenshot.png").write_bytes(taken(page, "light", "zh"))
        (ROOT / "docs/dark.png").write_bytes(taken(page, "dark", "both", PAPER))
