"""The look the program comes with, a browser, and golden pages: plain files that `--update-golden` writes again."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from digest.models import Page
from digest.render import Look
from digest.resources import built_in
from render.browser import CHROMIUM

if TYPE_CHECKING:
    from playwright.sync_api import Browser

GOLDEN = Path(__file__).resolve().parent.parent / "golden"

Golden = Callable[[str, Page], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write tests/golden/ again (or set UPDATE_GOLDEN=1)")


@pytest.fixture
def look() -> Look:
    return Look(folders=(built_in("templates"),), limits={"Gated Attention": 2})


@pytest.fixture(scope="module")  # not longer: while it is open, no test can run an event loop of its own
def browser() -> Iterator["Browser"]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    update = request.config.getoption("--update-golden", default=False) or os.environ.get("UPDATE_GOLDEN")

    def compare(name: str, page: Page) -> None:
        kept = GOLDEN / name
        if update:
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(page.content)
        assert page.content.decode() == kept.read_text(encoding="utf-8"), (
            f"{name} differs: --update-golden if it is meant"
        )

    return compare
