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
    """A card with a wrong figure and a wrong name, of a second asking and another model."""
    said = card(
        method="作者提出 GateNet，并在注意力层加入门控。",
        result="准确率提升 4.1%，参数只有 24.1% 。",
        origin=origin(model="fake-2", repair=True),
    )
    marks = (FIGURE, NAME)
    return entry(
        arxiv_id, **{"card": said, "marks": marks, "problems": tuple(map(str, marks)), "earlier": (card(),), **fields}
    )


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
