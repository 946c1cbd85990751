"""Author lines: however people write them, each name comes once and whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.bylines import split_authors

WORDS = st.from_regex(r"[A-Z][a-zéü]{2,8}|[A-Z]\.", fullmatch=True)
NAMES = st.lists(WORDS, min_size=2, max_size=4).map(" ".join)


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("Ada Lovelace", ("Ada Lovelace",)),
        ("Ada Lovelace, Alan Turing", ("Ada Lovelace", "Alan Turing")),
        ("Ada Lovelace,Alan Turing", ("Ada Lovelace", "Alan Turing")),
        ("Ada Lovelace and Alan Turing", ("Ada Lovelace", "Alan Turing")),
        ("A. Lovelace, A. Turing, and G. H. Hardy", ("A. Lovelace", "A. Turing", "G. H. Hardy")),
        ("A. LOVELACE AND A. TURING & G. HARDY", ("A. LOVELACE", "A. TURING", "G. HARDY")),
        ("Ada Lovelace; Alan Turing", ("Ada Lovelace", "Alan Turing")),
        ("Ada\n  Lovelace,\tAlan Turing", ("Ada Lovelace", "Alan Turing")),
        ("Sandy Andersen, Fernand Roland", ("Sandy Andersen", "Fernand Roland")),
        ("", ()),
        (" , ; and ", ()),
    ],
)
def test_names_are_split(line: str, names: tuple[str, ...]) -> None:
    """At commas, semicolons and the word, never inside of a name."""
    assert split_authors(line) == names


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("Ada Lovelace (London, UK), Alan Turing (NPL)", ("Ada Lovelace", "Alan Turing")),
        ("Ada Lovelace (Univ. (of A), B), Alan Turing", ("Ada Lovelace", "Alan Turing")),
        ("A. Lovelace (1 and 2) and A. Turing (2) ((1) London, (2) NPL)", ("A. Lovelace", "A. Turing")),
        ("A. Lovelace (1), A. Turing (2), (1) London", ("A. Lovelace", "A. Turing")),
        ("Xi (Amy) Chen (MIT)", ("Xi (Amy) Chen",)),
        ("Ada Lovelace (London, Alan Turing", ("Ada Lovelace (London", "Alan Turing")),
        ("Ada Lovelace), Alan Turing", ("Ada Lovelace)", "Alan Turing")),
    ],
)
def test_places_in_parentheses_go(line: str, names: tuple[str, ...]) -> None:
    """Nested ones too; a nickname stays, and one that is never closed takes no author with it."""
    assert split_authors(line) == names


@pytest.mark.parametrize("suffix", ["Jr.", "Jr", "Sr.", "II", "III", "IV"])
def test_a_generation_stays_with_its_name(suffix: str) -> None:
    """With a comma before it or without, in the middle or at the end."""
    line = f"John Smith, {suffix}, Ann Lee {suffix} and Bob Roe, {suffix}"

    assert split_authors(line) == (f"John Smith {suffix}", f"Ann Lee {suffix}", f"Bob Roe {suffix}")


def test_a_name_that_begins_like_a_generation_is_a_name() -> None:
    """Only the whole word is a suffix."""
    assert split_authors("John Smith, Jrgen Lee, IVana Roe") == ("John Smith", "Jrgen Lee", "IVana Roe")


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("The Foo Collaboration: A. Lee, B. Roe", ("The Foo Collaboration", "A. Lee", "B. Roe")),
        ("A. Lee, for the Foo Collaboration", ("A. Lee", "for the Foo Collaboration")),
        ("Foo Collaboration and Bar Team", ("Foo Collaboration", "Bar Team")),
    ],
)
def test_collaborations_are_names(line: str, names: tuple[str, ...]) -> None:
    """They come in their place."""
    assert split_authors(line) == names


@pytest.mark.parametrize("name", [r"P\'al Erd\H{o}s", r"J.\,P. Serre", r"{\L}ukasz \.{Z}", r"Foo \& Bar Team"])
def test_tex_stays(name: str) -> None:
    """Its commas and signs separate nothing."""
    assert split_authors(f"{name}, Ann Lee") == (name, "Ann Lee")


@given(st.lists(NAMES, max_size=6), st.sampled_from([", ", " and ", ", and ", "; "]))
def test_plain_names_come_back(names: list[str], between: str) -> None:
    """Whatever stands between them."""
    assert split_authors(between.join(names)) == tuple(names)


@given(st.text(alphabet="aB (),;:&\\.1\n") | st.text())
def test_no_line_breaks_it(line: str) -> None:
    """Each name has a letter and no space around it."""
    for name in split_authors(line):
        assert name == name.strip()
        assert any(map(str.isalpha, name))
