"""Workers that die, are killed, or never begin: they are replaced, what they had is told of, and the rest goes on."""

import json
import os
import re
import signal

import pytest

from support import Client, refuses
from support.hammer import Hammer
from support.processes import is_alive, state
from support.supervised import ASGI, BOTH
from support.wait import wait_until

WAYS = pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["import", "preload"])
JSON_LOG = ("--access-log", "access", "--access-log-format", "json")


def access_lines(server) -> list[dict]:
    return [json.loads(line) for line in (server.folder / "access").read_text().splitlines()]


@WAYS
def test_only_the_requests_of_a_killed_worker_fail(supervise, interface, preload):
    server = supervise(BOTH[interface], "--interface", interface, "--workers", "2", *JSON_LOG, *preload)
    with Client(server.port) as first, Client(server.port) as second, Hammer(server.port) as hammer:
        first.begin("GET", "/wait?first")
        [killed] = server.waiting()
        # Balanced by running requests, or not at all: in either case some worker has it.
        second.begin("GET", "/wait?second")
        owners = server.waiting(2)
        os.kill(killed, signal.SIGKILL)
        assert first.rest() == b""
        server.wait_for(rf"ERROR: worker \d+ \(pid {killed}\) was killed by signal 9 \(SIGKILL\)")
        wait_until(lambda: len(hammer.workers - {killed}) == 2, "the replacement serves")
        server.release()
        lost = {"/wait?first"}
        if owners[1] == killed:
            lost.add("/wait?second")
            assert second.rest() == b""
        else:
            assert second.response().body == b"waited"
        # Whoever is answered again has noted what failed.
        hammer.goes_on()
        # Each client of the hammer had one request at most in the worker that was killed.
        assert len(failures := hammer.forget_failures()) <= 5, failures
        assert len({failure.split("/")[2] for failure in failures}) == len(failures)
        hammer.goes_on()
    assert server.stop() == 0
    lines = access_lines(server)
    died = [line for line in lines if line["outcome"] == "worker-died"]
    assert lost <= {target(line) for line in died}
    # An answer may have been sent whose end was not noted any more.
    assert len(died) <= 5 + len(lost)


def target(line: dict) -> str:
    return line["path"] + ("?" + line["query"] if line.get("query") else "")


@WAYS
@pytest.mark.parametrize(
    "source, code, told",
    [
        ("raise RuntimeError('no database')\n", 4, "RuntimeError: no database"),
        ("def app(:\n", 4, "SyntaxError"),
        (ASGI.replace('.complete"', '.failed", "message": "no cache"'), 3, "no cache"),
    ],
    ids=["import", "syntax", "lifespan"],
)
def test_an_application_that_cannot_start(begin, preload, source, code, told):
    server = begin(source, "--workers", "3", *preload)
    assert server.wait() == code
    # Once, not once by each worker. The message stands below the traceback.
    assert len(re.findall(rf"yett: error: .*{told}", server.log)) == 1, server.log
    assert server.log.count(told) <= 2, server.log
    assert "crash loop" not in server.log
    assert "no worker became ready; stopping" in server.log


@WAYS
def test_workers_that_are_never_ready(begin, preload):
    server = begin("import time\ntime.sleep(1000)\n", "--workers", "2", "--startup-timeout", "1s", *preload)
    assert server.wait() == 6
    assert "--startup-timeout" in server.log
    assert "serving on" not in server.log


