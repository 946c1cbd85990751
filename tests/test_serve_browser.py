"""Served pages in a real browser: a card is generated again from its page, and the page comes again by itself."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import fakes
import pytest
from fakes import FakeEngine, card, completion, edition, entry, reply
from loopback import compile_once
from render.browser import CHROMIUM, Visit, visiting
from serving import Running, running

from digest import publishing
from digest.config import Config
from digest.errors import EngineError
from digest.settings import EngineSettings
from digest.store import Store

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")]

PAPERS = [f"2603.000{number:02}" for number in range(1, 13)]
ONE = PAPERS[7]
PANEL = f"[id='{ONE}'] .renew"


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    engine = FakeEngine(lambda request: completion(reply(tldr="这一句是全新的摘要。")))
    monkeypatch.setattr(fakes, "opened", lambda **options: engine)
    return engine


@pytest.fixture
def config(model: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    compile_once(monkeypatch)
    monkeypatch.setattr("digest.render.FORMATS", ("digest.render.site:Site",))
    settings = EngineSettings(name="fakes:opened", model="fake-1")
    config = Config(output=tmp_path / "site", cache=tmp_path / "cache", home=tmp_path, engine=settings)
    papers = [entry(one, card=None if one == PAPERS[8] else card(tldr="原来的摘要在这里。")) for one in PAPERS]
    Store(config.output).save(edition(*papers))
    publishing.render(config)
    return config


@pytest.fixture
def site(config: Config) -> Iterator[Running]:
    with running(config) as found:
        yield found


def until(visit: Visit, holds: Callable[[], object]) -> None:
    """Wait until something holds, also while the page is loaded again."""
    from playwright.sync_api import Error

    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            if holds():
                return
        except Error:  # between two pages
            pass
        visit.page.wait_for_timeout(50)
    assert holds()


def state(visit: Visit) -> list[float | bool]:
    """Where the card is on the screen, whether its abstract and that of the paper before it are open."""
    found: list[float | bool] = visit.page.evaluate(
        """([one, before]) => {
            const fold = (id) => document.getElementById(id).querySelector("details.abstract").open;
            return [document.getElementById(one).getBoundingClientRect().top, fold(one), fold(before)];
        }""",
        [ONE, PAPERS[6]],
    )
    return found


def test_a_card_is_generated_again_from_its_page_and_comes_back(browser: "Browser", site: Running) -> None:
    """By keyboard; the page comes again with the new card, the same place and folds, and says what it was."""
    with visiting(browser) as visit:
        page = visit.page
        page.goto(f"{site.address}2026-03-17/")
        said = page.locator(f"[id='{ONE}'] [data-field=tldr]")
        page.locator(f"[id='{PAPERS[6]}'] details.abstract summary").click()
        page.locator(f"[id='{ONE}'] [data-act=regenerate]").focus()
        page.keyboard.press("Enter")
        page.keyboard.type("更短")
        before = state(visit)
        page.keyboard.press("Enter")
        until(visit, lambda: said.inner_text() == "这一句是全新的摘要。")
        until(visit, lambda: "新卡片已经换上。" in page.locator(f"{PANEL} [role=status]").inner_text())

        until(visit, lambda: abs(state(visit)[0] - before[0]) < 3)
        assert before[1:] == state(visit)[1:] == [False, True]
        assert page.evaluate("document.activeElement.name") == "hint"

        page.locator(f"{PANEL} [data-renew=undo]").click()
        until(visit, lambda: said.inner_text() == "原来的摘要在这里。")
        until(visit, lambda: "已换回原来的卡片。" in page.locator(f"{PANEL} [role=status]").inner_text())
        until(visit, lambda: page.locator(f"[id='{ONE}'] [data-act=regenerate][aria-expanded=true]").count())
        page.keyboard.press("Escape")
        assert not page.locator(PANEL).is_visible()
        assert page.evaluate("document.activeElement.dataset.act") == "regenerate"
        assert [one for one in visit.said if "TrustedScript" not in one] == []  # of the test's own look at the page


def test_what_fails_is_said_with_its_mend(browser: "Browser", site: Running, model: FakeEngine) -> None:
    """In the panel of its card, of a paper without a card too; and nothing of it is printed."""
    model.answer = lambda request: EngineError("fake: no connection", hint="check the network")
    bare = PAPERS[8]
    with visiting(browser, 375, has_touch=True) as visit:
        page = visit.page
        page.goto(f"{site.address}2026-03-17/")
        button = page.locator(f"[id='{bare}'] [data-act=regenerate]")
        box = button.bounding_box()
        assert box
        assert min(box["width"], box["height"]) >= 44
        button.click()
        page.locator(f"[id='{bare}'] .renew [type=submit]").click()
        told = page.locator(f"[id='{bare}'] .renew [role=status]")
        until(visit, lambda: "没有成功。" in told.inner_text())

        assert "fake: no connection" in told.inner_text()
        page.emulate_media(media="print")
        assert not page.locator(".renew:visible, [data-act=regenerate]:visible").count()


def test_a_run_beside_it_brings_the_page_again(browser: "Browser", site: Running, config: Config) -> None:
    """And what the reader was about to write is still there."""
    with visiting(browser) as visit:
        page = visit.page
        page.goto(f"{site.address}2026-03-17/")
        page.locator(f"[id='{ONE}'] [data-act=regenerate]").click()
        page.keyboard.type("半句")
        papers = [entry(one, card=card(tldr="夜里的摘要。")) for one in PAPERS]
        Store(config.output).save(edition(*papers))
        publishing.render(config)

        until(visit, lambda: page.locator(f"[id='{ONE}'] [data-field=tldr]").inner_text() == "夜里的摘要。")
        until(visit, lambda: page.locator(f"{PANEL} input").input_value() == "半句")


@pytest.mark.parametrize(("width", "scheme"), [(375, "dark"), (1280, "light")])
def test_an_accessibility_engine_finds_no_violation(
    browser: "Browser", site: Running, model: FakeEngine, width: int, scheme: str
) -> None:
    """On a served page with an open panel, before and after an error, and on the page for nothing."""
    from render.test_validity import RULES, RUN_AXE

    engine = pytest.importorskip("axe_playwright_python.base").AXE_FILE_PATH.read_text(encoding="utf-8")
    model.answer = lambda request: EngineError("fake: no connection")
    found = []
    with visiting(browser, width, color_scheme=scheme, reduced_motion="reduce") as visit:
        page = visit.page
        page.goto(f"{site.address}2026-03-17/")
        page.evaluate(engine)
        page.locator(f"[id='{PAPERS[0]}'] [data-act=regenerate]").click()
        page.evaluate("scrollTo(0, 0)")  # nothing lies half behind the toolbar
        found += page.evaluate(RUN_AXE, RULES)
        page.locator(".renew [type=submit]").click()
        until(visit, lambda: "fake: no connection" in page.locator(".renew").inner_text())
        page.evaluate("scrollTo(0, 0)")
        found += page.evaluate(RUN_AXE, RULES)
        page.goto(f"{site.address}nothing")
        page.evaluate(engine)
        found += page.evaluate(RUN_AXE, RULES)

    assert found == []
