"""What the machine offers: read from files of the system that a test writes."""

import os
import platform
from pathlib import Path

import pytest

from digest import machine

GB = 10**9


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An x86-64 system with 8 GB of memory, 4 GB of it free, and four processors on two cores."""
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)
    write(tmp_path, "proc/meminfo", "MemTotal:        8000000 kB\nMemFree: 1 kB\nMemAvailable:    4000000 kB\n")
    write(tmp_path, "proc/cpuinfo", "model name\t: Quick 9000\nflags\t\t: fpu ssse3 avx avx2 f16c fma bmi2\n")
    for number in range(4):
        siblings = "0,2\n" if number % 2 == 0 else "1,3\n"
        write(tmp_path, f"sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list", siblings)
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text, encoding="ascii")


def test_memory_is_what_the_system_says(system: Path) -> None:
    """Without a container, what is available of the machine is free."""
    assert (machine.free_memory(system), machine.whole_memory(system)) == (4_096_000_000, 8_192_000_000)


def test_a_containers_limit_counts_and_what_it_read_of_files_is_given_back(system: Path) -> None:
    """Of 2 GB, 1.5 GB are taken, 1 GB of that by files that were read: 1.5 GB are free."""
    group = "sys/fs/cgroup/box"
    write(system, "proc/self/cgroup", "0::/box/inner\n")
    write(system, f"{group}/memory.max", f"{2 * GB}\n")
    write(system, f"{group}/memory.current", f"{1_500_000_000}\n")
    write(system, f"{group}/memory.stat", f"anon 5\ninactive_file {GB}\n")
    write(system, f"{group}/inner/memory.max", "max\n")

    assert (machine.free_memory(system), machine.whole_memory(system)) == (1_500_000_000, 2 * GB)


def test_a_limit_of_the_first_kind_of_control_groups_counts(system: Path) -> None:
    """The older files say the same by other names."""
    write(system, "proc/self/cgroup", "4:memory:/box\n")
    write(system, "sys/fs/cgroup/memory/box/memory.limit_in_bytes", f"{GB}\n")
    write(system, "sys/fs/cgroup/memory/box/memory.usage_in_bytes", "0\n")

    assert machine.free_memory(system) == GB


def test_a_limit_of_addresses_leaves_room_for_what_threads_claim(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ulimit -v` counts stacks and heaps that are hardly used, half a gigabyte of them."""
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda which: (700 * 2**20, resource.RLIM_INFINITY))

    assert machine.free_memory(system) == 188 * 2**20


def test_two_threads_of_a_core_are_one(system: Path) -> None:
    """Four processors on two cores are two threads of a model."""
    assert machine.threads(system) == 2


@pytest.mark.parametrize(("quota", "threads"), [("max 100000", 2), ("150000 100000", 1), ("50000 100000", 1), ("", 2)])
def test_a_containers_quota_limits_the_threads(system: Path, quota: str, threads: int) -> None:
    """More threads than the quota has processors would wait for each other; less than one there can't be."""
    write(system, "proc/self/cgroup", "0::/\n")
    write(system, "sys/fs/cgroup/cpu.max", quota)

    assert machine.threads(system) == threads


def test_a_processor_without_an_instruction_set_is_told(system: Path) -> None:
    """What the library is built for and the processor lacks has its name."""
    write(system, "proc/cpuinfo", "flags\t\t: fpu ssse3 avx f16c bmi2\n")

    assert machine.missing_instructions(system) == ("AVX2", "FMA")


@pytest.mark.parametrize("kind", ["aarch64", "arm64"])
def test_another_architecture_lacks_nothing_that_is_known(
    system: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The names are those of x86-64."""
    monkeypatch.setattr(platform, "machine", lambda: kind)
    write(system, "proc/cpuinfo", "flags\t\t: fpu\n")

    assert machine.missing_instructions(system) == ()


def test_a_system_that_tells_nothing_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without /proc there is a thread a processor, and no instruction is missed."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1}, raising=False)

    assert machine.threads(tmp_path) == 2
    assert machine.missing_instructions(tmp_path) == ()


def test_this_machine_can_be_looked_at() -> None:
    """Whatever runs the tests has a processor and memory."""
    free, whole = machine.free_memory(), machine.whole_memory()

    assert machine.threads() >= 1
    assert free is None or whole is None or 0 < free <= whole
