"""Our words in each language: all of them in every language, the nearest for a language without a file."""

import re
from pathlib import Path

import pytest
from fakes import edition, entry

from digest.models import Edition
from digest.render import Look, Volumes, open_formats
from digest.render.archive import Archive
from digest.render.environment import fill, html_environment, tags, text_environment
from digest.render.site import Site
from digest.resources import built_in
from render.samples import bill, doubtful, hostile, ordinary, replacement

LANGUAGES = ["zh-Hans", "zh-Hant", "ja", "ko", "en"]


def in_language(language: str, one: Edition | None = None) -> Edition:
    return (one or ordinary()).model_copy(update={"language": language})


def day(look: Look, language: str, one: Edition | None = None) -> str:
    return next(Site(look).day(in_language(language, one))).content.decode()


def our_own(page: str) -> str:
    """The text of a page that is neither style nor a stranger's."""
    page = re.sub(r"<style>.*?</style>|<!--.*?-->", "", page, flags=re.DOTALL)
    page = re.sub(r"<(\w+)[^>]* data-field=.*?</\1>", "", page, flags=re.DOTALL)
    return re.sub(r"<[^>]+>", " ", page)


def test_every_language_has_every_word() -> None:
    """The same names, and the same keys of each table; only arXiv's own words are in English alone."""
    environment = html_environment([built_in("templates")])
    modules = {one: environment.get_template(f"words/{one}.j2").module.__dict__ for one in LANGUAGES}
    wanted = modules["zh-Hans"]

    for language, have in modules.items():
        extra = {"acknowledgement", "months"} if language == "en" else set()
        assert set(have) == set(wanted) | extra, language
        for name, value in wanted.items():
            if isinstance(value, dict):
                assert have[name].keys() == value.keys(), (language, name)
            if isinstance(value, tuple) and name != "_body_stream":
                assert len(have[name]) == len(value), (language, name)
        assert have["tag"] == language


@pytest.mark.parametrize("language", [*LANGUAGES, "zh", "ZH-hant-TW", "fr", "pt-BR", "tlh"])
def test_every_format_speaks_every_language(look: Look, language: str) -> None:
    """Whatever an edition holds, no word is missing, and hostile text stays text."""
    days = [in_language(language, one) for one in (ordinary(), hostile(), edition(), edition(entry(), source="sample"))]

    for one in open_formats(look):
        pages = (
            [page for each in days for page in one.day(each)]
            + list(one.whole(Volumes.of(days)))
            + list(one.whole(Volumes.of([])))
        )
        assert all(page.content for page in pages)


@pytest.mark.parametrize(
    ("language", "spoken", "said"),
    [
        ("zh-Hans", "zh-Hans", "2026年3月17日 星期二"),
        ("zh", "zh", "2026年3月17日 星期二"),
        ("zh-TW", "zh-TW", "依規則排除"),
        ("ja", "ja", "2026年3月17日（火）"),
        ("ko-KR", "ko-KR", "2026년 3월 17일 화요일"),
        ("en", "en", "Tuesday, 17 March 2026"),
        ("fr", "en", "Tuesday, 17 March 2026"),
    ],
)
def test_a_page_speaks_the_language_of_its_edition(look: Look, language: str, spoken: str, said: str) -> None:
    """And says so; without words of ours it speaks English, and its cards say which language they are in."""
    page = day(look, language)

    assert f'<html lang="{spoken}">' in page
    assert said in page
    assert (f'data-field="tldr" lang="{language}"' in page) == (spoken != language)


@pytest.mark.parametrize("language", ["ko", "en", "fr"])
def test_no_chinese_word_of_ours_is_left_in_another_language(look: Look, language: str) -> None:
    """Only the cards, which the samples have in Chinese."""
    one = in_language(language, edition(entry(), doubtful(), entry("2603.00009", card=None), receipt=(bill(), bill())))
    archive = next(Archive(look).whole(Volumes.of([one]))).content.decode()

    assert re.findall("[\u4e00-\u9fff]+", our_own(day(look, language, one)).replace("GateNet", "")) == []
    assert re.findall("[\u4e00-\u9fff]+", our_own(archive)) == []


def test_english_says_nothing_twice(look: Look) -> None:
    """Where our words are English, no line in English stands below them."""
    page = day(look, "en", edition(entry(), replacements=(replacement(),)))

    assert page.count("17 March 2026") == 2  # the title of the window, and the head
    assert page.count(">Replacements<") == 2  # the contents, and the heading
    assert "Sample Sample" not in our_own(day(look, "en", edition(entry(), source="sample")))


def test_a_users_own_words_are_taken_first(tmp_path: Path) -> None:
    """A file in the user's folder brings a language that we have no words in."""
    own = tmp_path / "words"
    own.mkdir()
    text = (built_in("templates") / "words" / "en.j2").read_text(encoding="utf-8")
    (own / "fr.j2").write_text(
        text.replace('tag = "en"', 'tag = "fr"').replace("Motivation", "Pourquoi"), encoding="utf-8"
    )

    page = day(Look(folders=(tmp_path, built_in("templates"))), "fr-CA")

    assert '<html lang="fr-CA">' in page
    assert "<dt>Pourquoi</dt>" in page


def test_the_words_are_the_same_in_html_and_in_text() -> None:
    """Both environments read one file."""
    folders = [built_in("templates")]

    for make in (html_environment, text_environment):
        assert fill(make(folders), "atom/title.html.j2", "ja").strip() == "毎日の論文ダイジェスト"


@pytest.mark.parametrize("language", ["zh-Hans", "EN-gb", "fr", "sr-Latn-RS", "de-1996"])
def test_english_is_the_last_resort_for_every_language(language: str) -> None:
    """The language itself comes first, in the case that its files have."""
    found = tags(language)

    assert found[-1] == "en"
    assert found[0].lower() == language.lower()
