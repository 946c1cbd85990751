"""The pages in a real browser: they load nothing, complain of nothing and fit a phone."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fakes import card, edition

from digest.render import Look, Volumes
from digest.render.site import Site
from digest.resources import built_in
from render.samples import doubtful, earlier, hostile, ordinary

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")]


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an ordinary day, a hostile one and the archive."""
    folder = tmp_path_factory.mktemp("site")
    made = Site(Look(folders=(built_in("templates"),)))
    (folder / "ordinary.html").write_bytes(next(made.day(ordinary())).content)
    (folder / "hostile.html").write_bytes(next(made.day(hostile())).content)
    (folder / "archive.html").write_bytes(next(made.whole(Volumes.of([ordinary(), earlier()]))).content)
    far = card(result="提升" + "很" * 60 + "4.1%，" + "也" * 9 + "4.1%。")
    (folder / "doubtful.html").write_bytes(next(made.day(edition(doubtful(card=far)))).content)
    return folder


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["ordinary", "hostile", "archive"])
def test_a_page_loads_nothing_complains_of_nothing_and_fits_a_phone(
    browser: "Browser", site: Path, name: str, scheme: str
) -> None:
    """At 375 pixels nothing scrolls sideways; the only request is the page itself; the style is in force."""
    context = browser.new_context(viewport={"width": 375, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    requests: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    address = (site / f"{name}.html").as_uri()

    page.goto(address)
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")

    assert [one for one in requests if not one.startswith("data:")] == [address]
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(23, 24, 26)"
    assert dark == (scheme == "dark")
    context.close()


@pytest.mark.parametrize("width", [320, 375, 1280])
def test_the_reason_of_a_doubt_shows_on_focus_and_on_hover_within_the_screen(
    browser: "Browser", site: Path, width: int
) -> None:
    """Without a script, wherever the words stand; nothing shows before, and nothing scrolls sideways."""
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    page.goto((site / "doubtful.html").as_uri())
    look = """one => {
        const style = getComputedStyle(one, "::before"), field = one.parentElement.getBoundingClientRect();
        const right = field.left + parseFloat(style.left) + parseFloat(style.width);
        return [style.content.includes("没有这个数"), right]
    }"""
    marks = page.locator("[data-field=result] mark")

    assert marks.count() == 2
    for mark in marks.all():
        assert mark.evaluate(look)[0] is False
        mark.focus()
        shown, right = mark.evaluate(look)
        assert shown
        assert 0 < right <= width
        page.evaluate("document.activeElement.blur()")
        mark.hover()
        assert mark.evaluate(look)[0] is True
        page.mouse.move(0, 0)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    context.close()
