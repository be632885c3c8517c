"""Clients that leave, at every moment: the server lets go of everything, and others do not notice."""

import signal

import pytest

from support import Client
from support.peers import only_yett
from support.usage import open_connections, temporary_files
from support.wait import wait_until

pytestmark = only_yett

APP = """
    import os, signal, threading

    released = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: released.set())

    def say(*words):
        os.write(1, (" ".join(map(str, words)) + "\\n").encode())

    class Pieces:
        '''Endless, or until it is released: each piece is told when it is asked for, and the end when it is closed.'''

        def __init__(self, path):
            self.path, self.asked, self.closed = path, 0, 0

        def __iter__(self):
            return self

        def __next__(self):
            self.asked += 1
            if self.path == "/two" and self.asked == 2:
                say("second")
                released.wait()
            if self.path == "/large" and self.asked == 500:
                say("generated")
                raise StopIteration
            return b"x" * (100_000 if self.path == "/large" else 1000)

        def close(self):
            self.closed += 1
            say("closed", self.closed, "after", self.asked)

    class Failing(Pieces):
        def close(self):
            super().close()
            raise RuntimeError("close() fails, too")

    def app(environ, start_response):
        path = environ["PATH_INFO"]
        if path == "/wait":
            say("waiting")
            released.wait()
        elif path == "/read":
            say("read", len(environ["wsgi.input"].read()))
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        if path == "/write":
            try:
                while True:
                    write(b"x" * 1000)
            except OSError as error:
                say("write raised", type(error).__name__)
                raise
        if path == "/write-on":
            try:
                while True:
                    write(b"x" * 1000)
            except OSError:
                pass
            say("goes on")
            return [b"late"]
        if path in ("/two", "/endless", "/large"):
            return Pieces(path)
        if path == "/failing":
            return Failing(path)
        say("answered", path)
        return [path.encode()]
"""

LEAVING = pytest.mark.parametrize("leave", [Client.close, Client.reset])


@pytest.fixture
def server(serve):
    server = serve(APP, "--threads", "2")
    with Client(server.port) as witness:
        assert witness.get("/before").status == 200
        yield server
        # Whatever the test's client did: nothing is left of it, a connection from before and a new one are served (by
        # both threads), and nothing is noted.
        wait_until(lambda: open_connections(server.pid, server.port) == 1, "all others are closed")
        for _ in range(10):
            assert witness.get("/after").body == b"/after"
    with Client(server.port) as client:
        assert client.get("/new").body == b"/new"
    assert "WARNING" not in server.log
    assert "ERROR" not in server.log
    assert "Traceback" not in server.log


@LEAVING
@pytest.mark.parametrize(
    "sent", [b"", b"G", b"GET / HTTP/1.1\r\nHost: te", b"GET / HTTP/1.1\r\nHost: test\r\n\r"]
)
def test_in_the_head(server, leave, sent):
    for _ in range(50):
        client = Client(server.port)
        client.send(sent)
        leave(client)


@LEAVING
@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("size", [10, 300_000])
def test_in_the_body_that_is_collected(server, leave, framing, size):
    clients = [Client(server.port) for _ in range(10)]
    for client in clients:
        if framing == "length":
            client.begin("POST", "/read", f"Content-Length: {size + 1}")
            client.send(b"x" * size)
        else:
            client.begin("POST", "/read", "Transfer-Encoding: chunked")
            client.send(b"%x\r\n%b\r\n" % (size, b"x" * size))
    if size > 65536:
        wait_until(lambda: temporary_files(server.pid) == [size] * 10, "the bodies are in files")
    for client in clients:
        leave(client)
    wait_until(lambda: not temporary_files(server.pid), "the files are gone")
    with Client(server.port) as other:
        assert other.get("/other").status == 200
    assert "read" not in server.log, "the application never hears of it"


def test_half_a_body_and_fin(server):
    """The client can still read why that is wrong."""
    with Client(server.port) as client:
        client.begin("POST", "/read", "Content-Length: 10")
        client.send(b"12345")
        client.finish_sending()
        assert client.response().status == 400
        assert client.rest() == b""
    assert "read" not in server.log


