"""The file of secrets beside digest.toml: NAME=VALUE lines for jobs that start without an environment.

Reads one file, that none but its owner may read; sets nothing, and never says a value.
"""

import os
import re
import stat
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from .errors import ConfigError

NAME = "digest.env"
LARGEST = 1 << 20  #: bytes; a file of settings has fewer

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read(path: Path, *, required: bool = False) -> dict[str, str]:
    """
    What the file says, by variable; an empty value counts as unset, and `$` in one means itself.

    Args:
        path: The file; it may be a pipe.
        required: Whether it must be there.

    Raises:
        ConfigError: others may read the file, it can't be read, or a line of it is no NAME=VALUE.
    """
    try:
        with path.open("rb") as file:
            _refuse_open(path, os.fstat(file.fileno()).st_mode)
            content = file.read(LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        if required:
            raise ConfigError(f"{path}: not found", hint="DIGEST_ENV_FILE names it; unset it or make it") from None
        return {}
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}", hint="mend or remove this file of secrets") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeError as error:
        raise ConfigError(f"{path}: not UTF-8", hint="save it as UTF-8") from error
    if len(content) > LARGEST or "\0" in text:
        raise ConfigError(f"{path}: no file of NAME=VALUE lines")
    return dict(_settings(path, text))


def _refuse_open(path: Path, mode: int) -> None:
    """Windows has no such modes."""
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise ConfigError(f"{path}: others than its owner may read or change it", hint=f"chmod 600 '{path}'")


def _settings(path: Path, text: str) -> Iterator[tuple[str, str]]:
    # The parser and not `dotenv_values`: that one skips a line it can't read, and a key would be missing in silence.
    from dotenv.parser import parse_stream

    for found in parse_stream(StringIO(text)):
        if found.error or (found.key and (found.value is None or not _VARIABLE.fullmatch(found.key))):
            before = found.original.string[: -len(found.original.string.lstrip())]  # empty lines belong to the next
            line = found.original.line + before.count("\n")
            raise ConfigError(f"{path}:{line}: not NAME=VALUE", hint="one a line; # begins a comment")
        if found.key and found.value:
            yield found.key, found.value
