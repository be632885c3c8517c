"""systemd's side: what it is told over `NOTIFY_SOCKET`, and sockets that it passes on by `LISTEN_FDS`."""

import contextlib
import os
import signal
import socket
import time

import pytest

from support import Client, ServerProcess
from support.processes import is_alive
from support.server import PATIENCE_SECONDS
from support.wait import wait_until

APP = """
import os

def app(environ, start_response):
    start_response("200 OK", [])
    names = [name for name in os.environ if name.startswith(("NOTIFY_", "WATCHDOG_", "LISTEN_"))]
    return [repr(sorted(names)).encode()]
"""
BOTH = pytest.mark.parametrize(
    "options", [[], ["--no-supervisor"], ["--preload"]], ids=["supervised", "alone", "preload"]
)
# Becomes the server, so that LISTEN_PID is right, as systemd does. The sockets are its first arguments.
LAUNCHER = """
import os, sys
count = int(os.environ["LISTEN_FDS"])
# Out of the way first: one number may be that to which another is to be moved.
moved = [os.dup2(int(number), 100 + index) for index, number in enumerate(sys.argv[1 : 1 + count])]
for number, found in enumerate(moved, 3):
    os.dup2(found, number)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.executable, [sys.executable, "-m", "yett", *sys.argv[1 + count :]])
"""


