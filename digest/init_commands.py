"""The command of a beginning: settings that say what could be found out, and the job that runs them every night.

Parses, asks at most one question, writes whole files and never over another's. Heavy imports happen on use.
"""

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .console import CATEGORY, ENGINE, KEYWORD, SHARED, home, now, options, say, show
from .errors import ConfigError

if TYPE_CHECKING:
    from .nightjobs import Job
    from .places import Place
    from .scaffold import Known, Plan

Said = TypeVar("Said")
Converted = TypeVar("Converted")

SCHEDULES = ("cron", "systemd", "github", "docker")


@click.command()
@options(CATEGORY, KEYWORD)
@click.option(
    "--language",
    "languages",
    multiple=True,
    envvar="DIGEST_LANGUAGE",
    help="Of the cards: zh-Hant, ja, ko, en...; again for one more.  [default: by the locale]",
)
@click.option("--schedule", type=click.Choice(SCHEDULES), help="Print the job that runs it every night.")
@click.option("--write", is_flag=True, help="Write the job's files, too.")
@click.option("--pages", is_flag=True, help="With --schedule github: publish the site to GitHub Pages.")
@click.option("--force", is_flag=True, help="Write over files that are there; they are kept beside it as *.old.")
@options(ENGINE[:3], SHARED)
def init(**given: Any) -> None:
    """Write a commented digest.toml, or with --schedule the job that runs it every night."""
    if given["schedule"]:
        start_job(given)
        return
    if given["write"] or given["pages"]:
        raise click.UsageError("--write and --pages belong to --schedule.")
    start_settings(given)


# ---- settings --------------------------------------------------------------------------------------------------


def start_settings(given: dict[str, Any]) -> None:
    """Write digest.toml and digest.env, and say what stands there and why."""
    from . import envfile, scaffold
    from .atomic import replace
    from .newfiles import put_aside, refuse_to_replace, write_secrets

    path = given["config_file"] or Path("digest.toml")
    refuse_to_replace([path], force=given["force"])
    plan, why = planned(given, scaffold.known(Path(given["output"]) if given["output"] else path.parent / "site"))
    text = scaffold.settings(plan, path, envfile.NAME)
    kept = put_aside(path)
    replace(path, text.encode())
    secrets = path.parent / envfile.NAME
    is_new = write_secrets(secrets, scaffold.secrets(plan, path.parent))
    record = {
        "written": [str(one) for one in (path, secrets) if one == path or is_new],
        "kept": str(kept) if kept else None,
        "categories": plan.categories,
        "keywords": plan.keywords,
        "languages": plan.languages,
        "service": plan.engine.service,
        "base_url": plan.engine.base_url,
        "model": plan.engine.model,
        "key": plan.engine.key_env,
        "has_key": has_key(plan),
        "why": why,
        "next": [f"digest {verb}{naming(given)}" for verb in ("doctor", "run")],
    }
    show(given, record, "\n".join(report(record, plan, secrets)))


def planned(given: dict[str, Any], known: "Known") -> "tuple[Plan, dict[str, str]]":
    """What digest.toml is to say, and where each part of it is from."""
    from . import languages, scaffold
    from .keywords import parse

    engine = scaffold.engine(os.environ, given["service"], given["base_url"], given["model"])
    for keyword in given["keywords"]:
        valid("--keyword", parse, keyword)
    keywords = given["keywords"] or known.keywords
    asked = tuple(valid("--language", languages.canonical_language, tag) for tag in given["languages"])
    locale, variable = scaffold.language_of_locale(os.environ)
    tags = asked or known.languages or (locale,)
    categories, why = categories_for(given, known)
    plan = scaffold.Plan(
        categories,
        tuple(dict.fromkeys(keywords)),
        tuple(dict.fromkeys(tags)),
        engine,
        stated(given, "output", "site"),
        stated(given, "cache", "cache"),
    )
    return plan, {
        "categories": why,
        "keywords": "as given" if given["keywords"] else "as the site has" if keywords else "none given",
        "languages": "as given" if asked else "as the site has" if known.languages else variable or "the usual one",
        "engine": engine.why,
    }


def categories_for(given: dict[str, Any], known: "Known") -> tuple[tuple[str, ...], str]:
    """The categories to read, and why these; asked for on a terminal where nothing says them."""
    from . import scaffold

    if given["categories"]:
        return valid("--category", scaffold.categories_of, given["categories"]), "as given"
    if given["keywords"]:
        return (), "none: the keywords are asked of all arXiv"
    if known.categories or known.keywords:
        return known.categories, "as the site has"
    if given["as_json"] or not on_terminal():
        return scaffold.CATEGORIES, "the usual ones, since none was given"

    def answered(text: str) -> tuple[str, ...]:
        try:
            return scaffold.categories_of([text])
        except ValueError as error:
            raise click.UsageError(str(error)) from error

    usual = " ".join(scaffold.CATEGORIES)
    said = click.prompt("arXiv's categories to read", default=usual, value_proc=answered, err=True)
    return said or scaffold.CATEGORIES, "as answered"


def on_terminal() -> bool:
    """Whether somebody is there to answer."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def valid(flag: str, convert: Callable[[Said], Converted], value: Said) -> Converted:
    """What a flag's value means, or an error that names the flag."""
    try:
        return convert(value)
    except ValueError as error:
        raise ConfigError(f"{flag}: {error}") from error


def stated(given: dict[str, Any], name: str, usual: str) -> str:
    """A folder as digest.toml has to say it: beside that file, while a flag goes by the folder one is in."""
    if not given[name]:
        return usual
    here = (given["config_file"] or Path()).absolute().parent == Path().absolute()
    return str(given[name] if given["config_file"] is None or here else Path(given[name]).absolute())


