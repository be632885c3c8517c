"""Slow clients hold no thread: what they send is collected, what they do not take is kept, in memory and in files."""

import hashlib
import os
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from support import Client
from support.peers import only_yett
from support.server import PATIENCE_SECONDS
from support.usage import forget_peak, peak_resident_kib, resident_kib, temporary_files, times_open
from support.wait import wait_until

pytestmark = only_yett

KIB = 1024
MIB = 1024 * KIB

APP = """
    import hashlib, os, threading

    BLOCK = bytes(range(256)) * 256  # 64 KiB
    lock = threading.Lock()
    begun = finished = 0

    def say(*words):
        os.write(1, (" ".join(map(str, words)) + "\\n").encode())  # whole lines, whoever else writes

    def blocks(first, count):
        global finished
        try:
            yield first
            for _ in range(count):
                yield BLOCK
            with lock:
                finished += 1
            say("finished")
        finally:
            say("closed")

    def app(environ, start_response):
        global begun
        path = environ["PATH_INFO"]
        headers = [("Content-Type", "application/octet-stream")]
        if path == "/begun":
            body = b"%d" % begun
        elif path == "/finished":
            body = b"%d" % finished
        elif path == "/hello":
            body = b"hello"
        else:
            with lock:
                begun += 1
            if path == "/file":
                start_response("200 OK", headers)
                return environ["wsgi.file_wrapper"](open("file", "rb"))
            data = environ["wsgi.input"].read()
            body = f"{len(data)} {hashlib.sha256(data).hexdigest()}".encode()
            if path == "/both":
                start_response("200 OK", headers)
                return blocks(body, int(environ["QUERY_STRING"]))
        start_response("200 OK", headers)
        return [body]
"""
BLOCK = bytes(range(256)) * 256


def digest(data: bytes) -> bytes:
    return f"{len(data)} {hashlib.sha256(data).hexdigest()}".encode()


@pytest.fixture
def serve_with_files(serve, tmp_path):
    """`serve`, with a folder of its own for temporary files."""
    (tmp_path / "temporary").mkdir()

    def start(*options: str):
        server = serve(APP, *options, env={"TMPDIR": str(tmp_path / "temporary")})
        server.files = lambda: temporary_files(server.pid, tmp_path / "temporary")
        return server

    return start


@contextmanager
def connected(server, count: int, path: str | None = None, **more) -> Iterator[list[Client]]:
    """`path`: over the unix socket of this name."""
    address = server.port if path is None else str(server.folder / path)
    with ExitStack() as stack:
        yield [stack.enter_context(Client(address, **more)) for _ in range(count)]


def ask(client: Client, count: int = 50) -> None:
    """Others are answered."""
    for _ in range(count):
        assert client.get("/hello").body == b"hello"


# ---- both directions ----


def test_two_hundred_slow_clients_hold_nobody_up(serve_with_files):
    """Each sends its body byte by byte, and takes two megabytes a little at a time; there are four threads."""
    # Over a unix socket, for which the kernel holds 200 KiB; for TCP on this machine it holds megabytes.
    server = serve_with_files("--threads", "4", "--bind", "127.0.0.1:0", "--bind", "unix:s")
    pieces = 32
    bodies = [random.Random(number).randbytes(24) for number in range(200)]
    with connected(server, 200, "s") as slow, Client(server.port) as fast:
        for client in slow:
            client.begin("POST", f"/both?{pieces}", "Content-Length: 24")
        for at in range(23):
            for client, body in zip(slow, bodies, strict=True):
                client.send(body[at : at + 1])
            ask(fast, 10)
        # Nobody's body is complete: nobody's request has begun.
        assert fast.get("/begun").body == b"0"
        for client, body in zip(slow, bodies, strict=True):
            client.send(body[23:])
        # All of them are answered, to their ends, before anybody has read a byte.
        while int(fast.get("/finished").body) < 200:
            ask(fast, 10)
        wait_until(lambda: server.log.count("closed") == 200, "every response is closed")
        assert [size for size in server.files() if MIB < size < 2.5 * MIB] == server.files()
        assert len(server.files()) == 200
        for client in slow:
            assert client.head().startswith("HTTP/1.1 200")
        for _ in range(8):
            for client in slow:
                client._buffer += client.socket.recv(KIB)
            ask(fast, 10)
        for client, body in zip(slow, bodies, strict=True):
            assert chunks(client) == digest(body) + BLOCK * pieces
        # They go on, on the same connections.
        for client in slow:
            assert client.get("/hello").body == b"hello"
        wait_until(lambda: not server.files(), "the temporary files are gone")


