"""digest.toml, the environment and the flags as one frozen Config.

Reads the file and checks everything; reads no environment itself (cli.py hands the values in) and opens nothing.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, TypeAdapter, ValidationError, model_validator

from . import database, services, turns
from .errors import ConfigError
from .languages import DEFAULT
from .money import Price as ModelPrice
from .money import Prices
from .plaintext import one_line
from .rules import Rule, Rules
from .services import Service
from .settings import (
    API,
    OAI,
    Arxiv,
    Author,
    Budget,
    Category,
    ClusterSettings,
    EngineSettings,
    Folder,
    Keyword,
    Languages,
    Number,
    Part,
    Price,
    Receivers,
    Sections,
    SectionSettings,
    SiteUrl,
    Smtp,
    StoreSettings,
    Yes,
)

DEFAULT_FILE = "digest.toml"
#: parts of the Config that no file sets
RESERVED = (
    "file",
    "home",
    "hub",
    "shared",
    "api_key",
    "fallback_key",
    "store_url",
    "secrets",
    "front",
    "together",
)


class Config(Part):
    """Everything a command needs to know, read once."""

    categories: tuple[Category, ...] = ()
    authors: tuple[Author, ...] = ()  #: followed in all that is collected
    exclude: tuple[Keyword, ...] = ()  #: of papers that are kept out of every edition
    cross_lists: Yes = True  #: False: papers whose primary category is another one are kept out
    languages: Languages = Field(default=(DEFAULT,), alias="language")  #: an edition in each, the first one's in front
    output: Folder = Path("site")
    site_url: SiteUrl | None = None  #: where `output` is on the web: feeds and mails then lead to it
    readme: Folder | None = None  #: a README of the user's with markers, between which blocks are written
    cache: Folder = Path("cache")
    arxiv: Arxiv = Arxiv()
    engine: EngineSettings = EngineSettings()
    cluster: ClusterSettings = ClusterSettings()
    prices: Mapping[str, Price] = {}  #: model -> what it costs, where it is not the engine's own
    budget: Budget = Budget()
    section: Sections = ()
    patience_minutes: Annotated[Number, Field(ge=0, le=1440)] = 0.0  #: for what is late, and for another run to end
    store: StoreSettings = StoreSettings()
    smtp: Smtp | None = None
    deliver: Receivers = ()
    front: str | None = None  #: the language whose site is `output` itself; None: the first one
    together: Languages | None = None  #: of all sites, where `languages` are only some of them
    file: Path | None = None  #: the one that was read
    home: Path = Path()  #: where a user's prompts/ and templates/ are looked for: beside the config file
    hub: str | None = None  #: where models are downloaded from, if not from Hugging Face; from the environment only
    shared: Path | None = None  #: where all processes of this user wait for their turn at arXiv; None: each for itself
    api_key: SecretStr | None = None  #: from the environment only
    fallback_key: SecretStr | None = None  #: from the environment only
    store_url: SecretStr | None = None  #: of the database that several drivers share; from the environment only
    secrets: Mapping[str, SecretStr] = {}  #: what receivers and [smtp] need, by variable; from the environment only

    @model_validator(mode="after")
    def _mail_has_a_server(self) -> "Config":
        if self.smtp is None and (one := next((one for one in self.deliver if one.mail), None)):
            raise ValueError(f"{one.name} gets mail, which needs a table [smtp] with host and sender")
        return self

    @property
    def language(self) -> str:
        """The first of the languages."""
        return self.languages[0]

    @property
    def all_languages(self) -> tuple[str, ...]:
        """Those of all sites of the same digest, the first one's first."""
        return self.together or self.languages

    def in_language(self, tag: str, output: Path | None = None) -> "Config":
        """A copy for one language alone, and for the folder of its site: `output`, or where it belongs."""
        front = self.front or self.language
        place = output or (self.output if tag == front else self.output / tag)
        url = f"{self.site_url}/{place.name}" if self.site_url and place.parent == self.output else self.site_url
        changes = {"languages": (tag,), "front": tag, "together": self.all_languages, "output": place, "site_url": url}
        changes["readme"] = self.readme if tag == front else None  # the first site's alone
        return self.model_copy(update=changes)

    @property
    def siblings(self) -> tuple[tuple[str, str], ...]:
        """Language and path, from this site, of each other site of the same digest."""
        if self.together is None or self.language not in self.together:
            return ()
        first = self.together[0]
        up = "" if self.language == first else "../"
        others = (tag for tag in self.together if tag != self.language)
        return tuple((tag, f"{up}index.html" if tag == first else f"{up}{tag}/index.html") for tag in others)

    @property
    def rules(self) -> Rules:
        """What the reader asked for, as selection.py takes it."""
        sections = (
            Rule(one.title, one.asked, categories=one.categories, authors=one.authors, exclude=one.exclude)
            for one in self.section
        )
        return Rules(
            categories=self.categories,
            sections=tuple(sections),
            authors=self.authors,
            exclude=self.exclude,
            cross_lists=self.cross_lists,
        )

    @property
    def service(self) -> Service | None:
        """The service that has the engine's address or, where none is known by it, the one that was chosen by name."""
        named = services.services().get(self.engine.service or "")
        has_address = self.engine.base_url is not None or (
            self.engine.name in ("chat", "batch", "cluster") and not self.engine.endpoint
        )
        return (services.at(self.engine.base_url) if has_address else None) or named

    @property
    def has_service(self) -> bool:
        """Whether a service can be asked: with a key, or because it wants none."""
        wants_none = self.service is not None and not self.service.key
        is_own = self.engine.base_url is not None and self.engine.service is None
        return self.api_key is not None or is_own or wants_none or bool(self.engine.endpoint)

    @property
    def price_table(self) -> Prices:
        """What models cost: the user's own prices, then those that the program knows of the service in use."""
        own = {model: ModelPrice(**price.model_dump()) for model, price in self.prices.items()}
        if self.engine.price:
            own[self.engine.model] = ModelPrice(**self.engine.price.model_dump())
        second = self.on_fallback
        if second and (price := second.price_table.of(second.engine.model)):
            own.setdefault(second.engine.model, price)
        service = self.service
        return Prices(own, service.known_prices, service.price_of_others) if service else Prices(own)

    @property
    def on_fallback(self) -> "Config | None":
        """A copy with the second service in the place of the first, if there is a second."""
        second = self.engine.fallback
        if second is None:
            return None
        return self.model_copy(update={"engine": EngineSettings(**dict(second)), "api_key": self.fallback_key})

    @property
    def oai_address(self) -> str | None:
        """Where OAI-PMH is asked; None: nowhere, since only the search has something that stands in for it."""
        return self.arxiv.oai or (OAI if self.arxiv.api == API else None)

    def with_keywords(self, keywords: Iterable[str]) -> "Config":
        """
        A copy with a section for each keyword that is no section's title yet.

        Raises:
            ConfigError: one of them can't be read.
        """
        known = {one.title for one in self.section}
        added = tuple(_section(keyword) for keyword in dict.fromkeys(keywords) if keyword not in known)
        return self.model_copy(update={"section": (*self.section, *added)})

    def key(self) -> str:
        """
        The API key.

        Raises:
            ConfigError: there is none.
        """
        if self.api_key is None and self.engine.service and self.service and not self.service.key:
            return "none"  # a header must hold something
        if self.api_key is None:
            name = self.engine.api_key_env
            raise ConfigError(
                f"no API key: the environment variable {name} is not set",
                hint=f"export {name}=…, or a line {name}=… in digest.env (any word for a local server that wants none);"
                " without any key, --engine local --model draft writes rough drafts on this machine",
            )
        return self.api_key.get_secret_value()

    def secret(self, name: str) -> str:
        """
        What a variable holds that a receiver, or [smtp], names.

        Raises:
            ConfigError: it is not set.
        """
        if name not in self.secrets:
            raise ConfigError(f"{name} is not set", hint=f"export {name}=…, or a line {name}=… in digest.env")
        return self.secrets[name].get_secret_value()

    @property
    def hidden(self) -> tuple[str, ...]:
        """All that must never be shown."""
        held = (self.api_key, self.fallback_key, *self.secrets.values())
        said = database.secrets_in(self.store_url.get_secret_value()) if self.store_url else ()
        return (*(one.get_secret_value() for one in held if one), *said)


