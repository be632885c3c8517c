"""Flask over WSGI: sessions, streams, files, JSON, errors, and what runs before and after a view."""

import json
import random
from pathlib import Path

import httpx
import pytest

from support import Client
from support.peers import only_yett
from support.server import PATIENCE_SECONDS

pytest.importorskip("flask")

APP = (Path(__file__).parent / "apps" / "flask_site.py").read_text()
CONTENT = random.Random(5).randbytes(1_000_000)


@pytest.fixture(scope="module")
def server(serve_wsgi):
    server = serve_wsgi(APP, files={"content.bin": CONTENT})
    yield server
    assert server.stop() == 0


@pytest.fixture
def http(server):
    with httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as client:
        yield client


def test_session(http):
    assert [http.get("/visits").json()["visits"] for _ in range(3)] == [1, 2, 3]
    response = http.get("/visits")
    assert len(response.headers.get_list("set-cookie")) == 2
    assert http.cookies["other"] == '"a\\073 b"'
    forgotten = http.get("/forget")
    assert (forgotten.status_code, forgotten.headers["location"]) == (302, "/visits")
    assert http.get("/visits").json()["visits"] == 1


def test_a_forged_session_is_none(http):
    http.get("/visits")
    signed = http.cookies["session"]
    http.cookies.set("session", signed[:-5] + "AAAAA", domain="127.0.0.1")
    assert http.get("/visits", headers={"cookie": f"session={signed[:-5]}AAAAA"}).json()["visits"] == 1


def test_what_a_request_tells(server, http):
    told = http.get(
        "/about/a%2Fb/w%C3%B6rld?q=%C3%BC&p=a%26b", headers=[("accept", "a"), ("accept", "b")]
    ).json()
    assert told["rest"] == "a/b/wörld"
    assert told["url"] == server.url + "/about/a/b/wörld?q=ü&p=a%26b"
    assert told["root"] == ""
    assert told["address"] == "127.0.0.1"
    assert told["accept"].replace(" ", "") == "a,b"
    assert told["itself"] == server.url + "/about/a/b/w%C3%B6rld"
    assert told["length"] is None


def test_a_mounted_application(server, http):
    told = http.get("/open/about/x").json()
    assert (told["root"], told["rest"], told["url"]) == ("/open", "x", server.url + "/open/about/x")


@only_yett
def test_below_a_root_path(serve_wsgi):
    server = serve_wsgi(APP, "--root-path", "/app")
    for start in ("", "/app"):
        told = httpx.get(f"{server.url}{start}/open/about/x").json()
        assert (told["root"], told["itself"]) == ("/app/open", server.url + "/app/open/about/x")
    assert server.stop() == 0


def test_json(http):
    numbers = list(range(600_000))
    content = json.dumps({"numbers": numbers}).encode()
    assert len(content) > 4_000_000
    for body in (content, iter([content[:5], content[5:]])):
        response = http.post("/sum", content=body, headers={"content-type": "application/json"})
        assert response.status_code == 201
        assert response.json() == {"sum": sum(numbers), "numbers": numbers}
    bad = http.post("/sum", content=b"{", headers={"content-type": "application/json"})
    assert bad.status_code == 400


def test_form(http):
    data = {"name": "Käse", "price": "2 €"}
    assert http.post("/about/form", data=data).json()["form"] == data


def test_a_body_too_large_for_the_view(server):
    with Client(server.port) as client:
        assert client.request("POST", "/limited", body=bytes(1000)).body == b"1000"
        assert client.request("POST", "/limited", body=bytes(1_000_000)).status == 413


@only_yett  # others close, which they may
def test_a_body_that_nobody_reads(server):
    """It is in nobody's way."""
    with Client(server.port) as client:
        for _ in range(2):
            assert client.request("POST", "/unread", body=bytes(1_000_000)).body == b"not read"


def test_without_buffering(serve_wsgi):
    server = serve_wsgi(APP, "--no-request-buffering")
    content = json.dumps({"numbers": list(range(100_000))}).encode()
    with httpx.Client(base_url=server.url, headers={"content-type": "application/json"}) as http:
        for body in (content, iter([content[:5], content[5:]])):
            assert http.post("/sum", content=body).json()["sum"] == sum(range(100_000))
        assert http.post("/limited", content=bytes(100_000)).status_code == 413
    assert httpx.get(server.url + "/release").status_code == 200
    assert server.stop() == 0


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("/steps?name=seen", "before, view, after, torn down"),
        ("/steps?name=refused&refused", "before, after, torn down"),
        ("/abort/404?name=aborted", "before, after, torn down"),
        # Flask leaves the request after the view and once more after the stream.
        ("/stream?name=streamed", "before, after, torn down, piece, stream closed, torn down"),
    ],
)
def test_the_order_of_steps(server, http, path, steps):
    assert http.get(path).headers["x-steps"] == " ".join(
        step for step in steps.split(", ") if step in ("before", "view", "after")
    )
    name = httpx.URL(path).params["name"]
    server.wait_for(f"^{name}: {steps}$")
    server.wait_for(f"^closed {name}$")


