"""The shape of the package: imports point down, siblings never meet, --help stays light."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "digest"

#: a room may import from rooms with a lower number only; a new module must be given its layer
LAYER = {
    "__init__": 0,
    "hooks": 0,
    "addresses": 1,
    "atomic": 2,
    "folder_lock": 3,
    "database": 3,
    "versions": 7,
    "exchange": 8,
    "shared": 11,
    "interrupts": 2,
    "errors": 1,
    "excerpts": 1,
    "identifiers": 1,
    "numerals": 1,
    "replies": 1,
    "plaintext": 1,
    "models": 2,
    "parameters": 2,
    "keywords": 2,
    "schedule": 2,
    "figures": 3,
    "evidence": 4,
    "topics": 1,
    "unfit": 3,
    "tex_signs": 0,
    "tex_math": 1,
    "tex_pairs": 2,
    "tex": 3,
    "links": 3,
    "readme": 3,
    "frontpage": 8,
    "report": 4,
    "heads": 5,
    "headfiles": 6,
    "pagenotes": 6,
    "history": 6,
    "blocks": 3,
    "rules": 3,
    "selection": 4,
    "prompts": 4,
    "checks": 6,
    "bylines": 1,
    "words": 1,
    "languages": 1,
    "names": 1,
    "glossary": 3,
    "money": 3,
    "services": 4,
    "accounts": 6,
    "almanac": 5,
    "turns": 4,
    "answers": 6,
    "polite": 6,
    "resources": 6,
    "store": 7,
    "whereabouts": 8,
    "sources": 7,
    "engines": 7,
    "render": 7,
    "cache_rows": 8,
    "cache_transfer": 9,
    "cache_check": 9,
    "cache_repair": 10,
    "summary": 8,
    "stream": 9,
    "rejudging": 9,
    "changes": 9,
    "settings": 8,
    "config": 9,
    "filed": 9,
    "measures": 1,
    "backfill_display": 13,
    "outlook": 14,
    "outlook_text": 15,
    "listings": 10,
    "sites": 10,
    "agenda": 11,
    "backends": 11,
    "publishing": 10,
    "press": 11,
    "deliver": 7,
    "outbox": 10,
    "failures": 11,
    "delivery": 11,
    "rehearsal": 12,
    "deliver_commands": 16,
    "letters": 8,
    "pipeline": 12,
    "making": 13,
    "nightly": 13,
    "backfill": 14,
    "overview": 13,
    "doctor": 13,
    "doctor_commands": 16,
    "standings": 8,
    "postmarks": 8,
    "leftovers": 7,
    "findings": 9,
    "verify_cache": 10,
    "secrecy": 1,
    "verify": 13,
    "prune": 13,
    "verify_commands": 16,
    "revision": 13,
    "serve_gate": 3,
    "serve_watch": 1,
    "serve_files": 4,
    "serve_pages": 8,
    "serve_replies": 10,
    "serve_work": 14,
    "serve": 15,
    "serve_commands": 16,
    "terminal": 14,
    "inventory": 15,
    "renewals": 15,
    "console": 15,
    "cache_commands": 16,
    "run_commands": 16,
    "backfill_commands": 16,
    "logs": 2,
    "envfile": 2,
    "gguf_header": 2,
    "machine": 2,
    "largefiles": 3,
    "checksums": 4,
    "packaged": 5,
    "hub": 2,
    "downloads": 5,
    "trial": 4,
    "drafts": 5,
    "weights": 6,
    "timetable": 3,
    "newfiles": 3,
    "provenance": 1,
    "scaffold": 10,
    "places": 10,
    "nightjobs": 11,
    "init_commands": 16,
    "cli": 17,
    "__main__": 18,
}
#: modules that a family shares: its own floor
FLOORS = {
    "deliver": {"deliver"},
    "doctor": {"doctor"},
    "engines": {
        "abilities",
        "allowance",
        "batch_output",
        "batch_service",
        "breaker",
        "claims",
        "copying",
        "crew",
        "crew_apart",
        "crew_ray",
        "dialect",
        "dispatch",
        "driver",
        "endpoint",
        "engines",
        "faults",
        "flights",
        "handover",
        "jobs",
        "keeping",
        "pace",
        "pieces",
        "roster",
        "sending",
        "service",
        "shared_claims",
        "shelf",
        "throttle",
        "wire",
        "worker",
    },
    "sources": {"sources", "bookmarks", "files", "oai_page", "rows", "search_page", "streams"},
    "render": {
        "render",
        "chart",
        "columns",
        "environment",
        "escaping",
        "formulas",
        "layout",
        "marks",
        "packing",
        "tracks",
    },
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    inside = path.relative_to(PACKAGE).parts
    return inside[0].removesuffix(".py")


def imported(path: Path) -> list[tuple[int, str]]:
    """Every relative import as (level, first name)."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            names = [node.module] if node.module else [alias.name for alias in node.names]
            found += [(node.level, name.split(".")[0]) for name in names]
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    """A module imports from lower rooms only, and in a family only from the family's floor."""
    room = room_of(path)
    depth = len(path.relative_to(PACKAGE).parts)
    for level, name in imported(path):
        if level == depth:
            if name in LAYER:
                assert LAYER[name] < LAYER[room], f"{path.name}: {room} imports {name}"
        elif path.stem != "__init__":
            assert (
                name in FLOORS[room]
                or name[0].isupper()
                or path.stem in FLOORS[room]
                or not (path.parent / f"{name}.py").exists()
            ), f"{path.name} imports its sibling {name}"


def test_absolute_imports_of_ourselves_are_not_used() -> None:
    """Inside the package every import of it is relative, so the layers can be read off."""
    for path in modules():
        assert not re.search(r"^\s*(from|import) digest\b", path.read_text(encoding="utf-8"), re.MULTILINE), path


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        ("cli", "openai requests lxml jinja2 pydantic rich diskcache aiohttp asyncio tenacity"),
        ("cli agenda nightly pipeline terminal", "openai requests lxml jinja2 rich aiohttp asyncio tenacity smtplib"),
    ],
    ids=["help", "a run with nothing to do"],
)
def test_nothing_heavy_is_imported_before_it_is_used(modules: str, heavy: str) -> None:
    """`digest --help` is quick, and so is a run over a day that is complete."""
    names = ", ".join(f"digest.{name}" for name in modules.split())
    code = f"import sys, {names}; print(sorted({set(heavy.split())!r} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_every_module_says_what_it_holds() -> None:
    """Each module opens with a docstring."""
    for path in modules():
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


def test_no_module_hides_one_of_the_standard_library() -> None:
    """No module of ours is named like one of Python's own; `render.site` is what everybody calls a site."""
    ours = {path.stem for path in modules()} - {"__init__", "__main__", "site"}
    assert not ours & sys.stdlib_module_names
