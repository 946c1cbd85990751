"""The head of a GGUF file: what model it is, and whether the file has all that its head promises.

Reads the head alone, and takes no number in it on trust: each is held against the file's size first.
"""

import os
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .errors import ConfigError
from .plaintext import one_line

VERSIONS = (2, 3)  #: that llama.cpp reads
MOST_KEYS = 65_536
MOST_TENSORS = 1_000_000
MOST_VALUES = 4_000_000  #: of one list; the largest vocabularies have some 300,000 words
LONGEST_KEY = 65_535  #: bytes
LONGEST_TEXT = 4_096  #: bytes of a value that is kept; longer ones are skipped
ALIGNMENT = 32  #: of the tensors, where the file names none

_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _LIST = 8, 9
_ELSEWHERE = "name a model in the form of llama.cpp: a file *.gguf"

Value = int | float | bool | str


class _BadError(Exception):
    """What is wrong with a head, in a few words."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself; strangers' words, on one line."""

    values: Mapping[str, Value]  #: single numbers and short texts, by key
    size: int  #: bytes of the file

    @property
    def architecture(self) -> str:
        """Such as "gemma3"."""
        return str(self.values.get("general.architecture", ""))

    @property
    def kind(self) -> str:
        """Such as "model" or "adapter"; files of old do not say and are models."""
        return str(self.values.get("general.type", "model"))

    @property
    def parts(self) -> int:
        """How many files the model is split into."""
        return self._whole("split.count", 1)

    @property
    def context(self) -> int | None:
        """Tokens that the model was made for."""
        return self._whole(f"{self.architecture}.context_length", 0) or None

    def memory_of(self, tokens: int) -> int:
        """Bytes of keys and values that the model remembers `tokens` by, in half precision; an upper bound."""
        heads = self._of("attention.head_count", 1)
        size = self._of("embedding_length", 4096) // max(1, heads)
        keys, values = self._of("attention.key_length", size), self._of("attention.value_length", size)
        remembered = self._of("attention.head_count_kv", heads) * (keys + values)
        return 2 * tokens * self._of("block_count", 32) * remembered

    def _of(self, key: str, otherwise: int) -> int:
        return self._whole(f"{self.architecture}.{key}", otherwise)

    def _whole(self, key: str, otherwise: int) -> int:
        value = self.values.get(key)
        return value if isinstance(value, int) and 0 <= value < 2**31 else otherwise


def read(path: Path) -> Header:
    """
    The head of the file.

    Raises:
        ConfigError: there is no such file, it can't be read, it is no GGUF file, or it is not all there.

    Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
    """
    size = regular(path)
    try:
        with path.open("rb", buffering=2**20) as file:
            return _Reader(file, size).header()
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror or error}", hint="mend who may read it") from error
    except _BadError as error:
        raise ConfigError(f"{path}: {error}", hint=_ELSEWHERE) from error


