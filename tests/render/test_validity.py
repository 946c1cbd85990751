"""The pages before judges that are not ours: an accessibility engine, the checker of the HTML standard, parsers."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from lxml import etree, html

from digest.render import Look, Volumes, open_formats
from render.browser import (
    BESIEGED,
    CHROMIUM,
    FORMULAS,
    HOSTILE_DAY,
    ORDINARY,
    QUIET,
    TABLES,
    Visit,
    editions,
    judged,
    kinds,
    visiting,
    write_site,
)
from render.rendered import tokens
from render.samples import HARMLESS_TEXTS, HOSTILE_TEXTS, besieged

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[2]
#: Put there by .ci/run: npm install --prefix .venv/node vnu-jar
CHECKER = Path(sys.prefix) / "node/node_modules/vnu-jar/build/dist/vnu.jar"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every kind of page, and the pages of a site without editions in `empty`."""
    folder = write_site(tmp_path_factory.mktemp("site"), editions())
    write_site(folder / "empty", ())
    return folder


# ---- accessibility


RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")

RUN_AXE = """async rules => {
    const told = await axe.run(document, {runOnly: rules, resultTypes: ["violations"]});
    const why = node => node.any.map(one => one.message).join("; ");
    return told.violations.flatMap(one => one.nodes.map(node => `${one.id}: ${node.target.join(" ")} ${why(node)}`));
}"""


def violations(visit: Visit, folded: bool) -> list[str]:
    """What the engine finds on a page as it is, with the toolbar's panel open, and in the mode of both languages."""
    page = visit.page
    found = list(page.evaluate(RUN_AXE, RULES))
    if page.locator("#toolbar #more:visible").count():
        page.locator("#more").click()
        found += page.evaluate(RUN_AXE, RULES)
        page.keyboard.press("Escape")
    if not folded:
        page.evaluate("document.documentElement.dataset.mode = 'both'")
        found += page.evaluate(RUN_AXE, RULES)
    return sorted(set(found))


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
@pytest.mark.parametrize(("width", "scheme"), [(375, "dark"), (1280, "light")])
def test_an_accessibility_engine_finds_no_violation(browser: "Browser", site: Path, width: int, scheme: str) -> None:
    """Of WCAG 2.2 AA and of good practice: each kind of page, hostile days and formulas too, everything unfolded."""
    engine = pytest.importorskip("axe_playwright_python.base").AXE_FILE_PATH.read_text(encoding="utf-8")
    days = [f"{day}/index.html" for day in (HOSTILE_DAY, FORMULAS, QUIET)]
    found = {}
    with visiting(browser, width, color_scheme=scheme, reduced_motion="reduce") as visit:
        for page in [*kinds(site), *days]:
            visit.open(f"{site.as_uri()}/{page}")
            visit.page.evaluate(engine)
            found[page] = violations(visit, folded=page != f"{ORDINARY}/index.html")

    assert {page: told for page, told in found.items() if told} == {}


# ---- HTML


#: What the checker does not know yet, or what is meant, each with its reason.
KNOWN = (
    (
        "Inline script violates Content Security Policy",
        "it counts no hashes; the browser tests show that the policy holds",
    ),
    ("Inline style violates Content Security Policy", "as above"),
    ("“vector-effect”", "SVG 2, in every browser; not in its list of properties"),
    ("“position-area”", "CSS Anchor Positioning, newer than its list of properties"),
    ("“anchor-name”", "as above"),
    ("“position-anchor”", "as above"),
    ("“position-try”", "as above"),
    ("“supported-color-schemes”", "of Apple Mail; in mail.html only"),
    ("'highlight(found)", "::highlight(), CSS Custom Highlight API, newer than its grammar"),
    ("not in Unicode Normalization Form C", "strangers' words stand as they wrote them"),
    ("This document appears to be written in", "a guess from a few strangers' words"),
)


def complaints(pages: list[Path]) -> list[str]:
    """What the Nu Html Checker says of the pages, warnings too, with the place and without what we know."""
    command = ["java", "-jar", str(CHECKER), "--stdout", "--format", "json", "--exit-zero-always", *map(str, pages)]
    told: Any = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    lines = [
        f"{'/'.join(one['url'].split('/')[-2:])}:{one.get('lastLine')}: {one['message']} {one.get('extract', '')!r}"
        for one in told["messages"]
    ]
    return [line for line in lines if not any(known in line for known, _ in KNOWN)]


