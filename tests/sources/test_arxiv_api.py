"""The search API: what is asked, what is believed, and what is told where arXiv's answers don't hold together."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import arxiv
import pytest
import requests
from fakes import paper
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.answers import Answers
from digest.errors import ConfigError, SourceError
from digest.models import Listing, Paper
from digest.sources import arxiv_api
from digest.sources.arxiv_api import ArxivApi
from sources.documents import HTML, Answer, Canned, atom, atom_entry, in_turn, index, numbered, parameters, refusal

DAY = date(2026, 3, 17)  # a Tuesday: from Friday 18:00 to Monday 18:00 UTC
START, END = datetime(2026, 3, 13, 18, tzinfo=UTC), datetime(2026, 3, 16, 18, tzinfo=UTC)
SPAN = "submittedDate:[202603131800 TO 202603161800]"  # the window
WIDE = "submittedDate:[202603131800 TO 202603162100]"  # and the first papers after it


def sent(number: int = 1, **fields: Any) -> Paper:
    """A paper submitted in the window."""
    moment = START + timedelta(minutes=number)
    return paper(f"2603.{number:05}", **{"submitted": moment, "updated": moment, **fields})


def api(answer: Callable[[str], Answer], page_size: int = 200, answers: Answers | None = None) -> ArxivApi:
    return ArxivApi(Canned(answer, answers), "http://arxiv.test/api/query", page_size)


def asked(source: ArxivApi) -> list[dict[str, str]]:
    assert isinstance(source.session, Canned)
    return [parameters(url) for url in source.session.asked]


def ids(listing: Listing) -> list[str]:
    return [item.paper.arxiv_id for item in listing.items]


def test_a_listing_asks_for_the_window_and_the_categories() -> None:
    """With some hours more, in parentheses, for arXiv's operators have no precedence; in a stable order."""
    source = api(index(sent()))

    source.listing(DAY, ["cs.CL", "cs.AI"])

    assert asked(source)[0] == {
        "search_query": f"(cat:cs.CL OR cat:cs.AI) AND {WIDE}",
        "id_list": "",
        "sortBy": "submittedDate",
        "sortOrder": "ascending",
        "start": "0",
        "max_results": "200",
    }


@pytest.mark.parametrize(("name", "term"), [("cs", "cat:cs.*"), ("cs.*", "cat:cs.*"), ("hep-th", "cat:hep-th")])
def test_an_archive_is_asked_with_a_star(name: str, term: str) -> None:
    """`cat:cs` finds nothing; a category without subjects is asked by its name."""
    source = api(index(sent(categories=("cs.CL", "hep-th"))))

    source.listing(DAY, [name])

    assert asked(source)[0]["search_query"] == f"({term}) AND {WIDE}"


def test_without_categories_keywords_are_asked() -> None:
    """As arXiv's language has them; what they find is new."""
    source = api(index(sent()))

    listing = source.listing(DAY, [], ["gated NOT survey", "foo"])

    foo, gated, survey = (f'(ti:"{word}" OR abs:"{word}")' for word in ("foo", "gated", "survey"))
    assert asked(source)[0]["search_query"] == f"(({gated} ANDNOT {survey}) OR {foo}) AND {WIDE}"
    assert [item.announce_type for item in listing.items] == ["new"]


def test_a_listing_of_nothing_is_the_configs_fault() -> None:
    """No category, no keyword: all of arXiv is not what was meant."""
    with pytest.raises(ConfigError, match="no keyword either"):
        api(index(sent())).listing(DAY, [])


def test_a_configured_holiday_moves_the_window() -> None:
    """Without Friday's freeze Tuesday's window starts a day earlier."""
    source = ArxivApi(Canned(index(sent())), "http://arxiv.test/api", holidays=[date(2026, 3, 13)])

    source.listing(DAY, ["cs.CL"])

    assert "[202603121800 TO 202603162100]" in asked(source)[0]["search_query"]


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
    second = timedelta(seconds=1)
    first = [sent(n, submitted=moment) for n, moment in enumerate((START - second, START, START + second), 1)]
    last = [sent(n, submitted=moment) for n, moment in enumerate((END - second, END, END + second), 404)]

    found = ids(api(index(*first, *numbered(DAY, 4), *last)).listing(DAY, ["cs.CL"]))

    assert found == [f"2603.{number:05}" for number in range(3, 406)]


def test_it_says_what_a_search_can_not_know() -> None:
    """Later cross-lists, and replacements."""
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


