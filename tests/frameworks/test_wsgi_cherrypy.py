"""CherryPy over WSGI: the tree with several applications, sessions, uploads, streams, files, errors."""

import hashlib
import random

import httpx
import pytest

from support import Client
from support.peers import only_yett
from support.server import PATIENCE_SECONDS

pytest.importorskip("cherrypy")

CONTENT = random.Random(9).randbytes(700_000)

APP = """
    import hashlib, io, os, threading

    import cherrypy
    from cherrypy.lib import static

    released = threading.Event()
    FILE = os.path.abspath("content.bin")

    def say(*words):
        # In one piece: lines of several threads must not mix.
        print(" ".join(map(str, words)) + "\\n", end="", flush=True)

    def ended():
        if name := cherrypy.request.params.get("tell"):
            say("request ended:", name)

    def told(**more):
        request = cherrypy.request
        return {
            "url": cherrypy.url(qs=request.query_string), "script": request.script_name, "path": request.path_info,
            "address": request.remote.ip, "header": request.headers.get("X-Test"), **more,
        }

    class Root:
        @cherrypy.expose
        def index(self, tell=None):
            return "the root"

        @cherrypy.expose
        @cherrypy.tools.json_out()
        def about(self, *path, **query):
            return told(rest=list(path), query=query)

        @cherrypy.expose
        def visits(self):
            cherrypy.session["visits"] = cherrypy.session.get("visits", 0) + 1
            return str(cherrypy.session["visits"])

        @cherrypy.expose
        @cherrypy.tools.json_in()
        @cherrypy.tools.json_out()
        def sum(self):
            return {"sum": sum(cherrypy.request.json["numbers"])}

        @cherrypy.expose
        @cherrypy.tools.json_out()
        def form(self, title, f):
            digest = hashlib.sha256()
            while piece := f.file.read(65536):
                digest.update(piece)
            return {"title": title, "name": f.filename, "sha256": digest.hexdigest()}

        @cherrypy.expose
        def stream(self, kind):
            def pieces():
                try:
                    yield "first"
                    released.wait()
                    while kind == "endless":
                        yield bytes(65536)
                    if kind == "broken":
                        raise LookupError("broken in the middle")
                    yield "zwölf"
                finally:
                    say(f"the {kind} stream was closed")
            return pieces()
        stream._cp_config = {"response.stream": True}

        @cherrypy.expose
        def collected(self):
            yield "one"
            yield "two"

        @cherrypy.expose
        def release(self):
            released.set()
            return ""

        @cherrypy.expose
        def file(self, kind):
            if kind == "memory":
                cherrypy.response.headers["Content-Type"] = "image/png"
                cherrypy.response.headers["Content-Length"] = os.path.getsize(FILE)
                return io.BytesIO(open(FILE, "rb").read())
            return static.serve_file(FILE, "application/x-test", "attachment", "a name.bin")

        @cherrypy.expose
        def moved(self):
            raise cherrypy.HTTPRedirect("/about/again")

        @cherrypy.expose
        def stop(self, status):
            raise cherrypy.HTTPError(int(status), "stopped")

        @cherrypy.expose
        def fail(self, name, tell=None):
            raise LookupError(f"no such thing: {name}")

        @cherrypy.expose
        def leave(self):
            raise SystemExit("the handler wants to leave")

    class Inner:
        @cherrypy.expose
        @cherrypy.tools.json_out()
        def about(self, *path):
            return told(rest=list(path))

    class Resource:
        exposed = True

        def GET(self):
            return "got"

        def PUT(self):
            return cherrypy.request.body.read()

    cherrypy.config.update({"environment": "embedded", "log.wsgi": True})
    configuration = {
        "/": {"tools.sessions.on": True, "hooks.on_end_request": ended},
        "/static": {"tools.staticdir.on": True, "tools.staticdir.dir": os.path.abspath(".")},
    }
    cherrypy.tree.mount(Root(), "", configuration)
    cherrypy.tree.mount(Inner(), "/inner")
    cherrypy.tree.mount(Resource(), "/resource", {"/": {"request.dispatch": cherrypy.dispatch.MethodDispatcher()}})
    app = cherrypy.tree
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


def test_applications_of_the_tree(server, http):
    assert http.get("/").text == "the root"
    told = http.get("/about/a/%C3%BC?q=%C3%A4", headers={"x-test": "a header"}).json()
    assert told == {
        "url": server.url + "/about/a/ü?q=%C3%A4",
        "script": "",
        "path": "/about/a/ü",
        "address": "127.0.0.1",
        "header": "a header",
        "rest": ["a", "ü"],
        "query": {"q": "ä"},
    }
    told = http.get("/inner/about/x").json()
    assert (told["script"], told["path"], told["url"]) == (
        "/inner",
        "/about/x",
        server.url + "/inner/about/x",
    )
    assert http.get("/none").status_code == 404


def test_methods(http):
    assert http.get("/resource").text == "got"
    assert http.put("/resource", content=b"put").text == "put"
    assert http.delete("/resource").status_code == 405
    head = http.head("/resource")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "3", b"")


def test_sessions(server, http):
    assert [http.get("/visits").text for _ in range(3)] == ["1", "2", "3"]
    assert httpx.get(server.url + "/visits").text == "1", "another client"


@pytest.mark.parametrize("chunked", [False, pytest.param(True, marks=only_yett)])
def test_json(http, chunked):
    """Without a length CherryPy's tool refuses it."""
    body = b'{"numbers": [' + b"1," * 200_000 + b"2]}"
    kind = {"content-type": "application/json"}
    response = http.post("/sum", content=iter([body[:9], body[9:]]) if chunked else body, headers=kind)
    assert response.json() == {"sum": 200_002}
    assert http.post("/sum", content=b"{", headers=kind).status_code == 400


