"""SIGTERM for a worker, which nobody but its supervisor should send it."""

import os
import signal

import pytest

from support.hammer import Hammer
from support.processes import is_alive
from support.supervised import ASGI, BOTH
from support.wait import wait_until

ALONE = pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["import", "preload"])


@ALONE
def test_the_only_worker_serves_until_another_does(supervise, interface, preload):
    server = supervise(BOTH[interface], "--interface", interface, *preload)
    [asked] = server.workers
    with Hammer(server.port) as hammer:
        os.kill(asked, signal.SIGTERM)
        wait_until(lambda: hammer.workers - {asked}, "another takes its place")
        wait_until(lambda: not is_alive(asked), "it ends")
        hammer.goes_on()
    assert server.stop() == 0
    assert server.log.count("was asked to end (SIGTERM); it will be replaced") == 1
    assert " ERROR" not in server.log


def test_a_signal_for_all_processes_is_the_supervisors(supervise, interface):
    """As service managers send it."""
    server = supervise(BOTH[interface], "--interface", interface, "--workers", "2", "--drain-delay", "1h")
    os.killpg(server.supervisor, signal.SIGTERM)
    server.wait_for("SIGTERM: stopping")
    # Whoever sends requests here has not heard of it yet.
    for _ in range(5):
        assert server.get("/echo").endswith(b" /echo")
    assert " ERROR" not in server.log
    os.killpg(server.supervisor, signal.SIGTERM)
    assert server.wait() == 128 + signal.SIGTERM


def test_one_that_starts_does_not_count_as_ready(begin):
    startup = """say("starting", os.getpid())
        while not os.path.exists("release"):
            await asyncio.sleep(0.01)
        await send({"type": "lifespan.startup.complete"})"""
    source = ASGI.replace('await send({"type": "lifespan.startup.complete"})', startup)
    server = begin(source, "--workers", "2")
    first, second = server.wait_for_times(r"^starting \d+$", 2)
    os.kill(int(first.split()[1]), signal.SIGTERM)
    server.wait_for_times(r"^starting \d+$", 3)
    server.release()
    assert server.url
    assert server.get("/echo").endswith(b" /echo")
    assert is_alive(int(second.split()[1]))
    assert server.stop() == 0
    assert server.log.count(" is ready\n") == 2, server.log
