"""What a regeneration did, or would take, as text for a terminal and as records for --json.

Makes strings and plain values; cli.py prints them.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import money
from .plaintext import counted

if TYPE_CHECKING:
    from .revision import Plan, Revision, Revisions


def planned(found: "Plan") -> str:
    """What a regeneration would take."""
    tokens = f"about {found.prompt_tokens:,} tokens in and {found.completion_tokens:,} out"
    cost = "price unknown" if found.money is None else f"about {money.in_words(found.money, found.currency)}"
    return f"{counted(found.papers, 'paper')}, {counted(found.requests, 'request')}, {tokens}, {cost}"


def regenerated(done: "Revisions") -> str:
    """What became of each paper, and of several the sum."""
    if not done.papers:
        return "no paper is without a good card" if done.was_search else "nothing was asked for"
    work = f"{counted(done.sent, 'request')} · {counted(len(done.written), 'page')}"
    if len(done.papers) == 1 and not done.papers[0].error:
        (first, *rest) = _regenerated(done.papers[0])
        return "\n".join([f"{first} · {work}", *rest])
    lines = [line for one in done.papers for line in _regenerated(one)]
    flagged = sum(
        one.fate == "renewed" and one.entry is not None and one.entry.state == "flagged" for one in done.papers
    )
    parts = [
        f"{done.count('renewed')} renewed{f' ({flagged} of them flagged)' if flagged else ''}",
        f"{done.count('without')} still without",
        f"{done.count('unchanged')} unchanged",
    ]
    parts += [f"{done.count('refused')} refused"] if done.count("refused") else []
    return "\n".join([*lines, f"{', '.join(parts)} · {work}", *_rest(done)])


def _rest(done: "Revisions") -> Iterator[str]:
    """Yield how to ask for the papers that a service left over: the same command would pay for the others anew."""
    left = [one.arxiv_id for one in done.papers if one.fate in ("without", "unchanged")]
    if done.failure and not done.was_search and done.count("renewed") and left:
        yield f"the rest alone: digest regenerate {' '.join(left)}"


def _regenerated(one: "Revision") -> Iterator[str]:
    if one.error or one.entry is None:
        yield str(one.error)
        return
    yield f"{one.arxiv_id}: {one.entry.state} in {', '.join(map(str, one.announced))}"
    if one.entry.card:
        yield f"  TL;DR: {one.entry.card.tldr}"
    yield from (f"  {problem}" for problem in one.entry.problems)


def regenerated_record(done: "Revisions") -> dict[str, Any]:
    """The same for a machine; of a single paper, its own facts beside the sum."""
    papers = [
        {
            "arxiv_id": one.arxiv_id,
            "fate": one.fate,
            "announced": [str(day) for day in one.announced],
            "state": one.entry.state if one.entry else None,
            "error": str(one.error) if one.error else None,
            "entry": one.entry.model_dump(mode="json") if one.entry else None,
        }
        for one in done.papers
    ]
    counts = {fate: done.count(fate) for fate in ("renewed", "without", "unchanged", "refused")}
    total = {"counts": counts, "requests": done.sent, "written": done.written}
    return (papers[0] if len(papers) == 1 else {}) | {"papers": papers} | total
