"""The file of secrets: what it says, what it refuses, and that it counts wherever the environment does."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from digest import envfile
from digest.cli import main
from digest.console import ENGINE, SHARED, TROUBLE, DigestGroup, options
from digest.errors import ConfigError

SECRET = "sk-1#2$HOME=3"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in; what a command puts into the environment goes with the test."""
    monkeypatch.chdir(tmp_path)
    before = dict(os.environ)
    yield tmp_path
    os.environ.clear()
    os.environ.update(before)


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / envfile.NAME
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


@click.group(cls=DigestGroup)
def group() -> None:
    pass


@group.command()
@options(ENGINE, SHARED)
def tell(**given: Any) -> None:
    if trouble := click.get_current_context().meta.get(TROUBLE):
        raise trouble
    click.echo(f"{given['model']} {os.environ.get('OPENAI_API_KEY')}")


def told(*words: str, **environment: str) -> str:
    result = CliRunner().invoke(group, ["tell", *words], env=environment)
    return result.output.strip()


def test_each_line_sets_a_variable(tmp_path: Path) -> None:
    """Quotes, `export` and comments are understood; nothing is put in for a $."""
    text = f"# keys\n\nA={SECRET}\nexport B=\"b c\" # why\nC='d'\nEMPTY=\n"

    assert envfile.read(written(tmp_path, text)) == {"A": SECRET, "B": "b c", "C": "d"}


@given(st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S"), exclude_characters="'\"`\\"), min_size=1))
def test_a_key_is_read_as_it_is_written(value: str) -> None:
    """Whatever letters, digits and signs a service puts into one, quotes apart."""
    assert dict(envfile._settings(Path("f"), f"A=1\nKEY={value}\n")) == {"A": "1", "KEY": value}


def test_no_file_says_nothing(tmp_path: Path) -> None:
    """It is there for those who need it."""
    assert envfile.read(tmp_path / "none") == {}


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o777])
def test_a_file_that_others_can_open_is_refused(tmp_path: Path, mode: int) -> None:
    """With the command that mends it."""
    path = written(tmp_path, "A=1\n", mode)

    with pytest.raises(ConfigError, match="others than its owner") as refused:
        envfile.read(path)

    assert refused.value.hint == f"chmod 600 '{path}'"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A=1\n\n\nkey sk-1\n", 4),
        ("KEY\n", 1),
        ('A=1\nB="open\nC=2\n', 2),
        ("A=1\nMY-KEY=2\n", 2),
        ("1A=2\n", 1),
    ],
)
def test_a_line_that_sets_nothing_is_an_error(tmp_path: Path, text: str, line: int) -> None:
    """It names the line and does not repeat it: a secret may stand there."""
    with pytest.raises(ConfigError) as refused:
        envfile.read(written(tmp_path, text))

    assert str(refused.value).endswith(f"{envfile.NAME}:{line}: not NAME=VALUE")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"A=\0", b"A=1\n" * (1 << 19)])
def test_what_is_no_such_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """Not UTF-8, not text, or far too long."""
    path = written(tmp_path, "")
    path.write_bytes(content)

    with pytest.raises(ConfigError):
        envfile.read(path)


def test_the_file_beside_the_settings_stands_in_for_the_environment(home: Path) -> None:
    """For options, too, which look there before a command runs."""
    written(home, "DIGEST_MODEL=m-1\nOPENAI_API_KEY=k-1\n")

    assert told() == "m-1 k-1"


def test_the_environment_wins_but_an_empty_variable_does_not(home: Path) -> None:
    """As a flag wins over both."""
    written(home, "DIGEST_MODEL=m-1\nOPENAI_API_KEY=k-1\n")

    assert told(DIGEST_MODEL="m-2", OPENAI_API_KEY="") == "m-2 k-1"
    assert told("--model", "m-3") == "m-3 k-1"


@pytest.mark.parametrize("call", [["--config", "else/digest.toml"], []])
def test_it_stands_beside_the_settings_that_are_used(home: Path, call: list[str]) -> None:
    """Named by the flag or by the variable."""
    (home / "else").mkdir()
    written(home, "DIGEST_MODEL=here\n")
    written(home / "else", "DIGEST_MODEL=there\n")

    assert told(*call, DIGEST_CONFIG="" if call else "else/digest.toml") == "there None"


def test_a_variable_names_another_file(home: Path) -> None:
    """And then it must be there."""
    other = written(home, "DIGEST_MODEL=m-9\n").rename(home / "other.env")

    assert told(DIGEST_ENV_FILE=str(other)) == "m-9 None"
    assert "gone.env: not found" in told(DIGEST_ENV_FILE="gone.env")


def test_a_group_and_its_commands_read_the_same_file(home: Path) -> None:
    """`digest cache --config FILE stats` does not go by the folder one is in."""
    (home / "else").mkdir()
    (home / "else/digest.toml").write_text("", encoding="utf-8")
    written(home, "no line\n")

    result = CliRunner().invoke(main, ["cache", "--config", "else/digest.toml", "stats"])

    assert result.exit_code == 0, result.output


def test_a_refused_file_ends_a_command_in_one_line(home: Path) -> None:
    """Exit 2, and nothing of what it says."""
    written(home, f"OPENAI_API_KEY {SECRET}\n")

    result = CliRunner().invoke(main, ["status"])

    assert result.exit_code == 2
    assert SECRET not in result.output
    assert result.stderr.startswith(f"Error: {envfile.NAME}:1: not NAME=VALUE")
