"""Start-up time: from starting the process to its first answered request, against `python -c 'import asyncio'`.

The servers take turns, so that a slow minute of the machine hits all alike; reported are medians.
"""

import argparse
import statistics
import subprocess
import sys
import time

from harness import environment, report
from harness.asgi.servers import SERVERS
from harness.process import Server, ServerError, cores, exit_on_signals
from harness.servers import chosen
from harness.wrk import require_wrk

BASELINE = "`python -c 'import asyncio'`"
TARGET_MS = 60.0  # above the baseline, for Yett


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=15, help="starts of each server (default: 15)")
    parser.add_argument("--servers", default="all", help=f"comma-separated: {', '.join(SERVERS)}")
    parser.add_argument("--save", action="store_true", help="keep the table in bench/results.md")
    return parser.parse_args()


def baseline(python: str, core: int) -> float:
    """Seconds from start to end of an interpreter that imports asyncio."""
    command = ["taskset", "-c", str(core), python, "-c", "import asyncio"]
    begin = time.perf_counter()
    # With captured output the wait ends with the pipe's end; without, a wait with a timeout looks every 50 ms only.
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return time.perf_counter() - begin


def main() -> int:
    options = arguments()
    kinds = chosen(options.servers, SERVERS)
    require_wrk()
    exit_on_signals()
    python = environment.prepare(with_yett=any(kind.package == "yett" for kind in kinds))
    core, _ = cores()
    load = report.quiet_load()
    baselines: list[float] = []
    times: dict[str, list[float]] = {kind.name: [] for kind in kinds}
    # The first turn fills the file cache and writes bytecode; it is not counted.
    for turn in range(options.runs + 1):
        seconds = baseline(python, core)
        if turn:
            baselines.append(seconds)
        for kind in kinds:
            begin = time.perf_counter()
            try:
                with Server(kind, python, "hello:app", core) as server:
                    server.wait_until_answering(pause=0.0005)
                    seconds = time.perf_counter() - begin
            except ServerError as error:
                raise SystemExit(f"bench: {error}") from error
            if turn:
                times[kind.name].append(seconds)
        print(f"turn {turn} of {options.runs}", file=sys.stderr)
    base = statistics.median(baselines)
    rows = [[BASELINE, f"{base * 1000:.0f}", "0"]]
    for name, samples in times.items():
        middle = statistics.median(samples)
        rows.append([SERVERS[name].title, f"{middle * 1000:.0f}", f"{(middle - base) * 1000:.0f}"])
    packages = sorted({kind.package for kind in kinds})
    text = "\n\n".join(
        (
            report.conditions(environment.versions(python, packages), load),
            f"Medians of {options.runs} starts. Target for Yett: at most {TARGET_MS:.0f} ms above the import.",
            report.table(["from start to first answer", "ms", "above the import, ms"], rows),
        )
    )
    print(text)
    if options.save:
        report.save("Start-up", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