def _section(keyword: str) -> SectionSettings:
    try:
        return SectionSettings(title=keyword, keywords=(keyword,))
    except ValidationError as error:
        reason = error.errors(include_input=False, include_url=False)[-1]["msg"].removeprefix("Value error, ")
        raise ConfigError(
            f"keyword {one_line(keyword)[:80]!r}: {reason}", hint='such as --keyword "agents NOT survey"'
        ) from None


def load(file: Path | None, given: Mapping[str, Any], environment: Mapping[str, str]) -> Config:
    """
    The configuration: what was given by flag or variable, over digest.toml, over the service's, over the defaults.

    Args:
        file: the config file; None takes ./digest.toml if it is there.
        given: dotted key -> value, without those nobody gave: {"engine.model": "qwen3"}.
        environment: looked into for the API key alone.

    Raises:
        ConfigError: every mistake of the file, a line each, with its place.
    """
    path = file or Path(DEFAULT_FILE)
    table = _read(path) if file is not None or path.exists() else {}
    for reserved in RESERVED:
        if reserved in table:
            raise ConfigError(f"{path}: {reserved}: unknown key", hint="keys stay in the environment")
    for name in ("output", "cache", "readme"):
        if table.get(name) == "":
            del table[name]  # as an empty variable: not set
        elif isinstance(table.get(name), str):  # beside the file that names it, wherever the command runs
            table[name] = str(path.parent / _expanded(table[name]))
    services.keep_price(table, given)
    listed = _languages(table)
    _set(table, given)
    names = services.fill_in(table, given)
    table |= {"home": path.parent, "file": path if path.exists() else None}
    config = _validated(table, str(path), given)
    if listed and {*config.languages} <= {*listed}:  # those given are some of the file's, and stay in their places
        config = config.model_copy(update={"front": listed[0], "together": listed})
    names = names or (config.engine.api_key_env,)
    key = next(filter(None, (environment.get(name, "").strip() for name in names)), "")
    home = environment.get("HOME") or environment.get("USERPROFILE")
    is_told = Path(environment.get("XDG_CACHE_HOME", "")).is_absolute()
    shared = turns.default_folder(environment, Path(home or "/")) if home or is_told else None
    second = environment.get(config.engine.fallback.api_key_env, "").strip() if config.engine.fallback else ""
    store = environment.get(database.VARIABLE, "").strip()
    keys: dict[str, Any] = {
        "api_key": SecretStr(key) if key else None,
        "fallback_key": SecretStr(second) if second else None,
        "secrets": {
            name: SecretStr(said) for name in _secret_names(config) if (said := environment.get(name, "").strip())
        },
        "store_url": SecretStr(store) if store else None,
        "hub": environment.get("HF_ENDPOINT", "").strip() or None,
        "shared": shared,
    }
    return config.model_copy(update=keys)


