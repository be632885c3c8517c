"""What a process uses, as Linux tells it."""

import os
from collections.abc import Iterator
from pathlib import Path


def resident_kib(pid: int) -> int:
    """Memory in use now, in KiB."""
    return _status(pid, "VmRSS")


def peak_resident_kib(pid: int) -> int:
    """The most memory that was in use since the start (or `forget_peak`), in KiB."""
    return _status(pid, "VmHWM")


def forget_peak(pid: int) -> None:
    """Let `peak_resident_kib` begin anew (proc(5): clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def cpu_seconds(pid: int) -> float:
    """CPU time used since the start, in user and system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def signals_pending(pid: int) -> bool:
    """Whether a signal was sent that the process has not taken note of."""
    status = Path(f"/proc/{pid}/status").read_text()
    masks = [line.split()[1] for line in status.splitlines() if line.startswith(("SigPnd", "ShdPnd"))]
    return any(int(mask, 16) for mask in masks)


def open_files(pid: int) -> int:
    """How many descriptors are open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def open_paths(pid: int) -> list[str]:
    """What the open descriptors stand for: paths, `socket:[…]` and the like; deleted files end in `(deleted)`."""
    return [target for _, target in _descriptors(pid)]


def open_sockets(pid: int) -> int:
    """How many sockets are open. (Of other descriptors, the server may open one when it says that it serves.)"""
    return sum(target.startswith("socket:") for _, target in _descriptors(pid))


def open_connections(pid: int, port: int) -> int:
    """How many connections to an IPv4 port a process has open (proc(5): /proc/net/tcp)."""
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    listening = "0A"
    inodes = {row[9] for row in rows if int(row[1].rpartition(":")[2], 16) == port and row[3] != listening}
    return sum(target.removeprefix("socket:[").rstrip("]") in inodes for _, target in _descriptors(pid))


def times_open(pid: int, file: Path) -> int:
    """How often a file is open."""
    return sum(target == str(file) for _, target in _descriptors(pid))


def temporary_files(pid: int, folder: Path | None = None) -> list[int]:
    """The sizes of the open files (in `folder`, if given) on a disk that have no name any more, in bytes."""
    sizes = []
    for path, target in _descriptors(pid):
        if target.startswith("/memfd:"):
            continue
        if target.endswith(" (deleted)") and target.startswith(f"{folder or ''}/"):
            try:
                sizes.append(os.stat(path).st_size)
            except FileNotFoundError:
                pass  # closed meanwhile
    return sizes


def _descriptors(pid: int) -> Iterator[tuple[str, str]]:
    for entry in os.scandir(f"/proc/{pid}/fd"):
        try:
            yield entry.path, os.readlink(entry.path)
        except FileNotFoundError:
            pass  # closed meanwhile


def _status(pid: int, key: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    raise AssertionError(f"/proc/{pid}/status has no {key}")
