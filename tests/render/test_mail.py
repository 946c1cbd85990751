"""The mail: what mail programs take, every paper in it whatever its size, and text that stays text."""

import re
from datetime import date
from functools import cache

import pytest
from fakes import GOOD, card, edition, entry
from lxml import html

from digest.models import Edition, Mark
from digest.render import Look, Volumes
from digest.render.columns import WIDTH, width
from digest.render.mail import LONGEST, Mail
from digest.resources import built_in
from render.conftest import Golden
from render.samples import FIGURE, HOSTILE, doubtful, hostile, ordinary

SITE = "https://ada.example/digest/"
#: Properties of style attributes that the programs of the great services keep. Source: https://www.caniemail.com
STYLES = {
    *("font-size", "font-family", "line-height", "margin", "padding", "border-bottom", "border-top", "max-width"),
    *("max-height", "overflow", "display", "overflow-wrap"),
}
ATTRIBUTES = {"href", "style", "class", "lang", "charset", "name", "content", "aria-label", "role", "http-equiv"}
WRONG = Mark(field="tldr", words="门控", kind="term", instead="闸门")
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "div", "p", "h1", "h2", "h3"),
    *("a", "b", "small", "span", "strong", "br", "ul", "li"),
}


@cache
def mail(url: str = "") -> Mail:
    """The format for a site at `url`; its templates are read once."""
    return Mail(Look(folders=(built_in("templates"),), site_url=url))


def both(one: Edition, url: str = "") -> tuple[str, str]:
    """The message in HTML and as text."""
    pages = list(mail(url).day(one))
    assert [page.path for page in pages] == [f"{one.announced}/mail.html", f"{one.announced}/mail.txt"]
    return pages[0].content.decode(), pages[1].content.decode()


def words_of(page: str) -> str:
    """What a reader of the HTML sees, its preview apart, on one line."""
    body = html.document_fromstring(page).find("body")
    assert body is not None
    return " ".join(" ".join(map(str, body.itertext())).split())


def crowd(number: int) -> Edition:
    """A long day."""
    return edition(*(entry(f"2603.{count:05}", title=f"Foo {count}!") for count in range(number)))


@pytest.mark.parametrize("language", ["zh-Hans", "zh-Hant", "ja", "ko", "en", "fr"])
@pytest.mark.parametrize("url", ["", SITE])
@pytest.mark.parametrize(
    "one", [ordinary(), hostile(), edition(), crowd(200)], ids=["ordinary", "hostile", "empty", "long"]
)
def test_a_mail_holds_nothing_that_mail_programs_refuse(language: str, url: str, one: Edition) -> None:
    """No script, form, picture or formula; nothing to load; links in full; few styles, no colour inline."""
    page, _ = both(one.model_copy(update={"language": language}), url)
    tree = html.document_fromstring(page)

    elements = [element for element in tree.iter() if isinstance(element.tag, str)]
    assert {element.tag for element in elements} <= TAGS
    assert {str(name) for element in elements for name in element.attrib} <= ATTRIBUTES
    for link in tree.iter("a"):
        assert re.fullmatch(r"https?://[a-z]+\.(org|example)/[!-~]*", link.get("href", ""))
    rules = {rule for element in elements for rule in (element.get("style") or "").split(";")}
    assert {rule.partition(":")[0].strip() for rule in rules - {""}} <= STYLES
    style = tree.findtext(".//style") or ""
    assert "url(" not in style
    assert "@import" not in style
    assert tree.get("lang") == ("en" if language == "fr" else language)


def test_the_title_of_the_mail_is_its_subject() -> None:
    """The first line of the text, too."""
    page, text = both(ordinary())

    subject = mail().subject(ordinary())
    assert subject == "每日论文速览 2026-03-17：5 篇"
    assert html.document_fromstring(page).findtext(".//title") == subject
    assert text.splitlines()[0] == subject


def test_a_short_mail_has_whole_cards() -> None:
    """Every field of every card, in both forms."""
    page, text = both(edition(entry("2603.00001"), entry("2603.00002")))

    for said in GOOD.values():
        assert words_of(page).count(said) == 2
        assert "".join(text.split()).count("".join(said.split())) == 2


@pytest.mark.parametrize("number", [20, 60, 80, 120, 300])
def test_a_long_mail_has_the_tldr_of_every_paper(number: int) -> None:
    """No paper is left out to make it shorter; whole cards only where they fit."""
    page, text = both(crowd(number))
    is_whole = GOOD["method"] in page

    assert page.count(GOOD["tldr"]) == number
    assert all(f"Foo {count}!" in page and f"Foo {count}!" in text for count in range(number))
    assert page.count("https://arxiv.org/abs/") >= number
    assert not is_whole or len(page.encode()) < LONGEST
    assert is_whole == ("只列标题" not in page) == ("只列标题" not in text) == ("动机：" in text)
    assert is_whole == (number <= 80)


