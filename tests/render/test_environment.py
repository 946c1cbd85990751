"""Templates: a user's own come first, and every fault names its file and line."""

from pathlib import Path

import pytest

from digest.errors import TemplateError
from digest.render import Look
from digest.render.environment import fill, html_environment, text_environment
from digest.render.site import Site
from digest.resources import built_in
from render.samples import ordinary


@pytest.mark.parametrize(
    ("source", "line", "reason"),
    [
        ("one\n{{ nope }}", 2, "'nope' is undefined"),
        ("one\n\n{% if %}", 3, "Expected an expression"),
        ("{{ 1 / 0 }}", 1, "division by zero"),
        ("one\n{% include 'gone.j2' %}", 2, "gone.j2"),
        ("one\n{{ 5|linkify }}", 2, "int"),
    ],
)
def test_a_fault_in_a_template_names_its_file_and_line(tmp_path: Path, source: str, line: int, reason: str) -> None:
    """The message begins with file:line, and says what is wrong there."""
    (tmp_path / "page.j2").write_text(source, encoding="utf-8")

    with pytest.raises(TemplateError) as error:
        fill(html_environment([tmp_path, built_in("templates")]), "page.j2", "en")

    assert str(error.value).startswith(f"{tmp_path / 'page.j2'}:{line}: ")
    assert reason in str(error.value)


def test_a_template_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    """A file in another encoding is a fault of that file."""
    (tmp_path / "page.j2").write_bytes("中文".encode("gbk"))

    with pytest.raises(TemplateError, match=r"^page\.j2: UnicodeDecodeError"):
        fill(text_environment([tmp_path, built_in("templates")]), "page.j2", "en")


def test_a_users_template_is_taken_first_and_reaches_ours(tmp_path: Path) -> None:
    """A card of the user's own stands in our page, and may extend the built-in file."""
    own = tmp_path / "site"
    own.mkdir()
    (own / "base.html.j2").write_text(
        "{% extends 'builtin/site/base.html.j2' %}{% block links %}<!-- mine -->{% endblock %}"
    )

    page = next(Site(Look(folders=(tmp_path, built_in("templates")))).day(ordinary()))

    assert b"<!-- mine -->" in page.content
    assert b'<article id="2603.00001"' in page.content
