"""The services people use: the table is whole, and one of them gives what nobody has set."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fakes import paper

from digest import services
from digest.cli import main
from digest.config import Config, load
from digest.errors import ConfigError

WANTED = {"openai", "deepseek", "qwen", "moonshot", "zhipu", "siliconflow", "openrouter", "ollama", "vllm"}


def loaded(tmp_path: Path, text: str = "", given: dict[str, Any] | None = None, **environment: str) -> Config:
    file = tmp_path / "digest.toml"
    file.write_text(text, encoding="utf-8")
    return load(file, given or {}, environment)


def test_the_services_people_use_are_known() -> None:
    """Each by its name, with an address that is known as its own."""
    known = services.services()

    assert known.keys() >= WANTED
    for name, one in known.items():
        assert one.base_url.startswith("https://" if one.key else "http://127.0.0.1:"), name
        assert services.at(one.base_url) == (one if one.hosts else None), name
        assert one.model or not one.key, name


def test_prices_say_as_of_when_they_are() -> None:
    """And where to check them; no service without a price list is called free, unless it is the user's own."""
    for name, one in services.services().items():
        assert (one.as_of is not None) == bool(one.prices), name
        assert one.page or one.free, name
        assert one.free == (not one.key), name
    price = services.services()["deepseek"].known_prices["deepseek-chat"]
    assert (price.input, price.cached, price.output, price.source) == (0.28, 0.028, 0.42, "built in, as of 2025-10")


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://api.deepseek.com", "deepseek"),
        ("https://API.DeepSeek.com:443/v1", "deepseek"),
        ("https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "qwen"),
        ("http://localhost:11434/v1", "ollama"),
        (None, "openai"),
        ("https://api.deepseek.com.evil.example/v1", None),
        ("https://evil.example/api.deepseek.com", None),
        ("http://127.0.0.1:8000/v1", None),
        ("https://[broken/v1", None),
        ("https://api.openai.com:99999/v1", None),
        ("", None),
    ],
)
def test_a_service_is_known_by_its_address(address: str | None, name: str | None) -> None:
    """By the whole host; a port that anything may listen on is nobody's."""
    found = services.at(address)

    assert (found and found.name) == name


def test_a_service_gives_what_nobody_has_set(tmp_path: Path) -> None:
    """Address, model, concurrency, the key's variable, prices, and the reply format to begin with."""
    config = loaded(tmp_path, '[engine]\nservice = "deepseek"', DEEPSEEK_API_KEY="sk-deep", OPENAI_API_KEY="sk-open")

    engine = config.engine
    assert (engine.base_url, engine.model) == ("https://api.deepseek.com/v1", "deepseek-chat")
    assert (engine.concurrency, engine.timeout_seconds) == (64, 120.0)
    assert config.key() == "sk-deep"
    assert config.service is not None
    assert config.service.start == "json_object"
    price = config.price_table.of("deepseek-chat")
    assert price is not None
    assert price.output == 0.42


def test_the_usual_key_stands_in_for_a_services_own(tmp_path: Path) -> None:
    """A variable that is named in digest.toml stands for itself alone."""
    text = '[engine]\nservice = "deepseek"'

    assert loaded(tmp_path, text, DEEPSEEK_API_KEY=" ", OPENAI_API_KEY="sk-open").key() == "sk-open"
    with pytest.raises(ConfigError, match="MY_KEY"):
        loaded(tmp_path, f'{text}\napi_key_env = "MY_KEY"', DEEPSEEK_API_KEY="a", OPENAI_API_KEY="b").key()
    with pytest.raises(ConfigError, match="DEEPSEEK_API_KEY"):
        loaded(tmp_path, text).key()


def test_flags_and_the_file_win_over_the_service(tmp_path: Path) -> None:
    """Flag or variable, then digest.toml, then the service, then the default."""
    text = '[engine]\nservice = "deepseek"\nmodel = "mine"\nconcurrency = 3'
    given = {"engine.base_url": "http://127.0.0.1:9/v1", "engine.concurrency": 5}
    engine = loaded(tmp_path, text, given).engine

    assert (engine.base_url, engine.model, engine.concurrency) == ("http://127.0.0.1:9/v1", "mine", 5)
    assert engine.api_key_env == "DEEPSEEK_API_KEY"


