"""Starlette over real sockets, on both event loops."""

import hashlib
import random

import httpx
import pytest

from support import Client
from support.server import PATIENCE_SECONDS

CONTENT = random.Random(7).randbytes(1_000_000)

# What a test looks for in the log carries a name of its own: the tests of this module share a server per loop.
APP = """
    import asyncio, contextlib, hashlib

    from pathlib import Path

    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.base import BaseHTTPMiddleware
    from starlette.requests import ClientDisconnect
    from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, StreamingResponse
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles

    def tell(*words):
        print(*words, flush=True)

    @contextlib.asynccontextmanager
    async def lifespan(app):
        yield {"loop": type(asyncio.get_running_loop()).__module__, "visits": []}
        tell("lifespan: closed")

    class Told:
        '''Tells what kinds of messages answer each request.'''

        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            types = []
            async def telling(message):
                types.append(message["type"].removeprefix("http.response."))
                await send(message)
            try:
                await self.app(scope, receive, telling)
            finally:
                if scope["type"] == "http":
                    tell("answer to", scope["query_string"].decode() + ":", *dict.fromkeys(types))

    async def state(request):
        request.state.visits.append(request.query_params["name"])
        request.state.private = True
        return JSONResponse({"loop": request.state.loop, "visits": request.state.visits})

    async def is_private(request):
        return JSONResponse(hasattr(request.state, "private"))

    async def file(request):
        return FileResponse(Path("content.bin").absolute(), filename="größe.bin")

    async def relative_file(request):
        return FileResponse("content.bin")

    async def events(request):
        name = request.query_params["name"]
        async def events():
            count = 0
            try:
                while True:
                    yield f"event: tick\\ndata: {count}\\n\\n"
                    count += 1
                    await asyncio.sleep(0.001)
            finally:
                tell("events", name, "closed")
        return StreamingResponse(events(), media_type="text/event-stream")

    async def digest(request):
        digest = hashlib.sha256()
        name = request.query_params["name"]
        try:
            async for chunk in request.stream():
                tell("body", name, "begun")
                digest.update(chunk)
        except ClientDisconnect:
            tell("body", name, "cut")
            raise
        return PlainTextResponse(digest.hexdigest())

    async def form(request):
        return JSONResponse(dict(await request.form()))

    class Around(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            if request.url.path.endswith("/refused"):
                return PlainTextResponse("refused", 403)
            read = len(await request.body()) if "read" in request.query_params else None
            response = await call_next(request)
            response.headers["x-around"] = str(read)
            return response

    routes = [
        Route("/file", file), Route("/events", events),
        Route("/digest", digest, methods=["POST"]), Route("/form", form, methods=["POST"]),
    ]
    app = Starlette(
        routes=[
            Route("/state", state), Route("/state/private", is_private), Route("/file/relative", relative_file),
            *routes,
            Mount("/around", routes=routes, middleware=[Middleware(Around)]),
            Mount("/static", StaticFiles(directory=".")),
        ],
        middleware=[Middleware(Told)],
        lifespan=lifespan,
    )
"""

MOUNTED = """
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles

    async def item(request):
        return JSONResponse({
            "root_path": request.scope["root_path"],
            "path": request.scope["path"],
            "url": str(request.url),
            "itself": str(request.url_for("item", number=request.path_params["number"])),
        })

    inner = Starlette(routes=[Route("/items/{number:int}", item, name="item")])
    app = Starlette(routes=[Mount("/inner", inner), Mount("/static", StaticFiles(directory="."), name="static")])
"""


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def server(request, serve_module):
    server = serve_module(APP, "--loop", request.param)
    (server.folder / "content.bin").write_bytes(CONTENT)
    yield server
    assert server.stop() == 0
    assert "Traceback" not in server.log


@pytest.fixture(params=["asyncio", "uvloop"])
def own_server(request, serve):
    """`own_server(source, *options)`: a server that the test stops, to look at its whole log."""
    return lambda source, *options: serve(source, "--loop", request.param, *options)


@pytest.fixture
def http(server):
    with httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as client:
        yield client


@pytest.mark.parametrize("prefix", ["", "/around"])
def test_file_goes_through_pathsend(server, http, prefix):
    response = http.get(f"{prefix}/file?whole{prefix}")
    assert response.status_code == 200
    assert response.content == CONTENT
    assert response.headers["content-length"] == str(len(CONTENT))
    assert response.headers["content-disposition"] == "attachment; filename*=utf-8''gr%C3%B6%C3%9Fe.bin"
    server.wait_for(f"^answer to whole{prefix}: start pathsend$")


def test_file_of_a_relative_path(own_server):
    server = own_server(APP)
    (server.folder / "content.bin").write_bytes(CONTENT)
    response = httpx.get(server.url + "/file/relative")
    assert (response.status_code, response.content) == (200, CONTENT)


@pytest.mark.parametrize(
    ("range", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=1000-", 1000, 999_999),
        ("bytes=-10", 999_990, 999_999),
        ("bytes=65535-200000", 65535, 200_000),
    ],
)
def test_range(http, range, first, last):
    response = http.get("/file", headers={"range": range})
    assert response.status_code == 206
    assert response.content == CONTENT[first : last + 1]
    assert response.headers["content-range"] == f"bytes {first}-{last}/{len(CONTENT)}"
    assert response.headers["content-length"] == str(last + 1 - first)


