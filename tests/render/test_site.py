"""The site: names that scripts rely on, counts that tell the truth, strangers' text as text."""

import re
from base64 import b64encode
from collections import Counter
from functools import cache
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import pytest
from fakes import GOOD, card, edition, entry, origin
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.models import FIELDS, Edition, Mark, Page, Section, Source
from digest.render import Look
from digest.render.layout import section_path
from digest.render.site import Site
from digest.resources import built_in
from digest.selection import NOT_ASKED
from render.conftest import Golden
from render.samples import FIGURE, HOSTILE, bill, changed, doubtful, hostile, ordinary, replacement

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Seen(HTMLParser):
    """What a page holds: ids, links, states, and the text of each marked field."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.states: dict[str, str] = {}
        self.announced: dict[str, str] = {}
        self.text = ""
        self.fields: list[tuple[str, str]] = []
        self.open: list[tuple[str, str | None]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        have = {name: value or "" for name, value in attrs}
        self.tags[tag] += 1
        self.handlers += [name for name in have if name.startswith("on")]
        if "id" in have:
            self.ids.append(have["id"])
        if tag == "a":
            self.links.append(have["href"])
        if tag == "article":
            self.states[have["id"]] = have["data-state"]
        if "data-announce" in have:
            self.announced[have["id"]] = have["data-announce"]
        if "data-field" in have:
            self.fields.append((have["data-field"], ""))
        if tag not in VOID:
            self.open.append((tag, have.get("data-field")))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if any(field for _, field in self.open):
            name, text = self.fields[-1]
            self.fields[-1] = (name, text + data)


@cache
def site(*folders: Path) -> Site:
    """One for all tests: its templates are read once."""
    return Site(Look(folders=folders))


def day(look: Look, one: Edition) -> str:
    return next(site(*look.folders).day(one)).content.decode()


def sums(page: str) -> list[list[int]]:
    """The numbers of every sum of a page: announced, then each term."""
    found = re.findall(
        r"(\d+) 篇(?:（主类 \d+，交叉 \d+）| )= ([^·]*?\d+)(?= [^+]|$)", " ".join(Seen(page).text.split())
    )
    return [[int(whole), *map(int, re.findall(r"\d+", terms))] for whole, terms in found]


def test_every_paper_has_one_article_in_its_state(look: Look) -> None:
    """Also a paper of two sections stands once in full; all ids of the page are unique."""
    seen = Seen(day(look, ordinary()))

    assert list(seen.states.items()) == [
        ("2603.00001", "shown"),
        ("2603.00002", "shown"),
        ("2603.00003", "flagged"),
        ("2603.00004", "pending"),
        ("2603.00005", "shown"),
        ("2602.00010", "shown"),
        ("2602.00011", "flagged"),
    ]
    assert len(seen.ids) == len(set(seen.ids))


def test_fields_hold_exactly_the_card_and_the_abstract(look: Look) -> None:
    """Labels stand beside them, not in them."""
    assert Seen(day(look, edition(entry()))).fields == [*GOOD.items(), ("abstract", entry().paper.abstract)]


def test_a_pending_paper_has_its_abstract_and_no_other_field(look: Look) -> None:
    """Nothing looks like a card where there is none, and the reason is told."""
    page = day(look, edition(entry(card=None, problems=("no reply: 503",))))

    assert Seen(page).fields == [("abstract", entry().paper.abstract)]
    assert "no reply: 503" in page


def test_links_on_a_page_lead_to_arxiv_to_the_site_or_to_a_place_on_it(look: Look) -> None:
    """A link inside the page has its target; a link out is one that we built or that the text shows."""
    for one in (ordinary(), hostile()):
        seen = Seen(day(look, one))
        inside = [link[1:] for link in seen.links if link.startswith("#")]
        outside = [link for link in seen.links if not link.startswith(("#", "../", "index.md", "https://arxiv.org/"))]
        assert set(inside) <= set(seen.ids)
        assert all(link.startswith(("http://", "https://")) and link in page_text(one) for link in outside)


def page_text(one: Edition) -> str:
    return " ".join(entry.paper.model_dump_json() for entry in one.entries)


def test_the_head_of_a_day_says_what_became_of_every_paper(look: Look) -> None:
    """Announced is a sum; its terms lead to the papers, and replacements are counted apart."""
    seen = Seen(day(look, ordinary()))

    text = " ".join(seen.text.split())
    assert "arXiv 公布 7 篇（主类 5，交叉 2）= 已总结 3 + 存疑 1 + 待补 1 + 按规则排除 2 更新版 3 cs.CL" in text
    assert {"#2603.00003", "#2603.00004", "#excluded", "#replacements"} <= set(seen.links)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.sampled_from(["feed", "oai", "file"])
)
def test_the_sum_of_a_day_is_right_on_every_page(shown: int, flagged: int, pending: int, out: int, source: str) -> None:
    """Whatever is left out of it is zero."""
    kinds: list[dict[str, Any]] = [{}] * shown + [{"problems": ("x",)}] * flagged + [{"card": None}] * pending
    entries = [entry(f"2603.{count:05}", **kind) for count, kind in enumerate(kinds)]
    excluded = tuple(
        entry(f"2604.{count:05}", card=None, excluded_by="r", announce_type="cross") for count in range(out)
    )
    one = edition(*entries, excluded=excluded, source=source)

    look = Look(folders=(built_in("templates"),))
    found = sums(day(look, one))
    assert len(found) == (1 if entries or out else 0)
    assert all(whole == sum(terms) == len(entries) + out and terms[0] == shown for whole, *terms in found)


def test_what_a_rule_excludes_is_listed_and_is_no_article(look: Look) -> None:
    """Folded at the end, each with its link, its identifier and the rule; the fold says how many each rule took."""
    page = day(look, ordinary())

    fold = Seen(page[page.index('<details class="excluded">') : page.index("</main>")].rsplit("</section>", 1)[0])
    assert " ".join(fold.text.split()) == (
        "exclude: medical 1 · exclude: survey 1"
        " A Survey of Foo arXiv:2603.00006 · exclude: survey Foo in Medicine arXiv:2603.00007 · exclude: medical"
    )
    assert fold.links == ["https://arxiv.org/abs/2603.00006v1", "https://arxiv.org/abs/2603.00007v1"]
    assert fold.tags["article"] == 0


def test_a_day_of_which_rules_leave_nothing_still_tells_all(look: Look) -> None:
    """The page says that there is no paper, and lists what is kept out."""
    page = day(look, edition(excluded=(entry(card=None, excluded_by="exclude: survey"),)))

    assert "没有符合条件的论文" in page
    assert Seen(page).ids[-2:] == ["excluded", "2603.00001"]


def test_a_card_says_why_it_is_there_and_where_it_was_first(look: Look) -> None:
    """Only what neither its section nor its categories say; the link leads to the earlier edition."""
    seen = Seen(day(look, ordinary()))

    text = " ".join(seen.text.split())
    assert "关键词 gated attention 作者 Ada Lovelace 首次刊出于 2026-03-10" in text
    assert "../2026-03-10/index.html#2603.00001" in seen.links
    assert not re.search("主类 cs|交叉 cs", text)
    assert text.count("交叉列表") == 1


def test_the_primary_category_shows_where_its_section_does_not_name_it(look: Look) -> None:
    """It always stands first on the page, for scripts."""
    one = edition(entry("2603.00001"), entry("2603.00002"))
    followed = Section(title="Gates", kind="keyword", arxiv_ids=("2603.00001",))
    page = day(look, one.with_sections((followed, *one.sections)))

    assert re.findall(r'<span class="category"( hidden)?>([\w.]+)<', page) == [
        ("", "cs.CL"),
        ("", "cs.AI"),
        (" hidden", "cs.CL"),
        ("", "cs.AI"),
    ]


def test_a_section_leads_to_its_page_over_time_and_names_itself(look: Look) -> None:
    """By the path that all pages take; what belongs to no section leads nowhere."""
    one = edition(entry("2603.00001"), entry("2603.00002"))
    gates = Section(title="Gates & Co.", kind="keyword", arxiv_ids=("2603.00001",))
    page = day(look, one.with_sections((gates,)))

    assert re.findall('data-kind="([^"]*)" data-title="([^"]*)"', page) == [
        ("keyword", "Gates &amp; Co."),
        ("rest", ""),
    ]
    assert [link for link in Seen(page).links if link.startswith("../keyword")] == [
        f"../{section_path('keyword', 'Gates & Co.')}.html"
    ]


def test_what_a_paper_offers_on_the_web_is_linked_by_name(look: Look) -> None:
    """Beside abstract, PDF and HTML at arXiv; the version shows only behind the first."""
    one = entry(abstract="We gate. Code: https://github.com/ada/foo.", version=2)
    seen = Seen(day(look, edition(one, entry("2603.00002"))))

    text = " ".join(seen.text.split())
    assert "arXiv:2603.00001 PDF HTML 代码" in text
    assert "arXiv:2603.00002 PDF HTML " in text
    assert seen.links.count("https://github.com/ada/foo") == 2
    assert re.findall(r"\bv\d\b", text) == ["v2"]


def test_tex_is_set_and_kept_for_who_takes_the_paper_away(look: Look) -> None:
    """The title and the names as BibTeX wants them stand beside what the page shows, where these differ."""
    one = entry(title=r"Gates in $O(n^2)$", authors=("Ada Lovelace, Jr.", r"Kurt G\"odel"))
    page = day(look, edition(one, entry("2603.00002")))

    assert re.findall(r'data-title="([^"]*)" data-tex-title="([^"]*)"', page) == [
        ("Gates in O(n²)", "Gates in $O(n^2)$")
    ]
    assert re.findall(r'data-authors="([^"]*)"', page) == ["Ada Lovelace, Jr.&#10;Kurt Gödel"]
    assert re.search(r"<h3>.*<math>.*</h3>", page)


def test_what_only_a_script_can_do_is_hidden_without_one(look: Look) -> None:
    """The toolbar is hidden, the buttons of the cards are in a template; a day without papers has neither."""
    page = day(look, ordinary())

    start = page.index('<div class="toolbar"')
    toolbar = page[start : page.index('<div class="page">', start)]
    assert toolbar.startswith('<div class="toolbar" id="toolbar" role="search" data-scripted>')
    assert ":root:not([data-scripts]) [data-scripted]" in page
    rest = re.sub("<template.*?</template>", "", page.replace(toolbar, ""))
    assert Seen(rest).tags.keys() & {"button", "input", "select"} == set()
    assert 'id="toolbar"' not in day(look, edition())


def test_a_replacement_with_a_card_is_an_article_with_a_fold(look: Look) -> None:
    """Versions, what changed, the note and the earlier edition are told; its fields are a card's."""
    one = replacement(version=3, change=changed(note=("新版增加了两个测试集。", "结论不变。")))
    seen = Seen(day(look, edition(replacements=(one,))))

    text = " ".join(seen.text.split())
    assert (
        "Bar, Again v3 ← v1 cs.CL cs.AI 对照 2026-03-10 摘要有改动，标题未变 新版增加了两个测试集。结论不变。" in text
    )
    assert seen.links.count("../2026-03-10/index.html#2602.00010") == 1
    assert (seen.states, seen.announced) == ({"2602.00010": "shown"}, {"2602.00010": "replace"})
    assert seen.fields == [*GOOD.items(), ("abstract", one.paper.abstract)]


