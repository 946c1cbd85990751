"""Whether the process that has replies kept is still there, as far as can be told from where one is.

Looks at processes of this machine only, and changes nothing.
"""

from pathlib import Path

Driver = tuple[tuple[str, str] | None, int]  #: its process space, and its number there


def process_space() -> tuple[str, str] | None:
    """
    Within which a process is known by its number: the machine since it was started, and the space in it.

    Two containers may have one machine, or one name; None: this system does not tell.
    """
    try:
        machine = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return machine, str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return None


def is_gone(space: tuple[str, str] | None, pid: int) -> bool:
    """Whether a process has ended, also where nobody has taken note of it yet; of another space it can't be told."""
    if space is None or space != process_space():
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] in (b"Z", b"X")
    except OSError:
        return Path("/proc/self/stat").exists()  # elsewhere there is no such place


def is_elsewhere(driver: Driver | None) -> bool:
    """Whether a driver is where its end can't be seen."""
    return driver is not None and (driver[0] is None or driver[0] != process_space())
