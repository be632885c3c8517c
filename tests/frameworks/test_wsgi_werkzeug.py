"""Werkzeug's middleware over WSGI: the debugger, shared data, proxies, the lint, the profiler."""

import pstats
import random
import re

import httpx
import pytest

from support import Client
from support.server import PATIENCE_SECONDS

pytest.importorskip("werkzeug")

CONTENT = random.Random(11).randbytes(700_000)
STYLE = "p { color: red }\n" * 10

# What the wrapped applications have in common.
APP = """
    import json, os

    from werkzeug.exceptions import NotFound
    from werkzeug.wrappers import Request, Response
    from werkzeug.wsgi import get_current_url

    @Request.application
    def site(request):
        if request.path == "/fail":
            secret_of_the_view = "forty-two"
            raise LookupError("no such <thing>")
        if request.path == "/broken-stream":
            def pieces():
                yield b"first"
                raise LookupError("broken in the middle")
            return Response(pieces())
        if request.path == "/about":
            return Response(json.dumps({
                "url": request.url, "address": request.remote_addr, "root": request.root_path,
                "scheme": request.scheme, "host": request.host, "posted": request.get_data().decode(),
            }))
        if request.path == "/stream":
            return Response(iter(["one", "", "two"]))
        if request.path == "/nothing":
            return Response(status=204)
        raise NotFound()
"""
DEBUGGED = """
    from werkzeug.debug import DebuggedApplication
    app = DebuggedApplication(site, evalex=True, pin_security=False)
"""
SHARED = """
    from werkzeug.middleware.shared_data import SharedDataMiddleware
    os.makedirs("shared", exist_ok=True)
    open("shared/style.css", "w").write("p { color: red }\\n" * 10)
    app = SharedDataMiddleware(site, {
        "/shared": os.path.abspath("shared"), "/content.bin": os.path.abspath("content.bin"),
        "/werkzeug": ("werkzeug", "debug"),
    })
"""
PROXIED = """
    from werkzeug.middleware.proxy_fix import ProxyFix
    app = ProxyFix(site, x_for=1, x_proto=1, x_host=1, x_port=1, x_prefix=1)
"""
# Written by hand: Werkzeug's own wrappers take liberties that its lint frowns upon. What that
# says, a test finds in the log.
LINTED = """
    import warnings
    from werkzeug.middleware.lint import LintMiddleware

    def handmade(environ, start_response):
        posted = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        path = environ["PATH_INFO"]
        print("serving", environ["REQUEST_METHOD"], path, file=environ["wsgi.errors"])
        environ["wsgi.errors"].flush()
        if path == "/unchanged":
            start_response("304 Not Modified", [("ETag", '"1"')])
            return []
        if path == "/stream":
            start_response("200 OK", [("Content-Type", "text/plain")])
            return (piece for piece in (b"one", b"", b"two"))
        body = b"posted: " + posted
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        return [body]

    def tell(message, category, *more):
        print(f"LINT {category.__name__}: {message}", flush=True)

    warnings.simplefilter("always")
    warnings.showwarning = tell
    app = LintMiddleware(handmade)
"""
PROFILED = """
    from werkzeug.middleware.profiler import ProfilerMiddleware
    app = ProfilerMiddleware(site, stream=None, profile_dir=".", filename_format="{path}.prof")
"""


def serving(serve_wsgi, source, *options, **more):
    server = serve_wsgi(APP + source, *options, **more)
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module")
def debugged(serve_wsgi):
    # Without its PIN, which nobody but a person at the console knows.
    yield from serving(serve_wsgi, DEBUGGED, env={"WERKZEUG_DEBUG_PIN": "off"})


@pytest.fixture(scope="module")
def shared(serve_wsgi):
    yield from serving(serve_wsgi, SHARED, files={"content.bin": CONTENT})


@pytest.fixture(scope="module")
def proxied(serve_wsgi):
    yield from serving(serve_wsgi, PROXIED)


def test_the_page_of_the_debugger(debugged):
    with httpx.Client(base_url=debugged.url) as http:
        page = http.get("/fail")
        assert page.status_code == 500
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "no such &lt;thing&gt;" in page.text
        assert "EVALEX = true" in page.text
        debugged.wait_for("LookupError: no such <thing>")

        secret = re.search(r'SECRET = "(\w+)"', page.text)[1]
        frames = re.findall(r'id="frame-(\d+)"', page.text)

        def evaluate(code, frame):
            query = {"__debugger__": "yes", "cmd": code, "frm": frame, "s": secret}
            return http.get("/fail", params=query).text

        # The state of the frame lives in the process, whichever thread has the request.
        for _ in range(5):
            assert "forty-two" in evaluate("secret_of_the_view", frames[-1])
        assert "49" in evaluate("7 * 7", frames[0])
        assert http.get("/about").status_code == 200


