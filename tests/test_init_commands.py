"""`digest init` as a newcomer meets it: what it writes, asks, says and leaves alone."""

import json
import os
import stat
import sys
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fakes import edition, entry

from digest import config, init_commands, places
from digest.cli import main
from digest.store import Store

Init = Callable[..., Result]


@pytest.fixture
def init(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Init]:
    """`digest init …` in an empty folder; the environment is put back."""
    monkeypatch.chdir(tmp_path)
    before = dict(os.environ)
    for name in list(os.environ):
        if name.startswith(("LC_", "LANG", "XDG_CONFIG")) or name.endswith("_API_KEY"):
            del os.environ[name]
    yield lambda *words, **environment: CliRunner().invoke(main, ["init", *words], env=environment)
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input and error are one."""
    monkeypatch.setattr(init_commands, "on_terminal", lambda: True)


def settings() -> config.Config:
    return config.load(Path("digest.toml"), {}, {})


def test_an_empty_folder_gets_settings_and_a_file_for_the_keys(init: Init) -> None:
    """And is told what to do next; the key is missing, and no question was asked."""
    result = init()

    assert result.exit_code == 0, result.output
    assert settings().categories == ("cs.CV", "cs.CL", "cs.AI")
    assert settings().engine.service == "openai"
    assert "the usual ones, since none was given" in result.stdout
    assert "The key is missing: write OPENAI_API_KEY=... into digest.env" in result.stdout
    assert result.stdout.endswith("Next:\n  digest doctor\n  digest run\n")


def test_what_is_set_is_found_out_and_no_value_of_a_key_is_written(init: Init) -> None:
    """Service and model by the environment, the language by the locale."""
    result = init(DEEPSEEK_API_KEY="sk-never", DIGEST_MODEL="deepseek-reasoner", LANG="zh_TW.UTF-8")

    assert settings().engine.service == "deepseek"
    assert settings().engine.model == "deepseek-reasoner"
    assert settings().languages == ("zh-Hant",)
    assert "missing" not in result.stdout
    assert "sk-never" not in result.output + Path("digest.toml").read_text() + Path("digest.env").read_text()


def test_flags_win_over_a_site_and_a_site_over_the_usual(init: Init) -> None:
    """One that lost its settings gets them back, as far as its editions know them."""
    Store(Path("site")).save(edition(entry(categories=("hep-th",)), language="ja"))

    assert init("--keyword", "strings", "--category", "math").exit_code == 0
    assert settings().categories == ("math.*",)
    assert init("--force").exit_code == 0
    assert (settings().categories, settings().languages) == (("hep-th",), ("ja",))


def test_keywords_alone_are_asked_of_all_arxiv(init: Init) -> None:
    """As by `digest run`."""
    assert init("--keyword", "video", "--keyword", '"large model" AND ti:agent').exit_code == 0

    assert settings().categories == ()
    assert [one.title for one in settings().section] == ["video", '"large model" AND ti:agent']


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--category", "cs.CW"], "--category: arXiv has no category 'cs.CW'"),
        (["--keyword", "(a"], "--keyword: "),
        (["--language", "klingon"], "--language: "),
        (["--service", "opnai"], "no service is called 'opnai'"),
        (["--service", "ollama"], "Ollama has no model of its own"),
        (["--base-url", "ftp://x"], "digest.toml: engine.base_url: an address begins with http"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(init: Init, words: list[str], said: str) -> None:
    """Exit 2, and the folder is as it was."""
    result = init(*words)

    assert (result.exit_code, list(Path().iterdir())) == (2, [])
    assert said in result.stderr


def test_settings_that_are_there_stay(init: Init) -> None:
    """Exit 2, with what would replace them."""
    Path("digest.toml").write_text("mine", encoding="utf-8")

    result = init()

    assert result.exit_code == 2
    assert "digest.toml: is there already\n  hint: --force" in result.stderr
    assert Path("digest.toml").read_text(encoding="utf-8") == "mine"


def test_forced_it_keeps_what_was_there(init: Init) -> None:
    """Each under a name of its own; secrets are never replaced."""
    Path("digest.env").write_text("KEY=1\n", encoding="utf-8")
    Path("digest.env").chmod(0o600)
    for number in range(3):
        Path("digest.toml").write_text(f"# {number}", encoding="utf-8")
        assert init("--force").exit_code == 0

    kept = [Path(f"digest.toml.old{name}").read_text(encoding="utf-8") for name in ("", "1", "2")]
    assert kept == ["# 0", "# 1", "# 2"]
    assert Path("digest.env").read_text(encoding="utf-8") == "KEY=1\n"


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_the_file_for_the_keys_is_its_owners_alone(init: Init) -> None:
    """From the first byte, whatever the mask; and what comes next can read it."""
    mask = os.umask(0)
    try:
        init()
    finally:
        os.umask(mask)

    assert stat.S_IMODE(Path("digest.env").stat().st_mode) == 0o600
    assert CliRunner().invoke(main, ["status"]).exit_code == 0


def test_on_a_terminal_the_categories_are_asked_and_checked_at_once(
    init: Init, terminal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one question; a wrong answer is asked again, an empty one is the usual."""
    result = CliRunner().invoke(main, ["init"], input="cs.CW\nhep-th, CS.cv\n")

    assert result.exit_code == 0, result.output
    assert "arXiv has no category 'cs.CW'" in result.stderr
    assert settings().categories == ("hep-th", "cs.CV")
    assert CliRunner().invoke(main, ["init", "--force"], input="\n").exit_code == 0
    assert settings().categories == ("cs.CV", "cs.CL", "cs.AI")


