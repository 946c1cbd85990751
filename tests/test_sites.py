"""Several languages: one site in another, each of its own language, arXiv asked once."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import fakes
import pytest
from click.testing import CliRunner, Result
from fakes import FakeEngine, completion, edition, entry

from digest import sites
from digest.cli import main
from digest.config import Config
from digest.errors import ConfigError
from digest.models import FIELDS, Answer, Request
from digest.store import Store

SAMPLES = Path(__file__).parent / "data" / "languages"
DAY = date(2026, 3, 17)
Run = Callable[..., Result]


def written(tag: str) -> str:
    """A reply in a language."""
    lines = (SAMPLES / f"{tag}.txt").read_text(encoding="utf-8").splitlines()[:5]
    return json.dumps(dict(zip(FIELDS, lines, strict=True)), ensure_ascii=False)


def in_the_language_asked_for(request: Request) -> Answer:
    system = request.messages[0]["content"]
    return completion(written("ja" if "Japanese" in system else "zh-Hans"))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    fake = FakeEngine(in_the_language_asked_for)
    monkeypatch.setattr(fakes, "opened", lambda **_: fake)
    return fake


@pytest.fixture
def digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: FakeEngine) -> Run:
    """`digest` with a file of two papers in the current folder."""
    assert engine
    monkeypatch.chdir(tmp_path)
    abstract = "On three corpora Foo takes 12% less time; on WikiText-103 perplexity falls from 18.2 to 16.9."
    papers = [
        {"arxiv_id": f"2603.0000{n}", "title": f"Paper {n}", "abstract": abstract, "categories": ["cs.CL"]}
        for n in (1, 2)
    ]
    Path("day.jsonl").write_text("\n".join(map(json.dumps, papers)), encoding="utf-8")

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, arguments)

    return run


RUN = ("run", "--papers", "day.jsonl", "--date", str(DAY), "--engine", "fakes:opened")
BOTH = ("--language", "zh-Hans", "--language", "ja")


def saved(output: str, tag: str) -> None:
    Store(Path(output)).save(edition(entry(), language=tag))


def test_each_language_asked_for_gets_a_site(digest: Run, engine: FakeEngine) -> None:
    """The first one the output folder, the second one a folder in it, with every page."""
    result = digest(*RUN, *BOTH, "--json")

    assert result.exit_code == 0, result.output
    assert [json.loads(line)["language"] for line in result.stdout.splitlines()] == ["zh-Hans", "ja"]
    for folder, tag in (("site", "zh-Hans"), ("site/ja", "ja")):
        day = Store(Path(folder)).load(DAY)
        assert day
        assert (day.language, day.count("pending")) == (tag, 0)
        for page in ("index.html", "feed.xml", f"{DAY}/index.html", f"{DAY}/index.md"):
            assert (Path(folder) / page).exists()
    assert len(engine.asked) == 4


def test_a_second_run_in_two_languages_sends_nothing(digest: Run, engine: FakeEngine) -> None:
    """Nor does one in either of them alone."""
    digest(*RUN, *BOTH)
    engine.asked.clear()

    for languages in (BOTH, BOTH[:2], BOTH[2:]):
        assert digest(*RUN, *languages).exit_code == 0
    assert not engine.asked


def test_a_language_without_cards_does_not_stand_in_the_way_of_the_first(digest: Run, engine: FakeEngine) -> None:
    """A model that answers in Chinese only: the Chinese site is whole, the Japanese one says why it is not."""
    engine.answer = lambda _: completion(written("zh-Hans"))
    result = digest(*RUN, *BOTH)

    assert result.exit_code == 0, result.output
    first, second = (Store(Path(folder)).load(DAY) for folder in ("site", "site/ja"))
    assert first
    assert second
    assert (first.count("pending"), second.count("pending")) == (0, 2)
    assert all("is not in Japanese" in one.problems[0] for one in second.entries)
    assert digest(*RUN, *BOTH, "--strict").exit_code == 3


def test_a_damaged_edition_of_one_language_is_named_and_the_other_is_made(
    digest: Run, caplog: pytest.LogCaptureFixture
) -> None:
    """The exit code is the failure's, the line names date and language."""
    digest(*RUN, *BOTH)
    Path(f"site/editions/{DAY}.json").write_text('{"schema": 3}', encoding="utf-8")
    Path(f"site/ja/{DAY}/index.html").unlink()
    result = digest(*RUN, *BOTH)

    assert result.exit_code == 2
    assert any(message.startswith(f"{DAY}, zh-Hans: site/editions/") for message in caplog.messages)
    assert Path(f"site/ja/{DAY}/index.html").exists()


