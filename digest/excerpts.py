"""A record of an edition cut down to a few of its papers, without reading the rest of it: five times as fast.

Pure: bytes in, bytes out. Cuts only what is laid out as our own program saves it; checks nothing of what it keeps.
"""

from collections.abc import Collection, Iterator

#: How an entry begins. A line break is never inside a string of JSON, so the spaces behind it tell how deep a line is.
_ENTRY = b'\n  {\n   "paper": {\n    "arxiv_id": "'
_BEGINNING = b'{\n "schema": 3,\n'
_LISTS = (b"sections", b"entries", b"replacements", b"excluded")  #: the last keys of a record, in this order


def excerpt(content: bytes, ids: Collection[str]) -> bytes | None:
    """
    The record in `content` with nothing but the papers named and no section: empty where it has none of them, None
    where it is not laid out as saved. It may be damaged in what is left out.
    """
    starts = _starts(content)
    if starts is None:
        return None
    wanted = {one.encode() for one in ids}
    kept: list[list[bytes]] = [[] for _ in _LISTS]
    for start, name in _entries(content, starts[1]):
        if name in wanted:
            end = content.find(b"\n  }", start)
            if end < 0:
                return None
            kept[sum(start >= one for one in starts) - 1].append(content[start : end + 4])
    if not any(kept):
        return b""
    lists = (b'"%s": [%s]' % (name, b",".join(own)) for name, own in zip(_LISTS, kept, strict=True))
    return content[: starts[0]] + b"\n " + b",\n ".join(lists) + b"\n}\n"


def _entries(content: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """Yield where each entry begins, and its paper's identifier; a search for bytes, twice as fast as a pattern."""
    start = content.find(_ENTRY, start)
    while start >= 0:
        behind = start + len(_ENTRY)
        yield start, content[behind : content.find(b'"', behind)]
        start = content.find(_ENTRY, behind)


def _starts(content: bytes) -> list[int] | None:
    """Where the lists of a record begin; None where one is missing, or out of order, or the end is not whole."""
    if not (content.startswith(_BEGINNING) and content.endswith((b"\n ]\n}\n", b"[]\n}\n"))):
        return None
    starts, place = [], 0
    for name in _LISTS:
        place = content.find(b'\n "%s": [' % name, place)
        if place < 0:
            return None
        starts.append(place)
    return starts
