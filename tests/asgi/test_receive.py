"""`receive()`: the body as it comes, back-pressure, and the news that the client has gone."""

import asyncio
import select
import threading

import pytest

from support import Client
from support.asgi import Outbox, piece, read_body, respond, start


def test_no_body_is_one_empty_message(connect):
    async def app(scope, receive, send):
        await respond(send, repr(await receive()).encode())

    assert connect(app).get().body == b"{'type': 'http.request', 'body': b'', 'more_body': False}"


def test_a_body_that_came_with_the_head_is_one_message(connect):
    async def app(scope, receive, send):
        await respond(send, repr(await receive()).encode())

    body = connect(app).request("POST", "/", body=b"whole").body
    assert body == b"{'type': 'http.request', 'body': b'whole', 'more_body': False}"


@pytest.mark.parametrize("coding", ["Content-Length: 6", "Transfer-Encoding: chunked"])
def test_the_body_streams(connect, coding):
    """Each piece reaches the application before the next is sent: the client waits for its echo."""

    async def app(scope, receive, send):
        await start(send, headers=[(b"content-length", b"6")])
        while True:
            message = await receive()
            await piece(send, message["body"])
            if not message["more_body"]:
                break
        await send({"type": "http.response.body"})

    def framed(data):
        return data if "Length" in coding else b"%x\r\n%s\r\n" % (len(data), data)

    client = connect(app)
    client.begin("POST", "/", coding)
    for number in range(3):
        data = b"%d!" % number
        client.send(framed(data))
        if number == 0:
            client.head()
        assert client.read(2) == data
    if "chunked" in coding:
        client.send(b"0\r\n\r\n")
    assert client.request("POST", "/", body=b"again!").body == b"again!"


def test_a_body_byte_by_byte_is_whole(connect):
    async def app(scope, receive, send):
        await respond(send, await read_body(receive))

    client = connect(app)
    body = bytes(range(200))
    client.begin("POST", "/", "Content-Length: 200")
    for byte in body:
        client.send(bytes([byte]))
    assert client.response().body == body


def test_large_bodies_of_many_clients_are_not_mixed_up(serve_app):
    async def app(scope, receive, send):
        body = await read_body(receive)
        assert set(body) == {int(scope["path"][1:])}
        await respond(send, len(body))

    port = serve_app(app)
    sizes = {}

    def upload(number):
        with Client(port) as client:
            sizes[number] = client.request("POST", f"/{number}", body=bytes([number]) * 3_000_000).json()

    threads = [threading.Thread(target=upload, args=[number]) for number in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sizes == dict.fromkeys(range(1, 7), 3_000_000)


def test_an_application_that_does_not_receive_stops_the_client(serve_app):
    size = 64 * 1024 * 1024
    told = Outbox()

    async def app(scope, receive, send):
        if scope["path"] == "/go":
            go.set()
            return await respond(send)
        told.put("begun")
        await go.wait()
        total = 0
        while (message := await receive())["more_body"]:
            assert len(message["body"]) <= 1024 * 1024, "more was read ahead than back-pressure allows"
            total += len(message["body"])
        return await respond(send, total + len(message["body"]))

    go = asyncio.Event()
    port = serve_app(app)
    with Client(port) as client, Client(port) as other:
        client.begin("POST", "/", f"Content-Length: {size}")
        assert told.get() == "begun"
        client.socket.setblocking(False)
        piece_of_body = b"x" * 65536
        sent = 0
        # Not writable for so long: the kernel's buffers on both sides are full, and nobody empties them.
        while sent < size and select.select([], [client.socket], [], 0.3)[1]:
            sent += client.socket.send(piece_of_body[: size - sent])
        assert sent < size / 2
        client.socket.settimeout(30)
        assert other.get("/go").status == 200
        while sent < size:
            sent += client.socket.send(piece_of_body[: size - sent])
        assert client.response().json() == size


@pytest.mark.parametrize("leave", [Client.finish_sending, Client.close, Client.reset])
@pytest.mark.parametrize("streaming", [False, True])
def test_a_waiting_receive_learns_that_the_client_leaves(serve_app, leave, streaming):
    told = Outbox()

    async def app(scope, receive, send):
        await read_body(receive)
        if streaming:
            await start(send)
            await piece(send, b"begun")
        told.put("waits")
        told.put(await receive())
        told.put(await receive())

    client = Client(serve_app(app, log_level="error"))
    client.send(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nab")
    assert told.get() == "waits"
    leave(client)
    assert told.get() == {"type": "http.disconnect"}
    assert told.get() == {"type": "http.disconnect"}, "also the next time"
    client.close()


def test_a_half_closed_client_still_gets_its_answer(connect):
    async def app(scope, receive, send):
        await read_body(receive)
        assert (await receive())["type"] == "http.disconnect"
        await respond(send, b"still there")

    client = connect(app)
    client.begin("GET", "/")
    client.finish_sending()
    assert client.response().body == b"still there"
    assert client.rest() == b""


@pytest.mark.parametrize("leave", [Client.close, Client.reset])
def test_a_client_that_leaves_within_its_body(serve_app, leave):
    told = Outbox()

    async def app(scope, receive, send):
        message = await receive()
        told.put((message["body"], message["more_body"]))
        told.put(await receive())
        with pytest.raises(OSError, match="disconnected"):
            await start(send)
            await send({"type": "http.response.body"})
        told.put("end")

    client = Client(serve_app(app))
    client.begin("POST", "/", "Content-Length: 10")
    client.send(b"abc")
    assert told.get() == (b"abc", True)
    leave(client)
    assert told.get() == {"type": "http.disconnect"}
    assert told.get() == "end"


def test_what_arrived_before_the_reset_is_not_lost(serve_app):
    """The application sees the whole body first, then the disconnect."""
    told = Outbox()

    async def app(scope, receive, send):
        told.put("begun")
        await may_read.wait()
        told.put(await read_body(receive))
        told.put((await receive())["type"])

    may_read = asyncio.Event()

    async def outer(scope, receive, send):
        if scope["path"] == "/go":
            may_read.set()
            return await respond(send)
        return await app(scope, receive, send)

    port = serve_app(outer, log_level="error")
    client = Client(port)
    client.send(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody")
    assert told.get() == "begun"
    client.finish_sending()
    with Client(port) as other:
        other.get("/go")
    assert told.get() == b"body"
    assert told.get() == "http.disconnect"
    client.close()


def test_after_the_response_receive_says_disconnect(connect):
    told = Outbox()

    async def app(scope, receive, send):
        waiting = asyncio.ensure_future(receive_twice(receive))
        await asyncio.sleep(0)
        await respond(send)
        told.put(await waiting)
        told.put(await receive())

    async def receive_twice(receive):
        return [await receive(), await receive()]

    client = connect(app)
    assert client.get().status == 200
    assert [message["type"] for message in told.get()] == ["http.request", "http.disconnect"]
    assert told.get() == {"type": "http.disconnect"}
    assert client.get().status == 200, "it was the exchange that ended, not the connection"


def test_an_unread_body_does_not_spoil_the_next_request(connect):
    async def app(scope, receive, send):
        await respond(send, scope["path"].encode())

    client = connect(app)
    assert client.request("POST", "/1", body=b"GET /2 HTTP/1.1\r\nHost: x\r\n\r\n").body == b"/1"
    assert client.get("/3").body == b"/3"
