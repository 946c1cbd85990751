"""Editions of invented papers: an ordinary day with one of everything, and one of hostile text."""

from datetime import UTC, date, datetime

from fakes import GOOD, card, edition, entry

from digest.models import Edition, Section

HOSTILE = (
    "<script>alert(1)</script> <img src=x onerror=alert(2)> ](javascript:alert(3)) [a](http://evil.example/) "
    "![i](http://evil.example/i.png) `code` **bold** _it_ ~~gone~~ a | b \\| c &lt; &#60; {{ 7*7 }} {% raw %} "
    "</p></details> <!-- x --> \"' onmouseover=alert(4) ]]> https://x.example/a_(b)?q=<b> " + "x" * 300
)


def ordinary() -> Edition:
    """One announcement date: shown, flagged, pending and cross-listed papers, a keyword, a replacement."""
    many = tuple(f"Author Number{count}" for count in range(1, 13))
    entries = (
        entry(
            "2603.00001", comment="12 pages; code at https://example.org/foo_bar/~ada/, CVPR 2026", updated=moment(1)
        ),
        entry(
            "2603.00002", title="Bar_Net: 3 [SEG] Tokens & J&F +8.9", authors=many, updated=moment(2), comment="5 pages"
        ),
        entry("2603.00003", problems=("result: 4.1 is not in the abstract",), updated=moment(3)),
        entry(
            "2603.00004",
            card=None,
            problems=("no reply: the service answered 503",),
            categories=("cs.CV", "eess.IV"),
            abstract="We gain $3.5\\%$ at https://example.org/gain, and ~100 more.",
        ),
        entry("2603.00005", announce_type="cross", categories=("stat.ML", "cs.CL"), updated=moment(4)),
    )
    day = edition(
        *entries,
        categories=("cs.CL", "cs.CV"),
        notes=("the feed of cs.CV was one hour old",),
        replacements=(entry("2602.00009", version=3, announce_type="replace", card=None, title="Baz, Again"),),
    )
    keyword = Section(title="Gated Attention", kind="keyword", arxiv_ids=("2603.00001", "2603.00002", "2603.00005"))
    return day.with_sections((*day.sections, keyword))


def moment(hour: int) -> datetime:
    return datetime(2026, 3, 16, hour, tzinfo=UTC)


def earlier() -> Edition:
    """An older day in another month."""
    return edition(entry("2602.00001", updated=datetime(2026, 2, 26, tzinfo=UTC)), announced=date(2026, 2, 27))


def hostile() -> Edition:
    """One paper each way, every text of a stranger hostile."""
    fields = {"title": HOSTILE, "authors": (HOSTILE, "B"), "abstract": HOSTILE, "comment": HOSTILE}
    day = edition(
        entry("2603.00001", card=card(**dict.fromkeys(GOOD, HOSTILE)), problems=(HOSTILE,), **fields),
        entry("2603.00002", card=None, problems=(HOSTILE,), **fields),
        notes=(HOSTILE,),
        replacements=(entry("2602.00009", version=2, announce_type="replace", **fields),),
    )
    keyword = Section(title=HOSTILE, kind="keyword", arxiv_ids=("2603.00001", "2603.00002"))
    return day.with_sections((*day.sections, keyword))
