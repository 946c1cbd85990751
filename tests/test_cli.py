"""The commands as users meet them: standard output, standard error, exit codes, files."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fakes import GOOD, entry, paper
from fakes import edition as edition_of
from loopback import Arxiv, compile_once, submitted
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from digest import schedule
from digest.cli import main
from digest.store import Store

DAY = "2026-03-17"
KEY = "sk-never-shown"
PAPERS = [
    paper("2603.00001", categories=("cs.CV", "cs.AI")),
    paper("2603.00002", title="Bar: Fewer Steps", abstract="Bar needs 12 steps, 3.5% fewer.", categories=("cs.CL",)),
    paper("2603.00003", title="Baz", abstract="Baz is a data set of 1,200 clips.", categories=("cs.CV",)),
]

Run = Callable[..., Result]


class Service:
    """An OpenAI-compatible service on loopback that answers every request alike."""

    def __init__(self, server: HTTPServer) -> None:
        self.server = server
        self.asked: list[dict[str, Any]] = []
        self.status = 200
        self.error: dict[str, Any] = {"message": "no", "code": "no"}
        self.fields = dict(GOOD)
        self.deaf = 0  #: messages that the webhook refuses
        server.expect_request("/v1/chat/completions", method="POST").respond_with_handler(self.answer)

    def answer(self, request: Request) -> Response:
        self.asked.append(json.loads(request.data))
        if self.status != 200:
            return self.json({"error": self.error}, self.status)
        message = {"role": "assistant", "content": json.dumps(self.fields, ensure_ascii=False)}
        usage = {"prompt_tokens": 900, "completion_tokens": 300, "total_tokens": 1200}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return self.json({"id": "x", "model": "m-1", "choices": [choice], "usage": usage})

    @staticmethod
    def json(body: object, status: int = 200) -> Response:
        return Response(json.dumps(body), status, content_type="application/json")


@pytest.fixture
def service(httpserver: HTTPServer) -> Service:
    return Service(httpserver)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with a file of three papers."""
    monkeypatch.chdir(tmp_path)
    rows = [one.model_dump(mode="json") | {"announced": DAY} for one in PAPERS]
    Path("day.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return tmp_path


@pytest.fixture
def digest(home: Path, service: Service, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in `home` with the service as its endpoint."""
    compile_once(monkeypatch)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", service.server.url_for("/v1"))
    monkeypatch.setenv("DIGEST_NOW", "2026-03-20T12:00:00Z")

    def run(*args: str, **environment: str) -> Result:
        result = CliRunner().invoke(main, args, env=environment)
        assert KEY not in result.output
        assert result.exit_code != 1, result.output
        return result

    return run


@pytest.fixture
def day(digest: Run) -> Run:
    """The commands after a run over the three papers."""
    result = digest("run", "--papers", "day.jsonl", "--date", DAY)
    assert result.exit_code == 0, result.output
    return digest


def snapshot(home: Path) -> dict[str, bytes]:
    files = (path for path in sorted((home / "site").rglob("*")) if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(home)): path.read_bytes() for path in files}


def test_a_run_writes_the_record_and_every_page(day: Run, home: Path, service: Service) -> None:
    """One request a paper; the edition, the day's two pages, the archive and the feed are there."""
    assert len(service.asked) == 3
    assert {"editions/2026-03-17.json", f"{DAY}/index.html", f"{DAY}/index.md", "index.html", "feed.xml"} <= {
        name.removeprefix("site/") for name in snapshot(home)
    }
    record = json.loads((home / f"site/editions/{DAY}.json").read_text(encoding="utf-8"))
    assert record["schema"] == 3
    assert [one["title"] for one in record["sections"]] == ["cs.CL", "cs.CV"]
    assert [one["problems"] for one in record["entries"]] == [[], [], []]
    assert record["entries"][0]["card"]["tldr"] == GOOD["tldr"]


def test_a_second_run_sends_nothing_and_changes_no_byte(day: Run, home: Path, service: Service) -> None:
    """Nothing is paid twice, and a site under version control stays quiet."""
    before = snapshot(home)

    result = day("run", "--papers", "day.jsonl", "--date", DAY)

    assert "0 requests" in result.stdout
    assert len(service.asked) == 3
    assert snapshot(home) == before


def test_a_run_makes_what_is_missing_or_older_than_its_sources(day: Run, home: Path) -> None:
    """A page that a crash left unwritten, or a template changed since, is made again without a word to the model."""
    before = snapshot(home)
    (home / f"site/{DAY}/index.md").unlink()

    assert "index.md" in day("run", "--papers", "day.jsonl", "--date", DAY, "--json").stdout
    assert snapshot(home) == before
    own = home / "templates/markdown"
    own.mkdir(parents=True)
    (own / "day.md.j2").write_text("mine\n", encoding="utf-8")
    day("run", "--papers", "day.jsonl", "--date", DAY)
    assert (home / f"site/{DAY}/index.md").read_text(encoding="utf-8") == "mine\n"


def test_a_lost_edition_comes_back_from_the_cache(day: Run, home: Path, service: Service) -> None:
    """Without its edition the day is made again of replies that are paid for, byte for byte."""
    before = snapshot(home)
    (home / f"site/editions/{DAY}.json").unlink()

    day("run", "--papers", "day.jsonl", "--date", DAY)

    assert len(service.asked) == 3
    assert snapshot(home) == before


def test_an_echo_makes_way_for_a_model(digest: Run, home: Path, service: Service) -> None:
    """Pages looked at without a model leave no card and no reply that a model's run would take for its own."""
    digest("run", "--papers", "day.jsonl", "--date", DAY, "--engine", "echo")
    assert not service.asked

    assert "3 requests" in digest("run", "--papers", "day.jsonl", "--date", DAY).stdout
    record = json.loads((home / f"site/editions/{DAY}.json").read_bytes())
    assert {one["card"]["origin"]["engine"] for one in record["entries"]} == {"chat"}


def test_a_lost_cache_costs_no_card(day: Run, home: Path, service: Service) -> None:
    """What has a card in the record is not asked for again."""
    for path in (home / "cache").iterdir():
        path.unlink()

    assert day("run", "--papers", "day.jsonl", "--date", DAY).exit_code == 0
    assert len(service.asked) == 3


def test_regenerate_sends_one_request_and_changes_that_card_alone(day: Run, home: Path, service: Service) -> None:
    """The card changes on every page that holds it; the old one stays in the record."""
    before = json.loads((home / f"site/editions/{DAY}.json").read_bytes())
    service.fields["tldr"] = "重新生成的摘要说明该方法更加稳定可靠。"

    result = day("regenerate", "2603.00002", "--hint", "更短")

    after = json.loads((home / f"site/editions/{DAY}.json").read_bytes())
    assert result.exit_code == 0
    assert len(service.asked) == 4
    assert "更短" in json.dumps(service.asked[-1], ensure_ascii=False)
    changed = [
        old["paper"]["arxiv_id"] for old, new in zip(before["entries"], after["entries"], strict=True) if old != new
    ]
    assert changed == ["2603.00002"]
    assert after["entries"][1]["earlier"][0]["tldr"] == GOOD["tldr"]
    for page in ("index.html", "index.md"):
        text = (home / "site" / DAY / page).read_text(encoding="utf-8")
        assert text.count("重新生成的摘要说明该方法更加稳定可靠") == 1
        assert text.count("本文提出一种新的门控方法") == 2


def test_undo_brings_the_old_card_back(day: Run, home: Path, service: Service) -> None:
    """Once undone, the feed has the old card again; undone twice, the new card is back."""
    before = snapshot(home)
    service.fields["tldr"] = "重新生成的摘要说明该方法更加稳定可靠。"
    day("regenerate", "2603.00002")
    renewed = snapshot(home)

    assert day("regenerate", "2603.00002", "--undo").exit_code == 0
    undone = snapshot(home)
    day("regenerate", "2603.00002", "--undo")

    assert undone["site/feed.xml"] == before["site/feed.xml"] != renewed["site/feed.xml"]
    assert snapshot(home) == renewed
    assert len(service.asked) == 4


def test_an_unusable_regeneration_leaves_everything_as_it_was(day: Run, home: Path, service: Service) -> None:
    """A reply without a card never takes the place of one; what was paid for it is counted and receipted."""
    before = snapshot(home)
    record = f"site/editions/{DAY}.json"
    service.fields = {"tldr": "only one field"}

    result = day("regenerate", "2603.00001")

    assert result.exit_code == 75
    assert "2603.00001" in result.stderr
    after = snapshot(home)
    old, new = json.loads(before.pop(record)), json.loads(after.pop(record))
    assert after["site/feed.xml"] == before["site/feed.xml"]
    assert [len(entry.pop("replies")) for entry in old["entries"]] == [1, 1, 1]
    assert [len(entry.pop("replies")) for entry in new["entries"]] == [5, 1, 1]  # paid for, so counted
    assert (old.pop("receipt")[0]["replies"], new.pop("receipt")[0]["replies"]) == (3, 7)
    assert new == old


def test_what_fails_its_checks_twice_is_marked_and_kept(digest: Run, home: Path, service: Service) -> None:
    """A figure that is nowhere in the abstract is asked about once more, then shown with a mark."""
    service.fields["result"] = "准确率达到 98.7%，优于已有方法。"

    result = digest("run", "--papers", "day.jsonl", "--date", DAY)

    assert len(service.asked) == 6
    assert "98.7" in json.dumps(service.asked[-1]["messages"][-1], ensure_ascii=False)
    assert "3 flagged" in result.stdout
    record = json.loads((home / f"site/editions/{DAY}.json").read_bytes())
    assert all("98.7" in one["problems"][0] for one in record["entries"])
    assert (home / f"site/{DAY}/index.html").read_text(encoding="utf-8").count('data-state="flagged"') == 3


def test_a_paper_without_card_stands_on_the_page_with_its_reason(digest: Run, home: Path, service: Service) -> None:
    """Pending papers are counted, and --strict makes them an exit code."""
    digest("run", "--papers", "day.jsonl", "--date", DAY)
    record = home / f"site/editions/{DAY}.json"
    text = json.loads(record.read_bytes())
    text["entries"][0] |= {"card": None, "problems": ["engine: HTTP 500"], "replies": []}
    record.write_text(json.dumps(text), encoding="utf-8")
    for path in (home / "cache").iterdir():
        path.unlink()
    service.fields["method"] = ""

    result = digest("run", "--papers", "day.jsonl", "--date", DAY, "--strict")

    assert result.exit_code == 3
    assert "1 pending" in result.stdout
    page = (home / f"site/{DAY}/index.html").read_text(encoding="utf-8")
    assert page.count('data-state="pending"') == 1
    assert page.count("<article ") == 3


def test_a_dry_run_asks_and_writes_nothing(digest: Run, home: Path, service: Service) -> None:
    """It says requests, tokens and, with a price, money."""
    (home / "digest.toml").write_text("[engine]\nprice = { input = 1.0, output = 2.0 }", encoding="utf-8")

    result = digest("run", "--papers", "day.jsonl", "--date", DAY, "--dry-run", "--json")

    said = json.loads(result.stdout)
    assert (said["papers"], said["requests"]) == (3, 3)
    assert said["money"] > 0
    assert not service.asked
    assert not snapshot(home)


# ------------------------------------------------------------------------------------------ what goes wrong


def test_without_a_key_the_variable_is_named(digest: Run, home: Path) -> None:
    """Exit 2, and nothing was collected."""
    result = digest("run", "--sample", OPENAI_API_KEY="")

    assert result.exit_code == 2
    assert "OPENAI_API_KEY" in result.stderr
    assert not snapshot(home)


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (401, {"message": f"Incorrect API key provided: {KEY}", "code": "invalid_api_key"}, "key"),
        (404, {"message": "The model does not exist", "code": "model_not_found"}, "gpt-4o-mini"),
        (429, {"message": "You exceeded your current quota", "code": "insufficient_quota"}, "quota"),
    ],
)
def test_a_refusing_service_is_the_users_to_mend(
    digest: Run, home: Path, service: Service, status: int, error: dict[str, Any], said: str
) -> None:
    """Exit 2 with one line; what was collected is kept and stands on the page with the reason, without cards."""
    service.status, service.error = status, error

    result = digest("run", "--papers", "day.jsonl", "--date", DAY)

    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.output
    assert (home / f"site/{DAY}/index.html").read_text(encoding="utf-8").count('data-state="pending"') == 3


