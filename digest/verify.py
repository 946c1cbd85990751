"""All that is kept held against itself: editions, pages, the cache, delivery marks, in the site of every language.

Looks and tells; mends nothing and asks nobody. What is wrong with one record is for findings.py.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import date
from itertools import takewhile
from pathlib import Path

from . import agenda, delivery, findings, frontpage, leftovers, money, postmarks, publishing, schedule, verify_cache
from .config import Config
from .errors import ConfigError, DigestError, RecordError, TemplateError
from .findings import Finding
from .folder_lock import left_behind
from .heads import Head, head_of
from .hooks import Clock, Watch
from .models import Page
from .render import DAY_PAGES, SECTIONS, Format, Volumes, left_over, open_formats
from .store import OWED, Store


@dataclass
class Report:
    """What a look at everything found."""

    findings: list[Finding] = field(default_factory=list)
    editions: int = 0  #: that can be read
    pages: int = 0  #: looked at

    @property
    def faults(self) -> int:
        """How many findings are faults."""
        return sum(one.kind == "fault" for one in self.findings)


def verify(sites: Sequence[Config], clock: Clock, wall: float, watch: Watch, *, quick: bool = False) -> Report:
    """
    Hold against each other what is on file; change nothing.

    Args:
        sites: The configuration of each language whose site has editions.
        clock: Now, UTC.
        wall: The time of day in seconds, as the file system has it.
        watch: Is told how far it is.
        quick: Make no page: look only whether it is there, and no older than its edition; take replies as they stand.

    Raises:
        ConfigError: there is no edition, or a folder can't be read.
        BusyError: a run works on one of the sites.
    """
    report, named = Report(), set[str]()
    if not any(Store(config.output).dates() for config in sites):
        raise ConfigError(f"no edition in {sites[0].output}", hint="digest run --category cs.CV makes one")
    with ExitStack() as held:
        for config in sites:
            report.findings += _ended_early(config.output)
            with suppress(ConfigError):  # a folder that can't be written holds still
                held.enter_context(Store(config.output).locked())
        for config in sites:
            site = _Site(config, report, watch, quick)
            report.findings += [*site.look(clock, wall)]
            named |= site.named
        folder, today = sites[0].cache, clock().astimezone(schedule.EASTERN).date()
        here = () if sites[0].store_url else named  # else all that they name is in the shared store
        report.findings += [*verify_cache.look(folder, here, watch, quick=quick)]
        report.findings += [_needless(one) for one in leftovers.of_cache(folder, today, wall)]
    report.findings = list(dict.fromkeys(report.findings))  # a link is met once for each page behind it
    return report


def _ended_early(output: Path) -> Iterator[Finding]:
    if said := left_behind(output):
        fact = said.removeprefix(f"{output}: ")
        yield Finding("note", str(output), fact, "digest run --catch-up goes on with what it had begun")


class _Site:
    """The look at the site of one language."""

    def __init__(self, config: Config, report: Report, watch: Watch, quick: bool) -> None:
        self.config, self.report, self.watch, self.quick = config, report, watch, quick
        self.store = Store(config.output)
        self.named: set[str] = set()  #: keys of the replies that its editions name
        is_first = config.language == config.all_languages[0]
        self.render = "digest render" if is_first else f"digest render --language {config.language}"
        self.made: set[str] = set()
        self.heads: list[Head] = []
        self.kept = {head.announced: head for head in publishing.heads(self.store, keep=False)[0]}
        self.looks = 0.0  #: when the newest of what shapes pages was changed

    def look(self, clock: Clock, wall: float) -> Iterator[Finding]:
        """Yield what is wrong with the site."""
        days = self.store.dates()
        yield from self.names()
        for day in self.store.owed():
            fact = "a run began with this date and did not come to its end"
            yield Finding("fault", str(self.store.output / OWED / str(day)), fact, f"digest run --date {day}")
        self.looks = max(map(_changed, publishing.shaped_by(self.config)))
        formats = () if self.quick else open_formats(publishing.look_of(self.config))
        try:
            for done, day in enumerate(days):
                self.watch("verify", done, len(days))
                yield from self.day(day, formats)
            yield from self.whole(formats)
        except TemplateError as error:
            yield Finding("fault", str(error), "no page can be made with it", error.hint or "mend that line")
        yield from self.orphans()
        yield from self.marks(days)
        newest = schedule.newest(clock(), self.config.arxiv.holidays)
        real = {*days} - {agenda.SAMPLE_DATE}
        yield from findings.in_calendar(real, newest, self.config.arxiv.holidays, str(self.config.output))
        yield from map(_needless, leftovers.of_site(self.config.output, days, self.config.readme, wall))

    def names(self) -> Iterator[Finding]:
        """Yield the files that would be editions, had they a date for a name."""
        known = {self.store.path(day).name for day in self.store.dates()} | {"keywords.json"}
        for path in sorted((self.config.output / "editions").glob("*.json")):
            if path.name not in known:
                fact = "not named by a date, so no edition"
                yield Finding("note", str(path), fact, "rename it YYYY-MM-DD.json, or move it elsewhere")

    def day(self, day: date, formats: Sequence[Format]) -> Iterator[Finding]:
        """Yield what is wrong with one edition, its head and its pages."""
        path = self.store.path(day)
        try:
            edition = self.store.load(day)
        except RecordError as error:
            self.made |= {*publishing.day_pages(day)}  # which stay until the record is back
            yield _damaged(path, error)
            return
        if edition is None:
            return
        self.report.editions += 1
        self.named |= {one.key for one in money.origins(edition) if one.engine not in money.FREE}
        head = head_of(edition)
        self.heads.append(head)
        yield from findings.in_edition(edition, str(path), self.config.language)
        yield from self.kept_head(head)
        if self.quick:
            yield from self.present(publishing.day_pages(day), _changed(path), f"{self.render} {day}")
        else:
            pages = (page for one in formats for page in one.day(edition))
            yield from self.pages(pages, f"{self.render} {day}", _changed(path))

    def kept_head(self, head: Head) -> Iterator[Finding]:
        """Yield a word about a head that says other things than its edition."""
        if self.kept.get(head.announced, head) != head:
            path = self.config.output / "editions" / ".heads" / f"{head.announced}.json"
            yield Finding("fault", str(path), "says other things than its edition", f"rm {path}, then {self.render}")

    def whole(self, formats: Sequence[Format]) -> Iterator[Finding]:
        """Yield what is wrong with the pages about all editions, and with the record behind some of them."""
        path = self.config.output / "editions" / "keywords.json"
        try:
            tables = publishing.followed(self.config, self.store)
            self.store.load_tables()
        except RecordError as error:
            yield _damaged(path, error)
            return
        volumes = Volumes(tuple(self.heads), self.store.part, tables)
        if not self.heads:
            return
        newest = max(_changed(self.store.path(head.announced)) for head in self.heads)
        if self.quick:
            sections = (one for head in self.heads for one in head.sections)
            yield from self.present(publishing.whole_pages(sections, has_tables=bool(tables)), newest, self.render)
        else:
            try:
                yield from self.pages((page for one in formats for page in one.whole(volumes)), self.render, newest)
            except RecordError as error:
                yield Finding("fault", str(self.config.output), str(error), error.hint)
        if self.config.readme and not self.quick:
            yield from self.readme(volumes)

    def readme(self, volumes: Volumes) -> Iterator[Finding]:
        """Yield what is wrong with the blocks in the user's README."""
        path = self.config.readme
        assert path is not None
        try:
            if not frontpage.is_current(path, self.config.output, publishing.look_of(self.config), volumes):
                yield Finding("fault", str(path), "its blocks are not what the editions give", self.render)
        except ConfigError as error:
            yield _damaged(path, error)

    def pages(self, pages: Iterable[Page], mend: str, edition: float) -> Iterator[Finding]:
        """Yield the pages that are not there, or not as they would be written now."""
        for page in pages:
            self.made.add(page.path)
            self.report.pages += 1
            path = self.config.output / page.path
            if wrong := self.wrong_place(page.path):
                yield wrong
                continue
            try:
                content = path.read_bytes()
            except OSError as error:
                fact = "is not there" if isinstance(error, FileNotFoundError) else str(error.strerror)
                yield Finding("fault", str(path), fact, mend)
                continue
            if content != page.content:
                written = _changed(path)
                if edition <= written < self.looks:
                    fact = "was made before the program, its templates or digest.toml changed"
                    yield Finding("note", str(path), fact, self.render)
                else:
                    yield Finding("fault", str(path), "is not what its editions give", mend)

    def present(self, paths: Iterable[str], edition: float, mend: str) -> Iterator[Finding]:
        """Yield the pages that are not there, or older than what they are made from."""
        for name in paths:
            self.made.add(name)
            self.report.pages += 1
            path = self.config.output / name
            if wrong := self.wrong_place(name):
                yield wrong
            elif not path.is_file():
                yield Finding("fault", str(path), "is not there", mend)
            elif _changed(path) < edition:
                yield Finding("fault", str(path), "is older than its edition", mend)

    def wrong_place(self, name: str) -> Finding | None:
        """A word about a page that is, or lies behind, a link: `render` would follow it out of the site."""
        path = self.config.output
        for part in name.split("/"):
            path /= part
            if path.is_symlink():
                return Finding(
                    "fault", str(path), "is a link, which may lead anywhere", f"rm {path}, then {self.render}"
                )
        return None

    def orphans(self) -> Iterator[Finding]:
        """Yield the pages that nothing makes any more."""
        further = takewhile(lambda name: (self.config.output / name).is_file(), left_over(self.made))
        found = [*self.store.orphans(self.made, SECTIONS, DAY_PAGES), *([] if self.quick else further)]
        for name in found:
            yield Finding("fault", str(self.config.output / name), "no edition makes this page", self.render)

    def marks(self, days: Sequence[date]) -> Iterator[Finding]:
        """Yield what is wrong with what receivers have had."""
        try:
            postmarks.load_failures(self.store)
        except RecordError as error:
            yield _damaged(self.config.output / postmarks.FOLDER / postmarks.FAILURES, error)
        mine, known = ({one.name for one in some} for some in (delivery.receivers(self.config), self.config.deliver))
        for day in postmarks.dates(self.store):
            path = postmarks.path(self.store, day)
            try:
                marks = postmarks.load(self.store, day)
            except RecordError as error:
                yield _damaged(path, error)
                continue
            yield from findings.in_marks(marks, day, str(path), day in days, mine, known)


def _needless(one: leftovers.Leftover) -> Finding:
    return Finding("note", str(one.path), f"needed by nothing: {one.what}", "digest prune")


def _damaged(path: Path, error: DigestError) -> Finding:
    return Finding("fault", str(path), str(error).removeprefix(f"{path}: "), error.hint)


def _changed(path: Path) -> float:
    """When a file was last written; 0.0 where it is none."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
