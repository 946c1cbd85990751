"""The pages in a real browser: they load nothing, complain of nothing, fit a phone and need no script."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from fakes import card, edition

from digest.plaintext import one_line
from digest.render import Look
from digest.render.site import Site
from digest.resources import built_in
from digest.tex import plain
from render.browser import (
    BESIEGED,
    CHROMIUM,
    ORDINARY,
    WIDTHS,
    Visit,
    editions,
    html_pages,
    is_mail,
    judged,
    kind_of,
    kinds,
    served,
    visiting,
    write_site,
)
from render.samples import HARMLESS_TEXTS, HOSTILE_TEXTS, besieged, doubtful, ordinary

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")]

DARK = "rgb(23, 24, 26)"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every kind of page, and the pages of a site without editions in `empty`."""
    folder = write_site(tmp_path_factory.mktemp("site"), editions())
    write_site(folder / "empty", ())
    return folder


def own(page: str) -> str:
    """What a page may ask for: itself, and the days' shards where all days are searched."""
    return rf"(.*/)?{re.escape(page)}(\?.*)?|.*/\d{{4}}-\d\d-\d\d/search\.js" if page.endswith("search.html") else page


def faults(visit: Visit, root: str, page: str) -> list[str]:
    """What is wrong with a page as it is opened, in words."""
    visit.open(root + page)
    wide, screen = visit.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    foreign = [one for one in visit.sent if not re.fullmatch(own(page), unquote(one.removeprefix(root)))]
    found = [f"loads {one}" for one in foreign] + [f"says {one}" for one in visit.said]
    return [f"{page}: {one}" for one in [*found, *([f"{wide} wide"] if wide > screen else [])]]


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_loads_nothing_says_nothing_and_scrolls_one_way(browser: "Browser", site: Path, width: int) -> None:
    """From the disk, everything unfolded, also with hostile words of 10,000 characters."""
    with visiting(browser, width) as visit:
        assert [fault for page in judged(site) for fault in faults(visit, f"{site.as_uri()}/", page)] == []


