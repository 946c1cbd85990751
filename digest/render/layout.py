"""What every page about an edition needs: papers in numbered groups, those beside them, anchors, what made the cards.

Pure; chooses no words and no markup.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import takewhile

from ..heads import HeadSection, sections_of
from ..models import Bill, Edition, Entry, Origin, Reason
from ..selection import NOT_ASKED

#: Ids that the templates of a day use themselves.
RESERVED = (
    *("top", "main", "contents", "replacements", "excluded", "nothing", "said", "tools"),
    *("toolbar", "find", "count", "clear", "more", "view", "section", "extra", "export", "theme", "single"),
)
LONGEST_NAME = 60  #: characters of a file's name before its ending

_NOT_IN_ANCHOR = re.compile(r"\W+")
_DEVICE = re.compile(r"con|prn|aux|nul|(?:com|lpt)\d")  #: no file has such a name on Windows


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a group: a paper with its number, in full where it stands first."""

    number: int  #: through the whole page, from 1; a paper that comes again keeps its number
    entry: Entry
    again: bool  #: it stands in full in an earlier group


@dataclass(frozen=True, slots=True)
class Group:
    """One section as it stands on a page."""

    title: str  #: empty where the papers belong to no section
    kind: str  #: "category", "keyword", or "rest"
    anchor: str  #: unique on the page, and no arXiv identifier
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Aside:
    """A paper beside the numbered ones: a replacement, or one that a rule excludes."""

    entry: Entry
    anchor: str | None  #: its identifier; None where another paper of the page has it already

    @property
    def before(self) -> date | None:
        """The announcement date of the edition that has the paper as it was before, or first."""
        return self.entry.change.announced if self.entry.change else self.entry.first_announced

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with its card, or why it has none though one was asked for."""
        return tuple(problem for problem in self.entry.problems if problem != NOT_ASKED)


@dataclass(frozen=True, slots=True)
class Made:
    """What the cards of an edition were made by, and of how many tokens."""

    models: tuple[tuple[str, int], ...]  #: (name, cards), most cards first
    prompt_tokens: int  #: of all replies; 0 where the service told none
    completion_tokens: int


def anchor(title: str, taken: Iterable[str] = ()) -> str:
    """A name for links to `title`, other than all `taken`.

    >>> anchor("cs.CV"), anchor("?"), anchor("CS-cv", ["cs-cv"])
    ('cs-cv', 'section', 'cs-cv-2')
    """
    plain = _plain(title)
    name, count, used = plain, 1, taken if isinstance(taken, Set) else set(taken)
    while name in used:
        count += 1
        name = f"{plain}-{count}"
    return name


@lru_cache(maxsize=1000)
def _plain(title: str) -> str:
    return _NOT_IN_ANCHOR.sub("-", title.lower()).strip("-") or "section"


@lru_cache(maxsize=1000)
def section_path(kind: str, title: str) -> str:
    """
    Where the pages of a section over time are, from the site's root and without an ending; the same for ever.

    What a name of a file can't hold is left out, and a few digits tell such titles apart.

    >>> section_path("category", "cs.CV"), section_path("keyword", "Video VQA"), section_path("keyword", "C++")
    ('category/cs-cv', 'keyword/video-vqa', 'keyword/c-cedb1b')
    """
    folded = title.casefold()
    plain = _NOT_IN_ANCHOR.sub("-", folded).strip("-_")
    whole = plain == (folded.replace(".", "-") if kind == "category" else folded.replace(" ", "-"))
    if whole and len(plain) <= LONGEST_NAME and plain.isascii() and not _DEVICE.fullmatch(plain):
        return f"{kind}/{plain}"
    digits = hashlib.sha256(folded.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{kind}/{'-'.join(filter(None, [_shortened(plain), digits]))}"


def _shortened(plain: str) -> str:
    """As much of a name as a file system takes from any alphabet."""
    return plain[:LONGEST_NAME].strip("-_")


def section_anchors(sections: Iterable[HeadSection], reserved: Iterable[str]) -> Iterator[tuple[str, str, str, int]]:
    """Yield (title, kind, anchor, papers) of the sections of a day's page that has the ids `reserved` beside them."""
    taken = set(reserved)
    for section in sections:
        name = anchor(section.title, taken)
        taken.add(name)
        yield section.title, section.kind, name, section.papers


