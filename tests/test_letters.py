"""What a receiver is written: its part of a day, honest counts, and names that last."""

import pytest
from deliver.posts import DAY, NOW, Pigeon
from fakes import GOOD, edition, entry
from hypothesis import given
from hypothesis import strategies as st

from digest.deliver import Channel, Message
from digest.letters import MOST, Letterhead, Letters, edition_name, is_empty, part_of
from digest.models import Edition, Section
from digest.render import Look
from digest.resources import built_in

SITE = "https://ada.example/digest/"


def day(papers: int = 30) -> Edition:
    """Papers of two categories; two of them also in a keyword section."""
    entries = [
        entry(f"2603.{n:05}", title=f"Foo {n}", categories=("cs.CL" if n % 2 else "cs.CV",)) for n in range(papers)
    ]
    one = edition(*entries)
    first = Section(title="Video VQA", kind="keyword", arxiv_ids=("2603.00001", "2603.00002"))
    old = entry("2601.00009", categories=("cs.CL",), announce_type="replace")
    return one.model_copy(update={"sections": (first, *one.sections), "replacements": (old,)})


def write(one: Edition, *names: str, form: str = "short", channel: Channel | None = None, url: str = SITE) -> Message:
    writer = Letters(Look(folders=(built_in("templates"),), site_url=url))
    extra = Letterhead().headers(NOW, "zh-Hans")
    found = writer.edition(one, names, form, channel or Roomy(), "a@b", extra)  # type: ignore[arg-type]
    assert found
    return found


class Roomy(Pigeon):
    def fits(self, text: str) -> bool:
        return True


@pytest.mark.parametrize(
    ("names", "papers", "replacements"),
    [
        ((), 30, 1),
        (("video vqa",), 2, 0),
        (("cs.CL",), 15, 1),
        (("CS.cl", "Video VQA"), 16, 1),
        (("cs.*",), 30, 1),
        (("math.AG",), 0, 0),
        (("Video",), 0, 0),
    ],
)
def test_a_receiver_gets_the_sections_it_asked_for(names: tuple[str, ...], papers: int, replacements: int) -> None:
    """By title in any case, or by category; a replacement by its category."""
    part = part_of(day(), names)

    assert (len(part.entries), len(part.replacements)) == (papers, replacements)
    assert is_empty(part) == (papers == 0)
    assert Edition.model_validate(part.model_dump(by_alias=True)) == part


@given(st.sets(st.sampled_from(["Video VQA", "cs.CL", "cs.CV", "cs.*", "math.AG", "x"])))
def test_a_part_is_the_sum_of_its_sections(names: set[str]) -> None:
    """Nothing comes in that no name asks for, nothing is lost, and the order stays."""
    whole = day()
    part = part_of(whole, names)

    assert {one.paper.arxiv_id for one in part.entries} >= {
        one for section in part.sections for one in section.arxiv_ids
    }
    assert list(part.entries) == [one for one in whole.entries if one in part.entries]
    if names:
        single = [{one.paper.arxiv_id for one in part_of(whole, {name}).entries} for name in names]
        assert {one.paper.arxiv_id for one in part.entries} == set().union(*single)


@pytest.mark.parametrize("form", ["whole", "short"])
def test_a_part_says_of_how_many_it_is_one(form: str) -> None:
    """The ledger stays the day's: 30 were announced, 2 are here."""
    message = write(day(), "Video VQA", form=form)

    assert message.subject == "每日论文速览 2026-03-17：2 / 30 篇"
    for said in [message.text, *([message.html] if message.html else [])]:
        assert "当日 30 篇中的 2 篇" in said
        assert "30" in said.partition("当日")[0]
        assert "Foo 2" in said
        assert "Foo 3" not in said


def test_all_of_a_day_claims_no_choice() -> None:
    """Who gets everything reads the mail of the site."""
    message = write(day(), form="whole")

    assert message.subject == "每日论文速览 2026-03-17：30 篇"
    assert "所选" not in message.text
    assert message.html
    assert message.html.count(GOOD["tldr"]) == 30


def test_the_short_form_has_as_many_papers_as_there_is_room_for() -> None:
    """The first ones, and how many more there are, with the way to them."""
    message = write(day(), channel=Pigeon())

    shown = message.text.count(GOOD["tldr"])
    assert 0 < shown < MOST
    assert len(message.text) <= 1000
    assert f"当日另有 {30 - shown} 篇" in message.text
    assert message.text.endswith(f"\n{SITE}2026-03-17/index.html\n")
    assert "1. Foo 1\n" in message.text
    assert message.html is None


def test_the_short_form_is_short_where_there_is_room_for_all() -> None:
    """Nobody wants 600 papers in a chat."""
    assert write(day(60)).text.count(GOOD["tldr"]) == MOST


def test_the_short_form_marks_what_is_in_doubt() -> None:
    """And what has no card."""
    text = write(
        edition(entry(card=None, problems=("engine: 503",)), entry("2603.00002", problems=("result: 4",)))
    ).text

    assert "! 待补" in text
    assert "! 存疑" in text
    assert "当日另有" not in text


@pytest.mark.parametrize("language", ["zh-Hans", "zh-Hant", "ja", "ko", "en", "fr"])
def test_every_language_has_a_short_form_and_a_trial(language: str) -> None:
    """In the words of the edition's language."""
    one = day().model_copy(update={"language": language})
    text = write(one, "cs.CL", url="").text
    trial = Letters(Look(folders=(built_in("templates"),))).trial(language, "a@b", {})

    assert "15" in text
    assert "https://arxiv.org/abs/2603.00001v1" in text
    assert trial.subject.count("\n") == 0
    assert len(trial.text) > 20


def test_hostile_titles_keep_to_their_line() -> None:
    """No title makes a line of its own, or a header."""
    title = "A\r\nBcc: evil@example.org\n\n2. Fake\x00 \u202ekcab $x\\\\y$"
    message = write(edition(entry(title=title)))

    assert next(line for line in message.text.splitlines() if "Fake" in line).startswith("1. A Bcc: evil@example.org")
    assert not {"\0", "\u202e", "\r"} & set(message.text)


@given(st.text(alphabet="ab-_1"), st.text(alphabet="ab-_1"))
def test_two_receivers_never_share_a_name(one: str, other: str) -> None:
    """The same one has the same name for ever, each copy that is asked for its own."""
    first, second = (edition_name("s", DAY, "ja", name, "h") for name in (one, other))

    assert (first == second) == (one == other)
    assert edition_name("s", DAY, "ja", one, "h", 1) not in {first, second}
    assert edition_name("s", DAY, "ja", "a", "h") == "05825448ff85158a0830a328c536519c.digest@h"


@pytest.mark.parametrize(
    ("head", "host"),
    [
        (Letterhead("digest <me@Example.org>", SITE), "example.org"),
        (Letterhead(None, SITE), "ada.example"),
        (Letterhead(None, None), "digest.invalid"),
        (Letterhead("me@例え.jp"), "digest.invalid"),
        (Letterhead("me@[127.0.0.1]"), "digest.invalid"),
    ],
)
def test_a_message_is_named_after_its_sender(head: Letterhead, host: str) -> None:
    """As far as that is a name of ASCII."""
    assert head.host == host
    assert ("List-Unsubscribe" in head.headers(NOW, "ja")) == (head.sender is not None)
