"""digest.toml, variables and flags: one frozen Config, and every mistake named."""

from pathlib import Path

import pytest

from digest.config import Config, load
from digest.errors import ConfigError
from digest.rules import Rule, Rules


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    return tmp_path / "digest.toml"


def loaded(toml: Path, text: str, **given: object) -> Config:
    toml.write_text(text, encoding="utf-8")
    return load(toml, {name.replace("__", "."): value for name, value in given.items()}, {})


def test_what_is_given_wins_over_the_file_and_the_file_over_the_defaults(toml: Path) -> None:
    """Flag or variable, then digest.toml, then default."""
    config = loaded(toml, '[engine]\nmodel = "file"\nconcurrency = 3', engine__model="flag")

    assert (config.engine.model, config.engine.concurrency, config.engine.timeout_seconds) == ("flag", 3, 120)


def test_folders_of_the_file_stand_beside_it(toml: Path) -> None:
    """A cron job with --config works from any folder; a flag means the current one."""
    config = loaded(toml, 'output = "out"\ncache = "~/replies"', cache="here")

    assert config.output == toml.parent / "out"
    assert config.cache == Path("here")
    assert config.home == toml.parent


def test_categories_get_arxivs_spelling(toml: Path) -> None:
    """Case is mended, a whole archive is written with a star."""
    assert loaded(toml, 'categories = ["CS.cv", "cs.*", "math", "hep-th"]').categories == (
        "cs.CV",
        "cs.*",
        "math.*",
        "hep-th",
    )


def test_a_section_without_keywords_is_its_own_keyword(toml: Path) -> None:
    """`title` alone is enough."""
    (rule,) = loaded(toml, '[[section]]\ntitle = "Video Understanding"').rules.sections

    assert rule.keywords == ("Video Understanding",)


def test_keywords_of_a_call_join_those_of_the_file(toml: Path) -> None:
    """`--keyword` adds a section unless one has that title."""
    config = loaded(toml, '[[section]]\ntitle = "A"\nlimit = 5').with_keywords(["A", "B", "B"])

    assert [(one.title, one.limit) for one in config.section] == [("A", 5), ("B", 100)]


def test_keywords_of_a_call_may_be_expressions() -> None:
    """The text as given is the section's title and its keyword."""
    (rule,) = Config().with_keywords(["agents NOT survey"]).rules.sections

    assert (rule.title, rule.keywords) == ("agents NOT survey", ("agents NOT survey",))


@pytest.mark.parametrize("keyword", ["agents AND", "(", "!", "x" * 1000])
def test_a_keyword_of_a_call_that_can_not_be_read_is_named(keyword: str) -> None:
    """One line with the keyword and its mistake."""
    with pytest.raises(ConfigError, match=r"^keyword '") as caught:
        Config().with_keywords(["fine", keyword])
    assert len(str(caught.value).splitlines()) == 1


def test_rules_have_all_that_is_asked(toml: Path) -> None:
    """Authors, exclusions and cross-lists, of the whole and of a section."""
    rules = loaded(
        toml,
        """
        authors = ["Ada Lovelace"]
        exclude = ["survey", "ti:quantum"]
        cross_lists = false
        [[section]]
        title = "Agents"
        keywords = ["agent OR agents"]
        authors = ["A. Turing"]
        exclude = ["game"]
        categories = ["cs.ai"]
        """,
    ).rules

    assert rules == Rules(
        sections=(Rule("Agents", ("agent OR agents",), ("cs.AI",), ("A. Turing",), ("game",)),),
        authors=("Ada Lovelace",),
        exclude=("survey", "ti:quantum"),
        cross_lists=False,
    )


def test_a_section_of_authors_has_no_keyword(toml: Path) -> None:
    """Its title is a name for them, and may be any text; no rule asks for anything by default."""
    (rule,) = loaded(toml, '[[section]]\ntitle = "People (mine)"\nauthors = ["Ada Lovelace"]').rules.sections

    assert rule.keywords == ()
    assert loaded(toml, "").rules == Rules()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", "https://oaipmh.arxiv.org/oai"),
        ('api = "https://export.arxiv.org/api/query/"', "https://oaipmh.arxiv.org/oai"),
        ('api = "http://127.0.0.1:1/api/query"', None),
        ('oai = "http://127.0.0.1:1/oai/"', "http://127.0.0.1:1/oai"),
        ('api = "http://127.0.0.1:1/api/query"\noai = "http://127.0.0.1:1/oai"', "http://127.0.0.1:1/oai"),
    ],
)
def test_what_stands_in_for_the_search_stands_in_for_oai_only_if_named(
    toml: Path, text: str, address: str | None
) -> None:
    """A test or mirror of the search never makes us ask arXiv itself."""
    assert loaded(toml, f"[arxiv]\n{text}").oai_address == address