@pytest.mark.parametrize("others", [0, 150])
def test_flagged_and_pending_papers_say_so_in_either_length(others: int) -> None:
    """With the words of the doubt where the field that it is about is there."""
    waiting = entry("2603.00004", card=None, problems=("no reply: the service answered 503",))
    wrong = doubtful(marks=(WRONG, FIGURE), problems=(str(WRONG), str(FIGURE)))
    page, text = both(edition(wrong, waiting, *crowd(others + 10).entries[10:]))

    for form in (words_of(page), " ".join(text.split())):
        assert form.count("存疑") == 2  # in the ledger and beside the paper
        assert form.count("待补") == 2
        assert "no reply: the service answered 503" in form
        assert "TL;DR：门控" in form
        assert ("结果：4.1%" in form) == (not others)


def test_a_pending_paper_has_its_abstract() -> None:
    """Where the message has whole cards."""
    page, text = both(edition(entry(card=None, problems=("no reply",), abstract=r"We gain $3.5\%$.")))

    assert "We gain 3.5%." in page
    assert "We gain 3.5%." in text


def test_the_ledger_and_the_receipt_are_the_days() -> None:
    """Counts by section, replacements, rules, and what it took."""
    page, text = both(ordinary())
    for form in (words_of(page), text):
        said = "".join(form.split())
        assert "arXiv公布7篇（主类5，交叉2）=已总结3+存疑1+待补1+按规则排除2" in said
        assert "更新版3" in said
        assert "GatedAttention3" in said
        assert "cs.CV计算机视觉1" in said
        assert "exclude:medical1" in said
        assert "1,234次回答" in said
        assert "新版增加了两个测试集。" in said
        assert "见上文：1、2、5" in said


def test_links_lead_to_the_site_where_it_is_on_the_web() -> None:
    """And to arXiv beside it, or alone."""
    page, text = both(edition(entry()), SITE)

    for form in (page, text):
        assert f"{SITE}2026-03-17/index.html#2603.00001" in form
        assert "https://arxiv.org/abs/2603.00001v1" in form
        assert f"{SITE}2026-03-17/index.html" in form
    assert "网页版" not in both(edition(entry()))[0]


def test_a_paper_is_numbered_and_in_full_once() -> None:
    """Where it comes again in another section, its number does."""
    page, text = both(ordinary())

    assert re.findall(r"^\[(\d+)\]", text, re.MULTILINE) == ["1", "2", "3", "4", "5"]
    assert re.findall(r">(\d+) <a ", page) == ["1", "2", "3", "4", "5"]


def test_hostile_text_is_text() -> None:
    """In HTML it is escaped; in the text it can neither begin a line of ours nor hide."""
    page, text = both(hostile())
    seen = words_of(page)

    assert seen.count("<script>alert(1)</script>") >= 10
    assert "<script" not in page.split("</style>")[1]
    assert "".join(HOSTILE.split()) in "".join(text.split())
    assert "\x1b" not in text


def test_the_text_keeps_to_its_columns() -> None:
    """But for addresses, and for words longer than a line."""
    _, text = both(ordinary(), SITE)

    too_wide = [line for line in text.splitlines() if width(line) > WIDTH]
    assert [line for line in too_wide if "http" not in line] == []
    assert not re.search(r"[ \t]+$|\n{4,}", text, re.MULTILINE)


def test_a_mail_has_no_tex_and_no_formula() -> None:
    """Programs drop MathML."""
    said = card(tldr=r"误差降到 $3.5\%$。", method=r"\textbf{门控}，复杂度 $O(n^2)$。")

    for form in both(edition(entry(title=r"An $O(n^2)$ Attention", card=said))):
        assert "An O(n²) Attention" in form
        assert "误差降到 3.5%。" in form
        assert "门控，复杂度 O(n²)。" in form


def test_the_preview_is_the_counts_of_the_sections() -> None:
    """What a program shows beside the subject, and the message itself does not."""
    page, _ = both(ordinary())
    first = html.document_fromstring(page).find("body/div")

    assert first is not None
    assert "display:none" in first.get("style", "")
    assert " ".join("".join(map(str, first.itertext())).split()).startswith("cs.CL 计算与语言 3 · cs.CV 计算机视觉")


def test_a_mail_is_about_one_date() -> None:
    """There is none about all editions."""
    assert list(mail().whole(Volumes.of([ordinary(), edition(announced=date(2026, 3, 16))]))) == []


def test_the_mail_is_the_golden_page(golden: Golden) -> None:
    """Both forms, as kept."""
    for page in mail(SITE).day(ordinary()):
        golden(f"day/{page.path.rpartition('/')[2]}", page)
