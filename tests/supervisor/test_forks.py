"""Children that the application forks and does not execute: what is sent to them is theirs."""

import errno
import os

import pytest

from support.supervised import BOTH
from yett import forking

ANSWER = """import multiprocessing, threading
        ways = multiprocessing.get_context("fork")
        if path == "/terminate":
            # Before it runs at all, and while it does.
            codes = []
            for waits in (False, True):
                runs = ways.Event()
                child = ways.Process(target=sleep, args=(runs,))
                child.start()
                if waits:
                    runs.wait()
                child.terminate()
                child.join()
                codes.append(child.exitcode)
            return str(codes).encode()
        if path == "/pool":
            # Leaving it terminates its processes.
            with ways.Pool(2) as pool:
                return str(pool.map(abs, [-1, -2, -3])).encode()
        return b\"\""""

SLEEP = """def sleep(runs):
        runs.set()
        time.sleep(1000)

    VERSION"""


@pytest.mark.parametrize("way", [[], ["--preload"], ["--no-supervisor"]], ids=["import", "preload", "alone"])
def test_children_of_multiprocessing_end_alone(supervise, interface, way):
    source = BOTH[interface].replace("VERSION", SLEEP, 1).replace('return b""', ANSWER)
    server = supervise(source, "--interface", interface, *way)
    worker = server.get("/echo")
    for _ in range(3):
        assert server.get("/terminate") == b"[-15, -15]"
        assert server.get("/pool") == b"[1, 2, 3]"
    # A worker that had heard of it would have gone, and an only process with it.
    assert server.get("/echo") == worker
    assert server.stop() == 0
    assert " ERROR" not in server.log


def test_a_refused_fork_leaves_nothing_open(monkeypatch):
    def refused():
        raise OSError(errno.EAGAIN, "no process is to be had")

    monkeypatch.setattr(os, "fork", refused)
    before = len(os.listdir("/dev/fd"))
    for _ in range(3):
        with pytest.raises(OSError, match="no process"):
            forking.fork_orphan()
    assert len(os.listdir("/dev/fd")) == before
