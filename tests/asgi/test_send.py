"""`send()`: streaming, back-pressure, and a client that has gone."""

import asyncio
import threading

import pytest

import yett
from support import Client
from support.asgi import Outbox, piece, read_body, respond, start

CHUNK = b"x" * 65536


def test_the_response_streams(serve_app):
    """A piece is on the wire when `send()` returns: the client reads it before it allows the next."""

    async def app(scope, receive, send):
        if scope["path"] == "/go":
            go.set()
            return await respond(send)
        await start(send)
        for number in range(3):
            await piece(send, b"piece %d" % number)
            await go.wait()
            go.clear()
        return await send({"type": "http.response.body"})

    go = asyncio.Event()
    port = serve_app(app)
    with Client(port) as client, Client(port) as other:
        client.begin("GET", "/")
        client.head()
        for number in range(3):
            assert client.read(12) == b"7\r\npiece %d\r\n" % number
            assert other.get("/go").status == 200
        assert client.read(5) == b"0\r\n\r\n"


def test_the_head_waits_for_the_first_piece(connect):
    """So that a body in one piece gets its Content-Length."""

    async def app(scope, receive, send):
        await start(send, 201, [(b"x-one", b"1")])
        await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"whole"})

    response = connect(app).get()
    assert (response.status, response.body) == (201, b"whole")
    assert (response.header("content-length"), response.header("transfer-encoding")) == ("5", None)
    assert response.header("x-one") == "1"


def test_an_empty_first_piece_sends_the_head(connect):
    told = Outbox()

    async def app(scope, receive, send):
        await start(send)
        await piece(send)
        told.put((await receive())["type"])
        await receive()

    client = connect(app, log_level="error")
    client.begin("GET", "/")
    assert " 200 " in client.head()
    assert told.get() == "http.request"


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview, type("Sub", (bytes,), {})])
@pytest.mark.parametrize("size", [0, 3, 200_000])
def test_kinds_of_bytes(connect, make, size):
    async def app(scope, receive, send):
        await start(send)
        await send({"type": "http.response.body", "body": make(b"y" * size)})

    assert connect(app).get().body == b"y" * size


def test_a_bytearray_may_be_reused_at_once(connect):
    async def app(scope, receive, send):
        await start(send)
        buffer = bytearray(100_000)
        for letter in b"abc":
            buffer[:] = bytes([letter]) * len(buffer)
            await piece(send, buffer)
            buffer[:] = bytes(len(buffer))
        await send({"type": "http.response.body"})

    assert connect(app).get().body == b"a" * 100_000 + b"b" * 100_000 + b"c" * 100_000


