"""What the program does at scale, each figure beside its floor of the same run: tables and charts, one command for all.

    python benchmarks/run_scale.py --write docs/scale-figures.md --charts docs/

Starts its own services and makes up its own papers; reaches nothing beyond this machine. Each part leaves its numbers
in the folder `--results`; a part is measured again alone with `--only`, and the document is made of all that is there.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import scale_asking
import scale_cache
import scale_files
import scale_pages
import scale_workers
from scale_measure import Part, Told, machine, paragraph

PARTS: Mapping[str, Part] = {
    **scale_asking.PARTS,
    **scale_workers.PARTS,
    **scale_cache.PARTS,
    **scale_pages.PARTS,
    **scale_files.PARTS,
}
COMMAND = "python benchmarks/run_scale.py --write docs/scale-figures.md --charts docs/"


def measured(part: Part, quick: bool) -> Told:
    """The numbers of one part, with where and when they were made."""
    where, began = machine(), time.monotonic()
    told = part.measure(quick)
    return {"machine": where, "quick": quick, "seconds": time.monotonic() - began, "told": told}


def saved(folder: Path) -> dict[str, Told]:
    """The results that are there, in the order of the parts."""
    paths = {name: folder / f"{name}.json" for name in PARTS}
    return {name: json.loads(path.read_text("utf-8")) for name, path in paths.items() if path.exists()}


def document(results: Mapping[str, Told], folder: str) -> Iterator[str]:
    """The whole in Markdown; `folder` leads from it to the charts."""
    yield "# What it does at scale: figures\n"
    yield from paragraph(
        f"Made by `{COMMAND}`. Everything runs on one machine, the services included, and every run is a fresh "
        "process; beside each figure stands its floor, measured in the same minutes."
    )
    yield from _times(results)
    for name, result in results.items():
        part, told = PARTS[name], result["told"]
        yield f"## {part.title}\n"
        if result["quick"]:
            yield "*A quick try: small, and measured beside other work.*\n"
        yield from part.words(told)
        for chart in part.charts(told):
            yield f"![{part.title}: {chart}]({folder}scale-{chart}.svg)\n"


def _times(results: Mapping[str, Told]) -> Iterator[str]:
    """On what it was measured, and how long each part took."""
    where = {_machine(result["machine"]) for result in results.values()}
    yield from paragraph(f"{'; '.join(sorted(where))}.")
    told = [f"{name} {one['seconds']:.0f} s ({one['machine']['load']:.1f})" for name, one in results.items()]
    total = sum(one["seconds"] for one in results.values())
    yield from paragraph(f"Seconds taken by each part (load at its start): {', '.join(told)}; {total:.0f} s in all.")


def _machine(told: Told) -> str:
    words = f"Python {told['python']}, {told['system']}, {told['cores']} cores ({told['processor']})"
    return f"{words}, {told['memory_gb']} GB of memory"


def charts(results: Mapping[str, Told]) -> Iterator[tuple[str, str]]:
    """File names and SVG of all charts."""
    for name, result in results.items():
        for chart, content in PARTS[name].charts(result["told"]).items():
            yield f"scale-{chart}.svg", content


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, help="the document, made of all results in the folder")
    parser.add_argument("--charts", type=Path, help="folder of the charts; none without it")
    parser.add_argument("--results", type=Path, default=Path(tempfile.gettempdir()) / "digest-scale",
                        help="folder of the numbers, one JSON file a part (default: %(default)s)")  # fmt: skip
    parser.add_argument("--only", nargs="+", choices=list(PARTS), metavar="NAME", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="small sizes: a minute or two in all")
    parser.add_argument("--show", action="store_true", help="measure nothing: make the document of what is there")
    return parser.parse_args(words)


def main() -> None:
    asked = arguments()
    asked.results.mkdir(parents=True, exist_ok=True)
    for name in [] if asked.show else asked.only or PARTS:
        result = measured(PARTS[name], asked.quick)
        (asked.results / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        print("\n".join(PARTS[name].words(result["told"])), f"\n({name}: {result['seconds']:.0f} s)\n", flush=True)
    results = saved(asked.results)
    if asked.charts:
        asked.charts.mkdir(parents=True, exist_ok=True)
        for file, content in charts(results):
            (asked.charts / file).write_text(content, encoding="utf-8")
    if asked.write:
        folder = _between(asked.write, asked.charts or asked.write.parent)
        asked.write.write_text("\n".join(document(results, folder)).rstrip() + "\n", encoding="utf-8")


def _between(document_path: Path, folder: Path) -> str:
    """How a link leads from a document to the files of a folder."""
    import os.path

    path = Path(os.path.relpath(folder.resolve(), document_path.resolve().parent)).as_posix()
    return "" if path == "." else f"{path}/"


if __name__ == "__main__":
    main()
