"""FastAPI over real sockets, on both event loops."""

import hashlib
import random
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from support import Client
from support.server import PATIENCE_SECONDS

# What a test looks for in the log carries a name of its own: the tests of this module share a server per loop.
APP = """
    import asyncio, hashlib, threading
    from typing import Annotated

    from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, UploadFile
    from fastapi.responses import StreamingResponse
    from pydantic import BaseModel

    app = FastAPI()
    gates = {}
    barrier = threading.Barrier(3)

    def tell(*words):
        print(*words, flush=True)

    def gate(name):
        return gates.setdefault(name, asyncio.Event())

    @app.get("/loop")
    async def loop():
        return type(asyncio.get_running_loop()).__module__

    @app.post("/open/{name}")
    async def open_gate(name: str):
        gate(name).set()

    class Item(BaseModel):
        name: str
        price: float

    @app.put("/items/{number}")
    async def put_item(number: int, item: Item, dry: bool = False):
        return {"number": number, "name": item.name, "price": item.price, "dry": dry}

    @app.post("/upload")
    async def upload(file: UploadFile, note: str):
        digest = hashlib.sha256()
        size = 0
        while chunk := await file.read(65536):
            digest.update(chunk)
            size += len(chunk)
        return {"name": file.filename, "note": note, "size": size, "digest": digest.hexdigest()}

    @app.get("/stream")
    async def stream():
        async def pieces():
            yield b"first"
            await gate("stream").wait()
            yield b"second"
        return StreamingResponse(pieces(), media_type="text/plain")

    @app.get("/threaded-stream")
    def threaded_stream():
        return StreamingResponse((f"{number}," for number in range(100)), media_type="text/plain")

    @app.get("/background")
    async def background(tasks: BackgroundTasks):
        async def wait():
            await gate("background").wait()
            tell("background: coroutine")
        def last():
            tell("background: function in", threading.current_thread() is not threading.main_thread())
        tasks.add_task(wait)
        tasks.add_task(last)
        return "answered"

    async def resource(name: str):
        resource = {"name": name, "open": True}
        try:
            yield resource
        except HTTPException as error:
            tell("dependency", name, "sees", error.status_code)
            raise
        finally:
            resource["open"] = False
            tell("dependency", name, "cleaned up")

    def threaded(resource: Annotated[dict, Depends(resource)]):
        yield resource
        tell("outer", resource["name"], "cleaned up, inner open:", resource["open"])

    @app.get("/dependency")
    async def dependency(resource: Annotated[dict, Depends(threaded)]):
        return resource

    @app.get("/dependency/fails")
    async def dependency_fails(resource: Annotated[dict, Depends(resource)]):
        raise HTTPException(409, "no")

    @app.get("/dependency/stream")
    async def dependency_stream(resource: Annotated[dict, Depends(resource)], endless: bool = False):
        async def pieces():
            while True:
                yield str(resource["open"]) + ";"
                if not endless:
                    break
                await asyncio.sleep(0.001)
        return StreamingResponse(pieces())

    @app.get("/thread")
    def thread():
        # Three requests at once, or none of them gets past here.
        barrier.wait(timeout=20)
        return threading.current_thread() is not threading.main_thread()
"""


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def server(request, serve_module):
    server = serve_module(APP, "--loop", request.param)
    assert httpx.get(server.url + "/loop").json().startswith(request.param)
    yield server
    assert server.stop() == 0
    assert "Traceback" not in server.log


@pytest.fixture
def http(server):
    with httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as client:
        yield client


def test_valid_input(http):
    response = http.put("/items/7?dry=yes", json={"name": "Tee & Käse", "price": 2.5})
    assert response.status_code == 200
    assert response.json() == {"number": 7, "name": "Tee & Käse", "price": 2.5, "dry": True}


