"""What an engine needs, looked for before anything is begun."""

import subprocess
import sys
from pathlib import Path

import pytest

from digest import backends
from digest import config as configs
from digest.config import Config
from digest.errors import ConfigError

KEY = "sk-secret-0123456789"
PLACES = """
[[engine.endpoint]]
base_url = "https://one.example.org/v1"
[[engine.endpoint]]
base_url = "https://two.example.org/v1"
api_key_env = "LAB_KEY"
"""
HERE = '[[engine.endpoint]]\nbase_url = "http://127.0.0.1:9/v1"\n'


def loaded(folder: Path, endpoints: str, workers: str = "workers = 0", **environment: str) -> Config:
    table = f'output = "site"\ncache = "cache"\n[engine]\nname = "cluster"\n{endpoints}\n[cluster]\n{workers}\n'
    (folder / "digest.toml").write_text(table, encoding="utf-8")
    return configs.load(folder / "digest.toml", {}, environment)


@pytest.mark.parametrize(
    ("environment", "name"),
    [({"OPENAI_API_KEY": KEY}, "LAB_KEY"), ({"LAB_KEY": KEY}, "OPENAI_API_KEY")],
    ids=["its own", "that of all"],
)
def test_the_key_of_each_endpoint_is_looked_for(tmp_path: Path, environment: dict[str, str], name: str) -> None:
    """The one that is missing is named, with the mend."""
    with pytest.raises(ConfigError, match=f"{name}: no key") as caught:
        backends.require(loaded(tmp_path, PLACES, **environment))
    assert caught.value.hint == f"export {name}=…"


def test_a_key_that_is_none_is_found_and_not_shown(tmp_path: Path) -> None:
    """It was copied with something beside it."""
    with pytest.raises(ConfigError, match="LAB_KEY: holds characters no key has") as caught:
        backends.require(loaded(tmp_path, PLACES, OPENAI_API_KEY=KEY, LAB_KEY="two words"))
    assert "two words" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    ("endpoints", "environment"),
    [(PLACES, {"OPENAI_API_KEY": KEY, "LAB_KEY": KEY}), (HERE, {}), ("", {"OPENAI_API_KEY": KEY})],
    ids=["all keys", "on this machine", "one service"],
)
def test_with_all_its_keys_a_cluster_needs_ray_for_workers_of_its_own_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, endpoints: str, environment: dict[str, str]
) -> None:
    """The message is the install line; a worker in this process needs none."""
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    backends.require(loaded(tmp_path, endpoints, **environment))
    for workers in ("", "workers = 2"):
        with pytest.raises(ConfigError, match="needs Ray, which is not installed") as caught:
            backends.require(loaded(tmp_path, endpoints, workers, **environment))
        assert caught.value.hint == "pip install 'bilingual-digest[cluster]'"
    monkeypatch.setattr(backends, "find_spec", lambda name: name == "ray" or None)
    backends.require(loaded(tmp_path, endpoints, "", **environment))


def test_looking_for_what_a_cluster_needs_imports_nothing_of_it(tmp_path: Path) -> None:
    """Ray takes seconds, and so do the clients of its workers."""
    loaded(tmp_path, PLACES, "")
    code = """if True:
        import sys
        from pathlib import Path
        from digest import backends, config
        backends.find_spec = lambda name: name
        backends.require(config.load(Path(sys.argv[1]), {}, {"OPENAI_API_KEY": "k", "LAB_KEY": "k"}))
        print(sorted({"ray", "openai", "aiohttp", "asyncio"} & set(sys.modules)))
    """
    call = [sys.executable, "-c", code, str(tmp_path / "digest.toml")]
    assert subprocess.run(call, capture_output=True, text=True, check=True).stdout.strip() == "[]"
