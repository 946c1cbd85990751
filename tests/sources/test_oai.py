"""The OAI-PMH harvest: what a record tells, how a list is followed, and which pages and lists are refused."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

import pytest
from fakes import NOON, paper

from digest.errors import ConfigError, SourceError
from digest.sources.oai import MANY, Oai, set_spec, sets
from digest.sources.oai_page import Harvested
from sources.documents import HTML, Answer, Canned, in_turn, oai, oai_error, oai_record, parameters

FIRST, DAY = date(2026, 3, 4), date(2026, 3, 17)
NOTHING = oai_error("noRecordsMatch", "An empty list.")
EXPIRED = oai_error("badResumptionToken", "Expired.")


def record(number: int = 1, changed: str = "2026-03-17", **fields: Any) -> str:
    return oai_record(paper(f"2603.{number:05}", **fields), changed)


def harvest(answer: Callable[[str], Answer], *categories: str) -> list[Harvested]:
    return list(Oai(Canned(answer), "https://oai.test/oai").harvest(categories or ["cs.CL"], FIRST))


def ids(found: Sequence[Harvested]) -> list[str]:
    return [one.paper.arxiv_id[5:] for one in found]


def asked(session: Canned) -> list[dict[str, str]]:
    return [parameters(url) for url in session.asked]


def test_a_record_becomes_a_paper() -> None:
    """All that arXivRaw tells, at the highest version."""
    full = paper(
        version=3,
        title="a <b> & c",
        abstract="On one line.",
        updated=NOON.replace(day=18),
        comment="9 pages",
        journal_ref="J. 1",
        doi="10.1/x",
    )

    assert harvest(lambda url: oai(oai_record(full, "2026-03-19"))) == [Harvested(full, date(2026, 3, 19))]


def test_texts_come_on_one_line() -> None:
    """As everywhere."""
    wrapped = oai_record(paper(comment="9\n pages")).replace("Foo: Gated", " Foo:\n  Gated")

    [one] = harvest(lambda url: oai(wrapped))

    assert (one.paper.title, one.paper.comment) == (paper().title, "9 pages")


def test_versions_count_by_number_not_by_place() -> None:
    """Version 1 is the submission, the highest one the update; times are UTC."""
    versions = '<version version="v{}"><date>{}</date></version>'
    page = oai(
        record().replace(
            versions.format(1, "Tue, 17 Mar 2026 12:00:00 GMT"),
            versions.format(10, "Thu, 19 Mar 2026 01:00:00 +0100")
            + versions.format(9, "Wed, 18 Mar 2026 12:00:00 GMT")
            + versions.format(1, "Tue, 10 Mar 2026 17:59:59 GMT"),
        )
    )

    [one] = harvest(lambda url: page)

    assert one.paper.version == 10
    assert one.paper.submitted == datetime(2026, 3, 10, 17, 59, 59, tzinfo=UTC)
    assert one.paper.updated == datetime(2026, 3, 19, tzinfo=UTC)


def test_the_author_line_is_split() -> None:
    """Without places."""
    page = oai(oai_record(paper(), authors="Ada Lovelace (London, UK) and Alan Turing, Jr."))

    assert harvest(lambda url: page)[0].paper.authors == ("Ada Lovelace", "Alan Turing Jr.")


def test_classes_of_other_schemes_are_no_categories() -> None:
    """As in the search API; the primary one comes first."""
    page = oai(oai_record(paper(categories=("cs.CL", "hep-th")), extra_categories=["68T45", "I.2.7"]))

    assert harvest(lambda url: page)[0].paper.categories == ("cs.CL", "hep-th")


def test_a_harvest_asks_for_raw_records_of_a_set_and_span() -> None:
    """Without an end if none is given."""
    session = Canned(lambda url: oai(record()))
    source = Oai(session, "https://oai.test/oai/")

    list(source.harvest(["cs.CL"], FIRST))
    list(source.harvest(["cs.CL"], FIRST, DAY))

    query = {"verb": "ListRecords", "metadataPrefix": "arXivRaw", "set": "cs:cs:CL", "from": "2026-03-04"}
    assert asked(session) == [query, query | {"until": "2026-03-17"}]
    assert session.asked[0].startswith("https://oai.test/oai?verb=")


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("cs.CV", "cs:cs:CV"),
        ("cs", "cs:cs"),
        ("hep-th", "physics:hep-th"),
        ("astro-ph.CO", "physics:astro-ph:CO"),
        ("physics.optics", "physics:physics:optics"),
        ("q-bio.QM", "q-bio:q-bio:QM"),
        ("math-ph", "physics:math-ph"),
        ("eess.IV", "eess:eess:IV"),
    ],
)
def test_a_set_is_named_by_group_archive_and_subject(name: str, spec: str) -> None:
    """Seven archives are groups of their own, all others are physics."""
    assert set_spec(name) == spec


def test_each_category_has_a_set() -> None:
    """Each once, in the order of the archives."""
    assert sets(["cs.CL", "hep-th", "cs.CV", "cs.CL"]) == dict.fromkeys(
        ["cs:cs:CL", "cs:cs:CV", "physics:hep-th"], True
    )


@pytest.mark.parametrize("name", ["cs", "cs.*"])
def test_a_whole_archive_is_one_set(name: str) -> None:
    """Its single categories need none beside it."""
    assert sets(["cs.CL", name]) == {"cs:cs": True}


MORE = [f"cs.{letter}A" for letter in "ABCDEFGH"]


def test_many_categories_of_an_archive_are_one_set() -> None:
    """More than five; the set then holds more than was asked for."""
    assert len(sets(MORE[:MANY])) == MANY
    assert sets([*MORE[: MANY + 1], "math.CO"]) == {"cs:cs": False, "math:math:CO": True}


def test_what_a_whole_set_has_too_many_is_left_out() -> None:
    """A paper stays for its primary category or a cross-list, under today's name of it or an older one."""
    page = oai(
        record(1, categories=("cs.AA",)),
        record(2, categories=("hep-th", "cs.BA")),
        record(3, categories=("cs.ZZ", "stat.XX")),
        record(4, categories=("math.IT",)),
    )

    assert ids(harvest(lambda url: page, *MORE[:MANY], "cs.IT")) == ["00001", "00002", "00004"]


