"""Expect: 100-continue (RFC 9110 section 10.1.1), and interim responses on the application's behalf."""

import hashlib
import subprocess

import pytest

from support import Client

APP = """
    import hashlib

    async def read(receive):
        body, more = b"", True
        while more:
            message = await receive()
            body += message["body"]
            more = message["more_body"]
        return body

    async def app(scope, receive, send):
        path = scope["path"]
        status, body = 200, b"done"
        if path == "/read":
            body = hashlib.sha256(await read(receive)).hexdigest().encode()
        elif path == "/refuse":
            status = 403
        elif path == "/fail":
            raise RuntimeError("as asked")
        elif path == "/hint":
            links = [b"</style.css>; rel=preload; as=style", b"</page.js>; rel=preload; as=script"]
            await send({"type": "http.response.early_hint", "links": links})
            await send({"type": "http.response.early_hint", "links": [b"</late.js>; rel=preload; as=script"]})
        elif path == "/bad-hint":
            await send({"type": "http.response.early_hint", "links": [b"</a>\\r\\nSet-Cookie: stolen"]})
        await send({"type": "http.response.start", "status": status})
        if path == "/start-then-read":
            await send({"type": "http.response.body", "body": b"begun:", "more_body": True})
            body = await read(receive)
        await send({"type": "http.response.body", "body": body})
"""


@pytest.fixture(scope="module")
def server(serve_module):
    return serve_module(APP, "--lifespan", "off")


@pytest.fixture
def client(server):
    with Client(server.port) as client:
        yield client


def begin(client: Client, path: str, framing: str = "Content-Length: 4", version: str = "1.1") -> None:
    client.send(
        f"POST {path} HTTP/{version}\r\nHost: test\r\n{framing}\r\nExpect: 100-Continue\r\n\r\n".encode()
    )


@pytest.mark.parametrize(
    ("framing", "body"),
    [("Content-Length: 4", b"body"), ("Transfer-Encoding: chunked", b"4\r\nbody\r\n0\r\n\r\n")],
)
def test_100_comes_when_the_application_asks_for_the_body(client, framing, body):
    begin(client, "/read", framing)
    interim = client.response()
    assert (interim.status, interim.reason, interim.fields) == (100, "Continue", [])
    client.send(body)
    final = client.response()
    assert (final.status, final.body.decode()) == (200, hashlib.sha256(b"body").hexdigest())
    assert final.header("connection") is None
    assert client.get("/").status == 200


@pytest.mark.parametrize(("path", "status"), [("/refuse", 403), ("/fail", 500), ("/hello", 200)])
def test_no_100_when_it_does_not(client, path, status):
    begin(client, path)
    response = client.response()
    assert response.status == status
    # Whether the body follows, nobody can tell: the connection cannot be used again.
    assert response.header("connection") == "close"
    assert client.rest() == b""


def test_no_100_once_the_response_has_started(client):
    begin(client, "/start-then-read")
    head = client._until(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in head
    client.send(b"body")
    rest = client.rest()
    assert b"100 Continue" not in rest
    assert b"begun:" in rest
    assert b"body" in rest


def test_no_100_for_a_body_that_is_already_here(client):
    client.send(b"POST /read HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody")
    assert client.response().status == 200
    assert client.get("/").status == 200


def test_no_100_for_http10(client):
    begin(client, "/start-then-read", version="1.0")
    assert client._until(b"begun:").startswith(b"HTTP/1.1 200")  # the application now waits for the body
    client.send(b"body")
    assert client.rest() == b"body"


def test_no_100_without_a_body(client):
    begin(client, "/read", "X: y")
    assert client.response().status == 200


@pytest.mark.parametrize("value", ["200-ok", "100-continue, x", "100-continue;q=1"])
def test_other_expectations_get_417(client, value):
    client.begin("POST", "/read", "Content-Length: 4", f"Expect: {value}")
    response = client.response()
    assert (response.status, response.header("connection")) == (417, "close")
    assert client.rest() == b""


def test_too_large_a_body_gets_413_and_no_100(client):
    begin(client, "/read", f"Content-Length: {2**31}")
    assert client.response().status == 413
    assert client.rest() == b""


def test_curl_uploads_after_the_100(server, tmp_path):
    data = b"curl waits a second for the 100, then sends anyway" * 50_000
    (tmp_path / "data").write_bytes(data)
    # It would wait longer for the 100 than this test waits for it.
    options = ["-sv", "--expect100-timeout", "60", "-H", "Expect: 100-continue", "--data-binary", "@data"]
    command = ["curl", *options, server.url + "/read"]
    output = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, timeout=30)
    assert output.stdout.decode() == hashlib.sha256(data).hexdigest()
    assert b"< HTTP/1.1 100 Continue" in output.stderr


def test_early_hints(client):
    client.begin("GET", "/hint")
    first, second, final = client.response(), client.response(), client.response()
    links = [("link", "</style.css>; rel=preload; as=style"), ("link", "</page.js>; rel=preload; as=script")]
    assert (first.status, first.reason, first.fields) == (103, "Early Hints", links)
    assert (second.status, len(second.fields)) == (103, 1)
    assert (final.status, final.header("link")) == (200, None)


def test_early_hints_are_not_for_http10(client):
    client.send(b"GET /hint HTTP/1.0\r\n\r\n")
    assert client.response().status == 200


def test_an_early_hint_cannot_split_the_response(server, client):
    client.begin("GET", "/bad-hint")
    response = client.response()
    assert response.status == 500
    assert response.header("set-cookie") is None
    server.wait_for('early_hint: the value of response header "link" has a control character')