def _secret_names(config: Config) -> Iterator[str]:
    """Yield the variables that hold what delivery needs, and the endpoints of a cluster."""
    yield from (one.api_key_env for one in config.engine.endpoint if one.api_key_env)
    yield from (one.url_env for one in config.deliver if one.url_env)
    if config.smtp and config.smtp.user:
        yield config.smtp.password_env


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: not found", hint="name a file with --config, or leave the flag out") from error
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"{path}: can't be read: {error}") from error
    except (ValueError, RecursionError) as error:  # a TOMLDecodeError, or a number or nesting beyond all measure
        raise ConfigError(f"{path}: {error}", hint="mend that line; strings stand in quotes") from error


def _languages(table: Mapping[str, Any]) -> tuple[str, ...]:
    """Those of the file; none where it names none, or where the check will say what is wrong."""
    try:
        return TypeAdapter(Languages).validate_python(table.get("language", ()))
    except ValidationError:
        return ()


def _expanded(folder: str) -> Path:
    try:
        return Path(folder).expanduser()
    except RuntimeError:  # nobody of that name has a home
        return Path(folder)


def _set(table: dict[str, Any], given: Mapping[str, Any]) -> None:
    for key, value in given.items():
        *parents, name = key.split(".")
        place = table
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                return  # the file has no table there; the check names it
        place[name] = value


def _validated(table: Mapping[str, Any], file: str, given: Mapping[str, Any]) -> Config:
    try:
        return Config.model_validate(table)
    except ValidationError as error:
        mistakes = [_mistake(one, file, given) for one in error.errors(include_input=False, include_url=False)]
        raise ConfigError("\n".join(mistakes), hint="README.md lists every key") from None


_REASONS = {
    "extra_forbidden": "unknown key",
    "tuple_type": 'a list is meant, in brackets: ["…", "…"]',
    "model_type": "a table is meant",
    "missing": "is missing",
}


def _mistake(error: Any, file: str, given: Mapping[str, Any]) -> str:
    key = ".".join(str(part) for part in error["loc"])
    place = "flag or variable" if any(key == one or key.startswith(f"{one}.") for one in given) else file
    reason = _REASONS.get(error["type"]) or error["msg"].removeprefix("Value error, ")
    return ": ".join(filter(None, [place, key, reason]))