def test_from_a_server_every_page_is_the_only_thing_asked_for(browser: "Browser", site: Path) -> None:
    """No icon, no font, no script, no map of one: the server is asked for the page, and for nothing after it."""
    with served(site) as (root, asked), visiting(browser) as visit:
        assert [fault for page in kinds(site) for fault in faults(visit, root, page)] == []
        assert [path for path in asked if not path.endswith("/search.js")] == [f"/{page}" for page in kinds(site)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_style_is_in_force_in_the_scheme_of_the_system(browser: "Browser", site: Path, scheme: str) -> None:
    """A policy that blocks our own style would leave a white page."""
    with visiting(browser, 375, color_scheme=scheme) as visit:
        for page in kinds(site):
            if not is_mail(page):
                visit.open(f"{site.as_uri()}/{page}")
                dark = visit.page.evaluate("getComputedStyle(document.body).backgroundColor") == DARK
                assert dark == (scheme == "dark"), page


# ---- a policy that holds even where an escape would fail


def planted(elsewhere: str) -> str:
    """Markup that a page would hold if it did not escape what strangers write."""
    return f"""
<base href="{elsewhere}base/">
<img src="{elsewhere}image"><img src=x onerror="document.title = 'taken'">
<picture><source srcset="{elsewhere}set"><img alt></picture><svg><image href="{elsewhere}svg"></image></svg>
<video src="{elsewhere}video" autoplay></video><audio src="{elsewhere}audio" autoplay></audio>
<script>document.title = "taken"</script><script src="{elsewhere}script.js"></script>
<script type="module">document.title = "taken"</script>
<link rel="stylesheet" href="{elsewhere}style.css"><link rel="prefetch" href="{elsewhere}prefetch">
<link rel="preload" as="image" href="{elsewhere}preload"><link rel="manifest" href="{elsewhere}manifest">
<iframe src="{elsewhere}frame"></iframe><iframe srcdoc="<script>parent.document.title = 'taken'</script>"></iframe>
<object data="{elsewhere}object"></object><embed src="{elsewhere}embed">
<style>@import url("{elsewhere}import"); body {{ background: url("{elsewhere}background") }}</style>
<p id="planted" style="position: fixed; background: url({elsewhere}inline)">words</p>
<form id="planted-form" action="{elsewhere}form"><button>send</button></form>
<a id="planted-link" href="javascript:document.title = 'taken'">link</a>
<details open ontoggle="document.title = 'taken'"><summary>fold</summary></details>
<input autofocus onfocus="document.title = 'taken'">
"""


#: Run from a timer, where the policy of the page counts; gives the names of what was not stopped.
ATTACKS = """elsewhere => new Promise(done => setTimeout(async () => {
    const attacks = {
        eval: () => eval("1"),
        Function: () => new Function("return 1")(),
        innerHTML: () => { document.createElement("div").innerHTML = "<b>1</b>"; },
        write: () => document.write("<b>1</b>"),
        script: () => {
            const one = document.createElement("script");
            one.textContent = "document.title = 'taken'";
            document.body.append(one);
            if (document.title !== "taken") throw Error("stopped");
        },
        fetch: () => fetch(elsewhere + "fetch", {mode: "no-cors"}),
        xhr: () => { const one = new XMLHttpRequest(); one.open("GET", elsewhere + "xhr", false); one.send(); },
        worker: () => new Worker(URL.createObjectURL(new Blob(["1"]))),
        module: () => import(elsewhere + "module.js"),
        // these fail later and say nothing: what counts is that the server hears nothing
        beacon: () => { navigator.sendBeacon(elsewhere + "beacon", "x"); throw Error("unknown"); },
        socket: () => { new WebSocket(elsewhere.replace("http", "ws") + "socket"); throw Error("unknown"); },
        events: () => { new EventSource(elsewhere + "events"); throw Error("unknown"); },
        image: () => { new Image().src = elsewhere + "made"; throw Error("unknown"); },
    };
    const open = [];
    for (const [name, attack] of Object.entries(attacks)) {
        try { await attack(); open.push(name); } catch { /* stopped, as it should be */ }
    }
    setTimeout(() => done(open), 100);
}))"""


def broken_into(visit: Visit, address: str, elsewhere: str) -> list[str]:
    """What the attacks came to on a page that holds them: nothing, it is hoped."""
    page = visit.page
    visit.open(address)
    title = page.evaluate("document.title")
    page.evaluate("document.getElementById('planted-form').requestSubmit()")
    page.evaluate("document.getElementById('planted-link').click()")
    found = list(page.evaluate(ATTACKS, elsewhere))
    found += ["form: left the page"] if page.url != address else []
    found += ["base: addresses lead elsewhere"] if page.evaluate("document.baseURI") != address else []
    found += ["script"] if page.evaluate("document.title") != title or title == "taken" else []
    styled = page.evaluate("getComputedStyle(document.getElementById('planted')).position") != "static"
    return found + (["style"] if styled else [])


@pytest.mark.parametrize("way", ["disk", "server"])
def test_a_page_that_holds_hostile_markup_lets_nothing_in_and_nothing_out(
    browser: "Browser", site: Path, tmp_path: Path, way: str
) -> None:
    """Each kind of page with markup planted into it: no script runs, no style holds, no server hears of the reader."""
    with served(tmp_path) as (elsewhere, heard), served(site) as (root, _), visiting(browser) as visit:
        for page in kinds(site):
            copy = (site / page).with_suffix(".htm")
            text = (site / page).read_text(encoding="utf-8")
            assert text.count("<body") == 1
            copy.write_text(re.sub("<body[^>]*>", lambda at: at[0] + planted(elsewhere), text), encoding="utf-8")
            address = (root if way == "server" else f"{site.as_uri()}/") + copy.relative_to(site).as_posix()

            taken = broken_into(visit, address, elsewhere)

            assert (page, taken, heard) == (page, ["style"] if is_mail(page) else [], [])


# ---- without a script


def test_without_scripts_every_word_can_be_read(browser: "Browser", site: Path) -> None:
    """All fields of all cards are seen, the folded ones after a click on what folds them."""
    with visiting(browser, 375, java_script_enabled=False) as visit:
        visit.page.goto(f"{site.as_uri()}/{ORDINARY}/index.html")
        folds = visit.page.locator("main details:not([open]) > summary:visible")
        while folds.count():
            folds.first.click()
        fields = visit.page.locator("article [data-field]").all()

        assert len(fields) > 20
        assert [one.get_attribute("data-field") for one in fields if not one.is_visible()] == []
        assert [one.get_attribute("id") for one in visit.page.locator("article").all() if not one.is_visible()] == []


def test_without_scripts_no_control_is_dead(browser: "Browser", site: Path) -> None:
    """Only links and folds are shown: a button, a field or a choice would do nothing."""
    with visiting(browser, 1280, java_script_enabled=False) as visit:
        dead = []
        for page in kinds(site):
            visit.page.goto(f"{site.as_uri()}/{page}")
            shown = visit.page.locator(
                "button:visible, input:visible, select:visible, textarea:visible, dialog:visible"
            )
            dead += [f"{page}: {one.evaluate('one => one.outerHTML')[:100]}" for one in shown.all()]

        assert dead == []


@pytest.mark.parametrize("width", [375, 1280])
def test_without_scripts_the_contents_lead_to_their_sections(browser: "Browser", site: Path, width: int) -> None:
    """Every line of the table of contents brings its heading into sight."""
    with visiting(browser, width, java_script_enabled=False) as visit:
        address = f"{site.as_uri()}/{ORDINARY}/index.html"
        visit.page.goto(address)
        for fold in visit.page.locator("header details > summary:visible, nav details > summary:visible").all():
            fold.click()
        links = visit.page.locator("#contents a[href^='#'], nav.contents a[href^='#']")
        names = [str(one.get_attribute("href")).removeprefix("#") for one in links.all()]
        assert len(names) >= 4
        for name in names:
            visit.page.goto(f"{address}#{name}")
            top = visit.page.locator(f"[id='{name}']").bounding_box()
            assert top is not None, name
            assert -1 <= top["y"] < 800, name


def test_a_page_keeps_no_frame_in_which_it_looks_unstyled_or_jumps(browser: "Browser", site: Path) -> None:
    """Nothing moves by itself while a page is opened with scripts: what is shown first stays where it is."""
    shifts = """new Promise(done => {
        let sum = 0;
        new PerformanceObserver(list => { for (const one of list.getEntries()) sum += one.value; })
            .observe({type: "layout-shift", buffered: true});
        setTimeout(() => done(sum), 300);
    })"""
    with visiting(browser, 375) as visit:
        moved = {}
        for page in kinds(site):
            visit.page.goto(f"{site.as_uri()}/{page}")
            moved[page] = visit.page.evaluate(shifts)

        assert {page: by for page, by in moved.items() if by > 0.1} == {}


# ---- hostile text


#: By the element and its attributes, what a page is made of; formulas are a language of their own.
MADE_OF = """() => {
    const found = new Set();
    const walk = root => {
        for (const one of root.querySelectorAll("*")) {
            if (one.closest("math")) continue;
            for (const name of one.getAttributeNames()) found.add(`${one.localName} ${name}`);
            found.add(one.localName);
            if (one instanceof HTMLTemplateElement) walk(one.content);
        }
    };
    walk(document);
    return [...found];
}"""


def test_hostile_text_stands_as_text_on_the_day_page(browser: "Browser", site: Path) -> None:
    """Letter by letter in title, authors, fields and headings; only marks of the writing direction are left out."""
    with visiting(browser) as visit:
        visit.open(f"{site.as_uri()}/{BESIEGED}/index.html")
        read: Any = visit.page.evaluate(
            """() => [...document.querySelectorAll("article[data-state]")].map(one => ({
                id: one.id, text: one.textContent, title: one.querySelector("h3 a").textContent,
                fields: [...one.querySelectorAll("[data-field]")].map(field => field.textContent),
            }))"""
        )

        lost = []
        for number, text in enumerate(HOSTILE_TEXTS):
            one = next(found for found in read if found["id"] == f"2603.1{number:04d}")
            kept = plain(one_line(text)).replace(" --- ", " — ")  # as TeX sets it
            if "$" in text:
                continue  # a formula, or read as one
            lost += [f"{number} title: {one['title'][:80]!r}"] if one_line(one["title"]) != kept else []
            lost += [f"{number}: {field[:80]!r}" for field in one["fields"] if one_line(field) != kept]
            lost += [f"{number}: comment or authors"] if one_line(one["text"]).count(kept) < 7 else []
        assert lost == []
        assert visit.said == []


def test_hostile_text_adds_no_element_and_no_attribute(browser: "Browser", site: Path, tmp_path: Path) -> None:
    """Every page of hostile words is made of the same elements, with the same attributes, as one of harmless words."""
    harmless = write_site(tmp_path, (ordinary(), besieged(BESIEGED, HARMLESS_TEXTS)))
    usual: dict[str, set[str]] = {}
    with visiting(browser) as visit:
        for page in html_pages(harmless):
            if "/harmless-words" not in page:
                visit.open(f"{harmless.as_uri()}/{page}")
                usual.setdefault(kind_of(page), set()).update(visit.page.evaluate(MADE_OF))
        strange = {}
        for page in judged(site):
            if page.startswith((str(BESIEGED), "category", "keyword")) or page == "index.html":
                visit.open(f"{site.as_uri()}/{page}")
                strange[page] = set(visit.page.evaluate(MADE_OF)) - usual[kind_of(page)]

    assert {page: extra for page, extra in strange.items() if extra} == {}


def test_no_link_of_a_page_runs_or_holds_a_document(browser: "Browser", site: Path) -> None:
    """Links lead to pages; the only address that holds what it shows is that of the picture in the window's bar."""
    with visiting(browser) as visit:
        found: set[str] = set()
        for page in {*kinds(site), f"{BESIEGED}/index.html", f"{BESIEGED}/mail.html"} & {*html_pages(site)}:
            visit.open(f"{site.as_uri()}/{page}")
            found |= set(visit.page.evaluate("[...document.querySelectorAll('[href]')].map(one => one.href)"))

    assert {one.partition(":")[0] for one in found} <= {"https", "http", "file", "data", "mailto"}
    assert {one.partition(",")[0] for one in found if one.startswith("data:")} <= {"data:image/svg+xml", "data:"}


# ---- doubts


@pytest.mark.parametrize("width", [320, 375, 1280])
def test_the_reason_of_a_doubt_shows_on_focus_and_on_hover_within_the_screen(
    browser: "Browser", tmp_path: Path, width: int
) -> None:
    """Without a script, wherever the words stand; nothing shows before, and nothing scrolls sideways."""
    far = card(result="提升" + "很" * 60 + "4.1%，" + "也" * 9 + "4.1%。")
    made = Site(Look(folders=(built_in("templates"),)))
    (tmp_path / "doubtful.html").write_bytes(next(made.day(edition(doubtful(card=far)))).content)
    look = """one => {
        const style = getComputedStyle(one, "::before"), field = one.parentElement.getBoundingClientRect();
        const right = field.left + parseFloat(style.left) + parseFloat(style.width);
        return [style.content.includes("没有这个数"), right]
    }"""
    with visiting(browser, width) as visit:
        page = visit.page
        page.goto((tmp_path / "doubtful.html").as_uri())
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