@settings(max_examples=30)
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
AFTER_START = "submittedDate:[202603131800 TO 202603161800]"  # the first three days after a freeze
AFTER_END = "submittedDate:[202603161800 TO 202603191800]"


def test_nothing_is_believed_if_the_archive_has_papers() -> None:
    """A small category may have none on a day: asked twice, with a control question in between."""
    source = api(in_turn(NONE, ONE, NONE, ONE, NONE))

    assert source.listing(DAY, ["cs.GL"]).items == ()
    assert [query["search_query"] for query in asked(source)] == [
        f"(cat:cs.GL) AND {WIDE}",
        f"(cat:cs.*) AND {SPAN}",
        f"(cat:cs.GL) AND {WIDE}",
        AFTER_START,
        AFTER_END,
    ]
    assert asked(source)[1]["max_results"] == "1"


@pytest.mark.parametrize(("categories", "keywords"), [(["hep-th"], []), (["cs"], []), ([], ["foo"])])
def test_without_a_wider_archive_the_control_question_is_the_window(categories: list[str], keywords: list[str]) -> None:
    """Anything at all that was submitted in it."""
    source = api(in_turn(NONE, ONE, NONE, ONE, NONE))

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


# ------------------------------------------------------------------------------------------ the borders of a listing

MONDAY, WEDNESDAY = date(2026, 3, 16), date(2026, 3, 18)
HOUR, A_DAY = timedelta(hours=1), timedelta(days=1)
KINDS = (("cs.CL", "cs.AI"), ("stat.ML", "cs.CL"), ("hep-th",), ("math.CO", "cs.DM"))  # of the papers in turn
BACK = (HOUR, 5 * HOUR, A_DAY, 2 * A_DAY, 6 * A_DAY)  # how long before its window each held paper was submitted

BEFORE = numbered(MONDAY, 5000, KINDS, held=BACK)
OF_DAY = numbered(DAY, 5405, KINDS, held=BACK)
AFTER = numbered(WEDNESDAY, 5810, KINDS, held=BACK)
WORLD = (*BEFORE, *OF_DAY, *AFTER)


def due(papers: Sequence[Paper], name: str = "cs.CL") -> list[str]:
    """The papers of a category: new ones before cross-lists."""
    found = [one for one in papers if name in one.categories]
    return [one.arxiv_id for one in sorted(found, key=lambda one: one.categories[0] != name)]


def batches(source: ArxivApi) -> list[list[str]]:
    """The identifiers of each request by identifier."""
    return [query["id_list"].split(",") for query in asked(source) if query["id_list"]]


def test_a_past_listing_is_exact() -> None:
    """With those held back before, without those of its window that came out later; cross-lists last."""
    listing = api(index(*WORLD)).listing(DAY, ["cs.CL"])

    assert ids(listing) == due(OF_DAY)
    assert [one for one in ids(listing) if one < "2603.05410"] == ["2603.05408", "2603.05405", "2603.05409"]
    assert listing.doubt is None


def test_papers_of_the_window_that_came_later_are_in_the_later_listing() -> None:
    """The hour before the freeze is the window's."""
    late = [one for one in AFTER if one.submitted and START < one.submitted <= END and "cs.CL" in one.categories]

    found = ids(api(index(*WORLD)).listing(WEDNESDAY, ["cs.CL"]))

    assert late
    assert found == due(AFTER)


def test_a_held_paper_of_another_primary_category_is_a_cross_list() -> None:
    """It is told by its own categories, for it was found by its identifier."""
    types = {item.paper.arxiv_id: item.announce_type for item in api(index(*WORLD)).listing(DAY, ["cs.CL"]).items}

    assert types["2603.05408"] == "new"
    assert types["2603.05409"] == types["2603.05405"] == "cross"


def test_a_day_takes_one_request_a_border_beside_its_query() -> None:
    """A hundred identifiers at once: the first regular one, and those below it."""
    source = api(index(*WORLD), page_size=500)

    source.listing(DAY, ["cs.CL", "hep-th"])

    assert [bool(query["id_list"]) for query in asked(source)] == [False, True, True]
    assert [(names[0], names[1], names[-1], len(names)) for names in batches(source)] == [
        ("2603.05410", "2603.05409", "2603.05311", 100),
        ("2603.05816", "2603.05815", "2603.05717", 100),
    ]