@pytest.mark.parametrize("options", [[], ["--no-request-buffering"]])
def test_a_body(serve_wsgi, options):
    """CherryPy takes one only with a length or a Transfer-Encoding."""
    server = serve_wsgi(APP, *options)
    with httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as http:
        assert http.put("/resource", content=CONTENT).content == CONTENT
        assert http.put("/resource", content=iter([CONTENT[:9], CONTENT[9:]])).content == CONTENT
        assert http.put("/resource", content=b"put").content == b"put"
    assert server.stop() == 0


def test_a_form_with_a_file(http):
    response = http.post("/form", data={"title": "ä"}, files={"f": ("a name.bin", CONTENT)})
    assert response.json() == {
        "title": "ä",
        "name": "a name.bin",
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
    }


def test_a_stream(server):
    with Client(server.port) as client, Client(server.port) as other:
        client.begin("GET", "/stream/whole")
        assert "transfer-encoding: chunked" in client.head().lower()
        assert client.read(10) == b"5\r\nfirst\r\n", "it is not held back"
        other.get("/release")
        assert client.read(16) == b"6\r\nzw\xc3\xb6lf\r\n0\r\n\r\n"
        server.wait_for("the whole stream was closed")


def test_a_stream_that_is_collected(http):
    response = http.get("/collected")
    assert (response.headers["content-length"], response.text) == ("6", "onetwo")


def test_a_stream_whose_client_leaves_is_closed(server):
    client = Client(server.port)
    client.begin("GET", "/stream/endless")
    client.head()
    assert client.read(10) == b"5\r\nfirst\r\n"
    client.reset()
    assert httpx.get(server.url + "/release").status_code == 200
    server.wait_for("the endless stream was closed")


@pytest.mark.parametrize("kind", ["path", "memory"])
def test_a_file(http, kind):
    response = http.get(f"/file/{kind}")
    assert (response.status_code, response.content) == (200, CONTENT)
    assert response.headers["content-length"] == str(len(CONTENT))
    head = http.head(f"/file/{kind}")
    assert (head.headers["content-length"], head.content) == (str(len(CONTENT)), b"")


@pytest.mark.parametrize("path", ["/file/path", "/static/content.bin"])
@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-0", 0, 0), ("bytes=1000-", 1000, 699_999), ("bytes=-10", 699_990, 699_999)],
)
def test_a_range_of_a_file(http, path, asked, first, last):
    response = http.get(path, headers={"range": asked})
    assert response.status_code == 206
    assert response.headers["content-range"] == f"bytes {first}-{last}/{len(CONTENT)}"
    assert response.headers["content-length"] == str(last + 1 - first)
    assert response.content == CONTENT[first : last + 1]


def test_several_ranges_of_a_file(http):
    response = http.get("/file/path", headers={"range": "bytes=0-9,500-599"})
    assert response.status_code == 206
    assert response.headers["content-type"].startswith("multipart/byteranges; boundary=")
    assert CONTENT[0:10] in response.content
    assert CONTENT[500:600] in response.content
    assert response.content.rstrip().endswith(b"--"), "it is whole"


def test_a_cached_file(http):
    response = http.get("/static/content.bin")
    same = {"if-modified-since": response.headers["last-modified"]}
    cached = http.get("/static/content.bin", headers=same)
    assert (cached.status_code, cached.content) == (304, b"")


def test_errors(server, http):
    moved = http.get("/moved")
    assert (moved.status_code, moved.headers["location"]) == (303, server.url + "/about/again")
    response = http.get("/stop/403")
    assert (response.status_code, "stopped" in response.text) == (403, True)
    assert http.get("/release").status_code == 200


def test_what_runs_at_the_end_of_a_request(server, http):
    """CherryPy runs it in `close()`."""
    assert http.get("/?tell=whole").status_code == 200
    server.wait_for("^request ended: whole$")
    assert http.get("/fail/x?tell=failed").status_code == 500
    server.wait_for("^request ended: failed$")


def test_an_exception_that_cherrypy_answers(server, http):
    """Its traceback goes to `wsgi.errors`."""
    response = http.get("/fail/first")
    assert response.status_code == 500
    assert "The server encountered an unexpected condition" in response.text
    server.wait_for('app.py", line [0-9]+, in fail')
    server.wait_for("LookupError: no such thing: first")
    assert http.get("/release").status_code == 200


@only_yett
def test_an_exit_that_reaches_the_server(server, http):
    """CherryPy lets SystemExit through: the request fails, the server lives."""
    response = http.get("/leave")
    assert (response.status_code, response.text) == (500, "The application failed.\n")
    server.wait_for("SystemExit: the handler wants to leave")
    assert http.get("/release").status_code == 200
