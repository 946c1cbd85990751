"""What a backfill would take, before it starts: papers, requests, tokens, money, hours, room on disk.

Looks at a few dates where there are many, and reckons the others from them; nothing is sent to a model and no edition
is saved.
"""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import partial
from typing import Any

from . import backends, listings, overview, pipeline
from .agenda import OUTAGE, Order
from .config import Config
from .errors import DigestError, RecordError, SourceError
from .hooks import Clock, Watch, unwatched
from .money import Price
from .overview import Estimate
from .prompts import REPLY_TOKENS
from .store import Store
from .whereabouts import Whereabouts

MOST = 10  #: dates that are looked at where there are more: two of each weekday, for Tuesdays have twice the papers
MOST_ON_FILE = 60  #: the same where arXiv is not asked
MOST_MONTHS = 25  #: the same in a snapshot of arXiv, where each may take the reading of a month, some seconds

REPLY_SECONDS = 10.0  #: of a usual reply; assumed
BORDERS = 3  #: requests to arXiv for a date, beside the pages of its papers: what shows where its listing ends
# Bytes on disk, measured on a site of 25 real days and 6,839 papers.
EDITION_BYTES = 4_000  #: of a record, for a paper, and its part of the head
PAGE_BYTES = 7_600  #: of all pages, for a paper
REPLY_BYTES = 950  #: in the cache, for a request

log = logging.getLogger(__name__)

Range = tuple[Config, Sequence[date]]  #: of one language: the dates to be made


@dataclass(frozen=True, slots=True)
class Limits:
    """What one endpoint may be asked."""

    concurrency: int
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None

    def pace(self, tokens: float) -> tuple[float, str]:
        """
        Requests a minute, and the limit that holds them there.

        Args:
            tokens: Of a request with its reply.

        >>> Limits(16, 60).pace(1500.0), Limits(16, 960, 90_000).pace(1500.0), Limits(4).pace(1500.0)
        ((60.0, 'requests_per_minute'), (60.0, 'tokens_per_minute'), (24.0, 'concurrency'))
        """
        paces = [(self.concurrency * 60 / REPLY_SECONDS, "concurrency")]
        if self.requests_per_minute:
            paces.append((float(self.requests_per_minute), "requests_per_minute"))
        if self.tokens_per_minute:
            paces.append((self.tokens_per_minute / max(tokens, 1.0), "tokens_per_minute"))
        return min(paces)


@dataclass(frozen=True, slots=True)
class Share:
    """What one language takes."""

    language: str
    dates: int
    papers: int
    requests: int
    prompt_tokens: int
    completion_tokens: int
    money: float | None  #: None: no price is known


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a backfill takes; without repairs, and with nothing in the service's own cache."""

    first: date  #: of the dates to be made
    last: date
    dates: int
    looked_at: int  #: of the dates; where that is all of them, the numbers are exact
    editions: int  #: dates in all languages
    papers: int  #: each counted once, in however many languages
    requests: int
    prompt_tokens: int
    completion_tokens: int
    money: float | None  #: None: no price is known
    currency: str | None
    model: str
    price: Price | None  #: what the money is reckoned with
    engine: str
    languages: tuple[Share, ...]
    per_minute: float | None  #: requests at most; None: a batch, or nothing is asked
    held_by: tuple[str, ...]  #: the limits that say so, of all endpoints, each once
    endpoints: int
    seconds: float | None  #: of asking; None: a batch, which takes up to a day
    collecting_requests: int  #: to arXiv, at most; none for files
    collecting_seconds: float  #: beside the asking
    edition_bytes: int
    page_bytes: int
    reply_bytes: int
    from_arxiv: bool
    unheard: tuple[date, ...] = ()  #: dates that were to be looked at and could not be had

    @property
    def is_exact(self) -> bool:
        """Whether every date was looked at."""
        return self.looked_at == self.dates

    @property
    def disk_bytes(self) -> int:
        """Of all that is written."""
        return self.edition_bytes + self.page_bytes + self.reply_bytes