def test_languages_are_one_or_several_in_one_spelling(toml: Path) -> None:
    """The first one is that of the site; each counts once, however it is spelled."""
    assert loaded(toml, "").languages == ("zh-Hans",)
    assert loaded(toml, 'language = "zh-TW"').languages == ("zh-Hant",)
    config = loaded(toml, 'language = ["zh-CN", "ja-JP", "zh"]')

    assert (config.language, config.languages) == ("zh-Hans", ("zh-Hans", "ja"))


def test_the_first_language_has_the_output_folder_and_each_other_one_a_folder_in_it(toml: Path) -> None:
    """Also in a copy for one of them."""
    config = loaded(toml, 'output = "out"\nlanguage = ["zh-Hans", "ja"]')
    first, second = (config.in_language(tag) for tag in config.languages)

    assert (first.languages, first.output) == (("zh-Hans",), toml.parent / "out")
    assert (second.languages, second.output) == (("ja",), toml.parent / "out" / "ja")
    assert second.in_language("ja").output == second.output


def test_a_language_of_a_call_stays_in_the_place_that_the_file_gives_it(toml: Path) -> None:
    """`--language ja` alone means the Japanese part of the site; a language that the file lacks, a site of its own."""
    text = 'output = "out"\nlanguage = ["zh-Hans", "ja", "ko"]'

    assert loaded(toml, text, language=("ko", "ja")).in_language("ja").output == toml.parent / "out" / "ja"
    assert loaded(toml, text, language=("zh-CN",)).in_language("zh-Hans").output == toml.parent / "out"
    assert loaded(toml, text, language=("de",)).in_language("de").output == toml.parent / "out"
    assert loaded(toml, "", language=("ja",)).in_language("ja").output == Path("site")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tpyo = 1", "tpyo: unknown key"),
        ('language = "jp"', "language.0: 'jp' is no language that is known here; did you mean ja?"),
        ('language = ["ja", "tlh"]', "language.1: 'tlh' is no language that is known here"),
        ("language = []", "language: at least one language is needed"),
        ("language = 3", "language: a list is meant"),
        ('languages = ["ja"]', "languages: unknown key"),
        ('front = "ja"', "front: unknown key"),
        ("[engine]\nconcurency = 3", "engine.concurency: unknown key"),
        ('[engine]\nconcurrency = "8"', "engine.concurrency"),
        ("[engine]\nconcurrency = true", "engine.concurrency"),
        ("[arxiv]\ndelay_seconds = -1", "arxiv.delay_seconds"),
        ("engine = 3", "engine: "),
        ('categories = "cs.CV"', "categories: "),
        ('categories = ["cs.CV", "I.2.7"]', "categories.1"),
        ('[engine]\nbase_url = "localhost:1"', "engine.base_url"),
        ('api_key = "sk-secret"', "api_key: unknown key"),
        ("a = \nb = 1", "line 1"),
        ('output = "a\\u0000b"', "output: a path holds no NUL"),
        ("a = " + "[" * 5000 + "]" * 5000, "recursion"),
        ("[arxiv]\ndelay_seconds = inf", "arxiv.delay_seconds"),
        ('[engine]\nbase_url = "http://me:secret@host/v1"', "engine.base_url"),
        ('[engine]\napi_key_env = "sk-secret"', "engine.api_key_env"),
        ('[[section]]\ntitle = "' + "a b" * 1000 + '"', "section.0.title"),
        (
            '[[section]]\ntitle = "A"\nkeywords = ["a", "b AND"]',
            "section.0.keywords.1: at the end: a phrase is missing",
        ),
        ('[[section]]\ntitle = "A"\nexclude = ["a)"]', "section.0.exclude.0: ) at character 2: it closes nothing"),
        ('[[section]]\ntitle = "A (B)"', "section.0: the title is its keyword, as it has no other: ( at character 3"),
        ('exclude = ["NOT a"]', "exclude.0: NOT alone"),
        ('authors = ["Q."]', 'authors.0: an author is a name such as "Ada Lovelace"'),
        ('cross_lists = "no"', "cross_lists: "),
        ('[arxiv]\noai = "arxiv.org/oai"', "arxiv.oai: an address begins with"),
    ],
)
def test_each_mistake_is_named_with_its_place(toml: Path, text: str, said: str) -> None:
    """The message names the file and the key, never the value of a secret."""
    with pytest.raises(ConfigError) as caught:
        loaded(toml, text)

    assert str(toml) in str(caught.value)
    assert said in str(caught.value)
    assert "sk-secret" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_mistake_of_a_flag_does_not_blame_the_file(toml: Path) -> None:
    """Who gave the value is told."""
    with pytest.raises(ConfigError, match=r"^flag or variable: engine\.concurrency"):
        loaded(toml, "", engine__concurrency=0)


