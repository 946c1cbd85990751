"""The one check: format, lint, then strict types beside every test and doctest. Arguments go to pytest."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: A worker for each processor and one more, since many tests wait; a file stays with one, and they come in our order.
WORKERS = ("-n", str((os.cpu_count() or 1) + 1), "--dist", "loadfile", "--no-loadscope-reorder")
PYTEST = ("pytest", *WORKERS, *sys.argv[1:])
FIRST = (("ruff", "format", "--check", "."), ("ruff", "check", "."))


def main() -> int:
    """The exit status of the first step that fails, else 0."""
    for step in FIRST:
        if failed := run(*step):
            return failed
    types = subprocess.Popen([sys.executable, "-m", "mypy"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    failed = run(*PYTEST)
    said, _ = types.communicate()
    print("check: mypy", said.rstrip(), sep="\n", flush=True)
    return failed or types.returncode


def run(*step: str) -> int:
    """The exit status of a step."""
    print("check:", *step, flush=True)
    return subprocess.run([sys.executable, "-m", *step], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
