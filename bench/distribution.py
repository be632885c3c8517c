"""How requests are spread over the workers: connections opened in a burst and in a trickle, requests of mixed cost.

Each connection makes the same number of requests, one after the other; their costs are drawn by lot, in the same order
for every server. What counts is how many requests the busiest worker has served, compared with the mean.
"""

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from harness import environment, report
from harness.process import Server, ServerError, exit_on_signals
from harness.servers import HOST, ServerKind, chosen

# Yett and Granian alike; WSGI workers wait in threads.
WORKERS = 4
THREADS = 16
# A third each, roughly.
COSTS = ("/", "/compute", "/wait")
TRICKLE_SECONDS = 0.005
TARGET = 1.3
SETTLING_SECONDS = 4
# No answer takes so long unless the server hangs.
PATIENCE_SECONDS = 60


def _yett(more: str = "") -> Callable[[str, str, int], list[str]]:
    def command(python: str, app: str, port: int) -> list[str]:
        options = f"--workers {WORKERS} --threads {THREADS} --log-level warning {more}"
        return [python, "-m", "yett", app, "--bind", f"{HOST}:{port}", *options.split()]

    return command


def _granian(python: str, app: str, port: int) -> list[str]:
    interface = app.partition(":")[2]
    options = f"--interface {interface} --workers {WORKERS} --http 1 --no-ws --backpressure 16384 --log-level warning"
    if interface == "wsgi":
        options += f" --blocking-threads {THREADS}"
    return [python, "-m", "granian", app, "--host", HOST, "--port", str(port), *options.split()]


SERVERS = {
    kind.name: kind
    for kind in (
        ServerKind("yett", "Yett", "yett", _yett()),
        ServerKind("yett-plain", "Yett, plain shared accept", "yett", _yett("--no-balance")),
        ServerKind("granian", "Granian (a `SO_REUSEPORT` socket for each worker)", "granian", _granian),
    )
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--connections", type=int, default=400, help="connections (default: 400)")
    parser.add_argument("--requests", type=int, default=20, help="requests of each (default: 20)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each; the worst counts (default: 3)")
    parser.add_argument("--interfaces", default="asgi,wsgi", help="default: asgi,wsgi")
    parser.add_argument("--servers", default="all", help=f"comma-separated: {', '.join(SERVERS)}")
    parser.add_argument("--python", help="an interpreter that has the servers (default: one is made)")
    parser.add_argument("--save", action="store_true", help="keep the table in bench/results.md")
    return parser.parse_args()


@dataclass
class Tally:
    """What the clients of one run have seen."""

    #: Requests, and connections, by the process that has answered.
    requests: Counter[bytes] = field(default_factory=Counter)
    connections: Counter[bytes] = field(default_factory=Counter)
    #: Seconds from connecting to the first answer.
    first: list[float] = field(default_factory=list)
    failures: int = 0


async def client(port: int, paths: list[str], tally: Tally) -> None:
    """One connection: its requests, one after the other."""
    begin = time.perf_counter()
    try:
        reader, writer = await asyncio.open_connection(HOST, port)
        for number, path in enumerate(paths):
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].split(maxsplit=1)[0])
            process = await reader.readexactly(length)
            tally.requests[process] += 1
            if number == 0:
                tally.connections[process] += 1
                tally.first.append(time.perf_counter() - begin)
        writer.close()
    except (OSError, asyncio.IncompleteReadError, ValueError, IndexError):
        tally.failures += 1


async def run(port: int, connections: int, requests: int, pause: float) -> Tally:
    """All connections; a new one every `pause` seconds, or all at once."""
    lots = random.Random(4)
    tally = Tally()
    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as group:
        begin = time.perf_counter()
        for number in range(connections):
            group.create_task(client(port, lots.choices(COSTS, k=requests), tally))
            # By the clock: what is late is made up for.
            if pause and (wait := begin + number * pause - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
    return tally


def imbalance(counts: Counter[bytes]) -> float:
    """The busiest compared with the mean."""
    return max(counts.values()) * WORKERS / counts.total()


def wait_for_workers(server: Server) -> None:
    """Until every worker has answered, or for a while: where whoever is first takes all, some may never do."""
    end = time.monotonic() + SETTLING_SECONDS
    seen = {server.wait_until_answering()}
    while len(seen) < WORKERS and time.monotonic() < end:
        seen.add(server.wait_until_answering())
        time.sleep(0.01)
    # Those connections count as fresh, in Yett, for a moment.
    time.sleep(0.2)


def measure(
    kind: ServerKind, python: str, interface: str, pause: float, options: argparse.Namespace
) -> list[str]:
    """One row of the table: the worst of some runs, each with a server of its own."""
    worst: Tally | None = None
    seconds = []
    for _ in range(options.rounds):
        with Server(kind, python, f"mixed_costs:{interface}", None) as server:
            wait_for_workers(server)
            begin = time.perf_counter()
            tally = asyncio.run(run(server.port, options.connections, options.requests, pause))
            seconds.append(time.perf_counter() - begin)
        if tally.failures:
            raise server.fail(f"{tally.failures} connections failed")
        if worst is None or imbalance(tally.requests) > imbalance(worst.requests):
            worst = tally
    if worst is None:
        raise SystemExit("bench: --rounds must be at least 1")
    shares = sorted(worst.requests.values(), reverse=True)
    first = sorted(worst.first)
    return [
        kind.title,
        ", ".join(str(share) for share in shares + [0] * (WORKERS - len(shares))),
        f"{imbalance(worst.requests):.2f}",
        f"{imbalance(worst.connections):.2f}",
        f"{first[len(first) // 2] * 1000:.0f}",
        f"{first[len(first) * 99 // 100] * 1000:.0f}",
        f"{sorted(seconds)[len(seconds) // 2]:.2f}",
    ]


def main() -> int:
    options = arguments()
    kinds = chosen(options.servers, SERVERS)
    exit_on_signals()
    python = options.python or environment.prepare(with_yett=any(kind.package == "yett" for kind in kinds))
    load = report.quiet_load()
    parts = [
        report.conditions(environment.versions(python, sorted({kind.package for kind in kinds})), load),
        f"{WORKERS} workers (WSGI: {THREADS} threads each), {options.connections} connections with "
        f"{options.requests} requests each: nothing, 1 ms of computing or 20 ms of waiting, by lot. Worst of "
        f"{options.rounds} runs. Clients and servers share the machine. Target for Yett: the busiest at most "
        f"{TARGET} times the mean.",
    ]
    head = ["server", "requests by worker", "busiest ÷ mean", "the same of connections"]
    head += ["first answer ms, p50", "p99", "s"]
    failed = False
    for interface in options.interfaces.split(","):
        for shape, pause in (("burst", 0.0), ("trickle", TRICKLE_SECONDS)):
            rows = []
            for kind in kinds:
                try:
                    rows.append(measure(kind, python, interface, pause, options))
                    print(interface, shape, " | ".join(rows[-1]), file=sys.stderr)
                except (ServerError, TimeoutError, ExceptionGroup) as error:
                    failed |= kind.package == "yett"
                    print(f"{kind.name}: {error}", file=sys.stderr)
            every = f", one every {pause * 1000:.0f} ms" if pause else ""
            parts += [f"### {interface.upper()}, {shape}{every}", report.table(head, rows)]
    text = "\n\n".join(parts)
    print(text)
    if options.save:
        report.save("Distribution over workers", text)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
