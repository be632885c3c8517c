"""Mixed load for minutes, and every answer checked against its request: nothing lost, doubled or mixed up.

`make soak SOAK_TIME=600`, or `python tests/soak/run.py --seconds 600`. Each number of threads gets an equal part of the
time. Ends with a summary, and with exit code 1 if anything was wrong. No part of `make test`.
"""

import argparse
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from clients import Results, Soaker

from support import Client, ServerProcess
from support.server import PATIENCE_SECONDS, start_target
from support.usage import open_sockets, resident_kib, temporary_files
from support.wait import wait_until

HERE = Path(__file__).parent
# Memory grows while caches fill and the heap finds its size; what is compared is the second half of the time.
GROWTH_KIB = 32 * 1024


def main() -> int:
    parser = argparse.ArgumentParser(description="Mixed load on a WSGI application, every answer checked.")
    parser.add_argument("--seconds", type=float, default=600, help="in all (600)")
    parser.add_argument("--threads", default="1,4,32", help="of the server, one run for each (1,4,32)")
    parser.add_argument("--clients", type=int, default=24, help="at a time (24)")
    parser.add_argument("--seed", type=int, default=1, help="of what the clients do (1)")
    arguments = parser.parse_args()
    threads = [int(number) for number in arguments.threads.split(",")]
    wrong = 0
    for number in threads:
        complaints = soak(number, arguments.seconds / len(threads), arguments.clients, arguments.seed)
        for complaint in complaints[:20]:
            print(f"  WRONG: {complaint}")
        if len(complaints) > 20:
            print(f"  … and {len(complaints) - 20} more")
        wrong += len(complaints)
    print(f"{wrong} complaints" if wrong else "nothing lost, nothing doubled, nothing mixed up")
    return 1 if wrong else 0


def soak(threads: int, seconds: float, clients: int, seed: int) -> list[str]:
    """One server under load for so long. What was wrong."""
    results, stop = Results(), threading.Event()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        server = stack.enter_context(
            # The witness's connection is idle all the time.
            start_target(
                *("app:app", "--threads", str(threads), "--keep-alive-timeout", "600min"),
                folder=HERE,
                env={"TMPDIR": folder},
            )
        )
        with Client(server.port) as witness:
            witness.get("/accounts")
            sockets = open_sockets(server.pid)
            soakers = [Soaker(number, server.port, results, stop, seed) for number in range(clients)]
            began = time.monotonic()
            for soaker in soakers:
                soaker.start()
            time.sleep(seconds / 2)
            middle = resident_kib(server.pid)
            time.sleep(seconds / 2)
            stop.set()
            for soaker in soakers:
                soaker.join(2 * PATIENCE_SECONDS)
            took = time.monotonic() - began
            hanging = [soaker.name for soaker in soakers if soaker.is_alive()]
            complaints = results.errors + [f"{name} does not come to its end" for name in hanging]
            complaints += look_at_what_is_left(server, sockets, folder)
            growth = resident_kib(server.pid) - middle
            if growth > GROWTH_KIB:
                complaints.append(f"memory has grown by {growth} KiB in the second half")
            complaints += compare(results, witness.get("/accounts").json())
        code = server.stop()
        if code != 0:
            complaints.append(f"exit code {code}")
        complaints += look_at_the_log(server.log, results)
    deeds = ", ".join(f"{name} {count}" for name, count in sorted(results.done.items()))
    print(
        f"{threads} threads, {took:.0f} s: {results.answered} answers checked ({results.answered / took:.0f}/s), "
        f"{results.left} clients left early, {growth:+} KiB in the second half\n  {deeds}",
        flush=True,
    )
    return complaints


def look_at_what_is_left(server: ServerProcess, sockets: int, folder: str) -> list[str]:
    """All clients have gone, and with them all that was kept for them."""
    complaints = []
    try:
        wait_until(lambda: open_sockets(server.pid) == sockets, "")
    except AssertionError:
        complaints.append(f"{open_sockets(server.pid) - sockets} connections are left")
    files = temporary_files(server.pid, Path(folder))
    if files or list(Path(folder).iterdir()):
        complaints.append(f"temporary files are left: {files} {list(Path(folder).iterdir())}")
    return complaints


def compare(results: Results, accounts: dict) -> list[str]:
    """What the application has run, against what its clients were answered."""
    complaints = [f"a request out of order or doubled: {name}" for name in accounts["out of order"]]
    complaints += [f"the application was given a wrong request: {name}" for name in accounts["wrong request"]]
    # Those who left may or may not have been run, each once at most.
    if not results.errors and not results.answered <= accounts["run"] <= results.answered + results.left:
        complaints.append(f"{accounts['run']} requests run, {results.answered} answered, {results.left} left")
    return complaints


def look_at_the_log(log: str, results: Results) -> list[str]:
    """It has the failures that were asked for, and nothing else."""
    lines = log.splitlines()
    failures = sum(line == "RuntimeError: as asked" for line in lines)
    complaints = []
    if not results.failed <= failures <= results.failed + results.left:
        complaints.append(f"{failures} failures in the log, {results.failed} clients were told of one")
    noted = [line for line in lines if " ERROR: " in line or " WARNING: " in line]
    complaints += [f"in the log: {line}" for line in noted if "the application failed" not in line][:5]
    if sum("Traceback" in line for line in lines) != failures:
        complaints.append("in the log: other tracebacks")
    return complaints


if __name__ == "__main__":
    sys.exit(main())
