"""The settings of a newcomer: what can be found out, from where it was, and the commented digest.toml that says it.

Reads a site that is there and the environment it is given; asks nobody and writes nothing.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from . import config, languages, services
from .errors import ConfigError, DigestError, RecordError
from .identifiers import canonical_category
from .keywords import parse
from .models import Edition
from .render.environment import fill, text_environment
from .resources import folders
from .services import Service
from .store import Store

CATEGORIES = ("cs.CV", "cs.CL", "cs.AI")  #: of one who says nothing
USUAL = "openai"


@dataclass(frozen=True, slots=True)
class Known:
    """What a site that is there says."""

    categories: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()  #: titles of sections that are keywords themselves
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Engine:
    """What is known of the service that writes the cards."""

    service: str | None  #: of services.toml; None: one that we do not know
    base_url: str | None  #: None: the service's own
    model: str | None  #: None: the service's own
    key_env: str
    needs_key: bool
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What digest.toml is to say."""

    categories: tuple[str, ...]
    keywords: tuple[str, ...]
    languages: tuple[str, ...]
    engine: Engine
    output: str = "site"
    cache: str = "cache"


# ---- what can be found out -------------------------------------------------------------------------------------


def known(output: Path) -> Known:
    """What the newest edition of a site that can be read says, the sample apart; nothing where there is none."""
    store = Store(output)
    for day in store.dates():
        try:
            edition = store.load(day)
        except RecordError:
            continue
        if edition is not None and edition.source != "sample":
            return Known(edition.categories, tuple(_keywords(edition)), (edition.language, *_further(output)))
    return Known()


def _keywords(edition: Edition) -> Iterable[str]:
    titles = (section.title for section in edition.sections if section.kind == "keyword")
    for title in dict.fromkeys((*titles, *edition.keywords)):
        try:
            parse(title)
        except ValueError:
            continue  # a title such as that has keywords of its own, which an edition does not hold
        yield title


def _further(output: Path) -> Iterable[str]:
    """Languages whose sites stand below the first one."""
    return sorted(path.parent.name for path in output.glob("*/editions") if path.parent.name in languages.LANGUAGES)


def language_of_locale(environment: Mapping[str, str]) -> tuple[str, str]:
    """
    The language of the cards that a locale asks for, and the variable that said it.

    >>> language_of_locale({"LANG": "zh_TW.UTF-8"}), language_of_locale({"LANG": "de_DE.UTF-8"})
    (('zh-Hant', 'LANG'), ('zh-Hans', ''))

    Source: https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/V1_chap08.html (which variable wins)
    """
    name = next((name for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), "")
    said = environment.get(name, "").partition(".")[0].partition("@")[0]
    try:
        tag = languages.canonical_language(said)
    except ValueError:
        tag = ""
    return (tag, name) if tag in ("zh-Hans", "zh-Hant", "ja") else (languages.DEFAULT, "")


def engine(environment: Mapping[str, str], service: str | None, base_url: str | None, model: str | None) -> Engine:
    """
    The service to use: the one that was named, the one at an address that was, else the one whose key is set.

    Raises:
        ConfigError: there is no such service, or its models are the user's own and none is named.
    """
    found, why = _service(environment, service, base_url)
    if found is None:
        return Engine(None, base_url, model, "OPENAI_API_KEY", True, why)
    if model is None and found.model is None:
        raise ConfigError(
            f"engine.model: {found.title} has no model of its own", hint="--model NAME, as it is installed there"
        )
    own = base_url if base_url and base_url.rstrip("/") != found.base_url else None
    if own and services.at(own) not in (found, None):
        own = None  # another service's, and this one was asked for by name
    return Engine(found.name, own, model, found.api_key_env, found.key, why)


def _service(environment: Mapping[str, str], named: str | None, base_url: str | None) -> tuple[Service | None, str]:
    table = services.services()
    if named:
        if named not in table:
            raise ConfigError(f"no service is called {named!r}", hint=f"one of {', '.join(table)}")
        return table[named], "as given"
    if base_url:
        return services.at(base_url), "at the address given"
    held = [one for one in table.values() if environment.get(one.api_key_env, "").strip()]
    if held:
        others = "".join(f"; {one.api_key_env} is set, too" for one in held[1:])
        return held[0], f"{held[0].api_key_env} is set{others}"
    return table[USUAL], "no service's key is set"


# ---- checks of what a user says --------------------------------------------------------------------------------


def categories_of(texts: Iterable[str]) -> tuple[str, ...]:
    """
    Categories as arXiv spells them, each once; several may stand in one text, with blanks or commas between them.

    >>> categories_of(["CS.cv cs.CL, hep-th", "cs.CV"])
    ('cs.CV', 'cs.CL', 'hep-th')

    Raises:
        ValueError: arXiv has no such category.
    """
    names = (name for text in texts for name in text.replace(",", " ").split())
    return tuple(dict.fromkeys(map(canonical_category, names)))


# ---- the files -------------------------------------------------------------------------------------------------


def toml(value: str | Sequence[str]) -> str:
    r"""
    A string, or a list of them, as TOML writes it.

    >>> print(toml('a "b"\x7f'), toml(["cs.CV", "cs.CL"]))
    "a \"b\"\u007f" ["cs.CV", "cs.CL"]
    """
    return json.dumps(value if isinstance(value, str) else list(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def settings(plan: Plan, path: Path, env_file: str) -> str:
    """
    The text of digest.toml, for `path`; it has been read back.

    Raises:
        ConfigError: what the plan says is refused.
        TemplateError: a template of the user's own fails.
    """
    engine = plan.engine
    service = services.services().get(engine.service or USUAL)
    text = fill(
        text_environment(folders("templates", path.parent)),
        "init/digest.toml.j2",
        "en",
        categories=toml(plan.categories) if plan.categories else "",
        keywords=[toml(one) for one in plan.keywords],
        languages=toml(plan.languages if len(plan.languages) > 1 else plan.languages[0]),
        output=toml(plan.output),
        cache=toml(plan.cache),
        service=toml(engine.service) if engine.service else "",
        base_url=toml(engine.base_url) if engine.base_url else "",
        usual_url=toml(service.base_url if service else ""),
        model=toml(engine.model) if engine.model else "",
        usual_model=toml((service and service.model) or "gpt-4o-mini"),
        key_env=toml(engine.key_env),
        env_file=env_file,
    )
    _read_back(text, path)
    return text


def _read_back(text: str, path: Path) -> None:
    """Whether it is what it is to be, before it is anybody's settings."""
    with TemporaryDirectory() as folder:
        draft = Path(folder) / path.name
        draft.write_text(text, encoding="utf-8")
        try:
            config.load(draft, {}, {})
        except DigestError as error:
            raise ConfigError(str(error).replace(str(draft), str(path)), error.hint) from error


def secrets(plan: Plan, home: Path) -> str:
    """The text of the file of secrets: names alone."""
    names = [
        (plan.engine.key_env, "the service that writes the cards"),
        ("DIGEST_SMTP_PASSWORD", "[smtp], if its server asks for a password"),
        ("DIGEST_GROUP", "a receiver that names it as url_env: its address, such as tgram://..."),
    ]
    return fill(text_environment(folders("templates", home)), "init/digest.env.j2", "en", names=names)
