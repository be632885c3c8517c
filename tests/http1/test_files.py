"""Files as bodies: http.response.pathsend and http.response.zerocopysend, sent by the kernel."""

import hashlib

import pytest

from support import Client
from support.usage import forget_peak, open_files, peak_resident_kib
from support.wait import wait_until

APP = r"""
    import os
    from pathlib import Path

    FOLDER = Path(__file__).parent
    opened = {}

    async def app(scope, receive, send):
        path, query = scope["path"], scope["query_string"].decode()
        headers = [(b"x-offered", b",".join(sorted(name.encode() for name in scope["extensions"])))]
        if path == "/length":
            headers.append((b"content-length", query.encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if path in ("/path", "/length"):
            await send({"type": "http.response.pathsend", "path": str(FOLDER / "file")})
        elif path == "/other":
            try:
                await send({"type": "http.response.pathsend", "path": query})
            except (OSError, ValueError) as error:
                await send({"type": "http.response.body", "body": f"{type(error).__name__}: {error}".encode()})
        elif path == "/part":
            numbers = dict(pair.split("=") for pair in query.split("&") if pair)
            with open(FOLDER / "file", "rb") as file:
                message = {"type": "http.response.zerocopysend", "file": file.fileno()}
                await send({**message, **{key: int(value) for key, value in numbers.items()}})
        elif path == "/mixed":
            with open(FOLDER / "file", "rb") as file:
                await send({"type": "http.response.body", "body": b"<", "more_body": True})
                for _ in range(3):
                    message = {"type": "http.response.zerocopysend", "file": file, "count": 10}
                    await send({**message, "more_body": True})
                await send({"type": "http.response.body", "body": b">"})
    """
CONTENT = bytes(range(256)) * 40_960  # 10 MiB


@pytest.fixture
def server(serve):
    server = serve(APP, "--lifespan", "off")
    (server.folder / "file").write_bytes(CONTENT)
    return server


@pytest.fixture
def client(server):
    with Client(server.port) as client:
        yield client


def test_a_whole_file(server, client):
    client.get("/path")
    # When the next request is answered, the file is closed. This one opens none.
    client.get("/other?relative")
    files = open_files(server.pid)
    forget_peak(server.pid)
    before = peak_resident_kib(server.pid)
    for _ in range(10):
        response = client.get("/path")
        assert response.header("content-length") == str(len(CONTENT))
        assert "http.response.pathsend,http.response.zerocopysend" in response.header("x-offered")
        assert hashlib.sha256(response.body).digest() == hashlib.sha256(CONTENT).digest()
    wait_until(lambda: open_files(server.pid) == files, "every file is closed")
    assert peak_resident_kib(server.pid) - before < 4 * 1024, "the file does not pass through the process"


def test_a_slow_client_of_a_file_is_waited_for(server):
    with Client(server.port, receive_buffer=8192) as client, Client(server.port) as other:
        client.begin("GET", "/path")
        client._until(b"\r\n\r\n")
        assert other.get("/part?count=1").body == CONTENT[:1]
        assert client.read(len(CONTENT)) == CONTENT
        assert client.get("/part?count=2").body == CONTENT[:2]


def test_head_of_a_file_sends_none_of_it(client):
    for path in ("/path", "/part?offset=10"):
        client.begin("HEAD", path)
        response = client.response(method="HEAD")
        assert response.header("content-length") == str(len(CONTENT) - (10 if "offset" in path else 0))
    assert client.get("/part?count=1").body == CONTENT[:1]


def test_an_empty_file(server, client):
    (server.folder / "file").write_bytes(b"")
    for path in ("/path", "/part"):
        response = client.get(path)
        assert (response.header("content-length"), response.body) == ("0", b"")


@pytest.mark.parametrize(
    ("query", "start", "end"),
    [("", 0, None), ("offset=5", 5, None), ("count=7", 0, 7), ("offset=1000&count=70000", 1000, 71000)],
)
def test_a_part_of_a_file(client, query, start, end):
    response = client.get(f"/part?{query}")
    assert response.body == CONTENT[start:end]
    assert response.header("content-length") == str(len(CONTENT[start:end]))


def test_a_part_beyond_the_end_is_what_there_is(client):
    assert client.get(f"/part?offset={len(CONTENT) - 5}&count=100").body == CONTENT[-5:]
    assert client.get(f"/part?offset={len(CONTENT) + 5}").body == b""


def test_parts_follow_the_position_and_mix_with_bytes(client):
    response = client.get("/mixed")
    assert response.body == b"<" + CONTENT[:30] + b">"
    assert response.header("transfer-encoding") == "chunked"


def test_a_file_over_http10(server):
    with Client(server.port) as client:
        client.send(b"GET /mixed HTTP/1.0\r\n\r\n")
        assert client.response().body == b"<" + CONTENT[:30] + b">"


def test_a_file_that_shrinks_while_it_is_sent_cuts_the_response(server):
    """The length is promised: whoever reads must see that it is not kept."""
    with Client(server.port, receive_buffer=4096) as client:
        client.begin("GET", "/path")
        client._until(b"\r\n\r\n")
        (server.folder / "file").write_bytes(CONTENT[: len(CONTENT) // 2])
        with pytest.raises((EOFError, ConnectionResetError)):
            client.read(len(CONTENT))
    with Client(server.port) as client:
        assert len(client.get("/path").body) == len(CONTENT) // 2


def test_a_file_that_does_not_fit_its_content_length(server):
    with Client(server.port) as client:
        assert client.get("/length?10").body == CONTENT[:10]
        assert client.get("/part?count=1").body == CONTENT[:1]
    server.wait_for("WARNING: .*more body than its response may have")
    with Client(server.port) as client, pytest.raises(EOFError):
        client.get(f"/length?{len(CONTENT) + 1}")
    server.wait_for("ERROR: .*1 bytes short of its Content-Length")


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/nonexistent", "FileNotFoundError"),
        ("/tmp", "Error"),
        ("relative", "FileNotFoundError"),
        ("/dev/zero", "Error"),
    ],
)
def test_what_is_no_file_is_an_error_for_the_application(client, path, error):
    """At the line that sent it, and it can still answer something else."""
    assert error.encode() in client.get(f"/other?{path}").body.partition(b":")[0]
    assert client.get("/part?count=1").body == CONTENT[:1]
