"""Limits: each by its option, each with its status, and the client can always read why."""

import pytest

from support import Client

APP = """
    async def app(scope, receive, send):
        print("called", scope["path"], flush=True)
        length, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                print("disconnected", flush=True)
                break
            length += len(message["body"])
            more = message["more_body"]
        try:
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": str(length).encode()})
        except OSError:
            print("send raised", flush=True)
"""


def post(framing: str, path: str = "/") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: test\r\n{framing}\r\n\r\n".encode()


def chunk(length: int) -> bytes:
    return b"%x\r\n" % length + b"x" * length + b"\r\n"


CHUNKED = post("Transfer-Encoding: chunked")

GET = b"GET / HTTP/1.1\r\nHost: test\r\n"

# option, its value, and what to send for a size that is just within the limit, or one above it
LIMITS = {
    "request-line": (
        256,
        414,
        lambda size: b"GET /".ljust(size - 9, b"a") + b" HTTP/1.1\r\nHost: test\r\n\r\n",
    ),
    "field": (256, 431, lambda size: GET + b"x: ".ljust(size, b"a") + b"\r\n\r\n"),
    "head": (
        1024,
        431,
        lambda size: (GET + b"x: 1234\r\n" * 90 + b"y: ").ljust(size - 4, b"a") + b"\r\n\r\n",
    ),
    "fields": (5, 431, lambda size: GET + b"x: 1\r\n" * (size - 1) + b"\r\n"),
    "body": (100, 413, lambda size: post(f"Content-Length: {size}") + b"x" * size),
    "chunk-line": (64, 400, lambda size: CHUNKED + b"5;name=".ljust(size, b"a") + b"\r\nhello\r\n0\r\n\r\n"),
    "trailers": (256, 431, lambda size: CHUNKED + b"0\r\n" + b"x: ".ljust(size, b"a") + b"\r\n\r\n"),
}


@pytest.mark.parametrize("option", LIMITS)
def test_each_limit_has_its_option_and_its_status(serve, option):
    value, status, request = LIMITS[option]
    server = serve(APP, "--lifespan", "off", f"--limit-{option}", str(value))
    with Client(server.port) as client:
        client.send(request(value))
        assert client.response().status == 200, "just within the limit"
        server.wait_for("called /")
        client.send(request(value + 1))
        response = client.response()
        assert (response.status, response.header("connection")) == (status, "close"), "just above it"
        assert client.rest() == b""
    assert server.log.count("called") == 1


@pytest.mark.parametrize(
    "sent", [b"GET /" + b"a" * 100_000, b"GET / HTTP/1.1\r\nx: " + b"a" * 100_000, b"\x00" * 10]
)
def test_a_limit_is_noticed_before_the_line_is_complete(serve, sent):
    server = serve(APP, "--lifespan", "off")
    with Client(server.port) as client:
        client.send(sent)
        assert client.response().status in (400, 414, 431)
        assert client.rest() == b""


def test_a_length_above_the_limit_is_refused_before_the_body(serve):
    server = serve(APP, "--lifespan", "off", "--limit-body", "1MiB")
    with Client(server.port) as client:
        client.send(post("Content-Length: 1048577"))
        assert client.response().status == 413
        assert client.rest() == b""
    assert "called" not in server.log


def test_chunks_above_the_limit_are_refused_when_they_come(serve):
    server = serve(APP, "--lifespan", "off", "--limit-body", "100000")
    with Client(server.port) as client:
        client.send(CHUNKED + chunk(50_000))
        server.wait_for("called /")
        client.send(chunk(50_001))
        response = client.response()
        assert (response.status, response.header("connection")) == (413, "close")
        assert client.rest() == b"", "the answer that the application sends afterwards never arrives"
    server.wait_for("disconnected")
    server.wait_for("send raised")


@pytest.mark.parametrize("limit", [10, 100_000])
def test_a_client_that_is_still_sending_reads_the_whole_refusal(serve, limit):
    """Closing a socket with unread bytes would send a reset, which may overtake and destroy the response."""
    server = serve(APP, "--lifespan", "off", "--limit-body", str(limit))
    for _ in range(20):
        with Client(server.port) as client:
            client.send(post("Content-Length: 3000000"))
            client.send(b"x" * 3_000_000)  # fails if the server has reset the connection
            assert client.response().status == 413
            assert client.rest() == b""


def test_a_client_that_is_still_sending_reads_the_whole_response(serve):
    """The same for an application that answers without reading, and says close."""
    server = serve(
        """
        async def app(scope, receive, send):
            headers = [(b"connection", b"close"), (b"content-length", b"1000000")]
            await send({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": b"y" * 1_000_000})
        """,
        "--lifespan", "off",
    )  # fmt: skip
    for framing in ("Content-Length: 3000000", "Transfer-Encoding: chunked"):
        with Client(server.port) as client:
            client.send(post(framing))
            for _ in range(3):
                client.send(chunk(1_000_000) if framing.endswith("chunked") else b"x" * 1_000_000)
            response = client.response()
            assert (response.status, response.body) == (401, b"y" * 1_000_000)
            assert client.rest() == b""


def test_lingering_ends_with_a_client_that_never_stops(serve):
    server = serve(APP, "--lifespan", "off", "--limit-body", "10")
    with Client(server.port) as client:
        client.send(post("Content-Length: 1000000000"))
        with pytest.raises(ConnectionError):
            for _ in range(1000):
                client.send(b"x" * 1_000_000)
