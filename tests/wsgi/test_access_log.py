"""The access log where several threads write it: it holds nobody up, and tells what became of each request."""

import os
import re
import time

import pytest

from support import Client
from support.peers import only_yett
from support.wait import wait_until

pytestmark = only_yett

LINE = re.compile(r'127\.0\.0\.1 - - \[[^]]+\] "([^"]*)" (\d{3}) (\d+) \d+\.\d{6}')


def lines(server) -> list[tuple[str, int]]:
    """Request and status of each line of the file."""
    text = (server.folder / "log").read_text()
    found = [LINE.fullmatch(line) for line in text.splitlines()]
    assert all(found), text
    return [(match[1], int(match[2])) for match in found]


def wait_for_lines(server, *expected: tuple[str, int]) -> None:
    wait_until(lambda: len(lines(server)) >= len(expected), f"{len(expected)} lines in the log")
    assert sorted(lines(server)) == sorted(expected)


# ---- a reader that does not read ----

# The server's standard output becomes a pipe that is full.
FULL = """
    import fcntl, os, threading

    READER, WRITER = os.pipe()
    fcntl.fcntl(WRITER, fcntl.F_SETPIPE_SZ, 4096)
    os.dup2(WRITER, 1)
    os.close(WRITER)
    os.write(1, b"x" * 4096)
    read = bytearray()

    def reading():
        while True:
            read.extend(os.read(READER, 65536))

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/read":
            threading.Thread(target=reading, daemon=True).start()
        start_response("200 OK", [])
        return [b"%d" % read.count(environ["QUERY_STRING"].encode() or b"/")]
"""


@pytest.fixture
def unread(serve):
    return serve(FULL, "--access-log", "-", "--threads", "4", "--graceful-timeout", "1s")


def test_nobody_waits_for_who_reads_the_log(unread):
    clients = [Client(unread.port) for _ in range(10)]
    for number in range(500):
        # More than a kibibyte for each line: whatever is collected would be full in between.
        assert clients[number % 10].get(f"/{number}/{'long' * 300}").status == 200
    for client in clients:
        client.begin("GET", "/at-once")
    for client in clients:
        assert client.response().status == 200
        client.close()


def test_there_are_lines_again_when_it_is_read_again(unread):
    with Client(unread.port) as client:
        for number in range(200):
            assert client.get(f"/{number}/{'long' * 300}").status == 200
        assert client.get("/read").status == 200
        # Some may be lost; those after them are not, for ever.
        wait_until(lambda: client.get("/later?/later").body != b"0", "lines come again")


def test_the_end_does_not_wait_for_who_reads_the_log(unread):
    with Client(unread.port) as client:
        for number in range(100):
            assert client.get(f"/{number}/{'long' * 300}").status == 200
    assert unread.stop() == 0


# ---- what became of a request ----

GATED = """
    import os, threading

    def say(*words):
        os.write(2, (" ".join(map(str, words)) + "\\n").encode())

    def app(environ, start_response):
        path, body = environ["PATH_INFO"], environ["wsgi.input"]
        try:
            if path == "/gate":
                say("waiting")
                with open("gate"):  # a FIFO: until somebody opens it for writing
                    pass
            if path == "/outlast":
                this, waited_for = threading.current_thread(), threading.Event()

                def join(timeout):
                    if timeout > 0:
                        waited_for.set()
                    threading.Thread.join(this, timeout)

                this.join = join
                say("waiting")
                waited_for.wait()
                say("ends")
            if path == "/begin":
                start_response("200 OK", [])(b"begun")
                body.read()
            if path in ("/read", "/ignore"):
                say("reading")
                body.read()
        except OSError as error:
            say("read raised", type(error).__name__)
            if path != "/ignore":
                raise
        if path != "/begin":
            start_response("200 OK", [])
        return [b"answered"]
"""


def test_a_request_that_ends_after_the_graceful_timeout_has_its_line(serve):
    server = serve(GATED, "--access-log", "log", "--threads", "2", "--graceful-timeout", "1s")
    with Client(server.port) as client:
        client.begin("GET", "/outlast")
        server.wait_for("^waiting$")
        began = time.monotonic()
        server.process.terminate()
        # When the timeout is over the server waits for its threads, which may say their last words.
        assert server.wait() == 0
        assert time.monotonic() - began > 1
    server.wait_for("^ends$")
    [(request, status)] = lines(server)
    assert request == "GET /outlast HTTP/1.1"
    # Whether it still was answered is another question.
    assert status in (200, 499)


def test_so_has_one_that_ends_before(serve, tmp_path):
    os.mkfifo(tmp_path / "gate")
    server = serve(GATED, "--access-log", "log", "--threads", "1")
    with Client(server.port) as client:
        client.begin("GET", "/gate")
        server.wait_for("^waiting$")
        server.process.terminate()
        with open(tmp_path / "gate", "w"):
            pass
        assert client.response().body == b"answered"
        assert server.wait() == 0
    assert lines(server) == [("GET /gate HTTP/1.1", 200)]


@pytest.mark.parametrize("path", ["/read", "/ignore"])
@pytest.mark.parametrize(
    ("sent", "status"), [(b"nonsense\r\n", 400), (b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", 413)]
)
def test_a_body_that_is_refused_while_the_application_runs(serve, path, sent, status):
    """What the client was told is what the log says, whatever the application makes of it."""
    server = serve(GATED, "--access-log", "log", "--no-request-buffering", "--limit-body", "10")
    with Client(server.port) as client:
        client.begin("POST", path, "Transfer-Encoding: chunked")
        server.wait_for("^reading$")
        client.send(sent)
        assert client.response().status == status
        assert client.rest() == b""
    wait_for_lines(server, (f"POST {path} HTTP/1.1", status))


@pytest.mark.parametrize("path", ["/read", "/ignore"])
def test_a_body_that_stops_coming_while_the_application_runs(serve, path):
    server = serve(GATED, "--access-log", "log", "--no-request-buffering", "--body-timeout", "300ms")
    with Client(server.port) as client:
        client.begin("POST", path, "Content-Length: 5")
        assert client.response().status == 408
    wait_for_lines(server, (f"POST {path} HTTP/1.1", 408))


def test_a_refusal_after_the_response_has_begun_does_not_change_its_status(serve):
    server = serve(GATED, "--access-log", "log", "--no-request-buffering")
    with Client(server.port) as client:
        client.begin("POST", "/begin", "Transfer-Encoding: chunked")
        client.head()
        client.send(b"nonsense\r\n")
        with pytest.raises((EOFError, ConnectionResetError)):
            client.read(1000)
    wait_for_lines(server, ("POST /begin HTTP/1.1", 200))
