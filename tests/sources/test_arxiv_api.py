"""The search API: what is asked, what is believed, and what is told where arXiv's answers don't hold together."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import arxiv
import pytest
import requests
from fakes import paper
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import ConfigError, SourceError
from digest.models import Listing, Paper
from digest.sources import arxiv_api
from digest.sources.arxiv_api import ArxivApi
from sources.documents import HTML, Answer, Canned, atom, atom_entry, in_turn, index, parameters, refusal

DAY = date(2026, 3, 17)  # a Tuesday: from Friday 18:00 to Monday 18:00 UTC
START, END = datetime(2026, 3, 13, 18, tzinfo=UTC), datetime(2026, 3, 16, 18, tzinfo=UTC)
SPAN = "submittedDate:[202603131800 TO 202603161800]"


def sent(number: int = 1, **fields: Any) -> Paper:
    """A paper submitted in the window."""
    moment = START + timedelta(minutes=number)
    return paper(f"2603.{number:05}", **{"submitted": moment, "updated": moment, **fields})


def api(answer: Callable[[str], Answer], page_size: int = 200) -> ArxivApi:
    return ArxivApi(Canned(answer), "http://arxiv.test/api/query", page_size)


def asked(source: ArxivApi) -> list[dict[str, str]]:
    assert isinstance(source.session, Canned)
    return [parameters(url) for url in source.session.asked]


def ids(listing: Listing) -> list[str]:
    return [item.paper.arxiv_id for item in listing.items]


def test_a_listing_asks_for_the_window_and_the_categories() -> None:
    """One query, in parentheses, for arXiv's operators have no precedence; in a stable order."""
    source = api(index(sent()))

    source.listing(DAY, ["cs.CL", "cs.AI"])

    assert asked(source) == [
        {
            "search_query": f"(cat:cs.CL OR cat:cs.AI) AND {SPAN}",
            "id_list": "",
            "sortBy": "submittedDate",
            "sortOrder": "ascending",
            "start": "0",
            "max_results": "200",
        }
    ]


@pytest.mark.parametrize(("name", "term"), [("cs", "cat:cs.*"), ("cs.*", "cat:cs.*"), ("hep-th", "cat:hep-th")])
def test_an_archive_is_asked_with_a_star(name: str, term: str) -> None:
    """`cat:cs` finds nothing; a category without subjects is asked by its name."""
    source = api(index(sent()))

    source.listing(DAY, [name])

    assert asked(source)[0]["search_query"] == f"({term}) AND {SPAN}"


def test_without_categories_phrases_are_asked() -> None:
    """In the title or the abstract; quotes in a phrase can't end it."""
    source = api(index(sent()))

    listing = source.listing(DAY, [], ['graph "neural" nets', "foo"])

    phrases = '(ti:"graph neural nets" OR abs:"graph neural nets") OR (ti:"foo" OR abs:"foo")'
    assert asked(source)[0]["search_query"] == f"({phrases}) AND {SPAN}"
    assert [item.announce_type for item in listing.items] == ["new"]


@pytest.mark.parametrize("keywords", [[], [' " ']])
def test_a_listing_of_nothing_is_the_configs_fault(keywords: list[str]) -> None:
    """No category, no keyword: all of arXiv is not what was meant."""
    with pytest.raises(ConfigError, match="no keyword either"):
        api(index(sent())).listing(DAY, [], keywords)


def test_a_configured_holiday_moves_the_window() -> None:
    """Without Friday's freeze Tuesday's window starts a day earlier."""
    source = ArxivApi(Canned(index(sent())), "http://arxiv.test/api", holidays=[date(2026, 3, 13)])

    source.listing(DAY, ["cs.CL"])

    assert "[202603121800 TO 202603161800]" in asked(source)[0]["search_query"]


def test_papers_of_other_primary_categories_are_cross_lists() -> None:
    """New papers come first, each kind by identifier."""
    papers = [sent(3), sent(1, categories=("stat.ML", "cs.CL")), sent(2)]

    listing = api(index(*papers)).listing(DAY, ["cs.CL"])

    assert [(item.paper.arxiv_id, item.announce_type) for item in listing.items] == [
        ("2603.00002", "new"),
        ("2603.00003", "new"),
        ("2603.00001", "cross"),
    ]
    assert (listing.announced, listing.source) == (DAY, "search")