def test_the_resources_of_the_debugger(debugged):
    with httpx.Client(base_url=debugged.url) as http:
        script = http.get("/?__debugger__=yes&cmd=resource&f=debugger.js")
        assert (script.status_code, "openShell" in script.text) == (200, True)
        assert script.headers["content-length"] == str(len(script.content))
        image = http.get("/?__debugger__=yes&cmd=resource&f=console.png")
        assert image.content.startswith(b"\x89PNG")


def test_the_console_of_the_debugger(debugged):
    with httpx.Client(base_url=debugged.url) as http:
        page = http.get("/console")
        assert (page.status_code, "Interactive Console" in page.text) == (200, True)
        secret = re.search(r'SECRET = "(\w+)"', page.text)[1]
        query = {"__debugger__": "yes", "cmd": "6 * 7", "frm": 0, "s": secret}
        assert ">42<" in http.get("/console", params=query).text
        assert http.get("/console", headers={"host": "elsewhere.test"}).status_code == 400


def test_the_debugger_and_a_stream_that_fails(debugged):
    """It is too late for a page: the debugger says so on `wsgi.errors`."""
    with Client(debugged.port) as client:
        client.begin("GET", "/broken-stream")
        client.head()
        assert client.read(10) == b"5\r\nfirst\r\n"
    debugged.wait_for("Debugging middleware caught exception in streamed response")
    debugged.wait_for("LookupError: broken in the middle")


def test_shared_data(shared):
    with httpx.Client(base_url=shared.url, timeout=PATIENCE_SECONDS) as http:
        style = http.get("/shared/style.css")
        assert (style.status_code, style.text) == (200, STYLE)
        assert style.headers["content-type"] == "text/css; charset=utf-8"
        assert style.headers["content-length"] == str(len(STYLE))
        cached = http.get("/shared/style.css", headers={"if-none-match": style.headers["etag"]})
        assert (cached.status_code, cached.content) == (304, b"")
        assert http.get("/content.bin").content == CONTENT
        assert "openShell" in http.get("/werkzeug/shared/debugger.js").text, "out of a package"
        assert http.get("/shared/none.css").status_code == 404
        assert http.get("/about").json()["url"] == shared.url + "/about"


def test_head_of_shared_data(shared):
    with Client(shared.port) as client:
        client.begin("HEAD", "/content.bin")
        response = client.response(method="HEAD")
        assert response.header("content-length") == str(len(CONTENT))
        # Had a body followed, this would not be a response.
        assert client.get("/about").status == 200


def test_proxy_fix(proxied):
    with httpx.Client(base_url=proxied.url) as http:
        own = http.get("/about").json()
        assert (own["url"], own["address"], own["root"]) == (proxied.url + "/about", "127.0.0.1", "")
        headers = {
            "x-forwarded-for": "192.0.2.1, 198.51.100.7",
            "x-forwarded-proto": "https",
            "x-forwarded-host": "example.org",
            "x-forwarded-port": "8443",
            "x-forwarded-prefix": "/shop",
        }
        told = http.get("/about", headers=headers).json()
        assert told["url"] == "https://example.org:8443/shop/about"
        assert (told["address"], told["root"], told["scheme"]) == ("198.51.100.7", "/shop", "https")


def test_proxy_fix_of_repeated_fields(proxied):
    """They are one list, in the order they came in."""
    fields = [("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", "198.51.100.7")]
    told = httpx.get(proxied.url + "/about", headers=fields).json()
    assert told["address"] == "198.51.100.7"


def test_lint(serve_wsgi):
    """Werkzeug's lint finds nothing wrong with what the server hands to the application and does with its answer."""
    # The lint takes `*args`, as an ASGI application might.
    for server in serving(serve_wsgi, LINTED, "--interface", "wsgi"):
        with Client(server.port) as client:
            for path, status, body in [
                ("/form", 200, b"posted: "),
                ("/stream", 200, b"onetwo"),
                ("/unchanged", 304, b""),
            ]:
                assert (client.get(path).status, client.get(path).body) == (status, body)
                client.begin("HEAD", path)
                assert client.response(method="HEAD").status == status
            assert client.request("POST", "/form", body=b"a letter").body == b"posted: a letter"
            client.begin("GET", "/form", "Connection: close")
            assert (client.response().body, client.rest()) == (b"posted: ", b"")
        server.wait_for("serving POST /form")
        assert server.stop() == 0
        assert "LINT" not in server.log


def test_the_profiler(serve_wsgi):
    """The profiler of the thread sees the application."""
    for server in serving(serve_wsgi, PROFILED):
        assert httpx.get(server.url + "/about").status_code == 200
        [profile] = server.folder.glob("*.prof")
        functions = {name for _, _, name in pstats.Stats(str(profile)).stats}
        assert "site" in functions
