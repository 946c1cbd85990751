"""Editions of invented papers: an ordinary day with one of everything, and one of hostile text."""

from datetime import UTC, date, datetime
from typing import Any

from fakes import GOOD, card, edition, entry, origin

from digest.models import Bill, Change, Edition, Entry, Mark, Reason, Section

HOSTILE = (
    "<script>alert(1)</script> <img src=x onerror=alert(2)> ](javascript:alert(3)) [a](http://evil.example/) "
    "![i](http://evil.example/i.png) `code` **bold** _it_ ~~gone~~ a | b \\| c &lt; &#60; {{ 7*7 }} {% raw %} "
    "</p></details> <!-- x --> \"' onmouseover=alert(4) ]]> https://x.example/a_(b)?q=<b> " + "x" * 300
)

#: One danger each: none of them may do anything, and each stands as it is wherever a stranger's words stand.
HOSTILE_TEXTS = (
    "</script><script>alert(1)</script>",
    "</style></title></textarea></template><svg onload=alert(1)><p>",
    "<math><mtext><img src=x onerror=alert(1)></mtext></math>",
    "--> <!-- ]]> <![CDATA[ <? ?> &#x3c;b&#x3e; &amp;lt;",
    "{{ 7*7 }} {% for x in y %} {# gone #} {{- x|safe -}}",
    "`${alert(1)}` ${7*7} <%= 7*7 %> #{7*7}",
    "[a](javascript:alert(1)) ![i](http://evil.example/i.png) <http://evil.example/> [r]: http://evil.example/",
    "| a | b |",
    "# H1 > quote - list + more * and 1. numbers --- === ~~~ ``` @somebody #1 GH-1",
    "javascript:alert(1) data:text/html,<script>alert(1)</script>",
    "\" onmouseover=alert(1) style=color:red x=' autofocus onfocus=alert(1) `",
    r"$\href{javascript:alert(1)}{x}$ \url{javascript:alert(1)} $\class{x}{y} \style{color:red}{z} \text{<b>}$",
    "left \u202e\u2066\u2067thgir\u2069\u200f\u061c right",
    "line\u2028separator\u2029paragraph\x0bvertical\x85next",
    "x" * 10_000,
    "\u5b57" * 2_000,
    "Z" + "\u0301\u0327\u0489" * 300,
    "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466" * 100,
)


#: As many harmless ones: a page of them is made of the same elements.
HARMLESS_TEXTS = (
    *(f"Harmless words, number {count}" for count in range(len(HOSTILE_TEXTS) - 2)),
    "A formula $x$ that can be set",
    r"A formula $\class{x}{y}$ that can't",
)


def besieged(announced: date, texts: tuple[str, ...] = HOSTILE_TEXTS) -> Edition:
    """A paper for each of the texts, which stands in every place where a stranger's words stand."""
    entries = tuple(
        entry(
            f"2603.1{number:04d}",
            title=text,
            authors=(text, *(f"{text} {count}" for count in range(12))) if len(text) < 500 else (text,),
            abstract=text,
            comment=text,
            categories=(text, "cs.CL"),
            card=card(**dict.fromkeys(GOOD, text), origin=origin(model=text)),
            why=(because("keyword", text), because("author", text)),
            problems=(text,) if number % 2 else (),
        )
        for number, text in enumerate(texts)
    )
    day = edition(
        *entries,
        announced=announced,
        notes=texts,
        receipt=(bill(model=texts[0], cost=0.5, currency=texts[0]),),
        replacements=tuple(
            replacement(f"2602.3{number:04d}", title=text, abstract=text, change=changed(note=(text,)))
            for number, text in enumerate(texts)
        ),
        excluded=tuple(
            entry(f"2603.2{number:04d}", card=None, title=text, excluded_by=text) for number, text in enumerate(texts)
        ),
    )
    keywords = (
        Section(title=text, kind="keyword", arxiv_ids=tuple(one.paper.arxiv_id for one in entries[:3]))
        for text in texts
    )
    return day.with_sections((*day.sections, *keywords))