def test_all_mistakes_are_told_at_once(toml: Path) -> None:
    """One round of mending is enough."""
    with pytest.raises(ConfigError) as caught:
        loaded(toml, "x = 1\ny = 2")
    assert len(str(caught.value).splitlines()) == 2


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    """--config of a missing file is an error; a missing default is not."""
    with pytest.raises(ConfigError, match="not found"):
        load(tmp_path / "none.toml", {}, {})


def test_a_byte_order_mark_is_no_mistake(toml: Path) -> None:
    """Editors on Windows write one."""
    toml.write_bytes(b'\xef\xbb\xbfcategories = ["cs.CV"]')
    assert load(toml, {}, {}).categories == ("cs.CV",)


def test_the_key_comes_from_the_named_variable_and_is_never_shown(toml: Path) -> None:
    """The key is stripped, hidden in any print of the Config, and an empty variable is none."""
    toml.write_text('[engine]\napi_key_env = "MY_KEY"')
    config = load(toml, {}, {"MY_KEY": " sk-secret\n"})

    assert config.key() == "sk-secret"
    assert "sk-secret" not in f"{config} {config!r} {config.model_dump()} {config.model_dump_json()}"
    with pytest.raises(ConfigError, match="MY_KEY is not set"):
        load(toml, {}, {"MY_KEY": ""}).key()


def test_two_sections_of_one_title_are_refused(tmp_path: Path) -> None:
    """Their tables would take each other's place."""
    file = tmp_path / "digest.toml"
    file.write_text('[[section]]\ntitle = "A"\nkeywords = ["x"]\n[[section]]\ntitle = "A"\n', encoding="utf-8")

    with pytest.raises(ConfigError, match="section: two sections are titled 'A'"):
        load(file, {}, {})


def test_an_empty_folder_counts_as_unset(tmp_path: Path) -> None:
    """As an empty variable does: no site is written where the command happens to run."""
    file = tmp_path / "digest.toml"
    file.write_text('output = ""\n', encoding="utf-8")

    assert load(file, {}, {}).output == Path("site")


@pytest.mark.parametrize(
    ("environment", "shared"),
    [
        ({"HOME": "/home/ada"}, Path("/home/ada/.cache/bilingual-digest")),
        ({"XDG_CACHE_HOME": "/var/cache/x"}, Path("/var/cache/x/bilingual-digest")),
        ({}, None),
    ],
)
def test_processes_wait_for_each_other_in_a_folder_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], shared: Path | None
) -> None:
    """Also where a service manager names no home."""
    monkeypatch.chdir(tmp_path)

    assert load(None, {}, environment).shared == shared


def test_the_site_of_a_further_language_is_below_the_first_ones() -> None:
    """Its folder and its address on the web; each site knows the way to the others."""
    config = Config.model_validate({"language": ["zh-Hans", "ja", "ko"], "site_url": "https://x.org/d/"})

    first, second = config.in_language("zh-Hans"), config.in_language("ja")

    assert (first.site_url, second.site_url) == ("https://x.org/d", "https://x.org/d/ja")
    assert first.siblings == (("ja", "ja/index.html"), ("ko", "ko/index.html"))
    assert second.siblings == (("zh-Hans", "../index.html"), ("ko", "../ko/index.html"))
    assert first.in_language("ja", first.output).site_url == "https://x.org/d"
    assert Config().in_language("zh-Hans").siblings == ()


@pytest.mark.parametrize("url", ["https://x.org", "https://me.github.io/digest/", "http://[::1]:8000/a%20b"])
def test_the_sites_address_may_have_a_path(url: str) -> None:
    """Without a slash at its end: what follows brings its own."""
    assert Config.model_validate({"site_url": url}).site_url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "https://",
        "http://[::1",
        "https://x.y/?a=b",
        "https://x.y/#f",
        "https://x.y/a b",
        'https://x.y/">',
        "https://例.jp",
    ],
)
def test_an_address_that_no_path_can_follow_is_refused(url: str) -> None:
    """Every link of a feed and a mail would be broken."""
    with pytest.raises(ValueError, match="site_url"):
        Config.model_validate({"site_url": url})
