"""Tables in files: every line once and in order, no file too large, and the contents find each keyword."""

from hypothesis import given
from hypothesis import strategies as st

from digest.render.packing import Printed, contents, packed

TABLES = st.lists(
    st.lists(st.text(st.sampled_from("ab中"), max_size=300), max_size=12).map(tuple), min_size=1, max_size=6
).map(lambda lines: [Printed(f"T{number}", one) for number, one in enumerate(lines)])


def size(tables: tuple[Printed, ...]) -> int:
    return sum(len(line.encode()) + 1 for one in tables for line in one.lines)


@given(TABLES, st.integers(1200, 4000))
def test_every_line_stands_once_and_in_order(tables: list[Printed], room: int) -> None:
    """Put together again, the files are the tables, and each holds no more than its room."""
    files = packed(tables, room)

    parts = [one for file in files for one in file]
    for table in tables:
        assert sum((one.lines for one in parts if one.title == table.title), ()) == table.lines
    assert list(dict.fromkeys(one.title for one in parts)) == [one.title for one in tables]
    assert all(size(file) <= room for file in files)
    assert all(files)


@given(TABLES, st.integers(1200, 4000))
def test_only_a_table_larger_than_a_file_is_cut(tables: list[Printed], room: int) -> None:
    """One that fits into a file of its own stands whole."""
    for one in (one for file in packed(tables, room) for one in file if one.again):
        whole = next(table for table in tables if table.title == one.title)
        assert size((whole,)) + whole.head > room


def test_a_line_larger_than_a_file_has_one_of_its_own() -> None:
    """It is neither lost nor asked for for ever."""
    files = packed([Printed("T", ("a", "b" * 5000, "c"))], 1000)

    assert [[len(one.lines) for one in file] for file in files] == [[1], [1], [1]]


def test_contents_name_all_places_of_a_keyword_and_tell_like_titles_apart() -> None:
    """Anchors are those of GitHub: the second heading of one name has a number."""
    files = [[Printed("C", ("1", "2")), Printed("C++", ())], [Printed("C++", ("3",), again=True)]]

    assert [(line.title, line.rows, line.places) for line in contents(files, ["c"])] == [
        ("C", 2, ((1, "c-1"),)),
        ("C++", 1, ((1, "c-2"), (2, "c-1"))),
    ]
