"""Generated blocks in a user's own README: what stands between two markers is ours, every other byte is theirs.

Pure: bytes in, bytes out. Knows no editions, and neither reads nor writes a file.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .errors import ConfigError

NAMES = ("keywords", "latest")  #: the blocks that there are
_MARKER = re.compile(rb"^(?:\xef\xbb\xbf)? {0,3}<!--[ \t]*digest:([a-z-]+):(begin|end)[ \t]*-->[ \t]*$")
_ANY_MARKER = re.compile(r"<!--(?=\s*digest:)")
_FENCE = re.compile(rb"^ {0,3}(`{3,}|~{3,})(.*)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """One place that is ours."""

    name: str
    begin: int  #: where its text begins: behind the line of the first marker
    end: int  #: where the line of the second one begins
    newline: bytes  #: how its first marker's line ends


@dataclass(frozen=True, slots=True)
class _Marker:
    name: str
    edge: str  #: "begin" or "end"
    number: int  #: of its line, from 1
    start: int
    line: bytes


def blocks(content: bytes, file: str) -> tuple[Block, ...]:
    """
    The blocks of a README in order; markers in a code block are only talked about.

    Args:
        content: The file as it is.
        file: Its name, for messages.

    Raises:
        ConfigError: it has no marker, or one that is alone, doubled, unknown or out of order; names file and line.
    """
    found: list[Block] = []
    opened: _Marker | None = None
    for one in _markers(content):
        _refuse(one, opened, found, file)
        if one.edge == "begin":
            opened = one
        elif opened:
            behind = opened.start + len(opened.line)
            found.append(Block(one.name, behind, one.start, opened.line[len(opened.line.rstrip(b"\r\n")) :]))
            opened = None
    if opened:
        raise _wrong(file, opened, "has no end", f"a line <!-- digest:{opened.name}:end --> closes it")
    if not found:
        raise ConfigError(
            f"{file}: has no line <!-- digest:{NAMES[0]}:begin -->, so nothing can be put there",
            hint="write that line and one with :end where the block belongs, or take the key readme out",
        )
    return tuple(found)


def filled(content: bytes, offers: Mapping[str, Sequence[str]], file: str, limit: int) -> bytes:
    """
    The README with every block filled anew.

    Args:
        content: The file as it is.
        offers: For each name of a block its text, the longest one first.
        file: Its name, for messages.
        limit: Bytes of the whole; where that is not enough, each block takes a shorter text, if it has one.

    Raises:
        ConfigError: as `blocks`.
    """
    places = blocks(content, file)
    for step in range(max(map(len, offers.values()), default=1)):
        texts = {name: texts[min(step, len(texts) - 1)] for name, texts in offers.items()}
        made = _with(content, places, texts)
        if len(made) <= limit:
            break
    return made


def _with(content: bytes, places: Sequence[Block], texts: Mapping[str, str]) -> bytes:
    parts, done = [], 0
    for block in places:
        lines = _ANY_MARKER.sub("&lt;!--", texts[block.name]).strip("\n").split("\n")
        ours = block.newline.join(line.encode() for line in ["", *lines, "", ""]) if any(lines) else b""
        parts += [content[done : block.begin], ours]
        done = block.end
    return b"".join([*parts, content[done:]])


def _markers(content: bytes) -> Iterator[_Marker]:
    """Yield the markers that are not within a code block; what stands in a block of ours opens none."""
    start, fence, is_ours = 0, b"", False
    for number, line in enumerate(content.splitlines(keepends=True), 1):
        bare = line.rstrip(b"\r\n")
        if not is_ours and (found := _FENCE.match(bare)):
            sign, rest = found[1], found[2]
            if not fence and not (sign[:1] == b"`" and b"`" in rest):
                fence = sign
            elif fence and sign.startswith(fence) and not rest.strip():
                fence = b""
        elif not fence and (found := _MARKER.match(bare)):
            is_ours = found[2] == b"begin"
            yield _Marker(found[1].decode(), found[2].decode(), number, start, line)
        start += len(line)


def _refuse(one: _Marker, opened: _Marker | None, found: Sequence[Block], file: str) -> None:
    if one.name not in NAMES:
        raise _wrong(file, one, "is no block", f"there are {' and '.join(NAMES)}")
    if opened and (one.edge == "begin" or one.name != opened.name):
        raise _wrong(file, one, f"stands in the block that begins in line {opened.number}", "end that one first")
    if any(block.name == one.name for block in found):
        raise _wrong(file, one, "comes a second time", "each block stands once")
    if one.edge == "end" and not opened:
        raise _wrong(file, one, "has no beginning before it", f"a line <!-- digest:{one.name}:begin --> opens it")


def _wrong(file: str, marker: _Marker, what: str, hint: str) -> ConfigError:
    return ConfigError(f"{file}:{marker.number}: digest:{marker.name}:{marker.edge} {what}", hint=hint)
