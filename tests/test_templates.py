"""docs/templates.md is true: it names every file and every value that a template is given; a user's file wins."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import jinja2
import pytest
from jinja2.filters import FILTERS
from render.samples import earlier, ordinary

from digest.render import Look, Volumes, open_formats
from digest.render.environment import html_environment, text_environment
from digest.resources import built_in

ROOT = built_in("templates")
GUIDE = (Path(__file__).resolve().parents[1] / "docs" / "templates.md").read_text(encoding="utf-8")
FILES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if path.is_file())
EVERYWHERE = {"words", "english", "language", "spoken"}


def row(file: str) -> str:
    """The lines of the guide's table that name a file, alone or with its siblings as `site/style/*.css`."""
    folder, _, name = file.rpartition("/")
    some = f"`{folder}/*.{name.partition('.')[2]}`"
    return "\n".join(
        line for line in GUIDE.splitlines() if line.startswith("|") and (f"`{file}`" in line or some in line)
    )


@pytest.mark.parametrize("file", FILES)
def test_every_file_is_in_the_guide(file: str) -> None:
    """With what it makes."""
    assert row(file)


def test_every_file_of_the_guide_is_there() -> None:
    """No row is left behind by a file that went."""
    named = re.findall(r"`((?:site|atom|mail|markdown|readme|tables|words)/[^`*]+\.\w+)`", GUIDE)
    assert {name for name in named if name != "site/card.html.j2:7"} <= set(FILES)


def test_every_value_that_a_template_is_given_is_in_the_guide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recorded while all formats make their pages."""
    given: dict[str, set[str]] = defaultdict(set)
    render = jinja2.Template.render

    def recorded(self: jinja2.Template, *args: Any, **kwargs: Any) -> str:
        given[str(self.name)] |= dict(*args, **kwargs).keys()
        return render(self, *args, **kwargs)

    monkeypatch.setattr(jinja2.Template, "render", recorded)
    days = [ordinary(), earlier()]
    for one in open_formats(Look(folders=(ROOT,))):
        for page in (*one.day(ordinary()), *one.whole(Volumes.of(days)), *one.whole(Volumes.of([]))):
            assert page.content

    assert given
    for file, names in given.items():
        lacking = {name for name in names - EVERYWHERE if f"`{name}`" not in row(file)}
        assert not lacking, file


def test_every_filter_is_in_the_guide() -> None:
    """Of ours, not of Jinja's."""
    ours = (html_environment((ROOT,)).filters.keys() | text_environment((ROOT,)).filters.keys()) - FILTERS.keys()
    assert {name for name in ours if f"`{name}`" not in GUIDE} == set()
