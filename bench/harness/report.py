"""Tables, and bench/results.md: one section a kind of measurement, the newest run of each kept."""

import datetime
import os
import platform
import shlex
import sys
from pathlib import Path

RESULTS = Path(__file__).resolve().parent.parent / "results.md"
INTRODUCTION = """# Results

Written by the scripts of this folder with `--save`: one section for each kind of measurement and day. Figures of
different sections were not measured side by side; only figures within one table are to be compared.
"""


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; the first column is text, the others are figures."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def conditions(versions: dict[str, str], load_before: float) -> str:
    """Under which conditions the figures were measured: command, machine, versions."""
    command = shlex.join(["python", "bench/" + Path(sys.argv[0]).name, *sys.argv[1:]])
    return "\n".join(
        (
            f"* Command: `{command}`, {datetime.date.today().isoformat()}",
            f"* Machine: {_processor()}, {os.cpu_count()} cores, Linux {platform.release()}; "
            f"load average before the run {load_before:.2f}",
            "* Versions: " + ", ".join(f"{name} {version}" for name, version in versions.items()),
        )
    )


def quiet_load() -> float:
    """The load average of the last minute; says so on stderr when the machine is not quiet."""
    load = os.getloadavg()[0]
    if load > 0.5:
        print(
            f"bench: load average is {load:.2f}; figures of a busy machine are not worth keeping",
            file=sys.stderr,
        )
    return load


def save(title: str, text: str) -> None:
    """Put a section at the top of results.md, in place of an earlier one of the same title and day."""
    heading = f"## {title} ({datetime.date.today().isoformat()})"
    old = RESULTS.read_text() if RESULTS.exists() else INTRODUCTION
    introduction, *sections = old.split("\n## ")
    kept = ["## " + section.strip() for section in sections]
    kept = [section for section in kept if section.partition("\n")[0] != heading]
    RESULTS.write_text("\n\n".join([introduction.strip(), f"{heading}\n\n{text.strip()}", *kept]) + "\n")
