"""The look at all that a night needs: each thing broken alone, with the mend as a user meets it."""

import json
import os
import socket
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from click.testing import CliRunner, Result
from fakes import edition, entry
from loopback import Arxiv, compile_once, submitted
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from digest import doctor, doctor_commands
from digest.cli import main
from digest.doctor import Check, dates, disk, interfaces, jobs, service
from digest.store import Store

NOW = "2026-03-17T12:00:00Z"
DAY = date(2026, 3, 17)
KEY = "sk-never-shown-0123456789"
LATE = submitted("2603.00009", moment=datetime(2026, 3, 16, 17, 45, tzinfo=UTC), abstract="Late.")

Doctor = Callable[..., Result]


class Service:
    """A model service that answers each request alike."""

    def __init__(self, server: HTTPServer) -> None:
        self.url = server.url_for("/v1")
        self.asked: list[dict[str, Any]] = []
        self.status, self.error = 200, {"message": "no", "code": "no"}
        self.refuses: tuple[str, ...] = ()
        server.expect_request("/v1/chat/completions", method="POST").respond_with_handler(self.answer)

    def answer(self, request: Request) -> Response:
        said = json.loads(request.data)
        self.asked.append(said)
        if said.get("response_format", {}).get("type") in self.refuses:
            return self.json({"error": {"message": "response_format is not supported"}}, 400)
        if self.status != 200:
            return self.json({"error": self.error}, self.status)
        choice = {"index": 0, "message": {"role": "assistant", "content": '{"answer": "yes"}'}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 40, "completion_tokens": 8}
        return self.json({"id": "x", "model": "m-1-2026-01-01", "choices": [choice], "usage": usage})

    @staticmethod
    def json(body: object, status: int = 200) -> Response:
        return Response(json.dumps(body), status, content_type="application/json")


@pytest.fixture
def endpoint(httpserver: HTTPServer) -> Service:
    return Service(httpserver)


@pytest.fixture
def arxiv(httpserver: HTTPServer) -> Arxiv:
    found = Arxiv(httpserver)
    found.papers.append(LATE)
    return found


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, in which two categories are asked for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    configure(tmp_path)
    return tmp_path


def configure(home: Path, more: str = "", model: str = "m-1") -> None:
    text = f'categories = ["cs.CV", "cs.CL"]\n{more}\n[arxiv]\ndelay_seconds = 0\n[engine]\nmodel = "{model}"\n'
    (home / "digest.toml").write_text(text, encoding="utf-8")


