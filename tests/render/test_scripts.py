"""What the scripts do, in a real browser: search, filters, keys, stars and their export; nothing is sent anywhere."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fakes import card, edition, entry

from digest.models import Edition, Section
from digest.render import Look, Volumes
from digest.render.site import Site
from digest.render.starred import Starred
from digest.resources import built_in
from render.samples import doubtful, hostile, replacement

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SCRIPTS = built_in("templates") / "site" / "script"
DAY = "2026-03-17/index.html"
TEX = r"$\alpha$-Nets & 50\% of the Caf\'e_s"  # a title in TeX that is half TeX
DIRTY = '"Quoted" {brace}\u202e 100% of a_b, \\input{/etc/passwd} #1\r\nTY  - BOOK | [x](javascript:1) <b>中文</b>'

in_browser = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")]
pytestmark = in_browser

Opened = AbstractContextManager["Page"]
Open = Callable[..., Opened]


def day() -> Edition:
    """One paper of each state, one in TeX, one of a keyword beside its category, a replacement, an excluded one."""
    video = card(tldr="用扩散模型生成视频，速度提高一倍。")
    papers = (
        entry("2603.00001", comment="12 pages", journal_ref="J. Foo 3 (2026) 1", doi="10.1000/foo_1"),
        entry("2603.00002", title=TEX, authors=("José Müller, Jr.", "王小明"), categories=("cs.CV",), card=video),
        doubtful("2603.00003", title="Retrieval of Doubt", authors=("Jan van der Berg", "The Foo Collaboration")),
        entry("2603.00004", title="Pending Robots", card=None, categories=("cs.RO",), abstract="Ｗｉｄｅ robots walk."),
        entry("2603.00005", title="Foo Again", authors=("Ada Lovelace",), categories=("cs.CV", "cs.CL")),
    )
    whole = edition(
        *papers,
        replacements=(replacement("2602.00010"),),
        excluded=(entry("2603.00009", card=None, title="A Survey of Cats", excluded_by="exclude: survey"),),
    )
    keyword = Section(title="Gated Attention", kind="keyword", arxiv_ids=("2603.00001", "2603.00005"))
    return whole.with_sections((*whole.sections, keyword))


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a day, a hostile one as the next day, and the page of stars."""
    folder = tmp_path_factory.mktemp("site")
    look = Look(folders=(built_in("templates"),))
    bad = hostile().model_copy(update={"announced": day().announced.replace(day=18)})
    pages = [*Site(look).day(day()), *Site(look).day(bad), *Starred(look).whole(Volumes.of([bad, day()]))]
    for page in pages:
        (folder / page.path).parent.mkdir(parents=True, exist_ok=True)
        (folder / page.path).write_bytes(page.content)
    return folder