@pytest.mark.parametrize("archive", ["cs", "cs.*"])
def test_an_archive_covers_its_subjects(archive: str) -> None:
    """A paper of cs.CL is new in cs."""
    listing = api(index(sent())).listing(DAY, [archive])

    assert [item.announce_type for item in listing.items] == ["new"]


def test_the_first_moment_of_a_window_belongs_to_the_one_before() -> None:
    """The API's bounds are minutes, both included; ours tile time."""
    moments = (START, START + timedelta(seconds=1), END, END + timedelta(seconds=1))
    papers = [sent(number, submitted=moment) for number, moment in enumerate(moments, 1)]

    assert ids(api(index(*papers)).listing(DAY, ["cs.CL"])) == ["2603.00002", "2603.00003"]


def test_it_says_what_a_search_can_not_know() -> None:
    """Held papers, and papers announced later."""
    assert api(index(sent())).listing(DAY, ["cs.CL"]).notes == (arxiv_api.LIMITS,)


def test_a_paper_comes_over_whole() -> None:
    """Every field, with text on one line and the primary category first."""
    full = sent(
        version=3,
        updated=END + timedelta(days=9),
        title="Foo:\n  a <b> & c",
        abstract="  Line one\nline two.\n",
        comment=" 12\npages ",
        journal_ref="J. Foo 1",
        doi="10.1/x",
    )

    [item] = api(index(full)).listing(DAY, ["cs.CL"]).items

    assert item.paper == full
    assert item.paper.title == "Foo: a <b> & c"
    assert item.paper.abstract == "Line one line two."
    assert item.paper.comment == "12 pages"


def test_classes_of_other_schemes_are_no_categories() -> None:
    """MSC and ACM classes stood among them until 2025."""
    page = atom([atom_entry(sent(), ["68T45 (Machine vision)", "I.2.7; I.4", "cs.CL"])])

    [item] = api(lambda url: page).listing(DAY, ["cs.CL"]).items

    assert item.paper.categories == ("cs.CL", "cs.AI")


def test_the_primary_category_comes_first() -> None:
    """Wherever the list has it."""
    page = atom([atom_entry(sent()).replace('<category term="cs.CL"/>', "")])

    [item] = api(lambda url: page).listing(DAY, ["cs.CL"]).items

    assert item.paper.categories == ("cs.CL", "cs.AI")


@given(st.integers(1, 13), st.integers(1, 7))
def test_pages_of_any_size_give_all_papers_once(count: int, page_size: int) -> None:
    """Whether or not the last page is full."""
    papers = [sent(number) for number in range(1, count + 1)]

    assert ids(api(index(*papers), page_size).listing(DAY, ["cs.CL"])) == [one.arxiv_id for one in papers]


PAPERS = [sent(number) for number in range(1, 6)]
WHOLE = index(*PAPERS)
ENTRIES = [atom_entry(one) for one in PAPERS]


def without(pattern: str) -> bytes:
    """All papers, with something cut out of the first entry."""
    damaged, cuts = re.subn(pattern, "", ENTRIES[0])
    assert cuts
    return atom([damaged, *ENTRIES[1:]])


