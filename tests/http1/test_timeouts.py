"""Slow clients: whoever keeps the server waiting is waited for so long and no longer."""

import time

import pytest

from support import Client
from support.server import PATIENCE_SECONDS

APP = """
    import asyncio

    go = asyncio.Event()

    async def app(scope, receive, send):
        path = scope["path"]
        if path == "/body":
            length, more = 0, True
            while more:
                message = await receive()
                print("received", message["type"], len(message.get("body", b"")), flush=True)
                if message["type"] == "http.disconnect":
                    try:
                        await send({"type": "http.response.start", "status": 200})
                        await send({"type": "http.response.body", "body": b"late"})
                    except OSError as error:
                        print("send raised", type(error).__name__, flush=True)
                    return
                length += len(message["body"])
                more = message["more_body"]
            body = str(length).encode()
        elif path == "/late":
            await go.wait()
            await receive()
            body = b"late"
        else:
            if path == "/go":
                go.set()
            body = b"hello"
        await send({"type": "http.response.start", "status": 200})
        if path == "/started":
            await send({"type": "http.response.body", "body": b"part", "more_body": True})
            while (await receive())["type"] != "http.disconnect":
                pass
            print("disconnected", flush=True)
            return
        if path == "/endless":
            sent = 0
            try:
                while True:
                    await send({"type": "http.response.body", "body": b"x" * 50_000, "more_body": True})
                    sent += 50_000
            except OSError as error:
                print("send raised", type(error).__name__, "after", sent, flush=True)
            return
        await send({"type": "http.response.body", "body": body})
"""


# Pauses that the server must put up with: together longer than the timeout, each far shorter, as whoever makes them may
# be held up.
TIMEOUT, PAUSE, PAUSES = "2s", 0.6, 4


def drip(client: Client, start: bytes, byte: bytes) -> float:
    """Send `start`, and `byte` again and again until the server says something; how long that took."""
    began = time.monotonic()
    client.send(start)
    client.socket.settimeout(0.02)
    while True:
        assert time.monotonic() - began < PATIENCE_SECONDS, "the server never lost its patience"
        client.send(byte)
        try:
            client._more()
        except TimeoutError:
            continue
        client.socket.settimeout(PATIENCE_SECONDS)
        return time.monotonic() - began


