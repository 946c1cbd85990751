"""Web addresses in strangers' prose: where they stand, and what they are without the sentence and the TeX around them.

Pure, and finds http and https alone. Opens nothing, and knows nothing of what stands at an address.
"""

import re
from ipaddress import ip_address
from typing import NamedTuple

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = rf"{_LABEL}(?:\.{_LABEL})+"
# How TeX writes a sign of an address: \_ \% \# \& \~{} {\_} \textasciitilde{} $\sim$; and breaks that show nothing.
_TEX = (
    r"\{?\\[_%\#&](?:\{\})?\}?|\\~(?:\{\})?|\\text(?:asciitilde|underscore)(?:\{\}|\ )?|\$\\sim\$"
    r"|\\allowbreak(?:\{\}|\ )?|\\[-/]"
)
# Of what RFC 3986 allows, all but $ and ', which in prose are mathematics and a genitive; [ ] are no part of a path.
# A ~ is a tie of TeX but for the one of a ~user.
_SIGNS = rf"(?:[A-Za-z0-9._:/?\#@!&()*+,;=%-]|(?<=[/~])~|{_TEX})*"
# Hosts that are told from prose without a scheme, where something follows them.
_KNOWN = (
    r"(?:www\.)?(?:git(?:hub|lab|ee)\.com|bitbucket\.org|codeberg\.org|huggingface\.co|hf\.co|modelscope\.cn"
    r"|anonymous\.4open\.science|zenodo\.org|osf\.io|(?:dx\.)?doi\.org(?=/10\.)|sites\.google\.com|kaggle\.com"
    r"|youtube\.com|youtu\.be|bilibili\.com)(?=/[A-Za-z0-9])"
)
_PAGES = rf"{_LABEL}\.(?:git(?:hub|lab)\.io|netlify\.app|vercel\.app|pages\.dev)(?![A-Za-z0-9-]|\.[A-Za-z0-9])"
_ADDRESS = re.compile(
    rf"""
    (?: (?<![A-Za-z])(?P<scheme>https?)\s?:\s?/\s?/\s?
        (?P<torn>(?:[A-Za-z0-9-]+-\s)?[A-Za-z0-9-]+\.git(?:hub|lab)\.\s?io (?![A-Za-z0-9_.-]) | github\.\scom (?=/) )
      | (?<![A-Za-z])(?P<scheme_>https?)\s?:\s?/\s?/\s?(?P<host>{_HOST}(?::\d{{1,5}})?)
        (?![A-Za-z0-9_]|[A-Za-z0-9._~%!&()*+,;=:-]*@)          # user:password@ makes it none
      | (?<![A-Za-z0-9_.@/:=-])(?P<bare>{_KNOWN}|{_PAGES}|www\.{_HOST}) (?![A-Za-z0-9_@:])
    )
    (?P<rest>(?:[/?\#]{_SIGNS})?)
    """,
    re.VERBOSE | re.IGNORECASE,
)
#: Every address has one of these; most texts have none, and a look for them is quick.
_HINTS = ("http", "www.", ".io", ".com/", ".co/", ".org/", ".cn/", ".be/", ".app", ".dev", ".science/")
_PAIRS = {")": "("}
# Where another address, or what is said of it, is glued to an address. One may hold another: web.archive.org/web/https://…
_GLUED = re.compile(r"[,;]?(?<![/=?&%])https?://|[,;](?=[A-Za-z]+:|www\.)|\.(?=(?:The|Our|We|This|Code)$)")
_BROKEN = (  # how an address ends before a blank that does not belong there, and how it then goes on
    (re.compile(r"[^.,;:!?/]$"), re.compile(rf"\s(?=/[A-Za-z0-9~]){_SIGNS}")),
    (re.compile(r"//(?:www\.)?(?:github|gitlab|huggingface)\.com?/$"), re.compile(rf"\s(?=[\w.-]+/[\w.-]){_SIGNS}")),
    (
        re.compile(r"//github\.com/[\w-]+/$"),
        re.compile(rf"\s(?=[\w-]*(?:[a-z][A-Z]|[A-Z]{{2}}|[\d_]))(?!\w+:){_SIGNS}"),
    ),
    (re.compile(r"/[^/]*\w[-_]$"), re.compile(rf"\s(?=[\w./-]*(?:[\w/][.,;)]?$|[/_\d]|\w[.,;)]\s)){_SIGNS}")),
    (re.compile(r"doi\.org/10\.?$"), re.compile(rf"\.?\s(?=\d{{4,9}}/){_SIGNS}")),
)
_SHOWS = (
    (re.compile(r"\\allowbreak(?:\{\}|\ )?|\\[-/]|\s"), ""),
    (re.compile(r"\\~(?:\{\})?|\\textasciitilde(?:\{\}|\ )?|\$\\sim\$"), "~"),
    (re.compile(r"\\textunderscore(?:\{\}|\ )?"), "_"),
    (re.compile(r"\{?\\([_%#&$])(?:\{\})?\}?"), r"\1"),
)


