"""The errors a user can meet, sorted by what the reader of the terminal should do, with their exit codes.

Holds no logic and imports nothing: every other module may raise from here.

    DigestError                     exit   the reader should
    ├── ConfigError                   2    fix digest.toml, a flag or a key
    ├── SourceError                  75    try again later
    ├── EngineError                  75    try again later
    │   ├── EngineRefused             2    fix the key, the model name or the quota
    │   ├── BatchPending             75    run the same command again later
    │   ├── Interrupted         130, 143    run the same command again
    │   └── BudgetReached            75    wait until the budget renews, or raise it
    ├── RecordError                   2    repair or delete the named file
    ├── StorageError                 75    make room, then run the same command again
    ├── BusyError                    75    let the other run end
    ├── DeliveryError                75    run the same command again: what was delivered is not sent again
    └── TemplateError                 2    fix the named template line

Exit 0: done, also on a day without announcements. 1: our bug, with traceback. 3: --strict and cards are missing.
"""

EX_USAGE = 2  #: the reader must change something first
EX_CARDS_MISSING = 3  #: with --strict
EX_TEMPFAIL = 75  #: the same command may pass later (sysexits.h)


class DigestError(Exception):
    """A failure the user can act on: the message says where and what, `hint` says the mend."""

    exit_code = EX_USAGE

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class ConfigError(DigestError):
    """digest.toml, a flag, an environment variable or a key is wrong."""


class SourceError(DigestError):
    """arXiv did not answer, or its answer failed its checks."""

    exit_code = EX_TEMPFAIL


class EngineError(DigestError):
    """The model service did not answer; as a value, for one request only."""

    exit_code = EX_TEMPFAIL


class EngineRefused(EngineError):
    """The model service refuses all requests: the key, the model's name or the quota is wrong."""

    exit_code = EX_USAGE


class BatchPending(EngineError):
    """A batch is not done yet; the same command fetches it later."""


class Interrupted(EngineError):
    """A signal asked for the end; what was under way has come in first."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message, hint="what has arrived is kept: run the same command again to go on")
        self.exit_code = exit_code


class BudgetReached(EngineError):
    """The next request might cost more than is left of a budget; nothing more is asked."""


class RecordError(DigestError):
    """A saved edition or the cache can't be read."""


class StorageError(DigestError):
    """A file can't be written for want of room."""

    exit_code = EX_TEMPFAIL


class BusyError(DigestError):
    """Another run works on the same output folder or cache."""

    exit_code = EX_TEMPFAIL


class DeliveryError(DigestError):
    """An edition did not reach all its receivers; the others have it."""

    exit_code = EX_TEMPFAIL


class TemplateError(DigestError):
    """A template or a prompt fails; the message names its file and line."""
