"""From saved editions to pages: which are written, which are as new as they must be, which nothing makes any more.

Reads records and writes pages; makes no edition and asks nobody.
"""

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path

from . import frontpage, resources
from .config import Config
from .errors import ConfigError, RecordError
from .heads import Head, HeadSection
from .hooks import Watch, unwatched
from .models import Edition, KeywordTables, Page, Section
from .pagenotes import PageNotes
from .render import (
    DAY_PAGES,
    KEYWORD_PAGES,
    SECTION_PAGES,
    SECTIONS,
    WHOLE_PAGES,
    Look,
    Volumes,
    left_over,
    open_formats,
)
from .render.layout import section_path
from .store import Store

log = logging.getLogger(__name__)


def render(
    config: Config, days: Iterable[date] | None = None, watch: Watch = unwatched
) -> tuple[tuple[str, ...], tuple[RecordError, ...]]:
    """
    Write the pages of the editions of `days` (None: all) and those about all editions.

    Returns:
        The paths that changed, and what is wrong with the editions that can't be read and stand on no page.

    Raises:
        ConfigError: there is no edition, or none of one of `days`.
        TemplateError: the named template line fails; pages before it are written, each whole.
    """
    store = Store(config.output)
    known = set(store.dates())
    if not known:
        raise ConfigError(f"no edition in {config.output}", hint="digest run --category cs.CV makes one")
    wanted = known if days is None else set(days)
    if lost := wanted - known:
        raise ConfigError(f"no edition of {min(lost)} in {config.output}", hint=f"digest run --date {min(lost)}")
    volumes, damaged = opened(config, store)
    formats = open_formats(replace(look_of(config), program=resources.state(config.home)))

    def pages() -> Iterator[Page]:
        todo = [head.announced for head in volumes.heads if head.announced in wanted]
        for done, day in enumerate(todo):
            watch("render", done, len(todo))
            if edition := store.load(day):
                yield from (page for one in formats for page in one.day(edition))
        yield from (page for one in formats for page in one.whole(volumes))

    if config.readme:
        frontpage.examine(config.readme)  # before anything is written
    made: set[str] = set()
    notes = PageNotes(store.output)
    written = store.write(_noted(pages(), made, notes))
    notes.save()
    _tidy(store, made)
    if config.readme:
        frontpage.refresh(config.readme, config.output, look_of(config), volumes)
    for day in wanted.intersection(store.owed()):
        store.settle(day)
    return written, tuple(damaged)


def _tidy(store: Store, made: Collection[str]) -> None:
    """Remove the pages that nothing makes any more."""
    for gone in store.remove(left_over(made)):
        log.info("%s/%s: removed, the keywords take less room now", store.output, gone)
    for gone in store.remove(store.orphans(made, SECTIONS, DAY_PAGES)):
        log.info("%s/%s: removed, no edition makes it now", store.output, gone)


def _noted(pages: Iterable[Page], made: set[str], notes: PageNotes) -> Iterator[Page]:
    """Yield the pages, put their paths into `made`, and note what each was made of."""
    for page in pages:
        made.add(page.path)
        notes.add(page)
        yield page


def look_of(config: Config) -> Look:
    """What the pages look like, as configured."""
    limits = {one.title: one.limit for one in config.section}
    return Look(
        folders=resources.folders("templates", config.home),
        limits=limits,
        site_url=f"{config.site_url}/" if config.site_url else "",
        siblings=config.siblings,
    )


#: The modules that decide what a head says.
_HEADS = ("heads.py", "models.py", "money.py", "report.py")


def opened(config: Config, store: Store) -> tuple[Volumes, Sequence[RecordError]]:
    """All editions that can be read, newest first, and what was wrong with the others."""
    found, damaged = heads(store)
    notes = PageNotes(store.output)
    return Volumes(tuple(found), store.part, followed(config, store), cache(store.fingerprint), notes.page), damaged


def heads(store: Store, *, keep: bool = True) -> tuple[Sequence[Head], Sequence[RecordError]]:
    """The heads of all editions that can be read, newest first, and what was wrong with the others."""
    made_by = heads_mark()
    return store.each(lambda day: store.head(day, made_by, keep=keep))


def heads_mark() -> str:
    """What names the state of the program that decides what a head says, see `Store.head`."""
    return resources.fingerprint(*_HEADS)


def followed(config: Config, store: Store) -> KeywordTables | None:
    """The saved tables of keywords, where keywords are all that is followed."""
    return None if config.categories else store.load_tables()


def render_again(
    config: Config, days: Iterable[date] | None, watch: Watch = unwatched
) -> tuple[tuple[str, ...], tuple[RecordError, ...]]:
    """As `render`, while no run works on the folder."""
    store = Store(config.output)
    if not store.dates():
        return render(config, days, watch)  # which says so, and leaves no trace
    with store.locked():
        return render(config, days, watch)


def is_up_to_date(config: Config, store: Store, edition: Edition) -> bool:
    """Whether the pages of an edition, and those about all, are as new as everything they are made from."""
    looks = shaped_by(config)
    has_tables = not config.categories and bool(store.tables())
    return store.fresh(day_pages(edition.announced), [store.path(edition.announced), *looks]) and store.fresh(
        whole_pages(edition.sections, has_tables=has_tables),
        [*map(store.path, store.dates()), *store.tables(), *looks],
    )


def day_pages(day: date) -> list[str]:
    """The pages of an edition that every format has."""
    return [page.format(day=day) for page in DAY_PAGES]


def whole_pages(sections: Iterable[Section | HeadSection], *, has_tables: bool) -> Iterator[str]:
    """Yield the pages about all editions that every format has, where there are these sections."""
    kinds = {section_path(one.kind, one.title): one.kind for one in sections if one.title}
    yield from WHOLE_PAGES
    yield from (page.format(path=path) for path in kinds for page in SECTION_PAGES)
    if has_tables or "keyword" in kinds.values():
        yield from KEYWORD_PAGES


def shaped_by(config: Config) -> list[Path]:
    """The files beside the editions that decide what pages look like."""
    return [*resources.program(config.home), *filter(None, [config.file])]