def regular(path: Path) -> int:
    """
    The size of a file in bytes; one that is none is never opened, as a pipe would wait for ever.

    Raises:
        ConfigError: there is none, or it is a folder, a pipe, a device or empty.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}", hint=_ELSEWHERE) from error
    if not stat.S_ISREG(found.st_mode):
        what = "a folder" if stat.S_ISDIR(found.st_mode) else "no plain file"
        raise ConfigError(f"{path}: is {what}", hint=_ELSEWHERE)
    if found.st_size == 0:
        raise ConfigError(f"{path}: is empty", hint="fetch it again")
    return found.st_size


def is_begun(content: bytes) -> bool:
    r"""Whether a file that begins so can be one.

    >>> is_begun(b"GGUF\x03\x00"), is_begun(b"<!DOCTYPE html>")
    (True, False)
    """
    return content[:4] == b"GGUF"


class _Reader:
    """Goes through a head once; reads no more at a time than is left of the file."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size, self._place = file, size, 0

    def header(self) -> Header:
        tensors, keys = self._counts()
        values: dict[str, Value] = {}
        for _ in range(keys):
            key = self._short(LONGEST_KEY)
            if (value := self._value(self._number("I"))) is not None:
                values[key] = value
        self._tensors(tensors, values.get("general.alignment", ALIGNMENT))
        return Header(values, self._size)

    def _counts(self) -> tuple[int, int]:
        begins = self._take(4)
        if not is_begun(begins):
            page = " (but a web page)" if begins.lstrip().startswith(b"<") else ""
            raise _BadError(f"is no GGUF file{page}")
        version = self._number("I")
        if version not in VERSIONS:
            order = "of the other byte order" if version.to_bytes(4, "big")[0] in VERSIONS else f"of version {version}"
            raise _BadError(f"is a GGUF file {order}; versions 2 and 3 can be read")
        return self._count(MOST_TENSORS, "tensors"), self._count(MOST_KEYS, "keys")

    def _tensors(self, number: int, alignment: Value) -> None:
        """Go through the list of tensors: where the last one begins there must be something."""
        last = 0
        for _ in range(number):
            self._skip(self._length(LONGEST_KEY))
            dimensions = self._number("I")
            if dimensions > 8:
                raise _BadError(f"its head is damaged: a tensor of {dimensions} dimensions")
            self._skip(8 * dimensions + 4)
            last = max(last, self._number("Q"))
        if not isinstance(alignment, int) or not 0 < alignment <= 2**16:
            raise _BadError("its head is damaged: no alignment")
        if number and -(-self._place // alignment) * alignment + last >= self._size:
            raise _BadError(f"is cut off: {self._size:,} bytes do not hold all its tensors; fetch it again")

    def _value(self, kind: int) -> Value | None:
        """A single value that is worth keeping; the others are gone past."""
        if kind in _NUMBERS:
            found: Value = self._number(_NUMBERS[kind])
            return found
        if kind == _TEXT:
            length = self._length(self._size)
            if length <= LONGEST_TEXT:
                return _words(self._take(length))
            self._skip(length)
        elif kind == _LIST:
            self._skip_list()
        else:
            raise _BadError(f"its head is damaged: a value of kind {kind}")
        return None

    def _skip_list(self) -> None:
        kind = self._number("I")
        number = self._count(MOST_VALUES, "values in a list")
        if kind in _NUMBERS:
            self._skip(number * struct.calcsize(_NUMBERS[kind]))
        elif kind == _TEXT:
            self._skip_texts(number)
        else:
            raise _BadError(f"its head is damaged: a list of kind {kind}")

    def _skip_texts(self, number: int) -> None:
        """Go past a vocabulary: hundreds of thousands of words, so without a call for each."""
        read, length_of, place = self._file.read, struct.Struct("<Q").unpack, self._place
        for _ in range(number):
            begins = read(8)
            length = length_of(begins)[0] if len(begins) == 8 else self._size
            place += 8 + length
            if place > self._size:
                raise _BadError("is cut off within its head, or that is damaged; fetch it again")
            if length <= LONGEST_TEXT:
                read(length)
            else:
                self._file.seek(length, os.SEEK_CUR)
        self._place = place

    def _count(self, most: int, noun: str) -> int:
        number: int = self._number("Q")
        if number > most:
            raise _BadError(f"its head is damaged: {number:,} {noun}")
        return number

    def _length(self, longest: int) -> int:
        length: int = self._number("Q")
        if length > longest:
            raise _BadError(f"its head is damaged: a text of {length:,} bytes")
        return length

    def _short(self, longest: int) -> str:
        return _words(self._take(self._length(longest)))

    def _number(self, form: str):  # type: ignore[no-untyped-def] # what struct makes of a form, no type says
        return struct.unpack(f"<{form}", self._take(struct.calcsize(form)))[0]

    def _take(self, length: int) -> bytes:
        self._claim(length)
        found = self._file.read(length)
        if len(found) < length:
            raise _BadError("is cut off within its head; fetch it again")
        return found

    def _skip(self, length: int) -> None:
        self._claim(length)
        if length <= LONGEST_TEXT:  # to seek throws away what was read ahead
            self._file.read(length)
        else:
            self._file.seek(length, os.SEEK_CUR)

    def _claim(self, length: int) -> None:
        self._place += length
        if self._place > self._size:
            raise _BadError("is cut off within its head; fetch it again")


def _words(content: bytes) -> str:
    return one_line(content.decode("utf-8", errors="replace"))
