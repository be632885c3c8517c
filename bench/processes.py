"""What several workers cost and bring.

Memory with and without --preload, the second core, the supervisor's own time, and how soon a worker that was killed is
replaced.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from harness import environment, report
from harness.process import Server, ServerError, cores, exit_on_signals, session_members
from harness.servers import APPS, HOST, ServerKind
from harness.wrk import require_wrk

WORKERS = 4
SECONDS = 4
KILLS = 4
# A worker that dies younger is replaced with a pause.
GROWN_UP_SECONDS = 11
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def _yett(options: str) -> Callable[[str, str, int], list[str]]:
    def command(python: str, app: str, port: int) -> list[str]:
        bind = f"--bind {HOST}:{port} --log-level info"
        return [python, "-m", "yett", app, *bind.split(), *options.split()]

    return command


def _granian(python: str, app: str, port: int) -> list[str]:
    options = f"--interface asgi --http 1 --no-ws --workers {WORKERS} --host {HOST} --log-level warning"
    return [python, "-m", "granian", app, "--port", str(port), *options.split()]


def _uvicorn(python: str, app: str, port: int) -> list[str]:
    options = f"--workers {WORKERS} --host {HOST} --loop uvloop --http httptools --ws none --no-access-log"
    return [python, "-m", "uvicorn", app, "--port", str(port), "--log-level", "warning", *options.split()]


def _gunicorn(python: str, app: str, port: int) -> list[str]:
    options = f"--workers {WORKERS} --preload --worker-class asgi --log-level warning"
    return [python, "-m", "gunicorn", app, "--bind", f"{HOST}:{port}", *options.split()]


MEMORY = (
    ServerKind("yett", "Yett", "yett", _yett(f"--workers {WORKERS}")),
    ServerKind("yett-preload", "Yett, `--preload`", "yett", _yett(f"--workers {WORKERS} --preload")),
    ServerKind("uvicorn", "Uvicorn", "uvicorn", _uvicorn),
    ServerKind("gunicorn", "Gunicorn `--preload`, its asgi worker", "gunicorn", _gunicorn),
    ServerKind("granian", "Granian", "granian", _granian),
)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the second core (default: 3)")
    parser.add_argument("--save", action="store_true", help="keep the tables in bench/results.md")
    return parser.parse_args()


def processes(server: Server, least: int) -> None:
    """Wait until there are so many, and none of them starts any more."""
    end = time.monotonic() + 30
    before = -1.0
    while time.monotonic() < end:
        used = server.cpu_seconds()
        if len(session_members(server.pid)) >= least and used - before < 0.02:
            return
        before = used
        time.sleep(0.5)  # the interval of the poll, bounded by the deadline
    raise server.fail(f"has {len(session_members(server.pid))} processes, not {least}")


def load(port: int, path: str, seconds: int, core: str, connections: int = 64) -> dict[str, float]:
    """wrk on these cores; requests and seconds."""
    script = APPS.parent / "wrk" / "load.lua"
    command = ["taskset", "-c", core, "wrk", "--threads", "1", "--connections", str(connections)]
    command += [
        "--duration",
        f"{seconds}s",
        "--latency",
        "--script",
        str(script),
        f"http://{HOST}:{port}{path}",
    ]
    output = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30, check=True).stdout
    [line] = [line for line in output.splitlines() if line.startswith("RESULT ")]
    result = json.loads(line.removeprefix("RESULT "))
    return {"requests": result["requests"], "seconds": result["duration"] / 1e6}


def memory(python: str) -> str:
    """PSS of the whole server, after a thousand requests."""
    rows = []
    for kind in MEMORY:
        try:
            with Server(kind, python, "fastapi_routes:app", None) as server:
                server.wait_until_answering("/items/7")
                processes(server, WORKERS)
                load(server.port, "/items/7", 2, "0-1", 16)
                rows.append((kind.title, server.memory(), len(session_members(server.pid))))
        except ServerError as error:
            print(error, file=sys.stderr)
            rows.append((f"{kind.title}: failed", 0, 0))
    uvicorn = next(size for title, size, _ in rows if title.startswith("Uvicorn"))
    cells = [
        [title, f"{size / 2**20:.1f}", f"{size / uvicorn:.2f}" if uvicorn else "", str(count)]
        for title, size, count in rows
    ]
    return report.table(["FastAPI, 4 workers", "PSS, MiB", "of Uvicorn's", "processes"], cells)


def second_core(python: str, rounds: int) -> str:
    """Requests and CPU time of one and of two workers, on both cores, which the load has to share."""
    rows = []
    cores()  # two, or this says what is missing
    for app, path, title in (
        ("hello:app", "/", "hello"),
        ("wsgi_work:app", "/compute/100", "100 µs of Python (WSGI)"),
    ):
        rates: dict[int, list[float]] = {1: [], 2: []}
        costs: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(rounds):
            for workers in (1, 2):
                kind = ServerKind("yett", "Yett", "yett", _yett(f"--workers {workers} --loop asyncio"))
                with Server(kind, python, app, None) as server:
                    server.wait_until_answering(path)
                    processes(server, workers + 1)
                    before = server.cpu_seconds()
                    done = load(server.port, path, SECONDS, "0-1")
                    costs[workers].append((server.cpu_seconds() - before) / done["requests"] * 1e6)
                    rates[workers].append(done["requests"] / done["seconds"])
        rate = {workers: statistics.median(values) for workers, values in rates.items()}
        cost = {workers: statistics.median(values) for workers, values in costs.items()}
        rows.append(
            [
                title,
                f"{rate[1]:.0f}",
                f"{rate[2]:.0f}",
                f"{rate[2] / rate[1]:.2f}",
                f"{cost[1]:.1f}",
                f"{cost[2]:.1f}",
                f"{2 * cost[1] / cost[2]:.2f}",
            ]
        )
    head = ["", "requests/s, 1 worker", "2 workers", "ratio", "CPU µs, 1 worker", "2 workers"]
    return report.table([*head, "two cores' worth"], rows)


def own_time(python: str) -> str:
    """CPU time of the supervisor alone, as a part of one core: under load, and at rest."""
    rows = []
    kind = ServerKind("yett", "Yett", "yett", _yett("--workers 2"))
    with Server(kind, python, "hello:app", None) as server:
        server.wait_until_answering()
        processes(server, 3)
        for title, wait in (
            ("under load", lambda: load(server.port, "/", 10, "0-1")),
            ("at rest", lambda: time.sleep(10)),
        ):
            begin, used = time.monotonic(), clock(server.pid)
            wait()
            share = (clock(server.pid) - used) / (time.monotonic() - begin)
            rows.append([title, f"{share * 100:.4f} %"])
    return report.table(["supervisor", "of one core"], rows)


def clock(pid: int) -> float:
    """CPU seconds of one process."""
    return time.clock_gettime((~pid << 3) | 2)


def replacement(python: str) -> str:
    """From the death of a worker to the readiness of the next, and what the start of one takes by itself."""
    kind = ServerKind("yett", "Yett", "yett", _yett("--workers 2 --log-level debug"))
    took = []
    with Server(kind, python, "fastapi_routes:app", None) as server:
        server.wait_until_answering("/items/7")
        processes(server, 3)
        for _ in range(KILLS):
            time.sleep(GROWN_UP_SECONDS)
            known = workers(server.pid)
            begin = time.monotonic()
            os.kill(known[0], signal.SIGKILL)
            lines = server.output().count("is ready")
            while server.output().count("is ready") == lines:
                time.sleep(0.001)  # the interval of the poll
            took.append(time.monotonic() - begin)
    alone = []
    for _ in range(3):
        begin = time.monotonic()
        subprocess.run([python, "-c", "import yett.asgi, fastapi_routes"], cwd=APPS, check=True)
        plain = time.monotonic()
        subprocess.run([python, "-c", "import yett.supervisor, yett.worker"], cwd=APPS, check=True)
        alone.append((plain - begin) - (time.monotonic() - plain))
    ready, imports = statistics.median(took), statistics.median(alone)
    rows = [[f"{ready * 1000:.0f}", f"{imports * 1000:.0f}", f"{(ready - imports) * 1000:.0f}"]]
    return report.table(["killed to replaced, ms", "the application's import, ms", "beyond it"], rows)


def workers(supervisor: int) -> list[int]:
    """Its children."""
    return [int(pid) for pid in Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()]


def main() -> int:
    options = arguments()
    require_wrk()
    exit_on_signals()
    python = environment.prepare(with_yett=True)
    quiet = report.quiet_load()
    parts = [
        report.conditions(
            environment.versions(python, ["yett", "uvicorn", "gunicorn", "granian", "fastapi"]), quiet
        ),
        "Proportional set size of all processes after two seconds of load. Target for `--preload`: half of Uvicorn's.",
        memory(python),
        "One and two workers on two cores, which the load (wrk) shares. *Two cores' worth*: twice the CPU time that a "
        "request takes with one worker, over what it takes with two: what two cores would do if the load needed none.",
        second_core(python, options.rounds),
        "The supervisor's own time; target: under 0.1 %.",
        own_time(python),
        f"A FastAPI worker killed with SIGKILL, median of {KILLS}; target: its import and 100 ms.",
        replacement(python),
    ]
    text = "\n\n".join(parts)
    print(text)
    if options.save:
        report.save("Processes", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
