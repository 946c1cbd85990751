"""The head of a GGUF file: read as it is, and refused in a line where it is hostile or broken."""

import os
import struct
from pathlib import Path

import pytest
from ggufs import gguf, head, pair, text
from hypothesis import given
from hypothesis import strategies as st

from digest import gguf_header
from digest.errors import ConfigError

KEY = text("a")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "m.gguf"


def refusal(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        gguf_header.read(path)
    assert caught.value.hint
    return str(caught.value).removeprefix(f"{path}: ")


def test_a_head_says_what_model_it_is(path: Path) -> None:
    """Architecture, kind and context come from the file; lists are gone past."""
    path.write_bytes(gguf())
    found = gguf_header.read(path)

    assert (found.architecture, found.kind, found.context, found.parts) == ("small", "model", 2048, 1)
    assert "tokenizer.ggml.tokens" not in found.values


def test_the_memory_of_tokens_is_keys_and_values_of_each_layer(path: Path) -> None:
    """Two layers, one head of 16 for keys and one for values, two bytes each: 128 bytes a token."""
    path.write_bytes(gguf())

    assert gguf_header.read(path).memory_of(1000) == 1000 * 2 * (16 + 16) * 2


def test_long_values_are_gone_past(path: Path) -> None:
    """A chat template longer than what is kept does not hide what comes after it."""
    path.write_bytes(gguf({"tokenizer.chat_template": "x" * 10_000, "split.count": 3}))
    found = gguf_header.read(path)

    assert found.parts == 3
    assert "tokenizer.chat_template" not in found.values


def test_words_of_a_file_are_one_plain_line(path: Path) -> None:
    """What a stranger wrote into a head can't move the cursor of a terminal."""
    path.write_bytes(gguf({"general.type": "\u202eevil\x1b[31m\n"}))

    assert gguf_header.read(path).kind == "evil[31m"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<!DOCTYPE html><html>", "is no GGUF file (but a web page)"),
        (b"PK\x03\x04 and more", "is no GGUF file"),
        (b"GGU", "is cut off within its head; fetch it again"),
        (b"", "is empty"),
        (gguf(version=1), "is a GGUF file of version 1; versions 2 and 3 can be read"),
        (b"GGUF" + struct.pack(">I", 3) + bytes(16), "of the other byte order"),
        (head(keys=2**63), "its head is damaged: 9,223,372,036,854,775,808 keys"),
        (head(tensors=2**60), "its head is damaged: 1,152,921,504,606,846,976 tensors"),
        (head(keys=1) + struct.pack("<Q", 2**63), "a text of 9,223,372,036,854,775,808 bytes"),
        (head(keys=1) + KEY + struct.pack("<IQ", 8, 2**62), "a text of 4,611,686,018,427,387,904 bytes"),
        (head(keys=1) + KEY + struct.pack("<IIQ", 9, 10, 2**61), "2,305,843,009,213,693,952 values in a list"),
        (head(keys=1) + KEY + struct.pack("<IIQ", 9, 10, 1_000_000), "is cut off within its head"),
        (head(keys=1) + KEY + struct.pack("<IIQ", 9, 8, 4_000_000) + bytes(99), "is cut off within its head"),
        (head(keys=1) + KEY + struct.pack("<IIQ", 9, 9, 1), "its head is damaged: a list of kind 9"),
        (head(keys=1) + KEY + struct.pack("<I", 77), "its head is damaged: a value of kind 77"),
        (head(tensors=1) + KEY + struct.pack("<I", 2**31), "a tensor of 2147483648 dimensions"),
        (head(keys=1) + pair("general.alignment", 0), "its head is damaged: no alignment"),
        (gguf()[:-64], "do not hold all its tensors; fetch it again"),
    ],
)
def test_a_hostile_or_broken_file_is_refused_in_a_line(path: Path, content: bytes, said: str) -> None:
    """No length in a file is believed before it is held against the file's size."""
    assert said in refusal(path, content)


@given(cut=st.integers(1, len(gguf()) - 65))
def test_a_head_that_is_cut_off_anywhere_is_refused(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    """However much of the head is there, it is an error of ours and no crash."""
    assert "fetch it again" in refusal(tmp_path_factory.getbasetemp() / "cut.gguf", gguf()[:cut])


@given(place=st.integers(0, len(gguf()) - 1), byte=st.integers(0, 255))
def test_a_changed_byte_never_crashes(tmp_path_factory: pytest.TempPathFactory, place: int, byte: int) -> None:
    """Whatever byte a head has lost, it is read or refused."""
    path = tmp_path_factory.getbasetemp() / "changed.gguf"
    content = bytearray(gguf())
    content[place] = byte
    path.write_bytes(content)
    try:
        found = gguf_header.read(path)
    except ConfigError:
        return
    assert found.memory_of(10) >= 0


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    """A pipe would be waited for: it is refused by its kind, and so is a folder."""
    os.mkfifo(tmp_path / "pipe.gguf")
    for name, said in (("pipe.gguf", "is no plain file"), (".", "is a folder"), ("none.gguf", "No such file")):
        with pytest.raises(ConfigError, match=said):
            gguf_header.read(tmp_path / name)