def test_machines_are_told_in_json_and_asked_nothing(init: Init, terminal: None) -> None:
    """One line with what was written and why."""
    said = json.loads(init("--json", OPENAI_API_KEY="k").stdout)

    assert said["written"] == ["digest.toml", "digest.env"]
    assert said["categories"] == ["cs.CV", "cs.CL", "cs.AI"]
    assert (said["service"], said["has_key"], said["why"]["engine"]) == ("openai", True, "OPENAI_API_KEY is set")


def test_a_repository_is_to_leave_the_secrets_out(init: Init) -> None:
    """Said where there is one, until .gitignore names the file."""
    Path(".git").mkdir()

    assert "echo digest.env >> .gitignore" in init().stdout
    Path(".gitignore").write_text("digest.env\n", encoding="utf-8")
    assert ".gitignore" not in init("--force").stdout


def test_settings_elsewhere_are_named_in_what_comes_next(init: Init, tmp_path: Path) -> None:
    """And a folder given from here is the same one from there."""
    result = init("--config", "my folder/my.toml", "--output", "pages")

    assert "digest run --config 'my folder/my.toml'" in result.stdout
    assert config.load(Path("my folder/my.toml"), {}, {}).output == tmp_path / "pages"
    assert Path("my folder/digest.env").exists()


# ---- jobs


def test_a_job_needs_settings(init: Init) -> None:
    """It goes by them; the mend is said."""
    result = init("--schedule", "cron")

    assert result.exit_code == 2
    assert "hint: digest init writes it" in result.stderr


@pytest.mark.parametrize("name", init_commands.SCHEDULES)
def test_a_job_is_printed_or_written(init: Init, name: str, tmp_path: Path) -> None:
    """Printed, nothing is on disk; written, a second time nothing changes; both say how it is switched on."""
    init(OPENAI_API_KEY="k")
    before = sorted(path for path in tmp_path.rglob("*"))
    home = {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}

    printed = init("--schedule", name, **home)
    assert printed.exit_code == 0, printed.output
    assert sorted(path for path in tmp_path.rglob("*")) == before

    written = init("--schedule", name, "--write", **home)
    paths = [Path(line.removeprefix("Written: ")) for line in written.stdout.splitlines()]
    assert all(path.read_text(encoding="utf-8").rstrip() in printed.stdout for path in paths)
    assert "To switch it on:\n  " in written.stderr
    assert init("--schedule", name, "--write", **home).stdout.startswith("Nothing changed")


def test_a_job_is_not_written_over_anothers_file(init: Init) -> None:
    """Not one file of it, if one is in the way; forced, the other is kept."""
    init()
    Path(".dockerignore").write_text("mine", encoding="utf-8")

    refused = init("--schedule", "docker", "--write")
    assert (refused.exit_code, Path("Dockerfile").exists()) == (2, False)
    assert init("--schedule", "docker", "--write", "--force").exit_code == 0
    assert Path(".dockerignore.old").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    "words",
    [
        ["--write"],
        ["--pages"],
        ["--schedule", "cron", "--pages"],
        ["--schedule", "cron", "--force"],
        ["--schedule", "cron", "--output", "x"],
        ["--schedule", "at"],
    ],
)
def test_flags_that_would_be_lost_are_refused(init: Init, words: list[str]) -> None:
    """Rather than taken and not minded."""
    init()

    assert init(*words).exit_code == 2


def test_what_a_job_would_not_see_is_said(init: Init) -> None:
    """It starts without this shell's variables; those of the file of secrets it has."""
    init(OPENAI_API_KEY="k")
    shell = {"OPENAI_API_KEY": "k", "DIGEST_MODEL": "m"}
    said = init("--schedule", "cron", **shell).stderr
    assert "write OPENAI_API_KEY=... into" in said
    assert "DIGEST_MODEL is set here, not for the job" in said

    Path("digest.env").write_text("OPENAI_API_KEY=k\nDIGEST_MODEL=m\n", encoding="utf-8")
    assert "Note:" not in init("--schedule", "cron", **shell).stderr


def test_json_has_the_files_and_the_commands(init: Init) -> None:
    """For who puts them in place otherwise."""
    init()
    said = json.loads(init("--schedule", "systemd", "--json").stdout)

    assert [Path(one["path"]).name for one in said["files"]] == ["digest.service", "digest.timer"]
    assert "loginctl enable-linger" in said["commands"]


def test_the_program_is_named_by_its_full_path() -> None:
    """A job has no PATH to speak of."""
    words = places.program()

    assert Path(words[0]).is_absolute()
    assert Path(words[0]).exists()


def test_without_its_command_the_module_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As from a folder of sources."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python3"))

    assert places.program() == (str(tmp_path / "python3"), "-m", "digest")


def test_the_machines_zone_is_the_one_that_cron_goes_by(tmp_path: Path) -> None:
    """By its file, and its name by where that leads; without one it is UTC."""
    tzdata = pytest.importorskip("tzdata")
    zone = Path(tzdata.__file__).parent / "zoneinfo/Asia/Shanghai"
    (tmp_path / "localtime").symlink_to(zone)
    (tmp_path / "copy").write_bytes(zone.read_bytes())
    (tmp_path / "broken").write_bytes(b"x")

    assert places.local_zone(tmp_path / "localtime")[1] == "Asia/Shanghai"
    assert places.local_zone(tmp_path / "copy")[1] == "this machine's time"
    for name in ("broken", "none"):
        assert places.local_zone(tmp_path / name) == (UTC, "UTC")
