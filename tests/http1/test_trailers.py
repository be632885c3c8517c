"""Trailers in both directions (RFC 9110 section 6.5)."""

import pytest

from support import Client

APP = """
    async def app(scope, receive, send):
        body, more = b"", True
        while more:
            message = await receive()
            body += message["body"]
            more = message["more_body"]
        path = scope["path"]
        if path == "/echo":
            names = b",".join(name for name, _ in scope["headers"])
            await send({"type": "http.response.start", "status": 200, "headers": [(b"x-names", names)]})
            await send({"type": "http.response.body", "body": body})
            return
        offered = b"yes" if "http.response.trailers" in scope["extensions"] else b"no"
        headers = [(b"trailer", b"x-digest"), (b"x-offered", offered)]
        await send({"type": "http.response.start", "status": 200, "headers": headers, "trailers": True})
        await send({"type": "http.response.body", "body": b"hello ", "more_body": True})
        await send({"type": "http.response.body", "body": b"world"})
        if path == "/forgotten":
            return
        value = b"12\\r\\nX-Forged: 34" if path == "/bad" else b"1234"
        await send({"type": "http.response.trailers", "headers": [(b"x-digest", value)], "more_trailers": True})
        await send({"type": "http.response.trailers", "headers": [(b"x-more", b"5"), (b"content-length", b"6")]})
"""


@pytest.fixture
def server(serve):
    return serve(APP, "--lifespan", "off")


@pytest.fixture
def client(server):
    with Client(server.port) as client:
        yield client


def test_trailers_of_a_request_are_read_over(client):
    client.begin("POST", "/echo", "Transfer-Encoding: chunked", "Trailer: x-digest")
    client.send(b"5\r\nhello\r\n0\r\nX-Digest: 1234\r\nContent-Length: 99\r\n\r\n")
    response = client.response()
    assert response.body == b"hello"
    assert response.header("x-names") == "host,transfer-encoding,trailer", "they are no headers"
    assert client.get("/echo").status == 200


def test_trailers_of_a_request_are_bounded(client):
    client.begin("POST", "/echo", "Transfer-Encoding: chunked")
    client.send(b"5\r\nhello\r\n0\r\n" + b"X-Digest: 1234\r\n" * 1000)
    assert client.response().status == 431
    assert client.rest() == b""


def test_trailers_of_a_response(client):
    for _ in range(2):
        response = client.get("/", "TE: trailers")
        assert response.header("x-offered") == "yes"
        assert response.header("transfer-encoding") == "chunked"
        assert response.body == b"hello world"
        # A length that comes after the body could only deceive somebody.
        assert response.trailers == [("x-digest", "1234"), ("x-more", "5")]


@pytest.mark.parametrize("fields", [[], ["TE: gzip"]])
def test_a_client_that_does_not_take_trailers_gets_none(client, fields):
    for _ in range(2):
        response = client.get("/", *fields)
        assert response.header("x-offered") == "no"
        assert response.body == b"hello world"
        assert response.trailers == []


def test_http10_gets_none(client):
    client.send(b"GET / HTTP/1.0\r\nTE: trailers\r\n\r\n")
    response = client.response()
    assert (response.header("x-offered"), response.body) == ("no", b"hello world")


def test_head_gets_none(client):
    client.begin("HEAD", "/", "TE: trailers")
    assert client.response(method="HEAD").status == 200
    assert client.get("/echo").status == 200


def test_a_bad_trailer_never_reaches_the_wire(server, client):
    client.begin("GET", "/bad", "TE: trailers")
    assert b"Forged" not in client.rest()
    server.wait_for('http.response.trailers: the value of response header "x-digest" has a control character')


def test_promised_trailers_that_never_come_cut_the_response(server, client):
    with pytest.raises(EOFError):
        client.get("/forgotten", "TE: trailers")
    server.wait_for("the application returned without the trailers that it had promised")
