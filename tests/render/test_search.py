"""The search over all days: what a shard holds, what the page may run, and that nothing is missed or made up."""

import json
import random
import re
import unicodedata
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fakes import card, edition, entry
from hypothesis import given
from hypothesis import strategies as st

from digest.models import Edition
from digest.render import Look, Volumes
from digest.render.search import FIELD, LINE, STATES, Search, choices, names, rows, shard
from digest.resources import built_in
from render.browser import CHROMIUM, Visit, served, visiting
from render.samples import HOSTILE, earlier, hostile, ordinary

if TYPE_CHECKING:
    from playwright.sync_api import Browser

in_browser = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")]
NEWEST = date(2026, 3, 17)


def handed_over(text: str) -> list[Any]:
    """The arguments of the one call that a shard is: each must be JSON, and JavaScript knows nothing else."""
    found = re.fullmatch(r"digest\.add\((.*)\);\n", text)
    assert found
    loaded: list[Any] = json.loads(f"[{found[1]}]")
    return loaded


# ---- the shard


def test_a_shard_has_each_paper_of_the_page_once_and_the_replacements_behind() -> None:
    """Excluded papers are not searched; facts and texts are in the same order."""
    day, sections, facts, texts = handed_over(shard(ordinary()))
    lines = [line.split(FIELD) for line in texts.split(LINE)]

    assert day == "2026-03-17"
    assert sections[-1] == ["keyword", "Gated Attention"]
    assert [line[2].split(" ")[-1] for line in lines] == [
        *("2603.00001", "2603.00002", "2603.00003", "2603.00004", "2603.00005"),
        *("2602.00009", "2602.00010", "2602.00011"),
    ]
    assert facts.split(LINE)[:5] == ["1 0 0,3", "1 0 0,3", "1 1 0", "1 2 1", "1 0 2,3"]
    assert [STATES[int(fact.split(" ")[1])] for fact in facts.split(LINE)[5:]] == ["replacement"] * 3


def test_a_paper_is_searched_by_title_authors_categories_id_tldr_and_names() -> None:
    """As plain text: accents and formulas are characters, names that the title or the TL;DR has come once."""
    one = entry(
        title=r"Poincar\'e maps in $O(n^2)$ with LoRA",
        authors=(r"Andr\'e Weil", "Emmy Noether"),
        abstract="We test LoRA and GPT-4 on ImageNet.",
        card=card(tldr="在 ImageNet 上提升 3%。"),
    )

    (row,) = rows(edition(one))

    assert row.text.split(FIELD) == [
        *("Poincaré maps in O(n²) with LoRA", "André Weil; Emmy Noether"),
        *("cs.CL cs.AI 2603.00001", "在 ImageNet 上提升 3%。", "GPT-4"),
    ]


def test_a_paper_without_a_card_or_authors_or_categories_is_searched_by_what_it_has() -> None:
    """Empty fields, no missing ones."""
    bare = entry(card=None, authors=(), categories=(), abstract="We say nothing.")
    (row,) = rows(edition().model_copy(update={"entries": (bare,)}))

    assert row.text.split(FIELD) == ["Foo: Gated Attention for Long Sequences", "", "2603.00001", "", ""]


@given(st.text(), st.text(), st.text())
def test_no_text_of_a_stranger_leaves_its_field(title: str, name: str, tldr: str) -> None:
    """Whatever stands in it, a line a paper, five fields, and nothing that ends a script or a string."""
    day = edition(entry(title=f"a{title}", authors=(name,), categories=(name,), card=card(tldr=tldr)))
    text = shard(day)

    assert not re.search("[<\u2028\u2029]", text)
    assert len(handed_over(text)[3].split(LINE)) == 1
    assert handed_over(text)[3].count(FIELD) == 4


def test_hostile_text_stays_data() -> None:
    """Of every field, and in the titles of sections."""
    _, sections, _, texts = handed_over(shard(hostile()))

    assert sections[-1] == ["keyword", HOSTILE]
    assert "alert(1)" in texts


def test_a_quiet_day_has_a_shard_without_papers() -> None:
    """So that no date of the page is missing."""
    assert handed_over(shard(edition())) == ["2026-03-17", [], "", ""]