@pytest.fixture(scope="module")
def day_page(browser: "Browser", site: Path) -> Iterator["Page"]:
    """One page for all that leaves nothing behind."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        page.goto((site / DAY).as_uri())
        yield page


@pytest.fixture(scope="module")
def stars_page(browser: "Browser", site: Path) -> Iterator["Page"]:
    """The same for the page of stars."""
    with browser.new_context() as context:
        page = context.new_page()
        page.goto((site / "starred.html").as_uri())
        yield page


@pytest.fixture
def opened(browser: "Browser", site: Path) -> Iterator[Open]:
    """Open a page of the site; a complaint of the browser or a request to elsewhere fails the test."""
    said: list[str] = []
    asked: list[str] = []

    @contextmanager
    def make(name: str = DAY, *, begin: str = "", page: "Page | None" = None, **options: Any) -> Iterator["Page"]:
        context = page.context if page else browser.new_context(viewport={"width": 1280, "height": 900}, **options)
        context.route(re.compile("^(?!file:|data:|blob:)"), lambda route: route.abort())
        one = context.new_page()
        one.set_default_timeout(8000)
        one.on("request", lambda request: asked.append(request.url))
        one.on("console", lambda message: said.append(message.text))
        one.on("pageerror", lambda error: said.append(str(error)))
        one.add_init_script(
            "document.addEventListener('securitypolicyviolation', one => console.error(one.violatedDirective))"
        )
        if begin:
            one.add_init_script(begin)
        path, sign, rest = re.fullmatch(r"([^?#]*)([?#]?)(.*)", name).groups()  # type: ignore[union-attr]
        held = page.evaluate(STORAGE) if page else []
        one.goto((site / path).as_uri() + sign + rest)
        if page:
            with_storage(one, held)
        yield one
        if page is None:
            context.close()

    yield make
    assert said == []
    assert [one for one in asked if not one.startswith(("file:", "data:", "blob:"))] == []


STORAGE = "() => Object.entries(localStorage)"


def with_storage(page: "Page", held: list[list[str]]) -> None:
    """
    See to it that a page has what was kept before it was opened.

    A busy Chromium forgets the storage of a fresh profile between two documents now and then, on a plain page of one
    setItem too: what is missing is put back, and the page opened again.
    """
    for _ in range(5):
        have = page.evaluate(STORAGE)
        if all(one in have for one in held):
            break
        page.evaluate("held => held.forEach(([key, text]) => localStorage.setItem(key, text))", held)
        page.reload()


def again(page: "Page") -> None:
    """Open the page once more, as a reader does another day."""
    held = page.evaluate(STORAGE)
    page.reload()
    with_storage(page, held)


def shown(page: "Page") -> list[str]:
    """The ids of what can be seen, once the page has come to rest."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page.evaluate(  # type: ignore[no-any-return]
        "[...document.querySelectorAll('main article, main li')].filter(one => one.checkVisibility() && one.id)"
        ".map(one => one.id.slice(-2))"
    )


def search(page: "Page", words: str) -> list[str]:
    page.locator("#find").fill(words)
    return shown(page)


def kept(page: "Page", key: str) -> Any:
    return json.loads(page.evaluate("key => localStorage.getItem(key)", f"digest:{key}") or "null")


def current(page: "Page") -> str | None:
    found = page.locator("[data-current]")
    return found.get_attribute("id") if found.count() else None


def downloaded(page: "Page", button: str) -> tuple[str, str]:
    with page.expect_download() as waiting:
        page.locator(button).click()
    # Bytes, since a text would lose its \r.
    return waiting.value.suggested_filename, waiting.value.path().read_bytes().decode()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("扩散模型", ["02"]),
        ("视频 速度", ["02"]),
        ("视频 门控", ["02"]),  # the one in the first field, the other in the second
        ("CAFÉ", ["02"]),
        ("muller", ["02"]),
        ("wide ROBOTS", ["04"]),
        ("ｗｉｄｅ", ["04"]),
        ("au:lovelace cat:cs.CV", ["05"]),
        ("cat:cs", ["01", "03", "02", "05", "04", "10"]),
        ("2603.00003", ["03"]),
        ('"retrieval of"', ["03"]),
        ('"of retrieval"', []),
        ("survey", ["09"]),
        ("动机", []),  # a label of every card, and in no text
        ("constructor __proto__", []),
    ],
)
def test_a_search_finds_every_paper_with_all_words(day_page: "Page", words: str, found: list[str]) -> None:
    """In Chinese and in English, whatever the case, the accents and the width; labels are no text."""
    assert search(day_page, words) == found
    assert day_page.locator("#nothing").is_visible() == (not found)
    assert day_page.locator("#count").text_content() == f"显示 {len(found)} / 7"


def test_what_was_found_is_lit_up_and_the_page_stays_as_it_was(opened: Open) -> None:
    """Through the browser's highlights: no element is added, and a text that folds to another length is no matter."""
    with opened() as page:
        before = page.locator("main *").count()
        search(page, "robots walk wide")
        page.wait_for_function("CSS.highlights.get('found').size >= 4")
        lit = page.evaluate(
            "[...CSS.highlights.get('found')].map(one => one.startContainer.data.slice(one.startOffset, one.endOffset))"
        )
        assert sorted(lit) == ["Robots", "robots", "walk", "Ｗｉｄｅ"]
        assert page.locator("main *").count() == before
        search(page, "")
        assert page.evaluate("CSS.highlights.get('found').size") == 0