def chunks(client: Client) -> bytes:
    """A body in chunks, its head read already."""
    data = bytearray()
    while size := int(client._until(b"\r\n"), 16):
        data += client.read(size)
        assert client.read(2) == b"\r\n"
    assert client.read(2) == b"\r\n"
    return bytes(data)


# ---- request bodies ----


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("size", [64 * KIB + 1, 3 * MIB])
def test_a_large_body_is_collected_in_a_file_that_has_no_name(serve_with_files, framing, size):
    server = serve_with_files()
    body = random.Random(size).randbytes(size)
    with Client(server.port) as client, Client(server.port) as other:
        if framing == "length":
            client.begin("POST", "/digest", f"Content-Length: {size + 1}")
            client.send(body)
        else:
            client.begin("POST", "/digest", "Transfer-Encoding: chunked")
            for at in range(0, size, 10_000):
                piece = body[at : at + 10_000]
                client.send(b"%x\r\n" % len(piece) + piece + b"\r\n")
        # The whole body but its end.
        wait_until(lambda: server.files() == [size], "all of it is in one file")
        assert os.listdir(server.folder / "temporary") == []
        assert other.get("/begun").body == b"0"
        if framing == "length":
            client.send(b"!")
            body += b"!"
        else:
            client.send(b"0\r\n\r\n")
        assert client.response().body == digest(body)
        wait_until(lambda: not server.files(), "the file is closed with the request")
        assert client.get("/hello").body == b"hello"


def test_uploads_in_progress_take_no_memory(serve_with_files):
    """Fifty clients have sent five megabytes of ten."""
    server = serve_with_files("--threads", "4")
    half = random.Random(0).randbytes(5 * MIB)
    with connected(server, 50) as clients, Client(server.port) as other:
        ask(other)
        before = resident_kib(server.pid)
        forget_peak(server.pid)
        for client in clients:
            client.begin("POST", "/digest", f"Content-Length: {10 * MIB}")
            client.send(half)
        wait_until(lambda: server.files() == [5 * MIB] * 50, "all that was sent is in files")
        assert peak_resident_kib(server.pid) - before < 16 * KIB
        assert other.get("/begun").body == b"0"
        ask(other)
        for client in clients[:5]:
            client.send(half)
        assert {client.response().body for client in clients[:5]} == {digest(half + half)}
        for client in clients[5:]:
            client.reset()
        wait_until(lambda: not server.files(), "the files of those that have left are gone, too")
        assert other.get("/begun").body == b"5"


def test_a_body_that_cannot_be_kept_is_answered_with_500(serve, tmp_path):
    server = serve(APP, env={"TMPDIR": str(tmp_path / "missing")})
    with Client(server.port) as client:
        client.begin("POST", "/digest", f"Content-Length: {MIB}")
        client.send(bytes(65 * KIB))
        response = client.response()
        assert (response.status, response.header("connection")) == (500, "close")
    line = server.wait_for("ERROR: a request body cannot be kept in a temporary file: .*").group()
    assert "No such file or directory" in line
    assert "TMPDIR" in line
    with Client(server.port) as client:
        assert client.get("/begun").body == b"0"
        # So much is held in memory.
        body = bytes(64 * KIB)
        assert client.request("POST", "/digest", body=body).body == digest(body)


# ---- responses ----


def test_a_response_that_nobody_takes_is_kept_in_a_file(serve_with_files):
    server = serve_with_files("--threads", "1")
    with Client(server.port, receive_buffer=4 * KIB) as slow, Client(server.port) as other:
        ask(other)
        before = resident_kib(server.pid)
        forget_peak(server.pid)
        slow.begin("GET", "/both?800")  # 50 MiB
        server.wait_for("^finished$")
        server.wait_for("^closed$")
        ask(other)
        [size] = server.files()
        assert 40 * MIB < size < 51 * MIB
        assert os.listdir(server.folder / "temporary") == []
        assert peak_resident_kib(server.pid) - before < 8 * KIB
        assert slow.response().body == digest(b"") + BLOCK * 800
        wait_until(lambda: not server.files(), "the file is gone with the response")
        assert slow.get("/hello").body == b"hello"