def look_ahead(
    ranges: Sequence[Range], order: Order, desk: listings.Desk, clock: Clock, watch: Watch = unwatched
) -> Outlook | None:
    """
    What the backfill of these dates takes; None where there are none.

    Args:
        ranges: For each language its configuration and its dates, in any order.
        order: Where papers come from; its date does not count.
        desk: The same, opened for all dates. What arXiv answers is kept for the day, so the backfill does not ask it
            again.
        clock: Now, UTC.
        watch: Is told of the dates that are looked at, under "plan".

    Raises:
        SourceError, RecordError, ConfigError: none of the dates could be had.
    """
    ranges = [(config, sorted(days)) for config, days in ranges if days]
    if not ranges:
        return None
    from_arxiv = isinstance(desk, listings.Arxiv)
    chosen = _chosen(ranges, _most(desk))
    found, unheard = _looked(ranges, chosen, order, desk, clock, watch)
    shares = tuple(share(config.language, len(days), _of(found, config, days)) for config, days in ranges)
    return _together(ranges, shares, found, unheard, from_arxiv=from_arxiv)


def spread(days: Sequence[date], most: int) -> tuple[date, ...]:
    """
    At most so many of the days, one out of each of as many equal parts, its weekday another one from part to part.

    >>> [str(day) for day in spread([date(2026, 3, n) for n in range(1, 31)], 3)]
    ['2026-03-09', '2026-03-17', '2026-03-25']
    """
    if len(days) <= most:
        return tuple(days)

    def one(part: int) -> date:
        own = days[part * len(days) // most : (part + 1) * len(days) // most]
        middle = len(own) // 2
        return min(enumerate(own), key=lambda item: (item[1].weekday() != part % 5, abs(item[0] - middle)))[1]

    return tuple(map(one, range(most)))


def share(language: str, dates: int, found: Sequence[Estimate]) -> Share:
    """What one language takes, reckoned from the dates looked at."""
    times = dates / len(found) if found else 0.0
    costs = [one.money for one in found if one.money is not None]
    return Share(
        language=language,
        dates=dates,
        papers=round(times * sum(one.papers for one in found)),
        requests=round(times * sum(one.requests for one in found)),
        prompt_tokens=round(times * sum(one.prompt_tokens for one in found)),
        completion_tokens=round(times * sum(one.completion_tokens for one in found)),
        money=times * math.fsum(costs) if costs else None,
    )


def limits_of(config: Config) -> tuple[Limits, ...]:
    """Of each endpoint of an engine that has several, else of the one."""
    settings = config.engine
    places: Sequence[Any] = getattr(settings, "endpoint", ()) or (settings,)

    def limit(place: Any, name: str) -> Any:
        return getattr(place, name, None)

    return tuple(
        Limits(
            limit(place, "concurrency") or settings.concurrency,
            limit(place, "requests_per_minute"),
            limit(place, "tokens_per_minute"),
        )
        for place in places
    )


def budget_words(config: Config, found: Outlook) -> Iterator[str]:
    """Yield what of the budget is less than this takes."""
    budget, currency = config.budget, f" {found.currency}" if found.currency else ""
    for name in ("per_run", "per_month", "per_day"):
        limit: float | None = getattr(budget, name)
        if limit is not None and found.money is not None and found.money > limit:
            times = (
                "" if name == "per_run" or not limit else f", so it takes {math.ceil(found.money / limit):,} of them"
            )
            yield f"budget.{name} is {limit:g}{currency}{times}"
    tokens = found.prompt_tokens + found.completion_tokens
    if budget.tokens_per_day is not None and tokens > budget.tokens_per_day:
        days = f", so it takes {math.ceil(tokens / budget.tokens_per_day):,} of them" if budget.tokens_per_day else ""
        yield f"budget.tokens_per_day is {budget.tokens_per_day:,}{days}"


def record(found: Outlook) -> dict[str, Any]:
    """The same for a machine."""
    return asdict(found) | {"is_exact": found.is_exact, "disk_bytes": found.disk_bytes, "reply_seconds": REPLY_SECONDS}


# ------------------------------------------------------------------------------------------ the dates looked at


def _most(desk: listings.Desk) -> int:
    """How many dates are looked at."""
    if isinstance(desk, listings.Arxiv):
        return MOST
    return MOST_MONTHS if isinstance(desk, listings.Files) and desk.is_snapshot else MOST_ON_FILE


def _chosen(ranges: Sequence[Range], most: int) -> list[date]:
    """The dates to look at: of each set of dates that some language has, its part."""
    sets = {tuple(days) for _, days in ranges}
    every = {day for days in sets for day in days}
    if len(every) <= most:
        return sorted(every)
    return sorted({day for days in sets for day in spread(days, max(1, most // len(sets)))})


def _looked(
    ranges: Sequence[Range], chosen: Sequence[date], order: Order, desk: listings.Desk, clock: Clock, watch: Watch
) -> tuple[dict[tuple[str, date], Estimate], list[date]]:
    """What the dates take by language, and those that could not be had; a date that files lack takes nothing."""
    backs = {config.output: partial(pipeline.earlier, Whereabouts(Store(config.output))) for config, _ in ranges}
    known = {config.output: set(days) for config, days in ranges}
    found: dict[tuple[str, date], Estimate] = {}
    failed: list[tuple[date, DigestError]] = []
    for done, day in enumerate(chosen):
        watch("plan", done, len(chosen))
        one = replace(order, announced=day)
        try:
            for config, _ in ranges:  # by date: a listing serves all languages
                if day in known[config.output]:
                    back = backs[config.output]
                    found[config.language, day] = overview.estimate(config, one, desk, clock, unwatched, back)
        except listings.NotHeldError as error:
            log.info("%s: %s", day, error)
            found |= {(config.language, day): _nothing(day) for config, _ in ranges if day in known[config.output]}
        except (SourceError, RecordError) as error:
            log.warning("%s: %s", day, error)
            failed.append((day, error))
            if len(failed) == OUTAGE and not found:
                break
    watch("plan", len(chosen), len(chosen))
    if failed and not found:
        raise failed[0][1]
    return found, [day for day, _ in failed]


def _nothing(day: date) -> Estimate:
    return Estimate(day, 0, 0, 0, 0, None, None)


def _of(found: Mapping[tuple[str, date], Estimate], config: Config, days: Sequence[date]) -> list[Estimate]:
    return [found[config.language, day] for day in days if (config.language, day) in found]


# ------------------------------------------------------------------------------------------ the sum


def _together(
    ranges: Sequence[Range],
    shares: tuple[Share, ...],
    found: Mapping[tuple[str, date], Estimate],
    unheard: Sequence[date],
    *,
    from_arxiv: bool,
) -> Outlook:
    config = ranges[0][0]
    every = sorted({day for _, days in ranges for day in days})
    seen: dict[date, int] = {}
    for (_, day), one in found.items():
        seen[day] = max(seen.get(day, 0), one.papers)
    papers = round(sum(seen.values()) * len(every) / len(seen)) if seen else 0
    editions, requests = sum(one.dates for one in shares), sum(one.requests for one in shares)
    prompt, completion = (sum(getattr(one, name) for one in shares) for name in ("prompt_tokens", "completion_tokens"))
    costs = [one.money for one in shares if one.money is not None]
    price = backends.known_price(config)
    places = limits_of(config)
    paces = [one.pace((prompt + completion) / requests if requests else REPLY_TOKENS) for one in places]
    is_asked = bool(requests) and config.engine.name not in ("batch", "echo")
    per_minute = sum(pace for pace, _ in paces) if is_asked else None
    to_arxiv = _to_arxiv(ranges, papers / len(every)) if from_arxiv else 0
    return Outlook(
        first=every[0],
        last=every[-1],
        dates=len(every),
        looked_at=len(seen),
        editions=editions,
        papers=papers,
        requests=requests,
        prompt_tokens=prompt,
        completion_tokens=completion,
        money=math.fsum(costs) if costs else None,
        currency=price.currency if price else None,
        model=backends.model_of(config),
        price=price,
        engine=config.engine.name,
        languages=shares,
        per_minute=per_minute,
        held_by=tuple(dict.fromkeys(limit for _, limit in paces)) if is_asked else (),
        endpoints=len(places),
        seconds=requests / per_minute * 60
        if per_minute
        else (None if requests and config.engine.name == "batch" else 0.0),
        collecting_requests=to_arxiv,
        collecting_seconds=to_arxiv * config.arxiv.delay_seconds,
        edition_bytes=sum(one.papers for one in shares) * EDITION_BYTES,
        page_bytes=sum(one.papers for one in shares) * PAGE_BYTES,
        reply_bytes=requests * REPLY_BYTES,
        from_arxiv=from_arxiv,
        unheard=tuple(unheard),
    )


def _to_arxiv(ranges: Sequence[Range], papers: float) -> int:
    """Requests to arXiv at most: those for the pages of each date that no edition holds, and for its borders."""
    missing = {day for config, days in ranges for day in set(days) - set(Store(config.output).dates())}
    return len(missing) * (int(papers // ranges[0][0].arxiv.page_size) + 1 + BORDERS)
