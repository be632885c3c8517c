"""Django over ASGI: the example, and what Django does with clients that leave."""

import hashlib
import re
from pathlib import Path

import httpx
import pytest

from support import Client
from support.server import start_target

pytest.importorskip("django")

EXAMPLE = Path(__file__).parents[2] / "examples" / "django_app.py"
LOOPS = ["asyncio", "uvloop"]
UPLOAD = bytes(range(256)) * (5 * 4096)  # 5 MiB, twice what Django keeps in memory

# What the example does not show: views that wait, and that tell what becomes of them.
APP = """
    import asyncio

    from django.conf import settings
    from django.core.asgi import get_asgi_application
    from django.http import HttpResponse, StreamingHttpResponse
    from django.urls import path

    settings.configure(SECRET_KEY="test", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__)
    released = asyncio.Event()

    def say(*words):
        print(*words, flush=True)

    async def wait(request):
        say("waiting")
        try:
            await released.wait()
        except asyncio.CancelledError:
            say("the view was cancelled")
            raise
        return HttpResponse("released")

    async def stream(request):
        async def pieces():
            try:
                yield b"first"
                await released.wait()
                yield b"second"
                say("the stream was sent")
            except asyncio.CancelledError:
                say("the stream was cancelled")
                raise
        return StreamingHttpResponse(pieces())

    async def release(request):
        released.set()
        return HttpResponse("")

    def digest(request):
        import hashlib
        [file] = request.FILES.values()
        digest = hashlib.sha256()
        for piece in file.chunks():
            digest.update(piece)
        return HttpResponse(f"{file.name} {file.size} {request.POST['title']} {digest.hexdigest()}")

    def fail(request):
        raise ZeroDivisionError("the view's own")

    urlpatterns = [
        path("wait", wait), path("stream", stream), path("release", release), path("form", digest), path("fail", fail),
    ]
    app = get_asgi_application()
"""


@pytest.fixture(scope="module", params=LOOPS)
def example(request, tmp_path_factory):
    """`(client, loop)` of the example, served from another folder, as its first line says."""
    folder = tmp_path_factory.mktemp("elsewhere")
    with (
        start_target(str(EXAMPLE), "--loop", request.param, folder=folder) as server,
        httpx.Client(base_url=server.url) as client,
    ):
        yield client, request.param
        assert server.stop() == 0
        assert not re.search("ERROR|WARNING", server.log)


@pytest.fixture(params=LOOPS)
def server(request, serve):
    return serve(APP, "--loop", request.param)


def test_a_sync_view(example):
    client, _ = example
    for name in ("one", "zwei", "três"):
        response = client.get("/", params={"name": name})
        assert response.text == f"Hello, {name}!\n"
        assert response.headers["content-type"] == "text/plain"
        assert response.headers["content-length"] == str(len(response.content))


def test_an_async_view_runs_on_the_loop_of_the_server(example):
    client, loop = example
    found = client.get("/later?name=me").json()
    assert found["hello"] == "me"
    assert found["loop"].partition(".")[0] == loop


@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload(example, chunked):
    client, _ = example
    content = iter([UPLOAD[:1_000_000], UPLOAD[1_000_000:]]) if chunked else UPLOAD
    response = client.post("/upload", content=content)
    assert response.json() == {"size": len(UPLOAD), "sha256": hashlib.sha256(UPLOAD).hexdigest()}


def test_an_async_stream(example):
    client, _ = example
    with client.stream("GET", "/count") as response:
        assert response.headers["transfer-encoding"] == "chunked"
        pieces = list(response.iter_raw())
    assert b"".join(pieces) == b"1\n2\n3\n4\n5\n"
    assert len(pieces) > 1, "they came one by one"


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/none", 404), ("GET", "/upload", 405)])
def test_answers_of_djangos_own(example, method, path, status):
    client, _ = example
    assert client.request(method, path).status_code == status
    assert client.get("/").status_code == 200


def test_head(example):
    client, _ = example
    response = client.head("/")
    assert response.content == b""
    assert response.headers["content-length"] == "14"


def test_an_uploaded_form(server):
    response = httpx.post(server.url + "/form", data={"title": "ä"}, files={"f": ("name.bin", UPLOAD)})
    assert response.text == f"name.bin {len(UPLOAD)} ä {hashlib.sha256(UPLOAD).hexdigest()}"


def test_a_failing_view(server):
    """Django answers it, and the connection goes on."""
    with Client(server.port) as client:
        assert client.get("/fail").status == 500
        assert client.get("/release").status == 200


def test_a_piece_of_a_stream_is_not_held_back(server):
    with Client(server.port) as client, Client(server.port) as other:
        client.begin("GET", "/stream")
        client.head()
        assert client.read(10) == b"5\r\nfirst\r\n"
        other.get("/release")
        assert client.read(16) == b"6\r\nsecond\r\n0\r\n\r\n"


def leave_by_fin(client):
    client.close()


def leave_by_reset(client):
    client.reset()


@pytest.mark.parametrize("leave", [leave_by_fin, leave_by_reset])
def test_a_client_gone_cancels_its_view(server, leave):
    client = Client(server.port)
    client.begin("GET", "/wait")
    server.wait_for("waiting")
    leave(client)
    server.wait_for("the view was cancelled")
    with Client(server.port) as client:
        assert client.get("/release").status == 200
    assert server.stop() == 0
    assert "ERROR" not in server.log


@pytest.mark.parametrize("leave", [leave_by_fin, leave_by_reset])
def test_a_client_gone_cancels_its_stream(server, leave):
    client = Client(server.port)
    client.begin("GET", "/stream")
    client.head()
    assert client.read(10) == b"5\r\nfirst\r\n"
    leave(client)
    server.wait_for("the stream was cancelled")
    with Client(server.port) as client:
        assert client.get("/release").status == 200
    assert server.stop() == 0
    assert "ERROR" not in server.log


def test_a_half_closed_client_is_gone_for_django(server):
    """Django ends an async view when the client finishes sending, for it may have left; one that only did half of
    that (`nc -N`, some health checks) gets no response of the view, but a 500 of ours, and the log stays clean.
    """
    with Client(server.port) as client:
        client.begin("GET", "/wait")
        server.wait_for("waiting")
        client.finish_sending()
        server.wait_for("the view was cancelled")
        assert client.response().status == 500
        assert client.rest() == b""
    with Client(server.port) as client:
        assert client.get("/release").status == 200
    assert server.stop() == 0
    assert "ERROR" not in server.log


def test_a_half_closed_client_of_a_stream_sees_that_it_is_cut(server):
    with Client(server.port) as client:
        client.begin("GET", "/stream")
        client.head()
        assert client.read(10) == b"5\r\nfirst\r\n"
        client.finish_sending()
        server.wait_for("the stream was cancelled")
        with pytest.raises((EOFError, ConnectionResetError)):
            client.read(1)


def test_half_closed_clients_of_views_that_do_not_wait_are_answered(server):
    """A view that answers without waiting has answered before Django can end it."""
    with Client(server.port) as client:
        for _ in range(3):
            client.begin("GET", "/release")
        client.finish_sending()
        assert [client.response().status for _ in range(3)] == [200, 200, 200]
        assert client.rest() == b""


def test_the_end_does_not_wait_for_idle_threads(server):
    """What Django has used of the loop's thread pool (for its 404) is idle, not at work."""
    assert httpx.get(server.url + "/none").status_code == 404
    assert server.stop() == 0
    assert "WARNING" not in server.log
