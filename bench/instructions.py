"""Instruction counts under callgrind: a yardstick that does not depend on how busy the machine is.

* The parser alone: `crates/proto/examples/parse_head.rs`, each of its kinds.
* One hello request of the whole server: interpreter, event loop, application, parser, system call stubs.

Each count is the difference between two runs, with N and 2N repetitions, divided by N: start-up cancels out.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import environment, report
from harness.asgi.servers import SERVERS as ASGI_SERVERS
from harness.asgi.workloads import BROWSER_HEADERS
from harness.process import Server, ServerError, cores, exit_on_signals
from harness.servers import HOST, ServerKind, chosen
from harness.wsgi.servers import SERVERS as WSGI_SERVERS

SERVERS = {**ASGI_SERVERS, **WSGI_SERVERS}

# Under valgrind everything takes some fifty times as long.
START_DEADLINE = 120.0
STOP_DEADLINE = 60.0
RUN_DEADLINE = 300.0

REQUESTS = {
    "hello": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "headers": (
        "GET / HTTP/1.1\r\nHost: localhost\r\n" + "".join(f"{h}\r\n" for h in BROWSER_HEADERS) + "\r\n"
    ).encode(),
}
ANSWER_END = b"Hello, world!"
PARSER_KINDS = {
    "hello": "parsing the head of a load generator",
    "browser": "parsing a head of twelve fields",
    "exchange": "parsing the former and encoding its response",
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=2000, help="N for the servers (default: 2000)")
    parser.add_argument("--heads", type=int, default=2000, help="N for the parser (default: 2000)")
    parser.add_argument("--profile", default="release", help="cargo profile of the parser (default: release)")
    parser.add_argument(
        "--servers", default="yett-asyncio,yett-uvloop,yett-1", help=f"comma-separated: {', '.join(SERVERS)}"
    )
    parser.add_argument("--save", action="store_true", help="keep the table in bench/results.md")
    return parser.parse_args()


def callgrind(directory: str) -> tuple[str, ...]:
    """The command line prefix; counts only: no cache simulation, no instruction-level detail."""
    return ("valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={directory}/callgrind.%p")


def instructions(directory: str) -> int:
    """Instructions executed, of all processes that left a profile in the directory."""
    total = 0
    for file in Path(directory).glob("callgrind.*"):
        for line in file.read_text().splitlines():
            if line.startswith(("summary:", "totals:")):
                total += int(line.split()[1])
                break
    if total == 0:
        raise ServerError("callgrind left no profile: the process did not end properly")
    return total


def drive(server: Server, request: bytes, count: int) -> None:
    """`count` requests, one after the other, on one keep-alive connection."""
    with socket.create_connection((HOST, server.port), timeout=30) as connection:
        for _ in range(count):
            connection.sendall(request)
            answer = b""
            while ANSWER_END not in answer:
                part = connection.recv(65536)
                if not part:
                    raise server.fail("closed the connection before the answer was complete")
                answer += part


def server_run(kind: ServerKind, python: str, request: bytes, count: int) -> int:
    core, _ = cores()
    app = "wsgi_hello:app" if kind.name in WSGI_SERVERS else "hello:app"
    with tempfile.TemporaryDirectory() as directory:
        # A fixed hash seed: dictionaries of strings then collide alike in both runs.
        with Server(kind, python, app, core, callgrind(directory), PYTHONHASHSEED="0") as server:
            server.wait_until_answering(deadline=START_DEADLINE, pause=0.1)
            drive(server, request, count)
            server.stop(STOP_DEADLINE)
        return instructions(directory)


def parser_run(program: str, kind: str, count: int) -> int:
    with tempfile.TemporaryDirectory() as directory:
        command = [*callgrind(directory), program, kind, str(count)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=RUN_DEADLINE)
        return instructions(directory)


def build_parser(profile: str) -> str:
    """Build the example and return its path."""
    if shutil.which("cargo") is None:
        raise SystemExit("bench: cargo is missing; install Rust 1.88 or later with rustup")
    command = [
        "cargo",
        "build",
        "--quiet",
        "--package",
        "yett-proto",
        "--example",
        "parse_head",
        "--profile",
        profile,
    ]
    if subprocess.run(command, cwd=environment.ROOT, check=False).returncode != 0:
        raise SystemExit("bench: the parser's example does not build")
    target = Path(os.environ.get("CARGO_TARGET_DIR", environment.ROOT / "target"))
    return str(environment.ROOT / target / profile / "examples" / "parse_head")


def main() -> int:
    options = arguments()
    for tool in ("valgrind", "taskset"):
        if shutil.which(tool) is None:
            raise SystemExit(f"bench: {tool} is missing; install it with your package manager")
    exit_on_signals()
    kinds = chosen(options.servers, SERVERS)
    python = environment.prepare(with_yett=any(kind.package == "yett" for kind in kinds))
    load = report.quiet_load()
    rows = []

    def count(what: str, repetitions: int, run) -> None:
        once, twice = run(repetitions), run(2 * repetitions)
        rows.append([what, f"{(twice - once) / repetitions:.0f}"])
        print(" | ".join(rows[-1]), file=sys.stderr)

    program = build_parser(options.profile)
    for name, what in PARSER_KINDS.items():
        count(what, options.heads, lambda n, name=name: parser_run(program, name, n))
    for kind in kinds:
        for name, request in REQUESTS.items():
            count(
                f"{kind.title}: {name}",
                options.requests,
                lambda n, r=request, k=kind: server_run(k, python, r, n),
            )
    text = "\n\n".join(
        (
            report.conditions(environment.versions(python, sorted({kind.package for kind in kinds})), load),
            "Instructions in user space; difference of two runs under callgrind, so start-up is not in it.",
            report.table(["what", "instructions"], rows),
        )
    )
    print(text)
    if options.save:
        report.save("Instruction counts", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
