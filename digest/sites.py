"""Where the editions of a language are: the output folder for the first, a folder of its own there for a further one.

Looks at what is on file, so that languages don't mix in one site; makes and changes nothing.
"""

import re
from datetime import date

from .atomic import guarded
from .config import Config
from .errors import ConfigError
from .models import Edition
from .store import Store

#: How an edition's file begins: in this order, one key a line.
_HEAD = re.compile(rb'^ ?"language": ?"([A-Za-z0-9-]+)",?\s+"source": ?"([a-z]+)"', re.MULTILINE)


def each(config: Config) -> tuple[Config, ...]:
    """
    One configuration for each language asked for: the same, but for the language and the folder of its site.

    Raises:
        ConfigError: one of the folders holds editions in another language.
    """
    return tuple(_placed(config, tag) for tag in config.languages)


def one(config: Config, asked: bool) -> Config:
    """
    The configuration of the one language that a command looks at: the first one `asked` for, else that of the site.

    Raises:
        ConfigError: the site has no edition in the language asked for.
    """
    if asked:
        return _placed(config, config.language)
    site = config.in_language(config.front or config.language)
    return site.in_language(found, site.output) if (found := held(Store(site.output))) else site


def made(config: Config, announced: date | None = None) -> list[Config]:
    """
    The configuration of each language whose site has editions, or that of one date; where none has, the first one's.

    Raises:
        ConfigError: a folder holds editions in another language.
    """
    if len(config.languages) == 1:
        return [one(config, asked=False)]
    found = [place for place in each(config) if held(Store(place.output))]
    dated = [place for place in found if announced is None or announced in Store(place.output).dates()]
    return dated or found[:1] or [one(config, asked=False)]


def held(store: Store) -> str | None:
    """The language of the newest edition on file, the sample day apart; None where there is none that says it."""
    for day in store.dates():
        with guarded(store.path(day)), store.path(day).open("rb") as file:
            found = _HEAD.search(file.read(1 << 16))
        if found and found[2] != b"sample":
            return found[1].decode()
    return None


def refuse_other(config: Config, saved: Edition) -> None:
    """
    Do nothing where a saved edition is in the language asked for.

    Raises:
        ConfigError: it is in another one, which nothing shall overwrite.
    """
    if saved.language != config.language:
        raise _other(config, f"the edition of {saved.announced}", saved.language)


def _placed(config: Config, tag: str) -> Config:
    place = config.in_language(tag)
    found = held(Store(place.output))
    if found in (None, tag):
        return place
    below = place.in_language(tag, config.output / tag)  # a second language, named without the first
    if held(Store(below.output)) == tag:
        return below
    raise _other(place, "editions", found)


def _other(config: Config, what: str, found: str | None) -> ConfigError:
    return ConfigError(
        f"{config.output} holds {what} in {found}, not in {config.language}",
        hint=f"list both, the old one first: --language {found} --language {config.language};"
        " or choose another folder with --output",
    )
