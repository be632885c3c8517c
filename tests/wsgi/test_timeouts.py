"""Timeouts: as for ASGI (tests/http1/test_timeouts.py), while no thread waits for anybody."""

import time

import pytest

from support import Client
from support.peers import only_yett
from support.server import PATIENCE_SECONDS
from support.usage import temporary_files
from support.wait import wait_until

pytestmark = only_yett

APP = """
    import os, threading

    go = threading.Event()

    def say(*words):
        os.write(1, (" ".join(map(str, words)) + "\\n").encode())

    def endless():
        try:
            while True:
                yield b"x" * 50_000
        finally:
            say("closed")

    def long():
        for _ in range(200):
            yield b"x" * 50_000
        say("generated")

    def app(environ, start_response):
        path = environ["PATH_INFO"]
        say("called", path)
        if path == "/late":
            go.wait()
        elif path == "/go":
            go.set()
        body = environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Type", "text/plain")])
        if path == "/endless":
            return endless()
        if path == "/long":
            return long()
        return [b"hello" + body]
"""


# Pauses that the server must put up with: together longer than the timeout, each far shorter, as whoever makes them may
# be held up.
TIMEOUT, PAUSE, PAUSES = "2s", 0.6, 4


@pytest.fixture
def start(serve):
    return lambda *options: serve(APP, "--threads", "2", *options)


def test_a_head_that_stops_is_answered_with_408(start):
    server = start("--head-timeout", "300ms")
    with Client(server.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHo")
        response = client.response()
        assert (response.status, response.header("connection")) == (408, "close")
        assert client.rest() == b""
    assert "called" not in server.log


def test_the_time_for_a_head_runs_from_its_first_byte(start):
    server = start("--head-timeout", "500ms")
    with Client(server.port) as client:
        began = time.monotonic()
        client.send(b"GET / HTTP/1.1\r\nx: ")
        client.socket.settimeout(0.02)
        while True:
            assert time.monotonic() - began < PATIENCE_SECONDS, "the server never lost its patience"
            client.send(b"a")
            try:
                client._more()
                break
            except TimeoutError:
                pass
        assert 0.3 < time.monotonic() - began < 5
        assert client.response().status == 408


def test_many_slow_heads_do_not_hold_up_others(start):
    server = start("--head-timeout", "1s")
    slow = [Client(server.port) for _ in range(300)]
    for client in slow:
        client.send(b"GET / HTTP/1.1\r\nHost: t")
    with Client(server.port) as client:
        for _ in range(20):
            assert client.get().body == b"hello"
    for client in slow:
        assert client.response().status == 408
        client.close()


def test_an_idle_connection_is_closed_after_the_keep_alive_timeout(start):
    server = start("--keep-alive-timeout", "2s")
    with Client(server.port) as fresh, Client(server.port) as used:
        assert used.get().status == 200
        assert fresh.rest() == b""
        assert used.rest() == b""


def test_a_connection_in_use_is_not_idle(start):
    server = start("--keep-alive-timeout", TIMEOUT)
    with Client(server.port) as client, Client(server.port) as late:
        assert late.get().status == 200
        late.begin("GET", "/late")
        for _ in range(PAUSES):
            client.stays_silent(PAUSE)
            assert client.get().status == 200
        assert client.get("/go").status == 200
        assert late.response().body == b"hello", "a slow application is no idle client"
        assert client.rest() == b""
        assert late.rest() == b""


@pytest.mark.parametrize("sent", [b"5\r\n123", b"%x\r\n" % 200_000 + b"x" * 100_000])
def test_a_body_that_stops_is_answered_with_408(start, sent):
    server = start("--body-timeout", "300ms")
    with Client(server.port) as client:
        client.begin("POST", "/", "Transfer-Encoding: chunked")
        client.send(sent)
        response = client.response()
        assert (response.status, response.header("connection")) == (408, "close")
        assert client.rest() == b""
    wait_until(lambda: not temporary_files(server.pid), "what was collected is gone")
    assert "called" not in server.log
    assert "ERROR" not in server.log


def test_many_bodies_that_stop_hold_no_thread(start):
    server = start("--body-timeout", "700ms")
    slow = [Client(server.port) for _ in range(100)]
    for client in slow:
        client.begin("POST", "/slow", "Content-Length: 10")
        client.send(b"12345")
    with Client(server.port) as client:
        for _ in range(20):
            assert client.get().body == b"hello"
    for client in slow:
        assert client.response().status == 408
        client.close()
    assert "called /slow" not in server.log


def test_a_body_that_trickles_is_waited_for(start):
    server = start("--body-timeout", TIMEOUT)
    with Client(server.port) as client:
        client.begin("POST", "/", f"Content-Length: {PAUSES}")
        for _ in range(PAUSES):
            client.stays_silent(PAUSE)
            client.send(b"x")
        assert client.response().body == b"hello" + b"x" * PAUSES


def test_a_client_that_takes_nothing_is_reset_after_the_write_timeout(start):
    """The response is complete, and in a file; no thread waits."""
    server = start("--write-timeout", "400ms")
    with Client(server.port, receive_buffer=4096) as client, Client(server.port) as other:
        assert other.get().status == 200
        client.begin("GET", "/long")
        server.wait_for("^generated$")
        wait_until(lambda: not temporary_files(server.pid), "the client is given up")
        with pytest.raises(ConnectionResetError):
            client.rest()
        assert other.get().status == 200
    assert "ERROR" not in server.log


def test_a_response_without_end_is_ended_with_its_client(start):
    server = start("--write-timeout", "400ms", "--response-spool", "5MiB")
    with Client(server.port, receive_buffer=4096) as client:
        client.begin("GET", "/endless")
        client.head()
        server.wait_for("^closed$")
        with pytest.raises(ConnectionResetError):
            client.rest()
    assert "ERROR" not in server.log


@pytest.mark.parametrize("spool", ["0", "5MiB", "1GiB"])
def test_a_client_that_reads_slowly_is_not(start, spool):
    """The kernel holds megabytes for it: the server must look at what it takes, not at what it can write itself."""
    server = start("--write-timeout", "2s", "--response-spool", spool)
    with Client(server.port, receive_buffer=16 * 1024) as client:
        client.begin("GET", "/long")
        client.head()
        began = time.monotonic()
        while time.monotonic() - began < 3:
            client.read(16 * 1024)
            time.sleep(0.2)
        if spool != "1GiB":
            assert "generated" not in server.log, "the thread waits for the client"
        last = b""
        while not last.endswith(b"\r\n0\r\n\r\n"):
            last = last[-10:] + client.socket.recv(65536)
        server.wait_for("^generated$")