@pytest.mark.parametrize(
    ("abstract", "found"),
    [
        ("We use BERT, BERT and T5-XXL.", "BERT T5-XXL"),
        ("In 2025 we gain 3.5 points over A and Transformers.", ""),
        (f"See {'Ab' * 40}.", ""),
        ("Qwen2.5 and Llama-3", "Qwen2.5 Llama-3"),
    ],
)
def test_names_are_words_with_more_than_one_capital_or_figure(abstract: str, found: str) -> None:
    """No plain numbers, nothing endless, each once."""
    assert names(abstract, "") == found


def test_the_page_knows_every_date_and_every_section(look: Look) -> None:
    """Newest first; the sections of all days, each once."""
    volumes = Volumes.of([ordinary(), earlier()])
    page = next(Search(look).whole(volumes)).content.decode()

    assert 'data-days="2026-03-17 2026-02-27"' in page
    assert [one.title for one in choices(volumes.heads)] == ["Gated Attention", "cs.CL", "cs.CV", "stat.ML"]
    for choice in choices(volumes.heads):
        assert page.count(f'<option value="{choice.kind}:{choice.title}">') == 1


def test_without_editions_the_page_says_so_and_has_no_field(look: Look) -> None:
    """And nothing to load."""
    page = next(Search(look).whole(Volumes.of([]))).content.decode()

    assert "还没有任何一期" in page
    assert '<input type="search"' not in page


# ---- in a browser

ENGLISH = re.findall(
    r"\S+",
    "gated attention RAG fragment storage LoRA exploration Müller café naïve GPT-4 open-vocabulary O(n²) Ωmega",
)
CHINESE = ("扩散模型", "强化学习", "多模态", "大模型", "推理，速度", "图像", "检索", "微调", "（对齐）", "基准", "３Ｄ")


def invented(days: int, papers: int) -> tuple[Edition, ...]:
    """Days of papers out of a few English and Chinese words, newest first."""
    draw = random.Random(11)

    def one(day: int, number: int) -> Any:
        title = " ".join(draw.choices(ENGLISH, k=4)) + f" n{number}"
        tldr = "".join(draw.choice(CHINESE) + draw.choice(("", " ", " LoRA ", "，")) for _ in range(5)) + "。"
        authors = (draw.choice(("Zoë Müller", "Li Ming", "J. O’Neil")), "Ada Lovelace")
        category = draw.choice(("cs.CV", "cs.CL", "math-ph", "math.AG"))
        return entry(
            f"26{day:02d}.{number:05d}", title=title, authors=authors, categories=(category,), card=card(tldr=tldr)
        )

    return tuple(
        edition(*(one(day, number) for number in range(papers)), announced=NEWEST - timedelta(days=day))
        for day in range(days)
    )


def write(folder: Path, days: tuple[Edition, ...]) -> Path:
    """What a search needs of a site."""
    search = Search(Look(folders=(built_in("templates"),)))
    for page in [*(page for day in days for page in search.day(day)), *search.whole(Volumes.of(days))]:
        (folder / page.path).parent.mkdir(exist_ok=True)
        (folder / page.path).write_bytes(page.content)
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("search"), invented(40, 12))


@pytest.fixture
def visit(browser: "Browser") -> Iterator[Visit]:
    with visiting(browser, 375) as one:
        yield one


def search(visit: Visit, query: str) -> str:
    """Type a query and wait for the end of the search; what the page says of it."""
    visit.page.locator("#q").fill(query)
    visit.page.locator("#q").press("Enter")
    visit.page.wait_for_selector("#told:not([hidden])[aria-busy=false]")
    return visit.page.locator("#told").inner_text()


def titles(visit: Visit) -> list[str]:
    return visit.page.locator("#hits h3").all_text_contents()


def folded(text: str) -> str:
    """Written after the documents of Unicode and not after the script."""
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not "\u0300" <= sign <= "\u036f")
    bare = unicodedata.normalize("NFKC", bare).lower()
    bare = bare.translate(str.maketrans("‘’“”‐‑‒–—―−ø", "''\"\"-------o"))
    han = "[\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff]"
    return re.sub(rf" (?={han})|(?<={han}) ", "", bare)