def test_several_ranges(http):
    response = http.get("/file", headers={"range": "bytes=0-9,500-599"})
    assert response.status_code == 206
    assert response.headers["content-type"].startswith("multipart/byteranges; boundary=")
    assert CONTENT[0:10] in response.content
    assert CONTENT[500:600] in response.content
    assert len(response.content) == int(response.headers["content-length"])


def test_range_that_cannot_be_satisfied(http):
    response = http.get("/file", headers={"range": "bytes=1000000-"})
    assert (response.status_code, response.headers["content-range"]) == (416, "bytes */1000000")


def test_head_of_a_file(server):
    with Client(server.port) as client:
        client.begin("HEAD", "/file")
        response = client.response(method="HEAD")
        assert response.status == 200
        assert response.header("content-length") == str(len(CONTENT))
        # Had a body followed, this would not be a response.
        assert client.get("/state/private").json() is False


def test_static_files(server, http):
    response = http.get("/static/content.bin?static")
    assert response.content == CONTENT
    server.wait_for("^answer to static: start pathsend$")
    cached = http.get("/static/content.bin", headers={"if-none-match": response.headers["etag"]})
    assert (cached.status_code, cached.content) == (304, b"")
    assert http.get("/static/none").status_code == 404


@pytest.mark.parametrize("prefix", ["", "/around"])
@pytest.mark.parametrize("leave", [Client.close, Client.reset])
def test_events_end_when_the_client_leaves(server, http, prefix, leave):
    name = prefix + leave.__name__
    leave_within_events(server, f"{prefix}/events", name, leave)
    server.wait_for(f"^answer to name={name}: start body$")
    assert http.get("/state/private").status_code == 200
    server.wait_for(f"events {name} closed")


def test_events_are_closed_although_nobody_else_comes(own_server):
    server = own_server(APP)
    leave_within_events(server, "/events", "last", Client.close)
    server.wait_for("events last closed")


def leave_within_events(server, path, name, leave):
    with Client(server.port) as client:
        client.begin("GET", f"{path}?name={name}")
        assert "content-type: text/event-stream; charset=utf-8" in client.head()
        received = b""
        while b"data: 3\n\n" not in received:
            received += client.read(1)
        assert f"events {name} closed" not in server.log
        leave(client)


@pytest.mark.parametrize("path", ["/digest", "/around/digest", "/around/digest?read=1"])
def test_body_is_read_piece_by_piece(http, path):
    path += "&" if "?" in path else "?"
    response = http.post(f"{path}name=whole", content=CONTENT)
    assert response.text == hashlib.sha256(CONTENT).hexdigest()
    around = str(len(CONTENT)) if "read" in path else "None"
    assert response.headers.get("x-around") == (around if "around" in path else None)


def test_form(http):
    assert http.post("/form", data={"name": "Käse", "price": "2 €"}).json() == {
        "name": "Käse",
        "price": "2 €",
    }


def test_middleware_answers_itself(http):
    response = http.post("/around/refused", content=CONTENT)
    assert (response.status_code, response.text) == (403, "refused")
    assert http.get("/state/private").json() is False, "what was not read is in nobody's way"


def test_state_of_the_lifespan(own_server):
    server = own_server(APP)
    with httpx.Client(base_url=server.url) as http:
        assert http.get("/state?name=a").json()["visits"] == ["a"]
        assert http.get("/state?name=b").json()["visits"] == ["a", "b"], "the objects are shared"
        assert http.get("/state/private").json() is False, "the mapping is each request's own"
    assert server.stop() == 0
    assert "lifespan: closed" in server.log


def test_loop_is_the_one_asked_for(request, server, http):
    loop = http.get("/state?name=loop").json()["loop"]
    assert loop.partition(".")[0] == request.node.callspec.params["server"]


@pytest.mark.parametrize("leave", [Client.close, Client.reset])
@pytest.mark.parametrize("prefix", ["", "/around"])
def test_client_that_leaves_within_its_body_is_no_failure(own_server, prefix, leave):
    server = own_server(APP)
    with Client(server.port) as client:
        client.begin("POST", f"{prefix}/digest?name=leaving&secret", "Content-Length: 1000")
        client.send(b"half")
        server.wait_for("body leaving begun")
        leave(client)
    server.wait_for("body leaving cut")
    server.wait_for("^answer to name=leaving")
    assert httpx.get(server.url + "/state/private").json() is False
    assert server.stop() == 0
    assert "Traceback" not in server.log
    assert "ClientDisconnect" not in server.log


def test_mounted_under_a_root_path(own_server):
    server = own_server(MOUNTED, "--root-path", "/api")
    (server.folder / "content.bin").write_bytes(CONTENT)
    with httpx.Client(base_url=server.url) as http:
        assert http.get("/inner/items/5").json() == {
            "root_path": "/api/inner",
            "path": "/api/inner/items/5",
            "url": server.url + "/api/inner/items/5",
            "itself": server.url + "/api/inner/items/5",
        }
        assert http.get("/api/inner/items/5").json()["path"] == "/api/inner/items/5", "a proxy may keep it"
        assert http.get("/inner/items/x").status_code == 404
        assert http.get("/static/content.bin").content == CONTENT