def test_what_a_day_found_is_good_for_the_rest_of_the_day(tmp_path: Path) -> None:
    """Another run asks nothing; nor does the next listing ask for the border that both have."""
    answers = Answers(tmp_path, DAY)
    first, again, after = (api(index(*WORLD), answers=answers) for _ in range(3))
    listing = first.listing(DAY, ["cs.CL"])

    assert again.listing(DAY, ["cs.CL"]) == listing
    assert asked(again) == []
    after.listing(WEDNESDAY, ["cs.CL"])
    assert (len(asked(first)), batches(after)) == (5, [])


def test_a_round_that_does_not_hold_together_is_not_kept(tmp_path: Path) -> None:
    """It could not be mended for a day."""
    answers = Answers(tmp_path, DAY)
    with pytest.raises(SourceError, match="different papers"):
        api(shifted(1), 2, answers).listing(DAY, ["cs.CL"])

    assert not (tmp_path / str(DAY)).exists()


def forgetful(world: Callable[[str], Answer]) -> Callable[[str], Answer]:
    """An index that does not find the first paper of an `id_list`."""
    return lambda url: world(re.sub(r"(?<=id_list=)[\d.]+%2C", "", url))


def test_without_a_paper_that_surely_exists_no_identifier_is_believed_to_be_free() -> None:
    """The index had it a moment ago."""
    with pytest.raises(SourceError, match=r"does not know 2603\.05410 any more"):
        api(forgetful(index(*WORLD))).listing(DAY, ["cs.CL"])


def test_nor_is_such_an_answer_kept(tmp_path: Path) -> None:
    """The next run gets the right one."""
    answers = Answers(tmp_path, DAY)
    with pytest.raises(SourceError):
        api(forgetful(index(*WORLD)), answers=answers).listing(DAY, ["cs.CL"])

    assert ids(api(index(*WORLD), answers=answers).listing(DAY, ["cs.CL"])) == due(OF_DAY)


def test_a_border_is_looked_for_in_three_batches_at_most() -> None:
    """Without held papers there is none to see; each batch goes on where the one before ended."""
    papers = [*numbered(MONDAY, 5000), *numbered(DAY, 5400), *numbered(WEDNESDAY, 5800)]
    source = api(index(*papers), page_size=500)

    assert ids(source.listing(DAY, ["cs.CL"])) == due(papers[400:800])
    assert [(names[0], names[1], names[-1]) for names in batches(source)] == [
        ("2603.05400", "2603.05399", "2603.05301"),
        ("2603.05400", "2603.05300", "2603.05202"),
        ("2603.05400", "2603.05201", "2603.05103"),
        ("2603.05800", "2603.05799", "2603.05701"),
        ("2603.05800", "2603.05700", "2603.05602"),
        ("2603.05800", "2603.05601", "2603.05503"),
    ]


def test_of_many_held_papers_none_is_lost() -> None:
    """More than a batch holds."""
    held = [n * HOUR for n in range(1, 151)]
    papers = numbered(DAY, 5405, KINDS, held=held)
    source = api(index(*BEFORE, *papers, *numbered(WEDNESDAY, 5955, KINDS, held=BACK)))

    assert ids(source.listing(DAY, ["cs.CL"])) == due(papers)


def test_the_first_listing_that_the_index_has_keeps_its_held_papers() -> None:
    """Nothing below them: they span more time than so few identifiers would."""
    assert ids(api(index(*OF_DAY, *AFTER)).listing(DAY, ["cs.CL"])) == due(OF_DAY)


def test_a_month_begins_with_number_one() -> None:
    """Below it there is nothing to ask for."""
    april = date(2026, 4, 1)
    papers = numbered(april, 1, KINDS, held=BACK)
    source = api(index(*numbered(date(2026, 3, 31), 20000, KINDS), *papers, *numbered(date(2026, 4, 2), 406, KINDS)))

    assert ids(source.listing(april, ["cs.CL"])) == due(papers)
    assert batches(source)[0] == [f"2604.{number:05}" for number in (8, 7, 6, 5, 4, 3, 2, 1)]


def test_papers_held_back_are_found_by_keyword_too() -> None:
    """By the words of their titles and abstracts; others of the same block are not wanted."""
    source = api(index(*WORLD))

    assert ids(source.listing(DAY, [], ["foo 5405", "foo 5407", "foo 5500 NOT present", "foo 5812"])) == [
        "2603.05405",
        "2603.05407",
    ]


def alone(papers: Sequence[Paper], *numbers: int) -> list[Paper]:
    """The papers; of a quiet category only some."""
    wanted = {f"2603.{number:05}" for number in numbers}
    return [one.model_copy(update={"categories": ("cs.GL",)}) if one.arxiv_id in wanted else one for one in papers]


