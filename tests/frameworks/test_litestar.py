"""Litestar over ASGI: JSON with validation, streams, its lifespan."""

import hashlib

import httpx
import pytest

from support import Client

pytest.importorskip("litestar")

APP = """
    import asyncio
    import hashlib
    from dataclasses import dataclass

    from litestar import Litestar, Request, get, post
    from litestar.response import Stream

    @dataclass
    class Order:
        name: str
        count: int

    @post("/orders")
    async def order(data: Order) -> dict[str, object]:
        return {"ordered": data.name, "count": data.count}

    @post("/upload", status_code=200)
    async def upload(request: Request) -> dict[str, object]:
        size, digest = 0, hashlib.sha256()
        async for piece in request.stream():
            size += len(piece)
            digest.update(piece)
        return {"size": size, "sha256": digest.hexdigest()}

    @get("/items/{number:int}", sync_to_thread=True)
    def item(number: int, q: str = "") -> dict[str, object]:
        return {"number": number, "q": q}

    @get("/stream")
    async def stream(request: Request) -> Stream:
        async def pieces():
            try:
                yield b"first"
                await request.app.state.released.wait()
                yield b"second"
            except asyncio.CancelledError:
                print("the stream was cancelled", flush=True)
                raise
        return Stream(pieces(), media_type="text/plain")

    @get("/release")
    async def release(request: Request) -> None:
        request.app.state.released.set()

    async def begin(app):
        app.state.released = asyncio.Event()
        print("started up", flush=True)

    async def end(app):
        print("shut down", flush=True)

    app = Litestar([order, upload, item, stream, release], on_startup=[begin], on_shutdown=[end])
"""


@pytest.fixture(params=["asyncio", "uvloop"])
def server(request, serve):
    """At its end the application has been shut down, and the log is clean."""
    server = serve(APP, "--loop", request.param, "--lifespan", "on")
    server.wait_for("^started up$")
    yield server
    assert server.stop() == 0
    # Not alone in its line: what the server says may stand in the same.
    server.wait_for("shut down")
    assert "ERROR" not in server.log
    assert "WARNING" not in server.log


def test_json_and_its_validation(server):
    with httpx.Client(base_url=server.url) as client:
        for _ in range(2):
            response = client.post("/orders", json={"name": "très bon", "count": 3})
            assert response.status_code == 201
            assert response.json() == {"ordered": "très bon", "count": 3}
            refused = client.post("/orders", json={"name": "x", "count": "many"})
            assert refused.status_code == 400
            assert [error["key"] for error in refused.json()["extra"]] == ["count"]
        assert client.post("/orders", content=b"{").status_code == 400


def test_routes(server):
    with httpx.Client(base_url=server.url) as client:
        assert client.get("/items/7?q=a%20b").json() == {"number": 7, "q": "a b"}
        assert client.get("/items/seven").status_code == 404
        assert client.get("/orders").status_code == 405


@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload(server, chunked):
    body = bytes(range(256)) * 20_000
    response = httpx.post(server.url + "/upload", content=iter([body[:7], body[7:]]) if chunked else body)
    assert response.json() == {"size": len(body), "sha256": hashlib.sha256(body).hexdigest()}


def test_a_piece_of_a_stream_is_not_held_back(server):
    with Client(server.port) as client, Client(server.port) as other:
        client.begin("GET", "/stream")
        assert "content-type: text/plain" in client.head().lower()
        assert client.read(10) == b"5\r\nfirst\r\n"
        other.get("/release")
        assert client.read(16) == b"6\r\nsecond\r\n0\r\n\r\n"


def test_a_client_gone_cancels_its_stream(server):
    client = Client(server.port)
    client.begin("GET", "/stream")
    client.head()
    assert client.read(10) == b"5\r\nfirst\r\n"
    client.reset()
    server.wait_for("the stream was cancelled")
