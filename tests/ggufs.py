"""Builds small GGUF files: a head as asked for, and some bytes for tensors."""

import struct
from collections.abc import Mapping
from hashlib import sha256

U32, TEXT, LIST = 4, 8, 9


def text(words: str | bytes) -> bytes:
    content = words.encode() if isinstance(words, str) else words
    return struct.pack("<Q", len(content)) + content


def pair(key: str, value: int | str | list[str]) -> bytes:
    if isinstance(value, int):
        return text(key) + struct.pack("<II", U32, value)
    if isinstance(value, str):
        return text(key) + struct.pack("<I", TEXT) + text(value)
    return text(key) + struct.pack("<IIQ", LIST, TEXT, len(value)) + b"".join(map(text, value))


def head(tensors: int = 0, keys: int = 0, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, keys)


def gguf(values: Mapping[str, int | str | list[str]] | None = None, data: bytes = bytes(64), version: int = 3) -> bytes:
    """A file with one tensor, whose bytes are `data`."""
    usual: dict[str, int | str | list[str]] = {
        "general.architecture": "small",
        "general.type": "model",
        "small.context_length": 2048,
        "small.embedding_length": 64,
        "small.block_count": 2,
        "small.attention.head_count": 4,
        "small.attention.head_count_kv": 1,
        "tokenizer.ggml.tokens": ["the", "a", "门控"],
    }
    pairs = [pair(key, value) for key, value in {**usual, **(values or {})}.items()]
    tensor = text("blk.0.weight") + struct.pack("<IQIQ", 1, len(data), 24, 0)
    begun = head(1, len(pairs), version) + b"".join(pairs) + tensor
    return begun + bytes(-len(begun) % 32) + data


def sum_of(content: bytes) -> str:
    return sha256(content).hexdigest()
