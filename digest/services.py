"""The model services people use, as the table in services.toml has them, and what one of them adds to a configuration.

Reads that one file of the program; opens no connection and sees no key.
"""

import logging
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field

from .errors import ConfigError
from .models import Record
from .money import Price

log = logging.getLogger(__name__)

Format = Literal["json_schema", "json_object", "none"]  #: how a service is asked for JSON
SETTINGS = ("base_url", "model", "concurrency", "requests_per_minute", "tokens_per_minute", "timeout_seconds")


class Tariff(Record):
    """What one model of a service costs: money for a million tokens."""

    input: Annotated[float, Field(ge=0)]
    output: Annotated[float, Field(ge=0)]
    cached: Annotated[float, Field(ge=0)] | None = None  #: of the input tokens that the service had in its own cache


class Service(Record):
    """A service that speaks the chat-completions format."""

    name: str  #: by which it is chosen
    title: str
    base_url: str
    hosts: tuple[str, ...]  #: with the port where it is not the usual one
    key: bool = True  #: whether it wants one
    api_key_env: str
    model: str | None = None  #: None: it depends on what is installed there
    start: Format = "json_schema"
    concurrency: int | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    timeout_seconds: float | None = None
    free: bool = False  #: nobody is paid by the token
    page: str | None = None  #: where its prices stand
    as_of: str | None = None  #: year and month in which the prices were read
    currency: str = "USD"
    prices: Mapping[str, Tariff] = {}

    @property
    def settings(self) -> dict[str, Any]:
        """What it says about `[engine]`, by key."""
        found = {name: getattr(self, name) for name in SETTINGS}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def known_prices(self) -> dict[str, Price]:
        """What its models cost, as far as the program knows."""
        said = f"built in, as of {self.as_of}"
        return {
            model: Price(**tariff.model_dump(), currency=self.currency, source=said)
            for model, tariff in self.prices.items()
        }

    @property
    def price_of_others(self) -> Price | None:
        """What any other of its models costs: nothing, where nobody is paid by the token."""
        return Price(0.0, 0.0, currency=self.currency, source=f"{self.title} asks for none") if self.free else None


@lru_cache(maxsize=1)
def services() -> Mapping[str, Service]:
    """All services by name, in the file's order."""
    table = tomllib.loads((files("digest") / "services.toml").read_text(encoding="utf-8"))
    return {name: Service.model_validate(row | {"name": name}) for name, row in table.items()}


def at(base_url: str | None) -> Service | None:
    """
    The service at an address, OpenAI's for none; None: not one that we know.

    >>> at("https://api.deepseek.com").name, at(None).name, at("http://127.0.0.1:8000/v1")
    ('deepseek', 'openai', None)
    """
    if base_url is None:
        return services()["openai"]
    place = _place(base_url)
    return next((one for one in services().values() if place in one.hosts), None)


def _place(address: str) -> str | None:
    """Host, with the port where it is not the scheme's own."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    usual = port is None or (parts.scheme, port) in (("https", 443), ("http", 80))
    return parts.hostname if usual else f"{parts.hostname}:{port}"


# ---- a configuration -------------------------------------------------------------------------------------------


def fill_in(table: dict[str, Any], given: Mapping[str, Any]) -> tuple[str, ...]:
    """
    Give `[engine]` what its chosen service says and nobody has set.

    Args:
        table: of digest.toml, with what was given by flag or variable; changed in place.
        given: dotted key -> what was given so.

    Returns:
        The variables that may hold the key, the first that is set counts; none: as the configuration says.

    Raises:
        ConfigError: the service's models are those that the user installed, and none is named.
    """
    engine = table.get("engine")
    name = engine.get("service") if isinstance(engine, dict) else None
    service = services().get(name) if isinstance(name, str) else None
    if service is None or not isinstance(engine, dict) or engine.get("name") == "local":
        return ()  # whoever checks the table names what is wrong; a model of this machine has nothing of a service
    for key, value in service.settings.items():
        engine.setdefault(key, value)
    if "model" not in engine:
        raise ConfigError(
            f"engine.model: {service.title} has no model of its own", hint="--model NAME, as it is installed there"
        )
    if at(str(given.get("engine.base_url", ""))) not in (service, None):
        log.warning("engine.base_url: the flag's or the environment's wins over that of %s", service.title)
    if "api_key_env" in engine:
        return ()
    engine["api_key_env"] = service.api_key_env
    return service.api_key_env, "OPENAI_API_KEY"


def keep_price(table: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Leave the price in `[engine]` with the model it stands beside, where a flag or variable names another model."""
    engine, prices, asked = table.get("engine"), table.get("prices", {}), given.get("engine.model")
    if asked is None or not isinstance(engine, dict) or not isinstance(prices, dict) or "price" not in engine:
        return
    model = engine.get("model", asked)
    if isinstance(model, str) and model != asked:
        table["prices"] = {model: engine.pop("price")} | prices
