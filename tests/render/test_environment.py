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

    with pytest.raises(TemplateError, match=r"page\.j2:1: TemplateSyntaxError: no UTF-8: [^\n]*$"):
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


def own_templates(tmp_path: Path, **files: bytes) -> tuple[Path, Path]:
    """A user's folder with `files` (`__` for a slash, `_` for the point before the ending), and ours."""
    for name, content in files.items():
        path = tmp_path / (name.replace("__", "/").replace("_dot_", "."))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path, built_in("templates")


def test_braces_of_a_style_or_a_script_mean_nothing_to_us(tmp_path: Path) -> None:
    """Minified CSS and JavaScript have them all; nothing of a file goes missing."""
    css, script = b"@media print{#x{top:0}}.a{b:#}", b"const f = () => ({{a: 1}}); // {% x %}"
    folders = own_templates(tmp_path, site__style__day_dot_css=css, site__script__day_dot_js=script)

    page = next(Site(Look(folders=folders)).day(ordinary())).content

    assert css in page
    assert script in page


@pytest.mark.parametrize("text", [b"/* </style> */", b"\n'</SCRIPT>'", b"<!-- x"])
def test_a_style_that_would_end_its_element_is_an_error_with_file_and_line(tmp_path: Path, text: bytes) -> None:
    """As any other mistake in a template."""
    folders = own_templates(tmp_path, site__style__day_dot_css=b"a {}\n" + text)

    with pytest.raises(TemplateError, match=rf"site/style/day\.css:{2 + text.count(10)}: "):
        next(Site(Look(folders=folders)).day(ordinary()))


def test_a_file_that_is_no_utf8_is_named(tmp_path: Path) -> None:
    """Not the one that includes it."""
    folders = own_templates(tmp_path, site__card_dot_html_dot_j2=b"\xff\xfe")

    with pytest.raises(TemplateError, match=r"site/card\.html\.j2:1: .*UTF-8"):
        next(Site(Look(folders=folders)).day(ordinary()))


def test_words_that_an_own_file_lacks_are_ours(tmp_path: Path) -> None:
    """A copy from before a word was added still works."""
    folders = own_templates(tmp_path, **{"words__zh-Hans_dot_j2": b'{% set tag, title = "zh-Hans", "TITLE" %}'})

    page = next(Site(Look(folders=folders)).day(ordinary())).content.decode()

    assert "TITLE" in page
    assert "目录" in page
