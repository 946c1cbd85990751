"""What this machine offers a model: memory, processor cores, instructions; as far as the system tells.

Looks at files of the system alone; loads nothing and decides nothing about a model.
"""

import os
import platform
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

#: What xllamacpp's wheels for x86-64 are built for, as Linux calls it (`xllamacpp.get_system_info()`, 2026.10).
INSTRUCTIONS = ("ssse3", "avx", "avx2", "f16c", "fma", "bmi2")
ROOT = Path("/")
_UNLIMITED = 2**60  # bytes; container limits above it mean none
#: Bytes of addresses that stacks and heaps of a library's threads claim and hardly use: 64 MiB for each of eight.
_RESERVED = 512 * 2**20
_MOST_LEVELS = 20  # of groups within groups


def threads(root: Path = ROOT) -> int:
    """The processor cores that this process may use: real ones, within its affinity and its container's quota."""
    cores = {_core(number, root) for number in _allowed()}
    quotas = (_quota(folder) for folder in _groups("cpu", root))
    return max(1, min([len(cores), *(int(quota) for quota in quotas if quota is not None)]))


def free_memory(root: Path = ROOT) -> int | None:
    """Bytes that this process may still take, of the machine and of its container; None where nothing tells."""
    left = [limit - taken for limit, taken in _limits(root)]
    told = [*left, *([there] if (there := _of_meminfo("MemAvailable", root)) is not None else [])]
    return max(0, min(told)) if told else _pages("SC_AVPHYS_PAGES")


def whole_memory(root: Path = ROOT) -> int | None:
    """Bytes that this process could take if nothing else ran; None where nothing tells."""
    there = _of_meminfo("MemTotal", root)
    told = [limit for limit, _ in _limits(root)] + ([there] if there is not None else [])
    return min(told) if told else _pages("SC_PHYS_PAGES")


def missing_instructions(root: Path = ROOT) -> tuple[str, ...]:
    """Names of instruction sets that the library is built for and this processor lacks; () where nothing tells."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return ()
    flags = re.search(r"^flags\s*:(.*)$", _text(root / "proc/cpuinfo", 2**16), re.MULTILINE)
    has = set(flags[1].split()) if flags else set(INSTRUCTIONS)
    return tuple(name.upper() for name in INSTRUCTIONS if name not in has)


def processor(root: Path = ROOT) -> str:
    """The processor's name."""
    found = re.search(r"^model name\s*:\s*(.+)$", _text(root / "proc/cpuinfo", 2**16), re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine()


# ------------------------------------------------------------------------------------------ cores


def _allowed() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))


def _core(number: int, root: Path) -> str:
    """A name for the core that a processor of the system's count is half of."""
    shared = _text(root / f"sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list")
    return shared.strip() or str(number)


def _quota(group: Path) -> float | None:
    """The processors that a control group may use; None: all of them."""
    words = _text(group / "cpu.max").split() or [
        _text(group / "cpu.cfs_quota_us").strip(),
        _text(group / "cpu.cfs_period_us").strip(),
    ]
    with suppress(ValueError, ZeroDivisionError):
        quota = float(words[0]) / float(words[1])
        return quota if quota > 0 else None
    return None


# ------------------------------------------------------------------------------------------ memory


def _limits(root: Path) -> Iterator[tuple[int, int]]:
    """Yield, for each limit that holds for this process, its bytes and how many of them are taken."""
    for group in _groups("memory", root):
        for limit, taken in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
            most = _whole(_text(group / limit))
            if most is not None and most < _UNLIMITED:
                kept = re.search(r"^(?:total_)?inactive_file (\d+)$", _text(group / "memory.stat"), re.MULTILINE)
                given_back = int(kept[1]) if kept else 0  # of files that were read: the system lets go of them
                yield most, max(0, (_whole(_text(group / taken)) or 0) - given_back)
    yield from _address_space(root)


def _address_space(root: Path) -> Iterator[tuple[int, int]]:
    """Yield the limit of `ulimit -v`, if there is one."""
    try:
        import resource
    except ImportError:  # there is none on Windows
        return
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most != resource.RLIM_INFINITY and most < _UNLIMITED:
        pages = _text(root / "proc/self/statm").split()
        yield most, _RESERVED + (int(pages[0]) * resource.getpagesize() if pages else 0)


def _groups(controller: str, root: Path) -> Iterator[Path]:
    """
    Yield the folder of this process's control group and of each one around it.

    Source: https://man7.org/linux/man-pages/man7/cgroups.7.html (/proc/PID/cgroup)
    """
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        top = root / "sys/fs/cgroup" / (controller if controllers else "")
        names = [name for name in path.split("/") if name not in ("", "..")][:_MOST_LEVELS]
        yield from (top.joinpath(*names[:depth]) for depth in range(len(names), -1, -1))


def _of_meminfo(name: str, root: Path) -> int | None:
    found = re.search(rf"^{name}:\s*(\d+) kB$", _text(root / "proc/meminfo"), re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _pages(name: str) -> int | None:
    """Where the system has no /proc."""
    with suppress(AttributeError, ValueError, OSError):
        return os.sysconf(name) * os.sysconf("SC_PAGE_SIZE")
    return None


# ------------------------------------------------------------------------------------------ files of the system


def _text(path: Path, most: int = 2**14) -> str:
    """What a file of the system says; empty where there is none."""
    try:
        with path.open("rb") as file:
            return file.read(most).decode("utf-8", errors="replace")
    except OSError:
        return ""


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\d{1,20}\s*", text) else None
