"""The load generator: one run of wrk against a server, with the server's CPU time around it."""

import json
import shutil
import statistics
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .process import Server, session_members
from .servers import HOST
from .workloads import Workload

SCRIPT = Path(__file__).resolve().parent.parent / "wrk" / "load.lua"


@dataclass(frozen=True)
class Sample:
    """One measurement. Rate in requests/s, CPU and latencies in microseconds, memory in bytes."""

    rate: float
    cpu: float
    p50: float
    p99: float
    memory: float
    errors: int


def median(samples: list[Sample]) -> Sample:
    """The median of each figure; errors are added up."""
    middle = lambda name: statistics.median(getattr(sample, name) for sample in samples)  # noqa: E731
    figures = {name: middle(name) for name in ("rate", "cpu", "p50", "p99", "memory")}
    return Sample(**figures, errors=sum(sample.errors for sample in samples))


def require_wrk() -> None:
    """Raises SystemExit naming what is missing."""
    for tool, package in (("wrk", "wrk"), ("taskset", "util-linux")):
        if shutil.which(tool) is None:
            raise SystemExit(
                f"bench: {tool} is missing; install it with your package manager (apt install {package})"
            )


def check_answer(server: Server, workload: Workload) -> None:
    """Before any load the server must answer the workload's request as the application meant it."""
    body = server.wait_until_answering(workload.path, None if workload.post is None else b"x" * workload.post)
    if workload.size is not None and len(body) != workload.size:
        raise server.fail(f"wrong answer to {workload.name}: {len(body)} bytes instead of {workload.size}")


def _wrk(server: Server, workload: Workload, core: int, seconds: float) -> dict[str, int]:
    command = [
        "taskset",
        "-c",
        str(core),
        "wrk",
        "--threads",
        "1",
        "--connections",
        str(workload.connections),
    ]
    # wrk takes whole seconds only.
    command += [
        "--duration",
        f"{max(1, round(seconds))}s",
        "--timeout",
        "5s",
        "--latency",
        "--script",
        str(SCRIPT),
    ]
    for header in workload.headers:
        command += ["--header", header]
    command.append(f"http://{HOST}:{server.port}{workload.path}")
    if workload.post is not None:
        command += ["--", "POST", str(workload.post)]
    output = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30, check=False)
    for line in output.stdout.splitlines():
        if line.startswith("RESULT "):
            return json.loads(line.removeprefix("RESULT "))
    raise server.fail(f"wrk gave no result: {output.stdout[-500:]}{output.stderr[-500:]}")


def measure(server: Server, workload: Workload, core: int, seconds: float, warm_up: float) -> Sample:
    """Warm up, then measure. `core` is the load's; the server has been pinned to another one at its start."""
    check_answer(server, workload)
    _wrk(server, workload, core, warm_up)
    processes = session_members(server.pid)
    before = server.cpu_seconds()
    result = _wrk(server, workload, core, seconds)
    used = server.cpu_seconds() - before
    memory = server.memory()
    if session_members(server.pid) != processes:
        raise server.fail("a process ended or started during the measurement: its CPU time is not known")
    requests = result["requests"]
    if requests == 0:
        raise server.fail(f"answered nothing: {result}")
    return Sample(
        rate=requests / (result["duration"] / 1e6),
        cpu=used * 1e6 / requests,
        p50=result["p50"],
        p99=result["p99"],
        memory=memory,
        errors=sum(result[kind] for kind in ("connect", "read", "write", "status", "timeout")),
    )
