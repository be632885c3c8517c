"""Bottle over WSGI: routes, cookies, forms, static files with ranges, streams, errors."""

import hashlib
import random

import httpx
import pytest

from support import Client
from support.peers import only_yett
from support.server import PATIENCE_SECONDS

pytest.importorskip("bottle")

CONTENT = random.Random(6).randbytes(700_000)

APP = """
    import hashlib, threading

    import bottle
    from bottle import abort, hook, redirect, request, response, route, static_file

    app = bottle.default_app()
    released = threading.Event()

    def say(*words):
        # In one piece: lines of several threads must not mix.
        print(" ".join(map(str, words)) + "\\n", end="", flush=True)

    @hook("before_request")
    def before():
        request.environ["app.name"] = request.query.name

    @hook("after_request")
    def after():
        response.set_header("X-Name", request.environ["app.name"])

    @route("/hello/<name>")
    def hello(name):
        return f"Hello, {name}!"

    @route("/about/<rest:path>")
    def about(rest):
        return {
            "url": request.url, "rest": rest, "query": request.query.decode().dict, "script": request.script_name,
            "address": request.remote_addr, "header": request.get_header("x-test"),
        }

    @route("/count")
    def count():
        visits = request.get_cookie("visits", 0, secret="for tests only") + 1
        response.set_cookie("visits", visits, secret="for tests only")
        response.set_cookie("plain", "yes")
        return str(visits)

    @route("/form", method="POST")
    def form():
        file = request.files["f"]
        digest = hashlib.sha256()
        while piece := file.file.read(65536):
            digest.update(piece)
        return {"title": request.forms.decode().title, "name": file.raw_filename, "sha256": digest.hexdigest()}

    @route("/json", method="POST")
    def sum_up():
        return {"sum": sum(request.json["numbers"])}

    @route("/file")
    def file():
        return static_file("content.bin", root=".", mimetype="application/x-test")

    @route("/download")
    def download():
        return static_file("content.bin", root=".", download="a name.bin")

    @route("/opened")
    def opened():
        file = open("content.bin", "rb")
        file.seek(500)
        return file

    @route("/stream")
    def stream():
        try:
            yield "first"
            released.wait()
            yield ""
            yield "zwölf"
        finally:
            say("the stream was closed")

    @route("/endless")
    def endless():
        try:
            yield b"first"
            released.wait()
            while True:
                yield bytes(65536)
        finally:
            say("the endless stream was closed")

    @route("/release")
    def release():
        released.set()
        return ""

    @route("/moved")
    def moved():
        redirect("/hello/again")

    @route("/abort/<status:int>")
    def abort_with(status):
        abort(status, f"stopped with {status}")

    @app.error(418)
    def teapot(error):
        return f"a teapot, {error.body}"

    @route("/nothing")
    def nothing():
        response.status = 204

    @route("/fail/<name>")
    def fail(name):
        raise LookupError(f"no such thing: {name}")

    inner = bottle.Bottle()
    inner.route("/about/<rest:path>", callback=about)
    # As an application of whatever kind: Bottle would merge its own into one.
    app.mount("/inner/", lambda environ, start_response: inner(environ, start_response))
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


def test_routes(server, http):
    response = http.get("/hello/w%C3%B6rld?name=n")
    assert response.text == "Hello, wörld!"
    assert response.headers["content-length"] == "14"
    assert response.headers["x-name"] == "n"
    assert http.get("/none").status_code == 404
    assert http.post("/hello/x").status_code == 405
    head = http.head("/hello/x")
    assert (head.headers["content-length"], head.content) == ("9", b"")
    moved = http.get("/moved")
    assert (moved.status_code, moved.headers["location"]) == (303, server.url + "/hello/again")


def test_what_a_request_tells(server, http):
    told = http.get("/about/a/%C3%BC?q=%C3%A4", headers={"x-test": "a header"}).json()
    assert told == {
        "url": f"{server.url}/about/a/%C3%BC?q=%C3%A4",
        "rest": "a/ü",
        "query": {"q": ["ä"]},
        "script": "/",
        "address": "127.0.0.1",
        "header": "a header",
    }


def test_a_mounted_application(server, http):
    told = http.get("/inner/about/x").json()
    assert (told["script"], told["rest"], told["url"]) == ("/inner/", "x", server.url + "/inner/about/x")


@only_yett
def test_below_a_root_path(serve_wsgi):
    server = serve_wsgi(APP, "--root-path", "/app")
    for start in ("", "/app"):
        told = httpx.get(f"{server.url}{start}/about/x").json()
        assert (told["script"], told["url"]) == ("/app/", server.url + "/app/about/x")
    assert server.stop() == 0


def test_cookies(http):
    assert [http.get("/count").text for _ in range(3)] == ["1", "2", "3"]
    assert len(http.get("/count").headers.get_list("set-cookie")) == 2


def test_a_form_with_a_file(http):
    response = http.post("/form", data={"title": "ä"}, files={"f": ("größe.bin", CONTENT)})
    assert response.json() == {
        "title": "ä",
        "name": "größe.bin",
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
    }


@pytest.mark.parametrize("chunked", [False, pytest.param(True, marks=only_yett)])
def test_json(http, chunked):
    """Bottle decodes chunks itself where it sees Transfer-Encoding: it must not see what was decoded already."""
    body = b'{"numbers": [1, 2, 39]}'
    kind = {"content-type": "application/json"}
    response = http.post("/json", content=iter([body[:5], body[5:]]) if chunked else body, headers=kind)
    assert response.json() == {"sum": 42}
    assert http.post("/json", content=b"{", headers=kind).status_code == 400


def test_a_file(http):
    response = http.get("/file")
    assert (response.status_code, response.content) == (200, CONTENT)
    assert response.headers["content-length"] == str(len(CONTENT))
    assert response.headers["content-type"] == "application/x-test"
    head = http.head("/file")
    assert (head.headers["content-length"], head.content) == (str(len(CONTENT)), b"")
    cached = http.get("/file", headers={"if-none-match": response.headers["etag"]})
    assert (cached.status_code, cached.content) == (304, b"")
    assert http.get("/download").headers["content-disposition"] == 'attachment; filename="a name.bin"'


@only_yett  # others send two
def test_there_is_one_date(http):
    """Bottle gives files a Date of its own."""
    for path in ("/file", "/hello/x"):
        assert len(http.get(path).headers.get_list("date")) == 1


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-0", 0, 0), ("bytes=1000-", 1000, 699_999), ("bytes=-10", 699_990, 699_999)],
)
def test_a_range_of_a_file(http, asked, first, last):
    response = http.get("/file", headers={"range": asked})
    assert response.status_code == 206
    assert response.headers["content-range"] == f"bytes {first}-{last}/{len(CONTENT)}"
    assert response.headers["content-length"] == str(last + 1 - first)
    assert response.content == CONTENT[first : last + 1]


def test_a_range_that_cannot_be_satisfied(http):
    assert http.get("/file", headers={"range": "bytes=700000-"}).status_code == 416


def test_an_opened_file(http):
    response = http.get("/opened")
    assert response.content == CONTENT[500:]


def test_a_stream(server):
    with Client(server.port) as client, Client(server.port) as other:
        client.begin("GET", "/stream")
        assert "transfer-encoding: chunked" in client.head().lower()
        assert client.read(10) == b"5\r\nfirst\r\n", "it is not held back"
        other.get("/release")
        assert client.read(16) == b"6\r\nzw\xc3\xb6lf\r\n0\r\n\r\n", "and an empty piece does not end it"
        server.wait_for("the stream was closed")


def test_a_stream_whose_client_leaves_is_closed(server):
    client = Client(server.port)
    client.begin("GET", "/endless")
    client.head()
    assert client.read(10) == b"5\r\nfirst\r\n"
    client.reset()
    assert httpx.get(server.url + "/release").status_code == 200
    server.wait_for("the endless stream was closed")


def test_errors(server, http):
    response = http.get("/abort/403")
    assert (response.status_code, "stopped with 403" in response.text) == (403, True)
    assert http.get("/abort/418").text == "a teapot, stopped with 418"
    nothing = http.get("/nothing")
    assert (nothing.status_code, nothing.content) == (204, b"")
    assert http.get("/release").status_code == 200


def test_an_exception_that_bottle_answers(server, http):
    """Its traceback goes to `wsgi.errors`."""
    response = http.get("/fail/first")
    assert (response.status_code, "Internal Server Error" in response.text) == (500, True)
    server.wait_for(r"Traceback \(most recent call last\)")
    server.wait_for("LookupError: no such thing: first")
    assert http.get("/release").status_code == 200


def test_an_exception_that_reaches_the_server(serve_wsgi):
    server = serve_wsgi(APP + "    app.catchall = False\n")
    assert httpx.get(server.url + "/fail/second").status_code == 500
    server.wait_for('app.py", line [0-9]+, in fail')
    server.wait_for("LookupError: no such thing: second")
    assert httpx.get(server.url + "/release").status_code == 200
    assert server.stop() == 0