def test_a_crash_loop_is_named_once(supervise, begin):
    source = ASGI.replace(
        'await send({"type": "lifespan.startup.complete"})',
        """await send({"type": "lifespan.startup.complete"})
        with open("starts", "a") as file:
            file.write("x")
        if os.path.exists("die"):
            asyncio.get_running_loop().call_later(0.05, os._exit, 1)
        """,
    )
    server = supervise(source, "--workers", "2")
    (server.folder / "die").touch()
    for pid in server.workers:
        os.kill(pid, signal.SIGKILL)
    starts = server.folder / "starts"
    wait_until(lambda: starts.stat().st_size >= 10, "workers are started again and again")
    deaths = r"ERROR: worker \d+ \(pid \d+\) (was killed|ended)"
    assert len(re.findall(deaths, server.log)) == 5
    assert server.log.count("crash loop") == 1
    (server.folder / "die").unlink()
    # Whoever repairs the code does not wait for the end of a pause.
    server.reload()
    with Hammer(server.port) as hammer:
        hammer.goes_on()
    assert server.log.count("crash loop") == 1
    assert server.stop() == 0


def test_workers_outlive_a_killed_supervisor_for_what_they_have(supervise, interface):
    server = supervise(BOTH[interface], "--interface", interface, "--workers", "2")
    port, workers = server.port, server.workers
    with Client(port) as client, Client(port) as idle:
        assert idle.get("/echo").status == 200
        client.begin("GET", "/wait")
        [busy] = server.waiting()
        server.process.kill()
        # Nobody would look after those who come now.
        assert idle.rest() == b""
        wait_until(lambda: not any(is_alive(pid) for pid in workers if pid != busy), "the idle worker ends")
        wait_until(lambda: refuses(port), "nobody listens")
        assert is_alive(busy)
        server.release()
        assert client.response().body == b"waited"
    wait_until(lambda: not is_alive(busy), "the busy worker ends")
    with pytest.raises(ConnectionRefusedError):
        Client(port)


def test_a_supervisor_that_is_killed_while_its_zygote_waits(supervise):
    server = supervise(ASGI, "--workers", "2", "--preload")
    processes = server.group()
    assert len(processes) == 4  # supervisor, zygote, workers
    server.process.kill()
    wait_until(lambda: not any(is_alive(pid) for pid in processes), "all end")


def test_a_worker_that_was_stopped_is_replaced(supervise, interface):
    """Nothing in it can say that it does not get on: the supervisor sees that it does not beat."""
    timeouts = ["--beat-timeout", "1s", "--gil-timeout", "1s"]
    server = supervise(BOTH[interface], "--interface", interface, "--workers", "2", *timeouts)
    [stopped, other] = server.workers
    os.kill(stopped, signal.SIGSTOP)
    server.wait_for(rf"worker \d+ \(pid {stopped}\) is frozen")
    wait_until(lambda: stopped not in server.workers, "it is killed and reaped")
    assert other in server.wait_for_workers(2)
    with Hammer(server.port) as hammer:
        hammer.goes_on()
    assert server.stop() == 0


def test_a_worker_that_was_stopped_does_not_hold_up_the_end(supervise, interface):
    server = supervise(BOTH[interface], "--interface", interface, "--workers", "2")
    [stopped, _] = server.workers
    os.kill(stopped, signal.SIGSTOP)
    wait_until(lambda: state(stopped) == "T", "it stops")
    assert server.stop() == 0
    assert not is_alive(stopped)


LEAVING = """
    def ask(path, query):
        # The child of a child that ends is nobody's.
        child = subprocess.run(
            [sys.executable, "-c", "import subprocess; print(subprocess.Popen(['sleep', '1000'], stdout=2).pid)"],
            stdout=subprocess.PIPE, text=True, check=True,
        )
        return child.stdout.encode()
"""


def test_what_an_application_leaves_behind_is_reaped(supervise, interface):
    source = BOTH[interface].replace(BOTH[interface][BOTH[interface].index("    def ask(") :], LEAVING[1:])
    server = supervise(source, "--interface", interface, "--preload")
    [worker] = server.workers
    left = int(server.get("/leave"))
    assert is_alive(left)
    os.kill(left, signal.SIGTERM)
    wait_until(lambda: state(left) == "", "it is reaped")
    assert server.workers == [worker]
    assert server.stop() == 0