def test_filters_show_sections_states_and_no_empty_heading(opened: Open) -> None:
    """A keyword shows its papers in full wherever they stand; what points to them, and empty sections, go."""
    with opened() as page:
        page.locator("#section").select_option("gated-attention")
        assert shown(page) == ["01", "05"]
        assert page.locator(".again").filter(visible=True).count() == 0
        assert page.locator("main h2").filter(visible=True).all_inner_texts()[0].startswith("cs.CL")
        assert page.locator("main h2").filter(visible=True).count() == 2
        page.locator("#clear").click()
        assert len(shown(page)) == 6
        assert page.locator(".again").filter(visible=True).count() == 2
        for state, found in [("flagged", ["03"]), ("pending", ["04"]), ("starred", []), ("all", 6)]:
            page.locator(f"[data-show={state}]").click()
            assert shown(page) == found or len(shown(page)) == found
            assert page.locator("[data-show][aria-pressed=true]").get_attribute("data-show") == state


def test_a_search_can_be_kept_in_the_address(opened: Open) -> None:
    """The address has the filter a moment later, and the page when opened again; what it can't know is ignored."""
    with opened(f"{DAY}?q=au:lovelace&section=nowhere&show=constructor") as page:
        assert shown(page) == ["01", "05", "04"]
        page.locator("#find").fill("wide  robots")
        page.wait_for_url("**?q=wide++robots")
        again(page)
        assert page.locator("#find").input_value() == "wide  robots"
        assert shown(page) == ["04"]
        page.keyboard.press("Escape")
        page.wait_for_url(re.compile("index.html$"))


def test_a_card_in_the_address_is_shown_whatever_hides_it(opened: Open) -> None:
    """A filter is taken away, a fold opened, for an address, a link of the contents, and one inside the page."""
    with opened(f"{DAY}?q=robots#2603.00003") as page:
        assert len(shown(page)) == 6
        assert current(page) == "2603.00003"
        search(page, "robots")
        page.evaluate("location.hash = '#2603.00009'")
        assert page.locator("[id='2603.00009']").is_visible()
        search(page, "robots")
        page.locator(".contents a[href='#cs-cl']").click()
        assert "01" in shown(page)


def test_keys_go_from_card_to_card(opened: Open) -> None:
    """The title has the focus, the card is under the bar and marked; what is gone past is read; ends are ends."""
    with opened() as page:
        steps = [("j", "01"), ("k", "01"), ("j", "03"), ("j", "02"), ("n", "04"), ("p", "02"), ("p", "01"), ("J", "03")]
        for key, found in steps:
            page.keyboard.press(key)
            assert current(page) == f"2603.000{found}", key
            assert page.evaluate("document.activeElement.closest('article').id") == f"2603.000{found}"
            top = page.evaluate("document.activeElement.getBoundingClientRect().top")
            assert page.locator("#toolbar").bounding_box()["height"] <= top < 900  # type: ignore[index]
        assert page.locator("[data-read]").count() == 2
        assert sorted(kept(page, "read")) == ["2603.00001", "2603.00003"]
        page.keyboard.press("Escape")
        assert current(page) is None


def test_keys_are_letters_where_something_is_typed(opened: Open) -> None:
    """In a field, with Control, and once they are turned off; the last is remembered."""
    with opened() as page:
        page.keyboard.press("/")
        page.keyboard.type("jsr?")
        assert page.locator("#find").input_value() == "jsr?"
        page.keyboard.press("Escape")
        assert page.locator("#find").input_value() == ""
        page.keyboard.press("Escape")
        page.keyboard.press("Control+j")
        page.keyboard.press("Alt+s")
        assert current(page) is None
        page.keyboard.press("?")
        assert page.locator(".keys").is_visible()
        page.locator("[data-set-keys=off]").click()
        page.locator("[data-set-keys=off][aria-pressed=true]").wait_for()
        assert page.evaluate("localStorage['digest:keys']") == "off"
        again(page)
        page.keyboard.press("j")
        assert current(page) is None


