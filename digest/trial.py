"""Whether a model can be loaded here at all: the library, the memory, and a trial in a process of its own.

A trial that passed is noted, and not made again for the same model, library and processor. Writes no card.
"""

import hashlib
import importlib.util
import json
import logging
import os
import platform
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from . import machine
from .atomic import put
from .errors import ConfigError, DigestError, EngineError
from .gguf_header import Header
from .largefiles import megabytes
from .plaintext import one_line

LIBRARY = "xllamacpp"
RESERVE = 200 * 10**6  #: bytes beside the weights and the memory of tokens: working space, and what the system wants
SECONDS = 300.0  #: for the trial; a model on a slow disk takes a minute
TRIED = "tried.json"
MOST = 64  #: trials in the notes
SERVICE = "or have a service write the cards: --service NAME, with its key"

#: Loads the model and has it write one token; what the library says goes to standard error.
_CHILD = """
import os, secrets, sys, tempfile
import xllamacpp
found = xllamacpp.CommonParams()
folder = tempfile.TemporaryDirectory(prefix="digest-", ignore_cleanup_errors=True)
found.hostnames = ["127.0.0.1"] if os.name == "nt" else [os.path.join(folder.name, "llama.sock")]
found.api_keys = [secrets.token_hex(32)]
found.endpoint_slots = found.endpoint_props = found.ui = False
found.model.path, adapter = sys.argv[1:]
if adapter:
    found.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(adapter, 1.0)]
found.n_ctx, found.n_parallel, found.warmup = 256, 1, False
found.cpuparams.n_threads = found.cpuparams_batch.n_threads = 1
xllamacpp.Server(found).handle_completions({"prompt": "1 2 3", "max_tokens": 1})
"""

ILLEGAL = (-4, 0xC000001D)  #: exit status where the processor met an instruction that it lacks: SIGILL, and on Windows
KILLED = -9

#: Model and adapter -> the trial's exit status, negative for a signal, and why it failed.
Run = Callable[[list[str]], tuple[int, str]]

_ERROR = re.compile(r"[\d.]+ E [^:]*: (.+)")

log = logging.getLogger(__name__)


def require_library(install: str) -> None:
    """
    See that the library is installed; it is not imported.

    Raises:
        ConfigError: it is not; the hint is `install`.
    """
    if importlib.util.find_spec(LIBRARY) is None:
        unbuilt = not has_wheel(platform.system(), platform.machine(), platform.libc_ver()[0])
        system = f"{platform.system()} on {platform.machine()}"
        more = f" (for {system} there is no wheel: it is built there, with CMake), {SERVICE}" if unbuilt else ""
        raise ConfigError(f"a model on this machine needs {LIBRARY}, which is not installed", hint=f"{install}{more}")


def has_wheel(system: str, kind: str, libc: str) -> bool:
    """
    Whether the library is on the package index as a wheel for a machine; where not, pip builds it from source.

    Source: the files of xllamacpp 2026.10 (Linux with glibc, macOS 13, Windows)

    >>> has_wheel("Linux", "x86_64", "glibc"), has_wheel("Linux", "x86_64", ""), has_wheel("Darwin", "x86_64", "")
    (True, False, False)
    """
    if system == "Linux":
        return libc == "glibc" and kind in ("x86_64", "aarch64")
    return (system, kind) in (("Darwin", "arm64"), ("Windows", "AMD64"))


def needed(header: Header, files: int, context: int) -> int:
    """Bytes of memory for a model whose files have `files` bytes, with room for `context` tokens."""
    return files + header.memory_of(context) + RESERVE


def require_memory(name: str, need: int, free: int | None, whole: int | None) -> None:
    """
    Hold the bytes that a model needs against those that are free, and those that there are; None: not known.

    Raises:
        ConfigError: this machine has not enough.
        EngineError: it has, but not now.
    """
    if whole is not None and whole < need:
        raise ConfigError(
            f"too little memory: {name} needs {megabytes(need)}, and this machine gives it {megabytes(whole)} at most",
            hint=f"name a smaller model in engine.model, {SERVICE}",
        )
    if free is not None and free < need:
        raise EngineError(
            f"too little memory: {name} needs {megabytes(need)}, and {megabytes(free)} are free",
            hint=f"end other programs and run the same command again, name a smaller model, {SERVICE}",
        )


