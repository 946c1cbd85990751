"""A user's README on disk: filled when the pages are made, refused before, and never half written."""

import stat
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fakes import NOON, edition, entry

from digest import frontpage, pipeline, publishing
from digest.agenda import Order
from digest.config import Config, load
from digest.errors import ConfigError
from digest.models import Edition, Section
from digest.render import Look, Volumes
from digest.resources import built_in
from digest.store import Store

BLOCK = "<!-- digest:keywords:begin -->\n<!-- digest:keywords:end -->\n"
LOOK = Look(folders=(built_in("templates"),))


def followed(title: str = "Foo", **fields: Any) -> Edition:
    section = Section(title=title, kind="keyword", arxiv_ids=("2603.00001",))
    return edition(entry(**fields)).with_sections([section])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration, a README and an edition; only the tables are rendered."""
    monkeypatch.setattr("digest.render.FORMATS", ("digest.render.tables:Tables",))
    (tmp_path / "digest.toml").write_text('categories = ["cs.CL"]\noutput = "my site"\nreadme = "README.md"\n')
    (tmp_path / "README.md").write_text(f"Mine.\n{BLOCK}")
    Store(tmp_path / "my site").save(followed())
    return tmp_path


def config(home: Path) -> Config:
    return load(home / "digest.toml", {}, {})


def test_a_render_fills_the_readme_beside_the_configuration(home: Path) -> None:
    """Its tables stand between the markers; a second render changes nothing, a link to the file stays one."""
    (home / "README.md").rename(home / "real.md")
    (home / "README.md").symlink_to("real.md")
    (home / "real.md").chmod(0o600)

    publishing.render(config(home))
    filled = (home / "real.md").read_text()

    assert filled.startswith(
        "Mine.\n<!-- digest:keywords:begin -->\n\nLast update: 2026-03-17\n\n## Foo\n| **Title** |"
    )
    assert filled.endswith(" |  |\n\n<!-- digest:keywords:end -->\n")
    assert (home / "README.md").is_symlink()
    assert stat.S_IMODE((home / "real.md").stat().st_mode) == 0o600
    before = (home / "real.md").stat().st_mtime_ns
    publishing.render(config(home))
    assert (home / "real.md").stat().st_mtime_ns == before


@pytest.mark.parametrize("text", ["no marker", "<!-- digest:keywords:begin -->", BLOCK * 2, None])
def test_a_readme_without_a_place_stops_a_render_before_it_writes(home: Path, text: str | None) -> None:
    """The message names the file; neither page nor README is written."""
    (home / "README.md").unlink()
    if text is not None:
        (home / "README.md").write_text(text)

    with pytest.raises(ConfigError, match=r"README\.md"):
        publishing.render(config(home))

    assert text is None or (home / "README.md").read_text() == text
    assert not (home / "my site" / "keywords.md").exists()


def test_a_readme_too_long_for_github_has_links_to_the_tables(home: Path) -> None:
    """What is the user's own counts too."""
    (home / "README.md").write_text(f"{'x' * 511_800}\n{BLOCK}")

    publishing.render(config(home))

    assert "- [Foo](my%20site/keywords.md#foo): 1 paper in keywords.md\n" in (home / "README.md").read_text()


def test_a_way_to_the_site_leads_through_other_folders(tmp_path: Path) -> None:
    """The README may stand anywhere."""
    readme, site = tmp_path / "docs" / "README.md", tmp_path / "site"
    readme.parent.mkdir()
    readme.write_text("<!-- digest:latest:begin -->\n<!-- digest:latest:end -->\n")

    frontpage.refresh(readme, site, LOOK, Volumes.of([followed()]))

    assert "(../site/2026-03-17/index.md)" in readme.read_text()


def test_only_the_first_languages_site_fills_the_readme() -> None:
    """One file, one language."""
    both = Config.model_validate({"language": ["zh-Hans", "ja"], "readme": "README.md"})

    assert both.in_language("zh-Hans").readme == Path("README.md")
    assert both.in_language("ja").readme is None


def test_files_of_an_earlier_larger_run_go(home: Path) -> None:
    """Those that the row would go on with; nothing of another name, and nothing behind a gap."""
    site = home / "my site"
    for name in ("keywords-2.md", "keywords-3.md", "keywords-5.md", "keywords-x.md", "keywords-02.md"):
        (site / name).write_text("mine?")

    publishing.render(config(home))

    assert {path.name for path in site.glob("*.md")} == {
        "keywords.md",
        "notice.md",
        "keywords-5.md",
        "keywords-x.md",
        "keywords-02.md",
    }


def test_a_readme_changed_since_is_filled_though_all_pages_are_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that has nothing to render looks at the README all the same."""
    monkeypatch.setattr("digest.render.FORMATS", ("digest.render.tables:Tables",))
    monkeypatch.setattr("digest.publishing.is_up_to_date", lambda *_: True)
    (tmp_path / "README.md").write_text("<!-- digest:latest:begin -->\n<!-- digest:latest:end -->\n")
    given = {"output": tmp_path / "site", "cache": tmp_path / "cache", "engine.name": "echo"}
    mine = load(None, {**given, "readme": tmp_path / "README.md"}, {})

    pipeline.run(mine, Order(sample=True), lambda: NOON)

    assert f"{date(2026, 1, 4)}" in (tmp_path / "README.md").read_text()
