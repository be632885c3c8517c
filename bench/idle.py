"""What an idle keep-alive connection costs: memory of the server above the empty one, for each of N connections.

Each connection makes one request and is then left alone. Afterwards a new connection and an idle one must be
answered at once, and no connection may have been closed.
"""

import argparse
import resource
import select
import socket
import sys
import time

from harness import environment, report
from harness.asgi.servers import SERVERS
from harness.process import Server, ServerError, cores, exit_on_signals
from harness.servers import HOST, ServerKind, chosen
from harness.wrk import require_wrk

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
ANSWER_END = b"Hello, world!"
SPARE_FILES = 200  # what a server and this script need besides the connections
# Connections from one source address: well below the range of ephemeral ports, some of which linger in TIME_WAIT.
PER_ADDRESS = 5000
TARGET_BYTES = 4096


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--connections", type=int, default=10_000, help="idle connections (default: 10000)")
    parser.add_argument("--servers", default="all", help=f"comma-separated: {', '.join(SERVERS)}")
    parser.add_argument("--save", action="store_true", help="keep the table in bench/results.md")
    return parser.parse_args()


def raise_file_limit(connections: int) -> None:
    """Raises SystemExit where the hard limit does not allow that many connections. Children inherit the limit."""
    needed = connections + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise SystemExit(f"bench: {needed} open files are needed, the hard limit is {hard} (ulimit -Hn)")
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def ask(connection: socket.socket) -> float:
    """One request on the connection; the seconds until the whole answer was there."""
    begin = time.perf_counter()
    connection.sendall(REQUEST)
    answer = b""
    while ANSWER_END not in answer:
        part = connection.recv(65536)
        if not part:
            raise ConnectionError("closed before the answer was complete")
        answer += part
    return time.perf_counter() - begin


def connect(server: Server, number: int) -> socket.socket:
    source = f"127.0.0.{2 + number // PER_ADDRESS}"
    return socket.create_connection((HOST, server.port), timeout=10, source_address=(source, 0))


def closed_by_server(connections: list[socket.socket]) -> int:
    """How many idle connections have something to read, which can only be their end."""
    poll = select.poll()
    for connection in connections:
        poll.register(connection, select.POLLIN)
    return len(poll.poll(0))


def measure(kind: ServerKind, python: str, core: int, count: int) -> list[str]:
    """One row of the table. Raises ServerError if the server does not keep up."""
    connections: list[socket.socket] = []
    with Server(kind, python, "hello:app", core) as server:
        try:
            server.wait_until_answering()
            empty = server.memory()
            for number in range(count):
                connections.append(connect(server, number))
                ask(connections[-1])
            held = server.memory()
            lost = closed_by_server(connections)
            with connect(server, 0) as fresh:
                fresh_answer = ask(fresh)
            idle_answer = ask(connections[0]) if not lost else float("nan")
        except OSError as error:
            raise server.fail(f"after {len(connections)} connections: {error}") from error
        finally:
            for connection in connections:
                connection.close()
    return [
        kind.title,
        f"{empty / 2**20:.1f}",
        f"{held / 2**20:.1f}",
        f"{(held - empty) / count:.0f}",
        f"{fresh_answer * 1000:.2f}",
        f"{idle_answer * 1000:.2f}",
        str(lost),
    ]


def main() -> int:
    options = arguments()
    kinds = chosen(options.servers, SERVERS)
    require_wrk()
    exit_on_signals()
    raise_file_limit(options.connections)
    python = environment.prepare(with_yett=any(kind.package == "yett" for kind in kinds))
    core, _ = cores()
    load = report.quiet_load()
    rows, failures = [], []
    for kind in kinds:
        try:
            rows.append(measure(kind, python, core, options.connections))
            print(" | ".join(rows[-1]), file=sys.stderr)
        except ServerError as error:
            failures.append(str(error).splitlines()[0])
            print(error, file=sys.stderr)
    head = ["server", "empty MiB", f"with {options.connections} MiB", "bytes/connection"]
    head += ["new connection answered, ms", "idle one answered, ms", "closed by the server"]
    parts = [
        report.conditions(environment.versions(python, sorted({kind.package for kind in kinds})), load),
        f"Proportional set size of the whole server. Target for Yett: at most {TARGET_BYTES} bytes a connection.",
        report.table(head, rows),
        *(f"Failed: {failure}" for failure in failures),
    ]
    text = "\n\n".join(parts)
    print(text)
    if options.save:
        report.save("Idle connections", text)
    return 1 if any(failure.startswith("yett") for failure in failures) else 0


if __name__ == "__main__":
    sys.exit(main())