def test_the_only_paper_of_a_quiet_category_may_have_been_held_back() -> None:
    """Nothing was submitted in the window: the first papers of all arXiv show the border."""
    source = api(index(*alone(WORLD, 5407)))

    assert ids(source.listing(DAY, ["cs.GL"])) == ["2603.05407"]
    assert [query["search_query"] for query in asked(source) if query["search_query"]] == [
        f"(cat:cs.GL) AND {WIDE}",
        f"(cat:cs.*) AND {SPAN}",
        f"(cat:cs.GL) AND {WIDE}",
        AFTER_START,
        AFTER_END,
    ]


def test_a_quiet_category_may_have_nothing() -> None:
    """Its only paper came out a day later."""
    listing = api(index(*alone(WORLD, 5812))).listing(DAY, ["cs.GL"])

    assert (listing.items, listing.doubt) == ((), None)


def test_a_quiet_categorys_first_paper_may_stand_anywhere() -> None:
    """Submitted just after the freeze, but held back itself and announced a day later: it is no mark of the border."""
    odd = [
        one.model_copy(update={"submitted": START + 9 * timedelta(minutes=1)}) if one is AFTER[0] else one
        for one in WORLD
    ]
    source = api(index(*alone(odd, 5407, 5600, 5810)))

    assert ids(source.listing(DAY, ["cs.GL"])) == ["2603.05407", "2603.05600"]


def test_where_nothing_newer_is_known_the_listing_is_in_doubt() -> None:
    """All the index has may belong to it, but the index may be late."""
    source = api(index(*BEFORE, *OF_DAY))
    listing = source.listing(DAY, ["cs.CL"])

    assert ids(listing) == due(OF_DAY)
    assert listing.doubt == arxiv_api.UNSURE
    assert asked(source)[-1]["search_query"] == AFTER_END


def test_that_nothing_newer_is_known_is_not_kept(tmp_path: Path) -> None:
    """Later that day there may be something."""
    answers = Answers(tmp_path, DAY)
    assert api(index(*BEFORE, *OF_DAY), answers=answers).listing(DAY, ["hep-th"]).doubt

    assert api(index(*WORLD), answers=answers).listing(DAY, ["hep-th"]).doubt is None


def test_a_window_without_first_papers_is_an_error() -> None:
    """That the index has papers of it was just seen: without a border every paper would be of this date."""
    with pytest.raises(SourceError, match="knows papers of 2026-03-17, but not the first ones"):
        api(in_turn(NONE, ONE, NONE, NONE)).listing(DAY, ["cs.GL"])


def test_it_says_whether_the_index_reaches_a_freeze() -> None:
    """Somebody always submits in the last half hour."""
    assert api(index(sent(submitted=END - 29 * timedelta(minutes=1)))).reaches(END)
    assert not api(index(sent(submitted=END - 31 * timedelta(minutes=1)), sent(2, submitted=END + HOUR))).reaches(END)


def test_answers_by_identifier_are_kept_only_with_their_witness(tmp_path: Path) -> None:
    """Papers that arXiv does not know yet are asked for again the same day."""
    answers = Answers(tmp_path, DAY)
    api(in_turn(NONE, WHOLE), answers=answers).papers(["2603.00001", "2603.99999"])
    api(WHOLE, answers=answers).papers(["2603.00001", "2603.99999"])
    assert not (tmp_path / str(DAY)).exists()

    api(WHOLE, answers=answers).papers(["2603.00001", "2603.99999"], witness="2603.00001")
    source = api(WHOLE, answers=answers)

    assert set(source.papers(["2603.00001", "2603.99999"])) == {"2603.00001"}
    assert asked(source) == []


# ------------------------------------------------------------------------------------------ the newest of a query

TABLE = [sent(number, updated=END - number * HOUR) for number in range(1, 61)]  # the first was updated last


def test_the_newest_papers_come_by_time_of_update() -> None:
    """As many as are wanted, on one page."""
    source = api(index(*reversed(TABLE)))

    assert source.newest("cat:cs.CL", 40) == TABLE[:40]
    assert [(one["sortBy"], one["sortOrder"], one["max_results"]) for one in asked(source)] == [
        ("lastUpdatedDate", "descending", "40")
    ]


def test_more_than_a_page_of_the_newest_are_had() -> None:
    """Page by page."""
    source = api(index(*TABLE), page_size=25)

    assert source.newest("cat:cs.CL", 55) == TABLE[:55]
    assert [one["start"] for one in asked(source)] == ["0", "25", "50"]


