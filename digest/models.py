"""The nouns: Paper, Card, Entry, Section, Edition on file; Listed, Listing, Request, Completion, Page in memory.

Says what they hold and keeps it valid. Does nothing with them: no network, no clock, no files.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from .errors import EngineError
from .identifiers import BASE_PATTERN
from .plaintext import one_line

SCHEMA: Literal[3] = 3  #: of a saved edition; a higher number needs a step in store.py

AnnounceType = Literal["new", "cross", "replace", "replace-cross"]
State = Literal["shown", "flagged", "pending"]
Source = Literal["feed", "search", "oai", "file", "sample"]  #: where a list of papers comes from
FieldName = Literal["tldr", "motivation", "method", "result", "conclusion"]
#: How drafts.py calls the small model that comes with the program: no file, package or hub gives such a name.
_DRAFT_MODEL = re.compile(r"gemma-3-270m-[A-Za-z-]+-[0-9a-f]{8}")
FIELDS: tuple[FieldName, ...] = get_args(FieldName)  #: of a card, in reading order

Line = Annotated[str, AfterValidator(one_line)]  #: plain text on one line, whatever came in
FilledLine = Annotated[str, AfterValidator(one_line), Field(min_length=1)]


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("a time out of range") from error


Utc = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class Record(BaseModel):
    """What crosses a file: frozen, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Paper(Record):
    """One arXiv paper at one version, as announced."""

    arxiv_id: Annotated[str, Field(pattern=BASE_PATTERN)]  #: no version: "2408.01234", "math/0309136"
    version: Annotated[int, Field(ge=1)]
    title: FilledLine
    authors: tuple[Line, ...]  #: as arXiv lists them; empty where the source has none
    abstract: FilledLine  #: the author's text, TeX kept
    categories: tuple[str, ...]  #: primary first, then as listed; empty where the source has none
    submitted: Utc | None = None  #: of v1; None where only the feed knows the paper
    updated: Utc | None = None  #: of this version; None likewise
    comment: Line | None = None
    journal_ref: Line | None = None
    doi: Line | None = None

    @property
    def primary_category(self) -> str | None:
        """The category the paper belongs to; all others are cross-lists."""
        return self.categories[0] if self.categories else None


class Origin(Record):
    """Where a reply comes from, and what it cost."""

    engine: str
    model: str  #: as the service names it
    prompt: str  #: hash of the prompt's texts
    key: str  #: of the request, and of the reply in the cache
    created: Utc  #: when the reply arrived
    prompt_tokens: int | None = None
    cached_tokens: int | None = None  #: the part of prompt_tokens that the service had in its own cache
    completion_tokens: int | None = None
    hint: Line | None = None  #: what the reader wanted of a regeneration
    repair: bool = False  #: the reply to a second asking, which named what was wrong with the first
    cost: float | None = None  #: money, by the price table of the run that first saw the reply; None: no price known
    currency: str | None = None

    @property
    def is_draft(self) -> bool:
        """Whether the small model wrote it that comes with the program."""
        return self.engine == "local" and _DRAFT_MODEL.fullmatch(self.model) is not None


class Bill(Record):
    """What the replies of one model for one edition came to."""

    engine: str
    model: str
    replies: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost: float | None = None  #: of the replies with a known price; None: of none is one known
    currency: str | None = None
    unpriced: int = 0  #: replies without a price


class Card(Record):
    """Our summary of a paper in one language."""

    tldr: Line
    motivation: Line
    method: Line
    result: Line
    conclusion: Line
    origin: Origin


class Reason(Record):
    """Why a paper stands in an edition."""

    kind: Literal["category", "cross", "keyword", "author", "file"]
    value: Line  #: the category, the keyword as asked, the author's name as arXiv has it, the section of the file


class Change(Record):
    """What a replacement changed, against the version that an earlier edition holds."""

    from_version: Annotated[int, Field(ge=1)]
    announced: date  #: of the edition that holds that version
    title_changed: bool
    abstract_changed: bool
    note: tuple[Line, ...] = ()  #: two lines in the edition's language; none where nothing changed or none passed
    origin: Origin | None = None  #: of the note


