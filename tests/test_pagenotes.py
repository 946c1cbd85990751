"""Notes of what pages were made of: what they stand for, and when they are no good."""

from collections.abc import Collection
from datetime import date
from pathlib import Path

import pytest
from fakes import card, edition, entry

from digest import publishing
from digest.config import Config
from digest.models import Edition, Page, Section
from digest.pagenotes import FILE, PageNotes
from digest.store import Store

PAGE = Page("category/cs-cl.html", b"<p>", "name")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A folder with the page on file and noted."""
    Store(tmp_path).write([PAGE])
    notes = PageNotes(tmp_path)
    notes.add(PAGE)
    notes.add(Page("index.html", b"<p>"))
    notes.save()
    return tmp_path


def test_a_page_stands_while_it_is_made_of_the_same(output: Path) -> None:
    """Its bytes come from the disk."""
    assert PageNotes(output).page(PAGE.path, "name") == PAGE
    assert PageNotes(output).page(PAGE.path, "other") is None
    assert PageNotes(output).page("index.html", "") is None


def test_a_page_that_was_touched_or_is_gone_is_made_again(output: Path) -> None:
    """By hand, or by another program."""
    (output / PAGE.path).write_bytes(b"<p>!")
    assert PageNotes(output).page(PAGE.path, "name") is None

    (output / PAGE.path).unlink()
    assert PageNotes(output).page(PAGE.path, "name") is None


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"[" * 100_000, b'{"category/cs-cl.html": 1}'])
def test_damaged_notes_are_none(output: Path, content: bytes) -> None:
    """All pages are made again then, and noted anew."""
    (output / FILE).write_bytes(content)

    assert PageNotes(output).page(PAGE.path, "name") is None


def test_a_page_of_a_section_is_made_when_its_edition_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second look at the same editions makes none; one that was spoilt by hand is made again."""
    config = Config(output=tmp_path, cache=tmp_path / "cache", categories=("cs.CL",))
    section = Section(title="cs.CL", kind="category", arxiv_ids=("2603.00001",))
    store, day, path = Store(tmp_path), date(2026, 3, 17), tmp_path / "category/cs-cl.html"
    opened: list[date] = []
    part = Store.part

    def noted(self: Store, day: date, ids: Collection[str]) -> Edition | None:
        opened.append(day)
        return part(self, day, ids)

    monkeypatch.setattr(Store, "part", noted)

    store.save(edition(entry()).with_sections([section]))
    publishing.render(config)
    first = path.read_bytes()
    assert opened

    opened.clear()
    assert publishing.render(config, [day])[0] == ()
    assert path.read_bytes() == first
    assert not opened

    path.write_bytes(b"spoilt")
    assert publishing.render(config, [day])[0] == ("category/cs-cl.html",)
    assert path.read_bytes() == first

    store.save(edition(entry(card=card(tldr="另一句话。"))).with_sections([section]))
    assert "category/cs-cl.html" in publishing.render(config, [day])[0]
    assert "另一句话。" in path.read_text(encoding="utf-8")
