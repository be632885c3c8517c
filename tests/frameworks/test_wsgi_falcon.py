"""Falcon over WSGI: media, bounded bodies, streams, files, static routes, errors."""

import hashlib
import random

import httpx
import pytest

from support import Client
from support.peers import only_yett
from support.server import PATIENCE_SECONDS

pytest.importorskip("falcon")

CONTENT = random.Random(8).randbytes(700_000)

APP = """
    import hashlib, os, pathlib, threading

    import falcon

    released = threading.Event()

    def say(*words):
        # In one piece: lines of several threads must not mix.
        print(" ".join(map(str, words)) + "\\n", end="", flush=True)

    class Around:
        def process_response(self, request, response, resource, succeeded):
            response.set_header("X-Around", f"{type(resource).__name__} {succeeded}")

    class About:
        def on_get(self, request, response, rest):
            response.media = {
                "uri": request.uri, "rest": rest, "app": request.app, "query": request.get_param_as_list("q"),
                "address": request.remote_addr, "port": request.port, "header": request.get_header("X-Test"),
                "cookies": request.cookies, "host": request.host, "addresses": request.access_route,
            }
            response.set_cookie("one", "1", secure=False)
            response.set_cookie("two", "2", secure=False)

    class Sum:
        def on_post(self, request, response):
            response.media = {"sum": sum(request.media["numbers"])}
            response.status = falcon.HTTP_201

    class Digest:
        def on_post(self, request, response, kind):
            digest = hashlib.sha256()
            source = request.bounded_stream if kind == "bounded" else request.stream
            while piece := source.read(65536):
                digest.update(piece)
            response.text = digest.hexdigest()

    class Form:
        def on_post(self, request, response):
            response.media = {
                part.name: [part.filename, hashlib.sha256(part.stream.read()).hexdigest()]
                for part in request.get_media()
            }

    class Stream:
        def on_get(self, request, response, kind):
            def pieces():
                try:
                    yield b"first"
                    released.wait()
                    while kind == "endless":
                        yield bytes(65536)
                    yield b""
                    if kind == "broken":
                        raise LookupError("broken in the middle")
                    yield b"second"
                finally:
                    say(f"the {kind} stream was closed")
            response.stream = pieces()

        def on_delete(self, request, response, kind):
            released.set()
            response.status = falcon.HTTP_204

    class File:
        def on_get(self, request, response, kind):
            file = open("content.bin", "rb")
            if kind == "part":
                file.seek(1000)
                response.set_stream(file, 5000)
            elif kind == "known":
                response.set_stream(file, os.path.getsize("content.bin"))
            else:
                response.stream = file

    class Fail:
        def on_get(self, request, response, name):
            raise LookupError(f"no such thing: {name}")

        def on_post(self, request, response, name):
            raise falcon.HTTPUnprocessableEntity(title="Not so", description=name)

    def gone(request, response, error, parameters):
        raise falcon.HTTPGone(description="gone for good")

    class Gone:
        def on_get(self, request, response):
            raise KeyError("gone")

    app = falcon.App(middleware=[Around()])
    app.add_error_handler(KeyError, gone)
    app.add_route("/about/{rest}", About())
    app.add_route("/sum", Sum())
    app.add_route("/digest/{kind}", Digest())
    app.add_route("/form", Form())
    app.add_route("/stream/{kind}", Stream())
    app.add_route("/file/{kind}", File())
    app.add_route("/fail/{name}", Fail())
    app.add_route("/gone", Gone())
    app.add_static_route("/static", pathlib.Path().absolute())
"""


@pytest.fixture(scope="module")
def server(serve_wsgi):
    server = serve_wsgi(APP, files={"content.bin": CONTENT})
    yield server
    assert server.stop() == 0


@pytest.fixture
def http(server):
    with httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as client:
        yield client


def test_what_a_request_tells(server, http):
    response = http.get("/about/%C3%BC?q=%C3%A4&q=b", headers={"x-test": "a header", "cookie": "a=1; b=2"})
    assert response.json() == {
        "uri": server.url + "/about/ü?q=%C3%A4&q=b",
        "rest": "ü",
        "app": "",
        "query": ["ä", "b"],
        "address": "127.0.0.1",
        "port": server.port,
        "header": "a header",
        "cookies": {"a": "1", "b": "2"},
        "host": "127.0.0.1",
        "addresses": ["127.0.0.1"],
    }
    assert response.headers["x-around"] == "About True"
    assert len(response.headers.get_list("set-cookie")) == 2
    assert http.get("/none").status_code == 404
    assert http.put("/sum").headers["allow"] == "POST, OPTIONS"


def in_pieces(body):
    for start in range(0, len(body), 100_000):
        yield body[start : start + 100_000]