class Manager:
    """A socket in the place of systemd's."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(PATIENCE_SECONDS)
        self.name = "@" + address[1:] if address.startswith("\0") else address

    def next(self):
        """The next message that is no sign of life, as its lines."""
        while (message := self.any()) == {"WATCHDOG": "1"}:
            pass
        return message

    def forget(self):
        """What has come already."""
        self.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self.socket.recv(4096)
        self.socket.settimeout(PATIENCE_SECONDS)

    def any(self):
        lines = self.socket.recv(4096).decode().splitlines()
        return dict(line.split("=", 1) for line in lines)


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    found = Manager(str(tmp_path / "notify") if request.param == "path" else f"\0yett-test-{os.getpid()}")
    with found.socket:
        yield found


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def start(folder, manager, *options, env=None):
    variables = {"NOTIFY_SOCKET": manager.name, **(env or {})}
    return ServerProcess(["app:app", "--bind", "unix:socket", *options], cwd=folder, env=variables)


def ask(folder):
    with Client(str(folder / "socket")) as client:
        return client.get().body


@BOTH
def test_start_and_end(folder, manager, options):
    with start(folder, manager, *options) as server:
        assert manager.next() == {"READY": "1", "STATUS": "serving"}
        assert ask(folder) == b"[]"  # the variables are ours, and nobody else's
        server.signal(signal.SIGTERM)
        assert manager.next() == {"STOPPING": "1", "STATUS": "finishing what runs"}
        assert server.wait() == 0


@pytest.mark.parametrize("broken", [False, True])
def test_a_reload(folder, manager, broken):
    with start(folder, manager) as server:
        assert manager.next()["READY"] == "1"
        before = time.monotonic_ns() // 1000
        if broken:
            (folder / "app.py").write_text("syntax error")
        server.signal(signal.SIGHUP)
        message = manager.next()
        assert (message["RELOADING"], message["STATUS"]) == ("1", "reloading")
        assert before <= int(message["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
        # Also where the old code goes on: systemd waits for it.
        assert manager.next()["READY"] == "1"
        assert ask(folder) == b"[]"


@BOTH
def test_signs_of_life(folder, manager, options):
    with start(folder, manager, *options, env={"WATCHDOG_USEC": "200000"}):
        # Also while it starts.
        found = [manager.any() for _ in range(8)]
        assert found.count({"WATCHDOG": "1"}) >= 6
        manager.forget()
        begun = time.monotonic()
        for _ in range(5):
            manager.any()
        assert time.monotonic() - begun >= 0.3  # every 100 ms, and no more often


def test_no_sign_of_life_for_another_process(folder, manager):
    with start(folder, manager, env={"WATCHDOG_USEC": "2000", "WATCHDOG_PID": "1"}) as server:
        assert manager.any()["READY"] == "1"
        assert ask(folder) == b"[]"
        server.signal(signal.SIGTERM)
        assert manager.any()["STOPPING"] == "1"


def test_a_new_supervisor_is_the_main_process(folder, manager):
    with start(folder, manager, "--pid", "yett.pid") as server:
        assert manager.next()["READY"] == "1"
        server.signal(signal.SIGUSR2)
        assert manager.next()["READY"] == "1"  # of the new one, to which systemd does not listen yet
        successor = int(manager.next()["MAINPID"])
        assert int((folder / "yett.pid").read_text()) == successor != server.process.pid
        # The old one ends, and says nothing of it: the service goes on.
        assert server.process.wait(PATIENCE_SECONDS) == 0
        assert ask(folder) == b"[]"
        assert int((folder / "yett.pid").read_text()) == successor
        os.kill(successor, signal.SIGTERM)
        assert manager.next()["STOPPING"] == "1"


def test_a_manager_that_is_not_there(folder):
    with ServerProcess(
        ["app:app", "-b", "unix:socket"], cwd=folder, env={"NOTIFY_SOCKET": "/nowhere"}
    ) as server:
        server.wait_for("WARNING: systemd was not told: No such file")
        assert ask(folder) == b"[]"
    with ServerProcess(
        ["app:app", "-b", "unix:socket"], cwd=folder, env={"NOTIFY_SOCKET": "vsock:1"}
    ) as server:
        server.wait_for("WARNING: systemd cannot be told anything: NOTIFY_SOCKET=vsock:1 is no unix socket")
        server.wait_for("serving on")
        assert ask(folder) == b"[]"


# ---- Sockets ----


def listening(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    return sockets, [found.getsockname()[1] for found in sockets]


def launched(folder, sockets, *options):
    """A server that has inherited these, from number 3 on."""
    (folder / "launcher.py").write_text(LAUNCHER)
    numbers = [found.fileno() for found in sockets]
    return ServerProcess(
        [*map(str, numbers), "app:app", *options],
        cwd=folder,
        env={"LISTEN_FDS": str(len(sockets)), "LISTEN_FDNAMES": "a:b"},
        module="launcher",
        pass_fds=numbers,
    )


@BOTH
def test_all_sockets_are_served_where_no_address_is_named(folder, options):
    sockets, ports = listening(2)
    with launched(folder, sockets, *options) as server:
        for port in ports:
            server.wait_for(f"serving on http://127.0.0.1:{port}")
            with Client(port) as client:
                assert client.get().body == b"[]"
        assert server.stop() == 0
    # They are systemd's: who connects now waits for the next server.
    for port in ports:
        socket.create_connection(("127.0.0.1", port)).close()


def test_an_address_that_is_named_wins(folder):
    sockets, ports = listening(1)
    with launched(folder, sockets, "--bind", "unix:socket") as server:
        server.wait_for(
            "WARNING: the sockets that systemd passes on are not used: --bind names other addresses"
        )
        server.wait_for("serving on unix:socket")
        assert str(ports[0]) not in server.log


@BOTH
def test_one_of_them_may_be_named(folder, options):
    sockets, ports = listening(2)
    with launched(folder, sockets, "--bind", "fd://4", *options) as server:
        server.wait_for(f"serving on http://127.0.0.1:{ports[1]}")
        with Client(ports[1]) as client:
            assert client.get().body == b"[]"
        assert "WARNING" not in server.log
        assert str(ports[0]) not in server.log


def test_sockets_for_another_process_are_left_alone(folder):
    env = {"LISTEN_FDS": "1", "LISTEN_PID": "1"}
    with ServerProcess(["app:app", "-b", "unix:socket"], cwd=folder, env=env) as server:
        server.wait_for("serving on unix:socket")
        assert ask(folder) == b"[]"
        assert "WARNING" not in server.log


def succeed(folder, before):
    """SIGUSR2 to this process; the new one, when it serves and the old one has ended."""
    os.kill(before, signal.SIGUSR2)
    wait_until(lambda: int((folder / "yett.pid").read_text()) != before, "a new supervisor serves")
    wait_until(lambda: not is_alive(before), "the old one has ended")
    return int((folder / "yett.pid").read_text())


@pytest.mark.parametrize("named", [False, True], ids=["default", "named"])
def test_reload_and_new_supervisors_keep_the_sockets(folder, named):
    sockets, ports = listening(2)
    bind = ["--bind", "fd://4"] if named else []
    with launched(folder, sockets, "--pid", "yett.pid", *bind) as server:
        for port in ports[int(named) :]:
            server.wait_for(f"serving on http://127.0.0.1:{port}")
        server.signal(signal.SIGHUP)
        server.wait_for("reload is through")
        assert "takes a restart" not in server.log and "cannot be changed" not in server.log
        with Client(port) as client:
            assert client.get().body == b"[]"
        new = succeed(folder, server.process.pid)
        # And that one's.
        last = succeed(folder, new)
        for port in ports[int(named) :]:
            with Client(port) as client:
                assert client.get().body == b"[]"
        os.kill(last, signal.SIGTERM)
