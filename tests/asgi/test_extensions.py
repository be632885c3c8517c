"""Extensions: pathsend, zerocopysend, early hints and trailers."""

import asyncio
import os

import pytest

from support import Client
from support.asgi import piece, respond, start
from yett import _core

CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file name.bin"
    path.write_bytes(CONTENT)
    return path


def pathsend(path):
    return {"type": "http.response.pathsend", "path": str(path)}


def zerocopysend(file, **more):
    return {"type": "http.response.zerocopysend", "file": file, **more}


def test_pathsend(connect, file):
    async def app(scope, receive, send):
        await start(send, headers=[(b"content-type", b"application/x-test")])
        await send(pathsend(file))

    client = connect(app)
    for _ in range(3):
        response = client.get()
        assert response.body == CONTENT
        assert response.header("content-length") == str(len(CONTENT))
        assert response.header("content-type") == "application/x-test"


@pytest.mark.parametrize("size", [0, 1, 20_000_000])
def test_pathsend_of_any_size(connect, tmp_path, size):
    path = tmp_path / "sized"
    path.write_bytes(os.urandom(min(size, 1_000_000)) * (size // 1_000_000 or 1))

    async def app(scope, receive, send):
        await start(send)
        await send(pathsend(path))

    client = connect(app)
    assert client.get().body == path.read_bytes()
    assert client.get().status == 200


def test_pathsend_with_a_length_of_the_applications(connect, file):
    async def app(scope, receive, send):
        await start(send, headers=[(b"content-length", str(len(CONTENT)).encode())])
        await send(pathsend(file))

    assert connect(app).get().body == CONTENT


def test_pathsend_for_head(connect, file):
    async def app(scope, receive, send):
        await start(send)
        await send(pathsend(file))

    client = connect(app)
    client.begin("HEAD", "/")
    assert client.response(method="HEAD").header("content-length") == str(len(CONTENT))
    assert client.get().body == CONTENT


def test_pathsend_completes_the_response(connect, file):
    async def app(scope, receive, send):
        await start(send)
        await send(pathsend(file))
        assert (await receive())["type"] == "http.disconnect"
        with pytest.raises(RuntimeError, match="complete already"):
            await piece(send)
        ended.append(True)

    ended = []
    client = connect(app)
    assert client.get().body == CONTENT
    assert client.get().body == CONTENT
    assert ended


def test_a_missing_file_can_be_answered(connect, tmp_path):
    async def app(scope, receive, send):
        await start(send)
        try:
            await send(pathsend(tmp_path / "missing"))
        except FileNotFoundError as error:
            assert error.filename == str(tmp_path / "missing")
            await send({"type": "http.response.body", "body": b"none"})

    assert connect(app).get().body == b"none"


def test_a_file_that_shrinks_ends_the_connection(connect, tmp_path):
    """The length was promised: the client must notice."""
    path = tmp_path / "shrinks"
    size = 50_000_000
    path.write_bytes(b"x" * size)

    async def app(scope, receive, send):
        await start(send)
        await send(pathsend(path))
        os.truncate(path, 10)

    client = connect(app)
    client.begin("GET", "/")
    with pytest.raises((EOFError, ConnectionResetError)):
        client.response()


@pytest.mark.parametrize("kind", ["file", "descriptor"])
def test_zerocopysend(connect, file, kind):
    async def app(scope, receive, send):
        with file.open("rb") as opened:
            await start(send)
            await send(zerocopysend(opened if kind == "file" else opened.fileno()))

    client = connect(app)
    for _ in range(3):
        response = client.get()
        assert response.body == CONTENT
        assert response.header("content-length") == str(len(CONTENT))


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"offset": 10}, CONTENT[10:]),
        ({"offset": 10, "count": 5}, CONTENT[10:15]),
        ({"count": 5}, CONTENT[:5]),
        ({"offset": None, "count": None}, CONTENT),
        ({"count": 0}, b""),
        ({"offset": len(CONTENT)}, b""),
        ({"offset": len(CONTENT) - 3, "count": 100}, CONTENT[-3:]),
    ],
)
def test_zerocopysend_of_a_part(connect, file, more, expected):
    async def app(scope, receive, send):
        with file.open("rb", buffering=0) as opened:
            await start(send)
            await send(zerocopysend(opened, **more))

    client = connect(app)
    assert client.get().body == expected
    assert client.get().body == expected


def test_zerocopysend_moves_on_from_the_files_position(connect, file):
    async def app(scope, receive, send):
        with file.open("rb", buffering=0) as opened:
            opened.seek(3)
            await start(send)
            await send(zerocopysend(opened, count=4, more_body=True))
            await send(zerocopysend(opened, count=2, offset=100, more_body=True))
            await send(zerocopysend(opened, count=5, more_body=True))
            position = opened.tell()
            await send({"type": "http.response.body", "body": b"%d" % position})

    assert connect(app).get().body == CONTENT[3:7] + CONTENT[100:102] + CONTENT[7:12] + b"12"


def test_zerocopysend_mixes_with_body(connect, file):
    async def app(scope, receive, send):
        with file.open("rb") as opened:
            await start(send)
            await piece(send, b"before ")
            await send(zerocopysend(opened, offset=0, count=3, more_body=True))
            await piece(send, b" between ")
            await send(zerocopysend(opened, offset=3, count=3))

    response = connect(app).get()
    assert response.body == b"before \x00\x01\x02 between \x03\x04\x05"
    assert response.header("transfer-encoding") == "chunked"