def test_a_replacement_without_a_card_is_a_line_with_its_identifier(look: Look) -> None:
    """It is no article and waits for nothing; only a card that was asked for in vain has its reason told."""
    plain = replacement(card=None, problems=(NOT_ASKED,), announce_type="replace-cross")
    failed = replacement("2602.00011", card=None, problems=("engine: HTTP 500",))
    page = day(look, edition(replacements=(plain, failed)))

    seen = Seen(page)
    assert seen.states == {}
    assert seen.announced == {"2602.00010": "replace-cross", "2602.00011": "replace"}
    assert NOT_ASKED not in page
    assert "engine: HTTP 500" in page


def test_a_flagged_replacement_is_marked_outside_its_fold(look: Look) -> None:
    """A reader who opens nothing sees the mark; the counts of the day do not count it."""
    page = day(look, edition(entry(), replacements=(replacement(problems=("result: 4",)),)))

    article = page[page.index('id="2602.00010"') :]
    assert article.index("存疑") < article.index("<details")
    assert sums(page) == [[1, 1]]


def test_ids_are_unique_though_a_paper_stands_in_every_list(look: Look) -> None:
    """A damaged record may name a paper as entry, replacement and exclusion."""
    out = (entry("2602.00011", card=None), entry("2603.00001", card=None))
    plain = replacement("2602.00011", card=None)
    page = day(look, edition(entry(), replacements=(replacement("2603.00001", card=None), plain), excluded=out))

    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("source", get_args(Source))
