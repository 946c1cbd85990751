"""Rendering a site of ten thousand cards, and a single large day; beside a bare template and the disk.

The papers and cards are made up; the pages are those that `digest render` makes.
"""

import itertools
import random
import re
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from charts import Bar, bars
from run_speed import entries
from scale_measure import Part, Told, Took, answer, child, paragraph, sized, table
from service import CARD

SCRIPT = Path(__file__).name
SITE, QUICK_SITE = (20, 500), (2, 50)  #: dates, papers of each
DAY, QUICK_DAY = (1, 1_000), (1, 100)
FIRST = date(2026, 3, 2)
CATEGORIES = ("cs.CV", "cs.CL", "cs.LG", "cs.AI")
CLAUSES = [clause for text in CARD.values() for clause in re.split("[，。]", text) if clause]
MODULES = ("digest.publishing", "digest.render.site", "digest.render.search", "digest.render.mail")

# ---- what is rendered


def editions(dates: int, papers: int) -> Iterator[Any]:
    """Arranged editions in which every paper has a card of its own."""
    from digest.models import Edition
    from digest.selection import Rules, arrange

    draw, todo = random.Random(11), iter(entries(dates * papers))
    for number in range(dates):
        found = [carded(entry, draw) for entry in itertools.islice(todo, papers)]
        day = FIRST + timedelta(days=number)
        made = Edition(announced=day, categories=CATEGORIES, language="zh-Hans", source="file", entries=tuple(found))
        yield arrange(made, Rules(categories=CATEGORIES))


def carded(entry: Any, draw: random.Random) -> Any:
    """The entry with a card of the usual length, in one of the categories."""
    from digest.models import FIELDS, Card, Origin

    said = {name: "，".join(draw.choices(CLAUSES, k=4)) + "。" for name in FIELDS}
    origin = Origin(engine="chat", model="bench", prompt="0" * 64, key=f"{draw.getrandbits(256):064x}",
                    created=datetime(2026, 3, 2, tzinfo=UTC), prompt_tokens=900, completion_tokens=220)  # fmt: skip
    paper = entry.paper.model_copy(update={"categories": (draw.choice(CATEGORIES),)})
    return entry.model_copy(update={"paper": paper, "card": Card(**said, origin=origin), "replies": (origin,)})


# ---- the runs


def record(folder: str, dates: int, papers: int) -> Told:
    """Save the editions."""
    from digest.store import Store

    store = Store(Path(folder))
    return {"saved": sum(store.save(edition) for edition in editions(dates, papers))}


def render(folder: str) -> Told:
    """What `digest render` does, from saved editions to pages on disk."""
    from importlib import import_module

    from digest.config import Config
    from digest.publishing import render_again

    for name in MODULES:
        import_module(name)
    took = Took()
    written, damaged = render_again(Config(categories=CATEGORIES, output=Path(folder)), None)
    assert not damaged
    return took.told() | {"pages": len(written), "bytes": sum((Path(folder) / page).stat().st_size for page in written)}


def template(folder: str) -> Told:
    """The same words of the same cards through a bare template, record by record, and kept in no file."""
    import plain_page

    from digest.store import Store

    store, total = Store(Path(folder)), 0
    took = Took()
    for day in store.dates():
        edition = store.load(day)
        assert edition is not None
        total += len(plain_page.plain_page(edition))
    return took.told() | {"pages": len(store.dates()), "bytes": total}


def load(folder: str) -> Told:
    """Reading the editions alone: nothing is rendered without it."""
    from digest.store import Store

    store = Store(Path(folder))
    took = Took()
    count = sum(len(edition.entries) for day in store.dates() if (edition := store.load(day)))
    return took.told() | {"pages": 0, "bytes": sum(store.path(day).stat().st_size for day in store.dates()),
                          "cards": count}  # fmt: skip


def write(folder: str, to: str, safe: bool) -> Told:
    """The same pages written once more elsewhere: as they are, or synced and put in place as ours are."""
    from digest.atomic import put

    source = Path(folder)
    found = [path for path in source.rglob("*") if path.is_file() and "editions" not in path.parts]
    pages = {Path(to) / path.relative_to(source): path.read_bytes() for path in found}
    took = Took()
    for path, content in pages.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        put(path, content) if safe else path.write_bytes(content)
    return took.told() | {"pages": len(pages), "bytes": sum(map(len, pages.values()))}


# ---- the whole


def measure(quick: bool) -> Told:
    shapes = {"site": QUICK_SITE if quick else SITE, "day": QUICK_DAY if quick else DAY}
    return {name: measured(*shape) for name, shape in shapes.items()}


def measured(dates: int, papers: int) -> Told:
    """Ours first, then the floors over what it left."""
    with tempfile.TemporaryDirectory(prefix="digest-scale-") as scratch:
        folder = f"{scratch}/site"
        child(SCRIPT, "record", folder=folder, dates=dates, papers=papers)
        told = {"render": child(SCRIPT, "render", folder=folder)}
        told["template"] = child(SCRIPT, "template", folder=folder)
        told["load"] = child(SCRIPT, "load", folder=folder)
        told["synced"] = child(SCRIPT, "write", folder=folder, to=f"{scratch}/synced", safe=True)
        told["write"] = child(SCRIPT, "write", folder=folder, to=f"{scratch}/plain", safe=False)
    for one in told.values():
        del one["samples"]
    return {"dates": dates, "papers": papers, "runs": told}


NAMES = {
    "render": "digest render",
    "template": "a bare jinja template, the same records",
    "load": "the records read, nothing rendered",
    "synced": "the same bytes written, each file synced",
    "write": "the same bytes written",
}


def words(told: Told) -> Iterator[str]:
    yield from paragraph(
        "*digest render* reads the records and writes every page of every format: HTML, Markdown, search index, "
        "mail, feeds, sections, and the pages about all dates. The bare template makes one HTML page a date of "
        "the same fields."
    )
    for one in told.values():
        cards = one["dates"] * one["papers"]
        dates = f"{one['dates']} dates of {one['papers']:,} cards" if one["dates"] > 1 else "one date"
        yield f"{cards:,} cards, {dates}:\n"
        rows = [
            (NAMES[name], f"{run['wall']:.2f}", f"{run['cpu']:.2f}", f"{1000 * run['cpu'] / cards:.2f}",
             f"{run['peak_mb']:.0f}", f"{run['pages']:,}", sized(run["bytes"]))
            for name, run in one["runs"].items()
        ]  # fmt: skip
        yield from table(("", "wall s", "CPU s", "CPU ms/card", "MB at most", "files", "bytes"), rows)


def charts(told: Told) -> Mapping[str, str]:
    rows = [
        Bar(f"{NAMES[name]}", 1000 * run["cpu"] / (one["dates"] * one["papers"]), floor=name != "render")
        for one in (told["site"],)
        for name, run in one["runs"].items()
    ]
    cards = told["site"]["dates"] * told["site"]["papers"]
    return {"pages": bars(f"Rendering a site of {cards:,} cards", "milliseconds of CPU for each card", rows)}


PARTS = {"pages": Part("Rendering", measure, words, charts)}

if __name__ == "__main__":
    answer({"record": record, "render": render, "template": template, "load": load, "write": write})
