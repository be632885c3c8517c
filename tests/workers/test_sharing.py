"""Whose is the next connection: that of a worker with least to do, if it can come."""

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import Client, ServerProcess
from support.wait import wait_until

ASGI = """
    import asyncio, os, time

    async def app(scope, receive, send):
        if scope["type"] != "http":
            raise RuntimeError("no lifespan")
        path, number = scope["path"], scope["query_string"].decode()
        if path != "/":
            os.write(1, f"holding {number}. {os.getpid()}\\n".encode())
        while path == "/hold" and not os.path.exists("release"):
            await asyncio.sleep(0.01)
        while path == "/block" and not os.path.exists("release"):
            time.sleep(0.01)
        body = str(os.getpid()).encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
"""
WSGI = """
    import os, time

    def app(environ, start_response):
        if environ["PATH_INFO"] != "/":
            os.write(1, f"holding {environ['QUERY_STRING']}. {os.getpid()}\\n".encode())
            while not os.path.exists("release"):
                time.sleep(0.01)
        body = str(os.getpid()).encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]
"""
# A connection counts as a request to come for so long (crates/supervisor/src/scoreboard/balance.rs), and a bit more.
FRESH_SECONDS = 0.15


@dataclass
class Workers:
    """A server with some workers, and the connections that a test has opened."""

    server: ServerProcess
    pids: list[int]
    stack: ExitStack
    held: int = 0

    def connect(self) -> Client:
        return self.stack.enter_context(Client(self.server.port))

    def connect_to(self, pid: int) -> Client:
        """A connection of this worker, whatever it takes."""
        while True:
            client = self.connect()
            if int(client.get().body) == pid:
                return client
            client.close()

    def hold(self, client: Client, path: str = "/hold") -> int:
        """A request that is not answered until `release`; the worker that has it."""
        return self.begin(client, path)()

    def begin(self, client: Client, path: str = "/hold") -> Callable[[], int]:
        """As `hold`; the worker is known when the result is called."""
        self.held += 1
        number = self.held
        client.begin("GET", f"{path}?{number}")
        return lambda: int(self.server.wait_for(rf"holding {number}\. (\d+)")[1])

    def other(self, pid: int) -> int:
        return next(other for other in self.pids if other != pid)

    def release(self) -> None:
        (self.server.folder / "release").touch()


@pytest.fixture(params=["asgi", "wsgi"])
def start(request, serve, tmp_path: Path) -> Iterator[Callable[..., Workers]]:
    """`start(workers, *options)`."""
    with ExitStack() as stack:

        def start(count: int, *options: str) -> Workers:
            server = serve(
                {"asgi": ASGI, "wsgi": WSGI}[request.param],
                "--workers",
                str(count),
                "--threads",
                "48",
                *options,
            )
            # All of them are ready when it says where it serves.
            assert len(server.workers) == count
            return Workers(server, server.workers, stack)

        yield start
        (tmp_path / "release").touch()


def is_stopped(pid: int) -> bool:
    try:
        stats = [(task / "stat").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return False  # a thread has just ended
    return all(stat.rpartition(") ")[2].startswith("T") for stat in stats)


def let_connections_age() -> None:
    """Nothing is waited for but the time in which a new connection counts."""
    time.sleep(FRESH_SECONDS)


def test_requests_decide_and_not_connections(start):
    workers = start(2)
    idle, busy = workers.pids
    for _ in range(30):
        workers.connect_to(idle)
    for client in [workers.connect_to(busy) for _ in range(16)]:
        assert workers.hold(client) == busy
    served = Counter()
    for _ in range(12):
        let_connections_age()
        served[workers.hold(workers.connect())] += 1
    # By connections the other would get all. It gets those for which this one is late, on a busy machine.
    assert served[idle] > served[busy], served


def test_a_burst_is_spread(start):
    workers = start(4)
    begun = [workers.begin(workers.connect()) for _ in range(40)]
    counts = Counter(worker() for worker in begun)
    assert max(counts.values()) <= 20, counts
    assert len(counts) >= 3, counts


def test_connections_of_a_quiet_time_go_round(start):
    workers = start(3)
    let_connections_age()
    served = []
    for _ in range(12):
        served.append(int(workers.connect().get().body))
        let_connections_age()
    # Without turns one gets all. Some may have been late for theirs, on a busy machine.
    assert max(Counter(served).values()) <= 8, served


def test_a_blocked_worker_takes_nothing_while_another_is_free(start, tmp_path):
    workers = start(2, "--threads", "1")
    blocked = workers.hold(workers.connect(), "/block")
    free = workers.other(blocked)
    for _ in range(20):
        assert int(workers.connect().get().body) == free


def test_who_does_not_come_is_not_waited_for_and_counts_again_when_it_is_back(start):
    workers = start(2)
    away, here = workers.pids
    os.kill(away, signal.SIGSTOP)
    try:
        # Until then the kernel may still give it a connection to accept.
        wait_until(lambda: is_stopped(away), "every thread of the worker has stopped")
        # The first few are left to the other, which has nothing to do.
        assert [workers.hold(workers.connect()) for _ in range(12)] == [here] * 12
    finally:
        os.kill(away, signal.SIGCONT)
    wait_until(lambda: int(workers.connect().get().body) == away, "the worker that was away answers")


def test_without_balance_requests_are_answered_as_well(start):
    workers = start(2, "--no-balance")
    assert {int(workers.connect().get().body) for _ in range(10)} <= set(workers.pids)


def scoreboard_kib(pid: int) -> int:
    """What counts as this process's memory of all that supervisor and workers share."""
    mappings = Path(f"/proc/{pid}/smaps").read_text()
    found = re.search(r"/dev/zero \(deleted\)\n(?:.*\n){1,5}?Rss: +(\d+) kB", mappings)
    assert found, mappings
    return int(found[1])


def test_a_worker_does_not_look_at_places_that_nobody_has_had(start):
    """A page for each of them would count as the worker's memory."""
    workers = start(2)
    for pid in workers.pids:
        workers.connect_to(pid)
    assert [scoreboard_kib(pid) < 512 for pid in workers.pids] == [True, True]
