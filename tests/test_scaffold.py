"""The digest.toml of a newcomer: valid as it is, and with every example in it switched on."""

import re
import tomllib
from itertools import groupby
from pathlib import Path

import pytest
from fakes import edition, entry
from hypothesis import given
from hypothesis import strategies as st

from digest import config, scaffold
from digest.errors import ConfigError, TemplateError
from digest.models import Section
from digest.scaffold import Engine, Known, Plan, engine, settings
from digest.store import Store

DEEPSEEK = Engine("deepseek", None, None, "DEEPSEEK_API_KEY", True, "as given")
ELSEWHERE = Engine(None, "http://127.0.0.1:8000/v1", "m-1", "OPENAI_API_KEY", True, "at the address given")
PLANS = {
    "usual": Plan(("cs.CV", "cs.CL"), (), ("zh-Hans",), DEEPSEEK),
    "keywords alone": Plan((), ("video", '"a b" NOT c'), ("zh-Hant", "ja"), DEEPSEEK),
    "all": Plan(("cs.*",), ("video",), ("ja",), ELSEWHERE, "/srv/a b", "/srv/cache"),
}
#: An example begins with # and no blank.
EXAMPLE = re.compile(r"^#(?=[^# \n])", re.MULTILINE)


def text_of(plan: Plan) -> str:
    return settings(plan, Path("digest.toml"), "digest.env")


def loaded(text: str, folder: Path) -> config.Config:
    path = folder / "digest.toml"
    path.write_text(text, encoding="utf-8")
    return config.load(path, {}, {})


def blocks(text: str) -> list[tuple[int, int]]:
    """The examples, from line to line: a line alone, or a table with what stands below it without a line between."""
    lines = text.splitlines()
    runs = [
        [number for number, _ in some]
        for is_example, some in groupby(enumerate(lines), lambda one: bool(EXAMPLE.match(one[1])))
        if is_example
    ]
    tables = [run for run in runs if lines[run[0]].startswith("#[")]
    alone = [[number] for run in runs if run not in tables for number in run]
    return sorted((run[0], run[-1]) for run in tables + alone)


@pytest.mark.parametrize("name", PLANS)
def test_what_is_written_is_what_was_planned(tmp_path: Path, name: str) -> None:
    """Nothing is left to chance between the plan and the settings that a run reads."""
    plan = PLANS[name]
    found = loaded(text_of(plan), tmp_path)

    assert found.categories == plan.categories
    assert found.languages == plan.languages
    assert tuple(one.title for one in found.section) == plan.keywords
    assert found.engine.service == plan.engine.service
    assert found.engine.api_key_env == plan.engine.key_env
    assert found.engine.base_url == (plan.engine.base_url or "https://api.deepseek.com/v1")
    assert found.output == tmp_path / plan.output


@pytest.mark.parametrize("name", PLANS)
def test_every_example_is_valid_alone(tmp_path: Path, name: str) -> None:
    """Whoever takes one # away, or those of one table, has settings that hold, and other ones than before."""
    text = text_of(PLANS[name])
    before = loaded(text, tmp_path)
    lines = text.splitlines()
    for first, last in blocks(text):
        changed = [EXAMPLE.sub("", one) if first <= at <= last else one for at, one in enumerate(lines)]
        table = tomllib.loads("\n".join(changed))
        assert table != tomllib.loads(text), lines[first]
        assert loaded("\n".join(changed), tmp_path).home == before.home, lines[first]


@pytest.mark.parametrize("name", PLANS)
def test_all_examples_are_valid_together(tmp_path: Path, name: str) -> None:
    """And show what a newcomer asks for first."""
    found = loaded(EXAMPLE.sub("", text_of(PLANS[name])), tmp_path)

    assert found.smtp
    assert [one.name for one in found.deliver] == ["me", "group"]
    assert found.budget.per_day == 2
    assert all((found.site_url, found.readme, found.authors, found.exclude))
    assert (found.patience_minutes, found.cross_lists) == (90, False)


def test_it_is_short_and_every_line_says_what_it_is_for() -> None:
    """Each setting, on or off, stands below a sentence of its own, or in a table that has one."""
    text = text_of(PLANS["usual"])

    assert text.count("\n") < 70
    assert max(map(len, text.splitlines())) <= 120
    for part in text.split("\n\n")[1:]:
        assert part.startswith("# ")


@given(st.text(st.characters(codec="utf-8")))
def test_any_text_is_written_as_toml_reads_it(text: str) -> None:
    """Quotes, backslashes and control characters included."""
    assert tomllib.loads(f"x = {scaffold.toml(text)}\ny = {scaffold.toml([text])}") == {"x": text, "y": [text]}


