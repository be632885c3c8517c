"""The examples in the repository, served as their first lines say."""

import hashlib
from pathlib import Path

import httpx
import pytest

from support.server import start_target

ROOT = Path(__file__).parents[2]


@pytest.fixture
def serve_example():
    """`serve_example(name, *options)`: a server of that example."""
    servers = []

    def start(name, *options):
        servers.append(start_target(f"examples/{name}", *options, folder=ROOT))
        return servers[-1]

    yield start
    for server in servers:
        assert server.stop() == 0
        assert "Traceback" not in server.log


@pytest.fixture(params=["asyncio", "uvloop"])
def example(request, serve_example):
    """`example(name)`: a server of that example, in either event loop."""
    return lambda name: serve_example(name, "--loop", request.param)


def test_plain(example):
    response = httpx.get(example("plain.py").url + "/tea")
    assert (response.status_code, response.text) == (200, "Hello from /tea\n")


def test_fastapi(example):
    response = httpx.post(example("fastapi_app.py").url + "/orders", json={"item": "cake", "count": 2})
    assert (response.status_code, response.json()) == (201, {"total": 10})


def test_starlette(example):
    with httpx.stream("GET", example("starlette_app.py").url + "/countdown") as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert next(response.iter_lines()) == "data: 10"


def test_plain_wsgi(serve_example):
    response = httpx.get(serve_example("plain_wsgi.py").url + "/tea")
    assert (response.status_code, response.text) == (200, "Hello from /tea\n")


def test_flask(serve_example):
    pytest.importorskip("flask")
    with httpx.Client(base_url=serve_example("flask_app.py", "--threads", "8").url) as client:
        response = client.post("/orders", json={"item": "cake", "count": 2})
        assert (response.status_code, response.json()) == (201, {"total": 10})
        assert [client.get("/visits").json()["visits"] for _ in range(2)] == [1, 2]
        with client.stream("GET", "/count?to=3") as streamed:
            assert streamed.headers["transfer-encoding"] == "chunked"
            assert list(streamed.iter_lines()) == ["1", "2", "3"]


def test_django_wsgi(serve_example):
    pytest.importorskip("django")
    url = serve_example("django_wsgi.py").url
    assert httpx.get(url + "/?name=tea").text == "Hello, tea!\n"
    body = b"0123456789" * 100_000
    assert httpx.post(url + "/upload", content=body).json() == {
        "size": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    source = (ROOT / "examples/django_wsgi.py").read_bytes()
    response = httpx.get(url + "/source")
    assert response.content == source
    assert response.headers["content-length"] == str(len(source))


def test_bottle(serve_example):
    pytest.importorskip("bottle")
    url = serve_example("bottle_app.py").url
    assert httpx.get(url + "/hello/<b>").text == "<p>Hello, &lt;b&gt;!</p>"
    added = httpx.post(url + "/notes", data={"text": "tea"}, follow_redirects=True)
    assert added.json() == {"notes": ["tea"]}


@pytest.mark.parametrize(
    ("options", "text"), [([], "Hello, tea."), (["--paste-name", "loud"], "HELLO, tea!")]
)
def test_pyramid(serve_example, options, text):
    pytest.importorskip("pyramid")
    pytest.importorskip("paste.deploy")
    server = serve_example("pyramid.ini", *options)
    assert httpx.get(server.url + "/hello/tea").json() == {"text": text}
    server.wait_for("^INFO pyramid_app: greeting tea$")
