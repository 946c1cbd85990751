"""The log as a scheduler and a machine read it."""

import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from digest import logs

KEY = "sk-never-in-a-log"


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """One that nobody else listens to."""
    made = logging.Logger("digest.test", logging.DEBUG)
    yield made
    made.handlers.clear()


def said(logger: logging.Logger, form: logs.Form, capsys: pytest.CaptureFixture[str]) -> str:
    logger.addHandler(logs.handler(form, [KEY]))
    try:
        raise ValueError(f"401 for {KEY}")  # noqa: TRY301
    except ValueError:
        logger.exception("%s failed\nERROR forged", "a\x1b[2J", extra={"facts": {"exit": 75}})
    return capsys.readouterr().err


def test_lines_have_time_run_and_level(logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    """What comes from outside makes no line of its own and steers no terminal; a secret is hidden in tracebacks too."""
    first, *rest = said(logger, "lines", capsys).splitlines()

    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ {logs.RUN} ERROR a\\x1b\[2J failed\\nERROR forged", first)
    assert rest[0] == "Traceback (most recent call last):"
    assert rest[-1] == "ValueError: 401 for ***"


def test_json_is_one_object_a_line(logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    """Time, run, level, logger, message, and the facts by name."""
    text = said(logger, "json", capsys)
    record = json.loads(text)

    assert text.count("\n") == 1
    assert (record["run"], record["level"], record["logger"], record["facts"]["exit"]) == (
        logs.RUN,
        "ERROR",
        "digest.test",
        75,
    )
    assert KEY not in text
    assert "Traceback" in record["traceback"]


def test_a_run_logs_json_to_its_end(tmp_path: Path) -> None:
    """Each line of standard error is an object: the stages, and the last one that says everything, or the failure."""

    def run(*args: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "digest", "run", "--sample", "--log", "json", *args]
        environment = {**os.environ, "OPENAI_API_KEY": KEY}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    good, bad = run("--engine", "echo"), run("--base-url", "http://127.0.0.1:9/v1", "--output", "other")
    lines = [json.loads(line) for line in good.stderr.splitlines()]

    assert good.returncode == 0
    assert lines[-1]["facts"]["counts"]["announced"] == lines[-1]["facts"]["counts"]["shown"] == 11
    assert lines[-1]["message"] == good.stdout.splitlines()[-1]
    assert len({line["run"] for line in lines}) == 1
    last = json.loads(bad.stderr.splitlines()[-1])
    assert (bad.returncode, last["facts"]["exit"], last["level"]) == (75, 75, "ERROR")
    assert "127.0.0.1:9" in last["message"]
