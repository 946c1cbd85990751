"""From papers and prompt texts to a Request, and from a reply that failed its checks to the next one.

Pure. Knows neither files nor engines; the wording is in prompts/, and what comes back is judged in checks.py.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from traceback import extract_tb
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .errors import TemplateError
from .glossary import MOST, NO_TERMS, Glossary
from .languages import language_of
from .models import FIELDS, Paper, Request

if TYPE_CHECKING:
    from jinja2 import Environment, Template

NOTE_FIELDS = ("headline", "other")  #: of a note on a change: its two lines, in reading order


def _schema(names: Sequence[str]) -> Mapping[str, Any]:
    """What a reply must look like, in the strict mode of services that have one."""
    return MappingProxyType(
        {
            "type": "object",
            "properties": {name: {"type": "string"} for name in names},
            "required": list(names),
            "additionalProperties": False,
        }
    )


CARD_SCHEMA, NOTE_SCHEMA = _schema(FIELDS), _schema(NOTE_FIELDS)

# Cool, for a card should stick to the abstract; not zero, for a regeneration should differ. A long card takes about
# 1,100 tokens: the rest is room for wordy tokenizers, and the limit an end for a model that runs in a circle.
PARAMETERS: Mapping[str, Any] = MappingProxyType({"temperature": 0.2, "max_tokens": 1600})
NOTE_PARAMETERS: Mapping[str, Any] = MappingProxyType({"temperature": 0.2, "max_tokens": 500})  #: 100 are usual

REPLY_TOKENS = 550  #: of a usual card: what an estimate counts with
LONGEST_REPLY = 6000  #: characters of a failed reply that are sent back


def files(name: str, language: str) -> tuple[str, ...]:
    """
    The files in prompts/ that may hold a text, best first.

    >>> files("card.user", "ja")
    ('card.user.ja.md', 'card.user.en.md', 'card.user.md')
    """
    return tuple(f"{name}.{mark}.md" if mark else f"{name}.md" for mark in language_of(language).prompts)


@dataclass(frozen=True, slots=True)
class Prompt:
    """The texts of prompts/NAME.*.md, as jinja2 templates, and the language of the answers (BCP 47)."""

    #: The same for all papers, so that a service keeps it in its cache. As the others it knows `language`, its name in
    #: itself, its name in `english`, its `tag`, the phrase `not_stated`, the `lengths` of tldr, field, headline and
    #: other, and its `style`.
    system: str
    #: knows a card's `paper`, `hint` (a reader's wish, or None) and `terms` of the glossary (`name`,
    #: `translation`, `is_kept`); a change's papers `before` and `after`
    user: str
    repair: str  #: knows `problems`
    language: str
    name: str = "card"  #: or "change"; what a failing text is called by
    glossary: Glossary = NO_TERMS  #: of the language

    @property
    def digest(self) -> str:
        """A short SHA-256 of the texts: what an origin calls its prompt."""
        texts = json.dumps([self.system, self.user, self.repair, self.language, *filter(None, [self.glossary.digest])])
        return hashlib.sha256(texts.encode("ascii")).hexdigest()[:16]


def ask(
    prompt: Prompt,
    paper: Paper,
    *,
    model: str,
    parameters: Mapping[str, Any] = PARAMETERS,
    hint: str | None = None,
    take: int = 0,
) -> Request:
    """
    Return the request for one paper's card.

    Args:
        prompt: Its texts and language.
        paper: Title and abstract go in as they are, at the end of the user's message; the terms of the glossary that
            stand in them before.
        model: As the service names it.
        parameters: Sent along as they are.
        hint: A reader's wish for this card.
        take: Which regeneration it is; 0 is the first asking.

    Raises:
        TemplateError: a text of `prompt` fails; the message names its file and line. Or none has the paper in it: all
            papers would get one and the same card.
    """
    messages = _opening(prompt, paper=paper, hint=hint, terms=prompt.glossary.terms_in(paper)[:MOST])
    if not any(paper.title in one["content"] or paper.abstract in one["content"] for one in messages):
        raise TemplateError(
            f"prompts/{prompt.name}.user.md: has neither the paper's title nor its abstract",
            hint="{{ paper.title }} and {{ paper.abstract }} put them in",
        )
    return Request(
        model=model,
        messages=messages,
        schema=dict(CARD_SCHEMA),
        parameters=dict(parameters),
        take=take,
        subject=paper.arxiv_id,
    )


def ask_change(
    prompt: Prompt, before: Paper, after: Paper, *, model: str, parameters: Mapping[str, Any] = NOTE_PARAMETERS
) -> Request:
    """
    Return the request for the two lines that say what a paper's new version changed.

    Args:
        prompt: The texts of prompts/change.*.md.
        before: The version that readers know; title and abstract go in as they are, as those of `after` do.
        after: The new version.
        model: As the service names it.
        parameters: Sent along as they are.

    Raises:
        TemplateError: a text of `prompt` fails; the message names its file and line.
    """
    return Request(
        model=model,
        messages=_opening(prompt, before=before, after=after),
        schema=dict(NOTE_SCHEMA),
        parameters=dict(parameters),
        subject=after.arxiv_id,
    )


def _opening(prompt: Prompt, **known: Any) -> tuple[Mapping[str, str], ...]:
    system = _system(prompt.name, prompt.system, prompt.language)
    user = _render(f"{prompt.name}.user.md", prompt.user, **_about(prompt.language), **known)
    return {"role": "system", "content": system}, {"role": "user", "content": user}


@lru_cache(maxsize=16)
def _system(name: str, text: str, language: str) -> str:
    """The message that is the same for all papers, so it is made once."""
    return _render(f"{name}.system.md", text, **_about(language))


def _about(tag: str) -> dict[str, Any]:
    """What every text knows of the language: its name in itself, and how cards are written in it."""
    one = language_of(tag)
    return {
        "language": one.name,
        "english": one.english,
        "tag": one.tag,
        "not_stated": one.not_stated,
        "lengths": one.lengths,
        "style": one.style,
    }


def ask_again(prompt: Prompt, request: Request, reply: str, problems: Sequence[str]) -> Request:
    """
    Return the request that goes on after `reply`, naming its problems; all else is as in `request`.

    Raises:
        TemplateError: the repair text fails; the message names its file and line.
    """
    sendable = [_sendable(one) for one in problems]
    repair = _render(f"{prompt.name}.repair.md", prompt.repair, **_about(prompt.language), problems=sendable)
    said = _sendable(reply)[:LONGEST_REPLY].strip() or "…"  # services refuse a message without text
    turns = ({"role": "assistant", "content": said}, {"role": "user", "content": repair})
    return replace(request, messages=(*request.messages, *turns))


def estimated_tokens(request: Request) -> int:
    """
    About how many tokens a request has, without its reply: four ASCII characters or one and a half others to a token.

    A guess before the service has counted; what was paid for is in the usage of the reply.
    """
    texts = [message["content"] for message in request.messages]
    ascii_characters = sum(len(text.encode("ascii", "ignore")) for text in texts)
    return round(ascii_characters / 4 + (sum(map(len, texts)) - ascii_characters) / 1.5)


def _sendable(text: str) -> str:
    """`text` without lone surrogates, which no service's JSON takes, and without NUL."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")


def _render(file: str, text: str, **known: Any) -> str:
    from jinja2 import TemplateError as JinjaError

    place = f"prompts/{file}"
    try:
        return _template(file, text).render(known).strip()
    except (JinjaError, TypeError, ValueError, ArithmeticError, LookupError) as error:
        lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == place]
        line = getattr(error, "lineno", None) or (lines[-1] if lines else 1)
        raise TemplateError(f"{place}:{line}: {error}") from error


@lru_cache(maxsize=16)
def _template(file: str, text: str) -> "Template":
    environment = _environment()
    code = environment.compile(text, file, f"prompts/{file}")
    return environment.template_class.from_code(environment, code, environment.make_globals(None))


@lru_cache(maxsize=1)
def _environment() -> "Environment":
    from jinja2 import Environment, StrictUndefined  # on use: the import takes longer than `digest --help` may

    # No escaping: what comes out is a message to a model, not a page.
    return Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)  # noqa: S701
