"""The model services of a configuration, opened: behind the cache, within the budget, the second behind the first.

Knows how engines are put together; what they are asked, and what their answers are worth, is for others.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from . import database, machine, money, weights
from .config import Config
from .engines import Engine, abilities, open_engine
from .engines.budgeted import BudgetedEngine, Meter, limits
from .engines.cached import CachedEngine, open_cache
from .engines.endpoint import endpoint
from .engines.fallback import FallbackEngine
from .engines.keeping import Replies
from .errors import ConfigError, DigestError
from .hooks import Clock, Watch, unwatched
from .languages import language_of
from .models import Request
from .settings import EndpointSettings, EngineSettings

if TYPE_CHECKING:
    from .engines.shared_shelf import SharedReplies

log = logging.getLogger(__name__)

ASKING = ("batch", "chat", "cluster")  #: engines that need a service and its key
CONTEXTS = (8192, 4096)  #: tokens of a question and its reply, for a model on this machine: what there is memory for
PATIENCE = 30.0  #: seconds that the first service may be down where there is a second
TURN = 500  #: requests at least, of those without end, after which the first is tried again
TURN_OF_SLOT = 32  #: the same for each that it answers at once: slots are idle at a turn's end
TURN_OF_BATCHES = 100_000  #: the same where it answers batches: several times what these hold at once


def model_of(config: Config) -> str:
    """
    The model to ask for; an engine without one must not answer in the name of another's.

    Raises:
        ConfigError: it is to be one of this machine, and can be none.
    """
    if config.engine.name == "local":
        return weights.name_of(config.engine.model, config.language)
    return "echo" if config.engine.name == "echo" else config.engine.model


def writes_drafts(config: Config) -> bool:
    """Whether the small model writes that comes with the program: cards alone, and rough ones."""
    return config.engine.name == "local" and weights.parse(config.engine.model).kind == "draft"


def improves_drafts(config: Config) -> bool:
    """Whether the engine does better than the small model: any but itself, and the one that writes nothing."""
    return config.engine.name != "echo" and not writes_drafts(config)


def for_sample(config: Config, variable: str | None) -> tuple[Config, str]:
    """
    The configuration for the sample day: the small model of this machine writes it where nothing else can be asked.

    Args:
        config: As it is for every other day.
        variable: The one that holds the key; None: none does.

    Returns:
        It, and who writes the cards and why; empty for an engine without a model that we know.
    """
    settings = config.engine
    if not config.has_service and "name" not in settings.model_fields_set:
        engine = EngineSettings(name="local", api_key_env=settings.api_key_env)
        said = f"no {settings.api_key_env}: a small model on this machine writes drafts"
        return config.model_copy(update={"engine": engine}), said
    if _has_places(config):
        return config, f"as configured: {settings.model} at {len(settings.endpoint)} endpoints writes the cards"
    if settings.name in ASKING:
        place = urlsplit(settings.base_url).hostname if settings.base_url else "api.openai.com"
        why = f"{variable} is set" if variable else "as configured"
        return config, f"{why}: {settings.model} at {place} writes the cards"
    if settings.name != "local":
        return config, ""
    what = (
        "a small model on this machine writes drafts"
        if writes_drafts(config)
        else f"{model_of(config)} on this machine"
    )
    return config, f"as configured: {what}"


def require(config: Config) -> None:
    """
    See to what an engine needs and is quickly looked for: keys, or the library and a model that writes the language.

    Raises:
        ConfigError: it is not there.
    """
    if config.engine.endpoint and config.engine.name in ("batch", "chat"):
        log.warning('[[engine.endpoint]] is for engine "cluster": "%s" asks engine.base_url alone', config.engine.name)
    if config.engine.name in ASKING and not _has_places(config):
        config.key()
    elif config.engine.name == "local":
        model_of(config)
        weights.require_library()
    if config.engine.name == "cluster":
        _require_cluster(config)


def _require_cluster(config: Config) -> None:
    for one in at_endpoints(config) if _has_places(config) else ():
        key = one.api_key.get_secret_value() if one.api_key else ""
        endpoint(one.engine.base_url, key, one.engine.api_key_env)
    if config.cluster.workers != 0 and find_spec("ray") is None:
        from .engines.crew_ray import no_ray

        raise no_ray()


@contextmanager
def cached_engine(
    config: Config, clock: Clock, meter: Meter | None = None, watch: Watch = unwatched, *, endless: bool = False
) -> Iterator[CachedEngine | FallbackEngine]:
    """
    The engine behind the cache of replies, within the budget; it is opened when something is left to ask.

    With a second service, two of them: what the first can't answer goes to the second, and is kept as its own. Where
    its requests are `endless`, a failure does not have the rest of them looked up, and with two services a run ends
    after some: it is for the caller to run it with the next.
    """
    counted, second = meter or Meter(), config.on_fallback
    cache = open_replies(config)
    try:
        first = _kept(config, clock, cache, counted, watch)
        first.is_endless = endless
        if second is None:
            yield first
        else:
            last = _kept(second, clock, cache, counted)
            last.is_endless = endless
            both = [(first, model_of(config)), (last, second.engine.model)]
            yield FallbackEngine(both, _turn(config) if endless else None)
    finally:
        cache.close()


def _turn(config: Config) -> int:
    """How many requests without end are taken before the first service is tried again, should it have been away."""
    if config.engine.name == "batch":
        return TURN_OF_BATCHES
    return max(TURN, TURN_OF_SLOT * sum(one.engine.concurrency for one in at_endpoints(config)))


def open_replies(config: Config) -> Replies:
    """
    Where replies are kept: in the database that several drivers share, if there is one, else in the folder.

    Raises:
        ConfigError, StorageError, RecordError: the folder can't be used; a database is not asked yet.
    """
    return open_cache(config.cache) if config.store_url is None else open_shared(config)


def open_shared(config: Config) -> "SharedReplies":
    """
    The replies in the database that several drivers share, which the configuration must name.

    Raises:
        ConfigError: its address is none.
    """
    from .engines.shared_shelf import SharedReplies

    assert config.store_url
    return SharedReplies(database.address(config.store_url.get_secret_value()))


def misses(config: Config, clock: Clock, requests: Iterable[Request]) -> list[Request]:
    """The requests that would be sent; nothing is sent, and no cache is made where there is none."""
    if config.store_url is None and not (config.cache / "cache.db").exists():
        return list(requests)
    with cached_engine(config, clock) as cached:
        return cached.misses(requests)


def _kept(config: Config, clock: Clock, cache: Replies, counted: Meter, watch: Watch = unwatched) -> CachedEngine:
    """One service behind the cache."""
    prices = config.price_table

    def opened() -> Engine:
        price = price_of(config)
        engine = _opened(config, clock, watch)
        if config.engine.name == "chat" and any((config.cache / "batches").glob("*.json")):
            log.warning("a batch is under way: --engine batch fetches it; what it holds is paid for again now")
        budget = limits(**config.budget.model_dump(), price=price, meter=counted, spent=cached.spent, clock=clock)
        if config.engine.name == "local":
            budget = ()  # nobody is paid, whatever was spent before
        shared = any(limit.name != "per_run" for limit in budget)
        return BudgetedEngine(engine, counted, prices, budget, cached.claims if shared else None)

    cached = CachedEngine(opened, cache, lambda reply: money.cost_of(reply, prices))
    return cached


def _opened(config: Config, clock: Clock, watch: Watch = unwatched) -> Engine:
    """The engine itself."""
    settings = config.engine
    more = _on_this_machine(config, watch) if settings.name == "local" else _options(config, clock)
    return open_engine(
        settings.name,
        base_url=settings.base_url,
        api_key=_key(config),
        concurrency=settings.concurrency,
        requests_per_minute=settings.requests_per_minute,
        tokens_per_minute=settings.tokens_per_minute,
        timeout_seconds=settings.timeout_seconds,
        clock=clock,
        **more,
    )


def _key(config: Config) -> str:
    """The key of the one service, or none: an engine that asks nobody, and one with many places, needs none."""
    needs_one = config.engine.name in ASKING and not _has_places(config)
    return config.key() if needs_one or config.api_key else ""


def _has_places(config: Config) -> bool:
    return config.engine.name == "cluster" and bool(config.engine.endpoint)


def at_endpoints(config: Config) -> list[Config]:
    """For each endpoint of engine "cluster" the configuration that would ask it alone; for other engines, as it is."""
    if not _has_places(config):
        return [config]
    return [_at_endpoint(config, one) for one in config.engine.endpoint]


def _at_endpoint(config: Config, one: EndpointSettings) -> Config:
    given = one.model_dump(exclude_none=True, exclude={"weight"})
    engine = config.engine.model_copy(update={"name": "chat", "endpoint": (), **given})
    key = config.secrets.get(one.api_key_env) if one.api_key_env else config.api_key
    return config.model_copy(update={"engine": engine, "api_key": key})


def _of_cluster(config: Config) -> dict[str, Any]:
    """What engine "cluster" takes: its workers, and its endpoints with their keys."""
    from .engines.roster import Place

    settings, places = config.engine, []
    for one in settings.endpoint:
        key = config.secrets.get(one.api_key_env) if one.api_key_env else config.api_key
        given = one.model_dump(exclude={"api_key_env"}, exclude_none=True)
        said = {"concurrency": settings.concurrency, "timeout_seconds": settings.timeout_seconds} | given
        name = one.api_key_env or settings.api_key_env
        places.append(Place(**said, api_key=key.get_secret_value() if key else "", key_name=name))
    return {"endpoints": places, "workers": config.cluster.workers, "address": config.cluster.address}


def _options(config: Config, clock: Clock) -> dict[str, Any]:
    """What only an engine that asks a service takes: what is known of it, and how long it is waited for."""
    settings, service = config.engine, config.service
    if settings.name not in ASKING:
        return {}
    found: dict[str, Any] = {"memory": config.cache / abilities.FILE, "start": service.start if service else None}
    if settings.name == "batch":
        found |= {"folder": config.cache, "wait_seconds": settings.batch_wait_seconds}
        found |= {"enqueued_tokens": settings.batch_enqueued_tokens}
        return found | {"otherwise": lambda: _opened(_at_once(config), clock)}
    if settings.name == "cluster":
        found |= _of_cluster(config)
    return found | ({"patience_seconds": PATIENCE} if settings.fallback else {})


def _on_this_machine(config: Config, watch: Watch) -> dict[str, Any]:
    """What the engine takes that runs a model itself: its files, verified, and what of the machine it may use."""
    weights.require_library()
    place = weights.place(config.shared, config.cache)
    hub = config.hub or weights.HUB
    found = weights.find(config.engine.model, config.language, place, watch, home=config.home, hub_url=hub)
    context = _fitting(found, config.engine.concurrency)
    weights.try_out(found, place)
    script = language_of(config.language).script
    return {"weights": found, "script": script, "threads": machine.threads(), "context": context, "watch": watch}


def _fitting(found: weights.Weights, slots: int) -> int:
    """Tokens for a question and its reply, as there is memory for; the draft model's prompt is short."""
    *larger, least = CONTEXTS
    for context in larger if not found.draft else ():
        try:
            weights.require_memory(found, slots * context)
        except DigestError as error:
            log.debug("%s", error)
        else:
            return context
    weights.require_memory(found, slots * least)
    return least


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