def test_a_service_that_is_not_there_is_worth_another_try(digest: Run) -> None:
    """Exit 75, and the address is named."""
    result = digest("run", "--papers", "day.jsonl", "--date", DAY, "--base-url", "http://127.0.0.1:9/v1")

    assert result.exit_code == 75
    assert "127.0.0.1:9" in result.stderr


def test_a_date_without_listing_ends_well(digest: Run, home: Path) -> None:
    """A Sunday has no announcement: said, with the listings around it, exit 0."""
    result = digest("run", "--date", "2026-03-15", "--category", "cs.CV")

    assert result.exit_code == 0
    assert "2026-03-13 and 2026-03-16" in result.stdout
    assert not snapshot(home)


def test_a_date_to_come_is_too_early(digest: Run) -> None:
    """Exit 75 with the newest listing."""
    result = digest("run", "--date", "2026-03-23", "--category", "cs.CV")

    assert result.exit_code == 75
    assert "2026-03-20" in result.stderr


def test_arxiv_down_is_worth_another_try(digest: Run, home: Path) -> None:
    """Exit 75, and no edition is written."""
    (home / "digest.toml").write_text(
        '[arxiv]\ndelay_seconds = 0\napi = "http://127.0.0.1:9/api/query"', encoding="utf-8"
    )

    result = digest("run", "--date", DAY, "--category", "cs.CV")

    assert result.exit_code == 75
    assert "127.0.0.1" in result.stderr
    assert not snapshot(home)


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--date", "17.3.2026"),
        ("run", "--nonsense"),
        ("run", "--date", DAY, "--sample"),
        ("run", "--papers", "none.jsonl", "--date", DAY),
        ("run", "--papers", "day.jsonl"),
        ("run", "--date", DAY),
        ("run", "--date", DAY, "--category", "I.2.7"),
        ("run", "--date", "0001-01-01", "--category", "cs.CV"),
        ("run", "--date", "9999-12-31", "--category", "cs.CV"),
        ("run", "--date", DAY, "--category", "cs.XX"),
        ("run", "--date", DAY, "--keyword", ""),
        ("run", "--papers", "day.jsonl", "--date", "2026-03-16"),
        ("run", "--papers", "day.jsonl", "--sample"),
        ("run", "--sample", "--engine", "nosuch"),
        ("run", "--sample", "--language", "tlh"),
        ("render",),
        ("render", "2026-01-01"),
        ("show", "2026-01-01"),
        ("show", "2603.99999"),
        ("show", "nonsense"),
        ("regenerate", "2603.99999"),
        ("regenerate", "2026-03-17"),
        ("regenerate", "2603.00001", "--undo", "--hint", "x"),
        ("status", "--config", "none.toml"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(digest: Run, home: Path, arguments: tuple[str, ...]) -> None:
    """Whatever is wrong with a call, the reader gets a word, not a traceback, and nothing is written."""
    result = digest(*arguments)

    assert result.exit_code == 2
    assert "Error: " in result.stderr
    assert "Traceback" not in result.output
    assert not snapshot(home)


def test_a_damaged_edition_is_named_and_left_alone(day: Run, home: Path) -> None:
    """Exit 2 with the file; the other editions' pages are still written."""
    good = home / f"site/editions/{DAY}.json"
    bad = home / "site/editions/2026-03-16.json"
    bad.write_text("{", encoding="utf-8")
    (home / f"site/{DAY}/index.html").unlink()

    assert day("run", "--papers", "day.jsonl", "--date", DAY).exit_code == 0
    for command in (["render"], ["status"], ["run", "--date", "2026-03-16", "--category", "cs.CV"]):
        result = day(*command)
        assert (result.exit_code, bad.read_text()) == (2, "{")
        assert "2026-03-16.json" in result.stderr
    assert good.exists()
    assert (home / f"site/{DAY}/index.html").exists()


def test_a_damaged_cache_is_named(digest: Run, home: Path) -> None:
    """A cache that is no database is the user's to delete: said, not a traceback."""
    (home / "cache").mkdir()
    (home / "cache/cache.db").write_bytes(b"no database at all" * 100)

    result = digest("run", "--papers", "day.jsonl", "--date", DAY)

    assert result.exit_code in {2, 75}
    assert "cache" in result.stderr


def test_a_template_of_the_users_own_that_fails_is_named(day: Run, home: Path) -> None:
    """File and line; the page that was there stays."""
    before = snapshot(home)
    own = home / "templates/markdown"
    own.mkdir(parents=True)
    (own / "day.md.j2").write_text("fine\n{{ nothing.of_this }}\n", encoding="utf-8")

    result = day("render")

    assert result.exit_code == 2
    assert "day.md.j2" in result.stderr
    assert "2" in result.stderr
    assert snapshot(home) == before


# ------------------------------------------------------------------------------------------ what is printed


def test_results_can_be_read_by_machines(day: Run) -> None:
    """Each command prints one JSON value a result on standard output."""
    again = json.loads(day("run", "--papers", "day.jsonl", "--date", DAY, "--json").stdout)
    counts = {"announced": 3, "primary": 3, "cross": 0, "shown": 3, "flagged": 0, "pending": 0}
    assert again["counts"] == {**counts, "excluded": 0, "replacements": 0}
    assert again["requests"] == 0
    assert json.loads(day("show", DAY, "--json").stdout)["announced"] == DAY
    assert json.loads(day("show", "2603.00001v1", "--json").stdout)["paper"]["arxiv_id"] == "2603.00001"
    assert json.loads(day("render", "--json").stdout) == {"written": []}
    status = json.loads(day("status", "--json").stdout)
    assert status["cache"]["replies"] == 3
    assert status["spent"][0]["prompt_tokens"] == 2700


def test_show_prints_contents_and_cards(day: Run) -> None:
    """A date gives numbered titles with their TL;DR, an identifier one whole card."""
    contents = day("show", DAY).stdout
    assert "cs.CV [2]" in contents
    assert "[1] Bar: Fewer Steps (2603.00002)" in contents
    one = day("show", "2603.00002").stdout
    assert all(text in one for text in GOOD.values())
    assert "Abstract: Bar needs 12 steps" in one


def test_status_says_what_is_missing_and_why(digest: Run, home: Path) -> None:
    """Editions, missing cards with their reasons, and the empty state."""
    assert "no editions yet" in digest("status").stdout
    pending = entry(card=None, problems=("engine: HTTP 500 after 6 tries",))
    Store(home / "site").save(edition_of(pending, entry("2603.00002")))

    text = digest("status").stdout

    assert "HTTP 500 after 6 tries" in text
    assert "2026-03-17" in text


def test_since_names_the_dates_that_have_no_complete_edition(digest: Run, home: Path) -> None:
    """A complete date is passed over; a missing one is run, here into a source that is down."""
    (home / "digest.toml").write_text(
        '[arxiv]\ndelay_seconds = 0\napi = "http://127.0.0.1:9/api/query"', encoding="utf-8"
    )
    Store(home / "site").save(edition_of(entry(), announced="2026-03-20"))

    assert (
        "nothing is left to do since 2026-03-20" in digest("run", "--since", "2026-03-20", "--category", "cs.CL").stdout
    )
    assert digest("run", "--since", "2026-03-19", "--category", "cs.CL").exit_code == 75


# ------------------------------------------------------------------------------------------ several dates

WEEK = {n: date(2026, 3, n) for n in range(16, 21)}  #: Monday to Friday
#: One of each listing of the week, and one of the next: the identifiers between them are other categories'.
OF_WEEK = {
    n: submitted(f"2603.{100 + 500 * (n - 16):05}", moment=schedule.window(day).end - timedelta(hours=6))
    for n, day in WEEK.items()
}
AFTER = submitted("2603.02600", moment=schedule.window(WEEK[20]).end + timedelta(minutes=30))


@pytest.fixture
def arxiv(home: Path, service: Service, monkeypatch: pytest.MonkeyPatch) -> Arxiv:
    """The week in arXiv's search, for cs.CV; no pages are made, which take most of a run's time."""
    monkeypatch.setattr("digest.render.FORMATS", ())
    monkeypatch.setenv("DIGEST_NOW", "2026-03-21T12:00:00Z")
    arxiv = Arxiv(service.server)
    arxiv.papers = [*OF_WEEK.values(), AFTER]
    addresses = f'api = "{arxiv.api}"\nrss = "{arxiv.rss}"\n'
    (home / "digest.toml").write_text(
        f'categories = ["cs.CV"]\n[arxiv]\ndelay_seconds = 0\n{addresses}', encoding="utf-8"
    )
    return arxiv


@pytest.fixture
def weekly(arxiv: Arxiv, digest: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The commands on the Saturday after."""
    monkeypatch.setenv("DIGEST_NOW", "2026-03-21T12:00:00Z")
    return digest


def on_file(home: Path) -> list[int]:
    return sorted(day.day for day in Store(home / "site").dates())


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Which dates the log says have failed."""
    return [one.getMessage()[:12] for one in caplog.records if one.levelname == "ERROR"]


def test_since_makes_every_date_that_is_missing(weekly: Run, home: Path) -> None:
    """Each with the papers of its own listing; what was there is left alone."""
    weekly("run", "--date", "2026-03-18")
    result = weekly("run", "--since", "2026-03-16", "--json")

    assert result.exit_code == 0
    assert [json.loads(line)["announced"][-2:] for line in result.stdout.splitlines()] == ["16", "17", "19", "20"]
    for n, day in WEEK.items():
        edition = Store(home / "site").load(day)
        assert edition is not None
        assert [one.paper for one in edition.entries] == [OF_WEEK[n]]


def test_a_date_that_fails_does_not_stand_in_the_way_of_the_others(
    weekly: Run, arxiv: Arxiv, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each failure is told with its date, and the exit code says that the command is worth another try."""
    arxiv.lost = {WEEK[17], WEEK[19]}
    result = weekly("run", "--since", "2026-03-16")

    assert result.exit_code == 75
    assert on_file(home) == [16, 18, 20]
    assert errors(caplog) == ["2026-03-17: ", "2026-03-19: "]
    assert "HTTP 503" in result.stderr
    arxiv.lost.clear()
    assert weekly("run", "--since", "2026-03-16").exit_code == 0
    assert on_file(home) == [16, 17, 18, 19, 20]


def test_two_failures_in_a_row_are_an_outage(
    weekly: Run, arxiv: Arxiv, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The dates behind them are not tried: arXiv is left in peace, and so is the reader's morning."""
    arxiv.lost = {WEEK[17], WEEK[18]}
    result = weekly("run", "--since", "2026-03-16")

    assert result.exit_code == 75
    assert on_file(home) == [16]
    assert errors(caplog) == ["2026-03-17: ", "2026-03-18: "]
    assert not [one for one in arxiv.searched if "202603181800 TO" in one.get("search_query", "")]


def test_a_damaged_date_does_not_stand_in_the_way_of_the_others(weekly: Run, home: Path) -> None:
    """It is named, and the exit code says that the reader must do something."""
    bad = Store(home / "site").path(WEEK[17])
    bad.parent.mkdir(parents=True)
    bad.write_text("{", encoding="utf-8")
    result = weekly("run", "--since", "2026-03-16")

    assert result.exit_code == 2
    assert "2026-03-17.json" in result.stderr
    assert on_file(home) == [16, 17, 18, 19, 20]
    assert bad.read_text(encoding="utf-8") == "{"


def test_a_damaged_date_is_no_sign_of_an_outage(weekly: Run, arxiv: Arxiv, home: Path) -> None:
    """Behind it one failure of arXiv's is still the first one."""
    bad = Store(home / "site").path(WEEK[17])
    bad.parent.mkdir(parents=True)
    bad.write_text("{", encoding="utf-8")
    arxiv.lost = {WEEK[18]}

    assert weekly("run", "--since", "2026-03-16").exit_code == 75
    assert on_file(home) == [16, 17, 19, 20]


def test_a_plain_run_names_the_dates_that_have_no_edition(weekly: Run) -> None:
    """With the command that mends it; who names a date is not told."""
    weekly("run", "--date", "2026-03-17")

    assert "no edition of" not in weekly("run", "--date", "2026-03-20").stdout
    last = weekly("run").stdout.splitlines()[-2]
    assert last == "no edition of 2026-03-18, 2026-03-19: digest run --since 2026-03-18"
    assert json.loads(weekly("run", "--json").stdout)["gaps"] == ["2026-03-18", "2026-03-19"]
    assert weekly("run", "--since", "2026-03-18").exit_code == 0
    assert "no edition of" not in weekly("run").stdout


def test_status_names_the_dates_that_have_no_edition(weekly: Run) -> None:
    """From the first edition to the newest listing."""
    weekly("run", "--date", "2026-03-17")
    weekly("run", "--date", "2026-03-19")

    assert "no edition of 2026-03-18, 2026-03-20: digest run --since 2026-03-18" in weekly("status").stdout
    assert json.loads(weekly("status", "--json").stdout)["gaps"] == ["2026-03-18", "2026-03-20"]


def test_dates_that_a_file_lacks_do_not_stand_in_the_way(digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are told of; it is a mistake only if the file has none of the dates."""
    monkeypatch.setenv("DIGEST_NOW", "2026-03-19T12:00:00Z")

    result = digest("run", "--papers", "day.jsonl", "--since", "2026-03-16", "--engine", "echo")
    none = digest("run", "--papers", "day.jsonl", "--since", "2026-03-18", "--engine", "echo")

    assert result.exit_code == 0, result.output
    assert "2026-03-17: " in result.stdout
    assert none.exit_code == 2


def test_a_folder_of_another_tool_is_taken_over_as_a_whole(
    digest: Run, home: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edition a date with the cards that are there: no key is needed and nothing is asked, now or again."""
    monkeypatch.setattr("digest.render.FORMATS", ("digest.render.markdown:Markdown",))
    for day in (12, 13, 16):
        row = {"id": f"2603.000{day}", "title": f"Paper {day}", "summary": "We present Foo.", "AI": GOOD}
        (home / f"2026-03-{day}_AI_enhanced_Chinese.jsonl").write_text(json.dumps(row), encoding="utf-8")

    later = digest("run", "--papers", ".", "--since", "2026-03-13", OPENAI_API_KEY="")
    assert (later.exit_code, on_file(home)) == (0, [13, 16])
    assert "nothing is left to do" in digest("run", "--papers", ".", "--since", "2026-03-17").stdout
    everything = digest("run", "--papers", ".", "--json", OPENAI_API_KEY="")
    counts = [json.loads(line)["counts"] for line in everything.stdout.splitlines()]
    assert [(one["announced"], one["shown"]) for one in counts] == [(1, 1)] * 3
    before = snapshot(home)
    assert digest("run", "--papers", ".").exit_code == 0
    assert snapshot(home) == before
    assert not service.asked


# ------------------------------------------------------------------------------------------ rules and keywords


def test_what_a_rule_keeps_out_is_said(digest: Run, home: Path, service: Service) -> None:
    """In the sum of the run, and by the commands that look for the paper or want a card of it."""
    (home / "digest.toml").write_text('exclude = ["1,200 clips"]', encoding="utf-8")
    result = digest("run", "--papers", "day.jsonl", "--date", DAY)

    assert "3 papers = 2 shown + 0 flagged + 0 pending + 1 excluded" in result.stdout
    assert "1 by 'exclude: 1,200 clips'" in result.stdout
    assert json.loads(digest("show", "2603.00003", "--json").stdout)["excluded_by"] == "exclude: 1,200 clips"
    for more in ([], ["--undo"], ["--date", DAY]):
        refused = digest("regenerate", "2603.00003", *more)
        assert refused.exit_code == 2
        assert "kept out of the edition of 2026-03-17 by 'exclude: 1,200 clips'" in refused.stderr
    assert len(service.asked) == 2


def test_a_paper_is_shown_where_it_has_its_card(digest: Run, home: Path) -> None:
    """Rather as the entry of an older edition than as a replacement or kept out in a newer one."""
    store = Store(home / "site")
    store.save(edition_of(entry(), announced="2026-03-16"))
    store.save(edition_of(replacements=(entry(announce_type="replace", version=2),), announced=DAY))
    store.save(edition_of(excluded=(entry(card=None, excluded_by="exclude: x"),), announced="2026-03-18"))

    assert json.loads(digest("show", "2603.00001", "--json").stdout)["announce_type"] == "new"
    store.path(date(2026, 3, 16)).unlink()
    assert json.loads(digest("show", "2603.00001", "--json").stdout)["announce_type"] == "replace"
    store.path(date(2026, 3, 17)).unlink()
    assert json.loads(digest("show", "2603.00001", "--json").stdout)["excluded_by"] == "exclude: x"


def test_a_damaged_table_of_keywords_is_one_line(day: Run, home: Path) -> None:
    """The file is named, and what to do with it; once it is gone all is well."""
    tables = home / "site/editions/keywords.json"
    tables.write_text("[]", encoding="utf-8")
    (home / f"site/{DAY}/index.html").unlink()
    for command in (["render"], ["run", "--papers", "day.jsonl", "--date", DAY]):
        result = day(*command)
        assert result.exit_code == 2
        assert result.stderr.startswith("Error: site/editions/keywords.json: no keyword tables: ")
        assert result.stderr.count("\n") == 2
    tables.unlink()
    assert day("render").exit_code == 0


def test_a_clock_that_is_no_time_is_named(digest: Run) -> None:
    """DIGEST_NOW is checked like any input."""
    for said in ("yesterday", "0001-01-01T00:00:00+14:00", "9999-12-31"):
        result = digest("run", "--category", "cs.CV", DIGEST_NOW=said)

        assert result.exit_code == 2
        assert "DIGEST_NOW" in result.stderr


# ------------------------------------------------------------------------------------------ every night


def test_a_nightly_job_makes_what_was_missed(weekly: Run, home: Path) -> None:
    """From the last edition to the newest; the next call has nothing to do and asks nobody."""
    weekly("run", "--date", "2026-03-17")

    assert weekly("run", "--catch-up").exit_code == 0
    assert on_file(home) == [17, 18, 19, 20]
    again = weekly("run", "--catch-up")
    assert again.exit_code == 0
    assert again.stdout == "nothing is left to do: every edition is there and complete\n"


def test_a_nightly_job_without_editions_begins_with_the_newest(weekly: Run, home: Path) -> None:
    """The first night makes no back issues, which cost money."""
    weekly("run", "--catch-up")
    assert on_file(home) == [20]


def test_a_first_night_that_failed_is_made_up(
    weekly: Run, arxiv: Arxiv, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before there is any edition, what the first night was about is on file all the same."""
    monkeypatch.setattr("digest.polite.time.sleep", lambda _: None)
    monkeypatch.setenv("DIGEST_NOW", "2026-03-19T12:00:00Z")
    arxiv.down = {"search", "feed"}
    assert weekly("run", "--catch-up").exit_code == 75
    arxiv.down = set()
    monkeypatch.setenv("DIGEST_NOW", "2026-03-21T12:00:00Z")

    assert weekly("run", "--catch-up").exit_code == 0
    assert on_file(home) == [19, 20]


def test_pages_that_a_killed_run_did_not_write_are_written(
    weekly: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record is whole and its pages are not: the nightly job goes back to that day, and then has nothing to do."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    weekly("run", "--date", "2026-03-19")
    with monkeypatch.context() as broken:
        broken.setattr("digest.publishing.render", die)
        assert weekly("run", "--date", "2026-03-20").exit_code == 130
    assert [day.day for day in Store(home / "site").owed()] == [20]

    assert "2026-03-20: 1 announced" in weekly("run", "--catch-up").stdout
    assert not Store(home / "site").owed()
    assert "nothing is left to do" in weekly("run", "--catch-up").stdout


def test_a_nightly_job_goes_back_to_a_day_that_lacks_cards(weekly: Run, service: Service, home: Path) -> None:
    """A card that the service failed to write is asked for again the night after."""
    weekly("run", "--date", "2026-03-19")
    store = Store(home / "site")
    day = store.load(WEEK[19])
    assert day is not None
    store.save(day.with_entries(one.model_copy(update={"card": None}) for one in day.entries))

    result = weekly("run", "--catch-up")

    assert [line[:10] for line in result.stdout.splitlines() if "announced" in line] == ["2026-03-19", "2026-03-20"]
    assert not schedule.between(WEEK[19], WEEK[19], [WEEK[18]]) or store.load(WEEK[19]) == day


def test_catching_up_names_no_date(weekly: Run) -> None:
    """It finds the dates itself."""
    result = weekly("run", "--catch-up", "--since", "2026-03-17")
    assert result.exit_code == 2
    assert "--since and --catch-up exclude each other" in result.stderr


def test_the_last_line_of_a_run_says_everything(weekly: Run, home: Path) -> None:
    """Announced, shown, flagged, pending, requests, time, and where: for whoever reads one line of a log."""
    last = weekly("run").stdout.splitlines()[-1]
    facts = last.split(" · ")
    assert facts[0] == "2026-03-20: 1 announced = 1 shown + 0 flagged + 0 pending + 0 excluded"
    assert facts[1] == "1 request"
    assert facts[2].endswith(" s") or facts[3].endswith(" s")
    assert facts[-1] in ("site/2026-03-20/index.html", "no page: no card is there yet")


def hooked(home: Path, service: Service, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A receiver behind a webhook; what it gets. Its address stands in a variable."""
    got: list[dict[str, Any]] = []

    def take(request: Request) -> Response:
        got.append(json.loads(request.data))
        return Response(b"", 200 if len(got) > service.deaf else 503)

    service.server.expect_request("/hook", method="POST").respond_with_handler(take)
    monkeypatch.setenv("HOOK", f"json://127.0.0.1:{service.server.port}/hook")
    config = home / "digest.toml"
    config.write_text(config.read_text() + '[[deliver]]\nname = "hook"\nurl_env = "HOOK"\n', encoding="utf-8")
    return got


def test_an_edition_is_delivered_once(
    weekly: Run, home: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run that makes it delivers it; run again, it sends nothing."""
    got = hooked(home, service, monkeypatch)

    first, second = weekly("run"), weekly("run")

    assert first.exit_code == second.exit_code == 0, first.output + second.output
    assert "delivered to 1 of 1 receiver" in first.stdout
    assert len(got) == 1
    assert "2026-03-20" in got[0]["title"]


def test_what_was_not_delivered_is_sent_by_the_next_run(
    weekly: Run, home: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed delivery is exit 75 and one line; the next run, even with nothing to make, sends it and the report."""
    monkeypatch.setattr("digest.delivery.time.sleep", lambda _: None)
    got = hooked(home, service, monkeypatch)
    service.deaf = 99

    failed = weekly("run")
    service.deaf = 0
    got.clear()
    again = weekly("run", "--catch-up")

    assert failed.exit_code == 75
    assert "Error: not delivered: 2026-03-20 to hook: " in failed.stderr
    assert "503" in failed.stderr
    assert again.exit_code == 0, again.output
    assert sorted("failed" in one["title"] for one in got) == [False, True]
    assert again.stdout.splitlines()[-1].endswith(" · delivered now: 2026-03-20 to hook")


def test_marks_that_nobody_can_read_end_a_run_with_their_mend(
    weekly: Run, home: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who had the edition is not known: nothing is sent on a guess, and the command that sends it again is named."""
    got = hooked(home, service, monkeypatch)
    weekly("run")
    (home / "site/editions/.delivered/2026-03-20.json").write_text("{", encoding="utf-8")

    result = weekly("run", "--catch-up")

    assert result.exit_code == 2
    assert "digest deliver 2026-03-20 sends the edition to all again" in result.stderr
    assert "complete" not in result.stdout
    assert [one["title"] for one in got if "2026-03-20" in one["title"]] == [got[0]["title"]]


def test_a_receiver_without_its_variable_is_a_mistake_to_mend(
    weekly: Run, home: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trying again mends nothing: exit 2, not 75."""
    hooked(home, service, monkeypatch)
    monkeypatch.delenv("HOOK")

    result = weekly("run")

    assert result.exit_code == 2
    assert "HOOK is not set" in result.stderr


def test_a_failed_night_is_told_to_receivers(
    weekly: Run, arxiv: Arxiv, home: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands on standard error also goes to who wants to know of failures: once, however often it is tried."""
    got = hooked(home, service, monkeypatch)
    monkeypatch.setattr("digest.polite.time.sleep", lambda _: None)
    service.status = 401

    first, second = weekly("run"), weekly("run")

    assert first.exit_code == second.exit_code == 2
    assert len(got) == 1
    assert "a run failed" in got[0]["title"]
    assert KEY not in str(got)
