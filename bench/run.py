"""Yett and its peers side by side under load: `make bench`, or `python bench/run.py --help`.

Every round starts each server in turn, alone on the machine, and loads it. What is reported is the median over the
rounds, so that a slow minute of the machine hits all servers alike. One suite for each interface: ASGI and WSGI.
"""

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from harness import environment, report, tables, targets
from harness.load import measure
from harness.process import Server, ServerError, cores, exit_on_signals
from harness.sample import Sample, median
from harness.servers import ServerKind
from harness.suites import SUITES, Selection, select
from harness.workloads import Workload
from harness.wrk import require_wrk
from harness.wsgi.workloads import FILE_SIZE


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    workloads = dict.fromkeys(name for suite in SUITES for name in suite.workloads)
    servers = dict.fromkeys(name for suite in SUITES for name in suite.servers)
    parser.add_argument("--interface", choices=("all", "asgi", "wsgi"), default="all", help="default: all")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each server (default: 5)")
    parser.add_argument("--seconds", type=float, default=4, help="length of one measurement (default: 4)")
    parser.add_argument("--warm-up", type=float, default=1, help="seconds of load before it (default: 1)")
    parser.add_argument("--workloads", default="all", help=f"comma-separated: {', '.join(workloads)}")
    parser.add_argument("--servers", default="all", help=f"comma-separated: {', '.join(servers)}")
    parser.add_argument(
        "--yett-python", metavar="PATH", help="an interpreter that has Yett, instead of a release build of it"
    )
    parser.add_argument("--save", action="store_true", help="keep the tables in bench/results.md")
    return parser.parse_args()


@dataclass(frozen=True)
class Bench:
    """What all measurements of a run have in common. `variables` are the applications' environment."""

    options: argparse.Namespace
    python: str
    variables: dict[str, str]

    def python_of(self, kind: ServerKind) -> str:
        return self.options.yett_python or self.python if kind.package == "yett" else self.python


def run_workload(
    bench: Bench, workload: Workload, kinds: list[ServerKind]
) -> tuple[dict[str, Sample], dict[str, str]]:
    """The medians of each server, and the failures; a server that failed is left out of the rounds to come."""
    server_core, load_core = (None, None) if workload.both_cores else cores()
    options = bench.options
    samples: dict[str, list[Sample]] = {kind.name: [] for kind in kinds}
    failures: dict[str, str] = {}
    for turn in range(options.rounds):
        for kind in kinds:
            if kind.name in failures:
                continue
            python = bench.python_of(kind)
            try:
                with Server(kind, python, workload.app, server_core, **bench.variables) as server:
                    sample = measure(server, workload, load_core, options.seconds, options.warm_up, seed=turn)
            except ServerError as error:
                print(f"{workload.name} round {turn + 1}: {error}", file=sys.stderr)
                failures[kind.name] = f"round {turn + 1}: {str(error).splitlines()[0]}"
                continue
            samples[kind.name].append(sample)
            line = f"{workload.name:13} round {turn + 1} {kind.name:16} {sample.rate:9.0f}/s {sample.cpu:8.1f} µs"
            print(f"{line}  p99 {sample.p99 / 1000:.2f} ms  {sample.errors} errors", file=sys.stderr)
    return {name: median(list_) for name, list_ in samples.items() if list_}, failures


def conditions(bench: Bench, selection: Selection) -> tuple[list[str], list[ServerKind]]:
    """Paragraphs that say how was measured, and the servers that are installed."""
    options, suite = bench.options, selection.suite
    packages = sorted({kind.package for kind in selection.kinds} | set(suite.packages))
    versions = environment.versions(bench.python, packages)
    if options.yett_python:
        versions["yett"] = "not the release build"
    kinds = [kind for kind in selection.kinds if kind.package in versions]
    parts = [report.conditions(versions, report.quiet_load())]
    if absent := sorted({kind.package for kind in selection.kinds} - set(versions)):
        parts.append(f"Not installed, so not measured: {', '.join(absent)}.")
    parts.append(
        f"Medians of {options.rounds} interleaved rounds of {options.seconds:g} s after {options.warm_up:g} s of "
        "warm-up. CPU is that of all processes of the server, user and system; memory is their proportional set "
        "size after the load."
    )
    return parts, kinds


def run_suite(bench: Bench, selection: Selection) -> tuple[str, bool]:
    """The report of a suite, and whether Yett answered everything: a peer's failure is only reported."""
    parts, installed = conditions(bench, selection)
    medians: targets.Medians = {}
    good = True
    for workload in selection.workloads:
        kinds = [kind for kind in selection.taking_part(workload) if kind in installed]
        medians[workload.name], failures = run_workload(bench, workload, kinds)
        parts.append(tables.conditions(workload))
        parts.append(tables.of_workload(workload, medians[workload.name], selection.suite.servers))
        parts += [f"Failed in {failure}" for failure in failures.values()]
        for kind in kinds:
            if kind.package == "yett":
                sample = medians[workload.name].get(kind.name)
                good = good and kind.name not in failures and sample is not None and not sample.errors
    if judged := targets.judge(selection.suite.targets, medians):
        parts.append("### Targets")
        parts.append(report.table(["ratio of medians", "target", "measured", "reached"], judged))
    return "\n\n".join(parts), good


def main() -> int:
    options = arguments()
    selections = select(options.interface, options.workloads, options.servers)
    require_wrk()
    exit_on_signals()
    measures_yett = any(kind.package == "yett" for selection in selections for kind in selection.kinds)
    python = environment.prepare(with_yett=measures_yett and not options.yett_python)
    good = True
    with tempfile.TemporaryDirectory(prefix="yett-bench-") as directory:
        file = Path(directory, "file")
        file.write_bytes(bytes(FILE_SIZE))
        turns = environment.turns_per_microsecond(python, cores()[0])
        variables = {"BENCH_FILE": str(file), "BENCH_TURNS_PER_MICROSECOND": turns}
        bench = Bench(options, python, variables)
        for selection in selections:
            text, answered = run_suite(bench, selection)
            good = good and answered
            print(text, flush=True)
            if options.save:
                report.save(f"Load, {selection.suite.interface.upper()}: {options.workloads}", text)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
