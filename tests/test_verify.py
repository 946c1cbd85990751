"""`digest verify` and `digest prune` on sites as runs leave them, and as trouble leaves them."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fakes import card, completion, edition, entry, origin

from digest import headfiles, money, postmarks, publishing
from digest.cli import main
from digest.engines import shelf
from digest.engines.cached import open_cache
from digest.engines.claims import Claims
from digest.engines.jobs import Job, Jobs
from digest.models import Edition
from digest.postmarks import Postmark, Postmarks
from digest.store import Store

NOW = datetime(2026, 3, 17, 12, tzinfo=UTC)
DAYS = (date(2026, 3, 16), date(2026, 3, 17))
KEYS = {name: letter * 64 for name, letter in (("named", "a"), ("earlier", "b"), ("unused", "c"), ("young", "d"))}


def made(day: date, **fields: Any) -> Edition:
    """An edition whose card has been replaced once, with a receipt."""
    old, new = origin(key=KEYS["earlier"]), origin(key=KEYS["named"])
    one = entry(f"2603.{day.day:05}", card=card(origin=new), earlier=(card(origin=old),), replies=(old, new))
    return money.billed(edition(one, announced=day, **fields), money.Prices())


def keep(folder: Path, **ages: int) -> None:
    """Replies by name, that many days old."""
    cache: Any = open_cache(folder)
    with cache.transact():
        replies = ((KEYS[name], completion(created=NOW - timedelta(days=days))) for name, days in ages.items())
        shelf.put(cache, ((key, shelf.as_record(reply)) for key, reply in replies))
    cache.close()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two days with all their pages, and a cache that has their replies."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIGEST_NOW", NOW.isoformat())
    for day in DAYS:
        Store(tmp_path / "site").save(made(day))
    keep(tmp_path / "cache", named=1, earlier=100)
    assert CliRunner().invoke(main, ["render"]).exit_code == 0
    return tmp_path / "site"


def call(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def found(*words: str) -> list[tuple[str, str, str, str | None]]:
    """Kind, place, fact and mend of all that verify finds."""
    result = call("verify", "--json", *words)
    record = json.loads(result.stdout)
    assert record["sound"] == (result.exit_code == 0)
    assert result.exit_code in (0, 2)
    return [(one["kind"], one["place"], one["fact"], one["mend"]) for one in record["findings"]]


# ------------------------------------------------------------------------------------------ verify


def test_what_a_run_leaves_agrees(site: Path) -> None:
    """No fault and no note, with a look at every page and with a quick one; nothing is changed by it."""
    before = times(site)

    result = call("verify")
    assert result.exit_code == 0, result.output
    assert "2 editions" in result.stdout
    assert "all agrees" in result.stdout
    assert found("--quick") == []
    assert times(site) == before


def times(site: Path) -> dict[Path, int]:
    """When each file of a site was written; the lock's is no matter."""
    files = (path for path in site.rglob("*") if path.is_file() and path.name != ".lock")
    return {path: path.stat().st_mtime_ns for path in files}


def changed(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"<!-- -->")


def removed(path: Path) -> None:
    path.unlink()