def groups(edition: Edition, reserved: Iterable[str] = ()) -> tuple[Group, ...]:
    """The sections of an edition in order, their papers numbered; no anchor is among the `reserved`."""
    entries = {entry.paper.arxiv_id: entry for entry in edition.entries}
    numbers: dict[str, int] = {}
    found: list[Group] = []
    sections = tuple(sections_of(edition))
    for section, (_, _, name, _) in zip(sections, section_anchors(sections, reserved), strict=True):
        items = []
        for arxiv_id in section.arxiv_ids:
            again = arxiv_id in numbers
            items.append(Item(numbers.setdefault(arxiv_id, len(numbers) + 1), entries[arxiv_id], again))
        found.append(Group(section.title, section.kind, name, tuple(items)))
    return tuple(found)


def asides(edition: Edition) -> tuple[tuple[Aside, ...], tuple[Aside, ...]]:
    """The replacements and the excluded papers of an edition, in its order."""
    taken = {entry.paper.arxiv_id for entry in edition.entries}

    def placed(entries: Iterable[Entry]) -> Iterator[Aside]:
        for entry in entries:
            arxiv_id = entry.paper.arxiv_id
            yield Aside(entry, None if arxiv_id in taken else arxiv_id)
            taken.add(arxiv_id)

    return tuple(placed(edition.replacements)), tuple(placed(edition.excluded))


def _asked(entry: Entry) -> Iterator[Origin]:
    """Yield the replies for one entry; the note on a replacement may stand among them or beside them."""
    yield from entry.replies or ([entry.card.origin] if entry.card else [])
    note = entry.change.origin if entry.change else None
    if note and note.key not in {reply.key for reply in entry.replies}:
        yield note


def made(edition: Edition) -> Made:
    """The models of the cards on the page, and the tokens of all replies to what was asked about its papers."""
    entries = (*edition.entries, *edition.replacements)
    models = Counter(entry.card.origin.model for entry in entries if entry.card)
    replies = [origin for entry in (*entries, *edition.excluded) for origin in _asked(entry)]
    return Made(
        tuple(sorted(models.items(), key=lambda item: (-item[1], item[0]))),
        sum(reply.prompt_tokens or 0 for reply in replies),
        sum(reply.completion_tokens or 0 for reply in replies),
    )


def by_currency(receipt: Iterable[Bill]) -> tuple[tuple[str, float], ...]:
    """The sum of a receipt in each currency, where it has more than one bill in it."""
    sums: dict[str, list[float]] = {}
    for bill in receipt:
        if bill.cost is not None:
            sums.setdefault(bill.currency or "", []).append(bill.cost)
    return tuple((currency, sum(costs)) for currency, costs in sums.items() if len(costs) > 1)


def further_reasons(entry: Entry, title: str) -> tuple[Reason, ...]:
    """Why an entry stands in the section `title`, as far as neither that nor the paper's categories say it."""
    said = {name.casefold() for name in (title, *entry.paper.categories)}
    return tuple(reason for reason in entry.why if reason.value.casefold() not in said)


def is_regenerated(entry: Entry) -> bool:
    """Whether its card took another one's place; not so that of a draft, or where a new version got a new card."""
    made_before = takewhile(
        lambda key: entry.card is None or key != entry.card.origin.key, (one.key for one in entry.replies)
    )
    return not {card.origin.key for card in entry.earlier if not card.origin.is_draft}.isdisjoint(made_before)


def money(amount: float) -> str:
    """An amount of money in as many places as tell something.

    >>> money(1234.5), money(0.01234), money(0.0), money(0.00001)
    ('1,234.50', '0.0123', '0', '<0.0001')
    """
    if 0 < amount < 0.0001:
        return "<0.0001"
    return f"{amount:,.2f}" if amount >= 1 else f"{amount:.4f}" if amount else "0"
