"""Pages of arXiv's OAI-PMH interface: which are whole, and what their records say.

Reads one page and asks for none; takes nothing of a page in which one record is broken.
"""

import email.utils
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from lxml import etree

from ..bylines import split_authors
from ..identifiers import is_category, parse_id
from ..models import Paper
from ..plaintext import one_line
from ..polite import BadPage, whole_xml

_NAMES = {"oai": "http://www.openarchives.org/OAI/2.0/", "raw": "http://arxiv.org/OAI/arXivRaw/"}
_ROOT = f"{{{_NAMES['oai']}}}OAI-PMH"
_RAW = f"{{{_NAMES['raw']}}}"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Harvested:
    """A paper as arXiv has it now, and when it was last changed."""

    paper: Paper
    changed: date  #: UTC day of its announcement or of the last change to its record


@dataclass(frozen=True, slots=True)
class Batch:
    """What one page holds: records, or an error."""

    days: Mapping[str, date]  #: arxiv_id -> day of the last change, of deleted records too
    papers: tuple[Harvested, ...] = ()  #: each once
    token: str = ""  #: asks for the next page; empty on the last one
    error: str = ""  #: OAI-PMH's code
    words: str = ""  #: what arXiv says of it


def read_page(content: bytes) -> Batch:
    """
    The records of a page in arXivRaw, or the error it tells.

    Raises:
        BadPage: it is no whole document, has neither a record nor an error, or a record lacks something.
    """
    root = whole_xml(content, _ROOT)
    if (error := root.find("oai:error", _NAMES)) is not None:
        words = one_line(error.text or "")[:300]
        return Batch({}, error=error.get("code", "") or "an error without a code", words=words)
    records = [_record(record) for record in root.iterfind("oai:ListRecords/oai:record", _NAMES)]
    if not records:
        raise BadPage("a page with neither a record nor an error")
    newest = {base: (day, paper) for base, day, paper in sorted(records, key=lambda record: record[1])}
    return Batch(
        {base: day for base, (day, _) in newest.items()},
        tuple(Harvested(paper, day) for day, paper in newest.values() if paper is not None),
        _text(root, "oai:ListRecords/oai:resumptionToken"),
    )


def to_paper(raw: etree._Element) -> Paper:
    """
    Our paper of an arXivRaw element, at its highest version.

    Raises:
        ValueError: it lacks something, or a field is not what it must be.

    Source: https://oaipmh.arxiv.org/OAI/arXivRaw.xsd
    """
    told = {child.tag: one_line(child.text or "") for child in raw.iterchildren(f"{_RAW}*")}
    if missing := [name for name in ("id", "title", "abstract", "categories") if not told.get(_RAW + name)]:
        raise ValueError(f"it has no {missing[0]}")
    versions = dict(map(_version, raw.iterfind("raw:version", _NAMES)))
    if 1 not in versions:
        raise ValueError("it has no version 1")
    categories = tuple(dict.fromkeys(filter(is_category, told[f"{_RAW}categories"].split())))
    if not categories:
        raise ValueError("it has no categories")
    return Paper(
        arxiv_id=parse_id(told[f"{_RAW}id"]).base,
        version=max(versions),
        title=told[f"{_RAW}title"],
        authors=split_authors(told.get(f"{_RAW}authors", "")),
        abstract=told[f"{_RAW}abstract"],
        categories=categories,
        submitted=versions[1],
        updated=versions[max(versions)],
        comment=told.get(f"{_RAW}comments") or None,
        journal_ref=told.get(f"{_RAW}journal-ref") or None,
        doi=told.get(f"{_RAW}doi") or None,
    )


def _record(record: etree._Element) -> tuple[str, date, Paper | None]:
    """Identifier, day of the last change, and the paper, if the record is not deleted."""
    name = _text(record, "oai:header/oai:identifier")
    try:
        base, day = parse_id(name).base, date.fromisoformat(_text(record, "oai:header/oai:datestamp")[:10])
        if record.find("oai:header[@status='deleted']", _NAMES) is not None:
            log.debug("oai: the record of %s is deleted", base)
            return base, day, None
        raw = record.find("oai:metadata/raw:arXivRaw", _NAMES)
        if raw is None:
            raise ValueError("it has no arXivRaw")  # noqa: TRY301
        paper = to_paper(raw)
    except ValueError as error:  # pydantic's ValidationError is one
        raise BadPage(f"the record {name[:80]!r} can't be read: {one_line(str(error))[:200]}") from error
    if paper.arxiv_id != base:
        raise BadPage(f"the record {name[:80]!r} is of {paper.arxiv_id}")
    return base, day, paper


def _version(version: etree._Element) -> tuple[int, datetime]:
    """Its number and the time it was sent in, UTC."""
    number = re.fullmatch(r"v([1-9]\d{0,3})", version.get("version", ""))
    told = _text(version, "raw:date")
    if number is None:
        raise ValueError("a version has no number")
    try:
        moment = email.utils.parsedate_to_datetime(told)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"its version {number[1]} has no date but {told[:40]!r}") from error
    return int(number[1]), moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _text(element: etree._Element, path: str) -> str:
    return one_line(element.findtext(path, "", _NAMES) or "")