class Mark(Record):
    """Words of a card that its paper, or the glossary, does not bear out."""

    field: FieldName
    words: FilledLine  #: as they stand in the field of the card
    kind: Literal["figure", "name", "term"]
    instead: Line | None = None  #: the nearest that the paper has, or the translation that the glossary fixes

    def __str__(self) -> str:
        """The problem in words.

        >>> str(Mark(field="method", words="SwinVG", kind="name", instead="SwimVG"))
        'method: SwinVG is not in the abstract, which has SwimVG'
        """
        if self.kind == "term":
            return f"{self.field}: the glossary has {self.instead}, not {self.words}"
        nearest = f", which has {self.instead}" if self.instead else ""
        return f"{self.field}: {self.words} is not in the abstract{nearest}"


class Entry(Record):
    """A paper with its card in an edition; without a card, `problems` says why."""

    paper: Paper
    announce_type: AnnounceType
    card: Card | None = None
    problems: tuple[Line, ...] = ()  #: one line each: "result: 4.1 is not in the abstract"
    marks: tuple[Mark, ...] = ()  #: where in its card the problems are, as far as they have a place
    listed_under: tuple[str, ...] = ()  #: section titles that the source itself gives
    replies: tuple[Origin, ...] = ()  #: every reply paid for this entry, oldest first
    earlier: tuple[Card, ...] = ()  #: cards that a regeneration or a new version replaced, oldest first
    why: tuple[Reason, ...] = ()  #: what asked for it: categories first, then keywords, then authors
    excluded_by: Line | None = None  #: the rule that keeps it out: 'exclude: survey'
    first_announced: date | None = None  #: of the earlier edition that had the paper first; None: this one
    change: Change | None = None  #: of a replacement whose earlier version an edition holds

    @property
    def is_draft(self) -> bool:
        """Whether its card is one that any other engine would do better."""
        return self.card is not None and self.card.origin.is_draft

    @property
    def state(self) -> State:
        """Shown; flagged: its card fails a check and is marked; pending: it has no card."""
        if self.card is None:
            return "pending"
        return "flagged" if self.problems else "shown"


class Section(Record):
    """A titled group in an edition: a category or a keyword."""

    title: str
    kind: Literal["category", "keyword"]
    arxiv_ids: tuple[str, ...]  #: in reading order


class Edition(Record):
    """What the digest says for one announcement date."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)

    schema_version: Annotated[Literal[3], Field(alias="schema")] = SCHEMA
    announced: date  #: the date arXiv lists it under, US Eastern
    categories: tuple[str, ...]  #: as asked
    keywords: tuple[str, ...] = ()  #: phrases asked of arXiv where no category was asked
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$")]  #: of the cards: "zh-Hans"
    source: Source
    notes: tuple[str, ...] = ()  #: what the source could not know, one line each
    judged_by: str = ""  #: fingerprint of the checks that the cards were last held against
    receipt: tuple[Bill, ...] = ()  #: what its replies came to, by model; a recorded reply cost nothing
    sections: tuple[Section, ...] = ()
    entries: tuple[Entry, ...] = ()  #: new papers and cross-lists, each paper once
    replacements: tuple[Entry, ...] = ()  #: later versions of papers announced before
    excluded: tuple[Entry, ...] = ()  #: announced, but kept out by a rule of the reader's; each says which

    @model_validator(mode="after")
    def _sections_name_entries(self) -> "Edition":
        known = {entry.paper.arxiv_id for entry in self.entries}
        for section in self.sections:
            if unknown := set(section.arxiv_ids) - known:
                raise ValueError(f"section {section.title!r} names {min(unknown)}, which is no entry")
        return self

    def with_sections(self, sections: Iterable[Section]) -> "Edition":
        """A copy with other sections."""
        return self.model_copy(update={"sections": tuple(sections)})

    def with_entries(self, entries: Iterable[Entry]) -> "Edition":
        """A copy in which each entry of the same paper takes the place of the old one, wherever that stands."""
        fresh = {entry.paper.arxiv_id: entry for entry in entries}

        def renewed(old: tuple[Entry, ...]) -> tuple[Entry, ...]:
            return tuple(fresh.get(entry.paper.arxiv_id, entry) for entry in old)

        lists = {"entries": self.entries, "replacements": self.replacements, "excluded": self.excluded}
        return self.model_copy(update={name: renewed(old) for name, old in lists.items()})

    def entry(self, arxiv_id: str) -> Entry | None:
        """The entry of one paper, or None."""
        return next((entry for entry in self.entries if entry.paper.arxiv_id == arxiv_id), None)

    def replacement(self, arxiv_id: str) -> Entry | None:
        """The entry of one replaced paper, or None."""
        return next((entry for entry in self.replacements if entry.paper.arxiv_id == arxiv_id), None)

    def count(self, state: State) -> int:
        """How many entries are in `state`."""
        return sum(entry.state == state for entry in self.entries)


class KeywordTable(Record):
    """The newest papers of one keyword section over all time, as arXiv's search has them."""

    title: str  #: of the section
    query: str  #: as it was put to arXiv: another one starts the table anew
    limit: Annotated[int, Field(ge=1)]  #: papers at most, as asked for
    papers: tuple[Paper, ...]  #: by time of update, newest first


