"""Large bodies in both directions: every byte arrives, and the server holds only a few of them at a time."""

import hashlib
import threading

import pytest

from support import Client
from support.usage import forget_peak, peak_resident_kib

MIB = 1024 * 1024
# What a server may need above its size at rest to move any amount of data. A hundred times less than what is moved.
FEW_KIB = 10 * 1024

APP = """
    import asyncio, hashlib

    released = asyncio.Event()
    PIECE = bytes(range(256)) * 1024  # 256 KiB

    async def app(scope, receive, send):
        path = scope["path"]
        if path == "/release":
            released.set()
        if path == "/held":
            print("holding", flush=True)
            await released.wait()
        if path in ("/digest", "/held"):
            digest, length, more = hashlib.sha256(), 0, True
            while more:
                message = await receive()
                digest.update(message["body"])
                length += len(message["body"])
                more = message["more_body"]
            body = f"{length} {digest.hexdigest()}".encode()
        elif path == "/download":
            pieces = int(scope["query_string"])
            await send({"type": "http.response.start", "status": 200})
            for _ in range(pieces):
                await send({"type": "http.response.body", "body": PIECE, "more_body": True})
            print("sent", pieces, flush=True)
            body = b""
        elif path == "/at-once":
            body = PIECE * 400
        else:
            body = b"hello"
        if path != "/download":
            await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": body})
"""
PIECE = bytes(range(256)) * 1024


@pytest.fixture(params=["asyncio", "uvloop"])
def server(serve, request):
    server = serve(APP, "--lifespan", "off", "--loop", request.param)
    with Client(server.port) as client:
        # What is made once, at the first requests, is no part of what is measured.
        client.request("POST", "/digest", body=PIECE)
        assert client.get("/download?4").body == PIECE * 4
    forget_peak(server.pid)
    server.at_rest_kib = peak_resident_kib(server.pid)
    return server


def growth_kib(server) -> int:
    return peak_resident_kib(server.pid) - server.at_rest_kib


def upload(client: Client, path: str, framing: str, pieces: int) -> None:
    client.begin("POST", path, framing)
    for _ in range(pieces):
        if framing.startswith("Content-Length"):
            client.send(PIECE)
        else:
            client.send(b"%x\r\n" % len(PIECE) + PIECE + b"\r\n")
    if not framing.startswith("Content-Length"):
        client.send(b"0\r\n\r\n")


def expected(pieces: int) -> str:
    digest = hashlib.sha256()
    for _ in range(pieces):
        digest.update(PIECE)
    return f"{pieces * len(PIECE)} {digest.hexdigest()}"


@pytest.mark.parametrize("framing", [f"Content-Length: {100 * MIB}", "Transfer-Encoding: chunked"])
def test_100_mib_up(server, framing):
    with Client(server.port) as client:
        upload(client, "/digest", framing, 400)
        assert client.response().body.decode() == expected(400)
        assert client.get("/").body == b"hello"
    assert growth_kib(server) < FEW_KIB


@pytest.mark.parametrize("framing", [f"Content-Length: {100 * MIB}", "Transfer-Encoding: chunked"])
def test_100_mib_up_to_an_application_that_does_not_receive(server, framing):
    """The server stops reading, so that the client cannot go on sending; later all of it arrives."""
    with Client(server.port) as client, Client(server.port) as other:
        sender = threading.Thread(target=upload, args=(client, "/held", framing, 400))
        sender.start()
        server.wait_for("holding")
        sender.join(0.5)
        assert sender.is_alive(), "100 MiB have gone into a server that does not want them"
        assert other.get("/").body == b"hello"
        assert growth_kib(server) < FEW_KIB
        assert other.get("/release").body == b"hello"
        assert client.response().body.decode() == expected(400)
        sender.join()
    assert growth_kib(server) < FEW_KIB


def read_and_digest(client: Client, version: str = "1.1") -> tuple[int, str]:
    client.send(f"GET /download?400 HTTP/{version}\r\nHost: test\r\n\r\n".encode())
    head = client._until(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    digest, length = hashlib.sha256(), 0
    if version == "1.1":
        while size := int(client._until(b"\r\n"), 16):
            digest.update(client.read(size))
            length += size
            client.read(2)
        client.read(2)
    else:
        while chunk := client.socket.recv(MIB):
            digest.update(chunk)
            length += len(chunk)
    return length, digest.hexdigest()


def test_100_mib_down_in_chunks(server):
    with Client(server.port) as client:
        assert "{} {}".format(*read_and_digest(client)) == expected(400)
        assert client.get("/").body == b"hello"
    assert growth_kib(server) < FEW_KIB


def test_100_mib_down_in_one_piece(server):
    with Client(server.port) as client:
        client.begin("GET", "/at-once")
        digest = hashlib.sha256()
        client._until(b"\r\n\r\n")
        for _ in range(400):
            digest.update(client.read(len(PIECE)))
        assert digest.hexdigest() == expected(400).split()[1]
        assert client.get("/").body == b"hello"
    # The application's own 100 MiB and no copy of them.
    assert growth_kib(server) < 100 * 1024 + FEW_KIB


def test_200_mib_to_a_client_that_does_not_read(server):
    """`send` waits: the stream stays in the application until the client takes it."""
    with Client(server.port, receive_buffer=64 * 1024) as client, Client(server.port) as other:
        client.begin("GET", "/download?800")
        client._until(b"\r\n\r\n")
        # The client waits; the server is busy with others as long as one likes and does not grow.
        for _ in range(300):
            assert other.get("/").body == b"hello"
        assert growth_kib(server) < FEW_KIB
        assert "sent 800" not in server.log
        digest, length = hashlib.sha256(), 0
        while size := int(client._until(b"\r\n"), 16):
            digest.update(client.read(size))
            length += size
            client.read(2)
        assert f"{length} {digest.hexdigest()}" == expected(800)
    server.wait_for("sent 800")
    assert growth_kib(server) < FEW_KIB


def test_one_fast_stream_does_not_keep_others_waiting(server):
    with Client(server.port) as client, Client(server.port) as other:
        reader = threading.Thread(target=read_and_digest, args=(client,))
        reader.start()
        answered = 0
        while reader.is_alive():
            assert other.get("/").body == b"hello"
            answered += 1
        assert answered > 20