@pytest.fixture
def look(home: Path, endpoint: Service, arxiv: Arxiv, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """Runs the command over the named parts, with service and arXiv on loopback; the key is never in its output."""
    compile_once(monkeypatch)
    monkeypatch.setattr(jobs, "_crontab", str)
    monkeypatch.setattr(jobs, "SYSTEM", home / "none")

    def run(*parts: str, flags: tuple[str, ...] = (), **environment: str | None) -> Result:
        if parts:
            monkeypatch.setattr(doctor, "PARTS", tuple(f"digest.doctor.{part}:examine" for part in parts))
        usual = {
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": endpoint.url,
            "DIGEST_ARXIV_API": arxiv.api,
            "DIGEST_ARXIV_RSS": arxiv.rss,
            "DIGEST_NOW": NOW,
        }
        result = CliRunner().invoke(main, ["doctor", *flags], env=usual | environment)
        assert KEY not in result.output
        assert result.exit_code != 1, result.output
        return result

    return run


def said(result: Result, name: str) -> str:
    """What the lines of one check say, on one line."""
    found: list[str] = []
    for line in result.stdout.splitlines():
        if line[:1] in doctor_commands.SIGNS.values():
            found = [*found, line] if line[2:].startswith(f"{name} ") else [*found, ""] if found else []
            if found and not found[-1]:
                break
        elif found:
            found.append(line)
    return " ".join(" ".join(found).split())


# ------------------------------------------------------------------------------------------ all together


def test_all_is_well(look: Doctor, endpoint: Service, home: Path) -> None:
    """Every part has its lines, the verdict is the last one, and nothing is left behind but what was learnt."""
    result = look(DIGEST_NOW=NOW)

    assert result.exit_code == 0, result.stdout
    assert "a night can run" in result.stdout.splitlines()[-1]
    assert max(map(len, result.stdout.splitlines())) <= doctor_commands.WIDEST
    assert len(endpoint.asked) == 1
    assert sorted(path.name for path in home.iterdir()) == ["digest.toml"]


def test_a_machine_reads_the_same(look: Doctor) -> None:
    """One object, each check with its name, its mark and its mend."""
    result = look("intake", "service", flags=("--json",), OPENAI_API_KEY="")
    found = json.loads(result.stdout)

    assert (result.exit_code, found["exit_code"], found["wrong"]) == (2, 2, 1)
    (key,) = (one for one in found["checks"] if one["name"] == "key")
    assert (key["mark"], key["passes"]) == ("wrong", False)
    assert key["mend"].startswith("export OPENAI_API_KEY=")


def test_offline_asks_nobody(look: Doctor, endpoint: Service, arxiv: Arxiv) -> None:
    """What needs a network is left out and said."""
    result = look(flags=("--offline",))

    assert result.exit_code == 0, result.stdout
    assert not endpoint.asked
    assert not arxiv.was_asked
    assert "not asked (--offline)" in said(result, "service")
    assert "not asked (--offline)" in said(result, "arxiv")


def test_quiet_says_what_is_not_well(look: Doctor) -> None:
    """For a job: notes and what is wrong, nothing else."""
    result = look("intake", "service", flags=("-q",), OPENAI_API_KEY="")

    assert [line[0] for line in result.stdout.splitlines() if line[0] != " "] == ["✗", "•"]


@pytest.mark.parametrize(
    ("checks", "code"),
    [
        ([Check("a", "ok", "")], 0),
        ([Check("a", "note", "")], 0),
        ([Check("a", "wrong", "", passes=True), Check("b", "note", "")], 75),
        ([Check("a", "wrong", "", passes=True), Check("b", "wrong", "")], 2),
    ],
)
def test_the_exit_code_says_who_must_act(checks: list[Check], code: int) -> None:
    """What may pass by itself is 75, unless the user must mend something as well."""
    assert doctor.exit_code(checks) == code


def test_lines_fold_within_the_terminal() -> None:
    """A long fact goes on below itself, the mend below that; colours change no letter."""
    check = Check("templates", "wrong", "word " * 40, "mend " * 30)
    lines = doctor_commands.line(check, 80).splitlines()

    assert max(map(len, lines)) <= 80
    assert all(line.startswith(" " * 17) for line in lines[1:])
    coloured = doctor_commands.line(check, 80, colours=True)
    assert "\x1b[" in coloured or os.environ.get("NO_COLOR") or os.environ.get("TERM") in (None, "dumb")


# ------------------------------------------------------------------------------------------ settings


def test_a_broken_file_is_one_line_a_mistake(look: Doctor, home: Path) -> None:
    """The others can't be looked at then."""
    (home / "digest.toml").write_text('categorys = ["cs.CV"]\noutput = 3\n', encoding="utf-8")
    result = look("intake", "service")

    assert result.exit_code == 2
    assert "digest.toml: categorys: unknown key" in result.stdout
    assert "digest.toml: output: " in result.stdout
    assert "service" not in result.stdout


def test_a_clock_that_is_none_is_told(look: Doctor) -> None:
    """DIGEST_NOW must be a time."""
    assert "'soon' is no ISO time" in said(look("intake", DIGEST_NOW="soon"), "config")


def test_nothing_asked_for_is_wrong(look: Doctor, home: Path) -> None:
    """A run would have nothing to collect."""
    (home / "digest.toml").write_text("", encoding="utf-8")
    result = look("intake")

    assert result.exit_code == 2
    assert 'neither a category nor a keyword is asked for → categories = ["cs.CV"]' in said(result, "papers")


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_secrets_that_others_may_read_are_wrong(look: Doctor, home: Path) -> None:
    """With the command that mends it; one that is closed is well."""
    path = home / "digest.env"
    path.write_text("X=1\n", encoding="utf-8")
    path.chmod(0o644)
    result = look("intake")
    assert result.exit_code == 2
    assert "→ chmod 600" in said(result, "secrets")

    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    assert "for its owner only (0600)" in said(look("intake"), "secrets")


def test_without_time_zones_nothing_else_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line says what to install."""
    from zoneinfo import ZoneInfoNotFoundError

    def none(key: str) -> None:
        raise ZoneInfoNotFoundError(key)

    monkeypatch.setattr("zoneinfo.ZoneInfo", none)
    result = CliRunner().invoke(main, ["doctor"])

    assert result.exit_code == 2
    assert "→ pip install tzdata" in said(result, "calendar")


# ------------------------------------------------------------------------------------------ the service


def test_the_request_is_timed_and_what_it_teaches_is_remembered(look: Doctor, home: Path, endpoint: Service) -> None:
    """The model as the service names it, the tokens, the format, and how many refusals it took to learn that."""
    (home / "cache").mkdir()
    endpoint.refuses = ("json_schema",)
    first, second = look("service"), look("service")

    assert "m-1 (as m-1-2026-01-01) answers in" in said(first, "service")
    assert "after 1 refused, 48 tokens" in said(first, "service")
    assert "refused" not in said(second, "service")
    assert "JSON mode, no schemas" in said(second, "formats")
    assert len(endpoint.asked) == 3


def test_a_service_without_formats_is_a_note(look: Doctor, endpoint: Service) -> None:
    """Cards are asked for in plain text; that is no fault."""
    endpoint.refuses = ("json_schema", "json_object")
    result = look("service")

    assert result.exit_code == 0
    assert "neither JSON schemas nor JSON mode" in said(result, "formats")


@pytest.mark.parametrize(
    ("status", "error", "code", "words"),
    [
        (401, {"message": f"Incorrect API key provided: {KEY}"}, 2, "the key is refused"),
        (404, {"message": "gone", "code": "model_not_found"}, 2, "no model 'm-1' here"),
        (402, {"message": "pay"}, 2, "the quota is used up"),
        (418, {"message": "short"}, 2, "418: short → check engine.model (DIGEST_MODEL)"),
        (429, {"message": "slow down"}, 75, "429: slow down → it may pass by itself"),
        (500, {"message": "oops"}, 75, "500: oops → it may pass by itself"),
    ],
)
def test_a_refusal_says_its_mend(
    look: Doctor, endpoint: Service, status: int, error: dict[str, str], code: int, words: str
) -> None:
    """What the user must mend exits 2, what may pass 75; the key is not shown though the service says it."""
    endpoint.status, endpoint.error = status, error
    result = look("service", flags=("-v", "-v"))

    assert words in said(result, "service")
    assert result.exit_code == code
    assert "formats" not in result.stdout


def test_a_service_that_is_not_there_may_come_back(look: Doctor) -> None:
    """Its address may be wrong as well, which the mend says."""
    result = look("service", OPENAI_BASE_URL=f"http://127.0.0.1:{_closed()}/v1")

    assert result.exit_code == 75
    assert "no connection → check engine.base_url" in said(result, "service")


def _closed() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.parametrize(
    "key", ["'sk-in-quotes-123'", "your-api-key", "sk-xxxxxxxxxxxx", "sk-1", "sk-with blank-123456"]
)
def test_what_can_be_no_key_is_told_before_it_is_sent(key: str) -> None:
    """Quotes, placeholders, blanks, a stump."""
    assert service.implausible(key)


def test_an_unknown_price_is_a_note_unless_the_budget_needs_it(look: Doctor, home: Path) -> None:
    """With the table that mends it."""
    assert "• price no price of m-1 is known" in said(look("service"), "price")
    configure(home, "budget = { per_day = 5.0, tokens_per_day = 1000000 }")
    result = look("service")

    assert '→ [prices."m-1"]' in said(result, "price")
    assert result.exit_code == 2
    assert "5 a day, 1,000,000 tokens a day" in said(result, "budget")


def test_the_second_service_is_looked_at_likewise(look: Doctor, home: Path, endpoint: Service) -> None:
    """It has a key, an answer and a price of its own."""
    (home / "digest.toml").write_text(
        f'categories = ["cs.CV"]\n[engine.fallback]\nmodel = "n"\nbase_url = "{endpoint.url}"\n'
        'api_key_env = "OTHER_KEY"\nprice = { input = 1, output = 2, currency = "CNY" }\n',
        encoding="utf-8",
    )
    assert "OTHER_KEY is not set" in said(look("service"), "second key")
    result = look("service", OTHER_KEY="sk-other-0123456789")

    assert "n (as m-1-2026-01-01) answers" in said(result, "second service")
    assert "1 in, 2 out, CNY" in said(result, "second price")


def test_every_endpoint_of_a_cluster_is_looked_at(look: Doctor, home: Path, endpoint: Service) -> None:
    """Each by its address, with its own key; nobody else is asked."""
    (home / "digest.toml").write_text(
        'categories = ["cs.CV"]\n[engine]\nname = "cluster"\nmodel = "m"\n'
        f'[[engine.endpoint]]\nbase_url = "{endpoint.url}"\napi_key_env = "LAB_KEY"\nmodel = "n"\n'
        '[[engine.endpoint]]\nbase_url = "http://127.0.0.1:9/v1"\n',
        encoding="utf-8",
    )
    result = look("service", LAB_KEY="sk-lab-0123456789", OPENAI_BASE_URL="")
    place = endpoint.url.split("/")[2]

    assert "n (as m-1-2026-01-01) answers" in said(result, f"{place} service")
    assert "127.0.0.1:9" in said(result, "127.0.0.1:9 service")
    assert len(endpoint.asked) == 1
    assert result.exit_code == 75


def test_an_engine_without_service_needs_nothing(look: Doctor) -> None:
    """echo asks nobody."""
    assert "no service is asked" in said(look("service", flags=("--engine", "echo"), OPENAI_API_KEY=""), "service")


# ------------------------------------------------------------------------------------------ arXiv and the clock


def test_each_interface_says_what_it_has_of_the_newest_listing(
    look: Doctor, httpserver: HTTPServer, arxiv: Arxiv
) -> None:
    """Papers in the feed, reach of the search, records of OAI-PMH."""
    page = (
        '<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><ListIdentifiers><header/><header/>'
        "<resumptionToken>t</resumptionToken></ListIdentifiers></OAI-PMH>"
    )
    httpserver.expect_request("/oai").respond_with_data(page)
    result = look("interfaces", DIGEST_ARXIV_OAI=httpserver.url_for("/oai"))

    assert "2026-03-17 in cs.CV: 3 papers and 0 replacements" in said(result, "feed")
    assert "knows the last papers of the newest listing, 2026-03-17" in said(result, "search")
    assert "2 records and more of 2026-03-17 and later" in said(result, "oai")
    assert "DIGEST_NOW=2026-03-17T12:00:00Z stands in for it" in said(result, "clock")


def test_an_interface_that_is_down_may_come_back(look: Doctor, arxiv: Arxiv) -> None:
    """Each is asked once; the others say theirs."""
    arxiv.down = {"feed"}
    result = look("interfaces")

    assert result.exit_code == 75
    assert "HTTP 503 →" in said(result, "feed")
    assert said(result, "search").startswith("✓")
    assert len(arxiv.fed) == 1


def test_a_page_in_html_is_no_feed(look: Doctor, httpserver: HTTPServer) -> None:
    """An outage page is told as what it is."""
    httpserver.expect_request("/out/rss/cs.CV").respond_with_data("<!DOCTYPE html><p>Back soon</p>")
    result = look("interfaces", DIGEST_ARXIV_RSS=httpserver.url_for("/out"))

    assert "a page in HTML, such as an outage notice" in said(result, "feed")


def test_a_category_that_arxiv_does_not_know_is_the_users(look: Doctor, httpserver: HTTPServer) -> None:
    """arXiv sends its complaint as a feed, with HTTP 400."""
    words = "<rss><channel><title>Feed error for query</title><description>Bad category</description></channel></rss>"
    httpserver.expect_request("/bad/rss/cs.CV").respond_with_data(words, status=400)
    result = look("interfaces", DIGEST_ARXIV_RSS=httpserver.url_for("/bad"))

    assert result.exit_code == 2
    assert "Bad category" in said(result, "feed")


@pytest.mark.parametrize(
    ("now", "day", "items", "mark", "words"),
    [
        ("2026-03-17T06:00", DAY, 5, "ok", "2026-03-17 in cs.CL: 4 papers and 1 replacement"),
        ("2026-03-14T12:00", date(2026, 3, 14), 0, "ok", "no listing of Saturday, 2026-03-14"),
        ("2026-06-22T12:00", date(2026, 6, 22), 0, "ok", "no listing of Monday, 2026-06-22"),
        ("2026-03-17T06:00", DAY, 0, "note", "a listing of 2026-03-17 is due"),
        ("2026-03-17T06:00", date(2026, 3, 16), 5, "note", "still of 2026-03-16"),
        ("2026-03-15T06:00", date(2026, 3, 13), 5, "ok", "2026-03-13"),
        ("2026-03-17T06:00", date(2026, 3, 18), 5, "note", "not begun here"),
    ],
)
def test_a_feed_is_held_against_the_calendar(now: str, day: date, items: int, mark: str, words: str) -> None:
    """Empty at weekends and on holidays as it should be, on a listing day too early or deferred."""
    found = interfaces.feed(
        interfaces.Fed(day, max(0, items - 1), items, "cs.CL"), datetime.fromisoformat(now).replace(tzinfo=UTC)
    )
    assert (found.mark, words in found.fact) == (mark, True), found


@pytest.mark.parametrize(
    ("offsets", "replayed", "mark", "words"),
    [
        ([], None, "note", "no answer told the time"),
        ([timedelta(seconds=-40), timedelta(days=-2)], None, "ok", "within 40 s"),
        ([timedelta(minutes=5)], None, "wrong", "5 minutes behind arXiv's"),
        ([timedelta(hours=-3)], None, "wrong", "3 hours ahead of arXiv's"),
        ([timedelta(days=9)], NOW, "note", "9 days behind"),
    ],
)
def test_the_clock_is_held_against_the_answers(
    offsets: list[timedelta], replayed: str | None, mark: str, words: str
) -> None:
    """The nearest answer counts; a clock that is set on purpose is a note."""
    found = interfaces.clock(offsets, replayed)
    assert (found.mark, words in found.fact) == (mark, True), found


def test_the_age_of_a_cached_answer_counts() -> None:
    """Date is when it was made; nonsense is no time."""
    headers = {"Date": "Tue, 17 Mar 2026 12:00:00 GMT", "Age": "60"}
    assert interfaces.moment(headers) == datetime(2026, 3, 17, 12, 1, tzinfo=UTC)
    assert interfaces.moment({"Date": "soon"}) is None


def test_a_search_that_is_late_and_an_oai_without_records_are_notes() -> None:
    """A run has other witnesses."""
    assert interfaces.search(DAY, knows=False).mark == "note"
    empty = b'<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><error code="noRecordsMatch"/></OAI-PMH>'
    assert interfaces.oai(empty, DAY).mark == "note"


def test_the_calendar_tells_the_next_listing_in_local_time() -> None:
    """Over the weekend, in the reader's zone."""
    found = dates.calendar(datetime(2026, 3, 20, 12, tzinfo=UTC), (), ZoneInfo("Asia/Shanghai"))
    assert found.fact == "the newest listing is 2026-03-20; 2026-03-23 is out on Monday 12:00 CST"


def test_holidays_of_a_year_that_is_near_are_missed() -> None:
    """In spring next year's list is not out yet, in December it should be there; the user's own count."""
    assert dates.known_holidays(date(2026, 3, 1), ()).mark == "ok"
    assert "none are known of 2027" in dates.known_holidays(date(2026, 12, 10), ()).fact
    assert dates.known_holidays(date(2026, 12, 10), [date(2027, 1, 1)]).mark == "ok"


# ------------------------------------------------------------------------------------------ disk, cache, pages


@pytest.mark.parametrize(("free", "mark"), [(100, "ok"), (10, "note"), (2, "wrong")])
def test_room_is_counted_in_nights(free: int, mark: str) -> None:
    """Of the size that nights have had."""
    found = disk.room(disk.Room(free * 5_000_000 + 1, ("output", "cache"), 5_000_000), measured=True)
    assert found.mark == mark
    assert mark == "ok" or found.fact.endswith(f"enough for {free}")


def test_a_night_is_measured_by_what_is_on_file(look: Doctor, home: Path) -> None:
    """The record and the pages of the newest days."""
    store = Store(home / "site")
    store.save(edition(entry()))
    (home / "site/2026-03-17").mkdir()
    (home / "site/2026-03-17/index.html").write_bytes(bytes(3_000_000))
    assert "a night takes about 9.0 MB" in said(look("disk"), "room")


def test_a_folder_that_can_not_be_written_is_wrong(look: Doctor, home: Path) -> None:
    """A file in its place; with the flag that chooses another one."""
    (home / "cache").write_text("", encoding="utf-8")
    result = look("disk")

    assert result.exit_code == 2
    assert "is no folder → mend who may write there, or choose another folder: --cache" in said(result, "cache")
    assert said(result, "output").startswith("✓")


def test_a_full_disk_is_told_by_writing(look: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Free room may be reserved for others: what counts is whether a file gets there."""

    def full(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk, "_write", full)
    result = look("disk")

    assert result.exit_code == 2
    assert "No space left on device → make room there" in said(result, "output")


class Weak:
    """A lock that anybody gets."""

    def acquire(self) -> "Weak":
        return self

    def release(self) -> None: ...

    def __enter__(self) -> "Weak":
        return self

    def __exit__(self, *_: object) -> None: ...


def test_locks_that_keep_nobody_out_are_wrong(look: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on some network drives."""
    monkeypatch.setattr("filelock.FileLock", lambda *args, **options: Weak())
    result = look("disk")

    assert "a lock keeps nobody out there → choose a folder on a local disk: --output" in said(result, "locks")


def test_a_damaged_cache_says_what_saves_it(look: Doctor, home: Path) -> None:
    """The database is no database."""
    (home / "cache").mkdir()
    (home / "cache/cache.db").write_bytes(b"no database" * 500)
    result = look("disk")

    assert result.exit_code == 2
    assert "digest cache verify --repair saves what can be read" in said(result, "replies")


def test_a_template_that_fails_is_named_with_its_line(look: Doctor, home: Path) -> None:
    """Also one that is never filled in these editions; own files are listed while they are well."""
    own = home / "templates/site"
    own.mkdir(parents=True)
    (own / "extra.html.j2").write_text("fine\n", encoding="utf-8")
    assert "your own: site/extra.html.j2" in said(look("pages"), "templates")

    (own / "extra.html.j2").write_text("fine\n{% if %}\n", encoding="utf-8")
    result = look("pages")
    assert result.exit_code == 2
    assert "templates/site/extra.html.j2:2: " in said(result, "templates")


def test_a_template_that_reads_but_can_not_be_filled_is_told(look: Doctor, home: Path) -> None:
    """A small edition goes through it in each language."""
    own = home / "templates/mail"
    own.mkdir(parents=True)
    (own / "subject.txt.j2").write_text("{{ nothing_of_that_name }}\n", encoding="utf-8")
    assert "mail/subject.txt.j2:1: UndefinedError" in said(look("pages"), "templates")


def test_a_glossary_that_can_not_be_read_is_told(look: Doctor, home: Path) -> None:
    """The user's own."""
    (home / "prompts").mkdir()
    (home / "prompts/glossary.zh-Hans.tsv").write_bytes(b"\xff\xfe")
    result = look("pages")

    assert result.exit_code == 2
    assert "glossary.zh-Hans.tsv: can't be read" in said(result, "prompts")


def test_a_readme_without_markers_is_told(look: Doctor, home: Path) -> None:
    """With the line to write there."""
    configure(home, 'readme = "README.md"')
    (home / "README.md").write_text("# Mine\n", encoding="utf-8")
    assert "→ write that line" in said(look("pages"), "readme")

    (home / "README.md").write_text("<!-- digest:latest:begin -->\n<!-- digest:latest:end -->\n", encoding="utf-8")
    assert "its markers are in order" in said(look("pages"), "readme")


# ------------------------------------------------------------------------------------------ receivers


@pytest.fixture
def mail_port() -> Iterator[int]:
    """A mail server that lets nobody in but a guest."""
    server = Controller(Sink(), hostname="127.0.0.1", port=_closed())
    server.start()
    yield server.port
    server.stop()


def receivers(port: int, user: str = "") -> str:
    login = f'user = "{user}"' if user else ""
    return (
        f'[smtp]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\nsender = "d@example.org"\n{login}\n'
        '[[deliver]]\nname = "me"\nmail = "a@example.org"\n[[deliver]]\nname = "group"\nurl_env = "GROUP"\n'
    )


def test_receivers_are_looked_at_without_a_message(look: Doctor, home: Path, mail_port: int) -> None:
    """The mail server is greeted; the other's address is read and not shown."""
    with (home / "digest.toml").open("a", encoding="utf-8") as file:
        file.write(receivers(mail_port))
    result = look("receivers", GROUP="json://127.0.0.1:9/very-secret-path")

    assert result.exit_code == 0, result.stdout
    assert "by mail to a@example.org" in said(result, "to me")
    assert "the address in GROUP can be read (nothing was sent)" in said(result, "to group")
    assert "127.0.0.1 takes us without a login" in said(result, "mail server")
    assert "very-secret-path" not in result.output


@pytest.mark.parametrize(
    ("address", "words"),
    [("", "GROUP is not set → export GROUP="), ("nowhere-secret", "holds no address that apprise can read")],
)
def test_a_receiver_without_address_is_wrong(
    look: Doctor, home: Path, mail_port: int, address: str, words: str
) -> None:
    """Not set, or nothing that can be read; it is never quoted."""
    with (home / "digest.toml").open("a", encoding="utf-8") as file:
        file.write(receivers(mail_port))
    result = look("receivers", GROUP=address)

    assert result.exit_code == 2
    assert words in said(result, "to group")
    assert "nowhere-secret" not in result.output


def test_a_mail_server_that_is_not_there_may_come_back(look: Doctor, home: Path) -> None:
    """And one that knows no login refuses for good."""
    with (home / "digest.toml").open("a", encoding="utf-8") as file:
        file.write(receivers(_closed()))
    result = look("receivers", GROUP="json://127.0.0.1:9/x")

    assert result.exit_code == 75
    assert "can't be reached" in said(result, "mail server")


def test_a_mail_server_that_knows_no_login_is_the_users(look: Doctor, home: Path, mail_port: int) -> None:
    """The password is asked for by its variable, and not shown."""
    with (home / "digest.toml").open("a", encoding="utf-8") as file:
        file.write(receivers(mail_port, user="ada"))
    group = {"GROUP": "json://127.0.0.1:9/x"}
    assert "DIGEST_SMTP_PASSWORD is not set" in said(look("receivers", **group), "mail server")
    result = look("receivers", **group, DIGEST_SMTP_PASSWORD="pass-never-shown")

    assert result.exit_code == 2
    assert "pass-never-shown" not in result.output


# ------------------------------------------------------------------------------------------ the schedule


def test_without_a_job_there_is_a_note(look: Doctor) -> None:
    """Others than these can't be seen."""
    result = look("jobs")
    assert result.exit_code == 0
    assert "→ digest init --schedule cron" in said(result, "schedule")


def test_a_crontab_that_runs_digest_is_found(look: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its times; a line that is commented out is none."""
    monkeypatch.setattr(jobs, "_crontab", lambda: "#1 2 * * * digest run\n17 6 * * 1-5 /opt/digest run -q\n")
    assert "crontab: 17 6 * * 1-5" in said(look("jobs"), "schedule")


def test_a_timer_counts_once_it_is_enabled(look: Doctor, home: Path) -> None:
    """Until then the mend is the command that enables it."""
    folder = home / "me/.config/systemd/user"
    (folder / "timers.target.wants").mkdir(parents=True)
    (folder / "nightly.timer").write_text("[Timer]\nOnCalendar=daily\nUnit=paper.service\n", encoding="utf-8")
    (folder / "paper.service").write_text("[Service]\nExecStart=/opt/bin/digest -q run\n", encoding="utf-8")
    assert "→ systemctl --user enable --now nightly.timer" in said(look("jobs"), "schedule")

    (folder / "timers.target.wants/nightly.timer").symlink_to(folder / "nightly.timer")
    assert said(look("jobs"), "schedule").startswith("✓ schedule nightly.timer in ")


def test_a_workflow_of_the_repository_is_found(look: Doctor, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also from a folder below its root; one without a schedule is none."""
    folder = home / ".github/workflows"
    folder.mkdir(parents=True)
    (home / ".git").mkdir()
    (folder / "test.yml").write_text("on: push\njobs: {a: {steps: [{run: digest run}]}}\n", encoding="utf-8")
    assert said(look("jobs"), "schedule").startswith("•")

    (folder / "night.yaml").write_text("on:\n  schedule:\n    - cron: x\nrun: digest run\n", encoding="utf-8")
    (home / "below").mkdir()
    monkeypatch.chdir(home / "below")
    assert "night.yaml" in said(look("jobs"), "schedule")


def test_a_receiver_that_would_never_get_anything_is_told_of(tmp_path: Path) -> None:
    """A language that no edition is made in, and a section that exists nowhere."""
    from digest.config import Config
    from digest.doctor import receivers
    from digest.settings import DeliverSettings

    ways = (
        DeliverSettings(name="a", url_env="HOOK", language="ja"),
        DeliverSettings(name="b", url_env="HOOK", sections=("cs.CL", "Nope")),
    )
    config = Config(output=tmp_path, categories=("cs.CL",), deliver=ways)

    first, second = (receivers.receiver(config, one) for one in ways)

    assert (first.mark, first.fact) == ("wrong", "no edition is made in ja, so nothing is sent")
    assert (second.mark, second.fact) == ("wrong", "no section is called 'Nope'")
