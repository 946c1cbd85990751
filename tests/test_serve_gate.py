"""What may be asked of the server: host names, paths, orders."""

import string
from datetime import date
from pathlib import PurePosixPath, PureWindowsPath
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digest.render import DAY_PAGES, KEYWORD_PAGES, WHOLE_PAGES
from digest.render.layout import section_path
from digest.serve_gate import content_type, edition_of, is_our_host, path_parts, read_wish, refusal

HERE = {"Host": "127.0.0.1:8000", "Origin": "http://127.0.0.1:8000"}
WISH = b'{"arxiv_id": "2603.00001", "date": "2026-03-17"}'


@pytest.mark.parametrize(
    "path",
    [
        "/../digest.toml",
        "/2026-03-17/../../x.md",
        "/%2e%2e/x.md",
        "/%2E%2E%2Fx.md",
        "/..%5cx.md",
        "/..\\x.md",
        "/.%2e/x.md",
        "/./index.html",
        "//example.org/index.html",
        "/%2fetc/passwd.txt",
        "/index.html%00.md",
        "/index.html%0a",
        "/%ff%fe.md",
        "/%c0%ae%c0%ae/x.md",
        "/C:/x.md",
        "/index.html::$DATA",
        "/editions/.lock",
        "/editions/.delivered/2026-03-17.json",
        "/editions/.heads/2026-03-17.json",
        "/editions/%2edelivered/2026-03-17.json",
        "/2026-03-17/.index.html.12.tmp",
        "/EDITIO~1/x.json",
        "/con",
        "/aux.html",
        "/COM1.md",
        "/index.html.",
        "/index.html%20",
        "/x /index.html.%20",
        "/\u202elmth.xedni",
        "index.html",
        "",
        "*",
        "http://127.0.0.1:8000/index.html",
    ],
)
def test_what_may_mean_another_file_means_none(path: str) -> None:
    """Ways out of the folder, what is ours alone, and names that a file system reads otherwise."""
    assert path_parts(path) is None


@example("/%252e%252e/x")
@example("/a/..;/b")
@given(st.text(st.sampled_from("/.%2ef5cF0\\:~ aA1\0\n?#" + "字"), max_size=24))
def test_no_path_leaves_the_folder(path: str) -> None:
    """On no system: whatever names come out are plain ones."""
    parts = path_parts(path)

    for name in parts or ():
        assert name not in ("", ".", "..")
        assert not name.startswith(".")
        assert not set("/\\:\0\n") & set(name)
        assert PurePosixPath(name).parts == PureWindowsPath(name).parts == (name,)


@given(st.lists(st.text(string.ascii_letters + string.digits + "-_字é+& ", min_size=1).map(str.strip), min_size=1))
def test_a_plain_name_comes_through_as_it_is(names: list[str]) -> None:
    """However it is written in an address."""
    names = [f"x{name}x" for name in names]

    assert path_parts("/" + "/".join(map(quote, names))) == tuple(names)


@example("keyword", "AUX")
@given(st.sampled_from(["category", "keyword"]), st.text(min_size=1))
def test_every_page_that_is_made_may_be_asked_for(kind: str, title: str) -> None:
    """Whatever a keyword is, the page of it has a name and a type."""
    for page in (f"{section_path(kind, title)}.html", *WHOLE_PAGES, *KEYWORD_PAGES, *DAY_PAGES):
        path = page.format(day="2026-03-17")

        assert path_parts(f"/{quote(path)}") == tuple(path.split("/"))
        assert content_type(path)


def test_files_of_other_kinds_have_no_type() -> None:
    """Such as what lies about where the output is a folder with other things in it."""
    found = [
        content_type(name) for name in ("digest.toml", "cache.db", "env", "x.py", "cache.db-wal", "id_rsa", "x.sh")
    ]

    assert found == [None] * 7