def test_zerocopysend_of_a_pipe_is_refused(connect):
    async def app(scope, receive, send):
        reader, writer = os.pipe()
        await start(send)
        with pytest.raises(OSError, match=r"(?i)seek"):
            await send(zerocopysend(reader))
        os.close(reader)
        os.close(writer)
        await send({"type": "http.response.body", "body": b"refused"})

    assert connect(app).get().body == b"refused"


def test_no_descriptor_stays_open(connect, file):
    async def app(scope, receive, send):
        if scope["path"] == "/count":
            return await respond(send, len(os.listdir("/dev/fd")))
        await start(send)
        if scope["path"] == "/path":
            return await send(pathsend(file))
        with file.open("rb") as opened:
            return await send(zerocopysend(opened))

    client = connect(app)
    before = client.get("/count").json()
    for _ in range(20):
        client.get("/path")
        client.get("/zero")
    assert client.get("/count").json() == before


def test_early_hints(connect):
    async def app(scope, receive, send):
        await send(
            {"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload", b"</b.js>; rel=preload"]}
        )
        await send({"type": "http.response.early_hint", "links": [b"</c.js>; rel=preload"]})
        await respond(send, b"final")

    client = connect(app)
    client.begin("GET", "/")
    hints = [client.response(final=False) for _ in range(2)]
    assert [(hint.status, hint.fields) for hint in hints] == [
        (103, [("link", "</a.css>; rel=preload"), ("link", "</b.js>; rel=preload")]),
        (103, [("link", "</c.js>; rel=preload")]),
    ]
    final = client.response()
    assert (final.status, final.body, final.header("link")) == (200, b"final", None)
    client.begin("GET", "/")
    assert client.response(final=True).body == b"final", "the connection lives on"


def test_early_hints_are_sent_at_once(serve_app):
    """Not with the response: the client has them while the application still works."""

    async def app(scope, receive, send):
        if scope["path"] == "/go":
            go.set_result(None)
        else:
            await send({"type": "http.response.early_hint", "links": [b"</a.css>"]})
            await working(send)
        await respond(send)

    async def working(send):
        nonlocal go
        go = asyncio.get_running_loop().create_future()
        await go

    go = None
    port = serve_app(app)
    with Client(port) as client, Client(port) as other:
        client.begin("GET", "/")
        assert client.response(final=False).status == 103
        assert other.get("/go").status == 200
        assert client.response().status == 200


def test_early_hints_do_not_reach_http_1_0(connect):
    async def app(scope, receive, send):
        await send({"type": "http.response.early_hint", "links": [b"</a.css>"]})
        await respond(send, b"final")

    client = connect(app)
    client.send(b"GET / HTTP/1.0\r\n\r\n")
    assert client.response(final=False).status == 200


def test_trailers(connect):
    async def app(scope, receive, send):
        await start(send, headers=[(b"trailer", b"x-digest")], trailers=True)
        await piece(send, b"body")
        await send({"type": "http.response.body"})
        more = {"type": "http.response.trailers", "headers": [(b"x-digest", b"1")], "more_trailers": True}
        await send(more)
        await send({"type": "http.response.trailers", "headers": [(b"x-other", b"2"), (b"x-other", b"3")]})
        with pytest.raises(RuntimeError, match="complete already"):
            await send(more)

    client = connect(app)
    for _ in range(2):
        response = client.get("/", "TE: trailers")
        assert response.body == b"body"
        assert response.trailers == [("x-digest", "1"), ("x-other", "2"), ("x-other", "3")]


def test_trailers_after_a_body_in_one_piece(connect):
    async def app(scope, receive, send):
        await start(send, trailers=True)
        await send({"type": "http.response.body", "body": b"body"})
        await send({"type": "http.response.trailers", "headers": [(b"x-digest", b"1")]})

    response = connect(app).get("/", "TE: trailers")
    assert (response.body, response.trailers) == (b"body", [("x-digest", "1")])


def test_trailers_that_the_client_does_not_take_are_dropped(connect):
    async def app(scope, receive, send):
        assert "http.response.trailers" not in scope["extensions"]
        await start(send, trailers=True)
        await send({"type": "http.response.body", "body": b"body"})
        await send({"type": "http.response.trailers", "headers": [(b"x-digest", b"1")]})

    client = connect(app)
    for _ in range(2):
        response = client.get()
        assert (response.body, response.trailers) == (b"body", [])


@pytest.mark.parametrize("field", [(b"x-evil", b"a\r\nb"), (b"x evil", b"a")])
def test_trailers_are_checked(connect, field):
    async def app(scope, receive, send):
        await start(send, trailers=True)
        await send({"type": "http.response.body", "body": b"body"})
        with pytest.raises(ValueError, match=r"x.evil"):
            await send({"type": "http.response.trailers", "headers": [field]})
        await send({"type": "http.response.trailers", "headers": [(b"x-good", b"1")]})

    assert connect(app).get("/", "TE: trailers").trailers == [("x-good", "1")]


def test_promised_trailers_that_do_not_come(connect, capfd):
    async def app(scope, receive, send):
        await start(send, trailers=True)
        await send({"type": "http.response.body", "body": b"body"})

    client = connect(app)
    client.begin("GET", "/", "TE: trailers")
    with pytest.raises(EOFError):
        client.response()
    _core.flush_logs()
    assert "without the trailers" in capfd.readouterr().err