@pytest.mark.parametrize(("newer", "sizes"), [(0, ["25"]), (24, ["25"]), (25, ["25", "50"])])
def test_of_what_is_known_only_the_newer_is_asked_for(newer: int, sizes: list[str]) -> None:
    """Twenty-five at first; all of them, if what is known is not reached."""
    source = api(index(*TABLE))
    known = {(one.arxiv_id, 1) for one in TABLE[newer:]}

    found = source.newest("cat:cs.CL", 50, known)

    assert [one["max_results"] for one in asked(source)] == sizes
    assert found == TABLE[: int(sizes[-1])]


def test_a_new_version_is_not_known() -> None:
    """The twenty-fifth paper was known, but at another version."""
    source = api(index(*TABLE))

    source.newest("cat:cs.CL", 50, {(one.arxiv_id, 2) for one in TABLE})

    assert [one["max_results"] for one in asked(source)] == ["25", "50"]


def test_a_rare_query_has_fewer() -> None:
    """All there are."""
    assert api(index(*TABLE)).newest("cat:cs.CL", 100) == TABLE


def test_that_a_query_has_nothing_is_asked_twice() -> None:
    """It may be one of arXiv's empty pages."""
    assert api(in_turn(NONE, index(*TABLE))).newest("cat:cs.CL", 10) == TABLE[:10]
    source = api(lambda url: NONE)
    assert source.newest("cat:cs.CL", 10) == []
    assert len(asked(source)) == 2


def unsorted(url: str) -> bytes:
    return atom([atom_entry(one) for one in (TABLE[1], TABLE[0], TABLE[2])])


def repeated(url: str) -> bytes:
    return atom([atom_entry(one) for one in (TABLE[0], TABLE[0], TABLE[1])], total=60)


@pytest.mark.parametrize("faulty", [unsorted, repeated])
def test_a_table_out_of_order_is_asked_again(faulty: Callable[[str], bytes]) -> None:
    """The sorting was ignored for days in 2025; a page that repeats a paper lacks another."""
    assert api(in_turn(faulty, index(*TABLE))).newest("cat:cs.CL", 3) == TABLE[:3]
    with pytest.raises(SourceError, match="does not send the newest papers in their order"):
        api(faulty).newest("cat:cs.CL", 3)


def test_the_newest_are_never_taken_from_before(tmp_path: Path) -> None:
    """They change all day, and what is known of them is on file."""
    source = api(index(*TABLE), answers=Answers(tmp_path, DAY))
    source.newest("cat:cs.CL", 3)
    source.newest("cat:cs.CL", 3)

    assert len(asked(source)) == 2


SECTION = [
    paper("2603.00001", title="Gated foo"),
    paper("2603.00002", title="Gated foo", categories=("hep-th",)),
    paper("2603.00003", title="A survey of gated foo"),
    paper("2603.00004", title="Bar", abstract="Bar.", authors=("Grace M. Hopper",)),
    paper("2603.00005", title="Bar", abstract="Bar.", authors=("Grace M. Hopper",), categories=("hep-th",)),
    paper("2603.00006", title="Bar", abstract="Bar."),
]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({"keywords": ["gated foo"]}, "123"),
        ({"keywords": ["gated foo", "bar"]}, "123456"),
        ({"keywords": ["gated foo"], "authors": ["Grace M. Hopper"]}, "12345"),
        ({"keywords": [], "authors": ['Grace "M. Hopper']}, "45"),
        ({"keywords": ["gated foo"], "authors": ["Grace M. Hopper"], "categories": ["cs.CL"]}, "134"),
        ({"keywords": ["gated foo"], "categories": ["cs", "hep-th"]}, "123"),
        ({"keywords": ["gated foo", "bar"], "categories": ["cs.*"], "exclude": ["survey", "bar"]}, "1"),
        ({"keywords": ["gated NOT survey"]}, "12"),
    ],
)
def test_a_section_is_asked_as_it_is_meant(arguments: dict[str, Any], found: str) -> None:
    """A keyword or an author, in one of the categories, without what it excludes; whatever arXiv's operators bind."""
    query = arxiv_api.section_query(**arguments)
    moments = [one.model_copy(update={"updated": END - n * HOUR}) for n, one in enumerate(SECTION)]

    assert [one.arxiv_id[-1] for one in api(index(*moments)).newest(query, 10)] == list(found)