def test_a_head_that_stops_is_answered_with_408(serve):
    server = serve(APP, "--lifespan", "off", "--head-timeout", "300ms")
    with Client(server.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHo")
        response = client.response()
        assert (response.status, response.header("connection")) == (408, "close")
        assert client.rest() == b""


def test_the_time_for_a_head_runs_from_its_first_byte(serve):
    """Slowloris: one byte now and then must not extend it."""
    server = serve(APP, "--lifespan", "off", "--head-timeout", "500ms")
    with Client(server.port) as client:
        assert 0.3 < drip(client, b"GET / HTTP/1.1\r\nx: ", b"a") < 5
        assert client.response().status == 408


def test_the_time_for_a_second_head_runs_from_its_own_first_byte(serve):
    server = serve(APP, "--lifespan", "off", "--head-timeout", TIMEOUT)
    with Client(server.port) as client:
        for _ in range(PAUSES):
            client.send(b"GET / HTTP/1.1\r\n")
            client.stays_silent(PAUSE)
            client.send(b"Host: test\r\n\r\n")
            assert client.response().status == 200


def test_many_slow_heads_do_not_hold_up_others(serve):
    server = serve(APP, "--lifespan", "off", "--head-timeout", "700ms")
    slow = [Client(server.port) for _ in range(300)]
    for client in slow:
        client.send(b"GET / HTTP/1.1\r\nHost: t")
    with Client(server.port) as client:
        assert client.get().body == b"hello"
    for client in slow:
        assert client.response().status == 408
        client.close()


def test_an_idle_connection_is_closed_after_the_keep_alive_timeout(serve):
    server = serve(APP, "--lifespan", "off", "--keep-alive-timeout", "2s")
    with Client(server.port) as fresh, Client(server.port) as used:
        assert used.get().status == 200
        assert fresh.rest() == b""
        assert used.rest() == b""


def test_a_connection_in_use_is_not_idle(serve):
    server = serve(APP, "--lifespan", "off", "--keep-alive-timeout", TIMEOUT)
    with Client(server.port) as client, Client(server.port) as late:
        assert late.get().status == 200
        late.begin("GET", "/late")
        for _ in range(PAUSES):
            client.stays_silent(PAUSE)
            assert client.get().status == 200
        assert client.get("/go").status == 200
        assert late.response().body == b"late", "a slow application is no idle client"
        assert client.rest() == b""
        assert late.rest() == b""


def test_a_body_that_stops_is_answered_with_408(serve):
    server = serve(APP, "--lifespan", "off", "--body-timeout", "300ms")
    with Client(server.port) as client:
        client.begin("POST", "/body", "Content-Length: 10")
        client.send(b"12345")
        response = client.response()
        assert (response.status, response.header("connection")) == (408, "close")
        assert client.rest() == b"", "the answer that the application sends afterwards never arrives"
    server.wait_for("received http.disconnect")
    server.wait_for("send raised ClientDisconnected")
    assert "ERROR" not in server.log


def test_a_chunked_body_that_stops_is_answered_with_408(serve):
    server = serve(APP, "--lifespan", "off", "--body-timeout", "300ms")
    with Client(server.port) as client:
        client.begin("POST", "/body", "Transfer-Encoding: chunked")
        client.send(b"5\r\n123")
        assert client.response().status == 408
        assert client.rest() == b""


def test_a_body_that_trickles_is_waited_for(serve):
    """The timeout counts from one arrival to the next."""
    server = serve(APP, "--lifespan", "off", "--body-timeout", TIMEOUT)
    with Client(server.port) as client:
        client.begin("POST", "/body", f"Content-Length: {PAUSES}")
        for _ in range(PAUSES):
            client.stays_silent(PAUSE)
            client.send(b"x")
        assert client.response().body == b"%d" % PAUSES


def test_the_body_timeout_does_not_run_while_the_application_does_not_ask(serve):
    server = serve(APP, "--lifespan", "off", "--body-timeout", "1s")
    with Client(server.port) as client, Client(server.port) as other:
        client.begin("POST", "/late", "Content-Length: 4")
        client.stays_silent(1.5)
        # When the application asks at last, the client has sent.
        client.send(b"body")
        assert other.get("/go").status == 200
        assert client.response().body == b"late"


def test_a_body_that_stops_after_the_response_has_started_cuts_the_connection(serve):
    server = serve(APP, "--lifespan", "off", "--body-timeout", "300ms")
    with Client(server.port) as client:
        client.begin("POST", "/started", "Content-Length: 10")
        client.send(b"12345")
        with pytest.raises(EOFError):
            client.response()
    server.wait_for("disconnected")


def test_a_client_that_does_not_read_is_reset_after_the_write_timeout(serve):
    server = serve(APP, "--lifespan", "off", "--write-timeout", "300ms")
    with Client(server.port, receive_buffer=4096) as client:
        client.begin("GET", "/endless")
        server.wait_for("send raised ClientDisconnected after")
        with pytest.raises(ConnectionResetError):
            client.rest()
    assert "ERROR" not in server.log


def test_a_client_that_reads_slowly_is_not(serve):
    """The kernel holds megabytes for it: the server must look at what it takes, not at what it can write itself."""
    server = serve(APP, "--lifespan", "off", "--write-timeout", "2s")
    with Client(server.port, receive_buffer=16 * 1024) as client:
        client.begin("GET", "/endless")
        began = time.monotonic()
        while time.monotonic() - began < 3:
            client.read(16 * 1024)
            time.sleep(0.2)
        assert "send raised" not in server.log