def linked(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/hostname")


@pytest.mark.parametrize(
    ("page", "how", "fact"),
    [
        ("2026-03-16/index.html", changed, "is not what its editions give"),
        ("feed.xml", changed, "is not what its editions give"),
        ("2026-03-16/mail.txt", removed, "is not there"),
        ("search.html", removed, "is not there"),
        ("category/cs-cl.xml", removed, "is not there"),
        ("2026-03-17/index.md", linked, "is a link, which may lead anywhere"),
    ],
)
def test_a_page_that_is_not_as_it_would_be_written(
    site: Path, page: str, how: Callable[[Path], None], fact: str
) -> None:
    """One fault that names the page; its mend makes it good, and no other."""
    how(site / page)

    ((kind, place, said, mend),) = found()
    assert (kind, place, said) == ("fault", f"{site.name}/{page}", fact)
    assert mend
    if how is linked:
        (site / page).unlink()
    command = mend.rpartition("then ")[2].split()
    assert call(*command[1:]).exit_code == 0
    assert found() == []


def test_a_page_from_before_an_upgrade_is_a_note(site: Path) -> None:
    """The program, or a template, is newer than the page; the page is newer than its edition."""
    page, record = site / "2026-03-16/index.html", site / "editions/2026-03-16.json"
    changed(page)
    for path, seconds in ((record, 1000.0), (page, 2000.0)):
        os.utime(path, (seconds, seconds))

    ((kind, _, fact, mend),) = found()
    assert (kind, mend) == ("note", "digest render")
    assert "before the program" in fact


def test_a_quick_look_sees_what_is_missing_or_too_old(site: Path) -> None:
    """Without making a page."""
    (site / "index.html").unlink()
    os.utime(site / "2026-03-16/index.html", (1000.0, 1000.0))

    assert {(place, fact) for _, place, fact, _ in found("--quick")} == {
        ("site/index.html", "is not there"),
        ("site/2026-03-16/index.html", "is older than its edition"),
    }


def test_pages_that_nothing_makes(site: Path) -> None:
    """Of a section that is gone, of a date without an edition, of keywords that take less room now."""
    for page in ("category/cs-cv.html", "2026-03-12/index.html"):
        (site / page).parent.mkdir(exist_ok=True)
        (site / page).write_text("x")

    assert {(place, fact) for _, place, fact, _ in found() if "no edition makes" in fact} == {
        ("site/category/cs-cv.html", "no edition makes this page"),
        ("site/2026-03-12/index.html", "no edition makes this page"),
    }


def test_a_damaged_edition_is_one_fault_and_its_pages_stay(site: Path) -> None:
    """The others are looked at all the same."""
    (site / "editions/2026-03-16.json").write_text("{")

    findings = found("--quick")
    assert [(kind, place) for kind, place, _, _ in findings] == [("fault", "site/editions/2026-03-16.json")]
    assert "put back a good copy" in (findings[0][3] or "")
    assert call("verify").exit_code == 2


def test_a_head_that_lies_is_told(site: Path) -> None:
    """Pages about all editions are made from heads."""
    record = site / "editions/2026-03-16.json"
    head = headfiles.load(record, publishing.heads_mark())
    assert head is not None
    changed = head.model_copy(update={"ledger": replace(head.ledger, shown=7)})
    headfiles.save(record, record.stat().st_size, publishing.heads_mark(), changed, headfiles.named(record).split())

    ((kind, place, fact, _),) = found()
    place_due = str(headfiles.path(record).relative_to(site.parent))
    assert (kind, place, fact) == ("fault", place_due, "says other things than its edition")


def test_delivery_marks_are_looked_at(site: Path) -> None:
    """Damaged, and of a receiver that is gone."""
    sent = Postmark(receiver="gone", state="sent", message_id="m", attempts=1, at=NOW)
    postmarks.save(Store(site), Postmarks(announced=DAYS[0], marks=(sent,)))
    (site / postmarks.FOLDER / f"{DAYS[1]}.json").write_text("{")

    assert {(kind, fact) for kind, _, fact, _ in found()} == {
        ("fault", "no delivery marks"),
        ("note", "gone is no receiver in digest.toml any more"),
    }


def test_the_cache_is_held_against_the_editions(site: Path) -> None:
    """Replies that are not kept are a note; a damaged one is a fault; a batch under way is a note."""
    shutil.rmtree("cache")
    ((kind, _, fact, _),) = found()
    assert (kind, fact) == ("note", "no replies are kept here; editions name 2")

    keep(Path("cache"), named=1)
    with sqlite3.connect("cache/cache.db") as database:
        database.execute("UPDATE Cache SET value = x'00'")
    database.close()
    Jobs(Path("cache/batches")).save(Job("e" * 32, "place", ("k", "l"), "2026-03-17T10:00:00+00:00"))
    (Path("cache/batches") / "broken.json").write_text("[]")
    kinds = [(kind, fact) for kind, _, fact, _ in found()]
    assert ("note", "1 of the 2 replies that editions name are not kept here") in kinds
    assert ("note", "a batch of 2 requests under way since 2026-03-17T10:00") in kinds
    assert [kind for kind, fact in kinds if fact.startswith("row ") or "damaged record" in fact] == ["fault", "fault"]


def test_the_readme_is_looked_at(site: Path) -> None:
    """Its blocks are what the editions give, or it is told."""
    readme = Path("README.md")
    readme.write_text("<!-- digest:latest:begin -->\n<!-- digest:latest:end -->\n")
    Path("digest.toml").write_text('readme = "README.md"\n')
    assert ("fault", "README.md", "its blocks are not what the editions give", "digest render") in found()

    assert call("render").exit_code == 0
    assert found() == []
    readme.write_text("nothing\n")
    assert [place for kind, place, _, _ in found() if kind == "fault"] == ["README.md"]


def test_gaps_leftovers_and_foreign_names_are_notes(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They make no fault."""
    monkeypatch.setenv("DIGEST_NOW", "2026-03-19T12:00:00Z")
    (site / "2026-03-12").mkdir()
    (site / "editions/copy.json").write_text("{}")

    findings = found()
    assert {kind for kind, *_ in findings} == {"note"}
    assert {mend for *_, mend in findings} == {
        "digest run --since 2026-03-18",
        "digest prune",
        "rename it YYYY-MM-DD.json, or move it elsewhere",
    }


def test_each_language_has_its_look(site: Path) -> None:
    """The site of a further language is looked at, too, and its mends name it."""
    Store(site / "ja").save(made(DAYS[1], language="ja"))
    Path("digest.toml").write_text('language = ["zh-Hans", "ja"]\n')
    assert call("render").exit_code == 0
    assert found() == []

    (site / "ja/feed.xml").unlink()
    assert found() == [("fault", "site/ja/feed.xml", "is not there", "digest render --language ja")]


def test_a_template_that_fails_is_a_fault(site: Path) -> None:
    """It is named, and the rest is looked at."""
    shutil.copytree(Path(__file__).parents[1] / "templates/site", "templates/site")
    Path("templates/site/day.html.j2").write_text("{{ nothing.such }}")

    assert any(kind == "fault" and "no page can be made" in fact for kind, _, fact, _ in found())


def test_there_must_be_something_to_look_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder is no sound site; a site that a run works on is left alone."""
    monkeypatch.chdir(tmp_path)
    assert call("verify").exit_code == 2

    Store(tmp_path / "site").save(made(DAYS[0]))
    with Store(tmp_path / "site").locked():
        assert call("verify").exit_code == 75


# ------------------------------------------------------------------------------------------ prune


def kept() -> set[str]:
    """The names of the replies in the cache."""
    with sqlite3.connect("cache/cache.db") as database:
        keys = {key for (key,) in database.execute("SELECT key FROM Cache")}
    database.close()
    return {name for name, key in KEYS.items() if key in keys}


def test_prune_removes_what_nothing_needs_and_no_more(site: Path) -> None:
    """Told first by --dry-run; then gone; then verify has nothing to say."""
    (site / "2026-03-12").mkdir()
    answers = Path("cache/arxiv/2026-03-16/aa")
    answers.parent.mkdir(parents=True)
    answers.write_bytes(b"123")
    keep(Path("cache"), unused=1000)
    done = Jobs(Path("cache/batches"))
    done.save(Job("e" * 32, "place", (KEYS["named"],), "2026-03-17T10:00:00+00:00"))
    done.save(Job("f" * 32, "place", (KEYS["young"],), "2026-03-17T10:00:00+00:00"))

    told = json.loads(call("prune", "--dry-run", "--json").stdout)
    assert answers.exists()
    went = json.loads(call("prune", "--json").stdout)
    assert told == went | {"dry_run": True}
    assert [one["path"] for one in went["removed"]] == [
        "site/2026-03-12",
        "cache/arxiv/2026-03-16",
        f"cache/batches/{'e' * 32}.json",
    ]
    assert not answers.parent.exists()
    assert kept() == {"named", "earlier", "unused"}
    assert [fact for *_, fact, _ in found()] == ["a batch of 1 request under way since 2026-03-17T10:00"]


def test_replies_go_only_when_told_by_name(site: Path) -> None:
    """With an age and a yes; what an edition names, now or as an earlier card, and what is young, stays."""
    keep(Path("cache"), unused=40, young=20)
    everything = {"named", "earlier", "unused", "young"}

    assert call("prune", "--older-than", "30").exit_code == 0
    assert call("prune", "--replies-unused").exit_code == 2
    assert kept() == everything
    refused = call("prune", "--replies-unused", "--older-than", "30")
    assert (refused.exit_code, kept()) == (2, everything)
    assert "1 reply that no edition below site names, of 2026-02-05 to 2026-02-05" in refused.stderr
    assert "without a known price" in refused.stderr
    assert call("prune", "--replies-unused", "--older-than", "30", "--dry-run").exit_code == 0
    assert kept() == everything

    result = call("prune", "--replies-unused", "--older-than", "30", "--yes")
    assert result.exit_code == 0, result.output
    assert kept() == everything - {"unused"}
    assert call("cache", "verify").exit_code == 0


def test_replies_of_other_languages_stay(site: Path) -> None:
    """Also where digest.toml does not have the language any more."""
    other = made(DAYS[0], language="ja")
    card_of_it = card(origin=origin(key=KEYS["unused"]))
    Store(site / "ja").save(other.with_entries([other.entries[0].model_copy(update={"card": card_of_it})]))
    keep(Path("cache"), unused=40)

    assert call("prune", "--replies-unused", "--older-than", "30", "--yes").exit_code == 0
    assert "unused" in kept()


def test_no_reply_goes_while_an_edition_cannot_be_read(site: Path) -> None:
    """Nobody knows which it names."""
    (site / "editions/2026-03-16.json").write_text("{")
    keep(Path("cache"), unused=40)

    assert call("prune", "--replies-unused", "--older-than", "30", "--yes").exit_code == 2
    assert "unused" in kept()


def test_prune_waits_for_no_run(site: Path) -> None:
    """A site that is worked on, and a cache that is asked, are left alone."""
    keep(Path("cache"), unused=40)
    with Store(site).locked():
        assert call("prune").exit_code == 75
    with Claims("cache") as claims:
        assert claims.take(KEYS["young"])
        assert call("prune", "--replies-unused", "--older-than", "30", "--yes").exit_code == 75
    assert "unused" in kept()


def test_prune_of_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder has nothing to remove, and stays empty."""
    monkeypatch.chdir(tmp_path)
    result = call("prune")

    assert (result.exit_code, result.stdout) == (0, "nothing is there that nothing needs\n")
    assert [*tmp_path.iterdir()] == []