def test_headers_may_be_any_iterable_of_pairs(connect):
    async def app(scope, receive, send):
        headers = ([name, b"1"] if name == b"x-a" else (name, b"2") for name in (b"x-a", b"x-b"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body"})

    response = connect(app).get()
    assert (response.header("x-a"), response.header("x-b")) == ("1", "2")


def test_headers_keep_order_and_repetition(connect):
    async def app(scope, receive, send):
        await start(send, headers=[(b"set-cookie", b"a=1"), (b"x-one", b"\xe9"), (b"set-cookie", b"b=2")])
        await send({"type": "http.response.body"})

    fields = connect(app).get().fields
    assert [field for field in fields if field[0] in ("set-cookie", "x-one")] == [
        ("set-cookie", "a=1"),
        ("x-one", "\xe9"),
        ("set-cookie", "b=2"),
    ]


def test_send_waits_for_a_client_that_does_not_read(serve_app):
    """And goes on when it reads; nothing is lost."""
    total = 1024
    told = Outbox()

    async def app(scope, receive, send):
        await start(send)
        stalled = False
        for number in range(total):
            sending = asyncio.ensure_future(piece(send, number.to_bytes(2, "big") * 32768))
            # So long nothing happens only if the client does not read.
            if not stalled and not (await asyncio.wait([sending], timeout=0.5))[0]:
                stalled = True
                told.put(number)
            await sending
        await send({"type": "http.response.body"})

    with Client(serve_app(app), receive_buffer=65536) as client:
        client.begin("GET", "/")
        stalled_at = told.get()
        assert 0 < stalled_at < total / 2
        body = client.response().body
    assert body == b"".join(number.to_bytes(2, "big") * 32768 for number in range(total))


def test_other_clients_are_served_meanwhile(serve_app):
    told = Outbox()

    async def app(scope, receive, send):
        if scope["path"] == "/quick":
            return await respond(send, b"quick")
        await start(send)
        with pytest.raises(yett.ClientDisconnected):
            while True:
                sending = asyncio.ensure_future(piece(send, CHUNK))
                if not (await asyncio.wait([sending], timeout=0.2))[0]:
                    told.put("stalled")
                await sending
        return told.put("gone")

    port = serve_app(app)
    with Client(port, receive_buffer=65536) as slow, Client(port) as other:
        slow.begin("GET", "/slow")
        assert told.get() == "stalled"
        assert other.get("/quick").body == b"quick"
    while (word := told.get()) != "gone":
        assert word == "stalled"


@pytest.mark.parametrize("leave", [Client.close, Client.reset])
def test_a_waiting_send_learns_that_the_client_has_gone(serve_app, leave):
    told = Outbox()

    async def app(scope, receive, send):
        await read_body(receive)
        await start(send)
        try:
            while True:
                sending = asyncio.ensure_future(piece(send, CHUNK))
                if not (await asyncio.wait([sending], timeout=0.2))[0]:
                    told.put("stalled")
                await sending
        except OSError as error:
            told.put(error)
        told.put(await receive())

    client = Client(serve_app(app), receive_buffer=65536)
    client.begin("GET", "/")
    assert told.get() == "stalled"
    leave(client)
    while (error := told.get()) == "stalled":
        pass
    assert type(error) is yett.ClientDisconnected
    assert isinstance(error, ConnectionError)
    assert str(error) == "the client has disconnected"
    assert told.get() == {"type": "http.disconnect"}


@pytest.mark.parametrize("shape", ["raises", "chained", "in a task group", "before start"])
def test_a_client_that_has_gone_makes_no_noise(serve_app, capfd, shape):
    """What `send()` raises then is nobody's mistake: nothing is logged, not even where a framework wraps it."""
    done = Outbox()

    async def stream(receive, send):
        if shape != "before start":
            await start(send)
            await piece(send)
        await read_body(receive)
        assert (await receive())["type"] == "http.disconnect"
        if shape == "before start":
            # A client that closes both ways at once cannot be told from one that only sends FIN, until we write.
            await start(send)
        while True:
            await piece(send, CHUNK)
            await asyncio.sleep(0)

    async def app(scope, receive, send):
        try:
            if shape == "in a task group":
                async with asyncio.TaskGroup() as group:
                    group.create_task(stream(receive, send))
            elif shape == "chained":
                try:
                    await stream(receive, send)
                except OSError as error:
                    raise RuntimeError("a framework's own") from error
            else:
                await stream(receive, send)
        finally:
            asyncio.get_running_loop().call_later(0.05, done.put, "done")

    port = serve_app(app, log_level="info")
    client = Client(port)
    client.begin("GET", "/")
    if shape != "before start":
        client.head()
    client.reset()
    assert done.get() == "done"
    yett._core.flush_logs()
    output = capfd.readouterr()
    assert (output.out, output.err) == ("", "")


def test_an_exception_of_its_own_after_the_client_has_gone_is_logged(serve_app, capfd):
    done = Outbox()

    async def app(scope, receive, send):
        await read_body(receive)
        assert (await receive())["type"] == "http.disconnect"
        asyncio.get_running_loop().call_later(0.05, done.put, "done")
        raise LookupError("while cleaning up")

    client = Client(serve_app(app))
    client.begin("GET", "/cleanup")
    client.reset()
    assert done.get() == "done"
    yett._core.flush_logs()
    errors = capfd.readouterr().err
    assert errors.count("LookupError: while cleaning up") == 1
    assert "GET /cleanup" in errors


def test_the_next_request_is_answered_while_the_last_goes_on(connect):
    """The exchange ends with its response; the application's task may take longer."""
    told = Outbox()

    async def app(scope, receive, send):
        await respond(send, scope["path"].encode())
        if scope["path"] == "/long":
            await proceed.wait()
            told.put("long has ended")
        else:
            proceed.set()

    proceed = asyncio.Event()
    client = connect(app)
    assert client.get("/long").body == b"/long"
    assert client.get("/next").body == b"/next"
    assert told.get() == "long has ended"


def test_concurrent_downloads_are_not_mixed_up(serve_app):
    async def app(scope, receive, send):
        letter = scope["path"][1:].encode()
        await start(send)
        for size in (1, 100, 5000, 70_000, 300_000) * 4:
            await piece(send, letter * size)
        await send({"type": "http.response.body"})

    port = serve_app(app)
    bodies = {}

    def download(letter):
        with Client(port) as client:
            bodies[letter] = client.get(f"/{letter}").body

    threads = [threading.Thread(target=download, args=[letter]) for letter in "abcdef"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bodies == {letter: letter.encode() * 4 * 375_101 for letter in "abcdef"}