def test_a_day_says_where_its_list_comes_from(look: Look, source: str) -> None:
    """Every source has its words, with notes and without."""
    plain, noted = (day(look, edition(entry(), source=source, notes=notes)) for notes in ((), ("a note",)))

    assert "名单" in plain or source == "sample"
    assert re.search(r"<summary>名单[^<]+</summary><ul><li[^>]*>a note</li></ul>", noted)


def test_hostile_text_stands_on_the_page_as_text(look: Look) -> None:
    """No tag, no handler and no template of a stranger's comes alive; the text is there word for word."""
    seen = Seen(day(look, hostile()))

    assert not seen.tags.keys() & {"img", "iframe"}
    assert seen.tags["script"] == ordinary_scripts(look)
    assert seen.handlers == []
    said = " ".join(HOSTILE.split())
    assert {text for _, text in seen.fields} == {said}
    assert seen.text.count(said) >= 4 + len(seen.fields)


@pytest.mark.parametrize("arxiv_id", ["math/0309136", "2603.00001"])
def test_links_to_a_paper_carry_its_version(look: Look, arxiv_id: str) -> None:
    """Old identifiers keep their slash, and have no HTML at arXiv."""
    links = Seen(day(look, edition(entry(arxiv_id, version=3)))).links

    found = [link.removeprefix("https://arxiv.org/") for link in links if "arxiv.org" in link]
    assert sorted(set(found)) == [
        f"{kind}/{arxiv_id}v3" for kind in ("abs", "html", "pdf") if "/" not in arxiv_id or kind != "html"
    ]


