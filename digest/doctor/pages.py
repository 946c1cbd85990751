"""Templates, prompts, glossary and the markers of a README: whether a night can make its pages with them.

Reads every template and fills those of a site with a tiny edition in each language; writes nothing.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import jinja2

from .. import frontpage, pipeline, publishing, resources
from ..config import Config
from ..errors import DigestError, TemplateError
from ..models import Card, Edition, Entry, Origin, Paper, Section
from ..plaintext import counted
from ..render import Look, Volumes, open_formats
from ..render.environment import html_environment, text_environment
from . import Check, Patient, failed

NAMED = 3  #: files of the user's that are named; the rest is counted

_WHEN = datetime(2026, 1, 5, 12, tzinfo=UTC)


def examine(patient: Patient) -> Iterator[Check]:
    """Yield templates, prompts and, where one is filled, the README."""
    config = patient.config
    try:
        yield templates(config)
    except DigestError as error:
        yield failed("templates", error, "mend that line, or take the file out of templates/")
    try:
        yield prompts(config)
    except DigestError as error:
        yield failed("prompts", error, "mend that file, or take it out of prompts/")
    if config.readme:
        try:
            frontpage.examine(config.readme)
        except DigestError as error:
            yield failed("readme", error)
        else:
            yield Check("readme", "ok", f"{config.readme}: its markers are in order")


def templates(config: Config) -> Check:
    """
    Whether each template can be read, and a small edition be shown in each language.

    Raises:
        TemplateError: the first line that fails.
    """
    folders = resources.folders("templates", config.home)
    number = _compiled(folders)
    for tag in config.languages:
        _filled(publishing.look_of(config.in_language(tag)), tag)
    filled = f"{number} can be read; pages made in {', '.join(config.languages)}"
    return Check("templates", "ok", "; ".join(filter(None, [filled, own("templates", config.home)])))


def _compiled(folders: tuple[Path, ...]) -> int:
    """How many templates there are, all of them read."""
    html, text = html_environment(folders), text_environment(folders)
    names = [name for name in html.list_templates(["j2"]) if not name.startswith("builtin/")]
    for name in names:
        try:
            (html if ".html" in name or ".xml" in name else text).get_template(name)
        except jinja2.TemplateSyntaxError as error:
            raise TemplateError(f"{error.filename or name}:{error.lineno}: {error.message}") from error
        except (jinja2.TemplateError, OSError, ValueError, RecursionError) as error:
            raise TemplateError(f"{name}: {error}") from error
    return len(names)


def _filled(look: Look, language: str) -> None:
    tiny = specimen(language)
    for one in open_formats(look):
        for _ in one.day(tiny):
            pass
        for _ in one.whole(Volumes.of([tiny])):
            pass


def specimen(language: str) -> Edition:
    """An edition of two invented papers: one with a card, one without."""
    origin = Origin(engine="echo", model="echo", prompt="", key="0" * 64, created=_WHEN)
    card = Card(tldr="a", motivation="b", method="c", result="d", conclusion="e", origin=origin)
    one, other = (
        Paper(
            arxiv_id=f"2601.0000{number}",
            version=1,
            title=f"Title {number} of $x^2$",
            authors=("A. Author",),
            abstract="An abstract.",
            categories=("cs.CL",),
            submitted=_WHEN,
            updated=_WHEN,
        )
        for number in (1, 2)
    )
    entries = (
        Entry(paper=one, announce_type="new", card=card),
        Entry(paper=other, announce_type="cross", problems=("engine: no answer",)),
    )
    ids = (one.arxiv_id, other.arxiv_id)
    sections = (
        Section(title="A keyword", kind="keyword", arxiv_ids=ids[:1]),
        Section(title="cs.CL", kind="category", arxiv_ids=ids),
    )
    return Edition(
        announced=date(2026, 1, 5),
        categories=("cs.CL",),
        language=language,
        source="sample",
        sections=sections,
        entries=entries,
    )


def prompts(config: Config) -> Check:
    """
    Whether the prompts and the glossary of each language can be read.

    Raises:
        DigestError: one can't.
    """
    terms = []
    for tag in config.languages:
        one = config.in_language(tag)
        for name in ("card", "change"):
            pipeline.read_prompt(one, name)
        if number := len(pipeline.read_glossary(one).terms):
            terms.append(f"{counted(number, 'term')} in {tag}")
    read = f"read in {', '.join(config.languages)}; glossary: {', '.join(terms) or 'none'}"
    return Check("prompts", "ok", "; ".join(filter(None, [read, own("prompts", config.home)])))


def own(name: str, home: Path) -> str:
    """Which files of the user's take the place of ours, or come beside them."""
    folders = resources.folders(name, home)
    if len(folders) == 1:
        return ""
    files = sorted(path.relative_to(folders[0]).as_posix() for path in folders[0].rglob("*") if path.is_file())
    rest = f" and {len(files) - NAMED} more" if len(files) > NAMED else ""
    return f"your own: {', '.join(files[:NAMED])}{rest}" if files else ""
