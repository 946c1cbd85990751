"""What `digest serve` puts into a page: a style, a script and words, and a policy that lets exactly these work.

Makes text from text and templates; the files on disk stay as they are, and a page without a policy gets nothing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from html.parser import HTMLParser
from pathlib import Path

from .render import LANGUAGE
from .render.environment import fill, html_environment

SCRIPTS = ("serve/live.js", "serve/renew.js")
STYLE = "serve/serve.css"

_HEAD_ENDS = re.compile(rb"</head\s*>", re.IGNORECASE)
_BODY_ENDS = re.compile(rb"</body\s*>", re.IGNORECASE)
_LANGUAGE = re.compile(rb'<html\b[^>]*?\blang="([A-Za-z0-9-]{1,35})"', re.IGNORECASE)
_HEAD = 1 << 20  #: bytes in which a head must end


@dataclass(frozen=True, slots=True)
class Extras:
    """What is put into a page, as text that stands between the tags of its element."""

    style: str
    style_source: str  #: its name in a policy: 'sha256-…'
    script: str
    script_source: str
    markup: str  #: words and shapes for the script, in templates that show nothing by themselves


@lru_cache(maxsize=32)
def extras(folders: Sequence[Path], language: str) -> Extras:
    """
    What is put into the pages in a language.

    Raises:
        TemplateError: a template of ours or of the user's fails; the message begins with its file and line.
    """
    markup = fill(html_environment(folders), "serve/panel.html.j2", language)
    style = fill(html_environment(folders), "serve/raw.j2", language, names=(STYLE,))
    script = fill(html_environment(folders), "serve/raw.j2", language, names=SCRIPTS)
    source = html_environment(folders).filters["csp_source"]
    return Extras(style, f"'{source(style)}'", script, f"'{source(script)}'", markup)


def missing(folders: Sequence[Path], language: str) -> bytes:
    """The page that stands where there is none."""
    return fill(html_environment(folders), "serve/missing.html.j2", language).encode()


def language_of(content: bytes) -> str:
    """The language that a page says it is in."""
    found = _LANGUAGE.search(content, 0, 4096)
    return found[1].decode() if found else LANGUAGE


def with_extras(content: bytes, added: Extras, facts: Mapping[str, str]) -> bytes | None:
    """
    A page with what is put into it, and its policy widened by exactly that.

    Args:
        content: The page as it is on disk.
        added: Style, script and words.
        facts: What the script needs to know, as `data-…` attributes of its element.

    Returns:
        None where the page has no policy that could be widened, or no head or body that ends.
    """
    head_ends, body_ends = _HEAD_ENDS.search(content, 0, _HEAD), _last(_BODY_ENDS, content)
    if head_ends is None or body_ends is None or body_ends < head_ends.end():
        return None
    try:
        head = content[: head_ends.start()].decode()
    except UnicodeError:
        return None
    widened = _with_policy(head, added)
    if widened is None:
        return None
    told = "".join(f' data-{name}="{escape(value)}"' for name, value in facts.items())
    before = f"{widened}<style>{added.style}</style>\n"
    after = f"<template data-serve{told}>{added.markup}</template>\n<script>{added.script}</script>\n"
    return b"".join([before.encode(), content[head_ends.start() : body_ends], after.encode(), content[body_ends:]])


def _last(pattern: re.Pattern[bytes], content: bytes) -> int | None:
    """Where the last match begins: strangers' words hold no tags, and what stands behind the end is short."""
    found = [match.start() for match in pattern.finditer(content, max(0, len(content) - 4096))]
    return found[-1] if found else None


# ------------------------------------------------------------------------------------------ policies


class _Policies(HTMLParser):
    """Finds the elements of a head that set a policy: where each stands, how it is written, what it says."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[tuple[int, int], str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in reversed(attrs)}  # of an attribute that comes twice, the first
        if tag == "meta" and said.get("http-equiv", "").lower() == "content-security-policy":
            self.found.append((self.getpos(), self.get_starttag_text() or "", said.get("content", "")))


def has_policy(content: bytes) -> bool:
    """Whether a page brings a policy of its own."""
    ends = _HEAD_ENDS.search(content, 0, _HEAD)
    parser = _Policies()
    parser.feed(content[: ends.start()].decode(errors="replace") if ends else "")
    return bool(parser.found)


def _with_policy(head: str, added: Extras) -> str | None:
    """A head with every policy in it widened, as all of them are in force; None where there is none."""
    parser = _Policies()
    parser.feed(head)
    lines = [0, *(match.end() for match in re.finditer("\n", head))]
    pieces, at = [], 0
    for (line, column), written, policy in parser.found:
        start = lines[line - 1] + column
        if head[start : start + len(written)] != written:
            return None
        wider = widened(policy, added.style_source, added.script_source)
        pieces += [
            head[at:start],
            f'<meta http-equiv="Content-Security-Policy" content="{escape(wider, quote=False)}">',
        ]
        at = start + len(written)
    return "".join([*pieces, head[at:]]) if pieces else None


def widened(policy: str, style: str, script: str) -> str:
    """
    A Content-Security-Policy that lets one more style and script work, and lets them ask the page's own server.

    >>> widened("default-src 'none'; script-src 'sha256-a'", "'sha256-b'", "'sha256-c'")
    "default-src 'none'; script-src 'sha256-a' 'sha256-c'; style-src 'sha256-b'; connect-src 'self'"

    Source: https://www.w3.org/TR/CSP3/#parse-serialized-policy
    """
    known: dict[str, list[str]] = {}
    for words in filter(None, (one.split() for one in policy.split(";"))):
        known.setdefault(words[0].lower(), words[1:])  # of a directive that comes twice, the first
    for name, source in (("style-src", style), ("script-src", script), ("connect-src", "'self'")):
        had = known.get(name, known.get("default-src"))
        if had is not None:  # else everything is allowed already
            known[name] = _with_source(had, source)
        if f"{name}-elem" in known:
            known[f"{name}-elem"] = _with_source(known[f"{name}-elem"], source)
    return "; ".join(" ".join([name, *sources]) for name, sources in known.items())


def _with_source(had: Sequence[str], source: str) -> list[str]:
    """Sources with one more; a hash would take away the leave that 'unsafe-inline' gives all."""
    lower = [one.lower() for one in had]
    is_hashed = any(one.startswith(("'sha", "'nonce-")) for one in lower)
    if source in had or ("'unsafe-inline'" in lower and not is_hashed and source.startswith("'sha")):
        return list(had)
    return [*(one for one in had if one.lower() != "'none'"), source]
