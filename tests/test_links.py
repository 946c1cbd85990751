"""What a paper offers on the web: told from the host or from the words beside it, or left out."""

import pytest
from fakes import paper
from hypothesis import given
from hypothesis import strategies as st

from digest.links import MOST, Resource, resources


def found(abstract: str, comment: str | None = None) -> list[tuple[str, str]]:
    return [(kind, url.removeprefix("https://")) for kind, url in resources(paper(abstract=abstract, comment=comment))]


@pytest.mark.parametrize(
    ("text", "kind", "url"),
    [
        ("Code is available at https://github.com/a/b.", "code", "github.com/a/b"),
        ("Code: gitlab.com/a/b", "code", "gitlab.com/a/b"),
        ("at https://gitlab.lab.example/a/b", "code", "gitlab.lab.example/a/b"),
        ("See https://anonymous.4open.science/r/x-1/", "code", "anonymous.4open.science/r/x-1/"),
        ("The dataset is available at https://github.com/a/b.", "data", "github.com/a/b"),
        ("Code and data: https://github.com/a/b.", "code", "github.com/a/b"),
        ("Models and data: https://github.com/a/b.", "code", "github.com/a/b"),
        ("Project page: https://a.github.io/b/", "project", "a.github.io/b/"),
        ("Code: https://a.github.io/b/", "project", "a.github.io/b/"),
        ("https://huggingface.co/datasets/a/b", "data", "huggingface.co/datasets/a/b"),
        ("Data: https://huggingface.co/a/b", "model", "huggingface.co/a/b"),
        ("https://hf.co/spaces/a/b", "project", "hf.co/spaces/a/b"),
        ("https://zenodo.org/records/1", "data", "zenodo.org/records/1"),
        ("https://doi.org/10.5281/zenodo.1", "data", "doi.org/10.5281/zenodo.1"),
        ("The data are at https://doi.org/10.99999/x", "data", "doi.org/10.99999/x"),
        ("https://youtu.be/abc", "video", "youtu.be/abc"),
        ("Video: https://lab.example/v", "video", "lab.example/v"),
        ("12 pages, 5 figures, code at https://lab.example/x", "code", "lab.example/x"),
        ("Our website with code and data is https://lab.example/x", "project", "lab.example/x"),
        ("We introduce FOO (https://foo.example), a benchmark.", "project", "foo.example"),
        (r"It is \href{https://lab.example/x}{our project page}.", "project", "lab.example/x"),
        ("Trained for days. https://lab.example/x", "project", "lab.example/x"),
    ],
)
def test_an_address_is_what_its_host_or_its_sentence_says(text: str, kind: str, url: str) -> None:
    """A host that holds one kind of thing decides; else the words before it, a page before what it holds."""
    assert found(text) == [(kind, url)]


@pytest.mark.parametrize(
    "text",
    [
        "Accepted at FOO 2026 (https://foo.example/).",
        "The final version is available online at https://doi.org/10.1007/x",
        "Reviews: https://openreview.net/forum?id=x",
        "Earlier preprint on Zenodo: https://zenodo.org/records/1",
        "Code will be at https://github.com/your-name/repo",
        "Code: https://github.com/",
        "Code: https://github.com/xxxx/xxxx",
        "Evaluated on 12 sites such as https://shop.example by two people.",
        "See https://en.wikipedia.org/wiki/Foo and https://arxiv.org/abs/2603.00001",
    ],
)
def test_an_address_that_nothing_speaks_for_is_left_out(text: str) -> None:
    """Conferences, publishers, placeholders and what is only mentioned."""
    assert found(text) == []


def test_each_address_comes_once_and_code_first() -> None:
    """Scheme, www, a slash at the end and .git don't make it another one; else the order is that of the texts."""
    abstract = "Project page: https://a.github.io/b/. Code: http://www.github.com/A/b.git, github.com/a/B"
    comment = "Code at https://github.com/a/b/; page https://a.github.io/b; video https://youtu.be/x"

    assert resources(paper(abstract=abstract, comment=comment)) == (
        Resource("code", "http://www.github.com/A/b.git"),
        Resource("project", "https://a.github.io/b/"),
        Resource("video", "https://youtu.be/x"),
    )


def test_what_is_code_anywhere_is_code() -> None:
    """An abstract speaks of data, the comment of code, at one address."""
    assert found("The dataset is at https://github.com/a/b.", "Code: github.com/a/b") == [("code", "github.com/a/b")]


def test_a_comment_that_is_one_address_is_its_page() -> None:
    """An address alone says enough in a comment, and at the end of an abstract."""
    assert found("A paper.", "https://foo.example/x") == [("project", "foo.example/x")]
    assert found("A paper.", "Accepted, https://foo.example/x") == []


@given(st.text(max_size=100), st.lists(st.integers(1, 30), max_size=20))
def test_there_is_at_most_a_handful_whatever_is_said(text: str, numbers: list[int]) -> None:
    """Each once, by http or https."""
    many = " ".join(f"https://github.com/a/b{number}" for number in numbers)

    offered = resources(paper(abstract=f"A {text} {many}"))

    assert len(offered) == len({one.url for one in offered}) <= MOST
    assert all(one.url.startswith(("http://", "https://")) for one in offered)
