"""The tables of digest.toml, one class each, and the kinds of values that stand in them; each is checked by itself.

Pure but for the table of services that come with the program. What all of them come to is for config.py.
"""

import re
from datetime import date
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict, model_validator

from . import services
from .engines import ENGINES
from .identifiers import canonical_category
from .keywords import parse
from .languages import canonical_language
from .plaintext import one_line
from .words import words

API = "https://export.arxiv.org/api/query"
OAI = "https://oaipmh.arxiv.org/oai"


def _address(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError("an address begins with http:// or https://")
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise ValueError("a name or password does not belong into an address")
    return url.rstrip("/")


def _site_url(url: str) -> str:
    """An address to put a path behind: with a host, and nothing that a link can't hold as it stands."""
    url = _address(url)
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.query or parts.fragment or not re.fullmatch(r"[A-Za-z0-9._~:/%@!$&*+,;=\[\]-]+", url):
        raise ValueError("an address such as https://me.github.io/digest: no blanks, no ? or #, other letters as %XX")
    return url


def _engine(name: str) -> str:
    if name not in ENGINES and ":" not in name:
        raise ValueError(f'no engine is called {name!r}; one of {", ".join(sorted(ENGINES))}, or "module:attribute"')
    return name


def _folder(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("a path holds no NUL")
    return path


def _keyword(text: str) -> str:
    text = one_line(text)
    parse(text)  # says what is wrong, and where
    return text


def _author(name: str) -> str:
    if len("".join(words(name).split())) < 2:
        raise ValueError('an author is a name such as "Ada Lovelace" or "A. Lovelace"')
    return one_line(name)


def _service(name: str) -> str:
    if name not in services.services():
        raise ValueError(f"no service is called {name!r}; one of {', '.join(sorted(services.services()))}")
    return name


def _mail_address(text: str) -> str:
    """One address, with or without a name; nothing that could begin another header."""
    name, address = parseaddr(text)
    local, _, host = address.rpartition("@")
    if not local or not host or text != one_line(text) or re.search(r"[\s,;<>]", address) or "," in name:
        raise ValueError('one mail address is meant, such as "Ada <ada@example.org>"')
    return text


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _each_once(tags: tuple[str, ...]) -> tuple[str, ...]:
    if not tags:
        raise ValueError("at least one language is needed")
    return tuple(dict.fromkeys(tags))


Folder = Annotated[Path, AfterValidator(_folder)]
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False, le=1e9)]
Category = Annotated[str, AfterValidator(canonical_category)]
Address = Annotated[str, AfterValidator(_address)]
SiteUrl = Annotated[str, AfterValidator(_site_url)]
Title = Annotated[str, Field(min_length=1, max_length=500, pattern=r"\w")]
Keyword = Annotated[str, Field(max_length=500), AfterValidator(_keyword)]
Author = Annotated[str, Field(max_length=200), AfterValidator(_author)]
Yes = Annotated[bool, Strict()]
Tag = Annotated[str, AfterValidator(canonical_language)]
MailAddress = Annotated[str, AfterValidator(_mail_address)]
EnvironmentName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Languages = Annotated[tuple[Tag, ...], BeforeValidator(_listed), AfterValidator(_each_once)]


