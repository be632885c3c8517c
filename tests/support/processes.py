"""Processes as Linux tells of them: who is whose child, what it is called, and whether it has ended."""

import os
from pathlib import Path


def children(pid: int) -> list[int]:
    """Those that `pid` has to reap, oldest first; none if it has ended."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _parent(int(entry.name)) == pid:
            found.append(int(entry.name))
    return sorted(found, key=_started)


def in_group(group: int) -> list[int]:
    """The processes of a process group, ended ones that nobody has reaped included."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and (stat := _stat(int(entry.name))) and int(stat[2]) == group
    ]


def name(pid: int) -> str:
    """What `ps` and `top` call it; empty if it has gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_alive(pid: int) -> bool:
    """Whether it exists and has not ended."""
    return state(pid) not in ("", "Z", "X")


def state(pid: int) -> str:
    """R, S, D, T (stopped), Z (ended, not reaped); empty if there is none."""
    stat = _stat(pid)
    return stat[0] if stat else ""


def _parent(pid: int) -> int:
    stat = _stat(pid)
    return int(stat[1]) if stat else 0


def _started(pid: int) -> tuple[int, int]:
    stat = _stat(pid)
    return (int(stat[19]) if stat else 0, pid)


def _stat(pid: int) -> list[str]:
    # What stands behind the name, which may contain anything (proc(5)).
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def open_targets(pid: int) -> list[str]:
    """What each open descriptor stands for, without the numbers by which the system tells pipes and sockets apart."""
    targets = []
    for entry in os.scandir(f"/proc/{pid}/fd"):
        try:
            targets.append(os.readlink(entry.path).split(":[")[0])
        except FileNotFoundError:
            pass  # closed meanwhile
    return sorted(targets)
