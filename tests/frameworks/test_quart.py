"""Quart over ASGI: routes, streams, JSON, its lifespan."""

import hashlib
import json

import httpx
import pytest

from support import Client

pytest.importorskip("quart")

APP = """
    import asyncio
    import hashlib

    from quart import Quart, request

    app = Quart(__name__)

    @app.before_serving
    async def begin():
        app.released = asyncio.Event()
        print("before serving", flush=True)

    @app.after_serving
    async def end():
        print("after serving", flush=True)

    @app.get("/hello/<name>")
    async def hello(name):
        return f"Hello, {name}! {request.args.get('q')} {request.headers['x-test']}"

    @app.get("/sync")
    def sync():
        return "from a thread"

    @app.post("/json")
    async def sum_up():
        numbers = (await request.get_json())["numbers"]
        return {"sum": sum(numbers), "length": request.content_length}, 201, {"x-count": str(len(numbers))}

    @app.get("/stream")
    async def stream():
        async def pieces():
            try:
                yield b"first"
                await app.released.wait()
                yield b"second"
            except asyncio.CancelledError:
                print("the stream was cancelled", flush=True)
                raise
        return pieces(), {"content-type": "text/plain"}

    @app.get("/release")
    async def release():
        app.released.set()
        return ""

    @app.post("/upload")
    async def upload():
        size, digest = 0, hashlib.sha256()
        async for piece in request.body:
            size += len(piece)
            digest.update(piece)
        return {"size": size, "sha256": digest.hexdigest()}
"""


@pytest.fixture(params=["asyncio", "uvloop"])
def server(request, serve):
    """At its end the application has been shut down, and the log is clean."""
    server = serve(APP, "--loop", request.param, "--lifespan", "on")
    server.wait_for("^before serving$")
    yield server
    assert server.stop() == 0
    server.wait_for("after serving")
    assert "ERROR" not in server.log
    assert "WARNING" not in server.log


def test_routes(server):
    with httpx.Client(base_url=server.url, headers={"x-test": "a header"}) as client:
        response = client.get("/hello/w%C3%B6rld?q=a%26b")
        assert response.text == "Hello, wörld! a&b a header"
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert client.get("/sync").text == "from a thread"
        assert client.get("/none").status_code == 404
        assert client.get("/json").status_code == 405
        head = client.head("/sync")
        assert (head.headers["content-length"], head.content) == ("13", b"")


def test_json(server):
    numbers = list(range(100_000))
    content = json.dumps({"numbers": numbers}).encode()
    with httpx.Client(base_url=server.url, headers={"content-type": "application/json"}) as client:
        response = client.post("/json", content=content)
        assert response.status_code == 201
        assert response.json() == {"sum": sum(numbers), "length": len(content)}
        assert response.headers["x-count"] == "100000"
        assert client.post("/json", content=iter([content])).json() == {"sum": sum(numbers), "length": None}
        assert client.post("/json", content=b"{").status_code == 400


def test_a_piece_of_a_stream_is_not_held_back(server):
    with Client(server.port) as client, Client(server.port) as other:
        client.begin("GET", "/stream")
        assert "content-type: text/plain" in client.head().lower()
        assert client.read(10) == b"5\r\nfirst\r\n"
        other.get("/release")
        assert client.read(16) == b"6\r\nsecond\r\n0\r\n\r\n"


@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload(server, chunked):
    body = bytes(range(256)) * 20_000
    response = httpx.post(server.url + "/upload", content=iter([body[:7], body[7:]]) if chunked else body)
    assert response.json() == {"size": len(body), "sha256": hashlib.sha256(body).hexdigest()}


def test_a_client_gone_cancels_its_stream(server):
    client = Client(server.port)
    client.begin("GET", "/stream")
    client.head()
    assert client.read(10) == b"5\r\nfirst\r\n"
    client.reset()
    server.wait_for("the stream was cancelled")