class Part(BaseModel):
    """A table of digest.toml: frozen, unknown keys refused, inputs never shown (one may be a secret)."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Arxiv(Part):
    """`[arxiv]`: how its interfaces are asked."""

    delay_seconds: Annotated[Number, Field(ge=0, le=3600)] = 3.0  #: between the starts of two requests
    page_size: Annotated[Whole, Field(ge=1, le=2000)] = 200
    timeout_seconds: Annotated[Number, Field(gt=0)] = 60.0
    holidays: tuple[date, ...] = ()  #: beside arXiv's published list
    api: Address = API
    rss: Address = "https://rss.arxiv.org"
    oai: Address | None = None  #: none: arXiv's own, unless something stands in for its search


class Price(Part):
    """`price` in `[engine]`, and a table of `[prices]`: money for a million tokens, in any one currency."""

    input: Annotated[Number, Field(ge=0)]
    output: Annotated[Number, Field(ge=0)]
    cached: Annotated[Number, Field(ge=0)] | None = None  #: of the input tokens that the service had cached; as input
    currency: Annotated[str, Field(min_length=1, max_length=20)] = "USD"


class StoreSettings(Part):
    """`[store]`: what this digest is called in a database that several share; its address is in DIGEST_STORE."""

    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\w.-]+$")] = "main"


class Budget(Part):
    """`[budget]`: what may be spent; what would exceed it is not asked."""

    per_run: Annotated[Number, Field(ge=0)] | None = None  #: money, in the price's currency
    per_day: Annotated[Number, Field(ge=0)] | None = None  #: money, UTC
    per_month: Annotated[Number, Field(ge=0)] | None = None  #: money, UTC
    tokens_per_day: Annotated[Whole, Field(ge=0)] | None = None  #: of prompts and replies, UTC

    @property
    def is_money(self) -> bool:
        """Whether it needs a price."""
        return (self.per_run, self.per_day, self.per_month) != (None, None, None)


class Backend(Part):
    """What `[engine]` and `[engine.fallback]` have in common: where a model is, and what it takes."""

    base_url: Address | None = None  #: none: OpenAI's own
    api_key_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] = "OPENAI_API_KEY"
    concurrency: Annotated[Whole, Field(ge=1, le=4096)] = 16
    requests_per_minute: Annotated[Number, Field(gt=0)] | None = None
    tokens_per_minute: Annotated[Number, Field(gt=0)] | None = None
    timeout_seconds: Annotated[Number, Field(gt=0)] = 120.0
    price: Price | None = None


class FallbackSettings(Backend):
    """`[engine.fallback]`: what is asked where the first service fails."""

    model: Annotated[str, Field(min_length=1)]


class EndpointSettings(Part):
    """`[[engine.endpoint]]`: one of the places where engine "cluster" finds the model, with limits of its own."""

    base_url: Address
    api_key_env: EnvironmentName | None = None  #: none: the one of [engine]
    concurrency: Annotated[Whole, Field(ge=1, le=4096)] | None = None  #: none: as in [engine]; so is the time-out
    requests_per_minute: Annotated[Number, Field(gt=0)] | None = None
    tokens_per_minute: Annotated[Number, Field(gt=0)] | None = None
    timeout_seconds: Annotated[Number, Field(gt=0)] | None = None
    weight: Annotated[Number, Field(gt=0)] | None = None  #: its part of the work while there is little; none: its slots
    model: Annotated[str, Field(min_length=1)] | None = None  #: what it calls the model; none: as [engine] does


class ClusterSettings(Part):
    """`[cluster]`: where the workers of engine "cluster" are."""

    address: Annotated[str, Field(min_length=1)] | None = (
        None  #: of a Ray cluster; none: Ray is started on this machine
    )
    workers: Annotated[Whole, Field(ge=0, le=1000)] | None = None  #: none: one a node; 0: in this process, without Ray


class EngineSettings(Backend):
    """`[engine]`: what writes the cards."""

    name: Annotated[str, AfterValidator(_engine)] = "chat"
    service: Annotated[str, AfterValidator(_service)] | None = None  #: of services.toml: gives what nobody else sets
    model: Annotated[str, Field(min_length=1)] = "gpt-4o-mini"
    batch_wait_seconds: Annotated[Number, Field(ge=0)] = 600.0  #: in which no batch comes back: left to a later run
    batch_enqueued_tokens: Annotated[Whole, Field(ge=1)] | None = (
        None  #: in all batches under way; none: as it is learnt
    )
    fallback: FallbackSettings | None = None
    endpoint: tuple[EndpointSettings, ...] = ()  #: of engine "cluster"; none: the one that base_url names

    @model_validator(mode="before")
    @classmethod
    def _of_this_machine(cls, table: Any) -> Any:
        """What nobody said of a model on this machine: which one, and how many replies at once."""
        if isinstance(table, dict) and table.get("name") == "local":
            return {"model": "draft", "concurrency": 1} | table
        return table


class SectionSettings(Part):
    """`[[section]]`: a group of papers by keyword or author."""

    title: Title
    keywords: tuple[Keyword, ...] = ()  #: none, and no authors: the title itself is the keyword
    authors: tuple[Author, ...] = ()
    exclude: tuple[Keyword, ...] = ()  #: of papers that this section does not hold
    categories: tuple[Category, ...] = ()
    limit: Annotated[Whole, Field(ge=1)] = 100  #: rows in keywords.md

    @model_validator(mode="after")
    def _title_can_be_the_keyword(self) -> "SectionSettings":
        for keyword in self.asked:
            try:
                parse(keyword)
            except ValueError as error:
                raise ValueError(f"the title is its keyword, as it has no other: {error}") from None
        return self

    @property
    def asked(self) -> tuple[str, ...]:
        """The keywords that it has or, without any and without authors, is."""
        return self.keywords or (() if self.authors else (self.title,))


def _titled_apart(sections: tuple[SectionSettings, ...]) -> tuple[SectionSettings, ...]:
    titles = [one.title for one in sections]
    if twice := next((title for title in titles if titles.count(title) > 1), None):
        raise ValueError(f"two sections are titled {twice!r}; each needs a title of its own")
    return sections


Sections = Annotated[tuple[SectionSettings, ...], AfterValidator(_titled_apart)]


class Smtp(Part):
    """`[smtp]`: the server that takes mail."""

    host: Annotated[str, Field(min_length=1)]
    port: Annotated[Whole, Field(ge=1, le=65535)] | None = None  #: none: what is usual for `security`
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None  #: none: no login
    password_env: EnvironmentName = "DIGEST_SMTP_PASSWORD"  # noqa: S105 - the variable
    sender: MailAddress  #: such as "digest <me@example.org>"
    timeout_seconds: Annotated[Number, Field(gt=0, le=600)] = 30.0


class DeliverSettings(Part):
    """`[[deliver]]`: one receiver; by mail or, through apprise, by any other way."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,40}$")]  #: in marks, logs and status
    mail: MailAddress | None = None  #: through [smtp]
    url_env: EnvironmentName | None = None  #: names the variable that holds the address as apprise reads it: a secret
    form: Literal["whole", "short"] | None = None  #: none: whole by mail, short elsewhere
    sections: tuple[Title, ...] = ()  #: titles or categories; none: all
    language: Tag | None = None  #: none: the first one's
    sends: tuple[Literal["editions", "failures"], ...] = ("editions", "failures")

    @model_validator(mode="after")
    def _one_way(self) -> "DeliverSettings":
        if (self.mail is None) == (self.url_env is None):
            raise ValueError("a receiver has either mail or url_env")
        return self


def _named_apart(receivers: tuple[DeliverSettings, ...]) -> tuple[DeliverSettings, ...]:
    names = [one.name for one in receivers]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"two receivers are called {twice!r}; what each has had is kept by its name")
    return receivers


Receivers = Annotated[tuple[DeliverSettings, ...], AfterValidator(_named_apart)]