@pytest.mark.parametrize(
    ("target", "body", "places"),
    [
        ("/items/x", {"name": "tea", "price": 1}, [["path", "number"]]),
        ("/items/7", {"name": "tea", "price": "much"}, [["body", "price"]]),
        ("/items/7?dry=perhaps", {"price": 1}, [["query", "dry"], ["body", "name"]]),
    ],
)
def test_validation(http, target, body, places):
    response = http.put(target, json=body)
    assert response.status_code == 422
    assert [error["loc"] for error in response.json()["detail"]] == places


def test_cut_json_is_a_validation_error(http):
    response = http.put("/items/7", content=b'{"name": ', headers={"content-type": "application/json"})
    assert response.status_code == 422
    assert response.json()["detail"][0]["type"] == "json_invalid"


def test_openapi(http):
    assert "/items/{number}" in http.get("/openapi.json").json()["paths"]


@pytest.mark.parametrize("length_known", [True, False])
def test_upload(http, length_known):
    content = random.Random(5).randbytes(5 * 1024 * 1024)
    request = http.build_request("POST", "/upload?note=n", files={"file": ("tür.bin", content)})
    if not length_known:
        body = request.read()
        pieces = (body[at : at + 100_000] for at in range(0, len(body), 100_000))
        content_type = request.headers["content-type"]
        request = http.build_request(
            "POST", "/upload?note=n", content=pieces, headers={"content-type": content_type}
        )
        assert request.headers["transfer-encoding"] == "chunked"
    assert http.send(request).json() == {
        "name": "tür.bin",
        "note": "n",
        "size": len(content),
        "digest": hashlib.sha256(content).hexdigest(),
    }


def test_pieces_of_a_stream_arrive_as_they_come(server, http):
    with httpx.stream("GET", server.url + "/stream", timeout=PATIENCE_SECONDS) as response:
        pieces = response.iter_raw()
        assert next(pieces) == b"first"
        assert http.post("/open/stream").status_code == 200
        assert b"".join(pieces) == b"second"
        assert response.headers["transfer-encoding"] == "chunked"


def test_stream_of_a_generator_in_threads(http):
    assert http.get("/threaded-stream").text == "".join(f"{number}," for number in range(100))


def test_background_tasks_run_after_the_response(server, http):
    assert http.get("/background").json() == "answered"
    assert "background: coroutine" not in server.log
    with Client(server.port) as other:
        assert other.request("POST", "/open/background").status == 200
    server.wait_for("background: coroutine")
    server.wait_for("background: function in True")
    assert http.get("/threaded-stream").status_code == 200, "the connection stays usable"


def test_dependencies_are_cleaned_up_in_order(server, http):
    assert http.get("/dependency?name=plain").json() == {"name": "plain", "open": True}
    server.wait_for("outer plain cleaned up, inner open: True")
    server.wait_for("dependency plain cleaned up")


def test_dependency_sees_the_error_and_is_cleaned_up(server, http):
    response = http.get("/dependency/fails?name=failing")
    assert (response.status_code, response.json()) == (409, {"detail": "no"})
    server.wait_for("dependency failing sees 409")
    server.wait_for("dependency failing cleaned up")


def test_dependency_is_open_while_a_stream_uses_it(server, http):
    assert http.get("/dependency/stream?name=streaming").text == "True;"
    server.wait_for("dependency streaming cleaned up")


def test_dependency_is_cleaned_up_when_the_client_leaves(server):
    with Client(server.port) as client:
        client.begin("GET", "/dependency/stream?name=left&endless=1")
        assert " 200 " in client.head()
        assert b"True;" in client.read(100)
        assert "dependency left" not in server.log
        client.reset()
    server.wait_for("dependency left cleaned up")


def test_plain_functions_run_in_threads_at_once(server):
    with ThreadPoolExecutor(3) as threads:
        answers = threads.map(
            lambda _: httpx.get(server.url + "/thread", timeout=PATIENCE_SECONDS).json(), range(3)
        )
        assert list(answers) == [True] * 3
