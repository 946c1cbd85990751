"""Web addresses in prose: whole and right, or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.addresses import addresses, located


def urls(text: str) -> list[str]:
    return [found.url for found in located(text)]


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("(code: https://x.org/a_(b)).", "https://x.org/a_(b)"),
        ("见https://x.org/a，更多。", "https://x.org/a"),
        ("https://x.org/a’s", "https://x.org/a"),
        ("the page https://x.org/a's code", "https://x.org/a"),
        ("**https://x.org/a**", "https://x.org/a"),
        ("https://x.org/a$^1$", "https://x.org/a"),
        ("https://x.org/a[1]", "https://x.org/a"),
        ("https://x.org/a#;", "https://x.org/a"),
        ("https://x.org/a?b=1&c=%20#d", "https://x.org/a?b=1&c=%20#d"),
        ("https://X.Org:8080/A", "https://x.org:8080/A"),
        ('<a href="https://x.org/a">this</a>', "https://x.org/a"),
        (r"\url{https://x.org/a}", "https://x.org/a"),
        (r"\footnote{https://x.org/a}.", "https://x.org/a"),
        (r"\href{https://x.org/a\_b\%20c\#d}{here}", "https://x.org/a_b%20c#d"),
        (r"https://x.org/{\_}a\_b.", "https://x.org/_a_b"),
        (r"https://x.org/\~{}ada", "https://x.org/~ada"),
        (r"https://x.org/$\sim$ada/", "https://x.org/~ada/"),
        (r"https://x.org/\textasciitilde{}ada", "https://x.org/~ada"),
        (r"https://x.org/~ada", "https://x.org/~ada"),
        (r"https://x.org/a~and more", "https://x.org/a"),
        (r"at~https://x.org/a\\ and", "https://x.org/a"),
        ("at github.com/a/b.", "https://github.com/a/b"),
        ("at~github.com/a/b", "https://github.com/a/b"),
        ("foo-bar.GitHub.io", "https://foo-bar.github.io"),
        ("www.x.org/a", "https://www.x.org/a"),
        ("doi.org/10.5281/zenodo.1", "https://doi.org/10.5281/zenodo.1"),
        ("https: //github.com/ a/b now", "https://github.com/a/b"),
        ("https://github.com/ a/b, and", "https://github.com/a/b"),
        ("https://github.com/a /b", "https://github.com/a/b"),
        ("https://github.com/team/ FEAST.", "https://github.com/team/FEAST"),
        ("https://github.com/a/one- two.", "https://github.com/a/one-two"),
        ("https://my- page.github. io/p/.", "https://my-page.github.io/p/"),
        ("https://doi.org/10. 57745/ABC, and", "https://doi.org/10.57745/ABC"),
        ("https://x.org/a.The code", "https://x.org/a"),
        ("https://web.archive.org/web/2020/https://x.org/a", "https://web.archive.org/web/2020/https://x.org/a"),
    ],
)
def test_an_address_is_whole_and_right(text: str, url: str) -> None:
    """Without the sentence and the TeX around it, and joined where a blank can't belong there."""
    assert urls(text) == [url]


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1) ftp://x.org file:///etc/passwd data:text/html,x",
        "https://user:secret@x.org/ https://user@x.org https://a.b:c@x.org",
        "http://10.0.0.1/ http://127.1/ http://192.168.1.1:80/a http://0x7f.0.0.1/ http://[::1]/ http://169.254.169.254/",
        "http://localhost/ http://intranet/a http://printer.local/a http://a.internal",
        "ada@github.com x.github.io.evil.example github.com cs.CL file.py JD.com FLUX1.dev",
        "https:// and http://",
        "https://例子.org",
    ],
)
def test_what_is_no_public_address_of_the_web_is_none(text: str) -> None:
    """Other schemes, names and passwords, private hosts, bare names."""
    assert urls(text) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://x.org/a and https://y.org/b", ["https://x.org/a", "https://y.org/b"]),
        ("https://x.org/a,https://y.org/b", ["https://x.org/a", "https://y.org/b"]),
        ("https://x.org/a;Code:https://y.org/b", ["https://x.org/a", "https://y.org/b"]),
        ("[https://x.org/a](https://y.org/b)", ["https://x.org/a", "https://y.org/b"]),
        (r"\href{https://x.org/a}{https://y.org/b}", ["https://x.org/a", "https://y.org/b"]),
        ("https://x.org/a / https://y.org/b", ["https://x.org/a", "https://y.org/b"]),
    ],
)
def test_two_addresses_are_two(text: str, found: list[str]) -> None:
    """However they are joined."""
    assert urls(text) == found


@pytest.mark.parametrize(
    "text",
    ["https://github.com/team/ soon.", "https://x.org/a- The code", "https://x.org/ a", "https://github.com/a/b c/d"],
)
def test_in_doubt_an_address_ends_at_the_blank(text: str) -> None:
    """The next word may be the sentence's."""
    assert urls(text) == [text.partition(" ")[0]]


PIECES = [
    "https://",
    "http: //",
    "github.com/",
    "x.org",
    "/a",
    " ",
    ".",
    ",",
    r"\_",
    "~",
    "{",
    "}",
    "$",
    "@",
    ":",
    "中",
    "www.",
    "-",
]


@given(st.one_of(st.lists(st.sampled_from(PIECES), max_size=15).map("".join), st.text(max_size=60)))
def test_any_text_gives_addresses_in_order_that_a_browser_can_open(text: str) -> None:
    """Each is http or https with a host, without blank, quote or bracket, and found again by itself."""
    end = 0
    for found in located(text):
        assert end <= found.start < found.end
        end = found.end
        assert found.url.startswith(("http://", "https://"))
        assert not set(" \"'<>\\{}$[]\n") & set(found.url)
        assert found.url.isascii()
        assert urls(found.url)[:1] == [found.url]
    assert all(text[start:end].lower().startswith("http") for start, end in addresses(text))
