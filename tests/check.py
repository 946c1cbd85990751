"""The one check: format, lint, strict types, then every test and doctest. Arguments go to pytest."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: A worker for each processor; a file stays with one, for its fixtures.
PYTEST = ("pytest", "-n", "auto", "--dist", "loadfile", *sys.argv[1:])
STEPS = (("ruff", "format", "--check", "."), ("ruff", "check", "."), ("mypy",), PYTEST)


def main() -> int:
    """The exit status of the first step that fails, else 0."""
    for step in STEPS:
        print("check:", *step, flush=True)
        if failed := subprocess.run([sys.executable, "-m", *step], cwd=ROOT, check=False).returncode:
            return failed
    return 0


if __name__ == "__main__":
    sys.exit(main())
