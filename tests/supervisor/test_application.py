"""What an application may do in a worker as in any other process: start others, and handle signals."""

import os
import pty
import signal
import time

import pytest

from support import Client
from support.hammer import Hammer
from support.supervised import ASGI, BOTH
from support.wait import wait_until

WAYS = pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["import", "preload"])

SPAWNING = """
    def ask(path, query):
        if path == "/subprocess":
            return subprocess.run([sys.executable, "-c", "print('out')"], stdout=subprocess.PIPE, check=True).stdout
        if path == "/fork":
            pid = os.fork()
            if pid == 0:
                os._exit(7)
            return b"%d" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        # What a child that is executed has of ours: its own three descriptors, and the one of the folder.
        code = "import os, signal; print(len(os.listdir('/proc/self/fd')), signal.getsignal(signal.SIGINT) is None,"
        code += " sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))), signal.getsignal(signal.SIGCHLD))"
        return subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True).stdout
"""


def spawning(interface: str) -> str:
    source = BOTH[interface]
    return source[: source.index("    def ask(")] + SPAWNING[1:]


@WAYS
def test_processes_of_the_application(supervise, interface, preload):
    server = supervise(spawning(interface), "--interface", interface, *preload)
    for _ in range(3):
        assert server.get("/subprocess") == b"out\n"
        assert server.get("/fork") == b"7"
    assert server.get("/inherited") == b"4 False [] 0\n"
    assert server.stop() == 0


REAPING = """seen = []

    def reap(*_):
        # As old code does it, which thinks of nobody else.
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        seen.append(1)

    signal.signal(signal.SIGCHLD, reap)
    VERSION"""


@WAYS
def test_sigchld_is_the_applications(supervise, interface, preload):
    answer = """if path == "/seen":
            return b"seen" if seen else b"not yet"
        os.posix_spawn(sys.executable, [sys.executable, "-c", ""], os.environ)
        return b\"\""""
    source = BOTH[interface].replace("VERSION", REAPING, 1).replace('return b""', answer)
    server = supervise(source, "--interface", interface, *preload)
    with Hammer(server.port) as hammer:
        for _ in range(4):
            server.get("/spawn")
        wait_until(lambda: server.get("/seen") == b"seen", "the handler is called")
        server.reload()
        hammer.goes_on()
    assert server.stop() == 0
    assert " ERROR" not in server.log


def terminal() -> tuple[int, str]:
    ours, theirs = pty.openpty()
    name = os.ttyname(theirs)
    os.close(theirs)
    return ours, name


@WAYS
def test_control_c_in_a_terminal(supervise, interface, preload):
    """The terminal sends SIGINT to the supervisor, its zygote and its workers alike."""
    ours, name = terminal()
    with open(ours, "wb", buffering=0) as keyboard:
        # The first terminal that the leader of a session opens becomes its own.
        server = supervise(
            BOTH[interface],
            "--interface",
            interface,
            "--workers",
            "2",
            *preload,
            preexec_fn=lambda: os.dup2(os.open(name, os.O_RDWR), 0),
        )
        with Client(server.port) as client:
            client.begin("GET", "/wait")
            server.waiting()
            began = time.monotonic()
            keyboard.write(b"\x03")
            assert server.wait() == 0
            assert time.monotonic() - began < 15
    assert server.log.count("SIGINT: stopping") == 1
    assert "Traceback" not in server.log
    assert " ERROR" not in server.log
    assert server.group() == []


def test_a_terminal_that_changes_its_size(supervise):
    server = supervise(ASGI, "--workers", "2")
    workers = server.workers
    with Hammer(server.port) as hammer:
        for pid in [server.supervisor, *workers]:
            os.kill(pid, signal.SIGWINCH)
        hammer.goes_on()
        assert server.workers == workers
    assert server.stop() == 0