def test_keys_of_a_card(opened: Open) -> None:
    """Open, abstract, star, read, link: on the card that the keys stand on."""
    with opened(permissions=["clipboard-read", "clipboard-write"]) as page:
        page.keyboard.press("j")
        page.keyboard.press("e")
        assert page.locator("[id='2603.00001'] details.abstract").get_attribute("open") is not None
        page.keyboard.press("s")
        page.keyboard.press("r")
        assert page.locator("[id='2603.00001'][data-starred][data-read]").count() == 1
        assert page.locator("[id='2603.00001'] [data-act=star]").get_attribute("aria-pressed") == "true"
        page.keyboard.press("r")
        assert kept(page, "read") == {}
        page.keyboard.press("c")
        page.locator("#said").filter(visible=True).wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == f"{page.url}#2603.00001"
        with page.expect_popup() as waiting:
            page.keyboard.press("o")
        assert waiting.value.evaluate("window.opener") is None


def test_a_link_is_copied_on_the_old_way_too(opened: Open) -> None:
    """A page from the disk may have no clipboard of its own; the focus stays where it was."""
    with opened(begin="Object.defineProperty(navigator, 'clipboard', { value: undefined })") as page:
        page.locator("[id='2603.00002'] [data-act=copy]").click()
        page.locator("#said").filter(visible=True).wait_for()
        page.locator("#find").press("Control+v")
        assert page.locator("#find").input_value() == f"{page.url}#2603.00002"


def test_mode_and_theme_are_remembered(opened: Open) -> None:
    """Before anything is drawn, and on the next visit."""
    look = "[document.documentElement.dataset.mode, document.documentElement.dataset.theme]"
    with opened() as page:
        assert page.evaluate(look) == [None, None]
        page.keyboard.press("m")
        page.keyboard.press("t")
        assert page.evaluate(look) == ["en", "light"]
        page.locator("[data-set-mode=both]").click()
        again(page)
        assert page.evaluate(look) == ["both", "light"]
        assert page.locator("[data-set-mode][aria-pressed=true]").get_attribute("data-set-mode") == "both"
        assert page.locator("[id='2603.00001'] [data-field=abstract]").is_visible()
        page.keyboard.press("t")
        page.keyboard.press("t")
        page.keyboard.press("m")
        again(page)
        assert page.evaluate(look) == [None, None]


def test_a_star_stays_and_stands_on_its_own_page(opened: Open) -> None:
    """With all that an export needs; taken away there, it is gone here, in a page that is already open too."""
    with opened() as page:
        page.locator("[id='2603.00002'] [data-act=star]").click()
        again(page)
        assert page.locator("[data-starred]").get_attribute("id") == "2603.00002"
        star = kept(page, "stars")["2603.00002"]
        assert star | {"starred": ""} == {
            "title": "α-Nets & 50% of the Cafés".replace("és", "é_s"),
            "tex": TEX,
            "authors": ["José Müller, Jr.", "王小明"],
            "categories": ["cs.CV"],
            "version": 1,
            "announced": "2026-03-17",
            "starred": "",
            "tldr": "用扩散模型生成视频，速度提高一倍。",
        }
        with opened("starred.html", page=page) as stars:
            assert stars.locator("#stars h3").all_inner_texts() == [star["title"]]
            assert stars.locator("#stars h2 time").get_attribute("datetime") == "2026-03-17"
            assert "2026年3月17日" in stars.locator("#stars h2").inner_text()
            assert stars.locator("#stars h3 a").get_attribute("href") == f"{DAY}#2603.00002"
            stars.locator("[data-act=star]").click()
            page.locator("[data-starred]").wait_for(state="detached")
            assert kept(stars, "stars") == {}
            stars.locator("[data-act=star]").click()
            page.locator("[data-starred]").wait_for()
            stars.locator("#find").fill("nowhere")
            assert stars.locator("#nothing").is_visible()