def ordinary() -> Edition:
    """One announcement date: shown, flagged, pending, cross-listed and excluded papers, a keyword, replacements."""
    many = tuple(f"Author Number{count}" for count in range(1, 13))
    entries = (
        entry(
            "2603.00001",
            comment="12 pages; code at https://example.org/foo_bar/~ada/, CVPR 2026",
            updated=moment(1),
            why=(
                because("category", "cs.CL"),
                because("keyword", "gated attention"),
                because("author", "Ada Lovelace"),
            ),
            first_announced=date(2026, 3, 10),
        ),
        entry(
            "2603.00002", title="Bar_Net: 3 [SEG] Tokens & J&F +8.9", authors=many, updated=moment(2), comment="5 pages"
        ),
        doubtful("2603.00003", updated=moment(3)),
        entry(
            "2603.00004",
            card=None,
            problems=("no reply: the service answered 503",),
            categories=("cs.CV", "eess.IV"),
            abstract="We gain $3.5\\%$ at https://example.org/gain, and ~100 more.",
        ),
        entry(
            "2603.00005",
            announce_type="cross",
            categories=("stat.ML", "cs.CL"),
            updated=moment(4),
            why=(because("cross", "cs.CL"),),
        ),
    )
    day = edition(
        *entries,
        categories=("cs.CL", "cs.CV"),
        notes=("the feed of cs.CV was one hour old",),
        receipt=(
            bill(cost=0.0187, currency="CNY", cached_tokens=2048),
            bill(engine="batch", model="fake-2", replies=2, unpriced=1),
        ),
        replacements=(
            entry("2602.00009", version=3, announce_type="replace", card=None, title="Baz, Again"),
            replacement("2602.00010", version=3, change=changed(note=("新版增加了两个测试集。", "结论不变。"))),
            replacement(
                "2602.00011", problems=("result: 4.1 is not in the abstract",), change=changed(title_changed=True)
            ),
        ),
        excluded=(
            entry("2603.00006", card=None, title="A Survey of Foo", excluded_by="exclude: survey"),
            entry(
                "2603.00007", card=None, title="Foo in Medicine", excluded_by="exclude: medical", announce_type="cross"
            ),
        ),
    )
    keyword = Section(title="Gated Attention", kind="keyword", arxiv_ids=("2603.00001", "2603.00002", "2603.00005"))
    return day.with_sections((*day.sections, keyword))


FIGURE = Mark(field="result", words="4.1%", kind="figure")
NAME = Mark(field="method", words="GateNet", kind="name", instead="GatedNet")


def doubtful(arxiv_id: str = "2603.00003", **fields: Any) -> Entry:
    """A card with a wrong figure and a wrong name, of a second asking and another model, in place of an earlier one."""
    said = card(
        method="作者提出 GateNet，并在注意力层加入门控。",
        result="准确率提升 4.1%，参数只有 24.1% 。",
        origin=origin(model="fake-2", key="k2", repair=True),
    )
    marks = (FIGURE, NAME)
    mine: dict[str, Any] = {
        "card": said,
        "marks": marks,
        "problems": tuple(map(str, marks)),
        "earlier": (card(),),
        "replies": (origin(), said.origin),
    }
    return entry(arxiv_id, **{**mine, **fields})


def bill(**fields: Any) -> Bill:
    """What one model took."""
    return Bill(
        **{
            "engine": "chat",
            "model": "fake-1",
            "replies": 1234,
            "prompt_tokens": 987654,
            "cached_tokens": 0,
            "completion_tokens": 4321,
            **fields,
        }
    )


def because(kind: Any, value: str) -> Reason:
    return Reason(kind=kind, value=value)


def changed(**fields: Any) -> Change:
    """What a new version changed against version 1 of a week before: its abstract."""
    mine: dict[str, Any] = {
        "from_version": 1,
        "announced": date(2026, 3, 10),
        "title_changed": False,
        "abstract_changed": True,
    }
    return Change(**{**mine, **fields})


def replacement(arxiv_id: str = "2602.00010", **fields: Any) -> Entry:
    """A second version with a card."""
    return entry(arxiv_id, **{"version": 2, "announce_type": "replace", "title": "Bar, Again", **fields})


def moment(hour: int) -> datetime:
    return datetime(2026, 3, 16, hour, tzinfo=UTC)


def earlier() -> Edition:
    """An older day in another month."""
    return edition(entry("2602.00001", updated=datetime(2026, 2, 26, tzinfo=UTC)), announced=date(2026, 2, 27))


def hostile() -> Edition:
    """One paper each way, every text of a stranger hostile."""
    fields = {"title": HOSTILE, "authors": (HOSTILE, "B"), "abstract": HOSTILE, "comment": HOSTILE}
    said = card(**dict.fromkeys(GOOD, HOSTILE))
    day = edition(
        entry("2603.00001", card=said, problems=(HOSTILE,), why=(because("author", HOSTILE),), **fields),
        entry("2603.00002", card=None, problems=(HOSTILE,), **fields),
        notes=(HOSTILE,),
        replacements=(
            replacement("2602.00009", card=said, problems=(HOSTILE,), change=changed(note=(HOSTILE,)), **fields),
            replacement("2602.00010", card=None, problems=(HOSTILE,), why=(because("author", HOSTILE),), **fields),
        ),
        excluded=(entry("2603.00003", card=None, excluded_by=HOSTILE, **fields),),
    )
    keyword = Section(title=HOSTILE, kind="keyword", arxiv_ids=("2603.00001", "2603.00002"))
    return day.with_sections((*day.sections, keyword))