@pytest.mark.skipif(not CHECKER.exists() or not shutil.which("java"), reason="no Nu Html Checker here, see .ci/run")
def test_the_checker_of_the_html_standard_says_nothing(site: Path) -> None:
    """Neither an error nor a warning, for any kind of page."""
    assert complaints([site / page for page in judged(site)]) == []


# ---- hostile text in what is no page


def made_of(text: str) -> set[str]:
    """Elements and attributes of Markdown's HTML and of the Markdown itself, as a parser that is not ours sees them."""
    found: set[str] = set()
    for token in tokens(text):
        for one in [token, *(token.children or [])]:
            found.add(one.type)
            if one.type in {"html_inline", "html_block"}:
                found |= elements(one.content)
    return found


def elements(markup: str) -> set[str]:
    """`tag` and `tag attribute` of everything in a piece of HTML."""
    whole = html.fragment_fromstring(markup, create_parent=True)
    nodes = [one for one in whole.iter() if isinstance(one.tag, str)]
    return {f"{one.tag} {name}".strip() for one in nodes for name in ("", *one.keys())}


def in_all_formats(look: Look, texts: tuple[str, ...]) -> dict[str, str]:
    """Every page that is no HTML, of a day of these texts."""
    day = besieged(BESIEGED, texts)
    formats = open_formats(look)
    pages = [page for one in formats for page in (*one.day(day), *one.whole(Volumes.of([day], TABLES_OF[texts])))]
    return {page.path: page.content.decode() for page in pages if not page.path.endswith(".html")}


TABLES_OF = {HOSTILE_TEXTS: TABLES, HARMLESS_TEXTS: TABLES.model_copy(update={"tables": TABLES.tables[:0]})}


def test_hostile_text_adds_nothing_to_markdown(look: Look) -> None:
    """Neither a link to where it leads nor an element: hostile and harmless words make the same kinds of things."""
    hostile, harmless = in_all_formats(look, HOSTILE_TEXTS), in_all_formats(look, HARMLESS_TEXTS)
    usual = set().union(*(made_of(text) for path, text in harmless.items() if path.endswith(".md")))
    usual |= {"html_inline", "softbreak", "text_special"}

    strange = {path: made_of(text) - usual for path, text in hostile.items() if path.endswith(".md")}

    assert {path: extra for path, extra in strange.items() if extra} == {}


def test_hostile_text_leaves_every_feed_whole(look: Look) -> None:
    """A strict parser takes each feed, and what it carries as HTML has no element that harmless words have not."""

    def carried(text: str) -> set[str]:
        root = etree.fromstring(text.encode(), etree.XMLParser(resolve_entities=False, huge_tree=True))
        return set().union(*(elements(one.text) for one in root.iter() if one.get("type") == "html" and one.text))

    hostile, harmless = in_all_formats(look, HOSTILE_TEXTS), in_all_formats(look, HARMLESS_TEXTS)
    usual = set().union(*(carried(text) for path, text in harmless.items() if path.endswith(".xml")))
    strange = {path: carried(text) - usual for path, text in hostile.items() if path.endswith(".xml")}

    assert {path: extra for path, extra in strange.items() if extra} == {}


# ---- the same bytes


RENDER = "import sys; from digest.cli import main; main(['render', '--output', sys.argv[1]])"


def rendered(folder: Path, site: Path, **environment: str) -> dict[str, bytes]:
    """Every page of a copy of the editions of `site`, made by a process in another place and time."""
    shutil.copytree(site / "editions", folder / "editions", ignore=shutil.ignore_patterns(".*"))
    known = {name: value for name, value in os.environ.items() if not name.startswith(("DIGEST_", "LC_", "LANG", "TZ"))}
    subprocess.run(
        [sys.executable, "-c", RENDER, str(folder)],
        env=known | environment | {"PYTHONPATH": str(ROOT)},
        cwd=folder,
        check=True,
        capture_output=True,
    )
    files = (path for path in folder.rglob("*") if path.is_file() and "editions" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_the_same_editions_give_the_same_bytes_in_another_place_and_time(site: Path, tmp_path: Path) -> None:
    """No order of a set, no clock, no time zone, no locale and no name of a folder is in any page."""
    one = rendered(tmp_path / "one", site, PYTHONHASHSEED="1", TZ="Asia/Shanghai", LC_ALL="C.UTF-8")
    other = rendered(tmp_path / "other folder", site, PYTHONHASHSEED="2", TZ="America/Los_Angeles", LC_ALL="C")

    assert len(one) > 12
    assert {path: len(content) for path, content in one.items() if other.get(path) != content} == {}
    assert one.keys() == other.keys()
