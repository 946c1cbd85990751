"""What docs/security.md promises of the source as a whole: no way to run what was read, no path out of the folders."""

import ast
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from digest import answers, cache_transfer, turns
from digest.engines import shelf
from digest.engines.jobs import Job, Jobs
from digest.errors import DigestError
from digest.identifiers import BASE_PATTERN, parse_id
from digest.models import Edition, Page, Paper
from digest.render.layout import LONGEST_NAME, section_path
from digest.settings import DeliverSettings, Tag
from digest.store import Store

PACKAGE = Path(__file__).resolve().parents[1] / "digest"
MODULES = sorted(PACKAGE.rglob("*.py"))

#: what runs code, or believes what it should check; dots stand between the parts of a name
FORBIDDEN = {
    *("eval", "exec", "compile", "__import__", "input"),
    *("os.system", "os.popen", "os.startfile", "pty.spawn", "asyncio.create_subprocess_shell"),
    *("tempfile.mktemp", "shutil.unpack_archive", "yaml.load", "yaml.unsafe_load", "logging.config.listen"),
    *("ssl._create_unverified_context", "ssl._create_default_https_context"),
}
#: modules that hold such things only
SHUT_OUT = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "code", "ctypes", "telnetlib", "xml"}
#: where a module is named by text: our own registries, and what the user writes as "module:attribute"
LOADERS = {
    "engines/__init__.py",
    "engines/crew_ray.py",  # a constant: the library is an extra
    "engines/local.py",  # a constant: the library is an extra
    "packaged.py",  # "package:NAME", as the user's configuration says
    "render/__init__.py",
    "deliver/__init__.py",
    "doctor/__init__.py",
}
#: rules of ruff against unsafe code that are put aside somewhere, each with its reason
ASIDE = {
    "S104",  # an address is compared with, not bound to
    "S105",  # the name of a variable, not a password
    "S311",  # random waiting is no secret
    "S603",  # a program by its own path and in a list; see the test of subprocesses
    "S608",  # SQL made of constants
    "S701",  # autoescape is a parameter: off for Markdown, plain text and prompts
    "S704",  # markup that was escaped, or cleaned, one line above
}


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Yield each call with its dotted name; an unnamed one, such as f()(), has none."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func) if isinstance(node.func, ast.Name | ast.Attribute) else "", node


def imports(path: Path) -> set[str]:
    """The first parts of the names of all modules that are imported absolutely."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_that_was_read_is_run(path: Path) -> None:
    """No evaluation, no shell, no pickle, no unpacking of archives, no check of a certificate turned off."""
    assert not imports(path) & SHUT_OUT
    for name, call in calls(path):
        given = {one.arg: one.value for one in call.keywords if one.arg}
        assert name not in FORBIDDEN, f"line {call.lineno}: {name}"
        assert not re.search(r"\.(?:extract|extractall|from_string|overlay)$", name) or is_our_text(call), (
            f"line {call.lineno}: {name}"
        )
        assert not name.startswith(("os.exec", "os.spawn", "subprocess.getoutput", "subprocess.getstatusoutput"))
        assert not is_constant(given.get("shell"), True), f"line {call.lineno}: a shell"
        assert not is_constant(given.get("verify"), False), f"line {call.lineno}: certificates are not looked at"
        if name == "import_module":
            assert path.relative_to(PACKAGE).as_posix() in LOADERS


def is_constant(node: ast.expr | None, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def is_our_text(call: ast.Call) -> bool:
    """Whether the text of a template comes from resources.read or a file of the package: prompts and words."""
    return bool(call.args) and isinstance(call.args[0], ast.Name | ast.Attribute)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_programs_are_started_from_lists(path: Path) -> None:
    """Never from one string, and with a limit of time."""
    for name, call in calls(path):
        if name.startswith("subprocess."):
            assert isinstance(call.args[0], ast.List), f"line {call.lineno}"
            assert "timeout" in {one.arg for one in call.keywords}, f"line {call.lineno}"


def test_no_rule_against_unsafe_code_is_put_aside_unseen() -> None:
    """A new exception is added above, with its reason."""
    found = {
        rule
        for path in MODULES
        for line in path.read_text(encoding="utf-8").splitlines()
        for rule in re.findall(r"\bS\d{3}\b", line.partition("# noqa")[2])
    }

    assert found <= ASIDE


def test_certificates_are_looked_at() -> None:
    """No module lowers what an SSL context checks."""
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"CERT_NONE|check_hostname\s*=\s*False|verify_mode\s*=|disable_warnings", text), path


# ------------------------------------------------------------------------------------------ paths

WILD = st.one_of(
    st.text(),
    st.from_regex(r"[./\\a-z%~$\x00 ]{0,20}", fullmatch=True),
    st.sampled_from(
        ["..", "../../etc/passwd", "/etc/passwd", "a/../../b", "C:\\x", "~root", "\x00", "..\\..", "．．／"]
    ),
)


def stays_inside(name: str) -> bool:
    """Whether a path from a folder leads to a place in it, on every system."""
    parts = PurePosixPath(name).parts
    return bool(parts) and not name.startswith("/") and not {"..", "~"} & {*parts} and not re.search(r"[\\:\x00]", name)


@given(st.sampled_from(["category", "keyword"]), WILD)
def test_a_section_is_a_file_in_its_folder(kind: str, title: str) -> None:
    """Whatever its title: two parts, plain letters, no longer than a file system takes."""
    path = section_path(kind, title)

    assert stays_inside(path)
    assert path.count("/") == 1
    assert len(path.encode()) <= 4 * LONGEST_NAME + 20
    assert not re.search(r"[\x00-\x20<>:\"|?*]", path)


@given(WILD)
def test_an_identifier_is_one_of_arxivs(text: str) -> None:
    """What is taken for one has digits and letters, and one slash at most."""
    try:
        found = parse_id(text).base
    except ValueError:
        return
    assert re.fullmatch(BASE_PATTERN.strip("^$"), found)
    assert stays_inside(found)


@pytest.mark.parametrize("wild", ["../0309136", "math/../0309136", "math/0309136\n", "/0309136", "math/0309136/..", ""])
def test_a_record_with_a_wild_identifier_is_none(wild: str) -> None:
    """A model, a feed or a file cannot bring one in."""
    with pytest.raises(ValidationError):
        Paper(arxiv_id=wild, version=1, title="t", authors=(), abstract="a", categories=())


@given(WILD)
def test_a_language_is_one_part_of_a_path(text: str) -> None:
    """Its site is a folder of that name; an edition's own language says nothing wilder."""
    for kind in (TypeAdapter(Tag), TypeAdapter(Edition.model_fields["language"].rebuild_annotation())):
        try:
            tag = kind.validate_python(text)
        except ValidationError:
            continue
        assert re.fullmatch(r"[A-Za-z0-9-]+", tag)


