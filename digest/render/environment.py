"""The two template environments, HTML and plain text, the words of each language, and the one way to fill a template.

Names the file and line of every fault in a template; knows nothing of editions. A user's template runs as code.
"""

import re
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from ..errors import TemplateError
from ..links import resources
from ..plaintext import one_line
from ..tex import plain
from .columns import columns
from .escaping import attribute, cell, cell_link, link_text, linkify, markdown, markdown_piece, without_mentions
from .formulas import typeset
from .layout import is_regenerated, money
from .marks import doubts, pieces

#: What a template can raise while it is read or filled; a fault in our own filters names the line that called it.
FAULTS = (
    jinja2.TemplateError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def _csp_source(text: str) -> str:
    """The name of an inline style or script in a Content-Security-Policy: `sha256-…`, without its quotes."""
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode("ascii")


#: What would end the element in which a style or a script stands.
_ENDS = re.compile(r"</(?:style|script)|<!--", re.IGNORECASE)


class _Loader(jinja2.FileSystemLoader):
    """Reads UTF-8, and names the file that is none."""

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        try:
            return super().get_source(environment, template)
        except UnicodeDecodeError as error:
            found = (Path(folder) / template for folder in self.searchpath)
            path = next((str(one) for one in found if one.is_file()), template)
            raise jinja2.TemplateSyntaxError(f"no UTF-8: {error.reason}", 1, template, path) from error


def _raw(environment: jinja2.Environment, name: str) -> Markup:
    """
    A style or a script as it stands in its file, where braces mean nothing to us.

    Raises:
        jinja2.TemplateSyntaxError: it would end the element that it stands in.
    """
    assert environment.loader is not None
    text, path, _ = environment.loader.get_source(environment, name)
    text = "\n".join(text.splitlines()) + "\n"  # line endings as a browser reads them, for the policy's hash
    if found := _ENDS.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise jinja2.TemplateSyntaxError(f"{found[0]} ends the element that this file stands in", line, name, path)
    # Ours, or that of a user who may write any page.
    return Markup(text)  # noqa: S704


class _Words:
    """Words of a language out of the first of several files that has them: a user's may lack what came later."""

    def __init__(self, modules: Iterable[object]) -> None:
        self._modules = tuple(modules)

    def __getattr__(self, name: str) -> Any:
        for module in self._modules:
            if hasattr(module, name):
                found = getattr(module, name)
                setattr(self, name, found)  # asked for thousands of times
                return found
        raise AttributeError(f"no words are called {name}")


def _environment(folders: Sequence[Path], *, autoescape: bool) -> jinja2.Environment:
    """Templates of a user's folder first; `{% extends "builtin/…" %}` reaches ours from there."""
    ours = _Loader(folders[-1], encoding="utf-8-sig")
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [_Loader(list(folders), encoding="utf-8-sig"), jinja2.PrefixLoader({"builtin": ours})]
        ),
        autoescape=autoescape,  # not select_autoescape: it sees `.j2` and turns itself off  # noqa: S701
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.globals["raw"] = partial(_raw, environment)
    environment.filters |= {
        "line": one_line,
        "plain": plain,
        "resources": resources,
        "pieces": pieces,
        "doubts": doubts,
        "is_regenerated": is_regenerated,
        "money": money,
    }
    return environment


def html_environment(folders: Sequence[Path]) -> jinja2.Environment:
    """For pages: every value is escaped unless a filter of ours made it HTML."""
    return _html(tuple(folders), _state(folders))


def text_environment(folders: Sequence[Path]) -> jinja2.Environment:
    """For Markdown: nothing is escaped by itself, so each value of a stranger goes through one of the filters."""
    return _text(tuple(folders), _state(folders))


def _state(folders: Sequence[Path]) -> tuple[tuple[str, int], ...]:
    """What changes with any template: all formats share their compiled templates until then."""
    paths = (path for folder in folders for path in sorted(folder.rglob("*")))
    return tuple((str(path), path.stat().st_mtime_ns) for path in paths if path.is_file())


@lru_cache(maxsize=4)
def _html(folders: tuple[Path, ...], _: object) -> jinja2.Environment:
    environment = _environment(folders, autoescape=True)
    environment.filters |= {"linkify": linkify, "typeset": typeset, "csp_source": _csp_source}
    return environment


@lru_cache(maxsize=4)
def _text(folders: tuple[Path, ...], _: object) -> jinja2.Environment:
    environment = _environment(folders, autoescape=False)
    environment.filters |= {
        "columns": columns,
        "markdown": markdown,
        "markdown_piece": markdown_piece,
        "attribute": attribute,
        "link_text": link_text,
        "cell": cell,
        "cell_link": cell_link,
        "without_mentions": without_mentions,
    }
    return environment


def _place(error: BaseException) -> str | None:
    """`file:line` of the template that `error` comes from; None where no line was reached."""
    if isinstance(error, jinja2.TemplateSyntaxError):
        return f"{error.filename or error.name}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f"{frame.filename}:{frame.lineno}" for frame in frames if frame.filename.endswith(".j2")]
    return lines[-1] if lines else None


def tags(language: str) -> tuple[str, ...]:
    """
    The languages in whose words a page in `language` may speak, best first; English is always among them.

    >>> tags("zh-TW"), tags("pt-br"), tags("en-GB")
    (('zh-Hant', 'zh-Hans', 'en'), ('pt-BR', 'pt', 'en'), ('en-GB', 'en'))

    Source: https://www.rfc-editor.org/rfc/rfc5646 (case of subtags), https://cldr.unicode.org (where Hant is meant)
    """
    root, *parts = language.lower().split("-")
    if root == "zh":
        return ("zh-Hant", "zh-Hans", "en") if {"hant", "tw", "hk", "mo"}.intersection(parts) else ("zh-Hans", "en")
    cased = [part.upper() if len(part) == 2 else part.title() if len(part) == 4 else part for part in parts]
    shorter = ("-".join([root, *cased[:length]]) for length in range(len(cased), -1, -1))
    return tuple(dict.fromkeys((*shorter, "en")))


def fill(environment: jinja2.Environment, template: str, language: str, **values: Any) -> str:
    """
    The text of one template with `values` in it, and with our `words` in `language` or the nearest that there are.

    A template also has the words in `english`, the `language` of the cards, and the one that is `spoken` by our words.

    Raises:
        TemplateError: the template is missing, can't be read, or fails; the message begins with its file and line.
    """
    try:
        english = environment.get_template("words/en.j2").module
        chosen = environment.select_template([f"words/{tag}.j2" for tag in tags(language)])
        ours = environment.select_template([f"builtin/words/{tag}.j2" for tag in tags(language)])
        words = _Words((chosen.module, ours.module, english))
        tag = str(words.tag)
        spoken = language if tag.partition("-")[0] == language.lower().partition("-")[0] else tag
        said = {"words": words, "english": english, "language": language, "spoken": spoken}
        return environment.get_template(template).render(values, **said)
    except FAULTS as error:
        reason = getattr(error, "message", None) or error  # a syntax error's text repeats its place
        raise TemplateError(f"{_place(error) or template}: {type(error).__name__}: {reason}") from error
