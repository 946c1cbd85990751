"""Saved cards under today's eyes: those that no model wrote go, the others are marked as today's checks see them.

Changes copies; asks nobody and saves nothing.
"""

from . import resources, selection, summary
from .glossary import Glossary
from .models import Edition, Entry

#: The modules that decide what is marked in a card.
CHECKS = ("checks.py", "evidence.py", "figures.py", "glossary.py", "languages.py", "names.py", "numerals.py")


def without_echo(edition: Edition) -> Edition:
    """The edition without the cards that no model wrote."""
    bare = {"card": None, "replies": (), "problems": (selection.NOT_ASKED,), "marks": ()}
    echoed = (entry for entry in _all(edition) if entry.card and entry.card.origin.engine == "echo")
    return edition.with_entries(entry.model_copy(update=bare) for entry in echoed)


def drafts(edition: Edition) -> tuple[Entry, ...]:
    """The entries whose cards are drafts of the small model, where another engine is at hand; excluded ones apart."""
    return tuple(entry for entry in (*edition.entries, *edition.replacements) if entry.is_draft)


def improved(draft: Entry, after: Entry) -> Entry:
    """A draft after another engine was asked for it: with the new card or, where that failed, as it was."""
    return after if not after.is_draft else draft.model_copy(update={"replies": after.replies})


def rejudged(edition: Edition, terms: Glossary) -> Edition:
    """The edition with its flags as today's checks and glossary set them: a better check needs no new request."""
    checks = "-".join(filter(None, [resources.fingerprint(*CHECKS), terms.digest]))
    if edition.judged_by == checks:
        return edition
    entries = [summary.rejudge(entry, edition.language, terms) for entry in _all(edition) if entry.card]
    return edition.with_entries(entries).model_copy(update={"judged_by": checks})


def _all(edition: Edition) -> tuple[Entry, ...]:
    return (*edition.entries, *edition.replacements, *edition.excluded)