class Address(NamedTuple):
    """One address in a text."""

    start: int  #: of what stands for it in the text
    end: int
    url: str  #: whole, with its scheme, its host in small letters


def located(text: str) -> list[Address]:
    r"""
    The web addresses in `text`, in order: in TeX or plain, torn by a blank, and those of known hosts without a scheme.

    >>> [found.url for found in located(r"见github.com/a/b，\url{https://x.org/~u/c\_d} javascript:a(1) ftp://x.org")]
    ['https://github.com/a/b', 'https://x.org/~u/c_d']
    """
    small = text.lower()
    if not any(hint in small for hint in _HINTS):
        return []
    found: list[Address] = []
    place = 0
    while match := _ADDRESS.search(text, place):
        end = _end(text, match)
        host = match["torn"] or match["host"] or match["bare"]
        url = f"{(match['scheme'] or match['scheme_'] or 'https').lower()}://"
        url += shown(host).lower() + shown(text[match.start("rest") : end])
        if _is_public(shown(host)):
            found.append(Address(match.start(), end, url))
        place = end
    return found


def addresses(text: str) -> list[tuple[int, int]]:
    """Where in `text` an address stands as it is, as (start, end), in order: whoever copies it has it.

    >>> addresses("见https://x.org/a，更多 javascript:alert(1) ftp://x.org github.com/a/b")
    [(1, 16)]
    """
    if "://" not in text:
        return []
    return [(one.start, one.end) for one in located(text) if text[one.start : one.end].lower() == one.url.lower()]


def _end(text: str, match: re.Match[str]) -> int:
    """Where an address ends: before the punctuation of the sentence, or after a blank that does not belong there."""
    rest = match["rest"]
    if glued := _GLUED.search(rest):
        rest = rest[: glued.start()]
    end = match.start("rest") + len(_trimmed(rest))
    url = shown(text[match.start() : end])
    url = url if "//" in url else f"//{url}"
    for before, after in _BROKEN:
        if before.search(url) and (more := after.match(text, end)):
            return max(end, more.start() + len(_trimmed(more[0])))
    return end


def _trimmed(address: str) -> str:
    """`address` without the punctuation of the sentence around it.

    >>> _trimmed("https://x.org/a_(b)).")
    'https://x.org/a_(b)'
    """
    while address:
        last = address[-1]
        if last not in ".,;:!?*#" and not (last in _PAIRS and address.count(last) > address.count(_PAIRS[last])):
            break
        address = address[:-1]
    return address


def shown(source: str) -> str:
    r"""What TeX makes of a part of an address.

    >>> shown(r"/\~{}u/a\_b\%20")
    '/~u/a_b%20'
    """
    for pattern, sign in _SHOWS:
        source = pattern.sub(sign, source)
    return source


def _is_public(host: str) -> bool:
    """Whether a host may be anywhere: no number but a public address of four, no name of a local network."""
    name = host.rpartition(":")[0] or host
    last = name.rpartition(".")[2].lower()
    if last.isdigit() or last.startswith("0x"):
        try:
            return ip_address(name).is_global
        except ValueError:
            return False
    return last not in ("local", "localhost", "internal", "invalid", "localdomain", "lan", "home")