BROKEN = {
    "cut": atom(ENTRIES)[:-200],
    "cut at its end": atom(ENTRIES)[:-3],
    "html": HTML,
    "blank": b"",
    "empty": atom([], total=5),
    "no count": atom(ENTRIES).replace(b"totalResults", b"totals"),
    "no title": without("(?<=<title>).*(?=</title>)"),
    "no abstract": without("<summary>.*</summary>"),
    "no authors": without("<author>.*</author>"),
    "no primary category": without("<arxiv:primary_category[^>]*>"),
    "no time of submission": without("<published>.*</published>"),
    "no readable time": without("(?<=<updated>)20"),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_page_is_asked_again(broken: bytes) -> None:
    """The second answer is whole."""
    assert len(api(in_turn(broken, WHOLE)).listing(DAY, ["cs.CL"]).items) == 5


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_later_page_is_asked_again(broken: bytes) -> None:
    """So is one that comes after a good page."""
    assert len(api(in_turn(WHOLE, broken, WHOLE), page_size=2).listing(DAY, ["cs.CL"]).items) == 5


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_page_that_stays_broken_is_an_error(broken: bytes) -> None:
    """Never a shorter listing."""
    with pytest.raises(SourceError, match=r"arxiv\.test: .* \(5 of 5 tries\)"):
        api(lambda url: broken).listing(DAY, ["cs.CL"])


@pytest.mark.parametrize("status", [200, 400])
def test_a_refusal_is_told_in_arxivs_own_words(status: int) -> None:
    """An entry titled Error is no paper."""
    with pytest.raises(SourceError, match="incorrect id format for x"):
        api(lambda url: (status, refusal("incorrect id format for x"))).listing(DAY, ["cs.CL"])


def test_a_refusal_without_words_is_told_by_its_status() -> None:
    """As a proxy's page."""
    with pytest.raises(SourceError, match="HTTP 403"):
        api(lambda url: (403, HTML)).listing(DAY, ["cs.CL"])


def shifted(by: int) -> Callable[[str], Answer]:
    """Later pages as if the index had grown (or shrunk, if negative) since the first one."""

    def answer(url: str) -> Answer:
        start, size = int(parameters(url)["start"]), int(parameters(url)["max_results"])
        first = start - by if start else 0
        return atom(ENTRIES[first : first + size], len(ENTRIES) + (by if start else 0), start)

    return answer


@pytest.mark.parametrize("by", [1, -1], ids=["repeated", "skipped"])
def test_an_index_that_changes_between_pages_is_asked_again_as_a_whole(by: int) -> None:
    """A page that repeats or skips papers is seen by the counts."""
    moving = shifted(by)

    found = api(in_turn(moving, moving, moving, WHOLE), page_size=2).listing(DAY, ["cs.CL"])

    assert ids(found) == [one.arxiv_id for one in PAPERS]


@pytest.mark.parametrize(("by", "counts"), [(1, "5 different papers where it counts 5 or 6"), (-1, "counts 4 or 5")])
def test_an_index_that_keeps_changing_is_an_error(by: int, counts: str) -> None:
    """With the counts that don't agree."""
    with pytest.raises(SourceError, match=counts):
        api(shifted(by), page_size=2).listing(DAY, ["cs.CL"])


@pytest.mark.parametrize("total", [0, 2, 4])
def test_a_count_that_is_too_small_is_an_error(total: int) -> None:
    """Also where it ends with a full page, after which the package would ask no more."""

    def answer(url: str) -> Answer:
        start, size = int(parameters(url)["start"]), int(parameters(url)["max_results"])
        return atom(ENTRIES[start : start + size], total, start)

    with pytest.raises(SourceError, match=f"counts {total} "):
        api(answer, page_size=2).listing(DAY, ["cs.CL"])


def test_the_same_paper_twice_is_one() -> None:
    """By its identifier, whatever order equal times come in."""
    twice = atom([ENTRIES[0], *ENTRIES], total=5)

    assert len(api(lambda url: twice).listing(DAY, ["cs.CL"]).items) == 5


NONE, ONE = atom([]), atom(ENTRIES[:1])


def test_nothing_is_believed_if_the_archive_has_papers() -> None:
    """A small category may have none on a day: asked twice, with a control question in between."""
    source = api(in_turn(NONE, ONE, NONE))

    assert source.listing(DAY, ["cs.GL"]).items == ()
    assert [query["search_query"] for query in asked(source)] == [
        f"(cat:cs.GL) AND {SPAN}",
        f"(cat:cs.*) AND {SPAN}",
        f"(cat:cs.GL) AND {SPAN}",
    ]
    assert asked(source)[1]["max_results"] == "1"


@pytest.mark.parametrize(("categories", "keywords"), [(["hep-th"], []), (["cs"], []), ([], ["foo"])])
def test_without_a_wider_archive_the_control_question_is_the_window(categories: list[str], keywords: list[str]) -> None:
    """Anything at all that was submitted in it."""
    source = api(in_turn(NONE, ONE, NONE))

    source.listing(DAY, categories, keywords)

    assert asked(source)[1]["search_query"] == SPAN


def test_an_empty_answer_out_of_turn_is_no_empty_day() -> None:
    """ArXiv sends empty pages where results exist."""
    assert len(api(in_turn(NONE, ONE, WHOLE)).listing(DAY, ["cs.CL"]).items) == 5


def test_an_index_without_the_day_is_an_error() -> None:
    """It can be late by a day."""
    with pytest.raises(SourceError, match="has nothing for 2026-03-17 yet"):
        api(lambda url: NONE).listing(DAY, ["cs.CL"])


def test_a_day_without_a_listing_has_no_window() -> None:
    """The caller asks the calendar first."""
    with pytest.raises(ValueError, match="no listing day"):
        api(WHOLE).listing(date(2026, 3, 15), ["cs.CL"])


def test_a_field_that_can_not_be_names_its_paper() -> None:
    """A title of characters that are never text is none."""
    page = atom([re.sub("<title>.*</title>", "<title>\u202e</title>", ENTRIES[0])])

    with pytest.raises(SourceError, match=r"2603\.00001v1.*title"):
        api(lambda url: page).listing(DAY, ["cs.CL"])


def test_papers_come_by_identifier() -> None:
    """Those that arXiv doesn't know are missing."""
    found = api(WHOLE).papers(["2603.00002", "2603.00004v1", "2603.99999"])

    assert found == {"2603.00002": PAPERS[1], "2603.00004": PAPERS[3]}


def test_papers_are_asked_by_the_hundred() -> None:
    """Each batch in one page, each paper once."""
    papers = [sent(number) for number in range(1, 251)]
    source = api(index(*papers))

    assert len(source.papers([one.arxiv_id for one in papers] * 2)) == 250
    assert [len(query["id_list"].split(",")) for query in asked(source)] == [100, 100, 50]


def test_a_version_is_asked_where_one_is_given() -> None:
    """For that version's time of update."""
    source = api(WHOLE)

    source.papers(["2603.00001v2", "arXiv:2603.00002"])

    assert asked(source)[0]["id_list"] == "2603.00001v2,2603.00002"


def test_no_papers_are_asked_for_nothing() -> None:
    """No request at all."""
    source = api(WHOLE)

    assert source.papers([]) == {}
    assert asked(source) == []


def test_papers_that_seem_unknown_all_together_are_asked_twice() -> None:
    """It may have been one of arXiv's empty pages."""
    assert len(api(in_turn(NONE, WHOLE)).papers(["2603.00001"])) == 1
    assert api(lambda url: NONE).papers(["2603.00001"]) == {}


def test_papers_that_were_not_asked_for_stay_out() -> None:
    """Whatever the index sends along."""
    assert set(api(lambda url: atom(ENTRIES)).papers(["2603.00001"])) == {"2603.00001"}


def test_what_is_no_identifier_is_not_sent() -> None:
    """One malformed name would make arXiv refuse the whole request."""
    with pytest.raises(ValueError, match="no arXiv identifier"):
        api(WHOLE).papers(["2603.00001", "foo"])


def test_the_package_still_asks_through_its_private_session() -> None:
    """`_session` is not public: this tells when a new version of the package drops it."""
    assert isinstance(arxiv.Client()._session, requests.Session)


def test_braces_in_the_address_do_no_harm() -> None:
    """The package formats the address; a mirror's may hold braces."""
    source = ArxivApi(Canned(WHOLE), "http://arxiv.test/{mirror}/query")

    source.listing(DAY, ["cs.CL"])

    assert isinstance(source.session, Canned)
    assert source.session.asked[0].startswith("http://arxiv.test/{mirror}/query?search_query=")