@LEAVING
def test_while_the_application_runs(server, leave):
    client = Client(server.port)
    client.begin("GET", "/wait")
    server.wait_for("^waiting$")
    leave(client)
    with Client(server.port) as other:
        assert other.get("/other").status == 200
    server.signal(signal.SIGUSR1)
    server.wait_for("^answered /wait$")


def test_a_half_closed_client_gets_its_response(server):
    with Client(server.port) as client:
        client.begin("GET", "/wait")
        client.finish_sending()
        server.wait_for("^waiting$")
        server.signal(signal.SIGUSR1)
        assert client.response().body == b"/wait"
        assert client.rest() == b""


@LEAVING
def test_while_the_response_is_generated(server, leave):
    clients = [Client(server.port) for _ in range(2)]
    for client in clients:
        client.begin("GET", "/endless")
    for client in clients:
        # Both threads are at work.
        client.read(100_000)
    for client in clients:
        leave(client)
    server.wait_for("^closed 1 after")
    wait_until(lambda: server.log.count("closed 1 after") == 2, "both are closed")
    assert "closed 2" not in server.log


def test_the_next_piece_is_not_asked_for(server):
    client = Client(server.port)
    client.begin("GET", "/two")
    client.head()
    server.wait_for("^second$")
    client.reset()
    server.signal(signal.SIGUSR1)
    # The second piece was in the making; sending it shows that nobody is there.
    assert server.wait_for("^closed 1 after (.*)$")[1] == "2"


@LEAVING
def test_while_write_is_called(server, leave):
    client = Client(server.port)
    client.begin("GET", "/write")
    client.read(100_000)
    leave(client)
    server.wait_for("^write raised ClientDisconnected$")


@LEAVING
def test_whoever_ignores_it_finishes(server, leave):
    client = Client(server.port)
    client.begin("GET", "/write-on")
    client.read(100_000)
    leave(client)
    server.wait_for("^goes on$")


@LEAVING
def test_while_the_response_is_kept_in_a_file(server, leave):
    clients = [Client(server.port, receive_buffer=4096) for _ in range(5)]
    for client in clients:
        client.begin("GET", "/large")  # 50 MB
        client.head()
    wait_until(lambda: server.log.count("closed 1 after 500") == 5, "all of it is made")
    assert len(temporary_files(server.pid)) == 5
    for client in clients:
        leave(client)
    wait_until(lambda: not temporary_files(server.pid), "the files are gone")


@LEAVING
def test_while_the_thread_waits_for_it(serve, leave):
    server = serve(APP, "--threads", "1", "--response-spool", "0")
    with Client(server.port) as witness:
        assert witness.get("/before").status == 200
        client = Client(server.port, receive_buffer=4096)
        client.begin("GET", "/endless")
        client.head()
        leave(client)
        server.wait_for("^closed 1 after")
        assert witness.get("/after").status == 200
    assert "ERROR" not in server.log


def test_between_pipelined_requests(server):
    client = Client(server.port)
    client.begin("GET", "/wait")
    for number in range(5):
        client.begin("GET", f"/{number}")
    server.wait_for("^waiting$")
    client.reset()
    server.signal(signal.SIGUSR1)
    server.wait_for("^answered /wait$")


def test_half_closed_after_pipelined_requests(server):
    with Client(server.port) as client:
        for number in range(20):
            client.begin("GET", f"/{number}")
        client.begin("POST", "/read", "Content-Length: 5")
        client.send(b"hello")
        client.finish_sending()
        assert [client.response().body for _ in range(21)] == [b"/%d" % n for n in range(20)] + [b"/read"]
        assert client.rest() == b""


@LEAVING
def test_in_the_queue_of_the_listener(server, leave):
    for _ in range(200):
        leave(Client(server.port))


@LEAVING
def test_after_the_response(server, leave):
    for _ in range(50):
        client = Client(server.port)
        assert client.get("/").status == 200
        leave(client)


@LEAVING
def test_close_that_fails_when_the_client_has_gone(serve, leave):
    server = serve(APP, "--threads", "1")
    client = Client(server.port)
    client.begin("GET", "/failing")
    client.read(100_000)
    leave(client)
    server.wait_for("^closed 1 after")
    # That is an error of the application's, whoever listens.
    server.wait_for("RuntimeError: close\\(\\) fails, too")
    with Client(server.port) as other:
        assert other.get("/other").status == 200