@pytest.mark.parametrize(
    ("said", "host", "is_ours"),
    [
        ("127.0.0.1:8000", "127.0.0.1", True),
        ("LOCALHOST:8000", "127.0.0.1", True),
        ("[::1]:8000", "127.0.0.1", True),
        ("127.0.0.1:8000", "localhost", True),
        ("127.0.0.1", "127.0.0.1", False),
        ("127.0.0.1:8001", "127.0.0.1", False),
        ("127.0.0.1:8000.evil.example", "127.0.0.1", False),
        ("evil.example:8000", "127.0.0.1", False),
        ("localhost.evil.example:8000", "127.0.0.1", False),
        ("evil.example@127.0.0.1:8000", "127.0.0.1", False),
        ("192.168.1.7:8000", "127.0.0.1", False),
        ("", "127.0.0.1", False),
        ("192.168.1.7:8000", "0.0.0.0", True),
        ("192.168.1.7:9000", "0.0.0.0", True),
        ("[fe80::1]:8000", "::", True),
        ("evil.example:8000", "0.0.0.0", False),
        ("my-box.lan:8000", "my-box.lan", True),
        ("evil.example:8000", "my-box.lan", False),
    ],
)
def test_a_host_is_ours_by_its_name_and_port(said: str, host: str, is_ours: bool) -> None:
    """A name that an attacker could make resolve to this machine is never ours."""
    assert is_our_host(said, host, 8000) == is_ours


@pytest.mark.parametrize(
    ("headers", "content_type"),
    [
        ({"Origin": "http://evil.example"}, "application/json"),
        ({"Origin": "null"}, "application/json"),
        ({"Origin": "https://127.0.0.1:8000"}, "application/json"),
        ({"Origin": "http://127.0.0.1:8001"}, "application/json"),
        ({"Sec-Fetch-Site": "cross-site"}, "application/json"),
        ({"Sec-Fetch-Site": "same-site"}, "application/json"),
        ({"Sec-Fetch-Site": "none"}, "application/json"),
        ({}, "text/plain"),
        ({}, "application/x-www-form-urlencoded"),
        ({}, ""),
    ],
)
def test_an_order_of_another_site_is_refused(headers: dict[str, str], content_type: str) -> None:
    """By where it comes from, or by what it is, as a form could send it."""
    assert refusal(HERE | headers, content_type) is not None


def test_an_order_of_our_page_is_not_refused() -> None:
    """From a browser that says where it comes from in both ways, or in one."""
    assert refusal(HERE, "application/json") is None
    assert refusal(HERE | {"Sec-Fetch-Site": "same-origin"}, "application/json") is None


def test_an_order_without_an_origin_is_refused() -> None:
    """Every browser sends it with a POST."""
    assert refusal({"Host": "127.0.0.1:8000"}, "application/json") is not None


def test_an_order_is_read_by_our_own_parsers() -> None:
    """The identifier without its version, the hint on one line, and none where it is empty."""
    wish = read_wish(b'{"arxiv_id": "hep-th/9901001v3", "date": "2026-03-17", "hint": " a\\n b\\u0000 "}')

    assert (wish.arxiv_id, wish.site, wish.hint) == ("hep-th/9901001", "", "a b")
    assert wish.announced == date(2026, 3, 17)
    assert read_wish(WISH[:-1] + b', "hint": " "}').hint is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 4000,
        b'{"arxiv_id": "2603.00001"}',
        WISH.replace(b"2603.00001", b"../../x"),
        WISH.replace(b"2603.00001", b"2603.00001/../x"),
        WISH.replace(b"2026-03-17", b"../2026-03-17"),
        WISH.replace(b"2026-03-17", b"20260317"),
        WISH.replace(b"2026-03-17", b"2026-W12-2"),
        WISH.replace(b"2026-03-17", b"2026-02-30"),
        WISH.replace(b'"2026-03-17"', b"1773705600"),
        WISH[:-1] + b', "model": "x"}',
        WISH[:-1] + b', "hint": 1}',
        WISH[:-1] + b', "hint": "' + b"x" * 501 + b'"}',
    ],
)
def test_what_is_no_order_is_refused_without_repeating_it(body: bytes) -> None:
    """Broken JSON, missing, unknown and wrong fields, identifiers and dates that are none."""
    with pytest.raises(ValueError, match=r"^[A-Za-z_. :]+$"):
        read_wish(body)


@given(st.binary(max_size=60))
def test_any_body_is_an_order_or_a_value_error(body: bytes) -> None:
    """Nothing else comes of what strangers send."""
    with pytest.raises(ValueError, match=r"."):
        read_wish(body)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/2026-03-17/", ("", date(2026, 3, 17))),
        ("/zh-Hant/2026-03-17/index.html", ("zh-Hant", date(2026, 3, 17))),
        ("/2026-03-17/mail.html", None),
        ("/2026-13-17/", None),
        ("/index.html", None),
        ("/a/b/2026-03-17/", None),
    ],
)
def test_a_days_page_is_known_by_its_path(path: str, found: tuple[str, date] | None) -> None:
    """With the site of its language."""
    assert edition_of(path_parts(path) or ()) == found