def test_counts_that_are_zero_are_not_told(look: Look) -> None:
    """A day where all went well speaks of no trouble."""
    page = day(look, edition(entry()))

    assert "存疑" not in page
    assert "待补" not in page
    assert "按规则排除" not in page
    assert "更新版" not in page


def test_a_sample_says_that_it_is_one(look: Look) -> None:
    """Invented papers are never taken for real ones."""
    assert "样例" in day(look, edition(entry(), source="sample"))
    assert "样例" not in day(look, edition(entry()))


def test_a_day_without_papers_says_so(look: Look) -> None:
    """A holiday is a page too."""
    assert "没有符合条件的论文" in day(look, edition())


def ordinary_scripts(look: Look) -> int:
    """How many scripts of our own stand in a page."""
    return Seen(day(look, ordinary())).tags["script"]


def test_a_page_loads_nothing_and_its_policy_names_its_style(look: Look) -> None:
    """No address to load from stands in the page, and the style is the one the policy allows."""
    page = day(look, ordinary())

    assert re.findall(r'src="|url\((?!"data:)|@import|<script ', page) == []
    assert "default-src 'none'; style-src 'sha256-" in page
    policy = page.partition("Content-Security-Policy")[2].partition(">")[0]
    for script in re.findall(r"<script>(.*?)</script>", page, re.DOTALL):
        assert b64encode(sha256(script.encode()).digest()).decode() in policy


def test_the_same_editions_give_the_same_bytes(look: Look) -> None:
    """No clock, no order of a set."""
    assert list(Site(look).day(ordinary())) == list(Site(look).day(ordinary()))


def test_a_keyword_may_be_called_like_one_of_our_anchors(look: Look) -> None:
    """Ids stay unique whatever a section is called."""
    one = edition(entry()).with_sections(
        Section(title=title, kind="keyword", arxiv_ids=("2603.00001",))
        for title in ("main", "Top", "contents", "2603.00001")
    )

    seen = Seen(day(look, one))
    assert len(seen.ids) == len(set(seen.ids))


def test_doubtful_words_are_marked_with_their_reason_and_the_field_stays_the_cards_text(look: Look) -> None:
    """The reason is in the page's language, in an attribute for the style and for screen readers; Tab reaches it."""
    one = doubtful()
    page = day(look, edition(one))

    assert one.card is not None
    assert Seen(page).fields[:5] == [(name, getattr(one.card, name)) for name in FIELDS]
    assert re.findall(
        r'<mark class="doubt" tabindex="0" aria-description="([^"]+)" data-why="([^"]+)">([^<]+)<', page
    ) == [
        ("原文没有这个名称，最接近的是 GatedNet",) * 2 + ("GateNet",),
        ("标题和摘要里没有这个数",) * 2 + ("4.1%",),
    ]