@pytest.mark.parametrize("arguments", [("show", str(DAY)), ("render",), ("status",)])
def test_the_other_commands_look_at_the_first_language_or_at_the_one_named(
    digest: Run, arguments: tuple[str, ...]
) -> None:
    """Each is told by `--language`, with or without a file that lists them."""
    saved("site", "zh-Hans")
    Store(Path("site/ja")).save(edition(entry("2603.00002"), entry("2603.00003"), language="ja", announced=DAY))
    Store(Path("site/ja")).save(edition(entry(), language="ja", announced=date(2026, 3, 16)))

    assert digest(*arguments, "--json").stdout != digest(*arguments, "--language", "ja", "--json").stdout
    assert digest(*arguments, "--language", "ko").exit_code == 2
    Path("digest.toml").write_text('language = ["zh-Hans", "ja"]', encoding="utf-8")
    assert digest(*arguments, "--language", "ja").exit_code == 0


def test_a_card_is_regenerated_in_the_language_of_its_site(digest: Run, engine: FakeEngine) -> None:
    """Also where no language is named and the site is not in the default one."""
    digest(*RUN, "--language", "ja")
    engine.asked.clear()
    digest("regenerate", "2603.00001", "--engine", "fakes:opened")

    assert ["Japanese" in one.messages[0]["content"] for one in engine.asked] == [True] * len(engine.asked)
    assert engine.asked


def test_a_site_in_one_language_takes_no_edition_in_another(digest: Run, engine: FakeEngine) -> None:
    """One line names both languages and the mend, and nothing is asked or changed."""
    digest(*RUN)
    engine.asked.clear()
    before = Path(f"site/editions/{DAY}.json").read_bytes()
    result = digest(*RUN, "--language", "ja")

    assert result.exit_code == 2
    assert result.stderr.startswith("Error: site holds editions in zh-Hans, not in ja\n")
    assert "--language zh-Hans --language ja" in result.stderr
    assert not engine.asked
    assert Path(f"site/editions/{DAY}.json").read_bytes() == before


def test_an_older_edition_in_another_language_is_not_overwritten(digest: Run) -> None:
    """Though the newest one is in the language asked for."""
    saved("site", "ja")
    Store(Path("site")).save(edition(entry(), language="zh-Hans", announced=date(2026, 3, 18)))
    result = digest(*RUN)

    assert result.exit_code == 2
    assert f"site holds the edition of {DAY} in ja, not in zh-Hans" in result.stderr


def test_the_sample_day_may_be_had_in_another_language(digest: Run) -> None:
    """It is nobody's record."""
    assert digest("run", "--sample", "--engine", "echo").exit_code == 0
    assert digest("run", "--sample", "--engine", "fakes:opened", "--language", "ja").exit_code == 0
    assert sites.held(Store(Path("site"))) is None


def test_a_blank_parts_the_languages_of_the_variable(digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """DIGEST_LANGUAGE is what a container is given."""
    monkeypatch.setenv("DIGEST_LANGUAGE", "zh-CN ja")
    assert digest(*RUN).exit_code == 0
    assert sites.held(Store(Path("site"))) == "zh-Hans"
    assert sites.held(Store(Path("site/ja"))) == "ja"


def test_a_dry_run_counts_every_language(digest: Run) -> None:
    """Two papers in two languages are four requests."""
    result = digest(*RUN, *BOTH, "--dry-run", "--json")
    assert [json.loads(line)["requests"] for line in result.stdout.splitlines()][:2] == [2, 2]


def test_the_language_that_is_held_is_that_of_the_newest_edition(tmp_path: Path) -> None:
    """Told by its first lines; none where there is none, or where it can't be told."""
    store = Store(tmp_path)
    assert sites.held(store) is None
    store.save(edition(entry(), language="ko", keywords=('"language": "de"',)))
    assert sites.held(store) == "ko"
    store.path(DAY).write_text("{}", encoding="utf-8")
    assert sites.held(store) is None


def test_the_second_language_is_found_where_only_it_is_named(tmp_path: Path) -> None:
    """A site made with two flags is looked at with one."""
    config = Config(language=("ja",), output=tmp_path)
    saved(str(tmp_path), "zh-Hans")
    with pytest.raises(ConfigError, match="holds editions in zh-Hans, not in ja"):
        sites.each(config)
    saved(str(tmp_path / "ja"), "ja")

    (one,) = sites.each(config)
    assert (one.output, one.language) == (tmp_path / "ja", "ja")


def test_pages_are_written_again_for_every_language_that_has_editions(digest: Run) -> None:
    """One command after a change of a template; a language without editions is passed over."""
    Path("digest.toml").write_text('language = ["zh-Hans", "ja", "ko"]', encoding="utf-8")
    digest(*RUN, "--language", "zh-Hans", "--language", "ja")
    pages = [Path("site/index.html"), Path("site/ja/index.html")]

    for asked, there in (((), [True, True]), (("--language", "ja"), [False, True])):
        for page in pages:
            page.unlink()
        result = digest("render", *asked)
        assert (result.exit_code, [page.exists() for page in pages]) == (0, there)
        digest("render")