class TestInABrowser:
    pytestmark = in_browser

    def test_it_finds_what_a_search_for_substrings_finds(self, visit: Visit, site: Path) -> None:
        """Two hundred terms cut out of the texts: no paper more, none less."""
        texts = [handed_over(path.read_text(encoding="utf-8"))[3] for path in sorted(site.glob("*/search.js"))]
        lines = [line for text in texts for line in text.split(LINE)]
        draw = random.Random(3)
        terms: list[str] = []
        while len(terms) < 200:
            field = draw.choice(draw.choice(lines).split(FIELD)[:4])
            start = draw.randrange(len(field))
            if (term := field[start : start + draw.randint(2, 9)].strip()) and '"' not in term:
                terms.append(term)
        visit.open((site / "search.html").as_uri())

        found = visit.page.evaluate(
            "([texts, terms]) => { const all = texts.map(indexed); return terms.map((word) => {"
            "const term = { not: false, prefix: '', whole: false, word: fold(word) };"
            "return all.flatMap((one, day) => matching(one, [term]).map((row) => [day, row])); }) }",
            [texts, terms],
        )

        fields = [[[folded(one) for one in line.split(FIELD)] for line in text.split(LINE)] for text in texts]
        for term, rows_found in zip(terms, found, strict=True):
            wanted = folded(term)
            assert rows_found == [
                [day, row]
                for day, papers in enumerate(fields)
                for row, paper in enumerate(papers)
                if any(wanted in one for one in paper)
            ], term

    def test_folding_twice_is_folding_once(self, browser: "Browser", site: Path) -> None:
        """For letters of every kind, one by one and in a row."""
        letters = "".join(
            map(chr, [*range(0x20, 0x600), *range(0x1E00, 0x2200), *range(0x3000, 0x3200), *range(0xFF00, 0xFFEF)])
        )
        with visiting(browser) as visit:
            visit.open((site / "search.html").as_uri())
            differ = visit.page.evaluate(
                "(all) => [...all, all].filter((one) => fold(fold(one)) !== fold(one))", letters
            )

        assert differ == []

    @pytest.mark.parametrize(
        ("query", "said"),
        [
            ("MULLER", "müller"),
            ("cafe", "café"),
            ("３d", "３Ｄ"),
            ("“gated attention”", "gated attention"),
            ("O(n2)", "O(n²)"),
            ("LoRA扩散模型", "LoRA 扩散模型"),
            ("推理,速度", "推理，速度"),
        ],
    )
    def test_case_width_accents_and_spaces_beside_chinese_do_not_matter(
        self, visit: Visit, site: Path, query: str, said: str
    ) -> None:
        """What is lit up is the text as it stands."""
        visit.open((site / "search.html").as_uri())
        search(visit, query)

        assert said.lower() in {one.lower() for one in visit.page.locator("#hits mark").all_text_contents()}

    @pytest.mark.parametrize(
        ("query", "wanted"),
        [
            ("RAG", {"RAG", "fragment", "storage"}),
            ('"RAG"', {"RAG"}),
            ('"rag"', {"RAG"}),
            ("RAG -storage -fragment", {"RAG"}),
            ("ti:explora", {"exploration"}),
        ],
    )
    def test_quoted_words_are_whole_and_a_minus_excludes(
        self, visit: Visit, site: Path, query: str, wanted: set[str]
    ) -> None:
        """Each hit has one of the words, and each of the words has a hit."""
        visit.open((site / "search.html").as_uri())
        search(visit, query)
        found = titles(visit)

        assert found
        for title in found:
            assert wanted & set(title.split()), title
            if "-storage" in query:
                assert "storage" not in title
        for word in wanted:
            assert any(word in title.split() for title in found)

    @pytest.mark.parametrize(
        ("query", "holds"),
        [
            ("cat:math", lambda day, paper: paper.categories[0] == "math.AG"),
            ("cat:CS.cv", lambda day, paper: paper.categories[0] == "cs.CV"),
            ("-cat:cs lovelace", lambda day, paper: not paper.categories[0].startswith("cs.")),
            ("au:“li ming”", lambda day, paper: "Li Ming" in paper.authors),
            ("au：o'neil", lambda day, paper: "J. O’Neil" in paper.authors),
            ("id:2603.00004", lambda day, paper: paper.arxiv_id == "2603.00004"),
            ("2603.00004", lambda day, paper: paper.arxiv_id == "2603.00004"),
        ],
    )
    def test_a_prefix_looks_in_one_field(self, visit: Visit, site: Path, query: str, holds: Any) -> None:
        """As many hits as papers have it."""
        wanted = sum(holds(day, one.paper) for day in invented(40, 12) for one in day.entries)
        visit.open((site / "search.html").as_uri())
        visit.page.evaluate("document.querySelector('#on').click()")
        said = search(visit, query)
        if visit.page.locator("#on").is_visible():
            visit.page.locator("#on").click()
            visit.page.wait_for_selector("#told[aria-busy=false]")
            said = visit.page.locator("#told").inner_text()

        assert said == f"已查 40 / 40 天，找到 {wanted} 篇"

    def test_days_come_newest_first_and_titles_before_other_fields(self, browser: "Browser", tmp_path: Path) -> None:
        """Within a day: title, authors, text; a whole word before a part of one."""
        days = (
            edition(
                entry("2603.00001", title="A", card=card(tldr="Nim")),
                entry("2603.00002", title="B", authors=("Nim",)),
                entry("2603.00003", title="Animal"),
                entry("2603.00004", title="Nim"),
            ),
            edition(entry("2603.00005", title="Nim, again"), announced=NEWEST - timedelta(days=1)),
        )
        with visiting(browser) as visit:
            visit.open((write(tmp_path, days) / "search.html").as_uri())
            search(visit, "nim")
            assert titles(visit) == ["Nim", "Animal", "B", "A", "Nim, again"]
            addresses = [link.get_attribute("href") for link in visit.page.locator("#hits h3 a").all()]

        assert addresses[0] == "2026-03-17/index.html#2603.00004"

    def test_it_rests_after_thirty_days_with_enough_hits_and_goes_on_when_asked(self, visit: Visit, site: Path) -> None:
        """Older days are not loaded before; a hundred hits are shown, more on demand."""
        visit.open((site / "search.html").as_uri())
        said = search(visit, "lovelace")

        assert said == "已查 30 / 40 天，找到 360 篇"
        loaded = [one for one in visit.sent if one.endswith("search.js")]
        assert len(loaded) == 30
        visit.page.wait_for_selector("#more:not([hidden])")
        assert visit.page.locator("#hits li").count() == 100
        visit.page.locator("#more").click()
        visit.page.wait_for_selector("#hits section:nth-child(17)")
        visit.page.locator("#on").click()
        visit.page.wait_for_selector("#on", state="hidden")
        visit.page.wait_for_selector("#told[aria-busy=false]")
        assert visit.page.locator("#told").inner_text() == "已查 40 / 40 天，找到 480 篇"

    def test_a_missing_and_a_broken_shard_are_named_and_the_search_goes_on(
        self, browser: "Browser", tmp_path: Path
    ) -> None:
        """Half a file, none, and one that hands over something else; once they are whole again, they are searched."""
        days = invented(6, 3)
        folder = write(tmp_path, days)
        kept = {one: (folder / f"2026-03-{one}/search.js").read_bytes() for one in (16, 15, 14)}
        (folder / "2026-03-16/search.js").write_bytes(kept[16][:300])
        (folder / "2026-03-15/search.js").unlink()
        (folder / "2026-03-14/search.js").write_text('digest.add("2026-03-14", 1, [], {});\n')
        with visiting(browser) as visit:
            visit.open((folder / "search.html").as_uri())
            assert search(visit, "lovelace") == "已查 6 / 6 天，找到 9 篇"
            told = visit.page.locator("#lost span").inner_text()
            for one, content in kept.items():
                (folder / f"2026-03-{one}/search.js").write_bytes(content)
            visit.page.locator("#again").click()
            visit.page.wait_for_selector("#lost", state="hidden")
            visit.page.wait_for_selector("#told[aria-busy=false]")
            assert visit.page.locator("#told").inner_text() == "已查 6 / 6 天，找到 18 篇"

        assert told == "有 3 天的索引读不到：2026-03-16, 2026-03-15, 2026-03-14"

    @pytest.mark.parametrize("over", ["file", "http"])
    def test_nothing_but_the_shards_is_loaded_from_the_disk_and_from_a_server(
        self, browser: "Browser", site: Path, over: str
    ) -> None:
        """No request beside them, no word of complaint."""
        with served(site) as (root, _), visiting(browser) as visit:
            visit.open((f"{site.as_uri()}/" if over == "file" else root) + "search.html")
            search(visit, "zzz")

            others = [one for one in visit.sent if not re.search(r"/\d{4}-\d\d-\d\d/search\.js$", one)]
            assert others == [visit.page.url.partition("?")[0]]
            assert len(visit.sent) == 41
            assert visit.said == []

    def test_no_other_script_runs_whatever_is_tried(self, browser: "Browser", site: Path) -> None:
        """Markup, elements made by script, other folders, text as code, and a policy of the same or another name."""
        (site / "evil.js").write_text("document.title = 'taken'")
        tries = """async () => {
            await new Promise((resolve) => setTimeout(resolve));  // the debugger may do what the page may not
            const said = [], attempt = (name, act) => { try { act(); said.push(name); } catch { /* refused */ } };
            const added = (make) => () => {
                const one = document.createElement("script");
                make(one);
                document.head.append(one);
            };
            attempt("address", added((one) => { one.src = "evil.js"; }));
            attempt("text", added((one) => { one.text = "document.title = 'taken'"; }));
            attempt("text content", added((one) => { one.textContent = "document.title = 'taken'"; }));
            attempt("markup", () => { document.body.innerHTML = "<script src=evil.js><\\/script>"; });
            attempt("attribute", () => { document.body.setAttribute("onclick", "document.title = 'taken'"); });
            attempt("policy", () => trustedTypes.createPolicy("digest", { createScriptURL: (one) => one }));
            attempt("other policy", () => trustedTypes.createPolicy("mine", { createScriptURL: (one) => one }));
            attempt("code", () => eval("document.title = 'taken'"));
            attempt("timer", () => setTimeout("document.title = 'taken'"));
            attempt("worker", () => new Worker("evil.js"));
            let fetched = false;
            await fetch("evil.js").then(() => { fetched = true; }, () => {});
            await new Promise((resolve) => setTimeout(resolve, 200));
            return [said, fetched, document.title];
        }"""
        with served(site) as (root, asked), visiting(browser) as visit:
            visit.open(f"{root}search.html")
            title = visit.page.title()
            done, fetched, after = visit.page.evaluate(tries)

        assert (fetched, after) == (False, title)
        assert done == []
        assert not any("evil" in one for one in asked)

    def test_a_script_that_stands_in_the_page_does_not_run(self, browser: "Browser", tmp_path: Path) -> None:
        """As if a title had not been escaped: the policy knows the site's own scripts, and nothing leaves it."""
        folder = write(tmp_path, invented(2, 2))
        page = folder / "search.html"
        planted = "<script>document.title = 'taken'</script><script src='http://127.0.0.1:9/evil.js'></script>"
        planted += "<link rel='prefetch' href='http://127.0.0.1:9/seen'>"
        page.write_text(page.read_text(encoding="utf-8").replace("<footer>", f"{planted}<footer>"), encoding="utf-8")
        with visiting(browser) as visit:
            visit.open(page.as_uri())
            search(visit, "lovelace")

            assert visit.page.title() != "taken"
            assert len(visit.said) == 3

    def test_hostile_text_stands_as_text(self, browser: "Browser", tmp_path: Path) -> None:
        """Of titles, authors and cards, lit up or not; no dialog, no request, no element of a stranger."""
        with visiting(browser, 375) as visit:
            visit.open((write(tmp_path, (hostile(),)) / "search.html").as_uri())
            search(visit, "alert(1)")

            assert titles(visit)[0].startswith("<script>alert(1)</script> <img src=x")
            assert visit.page.locator("#hits :is(script, img, b, em, code)").count() == 0
            assert visit.said == []
            assert visit.page.evaluate("document.documentElement.scrollWidth") == 375

    def test_filters_narrow_and_work_without_a_word(self, browser: "Browser", tmp_path: Path) -> None:
        """Section, state, dates, stars."""
        folder = write(tmp_path, (ordinary(), earlier()))
        with visiting(browser) as visit:
            visit.open((folder / "search.html").as_uri())
            visit.unfold()
            visit.page.locator("#section").select_option("keyword:Gated Attention")
            visit.page.wait_for_selector("#told[aria-busy=false]")
            assert visit.page.locator("#told").inner_text() == "已查 2 / 2 天，找到 3 篇"
            visit.page.locator("#section").select_option("")
            visit.page.locator("#state").select_option("replacement")
            assert search(visit, "again") == "已查 2 / 2 天，找到 3 篇"
            visit.page.locator("#clear").click()
            visit.page.locator("#to").fill("2026-03-01")
            assert search(visit, "") == "已查 1 / 1 天，找到 1 篇"
            visit.page.locator("#hits [data-act=star]").click()
            visit.page.locator("#clear").click()
            visit.page.locator("#starred").click()
            visit.page.wait_for_selector("#hits li")
            assert visit.page.locator("#hits li").get_attribute("data-id") == "2602.00001"
            assert visit.page.evaluate("Object.keys(JSON.parse(localStorage['digest:stars']))") == ["2602.00001"]

    def test_the_query_is_in_the_address_and_back_brings_it_back(self, browser: "Browser", site: Path) -> None:
        """Each settled query is a step; a bookmark searches by itself."""
        with served(site) as (root, _), visiting(browser) as visit:
            visit.open(f"{root}search.html?q=LoRA")
            visit.page.wait_for_selector("#hits li")
            search(visit, "扩散模型")
            search(visit, "强化学习")
            assert "q=%E5%BC%BA" in visit.page.url
            visit.page.go_back()
            assert visit.page.locator("#q").input_value() == "扩散模型"
            visit.page.go_back()
            assert visit.page.locator("#q").input_value() == "LoRA"
            visit.page.wait_for_selector("#told[aria-busy=false]")

            assert visit.page.url == f"{root}search.html?q=LoRA"

    def test_keys_go_through_the_hits(self, visit: Visit, site: Path) -> None:
        """j, k, s and / as on the day's page; in the field they are letters."""
        visit.open((site / "search.html").as_uri())
        search(visit, "扩散模型")
        visit.page.wait_for_selector("#hits li")
        visit.page.locator("#q").press("j")
        assert visit.page.locator("#q").input_value() == "扩散模型j"
        search(visit, "扩散模型")
        visit.page.wait_for_selector("#hits li:nth-child(2)")
        visit.page.evaluate("document.activeElement.blur()")
        for key in "jjks":
            visit.page.keyboard.press(key)
        pressed = visit.page.locator("#hits [data-act=star]").first.get_attribute("aria-pressed")
        visit.page.keyboard.press("/")

        assert pressed == "true"
        assert visit.page.evaluate("document.activeElement.id") == "q"

    def test_without_scripts_the_page_leads_to_the_calendar(self, browser: "Browser", site: Path) -> None:
        """A sentence and a link; no dead field."""
        with visiting(browser, java_script_enabled=False) as visit:
            visit.page.goto((site / "search.html").as_uri())

            assert "搜索要靠脚本" in visit.page.locator("main").inner_text()
            assert visit.page.locator("main a[href='index.html']").first.is_visible()
            assert not visit.page.locator("#q").is_visible()

    def test_what_is_kept_is_bounded(self, browser: "Browser", tmp_path: Path) -> None:
        """Of ninety days forty stay in memory, and a second search finds the same."""
        with visiting(browser) as visit:
            visit.open((write(tmp_path, invented(90, 1)) / "search.html").as_uri())
            first = search(visit, "lovelace -zzz")
            visit.requests.clear()
            second = search(visit, "lovelace")

            assert first == second == "已查 90 / 90 天，找到 90 篇"
            assert len(visit.sent) == 50
