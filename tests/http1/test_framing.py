"""How a response is framed: by length, in chunks, by the end of the connection, or not at all."""

import pytest

from support import Client

# Answers as the query says: status, how the body is sent, and header fields.
APP = """
    from urllib.parse import parse_qsl

    async def app(scope, receive, send):
        query = dict(parse_qsl(scope["query_string"].decode()))
        parts = query.get("parts", "").encode().split(b",") if "parts" in query else []
        headers = [field.encode().split(b"=", 1) for field in query.get("headers", "").split(";") if field]
        await send({"type": "http.response.start", "status": int(query.get("status", 200)), "headers": headers})
        for part in parts[:-1]:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        if "stream" in query:
            await send({"type": "http.response.body", "body": parts[-1], "more_body": True})
            parts = []
        await send({"type": "http.response.body", "body": parts[-1] if parts else b""})
"""


@pytest.fixture(scope="module")
def server(serve_module):
    return serve_module(APP, "--lifespan", "off")


@pytest.fixture
def client(server):
    with Client(server.port) as client:
        yield client


def is_kept_alive(client: Client) -> bool:
    """The connection takes another request."""
    return client.get("/?parts=again").body == b"again"


def test_one_piece_has_a_length(client):
    response = client.get("/?parts=hello")
    assert (response.version, response.status, response.reason) == ("HTTP/1.1", 200, "OK")
    assert response.header("content-length") == "5"
    assert response.header("transfer-encoding") is None
    assert response.header("connection") is None
    assert response.header("server") == "yett"
    assert response.header("date").endswith(" GMT")
    assert response.body == b"hello"
    assert is_kept_alive(client)


def test_several_pieces_come_in_chunks(client):
    response = client.get("/?parts=a,bc,def")
    assert response.header("transfer-encoding") == "chunked"
    assert response.body == b"abcdef"
    assert is_kept_alive(client)


def test_empty_pieces_do_not_end_the_chunks(client):
    client.send(b"GET /?parts=a,,b&stream=1 HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
    assert client.rest().endswith(b"\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n")


def test_a_length_from_the_application_is_kept(client):
    response = client.get("/?parts=ab,cd&headers=content-length=4")
    assert response.header("content-length") == "4"
    assert response.header("transfer-encoding") is None
    assert response.body == b"abcd"
    assert is_kept_alive(client)


@pytest.mark.parametrize("parts", ["abcdef", "ab,cdef", "abc,def", "abc,,d"])
def test_more_than_the_length_is_cut_off_and_logged(serve, parts):
    server = serve(APP, "--lifespan", "off")
    with Client(server.port) as client:
        response = client.get(f"/?parts={parts}&headers=content-length=3")
        assert response.body == b"abc"
        assert is_kept_alive(client)
    server.wait_for("WARNING: GET /: the application sent more body than its response may have")


@pytest.mark.parametrize("parts", ["abc", "ab,c", "ab,"])
def test_less_than_the_length_closes_the_connection_and_is_logged(serve, parts):
    server = serve(APP, "--lifespan", "off")
    with Client(server.port) as client, pytest.raises(EOFError):
        client.get(f"/?parts={parts}&headers=content-length=9")
    missing = 9 - len(parts.replace(",", ""))
    server.wait_for(f"ERROR: GET /: the application ended the body {missing} bytes short")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("status", "length"), [(204, None), (205, "0"), (304, None)])
def test_statuses_without_content(client, method, status, length):
    client.begin(method, f"/?status={status}")
    response = client.response(method=method)
    assert response.status == status
    assert response.header("content-length") == length
    assert response.header("transfer-encoding") is None
    assert is_kept_alive(client)


@pytest.mark.parametrize("status", [204, 205, 304])
@pytest.mark.parametrize("parts", ["abc", "abc,def"])
def test_content_where_there_may_be_none_never_reaches_the_wire(serve, status, parts):
    server = serve(APP, "--lifespan", "off")
    with Client(server.port) as client:
        response = client.get(f"/?status={status}&parts={parts}")
        assert (response.status, response.body) == (status, b"")
        assert is_kept_alive(client)
    server.wait_for("WARNING: GET /: the application sent more body than its response may have")


def test_304_keeps_the_length_of_what_it_stands_for(client):
    assert client.get("/?status=304&headers=content-length=1000").header("content-length") == "1000"
    assert is_kept_alive(client)


def test_head_has_the_fields_of_get_and_no_body(client):
    for path in [
        "/?parts=hello",
        "/?parts=a,b",
        "/?headers=content-length=10",
        "/?parts=ab&headers=content-length=2",
    ]:
        client.begin("HEAD", path)
        response = client.response(method="HEAD")
        assert response.status == 200
        expected = {"/?parts=hello": "5", "/?headers=content-length=10": "10"}.get(path)
        if expected:
            assert response.header("content-length") == expected
    assert is_kept_alive(client)


def test_head_in_a_pipeline_is_not_followed_by_a_body(client):
    client.begin("HEAD", "/?parts=hidden,body")
    client.begin("HEAD", "/?parts=hidden")
    client.begin("GET", "/?parts=shown")
    assert [client.response(method=method).body for method in ("HEAD", "HEAD", "GET")] == [b"", b"", b"shown"]


def test_connection_close_of_the_client_is_honoured(client):
    response = client.get("/?parts=hello", "Connection: close")
    assert (response.header("connection"), response.body) == ("close", b"hello")
    assert client.rest() == b""


def test_connection_close_of_the_application_is_honoured(client):
    response = client.get("/?parts=hello&headers=connection=close")
    assert (response.header("connection"), response.body) == ("close", b"hello")
    assert client.rest() == b""


def test_http10_is_closed(client):
    client.send(b"GET /?parts=hello HTTP/1.0\r\n\r\n")
    response = client.response()
    assert response.header("connection") == "close"
    assert (response.header("content-length"), response.body) == ("5", b"hello")
    assert client.rest() == b""


def test_http10_with_keep_alive(client):
    for _ in range(3):
        client.send(b"GET /?parts=hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        response = client.response()
        assert (response.header("connection"), response.body) == ("keep-alive", b"hello")


@pytest.mark.parametrize("field", ["", "Connection: keep-alive\r\n"])
def test_http10_without_a_length_is_delimited_by_the_end(client, field):
    client.send(f"GET /?parts=a,b,c HTTP/1.0\r\n{field}\r\n".encode())
    response = client.response()
    assert response.header("transfer-encoding") is None
    assert response.header("content-length") is None
    assert (response.header("connection"), response.body) == ("close", b"abc")


def test_date_and_server_of_the_application_are_kept(client):
    response = client.get("/?headers=date=yesterday;server=mine")
    assert (response.header("date"), response.header("server")) == ("yesterday", "mine")


def test_the_server_header_can_be_switched_off(serve):
    server = serve(APP, "--lifespan", "off", "--no-server-header")
    with Client(server.port) as client:
        assert client.get().header("server") is None
        client.send(b"BAD\r\n\r\n")
        assert client.response().header("server") is None


def test_the_framing_of_the_application_is_not_taken(client):
    """Transfer-Encoding is the server's: an application that names it must not break the framing."""
    response = client.get("/?parts=abc&headers=transfer-encoding=chunked")
    assert response.body == b"abc"
    assert is_kept_alive(client)
