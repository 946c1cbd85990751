"""`digest deliver` as users meet it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from deliver.posts import DAY, Post, office
from fakes import edition, entry
from pytest_httpserver import HTTPServer

from digest import outbox
from digest.cli import main
from digest.store import Store

TOML = """
categories = ["cs.CL"]
output = "site"

[smtp]
host = "127.0.0.1"
port = {port}
security = "none"
sender = "digest <me@example.org>"

[[deliver]]
name = "me"
mail = "Ada <ada@example.org>"

[[deliver]]
name = "group"
url_env = "DIGEST_GROUP"
sections = ["cs.CL"]
"""
TOKEN = "s3cr3t-token-0815"


@pytest.fixture
def post() -> Iterator[Post]:
    with office() as found:
        yield found


@pytest.fixture
def call(post: Post, httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """`digest deliver …` beside a digest.toml with two receivers and one edition."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIGEST_NOW", "2026-03-17T06:00:00Z")
    monkeypatch.setenv("DIGEST_GROUP", f"json://{httpserver.host}:{httpserver.port}/{TOKEN}")
    monkeypatch.setattr(outbox, "PAUSES", (0.0, 0.0))
    httpserver.expect_request(f"/{TOKEN}").respond_with_data("ok")
    Path("digest.toml").write_text(TOML.format(port=post.port), encoding="utf-8")
    Store(Path("site")).save(edition(entry(), entry("2603.00002", categories=("cs.CV",))))
    return lambda *words: CliRunner().invoke(main, ["deliver", *words])


def test_the_newest_edition_goes_to_all(call: Callable[..., Result], post: Post, httpserver: HTTPServer) -> None:
    """A second call sends nothing, and says when they had it."""
    said = [call(), call()]

    assert [one.exit_code for one in said] == [0, 0]
    assert said[0].stdout == said[1].stdout
    assert said[0].stdout.splitlines() == [
        "2026-03-17 to me: sent 2026-03-17 06:00 UTC",
        "2026-03-17 to group: sent 2026-03-17 06:00 UTC",
    ]
    assert len(post.arrived) == len(httpserver.log) == 1


def test_again_sends_once_more(call: Callable[..., Result], post: Post, httpserver: HTTPServer) -> None:
    """To the receiver named alone."""
    call()
    said = call("2026-03-17", "--to", "me", "--again", "--json")

    assert said.exit_code == 0
    assert json.loads(said.stdout)["marks"][0]["attempts"] == 2
    assert (len(post.arrived), len(httpserver.log)) == (2, 1)


def test_who_was_not_reached_is_named(call: Callable[..., Result], post: Post, httpserver: HTTPServer) -> None:
    """With the reason and exit code 75, and no address that is a secret; the others have it."""
    post.refused["ada@example.org"] = "550 no such user"
    httpserver.clear()
    said = call("-v", "-v")

    assert said.exit_code == 75
    assert "2 receivers not reached: me: 127.0.0.1" in said.stderr
    assert "550 no such user; group: JSON: " in said.stderr
    assert TOKEN not in said.output


def test_a_dry_run_sends_nothing(call: Callable[..., Result], post: Post, httpserver: HTTPServer) -> None:
    """It says how much would go to whom."""
    said = call("--dry-run")
    assert said.stdout.startswith("2026-03-17, zh-Hans to me: whole, 2 papers, ")
    assert "kB of HTML\n2026-03-17, zh-Hans to group: short, 1 paper, " in said.stdout
    assert (len(post.arrived), len(httpserver.log)) == (0, 0)
    assert not Path("site/editions/.delivered").exists()
    call()
    assert call("--dry-run").stdout == "2026-03-17, zh-Hans: all have had it\n"
    assert [one["receiver"] for one in json.loads(call("--dry-run", "--again", "--json").stdout)["to"]] == [
        "me",
        "group",
    ]


def test_a_trial_says_of_each_way_whether_it_works(call: Callable[..., Result], post: Post) -> None:
    """And why not."""
    assert call("--test").stdout == "me: ok\ngroup: ok\n"
    post.refused["ada@example.org"] = "550 no such user"
    said = call("--test", "--json")

    assert said.exit_code == 75
    assert [one["ok"] for one in json.loads(said.stdout)] == [False, True]


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (["--to", "nobody"], 2, "no receiver is called 'nobody'\n  hint: one of me, group"),
        (["2026-03-18"], 2, "no edition of 2026-03-18"),
        (["--test", "2026-03-17"], 2, "exclude each other"),
        (["--test", "--again"], 2, "exclude each other"),
        (["--dry-run", "--test"], 2, "exclude each other"),
    ],
)
def test_what_can_not_be_meant_is_said(call: Callable[..., Result], words: list[str], code: int, error: str) -> None:
    """Before anything is sent."""
    said = call(*words)

    assert said.exit_code == code
    assert error in said.stderr


def test_without_receivers_the_table_is_named(call: Callable[..., Result]) -> None:
    """That would make one."""
    Path("digest.toml").write_text('categories = ["cs.CL"]', encoding="utf-8")

    said = call()
    assert said.exit_code == 2
    assert "[[deliver]]" in said.stderr


def test_another_run_at_work_is_not_disturbed(call: Callable[..., Result], post: Post) -> None:
    """Two processes would both send."""
    with Store(Path("site")).locked():
        said = call()

    assert said.exit_code == 75
    assert post.arrived == []
    assert DAY.isoformat() not in said.stdout
