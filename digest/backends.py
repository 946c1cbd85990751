"""The model services of a configuration, opened: behind the cache, within the budget, the second behind the first.

Knows how engines are put together; what they are asked, and what their answers are worth, is for others.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from . import money
from .config import Config
from .engines import Engine, abilities, open_engine
from .engines.budgeted import BudgetedEngine, Meter, limits
from .engines.cached import CachedEngine, open_cache
from .engines.fallback import FallbackEngine
from .errors import ConfigError
from .hooks import Clock
from .models import Request

if TYPE_CHECKING:
    import diskcache

log = logging.getLogger(__name__)

ASKING = ("batch", "chat")  #: engines that need a service and its key
PATIENCE = 30.0  #: seconds that the first service may be down where there is a second


def model_of(config: Config) -> str:
    """The model to ask for; an engine without one must not answer in the name of another's."""
    return "echo" if config.engine.name == "echo" else config.engine.model


@contextmanager
def cached_engine(config: Config, clock: Clock, meter: Meter | None = None) -> Iterator[CachedEngine | FallbackEngine]:
    """
    The engine behind the cache of replies, within the budget; it is opened when something is left to ask.

    With a second service, two of them: what the first can't answer goes to the second, and is kept as its own.
    """
    counted, second = meter or Meter(), config.on_fallback
    cache = open_cache(config.cache)
    try:
        first = _kept(config, clock, cache, counted)
        if second is None:
            yield first
        else:
            yield FallbackEngine(
                [(first, model_of(config)), (_kept(second, clock, cache, counted), second.engine.model)]
            )
    finally:
        cache.close()  # type: ignore[no-untyped-call]


def misses(config: Config, clock: Clock, requests: Iterable[Request]) -> list[Request]:
    """The requests that would be sent; nothing is sent, and no cache is made where there is none."""
    if not (config.cache / "cache.db").exists():
        return list(requests)
    with cached_engine(config, clock) as cached:
        return cached.misses(requests)


def _kept(config: Config, clock: Clock, cache: "diskcache.Cache", counted: Meter) -> CachedEngine:
    """One service behind the cache."""
    prices = config.price_table

    def opened() -> Engine:
        price = price_of(config)
        engine = _opened(config, clock)
        if config.engine.name == "chat" and any((config.cache / "batches").glob("*.json")):
            log.warning("a batch is under way: --engine batch fetches it; what it holds is paid for again now")
        budget = limits(**config.budget.model_dump(), price=price, meter=counted, spent=cached.spent, clock=clock)
        shared = any(limit.name != "per_run" for limit in budget)
        return BudgetedEngine(engine, counted, prices, budget, cached.claims if shared else None)

    cached = CachedEngine(opened, cache, lambda reply: money.cost_of(reply, prices))
    return cached


def _opened(config: Config, clock: Clock) -> Engine:
    """The engine itself."""
    settings = config.engine
    return open_engine(
        settings.name,
        base_url=settings.base_url,
        api_key=config.key() if settings.name in ASKING or config.api_key else "",
        concurrency=settings.concurrency,
        requests_per_minute=settings.requests_per_minute,
        tokens_per_minute=settings.tokens_per_minute,
        timeout_seconds=settings.timeout_seconds,
        clock=clock,
        **_options(config, clock),
    )


def _options(config: Config, clock: Clock) -> dict[str, Any]:
    """What only an engine that asks a service takes: what is known of it, and how long it is waited for."""
    settings, service = config.engine, config.service
    if settings.name not in ASKING:
        return {}
    found: dict[str, Any] = {"memory": config.cache / abilities.FILE, "start": service.start if service else None}
    if settings.name == "batch":
        found |= {"folder": config.cache, "wait_seconds": settings.batch_wait_seconds}
        return found | {"otherwise": lambda: _opened(_at_once(config), clock)}
    return found | ({"patience_seconds": PATIENCE} if settings.fallback else {})


def _at_once(config: Config) -> Config:
    """The same service, asked one by one."""
    return config.model_copy(update={"engine": config.engine.model_copy(update={"name": "chat"})})


def known_price(config: Config) -> money.Price | None:
    """The price of the model in use, or None."""
    return config.price_table.of(model_of(config), config.engine.name)


def price_of(config: Config) -> money.Price | None:
    """
    The price of the model in use, or None where it may be unknown.

    Raises:
        ConfigError: none is known, and the budget needs one.
    """
    price = known_price(config)
    if config.budget.is_money and price is None and config.engine.name != "echo":
        model = model_of(config)
        raise ConfigError(
            f"budget: no price of {model} is known",
            hint=f'[prices."{model}"] with input, cached, output and currency, for a million tokens',
        )
    return price