def test_an_address_of_another_service_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A variable that was left set would send the one's key to the other; prices are the address's."""
    with caplog.at_level(logging.WARNING):
        config = loaded(tmp_path, '[engine]\nservice = "deepseek"', {"engine.base_url": "https://openrouter.ai/api/v1"})

    assert "wins over that of DeepSeek" in caplog.text
    assert config.service == services.services()["openrouter"]


def test_an_own_server_needs_no_key_and_costs_nothing(tmp_path: Path) -> None:
    """But the name of a model, since it has those that were installed."""
    text = '[engine]\nservice = "vllm"'
    config = loaded(tmp_path, text, {"engine.model": "qwen3"})

    assert config.key() == "none"
    price = config.price_table.of("qwen3")
    assert price is not None
    assert (price.input, price.output) == (0.0, 0.0)
    with pytest.raises(ConfigError, match=r"engine\.model: vLLM has no model"):
        loaded(tmp_path, text)


def test_an_unknown_service_is_a_mistake_that_names_the_known(tmp_path: Path) -> None:
    """With the place of the key."""
    with pytest.raises(ConfigError, match=r"digest\.toml: engine\.service: no service is called 'deepsek'; one of"):
        loaded(tmp_path, '[engine]\nservice = "deepsek"')


def test_without_a_service_only_known_addresses_have_prices(tmp_path: Path) -> None:
    """A gateway of somebody's own may charge what it likes."""
    address = '[engine]\nbase_url = "{}"'

    assert loaded(tmp_path).price_table.of("gpt-4o-mini") is not None
    assert loaded(tmp_path, address.format("https://api.deepseek.com/v1")).price_table.of("deepseek-chat") is not None
    assert loaded(tmp_path, address.format("https://gateway.example/v1")).price_table.of("gpt-4o-mini") is None
    assert loaded(tmp_path, '[engine]\nname = "my.lab:Engine"').price_table.of("gpt-4o-mini") is None


def test_a_users_prices_win(tmp_path: Path) -> None:
    """`[prices]` by model, and `price` in `[engine]` for the model in use."""
    text = """
        [engine]
        model = "mine"
        price = { input = 1.0, output = 2.0, currency = "CNY" }
        [prices."gpt-4o-mini"]
        input = 9.0
        output = 9.0
        """
    prices = loaded(tmp_path, text).price_table

    found = [prices.of(model) for model in ("mine", "gpt-4o-mini", "gpt-4o")]
    assert [one and (one.input, one.currency, one.source[:8]) for one in found] == [
        (1.0, "CNY", "digest.t"),
        (9.0, "USD", "digest.t"),
        (2.5, "USD", "built in"),
    ]


def test_a_price_stays_with_the_model_beside_which_it_stands(tmp_path: Path) -> None:
    """Another model by flag does not take it over; without a name in the file it is for whatever is asked."""
    price = "price = { input = 1.0, output = 2.0 }"
    given = {"engine.model": "other"}

    named = loaded(tmp_path, f'[engine]\nmodel = "mine"\n{price}', given).price_table
    assert (named.of("other"), named.of("mine") is None) == (None, False)
    assert loaded(tmp_path, f"[engine]\n{price}", given).price_table.of("other") is not None


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of files of papers, and nothing set in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "DIGEST_MODEL", "DIGEST_SERVICE", "DIGEST_NOW"):
        monkeypatch.delenv(name, raising=False)
    for day in (16, 17):
        row = paper(f"2603.000{day}", title=f"Foo {day}").model_dump_json()
        (tmp_path / f"2026-03-{day}.jsonl").write_text(f"{row}\n", encoding="utf-8")
    return tmp_path


def said(*arguments: str, **environment: str) -> str:
    done = CliRunner().invoke(main, ["run", "--dry-run", *arguments], env=environment)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("environment", [{}, {"DIGEST_SERVICE": "deepseek"}])
def test_a_service_is_chosen_by_flag_or_variable(folder: Path, environment: dict[str, str]) -> None:
    """A dry run needs no key and says what the price is, and as of when."""
    flags = [] if environment else ["--service", "deepseek"]
    output = said("--papers", "2026-03-17.jsonl", "--date", "2026-03-17", *flags, **environment)

    assert "1 request, about " in output
    assert "price of deepseek-chat: 0.28 in, 0.028 cached, 0.42 out, USD for a million tokens (built in" in output


def test_a_dry_run_over_several_dates_ends_with_their_sum(folder: Path) -> None:
    """A line a date, then the sum; for a machine, too."""
    flags = ("--papers", ".", "--since", "2026-03-16", "--service", "deepseek")
    lines = said(*flags, DIGEST_NOW="2026-03-17T16:00:00Z").splitlines()
    records = [json.loads(line) for line in said(*flags, "--json", DIGEST_NOW="2026-03-17T16:00:00Z").splitlines()]

    assert [line.partition(":")[0] for line in lines[:3]] == ["2026-03-16", "2026-03-17", "together"]
    assert [record["requests"] for record in records] == [1, 1, 2]
    assert records[2]["money"] == pytest.approx(records[0]["money"] + records[1]["money"])
    assert records[2]["sum_of"] == 2


def test_a_dry_run_that_fails_at_a_date_has_the_sum_before_it(folder: Path) -> None:
    """The failure is told last, and is the exit code."""
    (folder / "2026-03-17.jsonl").write_text("{", encoding="utf-8")
    flags = ("--papers", ".", "--since", "2026-03-16", "--service", "deepseek")
    done = CliRunner().invoke(main, ["run", "--dry-run", *flags], env={"DIGEST_NOW": "2026-03-17T16:00:00Z"})

    assert done.exit_code == 2
    assert "price of deepseek-chat" in done.stdout
    assert "Error: " in done.stderr
