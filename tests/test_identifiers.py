"""Identifiers and categories: every form arXiv and people write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.identifiers import abs_url, canonical_category, is_category, parse_id

BASES = st.from_regex(r"[0-9]{4}\.[0-9]{4,5}", fullmatch=True) | st.sampled_from(["math/0309136", "hep-th/9901001"])


@pytest.mark.parametrize(
    ("text", "base", "version"),
    [
        ("2408.01234", "2408.01234", None),
        ("2408.01234v12", "2408.01234", 12),
        ("http://arxiv.org/abs/2408.01234v2", "2408.01234", 2),
        ("https://arxiv.org/pdf/2408.01234v2.pdf", "2408.01234", 2),
        ("oai:arXiv.org:math/0309136", "math/0309136", None),
        ("oai:arXiv.org:2408.01234v1", "2408.01234", 1),
        ("https://arxiv.org/abs/hep-th/9901001v3", "hep-th/9901001", 3),
        ("cs.CL/0102003", "cs.CL/0102003", None),
    ],
)
def test_every_form_of_an_identifier_is_read(text: str, base: str, version: int | None) -> None:
    """Addresses, OAI names and plain identifiers give the same base."""
    assert parse_id(text) == (base, version)


@pytest.mark.parametrize("text", ["", "2408", "abs/2408.012345678", "../2408.01234/..", "2408.01234v0", "x" * 500])
def test_what_is_no_identifier_is_refused(text: str) -> None:
    """Nothing that could leave a folder or name no paper passes."""
    with pytest.raises(ValueError, match="no arXiv identifier"):
        parse_id(text)


@given(BASES, st.integers(1, 99))
def test_an_identifier_survives_its_address(base: str, version: int) -> None:
    """The address of a version parses back to it."""
    assert parse_id(abs_url(base, version)) == (base, version)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("cs.cv", "cs.CV"),
        ("CS.CL", "cs.CL"),
        ("cs.SY", "eess.SY"),
        ("HEP-TH", "hep-th"),
        ("cond-mat.Mtrl-Sci", "cond-mat.mtrl-sci"),
    ],
)
def test_a_category_gets_arxivs_spelling(text: str, name: str) -> None:
    """Case does not matter, aliases lead to the name papers are announced under."""
    assert canonical_category(text) == name


@pytest.mark.parametrize(
    ("text", "likely"),
    [
        ("cs.XX", "cs."),
        ("CV", "cs.CV"),
        ("cs.LGG", "cs.LG"),
        ("", "no category ''"),
        ("cs/CV", "cs.CV"),
        ("68T45", "68T45"),
    ],
)
def test_a_category_that_arxiv_does_not_have_is_refused_with_the_likeliest(text: str, likely: str) -> None:
    """A slip of the finger is an error with its mend, not an empty page."""
    with pytest.raises(ValueError, match="arXiv has no category") as caught:
        canonical_category(text)
    assert likely in str(caught.value)


@pytest.mark.parametrize("text", ["68T45", "I.2.7", "cs.", "", "cs/CV", "cs.CV; rm"])
def test_classes_of_other_schemes_are_no_categories(text: str) -> None:
    """MSC and ACM classes, which old answers mix in, are not taken for categories."""
    assert not is_category(text)
