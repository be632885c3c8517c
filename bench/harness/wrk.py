"""The load of most workloads: wrk, whose connections ask again as soon as they are answered."""

import json
import shutil
import subprocess
from pathlib import Path

from .process import Server
from .sample import Load
from .servers import HOST
from .workloads import Workload

SCRIPT = Path(__file__).resolve().parent.parent / "wrk" / "load.lua"
ERRORS = ("connect", "read", "write", "status", "timeout")


def require_wrk() -> None:
    """Raises SystemExit naming what is missing."""
    for tool, package in (("wrk", "wrk"), ("taskset", "util-linux")):
        if shutil.which(tool) is None:
            raise SystemExit(
                f"bench: {tool} is missing; install it with your package manager (apt install {package})"
            )


def run(server: Server, workload: Workload, core: int | None, seconds: float) -> Load:
    """Load the server for `seconds` from the core (None: from any). Raises ServerError if wrk reports nothing."""
    command = [] if core is None else ["taskset", "-c", str(core)]
    # wrk takes whole seconds only.
    duration = max(1, round(seconds))
    command += f"wrk --threads 1 --connections {workload.connections} --duration {duration}s".split()
    command += ["--timeout", "5s", "--latency", "--script", str(SCRIPT)]
    for header in workload.headers:
        command += ["--header", header]
    command.append(f"http://{HOST}:{server.port}{workload.path}")
    if workload.post is not None:
        command += ["--", "POST", str(workload.post)]
    output = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30, check=False)
    for line in output.stdout.splitlines():
        if line.startswith("RESULT "):
            result = json.loads(line.removeprefix("RESULT "))
            return Load(
                requests=result["requests"],
                seconds=result["duration"] / 1e6,
                p50=result["p50"],
                p99=result["p99"],
                errors=sum(result[kind] for kind in ERRORS),
                detail=", ".join(f"{kind} {result[kind]}" for kind in ERRORS if result[kind]),
            )
    raise server.fail(f"wrk gave no result: {output.stdout[-500:]}{output.stderr[-500:]}")
