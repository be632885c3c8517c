"""SIGTERM while requests wait where no thread has looked yet: all are answered."""

import os
import signal
from contextlib import ExitStack

import pytest

from support import Client
from support.peers import only_yett
from support.usage import open_files
from support.wait import wait_until

pytestmark = only_yett

APP = """
    import os

    def app(environ, start_response):
        path = environ["PATH_INFO"]
        body = environ["wsgi.input"].read()
        if path == "/gate":
            os.write(2, b"waiting\\n")
            with open("gate"):  # a FIFO: until somebody opens it for writing
                pass
        start_response("200 OK", [])
        return [path.encode() + body]
"""
# More than the server accepts at a time.
MANY = 150


@pytest.fixture
def server(serve, tmp_path):
    os.mkfifo(tmp_path / "gate")
    return serve(APP, "--threads", "1", "--bind", "127.0.0.1:0", "--bind", "unix:socket")


@pytest.fixture
def connect():
    with ExitStack() as stack:
        yield lambda address: stack.enter_context(Client(address))


def open_gate(server) -> None:
    with open(server.folder / "gate", "w"):
        pass


@pytest.mark.parametrize("address", ["tcp", "unix"])
@pytest.mark.parametrize("begun", [True, False])
def test_requests_in_the_kernels_queue_are_answered(server, connect, address, begun):
    """`begun`: the server has taken note of SIGTERM when its thread comes back."""
    gate = connect(server.port)
    gate.begin("GET", "/gate")
    server.wait_for("^waiting$")
    # The only thread is in the application: nobody accepts them.
    before = open_files(server.pid)
    clients = [
        connect(server.port if address == "tcp" else str(server.folder / "socket")) for _ in range(MANY)
    ]
    for number, client in enumerate(clients):
        if number % 2:
            client.begin("GET", f"/{number}")
        else:
            client.begin("POST", f"/{number}", "Content-Length: 5")
            client.send(b" body")
    server.signal(signal.SIGTERM)
    if begun:
        wait_until(lambda: open_files(server.pid) > before, "the server accepts them, and no more")
    open_gate(server)
    assert gate.response().body == b"/gate"
    for number, client in enumerate(clients):
        response = client.response()
        assert response.body == b"/%d" % number + (b"" if number % 2 else b" body")
        assert client.rest() == b""
    assert server.wait() == 0


def test_requests_in_the_sockets_are_answered(server, connect):
    """Of clients that the server knows."""
    clients = [connect(server.port) for _ in range(MANY)]
    for client in clients:
        assert client.get("/known").body == b"/known"
    gate = connect(server.port)
    gate.begin("GET", "/gate")
    server.wait_for("^waiting$")
    for number, client in enumerate(clients):
        client.begin("GET", f"/{number}")
    server.signal(signal.SIGTERM)
    open_gate(server)
    assert gate.response().body == b"/gate"
    for number, client in enumerate(clients):
        # «Connection: close» or not: it may be answered before the server has taken note of the signal.
        assert client.response().body == b"/%d" % number
        assert client.rest() == b""
    assert server.wait() == 0


def test_with_several_threads_too(serve, tmp_path, connect):
    for number in range(4):
        os.mkfifo(tmp_path / f"gate{number}")
    server = serve(APP.replace('"/gate":', '"/gate" + path[5:]:').replace('open("gate")', "open(path[1:])"),
                   "--threads", "4")  # fmt: skip
    gates = [connect(server.port) for _ in range(4)]
    for number, gate in enumerate(gates):
        gate.begin("GET", f"/gate{number}")
        wait_until(lambda number=number: server.log.count("waiting") == number + 1, "all of them wait")
    before = open_files(server.pid)
    clients = [connect(server.port) for _ in range(MANY)]
    for number, client in enumerate(clients):
        client.begin("GET", f"/{number}")
    server.signal(signal.SIGTERM)
    wait_until(lambda: open_files(server.pid) > before, "the server accepts them, and no more")
    for number in range(4):
        with open(tmp_path / f"gate{number}", "w"):
            pass
    for number, gate in enumerate(gates):
        assert gate.response().body == b"/gate%d" % number
    for number, client in enumerate(clients):
        assert client.response().body == b"/%d" % number
    assert server.wait() == 0
