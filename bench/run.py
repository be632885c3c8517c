"""Yett and its peers side by side under load: `make bench`, or `python bench/run.py --help`.

Every round starts each server in turn, alone on the machine, pinned to one core, and loads it with wrk from
another. What is reported is the median over the rounds, so that a slow minute of the machine hits all servers alike.
"""

import argparse
import sys

from harness import environment, report, targets
from harness.load import Sample, measure, median, require_wrk
from harness.process import Server, ServerError, cores, exit_on_signals
from harness.servers import SERVERS, ServerKind, chosen
from harness.workloads import WORKLOADS, Workload

BASELINES = ("yett-asyncio", "yett-uvloop")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each server (default: 5)")
    parser.add_argument("--seconds", type=float, default=4, help="length of one measurement (default: 4)")
    parser.add_argument("--warm-up", type=float, default=1, help="seconds of load before it (default: 1)")
    parser.add_argument("--workloads", default="all", help=f"comma-separated: {', '.join(WORKLOADS)}")
    parser.add_argument("--servers", default="all", help=f"comma-separated: {', '.join(SERVERS)}")
    parser.add_argument("--save", action="store_true", help="keep the tables in bench/results.md")
    return parser.parse_args()


def chosen_workloads(names: str) -> list[Workload]:
    if names == "all":
        return list(WORKLOADS.values())
    unknown = [name for name in names.split(",") if name not in WORKLOADS]
    if unknown:
        raise SystemExit(f"bench: no workload {unknown[0]!r}; there are: {', '.join(WORKLOADS)}")
    return [WORKLOADS[name] for name in names.split(",")]


def run_workload(
    workload: Workload, kinds: list[ServerKind], python: str, options: argparse.Namespace
) -> tuple[dict[str, Sample], dict[str, str]]:
    """The medians of each server, and the failures; a server that failed is left out of the rounds to come."""
    server_core, load_core = cores()
    samples: dict[str, list[Sample]] = {kind.name: [] for kind in kinds}
    failures: dict[str, str] = {}
    for turn in range(options.rounds):
        for kind in kinds:
            if kind.name in failures:
                continue
            try:
                with Server(kind, python, workload.app, server_core) as server:
                    sample = measure(server, workload, load_core, options.seconds, options.warm_up)
            except ServerError as error:
                print(f"{workload.name} round {turn + 1}: {error}", file=sys.stderr)
                failures[kind.name] = f"round {turn + 1}: {str(error).splitlines()[0]}"
                continue
            samples[kind.name].append(sample)
            line = f"{workload.name:13} round {turn + 1} {kind.name:16} {sample.rate:9.0f}/s {sample.cpu:8.1f} µs"
            print(f"{line}  p99 {sample.p99 / 1000:.2f} ms  {sample.errors} errors", file=sys.stderr)
    return {name: median(list_) for name, list_ in samples.items() if list_}, failures


def ratio(medians: dict[str, Sample], name: str, base: str) -> str:
    if base not in medians:
        return "–"
    return f"{medians[name].rate / medians[base].rate:.2f} / {medians[name].cpu / medians[base].cpu:.2f}"


def workload_table(medians: dict[str, Sample]) -> str:
    head = ["server", "requests/s", "CPU µs/request", "p50 ms", "p99 ms", "memory MiB", "errors"]
    head += ["÷ Yett asyncio (rate / CPU)", "÷ Yett uvloop (rate / CPU)"]
    rows = []
    for name, sample in medians.items():
        row = [SERVERS[name].title, f"{sample.rate:.0f}", f"{sample.cpu:.1f}", f"{sample.p50 / 1000:.2f}"]
        row += [f"{sample.p99 / 1000:.2f}", f"{sample.memory / 2**20:.1f}"]
        row.append(f"**{sample.errors}**" if sample.errors else "0")
        rows.append(row + [ratio(medians, name, base) for base in BASELINES])
    return report.table(head, rows)


def main() -> int:
    options = arguments()
    workloads = chosen_workloads(options.workloads)
    kinds = chosen(options.servers)
    require_wrk()
    exit_on_signals()
    python = environment.prepare(with_yett=any(kind.package == "yett" for kind in kinds))
    packages = sorted({kind.package for kind in kinds} | {"uvloop", "httptools", "fastapi", "starlette"})
    parts = [report.conditions(environment.versions(python, packages), report.quiet_load())]
    parts.append(
        f"Medians of {options.rounds} interleaved rounds of {options.seconds:g} s after {options.warm_up:g} s of "
        "warm-up; server and load pinned to a core each. CPU is that of all processes of the server, user and "
        "system; memory is their proportional set size after the load."
    )
    medians: targets.Medians = {}
    failed = False  # a peer's failure is reported, only Yett's is an error
    for workload in workloads:
        medians[workload.name], failures = run_workload(workload, kinds, python, options)
        parts.append(f"### {workload.title}\n\n{workload.connections} connections, `{workload.app}`")
        parts.append(workload_table(medians[workload.name]))
        parts += [f"Failed in {failure}" for failure in failures.values()]
        failed = failed or any(name in failures for name in BASELINES)
        failed = failed or any(
            medians[workload.name][name].errors for name in BASELINES if name in medians[workload.name]
        )
    if judged := targets.judge(medians):
        parts.append("### Targets")
        parts.append(report.table(["ratio of medians", "target", "measured", "reached"], judged))
    text = "\n\n".join(parts)
    print(text)
    if options.save:
        report.save(f"Load: {options.workloads}", text)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