def test_a_stream(server):
    with Client(server.port) as client, Client(server.port) as other:
        client.begin("GET", "/stream?name=waiting&wait=once")
        head = client.head().lower()
        assert "transfer-encoding: chunked" in head
        assert client.read(10) == b"5\r\nfirst\r\n", "it is not held back"
        other.get("/release")
        assert client.read(17) == b"7\r\nwaiting\r\n0\r\n\r\n", "the generator has its request"
        server.wait_for("^waiting: before, after, torn down, piece, stream closed, torn down$")


def test_a_stream_over_http_1_0(server):
    with Client(server.port) as client:
        client.send(b"GET /stream?name=old HTTP/1.0\r\n\r\n")
        response = client.response()
        assert response.header("transfer-encoding") is None
        assert response.body == b"firstold"


def test_a_stream_whose_client_leaves_is_closed(server):
    client = Client(server.port)
    client.begin("GET", "/stream?name=left&wait=forever")
    client.head()
    assert client.read(10) == b"5\r\nfirst\r\n"
    client.reset()
    assert httpx.get(server.url + "/release").status_code == 200
    server.wait_for("^left: before, after, torn down, piece, stream closed, torn down by GeneratorExit$")


def test_a_stream_that_fails_is_cut(server):
    with Client(server.port) as client:
        client.begin("GET", "/broken-stream?name=cut")
        client.head()
        assert client.read(10) == b"5\r\nfirst\r\n"
        with pytest.raises((EOFError, ConnectionResetError)):
            client.read(5)
    server.wait_for("LookupError: broken in the middle of cut")
    server.wait_for("^cut: before, after, torn down")


def test_views_run_at_the_same_time(server):
    """Each waits until all are there."""
    clients = [Client(server.port) for _ in range(3)]
    for client in clients:
        client.begin("GET", "/meet")
    names = {client.response().body for client in clients}
    assert len(names) == 3
    for client in clients:
        client.close()


@pytest.mark.parametrize("kind", ["path", pytest.param("opened", marks=only_yett), "memory"])
def test_a_file(http, kind):
    """Of one that the view has opened, only the server finds out the length; for HEAD, Flask does not show it to it."""
    response = http.get(f"/file/{kind}")
    assert (response.status_code, response.content) == (200, CONTENT)
    assert response.headers["content-length"] == str(len(CONTENT))
    assert "transfer-encoding" not in response.headers
    head = http.head(f"/file/{kind}")
    length = None if kind == "opened" else str(len(CONTENT))
    assert (head.headers.get("content-length"), head.content) == (length, b"")


def test_the_rest_of_a_file(http):
    assert http.get("/rest-of-file").content == CONTENT[999:]


@pytest.mark.parametrize("kind", ["path", "memory"])
@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=1000-", 1000, 999_999),
        ("bytes=-10", 999_990, 999_999),
        ("bytes=65535-200000", 65535, 200_000),
    ],
)
def test_a_range_of_a_file(http, kind, asked, first, last):
    response = http.get(f"/file/{kind}", headers={"range": asked})
    assert response.status_code == 206
    assert response.headers["content-range"] == f"bytes {first}-{last}/{len(CONTENT)}"
    assert response.headers["content-length"] == str(last + 1 - first)
    assert response.content == CONTENT[first : last + 1]


def test_a_range_that_cannot_be_satisfied(http):
    assert http.get("/file/path", headers={"range": "bytes=1000000-"}).status_code == 416
    assert http.get("/release").status_code == 200


def test_a_cached_file(http):
    response = http.get("/file/path")
    assert response.headers["content-disposition"] == (
        "attachment; filename=groe.bin; filename*=UTF-8''gr%C3%B6%C3%9Fe.bin"
    )
    assert response.headers["cache-control"] == "public, max-age=60"
    cached = http.get("/file/path", headers={"if-none-match": response.headers["etag"]})
    assert (cached.status_code, cached.content) == (304, b"")


def test_errors(server, http):
    assert http.get("/abort/403").status_code == 403
    teapot = http.get("/abort/418")
    assert (teapot.status_code, teapot.json()["is"]) == (418, "a teapot")
    assert http.post("/steps").status_code == 405
    assert http.get("/none").status_code == 404


def test_an_exception_that_flask_answers(server, http):
    """It is Flask's page, and Flask's words in the log: it writes them to `wsgi.errors`."""
    response = http.get("/fail/first")
    assert response.status_code == 500
    assert "The server encountered an internal error" in response.text
    server.wait_for(r"Exception on /fail/first \[GET\]")
    server.wait_for(r"Traceback \(most recent call last\)")
    server.wait_for("LookupError: no such thing: first")
    assert http.get("/release").status_code == 200


def test_an_exception_that_reaches_the_server(server, http):
    response = http.get("/open/fail/second")
    assert response.status_code == 500
    assert "no such thing" not in response.text
    server.wait_for('app.py", line [0-9]+, in fail')
    server.wait_for("LookupError: no such thing: second")
    assert http.get("/release").status_code == 200
