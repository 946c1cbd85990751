"""The calendar: how far the list of holidays reaches, which listing is the newest, and when the next one comes.

Pure but for the local zone of the machine; asks nobody.
"""

from collections.abc import Collection, Iterator
from datetime import date, datetime, time, timedelta, tzinfo

from .. import schedule
from ..schedule import EASTERN, HOLIDAYS
from . import Check, Patient

SOON = timedelta(days=31)  #: before a year begins, its holidays should be known
PAGE = "https://info.arxiv.org/help/availability.html"


def examine(patient: Patient) -> Iterator[Check]:
    """Yield the listings around now, and how far the holidays are known."""
    now, holidays = patient.clock(), patient.config.arxiv.holidays
    yield calendar(now, holidays)
    yield known_holidays(now.astimezone(EASTERN).date(), holidays)


def calendar(now: datetime, holidays: Collection[date], zone: tzinfo | None = None) -> Check:
    """The newest listing and the next, in the time of `zone` (None: of this machine)."""
    newest = schedule.newest(now, holidays)
    following = schedule.nearest(newest, holidays)[1]
    out = datetime.combine(following, time(), EASTERN).astimezone(zone)
    when = f"{out:%A} {out:%H:%M} {out.tzname() or ''}".strip()
    return Check("calendar", "ok", f"the newest listing is {newest}; {following} is out on {when}")


def known_holidays(today: date, more: Collection[date]) -> Check:
    """Whether arXiv's holidays of this year are known, and near its end those of the next."""
    years = {day.year for day in (*HOLIDAYS, *more)}
    wanted = {today.year, (today + SOON).year}
    mend = f"[arxiv] holidays = [{max(wanted)}-01-01, …] as on {PAGE}, or a newer version of digest"
    if lacking := sorted(wanted - years):
        fact = f"none are known of {', '.join(map(str, lacking))}: on one of them a listing is waited for in vain"
        return Check("holidays", "note", fact, mend)
    return Check("holidays", "ok", f"known up to {max(years)}")