BLOCKED = "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } })"
FULL = "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }"


@pytest.mark.parametrize("begin", [BLOCKED, FULL])
def test_without_storage_everything_works_for_as_long_as_the_page(opened: Open, begin: str) -> None:
    """And the reader is told that a star will be lost."""
    with opened(begin=begin) as page:
        page.locator("[id='2603.00001'] [data-act=star]").click()
        assert page.locator("#said").is_visible()
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("m")
        page.locator("[data-show=starred]").click()
        assert shown(page) == ["01"]
        assert page.locator("html").get_attribute("data-mode") == "en"
    with opened("starred.html", begin=begin) as page:
        assert page.locator("#empty").is_visible()


@pytest.mark.parametrize(
    "text",
    ["{", "[1]", '{"2603.00001": null, "__proto__": {"title": "x"}, "javascript:1": {"title": "x"}}'],
)
def test_damaged_stars_harm_nothing_and_are_put_aside(opened: Open, text: str) -> None:
    """What can't be read is kept beside; what is no star is no star, and stays where it is."""
    begin = f"localStorage['digest:stars'] ??= {json.dumps(text)}; localStorage['digest:read'] ??= '{text[0]}';"
    with opened(begin=begin + " localStorage['digest:mode'] = '<b>'") as page:
        assert page.locator("[data-starred], [data-read]").count() == 0
        assert page.locator("html").get_attribute("data-mode") is None
        page.locator("[id='2603.00001'] [data-act=star]").click()
        again(page)
        assert page.locator("[data-starred]").count() == 1
        readable = text.startswith('{"')
        assert page.evaluate("localStorage['digest:stars:damaged']") == (None if readable else text)
        assert ("javascript:1" in kept(page, "stars")) == readable
        with opened("starred.html", page=page) as stars:
            assert stars.locator("#stars h3").count() == 1


def test_bibtex_ris_and_markdown_of_what_is_shown(opened: Open) -> None:
    """TeX stays TeX and the rest is escaped; names are told apart; lines end as each form wants."""
    with opened() as page:
        page.locator("#more").click()
        page.locator("[data-export=ris]").click()
        assert page.locator("#said").is_visible()  # nothing is starred
        page.locator("[data-scope=shown]").click()
        search(page, "2603.00002")
        name, bibtex = downloaded(page, "[data-export=bibtex]")
        assert name == "digest-2026-03-17.bib"
        assert bibtex == "\n".join([
            "@misc{muller2026nets,",
            r"  title         = {{$\alpha$-Nets \& 50\% of the Caf\'e\_s}},",
            "  author        = {{José Müller, Jr.} and 王小明},",
            "  year          = {2026},",
            "  eprint        = {2603.00002},",
            "  archivePrefix = {arXiv},",
            "  primaryClass  = {cs.CV},",
            "  url           = {https://arxiv.org/abs/2603.00002}",
            "}",
            "",
        ])  # fmt: skip
        assert downloaded(page, "[data-export=ris]")[1] == "\r\n".join([
            "TY  - UNPB",
            "TI  - α-Nets & 50% of the Café_s",
            "AU  - Müller, José, Jr.",
            "AU  - 王小明",
            "PY  - 2026",
            "DA  - 2026/03/17",
            "PB  - arXiv",
            "AN  - arXiv:2603.00002",
            "UR  - https://arxiv.org/abs/2603.00002",
            "KW  - cs.CV",
            "AB  - 用扩散模型生成视频，速度提高一倍。",
            "ER  - ",
            "",
        ])  # fmt: skip
        assert downloaded(page, "[data-export=markdown]")[1] == (
            "## 2026-03-17\n\n"
            r"- [α-Nets \& 50% of the Café\_s](https://arxiv.org/abs/2603.00002) · José Müller, Jr., 王小明 · "
            "arXiv:2603.00002 · cs.CV\\\n  用扩散模型生成视频，速度提高一倍。\n"
        )