def has_key(plan: "Plan") -> bool:
    """Whether a run would find the key that it needs."""
    names = (plan.engine.key_env, "OPENAI_API_KEY")
    return not plan.engine.needs_key or any(os.environ.get(name, "").strip() for name in names)


def report(record: dict[str, Any], plan: "Plan", secrets: Path) -> Iterator[str]:
    """Yield the lines that say what was done and what comes next."""
    why = record["why"]
    yield f"Written: {', '.join(record['written'])}"
    if record["kept"]:
        yield f"What was there before is now {record['kept']}"
    yield f"  categories  {' '.join(plan.categories) or '-'} ({why['categories']})"
    if plan.keywords:
        yield f"  keywords    {'; '.join(plan.keywords)} ({why['keywords']})"
    yield f"  language    {' '.join(plan.languages)} ({why['languages']})"
    where = plan.engine.service or plan.engine.base_url
    yield f"  engine      {' '.join(filter(None, (where, plan.engine.model)))} ({why['engine']})"
    if not record["has_key"]:
        yield f"The key is missing: write {plan.engine.key_env}=... into {secrets}"
    if in_repository(secrets.parent):
        yield f"{secrets.name} belongs into no repository: echo {secrets.name} >> .gitignore"
    yield "Next:"
    yield from (f"  {command}" for command in record["next"])


def naming(given: dict[str, Any]) -> str:
    """The flag that a further command needs to find the same settings."""
    return f" --config {shlex.quote(str(given['config_file']))}" if given["config_file"] else ""


# ---- jobs ------------------------------------------------------------------------------------------------------


def start_job(given: dict[str, Any]) -> None:
    """Print a job, or write it; say the commands that switch it on."""
    from . import places
    from .nightjobs import JOBS

    refuse_settings()
    if given["pages"] and given["schedule"] != "github":
        raise click.UsageError("--pages belongs to --schedule github.")
    if given["force"] and not given["write"]:
        raise click.UsageError("--force belongs to --write.")
    place = place_of(given)
    job = JOBS[given["schedule"]](place)
    notes = (*job.notes, *(places.missing(place, os.environ) if given["schedule"] != "github" else ()))
    written = write_job(job, force=given["force"]) if given["write"] else []
    record = {
        "schedule": given["schedule"],
        "files": [{"path": str(one.path), "text": one.text} for one in job.files],
        "written": [str(path) for path in written],
        "commands": job.commands,
        "notes": notes,
    }
    done = "\n".join(f"Written: {path}" for path in written) or "Nothing changed: the job's files are there already"
    show(given, record, done if given["write"] else printed(job))
    if not given["as_json"]:
        when = "To switch it on:" if given["write"] else "To switch it on, once --write has put it in its place:"
        say("\n".join((*(f"Note: {note}" for note in notes), when, *(f"  {one}" for one in job.commands))))


def refuse_settings() -> None:
    """A job goes by digest.toml alone: what a flag says here would be lost."""
    context = click.get_current_context()
    said = click.core.ParameterSource.COMMANDLINE
    for name in ("categories", "keywords", "languages", "service", "model", "base_url", "output", "cache"):
        if context.get_parameter_source(name) is said:
            flag = next(one.opts[0] for one in context.command.params if one.name == name)
            raise click.UsageError(f"{flag} belongs into digest.toml, by which the job goes.")


def place_of(given: dict[str, Any]) -> "Place":
    """What the job must know of this machine and of digest.toml, which must be there and valid."""
    from .config import load
    from .places import LOCALTIME, Place, local_zone, program

    file = (given["config_file"] or Path("digest.toml")).absolute()
    if not file.exists():
        raise ConfigError(f"{file.name}: not found", hint=f"digest init{naming(given)} writes it")
    zone, name = local_zone(LOCALTIME)
    told = os.environ.get("XDG_CONFIG_HOME", "")
    units = (Path(told) if Path(told).is_absolute() else Path(home()) / ".config") / "systemd/user"
    return Place(
        config=load(file, {}, os.environ),
        file=file,
        program=program(),
        today=now().date(),
        zone=zone,
        zone_name=name,
        units=units,
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        pages=given["pages"],
    )


def printed(job: "Job") -> str:
    """A file as it is; of several, each below its name."""
    if len(job.files) == 1:
        return job.files[0].text.rstrip("\n")
    return "\n\n".join(f"# ---- {one.path}\n{one.text.rstrip()}" for one in job.files)


def write_job(job: "Job", *, force: bool) -> list[Path]:
    """Write the files that are not there as they are to be; which these were."""
    from .atomic import replace
    from .newfiles import holds, put_aside, refuse_to_replace

    changed = [one for one in job.files if not holds(one.path, one.text)]
    refuse_to_replace([one.path for one in changed], force=force)
    for one in changed:
        put_aside(one.path)
        replace(one.path, one.text.encode())
    return [one.path for one in changed]


def in_repository(folder: Path) -> bool:
    """Whether a folder is in a git repository that does not leave out our file of secrets by name."""
    from . import envfile
    from .provenance import repository

    root = repository(folder.absolute())
    if not (root / ".git").exists():
        return False
    named: set[str] = set()
    for place in {root, folder.absolute()}:
        with suppress(OSError, UnicodeError):
            named |= set((place / ".gitignore").read_text(encoding="utf-8").split())
    return not named & {envfile.NAME, f"/{envfile.NAME}", "*.env"}
