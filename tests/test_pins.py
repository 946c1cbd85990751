"""The pinned lists: every file by its hash, one version everywhere, and nothing of where it was fetched from."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
NEEDED = {
    "requirements.txt": [*PROJECT["build-system"]["requires"], *PROJECT["project"]["dependencies"], *EXTRAS["deliver"]],
    "requirements-dev.txt": [one for one in EXTRAS["dev"] if "bilingual-digest" not in one],
}


def lines(name: str) -> list[str]:
    """The lines of a list, those that go on in the next joined."""
    text = (ROOT / ".ci" / name).read_text(encoding="ascii").replace("\\\n", "")
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def pinned(name: str) -> dict[str, str]:
    """Package -> version."""
    found = (re.match(r"([A-Za-z0-9._-]+)==([^ ;]+)", line) for line in lines(name))
    return {canonicalize_name(one[1]): one[2] for one in found if one}


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_file_is_named_by_its_hash(name: str) -> None:
    """Pip then takes no other file; and nothing is built, so no code of a source package runs."""
    first, *packages = lines(name)

    assert first == "--only-binary :all:"
    assert packages
    for line in packages:
        assert re.fullmatch(
            r"[A-Za-z0-9._-]+(?:\[[a-z,]+\])?==[^ ;]+(?: ; [^-]+(?:-[^-]+)*?)?(?:\s+--hash=sha256:[0-9a-f]{64})+", line
        ), line[:80]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "constraints.txt"])
def test_no_list_says_where_it_came_from(name: str) -> None:
    """No address, no index, no path of a machine."""
    text = (ROOT / ".ci" / name).read_text(encoding="ascii")

    assert not re.search(r"://|--(?:extra-)?index|--find-links|--trusted|file:| @ |(?:^|\s)/", text)


def test_the_lists_agree() -> None:
    """One version of each package, whichever list it stands in."""
    everything = pinned("requirements-dev.txt")

    assert pinned("constraints.txt") == everything
    assert pinned("requirements.txt").items() <= everything.items()


@pytest.mark.parametrize("name", NEEDED)
def test_a_list_has_what_the_project_asks_for(name: str) -> None:
    """A dependency that is new, or wants another version, is pinned by .ci/pin before it lands."""
    have = pinned(name)

    for line in NEEDED[name]:
        asked = Requirement(line)
        version = have.get(canonicalize_name(asked.name))
        assert version, f"{line}: run .ci/pin"
        assert asked.specifier.contains(version), f"{line}: {version} is pinned; run .ci/pin"
