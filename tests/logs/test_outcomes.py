"""Every request has one line, whatever becomes of it."""

import pytest

from support import Client
from support.logs import Lines

JSON = ("--access-log-format", "json")


def outcome(line):
    return line["outcome"], line["status"], line.get("reason", "")


def test_answered_failed_and_cut(start, get):
    server = start(*JSON)
    lines = Lines(server)
    get(server, "/")
    assert outcome(lines.object()) == ("answered", 200, "")
    response = get(server, "/fail")
    line = lines.object()
    assert outcome(line) == ("failed", 500, "")
    assert line["body_bytes"] == len(response.body) > 0
    with pytest.raises(EOFError):
        get(server, "/broken")
    line = lines.object()
    assert outcome(line) == ("failed", 200, "")
    assert line["body_bytes"] == 5
    lines.nothing_more(server)


@pytest.mark.parametrize(
    ("sent", "status", "reason"),
    [
        (b"BAD\r\n\r\n", 400, "The request line is malformed."),
        (b"GET / HTTP/3.0\r\n\r\n", 505, "The only versions supported are HTTP/1.0 and HTTP/1.1."),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
            413,
            "The request body is too large.",
        ),
    ],
)
def test_rejected_by_the_parser(start, sent, status, reason):
    server = start(*JSON)
    lines = Lines(server)
    with Client(server.port) as client:
        client.send(sent)
        assert client.response().status == status
    line = lines.object()
    assert outcome(line)[:2] == ("rejected", status)
    assert line["reason"] == reason or status == 400
    assert line["reason"].endswith(".")
    assert "method" not in line
    lines.nothing_more(server)


def test_a_body_that_is_malformed_or_too_large(start):
    server = start(*JSON, "--limit-body", "10")
    lines = Lines(server)
    for body, status in [(b"nonsense\r\n", 400), (b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", 413)]:
        with Client(server.port) as client:
            client.begin("POST", "/read", "Transfer-Encoding: chunked")
            client.send(b"1\r\na\r\n")
            client.send(body)
            assert client.response().status == status
        assert outcome(lines.object())[:2] == ("rejected", status)
    lines.nothing_more(server)


def test_timed_out(start):
    server = start(*JSON, "--head-timeout", "200ms", "--body-timeout", "200ms")
    lines = Lines(server)
    with Client(server.port) as client:
        client.send(b"GET / HT")
        assert client.response().status == 408
    line = lines.object()
    assert outcome(line) == ("timed-out", 408, "The request head did not arrive in time.")
    assert line["bytes_in"] == 8
    with Client(server.port) as client:
        client.begin("POST", "/read", "Content-Length: 5")
        assert client.response().status == 408
    line = lines.object()
    assert outcome(line) == ("timed-out", 408, "The request body did not arrive in time.")
    assert line["path"] == "/read"
    lines.nothing_more(server)


def test_a_client_that_does_not_take_its_response(start, interface):
    """Whether the application waits for it, or the response is complete and waits alone."""
    server = start(*JSON, "--write-timeout", "500ms", "--response-spool", "100MiB")
    lines = Lines(server)
    with Client(server.port, receive_buffer=4096) as client:
        client.begin("GET", "/large")
        line = lines.object()
    assert outcome(line) == ("timed-out", 200, "The client did not take the response in time.")
    lines.nothing_more(server)


def test_a_client_that_leaves(start, interface):
    server = start(*JSON)
    lines = Lines(server)
    with Client(server.port, receive_buffer=4096) as client:
        client.begin("GET", "/large")
        assert client.head()
        client.reset()
    assert outcome(lines.object()) == ("client-gone", 200, "")
    with Client(server.port) as client:
        client.begin("POST", "/read", "Content-Length: 5")
        client.reset()
    assert outcome(lines.object())[:2] == ("client-gone", 499)
    if interface == "asgi":
        with Client(server.port) as client:
            client.begin("GET", "/wait")
            server.wait_for("waiting")
            client.reset()
        assert outcome(lines.object()) == ("client-gone", 499, "")
    lines.nothing_more(server)


def test_a_large_response_is_answered_when_it_is_taken(start):
    server = start(*JSON)
    lines = Lines(server)
    with Client(server.port) as client:
        assert len(client.get("/large").body) >= 40_000_000
        client.get("/")
    line = lines.object()
    assert outcome(line) == ("answered", 200, "")
    assert line["bytes_out"] > line["body_bytes"] >= 40_000_000
    assert lines.object()["path"] == "/"
    lines.nothing_more(server)


def test_a_pipeline_has_a_line_for_each(start):
    server = start(*JSON)
    lines = Lines(server)
    with Client(server.port) as client:
        client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(40)))
        for _ in range(40):
            client.response()
    seen = [lines.object() for _ in range(40)]
    assert [line["path"] for line in seen] == [f"/{number}" for number in range(40)]
    assert {line["bytes_in"] for line in seen[:10]} == {len(b"GET /0 HTTP/1.1\r\nHost: x\r\n\r\n")}
    assert len({line["bytes_out"] for line in seen}) == 1
    lines.nothing_more(server)


def test_a_response_that_is_not_taken_when_the_server_ends(start):
    """Also when the application is done with it, and no thread has it any more."""
    server = start(*JSON, "--graceful-timeout", "1s", "--response-spool", "100MiB")
    lines = Lines(server)
    with Client(server.port, receive_buffer=4096) as client:
        client.begin("GET", "/large")
        assert client.head()
        assert server.stop() == 0
    assert outcome(lines.object()) == ("failed", 200, "The server stops.")
    lines.nothing_more(server)


def test_an_application_that_ignores_that_the_server_ends(serve):
    """The client was there until the end: it has not left."""
    source = """
        import asyncio

        async def app(scope, receive, send):
            print("waiting", flush=True)
            while True:
                try:
                    await asyncio.sleep(1000)
                except asyncio.CancelledError:
                    if stopped:
                        raise
                    stopped.append(1)

        stopped = []
    """
    server = serve(source, "--access-log", "log", "--lifespan", "off", "--graceful-timeout", "200ms", *JSON)
    lines = Lines(server)
    with Client(server.port) as client:
        client.begin("GET", "/")
        server.wait_for("waiting")
        assert server.stop() == 0
    assert outcome(lines.object()) == ("failed", 499, "The server stops.")
    lines.nothing_more(server)