def is_blocked(client: Client) -> bool:
    """The only thread waits for somebody else."""
    client.begin("GET", "/hello")
    client.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        client.head()
    client.socket.settimeout(PATIENCE_SECONDS)
    return True


@pytest.mark.parametrize("spool", ["0", "1MiB"])
def test_without_room_in_a_file_the_thread_waits_for_the_client(serve_with_files, spool):
    server = serve_with_files("--threads", "1", "--response-spool", spool)
    with Client(server.port, receive_buffer=4 * KIB) as slow, Client(server.port) as other:
        slow.begin("GET", "/both?400")  # 25 MiB
        slow.head()
        files = [] if spool == "0" else [MIB]
        wait_until(lambda: server.files() == files, "the file is full")
        assert is_blocked(other)
        assert server.files() == files
        assert "finished" not in server.log
        assert chunks(slow) == digest(b"") + BLOCK * 400
        assert other.response().body == b"hello"
        assert slow.get("/hello").body == b"hello"
        wait_until(lambda: not server.files(), "the file is gone with the response")


@pytest.mark.parametrize("spool", ["0", "1MiB"])
def test_the_write_timeout_ends_the_waiting(serve_with_files, spool):
    server = serve_with_files("--threads", "1", "--response-spool", spool, "--write-timeout", "500ms")
    with Client(server.port, receive_buffer=4 * KIB) as slow, Client(server.port) as other:
        slow.begin("GET", "/both?400")
        slow.head()
        other.begin("GET", "/hello")
        server.wait_for("^closed$")
        assert other.response().body == b"hello"
        assert "finished" not in server.log
        with pytest.raises(ConnectionResetError):
            slow.rest()
        wait_until(lambda: not server.files(), "the file is gone with the client")
    assert "ERROR" not in server.log


def test_a_response_that_cannot_be_kept_is_waited_for(serve, tmp_path):
    server = serve(APP, "--threads", "1", env={"TMPDIR": str(tmp_path / "missing")})
    with Client(server.port, receive_buffer=4 * KIB) as slow:
        slow.begin("GET", "/both?200")
        line = server.wait_for("WARNING: a response cannot be kept in a temporary file: .*").group()
        assert "No such file or directory" in line
        assert "TMPDIR" in line
        assert slow.response().body == digest(b"") + BLOCK * 200
        assert slow.get("/hello").body == b"hello"


def test_a_file_goes_to_slow_clients_without_a_thread(serve_with_files):
    server = serve_with_files("--threads", "1", "--bind", "127.0.0.1:0", "--bind", "unix:s")
    content = random.Random(1).randbytes(8 * MIB)
    (server.folder / "file").write_bytes(content)
    with connected(server, 50, "s") as slow, Client(server.port) as other:
        ask(other)
        before = resident_kib(server.pid)
        forget_peak(server.pid)
        for client in slow:
            client.begin("GET", "/file")
        for client in slow:
            assert "content-length: 8388608" in client.head()
        ask(other)
        assert other.get("/begun").body == b"50"
        assert server.files() == [], "there is no need to copy a file"
        assert times_open(server.pid, server.folder / "file") == 50
        assert peak_resident_kib(server.pid) - before < 8 * KIB
        for client in slow[::10]:
            assert client.read(len(content)) == content
            assert client.get("/hello").body == b"hello"
        for client in slow:
            client.close()
        wait_until(lambda: not times_open(server.pid, server.folder / "file"), "the files are closed")


def test_a_body_in_one_piece_is_not_copied_for_a_slow_client(serve):
    server = serve(
        """
        BODY = bytes(50_000_000)

        def app(environ, start_response):
            start_response("200 OK", [])
            return [BODY if environ["PATH_INFO"] == "/large" else b"hello"]
        """,
        "--threads", "1", "--bind", "127.0.0.1:0", "--bind", "unix:s",
    )  # fmt: skip
    with connected(server, 20, "s") as slow, Client(server.port) as other:
        ask(other)
        before = resident_kib(server.pid)
        forget_peak(server.pid)
        for client in slow:
            client.begin("GET", "/large")
        for client in slow:
            assert "content-length: 50000000" in client.head()
        ask(other)
        assert peak_resident_kib(server.pid) - before < 8 * KIB
        assert slow[0].read(50_000_000) == bytes(50_000_000)
        assert slow[0].get("/hello").body == b"hello"