def test_problems_with_a_mark_are_told_in_the_language_of_the_page_and_others_as_recorded(look: Look) -> None:
    """Which field, which words, and why; the raw line is English, and says so."""
    lines = (str(FIGURE), "method: too long")
    text = " ".join(Seen(day(look, edition(doubtful(problems=lines)))).text.split())
    page = day(look, edition(doubtful(problems=lines)))

    assert "请对照原文：结果 4.1%：标题和摘要里没有这个数method: too long" in text
    assert '<li lang="en">method: too long</li>' in page
    assert str(FIGURE) not in page


@pytest.mark.parametrize("instead", [None, HOSTILE])
@pytest.mark.parametrize("kind", ["figure", "name", "term"])
def test_hostile_words_in_a_mark_are_text(look: Look, kind: Any, instead: str | None) -> None:
    """Neither the words nor what stands in their place leaves its attribute or its line."""
    said = "在 " + HOSTILE
    mark = Mark(field="result", words=HOSTILE, kind=kind, instead=instead)
    one = entry(card=card(result=said), marks=(mark,), problems=(str(mark),))

    seen = Seen(day(look, edition(one)))

    assert ("result", " ".join(said.split())) in seen.fields
    assert seen.tags["mark"] == 1
    assert not seen.tags.keys() & {"img", "iframe"}
    assert seen.tags["script"] == ordinary_scripts(look)
    assert seen.handlers == []


def test_a_marked_replacement_is_marked_in_its_fold(look: Look) -> None:
    """The same card template serves both."""
    seen = Seen(day(look, edition(replacements=(doubtful("2602.00010", version=2, announce_type="replace"),))))

    assert seen.tags["mark"] == 2


def test_a_card_says_quietly_what_it_went_through(look: Look) -> None:
    """A second asking, an earlier card, a model other than that of most cards; an ordinary card says nothing."""
    seen = Seen(day(look, edition(entry("2603.00001"), entry("2603.00002"), doubtful())))
    text = " ".join(seen.text.split())

    assert "由 fake-2 写成 经一次修正 重新生成过" in text
    assert [text.count(said) for said in ("写成 ", "经一次修正", "重新生成过")] == [1, 1, 1]
    assert "重新生成过" not in day(
        look, edition(doubtful(replies=(origin(key="k2"),)))
    )  # the other is of another version
    assert "重新生成过" not in day(look, edition(doubtful(replies=(origin(key="k2"), origin()))))  # brought back
    repaired = entry(card=card(origin=origin(repair=True)))
    assert " 经一次修正 " in " ".join(Seen(day(look, edition(repaired))).text.split())


def test_the_foot_shows_the_receipt(look: Look) -> None:
    """Each model with replies, tokens and money; what has no price says so; the sum where bills share a currency."""
    bills = (
        bill(cost=1.5, currency="CNY", cached_tokens=2048),
        bill(model="b", cost=0.25, currency="CNY", unpriced=3),
        bill(engine="batch", model="c", unpriced=2),
    )
    text = " ".join(Seen(day(look, edition(entry(), receipt=bills))).text.split())

    assert "fake-1 1,234 次回答 输入 987,654（其中缓存 2,048）、输出 4,321 tokens 1.50 CNY b 1,234" in text
    assert "0.2500 CNY 另有 3 次价格未知 c" in text
    assert "价格未知 批量接口，半价 = 1.75 CNY" in text
    assert "用去" not in text


def test_a_record_without_a_receipt_tells_its_tokens(look: Look) -> None:
    """As older editions are kept."""
    assert "用去 900 + 300 tokens。" in " ".join(Seen(day(look, edition(entry()))).text.split())


def without_style_and_scripts(page: Page) -> Page:
    """What is kept of a page: these have their own tests, and would change it every time."""
    text = re.sub(r"(<(style|script)>).*?(</\2>)", r"\1\3", page.content.decode(), flags=re.DOTALL)
    return Page(page.path, re.sub("sha256-[^']+", "sha256-", text).encode())


def test_the_pages_are_the_golden_pages(look: Look, golden: Golden) -> None:
    """A day whole, as kept."""
    golden("day/index.html", without_style_and_scripts(next(Site(look).day(ordinary()))))