@pytest.mark.parametrize("chunked", [False, pytest.param(True, marks=only_yett)])
def test_json(http, chunked):
    """Without a length Falcon's media would be empty."""
    body = b'{"numbers": [' + b"1," * 200_000 + b"2]}"
    kind = {"content-type": "application/json"}
    response = http.post("/sum", content=in_pieces(body) if chunked else body, headers=kind)
    assert (response.status_code, response.json()) == (201, {"sum": 200_002})
    assert http.post("/sum", content=b"{", headers=kind).status_code == 400


@pytest.mark.parametrize("chunked", [False, pytest.param(True, marks=only_yett)])
def test_a_bounded_body(http, chunked):
    response = http.post("/digest/bounded", content=in_pieces(CONTENT) if chunked else CONTENT)
    assert response.text == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("buffering", [True, False])
def test_a_body_to_its_end(serve_wsgi, server, chunked, buffering):
    """The raw stream ends by itself."""
    if not buffering:
        server = serve_wsgi(APP, "--no-request-buffering")
    with httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as http:
        for _ in range(2):
            response = http.post("/digest/raw", content=in_pieces(CONTENT) if chunked else CONTENT)
            assert response.text == hashlib.sha256(CONTENT).hexdigest()


def test_a_form(http):
    response = http.post("/form", data={"title": "ä"}, files={"f": ("a name.bin", CONTENT)})
    assert response.json() == {
        "title": [None, hashlib.sha256("ä".encode()).hexdigest()],
        "f": ["a name.bin", hashlib.sha256(CONTENT).hexdigest()],
    }


def test_a_stream(server):
    with Client(server.port) as client, Client(server.port) as other:
        client.begin("GET", "/stream/whole")
        assert "transfer-encoding: chunked" in client.head().lower()
        assert client.read(10) == b"5\r\nfirst\r\n", "it is not held back"
        assert other.request("DELETE", "/stream/whole").status == 204
        assert client.read(16) == b"6\r\nsecond\r\n0\r\n\r\n", "and an empty piece does not end it"
        server.wait_for("the whole stream was closed")


def test_a_stream_whose_client_leaves_is_closed(server):
    client = Client(server.port)
    client.begin("GET", "/stream/endless")
    client.head()
    assert client.read(10) == b"5\r\nfirst\r\n"
    client.reset()
    assert httpx.delete(server.url + "/stream/endless").status_code == 204
    server.wait_for("the endless stream was closed")


def test_a_stream_that_fails_is_cut(server):
    with Client(server.port) as client, Client(server.port) as other:
        client.begin("GET", "/stream/broken")
        client.head()
        assert client.read(10) == b"5\r\nfirst\r\n"
        other.request("DELETE", "/stream/broken")
        with pytest.raises((EOFError, ConnectionResetError)):
            client.read(5)
    server.wait_for("the broken stream was closed")
    server.wait_for("LookupError: broken in the middle")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("known", CONTENT), ("part", CONTENT[1000:6000]), pytest.param("plain", CONTENT, marks=only_yett)],
)
def test_a_file(server, kind, expected):
    """Falcon hands it to the file wrapper; of a plain one only the server finds out the length."""
    with Client(server.port) as client:
        response = client.get(f"/file/{kind}")
        assert response.header("content-length") == str(len(expected))
        assert response.body == expected
        assert client.request("DELETE", "/stream/none").status == 204


def test_static_files(http):
    response = http.get("/static/content.bin")
    assert (response.status_code, response.content) == (200, CONTENT)
    assert response.headers["content-length"] == str(len(CONTENT))
    cached = http.get("/static/content.bin", headers={"if-none-match": response.headers["etag"]})
    assert (cached.status_code, cached.content) == (304, b"")


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=1000-", 1000, 699_999),
        ("bytes=-10", 699_990, 699_999),
        ("bytes=5-9", 5, 9),
    ],
)
def test_a_range_of_a_static_file(http, asked, first, last):
    response = http.get("/static/content.bin", headers={"range": asked})
    assert response.status_code == 206
    assert response.headers["content-range"] == f"bytes {first}-{last}/{len(CONTENT)}"
    assert response.headers["content-length"] == str(last + 1 - first)
    assert response.content == CONTENT[first : last + 1]


def test_errors(http):
    response = http.post("/fail/because")
    assert (response.status_code, response.json()) == (422, {"title": "Not so", "description": "because"})
    assert response.headers["x-around"] == "Fail False"
    assert http.get("/gone").json() == {"title": "410 Gone", "description": "gone for good"}


def test_an_exception(server, http):
    """Falcon answers it; its traceback goes to `wsgi.errors`."""
    response = http.get("/fail/first")
    assert (response.status_code, response.json()) == (500, {"title": "500 Internal Server Error"})
    server.wait_for('app.py", line [0-9]+, in on_get')
    server.wait_for("LookupError: no such thing: first")
    assert http.delete("/stream/none").status_code == 204
