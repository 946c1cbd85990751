"""What answers Requests: one Protocol, one module an engine, a registry of "module:attribute".

An engine returns replies as they came; what they are worth is decided in checks.py.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from typing import Any, Protocol

from ..errors import ConfigError
from ..models import Answer, Request

ENGINES = {
    "batch": "digest.engines.batch:BatchEngine",
    "chat": "digest.engines.chat:ChatEngine",
    "cluster": "digest.engines.cluster:ClusterEngine",
    "echo": "digest.engines.echo:EchoEngine",
    "local": "digest.engines.local:LocalEngine",
}


#: What an engine that has an attribute `keep` calls, where it is set, with answers before it yields them.
Keep = Callable[[Sequence[tuple[Request, Answer]]], None]


class Engine(Protocol):
    """Many requests in, many answers out; one request's failure is a value, the run's failure an exception."""

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
        """
        Answer every request once, in any order, each as soon as it is ready.

        Args:
            requests: Taken one by one as slots get free, so a generator stays small in memory.

        Yields:
            Each request with its Completion, or with the EngineError that was left after all tries.

        Raises:
            EngineRefused: the service refuses whatever is asked (key, model name, quota).
            EngineError: the service is not there at all.
        """
        ...


def open_engine(name: str, **options: Any) -> Engine:
    """
    The engine of that name, or at "package.module:attribute", made with `options`.

    Raises:
        ConfigError: no engine has that name, or its module is not installed.
    """
    module, _, attribute = ENGINES.get(name, name).partition(":")
    if not module or not attribute:
        known = ", ".join(sorted(ENGINES))
        raise ConfigError(f"engine.name: no engine is called {name!r}", hint=f'one of {known}, or "module:attribute"')
    try:
        make = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"engine.name: {name!r} can't be loaded: {error}") from error
    try:
        engine: Engine = make(**options)
    except TypeError as error:
        raise ConfigError(f"engine.name: {name!r} does not take an engine's options: {error}") from error
    return engine
