"""The tables of a load run: one for each workload, with every figure beside Yett's."""

from . import report
from .sample import Sample
from .servers import ServerKind
from .workloads import Workload


def _milliseconds(microseconds: float) -> str:
    return f"{microseconds / 1000:.2f}"


def _latencies(sample: Sample) -> list[str]:
    parts = sample.parts.values() if sample.parts else [(sample.p50, sample.p99)]
    return [_milliseconds(figure) for pair in parts for figure in pair]


def _ratio(medians: dict[str, Sample], name: str, base: str) -> str:
    return f"{medians[name].rate / medians[base].rate:.2f} / {medians[name].cpu / medians[base].cpu:.2f}"


def of_workload(workload: Workload, medians: dict[str, Sample], servers: dict[str, ServerKind]) -> str:
    """One row a server; the last columns are ratios to each Yett that was measured."""
    head = ["server", "requests/s", "CPU µs/request"]
    if workload.mix:
        head += [f"{part.name} {which} ms" for part in workload.mix.parts for which in ("p50", "p99")]
    else:
        head += ["p50 ms", "p99 ms"]
    head += ["memory MiB", "errors"]
    bases = [name for name in medians if servers[name].package == "yett"]
    head += [f"÷ {servers[base].title} (rate / CPU)" for base in bases]
    rows = []
    for name, sample in medians.items():
        row = [servers[name].title, f"{sample.rate:.0f}", f"{sample.cpu:.1f}", *_latencies(sample)]
        row += [f"{sample.memory / 2**20:.1f}", f"**{sample.errors}**" if sample.errors else "0"]
        rows.append(row + [_ratio(medians, name, base) for base in bases])
    return report.table(head, rows)


def conditions(workload: Workload) -> str:
    """Title and circumstances, above the table."""
    if workload.mix:
        paths = ", ".join(f"{part.weight} × `{part.path}` ({part.name})" for part in workload.mix.parts)
        load = f"{workload.mix.rate} requests/s over at most {workload.connections} connections: {paths}"
    else:
        load = f"{workload.connections} connections, `{workload.path}`"
    where = (
        "both cores shared by server and load" if workload.both_cores else "a core each for server and load"
    )
    return f"### {workload.title}\n\n`{workload.app}`, {load}; {where}"
