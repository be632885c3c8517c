"""Pyramid over WSGI, from a Paste ini file: pipeline, settings, logging, sessions, files, streams, errors."""

import hashlib
import random
import shutil
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from support import Client
from support.peers import STAND_IN, only_yett, start_wsgi
from support.server import PATIENCE_SECONDS

pytest.importorskip("pyramid")
pytest.importorskip("paste.deploy")

SHOP = Path(__file__).parent / "apps" / "shop"
CONTENT = random.Random(12).randbytes(700_000)


@pytest.fixture(scope="module")
def serve_ini(tmp_path_factory):
    """`serve_ini(target, *options)`: a server of the ini file, started in its folder."""
    with ExitStack() as stack:

        def start(target, *options, **more):
            folder = shutil.copytree(SHOP, tmp_path_factory.mktemp("served") / "shop")
            (folder / "content.bin").write_bytes(CONTENT)
            if STAND_IN is not None:
                target = "loaded:app"
            return stack.enter_context(start_wsgi(target, *options, folder=folder, **more))

        yield start


@pytest.fixture(scope="module")
def server(serve_ini):
    server = serve_ini("production.ini")
    yield server
    assert server.stop() == 0


@pytest.fixture
def http(server):
    with httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as client:
        yield client


def test_what_a_request_tells(server, http):
    headers = {"x-test": "a header", "cookie": "a=1; b=2"}
    told = http.get("/about/%C3%BC?q=%C3%A4&q=b", headers=headers).json()
    assert told == {
        "rest": "ü",
        "url": server.url + "/about/%C3%BC?q=%C3%A4&q=b",
        "itself": server.url + "/about/%C3%BC?q=%C3%A4&q=b",
        "query": ["ä", "b"],
        "address": "127.0.0.1",
        "script": "",
        "header": "a header",
        "cookies": {"a": "1", "b": "2"},
        "greeting": "Grüß Gott, friendly",
        "filtered": "marked",
    }


def test_the_logging_of_the_ini_file(server, http):
    server.wait_for(f"^made in {server.folder} for Grüß Gott, friendly$")
    http.get("/about/logging")
    server.wait_for("^BY-THE-INI INFO shop asked about logging$")


@only_yett
@pytest.mark.parametrize(
    ("target", "options"), [("production.ini", ["--paste-name", "other"]), ("production.ini#other", [])]
)
def test_another_application_of_the_ini_file(serve_ini, target, options):
    server = serve_ini(target, *options)
    told = httpx.get(server.url + "/about/x").json()
    assert (told["greeting"], told["filtered"]) == ("Moin", None)
    assert server.stop() == 0


@only_yett
def test_below_a_root_path(serve_ini):
    server = serve_ini("production.ini", "--root-path", "/shop")
    for start in ("", "/shop"):
        told = httpx.get(f"{server.url}{start}/about/x").json()
        assert (told["script"], told["itself"]) == ("/shop", server.url + "/shop/about/x")
    assert server.stop() == 0


def test_sessions(server, http):
    assert [http.get("/visits").json() for _ in range(3)] == [1, 2, 3]
    assert httpx.get(server.url + "/visits").json() == 1, "another client"


def test_csrf(server, http):
    assert http.post("/protected").status_code == 400
    token = http.get("/token").json()
    own = {"referer": server.url + "/"}
    assert http.post("/protected", data={"csrf_token": token}, headers=own).json() == "done"
    elsewhere = {"origin": "http://elsewhere.test"}
    assert http.post("/protected", data={"csrf_token": "wrong"}, headers=elsewhere).status_code == 400


def in_pieces(body):
    for start in range(0, len(body), 100_000):
        yield body[start : start + 100_000]


def test_a_form_with_a_file(http):
    response = http.post("/form", data={"title": "ä"}, files={"f": ("größe.bin", CONTENT)})
    assert response.json() == {
        "title": "ä",
        "name": "größe.bin",
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
    }


@pytest.mark.parametrize("options", [[], ["--no-request-buffering"]])
def test_bodies(serve_ini, options):
    server = serve_ini("production.ini", *options)
    body = b'{"numbers": [' + b"1," * 200_000 + b"2]}"
    with httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as http:
        for chunked in (False, True):
            response = http.post("/sum", content=in_pieces(body) if chunked else body)
            assert (response.status_code, response.json()) == (201, {"sum": 200_002})
            response = http.post("/digest", content=in_pieces(CONTENT) if chunked else CONTENT)
            assert response.json() == hashlib.sha256(CONTENT).hexdigest()
    assert server.stop() == 0


def test_a_file(server):
    with Client(server.port) as client:
        response = client.get("/file")
        assert (response.status, response.body) == (200, CONTENT)
        assert response.header("content-length") == str(len(CONTENT))
        assert response.header("content-type") == "application/x-test"
        client.begin("HEAD", "/file")
        assert client.response(method="HEAD").header("content-length") == str(len(CONTENT))
        assert client.get("/opened").body == CONTENT[500:]


def test_static_files(http):
    response = http.get("/static/content.bin")
    assert (response.status_code, response.content) == (200, CONTENT)
    assert response.headers["content-length"] == str(len(CONTENT))
    same = {"if-modified-since": response.headers["last-modified"]}
    cached = http.get("/static/content.bin", headers=same)
    assert (cached.status_code, cached.content) == (304, b"")
    part = http.get("/static/content.bin", headers={"range": "bytes=1000-1999"})
    assert part.status_code == 206
    assert part.content == CONTENT[1000:2000]
    assert part.headers["content-length"] == "1000"


def test_a_stream(server):
    with Client(server.port) as client, Client(server.port) as other:
        client.begin("GET", "/stream/whole")
        assert "transfer-encoding: chunked" in client.head().lower()
        assert client.read(10) == b"5\r\nfirst\r\n", "it is not held back"
        other.get("/release")
        assert client.read(16) == b"6\r\nsecond\r\n0\r\n\r\n"
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


def test_errors(server, http):
    missing = http.get("/none")
    assert (missing.status_code, missing.json()) == (404, {"missing": "/none"})
    moved = http.get("/moved")
    assert (moved.status_code, moved.headers["location"]) == (302, server.url + "/about/again")
    forbidden = http.get("/forbidden", headers={"accept": "application/json"})
    assert (forbidden.status_code, "not for you" in forbidden.json()["message"]) == (403, True)
    divided = http.get("/divide")
    assert (divided.status_code, "division" in divided.json()["failed"]) == (503, True)


def test_an_exception_that_reaches_the_server(server, http):
    response = http.get("/fail/first")
    assert response.status_code == 500
    assert "no such thing" not in response.text
    server.wait_for('shop.py", line [0-9]+, in fail')
    server.wait_for("LookupError: no such thing: first")
    server.wait_for("^finished: first$")
    assert http.get("/release").status_code == 200