class KeywordTables(Record):
    """The record behind keywords.md where keywords are followed without a category."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    updated: date  #: the newest listing date when arXiv was last asked
    tables: tuple[KeywordTable, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a listing: a paper under one announce type."""

    paper: Paper
    announce_type: AnnounceType
    section: str | None = None  #: the section title the source gives, where it gives one


@dataclass(frozen=True, slots=True)
class Listing:
    """What one source says arXiv announced on one date; a cross-list may come more than once."""

    announced: date
    source: Source
    items: tuple[Listed, ...]  #: in listing order
    notes: tuple[str, ...] = ()  #: what the source could not know
    doubt: str | None = None  #: why papers may be missing, if another source does not say otherwise
    replies: Mapping[str, str] = field(default_factory=dict)  #: arxiv_id -> recorded reply, from files that hold one


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a model. `key` is the SHA-256 of everything that shapes the reply, and of nothing else."""

    model: str
    messages: tuple[Mapping[str, str], ...]
    schema: Mapping[str, Any] | None = None  #: JSON schema of the reply
    parameters: Mapping[str, Any] = field(default_factory=dict)  #: temperature, max_tokens and the like
    take: int = 0  #: which regeneration: 0 is the first asking
    subject: str = ""  #: arxiv_id, for logs and records; not part of the key
    key: str = field(init=False)

    def __post_init__(self) -> None:
        """Set the key; keys of saved replies depend on this form, so it must never change."""
        shape: dict[str, Any] = {
            "model": self.model,
            "messages": list(map(dict, self.messages)),
            "schema": self.schema,
            "parameters": dict(self.parameters),
        }
        if self.take:
            shape["take"] = self.take
        text = json.dumps(shape, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
        object.__setattr__(self, "key", hashlib.sha256(text.encode("ascii")).hexdigest())

    @property
    def is_repair(self) -> bool:
        """Whether it holds an earlier reply, and what was wrong with it."""
        return len(self.messages) > 2


@dataclass(frozen=True, slots=True)
class Completion:
    """One reply as it came: judged on every read, never stored as a card."""

    text: str  #: the message's content; may be empty
    engine: str
    model: str
    created: datetime  #: when it arrived, UTC
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None
    from_cache: bool = False  #: it was on disk: nothing was sent for it now


Answer = Completion | EngineError


@dataclass(frozen=True, slots=True)
class Page:
    """One file of the site: its path below the output folder, with `/`, and its bytes."""

    path: str
    content: bytes
    made_of: str = ""  #: names all that shaped it; empty: it is made anew each time