def require_processor() -> None:
    """
    See that the processor has what the library is built for.

    Raises:
        ConfigError: it has not.
    """
    if lacking := machine.missing_instructions():
        raise _unfit(f"it lacks {', '.join(lacking)}")


def passes(name: str, files: tuple[Path, Path | None], state: str, notes: Path, run: "Run | None" = None) -> None:
    """
    Load a model in a process of its own, unless it passed before.

    Args:
        name: What the model is called.
        files: The model, and its adapter.
        state: What the files are, such as their checksums.
        notes: A folder for the note of what passed.
        run: Runs the trial.

    Raises:
        ConfigError: the processor or the file is not fit.
        EngineError: it was killed, as where memory ran out, or took too long.
    """
    key = hashlib.sha256("\n".join([state, _library(), machine.processor()]).encode()).hexdigest()[:16]
    tried = _noted(notes)
    if key in tried:
        return
    model, adapter = files
    status, said = (run or _run)([str(model), str(adapter or "")])
    if status:
        raise failure(name, status, said)
    log.info("%s: loaded in a trial", name)
    try:
        put(notes / TRIED, json.dumps([*tried[-MOST + 1 :], key]).encode())
    except OSError as error:
        log.debug("%s: %s", notes / TRIED, error.strerror or error)


def failure(name: str, status: int, said: str) -> DigestError:
    """What the end of a trial means: its exit status, negative for a signal, and its last words."""
    if status in ILLEGAL:
        return _unfit("a trial met an instruction that it lacks")
    if status == KILLED:
        return EngineError(
            f"{name}: the trial was killed, as happens where memory runs out",
            hint=f"end other programs and run the same command again, name a smaller model, {SERVICE}",
        )
    how = f"ended with {signal.Signals(-status).name}" if -status in set(signal.Signals) else "failed"
    fact = f"{name}: can't be loaded; the trial {how}" + (f": {said}" if said else "")
    return ConfigError(fact, hint=f"name another model in engine.model, install {LIBRARY} again, {SERVICE}")


def _unfit(fact: str) -> ConfigError:
    return ConfigError(
        f"{LIBRARY} is built for another processor than this one ({machine.processor()}): {fact}",
        hint=f"build it here: pip install --force-reinstall --no-binary {LIBRARY} {LIBRARY}; {SERVICE}",
    )


def _run(files: list[str]) -> tuple[int, str]:
    """Run the trial of these files, without input; its exit status, and why it failed."""
    try:
        done = subprocess.run(  # noqa: S603 - this interpreter, and our own words
            [sys.executable, "-P", "-c", _CHILD, *files],
            env={**os.environ, "GGML_NO_BACKTRACE": "1"},  # a crash is to start no debugger
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise EngineError(
            f"the trial of the model took longer than {SECONDS:.0f} s",
            hint="run the same command again when the machine has less to do, or name a smaller model",
        ) from error
    return done.returncode, reason(done.stderr.decode("utf-8", errors="replace"))


def reason(said: str) -> str:
    r"""
    Why the library could not load a model: the first error of its log, else the last line of all.

    >>> reason("0.01 I srv init\n0.02 E llama_model_load: no such thing\n0.03 E srv: failed\nRuntimeError: no\n")
    'no such thing'
    """
    lines = [line for line in said.splitlines() if line.strip()]
    errors = (found[1] for line in lines if (found := _ERROR.match(line)))
    return one_line(next(errors, lines[-1] if lines else ""))[:200]


def _library() -> str:
    try:
        return f"{LIBRARY} {version(LIBRARY)}"
    except PackageNotFoundError:
        return LIBRARY


def _noted(notes: Path) -> list[str]:
    try:
        with (notes / TRIED).open("rb") as file:
            found = json.loads(file.read(2**16))
    except (OSError, ValueError, RecursionError):
        return []
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
