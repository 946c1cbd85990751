"""arXiv's three interfaces: whether each answers and what it says of the newest listing; and this machine's clock.

Asks each once, in turn with all other processes, and believes an empty answer where the calendar has no listing.
"""

import email.utils
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from urllib.parse import quote, urlencode

from .. import schedule
from ..config import Config
from ..errors import ConfigError, DigestError, SourceError
from ..plaintext import counted
from ..polite import MAX_WAIT, BadPage, Document, PoliteSession, whole_xml
from ..schedule import EASTERN
from ..turns import Turns
from . import AGAIN, ONLINE, Check, Patient, failed

SECONDS = 30.0  #: for one answer, however long a run would wait
PATIENCE = 60.0  #: seconds for other processes that ask arXiv
LONGEST_PAUSE = 15.0  #: seconds; what arXiv asked for beyond that is told and not waited for
OFF = timedelta(seconds=90)  #: the clock may be off by so much: headers tell whole seconds, and answers travel

_OAI = "{http://www.openarchives.org/OAI/2.0/}"
_STATUS = "https://status.arxiv.org tells of deferrals; else try again later"


def examine(patient: Patient) -> Iterator[Check]:
    """Yield the three interfaces and the clock."""
    if patient.offline:
        yield Check("arxiv", "note", "not asked (--offline), so the clock is not compared either", ONLINE)
        return
    ear = _Ear(patient)
    try:
        for name, ask in (("feed", _feed), ("search", _search), ("oai", _oai)):
            try:
                yield ask(ear, patient)
            except DigestError as error:
                told = str(error).removesuffix(" (1 of 1 tries)")  # a run tries again, this does not
                yield failed(name, type(error)(told, error.hint), AGAIN)
    finally:
        ear.close()
    yield clock(ear.offsets, patient.environment.get("DIGEST_NOW"))


class _Ear(PoliteSession):
    """Asks each address once, and hears what time it is there."""

    def __init__(self, patient: Patient) -> None:
        settings, folder = patient.config.arxiv, patient.config.shared
        seconds = min(SECONDS, settings.timeout_seconds)
        super().__init__(settings.delay_seconds, seconds, tries=1, sleep=_short, folder=folder)
        longest = MAX_WAIT + settings.delay_seconds
        self._turns = Turns(folder, settings.delay_seconds, longest, patience=PATIENCE, sleep=_short)
        self._now = patient.clock
        self.offsets: list[timedelta] = []  #: the time there less the time here

    def _fetch(self, url: str) -> tuple[Document, Mapping[str, str]]:
        document, headers = super()._fetch(url)
        if there := moment(headers):
            self.offsets.append(there - self._now())
        return document, headers


def _short(seconds: float) -> None:
    """Sleep, but not for long."""
    if seconds > LONGEST_PAUSE:
        raise SourceError(f"arXiv has asked for a pause: {seconds:.0f} s are left of it", hint="try again after that")
    time.sleep(seconds)


def moment(headers: Mapping[str, str]) -> datetime | None:
    """
    The time at the other end, or None: when the answer was made, and how long a cache had it since.

    Source: https://www.rfc-editor.org/rfc/rfc9111#field.age
    """
    try:
        said = email.utils.parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, OverflowError):
        return None
    age = headers.get("Age", "0")
    seconds = int(age) if age.isdecimal() and len(age) < 10 else 0
    return (said if said.tzinfo else said.replace(tzinfo=UTC)) + timedelta(seconds=seconds)


def clock(offsets: list[timedelta], replayed: str | None) -> Check:
    """How far this machine's clock is from the others'; the nearest answer counts, for caches tell old times."""
    if not offsets:
        return Check("clock", "note", "no answer told the time, so it is not compared")
    off = min(offsets, key=abs)
    if abs(off) <= OFF:
        return Check("clock", "ok", f"as arXiv's, within {max(1, round(abs(off).total_seconds()))} s")
    which = "behind" if off > timedelta(0) else "ahead of"
    fact = f"{_span(abs(off))} {which} arXiv's"
    if replayed:
        return Check("clock", "note", f"DIGEST_NOW={replayed} stands in for it, {fact}", "unset DIGEST_NOW")
    return Check("clock", "wrong", fact, "set it: timedatectl set-ntp true, or as your system does it")


