"""The documents are tested: what README.md says exists, and what exists is in README.md."""

import re
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from pydantic import BaseModel

from digest import __version__
from digest.cli import main
from digest.config import Config
from digest.console import VARIABLES
from digest.settings import (
    Arxiv,
    Budget,
    ClusterSettings,
    DeliverSettings,
    EndpointSettings,
    EngineSettings,
    FallbackSettings,
    Price,
    SectionSettings,
    Smtp,
    StoreSettings,
)

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(main.commands)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_readme(name: str) -> None:
    """A command that nobody can find does not exist."""
    assert f"`digest {name}" in README


@pytest.mark.parametrize("name", COMMANDS)
def test_every_flag_has_a_help_text(name: str) -> None:
    """--help explains each option."""
    for option in main.commands[name].params:
        assert not isinstance(option, click.Option) or option.help, option.name


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`digest ([^`\[]+)", README))))
def test_every_command_line_of_the_readme_is_understood(command: str) -> None:
    """Each call that README.md shows names a command and flags that exist."""
    name, *words = command.split()
    flags = {flag for option in main.commands[name].params for flag in option.opts}
    assert {word for word in words if word.startswith("-")} <= flags


def test_every_config_key_is_in_the_example() -> None:
    """The example digest.toml of README.md is valid and complete."""
    text = re.search(r"```toml\n(.*?)```", README, re.DOTALL)
    assert text
    table = tomllib.loads(text[1])
    Config.model_validate(table)
    parts: list[tuple[type[BaseModel], dict[str, object]]] = [
        (Config, table),
        (Arxiv, table["arxiv"]),
        (EngineSettings, table["engine"]),
        (FallbackSettings, table["engine"]["fallback"]),
        (EndpointSettings, table["engine"]["endpoint"][0]),
        (ClusterSettings, table["cluster"]),
        (Price, table["engine"]["price"]),
        (Price, table["prices"]["gpt-4o-mini"]),
        (Budget, table["budget"]),
        (SectionSettings, table["section"][0]),
        (StoreSettings, table["store"]),
        (Smtp, table["smtp"]),
        (DeliverSettings, table["deliver"][0] | table["deliver"][1]),
    ]
    for part, written in parts:
        keys = {field.alias or name for name, field in part.model_fields.items()}
        assert keys - {
            "file",
            "home",
            "hub",
            "shared",
            "api_key",
            "fallback_key",
            "store_url",
            "secrets",
            "front",
            "together",
        } == set(written), part


def test_every_variable_is_in_the_readme() -> None:
    """Variables of flags and those without a flag are listed."""
    names = {name for command in main.commands.values() for option in command.params for name in variables_of(option)}
    for name in names | set(VARIABLES) | {"DIGEST_NOW", "OPENAI_API_KEY"}:
        assert name in README


def variables_of(option: click.Parameter) -> set[str]:
    return {option.envvar} if isinstance(option.envvar, str) else set(option.envvar or ())


def test_the_changelog_has_this_version() -> None:
    """A release without words for its users is none."""
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_quick_start_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample day through the echo engine makes every page, without a key or a network."""
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(main, ["run", "--sample", "--engine", "echo"])

    assert result.exit_code == 0, result.output
    assert "0 requests" in result.stdout
    for page in ("index.html", "feed.xml", "2026-01-04/index.html", "2026-01-04/index.md"):
        assert (tmp_path / "site" / page).stat().st_size > 1000


def test_ci_runs_the_readmes_own_test_command() -> None:
    """What lands a change is what a stranger is told to run."""
    line = next(line for line in README.splitlines() if "tests/check.py" in line)
    assert line in (ROOT / ".ci/run").read_text(encoding="utf-8")