def test_a_paper_in_two_sets_comes_once() -> None:
    """A page of nothing but such papers goes in no circle."""
    pages = {"cs:cs:CL": oai(record(1), record(2)), "cs:cs:AI": oai(record(2), record(1))}

    assert ids(harvest(lambda url: pages[parameters(url)["set"]], "cs.CL", "cs.AI")) == ["00001", "00002"]


def test_of_two_records_of_a_paper_the_newer_counts() -> None:
    """On one page."""
    page = oai(record(1, "2026-03-18", version=2), record(2), record(1, "2026-03-17"))

    found = harvest(lambda url: page)

    assert {(one.paper.arxiv_id, one.paper.version, one.changed.day) for one in found} == {
        ("2603.00001", 2, 18),
        ("2603.00002", 1, 17),
    }
    assert len(found) == 2


def test_a_paper_changed_between_two_sets_comes_again() -> None:
    """What was given can't be taken back, so the last one counts."""
    pages = {"cs:cs:CL": oai(record(1)), "cs:cs:AI": oai(record(1, "2026-03-18", version=2))}

    found = harvest(lambda url: pages[parameters(url)["set"]], "cs.CL", "cs.AI")

    assert [(one.changed.day, one.paper.version) for one in found] == [(17, 1), (18, 2)]


def test_an_older_record_of_a_paper_does_not_come_again() -> None:
    """As from a set that an older copy of arXiv answers for."""
    pages = {"cs:cs:CL": oai(record(1)), "cs:cs:AI": oai(record(1, "2026-03-16"))}

    assert ids(harvest(lambda url: pages[parameters(url)["set"]], "cs.CL", "cs.AI")) == ["00001"]


def test_a_list_is_followed_to_its_end() -> None:
    """By token alone, whatever signs it has; an empty token or none ends it."""
    session = Canned(
        in_turn(oai(record(1), token="from%3D1&skip=1 x"), oai(record(2), token="t2"), oai(record(3), token=""))
    )

    assert ids(list(Oai(session, "https://oai.test/oai").harvest(["cs.CL"], FIRST))) == ["00001", "00002", "00003"]
    assert asked(session)[1:] == [
        {"verb": "ListRecords", "resumptionToken": "from%3D1&skip=1 x"},
        {"verb": "ListRecords", "resumptionToken": "t2"},
    ]


def test_pages_are_asked_for_when_needed() -> None:
    """No page is read ahead."""
    session = Canned(lambda url: oai(*(record(number) for number in (1, 2)), token="t"))
    found = Oai(session, "https://oai.test/oai").harvest(["cs.CL"], FIRST)

    assert len(session.asked) == 0
    assert ids([next(found), next(found)]) == ["00001", "00002"]
    assert len(session.asked) == 1


def test_deleted_records_are_no_papers(caplog: pytest.LogCaptureFixture) -> None:
    """A page of nothing else leads on."""
    caplog.set_level("DEBUG", "digest")
    gone = oai_record(paper("2603.00009"), deleted=True)

    assert ids(harvest(in_turn(oai(gone, token="t"), oai(record(1))))) == ["00001"]
    assert "2603.00009 is deleted" in caplog.text