def written(page: "Page", form: str, stars: dict[str, Any]) -> str:
    """What an export makes of stars that never stood on a page of ours."""
    records = "Object.entries(all).map(([id, raw]) => asStar(id, raw)).filter(Boolean)"
    return page.evaluate(f"all => FORMS.{form}.write({records})", stars)  # type: ignore[no-any-return]


def star(**fields: Any) -> dict[str, Any]:
    return {"title": "Foo", "authors": ["Ada Lovelace"], "categories": ["cs.CL"], "announced": "2026-03-17", **fields}


def test_a_hostile_star_stays_within_its_field(stars_page: "Page") -> None:
    """No line of its own, no end of a field, no file for TeX to read, no link of Markdown."""
    stars = {
        "2603.00001": star(title=DIRTY, authors=[DIRTY, "A and B"], doi="10.1000/x}, evil={1", journal="a\nER  - ")
    }
    bibtex, ris, markdown = (written(stars_page, form, stars) for form in ("bibtex", "ris", "markdown"))

    assert (
        r'title         = {{"Quoted" {brace} 100\% of a\_b, \textbackslash{}input{/etc/passwd} \#1 TY - BOOK '
        r"| [x](javascript:1) <b>中文</b>}},"
    ) in bibtex
    assert r" and {A and B}}," in bibtex
    assert "doi           = {10.1000/x}," in bibtex
    assert "evil" not in bibtex
    assert bibtex.count("{") == bibtex.count("}")
    assert "\nTY  - BOOK" not in ris
    assert [line[:6] for line in ris.split("\r\n") if line].count("ER  - ") == 1
    assert "\u202e" not in bibtex + ris + markdown
    assert r"\[x\](javascript:1) \<b\>中文\</b\>](https://arxiv.org/abs/2603.00001)" in markdown
    assert len(markdown.splitlines()) == 3


@pytest.mark.parametrize(
    ("title", "written_as"),
    [
        ("Plain Title", "Plain Title"),
        ("Costs $5 & 3% more", r"Costs \$5 \& 3\% more"),
        (r"$x_1^2$ and a_1", r"$x_1^2$ and a\_1"),
        (r"G\"odel \& \{x\}", r"G\"odel \& \{x\}"),
        ("Open { only", r"Open \textbraceleft{} only"),
        (r"Ends in \}", r"Ends in \textbraceright{}"),
        ("Ends in \\", r"Ends in \textbackslash{}"),
        (r"$^^5cinput{x}$", r"$^5cinput{x}$"),
        (r"\write18{ls} \immediate", r"\textbackslash{}write18{ls} \textbackslash{}immediate"),
        ("10^6 tokens", r"10\textasciicircum{}6 tokens"),
    ],
)
def test_a_title_in_tex_stays_and_the_rest_is_escaped(stars_page: "Page", title: str, written_as: str) -> None:
    """Formulas, accents and escapes are the authors'; a sign that would break the file is not."""
    assert f"= {{{{{written_as}}}}}," in written(stars_page, "bibtex", {"2603.00001": star(title=title)})


def test_keys_of_bibtex_are_of_their_own(stars_page: "Page") -> None:
    """The oldest paper has the short one, whatever the order; every name and title makes one."""
    stars = {
        "2603.00009": star(),
        "2603.00002": star(),
        "math/0309136": star(title="The Übung", authors=["Jan van der Berg"]),
        "2603.00003": star(title="中文", authors=[]),
        "2603.00004": star(authors=["The Foo Collaboration"]),
    }
    keys = re.findall(r"^@misc\{(.*),$", written(stars_page, "bibtex", stars), re.MULTILINE)
    names = re.findall(r"AU  - (.*)\r", written(stars_page, "ris", stars))

    assert keys == [
        "lovelace2026foo-2603.00009", "lovelace2026foo",
        "vanderberg2003ubung", "arxiv2026", "thefoocollaboration2026foo",
    ]  # fmt: skip
    assert "van der Berg, Jan" in names
    assert "The Foo Collaboration" in names


