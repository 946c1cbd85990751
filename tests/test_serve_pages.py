"""What is put into served pages, and how their policies are widened for it."""

import re
from datetime import date
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from render.samples import besieged, ordinary

from digest.render import Look, Volumes
from digest.render.archive import Archive
from digest.render.site import Site
from digest.resources import built_in
from digest.serve_pages import Extras, extras, has_policy, language_of, missing, widened, with_extras

FOLDERS = (built_in("templates"),)
S, J = "'sha256-S'", "'sha256-J'"
ADDED = Extras("s{}", S, "go()", J, "<p>words</p>")
META = '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'">'


def page(meta: str = META, head: str = "", body: str = "") -> bytes:
    head = f"<head>\n<title>x</title>{head}\n{meta}</head>"
    return f"<!doctype html>\n<html lang='en'>{head}<body>{body}</body></html>".encode()


def policies(content: bytes) -> list[str]:
    class Found(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.told: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag == "meta" and "http-equiv" in dict(attrs):
                self.told.append(str(dict(attrs)["content"]))

    parser = Found()
    parser.feed(content.decode())
    return parser.told


@pytest.mark.parametrize(
    ("policy", "wider"),
    [
        ("default-src 'none'", "default-src 'none'; style-src S; script-src J; connect-src 'self'"),
        ("connect-src 'none'; style-src a; script-src b", "connect-src 'self'; style-src a S; script-src b J"),
        ("connect-src 'self'; script-src J; style-src S", "connect-src 'self'; script-src J; style-src S"),
        ("img-src data:", "img-src data:"),
        ("SCRIPT-SRC 'NONE'", "script-src J"),
        ("script-src 'none'; script-src x", "script-src J"),
        ("script-src-elem x; script-src y", "script-src-elem x J; script-src y J"),
        ("script-src 'unsafe-inline'", "script-src 'unsafe-inline'"),
        ("script-src 'unsafe-inline' 'sha256-x'", "script-src 'unsafe-inline' 'sha256-x' J"),
        (" ;; ", ""),
    ],
)  # fmt: skip
def test_a_policy_is_widened_by_what_is_put_in_alone(policy: str, wider: str) -> None:
    """What is not restricted stays so, what is restricted lets one hash more through."""
    policy, wider = (one.replace(" S", f" {S}").replace(" J", f" {J}") for one in (policy, wider))

    assert widened(policy, S, J) == wider


@given(st.text("abc'-; \t"))
def test_widening_twice_is_widening_once(policy: str) -> None:
    """And the order of the directives stays."""
    once = widened(policy, S, J)

    assert widened(once, S, J) == once


def test_all_else_of_a_page_stays_as_it_is() -> None:
    """Without what was put in, and with its own policy, it is the file byte by byte."""
    whole = next(Site(Look(folders=FOLDERS)).day(besieged(date(2026, 3, 13)))).content
    added = extras(FOLDERS, "zh-Hans")
    served = with_extras(whole, added, {"version": '"><script>'})

    assert served is not None
    text = served.decode().replace(f"<style>{added.style}</style>\n", "", 1)
    text = re.sub(r"<template data-serve.*?</template>\n<script>.*?</script>\n(?=</body>)", "", text, flags=re.DOTALL)
    for policy, before in zip(policies(served), policies(whole), strict=True):
        text = text.replace(policy, before)
    assert text.encode() == whole
    assert b'data-version="&quot;&gt;&lt;script&gt;"' in served


def test_the_hashes_are_those_of_what_stands_in_the_page() -> None:
    """As a browser would compute them."""
    from base64 import b64encode
    from hashlib import sha256

    whole = next(Archive(Look(folders=FOLDERS)).whole(Volumes.of([ordinary()]))).content
    served = with_extras(whole, extras(FOLDERS, "ja"), {}) or b""
    blocks = re.findall(rb"<(style|script)>(.*?)</\1>", served, re.DOTALL)

    (policy,) = policies(served)
    for _, text in blocks:
        assert f"'sha256-{b64encode(sha256(text).digest()).decode()}'" in policy
    assert len(blocks) >= 4
    assert "unsafe" not in policy
    assert policy.count("connect-src 'self'") == 1


@pytest.mark.parametrize(
    "content",
    [
        page(meta=""),
        page(meta="<!-- " + META + " -->"),
        page(meta="", head=f"<script>'{META}'</script>"),
        page(meta="", body=META),
        page().replace(b"</head>", b""),
        page().replace(b"</body>", b""),
        page(head="<title>\u00ff</title>").replace("\u00ff".encode(), b"\xff"),
        b"",
        b"</body></head>",
    ],
)
def test_a_page_without_a_policy_gets_nothing(content: bytes) -> None:
    """Where none is found that surely is one, or where the page is none."""
    assert with_extras(content, ADDED, {}) is None


@pytest.mark.parametrize(
    "meta",
    [
        META,
        META.replace("http-equiv", "HTTP-EQUIV").replace("meta", "META"),
        "<meta content='default-src &#39;none&#39;' http-equiv=content-security-policy />",
        "<meta\n  content=\"default-src\n 'none'\"\n  http-equiv='Content-Security-Policy'\n>",
        META + "\n" + META,
    ],
)
def test_a_policy_is_found_however_it_is_written(meta: str) -> None:
    """All of them, where there are several: all are in force."""
    served = with_extras(page(meta, head="<title>é 字</title>\r\n"), ADDED, {})

    assert served is not None
    assert set(policies(served)) == {
        "default-src 'none'; style-src 'sha256-S'; script-src 'sha256-J'; connect-src 'self'"
    }
    assert "<title>é 字</title>" in served.decode()


@given(st.binary(max_size=200))
def test_no_page_is_too_strange(content: bytes) -> None:
    """Nothing is raised, whatever a file holds."""
    with_extras(page().replace(b"<title>x</title>", content), ADDED, {})
    has_policy(content)
    language_of(content)


@pytest.mark.parametrize("language", ["zh-Hans", "zh-Hant", "ja", "ko", "en", "fr"])
def test_the_panel_speaks_the_language_of_the_page(language: str) -> None:
    """Every word that the script looks up is there, and the page for nothing too."""
    added = extras(FOLDERS, language)
    named = set(re.findall(r"<dt>(\w+)</dt><dd>.+?</dd>", added.markup))

    assert set(re.findall(r"words\.(\w+)", added.script)) <= named
    assert {"asking", "writing", "done", "flagged", "undone", "failed", "locked", "lost"} <= named
    assert has_policy(missing(FOLDERS, language))


def test_no_script_writes_markup() -> None:
    """Nor runs text, nor goes elsewhere."""
    script = extras(FOLDERS, "en").script

    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|Function\(|https?:", script)
