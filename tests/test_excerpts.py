"""Records cut down to a few papers: the same as reading all and leaving out the rest."""

import pytest
from fakes import edition, entry
from hypothesis import given
from hypothesis import strategies as st
from render.samples import hostile, ordinary

from digest.excerpts import excerpt
from digest.models import Edition

IDS = ["2603.00001", "2603.00002", "2603.00005", "2602.00009", "2602.00010", "2603.00006", "2603.99999"]


def saved(one: Edition) -> bytes:
    return one.model_dump_json(by_alias=True, indent=1).encode() + b"\n"


def left(one: Edition, ids: set[str]) -> Edition:
    lists = {"entries": one.entries, "replacements": one.replacements, "excluded": one.excluded}
    kept = {name: tuple(each for each in own if each.paper.arxiv_id in ids) for name, own in lists.items()}
    return one.model_copy(update=kept | {"sections": ()})


@given(st.sets(st.sampled_from(IDS)), st.sampled_from([ordinary(), hostile(), edition()]))
def test_an_excerpt_is_the_edition_without_the_other_papers(ids: set[str], one: Edition) -> None:
    """Whatever stands in its texts, and whichever lists are empty."""
    found, expected = excerpt(saved(one), ids), left(one, ids)

    assert found is not None
    if expected.entries or expected.replacements or expected.excluded:
        assert Edition.model_validate_json(found) == expected
    else:
        assert found == b""


def test_text_that_looks_like_a_record_is_text() -> None:
    """A line break in a string is written as two characters, so no text can begin an entry."""
    trap = '\n  {\n   "paper": {\n    "arxiv_id": "2603.00002"\n  }\n "replacements": ['
    one = edition(entry("2603.00001", abstract=f"We {trap} say"), notes=(trap,))

    assert Edition.model_validate_json(excerpt(saved(one), {"2603.00001"}) or b"") == left(one, {"2603.00001"})


@pytest.mark.parametrize(
    "change",
    [
        lambda content: b" " + content,
        lambda content: content[:-4],
        lambda content: content.replace(b'"schema": 3', b'"schema": 2'),
        lambda content: content.replace(b'\n "excluded": ', b'\n "others": '),
        lambda content: content.replace(b"\n  }", b"\n   }"),
        lambda content: content.replace(b"\n", b""),
        lambda content: b"",
    ],
)
def test_a_record_laid_out_otherwise_is_not_cut(change: object) -> None:
    """It is then read as a whole, which also says what is wrong with it."""
    content = saved(ordinary())

    assert callable(change)
    assert excerpt(content, {"2603.00001"}) is not None
    assert excerpt(change(content), {"2603.00001"}) is None
