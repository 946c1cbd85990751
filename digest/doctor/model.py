"""The model of this machine: library, processor, files and memory, where it writes the cards, or could without a key.

Reads and verifies what is there; puts nothing together, downloads nothing and loads no model.
"""

from collections.abc import Iterator

from .. import machine, trial, weights
from ..config import Config
from ..errors import ConfigError, DigestError
from ..largefiles import megabytes
from ..plaintext import counted
from . import Check, Patient, failed


def examine(patient: Patient) -> Iterator[Check]:
    """Yield the checks of the model that is configured; without a key, whether there is one for drafts."""
    config = patient.config
    if config.engine.name == "local":
        yield from _configured(config)
    elif not config.has_service:
        yield for_drafts(config)


def _configured(config: Config) -> Iterator[Check]:
    try:
        weights.require_library()
        trial.require_processor()
    except ConfigError as error:
        yield failed("model", error)
        return
    place = weights.place(config.shared, config.cache)
    try:
        seen = weights.look(config.engine.model, config.language, place, home=config.home)
    except DigestError as error:
        yield failed("model", error)
        return
    yield Check("model", "ok", seen.fact)
    yield memory(seen, machine.free_memory(), machine.whole_memory())


def memory(seen: weights.Seen, free: int | None, whole: int | None) -> Check:
    """Whether there is memory for a model; for what it remembers of a text a run sees to it again."""
    try:
        trial.require_memory(seen.name, (seen.size or 0) + trial.RESERVE, free, whole)
    except DigestError as error:
        return failed("memory", error)
    cores = counted(machine.threads(), "processor core")
    how = f"{megabytes(free)} are free" if free is not None else "how much is free can't be told here"
    return Check("memory", "ok", f"{how}; the model writes with {cores}")


def for_drafts(config: Config) -> Check:
    """Whether a reader without a key can have drafts."""
    draft = config.model_copy(update={"engine": config.engine.model_copy(update={"name": "local", "model": "draft"})})
    found = list(_configured(draft))
    if wrong := next((one for one in found if one.mark == "wrong"), None):
        return Check("model", "note", f"without a key, no drafts either: {wrong.fact}", wrong.mend)
    return Check("model", "ok", f"without a key, --engine local writes drafts: {found[0].fact}")