def test_a_record_deleted_since_is_no_paper() -> None:
    """The newer of two records says so."""
    gone = oai_record(paper("2603.00001"), "2026-03-18", deleted=True)

    assert ids(harvest(lambda url: oai(gone, record(1), record(2)))) == ["00002"]


def test_pages_may_overlap() -> None:
    """A record that comes again as it was is no sign of trouble."""
    assert ids(harvest(in_turn(oai(record(1), record(2), token="t"), oai(record(2), record(3))))) == [
        "00001",
        "00002",
        "00003",
    ]


@pytest.mark.parametrize(
    "pages",
    [
        [oai(record(1), token="t"), oai(record(2), token="t"), oai(record(3))],
        [oai(record(1), token="t"), oai(record(2), token="u"), oai(record(3), token="t"), oai(record(4))],
        [oai(record(1), record(2), token="t"), oai(record(2), token="u"), oai(record(3))],
        [oai(record(1), token="t"), oai(record(1, "2026-03-16"), token="u"), oai(record(3))],
    ],
    ids=["token twice", "token again", "records again", "older records"],
)
def test_a_list_that_goes_in_circles_is_an_error(pages: list[bytes]) -> None:
    """The same token again, or a page with nothing new."""
    with pytest.raises(SourceError, match=r"cs:cs:CL: its pages go in circles after \d records"):
        harvest(in_turn(*pages))


def test_an_endless_list_in_circles_is_left() -> None:
    """New tokens alone are no progress."""
    numbers = count()
    session = Canned(lambda url: oai(record(1), token=f"t{next(numbers)}"))

    with pytest.raises(SourceError, match="in circles"):
        list(Oai(session, "https://oai.test/oai").harvest(["cs.CL"], FIRST))
    assert len(session.asked) == 2


def test_after_an_expired_token_the_list_is_read_anew() -> None:
    """Once; what came before does not come again."""
    answer = in_turn(oai(record(1), token="t"), EXPIRED, oai(record(1), token="t"), oai(record(2)))

    assert ids(harvest(answer)) == ["00001", "00002"]


def test_a_token_that_expires_twice_is_an_error() -> None:
    """With what arXiv's answer means."""
    with pytest.raises(SourceError, match=r"set cs:cs:CL: arXiv no longer knows the token .* \(read twice\)"):
        harvest(in_turn(oai(record(1), token="t"), EXPIRED, oai(record(1), token="t"), EXPIRED))


def moving() -> Iterator[bytes]:
    """The first record of three is changed while the first page is read: the third slips to that page."""
    yield oai(record(1, "2026-03-10"), record(2), token="t")
    yield oai(record(1, "2026-03-18", version=2))


def test_a_list_that_changes_while_it_is_read_is_read_anew() -> None:
    """A record that moved may have hidden another."""
    again = oai(record(2), record(3), token="t"), oai(record(1, "2026-03-18", version=2))

    found = harvest(in_turn(*moving(), *again))

    assert {one.paper.arxiv_id: one.changed.day for one in found} == {
        "2603.00001": 18,
        "2603.00002": 17,
        "2603.00003": 17,
    }


def test_a_list_that_keeps_changing_is_an_error() -> None:
    """It names the record."""
    with pytest.raises(SourceError, match=r"2603\.00001 was changed while the list was read \(read twice\)"):
        harvest(in_turn(*moving(), *moving()))


def test_no_records_is_a_result_if_said_twice() -> None:
    """Other sets follow."""
    session = Canned(in_turn(NOTHING, NOTHING, oai(record(1, categories=("hep-th",)))))

    assert ids(list(Oai(session, "https://oai.test/oai").harvest(["cs.CL", "hep-th"], FIRST))) == ["00001"]
    assert [query["set"] for query in asked(session)] == ["cs:cs:CL", "cs:cs:CL", "physics:hep-th"]


@pytest.mark.parametrize("name", ["cs.AI", "cs.*"])
def test_an_empty_set_that_has_a_paper_elsewhere_is_an_error(name: str) -> None:
    """A cross-list gives it away, whichever set was asked first."""
    pages = {"physics:hep-th": oai(record(1, categories=("hep-th", "cs.AI")))}

    for names in ([name, "hep-th"], ["hep-th", name]):
        with pytest.raises(SourceError, match=r"set cs:cs(:AI)?: it says it is empty"):
            harvest(lambda url: pages.get(parameters(url)["set"], NOTHING), *names)


def test_no_records_said_once_is_not_believed() -> None:
    """The second answer has them."""
    assert ids(harvest(in_turn(NOTHING, oai(record(1))))) == ["00001"]


def test_no_records_where_more_was_promised_is_asked_again() -> None:
    """A token is a promise."""
    assert ids(harvest(in_turn(oai(record(1), token="t"), NOTHING, NOTHING, oai(record(2))))) == ["00001", "00002"]