def test_settings_that_would_be_refused_are_not_written() -> None:
    """The error names the file that they were for, and not the draft."""
    wrong = Plan(("cs.XX",), (), ("zh-Hans",), DEEPSEEK)

    with pytest.raises(ConfigError, match=r"^digest\.toml: categories\.0: arXiv has no category 'cs\.XX'"):
        text_of(wrong)


def test_an_own_template_wins(tmp_path: Path) -> None:
    """As for pages; a fault in it names its line."""
    own = tmp_path / "templates/init"
    own.mkdir(parents=True)
    (own / "digest.toml.j2").write_text("language = {{ languages }}\n{{ nothing }}\n", encoding="utf-8")

    with pytest.raises(TemplateError, match=r"digest\.toml\.j2:2: UndefinedError"):
        settings(PLANS["usual"], tmp_path / "digest.toml", "digest.env")


# ---- what can be found out


@pytest.mark.parametrize(
    ("environment", "service", "url", "expected"),
    [
        ({}, None, None, ("openai", None, "no service's key is set")),
        ({"OPENAI_API_KEY": "k"}, None, None, ("openai", None, "OPENAI_API_KEY is set")),
        ({"DEEPSEEK_API_KEY": "k", "OPENAI_API_KEY": " "}, None, None, ("deepseek", None, "DEEPSEEK_API_KEY is set")),
        (
            {"DEEPSEEK_API_KEY": "k", "OPENAI_API_KEY": "k"},
            None,
            None,
            ("openai", None, "OPENAI_API_KEY is set; DEEPSEEK_API_KEY is set, too"),
        ),
        ({"OPENAI_API_KEY": "k"}, "qwen", None, ("qwen", None, "as given")),
        ({}, None, "https://api.deepseek.com/v1", ("deepseek", None, "at the address given")),
        ({}, None, "https://api.deepseek.com", ("deepseek", "https://api.deepseek.com", "at the address given")),
        ({}, None, "http://gpu:8000/v1", (None, "http://gpu:8000/v1", "at the address given")),
        ({}, "qwen", "http://proxy/v1", ("qwen", "http://proxy/v1", "as given")),
        ({}, "qwen", "https://api.openai.com/v1", ("qwen", None, "as given")),
    ],
)
def test_the_service_is_found_out(
    environment: dict[str, str], service: str | None, url: str | None, expected: tuple[str | None, str | None, str]
) -> None:
    """By name, by address, by the key that is set, in this order."""
    found = engine(environment, service, url, None)

    assert (found.service, found.base_url, found.why) == expected


def test_a_service_without_a_model_of_its_own_asks_for_one() -> None:
    """What is installed there nobody else can know."""
    with pytest.raises(ConfigError, match="Ollama has no model of its own"):
        engine({}, "ollama", None, None)

    assert engine({}, "ollama", None, "qwen3").model == "qwen3"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ("zh-Hans", "")),
        ({"LANG": "C.UTF-8"}, ("zh-Hans", "")),
        ({"LANG": "zh_TW.UTF-8"}, ("zh-Hant", "LANG")),
        ({"LANG": "zh_HK"}, ("zh-Hant", "LANG")),
        ({"LANG": "zh_CN.GB18030"}, ("zh-Hans", "LANG")),
        ({"LANG": "ja_JP.eucJP@x"}, ("ja", "LANG")),
        ({"LANG": "ja_JP", "LC_ALL": "en_US"}, ("zh-Hans", "")),
        ({"LANG": "en_US", "LC_ALL": "", "LC_MESSAGES": "ja"}, ("ja", "LC_MESSAGES")),
        ({"LANG": "\udcff_nonsense"}, ("zh-Hans", "")),
    ],
)
def test_the_language_is_that_of_the_locale(environment: dict[str, str], expected: tuple[str, str]) -> None:
    """Of those that a reader here is likely to want; else Chinese."""
    assert scaffold.language_of_locale(environment) == expected


def test_a_site_says_what_it_was_made_for(tmp_path: Path) -> None:
    """Its newest edition does; a title that is no keyword, a damaged file and the sample day do not."""
    video = Section(title="Video", kind="keyword", arxiv_ids=())
    odd = Section(title="(", kind="keyword", arxiv_ids=())
    old = edition(entry(categories=("cs.CV",))).with_sections((video, odd))
    Store(tmp_path).save(old)
    Store(tmp_path / "ja").save(old.model_copy(update={"language": "ja"}))
    Store(tmp_path).path(old.announced.replace(day=18)).write_text("{", encoding="utf-8")

    assert scaffold.known(tmp_path) == Known(("cs.CV",), ("Video",), ("zh-Hans", "ja"))
    assert scaffold.known(tmp_path / "none") == Known()
