"""How many workers there are (SIGTTIN, SIGTTOU), and for how long one of them serves (recycling)."""

import os
import re
import signal

import pytest

from support import Client
from support.hammer import Hammer
from support.supervised import ASGI, BOTH
from support.wait import wait_until

WAYS = pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["import", "preload"])


@WAYS
def test_one_more_and_one_fewer(supervise, preload):
    server = supervise(ASGI, *preload)
    [first] = server.workers
    with Hammer(server.port) as hammer:
        for count in (2, 3):
            server.signal(signal.SIGTTIN)
            server.wait_for(f"SIGTTIN: {count} workers from now on")
            server.wait_for_ready(count)
            assert first in server.wait_for_workers(count)
        for count in (2, 1):
            server.signal(signal.SIGTTOU)
            server.wait_for(f"SIGTTOU: {count} workers? from now on")
            server.wait_for_workers(count)
        assert server.workers == [first]
        server.signal(signal.SIGTTOU)
        server.wait_for("SIGTTOU: it stays at 1 worker")
        hammer.goes_on()
    assert server.stop() == 0


def test_a_worker_fewer_finishes_its_requests(supervise, interface):
    server = supervise(BOTH[interface], "--interface", interface)
    server.signal(signal.SIGTTIN)
    server.wait_for_ready(2)
    [_, last] = server.workers
    clients = []
    # The one of the two that has fewer takes the next.
    while last not in server.waiting(len(clients)):
        clients.append(Client(server.port))
        clients[-1].begin("GET", "/wait")
        server.waiting(len(clients))
    server.signal(signal.SIGTTOU)
    server.wait_for("SIGTTOU: 1 worker from now on")
    server.release()
    for client in clients:
        assert client.response().body == b"waited"
        client.close()
    server.wait_for_workers(1)
    assert server.stop() == 0


@WAYS
def test_max_requests(supervise, interface, preload):
    server = supervise(
        BOTH[interface], "--interface", interface, "--workers", "2", "--max-requests", "100", *preload
    )
    first = set(server.workers)
    with Hammer(server.port) as hammer:
        server.wait_for_times(
            "has answered as many requests as --max-requests allows; it will be replaced", 6
        )
        wait_until(lambda: not first & set(server.workers), "none of the first is left")
        server.wait_for_ready(8)
        hammer.goes_on()
        assert len(hammer.workers) >= 6
    assert server.stop() == 0
    assert "ERROR" not in server.log
    assert "WARNING" not in server.log


def test_max_requests_with_one_worker_never_leaves_nobody(supervise):
    # The replacement takes as long as it is held: whoever went before that is ready would be missed.
    held = """VERSION = "1"
    while os.path.exists("hold"):
        time.sleep(0.01)
    """
    server = supervise(ASGI.replace('VERSION = "1"', held), "--max-requests", "50")
    (server.folder / "hold").touch()
    with Client(server.port) as client:
        pids = []
        for number in range(60):
            response = client.get(f"/echo/{number}")
            pids.append(int(response.body.split()[1]))
            assert response.header("connection") is None, "nobody else is there yet"
        assert len(set(pids)) == 1
        (server.folder / "hold").unlink()
        server.wait_for_ready(2)
        wait_until(lambda: client.get("/echo").header("connection") == "close", "it is told to go")
    assert int(server.get("/echo").split()[1]) not in pids
    assert server.stop() == 0


def test_max_requests_with_jitter_differs_between_workers(supervise):
    server = supervise(ASGI, "--workers", "2", "--max-requests", "20", "--max-requests-jitter", "1000000")
    first = server.workers
    with Hammer(server.port) as hammer:
        wait_until(lambda: hammer.answers >= 200, "more than without jitter")
        assert server.workers == first
    assert server.stop() == 0


@WAYS
def test_worker_lifetime(supervise, interface, preload):
    lifetime = ("--worker-lifetime", "1s")
    server = supervise(BOTH[interface], "--interface", interface, "--workers", "3", *lifetime, *preload)
    first = set(server.workers)
    with Hammer(server.port) as hammer:
        wait_until(lambda: not first & set(server.workers), "none of the first is left")
        server.wait_for_times("has served as long as --worker-lifetime allows; it will be replaced", 3)
        hammer.goes_on()
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    # One after the other, and each when the next one was ready.
    alive, ready = 0, 0
    for line in server.log.partition("SIGTERM: stopping")[0].splitlines():
        if re.search(r"worker \d+ \(pid \d+\) starts$", line):
            alive += 1
            assert alive <= 3 + 1, server.log
        elif re.search(r"worker \d+ \(pid \d+\) is ready$", line):
            ready += 1
        elif re.search(r"worker \d+ \(pid \d+\) (ended|was killed)", line):
            alive, ready = alive - 1, ready - 1
            assert ready >= 3, server.log
    assert " ERROR" not in server.log
    assert " WARNING" not in server.log


LEAKING = ASGI.replace(
    '    def ask(path, query):\n        return b""',
    "    leaked = []\n\n    def ask(path, query):\n        leaked.append(os.urandom(int(query)))\n        return b''",
)


def test_max_rss(supervise):
    assert LEAKING != ASGI
    server = supervise(LEAKING, "--workers", "2", "--max-rss", "150MiB")
    first = server.workers
    with Hammer(server.port) as hammer:
        with Client(server.port) as client:
            leaking = int(client.get("/echo").body.split()[1])
            assert client.get(f"/leak?{150 << 20}").status == 200
        server.wait_for(rf"\(pid {leaking}\) uses more memory than --max-rss allows; it will be replaced")
        wait_until(lambda: leaking not in server.workers, "it goes")
        hammer.goes_on()
        [other] = set(first) - {leaking}
        assert other in server.workers
    assert server.stop() == 0


def test_workers_auto_is_one_for_each_processor_that_may_be_used(supervise):
    cpus = os.sched_getaffinity(0)
    server = supervise(ASGI, "--workers", "auto", preexec_fn=lambda: os.sched_setaffinity(0, {min(cpus)}))
    assert len(server.workers) == 1
    assert server.stop() == 0