@pytest.mark.parametrize("status", [200, 404])
def test_a_list_that_stays_cut_is_an_error(status: int) -> None:
    """Never a shorter list, whatever the status."""
    with pytest.raises(SourceError, match=r"nothing, where more was promised|noRecordsMatch"):
        harvest(in_turn(oai(record(1), token="t"), (status, NOTHING)))


@pytest.mark.parametrize("words", ["Illegal. Reason: Set does not exist", "Reason: Invalid set request"])
def test_an_unknown_set_is_the_configs_fault(words: str) -> None:
    """With arXiv's words."""
    with pytest.raises(ConfigError, match=f"refuses the set physics:foo:XY: badArgument: {words}"):
        harvest(lambda url: oai_error("badArgument", words), "foo.XY")


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("code", ["badArgument", "badVerb", "cannotDisseminateFormat", "badResumptionToken"])
def test_another_error_is_told_in_arxivs_words(code: str, status: int) -> None:
    """Whatever the status."""
    with pytest.raises(SourceError, match=f"{code}: until date too late"):
        harvest(lambda url: (status, oai_error(code, "until date too late")))


@pytest.mark.parametrize("content", [HTML, oai(record())], ids=["html", "records"])
def test_another_status_is_told(content: bytes) -> None:
    """As a proxy's page; nor are records believed with it."""
    with pytest.raises(SourceError, match="HTTP 403"):
        harvest(lambda url: (403, content))


GOOD = oai(record())
BROKEN = {
    "html": HTML,
    "cut": GOOD[:-40],
    "blank": b"",
    "another format": GOOD.replace(b"OAI-PMH", b"OAI"),
    "another namespace": GOOD.replace(b"openarchives.org/OAI/2.0", b"openarchives.org/OAI/1.0"),
    "no records": oai(),
    "no records but a token": oai(token="t"),
    "another metadata format": GOOD.replace(b"arXivRaw", b"arXiv"),
    "no metadata": GOOD.replace(b"metadata>", b"about>"),
    "no header": GOOD.replace(b"header>", b"about>"),
    "no datestamp": GOOD.replace(b"datestamp>", b"stamp>"),
    "a datestamp that is none": GOOD.replace(b"2026-03-17</datestamp>", b"today</datestamp>"),
    "no id": GOOD.replace(b"<id>2603.00001</id>", b""),
    "another id": GOOD.replace(b"<id>2603.00001</id>", b"<id>2603.00002</id>"),
    "no title": GOOD.replace(b"title>", b"label>"),
    "a blank abstract": GOOD.replace(paper().abstract.encode(), b" \n"),
    "no categories": GOOD.replace(b"categories>", b"classes>"),
    "no category of arXiv's": GOOD.replace(b"cs.CL cs.AI", b"68T45"),
    "no versions": GOOD.replace(b"version>", b"edition>").replace(b"<version ", b"<edition "),
    "no version 1": GOOD.replace(b'"v1"', b'"v2"'),
    "a version without number": GOOD.replace(b'"v1"', b'"new"'),
    "a version without date": GOOD.replace(b"<date>Tue, 17 Mar 2026 12:00:00 GMT</date>", b""),
    "a date out of range": GOOD.replace(b"17 Mar 2026 12", b"17 Mar 2026 99"),
    "entities": GOOD.replace(b"<OAI-PMH", b'<!DOCTYPE x [<!ENTITY a "a">]><OAI-PMH'),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_page_is_asked_again(broken: bytes) -> None:
    """The second answer is whole."""
    assert broken != GOOD
    assert ids(harvest(in_turn(broken, GOOD))) == ["00001"]


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_page_that_stays_broken_is_an_error(broken: bytes) -> None:
    """Never a shorter list, on the first page or later."""
    with pytest.raises(SourceError, match=r"oai\.test: .* \(5 of 5 tries\)"):
        harvest(in_turn(oai(record(7), token="t"), broken))


def test_a_broken_record_is_named() -> None:
    """And what it lacks."""
    with pytest.raises(SourceError, match=r"the record 'oai:arXiv\.org:2603\.00002' can't be read: it has no title"):
        harvest(lambda url: oai(record(1), record(2).replace("title>", "label>")))


def test_a_harvest_of_no_category_is_the_configs_fault() -> None:
    """At once, before anything is asked."""
    with pytest.raises(ConfigError, match="goes by category"):
        Oai(Canned(lambda url: b""), "https://oai.test/oai").harvest([], FIRST)


def test_a_span_ends_after_its_beginning() -> None:
    """The caller's fault, told at once."""
    with pytest.raises(ValueError, match="from 2026-03-17 to 2026-03-04"):
        Oai(Canned(lambda url: b""), "https://oai.test/oai").harvest(["cs.CL"], DAY, FIRST)
