"""Several requests on their way at once: responses in order, and nothing lost or repeated."""

import pytest

from support import Client
from support.usage import forget_peak, peak_resident_kib

ASGI = """
    import asyncio

    released = asyncio.Event()
    began = 0

    async def app(scope, receive, send):
        global began
        path = scope["path"]
        began += 1
        if path == "/slow":
            print("slow", flush=True)
            await released.wait()
        elif path == "/release":
            released.set()
        elif path == "/began":
            path = str(began)
        elif path == "/unread":
            pass
        elif path == "/fail":
            raise RuntimeError("as asked")
        else:
            body, more = b"", True
            while more:
                message = await receive()
                body += message["body"]
                more = message["more_body"]
            path += "?" + body.decode()
        headers = [(b"connection", b"close")] if path.startswith("/close") else []
        body = b"x" * 100_000 if path.startswith("/large") else path.encode()
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
"""
WSGI = """
    import threading

    released = threading.Event()
    lock = threading.Lock()
    began = 0

    def app(environ, start_response):
        global began
        path = environ["PATH_INFO"]
        with lock:
            began += 1
        if path == "/slow":
            print("slow", flush=True)
            released.wait()
        elif path == "/release":
            released.set()
        elif path == "/began":
            path = str(began)
        elif path == "/unread":
            pass
        elif path == "/fail":
            raise RuntimeError("as asked")
        else:
            path += "?" + environ["wsgi.input"].read().decode()
        headers = [("Connection", "close")] if path.startswith("/close") else []
        start_response("200 OK", headers)
        return [b"x" * 100_000 if path.startswith("/large") else path.encode()]
"""
KINDS = {
    "asgi": (ASGI, "--lifespan", "off"),
    "wsgi": (WSGI, "--threads", "2"),
    "wsgi streaming": (WSGI, "--threads", "2", "--no-request-buffering"),
}


@pytest.fixture(params=KINDS)
def server(serve, request):
    return serve(*KINDS[request.param])


@pytest.fixture
def client(server):
    with Client(server.port) as client:
        yield client


def gets(*paths: str) -> bytes:
    return b"".join(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode() for path in paths)


def test_responses_come_in_order(client):
    paths = [f"/{number}" for number in range(200)]
    client.send(gets(*paths))
    assert [client.response().body.decode() for _ in paths] == [path + "?" for path in paths]


def test_bodies_in_between_are_not_taken_for_requests(client):
    post = b"POST /a HTTP/1.1\r\nHost: test\r\nContent-Length: 33\r\n\r\n" + gets("/smuggled").ljust(33)[:33]
    chunked = b"POST /b HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    client.send(post + chunked + gets("/c"))
    assert [client.response().body[:6] for _ in range(3)] == [b"/a?GET", b"/b?abc", b"/c?"]
    client.finish_sending()
    assert client.rest() == b""


def test_a_slow_first_response_holds_up_the_later_ones(server, client):
    client.send(gets("/slow", "/after"))
    server.wait_for("^slow$")
    with Client(server.port) as other:
        # What waits behind a slow request has not begun, and other connections go on.
        assert other.get("/began").body == b"2"
        assert other.get("/release").status == 200
    assert [client.response().body for _ in range(2)] == [b"/slow", b"/after?"]


def test_close_in_the_middle_ends_the_pipeline(server, client):
    client.send(gets("/a", "/close", "/never", "/never"))
    assert [client.response().body for _ in range(2)] == [b"/a?", b"/close?"]
    assert client.rest() == b""
    with Client(server.port) as other:
        assert other.get("/began").body == b"3"


def test_a_malformed_request_in_the_middle_ends_the_pipeline(client):
    client.send(gets("/a") + b"GET / HTTP/1.1\nHost: test\r\n\r\n" + gets("/never"))
    assert client.response().body == b"/a?"
    refusal = client.response()
    assert (refusal.status, refusal.header("connection")) == (400, "close")
    assert client.rest() == b""


def test_a_failure_in_the_middle_does_not(client):
    client.send(gets("/a", "/fail", "/b"))
    assert [client.response().status for _ in range(3)] == [200, 500, 200]


def test_an_unread_body_is_skipped(client):
    for length in (10, 200_000):
        client.send(
            b"POST /unread HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % length + b"x" * length
        )
        client.send(gets("/next"))
        assert [client.response().body for _ in range(2)] == [b"/unread", b"/next?"]


def test_read_ahead_is_bounded_while_a_response_is_slow(server, client):
    """Requests that wait behind a slow one stay in the client's network buffers, not in the server's memory."""
    client.send(gets("/slow"))
    server.wait_for("^slow$")
    with Client(server.port) as other:
        assert other.get("/began").body == b"2"
        forget_peak(server.pid)
        before = peak_resident_kib(server.pid)
        request = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000
        client.socket.settimeout(0.3)
        sent = 0
        with pytest.raises(TimeoutError):
            for _ in range(100):
                client.send(request)
                sent += 1
        assert sent < 100
        assert other.get("/release").status == 200
        assert peak_resident_kib(server.pid) - before < 8 * 1024


def test_responses_to_a_client_that_does_not_read_are_bounded(server):
    """10,000 pipelined requests for 100 kB each: they are begun as far as responses are taken."""
    with Client(server.port, receive_buffer=4096) as client:
        client.socket.settimeout(0.3)
        forget_peak(server.pid)
        before = peak_resident_kib(server.pid)
        with pytest.raises(TimeoutError):
            for _ in range(100_000):
                client.send(gets("/large") * 100)
        with Client(server.port) as other:
            assert int(other.get("/began").body) < 2000
        assert peak_resident_kib(server.pid) - before < 16 * 1024
