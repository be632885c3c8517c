"""Clients that leave: half, politely, or with a reset, at every moment; others must not notice."""

import socket

import pytest

from support import Client
from support.usage import open_files

APP = """
    import asyncio

    released = asyncio.Event()

    def say(*words):
        print(*words, flush=True)

    async def app(scope, receive, send):
        path = scope["path"]
        if path == "/wait":
            say("waiting")
            await released.wait()
        elif path == "/release":
            released.set()
        elif path == "/listen":
            # What long polling does: wait for something, or for the client to leave.
            say("listening")
            while (message := await receive())["type"] != "http.disconnect":
                say("received", len(message["body"]))
            say("saw http.disconnect")
            assert (await receive())["type"] == "http.disconnect", "it is given again and again"
        elif path == "/read":
            length, more = 0, True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    say("disconnected after", length)
                    break
                length += len(message["body"])
                more = message["more_body"]
                say("received", length)
        try:
            if path == "/stream":
                await send({"type": "http.response.start", "status": 200})
                say("streaming")
                while True:
                    await send({"type": "http.response.body", "body": b"x" * 1000, "more_body": True})
                    await asyncio.sleep(0)
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": path.encode()})
            say("answered", path)
        except OSError as error:
            say("send raised", type(error).__name__)
"""


def leave_by_fin(client: Client) -> None:
    client.close()


def leave_by_reset(client: Client) -> None:
    client.reset()


LEAVING = pytest.mark.parametrize("leave", [leave_by_fin, leave_by_reset])


@pytest.fixture
def server(serve):
    server = serve(APP, "--lifespan", "off")
    with Client(server.port) as witness:
        assert witness.get("/before").status == 200
        yield server
        # Whatever the test's client did, a connection from before and a new one are served, and nothing is noted.
        assert witness.get("/after").body == b"/after"
    with Client(server.port) as client:
        assert client.get("/new").body == b"/new"
    assert "ERROR" not in server.log
    assert "WARNING" not in server.log


def test_a_half_closed_client_gets_its_response(server):
    with Client(server.port) as client:
        client.begin("GET", "/wait")
        client.finish_sending()
        server.wait_for("waiting")
        with Client(server.port) as other:
            other.get("/release")
        assert client.response().body == b"/wait"
        assert client.rest() == b""


def test_a_half_closed_client_gets_all_its_pipelined_responses(server):
    with Client(server.port) as client:
        for number in range(20):
            client.begin("GET", f"/{number}")
        client.begin("POST", "/read", "Content-Length: 5")
        client.send(b"hello")
        client.finish_sending()
        assert [client.response().body for _ in range(21)] == [b"/%d" % n for n in range(20)] + [b"/read"]
        assert client.rest() == b""


def test_a_half_closed_client_is_news_for_an_application_that_listens(server):
    """It cannot be told from a client that is gone; an application that waits for the end must see it."""
    with Client(server.port) as client:
        client.begin("GET", "/listen")
        server.wait_for("received 0")
        client.finish_sending()
        server.wait_for("saw http.disconnect")
        assert client.response().body == b"/listen"


@LEAVING
def test_a_client_gone_while_the_application_listens(server, leave):
    client = Client(server.port)
    client.begin("POST", "/listen", "Content-Length: 5")
    client.send(b"hello")
    server.wait_for("received 5")
    leave(client)
    server.wait_for("saw http.disconnect")
    server.wait_for("answered|send raised")


@LEAVING
@pytest.mark.parametrize(
    "sent", [b"", b"G", b"GET / HTTP/1.1\r\nHost: te", b"GET / HTTP/1.1\r\nHost: test\r\n\r"]
)
def test_a_client_gone_in_its_head(server, leave, sent):
    before = open_files(server.pid)
    clients = [Client(server.port) for _ in range(50)]
    for client in clients:
        client.send(sent)
        leave(client)
    # All of them have been accepted and let go of when one that came later is answered and their descriptors are gone.
    with Client(server.port) as client:
        while open_files(server.pid) > before + 1:
            assert client.get("/").status == 200


@LEAVING
@pytest.mark.parametrize("framing", ["Content-Length: 10", "Transfer-Encoding: chunked"])
def test_a_client_gone_in_its_body(server, leave, framing):
    client = Client(server.port)
    client.begin("POST", "/read", framing)
    client.send(b"5\r\nab")
    server.wait_for(r"received [25]$")
    leave(client)
    server.wait_for("disconnected after [25]$")
    server.wait_for("send raised ClientDisconnected")


@LEAVING
def test_a_client_gone_in_its_response(server, leave):
    client = Client(server.port)
    client.begin("GET", "/stream")
    client.read(10_000)
    leave(client)
    server.wait_for("send raised ClientDisconnected")


def test_a_client_gone_before_its_response(server):
    client = Client(server.port)
    client.begin("GET", "/wait")
    server.wait_for("waiting")
    client.reset()
    with Client(server.port) as other:
        other.get("/release")
    server.wait_for("send raised ClientDisconnected")


def test_a_half_closed_body_is_an_early_end(server):
    """The client says that nothing follows, and can still read why that is wrong."""
    with Client(server.port) as client:
        client.begin("POST", "/read", "Content-Length: 10")
        client.send(b"12345")
        server.wait_for("received 5")
        client.finish_sending()
        assert client.response().status == 400
        assert client.rest() == b"", "a late answer of the application never arrives"
    server.wait_for("disconnected after 5")
    server.wait_for("send raised ClientDisconnected")


def test_clients_gone_in_the_queue_of_the_listener(server):
    for _ in range(200):
        client = socket.create_connection(("127.0.0.1", server.port))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        client.close()
