"""web.py over WSGI: routes, input, sessions, streams, hooks, errors."""

import hashlib
import random

import httpx
import pytest

from support import Client
from support.peers import only_yett
from support.server import PATIENCE_SECONDS

pytest.importorskip("web")

CONTENT = random.Random(10).randbytes(700_000)

APP = """
    import hashlib, json, threading

    import web

    web.config.debug = False
    released = threading.Event()

    def say(*words):
        # In one piece: lines of several threads must not mix.
        print(" ".join(map(str, words)) + "\\n", end="", flush=True)

    class Hello:
        def GET(self, name):
            web.header("Content-Type", "text/html; charset=utf-8")
            return f"Hello, {name}!"

    class About:
        def GET(self, rest):
            ctx = web.ctx
            web.setcookie("one", "1")
            web.setcookie("two", "ü")
            return json.dumps({
                "home": ctx.home, "path": ctx.path, "query": ctx.query, "address": ctx.ip, "host": ctx.host,
                "method": ctx.method, "rest": rest, "q": web.input(q=[]).q, "cookies": dict(web.cookies()),
                "header": ctx.env.get("HTTP_X_TEST"),
            })

    class Count:
        def GET(self):
            session.visits += 1
            return str(session.visits)

    class Body:
        def POST(self):
            return hashlib.sha256(web.data()).hexdigest()

    class Form:
        def POST(self):
            given = web.input(f={})
            digest = hashlib.sha256(given.f.file.read()).hexdigest()
            return json.dumps({"title": given.title, "name": given.f.filename, "sha256": digest})

    class Stream:
        def GET(self, kind):
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

    class Release:
        def GET(self):
            released.set()
            return ""

    class Meet:
        def GET(self, name):
            '''web.ctx is each thread's own.'''
            web.ctx.mine = name
            meeting.wait(30)
            return web.ctx.mine

    class Moved:
        def GET(self):
            raise web.seeother("/hello/again")

    class Fail:
        def GET(self, name):
            raise LookupError(f"no such thing: {name}")

    class Inner:
        def GET(self):
            return web.ctx.home + " " + web.ctx.homepath + " " + web.ctx.path

    def after():
        if name := web.input(_method="GET").get("tell"):
            say("request ended:", name)

    meeting = threading.Barrier(3)
    urls = (
        "/hello/(.*)", "Hello", "/about/(.*)", "About", "/count", "Count", "/body", "Body", "/form", "Form",
        "/stream/(.*)", "Stream", "/release", "Release", "/meet/(.*)", "Meet", "/moved", "Moved", "/fail/(.*)", "Fail",
        "/inner", web.application(("/here", Inner)),
    )
    application = web.application(urls, globals())
    session = web.session.Session(application, web.session.DiskStore("sessions"), initializer={"visits": 0})
    application.add_processor(web.unloadhook(after))
    app = application.wsgifunc()
"""


@pytest.fixture(scope="module")
def server(serve_wsgi):
    server = serve_wsgi(APP)
    yield server
    assert server.stop() == 0


@pytest.fixture
def http(server):
    with httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as client:
        yield client


def test_what_a_request_tells(server, http):
    assert http.get("/hello/w%C3%B6rld").text == "Hello, wörld!"
    headers = {"x-test": "a header", "cookie": "a=1; b=2"}
    response = http.get("/about/%C3%BC?q=%C3%A4&q=b", headers=headers)
    assert response.json() == {
        "home": server.url,
        "path": "/about/ü",
        "query": "?q=%C3%A4&q=b",
        "address": "127.0.0.1",
        "host": f"127.0.0.1:{server.port}",
        "method": "GET",
        "rest": "ü",
        "q": ["ä", "b"],
        "cookies": {"a": "1", "b": "2"},
        "header": "a header",
    }
    # The third is the session's.
    assert len(response.headers.get_list("set-cookie")) == 3
    assert http.get("/inner/here").text == f"{server.url}/inner /inner /here"


@only_yett
def test_below_a_root_path(serve_wsgi):
    server = serve_wsgi(APP, "--root-path", "/app")
    for start in ("", "/app"):
        assert httpx.get(f"{server.url}{start}/inner/here").text == f"{server.url}/app/inner /app/inner /here"
    assert server.stop() == 0


def test_a_session(server, http):
    assert [http.get("/count").text for _ in range(3)] == ["1", "2", "3"]
    assert httpx.get(server.url + "/count").text == "1", "another client"


@pytest.mark.parametrize("options", [[], ["--no-request-buffering"]])
def test_a_body(serve_wsgi, options):
    server = serve_wsgi(APP, *options)
    with httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as http:
        for content in (CONTENT, iter([CONTENT[:9], CONTENT[9:]]), CONTENT[:5]):
            expected = hashlib.sha256(CONTENT[:5] if content == CONTENT[:5] else CONTENT).hexdigest()
            assert http.post("/body", content=content).text == expected
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


def test_a_stream_whose_client_leaves_is_closed(server):
    client = Client(server.port)
    client.begin("GET", "/stream/endless")
    client.head()
    assert client.read(10) == b"5\r\nfirst\r\n"
    client.reset()
    assert httpx.get(server.url + "/release").status_code == 200
    server.wait_for("the endless stream was closed")


def test_a_stream_that_fails_is_cut(server):
    with Client(server.port) as client, Client(server.port) as other:
        client.begin("GET", "/stream/broken")
        client.head()
        assert client.read(10) == b"5\r\nfirst\r\n"
        other.get("/release")
        with pytest.raises((EOFError, ConnectionResetError)):
            client.read(5)
    server.wait_for("LookupError: broken in the middle")


def test_threads_have_their_own_context(server):
    clients = {str(number): Client(server.port) for number in range(3)}
    for name, client in clients.items():
        client.begin("GET", f"/meet/{name}")
    for name, client in clients.items():
        assert client.response().body == name.encode()
        client.close()


def test_errors(server, http):
    assert http.get("/none").status_code == 404
    assert http.post("/hello/x").status_code == 405
    moved = http.get("/moved")
    assert (moved.status_code, moved.headers["location"]) == (303, server.url + "/hello/again")


def test_what_runs_after_a_request(server, http):
    assert http.get("/hello/x?tell=whole").status_code == 200
    server.wait_for("^request ended: whole$")


def test_an_exception(server, http):
    """web.py answers it; its traceback goes to stderr."""
    response = http.get("/fail/first")
    assert (response.status_code, response.text) == (500, "internal server error")
    server.wait_for('app.py", line [0-9]+, in GET')
    server.wait_for("LookupError: no such thing: first")
    assert http.get("/release").status_code == 200