def _span(off: timedelta) -> str:
    """
    A span of time in its largest unit.

    >>> _span(timedelta(seconds=200)), _span(timedelta(hours=5)), _span(timedelta(days=3, hours=2))
    ('3 minutes', '5 hours', '3 days')
    """
    seconds = off.total_seconds()
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return counted(int(seconds // size), unit)
    return counted(int(seconds), "second")


# ------------------------------------------------------------------------------------------ feed


@dataclass(frozen=True, slots=True)
class Fed:
    """What a feed says."""

    day: date  #: US Eastern
    new: int  #: papers, cross-lists included
    items: int
    asked: str


def _feed(ear: PoliteSession, patient: Patient) -> Check:
    from ..sources.rss import read_feed

    settings = patient.config.arxiv
    name = _category(patient.config) or "cs"
    base = settings.rss.rstrip("/").removesuffix("/rss")
    document = ear.get(f"{base}/rss/{quote(name, safe='')}", check=lambda one: read_feed(one.content))
    try:
        day, items = read_feed(document.content)  # says it, where arXiv knows no such category
    except BadPage as error:
        raise SourceError(f"arXiv's feed of {name}: HTTP {document.status_code}", hint="check arxiv.rss") from error
    new = sum(not one.announce_type.startswith("replace") for one in items)
    return feed(Fed(day, new, len(items), name), patient.clock(), settings.holidays)


def feed(said: Fed, now: datetime, holidays: tuple[date, ...] = ()) -> Check:
    """What a feed says, held against the calendar."""
    today = now.astimezone(EASTERN).date()
    is_due = schedule.is_listing_day(today, holidays)
    if said.day > today:
        return Check("feed", "note", f"of {said.day}, which is not begun here", "check this machine's clock and zone")
    if said.day < today and is_due:
        return Check("feed", "note", f"still of {said.day}: that of {today} is not out yet", _STATUS)
    if said.items:
        listed = f"{counted(said.new, 'paper')} and {counted(said.items - said.new, 'replacement')}"
        return Check("feed", "ok", f"{said.day} in {said.asked}: {listed}")
    if not is_due:
        return Check("feed", "ok", f"empty, as it should be: there is no listing of {today:%A}, {today}")
    fact = f"empty for {said.asked}, though a listing of {today} is due: too early, deferred, or a quiet category"
    return Check("feed", "note", fact, _STATUS)


def _category(config: Config) -> str | None:
    """The first category asked for, as the feeds and sets call it."""
    return config.categories[0].removesuffix(".*") if config.categories else None


# ------------------------------------------------------------------------------------------ search and OAI-PMH


def _search(ear: PoliteSession, patient: Patient) -> Check:
    from ..sources.arxiv_api import ArxivApi

    settings = patient.config.arxiv
    newest = schedule.newest(patient.clock(), settings.holidays)
    api = ArxivApi(ear, settings.api, settings.page_size, settings.holidays)
    return search(newest, knows=api.reaches(schedule.window(newest, settings.holidays).end))


def search(newest: date, *, knows: bool) -> Check:
    """What the search says."""
    if knows:
        return Check("search", "ok", f"knows the last papers of the newest listing, {newest}")
    fact = f"does not know the last papers of {newest} yet: its index can be a day late"
    return Check("search", "note", fact, "nothing to do while the feed is out; a past date is refused until it knows")


def _oai(ear: PoliteSession, patient: Patient) -> Check:
    from ..sources.oai import set_spec

    address = patient.config.oai_address
    if address is None:
        return Check(
            "oai", "note", "no address: only arxiv.api is set", "arxiv.oai (DIGEST_ARXIV_OAI), if there is one"
        )
    newest = schedule.newest(patient.clock(), patient.config.arxiv.holidays)
    asked = {"verb": "ListIdentifiers", "metadataPrefix": "arXivRaw", "from": newest.isoformat()}
    if name := _category(patient.config):
        asked["set"] = set_spec(name)
    document = ear.get(f"{address}?{urlencode(asked)}", check=_is_page)
    if document.status_code != 200:
        hint = "check arxiv.oai (DIGEST_ARXIV_OAI)"
        raise SourceError(f"arXiv's OAI-PMH: HTTP {document.status_code}", hint=hint)
    return oai(document.content, newest)


def _is_page(document: Document) -> object:
    return whole_xml(document.content, f"{_OAI}OAI-PMH")


def oai(content: bytes, newest: date) -> Check:
    """
    What a first page of identifiers says.

    Raises:
        ConfigError, SourceError: a refusal.
    """
    root = whole_xml(content, f"{_OAI}OAI-PMH")
    error = root.find(f"{_OAI}error")
    if error is None:
        number = len(root.findall(f"{_OAI}ListIdentifiers/{_OAI}header"))
        more = " and more" if root.findtext(f"{_OAI}ListIdentifiers/{_OAI}resumptionToken") else ""
        return Check("oai", "ok", f"{counted(number, 'record')}{more} of {newest} and later")
    code = error.get("code", "")
    if code == "noRecordsMatch":
        return Check(
            "oai", "note", f"nothing of {newest} or later yet", "nothing to do: the feed and the search tell it"
        )
    kind: Callable[..., DigestError] = (
        ConfigError if code in ("badArgument", "cannotDisseminateFormat") else SourceError
    )
    raise kind(f"arXiv's OAI-PMH: {code}: {error.text or ''}", hint="check categories and arxiv.oai")
