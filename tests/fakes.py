"""Builders that name only what matters, and fakes that speak our own Protocols."""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from typing import Any

from digest.models import Answer, Card, Completion, Edition, Entry, Origin, Paper, Request, Section

NOON = datetime(2026, 3, 17, 12, tzinfo=UTC)

GOOD = {
    "tldr": "本文提出一种新的门控方法，显著提升了模型的稳定性。",
    "motivation": "现有方法在长序列上表现不稳定，缺乏统一的解释。",
    "method": "作者在注意力层加入门控，并分两步进行训练。",
    "result": "在所有测试集上均优于已有方法。",
    "conclusion": "门控是提高稳定性的简单而有效的手段。",
}


def paper(arxiv_id: str = "2603.00001", **fields: Any) -> Paper:
    return Paper(
        **{
            "arxiv_id": arxiv_id,
            "version": 1,
            "title": "Foo: Gated Attention for Long Sequences",
            "authors": ("Ada Lovelace", "Alan Turing"),
            "abstract": "We present Foo, a gated attention that is stable on long sequences.",
            "categories": ("cs.CL", "cs.AI"),
            "submitted": NOON,
            "updated": NOON,
            **fields,
        }
    )


def origin(**fields: Any) -> Origin:
    return Origin(
        **{
            "engine": "fake",
            "model": "fake-1",
            "prompt": "p",
            "key": "k",
            "created": NOON,
            "prompt_tokens": 900,
            "completion_tokens": 300,
            **fields,
        }
    )


def card(**fields: Any) -> Card:
    return Card(**{**GOOD, "origin": origin(), **fields})


def entry(arxiv_id: str = "2603.00001", **fields: Any) -> Entry:
    """A shown entry; give card=None and problems for a pending one. Unknown fields are the paper's."""
    own = {name: fields.pop(name) for name in list(fields) if name in Entry.model_fields}
    return Entry(**{"paper": paper(arxiv_id, **fields), "announce_type": "new", "card": card(), **own})


def edition(*entries: Entry, **fields: Any) -> Edition:
    """An edition of the entries, sectioned by primary category."""
    titles = dict.fromkeys(one.paper.categories[0] for one in entries)
    sections = tuple(
        Section(
            title=title,
            kind="category",
            arxiv_ids=tuple(one.paper.arxiv_id for one in entries if one.paper.categories[0] == title),
        )
        for title in titles
    )
    return Edition(
        **{
            "announced": date(2026, 3, 17),
            "categories": tuple(titles),
            "language": "zh-Hans",
            "source": "search",
            "sections": sections,
            "entries": entries,
            **fields,
        }
    )


def reply(**fields: Any) -> str:
    """A model's reply with the five fields, as JSON text."""
    return json.dumps({**GOOD, **fields}, ensure_ascii=False)


def completion(text: str | None = None, **fields: Any) -> Completion:
    return Completion(
        **{
            "text": reply() if text is None else text,
            "engine": "fake",
            "model": "fake-1",
            "created": NOON,
            "finish_reason": "stop",
            "prompt_tokens": 900,
            "completion_tokens": 300,
            **fields,
        }
    )


class FakeEngine:
    """Answers from a function of the request; remembers what was asked."""

    def __init__(self, answer: Callable[[Request], Answer] = lambda request: completion()) -> None:
        self.answer = answer
        self.asked: list[Request] = []

    def run(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
        for request in requests:
            self.asked.append(request)
            yield request, self.answer(request)


def opened(**options: Any) -> FakeEngine:
    """What an engine named "fakes:opened" is; a test puts its own in this place."""
    return FakeEngine()
