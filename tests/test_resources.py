"""What shapes a page, in short: another state of it means other pages."""

from pathlib import Path

from digest import resources


def test_a_template_that_changes_moves_or_goes_is_another_state(tmp_path: Path) -> None:
    """Also where its name and its text stay; back in its place, it is the first state again."""
    bare = resources.state(tmp_path)
    own = tmp_path / "templates" / "site" / "day.html.j2"
    own.parent.mkdir(parents=True)
    own.write_text("one", encoding="utf-8")
    first = resources.state(tmp_path)
    own.write_text("two", encoding="utf-8")
    second = resources.state(tmp_path)
    own.parent.rename(tmp_path / "templates" / "off")
    (tmp_path / "templates" / "off" / "site").mkdir()
    (tmp_path / "templates" / "off" / "day.html.j2").rename(tmp_path / "templates" / "off" / "site" / "day.html.j2")
    moved = resources.state(tmp_path)

    assert len({bare, first, second, moved}) == 4
    own.parent.mkdir()
    own.write_text("one", encoding="utf-8")
    (tmp_path / "templates" / "off" / "site" / "day.html.j2").unlink()
    assert resources.state(tmp_path) == first


def test_a_template_that_can_not_be_read_is_for_those_who_need_it(tmp_path: Path) -> None:
    """An editor's leftover that is a dangling link, or gone, ends nothing."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / ".#day.html.j2").symlink_to(tmp_path / "nowhere")
    assert resources.state(tmp_path) == resources.state(tmp_path)