def test_a_backup_is_taken_in_beside_what_is_there(opened: Open, tmp_path: Path) -> None:
    """Twice is once; a file that is none says so; all stars go only after a question."""
    with opened("starred.html") as page:
        assert page.locator("#empty").is_visible()
        backup = tmp_path / "stars.json"
        backup.write_text(json.dumps({"stars": {"2603.00001": star(title="<b>x</b>"), "bad id": star(), "1": 3}}))
        for words in ("读入了 1 篇新论文", "读入了 0 篇新论文"):
            page.locator("#file").set_input_files(backup)
            page.locator("#said").filter(has_text=words).wait_for()
        assert page.locator("#stars h3").all_inner_texts() == ["<b>x</b>"]
        name, text = downloaded(page, "[data-export=backup]")
        assert name == "digest-stars.json"
        assert list(json.loads(text)["stars"]) == ["2603.00001"]
        backup.write_bytes(b"\xff[")
        page.locator("#file").set_input_files(backup)
        page.locator("#said").filter(has_text="不是收藏备份").wait_for()
        page.once("dialog", lambda dialog: dialog.dismiss())
        page.get_by_role("button", name="清空收藏").click()
        assert page.locator("#stars h3").count() == 1
        page.once("dialog", lambda dialog: dialog.accept())
        page.locator("#clear").click()
        assert page.locator("#stars h3").count() == 0


def test_a_hostile_day_is_searched_starred_and_exported(opened: Open) -> None:
    """Its text stays text on the page of stars as well."""
    with opened("2026-03-18/index.html") as page:
        assert len(search(page, "onerror=alert(2)")) > 1
        page.keyboard.press("Escape")
        for button in page.locator("[data-act=star]").all()[:2]:
            button.click()
        page.keyboard.press("?")
        assert "@misc{" in downloaded(page, "[data-export=bibtex]")[1]
        with opened("starred.html", page=page) as stars:
            assert stars.locator("#stars h3").count() == 2
            assert stars.locator("#stars img, #stars script").count() == 0


def test_read_marks_are_bounded(opened: Open) -> None:
    """The oldest make room for new ones."""
    marks = {f"2501.{10000 + count}": "2026-01-02" if count else "2025-01-02" for count in range(5000)}
    with opened(begin=f"localStorage['digest:read'] ??= JSON.stringify({json.dumps(marks)})") as page:
        page.keyboard.press("j")
        page.keyboard.press("r")
        marks = kept(page, "read")
        assert len(marks) == 5000
        assert "2603.00001" in marks
        assert "2501.10000" not in marks


def test_without_scripts_the_page_of_stars_says_so(opened: Open) -> None:
    """And has no control that does nothing."""
    with opened("starred.html", java_script_enabled=False) as page:
        assert page.locator("noscript p").is_visible()
        assert page.locator("button, input").filter(visible=True).count() == 0


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("*.js")), ids=lambda path: path.name)
def test_a_script_writes_no_markup_and_no_words(path: Path) -> None:
    """No way around the DOM, nothing that a template or a parser of HTML would read, no text of ours."""
    text = path.read_text(encoding="utf-8")
    comments = re.compile(r"/\*.*?\*/|(?<!:)//[^\n]*", re.DOTALL)

    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|fetch\(|XMLHttp", text
    )
    assert not re.search(r"\{\{|\{%|\{#|</script|<!--", text)
    assert not re.search("[\u4e00-\u9fff\uac00-\ud7af]", comments.sub("", text))
