"""Models that installed packages ship: whole, or in parts that are put together once.

Imports the package that the user named; what it may do on import is its own affair. Downloads nothing.
"""

import importlib.util
import logging
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import file_digest
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

from . import checksums
from .errors import ConfigError
from .hooks import Watch, unwatched
from .largefiles import blocks, draft_of, guarded, hashed, megabytes, require_room, written

log = logging.getLogger(__name__)

PUTTING = "unpacking the model (MB)"


@dataclass(frozen=True, slots=True)
class Packaged:
    """What a package ships."""

    package: str  #: as it is imported
    title: str  #: the file's name
    parts: tuple[Path, ...]  #: one: the file itself
    sha256: str | None  #: that the package states of the whole

    @property
    def size(self) -> int:
        """Bytes of the whole."""
        return sum(part.stat().st_size for part in self.parts)


def shipped(package: str, install: str) -> Packaged:
    """
    What an installed package ships.

    Args:
        package: Its name on import, or that of its distribution: "-" and "_" are one.
        install: The line that installs it.

    Raises:
        ConfigError: it is not installed, ships no model or several, or lacks a part.
    """
    name = package.replace("-", "_")
    try:
        module = import_module(name) if re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", name, re.ASCII) else None
    except ImportError as error:
        missing = error.name or name
        raise ConfigError(f"the package {_named(missing)} is not installed", hint=install) from error
    if module is None:
        raise ConfigError(f"{package[:80]!r}: no package can be called so", hint='such as "package:my_model_gguf"')
    found = _in_parts(module) if hasattr(module, "chunk_paths") else _in_one(name)
    absent = next((part for part in found.parts if not part.is_file()), None)
    if absent is not None:
        raise ConfigError(f"{absent}: is missing", hint=again(absent))
    return found


def _in_parts(module: object) -> Packaged:
    """Of a package that has `chunk_paths`, `MODEL_NAME` and `EXPECTED_SHA256`."""
    name = str(getattr(module, "__name__", ""))
    try:
        parts = tuple(Path(part) for part in module.chunk_paths())  # type: ignore[attr-defined]
    except ImportError as error:
        missing = error.name or name
        raise ConfigError(f"the package {_named(missing)} is not installed", hint=_reinstall(missing)) from error
    except OSError as error:
        raise ConfigError(f"the package {_named(name)} lacks a part: {error}", hint=_reinstall(name)) from error
    title = Path(str(getattr(module, "MODEL_NAME", f"{name}.gguf"))).name
    stated = getattr(module, "EXPECTED_SHA256", None)
    return Packaged(name, title, parts, str(stated).lower() if stated else None)


def _in_one(package: str) -> Packaged:
    spec = importlib.util.find_spec(package)
    folders = [Path(one) for one in (spec.submodule_search_locations or ())] if spec else []
    files = sorted({path for folder in folders for path in folder.rglob("*.gguf")})
    if len(files) != 1:
        raise ConfigError(
            f"the package {package} ships {len(files) or 'no'} GGUF files; one is meant",
            hint="name the file itself: engine.model is its path",
        )
    return Packaged(package, files[0].name, (files[0],), checksums.stated(files[0]))


def put_together(found: Packaged, target: Path, tell: Watch = unwatched) -> str:
    """
    The whole at `target`, made in one step; its SHA-256. Its caller holds the lock of `target`.

    Raises:
        ConfigError: the parts do not make the file that the package states.
        StorageError: the disk is full.
    """
    draft = draft_of(target)
    with guarded(target):
        draft.unlink(missing_ok=True)  # of a process that was killed
        require_room(target, found.size)
        try:
            is_now = hashed(written(draft, blocks(found.parts)), tell, PUTTING, found.size)
            if found.sha256 and is_now != found.sha256:
                raise damaged(found, is_now)
            draft.replace(target)
        finally:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
    log.info("%s: %s put together from %s", target, megabytes(target.stat().st_size), found.package)
    return is_now


def verified(found: Packaged, tell: Watch = unwatched) -> str:
    """
    The SHA-256 of the whole, though it was never put together.

    Raises:
        ConfigError: it is not the one that the package states.
    """
    with guarded(found.parts[0]):
        is_now = hashed(blocks(found.parts), tell, "verifying the model (MB)", found.size)
    if found.sha256 and is_now != found.sha256:
        raise damaged(found, is_now)
    return is_now


def damaged(found: Packaged, is_now: str) -> ConfigError:
    """The error of parts that make another file, with the one that is to blame where the installer's record tells."""
    part = next((part for part in found.parts if _differs(part)), None)
    place = (
        f"{part}: is damaged" if part else f"the parts of {_named(found.package)} are damaged or do not belong together"
    )
    return ConfigError(
        f"{place}: together they have the SHA-256 {is_now[:12]}…, not {(found.sha256 or '')[:12]}…",
        hint=again(part or found.parts[0]),
    )


def again(part: Path) -> str:
    """The line that installs the distribution of a part again."""
    return _reinstall(part.parents[1].name if part.parent.name == "data" else part.parent.name)


def _reinstall(package: str) -> str:
    return f"pip install --force-reinstall --no-deps --no-cache-dir {_named(package)}"


def _named(package: str) -> str:
    """The distribution that a package came in."""
    return package.partition(".")[0].replace("_", "-")


def _differs(part: Path) -> bool:
    """Whether a file is not the one that was installed; False where no record says so."""
    package = part.parents[1].name if part.parent.name == "data" else part.parent.name
    for name in _distributions(package):
        for file in distribution(name).files or ():
            if file.hash and file.hash.mode == "sha256" and Path(str(file.locate())).resolve() == part.resolve():
                with part.open("rb") as content:
                    is_now = file_digest(content, "sha256").digest()
                return urlsafe_b64encode(is_now).rstrip(b"=").decode() != file.hash.value
    return False


def _distributions(package: str) -> Iterator[str]:
    try:
        distribution(package)
    except PackageNotFoundError:
        yield from packages_distributions().get(package, ())
    else:
        yield package