@given(WILD)
def test_a_receivers_name_is_no_path(text: str) -> None:
    """Marks, logs and headers of mails hold it."""
    try:
        one = DeliverSettings(name=text, mail="a@example.org")
    except ValidationError:
        return
    assert re.fullmatch(r"[A-Za-z0-9_-]+", one.name)


@given(name=WILD)
def test_no_page_is_written_outside(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    """Whatever a format, or a user's template, calls it."""
    root = tmp_path_factory.mktemp("root")
    with suppress(DigestError, ValueError, OSError):
        Store(root / "site").write([Page(name, b"x")])
    assert [one.name for one in root.iterdir()] in ([], ["site"])


@given(WILD)
def test_a_service_is_one_file(host: str) -> None:
    """Turns are kept by a name that is made of an address."""
    try:
        name = turns.service_of(f"http://{host}/x")
    except ValueError:  # no address
        return
    assert re.fullmatch(r"[a-z0-9._-]+", name)
    assert name not in (".", "..")


@given(WILD)
def test_an_answer_is_one_file(tmp_path_factory: pytest.TempPathFactory, url: str) -> None:
    """ArXiv's answers are kept by a hash of their address."""
    kept = answers.Answers(tmp_path_factory.getbasetemp(), date(2026, 3, 17))

    assert re.fullmatch(r"[0-9a-f]{64}", kept._path(url).name)


def test_the_record_of_a_batch_names_no_other_file(tmp_path: Path) -> None:
    """One that calls itself by a path is damaged: dropping it would remove that file."""
    jobs, outside = Jobs(tmp_path / "batches"), tmp_path / "outside.json"
    outside.write_text("{}")
    job = jobs.save(Job("a" * 32, "place", ("k",), "2026-03-17T10:00:00+00:00"))
    path = tmp_path / "batches" / f"{job.name}.json"
    path.write_text(path.read_text().replace(job.name, "../outside"))

    jobs.drop(jobs.of("place"))
    assert outside.exists()


# ------------------------------------------------------------------------------------------ modes


@pytest.fixture
def usual_umask() -> Iterator[None]:
    """What most systems give: others may read."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def keep_reply(folder: Path) -> Path:
    cache: Any = shelf.open_cache(folder / "cache")
    cache.close()
    return folder / "cache"


def keep_answer(folder: Path) -> Path:
    answers.Answers(folder / "arxiv", date(2026, 3, 17)).put("http://127.0.0.1", b"x")
    return folder / "arxiv"


def keep_job(folder: Path) -> Path:
    Jobs(folder / "batches").save(Job("a" * 32, "place", (), ""))
    return folder / "batches"


def take_turn(folder: Path) -> Path:
    turn = turns.Turns(folder / "turns", 0.0, 1.0)
    turn.begin("arxiv.org")
    turn.end()
    return folder / "turns"


def write_export(folder: Path) -> Path:
    cache_transfer.export(keep_reply(folder), str(folder / "out.jsonl"), lambda *_: None)
    return folder / "out.jsonl"


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
@pytest.mark.parametrize("make", [keep_reply, keep_answer, keep_job, take_turn, write_export])
def test_what_is_private_is_for_its_owner(tmp_path: Path, usual_umask: None, make: Callable[[Path], Path]) -> None:
    """The folder of the cache and all in it, an export of it, and the turns: nobody else may look."""
    assert make(tmp_path).stat().st_mode & 0o077 == 0
